"""What a lesson needs to be allowed, what is said where it is not, and where the lesson runs then."""

import pytest
import redis

from redis_helpers.connection import ConnectOptions, RedisConnectionHandle, connect_options
from redis_helpers.course import embedded
from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.course.rights import handle_for, require
from redis_helpers.errors import CourseError
from redis_helpers.server import may, server_name
from tests.support.users import PASSWORD, client_of, user_of

OUR_KEYS = "~cell-by-cell:*"
ADVICE = "name another user in REDIS_URL, or unset REDIS_URL and REDIS_HOST, and the course starts a Redis of its own."


@pytest.fixture
def course_of(any_server, any_conn, monkeypatch):
    """Makes the Redis of this process that of a user with the given rules, and gives its options."""
    held = []

    def of(*rules):
        context = user_of(any_server, *rules)
        options = context.__enter__()
        held.append(context)
        monkeypatch.setenv("REDIS_URL", options.url)
        return options

    yield of
    while held:
        held.pop().__exit__(None, None, None)


def keys_on(server):
    with redis.Redis.from_url(server.url) as admin:
        return list(admin.scan_iter())


def test_who_may_do_everything_stays_on_their_own_server(course_of, any_server, capsys):
    options = course_of(OUR_KEYS, "+@all")
    with handle_for("EVAL", "EVALSHA", "SCRIPT LOAD", "MULTI", "WATCH", "TIME") as handle:
        assert handle.options == options
        require(handle.connect(), "EVAL")
    assert capsys.readouterr().out == ""
    assert keys_on(any_server) == []


def test_few_rights_are_enough_for_what_every_lesson_does(any_server, any_conn):
    rules = ("-@all", "+@read", "+@write", "+@connection", "-object", "-memory", "-command")
    with client_of(any_server, OUR_KEYS, *rules) as user:
        require(user)
    assert keys_on(any_server) == []


def test_a_lesson_that_may_not_run_scripts_goes_to_a_private_server(course_of, any_server, capsys):
    course_of(OUR_KEYS, "+@all", "-eval", "-time")
    line = (
        "Left out: your own Redis, which does not let this user run EVAL and TIME. "
        "The lesson runs on a private Redis.\n"
    )
    with handle_for(["MULTI", "EVAL"], "TIME") as handle:
        assert capsys.readouterr().out == line
        redis_conn = handle.connect()
        assert (handle.options.host, handle.options.port) != (any_server.host, any_server.port)
        assert may(redis_conn, "EVAL")
        redis_conn.set("cell-by-cell:there", 1)
    assert keys_on(any_server) == []
    # The check of an exercise and the processes that a lesson starts find the same one.
    assert connect_options() == handle.options
    with RedisConnectionHandle() as another:
        assert another.connect().get("cell-by-cell:there") == "1"
    with handle_for("MULTI", "EVAL", "TIME") as again:  # the cell is run once more
        assert again.options == handle.options
        assert capsys.readouterr().out == line


def test_what_a_user_with_few_rights_may_do_is_not_named_as_forbidden(course_of, any_conn, capsys):
    course_of(OUR_KEYS, "+@read", "+@write", "+@connection", "-command")
    with handle_for("HSET", "BLMOVE", "XREADGROUP", "RENAME", "TIME", "MULTI", "WATCH", "EVAL", "SCRIPT LOAD"):
        assert "run TIME, MULTI, WATCH, EVAL and SCRIPT LOAD. The lesson" in capsys.readouterr().out


def test_keys_of_the_course_are_a_right_too(course_of, any_server, capsys):
    course_of("~shop:*", "+@all")
    with handle_for() as handle:
        handle.connect().set("cell-by-cell:there", 1)
    assert capsys.readouterr().out == (
        "Left out: your own Redis, which does not let this user use keys that begin with 'cell-by-cell:'. "
        "The lesson runs on a private Redis.\n"
    )
    assert keys_on(any_server) == []


def test_where_there_is_no_private_server_one_sentence_says_what_is_missing(course_of, any_conn, monkeypatch):
    course_of(OUR_KEYS, "+@all", "-eval")
    monkeypatch.setattr(embedded, "_kernel_server", None)
    monkeypatch.setenv("REDIS_SERVER_BINARY", "no-such-program")
    with pytest.raises(CourseError) as refused:
        handle_for("EVAL")
    assert str(refused.value) == (
        f"This lesson has to run EVAL, and {server_name(any_conn)} does not let this user do that: {ADVICE}"
    )


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        ((OUR_KEYS, "+@all", "-unlink"), "run UNLINK"),
        ((OUR_KEYS, "+@read", "+@connection"), "run SET, INCR, EXPIRE, DEL and UNLINK"),
        (("~shop:*", "+@all"), "use keys that begin with 'cell-by-cell:'"),
        (("~shop:*", "+@all", "-ttl"), "run TTL, and use keys that begin with 'cell-by-cell:'"),
    ],
)
def test_what_is_missing_is_named_in_one_sentence(any_server, any_conn, rules, missing):
    with client_of(any_server, *rules) as user, pytest.raises(CourseError) as refused:
        require(user)
    sentence = str(refused.value)
    assert (
        sentence
        == f"This lesson has to {missing}, and {server_name(any_conn)} does not let this user do that: {ADVICE}"
    )
    assert PASSWORD not in sentence


def test_no_password_is_printed(course_of, capsys):
    course_of(OUR_KEYS, "+@all", "-eval")
    with handle_for("EVAL") as handle:
        printed = capsys.readouterr().out
        assert PASSWORD not in printed
        assert handle.options.password not in printed


@pytest.fixture(scope="module")
def cluster():
    with EmbeddedCluster(replicas=0, node_timeout=15_000) as cluster:
        yield cluster


@pytest.mark.parametrize("forbidden", ["", "-info", "-cluster -info", "-command"])
def test_a_node_of_a_cluster_is_no_server_for_a_lesson_whatever_the_user_may_ask(
    cluster, monkeypatch, capsys, forbidden
):
    for node in cluster.nodes:
        with redis.Redis(port=node.port, password=cluster.password) as admin:
            admin.execute_command("ACL SETUSER", "lessons", "reset", "on", ">a-word", "~*", "+@all", *forbidden.split())
    options = ConnectOptions(port=cluster.nodes[0].port, username="lessons", password="a-word")
    monkeypatch.setenv("REDIS_URL", options.url)
    line = "Left out: your own Redis, which is a node of a cluster. The lesson runs on a private Redis.\n"
    with handle_for("MULTI") as handle:
        assert capsys.readouterr().out == line
        assert handle.options.port not in [node.port for node in cluster.nodes]
        assert handle.connect().set("cell-by-cell:there", 1, px=1000)
    with handle_for("MULTI"):  # the cell is run once more
        assert capsys.readouterr().out == line
    for node in cluster.nodes:
        assert keys_on_port(node.port, cluster.password) == []


def keys_on_port(port, password):
    with redis.Redis(port=port, password=password) as admin:
        return list(admin.scan_iter())


def test_a_cluster_and_no_private_server_is_one_sentence(cluster, monkeypatch):
    options = ConnectOptions(port=cluster.nodes[0].port, password=cluster.password)
    monkeypatch.setenv("REDIS_URL", options.url)
    monkeypatch.setattr(embedded, "_kernel_server", None)
    monkeypatch.setenv("REDIS_SERVER_BINARY", "no-such-program")
    with pytest.raises(
        CourseError, match="is one node of a cluster, and the course needs a server that holds all keys"
    ):
        handle_for("EVAL")
