"""Files of the learner's own that hide a module which the lessons import: `redis.py` beside a notebook, for one."""

import importlib.machinery
import sys
import sysconfig
from pathlib import Path

from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError

# The course's own packages and modules in these folders.
OURS = {"conftest", "redis_helpers", "tests", "tools"}


def files_that_hide_modules(root: Path = ROOT) -> list[Path]:
    """Files and folders beside the notebooks or the README that have the name of an installed package, or of a module
    of Python that is in use.

    A notebook's folder comes before the installed packages; for a program that a lesson starts, even before Python's
    own modules.
    """
    found = []
    for folder in (root, root / "notebooks"):
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            name = _module_name(path)
            if name is not None and name not in OURS and _is_needed(name):
                found.append(path)
    return found


def refuse_hiding_files() -> None:
    """Raises CourseError when there is such a file."""
    found = files_that_hide_modules()
    if found:
        raise CourseError(sentence(found))


def sentence(found: list[Path]) -> str:
    """What is wrong with these files, and what to do."""
    names = " and ".join(str(path) for path in found)
    return f"{names}: the lessons import another module of that name, which is hidden by yours: rename it."


def _module_name(path: Path) -> str | None:
    """The name under which Python would import this path, or None."""
    if path.suffix == ".py" and path.is_file():
        return path.stem
    if (path / "__init__.py").is_file():
        return path.name
    return None


def _is_needed(name: str) -> bool:
    if name in sys.stdlib_module_names:
        return name in sys.modules
    places = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return importlib.machinery.PathFinder.find_spec(name, places) is not None
