"""Gathers what Sphinx reads in a folder of the build: docs/, pictures/, the lessons' pages, the generated indices."""

import fnmatch
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import nbformat

from redis_helpers.course.start.environment import ROOT
from tools.site.lesson_page import page_of, pictures_behind_predictions
from tools.site.links import Site, anchors_of, rewritten

DOCS = ROOT / "docs"
PICTURE = re.compile(r"(?m)^!\[[^\]]*\]\((?P<address>[^)]+)\)$")
TABLE = re.compile(r"(?ms)^```\{toctree\}\n.*?^```\n")


def indices(notebooks: list[Path]) -> dict[str, str]:
    """The pages that are made from the lessons: the path that each would have in the repository, and its Markdown."""
    from tools.site import command_index, failure_index

    return {
        "docs/commands.md": command_index.build(notebooks),
        "docs/failures.md": failure_index.build(notebooks),
    }


def write_source(
    folder: Path, docs: Path, executed: Iterable[Path], generated: dict[str, str], repository: str | None
) -> None:
    """Fills the folder anew: what is in `docs`, the pictures, a page for each executed lesson, the generated pages."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(docs, folder)
    shutil.copytree(ROOT / "pictures", folder / "pictures")
    lessons = {f"notebooks/{path.name}": nbformat.read(path, as_version=4) for path in executed}
    texts = {f"docs/{path.name}": path.read_text(encoding="utf-8") for path in docs.glob("*.md")} | generated
    site = site_of(lessons, texts, repository)
    spoilers = {picture for lesson in lessons.values() for picture in pictures_behind_predictions(lesson.cells)}
    for file, text in texts.items():
        page = with_folded_pictures(without_empty_tracks(rewritten(text, file, site), lessons), spoilers)
        (folder / site.places[file]).write_text(page, encoding="utf-8")
    (folder / "lessons").mkdir()
    for file, lesson in lessons.items():
        nbformat.write(page_of(lesson, file, site), folder / site.places[file])


def with_folded_pictures(text: str, spoilers: Iterable[str]) -> str:
    """A page on which each of these pictures is folded: it settles a prediction of its lesson."""
    wanted = set(spoilers)

    def folded(picture: re.Match[str]) -> str:
        if picture["address"] not in wanted:
            return picture[0]
        return f"<details><summary>The plot that answers it</summary>\n\n{picture[0]}\n\n</details>"

    return PICTURE.sub(folded, text)


def without_empty_tracks(text: str, lessons: Iterable[str]) -> str:
    """A page without the tables of contents that would list no lesson, because only other lessons were wanted."""

    def kept(table: re.Match[str]) -> str:
        patterns = re.findall(r"(?m)^lessons/(.+)$", table[0])
        there = [Path(file).stem for file in lessons]
        wanted = [pattern for pattern in patterns if fnmatch.filter(there, pattern)]
        if patterns and not wanted:
            return ""
        empty = {f"lessons/{pattern}" for pattern in patterns if pattern not in wanted}
        return "".join(line for line in table[0].splitlines(True) if line.strip() not in empty)

    return TABLE.sub(kept, text)


def site_of(lessons: dict[str, nbformat.NotebookNode], texts: dict[str, str], repository: str | None) -> Site:
    """Where each file of the repository is on the site, and the anchors of its headings."""
    places = {"README.md": "index.md"} | {file: Path(file).name for file in texts}
    places |= {f"pictures/{path.name}": f"pictures/{path.name}" for path in (ROOT / "pictures").iterdir()}
    headings = {places[file]: anchors_of(text) for file, text in texts.items()}
    for file, lesson in lessons.items():
        place = f"lessons/{Path(file).name}"
        # An index that is made for the site names the place there.
        places[file] = places[f"docs/{place}"] = place
        text = "\n\n".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown")
        headings[place] = anchors_of(text)
    return Site(places, headings, repository)
