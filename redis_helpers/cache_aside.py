"""`CacheAside`: ask the cache, and on a miss the source, once for all who ask at the same time."""

import json
import math
import random
import re
import threading
import time
from collections.abc import Callable

import redis
from redis.exceptions import RedisClusterException

from redis_helpers.lease import Lease, lease_of
from redis_helpers.single_flight import SingleFlight

try:
    from orjson import loads  # reads JSON faster, where it is installed
except ImportError:
    from json import loads

PATIENCE = 30  # seconds that a reader waits for another's load; then it loads by itself
PAUSE = 0.5  # seconds that a Redis which is gone is left alone
GONE = (redis.ConnectionError, redis.TimeoutError, RedisClusterException, UnicodeError)  # UnicodeError: no host's name
FAILURES = (*GONE, redis.RedisError)
ENTRY_MARK = re.compile(
    r"~(\d{1,20}) (\d{1,20}) "
)  # before an entry: when it ends (ms since 1970), how long its load took


class CacheAside:
    """Cache-aside over one redis-py client (a `RedisCluster` too), values as JSON.

    Each call is counted once: in `hits` (found in Redis), `misses` (loaded, because Redis did not have it or held what
    is no JSON), `waits` (another call was loading it) or `failures` (loaded, because Redis could not be asked).
    `refreshes` counts the reloads before the end of a TTL.

    - `not_found_ttl`: seconds that "there is no such thing" (None) may be remembered.
    - `early`: with 1, an entry is likely to be loaded anew shortly before its TTL ends, by a thread of its own, while
      readers get the old one; with 2 earlier, with 0 never. (XFetch: Vattani, Chierichetti and Lowenstein, "Optimal
      Probabilistic Cache Stampede Prevention", PVLDB 8(8), 2015.)
    """

    def __init__(self, redis_conn: redis.Redis, not_found_ttl: float = 5, early: float = 0) -> None:
        self._redis = redis_conn
        self._not_found_ttl = not_found_ttl
        self._early = early
        self._flights = SingleFlight()
        self._refreshing: set[str] = set()
        self._down_until = 0.0  # while Redis does not answer: when to look again
        self._guard = threading.Lock()
        self.hits = self.misses = self.waits = self.failures = self.refreshes = 0

    def get_or_load(self, key: str, load: Callable[[], object], ttl: float) -> object:
        """The value under `key`, from Redis when it is there, from `load()` when not; then it is kept for `ttl` seconds
        (0.25 is a quarter of one), or up to a tenth less, so that not all entries end together.

        However many ask at the same time, in however many processes, one of them loads. The others wait for it, at most
        PATIENCE seconds. When Redis fails the answer is `load()`'s, and Redis is left alone for PAUSE seconds: the call
        that finds out waits for the client's timeouts (with `RedisConnectionHandle.connect_cache()` half a second at
        most), those after it for nothing.

        Values are what JSON can hold, and come back as JSON gives them back (a tuple as a list). Raises whatever
        `load()` raises, also to those who wait in this process, and TypeError for a value that JSON cannot hold.
        """
        if self._down_until and not self._may_look():
            return self._alone(key, lambda: self._without_redis(load))
        try:
            text = self._redis.get(key)
            if self._down_until:
                self._down_until = 0.0
            if text is not None:
                value = loads(text) if text[:1] not in ("~", b"~") else self._marked(key, text, load, ttl)
                self.hits += 1  # without the lock: CPython does not switch threads within this line
                return value
        except (*FAILURES, ValueError, RecursionError) as error:
            if isinstance(error, FAILURES) and not isinstance(error, UnicodeDecodeError):
                self._failed(error)
                return self._alone(key, lambda: self._without_redis(load))
            return self._alone(key, lambda: self._fill(key, load, ttl, junk=True))  # no text, or no JSON
        return self._alone(key, lambda: self._fill(key, load, ttl))

    def invalidate(self, key: str) -> None:
        """Forgets the value, so that the next reader loads it anew. Call it after the source has changed.

        A load that is under way may have read the old value. It loses its lease here, so that it cannot store it.
        Raises redis-py's RedisError when Redis cannot be reached: the old value may then live on until its TTL ends.
        """
        self._flights.forget(key)
        self._redis.delete(key, lease_of(key))

    def _alone(self, key: str, work: Callable[[], str]) -> object:
        """Does `work()` once for all threads that want this key now. Each gets a value of its own from its JSON."""
        worked = False

        def counted() -> str:
            nonlocal worked
            worked = True
            return work()

        try:
            return json.loads(self._flights.do(key, counted, PATIENCE))
        finally:
            if not worked:
                self._count("waits")

    def _fill(self, key: str, load: Callable[[], object], ttl: float, junk: bool = False) -> str:
        """Loads under the lease, or waits for the process that has it."""
        lease, pause, give_up = Lease(self._redis, key), 0.002, time.monotonic() + PATIENCE / 2
        try:
            if junk:
                self._redis.delete(key)
            while True:
                ours, stored = lease.take()
                if (found := _json_in(stored)) is not None:  # somebody has stored it since we looked
                    if ours:
                        lease.give_back()
                    self._count("waits")
                    return found
                if ours or time.monotonic() > give_up:
                    break
                time.sleep(random.uniform(pause / 2, pause))
                pause = min(2 * pause, 0.025)
        except FAILURES as error:
            self._failed(error)
            return self._without_redis(load)
        self._count("misses")
        return self._load(lease, load, ttl)

    def _load(self, lease: Lease, load: Callable[[], object], ttl: float) -> str:
        begin = time.monotonic()
        entry: tuple[str, int] | tuple[()] = ()
        try:
            with lease.kept():
                value = load()
            text = json.dumps(value)
            seconds = ttl if value is not None else min(ttl, self._not_found_ttl)
            left = max(1, round(1000 * seconds * random.uniform(0.9, 1)))
            took = round(1000 * (time.monotonic() - begin))
            entry = (f"~{round(1000 * time.time()) + left} {took} {text}" if self._early else text, left)
            return text
        finally:  # also when load() has failed: the next one need not wait
            try:
                lease.give_back(*entry)
            except FAILURES as error:  # the reader has its value; the next one will try to store it
                self._failed(error)

    def _without_redis(self, load: Callable[[], object]) -> str:
        self._count("failures")
        return json.dumps(load())

    def _marked(self, key: str, text: str | bytes, load: Callable[[], object], ttl: float) -> object:
        """The value of an entry that says when it ends. The nearer that is, the likelier it is loaded anew now."""
        text = text if isinstance(text, str) else text.decode()
        mark = ENTRY_MARK.match(text)
        if mark is None:
            raise ValueError("what begins with ~ and has no mark is no entry")
        value = loads(text[mark.end() :])
        ends, took = map(int, mark.groups())
        if self._early and 1000 * time.time() - took * self._early * math.log(1 - random.random()) >= ends:
            with self._guard:
                first = key not in self._refreshing
                self._refreshing.add(key)
            if first:
                threading.Thread(target=self._refresh, args=(key, text, load, ttl), daemon=True).start()
        return value

    def _refresh(self, key: str, old: str, load: Callable[[], object], ttl: float) -> None:
        lease = Lease(self._redis, key)
        try:
            ours, stored = lease.take()
            if ours and stored in (old, old.encode()):
                self._load(lease, load, ttl)
                self._count("refreshes")
            elif ours:  # another process was faster
                lease.give_back()
        except Exception as error:  # the old value still counts; the first who finds none will see the error
            self._failed(error)
        finally:
            with self._guard:
                self._refreshing.discard(key)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, GONE):
            self._down_until = time.monotonic() + PAUSE

    def _may_look(self) -> bool:
        """After PAUSE seconds one caller looks whether Redis is back; the others go on without it."""
        with self._guard:
            if (now := time.monotonic()) < self._down_until:
                return False
            self._down_until = now + PAUSE
            return True

    def _count(self, name: str) -> None:
        with self._guard:
            setattr(self, name, getattr(self, name) + 1)


def _json_in(text: str | bytes | None) -> str | None:
    """The JSON of an entry, or None when there is no entry or no JSON in it."""
    try:
        text = text.decode() if isinstance(text, bytes) else text or ""
        text = ENTRY_MARK.sub("", text, count=1)
        json.loads(text)
        return text
    except (ValueError, RecursionError):
        return None
