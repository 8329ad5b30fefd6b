"""The bench of lesson 31: an old transaction, every moment of a read, a Redis that saves and dies, the pictures."""

import json

import matplotlib.pyplot as plt
import pytest

from redis_helpers.cache_aside import CacheAside
from redis_helpers.course.lessons.scenes import scene_31
from redis_helpers.course.lessons.scenes.scene_31 import (
    Accident,
    PriceDatabase,
    Read,
    SecondRedis,
    cost_of_a_hit,
    every_meeting,
    kill_under_reads,
)

KEY = "cell-by-cell:production:some"


@pytest.fixture(scope="module")
def second():
    second = SecondRedis()
    yield second
    second.kill()


def read_through(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    return json.loads(cached) if cached is not None else load()


def test_a_transaction_sees_what_was_committed_when_it_began():
    database = PriceDatabase()
    transaction = database.begin_transaction()
    database.save("banana", 299)
    assert (database.load("banana"), transaction.load("banana")) == (299, 312)
    transaction.close()
    later = database.begin_transaction()
    assert later.load("banana") == 299
    later.close()


def test_the_rival_comes_once_at_every_moment(any_conn):
    seen = []

    def load():
        seen.append("loads")
        return 312

    def reader(redis_conn, load):
        redis_conn.get(KEY)
        seen.append("looked")
        price = load()
        redis_conn.set(KEY, price)
        seen.append("stored")

    found = {}
    meetings = every_meeting(
        reader, any_conn, load, rival=lambda: seen.append("rival"), before=lambda: seen.append("before")
    )
    for moment in meetings:
        found[moment] = " ".join(seen)
        seen.clear()
    assert found == {
        "before the first command": "before rival looked loads stored",
        "after GET": "before looked loads rival stored",
        "after SET": "before looked loads stored rival",
        "before the load": "before looked rival loads stored",
        "after the load": "before looked loads rival stored",
    }
    any_conn.delete(KEY)


def test_a_killed_redis_has_what_it_had_saved(second):
    second.start()
    client = second.connect()
    client.set("saved", 1, ex=600)
    second.save_to_disk()
    client.delete("saved")
    client.set("later", 1)
    second.kill_and_restart()
    assert client.keys() == ["saved"]
    assert 0 < client.ttl("saved") <= 600
    second.start()
    assert client.keys() == []


def test_the_client_for_a_cache_waits_briefly(second):
    second.start()
    client = second.connect_cache()
    assert client.connection_pool.connection_kwargs["socket_timeout"] < 1


def test_no_read_fails_under_a_kill(second, monkeypatch):
    monkeypatch.setattr(scene_31, "GONE_FOR", 0.6)
    cache = CacheAside(second.connect_cache())
    seen = kill_under_reads(second, cache, lambda: cache.get_or_load(KEY, lambda: 312, 60))
    assert 0 < seen.killed < seen.back
    assert seen.failed() == 0
    assert seen.count("hit", until=seen.killed) > 0
    assert seen.count("hit", seen.killed, seen.back) == 0
    assert seen.count("source", seen.killed, seen.back) > 0
    assert seen.count("hit", since=seen.back) > 0


def test_a_read_that_raises_is_counted_as_failed(second, monkeypatch):
    monkeypatch.setattr(scene_31, "GONE_FOR", 0.05)
    monkeypatch.setattr(scene_31, "GIVEN_UP", 0.1)
    client = second.connect()
    seen = kill_under_reads(second, CacheAside(client), lambda: client.get(KEY))
    assert seen.failed() > 0
    assert {read.answered for read in seen.reads} == {"source", "ConnectionError"}


def test_a_hit_is_measured_in_every_way(second, monkeypatch):
    monkeypatch.setattr(scene_31, "ROUNDS", 30)
    second.start()
    second.connect().set(KEY, json.dumps([312] * 40))
    costs = cost_of_a_hit(second, KEY, read_through)
    assert costs["six lines"] == 100
    assert len(costs) == 8
    assert 0 < costs["JSON alone, no Redis"] < 100


def test_the_pictures_say_what_the_lesson_says():
    late, refused = scene_31.draw_late_fill(), scene_31.draw_refused_fill()
    texts = [{text.get_text() for text in ax.texts} for ax in (late, refused)]
    assert {"stores 312", "deletes (nothing there)"} <= texts[0]
    assert {"may not store", "deletes both", "gone"} <= texts[1]

    shares = {0: 1.0, 1: 0.37, 5: 0.01}
    chances = scene_31.plot_chances(shares)
    (line, *_) = chances.get_lines()
    assert dict(zip(*line.get_data(), strict=True)) == shares
    assert [text.get_text() for text in chances.texts] == ["one load is left"]

    reads = [Read(0.1, 200, "hit"), Read(0.5, 3000, "source"), Read(1.2, 210, "hit")]
    accident = scene_31.plot_accident(Accident(reads, 0.3, 1.0))
    assert [len(dots.get_offsets()) for dots in accident.collections] == [2, 1]
    assert {"hits", "the source answers", "Redis is killed", "and started again"} == {
        text.get_text() for text in accident.texts
    }

    bars = scene_31.plot_cost({"six lines": 100, "CacheAside, connect()": 104})
    assert [bar.get_width() for bar in bars.patches] == [100, 104]
    assert bars.get_xlabel() == "time of one hit, % of the six lines"
    plt.close("all")
