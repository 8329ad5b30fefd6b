"""Where a cell of a lesson stands: the lesson, the section, and the address of that section on the site."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

BEFORE_THE_SECTIONS = ("title", "connect", "recall")  # cells that announce or repeat, and introduce nothing
AFTER_THE_SECTIONS = ("remember", "quiz", "next", "cleanup")


@dataclass(frozen=True)
class Place:
    """A section of a lesson. `anchor` is the last part of its address, as MyST and GitHub make it of the heading."""

    lesson: str  # the notebook's name, such as 12_rate_limits.ipynb
    title: str  # the lesson's title, such as 12 Rate limits
    section: str
    anchor: str

    @property
    def number(self) -> str:
        """ "12" for the lesson 12_rate_limits."""
        return self.lesson[:2]

    def link(self) -> str:
        """A Markdown link to the section, from the top of the site."""
        return f"[{self.title}: {self.section}]({self.address()})"

    def address(self) -> str:
        return f"lessons/{self.lesson}#{self.anchor}"


def taught(path: Path) -> Iterator[tuple[nbformat.NotebookNode, Place]]:
    """Every cell that stands in a section of a lesson, with its place.

    What announces the lesson, repeats earlier ones, or ends this one is left out.
    """
    cells = nbformat.read(path, as_version=4).cells
    title = re.match(r"# (.+)", cells[0].source)
    assert title is not None, f"{path.name} has no title"
    place = None
    used: list[str] = []
    for cell in cells:
        for heading in headings(cell):
            anchor = unused(anchor_of(heading), used)
            used.append(anchor)
            place = Place(path.name, plain(title[1]), plain(heading), anchor)
        if place and cell.id not in BEFORE_THE_SECTIONS + AFTER_THE_SECTIONS:
            yield cell, place


def headings(cell: nbformat.NotebookNode) -> list[str]:
    """The titles of sections in a text cell."""
    if cell.cell_type != "markdown" or cell.id in BEFORE_THE_SECTIONS:
        return []
    without_code = re.sub(r"(?ms)^```.*?^```", "", cell.source)
    return [title.strip() for title in re.findall(r"(?m)^#{2,6} (.+)$", without_code)]


def plain(heading: str) -> str:
    """The heading without signs that a link's text cannot hold."""
    return heading.replace("[", "").replace("]", "")


def anchor_of(heading: str) -> str:
    """For example `what-a-restart-brings-back`."""
    text = re.sub(r"[*`]", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text.replace(" ", "-"))


def unused(anchor: str, used: list[str]) -> str:
    """The anchor, with a number where a heading above has the same."""
    number, name = 0, anchor
    while name in used:
        number += 1
        name = f"{anchor}-{number}"
    return name
