"""Many readers of one key: one load, whatever happens to the loader, and nothing stale that stays."""

import contextlib
import ctypes
import math
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import cloudpickle
import pytest
import redis

from redis_helpers import cache_aside, cache_entry, lease, lease_keeper
from redis_helpers.cache_aside import CacheAside, LoadCycleError
from redis_helpers.cache_client import cache_client
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking.processes import Processes
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.course.exercises.runner import FairClock
from redis_helpers.lease import Lease
from tests.support.servers import options_of, paused, wait_until

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what a notebook defines: the child cannot import it

PROCESSES, THREADS = 4, 8


def hold_the_lock(seconds):
    """One long call into C, during which no other thread of this process runs."""
    ctypes.PyDLL(None).usleep(round(1e6 * seconds))


def fail_after(seconds):
    time.sleep(seconds)
    raise LookupError("no such fruit")


def wait_for_file(path, seconds):
    while not os.path.exists(path):
        time.sleep(0.01)
    time.sleep(seconds)


def tell_when_answered(acquire):
    """A process says when Redis has first told it who loads: itself, or another."""
    said = []

    def acquire_and_tell(lease):
        answer = acquire(lease)
        if not said:
            said.append(True)
            print("has asked", flush=True)
        return answer

    return acquire_and_tell


def read_at_once(redis_conn, wait, seconds):
    """Eight threads ask for one cold key when the gate opens. Each gives its answer and what it waited, in seconds."""
    lease.Lease.acquire = tell_when_answered(lease.Lease.acquire)
    cache = CacheAside(RedisConnectionHandle().connect_cache())
    loads = []

    def load():
        loads.append(1)
        print("loading", flush=True)
        wait(seconds)
        return {"price": 312}

    def read(_):
        begin = time.monotonic()
        try:
            answer = cache.get_or_load("fruit", load, 60)
        except LookupError as error:
            answer = str(error)
        return answer, time.monotonic() - begin

    print("ready", flush=True)
    while not redis_conn.exists("gate"):
        time.sleep(0.001)
    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(read, range(THREADS)))
    print("all read", flush=True)
    while redis_conn.exists("gate"):  # a process that ends can store nothing later
        time.sleep(0.001)
    return answers, len(loads), [cache.hits, cache.misses, cache.waits, cache.failures]


def stampede(server, redis_conn, wait, seconds, meanwhile=None):
    """Returns the answers with what each waited, the sums of the counters, and the number of loads."""
    with Processes(server.url) as processes:
        readers = [processes.start(read_at_once, wait, seconds) for _ in range(PROCESSES)]
        for reader in readers:
            reader.wait_for("ready", 60)
        redis_conn.set("gate", "open")
        if meanwhile:
            meanwhile(readers)
        for reader in readers:
            reader.wait_for("all read", 60)
        redis_conn.delete("gate")
        results = [reader.result(60) for reader in readers]
    answers = [answer for answers, _, _ in results for answer in answers]
    counts = [sum(column) for column in zip(*(counts for _, _, counts in results), strict=True)]
    assert len(answers) == sum(counts) == PROCESSES * THREADS
    return answers, counts, sum(loads for _, loads, _ in results)


@pytest.mark.parametrize(("wait", "seconds"), [(time.sleep, 0.1), (time.sleep, 2.5), (hold_the_lock, 3)])
def test_32_readers_of_a_cold_key_load_once(server, redis_conn, wait, seconds):
    answers, (hits, misses, waits, failures), loads = stampede(server, redis_conn, wait, seconds)
    assert loads == misses == 1
    assert hits + waits == 31
    assert failures == 0
    assert all(answer == {"price": 312} for answer, _ in answers)
    assert max(waited for _, waited in answers) < seconds + 5
    assert redis_conn.get("fruit") == '{"price": 312}'


def test_a_stall_of_redis_amid_a_load_neither_doubles_it_nor_loses_its_result(tmp_path):
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url, decode_responses=True) as own:
        for seconds in (1.5, 0.4):  # the load ends after the stall, and in it
            stalled = tmp_path / f"stalled_{seconds}"

            def stall(readers, stalled=stalled):
                for reader in readers:
                    reader.wait_for("has asked", 60)
                with paused(server):
                    stalled.touch()
                    time.sleep(0.8)
                assert wait_until(lambda: own.get("fruit") == '{"price": 312}', 10)

            own.flushdb()
            wait = partial(wait_for_file, str(stalled))
            answers, (_, misses, _, failures), loads = stampede(server, own, wait, seconds, stall)
            assert loads == misses == 1
            assert failures == 0
            assert all(answer == {"price": 312} for answer, _ in answers)


def test_a_load_that_fails_is_tried_at_most_once_a_process(server, redis_conn):
    answers, (_, misses, waits, _), loads = stampede(server, redis_conn, fail_after, 0.1)
    assert 1 <= loads == misses <= PROCESSES
    assert waits == 32 - misses
    assert {answer for answer, _ in answers} == {"no such fruit"}
    assert not redis_conn.exists("fruit")


def load_for_ever(redis_conn):
    def load():
        print("loading", flush=True)
        time.sleep(600)

    CacheAside(redis_conn).get_or_load("fruit", load, 60)


def test_a_loader_that_is_killed_is_replaced(server, redis_conn):
    """In real time: after five seconds."""
    cache = CacheAside(redis_conn)
    with Processes(server.url) as processes, ThreadPoolExecutor() as threads:
        loader = processes.start(load_for_ever)
        loader.wait_for("loading", 60)
        loader.kill()
        begin = time.monotonic()
        waiting = threads.submit(cache.get_or_load, "fruit", lambda: "answer", 60)
        assert waiting.result(30) == "answer"
        assert time.monotonic() - begin < lease.LEASE_SECONDS + 2
    assert cache.misses == 1
    assert redis_conn.get("fruit") == '"answer"'


def shorten_times(set_to):
    """What takes seconds takes tenths of them. `set_to` is `setattr`, or like it."""
    for module, name in (
        (lease, "LEASE_SECONDS"),
        (lease_keeper, "TICK"),
        (lease_keeper, "RENEW_AFTER"),
        (lease_keeper, "LOAD_LIMIT"),
        (cache_aside, "PATIENCE"),
        (cache_aside, "NESTED_PATIENCE"),
    ):
        set_to(module, name, getattr(module, name) / 10)


@pytest.fixture
def tenth_of_the_time(monkeypatch):
    shorten_times(monkeypatch.setattr)


def test_a_loader_that_is_alive_keeps_its_lease(redis_conn, tenth_of_the_time):
    loads = []

    def load():
        loads.append(1)
        time.sleep(0.8)
        return "answer"

    caches = [CacheAside(redis_conn) for _ in range(4)]  # as if in four processes: they share no flight
    with ThreadPoolExecutor() as threads:
        assert list(threads.map(lambda cache: cache.get_or_load("fruit", load, 60), caches)) == ["answer"] * 4
    assert len(loads) == 1


@pytest.mark.parametrize("same_process", [True, False])
def test_a_loader_that_hangs_stops_nobody_for_long(redis_conn, tenth_of_the_time, same_process):
    """Sixteen readers wait until it counts as hung; then one of them loads for all, and what it loads is stored."""
    hung, readers = CacheAside(redis_conn), [CacheAside(redis_conn) for _ in range(4)]
    if same_process:
        readers = [hung]
    begun, may_end, loads = threading.Event(), threading.Event(), []

    def load_and_hang():
        begun.set()
        assert may_end.wait(30)
        return "late"

    def load():
        loads.append(1)
        time.sleep(0.05)
        return "answer"

    with ThreadPoolExecutor(17) as threads:
        first = threads.submit(hung.get_or_load, "fruit", load_and_hang, 60)
        assert begun.wait(20)
        begin = time.monotonic()
        others = [threads.submit(readers[n % len(readers)].get_or_load, "fruit", load, 60) for n in range(16)]
        assert {other.result(20) for other in others} == {"answer"}
        assert time.monotonic() - begin < cache_aside.PATIENCE + 2
        assert len(loads) == 1
        assert redis_conn.get("fruit") == '"answer"'
        may_end.set()
        assert first.result(20) == "late"
    assert redis_conn.get("fruit") == '"answer"'  # the late one changes nothing


def test_a_load_that_is_slower_than_the_limit_is_stored_all_the_same(redis_conn, tenth_of_the_time):
    slow, quick = CacheAside(redis_conn), CacheAside(redis_conn)
    begun = threading.Event()

    def load():
        begun.set()
        time.sleep(1.6)
        return "answer"

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(slow.get_or_load, "fruit", load, 60)
        assert begun.wait(20)
        second = threads.submit(quick.get_or_load, "fruit", load, 60)
        assert first.result(20) == second.result(20) == "answer"
    assert redis_conn.get("fruit") == '"answer"'


def test_a_source_that_is_slower_than_all_patience_is_not_stampeded(redis_conn, tenth_of_the_time):
    """32 readers in what counts as four processes: each of these loads anew now and then, not each reader."""
    caches, loads = [CacheAside(redis_conn) for _ in range(4)], []

    def load():
        loads.append(1)
        time.sleep(2 * cache_aside.PATIENCE)
        return "answer"

    with ThreadPoolExecutor(32) as threads:
        readers = [threads.submit(caches[n % 4].get_or_load, "fruit", load, 60) for n in range(32)]
        assert {reader.result(60) for reader in readers} == {"answer"}
    assert len(loads) <= 4 * 3
    assert redis_conn.get("fruit") == '"answer"'


def test_whoever_has_waited_long_enough_loads_too_and_stores_it(redis_conn, monkeypatch):
    monkeypatch.setattr(cache_aside, "PATIENCE", 0.2)
    assert Lease(redis_conn, "fruit").acquire() == (True, None)  # of somebody who never ends
    cache = CacheAside(redis_conn)
    with ThreadPoolExecutor() as threads:
        answers = [threads.submit(cache.get_or_load, "fruit", lambda: "answer", 60) for _ in range(4)]
        assert {answer.result(5) for answer in answers} == {"answer"}
    assert redis_conn.get("fruit") == '"answer"'


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


def test_ten_misses_in_a_row_start_one_thread_at_most(redis_conn):
    cache, before = CacheAside(redis_conn), set(threading.enumerate())
    for number in range(10):
        cache.get_or_load(f"fruit:{number}", lambda: 1, 60)
    assert len(set(threading.enumerate()) - before) <= 1


def test_when_no_thread_is_to_be_had_the_source_answers_all_the_same(redis_conn, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(lease_keeper.keeper, "_thread", None)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    cache = CacheAside(redis_conn, early=1)
    assert [cache.get_or_load("fruit", lambda: "answer", 60) for _ in range(2)] == ["answer"] * 2
    assert (cache.misses, cache.hits) == (1, 1)


# Waiting for oneself


def test_a_load_that_asks_for_its_own_key_is_told_at_once(redis_conn):
    cache = CacheAside(redis_conn)

    def load():
        return cache.get_or_load("tree", load, 60)

    clock = FairClock()
    with pytest.raises(LoadCycleError, match="'tree'"):
        cache.get_or_load("tree", load, 60)
    assert clock.now() < 1
    assert cache.get_or_load("tree", lambda: "leaf", 60) == "leaf"


def test_so_is_one_that_asks_through_others(redis_conn):
    cache = CacheAside(redis_conn)

    def load(name, needs):
        return lambda: cache.get_or_load(needs, loads[needs], 60)

    loads = {"a": load("a", "b"), "b": load("b", "c"), "c": load("c", "a")}
    with pytest.raises(LoadCycleError):
        cache.get_or_load("a", loads["a"], 60)
    assert redis_conn.dbsize() == 0


def test_a_load_may_ask_for_other_keys_and_another_cache_for_the_same(redis_conn):
    near, far = CacheAside(redis_conn), CacheAside(redis_conn)
    assert near.get_or_load("near:x", lambda: far.get_or_load("x", lambda: 1, 60), 60) == 1

    def load_three():
        return [near.get_or_load(f"y:{number}", lambda number=number: number, 60) for number in range(3)]

    assert near.get_or_load("y", load_three, 60) == [0, 1, 2]


def test_while_redis_is_gone_it_is_told_too():
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        cache = CacheAside(handle.connect_cache())
        server.kill()

        def load():
            return cache.get_or_load("tree", load, 60)

        with pytest.raises(LoadCycleError):
            cache.get_or_load("tree", load, 60)


@pytest.mark.parametrize("same_cache", [True, False])
def test_two_loads_that_need_each_other_are_told_soon(redis_conn, tenth_of_the_time, same_cache):
    """Two threads, and two caches that know nothing of each other, as in two processes."""
    first = CacheAside(redis_conn)
    caches = {"a": first, "b": first if same_cache else CacheAside(redis_conn)}
    both_load = threading.Barrier(2)
    met = set()

    def load_for(cache, key, other):
        def load():
            if key not in met:
                met.add(key)
                both_load.wait(20)
            return cache.get_or_load(other, load_for(cache, other, key), 60)

        return load

    def ask(key, other):
        cache = caches[key]
        try:
            return cache.get_or_load(key, load_for(cache, key, other), 60)
        except LoadCycleError as error:
            return error

    begin = time.monotonic()
    with ThreadPoolExecutor(2) as threads:
        answers = [threads.submit(ask, "a", "b"), threads.submit(ask, "b", "a")]
        assert all(isinstance(answer.result(20), LoadCycleError) for answer in answers)
    assert time.monotonic() - begin < cache_aside.NESTED_PATIENCE + 2


# Fork


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("early", [0, 1])
def test_a_child_that_is_forked_during_a_load_waits_for_nobody_who_is_not_there(server, redis_conn, early):
    with cache_client(**options_of(server).arguments(), decode_responses=True) as client:
        cache = CacheAside(client, early=early)
        begun, may_end = threading.Event(), threading.Event()

        def load():
            begun.set()
            assert may_end.wait(30)
            return "of the parent"

        def child(answers):
            begin = time.monotonic()
            values = [cache.get_or_load("fruit", lambda: "of the child", 60)]  # in Redis the parent's lease stands
            for number in range(3):
                cache.invalidate("fruit")
                values.append(cache.get_or_load("fruit", lambda number=number: number, 60))
            answers.put((values, time.monotonic() - begin))

        context = multiprocessing.get_context("fork")
        answers = context.Queue()
        with ThreadPoolExecutor(1) as threads:
            loading = threads.submit(cache.get_or_load, "fruit", load, 60)
            assert begun.wait(20)
            process = context.Process(target=child, args=(answers,))
            process.start()
            may_end.set()
            values, took = answers.get(timeout=30)
            process.join(20)
            assert loading.result(20) == "of the parent"
        assert values == ["of the parent", 0, 1, 2]
        assert took < 3


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
    assert not redis_conn.exists("fruit")


def test_nor_does_an_early_reload_that_began_before_an_invalidation(redis_conn):
    source = {"price": "old"}
    cache, schedule = CacheAside(redis_conn, early=1), Schedule(source)
    redis_conn.set("fruit", due_entry("older"))
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(cache.get_or_load, "fruit", schedule.load, 300)
        assert schedule.has_read.wait(10)
        source["price"] = "new"
        cache.invalidate("fruit")
        schedule.may_end.set()
        assert slow.result(10) == "old"
    assert not redis_conn.exists("fruit")
    assert cache.refreshes == 0


def test_a_plain_del_by_another_program_counts_as_an_invalidation(redis_conn):
    cache, schedule = CacheAside(redis_conn), Schedule({"price": "old"})
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(cache.get_or_load, "fruit", schedule.load, 300)
        assert schedule.has_read.wait(10)
        redis_conn.delete("fruit")
        schedule.may_end.set()
        slow.result(10)
    assert not redis_conn.exists("fruit")


def test_a_load_that_began_before_the_delete_reached_redis_answers_nobody_after_it(redis_conn):
    """Between the first step of `invalidate()` and its DEL, a reader begins to load the old row."""
    source = {"price": "old"}
    readers = ThreadPoolExecutor()

    class Slow(redis.Redis):
        def delete(self, *names):
            slow.append(readers.submit(cache.get_or_load, "fruit", schedule.load, 300))
            assert schedule.has_read.wait(10)
            source["price"] = "new"
            return super().delete(*names)

    slow = []
    schedule = Schedule(source)
    with readers:
        cache = CacheAside(Slow(connection_pool=redis_conn.connection_pool))
        cache.invalidate("fruit")
        assert cache.get_or_load("fruit", lambda: source["price"], 300) == "new"
        schedule.may_end.set()
        assert slow[0].result(10) == "old"
    assert redis_conn.get("fruit") == '"new"'


def keep_reading(redis_conn, early):
    """Reads the price of the "database", which is a key of the same Redis, through a cache, for ever."""
    shorten_times(setattr)
    cache = CacheAside(RedisConnectionHandle().connect_cache(), early=early)

    def load():
        price = int(redis_conn.get("database"))
        time.sleep(random.uniform(0, 0.004))
        return price

    def read():
        while True:
            with contextlib.suppress(redis.RedisError):
                cache.get_or_load("fruit", load, 0.2)

    print("reading", flush=True)
    with ThreadPoolExecutor(4) as threads:
        [threads.submit(read) for _ in range(4)]


@pytest.mark.parametrize("early", [0, 2])
def test_no_old_price_stays_while_readers_are_stopped_and_killed_at_any_moment(
    server, redis_conn, tenth_of_the_time, early
):
    """A writer saves and invalidates; readers are paused amid their loads, continued later, killed and replaced.

    A lease that a killed reader leaves ends after half a second, and no other reader leaves one.
    """
    dice, writer = random.Random(early), CacheAside(redis_conn)
    redis_conn.set("database", 0)
    with Processes(server.url) as processes:
        readers = [processes.start(keep_reading, early) for _ in range(3)]
        for reader in readers:
            reader.wait_for("reading", 60)
        price = 0
        for look in range(12):
            for _ in range(20):
                price += 1
                redis_conn.set("database", price)
                writer.invalidate("fruit")
                victim = dice.choice(readers)
                os.kill(victim.pid, dice.choice([signal.SIGSTOP, signal.SIGCONT]))
                time.sleep(dice.uniform(0, 0.004))
            if look % 6 == 5:
                readers.pop(0).kill()
                readers.append(processes.start(keep_reading, early))
            for reader in readers:
                os.kill(reader.pid, signal.SIGCONT)
            time.sleep(0.02)  # whatever was paused amid its load tries to store now
            assert writer.get_or_load("fruit", lambda: int(redis_conn.get("database")), 0.2) == price


# TTLs and the early refresh


def test_entries_of_one_moment_end_at_different_times(redis_conn):
    cache = CacheAside(redis_conn)
    for number in range(100):
        cache.get_or_load(f"fruit:{number}", lambda: 1, 100)
    left = [redis_conn.pttl(f"fruit:{number}") / 1000 for number in range(100)]
    assert 89 < min(left) < 93
    assert 97 < max(left) <= 100


def test_under_steady_traffic_nobody_waits_for_a_reload(redis_conn):
    """On a busy machine the traffic may pause, or a load last, for so long that an entry ends: then once more.

    There, few readers come in the second of an entry. With early=3 some 50 of them are enough for a reload in time.
    """
    for _ in range(10):
        redis_conn.flushdb()
        cache, loads = CacheAside(redis_conn, early=3), []

        def load(loads=loads):
            begin = time.monotonic()
            time.sleep(0.1)
            loads.append(time.monotonic() - begin)
            return len(loads)

        first = cache.get_or_load("fruit", load, 1)
        answers, end, longest_pause, last = set(), time.monotonic() + 3, 0, time.monotonic()
        while time.monotonic() < end:
            answers.add(cache.get_or_load("fruit", load, 1))
            time.sleep(0.001)
            longest_pause, last = max(longest_pause, time.monotonic() - last), time.monotonic()
        steady = longest_pause < 0.1 and max(loads) < 0.15
        if steady or cache.misses == 1:
            break
    assert first == 1
    assert (cache.misses, cache.waits, cache.failures) == (1, 0, 0)
    assert 2 <= cache.refreshes <= len(loads)
    assert len(answers) >= 3


@pytest.mark.parametrize(("early", "share"), [(1, math.exp(-1)), (2, math.exp(-0.5)), (0, 0)])
def test_how_likely_an_early_reload_is(redis_conn, monkeypatch, early, share):
    """One load's time before the end it is exp(-1), or 37 %, with `early=1`."""
    cache, loads = CacheAside(redis_conn, early=early), []
    monkeypatch.setattr(cache_entry, "random", random.Random(7))
    now = time.time()
    monkeypatch.setattr(cache_entry.time, "time", lambda: now)
    entry = f'~{round(1000 * now) + 200} 200 00000000 "answer"'

    def load():
        loads.append(1)
        return "answer"

    for _ in range(1500):
        redis_conn.set("fruit", entry)
        assert cache.get_or_load("fruit", load, 60) == "answer"
    assert abs(len(loads) / 1500 - share) < 0.04
    assert cache.hits == 1500
    assert cache.refreshes == len(loads)


def due_entry(value):
    """An entry that should have ended long ago: whoever throws the dice reloads it."""
    return f'~1 1 00000000 "{value}"'


def test_an_early_reload_is_done_by_the_reader_who_drew_it_in_his_own_thread(redis_conn):
    """So a loader sees its own variables as they are now, and may use what belongs to its thread."""
    cache, threads = CacheAside(redis_conn, early=1), set()
    before = set(threading.enumerate())
    for number in range(300):
        redis_conn.set(f"fruit:{number}", due_entry("old"))

    def load():
        threads.add(threading.current_thread())
        return number

    for number in range(300):
        assert cache.get_or_load(f"fruit:{number}", load, 60) == number
    assert threads == {threading.current_thread()}
    assert set(threading.enumerate()) <= before
    assert (cache.hits, cache.refreshes) == (300, 300)
    stored = [redis_conn.get(f"fruit:{number}").rsplit(" ", 1)[1] for number in range(300)]
    assert stored == [str(number) for number in range(300)]


def test_while_one_reloads_early_the_others_of_its_process_get_the_old_value_at_once(redis_conn):
    cache, schedule = CacheAside(redis_conn, early=1), Schedule({"price": "new"})
    redis_conn.set("fruit", due_entry("old"))
    with ThreadPoolExecutor() as threads:
        reloading = threads.submit(cache.get_or_load, "fruit", schedule.load, 60)
        assert schedule.has_read.wait(10)
        assert [cache.get_or_load("fruit", lambda: pytest.fail("loaded"), 60) for _ in range(5)] == ["old"] * 5
        schedule.may_end.set()
        assert reloading.result(10) == "new"
    assert cache.get_or_load("fruit", lambda: pytest.fail("loaded"), 60) == "new"


def test_what_an_early_reload_raises_comes_to_the_reader_who_drew_it_and_the_old_value_stays(redis_conn):
    cache = CacheAside(redis_conn, early=1)
    redis_conn.set("fruit", due_entry("old"))
    with pytest.raises(ZeroDivisionError):
        cache.get_or_load("fruit", lambda: 1 / 0, 60)
    assert cache.refreshes == 0
    assert redis_conn.get("fruit") == due_entry("old")
    assert CacheAside(redis_conn).get_or_load("fruit", lambda: pytest.fail("loaded"), 60) == "old"


def test_an_entry_that_another_process_reloaded_is_not_overwritten(redis_conn):
    cache = CacheAside(redis_conn, early=1)
    redis_conn.set("fruit", due_entry("old"))

    def load():
        redis_conn.set("fruit", '~99999999999999 1 11111111 "of another"')
        return "mine"

    assert cache.get_or_load("fruit", load, 60) == "mine"
    assert cache.refreshes == 0
    assert cache.get_or_load("fruit", lambda: pytest.fail("loaded"), 60) == "of another"


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


# A cluster


def test_on_a_cluster_of_six_nodes_also_after_a_failover():
    """A client of text and one of bytes, with entries on all three primaries; then one of these is killed."""
    keys = [*(f"fruit:{number}" for number in range(30)), "{market}:fruit", "fruit:{7}:price", "d{", "é ü"]
    with EmbeddedCluster() as nodes:
        assert len({nodes.primary_of(key).port for key in keys}) == 3
        for decode in (False, True):
            with nodes.connect(decode_responses=decode) as client:
                cache = CacheAside(client, early=1)
                for key in keys:
                    assert [cache.get_or_load(key, lambda: [1, "uva"], 60) for _ in range(2)] == [[1, "uva"]] * 2
                    cache.invalidate(key)
                    assert cache.get_or_load(key, lambda: "new", 60) == "new"
                assert (cache.hits, cache.misses, cache.failures) == (len(keys), 2 * len(keys), 0)
                for key in keys:
                    cache.invalidate(key)

        with nodes.connect(decode_responses=True) as client:
            cache = CacheAside(client)
            for key in keys:
                cache.get_or_load(key, lambda: "before", 600)
            nodes.primary_of(keys[0]).kill()
            for key in keys:  # meanwhile everybody gets an answer
                assert cache.get_or_load(key, lambda: "source", 600) in ("before", "source")
            nodes.wait_until_healthy()

            def all_are_hits():
                hits = cache.hits
                for key in keys:
                    cache.get_or_load(key, lambda: "after", 600)
                return cache.hits == hits + len(keys)

            assert wait_until(all_are_hits, 20)  # the breaker has to look again first
            for node in nodes.nodes:
                node.kill()
            with pytest.raises(redis.RedisError):  # RedisClusterException is none
                cache.invalidate(keys[0])


def test_a_client_of_bytes(server, redis_conn):
    with cache_client(**options_of(server).arguments()) as client:
        for early in (0, 1):
            cache = CacheAside(client, early=early)
            assert [cache.get_or_load(f"fruit:{early}", lambda: ["é"], 60) for _ in range(2)] == [["é"]] * 2
            assert (cache.hits, cache.misses) == (1, 1)
