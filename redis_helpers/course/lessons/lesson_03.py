"""Lesson 03: cache-aside, "not found", invalidation, a Redis that is gone, jitter."""

import contextlib
import copy
import datetime
import functools
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import redis

from redis_helpers.course.exercises.checker import Plain, Trial, nobody_there, somebody_silent
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.runner import Worker
from redis_helpers.course.exercises.state import Ends
from redis_helpers.errors import CourseError

BUSY = 0.3  # seconds: a measurement that took longer says nothing


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
            return copy.deepcopy(self.value)  # a fresh copy, as from a database

        return load


Args = Callable[[str, Source], tuple]  # what the function is called with, for a key and a source


def _some_fruit(trial: Trial) -> dict[str, object]:
    return {
        "name": f"{trial.word()} für 'uva'",
        "price": trial.number(2, 900) + 0.5,
        "crates": trial.number(2, 900),
        "organic": True,
        "season": None,
    }


def _some_values(trial: Trial) -> tuple[object, ...]:
    """What a source may answer; half of it is false, for Python."""
    number = trial.number(2, 900)
    return (_some_fruit(trial), [number, 2.5, str(number), None], f"{trial.word()} 'ü'", 0, "", [], {}, False)


def _expect_same(why: str, expected: object, seen: object) -> None:
    """Equal, also in its parts: to Python, True is 1."""
    if type(seen) is not type(expected) or seen != expected or _written(seen) != _written(expected):
        raise Failed(why, expected, seen)


def _written(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def _tells_of_redis(error: BaseException | None) -> bool:
    """Whether this is an error of redis-py, or the one that RedisRepository makes of it."""
    return isinstance(error, (redis.RedisError, CourseError))


def _every_error(trial: Trial, why: str, args: tuple, before: Callable[[], object]) -> None:
    """Redis answers with an error, from each command on: the caller of the function must learn of it."""
    before()
    trial.call(*args)
    for reached in range(len(trial.commands)):
        before()
        outcome = trial.attempt(*args, error_after=reached)
        if outcome.error is None:
            raise Failed(
                f"Redis answered with an error, and your function kept it to itself: {why}",
                Plain("the error of Redis"),
                Plain("no error"),
                cure="Catch only what you can mend. Here the caller has to know.",
            )
        if not _tells_of_redis(outcome.error):
            raise Crashed(outcome.error)


def _expect_loaded(trial: Trial, args: Args, key: str, value: object) -> Source:
    """A miss: the function asks the source once, and returns what the source says."""
    source = Source(value)
    _expect_same("on a miss, return what load() gives", value, trial.call(*args(key, source)))
    why = "the source must not work twice for one answer, it is the expensive part: load() is called once"
    trial.expect(why, 1, source.calls)
    return source


def _expect_hit(trial: Trial, args: Args, key: str, source: Source) -> None:
    """The second call gets the same from Redis, and the entry ends when it was to end."""
    value, loads, source.value = source.value, source.calls, "changed since"
    for other in trial.state():
        trial.redis.pexpire(other, 60_000)
    answer = trial.call(*args(key, source))
    why = (
        "the second call must not ask the source: this value was in Redis, and is a value like any other"
        if not value and value is not None
        else "the second call must not ask the source: the value was in Redis"
    )
    trial.expect(why, loads, source.calls)
    _expect_same("the second call must answer from Redis, with the types as they were", value, answer)
    if any(entry.left is None or entry.left > 60_000 for entry in trial.state().values()):
        raise Failed(
            "reading gave the entry a new TTL: as long as readers come, an old price never ends",
            Plain("the 60 seconds that were left"),
            Plain("more"),
            cure="A hit only reads. The TTL is set when the value is stored, and never again.",
        )


def _expect_json(trial: Trial, key: str, value: object) -> None:
    """The key must hold `value` as JSON."""
    if trial.redis.type(key) == "none":
        raise Failed(
            "nothing was cached: the next reader has to ask the source again"
            + ("" if value else f". {value!r} is a value like any other"),
            Plain("JSON text under the key"),
            Plain("no such key"),
            cure="After load(), store the value under the key.",
        )
    if trial.redis.type(key) != "string":
        raise Failed("the key does not hold a text: the value is to be stored as JSON", json.dumps(value), None)
    text = trial.redis.get(key)
    try:
        stored = json.loads(text)
    except ValueError:
        raise Failed(
            "the text in Redis is not JSON, so the next reader cannot read it: str() and pickle write Python's own way",
            json.dumps(value),
            text,
            cure="Write the text with json.dumps(): json.loads() reads it.",
        ) from None
    _expect_same("the JSON in Redis is not the value that was loaded", value, stored)


NO_TTL = "what is cached has no TTL: an old value stays for ever"


def _expect_ends(trial: Trial, key: str, ttl: float) -> None:
    """The key, and no other, is there, and ends in `ttl` seconds; up to a tenth earlier, as CacheAside does it."""
    if trial.redis.ttl(key) == -1:
        raise Failed(NO_TTL, Plain(f"a TTL of {ttl:g} seconds"), Plain("no TTL"))
    text = trial.redis.get(key)
    trial.expect_state("what is cached", {key: Ends(text, ttl, late=0.1 * ttl + 1)})


def _expect_all_of_it(trial: Trial, args: Args, key: str, value: object, ttl: float) -> None:
    """The TTL is not a second short each time. (It may be shorter by chance; EXAT takes whole seconds of the clock.)"""
    seen: list[tuple[float, float]] = []
    for _ in range(12):
        trial.put({})
        begin = time.monotonic()
        trial.call(*args(key, Source(value)))
        left = max((entry.left or 0 for entry in trial.state().values()), default=0) / 1000
        took = time.monotonic() - begin
        if took > BUSY:
            continue
        seen.append((left - 0.01, left + took + 0.01))  # what it was when it was set lies between
        if seen[-1][1] > ttl - 0.4 or max(least for least, _ in seen) > min(most for _, most in seen):
            return
        if len(seen) == 4:
            raise Failed(
                "the entry ends too early, each time: the source has to work more often than it was asked to",
                Plain(f"a TTL of {ttl:g} seconds"),
                Plain(f"{seen[-1][1]:.3f} seconds"),
            )
        time.sleep(0.2)


def _expect_never_immortal(trial: Trial, args: Args, key: str, value: object) -> None:
    """Wherever the program dies, what it leaves ends by itself."""
    source = Source(value)
    trial.put({})
    trial.call(*args(key, source))
    sent = trial.commands
    for reached in trial.cuts(*args(key, source), prepare=lambda: trial.put({})):
        if any(entry.left is None for entry in trial.state().values()):
            raise Failed(
                f"the program died after its command number {reached} ({sent[reached - 1]}), and what it had stored "
                "never ends: an old value stays for ever. Storing and the TTL can be torn apart by a crash (lesson 02)",
                cure="SET has the option EX: one command stores the value and its TTL.",
            )


def _expect_error_of_load(trial: Trial, args: Args, key: str) -> None:
    """What load() raises goes through, load() is not called again, and nothing is remembered."""
    for error in (
        LookupError("no such row"),
        OSError("the database is gone"),
        redis.ConnectionError("the source is a Redis too, and is gone"),
    ):
        trial.put({})
        source = Source(error)
        outcome = trial.attempt(*args(key, source))
        name = type(error).__name__
        if outcome.error is None:
            raise Failed(
                f"the source failed, and your function kept it to itself: load() raised {name}, and the customer was "
                "told something that the source never said",
                Plain(f"the {name} of load()"),
                Plain(f"the answer {outcome.value!r}"),
                cure="Errors of the source are not yours: let them through.",
            )
        if source.calls > 1:
            raise Failed(
                f"a source in trouble gets twice the work: load() raised {name}, and your function called it again",
                1,
                source.calls,
                cure="Keep load() out of the try block.",
            )
        if outcome.error is not error:
            raise Crashed(outcome.error)
        _expect_loaded(trial, args, key, "it is back")


def _expect_error_of_redis(trial: Trial, args: Args, key: str, value: object) -> None:
    """When Redis answers with an error, the caller learns of it, or gets what the source says."""
    trial.put({})
    trial.call(*args(key, Source(value)))
    for reached in range(len(trial.commands)):
        trial.put({})
        outcome = trial.attempt(*args(key, Source(value)), error_after=reached)
        if _tells_of_redis(outcome.error):
            continue
        if outcome.error is not None:
            raise Crashed(outcome.error)
        why = (
            "Redis answered with an error, your function kept it to itself, and the customer was told what is not true"
        )
        _expect_same(why, value, outcome.value)


def _expect_end_in_between(trial: Trial, args: Args, key: str, entries: dict[str, object]) -> None:
    """The entry ends at any moment of the call: the answer is the old one, or what the source says now."""
    source = Source("what the source says now")
    try:
        trial.every_gap(
            "the entry ended between two of your commands, and the customer got neither the value that was there nor "
            "what the source says",
            args(key, source),
            before=lambda: trial.put({name: Ends(value, 60) for name, value in entries.items()}),
            rivals={"the entry ends": lambda: trial.redis.delete(*entries)},
        )
    except Crashed as crash:
        if crash.story is None:
            raise
        raise Failed(
            f"the entry ended between two of your commands, and the customer got a {type(crash.error).__name__}: what "
            "was there at the first look may be gone at the second",
            story=crash.story,
            cure="One command can look and fetch: GET answers None when there is no such key.",
        ) from None


def _written_as_text(check: Callable[[Trial], None]) -> Callable[[Trial], None]:
    """The check, which says so when what it finds in Redis is no text."""

    @functools.wraps(check)
    def checked(trial: Trial) -> None:
        try:
            check(trial)
        except UnicodeDecodeError:
            raise Failed(
                "the key holds bytes that are no text: the next reader, whose client decodes, gets an error. The value "
                "is to be stored as JSON",
                cure="Write the text with json.dumps(): json.loads() reads it.",
            ) from None

    return checked


# 3.1


@_written_as_text
def _check_read_through(trial: Trial) -> None:
    ttl = trial.number(200, 400)

    def args(key: str, source: Source) -> tuple:
        return key, source.load, ttl

    key = trial.key('fruit [*] "ü"?')
    for value in _some_values(trial):
        trial.put({})
        source = _expect_loaded(trial, args, key, value)
        _expect_json(trial, key, value)
        _expect_ends(trial, key, ttl)
        _expect_hit(trial, args, key, source)
    trial.put({})
    _expect_loaded(trial, args, key, "loaded anew")
    _expect_end_in_between(trial, args, key, {key: json.dumps(_some_fruit(trial))})
    _expect_never_immortal(trial, args, key, _some_fruit(trial))
    _expect_all_of_it(trial, args, key, _some_fruit(trial), ttl)
    _expect_error_of_load(trial, args, key)
    _expect_error_of_redis(trial, args, key, _some_fruit(trial))

    trial.put({})
    source = Source({"name": trial.word(), "since": datetime.date(2025, 6, 14)})  # JSON has no dates
    first = trial.attempt(*args(key, source))
    if first.error is None:
        second = trial.attempt(*args(key, source))
        if source.calls > 1 or second.error is not None or _written(second.value) != _written(first.value):
            raise Failed(
                "the second reader does not get what the first one got, or the source is asked each time, and nobody "
                "learns why: load() gave a date, which JSON cannot hold, and your function kept that to itself",
                Plain("the error of json.dumps, or the same answer twice"),
                Plain("two different answers" if source.calls == 1 else f"{source.calls} calls of load()"),
                cure="Let the error of json.dumps() through.",
            )


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


@_written_as_text
def _check_find_fruit(trial: Trial) -> None:
    ttl, briefly = trial.number(200, 400), trial.number(20, 40)

    def args(key: str, source: Source) -> tuple:
        return key, source.load, ttl, briefly

    key, other = trial.key('fruit [*] "ü"?'), trial.key("another")
    missing = Source(None)
    trial.expect("what the source does not have is None", None, trial.call(*args(key, missing)))
    trial.expect("the source must not work twice for one answer: load() is called once", 1, missing.calls)
    _expect_remembered_briefly(trial, briefly)
    nothing = {name: entry.value for name, entry in trial.state().items()}
    _expect_not_found_again(trial, args, key, missing)
    _expect_loaded(trial, args, other, _some_fruit(trial))  # "not found" is said of one fruit, not of all

    trial.put({})
    _expect_loaded(trial, args, key, _some_fruit(trial))  # "not found" has ended, and the fruit has come
    _expect_end_in_between(trial, args, key, nothing)
    _expect_never_immortal(trial, args, key, None)
    _expect_all_of_it(trial, args, key, None, briefly)

    for value in (_some_fruit(trial), 0, "", [], False, "null", "None", "-"):
        trial.put({})
        source = _expect_loaded(trial, args, key, value)
        _expect_found_lives(trial, value, ttl)
        found = {name: entry.value for name, entry in trial.state().items()}
        _expect_hit(trial, args, key, source)
    _expect_end_in_between(trial, args, key, found)
    _expect_never_immortal(trial, args, key, _some_fruit(trial))
    _expect_all_of_it(trial, args, key, _some_fruit(trial), ttl)
    _expect_error_of_load(trial, args, key)
    _expect_error_of_redis(trial, args, key, _some_fruit(trial))


def _expect_remembered_briefly(trial: Trial, briefly: int) -> None:
    """Wherever "not found" was written, all of it ends after `briefly` seconds."""
    state = trial.state()
    if not state:
        raise Failed(
            '"not found" was not remembered in Redis: every request for it goes to the source, and there may be many, '
            "in many programs",
            Plain("something in Redis that says so"),
            Plain("no key"),
        )
    for entry in state.values():
        left = "no TTL" if entry.left is None else f"{entry.left / 1000:g} seconds"
        if entry.left is None or entry.left > 1000 * briefly:
            raise Failed(
                '"not found" is remembered too long: a fruit that arrives now stays invisible until then. It must be '
                "remembered briefly, for not_found_ttl",
                Plain(f"a TTL of {briefly} seconds"),
                Plain(left),
            )


def _expect_not_found_again(trial: Trial, args: Args, key: str, missing: Source) -> None:
    for name in trial.state():
        trial.redis.pexpire(name, 15_000)
    answer = trial.call(*args(key, missing))
    again = '"not found" was not remembered: every request for it goes to the source, and there may be many'
    trial.expect(again, 1, missing.calls)
    trial.expect("the remembered answer must still be None", None, answer)
    if any(entry.left is None or entry.left > 15_000 for entry in trial.state().values()):
        raise Failed(
            'a request gave "not found" a new TTL: as long as somebody asks, a fruit that has arrived stays invisible',
            Plain("the 15 seconds that were left"),
            Plain("more"),
            cure="A hit only reads. The TTL is set when the answer is stored, and never again.",
        )


def _expect_found_lives(trial: Trial, value: object, ttl: int) -> None:
    """Wherever it was written: it ends after `ttl` seconds, up to a tenth earlier."""
    why = "what was found lives for ttl seconds"
    if not value:
        why += f", and {value!r} was found: only None means not found"
    left = [entry.left for entry in trial.state().values()]
    if None in left:
        raise Failed(NO_TTL, Plain(f"a TTL of {ttl} seconds"), Plain("no TTL"))
    longest = max((number for number in left if number is not None), default=0)
    if not left:
        raise Failed(f"{why}, and nothing is in Redis", Plain(f"a TTL of {ttl} seconds"), Plain("no key"))
    if not 900 * ttl - 2_000 <= longest <= 1000 * ttl:
        raise Failed(
            why,
            Plain(f"a TTL of {ttl} seconds"),
            Plain(f"{longest / 1000:g} seconds"),
            cure="Compare with `is None`: 0, an empty text and False are values." if not value else None,
        )


FIND_FRUIT = Exercise(
    id="3.2",
    title="Remember what is not there",
    kind="change",
    question="""\
Somebody asks again and again for a fruit that does not exist, and each time `load()` has to look and gives `None`.
Change the code: "not found" is remembered too, but only for `not_found_ttl` seconds. What was found lives for
`ttl` seconds, as before. Write "not found" down in Redis, for all programs; how, is up to you.""",
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
    key = trial.key("fruit")
    old, market = trial.number(300, 400), {}
    saved: list[object] = []
    gone_too_early: list[bool] = []

    def a_reader_comes() -> None:
        """Cache-aside, as in 3.1."""
        gone_too_early.append(not trial.redis.exists(key))
        trial.redis.set(key, json.dumps(market["price"]), ex=300, nx=True)

    def save(price: object) -> None:
        """Writes to the source. Just before, a reader misses and caches the price that still counts."""
        _elsewhere(a_reader_comes)
        saved.append(price)
        market["price"] = price

    def begin(cached: bool = True) -> None:
        market["price"] = old
        saved.clear()
        gone_too_early.clear()
        trial.put({key: Ends(str(old), 300)} if cached else {})

    for cached, price in ((True, trial.number(200, 299)), (False, trial.number(401, 900)), (True, 0)):
        key = key if price else trial.key('fruit [*] "ü"?')
        begin(cached)
        trial.call(key, save, price)
        if not saved:
            raise Failed("the source must hold the new price, and was not told", Plain(f"save({price})"), None)
        _expect_same("the source was told another price, or one of another type: hand on what you got", price, saved[0])
        trial.expect("the source was told more than once: call save(price) once", 1, len(saved))
        _expect_forgotten(trial, key, price, cached and gone_too_early[0])
        trial.expect_state("the key must be gone", {})

    price = trial.number(401, 900)
    trial.every_gap(
        "a reader came between two of your steps, and the old price is cached again",
        (key, save, price),
        before=begin,
        rivals={"a reader comes": a_reader_comes},
        view=lambda: trial.redis.get(key) in (None, str(market["price"])),
    )
    for error in (OSError("the market's database is full"), redis.ConnectionError("the source is gone")):
        _expect_error_of_save(trial, key, error, begin)
    _every_error(trial, "the old price stays in the cache, and nobody knows", (key, save, price), begin)


def _elsewhere(act: Callable[[], None]) -> None:
    """Does what another program does, while the learner's function is at work."""
    other = threading.Thread(target=act)
    other.start()
    other.join()


def _expect_forgotten(trial: Trial, key: str, price: object, gone_too_early: bool) -> None:
    left = trial.redis.get(key)
    if left is None:
        return
    if left == str(price):
        raise Failed(
            "the new price was written into the cache. Two writers that overtake each other leave the older one there",
            Plain("no such key"),
            left,
            cure="Delete the key. The next reader loads what the source says.",
        )
    why = "the old price is still cached, and customers pay it: no reader may find anything there after your function"
    if gone_too_early:
        why = (
            "the old price is still cached, and customers pay it: between your two steps a reader came, found no key, "
            "loaded the price that still counted, and stored it again"
        )
    elif left == "":
        why = "an empty text is cached now, and the next reader takes that for the price: it must find no key"
    raise Failed(why, Plain("no such key"), left, cure="Delete the key, and only after save(price).")


def _expect_error_of_save(trial: Trial, key: str, error: Exception, begin: Callable[[], None]) -> None:
    calls = []

    def save_fails(price: object) -> None:
        calls.append(price)
        raise error

    begin()
    outcome = trial.attempt(key, save_fails, 250)
    if outcome.error is None:
        raise Failed(
            "the source could not save the price, and your function kept it to itself: its caller must learn of that",
            Plain("the error of save()"),
            Plain("no error"),
        )
    if outcome.error is not error:
        raise Crashed(outcome.error)
    trial.expect("the source could not save the price, and your function called save() again", 1, len(calls))


SET_PRICE = Exercise(
    id="3.3",
    title="A price changes",
    kind="write",
    question="""\
Write `set_price(redis_conn, key, save, price)`. `save(price)` writes the new price to the source; the price of
before may be cached under `key`. Afterwards no reader may find it there: the next one has to load anew. Mind the
order: between your two steps, another reader may come along. If a step fails, the caller must learn of it.""",
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


@_written_as_text
def _check_read_anyway(trial: Trial) -> None:
    ttl = trial.number(200, 400)

    def args(key: str, source: Source) -> tuple:
        return key, source.load, ttl

    key = trial.key('fruit [*] "ü"?')
    for value in _some_values(trial):
        trial.put({})
        source = _expect_loaded(trial, args, key, value)
        _expect_json(trial, key, value)
        _expect_ends(trial, key, ttl)
        _expect_hit(trial, args, key, source)

    fruit = _some_fruit(trial)
    with nobody_there() as options:
        _expect_fall_back(trial, args, key, fruit, "refuses connections", options=options)
        _expect_no_pause(trial, args(key, Source(fruit)), options=options)
        _expect_error_without_redis(trial, args, key, options=options)
    with somebody_silent() as options:
        what = "accepts the connection and never answers"
        _expect_fall_back(trial, args, key, fruit, what, options=options, reply_timeout=0.08)
    trial.put({})
    trial.call(*args(key, Source(fruit)))
    sent = list(trial.commands)
    for reached in range(len(sent)):
        trial.put({})
        what = f"died after your command number {reached} ({sent[reached - 1]})" if reached else "died"
        _expect_fall_back(trial, args, key, fruit, what, cut_after=reached)
        trial.put({})
        last = f"your command number {reached + 1} ({sent[reached]})"
        _expect_fall_back(trial, args, key, fruit, f"answered {last} with an error", error_after=reached)
        trial.put({})
        _expect_fall_back(trial, args, key, fruit, f"died before it answered {last}", lost_reply=reached + 1)
    _expect_never_immortal(trial, args, key, fruit)
    _expect_all_of_it(trial, args, key, fruit, ttl)
    _expect_error_of_load(trial, args, key)
    _expect_end_in_between(trial, args, key, {key: json.dumps(fruit)})


def _expect_fall_back(trial: Trial, args: Args, key: str, value: object, what: str, **how: Any) -> None:
    """Redis is taken away, and the function must answer from the source, having asked it once."""
    source = Source(value)
    outcome = trial.attempt(*args(key, source), **how)
    if isinstance(outcome.error, redis.TimeoutError):
        raise Failed(f"Redis {what}, and TimeoutError came through: it is a RedisError, but not a ConnectionError")
    if isinstance(outcome.error, redis.ResponseError):
        raise Failed(
            f"Redis {what}, and {type(outcome.error).__name__} came through: the customer gets an error page though "
            "the source could have answered. Not every failure of Redis is a matter of the connection",
            cure="One class stands above all errors of redis-py: redis.RedisError.",
        )
    if isinstance(outcome.error, redis.RedisError):
        raise Failed(
            f"Redis {what}, and your function raised {type(outcome.error).__name__}: answer from load() instead"
        )
    if outcome.error is not None:
        raise Crashed(outcome.error)
    _expect_same(f"Redis {what}, and the answer must come from load()", value, outcome.value)
    trial.expect(f"Redis {what}, and load() must be called once: the source has enough to do now", 1, source.calls)


def _expect_no_pause(trial: Trial, args: tuple, **how: Any) -> None:
    """Nobody sleeps, or waits otherwise. (There the quickest of five calls counts: a busy machine is slow, too.)"""
    slept: list[float] = []
    sleep = time.sleep

    def note(seconds: float) -> None:
        if isinstance(threading.current_thread(), Worker):
            slept.append(seconds)
        else:
            sleep(seconds)

    quickest = 60.0
    for _ in range(5):
        begin = time.monotonic()
        with mock.patch("time.sleep", note):
            trial.attempt(*args, **how)
        quickest = min(quickest, time.monotonic() - begin)
        if slept or quickest < 0.25:
            break
    waited = sum(slept) or quickest
    if waited >= 0.05 and (slept or quickest >= 0.25):
        raise Failed(
            f"Redis is gone, and each customer waited {waited:.2f} seconds for nothing: the source could have answered "
            "at once",
            Plain("no pause"),
            Plain(f"{waited:.2f} seconds"),
            cure="Do not try again: the next reader will.",
        )


def _expect_error_without_redis(trial: Trial, args: Args, key: str, **how: Any) -> None:
    source = Source(LookupError("no such row"))
    outcome = trial.attempt(*args(key, source), **how)
    if outcome.error is None:
        raise Failed("Redis is gone, load() raised LookupError, and your function kept it to itself")
    trial.expect("Redis is gone, load() raised, and your function called it again", 1, source.calls)
    if outcome.error is not source.value:
        raise Crashed(outcome.error)


READ_ANYWAY = Exercise(
    id="3.4",
    title="Redis is gone, the market is open",
    kind="write",
    question="""\
Write `read_anyway(redis_conn, key, load, ttl)`: cache-aside as in 3.1, that answers when Redis does not. Whatever
Redis fails with (connection refused, no answer in time, gone between GET and SET, an error as its answer), the
function returns what `load()` gives, at once (no pause for a second try), and calls it **once**. What `load()` itself
raises goes through. The check takes Redis away in four ways.""",
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


@_written_as_text
def _check_store_with_jitter(trial: Trial) -> None:
    key, other = trial.key('fruit [*] "ü"?'), trial.key("another")
    for number, value in enumerate((*_some_values(trial), None)):
        ttl = 5 * trial.number(40, 80)
        before = {key: Ends("old", 20), other: "not in question"} if number else {}
        trial.put(before)
        trial.call(key, value, ttl)
        if trial.redis.get(key) == "old":
            raise Failed("the key still holds the text that was there before: readers get the old value", value, "old")
        _expect_json(trial, key, value)
        if trial.redis.ttl(key) == -1:
            raise Failed(NO_TTL, Plain(f"a TTL of {ttl} to {1.2 * ttl:g} seconds"), Plain("no TTL"))
        trial.expect_state("what else is there must stay as it is", before | {key: _as_it_is(trial, key)})

    for ttl in (5 * trial.number(50, 80), 5 * trial.number(300, 500)):
        trial.put({})
        value = trial.number(2, 900)
        _expect_within(_ttls(trial, key, value, ttl, 20), ttl)
        ttls = _ttls(trial, key, value, ttl, 250)
        _expect_within(ttls, ttl)
        _expect_jitter(ttls, ttl)
    for rarely in (-9, 9):
        with _a_rare_draw(rarely):
            _expect_within(_ttls(trial, key, value, ttl, 1), ttl)
    _expect_never_immortal(trial, lambda key, source: (key, source.value, 300), key, _some_fruit(trial))
    not_stored = "its caller believes that the value is stored"
    _every_error(trial, not_stored, (key, _some_fruit(trial), 300), lambda: trial.put({}))


def _as_it_is(trial: Trial, key: str) -> Ends:
    found = trial.state()[key]
    return Ends(found.value, (found.left or 0) / 1000, late=BUSY)


def _ttls(trial: Trial, key: str, value: object, ttl: int, times: int) -> list[tuple[float, float]]:
    """Calls the learner's function so many times with the same arguments. Returns, for each call, between which two
    numbers of seconds its TTL lies: the clock runs while we look."""
    seen = []
    function = trial._function

    @functools.wraps(function)
    def again_and_again(redis_conn: redis.Redis, *args: object) -> None:
        for _ in range(times):
            begin = time.monotonic()
            function(redis_conn, *args)
            left = int(redis_conn.pttl(key)) / 1000
            took = time.monotonic() - begin
            if took < BUSY:
                seen.append((left - 0.01, left + took + 0.01))

    trial._function = again_and_again
    try:
        trial.call(key, value, ttl)
    finally:
        trial._function = function
    return seen


@contextlib.contextmanager
def _a_rare_draw(deviations: int) -> Iterator[None]:
    """The bell curve has no ends. The next number drawn from it is one that comes once in 10^19 times."""
    to_come = [deviations]

    def far_out(drawn: Callable[..., float], mu: float = 0.0, sigma: float = 1.0) -> float:
        return mu + sigma * to_come.pop() if to_come else drawn(mu, sigma)

    with (
        mock.patch("random.gauss", functools.partial(far_out, random.gauss)),
        mock.patch("random.normalvariate", functools.partial(far_out, random.normalvariate)),
    ):
        yield


TOGETHER = "entries that were stored together also expire almost together, and all readers go to the source at once"


def _expect_within(ttls: list[tuple[float, float]], ttl: int) -> None:
    """None outside of the window, and not always the same."""
    shown = Plain(f"TTLs from {ttl} to {1.2 * ttl:g} seconds")
    outside = [most for least, most in ttls if most < ttl or least > 1.2 * ttl]
    if outside:
        raise Failed(
            "the TTL must lie between ttl and 1.2 times ttl, each time: below, the source works too often, above, a "
            "price is older than anybody allowed",
            shown,
            Plain(f"{outside[0]:.1f} seconds"),
        )
    if len(ttls) > 2 and max(least for least, _ in ttls) <= min(most for _, most in ttls):
        raise Failed(
            f"{TOGETHER}: the TTL was the same at each call with these arguments. It is to be drawn anew for each call",
            shown,
            Plain(f"{ttls[0][1]:.1f} seconds, {len(ttls)} times"),
        )


def _expect_jitter(ttls: list[tuple[float, float]], ttl: int) -> None:
    """All of the window is used, and nobody can tell the next TTL.

    In a million runs, a right answer fails less than once, also one that draws from a triangle instead of evenly.
    """
    window = 0.2 * ttl
    shown = Plain(f"TTLs from {ttl} to {ttl + window:g} seconds")
    seconds = [round(most) for _, most in ttls]
    least, most = min(seconds), max(seconds)
    if least > ttl + 0.2 * window or most < ttl + 0.8 * window:
        raise Failed(
            f"{TOGETHER}: a part of the window is never used", shown, Plain(f"all between {least} and {most} seconds")
        )
    ((usual, times),) = Counter(seconds).most_common(1)
    if times > 0.2 * len(seconds):
        raise Failed(
            f"{TOGETHER}: one TTL comes much more often than the others",
            shown,
            Plain(f"{usual} seconds, in {times} of {len(seconds)} calls"),
        )
    steps = Counter(round(after - before) for (_, before), (_, after) in itertools.pairwise(ttls))
    ((step, times),) = steps.most_common(1)
    if times > 0.3 * len(seconds):
        raise Failed(
            "each TTL follows from the one before: that is no chance, and programs that start together go on together",
            Plain("a TTL that is drawn by chance"),
            Plain(f"a step of {step} s from one to the next, in {times} of {len(seconds)} calls"),
        )


STORE_WITH_JITTER = Exercise(
    id="3.5",
    title="Not all at once",
    kind="stretch",
    question="""\
A thousand fruits are cached in the same second with the same TTL. They expire in the same second too, and all
readers go to the source at once. Write `store_with_jitter(redis_conn, key, value, ttl)`: it stores the value as
JSON, with a TTL drawn by chance between `ttl` and `1.2 * ttl` seconds, anew for each call, also for the same key.
The market can bear a price that is `1.2 * ttl` seconds old, and not a second older.""",
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
    why="the expiries spread over the window, and so does the load on the source. The upper end of the window is the "
    "promise of how old an answer may be. No chance goes beyond that end. (CacheAside takes its `ttl` for the upper "
    "end.) PX takes milliseconds, so that short TTLs spread as well; with EX and whole seconds it is as right here.",
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
