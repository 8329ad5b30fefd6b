"""The bench of lesson 03: where the lines meet, and what a source says that is asked through it."""

import json
from time import perf_counter

import matplotlib.pyplot as plt
import pytest

from redis_helpers.course.lessons.scenes import scene_03
from redis_helpers.course.lessons.scenes.scene_03 import PlayedReads, hit_and_source, miss_and_source, play_reads


def read_through(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


class Source:
    """Answers at once, and counts."""

    def __init__(self):
        self.asked = 0

    def fruit(self, number):
        self.asked += 1
        return {"id": number}

    def day_sales(self, day):
        self.asked += 1
        return [{"day": day}]


@pytest.mark.parametrize(
    ("through_cache", "break_even"),
    [
        ({0: 120, 1: 109, 2: 98, 10: 10}, 1.8),  # the lesson's easy numbers
        ({0: 120, 5: 110, 10: 100}, None),  # ten hits are just as slow
        ({0: 100, 10: 10}, 0.0),  # misses cost nothing
    ],
)
def test_the_break_even_is_where_the_lines_meet(through_cache, break_even):
    played = PlayedReads("one day", 100, through_cache)
    assert played.break_even == break_even
    scene_03.plot_break_even(played)
    plt.close("all")


@pytest.mark.parametrize("question", ["one day", "one fruit"])
def test_as_many_reads_hit_as_it_says(any_conn, question):
    source = Source()
    played = play_reads(any_conn, read_through, source, question)
    assert list(played.through_cache) == [0, 1, 2, 3, 5, 7, 10]
    misses = sum(10 - hits for hits in played.through_cache)
    assert source.asked == 10 + scene_03.ROUNDS * (10 + misses)  # once for the answers; alone; through the cache
    assert any_conn.keys("cell-by-cell:cache:*") == []


def test_a_hit_never_asks_the_source_and_a_miss_always_does(any_conn):
    asked = []  # for each read through the cache, how often it asked

    def counted(redis_conn, key, load, ttl):
        before = source.asked
        read_through(redis_conn, key, load, ttl)
        asked.append(source.asked - before)

    source = Source()
    assert list(hit_and_source(any_conn, counted, "one fruit", lambda: source.fruit(1))) == ["hit", "SQLite"]
    assert asked[0] == 1
    assert set(asked[1:]) == {0}

    asked.clear()
    assert list(miss_and_source(any_conn, counted, lambda: source.fruit(1))) == ["miss", "SQLite"]
    assert set(asked) == {1}


class DisturbedAlone(Source):
    """Other programs disturb it when it is asked alone: it works for 3 ms. Within a miss it answers at once."""

    alone = True

    def day_sales(self, day):
        until = perf_counter() + (0.003 if self.alone else 0)
        while perf_counter() < until:
            pass
        return super().day_sales(day)


def test_the_source_is_never_slower_than_a_miss_however_much_it_is_disturbed(any_conn):
    source = DisturbedAlone()

    def undisturbed(redis_conn, key, load, ttl):
        source.alone = False
        try:
            return read_through(redis_conn, key, load, ttl)
        finally:
            source.alone = True

    played = play_reads(any_conn, undisturbed, source, "one day")
    assert played.source < played.through_cache[0]
    measured = miss_and_source(any_conn, undisturbed, lambda: source.day_sales("2025-06-14"))
    assert measured["SQLite"] < measured["miss"]


def test_an_unknown_question_is_refused(any_conn):
    with pytest.raises(ValueError, match="one day"):
        play_reads(any_conn, read_through, Source(), "best sellers")
