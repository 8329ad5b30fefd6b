"""`python -m tools.benchmark`: one command for all parts. What they measure, their own tests look at."""

from pathlib import Path

import pytest

from tools import benchmark


def test_every_module_that_has_a_benchmark_is_a_part():
    files = {path.stem for path in Path(benchmark.__file__).parent.glob("benchmark_*.py")}
    parts_of_the_cache = {"benchmark_faults", "benchmark_peers", "benchmark_stampede"}
    assert set(benchmark.PARTS.values()) == files - parts_of_the_cache


def test_chosen_parts_run_in_their_order_and_the_worst_exit_code_is_told(monkeypatch):
    started = []

    class Ended:
        def __init__(self, code):
            self.returncode = code

    def run(command):
        started.append(command[-1])
        return Ended(1 if command[-1].endswith("sessions") else 0)

    monkeypatch.setattr(benchmark.subprocess, "run", run)
    assert benchmark.main(["lock", "sessions"]) == 1
    assert started == ["tools.benchmark_fenced_lock", "tools.benchmark_sessions"]


def test_a_part_that_does_not_exist_is_named(capsys):
    with pytest.raises(SystemExit):
        benchmark.main(["lunch"])
    assert "there is no part lunch" in capsys.readouterr().err
