"""Lesson 34: servers with a folder of their own, which may be killed; a replica whose link can be cut; pictures."""

import atexit
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import redis
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from redis.backoff import NoBackoff
from redis.retry import Retry

from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.embedded import EmbeddedRedis, Option
from redis_helpers.course.plots import MARK, OTHER, plot_bars
from redis_helpers.errors import CourseError

PATIENCE = 30  # seconds for what takes milliseconds, on a machine that is very busy
QUICK = {"hz": 100}  # how often a second Redis looks after its own work, such as a snapshot that is ready


class DiskRedis:
    """A real Redis beside the lesson's own, with a data folder, which may be killed and started again.

    `settings` are those of redis.conf, with `_` for `-`. `change()` gives it others, from the next start on.
    """

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"cell-by-cell-{os.getpid()}-", dir=_on_a_disk()))
        self._settings = settings
        self._server = self._new_server()
        self.start()

    def change(self, **settings: str) -> None:
        """Other lines in its redis.conf. They count from the next start on: the server is stopped in good order."""
        self.stop()
        self._settings = {**self._settings, **settings}
        earlier, self._server = self._server, self._new_server(self._server.port)
        self._server.password = earlier.password  # so its clients find it again

    def start(self) -> None:
        """Starts the server, which loads what its folder holds."""
        self._server.start()
        if len(self._settings.get("save", "").split()) > 2:  # Redis 6.2 takes one rule a line only
            with self._own_client() as client:
                client.config_set("save", self._settings["save"])

    def kill(self) -> None:
        """Ends the server with kill -9, as soon as it has handed its log to the operating system.

        With `appendfsync everysec`, Redis waits with that for up to two seconds while the disk is busy. What waits then
        would be lost: here that is not left to chance.
        """
        self._wait_for_the_log()
        self._server.kill()

    def stop(self) -> None:
        """Asks the server to end, as `docker stop` and a shutdown of the computer do."""
        self._server.stop()

    def connect(self) -> redis.Redis:
        """A client of this server, which tries nothing twice."""
        return redis.Redis.from_url(self._server.url, decode_responses=True, retry=Retry(NoBackoff(), 0))

    def log_lines(self) -> list[str]:
        """What stands in the append-only file, line by line, without the snapshot that it begins with."""
        self._wait_for_the_log()
        files = sorted(self.folder.glob("**/appendonly*.aof"))
        return [line for file in files if file.is_file() for line in file.read_text("utf-8", "replace").splitlines()]

    def remove(self) -> None:
        """Ends the server, and deletes its folder."""
        self._server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_for_the_log(self) -> None:
        deadline = time.monotonic() + PATIENCE
        with contextlib.suppress(redis.ConnectionError), self._own_client() as client:  # it may have ended already
            while client.info("persistence").get("aof_buffer_length", 0) and time.monotonic() < deadline:
                time.sleep(0.001)

    def _new_server(self, port: int | None = None) -> EmbeddedRedis:
        settings: dict[str, Option] = {**QUICK, **self._settings}
        if len(self._settings.get("save", "").split()) > 1:
            settings["save"] = self._settings["save"].split()[:2]
        return EmbeddedRedis(port=port, dir=self.folder, **settings)

    def _own_client(self) -> redis.Redis:
        return redis.Redis.from_url(self._server.url, decode_responses=True)


_running: dict[str, DiskRedis] = {}  # by name: a cell that runs again replaces its server


def start_server(name: str = "server", **settings: str) -> DiskRedis:
    """Starts a Redis with an empty folder and these settings. An earlier one of the same name is removed."""
    if name in _running:
        _running.pop(name).remove()
    _running[name] = DiskRedis(**settings)
    return _running[name]


@atexit.register
def remove_servers() -> None:
    """Ends every server of this lesson, and deletes the folders."""
    for pair in list(_pairs):
        pair.remove()
    while _running:
        _running.popitem()[1].remove()


def _on_a_disk() -> str:
    """Where the folders lie. `/tmp` is often in the memory, where it makes no difference to wait for the disk."""
    return "/var/tmp" if os.access("/var/tmp", os.W_OK) else tempfile.gettempdir()


class Pair:
    """A primary and its replica, both real. Between them is a link that can be cut, and mended."""

    def __init__(self) -> None:
        self._primary = EmbeddedRedis(repl_diskless_sync_delay=0, **QUICK).start()
        self._link: FaultProxy | None = None
        source = ["127.0.0.1", self._open_link()]
        self._replica = EmbeddedRedis(replicaof=source, masterauth=self._primary.password, **QUICK).start()
        self.primary = redis.Redis.from_url(self._primary.url, decode_responses=True)
        self.replica = redis.Redis.from_url(self._replica.url, decode_responses=True)
        self._wait_until_linked()

    def cut_link(self) -> None:
        """From now on, nothing that the primary is told reaches the replica."""
        if self._link is not None:
            self._link.__exit__(None, None, None)
            self._link = None

    def mend_link(self) -> None:
        """The replica gets what it has missed. Returns when it has all."""
        if self._link is None:
            self.replica.replicaof("127.0.0.1", str(self._open_link()))
        self._wait_until_linked()

    def _open_link(self) -> int:
        self._link = FaultProxy(self._primary.port or 0)
        self._link.__enter__()
        return self._link.port

    def remove(self) -> None:
        """Ends both servers."""
        self.cut_link()
        self._replica.stop()
        self._primary.stop()
        if self in _pairs:
            _pairs.remove(self)

    def _wait_until_linked(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            told = self.replica.info("replication")
            if told["master_link_status"] == "up" and told["slave_repl_offset"] >= self._offset():
                return
            time.sleep(0.002)
        raise CourseError("The replica did not come up in time: this machine is too busy now. Run the cell again.")

    def _offset(self) -> int:
        """How far the primary is: a replica with this number has all that it was told so far."""
        return self.primary.info("replication")["master_repl_offset"]


_pairs: list[Pair] = []  # the one of this notebook


def start_pair() -> Pair:
    """Starts a primary and a replica, both empty. An earlier pair is ended."""
    for pair in list(_pairs):
        pair.remove()
    _pairs.append(Pair())
    return _pairs[0]


def draw_left(left: Mapping[str, int]) -> Axes:
    """A bar for each setting: how many orders are there after the restart."""
    colors = {name: MARK if count else OTHER for name, count in left.items()}
    return plot_bars(left, "How many orders are left after the kill?", "orders", colors)


def draw_cost(times: Mapping[str, float]) -> Axes:
    """A bar for each way to store orders: how many times as long it takes as with `everysec`."""
    colors = {name: MARK if "always" in name else OTHER for name in times}
    ax = plot_bars(times, "How much longer does it take with always?", "×", colors)
    ax.set_xlabel("times as long as with everysec")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax
