"""Lesson 41: a cluster whose servers die and come back, writers that go on meanwhile, and a pair with a Sentinel.

All of it is real and private: servers of the lesson's own, on this machine. They end with the kernel.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.pyplot as plt
import redis
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException
from redis.retry import Retry
from redis.sentinel import Sentinel

from redis_helpers.course.embedded import EmbeddedRedis, find_server_binary, free_port
from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.course.plots import MARK, OTHER, PEOPLE
from redis_helpers.errors import CourseError

PATIENCE = 60  # seconds until the bench gives up; what it waits for takes about two, on a busy machine more
PAUSE = 0.02  # seconds from one write of a writer to its next
CALM = 0.15  # seconds of writing before something breaks, and after it is mended
COVERAGE = "cluster-require-full-coverage"
COPIES = "min-replicas-to-write"
TAKES_OVER_NOT = "cluster-replica-no-failover"
STRANGERS = (
    "The servers of the cluster do not know each other any more: somebody removed their temporary folders. Run the "
    "cell with open_cluster() again, and then this one."
)
WRITTEN, REFUSED = PEOPLE[0], OTHER  # as let in and denied in the lesson on limiters


class ShopCluster(EmbeddedCluster):
    """Three primaries with one replica each. Its servers may be killed, paused and cut off, and `whole()` mends it.

    Each server remembers its place in the cluster in a folder of its own, and none of its keys. A replica takes over
    here however long it was cut off; by default it would not, after some time.
    """

    def __init__(self) -> None:
        super().__init__(cluster_replica_validity_factor=0)
        self._folders: list[tempfile.TemporaryDirectory[str]] = []
        self._paused: set[int] = set()  # ports

    def _start_node(self) -> EmbeddedRedis:
        self._folders.append(tempfile.TemporaryDirectory(prefix="cell-by-cell-node-"))
        self._options["dir"] = self._folders[-1].name
        return super()._start_node()

    def _running(self) -> list[EmbeddedRedis]:
        """Those that answer."""
        return [node for node in super()._running() if node.port not in self._paused]

    def stop(self) -> None:
        """Ends all nodes at once: nobody needs what they hold."""
        for node in self.nodes:
            node.kill()
        super().stop()
        while self._folders:
            self._folders.pop().cleanup()

    def connect_to(self, node: EmbeddedRedis) -> redis.Redis:
        """A client of one server of the cluster, which tries nothing twice."""
        return redis.Redis.from_url(node.url, decode_responses=True)

    def pause(self, node: EmbeddedRedis) -> None:
        """Lets a server stand still: its connections stay open, and it answers nothing."""
        if node.port is not None and node.pid is not None:
            self._paused.add(node.port)
            os.kill(node.pid, signal.SIGSTOP)

    def resume(self, node: EmbeddedRedis) -> None:
        """Lets a paused server go on."""
        if node.port is not None and node.pid is not None:
            os.kill(node.pid, signal.SIGCONT)
            self._paused.discard(node.port)

    def cut_link(self, key: str) -> None:
        """Breaks the link to the replica of `key`. Up to here, the replica has everything; from now on, nothing more.

        The replica gets a wrong password for its primary, which closes the connection. So it never comes back.
        """
        primary, replica = self.primary_of(key), self.replicas_of(key)[0]
        with self.connect_to(primary) as sender, self.connect_to(replica) as follower:
            _wait("the replica has everything", lambda: _offset(sender) == _offset(follower))
            follower.config_set("masterauth", "a wrong password")
            sender.execute_command("CLIENT", "KILL", "TYPE", "replica")
            _wait("the link is broken", lambda: follower.info("replication")["master_link_status"] == "down")

    def kill_and_promote(self, key: str) -> None:
        """Kills the primary of `key`, and tells its replica to take over at once, as a person can do it."""
        primary, replica = self.primary_of(key), self.replicas_of(key)[0]
        primary.kill()
        with self.connect_to(replica) as client:
            client.execute_command("CLUSTER", "FAILOVER", "FORCE")
        self.wait_until_healthy(PATIENCE)

    def set_everywhere(self, setting: str, value: str) -> None:
        """`CONFIG SET` on each server that answers."""
        for node in self._running():
            with self.connect_to(node) as client:
                client.config_set(setting, value)

    def whole(self) -> None:
        """Mends everything: starts dead servers, sets settings back, and waits until each primary has its replica.

        Servers that have lost their folders are strangers to each other: that cannot be mended, and it says so.
        """
        for node in self.nodes:
            if node.port in self._paused:
                self.resume(node)
            node.start()  # when it runs, nothing happens
        as_at_the_start = {COVERAGE: "yes", COPIES: "0", TAKES_OVER_NOT: "no", "masterauth": self.password}
        for node in self.nodes:
            with self.connect_to(node) as one_server, one_server.pipeline(transaction=False) as pipe:
                for setting, value in as_at_the_start.items():
                    pipe.config_set(setting, value)
                pipe.execute()
                if "cluster_known_nodes:1\r" in one_server.execute_command("CLUSTER", "INFO"):
                    raise CourseError(STRANGERS)
        _wait("each primary has its replica", self._has_all_replicas)

    def _has_all_replicas(self) -> bool:
        primaries = 0
        for node in self.nodes:
            with self.connect_to(node) as client:
                told = client.info("replication")
            if told["role"] == "slave":
                if told["master_link_status"] != "up":
                    return False
            elif told["connected_slaves"] == 1 and told["slave0"]["state"] == "online":
                primaries += 1
        return primaries == self._primaries and self._all_know_the_replicas() and self._is_healthy()


_open: list[ShopCluster] = []  # the one of this notebook


def open_cluster() -> ShopCluster:
    """Starts the lesson's cluster, in about two seconds. One that was started before is ended."""
    close_cluster()
    _open.append(ShopCluster())
    _open[0].start()
    return _open[0]


def close_cluster() -> None:
    """Ends the lesson's cluster."""
    while _open:
        _open.pop().stop()


def _offset(client: redis.Redis) -> int:
    told = client.info("replication")
    return told["master_repl_offset"] if told["role"] == "master" else told["slave_repl_offset"]


def _wait(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(redis.RedisError):  # somebody who was started a moment ago
            if condition():
                return
        if time.monotonic() > deadline:
            raise CourseError(f"The lesson's bench waited for {PATIENCE} seconds that {what}: run the cell again.")
        time.sleep(0.01)


# Writers that go on while something breaks


@dataclass
class Write:
    """One try to write: when it began and ended, in seconds since something broke, and the error, if there was one."""

    begin: float
    end: float
    error: str | None


@dataclass
class Writes:
    """What the writers of `write_while` met, key by key."""

    tries: dict[str, list[Write]] = field(default_factory=dict)

    def refused(self, key: str) -> int:
        """How many writes of this key were refused."""
        return sum(write.error is not None for write in self.tries[key])

    def errors(self, key: str) -> list[str]:
        """The names of the errors that its writer got."""
        return sorted(Counter(write.error for write in self.tries[key] if write.error))

    def seconds_refused(self, key: str) -> float:
        """The time from its first refused write to the next one that was done."""
        refused = [write for write in self.tries[key] if write.error]
        if not refused:
            return 0.0
        written = [write.end for write in self.tries[key] if not write.error and write.begin > refused[-1].begin]
        return round(written[0] - refused[0].begin, 1)


def write_while(cluster: ShopCluster, keys: Sequence[str], something_breaks: Callable[[], object]) -> Writes:
    """One writer for each key writes every 20 ms. After a moment, `something_breaks()`; it ends when all write again.

    Each writer has a client of its own, which tries only once, so that each refusal is seen.
    """
    seen = Writes({key: [] for key in keys})
    go_on, ready = threading.Event(), threading.Barrier(len(keys) + 1)
    go_on.set()
    began = time.monotonic()
    threads = [
        threading.Thread(target=_write_on, args=(cluster, key, seen.tries[key], go_on, ready), daemon=True)
        for key in keys
    ]
    for thread in threads:
        thread.start()
    try:
        ready.wait(PATIENCE)
        time.sleep(CALM)
        began = time.monotonic()
        something_breaks()
        cluster.wait_until_healthy(PATIENCE)
        mended = time.monotonic()
        _wait("each key is written again", lambda: all(_is_written(seen.tries[key], mended) for key in keys))
        time.sleep(CALM)
    finally:
        go_on.clear()
        for thread in threads:
            thread.join(PATIENCE)
    for writes in seen.tries.values():
        for write in writes:
            write.begin -= began
            write.end -= began
    return seen


def _write_on(
    cluster: ShopCluster, key: str, tries: list[Write], go_on: threading.Event, ready: threading.Barrier
) -> None:
    client = cluster.connect(retry=Retry(NoBackoff(), 0))
    client.set(key, "banana")
    ready.wait(PATIENCE)
    while go_on.is_set():
        begin, error = time.monotonic(), None
        try:
            client.set(key, "banana")
        except (redis.RedisError, RedisClusterException) as problem:
            error = type(problem).__name__
        tries.append(Write(begin, time.monotonic(), error))
        time.sleep(PAUSE)
    client.close()


def _is_written(tries: list[Write], after: float) -> bool:
    return any(write.error is None and write.begin > after for write in tries[-20:])


def draw_writes(seen: Writes, title: str) -> Axes:
    """A row for each key: when it was written, and when its writes were refused. Zero is when the primary died."""
    ax = plt.subplots(figsize=(9, 1.6 + 0.6 * len(seen.tries)))[1]
    last = max(writes[-1].end for writes in seen.tries.values())
    for row, writes in enumerate(seen.tries.values()):
        for begin, end, refused in _spells(writes):
            ax.barh(row, end - begin, left=begin, height=0.5, color=REFUSED if refused else WRITTEN)
    ax.axvline(0, color=MARK, linewidth=2)
    ax.annotate("the primary of order 1 dies", (0, -0.45), (6, 0), textcoords="offset points", color=MARK, va="bottom")
    ax.set(title=title, xlabel="seconds since the primary died", xlim=(-CALM, last), ylim=(len(seen.tries) - 0.5, -0.8))
    ax.set_ylabel("one order in each shard")
    ax.set_yticks(
        range(len(seen.tries)), [key.rpartition(":")[0].rpartition(":")[2] + " " + key[-1] for key in seen.tries]
    )
    ax.grid(visible=False, axis="y")
    ax.legend(
        handles=[Patch(color=WRITTEN, label="written"), Patch(color=REFUSED, label="refused")],
        loc="upper left",
        bbox_to_anchor=(1, 1),
        frameon=False,
    )
    return ax


def _spells(writes: list[Write]) -> Iterator[tuple[float, float, bool]]:
    """Times in a row in which all writes were done, or all were refused."""
    begin = writes[0].begin
    for write, after in zip(writes, [*writes[1:], None], strict=True):
        refused = write.error is not None
        if after is None:
            yield begin, write.end, refused
        elif (after.error is not None) != refused:
            yield begin, after.begin, refused
            begin = after.begin


# A pair that a Sentinel watches

# It starts the Sentinel, and ends it when the kernel has ended, however that ends: then nobody can write to its input.
GUARD = """
import subprocess, sys
sentinel = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
sys.stdin.read()
sentinel.kill()
sentinel.wait()
"""


class WatchedPair:
    """One primary and one replica, and one Sentinel that watches them, under the name `shop`.

    `address` is where the Sentinel is asked. It takes a primary for dead that has said nothing for half a second.
    """

    def __init__(self) -> None:
        self.primary = EmbeddedRedis(repl_diskless_sync_delay=0).start()
        self.password = self.primary.password
        self.replica = EmbeddedRedis(
            repl_diskless_sync_delay=0,
            replicaof=[self.primary.host, self.primary.port or 0],
            masterauth=self.password,
        )
        self.replica.password = self.password
        self.replica.start()
        with redis.Redis.from_url(self.primary.url, decode_responses=True) as client:
            _wait("the replica follows", lambda: client.info("replication").get("slave0", {}).get("state") == "online")
        self._folder = tempfile.TemporaryDirectory(prefix="cell-by-cell-sentinel-")
        self.address = ("127.0.0.1", free_port())
        self._guard = self._start_sentinel()
        _wait("the Sentinel knows the replica", self._sentinel_knows_the_replica)

    def close(self) -> None:
        """Ends all three. Doing it twice does no harm."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        self._guard.wait()
        self.primary.kill()
        self.replica.kill()
        self._folder.cleanup()

    def _start_sentinel(self) -> subprocess.Popen[bytes]:
        """A Sentinel is a redis-server, with a file in which it notes what it knows."""
        notes = Path(self._folder.name, "sentinel.conf")
        notes.write_text(
            f"bind {self.address[0]}\n"
            f"port {self.address[1]}\n"
            f"dir {self._folder.name}\n"
            f"sentinel monitor shop {self.primary.host} {self.primary.port} 1\n"
            f"sentinel auth-pass shop {self.password}\n"
            "sentinel down-after-milliseconds shop 500\n"
        )
        notes.chmod(0o600)
        command = [sys.executable, "-I", "-S", "-c", GUARD, find_server_binary(), str(notes), "--sentinel"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def _sentinel_knows_the_replica(self) -> bool:
        (sentinel,) = Sentinel([self.address], socket_timeout=5).sentinels
        with sentinel:
            return sentinel.sentinel_master("shop")["num-slaves"] == 1


_pairs: list[WatchedPair] = []  # the one of this notebook


def open_watched_pair() -> WatchedPair:
    """Starts a primary, its replica and a Sentinel. Those that were started before are ended."""
    close_watched_pair()
    _pairs.append(WatchedPair())
    return _pairs[0]


def close_watched_pair() -> None:
    """Ends the three."""
    while _pairs:
        _pairs.pop().close()
