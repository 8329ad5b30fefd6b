"""Runs a learner's code so that whatever it does, the notebook goes on.

Each call runs in a thread that it has for itself, with a time limit and with its printing caught. An endless Python
loop is stopped by raising an exception inside it; code that waits elsewhere (`time.sleep`) is left behind and ends when
it wakes up.

The limits are seconds of a `FairClock`: a right answer does not fail because other programs keep the machine busy.
"""

import contextlib
import contextvars
import ctypes
import hashlib
import io
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST_PRINTED, MOST_LINES = 1000, 12  # characters and lines of the learner's own output that are kept
STOP_LIMIT = 0.3  # seconds that a stopped thread gets to end
LONG_WAIT = 1.0  # seconds after which calls that wait for each other are waited for no longer
CLOCK_LOOK = 0.5  # seconds from one look at the clock to the next
LONGEST_LOOK = 1.0  # seconds; whoever has not looked for longer did not run, and nor did what it watches


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


class FairClock:
    """A clock that runs slower on a busy machine: its second is as much work as an idle machine does in a second.

    Who gets half of a processor needs twice the time. How much it is, the clock tries out itself, twice a second, with
    some hundredths of a second of work. A machine that stood still (a laptop that was closed) counts as a second at
    most.
    """

    def __init__(self) -> None:
        self._counted = 0.0
        self._last_look = time.monotonic()
        self._slowness = 1.0  # at the last look

    def now(self) -> float:
        """The seconds since the clock was made, up to the last look at how busy the machine is."""
        passed = time.monotonic() - self._last_look
        if passed >= CLOCK_LOOK:
            self._slowness = slowness()
            self._count(passed)
        return self._counted

    def unmeasured(self) -> float:
        """The seconds up to now, if the machine is as busy as at the last look: this costs no work."""
        self._count(time.monotonic() - self._last_look)
        return self._counted

    def _count(self, passed: float) -> None:
        self._counted += min(passed, LONGEST_LOOK) / self._slowness
        self._last_look = time.monotonic()


def slowness() -> float:
    """How many times longer work takes now than it would if nothing else ran: 1.0 on an idle machine."""
    begin, begin_of_work = time.perf_counter(), time.thread_time()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 60_000)  # outside of Python's lock, which the learner's code may hold
    took, worked = time.perf_counter() - begin, time.thread_time() - begin_of_work
    return max(1.0, took / worked) if worked else 1.0


def run_calls(
    calls: Sequence[Callable[[], object]],
    seconds: float,
    printed: Printed,
    when_late: Callable[[], object],
    clock: FairClock,
    after_a_while: Callable[[], object] | None = None,
) -> list[Outcome]:
    """Runs the calls at the same time, a thread each, and returns their outcomes in order.

    After `seconds` of the clock, or when the user interrupts the cell, `when_late()` is called (it takes the
    connections away) and what still runs is stopped. Before that, after LONG_WAIT, `after_a_while()` is called.
    """
    outcomes = [Outcome() for _ in calls]
    workers = [Worker(call, outcome) for call, outcome in zip(calls, outcomes, strict=True)]
    begin = clock.unmeasured()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            for worker in workers:
                worker.start()
            while _running(workers) and clock.now() - begin < seconds:
                raise_dropped_interrupt()
                if after_a_while is not None and clock.now() - begin >= LONG_WAIT:
                    after_a_while()
                _wait_for_one(workers)
        finally:
            late = [number for number, worker in enumerate(workers) if not worker.ended.is_set()]
            if late:
                when_late()
                stop(_running(workers), clock)
            for number in late:  # whatever it still did on being stopped
                outcomes[number] = Outcome()
            for worker in workers:
                worker.give_thread_back()
    return outcomes


interrupt_was_dropped = threading.Event()  # the user has interrupted the cell, and nobody has heard of it


def raise_dropped_interrupt() -> None:
    """Raises the KeyboardInterrupt that Python has dropped, if it has. Asked wherever somebody waits for an answer."""
    if interrupt_was_dropped.is_set():
        interrupt_was_dropped.clear()
        raise KeyboardInterrupt


class Worker:
    """One call in a thread of its own. `when_ended()` is called at its end, whatever became of it.

    A thread serves one call after the other, as a new one takes longer than most calls. Only who has started a worker
    stops it and gives its thread back: so nobody is stopped in place of another.
    """

    def __init__(
        self, call: Callable[[], object], outcome: Outcome, when_ended: Callable[[], object] | None = None
    ) -> None:
        self.ended = threading.Event()
        self._call, self._outcome, self._when_ended = call, outcome, when_ended
        self._thread: _Thread | None = None
        self._was_stopped = False

    def start(self) -> None:
        self._thread = _idle.pop() if _idle else _Thread()
        self._thread.work.put(self.run)

    def stop(self) -> None:
        """Raises Stopped in the call, if it still runs, or just behind it."""
        self._was_stopped = True
        if self._thread is not None:
            ident = ctypes.c_ulong(self._thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(Stopped))

    def give_thread_back(self) -> None:
        """The thread may serve another call, or ends with this one if this had to be stopped."""
        thread, self._thread = self._thread, None
        if thread is not None and self.ended.is_set() and not self._was_stopped:
            _idle.append(thread)
        elif thread is not None:
            thread.work.put(None)

    def run(self) -> None:
        """In the thread."""
        try:
            self._run()
        except Stopped:  # it may come when the call has just ended
            pass
        finally:
            self.ended.set()
            if self._when_ended is not None:
                self._when_ended()

    def _run(self) -> None:
        call = self._call
        del self._call  # with it goes what it refers to, before anybody is told of the end
        try:
            value = contextvars.Context().run(call)  # an empty one, as a new thread has
        except Stopped:
            return
        except BaseException as error:  # KeyboardInterrupt and SystemExit of the learner's code, too
            self._outcome.error, self._outcome.finished = error, True
        else:
            self._outcome.value, self._outcome.finished = value, True


class _Thread(threading.Thread):
    """Runs what is put into its `work`, until that is None."""

    def __init__(self) -> None:
        super().__init__(daemon=True)  # a thread left behind does not keep the kernel alive
        self.work: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self.start()

    def run(self) -> None:
        with contextlib.suppress(Stopped):  # it may come when the call has just ended
            job = self.work.get()
            while job is not None:
                job()
                del job  # what it refers to is not to live on while the thread waits
                job = self.work.get()


_idle: list[_Thread] = []  # threads that wait for a call


def is_an_answers_thread() -> bool:
    """Whether the thread that asks runs a learner's function."""
    return isinstance(threading.current_thread(), _Thread)


def threads_at_work() -> int:
    """How many threads there are, those that wait for a call left out."""
    return threading.active_count() - len(_idle)


def end_idle_threads() -> None:
    """Lets the threads end that wait for a call."""
    while _idle:
        _idle.pop().work.put(None)


def _running(workers: Sequence[Worker]) -> list[Worker]:
    return [worker for worker in workers if not worker.ended.is_set()]


def _wait_for_one(workers: Sequence[Worker]) -> None:
    """Waits until a worker that still runs has ended, or until it is time to look at the clock."""
    for worker in _running(workers)[:1]:
        worker.ended.wait(CLOCK_LOOK)


def stop(workers: Sequence[Worker], clock: FairClock) -> None:
    """Raises Stopped in the threads, again and again: a bare `except:` in a loop may swallow one."""
    begin = clock.now()
    while _running(workers) and clock.now() - begin < STOP_LIMIT:
        for worker in _running(workers):
            worker.stop()
            worker.ended.wait(0.01)
