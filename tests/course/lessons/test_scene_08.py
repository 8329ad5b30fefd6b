"""The bench of lesson 08: the second Redis fails as it is told to, and the proof finds what is wrong."""

import json
import time

import matplotlib.pyplot as plt
import pytest
import redis

from redis_helpers.course.lessons.lesson_08 import READ_ANYWAY
from redis_helpers.course.lessons.scenes.scene_08 import SecondRedis, draw_errors, settings_of, what_goes_wrong


@pytest.fixture(scope="module")
def second():
    second = SecondRedis()
    yield second
    second.kill()


@pytest.fixture
def quick(second):
    second.start()
    with redis.Redis.from_url(second.url, decode_responses=True, socket_timeout=0.1) as client:
        yield client


def read_through(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


def read_with_one_try(redis_conn, key, load, ttl):
    try:
        return read_through(redis_conn, key, load, ttl)
    except redis.RedisError:
        return load()


def read_without_cache(redis_conn, key, load, ttl):
    return load()


def test_killed_it_refuses_and_a_new_one_is_empty(second, quick):
    quick.set("cell-by-cell:gone:a", 1)
    second.kill()
    with pytest.raises(redis.ConnectionError):
        quick.get("cell-by-cell:gone:a")
    second.start()
    assert quick.get("cell-by-cell:gone:a") is None


def test_paused_it_is_silent_and_goes_on(second, quick):
    quick.set("cell-by-cell:gone:a", 1)
    second.pause()
    begin = time.monotonic()
    with pytest.raises(redis.TimeoutError):
        quick.get("cell-by-cell:gone:a")
    assert time.monotonic() - begin >= 0.1
    second.resume()
    assert quick.get("cell-by-cell:gone:a") == "1"


def test_a_paused_or_full_one_can_be_started_anew(second, quick):
    second.pause()
    second.start()
    second.fill_up()
    with pytest.raises(redis.ResponseError):
        quick.set("cell-by-cell:gone:a", 1)
    assert quick.get("cell-by-cell:gone:a") is None
    second.start()
    assert quick.set("cell-by-cell:gone:a", 1)


def test_a_killed_one_cannot_be_paused(second, quick):
    second.kill()
    second.pause()
    second.resume()


def test_settings(second, quick):
    assert settings_of(second.connect())["retries"] == 0
    assert settings_of(redis.Redis(retry=None, socket_timeout=0.5, socket_connect_timeout=2)) == {
        "socket_connect_timeout": 2,
        "socket_timeout": 0.5,
        "retries": 0,
    }
    assert settings_of(redis.Redis())["retries"] > 0


def test_the_proof_finds_what_is_wrong(second):
    assert len(what_goes_wrong(second, read_through)) == 6
    twice = what_goes_wrong(second, read_with_one_try)
    assert "gone after GET: 312, source asked 2 times" in twice
    assert len(twice) == 4


def test_the_proof_finds_nothing_where_nothing_is_wrong(second):
    names = {}
    exec(READ_ANYWAY.solution, names)
    assert what_goes_wrong(second, names["read_anyway"]) == []
    assert what_goes_wrong(second, read_without_cache) == []


def test_the_picture_names_each_error_that_it_shows():
    texts = {text.get_text() for text in draw_errors().texts}
    plt.close()
    assert {"RedisError", "ConnectionError", "TimeoutError", "ResponseError"} <= texts
