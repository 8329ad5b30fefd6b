"""`CircuitBreaker`: opens for a server that is gone, not for a hiccup."""

import threading
import time

import pytest

from redis_helpers import circuit_breaker
from redis_helpers.circuit_breaker import CircuitBreaker


class Clock:
    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(circuit_breaker, "time", clock)
    return clock


def fail(breaker, clock, lasting):
    began = clock.now
    clock.now += lasting
    breaker.failed(began)


def test_one_short_failure_does_not_open_it(clock):
    breaker = CircuitBreaker()
    fail(breaker, clock, 0.25)
    assert not breaker.is_open
    assert breaker.lets_pass()


def test_failures_of_many_threads_at_the_same_moment_do_not_open_it(clock):
    breaker = CircuitBreaker()
    began = clock.now
    clock.now += 0.3
    for _ in range(16):
        breaker.failed(began)
    assert not breaker.is_open


def test_a_success_in_between_begins_the_count_anew(clock):
    breaker = CircuitBreaker()
    for _ in range(10):
        fail(breaker, clock, 0.25)
        breaker.succeeded()
    assert not breaker.is_open


def test_one_long_failure_opens_it(clock):
    breaker = CircuitBreaker()
    fail(breaker, clock, 5)
    assert breaker.is_open


def test_one_failure_after_the_other_opens_it(clock):
    breaker = CircuitBreaker()
    fail(breaker, clock, 0.25)
    fail(breaker, clock, 0.25)
    assert breaker.is_open
    assert not breaker.lets_pass()


def test_refused_connections_open_it_once_they_have_lasted(clock):
    breaker = CircuitBreaker()
    for _ in range(50):
        fail(breaker, clock, 0.001)
    assert not breaker.is_open
    clock.now += 0.4
    fail(breaker, clock, 0.001)
    assert breaker.is_open


def test_while_it_is_open_one_caller_looks_in_each_pause(clock):
    breaker = CircuitBreaker()
    fail(breaker, clock, 5)
    assert not breaker.lets_pass()
    clock.now += circuit_breaker.PAUSE
    assert [breaker.lets_pass() for _ in range(5)] == [True, False, False, False, False]
    fail(breaker, clock, 0.25)  # what he found
    assert not breaker.lets_pass()
    clock.now += circuit_breaker.PAUSE
    assert breaker.lets_pass()
    breaker.succeeded()
    assert not breaker.is_open
    assert [breaker.lets_pass() for _ in range(5)] == [True] * 5


def test_one_of_many_threads_looks():
    breaker = CircuitBreaker()
    breaker.failed(time.monotonic() - 10)
    breaker._next_look = 0.0  # the pause is over
    gate, let_through = threading.Barrier(16), []

    def ask():
        gate.wait()
        if breaker.lets_pass():
            let_through.append(1)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_through) == 1


def test_it_says_when_it_opens_and_when_it_closes_once_each(clock, caplog):
    breaker = CircuitBreaker()
    for _ in range(5):
        fail(breaker, clock, 1)
    breaker.succeeded()
    breaker.succeeded()
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "Redis has not answered for 1.0 s",
        "Redis answers again",
    ]
