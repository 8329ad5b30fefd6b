"""`peek`: what is in Redis now, as a table."""

from itertools import islice

import pandas as pd
import redis
from redis.client import Pipeline

from redis_helpers.course.notebook.same_client import same_client
from redis_helpers.redis_repository import escape_pattern

COLUMNS = ["key", "type", "TTL", "encoding", "bytes", "value"]


def peek(redis_conn: redis.Redis, prefix: str, most: int = 30) -> pd.DataFrame:
    """The keys that begin with `prefix`, at most `most` of them: type, TTL in seconds, encoding, size in bytes, value.

    A TTL of -1 means that the key never expires. Values are shortened. A key that ends while we look is left out. Where
    this user may not ask for encoding or size, None stands in their place.

    Raises CourseError for a prefix that is no text, and redis-py's errors for what the server refuses.
    """
    pattern = escape_pattern(prefix) + "*"
    # Bytes that are no text, such as a bitmap or a HyperLogLog, are no error to this client.
    with same_client(redis_conn, decode_responses=True, encoding_errors="surrogateescape") as client:
        keys = sorted(islice(client.scan_iter(match=pattern, count=1000), most))
        rows = [_look(client, key) for key in dict.fromkeys(keys)]
    return pd.DataFrame([row for row in rows if row], columns=COLUMNS)


def _look(redis_conn: redis.Redis, key: str) -> list[object] | None:
    """The row of one key, or None when it ended or changed its type meanwhile."""
    kind = str(redis_conn.type(key))
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.pttl(key)
        pipe.object("encoding", key)
        pipe.memory_usage(key)
        _read(pipe, kind, key)
        left, encoding, size, value = pipe.execute(raise_on_error=False)
    ended = kind == "none" or left == -2 or encoding is None or size is None
    if ended or isinstance(value, Exception):
        return None
    seconds = -1 if left == -1 else left / 1000
    return [_printable(key), kind, seconds, _unless_refused(encoding), _unless_refused(size), _short(value)]


def _read(pipe: Pipeline, kind: str, key: str) -> None:
    """Queues the command that reads the beginning of a value, or all of it."""
    if kind == "string":
        pipe.get(key)
    elif kind == "hash":
        pipe.hgetall(key)
    elif kind == "list":
        pipe.lrange(key, 0, 9)
    elif kind == "set":
        pipe.sscan(key, count=10)
    elif kind == "zset":
        pipe.zrange(key, 0, 9, withscores=True)
    elif kind == "stream":
        pipe.xrange(key, count=3)
    else:  # a type of a module
        pipe.exists(key)


def _unless_refused(answer: object) -> object:
    return None if isinstance(answer, Exception) else answer


def _short(value: object, width: int = 60) -> str:
    text = _printable(str(value))
    return text if len(text) <= width else text[: width - 1] + "…"


def _printable(text: str) -> str:
    """Bytes that are no text as escapes: \\xff."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
