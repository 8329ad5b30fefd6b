"""Keys of other applications: what lies on a Redis that others use, under the commonest prefixes there are."""

import redis
from redis.client import Pipeline

from redis_helpers.course.exercises.review_cards import DUE_SET

# What caches, session stores, limiters, queues and locks of the field call their keys, and names much like ours.
PREFIXES = (
    "cache: session: sessions: user: users: rate: ratelimit: limit: limits: LIMITS: throttle: queue: queues: job: "
    "jobs: lock: locks: leader: leaders: leaderboard: production: staging: dev: test: app: api: page: cart: carts: "
    "product: order: orders: basics: hashes: start: course: exercise: lesson: market: fruit: rq:job: celery-task-meta- "
    "bull: laravel_database_ spring:session:sessions: django.contrib.sessions.cache: flask_cache_ :1: fastapi-cache: "
    "sidekiq: cell-by-cell cell-by-cell- cell-by-cells: cell_by_cell: Cell-by-Cell: my-cell-by-cell: cell:by:cell: * "
    "[cell-by-cell:]"
).split()
WEEK = 7 * 24 * 3600


def fill(redis_conn: redis.Redis | redis.RedisCluster) -> None:
    """Stores three keys under each prefix: a text, one that ends in a week, and one of another type, by turns."""
    with redis_conn.pipeline(transaction=False) as pipe:
        for number, prefix in enumerate(PREFIXES):
            pipe.set(prefix, f"somebody else's {number}")
            pipe.set(f"{prefix}1", f"somebody else's {number}", ex=WEEK)
            _store_another_type(pipe, number, prefix)
        pipe.execute()


def _store_another_type(pipe: Pipeline, number: int, prefix: str) -> None:
    kind = number % 6
    if kind == 0:
        pipe.set(f"{prefix}counter", number)
    elif kind == 1:
        pipe.hset(f"{prefix}hash", mapping={"banana": number, "apple": 2})
    elif kind == 2:
        pipe.rpush(f"{prefix}list", "a", "b", number)
    elif kind == 3:
        pipe.sadd(f"{prefix}set", "a", number)
    elif kind == 4:
        pipe.zadd(f"{prefix}board", {"banana": number, "apple": 2})
    else:
        pipe.xadd(f"{prefix}stream", {"fruit": "uva"}, id=f"1-{number + 1}")


def contents(redis_conn: redis.Redis) -> dict[bytes, tuple[bytes, bool]]:
    """What is on the server, byte for byte: each key's value, and whether the key has an end.

    The set that `review()` keeps is left out: it is meant to outlive a lesson.
    """
    keys = [key.encode() if isinstance(key, str) else key for key in redis_conn.scan_iter(count=1000)]
    keys = [key for key in keys if key != DUE_SET.encode()]
    with redis.Redis(connection_pool=_bytes_pool(redis_conn)) as client, client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.dump(key)
            pipe.ttl(key)
        replies = pipe.execute()
    return {
        key: (dump, ttl != -1) for key, dump, ttl in zip(keys, replies[::2], replies[1::2], strict=True) if ttl != -2
    }


# What is on the server, as one number of 40 digits: quicker than `contents()`.
# Returns the SHA-1 of each key's name, of its value as DUMP writes it, and of whether it has an end.
DIGEST = """
local cursor = '0'
local found = {}
repeat
  local page = redis.call('SCAN', cursor, 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    local dump = redis.call('DUMP', key)
    if dump then
      local ends = tostring(redis.call('TTL', key) ~= -1)
      found[key] = redis.sha1hex(key .. ' ' .. dump .. ' ' .. ends)
    end
  end
until cursor == '0'
local parts = {}
for _, part in pairs(found) do
  parts[#parts + 1] = part
end
table.sort(parts)
return redis.sha1hex(table.concat(parts))
"""


def digest(redis_conn: redis.Redis) -> str:
    """Changes with anything that `contents()` shows."""
    return str(redis_conn.eval(DIGEST, 0))


def _bytes_pool(redis_conn: redis.Redis) -> redis.ConnectionPool:
    pool = redis_conn.connection_pool
    settings = {name: pool.connection_kwargs.get(name) for name in ("host", "port", "db", "username", "password")}
    return redis.ConnectionPool(**settings)
