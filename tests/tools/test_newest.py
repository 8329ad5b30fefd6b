"""The table of packages that are newer than their pins."""

from redis_helpers.course.start import environment
from tools import newest


def test_it_names_what_differs_and_nothing_else(monkeypatch):
    pins = environment.pinned_packages()
    monkeypatch.setattr(environment, "_version", {**pins, "redis": "99.1", "nbmake": None}.get)
    head, line, *rows = newest.table().splitlines()
    assert (head, line) == ("| Package | Pinned | Here |", "|---|---|---|")
    assert sorted(rows) == [f"| nbmake | {pins['nbmake']} | none |", f"| redis | {pins['redis']} | 99.1 |"]


def test_where_all_are_as_pinned_it_says_so(monkeypatch):
    pins = environment.pinned_packages()
    monkeypatch.setattr(environment, "_version", pins.get)
    assert newest.table() == f"All {len(pins)} packages are at their pinned versions."
