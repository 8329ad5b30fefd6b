"""The bench of lesson 03: a hit against the source, and the hit ratio from which a cache pays.

Times are in microseconds (µs). Whatever is compared is measured in turns, so that other programs disturb all of it
alike.
"""

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import pairwise
from time import perf_counter, perf_counter_ns

import matplotlib.pyplot as plt
import redis

from redis_helpers.course.plots import CACHE, MARK, SOURCE, plot_bars, plot_lines
from redis_helpers.market.mysql_connection import mysql_options
from redis_helpers.market.repositories import MysqlRepository, SourceRepository

BENCH = "cell-by-cell:cache:bench:"
TTL = 600  # seconds: longer than any measurement here
LONG = 100_000  # µs: what takes so long is not called again
MOST_CALLS, LEAST_CALLS = 60, 20  # of each function
ENOUGH = 0.2  # seconds: after so long, the least number of calls will do

Load = Callable[[], object]
ReadThrough = Callable[[redis.Redis, str, Load, int], object]

# The lesson's three questions, for a source that is not SQLite.
QUESTIONS: dict[str, Callable[[SourceRepository], object]] = {
    "one fruit": lambda source: source.fruit(1),
    "one day": lambda source: source.day_sales("2025-06-14"),
    "best sellers": lambda source: source.best_sellers(3),
}


def _timed(times: dict[str, float], name: str, function: Callable[[], object]) -> Load:
    """The function, which keeps its quickest time in `times`, whoever calls it.

    A miss asks the source within its own time. So what the source takes there is never more than the miss.
    """

    def call() -> object:
        begin = perf_counter_ns()
        value = function()
        took = (perf_counter_ns() - begin) / 1000
        times[name] = min(took, times.get(name, math.inf))
        return value

    return call


# A hit, a miss, the source


def hit_and_source(redis_conn: redis.Redis, read_through: ReadThrough, name: str, load: Load) -> dict[str, int]:
    """The time of a hit, and of the source: the quickest of many calls, in µs. What takes long is called once.

    The source is SQLite, which `load` asks. When MYSQL_HOST is set, MySQL is asked the question `name` too.
    """
    key = f"{BENCH}{name}"
    redis_conn.delete(key)
    times: dict[str, float] = {}
    ask_source = _timed(times, "SQLite", load)
    read_through(redis_conn, key, ask_source, TTL)  # from here on, each read is a hit
    with _mysql_question(name) as ask_mysql:
        functions = {"hit": lambda: read_through(redis_conn, key, load, TTL), "SQLite": load} | ask_mysql
        return _quickest(functions, times)


def miss_and_source(redis_conn: redis.Redis, read_through: ReadThrough, load: Load) -> dict[str, int]:
    """The time of a miss, and of the source, alone or within a miss: the quickest of many calls, in µs."""
    key = f"{BENCH}miss"
    times: dict[str, float] = {}
    ask_source = _timed(times, "SQLite", load)
    functions = {"miss": lambda: read_through(redis_conn, key, ask_source, TTL), "SQLite": load}
    return _quickest(functions, times, before=lambda: redis_conn.delete(key))


def _quickest(
    functions: Mapping[str, Callable[[], object]],
    times: dict[str, float],
    before: Callable[[], object] = lambda: None,
) -> dict[str, int]:
    """Calls the functions in turns, many times. `times` holds what is known already. `before` is not measured.

    A function that takes long is called once, and nobody waits for more: where a hit is a thousand times as fast, it
    does not matter that other programs disturbed the one call.
    """
    timed = {name: _timed(times, name, function) for name, function in functions.items()}
    for name, call in timed.items():
        if name not in times:
            before()
            call()
    quick = [call for name, call in timed.items() if times[name] < LONG]
    begin = perf_counter()
    for number in range(MOST_CALLS):
        if number >= LEAST_CALLS and perf_counter() - begin > ENOUGH:
            break
        for call in quick:
            before()
            call()
    return {name: round(times[name]) for name in functions}


@contextlib.contextmanager
def _mysql_question(name: str) -> Iterator[dict[str, Load]]:
    """{"MySQL": a function that asks it}; nothing when MYSQL_HOST is not set, or the question is the learner's own."""
    if mysql_options() is None or name not in QUESTIONS:
        yield {}
        return
    with contextlib.closing(MysqlRepository()) as source:
        yield {"MySQL": partial(QUESTIONS[name], source)}


def plot_hit_and_source(times: Mapping[str, Mapping[str, int]]) -> None:
    """A box for each question, with a bar for the hit and one for each source. Its title says which is faster."""
    bars = sum(len(measured) for measured in times.values())
    panels = plt.subplots(len(times), 1, figsize=(8, 0.5 * bars + 1.1 * len(times)), squeeze=False)[1][:, 0]
    for ax, (name, measured) in zip(panels, times.items(), strict=True):
        plot_bars(measured, f"{name}: {_faster(measured)}", "µs", {"hit": CACHE, "SQLite": SOURCE, "MySQL": SOURCE}, ax)


def _faster(measured: Mapping[str, int]) -> str:
    hit, source = measured["hit"], measured["SQLite"]
    if hit > source:
        return "the source is faster"
    times = float(f"{source / hit:.2g}")  # two figures: the next ones change from run to run
    return f"a hit is about {times:,.0f} times as fast" if times >= 2 else "a hit is faster"


# How many hits are enough?

READS = 10
HITS = (0, 1, 2, 3, 5, 7, 10)  # of ten reads
ROUNDS = 5


@dataclass(frozen=True)
class PlayedReads:
    """What a read took on average, in µs: from the source alone, and through the cache, by the hits in ten reads."""

    question: str
    source: int
    through_cache: dict[int, int]

    @property
    def break_even(self) -> float | None:
        """The hits in ten reads at which both take the same. None: ten of ten are not enough."""
        points = list(self.through_cache.items())
        if points[0][1] <= self.source:
            return 0.0
        for (few, slow), (many, fast) in pairwise(points):
            if fast < self.source:
                return round(few + (many - few) * (slow - self.source) / (slow - fast), 1)
        return None


def play_reads(
    redis_conn: redis.Redis, read_through: ReadThrough, source: SourceRepository, question: str
) -> PlayedReads:
    """Reads ten different days, or fruits: from the source alone, then through the cache with 0, 1, 2 … hits.

    Before each run, so many answers are stored: these reads are hits, the others are misses. Each run is done 5 times,
    in turns. The parts of a miss are measured apart: what the source took, and the rest. Of each part the quickest one
    counts, as of each hit: other programs disturbed it least.
    """
    of_source: dict[str, float] = {}
    rests: dict[int, dict[str, float]] = {hits: {} for hits in HITS}
    asked: dict[int, dict[str, bool]] = {hits: {} for hits in HITS}  # whether the read was a miss
    loads = {key: _timed(of_source, key, load) for key, load in _loads(source, question).items()}
    answers = {key: json.dumps(load()) for key, load in loads.items()}
    for _ in range(ROUNDS):
        for load in loads.values():
            load()
        for hits in HITS:
            _store_only(redis_conn, answers, hits)
            for key, load in loads.items():
                asked[hits][key], rest = _read_once(redis_conn, read_through, key, load)
                rests[hits][key] = min(rest, rests[hits].get(key, math.inf))
    redis_conn.delete(*answers)
    through_cache = {}
    for hits in HITS:
        times = [rests[hits][key] + asked[hits][key] * of_source[key] for key in loads]
        through_cache[hits] = round(sum(times) / READS)
    return PlayedReads(question, round(sum(of_source.values()) / READS), through_cache)


def _read_once(redis_conn: redis.Redis, read_through: ReadThrough, key: str, load: Load) -> tuple[bool, float]:
    """Reads through the cache. Returns whether that asked the source, and what all the rest of it took, in µs."""
    times: dict[str, float] = {}
    read = partial(read_through, redis_conn, key, _timed(times, "source", load), TTL)
    _timed(times, "read", read)()
    return "source" in times, times["read"] - times.get("source", 0)


def _loads(source: SourceRepository, question: str) -> dict[str, Load]:
    """Ten reads: for each key a function that asks the source. The days are Saturdays, which have the most orders."""
    if question == "one day":
        days = [(date(2025, 6, 14) + timedelta(days=7 * week)).isoformat() for week in range(READS)]
        return {f"{BENCH}{day}": partial(source.day_sales, day) for day in days}
    if question == "one fruit":
        return {f"{BENCH}{number}": partial(source.fruit, number) for number in range(1, READS + 1)}
    raise ValueError(f'the question is "one day" or "one fruit", not {question!r}')


def _store_only(redis_conn: redis.Redis, answers: Mapping[str, str], hits: int) -> None:
    """So many of the answers are in Redis, spread over the reads, and no other."""
    redis_conn.delete(*answers)
    for number, (key, text) in enumerate(answers.items()):
        if (number + 1) * hits // READS > number * hits // READS:
            redis_conn.set(key, text, ex=TTL)


def plot_break_even(played: PlayedReads) -> None:
    """An average read through the cache as a falling line, from the source alone as a flat one; the crossing marked."""
    ax = plot_lines(
        {
            "cache": (list(played.through_cache), list(played.through_cache.values())),
            "source": ([0, READS], [played.source, played.source]),
        },
        f"{played.question}: how many hits are enough?",
        "hits in ten reads",
        "time of an average read, µs",
        {"cache": CACHE, "source": SOURCE},
    )
    ax.set_xticks(range(READS + 1))
    ax.set_xlim(left=-0.4)
    if played.break_even is not None:
        crossing = (played.break_even, played.source)
        ax.plot(*crossing, "o", markersize=11, color=MARK)
        ax.annotate("break-even", crossing, (10, 10), textcoords="offset points", color=MARK, weight="bold")
