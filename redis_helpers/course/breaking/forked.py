"""`ForkedProcess`: a new Python process within milliseconds, as it begins with everything imported.

A template process imports once what each child needs. Whenever a child is wanted, the template forks, and tells of the
child's end. It has one thread, so a fork is safe there, which it would not be in a notebook's kernel. It ends with the
process that started it, however that ended.

This is done on Linux alone: Windows has no fork, and on macOS libraries of the system may crash in a forked process.
"""

import atexit
import contextlib
import gc
import io
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO

from redis_helpers.errors import CourseError

CAN_FORK = sys.platform == "linux"
NUMBER = struct.Struct("=q")  # how the template tells a PID, and how a child ended


class Template:
    """A process that has imported what its children need. It is started at the first fork, and again when it is gone.

    `code` is the Python code that it runs: in it, `{}` stands for the first argument of `serve()`.
    """

    def __init__(self, code: str, **environment: str) -> None:
        self._code = code
        self._environment = environment
        self._running: _RunningTemplate | None = None
        self._turn = threading.Lock()

    def fork(self, ends: list[int]) -> int:
        """The PID of a new child: its input, output and errors, and where to tell of its end, are these four ends.

        Raises CourseError when the template cannot be started.
        """
        with self._turn:
            for _ in range(2):  # the one that was there may have been killed
                running = self._running
                if running is None or running.owner != os.getpid():
                    running = _RunningTemplate(self._code, {**os.environ, **self._environment})
                    atexit.register(running.end)
                self._running = None  # an interrupt while it is asked would leave a PID behind, for the next one
                pid = running.fork(ends)
                if pid:
                    self._running = running
                    return pid
                running.end()
        raise CourseError("No further process could be started: restart the kernel, and run the cells again.")


class _RunningTemplate:
    def __init__(self, code: str, environment: dict[str, str]) -> None:
        self.owner = os.getpid()
        self._requests, served = socket.socketpair()
        with served:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code.format(served.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt of the notebook's cell is not meant for it
                pass_fds=[served.fileno()],
            )

    def fork(self, ends: list[int]) -> int:
        """The PID of a new child with these ends; 0 when there is no template any more."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._requests, [b"."], ends)
            if told := self._requests.recv(NUMBER.size):
                return NUMBER.unpack(told)[0]
        return 0

    def end(self) -> None:
        """Nobody asks any more: it ends."""
        if self.owner == os.getpid():
            with contextlib.suppress(OSError):  # it has ended already
                self._requests.shutdown(socket.SHUT_RDWR)  # also where a forked copy of this process holds it, too
            self._requests.close()
            self._process.wait()


class ForkedProcess:
    """A process of a template. It has the attributes and methods of `subprocess.Popen` that are needed here.

    What it prints can be read from `stdout` and `stderr`; with `shares_output`, it goes where this process prints.
    """

    def __init__(self, template: Template, shares_output: bool = False) -> None:
        self._ended = threading.Event()
        self.returncode: int | None = None
        task_end, task = os.pipe()
        fate, fate_end = os.pipe()
        outputs = [os.dup(1), os.dup(2)] if shares_output else []
        results = [] if shares_output else [os.pipe(), os.pipe()]
        handed_on = [task_end, *outputs, *[end for _, end in results], fate_end]
        self.stdin = os.fdopen(task, "wb")
        self.stdout: IO[bytes] | None = None
        self.stderr: IO[bytes] | None = None
        if results:
            self.stdout, self.stderr = (os.fdopen(read, "rb") for read, _ in results)
        self._fate = io.FileIO(fate)
        try:
            self.pid = template.fork(handed_on)
        except BaseException:
            for pipe in (self.stdin, self.stdout, self.stderr, self._fate):
                if pipe is not None:
                    pipe.close()
            raise
        finally:
            for end in handed_on:
                os.close(end)
        threading.Thread(target=self._hear_of_its_end, daemon=True).start()

    def poll(self) -> int | None:
        """None while it runs. Later how it ended: its exit code, or the negative number of the signal."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end, and returns what `poll()` says then. Raises TimeoutExpired after so many seconds."""
        self._ended.wait(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing happens when it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it with kill -9."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Asks it to end (SIGTERM)."""
        self.send_signal(signal.SIGTERM)

    def _hear_of_its_end(self) -> None:
        with self._fate:
            told = self._fate.read(NUMBER.size)
        if told:
            (self.returncode,) = NUMBER.unpack(told)
        else:  # the template was killed: nobody could tell any more whether the process runs
            self.kill()
            self.returncode = -signal.SIGKILL
        self._ended.set()


def serve(requests_end: int, child: Callable[[], None]) -> None:
    """What the template does: forks a child for each request. Returns when nobody can ask any more.

    A request is one byte, with four ends of pipes: for the child's standard input, output and errors, and one on which
    the template tells later how the child ended. The answer to a request is the child's PID.
    """
    gc.freeze()  # so the garbage collector of a child leaves the pages alone that it shares with the template
    fates: dict[int, int] = {}
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake)
    with socket.socket(fileno=requests_end) as requests:
        while True:
            ready, _, _ = select.select([requests_end, woken], [], [])
            if woken in ready:
                os.read(woken, 1000)
                _tell_who_has_ended(fates)
            if requests_end in ready:
                _, ends, _, _ = socket.recv_fds(requests, 1, 4)
                if not ends:
                    return
                own_session, not_yet = os.pipe()
                pid = os.fork()
                if pid == 0:
                    break
                os.close(not_yet)
                fates[pid] = ends.pop()
                for end in ends:
                    os.close(end)
                os.read(own_session, 1)  # returns when the child has a session of its own, or has ended
                os.close(own_session)
                requests.sendall(NUMBER.pack(pid))
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _take_over(ends, [woken, wake, own_session, not_yet, *fates.values()])
    child()


def _tell_who_has_ended(fates: dict[int, int]) -> None:
    while fates:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        fate = fates.pop(pid)
        with contextlib.suppress(BrokenPipeError):  # nobody wants to know
            os.write(fate, NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os.close(fate)


def _take_over(ends: list[int], of_the_template: list[int]) -> None:
    """In the child: the ends become its standard input, output and errors, and nothing else is open."""
    os.setsid()
    for number, end in enumerate(ends[:3]):
        os.dup2(end, number)
    for end in (*ends, *of_the_template):
        os.close(end)
