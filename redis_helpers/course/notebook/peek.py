"""`peek`: what is in Redis now, as a table."""

from itertools import islice

import pandas as pd
import redis
from redis.exceptions import NoPermissionError

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
    with _that_reads_any_bytes(redis_conn) as client:
        keys = sorted(islice(client.scan_iter(match=pattern + "*", count=1000), most))
        rows = [_look(client, key) for key in dict.fromkeys(keys)]
    return pd.DataFrame([row for row in rows if row], columns=COLUMNS)


def _that_reads_any_bytes(redis_conn: redis.Redis) -> redis.Redis:
    """A client like this one, to which bytes that are no text (a bitmap, a HyperLogLog) are no error."""
    pool = redis_conn.connection_pool
    settings = {**pool.connection_kwargs, "decode_responses": True, "encoding_errors": "surrogateescape"}
    settings.pop("maint_notifications_config", None)
    settings.pop("maint_notifications_pool_handler", None)
    return redis.Redis.from_pool(redis.ConnectionPool(pool.connection_class, **settings))


def _look(redis_conn: redis.Redis, key: str) -> list | None:
    kind = str(redis_conn.type(key))
    try:
        left, encoding, size, value = _asked(redis_conn, key, kind, in_one_moment=True)
    except redis.ResponseError:  # this user may not do all of that, or use no transaction: then one after the other
        replies = _asked(redis_conn, key, kind, in_one_moment=False)
        left, encoding, size, value = (None if isinstance(one, NoPermissionError) else one for one in replies)
    if kind == "none" or left == -2 or isinstance(value, Exception):
        return None
    seconds = left / 1000 if left is not None and left >= 0 else left
    return [_printable(key), kind, seconds, encoding, size, _short(value)]


def _asked(redis_conn: redis.Redis, key: str, kind: str, in_one_moment: bool) -> list:
    with redis_conn.pipeline(transaction=in_one_moment) as pipe:
        pipe.pttl(key)
        pipe.object("encoding", key)
        pipe.memory_usage(key)
        READERS.get(kind, lambda pipe, key: pipe.exists(key))(pipe, key)
        return pipe.execute(raise_on_error=False)


def _short(value: object, width: int = 60) -> str:
    text = _printable(str(value))
    return text if len(text) <= width else text[: width - 1] + "…"


def _printable(text: str) -> str:
    """Bytes that are no text as escapes: \\xff."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
