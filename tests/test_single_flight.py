"""`SingleFlight`: one piece of work for all threads that want it now."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from redis_helpers.single_flight import SingleFlight
from tests.support.servers import wait_until


class Work:
    """Counts how often it is done, and ends when it may, with `outcome` (raised, when it is an error)."""

    def __init__(self, outcome):
        self.outcome = outcome
        self.begun = 0
        self.may_end = threading.Event()

    def __call__(self):
        self.begun += 1
        assert self.may_end.wait(60)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


def outcome_of(future):
    try:
        return future.result(60)
    except BaseException as error:
        return error


@pytest.mark.parametrize("outcome", ["answer", LookupError("no"), TimeoutError("the source is slow")])
def test_it_is_done_once_and_all_hear_of_it(outcome):
    flights, work, asking = SingleFlight(), Work(outcome), []

    def ask():
        asking.append(threading.get_ident())
        return flights.do("key", work, 60)

    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(ask) for _ in range(8)]
        assert wait_until(lambda: work.begun and len(asking) == 8)
        time.sleep(0.1)  # the last of them has its way into the flight still before it
        work.may_end.set()
        assert [outcome_of(call) for call in calls] == [outcome] * 8
    assert work.begun == 1


def test_keys_do_not_wait_for_each_other():
    flights, slow = SingleFlight(), Work("slow")
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(flights.do, "slow", slow, 10)
        assert flights.do("quick", lambda: "quick", 10) == "quick"
        slow.may_end.set()
        assert call.result(10) == "slow"


def test_afterwards_it_is_done_anew():
    flights = SingleFlight()
    assert [flights.do("key", lambda: 1, 1), flights.do("key", lambda: 2, 1)] == [1, 2]
    with pytest.raises(LookupError):
        flights.do("key", done(LookupError()), 1)
    assert flights.do("key", lambda: 3, 1) == 3


def done(outcome):
    work = Work(outcome)
    work.may_end.set()
    return work


def test_whoever_has_waited_long_enough_does_it_too():
    flights, slow = SingleFlight(), Work("slow")
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(flights.do, "key", slow, 10)
        assert wait_until(lambda: slow.begun)
        assert flights.do("key", lambda: "mine", 0.05) == "mine"
        slow.may_end.set()
        assert call.result(10) == "slow"


def test_after_forget_nobody_joins_the_old_work():
    flights, old = SingleFlight(), Work("old")
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(flights.do, "key", old, 10)
        assert wait_until(lambda: old.begun)
        flights.forget("key")
        flights.forget("another")
        assert flights.do("key", lambda: "new", 10) == "new"
        old.may_end.set()
        assert call.result(10) == "old"


def test_when_the_worker_is_interrupted_the_others_do_it_themselves():
    flights, work = SingleFlight(), Work(KeyboardInterrupt())
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(flights.do, "key", work, 10)
        assert wait_until(lambda: work.begun)
        second = threads.submit(flights.do, "key", lambda: "mine", 10)
        assert wait_until(lambda: flights._flights["key"]._waiters)
        work.may_end.set()
        assert isinstance(outcome_of(first), KeyboardInterrupt)
        assert outcome_of(second) == "mine"
