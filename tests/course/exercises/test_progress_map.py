"""The map of one screen."""

import json
import re

import pytest

from redis_helpers.course.exercises import plan, progress, progress_file
from redis_helpers.course.exercises.catalog import exercises
from redis_helpers.course.exercises.course_map import TRACKS, notebooks

UP_TO_03 = {exercise.id: "2026-11-20" for exercise in exercises().values() if int(exercise.lesson) <= 3}
LINES, COLUMNS = 40, 100


@pytest.fixture
def drawn(capsys):
    """Writes a progress file, and gives the lines of the map."""

    def draw(content):
        progress_file.progress_path().write_text(json.dumps(content))
        progress()
        return capsys.readouterr().out.splitlines()

    return draw


@pytest.mark.parametrize(
    "content",
    [
        {"passed": {}},
        {"passed": UP_TO_03},
        {
            "passed": dict.fromkeys(exercises(), "2026-11-20"),
            "review": {"Q1.1": {"box": 7, "due": "2999-12-31"}},
            "plan": {"text": "x" * 60, "day": "2026-11-20"},
        },
    ],
    ids=["nothing", "some", "everything"],
)
def test_it_fits_on_one_screen(content, drawn):
    lines = drawn(content)
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS
    assert [line.partition(":")[0] for line in lines if line.partition(":")[0] in TRACKS] == list(TRACKS)
    assert [line.partition(":")[0] for line in lines[:3]] == ["Next", "Review", "Plan"]


def test_what_is_not_begun_is_short(drawn):
    lines = drawn({"passed": {}})
    assert lines[-5:-1] == [
        "First steps: 00 to 09 not begun",
        "Common cases: 10 to 20 not begun",
        "In production: 30 to 34 not begun",
        "Many machines: 40 to 41 not begun",
    ]
    lines = drawn({"passed": {**UP_TO_03, "5.1": "x"}})
    assert "  04 and 06 to 09 not begun" in lines
    assert not any("04_keys" in line for line in lines[6:]) and any("05_all_or_nothing" in line for line in lines)


def test_every_lesson_that_is_begun_has_a_line(drawn):
    lines = drawn({"passed": dict.fromkeys(exercises(), "2026-11-20")})
    assert [line.split()[1] for line in lines if re.search(r" quiz \d of", line)] == list(notebooks().values())
    assert not any("not begun" in line for line in lines)


def test_a_file_that_is_not_there_is_not_named(capsys):
    for wanted in ((), ("1",)):
        progress(*wanted)
        assert capsys.readouterr().out.endswith("\nNothing is written down yet.\n")


def test_one_lesson_has_its_quiz_too(capsys, drawn):
    drawn({"passed": {"0.1": "x"}, "answered": {"0.2": "x"}})
    progress("0")
    text = capsys.readouterr().out
    assert "Lesson 00: 1 of 3 passed\n  ✅ 0.1 " in text
    assert "Quiz: 1 of 4 right\n  ⏳ Q0.1 · ✅ Q0.2 · ⏳ Q0.3 · ⏳ Q0.4\n" in text


def test_what_is_done_and_what_comes_next(drawn):
    lines = drawn({"passed": {**UP_TO_03, "4.1": "2026-11-20", "12.1": "2026-11-20"}, "answered": {"1.1": "x"}})
    assert (
        lines[4]
        == f"{len(UP_TO_03) + 2} of {len(exercises())} exercises passed, 4 of {len(notebooks())} lessons finished"
    )
    assert "  ✅ 01_basics                ●●●●●●   quiz 1 of 4" in lines
    assert "  ⏳ 04_keys_and_round_trips  ●○○○○    quiz 0 of 5" in lines
    second = exercises()["4.2"]
    assert f'Next:   check("4.2", {second.function_name})   in 04_keys_and_round_trips' in lines


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"passed": {}}, "Next:   open 00_start_here"),
        ({"passed": UP_TO_03}, "Next:   open 04_keys_and_round_trips"),
        ({"passed": dict.fromkeys(exercises(), "x")}, "Next:   nothing is left. review() keeps it fresh"),
        ({"passed": {}}, "Review: begins on the day after your first ✅"),
        ({"passed": {"1.1": "2026-11-20", "1.2": "2026-11-20"}}, "Review: 2 questions are due. Run review()"),
        ({"passed": {}}, 'Plan:   when do you go on? Lesson 00 writes it down with plan("on Friday, at 20:00")'),
        (
            {"passed": {}, "plan": {"text": "on Friday", "day": "2026-11-26"}},
            "Plan:   on Friday   (written on 2026-11-26)",
        ),
        (
            {"passed": {}, "plan": "on Friday"},
            'Plan:   when do you go on? Lesson 00 writes it down with plan("on Friday, at 20:00")',
        ),
        (
            {"passed": {}, "plan": {"text": 3}},
            'Plan:   when do you go on? Lesson 00 writes it down with plan("on Friday, at 20:00")',
        ),
    ],
)
def test_a_line_for_each_question(content, line, drawn):
    assert line in drawn(content)


def test_what_is_left_out_is_not_what_comes_next(drawn):
    before = dict.fromkeys([name for name, exercise in exercises().items() if int(exercise.lesson) < 9], "2026-11-20")
    lines = drawn({"passed": before, "left_out": {"9.1": "2026-11-20"}})
    assert "  ⏳ 09_small_hashes          –○○○     quiz 0 of 4" in lines
    assert "– an exercise that was left out: your Redis cannot do what it needs" in lines
    assert any('check("9.2"' in line for line in lines)


def test_the_path_of_the_home_folder_is_not_on_it(drawn):
    assert str(progress_file.progress_path().parent) not in "\n".join(drawn({"passed": {}}))


class TestPlan:
    def test_it_is_kept_and_shown(self, capsys, drawn):
        plan("on  Friday,\nat 20:00")
        assert capsys.readouterr().out == "Written down: on Friday, at 20:00. progress() shows it.\n"
        progress()
        assert "Plan:   on Friday, at 20:00   (written on 20" in capsys.readouterr().out

    @pytest.mark.parametrize("when", ["on ..., at ...", "", "   ", None, 3, ["on Friday"]])
    def test_dots_are_no_plan(self, when, capsys):
        plan(when)
        how = "in place of the dots" if when == "on ..., at ..." else "as a text, in quotes"
        assert capsys.readouterr().out.startswith(f"⏳ Write the day and the hour {how}, for example ")
        assert not progress_file.progress_path().exists()
