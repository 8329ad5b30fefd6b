"""The parts of a page in docs/ that a command writes. They stand between two comments, which no reader sees."""

import os
import platform
import re
from datetime import date
from pathlib import Path

from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError

PAGES = ROOT / "docs"


def write_part(page: Path, name: str, text: str) -> None:
    """Puts `text` between `<!-- NAME: begin -->` and `<!-- NAME: end -->`. The rest of the page stays as it is.

    Raises CourseError when the page does not have these two comments once.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    whole = page.read_text(encoding="utf-8")
    parts = re.split(f"{re.escape(begin)}.*?{re.escape(end)}", whole, flags=re.DOTALL)
    if len(parts) != 2:
        raise CourseError(
            f"{page.name} needs the comments {begin} and {end}, once each: write them where the part goes."
        )
    before, after = parts
    page.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def when_and_where() -> str:
    """Today's date and this machine, in one sentence: no name of a host or of a person is in it."""
    today, python = date.today().isoformat(), platform.python_version()
    machine = f"{platform.system()} on {_processor() or platform.machine()}"
    return f"Measured on {today} with Python {python}, {os.cpu_count()} cores, {machine}."


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
