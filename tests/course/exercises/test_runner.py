"""Calls that run beside each other, print, raise, or do not end."""

import contextvars
import signal
import sys
import threading

import pytest

from redis_helpers.course.exercises import runner
from redis_helpers.course.exercises.commands import _interrupted_once
from redis_helpers.course.exercises.runner import (
    MOST_LINES,
    MOST_PRINTED,
    FairClock,
    Outcome,
    Printed,
    end_idle_threads,
    run_calls,
    threads_at_work,
)
from tests.support.servers import wait_until

LIMIT = 0.1  # seconds


@pytest.fixture(autouse=True)
def _no_idle_threads():
    yield
    end_idle_threads()


def run(*calls, seconds=5.0, printed=None):
    late = []
    outcomes = run_calls(calls, seconds, printed or Printed(), when_late=lambda: late.append("late"), clock=FairClock())
    return outcomes, late


def loops():
    while True:
        pass


def test_outcomes_come_in_the_order_of_the_calls():
    first_may_go = threading.Event()
    outcomes, late = run(lambda: first_may_go.wait(5) and "first", lambda: first_may_go.set() or "second")
    assert [outcome.value for outcome in outcomes] == ["first", "second"]
    assert all(outcome.finished for outcome in outcomes)
    assert late == []


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_a_call_raises_is_its_outcome(error):
    def fails():
        raise error

    outcomes, late = run(fails)
    assert outcomes == [Outcome(error=error, finished=True)]
    assert late == []


def test_a_call_without_end_is_stopped_and_leaves_no_outcome():
    threads_before = threads_at_work()
    outcomes, late = run(loops, lambda: "done", seconds=LIMIT)
    assert outcomes == [Outcome(), Outcome(value="done", finished=True)]
    assert late == ["late"]
    assert wait_until(lambda: threads_at_work() == threads_before)


def test_a_call_that_waits_elsewhere_is_left_behind(monkeypatch):
    monkeypatch.setattr("redis_helpers.course.exercises.runner.STOP_LIMIT", 0.05)
    release = threading.Event()
    outcomes, late = run(lambda: release.wait(60), seconds=LIMIT)
    release.set()
    assert outcomes == [Outcome()]
    assert late == ["late"]


class InterruptedAtABadMoment(FairClock):
    """The user interrupts, once, while Python cleans up an object."""

    class Cleaned:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    interrupted = False

    def now(self):
        if not self.interrupted:
            self.interrupted = True
            self.Cleaned()
        return super().now()


def test_an_interrupt_that_python_drops_is_raised_later(monkeypatch):
    monkeypatch.setattr(runner, "STOP_LIMIT", 0.05)
    hook_before, release = sys.unraisablehook, threading.Event()
    with pytest.raises(KeyboardInterrupt), _interrupted_once():
        run_calls([lambda: release.wait(60)], 30, Printed(), release.set, InterruptedAtABadMoment())
    assert release.is_set(), "the call was not ended"
    assert sys.unraisablehook is hook_before
    assert not runner.interrupt_was_dropped.is_set()


def test_one_thread_serves_one_call_after_the_other_and_a_stopped_one_none():
    idents = [run(threading.get_ident)[0][0].value for _ in range(3)]
    assert len(set(idents)) == 1
    threads_before = threads_at_work()
    run(loops, seconds=LIMIT)
    assert run(lambda: "served")[0] == [Outcome(value="served", finished=True)]
    assert wait_until(lambda: threads_at_work() == threads_before)


def test_a_call_finds_nothing_of_the_one_before_in_its_context():
    fruit = contextvars.ContextVar("fruit")
    outcomes = [run(lambda: (fruit.get(None), fruit.set("uva"))[0])[0][0] for _ in range(2)]
    assert [outcome.value for outcome in outcomes] == [None, None]


def test_what_is_printed_is_caught_and_the_outputs_are_given_back():
    before = sys.stdout, sys.stderr
    printed = Printed()
    run(lambda: print("banana"), lambda: print("apple", file=sys.stderr), printed=printed)
    assert sorted(printed.lines()) == ["apple", "banana"]
    assert (sys.stdout, sys.stderr) == before


def test_of_much_that_is_printed_the_beginning_is_kept():
    printed = Printed()
    assert printed.write("x" * (MOST_PRINTED + 5)) == MOST_PRINTED + 5
    assert printed.lines() == ["x" * MOST_PRINTED, "… and 5 characters more"]


def test_of_many_lines_the_first_are_kept():
    printed = Printed()
    printed.write("\n".join("ab" for _ in range(MOST_LINES + 3)))
    assert printed.lines() == ["ab"] * MOST_LINES + ["… and 6 characters more"]
