"""`RedisRepository`, on every server that can be had."""

import contextlib
import enum
import math
import re
import subprocess
import sys
import threading
import traceback
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import redis

from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError
from redis_helpers.redis_repository import RedisRepository, escape_pattern
from redis_helpers.redis_values import text_of
from redis_helpers.server import knows
from tests.support.servers import free_port, odd_server, options_of, silent_server, wait_until

TOO_OLD = r"needs Redis 7\.4 or Valkey 9"


class Ttl(enum.IntEnum):
    MINUTE = 60


class Fruit(enum.StrEnum):
    UVA = "uva"


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


@pytest.mark.parametrize(
    ("value", "stored"),
    [(7, "7"), (0.5, "0.5"), (b"raw", "raw"), (2**70, str(2**70)), (np.median([4.2]), "4.2"), (Ttl.MINUTE, "60")],
)
def test_numbers_and_bytes_come_back_as_str_too(repo, any_conn, value, stored):
    for name, write in methods(repo, value, 30).items():
        if can(any_conn, name):
            any_conn.delete("key")
            write()
            read = repo.get_hash("key", "field") if "hash" in name else repo.get("key")
            assert (name, read) == (name, stored)


@pytest.mark.parametrize(
    "key", ["", "uva é 🍇", "a b\r\n", "x" * 10_000, 7, b"raw", Ttl.MINUTE, np.int64(7), Fruit.UVA]
)
def test_keys_and_fields_are_found_again_under_what_they_were_written_with(repo, any_conn, key):
    repo.insert(key, "as a string")
    assert (repo.get(key), repo.exists(key), repo.ttl(key)) == ("as a string", True, -1)
    assert repo.delete(key) == 1
    repo.insert_hash_ex(key, key, "as a hash", 30)
    text = text_of(key)
    assert any_conn.hgetall(text) == repo.get_all_hash(key) == {text: "as a hash"}
    assert repo.get_hash(key, key) == "as a hash"
    assert repo.get_hash_many(key, [key]) == {text: "as a hash"}


def test_insert_drops_a_ttl_and_insert_ex_sets_one(repo):
    repo.insert_ex("foo", "bar", 10)
    assert repo.get("foo") == "bar"
    assert 9 <= repo.ttl("foo") <= 10
    repo.insert("foo", "bar")
    assert repo.ttl("foo") == -1


def test_it_answers_with_str_also_through_a_client_that_gives_bytes(any_server, any_conn):
    with redis.Redis.from_url(any_server.url) as gives_bytes:
        repo = RedisRepository(gives_bytes)
        repo.insert("fruit", "uva é")
        repo.insert_hash_ex("prices", "café", "é", 30)
        assert repo.get("fruit") == "uva é"
        assert repo.get("no such key") is None
        assert repo.get_hash("prices", "café") == "é"
        assert repo.get_all_hash("prices") == {"café": "é"}
        assert repo.get_hash_many("prices", ["café", "kiwi"]) == {"café": "é", "kiwi": None}
        any_conn.set("course:uva", 1)
        assert RedisRepository(gives_bytes, own_prefix="course:").delete_prefix("course:") == 1


def test_the_first_example_of_the_readme_runs_as_it_stands_there(any_server, repo, capsys, monkeypatch):
    monkeypatch.setenv("REDIS_URL", any_server.url)
    for page in ("README.md", "docs/take_home.md"):
        example = re.search(r"(?s)```python\n(.+?)```", (ROOT / page).read_text(encoding="utf-8"))[1]
        repo.delete("foo")
        exec(example, {})
        assert capsys.readouterr().out == "bar\nAlice\n"
        assert 9 <= repo.ttl("foo") <= 10
        assert 29 <= repo.ttl("user:1") <= 30


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


# Keys by their beginning


def test_delete_prefix_takes_thousands_and_leaves_the_rest(repo, any_conn):
    any_conn.mset({f"cell-by-cell:basics:{number}": number for number in range(2500)})
    others = [
        "cell-by-cell:basics",
        "cell-by-cell:basics2:1",
        "cell-by-cell",
        "other:cell-by-cell:basics:1",
        "basics:1",
    ]
    any_conn.mset(dict.fromkeys(others, 1))
    assert repo.delete_prefix("cell-by-cell:basics:") == 2500
    assert set(any_conn.scan_iter()) == set(others)
    assert repo.delete_prefix("cell-by-cell:basics:") == 0


@pytest.mark.parametrize(
    "prefix", ["a*", "a?", "a[b]", "a[^b]", "a\\", "a\\*", "[a-z]", "a]", "a{b}", "é*", "^a", "a-b"]
)
def test_delete_prefix_takes_glob_characters_as_they_stand(any_conn, prefix):
    any_conn.mset({prefix: 1, prefix + "more": 1, "ab": 1, "abc": 1, "a": 1, "z": 1, "\\a": 1, "éx": 1})
    others = {"ab", "abc", "a", "z", "\\a", "éx"}
    assert RedisRepository(any_conn, own_prefix=prefix).delete_prefix(prefix) == 2
    assert set(any_conn.scan_iter()) == others


def test_delete_prefix_takes_keys_that_are_no_text(repo, any_conn):
    any_conn.mset({b"cell-by-cell:\xff": 1, "cell-by-cell:é": 1})
    assert repo.delete_prefix("cell-by-cell:") == 2
    assert any_conn.dbsize() == 0


@pytest.mark.parametrize(
    "prefix", ["", "c", "cell-by-cell", "user:", "Cell-by-cell:", "*", "cell-by-cell*", " cell-by-cell:"]
)
def test_delete_prefix_refuses_what_is_not_below_its_own_prefix(repo, any_conn, prefix):
    any_conn.mset({prefix + "precious": 1, "cell-by-cell:1": 1, "user:1": 1})
    keys = set(any_conn.scan_iter())
    with pytest.raises(CourseError, match=r"begin with 'cell-by-cell:'.*own_prefix="):
        repo.delete_prefix(prefix)
    assert set(any_conn.scan_iter()) == keys


@pytest.mark.parametrize("prefix", [None, True, ["cell-by-cell:"], b"\xff", "cell-by-cell:\ud800"])
def test_delete_prefix_refuses_what_is_no_text(repo, any_conn, prefix):
    any_conn.set("cell-by-cell:1", 1)
    with pytest.raises(CourseError):
        repo.delete_prefix(prefix)
    assert any_conn.dbsize() == 1


def test_everything_of_ones_own_may_be_deleted_and_in_a_project_that_is_another_prefix(any_conn):
    any_conn.mset({"cell-by-cell:1": 1, "shop:1": 1, "shop:2": 1, "shopping:1": 1})
    assert RedisRepository(any_conn, own_prefix="shop:").delete_prefix("shop:") == 2
    assert set(any_conn.scan_iter()) == {"cell-by-cell:1", "shopping:1"}
    with pytest.raises(CourseError, match="begin with 'shop:'"):
        RedisRepository(any_conn, own_prefix="shop:").delete_prefix("cell-by-cell:")
    assert RedisRepository(any_conn).delete_prefix("cell-by-cell:") == 1


@pytest.mark.parametrize("own_prefix", ["", None, 1.5j])
def test_an_own_prefix_is_a_text_that_is_not_empty(redis_conn, own_prefix):
    with pytest.raises(CourseError, match="prefix"):
        RedisRepository(redis_conn, own_prefix=own_prefix)


@pytest.mark.parametrize("text", ["a*", "a?b", "[a]", "a\\", "\\*", "a]", "^-", "é*", ""])
def test_an_escaped_pattern_finds_the_text_and_nothing_else(any_conn, text):
    any_conn.mset({text: 1, "a": 1, "ab": 1, "aab": 1, "*": 1})
    assert list(any_conn.scan_iter(match=escape_pattern(text), count=1000)) == [text]


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


@pytest.mark.parametrize("value", [None, True, {"a": 1}, np.bool_(True), pd.NaT, Decimal("1.5"), 10**5000], ids=type)
def test_values_that_redis_cannot_store_are_refused_before_anything_is_written(redis_conn, value):
    for write in methods(RedisRepository(redis_conn), value, 30).values():
        with pytest.raises(CourseError, match=r"json\.dumps|hex\(number\)"):
            write()
    assert redis_conn.dbsize() == 0


@pytest.mark.parametrize("ttl", [0, -1, 1.5, 60.0, "30", None, True, np.bool_(True), 10**12, timedelta(seconds=1.5)])
def test_ttls_that_are_none_are_refused_before_anything_is_written(redis_conn, ttl):
    for name, write in methods(RedisRepository(redis_conn), "value", ttl).items():
        if name.endswith("_ex"):
            with pytest.raises(CourseError, match="whole number of seconds"):
                write()
    assert redis_conn.dbsize() == 0


@pytest.mark.parametrize("ttl", [Ttl.MINUTE, np.int64(60), np.uint8(60), timedelta(minutes=1), pd.Timedelta("1min")])
def test_whole_seconds_of_every_library_are_a_ttl(any_conn, ttl):
    repo = RedisRepository(any_conn)
    for name, write in methods(repo, "value", ttl).items():
        if name.endswith("_ex") and can(any_conn, name):
            any_conn.delete("key")
            write()
            left = repo.ttl_hash_field("key", "field") if "field" in name else repo.ttl("key")
            assert 59 <= left <= 60


NO_KEYS = [None, True, 1j, ["key"], {"key": 1}, b"\xff", "x\ud800", pd.NA]


@pytest.mark.parametrize("name", NO_KEYS, ids=type)
def test_what_is_no_text_is_refused_as_a_key_and_as_a_field_and_surrogates_as_a_value(redis_conn, name):
    repo = RedisRepository(redis_conn)
    redis_conn.hset("hash", "field", "value")
    before = redis_conn.dump("hash")
    with_it = [
        lambda: repo.insert(name, 1),
        lambda: repo.insert_ex(name, 1, 30),
        lambda: repo.get(name),
        lambda: repo.insert_hash(name, "field", 1),
        lambda: repo.insert_hash("hash", name, 1),
        lambda: repo.insert_hash_ex(name, "field", 1, 30),
        lambda: repo.insert_hash_ex("hash", name, 1, 30),
        lambda: repo.insert_hash_many(name, {"field": 1}),
        lambda: repo.insert_hash_many_ex(name, {"field": 1}, 30),
        lambda: repo.insert_hash_field_ex(name, "field", 1, 30),
        lambda: repo.insert_hash_field_ex("hash", name, 1, 30),
        lambda: repo.get_hash(name, "field"),
        lambda: repo.get_hash("hash", name),
        lambda: repo.get_hash_many(name, ["field"]),
        lambda: repo.get_hash_many("hash", ["field", name]),
        lambda: repo.get_all_hash(name),
        lambda: repo.ttl(name),
        lambda: repo.ttl_hash_field(name, "field"),
        lambda: repo.ttl_hash_field("hash", name),
        lambda: repo.exists(name),
        lambda: repo.delete("hash", name),
    ]
    if isinstance(name, str):
        with_it += methods(repo, name, 30).values()
    for call in with_it:
        with pytest.raises(CourseError, match=r"value|text"):
            call()
    assert redis_conn.dump("hash") == before
    assert redis_conn.dbsize() == 1


@pytest.mark.parametrize("values", [None, [("banana", 312)], "banana", 312, {"banana"}, pd.Series({"banana": 312})])
def test_fields_that_are_no_dict_are_refused(redis_conn, values):
    repo = RedisRepository(redis_conn)
    for write in (lambda: repo.insert_hash_many("key", values), lambda: repo.insert_hash_many_ex("key", values, 30)):
        with pytest.raises(CourseError, match="come as a dict"):
            write()
    assert redis_conn.dbsize() == 0


def test_fields_that_become_the_same_text_are_refused(redis_conn):
    repo = RedisRepository(redis_conn)
    for values in ({1: "a", "1": "b"}, {b"uva": 1, "uva": 2}):
        with pytest.raises(CourseError, match="same text"):
            repo.insert_hash_many("key", values)
        with pytest.raises(CourseError, match="same text"):
            repo.insert_hash_many_ex("key", values, 30)
    assert redis_conn.dbsize() == 0


@pytest.mark.parametrize("fields", [None, "banana", b"banana", 7])
def test_fields_to_read_that_are_no_list_are_refused(redis_conn, fields):
    with pytest.raises(CourseError, match="come as a list"):
        RedisRepository(redis_conn).get_hash_many("prices", fields)


@pytest.mark.parametrize("fields", [("uva", "kiwi"), iter(["uva", "kiwi"]), {"uva": 0, "kiwi": 0}])
def test_fields_to_read_may_come_in_any_order_that_can_be_walked(redis_conn, fields):
    redis_conn.hset("prices", "uva", 480)
    assert RedisRepository(redis_conn).get_hash_many("prices", fields) == {"uva": "480", "kiwi": None}


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


# Both or neither

STATES = {
    "no key": lambda client: None,
    "a hash": lambda client: client.hset("key", mapping={"field": "old", "other": "1"}),
    "a hash with a TTL": lambda client: client.hset("key", "field", "old") and client.expire("key", 1000),
    "a string": lambda client: client.set("key", "text"),
    "a string with a TTL": lambda client: client.set("key", "text", ex=1000),
    "a list with a TTL": lambda client: client.rpush("key", "text") and client.expire("key", 1000),
}
RIGHTS = [
    "+@all",
    "+@all -expire",
    "+@all -hset",
    "+@all -type",
    "+@all -@scripting",
    "+@all -@scripting -expire",
    "+@all -@scripting -hset",
    "+@all -@scripting -type",
    "+@all -@scripting -watch",
    "+@all -@scripting -multi",
    "+@all -@scripting -multi -expire",
    "+@all -script",
    "+@all -@transaction",
    "+@all -@transaction -expire",
    "+@all -@transaction -@scripting",
    "+@all -@transaction -@scripting -expire",
    "+@all -hsetex",
    "+@all -hexpire",
    "+@all -hsetex -hexpire",
    "+@all -hsetex -hexpire -@transaction",
    "+@all -hsetex -@transaction",
    "+@all -hsetex -hset",
    "+@all -@dangerous -@scripting",
    "+@read +@write",
    "+@read +@write +@connection +@transaction",
    "+hset",
    "+hset +type +watch",
    "+hset +expire",
    "+hset +evalsha +script|load",
    "+hset +expire +evalsha +script",
    "+hset +expire +type +@transaction",
    "+hset +type +@transaction",
    "+hset +hexpire +type +@transaction",
    "+@read",
]


@contextlib.contextmanager
def user(server, admin, rights, keys="~*"):
    """A client of a user with these rights. Commands that an old server does not know are left out of them."""
    words = [word for word in rights.split() if "@" in word or knows(admin, re.sub(r"^[+-]|\|.*", "", word))]
    admin.execute_command("ACL", "SETUSER", "limited", "on", ">pw", keys, *words)
    client = redis.Redis(host=server.host, port=server.port, username="limited", password="pw", decode_responses=True)
    try:
        with client:
            yield client
    finally:
        admin.execute_command("ACL", "DELUSER", "limited")


def content(client):
    """What the key holds, and its TTL and its field's in steps of 100 seconds: a test does not last that long."""
    kind = client.type("key")
    if kind != "hash":
        return kind, client.get("key") if kind == "string" else client.exists("key"), steps(client.ttl("key"))
    field_ttl = client.httl("key", "field")[0] if knows(client, "HTTL") else -1
    return kind, client.hgetall("key"), steps(client.ttl("key")), steps(field_ttl)


def steps(seconds):
    return seconds if seconds < 0 else math.ceil(seconds / 100)


PAIRS = {
    "insert_hash_ex": lambda repo: repo.insert_hash_ex("key", "field", "new", 5000),
    "insert_hash_many_ex": lambda repo: repo.insert_hash_many_ex("key", {"field": "new", "more": 2}, 5000),
    "insert_hash_field_ex": lambda repo: repo.insert_hash_field_ex("key", "field", "new", 5000),
    "insert_ex": lambda repo: repo.insert_ex("key", "new", 5000),
}


def written(before, name):
    """What the key holds when the method has done all of its work."""
    if name == "insert_ex":
        return "string", "new", 50
    if before[0] not in ("none", "hash"):
        return None
    fields = {**(before[1] or {}), "field": "new", **({"more": "2"} if "many" in name else {})}
    whole, field = (before[2], 50) if "field_ex" in name else (50, -1)
    return "hash", fields, -1 if whole == -2 else whole, field


@pytest.mark.parametrize("rights", RIGHTS)
def test_whatever_a_user_may_not_do_nothing_is_half_written(any_server, any_conn, rights):
    done = []
    with user(any_server, any_conn, rights) as limited:
        for name, write in PAIRS.items():
            for make in STATES.values():
                any_conn.delete("key")
                make(any_conn)
                before = content(any_conn)
                try:
                    write(RedisRepository(limited))
                except CourseError:
                    assert content(any_conn) == before
                else:
                    assert content(any_conn) == written(before, name)
                    done.append(name)
                    write(RedisRepository(limited))  # and once more, on what it has made
                    assert content(any_conn) == written(before, name)
    if rights == "+@all":
        assert set(done) == {name for name in PAIRS if can(any_conn, name)}


@pytest.mark.parametrize(
    "rights",
    ["+@all -@scripting", "+@all -script", "+@all -@dangerous -@scripting", "+hset +expire +type +@transaction"],
)
def test_a_user_without_scripts_writes_a_hash_with_its_ttl_all_the_same(any_server, any_conn, rights):
    with user(any_server, any_conn, rights) as limited:
        repo = RedisRepository(limited)
        for value in ("first", "second"):
            repo.insert_hash_ex("key", "field", value, 5000)
            assert content(any_conn) == ("hash", {"field": value}, 50, -1)


def test_scripts_that_are_refused_are_asked_for_once(any_server, any_conn):
    """A server logs each refusal (ACL LOG), and somebody may be watching that."""
    with user(any_server, any_conn, "+@all -@scripting") as limited:
        any_conn.acl_log_reset()
        repo = RedisRepository(limited)
        for number in range(5):
            repo.insert_hash_ex("key", "field", number, 5000)
        refused = [entry["count"] for entry in any_conn.acl_log() if entry["username"] == "limited"]
    assert refused == [1]


def test_one_refusal_does_not_change_the_way_for_the_calls_behind_it(any_server, any_conn):
    """A key that a user may not touch says nothing about scripts."""
    with user(any_server, any_conn, "+@all", keys="~key") as limited:
        repo = RedisRepository(limited)
        with pytest.raises(CourseError, match="does not let this user"):
            repo.insert_hash_ex("another key", "field", 1, 5000)
        any_conn.config_resetstat()
        repo.insert_hash_ex("key", "field", 1, 5000)
        sent = any_conn.info("commandstats")
        repo.insert_hash_ex("key", "field", 2, 5000)
    assert "cmdstat_evalsha" in sent
    assert content(any_conn) == ("hash", {"field": "2"}, 50, -1)
    assert any_conn.exists("another key") == 0


@pytest.mark.parametrize("rights", ["+@all", "+@all -@scripting", "+@all -hsetex"])
def test_on_a_full_server_nothing_changes(any_server, any_conn, rights):
    with user(any_server, any_conn, rights) as limited:
        repo = RedisRepository(limited)
        for name, write in PAIRS.items():
            for make in STATES.values():
                any_conn.delete("key")
                make(any_conn)
                before = content(any_conn)
                any_conn.config_set("maxmemory", 1)
                try:
                    with pytest.raises(CourseError, match=r"is full \(maxmemory\)|holds a|needs Redis 7\.4"):
                        write(repo)
                finally:
                    any_conn.config_set("maxmemory", 0)
                assert (name, content(any_conn)) == (name, before)


@pytest.mark.parametrize("missing", ["HSETEX", "HEXPIRE", "EXPIRE", "EVALSHA", "MULTI"])
def test_on_a_server_that_lacks_a_command_nothing_is_half_written(any_server, any_conn, missing):
    """As managed servers take commands away; and Redis 7.4 has HEXPIRE, but no HSETEX."""
    options = {"rename_command": [missing, ""]} if knows(any_conn, missing) else {}
    done = []
    with EmbeddedRedis(any_server._binary, **options) as server, client_of(server) as client:
        for name, write in PAIRS.items():
            client.delete("key")
            client.hset("key", "field", "old")
            before = content(client)
            try:
                write(RedisRepository(client))
            except CourseError:
                assert content(client) == before
            else:
                assert content(client) == written(before, name)
                done.append(name)
    if missing in ("HSETEX", "EVALSHA"):
        assert done == [name for name in PAIRS if can(any_conn, name)]


def client_of(server):
    return redis.Redis.from_url(server.url, decode_responses=True)


class Interrupted(redis.Connection):
    """A connection on which somebody else acts before each time that something is sent."""

    act = None

    def send_packed_command(self, command, check_health=True):
        type(self).act()
        super().send_packed_command(command, check_health)


@pytest.mark.parametrize("rights", ["+@all", "+@all -@scripting -hsetex"])
@pytest.mark.parametrize("method", ["insert_hash_ex", "insert_hash_many_ex", "insert_hash_field_ex"])
def test_a_rival_at_any_moment_keeps_its_string_and_its_ttl(any_server, any_conn, method, rights):
    """A transaction looks at the type first, and the key may become a string behind that look."""
    sent = []

    def act_once():
        sent.append(1)
        if len(sent) == moment:
            any_conn.set("key", "rival's", ex=1000)

    Interrupted.act = staticmethod(act_once)
    options = options_of(any_server, username="limited", password="pw").arguments()
    with user(any_server, any_conn, rights):
        moment, acted = 1, 0
        while moment == acted + 1:  # until the method is done before the rival's moment has come
            any_conn.delete("key")
            sent.clear()
            pool = redis.ConnectionPool(Interrupted, decode_responses=True, **options)
            with redis.Redis.from_pool(pool) as client, contextlib.suppress(CourseError):
                PAIRS[method](RedisRepository(client))
            if len(sent) >= moment:
                assert content(any_conn) == ("string", "rival's", 10)
                acted += 1
            moment += 1
    assert acted >= 2


@pytest.mark.parametrize("rights", ["+@all", "+@all -@scripting -hsetex"])
def test_writers_at_the_same_time_lose_no_field(any_server, any_conn, rights):
    field_too = can(any_conn, "insert_hash_field_ex")

    def write(repo, number):
        for turn in range(20):
            repo.insert_hash_ex("key", f"{number}:{turn}", turn, 5000)
            if field_too:
                repo.insert_hash_field_ex("key", f"with a TTL:{number}:{turn}", turn, 5000)

    with user(any_server, any_conn, rights) as limited:
        repo = RedisRepository(limited)
        threads = [threading.Thread(target=write, args=(repo, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert any_conn.hlen("key") == 4 * 20 * (1 + field_too)
    assert steps(any_conn.ttl("key")) == 50


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


@contextlib.contextmanager
def cluster(binary):
    """A cluster of one server, which has every slot, and refuses commands across slots as any cluster does."""
    port = next(port for port in iter(free_port, None) if port < 50_000)  # the servers talk on this port plus 10,000
    with EmbeddedRedis(binary, port=port, cluster_enabled="yes") as server, client_of(server) as node:
        node.execute_command("CLUSTER ADDSLOTS", *range(16384))
        assert wait_until(lambda: node.cluster("info")["cluster_state"] == "ok")
        with redis.RedisCluster(host="127.0.0.1", port=port, password=server.password, decode_responses=True) as client:
            yield client, node


@pytest.mark.parametrize("rights", ["+@all", "-@scripting"])
def test_on_a_cluster(any_server, any_conn, rights):
    with cluster(any_server._binary) as (client, node):
        node.execute_command("ACL", "SETUSER", "default", rights)
        repo = RedisRepository(client)
        for name, write in PAIRS.items():
            for make in STATES.values():
                node.delete("key")
                make(node)
                before = content(node)
                if written(before, name) and can(any_conn, name):
                    write(repo)
                    assert content(node) == written(before, name)
                else:
                    with pytest.raises(CourseError):
                        write(repo)
                    assert content(node) == before
        for number in range(50):
            repo.insert(f"cell-by-cell:{number}", number)
        repo.insert(b"cell-by-cell:x", 1)
        node.set(b"cell-by-cell:\xff", 1)
        assert repo.get("cell-by-cell:7") == "7"
        assert repo.delete("cell-by-cell:1", "cell-by-cell:2", "none") == 2
        assert repo.delete_prefix("cell-by-cell:") == 50
        assert set(node.scan_iter()) <= {"key"}


# Errors in one sentence

OTHER_TYPES = {
    "string": lambda client: client.set("key", "text"),
    "hash": lambda client: client.hset("key", "field", 1),
    "list": lambda client: client.rpush("key", "item"),
    "set": lambda client: client.sadd("key", "member"),
    "zset": lambda client: client.zadd("key", {"member": 1}),
    "stream": lambda client: client.xadd("key", {"field": 1}),
}


@pytest.mark.parametrize("kind", OTHER_TYPES)
def test_a_key_of_another_type_is_named_with_its_type_and_what_to_do(repo, any_conn, kind):
    OTHER_TYPES[kind](any_conn)
    calls = {
        "string": [lambda: repo.get("key"), lambda: repo.get(key="key")],
        "hash": [
            lambda: repo.get_hash("key", "field"),
            lambda: repo.get_hash_many("key", ["field"]),
            lambda: repo.get_all_hash("key"),
            lambda: repo.insert_hash("key", "field", 1),
            lambda: repo.insert_hash(value=1, field="field", key="key"),
            lambda: repo.insert_hash_many("key", {"field": 1}),
            lambda: repo.insert_hash_ex("key", "field", 1, 30),
            lambda: repo.insert_hash_many_ex("key", {"field": 1}, 30),
        ],
    }
    if knows(any_conn, "HEXPIRE"):
        calls["hash"].append(lambda: repo.insert_hash_field_ex("key", "field", 1, 30))
        calls["hash"].append(lambda: repo.ttl_hash_field("key", "field"))
    for works_on in {"string", "hash"} - {kind}:
        for call in calls[works_on]:
            with pytest.raises(
                CourseError, match=f"^The key 'key' holds a {kind}, .*: take another key, or delete this one first"
            ):
                call()


def test_insert_replaces_what_a_key_of_another_type_held(repo, any_conn):
    for make in OTHER_TYPES.values():
        for write in (lambda: repo.insert("key", "uva"), lambda: repo.insert_ex("key", "uva", 30)):
            any_conn.delete("key")
            make(any_conn)
            write()
            assert repo.get("key") == "uva"


def test_bytes_that_others_stored_and_are_no_text_are_told_and_hurt_nothing(repo, any_conn):
    any_conn.set("photo", b"\xff\xd8\xff")
    any_conn.hset("album", mapping={"first": b"\xff\xd8\xff", "second": "text", "third": "text"})
    reads = [
        lambda: repo.get("photo"),
        lambda: repo.get_hash("album", "first"),
        lambda: repo.get_hash_many("album", ["second", "first", "third"]),
        lambda: repo.get_all_hash("album"),
    ]
    for read in reads:
        with pytest.raises(CourseError, match=r"no UTF-8 text.*decode_responses=False"):
            read()
        assert repo.get_hash("album", "second") == "text"  # the next reply is the next command's


def every_call(repo):
    return [
        *methods(repo, "value", 30).values(),
        lambda: repo.get("key"),
        lambda: repo.get_hash("key", "field"),
        lambda: repo.get_hash_many("key", ["field"]),
        lambda: repo.get_all_hash("key"),
        lambda: repo.ttl("key"),
        lambda: repo.ttl_hash_field("key", "field"),
        lambda: repo.exists("key"),
        lambda: repo.delete("key"),
        lambda: repo.delete_prefix("cell-by-cell:"),
    ]


def test_a_server_that_is_gone_is_told_in_one_sentence():
    with redis.Redis(port=free_port(), retry=None, password="marked-password") as client:
        for call in every_call(RedisRepository(client)):
            with pytest.raises(CourseError, match=r"^Redis is gone \(connection refused\): .*\.$") as caught:
                call()
            assert isinstance(caught.value.__context__, redis.ConnectionError)
            assert "marked-password" not in "".join(traceback.format_exception(caught.value))


def test_a_server_that_does_not_answer_is_told_in_one_sentence():
    with silent_server() as port, redis.Redis(port=port, retry=None, socket_timeout=0.02) as client:
        for call in every_call(RedisRepository(client)):
            with pytest.raises(CourseError, match=r"^Redis did not answer in time .*\.$"):
                call()


def test_a_lost_reply_is_told_and_the_next_call_works(any_server, any_conn):
    with FaultProxy(any_server.port) as proxy, RedisConnectionHandle(options_of(any_server, port=proxy.port)) as handle:
        repo = RedisRepository(handle.connect())
        proxy.drop_replies = 1
        with pytest.raises(CourseError, match="cut the connection, so the command may have run or not"):
            repo.insert_hash_ex("key", "field", "new", 5000)
        repo.insert_hash_ex("key", "field", "newer", 5000)
        assert content(any_conn) == ("hash", {"field": "newer"}, 50, -1)


@pytest.mark.parametrize("host", ["a..b", "b" * 70 + ".example"])
def test_a_host_that_no_name_can_be_is_told_in_one_sentence(host):
    with pytest.raises(CourseError, match="host name"):
        RedisRepository(redis.Redis(host=host, retry=None)).get("foo")


MAY_NOT = r"Redis does not let this user do that: .*\.|A TTL on one field needs .*\.|.* needs MULTI here, .*\."


@pytest.mark.parametrize("rights", ["+@all -@all", "+@read", "+@write", "+@connection"])
def test_what_a_user_may_not_do_is_told_in_one_sentence(any_server, any_conn, rights):
    with user(any_server, any_conn, rights) as limited:
        for call in every_call(RedisRepository(limited)):
            any_conn.delete("key")
            said = None
            try:
                call()
            except CourseError as error:
                said = str(error)
            assert said is None or re.fullmatch(MAY_NOT, said)


def test_no_sentence_and_no_traceback_holds_a_value(any_server, any_conn):
    for rights in ("+@all -expire", "+@all -hset -set", "+@all -@scripting -expire -hexpire -set", "+hset"):
        with user(any_server, any_conn, rights) as limited:
            any_conn.delete("key")
            for write in methods(RedisRepository(limited), "marked-value \ud800", 30).values():
                with pytest.raises(CourseError) as caught:
                    write()
                assert not holds("marked-value", caught.value)
            for write in methods(RedisRepository(limited), "marked-value", 30).values():
                with contextlib.suppress(CourseError):
                    write()
                    continue
                with pytest.raises(CourseError) as caught:
                    write()
                assert not holds("marked-value", caught.value)


WORDS_OF_ERRORS = ("misconf", "noreplicas", "read only replica", "no permissions", "MOVEDERROR: 1 a:2")


@pytest.fixture(name="old_conn", scope="module")
def _old_conn(tmp_path_factory):
    """A client of a server that has no TTL for one field, as an older Redis."""
    lines = [f'rename-command {command} ""' for command in ("HSETEX", "HEXPIRE", "HTTL")]
    with odd_server(tmp_path_factory.mktemp("old"), *lines) as port, redis.Redis(port=port) as client:
        yield client


@pytest.mark.parametrize("word", WORDS_OF_ERRORS)
def test_a_key_or_field_that_is_called_as_an_error_misleads_nobody(old_conn, word):
    """Redis repeats the arguments of a command that it does not know, and redis-py those of a pipeline."""
    repo = RedisRepository(old_conn)
    for key, field in ((word, "field"), ("key", word)):
        with pytest.raises(CourseError, match=r"^A TTL on one field needs Redis 7\.4 or Valkey 9"):
            repo.insert_hash_field_ex(key, field, "value", 30)
        with pytest.raises(CourseError, match=r"^A TTL on one field needs Redis 7\.4 or Valkey 9"):
            repo.ttl_hash_field(key, field)


def holds(text, error):
    """Whether `text` stands anywhere in an error, or in one that it hides."""
    while error is not None:
        if text in repr(error) or text in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


# What people come with


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda repo: repo.insert_ex("foo", "bar", ex=60), r"insert_ex\(key, value, ttl\): .*'ex'"),
        (lambda repo: repo.insert_ex("foo", "bar"), r"insert_ex\(key, value, ttl\): .*'ttl'"),
        (lambda repo: repo.insert_hash_ex("foo", {"a": 1}, 30), r"insert_hash_ex\(key, field, value, ttl\): .*'ttl'"),
        (lambda repo: repo.get(), r"get\(key\): .*'key'"),
        (lambda repo: repo.get("foo", "bar"), r"get\(key\): too many"),
        (lambda repo: repo.insert_hash("user:1", mapping={"a": 1}), r"insert_hash\(key, field, value\): "),
        (lambda repo: repo.insert_ex("foo", 10, "bar"), "seconds.*as the last argument"),
        (lambda repo: repo.get_key("foo"), "has no get_key; it has insert, insert_ex, get, .*client"),
        (lambda repo: repo.get_conn(), "has no get_conn; it has .* the client"),
        (lambda repo: repo.setex("foo", 10, "bar"), "has no setex; it has insert, insert_ex"),
        (lambda repo: repo.delete(["foo"]), "of the type list"),
    ],
)
def test_calls_of_another_shape_are_told_how_they_are_written_here(repo, any_conn, call, says):
    with pytest.raises(CourseError, match=says):
        call(repo)
    assert any_conn.dbsize() == 0


def test_arguments_may_be_named(repo):
    repo.insert_ex(key="foo", value="bar", ttl=10)
    repo.insert_hash_ex(key="user:1", field="name", value="Alice", ttl=30)
    assert (repo.get(key="foo"), repo.get_hash(key="user:1", field="name")) == ("bar", "Alice")


def test_a_missing_method_is_an_attribute_error_too(repo):
    assert not hasattr(repo, "get_key")
    assert getattr(repo, "get_conn", None) is None


def test_the_error_of_a_callers_own_object_is_left_alone(repo):
    class Broken(dict):
        def items(self):
            raise TypeError("of the caller's own")

    with pytest.raises(TypeError, match="of the caller's own"):
        repo.insert_hash_many("key", Broken(a=1))


def test_something_that_is_no_client_is_refused(redis_conn, server):
    handle = RedisConnectionHandle(options_of(server))
    with redis_conn.pipeline() as pipe:
        for wrong in (None, handle, server.url, redis.Redis, redis.asyncio.Redis(), pipe):
            with pytest.raises(CourseError, match=r"RedisConnectionHandle\(\)\.connect\(\)"):
                RedisRepository(wrong)
