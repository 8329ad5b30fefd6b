"""What a lesson may ask of the source: each test runs on SQLite and on a real MySQL, with the same rows."""

import json
import sqlite3
from collections import Counter

import pytest

from redis_helpers.errors import CourseError
from redis_helpers.market import data
from redis_helpers.market.build_sqlite import build_database
from redis_helpers.market.repositories import MysqlRepository, SqliteRepository
from tests.conftest import small_market


@pytest.fixture(scope="session")
def small_sqlite(tmp_path_factory):
    """The path of a database that holds the market of 20,000 orders. Whoever changes a price sets it back."""
    path = tmp_path_factory.mktemp("small") / "market.sqlite3"
    with small_market():
        build_database(path)
    return path


@pytest.fixture(params=["SQLite", pytest.param("MySQL", marks=pytest.mark.xdist_group("mysql"))])
def source(request, small, small_sqlite):
    """Opens the same market of 20,000 orders as often as it is called."""
    if request.param == "SQLite":
        kind, place = SqliteRepository, small_sqlite
    else:
        kind, place = MysqlRepository, request.getfixturevalue("small_mysql")
    opened = []

    def open_it():
        opened.append(kind(place))
        return opened[-1]

    yield open_it
    last = open_it()
    for number, _, price in data.fruits():
        last.set_price(number, price)
    for repo in opened:
        repo.close()


@pytest.fixture
def repo(source):
    return source()


def test_one_fruit_by_id(repo):
    for number, name, price in data.fruits():
        assert repo.fruit(number) == {"id": number, "name": name, "price_cents": price}
    assert repo.fruit(0) is None
    assert repo.fruit(41) is None


@pytest.mark.parametrize("day", ["2025-01-01", "2025-07-13", "2025-12-31"])
def test_one_days_sales_by_fruit(repo, small, day):
    crates = Counter()
    for _, on, _, fruit, count in small:
        if on == day:
            crates[fruit] += count
    names, prices = {row[0]: row[1] for row in data.fruits()}, {row[0]: row[2] for row in data.fruits()}
    expected = [{"fruit": names[f], "crates": n, "cents": n * prices[f]} for f, n in crates.items()]
    assert expected
    assert repo.day_sales(day) == sorted(expected, key=lambda row: (-row["crates"], row["fruit"]))


def test_a_day_without_sales_is_empty(repo):
    assert repo.day_sales("2024-12-31") == []


def test_best_sellers_of_all_time(repo, small):
    crates = Counter()
    for _, _, _, fruit, count in small:
        crates[data.FRUITS[fruit - 1]] += count
    expected = sorted(crates.items(), key=lambda pair: (-pair[1], pair[0]))
    assert repo.best_sellers(100) == [{"fruit": name, "crates": count} for name, count in expected]
    assert repo.best_sellers() == repo.best_sellers(100)[:10]
    assert repo.best_sellers(1)[0]["fruit"] == "banana"


def test_a_new_price_is_seen_by_all_and_only_for_that_fruit(source):
    """Also by a reader who has already asked: it must not answer from a snapshot of that moment."""
    repo, another = source(), source()
    before, other_fruit = another.fruit(1), another.fruit(2)
    assert another.day_sales("2025-06-14")
    repo.set_price(1, 999)
    assert another.fruit(1) == {**before, "price_cents": 999}
    assert another.fruit(2) == other_fruit
    repo.set_price(1, 998)
    assert another.fruit(1) == {**before, "price_cents": 998}


def test_a_price_for_no_fruit_changes_nothing(repo):
    repo.set_price(41, 1)
    assert repo.fruit(41) is None


@pytest.mark.parametrize("question", ["fruit", "day_sales", "best_sellers"])
def test_answers_are_plain_values_as_json_has_them(repo, question):
    """They go into the cache as JSON, which knows no Decimal."""
    asked = {"fruit": 1, "day_sales": "2025-06-14", "best_sellers": 3}[question]
    answer = getattr(repo, question)(asked)
    assert json.loads(json.dumps(answer)) == answer
    for row in answer if isinstance(answer, list) else [answer]:
        assert {type(value) for value in row.values()} == {int, str}


def test_parameters_are_never_part_of_the_sql(repo):
    before = [repo.fruit(number) for number in range(1, 41)], repo.best_sellers(100)
    assert repo.fruit("1 OR 1=1") is None
    assert repo.fruit(None) is None
    assert repo.day_sales("2025-01-01' OR '1'='1") == []
    assert repo.day_sales("'; DROP TABLE orders; --") == []
    assert repo.day_sales("%s ? \\' \" %%") == []
    repo.set_price("1 OR 1=1", 0)
    with pytest.raises((sqlite3.Error, CourseError)):
        repo.best_sellers("1; DROP TABLE orders")
    assert ([repo.fruit(number) for number in range(1, 41)], repo.best_sellers(100)) == before


def test_what_a_string_holds_counts_as_the_number(repo):
    """Values that come out of Redis are strings."""
    assert repo.fruit("7") == repo.fruit(7)
    assert repo.best_sellers("3") == repo.best_sellers(3)


def test_a_closed_source_answers_no_more(source):
    repo = source()
    repo.close()
    with pytest.raises((sqlite3.Error, CourseError)):
        repo.fruit(1)
    repo.close()
