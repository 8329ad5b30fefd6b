"""`Worker`: works for a `WorkQueue`, one job after the other, and stops without losing the job in hand.

    def pack(job):
        database.execute("INSERT INTO parcels … ON CONFLICT DO NOTHING", job.own_id, job.payload["fruit"])

    worker = Worker(WorkQueue(redis_conn, "orders"), pack)
    stop_on([signal.SIGTERM, signal.SIGINT], [worker])
    worker.run()

- A handler that returns has done its job. One that raises gets the job again, after a pause; after the last delivery
  the job is a dead letter, with the name of the error. One that raises PutBack gives the job to whoever is next.
- Nobody awaits what a handler returns. With asyncio, a handler calls `asyncio.run(...)` itself. One that returns
  something to await, or a generator, has not done its job: that counts as if it had raised NotRun.
- While Redis is gone, busy, or back with nothing, a worker logs that, and tries again. It raises what does not pass:
  a wrong password, missing rights, a key of another type.
- Give it a client with a `socket_timeout`, as redis-py 8 has it by default: without one, a read waits for ever when the
  machine of Redis vanishes. Reads wait for half of that time at most, and not longer than a second.
- For more speed, start more workers: in threads with one `WorkQueue`, in processes with a client each. A worker has
  one job in hand, for a batch would have to be done within one idle limit.

What it promises, and what not, stands in `work_queue.py`; so do the rights that it needs.
"""

import functools
import inspect
import json
import logging
import os
import re
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import redis
from redis.exceptions import AuthenticationError, ClusterDownError, ReadOnlyError, RedisClusterException, TryAgainError

from redis_helpers.errors import CourseError
from redis_helpers.work_queue import NOT_A_JOB, Entry, WorkQueue

logger = logging.getLogger(__name__)

LONGEST_WAIT = 1.0  # seconds for which a worker waits for a new job, before it looks for idle ones and at `stopping`
PAUSE = 0.2  # seconds between two tries while Redis is gone
TIDY_EVERY = 60.0  # seconds between two times that a worker trims the stream, and deletes the names of others
PATIENCE_AT_THE_END = 1.0  # seconds for which a worker that stops tries to tell Redis how its job has ended

FAILURES = (redis.RedisError, RedisClusterException)

# Troubles that pass, by their kind or by what Redis says: what it has no longer, or cannot do now.
GONE = (
    redis.ConnectionError,
    redis.TimeoutError,
    RedisClusterException,
    ClusterDownError,
    ReadOnlyError,
    TryAgainError,
)
# "BUSY " is said while a slow script runs; BUSYGROUP is another thing.
PASSING = re.compile("NOGROUP|UNBLOCKED|READONLY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|MISCONF|NOREPLICAS|maxmemory|BUSY ")


class PutBack(Exception):
    """A handler raises it to give its job back: a worker gets it soon, and this delivery does not count."""


class NotRun(Exception):
    """A handler has returned something to await, or a generator: what is in there has not run."""


@dataclass
class Job:
    """What a handler gets.

    - `id`: the job's id in Redis. `own_id`: the one that it was put with, or a random one.
    - `payload`: what was put, as JSON gives it back.
    - `deliveries`: 1 the first time that it is handed out.
    - `lost`: True as soon as a heartbeat has found that the job is not ours any more: stop working then.
    """

    id: str
    own_id: str
    payload: Any
    deliveries: int
    lost: bool = False


class Worker:
    """One worker, with one job in hand at most. It runs in one thread of one process.

    - `queue`: whose jobs.
    - `handler`: is called with a Job. It must be idempotent, for it may get a job twice.
    - `stopping`: True after `stop`.

    Raises CourseError for a handler that cannot be called, or that does not run when it is called: `async def`, and a
    function with `yield`.
    """

    def __init__(self, queue: WorkQueue, handler: Callable[[Job], object]) -> None:
        if not callable(handler):
            raise CourseError("A handler is a function that is called with a job: give such a function.")
        if not _runs_when_called(handler):
            raise CourseError(
                "A handler with async def or yield does not run when it is called: give an ordinary function, which "
                "calls asyncio.run(...) for instance."
            )
        self.name = ""  # `run` gives a new one: two workers with one name would take each other's jobs for their own
        self.stopping = False
        self._queue = queue
        self._handler = handler
        self._wait = _longest_wait(queue)
        self._group_is_there = False
        self._cursor = "0-0"
        self._claim_at = 0.0
        self._tidy_at = 0.0
        self._job: Job | None = None
        self._began_at = 0.0
        self._turn = threading.Lock()  # held by whoever changes the job in hand, or tells Redis that we have it

    def run(self, until_idle: float | None = None) -> int:
        """Works until `stop`. Returns how many jobs were done.

        `until_idle`: returns also when Redis has had no job for us for so many seconds.
        What ends a handler otherwise than by an Exception (Ctrl-C, `sys.exit`) is raised, after the job was put back.
        """
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        ended = threading.Event()
        heart = threading.Thread(target=self._beat, args=[ended], name="heartbeat", daemon=True)
        heart.start()
        try:
            return self._work(until_idle)
        finally:
            ended.set()
            heart.join()
            self._leave()

    def stop(self) -> None:
        """Lets `run` return: after the job in hand, or within a second when there is none.

        While Redis does not answer, it takes longer: with redis-py's own settings, up to some ten seconds.
        """
        self.stopping = True

    def _work(self, until_idle: float | None) -> int:
        done = 0
        wait = self._wait
        if until_idle is not None:
            wait = min(wait, until_idle)
        last_job_at = time.monotonic()
        while not self.stopping:
            try:
                entry = self._next_entry(wait)
                job = self._job_of(entry)
            except FAILURES as error:
                self._wait_for_redis(error)
                continue
            if job is not None:
                done += self._do(job)
            if entry is not None:
                last_job_at = time.monotonic()
            elif until_idle is not None and time.monotonic() - last_job_at >= until_idle:
                break
        return done

    def _next_entry(self, wait: float) -> Entry | None:
        """A job that was idle for too long, or a new one. None when there is neither for `wait` seconds: ask again."""
        if not self._group_is_there:
            self._queue.make_group()
            self._group_is_there = True
        if time.monotonic() >= self._tidy_at:
            self._queue.trim()
            self._queue.forget_workers()
            self._tidy_at = time.monotonic() + TIDY_EVERY
        entry = None
        if time.monotonic() >= self._claim_at:
            self._cursor, entry = self._queue.claim(self.name, self._cursor)
            if self._cursor == "0-0":  # all are looked through: a while later, from the oldest on
                self._claim_at = time.monotonic() + wait
        if entry is None:
            entry = self._queue.read(self.name, wait=self._claim_at - time.monotonic())
        return entry

    def _job_of(self, entry: Entry | None) -> Job | None:
        """None, too, when the entry was no job: then it is a dead letter now."""
        if entry is None:
            return None
        try:
            payload = json.loads(entry.fields["payload"])
            own_id = entry.fields["own_id"]
        except (KeyError, ValueError, RecursionError):
            self._queue.bury(self.name, entry.id, NOT_A_JOB, entry.deliveries)
            return None
        return Job(entry.id, own_id, payload, entry.deliveries)

    def _do(self, job: Job) -> bool:
        """Calls the handler, and tells Redis how that ended. True when the job was done."""
        with self._turn:
            self._job = job
            self._began_at = time.monotonic()
        try:
            result = self._handler(job)
            if inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result):
                raise NotRun
        except PutBack:
            self._settle(job, self._put_back)
        except Exception as error:
            self._settle(job, self._retry_or_bury, type(error).__name__)
        except BaseException:  # Ctrl-C, or sys.exit: the worker ends
            self._settle(job, self._put_back)
            raise
        else:
            self._settle(job, self._acknowledge)
            return True
        return False

    def _settle(self, job: Job, tell: Callable[..., object], *arguments: str) -> None:
        """Tells Redis how a job has ended, again and again until it answers, or until others may have the job."""
        with self._turn:
            self._job = None  # no heartbeat any more
        began_at = time.monotonic()
        while True:
            try:
                tell(job, *arguments)
                return
            except FAILURES as error:
                patience = self._queue.idle_limit
                if self.stopping:
                    patience = min(patience, PATIENCE_AT_THE_END)
                if "NOGROUP" in str(error) or time.monotonic() - began_at > patience:
                    logger.error("%s: Redis was not told how a job has ended (%s)", self._queue.name, _kind(error))
                    return
                self._wait_for_redis(error)

    def _acknowledge(self, job: Job) -> None:
        self._queue.acknowledge(job.id)

    def _put_back(self, job: Job) -> None:
        logger.info("%s: a job is put back", self._queue.name)
        self._queue.keep(self.name, job.id, self._queue.idle_limit, job.deliveries - 1)

    def _retry_or_bury(self, job: Job, kind: str) -> None:
        queue = self._queue
        if job.deliveries >= queue.max_deliveries:
            queue.bury(self.name, job.id, kind, job.deliveries)
            return
        pause = min(queue.retry_pause * 2 ** (job.deliveries - 1), queue.idle_limit)
        logger.warning("%s: a handler raised %s, delivery %d: again in %g s", queue.name, kind, job.deliveries, pause)
        queue.keep(self.name, job.id, queue.idle_limit - pause, job.deliveries)

    def _beat(self, ended: threading.Event) -> None:
        """What the thread beside the handler does, three times in each idle limit."""
        while not ended.wait(self._queue.idle_limit / 3):
            with self._turn:
                if self._job is not None:
                    self._heartbeat(self._job)

    def _heartbeat(self, job: Job) -> None:
        queue = self._queue
        if time.monotonic() - self._began_at > queue.longest:
            logger.error("%s: a job takes more than %g s: no heartbeat any more", queue.name, queue.longest)
            job.lost = True
            self._job = None
            return
        try:
            is_ours = queue.keep(self.name, job.id, 0, job.deliveries)
        except Exception as error:  # also of a credential provider, or of a client that is closed at this moment
            logger.warning("%s: no heartbeat (%s)", queue.name, _kind(error))
            return
        if not is_ours:
            logger.warning("%s: the job in hand is not ours any more", queue.name)
            job.lost = True
            self._job = None

    def _wait_for_redis(self, error: Exception) -> None:
        """Waits a moment, when the trouble passes. Raises any other error."""
        passes = isinstance(error, GONE) or PASSING.search(str(error)) is not None
        if not passes or isinstance(error, AuthenticationError):
            raise error
        logger.warning("%s: Redis does not answer, or cannot now (%s): trying again", self._queue.name, _kind(error))
        if "NOGROUP" in str(error):  # it has come back with nothing
            self._group_is_there = False
        time.sleep(PAUSE)

    def _leave(self) -> None:
        """Deletes our name. It stays while something is pending under it, such as a job that waits for a retry."""
        try:
            self._queue.forget_workers(ended=self.name)
        except FAILURES as error:
            logger.warning("%s: a worker has ended, its name stays (%s)", self._queue.name, _kind(error))


def stop_on(signals: Iterable[signal.Signals], workers: Iterable[Worker]) -> None:
    """Stops these workers when the process gets one of these signals.

    A handler that takes longer than the system allows after SIGTERM looks at `worker.stopping`, and raises PutBack.
    Raises CourseError outside of the main thread, where Python does not allow it.
    """
    if threading.current_thread() is not threading.main_thread():
        raise CourseError("Python allows this in the main thread only: call stop_on there, before the threads start.")
    stopped = list(workers)

    def stop_all(number: int, frame: object) -> None:
        for worker in stopped:
            worker.stop()

    for number in signals:
        signal.signal(number, stop_all)


def _runs_when_called(handler: Any) -> bool:
    while isinstance(handler, functools.partial):
        handler = handler.func
    for function in (handler, type(handler).__call__):  # the second is for an object with a method `__call__`
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return False
        if inspect.isgeneratorfunction(function):
            return False
    return True


def _longest_wait(queue: WorkQueue) -> float:
    """Seconds for which a read may wait: shorter than the client waits for any reply."""
    client = queue.redis
    if isinstance(client, redis.RedisCluster):
        settings = client.nodes_manager.connection_kwargs
    else:
        settings = client.connection_pool.connection_kwargs
    wait = min(LONGEST_WAIT, queue.idle_limit / 4)
    socket_timeout = settings.get("socket_timeout")
    if socket_timeout is not None:
        wait = min(wait, socket_timeout / 2)
    return wait


def _kind(error: Exception) -> str:
    """What may be logged of an error: its kind. Its text may hold an address or a key."""
    return type(error).__name__
