"""Lesson 40: a cluster of real nodes, drawn and counted, readers who go on while it grows, and who does the work."""

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import redis
from matplotlib.axes import Axes
from redis.crc import key_slot

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.embedded_cluster import SLOTS, EmbeddedCluster
from redis_helpers.course.plots import CACHE, PEOPLE, plot_bars

UNHURRIED = 15_000  # milliseconds of silence until a node counts as failed; on a busy machine half a second is nothing

ROUNDS = 10

_open: list[EmbeddedCluster] = []  # the one of this notebook
_alone: list[EmbeddedRedis] = []  # its server beside the cluster


def open_cluster() -> EmbeddedCluster:
    """Starts a cluster of six nodes. One that this notebook has opened before ends first.

    Here no node is to be called failed, not even on a computer that is very busy: that is what the next lesson is for.
    """
    while _open:
        _open.pop().stop()
    cluster = EmbeddedCluster(node_timeout=2000, spare=True).start()
    _open.append(cluster)
    for node in cluster.nodes:
        _make_unhurried(node)
    return cluster


def connect_nodes(cluster: EmbeddedCluster) -> dict[str, redis.Redis]:
    """A plain client for each node that is no replica: "node 1", "node 2" and so on. Each talks to its node only."""
    return {name: _client_of(node) for name, node in _primaries(cluster).items()}


def fourth_node(cluster: EmbeddedCluster) -> EmbeddedRedis:
    """One more primary without slots, which joins while you wait; or the one that has joined before."""
    primaries = list(_primaries(cluster).values())
    fourth = primaries[3] if len(primaries) > 3 else cluster.add_primary()
    _make_unhurried(fourth)
    return fourth


def nodes_table(cluster: EmbeddedCluster) -> pd.DataFrame:
    """What `CLUSTER NODES` says of each node: its port, whether it is a primary or has a copy of one, and its slots."""
    names = {node.port: name for name, node in _primaries(cluster).items()}
    found = _cluster_nodes(cluster)
    port_of = {node["node_id"]: port for port, node in found.items()}
    rows = []
    for port, node in found.items():
        copied = names.get(port_of.get(node["master_id"], 0), "")
        slots = ", ".join(f"{first}-{last}" if first != last else first for first, last in map(_ends, node["slots"]))
        role = f"has a copy of {copied}" if copied else "primary" if port in names else ""
        rows.append([names.get(port, "replica"), port, role, slots])
    table = pd.DataFrame(rows, columns=["node", "port", "role", "slots"])
    return table.sort_values(["node", "role"], ignore_index=True)


def keys_table(cluster: EmbeddedCluster, cluster_conn: redis.RedisCluster, prefix: str) -> pd.DataFrame:
    """The keys that begin with `prefix`: the slot of each, the node that has it, and its name without the prefix."""
    pd.set_option("display.max_colwidth", 100)
    owner = {slot: name for name in _primaries(cluster) for slot in slots_of(cluster, name)}
    found = sorted(cluster_conn.scan_iter(match=f"{prefix}*", count=1000))
    rows = [[_slot(key), owner[_slot(key)], key.removeprefix(prefix)] for key in found]
    return pd.DataFrame(rows, columns=["slot", "node", "key"])


def filled_slot(cluster: EmbeddedCluster, name: str, keys: Iterable[str]) -> int:
    """A slot that this node has now, and that one of these keys lies in."""
    slots = set(slots_of(cluster, name))
    return next(_slot(key) for key in keys if _slot(key) in slots)


def slots_of(cluster: EmbeddedCluster, name: str) -> list[int]:
    """The slots that a node has now, in their order."""
    node = _cluster_nodes(cluster)[_primaries(cluster)[name].port]
    return [slot for ends in node["slots"] for slot in range(int(_ends(ends)[0]), int(_ends(ends)[1]) + 1)]


def draw_slots(cluster: EmbeddedCluster, keys: Iterable[str]) -> Axes:
    """Draws all slots as one band, in a colour for each node, and where in it the slot of each key is."""
    ax = plt.subplots(figsize=(9, 2.6))[1]
    for number, (name, node) in enumerate(_primaries(cluster).items()):
        for ends in _cluster_nodes(cluster)[node.port]["slots"]:
            first, last = (int(end) for end in _ends(ends))
            ax.barh(0, last - first + 1, left=first, height=0.5, color=PEOPLE[number])
            ax.annotate(name, ((first + last) / 2, 0), ha="center", va="center", color="white", weight="bold")
    for place, key in enumerate(sorted(keys, key=_slot)):
        above = 0.95 if place % 2 else 0.55
        ax.annotate(
            f"{key}\n{_slot(key):,}",
            (_slot(key), 0.25),
            (_slot(key), above),
            ha="center",
            arrowprops={"arrowstyle": "->"},
        )
    ax.set(title="Which node has the slot of each key?", xlabel="slot", yticks=[], ylim=(-0.3, 1.45))
    ax.set_xlim(-SLOTS * 0.04, SLOTS * 1.04)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    return ax


def draw_keys(title: str, counts: Mapping[str, int]) -> Axes:
    """Draws how many keys each node has, in the colours of `draw_slots`."""
    return plot_bars(counts, title, "keys", colors=dict(zip(counts, itertools.cycle(PEOPLE), strict=False)))


class Readers:
    """Two threads that read keys again and again, through a cluster client, as long as the `with` block lasts.

        with Readers(cluster, {"customer:1": "1"}) as readers:
            …
        print(readers.reads, readers.errors, readers.wrong)

    `reads` counts the right answers, `errors` the exceptions, and `wrong` all other answers: None for a key that is
    there, for example.
    """

    THREADS = 2

    def __init__(self, cluster: EmbeddedCluster, values: Mapping[str, str]) -> None:
        self.reads = self.errors = self.wrong = 0
        self.first_error: BaseException | None = None
        self._cluster, self._values = cluster, values
        self._end = threading.Event()
        self._count = threading.Condition()
        self._rounds = [0] * self.THREADS
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(self.THREADS)]

    def __enter__(self) -> "Readers":
        for thread in self._threads:
            thread.start()
        self.read_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self.read_all()
        self._end.set()
        for thread in self._threads:
            thread.join()

    def read_all(self) -> None:
        """Waits until both have read every key once more, from the first to the last."""
        with self._count:
            wanted = [rounds + 2 for rounds in self._rounds]  # the round under way began earlier
            if not self._count.wait_for(lambda: all(map(int.__ge__, self._rounds, wanted)), timeout=120):
                raise TimeoutError("The readers have not read all keys within two minutes.")

    def _read(self, number: int) -> None:
        with self._cluster.connect() as client:
            while not self._end.is_set():
                for key, value in self._values.items():
                    self._note(client, key, value)
                with self._count:
                    self._rounds[number] += 1
                    self._count.notify_all()

    def _note(self, client: redis.RedisCluster, key: str, value: str) -> None:
        error: Exception | None = None
        found = None
        try:
            found = client.get(key)
        except Exception as problem:
            error = problem
        with self._count:
            if error is not None:
                self.errors += 1
                self.first_error = self.first_error or error
            elif found == value:
                self.reads += 1
            else:
                self.wrong += 1


def connect_one_server() -> redis.Redis:
    """A client of a private server that belongs to no cluster. It ends with this notebook."""
    if not _alone:
        _alone.append(EmbeddedRedis().start())
    return redis.Redis.from_url(_alone[0].url, decode_responses=True)


def compare_work(
    one_conn: redis.Redis, nodes: Mapping[str, redis.Redis], cluster_conn: redis.RedisCluster, work: Callable
) -> dict[str, float]:
    """How much processor time `work(one_conn)` costs its server, and `work(cluster_conn)` each of the nodes.

    That of the one server counts as 1. Both are done ten times in turns, and the times are added up.
    """
    spent = dict.fromkeys(["one server", *nodes], 0.0)
    for _ in range(ROUNDS):
        spent["one server"] += work_of_each({"one server": one_conn}, lambda: work(one_conn))["one server"]
        for name, seconds in work_of_each(nodes, lambda: work(cluster_conn)).items():
            spent[name] += seconds
    return {name: seconds / spent["one server"] for name, seconds in spent.items()}


def work_of_each(clients: Mapping[str, redis.Redis], work: Callable[[], object]) -> dict[str, float]:
    """Does `work()`, and says how many seconds of a processor each of these servers has spent meanwhile."""
    before = {name: _cpu(client) for name, client in clients.items()}
    work()
    return {name: _cpu(client) - before[name] for name, client in clients.items()}


def draw_work(title: str, shares: Mapping[str, float]) -> Axes:
    """Draws the work of each server, in percent of what one server has to do for all."""
    colors = dict.fromkeys(shares, CACHE)
    nodes = [name for name in shares if name.startswith("node")]
    colors |= dict(zip(nodes, itertools.cycle(PEOPLE), strict=False))
    return plot_bars({name: 100 * share for name, share in shares.items()}, title, "% of the work", colors)


def _make_unhurried(node: EmbeddedRedis) -> None:
    with _client_of(node) as client:
        client.config_set("cluster-node-timeout", UNHURRIED)


def _primaries(cluster: EmbeddedCluster) -> dict[str, EmbeddedRedis]:
    """The nodes that are no replicas, by name, in the order of `cluster.nodes`."""
    found = _cluster_nodes(cluster)
    primaries = [node for node in cluster.nodes if "master" in found[node.port]["flags"]]
    return {f"node {number}": node for number, node in enumerate(primaries, 1)}


def _cluster_nodes(cluster: EmbeddedCluster) -> dict[Any, dict[str, Any]]:
    """The reply of CLUSTER NODES, by port."""
    with _client_of(cluster.nodes[0]) as client:
        return {int(address.rpartition(":")[2]): node for address, node in client.cluster("nodes").items()}


def _ends(ends: list[str]) -> tuple[str, str]:
    """The first and the last slot of a range. redis-py gives a range of one slot as a list of one."""
    return ends[0], ends[-1]


def _client_of(node: EmbeddedRedis) -> redis.Redis:
    return redis.Redis(host=node.host, port=node.port or 0, password=node.password, decode_responses=True)


def _slot(key: str) -> int:
    return key_slot(key.encode())


def _cpu(client: redis.Redis) -> float:
    used: Any = client.info("cpu")
    return used["used_cpu_user"] + used["used_cpu_sys"]
