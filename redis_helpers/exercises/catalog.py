"""All exercises and quizzes, found by themselves: each module `lesson_NN` gives its EXERCISES and its QUIZ."""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from redis_helpers.exercises.model import Exercise, Question


@cache
def lessons() -> dict[str, object]:
    """The modules by lesson: {"0": lesson_00, "1": lesson_01, …}."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    found = [name for name in names if name.startswith("lesson_")]
    return {str(int(name.removeprefix("lesson_"))): importlib.import_module(f"{__package__}.{name}") for name in found}


def exercises() -> dict[str, Exercise]:
    """Every exercise by its id, in the order of the lessons."""
    return {exercise.id: exercise for lesson in lessons().values() for exercise in lesson.EXERCISES}


def questions() -> dict[str, Question]:
    """Every quiz question by its id: "1.3" is the third of lesson 01."""
    return {
        f"{number}.{place}": question
        for number, lesson in lessons().items()
        for place, question in enumerate(lesson.QUIZ, 1)
    }
