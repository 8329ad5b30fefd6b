"""What the checks of leaderboards share, lessons 17 and 18."""

from collections.abc import Callable, Mapping

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Failed

ODD = ('Zoë\'s "best"', "a b", "*", "[x]?", "0", "10", "9", "%s {}")  # names of members, which may hold any sign
WRONG_TYPE = (
    "the key holds something of another type, Redis answered with an error, and your function kept it to itself: its "
    "caller takes the answer for true"
)
READER_WROTE = "your function was only to look, and it changed what is in Redis"


def expect_error_is_told(trial: Trial, args: tuple, key: str, before: Callable[[], object]) -> None:
    """A full Redis, and a key of another type: the error comes through, and nothing is different."""
    trial.every_error(args, before)
    trial.put({key: ["apple"]})
    outcome = trial.attempt(*args)
    if outcome.error is None:
        raise Failed(WRONG_TYPE, Plain("the error of Redis"), Plain(f"the answer {outcome.value!r}"))
    trial.expect_value("the key holds something of another type, and your function replaced it", key, ["apple"])


def floats(scores: Mapping[str, float]) -> dict[str, float]:
    """Scores as Redis keeps them."""
    return {name: float(score) for name, score in scores.items()}
