"""`python -m tools.benchmark`: one command for all parts. What they measure, their own tests look at."""

import re
from datetime import date
from pathlib import Path

import pytest

from redis_helpers.errors import CourseError
from tools import benchmark
from tools.pages import write_part
from tools.short_tables import cache_in_short, modules_in_short, tables


def test_every_module_that_has_a_benchmark_is_a_part():
    files = {path.stem for path in Path(benchmark.__file__).parent.glob("benchmark_*.py")}
    parts_of_the_cache = {"benchmark_faults", "benchmark_peers", "benchmark_stampede"}
    assert set(benchmark.PARTS.values()) == files - parts_of_the_cache


def test_chosen_parts_run_in_their_order_and_the_worst_exit_code_is_told(monkeypatch):
    started = []

    def run_part(part):
        started.append(part)
        return (1 if part == "sessions" else 0), "measured\n"

    monkeypatch.setattr(benchmark, "run_part", run_part)
    assert benchmark.main(["lock", "sessions"]) == 1
    assert started == ["lock", "sessions"]


def test_what_a_part_prints_is_shown_and_kept(monkeypatch, capfd, tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").touch()
    (tmp_path / "tools" / "benchmark_of_nothing.py").write_text("print('| µs | 7 |')\nraise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setitem(benchmark.PARTS, "nothing", "benchmark_of_nothing")
    assert benchmark.run_part("nothing") == (3, "| µs | 7 |\n")
    assert capfd.readouterr().out == "| µs | 7 |\n"


def test_the_page_gets_what_was_measured_and_a_part_that_failed_stays_as_it_was(monkeypatch, tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_text(benchmark.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(benchmark, "PAGE", page)
    was = page.read_text(encoding="utf-8")
    lock = was.partition("<!-- lock: begin -->")[2].partition("<!-- lock: end -->")[0]
    lock = re.sub(r"(?m)^(\| FencedLock \|.*\| )[\d.]+ \|$", r"\g<1>0.12 |", lock)
    monkeypatch.setattr(benchmark, "run_part", lambda part: (1, "half") if part == "queue" else (0, lock))
    before = tables(page.read_text(encoding="utf-8"))
    assert benchmark.main(["lock", "queue", "--page"]) == 1
    text = page.read_text(encoding="utf-8")
    after = tables(text)
    assert after["put"] == before["put"]
    assert after["acquire and release"]["FencedLock"]["times redis-py's Lock"] == "0.12"
    assert "| `FencedLock`: acquire and release (1: redis-py's `Lock`) | 0.12 |" in text
    assert f"Measured on {date.today().isoformat()} with Python" in text.partition("<!-- lock: begin -->")[2][:40]


def test_the_page_has_the_tables_of_every_part_and_the_short_ones_say_the_same():
    page = benchmark.PAGE.read_text(encoding="utf-8")
    for part in benchmark.PARTS:
        measured = re.search(f"(?s)<!-- {part}: begin -->(.+)<!-- {part}: end -->", page)[1]
        assert re.match(r"\s+Measured on 20\d\d-\d\d-\d\d ", measured), part
        assert "Left out" not in measured and "left out" not in measured, f"{part}: a peer is missing"
    assert modules_in_short(page) in page
    assert cache_in_short(page) in page
    short = tables(page.partition("<!-- cache in short: begin -->")[2])["reader"]
    assert short["six lines"]["a hit, 200 B"] == "1.00"
    assert all(row["a miss, 200 B"] != "–" for row in short.values())


def test_a_page_without_its_tables_says_what_to_do():
    with pytest.raises(CourseError, match=r"no table 'A hit, 200 bytes': run `python -m tools.benchmark --page`"):
        cache_in_short("# Figures")
    with pytest.raises(CourseError, match="no table"):
        modules_in_short("# Figures")


def test_a_part_of_a_page_that_has_no_place_for_it(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- lock: begin --> never ended")
    with pytest.raises(CourseError, match="<!-- lock: end -->, once each"):
        write_part(page, "lock", "text")
    assert page.read_text() == "<!-- lock: begin --> never ended"


def test_a_part_that_does_not_exist_is_named(capsys):
    with pytest.raises(SystemExit):
        benchmark.main(["lunch"])
    assert "there is no part lunch" in capsys.readouterr().err
