"""What is in Redis under a prefix: every key with its value and its time to live, to be compared as a whole."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import redis

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


READERS: dict[str, Callable[[redis.Redis, str], Any]] = {
    "string": lambda client, key: client.get(key),
    "hash": lambda client, key: client.hgetall(key),
    "list": lambda client, key: client.lrange(key, 0, -1),
    "set": lambda client, key: client.smembers(key),
    "zset": lambda client, key: dict(cast(Any, client.zrange(key, 0, -1, withscores=True))),
    "stream": lambda client, key: client.xrange(key),
}


def keys_below(client: redis.Redis, prefix: str, named: Iterable[str] = ()) -> list[str]:
    """The keys that begin with the prefix. `named` are those that may be there."""
    if int(cast(Any, client.dbsize())) > MANY_KEYS:
        return sorted(key for key in set(named) if client.exists(key))
    pattern = "".join(f"\\{sign}" if sign in "*?[]\\^" else sign for sign in prefix) + "*"
    return sorted(set(client.scan_iter(match=pattern, count=5000)))


def entry(client: redis.Redis, key: str) -> Entry | None:
    """One key, or None."""
    kind = str(client.type(key))
    if kind == "none":
        return None
    try:
        value = READERS[kind](client, key) if kind in READERS else f"a {kind}"
    except UnicodeDecodeError:
        value = "bytes that are no text"
    left = int(cast(Any, client.pttl(key)))
    if left == -2:
        return None
    return Entry(value, None if left == -1 else left)


def whole_state(client: redis.Redis, prefix: str, named: Iterable[str] = ()) -> dict[str, Entry]:
    """Every key below the prefix."""
    found = {key: entry(client, key) for key in keys_below(client, prefix, named)}
    return {key: value for key, value in found.items() if value is not None}


def without_times(state: dict[str, Entry]) -> dict[str, tuple[object, bool]]:
    """The same with "does it end?" instead of the milliseconds, which are never twice the same."""
    return {key: (found.value, found.left is not None) for key, found in state.items()}
