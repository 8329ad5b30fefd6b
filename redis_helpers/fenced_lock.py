"""`FencedLock`: one holder at a time, and a number with which the resource refuses a holder that comes too late.

    lock = FencedLock(redis_conn, "last-crate", ttl=10)
    with lock.held(wait=5) as fence:
        sell_the_crate(buyer, fence)

A lock in Redis ends by itself, or a holder that dies would lock everybody out. So it can also end while its holder
still works: the program was paused, or the database was slow. Nothing in the lock can prevent that. Therefore each
holder gets a **fencing number**, which is higher than that of every holder before, and the resource keeps the highest
number that it has seen. It refuses a lower one:

    UPDATE stock SET crates = crates - 1, fence = :fence
    WHERE fruit = :fruit AND crates > 0 AND fence <= :fence       -- no row: sold out, or too late

What it promises:

- While the lock lasts, nobody else acquires it. Only its holder renews and releases it. A forked child does not hold
  what its parent holds.
- The fencing numbers of one name grow, as long as Redis keeps them, up to 2**63 - 1.
- A reply that is lost does not lock its owner out: the next try, with the same token, finds that the lock is ours, and
  gets the same number.
- `acquire` waits as long as its caller says, and after that for the replies that are still to come: each at most
  `patience` seconds. The lock is renewed no longer than `longest` seconds in all, so that a holder that hangs in a
  loop of renewals stops the others for that long at most. One that is killed stops them for `ttl` seconds at most.

What it cannot promise:

- That a holder still has the lock when it writes. Only the resource can tell, by the fencing number.
- Anything after a failover, an eviction, or a restart of a Redis that does not save its keys: the lock and the last
  numbers may be forgotten. Then a new holder may get a number that was given before, or a lower one. The resource
  refuses it until the numbers have caught up, and it may let in a late writer whose number is higher. So let the
  resource look at the thing itself as well (`... AND crates > 0`), and set the counter above its last number.
- The length of `ttl` when the clock of Redis' machine is set: Redis ends keys by that clock.
- Fairness: of those who wait, anybody may be next.

If one database holds all that the lock protects, a transaction there needs no lock at all.

The script for release is the one of redis.io, "Distributed Locks with Redis"; fencing numbers are described by Martin
Kleppmann, "How to do distributed locking" (2016). Least server: Redis 6.2, Valkey. Rights of an ACL user: EVALSHA,
EVAL, GET, SET, DEL, INCR, PEXPIRE, PTTL, and keys under `prefix`. Both keys of a lock lie in one slot of a cluster.
"""

import hashlib
import logging
import math
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.exceptions import NoScriptError, RedisClusterException

from redis_helpers.after_fork import reset_in_forked_children
from redis_helpers.errors import CourseError
from redis_helpers.impatient_client import impatient_client

logger = logging.getLogger(__name__)

MOST_SECONDS = 10**8  # of any time that is given
LONGEST_PAUSE = 0.1  # seconds between two looks at a lock that somebody else holds
LOST_REPLIES = (redis.ConnectionError, redis.TimeoutError)

# KEYS[1]  the lock: the token of its holder
# KEYS[2]  the last fencing number that was given
# ARGV[1]  our token
# ARGV[2]  milliseconds until the lock ends
# Returns  our fencing number and 0; or nothing and the milliseconds that somebody else's lock has left.
#
# The number is taken first: when Redis refuses to count, nobody gets a lock without one. It is returned as a text,
# because Lua's own numbers are exact up to 2^53 only.
ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then  -- ours already: we have asked before, and the reply was lost
  local fence = redis.call('GET', KEYS[2])
  if not fence or not string.find(fence, '^-?%d+$') then  -- somebody has deleted the last number, or written a text
    redis.call('INCR', KEYS[2])
    fence = redis.call('GET', KEYS[2])
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {fence, 0}
end
if holder then  -- somebody else's
  return {false, redis.call('PTTL', KEYS[1])}
end
redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {redis.call('GET', KEYS[2]), 0}
"""

# KEYS[1]  the lock
# ARGV[1]  our token
# ARGV[2]  milliseconds until the lock ends
# Returns  1 when the lock was ours, and lasts longer now; otherwise 0.
RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

# KEYS[1]  the lock
# ARGV[1]  our token
# Returns  1 when the lock was ours, and is free now; otherwise 0.
RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
"""


class LockNotAcquired(CourseError):
    """Somebody else held the lock for as long as we were willing to wait."""


class FencedLock:
    """A lock that one thread uses at a time: give each thread an object of its own.

    - `redis_conn`: a client, or a `RedisCluster`. The lock asks through connections of its own, with the same address
      and rights, no retries of redis-py, and time-outs of `patience` seconds. (Those of a `RedisCluster` are made here,
      and redis-py's errors may come.)
    - `name`: what is locked, such as "last-crate". Without braces.
    - `ttl`: seconds until the lock ends when it is not renewed. Longer than the work usually takes.
    - `longest`: seconds for which one holder may have it in all, renewed again and again. Without it: six times `ttl`,
      at most 10**8.
    - `patience`: seconds that one reply is waited for. Without it: a third of `ttl`, at most 1 second.
    - `prefix`: the keys in Redis begin so. The key of the last fencing number never ends: there is one for each name.

    Raises CourseError for a name, a prefix or a number of seconds that cannot be, and TypeError for a client of
    `redis.asyncio`.
    """

    def __init__(
        self,
        redis_conn: redis.Redis | redis.RedisCluster,
        name: str,
        *,
        ttl: float = 10,
        longest: float | None = None,
        patience: float | None = None,
        prefix: str = "locks:",
    ) -> None:
        if hasattr(redis_conn, "aclose"):
            raise TypeError("FencedLock needs a client of redis.Redis or redis.RedisCluster, not of redis.asyncio")
        self.name = _text_without_braces(name, "The name of a lock")
        self._prefix = _text_without_braces(prefix, "The prefix of a lock's keys")
        self._ttl = _seconds(ttl, "A time to live", least=0.001)
        if longest is None:
            longest = min(6 * self._ttl, MOST_SECONDS)
        self._longest = _seconds(longest, "The longest time of a holder", least=0.001)
        if self._longest < self._ttl:
            raise CourseError("The longest time of a holder is at least the time to live: give a longer one.")
        if patience is None:
            patience = min(1.0, self._ttl / 3)
        self._redis = impatient_client(redis_conn, patience)
        self._given_conn = redis_conn  # kept, because a Sentinel's pool must stay while connections are made from it
        # In braces, so that both keys lie in one slot of a cluster.
        self._lock_key = f"{prefix}{{{name}}}:holder"
        self._fence_key = f"{prefix}{{{name}}}:fence"
        self._token: str | None = None
        self._answered = False  # whether Redis has said that this token holds the lock
        self._acquired_at = 0.0
        self._ends_at = 0.0
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        """The lock stays with the parent: the child asks with a token of its own."""
        self._token = None
        self._answered = False
        self._ends_at = 0.0

    def __repr__(self) -> str:
        return f"FencedLock({self.name!r}, {self.seconds_left():.1f} s left)"

    def acquire(self, wait: float = 0) -> int | None:
        """Acquires the lock, and returns our fencing number; None when somebody else held it for `wait` seconds.

        A try whose reply is lost is made again, with the same token, until the time is over, and at least once. Then
        redis-py's error is raised. The lock may be ours without our knowing: then the next `acquire` of this object
        finds that out, or the lock ends after `ttl` seconds.
        When Redis cannot count, because somebody else has written to the key of the last number or it has reached
        2**63 - 1, redis-py's ResponseError is raised, and the lock is not acquired.
        Raises CourseError when this object holds the lock already (it would wait for itself), and for a wait that
        cannot be.
        """
        give_up_at = time.monotonic() + _seconds(wait, "A wait", least=0)
        if self.seconds_left() > 0:
            raise CourseError(f"The lock {self.name} is held already, by this very object: release it first.")
        if self._token is None or self._answered:
            self._token = secrets.token_hex(16)
            self._answered = False
        lost_before = False
        while True:
            time_is_over = time.monotonic() >= give_up_at
            try:
                fence, left = self._ask_for_it(self._token)
            except LOST_REPLIES as error:
                if time_is_over and lost_before:
                    raise
                logger.warning("%s a reply was lost (%s): asking again", self._prefix, type(error).__name__)
                lost_before = True
                left = -1
            else:
                if fence is not None:
                    logger.info("%s acquired, fencing number %d", self._prefix, fence)
                    return fence
                if time_is_over:
                    self._token = None
                    logger.info("%s not acquired within %g seconds", self._prefix, wait)
                    return None
            self._pause(left, give_up_at)

    def _ask_for_it(self, token: str) -> tuple[int | None, int]:
        """Asks for the lock once. Returns what ACQUIRE returns."""
        asked_at = time.monotonic()
        keys = [self._lock_key, self._fence_key]
        fence, left = self._run(ACQUIRE, keys, [token, _milliseconds(self._ttl)])
        if fence is None:
            return None, left
        self._answered = True
        self._acquired_at = asked_at
        self._ends_at = asked_at + self._ttl  # from before we asked: Redis begins to count later
        return int(fence), left

    @staticmethod
    def _pause(left: int, give_up_at: float) -> None:
        """Waits before the next try: until the lock may end, but not for long, and not beyond the end of the wait.

        `left` is in milliseconds; -1 when it is not known.
        """
        longest = LONGEST_PAUSE
        if 0 <= left < 1000 * LONGEST_PAUSE:
            longest = (left + 1) / 1000
        pause = random.uniform(0.2, 1) * longest  # so that those who wait do not ask all at once
        time.sleep(max(0.0, min(pause, give_up_at - time.monotonic())))

    def renew(self) -> bool:
        """Lets the lock last `ttl` seconds from now, and returns True while it is ours.

        False: the lock has ended, or somebody else has it, or `longest` seconds are over and it is left to end. Stop
        working then. Raises redis-py's errors when Redis cannot be asked: then it may have been renewed or not.
        """
        if self._token is None or not self._answered:
            return False
        asked_at = time.monotonic()
        ttl = min(self._ttl, self._acquired_at + self._longest - asked_at)
        if ttl < 0.001:
            logger.warning("%s held for %g seconds, and not renewed any more", self._prefix, self._longest)
            return False
        if not self._run(RENEW, [self._lock_key], [self._token, _milliseconds(ttl)]):
            logger.warning("%s not renewed, for it is not ours any more", self._prefix)
            self._ends_at = 0.0
            return False
        self._ends_at = asked_at + ttl
        return True

    def release(self) -> bool:
        """Gives the lock back. Returns False when it was not ours any more: then somebody else may have worked too.

        When the reply is lost, it asks once more. Raises redis-py's errors when Redis cannot be asked: then release
        again, or the lock ends by itself.
        """
        if self._token is None:
            return False
        ends_at = self._ends_at
        self._ends_at = 0.0
        was_ours = self._ask_to_release(self._token, ends_at)
        self._token = None
        if was_ours:
            logger.info("%s released", self._prefix)
        else:
            logger.warning("%s it had ended before it was released", self._prefix)
        return was_ours

    def _ask_to_release(self, token: str, ends_at: float) -> bool:
        try:
            return self._run(RELEASE, [self._lock_key], [token]) == 1
        except LOST_REPLIES as error:
            logger.warning("%s a reply was lost (%s): asking again", self._prefix, type(error).__name__)
        if self._run(RELEASE, [self._lock_key], [token]) == 1:
            return True
        # It is gone. Before it could end by itself, only our first try can have deleted it.
        return time.monotonic() < ends_at

    def seconds_left(self) -> float:
        """For how long the lock is ours for sure, if this program's clock and that of Redis run equally fast."""
        return max(0.0, self._ends_at - time.monotonic())

    @contextmanager
    def held(self, wait: float = 0) -> Iterator[int]:
        """Acquires the lock for a `with` block, gives its fencing number, and releases it whatever happens.

        Raises LockNotAcquired when somebody else held it for `wait` seconds. What goes wrong at the release is logged
        and not raised: the work is done, and the lock ends by itself.
        """
        fence = self.acquire(wait)
        if fence is None:
            raise LockNotAcquired(
                f"The lock {self.name} was held by somebody else for {wait:g} seconds: try again later."
            )
        try:
            yield fence
        finally:
            try:
                self.release()
            except (redis.RedisError, RedisClusterException) as error:
                logger.warning("%s not released (%s), it ends by itself", self._prefix, type(error).__name__)

    def _run(self, script: str, keys: list[str], arguments: list[str | int]) -> Any:
        sha = hashlib.sha1(script.encode()).hexdigest()  # the name that Redis gives a script
        try:
            return self._redis.execute_command("EVALSHA", sha, len(keys), *keys, *arguments)
        except NoScriptError:  # a new server, a restart, a failover: this once, the script goes along
            return self._redis.execute_command("EVAL", script, len(keys), *keys, *arguments)


def _milliseconds(seconds: float) -> int:
    return max(1, math.floor(1000 * seconds))


def _text_without_braces(text: str, what: str) -> str:
    """Braces would choose another slot of a cluster, and half a pair of surrogates cannot be sent."""
    sentence = f"{what} is a text without braces, such as last-crate: give such a text."
    if not isinstance(text, str) or not text or "{" in text or "}" in text:
        raise CourseError(sentence)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise CourseError(sentence) from None
    return text


def _seconds(number: float, what: str, least: float) -> float:
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not least <= number <= MOST_SECONDS:
        raise CourseError(f"{what} is a number of seconds, from {least:g} to 10**8: give such a number.")
    return float(number)
