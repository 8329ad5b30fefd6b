"""Replies are read whole or not at all."""

import io

import pytest

from redis_helpers.course.notebook.replies import ErrorReply, Status, format_reply, read_reply

WHOLE = [b"+OK\r\n", b"-ERR no\r\n", b":12\r\n", b"$3\r\nuva\r\n", b"*2\r\n$3\r\nuva\r\n:1\r\n", b"$-1\r\n"]


@pytest.mark.parametrize("reply", WHOLE, ids=repr)
def test_half_a_reply_is_never_taken_for_a_whole_one(reply):
    read_reply(io.BytesIO(reply))
    for length in range(len(reply)):
        with pytest.raises(ConnectionError):
            read_reply(io.BytesIO(reply[:length]))


def test_each_kind_of_reply_is_told_from_the_others():
    stream = io.BytesIO(b"+OK\r\n$2\r\nOK\r\n-OK\r\n*-1\r\n*0\r\n:-7\r\n$0\r\n\r\n$4\r\na\r\nb\r\n")
    replies = [read_reply(stream) for _ in range(8)]
    assert replies == [b"OK", b"OK", b"OK", None, [], -7, b"", b"a\r\nb"]
    assert [type(reply) for reply in replies[:3]] == [Status, bytes, ErrorReply]
    assert [format_reply(reply) for reply in replies] == [
        "OK",
        '"OK"',
        "(error) OK",
        "(nil)",
        "(empty array)",
        "(integer) -7",
        '""',
        '"a\\r\\nb"',
    ]
