"""`RedisRepository`, on every server that can be had."""

import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import pytest
import redis

from redis_helpers.errors import CourseError
from redis_helpers.redis_repository import RedisRepository
from redis_helpers.server import knows
from tests.support.servers import wait_until

TOO_OLD = r"needs Redis 7\.4 or Valkey 9"


@pytest.fixture
def repo(any_conn):
    return RedisRepository(any_conn)


# Strings


def test_a_string_comes_back_as_str(repo):
    repo.insert("fruit", "uva é 🍇")
    assert repo.get("fruit") == "uva é 🍇"
    repo.insert("fruit", "")
    assert repo.get("fruit") == ""
    assert repo.get("no such key") is None


@pytest.mark.parametrize(("value", "stored"), [(7, "7"), (0.5, "0.5"), (b"raw", "raw"), (2**70, str(2**70))])
def test_numbers_and_bytes_come_back_as_str_too(repo, value, stored):
    repo.insert("key", value)
    repo.insert_hash("hash", "field", value)
    assert repo.get("key") == repo.get_hash("hash", "field") == stored


def test_insert_drops_a_ttl_and_insert_ex_sets_one(repo):
    repo.insert_ex("foo", "bar", 10)
    assert repo.get("foo") == "bar"
    assert 9 <= repo.ttl("foo") <= 10
    repo.insert("foo", "bar")
    assert repo.ttl("foo") == -1


# Hashes


def test_hash_fields_one_by_one_and_together(repo):
    repo.insert_hash("prices", "banana", 120)
    repo.insert_hash_many("prices", {"apple": 95, "uva": 3.5})
    assert repo.get_hash("prices", "banana") == "120"
    assert repo.get_hash("prices", "kiwi") is None
    assert repo.get_hash("no such key", "banana") is None
    assert repo.get_hash_many("prices", ["uva", "kiwi", "apple"]) == {"uva": "3.5", "kiwi": None, "apple": "95"}
    assert repo.get_hash_many("prices", []) == {}
    assert repo.get_all_hash("prices") == {"banana": "120", "apple": "95", "uva": "3.5"}
    assert repo.get_all_hash("no such key") == {}


def test_a_plain_insert_keeps_the_hashs_ttl(repo):
    repo.insert_hash_ex("prices", "banana", 120, 30)
    repo.insert_hash("prices", "apple", 95)
    repo.insert_hash_many("prices", {"uva": 310})
    assert 29 <= repo.ttl("prices") <= 30


def test_insert_hash_ex_sets_field_and_ttl_and_renews_it(repo):
    repo.insert_hash_ex("user:1", "name", "Alice", 30)
    assert repo.get_hash("user:1", "name") == "Alice"
    assert 29 <= repo.ttl("user:1") <= 30
    repo.insert_hash_ex("user:1", "city", "Bari", timedelta(minutes=2))
    assert 119 <= repo.ttl("user:1") <= 120
    assert repo.get_all_hash("user:1") == {"name": "Alice", "city": "Bari"}


def test_insert_hash_many_ex_takes_many_fields(repo):
    prices = {f"fruit {number}": str(number) for number in range(3000)}
    repo.insert_hash_many_ex("prices", prices, 40)
    assert repo.get_all_hash("prices") == prices
    assert 39 <= repo.ttl("prices") <= 40


def test_what_was_given_one_second_is_gone_after_it(repo):
    repo.insert_ex("foo", "bar", 1)
    repo.insert_hash_many_ex("prices", {"banana": 1, "apple": 2}, 1)
    assert wait_until(lambda: repo.get("foo") is None and repo.get_all_hash("prices") == {}, 3)
    assert (repo.ttl("foo"), repo.ttl("prices")) == (-2, -2)


# Keys


def test_exists_and_delete(repo):
    repo.insert("a", 1)
    repo.insert_hash("b", "field", 1)
    assert (repo.exists("a"), repo.exists("b"), repo.exists("c")) == (True, True, False)
    assert repo.delete("a", "b", "c") == 2
    assert repo.exists("a") is False
    assert repo.delete() == 0


def test_ttl_of_a_key_that_never_expires_and_of_none(repo):
    repo.insert("a", 1)
    assert (repo.ttl("a"), repo.ttl("b")) == (-1, -2)


def test_delete_prefix_takes_thousands_and_leaves_the_rest(repo, any_conn):
    any_conn.mset({f"basics:{number}": number for number in range(2500)})
    any_conn.mset({"basics": 1, "basics2:1": 1, "other:basics:1": 1})
    assert repo.delete_prefix("basics:") == 2500
    assert set(any_conn.scan_iter()) == {"basics", "basics2:1", "other:basics:1"}
    assert repo.delete_prefix("basics:") == 0


@pytest.mark.parametrize("prefix", ["a*", "a?", "a[b]", "a[^b]", "a\\", "a\\*", "[a-z]", "a]", "a{b}", "é*"])
def test_delete_prefix_takes_glob_characters_as_they_stand(repo, any_conn, prefix):
    any_conn.mset({prefix: 1, prefix + "more": 1, "ab": 1, "abc": 1, "a": 1, "z": 1, "\\a": 1, "éx": 1})
    others = {"ab", "abc", "a", "z", "\\a", "éx"}
    assert repo.delete_prefix(prefix) == 2
    assert set(any_conn.scan_iter()) == others


def test_delete_prefix_refuses_the_empty_prefix(repo, any_conn):
    any_conn.set("precious", 1)
    with pytest.raises(CourseError, match="empty prefix"):
        repo.delete_prefix("")
    assert any_conn.get("precious") == "1"


# A TTL on one field


def test_a_field_ttl_runs_on_one_field_or_says_that_the_server_is_too_old(repo, any_conn):
    if not knows(any_conn, "HEXPIRE"):
        with pytest.raises(CourseError, match=TOO_OLD):
            repo.insert_hash_field_ex("prices", "banana", 120, 30)
        with pytest.raises(CourseError, match=TOO_OLD):
            repo.ttl_hash_field("prices", "banana")
        assert any_conn.dbsize() == 0
        return
    repo.insert_hash_many("prices", {"banana": 110, "apple": 95})
    repo.insert_hash_field_ex("prices", "banana", 120, 30)
    assert repo.get_all_hash("prices") == {"banana": "120", "apple": "95"}
    assert 29 <= repo.ttl_hash_field("prices", "banana") <= 30
    assert repo.ttl_hash_field("prices", "apple") == -1
    assert repo.ttl_hash_field("prices", "kiwi") == repo.ttl_hash_field("no such key", "kiwi") == -2
    assert repo.ttl("prices") == -1
    repo.insert_hash_field_ex("prices", "banana", 130, 1)
    assert wait_until(lambda: repo.get_all_hash("prices") == {"apple": "95"}, 3)


# What is refused, before anything is written

VALUES = [None, True, {"a": 1}, [1, 2], {1}, Decimal("1.5"), object()]
TTLS = [0, -1, 1.5, "30", None, True, 10**12, timedelta(milliseconds=400), timedelta(days=-1)]


def methods(repo, value, ttl):
    return {
        "insert_ex": lambda: repo.insert_ex("key", value, ttl),
        "insert_hash_ex": lambda: repo.insert_hash_ex("key", "field", value, ttl),
        "insert_hash_many_ex": lambda: repo.insert_hash_many_ex("key", {"good": 1, "field": value}, ttl),
        "insert_hash_field_ex": lambda: repo.insert_hash_field_ex("key", "field", value, ttl),
        "insert": lambda: repo.insert("key", value),
        "insert_hash": lambda: repo.insert_hash("key", "field", value),
        "insert_hash_many": lambda: repo.insert_hash_many("key", {"good": 1, "field": value}),
    }


def can(redis_conn, method):
    """Whether the server has what a method needs: one of them needs a newer server than the course does."""
    return method != "insert_hash_field_ex" or knows(redis_conn, "HEXPIRE")


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_that_redis_cannot_store_are_refused_with_the_way_out(redis_conn, value):
    for name, write in methods(RedisRepository(redis_conn), value, 30).items():
        with pytest.raises(CourseError, match=r"json\.dumps" if can(redis_conn, name) else TOO_OLD):
            write()
    assert redis_conn.dbsize() == 0


@pytest.mark.parametrize("ttl", TTLS, ids=repr)
def test_ttls_that_are_none_are_refused(redis_conn, ttl):
    for name, write in methods(RedisRepository(redis_conn), "value", ttl).items():
        if name.endswith("_ex"):
            with pytest.raises(CourseError, match="whole number of seconds"):
                write()
    assert redis_conn.dbsize() == 0


def test_the_longest_ttl_is_accepted(redis_conn):
    repo = RedisRepository(redis_conn)
    hundred_years = 100 * 365 * 24 * 3600
    for name, write in methods(repo, "value", hundred_years).items():
        if name.endswith("_ex"):
            redis_conn.flushall()
            if not can(redis_conn, name):
                with pytest.raises(CourseError, match=TOO_OLD):
                    write()
                continue
            write()
            left = repo.ttl_hash_field("key", "field") if "field" in name else repo.ttl("key")
            assert hundred_years - 5 <= left <= hundred_years


def test_a_hash_without_fields_is_refused(redis_conn):
    repo = RedisRepository(redis_conn)
    for write in (lambda: repo.insert_hash_many("key", {}), lambda: repo.insert_hash_many_ex("key", {}, 30)):
        with pytest.raises(CourseError, match="at least one field"):
            write()
    assert redis_conn.dbsize() == 0


# Atomicity


def test_on_a_key_of_another_type_nothing_changes(repo, any_conn):
    any_conn.set("string", "value", ex=1000)
    writes = [
        lambda: repo.insert_hash_ex("string", "field", 1, 30),
        lambda: repo.insert_hash_many_ex("string", {"a": 1, "b": 2}, 30),
    ]
    if knows(any_conn, "HEXPIRE"):
        writes.append(lambda: repo.insert_hash_field_ex("string", "field", 1, 30))
    for write in writes:
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            write()
    assert any_conn.get("string") == "value"
    assert 990 <= any_conn.ttl("string") <= 1000


WRITERS = """
import itertools, os, random, signal, sys, time, redis
from redis_helpers.redis_repository import RedisRepository

writing, wrote = os.pipe()
for turn in range(15):
    writer = os.fork()
    if writer == 0:
        repo = RedisRepository(redis.Redis.from_url(sys.argv[1]))
        for number in itertools.count():
            repo.insert_hash_ex(f"orphans:{turn}:{number}", "price", number, 1000)
            if number == 0:
                os.write(wrote, b".")
    os.read(writing, 1)
    time.sleep(random.uniform(0, 0.03))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
"""


def test_writers_killed_at_any_moment_leave_no_hash_without_ttl(any_server, any_conn):
    before = len(any_conn.client_list())
    subprocess.run([sys.executable, "-c", WRITERS, any_server.url], check=True, timeout=60)
    assert wait_until(lambda: len(any_conn.client_list()) <= before)  # what the killed had sent has been run
    keys = list(any_conn.scan_iter("orphans:*", count=1000))
    assert len({key.split(":")[1] for key in keys}) == 15
    with any_conn.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.ttl(key)
        assert min(pipe.execute()) > 900


def test_the_script_survives_a_server_that_forgot_it(repo, any_conn):
    repo.insert_hash_ex("user:1", "name", "Alice", 30)
    any_conn.script_flush()
    repo.insert_hash_ex("user:1", "name", "Bob", 30)
    assert repo.get_hash("user:1", "name") == "Bob"


def test_a_server_that_is_gone_is_told_as_redis_py_tells_it():
    repo = RedisRepository(redis.Redis(port=1, retry=None))
    with pytest.raises(redis.ConnectionError):
        repo.get("foo")
