"""Many readers of one key: one load, whatever happens to the loader, and nothing stale that stays."""

import contextlib
import math
import os
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import cloudpickle
import pytest
import redis

from redis_helpers import cache_aside, lease
from redis_helpers.cache_aside import CacheAside
from redis_helpers.cache_client import CacheClient
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking.processes import Processes
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.lease import Lease, lease_of
from tests.support.servers import free_port, options_of, wait_until

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what a notebook defines: the child cannot import it

PROCESSES, THREADS = 4, 8


def read_at_once(redis_conn, seconds, fails):
    """Eight threads ask for one cold key when the gate opens. Each gives its answer and what it waited, in seconds."""
    cache = CacheAside(RedisConnectionHandle().connect())  # on a busy machine a reply may take 0.25 seconds

    def load():
        redis_conn.incr("loads")
        time.sleep(seconds)
        if fails:
            raise LookupError("no such fruit")
        return {"price": 312}

    def read(_):
        begin = time.monotonic()
        try:
            answer = cache.get_or_load("fruit", load, 60)
        except LookupError as error:
            answer = str(error)
        return answer, time.monotonic() - begin

    print("ready")
    while not redis_conn.exists("gate"):
        time.sleep(0.001)
    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(read, range(THREADS)))
    return answers, [cache.hits, cache.misses, cache.waits, cache.failures]


def stampede(server, redis_conn, seconds, fails=False):
    with Processes(server.url) as processes:
        readers = [processes.start(read_at_once, seconds, fails) for _ in range(PROCESSES)]
        for reader in readers:
            reader.wait_for("ready")
        redis_conn.set("gate", "open")
        results = [reader.result() for reader in readers]
    answers = [answer for answers, _ in results for answer in answers]
    counts = [sum(column) for column in zip(*(counts for _, counts in results), strict=True)]
    assert len(answers) == sum(counts) == PROCESSES * THREADS
    return answers, counts, int(redis_conn.get("loads"))


@pytest.mark.parametrize("seconds", [0.1, 2.5])
def test_32_readers_of_a_cold_key_load_once(server, redis_conn, seconds):
    """2.5 seconds are longer than a lease lasts without being renewed."""
    answers, (hits, misses, waits, failures), loads = stampede(server, redis_conn, seconds)
    assert loads == misses == 1
    assert hits + waits == 31
    assert failures == 0
    assert all(answer == {"price": 312} for answer, _ in answers)
    assert max(waited for _, waited in answers) < seconds + cache_aside.PATIENCE / 2
    assert not redis_conn.exists(lease_of("fruit"))


def test_a_load_that_fails_is_tried_at_most_once_a_process(server, redis_conn):
    answers, (_, misses, waits, _), loads = stampede(server, redis_conn, 0.1, fails=True)
    assert 1 <= loads == misses <= PROCESSES
    assert waits == 32 - misses
    assert {answer for answer, _ in answers} == {"no such fruit"}


def load_for_ever(redis_conn):
    def load():
        print("loading")
        time.sleep(600)

    CacheAside(redis_conn).get_or_load("fruit", load, 60)


def test_a_loader_that_is_killed_is_replaced(server, redis_conn):
    cache = CacheAside(redis_conn)
    with Processes(server.url) as processes, ThreadPoolExecutor() as threads:
        loader = processes.start(load_for_ever)
        loader.wait_for("loading")
        waiting = threads.submit(cache.get_or_load, "fruit", lambda: "answer", 60)
        loader.kill()
        begin = time.monotonic()
        assert waiting.result() == "answer"
        assert time.monotonic() - begin < cache_aside.PATIENCE / 2
    assert cache.misses == 1


def test_a_loader_that_is_alive_keeps_its_lease(redis_conn, monkeypatch):
    monkeypatch.setattr(lease, "SECONDS", 0.9)
    loads = []

    def load():
        loads.append(1)
        time.sleep(2.2)
        return "answer"

    caches = [CacheAside(redis_conn) for _ in range(4)]  # as if in four processes: they share no flight
    with ThreadPoolExecutor() as threads:
        assert list(threads.map(lambda cache: cache.get_or_load("fruit", load, 60), caches)) == ["answer"] * 4
    assert len(loads) == 1


def test_whoever_has_waited_long_enough_loads_too(redis_conn, monkeypatch):
    monkeypatch.setattr(cache_aside, "PATIENCE", 0.2)
    redis_conn.set(lease_of("fruit"), "of somebody who never ends")
    cache = CacheAside(redis_conn)
    with ThreadPoolExecutor() as threads:
        answers = [threads.submit(cache.get_or_load, "fruit", lambda: "answer", 60) for _ in range(4)]
        assert {answer.result(5) for answer in answers} == {"answer"}
    assert redis_conn.get(lease_of("fruit")) == "of somebody who never ends"
    assert not redis_conn.exists("fruit")


def test_a_reader_looks_again_after_it_got_the_lease(server, redis_conn):
    class Late(redis.Redis):
        """Between this client's GET and its next command, another process stores the value."""

        def get(self, name):
            value = super().get(name)
            redis_conn.set(name, '"of another"')
            return value

    cache = CacheAside(Late(**options_of(server).arguments(), decode_responses=True))
    assert cache.get_or_load("fruit", lambda: pytest.fail("loaded"), 60) == "of another"
    assert (cache.misses, cache.waits) == (0, 1)
    assert not redis_conn.exists(lease_of("fruit"))


def test_a_lease_is_given_back_by_its_holder_only(any_conn):
    ours, theirs = Lease(any_conn, "fruit"), Lease(any_conn, "fruit")
    assert ours.take() == (True, None)
    assert ours.take() == (True, None)  # a SET whose reply was lost, and is sent again
    assert theirs.take() == (False, None)
    theirs.give_back("stale", 1000)
    assert not any_conn.exists("fruit")
    assert any_conn.exists(lease_of("fruit"))
    assert 0 < any_conn.pttl(lease_of("fruit")) <= 1000 * lease.SECONDS
    ours.give_back("fresh", 1000)
    assert any_conn.get("fruit") == "fresh"
    assert theirs.take() == (True, "fresh")


# Nothing stale


class Schedule:
    """A load that reads the source, tells that it has, and goes on when it may."""

    def __init__(self, source):
        self.source = source
        self.has_read, self.may_end = threading.Event(), threading.Event()

    def load(self):
        value = self.source["price"]
        self.has_read.set()
        assert self.may_end.wait(10)
        return value


@pytest.mark.parametrize("same_process", [True, False])
def test_a_fill_begun_before_an_invalidation_never_lands_after_it(redis_conn, same_process):
    source = {"price": "old"}
    reader, schedule = CacheAside(redis_conn), Schedule(source)
    writer = reader if same_process else CacheAside(redis_conn)
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(reader.get_or_load, "fruit", schedule.load, 300)
        assert schedule.has_read.wait(10)
        source["price"] = "new"
        writer.invalidate("fruit")
        # Whoever asks the writer's process now gets the new price, although the old load is under way.
        assert writer.get_or_load("fruit", lambda: source["price"], 300) == "new"
        schedule.may_end.set()
        assert slow.result(10) == "old"  # it asked before the change
    assert redis_conn.get("fruit") == '"new"'
    assert reader.get_or_load("fruit", schedule.load, 300) == "new"


def test_a_fill_that_lost_its_lease_stores_nothing(redis_conn):
    source = {"price": "old"}
    cache, schedule = CacheAside(redis_conn), Schedule(source)
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(cache.get_or_load, "fruit", schedule.load, 300)
        assert schedule.has_read.wait(10)
        source["price"] = "new"
        cache.invalidate("fruit")
        schedule.may_end.set()
        slow.result(10)
    assert not redis_conn.exists("fruit", lease_of("fruit"))


# TTLs and the early refresh


def test_entries_of_one_moment_end_at_different_times(redis_conn):
    cache = CacheAside(redis_conn)
    begin = time.monotonic()
    for number in range(100):
        cache.get_or_load(f"fruit:{number}", lambda: 1, 100)
    took = time.monotonic() - begin
    left = [redis_conn.pttl(f"fruit:{number}") / 1000 for number in range(100)]
    assert 89 - took < min(left) < 93
    assert 97 - took < max(left) <= 100


def test_under_steady_traffic_nobody_waits_for_a_reload(redis_conn):
    cache, loads = CacheAside(redis_conn, early=1), []

    def load():
        time.sleep(0.3)  # so the refresh begins long before the end of the two seconds, also on a busy machine
        loads.append(1)
        return len(loads)

    answers = {cache.get_or_load("fruit", load, 2)}
    assert answers == {1}
    while not answers >= {1, 2, 3}:
        answers.add(cache.get_or_load("fruit", load, 2))
        time.sleep(0.001)
        assert (cache.misses, cache.waits, cache.failures) == (1, 0, 0)
    assert 2 <= cache.refreshes <= len(loads)
    assert wait_until(lambda: not redis_conn.exists(lease_of("fruit")))


@pytest.mark.parametrize(("early", "share"), [(1, math.exp(-1)), (2, math.exp(-0.5)), (0, 0)])
def test_how_likely_an_early_refresh_is(redis_conn, monkeypatch, early, share):
    """One load's time before the end it is exp(-1), or 37 %, with `early=1`."""
    cache, drawn = CacheAside(redis_conn, early=early), []
    monkeypatch.setattr(cache, "_refresh", lambda key, *_: (drawn.append(key), cache._refreshing.discard(key)))
    monkeypatch.setattr(cache_aside, "random", random.Random(7))
    now = time.time()
    monkeypatch.setattr(cache_aside.time, "time", lambda: now)
    redis_conn.set("fruit", f'~{round(1000 * now) + 200} 200 "answer"')
    for _ in range(1500):
        assert cache.get_or_load("fruit", lambda: 1, 60) == "answer"
        assert wait_until(lambda: not cache._refreshing)
    assert abs(len(drawn) / 1500 - share) < 0.04
    assert cache.hits == 1500


def test_an_early_refresh_that_fails_is_nobodys_error(redis_conn):
    cache = CacheAside(redis_conn, early=1)
    redis_conn.set("fruit", '~0 1 "old"')  # it should have ended long ago

    def load():
        raise LookupError("the source is down")

    assert cache.get_or_load("fruit", load, 60) == "old"
    assert wait_until(lambda: not cache._refreshing)
    assert cache.refreshes == 0
    assert not redis_conn.exists(lease_of("fruit"))


def test_an_entry_that_another_process_refreshed_is_not_refreshed_again(redis_conn):
    cache = CacheAside(redis_conn, early=1)
    redis_conn.set("fruit", '~99999999999999 1 "new"')
    cache._refresh("fruit", '~0 1 "old"', lambda: pytest.fail("loaded"), 60)
    assert cache.refreshes == 0
    assert not redis_conn.exists(lease_of("fruit"))


def test_entries_of_both_kinds_are_read_by_both_kinds_of_caches(redis_conn):
    plain, early = CacheAside(redis_conn), CacheAside(redis_conn, early=1)
    plain.get_or_load("plain", lambda: [1], 60)
    early.get_or_load("early", lambda: [2], 60)
    assert redis_conn.get("early").startswith("~")
    for cache in (plain, early):
        assert [cache.get_or_load(key, lambda: pytest.fail("loaded"), 60) for key in ("plain", "early")] == [[1], [2]]


def test_each_reader_gets_a_value_of_its_own(redis_conn):
    cache, schedule = CacheAside(redis_conn), Schedule({"price": {"banana": 312}})
    with ThreadPoolExecutor() as threads:
        readers = [threads.submit(cache.get_or_load, "fruit", schedule.load, 60) for _ in range(4)]
        assert schedule.has_read.wait(10)
        schedule.may_end.set()
        values = [reader.result(10) for reader in readers]
    values[0]["banana"] = 0
    assert values[1:] == [{"banana": 312}] * 3


# Redis fails


def test_a_hung_redis_is_asked_once_and_found_again_within_a_second():
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        cache = CacheAside(handle.connect_cache())
        cache.get_or_load("fruit", lambda: "answer", 60)
        with paused(server):
            begin = time.monotonic()
            cache.get_or_load("fruit", lambda: "answer", 60)
            assert 0.2 < time.monotonic() - begin < 20  # the client's timeout
            begin = time.monotonic()
            for _ in range(1000):
                cache.get_or_load("fruit", lambda: "answer", 60)
            assert time.monotonic() - begin < 125  # half of what 1,000 timeouts would take
            assert cache.failures == 1001
        assert wait_until(lambda: cache.get_or_load("fruit", lambda: "answer", 60) and cache.hits)


def test_while_redis_is_down_the_source_is_still_asked_once_by_all():
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        cache, loads, begun, meeting = CacheAside(handle.connect_cache()), [], [], threading.Barrier(8)
        server.kill()

        def load():
            loads.append(1)
            assert wait_until(lambda: len(begun) == 8)
            time.sleep(0.3)
            return "answer"

        def read(number):
            meeting.wait()
            begun.append(number)
            return cache.get_or_load("fruit", load, 60)

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(read, range(8))) == ["answer"] * 8
        assert len(loads) == cache.failures == 1
        assert cache.waits == 7


def test_the_counts_add_up_while_redis_comes_and_goes():
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        cache, calls, is_over = CacheAside(handle.connect_cache()), [], threading.Event()

        def read(number):
            while not is_over.is_set():
                assert cache.get_or_load(f"fruit:{len(calls) % 50}", lambda: number, 0.05) in range(8)
                calls.append(1)

        with ThreadPoolExecutor(8) as threads:
            readers = [threads.submit(read, number) for number in range(8)]
            for _ in range(3):
                time.sleep(0.3)
                server.kill()
                time.sleep(0.2)
                server.start()
            hits = cache.hits
            assert wait_until(lambda: cache.hits > hits)
            is_over.set()
            for reader in readers:
                reader.result()
    assert cache.hits + cache.misses + cache.waits + cache.failures == len(calls)
    assert min(cache.hits, cache.misses, cache.failures) > 0


@contextlib.contextmanager
def paused(server):
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


# A cluster


def test_on_a_redis_cluster():
    """A cluster of one node refuses commands whose keys lie in different slots, as one of many does."""
    port = next(port for port in iter(free_port, None) if port < 55_000)  # nodes talk to each other at port + 10,000
    with EmbeddedRedis(cluster_enabled="yes", port=port) as server:
        with redis.Redis.from_url(server.url) as node:
            node.execute_command("CLUSTER ADDSLOTS", *range(16384))
            assert wait_until(lambda: node.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        for decode in (False, True):
            cluster = redis.RedisCluster(
                host=server.host, port=server.port, password=server.password, decode_responses=decode
            )
            for key in ("fruit", "{market}:fruit", "fruit:{7}:price"):
                cache = CacheAside(cluster, early=1)
                assert [cache.get_or_load(key, lambda: [1, "uva"], 60) for _ in range(2)] == [[1, "uva"]] * 2
                cache.invalidate(key)
                assert cache.get_or_load(key, lambda: "new", 60) == "new"
                cache.invalidate(key)
                assert (cache.hits, cache.misses, cache.failures) == (1, 2, 0)
            cluster.close()


def test_a_client_of_bytes(server, redis_conn):
    with CacheClient(**options_of(server).arguments()) as client:
        for early in (0, 1):
            cache = CacheAside(client, early=early)
            assert [cache.get_or_load(f"fruit:{early}", lambda: ["é"], 60) for _ in range(2)] == [["é"]] * 2
            assert (cache.hits, cache.misses) == (1, 1)
