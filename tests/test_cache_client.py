"""`CacheClient`: an ordinary client with a quick GET that survives what happens to its connections."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import redis

from redis_helpers.cache_client import CacheClient
from redis_helpers.connection import ConnectOptions, RedisConnectionHandle
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.errors import CourseError
from tests.support.servers import free_port, options_of


@pytest.fixture
def client(server, redis_conn):
    with RedisConnectionHandle(options_of(server)) as handle:
        yield handle.connect_cache()


def clients_of(redis_conn):
    return len(redis_conn.client_list())


def test_get_is_redis_pys_get(client, redis_conn):
    redis_conn.mset({"fruit": "uva", "empty": ""})
    assert [client.get(key) for key in ("fruit", "empty", "missing", b"fruit")] == ["uva", "", None, "uva"]
    with pytest.raises(redis.DataError):
        client.get(None)
    assert client.get("fruit") == "uva"


def test_an_error_of_the_server_leaves_the_connection_good(client, redis_conn):
    redis_conn.rpush("list", "a")
    redis_conn.set("fruit", "uva")
    client.get("fruit")
    before = clients_of(redis_conn)
    for _ in range(5):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            client.get("list")
    assert client.get("fruit") == "uva"
    assert clients_of(redis_conn) == before


def test_one_connection_serves_one_thread_after_the_other(client, redis_conn):
    """A client that keeps one connection a thread would run out of them."""
    redis_conn.set("fruit", "uva")
    before = clients_of(redis_conn)
    for _ in range(300):
        thread = threading.Thread(target=client.get, args=["fruit"])
        thread.start()
        thread.join()
    assert clients_of(redis_conn) <= before + 1


def test_many_threads_at_once_get_their_own_answers(client, redis_conn):
    redis_conn.mset({f"fruit:{number}": number for number in range(32)})
    wrong = []

    def read(number):
        wrong.extend(number for _ in range(200) if client.get(f"fruit:{number}") != str(number))

    threads = [threading.Thread(target=read, args=[number]) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_connections_that_died_while_idle_are_replaced_in_silence():
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        client = handle.connect_cache()
        with redis.Redis.from_url(server.url) as admin:
            for _ in range(3):
                assert client.get("fruit") is None
                admin.client_kill_filter(_type="normal", skipme=True)
        for _ in range(3):
            server.kill()
            server.start()
            assert client.get("fruit") is None


def test_a_server_that_is_gone_or_hangs_is_asked_for_a_quarter_of_a_second():
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        client = handle.connect_cache()
        client.get("fruit")
        asked = times_asked(server)
        os.kill(server.pid, signal.SIGSTOP)
        begin = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            client.get("fruit")
        assert 0.2 < time.monotonic() - begin < 20
        os.kill(server.pid, signal.SIGCONT)
        assert times_asked(server) <= asked + 1  # a reply that is late is not asked for again
        assert client.get("fruit") is None
        server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("fruit")


def times_asked(server):
    with redis.Redis.from_url(server.url) as admin:
        return admin.info("commandstats")["cmdstat_get"]["calls"]


def test_close(client, redis_conn):
    before = clients_of(redis_conn)
    client.get("fruit")
    assert clients_of(redis_conn) > before
    client.close()
    assert clients_of(redis_conn) <= before
    assert client.get("fruit") is None


def test_a_forked_child_opens_connections_of_its_own(server, redis_conn):
    program = """
        import os, sys
        from redis_helpers.connection import RedisConnectionHandle

        client = RedisConnectionHandle().connect_cache()
        me = client.get("me"), client.client_id()
        client.get("me")
        held = len(client._held)
        if os.fork() == 0:
            print("child", held, len(client._held), client.get("me"), flush=True)
            os._exit(0)
        os.wait()
        print("parent", len(client._held), client.get("me"))
    """
    redis_conn.set("me", "uva")
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)]
    shown = subprocess.run(command, env={**os.environ, "REDIS_URL": server.url}, capture_output=True, text=True)
    assert shown.stdout.splitlines() == ["child 1 0 uva", "parent 1 uva"], shown.stderr


def test_what_is_wrong_is_said_as_by_connect():
    with RedisConnectionHandle(ConnectOptions(port=free_port())) as handle, pytest.raises(CourseError, match="refused"):
        handle.connect_cache()


def test_its_settings_can_be_changed(server):
    with CacheClient(**options_of(server).arguments(), socket_timeout=3) as client:
        assert client.connection_pool.connection_kwargs["socket_timeout"] == 3
        assert client.connection_pool.connection_kwargs["socket_connect_timeout"] == 0.25
        assert client.get_retry().get_retries() == 0
