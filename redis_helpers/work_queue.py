"""`WorkQueue`: jobs that outlive the worker that had them, on a Redis stream. Its workers are in `queue_worker.py`.

    queue = WorkQueue(redis_conn, "orders")
    queue.put({"order": 7, "fruit": "banana"}, own_id="order-7")      # in the program that sells

    worker = Worker(queue, pack)                                      # in each worker, a process or a thread
    worker.run()                                                      # calls pack(job), one job after the other

A job that a worker has read stays **pending** in Redis until its handler has returned. While the handler works, a
thread beside it sends heartbeats, which set the job's idle time to 0. A job that was idle for `idle_limit` seconds is
taken over by another worker. Each time that it is handed out counts as a delivery; a heartbeat does not count.

What it promises:

- At least once: a job that was put is handed out until a handler returns, or it lies among the dead letters.
- A put that is repeated with the same `own_id`, after a lost reply for example, gives the same job id, and the job is
  queued once, within `remember` seconds. (redis-py's own repeats of one put are harmless without an `own_id`, too.)
- A job whose worker is alive is not taken over, for `longest` seconds. A worker that hangs keeps it no longer.
- A job that kills its workers, or fails, `max_deliveries` times becomes a dead letter, with the reason.
- `trim` takes away only what every group of the stream has read and acknowledged.

What it cannot promise:

- Exactly once. A worker that stood still for longer than `idle_limit` goes on beside the one that has its job now, and
  a worker may die between its last write and the acknowledgement. **Handlers must be idempotent**: `job.own_id` is
  the same at each delivery, and fit for a unique column in your database.
- The order. Jobs begin in the order in which they were put; one that is repeated comes later.
- More than 10,000 dead letters. When there are more, the oldest are deleted, and what their jobs held is lost.
- An end for a job whose handler each time raises what ends the worker: KeyboardInterrupt, SystemExit (`sys.exit`) or
  asyncio.CancelledError. The job is put back, this delivery does not count, and so it never becomes a dead letter.
- The idle limit, when somebody sets the clock of Redis's machine, by which idle times are measured. When it is set
  forward, another worker may take over the job of a living one. When it is set back, idle jobs are taken over later.
- A heartbeat while a handler keeps Python's global lock (GIL), as some C extensions do, for longer than `idle_limit`.
- Anything that Redis forgets. Of 2,000 jobs that were put, after a kill -9 of Redis, so many were left:

    no persistence (`save ""`)                                        0
    the `save` lines that redis.conf begins with                      0   no snapshot was due yet
    `appendonly yes`, `appendfsync everysec` (its default)        2,000   see below
    `appendonly yes`, `appendfsync always`                        2,000

  With `everysec`, a power cut loses about the last second. So may a kill at a moment when the disk is slow: while it is
  still busy with the last second, Redis keeps what comes then in its own memory, for two seconds at most.
  A failover loses what the replica had not received, whatever these say; `min-replicas-to-write` makes that less
  likely. A server that evicts keys (`maxmemory-policy allkeys-…`) may evict the queue: use `noeviction`.

Described at redis.io: "Redis Streams", XREADGROUP, XAUTOCLAIM, XCLAIM. Least server: Redis 6.2, Valkey. Rights of an
ACL user: EVALSHA, EVAL, GET, SET, TIME, XACK, XADD, XAUTOCLAIM, XCLAIM, XDEL, XGROUP, XINFO, XLEN, XPENDING, XRANGE,
XREADGROUP, XTRIM, and keys under `prefix`. All errors but CourseError and TypeError are those of redis-py.
"""

import hashlib
import json
import logging
import re
import secrets
from dataclasses import dataclass
from typing import Any

import redis
from redis.client import NEVER_DECODE
from redis.exceptions import NoScriptError

from redis_helpers.errors import CourseError

logger = logging.getLogger(__name__)

GROUP = "workers"  # the scripts call it so, too
REMEMBER_CALL = 300.0  # seconds that a put without an `own_id` is remembered: longer than redis-py repeats it
AS_BYTES: dict[str, Any] = {NEVER_DECODE: True}  # others may put what is no text: then a client cannot decode it
MOST_DEAD = 10_000  # when there are more dead letters, the oldest are deleted

# Reasons of dead letters, beside the names of the errors that handlers raised.
NO_ANSWER = "NoAnswer"  # its workers died, stood still, or hung
TRIMMED = "Trimmed"  # somebody deleted the entry before it was done: what it held is lost
NOT_A_JOB = "NotAJob"  # not put by `put`

# KEYS[1]  the stream
# KEYS[2]  the job id of this own id, if it was put before
# ARGV[1]  own id
# ARGV[2]  payload
# ARGV[3]  milliseconds until the own id is forgotten
# Returns  the job id.
PUT = """
local known = redis.call('GET', KEYS[2])
if known then
  return known
end
local id = redis.call('XADD', KEYS[1], '*', 'own_id', ARGV[1], 'payload', ARGV[2])
redis.call('SET', KEYS[2], id, 'PX', ARGV[3])
return id
"""

# Two scripts begin so. Both have KEYS[1], the stream, and KEYS[2], the dead letters; ARGV[1] is how many of them stay.
BURY_FUNCTION = """
local function bury(id, reason, deliveries, fields)
  local last = math.min(#fields, 1000)  -- XADD cannot be given more than some thousand arguments
  redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[1], '*',
    'job_id', id, 'reason', reason, 'deliveries', deliveries, unpack(fields, 1, last))
  redis.call('XACK', KEYS[1], 'workers', id)
end
"""

# Takes over the next job that has been idle for too long. Buries what cannot be handed out any more.
# ARGV[2]  name of the worker
# ARGV[3]  idle limit in milliseconds
# ARGV[4]  the cursor: where to go on
# ARGV[5]  the most deliveries
# Returns  the cursor (0-0: the end was reached), how many were buried; and of a job: its id, fields, deliveries.
CLAIM = (
    BURY_FUNCTION
    + """
local cursor = ARGV[4]
local buried = 0
for _ = 1, 100 do  -- each step looks at ten pending entries, and takes over one at most
  local found = redis.call('XAUTOCLAIM', KEYS[1], 'workers', ARGV[2], ARGV[3], cursor, 'COUNT', 1, 'JUSTID')
  cursor = found[1]
  local id = found[2][1]
  local trimmed = found[3] or {}  -- Redis 7 names the entries that were deleted, and forgets that they are pending
  if id then
    local entry = redis.call('XCLAIM', KEYS[1], 'workers', ARGV[2], 0, id)[1]  -- counts this delivery
    if entry then
      local deliveries = redis.call('XPENDING', KEYS[1], 'workers', id, id, 1)[1][4]
      if deliveries <= tonumber(ARGV[5]) then
        return {cursor, buried, id, entry[2], deliveries}
      end
      bury(id, 'NoAnswer', deliveries - 1, entry[2])
      buried = buried + 1
    else  -- Redis 6.2 hands out what was deleted
      trimmed = {id}
    end
  end
  for _, gone in ipairs(trimmed) do
    bury(gone, 'Trimmed', 0, {})
    buried = buried + 1
  end
  if cursor == '0-0' then
    break
  end
end
return {cursor, buried}
"""
)

# ARGV[2]  name of the worker
# ARGV[3]  job id
# ARGV[4]  reason
# ARGV[5]  deliveries
# Returns  1 when the worker had the job, and it is a dead letter now; otherwise 0.
BURY = (
    BURY_FUNCTION
    + """
if #redis.call('XPENDING', KEYS[1], 'workers', ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then
  return 0
end
local entry = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])[1]
if entry then
  bury(ARGV[3], ARGV[4], ARGV[5], entry[2])
else
  bury(ARGV[3], 'Trimmed', ARGV[5], {})
end
return 1
"""
)

# KEYS[1]  the stream
# ARGV[1]  name of the worker
# ARGV[2]  job id
# ARGV[3]  idle time in milliseconds
# ARGV[4]  deliveries: so many have been counted
# Returns  1 when the worker has the job; otherwise 0.
KEEP = """
if #redis.call('XPENDING', KEYS[1], 'workers', ARGV[2], ARGV[2], 1, ARGV[1]) == 0 then
  return 0
end
if #redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2]) == 0 then
  return 0  -- deleted: XCLAIM would forget that it is pending, and nobody would hear of it
end
redis.call('XCLAIM', KEYS[1], 'workers', ARGV[1], 0, ARGV[2], 'IDLE', ARGV[3], 'RETRYCOUNT', ARGV[4], 'JUSTID')
return 1
"""

# KEYS[1]  the stream
# KEYS[2]  the dead letters
# ARGV[1]  id of the dead letter. Its first three fields are those that `bury` gave it, the others are the job's.
# Returns  the new job id, or nothing.
REVIVE = """
local letter = redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1])[1]
if not letter or #letter[2] <= 6 then
  return false
end
local id = redis.call('XADD', KEYS[1], '*', unpack(letter[2], 7))
redis.call('XDEL', KEYS[2], ARGV[1])
return id
"""

# One script, so that no worker reads a job between the look and the deletion: Redis deletes a name together with what
# is pending under it.
# KEYS[1]  the stream
# ARGV[1]  milliseconds: whoever was not heard of for longer is gone
# ARGV[2]  name of a worker that has ended, or nothing
# Returns  how many names were deleted.
FORGET_WORKERS = """
local deleted = 0
for _, list in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], 'workers')) do
  local worker = {}
  for place = 1, #list, 2 do  -- it comes as name, value, name, value
    worker[list[place]] = list[place + 1]
  end
  local is_gone = worker['idle'] > tonumber(ARGV[1]) or worker['name'] == ARGV[2]
  if is_gone and worker['pending'] == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], 'workers', worker['name'])
    deleted = deleted + 1
  end
end
return deleted
"""

# By a script, because redis-py makes a dict of the fields: then one of two fields with the same name is lost.
# KEYS[1]  the stream, or the dead letters
# ARGV[1]  the id with which to begin
# ARGV[2]  the most entries
# Returns  of each: its id, and its fields. The first three of a dead letter are those that `bury` gave it.
RANGE = "return redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])"

# KEYS[1]  the stream: on a cluster, the node that has it is asked
CLOCK = "return redis.call('TIME')"


@dataclass(frozen=True)
class Entry:
    """A job as the stream holds it. `deliveries` is 1 the first time that it is handed out."""

    id: str
    fields: dict[str, str]
    deliveries: int


@dataclass(frozen=True)
class DeadLetter:
    """A job that is not handed out any more.

    - `id`: its own, for `revive`. `job_id`: the one that it had as a job.
    - `reason`: the name of the error that its handler raised; or NO_ANSWER, TRIMMED, NOT_A_JOB.
    - `fields`: of a job, `own_id` and `payload` (as JSON).
    """

    id: str
    job_id: str
    reason: str
    deliveries: int
    fields: dict[str, str]


@dataclass(frozen=True)
class Sizes:
    """For a dashboard. Ages are seconds since the put, 0 when there is no such job.

    - `waiting`: not handed out yet. It is 1,000 at most on Redis 6.2, and on a newer one after somebody has deleted a
      job that waited (XDEL). `pending`: handed out, and not done.
    - `workers`: names that Redis knows, also of workers that were killed. `kept`: what the stream holds in all.
    """

    waiting: int
    pending: int
    dead: int
    workers: int
    kept: int
    oldest_waiting: float
    oldest_pending: float


class WorkQueue:
    """One queue. Any number of threads and processes may use it at once.

    - `redis_conn`: a client, or a `RedisCluster`.
    - `name`: of the queue, such as "orders". Without braces, as the prefix.
    - `idle_limit`: seconds without a heartbeat after which a job is taken over.
    - `max_deliveries`: so many times a job is handed out. A delivery whose reply was lost on its way counts, too.
    - `retry_pause`: seconds until a job whose handler has raised is handed out again; twice as long each time, and
      never longer than `idle_limit`.
    - `longest`: seconds for which one worker may have one job.
    - `remember`: seconds for which a repeated put is recognised by its `own_id`: some 100 bytes of memory for each.
    - `prefix`: the keys in Redis begin so.

    Give all programs that share a queue the same settings. Raises CourseError for a name or a number that cannot be,
    TypeError for a client of `redis.asyncio`.
    """

    def __init__(
        self,
        redis_conn: redis.Redis | redis.RedisCluster,
        name: str,
        *,
        idle_limit: float = 30,
        max_deliveries: int = 5,
        retry_pause: float = 1,
        longest: float = 3600,
        remember: float = 86400,
        prefix: str = "queues:",
    ) -> None:
        if hasattr(redis_conn, "aclose"):
            raise TypeError("WorkQueue needs a client of redis.Redis or redis.RedisCluster, not of redis.asyncio")
        for text in (name, prefix):
            if not _is_text(text) or "{" in text or "}" in text:
                raise CourseError("The name of a queue and its prefix are texts without braces: give such ones.")
        if isinstance(max_deliveries, bool) or not isinstance(max_deliveries, int) or not 1 <= max_deliveries <= 100:
            raise CourseError("The most deliveries are a whole number from 1 to 100: give such a number.")
        self.name = name
        self.redis = redis_conn
        self.idle_limit = _seconds(idle_limit, "The idle limit", least=0.05)
        self.max_deliveries = max_deliveries
        self.retry_pause = _seconds(retry_pause, "The pause before a retry", least=0)
        self.longest = _seconds(longest, "The longest time for a job", least=self.idle_limit)
        self._remember = _seconds(remember, "The time for which a put is remembered", least=1)
        start = f"{prefix}{{{name}}}:"  # in braces, so that all keys of a queue lie in one slot of a cluster
        self._stream = start + "jobs"
        self._dead = start + "dead"
        self._put = start + "put:"

    def __repr__(self) -> str:
        return f"WorkQueue({self.name!r})"

    def put(self, payload: Any, own_id: str | None = None) -> str:
        """Queues a job, and returns its id.

        `payload`: what JSON can hold: texts, numbers, lists, dicts (their keys come back as texts).
        `own_id`: your own name for the job, such as "order-7". Repeat the put with the same one when its reply was
        lost. If a job with this `own_id` is known, its id is returned, and the new payload is not looked at.
        Raises CourseError for a payload that JSON cannot hold, or an own id that is no text.
        """
        remember = self._remember
        if own_id is None:
            own_id = secrets.token_hex(16)
            remember = REMEMBER_CALL
        try:
            text = json.dumps(payload, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            raise CourseError("A job's payload is what JSON can hold: give texts, numbers, lists and dicts.") from None
        if not _is_text(own_id):
            raise CourseError("The own id of a job is a text, such as order-7: give such a text.")
        job_id = self._run(PUT, [self._stream, self._put + own_id], [own_id.encode(), text, _milliseconds(remember)])
        logger.debug("%s: a job was put", self.name)
        return _text(job_id)

    # For a dashboard, and for whoever looks after the queue.

    def sizes(self) -> Sizes:
        """How much there is to do, and since when. The numbers are read one after the other, not in one moment."""
        kept = self.redis.xlen(self._stream)
        waiting: int | None = kept
        pending = workers = 0
        last_delivered = "0-0"
        for group in self._groups():
            if _text(group["name"]) == GROUP:
                waiting = group.get("lag")
                pending = group["pending"]
                workers = group["consumers"]
                last_delivered = _text(group["last-delivered-id"])
        if waiting is None:  # Redis 6.2; or somebody has deleted entries that waited
            waiting = len(self._range(self._stream, "(" + last_delivered, 1000))
        oldest_waiting = oldest_pending = None
        for entry_id, _ in self._range(self._stream, "(" + last_delivered, 1):
            oldest_waiting = _text(entry_id)
        if pending:
            oldest_pending = self._oldest_pending(GROUP)
        clock = self._run(CLOCK, [self._stream], [])
        now = int(clock[0]) + int(clock[1]) / 1_000_000
        dead = self.redis.xlen(self._dead)
        return Sizes(waiting, pending, dead, workers, kept, _age(oldest_waiting, now), _age(oldest_pending, now))

    def dead_letters(self, most: int = 100) -> list[DeadLetter]:
        """The oldest dead letters, `most` of them at most."""
        letters = []
        for letter_id, fields in self._range(self._dead, "-", most):
            job_id, reason, deliveries = _text(fields[1]), _text(fields[3]), int(fields[5])
            letters.append(DeadLetter(_text(letter_id), job_id, reason, deliveries, _texts(fields[6:])))
        return letters

    def revive(self, letter_id: str) -> str | None:
        """Queues a dead letter again, as a new job with the same own id, and returns its job id.

        None: there is no such dead letter (any more), or it holds nothing, for its job was deleted (TRIMMED).
        One that is NOT_A_JOB is queued again as it is: a worker that still cannot read it buries it again.
        """
        if not isinstance(letter_id, str) or not re.fullmatch(r"\d+-\d+", letter_id, re.ASCII):
            raise CourseError("The id of a dead letter looks like 1719403200000-0: take one from dead_letters().")
        job_id = self._run(REVIVE, [self._stream, self._dead], [letter_id])
        return None if job_id is None else _text(job_id)

    def trim(self) -> int:
        """Deletes the jobs that every group of the stream is done with, and returns how many. Workers do it, too.

        What stays begins with the oldest job that some group has pending, or else with the last that was handed out
        in the group that is furthest behind. A group that nobody reads for keeps everything: delete such a group.
        """
        needed = []
        for group in self._groups():
            needed.append(_text(group["last-delivered-id"]))
            if group["pending"]:
                needed.append(self._oldest_pending(group["name"]) or "0-0")
        if not needed:  # nobody has read anything
            return 0
        # Meanwhile a group may have read on. Then it needs less than we have seen, never more.
        return self.redis.xtrim(self._stream, minid=min(needed, key=_as_numbers), approximate=False)

    def forget_workers(self, idle: float = 3600, ended: str = "") -> int:
        """Deletes the names of workers that have nothing pending. Returns how many. Workers do it, too.

        `idle`: those that were not heard of for so many seconds. `ended`: this one, too.
        """
        if not self._has_group():
            return 0
        return self._run(FORGET_WORKERS, [self._stream], [_milliseconds(idle), ended])

    # For workers.

    def make_group(self) -> None:
        """Makes the stream and the group of the workers, if they are missing. The group begins with the oldest job."""
        if self._has_group():  # a look is possible in a Redis that is full, too
            return
        try:
            self.redis.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
            logger.info("%s: a new queue, or one that Redis has forgotten", self.name)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def read(self, worker: str, wait: float) -> Entry | None:
        """The next job that was not handed out yet; None when there was none for `wait` seconds.

        redis-py gives one of three shapes: [[stream, [entry]]]; with `protocol=3`, {stream: [[entry]]}; with
        `legacy_responses=False`, {stream: [entry]}.
        """
        block = _milliseconds(wait)  # at least 1, for 0 would be for ever
        what = ["GROUP", GROUP, worker, "COUNT", 1, "BLOCK", block, "STREAMS", self._stream, ">"]
        reply: Any = self.redis.execute_command("XREADGROUP", *what, **AS_BYTES)
        if not reply:
            return None
        streams = list(reply.items()) if isinstance(reply, dict) else reply
        entries = streams[0][1]
        if isinstance(entries[0], list):
            entries = entries[0]
        entry_id, fields = entries[0]
        return Entry(_text(entry_id), {_text(name): _text(value) for name, value in fields.items()}, 1)

    def claim(self, worker: str, cursor: str) -> tuple[str, Entry | None]:
        """Takes over a job that was idle for too long. Returns the cursor with which to go on, and the job or None.

        "0-0" as the cursor means: from the oldest on; and when it comes back, that the end was reached.
        """
        arguments = [MOST_DEAD, worker, _milliseconds(self.idle_limit), cursor, self.max_deliveries]
        reply = self._run(CLAIM, [self._stream, self._dead], arguments)
        next_cursor = _text(reply[0])
        buried = reply[1]
        if buried:
            logger.error("%s: %d jobs had no answer, or were trimmed away: dead letters now", self.name, buried)
        if len(reply) == 2:
            return next_cursor, None
        job_id, fields, deliveries = reply[2:]
        logger.warning("%s: a job comes again, delivery %d of %d", self.name, deliveries, self.max_deliveries)
        return next_cursor, Entry(_text(job_id), _texts(fields), deliveries)

    def keep(self, worker: str, job_id: str, idle: float, deliveries: int) -> bool:
        """Sets for how many seconds the job has been idle, and its deliveries. False: the worker has it no more.

        A heartbeat sets 0; whoever puts a job back sets so much that it is soon taken over.
        """
        return bool(self._run(KEEP, [self._stream], [worker, job_id, round(1000 * idle), deliveries]))

    def acknowledge(self, job_id: str) -> None:
        """The job is done: also when another worker has it by now."""
        self.redis.xack(self._stream, GROUP, job_id)
        logger.debug("%s: a job is done", self.name)

    def bury(self, worker: str, job_id: str, reason: str, deliveries: int) -> bool:
        """Makes the job a dead letter. False: the worker has it no more."""
        logger.error("%s: a job is a dead letter after delivery %d: %s", self.name, deliveries, reason)
        arguments = [MOST_DEAD, worker, job_id, reason, deliveries]
        return bool(self._run(BURY, [self._stream, self._dead], arguments))

    def _has_group(self) -> bool:
        return GROUP in [_text(group["name"]) for group in self._groups()]

    def _groups(self) -> list[dict[str, Any]]:
        try:
            return self.redis.execute_command("XINFO GROUPS", self._stream, **AS_BYTES)
        except redis.ResponseError as error:
            if "no such key" in str(error):  # nothing was put yet
                return []
            raise

    def _oldest_pending(self, group: str) -> str | None:
        pending = self.redis.execute_command("XPENDING", self._stream, group, keys=[self._stream], **AS_BYTES)
        return None if pending["min"] is None else _text(pending["min"])

    def _range(self, stream: str, begin: str, most: int) -> list[Any]:
        return self._run(RANGE, [stream], [begin, most]) or []

    def _run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        sha = hashlib.sha1(script.encode()).hexdigest()  # the name that Redis gives a script
        try:
            return self.redis.execute_command("EVALSHA", sha, len(keys), *keys, *arguments, **AS_BYTES)
        except NoScriptError:  # a new server, a restart, a failover: this once, the script goes along
            return self.redis.execute_command("EVAL", script, len(keys), *keys, *arguments, **AS_BYTES)


def _text(value: bytes) -> str:
    """What is no UTF-8 gets a question mark in a black diamond."""
    return value.decode(errors="replace")


def _texts(fields: list[Any]) -> dict[str, str]:
    """Scripts give the fields of an entry as name, value, name, value."""
    return {_text(name): _text(value) for name, value in zip(fields[::2], fields[1::2], strict=True)}


def _as_numbers(entry_id: str) -> tuple[int, int]:
    """An id of a stream: milliseconds since 1970, and a number among those of the same millisecond."""
    milliseconds, number = entry_id.split("-")
    return int(milliseconds), int(number)


def _age(entry_id: str | None, now: float) -> float:
    if entry_id is None:
        return 0.0
    return max(0.0, now - _as_numbers(entry_id)[0] / 1000)


def _milliseconds(seconds: float) -> int:
    return max(1, round(1000 * seconds))


def _is_text(value: object) -> bool:
    try:
        return isinstance(value, str) and value.encode() != b""
    except UnicodeEncodeError:  # half of a character
        return False


def _seconds(number: object, name: str, least: float) -> float:
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not least <= number <= 10**8:
        raise CourseError(f"{name} is a number of seconds, {least:g} at least: give such a number.")
    return float(number)
