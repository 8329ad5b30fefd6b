"""What a `%%redis` cell says: its lines, and the words of each line as redis-cli would send them."""

import re
import unicodedata
from dataclasses import dataclass, field

from redis_helpers.errors import CourseError

BLANKS = " \t\n\v\f\r"  # what C's isspace() knows, and so redis-cli; a non-breaking blank is not among them
WORD_ENDS = " \t\r\n"
MOST_REPEATS = 1000
ALL_COMMANDS = "https://redis.io/docs/latest/commands/"

# One word, by the rules of `sdssplitargs` in Redis' sds.c. A quote may open in the middle of a word, and the closing
# quote ends the word. \v and \f are blanks between words, and ordinary characters within one.
WORD = re.compile(
    rb"""
    (?P<bare> [^ \t\r\n"']* )
    (?:
        "(?P<double> (?: [^"\\] | \\. )* )"         (?= \s | \Z )
      | '(?P<single> (?: [^'\\] | \\' | \\(?!') )* )'  (?= \s | \Z )
      | (?= [ \t\r\n] | \Z )
    )
    """,
    re.VERBOSE | re.DOTALL,
)
CLI_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
NAMED_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}

# `127.0.0.1:6379> `, `127.0.0.1:6379[3](TX)> `, `redis /tmp/redis.sock> `, `not connected> `, `redis> `, `> `
PROMPT = re.compile(
    r"""
    (?: (?:redis|valkey) \s+ )?
    (?: redis | valkey | not\ connected | [\w.-]+:\d+ | \[[0-9a-fA-F:]+\]:\d+ | [\w./-]+\.sock )?
    (?: \[\d+\] )?
    (?: \(TX\) )?
    > \s*
    """,
    re.VERBOSE,
)
# Replies that no command looks like.
REPLY = re.compile(
    r"\((integer|double|big number|nil|true|false|error|empty [a-z ]+|\d+\.\d+s)\)"
    r"|\d+[)#~]( |$)"
    r"|(OK|PONG|QUEUED)$"
)
# Replies that could be a command, so that they count as replies only among lines with prompts.
REPLY_AMONG_PROMPTS = re.compile(r"\".*\"$|(none|string|list|set|zset|hash|stream|vectorset)$|-?\d+(\.\d+)?$")

SHELL_LINE = re.compile(r"(\S*[$%]\s.*|(\S*/)?)(redis|valkey)-cli(\s|$)|\$(\s|$)")
REPEAT_COUNT = re.compile(rb"[ \t\n\v\f\r]*[+-]?[0-9]+")
TYPOGRAPHIC_QUOTES = "“”„‟‘’‚‛«»‹›″′"
INVISIBLE = "\u200b\u2060\ufeff\u00ad"  # zero-width blanks, the byte order mark, the soft hyphen

QUOTES_DO_NOT_MATCH = (
    "Invalid argument(s), the quotes in this line do not match: {}. A command stands on one line, a closing quote ends "
    "a word, and text that holds double quotes (JSON) stands in single quotes."
)
NO_PROMPT = (
    "One line has no prompt and other lines have one, so it may be a command or a reply: {}. "
    "Put a prompt in front of a command, or delete all prompts; delete a reply."
)
FOR_A_SHELL = "This line is for a shell, not for Redis: {}. Write only the Redis command, without redis-cli."


@dataclass(frozen=True)
class Command:
    """One line of a cell that is sent."""

    words: list[bytes]
    times: int = 1
    text: str = ""  # the line without its prompt
    bare: str = ""  # the part of it that stands outside quotes


@dataclass(frozen=True)
class Remark:
    """A line that redis-cli answers itself: nothing is sent, and this is printed."""

    text: str


@dataclass(frozen=True)
class _Words:
    sent: list[bytes] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)  # what of each word stands outside quotes


def read_cell(cell: str) -> list[Command | Remark]:
    """The commands of a cell in order. Lines end with `\\n` or `\\r\\n`, and with nothing else.

    Comments (lines that begin with `#`), empty lines and replies that were pasted along are left out; prompts are taken
    off. Once a line of the cell has a prompt, only lines with a prompt are commands.

    Raises CourseError for a line that cannot be read, or that is surely not meant as it stands.
    """
    lines = [line.lstrip(BLANKS).rstrip(WORD_ENDS) for line in cell.split("\n")]
    with_prompts = any(PROMPT.match(line) for line in lines)
    read = [_read_line(line, with_prompts) for line in lines if line and not line.startswith("#")]
    return [step for step in read if step is not None]


def split_words(line: str) -> list[bytes]:
    """The words of one line, exactly as redis-cli would send them; none for a comment or an empty line.

    Raises CourseError where redis-cli says `Invalid argument(s)`, and for what is no line of text (a NUL character,
    half of a surrogate pair).
    """
    if line.lstrip(BLANKS).startswith("#"):
        return []
    return _split(line).sent


def _read_line(line: str, with_prompts: bool) -> Command | Remark | None:
    prompt = PROMPT.match(line)
    text = line[prompt.end() :] if prompt else line
    if not text or text.startswith("#"):
        return None
    if prompt is None and REPLY.match(text):
        return None
    if prompt is None and with_prompts:
        if REPLY_AMONG_PROMPTS.match(text):
            return None
        raise CourseError(NO_PROMPT.format(_printable(text)))
    if SHELL_LINE.match(text):
        raise CourseError(FOR_A_SHELL.format(_printable(text)))
    words = _split(text)
    _refuse_what_a_web_page_changed(words.bare)
    return _repeated(Command(words.sent, text=text, bare=" ".join(words.bare)))


def _split(line: str) -> _Words:
    """Raises CourseError."""
    text = _encoded(line)
    words = _Words()
    position = _skip_blanks(text, 0)
    while position < len(text):
        word = WORD.match(text, position)
        if word is None:
            raise CourseError(QUOTES_DO_NOT_MATCH.format(_printable(line)))
        words.sent.append(_word_sent(word))
        words.bare.append(word["bare"].decode())
        position = _skip_blanks(text, word.end())
    return words


def _encoded(line: str) -> bytes:
    if "\0" in line:
        raise CourseError('A line holds a NUL character: write it as "\\x00", in double quotes.')
    try:
        return line.encode()
    except UnicodeEncodeError as error:
        half = f"U+{ord(line[error.start]):04X}"
        raise CourseError(f"A line holds half of a character ({half}): write the whole character.") from None


def _skip_blanks(text: bytes, position: int) -> int:
    blanks = BLANKS.encode()
    while position < len(text) and text[position] in blanks:
        position += 1
    return position


def _word_sent(word: re.Match[bytes]) -> bytes:
    if word["double"] is not None:
        return word["bare"] + CLI_ESCAPE.sub(_unescaped, word["double"])
    if word["single"] is not None:
        return word["bare"] + word["single"].replace(b"\\'", b"'")
    return word["bare"]


def _unescaped(escape: re.Match[bytes]) -> bytes:
    digits, character = escape.groups()
    if digits is not None:
        return bytes.fromhex(digits.decode())
    return NAMED_ESCAPES.get(character, character)


def _refuse_what_a_web_page_changed(bare: list[str]) -> None:
    """Quotes and blanks that a web page made typographic, where they cannot be meant."""
    for word in bare:
        if word and word[0] in TYPOGRAPHIC_QUOTES:
            raise CourseError(
                f"A word begins with the typographic quote {word[0]}, which means nothing to Redis: write a plain "
                "quote (or put the word in plain quotes if it is meant)."
            )
    for character in unseen_in(bare[0]):
        raise CourseError(
            f"The command's name holds an unseen character ({_name(character)}), as web pages have them: "
            "write a plain blank, or nothing, in its place."
        )


def unseen_in(text: str) -> list[str]:
    """The characters of a text that look like a plain blank or like nothing, and are neither to Redis."""
    return [
        character
        for character in text
        if character in INVISIBLE or (character not in BLANKS and unicodedata.category(character)[0] == "Z")
    ]


def typographic_in(text: str) -> list[str]:
    """The quotes and dashes of a text that are not those of a keyboard."""
    return [
        character
        for character in text
        if character in TYPOGRAPHIC_QUOTES or (not character.isascii() and unicodedata.category(character) == "Pd")
    ]


def names_of(characters: list[str]) -> str:
    """For example `U+00A0 NO-BREAK SPACE, U+2013 EN DASH`."""
    return ", ".join(_name(character) for character in dict.fromkeys(characters))


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()


def _repeated(command: Command) -> Command | Remark:
    """`5 INCR n` runs five times; a number alone is a command, which the server does not know."""
    count = command.words[0].split(b"\0")[0]  # where C ends a text
    is_count = count == b"" or REPEAT_COUNT.fullmatch(count)
    if len(command.words) == 1 or not is_count:
        return _answered_by_redis_cli(command)
    too_many = len(count) > 20  # Python reads no endless number, and C has room for 19 digits
    times = 0 if too_many else int(count or b"0")
    if times <= 0 and not too_many:
        return Remark("Invalid redis-cli repeat command option value.")
    if times > MOST_REPEATS or too_many:
        raise CourseError(f"A command is repeated at most {MOST_REPEATS} times here: use a loop in Python for more.")
    return _help(Command(command.words[1:], times, command.text, command.bare))


def _answered_by_redis_cli(command: Command) -> Command | Remark:
    """What redis-cli keeps to itself. Raises CourseError for what has no meaning in a notebook."""
    name = command.words[0].lower()
    if name == b"clear" and len(command.words) == 1:
        return Remark("# clear empties a terminal. Here, a cell's output is replaced when the cell runs again.")
    if name.startswith(b":"):
        return Remark("# :set changes the settings of redis-cli, which is not used here.")
    if name == b"restart":
        return Remark("# restart belongs to the Lua debugger of redis-cli, which is not used here.")
    if name == b"exit":
        raise CourseError("exit ends redis-cli, and a cell ends by itself: delete this line.")
    if name == b"connect" and len(command.words) == 3:
        raise CourseError("connect is not run here: make a client in Python, and name it behind %%redis.")
    return _help(command)


def _help(command: Command) -> Command | Remark:
    if command.words[0].lower() in (b"help", b"?"):
        return Remark(f"# Help is here: {_help_page(command.words[1:])}")
    return command


def _help_page(words: list[bytes]) -> str:
    topic = b"-".join(words).decode(errors="replace").lower()
    if re.fullmatch(r"@[a-z_-]+", topic):
        return f"{ALL_COMMANDS}?group={topic[1:].replace('_', '-')}"
    if re.fullmatch(r"[a-z0-9.-]+", topic):
        return f"{ALL_COMMANDS}{topic}/"
    return ALL_COMMANDS


def _printable(line: str, width: int = 60) -> str:
    """A line for a message: on one line, and not too long."""
    text = "".join(character if character.isprintable() else "·" for character in line)
    return text if len(text) <= width else text[: width - 1] + "…"
