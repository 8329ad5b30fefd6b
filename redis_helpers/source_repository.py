"""The data source behind the cache: three questions to the fruit market's database."""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from redis_helpers import market
from redis_helpers.errors import CourseError

DATABASE = Path(__file__).resolve().parent.parent / "data" / "market.sqlite3"

ONE_FRUIT = "SELECT id, name, price_cents FROM fruits WHERE id = ?"
DAY_SALES = """
    SELECT fruits.name AS fruit, SUM(orders.crates) AS crates, SUM(orders.crates * fruits.price_cents) AS cents
    FROM orders JOIN fruits ON fruits.id = orders.fruit_id
    WHERE orders.day = ?
    GROUP BY fruits.name
    ORDER BY crates DESC, fruit
"""
BEST_SELLERS = """
    SELECT fruits.name AS fruit, SUM(orders.crates) AS crates
    FROM orders JOIN fruits ON fruits.id = orders.fruit_id
    GROUP BY fruits.name
    ORDER BY crates DESC, fruit
    LIMIT ?
"""
SET_PRICE = "UPDATE fruits SET price_cents = ? WHERE id = ?"


class SourceRepository(Protocol):
    """What a lesson may ask of the source. Rows are dicts; money is in cents."""

    def fruit(self, fruit_id: int) -> dict | None:
        """One fruit by id (`id`, `name`, `price_cents`), or None."""

    def day_sales(self, day: str) -> list[dict]:
        """Sales of one day (YYYY-MM-DD), a row a fruit: `fruit`, `crates`, `cents`."""

    def best_sellers(self, limit: int = 10) -> list[dict]:
        """The fruits sold most of all time: `fruit`, `crates`."""

    def set_price(self, fruit_id: int, price_cents: int) -> None:
        """Changes the price of one fruit."""

    def close(self) -> None:
        """Gives the connection back."""


class SqliteRepository:
    """The market in a SQLite file. It is built at the first use: some seconds, with a progress bar.

    A connection belongs to the thread that made it, so each thread opens its own repository. Raises CourseError when
    the file cannot be built or read.
    """

    def __init__(self, path: str | Path = DATABASE) -> None:
        build_database(path)
        self._connection = _open(path)
        self._connection.row_factory = sqlite3.Row

    def fruit(self, fruit_id: int) -> dict | None:
        """One fruit by id (`id`, `name`, `price_cents`), or None."""
        row = self._connection.execute(ONE_FRUIT, (fruit_id,)).fetchone()
        return dict(row) if row else None

    def day_sales(self, day: str) -> list[dict]:
        """Sales of one day (YYYY-MM-DD), a row a fruit: `fruit`, `crates`, `cents`."""
        return [dict(row) for row in self._connection.execute(DAY_SALES, (day,))]

    def best_sellers(self, limit: int = 10) -> list[dict]:
        """The fruits sold most of all time: `fruit`, `crates`."""
        return [dict(row) for row in self._connection.execute(BEST_SELLERS, (limit,))]

    def set_price(self, fruit_id: int, price_cents: int) -> None:
        """Changes the price of one fruit."""
        with self._connection:
            self._connection.execute(SET_PRICE, (price_cents, fruit_id))

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


def build_database(path: str | Path = DATABASE) -> None:
    """Builds the market's database file unless it stands.

    One transaction holds the whole build. A build that is killed leaves nothing (SQLite undoes it at the next opening),
    and a second builder waits for the first and then finds its work done. `user_version` says that it is complete.

    Raises CourseError when the folder cannot be written, the disk is full, or the file is no database.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _open(path)
        try:
            if not _is_complete(connection):
                _build(connection, path)
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        raise CourseError(
            f"The market's database {path} cannot be built or read ({error}): check that the folder can be written and "
            "the disk has 100 MB free, delete the file, and run this again."
        ) from None


def _open(path: str | Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=120)


def _is_complete(connection: sqlite3.Connection) -> bool:
    return connection.execute("PRAGMA user_version").fetchone()[0] == market.SEED


def _build(connection: sqlite3.Connection, path: Path) -> None:
    connection.isolation_level = None  # the transaction is ours to begin and to end
    connection.execute("PRAGMA synchronous = OFF")  # a power cut may cost a rebuild, nothing else
    connection.execute("BEGIN IMMEDIATE")
    if _is_complete(connection):  # another process has built it while we waited for the lock
        connection.execute("ROLLBACK")
        return
    for statement in market.TABLES:
        connection.execute(statement)
    connection.executemany("INSERT INTO fruits VALUES (?, ?, ?)", market.fruits())
    connection.executemany("INSERT INTO customers VALUES (?, ?)", market.customers())
    orders = _with_progress(market.orders(), market.ORDERS, f"Building {path.name}")
    connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", orders)
    for statement in market.INDEXES:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {market.SEED}")
    connection.execute("COMMIT")


def _with_progress(rows: Iterable[tuple], count: int, title: str) -> Iterator[tuple]:
    """Hands the rows on, and draws a bar that is redrawn in place."""
    start = time.monotonic()
    for number, row in enumerate(rows, 1):
        yield row
        if number % (count // 40) == 0:
            done = 40 * number // count
            bar = "█" * done + "·" * (40 - done)
            print(f"\r{title} {bar} {number:>9,} rows, {time.monotonic() - start:.1f} s", end="", flush=True)
    print()
