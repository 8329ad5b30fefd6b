"""`load-test`: the whole shop under load, and a primary of its cluster that is killed in the middle of it."""

import contextlib
import itertools
import logging
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import redis
from redis.exceptions import RedisClusterException

from redis_helpers.connect_options import ConnectOptions, connect_options
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.course.shop.application import PASSWORD
from redis_helpers.course.shop.customer import Customer
from redis_helpers.course.shop.load_report import (
    Failover,
    Report,
    as_text,
    count_orders,
    longest_gap,
    phases_of,
)
from redis_helpers.course.shop.running import Shop
from redis_helpers.course.shop.whole_shop import whole_shop
from redis_helpers.errors import CourseError
from redis_helpers.queue_worker import Job, Worker
from redis_helpers.redis_repository import RedisRepository
from redis_helpers.server import server_name
from redis_helpers.work_queue import WorkQueue

QUEUE = "orders"
WORKERS = 2
IDLE_LIMIT = 5  # seconds after which a job is taken over whose delivery got lost in the failover
NODE_TIMEOUT = 1000  # milliseconds: with less, nodes of a busy computer take each other for dead
TAKE_OVER = 60  # seconds that a replica gets to take over
PATIENCE = 30  # seconds that a customer tries to bring the last order to its end
WORK_OFF = 120  # seconds that the workers get, after the last customer has gone
LOOK_EVERY = 0.05  # seconds
REDIS_FAILURES = (redis.RedisError, RedisClusterException)

AnyRedis = redis.Redis | redis.RedisCluster


@dataclass(frozen=True)
class Place:
    """Where the shop keeps its data: a client, and the cluster, if it is the load test's own; and how it is called."""

    redis_conn: AnyRedis
    own_cluster: EmbeddedCluster | None
    described: str


def run_load_test(seconds: float = 20, customers: int = 8, seed: int = 1, terminal: TextIO | None = None) -> int:
    """Runs the load test where REDIS_URL or `.env` says, or on a cluster of its own, and prints what it has found.

    - `seconds`: how long the customers shop, some seconds more if the failover takes long. `customers`: how many.
    - `seed`: what the customers do follows from it. When they do it depends on the machine.
    - `terminal`: where the progress bar is drawn, if that is a terminal; by default standard output.

    Returns 0. Raises CourseError when there is no such server, or when the shop does not work there.
    """
    terminal = sys.stdout if terminal is None else terminal
    with place() as where:
        print(where.described, flush=True)
        print(f"{customers} customers shop for {seconds:g} seconds, {WORKERS} workers do their orders.", flush=True)
        with Progress(terminal, seconds) as progress:
            report = load_test(where, seconds, customers, seed, progress)
    print(f"\n{as_text(report)}")
    return 0


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """The server or cluster that is configured, or else a cluster of our own, which ends with the block."""
    if connect_options() is not None:
        with RedisConnectionHandle() as handle:
            redis_conn = handle.connect_server_or_cluster()
            at = f"{server_name(redis_conn)} at {handle.options.address}, as configured"
            kind = "a cluster" if isinstance(redis_conn, redis.RedisCluster) else "one server alone, and no cluster"
            yield Place(redis_conn, None, f"{at}: {kind}. It is not this test's own, so nothing is killed.")
        return
    with EmbeddedCluster(node_timeout=NODE_TIMEOUT) as cluster:
        node = cluster.nodes[0]
        assert node.port is not None  # a node that has been started
        with RedisConnectionHandle(ConnectOptions(node.host, node.port, password=cluster.password)) as handle:
            redis_conn = handle.connect_server_or_cluster()
            said = f"{server_name(redis_conn)}: a cluster of {len(cluster.nodes)} nodes, started for this test"
            yield Place(redis_conn, cluster, f"{said}. After a third of the time, the queue's primary is killed.")


def load_test(where: Place, seconds: float, customers: int, seed: int, progress: "Progress | None" = None) -> Report:
    """Lets the customers shop, kills the primary of the queue if the cluster is our own, and counts what came of it.

    All keys begin with a prefix of this run's own; on a server that is not ours they are deleted at the end.

    Raises CourseError when the shop does not work there, or when its orders cannot be worked off.
    """
    prefix = f"cell-by-cell:load-test:{secrets.token_hex(4)}:"
    with contextlib.ExitStack() as ends:
        ends.enter_context(_quiet_logs())
        if where.own_cluster is None:
            ends.callback(_delete_keys, where.redis_conn, prefix)
        queue = WorkQueue(where.redis_conn, QUEUE, idle_limit=IDLE_LIMIT, max_deliveries=100, prefix=prefix)
        with _redis_failures():
            parts = whole_shop(where.redis_conn, queue=queue, limit=10_000, crates=100, prefix=prefix)
        shop = ends.enter_context(contextlib.closing(Shop(parts)))
        _try_the_shop(shop)
        team = ends.enter_context(Team(queue))
        crowd = [Customer(number, seed, shop.url) for number in range(1, customers + 1)]
        ends.callback(_send_home, crowd, 0)
        began = time.monotonic()
        for customer in crowd:
            customer.start()
        failover = _watch(where, crowd, seconds, progress)
        ended = time.monotonic()
        _send_home(crowd, PATIENCE)
        team.work_off()
        return _report(crowd, team.worked, failover, began, ended)


def _try_the_shop(shop: Shop) -> None:
    """One customer before all others. Raises CourseError with what the shop said, when it does not work there."""
    browser = shop.browser()
    for page in (
        browser.post("/log-in", user="first", password=PASSWORD),
        browser.post("/orders", fruit="uva", boxes=1, id="first"),
        browser.post("/buy", fruit="uva"),
        browser.get("/board"),
    ):
        if page.status >= 400:
            raise CourseError(
                f'The shop does not work on this Redis. It says: "{page.text}" Check the rights of the user in '
                "REDIS_URL, and that all nodes are healthy."
            )


def _watch(where: Place, crowd: list[Customer], seconds: float, progress: "Progress | None") -> Failover | None:
    """Lets the time pass. Kills the queue's primary after a third of it, and waits until its replica has taken over."""
    cluster = where.own_cluster
    began = time.monotonic()
    end_at = began + seconds
    failover: Failover | None = None
    while time.monotonic() < end_at:
        time.sleep(LOOK_EVERY)
        now = time.monotonic()
        if progress is not None:
            progress.show(now - began, crowd, failover)
        if cluster is None:
            continue
        if failover is None and now - began >= seconds / 3:
            failover = Failover(_kill_primary(cluster), None)
            end_at = max(end_at, failover.killed + TAKE_OVER)
        elif failover is not None and failover.took_over is None and _is_served(cluster):
            failover = Failover(failover.killed, time.monotonic())
            end_at = max(began + seconds, time.monotonic() + seconds / 3)  # there has to be a time after it
    return failover


def _kill_primary(cluster: EmbeddedCluster) -> float:
    """Kills the primary that has the queue, and returns when."""
    primary = cluster.primary_of(f"{{{QUEUE}}}")
    killed = time.monotonic()
    primary.kill()
    return killed


def _is_served(cluster: EmbeddedCluster) -> bool:
    """Whether a node that runs has the queue."""
    try:
        return cluster.primary_of(f"{{{QUEUE}}}").is_running()
    except CourseError:  # nobody has it, or nobody answers
        return False


def _send_home(crowd: list[Customer], patience: float) -> None:
    for customer in crowd:
        customer.close(patience)
    for customer in crowd:
        if customer.ident is not None:  # it has been started
            customer.join()


class Team:
    """The workers of a queue, in threads. `worked` counts how many times each order was done, in this process' memory:
    no failover can change that.
    """

    def __init__(self, queue: WorkQueue) -> None:
        self.worked: Counter[str] = Counter()
        self._queue = queue
        self._turn = threading.Lock()
        self._problem: Exception | None = None
        self._workers = [Worker(queue, self._work) for _ in range(WORKERS)]
        self._threads = [threading.Thread(target=self._run, args=[worker], daemon=True) for worker in self._workers]

    def __enter__(self) -> "Team":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers:
            worker.stop()
        for thread in self._threads:
            thread.join()

    def work_off(self) -> None:
        """Waits until the queue is empty. Raises CourseError when that takes too long, or a worker has ended."""
        deadline = time.monotonic() + WORK_OFF
        while not self._is_empty():
            if self._problem is not None:
                raise CourseError(
                    f"A worker has ended ({type(self._problem).__name__}), so the orders cannot be counted: check the "
                    "server, and run this again."
                )
            if time.monotonic() > deadline:
                raise CourseError(
                    f"The orders were not worked off within {WORK_OFF} seconds, so they cannot be counted: check the "
                    "server, and run this again with fewer customers."
                )
            time.sleep(LOOK_EVERY)

    def _is_empty(self) -> bool:
        try:
            sizes = self._queue.sizes()
        except REDIS_FAILURES:
            return False
        return sizes.waiting == 0 and sizes.pending == 0

    def _run(self, worker: Worker) -> None:
        try:
            worker.run()
        except Exception as error:  # `work_off` tells it
            self._problem = error

    def _work(self, job: Job) -> None:
        with self._turn:
            self.worked[job.own_id] += 1


class Progress:
    """One line that is drawn again and again, on a terminal only. A `with` block, which ends the line."""

    def __init__(self, terminal: TextIO, seconds: float) -> None:
        self._terminal = terminal if terminal.isatty() else None
        self._seconds = seconds
        self._width = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._terminal is not None and self._width:
            print(file=self._terminal, flush=True)

    def show(self, passed: float, crowd: list[Customer], failover: Failover | None) -> None:
        """Draws how far the run has come: `passed` is in seconds."""
        if self._terminal is None:
            return
        done = min(20, int(20 * passed / self._seconds))
        bar = "█" * done + "·" * (20 - done)
        requests = sum(len(customer.requests) for customer in crowd)
        state = ""
        if failover is not None:
            state = ", the primary is gone" if failover.took_over is None else ", the replica has taken over"
        line = f"{bar} {passed:5.1f} s, {requests:,} requests{state}"
        print(f"\r{line:{self._width}}", end="", file=self._terminal, flush=True)
        self._width = max(self._width, len(line))


def _report(
    crowd: list[Customer], worked: Counter[str], failover: Failover | None, began: float, ended: float
) -> Report:
    requests = list(itertools.chain.from_iterable(customer.requests for customer in crowd))
    zero = began if failover is None else failover.killed
    of_customers = Counter({order: times for order, times in worked.items() if order != "first"})
    return Report(
        phases=phases_of(requests, failover, began, ended),
        failover=failover,
        refusals=[request.ended - zero for request in requests if request.refused],
        longest_without_any=longest_gap((request.ended for request in requests if request.served), began, ended),
        longest_without_order=longest_gap(
            (request.ended for request in requests if request.is_acknowledged_order), began, ended
        ),
        orders=count_orders(itertools.chain.from_iterable(customer.acknowledged for customer in crowd), of_customers),
        sessions=sum(customer.log_ins for customer in crowd),
        lost_sessions=sum(customer.lost_sessions for customer in crowd),
        failed=sum(request.failed for request in requests),
        first_failure=next((customer.first_failure for customer in crowd if customer.first_failure), ""),
    )


@contextlib.contextmanager
def _redis_failures() -> Iterator[None]:
    """Raises CourseError for what redis-py raises when a cluster does not answer."""
    problem = None
    try:
        yield
    except REDIS_FAILURES as error:
        problem = type(error).__name__
    if problem:  # not raised where the client failed: its error may repeat the password
        raise CourseError(f"The shop could not be opened, for Redis does not answer ({problem}): check all its nodes.")


@contextlib.contextmanager
def _quiet_logs() -> Iterator[None]:
    """What the shop, the limiter and the workers log while a primary is gone is not printed between the lines."""
    silent = logging.NullHandler()
    loggers = [logging.getLogger(name) for name in ("redis_helpers", "redis")]
    for logger in loggers:
        logger.addHandler(silent)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(silent)


def _delete_keys(redis_conn: AnyRedis, prefix: str) -> None:
    try:
        RedisRepository(redis_conn).delete_prefix(prefix)
    except REDIS_FAILURES as error:
        print(f"Keys that begin with {prefix} were left ({type(error).__name__}): delete them.", file=sys.stderr)
