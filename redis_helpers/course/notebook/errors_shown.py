"""Errors in a notebook: in one sentence where that says enough, and those that a lesson expects."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

import redis

from redis_helpers.connection_errors import why_failed

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def show_in_notebooks(shell: "InteractiveShell") -> None:
    """Lets this shell show `why_failed` in place of a traceback of sixty lines, as it does for a CourseError.

    The exception is redis-py's own, is raised as ever, and stops the cell. Where the command itself is to blame
    (WRONGTYPE, …), the learner needs the line: the traceback stays. It stays, too, where an error of redis-py is only
    the cause of another error, and under `%%time`, which catches and shows errors itself.

    IPython has room for one such handler; it replaces one that was set before.
    """
    shell.set_custom_exc((redis.RedisError,), _show)


def _show(
    shell: "InteractiveShell",
    kind: type[redis.RedisError],
    error: redis.RedisError,
    traceback: TracebackType,
    tb_offset: int | None = None,
) -> None:
    """IPython calls this with an error that has ended a cell."""
    sentence = why_failed(error)
    if sentence is None:
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
    else:
        # The method that IPython's front ends override to send an error to where they show it.
        shell._showtraceback(kind, error, [f"{kind.__name__}: {sentence}"])


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
