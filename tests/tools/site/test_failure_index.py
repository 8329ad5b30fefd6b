"""The index of failures: every failure is shown once, and mended, or said to have no mend."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from redis_helpers.course.start.environment import ROOT
from tools.site.failure_index import build, failures, problems
from tools.site.lesson_sections import taught

NOTEBOOKS = [path for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")) if not path.match("*.walk.ipynb")]
PARTS = ("breaks", "mends", "bounds")
FEW = {"00": 2}  # a lesson that teaches how things work, more than how they break


@pytest.fixture(scope="module")
def page():
    return build(NOTEBOOKS)


def test_every_failure_is_shown_once_and_mended_or_said_to_have_no_mend():
    assert list(problems(NOTEBOOKS)) == []


def test_no_mark_stands_where_the_index_does_not_see_it():
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        marked = {cell.id for cell in cells if set(PARTS) & set(cell.metadata)}
        assert marked <= {cell.id for cell, _ in taught(path)}, path.name


def test_every_lesson_shows_failures():
    shown = [failure.breaks[0].number for failure in failures(NOTEBOOKS).values()]
    for path in NOTEBOOKS:
        number = path.name[:2]
        assert shown.count(number) >= FEW.get(number, 3), path.name


def test_names_are_plain_sentences():
    names = list(failures(NOTEBOOKS))
    assert len(names) == len({name.lower() for name in names})
    for name in names:
        assert re.fullmatch(r"[A-Z][^|…;]*[^.|…;]", name), name
        assert 3 <= len(name.split()) <= 14, name


def test_every_link_leads_to_a_heading_of_a_lesson(page):
    anchors = {path.name: {place.anchor for _, place in taught(path)} for path in NOTEBOOKS}
    links = re.findall(r"\]\(lessons/([^#)]+)#([^)]+)\)", page)
    assert len(links) == page.count("](") > len(failures(NOTEBOOKS))
    assert [link for link in links if link[1] not in anchors[link[0]]] == []


def test_a_row_says_where_it_breaks_and_where_it_is_mended(page):
    row = next(
        line for line in page.splitlines() if line.startswith("| An old price comes back, stored by a late reader |")
    )
    assert re.findall(r"lessons/(\d\d)", row) == ["07", "31"]
    without = next(line for line in page.splitlines() if line.startswith("| A failover loses acknowledged orders |"))
    assert "no mend; what limits it: [41 " in without
    near = next(line for line in page.splitlines() if line.startswith("| A reply in bytes equals no text |"))
    assert near.endswith("| the same section |")


def lesson(folder, number, **marks):
    cells = [new_markdown_cell(f"# {number} Small", id="title"), new_markdown_cell("## A section", id="idea")]
    cells += [new_code_cell("1", id=cell_id, metadata=metadata) for cell_id, metadata in marks.items()]
    path = folder / f"{number}_small.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_a_sound_pair_has_no_problem(tmp_path):
    shown = lesson(tmp_path, "01", one={"breaks": ["It leaks"]})
    mended = lesson(tmp_path, "02", one={"mends": ["It leaks"]})
    assert list(problems([shown, mended])) == []


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        ({"one": {"breaks": ["It leaks"]}}, {}, "must be mended, or be said to have no mend"),
        ({"one": {"mends": ["It leaks"]}}, {}, "is shown 0 times"),
        ({"one": {"breaks": ["It leaks"], "mends": ["It leaks"]}}, {"one": {"breaks": ["It leaks"]}}, "shown 2 times"),
        ({"one": {"mends": ["It leaks"]}}, {"one": {"breaks": ["It leaks"]}}, "is mended in 01, before 02 shows it"),
        ({"one": {"breaks": ["It leaks"], "mends": ["It leaks"], "bounds": ["It leaks"]}}, {}, "and not both"),
    ],
)
def test_a_mark_that_is_wrong_is_told(tmp_path, first, second, problem):
    told = list(problems([lesson(tmp_path, "01", **first), lesson(tmp_path, "02", **second)]))
    assert [sentence for sentence in told if problem in sentence]
