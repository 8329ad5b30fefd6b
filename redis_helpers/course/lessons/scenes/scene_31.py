"""Lesson 31: a database with an old transaction, a reader met at every moment, a second Redis that saves and dies, and
the pictures."""

import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import redis
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from redis_helpers.cache_aside import CacheAside
from redis_helpers.connect_options import ConnectOptions
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking import every_moment
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.lessons.scenes import scene_07, scene_08
from redis_helpers.course.measure import times_in_turns
from redis_helpers.course.plots import CACHE, MARK, OTHER, SOURCE, plot_bars, plot_lines, plot_story

SAVED = "dump.rdb"  # the file in which Redis saves its memory

Load = Callable[[], object]
Reader = Callable[[redis.Redis, Load], object]


# An old price


class PriceDatabase(scene_07.PriceDatabase):
    """The database of lesson 07, which can also be read in a transaction that began earlier."""

    def begin_transaction(self) -> "Transaction":
        """A transaction that sees, until it is closed, what is committed now."""
        return Transaction(Path(self._folder.name) / "prices.sqlite")


class Transaction:
    """One reader's transaction: whatever others commit meanwhile, it does not see it."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("BEGIN")
        self._connection.execute(
            "SELECT count(*) FROM prices"
        ).fetchone()  # SQLite fixes what it sees at the first read

    def load(self, fruit: str) -> int:
        """The price as it was when the transaction began."""
        return int(self._connection.execute("SELECT cents FROM prices WHERE fruit = ?", (fruit,)).fetchone()[0])

    def close(self) -> None:
        """Ends the transaction."""
        self._connection.close()


def every_meeting(
    reader: Reader, redis_conn: redis.Redis, load: Load, rival: Callable[[], object], before: Callable[[], object]
) -> Iterator[str]:
    """Calls `reader(redis_conn, load)` again and again, and `rival()` comes once each time: before the first command,
    between two commands, behind the last one, right before the load and right behind it.

    Each time, `before()` puts the data in place. Yields when the rival came, in words, so that a loop can look at what
    is left.
    """
    yield from every_moment(reader, redis_conn, load, rival=rival, before=before)

    def load_after_rival() -> object:
        rival()
        return load()

    def load_before_rival() -> object:
        value = load()
        rival()
        return value

    for moment, load_and_meet in {"before the load": load_after_rival, "after the load": load_before_rival}.items():
        before()
        reader(redis_conn, load_and_meet)
        yield moment


def draw_late_fill() -> Axes:
    """A reader without a ticket: the writer comes while it loads."""
    return plot_story(
        "How does the old price come back?",
        {
            "cache": [(0, 7.8, "nothing"), (7.9, 11, "312, for ten minutes")],
            "database": [(0, 3.9, "312"), (4, 11, "299")],
            "reader": [(0.4, 1.4, "miss"), (1.6, 6.8, "loads 312"), (7, 8.4, "stores 312")],
            "writer": [(3, 4.2, "saves 299"), (4.5, 6.5, "deletes (nothing there)")],
        },
    )


def draw_refused_fill() -> Axes:
    """The same meeting, and the reader has a ticket."""
    return plot_story(
        "What does the ticket change?",
        {
            "cache": [(0, 11, "nothing: the next reader loads 299")],
            "database": [(0, 3.9, "312"), (4, 11, "299")],
            "reader": [(0.4, 1.4, "miss, ticket"), (1.6, 6.8, "loads 312"), (7, 8.4, "may not store")],
            "writer": [(3, 4.2, "saves 299"), (4.5, 6.5, "deletes both")],
            "ticket": [(1.4, 5.4, "there"), (5.5, 11, "gone")],  # last, so that the others keep their colours
        },
    )


class SecondRedis(scene_08.SecondRedis):
    """The second Redis of lesson 08, which may be killed and paused. It can also save its memory, and have it back.

    second = SecondRedis()
    second.save_to_disk()       # as a Redis does from time to time
    second.kill_and_restart()   # it has what it had saved
    second.start()              # a new, empty one
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cell-by-cell-", ignore_cleanup_errors=True)
        self._server = EmbeddedRedis(dir=self._folder.name).start()
        self.host = self._server.host
        self.port = self._server.port
        self.password = self._server.password

    @property
    def handle(self) -> RedisConnectionHandle:
        """A handle, as the connect cell makes it."""
        return RedisConnectionHandle(ConnectOptions(host=self.host, port=self.port or 0, password=self.password))

    def connect_cache(self) -> redis.Redis:
        """A client for a cache."""
        return self.handle.connect_cache()

    def start(self) -> None:
        """Starts a new, empty server under the same address; an old one is killed, and what it saved is deleted."""
        self._server.kill()
        (Path(self._folder.name) / SAVED).unlink(missing_ok=True)
        self._server.start()

    def save_to_disk(self) -> None:
        """Lets the server save its memory into a file."""
        with redis.Redis.from_url(self.url) as client:
            client.save()

    def kill_and_restart(self) -> None:
        """Ends the server at once, with kill -9, and starts it again: it reads what it had saved."""
        self._server.kill()
        self._server.start()


# Reload before the end


def plot_chances(shares: Mapping[float, float]) -> Axes:
    """Which share of the reads (0 to 1) reloads, by the time that is left, counted in loads."""
    ax = plot_lines(
        {"reads that reload": (list(shares), list(shares.values()))},
        "How many reads reload early?",
        "time left, in loads",
        "share of reads",
        {"reads that reload": CACHE},
    )
    ax.axvline(1, color=MARK, linestyle="--")
    ax.annotate("one load is left", (1, 0.8), (6, 0), textcoords="offset points", color=MARK, weight="bold")
    for text in ax.texts[:1]:
        text.remove()  # one line needs no name beside it
    ax.set_xlim(left=0)
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    return ax


# Redis gone, and back

KILLED_AFTER, GONE_FOR, HITS_AFTER = 0.4, 1.2, 0.4  # seconds
GIVEN_UP = 15  # seconds after which hits should have come again
BETWEEN = 0.004  # seconds between two reads


@dataclass
class Read:
    """One read: when it began (seconds from the first one), how long it took (µs), and who answered.

    `answered` is "hit", "source" or the name of an error.
    """

    second: float
    took: float
    answered: str


@dataclass
class Accident:
    """What a reader saw: all its reads, and when Redis was killed and was back, in seconds from the first read."""

    reads: list[Read]
    killed: float
    back: float

    def count(self, answered: str, since: float = 0, until: float = float("inf")) -> int:
        """How many reads of this kind began in that time."""
        return sum(read.answered == answered and since <= read.second < until for read in self.reads)

    def failed(self) -> int:
        """How many reads raised an error."""
        return len(self.reads) - self.count("hit") - self.count("source")


def kill_under_reads(second: SecondRedis, cache: CacheAside, read: Callable[[], object]) -> Accident:
    """Calls `read()` again and again, as a busy shop does. Meanwhile, the second Redis is killed, and after more than a
    second it is started again, empty. Ends a while after the first hit on the new one.
    """
    begin = time.monotonic()
    seen = Accident([], 0, 0)

    def read_for(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen.reads.append(_one_read(cache, read, begin))
            time.sleep(BETWEEN)

    second.start()
    read_for(KILLED_AFTER)
    seen.killed = time.monotonic() - begin
    second.kill()
    read_for(GONE_FOR)
    second.start()
    seen.back = time.monotonic() - begin
    while not seen.count("hit", since=seen.back) and time.monotonic() - begin < seen.back + GIVEN_UP:
        read_for(0.05)
    read_for(HITS_AFTER)
    return seen


def _one_read(cache: CacheAside, read: Callable[[], object], begin: float) -> Read:
    hits, start = cache.hits, time.monotonic()
    try:
        read()
    except Exception as error:
        answered = type(error).__name__
    else:
        answered = "hit" if cache.hits > hits else "source"
    return Read(start - begin, 1e6 * (time.monotonic() - start), answered)


def plot_accident(seen: Accident) -> Axes:
    """A dot for each read: when it was, how long it took, and whether the cache or the source answered."""
    ax = plt.subplots(figsize=(8, 4))[1]
    for name, color in {"hit": CACHE, "source": SOURCE}.items():
        dots = [read for read in seen.reads if read.answered == name]
        ax.scatter([dot.second for dot in dots], [dot.took for dot in dots], s=5, color=color)
    least, most = (choose(read.took for read in seen.reads) for choose in (min, max))
    names = {"hits": (seen.killed / 2, CACHE), "the source answers": ((seen.killed + seen.back) / 2, SOURCE)}
    for name, (second, color) in names.items():
        ax.annotate(name, (second, 1.6 * most), ha="center", color=color, weight="bold")
    for name, second in {"Redis is killed": seen.killed, "and started again": seen.back}.items():
        ax.axvline(second, color=MARK, linestyle=":")
        ax.annotate(name, (second, 5 * most), (4, 0), textcoords="offset points", color=MARK, weight="bold")
    ax.set(
        title="What does a reader notice when Redis dies?",
        yscale="log",
        ylim=(0.7 * least, 10 * most),
        xlabel="time, seconds",
        ylabel="time of one read, µs (log scale)",
    )
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return ax


# Where the time of a hit goes

SIX_LINES, AGAIN = "six lines", "six lines, once more"
ROUNDS = 600


def cost_of_a_hit(
    second: SecondRedis, key: str, read_through: Callable[[redis.Redis, str, Load, int], object]
) -> dict[str, float]:
    """The time of one hit in several ways, from the bytes alone up to the class, in per cent of `read_through`.

    All of them are measured in turns, and of many times the tenth percentile is taken: nine of ten calls took longer,
    and other programs disturbed it least. `read_through` is measured twice, so that one can see how much of a
    difference is chance. The clients have redis-py's defaults, or the course's.
    """
    client = second.handle.connect()
    default = redis.Redis(**second.handle.options.arguments(), decode_responses=True)
    text = str(client.get(key))
    connection = default.connection_pool.get_connection()
    bare = connection._get_socket()  # type: ignore[attr-defined]
    words = ("GET", key)
    question = f"*2\r\n$3\r\nGET\r\n${len(key)}\r\n{key}\r\n".encode()
    on_connect = CacheAside(client)
    on_cache = CacheAside(second.connect_cache())

    def never() -> object:
        raise AssertionError("each of these reads is a hit")

    def ask_socket() -> None:
        bare.sendall(question)
        bare.recv(65536)

    def ask_connection() -> None:
        connection.send_command(*words)
        connection.read_response()

    ways: dict[str, Callable[[], object]] = {
        "JSON alone, no Redis": lambda: json.loads(text),
        "a bare socket": ask_socket,
        "one connection": ask_connection,
        "redis-py's get": lambda: default.get(key),
        SIX_LINES: lambda: read_through(default, key, never, 60),
        AGAIN: lambda: read_through(default, key, never, 60),
        "CacheAside, connect()": lambda: on_connect.get_or_load(key, never, 60),
        "CacheAside, connect_cache()": lambda: on_cache.get_or_load(key, never, 60),
    }
    try:
        quick = {name: np.quantile(times, 0.1) for name, times in times_in_turns(ways, ROUNDS).items()}
    finally:
        default.connection_pool.release(connection)
        default.close()
    return {name: float(100 * (quick[name] / quick[SIX_LINES])) for name in ways}


def plot_cost(costs: Mapping[str, float]) -> Axes:
    """A bar for each way, six lines being 100 %."""
    colors = {name: CACHE if name.startswith("CacheAside") else OTHER for name in costs}
    ax = plot_bars(costs, "What does a hit cost?", "%", colors)
    ax.set_xlabel("time of one hit, % of the six lines")
    return ax
