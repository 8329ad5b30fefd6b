"""What the server is and can do, and what it lets a user do, asked of the server itself."""

import re
import subprocess

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from redis_helpers.course.embedded import EmbeddedRedis, find_server_binary
from redis_helpers.course.embedded_cluster import EmbeddedCluster, _port_with_free_bus
from redis_helpers.server import HARMLESS_TO_TRY, knows, may, server_name, takes, why_not
from tests.support.servers import free_port
from tests.support.users import client_of

OUR_KEYS = "~cell-by-cell:*"
# A user who may not use transactions is asked in another way than one who may.
WAYS = {"with MULTI": (), "without MULTI": ("-multi",), "without COMMAND": ("-command",)}
DATA_COMMANDS = ("GET", "SET", "HSET", "ZADD", "XADD", "XREADGROUP", "BLPOP", "EXPIRE", "EVAL", "OBJECT ENCODING")
KEYLESS_COMMANDS = ("CONFIG GET", "INFO", "TIME", "SCAN", "PING")


def test_the_name_tells_the_fork_and_its_own_version(any_conn):
    info = any_conn.info("server")
    if info.get("server_name") == "valkey":
        assert server_name(any_conn) == f"Valkey {info['valkey_version']}"
    else:
        assert server_name(any_conn) == f"Redis {info['redis_version']}"
    assert re.fullmatch(r"(Redis|Valkey) \d+\.\d+\.\d+", server_name(any_conn))


def test_it_knows_commands_by_name(any_conn):
    assert knows(any_conn, "GET")
    assert knows(any_conn, "get")
    assert not knows(any_conn, "NOSUCHCOMMAND")


def test_what_is_known_can_be_run(any_conn):
    any_conn.hset("hash", "field", 1)
    if knows(any_conn, "HEXPIRE"):
        assert any_conn.execute_command("HEXPIRE", "hash", 10, "FIELDS", 1, "field") == [1]
    else:
        assert "hexpire" not in any_conn.command()


# What it lets a user do


def rule_without(command: str) -> str:
    return "-" + command.lower().replace(" ", "|")


def everything_left(server: EmbeddedRedis) -> list[bytes]:
    with redis.Redis.from_url(server.url) as admin:
        return list(admin.scan_iter())


@pytest.fixture
def lone_server(any_server, any_conn):
    """A server on which nothing is stored. 6.2 cannot take away a subcommand: then the whole command goes."""
    return any_server


def deny(server: EmbeddedRedis, command: str) -> str:
    with redis.Redis.from_url(server.url) as admin:
        old = server_name(admin).startswith("Redis 6.")
    return rule_without(command.split()[0] if old else command)


@pytest.mark.parametrize("way", WAYS)
def test_a_right_is_told_from_a_refusal_command_by_command(lone_server, way):
    for command in (*DATA_COMMANDS, *KEYLESS_COMMANDS):
        with client_of(lone_server, OUR_KEYS, "+@all", *WAYS[way]) as user:
            assert may(user, command), command
            assert why_not(user, command) is None
        with client_of(lone_server, OUR_KEYS, "+@all", *WAYS[way], deny(lone_server, command)) as user:
            assert not may(user, command), command
            assert why_not(user, command) == f"This user may not run {command}."
            assert knows(user, command)
    assert everything_left(lone_server) == []


@pytest.mark.parametrize("way", WAYS)
def test_what_the_server_does_not_have_is_told_from_what_it_refuses(lone_server, way):
    with client_of(lone_server, OUR_KEYS, "+@all", *WAYS[way]) as user:
        assert not knows(user, "NOSUCHCOMMAND")
        assert not may(user, "NOSUCHCOMMAND")
        assert why_not(user, "NOSUCHCOMMAND") == "This server does not know NOSUCHCOMMAND."


def test_a_newer_command_can_be_run_when_the_answer_is_yes(any_conn, lone_server):
    any_conn.hset("cell-by-cell:hash", "field", 1)
    with client_of(lone_server, OUR_KEYS, "+@all") as user:
        if may(user, "HEXPIRE"):
            assert user.execute_command("HEXPIRE", "cell-by-cell:hash", 10, "FIELDS", 1, "field") == [1]
        else:
            assert why_not(user, "HEXPIRE") == "This server does not know HEXPIRE."
            with pytest.raises(redis.ResponseError, match="unknown command"):
                user.execute_command("HEXPIRE", "cell-by-cell:hash", 10, "FIELDS", 1, "field")


@pytest.mark.parametrize("command", ["MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"])
def test_transactions_are_a_right_too(lone_server, command):
    with client_of(lone_server, OUR_KEYS, "+@all") as user:
        assert may(user, command)
    with client_of(lone_server, OUR_KEYS, "+@all", rule_without(command)) as user:
        assert why_not(user, command) == f"This user may not run {command}."


def test_the_right_to_a_command_is_not_the_right_to_a_key(lone_server):
    for rules in (["+@all"], ["+@all", "-multi"]):
        with client_of(lone_server, "~another-application:*", *rules) as user:
            assert may(user, "SET")
            assert not takes(user, "SET {key} 1")


def test_asking_runs_nothing(any_conn, lone_server):
    any_conn.set("cell-by-cell:kept", 1)
    any_conn.config_resetstat()
    asked = ("FLUSHALL", "FLUSHDB", "SCRIPT FLUSH", "SWAPDB", "SHUTDOWN", "RENAME", "LPUSH")
    for command in asked:
        assert may(any_conn, command), command
    statistics = any_conn.info("commandstats")
    run = {name.removeprefix("cmdstat_") for name, numbers in statistics.items() if numbers["calls"] > 0}
    assert "multi" in run
    assert not {command.lower().replace(" ", "|") for command in asked} & run
    assert any_conn.get("cell-by-cell:kept") == "1"


@pytest.mark.parametrize("command", ["FLUSHALL", "SHUTDOWN", "SCRIPT FLUSH", "RENAME", "MIGRATE"])
def test_without_multi_what_could_do_harm_is_not_tried(any_conn, lone_server, command):
    any_conn.set("cell-by-cell:kept", 1)
    with client_of(lone_server, OUR_KEYS, "+@all", "-multi") as user:
        if command == "RENAME":  # works on its keys only
            assert may(user, command)
        else:
            assert not may(user, command)
            assert why_not(user, command) == (f"Whether this user may run {command} cannot be found out without MULTI.")
    assert any_conn.get("cell-by-cell:kept") == "1"


def test_who_may_neither_use_multi_nor_ask_command_is_told_so(lone_server):
    with client_of(lone_server, OUR_KEYS, "+@all", "-multi", "-command") as user:
        assert may(user, "HSET")
        assert not may(user, "GEOADD")
        assert "cannot be found out" in why_not(user, "GEOADD")


def test_without_multi_and_command_a_refusal_is_told_all_the_same(lone_server):
    with client_of(lone_server, OUR_KEYS, "+@read", "+@write", "+@connection", "-command") as user:
        for command in sorted(HARMLESS_TO_TRY):
            allowed = command not in ("EVAL", "EVALSHA", "SCRIPT LOAD", "TIME", "INFO", "CONFIG GET")
            reason = why_not(user, command)
            if reason == f"This server does not know {command}.":
                assert command in ("HEXPIRE", "HSETEX", "HTTL", "XACKDEL")
            else:
                assert reason == (None if allowed else f"This user may not run {command}.")
    assert everything_left(lone_server) == []


def test_the_client_is_as_good_as_before(lone_server):
    settings = {"max_connections": 1, "decode_responses": True}
    for rules in (["+@all"], ["+@all", "-multi"]):
        with client_of(lone_server, OUR_KEYS, *rules, **settings) as user:
            for command in ("GET", "WATCH", "MULTI", "NOSUCHCOMMAND", "SUBSCRIBE"):
                may(user, command)
                assert user.set("cell-by-cell:after", command) is True  # not QUEUED, not refused
                assert user.get("cell-by-cell:after") == command


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("decode", [False, True])
def test_it_asks_through_any_client(lone_server, protocol, decode):
    for rules in (["+@all"], ["+@all", "-multi"], ["+@all", "-info"]):
        with client_of(lone_server, OUR_KEYS, *rules, protocol=protocol, decode_responses=decode) as user:
            assert may(user, "GET")
            assert may(user, "OBJECT ENCODING")
            assert not knows(user, "NOSUCHCOMMAND")
            assert takes(user, "SET {key} 1 NX")
            assert re.fullmatch(r"(Redis|Valkey) \d+\.\d+\.\d+", server_name(user))


# Options


def test_an_option_is_asked_for_itself(lone_server, any_conn):
    newer_than_6 = not server_name(any_conn).startswith("Redis 6.")
    with client_of(lone_server, OUR_KEYS, "+@all") as user:
        assert takes(user, "SET {key} 1 NX PX 1000")
        assert takes(user, "ZADD {key} GT CH 1 banana")
        assert takes(user, "SET {key} 1 NX GET") is newer_than_6
        assert takes(user, "EXPIRE {key} 10 NX") is newer_than_6
        assert not takes(user, "SET {key} 1 NOSUCHOPTION")
        assert not takes(user, "GET")
        assert not takes(user, "SET somebody-elses 1")
    assert everything_left(lone_server) == []


def test_an_option_of_a_command_that_this_user_may_not_run_is_not_taken(lone_server):
    with client_of(lone_server, OUR_KEYS, "+@all", "-set") as user:
        assert not takes(user, "SET {key} 1")


@pytest.mark.parametrize("few", [("+del",), ("+unlink",), ("+del", "+unlink")], ids=str)
def test_nothing_is_left_by_a_user_who_may_delete_in_one_way_only(lone_server, few):
    with client_of(lone_server, OUR_KEYS, "+set", "+hset", "+type", *few, protocol=2) as user:
        assert takes(user, "SET {key} 1")
        assert takes(user, "HSET {key} fruit uva")
        assert may(user, "SET") and may(user, "HSET")
    assert everything_left(lone_server) == []


@pytest.mark.parametrize("ask", [may, knows, takes, why_not])
@pytest.mark.parametrize("command", ["", " \n\t"])
def test_an_empty_command_is_refused_before_anything_is_sent(ask, command):
    with pytest.raises(ValueError, match=r'^A command has a name, such as "HEXPIRE": write one\.$'):
        ask(redis.Redis(port=free_port(), retry=None), command)


# The name


def test_the_name_needs_no_info(lone_server, any_conn):
    for rules in (["-info"], ["-@all", "+get"], ["-@admin", "-@dangerous"]):
        with client_of(lone_server, OUR_KEYS, "+@all", *rules) as user:
            assert server_name(user) == server_name(any_conn)


def test_a_server_that_tells_nothing_is_a_redis(tmp_path):
    port = free_port()
    options = {"port": port, "bind": "127.0.0.1", "dir": tmp_path, "save": "", "requirepass": "pw"}
    renamed = ["--rename-command", "HELLO", "", "--rename-command", "INFO", ""]
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with (
        subprocess.Popen([find_server_binary(), *words, *renamed], stdout=subprocess.DEVNULL) as process,
        redis.Redis(port=port, password="pw", protocol=2) as client,
    ):
        try:
            client.set_retry(Retry(ConstantBackoff(0.05), 200))
            assert client.ping()
            assert server_name(client) == "a Redis"
            assert may(client, "GET")
        finally:
            process.kill()


# A server that has renamed a command, as managed ones do, does not have it


def test_a_renamed_command_is_unknown():
    with EmbeddedRedis(rename_command=["CONFIG", ""]) as managed, redis.Redis.from_url(managed.url) as client:
        assert why_not(client, "CONFIG GET") == "This server does not know CONFIG GET."


# A cluster


def test_a_cluster_is_asked_at_one_of_its_nodes():
    with EmbeddedRedis(cluster_enabled="yes", port=_port_with_free_bus()) as node:
        with redis.Redis.from_url(node.url) as admin:
            admin.execute_command("CLUSTER ADDSLOTS", *range(16384))
        with redis.RedisCluster(host=node.host, port=node.port, password=node.password) as cluster:
            assert may(cluster, "GET")
            assert knows(cluster, "XADD")
            assert not knows(cluster, "NOSUCHCOMMAND")
            assert re.fullmatch(r"(Redis|Valkey) \d+\.\d+\.\d+", server_name(cluster))


def test_in_a_cluster_a_command_is_tried_where_its_key_lies():
    with EmbeddedCluster(replicas=0) as nodes, nodes.connect() as cluster:
        for number in range(12):  # a new key each time, so that each of the three nodes has its turn
            assert takes(cluster, "SET {key} 1"), number
            assert takes(cluster, "HSET {key} fruit uva"), number
            assert not takes(cluster, "SET {key} 1 NOSUCHOPTION")
        assert [name for node in cluster.get_primaries() for name in cluster.keys(target_nodes=node)] == []


# A connection that is lost


def test_a_lost_connection_is_no_answer(server):
    lost = EmbeddedRedis().start()
    with redis.Redis.from_url(lost.url, retry=None) as client:
        client.ping()
        lost.kill()
        for ask in (server_name, lambda conn: may(conn, "GET"), lambda conn: takes(conn, "SET {key} 1")):
            with pytest.raises(redis.ConnectionError):
                ask(client)
