"""What the checks of sessions share, lessons 10 and 11."""

from collections.abc import Mapping

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Failed
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.common_checks import expect_whole_ttl
from redis_helpers.errors import CourseError

SOON = 0.45  # seconds that a session has left: TTL, which knows whole seconds, may say 0


def some_session(trial: Trial, **fields: str) -> dict[str, str]:
    """A session with a cart, as an earlier request left it."""
    ends = str(trial.number(3_900_000_000, 4_100_000_000))
    return {"ends": ends, f"cart:{trial.word()}": str(trial.number(2, 90)), "note ü": "", "seen": "0", **fields}


def call_in_time(trial: Trial, before: Mapping[str, object], *args: object) -> object:
    """A call that ends before what is there beforehand could end by itself."""
    shortest = min((wanted.seconds for wanted in before.values() if isinstance(wanted, Ends)), default=60)

    def act() -> object:
        trial.put(before)
        return trial.call(*args)

    return trial.in_time(shortest - 0.05, act)


def expect_all_of_it(trial: Trial, before: Mapping[str, object], args: tuple, key: str, idle: int) -> None:
    """The session's TTL is not a second short each time."""

    def call() -> float:
        trial.put(before)
        trial.call(*args)
        return max(0, int(trial.redis.pttl(key))) / 1000

    expect_whole_ttl(call, idle, "the session ends too early, each time: the customer was promised `idle` seconds")


def every_error(trial: Trial, why: str, args: tuple, before: Mapping[str, object]) -> None:
    """Redis answers with an error, from each command on: the caller of the function must learn of it."""
    trial.put(before)
    trial.call(*args)
    for reached in range(len(trial.commands)):
        trial.put(before)
        outcome = trial.attempt(*args, error_after=reached)
        if outcome.error is None:
            raise Failed(
                f"Redis answered with an error, and your function kept it to itself: {why}",
                Plain("the error of Redis"),
                Plain(f"the answer {outcome.value!r}"),
                cure="Catch only what you can mend (a WatchError, for instance). Let other errors through.",
            )
        if not isinstance(outcome.error, (redis.RedisError, CourseError)):
            raise Crashed(outcome.error)
