"""`%load_ext redis_helpers.raw` gives notebooks the cell magic `%%redis`, and errors of Redis in one sentence.

Each line is one command, written as in the Redis documentation, and each reply is printed as redis-cli prints it. Lines
that begin with `#` are comments. `%%redis name` takes another client than the notebook's `redis_conn`.
"""

import re
from collections.abc import Collection

import redis

from redis_helpers.connection_errors import why_failed
from redis_helpers.errors import CourseError

LONGEST_WAIT = 5  # seconds that a blocking command may ask for
CUT = "the server closed the connection"
LOST = "The connection to Redis was lost ({}), so the last command may have run or not: run the connect cell again."

NEVER = {
    **dict.fromkeys(
        ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC", "PSYNC"],
        "turns the connection into an endless stream of messages; a lesson that needs it uses redis-py",
    ),
    **dict.fromkeys(
        ["QUIT", "RESET", "HELLO", "AUTH", "CLIENT REPLY"], "changes the connection itself, which the notebook shares"
    ),
    **dict.fromkeys(
        ["FLUSHALL", "FLUSHDB", "SWAPDB", "KEYS"],
        "touches every key, also those of others on this server; find your own with SCAN, delete them with UNLINK",
    ),
    **dict.fromkeys(
        ["SHUTDOWN", "DEBUG", "CLIENT PAUSE"],
        "can stop the server, which others may be using; a lesson that needs it starts its own",
    ),
}
# Where a blocking command says how long it may wait: the position among its words, and the unit in seconds.
WAITS = {
    **dict.fromkeys(["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX", "BLMOVE", "BRPOPLPUSH"], (-1, 1)),
    **dict.fromkeys(["BLMPOP", "BZMPOP"], (1, 1)),
    **dict.fromkeys(["WAIT", "WAITAOF"], (-1, 0.001)),
}
# Replies that are text for human readers, which redis-cli prints without quotes.
REPORTS = {"INFO", "LOLWUT", "CLIENT LIST", "CLIENT INFO", "CLUSTER INFO", "CLUSTER NODES"}
REPORTS |= {"MEMORY DOCTOR", "MEMORY MALLOC-STATS", "LATENCY DOCTOR", "LATENCY GRAPH"}


def register(shell) -> None:
    """Gives a notebook the cell magic `%%redis`."""

    def magic(line: str, cell: str) -> None:
        name = line.strip() or "redis_conn"
        redis_conn = shell.user_ns.get(name)
        if not isinstance(redis_conn, redis.Redis):
            raise CourseError(f"%%redis needs a client named {name}: run the notebook's connect cell first.")
        run_cell(redis_conn, cell)

    shell.register_magic_function(magic, "cell", "redis")


def run_cell(redis_conn: redis.Redis, cell: str) -> None:
    """Runs the commands of a cell one after the other on one connection, and prints the replies.

    An error of the server is printed like a reply. Raises CourseError for a line that cannot be read, for a command
    that would hang or take over the connection, and when the connection is lost.
    """
    commands = [words for line in cell.splitlines() if (words := split_words(line))]
    for words in commands:
        _refuse_what_would_hang(words)
    # A connection of its own, with the client's address and rights, speaking RESP2 as redis-cli does.
    pool = redis_conn.connection_pool
    settings = {**pool.connection_kwargs, "protocol": 2, "socket_timeout": 2 * LONGEST_WAIT}
    settings.pop("maint_notifications_config", None)
    settings.pop("maint_notifications_pool_handler", None)
    connection = pool.connection_class(**settings)
    try:
        connection.connect()
        replies = connection._get_socket().makefile("rb")  # redis-py's own reader does not tell OK from "OK"
        for words in commands:
            connection.send_command(*words)
            print(_shown(words, read_reply(replies)))
    except redis.RedisError as error:
        raise CourseError(why_failed(error) or LOST.format(type(error).__name__)) from None
    except OSError as error:
        raise CourseError(LOST.format(type(error).__name__)) from None
    finally:
        connection.disconnect()


WORD = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"']\S*))(?=\s|$)""")
ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))")


def split_words(line: str) -> list[bytes]:
    """The words of one line, with redis-cli's rules for quotes and escapes; none for a comment or an empty line.

    Raises CourseError for a quote that is not closed, or has text right behind it.
    """
    words, position, line = [], 0, line.strip()
    while position < len(line) and not line.startswith("#") and not re.match(r"\s*#\s", line[position:]):
        word = WORD.match(line, position)
        if word is None:
            raise CourseError(f"The quotes in this line do not match: {line}")
        double, single, bare = word.groups()
        if double is not None:
            words.append(_unescape(double))
        else:
            words.append((bare if single is None else single.replace("\\'", "'")).encode())
        position = word.end()
    return words


def _unescape(text: str) -> bytes:
    known = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
    return ESCAPE.sub(lambda m: bytes.fromhex(m[1].decode()) if m[1] else known.get(m[2], m[2]), text.encode())


def _command(words: list[bytes], known: Collection[str]) -> str:
    """The command's name in capitals: two words when these are known (CLIENT LIST), otherwise the first."""
    first, *rest = (word.decode(errors="replace").upper() for word in words[:2])
    return both if (both := " ".join([first, *rest])) in known else first


def _refuse_what_would_hang(words: list[bytes]) -> None:
    texts = [word.decode(errors="replace").upper() for word in words]
    command = _command(words, NEVER)
    if command in NEVER:
        raise CourseError(f"{command} is not run here: it {NEVER[command]}.")
    position, unit = WAITS.get(command, (None, 0.001))
    if command in ("XREAD", "XREADGROUP") and "BLOCK" in texts:
        position = texts.index("BLOCK") + 1
    if position is None:
        return
    try:
        seconds = float(texts[position]) * unit
    except (ValueError, IndexError):
        return  # the server has its own words for that
    if not 0 < seconds <= LONGEST_WAIT:
        raise CourseError(f"{command} would wait too long here: give it a timeout of at most {LONGEST_WAIT} seconds.")


class Status(bytes):
    """A short reply such as OK, which redis-cli prints without quotes."""


class ErrorReply(bytes):
    """An error that the server replied."""


def read_reply(stream) -> object:
    """Reads one RESP2 reply: Status, ErrorReply, int, bytes, None, or a list of these."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError(CUT)
    kind, rest = line[:1], line[1:-2]
    if kind in b"+-":
        return Status(rest) if kind == b"+" else ErrorReply(rest)
    if kind == b":":
        return int(rest)
    length = int(rest)
    if length == -1:
        return None
    if kind == b"$":
        data = stream.read(length + 2)
        if len(data) < length + 2:  # half a value must not look like a whole one
            raise ConnectionError(CUT)
        return data[:-2]
    return [read_reply(stream) for _ in range(length)]


def _shown(words: list[bytes], reply: object) -> str:
    """A reply as redis-cli prints it: reports for human readers as they stand, all others formatted."""
    if type(reply) is bytes and _command(words, REPORTS) in REPORTS:
        return reply.decode(errors="replace").replace("\r\n", "\n").rstrip("\n")
    return format_reply(reply)


def format_reply(reply: object, indent: str = "") -> str:
    """A reply as redis-cli prints it on a terminal."""
    if reply is None:
        return "(nil)"
    if isinstance(reply, int):
        return f"(integer) {reply}"
    if isinstance(reply, Status):
        return reply.decode(errors="replace")
    if isinstance(reply, ErrorReply):
        return f"(error) {reply.decode(errors='replace')}"
    if isinstance(reply, bytes):
        return _quoted(reply)
    if not reply:
        return "(empty array)"
    width = len(str(len(reply)))
    deeper = indent + " " * (width + 2)
    lines = [f"{number:>{width}}) {format_reply(item, deeper)}" for number, item in enumerate(reply, 1)]
    return f"\n{indent}".join(lines)


def _quoted(data: bytes) -> str:
    """Bytes in double quotes; what is not plain ASCII as an escape, as redis-cli shows it."""
    named = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x07: "\\a", 0x08: "\\b"}
    return '"' + "".join(named.get(b, chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}") for b in data) + '"'
