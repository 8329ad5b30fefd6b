"""What the server at the other end is, what it can do, and what it lets this user do."""

import contextlib
import secrets
from collections.abc import Iterator
from enum import Enum

import redis

# So begin the keys that questions are asked with; nothing is left there, but by a user who may run neither UNLINK nor
# DEL. In a project of yours, let them begin as your own keys do: a user may be kept to these.
ASKING = "cell-by-cell:asking"
MOST_ARGUMENTS = 20  # no command wants more of them before it is taken
# These are not queued, but done at once. On a connection that is thrown away they do no harm.
DONE_AT_ONCE = {"MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"}
# These can simply be tried, with a key that nobody has as each of their arguments: they read, they write to that key,
# or they find an argument that makes no sense to them.
HARMLESS_TO_TRY = {
    *"DBSIZE ECHO EVAL EVALSHA INFO PING SCAN TIME".split(),
    *"DEL EXISTS EXPIRE GET INCR INCRBY MGET MSET PEXPIRE PTTL RENAME SET TTL TYPE UNLINK".split(),
    *"HEXPIRE HGET HGETALL HINCRBY HSET HSETEX HTTL SADD ZADD ZINCRBY ZRANGE ZUNIONSTORE".split(),
    *"BLMOVE BLPOP BRPOP LMOVE LPOP LPUSH RPUSH XACK XACKDEL XADD XAUTOCLAIM XREADGROUP".split(),
    *("CONFIG GET", "MEMORY USAGE", "OBJECT ENCODING", "SCRIPT LOAD"),
}

AnyRedis = redis.Redis | redis.RedisCluster
Connection = redis.connection.AbstractConnection


def server_name(redis_conn: AnyRedis) -> str:
    """For example "Redis 8.2.3" or "Valkey 9.1.2"; "a Redis" where this user may ask for neither INFO nor HELLO.

    Raises redis-py's RedisError when the connection is lost.
    """
    one = _one_server(redis_conn)
    with contextlib.suppress(redis.ResponseError):
        info = one.info("server")
        if "valkey_version" in info:  # Valkey also reports the Redis version it is compatible with
            return f"Valkey {info['valkey_version']}"
        if "redis_version" in info:
            return f"Redis {info['redis_version']}"
    with contextlib.suppress(redis.ResponseError):
        hello = _as_dictionary(one.execute_command("HELLO"))  # without arguments it changes nothing
        if "server" in hello and "version" in hello:
            return f"{hello['server'].capitalize()} {hello['version']}"
    return "a Redis"


def knows(redis_conn: AnyRedis, command: str) -> bool:
    """Whether the server has a command, such as "HEXPIRE" or "CONFIG GET", whoever may run it.

    Forks differ in more than their version numbers tell. Where this user may not use COMMAND, it is asked as in `may`;
    what cannot be asked counts as known, and so does every subcommand ("CLIENT NOSUCH") before Redis 7.0. Raises
    redis-py's RedisError when the connection is lost, and ValueError for an empty text.
    """
    if len(command.split()) == 1:
        with contextlib.suppress(redis.ResponseError):
            return any(_one_server(redis_conn).execute_command("COMMAND INFO", command))
    return _answer(redis_conn, command) is not Answer.UNKNOWN


def may(redis_conn: AnyRedis, command: str) -> bool:
    """Whether the server has a command, such as "HEXPIRE" or "CONFIG GET", and lets this user run it.

    Nothing is run: the command is queued in a MULTI that is thrown away. So this needs no right to ACL or COMMAND. For
    a user who may not use MULTI, the command is tried on a key that nobody has, if that does no harm; otherwise it
    counts as not allowed.

    It asks for the command, not for keys: a user may be kept to keys with a certain beginning (`takes` finds out). A
    server that keeps an ACL LOG notes each refusal there. Raises redis-py's RedisError when the connection is lost, and
    ValueError for an empty text.
    """
    return _answer(redis_conn, command) is Answer.YES


def why_not(redis_conn: AnyRedis, command: str) -> str | None:
    """Why this user cannot run a command here, as a sentence; None when it can be run. Asked as in `may`."""
    return {
        Answer.YES: None,
        Answer.UNKNOWN: f"This server does not know {command}.",
        Answer.NOT_ALLOWED: f"This user may not run {command}.",
        Answer.CANNOT_BE_ASKED: f"Whether this user may run {command} cannot be found out without MULTI.",
    }[_answer(redis_conn, command)]


def takes(redis_conn: AnyRedis, command: str) -> bool:
    """Whether a command is taken with these options, as it is written: takes(redis_conn, "SET {key} 1 NX GET").

    It is run, once, on a key that nobody has (`{key}` stands for it) and that is deleted afterwards. So write a command
    that can work on a missing key; any error means no: an unknown command or option, a missing right, a key that this
    user may not touch. Words are separated by spaces, and quotes mean nothing. A cluster is asked at the node that has
    the key.

    Raises redis-py's RedisError when the connection is lost, its RedisClusterException when no node of a cluster has
    the key, and ValueError for an empty text.
    """
    key = _new_key()
    words = [word.replace("{key}", key) for word in _words(command)]
    with _connection_to_throw_away(_server_of(redis_conn, key)) as connection:
        error = _error_of(connection, *words)
        _delete(connection, key)
    return error is None


class Answer(Enum):
    """What a server says to "may this user run that command?"."""

    YES = "yes"
    UNKNOWN = "the server has no such command"
    NOT_ALLOWED = "this user may not run it"
    CANNOT_BE_ASKED = "there is no harmless way to find out"


def _answer(redis_conn: AnyRedis, command: str) -> Answer:
    """What the server says. Nothing is run, or it is run on a key that nobody has."""
    words = _words(command.upper())
    key = _new_key()
    with _connection_to_throw_away(_one_server(redis_conn)) as connection:
        if words[0] in DONE_AT_ONCE or _error_of(connection, "MULTI") is None:
            return _answer_to(connection, words, key)  # what is queued is not run: the connection ends without EXEC
        if " ".join(words) not in HARMLESS_TO_TRY and not _works_on_keys(connection, words):
            return Answer.CANNOT_BE_ASKED
        answer = _answer_to(connection, words, key)
        _delete(connection, key)
        return answer


def _answer_to(connection: Connection, words: list[str], key: str) -> Answer:
    """Sends the command, with one argument more each time, until the server no longer says that some are missing.

    A server looks first whether it has the command, then at the number of arguments, then at the user's rights. Each
    argument is `key`: wherever a command has its keys, it is one that nobody has.
    """
    message = ""
    for number in range(MOST_ARGUMENTS):
        message = str(_error_of(connection, *words, *[key] * number)).lower()
        if "wrong number of arguments" not in message:
            break
    if message.startswith(("unknown command", "unknown subcommand")):
        return Answer.UNKNOWN
    if "no permissions to run the" in message:  # any other refusal is about the key
        return Answer.NOT_ALLOWED
    return Answer.YES


def _works_on_keys(connection: Connection, words: list[str]) -> bool:
    """Whether a command works on the keys that it names, and on nothing else: then it can be tried on one of ours."""
    names = ["|".join(words), words[0]]  # "object|encoding" from Redis 7.0 on, "object" before
    connection.send_command("COMMAND", "INFO", *names)
    try:
        found = connection.read_response()
    except redis.ResponseError:  # this user may not ask
        return False
    described = next((entry for entry in found if entry), None)
    if described is None:  # an unknown command does nothing
        return True
    flags = {_text(flag) for flag in described[2]}
    first_key = described[3]
    categories = {_text(category) for category in described[6]}
    names_keys = first_key > 0 or "movablekeys" in flags
    return names_keys and not categories & {"@admin", "@dangerous"}


@contextlib.contextmanager
def _connection_to_throw_away(one: redis.Redis) -> Iterator[Connection]:
    """One of the client's connections, which is closed afterwards: whatever was begun on it ends there."""
    pool = one.connection_pool
    connection = pool.get_connection()
    try:
        yield connection
    finally:
        connection.disconnect()
        pool.release(connection)


def _error_of(connection: Connection, *words: str) -> redis.ResponseError | None:
    """Sends a command, and returns the error that the server replies, or None."""
    connection.send_command(*words)
    try:
        connection.read_response()
    except redis.ResponseError as error:
        return error
    return None


def _one_server(redis_conn: AnyRedis) -> redis.Redis:
    """The client itself; for a cluster, a client of one of its nodes: they all have the same commands and users."""
    if isinstance(redis_conn, redis.RedisCluster):
        return redis_conn.get_redis_connection(redis_conn.get_default_node())
    return redis_conn


def _delete(connection: Connection, key: str) -> None:
    """Deletes a key, in the way that this user may: some may run only one of the two commands."""
    if _error_of(connection, "UNLINK", key) is not None:
        _error_of(connection, "DEL", key)


def _server_of(redis_conn: AnyRedis, key: str) -> redis.Redis:
    """The client itself; for a cluster, a client of the node that has the key: the others would not take it."""
    if isinstance(redis_conn, redis.RedisCluster):
        return redis_conn.get_redis_connection(redis_conn.get_node_from_key(key))
    return redis_conn


def _words(command: str) -> list[str]:
    """The words of a command. Raises ValueError when there are none."""
    words = command.split()
    if not words:
        raise ValueError('A command has a name, such as "HEXPIRE": write one.')
    return words


def _new_key() -> str:
    return f"{ASKING}:{secrets.token_hex(4)}"


def _as_dictionary(reply: object) -> dict[str, str]:
    """The names and texts in a reply that is a dictionary, or in older protocols a list of names and values."""
    if isinstance(reply, list):
        reply = dict(zip(reply[::2], reply[1::2], strict=False))
    if not isinstance(reply, dict):
        return {}
    return {_text(name): _text(value) for name, value in reply.items() if isinstance(value, str | bytes)}


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
