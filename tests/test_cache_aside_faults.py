"""`CacheAside` on a Redis that fails, refuses, or has less to give: the source answers, and it is told."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from redis_helpers import cache_aside, circuit_breaker
from redis_helpers.cache_aside import CacheAside
from redis_helpers.cache_client import cache_client
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises.runner import FairClock
from redis_helpers.lease import Lease, forget
from tests.support.servers import ForgetfulNetwork, free_port, options_of, paused, wait_until

LEAST_RIGHTS = ["+get", "+set", "+del", "+pttl", "+pexpire", "+getrange", "+eval", "+evalsha", "+time"]


def read(cache, key="fruit"):
    return cache.get_or_load(key, lambda: "answer", 60)


def test_a_hung_redis_costs_two_time_outs_and_then_one_in_a_pause():
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        cache = CacheAside(handle.connect_cache())
        read(cache)
        with paused(server):
            begin, clock = time.monotonic(), FairClock()
            read(cache)
            assert time.monotonic() - begin > 0.2  # the client's time-out
            assert clock.now() < 0.8  # and no more than one
            clock, reads = FairClock(), 0
            while reads < 1000:
                read(cache)
                reads += 1
            assert clock.now() < 1
            assert cache.failures == 1001
        assert wait_until(lambda: read(cache) and cache.hits, 2)


def test_a_hiccup_of_redis_does_not_switch_the_cache_off():
    """Sixteen readers of one hot key, and a stall that is a little longer than the client's time-out."""
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        caches = [CacheAside(handle.connect_cache()) for _ in range(4)]
        loads, ends = [], time.monotonic() + 1.2

        def load():
            loads.append(1)
            time.sleep(0.001)
            return "answer"

        def keep_reading(number):
            while time.monotonic() < ends:
                assert caches[number % 4].get_or_load("fruit", load, 60) == "answer"
                time.sleep(0.001)

        read(caches[0])
        with ThreadPoolExecutor(16) as threads:
            readers = [threads.submit(keep_reading, number) for number in range(16)]
            time.sleep(0.2)
            with paused(server):
                time.sleep(0.3)
            for reader in readers:
                reader.result(20)
        assert len(loads) <= 32


def test_while_redis_is_down_the_source_is_still_asked_once_by_all():
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        cache, loads, meeting = CacheAside(handle.connect_cache()), [], threading.Barrier(8)
        server.kill()

        def load():
            loads.append(1)
            time.sleep(0.3)
            return "answer"

        def read(_):
            meeting.wait()
            return cache.get_or_load("fruit", load, 60)

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(read, range(8))) == ["answer"] * 8
        assert len(loads) == cache.failures == 1
        assert cache.waits == 7


def test_the_counts_add_up_while_redis_comes_and_goes():
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        cache, calls = CacheAside(handle.connect_cache()), []
        end = time.monotonic() + 2

        def read(number):
            while time.monotonic() < end:
                assert cache.get_or_load(f"fruit:{len(calls) % 50}", lambda: number, 0.05) in range(8)
                calls.append(1)
                time.sleep(0.001)

        with ThreadPoolExecutor(8) as threads:
            readers = [threads.submit(read, number) for number in range(8)]
            for _ in range(3):
                time.sleep(0.3)
                server.kill()
                time.sleep(0.2)
                server.start()
            for reader in readers:
                reader.result(20)
    assert cache.hits + cache.misses + cache.waits + cache.failures == len(calls)
    assert min(cache.hits, cache.misses, cache.failures) > 0


# One connection breaks, and Redis is well


@pytest.fixture
def proxied(server, redis_conn):
    """A `FaultProxy`, and a cache behind it; `redis_conn` goes another way."""
    with FaultProxy(server.port) as proxy:
        options = options_of(server, port=proxy.port).arguments()
        with cache_client(**options, decode_responses=True) as client:
            cache = CacheAside(client)
            read(cache, "known")  # from here on, the server knows the scripts
            yield proxy, cache


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_reply_to_the_lease_leaves_none_that_others_would_wait_for(proxied, redis_conn, monkeypatch, lost):
    proxy, cache = proxied
    acquire = Lease.acquire

    def with_lost_replies(lease):
        monkeypatch.setattr(Lease, "acquire", acquire)
        proxy.drop_replies = lost
        return acquire(lease)

    monkeypatch.setattr(Lease, "acquire", with_lost_replies)
    assert read(cache) == "answer"
    if lost == 1:  # the second question was answered: the lease is ours
        assert redis_conn.get("fruit") == '"answer"'
        assert cache.failures == 0
    else:
        assert cache.failures == 1
        assert wait_until(lambda: not redis_conn.exists("fruit"), 4)  # before it ends by itself
    assert not cache._breaker.is_open


def test_a_reader_who_waits_for_a_load_bears_a_connection_that_is_cut(proxied, redis_conn, monkeypatch):
    proxy, cache = proxied
    may_end, polls, acquire = threading.Event(), [], Lease.acquire

    def counted(lease):
        if lease._redis is cache._redis:
            polls.append(1)
        return acquire(lease)

    def load():
        may_end.wait(20)
        return "loaded once"

    monkeypatch.setattr(Lease, "acquire", counted)
    with ThreadPoolExecutor(2) as threads:
        loading = threads.submit(CacheAside(redis_conn).get_or_load, "fruit", load, 60)
        assert wait_until(lambda: redis_conn.exists("fruit"))
        waiting = threads.submit(cache.get_or_load, "fruit", lambda: "loaded twice", 60)
        assert wait_until(lambda: polls)
        time.sleep(circuit_breaker.SILENCE)  # so long, a wait is no silence of Redis
        for _ in range(2):
            proxy.cut()
            before = len(polls)
            assert wait_until(lambda before=before: len(polls) > before + 2)
        may_end.set()
        assert [loading.result(20), waiting.result(20)] == ["loaded once"] * 2
    assert (cache.waits, cache.failures) == (1, 0)
    assert not cache._breaker.is_open


@pytest.mark.parametrize("junk", ["hello", b"\xff\xfe"])
def test_an_entry_that_is_none_is_not_taken_from_who_loads_it_anew(redis_conn, monkeypatch, junk):
    """Both have read it. The first one has the lease, or has stored, when the second one wants to delete it."""
    redis_conn.set("fruit", junk)
    first, second, loads = CacheAside(redis_conn), CacheAside(redis_conn), []

    def load():
        loads.append(1)
        return "answer"

    def after_the_first(*words):
        monkeypatch.undo()
        first.get_or_load("fruit", load, 60)
        return forget(*words)

    monkeypatch.setattr(cache_aside, "forget", after_the_first)
    assert second.get_or_load("fruit", load, 60) == "answer"
    assert len(loads) == 1
    assert (first.misses, second.waits) == (1, 1)


# Servers that are not gone


@pytest.fixture
def warnings(caplog):
    """What was logged as a warning so far, as one text."""
    caplog.set_level(logging.WARNING)
    return lambda: "\n".join(record.getMessage() for record in caplog.records)


def reads_quickly(cache, times=20):
    """Reads other keys each time. Nobody waits for anything, and the source answers."""
    clock = FairClock()
    assert [cache.get_or_load(f"fruit:{n}", lambda n=n: n, 60) for n in range(times)] == list(range(times))
    assert clock.now() < 2


@pytest.fixture(params=["+@all -@scripting", "+@all -eval -evalsha", "+@read +@write +@connection -@dangerous"])
def few_rights(request, server, redis_conn):
    redis_conn.execute_command("ACL", "SETUSER", "few", "on", ">pw", "~*", *request.param.split())
    yield options_of(server, username="few", password="pw")
    redis_conn.acl_deluser("few")


def test_a_user_that_may_not_run_scripts_is_answered_by_the_source(few_rights, redis_conn, warnings):
    redis_conn.set("there", '"already"')
    with cache_client(**few_rights.arguments(), decode_responses=True) as client:
        cache = CacheAside(client)
        reads_quickly(cache)
        assert (cache.hits, cache.misses, cache.failures) == (0, 0, 20)
        for _ in range(3):
            assert read(cache, "there") == "already"  # what is there is still read
        assert cache.hits == 3
        assert redis_conn.dbsize() == 1
    assert "does not let this user do that" in warnings()
    assert len(warnings().splitlines()) == 1


def test_the_rights_that_the_docstring_names_are_enough(any_server, any_conn):
    any_conn.execute_command("ACL", "SETUSER", "few", "on", ">pw", "~shop:*", *LEAST_RIGHTS)
    named = CacheAside.__doc__.split("Rights: ")[1].split(".")[0]
    assert {f"+{name.strip().lower()}" for name in named.split(",")} == set(LEAST_RIGHTS)
    options = options_of(any_server, username="few", password="pw")
    with cache_client(**options.arguments(), decode_responses=True) as client:
        for early in (0, 1):
            cache = CacheAside(client, early=early)
            cache.invalidate("shop:fruit")
            assert [cache.get_or_load("shop:fruit", lambda: 312, 60) for _ in range(2)] == [312, 312]
            assert (cache.misses, cache.hits, cache.failures) == (1, 1, 0)
            assert cache.get_or_load("other:fruit", lambda: 312, 60) == 312  # outside of what the user may see
            assert read(cache, "shop:fruit") == 312
            assert (cache.hits, cache.failures) == (2, 1)
    any_conn.acl_deluser("few")


def test_a_full_server_and_a_replica_are_read_and_the_source_answers(warnings):
    with EmbeddedRedis(maxmemory_policy="noeviction") as server, RedisConnectionHandle(options_of(server)) as handle:
        cache, admin = CacheAside(handle.connect_cache()), handle.connect()
        read(cache, "there")
        admin.config_set("maxmemory", 1)
        reads_quickly(cache)
        assert read(cache, "there") == "answer"
        assert (cache.hits, cache.misses, cache.failures) == (1, 1, 20)
        assert admin.dbsize() == 1
        admin.config_set("maxmemory", 0)
        admin.replicaof("127.0.0.1", free_port())
        reads_quickly(cache)
        assert read(cache, "there") == "answer"
        assert (cache.hits, cache.misses, cache.failures) == (2, 1, 40)
        admin.replicaof("NO", "ONE")
        read(cache, "new")
        assert cache.misses == 2  # and when it takes writes again, it is used at once
    assert "it is full" in warnings() and "it is a replica" in warnings()


def test_a_wrong_password_is_told_and_not_shown(server, warnings):
    options = options_of(server, password="wrong-and-secret")
    with cache_client(**options.arguments(), decode_responses=True) as client:
        cache = CacheAside(client)
        reads_quickly(cache)
        assert cache.failures == 20
    assert "refused the user or the password" in warnings()
    assert "wrong-and-secret" not in warnings()
    assert len(warnings().splitlines()) == 1


def test_a_server_with_room_for_no_more_clients_and_a_pool_that_is_used_up_are_not_gone(warnings):
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        admin = handle.connect()
        admin.config_set("maxclients", 1)
        with cache_client(**options_of(server).arguments(), max_connections=1, decode_responses=True) as client:
            cache = CacheAside(client)
            reads_quickly(cache)
            assert cache.failures == 20
            assert not cache._breaker.is_open
            admin.config_set("maxclients", 100)
            read(cache)
            assert (cache.misses, cache.failures) == (1, 20)  # found at once
            held = client.connection_pool.get_connection()
            reads_quickly(cache)
            assert cache.failures == 40
            assert not cache._breaker.is_open
            client.connection_pool.release(held)
            assert read(cache) == "answer"
            assert (cache.hits, cache.failures) == (1, 40)
    assert "raise max_connections" in warnings()


# Connections


def open_connections(cache, number):
    """So many threads read at the same moment, until the client holds so many connections."""
    pool = cache._redis.connection_pool
    held = [pool.get_connection() for _ in range(number)]
    for connection in held:
        connection.connect()
        pool.release(connection)


@pytest.mark.parametrize("number", [20, 50])
def test_connections_that_the_network_has_forgotten_cost_one_time_out_together(number):
    with EmbeddedRedis() as server, ForgetfulNetwork(server.port) as network:
        options = options_of(server, port=network.port)
        with cache_client(**options.arguments(), decode_responses=True) as client:
            cache = CacheAside(client)
            read(cache)
            open_connections(cache, number)
            for lost in range(1, 4):
                network.forget()
                clock = FairClock()
                assert read(cache) == "answer"
                assert clock.now() < 0.8
                assert wait_until(lambda: read(cache) and not cache._breaker.is_failing, 2)
                assert cache.failures <= 2 * lost


@pytest.mark.parametrize("made_by", ["connect", "connect_cache"])
def test_after_a_restart_the_first_read_hits_although_all_connections_are_dead(made_by, tmp_path):
    with (
        EmbeddedRedis(dir=tmp_path, appendonly="yes", appendfsync="always") as server,
        RedisConnectionHandle(options_of(server)) as handle,
    ):
        cache = CacheAside(getattr(handle, made_by)())
        read(cache)
        open_connections(cache, 20)
        server.kill()
        server.start()
        for _ in range(20):
            assert read(cache) == "answer"
        cache.invalidate("fruit")
        assert (cache.hits, cache.misses, cache.failures) == (20, 1, 0)


def test_no_number_of_failures_switches_the_cache_off_for_good(monkeypatch):
    monkeypatch.setattr(circuit_breaker, "SILENCE", 1e9)  # each read asks Redis
    with EmbeddedRedis() as server:
        client = cache_client(**options_of(server).arguments(), max_connections=20, decode_responses=True)
        cache = CacheAside(client)
        read(cache)
        server.kill()
        for _ in range(50):
            assert read(cache) == "answer"
        server.start()
        read(cache)
        assert read(cache) == "answer"
        assert (cache.hits, cache.misses, cache.failures) == (1, 2, 50)
        client.close()


# What is logged


def test_each_decision_is_one_line_and_keys_stand_in_debug_lines_only(redis_conn, caplog):
    caplog.set_level(logging.DEBUG, logger="redis_helpers")
    cache = CacheAside(redis_conn)
    read(cache, "private:paolo")
    read(cache, "private:paolo")
    cache.invalidate("private:paolo")
    redis_conn.rpush("private:list", "not ours")
    read(cache, "private:list")
    redis_conn.set("private:junk", "junk")
    read(cache, "private:junk")
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(" for ")[0] for line in lines[:3]] == [
        "loading 'private:paolo'",
        "stored 'private:paolo'",
        "invalidated 'private:paolo'",
    ]
    loud = [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG]
    assert len(loud) == 2
    assert not any("private" in line for line in loud)


def test_warnings_of_one_kind_come_seldom(redis_conn, caplog, monkeypatch):
    redis_conn.rpush("list", "not ours")
    cache = CacheAside(redis_conn)
    for _ in range(100):
        read(cache, "list")
    assert len(caplog.records) == 1
    monkeypatch.setattr(cache_aside, "LOG_EVERY", 0)
    read(cache, "list")
    assert len(caplog.records) == 2
