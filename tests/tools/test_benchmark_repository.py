"""`python -m tools.benchmark_repository`: its table. No time is asserted."""

import re

from tools import benchmark_repository


def test_the_table_has_a_row_for_each_method():
    lines = benchmark_repository.table(rounds=10).splitlines()
    assert lines[:2] == ["| RedisRepository | times redis-py |", "| --- | ---: |"]
    assert len(lines) == 2 + 9
    assert all(re.fullmatch(r"\| .+ \| \d+\.\d\d \|", line) for line in lines[2:])
