"""What the checks of cache-aside share: a source that counts, and what every read through a cache must do."""

import contextlib
import copy
import functools
import json
from collections.abc import Callable, Iterator

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Failed
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.common_checks import expect_whole_ttl
from redis_helpers.errors import CourseError

NO_TTL = "what is cached has no TTL: an old value stays for ever"


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


def some_fruit(trial: Trial) -> dict[str, object]:
    return {
        "name": f"{trial.word()} für 'uva'",
        "price": trial.number(2, 900) + 0.5,
        "crates": trial.number(2, 900),
        "organic": True,
        "season": None,
    }


def some_values(trial: Trial) -> tuple[object, ...]:
    """What a source may answer; half of it is false, for Python."""
    number = trial.number(2, 900)
    return (some_fruit(trial), [number, 2.5, str(number), None], f"{trial.word()} 'ü'", 0, "", [], {}, False)


def expect_same(why: str, expected: object, seen: object) -> None:
    """Equal, also in its parts: to Python, True is 1."""
    if type(seen) is not type(expected) or seen != expected or written(seen) != written(expected):
        raise Failed(why, expected, seen)


def written(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def tells_of_redis(error: BaseException | None) -> bool:
    """Whether this is an error of redis-py, or the one that RedisRepository makes of it."""
    return isinstance(error, (redis.RedisError, CourseError))


def expect_loaded(trial: Trial, args: Args, key: str, value: object) -> Source:
    """A miss: the function asks the source once, and returns what the source says."""
    source = Source(value)
    expect_same("on a miss, return what load() gives", value, trial.call(*args(key, source)))
    why = "the source must not work twice for one answer, it is the expensive part: load() is called once"
    trial.expect(why, 1, source.calls)
    return source


def expect_hit(trial: Trial, args: Args, key: str, source: Source) -> None:
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
    expect_same("the second call must answer from Redis, with the types as they were", value, answer)
    if any(entry.left is None or entry.left > 60_000 for entry in trial.state().values()):
        raise Failed(
            "reading gave the entry a new TTL: as long as readers come, an old price never ends",
            Plain("the 60 seconds that were left"),
            Plain("more"),
            cure="A hit only reads. The TTL is set when the value is stored, and never again.",
        )


def expect_json(trial: Trial, key: str, value: object) -> None:
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
    expect_same("the JSON in Redis is not the value that was loaded", value, stored)


def expect_ends(trial: Trial, key: str, ttl: float) -> None:
    """The key, and no other, is there, and ends in `ttl` seconds; up to a tenth earlier, as CacheAside does it."""
    if trial.redis.ttl(key) == -1:
        raise Failed(NO_TTL, Plain(f"a TTL of {ttl:g} seconds"), Plain("no TTL"))
    text = trial.redis.get(key)
    trial.expect_state("what is cached", {key: Ends(text, ttl, late=0.1 * ttl + 1)})


def expect_all_of_it(trial: Trial, args: Args, key: str, value: object, ttl: float) -> None:
    """The entry's TTL is not a second short each time. (It may be shorter by chance.)"""

    def call() -> float:
        trial.put({})
        trial.call(*args(key, Source(value)))
        return max((entry.left or 0 for entry in trial.state().values()), default=0) / 1000

    expect_whole_ttl(
        call, ttl, "the entry ends too early, each time: the source has to work more often than it was asked to"
    )


def expect_never_immortal(trial: Trial, args: Args, key: str, value: object) -> None:
    """Wherever the program dies, what it leaves ends by itself."""
    source = Source(value)
    trial.put({})
    trial.call(*args(key, source))
    sent = trial.commands
    for reached in trial.cuts(*args(key, source), prepare=lambda: trial.put({})):
        if any(entry.left is None for entry in trial.state().values()):
            raise Failed(
                f"the program died after its command number {reached} ({sent[reached - 1]}), and what it had stored "
                "never ends: an old value stays for ever. Storing and the TTL can be torn apart by a crash",
                cure="SET has the option EX: one command stores the value and its TTL.",
            )


def expect_error_of_load(trial: Trial, args: Args, key: str) -> None:
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
        expect_loaded(trial, args, key, "it is back")


def expect_error_of_save(trial: Trial, keys: tuple[str, ...], error: Exception, begin: Callable[[], None]) -> None:
    """The source cannot save the new price: the caller must learn of it, and the source is asked once."""
    calls = []

    def save_fails(price: object) -> None:
        calls.append(price)
        raise error

    begin()
    outcome = trial.attempt(*keys, save_fails, 250)
    if outcome.error is None:
        raise Failed(
            "the source could not save the price, and your function kept it to itself: its caller must learn of that",
            Plain("the error of save()"),
            Plain("no error"),
        )
    if outcome.error is not error:
        raise Crashed(outcome.error)
    trial.expect("the source could not save the price, and your function called save() again", 1, len(calls))


def expect_error_of_redis(trial: Trial, args: Args, key: str, value: object) -> None:
    """When Redis answers with an error, the caller learns of it, or gets what the source says."""
    trial.put({})
    trial.call(*args(key, Source(value)))
    for reached in range(len(trial.commands)):
        trial.put({})
        outcome = trial.attempt(*args(key, Source(value)), error_after=reached)
        if tells_of_redis(outcome.error):
            continue
        if outcome.error is not None:
            raise Crashed(outcome.error)
        why = (
            "Redis answered with an error, your function kept it to itself, and the customer was told what is not true"
        )
        expect_same(why, value, outcome.value)


def expect_end_in_between(trial: Trial, args: Args, key: str, entries: dict[str, object]) -> None:
    """The entry ends at any moment of the call: the answer is the old one, or what the source says now."""
    source = Source("what the source says now")
    with told_that_it_ended():
        trial.every_gap(
            "the entry ended between two of your commands, and the customer got neither the value that was there nor "
            "what the source says",
            args(key, source),
            before=lambda: trial.put({name: Ends(value, 60) for name, value in entries.items()}),
            rivals={"the entry ends": lambda: trial.redis.delete(*entries)},
        )


@contextlib.contextmanager
def told_that_it_ended() -> Iterator[None]:
    """An error of the learner's code that comes when the entry ends between two commands is told as such."""
    try:
        yield
    except Crashed as crash:
        if crash.story is None:
            raise
        raise Failed(
            f"the entry ended between two of your commands, and the customer got a {type(crash.error).__name__}: what "
            "was there at the first look may be gone at the second",
            story=crash.story,
            cure="One command can look and fetch: GET answers None when there is no such key.",
        ) from None


def written_as_text(check: Callable[[Trial], None]) -> Callable[[Trial], None]:
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
