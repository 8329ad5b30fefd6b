"""`same_client`: a second client of the same Redis, otherwise set."""

import pytest
import redis

from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.notebook.same_client import same_client
from tests.support.servers import options_of, wait_until


def test_it_reaches_the_same_database_as_the_same_user(server, redis_conn):
    redis_conn.acl_setuser("reader", enabled=True, passwords=["+secret"], keys=["*"], commands=["+@all"])
    first = redis.Redis(host=server.host, port=server.port, db=3, username="reader", password="secret")
    try:
        with first, same_client(first, decode_responses=True) as second:
            first.set("fruit", "uva")
            assert second.get("fruit") == "uva"
            assert second.acl_whoami() == "reader"
    finally:
        redis_conn.acl_deluser("reader")


def test_the_first_client_keeps_its_own_settings(redis_conn):
    redis_conn.set("fruit", "uva")
    with same_client(redis_conn, decode_responses=False, socket_timeout=1.5) as second:
        assert second.get("fruit") == b"uva"
        assert second.connection_pool.connection_kwargs["socket_timeout"] == 1.5
        assert redis_conn.get("fruit") == "uva"
        assert redis_conn.connection_pool.connection_kwargs.get("socket_timeout") != 1.5


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_protocol_can_be_another_one(redis_conn, protocol):
    with same_client(redis_conn, protocol=protocol) as second:
        assert second.client_info()["resp"] == str(protocol)


def test_closing_it_leaves_the_first_client_open_and_no_connection_behind(redis_conn):
    def ids():
        return {client["id"] for client in redis_conn.client_list()}

    before = ids()
    with same_client(redis_conn) as second:
        second.ping()
        assert len(ids() - before) == 1
    assert wait_until(lambda: ids() == before)
    assert redis_conn.ping() is True


def test_tls_and_its_authority_come_along(server, tls):
    with FaultProxy(server.port, tls=tls.context) as proxy:
        options = options_of(server, port=proxy.port, tls=True, tls_ca_file=tls.ca_file)
        with RedisConnectionHandle(options) as handle, same_client(handle.connect(), protocol=2) as second:
            assert second.ping() is True
