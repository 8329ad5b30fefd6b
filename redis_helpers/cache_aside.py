"""`CacheAside`: ask the cache, and on a miss the source."""

import json
from collections.abc import Callable

import redis


class CacheAside:
    """Cache-aside over one redis-py client, values as JSON.

    `hits`, `misses` and `failures` count the calls: found in Redis, loaded because Redis did not have it (or held
    something that is not JSON, which is then replaced), and loaded because Redis could not be asked.
    """

    def __init__(self, redis_conn: redis.Redis, not_found_ttl: float = 5) -> None:
        self._redis = redis_conn
        self._not_found_ttl = not_found_ttl  # seconds that "there is no such thing" (None) may be remembered
        self.hits = self.misses = self.failures = 0

    def get_or_load(self, key: str, load: Callable[[], object], ttl: float) -> object:
        """The value under `key`, from Redis when it is there, from `load()` when not; then it is kept for `ttl` seconds
        (0.25 is a quarter of one).

        Values are what JSON can hold. A `load()` that returns None ("not found") is remembered too, but briefly. When
        Redis fails in any way the answer is `load()`'s: a cache that is down makes the reader slower, not wrong. How
        much slower is up to the client's timeouts: with the course's own, some 12 seconds at the very worst.

        Raises whatever `load()` raises, and TypeError for a value that JSON cannot hold.
        """
        try:
            cached = self._redis.get(key)
            if cached is not None:
                value = json.loads(cached)
                self.hits += 1
                return value
        except redis.RedisError:  # not ConnectionError: redis-py's TimeoutError is no subclass of it
            self.failures += 1
            return load()
        except (ValueError, RecursionError):  # no text, or no JSON: as good as nothing, and replaced below
            pass
        self.misses += 1
        value = load()
        self._store(key, value, ttl)
        return value

    def invalidate(self, key: str) -> None:
        """Forgets the value, so that the next reader loads it anew. Call it after the source has changed.

        Raises redis-py's RedisError when Redis cannot be reached: the old value may then live on until its TTL ends.
        """
        self._redis.delete(key)

    def _store(self, key: str, value: object, ttl: float) -> None:
        text = json.dumps(value)
        seconds = ttl if value is not None else min(ttl, self._not_found_ttl)
        try:
            self._redis.set(key, text, px=max(1, round(seconds * 1000)))
        except (redis.RedisError, UnicodeError):  # UnicodeError: a host name that no name can be
            pass  # the reader has its value; the next one will try to store it
