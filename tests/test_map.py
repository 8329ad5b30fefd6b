"""The map in `redis_helpers/__init__.py` names what is there, and nothing else."""

import re
from pathlib import Path

import pytest

import redis_helpers

PACKAGE = Path(redis_helpers.__file__).parent
MAP = redis_helpers.__doc__
NOT_ON_THE_MAP = {"__init__", "__main__"}


def modules_and_folders(folder):
    modules = {path.name for path in folder.glob("*.py")} - {f"{name}.py" for name in NOT_ON_THE_MAP}
    folders = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    return modules | folders


def test_every_file_and_folder_at_the_top_is_named():
    named = set(re.findall(r"[\w.]+(?:\.py|/)", MAP))
    assert modules_and_folders(PACKAGE) <= named


def test_every_file_and_folder_of_the_courses_machinery_is_named():
    named = set(re.findall(r"[\w.]+(?:\.py|/)", MAP.partition("\ncourse/")[2]))
    assert modules_and_folders(PACKAGE / "course") <= named


@pytest.mark.parametrize("name", sorted(set(re.findall(r"[\w.]+(?:\.py|/)", MAP))))
def test_what_the_map_names_exists(name):
    assert list(PACKAGE.rglob(name.rstrip("/"))), f"there is no {name}"
