"""What becomes of an executed lesson: which outputs are folded, which are left out, what its head says."""

import nbformat
import pytest

from redis_helpers.course.exercises import catalog
from tests.tools.site.conftest import answer, code, text
from tools.site import lesson_page
from tools.site.links import Site

TITLE = """# 12 Rate limits

Why it matters.

**Before:** [11](11.ipynb). **Time:** 25 minutes of reading, 17 of exercises. **Server:** Redis 6.2 or newer. (X.)"""


def page_of(*cells, name="12_rate_limits.ipynb", repository=None):
    notebook = nbformat.v4.new_notebook(cells=[text(TITLE, "title"), *cells])
    file = f"notebooks/{name}"
    return lesson_page.page_of(notebook, file, Site({file: f"lessons/{name}"}, repository=repository)).cells[1:]


def with_output(cell, **data):
    cell.outputs = [nbformat.v4.new_output("display_data", {"text/plain": "shown", **data})]
    return cell


def folded(cells):
    return [cell.id for cell in cells if "hide-output" in cell.metadata.get("tags", [])]


def test_every_cell_between_a_question_and_its_answer_is_folded():
    cells = [
        code("0", "before"),
        text("(a) · (b)", "ask", "predict"),
        code("1", "prepare"),
        code("2", "show"),
        text(answer("**(a).**"), "answer"),
        code("3", "after"),
        text("**Your turn.**", "turn"),
        code("4", "own"),
        text(answer("so"), "turn-answer"),
    ]
    assert folded(page_of(*cells)) == ["prepare", "show"]


def test_an_answer_to_another_question_folds_nothing_more():
    cells = [text("(a)", "ask", "predict"), code("1", "run"), text("so it goes", "note"), code("2", "more")]
    assert folded(page_of(*cells)) == ["run", "more"]  # no answer yet: the question is still open


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ('check("12.1", f)\n# hint("12.1")', 0),
        ('hint("12.1")', 0),
        ('quiz("12.1", "a")', 0),
        ('quiz("12.1")', 1),
        ("review()", 0),
        ('# check("12.1", f)', 1),
        ("recheck(1)", 1),
    ],
)
def test_what_is_said_of_the_learners_own_work_is_left_out(source, shown):
    (cell,) = page_of(with_output(code(source, "cell")))
    assert len(cell.outputs) == shown


def test_a_plot_has_its_own_description():
    (cell,) = page_of(with_output(code("draw()", "plot"), **{"image/png": "", "text/plain": "Plot. A title."}))
    assert cell.metadata["mystnb"] == {"image": {"alt": "Plot. A title."}}


def test_a_cell_that_holds_a_solution_is_folded_whole():
    exercise = catalog.exercises()["12.1"]
    (cell,) = page_of(code(f"{exercise.solution}\n\nprint('used')", "later"))
    assert "hide-cell" in cell.metadata["tags"]
    assert "12.1" in cell.metadata["mystnb"]["code_prompt_show"]
    (cell,) = page_of(code(exercise.solution, "elsewhere"), name="13_four_limiters.ipynb")
    assert "tags" not in cell.metadata or "hide-cell" not in cell.metadata["tags"]


def test_the_head_says_time_server_and_how_to_run_it():
    head, rest = lesson_page.with_head(TITLE, Site({})).split("\n:::\n")
    assert head.splitlines()[0] == "# 12 Rate limits"
    assert "**Time:** 25 minutes of reading, 17 of exercises." in head
    assert "**Server:** Redis 6.2 or newer. (X.)" in head
    assert "`python3 -m redis_helpers lab`" in head
    assert "Codespaces" not in head
    assert rest.split() == "Why it matters. **Before:** [11](11.ipynb).".split()


def test_codespaces_are_named_where_the_repository_is_known():
    head = lesson_page.with_head(TITLE, Site({}, repository="https://github.com/somebody/course"))
    assert "[in Codespaces](https://codespaces.new/somebody/course)" in head


def test_every_lesson_has_a_head(notebooks):
    for path in notebooks:
        title = nbformat.read(path, as_version=4).cells[0].source
        assert "lesson-head" in lesson_page.with_head(title, Site({})), path.name


def test_the_pictures_behind_predictions_are_known():
    cells = [text("(a)", "ask", "predict"), code("1", "draw", "figure:bars"), text(answer("x"), "answer")]
    cells.append(code("2", "open", "figure:lines"))
    assert lesson_page.pictures_behind_predictions(cells) == {"pictures/bars.png"}
