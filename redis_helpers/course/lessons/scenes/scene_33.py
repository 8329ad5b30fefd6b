"""Lesson 33: small servers that fill up, four kinds of keys on them, a night with a crawler, a neighbour who waits."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import redis
from matplotlib.axes import Axes

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.plots import MARK, OTHER, PEOPLE, plot_bars, plot_lines

PAGE = "x" * 8000  # what a page of the shop looks like to Redis: 8,000 bytes
PAGE_TTL = 600
KINDS = ("fence", "session", "limit")
OF_EACH_KIND = 100
NEW_PAGES = 1500  # about five times as many as a small server has room for
AT_ONCE = 5  # pages in one message
LRU_CLOCK = 1.2  # seconds: LRU counts in whole seconds, so what is to be older must be so by more than one

_open: dict[str, EmbeddedRedis] = {}


# Small servers


def open_small(policy: str, name: str = "small") -> redis.Redis:
    """A client of a new private Redis with `maxmemory` 3 MB, and this policy. An earlier one of that name is ended."""
    if name in _open:
        _open.pop(name).stop()
    # DEL frees the memory at once: the default of Redis. (Valkey's is the other one.) And what LFU has counted does not
    # fade: by default it does at each new minute, which may begin in the seconds of a lesson's day.
    options: dict[str, str | int] = {"lazyfree_lazy_user_del": "no", "lfu_decay_time": 0}
    server = EmbeddedRedis(maxmemory="3mb", maxmemory_policy=policy, **options).start()
    _open[name] = server
    return redis.Redis.from_url(server.url, decode_responses=True)


def close_servers() -> int:
    """Ends all servers that `open_small` has started, and returns how many these were."""
    count = len(_open)
    while _open:
        _open.popitem()[1].stop()
    return count


# Keys that share a server


def store_pages(redis_conn: redis.Redis, count: int) -> int:
    """Stores so many pages, for ten minutes each, and reads each of them three times at once.

    Returns how many were stored; a full server may refuse the others.
    """
    stored = 0
    for begin in range(0, count, AT_ONCE):
        pipe = redis_conn.pipeline(transaction=False)
        for number in range(begin, min(begin + AT_ONCE, count)):
            pipe.set(f"page:{number}", PAGE, ex=PAGE_TTL)
            for _ in range(3):
                pipe.strlen(f"page:{number}")  # for Redis it is used, and 8,000 bytes need not be sent back
        replies = pipe.execute(raise_on_error=False)
        stored += replies[::4].count(True)
    return stored


def store_kinds(redis_conn: redis.Redis) -> None:
    """Stores 100 fence counters without an end, 100 sessions for 12 hours, 100 counters of a limiter for a minute."""
    pipe = redis_conn.pipeline(transaction=False)
    for number in range(OF_EACH_KIND):
        pipe.set(f"fence:{number}", 41)
        pipe.hset(f"session:{number}", mapping={"user": f"customer {number}", "cart:uva": 2})
        pipe.expire(f"session:{number}", 12 * 3600)
        pipe.set(f"limit:{number}", 3, ex=60)
    pipe.execute()


def count_kinds(*clients: redis.Redis) -> dict[str, int]:
    """How many keys of each kind there are on these servers together, and whether the newest page is there (1 or 0)."""
    keys: set[str] = set()
    for client in clients:
        keys.update(client.scan_iter(count=1000))
    counts = dict.fromkeys(KINDS, 0)
    for key in keys:
        kind = key.partition(":")[0]
        if kind in counts:
            counts[kind] += 1
    return {**counts, "newest page": int(f"page:{NEW_PAGES - 1}" in keys)}


def fill_servers(*policies: str) -> dict[str, dict[str, int]]:
    """A small server for each policy: the three kinds come, some time passes, and then 1,500 new pages come.

    Returns what is left, for each policy, as `count_kinds` counts it. A key that was evicted does not come back here,
    so what is left at the end was there at every moment.
    """
    clients = {policy: open_small(policy, policy) for policy in policies}
    for client in clients.values():
        store_kinds(client)
    time.sleep(LRU_CLOCK)
    left = {}
    for policy, client in clients.items():
        store_pages(client, NEW_PAGES)
        left[policy] = count_kinds(client)
    return left


def fill_two_servers(cache: redis.Redis, truth: redis.Redis) -> dict[str, int]:
    """The same keys on two servers: the pages go to the cache, and all others to the truth. What is left, counted."""
    store_kinds(truth)
    store_pages(cache, NEW_PAGES)
    return count_kinds(cache, truth)


def print_left(left: Mapping[str, Mapping[str, int]]) -> None:
    """Prints one line for each policy: how many of each 100 keys are left, and whether the newest page is there."""
    print(f"{'left of 100:':14}" + "".join(f"{kind:>9}" for kind in KINDS) + f"{'newest page':>14}")
    for policy, counts in left.items():
        newest = "yes" if counts["newest page"] else "no"
        print(f"{policy:14}" + "".join(f"{counts[kind]:9}" for kind in KINDS) + f"{newest:>14}")


# A day with a crawler

SHOP_PAGES = 2000
REQUESTS = 200  # of customers, in an hour
HOURS = 6  # before the night, and as many after it
ARCHIVE = 1500  # old pages, which only a crawler reads
# One request, as a program with a cache makes it: read the page, and store it when it is not there.
ONE_REQUEST = """
if redis.call('GET', KEYS[1]) then return 1 end
redis.call('SET', KEYS[1], string.rep('x', 8000), 'EX', 600)
return 0
"""


def customers_requests() -> list[list[str]]:
    """The pages that customers ask for, hour by hour: always the same ones, as they come from a fixed seed.

    A few pages are asked for all the time, and most of the others seldom.
    """
    chance = 1 / np.arange(1, SHOP_PAGES + 1)
    picked = np.random.default_rng(7).choice(SHOP_PAGES, size=(2 * HOURS, REQUESTS), p=chance / chance.sum())
    return [[f"page:{number}" for number in hour] for hour in picked]


def day_and_night(*policies: str) -> dict[str, list[float]]:
    """Six hours of customers, then a night in which a crawler reads 1,500 old pages, then six more hours of customers.

    All of it on a small server for each policy. Returns the hit ratio of the customers, in percent, hour by hour.
    """
    clients = {policy: open_small(policy, policy) for policy in policies}
    ratios: dict[str, list[float]] = {policy: [] for policy in policies}
    for hour, pages in enumerate(customers_requests()):
        if hour == HOURS:
            time.sleep(LRU_CLOCK)
            for client in clients.values():
                _hits(client, [f"archive:{number}" for number in range(ARCHIVE)])
        for policy, client in clients.items():
            ratios[policy].append(100 * _hits(client, pages) / len(pages))
    return ratios


def _hits(redis_conn: redis.Redis, pages: Sequence[str]) -> int:
    """Asks for these pages, one after the other, and returns how many were there."""
    script = redis_conn.register_script(ONE_REQUEST)
    hits = 0
    for begin in range(0, len(pages), 50):
        pipe = redis_conn.pipeline(transaction=False)
        for page in pages[begin : begin + 50]:
            script(keys=[page], client=pipe)
        hits += sum(pipe.execute())
    return hits


POLICY_COLORS = {"allkeys-lfu": PEOPLE[0], "allkeys-lru": PEOPLE[1], "volatile-ttl": MARK}


def plot_hit_ratios(ratios: Mapping[str, Sequence[float]], title: str) -> Axes:
    """A line for each policy, and a grey stripe where the crawler came."""
    hours = list(range(1, 2 * HOURS + 1))
    axes = plot_lines(
        {policy: (hours, values) for policy, values in ratios.items()},
        title=title,
        xlabel="hour of the shop",
        ylabel="hit ratio of the customers, %",
        colors=POLICY_COLORS,
    )
    # The lines end near each other: their names stand above each other, in the order of their ends.
    names = sorted(axes.texts, key=lambda text: text.xy[1])
    for place, name in enumerate(names):
        name.set_position((6, 16 * (place - (len(names) - 1) / 2)))
    axes.axvspan(HOURS + 0.3, HOURS + 0.7, color=OTHER, alpha=0.25)
    axes.annotate("crawler", (HOURS + 0.5, 3), ha="center", color=OTHER, weight="bold")
    axes.set_ylim(0, 100)
    axes.set_xlim(0.5, 2 * HOURS + 2.5)
    axes.set_xticks(hours)
    return axes


# A neighbour who waits

MEMBERS = 100_000
SELLERS = 20_000  # on each of the boards
ROUNDS = 15
# So many members, added within one command.
ADD_MEMBERS = """
for number = 1, tonumber(ARGV[1]) do
  redis.call('SADD', KEYS[1], 'visitor:' .. number)
end
"""
ADD_SELLERS = """
for number = 1, tonumber(ARGV[1]) do
  redis.call('ZADD', KEYS[1], number, 'seller:' .. number)
end
"""


def open_big() -> redis.Redis:
    """A client of a new private Redis without a limit: the set `visitors` has 100,000 members, and three sorted sets,
    `board:1` to `board:3`, have 20,000 each."""
    big = open_small("noeviction", "big")
    big.config_set("maxmemory", 0)
    big.eval(ADD_MEMBERS, 1, "visitors", MEMBERS)
    for board in range(1, 4):
        big.eval(ADD_SELLERS, 1, f"board:{board}", SELLERS)
    return big


def held_up(redis_conn: redis.Redis, work: Callable[[], object]) -> float:
    """Calls `work()`, and returns how long the longest of its commands took, in milliseconds, by the server's clock.

    Redis runs one command at a time: so long it served nobody else. The work is done fifteen times, and the shortest
    time counts, as other programs of this computer can only make it longer. Before each time, `visitors:copy` is a new
    copy of `visitors`. The server writes its slow log for that, so it must be one of your own.
    """
    return min(_held_up_once(redis_conn, work) for _ in range(ROUNDS))


def _held_up_once(redis_conn: redis.Redis, work: Callable[[], object]) -> float:
    redis_conn.copy("visitors", "visitors:copy", replace=True)
    redis_conn.config_set("slowlog-log-slower-than", 0)
    redis_conn.slowlog_reset()
    work()
    redis_conn.config_set("slowlog-log-slower-than", -1)
    entries = redis_conn.slowlog_get(128)
    return max(entry["duration"] / 1000 for entry in entries if not _is_of_the_bench(entry["command"]))


def _is_of_the_bench(command: bytes | str) -> bool:
    words = command.decode(errors="replace") if isinstance(command, bytes) else command
    return words.upper().startswith(("CONFIG", "SLOWLOG"))


def plot_waits(waits: Mapping[str, float], title: str) -> Axes:
    """A bar for each command: how long a neighbour waits for it."""
    axes = plot_bars(waits, title, "ms")
    axes.set_xlabel("time in which Redis serves nobody else, ms")
    return axes
