"""Which keys a command names, and which commands wait."""

import pytest

from redis_helpers.course.exercises.named_keys import keys_of, waits


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        ("GET a", ["a"]),
        ("DEL a b", ["a", "b"]),
        ("MSET a 1 b 2", ["a", "b"]),
        ("RENAME a b", ["a", "b"]),
        ("LMOVE a b LEFT RIGHT", ["a", "b"]),
        ("BLPOP a b 1", ["a", "b"]),
        ("XREADGROUP GROUP g c COUNT 1 STREAMS a b > >", ["a", "b"]),
        ("XREAD COUNT 1", []),
        ("ZUNIONSTORE d 2 a b", ["d", "a", "b"]),
        ("EVALSHA abc 2 a b 7", ["a", "b"]),
        ("EVAL abc", []),
        ("OBJECT ENCODING a", ["a"]),
        ("SCAN 0 MATCH a", []),
        ("PING", []),
        ("WAITAOF 0 1 500", []),
    ],
)
def test_keys_of(command, keys):
    assert keys_of(command.split()) == keys


@pytest.mark.parametrize(
    "command", ["BLPOP a 0", "BLMOVE a b LEFT RIGHT 1", "XREADGROUP GROUP g c block 5 STREAMS a >"]
)
def test_what_waits(command):
    assert waits(command.split()) == command.split()[0]


@pytest.mark.parametrize("command", ["LPOP a", "LMOVE a b LEFT RIGHT", "XREAD COUNT 5 STREAMS a 0"])
def test_what_does_not_wait(command):
    assert waits(command.split()) is None
