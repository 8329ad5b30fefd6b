"""Replies of Redis: read from the wire, and printed as redis-cli prints them."""

from typing import BinaryIO

CUT = "the server closed the connection"

# Replies that are text for human readers, which redis-cli prints without quotes.
REPORTS = {
    "INFO",
    "LOLWUT",
    "CLIENT LIST",
    "CLIENT INFO",
    "CLUSTER INFO",
    "CLUSTER NODES",
    "MEMORY DOCTOR",
    "MEMORY MALLOC-STATS",
    "LATENCY DOCTOR",
    "LATENCY GRAPH",
}
NAMED_BYTES = {
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    ord("\a"): "\\a",
    ord("\b"): "\\b",
}


class Status(bytes):
    """A short reply such as OK, which redis-cli prints without quotes."""


class ErrorReply(bytes):
    """An error that the server replied."""


def read_reply(stream: BinaryIO) -> object:
    """Reads one RESP2 reply: Status, ErrorReply, int, bytes, None, or a list of these.

    Raises ConnectionError when the stream ends within the reply.
    """
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError(CUT)
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return Status(rest)
    if kind == b"-":
        return ErrorReply(rest)
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


def format_reply_to(words: list[bytes], reply: object) -> str:
    """A command's reply as redis-cli prints it: reports for human readers as they stand, all others formatted."""
    one_word = words[0].upper().decode(errors="replace")
    two_words = b" ".join(words[:2]).upper().decode(errors="replace")
    is_report = one_word in REPORTS or two_words in REPORTS
    if is_report and type(reply) is bytes:
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
    if not isinstance(reply, list):
        raise TypeError(f"{type(reply).__name__} is no reply of Redis")
    if not reply:
        return "(empty array)"
    width = len(str(len(reply)))
    deeper = indent + " " * (width + 2)
    lines = [f"{number:>{width}}) {format_reply(item, deeper)}" for number, item in enumerate(reply, 1)]
    return f"\n{indent}".join(lines)


def _quoted(data: bytes) -> str:
    """Bytes in double quotes; what is not plain ASCII as an escape, as redis-cli shows it."""
    return '"' + "".join(_quoted_byte(byte) for byte in data) + '"'


def _quoted_byte(byte: int) -> str:
    if byte in NAMED_BYTES:
        return NAMED_BYTES[byte]
    if 0x20 <= byte < 0x7F:
        return chr(byte)
    return f"\\x{byte:02x}"
