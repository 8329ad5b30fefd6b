"""Lesson 30: reloading early, storing under a lease, one load for all, a circuit breaker."""

import contextlib
import datetime
import itertools
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from unittest import mock

import redis

from redis_helpers.connection import ConnectOptions
from redis_helpers.course.exercises.checker import Plain, Trial, nobody_there
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.runner import Outcome, Worker
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.exercises.wire import Step

# Clocks that the check moves

_clocks = itertools.count(1)


class Clock:
    """What Python's clocks show to the function that is checked, and to nobody else. `sleep` takes no time: it moves
    the clock. Where `stands` is set, nothing else does.

    `wall` is by how many seconds somebody has set the wall clock. `question` is how long Redis takes for an answer.
    """

    def __init__(self, trial: Trial, stands: bool = False) -> None:
        self.passed = self.slept = self.wall = self.question = 0.0
        self._trial, self._stands = trial, stands
        later = 100_000 * next(_clocks)  # seconds; what a function has kept from an earlier check is long over
        self._begin, self._wall_begin = time.monotonic() + later, time.time() + later
        self._monotonic, self._made = time.monotonic, time.monotonic()

    def now(self) -> float:
        """Seconds since the clock was made."""
        asked = self.question if self._trial.call_seen.steps else 0
        return self.passed + asked + (0 if self._stands else self._monotonic() - self._made)

    @contextlib.contextmanager
    def shown(self) -> Iterator["Clock"]:
        """Puts it in the place of Python's clocks, also where the function's module has its own name for one."""
        fakes = {id(getattr(time, name)): self._for_the_function(name, fake) for name, fake in self._fakes().items()}
        fakes[id(datetime.datetime)] = _Datetime
        places: list[tuple[dict, str]] = [(vars(time), name) for name in self._fakes()] + [(vars(datetime), "datetime")]
        own = getattr(self._trial._function, "__globals__", {})
        places += [(own, name) for name, value in list(own.items()) if id(value) in fakes]
        real = [(names, name, names[name]) for names, name in places]
        for names, name, value in real:
            names[name] = fakes[id(value)]
        try:
            with self._in_defaults(fakes), mock.patch.object(threading.Event, "wait", self._waiting()):
                yield self
        finally:
            for names, name, value in real:
                names[name] = value

    def _waiting(self) -> Callable:
        """`threading.Event().wait(0.005)` is a sleep, too."""
        real, sleep = threading.Event.wait, self._fakes()["sleep"]

        def wait(event: threading.Event, timeout: float | None = None) -> bool:
            if timeout is None or event.is_set() or not isinstance(threading.current_thread(), Worker):
                return real(event, timeout)
            sleep(timeout)
            return event.is_set()

        return wait

    def _in_defaults(self, fakes: dict[int, object]) -> contextlib.AbstractContextManager:
        """`def function(…, clock=time.monotonic)` holds a clock, too."""
        function = self._trial._function
        defaults = getattr(function, "__defaults__", None)
        if not defaults:
            return contextlib.nullcontext()
        return mock.patch.object(function, "__defaults__", tuple(fakes.get(id(value), value) for value in defaults))

    def _fakes(self) -> dict[str, Callable]:
        def monotonic() -> float:
            return self._begin + self.now()

        def wall() -> float:
            return self._wall_begin + self.now() + self.wall

        def sleep(seconds: float) -> None:
            self.passed += seconds
            self.slept += seconds

        clocks = {"time": wall, "monotonic": monotonic, "perf_counter": monotonic}
        in_ns = {f"{name}_ns": lambda clock=clock: round(1e9 * clock()) for name, clock in clocks.items()}
        return {"sleep": sleep, **clocks, **in_ns}

    def _for_the_function(self, name: str, fake: Callable) -> Callable:
        real = getattr(time, name)

        def clock(*args: float) -> float | None:
            return (fake if isinstance(threading.current_thread(), Worker) else real)(*args)

        return clock


class _Datetime(datetime.datetime):
    """Its wall clock is that of `time.time`."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "_Datetime":
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> "_Datetime":
        return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)


def _elsewhere(act: Callable[[], object]) -> object:
    """In a thread of its own: what is sent there is not the function's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(act).result()


# 30.1

RULE = (
    "The rule is −βΔ·ln(random) ≥ t. Δ and t are both in milliseconds, the logarithm is the natural one, and its minus "
    "makes it positive."
)


def _reloads(trial: Trial, key: str, took: float, beta: float, calls: int) -> int:
    """How many of the calls say "reload now"."""
    answers = trial.call_often(calls, key, took, beta)
    if odd := [answer for answer in answers if not isinstance(answer, bool)]:
        raise Failed(
            "the caller asks yes or no: return whether to reload now, and nothing else", Plain("True or False"), odd[0]
        )
    return sum(answers)


def _may_happen(hits: int, calls: int, chance: float) -> bool:
    """Whether so many hits, or a number farther off, are seen in more than one of some million runs."""

    def at(k: int) -> float:
        return math.comb(calls, k) * chance**k * (1 - chance) ** (calls - k)

    return min(sum(map(at, range(hits + 1))), sum(map(at, range(hits, calls + 1)))) > 5e-8


def _expect_chance(
    trial: Trial, why: str, key: str, left: int, loads: int, beta: float, calls: int, same: str | None = None
) -> None:
    """`left` milliseconds are left, and that is the time of so many `loads`. `same`: why, where chance has no say."""
    hits = _reloads(trial, key, left / loads, beta, calls)
    chance = math.exp(-loads / beta)
    if not _may_happen(hits, calls, chance):
        raise Failed(
            same if same and not 0.03 < hits / calls < 0.9 else why,
            Plain(f"about {chance:.0%} of the calls, with {loads} × took left and beta = {beta:g}"),
            Plain(f"{hits / calls:.0%} of them"),
            cure=RULE,
        )


def _check_should_reload(trial: Trial) -> None:
    key, left = trial.key("banana"), trial.number(50_000_000, 90_000_000)
    entry = {key: Ends(trial.word(), left / 1000, late=60)}
    trial.put(entry)
    if _reloads(trial, key, 10, 1, 20) > 0:
        raise Failed(
            "the entry has hours left, and readers load it anew all the same: the source gets every read. Which of the "
            "two times must be the larger one?",
            cure=RULE,
        )
    if _reloads(trial, key, left * 10**7, 1, 20) < 20:
        raise Failed(
            "the entry ends long before a load could finish, and readers do not reload it: all of them will miss. "
            "Which sign does your time have that chance gives?",
            cure=RULE,
        )
    trial.expect_state("asking whether to reload changes nothing: the entry and its TTL stay as they are", entry)
    chance = (
        "readers reload with another chance than the rule's: too many load at once, or nobody does in time. Look at "
        "the time that you make of the random number"
    )
    same = (
        "with the time of one load left, nearly all readers get the same answer: all of them load at once, or nobody "
        "does until the entry is gone. Look at what chance decides, anew for each read, and at the units"
    )
    _expect_chance(trial, chance, key, left, 1, 1, 1000, same)
    _expect_chance(trial, chance, key, left, 3, 1, 800)
    beta = "with another beta the readers reload too often, or too seldom: a larger beta must make them reload earlier"
    _expect_chance(trial, beta, key, left, 1, 4, 300)
    _expect_chance(trial, beta, key, left, 1, 0.25, 300)
    _expect_gone_and_short(trial, key)
    trial.every_error((key, 1000, 1), before=lambda: trial.put({key: "1"}))


def _expect_gone_and_short(trial: Trial, key: str) -> None:
    """An entry that is gone, and one with less than half a second left, which TTL takes for gone."""
    trial.put({})
    if _reloads(trial, key, 1, 0.5, 20) < 20:
        raise Failed(
            "the entry is gone, and the reader is told that it need not load: there is nothing to show to the "
            "customer. What does PTTL answer for a key that is not there?",
            Plain("True, always"),
        )
    for _ in range(10):
        trial.put({key: Ends("[312]", 0.4)})
        hits = _reloads(trial, key, 3, 1, 5)
        if int(trial.redis.pttl(key)) < 150:
            continue  # the machine stood still: once more
        if hits > 0:
            raise Failed(
                "the entry has 0.4 s left, which is the time of a hundred loads, and all readers load it at once: "
                "something rounds the time that is left"
            )
        return
    raise Failed("this machine is too busy for the check: run the cell again")


SHOULD_RELOAD = Exercise(
    id="30.1",
    title="Now, or later?",
    kind="blank",
    question="""\
`should_reload` throws XFetch's dice for one read, and returns `True` when this reader is to reload now, and always when
the entry is gone. `took` is what a load takes, in milliseconds. What stands in place of the `...`?""",
    stub="""\
import math
import random


def should_reload(redis_conn, key, took, beta):
    left = redis_conn.pttl(key)
    return left <= ...""",
    hints=(
        'The rule stands under "Reload before the end": −βΔ·ln(random) ≥ t. Which of the names here is which?',
        "`math.log` is ln, and `random.random()` a number between 0 and 1. Its logarithm is negative, so the minus "
        "makes a positive time.",
        "Three factors: beta, took, and minus the logarithm. A key that is gone has −2 left, so the comparison is true "
        "by itself.",
    ),
    solution="""\
import math
import random


def should_reload(redis_conn, key, took, beta):
    left = redis_conn.pttl(key)
    return left <= -beta * took * math.log(random.random())""",
    why="far from the end the dice hardly ever reach that far, near it they nearly always do. No reader has to know of "
    "another, and yet somebody reloads in time.",
    check=_check_should_reload,
)

# 30.2

ONE_STEP = (
    "The server must look, store and delete in one step: a script (`eval`), or WATCH on the lease before the look, and "
    "MULTI … EXEC."
)


def _check_store_if_ours(trial: Trial) -> None:
    key, lease, token, ttl = trial.key("banana"), trial.key("lease"), trial.word(), trial.number(600, 900)
    text = json.dumps([trial.word(), "ü \"'{}*?", trial.number(100, 999)], ensure_ascii=False)
    args = (key, lease, token, text, ttl)
    for old, ours in ((None, Ends(token, 20)), ("[1]", Ends(token, 20)), (Ends("[1]", 30), token)):
        trial.put({key: old, lease: ours})
        answer = trial.call(*args)
        trial.expect_value("the lease is ours, and readers do not get what we loaded: it was not stored", key, text)
        late = "readers must get this value for `ttl` seconds, and then no more: look at the TTL of the entry"
        trial.expect_ttl(late, key, ttl - 2, ttl)
        waits = "the entry is stored, and the lease is still there: others wait for it until it ends"
        trial.expect_value(waits, lease, None)
        trial.expect("the caller wants to know: return True when the entry was stored", True, answer)
        trial.expect_state("store the entry, delete the lease, and change nothing else", {key: Ends(text, ttl)})

    others = (trial.word(), f"{token}0", token[:-1], token.upper())
    for theirs, old in [*((Ends(other, 20), Ends("[1]", 500)) for other in others), (others[0], None)]:
        there = {key: old, lease: theirs}
        trial.put(there)
        answer = trial.call(*args)
        stale = "the lease is another's, and your value was stored or took the entry away: it may be an old price"
        trial.expect_value(stale, key, old.value if isinstance(old, Ends) else None)
        taken = "the lease is another reader's, and it is gone or changed: what that reader loads cannot be stored"
        trial.expect_value(taken, lease, theirs.value if isinstance(theirs, Ends) else theirs)
        trial.expect("nothing was stored: return False, so that the caller knows", False, answer)
        trial.expect_state("the lease is not ours: everything must stay as it is, TTLs included", there)
    for old in (None, "[1]"):
        trial.put({key: old})
        answer = trial.call(*args)
        gone = "a writer has deleted the lease, and the old price was stored all the same"
        trial.expect_value(gone, key, old)
        trial.expect("there is no lease any more, and nothing was stored: return False", False, answer)
        trial.expect_state("there is no lease any more: everything must stay as it is", {key: old})
    _expect_one_step(trial, args, others[0])


def _expect_one_step(trial: Trial, args: tuple, other: str) -> None:
    key, lease, token, *_ = args

    def newer_value() -> None:
        trial.redis.pipeline().set(key, "[299]", ex=500).delete(lease).execute()

    def why(run: Run) -> str:
        (outcome,) = [outcome for outcome, call in zip(run.outcomes, run.calls, strict=True) if call is not None]
        if outcome.error is not None:
            return (
                f"somebody changed the lease meanwhile, and your function raised {type(outcome.error).__name__}. The "
                "lease is not ours any more: that is an answer, not an error"
            )
        if (found := trial.redis.get(lease)) != other and run.actors[-1].name.endswith("takes it"):
            return (
                "the lease ended, another reader took it, and your function took it away: what that reader loads "
                "cannot be stored"
                if found is None
                else "the lease ended, another reader took it, and your function changed it"
            )
        if trial.redis.get(key) in (None, "[299]"):
            return "your function said True, and the value was not stored: the caller trusts an entry that is not there"
        return (
            "a writer came in between, and the old price was stored all the same: customers see it for `ttl` seconds. "
            "Look at what can happen between your look at the lease and your store"
        )

    def before() -> None:
        trial.put({lease: Ends(token, 20)})

    try:
        trial.every_gap(
            why,
            args,
            before,
            rivals={
                "a writer deletes both keys": lambda: trial.redis.delete(key, lease),
                "the lease ends, another reader takes it": lambda: trial.redis.set(lease, other, px=20_000),
                "a newer value is stored": newer_value,
            },
        )
        trial.every_cut("the entry is stored, or the lease deleted, and the other is not done", args, before)
    except Failed as failure:
        failure.cure = failure.cure or ONE_STEP
        raise
    trial.every_error(args, before)
    there = {key: "[1]", lease: ["no text"]}
    trial.put(there)
    if not isinstance(trial.attempt(*args).error, redis.ResponseError):
        raise Failed(
            "something else than a token is in the lease, Redis says so (WRONGTYPE), and the caller of your function "
            "does not learn of it"
        )
    trial.expect_state("Redis answered with an error (WRONGTYPE): everything must stay as it is", there)


STORE_IF_OURS = Exercise(
    id="30.2",
    title="Store, but only while it is ours",
    kind="change",
    question="""\
A reader stores what it loaded, if its `token` is still in the key `lease`. But a writer may delete `key` and `lease`
between the two commands. Change the code: look, store for `ttl` seconds and delete the lease in one step; return `True`
when stored, and `False` (and change nothing) when the lease is not ours.""",
    stub="""\
def store_if_ours(redis_conn, key, lease, token, text, ttl):
    if redis_conn.get(lease) == token:
        redis_conn.set(key, text, ex=ttl)""",
    hints=(
        "Nothing may come between commands that run inside the server. Which one runs a script there?",
        "The script of `CacheAside`, printed above, is nearly it: the entry there lives for PX milliseconds, yours "
        "for EX seconds.",
        "`redis_conn.eval(script, 2, …)`: two keys follow, then the arguments. In the script they are KEYS[1], "
        "KEYS[2], ARGV[1] and so on; what it returns, 0 or 1, comes back as a number.",
    ),
    solution='''\
def store_if_ours(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        redis.call('DEL', KEYS[2])
        return 1
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1''',
    why="the server runs a script as one command. Whoever invalidates comes before it, and the lease is gone, or after "
    "it, and deletes what was stored.",
    check=_check_store_if_ours,
)

# 30.3

POLLS = 430  # so often a reader asks for the lock that another holds: more than two seconds, at 5 ms each
SOON = 20  # questions, of which the quickest in a row show the pause between two


class NoSuchMonth(Exception):
    """What a source raises."""


class Source:
    """The source behind the cache: counts its loads, and may fail. `look` is done in each load."""

    def __init__(self, value: object, error: Exception | None = None, look: Callable[[], object] | None = None) -> None:
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
                cure="SET takes the lock and gives it its time in one command: nx=True and px=2000.",
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
    raise Failed("this machine is too busy for the check: run the cell again")


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
                cure="SET takes the lock and gives it its time in one command: nx=True and px=2000.",
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
    id="30.3",
    title="One load for all",
    kind="write",
    question="""\
Write `load_once(redis_conn, key, load, ttl)`: cache-aside (JSON, `ttl` seconds) that loads once however many miss, and
keeps whatever `load()` gives, also `None`. The lock is `key + ":lock"`; whoever does not get it asks again after 5 ms,
for as long as it takes. It ends by itself after 2 s (no load takes that long), and is given back also when `load()`
raises. A hit stays one `GET`.""",
    stub="""\
def load_once(redis_conn, key, load, ttl):
    # your code here
    ...""",
    hints=(
        "First the six lines' beginning: GET, and return on a hit. Then wait for the lock as `locked` does.",
        "Once you hold the lock, GET again: somebody may have stored it while you waited.",
        "`try:` look, and if nothing is there load and store; `finally:` delete the lock. So it is given back after "
        "storing, whatever happens.",
    ),
    solution="""\
import json
import time


def load_once(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
        time.sleep(0.005)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
    finally:
        redis_conn.delete(key + ":lock")""",
    why="the second look finds what the one before you stored. A load of more than 2 s would lose this lock, and "
    "delete another's: that is why the lease of `CacheAside` has a token, and is renewed.",
    check=_check_load_once,
)

# 30.4


@dataclass
class _Shop:
    """One who asks Redis through the function, with one breaker, and on a clock that stands."""

    trial: Trial
    clock: Clock
    key: str
    pause: float
    breaker: dict = field(default_factory=dict)

    def _ask(self, key: str | None = None, **how: object) -> Outcome:
        outcome = self.trial.attempt(key or self.key, self.breaker, self.pause, **how)
        if self.clock.slept:
            raise Failed("your function sleeps, and its caller with it: the customer waits for nothing")
        if outcome.error is not None and not isinstance(outcome.error, redis.RedisError):
            raise Crashed(outcome.error)
        return outcome

    def gets(self, why: str, value: object, key: str | None = None) -> None:
        """Redis is asked, and answers."""
        outcome = self._ask(key)
        if outcome.error is not None:
            raise Crashed(outcome.error)
        if self.trial.commands != ["GET"]:
            asked = Plain(", ".join(self.trial.commands) or "no command")
            raise Failed(f"{why}: the function must ask it, by one GET", Plain("GET"), asked)
        self.trial.expect(f"{why}: return what it has", value, outcome.value)

    def fails(self, what: str, asks: bool = True, **how: object) -> None:
        """Redis is taken away for this call."""
        outcome = self._ask(**how)
        if asks and not self.trial.commands:
            raise Failed(
                f"{what}: this call must ask Redis, and yours sends nothing. Nobody will notice when it is back"
            )
        if self.trial.commands.count("(cut)") > 1:
            raise Failed(f"{what}, {AT_ONCE}")
        if outcome.error is not None:
            raise Failed(
                f"{what}, and your function raised {type(outcome.error).__name__}: the customer's page fails with it",
                cure="Catch what stands for a lost connection and what stands for a time-out, and return None.",
            )
        self.trial.expect(f"{what}: return None, and not an old value", None, outcome.value)

    def is_silent(self, why: str, key: str | None = None) -> None:
        """Redis is there again, and must be left alone."""
        outcome = self._ask(key)
        if self.trial.commands:
            raise Failed(why, Plain("no command"), Plain(", ".join(self.trial.commands)))
        if outcome.error is not None:
            raise Failed(
                f"Redis is left alone, and your function raised {type(outcome.error).__name__}: the customer's page "
                "fails with it"
            )
        self.trial.expect("while Redis is left alone the answer is None", None, outcome.value)

    def raises(self, what: str, key: str | None = None, **how: object) -> None:
        """Redis answers with an error."""
        outcome = self._ask(key, **how)
        if not isinstance(outcome.error, redis.ResponseError):
            raise Failed(
                f"{what}: Redis is there, and what it says must reach the caller. Otherwise nobody ever finds that bug",
                Plain("the error of Redis"),
                Plain(f"{'' if self.trial.commands else 'no command, and '}the answer {outcome.value!r}"),
            )


AT_ONCE = "and your function tried again at once: each try costs the customer a time-out"
AGAIN = (
    "and the next call asked Redis again: for `pause` seconds, counted from the failure, it must send nothing. "
    "Otherwise each customer waits for a time-out"
)
OVER = "the pause is over, and Redis is back"


def _check_get_guarded(trial: Trial) -> None:
    key, empty, other, odd = (trial.key(name) for name in ("banana", "empty", "other", "list"))
    value, pause = str(trial.number(100, 999)), trial.number(50, 90)
    there = {key: value, empty: "", other: "0", odd: ["no text"]}
    trial.put(there)
    with Clock(trial, stands=True).shown() as clock:
        shop = _Shop(trial, clock, key, pause)
        shop.gets("Redis is there, and has no such key", None, trial.key("none"))
        shop.gets("Redis is there, and has an empty text", "", empty)
        shop.gets("Redis is there, and has a 0", "0", other)
        for _ in range(2):
            shop.gets("Redis is there", value)
        _expect_a_pause(shop, other)
        _expect_other_failures(shop)
        _expect_answers_are_answers(shop, odd)
        _expect_a_steady_clock(shop)
    trial.expect_state("the function only reads", there)


def _expect_a_pause(shop: _Shop, other: str) -> None:
    """It begins at a failure, lasts for `pause` seconds, whatever is asked meanwhile, and begins anew at the next."""
    clock, pause, value = shop.clock, shop.pause, shop.trial.redis.get(shop.key)
    shop.fails("the connection was lost", cut_after=0)
    shop.is_silent(f"the connection was lost, {AGAIN}")
    shop.is_silent("the connection was lost, and a call for another key asked Redis again: it is the same Redis", other)
    _Shop(shop.trial, clock, shop.key, pause).gets("another `breaker` is for another Redis, which is there", value)
    for _ in range(3):
        clock.passed += 0.32 * pause
        shop.is_silent(f"the connection was lost, {AGAIN}")
    clock.passed += 0.05 * pause  # which is 1.01 of it
    shop.fails("the pause was over, and Redis still gone", cut_after=0)
    for _ in range(2):
        clock.passed += 0.45 * pause
        shop.is_silent(f"the pause was over and Redis still gone, {AGAIN}")
    clock.passed += 0.11 * pause
    shop.gets(OVER, value)
    shop.gets("Redis has answered, so all is well again", value)
    clock.question = 5  # seconds, like a time-out
    shop.fails("Redis did not answer", cut_after=0)
    clock.question, clock.passed = 0, clock.passed + 5
    clock.passed += pause - 2
    shop.is_silent(f"it took 5 s until the call failed, {AGAIN}")
    clock.passed += 3
    shop.gets(OVER, value)
    clock.passed += 3 * pause
    shop.gets("nothing has failed for long", value)


def _connections(server: socket.socket) -> int:
    """How many have come."""
    server.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


def _expect_other_failures(shop: _Shop) -> None:
    """A server that is silent, and one that is not there; each with a pause below a second, too."""
    trial, clock, key = shop.trial, shop.clock, shop.key
    value = trial.redis.get(key)
    brief = _Shop(trial, clock, key, 0.25)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        options = ConnectOptions(port=silent.getsockname()[1])
        brief.fails("Redis did not answer in time", asks=False, options=options, reply_timeout=0.08)
        if _connections(silent) > 1:
            raise Failed(f"Redis did not answer in time, {AT_ONCE}")
    brief.is_silent(f"Redis did not answer in time, {AGAIN}")
    clock.passed += 0.24
    brief.is_silent(f"Redis did not answer in time, {AGAIN}")
    clock.passed += 0.02
    brief.gets(OVER, value)
    brief = _Shop(trial, clock, key, 0.25)
    with nobody_there() as options:
        brief.fails("Redis refused the connection", asks=False, options=options)
    brief.is_silent(f"Redis refused the connection, {AGAIN}")


def _expect_answers_are_answers(shop: _Shop, odd: str) -> None:
    """An error that Redis answers with shows that it is there."""
    clock, value = shop.clock, shop.trial.redis.get(shop.key)
    for breaker in ({}, shop.breaker):
        own = _Shop(shop.trial, clock, shop.key, shop.pause, breaker)
        own.raises("Redis answered with an error (WRONGTYPE)", odd)
        own.gets("Redis has answered, if with an error, and that is no reason to leave it alone", value)
        own.raises("Redis answered with an error (it has no room left)", error_after=0)
        own.gets("Redis has answered, if with an error, and that is no reason to leave it alone", value)
    shop.fails("the connection was lost", cut_after=0)
    clock.passed += 1.1 * shop.pause
    shop.raises("the pause was over, and Redis answered with an error (WRONGTYPE)", odd)
    shop.gets("Redis has answered, if with an error, and that is no reason to leave it alone", value)


def _expect_a_steady_clock(shop: _Shop) -> None:
    """Somebody sets the wall clock during a pause."""
    clock, value = shop.clock, shop.trial.redis.get(shop.key)
    cure = "time.monotonic() only goes forward. time.time() and datetime show the wall clock."
    for hours in (1, -1):
        shop.fails("the connection was lost", cut_after=0)
        clock.wall += 3600 * hours
        try:
            shop.is_silent(
                "somebody set the wall clock forward, and the pause was over at once: Redis is asked again. Which "
                "clock do you look at?"
            )
            clock.passed += 1.01 * shop.pause
            shop.gets(
                "somebody set the wall clock back by an hour, the pause is over, and Redis is back. (Which clock do "
                "you look at?) It must not be left alone for an hour",
                value,
            )
        except Failed as failure:
            failure.cure = cure
            raise


GET_GUARDED = Exercise(
    id="30.4",
    title="A circuit breaker",
    kind="stretch",
    question="""\
Write `get_guarded(redis_conn, key, breaker, pause)`: a `GET` that gives `None` when Redis cannot be reached or does not
answer in time. Then, for `pause` seconds after the failure, calls with the same `breaker`, for whatever key, send
nothing and give `None`; after that, they ask again. `breaker` is a dict, empty at first. An error that Redis answers
with goes to the caller. Somebody may set the machine's clock meanwhile.""",
    stub="""\
def get_guarded(redis_conn, key, breaker, pause):
    # your code here
    ...""",
    hints=(
        "What has to outlive the call is the moment until which Redis is left alone. Which clock never jumps?",
        "`redis.ConnectionError` and `redis.TimeoutError` are two classes, and neither covers the other. "
        "`redis.RedisError` covers too much.",
        "First compare `time.monotonic()` with `breaker.get(...)`; then GET in a `try`; in `except`, write down now "
        "plus the pause.",
    ),
    solution="""\
import time

import redis


def get_guarded(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["until"] = time.monotonic() + pause
        return None""",
    why="with a hung server, each call would wait for the timeout; so a caller does so only once a pause. What Redis "
    "answers, errors included, shows that it is there.",
    check=_check_get_guarded,
)

EXERCISES = (SHOULD_RELOAD, STORE_IF_OURS, LOAD_ONCE, GET_GUARDED)

QUIZ = (
    Question(
        "Sixteen readers miss the same key. A lock is put around the load, and nothing else changed. How many loads?",
        (
            ("Sixteen, one after another", "Each has missed already, and nobody told it that the entry is there now."),
            ("One", "Only with a second look at the key, once the lock is held."),
            ("Sixteen at once", "The lock does keep them apart: it only makes the last one wait longer."),
        ),
        answer="a",
    ),
    Question(
        "A reader loads the old price. Before it stores, a writer changes the source and deletes the key. What keeps "
        "the old price out?",
        (
            ("Deleting before the change, too", "The reader stores after both deletions all the same."),
            ("A lock around the load", "The writer does not take it, and the reader stores what it holds."),
            (
                "Storing under a lease that the writer deletes",
                "Looking and storing are one script: it comes too late.",
            ),
        ),
        answer="c",
    ),
    Question(
        "Somebody asks for a million ids that do not exist, each once. What keeps them away from the source?",
        (
            ('Remembering "not found"', "Each id is new, so nothing remembered is ever asked for: a million entries."),
            ("A look at what exists: a set, or a Bloom filter", "Whatever the id, the answer is known without a load."),
            ("One load for all readers", "It joins readers of one key. These are a million keys."),
        ),
        answer="b",
    ),
    Question(
        "XFetch with β = 1. Exactly the time of one load is left. How likely does one read reload?",
        (
            ("63 %", "That is 1 − exp(−1): the rule turned round. Some pages print it."),
            ("37 %", "exp(−1). With five loads' time left it would be 0.7 %."),
            ("100 %: otherwise it is too late", "One read need not: there are others after it, ever likelier."),
        ),
        answer="b",
    ),
    Question(
        "A process holds a value in redis-py's client-side cache, and the key's TTL ends. When does it notice?",
        (
            (
                "When the server deletes the key and says so",
                "The local copy has no clock, and the server deletes when somebody asks, or when it comes across it.",
            ),
            ("At once: it counts the TTL down itself", "redis-py does not know the TTL of what it holds."),
            ("Never", "The server does send an invalidation, but only when it deletes the key."),
        ),
        answer="a",
    ),
)
