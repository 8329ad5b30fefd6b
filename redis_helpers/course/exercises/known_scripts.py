"""The Lua scripts that a learner's function knows, by their SHA1: an EVALSHA names nothing else."""

import hashlib
from collections.abc import Callable, Iterator
from types import CodeType

from redis.lock import Lock

MOST = 2000  # values that are looked at


def scripts_known_to(function: Callable) -> dict[str, bytes]:
    """The texts in the function, in what it calls by a global name, and in the global names themselves."""
    found: dict[str, bytes] = {}
    for text in _texts(function):
        script = text.encode(errors="replace") if isinstance(text, str) else text
        found[hashlib.sha1(script).hexdigest()] = script
    return found


def scripts_of_locks() -> dict[str, bytes]:
    """Those of `redis_conn.lock`."""
    texts = (Lock.LUA_RELEASE_SCRIPT, Lock.LUA_EXTEND_SCRIPT, Lock.LUA_REACQUIRE_SCRIPT)
    return {hashlib.sha1(text.encode()).hexdigest(): text.encode() for text in texts}


def _texts(function: Callable) -> Iterator[str | bytes]:
    code = getattr(function, "__code__", None)
    if isinstance(code, CodeType):
        yield from _constants(code)
    values = list(getattr(function, "__globals__", {}).values())[:MOST]
    values += [cell.cell_contents for cell in getattr(function, "__closure__", None) or () if _is_filled(cell)]
    for value in values:
        text = value if isinstance(value, (str, bytes)) else getattr(value, "script", None)  # redis-py's Script
        if isinstance(text, (str, bytes)):
            yield text
        elif isinstance(getattr(value, "__code__", None), CodeType):
            yield from _constants(value.__code__)


def _constants(code: CodeType) -> Iterator[str | bytes]:
    for constant in code.co_consts:
        if isinstance(constant, (str, bytes)):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _constants(constant)


def _is_filled(cell: object) -> bool:
    try:
        cell.cell_contents  # type: ignore[attr-defined]  # noqa: B018
    except ValueError:
        return False
    return True
