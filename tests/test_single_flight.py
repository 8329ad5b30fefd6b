"""`SingleFlight`: one piece of work for all threads that want it now."""

import multiprocessing
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from redis_helpers.single_flight import SingleFlight, own_copy
from tests.support.servers import wait_until


class Work:
    """Counts how often it is done, and ends when it may, with `outcome` (raised, when it is an error)."""

    def __init__(self, outcome):
        self.outcome = outcome
        self.begun = 0
        self.may_end = threading.Event()

    def __call__(self):
        self.begun += 1
        assert self.may_end.wait(20)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


def do(flights, key, work, patience=20, limit=20):
    return flights.do(key, work, patience, limit).result()


def followers(flights, key):
    """Whether somebody waits for the flight of this key."""
    flight = flights._flights.get(key)
    return flight is not None and flight.ended is not None


def test_it_is_done_once_and_all_get_the_value():
    flights, work = SingleFlight(), Work("answer")
    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(flights.do, "key", work, 20, 20) for _ in range(8)]
        assert wait_until(lambda: work.begun and followers(flights, "key"))
        time.sleep(0.05)  # the others come too
        work.may_end.set()
        outcomes = [call.result(20) for call in calls]
    assert [outcome.result() for outcome in outcomes] == ["answer"] * 8
    assert sum(outcome.led for outcome in outcomes) == work.begun


def test_keys_do_not_wait_for_each_other():
    flights, slow = SingleFlight(), Work("slow")
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(do, flights, "slow", slow)
        assert do(flights, "quick", lambda: "quick") == "quick"
        slow.may_end.set()
        assert call.result(20) == "slow"


def test_afterwards_it_is_done_anew():
    flights = SingleFlight()
    assert [do(flights, "key", lambda: 1), do(flights, "key", lambda: 2)] == [1, 2]
    failing = Work(LookupError())
    failing.may_end.set()
    with pytest.raises(LookupError):
        do(flights, "key", failing)
    assert do(flights, "key", lambda: 3) == 3


def test_whoever_has_waited_long_enough_does_it_alone():
    flights, slow = SingleFlight(), Work("slow")
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(do, flights, "key", slow)
        assert wait_until(lambda: slow.begun)
        outcome = flights.do("key", lambda: "mine", 0.05, 20)
        assert (outcome.result(), outcome.led) == ("mine", True)
        slow.may_end.set()
        assert call.result(20) == "slow"


def test_when_the_work_hangs_one_of_those_who_wait_takes_over_and_the_others_wait_for_that_one():
    flights, hung, second = SingleFlight(), Work("late"), Work("second")
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(do, flights, "key", hung, 20, 0.2)
        assert wait_until(lambda: hung.begun)
        others = [threads.submit(do, flights, "key", second) for _ in range(8)]
        assert wait_until(lambda: second.begun)
        time.sleep(0.05)  # the others come too
        assert second.begun == 1  # and as long as it is not done, nobody does it again
        second.may_end.set()
        assert [other.result(20) for other in others] == ["second"] * 8
        hung.may_end.set()
        assert first.result(20) == "late"


def test_a_limit_that_is_set_while_others_wait_counts_for_them_too():
    flights, hung = SingleFlight(), Work("late")
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(do, flights, "key", hung, 60, 60)
        assert wait_until(lambda: hung.begun)
        second = threads.submit(do, flights, "key", lambda: "second", 60, 60)
        assert wait_until(lambda: followers(flights, "key"))
        flights.set_limit("key", 0.05)
        flights.set_limit("another", 0.05)
        assert second.result(20) == "second"
        hung.may_end.set()
        assert first.result(20) == "late"


def test_after_forget_nobody_joins_the_old_work():
    flights, old = SingleFlight(), Work("old")
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(do, flights, "key", old)
        assert wait_until(lambda: old.begun)
        flights.forget("key")
        flights.forget("another")
        assert do(flights, "key", lambda: "new") == "new"
        old.may_end.set()
        assert call.result(20) == "old"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()], ids=repr)
def test_when_the_worker_is_interrupted_another_does_it(interruption):
    flights, work = SingleFlight(), Work(interruption)
    heard = []

    def lead():
        try:
            do(flights, "key", work)
        except BaseException as error:
            heard.append(error)

    first = threading.Thread(target=lead)
    first.start()
    assert wait_until(lambda: work.begun)
    with ThreadPoolExecutor(2) as threads:
        others = [threads.submit(do, flights, "key", lambda: "mine") for _ in range(2)]
        assert wait_until(lambda: followers(flights, "key"))
        work.may_end.set()
        assert [other.result(20) for other in others] == ["mine", "mine"]
    first.join(20)
    assert heard == [interruption]


# Errors


class Odd(Exception):
    """Its class cannot be called with its args."""

    def __init__(self, code, *, hint):
        super().__init__(f"code {code}")
        self.code, self.hint = code, hint


class Refuses(Exception):
    def __reduce__(self):
        raise TypeError("no copies")

    def __new__(cls, *args):
        if args == ("copied",):
            raise TypeError("no copies")
        return super().__new__(cls, *args)


ERRORS = [
    LookupError("no such fruit"),
    TimeoutError("the source is slow"),
    FileNotFoundError(2, "No such file", "market.sqlite3"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    KeyError("uva"),
    Odd(7, hint="ask again"),
    ExceptionGroup("two", [ValueError(1), KeyError(2)]),
    StopIteration("end"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_each_of_those_who_wait_gets_an_error_of_its_own(error):
    """Same type, same words, same attributes; another object, and only its own thread in the traceback."""
    flights, work = SingleFlight(), Work(error)
    caught = []

    def ask():
        try:
            flights.do("key", work, 20, 20).result()
        except Exception as problem:
            caught.append(problem)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert wait_until(lambda: work.begun and followers(flights, "key"))
    time.sleep(0.05)
    work.may_end.set()
    for thread in threads:
        thread.join(20)
    assert len(caught) == 8
    assert len({id(problem) for problem in caught}) == 8 - work.begun + 1
    for problem in caught:
        assert type(problem) is type(error)
        assert str(problem) == str(error)
        assert vars(problem) == vars(error)
        assert len(traceback.extract_tb(problem.__traceback__)) < 8


def test_a_copy_keeps_the_cause_and_loses_the_traceback():
    with pytest.raises(OSError, match="outer") as caught:
        raise OSError(5, "outer") from KeyError("inner")
    error = caught.value
    twin = own_copy(error)
    assert twin is not error
    assert twin.errno == 5
    assert twin.__cause__ is error.__cause__
    assert twin.__suppress_context__
    assert twin.__traceback__ is None
    assert error.__traceback__ is not None


def test_an_error_that_cannot_be_copied_is_handed_on_itself():
    error = Refuses("x")
    error.args = ("copied",)
    assert own_copy(error) is error


# Fork


def test_in_a_forked_child_nothing_is_under_way():
    flights, slow = SingleFlight(), Work("slow")
    context = multiprocessing.get_context("fork")
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(do, flights, "key", slow)
        assert wait_until(lambda: slow.begun)
        answers = context.Queue()
        child = context.Process(target=lambda: answers.put(do(flights, "key", lambda: "of the child")))
        child.start()
        assert answers.get(timeout=20) == "of the child"
        child.join(20)
        slow.may_end.set()
        assert call.result(20) == "slow"
