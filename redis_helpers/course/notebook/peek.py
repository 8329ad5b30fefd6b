"""`peek`: what is in Redis now, as a table."""

from itertools import islice

import pandas as pd
import redis

from redis_helpers.course.notebook.same_client import same_client

READERS = {
    "string": lambda pipe, key: pipe.get(key),
    "hash": lambda pipe, key: pipe.hgetall(key),
    "list": lambda pipe, key: pipe.lrange(key, 0, 9),
    "set": lambda pipe, key: pipe.sscan(key, count=10),
    "zset": lambda pipe, key: pipe.zrange(key, 0, 9, withscores=True),
    "stream": lambda pipe, key: pipe.xrange(key, count=3),
}
COLUMNS = ["key", "type", "TTL", "encoding", "bytes", "value"]


def peek(redis_conn: redis.Redis, prefix: str, most: int = 30) -> pd.DataFrame:
    """The keys that begin with `prefix`, at most `most` of them: type, TTL in seconds, encoding, size in bytes, value.

    A TTL of -1 means that the key never expires. Values are shortened. A key that ends while we look is left out.
    """
    pattern = prefix.replace("\\", "\\\\").replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
    # Bytes that are no text, such as a bitmap or a HyperLogLog, are no error to this client.
    with same_client(redis_conn, decode_responses=True, encoding_errors="surrogateescape") as client:
        keys = sorted(islice(client.scan_iter(match=pattern + "*", count=1000), most))
        rows = [_look(client, key) for key in dict.fromkeys(keys)]
    return pd.DataFrame([row for row in rows if row], columns=COLUMNS)


def _look(redis_conn: redis.Redis, key: str) -> list | None:
    kind = redis_conn.type(key)
    with redis_conn.pipeline() as pipe:
        pipe.pttl(key).object("encoding", key).memory_usage(key)
        READERS.get(kind, lambda pipe, key: pipe.exists(key))(pipe, key)
        left, encoding, size, value = pipe.execute(raise_on_error=False)
    if kind == "none" or left == -2 or isinstance(value, Exception):
        return None
    return [_printable(key), kind, -1 if left == -1 else left / 1000, encoding, size, _short(value)]


def _short(value: object, width: int = 60) -> str:
    text = _printable(str(value))
    return text if len(text) <= width else text[: width - 1] + "…"


def _printable(text: str) -> str:
    """Bytes that are no text as escapes: \\xff."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
