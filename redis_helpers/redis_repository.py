"""`RedisRepository`: strings, hashes and their times to live, under the names that the course uses."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property, wraps

import redis

from redis_helpers.errors import CourseError
from redis_helpers.server import knows

MOST_SECONDS = 100 * 365 * 24 * 3600

# Two commands that must both happen or not at all. A script stops at the first error, and nothing runs in between.
# MULTI/EXEC would go on: on a key that holds a string, HSET would fail and EXPIRE still set that string's TTL.
HASH_WITH_TTL = """
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""
FIELD_WITH_TTL = """
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('HEXPIRE', KEYS[1], ARGV[1], 'FIELDS', 1, ARGV[2])
"""


def _refusals_explained(method):
    """Turns redis-py's refusal of None, bool, dict, … into a sentence that says what to do."""

    @wraps(method)
    def explained(*args, **kwargs):
        try:
            return method(*args, **kwargs)
        except redis.DataError:
            raise CourseError(
                "Redis stores text, bytes and numbers, and this is something else (None, True, a list, a dict, …): "
                "turn it into text first, for example with json.dumps(value)."
            ) from None

    return explained


class RedisRepository:
    """Reads and writes strings and hashes through one redis-py client.

    Values are str, bytes, int or float. Times to live (TTL) are whole seconds, or a `timedelta`. A method that would
    need two commands is atomic: both happen, or neither.

    Every method raises CourseError for a value or TTL that Redis cannot store, and redis-py's `RedisError` for what the
    server refuses (a key of another type, a full server) or when it is gone.
    """

    def __init__(self, redis_conn: redis.Redis) -> None:
        self._redis = redis_conn
        self._hash_with_ttl = redis_conn.register_script(HASH_WITH_TTL)
        self._field_with_ttl = redis_conn.register_script(FIELD_WITH_TTL)

    # Strings

    @_refusals_explained
    def insert(self, key: str, value: object) -> None:
        """Stores a string. A TTL that the key had is gone."""
        self._redis.set(key, value)

    @_refusals_explained
    def insert_ex(self, key: str, value: object, ttl: int | timedelta) -> None:
        """Stores a string that expires after `ttl` seconds."""
        seconds = _seconds(ttl)
        self._redis.set(key, value, ex=seconds)

    def get(self, key: str) -> str | None:
        """The string, or None when there is no such key."""
        return self._redis.get(key)

    # Hashes

    @_refusals_explained
    def insert_hash(self, key: str, field: str, value: object) -> None:
        """Sets one field of a hash. The key's TTL stays as it is."""
        self._redis.hset(key, field, value)

    def insert_hash_ex(self, key: str, field: str, value: object, ttl: int | timedelta) -> None:
        """Sets one field and the TTL of the whole hash, in seconds, atomically."""
        self.insert_hash_many_ex(key, {field: value}, ttl)

    @_refusals_explained
    def insert_hash_many(self, key: str, values: Mapping[str, object]) -> None:
        """Sets several fields of a hash in one command."""
        self._redis.hset(key, mapping=_not_empty(values))

    @_refusals_explained
    def insert_hash_many_ex(self, key: str, values: Mapping[str, object], ttl: int | timedelta) -> None:
        """Sets several fields and the TTL of the whole hash, in seconds, atomically."""
        arguments = [_seconds(ttl)]
        for pair in _not_empty(values).items():
            arguments.extend(pair)
        self._hash_with_ttl(keys=[key], args=arguments)

    @_refusals_explained
    def insert_hash_field_ex(self, key: str, field: str, value: object, ttl: int | timedelta) -> None:
        """Sets one field that expires by itself after `ttl` seconds; the rest of the hash stays.

        Needs Redis 7.4 or Valkey 9; an older server is refused with CourseError before anything is written.
        """
        seconds = _seconds(ttl)
        self._needs_field_ttl()
        self._field_with_ttl(keys=[key], args=[seconds, field, value])

    def get_hash(self, key: str, field: str) -> str | None:
        """One field of a hash, or None when the field or the hash is not there."""
        return self._redis.hget(key, field)

    def get_hash_many(self, key: str, fields: list[str]) -> dict[str, str | None]:
        """Several fields in one command; None stands for a field that is not there."""
        return dict(zip(fields, self._redis.hmget(key, fields), strict=True)) if fields else {}

    def get_all_hash(self, key: str) -> dict[str, str]:
        """The whole hash; empty when there is no such key."""
        return self._redis.hgetall(key)

    # Keys

    def ttl(self, key: str) -> int:
        """Seconds left; -1: the key never expires, -2: there is no such key."""
        return self._redis.ttl(key)

    def ttl_hash_field(self, key: str, field: str) -> int:
        """Seconds left for one field; -1: it never expires, -2: there is no such field or hash. Needs Redis 7.4."""
        self._needs_field_ttl()
        return (self._redis.httl(key, field) or [-2])[0]

    def exists(self, key: str) -> bool:
        """Whether there is such a key."""
        return self._redis.exists(key) == 1

    def delete(self, *keys: str) -> int:
        """Deletes keys of any type. Returns how many there were."""
        return self._redis.delete(*keys) if keys else 0

    def delete_prefix(self, prefix: str) -> int:
        """Deletes every key that begins with `prefix`, a batch at a time, without blocking the server as KEYS would.

        Returns how many there were. Keys that others write during the walk may stay.
        """
        if not prefix:
            raise CourseError("An empty prefix would delete every key on the server: name one, such as 'basics:'.")
        pattern = prefix.replace("\\", "\\\\").replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
        deleted, batch = 0, []
        for key in self._redis.scan_iter(match=pattern + "*", count=1000):
            batch.append(key)
            if len(batch) == 1000:
                deleted += self._redis.unlink(*batch)
                batch = []
        return deleted + (self._redis.unlink(*batch) if batch else 0)

    def _needs_field_ttl(self) -> None:
        if not self._knows_field_ttl:
            raise CourseError("A TTL on one field needs Redis 7.4 or Valkey 9, and this server is older: update it.")

    @cached_property
    def _knows_field_ttl(self) -> bool:
        return knows(self._redis, "HEXPIRE")


def _seconds(ttl: int | timedelta) -> int:
    """A TTL checked before anything is written: a zero would delete the key at once."""
    seconds = ttl // timedelta(seconds=1) if isinstance(ttl, timedelta) else ttl
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 1 <= seconds <= MOST_SECONDS:
        raise CourseError("A time to live is a whole number of seconds, from 1 to some 100 years: give such a number.")
    return seconds


def _not_empty(values: Mapping[str, object]) -> Mapping[str, object]:
    if not values:
        raise CourseError("A hash needs at least one field: Redis has no empty hash.")
    return values
