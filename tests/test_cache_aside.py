"""`CacheAside`: hits, misses, and a Redis that dies or hangs in mid-use."""

import os
import signal
import time

import pytest
import redis

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
    with pytest.raises(TypeError):
        cache.get_or_load("key", lambda: {1, 2}, 30)
    assert redis_conn.dbsize() == 0


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
