"""Lesson 16: a picture of orders whose workers are killed, and what bigger batches bring."""

import time
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from redis_helpers.course.lessons.scenes.scene_16_workers import GROUP, Report
from redis_helpers.course.plots import MARK, PEOPLE, plot_bars, plot_lines

BATCHES = "cell-by-cell:proven:batches"


def draw_kills(report: Report) -> Axes:
    """How many orders are still to be packed, and when a worker was killed."""
    some = report.left[:: max(1, len(report.left) // 40)] + report.left[-1:]
    ax = plot_lines(
        {"": ([when for when, _ in some], [left for _, left in some])},
        "Do the orders come to an end, with five kills?",
        "milliseconds since the workers began",
        "orders to pack",
        colors={"": PEOPLE[0]},
    )
    for number, kill in enumerate(report.kills):
        ax.axvline(kill, color=MARK, linestyle=":")
        if number == 0:
            ax.annotate(
                "kill -9",
                (kill, 0.9),
                (4, 0),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                color=MARK,
            )
    return ax


def speed_of_batches(redis_conn: Any, batches: list[int]) -> dict[int, float]:
    """Reads and acknowledges jobs, so many at a time. How many times as fast as one by one?"""
    redis_conn.delete(BATCHES)
    pipe = redis_conn.pipeline(transaction=False)
    for order in range(1000):
        pipe.xadd(BATCHES, {"order": order})
    pipe.execute()
    seconds = {batch: min(_seconds_per_job(redis_conn, batch) for _ in range(2)) for batch in {1, *batches}}
    return {batch: seconds[1] / seconds[batch] for batch in batches}


def _seconds_per_job(redis_conn: Any, batch: int) -> float:
    """The time for one job, from as many batches as 1,000 jobs make, or from 200: one by one, these are enough."""
    redis_conn.xgroup_create(BATCHES, GROUP, id="0")
    times = min(200, 1000 // batch)
    begin = time.perf_counter()
    for _ in range(times):
        found = redis_conn.xreadgroup(GROUP, "ann", {BATCHES: ">"}, count=batch)
        redis_conn.xack(BATCHES, GROUP, *[job_id for job_id, _ in found[0][1]])
    seconds = time.perf_counter() - begin
    redis_conn.xgroup_destroy(BATCHES, GROUP)
    return seconds / (times * batch)


def draw_batches(speed: dict[int, float]) -> Axes:
    """A bar for each size of a batch."""
    bars = {f"{batch} at a time": gain for batch, gain in speed.items()}
    ax = plot_bars(bars, "How many times as fast as one by one?", "times as fast")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))  # the axis shows whole numbers
    return ax
