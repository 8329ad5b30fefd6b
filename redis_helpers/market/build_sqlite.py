"""Builds the market as a SQLite file: once, completely or not at all."""

import sqlite3
from pathlib import Path

from redis_helpers.errors import CourseError
from redis_helpers.market import data
from redis_helpers.market.progress import with_progress

DATABASE = Path(__file__).resolve().parents[2] / "data" / "market.sqlite3"


def build_database(path: str | Path = DATABASE) -> None:
    """Builds the market's database file unless it stands.

    One transaction holds the whole build. A build that is killed leaves nothing (SQLite undoes it at the next opening),
    and a second builder waits for the first and then finds its work done. `user_version` says that it is complete.

    Raises CourseError when the folder cannot be written, the disk is full, or the file is no database.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = open_database(path)
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


def open_database(path: str | Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=120)


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _is_complete(connection: sqlite3.Connection) -> bool:
    return _version(connection) == data.VERSION


def _build(connection: sqlite3.Connection, path: Path) -> None:
    connection.isolation_level = None  # the transaction is ours to begin and to end
    connection.execute("PRAGMA synchronous = OFF")  # a power cut may cost a rebuild, nothing else
    connection.execute("BEGIN IMMEDIATE")
    if _is_complete(connection):  # another process has built it while we waited for the lock
        connection.execute("ROLLBACK")
        return
    if _version(connection) in data.OLDER_VERSIONS:
        for table in ("fruits", "customers", "orders"):
            connection.execute(f"DROP TABLE {table}")
    for statement in data.TABLES:
        connection.execute(statement)
    connection.executemany("INSERT INTO fruits VALUES (?, ?, ?)", data.fruits())
    connection.executemany("INSERT INTO customers VALUES (?, ?)", data.customers())
    orders = with_progress(data.orders(), data.ORDERS, f"Building {path.name}")
    connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", orders)
    for statement in data.INDEXES:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {data.VERSION}")
    connection.execute("COMMIT")
