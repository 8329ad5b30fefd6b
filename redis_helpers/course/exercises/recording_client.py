"""The client that a learner's function gets: an ordinary redis-py client whose connections are recorded.

Recording means: commands and round trips are counted; commands that would touch what is not the exercise's own are
refused before they are sent; and a check may cut the connection after so many commands, or do something in between two
of them, as another program could.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable

import redis
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection
from redis.retry import Retry

from redis_helpers.connection import ConnectOptions
from redis_helpers.course.exercises.shown import short
from redis_helpers.course.notebook.redis_magic import NEVER

REFUSED = {
    **NEVER,
    **dict.fromkeys(
        [
            "CONFIG SET",
            "CONFIG REWRITE",
            "CONFIG RESETSTAT",
            "SCRIPT FLUSH",
            "SCRIPT KILL",
            "FUNCTION",
            "ACL",
            "MODULE",
        ],
        "changes the server, which others may be using",
    ),
    **dict.fromkeys(
        ["SAVE", "BGSAVE", "BGREWRITEAOF", "REPLICAOF", "SLAVEOF", "FAILOVER", "CLUSTER", "MIGRATE"],
        "changes the server, which others may be using",
    ),
    **dict.fromkeys(
        ["CLIENT KILL", "CLIENT PAUSE", "CLIENT UNPAUSE", "CLIENT UNBLOCK", "CLIENT NO-EVICT"],
        "disturbs the other clients of the server",
    ),
    **dict.fromkeys(["SELECT", "MOVE", "CLIENT TRACKING"], "changes the connection itself, or leaves its database"),
}
# Where the keys stand among a command's words; everywhere else the first word after the name is the key.
NO_KEYS = set(
    "PING ECHO TIME INFO MULTI EXEC DISCARD UNWATCH SCAN DBSIZE COMMAND SCRIPT CLIENT CONFIG RANDOMKEY WAIT".split()
)
ONLY_KEYS = set(
    "DEL UNLINK EXISTS TOUCH WATCH MGET RENAME RENAMENX SINTER SUNION SDIFF SINTERSTORE SUNIONSTORE SDIFFSTORE".split()
)
TWO_KEYS = set("LMOVE BLMOVE RPOPLPUSH BRPOPLPUSH SMOVE COPY ZRANGESTORE".split())
ALL_BUT_THE_LAST = set("BLPOP BRPOP BZPOPMIN BZPOPMAX".split())
COUNTED = {  # the position of the number of keys, which follow it
    **dict.fromkeys("EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO BLMPOP BZMPOP".split(), 2),
    **dict.fromkeys("ZUNION ZINTER ZDIFF LMPOP ZMPOP SINTERCARD ZINTERCARD".split(), 1),
    **dict.fromkeys("ZUNIONSTORE ZINTERSTORE ZDIFFSTORE".split(), 2),
}


class Recorder:
    """What the recording connections saw, and what they must do. Every key of the exercise begins with `prefix`."""

    def __init__(self, prefix: str, cut_after: int | None = None, between: Callable[[], None] | None = None) -> None:
        self.prefix = prefix
        self.commands: list[str] = []  # names of the commands sent, in order
        self.round_trips = 0
        self.refused: str | None = None  # why a command was not sent
        self.left_open: str | None = None  # "WATCH" or "MULTI" while one is
        self.over = False  # the call has ended
        self.sockets: list[socket.socket] = []
        self._cut_after = cut_after
        self._between = between
        self._thread = threading.local()  # `gaps`: how often this thread has come back to Redis

    def end(self) -> None:
        """The call is over: code that it left behind gets no answer any more, and what waits for one is woken up."""
        self.over = True
        for opened in self.sockets:
            with contextlib.suppress(OSError):  # closed already
                opened.shutdown(socket.SHUT_RDWR)

    def before_sending(self, connection: "_Recording", commands: list[tuple]) -> None:
        """Called with the commands of one round trip. Raises instead of letting them pass."""
        if self.over:
            raise redis.ConnectionError("the check of this exercise has ended")
        words = [_words(command) for command in commands]
        for command in words:
            self._refuse(command)
        if self._cut_after is not None and len(self.commands) + len(commands) > self._cut_after:
            self._cut(connection, commands, max(0, self._cut_after - len(self.commands)))
        self._come_back()
        self.round_trips += 1
        for name, *_ in words:
            self.commands.append(name)
            self.left_open = {"WATCH": "WATCH", "MULTI": "MULTI"}.get(name, self.left_open)
            if name in ("EXEC", "DISCARD") or (name == "UNWATCH" and self.left_open == "WATCH"):
                self.left_open = None

    def _come_back(self) -> None:
        """Lets another program act between this round trip and the one before; three times only, or a loop with WATCH
        would never come to its end."""
        gaps = getattr(self._thread, "gaps", -1) + 1
        self._thread.gaps = gaps
        if self._between and 1 <= gaps <= 3:
            self._between()

    def _refuse(self, words: list[str]) -> None:
        name = words[0] if words[0] in REFUSED else " ".join(words[:2]).upper()
        if name in REFUSED:
            self.refused = f"{name} was not run: it {REFUSED[name]}."
        foreign = [key for key in keys_of(words) if not key.startswith(self.prefix)]
        if foreign and self.refused is None:
            self.refused = (
                f"{words[0]} was not run on the key {short(foreign[0])}, which is not one of this exercise: "
                "build every key from your function's arguments, and take nothing of others along."
            )
        if self.refused:
            raise redis.ResponseError(self.refused)

    def _cut(self, connection: "_Recording", commands: list[tuple], left: int) -> None:
        """The connection dies: `left` commands still reach the server, the rest does not, and no reply comes back."""
        self.commands += ["(cut)"] * len(commands)
        if left:
            connection.send_packed_command([connection.pack_command_plainly(*command) for command in commands[:left]])
            for _ in range(left):  # the server has done them when it has answered
                with contextlib.suppress(redis.ResponseError):
                    connection.read_response()
        connection.disconnect()
        self.left_open = None  # what was open ended with the connection, which is not the learner's doing
        raise redis.ConnectionError("the connection was cut")


class _Recording(AbstractConnection):
    """Put in front of a connection class of redis-py: one call here is one round trip."""

    recorder: Recorder
    _greeting = False  # while the connection introduces itself to the server

    def _connect(self) -> socket.socket:
        opened = super()._connect()  # type: ignore[safe-super]  # each class of connections has its own
        self.recorder.sockets.append(opened)
        return opened

    def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        before, self._greeting = self._greeting, True
        try:
            super().connect_check_health(check_health, retry_socket_connect)
        finally:
            self._greeting = before

    def send_command(self, *args: object, **options: object) -> None:
        if not self._greeting:
            self.recorder.before_sending(self, [args])
        super().send_command(*args, **options)

    def pack_commands(self, commands: Iterable[tuple]) -> list[bytes]:
        commands = list(commands)
        if not self._greeting:
            self.recorder.before_sending(self, commands)
        return super().pack_commands(commands)

    def pack_command_plainly(self, *args: object) -> bytes:
        return b"".join(self.pack_command(*args))


def recording_client(options: ConnectOptions, recorder: Recorder, reply_timeout: float) -> redis.Redis:
    """A client set up as `RedisConnectionHandle().connect()` does it, with connections that record."""
    client = redis.Redis(
        **options.arguments(),
        decode_responses=True,
        socket_connect_timeout=reply_timeout,
        socket_timeout=reply_timeout,
        retry=Retry(NoBackoff(), 0),
    )
    pool = client.connection_pool
    pool.connection_class = type("RecordingConnection", (_Recording, pool.connection_class), {"recorder": recorder})
    return client


def keys_of(words: list[str]) -> list[str]:
    """The keys that a command names, as far as the course's commands go."""
    name = words[0]
    if name in NO_KEYS:
        return []
    if name in ONLY_KEYS:
        return words[1:]
    if name in TWO_KEYS:
        return words[1:3]
    if name in ALL_BUT_THE_LAST:
        return words[1:-1]
    if name in ("MSET", "MSETNX"):
        return words[1::2]
    if name in ("XREAD", "XREADGROUP"):  # … STREAMS key key id id
        streams = [word.upper() for word in words].index("STREAMS") + 1 if "STREAMS" in map(str.upper, words) else 0
        return words[streams : (streams + len(words)) // 2] if streams else []
    if place := COUNTED.get(name):
        count = int(words[place]) if len(words) > place and words[place].isdigit() else 0
        destination = words[1:2] if name.endswith("STORE") else []
        return destination + words[place + 1 : place + 1 + count]
    if name in ("OBJECT", "MEMORY", "XGROUP", "XINFO"):
        return words[2:3]
    return words[1:2]


def _words(command: tuple) -> list[str]:
    """A command's words as text, its name in capitals. redis-py writes names of two words as one ("CONFIG SET")."""
    first, *rest = [word.decode(errors="replace") if isinstance(word, bytes) else str(word) for word in command]
    name, *more = first.split() or [""]
    return [name.upper(), *more, *rest]
