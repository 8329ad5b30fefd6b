"""`impatient_client`: the same Redis and rights, other time-outs, nothing sent twice."""

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import redis.asyncio

from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.errors import CourseError
from redis_helpers.impatient_client import impatient_client
from tests.support.servers import options_of, paused
from tests.support.users import user_of


@pytest.mark.parametrize("protocol", [2, 3])
def test_it_has_the_rights_the_database_and_the_replies_of_the_other(server, redis_conn, protocol):
    with user_of(server, "~fruit:*", "+get", "+set", "+select") as options:
        with redis.Redis(**{**options.arguments(), "db": 3}, protocol=protocol) as other:
            client = impatient_client(other, 5)
            client.set("fruit:1", "banana")
            assert other.get("fruit:1") == client.get("fruit:1")
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.get("prices")
        assert client.get("fruit:1")  # its connections are its own
    assert not redis_conn.exists("fruit:1")  # it is in another database


def test_it_reaches_a_server_by_its_unix_socket(short_folder):
    path = short_folder / "redis.sock"
    with EmbeddedRedis(unixsocket=path) as server:
        other = redis.Redis(unix_socket_path=str(path), password=server.password)
        assert impatient_client(other, 5).ping()


def test_it_does_not_wait_and_sends_nothing_twice(server, redis_conn):
    with FaultProxy(server.port) as proxy:
        client = impatient_client(redis.Redis(**options_of(server, port=proxy.port).arguments()), 5)
        client.ping()
        proxy.drop_replies = 1
        with pytest.raises(redis.ConnectionError):
            client.incr("sold")
        assert redis_conn.get("sold") == "1"


def test_a_server_that_hangs_costs_its_patience():
    with EmbeddedRedis() as server:
        client = impatient_client(redis.Redis.from_url(server.url), 0.05)
        with paused(server), pytest.raises(redis.TimeoutError):
            client.ping()


@pytest.mark.parametrize("pool_class", [redis.ConnectionPool, redis.BlockingConnectionPool])
def test_whoever_finds_all_connections_in_use_waits_for_one(server, redis_conn, pool_class):
    pool = pool_class.from_url(server.url, max_connections=2)
    client = impatient_client(redis.Redis(connection_pool=pool), 20)
    with ThreadPoolExecutor(16) as threads:
        numbers = sorted(threads.map(lambda _: client.incr("visits"), range(320)))
    assert numbers == list(range(1, 321))
    assert len(client.connection_pool._connections) <= 2


def test_a_connection_that_is_not_free_in_time_is_an_error_of_its_own(server):
    pool = redis.ConnectionPool.from_url(server.url, max_connections=1)
    client = impatient_client(redis.Redis(connection_pool=pool), 0.5)
    with client.monitor(), pytest.raises(redis.exceptions.MaxConnectionsError):
        client.ping()
    assert client.ping()


def test_a_client_without_a_bound_gets_a_pool_of_some_size():
    pool = redis.ConnectionPool(max_connections=2**31)
    assert impatient_client(redis.Redis(connection_pool=pool), 1).connection_pool.max_connections == 1000


@pytest.mark.parametrize("patience", [0, -1, math.nan, math.inf, True, "1", None])
def test_a_patience_is_a_number_of_seconds(patience):
    with pytest.raises(CourseError, match="patience"):
        impatient_client(redis.Redis(), patience)


@pytest.mark.parametrize("kind", [redis.asyncio.Redis, redis.asyncio.RedisCluster])
def test_a_client_of_asyncio_is_refused_at_once(kind):
    with pytest.raises(TypeError, match=r"^impatient_client needs a client .* not of redis\.asyncio$"):
        impatient_client(kind(host="127.0.0.1"), 1)
