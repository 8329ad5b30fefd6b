"""Gathers what Sphinx reads in a folder of the build: docs/, pictures/, the lessons' pages, the generated indices."""

import fnmatch
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import nbformat

from redis_helpers.course.start.environment import ROOT
from tools.site import command_index, failure_index
from tools.site.lesson_page import page_of, pictures_behind_predictions
from tools.site.links import Site, anchors_of, rewritten

DOCS = ROOT / "docs"
PICTURE = re.compile(r"(?m)^!\[[^\]]*\]\((?P<address>[^)]+)\)$")
TABLE = re.compile(r"(?m)^(?P<head>```\{toctree\}\n(?::.+\n)*\n)(?P<entries>(?:[^`\n].*\n)+)```\n")


def indices(notebooks: list[Path]) -> dict[str, str]:
    """The pages that are made from the lessons: the path that each would have in the repository, and its Markdown."""
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
    documents = [str(Path(site.places[file]).with_suffix("")) for file in (*texts, *lessons)]
    spoilers = {picture for lesson in lessons.values() for picture in pictures_behind_predictions(lesson.cells)}
    for file, text in texts.items():
        page = with_folded_pictures(with_what_is_there(rewritten(text, file, site), documents), spoilers)
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


def with_what_is_there(text: str, documents: Iterable[str]) -> str:
    """A page whose tables of contents name only what is on the site, which may be a site of some lessons only."""
    there = list(documents)

    def kept(table: re.Match[str]) -> str:
        lines = [line for line in table["entries"].splitlines(True) if fnmatch.filter(there, line.strip())]
        return "".join([table["head"], *lines, "```\n"]) if lines else ""

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
