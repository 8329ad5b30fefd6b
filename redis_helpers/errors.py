"""The one exception of the course, and a way for a lesson to show an error that it expects."""

from collections.abc import Iterator
from contextlib import contextmanager


class CourseError(Exception):
    """What went wrong and what to do next, in one sentence that holds no password.

    A notebook shows that sentence alone: a traceback through the helper package would bury it.
    """

    def _render_traceback_(self) -> list[str]:
        """IPython calls this, where it exists, instead of drawing a traceback."""
        return [f"{type(self).__name__}: {self}"]


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
