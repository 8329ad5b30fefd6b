"""What the load test makes of what it has seen: percentiles, gaps, phases, orders, and their text."""

from collections import Counter

import pytest

from redis_helpers.course.shop.customer import NO_ANSWER, REFUSED, Request
from redis_helpers.course.shop.load_report import (
    Failover,
    Orders,
    Report,
    as_text,
    count_orders,
    longest_gap,
    percentile,
    phases_of,
)


def test_a_percentile_is_one_of_the_values():
    hundred = [float(value) for value in range(100, 0, -1)]
    assert [percentile(hundred, percent) for percent in (1, 50, 95, 99, 100)] == [1, 50, 95, 99, 100]
    assert percentile([7.0], 1) == percentile([7.0], 99) == 7.0
    assert percentile([1.0, 2.0], 50) == 1.0
    assert percentile([1.0, 2.0], 50.1) == 2.0
    assert percentile([3.0, 1.0, 2.0], 95) == 3.0


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_what_has_no_percentile(values, percent):
    with pytest.raises(ValueError, match="a percentile needs values"):
        percentile(values, percent)


def test_the_longest_gap_may_lie_at_an_end():
    assert longest_gap([], 0, 10) == 10
    assert longest_gap([3, 4, 5], 0, 10) == 5
    assert longest_gap([5, 4, 9, -3, 77], 0, 10) == 4
    assert longest_gap([2, 9], 0, 10) == 7


def test_each_acknowledged_order_is_counted_in_one_place():
    worked = Counter({"a": 1, "b": 2, "c": 3, "never thanked": 1, "nor this": 2})
    orders = count_orders(["a", "b", "c", "gone", "gone too"], worked)
    assert orders == Orders(acknowledged=5, once=1, lost=2, twice=2, unasked=2)
    assert orders.acknowledged == orders.once + orders.lost + orders.twice


def asked(began, ended, status=200, path="/"):
    return Request(path, status, began, ended)


def test_what_a_failover_touches_belongs_to_it():
    requests = [
        asked(1.0, 1.010),
        asked(1.0, 1.030),
        asked(2.9, 3.1),  # under way when the primary was killed
        asked(3.2, 3.3, REFUSED),
        asked(4.5, 4.6, REFUSED),  # later than the take-over: some client had not heard of it
        asked(4.7, 4.701),
        asked(5.0, 5.1, 409),
    ]
    before, during, after = phases_of(requests, Failover(killed=3.0, took_over=4.0), 0.0, 6.0)
    assert (before.name, before.requests, before.refused, round(before.seconds, 3)) == ("before", 2, 0, 3.0)
    assert [round(value, 3) for value in before.percentiles] == [10.0, 30.0, 30.0]
    assert (during.name, during.requests, during.refused, round(during.seconds, 3)) == ("during", 3, 2, 1.6)
    assert [round(value) for value in during.percentiles] == [200, 200, 200], "refusals are no service, however quick"
    assert (after.name, after.requests, after.refused, round(after.seconds, 3)) == ("after", 2, 0, 1.4)


def test_without_a_failover_there_is_one_phase_and_no_times_without_service():
    (phase,) = phases_of([asked(0, 1, REFUSED)], None, 0.0, 2.0)
    assert (phase.name, phase.requests, phase.refused, phase.seconds, phase.percentiles) == ("all", 1, 1, 2.0, ())


def test_a_failover_without_a_successor_lasts_to_the_end():
    _, during, after = phases_of([asked(4, 5), asked(9, 10)], Failover(3.0, None), 0.0, 12.0)
    assert (during.requests, during.seconds, after.requests, after.seconds) == (2, 9.0, 0, 0.0)


def test_answers_are_served_refused_or_failed():
    kinds = [(status, asked(0, 1, status)) for status in (200, 202, 409, 429, 500, REFUSED, NO_ANSWER)]
    assert [status for status, request in kinds if request.served] == [200, 202, 409, 429]
    assert [status for status, request in kinds if request.refused] == [REFUSED]
    assert [status for status, request in kinds if request.failed] == [500, NO_ANSWER]


def report(orders, failover=None, refusals=(), **changes):
    requests = [asked(1.0, 1.010), asked(5.0, 5.020)]
    phases = phases_of(requests, failover, 0.0, 6.0)
    return Report(phases, failover, list(refusals), 1.5, 2.25, orders, sessions=12, **{**NOTHING, **changes})


NOTHING = {"lost_sessions": 0, "failed": 0}


def test_the_text_without_a_failover():
    text = as_text(report(Orders(1234, 1234, 0, 0, 0)))
    assert text.splitlines() == [
        "            seconds  requests  refused   p50 ms   p95 ms   p99 ms",
        "all             6.0         2        0     10.0     20.0     20.0",
        "",
        "No request was refused.",
        "The longest time without any answer but refusals: 1.50 s; without an acknowledged order: 2.25 s.",
        "",
        "orders acknowledged      1,234",
        "  worked once            1,234",
        "  lost                       0",
        "  worked twice               0",
        "sessions given              12",
        "  lost                       0",
    ]


def test_the_text_says_what_a_failover_has_cost_and_that_it_may_cost_more():
    failover = Failover(killed=2.0, took_over=3.5)
    text = as_text(report(Orders(10, 7, 2, 1, 3), failover, [0.1, 1.9], failed=1, first_failure="/buy: 500"))
    assert "Its replica took over 1.50 s later." in text
    assert "Refused (503): 2 requests, from 0.10 to 1.90 s after the kill." in text
    assert "replicates asynchronously" in text and "So it went here." in text
    assert "a handler has to be idempotent" in text
    assert "worked, never thanked        3" in text
    assert "1 request failed otherwise. The first: /buy: 500" in text
    assert max(len(line) for line in text.splitlines()) <= 120
    by_somebody = as_text(report(Orders(10, 9, 1, 0, 0), None, [0.5]))
    assert "1 request, from 0.50 to 0.50 s after the start, though this test killed nothing." in by_somebody
    assert "So it went here." in by_somebody
    luckier = as_text(report(Orders(10, 10, 0, 0, 0), failover))
    assert "Here none was lost" in luckier and "idempotent" not in luckier
    assert "no replica took over" in as_text(report(Orders(0, 0, 0, 0, 0), Failover(2.0, None)))
