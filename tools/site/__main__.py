"""The command: see `python -m tools.site --help`."""

import argparse
import importlib.util
import os
import sys
import time
from pathlib import Path

NEEDED = ("nbclient", "sphinx", "myst_nb", "furo", "playwright", "axe_playwright_python")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
if __name__ == "__main__" and MISSING:
    sys.exit(
        f"The site needs packages that are not here ({', '.join(MISSING)}): with .venv active, "
        "run pip install -r tools/site/requirements.txt."
    )

from redis_helpers.errors import CourseError
from tools.site import browser, reading
from tools.site.build import SITE, Plan, build_site, write_catalogues
from tools.site.links import ADDRESS, find_repository

ABOUT = """\
Runs each lesson once, on a private Redis, and builds the site from the executed copies into the folder site/.
notebooks/ stays as it is. Install what it needs first: pip install -r tools/site/requirements.txt
"""


def main(arguments: list[str]) -> int:
    """Returns the exit code: 1 when the site could not be built, or when something is wrong with it."""
    options = parse(arguments)
    try:
        return run(options)
    except CourseError as problem:
        print(problem, file=sys.stderr)
        return 1


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.site", description=ABOUT)
    parser.add_argument("--lessons", nargs="+", default=[], metavar="NN", help="only these lessons, such as 01 12")
    parser.add_argument("--reuse", action="store_true", help="do not run again what has not changed since the last run")
    parser.add_argument("--no-run", action="store_true", help="run no lesson: the pages show no outputs")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="build nothing: check the site that was built, in Chromium")
    what.add_argument("--catalogues", type=Path, metavar="FOLDER", help="write .pot files for translators, and no site")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    plan = Plan(
        numbers=options.lessons,
        run=not options.no_run,
        reuse=options.reuse,
        repository=find_repository(os.environ.get(ADDRESS)),
    )
    if options.check:
        return check(plan)
    begin = time.monotonic()
    if options.catalogues:
        write_catalogues(plan, options.catalogues.resolve())
        print(f"{options.catalogues}: catalogues for {len(plan.chosen())} lessons and the other pages")
        return 0
    build_site(plan)
    size = sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file()) / 1e6
    print(f"site/: {len(plan.chosen())} lessons, {size:.1f} MB, in {time.monotonic() - begin:.0f} seconds")
    print("Open site/index.html in a browser.")
    return 0


def check(plan: Plan) -> int:
    """Says everything that is wrong with the site that was built."""
    if not plan.target.exists():
        raise CourseError("There is no site/ yet: build it first, with `python -m tools.site`.")
    problems = reading.problems_of(plan.target, plan.lessons()) + browser.problems_of(plan.target)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"site/: {len(reading.pages(plan.target))} pages checked, {len(problems) or 'no'} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
