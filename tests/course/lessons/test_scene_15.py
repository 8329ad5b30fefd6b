"""The bench of lesson 15, on every server: what is shown and drawn of a stream, and time that passes at once."""

import matplotlib.pyplot as plt
import pytest

from redis_helpers.course.lessons.scenes import scene_15

STREAM = "cell-by-cell:streams:orders"


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def two_groups(any_conn):
    """The packers are done with 7, Ann has 8, and 9 is new; billing has read nothing."""
    any_conn.delete(STREAM)
    for number in (7, 8, 9):
        any_conn.xadd(STREAM, {"order": number}, id=f"{number}-0")
    any_conn.xgroup_create(STREAM, "packers", "0")
    any_conn.xgroup_create(STREAM, "billing", "0")
    any_conn.xreadgroup("packers", "ann", {STREAM: ">"}, count=2)
    any_conn.xack(STREAM, "packers", "7-0")
    return any_conn


def test_what_is_pending_is_shown(two_groups, capsys):
    scene_15.show_pending(two_groups, STREAM, "packers")
    two_groups.xreadgroup("packers", "ann", {STREAM: "0"})
    scene_15.show_pending(two_groups, STREAM, "packers")
    scene_15.show_pending(two_groups, STREAM, "billing")
    assert capsys.readouterr().out.splitlines() == [
        "order 8: pending with ann, handed out once",
        "order 8: pending with ann, handed out 2 times",
        "nothing is pending",
    ]


def test_what_was_deleted_while_pending_is_shown_by_its_id(two_groups, capsys):
    two_groups.xdel(STREAM, "8-0")
    scene_15.show_pending(two_groups, STREAM, "packers")
    assert capsys.readouterr().out == "8-0 (deleted): pending with ann, handed out once\n"


def test_time_passes_and_nothing_else_changes(two_groups):
    (before,) = two_groups.xpending_range(STREAM, "packers", "-", "+", 10)
    for seconds in (50, 40.5):
        scene_15.let_time_pass(two_groups, STREAM, "packers", seconds)
    (after,) = two_groups.xpending_range(STREAM, "packers", "-", "+", 10)
    assert 90_500 <= after.pop("time_since_delivered") < 100_000
    before.pop("time_since_delivered")
    assert after == before


def test_each_group_has_a_row(two_groups):
    axes = scene_15.draw_stream(two_groups, STREAM, "What has become of the orders?")
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["not read"] * 3 + ["done", "ann", "not read"] + ["order 7", "order 8", "order 9"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["billing", "packers"]


def test_an_empty_stream_is_drawn(any_conn):
    any_conn.delete(STREAM)
    any_conn.xgroup_create(STREAM, "packers", "0", mkstream=True)
    assert not list(scene_15.draw_stream(any_conn, STREAM, "What has become of the orders?").texts)


def test_the_stories_are_drawn():
    for draw in (scene_15.draw_taken_over, scene_15.draw_heartbeats):
        assert any("Bob" in label.get_text() for label in draw().get_yticklabels())


def test_old_orders_can_be_claimed(any_conn):
    scene_15.old_orders(any_conn, STREAM, "packers", "ann", 250)
    found = any_conn.xpending_range(STREAM, "packers", "-", "+", 1000, idle=90_000)
    assert len(found) == 250
    assert {one["times_delivered"] for one in found} == {1}


def test_a_trim_that_deletes_too_much_is_found(any_conn, capsys):
    def all_of_it(conn, stream):
        conn.xtrim(stream, maxlen=0)

    def nothing(conn, stream):
        conn.xlen(stream)

    assert scene_15.left_for_billing(any_conn, STREAM, all_of_it) == [0, 0]
    assert scene_15.left_for_billing(any_conn, STREAM, nothing) == [7, 7]
    assert "all_of_it: billing reads after XTRIM; 0 of its 7 orders are there" in capsys.readouterr().out


def test_ids_are_compared_as_numbers():
    assert scene_15.smallest_id(["7-10", "7-9", "10-0"]) == "7-9"
