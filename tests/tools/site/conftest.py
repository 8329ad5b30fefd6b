"""One site for all tests, of a real lesson and of one in which words are planted that must not be seen."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from redis_helpers.course.start.environment import ROOT
from tests.support.site_parts import NOT_RUN, site_to_be_had
from tools.site import browser
from tools.site.build import Plan, build_site

STREAMS = "15_job_streams.ipynb"  # the lesson in which XAUTOCLAIM is taught
PLANTED = "49_planted.ipynb"
# In what a reader must not see before opening it: an output, the cell that prepares it, a plot, two answers.
FOLDED_WORDS = ("zebraprinted", "zebraprepared", "zebraplotted", "zebraanswered", "zebraturned")


def text(source, name, *tags):
    return nbformat.v4.new_markdown_cell(source, id=name, metadata={"tags": list(tags)})


def code(source, name, *tags):
    return nbformat.v4.new_code_cell(source, id=name, metadata={"tags": list(tags)})


def answer(words):
    return f"<details><summary>Answer</summary>\n\n{words}\n</details>"


def reverse(word):
    """Code that makes the word, so that the word itself is in the output only."""
    return f"{word[::-1]!r}[::-1]"


def planted_lesson():
    printed, prepared, plotted, answered, turned = FOLDED_WORDS
    diagram = '```mermaid\nflowchart LR\n    A["one box"] -- "goes" --> B["another"]\n```'
    plot = f"from redis_helpers.course.plots import plot_bars\n\nprint({reverse(printed)})\n"
    return [
        text(
            "# 49 Planted\n\nWhy it matters.\n\n**Before:** [14 Job lists](14_job_lists.ipynb), "
            "[15 Job streams](15_job_streams.ipynb). **Time:** 2 minutes of reading, 1 of exercises. "
            "**Server:** Redis 6.2 or newer.",
            "title",
        ),
        code("from redis_helpers.course.exercises import quiz\n\nprint('ready')", "connect"),
        text(f"## A diagram\n\n{diagram}", "diagram"),
        text("**Predict before you run.** What is drawn?\n\n(a) one · (b) two", "ask", "predict"),
        code(f"print({reverse(prepared)})", "prepare"),
        code(f"{plot}picture = plot_bars({{'one': 1}}, {reverse(plotted)}, 'µs')", "draw", "figure:planted"),
        text(answer(f"**(b).** {answered}."), "answer"),
        code("picture = plot_bars({'first': 1, 'second': 2}, 'An open plot', 'µs')", "open-plot"),
        text("**Your turn.** Try it.", "turn"),
        text(answer(turned), "turn-answer"),
        code("import pandas\n\npandas.DataFrame({'price': [312]}, index=['banana'])", "table"),
        code('quiz("0.1", "a")', "quiz-answer"),
        text("**Back:** [15 Job streams](15_job_streams.ipynb)", "next"),
    ]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The site: `plan`, `folder`, and the `notebooks` that it is made of."""
    if not site_to_be_had():
        pytest.skip(NOT_RUN)
    top = tmp_path_factory.mktemp("site")
    notebooks = top / "notebooks"
    notebooks.mkdir()
    shutil.copy(ROOT / "notebooks" / STREAMS, notebooks)
    lesson = nbformat.read(notebooks / STREAMS, as_version=4)
    lesson.cells = planted_lesson()
    nbformat.write(lesson, notebooks / PLANTED)
    docs = top / "docs"
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("*.md"))
    shutil.copy(ROOT / "docs" / "index.md", docs)
    plan = Plan(
        repository="https://github.com/somebody/course",
        notebooks=notebooks,
        docs=docs,
        indices=lambda paths: {"docs/commands.md": "# Index\n\n[XADD](lessons/15_job_streams.ipynb#a-log)"},
        work=top / "work",
        target=top / "site",
    )
    build_site(plan)
    return SimpleNamespace(plan=plan, folder=plan.target, notebooks=plan.lessons())


@pytest.fixture
def broken(built, tmp_path):
    """A copy of the site, to break."""
    return Path(shutil.copytree(built.folder, tmp_path / "broken"))


@pytest.fixture(scope="module")
def open_chromium():
    """Closed before tests of other modules run: Playwright's event loop would be in their way."""
    if not site_to_be_had():
        pytest.skip(NOT_RUN)
    with browser.opened_browser() as opened:
        yield opened


@pytest.fixture
def reader_of(open_chromium):
    """Opens a browser's window of its own on a site, from the file system or from an address."""
    readers = []

    def open_reader(folder, address=None):
        reader = browser.Reader(open_chromium, address or f"{folder.as_uri()}/")
        readers.append(reader)
        return reader

    yield open_reader
    for reader in readers:
        reader.close()
