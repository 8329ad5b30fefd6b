"""The market's database: right answers, and a build that nothing can leave half done."""

import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import pytest

from redis_helpers import market, source_repository
from redis_helpers.errors import CourseError
from redis_helpers.source_repository import SqliteRepository, build_database

SMALL = 20_000
BUILD = """
import sys
from redis_helpers import market, source_repository
whole = market.orders
market.ORDERS = int(sys.argv[2])
market.orders = lambda: whole(market.ORDERS)
print("ready", flush=True)
sys.stdin.readline()
source_repository.build_database(sys.argv[1])
"""


@pytest.fixture
def small(monkeypatch):
    """A market of 20,000 orders."""
    rows = list(market.orders(SMALL))
    monkeypatch.setattr(market, "ORDERS", SMALL)
    monkeypatch.setattr(market, "orders", lambda: iter(rows))
    return rows


@pytest.fixture
def repo(small, tmp_path):
    repo = SqliteRepository(tmp_path / "market.sqlite3")
    yield repo
    repo.close()


def rows_in(path):
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT * FROM orders ORDER BY id").fetchall()
    finally:
        connection.close()


def builder(path, orders):
    """A process that builds the database as soon as its standard input is closed."""
    command = [sys.executable, "-c", BUILD, str(path), str(orders)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


# The three questions


def test_one_fruit_by_id(repo):
    for number, name, price in market.fruits():
        assert repo.fruit(number) == {"id": number, "name": name, "price_cents": price}
    assert repo.fruit(0) is None
    assert repo.fruit(41) is None


@pytest.mark.parametrize("day", ["2025-01-01", "2025-07-13", "2025-12-31"])
def test_one_days_sales_by_fruit(repo, small, day):
    crates = Counter()
    for _, on, _, fruit, count in small:
        if on == day:
            crates[fruit] += count
    names, prices = {row[0]: row[1] for row in market.fruits()}, {row[0]: row[2] for row in market.fruits()}
    expected = [{"fruit": names[f], "crates": n, "cents": n * prices[f]} for f, n in crates.items()]
    assert expected
    assert repo.day_sales(day) == sorted(expected, key=lambda row: (-row["crates"], row["fruit"]))


def test_a_day_without_sales_is_empty(repo):
    assert repo.day_sales("2024-12-31") == []


def test_best_sellers_of_all_time(repo, small):
    crates = Counter()
    for _, _, _, fruit, count in small:
        crates[market.FRUITS[fruit - 1]] += count
    expected = sorted(crates.items(), key=lambda pair: (-pair[1], pair[0]))
    assert repo.best_sellers(100) == [{"fruit": name, "crates": count} for name, count in expected]
    assert repo.best_sellers() == repo.best_sellers(100)[:10]
    assert repo.best_sellers(1)[0]["fruit"] == "banana"


def test_a_new_price_is_seen_by_all_and_only_for_that_fruit(repo, tmp_path):
    before = repo.fruit(2)
    repo.set_price(1, 999)
    another = SqliteRepository(tmp_path / "market.sqlite3")
    assert another.fruit(1)["price_cents"] == 999
    assert another.fruit(2) == before
    another.close()


def test_parameters_are_never_part_of_the_sql(repo, small, tmp_path):
    assert repo.fruit("1 OR 1=1") is None
    assert repo.day_sales("2025-01-01' OR '1'='1") == []
    assert repo.day_sales("'; DROP TABLE orders; --") == []
    repo.set_price("1 OR 1=1", 0)
    with pytest.raises(sqlite3.Error):
        repo.best_sellers("1; DROP TABLE orders")
    assert rows_in(tmp_path / "market.sqlite3") == small
    assert all(repo.fruit(number)["price_cents"] > 0 for number in range(1, 41))


def test_the_real_database_holds_the_whole_market(whole_market):
    repo = SqliteRepository()
    assert {row["fruit"]: row["crates"] for row in repo.best_sellers(100)} == whole_market.crates
    repo.close()
    assert source_repository.DATABASE.stat().st_size < 100e6  # what the message about a full disk says


# The build


def test_the_build_shows_its_progress(small, tmp_path, capsys):
    build_database(tmp_path / "new folder" / "market.sqlite3")
    printed = capsys.readouterr().out
    assert printed.count("\r") == 40
    assert "20,000 rows" in printed
    assert printed.endswith("\n")


def test_the_second_opening_builds_nothing(repo, tmp_path, monkeypatch, capsys):
    file = tmp_path / "market.sqlite3"
    before, _ = file.read_bytes(), capsys.readouterr()
    monkeypatch.setattr(market, "orders", lambda: pytest.fail("built again"))
    SqliteRepository(file).close()
    assert file.read_bytes() == before
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("progress", [0, 1, 13, 27, 39, 40])
def test_a_build_killed_in_the_middle_is_completed_by_the_next(small, tmp_path, progress):
    path = tmp_path / "market.sqlite3"
    process = builder(path, 100_000)
    assert process.stdout.readline() == b"ready\n"
    process.stdin.close()
    drawn = b""
    while drawn.count(b"\r") < progress:
        piece = process.stdout.read1(64)
        assert piece  # it still builds
        drawn += piece
    time.sleep(random.uniform(0, 0.02))
    process.kill()
    process.wait()
    process.stdout.close()
    SqliteRepository(path).close()
    assert len(rows_in(path)) in (SMALL, 100_000)  # 100,000: it ended before the kill
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT COUNT(*) FROM fruits").fetchone() == (40,)
    connection.close()


def test_four_builders_at_once_make_one_database(tmp_path):
    path = tmp_path / "market.sqlite3"
    builders = [builder(path, 50_000) for _ in range(4)]
    for process in builders:
        assert process.stdout.readline() == b"ready\n"
    for process in builders:
        process.stdin.close()
    printed = [process.stdout.read() for process in builders]
    assert [process.wait() for process in builders] == [0, 0, 0, 0]
    assert sum(b"rows" in text for text in printed) == 1  # one built, the others waited for it
    assert rows_in(path) == list(market.orders(50_000))


@pytest.mark.parametrize("trouble", ["a file in the way", "a folder in the way", "no database", "another database"])
def test_a_file_that_cannot_be_built_or_read_is_one_sentence(small, tmp_path, trouble):
    path = tmp_path / "market.sqlite3"
    if trouble == "a file in the way":
        (tmp_path / "data").write_text("")
        path = tmp_path / "data" / "market.sqlite3"
    elif trouble == "a folder in the way":
        path.mkdir()
    elif trouble == "no database":
        path.write_bytes(b"these are not the fruits you are looking for" * 100)
    else:
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE fruits (name)")
        other.close()
    with pytest.raises(CourseError) as caught:
        SqliteRepository(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert "delete the file" in str(caught.value)
