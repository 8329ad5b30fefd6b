"""`python -m tools.benchmark_leaderboard`: its tables, on a machine without the other library. No time is asserted."""

import sys

import redis

from redis_helpers.leaderboard import Leaderboard
from tools import benchmark_leaderboard


def test_the_tables_have_a_row_for_each_way_and_say_what_is_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "leaderboard", None)  # as if it were not installed
    shown = benchmark_leaderboard.table(rounds=3, builds=1, members=1000)
    assert "leaderboard is left out" in shown
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines() if line.startswith("|")
    ]
    names = [row[0] for row in rows if row[0] != "---"]
    assert names == [
        *("add", "by hand", "Leaderboard"),
        *("a page of 5", "by hand", "Leaderboard"),
        *("a week of 7 × 1,000 members", "ZUNIONSTORE", "Leaderboard"),
    ]
    for row in rows:
        if row[0] == "by hand":
            assert row[-1] == "1.00"
        if row[0] == "ZUNIONSTORE":
            assert row[2] == "1.000"
        if row[0] == "Leaderboard":
            assert all(float(cell) > 0 for cell in row[1:])


def test_both_ways_come_to_the_same_week_and_the_same_page(redis_conn: redis.Redis):
    benchmark_leaderboard.fill(redis_conn, 1000)
    benchmark_leaderboard.union_store(redis_conn)
    benchmark_leaderboard.replace_with_sum(redis_conn)
    week = Leaderboard(redis_conn, "week")
    assert redis_conn.zrange("week by hand", 0, -1, withscores=True) == redis_conn.zrange(
        week.key, 0, -1, withscores=True
    )
    member = week.top(500)[-1].member
    by_hand = benchmark_leaderboard.page_by_hand(redis_conn, week.key, member)
    assert by_hand == [(row.place, row.member, row.score) for row in week.around(member, 5)]
