"""A Trial: what a check works with. It calls the learner's function, and shows what that did to Redis."""

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import redis

from redis_helpers.connection import ConnectOptions
from redis_helpers.course.exercises.model import Crashed, Failed
from redis_helpers.course.exercises.recording_client import Recorder, recording_client
from redis_helpers.course.exercises.runner import FairClock, Outcome, Printed, run_calls
from redis_helpers.course.exercises.shown import written_call
from redis_helpers.redis_repository import RedisRepository

TIME_LIMIT = 5.0  # seconds that one call of the learner's function may take
TOTAL_LIMIT = 30.0  # and all calls of one check together
LONGEST_REPLY = 300.0  # seconds; longer than both limits, which are there to stop a call that waits
MISSING = "nothing: there is no such key"


class Trial:
    """One run of one check. `redis` is the check's own client; the learner's function gets another one at each call.

    Every key lies under `prefix`, which is new each time. After a call, `commands` and `round_trips` say what it sent.
    Beside the prefix stands a key of somebody else, and a call that touches it has failed.
    """

    def __init__(self, exercise_id: str, function: Callable, redis_conn: redis.Redis, options: ConnectOptions) -> None:
        token = secrets.token_hex(3)
        self.redis = redis_conn
        self.prefix = f"cell-by-cell:exercise:{exercise_id}:{token}:"
        self.printed = Printed()
        self.last_call: str | None = None
        self.redis_was_there = True  # at the last call
        self._sentinel = f"cell-by-cell:exercise:somebody-else:{token}"
        self._function = function
        self._options = options
        self._recorder = Recorder(self.prefix)
        self._clock = FairClock()
        self._end_of_call = self._end_of_call_before = time.monotonic()

    def __enter__(self) -> "Trial":
        self.redis.set(self._sentinel, "mine", ex=600)  # the TTL is for the case that this kernel is killed
        return self

    def __exit__(self, *exception: object) -> None:
        """Whatever has happened, nothing stays in Redis."""
        self.redis.unlink(self._sentinel)
        RedisRepository(self.redis, own_prefix=self.prefix).delete_prefix(self.prefix)

    # What a check asks for

    def key(self, name: str) -> str:
        """A key of this trial."""
        return self.prefix + name

    @property
    def commands(self) -> list[str]:
        """The names of the commands that the last call sent."""
        return self._recorder.commands

    @property
    def round_trips(self) -> int:
        """How often the last call sent something and waited for the reply."""
        return self._recorder.round_trips

    @property
    def was_refused(self) -> bool:
        """Whether the last call wanted something that is not done here."""
        return self._recorder.refused is not None

    def call(self, *args: object, between: Callable[[], None] | None = None) -> object:
        """Calls the learner's function with a client and `args`, and returns what it returns.

        `between` is done whenever the function comes back to Redis after a first reply: what another program may do.
        Raises Crashed when the function raises.
        """
        return _value(self.attempt(*args, between=between))

    def attempt(
        self,
        *args: object,
        options: ConnectOptions | None = None,
        reply_timeout: float = LONGEST_REPLY,
        **recording: Any,
    ) -> Outcome:
        """The same, but an error of the function is part of what is returned. `options` names another server."""
        (outcome,) = self._run([args], Recorder(self.prefix, **recording), options or self._options, reply_timeout)
        return outcome

    def call_often(self, times: int, *args: object) -> list[object]:
        """Calls the learner's function so many times with one client, where the answer is a matter of chance."""
        (outcome,) = self._run([args], Recorder(self.prefix), self._options, LONGEST_REPLY, times=times)
        return cast(list[object], _value(outcome))

    def call_at_once(self, several: Sequence[tuple]) -> list[object]:
        """Calls the learner's function in as many threads as there are tuples of arguments, each with a client.

        Whoever comes back to Redis after a first reply waits for the others, so that all meet in the worst moment.
        """
        meeting = threading.Barrier(len(several))

        def meet() -> None:
            with contextlib.suppress(threading.BrokenBarrierError):  # somebody has finished, or waits elsewhere
                meeting.wait()

        recorder = Recorder(self.prefix, between=meet)
        outcomes = self._run(several, recorder, self._options, LONGEST_REPLY, end_of_meeting=meeting.abort)
        return [_value(outcome) for outcome in outcomes]

    def cuts(self, *args: object, prepare: Callable[[], object]) -> Iterator[int]:
        """Repeats the last call, and lets the connection die after its first command, after its second, and so on.

        Before each, `prepare()` puts the data back. Yields the number of commands that reached the server.
        """
        for reached in range(1, len(self.commands)):
            prepare()
            self.attempt(*args, cut_after=reached)
            yield reached

    def expect(self, why: str, expected: object, seen: object) -> None:
        """Raises Failed unless both are equal and of one type (True is not 1)."""
        if type(seen) is not type(expected) or seen != expected:
            raise Failed(why, expected, seen)

    def expect_ttl(self, why: str, key: str, least: float, most: float, unit: str = "seconds") -> None:
        """Raises Failed unless `key` has between `least` and `most` seconds left.

        On a busy machine a call and its preparation take long, while the TTL runs: so much less may be left.
        """
        took = time.monotonic() - self._end_of_call_before
        left = self.redis.pttl(key)
        if not max(0, least - took) * 1000 <= left <= most * 1000:
            shown = {-1: "no TTL: the key never expires", -2: MISSING}.get(left, f"{left / 1000:g} {unit}")
            wanted = f"{most:g}" if most - least <= 5 else f"{least:g} to {most:g}"
            raise Failed(why, Plain(f"a TTL of {wanted} {unit}"), Plain(shown))

    def expect_value(self, why: str, key: str, expected: object) -> None:
        """Raises Failed unless `key` holds `expected`: a str, a dict for a hash, a list, a set, or a dict of floats for
        a sorted set. None: there must be no such key."""
        kind = str(self.redis.type(key))
        readers: dict[str, Callable[[str], Any]] = {
            "string": self.redis.get,
            "hash": self.redis.hgetall,
            "list": lambda key: self.redis.lrange(key, 0, -1),
            "set": self.redis.smembers,
            "zset": lambda key: dict(cast(Any, self.redis.zrange(key, 0, -1, withscores=True))),
            "none": lambda key: None,
        }
        seen = readers[kind](key) if kind in readers else Plain(f"a {kind}")
        if seen != expected:
            nothing = Plain(MISSING)
            raise Failed(why, nothing if expected is None else expected, nothing if kind == "none" else seen)

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin with `prefix` now."""
        found = self.redis.scan_iter(match=self.prefix + "*", count=1000)
        return sorted({key for key in found if key.startswith(prefix)})

    # How a call is made

    def _run(
        self,
        several: Sequence[tuple],
        recorder: Recorder,
        options: ConnectOptions,
        reply_timeout: float,
        end_of_meeting: Callable[[], None] | None = None,
        times: int | None = None,
    ) -> list[Outcome]:
        self.last_call = written_call(self._function, several[0])
        self._recorder = recorder
        self.redis_was_there = options is self._options
        seconds = min(TIME_LIMIT, max(0.0, TOTAL_LIMIT - self._clock.now()))
        function = self._function if end_of_meeting is None else _followed_by(end_of_meeting, self._function)
        function = function if times is None else _repeated(times, function)
        calls = [partial(function, recording_client(options, recorder, reply_timeout), *args) for args in several]
        try:
            outcomes = run_calls(calls, seconds, self.printed, recorder.end, self._clock, end_of_meeting)
        finally:
            recorder.end()
            self._end_of_call_before, self._end_of_call = self._end_of_call, time.monotonic()
        self._look_for_damage(outcomes, recorder)
        return outcomes

    def _look_for_damage(self, outcomes: list[Outcome], recorder: Recorder) -> None:
        """What is wrong whichever exercise it is."""
        if recorder.refused:
            raise Failed(recorder.refused)
        if self.redis.get(self._sentinel) != "mine":
            raise Failed("your code deleted or changed a key that is not its own: somebody else had stored it.")
        if not all(outcome.finished for outcome in outcomes):
            raise Failed(
                f"your code was stopped: one call may take {TIME_LIMIT:g} seconds, all calls together {TOTAL_LIMIT:g}. "
                "Look for a loop that never ends, a sleep, or a command that waits (BLPOP)."
            )
        if recorder.left_open == "MULTI":
            raise Failed("your code left a MULTI open: what follows it is only queued, and without EXEC never done.")
        if recorder.left_open == "WATCH":
            raise Failed(
                "your code left a WATCH open: the next transaction on that connection may fail. UNWATCH ends it."
            )


class Plain(str):
    """Text that is shown as it is, without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _followed_by(at_end: Callable[[], None], function: Callable) -> Callable:
    """The function, and `at_end()` after it, whatever becomes of it."""

    def both(*args: object) -> object:
        try:
            return function(*args)
        finally:
            at_end()

    return both


def _repeated(times: int, function: Callable) -> Callable:
    """The function, so many times: a list of what it returned."""
    return lambda *args: [function(*args) for _ in range(times)]


def _value(outcome: Outcome) -> object:
    if outcome.error is not None:
        raise Crashed(outcome.error)
    return outcome.value


@contextlib.contextmanager
def nobody_there() -> Iterator[ConnectOptions]:
    """An address of this machine where connections are refused."""
    with socket.socket() as held:  # bound, so that nobody else takes the port, but not listening
        held.bind(("127.0.0.1", 0))
        yield ConnectOptions(port=held.getsockname()[1])


@contextlib.contextmanager
def somebody_silent() -> Iterator[ConnectOptions]:
    """An address of this machine where connections are accepted, and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield ConnectOptions(port=silent.getsockname()[1])
