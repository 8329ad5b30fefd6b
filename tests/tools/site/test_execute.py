"""Lessons are run once, and a copy that is kept is used again only while nothing has changed."""

import nbformat
import pytest

from redis_helpers.errors import CourseError
from tools.site import execute


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "01_small.ipynb"
    cell = nbformat.v4.new_code_cell("print(6 * 7)", id="answer")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


@pytest.fixture
def runs(monkeypatch):
    """The lessons that are run: what a kernel would do is not asked here."""
    seen = []

    def run(path):
        seen.append(path.name)
        return nbformat.read(path, as_version=4)

    monkeypatch.setattr(execute, "run", run)
    return seen


def test_a_copy_is_used_again_while_the_notebook_is_the_same(lesson, runs, tmp_path):
    kept = tmp_path / "kept"
    assert execute.execute([lesson], kept, reuse=True) == [kept / lesson.name]
    execute.execute([lesson], kept, reuse=True)
    assert runs == [lesson.name]
    lesson.write_text(lesson.read_text().replace("6 * 7", "6 * 8"))
    execute.execute([lesson], kept, reuse=True)
    assert runs == [lesson.name] * 2


def test_a_copy_is_not_used_again_when_the_package_changes(lesson, runs, tmp_path, monkeypatch):
    execute.execute([lesson], tmp_path / "kept", reuse=True)
    (tmp_path / "redis_helpers").mkdir()
    (tmp_path / "redis_helpers" / "new.py").touch()
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    execute.execute([lesson], tmp_path / "kept", reuse=True)
    assert len(runs) == 2


def test_a_lesson_runs_anew_unless_that_is_not_wanted(lesson, runs, tmp_path):
    for _ in range(2):
        execute.execute([lesson], tmp_path / "kept", reuse=False)
    assert len(runs) == 2


def test_a_run_that_failed_leaves_no_copy_to_use(lesson, runs, tmp_path, monkeypatch):
    execute.execute([lesson], tmp_path / "kept", reuse=True)
    lesson.write_text(lesson.read_text().replace("6 * 7", "1 / 0"))

    def fail(path):
        raise CourseError("it failed")

    monkeypatch.setattr(execute, "run", fail)
    for _ in range(2):
        with pytest.raises(CourseError, match="it failed"):
            execute.execute([lesson], tmp_path / "kept", reuse=True)


def test_a_lesson_that_fails_is_named(lesson):
    lesson.write_text(lesson.read_text().replace("print(6 * 7)", "1 / 0"))
    with pytest.raises(CourseError, match=r"01_small.ipynb failed \(ZeroDivisionError: division by zero\)"):
        execute.run(lesson)
