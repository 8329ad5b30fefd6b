"""`python -m tools.benchmark_fenced_lock`: its table. No time is asserted."""

import os

import pytest

from tools import benchmark_fenced_lock


@pytest.fixture(autouse=True)
def _all_cores_afterwards():
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    yield
    if cores is not None:
        os.sched_setaffinity(0, cores)


def test_the_table_has_a_row_for_each_lock():
    lines = benchmark_fenced_lock.table(rounds=10).splitlines()
    names = [line.split("|")[1].strip() for line in lines]
    assert len(names) == 2 + 5
    assert {"redis-py's Lock", "FencedLock", "FencedLock, `with`"} <= set(names)
    base = next(line for line in lines if line.startswith(f"| {benchmark_fenced_lock.BASE} |"))
    assert base.endswith("| 1.00 |")
