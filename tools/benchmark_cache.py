"""`CacheAside` beside other caches, as Markdown tables: `python -m tools.benchmark_cache`, two minutes.

    pip install -r tools/benchmark_requirements.txt           the other libraries; those that are missing are left out
    python -m tools.benchmark_cache                           everything
    python -m tools.benchmark_cache reads --rounds 1000       one part of it: reads, stampede or faults

Ratios are worth quoting, absolute times are not. A missed bound is printed, and is no error: the machine may be busy.
"""

import argparse
import asyncio
import itertools
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

LIBRARIES = ("redis", "hiredis", "dogpile.cache", "django-redis", "django", "walrus", "pottery", "cashews")
OURS, OURS_QUICK = "CacheAside on connect()", "CacheAside on connect_cache()"
PEERS = [name for name, reader in READERS.items() if reader.module != "redis"]
ORDER = {"id": 48213, "fruit": "uva", "variety": "moscato", "kilos": 12.5, "cents": 3875, "paid": True, "at": "08:41"}
SECONDS = 15  # for the rounds of one table
MISS_ROUNDS = 1500  # each leaves entries behind
VALUES = {
    "200 bytes": {**ORDER, "buyer": "Cooperativa del mercado de abastos de Chamberí", "note": "before ten"},
    "10 kB": {"day": "2026-03-14", "orders": [{**ORDER, "id": 48213 + i} for i in range(88)]},
}
# Each text an object of its own, as from a source: what is one object in 88 rows would make pickle look quick.
VALUES = {size: json.loads(json.dumps(value)) for size, value in VALUES.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.benchmark_cache", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="reads, stampede, faults (default: all)")
    parser.add_argument("--rounds", type=int, default=4000, help="of the part reads (default: 4000)")
    arguments = parser.parse_args()
    parts = arguments.parts or ["reads", "stampede", "faults"]
    names = usable()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    if load > 1:
        print(f"This machine is busy (load {load:.0f}, {os.cpu_count()} cores): measure again on a quiet one.")
    if "reads" in parts:
        reads(names, arguments.rounds)
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


def reads(names: list[str], rounds: int) -> None:
    """Hits and misses of one thread, all readers in turns. A miss costs its load nothing here: what remains is ours."""
    names = [name for name in names if not name.endswith("of 2 s")]  # the lock's length changes nothing here
    with one_core() as core, tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "redis.sock")
        with EmbeddedRedis(unixsocket=path) as server, asyncio.Runner() as runner:
            place = place_of(server, unix=path)
            with place.clients() as handle:
                print(f"{server_name(handle.connect())}. {core}")
            print("Six lines: GET and json.loads, or else load and SET EX; on redis.Redis() unless said otherwise.")
            print("Each reader has the default settings of its library.")
            for size, value in VALUES.items():
                times = measure_hits(names, place, value, rounds, runner)
                print(f"\n### A hit, {size} of JSON, {len(times)} rounds (async: every fifth)\n")
                show(times)
                if size == "200 bytes":
                    show_bounds_of_hits(times)
            loading = [name for name in names if not name.startswith("a raw")]  # a bare socket has no way to store
            times = measure_misses(loading, place, VALUES["200 bytes"], min(rounds, MISS_ROUNDS), runner)
            print(f"\n### A miss, 200 bytes of JSON, {len(times)} rounds (async: every fifth)\n")
            show(times)
            show_bounds_of_misses(times)


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


Calls = dict[str, Callable[[], float]]  # a reader's name, and a call that returns the microseconds that it took


def measure_hits(
    names: Iterable[str], place: Place, value: object, rounds: int, runner: asyncio.Runner
) -> pd.DataFrame:
    return in_turns({name: timed_hit(name, place, value, runner) for name in names}, rounds)


def measure_misses(
    names: Iterable[str], place: Place, value: object, rounds: int, runner: asyncio.Runner
) -> pd.DataFrame:
    return in_turns({name: timed_miss(name, place, value, runner) for name in names}, rounds)


def in_turns(calls: Calls, rounds: int) -> pd.DataFrame:
    """A table of microseconds, one column a reader and one row a round.

    In each round it is each reader's turn once, in another order every time, and its second call counts: the first
    finds the processor's caches full of the reader before. The async ones are slow, so their turn comes in every fifth
    round only. A busy machine comes to fewer rounds.
    """
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


class Timed:
    """One reader, and how long it takes to read a key."""

    def __init__(self, name: str, place: Place, value: object, runner: asyncio.Runner) -> None:
        self.loads: list[str] = []
        self._value = value
        self._runner = runner
        self._awaits = READERS[name].awaits
        self._read = READERS[name].build(place, self._load_async if self._awaits else self._load)

    def read(self, key: str) -> object:
        return self._runner.run(self._read(key)) if self._awaits else self._read(key)

    def microseconds(self, key: str) -> float:
        if self._awaits:
            return self._runner.run(self._inside_the_loop(key))
        begin = perf_counter_ns()
        self._read(key)
        return (perf_counter_ns() - begin) / 1000

    async def _inside_the_loop(self, key: str) -> float:
        begin = perf_counter_ns()
        await self._read(key)
        return (perf_counter_ns() - begin) / 1000

    def _load(self, key: str) -> object:
        self.loads.append(key)
        return self._value

    async def _load_async(self, key: str) -> object:
        return self._load(key)


def timed_hit(name: str, place: Place, value: object, runner: asyncio.Runner) -> Callable[[], float]:
    """A function that reads the value once, from Redis for sure, and returns the microseconds that it took."""
    timed, key = Timed(name, place, value, runner), f"{list(READERS).index(name)}:{len(json.dumps(value))}"
    for _ in range(3):
        found = timed.read(key)
    assert found == value and timed.loads == [key], f"{name} does not read from Redis: {timed.loads}"
    return lambda: timed.microseconds(key)


def timed_miss(name: str, place: Place, value: object, runner: asyncio.Runner) -> Callable[[], float]:
    """A function that reads a key that is not there yet, and returns the microseconds that it took."""
    timed, prefix, numbers = Timed(name, place, value, runner), f"miss:{list(READERS).index(name)}", itertools.count()

    def once() -> float:
        key = f"{prefix}:{next(numbers)}"
        timed.loads.clear()
        microseconds = timed.microseconds(key)
        assert timed.loads == [key], f"{name} did not load: {timed.loads}"
        return microseconds

    once()
    return once


def show(times: pd.DataFrame) -> None:
    """The table. On a busy machine other work delays the slower half of the calls, so the ratio of p25 is the truer."""
    shown = summary({name: times[name].dropna() for name in times})
    medians, quarters = times.median(), times.quantile(0.25)
    percentiles = ["p50 µs", "p95 µs", "p99 µs"]
    head = ["reader", *percentiles, "ratio of p50", "ratio of p25"]
    rows = [
        [
            name,
            *(f"{microseconds:.1f}" for microseconds in shown.loc[name, percentiles]),
            f"{medians[name] / medians['six lines']:.2f}",
            f"{quarters[name] / quarters['six lines']:.2f}",
        ]
        for name in medians.sort_values().index
    ]
    print(table(head, rows), end="\n\n")


def show_bounds_of_hits(times: pd.DataFrame) -> None:
    quarters = times.quantile(0.25)
    quick = quarters[OURS_QUICK]
    bound("CacheAside on connect() to the six lines on it", quarters[OURS] / quarters["six lines on connect()"], 1.05)
    bound(
        "CacheAside on connect_cache() to the six lines on it", quick / quarters["six lines on connect_cache()"], 1.05
    )
    bound("CacheAside on connect_cache() to the six lines", quick / quarters["six lines"], 0.70)
    if peers := [name for name in PEERS if name in quarters]:
        best = quarters[peers].idxmin()
        bound(f"CacheAside on connect_cache() to the quickest library, {best}", quick / quarters[best], 1)


def show_bounds_of_misses(times: pd.DataFrame) -> None:
    quarters = times.quantile(0.25)
    for ours, six in ((OURS, "six lines on connect()"), (OURS_QUICK, "six lines on connect_cache()")):
        bound(f"{ours} to the {six}", quarters[ours] / quarters[six], 2.0)


def bound(what: str, ratio: float, most: float) -> None:
    print(f"- {what}: {ratio:.2f}, at most {most:.2f}: {'met' if ratio <= most else 'missed'}")


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, the numbers on the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    main()
