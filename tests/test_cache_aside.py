"""`CacheAside`: hits, misses, and a Redis that dies or hangs in mid-use."""

import datetime
import decimal
import enum
import os
import signal
import sys
import time

import numpy as np
import pytest
import redis
import redis.asyncio

from redis_helpers import connection
from redis_helpers.cache_aside import CacheAside
from redis_helpers.connection import ConnectOptions, RedisConnectionHandle
from redis_helpers.course.embedded import EmbeddedRedis
from tests.support.servers import wait_until


class Source:
    """Counts how often it is asked."""

    def __init__(self, answer):
        self.answer = answer
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return self.answer


class Fruit(enum.IntEnum):
    UVA = 3


def counts(cache):
    return cache.hits, cache.misses, cache.failures


def test_a_miss_loads_and_stores_and_a_hit_does_not_load(redis_conn):
    cache, source = CacheAside(redis_conn), Source({"fruit": "uva", "cents": 310})
    assert cache.get_or_load("fruit:3", source, 30) == {"fruit": "uva", "cents": 310}
    assert cache.get_or_load("fruit:3", source, 30) == {"fruit": "uva", "cents": 310}
    assert source.calls == 1
    assert counts(cache) == (1, 1, 0)
    assert 27 <= redis_conn.ttl("fruit:3") <= 30


@pytest.mark.parametrize("value", [0, "", [], {}, False, 1.5, "é🍇", [1, {"a": None}], None])
def test_what_json_can_hold_comes_back_as_it_was(redis_conn, value):
    cache, source = CacheAside(redis_conn), Source(value)
    for _ in range(3):
        assert cache.get_or_load("key", source, 30) == value
    assert source.calls == 1


def test_not_found_is_remembered_briefly(redis_conn):
    cache, source = CacheAside(redis_conn, not_found_ttl=20), Source(None)
    assert cache.get_or_load("fruit:99", source, 300) is None
    assert cache.get_or_load("fruit:99", source, 300) is None
    assert source.calls == 1
    assert 0 < redis_conn.ttl("fruit:99") <= 20
    cache.get_or_load("fruit:98", source, 10)
    assert 0 < redis_conn.pttl("fruit:98") <= 10_000


def test_after_the_ttl_the_source_is_asked_again(redis_conn):
    cache, source = CacheAside(redis_conn), Source("old")
    cache.get_or_load("key", source, 0.2)
    assert redis_conn.pttl("key") in (-2, *range(201))  # -2: it has ended already
    source.answer = "new"
    assert wait_until(lambda: cache.get_or_load("key", source, 0.2) == "new")


def test_invalidate_makes_the_next_reader_load(redis_conn):
    cache, source = CacheAside(redis_conn), Source("old")
    cache.get_or_load("key", source, 300)
    source.answer = "new"
    assert cache.get_or_load("key", source, 300) == "old"
    cache.invalidate("key")
    assert cache.get_or_load("key", source, 300) == "new"
    cache.invalidate("no such key")


def test_what_load_raises_comes_through_and_nothing_is_stored(redis_conn):
    cache = CacheAside(redis_conn)
    with pytest.raises(ZeroDivisionError):
        cache.get_or_load("key", lambda: 1 / 0, 30)
    assert redis_conn.dbsize() == 0
    assert cache.get_or_load("key", lambda: "answer", 30) == "answer"


# A caller's mistake is the caller's


@pytest.fixture(params=["str", "bytes"])
def kept(request, server, redis_conn):
    """A cache with one entry, "good". At the end that entry still hits: no mistake with another key harms it."""
    client = redis.Redis.from_url(server.url, decode_responses=request.param == "str")
    cache = CacheAside(client)
    cache.get_or_load("good", lambda: "answer", 60)
    yield cache
    hits = cache.hits
    for _ in range(20):
        assert cache.get_or_load("good", not_loaded, 60) == "answer"
    assert cache.hits == hits + 20
    client.close()


def not_loaded():
    pytest.fail("loaded")


@pytest.mark.parametrize("key", [None, b"fruit", 1, 1.5, True, ("fruit",), ["fruit"], object(), bytearray(b"fruit")])
def test_a_key_that_is_no_str_is_a_type_error(kept, key):
    for _ in range(3):
        with pytest.raises(TypeError, match="a key must be a str"):
            kept.get_or_load(key, not_loaded, 60)
        with pytest.raises(TypeError, match="a key must be a str"):
            kept.invalidate(key)
    assert kept.failures == 0


@pytest.mark.parametrize("key", ["x\ud800", "\udfff", "caf\udce9", "\ud83c\udf47"], ids=ascii)
def test_a_key_that_is_no_text_is_a_value_error(kept, key):
    for _ in range(3):
        with pytest.raises(ValueError, match="half of a character"):
            kept.get_or_load(key, not_loaded, 60)
        with pytest.raises(ValueError, match="half of a character"):
            kept.invalidate(key)
    assert kept.failures == 0


class Name(str):
    """A str of a kind of its own."""


ODD_KEYS = [
    "",
    " ",
    "foo{",
    "a}b",
    "a{}b",
    "{}",
    "{{x}}",
    "}{",
    "{a}{b}",
    "flat:{5}",
    "flat:{5}:lease",
    "fruit:lease:{fruit}",
    "!",
    "!" + "0" * 32,
    "~1 1 00000000 ",
    "a\0b",
    "a\r\nb",
    "é🍇",
    "\ufeff",
    "*",
    "k" * 10_000,
    Name("fruit"),
]


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: ascii(key)[:20])
def test_any_other_key_works_and_touches_no_key_beside_it(kept, redis_conn, key):
    redis_conn.mset({f"{key}:lease": "a user's", f"{key}:lease:{{{key}}}": "a user's", f"!{key}": "a user's"})
    before = redis_conn.dbsize()
    source = Source("old")
    assert [kept.get_or_load(key, source, 60) for _ in range(2)] == ["old", "old"]
    assert source.calls == 1
    assert redis_conn.dbsize() == before + 1
    source.answer = "new"
    kept.invalidate(key)
    assert redis_conn.dbsize() == before
    assert kept.get_or_load(key, source, 60) == "new"
    assert redis_conn.get(f"{key}:lease") == redis_conn.get(f"!{key}") == "a user's"
    assert kept.failures == 0


@pytest.mark.parametrize("ttl", [None, "60", b"60", True, False, [60], 60j, object()])
def test_a_ttl_that_is_no_number_is_a_type_error(kept, ttl):
    for key in ("good", "new"):
        with pytest.raises(TypeError, match="ttl must be a number of seconds"):
            kept.get_or_load(key, not_loaded, ttl)


@pytest.mark.parametrize("ttl", [0, 0.0, -0.0, -1, float("nan"), float("inf"), -float("inf"), 1e300, 10**30])
def test_a_ttl_that_is_no_length_of_time_is_a_value_error(kept, ttl):
    for key in ("good", "new"):
        with pytest.raises(ValueError, match="ttl must be more than 0"):
            kept.get_or_load(key, not_loaded, ttl)


@pytest.mark.parametrize("ttl", [1e-9, 0.0004, 1, 100 * 365 * 24 * 3600, np.float64(60)])
def test_any_other_ttl_works(kept, ttl):
    assert kept.get_or_load("key", lambda: "answer", ttl) == "answer"
    assert kept.failures == 0


@pytest.mark.parametrize("name", ["not_found_ttl", "early"])
def test_the_times_of_the_cache_itself_are_looked_at_too(redis_conn, name):
    for wrong in (None, "5", True):
        with pytest.raises(TypeError, match=name):
            CacheAside(redis_conn, **{name: wrong})
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=name):
            CacheAside(redis_conn, **{name: wrong})
    CacheAside(redis_conn, **{name: 0})


def test_a_client_of_asyncio_is_a_type_error_at_once():
    with pytest.raises(TypeError, match=r"not of redis\.asyncio"):
        CacheAside(redis.asyncio.Redis())


def test_with_a_not_found_ttl_of_0_nothing_is_remembered(redis_conn):
    cache, source = CacheAside(redis_conn, not_found_ttl=0), Source(None)
    assert [cache.get_or_load("fruit:99", source, 300) for _ in range(2)] == [None, None]
    assert source.calls == 2
    assert redis_conn.dbsize() == 0


def holds_itself():
    value = []
    value.append(value)
    return value


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


NO_JSON = {
    "a set": {1, 2},
    "an object": object(),
    "bytes": b"uva",
    "a date": datetime.date(2026, 3, 14),
    "a price": decimal.Decimal("3.12"),
    "a key that is a tuple": {(1, 2): 3},
    "not a number": float("nan"),
    "infinity, deep in it": [{"a": [float("inf")]}],
    "what holds itself": holds_itself(),
    "what is nested too deeply": nested(100_000),
    "a number of too many digits": 10**5000,
    "a generator": (number for number in range(3)),
}


@pytest.mark.parametrize("value", NO_JSON.values(), ids=NO_JSON)
def test_a_value_that_json_cannot_hold_is_an_error_each_time_and_nothing_stays(kept, redis_conn, value):
    source = Source(value)
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match=r"load\(\) returned what JSON cannot hold"):
            kept.get_or_load("key", source, 60)
    assert source.calls == 2
    assert redis_conn.dbsize() == 1
    assert kept.failures == 0


ONE_PARSER = [2**64, 2**64 + 1, -(2**70), 0.1, 1e-300, 1e300, "\ud800", "\u2028", {"1": 1}, [[]], "é🍇", 1.0]


@pytest.mark.parametrize("value", ONE_PARSER, ids=ascii)
def test_a_hit_gives_exactly_what_the_miss_gave(kept, value):
    source = Source(value)
    miss, hit = (kept.get_or_load("key", source, 60) for _ in range(2))
    assert miss == hit == value
    assert type(miss) is type(hit) is type(value)
    assert source.calls == 1


@pytest.mark.parametrize("value", [(1, 2), {1: "a"}, {None: 1}, {"a": (1,)}, Fruit.UVA])
def test_what_json_changes_it_changes_on_the_miss_too(kept, value):
    miss, hit = (kept.get_or_load("key", lambda: value, 60) for _ in range(2))
    assert miss == hit
    assert repr(miss) == repr(hit)


def test_another_json_package_changes_nothing(kept, monkeypatch):
    class Loud:
        def __getattr__(self, name):
            pytest.fail("orjson was used")

    monkeypatch.setitem(sys.modules, "orjson", Loud())
    assert [kept.get_or_load("key", lambda: 2**64, 60) for _ in range(2)] == [2**64] * 2


# What is in Redis is not always ours


def test_a_key_of_another_type_is_a_failure_of_the_cache_and_not_of_the_reader(redis_conn):
    redis_conn.rpush("key", "not ours")
    cache, source = CacheAside(redis_conn), Source("answer")
    assert cache.get_or_load("key", source, 30) == "answer"
    assert counts(cache) == (0, 0, 1)


JUNK = {"empty": b"", "text": b"uva", "bytes": b"\xff\xfe\x00", "half": b'{"price":', "deep": b"[" * 100_000}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_what_is_no_json_is_loaded_anew_and_replaced(redis_conn, junk):
    redis_conn.set("key", junk)
    cache, source = CacheAside(redis_conn), Source("answer")
    assert cache.get_or_load("key", source, 30) == "answer"
    assert cache.get_or_load("key", source, 30) == "answer"
    assert counts(cache) == (1, 1, 0)
    assert source.calls == 1


def test_a_full_server_still_answers():
    with EmbeddedRedis(maxmemory="1", maxmemory_policy="noeviction") as server:
        cache, source = CacheAside(redis.Redis.from_url(server.url, decode_responses=True)), Source("answer")
        for _ in range(2):
            assert cache.get_or_load("key", source, 30) == "answer"
        assert source.calls == 2


@pytest.fixture
def own_server(monkeypatch):
    """A server to break, and a client of the course's making that waits 1 s for a reply."""
    monkeypatch.setattr(connection, "REPLY_TIMEOUT", 1)
    with EmbeddedRedis() as server:
        options = ConnectOptions(port=server.port, password=server.password)
        with RedisConnectionHandle(options) as handle:
            yield server, handle.connect()


def test_when_redis_dies_in_mid_use_answers_come_from_the_source_and_fast(own_server):
    server, client = own_server
    cache, source = CacheAside(client), Source("answer")
    cache.get_or_load("key", source, 300)
    cache.get_or_load("key", source, 300)
    server.kill()
    start = time.monotonic()
    for _ in range(20):
        assert cache.get_or_load("key", source, 300) == "answer"
    assert time.monotonic() - start < 10  # half of what 20 timeouts would take
    assert counts(cache) == (1, 1, 20)
    assert source.calls == 21
    with pytest.raises(redis.ConnectionError):
        cache.invalidate("key")
    server.start()  # and when it is back, it is found
    assert wait_until(lambda: cache.get_or_load("key", source, 300) and counts(cache)[:2] == (2, 2))


def test_when_redis_dies_between_the_miss_and_the_store_the_answer_stands(own_server):
    server, client = own_server

    def load():
        server.kill()
        return "answer"

    assert CacheAside(client).get_or_load("key", load, 300) == "answer"


def test_when_redis_hangs_the_answer_comes_after_the_clients_timeout(own_server):
    server, client = own_server
    cache, source = CacheAside(client), Source("answer")
    cache.get_or_load("key", source, 300)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        assert cache.get_or_load("key", source, 300) == "answer"
        assert 0.9 < time.monotonic() - start < 20
        assert counts(cache) == (0, 1, 1)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert wait_until(lambda: cache.get_or_load("key", source, 300) and cache.hits > 0)
