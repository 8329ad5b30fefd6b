"""`python -m tools.benchmark_cache`: its table, on a machine without the other libraries. No time is asserted."""

import sys

from tools import benchmark_cache
from tools.benchmark_peers import READERS


def test_the_table_has_a_row_for_each_reader_and_says_what_is_left_out(monkeypatch, capsys):
    modules = {reader.module for reader in READERS.values()} - {"redis"}
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    names = benchmark_cache.usable()
    assert len(names) == 8
    benchmark_cache.reads(names, rounds=20)
    out = capsys.readouterr().out
    for module in modules:
        assert f"Left out: {module} (not installed)." in out
    for kind in ("A hit, 200 bytes", "A hit, 10 kB", "A miss, 200 bytes"):
        _, _, part = out.partition(f"### {kind} of JSON, 20 rounds")
        rows = [line.split("|")[1].strip() for line in part.split("###")[0].splitlines() if line.startswith("|")]
        assert rows[:2] == ["reader", "---"]
        bare = [name for name in names if name.startswith("a raw") and kind.startswith("A miss")]
        assert sorted(rows[2:]) == sorted(set(names) - set(bare))
    for bound in ("1.05", "0.70", "2.00"):
        assert f"at most {bound}: m" in out  # met or missed: the machine may be busy


def test_a_library_that_cannot_be_imported_is_left_out_with_the_reason(monkeypatch, tmp_path):
    (tmp_path / "a_broken_library.py").write_text("from redis import NoSuchName")
    monkeypatch.syspath_prepend(tmp_path)
    reason = benchmark_cache.why_missing("a_broken_library")
    assert reason.startswith("cannot be imported beside redis-py ")
    assert "NoSuchName" in reason
