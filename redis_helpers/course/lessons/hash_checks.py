"""What the checks of hashes share: what they say where a check of every moment fails, refusals, clocks."""

import contextlib
from collections.abc import Iterator

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Failed


def must(why: str, expected: object, seen: object, cure: str | None = None) -> None:
    """Fails unless both are equal and of one type."""
    if type(seen) is not type(expected) or seen != expected:
        raise Failed(why, expected, seen, cure=cure)


@contextlib.contextmanager
def cured(cure: str) -> Iterator[None]:
    """Says what to do, where a check of every moment fails."""
    try:
        yield
    except Failed as failure:
        failure.cure = failure.cure or cure
        raise


def expect_refusal(trial: Trial, key: str, args: tuple) -> None:
    """The key holds no hash, and Redis refuses: the caller must learn of it."""
    trial.put({key: "no hash"})
    outcome = trial.attempt(*args)
    if outcome.error is None:
        raise Failed(
            "the key held something else, Redis refused the command, and your function kept that to itself: its "
            "caller takes the answer for true",
            Plain("the error of Redis"),
            outcome.value,
            cure="Let errors through that you cannot mend.",
        )
    trial.expect_value("Redis refused the command, and yet the key was changed", key, "no hash")


def kind_of_clock(milliseconds: int | None) -> str:
    """Which of the clocks of a check it is: exact times are never twice the same."""
    if milliseconds is None:
        return "none"
    return "long" if milliseconds > 1_000_000 else "short"


def clocks(trial: Trial) -> dict:
    """Every key with its value and its clock."""
    return {key: (found.value, kind_of_clock(found.left)) for key, found in trial.state().items()}
