"""What the server is and can do, asked of the server itself."""

import re

import redis

from redis_helpers.server import knows, server_name


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


def test_a_server_that_tells_nothing_about_itself_has_its_name_at_least(any_server, any_conn):
    any_conn.acl_setuser("ann", enabled=True, passwords=["+word"], commands=["+@all", "-info", "-command"])
    with redis.Redis(port=any_server.port, username="ann", password="word") as client:
        assert server_name(client) == "Redis"
        assert knows(client, "GET") is False
    any_conn.acl_deluser("ann")
