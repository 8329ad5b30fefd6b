"""Everything that can go wrong, one row a fault: what a user sees, within which time, and what a cache does meanwhile.

The faults are real (tests/support/faults.py). Two more end well and say nothing: two builders of the market at once,
and a build that is killed; see market/test_build_sqlite.py.
"""

import logging
import re
import time
import traceback
from itertools import count

import nbformat
import pytest
import redis
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from redis_helpers import cache_client, connection
from redis_helpers.cache_aside import CacheAside
from redis_helpers.cache_client import cache_client as new_cache_client
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.connection_errors import why_failed
from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.start import doctor
from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError
from redis_helpers.redis_repository import RedisRepository
from tests.support import faults
from tests.support.faults import SERVERS_PASSWORD, TRIED_PASSWORD, marked_server
from tests.support.servers import options_of

REPLY_TIMEOUT = 0.4  # instead of 5 seconds, which would take too long here
AT_ONCE = 2  # seconds: nothing has to be waited for. A busy machine takes its time
ONE_WAIT = REPLY_TIMEOUT + AT_ONCE

AT = r"The Redis at [\w.:/?=-]+ "
UNKNOWN = "so the command may have run or not: look first, then run it again."
UNTRUSTED = AT + "shows a TLS certificate that is not trusted: set REDIS_TLS_CA_FILE to its authority's file."
NOT_ASKED = AT + "was not asked, for {}: correct it."
NOT_REDIS = AT + "answers, but not as a Redis does: correct the host or the port."
NO_HELLO = (
    AT + "does not know the command HELLO, so it is older than Redis 6, or a proxy answers for it: take a Redis of "
    "version 6.2 or newer, and no proxy."
)
OLD = AT + r"is of version {}\.\d+\.\d+, and the course needs Redis 6.2 or newer: update it, or take another."
CLUSTER = (
    "is one node of a cluster, and the course needs a server that holds all keys itself: set REDIS_HOST "
    r"\(or REDIS_URL\) to one without cluster mode \(a program of yours reaches the whole cluster with "
    r"connect_cluster\(\)\)."
)
OTHER_NODE = (
    r"Redis is one node of a cluster, and another node is to be asked for this key \(its slot is \d+, the other node "
    r"has port \d+\): a client of the whole cluster, connect_cluster\(\), does that by itself."
)
SENTINEL = (
    AT + "is a Sentinel, which watches over servers and holds no keys: set REDIS_HOST and REDIS_PORT "
    r"\(or REDIS_URL\) to the primary that it names."
)
NO_DATABASES = (
    AT
    + r"has no databases to choose from \(it does not know the command SELECT\): unset REDIS_DB, and write no number "
    "behind the last / of REDIS_URL."
)
BUSY = "is busy with a script that does not end: wait, or end it with SCRIPT KILL."
LAB = r"that the command `lab` started is gone \(connection refused\): end lab, and start lab again."
CREDENTIALS = AT + r"refused the user or password: check REDIS_USERNAME and REDIS_PASSWORD \(or REDIS_URL\)."
CLOSED = AT + r"closed the connection at once: if it wants TLS, set REDIS_TLS=yes \(or write rediss://\)."
MARKET = (
    r"The market's database \S+ cannot be built or read \({}\): check that the folder can be written and "
    "the disk has 100 MB free, delete the file, and run this again."
)

# (how it is made, the sentence, seconds within which it comes)
CANNOT_CONNECT = [
    (
        faults.refused,
        AT + r"is not there \(connection refused\): start it, for example with `docker compose up -d`, or correct the "
        "address.",
        AT_ONCE,
    ),
    (
        faults.unreachable,
        AT + "did not answer within 2 seconds: check the address, the network, and that the server runs.",
        3,
    ),
    (faults.impossible_name, AT + r"has a host name that is not known: correct REDIS_HOST \(or REDIS_URL\).", AT_ONCE),
    (faults.wrong_password, CREDENTIALS, AT_ONCE),
    (faults.unknown_user, CREDENTIALS, AT_ONCE),
    (
        faults.no_password,
        AT + r"wants a password: set REDIS_PASSWORD in the same place as its address \(or write it into REDIS_URL\).",
        AT_ONCE,
    ),
    (
        faults.user_without_ping,
        AT + "lets this user in, but not PING: widen its rights with ACL SETUSER, or take another user.",
        AT_ONCE,
    ),
    (
        faults.too_many_clients,
        AT + "has no room for one more client: close notebooks you do not use, and run this again.",
        AT_ONCE,
    ),
    (
        faults.hung,
        AT + r"accepted the connection but does not answer: is it Redis, and is it busy or paused\?.",
        ONE_WAIT,
    ),
    (
        faults.user_without_select,
        AT + "lets this user in, but not SELECT: widen its rights with ACL SETUSER, or take another user.",
        AT_ONCE,
    ),
    (
        faults.no_such_database,
        AT + "has no database of that number: write a smaller one, such as 0, in REDIS_DB "
        r"\(or behind the last / of REDIS_URL\).",
        AT_ONCE,
    ),
    (
        faults.lost_primary,
        AT + "is a replica that has lost its primary, and answers nothing meanwhile: set REDIS_HOST "
        r"\(or REDIS_URL\) to a primary.",
        AT_ONCE,
    ),
    (faults.busy_with_a_script_at_connect, AT + BUSY, AT_ONCE),
    (faults.older_than_redis_6, OLD.format("5"), AT_ONCE),
    (faults.older_and_a_wrong_password, NO_HELLO, AT_ONCE),
    (faults.no_hello, NO_HELLO, AT_ONCE),
    (faults.not_redis, NOT_REDIS, AT_ONCE),
    (faults.mysql_at_that_port, NOT_REDIS, ONE_WAIT),
    (faults.ssh_at_that_port, NOT_REDIS, AT_ONCE),
    (faults.no_socket, AT + r"is not there \(no such socket\): start it, or correct the path.", AT_ONCE),
    (
        faults.dead_socket,
        AT + r"is not there \(nobody listens at that socket\): start it, or correct the path.",
        AT_ONCE,
    ),
    (faults.lab_has_ended_at_connect, f"The Redis {LAB}", AT_ONCE),
    (faults.closed_at_once, CLOSED, AT_ONCE),
    (
        faults.cannot_save_at_connect,
        AT + r"cannot save its data, so it takes no writes: make room on its disk \(its log says more\).",
        AT_ONCE,
    ),
    (faults.loading, AT + "is still loading its data: wait some seconds and run this again.", ONE_WAIT),
    (
        faults.tls_to_a_plain_port,
        AT + r"(does not speak TLS|did not answer to TLS: if it does not speak TLS,?):? unset REDIS_TLS "
        r"\(or write redis:// in REDIS_URL\).",
        3,
    ),
    (faults.plain_to_a_tls_port, CLOSED, AT_ONCE),
    (faults.unknown_authority, UNTRUSTED, AT_ONCE),
    (faults.certificate_expired, AT + "shows a TLS certificate that has expired: renew it.", AT_ONCE),
    (
        faults.certificate_of_tomorrow,
        AT + "shows a TLS certificate that is not valid yet: check the clock of this machine, and of that one.",
        AT_ONCE,
    ),
    (
        faults.certificate_of_another_host,
        AT + r"shows a TLS certificate that is made out to another host: write the host in REDIS_HOST \(or REDIS_URL\) "
        "as the certificate names it.",
        AT_ONCE,
    ),
    (faults.authority_file_missing, NOT_ASKED.format("REDIS_TLS_CA_FILE names no file"), AT_ONCE),
    (
        faults.authority_file_no_certificate,
        NOT_ASKED.format("REDIS_TLS_CA_FILE names a file that holds no certificate"),
        AT_ONCE,
    ),
]
# The user cannot connect; a cache is not asked for: its own client may well be served, or its files are no use at all.
CANNOT_START = [
    (faults.older_than_6_2, OLD.format("6"), AT_ONCE),
    (
        faults.no_ping,
        AT + "does not know the command PING, which the course needs: take a Redis whose commands nobody has renamed, "
        "without a proxy in front.",
        AT_ONCE,
    ),
    (faults.node_of_a_cluster, AT + CLUSTER, AT_ONCE),
    (faults.node_of_a_cluster_and_a_database, AT + CLUSTER, AT_ONCE),
    (faults.sentinel, SENTINEL, AT_ONCE),
    (faults.sentinel_and_a_database, NO_DATABASES, AT_ONCE),
    (faults.a_greeting_that_begins_as_a_reply, NOT_REDIS, AT_ONCE),
    (
        faults.wants_a_certificate,
        # Which of the two depends on what arrives first: the server's reason, or the end of the connection.
        AT + "(wants a TLS certificate of yours: set|ended the connection as soon as TLS was agreed: if it wants a "
        "certificate of yours, set) REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE( to its files)?.",
        AT_ONCE,
    ),
    (
        faults.certificate_of_a_stranger,
        AT
        + "(does not accept the TLS certificate in REDIS_TLS_CERT_FILE:|ended the TLS connection at once: if it does "
        "not accept the certificate in REDIS_TLS_CERT_FILE,) take one that its authority has signed.",
        AT_ONCE,
    ),
    (
        faults.wants_a_certificate_in_tls_1_2,
        AT + r"(wants a TLS certificate of yours: .*|ended the TLS connection at once: if it wants a certificate of "
        r"yours, set REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE; if it does not speak TLS, unset REDIS_TLS \(or write "
        r"redis:// in REDIS_URL\).)",
        AT_ONCE,
    ),
    (faults.authority_file_a_folder, NOT_ASKED.format("REDIS_TLS_CA_FILE names no file"), AT_ONCE),
    (faults.certificate_file_missing, NOT_ASKED.format("REDIS_TLS_CERT_FILE names no file"), AT_ONCE),
    (
        faults.certificate_file_no_certificate,
        NOT_ASKED.format("REDIS_TLS_CERT_FILE names a file that holds no certificate"),
        AT_ONCE,
    ),
    (faults.key_file_missing, NOT_ASKED.format("REDIS_TLS_KEY_FILE names no file"), AT_ONCE),
    (faults.key_file_no_key, NOT_ASKED.format("REDIS_TLS_KEY_FILE names a file that holds no key"), AT_ONCE),
    (
        faults.key_of_another_certificate,
        NOT_ASKED.format("the key in REDIS_TLS_KEY_FILE does not belong to the certificate in REDIS_TLS_CERT_FILE"),
        AT_ONCE,
    ),
    (
        faults.key_with_a_passphrase,
        NOT_ASKED.format("REDIS_TLS_KEY_FILE names a key with a passphrase, and only one without can be used"),
        AT_ONCE,
    ),
    (
        faults.certificate_without_a_key,
        NOT_ASKED.format("REDIS_TLS_CERT_FILE holds no key, and REDIS_TLS_KEY_FILE is not set"),
        AT_ONCE,
    ),
    (
        faults.key_without_a_certificate,
        NOT_ASKED.format("REDIS_TLS_KEY_FILE is set without REDIS_TLS_CERT_FILE"),
        AT_ONCE,
    ),
]
IN_USE = [
    (faults.full, r"Redis is full \(maxmemory\): delete keys, or give it more memory.", AT_ONCE),
    (
        faults.replica,
        r"Redis is a replica, which takes no writes: set REDIS_HOST \(or REDIS_URL\) to its primary.",
        AT_ONCE,
    ),
    (
        faults.cannot_save,
        r"Redis cannot save its data, so it takes no writes: make room on its disk \(its log says more\).",
        AT_ONCE,
    ),
    (
        faults.user_without_set,
        "Redis does not let this user do that: widen its rights with ACL SETUSER, or take another user.",
        AT_ONCE,
    ),
    (
        faults.too_few_replicas,
        r"Redis has too few replicas to take writes \(min-replicas-to-write\): start them again.",
        AT_ONCE,
    ),
    (faults.key_on_another_node, OTHER_NODE, AT_ONCE),
    (faults.busy_with_a_script, f"Redis {BUSY}", AT_ONCE),
    (faults.lab_has_ended, f"Redis {LAB}", AT_ONCE),
    (faults.killed, r"Redis is gone \(connection refused\): start it, then run the connect cell again.", AT_ONCE),
    (faults.stopped, rf"Redis did not answer in time \(is it busy or paused\?\), {UNKNOWN}", ONE_WAIT),
    (faults.busy, rf"Redis did not answer in time \(is it busy or paused\?\), {UNKNOWN}", ONE_WAIT),
    (faults.cut_in_mid_reply, f"Redis cut the connection, {UNKNOWN}", AT_ONCE),
    (faults.cut_before_the_reply, f"Redis cut the connection, {UNKNOWN}", AT_ONCE),
]
FILES = [
    (
        faults.broken_settings,
        r"Line 2 of \S+\.env is not of the form NAME=value: mend it \(a value with spaces or # stands in quotes\) or "
        "put # in front.",
        AT_ONCE,
    ),
    (faults.settings_not_utf8, r"The settings file \S+\.env is not UTF-8 text: save it again as UTF-8.", AT_ONCE),
    (faults.market_unreadable, MARKET.format("file is not a database"), AT_ONCE),
    (faults.folder_in_the_way, MARKET.format("unable to open database file"), AT_ONCE),
    (faults.disk_full, MARKET.format("(disk I/O error|database or disk is full)"), 20),
]


@pytest.fixture
def place(server, redis_conn, tls, small, tmp_path, monkeypatch):
    """What the faults are made of. This machine trusts one authority only, which is read sooner than 140."""
    monkeypatch.setattr(connection, "REPLY_TIMEOUT", REPLY_TIMEOUT)
    monkeypatch.setenv("SSL_CERT_FILE", tls.foreign_ca_file)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    return {"server": server, "admin": redis_conn, "tls": tls, "tmp_path": tmp_path}


def name_of(value):
    return getattr(value, "__name__", "")


def everything_about(error: BaseException) -> str:
    """What any traceback of it could print, also of errors that `from None` hides."""
    texts, found = [], [error]
    for one in found:
        texts += ["".join(traceback.format_exception(one)), repr(one), repr(one.args)]
        found += [other for other in (one.__cause__, one.__context__) if other is not None and other not in found]
    return "\n".join(texts)


@pytest.mark.parametrize(("fault", "sentence", "seconds"), CANNOT_CONNECT + CANNOT_START + IN_USE + FILES, ids=name_of)
def test_a_user_sees_one_sentence_in_time_and_no_password(place, capfd, caplog, fault, sentence, seconds):
    caplog.set_level(logging.DEBUG)
    with fault(**place) as broken:
        start = time.monotonic()
        with pytest.raises((CourseError, redis.RedisError)) as caught:
            broken.act()
        took = time.monotonic() - start
        shown = str(caught.value) if isinstance(caught.value, CourseError) else why_failed(caught.value)
        things = [repr(broken.options), repr(broken.client), repr(broken.client and broken.client.connection_pool)]
        if broken.options:
            things += [repr(RedisConnectionHandle(broken.options)), broken.options.address]
    assert re.fullmatch(sentence, shown)
    assert took < seconds
    printed = "\n".join([shown, everything_about(caught.value), caplog.text, *capfd.readouterr(), *things])
    for secret in (TRIED_PASSWORD, SERVERS_PASSWORD, place["server"].password):
        assert secret not in printed and repr(secret)[1:-1] not in printed


@pytest.mark.parametrize("kind", ["connect", "connect_cache"])
@pytest.mark.parametrize(("fault", "_sentence", "seconds"), CANNOT_CONNECT + IN_USE, ids=name_of)
def test_a_cache_answers_from_the_source_meanwhile(place, fault, _sentence, seconds, kind):
    with fault(**place) as broken:
        client = broken.client if kind == "connect" else quick_client(broken)
        cache, loads = CacheAside(client), count(1)
        for number in (1, 2, 3):
            start = time.monotonic()
            assert cache.get_or_load(f"fruit:{number}", lambda: next(loads), 60) == number
            assert time.monotonic() - start < seconds
    assert next(loads) == 4  # the source was asked once a call
    assert (cache.hits, cache.misses + cache.failures) == (0, 3)


def quick_client(broken):
    timeout = broken.client.connection_pool.connection_kwargs["socket_timeout"]
    return new_cache_client(**broken.options.arguments(), socket_timeout=timeout)


def test_the_real_timeouts_bound_what_a_cached_read_waits_for_a_redis_that_fails():
    """The first wait that is in vain is the last one: to connect, and for one reply."""
    assert 2 * cache_client.TIMEOUT == 0.5
    assert connection.CONNECT_TIMEOUT + connection.REPLY_TIMEOUT == 7


@pytest.mark.parametrize("fault", [faults.full, faults.replica, faults.cannot_save, faults.stopped], ids=name_of)
def test_the_repository_says_the_same_sentence(place, fault):
    """Its scripts are refused in other words than a plain command: the sentence must not depend on that."""
    (sentence,) = [sentence for made, sentence, _ in IN_USE if made is fault]
    with fault(**place) as broken:
        repo = RedisRepository(broken.client)
        for write in (lambda: repo.insert_ex("fruit", "uva", 30), lambda: repo.insert_hash_ex("cart", "uva", 1, 30)):
            with pytest.raises(CourseError) as caught:
                write()
            assert re.fullmatch(sentence, str(caught.value))


@pytest.mark.parametrize("command", ["LPUSH text 1", "INCR text", "NOSUCH"])
def test_a_command_that_is_wrong_in_itself_keeps_its_traceback(redis_conn, command):
    redis_conn.set("text", "uva")
    with pytest.raises(redis.ResponseError) as caught:
        redis_conn.execute_command(*command.split())
    assert why_failed(caught.value) is None


@pytest.mark.parametrize("words", [["MISCONF"], ["NOREPLICAS", "read only replica"], ["CLIENT", "noreplicas"]], ids=str)
def test_a_command_that_is_called_as_an_error_is_an_unknown_command(redis_conn, words):
    with pytest.raises(redis.ResponseError, match=r"(?i)unknown") as caught:
        redis_conn.execute_command(*words)
    assert why_failed(caught.value) is None


def test_a_pipeline_whose_arguments_are_called_as_errors_misleads_nobody(redis_conn):
    for pipe in (redis_conn.pipeline(), redis_conn.pipeline(transaction=False)):
        with pytest.raises(redis.ResponseError) as caught:
            pipe.lpush("misconf", "noreplicas").incr("misconf").execute()
        assert why_failed(caught.value) is None
        redis_conn.delete("misconf")


@pytest.mark.parametrize("pool", [redis.ConnectionPool, redis.BlockingConnectionPool, cache_client.CachePool])
def test_a_command_for_which_no_connection_was_free_has_not_run(server, redis_conn, pool):
    options = {"timeout": 0} if pool is redis.BlockingConnectionPool else {}
    own = pool(host=server.host, port=server.port, password=server.password, max_connections=1, **options)
    client = redis.Redis.from_pool(own)
    held = own.get_connection()
    with pytest.raises(redis.ConnectionError) as caught:
        client.incr("sold")
    with pytest.raises(CourseError) as told:
        RedisRepository(client).insert("sold", 1)
    assert why_failed(caught.value) == str(told.value)
    assert str(told.value).startswith("Redis was not asked, for all connections of this client are in use: ")
    assert not redis_conn.exists("sold")
    own.release(held)
    client.close()


CELLS = """\
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.redis_repository import RedisRepository
%load_ext redis_helpers.course.notebook
handle = RedisConnectionHandle()
redis_conn = handle.connect()
---
handle, handle.options, redis_conn, redis_conn.connection_pool
---
redis_conn.rpush("kernel:list", 1)
redis_conn.incr("kernel:list")
---
import os, signal, socket, time
os.kill(redis_conn.info("server")["process_id"], signal.SIGKILL)
address = (handle.options.host, handle.options.port)
while socket.socket().connect_ex(address) == 0:
    time.sleep(0.01)
redis_conn.connection_pool.disconnect()
---
RedisRepository(redis_conn).insert_hash_ex("kernel:cart", "uva", 1, 30)
---
%%redis
GET kernel:cart
---
RedisConnectionHandle()
handle.connect()
"""


def test_a_notebook_shows_one_line_and_stops_the_cell(monkeypatch, tmp_path):
    with marked_server() as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        cells = [new_code_cell(source.strip("\n")) for source in CELLS.split("---")]
        notebook = new_notebook(cells=cells)
        NotebookClient(notebook, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}}).execute()
    errors = [[output for output in cell.outputs if output.output_type == "error"] for cell in cells]
    assert [len(found) for found in errors] == [0, 0, 1, 0, 1, 1, 1]
    (wrong,), _, (lost,), (raw,), (again,) = errors[2:]
    assert "WRONGTYPE" in wrong.evalue and "redis_conn.incr" in "".join(wrong.traceback)
    gone = "Redis is gone (connection refused): start it, then run the connect cell again."
    assert lost.traceback == [f"CourseError: {gone}"]
    assert raw.traceback == [f"CourseError: {gone}"]
    assert len(again.traceback) == 1 and "is not there (connection refused)" in again.traceback[0]
    assert SERVERS_PASSWORD not in nbformat.writes(notebook)


def test_git_ignores_the_settings_file():
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_doctor_lines_hold_no_password(server, monkeypatch, capfd):
    monkeypatch.setenv("REDIS_URL", options_of(server, password=TRIED_PASSWORD).url)
    assert doctor.run_doctor() == 1
    printed = "".join(capfd.readouterr())
    assert "Redis:           The Redis at " in printed and "check REDIS_USERNAME and REDIS_PASSWORD" in printed
    assert TRIED_PASSWORD not in printed and server.password not in printed


def test_a_server_that_does_not_start_keeps_its_password(capfd):
    server = marked_server(no_such_option="1")
    with pytest.raises(CourseError, match="did not start") as caught:
        server.start()
    assert SERVERS_PASSWORD not in "".join([everything_about(caught.value), repr(server), *capfd.readouterr()])


@pytest.mark.parametrize("value", [None, "yes", "no"])
def test_certificates_are_verified_unless_a_variable_says_no_and_then_the_course_says_so(
    server, tls, monkeypatch, value, recwarn
):
    if value:
        monkeypatch.setenv("REDIS_TLS_VERIFY", value)
    with FaultProxy(server.port, tls.context_expired) as proxy:
        monkeypatch.setenv("REDIS_URL", options_of(server, port=proxy.port, tls=True).url)
        if value == "no":
            with RedisConnectionHandle() as handle:
                assert handle.connect().ping() is True
            assert "certificate is not verified (REDIS_TLS_VERIFY=no)" in str(recwarn.pop(UserWarning).message)
        else:
            with pytest.raises(CourseError, match="certificate"):
                RedisConnectionHandle().connect()
            assert not recwarn
