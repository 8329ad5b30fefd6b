"""The bench of lesson 07: a database with two sides, three meetings drawn, an hour of reads, and copies that end.

The database is a real one: what a writer has changed is seen by readers when it is committed, and not before.
"""

import random
import sqlite3
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.ticker import PercentFormatter

from redis_helpers.course.plots import CACHE, MARK, plot_lines, plot_story

PRICES = {"banana": 312, "apple": 195, "uva": 480}


class PriceDatabase:
    """A price for each fruit, in SQLite: one connection for the writers, another one for the readers.

    `load` and `save` may be called from any thread. `loads` says how often the database was asked.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cell-by-cell-", ignore_cleanup_errors=True)
        path = Path(self._folder.name) / "prices.sqlite"
        self._turn = threading.Lock()
        self._writer, self._reader = (sqlite3.connect(path, check_same_thread=False) for _ in range(2))
        self._writer.execute("PRAGMA journal_mode = WAL")  # readers do not wait for a writer
        self._writer.execute("CREATE TABLE prices (fruit TEXT PRIMARY KEY, cents INTEGER)")
        self._writer.executemany("INSERT INTO prices VALUES (?, ?)", PRICES.items())
        self._writer.commit()
        self.loads = 0

    def load(self, fruit: str) -> int:
        """The price as readers see it: what is committed. Raises LookupError when there is no such fruit."""
        with self._turn:
            self.loads += 1
            row = self._reader.execute("SELECT cents FROM prices WHERE fruit = ?", (fruit,)).fetchone()
        if row is None:
            raise LookupError(f"the database has no fruit {fruit!r}")
        return int(row[0])

    def save(self, fruit: str, cents: int) -> None:
        """Changes a price and commits."""
        self.change(fruit, cents)
        self.commit()

    def change(self, fruit: str, cents: int) -> None:
        """Changes a price in a transaction, which stays open."""
        with self._turn:
            self._writer.execute("UPDATE prices SET cents = ? WHERE fruit = ?", (cents, fruit))

    def commit(self) -> None:
        """Ends the transaction: from now on, readers see what was changed."""
        with self._turn:
            self._writer.commit()


# Meetings, drawn. Red is the cache, blue the source, as everywhere.


def draw_delete_first() -> None:
    """The writer deletes the copy, and then saves: a reader comes in between."""
    plot_story(
        "Delete, then save: an old price in the cache",
        {
            "cache": [(0, 2, "312"), (2.1, 6, "nothing"), (6.1, 12, "312: stale")],
            "database": [(0, 8, "312"), (8.1, 12, "299")],
            "reader": [(3, 4, "miss"), (4.1, 5.6, "loads 312"), (5.7, 7.2, "stores 312")],
            "writer": [(1, 2.1, "deletes"), (8, 9.4, "saves 299")],
        },
    )


def draw_save_first() -> None:
    """The writer saves, and then deletes the copy: the reader in between gets the old price, and no later one."""
    plot_story(
        "Save, then delete: the old price is gone",
        {
            "cache": [(0, 6, "312"), (6.1, 9.4, "nothing"), (9.5, 12, "299")],
            "database": [(0, 2, "312"), (2.1, 12, "299")],
            "readers": [(3, 4.4, "hit: 312"), (7.4, 8.6, "loads 299"), (8.7, 10.2, "stores 299")],
            "writer": [(1, 2.2, "saves 299"), (5, 6.1, "deletes")],
        },
    )


def draw_late_store() -> None:
    """The reader loads before the writer saves, and stores after the writer has deleted."""
    plot_story(
        "Save, then delete, and a reader that is late",
        {
            "cache": [(0, 8, "nothing"), (8.1, 12, "312: stale")],
            "database": [(0, 4, "312"), (4.1, 12, "299")],
            "reader": [(0.6, 1.6, "miss"), (1.7, 3.2, "loads 312"), (7.4, 8.9, "stores 312")],
            "writer": [(3.4, 4.8, "saves 299"), (4.9, 6.6, "deletes nothing")],
        },
    )


# How long may a copy live?


def reads_of_an_hour() -> list[tuple[int, str]]:
    """One read in each second of an hour, as (second, fruit): 40 fruits, some often asked for and many seldom."""
    dice = random.Random(7)
    fruits = [f"fruit {number}" for number in range(1, 41)]
    popular = [1 / number for number in range(1, 41)]
    return list(enumerate(dice.choices(fruits, popular, k=3600)))


def plot_hit_ratio(ratios: Mapping[int, float], oldest: int) -> None:
    """The hit ratio (0 to 1) by the TTL in seconds, from zero, and a mark at the TTL that is allowed."""
    ax = plot_lines(
        {"hits": ([0, *ratios], [0, *ratios.values()])},
        "What does a longer TTL buy?",
        "TTL, seconds",
        "share of reads that are hits",
        {"hits": CACHE},
    )
    ax.axvline(oldest, color=MARK, linestyle="--")
    ax.annotate(f"allowed: {oldest} s", (oldest, 0.08), (6, 0), textcoords="offset points", color=MARK, weight="bold")
    ax.set_xlim(left=0)
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(PercentFormatter(1))


# Many copies that end


def plot_ends(same: Mapping[int, int], chosen: Mapping[int, int]) -> None:
    """How many copies end in each second: with one TTL for all, and with random ones, on the same scale."""
    panels = plt.subplots(2, 1, figsize=(8, 4.4), sharex=True, sharey=True)[1]
    titles = {"One TTL for all": same, "A random TTL for each copy": chosen}
    for ax, (title, ends) in zip(panels, titles.items(), strict=True):
        ax.bar(list(ends), list(ends.values()), color=CACHE)
        ax.set(title=title, ylabel="copies that end")
    panels[1].set_xlabel("seconds from now")
