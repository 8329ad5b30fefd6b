"""`CacheAside` beside other caches, as Markdown tables: `python -m tools.benchmark_cache`, two minutes.

    pip install -r tests/benchmark_requirements.txt           the other libraries; those that are missing are left out
    python -m tools.benchmark_cache                           everything
    python -m tools.benchmark_cache hits --rounds 1000        one part of it: hits, stampede or faults

Ratios are worth quoting, absolute times are not. A missed bound is printed, and is no error: the machine may be busy.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import tempfile
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic, perf_counter_ns

import pandas as pd

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.measure import summary
from redis_helpers.server import server_name
from tools.benchmark_faults import faults
from tools.benchmark_peers import READERS, Place, place_of, why_missing
from tools.benchmark_stampede import stampede

LIBRARIES = ("redis", "hiredis", "orjson", "dogpile.cache", "django-redis", "django", "walrus", "pottery", "cashews")
OURS, OURS_QUICK = "CacheAside on connect()", "CacheAside on connect_cache()"
PEERS = [name for name, reader in READERS.items() if reader.module not in ("redis", "orjson")]
ORDER = {"id": 48213, "fruit": "uva", "variety": "moscato", "kilos": 12.5, "cents": 3875, "paid": True, "at": "08:41"}
SECONDS = 15  # for the rounds of one size
VALUES = {
    "200 bytes": {**ORDER, "buyer": "Cooperativa del mercado de abastos de Chamberí", "note": "before ten"},
    "10 kB": {"day": "2026-03-14", "orders": [{**ORDER, "id": 48213 + i} for i in range(88)]},
}
# Each text an object of its own, as from a source: what is one object in 88 rows would make pickle look quick.
VALUES = {size: json.loads(json.dumps(value)) for size, value in VALUES.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.benchmark_cache", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="hits, stampede, faults (default: all)")
    parser.add_argument("--rounds", type=int, default=4000, help="of the part hits (default: 4000)")
    arguments = parser.parse_args()
    parts = arguments.parts or ["hits", "stampede", "faults"]
    names = usable()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    if load > 1:
        print(f"This machine is busy (load {load:.0f}, {os.cpu_count()} cores): measure again on a quiet one.")
    if "hits" in parts:
        hits(names, arguments.rounds)
    if "stampede" in parts:
        stampede(names, table)
    if "faults" in parts:
        faults(names, table)


def usable() -> list[str]:
    """The readers that can be built here. Prints which libraries there are, and which are left out and why."""
    print(f"Python {platform.python_version()}; " + ", ".join(map(installed, (*LIBRARIES, "aiocache"))) + ".")
    reasons = {module: why_missing(module) for module in dict.fromkeys(reader.module for reader in READERS.values())}
    for module, reason in reasons.items():
        if reason:
            print(f"Left out: {module} ({reason}).")
    return [name for name, reader in READERS.items() if not reasons[reader.module]]


def installed(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"no {library}"


def hits(names: list[str], rounds: int) -> None:
    """A value that is in Redis, asked for by one thread, all readers in turns."""
    names = [name for name in names if not name.endswith("of 2 s")]  # a hit takes no lock
    with one_core() as core, tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "redis.sock")
        with EmbeddedRedis(unixsocket=path) as server, asyncio.Runner() as runner:
            place = place_of(server, unix=path)
            with place.clients() as handle:
                print(f"{server_name(handle.connect())}. {core}")
            print("Six lines: GET and json.loads, or else load and SET EX; on redis.Redis() unless said otherwise.")
            for size, value in VALUES.items():
                times = measure_hits(names, place, value, rounds, runner)
                print(f"\n### A hit, {size} of JSON, {len(times)} rounds (async: every fifth)\n")
                show_hits(times, most=0.70 if size == "200 bytes" else None)


class one_core:
    """Keeps this process, and the server that it starts, on one core: two cores would only add the way between them."""

    def __enter__(self) -> str:
        self.cores = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
        if not self.cores:
            return "Client and server are not kept on one core: this system has no call for it."
        os.sched_setaffinity(0, {max(self.cores)})
        return "Client and server share one core."

    def __exit__(self, *exception: object) -> None:
        if self.cores:
            os.sched_setaffinity(0, self.cores)


def measure_hits(names: Iterable[str], place: Place, value: object, rounds: int, runner: asyncio.Runner):
    """A table of microseconds, one column a reader and one row a round.

    In each round it is each reader's turn once, in another order every time, and its second call counts: the first
    finds the processor's caches full of the reader before. The async ones are slow, so their turn comes in every fifth
    round only. A busy machine comes to fewer rounds.
    """
    calls = {name: timed_call(name, place, value, runner) for name in names}
    times: list[dict[str, float]] = []
    late = monotonic() + SECONDS
    while len(times) < rounds and (monotonic() < late or len(times) < 10):
        turns = [name for name in calls if len(times) % 5 == 0 or not READERS[name].awaits]
        random.shuffle(turns)
        measured = {}
        for name in turns:
            calls[name]()
            measured[name] = calls[name]()
        times.append(measured)
    return pd.DataFrame(times, columns=list(calls))


def timed_call(name: str, place: Place, value: object, runner: asyncio.Runner) -> Callable[[], float]:
    """A function that reads the value once, from Redis for sure, and returns the microseconds that it took."""
    reader, key, loads = READERS[name], f"{list(READERS).index(name)}:{len(json.dumps(value))}", []

    def load(key):
        loads.append(key)
        return value

    async def load_async(key):
        return load(key)

    read = reader.build(place, load_async if reader.awaits else load)

    def call():
        begin = perf_counter_ns()
        read(key)
        return (perf_counter_ns() - begin) / 1000

    async def call_async():  # what it takes inside a running event loop
        begin = perf_counter_ns()
        await read(key)
        return (perf_counter_ns() - begin) / 1000

    once = (lambda: runner.run(call_async())) if reader.awaits else call
    once(), once()
    found = runner.run(read(key)) if reader.awaits else read(key)
    assert found == value and loads == [key], f"{name} does not read from Redis: {loads}"
    return once


def show_hits(times: pd.DataFrame, most: float | None) -> None:
    """The table, and whether the bounds hold. `most` is that of `connect_cache()` to the six lines."""
    medians, shown = times.median(), summary({name: times[name].dropna() for name in times})
    ratios = medians / medians["six lines"]
    head, percentiles = ["reader", "p50 µs", "p95 µs", "p99 µs", "ratio of p50"], ["p50 µs", "p95 µs", "p99 µs"]
    rows = [
        [name, *(f"{microseconds:.1f}" for microseconds in shown.loc[name, percentiles]), f"{ratios[name]:.2f}"]
        for name in medians.sort_values().index
    ]
    print(table(head, rows), end="\n\n")
    bound("CacheAside on connect() to the six lines on it", ratios[OURS] / ratios["six lines on connect()"], 1.05)
    if most:
        bound("CacheAside on connect_cache() to the six lines", ratios[OURS_QUICK], most)
    if peers := [name for name in PEERS if name in medians]:
        best = medians[peers].idxmin()
        bound(f"CacheAside on connect_cache() to the quickest library, {best}", medians[OURS_QUICK] / medians[best], 1)


def bound(what: str, ratio: float, most: float) -> None:
    print(f"- {what}: {ratio:.2f}, at most {most:.2f}: {'met' if ratio <= most else 'missed'}")


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, the numbers on the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    main()
