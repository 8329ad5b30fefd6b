"""What the checks of locks share, lessons 19 and 20."""

from redis_helpers.course.exercises.model import Failed

NO_ANSWER = (
    "return True or False, and nothing else: a caller that compares with True or False is misled by other values"
)
SWALLOWED = (
    "the connection to Redis died, and your function answered as if it had got its reply: what has been done is not "
    "known then. Look at what your `except` catches"
)


def expect_answer(why: str, expected: bool, answer: object) -> None:
    if not isinstance(answer, bool):
        raise Failed(NO_ANSWER, expected, answer)
    if answer is not expected:
        raise Failed(why, expected, answer)
