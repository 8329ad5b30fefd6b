"""Four rate limiters with one verb: `hit(key)` asks whether one more request is let in, and counts it if it is.

    limiter = FixedWindow(redis_conn, limit=10, window=1, fail_open=True)   # ten requests a second
    decision = limiter.hit("anna")
    if not decision.allowed:
        return "429 Too Many Requests", {"Retry-After": math.ceil(decision.retry_after)}

| Limiter         | Lets in                                             | Keeps in Redis, for one key    |
|-----------------|-----------------------------------------------------|--------------------------------|
| FixedWindow     | `limit` in a window; up to twice as many across     | two numbers                    |
|                 | the edge of two windows                             |                                |
| SlidingLog      | `limit` in any stretch of time of a window's length | a time for each one let in     |
| SlidingCounter  | about `limit` in any such stretch (an estimate)     | three numbers                  |
| TokenBucket     | `burst` at once, and `limit` a window on average    | two numbers                    |

What all four promise:

- One round trip for each hit. The look and the count are one script, so no other hit comes in between.
- The time is the server's own, in whole microseconds. A program's clock is never asked.
- If the server's clock is set back, nobody is denied for longer than two windows more because of it.
- Only a request that is let in is counted. Whoever keeps asking does not stay locked out by asking.
- A `limit` of 0 lets nobody in.
- When Redis cannot answer, `hit` answers by itself, as `fail_open` says: let in, or denied. It waits at most `patience`
  seconds for a reply. When it must connect first, it may wait as long for each step of that: to connect, to log in, to
  give its name (two replies), to choose the database; and when Redis does not know the script, once more. A Redis that
  hangs is found at the first of these steps. Then the limiter leaves Redis alone for PAUSE seconds.
- When all connections are in use (as many as `redis_conn` may have, at most 1000), a hit waits `patience` seconds for
  one to be free. Then it answers by itself, for this hit alone.
- One key that holds something else, or that this user may not touch, is answered so alone. Others are still counted.

What they cannot promise:

- A reply that is lost on its way: the request was counted, and is answered as `fail_open` says.
- A failover or a restart of Redis may forget the last hits, or all of them: then more are let in, for one window.
- If the server's clock is set forward, windows end earlier by so much.
- A server that evicts keys (`maxmemory-policy allkeys-…`) may forget a counter. Limiters belong on one that does not.
- The look-up of a host's name takes as long as the system takes, and a credential provider as long as it takes. On a
  cluster of which a node has failed, a hit may ask the other nodes first where the slots are now, and wait `patience`
  seconds for each of them.
- A server that sends its reply bit by bit: `patience` is the longest wait for the next bit, and not for the whole.

Least server: Redis 6.2, Valkey. Rights of an ACL user: EVALSHA and EVAL, TIME, PEXPIRE, for FixedWindow HMGET, HSET and
HINCRBY, for SlidingLog LINDEX, LRANGE, LLEN, LPOP, RPUSH and DEL, for the other two HMGET and HSET; and keys under
`prefix`. Each limiter keeps one key for each `key`, so that all run on a Redis Cluster too. Keys end by themselves, at
the latest two windows after the last hit that was let in (a bucket's: when the bucket is full again).
"""

import hashlib
import logging
import math
import threading
import time
from dataclasses import dataclass

import redis
from redis.exceptions import ClusterDownError, MaxConnectionsError, NoScriptError

from redis_helpers.after_fork import reset_in_forked_children
from redis_helpers.errors import CourseError
from redis_helpers.impatient_client import impatient_client

logger = logging.getLogger(__name__)

PAUSE = 0.5  # seconds that a Redis which did not answer is left alone
LARGEST = 2**52  # up to here, the sum of two numbers is exact in Lua

# These errors say that Redis is gone, or cannot serve anybody now. Other RedisErrors concern one key, or one user's
# rights.
GONE = (redis.ConnectionError, redis.TimeoutError, redis.InvalidResponse, ClusterDownError)

# Each script begins so. `now` is the server's time in microseconds since 1970.
TIME_IN_MICROSECONDS = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
"""

# Each script answers with three numbers:
#   1 or 0      let in or not
#   remaining   how many more hits of cost 1 would be let in now
#   wait        microseconds until a hit like this one is let in; -1 for never

# KEYS[1]  a hash: `count`, let in so far; `ends`, when the window ends, in microseconds
# ARGV[1]  limit
# ARGV[2]  the window in microseconds
# ARGV[3]  cost of this hit
# ARGV[4]  milliseconds until the hash may end
FIXED_WINDOW = (
    TIME_IN_MICROSECONDS
    + """
local limit = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local cost = tonumber(ARGV[3])
local stored = redis.call('HMGET', KEYS[1], 'count', 'ends')
local count = tonumber(stored[1] or 0)
local ends = tonumber(stored[2] or 0)

-- An end that lies further ahead than a window: the clock was set back. The window ends a window from now.
if ends > now + window then
  ends = now + window
  redis.call('HSET', KEYS[1], 'ends', string.format('%.0f', ends))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
-- The window is over.
if ends <= now then
  count = 0
end

local remaining = math.max(limit - count, 0)
if cost > limit then
  return {0, remaining, -1}
end
if count + cost > limit then
  return {0, remaining, ends - now}
end
if count == 0 then  -- this hit opens a window
  ends = now + window
  redis.call('HSET', KEYS[1], 'count', cost, 'ends', string.format('%.0f', ends))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
else
  redis.call('HINCRBY', KEYS[1], 'count', cost)
end
return {1, remaining - cost, 0}
"""
)

# KEYS[1]  a list: the time of each request that was let in, in microseconds, the oldest first
# ARGV[1]  limit
# ARGV[2]  the window in microseconds
# ARGV[3]  cost of this hit
# ARGV[4]  milliseconds until the list may end
SLIDING_LOG = (
    TIME_IN_MICROSECONDS
    + """
local limit = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local cost = tonumber(ARGV[3])

-- Times that lie ahead: the clock was set back. They become times of now.
local newest = tonumber(redis.call('LINDEX', KEYS[1], -1) or 0)
if newest > now then
  local moments = redis.call('LRANGE', KEYS[1], 0, -1)
  redis.call('DEL', KEYS[1])
  for _, moment in ipairs(moments) do
    redis.call('RPUSH', KEYS[1], string.format('%.0f', math.min(tonumber(moment), now)))
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end

-- Forget what is older than a window.
local oldest = tonumber(redis.call('LINDEX', KEYS[1], 0) or now)
while oldest <= now - window do
  redis.call('LPOP', KEYS[1])
  oldest = tonumber(redis.call('LINDEX', KEYS[1], 0) or now)
end

local count = redis.call('LLEN', KEYS[1])
local remaining = math.max(limit - count, 0)
if cost > limit then
  return {0, remaining, -1}
end
local too_many = count + cost - limit
if too_many > 0 then  -- so many of the oldest must be forgotten first
  local last = tonumber(redis.call('LINDEX', KEYS[1], too_many - 1))
  return {0, remaining, last + window - now}
end
for _ = 1, cost do
  redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {1, remaining - cost, 0}
"""
)

# KEYS[1]  a hash: `began`, when its window began; `count`, let in since; `before`, let in during the window before
# ARGV[1]  limit
# ARGV[2]  the window in microseconds
# ARGV[3]  cost of this hit
# ARGV[4]  milliseconds until the hash may end: two windows
#
# The estimate, as in Cloudflare's "How we built rate limiting capable of scaling to millions of domains" (2017):
# a third into the window, two thirds of what the window before let in still count. Both sides of each comparison are
# multiplied by the window, so that every number is whole.
SLIDING_COUNTER = (
    TIME_IN_MICROSECONDS
    + """
local limit = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local cost = tonumber(ARGV[3])
local stored = redis.call('HMGET', KEYS[1], 'began', 'count', 'before')
local began = tonumber(stored[1] or 0)
local count = tonumber(stored[2] or 0)
local before = tonumber(stored[3] or 0)

local begins = now - now % window

-- A window that lies ahead: the clock was set back. What was counted in it counts as counted in this window.
if began > begins then
  began = begins
  redis.call('HSET', KEYS[1], 'began', string.format('%.0f', began))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
if began == begins - window then  -- the last hit was let in during the window before
  before = count
  count = 0
elseif began < begins then  -- longer ago than that
  before = 0
  count = 0
end

local left = begins + window - now
local room = limit - count - cost
local weight_before = before * left
local remaining = math.max(math.floor((limit * window - count * window - weight_before) / window), 0)

if cost > limit then
  return {0, remaining, -1}
end
if room < 0 then  -- this window alone has no room: wait for the next one, and until enough of this one has passed
  local room_then = limit - cost
  local still_counts = math.floor(room_then * window / count)
  return {0, remaining, left + math.max(window - still_counts, 0)}
end
if weight_before > room * window then
  local left_then = math.floor(room * window / before)
  return {0, remaining, left - left_then}
end
redis.call('HSET', KEYS[1], 'began', string.format('%.0f', begins), 'count', count + cost, 'before', before)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {1, remaining - cost, 0}
"""
)

# KEYS[1]  a hash: `level`, what is in the bucket; `at`, when that was so, in microseconds
# ARGV[1]  limit: so many tokens come in a window
# ARGV[2]  the window in microseconds
# ARGV[3]  cost of this hit, in tokens
# ARGV[4]  burst: so many tokens fill the bucket
#
# The level is counted in small drops, so that every number is whole: a token is `window` drops, and in each
# microsecond `limit` drops come in.
TOKEN_BUCKET = (
    TIME_IN_MICROSECONDS
    + """
local function milliseconds_to_fill(drops, drops_a_microsecond)
  return math.max(math.ceil(drops / drops_a_microsecond / 1000), 0) + 1
end

local limit = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local wanted = tonumber(ARGV[3]) * window
local full = tonumber(ARGV[4]) * window
local stored = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = tonumber(stored[1] or full)
local at = tonumber(stored[2] or now)

-- A time that lies ahead: the clock was set back. What was in the bucket then is in it now.
if at > now then
  at = now
  redis.call('HSET', KEYS[1], 'at', string.format('%.0f', at))
  redis.call('PEXPIRE', KEYS[1], milliseconds_to_fill(full - level, limit))
end

level = math.min(level + (now - at) * limit, full)
local remaining = math.floor(level / window)
if wanted > full then
  return {0, remaining, -1}
end
if level < wanted then
  return {0, remaining, math.ceil((wanted - level) / limit)}
end
level = level - wanted
redis.call('HSET', KEYS[1], 'level', string.format('%.0f', level), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], milliseconds_to_fill(full - level, limit))
return {1, math.floor(level / window), 0}
"""
)


@dataclass(frozen=True)
class Decision:
    """The answer to one hit.

    - `allowed`: let this request in.
    - `remaining`: how many more of cost 1 would be let in now; 0 when Redis could not be asked.
    - `retry_after`: seconds until a hit of the same cost is let in, if nobody else hits meanwhile; 0 when this one was
      let in, infinity when none ever will be (more than the limit, or a limit of 0). When Redis could not be asked: 0
      if let in, PAUSE if not.
    - `redis_answered`: False when Redis could not be asked, and `fail_open` has decided.
    """

    allowed: bool
    remaining: int
    retry_after: float
    redis_answered: bool = True


class RateLimiter:
    """What the four limiters share. Use one of them: FixedWindow, SlidingLog, SlidingCounter, TokenBucket.

    - `redis_conn`: a client, or a `RedisCluster`. The limiter asks through connections of its own, with the same
      address and rights, no retries, and time-outs of `patience` seconds. (Those of a `RedisCluster` are made here, and
      redis-py's errors may come.)
    - `limit`: how many requests, a whole number from 0. `window`: in how many seconds, in whole milliseconds.
    - `fail_open`: what `hit` answers when Redis cannot: True lets everybody in, False nobody. There is no default,
      because only you know which is worse.
    - `prefix`: the keys in Redis are this, the kind of the limiter, the window in milliseconds, and the `key` of the
      hit, such as `limits:fixed:1000:anna`. So one user may have ten a second and a hundred a minute. Two limiters of
      one kind and one window count together, unless their prefixes differ.

    Raises CourseError for a limit, a window, a `fail_open`, a prefix or a patience that cannot be, and TypeError for a
    client of `redis.asyncio`.
    """

    _script: str
    _kind: str

    def __init__(
        self,
        redis_conn: redis.Redis | redis.RedisCluster,
        limit: int,
        window: float,
        *,
        fail_open: bool,
        prefix: str = "limits:",
        patience: float = 0.25,
    ) -> None:
        if hasattr(redis_conn, "aclose"):
            raise TypeError(
                f"{type(self).__name__} needs a client of redis.Redis or redis.RedisCluster, not of redis.asyncio"
            )
        if not isinstance(prefix, str):
            raise CourseError("A prefix is a text: give such a text.")
        if not isinstance(fail_open, bool):
            raise CourseError("`fail_open` is True (let everybody in) or False (nobody): give one of the two.")
        self.limit = _whole(limit, "A limit")
        self.window = window
        self.prefix = prefix
        self.fail_open = fail_open
        self._window_ms = _milliseconds(window)
        self._key_start = _bytes(f"{prefix}{self._kind}:{self._window_ms}:", "A prefix is a text: give such a text.")
        if self._largest_number() > LARGEST:
            raise CourseError(
                "That many in so long a window cannot be counted exactly: choose a lower limit or a shorter window."
            )
        self._given_conn = redis_conn  # kept, because a Sentinel's pool must stay while connections are made from it
        self._redis = impatient_client(redis_conn, patience)
        self._sha = hashlib.sha1(self._script.encode()).hexdigest()  # the name that Redis gives a script
        self._ask_again_at = 0.0
        self._turn = threading.Lock()
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        """A thread that had the turn is not there in a child, and would never give it back."""
        self._turn = threading.Lock()

    def hit(self, key: str, cost: int = 1) -> Decision:
        """Asks whether a request of `cost` is let in now, and counts it if it is.

        `key` says whose limit it is: a user's id, an address, a route, or several joined by colons.
        Raises CourseError for a key that is no text, or a cost that is not a whole number from 1. When Redis cannot be
        asked, for whatever reason, it does not raise, but answers as `fail_open` says.
        """
        name = _bytes(key, "The key of a hit is a text that says whose limit it is, such as a user's id: give one.")
        if _whole(cost, "A cost") == 0:
            raise CourseError("A cost is a whole number from 1: give such a number.")
        if self._most() == 0:
            return Decision(allowed=False, remaining=0, retry_after=math.inf)
        if not self._may_ask():
            return self._without_redis()
        try:
            decision = self._decision(self._key_start + name, cost)
        except Exception as error:  # of redis-py, of the network, of the caller's credential provider
            self._note(error)
            return self._without_redis()
        self._ask_again_at = 0.0
        return decision

    def _most(self) -> int:
        """The largest cost that can ever be let in."""
        return self.limit

    def _largest_number(self) -> int:
        """The largest number that the script counts with, besides the time."""
        return self.limit

    def _arguments(self, cost: int) -> list[int]:
        """What the script wants in ARGV."""
        raise NotImplementedError

    def _decision(self, key: bytes, cost: int) -> Decision:
        """What Redis answers. Raises what a client raises, and what follows from a reply that is none of our script."""
        allowed, remaining, wait = self._ask(key, cost)
        if not (isinstance(allowed, int) and isinstance(remaining, int) and isinstance(wait, int)):
            raise redis.InvalidResponse("The reply is none of this script.")
        retry_after = wait / 1_000_000 if wait >= 0 else math.inf
        return Decision(allowed == 1, remaining, retry_after)

    def _ask(self, key: bytes, cost: int) -> list[int]:
        arguments = self._arguments(cost)
        try:
            return self._redis.execute_command("EVALSHA", self._sha, 1, key, *arguments)
        except NoScriptError:  # a new server, a restart, a failover: this once, the script goes along
            return self._redis.execute_command("EVAL", self._script, 1, key, *arguments)

    def _without_redis(self) -> Decision:
        retry_after = 0.0 if self.fail_open else PAUSE
        return Decision(self.fail_open, 0, retry_after, redis_answered=False)

    def _may_ask(self) -> bool:
        """After a failure, one caller in PAUSE seconds finds out whether Redis is back."""
        if self._ask_again_at == 0.0:
            return True
        with self._turn:
            now = time.monotonic()
            if now < self._ask_again_at:
                return False
            self._ask_again_at = now + PAUSE
            return True

    def _note(self, error: Exception) -> None:
        """Logs a failure. Leaves Redis alone for a while when it is gone, and not only this hit's trouble."""
        everybody = "in" if self.fail_open else "out"
        if _is_gone(error):
            self._ask_again_at = time.monotonic() + PAUSE
            logger.warning(
                "Redis does not answer (%s): for %g s everybody stays %s", _error_name(error), PAUSE, everybody
            )
        else:
            logger.error("Redis refused to count a hit (%s): this one stays %s", _error_name(error), everybody)


class FixedWindow(RateLimiter):
    """The first hit opens a window; in it, `limit` are let in. The next hit after its end opens a new one.

    The cheapest. Across the edge of two windows, twice `limit` may come in within a moment.
    """

    _script = FIXED_WINDOW
    _kind = "fixed"

    def _arguments(self, cost: int) -> list[int]:
        return [self.limit, 1000 * self._window_ms, cost, self._window_ms + 1]


class SlidingLog(RateLimiter):
    """In any stretch of time as long as a window, at most `limit` are let in. Exact.

    It keeps the time of each request that was let in, some ten bytes each: a limit of a million needs ten megabytes
    for each key.
    """

    _script = SLIDING_LOG
    _kind = "log"

    def _arguments(self, cost: int) -> list[int]:
        return [self.limit, 1000 * self._window_ms, cost, self._window_ms + 1]


class SlidingCounter(RateLimiter):
    """Nearly what SlidingLog does, from two counters: it takes the hits of the window before as evenly spread.

    Where they were not, it may deny some that the log would let in, or let in some that the log would deny.
    """

    _script = SLIDING_COUNTER
    _kind = "counter"

    def _largest_number(self) -> int:
        return self.limit * 1000 * self._window_ms

    def _arguments(self, cost: int) -> list[int]:
        return [self.limit, 1000 * self._window_ms, cost, 2 * self._window_ms + 1]


class TokenBucket(RateLimiter):
    """A bucket that holds `burst` tokens. A hit takes `cost` tokens; `limit` new ones come in a window, evenly.

    So `burst` may come at once, and in the long run `limit` in each window. Without `burst`, it is `limit`.
    Takes the arguments of all limiters, and `burst`, a whole number from 0 (0 lets nobody in).
    """

    _script = TOKEN_BUCKET
    _kind = "bucket"

    def __init__(
        self,
        redis_conn: redis.Redis | redis.RedisCluster,
        limit: int,
        window: float,
        *,
        fail_open: bool,
        burst: int | None = None,
        prefix: str = "limits:",
        patience: float = 0.25,
    ) -> None:
        self.burst = limit if burst is None else _whole(burst, "A burst")
        super().__init__(redis_conn, limit, window, fail_open=fail_open, prefix=prefix, patience=patience)

    def _most(self) -> int:
        return self.burst if self.limit > 0 else 0

    def _largest_number(self) -> int:
        return max(self.limit, self.burst * 1000 * self._window_ms)

    def _arguments(self, cost: int) -> list[int]:
        return [self.limit, 1000 * self._window_ms, cost, self.burst]


def _whole(number: int, name: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise CourseError(f"{name} is a whole number from 0: give such a number.")
    return int(number)


def _milliseconds(window: float) -> int:
    """A window in milliseconds. Redis ends keys at whole milliseconds."""
    if isinstance(window, bool) or not isinstance(window, (int, float)) or not 0.001 <= window <= 10**8:
        raise CourseError("A window is a number of seconds, from 0.001: give such a number.")
    milliseconds = round(window * 1000)
    if abs(milliseconds - window * 1000) > 1e-6:
        raise CourseError("A window is a whole number of milliseconds, such as 0.25 or 60 seconds: give such a number.")
    return milliseconds


def _bytes(text: str, sentence: str) -> bytes:
    """A text as it is sent, whatever the client's encoding is. Half a pair of surrogates is no text."""
    if not isinstance(text, str) or not text:
        raise CourseError(sentence)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise CourseError(sentence) from None


def _is_gone(error: Exception) -> bool:
    """Whether nobody can be served now. Otherwise it concerns one key, one user's rights, or this moment."""
    if isinstance(error, MaxConnectionsError):
        return False
    return isinstance(error, GONE) or not isinstance(error, redis.RedisError)


def _error_name(error: Exception) -> str:
    """What may be logged of an error: its kind. Its text may hold an address or a key."""
    return type(error).__name__
