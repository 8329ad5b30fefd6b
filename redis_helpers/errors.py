"""The one exception of this package."""


class CourseError(Exception):
    """What went wrong and what to do next, in one sentence that holds no password.

    A notebook shows that sentence alone: a traceback through the helper package would bury it.
    """

    def _render_traceback_(self) -> list[str]:
        """IPython calls this, where it exists, instead of drawing a traceback."""
        return [f"{type(self).__name__}: {self}"]
