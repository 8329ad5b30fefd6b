"""A Redis that hangs (SIGSTOP) or is gone (connection refused): how long readers wait for a value."""

import asyncio
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable
from typing import cast

import redis

from redis_helpers.course.breaking.processes import Processes
from redis_helpers.course.embedded import EmbeddedRedis
from tools.benchmark_peers import READERS, Place, place_of

DEADLINE = 8  # seconds for one call
NAMES = [
    "CacheAside on connect_cache()",
    "CacheAside on connect()",
    "six lines",
    "six lines on connect()",
    "dogpile.cache",
    "django-redis",
    "Django (pickle)",
    "walrus (pickle)",
    "pottery",
    "cashews (async)",
    "aiocache (async)",
]
PAUSES = (0, 0, 1)  # seconds before the first call, the second and the third
Answer = tuple[float, str]  # seconds, and what came: "value", the name of an error, "no answer"


def faults(names: Iterable[str], table: Callable) -> None:
    """Prints the time and the outcome of three calls each, for readers as their libraries make them by default.

    Each is one process, and all wait at the same time. Each has read from its server while that one was well.
    """
    names = [name for name in NAMES if name in names]
    with (
        EmbeddedRedis() as meeting,
        EmbeddedRedis() as hung,
        EmbeddedRedis() as gone,
        Processes(meeting.url) as processes,
    ):
        servers = {"hangs": hung, "is gone": gone}
        started = {
            (fault, name): processes.start(probe, place_of(server), name)
            for fault, server in servers.items()
            for name in names
        }
        for process in started.values():
            process.wait_for("ready", 60)
        assert hung.pid is not None
        os.kill(hung.pid, signal.SIGSTOP)
        gone.kill()
        with redis.Redis.from_url(meeting.url) as redis_conn:
            redis_conn.set("go", "now")
        found = {row: cast(list[Answer], process.result(60)) for row, process in started.items()}
    for fault in servers:
        print(f"\n### Redis {fault}\n")
        head = ["reader", "first call", "second call", "third call, 1 s later", "what comes"]
        print(table(head, [[name, *cells(found[fault, name])] for name in names]))


def probe(redis_conn: redis.Redis, place: Place, name: str) -> list[Answer]:
    """What one process does: reads while the server is well, waits for the fault, reads again."""
    calls: queue.SimpleQueue[str] = queue.SimpleQueue()
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    threading.Thread(target=serve, args=(name, place, calls, answers), daemon=True).start()
    calls.put("warm")
    answers.get()
    print("ready")
    while redis_conn.get("go") is None:
        time.sleep(0.02)
    found = []
    for number, pause in enumerate(PAUSES):
        time.sleep(pause)
        calls.put(f"cold:{number}")
        try:
            found.append(answers.get(timeout=DEADLINE))
        except queue.Empty:
            return [*found, (DEADLINE, "no answer")]
    return found


def serve(name: str, place: Place, calls: queue.SimpleQueue, answers: queue.SimpleQueue) -> None:
    """The thread that reads. It can be left behind when a read takes too long."""
    reader = READERS[name]
    runner = asyncio.Runner() if reader.awaits else None
    read = reader.build(place, load_async if reader.awaits else load)
    while True:
        key, begin, what = calls.get(), time.perf_counter(), "value"
        try:
            runner.run(read(key)) if runner else read(key)
        except Exception as error:
            what = type(error).__name__
        answers.put((time.perf_counter() - begin, what))


def load(key: str) -> dict[str, str]:
    return {"key": key}


async def load_async(key: str) -> dict[str, str]:
    return load(key)


def cells(answers: list[Answer]) -> list[str]:
    """Three times and an outcome. After a call that came to no end, no other was made."""
    times = [f"> {DEADLINE} s" if what == "no answer" else milliseconds(seconds) for seconds, what in answers]
    return [*times, *["–"] * (len(PAUSES) - len(times)), ", ".join(dict.fromkeys(what for _, what in answers))]


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.{2 if seconds < 0.01 else 0}f} ms"
