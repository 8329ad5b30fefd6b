"""The bench of lesson 13: limiters with a time that is handed in, a rush of requests, and the pictures."""

import matplotlib.pyplot as plt
import pytest
import redis

from redis_helpers.course.lessons.scenes import scene_13

KEY = "cell-by-cell:limiters:some"
LIMIT, WINDOW = 3, 10_000
HITS = [scene_13.fixed_hit, scene_13.counter_hit]


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def waits(hit, conn, times) -> list[int]:
    return [hit(conn, KEY, LIMIT, WINDOW, now) for now in times]


def test_the_fixed_window_begins_with_its_first_request(any_conn):
    times = [4000, 5000, 6000, 7000, 13_999, 14_000, 14_000, 14_000, 14_000]
    assert waits(scene_13.fixed_hit, any_conn, times) == [0, 0, 0, 7000, 1, 0, 0, 0, 10_000]


def test_the_counter_takes_a_share_of_the_window_before(any_conn):
    # At 13,333 ms, more than 2 of the 3 still count; at 13,334 ms, less than 2.
    assert waits(scene_13.counter_hit, any_conn, [1000, 2000, 3000, 13_333, 13_334]) == [0, 0, 0, 1, 0]


def test_the_counter_forgets_older_windows(any_conn):
    waits(scene_13.counter_hit, any_conn, [1000, 2000, 3000])
    assert waits(scene_13.counter_hit, any_conn, [20_000, 20_000, 20_000]) == [0, 0, 0]


@pytest.mark.parametrize("hit", HITS)
def test_who_waits_as_long_as_is_said_is_let_in(any_conn, hit):
    assert waits(hit, any_conn, [0, 0, 0]) == [0, 0, 0]
    (wait,) = waits(hit, any_conn, [2500])
    assert waits(hit, any_conn, [2500 + wait - 1, 2500 + wait]) == [1, 0]


@pytest.mark.parametrize("hit", HITS)
def test_the_key_ends(any_conn, hit):
    hit(any_conn, KEY, LIMIT, WINDOW, 0)
    assert 0 < any_conn.pttl(KEY) <= 2 * WINDOW + 1


def test_the_most_in_any_window():
    assert scene_13.most_in_any(10_000, [0, 9999, 10_000, 10_001]) == 3
    assert scene_13.most_in_any(10_000, [0, 10_000, 20_000]) == 1


def look_then_write(conn: redis.Redis, key: str, limit: int) -> int:
    if conn.llen(key) >= limit:
        return 1
    conn.rpush(key, "a place")
    return 0


def add_then_look(conn: redis.Redis, key: str, limit: int) -> int:
    return 0 if conn.incr(key) <= limit else 1


def test_a_rush_finds_each_time_that_a_place_is_given_twice(any_conn):
    assert [scene_13.rush(look_then_write, any_conn, KEY, 1) for _ in range(2)] == [8, 8]


def test_a_rush_asks_200_times_and_begins_with_no_key(any_conn):
    assert [scene_13.rush(add_then_look, any_conn, KEY, limit) for limit in (5, 199, 1000)] == [5, 199, 200]
    assert any_conn.get(KEY) == "200"


def test_nobody_is_waited_for_who_has_no_second_command(any_conn, monkeypatch):
    monkeypatch.setattr(scene_13, "MOST_WAIT", 0.2)

    def one_at_a_time(conn, key):
        if not conn.set(key, "taken", nx=True):
            return 1
        conn.persist(key)
        return 0

    assert scene_13.rush(one_at_a_time, any_conn, KEY) == 1


def test_an_error_in_a_rush_is_raised(any_conn):
    any_conn.set(KEY, "a text")

    def wrong_type(conn, key):
        conn.set(key, "a text")
        return conn.rpush(key, "a place")

    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        scene_13.rush(wrong_type, any_conn, KEY)


def heights(axes) -> list[int]:
    """How many ticks each row of lines has."""
    return [len(lines.get_segments()) for lines in axes.collections]


def test_each_request_is_a_tick():
    axes = scene_13.draw_trace([0, 8000, 12_500])
    assert heights(axes) == [3]
    assert [line.get_xdata()[0] for line in axes.lines] == [0, 10]


def test_a_row_shows_who_is_denied_and_who_is_let_in():
    axes = scene_13.draw_let_in("Who?", [0, 1000, 2000], {"none": [], "two": [0, 2000]})
    assert heights(axes) == [3, 0, 1, 2]
    assert [text.get_text() for text in axes.texts] == ["0 let in", "2 let in"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["none", "two"]


def test_the_bucket_falls_and_fills_up_to_what_it_holds():
    axes = scene_13.draw_bucket([0, 0, 3000], holds=2, one_token_every=2000, until=20_000)
    seconds, tokens = axes.lines[0].get_data()
    assert list(zip(seconds, tokens, strict=True)) == [
        (0, 2),
        (0, 2),
        (0, 1),
        (0, 1),
        (0, 0),
        (3, 1.5),
        (3, 0.5),
        (6, 2),
        (20, 2),
    ]


def test_the_other_pictures():
    assert "6 of 10 seconds:\n3 of the 5 count" in [text.get_text() for text in scene_13.draw_estimate().texts]
    titles = [axes.get_title(loc="left") for axes in scene_13.draw_rush().axes]
    assert titles == ["Look, then write: both get the last place", "One script: one of them gets it"]
