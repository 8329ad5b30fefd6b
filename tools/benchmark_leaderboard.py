"""`Leaderboard` beside the PyPI package leaderboard, and by hand: `python -m tools.benchmark_leaderboard`, a minute.

    pip install leaderboard        the other library (2018); without it, its rows are left out

Ratios are worth quoting, absolute times are not. "By hand" is what people write with the bare commands:

- add: ZINCRBY. No total is refused, however inexact, and no board gets its end with the first write.
- a page of five rows: ZREVRANK, ZREVRANGE, and a pipeline of ZCOUNT for the places: three round trips, three moments.
- a week: ZUNIONSTORE, one command. leaderboard's merge_leaderboards sends the same.

leaderboard adds nothing with redis-py from 3.0 on: it gives ZINCRBY its arguments in the order of redis-py 2.
"""

import importlib
import random
from collections.abc import Callable
from statistics import median
from time import perf_counter_ns
from typing import Any

import redis

from redis_helpers.course.breaking.processes import Processes
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.leaderboard import Leaderboard
from redis_helpers.server import server_name
from tools.benchmark_cache import installed, one_core
from tools.benchmark_cache import table as markdown

DAYS = 7
SIZE = 5  # rows of a page
BY_HAND, OURS, PEER = "by hand", "Leaderboard", "leaderboard (PyPI)"

Calls = dict[str, Callable[[], object]]


def table(rounds: int = 2000, builds: int = 5, members: int = 20_000) -> str:
    """The tables as Markdown: one addition, one page, and the longest PING beside the build of a week.

    `members` is how many are on each board, `builds` how often each way builds the week.
    """
    with one_core() as core, EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        fill(client, members)
        heading = [f"{server_name(client)}; {installed('redis')}, {installed('leaderboard')}. {core}"]
        if why_no_peer():
            heading.append(why_no_peer())
        calls_once = {"add": adds(client, members), f"a page of {SIZE}": pages(client, members)}
        shown = [rows(what, in_turns(calls, rounds)) for what, calls in calls_once.items()]
    shown.append(weeks(builds, members))
    return "\n\n".join([*heading, *shown])


def fill(client: redis.Redis, members: int) -> None:
    """A week of boards: on each day the same members, with other scores."""
    dice = random.Random(7)
    for day in boards(client):
        for first in range(0, members, 1000):
            scores = {f"member {number}": dice.randrange(members) for number in range(first, first + 1000)}
            client.zadd(day.key, scores)


def boards(client: redis.Redis) -> list[Leaderboard]:
    return [Leaderboard(client, f"day {day}") for day in range(DAYS)]


def why_no_peer() -> str:
    """Why the package is left out; nothing when it is there."""
    try:
        importlib.import_module("leaderboard.competition_ranking_leaderboard")
    except ImportError as error:
        return f"leaderboard is left out ({error}): pip install leaderboard"
    return ""


def adds(client: redis.Redis, members: int) -> Calls:
    day = boards(client)[0]

    def by_hand() -> object:
        return client.zincrby(day.key, 1, f"member {random.randrange(members)}")

    def ours() -> object:
        return day.add(f"member {random.randrange(members)}", 1)

    return {BY_HAND: by_hand, OURS: ours}


def pages(client: redis.Redis, members: int) -> Calls:
    day = boards(client)[0]

    def by_hand() -> object:
        return page_by_hand(client, day.key, f"member {random.randrange(members)}")

    def ours() -> object:
        return day.around(f"member {random.randrange(members)}", SIZE)

    calls: Calls = {BY_HAND: by_hand, OURS: ours}
    if not why_no_peer():
        module = importlib.import_module("leaderboard.competition_ranking_leaderboard")
        peer = module.CompetitionRankingLeaderboard(day.key, redis_connection=client, page_size=SIZE)

        def theirs() -> object:
            return peer.around_me(f"member {random.randrange(members)}")

        calls[PEER] = theirs
    return calls


def page_by_hand(client: redis.Redis, key: str, member: str) -> list[tuple[int, bytes, float]]:
    rank: Any = client.zrevrank(key, member)
    first = max(rank - SIZE // 2, 0)
    page: Any = client.zrevrange(key, first, first + SIZE - 1, withscores=True)
    with client.pipeline(transaction=False) as pipe:
        for _, score in page:
            pipe.zcount(key, f"({score:.0f}", "+inf")
        higher = pipe.execute()
    return [(above + 1, name, score) for above, (name, score) in zip(higher, page, strict=True)]


def in_turns(calls: Calls, rounds: int) -> dict[str, list[float]]:
    """Microseconds. In each round it is everybody's turn, in another order every time."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        names = list(calls)
        random.shuffle(names)
        for name in names:
            calls[name]()  # the first finds the processor's caches full of the one before
            times[name].append(timed(calls[name]))
    return times


def timed(call: Callable[[], object]) -> float:
    """Microseconds."""
    start = perf_counter_ns()
    call()
    return (perf_counter_ns() - start) / 1000


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


def union_store(redis_conn: redis.Redis) -> None:
    redis_conn.zunionstore("week by hand", [day.key for day in boards(redis_conn)])


def replace_with_sum(redis_conn: redis.Redis) -> None:
    Leaderboard(redis_conn, "week").replace_with_sum(boards(redis_conn))


WEEKS = {"ZUNIONSTORE": union_store, OURS: replace_with_sum}


def weeks(builds: int, members: int) -> str:
    """The longest PING beside a build by another process: the median of the builds. Not on one core."""
    longest: dict[str, list[float]] = {name: [] for name in WEEKS}
    lasted: dict[str, list[float]] = {name: [] for name in WEEKS}
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        fill(client, members)
        with Processes(server.url) as processes:
            for _ in range(builds):
                names = list(WEEKS)
                random.shuffle(names)
                for name in names:
                    builder = processes.start(build_when_told, name)
                    builder.wait_for("ready")
                    pings = pings_until_built(client)
                    longest[name].append(max(pings))
                    lasted[name].append(float(str(builder.result())))
    head = [f"a week of {DAYS} × {members:,} members", "longest PING, ms", "ratio", "the build, ms"]
    control = median(longest["ZUNIONSTORE"])
    lines = []
    for name in WEEKS:
        ping = median(longest[name])
        lines.append([name, f"{ping / 1000:.1f}", f"{ping / control:.3f}", f"{median(lasted[name]) / 1000:.0f}"])
    return markdown(head, lines)


def build_when_told(redis_conn: redis.Redis, name: str) -> float:
    """Builds in a process of its own, when the other one says so. Returns how long it took, in microseconds."""
    print("ready")
    redis_conn.blpop("begin")
    took = timed(lambda: WEEKS[name](redis_conn))
    redis_conn.set("built", 1, px=60_000)
    return took


def pings_until_built(client: redis.Redis) -> list[float]:
    """Microseconds of each PING from the beginning of a build to its end: twenty at least, however short it is."""
    client.delete("built")
    client.rpush("begin", 1)
    pings = [timed(client.ping) for _ in range(20)]
    while not client.exists("built"):
        pings += [timed(client.ping) for _ in range(20)]
    return pings


if __name__ == "__main__":
    print(table())
