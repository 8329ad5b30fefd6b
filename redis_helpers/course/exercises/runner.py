"""Runs a learner's code so that whatever it does, the notebook goes on.

Each call runs in a thread of its own, with a time limit and with its printing caught. An endless Python loop is stopped
by raising an exception inside it; code that waits elsewhere (`time.sleep`) is left behind and ends when it wakes up.
"""

import contextlib
import ctypes
import io
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST_PRINTED, MOST_LINES = 1000, 12  # characters and lines of the learner's own output that are kept
STOP_LIMIT = 0.3  # seconds that a stopped thread gets to end


@dataclass
class Outcome:
    """What became of one call: its value, or what it raised, or neither when it had to be stopped."""

    value: object = None
    error: BaseException | None = None
    finished: bool = False


class Stopped(SystemExit):
    """Raised inside the learner's code when its time is over. Threads end without a word on a SystemExit."""


class Printed(io.TextIOBase):
    """A standard output that keeps the beginning and counts the rest."""

    def __init__(self) -> None:
        self._kept = ""
        self._dropped = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = MOST_PRINTED - len(self._kept)
        self._kept += text[:room]
        self._dropped += max(0, len(text) - room)
        return len(text)

    def lines(self) -> list[str]:
        """The lines that were printed, or the first of them and a word on the rest."""
        lines = self._kept.splitlines()
        if self._dropped or len(lines) > MOST_LINES:
            hidden = self._dropped + sum(map(len, lines[MOST_LINES:]))
            return [*lines[:MOST_LINES], f"… and {hidden:,} characters more"]
        return lines


def run_calls(
    calls: Sequence[Callable[[], object]], seconds: float, printed: Printed, when_late: Callable
) -> list[Outcome]:
    """Runs the calls at the same time, a thread each, and returns their outcomes in order.

    After `seconds`, or when the user interrupts the cell, `when_late()` is called (it takes the connections away) and
    what still runs is stopped.
    """
    outcomes = [Outcome() for _ in calls]
    workers = [_Worker(call, outcome) for call, outcome in zip(calls, outcomes, strict=True)]
    deadline = time.monotonic() + seconds
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.ended.wait(max(0, deadline - time.monotonic()))
        finally:
            late = [number for number, worker in enumerate(workers) if not worker.ended.is_set()]
            if late:
                when_late()
                _stop(workers)
            for number in late:  # whatever it still did on being stopped
                outcomes[number] = Outcome()
    return outcomes


class _Worker(threading.Thread):
    def __init__(self, call: Callable[[], object], outcome: Outcome) -> None:
        super().__init__(daemon=True)  # a thread left behind does not keep the kernel alive
        self.ended = threading.Event()  # join() and is_alive() go wrong when the user interrupts a join (Python 3.11)
        self._call, self._outcome = call, outcome

    def run(self) -> None:
        try:
            self._run()
        except Stopped:  # it may come when the call has just ended
            pass
        finally:
            self.ended.set()

    def _run(self) -> None:
        try:
            value = self._call()
        except Stopped:
            return
        except BaseException as error:  # KeyboardInterrupt and SystemExit of the learner's code, too
            self._outcome.error, self._outcome.finished = error, True
        else:
            self._outcome.value, self._outcome.finished = value, True


def _stop(workers: Sequence[_Worker]) -> None:
    """Raises Stopped in the threads, again and again: a bare `except:` in a loop may swallow one."""
    deadline = time.monotonic() + STOP_LIMIT
    while time.monotonic() < deadline and not all(worker.ended.is_set() for worker in workers):
        for worker in workers:
            if not worker.ended.is_set():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(worker.ident), ctypes.py_object(Stopped))
                worker.ended.wait(0.01)
