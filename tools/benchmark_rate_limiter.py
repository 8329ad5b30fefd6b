"""The four limiters beside those of `limits`, as a Markdown table: `python -m tools.benchmark_rate_limiter`.

    pip install "limits>=5.8"      the other library; without it, its rows are left out

A hit of each takes turns with the others' in one run, client and server on one core. Ratios are worth quoting, absolute
times are not. `limits` keeps no token bucket, and its moving window asks the program's clock.
"""

import os
from collections.abc import Callable

import redis

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.measure import measure_interleaved, summary
from redis_helpers.rate_limiter import FixedWindow, SlidingCounter, SlidingLog, TokenBucket
from tools.benchmark_peers import why_missing

ROUNDS = 4000
LIMIT = 1000  # an hour: the first thousand hits of each are let in, the others denied
BASE = "INCR and EXPIRE in a pipeline"
Hit = Callable[[], object]


def main() -> None:
    print(table())


def table(rounds: int = ROUNDS) -> str:
    """Prints nothing. Returns the table: microseconds of a hit, and its median as a multiple of the plain commands'."""
    on_one_core()
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as redis_conn:
        hits = our_hits(redis_conn)
        reason = why_missing("limits")
        if reason is None:
            hits.update(hits_of_limits(server.url))
        latencies = measure_interleaved(hits, n=rounds, warmup=min(rounds, 200))
    lines = ["| a hit | p50 µs | p95 µs | p99 µs | times the plain commands |", "|---|---|---|---|---|"]
    rows = summary(latencies)
    for name, row in rows.iterrows():
        ratio = row["p50 µs"] / rows.loc[BASE, "p50 µs"]
        lines.append(f"| {name} | {row['p50 µs']} | {row['p95 µs']} | {row['p99 µs']} | {ratio:.2f} |")
    if reason is not None:
        lines.append(f"\nLeft out: limits ({reason}).")
    return "\n".join(lines)


def on_one_core() -> None:
    """This process, and the servers that it starts from now on, share one core, where the system lets us choose."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def our_hits(redis_conn: redis.Redis) -> dict[str, Hit]:
    """A function for each limiter that hits it once, and one for what people write without any."""

    def plain() -> None:
        with redis_conn.pipeline() as pipe:
            pipe.incr("plain")
            pipe.expire("plain", 3600)
            pipe.execute()

    hits: dict[str, Hit] = {BASE: plain, "one GET": lambda: redis_conn.get("plain")}
    for kind in (FixedWindow, SlidingLog, SlidingCounter, TokenBucket):
        hits[kind.__name__] = hit_of(kind(redis_conn, LIMIT, 3600, fail_open=False, patience=5))
    return hits


def hit_of(limiter: FixedWindow | SlidingLog | SlidingCounter | TokenBucket) -> Hit:
    return lambda: limiter.hit("anna")


def hits_of_limits(url: str) -> dict[str, Hit]:
    """The same for the strategies of `limits`, used as its documentation shows it."""
    from limits import RateLimitItemPerHour
    from limits.storage import RedisStorage
    from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

    storage = RedisStorage(url)
    item = RateLimitItemPerHour(LIMIT)
    hits: dict[str, Hit] = {}
    for kind in (FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter):
        hits[f"limits: {kind.__name__}"] = peers_hit(kind(storage), item, kind.__name__)
    return hits


def peers_hit(limiter, item, key: str) -> Hit:
    return lambda: limiter.hit(item, key)


if __name__ == "__main__":
    main()
