"""`ForkedProcess`: a new Python process within milliseconds, as it begins with everything imported.

A template process imports once what each child needs. Whenever a child is wanted, the template forks, and tells of the
child's end. It has one thread, so a fork is safe there, which it would not be in a notebook's kernel. It ends with the
process that started it, however that ended.
"""

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

from redis_helpers.errors import CourseError

TEMPLATE = "import redis_helpers.course.breaking.processes as processes; processes.serve_as_template({})"
NUMBER = struct.Struct("=q")  # how the template tells a PID, and how a child ended


class ForkedProcess:
    """A process of the template. It has the attributes and methods of `subprocess.Popen` that are needed here."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._returncode = 0
        task_end, task = os.pipe()
        result, result_end = os.pipe()
        printed, printed_end = os.pipe()
        fate, fate_end = os.pipe()
        handed_on = [task_end, result_end, printed_end, fate_end]
        self.stdin, self.stdout, self.stderr = os.fdopen(task, "wb"), os.fdopen(result, "rb"), os.fdopen(printed, "rb")
        self._fate = io.FileIO(fate)
        try:
            self.pid = _fork(handed_on)
        except BaseException:
            for pipe in (self.stdin, self.stdout, self.stderr, self._fate):
                pipe.close()
            raise
        finally:
            for end in handed_on:
                os.close(end)
        threading.Thread(target=self._hear_of_its_end, daemon=True).start()

    def poll(self) -> int | None:
        """None while it runs. Later how it ended: its exit code, or the negative number of the signal."""
        return self._returncode if self._ended.is_set() else None

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end, and returns what `poll()` says then. Raises TimeoutExpired after so many seconds."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(TEMPLATE, timeout or 0)
        return self._returncode

    def send_signal(self, number: int) -> None:
        """Nothing happens when it has ended."""
        if not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it with kill -9."""
        self.send_signal(signal.SIGKILL)

    def _hear_of_its_end(self) -> None:
        with self._fate:
            told = self._fate.read(NUMBER.size)
        if told:
            (self._returncode,) = NUMBER.unpack(told)
        else:  # the template was killed: nobody could tell any more whether the process runs
            self.kill()
            self._returncode = -signal.SIGKILL
        self._ended.set()


class _Template:
    """The template, as the process sees it that started it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._requests, served = socket.socketpair()
        with served:
            self._process = subprocess.Popen(
                [sys.executable, "-c", TEMPLATE.format(served.fileno())],
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
        self._requests.close()
        self._process.wait()
        return 0


_template: _Template | None = None
_turn = threading.Lock()


def _fork(ends: list[int]) -> int:
    """The PID of a new child with these ends. The template is started if it is not there.

    Raises CourseError when it cannot be started.
    """
    global _template
    with _turn:
        for _ in range(2):  # the one that was there may have been killed
            template = _template
            if template is None or template.owner != os.getpid():
                template = _Template()
            _template = None  # an interrupt while it is asked would leave a PID behind, for the next one who asks
            pid = template.fork(ends)
            if pid:
                _template = template
                return pid
    raise CourseError("No further process could be started: restart the kernel, and run the cells again.")


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
                pid = os.fork()
                if pid == 0:
                    break
                fates[pid] = ends.pop()
                requests.sendall(NUMBER.pack(pid))
                for end in ends:
                    os.close(end)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _take_over(ends, [woken, wake, *fates.values()])
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
