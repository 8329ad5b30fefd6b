"""Lesson 18: boards with many members, and how long one command holds others up."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unittest import mock

import redis
from matplotlib.axes import Axes

from redis_helpers.course.plots import CACHE, SOURCE, plot_bars

BATCH = 5000  # members that are written at once
ROUNDS = 3


def fill_days(redis_conn: redis.Redis, keys: Sequence[str], members: int) -> None:
    """Makes each key a board of so many members, the same ones in each."""
    for key in keys:
        redis_conn.unlink(key)
        for begin in range(0, members, BATCH):
            end = min(begin + BATCH, members)
            redis_conn.zadd(key, {f"customer:{number}": number % 97 + 1 for number in range(begin, end)})


def longest_command(redis_conn: redis.Redis, work: Callable[[], object]) -> float:
    """Calls `work()` three times, and returns how long the longest of its commands took, in milliseconds.

    Redis runs one command at a time: so long nobody else was served. Each command counts with the shortest of its three
    times, so that what else this computer does is not in it.
    """
    rounds = [_times(redis_conn, work) for _ in range(ROUNDS)]
    return max(min(times) for times in zip(*rounds, strict=False))


def _times(redis_conn: redis.Redis, work: Callable[[], object]) -> list[float]:
    times: list[float] = []
    send = redis_conn.execute_command

    def measured(*words: Any, **options: Any) -> Any:
        begin = time.perf_counter()
        try:
            return send(*words, **options)
        finally:
            times.append(1000 * (time.perf_counter() - begin))

    with mock.patch.object(redis_conn, "execute_command", measured):
        work()
    return times


def draw_waits(waits: Mapping[str, float], title: str) -> Axes:
    """A bar for each way to build a week: a union in one colour, pages in another."""
    colors = {name: SOURCE if "pages" in name else CACHE for name in waits}
    return plot_bars(waits, title, "ms", colors)
