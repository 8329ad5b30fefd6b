"""Faults, made for real. Each is a context manager; `tests/test_faults.py` holds the table of them.

A fault of Redis gives `Fault(options, act, client)`: `act()` is what a user does, and what fails; `client` is a client
in the middle of it all, with short timeouts. A fault of a file gives `Fault(act=…)` alone.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis

from redis_helpers.connection import ConnectOptions, RedisConnectionHandle, connect_options
from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.errors import CourseError
from redis_helpers.market.build_sqlite import build_database
from redis_helpers.market.repositories import SqliteRepository
from tests.support.servers import (
    debug_server,
    free_port,
    http_server,
    options_of,
    silent_server,
    unreachable_server,
    wait_until,
)

TRIED_PASSWORD = "pass/w@rd:#%41 ?é"  # passwords that no output may hold: what a user tries, and what a server wants
SERVERS_PASSWORD = "marked-password-of-a-server"


@dataclass
class Fault:
    act: Callable[[], object]
    options: ConnectOptions | None = None
    client: redis.Redis | None = None


# Redis cannot be reached, or does not let us in. The user runs the connect cell.


def no_connection(options: ConnectOptions) -> Fault:
    client = redis.Redis(**options.arguments(), retry=None, socket_timeout=0.2, socket_connect_timeout=0.2)
    return Fault(RedisConnectionHandle(options).connect, options, client)


@contextlib.contextmanager
def refused(**_):
    yield no_connection(ConnectOptions(port=free_port(), password=TRIED_PASSWORD))


@contextlib.contextmanager
def unreachable(**_):
    with unreachable_server() as port:
        yield no_connection(ConnectOptions(port=port, password=TRIED_PASSWORD))


@contextlib.contextmanager
def impossible_name(**_):
    yield no_connection(ConnectOptions("no..such..host", password=TRIED_PASSWORD))


@contextlib.contextmanager
def wrong_password(server, **_):
    yield no_connection(options_of(server, password=TRIED_PASSWORD))


@contextlib.contextmanager
def no_password(server, **_):
    yield no_connection(options_of(server, password=None))


@contextlib.contextmanager
def unknown_user(server, **_):
    yield no_connection(options_of(server, username="nobody", password=TRIED_PASSWORD))


@contextlib.contextmanager
def user_without_ping(server, admin, **_):
    admin.acl_setuser("ann", enabled=True, passwords=[f"+{TRIED_PASSWORD}"], commands=["+get"], keys=["*"])
    yield no_connection(options_of(server, username="ann", password=TRIED_PASSWORD))
    admin.acl_deluser("ann")


@contextlib.contextmanager
def too_many_clients(**_):
    with marked_server() as server, redis.Redis.from_url(server.url) as admin:
        admin.config_set("maxclients", 1)
        yield no_connection(options_of(server))


@contextlib.contextmanager
def hung(**_):
    with silent_server() as port:
        yield no_connection(ConnectOptions(port=port, password=TRIED_PASSWORD))


@contextlib.contextmanager
def not_redis(**_):
    with http_server() as port:
        yield no_connection(ConnectOptions(port=port, password=TRIED_PASSWORD))


@contextlib.contextmanager
def closed_at_once(**_):
    with FaultProxy(free_port()) as proxy:  # nobody is behind it
        yield no_connection(ConnectOptions(port=proxy.port, password=TRIED_PASSWORD))


@contextlib.contextmanager
def loading(**_):
    """A server asks for new clients after every 2 MB that it has loaded: here, 5 times a second."""
    with debug_server(rdbcompression="no") as slow:
        admin = redis.Redis.from_url(slow.url)
        admin.mset({f"fruit:{number}": "x" * 200_000 for number in range(200)})
        admin.config_set("key-load-delay", 20_000)  # µs a key
        reload = threading.Thread(target=answers, args=[admin, "DEBUG RELOAD"])
        reload.start()
        with redis.Redis.from_url(slow.url, retry=None) as watcher:
            assert wait_until(lambda: is_loading(watcher))
        fault = no_connection(options_of(slow))
        fault.client.connection_pool.connection_kwargs["socket_timeout"] = 1
        yield fault
        slow.kill()  # its 4 seconds need not be waited for
        reload.join()


def is_loading(client: redis.Redis) -> bool:
    try:
        return not client.ping()
    except redis.BusyLoadingError:
        return True


# TLS


@contextlib.contextmanager
def tls_to_a_plain_port(server, **_):
    yield no_connection(options_of(server, tls=True))


@contextlib.contextmanager
def plain_to_a_tls_port(server, tls, **_):
    with FaultProxy(server.port, tls.context) as proxy:
        yield no_connection(options_of(server, port=proxy.port))


@contextlib.contextmanager
def unknown_authority(server, tls, **_):
    with FaultProxy(server.port, tls.context) as proxy:
        yield no_connection(options_of(server, port=proxy.port, tls=True))


@contextlib.contextmanager
def certificate_expired(server, tls, **_):
    with FaultProxy(server.port, tls.context_expired) as proxy:
        yield no_connection(options_of(server, port=proxy.port, tls=True, tls_ca_file=tls.ca_file))


@contextlib.contextmanager
def certificate_of_another_host(server, tls, **_):
    with FaultProxy(server.port, tls.context_of_another) as proxy:
        yield no_connection(options_of(server, port=proxy.port, tls=True, tls_ca_file=tls.ca_file))


@contextlib.contextmanager
def authority_file_missing(server, tls, **_):
    with FaultProxy(server.port, tls.context) as proxy:
        yield no_connection(options_of(server, port=proxy.port, tls=True, tls_ca_file="/no/such/ca.pem"))


@contextlib.contextmanager
def authority_file_no_certificate(server, tls, **_):
    with FaultProxy(server.port, tls.context) as proxy:
        yield no_connection(options_of(server, port=proxy.port, tls=True, tls_ca_file=__file__))


# Redis fails in mid-use. The connection was good; then the user stores a fruit.


def marked_server(**options) -> EmbeddedRedis:
    server = EmbeddedRedis(**options)
    server.password = SERVERS_PASSWORD
    return server


def in_use(options: ConnectOptions) -> Fault:
    client = RedisConnectionHandle(options).connect()  # REPLY_TIMEOUT is short: see the test
    return Fault(lambda: client.set("fruit", "uva"), options, client)


@contextlib.contextmanager
def full(**_):
    with marked_server(maxmemory="1", maxmemory_policy="noeviction") as server:
        yield in_use(options_of(server))


@contextlib.contextmanager
def replica(**_):
    with marked_server(replicaof=["127.0.0.1", free_port()]) as server:
        yield in_use(options_of(server))


@contextlib.contextmanager
def cannot_save(tmp_path, **_):
    folder = tmp_path / "redis"
    with marked_server(dir=folder, save=[3600, 1]) as server, redis.Redis.from_url(server.url) as admin:
        fault = in_use(options_of(server))
        (folder / "dump.rdb").mkdir()  # a folder in the way of the file
        admin.set("fruit", "uva")
        admin.bgsave()
        assert wait_until(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err")
        yield fault


@contextlib.contextmanager
def cannot_save_at_connect(tmp_path, **_):
    with cannot_save(tmp_path) as fault:
        yield no_connection(fault.options)


@contextlib.contextmanager
def user_without_set(**_):
    with marked_server() as server, redis.Redis.from_url(server.url) as admin:
        admin.acl_setuser("ann", enabled=True, passwords=[f"+{TRIED_PASSWORD}"], commands=["+get", "+ping"], keys=["*"])
        yield in_use(options_of(server, username="ann", password=TRIED_PASSWORD))


@contextlib.contextmanager
def killed(**_):
    with marked_server() as server:
        fault = in_use(options_of(server))
        server.kill()
        yield fault


@contextlib.contextmanager
def stopped(**_):
    with marked_server() as server:
        fault = in_use(options_of(server))
        os.kill(server.pid, signal.SIGSTOP)
        try:
            yield fault
        finally:
            os.kill(server.pid, signal.SIGCONT)


@contextlib.contextmanager
def busy(**_):
    with debug_server() as server:
        fault = in_use(options_of(server))
        with redis.Redis.from_url(server.url) as sleeper:
            sleeper.ping()
            connection = sleeper.connection_pool.get_connection()
            connection.send_command("DEBUG", "SLEEP", "30")  # its end is not waited for
            with redis.Redis.from_url(server.url, retry=None, socket_timeout=0.1) as watcher:
                assert wait_until(lambda: not answers(watcher))
            yield fault
            connection.disconnect()
            server.kill()


def answers(client: redis.Redis, command: str = "PING") -> bool:
    try:
        return bool(client.execute_command(*command.split()))
    except redis.RedisError:
        return False


@contextlib.contextmanager
def cut_in_mid_reply(server, **_):
    with FaultProxy(server.port) as proxy:
        fault = in_use(options_of(server, port=proxy.port))
        proxy.half_replies = 10
        yield fault


@contextlib.contextmanager
def cut_before_the_reply(server, **_):
    with FaultProxy(server.port) as proxy:
        fault = in_use(options_of(server, port=proxy.port))
        proxy.drop_replies = 10
        yield fault


# Files. The user runs a cell that reads the settings, or one that opens the market.


@contextlib.contextmanager
def broken_settings(**_):
    Path(".env").write_text(f"REDIS_HOST=127.0.0.1\nREDIS_PASSWORD '{TRIED_PASSWORD}'\n")  # the test's own folder
    yield Fault(connect_options)


@contextlib.contextmanager
def settings_not_utf8(**_):
    Path(".env").write_bytes(f"REDIS_PASSWORD='{TRIED_PASSWORD}'\n".encode("latin-1"))
    yield Fault(connect_options)


@contextlib.contextmanager
def market_unreadable(tmp_path, **_):
    path = tmp_path / "market.sqlite3"
    path.write_bytes(b"these are not the fruits you are looking for" * 100)
    yield Fault(lambda: SqliteRepository(path))


SMALL_DISK = """
import resource, sys
from redis_helpers.errors import CourseError
from redis_helpers.market.repositories import SqliteRepository
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
try:
    SqliteRepository(sys.argv[1])
except CourseError as problem:
    sys.exit(str(problem))
"""


@contextlib.contextmanager
def disk_full(tmp_path, **_):
    """A file may not grow beyond 1 MB, in another process. Afterwards there is room, and the build succeeds."""
    path = tmp_path / "market.sqlite3"

    def build() -> None:
        ran = subprocess.run([sys.executable, "-c", SMALL_DISK, path], capture_output=True, text=True, timeout=60)
        assert ran.returncode == 1 and "Traceback" not in ran.stderr
        raise CourseError(ran.stderr.strip())

    yield Fault(build)
    build_database(path)
    repository = SqliteRepository(path)
    assert repository.fruit(1)["name"] == "banana"
    repository.close()


@contextlib.contextmanager
def folder_in_the_way(tmp_path, **_):
    (tmp_path / "market.sqlite3").mkdir()
    yield Fault(lambda: SqliteRepository(tmp_path / "market.sqlite3"))
    shutil.rmtree(tmp_path / "market.sqlite3")
