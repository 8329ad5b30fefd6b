"""What a load test has found, and how it is told."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from redis_helpers.course.shop.customer import Request

PERCENTS = (50, 95, 99)

LOST = (
    "Redis replicates asynchronously: a primary thanks for a write before its replica has it. What it had not passed\n"
    "on when it was killed is lost, although the customer was told otherwise, and no client can find it again."
)
NONE_LOST = "Here none was lost: a replica on the same computer is hardly behind. Across a network, some may be."
SOME_LOST = "So it went here. What must not be lost needs a second place: the customer's database, or a journal."
TWICE = (
    "An order is worked twice when its worker had it done, and Redis forgot so in the failover. That is what\n"
    '"at least once" means: a handler has to be idempotent. This one only counts.'
)


@dataclass(frozen=True)
class Failover:
    """What was done to the cluster. Times are those of `time.monotonic()`. `took_over` is None when nobody did."""

    killed: float
    took_over: float | None


@dataclass(frozen=True)
class Phase:
    """A part of the run: how long it was in seconds, its requests, and how long those that were served took, in ms.

    `percentiles` are p50, p95 and p99; empty when none was served.
    """

    name: str
    seconds: float
    requests: int
    refused: int
    percentiles: tuple[float, ...]


@dataclass(frozen=True)
class Orders:
    """What became of the orders. acknowledged = once + lost + twice, and each is in one of the three.

    `twice` counts those that were worked more than once. `unasked`: orders that were worked, and for which nobody was
    thanked: the run had ended, or the shop's answer was lost.
    """

    acknowledged: int
    once: int
    lost: int
    twice: int
    unasked: int


@dataclass(frozen=True)
class Report:
    """All that a load test has found.

    - `refusals`: when requests were refused, in seconds since the failover began, or else since the run began.
    - `longest_without_any`, `longest_without_order`: the longest time, in seconds, in which no request at all was
      served, and no order was acknowledged.
    - `failed`: requests that were neither served nor refused, which should not be. `first_failure` tells of one.
    - `sessions`, `lost_sessions`: how many were given to customers, and how many of them ended without their doing.
    """

    phases: list[Phase]
    failover: Failover | None
    refusals: list[float]
    longest_without_any: float
    longest_without_order: float
    orders: Orders
    sessions: int
    lost_sessions: int
    failed: int
    first_failure: str = ""


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least `percent` of a hundred do not exceed ("nearest rank").

    Raises ValueError without values, or for a percent that is not above 0 and at most 100.
    """
    if not values or not 0 < percent <= 100:
        raise ValueError("a percentile needs values, and a percent above 0 and at most 100")
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def longest_gap(moments: Iterable[float], began: float, ended: float) -> float:
    """The longest time between `began` and `ended` that contains none of the moments."""
    marks = [began, *sorted(moment for moment in moments if began < moment < ended), ended]
    return max(later - earlier for earlier, later in itertools.pairwise(marks))


def count_orders(acknowledged: Iterable[str], worked: Counter[str]) -> Orders:
    """`worked` says how many times a worker has done each order."""
    thanked = set(acknowledged)
    times = [worked[order] for order in thanked]
    return Orders(
        acknowledged=len(thanked),
        once=sum(1 for time in times if time == 1),
        lost=sum(1 for time in times if time == 0),
        twice=sum(1 for time in times if time > 1),
        unasked=len([order for order in worked if order not in thanked]),
    )


def phases_of(requests: Sequence[Request], failover: Failover | None, began: float, ended: float) -> list[Phase]:
    """The whole run, or its parts before, during and after the failover.

    The failover begins with the kill. It ends when the replica has taken over and no request is refused any more. What
    was under way at one of its moments belongs to it.
    """
    if failover is None:
        return [_phase("all", requests, ended - began)]
    back = max([failover.took_over or ended, *(request.ended for request in requests if request.refused)])
    before = [request for request in requests if request.ended < failover.killed]
    after = [request for request in requests if request.began > back]
    during = [request for request in requests if request.ended >= failover.killed and request.began <= back]
    return [
        _phase("before", before, failover.killed - began),
        _phase("during", during, back - failover.killed),
        _phase("after", after, max(0.0, ended - back)),
    ]


def _phase(name: str, requests: Sequence[Request], seconds: float) -> Phase:
    served = [1000 * (request.ended - request.began) for request in requests if request.served]
    percentiles = tuple(percentile(served, percent) for percent in PERCENTS) if served else ()
    refused = sum(request.refused for request in requests)
    return Phase(name, seconds, len(requests), refused, percentiles)


def as_text(report: Report) -> str:
    """The report for a terminal, in lines of at most 120 characters."""
    lines = [f"{'':10}{'seconds':>9}{'requests':>10}{'refused':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}"]
    for phase in report.phases:
        times = [f"{value:9.1f}" for value in phase.percentiles] or [f"{'-':>9}"] * len(PERCENTS)
        numbers = f"{phase.seconds:9.1f}{phase.requests:10,}{phase.refused:9,}"
        lines.append(f"{phase.name:10}{numbers}{''.join(times)}")
    lines += ["", *_on_the_failover(report), *_on_refusals(report), ""]
    orders = report.orders
    lines += [
        f"{'orders acknowledged':22}{orders.acknowledged:8,}",
        f"{'  worked once':22}{orders.once:8,}",
        f"{'  lost':22}{orders.lost:8,}",
        f"{'  worked twice':22}{orders.twice:8,}",
        f"{'sessions given':22}{report.sessions:8,}",
        f"{'  lost':22}{report.lost_sessions:8,}",
    ]
    if orders.unasked:
        lines.append(f"{'worked, never thanked':22}{orders.unasked:8,}")
    if report.failed:
        lines += ["", f"{_requests(report.failed)} failed otherwise. The first: {report.first_failure}"]
    some_lost = orders.lost or report.lost_sessions
    if report.failover is not None or some_lost:
        lines += ["", LOST, SOME_LOST if some_lost else NONE_LOST]
    if orders.twice:
        lines += ["", TWICE]
    return "\n".join(lines)


def _on_the_failover(report: Report) -> list[str]:
    failover = report.failover
    if failover is None:
        return []
    if failover.took_over is None:
        return ["The queue's primary was killed (kill -9), and no replica took over."]
    seconds = failover.took_over - failover.killed
    return [f"The queue's primary was killed (kill -9). Its replica took over {seconds:.2f} s later."]


def _on_refusals(report: Report) -> list[str]:
    refused = len(report.refusals)
    if not refused:
        lines = ["No request was refused."]
    else:
        since = "the start, though this test killed nothing" if report.failover is None else "the kill"
        first, last = min(report.refusals), max(report.refusals)
        lines = [f"Refused (503): {_requests(refused)}, from {first:.2f} to {last:.2f} s after {since}."]
    return [
        *lines,
        f"The longest time without any answer but refusals: {report.longest_without_any:.2f} s; "
        f"without an acknowledged order: {report.longest_without_order:.2f} s.",
    ]


def _requests(number: int) -> str:
    return f"{number:,} request{'' if number == 1 else 's'}"
