"""Lesson 09: what a price costs in one hash and in many strings, and the server's two limits for a small hash."""

from typing import Any, cast

import redis

from redis_helpers.course.plots import MARK, OTHER, plot_lines
from redis_helpers.redis_repository import RedisRepository

PREFIX = "cell-by-cell:small:bytes:"
LIMIT = "#333333"  # the colour of the upright line


def hash_limits(redis_conn: redis.Redis) -> tuple[int, int]:
    """The most fields of a small hash, and the most bytes of one value, as the server is set now."""
    settings = cast(dict[str, Any], redis_conn.config_get("hash-max-*"))
    # Before Redis 7, the compact form had another name.
    entries = settings.get("hash-max-listpack-entries") or settings["hash-max-ziplist-entries"]
    longest = settings.get("hash-max-listpack-value") or settings["hash-max-ziplist-value"]
    return int(entries), int(longest)


def bytes_of_prices(redis_conn: redis.Redis, number: int) -> dict[str, int]:
    """Stores `number` prices as many strings, and once more as one hash. Returns the bytes of both, as the server
    counts them: what it needs to find the keys is not among them. All of it is deleted afterwards."""
    repository = RedisRepository(redis_conn)
    repository.delete_prefix(PREFIX)
    one_hash = f"{PREFIX}hash"
    names = [f"fruit:{place}" for place in range(number)]
    redis_conn.hset(one_hash, mapping=dict.fromkeys(names, "312"))
    with redis_conn.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.set(f"{PREFIX}{name}", "312")
        for name in names:
            pipe.memory_usage(f"{PREFIX}{name}")
        strings = sum(pipe.execute()[number:])
    found = {"many strings": strings, "one hash": int(cast(int, redis_conn.memory_usage(one_hash, samples=0)))}
    repository.delete_prefix(PREFIX)
    return found


def bytes_each(redis_conn: redis.Redis, limit: int) -> dict[str, tuple[list[int], list[float]]]:
    """Numbers of prices up to `limit` and a little above, and the bytes of one price for each of them."""
    sizes = sorted({1, limit // 50 or 1, limit // 10 or 1, limit // 4 or 1, limit // 2 or 1, limit, limit + 1})
    sizes.append(limit + limit // 5 + 2)
    found: dict[str, tuple[list[int], list[float]]] = {"many strings": (sizes, []), "one hash": (sizes, [])}
    for number in sizes:
        for name, total in bytes_of_prices(redis_conn, number).items():
            found[name][1].append(total / number)
    return found


def plot_bytes(each: dict[str, tuple[list[int], list[float]]], limit: int) -> None:
    """Two lines, and the server's limit for a small hash as a third, upright."""
    ax = plot_lines(
        each,
        "How many bytes does one price cost?",
        "number of prices",
        "bytes for each price",
        {"one hash": MARK, "many strings": OTHER},
    )
    ax.axvline(limit, color=LIMIT, linestyle=":")
    ax.annotate(f"limit: {limit} fields", (limit, 4), (-6, 0), textcoords="offset points", ha="right", color=LIMIT)
