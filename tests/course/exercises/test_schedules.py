"""Every order of the steps of several callers: none is left out, the simplest comes first, and all come to an end."""

import itertools
import math
import threading

import pytest

from redis_helpers.course.exercises import schedules
from redis_helpers.course.exercises.runner import FairClock
from redis_helpers.course.exercises.schedules import Caller, Rival, all_runs, serial_runs
from redis_helpers.course.exercises.wire import Call, Step


def caller(name, steps, done):
    """Somebody with so many steps, each of which is written down."""

    def call_it(call):
        for number in range(steps):
            call.turn(Step([["STEP", str(number)]]))
            done.append(name)
        return name

    return Caller(name, call_it)


def tried(steps, rivals=0, runs=all_runs):
    """What was done in each run, in order."""
    done, orders = [], []
    actors = [caller(f"caller {number}", count, done) for number, count in enumerate(steps)]
    actors += [
        Rival(f"rival {number}", lambda number=number: done.append(f"rival {number}")) for number in range(rivals)
    ]

    def begin():
        done.clear()
        return [Call("") if isinstance(actor, Caller) else None for actor in actors]

    for run in runs(actors, begin, FairClock()):
        assert not run.stuck
        assert all(outcome.finished for outcome in run.outcomes)
        orders.append(tuple(done))
    return orders


def changes(order):
    """How often somebody else comes before the one who went last has ended."""
    return sum(
        before != after and before in order[place + 1 :]
        for place, (before, after) in enumerate(itertools.pairwise(order))
    )


@pytest.mark.parametrize("steps", [(1, 1), (2, 2), (1, 4), (3, 3), (4, 4), (2, 2, 2), (0, 2), (1, 1, 1)])
def test_every_order_is_tried_once(steps):
    orders = tried(steps)
    expected = math.factorial(sum(steps))
    for count in steps:
        expected //= math.factorial(count)
    assert len(orders) == len(set(orders)) == expected


@pytest.mark.parametrize("steps", [(3, 3), (2, 2, 2)])
def test_the_fewest_changes_come_first(steps):
    counted = [changes(order) for order in tried(steps)]
    assert counted == sorted(counted)
    assert counted[0] == 0


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_a_rival_acts_once_in_every_gap(steps):
    orders = tried([steps], rivals=1)
    assert sorted(order.index("rival 0") for order in orders) == list(range(steps + 1))


def test_two_rivals_meet_in_every_gap_in_both_orders():
    assert len(set(tried([2], rivals=2))) == 12


def test_one_after_the_other_in_every_order():
    assert tried([2, 2], rivals=1, runs=serial_runs) == [
        ("caller 0",) * 2 + ("caller 1",) * 2 + ("rival 0",),
        ("caller 0",) * 2 + ("rival 0",) + ("caller 1",) * 2,
        ("caller 1",) * 2 + ("caller 0",) * 2 + ("rival 0",),
        ("caller 1",) * 2 + ("rival 0",) + ("caller 0",) * 2,
        ("rival 0",) + ("caller 0",) * 2 + ("caller 1",) * 2,
        ("rival 0",) + ("caller 1",) * 2 + ("caller 0",) * 2,
    ]


def test_too_many_orders_are_sampled_and_always_the_same_ones(monkeypatch):
    monkeypatch.setattr(schedules, "MOST_SCHEDULES", 40)
    first, second = tried((6, 6)), tried((6, 6))
    assert first == second
    assert len(first) == len(set(first)) == 40 + schedules.SAMPLE
    with_one_change = {order for order in first if changes(order) <= 1}
    assert len(with_one_change) == 2 + 2 * 5  # one after the other, and each gap of each


def test_who_waits_for_the_other_does_not_starve_it():
    lock, got = threading.Lock(), []

    def waits(call):
        while not lock.acquire(blocking=False):
            call.turn(Step([["ASK"]]))
        call.turn(Step([["WORK"]]))
        got.append(1)
        lock.release()

    actors = [Caller("one", waits), Caller("other", waits)]
    runs = list(all_runs(actors, lambda: [Call(""), Call("")], FairClock()))
    assert not any(run.stuck for run in runs)
    assert len(got) == 2 * len(runs)


def test_who_waits_for_what_never_comes_is_ended(monkeypatch):
    monkeypatch.setattr(schedules, "STEP_LIMIT", 0.1)
    never = threading.Event()

    def waits(call):
        call.turn(Step([["ASK"]]))
        never.wait(600)

    run = next(all_runs([Caller("one", waits)], lambda: [Call("")], FairClock()))
    assert run.stuck
    assert not run.outcomes[0].finished


def test_a_loop_without_end_is_ended():
    def asks_for_ever(call):
        while True:
            call.turn(Step([["ASK"]]))

    run = next(all_runs([Caller("one", asks_for_ever)], lambda: [Call("")], FairClock()))
    assert run.stuck
    assert len(run.moves) == schedules.MOST_STEPS


def test_what_is_raised_is_an_outcome():
    def raises(call):
        call.turn(Step([["ASK"]]))
        raise LookupError("no such fruit")

    run = next(all_runs([Caller("one", raises)], lambda: [Call("")], FairClock()))
    assert isinstance(run.outcomes[0].error, LookupError)
    assert not run.stuck


def test_a_step_that_comes_only_in_some_orders_is_tried_too():
    """What one does may depend on what the other has done: the tree of orders is not known beforehand."""
    shelf, seen = [], []

    def puts(call):
        call.turn(Step([["PUT"]]))
        shelf.append(1)

    def looks(call):
        call.turn(Step([["LOOK"]]))
        if shelf:
            call.turn(Step([["TAKE"]]))
            seen.append("took")

    def begin():
        shelf.clear()
        return [Call(""), Call("")]

    orders = [run.order for run in all_runs([Caller("puts", puts), Caller("looks", looks)], begin, FairClock())]
    assert sorted(orders) == [(0, 1, 1), (1, 0)]
    assert seen == ["took"]


def test_long_calls_are_not_tried_for_ever():
    orders = tried((90, 90))
    assert sum(map(len, orders)) <= schedules.MOST_STEPS_IN_ALL + 180
    assert len(orders) == len(set(orders)) > 10
