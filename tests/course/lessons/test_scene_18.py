"""The bench of lesson 18, on every server: seven filled days, how long one command takes, and its picture."""

import time

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from redis_helpers.course.lessons.scenes import scene_18
from redis_helpers.course.plots import CACHE, OTHER
from redis_helpers.leaderboard import Leaderboard

DAYS = [f"cell-by-cell:ties:seven:{{{number}}}" for number in range(7)]


def test_seven_days_have_the_same_members(any_conn):
    assert scene_18.fill_days(any_conn, 200) == DAYS
    assert sorted(any_conn.keys()) == DAYS
    first, *others = [any_conn.zrange(day, 0, -1, withscores=True) for day in DAYS]
    assert {member for member, _ in first} == {f"customer:{number}" for number in range(200)}
    assert {score for _, score in first} == set(range(1, 98))
    assert others == [first] * 6


def test_days_are_filled_anew(any_conn):
    for members in (50, 3):
        scene_18.fill_days(any_conn, members)
        assert {any_conn.zcard(day) for day in DAYS} == {members}


@pytest.mark.parametrize("members", [19, 20, 21])
def test_members_are_written_in_batches(redis_conn, monkeypatch, members):
    monkeypatch.setattr(scene_18, "BATCH", 10)
    scene_18.fill_days(redis_conn, members)
    assert {redis_conn.zcard(day) for day in DAYS} == {members}


def test_a_leaderboard_knows_the_days(any_conn):
    for number, key in enumerate(scene_18.fill_days(any_conn, 3)):
        board = Leaderboard(any_conn, str(number), prefix=scene_18.DAYS)
        assert board.key == key
        assert [(row.member, row.score) for row in board.top(1)] == [("customer:2", 3)]


class TestWaits:
    def test_work_is_repeated_until_nine_commands_were_sent(self, any_conn):
        def two_commands(key, step):
            any_conn.incrby(key, step)
            any_conn.get(key)

        scene_18.wait_for_one(any_conn, two_commands, "calls", 10)
        assert any_conn.get("calls") == "50"

    def test_work_of_many_commands_is_done_once(self, any_conn):
        def twelve_commands():
            for _ in range(12):
                any_conn.incr("calls")

        scene_18.wait_for_one(any_conn, twelve_commands)
        assert any_conn.get("calls") == "12"

    def test_a_time_is_in_milliseconds(self, redis_conn):
        assert 20 <= scene_18.wait_for_one(redis_conn, redis_conn.blpop, "nothing", 0.02) < 2000

    def test_what_lies_between_two_commands_is_not_counted(self, redis_conn):
        def a_pause_and_a_command():
            time.sleep(0.05)
            redis_conn.ping()

        assert 0 < scene_18.wait_for_one(redis_conn, a_pause_and_a_command) < 50

    def test_one_slow_command_among_many_does_not_count(self, redis_conn):
        def one_of_eleven_is_slow():
            redis_conn.blpop("nothing", timeout=0.2)
            for _ in range(10):
                redis_conn.ping()

        assert 0 < scene_18.wait_for_one(redis_conn, one_of_eleven_is_slow) < 100

    def test_an_error_comes_through_and_the_client_is_as_before(self, redis_conn):
        send = redis_conn.execute_command
        with pytest.raises(ZeroDivisionError):
            scene_18.wait_for_one(redis_conn, lambda: 1 / 0)
        assert redis_conn.execute_command == send


def test_pages_have_a_colour_of_their_own():
    axes = scene_18.draw_waits({"union, 7 x 10": 3.0, "in pages, 7 x 10": 1.0}, "How long?")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["union, 7 x 10", "in pages, 7 x 10"]
    assert [bar.get_width() for bar in axes.patches] == [3, 1]
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [to_hex(CACHE), to_hex(OTHER)]
    assert axes.get_xlabel() == "ms"
    plt.close("all")
