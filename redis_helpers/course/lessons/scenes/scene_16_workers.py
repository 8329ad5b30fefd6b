"""Lesson 16: six workers in processes of their own, five of which are killed at their work (kill -9).

The processes import this file: so it imports little, and no plots.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis

from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking.processes import Process, Processes
from redis_helpers.errors import CourseError
from redis_helpers.work_queue import WorkQueue

JOBS = "cell-by-cell:proven:jobs"
GROUP = "packers"
PACKED = "cell-by-cell:proven:packed"  # a hash: how often each order was packed
STOP = "cell-by-cell:proven:stop"  # what `_stop_at` says, or NOT_YET
NOT_YET = "nobody works yet"
IN_THE_MIDDLE = "in the middle of order"

KILLS = 5
LOOK = 0.005  # seconds from one look to the next
STALLED = 10.0  # seconds without a further order after which something must be wrong
LAST_ORDER = 0.2  # seconds for a worker that acknowledges first, and has its last order still in hand

Pack = Callable[[redis.Redis, str], object]
Work = Callable[[redis.Redis, str, Pack], object]


@dataclass(frozen=True)
class Report:
    """What came out: the orders that were packed never, and more than once. All times are in milliseconds.

    `left` are pairs: when, and how many orders were still to be packed.
    """

    orders: int
    kills: list[float]
    lost: int
    twice: int
    left: list[tuple[float, int]]

    def __str__(self) -> str:
        return f"{self.orders} orders, {len(self.kills)} kills: {self.lost} lost, {self.twice} packed twice"


def kill_five(work: Work, orders: int = 2000, queue: WorkQueue | None = None) -> Report:
    """Puts the orders, lets six workers pack them, and kills five of the six in the middle of packing.

    `work(redis_conn, name, pack)` is one round of a worker. It is called again and again, in six processes. The orders
    lie in the lesson's stream, or in `queue`.
    """
    with RedisConnectionHandle() as handle, Processes(handle.options.url) as processes:
        redis_conn: Any = handle.connect()
        redis_conn.unlink(JOBS, PACKED)
        redis_conn.set(STOP, NOT_YET)
        is_done = _put_orders(redis_conn, orders, queue)
        names = [f"worker-{number}" for number in range(KILLS + 1)]
        workers = {name: processes.start(_work_until_killed, work, name) for name in names}
        for worker in workers.values():
            worker.wait_for("ready")
        try:
            return _watch(redis_conn, workers, orders, is_done)
        finally:
            redis_conn.unlink(STOP)


def _watch(redis_conn: Any, workers: dict[str, Process], orders: int, is_done: Callable[[], bool]) -> Report:
    """Kills the workers one by one, until nobody has an order any more, and none waits."""
    kills: list[float] = []
    left: list[tuple[float, int]] = []
    names = list(workers)
    _stop_at(redis_conn, orders, 1, names[0])  # the work begins
    begin = further = time.monotonic()
    while True:
        packed = redis_conn.hlen(PACKED)
        now = time.monotonic()
        if left and orders - packed < left[-1][1]:
            further = now
        left.append((1000 * (now - begin), orders - packed))
        worker = workers[names[len(kills)]]  # the next to be killed, or the last one
        if len(kills) == KILLS:
            if is_done():
                break
        elif any(line.startswith(IN_THE_MIDDLE) for line in list(worker.lines)):
            worker.kill()
            further = time.monotonic()
            kills.append(1000 * (further - begin))
            _stop_at(redis_conn, orders, len(kills) + 1, names[len(kills)])
            continue
        if not worker.is_running():
            worker.result()  # raises what it said last
        if now - further > STALLED:
            raise CourseError(
                f"For {STALLED:g} seconds no further order was packed, and {orders - packed} of {orders} are left. "
                "A round takes a job, packs its order, and acknowledges the job: does yours do all three?"
            )
        time.sleep(LOOK)
    time.sleep(LAST_ORDER)
    counts = [int(count) for count in redis_conn.hvals(PACKED)]
    left.append((1000 * (time.monotonic() - begin), orders - len(counts)))
    return Report(orders, kills, orders - len(counts), sum(count > 1 for count in counts), left)


def _stop_at(redis_conn: Any, orders: int, kill: int, name: str) -> None:
    """Tells the workers how many orders they pack before `name` is killed. After the last kill they pack the rest.

    The workers look for themselves: so there are orders left for the next kill, however late this process is.
    """
    if kill > KILLS:
        redis_conn.unlink(STOP)
        return
    packed = kill * (orders * 3 // 20)  # of five kills, the last one comes when a quarter is left
    redis_conn.set(STOP, f"{packed} {name}")


def _put_orders(redis_conn: Any, orders: int, queue: WorkQueue | None) -> Callable[[], bool]:
    """Puts all orders. Returns a function that says whether none waits, and none is in a worker's hands."""
    if queue is not None:
        for order in range(1, orders + 1):
            queue.put({"order": str(order)})
        return lambda: _nothing_left(queue)
    pipe = redis_conn.pipeline(transaction=False)
    pipe.xgroup_create(JOBS, GROUP, id="0", mkstream=True)
    for order in range(1, orders + 1):
        pipe.xadd(JOBS, {"order": order})
    last = pipe.execute()[-1]
    return lambda: _all_read(redis_conn, last) and redis_conn.xpending(JOBS, GROUP)["pending"] == 0


def _nothing_left(queue: WorkQueue) -> bool:
    sizes = queue.sizes()
    return sizes.waiting == sizes.pending == 0


def _all_read(redis_conn: Any, last: str) -> bool:
    (group,) = redis_conn.xinfo_groups(JOBS)
    return group["last-delivered-id"] == last


def _work_until_killed(redis_conn: Any, work: Work, name: str) -> None:
    """What each process does."""

    def pack(conn: Any, order: str) -> None:
        """When a worker is to be killed, it waits for that with an order in hand, and all others wait, too."""
        while (stop := conn.get(STOP)) is not None:
            packed, _, named = stop.partition(" ")
            if conn.hlen(PACKED) < int(packed):
                break
            if named == name:
                print(IN_THE_MIDDLE, order)
                threading.Event().wait()  # for the kill
            time.sleep(0.002)
        conn.hincrby(PACKED, order, 1)

    print("ready")
    while redis_conn.get(STOP) == NOT_YET:
        time.sleep(LOOK)
    while True:
        if not work(redis_conn, name, pack):
            time.sleep(LOOK)


def seconds_have_passed(redis_conn: Any) -> None:
    """Tells Redis that each pending order has been so for ten seconds: so nobody has to wait for them."""
    for entry in redis_conn.xpending_range(JOBS, GROUP, "-", "+", 100):
        job_ids = [entry["message_id"]]
        redis_conn.xclaim(JOBS, GROUP, entry["consumer"], 0, job_ids, idle=10_000, justid=True)
