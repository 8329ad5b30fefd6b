"""`Lease`: the right to load one entry of a cache, among all processes. It ends by itself when its holder dies."""

import contextlib
import random
import secrets
import threading
from collections.abc import Iterator

import redis

SECONDS = 2  # until the lease of a holder that died is free; one that lives renews it

# Gives the lease back, and stores the entry if there is one, but only while the lease is ours.
GIVE_BACK = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if ARGV[2] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
"""
RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"


class Lease:
    """A lease on one key. Methods raise redis-py's errors when Redis cannot be asked."""

    def __init__(self, redis_conn: redis.Redis, key: str) -> None:
        self._redis = redis_conn
        self._key = key
        self._lease = lease_of(key)
        self._token = secrets.token_hex(8)

    def take(self) -> tuple[bool, str | bytes | None]:
        """Takes the lease if it is free. Returns whether it is ours, and what is stored under the key: somebody may
        have stored it just now."""
        with self._redis.pipeline(transaction=False) as pipe:  # one round trip
            pipe.set(self._lease, self._token, nx=True, px=round(1000 * SECONDS))
            pipe.get(self._lease)
            pipe.get(self._key)
            _, holder, stored = pipe.execute()  # the holder tells: a SET that was sent twice says no, though it is ours
        return holder in (self._token, self._token.encode()), stored

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Renews the lease as long as the block runs."""
        done = threading.Event()
        threading.Thread(target=self._renew, args=(done,), daemon=True).start()
        try:
            yield
        finally:
            done.set()

    def give_back(self, text: str | None = None, milliseconds: int = 0) -> None:
        """Gives the lease back, and stores `text` for so long. Does neither when the lease is not ours any more: then
        the entry was invalidated meanwhile, or somebody else loads it."""
        entry: list[str | int] = [] if text is None else [text, milliseconds]
        self._redis.eval(GIVE_BACK, 2, self._key, self._lease, self._token, *entry)

    def _renew(self, done: threading.Event) -> None:
        with contextlib.suppress(redis.RedisError):  # it may end before the load does: then somebody else loads too
            while not done.wait(random.uniform(0.2, 0.4) * SECONDS):
                self._redis.eval(RENEW, 1, self._lease, self._token, round(1000 * SECONDS))


def lease_of(key: str) -> str:
    """The lease's own key. It begins as the key does, and lies in the same slot of a Redis Cluster: what stands between
    the first { and the next } decides on that, or the whole key."""
    return f"{key}:lease" if "{" in key else f"{key}:lease:{{{key}}}"
