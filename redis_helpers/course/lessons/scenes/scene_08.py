"""Lesson 08: a second Redis that one may break, what a client is set to, a picture, and a proof."""

import os
import signal
from collections.abc import Callable, Iterator

import matplotlib.pyplot as plt
import redis
from matplotlib.axes import Axes

from redis_helpers.connect_options import ConnectOptions
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking import every_moment
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.plots import MARK, OTHER

NO_MEMORY = 1  # byte: less than any server needs, so it refuses to store
SHORT = 0.1  # seconds that the proof's client waits for a reply

Reader = Callable[[redis.Redis, str, Callable[[], object], int], object]


class SecondRedis:
    """A real Redis beside the lesson's own, on this machine, which may be killed and paused.

        second = SecondRedis()
        second.start()     # a new, empty one, whatever state the old one was in
        second.kill()      # gone: connections are refused
        second.pause()     # there, and silent; `resume()` lets it go on
        second.fill_up()   # there, and refuses to store anything

    It always has the same `host`, `port` and `password`, and ends with the kernel.
    """

    def __init__(self) -> None:
        self._server = EmbeddedRedis().start()
        self.host = self._server.host
        self.port = self._server.port
        self.password = self._server.password

    @property
    def url(self) -> str:
        """The address as `redis.Redis.from_url` reads it. It holds the password."""
        return self._server.url

    def start(self) -> None:
        """Starts a new, empty server under the same address; an old one is killed."""
        self._server.kill()
        self._server.start()

    def kill(self) -> None:
        """Ends the server at once, with kill -9. All that it held is gone."""
        self._server.kill()

    def pause(self) -> None:
        """Lets the server stand still: it takes connections, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused server go on. It then does what was sent to it meanwhile."""
        self._signal(signal.SIGCONT)

    def fill_up(self) -> None:
        """Lets the server have no memory left: it answers, and refuses to store anything."""
        with redis.Redis.from_url(self.url) as client:
            client.config_set("maxmemory", NO_MEMORY)

    def connect(self) -> redis.Redis:
        """A client as the connect cell makes it."""
        options = ConnectOptions(host=self.host, port=self.port or 0, password=self.password)
        return RedisConnectionHandle(options).connect()

    def _signal(self, number: signal.Signals) -> None:
        if self._server.pid is not None:
            os.kill(self._server.pid, number)


def settings_of(client: redis.Redis) -> dict[str, object]:
    """How long a client waits for a connection and for a reply, in seconds, and how often it tries once more."""
    pool = client.connection_pool
    connection = pool.connection_class(**pool.connection_kwargs)  # made, and not connected
    retry = client.get_retry()
    return {
        "socket_connect_timeout": connection.socket_connect_timeout,
        "socket_timeout": connection.socket_timeout,
        "retries": retry.get_retries() if retry else 0,
    }


def draw_errors() -> Axes:
    """The errors of redis-py that this lesson meets, as a tree: what stands above catches what stands below."""
    ax = plt.subplots(figsize=(8, 3.2))[1]
    kinds = {
        "ConnectionError": (0, "nobody is there,\nor the connection breaks"),
        "TimeoutError": (1, "no reply\nin time"),
        "ResponseError": (2, "Redis answers,\nand says no"),
    }
    box = {"boxstyle": "round,pad=0.5", "edgecolor": "none"}
    for name, (x, meaning) in kinds.items():
        ax.plot([1, x], [2, 1], color=OTHER, linewidth=1.5, zorder=0)
        ax.text(x, 1, name, ha="center", va="center", color="white", weight="bold", bbox=box | {"facecolor": OTHER})
        ax.text(x, 0.55, meaning, ha="center", va="top")
    ax.text(1, 2, "RedisError", ha="center", va="center", color="white", weight="bold", bbox=box | {"facecolor": MARK})
    ax.set(title="Which class catches which errors?", xlim=(-0.5, 2.5), ylim=(0, 2.4))
    ax.set_axis_off()
    return ax


def what_goes_wrong(second: SecondRedis, reader: Reader) -> list[str]:
    """Lets the second Redis fail in three ways, each at every moment of one read: before its first command, behind
    it, and so on. A reader is right that answers 312 and asks the source once.

    Returns a line for each moment in which it was not. `second` is whole again afterwards.
    """
    found = []
    for name, fail in {"gone": second.kill, "hangs": second.pause, "full": second.fill_up}.items():
        for moment, seen in _one_read_each(second, reader, fail):
            if seen != "312, source asked once":
                found.append(f"{name} {moment}: {seen}")
    second.start()
    return found


def _one_read_each(second: SecondRedis, reader: Reader, fail: Callable[[], None]) -> Iterator[tuple[str, str]]:
    """When it failed, and what came of the read."""
    asked = 0
    seen = ""

    def load() -> int:
        nonlocal asked
        asked += 1
        return 312

    def read(client: redis.Redis) -> None:
        nonlocal seen
        try:
            answer = reader(client, "cell-by-cell:gone:proof", load, 600)
        except Exception as error:
            seen = type(error).__name__
        else:
            seen = f"{answer}, source asked " + ("once" if asked == 1 else f"{asked} times")

    def before() -> None:
        nonlocal asked
        asked = 0
        second.start()

    with redis.Redis.from_url(second.url, decode_responses=True, socket_timeout=SHORT) as client:
        for moment in every_moment(read, client, rival=fail, before=before):
            yield moment, seen
