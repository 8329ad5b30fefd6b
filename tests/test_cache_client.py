"""`cache_client()`: an ordinary client with a quick pool, whatever happens to its connections."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import redis
from redis.cache import CacheConfig
from redis.event import EventDispatcher
from redis.exceptions import MaxConnectionsError
from redis.maint_notifications import MaintNotificationsConfig

from redis_helpers.cache_client import CachePool, cache_client
from redis_helpers.connection import ConnectOptions, RedisConnectionHandle
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises.runner import FairClock
from redis_helpers.errors import CourseError
from tests.support.servers import answering_server, free_port, options_of, wait_until


@pytest.fixture
def client(server, redis_conn):
    with RedisConnectionHandle(options_of(server)) as handle:
        yield handle.connect_cache()


def clients_of(redis_conn):
    return len(redis_conn.client_list())


def test_it_is_an_ordinary_client(client, redis_conn):
    assert type(client) is redis.Redis
    redis_conn.mset({"fruit": "uva", "empty": ""})
    assert [client.get(key) for key in ("fruit", "empty", "missing", b"fruit")] == ["uva", "", None, "uva"]
    with pytest.raises(redis.DataError):
        client.get(None)
    with client.pipeline() as pipe:
        assert pipe.set("a", 1).incr("a").get("a").execute() == [True, 2, "2"]
    with client.pubsub() as listener:
        listener.subscribe("market")
        assert client.publish("market", "open") == 1


def test_an_error_of_the_server_leaves_the_connection_good(client, redis_conn):
    redis_conn.rpush("list", "a")
    redis_conn.set("fruit", "uva")
    client.get("fruit")
    before = clients_of(redis_conn)
    for _ in range(5):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            client.get("list")
    assert client.get("fruit") == "uva"
    assert wait_until(lambda: clients_of(redis_conn) <= before)


def test_one_connection_serves_one_thread_after_the_other(client, redis_conn):
    """A client that keeps one connection a thread would run out of them."""
    redis_conn.set("fruit", "uva")
    before = clients_of(redis_conn)
    for _ in range(300):
        thread = threading.Thread(target=client.get, args=["fruit"])
        thread.start()
        thread.join()
    assert wait_until(lambda: clients_of(redis_conn) <= before + 1)


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


def test_connections_that_died_while_idle_fail_once_each_and_are_replaced():
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        client = handle.connect_cache()
        for _ in range(3):
            assert client.get("fruit") is None
            server.kill()
            server.start()
            with pytest.raises(redis.ConnectionError):
                client.get("fruit")


@pytest.mark.parametrize("fault", ["refused", "hung"])
def test_no_number_of_failures_uses_the_connections_up(fault):
    with EmbeddedRedis() as server:
        client = cache_client(
            **options_of(server).arguments(), max_connections=10, socket_timeout=0.05, decode_responses=True
        )
        client.set("fruit", "uva")
        server.kill() if fault == "refused" else os.kill(server.pid, signal.SIGSTOP)
        for _ in range(25):
            with pytest.raises((redis.ConnectionError, redis.TimeoutError)) as caught:
                client.get("fruit")
            assert not isinstance(caught.value, MaxConnectionsError)
        server.start() if fault == "refused" else os.kill(server.pid, signal.SIGCONT)
        assert wait_until(lambda: answers(client))
        client.close()


def answers(client):
    try:
        return client.ping()
    except MaxConnectionsError:
        raise
    except redis.RedisError:
        return False


def test_no_more_connections_than_the_most_are_made(server, redis_conn):
    client = cache_client(**options_of(server).arguments(), max_connections=3)
    held = [client.connection_pool.get_connection() for _ in range(3)]
    with pytest.raises(MaxConnectionsError):
        client.get("fruit")
    for connection in held:
        client.connection_pool.release(connection)
    assert client.get("fruit") is None
    client.close()


def test_idle_connections_can_be_closed_while_others_are_used(client, redis_conn):
    redis_conn.set("fruit", "uva")
    pool = client.connection_pool
    used, idle = pool.get_connection(), pool.get_connection()
    used.send_command("CLIENT", "ID")
    idle.connect()
    pool.release(idle)
    before = clients_of(redis_conn)
    pool.disconnect(inuse_connections=False)
    assert wait_until(lambda: clients_of(redis_conn) <= before - 1)
    assert used.read_response() > 0
    pool.release(used)
    assert client.get("fruit") == "uva"


def test_a_server_that_is_gone_or_hangs_is_asked_for_a_quarter_of_a_second():
    with EmbeddedRedis() as server, RedisConnectionHandle(options_of(server)) as handle:
        client = handle.connect_cache()
        client.get("fruit")
        os.kill(server.pid, signal.SIGSTOP)
        begin, clock = time.monotonic(), FairClock()
        with pytest.raises(redis.TimeoutError):
            client.get("fruit")
        assert time.monotonic() - begin > 0.2
        assert clock.now() < 1  # asked once: ten times would be longer
        os.kill(server.pid, signal.SIGCONT)
        assert client.get("fruit") is None
        server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("fruit")


def test_close(client, redis_conn):
    before = clients_of(redis_conn)
    client.get("fruit")
    assert clients_of(redis_conn) > before
    client.close()
    assert wait_until(lambda: clients_of(redis_conn) <= before)
    assert client.get("fruit") is None


def test_a_forked_child_opens_connections_of_its_own(server, redis_conn):
    program = """
        import os
        from redis_helpers.connection import RedisConnectionHandle

        client = RedisConnectionHandle().connect_cache()
        parents = client.get("me"), client.client_id()
        if os.fork() == 0:
            print("child", client.get("me"), client.client_id() != parents[1], flush=True)
            os._exit(0)
        os.wait()
        print("parent", client.get("me"), client.client_id() == parents[1])
    """
    redis_conn.set("me", "uva")
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)]
    shown = subprocess.run(command, env={**os.environ, "REDIS_URL": server.url}, capture_output=True, text=True)
    assert shown.stdout.splitlines() == ["child uva True", "parent uva True"], shown.stderr


def test_what_is_wrong_is_said_as_by_connect():
    with RedisConnectionHandle(ConnectOptions(port=free_port())) as handle, pytest.raises(CourseError, match="refused"):
        handle.connect_cache()


def test_its_settings_can_be_changed(server):
    with cache_client(**options_of(server).arguments(), socket_timeout=3) as client:
        assert isinstance(client.connection_pool, CachePool)
        assert client.connection_pool.connection_kwargs["socket_timeout"] == 3
        assert client.connection_pool.connection_kwargs["socket_connect_timeout"] == 0.25
        assert client.get_retry().get_retries() == 0
        assert client.connection_pool.max_connections == 1000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("single_connection_client", True),
        ("cache", object()),
        ("cache_config", CacheConfig()),
        ("connection_pool", redis.ConnectionPool()),
        ("event_dispatcher", EventDispatcher()),
    ],
)
def test_what_its_pool_cannot_do_is_refused_by_name(name, value):
    with pytest.raises(TypeError, match=f"^cache_client\\(\\) does not take {name}: leave it out, or .*\\.$"):
        cache_client(protocol=3, **{name: value})


def test_it_speaks_through_a_unix_socket_too(short_folder):
    path = str(short_folder / "redis.sock")
    with EmbeddedRedis(unixsocket=path) as server, cache_client(unix_socket_path=path, password=server.password) as own:
        own.set("fruit", "uva")
        assert own.get("fruit") == b"uva"


# Maintenance notifications, with which some managed servers make the time-outs longer

OF_HELLO = b"%1\r\n+proto\r\n:3\r\n"


@contextlib.contextmanager
def server_that_grants_all():
    """A port, and what its server receives: it answers each command with OK, and so grants the notifications."""
    received = []

    def answer(client):
        while data := client.recv(65536):
            received.append(data.upper())
            commands = re.findall(rb"^\*\d+\r\n\$\d+\r\n(\w+)", data, re.MULTILINE)
            client.sendall(b"".join(OF_HELLO if command == b"HELLO" else b"+OK\r\n" for command in commands))

    with answering_server(answer) as port:
        yield port, received


@pytest.mark.parametrize("options", [{}, {"protocol": 3}, {"username": "me", "password": "word"}, {"db": 2}], ids=str)
@pytest.mark.parametrize(("make", "asked"), [(cache_client, False), (redis.Redis, True)])
def test_it_asks_for_no_maintenance_notifications_which_a_plain_client_does(make, asked, options):
    with server_that_grants_all() as (port, received), make(host="127.0.0.1", port=port, **options) as client:
        assert client.get("fruit") == b"OK"
        assert (b"MAINT_NOTIFICATIONS" in b"".join(received)) is asked


@pytest.mark.parametrize("enabled", [True, "auto"])
def test_who_wants_maintenance_notifications_gets_them(enabled):
    wanted = MaintNotificationsConfig(enabled=enabled)
    with (
        server_that_grants_all() as (port, received),
        cache_client(host="127.0.0.1", port=port, maint_notifications_config=wanted) as client,
    ):
        assert client.get("fruit") == b"OK"
        assert b"MAINT_NOTIFICATIONS" in b"".join(received)
