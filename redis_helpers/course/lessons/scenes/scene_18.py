"""Lesson 18: boards with many members, and how long one command holds others up."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any
from unittest import mock

import redis
from matplotlib.axes import Axes

from redis_helpers.course.plots import CACHE, OTHER, plot_bars

BATCH = 5000  # members that are written at once
ENOUGH = 9
DAYS = "cell-by-cell:ties:seven:"


def fill_days(redis_conn: redis.Redis, members: int) -> list[str]:
    """Makes seven boards of so many members, the same ones in each. Returns their keys, which a `Leaderboard` knows."""
    keys = [f"{DAYS}{{{number}}}" for number in range(7)]
    for key in keys:
        redis_conn.unlink(key)
        for begin in range(0, members, BATCH):
            end = min(begin + BATCH, members)
            redis_conn.zadd(key, {f"customer:{number}": number % 97 + 1 for number in range(begin, end)})
    return keys


def wait_for_one(redis_conn: redis.Redis, work: Callable, *args: object) -> float:
    """Calls `work(*args)` until it has sent nine commands or more. Returns the median of their times, in milliseconds.

    Redis runs one command at a time: so long, at most, nobody else was served. The way there and back is in it.
    """
    times: list[float] = []
    while len(times) < ENOUGH:
        times += _times(redis_conn, work, args)
    return statistics.median(times)


def _times(redis_conn: redis.Redis, work: Callable, args: tuple) -> list[float]:
    times: list[float] = []
    send = redis_conn.execute_command

    def measured(*words: Any, **options: Any) -> Any:
        begin = time.perf_counter()
        try:
            return send(*words, **options)
        finally:
            times.append(1000 * (time.perf_counter() - begin))

    with mock.patch.object(redis_conn, "execute_command", measured):
        work(*args)
    return times


def draw_waits(waits: Mapping[str, float], title: str) -> Axes:
    """A bar for each way to build a week: a union in one colour, pages in another."""
    colors = {name: OTHER if "pages" in name else CACHE for name in waits}
    return plot_bars(waits, title, "ms", colors)
