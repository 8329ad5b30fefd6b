"""The data source behind the cache: three questions to the fruit market's database, in SQLite or in MySQL."""

import re
import sqlite3
from pathlib import Path
from typing import Protocol

import pymysql

from redis_helpers.market import mysql_connection
from redis_helpers.market.build_sqlite import DATABASE, build_database, open_database
from redis_helpers.market.load_mysql import load_mysql
from redis_helpers.market.mysql_connection import MysqlOptions, ask, mysql_options

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
        self._connection = open_database(path)
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
            return ask(self._connection, sql, *values)
        except pymysql.MySQLError as error:
            if error.args[0] in mysql_connection.GOODBYE and self._connection.open:
                self._connection.close()
            raise mysql_connection.explain(error, self._options) from None


def _whole(value: object) -> int | None:
    """The whole number, or None for what is none. MySQL alone would read '1 OR 1=1' as 1, which SQLite does not."""
    return int(str(value)) if re.fullmatch(r"-?[0-9]+", str(value)) else None
