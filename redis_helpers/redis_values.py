"""What Redis can store: `text_of` a value, a key or a field, and the `seconds_of` a time to live."""

from datetime import timedelta
from numbers import Integral, Rational, Real
from operator import index

from redis_helpers.errors import CourseError

BYTES = (bytes, bytearray, memoryview)
MOST_SECONDS = 100 * 365 * 24 * 3600  # seconds: some 100 years


def text_of(value: object, what: str = "value") -> str:
    """The text under which Redis keeps `value`; `what` names it in errors: "value", "key" or "field".

    - Text as it stands, and whole numbers and floats as Python writes them: 312, 4.2, nan.
    - Their subclasses by what they are, not by how they are shown: an IntEnum by its number, a StrEnum by its text,
      numpy.float64(4.2) as 4.2. So are numpy's other whole numbers and floats.
    - bytes, bytearray and memoryview, when they hold UTF-8 text.

    Raises CourseError for anything else: None, True, a list, a dict, Decimal, Fraction, a date, pandas.NA.
    """
    if type(value) is str:  # what is usual comes first, and at once
        return value
    if type(value) is int:
        return _digits(value, what)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__repr__(value)
    number = _whole_number(value)
    if number is not None:
        return _digits(number, what)
    if isinstance(value, BYTES):
        return _text_of_bytes(value, what)
    if isinstance(value, Real) and not isinstance(value, Rational):
        return _text_of_other_float(value, what)
    raise _not_storable(value, what)


def seconds_of(ttl: object) -> int:
    """A time to live in whole seconds: from a whole number, of Python or numpy, or from a timedelta of whole seconds.

    Raises CourseError for anything else: True, 1.5, "30", a timedelta with a fraction of a second, and what is not
    between 1 and `MOST_SECONDS`. With a TTL of 0 or less, Redis would delete the key at once.
    """
    if isinstance(ttl, timedelta):
        whole, fraction = divmod(ttl, timedelta(seconds=1))
        seconds = None if fraction else whole
    else:
        seconds = _whole_number(ttl)
    if seconds is None or not 1 <= seconds <= MOST_SECONDS:
        raise CourseError(
            "A time to live is a whole number of seconds from 1 to some 100 years, or such a timedelta: give one, as "
            "the last argument."
        )
    return seconds


def _whole_number(value: object) -> int | None:
    """A plain int, when `value` is a whole number of any library and no bool; otherwise None."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, Integral):
        return None
    try:
        return int(index(value))  # int(): for an IntEnum, index() gives the member itself
    except TypeError:  # numpy.timedelta64 says that it is a whole number, and is a time
        return None


def _digits(number: int, what: str) -> str:
    try:
        return str(number)
    except ValueError:  # Python writes 4,300 digits and no more, unless it is told otherwise
        raise CourseError(f"This {what} is a number of too many digits for Python: store hex(number).") from None


def _text_of_bytes(value: bytes | bytearray | memoryview, what: str) -> str:
    try:
        return bytes(value).decode()
    except ValueError:  # no UTF-8; or a memoryview that was released
        pass
    raise CourseError(
        f"This {what} holds bytes that are no UTF-8 text, and only text comes back from here: store them through a "
        "redis-py client with decode_responses=False, or as text, with base64.b64encode(data)."
    )


def _text_of_other_float(value: Real, what: str) -> str:
    """A float that is not Python's own, such as numpy.float32, in its own digits: 4.2, not 4.199999809265137."""
    text = str(value)
    try:
        float(text)
    except ValueError:
        raise _not_storable(value, what) from None
    return text


def _not_storable(value: object, what: str) -> CourseError:
    kind = "None" if value is None else f"of the type {type(value).__name__}"
    return CourseError(
        f"Redis stores text and numbers, and this {what} is {kind}: turn it into text first, with json.dumps(value) "
        "for a list or a dict, with str(value) for most others."
    )
