"""What is in Redis, read as a whole: every type, with and without an end, and what cannot be read."""

import pytest
import redis

from redis_helpers.course.exercises import state
from redis_helpers.course.exercises.direct_line import DirectLine
from redis_helpers.course.exercises.state import Entry, entries_of, entry, keys_below

PREFIX = "cell-by-cell:state:"
ALL_TYPES = {
    "text": "312",
    "empty": "",
    "hash": {"banana": "312", "apple": "195"},
    "list": ["b", "a", "b"],
    "set": {"a", "b"},
    "zset": {"maria": 5.5, "paulo": -1.0},
}


def whole_state(line, prefix):
    return entries_of(line, keys_below(line, prefix))


@pytest.fixture
def filled(any_conn):
    any_conn.flushall()
    any_conn.set(PREFIX + "text", "312")
    any_conn.set(PREFIX + "empty", "")
    any_conn.hset(PREFIX + "hash", mapping=ALL_TYPES["hash"])
    any_conn.rpush(PREFIX + "list", *ALL_TYPES["list"])
    any_conn.sadd(PREFIX + "set", *ALL_TYPES["set"])
    any_conn.zadd(PREFIX + "zset", ALL_TYPES["zset"])
    any_conn.set("cell-by-cell:states:no", "of somebody else")
    return any_conn


@pytest.fixture
def line(any_conn):
    opened = DirectLine(any_conn)
    yield opened
    opened.close()


def test_every_type_comes_with_its_value_and_without_an_end(filled, line):
    found = whole_state(line, PREFIX)
    assert found == {PREFIX + name: Entry(value, None) for name, value in ALL_TYPES.items()}
    assert {key: entry(line, key) for key in found} == found


def test_a_stream_comes_with_its_ids(filled, line):
    filled.xadd(PREFIX + "stream", {"fruit": "uva"}, id="5-1")
    assert entry(line, PREFIX + "stream") == Entry([("5-1", {"fruit": "uva"})], None)


def test_an_end_comes_in_milliseconds(filled, line):
    filled.pexpire(PREFIX + "hash", 60_000)
    found = whole_state(line, PREFIX)
    assert 50_000 < found[PREFIX + "hash"].left <= 60_000
    assert found[PREFIX + "list"].left is None


def test_what_is_not_there_is_none(filled, line):
    assert entry(line, PREFIX + "nothing") is None
    assert whole_state(line, PREFIX + "nothing") == {}


def test_only_the_keys_in_question_are_asked_for(filled, line):
    filled.config_resetstat()
    assert entries_of(line, [PREFIX + "text"]) == {PREFIX + "text": Entry("312", None)}
    calls = filled.info("commandstats")
    assert calls["cmdstat_type"]["calls"] == 1
    assert "cmdstat_hgetall" not in calls


def test_the_number_of_round_trips_does_not_grow_with_the_keys(filled, line, monkeypatch):
    sent = []
    send = redis.connection.AbstractConnection.send_packed_command
    monkeypatch.setattr(
        redis.connection.AbstractConnection,
        "send_packed_command",
        lambda connection, *args, **options: sent.append(1) or send(connection, *args, **options),
    )
    whole_state(line, PREFIX)
    few = len(sent)
    filled.mset({f"{PREFIX}more:{number}": number for number in range(200)})
    sent.clear()
    assert len(whole_state(line, PREFIX)) == 206
    assert len(sent) == few


def test_bytes_that_are_no_text_spoil_nothing_else(filled, line, any_server):
    with redis.Redis.from_url(any_server.url) as plain:
        plain.set(PREFIX + "bytes", b"\xff\xfe", px=60_000)
        plain.rpush(PREFIX + "bytes in a list", "a", b"\xff")
    found = whole_state(line, PREFIX)
    assert found.pop(PREFIX + "bytes").value == "bytes that are no text"
    assert found.pop(PREFIX + "bytes in a list") == Entry("bytes that are no text", None)
    assert found == {PREFIX + name: Entry(value, None) for name, value in ALL_TYPES.items()}
    assert filled.get(PREFIX + "text") == "312"


def test_pattern_signs_in_the_prefix_are_signs(any_conn, line):
    any_conn.flushall()
    any_conn.mset({"cell-by-cell:a[b]*?:1": 1, "cell-by-cell:ab:1": 1, "cell-by-cell:a[b]xy:1": 1})
    assert keys_below(line, "cell-by-cell:a[b]*?:") == ["cell-by-cell:a[b]*?:1"]


def test_on_a_full_server_only_the_named_keys_are_looked_for(filled, line, monkeypatch):
    monkeypatch.setattr(state, "MANY_KEYS", 3)
    assert keys_below(line, PREFIX, [PREFIX + "text", PREFIX + "gone"]) == [PREFIX + "text"]
