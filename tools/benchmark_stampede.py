"""32 readers want one key that is not in Redis, all at once: 4 processes of 8 threads (or asyncio tasks)."""

import asyncio
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

import redis

from redis_helpers.course.breaking.processes import Processes
from redis_helpers.course.embedded import EmbeddedRedis
from tools.benchmark_peers import READERS, Place, place_of

PROCESSES, EACH = 4, 8
DEADLINE = 15  # seconds for one reader
SHORT, LONG = 0.1, 2.5  # seconds that a load takes
SHARED = [  # the readers that let one load answer several requests
    "CacheAside on connect_cache()",
    "dogpile.cache",
    "dogpile.cache, distributed lock",
    "dogpile.cache, distributed lock of 2 s",
    "cashews (async)",
    "cashews, lock=True (async)",
    "aiocache, cached_stampede (async)",
]
ALONE = ["six lines", "django-redis", "Django (pickle)", "walrus (pickle)", "pottery", "aiocache (async)"]
Answer = tuple[float, str]  # seconds, and what came: "" for the value, or the name of an error
Share = tuple[int, list[Answer]]  # of one process in one case: its loads, and what its readers got


@dataclass(frozen=True)
class Case:
    """One stampede: a reader, the seconds that its load takes, and whether that load then fails."""

    name: str
    seconds: float
    fails: bool = False


def stampede(names: Iterable[str], table: Callable) -> None:
    """Prints how often the source was asked, and how long the slowest reader waited."""
    shared, alone = ([name for name in listed if name in names] for listed in (SHARED, ALONE))
    cases = [Case(name, seconds, fails) for name in shared for seconds, fails in ((SHORT, False), (LONG, False))]
    cases += [Case(name, SHORT) for name in alone]
    cases += [Case(name, SHORT, True) for name in shared + alone]
    with EmbeddedRedis() as server, Processes(server.url) as processes:
        place = place_of(server)
        crowds = [processes.start(crowd, place, cases) for _ in range(PROCESSES)]
        results = [cast(dict[Case, Share], process.result(300)) for process in crowds]
    found = {case: [result[case] for result in results] for case in cases}
    rows = [[name, *row(found, name)] for name in shared + alone]
    print(f"\n### A stampede: {PROCESSES} processes × {EACH} readers of one key that is not there\n")
    head = ["reader", "loads of 100 ms", "slowest reader", "loads of 2.5 s", "slowest reader", "loads that fail"]
    print(table(head, rows))


def row(found: dict, name: str) -> list[str]:
    short, long, failing = Case(name, SHORT), Case(name, LONG), Case(name, SHORT, True)
    cells = [*figures(found[short]), *(figures(found[long]) if long in found else ("–", "–"))]
    return [*cells, str(sum(loads for loads, _ in found[failing]))]


def figures(results: list[Share]) -> tuple[str, str]:
    """The number of loads, and the slowest reader, with the errors that readers got instead of the value."""
    answers = [answer for _, of_process in results for answer in of_process]
    errors = [error for _, error in answers if error]
    slowest = f"{1000 * max(seconds for seconds, _ in answers):.0f} ms"
    if errors:
        slowest += f", {len(errors)} × {max(errors, key=errors.count)}"
    return str(sum(loads for loads, _ in results)), slowest


def crowd(redis_conn: redis.Redis, place: Place, cases: list[Case]) -> dict[Case, Share]:
    """What one process does: its part of each case. Returns the loads that it did, and what its readers got."""
    return {case: part(redis_conn, place, case) for case in cases}


def part(redis_conn: redis.Redis, place: Place, case: Case) -> Share:
    loads, cold, reader = [], f"{case.name}:{case.seconds}:{case.fails}", READERS[case.name]

    def begin(key):
        """The seconds that this load takes. The other keys only let every reader open its connection."""
        if key != cold:
            return 0.02
        loads.append(key)
        return case.seconds

    def end(key):
        if key == cold and case.fails:
            raise LookupError
        return {"key": key}

    def load(key):
        time.sleep(begin(key))
        return end(key)

    async def load_async(key):
        await asyncio.sleep(begin(key))
        return end(key)

    together = tasks() if reader.awaits else threads
    read = reader.build(place, load_async if reader.awaits else load)
    together(read, [f"{cold}:{os.getpid()}:{number}" for number in range(EACH)], time.time())
    answers = together(read, [cold] * EACH, moment(redis_conn, cold))
    return len(loads), answers


def moment(redis_conn: redis.Redis, key: str) -> float:
    """When to start: a tenth of a second after the last process has come here."""
    if redis_conn.incr(f"here:{key}") == PROCESSES:
        redis_conn.set(f"start:{key}", time.time() + 0.1)
    while (start := redis_conn.get(f"start:{key}")) is None:
        time.sleep(0.005)
    return float(start)


def threads(read: Callable, keys: list[str], start: float) -> list[Answer]:
    """Reads each key in a thread of its own. One that takes too long is left behind."""
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()

    def reader(key):
        time.sleep(max(0, start - time.time()))
        begin, error = time.perf_counter(), ""
        try:
            read(key)
        except Exception as problem:
            error = type(problem).__name__
        answers.put((time.perf_counter() - begin, error))

    for key in keys:
        threading.Thread(target=reader, args=(key,), daemon=True).start()
    late = start + DEADLINE
    return [answer_of(answers, late) for _ in keys]


def answer_of(answers: queue.SimpleQueue, late: float) -> Answer:
    try:
        return answers.get(timeout=max(0, late - time.time()))
    except queue.Empty:
        return DEADLINE, "no answer"


def tasks() -> Callable:
    """As `threads`, with tasks of one event loop."""
    runner = asyncio.Runner()

    async def reader(read, key, start):
        await asyncio.sleep(max(0, start - time.time()))
        begin, error = time.perf_counter(), ""
        try:
            await asyncio.wait_for(read(key), DEADLINE)
        except Exception as problem:
            error = type(problem).__name__
        return time.perf_counter() - begin, error

    async def together(read, keys, start):
        return await asyncio.gather(*(reader(read, key, start) for key in keys))

    return lambda read, keys, start: runner.run(together(read, keys, start))
