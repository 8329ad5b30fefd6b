"""Lesson 19: a stock in a real database, a client that tries again, two pictures, and what a sale costs."""

import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import redis
from matplotlib.axes import Axes
from redis.backoff import NoBackoff
from redis.retry import Retry

from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.plots import CACHE, OTHER, SOURCE, plot_bars, plot_story

SALES = 64  # in one round of the bench, for 1 customer or for 8
ROUNDS = 3  # of each, in turns; the quickest counts

Way = Callable[[redis.Redis, sqlite3.Connection], object]


@cache
def _folder() -> tempfile.TemporaryDirectory:
    """Where the database lies. It is deleted when the kernel ends."""
    return tempfile.TemporaryDirectory(prefix="cell-by-cell-")


def open_stock() -> sqlite3.Connection:
    """A new connection to the shop's database. Its table `stock` has one row: the fruit uva, and how many crates."""
    db = sqlite3.connect(
        Path(_folder().name) / "stock.sqlite3",
        timeout=20,  # seconds that it waits while somebody else writes
        isolation_level=None,  # each statement is a transaction of its own
        check_same_thread=False,
    )
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = OFF")  # a lesson does not wait for the disk
    db.execute("CREATE TABLE IF NOT EXISTS stock (fruit TEXT PRIMARY KEY, crates INTEGER NOT NULL)")
    db.execute("INSERT OR IGNORE INTO stock VALUES ('uva', 1)")
    return db


def client_that_tries_again() -> redis.Redis:
    """A client as the connect cell makes it, which sends a command again when no reply has come.

    redis-py's own clients do so by default, up to ten times. The connect cell's client does not.
    """
    client = RedisConnectionHandle().connect()
    client.set_retry(Retry(NoBackoff(), 1))
    return client


def draw_releases() -> list[Axes]:
    """A comes too late with its DEL: without a token, and with one."""
    top, bottom = plt.subplots(2, 1, figsize=(9, 5.6))[1]
    works_a = (0, 5.8, "A works")
    works_b = (3.4, 9.4, "B works")
    plot_story(
        "Who works when? Each deletes the lock",
        {
            "customer A": [works_a, (6, 7, "DEL")],
            "customer B": [works_b],
            "customer C": [(7.2, 10.6, "C works")],
            "the lock": [(0, 3, "of A"), (3.4, 6.5, "of B"), (7.2, 10.6, "of C")],
        },
        ax=top,
    )
    plot_story(
        "Who works when? Each deletes only its own",
        {
            "customer A": [works_a, (6, 7, "not mine")],
            "customer B": [works_b, (9.5, 10.4, "DEL")],
            "customer C": [(7.2, 10.4, "C waits"), (10.6, 14, "C works")],
            "the lock": [(0, 3, "of A"), (3.4, 9.95, "of B"), (10.6, 14, "of C")],
        },
        ax=bottom,
    )
    for ax in (top, bottom):
        ax.set_xlim(0, 14.2)
    return [top, bottom]


def take_by_watch(redis_conn: redis.Redis, key: str) -> bool:
    """Takes one crate as in lesson 05: WATCH, look, MULTI, take, EXEC; and looks again after a WatchError."""
    while True:
        try:
            with redis_conn.pipeline() as pipe:
                pipe.watch(key)
                if int(pipe.get(key) or 0) < 1:
                    return False
                pipe.multi()
                pipe.incrby(key, -1)
                pipe.execute()
                return True
        except redis.WatchError:
            pass


def time_of_sales(redis_conn: redis.Redis, key: str, ways: Mapping[str, Way]) -> dict[int, dict[str, float]]:
    """What one sale takes on average, in microseconds: for 1 customer at a time, and for 8. Nobody comes in vain.

    `key` is the stock in Redis; the other one is the table of the database. Each customer has a connection to both.
    """
    times: dict[int, dict[str, float]] = {1: {}, 8: {}}
    for customers, quickest in times.items():
        for _ in range(ROUNDS):
            for name, way in ways.items():
                took = _time_of_one(way, customers, redis_conn, key)
                quickest[name] = min(took, quickest.get(name, took))
    return times


def _time_of_one(way: Way, customers: int, redis_conn: redis.Redis, key: str) -> float:
    with open_stock() as db:
        db.execute("UPDATE stock SET crates = ?", [SALES])
    redis_conn.set(key, SALES)
    start = threading.Barrier(customers)
    moments: list[float] = []

    def buy() -> None:
        own_db = open_stock()
        redis_conn.get(key)  # a connection is open now
        start.wait()
        moments.append(time.perf_counter())
        for _ in range(SALES // customers):
            way(redis_conn, own_db)
        moments.append(time.perf_counter())
        own_db.close()

    threads = [threading.Thread(target=buy) for _ in range(customers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (max(moments) - min(moments)) * 1e6 / SALES


def draw_times(times: Mapping[int, Mapping[str, float]]) -> list[Axes]:
    """A bar for each way, for one customer at a time and for eight."""
    axes = plt.subplots(2, 1, figsize=(8, 5), sharex=True)[1]
    colors = {"SQL": SOURCE, "script": CACHE, "WATCH": CACHE, "lock": OTHER}
    for ax, (customers, values) in zip(axes, times.items(), strict=True):
        who = "one customer at a time" if customers == 1 else f"{customers} customers at once"
        plot_bars(values, f"How long does one sale take? {who.capitalize()}", "µs", colors, ax)
    axes[0].set_xlabel("")
    return list(axes)
