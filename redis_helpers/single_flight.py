"""`SingleFlight`: threads that want the same thing at the same time do the work for it once."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

Result = TypeVar("Result")


class SingleFlight:
    """Calls for one key share one piece of work. The names are those of Go's package singleflight."""

    def __init__(self) -> None:
        self._flights: dict[str, Future] = {}
        self._guard = threading.Lock()

    def do(self, key: str, work: Callable[[], Result], patience: float) -> Result:
        """Returns what `work()` returned, in whichever thread it was done, or raises what it raised.

        Whoever has waited `patience` seconds for another thread does the work too.
        """
        mine: Future = Future()
        current = self._flights.setdefault(key, mine)
        if current is not mine:
            if wait([current], patience).done and not current.cancelled():
                return current.result()
            return work()
        try:
            mine.set_result(result := work())
            return result
        except Exception as error:
            mine.set_exception(error)
            raise
        finally:
            if mine.cancel():  # only if this thread was interrupted: then each of the others does the work
                mine.set_running_or_notify_cancel()
            self._forget(key, mine)

    def forget(self, key: str) -> None:
        """Whoever comes from now on does not share the work that is under way."""
        with self._guard:
            self._flights.pop(key, None)

    def _forget(self, key: str, flight: Future) -> None:
        with self._guard:
            if self._flights.get(key) is flight:
                del self._flights[key]
