"""All exercises, quizzes and predictions, found by themselves.

Each module `lesson_NN` gives its EXERCISES and its QUIZ, and its PREDICTIONS if some of them can be made again.
"""

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from redis_helpers.course import lessons as lessons_package
from redis_helpers.course.exercises.model import Exercise, Prediction, Question


@cache
def lessons() -> dict[str, ModuleType]:
    """The modules by lesson: {"0": lesson_00, "1": lesson_01, …}."""
    names = sorted(module.name for module in pkgutil.iter_modules(lessons_package.__path__))
    found = [name for name in names if name.startswith("lesson_")]
    modules = [importlib.import_module(f"{lessons_package.__name__}.{name}") for name in found]
    return {str(int(name.removeprefix("lesson_"))): module for name, module in zip(found, modules, strict=True)}


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


def predictions() -> dict[str, Prediction]:
    """Every prediction that `review` can ask by its id: "1.3" is the third of lesson 01."""
    return {
        f"{number}.{place}": prediction
        for number, lesson in lessons().items()
        for place, prediction in enumerate(getattr(lesson, "PREDICTIONS", ()), 1)
    }
