"""One `.env` file, read as Docker Compose reads it: both take their password from the same line.

python-dotenv finds the lines and their names. The values are read here, because python-dotenv leaves `$NAME` and `$$`
as they stand, and Compose does not.
"""

import os
import re
from collections.abc import Collection, Mapping

from dotenv.parser import Binding, parse_stream

from redis_helpers.errors import CourseError

# `$$`, `$NAME`, or the beginning of `${NAME…}`. Any other dollar stands for itself.
REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<brace>\{))")
# What is between the braces: a name, then perhaps an operator and a text.
BRACED = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<operator>:?[-?+])(?P<text>.*))?")
ENV_ESCAPE = re.compile(r"\\(?:([abfnrtv$\"\\])|0([0-3][0-7]{2}))")
ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "$": "$$"}

DOLLAR = "write $$ for a dollar, or put the value in single quotes"


def read_env_file(path: str, needed: re.Pattern[str], unused: Collection[str] = ()) -> dict[str, str]:
    """The variables of the file. One that stands there without a value is "".

    `needed` matches the names whose values must be right: where such a value refers to a variable that is not set,
    the file is refused. Compose would put nothing in its place, and that is never what a password wants. `unused` are
    names whose lines may be wrong in any way: the caller does not look at their values.

    Raises CourseError, which names the file and the line but not its text, when the file cannot be read.
    """
    values: dict[str, str] = {}
    for binding in _bindings(path):
        place = f"Line {_line(binding)} of {path}"
        if binding.error or ":" in (binding.key or ""):  # NAME:value, which Compose would take
            if _name(binding) in unused:
                continue
            raise CourseError(
                f"{place} is not of the form NAME=value: "
                "mend it (a value with spaces or # stands in quotes) or put # in front."
            )
        if binding.key:
            try:
                values[binding.key] = _value(binding, values)
            except _CannotReplace as problem:
                if binding.key in unused:
                    continue
                if needed.match(binding.key):
                    raise CourseError(f"{place} {problem}.") from None
                values[binding.key] = ""
    return values


class _CannotReplace(Exception):
    """Why a `$` cannot be read. It holds nothing of the value."""


def _bindings(path: str) -> list[Binding]:
    try:
        # utf-8-sig: Windows editors put an invisible mark in front of the first name.
        with open(path, encoding="utf-8-sig") as stream:
            return list(parse_stream(stream))
    except OSError as error:
        problem = f"cannot be read ({error.strerror}): check its permissions"
    except UnicodeDecodeError:
        problem = "is not UTF-8 text: save it again as UTF-8"
    raise CourseError(f"The settings file {path} {problem}.")


def _line(binding: Binding) -> int:
    blank = re.match(r"\s*", binding.original.string)
    return binding.original.line + (blank[0].count("\n") if blank else 0)


def _name(binding: Binding) -> str:
    """The name with which a line begins that is not of the form NAME=value, or ""."""
    found = re.match(r"\s*(?:export\s+)?(\w+)", binding.original.string)
    return found[1] if found else ""


def _value(binding: Binding, earlier: Mapping[str, str]) -> str:
    """The value as Compose takes it: literal in single quotes, otherwise with its references replaced."""
    if binding.value is None:
        return ""
    text = binding.original.string.partition("=")[2].strip()
    if text.startswith("'"):
        return _between_quotes(text).replace(r"\'", "'")
    if text.startswith('"'):
        return _replaced(ENV_ESCAPE.sub(_unescaped, _between_quotes(text)), earlier)
    return _replaced(text.partition(" #")[0].rstrip(), earlier)


def _between_quotes(text: str) -> str:
    """What stands between the quote at the beginning and the next one without a backslash."""
    quote = text[0]
    found = re.match(rf"{quote}((?:\\.|[^\\{quote}])*){quote}", text, re.DOTALL)
    return found[1] if found else ""


def _unescaped(escape: re.Match[str]) -> str:
    letter, octal = escape.groups()
    if octal:
        return chr(int(octal, 8))
    return ESCAPED.get(letter, letter)


def _replaced(text: str, earlier: Mapping[str, str]) -> str:
    """The text with its references replaced, by variables of the environment first, then by lines further up."""
    done = ""
    while found := REFERENCE.search(text):
        done += text[: found.start()]
        text = text[found.end() :]
        if found["dollar"]:
            done += "$"
        elif found["name"]:
            done += _looked_up(found["name"], None, "", earlier)
        else:
            inside, text = _until_closing_brace(text)
            braced = BRACED.fullmatch(inside)
            if braced is None:
                raise _CannotReplace(f"has a ${{ that is no reference to a variable: {DOLLAR}")
            done += _looked_up(braced["name"], braced["operator"], braced["text"] or "", earlier)
    return done + text


def _until_closing_brace(text: str) -> tuple[str, str]:
    """What is before the brace that closes, and what is behind it; braces in between come in pairs."""
    depth = 1
    for position, letter in enumerate(text):
        if letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
        if depth == 0:
            return text[:position], text[position + 1 :]
    raise _CannotReplace(f"has a ${{ without its }}: {DOLLAR}")


def _looked_up(name: str, operator: str | None, text: str, earlier: Mapping[str, str]) -> str:
    value = os.environ.get(name, earlier.get(name))
    # With a colon in the operator, an empty value counts as none.
    there = bool(value) if operator and operator.startswith(":") else value is not None
    kind = operator[-1] if operator else ""
    if kind == "+":
        return _replaced(text, earlier) if there else ""
    if there:
        return value or ""
    if kind == "-":
        return _replaced(text, earlier)
    raise _CannotReplace(f"refers with $ to a variable that is not set: {DOLLAR}")
