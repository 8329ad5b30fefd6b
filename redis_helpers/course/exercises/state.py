"""What is in Redis under a prefix: every key with its value and its time to live, to be compared as a whole."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from redis_helpers.course.exercises.direct_line import DirectLine

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


# How to ask for the value of each type: the command, what stands behind the key, and redis-py's options for the reply.
READERS: dict[str, tuple[str, tuple, dict[str, Any]]] = {
    "string": ("GET", (), {}),
    "hash": ("HGETALL", (), {}),
    "list": ("LRANGE", (0, -1), {}),
    "set": ("SMEMBERS", (), {}),
    "zset": ("ZRANGE", (0, -1, "WITHSCORES"), {"withscores": True, "score_cast_func": float}),
    "stream": ("XRANGE", ("-", "+"), {}),
}


def keys_below(line: DirectLine, prefix: str, named: Iterable[str] = ()) -> list[str]:
    """The keys that begin with the prefix. `named` are those that may be there."""
    pattern = "".join(f"\\{sign}" if sign in "*?[]\\^" else sign for sign in prefix) + "*"
    size, (cursor, found) = line.ask([("DBSIZE",), _scan(0, pattern)])
    if size > MANY_KEYS:
        candidates = sorted(set(named))
        there = line.ask([("EXISTS", key) for key in candidates])
        return [key for key, is_there in zip(candidates, there, strict=True) if is_there]
    while int(cursor):
        ((cursor, page),) = line.ask([_scan(cursor, pattern)])
        found += page
    return sorted(set(found))


def _scan(cursor: Any, pattern: str) -> tuple:
    return ("SCAN", cursor, "MATCH", pattern, "COUNT", PAGE)


def entry(line: DirectLine, key: str) -> Entry | None:
    """One key, or None."""
    try:
        return _entries(line, [key]).get(key)
    except UnicodeDecodeError:
        (left,) = line.ask([("PTTL", key)])
        return Entry("bytes that are no text", _left(left))


def entries_of(line: DirectLine, keys: list[str]) -> dict[str, Entry]:
    """What these keys hold, those left out that are not there."""
    try:
        return _entries(line, keys)
    except UnicodeDecodeError:  # one by one, to see which it is
        found = {key: entry(line, key) for key in keys}
        return {key: value for key, value in found.items() if value is not None}


def _entries(line: DirectLine, keys: list[str]) -> dict[str, Entry]:
    """These keys, those left out that are not there. Two round trips, however many they are."""
    kinds = dict(zip(keys, line.ask([("TYPE", key) for key in keys]), strict=True))
    there = [key for key in keys if kinds[key] != "none"]
    values = {key: READERS[kinds[key]] for key in there if kinds[key] in READERS}
    asked: list[tuple] = [(name, key, *behind) for key, (name, behind, _) in values.items()]
    replies = line.ask(asked + [("PTTL", key) for key in there])
    lefts = dict(zip(there, replies[len(values) :], strict=True))
    found = {key: Entry(f"a {kinds[key]}", _left(left)) for key, left in lefts.items() if left != -2}
    for (key, (name, _, options)), reply in zip(values.items(), replies, strict=False):
        if key in found:
            value = line.as_the_client_gives_it(name, reply, **options)
            found[key] = Entry(dict(value) if name == "ZRANGE" else value, found[key].left)
    return found


def _left(milliseconds: Any) -> int | None:
    """What PTTL answers for a key that is there: None when it never ends."""
    return None if int(milliseconds) == -1 else int(milliseconds)


def without_times(state: dict[str, Entry]) -> dict[str, tuple[object, bool]]:
    """The same with "does it end?" instead of the milliseconds, which are never twice the same."""
    return {key: (found.value, found.left is not None) for key, found in state.items()}
