"""`WorkQueue` beside rq, and beside the bare commands: `python -m tools.benchmark_work_queue`, half a minute.

    pip install rq        the other library; without it, its rows are left out

Small jobs, one producer and one worker. Ratios are worth quoting, absolute times are not. What each keeps:

- by hand: XADD, XREADGROUP and XACK on the same client, and nothing else: no repeat is recognised, no job taken over.
- WorkQueue: what its docstring promises.
- rq: a job is a hash with its state and its result. Its SimpleWorker works in the worker's own process, as WorkQueue
  does. (Its usual Worker forks a process for each job, which takes longer, and which a job cannot bring down.)
"""

import importlib
import random
from collections.abc import Callable
from itertools import pairwise
from time import perf_counter_ns
from typing import Any

import redis

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.queue_worker import Worker
from redis_helpers.server import server_name
from redis_helpers.work_queue import WorkQueue
from tools.benchmark_cache import installed, one_core
from tools.benchmark_cache import table as markdown

ORDER = {"id": 48213, "fruit": "uva", "variety": "moscato", "kilos": 12.5, "cents": 3875, "paid": True, "at": "08:41"}
JOBS = 20  # jobs that are put in one round, and then worked
BY_HAND = "by hand"

begun: list[int] = []  # when each job began, in nanoseconds


def note(order: object) -> None:
    """The job."""
    begun.append(perf_counter_ns())


class ByHand:
    """The control row: what any queue on a stream must send."""

    def __init__(self, redis_conn: redis.Redis) -> None:
        self._redis = redis_conn
        redis_conn.xgroup_create("by-hand", "workers", id="0", mkstream=True)

    def put(self) -> None:
        self._redis.xadd("by-hand", {"fruit": "uva", "cents": 3875})

    def work(self) -> None:
        for _ in range(JOBS):
            reply: Any = self._redis.xreadgroup("workers", "anna", {"by-hand": ">"}, count=1, block=1000)
            entry_id, fields = reply[0][1][0]
            note(fields)
            self._redis.xack("by-hand", "workers", entry_id)


class Ours:
    def __init__(self, redis_conn: redis.Redis) -> None:
        self._queue = WorkQueue(redis_conn, "benchmark")

    def put(self) -> None:
        self._queue.put(ORDER)

    def work(self) -> None:
        self._worker = Worker(self._queue, self._handle)
        self._worker.run()

    def _handle(self, job: Any) -> None:
        note(job.payload)
        if len(begun) == JOBS:
            self._worker.stop()


class Rq:
    def __init__(self, redis_conn: redis.Redis) -> None:
        self._rq = importlib.import_module("rq")
        self._redis = redis_conn
        self._queue = self._rq.Queue("benchmark", connection=redis_conn)

    def put(self) -> None:
        self._queue.enqueue(note, ORDER)

    def work(self) -> None:
        worker = self._rq.SimpleWorker([self._queue], connection=self._redis)
        worker.work(burst=True, logging_level="ERROR")


def why_no_rq() -> str:
    """Why rq is left out; nothing when it is there."""
    try:
        importlib.import_module("rq")
    except ImportError as error:
        return f"rq is left out ({error}): pip install rq"
    return ""


def queues(redis_conn: redis.Redis) -> dict[str, Any]:
    found: dict[str, Any] = {BY_HAND: ByHand(redis_conn), "WorkQueue": Ours(redis_conn)}
    if not why_no_rq():
        found["rq, SimpleWorker"] = Rq(redis_conn)
    return found


def table(rounds: int = 150) -> str:
    """The table as Markdown: microseconds for one put, and for one job from its beginning to that of the next."""
    with (
        one_core() as core,
        EmbeddedRedis() as server,
        redis.Redis.from_url(server.url) as client,
    ):
        heading = [f"{server_name(client)}; {installed('redis')}, {installed('rq')}. {core}"]
        if why_no_rq():
            heading.append(why_no_rq())
        compared = queues(client)
        puts: dict[str, list[float]] = {name: [] for name in compared}
        works: dict[str, list[float]] = {name: [] for name in compared}
        for _ in range(rounds):
            names = list(compared)
            random.shuffle(names)
            for name in names:
                puts[name] += [timed(compared[name].put) for _ in range(JOBS)]
                works[name] += times_of_jobs(compared[name].work)
    return "\n\n".join([*heading, rows("put", puts), rows("work", works)])


def timed(call: Callable[[], object]) -> float:
    """Microseconds."""
    start = perf_counter_ns()
    call()
    return (perf_counter_ns() - start) / 1000


def times_of_jobs(work: Callable[[], object]) -> list[float]:
    """Microseconds from the beginning of each job to that of the next, which begins when the first is settled."""
    begun.clear()
    work()
    if len(begun) != JOBS:
        raise AssertionError(f"{len(begun)} jobs were worked, of {JOBS}")
    return [(later - earlier) / 1000 for earlier, later in pairwise(begun)]


def rows(what: str, times: dict[str, list[float]]) -> str:
    head = [what, "p50 µs", "p95 µs", "p99 µs", "ratio of p50"]
    control = percentile(times[BY_HAND], 50)
    lines = []
    for name, measured in times.items():
        cells = [f"{percentile(measured, share):.0f}" for share in (50, 95, 99)]
        lines.append([name, *cells, f"{percentile(measured, 50) / control:.2f}"])
    return markdown(head, lines)


def percentile(values: list[float], share: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


if __name__ == "__main__":
    from tools import benchmark_work_queue  # rq takes no function of a module that is called __main__

    print(benchmark_work_queue.table())
