"""ruff and mypy are content with the code, and the notebooks in git hold no outputs."""

import subprocess
import sys

import nbformat
import pytest

from redis_helpers.course.start.environment import ROOT


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff(command):
    ruff = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True)
    assert ruff.returncode == 0, ruff.stdout + ruff.stderr


def test_mypy():
    """The types hold, in all that pyproject.toml names."""
    mypy = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert mypy.returncode == 0, mypy.stdout + mypy.stderr


def test_no_stored_outputs(notebooks):
    """In what git would commit: the working copy of somebody who learns here does hold outputs."""
    for path in notebooks:
        notebook = nbformat.reads(_in_git(path), as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                stored = cell.outputs or cell.execution_count
                assert not stored, f"cell {cell.id} of {path.name} has outputs: run `nbstripout {path.name}`"


def _in_git(path):
    name = path.relative_to(ROOT).as_posix()
    git = subprocess.run(["git", "show", f":{name}"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    return git.stdout if git.returncode == 0 else path.read_text(encoding="utf-8")  # not in git yet, or no git at all
