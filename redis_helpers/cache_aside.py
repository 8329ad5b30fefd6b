"""`CacheAside`: ask the cache, and on a miss the source, once for all who ask at the same time.

It is built of parts that each do one thing: `single_flight` (one load in this process), `lease` (one load among all
processes, and nothing stale stored), `lease_keeper` (long loads keep their lease), `circuit_breaker` (a Redis that is
gone is left alone), `cache_entry` (what may be cached, and how it is written). This file puts them together.
"""

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

import redis
from redis.exceptions import MaxConnectionsError, RedisClusterException

from redis_helpers import lease_keeper
from redis_helpers.after_fork import reset_in_forked_children
from redis_helpers.cache_entry import (
    DECODER,
    LONGEST_TTL,
    Header,
    check_key,
    check_seconds,
    decode,
    encode,
    split,
    with_header,
)
from redis_helpers.circuit_breaker import CircuitBreaker
from redis_helpers.lease import Client, Lease, forget, lease_in, store
from redis_helpers.lease_keeper import keeper
from redis_helpers.single_flight import SingleFlight

logger = logging.getLogger(__name__)

PATIENCE = 15.0  # seconds that a process waits for the loads of others; then one of its readers loads
NESTED_PATIENCE = 3.0  # the same for a read that is made by a load: two loads may need each other
STALL = 2.0  # seconds that a reader who waits for another's load bears a Redis that does not answer
SHORTEST_POLL, LONGEST_POLL = 0.002, 0.025  # seconds between two looks of a reader who waits for another process
ASKED_AGAIN = 0.1  # seconds within which a connection must have failed for its question to be asked once more
LOG_EVERY = 10.0  # seconds between two warnings of one kind

FAILURES = (redis.RedisError, RedisClusterException, UnicodeError)  # UnicodeError: a host name that none can be

Load = Callable[[], object]


class LoadCycleError(RuntimeError):
    """A load asked for the very key that it loads, directly or through other loads: it would wait for itself."""


@dataclass
class _Loading:
    """A load under way, as the reads that it makes can see it."""

    cache: "CacheAside"
    key: str
    under_way: bool = True


_loads_around: ContextVar[tuple[_Loading, ...]] = ContextVar("loads_around", default=())


class CacheAside:
    """Cache-aside over one redis-py client (`redis.Redis` or `redis.RedisCluster`), with values as JSON.

        cache = CacheAside(RedisConnectionHandle().connect_cache())
        fruit = cache.get_or_load("fruit:1", lambda: source.fruit(1), ttl=60)

    One object serves all threads of a process, and forked children too.

    - `not_found_ttl`: seconds that "there is no such thing" (None) may be remembered; 0 for not at all.
    - `early`: with 1, an entry is likely to be reloaded shortly before its TTL ends; with 2 earlier, with 0 never. The
      reader who throws the dice loads, and waits for it, and gets its error if it fails; the others still get the old
      value. (XFetch: Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", PVLDB
      8(8), 2015. The clocks of all hosts must agree to within the time of a load.)

    Each call is counted once: in `hits` (found in Redis), `misses` (loaded, because Redis did not have it), `waits`
    (another call loaded it) or `failures` (loaded, because Redis could not be asked, or refused). `refreshes` counts
    the hits that reloaded early.

    What it promises:

    - One load for all who ask at the same time, in all processes: see `get_or_load()`.
    - A load that began before `invalidate()` returned is never stored after it.
    - An answer when Redis is gone, hung, full, read-only, out of connections, or refuses: the source's.

    What it cannot promise. In these cases an old value may be read, until its TTL ends:

    - `invalidate()` is never called, or fails: the writer died before it, or Redis could not be reached.
    - `invalidate()` is called before the COMMIT, or `load()` reads in an older transaction, or from a replica of the
      database that lags behind: it loads the old row after the invalidation.
    - The cache reads from a replica of Redis, or a failover or a restart from a snapshot brings an entry back that was
      deleted.

    So call `invalidate()` after the COMMIT, let `load()` read the newest row, and take a TTL that can be borne. And a
    load that is under way in another process still answers those who wait for it there, though it is not stored.

    While a key is being loaded, a lease stands under it (see `lease.py`); other programs that read the key must expect
    a text that begins with "!". Redis 6.2 or newer, or Valkey. Rights: GET, SET, DEL, PTTL, PEXPIRE, GETRANGE, EVAL,
    EVALSHA, TIME. (`RedisConnectionHandle` asks with PING whether Redis is there.)

    Every decision is logged, in one line: with a key at level DEBUG only, for keys may hold what is private.
    """

    def __init__(self, redis_conn: Client, not_found_ttl: float = 5, early: float = 0) -> None:
        """Raises TypeError for a client of `redis.asyncio`, TypeError or ValueError for arguments that are no times."""
        if hasattr(redis_conn, "aclose"):
            raise TypeError("CacheAside needs a client of redis.Redis or redis.RedisCluster, not of redis.asyncio")
        check_seconds(not_found_ttl, "not_found_ttl", zero_is_allowed=True)
        check_seconds(early, "early", zero_is_allowed=True)
        self._redis = redis_conn
        self._not_found_ttl = not_found_ttl
        self._early = early
        self._flights = SingleFlight()
        self._breaker = CircuitBreaker()
        self._reloading: set[str] = set()
        self._warned: dict[str, float] = {}
        self._guard = threading.Lock()
        self.hits = 0
        self.misses = 0
        self.waits = 0
        self.failures = 0
        self.refreshes = 0
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        self._guard = threading.Lock()
        self._reloading = set()

    def get_or_load(self, key: str, load: Load, ttl: float) -> object:
        """The value under `key`, from Redis when it is there, from `load()` when not; then it is kept for `ttl` seconds
        (0.25 is a quarter of one), or up to a tenth less, so that not all entries end together.

        However many ask at the same time, in however many processes, one of them loads, and the others wait for it:

        - For another process PATIENCE (15) seconds at most. Then one reader a process loads, for all in that process.
        - When the process that loads dies, another takes over after 5 seconds (`lease.LEASE_SECONDS`).
        - A load of more than 10 seconds (`lease_keeper.LOAD_LIMIT`) counts as hung. One of those who wait takes over,
          and the others wait for that one: a source that is slower is asked again every 10 seconds, not by each reader.
          What the slow one loads is stored all the same, if it is the first to end and nothing was invalidated.
        - What a load itself reads from a cache waits for NESTED_PATIENCE (3) seconds only. Then it is loaded once more,
          for two loads may need each other.
        - A load that holds Python's global lock for more than 4 seconds may be taken for dead, and is done twice.
        - When Redis does not answer, one load a process is done. A Redis that answers nothing for 0.4 seconds is left
          alone; it is asked every half second whether it is back (`circuit_breaker`). The call that finds out waits for
          the client's time-out: with `RedisConnectionHandle.connect_cache()` for a quarter of a second.

        Values are what JSON can hold, and come back as JSON gives them back (a tuple as a list), also on a miss.

        Raises whatever `load()` raises; those who wait in this process get an error of the same type, those in other
        processes load for themselves. TypeError or ValueError for a key that is no text, a TTL that is no length of
        time, a value that JSON cannot hold. LoadCycleError when a load waits for itself, seen in one thread at once,
        through other threads and processes after NESTED_PATIENCE (3) seconds. (What a load asks in a thread that it
        started is not seen: that waits until the load counts as hung.)
        """
        # The usual kinds pass here, for a hit is quick; any other is looked at.
        if type(key) is not str or not key.isascii():
            check_key(key)
        if type(ttl) is not int or not 0 < ttl <= LONGEST_TTL:
            check_seconds(ttl)
        if self._breaker.is_open and not self._breaker.lets_pass():
            return self._share(key, partial(self._load_without_redis, key, load))
        began = time.monotonic()
        try:
            entry = self._redis.get(key)
        except UnicodeDecodeError as error:  # bytes that are no text, and a client that decodes
            return self._share(key, partial(self._load_once, key, load, ttl, junk=error.object))
        except FAILURES as error:
            entry, failed = self._look_again(key, error, began)
            if failed:
                return self._share(key, partial(self._load_without_redis, key, load))
        if self._breaker.is_failing:
            self._breaker.succeeded()
        if entry is None:
            return self._share(key, partial(self._load_once, key, load, ttl))
        try:
            value = DECODER.decode(entry.decode() if isinstance(entry, bytes) else entry)
        except (ValueError, RecursionError):
            return self._read_other_entry(key, entry, load, ttl)
        with self._guard:
            self.hits += 1
        return value

    def invalidate(self, key: str) -> None:
        """Forgets the value, so that the next reader loads it anew. Call it after the source has changed (and has
        committed).

        A load that is under way may have read the old value. It loses its right to store here. Raises redis-py's
        RedisError when Redis cannot be reached: the old value may then live on until its TTL ends, so try again later.
        """
        check_key(key)
        self._flights.forget(key)
        began = time.monotonic()
        try:
            self._delete(key)
        except redis.ConnectionError as error:
            if not self._may_ask_again(error, began):
                raise
            self._delete(key)
        finally:
            self._flights.forget(key)  # a load that began before the DEL may have seen the old value too
        logger.debug("invalidated %r", key)

    def _delete(self, key: str) -> None:
        try:
            self._redis.delete(key)
        except RedisClusterException as error:  # this one is no RedisError
            raise redis.ConnectionError("no node of the cluster could be asked") from error

    # What stands under the key

    def _read_other_entry(self, key: str, entry: str | bytes, load: Load, ttl: float) -> object:
        """Handles what is not plain JSON: another's lease, an entry with a header, or junk."""
        if lease_in(entry) is not None:
            return self._share(key, partial(self._load_once, key, load, ttl))
        try:
            header, text = split(entry)
            value = decode(text)
        except ValueError:
            logger.warning("an entry is no JSON: it is loaded anew")
            return self._share(key, partial(self._load_once, key, load, ttl, junk=entry))
        with self._guard:
            self.hits += 1
        if header is not None and self._early > 0 and header.is_time_to_reload(self._early):
            return self._reload_early(key, header, value, load, ttl)
        return value

    def _reload_early(self, key: str, header: Header, old: object, load: Load, ttl: float) -> object:
        """Loads in this thread, unless another thread of this process is at it. Stores over the old entry only."""
        with self._guard:
            if key in self._reloading:
                return old
            self._reloading.add(key)
        try:
            logger.debug("reloading %r before its end", key)
            text, entry, milliseconds = self._load(key, load, ttl)
            stored = milliseconds > 0 and self._store_over(key, header, entry, milliseconds)
        finally:
            with self._guard:
                self._reloading.discard(key)
        if stored:
            with self._guard:
                self.refreshes += 1
        return decode(text)

    def _store_over(self, key: str, header: Header, entry: str, milliseconds: int) -> bool:
        began = time.monotonic()
        try:
            return store(self._redis, key, header.text, entry, milliseconds)
        except FAILURES as error:  # the old entry still counts
            self._note_failure(error, began)
            return False

    # One load for all

    def _share(self, key: str, work: Callable[[float], str]) -> object:
        """Does `work(deadline)` once for all threads that want this key now. Each gets a value of its own."""
        is_nested = self._is_asked_by_a_load(key)
        deadline = time.monotonic() + (NESTED_PATIENCE if is_nested else PATIENCE)
        patience = NESTED_PATIENCE if is_nested else math.inf  # a thread that hangs is replaced
        outcome = self._flights.do(key, partial(work, deadline), patience, PATIENCE + lease_keeper.LOAD_LIMIT)
        if not outcome.led:
            self._count_wait()
        return decode(str(outcome.result()))

    def _is_asked_by_a_load(self, key: str) -> bool:
        """Whether a load is under way around this read. Raises LoadCycleError when it is the load of this very key."""
        around = [loading for loading in _loads_around.get() if loading.under_way]
        for loading in around:
            if loading.cache is self and loading.key == key:
                raise LoadCycleError(f"the load of {key!r} asks for {key!r} itself: it would wait for its own end")
        return bool(around)

    def _load_once(self, key: str, load: Load, ttl: float, deadline: float, junk: str | bytes | None = None) -> str:
        """Loads under the lease, or waits for the process that has it. Returns the JSON.

        `junk` is what was found under the key and is no entry: it is deleted first, if it is still there.
        """
        lease = Lease(self._redis, key)
        try:
            if junk is not None:
                forget(self._redis, key, junk)
            text = self._wait_for_entry(lease, deadline)
        except FAILURES as error:
            self._note_failure(error, lease.asked)
            return self._load_without_lease(lease, load, error)
        self._breaker.succeeded()
        if text is not None:
            self._count_wait()
            return text
        return self._load_and_store(lease, load, ttl)

    def _wait_for_entry(self, lease: Lease, deadline: float) -> str | None:
        """Returns the JSON of the entry as soon as there is one, or None when it is the caller's turn to load."""
        poll = SHORTEST_POLL
        answered: float | None = None  # when Redis last told that another loads
        is_second = False  # the same question, on a new connection
        while True:
            try:
                acquired, entry = lease.acquire()
            except FAILURES as error:
                if not is_second and self._may_ask_again(error, lease.asked):
                    is_second = True
                    continue
                if not self._bears(error, answered):
                    raise
            else:
                is_second = False
                if acquired:
                    logger.debug("loading %r", lease.key)
                    return None
                if entry is not None:
                    return self._json_in(lease.key, entry)
                answered = time.monotonic()
            if time.monotonic() >= deadline:
                logger.warning("waited long enough for another process's load: this one loads too")
                return None
            time.sleep(random.uniform(poll / 2, poll))
            poll = min(2 * poll, LONGEST_POLL)

    def _bears(self, error: Exception, answered: float | None) -> bool:
        """Whether a reader goes on waiting for another process's load, though Redis did not answer just now."""
        if answered is None or not isinstance(error, redis.TimeoutError):
            return False
        return time.monotonic() - answered < STALL

    def _json_in(self, key: str, entry: str | bytes) -> str | None:
        """The JSON of an entry that appeared meanwhile. None, when it is none: then it is loaded, and not stored."""
        try:
            _, text = split(entry)
            decode(text)
        except ValueError:
            logger.warning("an entry is no JSON: it is loaded anew")
            return None
        return text

    def _load_and_store(self, lease: Lease, load: Load, ttl: float) -> str:
        """Loads, and stores if nothing was invalidated meanwhile. A load that fails gives the lease back."""
        keeper.keep(lease)
        try:
            text, entry, milliseconds = self._load(lease.key, load, ttl)
        except BaseException:  # an interrupt too: the next one need not wait
            keeper.let_go(lease)
            self._count_load(self._end_lease(lease, None, 0))
            raise
        keeper.let_go(lease)
        self._count_load(self._end_lease(lease, entry if milliseconds > 0 else None, milliseconds))
        return text

    def _count_load(self, redis_took_it: bool) -> None:
        with self._guard:
            if redis_took_it:
                self.misses += 1
            else:
                self.failures += 1

    def _end_lease(self, lease: Lease, entry: str | None, milliseconds: int) -> bool:
        """Stores the entry, or gives the lease back when there is none. What Redis cannot do now is done later.

        Returns False when Redis refuses.
        """
        began = time.monotonic()
        try:
            if entry is None:
                lease.release()
            elif lease.store(entry, milliseconds):
                logger.debug("stored %r for %d ms", lease.key, milliseconds)
            else:
                logger.debug("%r not stored: it was invalidated, or another has stored it", lease.key)
        except FAILURES as error:
            self._note_failure(error, began)
            if _may_pass(error):
                keeper.end_later(lease, entry, milliseconds)
                return True
            self._drop(lease)
            return False
        return True

    def _drop(self, lease: Lease) -> None:
        """No script may run here. The lease is taken away by a plain command, so that nobody waits for it."""
        try:
            lease.drop()
        except FAILURES as error:
            self._note_failure(error, time.monotonic())

    # The source

    def _load(self, key: str, load: Load, ttl: float) -> tuple[str, str, int]:
        """Asks the source. Returns the value's JSON, the entry to store, and for how many milliseconds (0: not)."""
        began = time.monotonic()
        value = self._ask_source(key, load)
        text = encode(value)
        took = round(1000 * (time.monotonic() - began))
        seconds = ttl if value is not None else min(ttl, self._not_found_ttl)
        if seconds == 0:
            return text, text, 0
        milliseconds = max(1, round(1000 * seconds * random.uniform(0.9, 1)))
        entry = with_header(text, milliseconds, took) if self._early > 0 else text
        return text, entry, milliseconds

    def _ask_source(self, key: str, load: Load) -> object:
        """Calls `load()`. Whatever it reads from a cache meanwhile is read by the load of this key."""
        self._flights.set_limit(key, lease_keeper.LOAD_LIMIT)
        loading = _Loading(self, key)
        token = _loads_around.set((*_loads_around.get(), loading))
        try:
            return load()
        finally:
            loading.under_way = False
            _loads_around.reset(token)

    def _load_without_redis(self, key: str, load: Load, deadline: float) -> str:
        with self._guard:
            self.failures += 1
        return encode(self._ask_source(key, load))

    def _load_without_lease(self, lease: Lease, load: Load, error: Exception) -> str:
        """Redis did not say whether the lease is ours. It may be, if only the reply was lost: then nobody else should
        wait for it. What is loaded is not stored: only a reply tells that it has not been invalidated."""
        if _may_pass(error):
            keeper.end_later(lease, None, 0)
        return self._load_without_redis(lease.key, load, 0)

    # Redis fails

    def _look_again(self, key: str, error: Exception, began: float) -> tuple[str | bytes | None, bool]:
        """A GET has failed. Asks once more if that is worth it. Returns the entry, and whether it has failed for good.

        The first GET after a restart of Redis fails on its old connection, and only on that.
        """
        if self._may_ask_again(error, began):
            try:
                return self._redis.get(key), False
            except FAILURES as second:
                error = second
        self._note_failure(error, began)
        return None, True

    def _may_ask_again(self, error: Exception, began: float) -> bool:
        """Whether only the connection was broken, so that a new one may do. (GET and DEL can be repeated.)"""
        if not _is_gone(error) or isinstance(error, redis.TimeoutError):
            return False
        _close_idle_connections(self._redis)
        return time.monotonic() - began < ASKED_AGAIN

    def _note_failure(self, error: Exception, began: float) -> None:
        if _is_gone(error):
            self._breaker.failed(began)
            _close_idle_connections(self._redis)  # they may be as dead as the one that failed
        kind = type(error).__name__
        with self._guard:
            now = time.monotonic()
            if now - self._warned.get(kind, -LOG_EVERY) < LOG_EVERY:
                return
            self._warned[kind] = now
        logger.warning("the source answers, not Redis: %s (%s)", _reason(error), kind)

    def _count_wait(self) -> None:
        with self._guard:
            self.waits += 1


# What redis-py raises when the server is there, but has no room for us or does not let us in. It is quick to say so.
NOT_GONE = (MaxConnectionsError, redis.AuthenticationError, redis.exceptions.AuthorizationError)
NO_ROOM_FOR_CLIENTS = "max number of clients"

REASONS: tuple[tuple[type[Exception], str], ...] = (
    (MaxConnectionsError, "all connections of the client are in use; raise max_connections"),
    (redis.AuthenticationError, "it refused the user or the password"),
    (redis.exceptions.NoPermissionError, "it does not let this user do that; see the rights in CacheAside's docstring"),
    (redis.exceptions.OutOfMemoryError, "it is full (maxmemory)"),
    (redis.ReadOnlyError, "it is a replica, which takes no writes"),
    (redis.BusyLoadingError, "it is still loading its data"),
    (redis.TimeoutError, "it did not answer in time"),
    (redis.ConnectionError, "it could not be reached"),
    (redis.ResponseError, "it refused the command"),
)


def _is_gone(error: Exception) -> bool:
    """Whether Redis could not be reached, so that it may be better to leave it alone."""
    if isinstance(error, NOT_GONE) or NO_ROOM_FOR_CLIENTS in str(error):
        return False
    return isinstance(error, (redis.ConnectionError, redis.TimeoutError, RedisClusterException))


def _may_pass(error: Exception) -> bool:
    """Whether the same command may succeed a little later."""
    return isinstance(error, (redis.ConnectionError, redis.TimeoutError, RedisClusterException))


def _reason(error: Exception) -> str:
    """Why, in our own words: the server's may repeat what was sent, a password for one."""
    for kind, reason in REASONS:
        if isinstance(error, kind):
            return reason
    return "the client failed"


def _close_idle_connections(redis_conn: Client) -> None:
    """Lets the client connect anew, for what it holds may be dead. What other threads use at this moment stays."""
    if isinstance(redis_conn, redis.RedisCluster):
        clients = [node.redis_connection for node in redis_conn.get_nodes()]
    else:
        clients = [redis_conn]
    for client in clients:
        if client is not None:
            client.connection_pool.disconnect(inuse_connections=False)
