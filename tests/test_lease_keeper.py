"""`LeaseKeeper`: one thread renews all leases, and stores late what could not be stored at once."""

import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import redis

from redis_helpers import lease as lease_module
from redis_helpers import lease_keeper
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.lease import Lease
from redis_helpers.lease_keeper import LeaseKeeper
from tests.support.servers import wait_until


@pytest.fixture
def keeper(monkeypatch):
    """A keeper of the test's own, that is quick and ends soon."""
    monkeypatch.setattr(lease_keeper, "TICK", 0.02)
    monkeypatch.setattr(lease_keeper, "RENEW_AFTER", 0.1)
    monkeypatch.setattr(lease_keeper, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(lease_module, "LEASE_SECONDS", 1)
    keeper = LeaseKeeper()
    yield keeper
    keeper.reset_after_fork()


def acquired(conn, key="fruit"):
    lease = Lease(conn, key)
    assert lease.acquire() == (True, None)
    return lease


def renewals(conn):
    return conn.info("commandstats").get("cmdstat_pexpire", {"calls": 0})["calls"]


def test_what_is_quick_is_not_renewed_and_starts_one_thread_in_all(keeper, redis_conn):
    before = {thread.ident for thread in threading.enumerate()}
    redis_conn.config_resetstat()
    for number in range(50):
        lease = acquired(redis_conn, f"fruit:{number}")
        keeper.keep(lease)
        keeper.let_go(lease)
    started = [thread for thread in threading.enumerate() if thread.ident not in before]
    assert len(started) <= 1
    assert renewals(redis_conn) == 0
    assert wait_until(lambda: not any(thread.is_alive() for thread in started))


def test_many_leases_are_renewed_by_one_thread(keeper, redis_conn):
    before = set(threading.enumerate())
    leases = [acquired(redis_conn, f"fruit:{number}") for number in range(20)]
    for lease in leases:
        keeper.keep(lease)
    redis_conn.config_resetstat()
    assert wait_until(lambda: renewals(redis_conn) >= 60)
    assert len(set(threading.enumerate()) - before) == 1
    assert all(redis_conn.pttl(lease.key) > 1000 * (lease_module.GENERATION_SECONDS - 1) for lease in leases)
    for lease in leases:
        keeper.let_go(lease)


def test_a_load_that_hangs_is_renewed_for_a_while_only(keeper, redis_conn, monkeypatch):
    monkeypatch.setattr(lease_keeper, "LOAD_LIMIT", 1.5)
    lease, begin = acquired(redis_conn), time.monotonic()
    keeper.keep(lease)
    other = Lease(redis_conn, "fruit")
    assert wait_until(lambda: other.acquire()[0])
    assert time.monotonic() - begin > 1


def test_a_lease_that_was_lost_is_let_go(keeper, redis_conn):
    lease = acquired(redis_conn)
    keeper.keep(lease)
    redis_conn.delete("fruit")
    assert wait_until(lambda: not keeper._leases)
    assert not redis_conn.exists("fruit")


def test_an_error_of_one_moment_does_not_end_the_renewal(keeper):
    with EmbeddedRedis() as server:
        conn = redis.Redis.from_url(server.url, decode_responses=True, socket_timeout=0.1)
        keeper.keep(acquired(conn))
        conn.execute_command("CLIENT", "PAUSE", 400)  # longer than several renewals wait
        assert wait_until(lambda: _answers(conn))
        conn.config_resetstat()
        assert wait_until(lambda: renewals(conn) >= 2)
        conn.close()


def _answers(conn):
    try:
        return conn.ping()
    except redis.RedisError:
        return False


class ClosedAmidUse(redis.Redis):
    """A client whose connection another thread closes while it sends: redis-py fails in a way of its own then."""

    def execute_command(self, *arguments):
        raise AttributeError("'NoneType' object has no attribute 'sendall'")


def test_a_client_that_fails_in_an_odd_way_ends_its_own_lease_only(keeper, redis_conn, caplog):
    odd, late = acquired(redis_conn, "odd"), acquired(redis_conn, "late")
    odd._redis = late._redis = ClosedAmidUse(connection_pool=redis_conn.connection_pool)
    keeper.keep(odd)
    keeper.keep(acquired(redis_conn))
    keeper.end_later(late, "entry", 1000)
    assert wait_until(lambda: len(keeper._leases) == 1 and not keeper._late)
    redis_conn.config_resetstat()
    assert wait_until(lambda: renewals(redis_conn) >= 2)
    assert len([record for record in caplog.records if "AttributeError" in record.message]) == 2


def test_a_result_that_redis_does_not_take_now_is_stored_later(keeper):
    with EmbeddedRedis() as server:
        conn = redis.Redis.from_url(server.url, decode_responses=True, socket_timeout=0.1)
        lease, failed = acquired(conn), acquired(conn, "failed")
        conn.execute_command("CLIENT", "PAUSE", 400)
        keeper.end_later(lease, "fresh", 10_000)
        keeper.end_later(failed, None, 0)
        watcher = redis.Redis.from_url(server.url, decode_responses=True)
        assert wait_until(lambda: watcher.get("fruit") == "fresh" and not watcher.exists("failed"))
        assert 5000 < watcher.pttl("fruit") <= 10_000
        assert wait_until(lambda: not keeper._leases)
        watcher.close()
        conn.close()


def test_a_result_that_is_late_is_not_stored_after_an_invalidation(keeper, redis_conn):
    lease = acquired(redis_conn)
    redis_conn.delete("fruit")
    keeper.end_later(lease, "stale", 10_000)
    assert wait_until(lambda: not keeper._late and not keeper._leases)
    assert not redis_conn.exists("fruit")


def test_a_result_that_redis_never_takes_is_given_up(keeper, monkeypatch, caplog):
    monkeypatch.setattr(lease_keeper, "LATE_SECONDS", 0.2)
    with EmbeddedRedis() as server:
        conn = redis.Redis.from_url(server.url, decode_responses=True, retry=None)
        lease = acquired(conn)
        server.kill()
        keeper.end_later(lease, "fresh", 10_000)
        assert wait_until(lambda: not keeper._late and not keeper._leases)
        conn.close()
    assert "could not be stored" in caplog.text


def test_when_no_thread_is_to_be_had_nothing_fails(keeper, redis_conn, monkeypatch, caplog):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        keeper.keep(acquired(redis_conn))
    assert "cannot be renewed" in caplog.text
    redis_conn.config_resetstat()
    keeper.keep(acquired(redis_conn, "second"))  # and the next one gets it
    assert wait_until(lambda: renewals(redis_conn) >= 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_a_thread_of_its_own_and_no_lease_of_its_parents(server, redis_conn):
    program = """
        import os, sys, time
        import redis
        from redis_helpers import lease_keeper
        from redis_helpers.lease import Lease

        lease_keeper.TICK, lease_keeper.RENEW_AFTER = 0.02, 0.1
        conn = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
        keeper = lease_keeper.keeper
        parents = Lease(conn, "parent")
        parents.acquire()
        keeper.keep(parents)
        time.sleep(0.1)
        if os.fork() == 0:
            assert not keeper._leases and keeper._thread is None
            conn = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
            lease = Lease(conn, "child")
            lease.acquire()
            keeper.keep(lease)
            end = time.monotonic() + 10
            while lease.renewed == lease.began and time.monotonic() < end:
                time.sleep(0.01)
            print("child renews:", lease.renewed > lease.began, flush=True)
            os._exit(0)
        os.wait()
        print("parent renews:", parents.renewed > parents.began)
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)]
    shown = subprocess.run(command, env={**os.environ, "REDIS_URL": server.url}, capture_output=True, text=True)
    assert shown.stdout.splitlines() == ["child renews: True", "parent renews: True"], shown.stderr
