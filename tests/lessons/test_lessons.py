"""Every lesson on a Redis that others use, the last one first, with all its exercises and its quiz answered.

nbmake runs it untouched, and `python -m tools.server_matrix` twice in one kernel.
"""

import copy
from pathlib import Path

import nbformat
import pytest
import redis
from nbclient import NotebookClient

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises import catalog
from redis_helpers.server import may
from tests.support import lookalikes

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9][0-9]_*[a-z].ipynb"), reverse=True)
LESSONS = [path for path in NOTEBOOKS if not path.stem.endswith(".walk")]


@pytest.fixture(scope="module")
def used_server():
    """A server on which others keep keys, with names much like the lessons' own."""
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as others:
        lookalikes.fill(others)
        yield server, others, lookalikes.contents(others)


def remove_leftovers(client, before) -> None:
    """After a lesson that failed half-way: so that the next lesson is judged by what it does itself."""
    for key in lookalikes.contents(client).keys() - before.keys():
        client.delete(key)


def answered(cells: list) -> list:
    """The cells with a solution in each answer cell, and the quiz answered."""
    cells = copy.deepcopy(cells)
    for cell in cells:
        if "exercise" in cell.metadata.get("tags", []):
            exercise = catalog.exercises()[cell.source.partition('check("')[2].partition('"')[0]]
            cell.source = exercise.answer_cell(exercise.solution)
        if cell.id == "quiz":
            lesson = cell.source.partition('quiz("')[2].partition('"')[0].partition(".")[0]
            answers = {name: catalog.questions()[name].answer for name in questions_of(lesson)}
            cell.source = "\n".join(f'quiz("{name}", "{letter}")' for name, letter in answers.items())
    return cells


def questions_of(lesson: str) -> list[str]:
    """The numbers of a lesson's quiz questions."""
    return [name for name in catalog.questions() if name.partition(".")[0] == lesson]


def printed(cells: list, tag_or_id: str) -> str:
    chosen = [cell for cell in cells if tag_or_id in cell.metadata.get("tags", []) or cell.id == tag_or_id]
    outputs = [output for cell in chosen for output in cell.outputs]
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_is_answered_among_the_keys_of_others(path, used_server, monkeypatch):
    server, others, before = used_server
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = answered(notebook.cells)

    monkeypatch.setenv("REDIS_URL", server.url)
    try:
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
        assert lookalikes.contents(others) == before
    finally:
        remove_leftovers(others, before)

    asked = [exercise for exercise in catalog.exercises().values() if exercise.lesson == str(int(path.name[:2]))]
    questions = questions_of(str(int(path.name[:2])))
    solved = printed(notebook.cells, "exercise")
    assert asked
    skipped = [exercise.id for exercise in asked if exercise.needs and not may(others, exercise.needs[0])]
    assert solved.count("✅") == len(asked) - len(skipped)
    assert [line.split()[1] for line in solved.splitlines() if line.startswith("⏭")] == skipped
    assert printed(notebook.cells, "quiz").count("is right") == len(questions) >= 3


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
