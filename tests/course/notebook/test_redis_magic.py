"""`%%redis` prints what redis-cli 7.0 printed for the same commands: compared byte by byte, then pinned."""

import re

import pytest
import redis
from IPython.core.interactiveshell import InteractiveShell

from redis_helpers.course.notebook.redis_magic import run_cell
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
        "# a comment\n\n   # another, it's skipped\nECHO #no-comment\nSADD tags # ruby\nSISMEMBER tags #",
        '"#no-comment"\n(integer) 2\n(integer) 1\n',
    ),
    "quotes in the middle of a word": (
        'SET k a"b c"\nGET k\nSET k it\'s\'\nGET k\nSET j \'{"name":"Bob"}\'\nGET j\nSET j {"name"\nGET j',
        'OK\n"ab c"\nOK\n"its"\nOK\n"{\\"name\\":\\"Bob\\"}"\nOK\n"{name"\n',
    ),
    "blanks within a command's name": (
        '"GET " k\n" GET" k\n"CLIENT GETNAME"\n"ECHO\\n" x',
        "(error) ERR unknown command 'GET ', with args beginning with: 'k' \n"
        "(error) ERR unknown command ' GET', with args beginning with: 'k' \n"
        "(error) ERR unknown command 'CLIENT GETNAME', with args beginning with: \n"
        "(error) ERR unknown command 'ECHO ', with args beginning with: 'x' \n",
    ),
    "line ends of Unicode": (
        "SET k a\u2028b\r\nSTRLEN k\r\nSET k a\x0bb\x0cc\x1cd\x1de\x1ef\nGET k\nSET k '\x85\u2029'\nGET k",
        'OK\n(integer) 5\nOK\n"a\\x0bb\\x0cc\\x1cd\\x1de\\x1ef"\nOK\n"\\xc2\\x85\\xe2\\x80\\xa9"\n',
    ),
    "repeats": (
        "3 INCR n\n0 INCR n\n2 2 INCR n\nGET n",
        "(integer) 1\n(integer) 2\n(integer) 3\nInvalid redis-cli repeat command option value.\n"
        "(error) ERR unknown command '2', with args beginning with: 'INCR' 'n' \n"
        "(error) ERR unknown command '2', with args beginning with: 'INCR' 'n' \n"
        '"3"\n',
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
    shown = as_redis_7_says_it(capsys.readouterr().out)
    assert [line for line in shown.splitlines() if not line.startswith("# ")] == printed.splitlines()


def as_redis_7_says_it(printed: str) -> str:
    """Redis 6.2 quotes what it does not know otherwise: `NOSUCH`, with args beginning with: `cmd`,"""

    def quoted(word: re.Match[str]) -> str:
        behind = " " if word[2] else ""
        return f"'{word[1]}'{behind}"

    return re.sub(r"`([^`]*)`(, $)?", quoted, printed, flags=re.MULTILINE)


def test_reports_for_human_readers_are_printed_as_they_stand(redis_conn, capsys):
    run_cell(redis_conn, "info server")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "# Server"
    assert any(line.startswith("redis_version:") for line in lines)
    run_cell(redis_conn, "CLIENT LIST\nECHO info")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("id=")
    assert lines[-1] == '"info"'


@pytest.mark.parametrize("line", ['SET k "v', "SET k 'v'x", 'SET "k"v', 'SET user:1 {"name":"Bob"}', r"SET k 'C:\\'"])
def test_quotes_that_do_not_match_are_refused_and_nothing_is_run(redis_conn, capsys, line):
    with pytest.raises(CourseError, match="quotes in this line do not match"):
        run_cell(redis_conn, f"SET before 1\n{line}")
    assert redis_conn.dbsize() == 0
    assert capsys.readouterr().out == ""


PASTED = """\
127.0.0.1:6379> SET fruit "uva"
OK
127.0.0.1:6379> GET fruit
"uva"
127.0.0.1:6379> LPUSH l a b
(integer) 2
127.0.0.1:6379> LRANGE l 0 -1
1) "b"
2) "a"
127.0.0.1:6379> GET none
(nil)
"""


def test_a_session_of_redis_cli_that_was_pasted_gives_its_own_replies(redis_conn, capsys):
    run_cell(redis_conn, PASTED)
    assert capsys.readouterr().out.splitlines() == [line for line in PASTED.splitlines() if "> " not in line]


REMARKS = {
    "a comment behind a command that fails": (
        "GET k # the offer",
        "(error) ERR wrong number of arguments for 'get' command\n"
        '# A "#" inside a line is an argument, as it is to redis-cli: a comment has a line of its own.\n',
    ),
    "a semicolon": (
        "SET k v;\nGET k",
        'OK\n# The ";" at the end was sent as a part of the last word: a command needs no ";".\n"v;"\n',
    ),
    "a semicolon in quotes": ('SET k "v;"\nGET k', 'OK\n"v;"\n'),
    "a blank from the web": (
        "SET k a\u00a0b\nGET k",
        "OK\n# This line holds U+00A0 NO-BREAK SPACE outside quotes, which was sent as a part of a word.\n"
        '"a\\xc2\\xa0b"\n',
    ),
    "a dash from the web": (
        "LRANGE l 0 –1\nSET k 3–5",
        "(error) ERR value is not an integer or out of range\n"
        "# This line holds U+2013 EN DASH outside quotes, where Redis wants the plain sign of a keyboard.\nOK\n",
    ),
    "another database": (
        "SELECT 3\nDBSIZE\nSELECT nonsense",
        "OK\n# This database counts to the end of this cell; the next cell has the client's own again.\n"
        "(integer) 0\n(error) ERR value is not an integer or out of range\n",
    ),
    "a reply in quotes": (
        'GET k\n"uva"',
        "(nil)\n(error) ERR unknown command 'uva', with args beginning with: \n"
        "# If this line in quotes is a reply that was pasted along, delete it.\n",
    ),
    "help": ("help GET\nPING", "# Help is here: https://redis.io/docs/latest/commands/get/\nPONG\n"),
    "clear": (
        "clear\nPING",
        "# clear empties a terminal. Here, a cell's output is replaced when the cell runs again.\nPONG\n",
    ),
}


@pytest.mark.parametrize(("cell", "printed"), REMARKS.values(), ids=REMARKS)
def test_what_may_not_be_meant_is_explained_beside_the_reply(redis_conn, capsys, cell, printed):
    run_cell(redis_conn, cell)
    assert as_redis_7_says_it(capsys.readouterr().out) == printed


def test_a_pasted_reply_that_is_the_name_of_a_refused_command_is_explained(redis_conn):
    with pytest.raises(CourseError, match=r"^HELLO is not run here: .* is a reply that was pasted along, delete it\.$"):
        run_cell(redis_conn, 'GET k\n"Hello"')


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
