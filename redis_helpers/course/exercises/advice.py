"""What to say beside an error or a wrong answer, whichever exercise it is: the mistakes that everybody makes once."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from types import CodeType

import redis
from redis.client import Pipeline
from redis.exceptions import NoPermissionError

from redis_helpers.course.exercises.shown import first_words, short
from redis_helpers.course.exercises.wire import Call
from redis_helpers.redis_repository import escape_pattern

NO_NAME = "No name of a key was given, so there was nothing to delete: with an empty list of names, send nothing."
KEYS_COUNTED = "Behind the script comes the number of keys, then the keys, then the arguments: eval(script, 1, key, …)."
NOTHING_THERE = "Redis had nothing there, and gave None: decide what that means for you."

# A word on errors of Python and redis-py: the error, a part of its message, the word. The first that fits is shown.
ON_ERRORS: tuple[tuple[type[BaseException], str, str], ...] = (
    (redis.ResponseError, "arguments for 'unlink'", NO_NAME),
    (redis.ResponseError, "arguments for 'del'", NO_NAME),
    (redis.ResponseError, "WRONGTYPE", "The key holds another type: each type has commands of its own."),
    (
        redis.ResponseError,
        "not an integer",
        "There is no whole number where Redis needs one: in the value that is to grow, or in what you send.",
    ),
    (
        redis.ResponseError,
        "not a valid float",
        "There is no number where Redis needs one: in the value that is to grow, or as a score (zadd takes "
        "{member: score}).",
    ),
    (
        redis.ResponseError,
        "min or max is not",
        "The ends of a range of scores are numbers, or '-inf' and '+inf' for no end.",
    ),
    (redis.ResponseError, "Number of keys", KEYS_COUNTED),
    (redis.ResponseError, "EXECABORT", "One command of the transaction was refused, so none of them was done."),
    (redis.DataError, "ellipsis", "The three dots `...` are still in your code: something belongs in their place."),
    (redis.DataError, "NoneType", "A value that you send is None: redis-py sends text, bytes and numbers only."),
    (redis.DataError, "bool", "redis-py sends no True and False: store 1 or 0, or JSON."),
    (
        redis.DataError,
        "of type: 'list'",
        "A list is not sent as it is: to hand over several keys, put a star before it; to store it, make JSON of it.",
    ),
    (
        redis.DataError,
        "of type: 'dict'",
        "A dict is not sent as it is: hset takes it as mapping=…; to store it as one value, make JSON of it.",
    ),
    (redis.DataError, "block must", "`block` is in whole milliseconds: 500 for half a second."),
    (redis.DataError, "Invalid input of type", "redis-py sends text, bytes and numbers only."),
    (redis.DataError, "timedelta or int", "A TTL is a whole number: of seconds in `ex`, of milliseconds in `px`."),
    (NoPermissionError, "", "The server does not let this user do that. Your code is not to blame."),
    (redis.WatchError, "", "Somebody changed what you watch: begin anew, from the look on."),
    (redis.TimeoutError, "", "TimeoutError is a RedisError, but not a ConnectionError."),
    (
        redis.ConnectionError,
        "",
        "redis.ConnectionError is not Python's ConnectionError: an `except` must name redis's.",
    ),
    (KeyError, "", "The dictionary has no such key: a field that may be missing needs get(field, default)."),
    (NameError, "", "Import or define that name first."),
    (RecursionError, "", "The function calls itself without end."),
    (
        TypeError,
        "'Pipeline'",
        "The pipeline has only collected this command, so its reply is not here yet. (Between watch() and multi(), it "
        "comes at once.)",
    ),
    (TypeError, "a real number, not 'NoneType'", NOTHING_THERE),
    (TypeError, "or bytearray, not NoneType", NOTHING_THERE),
    (TypeError, "the JSON object must", "json.loads() reads text, and this is none: json.dumps() is what makes text."),
    (TypeError, "'NoneType'", "Something is None here: a key or field that is not there."),
    (
        TypeError,
        "not supported between instances of 'str'",
        "Redis gives text: make a number of it before you compare.",
    ),
    (
        TypeError,
        "can only concatenate str",
        "A text and another type meet at a `+`. To build a name, use an f-string. To count, make a number of what "
        "Redis gave, with int().",
    ),
    (json.JSONDecodeError, "", "The text is not JSON: json.loads() reads only what json.dumps() writes."),
    (
        AttributeError,
        "object has no attribute 'items'",
        "A single value stands where redis-py takes a dict: name your arguments, such as ex=60 or mapping={…}.",
    ),
    (AttributeError, "'decode'", "The client decodes already (decode_responses=True): you have text, not bytes."),
)

MISSING_IN_LUA = "A missing key or field is false in a script, and never nil or 0: decide what it counts as."
NIL_IN_LUA = (
    "A value is nil here: lists begin at 1, and tonumber gives nil for a whole list and for a missing key "
    "(which is false: decide what it counts as)."
)
TEXT_IN_LUA = "What GET and ARGV give a script is text: tonumber() makes a number of it."

# Lua's messages (a pattern), and what they mean to somebody who writes a first script.
ON_LUA_ERRORS: tuple[tuple[str, str], ...] = (
    (r"attempt to compare (string with number|number with string)", TEXT_IN_LUA),
    (r"attempt to compare .*table", "A list is a table in Lua: compare its elements, such as list[1]."),
    (r"attempt to compare .*nil", NIL_IN_LUA),
    (r"attempt to compare .*boolean", MISSING_IN_LUA),
    (r"attempt to (perform arithmetic on|concatenate) .*\ba nil value", NIL_IN_LUA),
    (r"attempt to (perform arithmetic on|concatenate) .*\ba boolean value", MISSING_IN_LUA),
    (r"attempt to perform arithmetic on .*\ba string value", TEXT_IN_LUA),
    (r"near '!'|near '!='", "Lua writes `~=` for not equal."),
    (r"near '/'", "Lua begins a comment with `--`, and has no `//`: math.floor(a / b) divides and rounds down."),
    (r"near '\+'|near '-'|near '\+='", "Lua has no `+=` and no `++`: write a = a + 1."),
    (r"near '&'|near '&&'|near '\|'", "Lua writes `and` and `or`."),
    (r"near '\{'|near '\}'", "Lua has no braces around blocks: it writes `then … end` and `do … end`."),
    (r"near ':'", "Lua writes `if … then` and `for … do`, without a colon."),
    (r"'then' expected near '='", "Lua compares with `==`."),
    (r"'then' expected", "An `if` in Lua goes on with `then`."),
    (r"'do' expected", "A `for` or `while` in Lua goes on with `do`."),
    (r"'end' expected", "Each `if`, `for` and `function` in Lua needs its `end`."),
    (r"'<eof>' expected near 'end'", "There is one `end` too many, or an `elseif` was written as `else if`."),
    (r"near 'None'|variable 'None'", "Lua's word for nothing is nil, and a missing key is false."),
    (r"variable 'True'|variable 'False'", "Lua writes true and false in small letters."),
    (
        r"nonexistent global variable '(\w+)'",
        "Lua does not know the name {0}: look for a typo, or for a `local` that is missing. What Python knows "
        "comes only as KEYS and ARGV.",
    ),
    (r"Attempt to modify a readonly table|create global variable", "Put `local` in front of a new name."),
    (
        r"arguments must be strings or integers",
        "An argument of redis.call is nil, false or a table: is its KEYS or ARGV there?",
    ),
    (r"Wrong number of args", "That Redis command was called with too few or too many arguments."),
    (r"Unknown (Redis )?command", "Redis knows no such command: look for a typo in redis.call."),
    (r"attempt to call (global|field|local) '(\w+)'", "There is no function {1} in a script of Redis."),
    (r"attempt to index", "That is no table: a missing key is false, and a single value is text."),
)
PLAIN = (bool, int, float, str, bytes, list, tuple, dict, set)
LINE = re.compile(r"user_script:(\d+)")


def advice_on(error: BaseException, call: Call) -> str:
    """A line or two below the error, or nothing."""
    text = first_words(error)
    if isinstance(error, redis.ResponseError) and "user_script" in text:
        return _on_script(text, call.last_script)
    word = next((word for kind, part, word in ON_ERRORS if isinstance(error, kind) and part in text), None)
    if _is_number_of_keys(error, call):
        word = KEYS_COUNTED
    return f"\n   {word}" if word else ""


def _is_number_of_keys(error: BaseException, call: Call) -> bool:
    """Whether Redis missed the number of keys behind a script: it is not the script that has failed."""
    text = first_words(error)
    if not isinstance(error, redis.ResponseError) or "not an integer" not in text or "script:" in text:
        return False
    return bool(call.commands) and call.commands[-1].startswith("EVAL")


def _on_script(text: str, script: bytes | None) -> str:
    """The line of the script, and what Lua means."""
    found = LINE.search(text)
    lines = (script or b"").decode(errors="replace").splitlines()
    shown = ""
    if found and 1 <= int(found[1]) <= len(lines):
        shown = f"\n   line {found[1]} of your script: {lines[int(found[1]) - 1].strip()}"
    for pattern, word in ON_LUA_ERRORS:
        match = re.search(pattern, text)
        if match:
            return f"{shown}\n   {word.format(*match.groups())}"
    known = next((word for kind, part, word in ON_ERRORS if kind is redis.ResponseError and part in text), None)
    return shown + (f"\n   {known}" if known else "")


def notes_on(function: Callable, call: Call, args: tuple, expected: object, seen: object) -> Iterator[str]:
    """What else strikes the eye in an answer that is wrong."""
    code = getattr(function, "__code__", None)
    if isinstance(code, CodeType) and ... in code.co_consts:
        yield "the three dots `...` are still in your code: something belongs in their place."
    if isinstance(seen, Pipeline):
        yield "your function returns the pipeline itself: execute() sends it, and gives a list of replies."
    elif type(seen) in PLAIN and expected is not None and type(expected) is not type(seen) and seen == expected:
        yield f"{short(seen)} and {short(expected)} are equal, but not of one type."
    elif type(seen) is str and isinstance(expected, (int, float)) and not isinstance(expected, bool):
        yield "that is text, and a number is wanted."
    elif type(seen) in (int, list, str) and isinstance(expected, bool):  # not a Plain, which is the check's own text
        yield f"True or False is wanted, and your function returned {short(seen)}."
    if call.wrote_while_watching:
        yield (
            f"{call.wrote_while_watching} was sent between WATCH and MULTI, so it was done at once: after watch(), a "
            "pipeline collects commands from multi() on."
        )
    if call.wrote_beside_watch:
        yield (
            f"{call.wrote_beside_watch} was sent through redis_conn, so it was done at once: only what you call on the "
            "pipeline is in its transaction."
        )
    unused = _never_sent(call, args)
    if unused is not None:
        yield f"{short(unused)} was given to your function, and not sent in this call: is another value in its place?"
    if call.used_another:
        yield "your function used another connection than the redis_conn that it is given."


def note_on_printing(printed: Sequence[str], expected: object, seen: object) -> str | None:
    """A word to who has printed the value that was to be returned. `printed` are the lines that the code printed."""
    if seen is None and expected is not None and str(expected) in printed:
        return "your function printed the answer, and returned nothing. Only `return` hands a value to the caller."
    return None


def _never_sent(call: Call, args: tuple) -> str | None:
    """A key that the function was given and never named, not even as a pattern."""
    sent = " ".join(word for step in call.steps for command in step.commands for word in command)
    keys = [word for word in args if isinstance(word, str) and word.startswith(call.prefix)]
    return next((key for key in keys if call.steps and key not in sent and escape_pattern(key) not in sent), None)
