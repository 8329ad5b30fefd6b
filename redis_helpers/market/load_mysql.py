"""Loads the market into a MySQL or MariaDB server: once, completely or not at all."""

import time
from collections.abc import Iterator
from itertools import islice

import pymysql

from redis_helpers.errors import CourseError
from redis_helpers.market import data, mysql_connection
from redis_helpers.market.mysql_connection import MysqlOptions, ask
from redis_helpers.market.progress import with_progress

# Our table among perhaps others: it says that the rest is ours. Its one row, the version, says that all is there.
MARKER = "redis_helpers_market"
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
    return {"seed": data.VERSION} in ask(connection, f"SELECT seed FROM {MARKER}")


def _tables(connection: pymysql.Connection) -> set[str]:
    sql = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()"
    return {row["name"].lower() for row in ask(connection, sql)}


def _take_lock(connection: pymysql.Connection, options: MysqlOptions) -> None:
    deadline = time.monotonic() + 600
    while not ask(connection, "SELECT GET_LOCK(?, 5) AS taken", f"{MARKER} {options.database}"[:64])[0]["taken"]:
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
    ask(connection, f"CREATE TABLE IF NOT EXISTS {MARKER} (seed INTEGER PRIMARY KEY) {MYSQL_FORM}")
    ask(connection, f"DELETE FROM {MARKER}")
    for table in tables & MARKET_TABLES:  # an interrupted load's, or those of an older market
        ask(connection, f"DROP TABLE {table}")
    for statement in data.TABLES:
        ask(connection, f"{statement} {MYSQL_FORM}")
    _insert(connection, "fruits", data.fruits())
    _insert(connection, "customers", data.customers())
    _insert(connection, "orders", with_progress(data.orders(), data.ORDERS, f"Loading {options.address}"))
    for statement in data.INDEXES:
        ask(connection, statement)
    ask(connection, f"INSERT INTO {MARKER} VALUES (?)", data.VERSION)


def _insert(connection: pymysql.Connection, table: str, rows: Iterator[tuple]) -> None:
    """Stores all rows, many with each statement.

    They hold whole numbers and plain words of our own, which SQL writes as Python does: (1, 'banana', 312). With them
    as parameters, as anybody else's text needs it, PyMySQL takes five times as long.
    """
    while some := list(islice(rows, ROWS_A_TIME)):
        ask(connection, f"INSERT INTO {table} VALUES {', '.join(map(str, some))}")
