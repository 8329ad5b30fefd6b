"""`connect_options` and `RedisConnectionHandle`: real servers, real certificates, real faults."""

import contextlib
import os
import subprocess
import sys
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from redis_helpers import connection
from redis_helpers.connection import ConnectOptions, RedisConnectionHandle, connect_options, embedded_server
from redis_helpers.connection_errors import why_failed
from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.start import lab
from redis_helpers.errors import CourseError
from redis_helpers.settings import LAB_REDIS, lab_redis, say_once
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
        ("redis://box/3/", ConnectOptions("box", db=3)),
        ("redis://box//", ConnectOptions("box")),
        ("redis://box?username=&password=", ConnectOptions("box")),
        ("redis://box?db=3", ConnectOptions("box", db=3)),
        ("redis://box/3?db=3", ConnectOptions("box", db=3)),
        ("redis://box?username=ann&password=a%26b", ConnectOptions("box", username="ann", password="a&b")),
        ("REDIS://box", ConnectOptions("box")),
        ("Rediss://BOX:7000", ConnectOptions("box", 7000, tls=True)),
        ("valkey://box", ConnectOptions("box")),
        ("valkeys://box", ConnectOptions("box", tls=True)),
        (" redis://box ", ConnectOptions("box")),
        ("'redis://:word@box'", ConnectOptions("box", password="word")),
        ("redis://:100%@box", ConnectOptions("box", password="100%")),
        ("redis://:a%zz%41@box", ConnectOptions("box", password="a%zzA")),
        ("redis://:w@rd@box", ConnectOptions("box", password="w@rd")),
        ("redis://:a:b$c@box", ConnectOptions("box", password="a:b$c")),
        ("redis://a%40nn:@box", ConnectOptions("box", username="a@nn")),
        ("unix:///run/r.sock", ConnectOptions(socket_path="/run/r.sock")),
        (
            "unix://ann:w%2Frd@/run/my%20r.sock?db=2",
            ConnectOptions(db=2, username="ann", password="w/rd", socket_path="/run/my r.sock"),
        ),
        ("rediss://box?ssl_ca_certs=/my/ca.crt", ConnectOptions("box", tls=True, tls_ca_file="/my/ca.crt")),
        ("rediss://box?ssl_cert_reqs=required", ConnectOptions("box", tls=True)),
        ("rediss://box?ssl_cert_reqs=CERT_NONE", ConnectOptions("box", tls=True, tls_verify=False)),
        ("rediss://box?ssl_cert_reqs=none&ssl_check_hostname=false", ConnectOptions("box", tls=True, tls_verify=False)),
        (
            "rediss://box?ssl_certfile=/my/crt&ssl_keyfile=/my/key",
            ConnectOptions("box", tls=True, tls_cert_file="/my/crt", tls_key_file="/my/key"),
        ),
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
        ConnectOptions("box", password=SECRET, tls=True, tls_verify=False),
        ConnectOptions("box", 1, 2, None, None, True, "/a b/ca?.crt", True, "/my&/crt", "/my#/key"),
        ConnectOptions(db=3, username="ann", password=SECRET, socket_path="/a b/#r?.sock"),
    ],
    ids=["plain", "user", "tls", "ipv6", "unverified", "certificates", "socket"],
)
def test_a_url_carries_everything_to_another_process(monkeypatch, options):
    set_all(monkeypatch, URL=options.url)
    assert connect_options() == options
    # redis-py's own reading of that URL is no other.
    theirs = redis.Redis.from_url(options.url).connection_pool
    ours = redis.Redis(**options.arguments()).connection_pool
    assert theirs.connection_class is ours.connection_class
    unverified = {"ssl_cert_reqs", "ssl_check_hostname"} if options.tls_verify else set()
    for name in options.arguments().keys() - {"ssl", "unix_socket_path", *unverified}:
        assert (theirs.connection_kwargs.get(name) or None) == (ours.connection_kwargs.get(name) or None), name
    assert theirs.connection_kwargs.get("path") == ours.connection_kwargs.get("path")


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
        "unix://:hush@tmp/redis.sock",
        "unix://hush",
        "unix:/hush",
        "tcp://:hush@box",
        "redis+sentinel://:hush@box",
        "redis:box",
        "box:6379",
        "redis://",
        "redis://:hush@",
        "redis://:hush@box:port",
        "redis://:hush@box:70000",
        "redis://:hush@box:0",
        "redis://:hush@box/first",
        "redis://:hush@box/-1",
        "redis://:hush@[::1",
        "redis://:hush@box?db=first",
        "redis://:hush@box/1?db=2",
        "redis://:hush@box?socket_timeout=1",
        "redis://:hush@box?hush?",
        "redis://:hush@box?ssl_ca_certs=/ca.crt",
        "unix://:hush@/r.sock?ssl_cert_reqs=none",
        "rediss://:hush@box?ssl_cert_reqs=hush",
        "rediss://:hush@box?ssl_cert_reqs=optional",
        "rediss://:hush@box?ssl_check_hostname=false",
        "rediss://:hush@box?ssl_ca_certs=hush/ca.crt",
        "redis://:hush@box:hush",
        "redis://ann:hush/hush@box",
        "redis://::1:6379",
        "redis://:hush/hush@box",
        "redis://:hush#hush@box",
    ],
)
def test_a_bad_url_is_refused_without_its_secret(monkeypatch, url):
    set_all(monkeypatch, URL=url)
    with pytest.raises(CourseError, match=r"^REDIS_URL ") as caught:
        connect_options()
    assert "hush" not in "".join(traceback.format_exception(caught.value)).replace(__file__, "").replace(url, "")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"URL": "redis://:hush@box", "TLS": "yes"}, ["REDIS_URL", "REDIS_TLS", "rediss://"]),
        ({"URL": "unix://:hush@/r.sock", "TLS": "yes"}, ["REDIS_URL", "REDIS_TLS"]),
        ({"URL": "valkey://:hush@box", "TLS": "on"}, ["REDIS_URL", "REDIS_TLS", "rediss://"]),
        ({"URL": "rediss://:hush@box", "TLS": "no"}, ["REDIS_URL", "REDIS_TLS", "redis://"]),
        ({"HOST": "/r.sock", "PASSWORD": "hush", "TLS": "yes"}, ["REDIS_HOST", "REDIS_TLS"]),
        ({"URL": "rediss://:hush@box?ssl_cert_reqs=none", "TLS_VERIFY": "yes"}, ["REDIS_URL", "REDIS_TLS_VERIFY"]),
        ({"URL": "rediss://:hush@box?ssl_cert_reqs=required", "TLS_VERIFY": "no"}, ["REDIS_URL", "REDIS_TLS_VERIFY"]),
        ({"URL": "rediss://:hush@box?ssl_ca_certs=/a", "TLS_CA_FILE": "/b"}, ["REDIS_URL", "REDIS_TLS_CA_FILE"]),
        ({"URL": "rediss://:hush@box?ssl_keyfile=/a", "TLS_KEY_FILE": "/b"}, ["REDIS_URL", "REDIS_TLS_KEY_FILE"]),
    ],
)
@pytest.mark.parametrize("by_file", [True, False])
def test_a_contradiction_is_refused_and_both_are_named(monkeypatch, tmp_path, variables, words, by_file):
    """Above all, TLS that was asked for is not left out in silence: the password would go in the clear."""
    if by_file:
        (tmp_path / ".env").write_text("".join(f"REDIS_{name}={value}\n" for name, value in variables.items()))
        monkeypatch.chdir(tmp_path)
    else:
        set_all(monkeypatch, **variables)
    with pytest.raises(CourseError) as caught:
        connect_options()
    assert all(word in str(caught.value) for word in words)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["rediss://box", "redis://box", "unix:///r.sock"])
def test_what_agrees_is_no_contradiction(monkeypatch, url):
    set_all(monkeypatch, URL=url, TLS="yes" if url.startswith("rediss") else "no")
    assert connect_options().tls is url.startswith("rediss")


NO_TEXT = os.fsdecode(b"hush\xff")  # so Python shows a byte of the environment that is no UTF-8


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PASSWORD", NO_TEXT),
        ("PASSWORD", "\udc80"),
        ("USERNAME", NO_TEXT),
        ("URL", f"redis://:{NO_TEXT}@box"),
        ("URL", f"redis://{NO_TEXT}@box/0"),
        ("URL", f"rediss://box?password={NO_TEXT}"),
    ],
    ids=ascii,
)
def test_what_is_no_text_is_refused_by_name_without_its_value(monkeypatch, name, value):
    set_all(monkeypatch, HOST="box")
    set_all(monkeypatch, **{name: value})
    with pytest.raises(CourseError, match=rf"^REDIS_{name} holds a byte that is no UTF-8 text: .*\.$") as caught:
        connect_options()
    assert caught.value.__context__ is None, "the error of an encoding repeats the password"
    assert "hush" not in str(caught.value) and str(caught.value).isascii()


def test_what_is_no_text_and_not_looked_at_stops_nobody(monkeypatch):
    set_all(monkeypatch, PASSWORD=NO_TEXT, USERNAME=NO_TEXT)
    assert connect_options() is None
    set_all(monkeypatch, URL="redis://box")
    assert connect_options() == ConnectOptions("box")


def test_certificates_without_tls_are_told_once(monkeypatch, caplog):
    say_once.cache_clear()
    set_all(monkeypatch, HOST="box", TLS_CA_FILE="/ca.crt")
    for _ in range(2):
        assert connect_options().tls is False
    (record,) = caplog.records
    assert "REDIS_TLS_CA_FILE" in record.getMessage() and "set REDIS_TLS=yes" in record.getMessage()


def test_no_repr_shows_the_password():
    options = ConnectOptions("box", password=SECRET)
    assert SECRET not in repr(options)
    assert SECRET not in options.address
    assert repr(RedisConnectionHandle(options)) == "RedisConnectionHandle(box:6379/0)"
    assert repr(RedisConnectionHandle()) == "RedisConnectionHandle(embedded)"
    at_a_socket = ConnectOptions(password=SECRET, socket_path="/run/r.sock", db=2)
    assert repr(RedisConnectionHandle(at_a_socket)) == "RedisConnectionHandle(unix:/run/r.sock?db=2)"


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


@pytest.mark.parametrize("spelling", ["url", "host", "host in a file"])
def test_a_unix_socket_works(short_folder, monkeypatch, spelling):
    path = short_folder / "r.sock"
    with EmbeddedRedis(unixsocket=path) as server:
        if spelling == "url":
            set_all(monkeypatch, URL=f"unix://:{server.password}@{path}?db=2")
        elif spelling == "host":
            set_all(monkeypatch, HOST=str(path), PASSWORD=server.password, DB="2")
        else:
            lines = ["REDIS_HOST=./r.sock", f"REDIS_PASSWORD='{server.password}'", "REDIS_DB=2", "REDIS_PORT=1"]
            (short_folder / ".env").write_text("\n".join(lines))
            monkeypatch.chdir(short_folder)
        with RedisConnectionHandle() as handle:
            for client in (handle.connect(), handle.connect_blocking(), handle.connect_cache()):
                client.incr("visits")
            assert os.path.normpath(handle.options.socket_path) == str(path)
        with redis.Redis(port=server.port, password=server.password, db=2) as client:
            assert client.get("visits") == b"3"


@pytest.mark.parametrize("method", ["connect", "connect_blocking", "connect_cache"])
def test_a_handle_holds_no_more_connections_than_clients(server, redis_conn, method):
    def opened():
        return redis_conn.info("stats")["total_connections_received"]

    def open_now():
        return len(redis_conn.client_list()) - 1

    before = open_now()
    with RedisConnectionHandle(options_of(server)) as handle:
        so_far = opened()
        client = getattr(handle, method)()
        client.ping()
        assert wait_until(lambda: open_now() == before + 1)  # the one that was only asked is closed
        assert opened() - so_far == (1 if method == "connect" else 2)
        assert handle._clients == [client]
    assert wait_until(lambda: open_now() == before)


@pytest.mark.parametrize("method", ["connect", "connect_blocking", "connect_cache"])
def test_a_client_that_cannot_be_used_is_closed_and_forgotten(server, redis_conn, method):
    before = len(redis_conn.client_list())
    handle = RedisConnectionHandle(options_of(server, db=10_000))
    for _ in range(3):
        with pytest.raises(CourseError, match="has no database of that number"):
            getattr(handle, method)()
    assert handle._clients == []
    assert wait_until(lambda: len(redis_conn.client_list()) == before)


@pytest.mark.parametrize("method", ["connect", "connect_blocking", "connect_cache"])
def test_an_unverified_certificate_is_told_once_a_client_where_the_user_asks(server, tls, method):
    with FaultProxy(server.port, tls.context) as proxy:
        handle = RedisConnectionHandle(options_of(server, port=proxy.port, tls=True, tls_verify=False))
        with warnings.catch_warnings(record=True) as caught, handle:
            warnings.simplefilter("always")
            getattr(handle, method)().ping()
    (warning,) = caught
    assert "REDIS_TLS_VERIFY=no" in str(warning.message)
    assert warning.filename == __file__


def test_a_server_that_wants_a_certificate_gets_the_one_that_the_variables_name(server, redis_conn, tls, monkeypatch):
    with FaultProxy(server.port, tls.context_for_known_clients) as proxy:
        address = f"rediss://:{server.password}@127.0.0.1:{proxy.port}"
        set_all(monkeypatch, URL=address, TLS_CA_FILE=tls.ca_file)
        set_all(monkeypatch, TLS_CERT_FILE=tls.client_cert_file, TLS_KEY_FILE=tls.client_key_file)
        with RedisConnectionHandle() as handle:
            handle.connect().set("fruit", "uva")
            with redis.Redis.from_url(handle.options.url) as another_process:
                assert another_process.get("fruit") == b"uva"
    assert redis_conn.get("fruit") == "uva"


# What goes wrong has a table of its own: test_faults.py


@pytest.mark.xdist_group("mysql")
def test_a_mysql_at_that_port_is_told_as_no_redis(mysql):
    with pytest.raises(CourseError, match="answers, but not as a Redis does"):
        RedisConnectionHandle(ConnectOptions(port=mysql.root.port, password=SECRET)).connect()


@pytest.mark.parametrize(
    ("use", "sentence"),
    [
        ("connect", "The Redis that the command `lab` started is gone"),
        ("in use", "Redis that the command `lab` started is gone"),
    ],
)
def test_the_server_of_lab_comes_back_with_lab(monkeypatch, use, sentence):
    with EmbeddedRedis() as server:
        set_all(monkeypatch, URL=server.url)
        monkeypatch.setenv(LAB_REDIS, f"{server.host}:{server.port}/0")
        client = RedisConnectionHandle().connect()
        server.kill()
        if use == "in use":
            with pytest.raises(redis.ConnectionError):
                client.ping()  # cut
            with pytest.raises(redis.ConnectionError) as caught:
                client.ping()
            said = why_failed(caught.value)
        else:
            with pytest.raises(CourseError) as caught:
                RedisConnectionHandle().connect()
            said = str(caught.value)
        assert said.startswith(sentence) and "start lab again" in said and "docker" not in said
        # Another server that is gone is not lab's.
        monkeypatch.setenv(LAB_REDIS, f"{server.host}:{free_port()}/0")
        with pytest.raises(CourseError, match="docker compose up"):
            RedisConnectionHandle().connect()


def test_an_unknown_host_is_told_as_such():
    with pytest.raises(CourseError, match=r"host name that (is not known|cannot be looked up)"):
        RedisConnectionHandle(ConnectOptions("no-such-host.invalid", password=SECRET)).connect()


@pytest.mark.parametrize("folder", ["certificate", "unreachable", "refused", "loading the dataset", "misconf"])
def test_a_path_that_is_called_as_an_error_misleads_nobody(short_folder, folder):
    path = str(short_folder / folder.replace(" ", "-") / "r.sock")
    with pytest.raises(CourseError, match=r"is not there \(no such socket\)"):
        RedisConnectionHandle(ConnectOptions(socket_path=path)).connect()


def test_a_blocking_client_finds_the_same_faults():
    with pytest.raises(CourseError, match="connection refused"):
        RedisConnectionHandle(ConnectOptions(port=free_port())).connect_blocking()


def test_the_real_timeouts_are_the_documented_ones(server):
    with RedisConnectionHandle(options_of(server)) as handle:
        settings = handle.connect().connection_pool.connection_kwargs
        assert (settings["socket_connect_timeout"], settings["socket_timeout"]) == (2, 5)
        assert handle.connect_blocking().connection_pool.connection_kwargs["socket_timeout"] is None


def test_lab_tells_its_notebooks_which_redis_it_has_started(monkeypatch, tmp_path):
    def instead_of_jupyterlab(command):
        raise SystemExit

    monkeypatch.setattr(lab, "DATA_FOLDER", tmp_path)
    monkeypatch.setattr(lab, "replace_process", instead_of_jupyterlab)
    for name in ("REDIS_URL", LAB_REDIS):
        monkeypatch.setenv(name, "")
    with pytest.raises(SystemExit) as end:
        lab.run_lab([])
    assert connect_options().address == lab_redis()
    with RedisConnectionHandle() as handle:
        handle.connect().shutdown(nosave=True)
        del end  # it held the variables of `run_lab`: without its object, the server would have ended at once
        with pytest.raises(CourseError, match="start lab again"):
            handle.connect()


# What people take home


def test_these_files_need_redis_py_and_python_dotenv_and_nothing_else():
    script = """
import sys
import redis, dotenv, dotenv.parser
theirs = set(sys.modules)
import redis_helpers.connection, redis_helpers.server
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - theirs} - set(sys.stdlib_module_names)))
print(*[name for name in sys.modules if name.startswith(("redis_helpers.course", "redis_helpers.market"))])
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("redis_helpers\n\n", "")


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
