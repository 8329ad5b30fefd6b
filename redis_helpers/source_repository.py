"""The data source behind the cache: three questions to the fruit market's database, in SQLite or in MySQL."""

import re
import sqlite3
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

import pymysql
from pymysql.cursors import DictCursor

from redis_helpers import market, mysql_connection
from redis_helpers.errors import CourseError
from redis_helpers.mysql_connection import MysqlOptions, mysql_options

DATABASE = Path(__file__).resolve().parent.parent / "data" / "market.sqlite3"

# The tables are the same everywhere. A ? stands for a value; in MySQL's driver it is spelt %s.

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


def open_source() -> SourceRepository:
    """The source that is configured: MySQL when MYSQL_HOST is set, otherwise the SQLite file. Raises CourseError."""
    options = mysql_options()
    return MysqlRepository(options) if options else SqliteRepository()


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


class MysqlRepository:
    """The market in a MySQL or MariaDB server: the same rows and the same answers. Loaded at the first use.

    Without `options`, those of MYSQL_HOST and its neighbours count. Each thread opens its own repository. A connection
    that was lost raises CourseError once; the next question opens a new one. CourseError is all that is raised.
    """

    def __init__(self, options: MysqlOptions | None = None) -> None:
        self._options = options or mysql_options() or MysqlOptions()
        load_mysql(self._options)
        self._connection = mysql_connection.connect(self._options)
        self._closed = False

    def __repr__(self) -> str:
        return f"MysqlRepository({self._options.address})"

    def fruit(self, fruit_id: int) -> dict | None:
        """One fruit by id (`id`, `name`, `price_cents`), or None."""
        rows = self._rows(ONE_FRUIT, _whole(fruit_id))
        return rows[0] if rows else None

    def day_sales(self, day: str) -> list[dict]:
        """Sales of one day (YYYY-MM-DD), a row a fruit: `fruit`, `crates`, `cents`."""
        return self._rows(DAY_SALES, day)

    def best_sellers(self, limit: int = 10) -> list[dict]:
        """The fruits sold most of all time: `fruit`, `crates`."""
        return self._rows(BEST_SELLERS, _whole(limit))

    def set_price(self, fruit_id: int, price_cents: int) -> None:
        """Changes the price of one fruit."""
        self._rows(SET_PRICE, price_cents, _whole(fruit_id))

    def close(self) -> None:
        """Closes the connection."""
        self._closed = True
        if self._connection.open:
            self._connection.close()

    def _rows(self, sql: str, *values: object) -> list[dict]:
        if not self._connection.open and not self._closed:  # lost since: by a restart, for example
            self._connection = mysql_connection.connect(self._options)
        try:
            return _ask_mysql(self._connection, sql, *values)
        except pymysql.MySQLError as error:
            if error.args[0] in mysql_connection.GOODBYE and self._connection.open:
                self._connection.close()
            raise mysql_connection.explain(error, self._options) from None


def _ask_mysql(connection: pymysql.Connection, sql: str, *values: object) -> list[dict]:
    with connection.cursor(DictCursor) as cursor:
        cursor.execute(sql.replace("?", "%s"), values)
        return list(cursor.fetchall())


def _whole(value: object) -> int | None:
    """The whole number, or None for what is none. MySQL alone would read '1 OR 1=1' as 1, which SQLite does not."""
    return int(str(value)) if re.fullmatch(r"-?[0-9]+", str(value)) else None


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


MARKER = "redis_helpers_market"  # our table among perhaps others: that the rest is ours, and whether it is complete
MARKET_TABLES = {"fruits", "customers", "orders"}
MYSQL_FORM = "ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"  # sorts as SQLite does
ROWS_A_TIME = 10_000


def load_mysql(options: MysqlOptions) -> None:
    """Loads the market into that database unless it is there.

    A row in our marker table, written last, says that it is complete; a load that was killed is begun anew by the next.
    A second loader waits for the first (the server's own lock, gone with its connection) and then finds its work done.
    No table is touched that the course did not make.

    Raises CourseError when the server cannot be used, or a table of somebody else has the name of one of ours.
    """
    connection = mysql_connection.connect(options, reply_timeout=120)
    try:
        if not is_loaded(connection):
            _take_lock(connection, options)
            if not is_loaded(connection):  # another process has loaded it while we waited for the lock
                _load(connection, options)
    except pymysql.MySQLError as error:
        raise mysql_connection.explain(error, options) from None
    finally:
        if connection.open:
            connection.close()  # gives the lock back too


def is_loaded(connection: pymysql.Connection) -> bool:
    """Whether this database holds the whole market."""
    if not _tables(connection) >= {MARKER, *MARKET_TABLES}:
        return False
    return {"seed": market.SEED} in _ask_mysql(connection, f"SELECT seed FROM {MARKER}")


def _tables(connection: pymysql.Connection) -> set[str]:
    sql = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()"
    return {row["name"].lower() for row in _ask_mysql(connection, sql)}


def _take_lock(connection: pymysql.Connection, options: MysqlOptions) -> None:
    deadline = time.monotonic() + 600
    while not _ask_mysql(connection, "SELECT GET_LOCK(?, 5) AS taken", f"{MARKER} {options.database}"[:64])[0]["taken"]:
        print(f"Another process loads the market into {options.address}: waiting …")
        if time.monotonic() > deadline:
            raise CourseError(
                f"Another process has been loading {options.address} for 10 minutes: end it, and try again."
            )


def _load(connection: pymysql.Connection, options: MysqlOptions) -> None:
    tables = _tables(connection)
    if MARKER not in tables and (others := tables & MARKET_TABLES):
        raise CourseError(
            f"The MySQL database {options.address} has a table {min(others)} that the course did not make: create an "
            "empty database for the course, and name it in MYSQL_DATABASE."
        )
    _ask_mysql(connection, f"CREATE TABLE IF NOT EXISTS {MARKER} (seed INTEGER PRIMARY KEY) {MYSQL_FORM}")
    _ask_mysql(connection, f"DELETE FROM {MARKER}")
    for table in tables & MARKET_TABLES:  # an interrupted load's, or those of an older market
        _ask_mysql(connection, f"DROP TABLE {table}")
    for statement in market.TABLES:
        _ask_mysql(connection, f"{statement} {MYSQL_FORM}")
    orders = _with_progress(market.orders(), market.ORDERS, f"Loading {options.address}")
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO fruits VALUES (%s, %s, %s)", list(market.fruits()))
        cursor.executemany("INSERT INTO customers VALUES (%s, %s)", list(market.customers()))
        while some := list(islice(orders, ROWS_A_TIME)):  # PyMySQL makes few INSERTs of many rows out of them
            cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s, %s, %s)", some)
    for statement in market.INDEXES:
        _ask_mysql(connection, statement)
    _ask_mysql(connection, f"INSERT INTO {MARKER} VALUES (?)", market.SEED)


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
