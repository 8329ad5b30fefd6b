"""`FencedLock` beside redis-py's `Lock`, as a Markdown table: `python -m tools.benchmark_fenced_lock`.

One round acquires the lock and releases it. The rounds of both take turns in one run, client and server on one core.
Ratios are worth quoting, absolute times are not. redis-py's `Lock` gives no fencing number.
"""

import secrets

import redis

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.measure import measure_interleaved, summary
from redis_helpers.fenced_lock import FencedLock
from tools.benchmark_rate_limiter import on_one_core

ROUNDS = 4000
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
BASE = "redis-py's Lock"


def main() -> None:
    print(table())


def table(rounds: int = ROUNDS) -> str:
    """Prints nothing. Returns the table: microseconds of a round, and its median as a multiple of redis-py's `Lock`."""
    on_one_core()
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as redis_conn:
        ours = FencedLock(redis_conn, "ours", ttl=60, patience=5)
        theirs = redis_conn.lock("theirs", timeout=60)
        release = redis_conn.register_script(RELEASE)

        def by_hand() -> None:
            token = secrets.token_hex(16)
            redis_conn.set("by hand", token, nx=True, px=60_000)
            release(keys=["by hand"], args=[token])

        def fenced() -> None:
            ours.acquire()
            ours.release()

        def redis_pys() -> None:
            theirs.acquire()
            theirs.release()

        def fenced_with() -> None:
            with ours.held():
                pass

        def redis_pys_with() -> None:
            with theirs:
                pass

        rounds_of = {
            BASE: redis_pys,
            "FencedLock": fenced,
            "redis-py's Lock, `with`": redis_pys_with,
            "FencedLock, `with`": fenced_with,
            "by hand: SET NX, and a script": by_hand,
        }
        latencies = measure_interleaved(rounds_of, n=rounds, warmup=min(rounds, 200))
    lines = ["| acquire and release | p50 µs | p95 µs | p99 µs | times redis-py's Lock |", "|---|---|---|---|---|"]
    rows = summary(latencies)
    for name, row in rows.iterrows():
        ratio = row["p50 µs"] / rows.loc[BASE, "p50 µs"]
        lines.append(f"| {name} | {row['p50 µs']} | {row['p95 µs']} | {row['p99 µs']} | {ratio:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
