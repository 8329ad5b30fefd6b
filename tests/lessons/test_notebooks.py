"""The lessons are found in the tree and run by nbmake. Here: that none of them, and no cell of them, is left out."""

import re
import subprocess
import sys

import nbformat

from redis_helpers.course.start.environment import ROOT


def test_no_lesson_hides_a_failure(notebooks):
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        assert "execution" not in notebook.metadata, f"{path.name} changes how it is run"
        for cell in notebook.cells:
            banned = {"raises-exception", "skip-execution"} & set(cell.metadata.get("tags", []))
            assert not banned, f"cell {cell.id} of {path.name} is tagged {banned}"


def test_a_whole_run_includes_every_notebook(notebooks):
    assert notebooks
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "notebooks"]
    collected = subprocess.run(collect, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [path.name for path in notebooks if f"{path.name}::" not in collected] == []


def test_the_map_in_the_readme_has_every_lesson_with_its_own_minutes(notebooks):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"(?m)^\| \[[^\]]+\]\(notebooks/(\S+)\) \|.*\| ([^|]+) \|$", readme))
    assert list(rows) == [path.name for path in notebooks]
    for path in notebooks:
        title = nbformat.read(path, as_version=4).cells[0].source
        minutes = re.search(r"\*\*Time:\*\* (\d+) minutes of reading, (\d+) of exercises", title)
        assert minutes and rows[path.name] == " + ".join(minutes.groups()), path.name
