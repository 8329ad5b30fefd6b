"""`RedisConnectionHandle.connect_cluster`: a real cluster, and what is none."""

import re

import pytest
import redis
from redis.exceptions import RedisClusterException

from redis_helpers.connection import ConnectOptions, RedisConnectionHandle
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.embedded_cluster import EmbeddedCluster, _port_with_free_bus
from redis_helpers.errors import CourseError
from redis_helpers.redis_repository import RedisRepository
from tests.support.servers import answering_server, free_port, options_of, wait_until

PREFIX = "cell-by-cell:clients:"


@pytest.fixture(scope="module")
def cluster():
    with EmbeddedCluster(replicas=0, cluster_require_full_coverage="no") as cluster:
        yield cluster


def options_for(cluster, **changes):
    node = cluster.nodes[0]
    return ConnectOptions(**{"host": node.host, "port": node.port, "password": cluster.password, **changes})


def problem(options):
    with RedisConnectionHandle(options) as handle, pytest.raises(CourseError) as raised:
        handle.connect_cluster()
    assert raised.value.__cause__ is None and raised.value.__context__ is None, "an error may repeat the password"
    return str(raised.value)


def test_one_address_leads_to_all_nodes(cluster):
    with RedisConnectionHandle(options_for(cluster)) as handle:
        client = handle.connect_cluster()
        assert isinstance(client, redis.RedisCluster)
        names = [f"{PREFIX}{number}" for number in range(60)]
        for number, name in enumerate(names):
            client.set(name, number)
        assert [client.get(name) for name in names] == [str(number) for number in range(60)]
        assert {cluster.primary_of(name).port for name in names} == {node.port for node in cluster.nodes}
        assert RedisRepository(client).delete_prefix(PREFIX) == 60


def test_the_address_of_the_environment_counts(cluster, monkeypatch):
    monkeypatch.setenv("REDIS_URL", options_for(cluster).url)
    with RedisConnectionHandle() as handle:
        assert handle.connect_cluster().ping() is True


def test_its_clients_are_closed_with_the_handle(cluster):
    node = redis.Redis(port=cluster.nodes[0].port, password=cluster.password)
    before = len(node.client_list())
    with RedisConnectionHandle(options_for(cluster)) as handle:
        for number in range(30):
            handle.connect_cluster().get(f"{PREFIX}{number}")
        assert len(node.client_list()) > before
    assert wait_until(lambda: len(node.client_list()) <= before)
    node.close()


def test_one_server_alone_is_no_cluster(server):
    assert problem(options_of(server)).endswith(
        "is one server alone, and no node of a cluster: connect to it with connect()."
    )


def test_a_cluster_is_no_server_that_holds_all_keys(cluster):
    with pytest.raises(CourseError, match=r"reaches the whole cluster with connect_cluster\(\)"):
        RedisConnectionHandle(options_for(cluster)).connect()


def test_a_cluster_has_no_databases(cluster):
    assert "a cluster has one database only, 0: unset REDIS_DB" in problem(options_for(cluster, db=3))


def test_nobody_there_and_a_wrong_password(cluster):
    assert "refused" in problem(options_for(cluster, port=free_port()))
    said = problem(options_for(cluster, password="not-this-one"))
    assert "not-this-one" not in said and "password" in said


@pytest.mark.parametrize(
    "reply",
    [b":0\r\n", b"$2\r\nab\r\n", b"_\r\n", b"#t\r\n", b"*1\r\n:5\r\n", b"*1\r\n*2\r\n+a\r\n+b\r\n", b",1.5\r\n"],
)
def test_something_that_answers_alike_to_all_is_told_as_no_redis(reply):
    """Even when redis-py can read the reply: it is not the list that CLUSTER SLOTS gives."""
    of_hello = b"%1\r\n+proto\r\n:3\r\n"

    def answer(client):
        while data := client.recv(65536):
            commands = re.findall(rb"^\*\d+\r\n\$\d+\r\n(\w+)", data, re.MULTILINE)
            client.sendall(b"".join(of_hello if command == b"HELLO" else reply for command in commands))

    with answering_server(answer) as port:
        assert "answers, but not as a Redis does" in problem(ConnectOptions(port=port))


def test_a_node_that_knows_nobody_yet():
    with EmbeddedRedis(port=_port_with_free_bus(), cluster_enabled="yes") as alone:
        assert "in which nobody serves a part of the keys" in problem(options_of(alone))
        with pytest.raises(CourseError, match="in which nobody serves a part of the keys"):
            RedisConnectionHandle(options_of(alone)).connect_server_or_cluster()


def test_keys_of_two_nodes_in_one_command_are_refused_in_redis_pys_words(cluster):
    with RedisConnectionHandle(options_for(cluster)) as handle:
        client = handle.connect_cluster()
        with pytest.raises(RedisClusterException, match=r"same (key )?slot"):
            client.mget(f"{PREFIX}1", f"{PREFIX}2")
        with pytest.raises(RedisClusterException, match="same key slot"):
            client.eval("return 1", 2, f"{{1}}{PREFIX}", f"{{2}}{PREFIX}")


def test_one_call_gives_the_client_that_fits_the_address(cluster, server):
    with RedisConnectionHandle(options_for(cluster)) as handle:
        client = handle.connect_server_or_cluster()
        assert isinstance(client, redis.RedisCluster)
        assert client.set(f"{PREFIX}either", "uva", px=1000)
    with RedisConnectionHandle(options_of(server)) as handle:
        alone = handle.connect_server_or_cluster()
        assert isinstance(alone, redis.Redis)
        assert alone.set(f"{PREFIX}either", "uva", px=1000)
    with RedisConnectionHandle(options_of(server, db=3)) as handle:
        assert handle.connect_server_or_cluster().get(f"{PREFIX}either") is None


def test_without_an_address_it_is_the_embedded_server():
    with RedisConnectionHandle() as handle:
        assert isinstance(handle.connect_server_or_cluster(), redis.Redis)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"db": 3}, "a cluster has one database only, 0: unset REDIS_DB"),
        ({"password": "not-this-one"}, "refused the user or password"),
        ({"password": None}, "wants a password"),
        ({"port": 1}, "connection refused"),
        ({"tls": True, "tls_ca_file": "/no/such/file"}, "REDIS_TLS_CA_FILE names no file"),
    ],
    ids=str,
)
def test_each_failure_has_one_sentence_without_the_password(cluster, changes, sentence):
    with RedisConnectionHandle(options_for(cluster, **changes)) as handle, pytest.raises(CourseError) as raised:
        handle.connect_server_or_cluster()
    assert raised.value.__cause__ is None and raised.value.__context__ is None, "an error may repeat the password"
    said = str(raised.value)
    assert sentence in said
    assert len(said.splitlines()) == 1 and "not-this-one" not in said and cluster.password not in said


@pytest.mark.parametrize(
    ("forbidden", "sentence"), [("-cluster", r"but not CLUSTER\|SLOTS: widen"), ("-command", "but not COMMAND: widen")]
)
def test_a_user_who_may_not_ask_for_the_nodes_is_told_which_right_is_missing(cluster, forbidden, sentence):
    with redis.Redis(port=cluster.nodes[0].port, password=cluster.password) as admin:
        admin.execute_command("ACL SETUSER", "few", "reset", "on", ">few-words", "~*", "+@all", forbidden)
    options = options_for(cluster, username="few", password="few-words")
    with RedisConnectionHandle(options) as handle, pytest.raises(CourseError, match=sentence):
        handle.connect_server_or_cluster()
