"""`%load_ext redis_helpers.course.notebook` gives notebooks the cell magic `%%redis`.

Each line is one command, written as in the Redis documentation. It is split into words as redis-cli splits it, and each
reply is printed as redis-cli prints it. What is beside the replies begins with `# `: a remark of this module.

- Lines that begin with `#` are comments. A `#` further on in a line is an argument, as it is to redis-cli.
- Prompts (`127.0.0.1:6379> GET x`, `> GET x`) are taken off, and replies that were pasted along are left out.
- `5 INCR n` runs five times.
- `%%redis name` takes another client than the notebook's `redis_conn`.
- What a cell may run stands in `allowed_commands`. A line that must not run, or cannot be read, is found before
  anything runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import redis

from redis_helpers.connection_errors import why_failed
from redis_helpers.course.notebook.allowed_commands import (
    LONGEST_WAIT,
    NEVER,
    is_known,
    is_private,
    refuse_what_is_never_run,
    refuse_what_may_hurt_others,
)
from redis_helpers.course.notebook.cell_text import (
    Command,
    Remark,
    names_of,
    read_cell,
    split_words,
    typographic_in,
    unseen_in,
)
from redis_helpers.course.notebook.replies import ErrorReply, Status, format_reply_to, read_reply
from redis_helpers.course.notebook.same_client import same_client
from redis_helpers.errors import CourseError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["NEVER", "read_reply", "register", "run_cell", "split_words"]

LOST = "The connection to Redis was lost ({}), so the last command may have run or not: run the connect cell again."
DELETE_A_REPLY = "If this line in quotes is a reply that was pasted along, delete it."


def register(shell: "InteractiveShell") -> None:
    """Gives a notebook the cell magic `%%redis`."""

    def magic(line: str, cell: str) -> None:
        name = line.strip() or "redis_conn"
        redis_conn = shell.user_ns.get(name)
        if not isinstance(redis_conn, redis.Redis):
            raise CourseError(f"%%redis needs a client named {name}: run the notebook's connect cell first.")
        run_cell(redis_conn, cell)

    shell.magics_manager.register_function(magic, "cell", "redis")


def run_cell(redis_conn: redis.Redis, cell: str) -> None:
    """Runs the commands of a cell one after the other on one connection, and prints the replies.

    The connection is the cell's own: MULTI, WATCH and SELECT end with the cell. An error of the server is printed like
    a reply. Raises CourseError, before anything is run, for a line that cannot be read and for a command that
    `allowed_commands` refuses; and when the connection is lost.
    """
    steps = read_cell(cell)
    commands = [step for step in steps if isinstance(step, Command)]
    unknown = _judge(commands, is_private(redis_conn))
    try:
        with _own_connection(redis_conn) as (connection, replies):
            for command in unknown:
                _refuse_what_the_server_knows(connection, replies, command.words[0])
            for step in steps:
                if isinstance(step, Remark):
                    print(step.text)
                else:
                    _run(connection, replies, step)
    except redis.RedisError as error:
        raise CourseError(why_failed(error) or LOST.format(type(error).__name__)) from None
    except OSError as error:
        raise CourseError(LOST.format(type(error).__name__)) from None


def _judge(commands: list[Command], private: bool) -> list[Command]:
    """The commands of which only the server can say whether they are any. Raises CourseError for what must not run."""
    for command in commands:
        try:
            _refuse(command, private)
        except CourseError as refusal:
            if not _may_be_a_reply(command):
                raise
            raise CourseError(f"{refusal} {DELETE_A_REPLY}") from None
    return [] if private else [command for command in commands if not is_known(command.words)]


def _refuse(command: Command, private: bool) -> None:
    refuse_what_is_never_run(command.words, command.times)
    if not private:
        refuse_what_may_hurt_others(command.words)


def _may_be_a_reply(command: Command) -> bool:
    """`"Hello"` on a line of its own is HELLO to redis-cli, and a reply in many a text about Redis."""
    return len(command.words) == 1 and command.text.startswith('"')


@contextmanager
def _own_connection(redis_conn: redis.Redis) -> Iterator[tuple[redis.Connection, BinaryIO]]:
    """A connection with the client's address and rights, which speaks RESP2 as redis-cli does, and its replies."""
    with same_client(redis_conn, protocol=2, socket_timeout=2 * LONGEST_WAIT) as client:
        connection = client.connection_pool.get_connection()
        # redis-py's own reader does not tell the status OK from the text "OK", so the replies are read from the socket
        # itself. redis-py has no public way to it; `_get_socket` is there in its versions 5 to 8.
        yield connection, connection._get_socket().makefile("rb")


def _ask(connection: redis.Connection, replies: BinaryIO, words: list[bytes]) -> object:
    """Sends one command and reads its reply. redis-py's own packer would split a first word that holds a blank."""
    packed = b"*%d\r\n" % len(words)
    for word in words:
        packed += b"$%d\r\n%b\r\n" % (len(word), word)
    connection.send_packed_command([packed])
    return read_reply(replies)


def _refuse_what_the_server_knows(connection: redis.Connection, replies: BinaryIO, name: bytes) -> None:
    """Raises CourseError for a command that the server has and our lists have not. What neither knows is an error."""
    if _ask(connection, replies, [b"COMMAND", b"INFO", name]) not in ([None], []):
        shown = name.decode(errors="backslashreplace").upper()
        raise CourseError(
            f"{shown} is not run here: others may be using this server, and %%redis does not know what {shown} does; "
            "call it from Python if you do."
        )


def _run(connection: redis.Connection, replies: BinaryIO, command: Command) -> None:
    reply: object = None
    for _ in range(command.times):
        reply = _ask(connection, replies, command.words)
        print(format_reply_to(command.words, reply))
    for remark in _remarks(command, reply):
        print(f"# {remark}")


def _remarks(command: Command, reply: object) -> Iterator[str]:
    """What a learner may not have meant, or not have expected."""
    unseen = unseen_in(command.bare)
    if unseen:
        yield f"This line holds {names_of(unseen)} outside quotes, which was sent as a part of a word."
    if command.text.endswith(";"):
        yield 'The ";" at the end was sent as a part of the last word: a command needs no ";".'
    if command.words[0].upper() == b"SELECT" and isinstance(reply, Status):
        yield "This database counts to the end of this cell; the next cell has the client's own again."
    if isinstance(reply, ErrorReply):
        yield from _remarks_on_an_error(command, reply)


def _remarks_on_an_error(command: Command, reply: ErrorReply) -> Iterator[str]:
    if b"#" in command.words:
        yield 'A "#" inside a line is an argument, as it is to redis-cli: a comment has a line of its own.'
    typographic = typographic_in(command.bare)
    if typographic:
        yield f"This line holds {names_of(typographic)} outside quotes, where Redis wants the plain sign of a keyboard."
    if _may_be_a_reply(command):
        yield DELETE_A_REPLY
