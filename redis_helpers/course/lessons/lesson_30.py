"""Lesson 30: a second look, a lock that ends, a lock that is given back in any case, and one load for all."""

import contextlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from unittest import mock

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question, TooBusy
from redis_helpers.course.exercises.runner import Outcome
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.exercises.wire import Step
from redis_helpers.course.lessons.clock_checks import Clock
from redis_helpers.course.lessons.common_checks import cures, or_raised


def _elsewhere(act: Callable[[], object]) -> object:
    """In a thread of its own: what is sent there is not the function's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(act).result()


# 30.1


def _check_load_in_turn(trial: Trial) -> None:
    key, ttl, cents = trial.key("week"), trial.number(600, 900), trial.number(100, 999)
    with Clock(trial).shown() as clock:
        _expect_waits(trial, clock, key, ttl, [cents])
        for value in ({"cents": cents}, [cents, 0.5], None, 0, "", [], False):
            _expect_kept(trial, key, ttl, value)
        _expect_finds_what_is_false(trial, key, ttl)
        _expect_nothing_half(trial, key, ttl, [cents])
        _expect_takes_over(trial, key, ttl, [cents])
        _expect_taken_at_once(trial, key, ttl, [cents])
        _expect_one_load(trial, key, ttl, [cents])
        _expect_error_of_the_source(trial, key, ttl)
        _expect_errors_of_redis(trial, key, ttl, [cents])


LOAD_IN_TURN = Exercise(
    id="30.1",
    title="The second look",
    kind="change",
    question="""\
These readers load one after another. Change the code: a reader that gets the lock looks at the key once more. If the
answer is there now, it returns it, and does not load. An answer can be `None`, too: then the text `null` is stored.""",
    stub="""\
import json


def load_in_turn(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", timeout=5, sleep=0.005):
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value""",
    hints=(
        "The second look is the same three lines as the first one. Where must they stand, so that nobody can store in "
        "between?",
        "Inside the `with` block, above `load()`. A `return` there gives the lock back, too.",
    ),
    solution="""\
import json


def load_in_turn(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", timeout=5, sleep=0.005):
        cached = redis_conn.get(key)
        if cached is not None:
            return json.loads(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value""",
    why="what a reader saw before it waited is old. Only a look under the lock stays true until it is given back.",
    check=_check_load_in_turn,
)

# 30.2

NO_END = "the program was killed while it loaded, and its lock never ends: nobody ever loads this answer again"
WRONG_LEASE = (
    "the lock does not end after `lease` milliseconds. Too early, and two load at once; too late, and all wait for a "
    "dead program. Look at the unit of the time, and at when the lock is taken"
)
NOT_LOADED = "the lock was free: load, store the answer, and return it"
NOT_STORED = "the lock was free, and Redis does not hold the answer for `ttl` seconds now, and nothing else"
LOCK_IS_LEFT = "the answer is stored, and the lock is still there: the next ones wait until it ends"
ANOTHER_LOADS = "somebody else has the lock: return None at once, do not load, and change nothing"
TOOK_ANOTHERS = (
    "your load took longer than the lease, another program has the lock now, and your function has taken it away or "
    "changed it: a third program loads, too"
)
LATE_GETS_NOTHING = (
    "your load took longer than the lease, and its caller does not get what was loaded: the customer has waited for "
    "nothing"
)
SAME_TOKEN = (
    "each call writes the same text into the lock: when your lease has ended and another program has the lock, your "
    "function takes it for its own"
)
CLIENTS_CLOCK = "on a computer whose clock is an hour ahead, the lock ends at another time. Whose clock counts?"


def _check_load_alone(trial: Trial) -> None:
    key, ttl, cents = trial.key("week"), trial.number(600, 900), trial.number(100, 999)
    lock, lease = f"{key}:lock", 1000 * trial.number(20, 40) + trial.number(300, 700)
    with cures(
        {
            NO_END: "SET takes the lock and gives it its time in one command: nx=True and px=lease.",
            WRONG_LEASE: "PX counts milliseconds, EX seconds: px=lease, in the SET that takes the lock.",
            CLIENTS_CLOCK: "Hand over how long the lock lasts (PX), not when it ends: the server counts.",
            SAME_TOKEN: "Write a new random text into the lock in each call: secrets.token_hex(8).",
            TOOK_ANOTHERS: "Put a random token into the lock, and delete it by a script that compares the token.",
            NOT_STORED: "Store the JSON with ex=ttl, then give the lock back.",
            TOO_EARLY: "Store first, then give the lock back.",
        }
    ):
        _expect_lease(trial, key, ttl, cents)
        _expect_alone(trial, key, ttl, lease)
        _expect_own_lock_only(trial, (key, Source([cents]).load, ttl, lease), lock)
        _expect_lock_ends(trial, (key, Source([cents]).load, ttl, lease), lock)
        _expect_stored_first(trial, (key, ttl, lease), {})
        _expect_error_goes_through(trial, key, (ttl, lease))
        _expect_refusals_are_told(trial, (key, Source([cents]).load, ttl, lease), {})


def _expect_lease(trial: Trial, key: str, ttl: int, cents: int) -> None:
    """What others see of the lock while load() runs. Each call has a token of its own."""
    lock, tokens = f"{key}:lock", set()
    for lease in (1000 * trial.number(20, 40) + trial.number(300, 700), trial.number(1350, 1450), 90_300):
        for _ in range(20):
            trial.put({})
            begin = time.monotonic()
            source = Source([cents], look=lambda: (trial.redis.pttl(lock), trial.redis.get(lock)))
            answer = trial.call(key, source.load, ttl, lease)
            took = 1000 * (time.monotonic() - begin)
            if took < 300:
                break
        else:
            raise TooBusy
        if not source.seen:
            raise Failed(NOT_LOADED, [cents], answer)
        left, token = source.seen[0]
        shown = Plain(f"{lease} milliseconds")
        if left == -1:
            raise Failed(NO_END, shown, Plain("no TTL"))
        if not lease - took - 2 <= left <= lease + 2:
            raise Failed(WRONG_LEASE, shown, Plain("no lock while load() runs" if left < 0 else f"{left} milliseconds"))
        if token in tokens:
            trial.expect_value(LOCK_IS_LEFT, lock, None)
            raise Failed(SAME_TOKEN)
        tokens.add(token)
    with (
        mock.patch("time.time", _an_hour_ahead(time.time)),
        mock.patch("time.time_ns", _an_hour_ahead(time.time_ns)),
    ):
        trial.put({})
        source = Source([cents], look=lambda: trial.redis.pttl(lock))
        trial.call(key, source.load, ttl, 90_300)
    if not source.seen or not 80_000 <= source.seen[0] <= 90_302:
        raise Failed(CLIENTS_CLOCK)


def _an_hour_ahead(clock: Callable[[], float]) -> Callable[[], float]:
    hour = 3600 if isinstance(clock(), float) else 3600 * 10**9

    def ahead() -> float:
        return clock() + hour

    return ahead


def _expect_alone(trial: Trial, key: str, ttl: int, lease: int) -> None:
    """One program after the other."""
    lock = f"{key}:lock"
    for value in ({"cents": trial.number(100, 999)}, [0.5, "ü"], None, 0, ""):
        trial.put({})
        source = Source(value)
        trial.expect(NOT_LOADED, value, trial.call(key, source.load, ttl, lease))
        trial.expect("the source must not work twice for one answer: load() is called once", 1, source.calls)
        text = trial.redis.get(key)
        if text is None:
            raise Failed(NOT_STORED, json.dumps(value), Plain("nothing under the key"))
        trial.expect(NOT_STORED, value, _json_in(text, value))
        trial.expect_value(LOCK_IS_LEFT, lock, None)
        trial.expect_state(NOT_STORED, {key: Ends(text, ttl)})
    for held in (Ends("token of B", 15), "token of B"):
        trial.put({lock: held})
        source = Source([1])
        answer = trial.call(key, source.load, ttl, lease)
        if answer is not None or source.calls:
            raise Failed(ANOTHER_LOADS, None, answer)
        trial.expect_state(ANOTHER_LOADS, {lock: held})


def _json_in(text: str, value: object) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise Failed("what is cached is not JSON: other programs cannot read it", json.dumps(value), text) from None


def _expect_own_lock_only(trial: Trial, args: tuple, lock: str) -> None:
    """In each gap, also while load() runs: our lease ends, and B takes the lock."""
    key, loaded = args[0], args[1]()

    def b_takes_it() -> None:
        trial.redis.set(lock, "token of B", px=20_000)

    def view() -> object:
        return trial.redis.get(lock), bool(trial.redis.exists(key))

    def allowed(run: Run, seen: object) -> bool:
        """Whether a late answer is stored is not asked. Its caller gets it."""
        return run.outcomes[0].value == loaded and trial.redis.get(lock) == "token of B"

    def why(run: Run) -> str:
        is_kept = trial.redis.get(lock) == "token of B"
        return or_raised(LATE_GETS_NOTHING if is_kept else TOOK_ANOTHERS)(run)

    trial.every_gap(
        why,
        args,
        before=lambda: None,
        rivals={"the lease ends, B takes the lock": b_takes_it},
        view=view,
        allowed=allowed,
    )


def _expect_lock_ends(trial: Trial, args: tuple, lock: str) -> None:
    """The program is killed after each of its commands."""
    key = args[0]
    trial.put({})
    trial.call(*args)
    for _ in trial.cuts(*args, prepare=lambda: trial.put({})):
        left = trial.state()
        if lock in left and left[lock].left is None:
            raise Failed(NO_END)
        if key in left and left[key].left is None:
            raise Failed("a program that was killed at the wrong moment left a copy without a TTL")


def _expect_error_goes_through(trial: Trial, key: str, more: tuple, before: dict[str, object] | None = None) -> None:
    """What load() raises is the caller's, load() is called once, and nothing is stored."""
    for error in (NoSuchMonth("no such month"), OSError("the database is gone"), KeyError("uva")):
        trial.put(before or {})
        source = Source(None, error)
        outcome = trial.attempt(key, source.load, *more)
        if outcome.error is None:
            raise Failed(
                "when load() raises, the caller does not learn of it: the customer sees an answer that is none",
                Plain(type(error).__name__),
                Plain(f"the answer {outcome.value!r}"),
            )
        if outcome.error is not error:
            raise Failed(
                "when load() raises, the caller gets another error, and cannot tell what went wrong",
                Plain(type(error).__name__),
                Plain(type(outcome.error).__name__),
            )
        trial.expect("a source in trouble gets twice the work: load() is called once", 1, source.calls)
        trial.expect_value("load() has raised, and something is stored: there is no answer to keep", key, None)


LOAD_ALONE = Exercise(
    id="30.2",
    title="A lock that ends",
    kind="change",
    question="""\
This program loads under a lock. When it is killed while it loads, the lock stays for ever. Change it: the lock is a
lease, and ends by itself after `lease` **milliseconds**, whenever the program is killed. After a load, it is
still given back at once.

A load can take longer than its lease. Then somebody else may have the lock already, and your function must leave that
lock alone. Its caller gets what was loaded all the same.""",
    stub="""\
import json


def load_alone(redis_conn, key, load, ttl, lease):
    lock = key + ":lock"
    if not redis_conn.set(lock, "taken", nx=True):
        return None  # somebody else loads
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    redis_conn.delete(lock)
    return value""",
    hints=(
        "Two things change: how the lock is taken, and how it is given back. `px=` counts milliseconds.",
        "Only a holder knows its own token: `secrets.token_hex(8)`, new in each call.",
        "Lesson 19 gives a lock back by a script that compares the token. (With `redis_conn.lock`: what does it raise "
        "when the lease is over? `raise_on_release_error=False` counts at the end of a `with` block only.)",
    ),
    solution='''\
import json
import secrets

RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then  -- not ours any more
  return 0
end
return redis.call('DEL', KEYS[1])
"""


def load_alone(redis_conn, key, load, ttl, lease):
    lock = key + ":lock"
    token = secrets.token_hex(8)
    if not redis_conn.set(lock, token, nx=True, px=lease):
        return None  # somebody else loads
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    redis_conn.eval(RELEASE, 1, lock, token)
    return value''',
    why="a dead program blocks the others for one lease, and no longer. And who comes late takes nothing away from the "
    "one who loads now.",
    check=_check_load_alone,
)

# 30.3

STAYS = "load() raised, and the lock is still there: all others wait for a load that has failed"
STAYS_AFTER_CTRL_C = (
    "Ctrl-C came while load() ran, and the lock is still there: all others wait for a load that nobody does. "
    "KeyboardInterrupt is no Exception"
)
STAYS_AFTER = "what load() gave cannot be written as JSON, and the lock is still there: all others wait for nothing"
GIVEN_ANOTHERS = "the lease was over, another program had the lock, and your function took it away or changed it"
NOT_KEPT = "load() gave an answer, and what is in Redis afterwards is not right: the answer, for `ttl` seconds"
KEPT_LOCK = "the answer is stored, and the lock is still there: the next ones wait until it ends"
TOO_EARLY = (
    "the lock was given back before the answer was stored: whoever takes it in between looks, finds nothing, and loads "
    "too"
)


def _check_load_and_release(trial: Trial) -> None:
    key, ttl, token = trial.key("week"), trial.number(600, 900), f"{trial.word()} 'ü'"
    lock, more = f"{key}:lock", (ttl, token)
    ours = {lock: Ends(token, 20)}
    with cures(
        {
            STAYS: "`finally:` is run in any case, after an error too: give the lock back there.",
            STAYS_AFTER_CTRL_C: "`except Exception` does not catch it. `finally:` is run in any case.",
            STAYS_AFTER: "json.dumps can raise, too: both belong in the `try`.",
            GIVEN_ANOTHERS: "Give it back by the script only: it compares the token.",
            TOO_EARLY: "Store first, then give the lock back.",
        }
    ):
        for value in ({"cents": trial.number(100, 999)}, [0.5, "ü"], None, 0, ""):
            trial.put(ours)
            source = Source(value)
            answer = trial.call(key, source.load, *more)
            trial.expect("return what load() gives", value, answer)
            trial.expect("the source must not work twice for one answer: load() is called once", 1, source.calls)
            text = trial.redis.get(key)
            if text is None:
                raise Failed(NOT_KEPT, json.dumps(value), Plain("nothing under the key"))
            trial.expect(NOT_KEPT, value, _json_in(text, value))
            trial.expect_value(KEPT_LOCK, lock, None)
            trial.expect_state(NOT_KEPT, {key: Ends(text, ttl)})
        _expect_stored_first(trial, (key, *more), ours)
        _expect_error_goes_through(trial, key, more, ours)
        trial.put(ours)
        trial.attempt(key, Source(None, NoSuchMonth("no such month")).load, *more)
        trial.expect_value(STAYS, lock, None)
        _expect_no_json_is_told(trial, key, more, ours)
        _expect_others_lock_stays(trial, key, more, ours)
        _expect_refusals_are_told(trial, (key, Source([7]).load, *more), ours)
        _expect_ctrl_c_goes_through(trial, key, more, ours)


def _expect_stored_first(trial: Trial, args: tuple, before: dict[str, object]) -> None:
    """Once load() is over, there is the lock, or the answer, or both."""
    key, *more = args
    source = Source([7])

    def anew() -> None:
        trial.put(before)
        source.calls = 0

    anew()
    trial.call(key, source.load, *more)
    for _ in trial.cuts(key, source.load, *more, prepare=anew):
        left = trial.state()
        if source.calls and not left:
            raise Failed(TOO_EARLY)
        if any(found.left is None for found in left.values()):
            raise Failed("a program that is killed at the wrong moment leaves something that never ends")


def _expect_no_json_is_told(trial: Trial, key: str, more: tuple, ours: dict[str, object]) -> None:
    """load() gives a set: json.dumps raises."""
    trial.put(ours)
    outcome = trial.attempt(key, Source({"uva"}).load, *more)
    if not isinstance(outcome.error, TypeError):
        raise Failed(
            "what load() gave cannot be written as JSON, and the caller does not learn of it",
            Plain("the TypeError of json.dumps"),
            Plain(f"the answer {outcome.value!r}" if outcome.error is None else type(outcome.error).__name__),
        )
    trial.expect_value(STAYS_AFTER, f"{key}:lock", None)
    trial.expect_state(STAYS_AFTER, {})


def _expect_ctrl_c_goes_through(trial: Trial, key: str, more: tuple, ours: dict[str, object]) -> None:
    trial.put(ours)
    outcome = trial.attempt(key, Source(None, KeyboardInterrupt()).load, *more)
    trial.expect_value(STAYS_AFTER_CTRL_C, f"{key}:lock", None)
    if not isinstance(outcome.error, KeyboardInterrupt):
        raise Failed("Ctrl-C came while load() ran, and your function kept it to itself: nobody can stop it")


def _expect_others_lock_stays(trial: Trial, key: str, more: tuple, ours: dict[str, object]) -> None:
    """Another program takes the lock at any moment, whether load() gives an answer or raises."""
    lock = f"{key}:lock"

    def b_takes_it() -> None:
        trial.redis.set(lock, "token of B", px=20_000)

    def view() -> object:
        return trial.redis.get(lock)

    def allowed(run: Run, seen: object) -> bool:
        return run.outcomes[0].error is None and seen == "token of B"

    trial.every_gap(
        or_raised(GIVEN_ANOTHERS),
        (key, Source([7]).load, *more),
        before=lambda: trial.put(ours),
        rivals={"the lease ends, B takes the lock": b_takes_it},
        view=view,
        allowed=allowed,
    )
    theirs: dict[str, object] = {lock: Ends("token of B", 20)}
    for source in (Source(None, NoSuchMonth("no such month"), look=b_takes_it), Source(None, NoSuchMonth("none"))):
        trial.put(theirs)
        trial.attempt(key, source.load, *more)
        trial.expect_state(GIVEN_ANOTHERS, theirs)


def _expect_refusals_are_told(trial: Trial, args: tuple, before: dict[str, object]) -> None:
    """Redis has no room, from each command on, and says so. (Whose answer is stored has done its work.)"""
    trial.put(before)
    trial.call(*args)
    for reached in range(len(trial.commands)):
        trial.put(before)
        outcome = trial.attempt(*args, error_after=reached)
        if outcome.error is None and not trial.redis.exists(args[0]):
            raise Failed(
                "Redis answered with an error (it has no room left), and your function kept it to itself: nobody "
                "learns that nothing is cached any more",
                Plain("the error of Redis"),
                Plain(f"the answer {outcome.value!r}"),
            )
        if outcome.error is not None and not isinstance(outcome.error, redis.RedisError):
            raise Crashed(outcome.error)


LOAD_AND_RELEASE = Exercise(
    id="30.3",
    title="Given back in any case",
    kind="change",
    question="""\
This program has got the lock: `token` stands in it. It loads, stores, and gives the lock back. But when `load()`
raises, or what it gives cannot be written as JSON, the lock stays. Change the code: whatever goes wrong (Ctrl-C, too),
the lock is given back, if it still holds `token`. Nothing is stored then, and the caller gets the error.""",
    stub='''\
import json

RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
"""


def load_and_release(redis_conn, key, load, ttl, token):
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    redis_conn.eval(RELEASE, 1, key + ":lock", token)
    return value''',
    hints=(
        "Which words of Python run a line in any case, also when an error comes?",
        "`try:` and `finally:`. What can raise stands in the `try` block, and the line with `RELEASE` in the `finally` "
        "block. No `except` is needed: the error goes on to the caller by itself.",
    ),
    solution='''\
import json

RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
"""


def load_and_release(redis_conn, key, load, ttl, token):
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    finally:
        redis_conn.eval(RELEASE, 1, key + ":lock", token)
    return value''',
    why="an error is quick, so nobody has to wait for the rest of the lease. `with redis_conn.lock(…)` does the same.",
    check=_check_load_and_release,
)

# 30.4

TAKE_WITH_TIME = (
    "Take the lock and give it its time in one command: SET with nx=True and px, or `redis_conn.lock` with timeout."
)
POLLS = 430  # so often a reader asks for the lock that another holds: more than two seconds, at 5 ms each
SOON = 20  # questions, of which the quickest in a row show the pause between two


class NoSuchMonth(Exception):
    """What a source raises."""


class Source:
    """The source behind the cache: counts its loads, and may fail. `look` is done in each load."""

    def __init__(
        self, value: object, error: BaseException | None = None, look: Callable[[], object] | None = None
    ) -> None:
        self.value, self.error = value, error
        self.calls = 0
        self.seen: list[object] = []
        self._look = look

    @property
    def load(self) -> Callable[[], object]:
        def load() -> object:
            self.calls += 1
            if self._look:
                self.seen.append(_elsewhere(self._look))
            if self.error:
                raise self.error
            return self.value

        return load


def _check_load_once(trial: Trial) -> None:
    key, ttl, cents = trial.key("june"), trial.number(600, 900), trial.number(100, 999)
    with Clock(trial).shown() as clock:
        _expect_lock_while_loading(trial, key, ttl, {"cents": cents})
        for value in ({"cents": cents}, [cents, 0.5], None, 0, "", [], False):
            _expect_kept(trial, key, ttl, value)
        _expect_nothing_half(trial, key, ttl, [cents])
        _expect_waits(trial, clock, key, ttl, [cents])
        _expect_finds_what_is_false(trial, key, ttl)
        _expect_takes_over(trial, key, ttl, [cents])
        _expect_taken_at_once(trial, key, ttl, [cents])
        _expect_one_load(trial, key, ttl, [cents])
        _expect_error_of_the_source(trial, key, ttl)
        _expect_errors_of_redis(trial, key, ttl, [cents])


def _expect_lock_while_loading(trial: Trial, key: str, ttl: int, value: object) -> None:
    """What others see of the lock while load() runs."""
    lock = f"{key}:lock"
    for _ in range(5):
        trial.put({})
        begin = time.monotonic()
        source = Source(value, look=lambda: (trial.redis.pttl(lock), 1000 * (time.monotonic() - begin)))  # noqa: B023
        trial.call(key, source.load, ttl)
        if not source.seen:
            raise Failed("nothing was cached, and load() was not called: the customer gets nothing")
        (left, took), *_ = source.seen
        if took > 1500:
            continue  # the machine stood still, and the lock may have ended: once more
        if 2000 - took - 50 <= left <= 2000:
            return
        if left == -1:
            raise Failed(
                "a reader who dies while it loads leaves a lock without a TTL: nobody will ever load again",
                cure=TAKE_WITH_TIME,
            )
        if not any(lock in words for step in trial.call_seen.steps for words in step.commands):
            raise Failed(
                "no lock was taken: while one reader loads, all others who miss load too. It lies under the key with "
                "`:lock` behind it"
            )
        raise Failed(
            "the lock of a reader that has died must end after 2 s, and the lock of one that loads not before: look "
            "at its time, its unit, and at when it is taken and given back",
            Plain("about 2000 ms left while load() runs"),
            Plain("no lock while load() runs" if left < 0 else f"{left} ms left"),
        )
    raise TooBusy


def _expect_kept(trial: Trial, key: str, ttl: int, value: object) -> None:
    """One miss and one hit."""
    trial.put({})
    source = Source(value)
    shown = f"after load() gave {value!r}: " if not value else ""
    answer = trial.call(key, source.load, ttl)
    trial.expect(f"{shown}on a miss, return what load() gives", value, answer)
    trial.expect(f"{shown}on a miss, call load() once", 1, source.calls)
    text = trial.redis.get(key)
    if text is None:
        raise Failed(f"{shown}nothing was cached, so each reader asks the source again. Keep whatever load() gives")
    try:
        stored = json.loads(text)
    except ValueError:
        raise Failed(
            f"{shown}what is cached is not JSON: other programs cannot read it", json.dumps(value), text
        ) from None
    trial.expect(f"{shown}the JSON in Redis is not the value that was loaded", value, stored)
    trial.expect_ttl("customers must see a cached value for `ttl` seconds, and then no more", key, ttl - 2, ttl)
    trial.expect_value("after the load the lock is still there: the next ones wait until it ends", f"{key}:lock", None)
    trial.expect_state("cache the value, give the lock back, and leave nothing else", {key: Ends(text, ttl)})

    there = {key: Ends(text, 300)}
    trial.put(there)
    answer = trial.call(key, source.load, ttl)
    trial.expect(f"{shown}what is cached was loaded again", 1, source.calls)
    trial.expect(f"{shown}return what is cached", value, answer)
    trial.expect("a hit costs one GET, and has nothing to do with the lock", ["GET"], trial.commands)
    trial.expect_state("a hit changes nothing", there)


def _expect_error_of_the_source(trial: Trial, key: str, ttl: int) -> None:
    trial.put({})
    outcome = trial.attempt(key, Source(None, NoSuchMonth("no such month")).load, ttl)
    if outcome.finished and not isinstance(outcome.error, NoSuchMonth):
        raise Failed(
            "when load() raises, the caller does not learn of it: the customer sees an answer that is none",
            Plain("NoSuchMonth"),
            Plain(f"the answer {outcome.value!r}" if outcome.error is None else type(outcome.error).__name__),
        )
    trial.expect_value(
        "when load() raises, the lock stays: all others wait for a load that has failed", f"{key}:lock", None
    )
    trial.expect_state("when load() raises, something is left in Redis: there is nothing to keep", {})


def _expect_nothing_half(trial: Trial, key: str, ttl: int, value: object) -> None:
    """The reader dies after each of its commands."""
    lock, source = f"{key}:lock", Source(value, look=lambda: "(cut)" in trial.call_seen.commands)
    trial.put({})
    trial.call(key, source.load, ttl)
    begin = time.monotonic()

    def prepare() -> None:
        nonlocal begin
        trial.put({})
        source.seen, begin = [], time.monotonic()

    for _ in trial.cuts(key, source.load, ttl, prepare=prepare):
        sent = trial.commands
        if any(name != "(cut)" for name in sent[sent.index("(cut)") :]):
            continue  # something reached Redis after the cut
        left = trial.state()
        if lock in left and left[lock].left is None:
            raise Failed(
                "a reader who dies after it took the lock leaves one without a TTL: nobody will ever load again",
                cure=TAKE_WITH_TIME,
            )
        if key in left and left[key].left is None:
            raise Failed("a reader who dies at the wrong moment leaves a copy without a TTL: it is shown for ever")
        if False in source.seen and not left and time.monotonic() - begin < 1.5:
            raise Failed(
                "the lock was given back before the value was stored: whoever takes it in between looks, finds "
                "nothing, and loads too"
            )
        if odd := left.keys() - {key, lock}:
            raise Failed("a reader who dies leaves a key that nobody asked for", None, odd.pop())


class _Enough(BaseException):
    """Ends a function that waits for ever."""


@dataclass
class _Waiting:
    """What a reader does that waits for the lock of another. After `polls` questions, `act()` is done, once."""

    trial: Trial
    clock: Clock
    lock: str
    polls: int
    act: Callable[[], object]
    times: list[float] = field(default_factory=list)  # of the questions for the lock
    acted: bool = False
    _steps: list[float] = field(default_factory=list)

    def attempt(self, *args: object) -> Outcome:
        return self.trial.attempt(*args, between=self._take_over)

    def _take_over(self) -> None:
        self.trial.call_seen.turn = self._turn
        self.times.append(self.clock.now())

    def _turn(self, step: Step) -> None:
        self._steps.append(self.clock.now())
        if self.acted:
            if len(self._steps) > 100:
                raise _Enough
            return
        if any(self.lock in words for words in step.commands):
            self.times.append(self.clock.now())
        if len(self.times) >= self.polls or len(self._steps) >= 3 * self.polls:
            self.acted = True
            _elsewhere(self.act)
            if len(self.times) < self.polls:  # a script builds the lock's name itself
                self.times = self._steps[:]
            self._steps = []


def _expect_waits(trial: Trial, clock: Clock, key: str, ttl: int, value: object) -> None:
    """Another reader holds the lock for more than two seconds, stores its value, and gives the lock back."""
    lock, holder, source = f"{key}:lock", trial.word(), Source(value)
    trial.put({lock: Ends(holder, 600)})
    kept = []

    def is_kept() -> bool:
        return trial.redis.get(lock) == holder and trial.redis.pttl(lock) > 300_000

    def finish() -> None:
        kept.append(is_kept())
        trial.redis.pipeline().set(key, json.dumps([value]), ex=ttl).delete(lock).execute()

    waiting = _Waiting(trial, clock, lock, POLLS, finish)
    outcome = waiting.attempt(key, source.load, ttl)
    if isinstance(outcome.error, Exception):
        raise Crashed(outcome.error)
    if not waiting.acted and (len(waiting.times) > SOON or is_kept()):
        raise Failed(
            "another reader holds the lock, and your function did not wait for its value: it loaded itself, or gave "
            "up. With a thousand readers that is a thousand loads",
            Plain("the value that the other stores"),
            Plain(f"{'1 load, and ' * bool(source.calls)}the answer {outcome.value!r}"),
        )
    if not (kept and kept[0]):
        raise Failed(
            "a reader that does not hold the lock took away the lock of the one who loads, or changed it or its TTL: "
            "the next ones load too, or wait too long",
            cure="Give the lock back only where you have got it, and take it only where nobody has it (nx=True).",
        )
    if isinstance(outcome.error, _Enough):
        raise Failed("the other reader has stored its value and given the lock back, and your function waits for ever")
    trial.expect(
        "a reader who waited for the lock loads what the one before has just stored. Look at what a reader knows of "
        "the key when it gets the lock",
        0,
        source.calls,
    )
    trial.expect("a reader who waited for the lock must get the value too", [value], outcome.value)
    trial.expect_value("a reader who waited for the lock got it, found the value, and kept the lock", lock, None)
    _expect_pause(waiting.times)


def _expect_finds_what_is_false(trial: Trial, key: str, ttl: int) -> None:
    """Another reader holds the lock, and stores an answer that is false in an `if`."""
    lock = f"{key}:lock"
    for value in (None, 0, "", [], False):
        source = Source([1])
        trial.put({lock: Ends(trial.word(), 600)})

        def finish(text: str = json.dumps(value)) -> None:
            trial.redis.pipeline().set(key, text, ex=ttl).delete(lock).execute()

        outcome = _Waiting(trial, Clock(trial), lock, 4, finish).attempt(key, source.load, ttl)
        if isinstance(outcome.error, Exception):
            raise Crashed(outcome.error)
        trial.expect(
            f"the reader before has stored {json.dumps(value)}, and the reader who waited loads again. That is an "
            "answer, too: only where GET gives None there is none",
            0,
            source.calls,
        )
        if isinstance(outcome.error, _Enough):
            raise Failed(f"the reader before has stored {json.dumps(value)}, and your function waits for ever")
        trial.expect("a reader who waited for the lock must get the value too", value, outcome.value)


def _expect_pause(times: list[float]) -> None:
    """The quickest questions show it, however busy the machine is."""
    pause = min(((late - early) / SOON for early, late in zip(times, times[SOON:], strict=False)), default=0)
    seen = Plain(f"about {1000 * pause:.3g} ms between two questions")
    if pause < 0.002:
        raise Failed(
            "a reader who waits for the lock asks without a pause: a hundred of them keep Redis busy with nothing else",
            Plain("5 ms"),
            seen,
        )
    if pause > 0.02:
        raise Failed(
            "a reader who waits for the lock asks too seldom: the value is there, and the customer still waits",
            Plain("5 ms"),
            seen,
        )


def _expect_takes_over(trial: Trial, key: str, ttl: int, value: object) -> None:
    """The reader that holds the lock has died: the lock ends, and nothing was stored."""
    lock = f"{key}:lock"
    source = Source(value, look=lambda: trial.redis.exists(lock))
    trial.put({lock: Ends(trial.word(), 600)})
    waiting = _Waiting(trial, Clock(trial), lock, 4, lambda: trial.redis.delete(lock))
    outcome = waiting.attempt(key, source.load, ttl)
    if isinstance(outcome.error, Exception):
        raise Crashed(outcome.error)
    if isinstance(outcome.error, _Enough) or source.calls != 1:
        raise Failed(
            "the reader that held the lock has died, the lock has ended, and nothing is stored: one of those who wait "
            "must load now, and yours does not"
        )
    if source.seen != [1]:
        raise Failed(
            "the reader that held the lock has died, and yours loads without taking the lock: a hundred who waited all "
            "load at once"
        )
    trial.expect("who takes over from a dead reader loads, and returns the value", value, outcome.value)


def _expect_taken_at_once(trial: Trial, key: str, ttl: int, value: object) -> None:
    """At each moment in turn, another reader takes the lock, if it is free. Some steps later it has stored."""
    lock, source, holder = f"{key}:lock", Source(value), trial.word()

    def take() -> bool:
        return not trial.redis.exists(key) and bool(trial.redis.set(lock, holder, nx=True, px=600_000))

    def finish() -> None:
        if trial.redis.get(lock) == holder:
            trial.redis.pipeline().set(key, json.dumps([value]), ex=ttl).delete(lock).execute()

    trial.put({})
    trial.call(key, source.load, ttl)
    for gap in range(2, len(trial.call_seen.steps) + 1):
        number, taken = 1, False

        def turn(step: Step | None, gap: int = gap) -> None:
            nonlocal number, taken
            number += 1
            if number == gap:
                taken = _elsewhere(take)
            elif number == gap + 6 and taken:
                _elsewhere(finish)
            elif number > gap + 100:
                raise _Enough

        def take_over(turn: Callable[[Step | None], None] = turn) -> None:
            trial.call_seen.turn = turn
            turn(None)

        trial.put({})
        source.calls = 0
        outcome = trial.attempt(key, source.load, ttl, between=take_over)
        if isinstance(outcome.error, Exception):
            raise Crashed(outcome.error)
        if taken and (source.calls or outcome.value != [value]):
            raise Failed(
                "two readers asked for the lock at the same moment, and both got it: both load. Look at what can "
                "happen between your look at the lock and your taking it"
            )


MOST_RUNS = 40  # of the orders of two readers: the later ones differ in how often one asks for the lock


class _Tried(Exception):
    """The orders that matter have been tried."""


def _expect_one_load(trial: Trial, key: str, ttl: int, value: object) -> None:
    """Two readers miss at once; and the entry may end at any moment."""
    lock, source, runs, begin = f"{key}:lock", Source(value), -1000, 0.0

    def before() -> None:
        nonlocal runs, begin
        source.calls, runs, begin = 0, runs + 1, time.monotonic()
        if runs > MOST_RUNS:
            raise _Tried

    def view() -> object:
        return {name: (found.value, found.left is not None) for name, found in trial.state().items()}, source.calls

    def stood_still(run: Run, seen: object) -> bool:
        """The machine has: the lock may have ended in between."""
        return time.monotonic() - begin > 1.5

    def why(run: Run) -> str:
        outcomes = [outcome for outcome, call in zip(run.outcomes, run.calls, strict=True) if call is not None]
        if any(outcome.error is not None or outcome.value != value for outcome in outcomes):
            return "two readers missed at once, or the entry ended, and a reader got something else than the value"
        if trial.redis.exists(lock):
            return "two readers missed at once, both have the value, and the lock is still there: the next ones wait"
        if source.calls > 1:
            return (
                "two readers missed at once, and both asked the source: with a thousand readers it is a thousand "
                "loads, one after another. Look at what a reader knows of the key when it gets the lock"
            )
        return "two readers missed at once, or the entry ended, and what is left in Redis is not right"

    def another_reader() -> None:
        """A right one, which is quick. Where the lock is taken, it waits until all is over."""
        if not trial.redis.exists(key, lock):
            trial.redis.set(key, json.dumps(source.load()), ex=ttl)

    args = (key, source.load, ttl)
    ends = {"the entry ends": lambda: trial.redis.delete(key)}
    trial.orders(
        why, {"your function": args}, before, {"another reader loads": another_reader, **ends}, view, stood_still
    )
    runs = 0
    with contextlib.suppress(_Tried):
        trial.orders(why, {"reader A": args, "reader B": args}, before, None, view, stood_still)


def _expect_errors_of_redis(trial: Trial, key: str, ttl: int, value: object) -> None:
    source = Source(value)
    trial.put({})
    trial.call(key, source.load, ttl)
    for reached in range(len(trial.commands)):
        trial.put({})
        outcome = trial.attempt(key, source.load, ttl, error_after=reached)
        if outcome.error is None and not trial.redis.exists(
            key
        ):  # who only cannot give the lock back has done its work
            raise Failed(
                "Redis answered with an error (it has no room left), and your function kept it to itself: nobody "
                "learns that nothing is cached any more",
                Plain("the error of Redis"),
                Plain(f"the answer {outcome.value!r}"),
            )
        if outcome.error is not None and not isinstance(outcome.error, redis.RedisError):
            raise Crashed(outcome.error)
    there = {key: ["no text"]}
    trial.put(there)
    if not isinstance(trial.attempt(key, source.load, ttl).error, redis.ResponseError):
        raise Failed(
            "a list is under the key, Redis says so (WRONGTYPE), and the caller of your function does not learn of it"
        )
    trial.expect_state("Redis answered with an error (WRONGTYPE): everything must stay as it is", there)


LOAD_ONCE = Exercise(
    id="30.4",
    title="One load for all",
    kind="write",
    question="""\
Write `load_once(redis_conn, key, load, ttl)`: cache-aside that loads once, however many readers miss.

- It stores JSON for `ttl` seconds, whatever `load()` gives, also `None`.
- The lock is `key + ":lock"`. It ends by itself after 2 s (no load takes that long).
- A reader that does not get the lock asks again after 5 ms, for as long as it takes.
- The lock is given back also when `load()` raises.
- A hit is one `GET`.""",
    stub="""\
def load_once(redis_conn, key, load, ttl):
    # your code here
    ...""",
    hints=(
        "First the six lines' beginning: GET, and return on a hit. Then wait for the lock: `redis_conn.lock` does, or "
        "a loop with `SET` and `time.sleep`.",
        "Once you hold the lock, GET again: somebody may have stored it while you waited.",
        "`try:` look, and if nothing is there load and store; `finally:` give the lock back. So it is given back after "
        "storing, whatever happens. (`with redis_conn.lock(…)` is such a `try` and `finally`.)",
    ),
    solution="""\
import json


def load_once(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", timeout=2, sleep=0.005):
        cached = redis_conn.get(key)
        if cached is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
    return json.loads(cached)""",
    why="the second look finds what the one before you stored. A load of more than 2 s would lose this lock: that is "
    "why `CacheAside` renews its lease, for 10 s at most.",
    check=_check_load_once,
)

EXERCISES = (LOAD_IN_TURN, LOAD_ALONE, LOAD_AND_RELEASE, LOAD_ONCE)

QUIZ = (
    Question(
        "A shop has four servers. Each puts a lock of Python (`threading.Lock`) around its load, with a second look. "
        "The answer ends, and all customers ask at once. How often is the source asked?",
        (
            ("Once", "A lock of Python is in the memory of one process. The other servers do not know of it."),
            ("Four times at most", "Once for each process. For a few servers, that is often enough."),
            ("Once for each customer", "Within one process the lock and the second look leave one load."),
        ),
        answer="b",
    ),
    Question(
        "Every night at three, one of ten servers makes the price list, under a lock. Each server that gets the lock "
        "makes the list, and then gives the lock back. In the morning the list has been made ten times. What is "
        "missing?",
        (
            (
                "A look under the lock: is today's list there already?",
                "All ten wanted the lock, and got it one after another.",
            ),
            ("A longer lease for the lock", "No lease ended too early: each server gave its lock back itself."),
            ("A token for each server in the lock", "Nobody took away a lock of somebody else here."),
        ),
        answer="a",
    ),
    Question(
        "A report takes 20 seconds as a rule, and 50 on a bad day. Its lock lives for 30 seconds, and is not renewed. "
        "What happens on a bad day?",
        (
            ("The report is stopped after 30 seconds", "Redis deletes a key. It knows nobody who works under it."),
            ("The others wait for all of the 50 seconds", "They wait for the lock, and that is free after 30."),
            ("A second one begins the report after 30 seconds", "The lock is free, and nothing is stored yet."),
        ),
        answer="c",
    ),
    Question(
        "The source is gone for a minute: each load raises an error after 10 ms. Readers use a lock with a lease of 5 "
        "seconds, and an error does not give it back. What do they notice?",
        (
            ("Nothing: the old answer is still in the cache", "It has ended. That is why somebody loads."),
            ("An error after 10 ms, each of them", "So it would be with `finally`: the next one could try at once."),
            ("Most wait for seconds, and then get an error, too", "Each failed load blocks the others for one lease."),
        ),
        answer="c",
    ),
    Question(
        "An answer takes 200 µs in the source, and a miss with `CacheAside` takes 300 µs more than a hit. Two readers "
        "per day ask for it. What do you put in front of it?",
        (
            ("Nothing: ask the source", "Almost every read is a miss, and each would cost more than the load."),
            ("`CacheAside`, with a TTL of an hour", "Two quick loads at once do no harm. The misses cost more."),
            ("A lock, and no cache", "Two readers per day do not meet. And each would still load."),
        ),
        answer="a",
    ),
)
