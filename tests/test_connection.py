"""`connect_options` and `RedisConnectionHandle`: real servers, real certificates, real faults."""

import contextlib
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from redis_helpers import connection
from redis_helpers.connection import ConnectOptions, RedisConnectionHandle, connect_options, embedded_server
from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.errors import CourseError
from tests.support.servers import free_port, options_of, wait_until

SECRET = "pass/w@rd:#%41 ?é"


def test_the_snippet_that_people_come_with_runs_as_it_stands(tmp_path):
    snippet = """
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.redis_repository import RedisRepository

redis_conn = RedisConnectionHandle().connect()
repo = RedisRepository(redis_conn)
repo.insert_ex("foo", "bar", 10)                    # string with expiry
repo.insert_hash_ex("user:1", "name", "Alice", 30)  # hash field, TTL on the hash
print(repo.get("foo"))                              # bar
print(repo.get_hash("user:1", "name"))              # Alice
"""
    ran = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("bar\nAlice\n", "", 0)


# connect_options


def set_all(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(f"REDIS_{name}", value)


def test_nothing_set_means_the_embedded_server():
    assert connect_options() is None


def test_credentials_without_an_address_still_mean_the_embedded_server(monkeypatch):
    set_all(monkeypatch, PASSWORD=SECRET, DB="3", HOST="")
    assert connect_options() is None


def test_all_variables_together(monkeypatch):
    set_all(monkeypatch, HOST="box", PORT="7000", DB="3", USERNAME="ann", PASSWORD=SECRET, TLS="yes")
    set_all(monkeypatch, TLS_CA_FILE="ca.pem", TLS_VERIFY="no")
    assert connect_options() == ConnectOptions("box", 7000, 3, "ann", SECRET, True, "ca.pem", False)


def test_the_host_or_the_port_alone_is_enough(monkeypatch):
    set_all(monkeypatch, PORT="7000")
    assert connect_options() == ConnectOptions("127.0.0.1", 7000)
    set_all(monkeypatch, PORT="", HOST="box")
    assert connect_options() == ConnectOptions("box", 6379)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("redis://box", ConnectOptions("box")),
        ("redis://box:7000/3", ConnectOptions("box", 7000, 3)),
        ("redis://:word@box/", ConnectOptions("box", password="word")),
        ("redis://ann:w%40rd%2F@box:7000/0", ConnectOptions("box", 7000, username="ann", password="w@rd/")),
        ("rediss://box:7000", ConnectOptions("box", 7000, tls=True)),
        ("redis://[::1]:7000/1", ConnectOptions("::1", 7000, 1)),
    ],
)
def test_urls(monkeypatch, url, options):
    set_all(monkeypatch, URL=url, HOST="ignored", PORT="1", PASSWORD="ignored")
    assert connect_options() == options


@pytest.mark.parametrize(
    "options",
    [
        ConnectOptions(),
        ConnectOptions("box", 7000, 5, "ann:b@c", SECRET),
        ConnectOptions("box", password=SECRET, tls=True),
        ConnectOptions("::1", password=SECRET),
    ],
    ids=["plain", "user", "tls", "ipv6"],
)
def test_a_url_carries_everything_to_another_process(monkeypatch, options):
    set_all(monkeypatch, URL=options.url)
    assert connect_options() == options
    theirs = redis.Redis.from_url(options.url).connection_pool.connection_kwargs
    assert (theirs["host"], theirs.get("password") or None) == (options.host, options.password)


@pytest.mark.parametrize("value", ["x", "0", "65536", "-1", "6379.0", "٣", f"{SECRET}"])
def test_a_bad_port_is_refused_by_name(monkeypatch, value):
    set_all(monkeypatch, HOST="box", PORT=value)
    with pytest.raises(CourseError, match=r"^REDIS_PORT needs a port from 1 to 65535") as caught:
        connect_options()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("DB", "x"), ("DB", "-1"), ("TLS", "perhaps"), ("TLS_VERIFY", "perhaps"), ("PORT", "9" * 5000)]
)
def test_other_bad_values_are_refused_by_name(monkeypatch, name, value):
    set_all(monkeypatch, **{"HOST": "box", name: value})
    with pytest.raises(CourseError, match=f"^REDIS_{name} needs ") as caught:
        connect_options()
    assert value not in str(caught.value).removeprefix(f"REDIS_{name}")


@pytest.mark.parametrize(
    "url",
    [
        "http://:hush@box",
        "unix://:hush@/tmp/redis.sock",
        "box:6379",
        "redis://",
        "redis://:hush@",
        "redis://:hush@box:port",
        "redis://:hush@box:70000",
        "redis://:hush@box:0",
        "redis://:hush@box/first",
        "redis://:hush@box/-1",
        "redis://:hush@[::1",
        "redis://:hush@box?db=1",
        "redis://:hush/hush@box",
        "redis://:hush#hush@box",
    ],
)
def test_a_bad_url_is_refused_without_its_secret(monkeypatch, url):
    set_all(monkeypatch, URL=url)
    with pytest.raises(CourseError, match=r"^REDIS_URL ") as caught:
        connect_options()
    assert "hush" not in "".join(traceback.format_exception(caught.value)).replace(__file__, "").replace(url, "")


def test_no_repr_shows_the_password():
    options = ConnectOptions("box", password=SECRET)
    assert SECRET not in repr(options)
    assert SECRET not in options.address
    assert repr(RedisConnectionHandle(options)) == "RedisConnectionHandle(box:6379/0)"
    assert repr(RedisConnectionHandle()) == "RedisConnectionHandle(embedded)"


# connect


def test_the_embedded_server_is_one_for_all_handles_and_threads():
    with ThreadPoolExecutor(8) as pool:
        ports = set(pool.map(lambda _: RedisConnectionHandle().options.port, range(8)))
    assert ports == {embedded_server().port}
    with RedisConnectionHandle() as handle:
        assert handle.embedded
        assert handle.connect().ping() is True
    assert embedded_server().is_running()  # closing a handle closes its clients, not the kernel's server


def test_replies_are_str_in_the_shapes_of_a_plain_client(server, redis_conn):
    client = RedisConnectionHandle(options_of(server)).connect()
    client.zadd("fruits", {"uva": 2})
    plain = redis.Redis.from_url(server.url, decode_responses=True)
    for command in (("ZRANGE", "fruits", 0, -1, "WITHSCORES"), ("CONFIG GET", "save"), ("PING",)):
        assert client.execute_command(*command) == plain.execute_command(*command)
    client.set("banana", "ripe")
    assert client.get("banana") == "ripe"


def test_the_variables_alone_lead_to_the_server(server, redis_conn, monkeypatch):
    set_all(monkeypatch, HOST=server.host, PORT=str(server.port), PASSWORD=server.password, DB="2")
    with RedisConnectionHandle() as handle:
        handle.connect().set("in", "db 2")
    with RedisConnectionHandle(options_of(server, db=2)) as handle:
        assert handle.connect().get("in") == "db 2"
    assert redis_conn.get("in") is None


def test_a_user_with_a_password_of_odd_letters_gets_in(server, redis_conn, monkeypatch):
    redis_conn.acl_setuser("ann", enabled=True, passwords=[f"+{SECRET}"], categories=["+@all"], keys=["*"])
    options = options_of(server, username="ann", password=SECRET)
    set_all(monkeypatch, URL=options.url)
    with RedisConnectionHandle() as handle:
        assert handle.connect().acl_whoami() == "ann"
    redis_conn.acl_deluser("ann")


def test_a_user_who_may_not_ask_for_the_version_gets_in(server, redis_conn):
    redis_conn.acl_setuser("ann", enabled=True, passwords=["+word"], commands=["+ping"])
    with RedisConnectionHandle(options_of(server, username="ann", password="word")) as handle:
        assert handle.connect().ping() is True
    redis_conn.acl_deluser("ann")


def test_close_closes_every_client(server, redis_conn):
    def others():
        return len(redis_conn.client_list()) - 1

    before = others()
    with RedisConnectionHandle(options_of(server)) as handle:
        clients = [handle.connect(), handle.connect(), handle.connect_blocking()]
        for client in clients:
            client.ping()
        assert others() == before + 3
    assert wait_until(lambda: others() == before)


# What goes wrong has a table of its own: test_faults.py


def test_an_unknown_host_is_told_as_such():
    with pytest.raises(CourseError, match=r"host name that (is not known|cannot be looked up)"):
        RedisConnectionHandle(ConnectOptions("no-such-host.invalid", password=SECRET)).connect()


def test_a_blocking_client_finds_the_same_faults():
    with pytest.raises(CourseError, match="connection refused"):
        RedisConnectionHandle(ConnectOptions(port=free_port())).connect_blocking()


def test_the_real_timeouts_are_the_documented_ones(server):
    with RedisConnectionHandle(options_of(server)) as handle:
        settings = handle.connect().connection_pool.connection_kwargs
        assert (settings["socket_connect_timeout"], settings["socket_timeout"]) == (2, 5)
        assert handle.connect_blocking().connection_pool.connection_kwargs["socket_timeout"] is None


# TLS


@pytest.mark.parametrize("spelling", ["url", "variables"])
def test_tls_works(server, redis_conn, tls, monkeypatch, spelling):
    with FaultProxy(server.port, tls.context) as proxy:
        if spelling == "url":
            set_all(monkeypatch, URL=f"rediss://:{server.password}@127.0.0.1:{proxy.port}/0")
        else:
            set_all(monkeypatch, HOST="localhost", PORT=str(proxy.port), PASSWORD=server.password, TLS="yes")
        set_all(monkeypatch, TLS_CA_FILE=tls.ca_file)
        with RedisConnectionHandle() as handle:
            client = handle.connect()
            client.set("fruit", "uva")
            assert client.get("fruit") == "uva"
    assert redis_conn.get("fruit") == "uva"


# What the explicit timeouts and retries are for


def test_a_plain_client_gives_up_a_long_wait_and_a_blocking_one_does_not(server, redis_conn, monkeypatch):
    monkeypatch.setattr(connection, "REPLY_TIMEOUT", 0.3)  # the real 5 s would take too long here
    with RedisConnectionHandle(options_of(server)) as handle:
        with pytest.raises(redis.TimeoutError):
            handle.connect().blpop("nothing", timeout=0.7)
        start = time.monotonic()
        assert handle.connect_blocking().blpop("nothing", timeout=0.7) is None
        assert time.monotonic() - start > 0.6


def test_when_a_reply_is_lost_the_command_has_run_once(server, redis_conn):
    with FaultProxy(server.port) as proxy, RedisConnectionHandle(options_of(server, port=proxy.port)) as handle:
        client = handle.connect()
        proxy.drop_replies = 1
        with pytest.raises(redis.ConnectionError):
            client.incr("visitors")
        assert redis_conn.get("visitors") == "1"
        assert client.incr("visitors") == 2  # and the client goes on


def test_a_default_client_counts_twice_when_a_reply_is_lost(server, redis_conn):
    with FaultProxy(server.port) as proxy, redis.Redis(port=proxy.port, password=server.password) as client:
        client.ping()
        proxy.drop_replies = 1
        assert client.incr("visitors") == 2
    assert redis_conn.get("visitors") == "2"


def test_the_proxy_cuts_and_delays(server, redis_conn):
    with FaultProxy(server.port) as proxy, RedisConnectionHandle(options_of(server, port=proxy.port)) as handle:
        client = handle.connect()
        proxy.delay = 0.2
        start = time.monotonic()
        client.ping()
        assert time.monotonic() - start > 0.19
        proxy.delay = 0
        proxy.cut()
        time.sleep(0.1)
        with contextlib.suppress(redis.ConnectionError):  # redis-py may notice the cut before it sends
            client.ping()
        assert client.ping() is True
