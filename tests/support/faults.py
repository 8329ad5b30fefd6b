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

import pytest
import redis

from redis_helpers.connection import ConnectOptions, RedisConnectionHandle, connect_options
from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.errors import CourseError
from redis_helpers.market.build_sqlite import build_database
from redis_helpers.market.repositories import SqliteRepository
from redis_helpers.settings import LAB_REDIS
from tests.support.servers import (
    debug_server,
    free_port,
    greeting_server,
    http_server,
    odd_server,
    options_of,
    replies_changed,
    short_folder,
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
def mysql_at_that_port(**_):
    with greeting_server(b"J\0\0\0\n8.4.3\0\x08\0\0\0salt") as port:
        yield no_connection(ConnectOptions(port=port, password=TRIED_PASSWORD))


@contextlib.contextmanager
def ssh_at_that_port(**_):
    with greeting_server(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        yield no_connection(ConnectOptions(port=port, password=TRIED_PASSWORD))


@contextlib.contextmanager
def a_greeting_that_begins_as_a_reply(**_):
    with greeting_server(b"*** Welcome ***\r\n") as port:
        yield Fault(RedisConnectionHandle(ConnectOptions(port=port, password=TRIED_PASSWORD)).connect)


@contextlib.contextmanager
def no_socket(**_):
    with short_folder() as folder:
        yield no_connection(ConnectOptions(password=TRIED_PASSWORD, socket_path=str(folder / "r.sock")))


@contextlib.contextmanager
def dead_socket(**_):
    with short_folder() as folder, marked_server(unixsocket=folder / "r.sock") as server:
        path = folder / "r.sock"
        server.kill()
        yield no_connection(ConnectOptions(password=TRIED_PASSWORD, socket_path=str(path)))


@contextlib.contextmanager
def no_such_database(server, **_):
    yield no_connection(options_of(server, db=10_000))


@contextlib.contextmanager
def user_without_select(server, admin, **_):
    commands = ["+@all", "-select"]
    admin.acl_setuser("ann", enabled=True, passwords=[f"+{TRIED_PASSWORD}"], commands=commands, keys=["*"])
    yield no_connection(options_of(server, username="ann", password=TRIED_PASSWORD, db=1))
    admin.acl_deluser("ann")


@contextlib.contextmanager
def lost_primary(**_):
    with marked_server() as server, redis.Redis.from_url(server.url) as admin:
        admin.config_set("replica-serve-stale-data", "no")
        admin.replicaof("127.0.0.1", free_port())
        yield no_connection(options_of(server))


@contextlib.contextmanager
def busy_with_a_script(**_):
    with marked_server(lua_time_limit=1) as server, redis.Redis.from_url(server.url, retry=None) as admin:
        fault = in_use(options_of(server))
        connection = admin.connection_pool.get_connection()
        connection.send_command("EVAL", "while true do end", 0)  # its end is not waited for
        with redis.Redis.from_url(server.url, retry=None, socket_timeout=1) as watcher:
            assert wait_until(lambda: not answers(watcher))
        yield fault
        connection.disconnect()
        server.kill()


@contextlib.contextmanager
def busy_with_a_script_at_connect(**_):
    with busy_with_a_script() as fault:
        yield no_connection(fault.options)


# A server that the course cannot use


REFUSE_HELLO = 'rename-command HELLO ""'


@contextlib.contextmanager
def older_than_redis_6(tmp_path, **_):
    """A server that does not know HELLO and says that it is 5.0, as Redis for Windows does."""
    with (
        odd_server(tmp_path, REFUSE_HELLO, f"requirepass {SERVERS_PASSWORD}") as port,
        replies_changed(port, rb"redis_version:\d", b"redis_version:5") as relay,
    ):
        yield no_connection(ConnectOptions(port=relay, password=SERVERS_PASSWORD))


@contextlib.contextmanager
def older_and_a_wrong_password(tmp_path, **_):
    with odd_server(tmp_path, REFUSE_HELLO, f"requirepass {SERVERS_PASSWORD}") as port:
        yield no_connection(ConnectOptions(port=port, password=TRIED_PASSWORD))


@contextlib.contextmanager
def no_hello(tmp_path, **_):
    with odd_server(tmp_path, REFUSE_HELLO, f"requirepass {SERVERS_PASSWORD}") as port:
        yield no_connection(ConnectOptions(port=port, password=SERVERS_PASSWORD))


@contextlib.contextmanager
def no_ping(tmp_path, **_):
    with odd_server(tmp_path, 'rename-command PING ""', f"requirepass {SERVERS_PASSWORD}") as port:
        yield Fault(RedisConnectionHandle(ConnectOptions(port=port, password=SERVERS_PASSWORD)).connect)


@contextlib.contextmanager
def older_than_6_2(server, **_):
    with replies_changed(server.port, rb"redis_version:\d\.\d", b"redis_version:6.0") as port:
        yield Fault(RedisConnectionHandle(options_of(server, port=port)).connect)


@contextlib.contextmanager
def node_of_a_cluster(tmp_path, **_):
    with odd_server(tmp_path, "cluster-enabled yes", f"requirepass {SERVERS_PASSWORD}") as port:
        yield Fault(RedisConnectionHandle(ConnectOptions(port=port, password=SERVERS_PASSWORD)).connect)


@contextlib.contextmanager
def node_of_a_cluster_and_a_database(tmp_path, **_):
    with odd_server(tmp_path, "cluster-enabled yes", f"requirepass {SERVERS_PASSWORD}") as port:
        yield Fault(RedisConnectionHandle(ConnectOptions(port=port, password=SERVERS_PASSWORD, db=1)).connect)


@contextlib.contextmanager
def sentinel(tmp_path, **_):
    with odd_server(tmp_path, sentinel=True) as port:
        yield Fault(RedisConnectionHandle(ConnectOptions(port=port, password=TRIED_PASSWORD)).connect)


@contextlib.contextmanager
def sentinel_and_a_database(tmp_path, **_):
    with odd_server(tmp_path, sentinel=True) as port:
        yield Fault(RedisConnectionHandle(ConnectOptions(port=port, password=TRIED_PASSWORD, db=1)).connect)


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
def certificate_of_tomorrow(server, tls, **_):
    with FaultProxy(server.port, tls.context_of_tomorrow) as proxy:
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


@contextlib.contextmanager
def _known_clients_only(server, tls, context=None, **files):
    with FaultProxy(server.port, context or tls.context_for_known_clients) as proxy:
        options = options_of(server, port=proxy.port, tls=True, **{"tls_ca_file": tls.ca_file, **files})
        yield Fault(RedisConnectionHandle(options).connect, options)


def wants_a_certificate(server, tls, **_):
    return _known_clients_only(server, tls)


def wants_a_certificate_in_tls_1_2(server, tls, **_):
    """There, the handshake itself fails."""
    return _known_clients_only(server, tls, tls.context_for_known_clients_1_2)


def certificate_of_a_stranger(server, tls, **_):
    return _known_clients_only(server, tls, tls_cert_file=tls.foreign_cert_file, tls_key_file=tls.foreign_key_file)


def authority_file_a_folder(server, tls, tmp_path, **_):
    return _known_clients_only(server, tls, tls_ca_file=str(tmp_path))


def certificate_file_missing(server, tls, **_):
    return _known_clients_only(server, tls, tls_cert_file="/no/such/me.crt", tls_key_file=tls.client_key_file)


def certificate_file_no_certificate(server, tls, **_):
    return _known_clients_only(server, tls, tls_cert_file=__file__, tls_key_file=tls.client_key_file)


def key_file_missing(server, tls, **_):
    return _known_clients_only(server, tls, tls_cert_file=tls.client_cert_file, tls_key_file="/no/such/me.key")


def key_file_no_key(server, tls, **_):
    return _known_clients_only(server, tls, tls_cert_file=tls.client_cert_file, tls_key_file=__file__)


def key_of_another_certificate(server, tls, **_):
    return _known_clients_only(server, tls, tls_cert_file=tls.client_cert_file, tls_key_file=tls.foreign_key_file)


def key_with_a_passphrase(server, tls, **_):
    return _known_clients_only(server, tls, tls_cert_file=tls.client_cert_file, tls_key_file=tls.locked_key_file)


def certificate_without_a_key(server, tls, **_):
    return _known_clients_only(server, tls, tls_cert_file=tls.client_cert_file)


def key_without_a_certificate(server, tls, **_):
    return _known_clients_only(server, tls, tls_key_file=tls.client_key_file)


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
        server.kill()  # in good order it would try to save for 5 seconds


@contextlib.contextmanager
def cannot_save_at_connect(tmp_path, **_):
    with cannot_save(tmp_path) as fault:
        yield no_connection(fault.options)


@contextlib.contextmanager
def too_few_replicas(**_):
    with marked_server(min_replicas_to_write=1) as server:
        yield in_use(options_of(server))


@contextlib.contextmanager
def key_on_another_node(tmp_path, **_):
    """A cluster's node that has handed the key's slot to another one."""
    with odd_server(tmp_path, "cluster-enabled yes") as port, redis.Redis(port=port, retry=None) as client:
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        assert wait_until(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        with odd_server(tmp_path, "cluster-enabled yes", "cluster-config-file other.conf") as other:
            client.execute_command("CLUSTER MEET", "127.0.0.1", other)
            with redis.Redis(port=other) as neighbour:
                name = neighbour.execute_command("CLUSTER MYID")
                slot = neighbour.execute_command("CLUSTER KEYSLOT", "fruit")
                assert wait_until(lambda: can(client, "CLUSTER SETSLOT", slot, "NODE", name))
                yield Fault(lambda: client.set("fruit", "uva"), ConnectOptions(port=port), client)


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
    return can(client, *command.split())


def can(client: redis.Redis, *command: object) -> bool:
    try:
        return bool(client.execute_command(*command))
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


@contextlib.contextmanager
def lab_has_ended(**_):
    """The server that the command `lab` had started; a notebook of it goes on."""
    with marked_server() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv(LAB_REDIS, f"{server.host}:{server.port}/0")
        fault = in_use(options_of(server))
        server.kill()
        with contextlib.suppress(redis.RedisError):
            fault.client.ping()  # the first command finds the connection cut
        yield fault


@contextlib.contextmanager
def lab_has_ended_at_connect(**_):
    with lab_has_ended() as fault:
        yield no_connection(fault.options)


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
