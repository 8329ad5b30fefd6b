"""What the checks of several lessons share: cures beside reasons, errors in a race, a rival in between, an odd SCAN."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from unittest import mock

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Failed, TooBusy
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.wire import Call

BUSY = 0.3  # seconds: a measurement that took longer says nothing


@contextlib.contextmanager
def cures(by_reason: Mapping[str, str]) -> Iterator[None]:
    """Says what to do, beside what is wrong: a cure for each reason."""
    try:
        yield
    except Failed as failure:
        failure.cure = failure.cure or next((cure for why, cure in by_reason.items() if why in failure.why), None)
        raise


def errors_of(run: Run) -> list[str]:
    """The names of the errors that came out of the learner's function."""
    return [type(outcome.error).__name__ for outcome in run.outcomes if outcome.error]


def or_raised(why: str) -> Callable[[Run], str]:
    """`why`, or a word on the error that the learner's function raised."""

    def reason(run: Run) -> str:
        errors = errors_of(run)
        if not errors:
            return why
        return (
            f"your function raised {errors[0]} because somebody else came in between, and its caller gets no answer. "
            "Look at what happens after that error"
        )

    return reason


def beside(trial: Trial, act: Callable[[], object], most: int = 30) -> Callable[[], None]:
    """For `between=`: `act()` before each step of the call from the second one on, `most` times in all."""
    done = 0

    def turn(step: object = None) -> None:
        nonlocal done
        if done < most:
            done += 1
            act()

    def from_now_on() -> None:
        trial.call_seen.turn = turn
        turn()

    return from_now_on


def expect_whole_ttl(call: Callable[[], float], promised: float, why: str) -> None:
    """`call()` sets a TTL anew, and returns how many seconds are left: not a second less than promised, each time.

    EXPIREAT and EXAT take whole seconds of the clock, so one TTL may be a second short.
    """
    seen: list[tuple[float, float]] = []
    for _ in range(12):
        begin = time.monotonic()
        left = call()
        took = time.monotonic() - begin
        if took > BUSY:
            continue
        seen.append((left - 0.01, left + took + 0.01))  # what it was when it was set lies between
        if seen[-1][1] > promised - 0.4 or max(least for least, _ in seen) > min(most for _, most in seen):
            return
        if len(seen) == 4:
            raise Failed(why, Plain(f"a TTL of {promised:g} seconds"), Plain(f"{left:.3f} seconds"))
        time.sleep(0.2)
    raise TooBusy


@contextlib.contextmanager
def scan_as_it_may_be() -> Iterator[None]:
    """What SCAN is free to do: small pages whatever COUNT says, a first page without keys, and keys shown twice."""
    send, read = Call.send, Call.read
    held: list = []
    shown: list = []

    def send_with_small_count(call: Call, connection: object, commands: list[list[bytes]]) -> None:
        send(call, connection, [_with_small_count(command) for command in commands])

    def read_oddly(call: Call, connection: object, reply: Callable[[], object]) -> object:
        found = read(call, connection, reply)
        is_page = bool(call.steps) and call.steps[-1].commands[0][0] == "SCAN" and isinstance(found, list)
        if not is_page or len(found) != 2 or not isinstance(found[1], list):
            return found
        cursor, keys = found
        if call.steps[-1].commands[0][1] == "0":
            held.clear()
            shown.clear()
            if cursor not in ("0", b"0"):
                held.extend(keys)
                return [cursor, []]
        page = [*held, *keys, *shown[-1:]]
        page += page[:1]
        shown.extend(page)
        held.clear()
        return [cursor, page]

    with mock.patch.object(Call, "send", send_with_small_count), mock.patch.object(Call, "read", read_oddly):
        yield


def _with_small_count(command: list[bytes]) -> list[bytes]:
    words = [word.upper() for word in command]
    if words[0] != b"SCAN" or b"COUNT" not in words[2:]:
        return command
    place = words.index(b"COUNT", 2) + 1
    return [*command[:place], b"10", *command[place + 1 :]]
