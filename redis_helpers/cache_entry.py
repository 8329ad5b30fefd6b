"""What `CacheAside` takes and keeps: keys, times to live, values, and the text of an entry.

An entry is the value's JSON. When it may be reloaded before its end, a header stands before the JSON, which tells when
that is:

    ~<ends> <took> <draw> <JSON>    ends: milliseconds since 1970; took: the load's milliseconds; draw: random digits
"""

import json
import math
import random
import re
import secrets
import time
from dataclasses import dataclass

LONGEST_TTL = 100 * 366 * 24 * 3600  # seconds: a hundred years
# What json.dumps() would make anew at each call, and what json.loads() uses.
ENCODER = json.JSONEncoder(allow_nan=False)
DECODER = json.JSONDecoder()

HEADER = re.compile(r"~(\d{1,20}) (\d{1,20}) [0-9a-f]{8} ")


def check_key(key: object) -> None:
    """Raises TypeError for a key that is no `str`, ValueError for one that cannot be written as UTF-8."""
    if not isinstance(key, str):
        raise TypeError(f"a key must be a str, not {type(key).__name__}")
    if key.isascii():
        return
    try:
        key.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the key {key!r} is no text: it holds half of a character (a surrogate)") from None


def check_seconds(seconds: object, name: str = "ttl", zero_is_allowed: bool = False) -> None:
    """Raises TypeError for what is no number (True is none), ValueError for one that is no length of time."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, not {type(seconds).__name__}")
    if zero_is_allowed and seconds == 0:
        return
    if not 0 < seconds <= LONGEST_TTL:  # NaN is neither
        raise ValueError(f"{name} must be more than 0 seconds and at most a hundred years, not {seconds}")


def encode(value: object) -> str:
    """The JSON of a value. Raises TypeError or ValueError for what JSON cannot hold."""
    try:
        return ENCODER.encode(value)
    except RecursionError:
        raise ValueError("load() returned what JSON cannot hold: it is nested too deeply") from None
    except TypeError as error:
        raise TypeError(f"load() returned what JSON cannot hold: {error}") from None
    except ValueError as error:  # NaN, infinity, a list that holds itself
        raise ValueError(f"load() returned what JSON cannot hold: {error}") from None


def decode(text: str | bytes) -> object:
    """The value of some JSON. Raises ValueError when it is none."""
    try:
        return DECODER.decode(text.decode() if isinstance(text, bytes) else text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


@dataclass(frozen=True)
class Header:
    """When an entry ends, and how long its load took, both in milliseconds. `text` is the header as it stands."""

    text: str
    ends: int
    took: int

    def is_time_to_reload(self, early: float) -> bool:
        """Throws the dice of XFetch. The nearer the end, and the longer the load, the likelier it is.

        `ends` was written by the clock of the host that loaded, and is read by this host's: they must agree to within
        the time of a load.
        """
        dice = 1 - random.random()  # above 0, and at most 1
        ahead = -self.took * early * math.log(dice)
        return 1000 * time.time() + ahead >= self.ends


def with_header(text: str, milliseconds: int, took: int) -> str:
    """The entry for this JSON, which will live for so long and took so many milliseconds to load."""
    ends = round(1000 * time.time()) + milliseconds
    return f"~{ends} {took} {secrets.token_hex(4)} {text}"


def split(entry: str | bytes) -> tuple[Header | None, str]:
    """The header of an entry, if it has one, and its JSON. Raises ValueError for bytes that are no text."""
    text = entry.decode() if isinstance(entry, bytes) else entry
    found = HEADER.match(text)
    if found is None:
        return None, text
    return Header(found[0], int(found[1]), int(found[2])), text[found.end() :]
