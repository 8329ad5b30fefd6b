"""The bench of lesson 30: sixteen readers that all miss, a reader in trouble, and what a miss costs."""

import sys
import threading

import cloudpickle
import matplotlib.pyplot as plt
import pytest
import redis
from matplotlib.colors import to_hex

from redis_helpers import lease
from redis_helpers.cache_aside import CacheAside
from redis_helpers.course.lessons.scenes import scene_30, scene_30_readers
from redis_helpers.course.lessons.scenes.scene_30_readers import Reading, Stampede
from redis_helpers.course.plots import OTHER, SOURCE

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what a notebook defines: the child cannot import it

KEY = "cell-by-cell:stampedes:some"


@pytest.fixture(autouse=True)
def url(redis_conn, server, monkeypatch):
    """The Redis of this kernel: the bench connects there."""
    monkeypatch.setenv("REDIS_URL", server.url)
    yield server.url
    plt.close("all")


def six_lines(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return cached
    value = load()
    redis_conn.set(key, value, ex=ttl)
    return value


def under_a_lock(redis_conn, key, load, ttl, seconds=5):
    if (cached := redis_conn.get(key)) is not None:
        return cached
    with redis_conn.lock(f"{key}:lock", timeout=seconds, sleep=0.005):
        if (cached := redis_conn.get(key)) is None:
            cached = load()
            redis_conn.set(key, cached, ex=ttl)
        return cached


def by_the_class(redis_conn, key, load, ttl):
    return CacheAside(redis_conn).get_or_load(key, load, ttl)


def load():
    return "312"


@pytest.mark.parametrize("processes", [1, 2])
def test_all_readers_miss_and_each_loads(redis_conn, processes):
    redis_conn.set(KEY, "what an earlier run has left")
    run = scene_30.stampede(six_lines, KEY, load, readers=6, processes=processes)
    assert (len(run.readings), run.loads, run.answers) == (6, 6, ["312"])
    assert [reading.ended for reading in run.readings] == sorted(reading.ended for reading in run.readings)
    for reading in run.readings:
        ((begin, end),) = reading.loads
        assert 0 <= reading.began <= begin <= end <= reading.ended


@pytest.mark.parametrize("read", [under_a_lock, by_the_class])
def test_one_loads_for_two_processes(read):
    run = scene_30.stampede(read, KEY, load, readers=6, processes=2)
    assert (run.loads, run.answers) == (1, ["312"])
    assert str(run).startswith("6 readers, 1 load, the slowest waited ")


def test_one_reader_alone():
    assert str(scene_30.stampede(six_lines, KEY, load, readers=1)).startswith("1 reader, 1 load, ")


def test_readers_that_ask_the_source_only_keep_nobody_waiting():
    run = scene_30.stampede(lambda redis_conn, key, load, ttl: load(), KEY, load, readers=3)
    assert run.loads == 3


def test_an_error_of_a_reader_reaches_the_cell():
    def fails():
        raise OSError("the database is gone")

    threads = set(threading.enumerate())
    with pytest.raises(OSError, match="the database is gone"):
        scene_30.stampede(six_lines, KEY, fails, readers=3)
    assert set(threading.enumerate()) <= threads


def test_a_killed_holder_leaves_its_lock(redis_conn):
    assert scene_30.killed_while_loading(under_a_lock, KEY, 30) == "it began to load, then its process was killed"
    assert 0 < redis_conn.pttl(f"{KEY}:lock") <= 30_000
    assert not redis_conn.exists(KEY)


def test_a_paused_holder_comes_late(redis_conn):
    seen = []

    def meanwhile():
        seen.append(redis_conn.exists(KEY))
        assert under_a_lock(redis_conn, KEY, load, 60) == "312"

    told = scene_30.paused_while_loading(under_a_lock, KEY, 0.1, meanwhile=meanwhile)
    assert (told, seen) == ("the error LockNotOwnedError", [0])
    assert redis_conn.get(KEY) == scene_30_readers.LATE_ANSWER


def test_a_paused_holder_goes_on_also_when_the_cell_fails():
    def meanwhile():
        raise ValueError("of the cell")

    with pytest.raises(ValueError, match="of the cell"):
        scene_30.paused_while_loading(six_lines, KEY, meanwhile=meanwhile)


def test_a_shorter_lease_is_for_one_read(redis_conn):
    usual = lease.LEASE_SECONDS
    scene_30.killed_while_loading(by_the_class, KEY)
    assert redis_conn.get(KEY).startswith(lease.MARK)
    cache = CacheAside(redis_conn)
    assert scene_30.with_shorter_lease(0.05, lambda: cache.get_or_load(KEY, load, 60)) == "312"
    assert (cache.misses, lease.LEASE_SECONDS) == (1, usual)


def test_the_commands_of_a_miss(redis_conn):
    assert scene_30.commands_of_a_miss(six_lines, redis_conn, KEY) == ["GET", "SET"]
    assert scene_30.commands_of_a_miss(by_the_class, redis_conn, KEY) == ["GET", "EVALSHA", "EVALSHA"]


def test_every_measured_read_is_a_miss(redis_conn):
    calls = []

    def counted(redis_conn, key, load, ttl):
        assert not redis_conn.exists(key)
        calls.append(load())
        redis_conn.set(key, 1)

    ways = {"one": counted, "other": six_lines}
    times = scene_30.time_of_misses(ways, redis_conn, KEY, rounds=3)
    assert list(times) == ["one", "other"]
    assert min(times.values()) > 0
    assert len(calls) == 8
    assert scene_30.time_of_load(load) > 0


def test_the_picture_shows_each_reader_once():
    waiting = Reading(0.0, (), 0.5, "312")
    loading = Reading(0.0, ((0.1, 0.4),), 0.4, "312")
    late = Reading(0.0, ((0.6, 0.9),), 0.9, "312")
    left, right = scene_30.draw_readers(
        {"some": Stampede((loading, waiting)), "others": Stampede((loading, waiting, late))}
    )
    assert [ax.get_title(loc="left") for ax in (left, right)] == ["some\n1 load", "others\n2 loads"]
    assert left.get_xlim() == right.get_xlim() == (0, pytest.approx(918)), "the slowest reader of all is in the picture"
    rows = [(to_hex(line.get_color()[0]), line.get_segments()[0].tolist()) for line in left.collections]
    assert rows == [
        (OTHER, [[0, 1], [400, 1]]),
        (SOURCE, [[100, 1], [400, 1]]),
        (OTHER, [[0, 2], [500, 2]]),
    ]


def test_the_first_bar_is_one():
    axes = scene_30.draw_miss_cost({"six lines": 50.0, "CacheAside": 100.0})
    assert [bar.get_width() for bar in axes.patches] == [1, 2]


def test_the_bench_leaves_only_keys_of_the_lesson(redis_conn):
    scene_30.stampede(six_lines, KEY, load, readers=2)
    assert all(key.startswith("cell-by-cell:stampedes:") for key in redis_conn.scan_iter("*"))
    assert isinstance(redis_conn, redis.Redis)
