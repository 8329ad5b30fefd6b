"""Clocks that a check moves, and not the machine: for exercises on waits, pauses and ends."""

import contextlib
import datetime
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from unittest import mock

from redis_helpers.course.exercises.checker import Trial
from redis_helpers.course.exercises.runner import is_an_answers_thread

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
            if timeout is None or event.is_set() or not is_an_answers_thread():
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
            return (fake if is_an_answers_thread() else real)(*args)

        return clock


class _Datetime(datetime.datetime):
    """Its wall clock is that of `time.time`."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "_Datetime":
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> "_Datetime":
        return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)
