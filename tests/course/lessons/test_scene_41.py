"""The bench of lesson 41: a cluster that breaks and is mended, writers meanwhile, and a pair with a Sentinel."""

import os
import time
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import redis
from redis.exceptions import ClusterDownError, RedisClusterException
from redis.sentinel import Sentinel

from redis_helpers.course.lessons.scenes import scene_41
from redis_helpers.course.lessons.scenes.scene_41 import Write, Writes, draw_writes
from redis_helpers.errors import CourseError

KEYS = [f"cell-by-cell:failover:order:{number}" for number in (1, 2, 3)]

pytestmark = pytest.mark.xdist_group("scene_41")  # one process builds the cluster


@pytest.fixture(scope="module")
def cluster():
    yield scene_41.open_cluster()
    scene_41.close_cluster()


@pytest.fixture
def client(cluster):
    cluster.whole()
    with cluster.connect() as connected:
        yield connected


def roles(cluster):
    found = []
    for node in cluster.nodes:
        with cluster.connect_to(node) as one:
            found.append(one.info("replication")["role"])
    return sorted(found)


def test_the_three_orders_lie_in_three_shards(cluster, client):
    assert len({cluster.primary_of(key).port for key in KEYS}) == 3


def test_a_dead_primary_is_a_replica_when_it_is_whole_again(cluster, client):
    old, new = cluster.primary_of(KEYS[0]), cluster.replicas_of(KEYS[0])[0]
    cluster.kill_and_promote(KEYS[0])
    assert cluster.primary_of(KEYS[0]) is new
    cluster.whole()
    assert cluster.replicas_of(KEYS[0]) == [old]
    assert roles(cluster) == ["master"] * 3 + ["slave"] * 3


def test_what_came_before_the_cut_is_kept_and_what_came_after_is_lost(cluster, client):
    client.set(KEYS[1], "before")
    cluster.cut_link(KEYS[1])
    client.set(KEYS[1], "after")
    cluster.kill_and_promote(KEYS[1])
    assert client.get(KEYS[1]) == "before"


def test_whole_says_so_when_the_servers_have_forgotten_each_other():
    with scene_41.ShopCluster() as forgetful:
        for node, folder in zip(forgetful.nodes, forgetful._folders, strict=True):
            node.kill()
            Path(folder.name, "nodes.conf").unlink()
        with pytest.raises(CourseError, match=r"do not know each other any more.* open_cluster\(\) again"):
            forgetful.whole()


def test_whole_mends_pauses_links_and_settings(cluster, client):
    paused = cluster.replicas_of(KEYS[0])[0]
    cluster.pause(paused)
    cluster.cut_link(KEYS[2])
    cluster.set_everywhere(scene_41.COVERAGE, "no")
    cluster.set_everywhere(scene_41.COPIES, "1")
    with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
        client.set(KEYS[2], "refused")
    cluster.whole()
    for key in KEYS:
        assert client.set(key, "banana")
        with cluster.connect_to(cluster.primary_of(key)) as primary, primary.pipeline(transaction=False) as pipe:
            assert primary.config_get(scene_41.COVERAGE)[scene_41.COVERAGE] == "yes"
            assert pipe.set(key, "banana").wait(1, 10_000).execute() == [True, 1]


def test_writers_meet_a_failover_and_reads_are_refused_too(cluster, client):
    reads = []

    def kill_and_read():
        cluster.set_everywhere(scene_41.TAKES_OVER_NOT, "yes")
        cluster.primary_of(KEYS[0]).kill()
        with cluster.connect_to(cluster.primary_of(KEYS[1])) as other:
            deadline = time.monotonic() + 30
            while not reads and time.monotonic() < deadline:
                try:
                    other.get(KEYS[1])
                except ClusterDownError as error:
                    reads.append(str(error))
                time.sleep(0.01)
        cluster.set_everywhere(scene_41.TAKES_OVER_NOT, "no")

    seen = scene_41.write_while(cluster, KEYS, kill_and_read)
    assert reads, "the other shards should refuse reads"
    assert "ConnectionError" in seen.errors(KEYS[0])
    for key in KEYS[1:]:
        assert "ClusterDownError" in seen.errors(key)
        assert seen.seconds_refused(key) > 0
    assert all(writes[-1].error is None for writes in seen.tries.values())


def test_nobody_is_left_of_a_cluster_that_is_gone(cluster):
    """It leaves the cluster ended: it stands last."""
    client = cluster.connect()
    folders = [folder.name for folder in cluster._folders]
    assert all(map(os.path.isdir, folders))
    ports = [node.port for node in cluster.nodes]
    scene_41.close_cluster()
    assert not any(map(os.path.exists, folders))
    with pytest.raises((redis.ConnectionError, RedisClusterException)):
        client.get(KEYS[0])
    with pytest.raises(RedisClusterException):
        redis.RedisCluster(host="127.0.0.1", port=ports[0])


def test_a_row_shows_when_it_was_refused():
    tries = [Write(-0.2, -0.1, None), Write(0.0, 0.1, "E"), Write(0.2, 0.3, "E"), Write(1.0, 1.1, None)]
    seen = Writes({KEYS[0]: tries, KEYS[1]: [Write(-0.2, 1.1, None)]})
    assert [seen.refused(key) for key in KEYS[:2]] == [2, 0]
    assert [seen.errors(key) for key in KEYS[:2]] == [["E"], []]
    assert [seen.seconds_refused(key) for key in KEYS[:2]] == [1.1, 0.0]
    axes = draw_writes(seen, "Which?")
    bars = [(round(bar.get_x(), 1), round(bar.get_x() + bar.get_width(), 1)) for bar in axes.patches]
    assert bars == [(-0.2, 0.0), (0.0, 1.0), (1.0, 1.1), (-0.2, 1.1)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["order 1", "order 2"]
    plt.close("all")


def test_a_sentinel_makes_the_replica_the_primary():
    pair = scene_41.open_watched_pair()
    sentinel = Sentinel([pair.address], password=pair.password, decode_responses=True)
    assert sentinel.discover_master("shop") == (pair.primary.host, pair.primary.port)
    client = sentinel.master_for("shop")
    client.set(KEYS[0], "banana")
    pair.primary.kill()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            client.set(KEYS[0], "apple")
            break
        except redis.ConnectionError:
            time.sleep(0.02)
    assert sentinel.discover_master("shop")[1] == pair.replica.port
    for _ in range(2):
        scene_41.close_watched_pair()
    assert not pair.replica.is_running()
    assert pair._guard.poll() is not None
