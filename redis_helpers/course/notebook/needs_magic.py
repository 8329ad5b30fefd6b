"""`%%needs HEXPIRE, HTTL` in the first line of a cell: it runs where the server has these commands, and says so where
it has not.

Below it stands an ordinary cell, which may begin with `%%redis`.
"""

from typing import TYPE_CHECKING

import redis

from redis_helpers.errors import CourseError
from redis_helpers.server import why_not

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class _ShownAlready(Exception):
    """Ends a cell whose error stands above already."""

    def _render_traceback_(self) -> list[str]:
        """IPython calls this in place of drawing a traceback."""
        return ["The cell has ended with the error above."]


def register(shell: "InteractiveShell") -> None:
    """Gives a notebook the cell magic `%%needs`."""

    def magic(line: str, cell: str) -> None:
        redis_conn = shell.user_ns.get("redis_conn")
        if not isinstance(redis_conn, redis.Redis):
            raise CourseError("%%needs asks the client redis_conn: run the notebook's connect cell first.")
        reason = why_left_out(redis_conn, line)
        if reason is not None:
            print(reason)
            return
        if not shell.run_cell(cell).success:
            raise _ShownAlready

    shell.magics_manager.register_function(magic, "cell", "needs")


def why_left_out(redis_conn: redis.Redis, commands: str) -> str | None:
    """A line that says why a cell is left out which needs `commands`, with commas between them; None when it can run.

    Raises redis-py's RedisError when the connection is lost.
    """
    for command in commands.split(","):
        reason = why_not(redis_conn, command.strip())
        if reason is not None:
            return f"Left out: {reason}"
    return None
