"""The course's settings: environment variables, and below them a `.env` file.

The file is searched from the current folder (a notebook's own) upwards. A variable that is set to nothing counts as
not set.
"""

import os
import re

from dotenv import find_dotenv
from dotenv.main import resolve_variables
from dotenv.parser import parse_stream

from redis_helpers.errors import CourseError


def read_settings() -> dict[str, str]:
    """Every variable of `.env`, overridden by those of the environment.

    Raises CourseError, which names the file and the line but not its text, when `.env` cannot be read.
    """
    path = find_dotenv(usecwd=True)
    from_file = _read_env_file(path) if path else {}
    # An address in the environment replaces the file's whole address, however the two are spelt.
    if os.environ.get("REDIS_URL") or os.environ.get("REDIS_HOST"):
        from_file.pop("REDIS_URL", None)
        from_file.pop("REDIS_HOST", None)
    merged = {**from_file, **{name: value for name, value in os.environ.items() if value}}
    return {name: value for name, value in merged.items() if value}


def setting(name: str) -> str | None:
    """One variable of `read_settings()`, or None when it is not set."""
    return read_settings().get(name)


def _read_env_file(path: str) -> dict[str, str]:
    """The variables of one `.env` file. python-dotenv alone would skip a broken line with a log message."""
    try:
        # utf-8-sig: Windows editors put an invisible mark in front of the first name.
        with open(path, encoding="utf-8-sig") as stream:
            bindings = list(parse_stream(stream))
    except OSError as error:
        raise CourseError(
            f"The settings file {path} cannot be read ({error.strerror}): check its permissions."
        ) from None
    except UnicodeDecodeError:
        raise CourseError(f"The settings file {path} is not UTF-8 text: save it again as UTF-8.") from None
    for binding in bindings:
        if binding.error:
            blank_lines = re.match(r"\s*", binding.original.string)[0].count("\n")
            raise CourseError(
                f"Line {binding.original.line + blank_lines} of {path} is not of the form NAME=value: "
                "mend it (a value with spaces or # stands in quotes) or put # in front."
            )
    pairs = [(binding.key, binding.value) for binding in bindings if binding.key]
    return {name: value or "" for name, value in resolve_variables(pairs, override=True).items()}
