"""`EmbeddedCluster`: a real Redis Cluster of private redis-server processes."""

import random
import secrets
import socket
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.retry import Retry

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.errors import CourseError

SLOTS = 16384
BUS = 10_000  # a node's bus port, on which the nodes talk to each other, is its port plus so much
NO_RETRIES = Retry(NoBackoff(), 0)
AT_ONCE = 20  # slots whose keys are sent to another node in one round trip
REJOINS_AFTER = 500  # milliseconds, the least that Redis takes
FORM_TIMEOUT = 60  # seconds; six nodes need about two, on a busy machine more


class EmbeddedCluster:
    """Primaries with their replicas, each a server process of its own on loopback, all with one random password.

        with EmbeddedCluster() as cluster:
            redis_conn = cluster.connect()
            cluster.primary_of("fruit:1").kill()

    `primaries` share the 16,384 slots evenly; each has `replicas` replicas. `nodes` holds the primaries first:
    at the start, `nodes[primaries + i]` follows `nodes[i % primaries]`. What `add_primary()` adds comes last.

    `node_timeout`, in milliseconds, is how long a node may be silent before the others call it failed. With Redis' own
    default of 15,000 a replica takes over some 20 seconds after its primary was killed; with the 500 of this class,
    one to two seconds after.

    With `spare`, one more server starts with the others and stays alone until the first `add_primary()`, which then
    takes no two seconds: for so long a node that has just started takes no commands.

    `binary` is the server program (without it, as for `EmbeddedRedis`). Further options are those of redis.conf.
    Six nodes stand in about two seconds. They keep nothing on disk, and end with the Python that started them.
    """

    def __init__(
        self,
        primaries: int = 3,
        replicas: int = 1,
        node_timeout: int = 500,
        binary: str | None = None,
        spare: bool = False,
        **options: str | int,
    ) -> None:
        if primaries < 3:
            raise CourseError("A cluster needs 3 primaries: with fewer, no majority can call a dead one failed.")
        self.nodes: list[EmbeddedRedis] = []
        self.password = secrets.token_urlsafe(24)
        self._primaries = primaries
        self._count = primaries * (1 + replicas)
        self._binary = binary
        self._wants_spare = spare
        self._spare: EmbeddedRedis | None = None
        self._options: dict[str, str | int] = {
            "cluster_enabled": "yes",
            "cluster_node_timeout": node_timeout,
            "repl_diskless_sync_delay": 0,
            "repl_ping_replica_period": 1,  # seconds; CLUSTER SLOTS names a replica after its first such ping
            "masterauth": self.password,
            **options,
        }

    def __repr__(self) -> str:
        return f"EmbeddedCluster(ports {', '.join(str(node.port) for node in self.nodes)})"

    def __enter__(self) -> "EmbeddedCluster":
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> "EmbeddedCluster":
        """Starts the nodes, lets them meet, and waits until each of them calls the cluster healthy.

        Raises CourseError when a node does not start, or when they have not come together within a minute.
        """
        if self.nodes:
            return self
        try:
            for _ in range(self._count):
                self.nodes.append(self._start_node())
            if self._wants_spare:
                self._spare = self._start_node()
            self._form()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends all nodes. Doing it twice does no harm."""
        while self.nodes:
            self.nodes.pop().stop()
        if self._spare is not None:
            self._spare.stop()
            self._spare = None

    def connect(self, **options: object) -> RedisCluster:
        """A client of the cluster. Replies are `str`; `options` are those of `redis.cluster.RedisCluster`."""
        settings: dict[str, object] = {"password": self.password, "decode_responses": True, **options}
        startup_nodes = [ClusterNode(node.host, node.port) for node in self._running()]
        return RedisCluster(startup_nodes=startup_nodes, **settings)  # type: ignore[arg-type]

    def add_primary(self) -> EmbeddedRedis:
        """Starts a node, or takes the spare one. It joins as a primary without slots; `move_slots()` gives it some.

        Returns the node when every running node knows it, and it takes commands. Raises CourseError as `start()` does.
        """
        node, self._spare = self._spare or self._start_node(), None
        _ask(node, "CONFIG SET", "cluster-node-timeout", REJOINS_AFTER)  # so long it waits once it knows the others
        for other in self._running():
            _ask(other, "CLUSTER MEET", node.host, str(node.port))
        self.nodes.append(node)
        self._count += 1
        _wait("a new node knows the others", self._all_know_all)
        _wait("a new node takes commands", lambda: "cluster_state:ok" in _ask(node, "CLUSTER INFO"))
        _ask(node, "CONFIG SET", "cluster-node-timeout", self._options["cluster_node_timeout"])
        return node

    def move_slots(self, slots: Iterable[int], to: EmbeddedRedis) -> int:
        """Moves slots with all their keys to another primary, and returns how many keys they were.

        Clients may read and write meanwhile. While a slot is on its way, its old node answers for the keys that are
        still there, and sends clients to the new one (ASK) for all others. Slots of the new node itself are left out.

        redis-py 8.1 knows a node only by its slots, and fails (AttributeError) where ASK names a node without any. So
        give a new node one slot before, and let the clients hear of it.
        """
        wanted = set(slots)
        primaries = self._primaries_with_slots()
        new_id = _ask(to, "CLUSTER MYID")
        moved = 0
        for first, last, primary, *_ in self._slots():
            source = self._node_at(primary[1])
            on_the_way = sorted(wanted.intersection(range(first, last + 1)))
            if source is to or not on_the_way:
                continue
            old_id = _ask(source, "CLUSTER MYID")
            _ask_all(to, [("CLUSTER SETSLOT", slot, "IMPORTING", old_id) for slot in on_the_way])
            _ask_all(source, [("CLUSTER SETSLOT", slot, "MIGRATING", new_id) for slot in on_the_way])
            moved += self._move_keys(on_the_way, source, to)
            new_owner = [("CLUSTER SETSLOT", slot, "NODE", new_id) for slot in on_the_way]
            _ask_all(to, new_owner)  # first, so that somebody serves the slots at every moment
            _ask_all(source, new_owner)
            for other in primaries:
                if other is not to and other is not source:
                    _ask_all(other, new_owner)
        return moved

    def primary_of(self, key: str) -> EmbeddedRedis:
        """The node that holds `key` now. Raises CourseError while nobody does."""
        slot = key_slot(key.encode())
        for first, last, primary, *_ in self._slots():
            if first <= slot <= last:
                return self._node_at(primary[1])
        raise CourseError(f"No node serves {key!r} now: wait until the cluster is healthy again.")

    def replicas_of(self, key: str) -> list[EmbeddedRedis]:
        """The running nodes that follow the one that holds `key` now."""
        primary = self.primary_of(key)
        primary_id = _ask(primary, "CLUSTER MYID")
        ports = [port for port, followed in _replicas_known_to(primary) if followed == primary_id]
        return [node for node in map(self._node_at, ports) if node.is_running()]

    def wait_until_healthy(self, seconds: float = FORM_TIMEOUT) -> None:
        """Waits until every running node says that all slots are served, and by a node that runs.

        Raises CourseError when that takes longer than `seconds`.
        """
        _wait("all slots are served", self._is_healthy, seconds)

    def _primaries_with_slots(self) -> list[EmbeddedRedis]:
        ports = {primary[1] for _, _, primary, *_ in self._slots()}
        return [node for node in self.nodes if node.port in ports]

    def _move_keys(self, slots: list[int], source: EmbeddedRedis, to: EmbeddedRedis) -> int:
        """The keys of slots on their way. In these, no new key comes at the source any more."""
        counts = _ask_all(source, [("CLUSTER COUNTKEYSINSLOT", slot) for slot in slots])
        filled = [(slot, count) for slot, count in zip(slots, counts, strict=True) if count]
        target = (to.host, str(to.port), "", 0, 5000, "AUTH", to.password, "KEYS")
        for begin in range(0, len(filled), AT_ONCE):
            asked = [("CLUSTER GETKEYSINSLOT", slot, count) for slot, count in filled[begin : begin + AT_ONCE]]
            _ask_all(source, [("MIGRATE", *target, *keys) for keys in _ask_all(source, asked)])
        return sum(count for _, count in filled)

    def _start_node(self) -> EmbeddedRedis:
        for _ in range(20):
            node = EmbeddedRedis(self._binary, port=_port_with_free_bus(), **self._options)
            node.password = self.password
            try:
                return node.start()
            except CourseError as problem:  # another process may have taken one of the ports since the look
                if "Address already in use" not in str(problem):
                    raise
        raise CourseError("No free ports for a node of the cluster were found: end other programs, and try again.")

    def _form(self) -> None:
        """Makes one cluster of nodes that do not know each other."""
        for number, node in enumerate(self.nodes, 1):
            _ask(node, "CLUSTER SET-CONFIG-EPOCH", number)  # all distinct: then the nodes need not settle it
        for number in range(self._primaries):
            first = SLOTS * number // self._primaries
            end = SLOTS * (number + 1) // self._primaries
            _ask(self.nodes[number], "CLUSTER ADDSLOTS", *range(first, end))
        for other in self.nodes[1:]:
            _ask(self.nodes[0], "CLUSTER MEET", other.host, str(other.port))
        _wait("the nodes know each other", self._all_know_all)
        for number, replica in enumerate(self.nodes[self._primaries :]):
            self._follow(replica, self.nodes[number % self._primaries])
        _wait("every node has heard of the replicas", self._all_know_the_replicas)
        self.wait_until_healthy()

    def _follow(self, replica: EmbeddedRedis, primary: EmbeddedRedis) -> None:
        primary_id = _ask(primary, "CLUSTER MYID")

        def has_accepted() -> bool:
            try:
                _ask(replica, "CLUSTER REPLICATE", primary_id)
            except redis.ResponseError:  # "Unknown node": it has not heard of that primary yet
                return False
            return True

        _wait("a replica knows its primary", has_accepted)
        _wait("a replica follows its primary", lambda: "master_link_status:up" in _ask(replica, "INFO replication"))

    def _all_know_all(self) -> bool:
        known = f"cluster_known_nodes:{self._count}\r"
        return all(known in _ask(node, "CLUSTER INFO") for node in self.nodes)

    def _all_know_the_replicas(self) -> bool:
        replicas = self._count - self._primaries
        return all(len(_replicas_known_to(node)) == replicas for node in self.nodes)

    def _is_healthy(self) -> bool:
        running = self._running()
        try:
            states = [_ask(node, "CLUSTER INFO") for node in running]
            ranges = [served for node in running for served in _ask(node, "CLUSTER SLOTS")]
        except redis.RedisError:  # a node that was killed a moment ago
            return False
        owners = {primary[1] for _, _, primary, *_ in ranges}
        return all("cluster_state:ok" in state for state in states) and all(
            self._node_at(port).is_running() for port in owners
        )

    def _slots(self) -> list:
        """The reply of CLUSTER SLOTS, of the first node that answers."""
        for node in self._running():
            try:
                return _ask(node, "CLUSTER SLOTS")
            except redis.RedisError:  # killed a moment ago, or paused
                continue
        raise CourseError("No node of the cluster answers: start the cluster first.")

    def _running(self) -> list[EmbeddedRedis]:
        return [node for node in self.nodes if node.is_running()]

    def _node_at(self, port: int) -> EmbeddedRedis:
        return next(node for node in self.nodes if node.port == port)


def _ask(node: EmbeddedRedis, command: str, *arguments: str | int) -> Any:
    """The raw reply of one node, asked by itself and not as a part of the cluster."""
    return _ask_all(node, [(command, *arguments)])[0]


def _ask_all(node: EmbeddedRedis, commands: list[tuple]) -> list[Any]:
    """The raw replies of one node to many commands, in one round trip. Raises the first error among them."""
    pipe = _client_of(node).pipeline(transaction=False)
    for command in commands:
        pipe.execute_command(*command)
    replies = pipe.execute()
    return [reply.decode() if isinstance(reply, bytes) else reply for reply in replies]


_clients: "weakref.WeakKeyDictionary[EmbeddedRedis, redis.Redis]" = weakref.WeakKeyDictionary()


def _client_of(node: EmbeddedRedis) -> redis.Redis:
    """The client that asks this node. It is kept: to connect anew takes many times as long as a question."""
    if node not in _clients:
        assert node.port is not None, "a node that runs has a port"
        client = redis.Redis(port=node.port, password=node.password, retry=NO_RETRIES, socket_timeout=5)
        client.response_callbacks.clear()
        _clients[node] = client
    return _clients[node]


def _replicas_known_to(node: EmbeddedRedis) -> list[tuple[int, str]]:
    """What a node knows of replicas: the port of each, and the id of the primary that it follows."""
    found = []
    for line in _ask(node, "CLUSTER NODES").splitlines():
        _, address, flags, primary_id, *_ = line.split()  # id 127.0.0.1:port@bus flags primary …
        if "slave" in flags:
            port = address.partition("@")[0].rpartition(":")[2]
            found.append((int(port), primary_id))
    return found


def _wait(what: str, condition: Callable[[], bool], seconds: float = FORM_TIMEOUT) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise CourseError(f"The embedded cluster did not come so far within {seconds:g} seconds that {what}.")
        time.sleep(0.02)


def _port_with_free_bus() -> int:
    """A port that is free, as is its bus port. Both lie below those that the system hands out by itself."""
    while True:
        port = random.randrange(10_240, 22_000)
        if _is_free(port) and _is_free(port + BUS):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
