"""`%%redis` prints what redis-cli 7.0 printed for the same commands: compared byte by byte, then pinned."""

import io
import re

import pytest
import redis
from IPython.core.interactiveshell import InteractiveShell

from redis_helpers.course.notebook.redis_magic import read_reply, run_cell, split_words
from redis_helpers.errors import CourseError

TRANSCRIPTS = {
    "strings": (
        'PING\nECHO "hello world"\nSET foo bar\nGET foo\nGET nope\nINCR n\nINCRBYFLOAT f 3.25\nAPPEND foo ""',
        'PONG\n"hello world"\nOK\n"bar"\n(nil)\n(integer) 1\n"3.25"\n(integer) 3\n',
    ),
    "double quotes": (
        r"""SET q "a \"quoted\" \\ back\x41 \n tab\t bell\a back\b"
GET q""",
        'OK\n"a \\"quoted\\" \\\\ backA \\n tab\\t bell\\a back\\b"\n',
    ),
    "single quotes": (
        r"""ECHO 'single "q" \n \' end'
ECHO ''
ECHO "" """,
        r""""single \"q\" \\n ' end"
""
""
""",
    ),
    "bytes": (
        'SET bin "\\xff\\x00\\x7f"\nGET bin\nSET u "é🍇"\nGET u\nSTRLEN u',
        'OK\n"\\xff\\x00\\x7f"\nOK\n"\\xc3\\xa9\\xf0\\x9f\\x8d\\x87"\n(integer) 6\n',
    ),
    "comments and empty lines": (
        "# a comment\n\n   # another\nPING  # behind a command\nECHO #no-comment",
        'PONG\n"#no-comment"\n',
    ),
    "lists": (
        "LPUSH l a b c\nLRANGE l 0 -1\nLRANGE none 0 -1\nRPUSH ten 1 2 3 4 5 6 7 8 9 10\nLRANGE ten 0 -1",
        '(integer) 3\n1) "c"\n2) "b"\n3) "a"\n(empty array)\n(integer) 10\n'
        ' 1) "1"\n 2) "2"\n 3) "3"\n 4) "4"\n 5) "5"\n'
        ' 6) "6"\n 7) "7"\n 8) "8"\n 9) "9"\n10) "10"\n',
    ),
    "hashes": (
        "HSET h name Alice age 30\nHGETALL h\nHMGET h name nope\nHGET h nope",
        '(integer) 2\n1) "name"\n2) "Alice"\n3) "age"\n4) "30"\n1) "Alice"\n2) (nil)\n(nil)\n',
    ),
    "sets": (
        "SADD s x\nSMEMBERS s\nZADD z 1 a 2.5 b\nZRANGE z 0 -1 WITHSCORES\nZSCORE z b",
        '(integer) 1\n1) "x"\n(integer) 2\n1) "a"\n2) "1"\n3) "b"\n4) "2.5"\n"2.5"\n',
    ),
    "streams": (
        "XADD st 1-1 f v g w\nXADD st 1-2 f v\nXRANGE st - +\nXREAD COUNT 1 STREAMS st 0\nXREAD STREAMS st $",
        '"1-1"\n"1-2"\n'
        '1) 1) "1-1"\n   2) 1) "f"\n      2) "v"\n      3) "g"\n      4) "w"\n2) 1) "1-2"\n   2) 1) "f"\n      2) "v"\n'
        '1) 1) "st"\n   2) 1) 1) "1-1"\n'
        '         2) 1) "f"\n            2) "v"\n            3) "g"\n            4) "w"\n'
        "(nil)\n",
    ),
    "keys": (
        "SET k v\nTYPE k\nTTL k\nTTL none\nEXISTS k none\nDEL k none",
        "OK\nstring\n(integer) -1\n(integer) -2\n(integer) 1\n(integer) 1\n",
    ),
    "errors do not stop the cell": (
        "SET word bar\nINCR word\nLPUSH word x\nGET\nNOSUCH cmd\nGET word",
        "OK\n(error) ERR value is not an integer or out of range\n"
        "(error) WRONGTYPE Operation against a key holding the wrong kind of value\n"
        "(error) ERR wrong number of arguments for 'get' command\n"
        "(error) ERR unknown command 'NOSUCH', with args beginning with: 'cmd' \n"
        '"bar"\n',
    ),
    "a transaction": (
        "MULTI\nSET a 1\nINCR a\nLPUSH l c b\nLRANGE l 0 -1\nGET nope\nLPUSH a x\nEXEC",
        "OK\nQUEUED\nQUEUED\nQUEUED\nQUEUED\nQUEUED\nQUEUED\n"
        '1) OK\n2) (integer) 2\n3) (integer) 2\n4) 1) "b"\n   2) "c"\n5) (nil)\n'
        "6) (error) WRONGTYPE Operation against a key holding the wrong kind of value\n",
    ),
    "a transaction given up": (
        "MULTI\nGET\nEXEC\nEXEC",
        "OK\n(error) ERR wrong number of arguments for 'get' command\n"
        "(error) EXECABORT Transaction discarded because of previous errors.\n(error) ERR EXEC without MULTI\n",
    ),
    "arrays in arrays": (
        "EVAL \"return {1,{2,{3,'x'},{}},false,'y',{ok='fine'},{err='ERR bad'}}\" 0\nEVAL \"return {{},{{}},1}\" 0",
        '1) (integer) 1\n2) 1) (integer) 2\n   2) 1) (integer) 3\n      2) "x"\n   3) (empty array)\n3) (nil)\n4) "y"\n'
        "5) fine\n6) (error) ERR bad\n1) (empty array)\n2) 1) (empty array)\n3) (integer) 1\n",
    ),
    "nil in an array, and alone": (
        "GEOADD g 13.361389 38.115556 Palermo\nGEOPOS g nope\nGEODIST g Palermo nope",
        "(integer) 1\n1) (nil)\n(nil)\n",
    ),
    "a wait that is short": ("BLPOP none 0.05\nRPUSH l a\nBLPOP l 1", '(nil)\n(integer) 1\n1) "l"\n2) "a"\n'),
}


@pytest.mark.parametrize(("cell", "printed"), TRANSCRIPTS.values(), ids=TRANSCRIPTS)
def test_replies_are_printed_as_redis_cli_prints_them(redis_conn, capsys, cell, printed):
    run_cell(redis_conn, cell)
    # Redis 6.2 quotes what it does not know otherwise: `NOSUCH`, with args beginning with: `cmd`,
    shown = re.sub(
        r"`(\w+)`(, $)?", lambda word: f"'{word[1]}'{' ' if word[2] else ''}", capsys.readouterr().out, flags=re.M
    )
    assert shown == printed


def test_reports_for_human_readers_are_printed_as_they_stand(redis_conn, capsys):
    run_cell(redis_conn, "info server")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "# Server"
    assert any(line.startswith("redis_version:") for line in lines)
    run_cell(redis_conn, "CLIENT LIST\nECHO info")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("id=")
    assert lines[-1] == '"info"'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("SET k v", [b"SET", b"k", b"v"]),
        ("  SET\tk   v  ", [b"SET", b"k", b"v"]),
        (r'"a b" "\x00\xFF" "\"" "\q"', [b"a b", b"\x00\xff", b'"', b"q"]),
        (r"'a b' '\'' '\n' '\x41'", [b"a b", b"'", b"\\n", b"\\x41"]),
        ("# comment", []),
        ("", []),
        ("GET k # comment", [b"GET", b"k"]),
        ("GET # comment", [b"GET"]),
        ("GET k#1", [b"GET", b"k#1"]),
        ('SET k "# text"', [b"SET", b"k", b"# text"]),
        (r"SET k C:\dir", [b"SET", b"k", b"C:\\dir"]),
    ],
)
def test_words_quotes_escapes_and_comments(line, words):
    assert split_words(line) == words


@pytest.mark.parametrize("line", ['SET k "v', "SET k 'v", 'SET k "v"x', "SET k 'v'x", 'SET "k"v'])
def test_quotes_that_do_not_match_are_refused_and_nothing_is_run(redis_conn, capsys, line):
    with pytest.raises(CourseError, match="quotes in this line do not match"):
        run_cell(redis_conn, f"SET before 1\n{line}")
    assert redis_conn.dbsize() == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "line",
    [
        "SUBSCRIBE news",
        "psubscribe *",
        "SSUBSCRIBE s",
        "Monitor",
        "SYNC",
        "PSYNC ? -1",
        "QUIT",
        "RESET",
        "HELLO 3",
        "AUTH word",
        "CLIENT REPLY OFF",
        "client  reply  skip",
        "CLIENT PAUSE 100000",
        "FLUSHALL",
        "FLUSHDB ASYNC",
        "SWAPDB 0 1",
        "KEYS *",
        "SHUTDOWN NOSAVE",
        "DEBUG SLEEP 10",
        '"\\x4bEYS" *',
        "BLPOP l 0",
        "BRPOP a b 0",
        "BLPOP l 6",
        "BLPOP l -1",
        "BLPOP l inf",
        "BLMOVE a b LEFT RIGHT 0",
        "BRPOPLPUSH a b 0",
        "BZPOPMIN z 0",
        "BZPOPMAX z 100",
        "BLMPOP 0 1 l LEFT",
        "BZMPOP 0 1 z MIN",
        "XREAD BLOCK 0 STREAMS s $",
        "XREAD COUNT 1 block 6000 STREAMS s $",
        "XREADGROUP GROUP g c BLOCK 0 STREAMS s >",
        "WAIT 1 0",
        "WAITAOF 1 0 0",
    ],
)
def test_what_would_hang_or_take_over_is_refused_before_anything_is_run(redis_conn, capsys, line):
    with pytest.raises(CourseError) as caught:
        run_cell(redis_conn, f"SET before 1\n{line}\nSET after 1")
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).endswith(".")
    assert redis_conn.dbsize() == 0
    assert capsys.readouterr().out == ""


def test_blocking_forms_that_do_not_block_are_run(redis_conn, capsys):
    run_cell(redis_conn, "XADD s 1-1 f v\nXREAD BLOCK 100 STREAMS s 0-1\nCLIENT GETNAME\nWAIT 0 10\nBLPOP")
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "(nil)",
        "(integer) 0",
        "(error) ERR wrong number of arguments for 'blpop' command",
    ]


def test_the_cell_uses_the_clients_database_and_leaves_the_client_alone(server, capsys):
    client = redis.Redis.from_url(server.url.replace("/0", "/3"), decode_responses=True)
    client.flushdb()
    run_cell(client, "SET in db3\nMULTI\nSET never stored")  # the open MULTI ends with the cell's own connection
    assert client.get("in") == "db3"
    assert client.get("never") is None
    client.close()


def test_a_lost_connection_is_one_sentence(capsys):
    with pytest.raises(CourseError, match=r"^Redis is gone \(connection refused\): .* run the connect cell again\.$"):
        run_cell(redis.Redis(port=1, retry=None), "PING")


WHOLE = [b"+OK\r\n", b"-ERR no\r\n", b":12\r\n", b"$3\r\nuva\r\n", b"*2\r\n$3\r\nuva\r\n:1\r\n", b"$-1\r\n"]


@pytest.mark.parametrize("reply", WHOLE, ids=repr)
def test_half_a_reply_is_never_taken_for_a_whole_one(reply):
    read_reply(io.BytesIO(reply))
    for length in range(len(reply)):
        with pytest.raises(ConnectionError):
            read_reply(io.BytesIO(reply[:length]))


# In a real IPython shell


@pytest.fixture
def shell():
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "redis_helpers.course.notebook")
    yield shell
    shell.history_manager.end_session()


def test_the_magic_runs_on_the_notebooks_connection_or_a_named_one(shell, redis_conn, capsys):
    shell.push({"redis_conn": redis_conn, "other": redis_conn})
    assert shell.run_cell("%%redis\nSET fruit uva\nGET fruit\nGET {fruit}\n").success
    assert capsys.readouterr().out == 'OK\n"uva"\n(nil)\n'
    assert shell.run_cell("%%redis other\nGET fruit\n").success
    assert capsys.readouterr().out == '"uva"\n'


@pytest.mark.parametrize("value", [{}, {"redis_conn": "no client"}])
def test_without_a_connection_the_magic_says_what_to_run(shell, capsys, value):
    shell.push(value)
    result = shell.run_cell("%%redis\nPING\n")
    assert isinstance(result.error_in_exec, CourseError)
    assert str(result.error_in_exec) == (
        "%%redis needs a client named redis_conn: run the notebook's connect cell first."
    )
    printed = capsys.readouterr()
    assert "Traceback" not in printed.out + printed.err
    assert (printed.out + printed.err).count("\n") == 1
