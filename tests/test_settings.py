"""The settings: the environment over `.env`, what goes together, and what is said of a file that cannot be read."""

import logging
import os
import subprocess
import sys

import pytest

from redis_helpers.connection import ConnectOptions, connect_options
from redis_helpers.errors import CourseError
from redis_helpers.market.mysql_connection import MysqlOptions, mysql_options
from redis_helpers.settings import (
    LAB_REDIS,
    MYSQL_SETTINGS,
    REDIS_SETTINGS,
    read_settings,
    say_once,
    setting,
)

# A value for each setting, that tells where it comes from.
OF_THE_FILE = {
    "REDIS_URL": "rediss://file-user:file-word@file.example:7001/5?ssl_cert_reqs=none",
    "REDIS_HOST": "file.example",
    "REDIS_PORT": "7001",
    "REDIS_DB": "5",
    "REDIS_USERNAME": "file-user",
    "REDIS_PASSWORD": "file-word",
    "REDIS_TLS": "yes",
    "REDIS_TLS_CA_FILE": "/file/ca.crt",
    "REDIS_TLS_CERT_FILE": "/file/me.crt",
    "REDIS_TLS_KEY_FILE": "/file/me.key",
    "REDIS_TLS_VERIFY": "no",
    "MYSQL_HOST": "file.example",
    "MYSQL_PORT": "7001",
    "MYSQL_USER": "file-user",
    "MYSQL_PASSWORD": "file-word",
    "MYSQL_DATABASE": "file-data",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A course folder with a notebooks folder in it, where we are."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


@pytest.fixture
def said(caplog):
    """What is logged, as if nothing had been said yet in this process."""
    say_once.cache_clear()
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


def write(folder, names):
    (folder / ".env").write_text("".join(f"{name}={OF_THE_FILE[name]}\n" for name in names))


# Where it comes from


def test_a_dotenv_file_is_found_from_the_notebooks_folder_upwards(folder):
    (folder / ".env").write_text("REDIS_HOST=above\n")
    assert setting("REDIS_HOST") == "above"
    (folder / "notebooks" / ".env").write_text("REDIS_HOST=beside\n")
    assert setting("REDIS_HOST") == "beside"


def test_the_environment_goes_over_the_file(folder, monkeypatch):
    (folder / ".env").write_text("REDIS_PORT=1111\nREDIS_DB=3\n")
    monkeypatch.setenv("REDIS_PORT", "2222")
    assert (setting("REDIS_PORT"), setting("REDIS_DB")) == ("2222", "3")


def test_a_variable_set_to_nothing_is_not_set(folder, monkeypatch):
    (folder / ".env").write_text("REDIS_PORT=1111\nREDIS_DB=\nREDIS_HOST\nREDIS_USERNAME='  '\n")
    monkeypatch.setenv("REDIS_PORT", "")
    assert setting("REDIS_PORT") == "1111"
    for name in ("REDIS_DB", "REDIS_HOST", "REDIS_USERNAME"):
        assert setting(name) is None


def test_reading_changes_nothing_in_the_environment(folder):
    (folder / ".env").write_text("REDIS_HOST=file\n")
    before = dict(os.environ)
    read_settings()
    assert dict(os.environ) == before


@pytest.fixture
def gone(tmp_path, monkeypatch):
    """We are in a folder that has been deleted."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()


@pytest.mark.parametrize(
    "variables",
    [
        {"REDIS_URL": "rediss://box", "REDIS_TLS_CA_FILE": "ca.crt"},
        {"REDIS_HOST": "box", "REDIS_TLS": "yes", "REDIS_TLS_CERT_FILE": "deep/me.crt"},
        {"MYSQL_HOST": "box"},
        {},
    ],
    ids=str,
)
def test_in_a_folder_that_is_gone_there_is_no_file_and_the_environment_counts(gone, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = read_settings()
    assert {name: found[name] for name in (*REDIS_SETTINGS, *MYSQL_SETTINGS) if name in found} == variables
    assert (connect_options() is None) is ("REDIS_URL" not in variables and "REDIS_HOST" not in variables)


# What goes together


@pytest.mark.parametrize("in_the_file", REDIS_SETTINGS)
@pytest.mark.parametrize(
    ("address", "value", "options"),
    [
        ("REDIS_URL", "redis://mine.example", ConnectOptions("mine.example")),
        ("REDIS_URL", "rediss://mine.example", ConnectOptions("mine.example", tls=True)),
        ("REDIS_HOST", "mine.example", ConnectOptions("mine.example")),
        ("REDIS_HOST", "/mine.sock", ConnectOptions(socket_path="/mine.sock")),
    ],
)
def test_an_address_in_the_environment_takes_nothing_from_the_file(
    folder, monkeypatch, in_the_file, address, value, options
):
    write(folder, [in_the_file])
    monkeypatch.setenv(address, value)
    assert connect_options() == options


@pytest.mark.parametrize("address", ["REDIS_URL", "REDIS_HOST"])
def test_an_address_in_the_environment_replaces_all_of_the_file_at_once(folder, monkeypatch, address):
    write(folder, REDIS_SETTINGS)
    monkeypatch.setenv(address, "mine")
    assert {name for name in read_settings() if name in REDIS_SETTINGS} == {address}


@pytest.mark.parametrize("in_the_file", [name for name in REDIS_SETTINGS if name not in ("REDIS_HOST", "REDIS_PORT")])
def test_a_port_alone_is_an_address_of_this_machine(folder, monkeypatch, in_the_file):
    write(folder, [in_the_file])
    monkeypatch.setenv("REDIS_PORT", "7777")
    assert connect_options() == ConnectOptions("127.0.0.1", 7777)


def test_a_port_corrects_that_of_the_files_host_and_what_belongs_to_the_host_stays(folder, monkeypatch):
    write(folder, ["REDIS_HOST", "REDIS_PORT", "REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_DB"])
    monkeypatch.setenv("REDIS_PORT", "7777")
    assert connect_options() == ConnectOptions("file.example", 7777, 5, "file-user", "file-word")


@pytest.mark.parametrize(
    ("name", "value", "changed"),
    [
        ("REDIS_PASSWORD", "my-word", {"password": "my-word"}),
        ("REDIS_USERNAME", "me", {"username": "me"}),
        ("REDIS_DB", "2", {"db": 2}),
        ("REDIS_TLS", "yes", {"tls": True}),
        ("REDIS_TLS_CA_FILE", "/my/ca", {"tls_ca_file": "/my/ca"}),
        ("REDIS_TLS_CERT_FILE", "/my/crt", {"tls_cert_file": "/my/crt"}),
        ("REDIS_TLS_KEY_FILE", "/my/key", {"tls_key_file": "/my/key"}),
        ("REDIS_TLS_VERIFY", "no", {"tls_verify": False}),
    ],
)
def test_what_is_no_address_in_the_environment_goes_with_the_files_host(folder, monkeypatch, name, value, changed):
    """A password that comes from the environment, for Compose say, is for the Redis that the file names."""
    (folder / ".env").write_text("REDIS_HOST=file.example\nREDIS_PASSWORD=file-word\n")
    monkeypatch.setenv(name, value)
    assert connect_options() == ConnectOptions(**{"host": "file.example", "password": "file-word", **changed})


@pytest.mark.parametrize("in_the_file", MYSQL_SETTINGS)
def test_a_mysql_in_the_environment_takes_nothing_from_the_file(folder, monkeypatch, in_the_file):
    write(folder, [in_the_file])
    monkeypatch.setenv("MYSQL_HOST", "mine.example")
    assert mysql_options() == MysqlOptions("mine.example")


def test_a_redis_of_the_environment_leaves_the_files_mysql_alone_and_the_other_way_round(folder, monkeypatch):
    write(folder, OF_THE_FILE)
    monkeypatch.setenv("REDIS_HOST", "mine")
    assert mysql_options() == MysqlOptions("file.example", 7001, "file-user", "file-word", "file-data")
    monkeypatch.delenv("REDIS_HOST")
    monkeypatch.setenv("MYSQL_HOST", "mine")
    assert connect_options().host == "file.example"


def test_the_redis_of_lab_counts_whatever_else_is_set(folder, monkeypatch):
    write(folder, REDIS_SETTINGS)
    for name in REDIS_SETTINGS:
        monkeypatch.setenv(name, OF_THE_FILE[name])
    monkeypatch.setenv(LAB_REDIS, "127.0.0.1:7002/0")
    monkeypatch.setenv("REDIS_URL", "redis://:lab-word@127.0.0.1:7002/0")
    assert connect_options() == ConnectOptions(port=7002, password="lab-word")
    monkeypatch.setenv("REDIS_URL", "rediss://other.example")  # a notebook chose another one
    assert connect_options().tls_ca_file == "/file/ca.crt"


# What platforms set


LINKS = {
    "REDIS_PORT": "tcp://10.0.0.1:6379",
    "REDIS_NAME": "/lab/redis",
    "REDIS_SERVICE_HOST": "10.0.0.1",
    "REDIS_SERVICE_PORT": "6379",
    "REDIS_PORT_6379_TCP": "tcp://10.0.0.1:6379",
    "REDIS_PORT_6379_TCP_ADDR": "10.0.0.1",
    "REDIS_PORT_6379_TCP_PORT": "6379",
    "REDIS_PORT_6379_TCP_PROTO": "tcp",
    "MYSQL_PORT": "tcp://[fd00::1]:3306",
    "MYSQL_SERVICE_HOST": "10.0.0.2",
}


def test_links_of_kubernetes_and_docker_are_passed_over_with_one_line_each(monkeypatch, said):
    for name, value in LINKS.items():
        monkeypatch.setenv(name, value)
    for _ in range(3):
        assert connect_options() is None
        assert mysql_options() is None
    assert [line.split()[0] for line in said()] == ["REDIS_PORT", "MYSQL_PORT"]
    assert "set REDIS_HOST" in said()[0] and "set MYSQL_HOST" in said()[1]


@pytest.mark.parametrize("link", ["tcp://10.0.0.1:6379", "udp://10.0.0.1:53", "sctp://[::1]:1", "tcp://redis:6379"])
def test_a_link_stands_in_the_way_of_nothing_that_the_user_set(folder, monkeypatch, link):
    monkeypatch.setenv("REDIS_PORT", link)
    monkeypatch.setenv("MYSQL_PORT", link)
    write(folder, ["REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "MYSQL_HOST", "MYSQL_PORT"])
    assert connect_options() == ConnectOptions("file.example", 7001, password="file-word")
    assert mysql_options() == MysqlOptions("file.example", 7001)
    monkeypatch.setenv("REDIS_HOST", "mine")
    assert connect_options() == ConnectOptions("mine")


def test_the_embedded_server_starts_beside_links_and_says_one_line(tmp_path):
    script = (
        "from redis_helpers.connection import RedisConnectionHandle as Handle\n"
        "print(Handle().connect().ping(), Handle().connect().ping())"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **LINKS}, capture_output=True, text=True, timeout=60
    )
    assert run.stdout == "True True\n"
    lines = run.stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["REDIS_PORT", "MYSQL_PORT"]


def test_a_link_in_the_file_is_no_platforms(folder):
    (folder / ".env").write_text("REDIS_PORT=tcp://10.0.0.1:6379\n")
    with pytest.raises(CourseError, match=r"^REDIS_PORT needs a port"):
        connect_options()


# What people write


@pytest.mark.parametrize("text", ["box", " box ", "box\n", '"box"', "'box'", ' " box " ', "box:6379", "\tbox\r\n"])
def test_blanks_and_quotes_around_a_value_are_no_part_of_it(monkeypatch, text):
    monkeypatch.setenv("REDIS_HOST", text)
    monkeypatch.setenv("MYSQL_HOST", text.replace("6379", "3306"))
    for name in ("DB", "PORT", "TLS", "USERNAME"):
        value = {"DB": "2", "PORT": "6379", "TLS": "yes", "USERNAME": "ann"}[name]
        monkeypatch.setenv(f"REDIS_{name}", f' "{value}"\n')
    assert connect_options() == ConnectOptions("box", 6379, 2, "ann", tls=True)
    assert mysql_options() == MysqlOptions("box")


@pytest.mark.parametrize("word", [" a b ", '"word"', "'", "$x$$y", "%41", "#1", "ü\t"])
def test_a_password_of_the_environment_stays_as_it_is_but_for_the_end_of_its_line(monkeypatch, word):
    monkeypatch.setenv("REDIS_HOST", "box")
    monkeypatch.setenv("MYSQL_HOST", "box")
    for end in ("", "\n", "\r\n"):
        monkeypatch.setenv("REDIS_PASSWORD", word + end)
        monkeypatch.setenv("MYSQL_PASSWORD", word + end)
        assert connect_options().password == word
        assert mysql_options().password == word


@pytest.mark.parametrize(
    ("host", "port", "understood"),
    [
        ("localhost:7000", None, ("localhost", 7000)),
        ("localhost:7000", "7000", ("localhost", 7000)),
        ("::1", None, ("::1", None)),
        ("[::1]", "7000", ("::1", 7000)),
        ("[::1]:7000", None, ("::1", 7000)),
        ("2001:db8::1", "7000", ("2001:db8::1", 7000)),
        ("fe80::1%eth0", None, ("fe80::1%eth0", None)),
        ("::ffff:10.0.0.1", None, ("::ffff:10.0.0.1", None)),
        ("10.0.0.1", None, ("10.0.0.1", None)),
        ("my_box-1.example.", None, ("my_box-1.example.", None)),
        ("bücher.example", None, ("bücher.example", None)),
    ],
)
def test_a_host_may_bring_its_port_along_and_ipv6_needs_no_brackets(monkeypatch, host, port, understood):
    for server in ("REDIS", "MYSQL"):
        monkeypatch.setenv(f"{server}_HOST", host)
        if port:
            monkeypatch.setenv(f"{server}_PORT", port)
    name, number = understood
    assert connect_options() == ConnectOptions(name, number or 6379)
    assert mysql_options() == MysqlOptions(name, number or 3306)


@pytest.mark.parametrize(
    "host",
    [
        "hush@box",
        "box hush",
        "box/hush",
        "box:",
        "box:hush",
        "box:0",
        "box:65536",
        "box:7000:hush",
        "[::1",
        "::1]",
        "[::1]hush",
        "[box]",
        "[]:7000",
        ":7000",
        "redis://:hush@box:7000",
        "http://hush",
        "tcp://hush:6379",
        "C:\\hush",
        "box?hush",
        "“hush box”",
    ],
)
@pytest.mark.parametrize("server", ["REDIS", "MYSQL"])
def test_a_host_that_is_none_is_refused_by_name_without_its_value(monkeypatch, host, server):
    monkeypatch.setenv(f"{server}_HOST", host)
    with pytest.raises(CourseError, match=f"^{server}_HOST ") as caught:
        connect_options() if server == "REDIS" else mysql_options()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("server", ["REDIS", "MYSQL"])
def test_two_ports_are_one_too_many(monkeypatch, server):
    monkeypatch.setenv(f"{server}_HOST", "box:7000")
    monkeypatch.setenv(f"{server}_PORT", "7001")
    with pytest.raises(CourseError, match=f"^{server}_HOST names a port, and {server}_PORT another one"):
        connect_options() if server == "REDIS" else mysql_options()


def test_misspelt_names_in_the_file_are_told_once(folder, said):
    lines = ["REDIS_HOST=box", "REDIS_PASS=x", "redis_db=1", "REDIS_PROT=1", "REDIS_TLS_CAFILE=x", "REDIS_USER=x"]
    others = ["MYSQL_ROOT_PASSWORD=x", "REDIS_ARGS=x", "REDIS_PASSWORD_FILE=x", "REDIS_VERSION=8", "HOST=x"]
    (folder / ".env").write_text("\n".join([*lines, "REDIS_USERNAME=ann", *others]))
    for _ in range(2):
        assert connect_options() == ConnectOptions("box", username="ann")
    meant = [line.split(" sets ")[1].split(", which")[0] + ">" + line.split()[-2] for line in said()]
    assert meant == [
        "REDIS_PASS>REDIS_PASSWORD",
        "redis_db>REDIS_DB",
        "REDIS_PROT>REDIS_PORT",
        "REDIS_TLS_CAFILE>REDIS_TLS_CA_FILE",
    ]


# Paths


PATHS = {
    "REDIS_TLS_CA_FILE": "tls_ca_file",
    "REDIS_TLS_CERT_FILE": "tls_cert_file",
    "REDIS_TLS_KEY_FILE": "tls_key_file",
}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("text", ["certs/my file", "./certs/my file", "notebooks/../certs/my file"])
@pytest.mark.parametrize("place", [".", "notebooks"])
def test_a_path_in_the_file_starts_from_the_files_folder(folder, monkeypatch, name, text, place):
    (folder / "certs").mkdir()
    (folder / "certs" / "my file").write_text("this one")
    (folder / ".env").write_text(f"REDIS_HOST=box\nREDIS_TLS=yes\n{name}={text}\n")
    monkeypatch.chdir(folder / place)
    path = getattr(connect_options(), PATHS[name])
    assert os.path.isabs(path)
    with open(path) as stream:
        assert stream.read() == "this one"


@pytest.mark.parametrize("place", [".", "notebooks"])
def test_a_path_in_the_environment_is_looked_for_upwards(folder, monkeypatch, place):
    (folder / "ca.crt").touch()
    monkeypatch.setenv("REDIS_HOST", "box")
    monkeypatch.setenv("REDIS_TLS_CA_FILE", "ca.crt")
    monkeypatch.chdir(folder / place)
    assert connect_options().tls_ca_file == str(folder / "ca.crt")


@pytest.mark.parametrize("by_file", [True, False])
def test_a_tilde_is_the_home(folder, monkeypatch, by_file):
    monkeypatch.setenv("HOME", "/home/ann")
    texts = {"REDIS_HOST": "~/r.sock", "REDIS_TLS_CA_FILE": "~/ca.crt", "REDIS_SERVER_BINARY": "~/bin/redis-server"}
    if by_file:
        monkeypatch.delenv("REDIS_SERVER_BINARY", raising=False)
        (folder / ".env").write_text("".join(f"{name}={text}\n" for name, text in texts.items()))
        assert setting("REDIS_SERVER_BINARY") == "/home/ann/bin/redis-server"
    else:
        for name, text in texts.items():
            monkeypatch.setenv(name, text)
    options = connect_options()
    assert (options.socket_path, options.tls_ca_file) == ("/home/ann/r.sock", "/home/ann/ca.crt")


@pytest.mark.parametrize("place", [".", "notebooks"])
def test_a_server_program_and_a_socket_in_the_file_start_from_its_folder_too(folder, monkeypatch, place):
    monkeypatch.delenv("REDIS_SERVER_BINARY", raising=False)
    (folder / ".env").write_text("REDIS_SERVER_BINARY=build/redis-server\nREDIS_HOST=./r.sock\n")
    monkeypatch.chdir(folder / place)
    assert setting("REDIS_SERVER_BINARY") == str(folder / "build/redis-server")
    assert os.path.normpath(connect_options().socket_path) == str(folder / "r.sock")


def test_a_program_without_a_folder_is_one_on_the_path(folder, monkeypatch):
    monkeypatch.delenv("REDIS_SERVER_BINARY", raising=False)
    (folder / ".env").write_text("REDIS_SERVER_BINARY=redis-server\n")
    assert setting("REDIS_SERVER_BINARY") == "redis-server"


# A file that cannot be read


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"REDIS_DB=1\nREDIS_PASSWORD='hush\n", "Line 2 of"),
        (b"REDIS_DB=1\n\nhush hush\n", "Line 3 of"),
        (b"REDIS_PASSWORD:hush\n", "Line 1 of"),
        (b"REDIS_PASSWORD: hush\n", "Line 1 of"),
        (b"REDIS_PASSWORD:hush=hush\n", "Line 1 of"),
        (b"REDIS_PASSWORD=hush\xff\n", "not UTF-8"),
    ],
)
def test_a_broken_file_is_refused_by_name_without_its_content(folder, content, words):
    (folder / ".env").write_bytes(content)
    with pytest.raises(CourseError) as caught:
        read_settings()
    message = str(caught.value)
    assert words in message
    assert str(folder / ".env") in message
    assert "hush" not in message
    assert "hush" not in repr(caught.value.__context__)


@pytest.mark.parametrize("name", ["REDIS_URL", "REDIS_DB", "REDIS_PASSWORD", "export REDIS_TLS_KEY_FILE"])
@pytest.mark.parametrize("value", ["$UNSET", "'hush", '"${hush"'])
@pytest.mark.parametrize("address", ["REDIS_URL=redis://mine.example", "REDIS_HOST=mine.example"])
def test_what_the_file_says_of_redis_stops_nobody_whose_environment_says_where_it_is(
    folder, monkeypatch, name, value, address
):
    (folder / ".env").write_text(f"{name}={value}\nMYSQL_USER=ann\n")
    with pytest.raises(CourseError, match="Line 1 of"):
        read_settings()
    monkeypatch.setenv(*address.split("="))
    assert connect_options() == ConnectOptions("mine.example")
    assert setting("MYSQL_USER") == "ann"


@pytest.mark.parametrize("line", ["REDIS_PASSWORD:hush", "REDIS_PASSWORD: hush", "REDIS_HOST box"])
def test_nor_does_a_line_of_redis_that_has_no_value(folder, monkeypatch, line):
    (folder / ".env").write_text(line)
    monkeypatch.setenv("REDIS_URL", "redis://mine.example")
    assert connect_options() == ConnectOptions("mine.example")


@pytest.mark.parametrize(
    "line",
    [
        "MYSQL_PASSWORD=$UNSET",
        "MYSQL_PASSWORD='hush",
        "MYSQL_PASSWORD: hush",
        "MYSQL_PASSWORD=${REDIS_PASSWORD}",  # which the line above does not give
        "REDIS_SERVER_BINARY=$UNSET",
        '"hush": 1',
        "hush hush",
    ],
)
def test_a_line_of_anything_else_stops_who_has_such_an_environment_too(folder, monkeypatch, line):
    (folder / ".env").write_text(f"REDIS_PASSWORD=$UNSET\n{line}\n")
    monkeypatch.setenv("REDIS_URL", "redis://mine.example")
    with pytest.raises(CourseError, match="Line 2 of") as caught:
        read_settings()
    assert "hush" not in str(caught.value) + repr(caught.value.__context__)


def test_a_port_alone_goes_with_the_files_host_and_the_files_password_must_be_right(folder, monkeypatch):
    (folder / ".env").write_text("REDIS_HOST=box\nREDIS_PASSWORD=$UNSET\n")
    monkeypatch.setenv("REDIS_PORT", "7000")
    with pytest.raises(CourseError, match="Line 2 of"):
        read_settings()
