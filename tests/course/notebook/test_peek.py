"""`peek`: the table of what is in Redis now."""

import threading

import pytest
import redis

from redis_helpers.course.notebook.peek import COLUMNS, peek
from redis_helpers.errors import CourseError
from tests.support.users import client_of


def test_each_type_with_its_value(any_conn):
    any_conn.set("p:string", "uva")
    any_conn.set("p:number", 7)
    any_conn.hset("p:hash", mapping={"banana": 120})
    any_conn.rpush("p:list", "a", "b")
    any_conn.sadd("p:set", "x")
    any_conn.zadd("p:zset", {"uva": 2.5})
    any_conn.xadd("p:stream", {"f": "v"}, id="1-1")
    any_conn.set("other", 1)
    table = peek(any_conn, "p:").set_index("key")
    assert list(peek(any_conn, "p:").columns) == COLUMNS
    assert table["type"].to_dict() == {
        "p:string": "string",
        "p:number": "string",
        "p:hash": "hash",
        "p:list": "list",
        "p:set": "set",
        "p:zset": "zset",
        "p:stream": "stream",
    }
    assert table.loc["p:string", "value"] == "uva"
    assert table.loc["p:hash", "value"] == "{'banana': '120'}"
    assert table.loc["p:list", "value"] == "['a', 'b']"
    assert "x" in table.loc["p:set", "value"]
    assert "uva" in table.loc["p:zset", "value"]
    assert "2.5" in table.loc["p:zset", "value"]
    assert "1-1" in table.loc["p:stream", "value"]
    assert table.loc["p:number", "encoding"] == "int"
    assert (table["bytes"] > 0).all()
    assert (table["TTL"] == -1).all()


def test_ttls_in_seconds(redis_conn):
    redis_conn.set("p:soon", 1, px=1500)
    redis_conn.set("p:later", 1, ex=100)
    redis_conn.set("p:never", 1)
    ttl = peek(redis_conn, "p:").set_index("key")["TTL"]
    assert 0 < ttl["p:soon"] <= 1.5
    assert 99 < ttl["p:later"] <= 100
    assert ttl["p:never"] == -1


def test_long_values_are_shortened(redis_conn):
    redis_conn.set("p:exact", "x" * 60)
    redis_conn.set("p:long", "x" * 61)
    redis_conn.rpush("p:list", *["fruit"] * 1000)
    value = peek(redis_conn, "p:").set_index("key")["value"]
    assert value["p:exact"] == "x" * 60
    assert value["p:long"] == "x" * 59 + "…"
    assert len(value["p:list"]) == 60


def test_bytes_that_are_no_text_are_shown_as_escapes(redis_conn):
    redis_conn.set("p:bytes", b"\xff\x00")
    redis_conn.pfadd("p:visitors", *range(1000))
    redis_conn.set(b"p:\xfe", 1)
    value = peek(redis_conn, "p:").set_index("key")["value"]
    assert value["p:bytes"] == "\\xff\x00"
    assert value["p:visitors"].startswith("HYLL")
    assert value["p:\\xfe"] == "1"
    assert redis_conn.ping() is True


@pytest.mark.parametrize("prefix", ["p*", "p?", "p[a]", "p\\", "p]"])
def test_glob_characters_stand_for_themselves(redis_conn, prefix):
    redis_conn.mset({prefix + "1": 1, "pa": 1, "pab": 1, "p": 1})
    assert list(peek(redis_conn, prefix)["key"]) == [prefix + "1"]


@pytest.mark.parametrize("prefix", [None, 1j, b"\xff"])
def test_a_prefix_that_is_no_text_is_refused(redis_conn, prefix):
    with pytest.raises(CourseError, match="prefix"):
        peek(redis_conn, prefix)


def test_where_a_user_may_not_ask_for_size_and_encoding_the_rest_is_there(any_server, any_conn):
    any_conn.set("p:fruit", "uva", ex=100)
    any_conn.execute_command("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@all", "-memory", "-object", "-multi")
    try:
        with redis.Redis(host=any_server.host, port=any_server.port, username="reader", password="pw") as client:
            (row,) = peek(client, "p:").to_dict("records")
    finally:
        any_conn.acl_deluser("reader")
    assert 99 < row.pop("TTL") <= 100
    assert row == {"key": "p:fruit", "type": "string", "encoding": None, "bytes": None, "value": "uva"}


def test_at_most_so_many_rows_sorted(redis_conn):
    redis_conn.mset({f"p:{number:03}": number for number in range(100)})
    assert len(peek(redis_conn, "p:")) == 30
    assert len(peek(redis_conn, "p:", most=7)) == 7
    keys = list(peek(redis_conn, "p:", most=100)["key"])
    assert keys == sorted(f"p:{number:03}" for number in range(100))


def test_nothing_is_an_empty_table_with_its_columns(redis_conn):
    table = peek(redis_conn, "none:")
    assert list(table.columns) == COLUMNS
    assert len(table) == 0


def test_keys_that_come_and_go_meanwhile_are_left_out(redis_conn):
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            redis_conn.mset({f"p:{number}": 1 for number in range(20)})
            redis_conn.delete(*[f"p:{number}" for number in range(20)])
            redis_conn.hset("p:0", "changes", "type")
            redis_conn.delete("p:0")

    redis_conn.set("p:stays", 1)
    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(20):
            table = peek(redis_conn, "p:")
            assert "p:stays" in set(table["key"])
            assert set(table["type"]) <= {"string", "hash"}
            assert table["bytes"].notna().all()
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("denied", [("-object", "-memory"), ("-multi",), ("-object", "-memory", "-multi")])
def test_a_user_with_few_rights_sees_what_it_may_see(any_server, any_conn, denied):
    any_conn.set("p:forever", "uva")
    any_conn.hset("p:hash", "banana", 312)
    any_conn.expire("p:hash", 100)
    with client_of(any_server, "~p:*", "+@all", *denied, decode_responses=True) as user:
        table = peek(user, "p:").set_index("key")
    assert table["value"].to_dict() == {"p:forever": "uva", "p:hash": "{'banana': '312'}"}
    assert table.loc["p:forever", "TTL"] == -1
    assert 99 < table.loc["p:hash", "TTL"] <= 100
    hidden = "-object" in denied
    assert table["encoding"].isna().all() == hidden
    assert table["bytes"].isna().all() == hidden
