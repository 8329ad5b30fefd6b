"""What a lesson needs to be allowed on its Redis, and where it runs when its user may not do that."""

import os
from collections.abc import Iterable

import redis
from redis.exceptions import NoPermissionError

from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.connection_errors import one_node_of_a_cluster
from redis_helpers.course.embedded import kernel_server
from redis_helpers.errors import CourseError
from redis_helpers.server import may, server_name

KEY = "cell-by-cell:asking"
# What each lesson does: it stores and reads, and at its end it finds its keys and deletes them.
EVERY_LESSON = (
    ("SET", KEY, "1", "PX", "1000"),
    ("GET", KEY),
    ("INCR", KEY),
    ("EXISTS", KEY),
    ("EXPIRE", KEY, "1"),
    ("TTL", KEY),
    ("DEL", KEY),
    ("UNLINK", KEY),
    ("SCAN", "0"),
)
OUR_KEYS = "use keys that begin with 'cell-by-cell:'"
RUNS_ELSEWHERE = "Left out: your own Redis"  # so begins the line on a lesson that runs on a private one

_told: dict[str, str] = {}  # by the private server's address: why the lesson is there


def require(redis_conn: redis.Redis, *commands: str) -> None:
    """Makes sure that this user may do what every lesson does, and run `commands`, such as "INCR" or "CONFIG GET".

    Raises CourseError, which names what is missing and what to do.
    """
    missing = _missing(redis_conn, commands)
    if missing:
        raise CourseError(_sentence(redis_conn, missing))


def handle_for(*commands: str | list[str]) -> RedisConnectionHandle:
    """A handle of your Redis when its user may do what every lesson does, and run `commands`: names, or lists of names.

    Otherwise, and when your Redis is a node of a cluster, one of a private Redis, which ends with this kernel; a line
    says so. Then the whole kernel goes there, by its REDIS_URL: other handles, `check`, and the processes that a lesson
    starts.

    Raises CourseError when your Redis cannot be reached, or when no private one can be had either.
    """
    handle = RedisConnectionHandle()
    reason = sentence = ""
    try:
        redis_conn = handle.connect()
        if missing := _missing(redis_conn, _names(commands)):
            reason, sentence = f"does not let this user {missing}", _sentence(redis_conn, missing)
    except CourseError:
        if not handle.is_in_cluster():
            raise
        reason, sentence = "is a node of a cluster", one_node_of_a_cluster(handle.options)
    if reason:
        handle.close()
        handle = _private_handle(sentence)
        _told[handle.options.address] = f"{RUNS_ELSEWHERE}, which {reason}. The lesson runs on a private Redis."
    if handle.options.address in _told:  # also when the cell is run again
        print(_told[handle.options.address])
    return handle


def _names(commands: Iterable[str | list[str]]) -> list[str]:
    return [name for some in commands for name in ([some] if isinstance(some, str) else some)]


def _missing(redis_conn: redis.Redis, commands: Iterable[str]) -> str:
    """What this user may not do of all that: "run EVAL and TIME". Empty when it may do everything."""
    forbidden = []
    keys_are_forbidden = False
    for words in EVERY_LESSON:
        try:
            redis_conn.execute_command(*words)
        except NoPermissionError as refused:
            if "to run the" in str(refused):
                forbidden.append(words[0])
            else:
                keys_are_forbidden = True
    forbidden += [command for command in commands if not may(redis_conn, command)]
    wanted = [f"run {_listed(forbidden)}"] if forbidden else []
    if keys_are_forbidden:
        wanted.append(OUR_KEYS)
    return ", and ".join(wanted)


def _private_handle(otherwise: str) -> RedisConnectionHandle:
    """A handle of this kernel's own server. Raises CourseError, which says `otherwise`, when there can be none."""
    try:
        server = kernel_server()
    except CourseError:
        raise CourseError(otherwise) from None
    os.environ["REDIS_URL"] = server.url
    return RedisConnectionHandle()


def _sentence(redis_conn: redis.Redis, missing: str) -> str:
    return (
        f"This lesson has to {missing}, and {server_name(redis_conn)} does not let this user do that: name another "
        "user in REDIS_URL, or unset REDIS_URL and REDIS_HOST, and the course starts a Redis of its own."
    )


def _listed(names: list[str]) -> str:
    """ "EVAL", "EVAL and TIME", "EVAL, TIME and MULTI"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
