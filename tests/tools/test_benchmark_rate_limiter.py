"""`python -m tools.benchmark_rate_limiter`: its table, without the other library. No time is asserted."""

import os
import sys

import pytest

from tools import benchmark_rate_limiter


@pytest.fixture(autouse=True)
def _all_cores_afterwards():
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    yield
    if cores is not None:
        os.sched_setaffinity(0, cores)


def test_the_table_has_a_row_for_each_limiter_and_says_what_is_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "limits", None)  # as if it were not installed
    lines = benchmark_rate_limiter.table(rounds=10).splitlines()
    names = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    plain = [benchmark_rate_limiter.BASE, "one GET"]
    assert names == ["a hit", *plain, "FixedWindow", "SlidingLog", "SlidingCounter", "TokenBucket"]
    base = next(line for line in lines if benchmark_rate_limiter.BASE in line)
    assert base.endswith("| 1.00 |")
    assert lines[-1] == "Left out: limits (not installed)."
