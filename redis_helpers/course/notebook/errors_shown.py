"""Errors in a notebook: in one sentence where that says enough, and those that a lesson expects."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from redis_helpers.connection_errors import why_failed


def show_in_notebooks(shell) -> None:
    """Lets a notebook show `why_failed` in place of a traceback of sixty lines, as it does for a CourseError.

    IPython asks an exception for `_render_traceback_`. The exception is redis-py's own, is raised as ever, and stops
    the cell. Where the command itself is to blame (WRONGTYPE, …), the learner needs the line: the traceback stays.
    """

    def render(error: redis.RedisError) -> list[str]:
        if sentence := why_failed(error):
            return [f"{type(error).__name__}: {sentence}"]
        return shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__, tb_offset=1)

    redis.RedisError._render_traceback_ = render


@contextmanager
def expect_error(kind: type[BaseException], part: str = "") -> Iterator[None]:
    """Runs a block that must raise `kind` with `part` in its message, and prints the error as one line.

    Raises AssertionError when nothing is raised, or another message; an error of another kind passes through.
    """
    try:
        yield
    except kind as error:
        if part.lower() not in str(error).lower():
            raise AssertionError(f"{type(error).__name__} came, but says: {error}") from error
        print(f"{type(error).__name__}, as expected: {error}")
    else:
        raise AssertionError(f"{kind.__name__} was expected, and nothing was raised.")
