"""`LeaseKeeper`: one thread that renews all leases of this process, and stores what could not be stored at once.

A load that is quicker than RENEW_AFTER seconds costs it nothing but an entry in a set: the thread looks around every
TICK seconds, and renews what is older. It starts with the first lease, and ends when there has been none for a while.

It cannot renew while another thread holds Python's global lock (one long call into C, such as a regular expression over
a large text): such a load keeps its lease for LEASE_SECONDS. And a client that waits long for a Redis that hangs (its
`socket_timeout`) holds up the leases on other servers.
"""

import logging
import threading
import time
from dataclasses import dataclass

import redis
from redis.exceptions import RedisClusterException

from redis_helpers import lease as lease_module
from redis_helpers.after_fork import reset_in_forked_children
from redis_helpers.lease import Lease

logger = logging.getLogger(__name__)

TICK = 0.25  # seconds between two looks
RENEW_AFTER = 1.0  # seconds after which a lease is renewed, again and again
LOAD_LIMIT = 10.0  # seconds after which a load counts as hung: its lease is free then
LATE_SECONDS = 5.0  # seconds for which a result that Redis did not take is offered again
IDLE_SECONDS = 10.0  # seconds without any lease after which the thread ends


@dataclass(frozen=True)
class _Late:
    """What is left to do about a lease: store the entry, or give the lease back when there is none."""

    lease: Lease
    entry: str | None
    ends: float  # when the entry ends, in time.monotonic()
    give_up: float


class LeaseKeeper:
    """Keeps leases alive. One object, `keeper`, serves the whole process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._leases: set[Lease] = set()
        self._late: list[_Late] = []
        self._thread: threading.Thread | None = None
        self._last_used = 0.0
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        self._guard = threading.Lock()
        self._leases = set()
        self._late = []
        self._thread = None

    def keep(self, lease: Lease) -> None:
        """Renews this lease from now on, until `let_go()`, and at most until it is LOAD_LIMIT seconds old."""
        with self._guard:
            self._leases.add(lease)
            self._start()

    def let_go(self, lease: Lease) -> None:
        """Renews this lease no more."""
        with self._guard:
            self._leases.discard(lease)

    def end_later(self, lease: Lease, entry: str | None, milliseconds: int) -> None:
        """Offers the entry to Redis again (or gives the lease back, when it is None) until that succeeds, for at most
        LATE_SECONDS. The entry's time to live counts from now on."""
        now = time.monotonic()
        with self._guard:
            self._leases.add(lease)
            self._late.append(_Late(lease, entry, now + milliseconds / 1000, now + LATE_SECONDS))
            self._start()

    def _start(self) -> None:
        if self._thread is not None:
            return
        self._last_used = time.monotonic()
        thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread is to be had, or Python is about to end
            logger.warning("leases cannot be renewed: %s", error)
            return
        self._thread = thread

    def _run(self) -> None:
        try:
            while self._is_needed():
                time.sleep(TICK)
                for late in self._take_late():
                    self._end(late)
                for lease in self._due():
                    self._renew(lease)
        except BaseException:  # threading reports it; the next lease starts another thread
            self._thread = None
            raise

    def _is_needed(self) -> bool:
        with self._guard:
            now = time.monotonic()
            if self._leases or self._late:
                self._last_used = now
            if now - self._last_used < IDLE_SECONDS:
                return True
            self._thread = None
            return False

    def _due(self) -> list[Lease]:
        """The leases to renew now. A load that would be over its limit before the next lease ends is let go."""
        now = time.monotonic()
        last_renewal = LOAD_LIMIT - lease_module.LEASE_SECONDS
        with self._guard:
            too_old = [lease for lease in self._leases if now - lease.began > last_renewal]
            self._leases.difference_update(too_old)
            due = [lease for lease in self._leases if now - lease.renewed >= RENEW_AFTER]
        if too_old:
            logger.warning(
                "%d load(s) run for more than %.1f s: leases not renewed any more", len(too_old), last_renewal
            )
        return due

    def _renew(self, lease: Lease) -> None:
        try:
            still_ours = lease.renew()
        except (redis.RedisError, RedisClusterException, UnicodeError) as error:
            logger.debug("lease of %r not renewed (%s), tried again", lease.key, type(error).__name__)
            return
        except Exception as error:  # such as a client that is closed at this moment: the other leases go on
            logger.warning("a lease is not renewed any more (%s)", type(error).__name__)
            self.let_go(lease)
            return
        if not still_ours:
            logger.debug("lease of %r has ended: invalidated, or taken over", lease.key)
            self.let_go(lease)

    def _take_late(self) -> list[_Late]:
        with self._guard:
            taken = self._late
            self._late = []
        return taken

    def _end(self, late: _Late) -> None:
        try:
            self._end_now(late)
        except (redis.RedisError, RedisClusterException, UnicodeError) as error:
            if time.monotonic() < late.give_up:
                with self._guard:
                    self._late.append(late)
                return
            logger.warning("a loaded value could not be stored (%s)", type(error).__name__)
        except Exception as error:  # as above
            logger.warning("a loaded value could not be stored (%s)", type(error).__name__)
        self.let_go(late.lease)

    def _end_now(self, late: _Late) -> None:
        if late.entry is None:
            late.lease.release()
            return
        left = round(1000 * (late.ends - time.monotonic()))
        if left <= 0:
            late.lease.release()
            return
        stored = late.lease.store(late.entry, left)
        logger.debug("%r stored late: %s", late.lease.key, stored)


keeper = LeaseKeeper()
