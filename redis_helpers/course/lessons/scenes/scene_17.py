"""Lesson 17: a race of fruits, a page that is read around an old rank, and what a place costs."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, pairwise
from typing import Any

import matplotlib.pyplot as plt
import redis
from matplotlib.figure import Figure

from redis_helpers.course.measure import times_in_turns
from redis_helpers.course.plots import CACHE, MARK, OTHER, PEOPLE, SOURCE, plot_lines, plot_story
from redis_helpers.leaderboard import Leaderboard
from redis_helpers.market import data

PREFIX = "cell-by-cell:boards:"

# A day's race


def first_orders(number: int) -> list[tuple[str, int]]:
    """The market's first orders of the year: a fruit and its crates each."""
    names = {fruit_id: name for fruit_id, name, _ in data.fruits()}
    return [(names[order[3]], order[4]) for order in islice(data.orders(), number)]


def plot_race(looks: Sequence[Sequence[tuple[str, float]]]) -> None:
    """A line for each of four fruits: its score after each order. `looks` holds the board after each order."""
    boards = [dict(look) for look in looks]
    orders = range(1, len(boards) + 1)
    lines = {
        fruit: (list(orders), [board.get(fruit, 0) for board in boards])
        for fruit in ("banana", "apple", "raspberry", "plum")
    }
    colors = dict(zip(lines, [MARK, PEOPLE[0], PEOPLE[1], OTHER], strict=True))
    ax = plot_lines(lines, "Which fruit leads?", "orders so far", "crates sold", colors)
    for line in ax.lines:
        line.set_marker("")


# My page


def draw_page() -> Figure:
    """A page that is read around an old rank; and below, a script that finds and reads in one go."""
    figure, (above, below) = plt.subplots(2, figsize=(9, 5))
    plot_story(
        "Two commands: dora is not on her page",
        {
            "dora's page": [(0, 2, "my rank: 3"), (5, 8, "read positions 2 to 4")],
            "dora's order": [(2.5, 4.5, "order: rank 1 now")],
        },
        ax=above,
    )
    plot_story(
        "One script: rank and page are of one moment",
        {
            "dora's page": [(0, 4, "my rank: 3, read positions 2 to 4")],
            "dora's order": [(4.5, 6.5, "order: rank 1 now")],
        },
        ax=below,
    )
    below.set_xlim(above.get_xlim())
    return figure


# What a place costs

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
AT_ONCE = 2_000  # members that one script adds: Redis is busy with it for some milliseconds
FILL = """
for number = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  redis.call('ZADD', KEYS[1], number, 'customer:' .. number)
end
"""
PLACE = "SELECT 1 + COUNT(*) FROM board WHERE score > ?"
TOP = "SELECT member, score FROM board ORDER BY score DESC LIMIT 10"
Times = dict[str, list[float]]


def measure_places(redis_conn: redis.Redis, largest: int = SIZES[-1]) -> Times:
    """What a place and the first ten cost, in Redis and in SQL: the quickest call in µs, for SIZES up to `largest`.

    The SQL is SQLite in this very process, with an index on the score. The member is the one in the middle.
    """
    board = Leaderboard(redis_conn, "many", prefix=PREFIX)
    times: Times = {}
    times_in_turns({"ping": redis_conn.ping}, 500)  # the first calls are slower
    with _table() as table, _removed_afterwards(redis_conn, board.key):
        for before, size in pairwise([0, *(size for size in SIZES if size <= largest)]):
            _fill(redis_conn, board.key, table, before + 1, size)
            for name, ask in _questions(redis_conn, board, table, size // 2).items():
                quickest = times_in_turns({name: ask}, 40, 3)[name].min()
                times.setdefault(name, []).append(float(quickest))
    return times


def _questions(
    redis_conn: redis.Redis, board: Leaderboard, table: sqlite3.Connection, middle: int
) -> dict[str, Callable[[], Any]]:
    """Redis and SQL must agree."""
    asked: dict[str, Callable[[], Any]] = {
        "Redis: place": partial(board.place, f"customer:{middle}"),
        "SQL: place": lambda: table.execute(PLACE, [middle]).fetchone()[0],
        "Redis: first ten": partial(board.top, 10),
        "SQL: first ten": lambda: table.execute(TOP).fetchall(),
        "an empty round trip": redis_conn.ping,
    }
    assert asked["Redis: place"]() == asked["SQL: place"](), "Redis and SQL give the customer different places"
    rows = [(row.member, row.score) for row in asked["Redis: first ten"]()]
    assert rows == asked["SQL: first ten"](), "Redis and SQL give different first tens"
    return asked


@contextlib.contextmanager
def _table() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:")) as table:
        table.execute("CREATE TABLE board (member TEXT, score INTEGER)")
        table.execute("CREATE INDEX by_score ON board (score)")
        yield table


@contextlib.contextmanager
def _removed_afterwards(redis_conn: redis.Redis, key: str) -> Iterator[None]:
    redis_conn.unlink(key)
    try:
        yield
    finally:
        redis_conn.unlink(key)  # some 85 MB


def _fill(redis_conn: redis.Redis, key: str, table: sqlite3.Connection, first: int, last: int) -> None:
    """The members from the first to the last, in both. The score of number 7 is 7."""
    fill = redis_conn.register_script(FILL)
    for begin in range(first, last + 1, AT_ONCE):
        fill(keys=[key], args=[begin, min(begin + AT_ONCE - 1, last)])
    numbers = "WITH RECURSIVE numbers (n) AS (SELECT ? UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
    table.execute(f"{numbers} INSERT INTO board SELECT 'customer:' || n, n FROM numbers", [first, last])


def plot_places(times: Mapping[str, Sequence[float]]) -> None:
    """Both axes in steps of ten times: two lines for a place, and the way to Redis and back."""
    ax = plt.subplots()[1]
    sizes = SIZES[: len(times["SQL: place"])]
    for name, color in (("Redis: place", CACHE), ("SQL: place", SOURCE)):
        ax.loglog(sizes, times[name], color=color, linewidth=2.5, marker="o")
        ax.annotate(name, (sizes[-1], times[name][-1]), (8, 0), textcoords="offset points", color=color, weight="bold")
    trip = times["an empty round trip"]
    ax.loglog(sizes, trip, color=OTHER, linestyle=":", linewidth=2)
    ax.annotate(
        "only the way\nto Redis and back",  # narrow: the line of SQL passes on the left
        (sizes[-1], trip[-1]),
        (0, -8),
        textcoords="offset points",
        color=OTHER,
        ha="right",
        va="top",
    )
    ax.set(
        title="What does one place cost?",
        xlabel="members on the board (each step: ten times as many)",
        ylabel="µs (each step: ten times as long)",
    )
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.minorticks_off()
    ax.margins(x=0.16, y=0.12)
