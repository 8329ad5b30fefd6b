"""What the checks of locks share, lessons 19 and 20."""

import contextlib
import gc
from collections.abc import Callable, Iterator, Mapping

from redis_helpers.course.exercises.checker import Trial
from redis_helpers.course.exercises.model import Failed
from redis_helpers.course.exercises.schedules import Run

NO_ANSWER = (
    "return True or False, and nothing else: a caller that compares with True or False is misled by other values"
)


SWALLOWED = (
    "the connection to Redis died, and your function answered as if it had got its reply: what has been done is not "
    "known then. Look at what your `except` catches"
)


@contextlib.contextmanager
def cures(cures: Mapping[str, str]) -> Iterator[None]:
    """Says what to do, beside what is wrong: a cure for each reason."""
    try:
        yield
    except Failed as failure:
        failure.cure = failure.cure or next((cure for why, cure in cures.items() if why in failure.why), None)
        raise


def or_raised(why: str) -> Callable[[Run], str]:
    """`why`, or a word on the error that the learner's function raised."""

    def reason(run: Run) -> str:
        errors = [type(outcome.error).__name__ for outcome in run.outcomes if outcome.error]
        if not errors:
            return why
        return (
            f"your function raised {errors[0]} because somebody else came in between: its caller gets neither a yes "
            "nor a no. Look at what happens after that error"
        )

    return reason


def expect_answer(why: str, expected: bool, answer: object) -> None:
    if not isinstance(answer, bool):
        raise Failed(NO_ANSWER, expected, answer)
    if answer is not expected:
        raise Failed(why, expected, answer)


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


def expect_error_is_told(trial: Trial, args: tuple, before: Callable[[], object]) -> None:
    """`every_error`, without pipelines of earlier calls that end only now, and send an UNWATCH of their own."""
    gc.collect()
    trial.every_error(args, before)
