"""The fruit market: the same rows everywhere, skewed as real sales are."""

from datetime import date
from itertools import islice

import pytest

from redis_helpers.market import data

pytestmark = pytest.mark.xdist_group("whole market")

# Of every row of the three tables, in order; the same on CPython 3.11, 3.12 and 3.13.
CHECKSUM = "a35e488e9f9e6e5a5a8feb0c59be791319533f1c0fdac3f8fb2797401d757bee"


def test_the_rows_are_the_same_on_every_machine(whole_market):
    assert whole_market.checksum == CHECKSUM


def test_there_are_a_million_orders_of_one_year(whole_market):
    assert whole_market.orders == data.ORDERS == 1_000_000
    assert list(whole_market.days) == sorted(whole_market.days)
    assert (min(whole_market.days), max(whole_market.days), len(whole_market.days)) == ("2025-01-01", "2025-12-31", 365)


def test_the_fruits_have_ids_names_and_prices():
    rows = list(data.fruits())
    assert [row[0] for row in rows] == list(range(1, 41))
    assert [row[1] for row in rows[:3]] == ["banana", "apple", "uva"]
    assert len({row[1] for row in rows}) == 40
    assert all(150 <= row[2] < 1000 for row in rows)


def test_the_prices_are_those_of_the_story():
    prices = {name: cents for _, name, cents in data.fruits()}
    assert (prices["banana"], prices["apple"], prices["uva"]) == (312, 195, 480)


def test_every_order_is_of_a_customer_and_a_fruit_that_exist(whole_market):
    known = {number for number, _ in data.customers()}
    assert len(known) == data.CUSTOMERS
    assert set(whole_market.customers) <= known
    assert set(whole_market.crates) == set(data.FRUITS)


def test_a_quarter_of_the_fruits_makes_more_than_half_of_the_sales(whole_market):
    best = whole_market.crates.most_common()
    assert [name for name, _ in best[:3]] == ["banana", "apple", "uva"]
    assert sum(crates for _, crates in best[:10]) > sum(crates for _, crates in best) / 2


def test_weekends_and_december_are_busy(whole_market):
    def mean(wanted):
        counts = [count for day, count in whole_market.days.items() if wanted(date.fromisoformat(day))]
        return sum(counts) / len(counts)

    assert mean(lambda day: day.weekday() >= 5) > 1.8 * mean(lambda day: day.weekday() < 5)
    assert mean(lambda day: day.month == 12) > 1.3 * mean(lambda day: day.month < 12)


def test_some_customers_come_often(whole_market):
    best = whole_market.customers.most_common(data.CUSTOMERS // 10)
    assert sum(count for _, count in best) > 0.25 * whole_market.orders


def test_a_smaller_market_has_as_many_orders_as_asked_for():
    for count in (0, 1, 999, 20_000):
        assert len(list(data.orders(count))) == count


def test_walking_twice_gives_the_same_rows():
    assert list(islice(data.orders(), 1000)) == list(islice(data.orders(), 1000))
