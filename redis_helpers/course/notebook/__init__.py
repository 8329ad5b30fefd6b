"""`%load_ext redis_helpers.course.notebook` gives `%%redis` and `%%needs`, and errors of Redis in one sentence."""

from typing import TYPE_CHECKING

from redis_helpers.course.notebook import errors_shown, needs_magic, redis_magic

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Called by `%load_ext`."""
    redis_magic.register(shell)
    needs_magic.register(shell)
    errors_shown.show_in_notebooks(shell)
