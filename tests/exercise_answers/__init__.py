"""Answers to the exercises: right ones that are built otherwise than the solution, and the mistakes that learners make.

Each wrong answer names a part of the sentence that its check must answer with.
"""

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Callable

RIGHT: dict[str, list[Callable]] = defaultdict(list)
WRONG: dict[str, list[tuple[Callable, str]]] = defaultdict(list)


def right(exercise_id: str) -> Callable:
    """Marks a function as a right answer."""

    def mark(function: Callable) -> Callable:
        RIGHT[exercise_id].append(function)
        return function

    return mark


def wrong(exercise_id: str, because: str) -> Callable:
    """Marks a function as a wrong answer; `because` is in the sentence that the learner must get."""

    def mark(function: Callable) -> Callable:
        WRONG[exercise_id].append((function, because))
        return function

    return mark


for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
