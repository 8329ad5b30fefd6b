"""The shop's views. Each part of the shop is there when it was given: sessions, a limiter, orders, a board, crates."""

import logging
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
from flask import Flask, Response, render_template_string, request
from redis.exceptions import RedisClusterException
from werkzeug.exceptions import HTTPException

from redis_helpers.errors import CourseError
from redis_helpers.fenced_lock import LockNotAcquired
from redis_helpers.leaderboard import Leaderboard
from redis_helpers.rate_limiter import RateLimiter
from redis_helpers.sessions import Session, Sessions

logger = logging.getLogger(__name__)

FRUITS = ("banana", "apple", "uva")
PASSWORD = "market"  # everybody's: a real shop keeps a hash of each user's own password
COOKIE = "session"  # over HTTPS, call it __Host-session
COME_BACK = 1  # seconds after which to try again when Redis could not be used: a replica takes over in about that time

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Fruit shop</title></head>
<body style="font-family: sans-serif; max-width: 40rem; margin: 2rem auto">
<h1>Fruit shop</h1>
<pre style="font: inherit">{{ said }}</pre>
<p>{% for path in pages %}<a href="{{ path }}">{{ path }}</a> {% endfor %}</p>
{% for path, fields in forms.items() %}
<form method="post" action="{{ path }}"><p>
{% for name, value in fields.items() %}{{ name }} <input name="{{ name }}" value="{{ value }}"> {% endfor %}
<button>{{ path }}</button></p></form>
{% endfor %}
</body></html>
"""


@dataclass
class Parts:
    """What a shop was given. Each may be missing, and then its pages are, too.

    - `sessions`: who is logged in, and what is in the cart.
    - `limiter`: asked before each request. `limit_key(user, address, path)` says for whom: by default, the address.
    - `put_order`: is called with an order: a dict of `id`, `fruit`, `boxes` and `customer`.
    - `board`: gets the boxes of each order, under the name of the fruit.
    - `take_crate`: is called with a fruit. Returns whether there was a crate.
    - `set_price`: is called with a fruit and cents. Returns whether the price was set.
    """

    sessions: Sessions | None = None
    limiter: RateLimiter | None = None
    limit_key: Callable[[str | None, str, str], str] | None = None
    put_order: Callable[[dict[str, Any]], object] | None = None
    board: Leaderboard | None = None
    take_crate: Callable[[str], bool] | None = None
    set_price: Callable[[str, int], bool] | None = None


def create_app(parts: Parts) -> Flask:
    """The Flask application of a shop with these parts."""
    app = Flask("fruit_shop")
    app.logger.setLevel(logging.CRITICAL)  # what goes wrong is said in the answer

    def session() -> Session | None:
        """The session of this request's cookie."""
        return parts.sessions.load(request.cookies.get(COOKIE)) if parts.sessions else None

    def customer() -> str | None:
        """Who is logged in."""
        found = session()
        return found.user if found else None

    def answer(said: str, status: int = 200) -> Response:
        """A page for a browser with a screen, or the bare sentence."""
        if request.accept_mimetypes.best_match(["text/plain", "text/html"]) == "text/html":
            return Response(render_template_string(PAGE, said=said, **pages_and_forms(parts)), status)
        return Response(said, status, mimetype="text/plain")

    def later(said: str) -> Response:
        """An answer to a request that could not be served now, and that the same browser may send again."""
        response = answer(said, 503)
        response.headers["Retry-After"] = str(COME_BACK)
        return response

    if parts.limiter:
        limiter = parts.limiter

        @app.before_request
        def count_the_request() -> Response | None:
            address = request.remote_addr or "nowhere"
            key = parts.limit_key(customer(), address, request.path) if parts.limit_key else address
            decision = limiter.hit(key)
            if decision.allowed:
                return None
            refused = answer("Too many requests. Come back later.", 429)
            if math.isfinite(decision.retry_after):
                refused.headers["Retry-After"] = str(math.ceil(decision.retry_after))
            return refused

    @app.get("/")
    def welcome() -> Response:
        return answer(f"Welcome, {customer() or 'stranger'}.")

    if parts.sessions:
        sessions = parts.sessions

        def with_cookie(response: Response, session_id: str) -> Response:
            response.set_cookie(COOKIE, session_id, httponly=True, samesite="Lax", secure=request.is_secure)
            return response

        @app.post("/log-in")
        def log_in() -> Response:
            user = request.form["user"]
            if not user or request.form["password"] != PASSWORD:
                return answer("This name and this password do not belong together.", 403)
            session_id = sessions.log_in(request.cookies.get(COOKIE), user)
            return with_cookie(answer(f"Welcome, {user}."), session_id)

        @app.post("/log-out")
        def log_out() -> Response:
            sessions.log_out(request.cookies.get(COOKIE))
            response = answer("Goodbye.")
            response.delete_cookie(COOKIE)
            return response

        @app.post("/log-out-everywhere")
        def log_out_everywhere() -> Response:
            user = customer()
            if user is None:
                return answer("Log in first.", 401)
            ended = sessions.log_out_everywhere(user)
            return answer(f"{ended} session has ended." if ended == 1 else f"{ended} sessions have ended.")

        @app.get("/cart")
        def show_cart() -> Response:
            found = session()
            fields = found.fields if found else {}
            lines = [boxes_of(fields[name], name.removeprefix("cart:")) for name in sorted(fields)]
            return answer("\n".join(lines) or "The cart is empty.")

        @app.post("/cart")
        def fill_cart() -> Response:
            """Sets how many boxes of one fruit are in the cart. Each fruit has a field of its own."""
            fruit, boxes = wanted_fruit(), wanted_number("boxes")
            field = {f"cart:{fruit}": str(boxes)}
            session_id = request.cookies.get(COOKIE)
            if sessions.change(session_id, field):
                return answer(f"In the cart: {boxes_of(boxes, fruit)}.")
            return with_cookie(answer(f"In a new cart: {boxes_of(boxes, fruit)}."), sessions.create(field))

    if parts.put_order or parts.board:

        @app.post("/orders")
        def order() -> Response:
            fruit, boxes = wanted_fruit(), wanted_number("boxes")
            order_id = request.form.get("id") or secrets.token_hex(4)
            if parts.put_order:
                parts.put_order({"id": order_id, "fruit": fruit, "boxes": boxes, "customer": customer()})
            if parts.board:
                parts.board.add(fruit, boxes)
            return answer(f"Order {order_id}: {boxes_of(boxes, fruit)}. Thank you.", 202)

    if parts.board:
        board = parts.board

        @app.get("/board")
        def show_board() -> Response:
            lines = [f"{row.place}. {row.member} {row.score}" for row in board.top(10)]
            return answer("\n".join(lines) or "Nothing was sold yet.")

    if parts.take_crate:
        take_crate = parts.take_crate

        @app.post("/buy")
        def buy() -> Response:
            fruit = wanted_fruit()
            if take_crate(fruit):
                return answer(f"A crate of {fruit} is yours.")
            return answer(f"There is no crate of {fruit} left.", 409)

    if parts.set_price:
        set_price = parts.set_price

        @app.post("/price")
        def change_price() -> Response:
            fruit, cents = wanted_fruit(), wanted_number("cents")
            if set_price(fruit, cents):
                return answer(f"{fruit} costs {cents} cents now.")
            return answer(f"The price of {fruit} was not changed: somebody else was later, or has the lock.", 409)

    @app.errorhandler(redis.RedisError)
    @app.errorhandler(RedisClusterException)  # which is no RedisError
    def redis_failed(error: Exception) -> Response:
        """Also while a failed primary of a cluster has no successor. What had begun may have been done or not."""
        kind = type(error).__name__  # its text may hold an address or a key
        logger.warning("%s %s was refused: Redis cannot be used now (%s)", request.method, request.path, kind)
        return later(f"The shop cannot use Redis now ({kind}). Try again in a moment.")

    @app.errorhandler(LockNotAcquired)
    def locked(error: LockNotAcquired) -> Response:
        return later("Somebody else is doing the same. Try again in a moment.")

    @app.errorhandler(CourseError)
    def refused(error: CourseError) -> Response:
        return answer(str(error), 400)

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        """Also what a function of the notebook raised. A real shop shows its customers no such thing."""
        if isinstance(error, HTTPException):
            return answer(f"{error.name}.", error.code or 500)
        return answer(f"The code of the shop failed: {type(error).__name__}: {error}", 500)

    return app


def wanted_fruit() -> str:
    """The fruit of a form. Raises CourseError for one that the shop does not have."""
    fruit = request.form.get("fruit", "")
    if fruit not in FRUITS:
        raise CourseError(f"The shop has no such fruit: choose one of {', '.join(FRUITS)}.")
    return fruit


def wanted_number(name: str) -> int:
    """A number of a form, from 1 to 9999. Raises CourseError for anything else."""
    text = request.form.get(name, "1")
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:5]) <= 9999):
        raise CourseError(f"The number of {name} is a whole number from 1 to 9999: choose such a number.")
    return int(text)


def boxes_of(number: int | str, fruit: str) -> str:
    """For example "1 box of uva", "2 boxes of uva"."""
    return f"{number} {'box' if int(number) == 1 else 'boxes'} of {fruit}"


def pages_and_forms(parts: Parts) -> dict[str, Any]:
    """For the page in a browser: where its links go, and which forms it shows."""
    pages = ["/"]
    forms: dict[str, dict[str, str]] = {}
    if parts.sessions:
        pages.append("/cart")
        forms["/log-in"] = {"user": "maria", "password": PASSWORD}
        forms["/cart"] = {"fruit": "banana", "boxes": "1"}
        forms["/log-out"] = {}
        forms["/log-out-everywhere"] = {}
    if parts.put_order or parts.board:
        forms["/orders"] = {"fruit": "banana", "boxes": "1"}
    if parts.board:
        pages.append("/board")
    if parts.take_crate:
        forms["/buy"] = {"fruit": "uva"}
    if parts.set_price:
        forms["/price"] = {"fruit": "banana", "cents": "312"}
    return {"pages": pages, "forms": forms}
