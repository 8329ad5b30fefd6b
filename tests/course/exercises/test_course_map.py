"""Which lessons are finished, and which one comes next."""

import pytest

from redis_helpers.course.exercises.catalog import exercises, lessons
from redis_helpers.course.exercises.course_map import finished, first_open, listed, notebooks

DAY = "2026-11-26"
UP_TO_03 = [exercise.id for exercise in exercises().values() if int(exercise.lesson) <= 3]


def passed(*ids, **more):
    return {"passed": dict.fromkeys(ids, DAY), **more}


def test_the_map_has_every_notebook_in_its_order(notebooks):
    from redis_helpers.course.exercises import course_map

    assert [path.stem for path in notebooks] == list(course_map.notebooks().values())
    assert list(course_map.notebooks()) == list(lessons())


def test_all_passed_is_finished():
    assert finished(passed(*UP_TO_03)) == ["0", "1", "2", "3"]
    assert first_open(passed(*UP_TO_03)) == "4"


def test_nothing_and_everything():
    assert finished(passed()) == []
    assert first_open(passed()) == "0"
    assert finished(passed(*exercises())) == list(notebooks())
    assert first_open(passed(*exercises())) is None


def test_one_left_aside_by_who_went_on():
    """An exercise that was skipped three weeks ago must not open its lesson for ever."""
    without = [name for name in UP_TO_03 if name != "1.6"]
    assert first_open(passed(*without)) == "4"


def test_the_last_lesson_that_was_begun_stays_open():
    without = [name for name in UP_TO_03 if name != "3.2"]
    assert first_open(passed(*without)) == "3"


def test_less_than_half_is_not_finished_by_going_on():
    assert first_open(passed("0.1", "0.2", "0.3", "1.1", *[name for name in UP_TO_03 if name[0] == "2"])) == "1"


def test_who_jumps_ahead_is_led_back():
    ahead = [exercise.id for exercise in exercises().values() if exercise.lesson == "12"]
    assert finished(passed(*UP_TO_03, *ahead)) == ["0", "1", "2", "3", "12"]
    assert first_open(passed(*UP_TO_03, *ahead)) == "4"


def test_what_the_server_cannot_do_is_not_waited_for():
    before = [exercise.id for exercise in exercises().values() if int(exercise.lesson) < 10]
    able = [name for name in before if exercises()[name].needs is None]
    assert 0 < len(able) < len(before)
    assert first_open(passed(*able)) == "9"
    left_out = [name for name in before if name not in able]
    assert first_open(passed(*able, left_out=dict.fromkeys(left_out, DAY))) == "10"


@pytest.mark.parametrize("entry", [None, 3, {"day": DAY}, "yesterday"])
def test_entries_of_another_form_count(entry):
    assert finished({"passed": {"0.1": entry, "0.2": entry, "0.3": entry}, "left_out": ["odd"]}) == ["0"]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([], ""),
        (["4"], "04"),
        (["0", "1", "2", "3"], "00 to 03"),
        (["12", "0", "1"], "00 to 01 and 12"),
        (["0", "5", "6", "7", "12"], "00, 05 to 07 and 12"),
        (["20", "30", "31", "33"], "20 to 33"),
    ],
)
def test_lessons_in_a_few_words(numbers, words):
    assert listed(numbers) == words
