"""A `.env` file, read as Docker Compose reads it. The expected values are what Compose 2 makes of the same lines."""

import re

import pytest

from redis_helpers.connection import connect_options
from redis_helpers.env_file import read_env_file
from redis_helpers.errors import CourseError

OUR_VARIABLES = re.compile("REDIS_")


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads lines as a `.env` file; the environment holds SHELL_WORD and BOTH, and EMPTY with nothing in it."""
    monkeypatch.setenv("SHELL_WORD", "from the shell")
    monkeypatch.setenv("BOTH", "from the shell")
    monkeypatch.setenv("EMPTY", "")
    for name in ("UNSET", "word"):
        monkeypatch.delenv(name, raising=False)

    def read(text, **options):
        path = tmp_path / "a.env"
        path.write_text(text, encoding=options.get("encoding", "utf-8"))
        return read_env_file(str(path), OUR_VARIABLES)

    return read


@pytest.mark.parametrize(
    ("written", "value"),
    [
        # a dollar
        ("pa$$word", "pa$word"),
        ("$$", "$"),
        ("$$$$", "$$"),
        ("pa$", "pa$"),
        ("$1", "$1"),
        ("a$-b", "a$-b"),
        ("a$ b", "a$ b"),
        ("'pa$word'", "pa$word"),
        ("'pa$$word'", "pa$$word"),
        ("'${UNSET}'", "${UNSET}"),
        ('"pa$$word"', "pa$word"),
        (r'"pa\$word"', "pa$word"),
        (r"pa\$$word", r"pa\$word"),
        # a reference
        ("$EARLIER", "from above"),
        ("${EARLIER}", "from above"),
        ('"<$EARLIER>"', "<from above>"),
        ("<$EARLIER.x>", "<from above.x>"),
        ("$SHELL_WORD", "from the shell"),
        ("$BOTH", "from the shell"),
        ("x$EMPTY", "x"),
        ("$$EARLIER", "$EARLIER"),
        ("$$$EARLIER", "$from above"),
        # a reference with more than a name
        ("${EARLIER:-other}", "from above"),
        ("${UNSET:-other}", "other"),
        ("${UNSET-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY-other}", ""),
        ("${EARLIER:+other}", "other"),
        ("${EMPTY:+other}", ""),
        ("${EMPTY+other}", "other"),
        ("${UNSET+other}", ""),
        ("${EARLIER:?why}", "from above"),
        ("${EMPTY?why}", ""),
        ("${UNSET:-}", ""),
        ("${UNSET:-$EARLIER}!", "from above!"),
        ("${UNSET:-${UNSET:-{deep}}}!", "{deep}!"),
        ("${UNSET:-a:-b}", "a:-b"),
        # quotes, comments, blanks
        ("box # a comment", "box"),
        ("box#no comment", "box#no comment"),
        ('"a # b\'c"', "a # b'c"),
        ("'a # b\"c' # a comment", 'a # b"c'),
        ("a b", "a b"),
        (" x ", "x"),
        ('" x "', " x "),
        ('a"b', 'a"b'),
        ("'it\\'s'", "it's"),
        (r'"say \"x\""', 'say "x"'),
        (r"'a\\b'", r"a\\b"),
        (r'"a\\b"', r"a\b"),
        (r'"a\tb\nc"', "a\tb\nc"),
        (r'"\x41"', r"\x41"),
        (r'"\0101"', "A"),
        ("'a\nb'", "a\nb"),
        ("# what", "# what"),
        ("", ""),
    ],
)
def test_a_value_is_what_compose_reads(read, written, value):
    text = f"EARLIER='from above'\nBOTH=from above\nREDIS_PASSWORD={written}\nexport LAST=one\n"
    variables = read(text)
    assert variables["REDIS_PASSWORD"] == value
    assert variables["LAST"] == "one"


@pytest.mark.parametrize(
    "written",
    ["hush$word", '"hush$word"', "${UNSET}hush", "${UNSET:?hush}", "${EMPTY:?hush}", "${hush hush}", "${hush", "${}"],
)
def test_a_dollar_that_compose_would_replace_by_nothing_is_refused_without_the_value(read, tmp_path, written):
    with pytest.raises(CourseError, match=r"^Line 2 of \S+a\.env .*write \$\$ for a dollar") as caught:
        read(f"OTHER=1\nREDIS_PASSWORD={written}\n")
    assert "hush" not in str(caught.value) + repr(caught.value.__context__)
    assert read(f"OTHER={written}\nREDIS_HOST=box\n")["REDIS_HOST"] == "box"  # somebody else's line harms nobody


def test_the_last_of_two_lines_counts_and_refers_to_the_first(read):
    assert read("REDIS_DB=1\nREDIS_DB=${REDIS_DB}2\n") == {"REDIS_DB": "12"}


def test_a_byte_order_mark_and_a_name_alone_are_understood(read):
    assert read("REDIS_HOST=box\nREDIS_DB\n", encoding="utf-8-sig") == {"REDIS_HOST": "box", "REDIS_DB": ""}


def test_a_url_may_be_put_together_from_lines_above(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("WORD='a$b'\nREDIS_URL=redis://:${WORD}@${BOX:-box}:7000\n")
    monkeypatch.chdir(tmp_path)
    assert (connect_options().password, connect_options().host) == ("a$b", "box")
