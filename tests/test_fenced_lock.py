"""`FencedLock`, with real processes, kills, pauses and lost replies. On every server of REDIS_TEST_BINARIES."""

import contextlib
import logging
import math
import os
import sqlite3
import threading
import time

import pytest
import redis
import redis.asyncio

from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.breaking.processes import Processes
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.errors import CourseError
from redis_helpers.fenced_lock import FencedLock, LockNotAcquired
from tests.support.forks import in_forked_child
from tests.support.servers import free_port, options_of, paused, wait_until
from tests.support.users import client_of

LOCK_KEY = "locks:{last-crate}:holder"
FENCE_KEY = "locks:{last-crate}:fence"


def lock_of(conn, **settings):
    return FencedLock(conn, "last-crate", **{"ttl": 20, "patience": 5, **settings})


# One holder


def test_one_holds_it_and_the_numbers_grow(any_conn):
    ours, theirs = lock_of(any_conn), lock_of(any_conn)
    numbers = []
    for _ in range(5):
        numbers.append(ours.acquire())
        assert theirs.acquire() is None
        assert ours.release() is True
        numbers.append(theirs.acquire())
        assert ours.acquire() is None
        assert theirs.release() is True
    assert numbers == list(range(1, 11))


def test_nobody_releases_or_renews_the_lock_of_another(any_conn):
    ours, theirs = lock_of(any_conn), lock_of(any_conn)
    ours.acquire()
    assert theirs.acquire() is None
    assert theirs.release() is False
    assert theirs.renew() is False
    assert theirs.acquire() is None
    assert ours.renew() is True
    assert ours.release() is True
    assert ours.release() is False
    assert ours.renew() is False


def test_a_lock_that_ended_is_not_renewed_and_its_next_holder_keeps_it(any_conn):
    ours, theirs = lock_of(any_conn, ttl=0.02), lock_of(any_conn)
    assert ours.acquire() == 1
    assert theirs.acquire(wait=20) == 2
    assert ours.renew() is False
    assert ours.seconds_left() == 0
    assert ours.release() is False
    assert any_conn.exists(LOCK_KEY)
    assert theirs.renew() is True


def test_a_renewal_lets_it_last_its_time_again_and_in_all_not_longer_than_the_longest(any_conn):
    lock, other = lock_of(any_conn, ttl=0.1, longest=0.4), lock_of(any_conn)
    began = time.monotonic()
    lock.acquire()
    renewals = 0
    while lock.renew():
        assert any_conn.pttl(LOCK_KEY) <= 100
        renewals += 1
        time.sleep(0.005)
        if time.monotonic() - began > 20:
            break
    assert renewals > 0
    assert other.acquire(wait=20) is not None
    assert time.monotonic() - began < 20
    assert lock.renew() is False


def test_what_is_left_of_it_is_never_more_than_redis_keeps(any_conn):
    lock = lock_of(any_conn, ttl=10)
    lock.acquire()
    for _ in range(20):
        kept = any_conn.pttl(LOCK_KEY) / 1000 + 0.001  # PTTL leaves the fraction of a millisecond out
        assert lock.seconds_left() <= kept
        lock.renew()


def test_an_object_that_holds_it_does_not_wait_for_itself(any_conn):
    lock = lock_of(any_conn)
    with lock.held(), pytest.raises(CourseError, match="held already"):
        lock.acquire(wait=20)
    assert lock.acquire() == 2


# Waiting


def test_it_waits_as_long_as_it_is_told(any_conn):
    lock_of(any_conn).acquire()
    for wait in (0, 0.03, 0.15):
        began = time.monotonic()
        assert lock_of(any_conn).acquire(wait=wait) is None
        took = time.monotonic() - began
        assert wait <= took < wait + 5


def test_a_lock_that_is_released_within_the_wait_is_acquired(any_conn):
    """However late: there is a look at the very end of the wait."""
    for turn in range(1, 16):
        lock_of(any_conn, ttl=turn / 1000).acquire()  # ends after so many milliseconds
        other = lock_of(any_conn)
        assert other.acquire(wait=0.04) is not None or turn / 1000 > 0.03
        other.release()


def test_threads_that_wait_take_turns_and_all_get_it(server, redis_conn):
    numbers = []
    inside = []

    def work():
        with lock_of(redis_conn).held(wait=60) as fence:
            inside.append(fence)
            assert inside == [fence]
            numbers.append(fence)
            inside.remove(fence)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers == list(range(1, 13))


def test_while_redis_is_gone_it_asks_now_and_then_and_says_so_in_the_end(caplog):
    lock = lock_of(redis.Redis(port=free_port()))
    caplog.set_level(logging.WARNING, "redis_helpers.fenced_lock")
    began = time.monotonic()
    with pytest.raises(redis.ConnectionError):
        lock.acquire(wait=0.2)
    assert time.monotonic() - began >= 0.2
    assert 1 <= len(caplog.records) <= 11  # a pause is at least 20 ms
    with pytest.raises(redis.ConnectionError):
        lock.release()


def test_while_redis_hangs_nobody_waits_for_longer_than_was_said():
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        lock = lock_of(client, patience=0.05)
        with paused(server):
            began = time.monotonic()
            with pytest.raises(redis.TimeoutError):
                lock.acquire(wait=0.1)
            assert time.monotonic() - began < 3, "the given client would wait for 5 seconds, several times"
        assert wait_until(lambda: lock.acquire(wait=0.1) is not None)


# `with`


def test_with_gives_the_number_and_releases_whatever_happens(any_conn):
    lock = lock_of(any_conn)
    with lock.held() as fence:
        assert fence == 1
        assert any_conn.exists(LOCK_KEY)
    assert not any_conn.exists(LOCK_KEY)
    with pytest.raises(ZeroDivisionError), lock.held():
        raise ZeroDivisionError
    assert not any_conn.exists(LOCK_KEY)


def test_with_does_not_enter_without_the_lock(any_conn):
    lock_of(any_conn).acquire()
    entered = []
    with (
        pytest.raises(LockNotAcquired, match="last-crate was held by somebody else"),
        lock_of(any_conn).held(wait=0.01),
    ):
        entered.append(True)
    assert entered == []


def test_what_goes_wrong_at_the_release_does_not_hide_that_the_work_is_done(caplog):
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client, lock_of(client).held():
        server.kill()
    assert "not released" in caplog.text


# Lost replies


@pytest.fixture
def through_proxy(server, redis_conn):
    with FaultProxy(server.port) as proxy, redis.Redis(**options_of(server, port=proxy.port).arguments()) as client:
        yield proxy, client


def test_a_lost_reply_does_not_lock_its_owner_out(through_proxy, redis_conn):
    proxy, client = through_proxy
    lock = lock_of(client)
    for _ in range(5):
        with lock.held() as before:  # now it is connected
            pass
        proxy.drop_replies = 1
        assert lock.acquire() == before + 1
        assert redis_conn.get(FENCE_KEY) == str(before + 1)
        assert lock.release() is True


def test_when_both_replies_are_lost_the_next_acquire_gets_the_same_number(through_proxy, redis_conn):
    proxy, client = through_proxy
    lock = lock_of(client, ttl=3600)
    with lock.held() as first:
        assert first == 1
    proxy.drop_replies = 2  # the second is the first reply on a new connection
    with pytest.raises(redis.ConnectionError):
        lock.acquire()
    assert redis_conn.get(FENCE_KEY) == "2"
    assert lock.acquire() == 2
    assert lock.release() is True


def test_a_lost_reply_at_the_release_is_not_mistaken_for_a_lost_lock(through_proxy, redis_conn):
    proxy, client = through_proxy
    lock = lock_of(client)
    with lock.held():  # now Redis knows the scripts
        pass
    lock.acquire()
    proxy.drop_replies = 1
    assert lock.release() is True
    assert not redis_conn.exists(LOCK_KEY)


def test_a_release_that_failed_can_be_repeated(tmp_path):
    server = EmbeddedRedis(dir=tmp_path, appendonly="yes", appendfsync="always")
    with server, redis.Redis.from_url(server.url) as client:
        lock = lock_of(client)
        assert lock.acquire() == 1
        server.kill()
        with pytest.raises(redis.ConnectionError):
            lock.release()
        server.start()
        assert lock.release() is True
        assert lock.acquire() == 2  # the numbers were saved


def test_a_lock_whose_last_number_was_deleted_is_still_acquired(any_conn):
    lock = lock_of(any_conn)
    lock.acquire()
    token = any_conn.get(LOCK_KEY)
    any_conn.delete(FENCE_KEY)
    lock._token, lock._answered, lock._ends_at = token, False, 0.0  # as after a reply that was lost
    assert lock.acquire() == 1


# Processes


def acquire_often(redis_conn, rounds):
    """One of several processes: takes the lock again and again, and looks whether anybody else is inside."""
    numbers = []
    lock = FencedLock(redis_conn, "last-crate", ttl=30, patience=20)
    for _ in range(rounds):
        with lock.held(wait=60) as fence:
            assert redis_conn.incr("inside") == 1
            numbers.append(fence)
            redis_conn.rpush("order", fence)
            assert redis_conn.decr("inside") == 0
    return numbers


def test_over_hundreds_of_acquisitions_by_processes_one_holds_it_and_the_numbers_grow(server, redis_conn):
    with Processes(server.url) as processes:
        started = [processes.start(acquire_often, 80) for _ in range(4)]
        results = [process.result() for process in started]
    assert all(numbers == sorted(numbers) for numbers in results)
    assert redis_conn.lrange("order", 0, -1) == [str(number) for number in range(1, 321)]


def hold_until_killed(redis_conn, ttl):
    FencedLock(redis_conn, "last-crate", ttl=ttl, patience=20).acquire()
    print("held", flush=True)
    time.sleep(60)


def test_the_lock_of_a_killed_holder_ends_after_its_time(server, redis_conn):
    with Processes(server.url) as processes:
        holder = processes.start(hold_until_killed, 0.3)
        holder.wait_for("held")
        holder.kill()
        assert redis_conn.pttl(LOCK_KEY) <= 300
        assert lock_of(redis_conn).acquire(wait=20) == 2


def sell(path, fence):
    """Sells a crate, unless somebody with a higher number has been here. Returns whether it was sold."""
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as database, database:
        statement = "UPDATE stock SET crates = crates - 1, fence = ? WHERE crates > 0 AND fence <= ?"
        return database.execute(statement, [fence, fence]).rowcount == 1


def sell_after_a_pause(redis_conn, path):
    with FencedLock(redis_conn, "last-crate", ttl=0.05, patience=20).held(wait=20) as fence:
        print("held", flush=True)
        redis_conn.blpop("go on", 60)
        return fence, sell(path, fence)


def test_a_paused_holder_comes_late_and_the_resource_refuses_it(server, redis_conn, tmp_path):
    path = tmp_path / "stock.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE stock (crates INTEGER, fence INTEGER)")
        database.execute("INSERT INTO stock VALUES (5, 0)")
    with Processes(server.url) as processes:
        late = processes.start(sell_after_a_pause, str(path))
        late.wait_for("held")
        late.pause()
        redis_conn.rpush("go on", 1)
        with lock_of(redis_conn).held(wait=20) as fence:
            assert sell(path, fence)
        late.resume()
        late_fence, sold = late.result()
    assert (late_fence, fence) == (1, 2)
    assert sold is False
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT crates, fence FROM stock").fetchone() == (4, 2)


# Forks

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
def test_a_forked_child_does_not_hold_what_its_parent_holds(redis_conn):
    """Whether it ends the `with` block, asks for the lock, renews it or releases it."""
    lock = lock_of(redis_conn)

    def in_the_child():
        left = lock.seconds_left()
        return left, lock.renew(), lock.release(), lock.acquire()

    with contextlib.ExitStack() as block:
        fence = block.enter_context(lock.held())
        token = redis_conn.get(LOCK_KEY)
        assert in_forked_child(in_the_child) == (0, False, False, None)
        in_forked_child(block.close)
        assert redis_conn.get(LOCK_KEY) == token
        assert lock.renew() is True
    assert not redis_conn.exists(LOCK_KEY)
    assert in_forked_child(lock.acquire) == fence + 1  # a child can hold it by itself


@needs_fork
def test_after_a_lost_reply_and_a_fork_one_of_the_two_holds_it(through_proxy, redis_conn):
    proxy, client = through_proxy
    lock = lock_of(client, ttl=3600)
    with lock.held():
        pass
    proxy.drop_replies = 2
    with pytest.raises(redis.ConnectionError):
        lock.acquire()
    assert in_forked_child(lock.acquire) is None
    assert lock.acquire() == 2
    assert in_forked_child(lock.acquire) is None
    assert lock.release() is True


# Who asks


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("legacy", [True, False])
def test_it_works_with_every_kind_of_client(server, redis_conn, decode, protocol, legacy):
    settings = {"decode_responses": decode, "protocol": protocol}
    if int(redis.__version__.split(".")[0]) >= 8:
        settings["legacy_responses"] = legacy
    with redis.Redis.from_url(server.url, **settings) as client:
        every_method(client)


def every_method(client):
    lock, other = lock_of(client), lock_of(client)
    first = lock.acquire(wait=1)
    assert lock.renew() is True
    assert other.acquire() is None
    assert lock.seconds_left() > 0
    assert lock.release() is True
    with other.held() as second:
        assert second == first + 1


def test_the_rights_that_it_names_are_enough(any_server, any_conn):
    rights = "+evalsha +eval +get +set +del +incr +pexpire +pttl".split()
    with client_of(any_server, "~locks:*", *rights) as client:
        every_method(client)


def test_it_works_on_a_cluster():
    with EmbeddedCluster(replicas=0) as cluster, cluster.connect() as client:
        every_method(client)
        numbers = []
        for number in range(12):
            lock = FencedLock(client, f"lock {number}", patience=5)
            numbers.append(lock.acquire())
            assert lock.release()
        assert numbers == [1] * 12


def test_work_that_is_done_stands_when_the_whole_cluster_has_gone(caplog):
    """redis-py's error for that is no RedisError."""
    with EmbeddedCluster(replicas=0) as cluster, cluster.connect() as client:
        with FencedLock(client, "crate").held() as fence:
            for node in cluster.nodes:
                node.kill()
        assert fence == 1
    assert "not released (RedisClusterException), it ends by itself" in caplog.text


# What cannot be


def test_a_mistake_of_the_caller_is_one_sentence_before_anything_is_sent():
    nobody = redis.Redis(port=1)
    for wrong in ("", None, 5, b"crate", "{crate}", "cr}ate", "\ud800"):
        with pytest.raises(CourseError, match="name of a lock"):
            FencedLock(nobody, wrong)
        with pytest.raises(CourseError, match="prefix of a lock"):
            FencedLock(nobody, "crate", prefix=wrong)
    for wrong in (0, -1, math.nan, math.inf, True, "1"):
        with pytest.raises(CourseError, match="time to live"):
            FencedLock(nobody, "crate", ttl=wrong)
        with pytest.raises(CourseError, match="longest time"):
            FencedLock(nobody, "crate", longest=wrong)
        with pytest.raises(CourseError, match="patience"):
            FencedLock(nobody, "crate", patience=wrong)
    with pytest.raises(CourseError, match="longest time"):
        FencedLock(nobody, "crate", ttl=10, longest=5)
    with pytest.raises(CourseError, match=r"time to live.* to 10\*\*8"):
        FencedLock(nobody, "crate", ttl=10**8 + 1)
    for longest_of_all in (10**8 / 6, 5e7, 10**8):
        FencedLock(nobody, "crate", ttl=longest_of_all)  # what is not given cannot be wrong
    for wrong in (-1, math.nan, math.inf, True, "1", None):
        with pytest.raises(CourseError, match="wait"):
            FencedLock(nobody, "crate").acquire(wrong)


def test_a_key_of_another_type_is_redis_pys_error_and_stays(any_conn):
    any_conn.rpush(LOCK_KEY, "something else")
    with pytest.raises(redis.ResponseError):
        lock_of(any_conn).acquire(wait=20)
    assert any_conn.lrange(LOCK_KEY, 0, -1) == ["something else"]


def test_a_client_of_asyncio_is_refused():
    for client in (redis.asyncio.Redis(), redis.asyncio.RedisCluster(host="127.0.0.1", port=1)):
        with pytest.raises(TypeError, match="FencedLock needs a client"):
            FencedLock(client, "crate")


@pytest.mark.parametrize("wrong", ["abc", "", "1.5", "0x10", str(2**63 - 1), ["a list"]], ids=str)
def test_a_last_number_that_cannot_be_counted_on_is_redis_pys_error_and_nobody_holds_the_lock(any_conn, wrong):
    if isinstance(wrong, list):
        any_conn.rpush(FENCE_KEY, *wrong)
    else:
        any_conn.set(FENCE_KEY, wrong)
    for _ in range(2):
        lock = lock_of(any_conn)
        for _ in range(2):
            with pytest.raises(redis.ResponseError):
                lock.acquire()
            assert not any_conn.exists(LOCK_KEY)
            assert lock.seconds_left() == 0
    any_conn.delete(FENCE_KEY)
    assert lock.acquire() == 1


@pytest.mark.parametrize("wrong", ["abc", "", "1.5", ["a list"]], ids=str)
def test_a_last_number_that_somebody_else_wrote_over_while_a_reply_was_lost_is_redis_pys_error(any_conn, wrong):
    lock = lock_of(any_conn)
    lock.acquire()
    lock._answered, lock._ends_at = False, 0.0  # as after a reply that was lost
    any_conn.delete(FENCE_KEY)
    if isinstance(wrong, list):
        any_conn.rpush(FENCE_KEY, *wrong)
    else:
        any_conn.set(FENCE_KEY, wrong)
    with pytest.raises(redis.ResponseError):
        lock.acquire()


@pytest.mark.parametrize("last", [2**53 - 2, 2**53, 10**18, 2**63 - 5, -3])
def test_the_numbers_grow_from_wherever_the_counter_was_set(any_conn, last):
    any_conn.set(FENCE_KEY, last)
    numbers = []
    for _ in range(3):
        lock = lock_of(any_conn)
        numbers.append(lock.acquire())
        lock._answered, lock._ends_at = False, 0.0  # as after a reply that was lost
        assert lock.acquire() == numbers[-1]
        assert lock.release()
    assert numbers == [last + 1, last + 2, last + 3]


def test_the_log_holds_no_token_and_no_name(any_conn, caplog):
    caplog.set_level(logging.DEBUG, "redis_helpers")
    lock = lock_of(any_conn)
    lock.acquire()
    token = any_conn.get(LOCK_KEY)
    lock.release()
    assert "acquired, fencing number 1" in caplog.text
    assert token not in caplog.text
    assert "last-crate" not in caplog.text
