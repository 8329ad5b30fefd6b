"""The commands of a learner's function on their way to Redis: seen, guarded, held up, cut off.

While a check runs, `watching()` stands between redis-py's connections and their sockets. It looks at what the threads
send that run the learner's function, whichever connection they use: the one that the function was given, or the
notebook's own. Everything else passes.

One command is one *step*. A pipeline without MULTI is as many steps as it has commands, because Redis may serve others
in between; from MULTI to EXEC in one message is one step.
"""

import contextlib
import functools
import hashlib
import itertools
import re
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

import redis
from redis._parsers.base import BaseParser
from redis.connection import AbstractConnection

from redis_helpers.course.exercises.guarded_script import MARK, arguments_of_the_guard, guarded_script
from redis_helpers.course.exercises.named_keys import REFUSED, keys_of, waits
from redis_helpers.course.exercises.shown import short

CUT_OFF = "the connection was cut"
NO_ROOM = "command not allowed when used memory > 'maxmemory'."
# Where Redis says that an error came from a script: before it (Redis 6.2), or behind it.
FROM_SCRIPT = re.compile(
    r"^(?:ERR )?Error running script \(call to \w+\): @\w+:\s*\d+: |@user_script: \d+: "
    r"| script:(?: \w+,)? on @user_script:\d+\.?$"
)
LINE_OF_SCRIPT = re.compile(r"(?:ERR )?user_script:(\d+): ([A-Z]{2,} .*)$", re.DOTALL)
# `return redis.call(…)` leaves no trace of its line, as a call that is returned takes the place of its caller.
RETURNS_A_CALL = re.compile(r"\breturn\s+\w+(?:\.p?call)?\s*\(")

# Steps that neither see nor change what others see: for them, nobody has to wait for a turn.
SEEN_BY_NOBODY = {"PING", "ECHO", "TIME", "SCRIPT", "CLIENT", "DISCARD", "UNWATCH"}

TIDYING_UP = {"DISCARD", "UNWATCH"}  # redis-py sends these by itself, and asks nobody what became of them

# What is usually meant to be done in the transaction, when it comes between WATCH and MULTI.
WRITING = set("SET DEL UNLINK INCR INCRBY DECR DECRBY HSET HDEL HINCRBY RPUSH LPUSH LREM ZADD ZINCRBY ZREM".split())

Parameters = ParamSpec("Parameters")
Reply = TypeVar("Reply")

_this_thread = threading.local()


@dataclass
class Step:
    """One command, or all from MULTI to EXEC, and what Redis answered."""

    commands: list[list[str]]
    replies: list[object] = field(default_factory=list)

    def __str__(self) -> str:
        return ", ".join(_as_text(words) for words in self.commands)


# What a full Redis still does, of the commands that an answer may send: it reads, deletes and sets clocks.
DONE_WHEN_FULL = frozenset(
    "MULTI EXEC DISCARD WATCH UNWATCH PING INFO TIME TYPE EXISTS GET MGET STRLEN TTL PTTL EXPIRETIME PEXPIRETIME "
    "MEMORY OBJECT SCAN DEL UNLINK GETDEL EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST".split()
)


@dataclass
class Faults:
    """What befalls a call: numbers of commands that still reach Redis."""

    cut_after: int | None = None  # then the connection dies, for good
    lost_reply: int | None = None  # the reply to this command is lost, once; 1 is the first
    error_after: int | None = None  # then Redis answers every command with an error
    full: bool = False  # Redis refuses each command that may need memory, and does the others


@dataclass(frozen=True)
class Restart:
    """As if the server were restarted between two commands, unseen by the client."""

    after: int  # so many commands
    run_id: str  # what INFO says from then on
    comes_back: Callable[[], object]  # puts in place what the server loads


class Call:
    """One call of a learner's function: what it sent, and what is done to it.

    Every key of the exercise begins with `prefix`. `turn()` is called before each step, with that step: it may wait.
    `now` is the time that TIME answers, in microseconds since 1970; None leaves it alone.
    """

    def __init__(
        self,
        prefix: str,
        faults: Faults | None = None,
        turn: Callable[[Step], None] | None = None,
        now: int | None = None,
        scripts: dict[str, bytes] | None = None,
        restart: Restart | None = None,
    ) -> None:
        self.prefix = prefix
        self.steps: list[Step] = []
        self.commands: list[str] = []  # names of the commands sent, in order
        self.round_trips = 0
        self.refused: str | None = None  # why a command was not sent
        self.waited: str | None = None  # a command that was told to wait
        self.used_another = False  # a connection that the function was not given
        self.over = False
        self.scripts = {} if scripts is None else scripts  # by their SHA1
        self.last_script: bytes | None = None
        self.wrote_while_watching: str | None = None  # a command that was to be in a transaction, perhaps
        self.wrote_beside_watch: str | None = None  # the same, on another connection than the one that watches
        self._faults = faults or Faults()
        self.turn = turn
        self._now = now
        self._restart = restart
        self._restarted = False
        self._ahead: dict[int, deque] = {}  # replies that are read already, by connection
        self._open: dict[int, str] = {}  # WATCH or MULTI, by connection
        self.sockets: list[socket.socket] = []  # of its own client
        self._others_sockets: list[socket.socket] = []

    @property
    def left_open(self) -> str | None:
        """ "WATCH" or "MULTI" while one is."""
        return next(iter(self._open.values()), None)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """In this thread, what is sent belongs to this call."""
        _this_thread.call = self
        try:
            yield
        finally:
            _this_thread.call = None

    def end(self) -> None:
        """The call is over: code that it left behind gets no answer any more."""
        self.over = True
        _shut(self.sockets)

    def stop(self) -> None:
        """The same, and whatever waits for an answer is woken up."""
        self.end()
        _shut(self._others_sockets)

    # On the way to Redis

    def send(self, connection: AbstractConnection, commands: list[list[bytes]]) -> None:
        """One message of redis-py, step by step."""
        if self.over:
            raise redis.ConnectionError("the check of this exercise has ended")
        for command in commands:
            self._refuse(_words(command))
        self._look_at(connection)
        self.round_trips += 1
        steps = list(_in_steps(commands))
        for step in steps:
            self.pass_on(connection, step, read_ahead=len(steps) > 1)

    def _look_at(self, connection: AbstractConnection) -> None:
        sockets = self.sockets
        if _given(connection) is not self:
            self.used_another, sockets = True, self._others_sockets
        if connection._sock is not None and connection._sock not in sockets:
            sockets.append(connection._sock)

    def pass_on(self, connection: AbstractConnection, commands: list[list[bytes]], read_ahead: bool) -> None:
        """One step. `read_ahead`: its replies are read now, as others may come before the next step."""
        step = Step([_words(command) for command in commands])
        is_own_thread = getattr(_this_thread, "call", None) is self  # not one that the function has started
        if self.turn is not None and is_own_thread and step.commands[0][0] not in SEEN_BY_NOBODY:
            with _Inside():  # what is done in this turn is not the learner's
                self.turn(step)
        if self.over:
            raise redis.ConnectionError("the check of this exercise has ended")
        self.steps.append(step)
        before, after = len(self.commands), len(self.commands) + len(commands)
        faults = self._faults
        if self._restart is not None and before >= self._restart.after and not self._restarted:
            self._restarted = True
            with _Inside():
                self._restart.comes_back()
        if faults.cut_after is not None and after > faults.cut_after:
            self._cut(connection, step, commands[: max(0, faults.cut_after - before)])
        self.commands += [words[0] for words in step.commands]
        refused = faults.error_after is not None and after > faults.error_after
        if not (refused and step.commands[0][0] == "WATCH"):  # a refused WATCH opens nothing
            self._note_open(connection, step)
        if faults.lost_reply is not None and before < faults.lost_reply <= after:
            self._cut(connection, step, commands[: faults.lost_reply - before])
        if faults.error_after is not None and refused and step.commands[0][0] not in TIDYING_UP:
            self._answer(connection, step, _errors(step, faults.error_after - before))
            return
        writes = [at for at, words in enumerate(step.commands) if words[0] not in DONE_WHEN_FULL]
        if faults.full and writes:
            self._answer(connection, step, _errors(step, writes[0]))
            return
        if step.commands[0][0] == "TIME" and self._now is not None:
            self._answer(connection, step, [[str(self._now // 1_000_000), str(self._now % 1_000_000)]])
            return
        with _Inside():
            _pass(connection, [_packed(self._guarded(command)) for command in commands])
            if read_ahead or self._restarted:
                replies = [self._after_restart(self._read(connection)) for _ in commands]
        if read_ahead or self._restarted:
            self._answer(connection, step, replies)

    def _read(self, connection: AbstractConnection) -> object:
        try:
            return READ(connection)
        except redis.ResponseError as error:
            return self._as_without_a_guard(error)

    def _after_restart(self, reply: object) -> object:
        if self._restart is None or not self._restarted or not isinstance(reply, str):
            return reply
        return re.sub(r"(?m)^run_id:\w+", f"run_id:{self._restart.run_id}", reply)

    def _answer(self, connection: AbstractConnection, step: Step, replies: list) -> None:
        """The replies of this step, which redis-py has still to read."""
        step.replies += replies
        self._ahead.setdefault(id(connection), deque()).extend(replies)

    def read(self, connection: AbstractConnection, read: Callable[[], object]) -> object:
        """What redis-py reads: a reply that is here already, or the next one from Redis."""
        ahead = self._ahead.get(id(connection))
        if ahead:
            reply = ahead.popleft()
            if isinstance(reply, Exception):
                raise reply
            return reply
        try:
            with _Inside():
                reply = read()
        except redis.ResponseError as error:
            plain = self._as_without_a_guard(error)
            self.steps[-1].replies.append(plain)
            raise plain from None
        if self.steps:
            self.steps[-1].replies.append(reply)
        return reply

    def forget(self, connection: AbstractConnection) -> None:
        """The connection is closed: nothing of it is left to read, and what was open has ended."""
        self._ahead.pop(id(connection), None)
        self._open.pop(id(connection), None)

    def _cut(self, connection: AbstractConnection, step: Step, commands: list[list[bytes]]) -> None:
        """The connection dies: these commands still reach Redis, the others do not, and no reply comes back."""
        if self._faults.cut_after is not None:
            self.commands += [*(words[0] for words in step.commands[: len(commands)]), "(cut)"]
        self.send_unseen(connection, commands)
        connection.disconnect()
        step.replies.append("(cut)")
        raise redis.ConnectionError(CUT_OFF)

    def send_unseen(self, connection: AbstractConnection, commands: list[list[bytes]]) -> None:
        """Sends commands whose replies nobody gets. Redis has done them when this returns."""
        with _Inside():
            if commands:
                _pass(connection, [_packed(self._guarded(command)) for command in commands])
            for _ in commands:
                self._read(connection)

    def _note_open(self, connection: AbstractConnection, step: Step) -> None:
        """WATCH and MULTI stay open on a connection until something ends them."""
        for words in step.commands:
            name, opened = words[0], self._open.get(id(connection))
            if name in ("EXEC", "DISCARD") or (name == "UNWATCH" and opened == "WATCH"):
                self._open.pop(id(connection), None)
            elif name in ("WATCH", "MULTI"):
                self._open[id(connection)] = name
            elif opened == "WATCH" and name in WRITING:
                self.wrote_while_watching = name
            elif opened is None and name in WRITING and "WATCH" in self._open.values():
                self.wrote_beside_watch = name
        if step.commands[0][0] != "MULTI":  # a transaction in one message never waits
            self.waited = self.waited or waits(step.commands[0])

    # What must not be sent

    def _refuse(self, words: list[str]) -> None:
        name = words[0] if words[0] in REFUSED else " ".join(words[:2]).upper()
        if name in REFUSED:
            self.refused = f"{name} was not run: it {REFUSED[name]}."
        foreign = [key for key in keys_of(words) if not key.startswith(self.prefix)]
        if foreign and self.refused is None:
            self.refused = _not_its_own(words[0], foreign[0])
        if self.refused:
            raise redis.ResponseError(self.refused)

    def _guarded(self, command: list[bytes]) -> list[bytes]:
        """A script is sent with a guard around its redis.call."""
        name = command[0].upper()
        if name == b"SCRIPT" and len(command) > 2 and command[1].upper() == b"LOAD":
            self.scripts[hashlib.sha1(command[2]).hexdigest()] = command[2]
        if name not in (b"EVAL", b"EVALSHA", b"EVAL_RO", b"EVALSHA_RO") or len(command) < 3:
            return command
        if not _has_its_keys(command):
            return command  # Redis answers with an error, and runs nothing
        script = command[1]
        if name.startswith(b"EVALSHA"):
            known = self.scripts.get(script.decode(errors="replace").lower())
            if known is None:  # Redis answers NOSCRIPT, and redis-py sends the script
                return [command[0], b"0" * 40, *command[2:]]
            script = known
        self.last_script = script
        eval_ = b"EVAL_RO" if name.endswith(b"_RO") else b"EVAL"
        return [eval_, guarded_script(script), *command[2:], *arguments_of_the_guard(self.prefix, self._now)]

    def _as_without_a_guard(self, error: redis.ResponseError) -> redis.ResponseError:
        """The error as Redis would have said it of the learner's own script."""
        text = str(error)
        if MARK in text:
            name, _, key = text.partition(MARK)[2].partition(" script: ")[0].partition(" ")
            self.refused = (
                _not_its_own(name, key) if key else f"{name} was not run: it {REFUSED.get(name, 'is not for scripts')}."
            )
            return redis.ResponseError(self.refused)
        said = FROM_SCRIPT.sub("", text)
        found = LINE_OF_SCRIPT.match(said)
        if found is not None:
            return _error(f"{found[2]} script: the one of this call, on @user_script:{found[1]}.")
        if said == text or said.removeprefix("ERR ").startswith(
            "user_script:"
        ):  # not of a script, or Lua names the line
            return error
        lines = (self.last_script or b"").decode(errors="replace").splitlines()
        returning = [number for number, line in enumerate(lines, 1) if RETURNS_A_CALL.search(line)]
        line = f", on @user_script:{returning[0]}" if len(returning) == 1 else ""
        return _error(f"{said.removeprefix('ERR ')} script: the one of this call{line}.")


def _has_its_keys(command: list[bytes]) -> bool:
    """Whether the number behind a script is one, and so many keys follow."""
    try:
        return 0 <= int(command[2]) <= len(command) - 3
    except ValueError:
        return False


def _error(text: str) -> redis.ResponseError:
    """The error that redis-py would make of this reply."""
    error = BaseParser.parse_error(text)
    return error if isinstance(error, redis.ResponseError) else redis.ResponseError(text)


def _shut(sockets: list[socket.socket]) -> None:
    for opened in sockets:
        with contextlib.suppress(OSError):  # closed already
            opened.shutdown(socket.SHUT_RDWR)


def _not_its_own(name: str, key: str) -> str:
    return (
        f"{name} was not run on the key {short(key)}, which is not one of this exercise: "
        "every key must come from the arguments of your function, and stand where the command has its key. No other "
        "key is touched here."
    )


def _errors(step: Step, passed: int) -> list:
    """What a full Redis answers."""
    error = redis.exceptions.OutOfMemoryError(NO_ROOM)
    if len(step.commands) == 1:
        return [error]
    queued = ["OK", *["QUEUED"] * max(0, passed - 1)]
    errors = [error] * (len(step.commands) - len(queued) - 1)
    return [*queued, *errors, redis.exceptions.ExecAbortError("Transaction discarded because of previous errors.")]


# Between redis-py and its sockets

SEND = AbstractConnection.send_packed_command
READ = AbstractConnection.read_response
CONNECT = AbstractConnection.connect_check_health
DISCONNECT = AbstractConnection.disconnect


_numbers = itertools.count(1)
_last_message = 0


def _pass(connection: AbstractConnection, packed: Any, check_health: bool = True) -> None:
    """Sends a message, and counts it."""
    global _last_message
    try:
        SEND(connection, packed, check_health)
    finally:
        _last_message = next(_numbers)


def last_message() -> int:
    """The number of the last message that this process has sent to Redis: the same as before if none was sent since.

    It counts while `watching()` is open.
    """
    return _last_message


class _Inside:
    """A context manager: what this thread sends now is not the learner's. (A class, as it is entered at each step.)"""

    def __enter__(self) -> None:
        self._call, _this_thread.call = getattr(_this_thread, "call", None), None
        self._inside, _this_thread.inside = getattr(_this_thread, "inside", False), True

    def __exit__(self, *exception: object) -> None:
        _this_thread.call, _this_thread.inside = self._call, self._inside


def apart(function: Callable[Parameters, Reply]) -> Callable[Parameters, Reply]:
    """A function that the learner's code may call, and which sends something that is not the learner's."""

    @functools.wraps(function)
    def called(*args: Parameters.args, **options: Parameters.kwargs) -> Reply:
        with _Inside():
            return function(*args, **options)

    return called


def _given(connection: AbstractConnection) -> Call | None:
    """The call to whose client the connection belongs."""
    holder = getattr(connection, "given_to", None)
    return holder.call if isinstance(holder, Holder) else None


def _call_of(connection: AbstractConnection) -> Call | None:
    """The call that uses the connection, also from a thread that the learner's function has started.

    A client belongs to the call that it was given to: what Python cleans up later, in the middle of another call (a
    pipeline sends UNWATCH at its end), is not of that one.
    """
    call: Call | None = getattr(_this_thread, "call", None)
    given = _given(connection)
    if call is not None:
        return call if given is None else given
    return None if getattr(_this_thread, "inside", False) else given


def _send(connection: AbstractConnection, packed: Any, check_health: bool = True) -> None:
    call = _call_of(connection)
    if call is None:
        _pass(connection, packed, check_health)
        return
    if not connection._sock:
        _connect(connection)
    call.send(connection, list(_unpacked(packed)))


def _read(connection: AbstractConnection, *args: Any, **options: Any) -> object:
    call = _call_of(connection)
    if call is None:
        return READ(connection, *args, **options)
    return call.read(connection, lambda: READ(connection, *args, **options))


def _connect(connection: AbstractConnection, *args: Any, **options: Any) -> None:
    with _Inside():
        CONNECT(connection, *args, **options)


def _disconnect(connection: AbstractConnection, *args: Any, **options: Any) -> None:
    call = _call_of(connection)
    DISCONNECT(connection, *args, **options)
    if call is not None:
        call.forget(connection)


MINE = {
    "send_packed_command": _send,
    "read_response": _read,
    "connect_check_health": _connect,
    "disconnect": _disconnect,
}
ORIGINALS = {
    "send_packed_command": SEND,
    "read_response": READ,
    "connect_check_health": CONNECT,
    "disconnect": DISCONNECT,
}


@contextlib.contextmanager
def watching() -> Iterator[None]:
    """While this is open, calls see what they send, whichever connection they use."""
    for name, mine in MINE.items():
        setattr(AbstractConnection, name, mine)
    try:
        yield
    finally:
        for name, original in ORIGINALS.items():
            setattr(AbstractConnection, name, original)


@dataclass
class Holder:
    """The call to which a client is given: another one for each call."""

    call: Call | None = None


def give(client: redis.Redis) -> Holder:
    """Makes this the client of the calls that the holder will hold: only they can send anything by it."""
    holder = Holder()
    pool = client.connection_pool
    pool.connection_class = type("GivenConnection", (pool.connection_class,), {"given_to": holder, **MINE})
    return holder


# Redis's own way of writing commands (RESP)


def _unpacked(packed: Any) -> Iterator[list[bytes]]:
    """The commands of a message."""
    text = packed if isinstance(packed, bytes) else b"".join(packed)
    position = 0
    while position < len(text):
        count, position = _number(text, position)
        command = []
        for _ in range(count):
            length, position = _number(text, position)
            command.append(text[position : position + length])
            position += length + 2
        yield command


def _number(text: bytes, position: int) -> tuple[int, int]:
    end = text.index(b"\r\n", position)
    return int(text[position + 1 : end]), end + 2


def _packed(command: list[bytes]) -> bytes:
    words = [b"$%d\r\n%s\r\n" % (len(word), word) for word in command]
    return b"*%d\r\n%s" % (len(command), b"".join(words))


def _in_steps(commands: list[list[bytes]]) -> Iterator[list[list[bytes]]]:
    """Commands one by one, and from MULTI to EXEC together."""
    together: list[list[bytes]] = []
    for command in commands:
        name = command[0].upper()
        if name == b"MULTI" or together:
            together.append(command)
            if name in (b"EXEC", b"DISCARD"):
                yield together
                together = []
        else:
            yield [command]
    if together:
        yield together


def _words(command: list[bytes]) -> list[str]:
    """A command's words as text, its name in capitals."""
    name, *rest = [word.decode(errors="replace") for word in command]
    return [name.upper(), *rest]


def _as_text(words: list[str]) -> str:
    return " ".join([words[0], *[short(word).strip("'") for word in words[1:]]])
