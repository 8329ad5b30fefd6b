"""`Sessions` beside other session stores, as Markdown tables: `python -m tools.benchmark_sessions`, half a minute.

    pip install flask-session django       the other libraries; those that are missing are left out

Ratios are worth quoting, absolute times are not. Each session has a user and four fields. What is measured:

- a visit: the session is read, and its time-out begins anew.
- a change: a visit, and one field gets a new value.
- a log-in: an old session is left for one with a new id.

Who does it:

- by hand: the fewest commands that do the same with one hash. It has no absolute end and no index, and a late write
  leaves a ghost.
- Sessions: what its docstring promises.
- Flask-Session: all fields are one text in MessagePack. A change writes all of them. The cookie is read and set too.
- Django: its sessions in its Redis cache, all fields as one pickle, saved at every request, without the cookie.
"""

import importlib
import itertools
import random
import secrets
from collections.abc import Callable
from datetime import timedelta
from time import perf_counter_ns
from typing import Any

import pandas as pd
import redis

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.measure import summary
from redis_helpers.server import server_name
from redis_helpers.sessions import Sessions
from tools.benchmark_cache import installed, one_core
from tools.benchmark_cache import table as markdown
from tools.benchmark_peers import why_missing

FIELDS = {"cart": "2 melons", "language": "it", "theme": "dark", "seen": "2026-03-14"}
IDLE = 1800  # seconds
BY_HAND = "by hand"

values = itertools.count()  # each change stores another text


class ByHand:
    def __init__(self, redis_conn: redis.Redis, url: str) -> None:
        self._redis = redis_conn
        self._key = ""
        self.log_in()

    def visit(self) -> None:
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self._key)
            pipe.expire(self._key, IDLE)
            pipe.execute()

    def change(self) -> None:
        self.visit()
        self._redis.hset(self._key, "seen", str(next(values)))

    def log_in(self) -> None:
        old_key = self._key
        fields: dict[Any, Any] = self._redis.hgetall(old_key)
        if not fields:
            fields = {"user": "maria", **FIELDS}
        self._key = "by-hand:" + secrets.token_urlsafe(32)
        with self._redis.pipeline() as pipe:
            pipe.hset(self._key, mapping=fields)
            pipe.expire(self._key, IDLE)
            pipe.delete(old_key)
            pipe.execute()


class Ours:
    def __init__(self, redis_conn: redis.Redis, url: str) -> None:
        self._sessions = Sessions(redis_conn, idle=IDLE, moves=FIELDS)
        self._id = self._sessions.log_in(None, "maria", FIELDS)

    def visit(self) -> None:
        self._sessions.load(self._id)

    def change(self) -> None:
        self.visit()
        self._sessions.change(self._id, {"seen": str(next(values))})

    def log_in(self) -> None:
        self._id = self._sessions.log_in(self._id, "maria")


class FlaskSession:
    def __init__(self, redis_conn: redis.Redis, url: str) -> None:
        flask = importlib.import_module("flask")
        flask_session = importlib.import_module("flask_session")
        self._response = flask.Response
        self._app = flask.Flask(__name__)
        self._app.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis.Redis.from_url(url))
        self._app.permanent_session_lifetime = timedelta(seconds=IDLE)
        flask_session.Session(self._app)
        self._interface: Any = self._app.session_interface
        self._request_with(None)
        self._visit({"user": "maria", **FIELDS})

    def _request_with(self, cookie: str | None) -> None:
        headers = {} if cookie is None else {"Cookie": f"session={cookie}"}
        self._context = self._app.test_request_context(headers=headers)

    def _visit(self, changes: dict[str, str], regenerate: bool = False) -> None:
        session = self._interface.open_session(self._app, self._context.request)
        session.update(changes)
        if regenerate:
            self._interface.regenerate(session)
        self._interface.save_session(self._app, session, self._response())
        if regenerate or not self._context.request.cookies:
            self._request_with(session.sid)

    def visit(self) -> None:
        self._visit({})

    def change(self) -> None:
        self._visit({"seen": str(next(values))})

    def log_in(self) -> None:
        self._visit({"user": "maria"}, regenerate=True)


class Django:
    def __init__(self, redis_conn: redis.Redis, url: str) -> None:
        conf: Any = importlib.import_module("django.conf")
        if not conf.settings.configured:
            cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
            conf.settings.configure(CACHES={"default": cache}, SESSION_COOKIE_AGE=IDLE)
        self._store = importlib.import_module("django.contrib.sessions.backends.cache").SessionStore
        session = self._store()
        session.update({"user": "maria", **FIELDS})
        session.create()
        self._key = session.session_key

    def visit(self) -> None:
        session = self._store(self._key)
        session.get("cart")
        session.save()

    def change(self) -> None:
        session = self._store(self._key)
        session["seen"] = str(next(values))
        session.save()

    def log_in(self) -> None:
        session = self._store(self._key)
        session.cycle_key()
        session["user"] = "maria"
        session.save()
        self._key = session.session_key


STORES: dict[str, tuple[str, Any]] = {  # the name, the module that must be installed, how to make one
    BY_HAND: ("redis", ByHand),
    "Sessions": ("redis", Ours),
    "Flask-Session": ("flask_session", FlaskSession),
    "Django": ("django", Django),
}


def table(rounds: int = 3000) -> str:
    """The tables as Markdown. In each round, all stores take turns, in an order that chance chooses."""
    parts = []
    with (
        one_core() as core,
        EmbeddedRedis() as server,
        redis.Redis.from_url(server.url, decode_responses=True) as client,
    ):
        libraries = ", ".join(installed(library) for library in ("redis", "flask-session", "django"))
        parts.append(f"{server_name(client)}; {libraries}. {core}")
        stores = {}
        for name, (module, make) in STORES.items():
            reason = why_missing(module)
            if reason:
                parts.append(f"Left out: {name} ({reason}): pip install flask-session django")
            else:
                stores[name] = make(client, server.url)
        for what in ("visit", "change", "log_in"):
            calls = {name: getattr(store, what) for name, store in stores.items()}
            parts.append(rows(f"a {what.replace('_', '-')}", in_turns(calls, rounds)))
    return "\n\n".join(parts)


def in_turns(calls: dict[str, Callable[[], None]], rounds: int) -> pd.DataFrame:
    """Microseconds: a column for each call, a row for each round. The first twentieth warms up, and is left out."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for _ in range(rounds + rounds // 20):
        random.shuffle(names)
        for name in names:
            start = perf_counter_ns()
            calls[name]()
            times[name].append((perf_counter_ns() - start) / 1000)
    return pd.DataFrame(times).tail(rounds)


def rows(what: str, times: pd.DataFrame) -> str:
    numbers = summary(times)
    control = numbers.loc[BY_HAND, "p50 µs"]
    lines = []
    for name, (p50, p95, p99, _) in zip(times.columns, numbers.itertuples(index=False), strict=True):
        lines.append([name, f"{p50:.0f}", f"{p95:.0f}", f"{p99:.0f}", f"{p50 / control:.2f}"])
    return markdown([what, "p50 µs", "p95 µs", "p99 µs", "ratio of p50"], lines)


if __name__ == "__main__":
    print(table())
