"""The whole shop on one Redis: log-in and cart, a limit, orders in a queue, a board, the last crates, prices.

    redis_conn = RedisConnectionHandle().connect_server_or_cluster()
    with open_whole_shop(redis_conn) as shop:
        maria = shop.browser()

It runs on one server and on a cluster alike: what one command or one script uses lies in one slot. The lessons build
the shop's parts by hand; here they are those that you take home.
"""

import threading
from typing import Any

import redis

from redis_helpers.course.shop.application import FRUITS, Parts
from redis_helpers.course.shop.running import Shop
from redis_helpers.fenced_lock import FencedLock
from redis_helpers.leaderboard import Leaderboard
from redis_helpers.rate_limiter import TokenBucket
from redis_helpers.sessions import Sessions
from redis_helpers.work_queue import WorkQueue

PREFIX = "cell-by-cell:whole-shop:"
CARTS = [f"cart:{fruit}" for fruit in FRUITS]
CRATES = 5  # of each fruit, at the start
WAIT_FOR_LOCK = 1.0  # seconds

# KEYS[1]  how many crates of a fruit there are; without it, as many as at the start
# ARGV[1]  that many
# Returns  1 when one was taken, or 0.
TAKE_CRATE = """
local left = tonumber(redis.call('GET', KEYS[1]) or ARGV[1])
if left < 1 then
  return 0
end
redis.call('SET', KEYS[1], left - 1)
return 1
"""

# KEYS[1]  a hash: `cents`, the price of a fruit; `fence`, the highest fencing number that has set it
# ARGV[1]  cents
# ARGV[2]  our fencing number
# Returns  1 when the price was set; 0 when somebody who had the lock after us was here before.
SET_PRICE = """
local highest = tonumber(redis.call('HGET', KEYS[1], 'fence') or 0)
if tonumber(ARGV[2]) < highest then
  return 0
end
redis.call('HSET', KEYS[1], 'cents', ARGV[1], 'fence', ARGV[2])
return 1
"""


def whole_shop(
    redis_conn: redis.Redis | redis.RedisCluster,
    *,
    queue: WorkQueue | None = None,
    limit: int = 100,
    crates: int = CRATES,
    prefix: str = PREFIX,
) -> Parts:
    """All parts of the shop, on this server or cluster. Nobody works for the queue yet.

    - `queue`: where the orders go; without it, the queue "orders" under the prefix.
    - `limit`: so many requests a second each user may send, or each address of those who are not logged in.
    - `crates`: how many of each fruit are there when the first is bought.
    - `prefix`: all keys begin so.

    Raises redis-py's errors when a cluster does not answer: lock and limiter have connections of their own.
    """
    orders = queue or WorkQueue(redis_conn, "orders", prefix=prefix)
    lock = FencedLock(redis_conn, "prices", prefix=prefix)
    one_at_a_time = threading.Lock()  # a FencedLock is for one thread at a time

    def put_order(order: dict[str, Any]) -> None:
        orders.put(order, own_id=order["id"])

    def take_crate(fruit: str) -> bool:
        return redis_conn.eval(TAKE_CRATE, 1, f"{prefix}crates:{fruit}", crates) == 1

    def set_price(fruit: str, cents: int) -> bool:
        with one_at_a_time, lock.held(wait=WAIT_FOR_LOCK) as fence:
            return redis_conn.eval(SET_PRICE, 1, f"{prefix}price:{fruit}", cents, fence) == 1

    return Parts(
        sessions=Sessions(redis_conn, moves=CARTS, prefix=prefix),
        limiter=TokenBucket(redis_conn, limit, 1, fail_open=True, prefix=prefix),
        limit_key=limit_key,
        put_order=put_order,
        board=Leaderboard(redis_conn, "fruits", prefix=prefix),
        take_crate=take_crate,
        set_price=set_price,
    )


def open_whole_shop(redis_conn: redis.Redis | redis.RedisCluster, **settings: Any) -> Shop:
    """Opens the shop of `whole_shop`, with its settings. It is a shop of its own: none that is open is closed."""
    return Shop(whole_shop(redis_conn, **settings))


def limit_key(user: str | None, address: str, path: str) -> str:
    """Whose limit a request counts for."""
    return f"user:{user}" if user else f"address:{address}"
