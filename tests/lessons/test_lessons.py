"""Every exercise stands in its lesson as it is declared.

nbmake runs the lessons untouched. `python -m tools.server_matrix` runs them answered, among the keys of others.
"""

from pathlib import Path

import nbformat

from redis_helpers.course.exercises import catalog

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9][0-9]_*[a-z].ipynb"))
LESSONS = [path for path in NOTEBOOKS if not path.stem.endswith(".walk")]


def test_every_exercise_is_asked_in_its_lesson():
    """The notebook shows the question and the stub as they are declared."""
    for path in LESSONS:
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells)
        for exercise in catalog.exercises().values():
            if int(exercise.lesson) != int(path.name[:2]):
                continue
            assert exercise.question_cell() in text
            assert exercise.answer_cell() in [cell.source for cell in cells]
