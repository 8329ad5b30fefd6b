"""What is in Redis under a prefix: every key with its value and its time to live, to be compared as a whole."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import redis

PAGE = 5000  # keys that one SCAN looks at
MANY_KEYS = 50_000  # on a server with more of them, only the keys that were named are looked at


@dataclass(frozen=True)
class Entry:
    """One key: its value, and the milliseconds it has left; None when it never ends."""

    value: object
    left: int | None

    def __str__(self) -> str:
        ending = "" if self.left is None else f", ends in {self.left / 1000:g} s"
        return f"{self.value!r}{ending}"


@dataclass(frozen=True)
class Ends:
    """An expected entry with a time to live of `seconds`, of which `late` may have passed already."""

    value: object
    seconds: float
    late: float = 0


# How to ask for the value of each type, and what to make of the reply.
READERS: dict[str, tuple[Callable[[redis.Redis, str], Any], Callable[[Any], object]]] = {
    "string": (lambda client, key: client.get(key), lambda reply: reply),
    "hash": (lambda client, key: client.hgetall(key), lambda reply: reply),
    "list": (lambda client, key: client.lrange(key, 0, -1), lambda reply: reply),
    "set": (lambda client, key: client.smembers(key), lambda reply: reply),
    "zset": (lambda client, key: client.zrange(key, 0, -1, withscores=True), lambda reply: dict(reply)),
    "stream": (lambda client, key: client.xrange(key), lambda reply: reply),
}


def keys_below(client: redis.Redis, prefix: str, named: Iterable[str] = ()) -> list[str]:
    """The keys that begin with the prefix. `named` are those that may be there."""
    pattern = "".join(f"\\{sign}" if sign in "*?[]\\^" else sign for sign in prefix) + "*"
    asking = client.pipeline(transaction=False)
    asking.dbsize()
    asking.scan(0, match=pattern, count=PAGE)
    size, (cursor, found) = asking.execute()
    if size > MANY_KEYS:
        return sorted(key for key in set(named) if client.exists(key))
    while cursor:
        cursor, page = cast(Any, client.scan(cursor, match=pattern, count=PAGE))
        found += page
    return sorted(set(found))


def entry(client: redis.Redis, key: str) -> Entry | None:
    """One key, or None."""
    try:
        return _entries(client, [key]).get(key)
    except UnicodeDecodeError:
        return Entry("bytes that are no text", _left(client.pttl(key)))


def whole_state(
    client: redis.Redis, prefix: str, named: Iterable[str] = (), without: Iterable[str] = ()
) -> dict[str, Entry]:
    """Every key below the prefix but those in `without`."""
    left_out = set(without)
    keys = [key for key in keys_below(client, prefix, named) if key not in left_out]
    try:
        return _entries(client, keys)
    except UnicodeDecodeError:  # one by one, to see which it is
        found = {key: entry(client, key) for key in keys}
        return {key: value for key, value in found.items() if value is not None}


def _entries(client: redis.Redis, keys: list[str]) -> dict[str, Entry]:
    """These keys, those left out that are not there. Two round trips, however many they are."""
    if not keys:
        return {}
    asking = client.pipeline(transaction=False)
    for key in keys:
        asking.type(key)
    kinds = dict(zip(keys, map(str, asking.execute()), strict=True))
    there = [key for key in keys if kinds[key] != "none"]
    asking = client.pipeline(transaction=False)
    for key in there:
        if kinds[key] in READERS:
            READERS[kinds[key]][0](asking, key)
        asking.pttl(key)
    replies = iter(asking.execute(raise_on_error=False))
    found = {}
    for key in there:
        kind = kinds[key]
        reply = next(replies) if kind in READERS else f"a {kind}"
        left = next(replies)
        if left == -2:
            continue
        if isinstance(reply, redis.RedisError):
            raise reply
        value = READERS[kind][1](reply) if kind in READERS else reply
        found[key] = Entry(value, _left(left))
    return found


def _left(milliseconds: Any) -> int | None:
    """What PTTL answers for a key that is there: None when it never ends."""
    return None if int(milliseconds) == -1 else int(milliseconds)


def without_times(state: dict[str, Entry]) -> dict[str, tuple[object, bool]]:
    """The same with "does it end?" instead of the milliseconds, which are never twice the same."""
    return {key: (found.value, found.left is not None) for key, found in state.items()}
