"""Functions in processes of their own: results, kills, pauses, and nothing that stays behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import cloudpickle
import pytest

from redis_helpers.course.breaking import forked
from redis_helpers.course.breaking.processes import Processes
from redis_helpers.errors import CourseError
from tests.support.servers import wait_until

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what a notebook defines: the child cannot import it

STEP = 2


def count(redis_conn, key, times):
    for _ in range(times):
        redis_conn.incrby(key, STEP)
    return {"pid": os.getpid(), "value": int(redis_conn.get(key))}


def tick(redis_conn, key):
    print("ticking", key)
    while True:
        redis_conn.incr(key)


def fail(redis_conn):
    raise LookupError(f"no such fruit, at {os.environ['REDIS_URL']}")


def chatter(redis_conn):
    for number in range(1000):
        print("line", number)
    return "done"


def half_a_line(redis_conn):
    print("half a line", end="")
    return "done"


def state_of(pid):
    listing = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return listing.stdout.strip()[:1]


def write_past_python(redis_conn):
    print("first")
    os.write(1, b"second\n")
    subprocess.run(["echo", "third"], check=True)
    os.write(2, b"fourth\n")
    return "done"


def big(redis_conn, size):
    print("a big one comes")
    return b"\0\n" * size


def end_at_once(redis_conn):
    os._exit(7)


def leave_a_thread(redis_conn):
    def go_on():
        while True:
            print("still here")

    threading.Thread(target=go_on, daemon=True).start()
    return "done"


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def processes(server):
    with Processes(server.url) as started:
        yield started


def test_several_at_once_give_their_results(processes, redis_conn):
    running = [processes.start(count, "counter", 50) for _ in range(4)]
    results = [process.result() for process in running]
    assert len({result["pid"] for result in results} | {os.getpid()}) == 5
    assert redis_conn.get("counter") == str(4 * 50 * STEP) == str(max(result["value"] for result in results))


def test_what_it_prints(processes):
    process = processes.start(chatter)
    assert process.wait_for("line 999") == "line 999"
    assert process.result() == "done"
    assert process.lines == [f"line {number}" for number in range(1000)]


def test_a_line_that_was_only_begun(processes):
    process = processes.start(half_a_line)
    assert process.result() == "done"
    assert process.lines == ["half a line"]


def test_whatever_prints_the_result_stays_apart(processes):
    process = processes.start(write_past_python)
    assert process.result() == "done"
    assert process.lines == ["first", "second", "third", "fourth"]


def test_a_result_of_many_megabytes(processes):
    process = processes.start(big, 5_000_000)
    assert process.result() == b"\0\n" * 5_000_000
    assert process.lines == ["a big one comes"]


def test_a_result_while_another_thread_prints(processes):
    process = processes.start(leave_a_thread)
    assert process.result() == "done"
    assert set(process.lines[:-1]) <= {"still here"}


def test_an_end_without_a_result_is_heard_of_at_once(processes):
    for _ in range(5):
        process = processes.start(end_at_once)
        with pytest.raises(CourseError, match="did not print 'ready'"):
            process.wait_for("ready", seconds=600)
        with pytest.raises(CourseError, match="came to no result"):
            process.result()
        process.pause()  # it has ended: nothing happens
        process.resume()


def test_killed(processes):
    process = processes.start(tick, "clock")
    process.wait_for("ticking clock")
    process.kill()
    process.kill()
    assert not process.is_running()
    assert not is_alive(process.pid)
    with pytest.raises(CourseError, match="It was killed"):
        process.result()


def test_paused_and_resumed(processes, redis_conn):
    process = processes.start(tick, "clock")
    process.wait_for("ticking")
    assert wait_until(lambda: redis_conn.get("clock"))
    process.pause()
    assert wait_until(lambda: state_of(process.pid) == "T")
    redis_conn.get("clock")  # what it had sent has been run when this is answered, or at the latest at the next
    before = redis_conn.get("clock")
    time.sleep(0.05)
    assert redis_conn.get("clock") == before
    process.resume()
    assert wait_until(lambda: redis_conn.get("clock") != before)


def test_an_error_is_one_sentence_without_the_password(processes, server):
    process = processes.start(fail)
    with pytest.raises(CourseError, match="LookupError: no such fruit") as caught:
        process.result()
    assert server.password not in str(caught.value)
    with pytest.raises(CourseError, match="did not print 'ready'"):
        process.wait_for("ready")


def test_too_slow(processes):
    process = processes.start(tick, "clock")
    with pytest.raises(CourseError, match=r"still runs after 0\.1 seconds"):
        process.result(seconds=0.1)
    with pytest.raises(CourseError, match="did not print 'tock'"):
        process.wait_for("tock", seconds=0.1)


def test_a_client_of_the_notebook_stays_there(processes, redis_conn):
    mine = redis_conn

    def uses_it(redis_conn):
        return mine.ping()

    with pytest.raises(CourseError, match="must use the client that it is given"):
        processes.start(uses_it)


def test_no_password_among_the_arguments(processes, server):
    process = processes.start(tick, "clock")
    process.wait_for("ticking")
    shown = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(process.pid)], capture_output=True, text=True).stdout
    assert "redis_helpers.course.breaking.processes" in shown
    assert server.password not in shown


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_all_are_gone_after_the_block(server, error):
    with pytest.raises(error), Processes(server.url) as processes:  # noqa: PT012
        running = [processes.start(tick, f"clock:{number}") for number in range(3)]
        running[0].wait_for("ticking")
        running[0].pause()
        raise error
    assert not any(is_alive(process.pid) for process in running)


def test_they_end_with_a_parent_that_is_killed(server):
    parent = """
        import sys
        from redis_helpers.course.breaking.processes import Processes

        def tick(redis_conn):
            print("ticking")
            while True:
                redis_conn.incr("clock")

        with Processes(sys.argv[1]) as processes:
            process = processes.start(tick)
            process.wait_for("ticking")
            print(process.pid, flush=True)
            input()
    """
    command = [sys.executable, "-c", textwrap.dedent(parent), server.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as killed:
        pid = int(killed.stdout.readline())
        assert is_alive(pid)
        killed.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not is_alive(pid))


def test_they_see_the_folder_and_the_environment_of_their_start(processes, tmp_path, monkeypatch):
    def look(redis_conn):
        return os.getcwd(), os.environ.get("FRUIT"), os.environ.get("CRATES")

    monkeypatch.setenv("FRUIT", "uva")
    assert processes.start(look).result()[1:] == ("uva", None)
    monkeypatch.delenv("FRUIT")
    monkeypatch.setenv("CRATES", "3")
    monkeypatch.chdir(tmp_path)
    assert processes.start(look).result() == (str(tmp_path), None, "3")


def test_each_begins_with_nothing_of_another(processes):
    def remember(redis_conn, number):
        before = getattr(os, "remembered", None)
        os.remembered = number
        return before

    assert [processes.start(remember, number).result() for number in (1, 2)] == [None, None]


def test_nothing_of_another_is_open_in_them(processes, redis_conn):
    def count_open(redis_conn):
        return len(os.listdir("/dev/fd"))

    alone = processes.start(count_open).result()
    others = [processes.start(tick, "clock") for _ in range(3)]
    for other in others:
        other.wait_for("ticking")
    assert processes.start(count_open).result() == alone


def test_when_the_template_is_killed_its_processes_end_and_new_ones_start(processes):
    process = processes.start(tick, "clock")
    process.wait_for("ticking")
    template = int(subprocess.check_output(["ps", "-o", "ppid=", "-p", str(process.pid)]))
    os.kill(template, signal.SIGKILL)
    with pytest.raises(CourseError, match="It was killed"):
        process.result()
    assert wait_until(lambda: not is_alive(process.pid))
    assert processes.start(chatter).result() == "done"


def test_where_no_process_is_forked(server, monkeypatch):
    monkeypatch.setattr(forked, "CAN_FORK", False)
    with Processes(server.url) as processes:
        process = processes.start(chatter)
        assert process.result() == "done"
        assert process.lines[-1] == "line 999"
        killed = processes.start(tick, "clock")
        killed.wait_for("ticking")
        killed.kill()
        with pytest.raises(CourseError, match="It was killed"):
            killed.result()
