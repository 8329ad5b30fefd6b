"""Reads the built pages as text, without a browser: nothing spoils a prediction, and nothing comes from elsewhere.

What is folded is what stands inside a closed <details>. Each function gives one sentence for each thing that is wrong.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from bs4 import BeautifulSoup, Tag

from redis_helpers.course.start.environment import ROOT
from tools.site.lesson_page import NEEDS_YOU, START, behind_predictions, on_one_line, solutions_of

ANSWER = "<details><summary>Answer</summary>"
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "srcset", "object": "data"}


def problems_of(site: Path, notebooks: list[Path]) -> list[str]:
    """Everything that is wrong with the pages of a site; `notebooks` are all lessons, as they are in the repository."""
    found = [sentence for page in pages(site) for sentence in of_any_page(site, page)]
    for notebook in notebooks:
        page = site / "lessons" / f"{notebook.stem}.html"
        if page.exists():
            found += of_a_lesson(page, nbformat.read(notebook, as_version=4))
    return found + list(of_the_search_index(site))


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def soup_of(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def without_folds(soup: BeautifulSoup) -> BeautifulSoup:
    """A copy with what is seen before anything is opened: of each fold, the line to click on."""
    seen = BeautifulSoup(str(soup), "html.parser")
    for fold in seen.find_all("details"):
        for inside in fold.find_all(recursive=False):
            if inside.name != "summary":
                inside.decompose()
    return seen


def of_any_page(site: Path, page: Path) -> Iterator[str]:
    """No address of this machine, nothing that is loaded from elsewhere, no picture without words."""
    name, soup = page.relative_to(site).as_posix(), soup_of(page)
    if str(ROOT) in str(soup):
        yield f"{name}: names a folder of the machine that built it, {ROOT}"
    for tag, attribute in LOADED.items():
        for element in soup.find_all(tag):
            address = str(element.get(attribute, ""))
            if re.match(r"(\w+:)?//", address):
                yield f"{name}: loads {address}"
    for image in soup.find_all("img"):
        if not str(image.get("alt", "")).strip():
            yield f"{name}: the picture {image.get('src')} has no alternative text"
    for fold in soup.find_all("details", open=True):
        yield f"{name}: '{fold.get_text(' ', strip=True)[:40]}' is not folded"


def of_a_lesson(page: Path, lesson: nbformat.NotebookNode) -> Iterator[str]:
    """Outputs behind predictions are folded, so are all answers, and no solution is there."""
    name, soup = f"lessons/{page.name}", soup_of(page)
    head = soup.find(class_="lesson-head")
    said = on_one_line(head.get_text()) if isinstance(head, Tag) else ""
    for wanted in ("Time:", "Server:", START):
        if wanted not in said:
            yield f"{name}: its head does not say '{wanted}'"
    code = [cell for cell in lesson.cells if cell.cell_type == "code"]
    shown = soup.select("div.cell")
    if len(shown) != len(code):
        yield f"{name}: shows {len(shown)} code cells of {len(code)}"
        return
    of_a_cell = dict(zip([cell.id for cell in code], shown, strict=True))
    for cell in behind_predictions(lesson.cells):
        for output in of_a_cell[cell.id].select(".cell_output"):
            if output.find_parent("details") is None:
                yield f"{name}: the output of {cell.id}, which settles a prediction, is seen before it is opened"
    for cell in code:
        if NEEDS_YOU.search(cell.source) and of_a_cell[cell.id].select(".cell_output"):
            yield f"{name}: {cell.id} shows what is said of the learner's own work"
    answers = sum(cell.source.count(ANSWER) for cell in lesson.cells if cell.cell_type == "markdown")
    folded = [fold for fold in soup.find_all("details") if fold.summary and fold.summary.get_text() == "Answer"]
    if len(folded) != answers:
        yield f"{name}: {len(folded)} answers are folded, of {answers}"
    yield from _repeated(name, soup)
    yield from _solutions(name, soup)


def _repeated(name: str, soup: BeautifulSoup) -> Iterator[str]:
    """What a folded picture shows must not be said, or shown, outside the fold."""
    seen = str(without_folds(soup))
    for fold in soup.find_all("details"):
        for image in fold.find_all("img"):
            for attribute in ("alt", "src"):
                if str(image[attribute]) in seen:
                    yield f"{name}: a folded picture's {attribute} is also outside its fold: {image[attribute]}"


def _solutions(name: str, soup: BeautifulSoup) -> Iterator[str]:
    text = on_one_line(without_folds(soup).get_text())
    for number, solution in solutions_of(name).items():
        if solution in text:
            yield f"{name}: shows the solution of exercise {number} before it is opened"


def of_the_search_index(site: Path) -> Iterator[str]:
    """What search finds on a page can be seen there before anything is opened."""
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    for place, document in enumerate(index["docnames"]):
        words = words_of(without_folds(soup_of(site / f"{document}.html")))
        for kind in ("terms", "titleterms"):
            there = {word for word, places in index[kind].items() if place in _listed(places)}
            for word in sorted(word for word in there if word.lower() not in words):
                yield f"{document}.html: search finds '{word}', which is not seen there before something is opened"


def _listed(places: int | list[int]) -> list[int]:
    return places if isinstance(places, list) else [places]


def words_of(soup: BeautifulSoup) -> set[str]:
    """Every word of the page's text and of its source, as it is and as Sphinx shortens it for its index."""
    words = re.findall(r"\w+", f"{soup.get_text('')} {soup}".lower())
    return set(words) | {_stem(word) for word in words}


@cache
def _stem(word: str) -> str:
    return _language().stem(word).lower()


@cache
def _language() -> Any:
    from sphinx.search.en import SearchEnglish

    return SearchEnglish({})
