"""The market's SQLite file: a build that nothing can leave half done. Its answers: test_repositories.py."""

import random
import sqlite3
import subprocess
import sys
import time

import pytest

from redis_helpers.errors import CourseError
from redis_helpers.market import build_sqlite, data
from redis_helpers.market.build_sqlite import build_database
from redis_helpers.market.repositories import SqliteRepository

SMALL = 20_000
BUILD = """
import sys
from redis_helpers.market import build_sqlite, data
whole = data.orders
data.ORDERS = int(sys.argv[2])
data.orders = lambda: whole(data.ORDERS)
print("ready", flush=True)
sys.stdin.readline()
build_sqlite.build_database(sys.argv[1])
"""


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


@pytest.mark.xdist_group("whole market")
def test_the_real_database_holds_the_whole_market(whole_market):
    repo = SqliteRepository()
    assert {row["fruit"]: row["crates"] for row in repo.best_sellers(100)} == whole_market.crates
    repo.close()
    assert build_sqlite.DATABASE.stat().st_size < 100e6  # what the message about a full disk says


def test_the_build_shows_its_progress(small, tmp_path, capsys):
    build_database(tmp_path / "new folder" / "market.sqlite3")
    printed = capsys.readouterr().out
    assert printed.count("\r") == 40
    assert "20,000 rows" in printed
    assert printed.endswith("\n")


def test_the_second_opening_builds_nothing(repo, tmp_path, monkeypatch, capsys):
    file = tmp_path / "market.sqlite3"
    before, _ = file.read_bytes(), capsys.readouterr()
    monkeypatch.setattr(data, "orders", lambda: pytest.fail("built again"))
    SqliteRepository(file).close()
    assert file.read_bytes() == before
    assert capsys.readouterr().out == ""


def test_a_database_of_an_older_version_is_built_anew(repo, tmp_path):
    path = tmp_path / "market.sqlite3"
    older = sqlite3.connect(path)
    older.execute("UPDATE fruits SET price_cents = 656 WHERE name = 'banana'")
    older.execute(f"PRAGMA user_version = {data.OLDER_VERSIONS[0]}")
    older.commit()
    older.close()
    renewed = SqliteRepository(path)
    assert renewed.fruit(1) == {"id": 1, "name": "banana", "price_cents": 312}
    renewed.close()
    assert len(rows_in(path)) == SMALL


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
    assert rows_in(path) == list(data.orders(50_000))


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
