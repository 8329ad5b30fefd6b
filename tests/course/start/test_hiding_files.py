"""A learner's own file that hides a module of the course: it is found, named, and nothing else is."""

import pytest

from redis_helpers.course.start import command_line, hiding_files, lab
from redis_helpers.errors import CourseError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "notebooks").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", ["redis", "pandas", "dotenv", "random", "json", "types"])
@pytest.mark.parametrize("place", ["notebooks", "."])
@pytest.mark.parametrize("kind", ["file", "package"])
def test_a_file_that_hides_a_module(folder, name, place, kind):
    path = folder / place / name
    if kind == "package":
        path.mkdir()
        (path / "__init__.py").touch()
    else:
        path = path.with_suffix(".py")
        path.touch()
    assert hiding_files.files_that_hide_modules(folder) == [path]
    assert hiding_files.sentence([path]).startswith(f"{path}: the course imports another module of that name")


@pytest.mark.parametrize(
    "name", ["my_own.py", "test.py", "antigravity.py", "redis.txt", "redis.ipynb", "tests/__init__.py"]
)
def test_a_file_that_hides_nothing(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).touch()
    (folder / "notebooks" / "data").mkdir()
    assert hiding_files.files_that_hide_modules(folder) == []


def test_the_course_itself_hides_nothing():
    assert hiding_files.files_that_hide_modules() == []


@pytest.mark.parametrize("command", [lab.run_lab, command_line.test], ids=["lab", "test"])
def test_the_commands_refuse_to_start_with_such_a_file(folder, monkeypatch, command):
    (folder / "notebooks" / "redis.py").touch()
    monkeypatch.setattr(hiding_files.files_that_hide_modules, "__defaults__", (folder,))
    with pytest.raises(CourseError, match=r"redis\.py"):
        command([])
