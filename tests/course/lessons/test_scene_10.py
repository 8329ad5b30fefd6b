"""The bench of lesson 10: time that passes at once, and the two pictures."""

import matplotlib.pyplot as plt
import pytest

from redis_helpers.course.lessons.scenes import scene_10
from redis_helpers.sessions import Sessions

KEY = "cell-by-cell:sessions:some"


def test_time_passes_for_the_ttl_and_for_the_end(any_conn):
    for ends, an_hour in ((4_000_000_000, 3600), (4_000_000_000_000, 3_600_000)):
        any_conn.hset(KEY, "ends", ends)
        any_conn.expire(KEY, 7200)
        scene_10.let_pass(any_conn, KEY, 60)
        assert int(any_conn.hget(KEY, "ends")) == ends - an_hour
        assert 3590 < any_conn.ttl(KEY) <= 3600


@pytest.mark.parametrize("minutes", [30, 31])
def test_what_is_over_is_gone(any_conn, minutes):
    any_conn.hset(KEY, "user", "maria")
    any_conn.expire(KEY, 1800)
    scene_10.let_pass(any_conn, KEY, minutes)
    assert not any_conn.exists(KEY)


def test_without_an_end_or_without_a_key_nothing_happens(any_conn):
    scene_10.let_pass(any_conn, KEY, 5)
    assert not any_conn.exists(KEY)
    any_conn.hset(KEY, "user", "maria")
    scene_10.let_pass(any_conn, KEY, 5)
    assert any_conn.hgetall(KEY) == {"user": "maria"}
    assert any_conn.ttl(KEY) == -1


def test_a_session_of_the_module_gets_older_too(any_conn):
    sessions = Sessions(any_conn, idle=1800, lifetime=3000)
    session_id = sessions.create()
    (key,) = any_conn.scan_iter("sessions:session:*")
    for minutes in (20, 20):
        assert sessions.load(session_id)
        scene_10.let_pass(any_conn, key, minutes)
    assert sessions.load(session_id)
    assert any_conn.ttl(key) <= 600
    scene_10.let_pass(any_conn, key, 10)
    assert sessions.load(session_id) is None


def test_visits_for_twelve_hours(redis_conn):
    redis_conn.hset("some:id", "user", "maria")
    redis_conn.expire("some:id", 3000)
    found = scene_10.answered_hours(lambda client, name: client.exists(f"some:{name}"), redis_conn, "some:", "id")
    assert found == [0, 10 / 60, 20 / 60, 30 / 60, 40 / 60]


def test_the_pictures():
    assert scene_10.draw_cookie().get_title(loc="left") == "What the browser has, and what Redis has"
    axes = scene_10.draw_ends({"short": [0, 0.2], "long": [0, 12]})
    assert [len(line.get_xdata()) for line in axes.lines[:2]] == [2, 2]
    plt.close("all")
