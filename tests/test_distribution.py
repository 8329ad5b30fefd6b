"""How the tests are distributed: each runs once, a group stays together, and so does a file."""

import sys

from tests.support.collection import compile_modules, share_of
from tests.support.distribution import TESTS_TOGETHER, in_order, units_of

LESSONS = [f"notebooks/{number:02}_x.ipynb::{number:02}_x.ipynb" for number in range(5)]
SMALL = ["tests/test_small.py::test_one", "tests/test_small.py::test_two[me@here]"]
GROUP = ["notebooks/03_y.ipynb::03_y.ipynb@mysql", "tests/test_mysql.py::test_load[a]@mysql"]
LARGE = [f"tests/test_large.py::test_many[{number}]" for number in range(10 * TESTS_TOGETHER - 1)]
EVERYTHING = [*LESSONS, *SMALL, *GROUP, *LARGE]


def test_a_file_and_a_group_stay_together_and_a_large_file_is_parted():
    units = units_of(EVERYTHING)
    assert list(units) == EVERYTHING
    assert len({units[test] for test in SMALL}) == 1
    assert {units[test] for test in GROUP} == {"mysql"}
    parts = [units[test] for test in LARGE]
    assert len(set(parts)) == 10 and parts == sorted(parts)


def test_each_unit_has_one_place_groups_and_lessons_come_first_and_short_parts_last():
    units = list(dict.fromkeys(units_of(EVERYTHING).values()))
    ordered = in_order(units)
    assert sorted(ordered) == sorted(units)
    parts = [unit for unit in units if unit.startswith("tests/test_large.py")]
    assert ordered[0] == "mysql"
    lessons = [place for place, unit in enumerate(ordered) if unit.startswith("notebooks/")]
    assert len(lessons) == len(LESSONS)
    assert all(ordered[place + 1] in parts for place in lessons)
    assert max(lessons) < ordered.index("tests/test_small.py part 0")
    assert ordered[-1] in parts
    assert in_order([]) == []


def test_files_are_mixed_as_in_each_run_with_parts_of_the_largest_one_between_them():
    others = [f"tests/test_{number}.py part 0" for number in range(30)]
    parts = [f"tests/test_large.py part {number}" for number in range(10)]
    ordered = in_order([*others, *parts])
    assert ordered == in_order([*others, *parts])
    mixed = [unit for unit in ordered if unit in others]
    assert sorted(mixed) == sorted(others) != mixed
    assert all(ordered[ordered.index(unit) + 1] in parts for unit in mixed[::5])
    assert set(ordered[-4:]) <= set(parts)


def test_each_module_is_compiled_by_one_worker(tmp_path):
    files = [tmp_path / f"module_{number}.py" for number in range(11)]
    for number, file in enumerate(files):
        file.write_text("#" * number**2)
    shares = [share_of(files, number, 4) for number in range(4)]
    assert sorted(file for share in shares for file in share) == sorted(files)
    lengths = [sum(file.stat().st_size for file in share) for share in shares]
    assert max(lengths) - min(lengths) <= 100, "each has about as much to do, but for the longest file"


def test_what_is_compiled_is_kept_and_a_broken_test_is_left_to_the_collection(tmp_path, monkeypatch):
    package = tmp_path / "modules_of_a_share"
    package.mkdir()
    contents = {"answers": "x = 1", "broken": "x = ", "test_a": "x = 2", "test_b": "1 / 0", "test_c": "x = ("}
    for name, text in contents.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    compile_modules(sorted(package.glob("*.py")), tmp_path)
    compiled = {path.name.partition(".")[0] for path in package.glob("__pycache__/*.pyc")}
    assert compiled == {"answers", "test_a", "test_b"}
    assert sys.modules["modules_of_a_share.test_a"].x == 2
