"""What a call through `RedisRepository` costs beside redis-py's own: `python -m tools.benchmark_repository`.

The table has a row for each method: the ratio of the medians, from rounds that take turns.
"""

import secrets
from typing import Any

import redis

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.measure import measure_interleaved
from redis_helpers.course.notebook.same_client import same_client
from redis_helpers.redis_repository import RedisRepository
from tools.benchmark_cache import table as markdown

PRICES: dict[Any, Any] = {f"fruit {number}": number for number in range(100)}


def table(rounds: int = 4000) -> str:
    """The table as Markdown."""
    rows = []
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url, decode_responses=True) as redis_conn:
        repo = RedisRepository(redis_conn)
        repo.insert_hash_many("prices", PRICES)
        without_scripts = repository_without_scripts(redis_conn)
        pairs = {
            "get": (lambda: repo.get("foo"), lambda: redis_conn.get("foo")),
            "insert": (lambda: repo.insert("foo", "bar"), lambda: redis_conn.set("foo", "bar")),
            "insert_ex": (lambda: repo.insert_ex("foo", "bar", 10), lambda: redis_conn.set("foo", "bar", ex=10)),
            "get_hash": (lambda: repo.get_hash("h", "f"), lambda: redis_conn.hget("h", "f")),
            "get_all_hash, 100 fields": (lambda: repo.get_all_hash("prices"), lambda: redis_conn.hgetall("prices")),
            "insert_hash": (lambda: repo.insert_hash("h", "f", 1), lambda: redis_conn.hset("h", "f", 1)),
            "insert_hash_many, 100 fields": (
                lambda: repo.insert_hash_many("prices", PRICES),
                lambda: redis_conn.hset("prices", mapping=PRICES),
            ),
            "insert_hash_ex": (lambda: repo.insert_hash_ex("x", "f", 1, 10), lambda: pipelined(redis_conn)),
            "insert_hash_ex without scripts": (
                lambda: without_scripts.insert_hash_ex("x", "f", 1, 10),
                lambda: pipelined(redis_conn),
            ),
        }
        for name, (ours, theirs) in pairs.items():
            latencies = measure_interleaved({"ours": ours, "theirs": theirs}, n=rounds, warmup=min(rounds, 200))
            medians = latencies.median()
            rows.append([name, f"{medians['ours'] / medians['theirs']:.2f}"])
    return markdown(["RedisRepository", "times redis-py"], rows)


def pipelined(redis_conn: redis.Redis) -> None:
    """What people write instead of `insert_hash_ex`. On a key of another type it does half of its work."""
    with redis_conn.pipeline() as pipe:
        pipe.hset("x", "f", 1)
        pipe.expire("x", 10)
        pipe.execute()


def repository_without_scripts(redis_conn: redis.Redis) -> RedisRepository:
    """The same for a user who may not run scripts, as managed servers often have it."""
    password = secrets.token_urlsafe()
    rights = ["+@all", "-@scripting"]
    redis_conn.acl_setuser("limited", enabled=True, passwords=[f"+{password}"], keys=["*"], commands=rights)
    return RedisRepository(same_client(redis_conn, username="limited", password=password))


if __name__ == "__main__":
    print(table())
