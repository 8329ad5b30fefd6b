"""The bench of lesson 40: what is said of the nodes of a cluster, readers who find a lost key, and shared work."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex
from redis.crc import key_slot

from redis_helpers.course.embedded_cluster import SLOTS
from redis_helpers.course.lessons.scenes import scene_40
from redis_helpers.course.plots import CACHE, PEOPLE

PREFIX = "cell-by-cell:cluster:"
CUSTOMERS = {f"{PREFIX}customer:{number}": str(number) for number in range(40)}

pytestmark = pytest.mark.xdist_group("scene_40")  # one process builds the cluster


@pytest.fixture(scope="module")
def cluster():
    opened = scene_40.open_cluster()
    with opened.connect() as client:
        for key, value in CUSTOMERS.items():
            client.set(key, value)
    yield opened
    opened.stop()


@pytest.fixture
def nodes(cluster):
    clients = scene_40.connect_nodes(cluster)
    yield clients
    for client in clients.values():
        client.close()


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_each_node_has_a_client_of_its_own(cluster, nodes):
    assert list(nodes) == ["node 1", "node 2", "node 3"]
    assert sum(client.dbsize() for client in nodes.values()) == len(CUSTOMERS)
    assert all(
        client.config_get("cluster-node-timeout") == {"cluster-node-timeout": "15000"} for client in nodes.values()
    )


def test_the_table_has_every_node_once(cluster):
    table = scene_40.nodes_table(cluster)
    assert list(table["node"]) == ["node 1", "node 2", "node 3", "replica", "replica", "replica"]
    assert list(table["slots"]) == ["0-5460", "5461-10921", "10922-16383", "", "", ""]
    assert list(table["role"])[:3] == ["primary"] * 3
    assert list(table["role"])[3:] == ["has a copy of node 1", "has a copy of node 2", "has a copy of node 3"]
    assert sorted(table["port"]) == sorted(node.port for node in cluster.nodes)


def test_the_slots_of_a_node_are_all_of_them(cluster, nodes):
    slots = [slot for name in nodes for slot in scene_40.slots_of(cluster, name)]
    assert slots == list(range(SLOTS))
    for name, client in nodes.items():
        slot = scene_40.filled_slot(cluster, name, CUSTOMERS)
        assert client.cluster("COUNTKEYSINSLOT", slot) > 0


def test_a_table_of_keys_says_where_each_lies(cluster, nodes):
    with cluster.connect() as client:
        table = scene_40.keys_table(cluster, client, f"{PREFIX}customer:1")
    assert list(table["key"]) == ["", *map(str, range(10))]
    for slot, name, key in table.itertuples(index=False):
        assert slot == key_slot(f"{PREFIX}customer:1{key}".encode())
        assert nodes[name].exists(f"{PREFIX}customer:1{key}")


def test_the_band_has_all_slots_in_the_colours_of_their_nodes(cluster):
    axes = scene_40.draw_slots(cluster, ["customer:3", "customer:1"])
    assert sum(bar.get_width() for bar in axes.patches if bar.get_height() == 0.5) == SLOTS
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches][:3] == list(PEOPLE[:3])
    arrows = [(text.get_text(), text.xy[0]) for text in axes.texts if "customer" in text.get_text()]
    assert arrows == [("customer:3\n1,597", 1597), ("customer:1\n9,855", 9855)]


def test_the_bars_have_the_colours_of_the_nodes():
    counts = {"node 1": 7, "node 2": 5, "node 3": 9}
    assert colours(scene_40.draw_keys("How many?", counts)) == list(PEOPLE[:3])
    shares = {"one server": 1, "node 1": 0.5, "node 2": 0.5}
    axes = scene_40.draw_work("Who?", shares)
    assert colours(axes) == [CACHE, *PEOPLE[:2]]
    assert [bar.get_width() for bar in axes.patches] == [100, 50, 50]


def colours(axes):
    return [to_hex(bar.get_facecolor()) for bar in axes.patches]


def test_the_readers_see_what_is_there(cluster):
    with scene_40.Readers(cluster, CUSTOMERS) as readers:
        readers.read_all()
    assert readers.reads >= 2 * len(CUSTOMERS)
    assert (readers.errors, readers.wrong, readers.first_error) == (0, 0, None)


def test_the_readers_see_a_key_that_is_gone_for_one_round(cluster):
    key = next(iter(CUSTOMERS))
    with cluster.connect() as client, scene_40.Readers(cluster, CUSTOMERS) as readers:
        client.delete(key)
        readers.read_all()
        client.set(key, CUSTOMERS[key])
    assert readers.wrong >= 2
    assert readers.errors == 0


def test_the_readers_count_errors(cluster):
    with cluster.connect() as client, scene_40.Readers(cluster, {f"{PREFIX}list": "1"} | CUSTOMERS) as readers:
        client.rpush(f"{PREFIX}list", "no text")
        readers.read_all()
        client.delete(f"{PREFIX}list")
    assert readers.errors >= 2
    assert "WRONGTYPE" in str(readers.first_error)


def add_up(client):
    for number in range(30):
        client.eval("for i = 1, 20000 do end return redis.call('GET', KEYS[1])", 1, f"{PREFIX}customer:{number}")


def test_the_work_is_shared_by_the_nodes(cluster, nodes):
    with cluster.connect() as client, scene_40.connect_one_server() as alone:
        shares = scene_40.compare_work(alone, nodes, client, add_up)
    assert list(shares) == ["one server", *nodes]
    assert shares["one server"] == 1
    assert all(0.1 < shares[name] < 0.8 for name in nodes)


def test_a_fourth_node_joins_once(cluster):
    assert len(cluster.nodes) == 6
    fourth = scene_40.fourth_node(cluster)
    assert scene_40.fourth_node(cluster) is fourth
    assert list(scene_40.connect_nodes(cluster)) == ["node 1", "node 2", "node 3", "node 4"]
    assert scene_40.slots_of(cluster, "node 4") == []
    cluster.move_slots([5], fourth)
    assert scene_40.slots_of(cluster, "node 4") == [5]
    assert scene_40.nodes_table(cluster)["slots"][3] == "5"
