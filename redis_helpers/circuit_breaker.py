"""`CircuitBreaker`: leaves a server alone that is gone, so that nobody waits for its time-outs again and again.

The pattern is Michael Nygard's ("Release It!", 2007). A breaker is closed while all is well. It opens when nothing has
been answered for a while; then nobody asks the server, but for one caller now and then, who looks whether it is back.
"""

import logging
import threading
import time

from redis_helpers.after_fork import reset_in_forked_children

logger = logging.getLogger(__name__)

SILENCE = 0.4  # seconds without any answer after which a server counts as gone; a shorter stall is a hiccup
PAUSE = 0.5  # seconds between two looks at a server that is gone


class CircuitBreaker:
    """Counts what `succeeded()` and `failed()`, and opens after SILENCE seconds without a success.

    A single failure does not open it, unless that one took as long. It may be used by many threads at once.
    """

    def __init__(self) -> None:
        self.is_open = False
        self.is_failing = False
        self._failing_since = 0.0
        self._next_look = 0.0
        self._guard = threading.Lock()
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        self._guard = threading.Lock()

    def lets_pass(self) -> bool:
        """Whether this caller may ask the server. While the breaker is open, one caller may in each PAUSE seconds."""
        if not self.is_open:
            return True
        with self._guard:
            now = time.monotonic()
            if now < self._next_look:
                return False
            self._next_look = now + PAUSE
            return True

    def succeeded(self) -> None:
        """The server has answered: the breaker closes."""
        if not self.is_failing:
            return
        with self._guard:
            was_open = self.is_open
            self.is_open = False
            self.is_failing = False
        if was_open:
            logger.warning("Redis answers again")

    def failed(self, began: float) -> None:
        """The server did not answer a question that was asked at `began` (`time.monotonic()`)."""
        with self._guard:
            now = time.monotonic()
            if not self.is_failing:
                self.is_failing = True
                self._failing_since = began
            silence = now - min(began, self._failing_since)
            opens = not self.is_open and silence >= SILENCE
            if opens:
                self.is_open = True
            if self.is_open:
                self._next_look = now + PAUSE
        if opens:
            logger.warning("Redis has not answered for %.1f s: it is asked once in %s s only", silence, PAUSE)
