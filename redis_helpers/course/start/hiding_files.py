"""Files of the learner's own that hide a module which the lessons import: `redis.py` beside a notebook, for one."""

import importlib.machinery
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError

# The course's own packages and modules in these folders.
COURSE_MODULES = {"conftest", "redis_helpers", "tests", "tools"}
# Prints the name of every module that the processes of the lessons and the tests are made of. `-I`: no file hides one.
MODULES_IN_USE = """
import sys
sys.path.append(sys.argv[1])
import pytest
import redis_helpers.course.breaking.processes
print(*sys.modules)
"""


def files_that_hide_modules(root: Path = ROOT) -> list[Path]:
    """The learner's files and packages beside the notebooks and the README that hide a module which the course needs.

    A notebook's folder comes before the installed packages. In the tests, and in a program that a lesson starts, these
    folders come even before Python's own modules.
    """
    in_packages = []
    in_python = []
    for folder in (root / "notebooks", root):
        for path in sorted(folder.glob("*")):
            name = _module_name(path)
            if name is None or name in COURSE_MODULES:
                continue
            if name in sys.stdlib_module_names:
                in_python.append(path)
            elif _is_installed(name):
                in_packages.append(path)
    needed = _modules_in_use() if in_python else set()
    return in_packages + [path for path in in_python if path.stem in needed]


def refuse_hiding_files() -> None:
    """Raises CourseError when there is such a file."""
    found = files_that_hide_modules()
    if found:
        raise CourseError(sentence(found))


def sentence(found: list[Path]) -> str:
    """What is wrong with these files, and what to do."""
    names = " and ".join(str(path) for path in found)
    return f"{names}: the course imports another module of that name, which is hidden by yours: rename it."


def _module_name(path: Path) -> str | None:
    """The name under which Python would import this path, or None."""
    if path.suffix == ".py" and path.is_file():
        return path.stem
    if (path / "__init__.py").is_file():
        return path.name
    return None


def _is_installed(name: str) -> bool:
    places = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return importlib.machinery.PathFinder.find_spec(name, places) is not None


@cache
def _modules_in_use() -> set[str]:
    command = [sys.executable, "-I", "-c", MODULES_IN_USE, str(ROOT)]
    return set(subprocess.run(command, capture_output=True, text=True).stdout.split())
