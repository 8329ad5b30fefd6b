"""Lesson 20: a table of prices and crates, a holder who sleeps, drawn twice, and a process that is really paused."""

import atexit
import os
import secrets
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import redis
from matplotlib.axes import Axes

from redis_helpers.course.plots import plot_story

PRICES = {"banana": 312, "apple": 195, "uva": 480}
FOLDER = Path(tempfile.gettempdir())


class Table(sqlite3.Connection):
    """The database of this lesson. `path` is its file."""

    path = ""


_open: list[Table] = []  # the one of this notebook


def open_table() -> Table:
    """A new database file with two tables, `prices` and `stock`. What is written is committed at once.

    Any thread may use it, and other processes may open its file. A table that this notebook has opened is removed.
    """
    for earlier in _open:
        remove_table(earlier)
    path = str(FOLDER / f"cell-by-cell-{os.getpid()}-{secrets.token_hex(4)}.sqlite")
    db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False, factory=Table)
    db.path = path
    _open[:] = [db]
    db.execute("PRAGMA journal_mode = WAL")  # readers do not wait for a writer
    db.execute("PRAGMA synchronous = OFF")  # a power cut is not among the things that break here
    db.execute("CREATE TABLE prices (fruit TEXT PRIMARY KEY, cents INTEGER, fence INTEGER)")
    db.executemany("INSERT INTO prices VALUES (?, ?, 0)", PRICES.items())
    db.execute("CREATE TABLE stock (crates INTEGER, fence INTEGER)")
    db.execute("INSERT INTO stock VALUES (1, 0)")
    return db


def remove_table(db: Table) -> None:
    """Closes the database and deletes its files."""
    db.close()
    for end in ("", "-wal", "-shm"):
        Path(db.path + end).unlink(missing_ok=True)


@atexit.register
def _remove_what_is_left() -> None:
    for db in _open:
        remove_table(db)


class _Sleeper:
    """A client whose user sleeps once: right after the reply of a command, before the next line of its program.

    (`every_moment` lets a rival come right before a command. That is too late here: between two commands the program
    writes into a table.)
    """

    def __init__(self, redis_conn: redis.Redis, after: int, meanwhile: Callable[[], object]) -> None:
        self.sent: list[str] = []
        self._redis_conn, self._after, self._meanwhile = redis_conn, after, meanwhile

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._redis_conn, name)

        def command(*args: object, **options: object) -> object:
            reply = method(*args, **options)
            self.sent.append(name.upper())
            if len(self.sent) == self._after:
                self._meanwhile()
            return reply

        return command


def sleeps_after(
    number: int, function: Callable, redis_conn: redis.Redis, *args: object, meanwhile: Callable[[], object]
) -> Any:
    """Calls `function(redis_conn, *args)`, which sleeps after its command number `number`; `meanwhile()` is done then.

    Returns what the function returns.
    """
    return function(cast(redis.Redis, _Sleeper(redis_conn, number, meanwhile)), *args)


def every_sleep(
    function: Callable,
    redis_conn: redis.Redis,
    *args: object,
    meanwhile: Callable[[], object],
    before: Callable[[], object],
) -> Iterator[str]:
    """The same, after its first command, after its second, and so on, up to the last.

    Each time, `before()` puts the data in place. Yields when it was, in words, so that a loop can look at what is left.
    """
    number = 1
    while True:
        before()
        sleeper = _Sleeper(redis_conn, number, meanwhile)
        function(cast(redis.Redis, sleeper), *args)
        if len(sleeper.sent) < number:
            return
        yield f"after {sleeper.sent[number - 1]}"
        number += 1


def draw_sleeping_holder() -> Axes:
    """The question: what does A do when it wakes up?"""
    return plot_story(
        "What happens when A wakes up?",
        {
            "program A": [(0, 2.6, "takes the lock, reads 312"), (2.8, 8.6, "sleeps"), (8.8, 10.2, "writes 312?")],
            "the lock": [(0, 3.4, "belongs to A"), (4, 8.2, "belongs to B")],
            "program B": [(4, 6.6, "takes the lock, reads 299"), (6.9, 8.2, "writes 299")],
        },
    )


def draw_refused_holder() -> Axes:
    """The same meeting, with a number for each holder."""
    return plot_story(
        "A wakes up, and the table refuses its number",
        {
            "program A": [(0, 2.6, "gets number 1, reads 312"), (2.8, 8.6, "sleeps"), (8.8, 10.2, "1 < 2: refused")],
            "the lock": [(0, 3.4, "belongs to A"), (4, 8.2, "belongs to B")],
            "program B": [(4, 6.6, "gets number 2, reads 299"), (6.9, 8.2, "writes 299")],
            "the table": [(0, 6.8, "highest number: 0"), (6.9, 10.2, "highest number: 2")],
        },
    )
