"""A lesson as a learner leaves it: every exercise solved, every quiz question answered."""

import copy
from pathlib import Path

from nbformat import NotebookNode

from redis_helpers.course.exercises import catalog

AGAIN = "-again"  # at the end of an answered cell's id: the untouched one may stand in the same notebook


def answered(cells: list[NotebookNode]) -> list[NotebookNode]:
    """A copy of the cells, with a solution in each answer cell, the right letters in the quiz, and ids of its own."""
    cells = copy.deepcopy(cells)
    for cell in cells:
        if "exercise" in cell.metadata.get("tags", []):
            exercise = catalog.exercises()[_first_argument(cell.source, "check")]
            cell.source = exercise.answer_cell(exercise.solution)
        if cell.id == "quiz":
            lesson = _first_argument(cell.source, "quiz").partition(".")[0]
            answers = {name: catalog.questions()[name].answer for name in questions_of(lesson)}
            cell.source = "\n".join(f'quiz("{name}", "{letter}")' for name, letter in answers.items())
        cell.id += AGAIN
    return cells


def not_passed(path: Path, cells: list[NotebookNode]) -> str:
    """What did not pass in the cells of this answered lesson that was run: "exercise 3.1", "the quiz", or ""."""
    lesson = str(int(path.name[:2]))
    solved = _printed([cell for cell in cells if "exercise" in cell.metadata.get("tags", [])])
    for exercise in catalog.exercises().values():
        if exercise.lesson == lesson and not any(line.startswith(f"✅ {exercise.id}") for line in solved):
            return f"exercise {exercise.id}"
    right = sum("is right" in line for line in _printed([cell for cell in cells if cell.id == f"quiz{AGAIN}"]))
    return "" if right == len(questions_of(lesson)) else "the quiz"


def questions_of(lesson: str) -> list[str]:
    """The numbers of a lesson's quiz questions."""
    return [name for name in catalog.questions() if name.partition(".")[0] == lesson]


def _first_argument(source: str, function: str) -> str:
    """`3.1` of a cell with `check("3.1", …)`."""
    return source.partition(f'{function}("')[2].partition('"')[0]


def _printed(cells: list[NotebookNode]) -> list[str]:
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return [line for text in texts for line in text.splitlines()]
