"""Builds the site from lessons: runs them, gathers the source, and calls Sphinx, for which a warning is an error."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError
from tools.site.execute import execute
from tools.site.mending import mend
from tools.site.source import DOCS, indices, write_source

NOTEBOOKS = ROOT / "notebooks"
WORK = ROOT / "build" / "site"  # executed copies, what Sphinx reads, and what it remembers
SITE = ROOT / "site"
ONLY_FOR_SPHINX = (".buildinfo", "objects.inv", "reports", "_sources")


@dataclass
class Plan:
    """What to build, from what, and where."""

    numbers: Sequence[str] = ()  # "12": only these lessons; all of them when there are none
    run: bool = True  # False: pages show no outputs
    reuse: bool = False  # an executed copy that is kept is good as long as nothing has changed
    repository: str | None = None  # https://github.com/owner/name
    notebooks: Path = NOTEBOOKS
    docs: Path = DOCS
    indices: Callable[[list[Path]], dict[str, str]] = indices  # pages that are made from the notebooks
    work: Path = WORK
    target: Path = SITE

    def lessons(self) -> list[Path]:
        """Every lesson there is."""
        return [path for path in sorted(self.notebooks.glob("[0-9]*.ipynb")) if not path.match("*.walk.ipynb")]

    def chosen(self) -> list[Path]:
        """The lessons that become pages. Raises CourseError when a number is that of no lesson."""
        by_number = {path.name[:2]: path for path in self.lessons()}
        unknown = [number for number in self.numbers if number not in by_number]
        if unknown:
            raise CourseError(f"There is no lesson {', '.join(unknown)}; there are {', '.join(by_number)}.")
        return [path for number, path in by_number.items() if not self.numbers or number in self.numbers]


def build_site(plan: Plan) -> None:
    """Writes the site, as HTML, into the plan's target. Raises CourseError when a lesson fails or Sphinx warns."""
    prepare(plan, plan.run)
    built = plan.work / "html"
    call_sphinx(plan, "html", built)
    mend(built)
    shutil.rmtree(plan.target, ignore_errors=True)  # no page of a lesson that is gone
    shutil.copytree(built, plan.target, ignore=shutil.ignore_patterns(*ONLY_FOR_SPHINX))


def write_catalogues(plan: Plan, folder: Path) -> None:
    """Writes a catalogue for translators (.pot) for each page. Lessons are not run: outputs are not translated."""
    prepare(plan, run=False)
    made = plan.work / "gettext"
    call_sphinx(plan, "gettext", made)
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns("*.buildinfo"), dirs_exist_ok=True)


def prepare(plan: Plan, run: bool) -> None:
    chosen = plan.chosen()
    lessons = execute(chosen, plan.work / "executed", plan.reuse) if run else chosen
    write_source(plan.work / "source", plan.docs, lessons, plan.indices(plan.lessons()), plan.repository)


def call_sphinx(plan: Plan, builder: str, target: Path) -> None:
    """Fills the folder anew. Raises CourseError after Sphinx has said what is wrong."""
    from sphinx.cmd.build import build_main  # here, so that the rest can be used where there is no Sphinx

    shutil.rmtree(target, ignore_errors=True)
    options = ["-b", builder, "-E", "-q", "-W", "--keep-going", "-j", "2", "-d", str(plan.work / "doctrees")]
    if build_main([*options, str(plan.work / "source"), str(target)]):
        raise CourseError("The site was not built: Sphinx says above what is wrong.")
