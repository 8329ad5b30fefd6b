"""Lesson 04: a market full of orders, a walk that is disturbed, and how long others wait."""

import statistics
import threading
import time
from collections.abc import Callable, Mapping

import redis
from matplotlib.axes import Axes

from redis_helpers.course.measure import times_in_turns
from redis_helpers.course.notebook.same_client import same_client
from redis_helpers.course.plots import plot_story

BATCH = 10_000  # keys that are written or deleted at once
ROUNDS = 3
HALF = 530  # of the walk through 1,012 keys
A_LITTLE = 30  # keys: another try goes on so much farther
ENOUGH_DOUBLES = 3
TRIES = 10
A_CLEAN_UP = 0.3  # seconds: a server tidies up behind deleted keys ten times in a second


def fill_with_orders(redis_conn: redis.Redis, size: int) -> None:
    """Makes `order:0`, `order:1` and so on, `size` of them. When there are more, all go first, so that none is left."""
    if redis_conn.exists(_order(size)):
        begin = 0
        while redis_conn.unlink(*[_order(number) for number in range(begin, begin + BATCH)]):
            begin += BATCH
        time.sleep(A_CLEAN_UP)
    for begin in range(0, size, BATCH):
        redis_conn.mset({_order(number): "open" for number in range(begin, min(begin + BATCH, size))})


def walk_while_others_delete(redis_conn: redis.Redis) -> list[str]:
    """Walks through all keys with SCAN. When the walk is half done, somebody deletes nearly all of 1,000 orders.

    Returns every name that SCAN shows, in that order. Ten orders stay: those that were shown last. Then the server
    makes its table of keys smaller, and several places become one. The cursor goes through those that become one
    directly after each other, so the walk is stopped where it has seen all of them but the last, and must come back.
    How many of the ten lie there is a matter of chance: with too few, all is done again. A server shows the same names
    in the same order each time, so the next walk is stopped a little later, at ten other orders.
    """
    shown: list[str] = []
    for number in range(TRIES):
        shown = _walk_once(redis_conn, HALF + number * A_LITTLE)
        if len(shown) - len(set(shown)) >= ENOUGH_DOUBLES:
            break
    return shown


def _walk_once(redis_conn: redis.Redis, half: int) -> list[str]:
    fill_with_orders(redis_conn, 1000)
    time.sleep(A_CLEAN_UP)
    shown: list[str] = []
    cursor, highest = 0, 0
    while len(shown) < half or not _is_before_the_last(cursor, highest):
        cursor, page = redis_conn.scan(cursor, count=1 if len(shown) >= half else 10)
        highest = max(highest, cursor)
        shown += page
        if cursor == 0:
            return shown
    stay = set(shown[-10:])
    redis_conn.unlink(*[_order(number) for number in range(1000) if _order(number) not in stay])
    time.sleep(A_CLEAN_UP)
    while cursor != 0:
        cursor, page = redis_conn.scan(cursor, count=10)
        shown += page
    return shown


def _is_before_the_last(cursor: int, highest: int) -> bool:
    """Whether the cursor points to the last of eight places that become one: it counts from its highest bit downwards.

    `highest` is the greatest cursor so far; it has as many bits as the number of places.
    """
    return cursor.bit_length() == highest.bit_length() >= 3 and cursor >> (highest.bit_length() - 3) == 0b111


def pings_beside(redis_conn: redis.Redis, work: Callable[[], object]) -> dict[str, float]:
    """Another client sends one PING after the other, alone, and then while `work()` runs.

    Returns, in milliseconds, what a PING takes "alone", and what the longest one took "beside" the work: the median of
    three rounds each.
    """
    rounds = [_pings_once(redis_conn, work) for _ in range(ROUNDS)]
    return {name: statistics.median(one[name] for one in rounds) for name in ("alone", "beside")}


def _pings_once(redis_conn: redis.Redis, work: Callable[[], object]) -> dict[str, float]:
    waits: list[float] = []
    has_begun, is_over = threading.Event(), threading.Event()

    def ask(other: redis.Redis) -> None:
        while not is_over.is_set():
            begin = time.perf_counter()
            other.ping()
            waits.append(1000 * (time.perf_counter() - begin))
            if len(waits) == 50:
                has_begun.set()

    with same_client(redis_conn) as other:
        asking = threading.Thread(target=ask, args=(other,))
        asking.start()
        has_begun.wait()
        alone = len(waits)
        try:
            work()
        finally:
            is_over.set()
            asking.join()
    return {"alone": statistics.median(waits[:alone]), "beside": max(waits[alone:])}


def longest_command(redis_conn: redis.Redis, work: Callable[[], object]) -> float:
    """Calls `work()`, and returns how long the longest of its commands took, in milliseconds, by the server's clock.

    Redis runs one command at a time: so long it served nobody else. The work is done five times, and each of its
    commands counts with its shortest time: so nothing else that this computer does is in it. The server writes its slow
    log for that, so it must be one of your own.
    """
    redis_conn.config_set("slowlog-max-len", 100_000)
    rounds: list[list[float]] = []
    for _ in range(5):
        redis_conn.config_set("slowlog-log-slower-than", 0)
        redis_conn.slowlog_reset()
        work()
        redis_conn.config_set("slowlog-log-slower-than", -1)
        entries = redis_conn.slowlog_get(100_000)
        rounds.append([entry["duration"] / 1000 for entry in entries if _is_a_search(entry["command"])])
    return max(min(times) for times in zip(*rounds, strict=False))


def _is_a_search(command: bytes | str) -> bool:
    words = command.decode() if isinstance(command, bytes) else command
    return words.upper().startswith(("KEYS", "SCAN"))


def draw_round_trips(title: str) -> Axes:
    """Draws three commands one by one, and the same three in a pipeline. The lengths are not measured."""
    one_by_one: list[tuple[float, float, str]] = []
    for begin in (0, 4, 8):
        one_by_one += [(begin, begin + 1, "SET"), (begin + 1, begin + 4, "waits")]
    together = [(0, 1, "SET"), (1, 2, "SET"), (2, 3, "SET"), (3, 6.4, "waits once")]
    return plot_story(title, {"one by one": one_by_one, "in a pipeline": together})


def milliseconds(ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Calls each function five times, in turns, and returns the median of what its calls took, in milliseconds."""
    times = times_in_turns(ways, n=5, warmup=1)
    return {name: statistics.median(times[name]) / 1000 for name in ways}


def _order(number: int) -> str:
    return f"order:{number}"
