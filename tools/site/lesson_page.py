"""Makes a page of the site of an executed lesson. Reading the site must spoil nothing.

Behind a prediction is every code cell between the question (tagged `predict`) and its answer, the next text that is
folded: mostly one cell, sometimes two, of which the first prepares and the second shows. The outputs of all of them are
folded, and the code stays to be read, as in the notebook. What stands below the answer is for readers who have opened
it, as in the notebook, and is shown.

Left out are the outputs of cells in which the learner's own work is tried: `check` would say of each that nothing is
written yet, and `quiz` with a letter tells what is right. What `hint` and `solution` show is not in an executed lesson,
as the lines that call them are comments. Where the lesson itself goes on with what an exercise asked for, and its cell
holds the whole solution, that cell is folded, code and outputs.
"""

import copy
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat

from redis_helpers.course.exercises import catalog
from tools.site import flowchart
from tools.site.links import Site, rewritten

NEEDS_YOU = re.compile(r"""(?m)^(check|hint|solution|review)\(|^quiz\(.*,""")
TIME = re.compile(r"\*\*Time:\*\* (?P<time>.+?)\.\s+\*\*Server:\*\* (?P<server>.+?)(?P<rest>\n\n.*)?\Z", re.DOTALL)
START = "python3 -m redis_helpers lab"
NOTEBOOK_ONLY = (
    "In the notebook you write code yourself: "
    "cells with `check`, `hint`, `solution`, `quiz` or `review` work there, and not on this page."
)
FOLDED_OUTPUT, FOLDED_CELL = "hide-output", "hide-cell"  # what myst-nb calls them
FIRST_LINE = re.compile(r"\A(# .+)\n")


def page_of(executed: nbformat.NotebookNode, file: str, site: Site) -> nbformat.NotebookNode:
    """The page of a lesson: `file` is the notebook's path in the repository."""
    page = copy.deepcopy(executed)
    page.cells[0].source = with_head(page.cells[0].source, site)
    for cell in behind_predictions(page.cells):
        _tag(cell, FOLDED_OUTPUT)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = flowchart.drawn(rewritten(cell.source, file, site))
        else:
            _prepare_outputs(cell)
            _fold_a_solution(cell, solutions_of(file))
    return page


def solutions_of(file: str) -> dict[str, str]:
    """The code that solves each exercise of a lesson, on one line, by the exercise's number."""
    lesson = str(int(Path(file).name[:2]))
    return {one.id: on_one_line(one.solution) for one in catalog.exercises().values() if one.lesson == lesson}


def on_one_line(code: str) -> str:
    return " ".join(code.split())


def with_head(title: str, site: Site) -> str:
    """The first cell, with a box below its title: time, server, how to run it."""
    found = TIME.search(title)
    if found is None:
        return title
    rest = title[: found.start()].rstrip() + (found["rest"] or "")
    run = f"**Run it:** `{START}`, in the course's folder"
    if site.repository:
        owner_and_name = site.repository.removeprefix("https://github.com/")
        run += f", or [in Codespaces](https://codespaces.new/{owner_and_name}), in your browser"
    lines = [
        ":::{container} lesson-head",
        f"**Time:** {found['time']}.",
        "",
        f"**Server:** {found['server']}",
        "",
        f"{run}. {NOTEBOOK_ONLY}",
        ":::",
    ]
    return FIRST_LINE.sub(lambda line: line[0] + "\n" + "\n".join(lines) + "\n", rest, count=1)


def behind_predictions(cells: list[nbformat.NotebookNode]) -> Iterator[nbformat.NotebookNode]:
    """The code cells between each prediction and its folded answer."""
    open_question = False
    for cell in cells:
        if "predict" in cell.metadata.get("tags", []):
            open_question = True
        elif cell.cell_type == "markdown" and "<details>" in cell.source:
            open_question = False
        elif cell.cell_type == "code" and open_question:
            yield cell


def pictures_behind_predictions(cells: list[nbformat.NotebookNode]) -> set[str]:
    """The pictures (`pictures/NAME.png`) that cells behind a prediction draw: those are tagged `figure:NAME`."""
    tags = {tag for cell in behind_predictions(cells) for tag in cell.metadata.get("tags", [])}
    return {f"pictures/{tag.removeprefix('figure:')}.png" for tag in tags if tag.startswith("figure:")}


def _prepare_outputs(cell: nbformat.NotebookNode) -> None:
    if NEEDS_YOU.search(cell.source):
        cell.outputs = []
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            _set_option(cell, "image", {"alt": data["text/plain"]})


def _fold_a_solution(cell: nbformat.NotebookNode, solutions: dict[str, str]) -> None:
    code = on_one_line(cell.source)
    for number, solution in solutions.items():
        if solution in code:
            _tag(cell, FOLDED_CELL)
            _set_option(cell, "code_prompt_show", f"Show the cell: it answers exercise {number}")
            _set_option(cell, "code_prompt_hide", f"Hide the cell: it answers exercise {number}")


def _tag(cell: nbformat.NotebookNode, tag: str) -> None:
    cell.metadata["tags"] = [*cell.metadata.get("tags", []), tag]


def _set_option(cell: nbformat.NotebookNode, name: str, value: object) -> None:
    """An option of myst-nb for this cell."""
    cell.metadata.setdefault("mystnb", {})[name] = value
