"""`Processes`: runs functions of a notebook in Python processes of their own, which can be killed and paused for real.

A child reads what to do from its standard input, which the parent keeps open: when that ends, however the parent ended,
the child ends too. On Linux, a child begins with everything imported: see `forked`.
"""

import contextlib
import io
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, cast

import cloudpickle  # pickle would send only the names of what a notebook defines

from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking import forked
from redis_helpers.errors import CourseError

TEMPLATE = forked.Template(
    "import redis_helpers.course.breaking.processes as processes; processes.serve_as_template({})"
)
ALONE = "from redis_helpers.course.breaking.processes import child; child()"


class Processes:
    """Starts processes, and ends all of them at the end of the `with` block, also when the cell is interrupted.

        with Processes(handle.options.url) as processes:
            buyers = [processes.start(buy, "locks:crate") for _ in range(8)]
            sold = sum(buyer.result() for buyer in buyers)

    `url` is the Redis that they connect to.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._started: list[Process] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self._started:
            process.kill()

    def start(self, function: Callable, *args: object) -> "Process":
        """Starts a process that calls `function(redis_conn, *args)`, with a client of its own, and returns at once.

        What the function uses of the notebook (other functions, constants) goes along, as a copy. A client cannot: the
        function uses the one that it is given.
        """
        environment = {**os.environ, "REDIS_URL": self._url}
        try:
            task = cloudpickle.dumps((function, args))
        except (TypeError, pickle.PicklingError) as error:
            raise CourseError(
                f"{function.__name__} cannot go to another process ({error}): it must use the client that it is given, "
                "not one of the notebook's."
            ) from None
        # Not among the arguments, which everybody may read.
        process = Process(pickle.dumps((environment, os.getcwd(), task)))
        self._started.append(process)
        return process


class Process:
    """One running process. `lines` is what it has printed so far, errors included."""

    def __init__(self, task: bytes) -> None:
        self.lines: list[str] = []
        self._result = b""
        self._popen = forked.ForkedProcess(TEMPLATE) if forked.CAN_FORK else _alone()
        self.pid = self._popen.pid
        self._task_pipe = cast(IO[bytes], self._popen.stdin)
        self._result_pipe = cast(IO[bytes], self._popen.stdout)
        self._printed_pipe = cast(IO[bytes], self._popen.stderr)
        self._printed = threading.Condition()
        self._prints = True  # False when no further line can come
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_lines, self._read_result)]
        for reader in self._readers:
            reader.start()
        with contextlib.suppress(BrokenPipeError):  # it has ended already: `result()` says why
            self._task_pipe.write(len(task).to_bytes(8) + task)
            self._task_pipe.flush()

    def __repr__(self) -> str:
        return f"Process({self.pid}, {'running' if self.is_running() else 'ended'})"

    def is_running(self) -> bool:
        """Whether the process is there (it may be paused)."""
        return self._popen.poll() is None

    def kill(self) -> None:
        """Ends it at once with kill -9, wherever it is. Nothing happens when it has ended already."""
        self._popen.kill()
        self._ended()

    def pause(self) -> None:
        """Lets it stand still (SIGSTOP), as a busy machine or a long garbage collection does."""
        self._popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on (SIGCONT), where it was."""
        self._popen.send_signal(signal.SIGCONT)

    def wait_for(self, text: str, seconds: float = 20) -> str:
        """Waits until it has printed a line that begins with `text`, and returns that line.

        Raises CourseError when it ends without, or does not print it within `seconds`.
        """
        deadline = time.monotonic() + seconds
        with self._printed:
            while True:
                if found := next((line for line in self.lines if line.startswith(text)), None):
                    return found
                if not self._prints or not self._printed.wait(max(0, deadline - time.monotonic())):
                    raise CourseError(f"The process did not print {text!r}. {self._how_it_ended()}")

    def result(self, seconds: float = 60) -> object:
        """Waits for its end, and returns what the function returned.

        Raises CourseError when the function raised, the process was killed, or `seconds` have passed.
        """
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise CourseError(f"The process still runs after {seconds:g} seconds: it was not waited for.") from None
        self._ended()
        if not self._result:
            raise CourseError(f"The process came to no result. {self._how_it_ended()}")
        return pickle.loads(self._result)

    def _read_lines(self) -> None:
        for line in self._printed_pipe:
            with self._printed:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self._printed.notify_all()
        with self._printed:
            self._prints = False
            self._printed.notify_all()

    def _read_result(self) -> None:
        size = int.from_bytes(self._result_pipe.read(8))
        result = self._result_pipe.read(size)
        if len(result) == size:  # it was not killed in the middle
            self._result = result

    def _ended(self) -> None:
        self._popen.wait()
        for reader in self._readers:
            reader.join()
        for pipe in (self._task_pipe, self._result_pipe, self._printed_pipe):
            pipe.close()

    def _how_it_ended(self) -> str:
        if self._popen.poll() == -signal.SIGKILL:
            return "It was killed."
        last = self.lines[-1] if self.lines else "It said nothing."
        return re.sub(r"(rediss?)://\S*@", r"\1://…@", last)


def _alone() -> subprocess.Popen:
    """A new process that imports everything itself."""
    return subprocess.Popen(
        [sys.executable, "-c", ALONE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,  # for the result alone: `child()` sends to the other pipe what is printed
        stderr=subprocess.PIPE,
        start_new_session=True,  # an interrupt of the notebook's cell is not meant for it
    )


def serve_as_template(requests_end: int) -> None:
    """What the template process does: see `forked`."""
    forked.serve(requests_end, child)


def child() -> None:
    """What the new process does: reads its task, does it, and hands the result back on a pipe of its own."""
    size = int.from_bytes(sys.stdin.buffer.read(8))
    environment, folder, task = pickle.loads(sys.stdin.buffer.read(size))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with open(os.dup(1), "wb") as result_pipe:
        os.dup2(2, 1)  # from now on, what is printed goes where errors go
        cast(io.TextIOWrapper, sys.stdout).reconfigure(line_buffering=True)
        function, args = pickle.loads(task)
        with RedisConnectionHandle() as handle:
            value = function(handle.connect(), *args)
        result = pickle.dumps(value)
        result_pipe.write(len(result).to_bytes(8) + result)
    _wait_for_other_threads()
    sys.stdout.flush()
    os._exit(0)  # a daemon thread of the function that prints just then would trip over the end of the interpreter


def _wait_for_other_threads() -> None:
    """Waits for the threads that Python itself would wait for at its end."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # the parent never writes again: this returns when it is gone
    os._exit(1)
