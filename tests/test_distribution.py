"""How the tests are distributed: each runs once, a group stays together, and so does a file."""

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


def test_each_unit_has_one_place_the_lessons_first_and_short_parts_last():
    units = list(dict.fromkeys(units_of(EVERYTHING).values()))
    ordered = in_order(units)
    assert sorted(ordered) == sorted(units)
    lessons = [place for place, unit in enumerate(ordered) if unit.startswith("notebooks/")]
    assert lessons == [0, 2, 4, 6, 8]
    assert all(unit.startswith("tests/test_large.py") for unit in ordered[-5:])
    assert in_order([]) == []
