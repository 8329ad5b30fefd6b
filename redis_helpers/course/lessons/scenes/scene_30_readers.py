"""Lesson 30: sixteen readers that all miss one key, and a reader whose process is killed or paused while it loads.

In a module of its own, which draws nothing: each process has to import it.
The bench connects as the notebook's kernel does.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import redis

from redis_helpers import lease
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking.processes import Process, Processes

BENCH = "cell-by-cell:stampedes:bench:"
GO_ON = f"{BENCH}go-on"
READERS = 16
TTL = 60  # seconds: what is loaded outlives the cell
LOOK = 0.001  # seconds from one look to the next
PATIENCE = 60  # seconds, on a very busy machine
LATE_ANSWER = "the old answer"

Load = Callable[[], object]
Read = Callable[..., object]


@dataclass(frozen=True)
class Reading:
    """One reader. The moments are seconds since the first of all readers began."""

    began: float
    loads: tuple[tuple[float, float], ...]  # when it loaded: begin and end of each
    ended: float
    answer: object


@dataclass(frozen=True)
class Stampede:
    """What sixteen readers did. `readings` is in the order in which they got their answers."""

    readings: tuple[Reading, ...]

    @property
    def loads(self) -> int:
        """How often the source was asked."""
        return sum(len(reading.loads) for reading in self.readings)

    @property
    def answers(self) -> list[object]:
        """What the readers got, each answer once."""
        found: list[object] = []
        for reading in self.readings:
            if reading.answer not in found:
                found.append(reading.answer)
        return found

    @property
    def slowest(self) -> float:
        """How long the slowest reader waited, in milliseconds."""
        return 1000 * max(reading.ended - reading.began for reading in self.readings)

    def __str__(self) -> str:
        who = f"{len(self.readings)} reader{'s' * (len(self.readings) > 1)}"
        return f"{who}, {self.loads} load{'s' * (self.loads != 1)}, the slowest waited {self.slowest:.0f} ms"


def stampede(read: Read, key: str, load: Load, readers: int = READERS, processes: int = 1) -> Stampede:
    """Deletes `key`, and lets so many readers call `read(redis_conn, key, load, ttl)` at the same moment.

    Each reader is a thread, with a client of its own. After the reply to its first command, it waits until all others
    have theirs, too: so all of them find nothing, and nothing is left to chance. The readers are spread over so many
    processes; the notebook's own is one of them.
    """
    with RedisConnectionHandle() as handle, Processes(handle.options.url) as others:
        handle.connect().delete(key, f"{BENCH}start", f"{BENCH}missed")
        counts = [readers // processes + (number < readers % processes) for number in range(processes)]
        started = [others.start(_some_readers, count, readers, read, key, load) for count in counts[1:]]
        readings = _some_readers(handle.connect(), counts[0], readers, read, key, load)
        for process in started:
            readings += cast(list[Reading], process.result(PATIENCE))
    begin = min(reading.began for reading in readings)
    moved = [_moved(reading, -begin) for reading in readings]
    return Stampede(tuple(sorted(moved, key=lambda reading: reading.ended)))


def _moved(reading: Reading, by: float) -> Reading:
    loads = tuple((begin + by, end + by) for begin, end in reading.loads)
    return Reading(reading.began + by, loads, reading.ended + by, reading.answer)


def _some_readers(redis_conn: redis.Redis, count: int, all_readers: int, read: Read, key: str, load: Load) -> list:
    """The readers of one process, each in a thread. Raises the first error of any of them."""
    readings: list[Reading] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            readings.append(_reader(redis_conn, all_readers, read, key, load))
        except BaseException as error:  # raised below, in the thread of the cell
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return readings


def _reader(gate_conn: redis.Redis, all_readers: int, read: Read, key: str, load: Load) -> Reading:
    """`gate_conn` is for the bench alone; the reader gets a client of its own."""
    loads: list[tuple[float, float]] = []

    def timed_load() -> object:
        begin = time.monotonic()  # one clock for all processes of a computer
        try:
            return load()
        finally:
            loads.append((begin, time.monotonic()))

    with RedisConnectionHandle() as handle:
        redis_conn = handle.connect()
        _meet(gate_conn, "start", all_readers)
        missed = _after_first_command(redis_conn, lambda: _meet(gate_conn, "missed", all_readers))
        began = time.monotonic()
        try:
            answer = read(redis_conn, key, timed_load, TTL)
        finally:
            if not missed.is_set():  # it never asked Redis: the others do not wait for it
                gate_conn.incr(f"{BENCH}missed")
        return Reading(began, tuple(loads), time.monotonic(), answer)


def _after_first_command(redis_conn: redis.Redis, act: Callable[[], None]) -> threading.Event:
    """Lets this client do `act()` once, between the first reply and the caller. The event says whether it has."""
    execute, done = redis_conn.execute_command, threading.Event()

    def execute_command(*args: Any, **options: Any) -> Any:
        reply = execute(*args, **options)
        if not done.is_set():
            done.set()
            act()
        return reply

    vars(redis_conn)["execute_command"] = execute_command
    return done


def _meet(redis_conn: redis.Redis, place: str, readers: int) -> None:
    """Waits until so many have come."""
    redis_conn.incr(f"{BENCH}{place}")
    give_up_at = time.monotonic() + PATIENCE
    while int(cast(Any, redis_conn.get(f"{BENCH}{place}")) or readers) < readers:
        if time.monotonic() > give_up_at:
            raise TimeoutError("the readers did not meet: this machine is too busy, run the cell again")
        time.sleep(LOOK)


# A reader in trouble


def killed_while_loading(read: Read, key: str, *more: object) -> str:
    """Deletes `key`, and calls `read(redis_conn, key, load, ttl, *more)` in a process of its own, which is killed (kill
    -9) while it loads. Returns what happened, in words."""
    with RedisConnectionHandle() as handle, Processes(handle.options.url) as processes:
        handle.connect().delete(key, GO_ON)
        _loading(processes, read, key, more).kill()
    return "it began to load, then its process was killed"


def paused_while_loading(read: Read, key: str, *more: object, meanwhile: Callable[[], object]) -> str:
    """The same, but the process stands still (SIGSTOP) while it loads. `meanwhile()` is done, and then it goes on.

    What it loads is the text "the old answer". Returns what its caller gets: the answer, or the name of the error.
    """
    with RedisConnectionHandle() as handle, Processes(handle.options.url) as processes:
        redis_conn = handle.connect()
        redis_conn.delete(key, GO_ON)
        process = _loading(processes, read, key, more)
        process.pause()
        try:
            meanwhile()
            redis_conn.set(GO_ON, 1, ex=PATIENCE)
        finally:
            process.resume()
        return cast(str, process.result(PATIENCE))


def _loading(processes: Processes, read: Read, key: str, more: tuple) -> Process:
    """A process that has begun to load."""
    process = processes.start(_read_for_long, read, key, more)
    process.wait_for("loading", PATIENCE)
    return process


def _read_for_long(redis_conn: redis.Redis, read: Read, key: str, more: tuple) -> str:
    """In the child."""

    def load() -> str:
        print("loading", flush=True)
        with RedisConnectionHandle() as handle:
            gate = handle.connect()
            while not gate.exists(GO_ON):
                time.sleep(LOOK)
        return LATE_ANSWER

    try:
        return str(read(redis_conn, key, load, TTL, *more))
    except redis.RedisError as error:
        return f"the error {type(error).__name__}"


def with_shorter_lease(seconds: float, read: Callable[[], object]) -> object:
    """Calls `read()`, while in this process a `CacheAside` takes a holder for dead that is silent for so long.

    Five seconds, as the module has it, are long for a lesson.
    """
    usual = lease.LEASE_SECONDS
    lease.LEASE_SECONDS = cast(int, seconds)
    try:
        return read()
    finally:
        lease.LEASE_SECONDS = usual


# What a miss costs


def commands_of_a_miss(read: Read, redis_conn: redis.Redis, key: str) -> list[str]:
    """The names of the commands that one miss sends. Scripts are known to the server already."""
    sent: list[str] = []
    with RedisConnectionHandle() as handle:
        client = handle.connect()
        execute = client.execute_command

        def execute_command(*args: Any, **options: Any) -> Any:
            sent.append(str(args[0]))
            return execute(*args, **options)

        vars(client)["execute_command"] = execute_command
        for _ in range(2):
            redis_conn.delete(key)
            sent.clear()
            read(client, key, _nothing_to_do, TTL)
    return sent


def _nothing_to_do() -> int:
    return 312


def time_of_misses(ways: dict[str, Read], redis_conn: redis.Redis, key: str, rounds: int = 150) -> dict[str, float]:
    """How long a miss takes in each way, where the load takes no time: in turns, and of each the middle one (p50).

    Returns microseconds. The DEL before each miss is not measured.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 5):
        for name, read in ways.items():
            redis_conn.delete(key)
            begin = time.perf_counter_ns()
            read(redis_conn, key, _nothing_to_do, TTL)
            if number >= 5:  # the first ones warm up
                times[name].append((time.perf_counter_ns() - begin) / 1000)
    return {name: sorted(measured)[len(measured) // 2] for name, measured in times.items()}


def time_of_load(load: Load, times: int = 5) -> float:
    """How long one load takes, in microseconds: the middle one of some."""
    measured = []
    for _ in range(times):
        begin = time.perf_counter_ns()
        load()
        measured.append((time.perf_counter_ns() - begin) / 1000)
    return sorted(measured)[times // 2]
