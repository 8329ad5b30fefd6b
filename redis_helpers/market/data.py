"""The fruit market: its tables, and rows that are the same on every machine.

One year, 1,000,000 orders, skewed as real sales are: a few fruits sell most, some customers come often, weekends and
December are busy. Every row follows from SEED through `random.Random.random()`, whose numbers Python guarantees.
"""

import random
from bisect import bisect
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate

SEED = 20250101
VERSION = 20261126  # of these rows: a database that holds an older one is built anew
OLDER_VERSIONS = (20250101,)
FIRST_DAY = date(2025, 1, 1)
DAYS = 365
CUSTOMERS = 20_000
ORDERS = 1_000_000

# The order is the popularity. "uva" is the grape.
FRUITS = (
    "banana apple uva orange strawberry mango pear peach pineapple watermelon lemon cherry kiwi avocado blueberry plum "
    "melon raspberry papaya apricot lime grapefruit mandarin nectarine pomegranate coconut fig blackberry guava "
    "passionfruit lychee persimmon date currant gooseberry quince cranberry starfruit rambutan tamarind"
).split()

PRICES = {"banana": 312, "apple": 195, "uva": 480}  # cents a crate: those that the lessons' story names

TABLES = (
    "CREATE TABLE fruits (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, price_cents INTEGER NOT NULL)",
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, day CHAR(10) NOT NULL, customer_id INTEGER NOT NULL, "
    "fruit_id INTEGER NOT NULL, crates INTEGER NOT NULL)",
)
INDEXES = ("CREATE INDEX orders_by_day ON orders (day)",)


def fruits() -> Iterator[tuple[int, str, int]]:
    """Rows of `fruits`: id, name, price of a crate in cents."""
    dice = random.Random(SEED)
    for number, name in enumerate(FRUITS, 1):
        diced = 150 + int(dice.random() * 850)
        yield number, name, PRICES.get(name, diced)


def customers() -> Iterator[tuple[int, str]]:
    """Rows of `customers`: id, name."""
    for number in range(1, CUSTOMERS + 1):
        yield number, f"Customer {number}"


def orders(count: int = ORDERS) -> Iterator[tuple[int, str, int, int, int]]:
    """Rows of `orders`, day after day: id, day as YYYY-MM-DD, customer, fruit, crates."""
    roll = random.Random(SEED).random
    # Popularity falls with the rank, as in Zipf's law: the second sells half as much as the first, the third a third.
    fruit_slices = list(accumulate(10_000 // rank for rank in range(1, len(FRUITS) + 1)))
    all_slices = fruit_slices[-1]
    number = 0
    for day, orders_that_day in zip(_days(), _orders_per_day(count), strict=True):
        for _ in range(orders_that_day):
            number += 1
            fruit = 1 + bisect(fruit_slices, int(roll() * all_slices))
            luck = roll()
            customer = 1 + int(luck * luck * CUSTOMERS)  # squared: low numbers come more often
            yield number, day, customer, fruit, 1 + int(roll() * 5)


def _days() -> list[str]:
    return [(FIRST_DAY + timedelta(days=n)).isoformat() for n in range(DAYS)]


def _orders_per_day(count: int) -> list[int]:
    """Shares `count` orders out by weight: weekends count double, December by half more."""
    weights = []
    for text in _days():
        day = date.fromisoformat(text)
        weights.append((4 if day.weekday() >= 5 else 2) * (3 if day.month == 12 else 2))
    edges = [count * total // sum(weights) for total in accumulate(weights)]
    return [end - start for start, end in zip([0, *edges], edges, strict=False)]
