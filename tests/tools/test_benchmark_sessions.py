"""`python -m tools.benchmark_sessions`: its tables, on a machine without the other libraries. No time is asserted."""

import sys

from tools import benchmark_sessions


def test_the_tables_have_a_row_for_each_store_and_say_what_is_left_out(monkeypatch):
    for module in ("flask_session", "django"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    text = benchmark_sessions.table(rounds=20)
    for name in ("Flask-Session", "Django"):
        assert f"Left out: {name} (not installed): pip install flask-session django" in text
    for what in ("a visit", "a change", "a log-in"):
        _, _, part = text.partition(f"| {what} |")
        rows = part.split("\n\n")[0].splitlines()[2:]
        assert [row.split("|")[1].strip() for row in rows] == ["by hand", "Sessions"]
        assert rows[0].endswith(" 1.00 |")
