"""Somebody else comes in between: after one command of a function and before its next one, or at every such moment.

What comes in between is real: another connection sends it, and Redis runs it there. A pipeline without MULTI is not one
moment but several, as Redis may serve others between its commands; what stands between MULTI and EXEC is one.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import redis

from redis_helpers.course.exercises.known_scripts import scripts_known_to, scripts_of_locks
from redis_helpers.course.exercises.wire import Call, Step, watching


def with_rival(
    function: Callable, redis_conn: redis.Redis, *args: object, rival: Callable[[], object], after: int = 1
) -> Any:
    """Calls `function(redis_conn, *args)`, and `rival()` once: behind its command number `after`, before the next one.

    Returns what the function returns. A function that sends fewer commands has ended when the rival comes. Raises what
    either of them raises.
    """
    meeting = _Meeting(rival, after)
    value = meeting.run(function, redis_conn, args)
    meeting.come()
    return value


def every_moment(
    function: Callable,
    redis_conn: redis.Redis,
    *args: object,
    rival: Callable[[], object],
    before: Callable[[], object],
) -> Iterator[str]:
    """Lets the rival come before the first command, behind it, behind the second, and so on, up to the end.

    Each time, `before()` puts the data in place; then the function and the rival run. Yields when it was, in words, so
    that a loop can look at what is left:

        for moment in every_moment(count, redis_conn, "a:key", rival=window_ends, before=start):
            assert redis_conn.ttl("a:key") != -1, moment
    """
    number = 0
    sent = [""]
    while number < len(sent):
        before()
        meeting = _Meeting(rival, number)
        meeting.run(function, redis_conn, args)
        meeting.come()
        sent = ["", *meeting.sent]
        yield "before the first command" if number == 0 else f"after {sent[number]}"
        number += 1


class _Meeting:
    """One call of a function, into which the rival comes."""

    def __init__(self, rival: Callable[[], object], after: int) -> None:
        self.sent: list[str] = []
        self._rival, self._after, self._came = rival, after, False
        self._error: BaseException | None = None

    def run(self, function: Callable, redis_conn: redis.Redis, args: tuple) -> Any:
        scripts = scripts_known_to(function) | scripts_of_locks()
        call = Call(prefix="", turn=self._before_a_step, scripts=scripts)
        with watching(), call.running():
            return function(redis_conn, *args)

    def come(self) -> None:
        """The rival acts, once."""
        if not self._came:
            self._came = True
            self._rival()

    def _before_a_step(self, step: Step) -> None:
        if len(self.sent) == self._after and not self._came:
            rival = threading.Thread(target=self._come_and_keep)  # in a thread of its own, nobody watches it
            rival.start()
            rival.join()
            if self._error is not None:
                raise self._error
        self.sent.append(step.commands[-1][0])  # of a transaction: EXEC

    def _come_and_keep(self) -> None:
        try:
            self.come()
        except BaseException as error:  # it belongs to the cell that asked for a rival
            self._error = error


def at_once(times: int, function: Callable, *args: object) -> list[object]:
    """Calls `function(*args)` in so many threads, which all begin at the same moment. Returns what they returned.

    Raises the first error of any of them.
    """
    start, outcomes = threading.Barrier(times), [None] * times
    errors: list[BaseException] = []

    def run(number: int) -> None:
        start.wait()
        try:
            outcomes[number] = function(*args)
        except BaseException as error:  # raised below, in the thread of the cell
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return list(outcomes)
