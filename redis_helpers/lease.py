"""`Lease`: the right to load one entry of a cache, among all processes. It ends by itself when its holder dies.

The algorithm is that of Facebook's leases (Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, section 3.2.1):
whoever misses gets a token, and may store with it only if nothing has been deleted since. Here the token stands where
the entry will stand, under the entry's own key:

    !<generation><holder>      "!", 16 hexadecimal digits each: 33 characters

- The *generation* is drawn when the key is empty, and ends with the next DEL of the key. Whoever has seen it before he
  read the source may store: nothing was invalidated in between. That holds for a holder whose lease was taken over too.
  The server draws it. A generation that a client has drawn could come back: the network may hold a command up until
  after the DEL, and a client repeats a command whose reply is late.
- The *holder* is who loads now. He renews the lease, which means that he sets its time to live anew. So the time to
  live tells everybody, by the server's clock, for how long the holder has been silent.

So there is no second key: an entry and its lease always lie in one slot of a Redis Cluster, under the same ACL
pattern, and a plain DEL, by whomever, takes the right to store away.

A command that was held up may also take a lease that nobody holds. Others then wait for it as for a holder that has
died.

Least server: Redis 6.2 or any Valkey, one node or a cluster. Rights (ACL): GET, SET, DEL, PTTL, PEXPIRE, GETRANGE, EVAL
and EVALSHA, on the cached keys, and TIME.
"""

import hashlib
import secrets
import time
from functools import cache
from typing import Any

import redis
from redis.exceptions import NoScriptError

Client = redis.Redis | redis.RedisCluster

LEASE_SECONDS = 5  # a holder that has been silent for so long counts as dead, and another may take over
GENERATION_SECONDS = 300  # a generation that nobody renews ends: who loads for longer cannot store

MARK = "!"  # no JSON begins with it
TICKET_LENGTH = 17  # the mark and the generation
LEASE_LENGTH = 33

# Takes the lease if the key is empty, or if the holder has been silent for too long; then the generation stays.
# KEYS[1]  the entry's key
# ARGV[1]  the holder
# ARGV[2]  the milliseconds that a generation lives
# ARGV[3]  the milliseconds of silence after which a holder counts as dead
# Returns what stands under the key now: our lease, another's lease, or an entry.
ACQUIRE = """
local found = redis.call('GET', KEYS[1])
if not found then
  local now = redis.call('TIME')
  local drawn = redis.sha1hex(ARGV[1] .. ' ' .. now[1] .. ' ' .. now[2])
  local lease = '!' .. string.sub(drawn, 1, 16) .. ARGV[1]
  redis.call('SET', KEYS[1], lease, 'PX', ARGV[2])
  return lease
end
if #found ~= 33 or string.sub(found, 1, 1) ~= '!' then
  return found
end
local silence = tonumber(ARGV[2]) - redis.call('PTTL', KEYS[1])
if silence < tonumber(ARGV[3]) then
  return found
end
local taken = string.sub(found, 1, 17) .. ARGV[1]
redis.call('SET', KEYS[1], taken, 'PX', ARGV[2])
return taken
"""

# Sets the time to live of our lease anew.
# KEYS[1]  the entry's key
# ARGV[1]  our lease
# ARGV[2]  the milliseconds that a generation lives
# Returns 1, or 0 when the lease is not ours any more.
RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""

# Gives our lease back. The holder is enough to know it by: when the reply to ACQUIRE was lost, we know no more.
# KEYS[1]  the entry's key
# ARGV[1]  the holder
# Returns 1, or 0 when the lease is not ours any more.
RELEASE = """
local found = redis.call('GET', KEYS[1])
if not found or #found ~= 33 or string.sub(found, 1, 1) ~= '!' or string.sub(found, 18) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
"""

# Deletes an entry that is none, unless another has replaced it meanwhile.
# KEYS[1]  the entry's key
# ARGV[1]  what was read there
# Returns 1, or 0 when something else stands there now.
FORGET = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
"""

# Stores an entry in one step, if what stands under the key still begins with our ticket.
# KEYS[1]  the entry's key
# ARGV[1]  the ticket: the beginning of a lease of our generation, or of the entry that is to be replaced
# ARGV[2]  the entry
# ARGV[3]  the milliseconds that it lives
# Returns 1, or 0 when the ticket has gone: the entry was invalidated, or another has stored. A server that has no room
# for the entry gives an error. A lease is deleted then, so that nobody waits for it; an entry stays as it was.
STORE = """
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then
  return 0
end
local reply = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if reply.err then
  if string.sub(ARGV[1], 1, 1) == '!' then
    redis.call('DEL', KEYS[1])
  end
  return reply
end
return 1
"""


class Lease:
    """A lease on one key. Methods raise redis-py's errors when Redis cannot be asked, or refuses.

    Each may be asked twice (a client that retries after a lost reply does): the second time changes nothing.
    """

    def __init__(self, redis_conn: Client, key: str) -> None:
        self.key = key
        self.began = time.monotonic()
        self.renewed = self.began
        self.asked = self.began  # when `acquire()` last asked Redis
        self._redis = redis_conn
        self._holder = secrets.token_hex(8)
        self._ours: str | None = None  # both are known from Redis's reply only
        self._ticket: str | None = None

    def acquire(self) -> tuple[bool, str | bytes | None]:
        """Takes the lease if it is free. Returns whether it is ours, and the entry if there is one.

        (False, None) means that another holds it. His generation is known then, so that `store()` may be called by
        whoever loads without the lease.
        """
        self.asked = time.monotonic()
        lives, silence = _milliseconds(GENERATION_SECONDS), _milliseconds(LEASE_SECONDS)
        found = run_script(self._redis, ACQUIRE, self.key, self._holder, lives, silence)
        lease = lease_in(found)
        if lease is None:
            return False, found
        if lease[TICKET_LENGTH:] != self._holder:
            self._ticket = lease[:TICKET_LENGTH]
            return False, None
        self._begin(lease)
        return True, None

    def _begin(self, lease: str) -> None:
        """The lease is ours from now on. A ticket of another's, seen while we waited, counts no more."""
        self._ours = lease
        self._ticket = lease[:TICKET_LENGTH]
        self.began = time.monotonic()
        self.renewed = self.began

    def renew(self) -> bool:
        """Lets the others know that the holder lives. Returns whether the lease is still ours."""
        self.renewed = time.monotonic()
        if self._ours is None:
            return False
        return run_script(self._redis, RENEW, self.key, self._ours, _milliseconds(GENERATION_SECONDS)) == 1

    def release(self) -> bool:
        """Gives the lease back, so that the next reader need not wait. Returns whether it was still ours.

        Call it also when `acquire()` has failed on the way: the lease may have been taken, and only the reply be lost.
        """
        return run_script(self._redis, RELEASE, self.key, self._holder) == 1

    def drop(self) -> None:
        """Empties the key, whoever's lease stands there: for a server that refuses to run `release()` and `store()`.
        It stops nothing but the loads that are under way."""
        self._redis.delete(self.key)

    def store(self, entry: str, milliseconds: int) -> bool:
        """Stores the entry for so long, in place of the lease. Returns False, and stores nothing, when the generation
        has ended (the entry was invalidated, or another has stored), and when Redis has never told it to us."""
        if self._ticket is None:
            return False
        return store(self._redis, self.key, self._ticket, entry, milliseconds)


def store(redis_conn: Client, key: str, ticket: str, entry: str, milliseconds: int) -> bool:
    """Stores the entry for so long, if what stands under the key begins with `ticket`. Returns whether it did."""
    return run_script(redis_conn, STORE, key, ticket, entry, milliseconds) == 1


def forget(redis_conn: Client, key: str, junk: str | bytes) -> bool:
    """Deletes what is no entry, if it still stands under the key. Returns whether it did."""
    return run_script(redis_conn, FORGET, key, junk) == 1


def run_script(redis_conn: Client, script: str, key: str, *arguments: str | bytes | int) -> Any:
    """Runs one of the scripts above by its digest. A server that does not know it yet is sent the whole."""
    try:
        return redis_conn.execute_command("EVALSHA", _digest(script), 1, key, *arguments)
    except NoScriptError:
        return redis_conn.eval(script, 1, key, *arguments)


@cache
def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


def lease_in(text: str | bytes | None) -> str | None:
    """The lease that this text is, or None when it is none."""
    if text is None or len(text) != LEASE_LENGTH:
        return None
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    return text if text.startswith(MARK) else None


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
