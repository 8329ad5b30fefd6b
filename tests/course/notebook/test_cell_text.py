"""Words and lines of a `%%redis` cell, against what redis-cli 7.0 sent: recorded byte by byte, then pinned."""

import pytest

from redis_helpers.course.notebook.cell_text import Command, Remark, read_cell, split_words
from redis_helpers.errors import CourseError

# The line, and the words that redis-cli sent for it.
SENT = [
    ("SET k v", [b"SET", b"k", b"v"]),
    ("  GET\t k  ", [b"GET", b"k"]),
    ("SET k\rv", [b"SET", b"k", b"v"]),
    ("", []),
    # quotes
    ('a"b c"', [b"ab c"]),
    ("ECHO a'b c'", [b"ECHO", b"ab c"]),
    ('ECHO a""', [b"ECHO", b"a"]),
    ('ECHO a"" b', [b"ECHO", b"a", b"b"]),
    ("ECHO it's'", [b"ECHO", b"its"]),
    ('ECHO a\\"b c"', [b"ECHO", b"a\\b c"]),
    ('ECHO ""', [b"ECHO", b""]),
    ('""', [b""]),
    ("""SET u '{"name":"Bob"}'""", [b"SET", b"u", b'{"name":"Bob"}']),
    (r'SET u "{\"name\":\"Bob\"}"', [b"SET", b"u", b'{"name":"Bob"}']),
    ('SET u {"name"', [b"SET", b"u", b"{name"]),
    ('"\\x4bEYS" *', [b"KEYS", b"*"]),
    ('"FLUSHALL "', [b"FLUSHALL "]),
    ('"CLIENT PAUSE" 1', [b"CLIENT PAUSE", b"1"]),
    # escapes
    (r"""ECHO "a\'b" "\x41\x4g\xzz" "\n\r\t\b\a\q\\" """, [b"ECHO", b"a'b", b"Ax4gxzz", b"\n\r\t\b\aq\\"]),
    (r'"a b" "\x00\xFF" "\"" "\q"', [b"a b", b"\x00\xff", b'"', b"q"]),
    (r"'a b' '\'' '\n' '\x41'", [b"a b", b"'", b"\\n", b"\\x41"]),
    (r"SET k 'C:\\' x'", [b"SET", b"k", b"C:\\' x"]),
    (r'SET k "C:\\"', [b"SET", b"k", b"C:\\"]),
    (r"SET k C:\dir", [b"SET", b"k", b"C:\\dir"]),
    ("ECHO a\\", [b"ECHO", b"a\\"]),
    # what is no comment
    ("SADD tags # ruby", [b"SADD", b"tags", b"#", b"ruby"]),
    ("GET k # comment", [b"GET", b"k", b"#", b"comment"]),
    ("GET k#1 #k", [b"GET", b"k#1", b"#k"]),
    ('SET k "# text"', [b"SET", b"k", b"# text"]),
    # what is no end, and what is a blank between words only
    ("PING;", [b"PING;"]),
    ("GET k ;", [b"GET", b"k", b";"]),
    ("ECHO a\x0bb a\x0cb \x0bc d\x0b", [b"ECHO", b"a\x0bb", b"a\x0cb", b"c", b"d\x0b"]),
    ('ECHO "a"\t\'b\'\x0b"c"\x0cd', [b"ECHO", b"a", b"b", b"c", b"d"]),
    ("ECHO a\x1cb a\x1db a\x1eb", [b"ECHO", b"a\x1cb", b"a\x1db", b"a\x1eb"]),
    ("ECHO a\u2028b a\u2029b a\x85b", [b"ECHO", b"a\xe2\x80\xa8b", b"a\xe2\x80\xa9b", b"a\xc2\x85b"]),
    ("ECHO a\u00a0b \u00a0", [b"ECHO", b"a\xc2\xa0b", b"\xc2\xa0"]),
    ("ECHO “a b”", [b"ECHO", b"\xe2\x80\x9ca", b"b\xe2\x80\x9d"]),
    ('ECHO é🍇 "é🍇"', [b"ECHO", "é🍇".encode(), "é🍇".encode()]),
]


@pytest.mark.parametrize(("line", "words"), SENT)
def test_a_line_is_split_as_redis_cli_splits_it(line, words):
    assert split_words(line) == words


@pytest.mark.parametrize("line", ["# comment", "#comment", "   # it's", '\t#"'])
def test_a_comment_has_no_words(line):
    assert split_words(line) == []


# Redis-cli says `Invalid argument(s)` to these.
INVALID = [
    'SET k "v',
    "SET k 'v",
    'SET k "v"x',
    "SET k 'v'x",
    'SET "k"v 1',
    'SET k a"b',
    'SET user:1 {"name":"Bob"}',
    r"SET k 'C:\\'",
    r"ECHO 'a\'b' 'a\nb' '\x41' '\\'",
    r"ECHO \x41\n\"",
    "ECHO it's",
    'ECHO """"',
    "ECHO ''''",
    'ECHO ""a',
    'ECHO "a\\',
    "ECHO 'a\\",
    'ECHO "a"\u00a0b',
]


@pytest.mark.parametrize("line", INVALID)
def test_a_line_that_redis_cli_does_not_take_is_one_sentence(line):
    for read in (split_words, read_cell):
        with pytest.raises(CourseError, match=r"Invalid argument\(s\), the quotes in this line do not match") as caught:
            read(line)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("line", ["SET k a\0b", 'SET k "a\0b"', "SET k \ud800", "\0"])
def test_what_is_no_line_of_text_is_one_sentence(line):
    with pytest.raises(CourseError, match=r"holds (a NUL|half of a) character"):
        read_cell(line)


def words_of(cell: str) -> list[list[bytes]]:
    return [step.words for step in read_cell(cell) if isinstance(step, Command)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n\r\n", "\r\r\n", "  \n\t"])
def test_line_feeds_end_a_line(end):
    assert words_of(f"SET a 1{end}GET a{end}") == [[b"SET", b"a", b"1"], [b"GET", b"a"]]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\u00a0"])
@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_no_other_character_ends_a_line_or_a_word(character, quote):
    cell = f"SET a {quote}1{character}GET{quote}\nGET a"
    assert words_of(cell) == [[b"SET", b"a", f"1{character}GET".encode()], [b"GET", b"a"]]


@pytest.mark.parametrize(
    ("line", "words", "times"),
    [
        ("3 INCR n", [b"INCR", b"n"], 3),
        ("+2 INCR n", [b"INCR", b"n"], 2),
        ('" 2" INCR n', [b"INCR", b"n"], 2),
        ('"2\\x00a" INCR n', [b"INCR", b"n"], 2),
        ("2 2 INCR n", [b"2", b"INCR", b"n"], 2),
        ("1 5", [b"5"], 1),
        ("5", [b"5"], 1),
        ("5x INCR n", [b"5x", b"INCR", b"n"], 1),
        ("0x2 INCR n", [b"0x2", b"INCR", b"n"], 1),
        ("2.0 INCR n", [b"2.0", b"INCR", b"n"], 1),
        ("٣ INCR n", ["٣".encode(), b"INCR", b"n"], 1),
    ],
)
def test_a_number_in_front_repeats_as_in_redis_cli(line, words, times):
    (command,) = read_cell(line)
    assert isinstance(command, Command)
    assert (command.words, command.times) == (words, times)


@pytest.mark.parametrize("line", ["0 INCR n", "-1 INCR n", '"" INCR n', "'' \"\""])
def test_a_repeat_count_that_is_none_is_answered_as_redis_cli_does(line):
    assert read_cell(line) == [Remark("Invalid redis-cli repeat command option value.")]


@pytest.mark.parametrize("count", ["1001", "99999999999999999999", "9" * 5000])
def test_a_repeat_count_has_a_limit(count):
    with pytest.raises(CourseError, match="at most 1000 times"):
        read_cell(f"{count} INCR n")


@pytest.mark.parametrize(
    "prompt",
    [
        "127.0.0.1:6379> ",
        "127.0.0.1:6379>",
        "127.0.0.1:6379[3]> ",
        "127.0.0.1:6379(TX)> ",
        "127.0.0.1:6379[3](TX)> ",
        "localhost:6379> ",
        "my-redis.example.org:6380> ",
        "[::1]:6379> ",
        "redis 127.0.0.1:6379> ",
        "redis /tmp/redis.sock> ",
        "redis> ",
        "redis>",
        "valkey> ",
        "not connected> ",
        "> ",
        "  > ",
        ">\u00a0",
    ],
)
def test_a_prompt_is_taken_off(prompt):
    assert words_of(f"{prompt}GET x\n{prompt}\n{prompt}# comment\n{prompt}3 GET x") == [[b"GET", b"x"], [b"GET", b"x"]]


def test_a_sign_that_is_no_prompt_stays():
    line = "XREADGROUP GROUP g ann STREAMS s >"
    assert words_of(line) == [line.encode().split()]
    assert words_of("a> b") == [[b"a>", b"b"]]


PASTED = """\
redis> SET mykey "Hello"
"OK"
redis> HGETALL h
1) "field 1"
2) "Hello"
redis> INCR n
(integer) 1
redis> INCRBYFLOAT n 0.5
"1.5"
redis> GET none
(nil)
redis> LRANGE none 0 -1
(empty array)
redis> INCR mykey
(error) ERR value is not an integer or out of range
redis> TYPE mykey
string
redis> PING
PONG
redis> XRANGE s - +
1) 1) "1-1"
   2) 1) "f"
      2) "v"
redis> BLPOP l 1
(nil)
(1.05s)
redis> HGETALL h
1# "a" => "b"
redis> ZSCORE z a
(double) 2.5
"""


def test_replies_that_were_pasted_along_with_prompts_are_left_out():
    assert [words[0] for words in words_of(PASTED)] == (
        b"SET HGETALL INCR INCRBYFLOAT GET LRANGE INCR TYPE PING XRANGE BLPOP HGETALL ZSCORE".split()
    )


@pytest.mark.parametrize(
    "reply",
    ["(integer) 1", "(nil)", "OK", "QUEUED", "PONG", '1) "a"', "10) (nil)", "   2) 1) x", "(empty list or set)"],
)
def test_a_reply_is_left_out_without_prompts_too(reply):
    assert words_of(f"GET a\n{reply}\nGET b") == [[b"GET", b"a"], [b"GET", b"b"]]


@pytest.mark.parametrize("line", ["GET b", "redis_version:8.2.3", '"PING" x', "id=3 addr=127.0.0.1:6379"])
def test_among_prompts_a_line_that_may_be_a_command_is_never_dropped_in_silence(line):
    with pytest.raises(CourseError, match="has no prompt"):
        read_cell(f"redis> GET a\n{line}")


def test_without_prompts_a_line_in_quotes_is_a_command():
    assert words_of('"PING"\nstring\n5') == [[b"PING"], [b"string"], [b"5"]]


@pytest.mark.parametrize(
    "line",
    [
        "$ redis-cli GET x",
        "$ redis-cli",
        "redis-cli -n 3 GET x",
        "% valkey-cli GET x",
        "maria@laptop:~$ redis-cli GET x",
        "/usr/bin/redis-cli",
        "$ docker compose up",
    ],
)
def test_a_line_for_a_shell_is_explained(line):
    with pytest.raises(CourseError, match=r"This line is for a shell, not for Redis: .* without redis-cli\.$"):
        read_cell(f"GET a\n{line}")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("help", "https://redis.io/docs/latest/commands/"),
        ("HELP SET", "https://redis.io/docs/latest/commands/set/"),
        ("? client pause", "https://redis.io/docs/latest/commands/client-pause/"),
        ("help @sorted_set", "https://redis.io/docs/latest/commands/?group=sorted-set"),
        ('help "../x y"', "https://redis.io/docs/latest/commands/"),
        ("2 help GET", "https://redis.io/docs/latest/commands/get/"),
        ("clear", "clear empties a terminal"),
        (":set hints", ":set changes the settings of redis-cli"),
        ("restart", "Lua debugger"),
    ],
)
def test_what_redis_cli_answers_itself_is_a_remark_and_nothing_is_sent(line, part):
    (remark,) = read_cell(line)
    assert isinstance(remark, Remark)
    assert remark.text.startswith("# ")
    assert remark.text.removesuffix(".").endswith(part) or part in remark.text


@pytest.mark.parametrize("line", ["exit", "EXIT 1", "connect example.org 6379"])
def test_what_has_no_meaning_in_a_notebook_is_refused(line):
    with pytest.raises(CourseError, match=r"\.$"):
        read_cell(line)


def test_only_the_first_word_is_for_redis_cli():
    assert words_of("2 clear\nclear all\n2 :set x\nGET help") == [
        [b"clear"],
        [b"clear", b"all"],
        [b":set", b"x"],
        [b"GET", b"help"],
    ]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("SET k “a b”", "the typographic quote “"),
        ("SET k ‘a b’", "the typographic quote ‘"),
        ("SET «k» v", "the typographic quote «"),
        ("SET\u00a0k\u00a0v", "U+00A0 NO-BREAK SPACE"),
        ("\u00a0GET k", "U+00A0 NO-BREAK SPACE"),
        ("GET\u202fk", "U+202F NARROW NO-BREAK SPACE"),
        ("\ufeffGET k", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("GET\u200b k", "U+200B ZERO WIDTH SPACE"),
    ],
)
def test_what_a_web_page_changed_is_explained(line, part):
    with pytest.raises(CourseError) as caught:
        read_cell(line)
    assert part in str(caught.value)


def test_the_same_characters_in_quotes_are_data():
    assert words_of('SET k "“a\u00a0b”"') == [[b"SET", b"k", "“a\u00a0b”".encode()]]
    assert words_of("SET k l’été") == [[b"SET", b"k", "l’été".encode()]]
