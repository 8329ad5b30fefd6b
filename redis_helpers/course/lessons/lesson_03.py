"""Lesson 03: cache-aside, "not found", invalidation, a Redis that is gone, jitter."""

import json
from collections.abc import Callable

import redis

from redis_helpers.course.exercises.checker import Plain, Trial, nobody_there, somebody_silent
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question

MANGO = {"name": "mango", "price": 1.5, "crates": 7, "organic": True}


class Source:
    """The source behind the cache: `load` answers `value` (or raises it, when it is an error), and `calls` counts."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.calls = 0

    @property
    def load(self) -> Callable[[], object]:
        def load() -> object:
            self.calls += 1
            if isinstance(self.value, Exception):
                raise self.value
            return json.loads(json.dumps(self.value))  # a fresh copy, as from a database

        return load


# 3.1


def _check_read_through(trial: Trial) -> None:
    for number, value in enumerate((MANGO, [1, 2.5, "3", None], "plain text", 0, {})):
        key, source = trial.key(f"fruit:{number}"), Source(value)
        answer = trial.call(key, source.load, 40)
        trial.expect("on a miss, return what load() gives", value, answer)
        trial.expect("on a miss, load() is called once: the source is the expensive part", 1, source.calls)
        _expect_json(trial, key, value)
        trial.expect_ttl("what is cached needs its TTL: without one, an old value stays for ever", key, 35, 40)
        source.value = "changed since"
        trial.expect(
            "the second call must answer from Redis, with the types as they were",
            value,
            trial.call(key, source.load, 40),
        )
        trial.expect("the second call must not ask the source", 1, source.calls)
    key, again = trial.key("fruit:0"), Source("loaded anew")
    trial.redis.delete(key)
    trial.expect("once the key has expired, load again", "loaded anew", trial.call(key, again.load, 40))
    for _ in trial.cuts(key, again.load, 40, prepare=lambda: trial.redis.delete(key)):
        if trial.redis.ttl(key) == -1:
            raise Failed("SET and EXPIRE can be torn apart by a crash (lesson 02): SET has EX")


def _expect_json(trial: Trial, key: str, value: object) -> None:
    """The key must hold `value` as JSON."""
    if trial.redis.type(key) == "none":
        raise Failed(
            "nothing was cached: after load(), store the value", Plain("JSON text under the key"), Plain("no such key")
        )
    text = trial.redis.get(key)
    try:
        stored = json.loads(text)
    except ValueError:
        raise Failed(
            "the text in Redis is not JSON: str() writes Python's own way, and nobody reads that back. json.dumps() "
            "writes JSON",
            json.dumps(value),
            text,
        ) from None
    trial.expect("the JSON in Redis is not the value that was loaded", value, stored)


READ_THROUGH = Exercise(
    id="3.1",
    title="Remember what was loaded",
    kind="blank",
    question="""\
`read_through` asks Redis first, and the source (`load`) only when Redis does not have it. One line is missing in
place of the `...`: it stores the value as JSON, with a TTL of `ttl` seconds.""",
    stub="""\
import json


def read_through(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    ...
    return value""",
    hints=(
        "SET with EX stores a text together with its TTL. What makes a text of the value, so that `json.loads` "
        "understands it?",
        "`json.dumps(value)` gives the text; it is the second argument of `redis_conn.set`, and `ex=` is the third.",
    ),
    solution="""\
import json


def read_through(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value""",
    why="JSON keeps numbers, lists, True and None apart, which str() does not in a way that can be read back. The "
    "TTL travels with the "
    "value in one command, so no entry is ever without one.",
    check=_check_read_through,
)

# 3.2


def _check_find_fruit(trial: Trial) -> None:
    key, missing = trial.key("fruit:999"), Source(None)
    trial.expect("what the source does not have is None", None, trial.call(key, missing.load, 300, 5))
    trial.expect("load() is called once", 1, missing.calls)
    answer = trial.call(key, missing.load, 300, 5)
    again = '"not found" was not remembered: every request for it goes to the source, and there may be many'
    trial.expect(again, 1, missing.calls)
    trial.expect("the remembered answer must still be None", None, answer)
    forever = (
        '"not found" must be remembered briefly, for not_found_ttl: with a longer TTL, a new fruit stays invisible'
    )
    trial.expect_ttl(forever, key, 3, 5)

    for number, value in enumerate((MANGO, 0, "", [], False)):
        key, source = trial.key(f"fruit:{number}"), Source(value)
        trial.expect("what was loaded is to be returned", value, trial.call(key, source.load, 300, 5))
        why = "what was found lives for ttl seconds"
        if not value:
            why = (
                f"{value!r} is a value that was found, so it lives for ttl seconds. Only None means not found: "
                f"compare with `is None`"
            )
        trial.expect_ttl(why, key, 265, 300)
        trial.expect("the second answer must be the same", value, trial.call(key, source.load, 300, 5))
        trial.expect("what was found must be answered from Redis the second time", 1, source.calls)


FIND_FRUIT = Exercise(
    id="3.2",
    title="Remember what is not there",
    kind="change",
    question="""\
Somebody asks again and again for a fruit that does not exist, and each time `load()` has to look and gives `None`.
Change the code: "not found" is remembered too, but only for `not_found_ttl` seconds. What was found lives for
`ttl` seconds, as before.""",
    stub="""\
import json


def find_fruit(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    if value is not None:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value""",
    hints=(
        "What does `json.dumps(None)` give, and what does `json.loads` make of that?",
        "`None` becomes the text `null`, which is not the same as no key. So it can be stored like any other value.",
        "Only the TTL differs: choose `not_found_ttl` when `value is None`, and `ttl` otherwise.",
    ),
    solution="""\
import json


def find_fruit(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    seconds = not_found_ttl if value is None else ttl
    redis_conn.set(key, json.dumps(value), ex=seconds)
    return value""",
    why='JSON has a word for nothing, null, so "not in the cache" (no key) and "not in the source" (null) stay '
    "apart. The short TTL limits "
    "how long a fruit that arrives now stays invisible.",
    check=_check_find_fruit,
)

# 3.3


def _check_set_price(trial: Trial) -> None:
    key = trial.key("fruit:1")
    market = {"price": 312}

    def save(price: int) -> None:
        """Writes to the source. Just before, another reader misses and caches the price that still counts."""
        trial.redis.set(key, json.dumps(market["price"]), ex=300, nx=True)
        if market["price"] == price:
            raise Failed("save(price) is to be called once")
        market["price"] = price

    for cached, price in ((True, 299), (False, 280)):
        trial.redis.delete(key)
        if cached:
            trial.redis.set(key, market["price"], ex=300)
        trial.call(key, save, price)
        trial.expect("the source must hold the new price: call save(price)", price, market["price"])
        left = trial.redis.get(key)
        if left == str(price):
            raise Failed(
                "the new price was written into the cache. Two writers that overtake each other leave the older one "
                "there: delete the "
                "key, and the next reader loads what the source says",
                Plain("no such key"),
                left,
            )
        if left is not None:
            raise Failed(
                "the old price is still cached: delete the key, and only after save(price). A reader in between "
                "would store the old "
                "price again",
                Plain("no such key"),
                left,
            )

    def save_fails(price: int) -> None:
        raise OSError("the market's database is full")

    outcome = trial.attempt(key, save_fails, 250)
    if not isinstance(outcome.error, OSError):
        raise Failed(
            "save(price) failed, and your function kept it to itself: the caller must learn that nothing was saved",
            Plain("the error of save()"),
            Plain("no error" if outcome.error is None else type(outcome.error).__name__),
        )


SET_PRICE = Exercise(
    id="3.3",
    title="A price changes",
    kind="write",
    question="""\
Write `set_price(redis_conn, key, save, price)`. `save(price)` writes the new price to the source; the price of
before may be cached under `key`. Afterwards no reader may find it there: the next one has to load anew. Mind the
order: between your two steps, another reader may come along.""",
    stub="""\
def set_price(redis_conn, key, save, price):
    # your code here
    ...""",
    hints=(
        "Two steps: the source, and the cache. The cached value is not corrected, it is thrown away.",
        "Suppose you delete the key first. A reader comes before save(price), misses, loads the old price and stores "
        "it. And now?",
        "First `save(price)`, then delete the key.",
    ),
    solution="""\
def set_price(redis_conn, key, save, price):
    save(price)
    redis_conn.delete(key)""",
    why="the source is the truth, so it changes first. Deleting lets the next reader fetch the truth. A small gap "
    "remains (a reader that "
    "loaded before and stores after the deletion): the TTL ends it.",
    check=_check_set_price,
)

# 3.4


def _check_read_anyway(trial: Trial) -> None:
    key, source = trial.key("fruit:1"), Source(MANGO)
    trial.expect("with Redis there, a miss loads", MANGO, trial.call(key, source.load, 40))
    _expect_json(trial, key, MANGO)
    trial.expect_ttl("what is cached needs its TTL", key, 35, 40)
    trial.expect("with Redis there, a hit answers from it", MANGO, trial.call(key, source.load, 40))
    trial.expect("with Redis there, the second call must not ask the source", 1, source.calls)

    with nobody_there() as options:
        _expect_fall_back(trial, key, "refuses connections", options=options)
    with somebody_silent() as options:
        _expect_fall_back(trial, key, "accepts the connection and never answers", options=options, reply_timeout=0.08)
    trial.redis.delete(key)
    _expect_fall_back(trial, key, "died after GET, before SET", cut_after=1)

    broken = Source(LookupError("no such fruit"))
    outcome = trial.attempt(trial.key("fruit:2"), broken.load, 40)
    if not isinstance(outcome.error, LookupError):
        raise Failed(
            "load() raised, and your function kept it to itself: fall back on errors of Redis only, not on those of "
            "the source"
        )
    trial.expect("load() raised, and your function called it again: keep load() out of the try block", 1, broken.calls)


def _expect_fall_back(trial: Trial, key: str, what: str, **how: object) -> None:
    """Redis is taken away, and the function must answer from the source, having asked it once."""
    source = Source(MANGO)
    outcome = trial.attempt(key, source.load, 40, **how)
    if isinstance(outcome.error, redis.TimeoutError):
        raise Failed(f"Redis {what}, and TimeoutError came through: it is a RedisError, but not a ConnectionError")
    if isinstance(outcome.error, redis.RedisError):
        raise Failed(
            f"Redis {what}, and your function raised {type(outcome.error).__name__}: answer from load() instead"
        )
    if outcome.error is not None:
        raise Crashed(outcome.error)
    trial.expect(f"Redis {what}, and the answer must come from load()", MANGO, outcome.value)
    trial.expect(f"Redis {what}, and load() must be called once: the source has enough to do now", 1, source.calls)


READ_ANYWAY = Exercise(
    id="3.4",
    title="Redis is gone, the market is open",
    kind="write",
    question="""\
Write `read_anyway(redis_conn, key, load, ttl)`: cache-aside as in 3.1, that answers when Redis does not. Whatever
Redis fails with (connection refused, no answer in time, gone between GET and SET), the function returns what
`load()` gives, and calls it **once**. What `load()` itself raises goes through. The check takes Redis away in
three ways.""",
    stub="""\
import json

import redis


def read_anyway(redis_conn, key, load, ttl):
    # your code here
    ...""",
    hints=(
        "Both GET and SET can fail, so each needs a `try`. `load()` stands in no `try` block, and then it is called "
        "once.",
        "`redis.TimeoutError` is not a `redis.ConnectionError`. Which class is above both of them?",
        "GET in a `try`, with `except redis.RedisError: return load()`: whoever asked a dead Redis once need not wait "
        "for it again. SET in a second `try`.",
    ),
    solution="""\
import json

import redis


def read_anyway(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        return load()
    if cached is not None:
        return json.loads(cached)
    value = load()
    try:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    except redis.RedisError:
        pass  # the reader has the value; the next one will try to store it
    return value""",
    why="RedisError covers ConnectionError and TimeoutError alike. load() is in no try block, so its errors are "
    "not mistaken for "
    "Redis', and it never runs twice. A client with short timeouts and no retries makes the fall-back quick.",
    check=_check_read_anyway,
)

# 3.5


def _check_store_with_jitter(trial: Trial) -> None:
    key = trial.key("fruit:0")
    trial.call(key, MANGO, 300)
    _expect_json(trial, key, MANGO)
    left = []
    for number in range(30):
        key = trial.key(f"fruit:{number}")
        trial.call(key, number, 300)
        why = "the TTL must lie between ttl and 1.2 times ttl"
        trial.expect_ttl("the key has no TTL" if trial.redis.ttl(key) == -1 else why, key, 298, 360.5)
        left.append(round(trial.redis.pttl(key) / 1000))
    if max(left) - min(left) < 30:
        raise Failed(
            "30 entries that were stored together also expire almost together, and then all readers go to the source "
            "at once: draw "
            "each TTL by chance, from the whole window",
            Plain("TTLs spread from 300 to 360 seconds"),
            Plain(f"all between {min(left)} and {max(left)} seconds"),
        )


STORE_WITH_JITTER = Exercise(
    id="3.5",
    title="Not all at once",
    kind="stretch",
    question="""\
A thousand fruits are cached in the same second with the same TTL. They expire in the same second too, and all
readers go to the source at once. Write `store_with_jitter(redis_conn, key, value, ttl)`: it stores the value as
JSON, with a TTL drawn by chance between `ttl` and `1.2 * ttl` seconds, anew for each call.""",
    stub="""\
import json
import random


def store_with_jitter(redis_conn, key, value, ttl):
    # your code here
    ...""",
    hints=(
        "`random.uniform(a, b)` gives any number between two others, `random.randint(a, b)` a whole one.",
        "EX takes whole seconds only: `round(...)` or `int(...)` makes one of `random.uniform(ttl, 1.2 * ttl)`.",
    ),
    solution="""\
import json
import random


def store_with_jitter(redis_conn, key, value, ttl):
    seconds = random.uniform(ttl, 1.2 * ttl)
    redis_conn.set(key, json.dumps(value), px=round(1000 * seconds))""",
    why="the expiries spread over the window, and so does the load on the source. PX takes milliseconds, so that "
    "short TTLs spread as well; "
    "with EX and whole seconds it is as right here.",
    check=_check_store_with_jitter,
)

EXERCISES = (READ_THROUGH, FIND_FRUIT, SET_PRICE, READ_ANYWAY, STORE_WITH_JITTER)

QUIZ = (
    Question(
        "A lookup by primary key takes 10 µs in SQLite, a Redis GET 50 µs. What does a cache in front of it do?",
        (
            (
                "It makes reads faster: memory beats disk",
                "SQLite's page is in memory too, in your own process: no round trip.",
            ),
            (
                "It makes reads slower, even hits",
                "The round trip costs more than the question. A cache pays when the source is slower.",
            ),
            ("It makes no difference", "A hit costs 40 µs more than the source, and a miss costs both."),
        ),
        answer="b",
    ),
    Question(
        "The code falls back with `except redis.ConnectionError`. Redis hangs: it accepts connections and never "
        "answers. What happens?",
        (
            (
                "The reader gets the value from the source",
                "The error is a redis.TimeoutError, which that line does not catch.",
            ),
            (
                "TimeoutError reaches the caller",
                "It is a RedisError but not a ConnectionError. Catch redis.RedisError.",
            ),
            ("The reader waits for ever", "The client has a reply timeout. After it, TimeoutError is raised."),
        ),
        answer="b",
    ),
    Question(
        "Every correction of one field also renews the TTL of the whole cached record. What can go wrong?",
        (
            ("The record expires too early", "It is the other way round: its clock starts anew each time."),
            (
                "Other fields, long changed in the source, are served as hits for as long as corrections come",
                "The TTL is the promise of how old an answer may be, and renewing it breaks the promise.",
            ),
            ("Nothing: the record was just written", "One field was. The others are as old as before."),
        ),
        answer="b",
    ),
    Question(
        "The price changes in the source. Which order leaves the smaller risk of an old price in the cache?",
        (
            ("Delete the key, then save", "A reader in between misses, loads the old price, and stores it."),
            (
                "Save, then delete the key",
                "Whoever misses after that finds the new price. What little remains, the TTL ends.",
            ),
            (
                "Save, then SET the new price",
                "Two writers may save in one order and SET in the other: the older price stays.",
            ),
        ),
        answer="b",
    ),
    Question(
        '"No such fruit" is cached with the same TTL as everything else, an hour. What does a customer see?',
        (
            ("A fruit that arrives now stays invisible for up to an hour", "So not-found is remembered, but briefly."),
            ("An error", "The answer is a correct None, only an old one."),
            ("Nothing unusual: None is never stored", "It was stored here: as JSON, None is null."),
        ),
        answer="a",
    ),
)
