"""Exercises and questions are found by themselves, in the order of the lessons."""

import subprocess
import sys
from pathlib import Path

from redis_helpers.course import lessons as lessons_package
from redis_helpers.course.exercises.catalog import exercises, lessons, predictions, questions


def test_every_lesson_module_is_found_and_only_those():
    files = sorted(Path(lessons_package.__file__).parent.glob("lesson_*.py"))
    assert [module.__file__ for module in lessons().values()] == [str(file) for file in files]
    assert list(lessons()) == [str(int(file.stem.removeprefix("lesson_"))) for file in files]


def test_exercises_are_numbered_within_their_lesson():
    for number, lesson in lessons().items():
        assert [exercise.id for exercise in lesson.EXERCISES] == [
            f"{number}.{place}" for place in range(1, len(lesson.EXERCISES) + 1)
        ]
    assert list(exercises()) == [exercise.id for lesson in lessons().values() for exercise in lesson.EXERCISES]
    assert all(exercise.id == number for number, exercise in exercises().items())


def test_a_questions_number_is_its_place_in_its_lesson():
    assert list(questions()) == [
        f"{number}.{place}" for number, lesson in lessons().items() for place in range(1, len(lesson.QUIZ) + 1)
    ]
    assert questions()["1.3"] is lessons()["1"].QUIZ[2]


def test_a_predictions_number_is_its_place_among_those_of_its_lesson():
    assert predictions()["1.3"] is lessons()["1"].PREDICTIONS[2]
    assert len(predictions()) == sum(len(getattr(lesson, "PREDICTIONS", ())) for lesson in lessons().values())


def test_no_two_exercises_ask_for_a_function_of_one_name():
    names = [exercise.function_name for exercise in exercises().values()]
    assert len(set(names)) == len(names)


def test_reading_the_catalog_asks_no_server():
    code = "from redis_helpers.course.exercises import catalog; print(len(catalog.exercises()))"
    environment = {"REDIS_URL": "redis://127.0.0.1:1/0"}
    counted = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert counted.stdout == f"{len(exercises())}\n", counted.stderr
