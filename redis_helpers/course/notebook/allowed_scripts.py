"""Reads a Lua script and says whether every Redis command in it is written out, and harmless."""

import re
from collections.abc import Callable

# The tokens of Lua. A comment ends at \r as well as at \n. Digits belong to words, because Lua never begins a name
# within a number.
TOKEN = re.compile(
    r"""
    (?P<skipped> [ \t\r\n]+ | --\[(?P<level>=*)\[ .*? \](?P=level)\] | --[^\r\n]* )
  | (?P<string> "(?: [^"\\\r\n] | \\(?: \r\n | \n\r | . ) )*"
              | '(?: [^'\\\r\n] | \\(?: \r\n | \n\r | . ) )*' )
  | (?P<long_string> \[(?P<deep>=*)\[ .*? \](?P=deep)\] )
  | (?P<word> [A-Za-z0-9_]+ )
  | (?P<symbol> [-+*/%^\#=~<>(){}\[\];:,.&|] )
    """,
    re.VERBOSE | re.DOTALL,
)
FIRST_LINE = re.compile(r"#!lua[^\r\n]*\n")  # `#!lua flags=no-writes`
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
PLAIN_STRING = re.compile(r"""["']([A-Za-z0-9_.-]+)["']""")

# Where Redis, and Valkey, give a script its commands.
DOORS = {"redis", "server"}
CALLS = {"call", "pcall"}
OTHER_PARTS = {"error_reply", "status_reply", "sha1hex", "log", "setresp", "acl_check_cmd"}
OTHER_PARTS |= {"LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"}
# Other ways to these doors, or to code that is made while the script runs.
HIDDEN_DOORS = {"_G", "_ENV", "getfenv", "setfenv", "load", "loadstring", "loadfile", "dofile", "require", "module"}
HIDDEN_DOORS |= {"package", "debug"}


def why_not_run(script: bytes, is_harmless: Callable[[str, str | None], bool]) -> str | None:
    """Why a script must not run on a server that is somebody's, as the end of a sentence; None when it may.

    `is_harmless` says whether a command may be called, by its name and the next word (None where that is not written
    out), both in capitals. The reader is stricter than Lua: a script that Lua would take may be refused (a call without
    brackets, `local call = redis.call`), and a command that is computed, aliased or hidden never passes. Whether the
    script ends is not looked at.
    """
    text = script.decode("latin-1")
    first_line = FIRST_LINE.match(text)
    if first_line:
        text = text[first_line.end() :]
    if CONTROL.search(text):
        return "this one holds control characters"
    tokens = _tokens(text)
    if tokens is None:
        return "this one cannot be read as Lua"
    for position, token in enumerate(tokens):
        if token in HIDDEN_DOORS or token.startswith("__redis"):
            return f"this one uses {token}"
        if token in DOORS:
            reason = _why_not_used(tokens[position : position + 8], is_harmless)
            if reason:
                return reason
    return None


def _tokens(text: str) -> list[str] | None:
    """The tokens of a script without blanks and comments, or None when it has something that is no token."""
    tokens = []
    position = 0
    while position < len(text):
        token = TOKEN.match(text, position)
        if token is None:
            return None
        if token["skipped"] is None:
            tokens.append(token[0])
        position = token.end()
    return tokens


def _why_not_used(tokens: list[str], is_harmless: Callable[[str, str | None], bool]) -> str | None:
    """Looks at the tokens from `redis` on: redis . call ( 'CONFIG' , 'GET' ,"""
    padded = tokens + [""] * 8
    door, dot, part, bracket, command, behind, second, behind_second = padded[:8]
    if dot == "." and part in OTHER_PARTS:
        return None
    if dot != "." or part not in CALLS or bracket != "(":
        return f"this one uses {door} in another way"
    name = _written_out(command, behind)
    if name is None:
        return "this one computes the name of a command"
    subcommand = _written_out(second, behind_second) if behind == "," else None
    if not is_harmless(name, subcommand):
        return f"this one calls {name}"
    return None


def _written_out(token: str, behind: str) -> str | None:
    """The text of a plain string that is a whole argument, in capitals."""
    string = PLAIN_STRING.fullmatch(token)
    if string is None or behind not in (",", ")"):
        return None
    return string[1].upper()
