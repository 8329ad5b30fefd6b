"""`python -m tools.benchmark_work_queue`: its table, on a machine without rq. No time is asserted."""

import sys

from tools import benchmark_work_queue


def test_the_table_has_a_row_for_each_queue_and_says_what_is_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "rq", None)  # as if it were not installed
    shown = benchmark_work_queue.table(rounds=2)
    assert "rq is left out" in shown
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines() if line.startswith("|")
    ]
    assert [row[0] for row in rows] == ["put", "---", "by hand", "WorkQueue", "work", "---", "by hand", "WorkQueue"]
    for row in rows:
        if row[0] == "by hand":
            assert row[-1] == "1.00"
        if row[0] == "WorkQueue":
            assert all(float(cell) > 0 for cell in row[1:])
