"""What Redis can store: values, keys and fields as text, and times to live in seconds."""

import enum
import subprocess
import sys
import uuid
from array import array
from collections import UserString
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from redis_helpers.errors import CourseError
from redis_helpers.redis_values import MOST_SECONDS, seconds_of, text_of


class Stock(enum.IntEnum):
    FEW = 3


class Fruit(enum.StrEnum):
    UVA = "uva"


class OlderFruit(str, enum.Enum):  # noqa: UP042
    """How it was written before StrEnum. It is shown as OlderFruit.UVA."""

    UVA = "uva"


class Price(float, enum.Enum):
    UVA = 4.8


class Ripe(enum.IntFlag):
    YES = 4


class Plain(enum.Enum):
    ONE = 1


class Shouting:
    """What a subclass may do to the way in which it is shown."""

    def __repr__(self):
        return "LOUD"

    __str__ = __repr__

    def __format__(self, how):
        return "LOUD"


class LoudText(Shouting, str):
    def encode(self, *arguments):
        return b"LOUD"


class LoudNumber(Shouting, int):
    pass


class LoudFloat(Shouting, float):
    pass


class LoudBytes(Shouting, bytes):
    pass


released = memoryview(b"uva")
released.release()

STORED = [
    ("uva é 🍇", "uva é 🍇"),
    ("", ""),
    (7, "7"),
    (-7, "-7"),
    (2**70, str(2**70)),
    (0.5, "0.5"),
    (0.1 + 0.2, "0.30000000000000004"),
    (1e300, "1e+300"),
    (float("inf"), "inf"),
    (float("nan"), "nan"),
    (b"raw", "raw"),
    ("é".encode(), "é"),
    (bytearray(b"raw"), "raw"),
    (memoryview(b"raw"), "raw"),
    (memoryview(b"r-a-w")[::2], "raw"),
    (Stock.FEW, "3"),
    (Ripe.YES, "4"),
    (Fruit.UVA, "uva"),
    (OlderFruit.UVA, "uva"),
    (Price.UVA, "4.8"),
    (LoudText("uva"), "uva"),
    (LoudNumber(7), "7"),
    (LoudFloat(0.5), "0.5"),
    (LoudBytes(b"raw"), "raw"),
    (np.float64(4.2), "4.2"),
    (np.median([3.1, 4.2, 5.3]), "4.2"),
    (np.float32(4.2), "4.2"),
    (np.float16(4.2), "4.2"),
    (np.longdouble("4.2"), "4.2"),
    (np.float32("inf"), "inf"),
    (np.int8(-7), "-7"),
    (np.int64(7), "7"),
    (np.uint64(2**64 - 1), str(2**64 - 1)),
    (np.str_("uva"), "uva"),
    (np.bytes_(b"raw"), "raw"),
    (pd.Series([312, 195])[0], "312"),
    (pd.Series([3.12, 1.95]).sum(), "5.07"),
    (pd.DataFrame({"fruit": ["uva"]}).loc[0, "fruit"], "uva"),
]
REFUSED = [
    None,
    True,
    False,
    {"a": 1},
    [1, 2],
    (1, 2),
    {1},
    1 + 2j,
    object(),
    object,
    Decimal("1.5"),
    Decimal("NaN"),
    Fraction(1, 2),
    Fraction(4),
    date(2026, 6, 1),
    datetime(2026, 6, 1),
    timedelta(seconds=1),
    Plain.ONE,
    UserString("uva"),
    Path("uva"),
    uuid.UUID(int=1),
    array("b", [1]),
    range(3),
    np.bool_(True),
    np.array(5),
    np.array([5]),
    np.complex64(1),
    np.datetime64("2026-06-01"),
    np.timedelta64(5, "s"),
    np.void(b"raw"),
    pd.NA,
    pd.NaT,
    pd.Timestamp(0),
    pd.Timedelta("5s"),
    pd.Series([5]),
    pd.Series([True])[0],
    pd.Interval(0, 1),
]


def shown(value):
    return f"{type(value).__module__}.{type(value).__name__}"


@pytest.mark.parametrize(("value", "text"), STORED, ids=lambda value: shown(value) if type(value) is not str else "")
def test_text_and_numbers_of_every_library_are_the_text_that_they_are(value, text):
    assert text_of(value) == text
    assert type(text_of(value)) is str


@pytest.mark.parametrize("value", REFUSED, ids=shown)
def test_everything_else_is_refused_with_its_type_and_the_way_out(value):
    kind = "None" if value is None else f"of the type {type(value).__name__}:"
    with pytest.raises(CourseError, match=r"json\.dumps\(value\).*str\(value\)") as caught:
        text_of(value)
    assert kind in str(caught.value)


@pytest.mark.parametrize("value", [b"\xff\xd8\xff", bytearray(b"\xe9"), memoryview(b"uva \xc3"), released])
def test_bytes_that_would_not_come_back_as_text_are_refused_at_once(value):
    with pytest.raises(CourseError, match=r"no UTF-8 text.*decode_responses=False.*base64"):
        text_of(value)


def test_a_number_that_python_does_not_write_is_refused():
    with pytest.raises(CourseError, match=r"hex\(number\)"):
        text_of(10**5000)


@pytest.mark.parametrize("what", ["value", "key", "field"])
def test_the_sentence_names_what_was_wrong(what):
    for wrong in (None, b"\xff", 10**5000):
        with pytest.raises(CourseError, match=f"[Tt]his {what} "):
            text_of(wrong, what)


def test_the_refusal_of_a_value_keeps_nothing_of_it():
    with pytest.raises(CourseError) as caught:
        text_of(b"secret \xff")
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


# Times to live


class Ttl(enum.IntEnum):
    MINUTE = 60


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        (1, 1),
        (MOST_SECONDS, MOST_SECONDS),
        (Ttl.MINUTE, 60),
        (LoudNumber(7), 7),
        (np.int64(60), 60),
        (np.uint8(60), 60),
        (timedelta(minutes=2), 120),
        (timedelta(days=36500), MOST_SECONDS),
        (pd.Timedelta("2min"), 120),
    ],
    ids=repr,
)
def test_whole_seconds_of_every_library_are_a_time_to_live(ttl, seconds):
    assert seconds_of(ttl) == seconds
    assert type(seconds_of(ttl)) is int


NO_TTLS = [
    0,
    -1,
    -(10**12),
    MOST_SECONDS + 1,
    10**12,
    10**5000,
    1.5,
    60.0,
    float("nan"),
    float("inf"),
    "30",
    b"30",
    None,
    True,
    Plain.ONE,
    Decimal(30),
    Fraction(30),
    [30],
    datetime(2026, 6, 1),
    timedelta(0),
    timedelta(milliseconds=400),
    timedelta(seconds=1, microseconds=1),
    timedelta(days=-1),
    timedelta.max,
    np.float64(60),
    np.int64(0),
    np.bool_(True),
    np.timedelta64(60, "s"),
    pd.Timedelta("1s 1ns"),
    pd.NA,
    pd.NaT,
]


@pytest.mark.parametrize("ttl", NO_TTLS, ids=shown)
def test_what_is_no_whole_number_of_seconds_is_refused(ttl):
    with pytest.raises(CourseError, match="whole number of seconds"):
        seconds_of(ttl)


def test_numpy_is_not_needed():
    """What a reader copies needs redis-py alone: numpy's numbers are known without it."""
    code = "import sys, redis_helpers.redis_repository; print({'numpy', 'pandas'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
