"""The map of one screen."""

import json

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
    assert [line for line in lines if line in TRACKS] == list(TRACKS)
    assert all(any(name in line for line in lines) for name in notebooks().values())


def test_what_is_done_and_what_comes_next(drawn):
    lines = drawn({"passed": {**UP_TO_03, "4.1": "2026-11-20", "12.1": "2026-11-20"}, "answered": {"1.1": "x"}})
    assert (
        lines[0]
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
        ({"passed": {"1.1": "2026-11-20", "1.2": "2026-11-20"}}, "Review: 2 due, five at a time. Run review()"),
        ({"passed": {}}, 'Plan:   when do you go on? plan("on Friday, at 20:00") writes it down'),
        (
            {"passed": {}, "plan": {"text": "on Friday", "day": "2026-11-26"}},
            "Plan:   on Friday   (written on 2026-11-26)",
        ),
        ({"passed": {}, "plan": "on Friday"}, 'Plan:   when do you go on? plan("on Friday, at 20:00") writes it down'),
        ({"passed": {}, "plan": {"text": 3}}, 'Plan:   when do you go on? plan("on Friday, at 20:00") writes it down'),
    ],
)
def test_a_line_for_each_question(content, line, drawn):
    assert line in drawn(content)


def test_what_is_left_out_is_not_what_comes_next(drawn):
    before = dict.fromkeys([name for name, exercise in exercises().items() if int(exercise.lesson) < 9], "2026-11-20")
    lines = drawn({"passed": before, "left_out": {"9.1": "2026-11-20"}})
    assert "  ⏳ 09_small_hashes          –○○○     quiz 0 of 4" in lines
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
        assert capsys.readouterr().out.startswith("⏳ Write the day and the hour in place of the dots")
        assert not progress_file.progress_path().exists()
