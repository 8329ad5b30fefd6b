"""A program that is killed between two of its commands, for real (kill -9), and a reply that never arrives."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import partial

import redis
from redis.connection import AbstractConnection

from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking.processes import Process, Processes
from redis_helpers.course.exercises.wire import Call, watching

LOOK = 0.005  # seconds from one look to the next
STOPPED = "stopped after "


def killed_after(command: str, function: Callable, redis_conn: redis.Redis, *args: object) -> str:
    """Calls `function(redis_conn, *args)` in a process of its own, and kills the process when `command` is done.

    Commands that travel together, in a pipeline, are cut there too: the rest is never sent. The process has a client of
    its own, with the settings of the connect cell. Returns what happened, in words.
    Raises ValueError when the function never sends the command.
    """
    sent = _commands_until_killed(function, args, lambda number, name: name.startswith(command.upper()))
    if sent is None:
        raise ValueError(f"the function never sent {command}")
    return f"{command} was sent, then the process was killed"


def killed_anywhere(
    function: Callable, redis_conn: redis.Redis, *args: object, before: Callable[[], object]
) -> Iterator[str]:
    """Kills the process after its first command, after its second, and so on, until it comes to its end alive.

    Each time, `before()` puts the data in place. Yields the command after which it was killed, so that a loop can look
    at what is left.
    """
    number = 1
    while True:
        before()
        sent = _commands_until_killed(function, args, partial(_is_number, number))
        if sent is None:
            return
        yield f"killed after {sent}"
        number += 1


def _is_number(wanted: int, number: int, name: str) -> bool:
    return number == wanted


def _commands_until_killed(function: Callable, args: tuple, is_last: Callable[[int, str], bool]) -> str | None:
    """The command after which the process was killed; None when it came to its end."""
    with RedisConnectionHandle() as handle:
        handle.connect()
        with Processes(handle.options.url) as processes:
            process = processes.start(_run_until, is_last, function, args)
            while process.is_running() and not _stopped(process):
                threading.Event().wait(LOOK)
            if not _stopped(process):
                process.result()  # raises what the function raised
                return None
            return _stopped(process)


def _stopped(process: Process) -> str | None:
    """The command after which the process waits to be killed."""
    return next((line.removeprefix(STOPPED) for line in process.lines if line.startswith(STOPPED)), None)


class _StopsAt(Call):
    """Sends up to and including the last command, and not one byte more; then it waits to be killed."""

    def __init__(self, is_last: Callable[[int, str], bool]) -> None:
        super().__init__(prefix="")
        self._is_last = is_last

    def pass_on(self, connection: AbstractConnection, commands: list[list[bytes]], read_ahead: bool) -> None:
        for place, command in enumerate(commands, 1):
            name = command[0].decode().upper()
            if self._is_last(len(self.commands) + place, name):
                self.send_unseen(connection, commands[:place])
                print(f"{STOPPED}{name}", flush=True)
                threading.Event().wait()
        super().pass_on(connection, commands, read_ahead)


def _run_until(redis_conn: redis.Redis, is_last: Callable[[int, str], bool], function: Callable, args: tuple) -> None:
    """In the child."""
    with watching(), _StopsAt(is_last).running():
        function(redis_conn, *args)


@contextlib.contextmanager
def lost_reply(command: str) -> Iterator[None]:
    """Within the block, Redis does `command`, and its reply never arrives: the connection breaks. It happens once.

        with lost_reply("INCR"):
            redis_conn.incr("a:key")     # raises ConnectionError, or asks again if the client tries again

    Raises ValueError at the end of the block when the command was never sent.
    """
    call = _LosesAReply(command)
    with watching(), call.running():
        yield
    if not call.lost:
        raise ValueError(f"{command} was never sent")


class _LosesAReply(Call):
    def __init__(self, command: str) -> None:
        super().__init__(prefix="")
        self.lost = False
        self._command = command.upper()

    def pass_on(self, connection: AbstractConnection, commands: list[list[bytes]], read_ahead: bool) -> None:
        if not self.lost and any(command[0].decode().upper().startswith(self._command) for command in commands):
            self.lost = True
            self.send_unseen(connection, commands)
            connection.disconnect()
            raise redis.ConnectionError("the connection broke before the reply arrived")
        super().pass_on(connection, commands, read_ahead)
