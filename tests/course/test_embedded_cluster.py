"""`EmbeddedCluster`: six real nodes, a failover, and nothing that stays behind."""

import os
import signal
import subprocess
import sys
import threading

import pytest
import redis
from redis.crc import key_slot

from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.errors import CourseError
from tests.support.servers import wait_until


@pytest.fixture(scope="module")
def cluster():
    with EmbeddedCluster() as started:
        yield started


@pytest.fixture
def client(cluster):
    with cluster.connect() as client:
        yield client


def test_every_primary_holds_a_share_of_the_keys_and_has_a_replica(cluster, client):
    keys = [f"fruit:{number}" for number in range(60)]
    for key in keys:
        client.set(key, key)
    assert [client.get(key) for key in keys] == keys
    holders = {cluster.primary_of(key).port for key in keys}
    assert len(holders) == 3
    replicas = {replica.port for key in keys for replica in cluster.replicas_of(key)}
    assert len(replicas) == 3
    assert not holders & replicas


def test_a_node_refuses_keys_of_another(cluster):
    key = "fruit:1"
    for node in cluster.nodes:
        with redis.Redis(port=node.port, password=node.password, decode_responses=True) as direct:
            if node is cluster.primary_of(key):
                direct.set(key, "banana")
                assert direct.get(key) == "banana"
            else:
                with pytest.raises(redis.exceptions.MovedError):
                    direct.set(key, "banana")


def test_what_stands_in_braces_decides_on_the_node(cluster):
    assert key_slot(b"{uva}:lock") == key_slot(b"{uva}:fence") == key_slot(b"uva")
    assert cluster.primary_of("{uva}:lock") is cluster.primary_of("{uva}:fence")


def test_a_replica_takes_over_when_its_primary_is_killed():
    with EmbeddedCluster() as cluster, cluster.connect() as client:
        client.set("price", 312)
        first = cluster.primary_of("price")
        (replica,) = cluster.replicas_of("price")
        with redis.Redis(port=first.port, password=first.password) as direct:
            direct.set("price", 299)
            assert direct.wait(1, 5000) == 1  # the replica has it, so that the failover cannot lose it
        first.kill()
        cluster.wait_until_healthy()
        assert cluster.primary_of("price") is replica
        with cluster.connect() as again:
            assert again.get("price") == "299"
            again.set("price", 305)


def test_a_spare_node_joins_when_a_primary_is_added():
    with EmbeddedCluster(replicas=0, spare=True) as cluster:
        assert len(cluster.nodes) == 3
        spare = cluster._spare
        assert spare.is_running()
        assert cluster.add_primary() is spare
        assert cluster.nodes[-1] is spare
        assert cluster.add_primary() is not spare
    assert not spare.is_running()


def test_a_spare_node_ends_with_its_cluster():
    with EmbeddedCluster(replicas=0, spare=True) as cluster:
        spare = cluster._spare
    assert not spare.is_running()


def test_a_new_primary_gets_slots_while_clients_read_and_write():
    keys = {f"fruit:{number}": str(number) for number in range(120)}
    with EmbeddedCluster(replicas=0) as cluster, cluster.connect() as client:
        for key, value in keys.items():
            client.set(key, value)
        new = cluster.add_primary()
        assert cluster.nodes[-1] is new
        assert not any(cluster.primary_of(key) is new for key in keys)
        first, *slots = sorted({key_slot(key.encode()) for key in keys})[:40]
        assert cluster.move_slots([first], new) >= 1
        for key in keys:  # now this client has heard of the new node
            assert client.get(key) == keys[key]

        seen, begun, ended = [], threading.Event(), threading.Event()

        def read_and_write():
            while not ended.is_set():
                for key, value in keys.items():
                    seen.append(client.get(key) == value)
                    client.set(key, value)
                begun.set()

        reader = threading.Thread(target=read_and_write)
        reader.start()
        begun.wait(60)
        moved = cluster.move_slots([first, *slots], new)
        ended.set()
        reader.join()
        assert seen and all(seen)
        assert len(seen) % len(keys) == 0  # no error has ended it
        there = [key for key in keys if key_slot(key.encode()) in {first, *slots}]
        assert moved == len([key for key in there if key_slot(key.encode()) != first])
        assert all(cluster.primary_of(key) is new for key in there)
        assert all(client.get(key) == value for key, value in keys.items())
        cluster.wait_until_healthy()


def test_nobody_gets_in_without_the_password(cluster):
    with pytest.raises(redis.AuthenticationError), redis.Redis(port=cluster.nodes[0].port, retry=None) as stranger:
        stranger.ping()
    assert cluster.password not in repr(cluster)


def test_stop_ends_all_nodes_and_may_be_done_twice():
    cluster = EmbeddedCluster(replicas=0).start()
    pids = [node.pid for node in cluster.nodes]
    assert len(pids) == 3
    cluster.stop()
    cluster.stop()
    assert not any(map(is_alive, pids))


OWNER = """
import sys
from redis_helpers.course.embedded_cluster import EmbeddedCluster
cluster = EmbeddedCluster().start()
print(*[node.pid for node in cluster.nodes], flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["killed", "at its end"])
def test_it_is_gone_with_its_owner(end):
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pids = [int(pid) for pid in owner.stdout.readline().split()]
    assert len(pids) == 6
    assert all(map(is_alive, pids))
    if end == "killed":
        owner.send_signal(signal.SIGKILL)
    owner.stdin.close()
    owner.wait()
    owner.stdout.close()
    assert wait_until(lambda: not any(map(is_alive, pids)), 60)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_node_that_does_not_start_leaves_nothing():
    cluster = EmbeddedCluster(no_such_option="yes")
    with pytest.raises(CourseError, match="did not start"):
        cluster.start()
    assert cluster.nodes == []


def test_fewer_than_three_primaries_are_refused():
    with pytest.raises(CourseError, match="needs 3 primaries"):
        EmbeddedCluster(primaries=2)
