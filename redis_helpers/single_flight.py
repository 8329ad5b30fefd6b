"""`SingleFlight`: threads that want the same thing at the same time do the work for it once.

The name is that of Go's package golang.org/x/sync/singleflight.
"""

import copy
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis_helpers.after_fork import reset_in_forked_children

logger = logging.getLogger(__name__)

WAITER_LOOK = 0.5  # seconds after which a thread that waits looks again: the limit may have changed


@dataclass
class FlightOutcome:
    """What the work came to. `led` says whether the caller has done it, or waited for another thread."""

    value: object
    error: Exception | None
    led: bool

    def result(self) -> object:
        """The value. Raises the work's error instead, if it had one: an object of the caller's own."""
        if self.error is not None:
            raise self.error
        return self.value


class _Flight:
    """One piece of work that is under way."""

    def __init__(self, limit: float) -> None:
        self.hung_at = time.monotonic() + limit
        self.ended: threading.Event | None = None  # made for the first who waits: most flights have none
        self.has_outcome = False  # stays False when the thread was interrupted, by Ctrl-C for one
        self.value: object = None
        self.error: Exception | None = None


class SingleFlight:
    """Calls for one key share one piece of work, within this process. In a forked child nothing is under way."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}
        self._guard = threading.Lock()
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        self._flights = {}
        self._guard = threading.Lock()

    def do(self, key: str, work: Callable[[], object], patience: float, limit: float) -> FlightOutcome:
        """Does `work()`, or waits for the thread that does it. Raises what `work()` raises in this thread.

        - Work that takes longer than `limit` seconds counts as hung: one of those who wait does it anew, and the
          others wait for that one.
        - Whoever has waited `patience` seconds in all does the work too, alone.
        - What the work raised is copied for each who waited, with the same type, and without the traceback of another
          thread. When the working thread was interrupted, one of the others takes over.
        """
        give_up = time.monotonic() + patience
        while True:
            flight, leads = self._join(key, limit)
            if leads:
                return FlightOutcome(self._lead(key, flight, work), None, led=True)
            _wait(flight, min(give_up, flight.hung_at, time.monotonic() + WAITER_LOOK))
            if flight.has_outcome:
                error = None if flight.error is None else own_copy(flight.error)
                return FlightOutcome(flight.value, error, led=False)
            if time.monotonic() >= give_up:
                logger.warning("waited %.1f s for another thread's load: this one loads too", patience)
                return FlightOutcome(work(), None, led=True)

    def set_limit(self, key: str, limit: float) -> None:
        """From now on, the work under way for this key counts as hung after `limit` seconds."""
        with self._guard:
            flight = self._flights.get(key)
            if flight is not None:
                flight.hung_at = time.monotonic() + limit

    def forget(self, key: str) -> None:
        """Whoever comes from now on does not share the work that is under way."""
        with self._guard:
            self._flights.pop(key, None)

    def _join(self, key: str, limit: float) -> tuple[_Flight, bool]:
        """The flight for this key, and whether the caller leads it."""
        with self._guard:
            flight = self._flights.get(key)
            if flight is not None and time.monotonic() < flight.hung_at:
                if flight.ended is None:
                    flight.ended = threading.Event()
                return flight, False
            flight = _Flight(limit)
            self._flights[key] = flight
            return flight, True

    def _lead(self, key: str, flight: _Flight, work: Callable[[], object]) -> object:
        try:
            flight.value = work()
            flight.has_outcome = True
            return flight.value
        except Exception as error:
            flight.error = own_copy(error)
            flight.has_outcome = True
            raise
        finally:
            with self._guard:
                if self._flights.get(key) is flight:
                    del self._flights[key]
                ended = flight.ended
            if ended is not None:
                ended.set()


def _wait(flight: _Flight, until: float) -> None:
    assert flight.ended is not None, "whoever joins a flight makes its event"
    flight.ended.wait(max(0.0, until - time.monotonic()))


def own_copy(error: Exception) -> Exception:
    """An error of the same type that says the same, with no traceback yet.

    Two threads that raise one object mix their tracebacks in it. An error that cannot be copied is returned as it is.
    """
    twin = _copied(error)
    if twin is None:
        return error
    twin.__traceback__ = None
    twin.__cause__ = error.__cause__
    twin.__context__ = error.__context__
    twin.__suppress_context__ = error.__suppress_context__
    return twin


def _copied(error: Exception) -> Exception | None:
    """First as `copy` does it, by calling the class; if its `__init__` wants something else, without calling that."""
    try:
        twin = copy.copy(error)
        if type(twin) is type(error) and str(twin) == str(error):
            return twin
    except Exception as problem:
        logger.debug("%s cannot be copied by calling it: %s", type(error).__name__, type(problem).__name__)
    try:
        twin = type(error).__new__(type(error), *error.args)
        twin.args = error.args
        twin.__dict__.update(error.__dict__)
        return twin
    except Exception as problem:
        logger.debug("%s cannot be copied: %s", type(error).__name__, type(problem).__name__)
        return None
