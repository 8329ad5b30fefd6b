"""The index of commands: complete, with no command that Redis does not know, and with links that lead somewhere."""

import ast
import dataclasses
import re

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from redis_helpers.course.exercises import catalog
from redis_helpers.course.start.environment import ROOT
from tools.site import command_index
from tools.site.command_index import documented, named_in_code, named_in_text, practised
from tools.site.lesson_sections import anchor_of, taught
from tools.site.sent_by_redis_py import words_of

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*[a-z].ipynb"))
NOTEBOOKS = [path for path in NOTEBOOKS if not path.match("*.walk.ipynb")]
pytestmark = pytest.mark.xdist_group("command index")  # the page is made once


@pytest.fixture(scope="module")
def known():
    return documented()


@pytest.fixture(scope="module")
def page():
    return command_index.build(NOTEBOOKS)


def commands_of(page):
    return re.findall(r"(?m)^\| `([^`]+)` \|", page)


def test_every_command_that_a_lesson_sends_is_in_the_index(page, known):
    """Found here in another way: by the first word of a line, by a client's method, by a script's call."""
    sent = set()
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown" or cell.id in ("connect", "cleanup"):
                continue
            source = re.sub(r"\A%%needs .*\n", "", cell.source)
            if source.startswith("%%redis"):
                sent |= {line.split()[0].upper() for line in source.splitlines()[1:] if line.strip()}
            sent |= {name.upper() for name in re.findall(r"\b(?:redis_conn|pipe|client)\.([a-z]+)\(", source)}
            sent |= set(re.findall(r"redis\.p?call\(\s*['\"](\w+)", source))
    by_first_word = {name.partition(" ")[0] for name in commands_of(page)}
    wanted = {name for name in sent if name in known.groups}
    assert len(wanted) > 70
    assert sorted(wanted - by_first_word) == []


def test_no_command_is_invented_and_each_is_there_once(page, known):
    names = commands_of(page)
    assert len(names) == len(set(names)) > 100
    for name in names:
        command = name if name in known.groups else name.rpartition(" ")[0]
        assert command in known.groups, name
        assert name == command or name.rpartition(" ")[2] in known.options[command], name


def test_every_link_leads_to_a_heading_of_a_lesson(page):
    anchors = {path.name: {place.anchor for _, place in taught(path)} for path in NOTEBOOKS}
    links = re.findall(r"\]\(lessons/([^#)]+)#([^)]+)\)", page)
    assert len(links) == page.count("](") > 300
    assert [link for link in links if link[1] not in anchors[link[0]]] == []


@pytest.mark.parametrize(
    ("command", "lesson"),
    [
        ("PING", "00"),
        ("SET NX", "01"),
        ("INCR", "01"),
        ("SCAN", "04"),
        ("KEYS", "04"),
        ("WATCH", "05"),
        ("EVAL", "06"),
        ("ZADD GT", "17"),
        ("ZRANGE REV", "17"),
        ("XAUTOCLAIM", "15"),
        ("WAIT", "34"),
    ],
)
def test_where_a_command_is_introduced(page, command, lesson):
    introduced = re.search(rf"(?m)^\| `{command}` \| \[(\d\d) ", page)
    assert introduced[1] == lesson


@pytest.mark.parametrize(("shown", "found"), [({"INCRBY"}, ["INCRBY"]), ({"GET"}, []), (set(), [])])
def test_an_exercise_stands_only_where_its_command_is_no_secret(known, shown, found):
    """Its section has shown the command, or its question or stub names it. Otherwise the page would give it away."""
    stub = "def count(redis_conn, key):\n    ..."
    exercise = dataclasses.replace(catalog.exercises()["1.4"], question="Count.", stub=stub)
    assert "INCRBY" in named_in_code(exercise.solution, known)
    assert practised(exercise, shown, known) == found
    told = dataclasses.replace(exercise, question="Count with `INCRBY`.")
    assert practised(told, shown, known) == ["INCRBY"]


def test_every_exercise_named_has_its_title_and_not_too_many_are_named(page):
    exercises = catalog.exercises()
    listed = re.findall(r"\[(\d+\.\d+)\]\(lessons/\S+\) ([^|;]+?)(?: \||;)", page)
    assert len(listed) > 100
    for number, title in listed:
        assert exercises[number].title == title
    row = next(line for line in page.splitlines() if line.startswith("| `GET` |"))
    assert len(re.findall(r"\[\d+\.\d+\]", row)) == command_index.MOST_EXERCISES
    assert re.search(r"; and \d\d more \|$", row)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("redis_conn.set(key, price, ex=ttl, nx=True)", ["SET", "1", "1", "NX", "EX", "1"]),
        ("redis_conn.delete(key)", ["DEL", "1"]),
        ("redis_conn.memory_usage(key)", ["MEMORY USAGE", "1"]),
        ("client.xreadgroup(group, name, {stream: '>'}, block=wait)", None),
        ("redis_conn.scan_iter('x*')", ["SCAN", "0", "MATCH", "x*"]),
        ("shop.close()", []),
    ],
)
def test_redis_py_says_what_a_call_sends(call, words):
    sent = words_of(ast.parse(call).body[0].value)
    if words is None:
        assert (sent[0], "BLOCK" in sent) == ("XREADGROUP", True)
    else:
        assert sent == words


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("%%redis\nZADD board GT 5 ann", {"ZADD", "ZADD GT"}),
        ("%%redis\nxgroup create jobs workers 0 MKSTREAM", {"XGROUP CREATE", "XGROUP CREATE MKSTREAM"}),
        ("%%needs HEXPIRE\nredis_conn.hexpire(key, 60, 'uva')", {"HEXPIRE"}),
        ("script = \"return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', 10)\"", {"SET", "SET NX", "SET PX"}),
        ("redis_conn.incr(key)", {"INCR"}),
        ("redis_conn.zrange(key, 0, -1, desc=True)", {"ZRANGE"}),
        ("with redis_conn.pipeline() as pipe:\n    pipe.get(key)", {"MULTI", "EXEC", "GET"}),
        ("with redis_conn.pipeline(transaction=False) as pipe:\n    pipe.get(key)", {"GET"}),
        ("names = {}\nnames.get('uva')\nshown = []\nshown.append(1)\ndatabase.save('uva', 1)", set()),
        ("second.set(key, 1)\nsecond.get(key)", {"SET", "GET"}),
    ],
)
def test_what_a_code_cell_names(known, source, names):
    assert set(named_in_code(source, known)) == names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("`SET key value NX` stores it, and `GET` reads.", {"SET", "SET NX", "GET"}),
        ("`redis_conn.set(key, 1, xx=True)`", {"SET", "SET XX"}),
        ("A script finds the names in `KEYS`.", set()),
        ("`SELECT COUNT(*) FROM orders` is slow. `NOTE` is no command, and GET here is no code.", set()),
        ("```mermaid\nA --> `GET`\n```", set()),
    ],
)
def test_what_a_text_names(known, source, names):
    assert set(named_in_text(source, known)) == names


def test_an_anchor_is_the_heading_as_github_and_myst_write_it():
    assert anchor_of("`SCAN`, page by page: what's left?") == "scan-page-by-page-whats-left"


def test_two_sections_of_one_name_have_two_anchors(tmp_path):
    cells = [
        new_markdown_cell(text, id=f"cell-{place}") for place, text in enumerate(["# 01 Small", "## Once", "## Once"])
    ]
    path = tmp_path / "01_small.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    assert [place.anchor for _, place in taught(path)] == ["once", "once-1"]
