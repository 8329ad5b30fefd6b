"""The index of failures: `build(notebooks)` gives the page, made of marks in the notebooks.

A lesson breaks something, and mends it there or in a later lesson. The cells that do so say it in their metadata:

    "breaks": ["A counter never ends"]      the cell that shows the failure
    "mends": ["A counter never ends"]       the cell that shows what helps, or proves it, or asks for it
    "bounds": ["A counter never ends"]      nothing mends it: the cell that says so, and what limits the harm

`problems(notebooks)` says what is wrong with the marks.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.site.lesson_sections import Place, taught

TRACKS = {"0": "First steps", "1": "Common cases", "2": "Common cases", "3": "In production", "4": "Many machines"}
HEAD = """# Index of failures

This page says where a failure is shown, and where it is mended. It tells what the lessons let you find out: so take the
lesson first, and come back when you have met the failure in a program of yours.
"""
TABLE_HEAD = ["| What goes wrong | Where you see it | What helps |", "|---|---|---|"]


@dataclass
class Failure:
    """One failure, and the sections that show it, mend it, or say what limits its harm."""

    breaks: list[Place] = field(default_factory=list)
    mends: list[Place] = field(default_factory=list)
    bounds: list[Place] = field(default_factory=list)


def failures(notebooks: list[Path]) -> dict[str, Failure]:
    """Every failure by its name, in the order of the lessons."""
    found: dict[str, Failure] = defaultdict(Failure)
    for path in sorted(notebooks):
        for cell, place in taught(path):
            for part in ("breaks", "mends", "bounds"):
                for name in cell.metadata.get(part, []):
                    getattr(found[name], part).append(place)
    return dict(found)


def problems(notebooks: list[Path]) -> Iterator[str]:
    """A sentence for each failure that is not shown once, or that is neither mended nor said to have no mend."""
    for name, failure in failures(notebooks).items():
        if len(failure.breaks) != 1:
            yield f"'{name}' is shown {len(failure.breaks)} times, and not once"
        if bool(failure.mends) == bool(failure.bounds):
            yield f"'{name}' must be mended, or be said to have no mend, and not both"
        for place in failure.breaks:
            too_early = [helps.number for helps in failure.mends + failure.bounds if helps.number < place.number]
            if too_early:
                yield f"'{name}' is mended in {too_early[0]}, before {place.number} shows it"


def build(notebooks: list[Path]) -> str:
    """Returns the page in Markdown. Its links lead to `lessons/NAME.ipynb#section`, from the top of the site."""
    rows: dict[str, list[str]] = defaultdict(list)
    for name, failure in failures(notebooks).items():
        rows[TRACKS[failure.breaks[0].number[0]]].append(_row(name, failure))
    blocks = [HEAD]
    for track in dict.fromkeys(TRACKS.values()):
        if rows[track]:
            blocks.append("\n".join([f"## {track}", "", *TABLE_HEAD, *rows[track], ""]))
    return "\n".join(blocks)


def _row(name: str, failure: Failure) -> str:
    (shown,) = failure.breaks
    helps = "; ".join(dict.fromkeys(place.link() for place in failure.mends if place != shown)) or "the same section"
    if failure.bounds:
        helps = "no mend; what limits it: " + "; ".join(dict.fromkeys(place.link() for place in failure.bounds))
    return f"| {name} | {shown.link()} | {helps} |"
