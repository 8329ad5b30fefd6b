"""`%load_ext redis_helpers.course.notebook` gives a notebook `%%redis`, and errors of Redis in one sentence."""

from typing import TYPE_CHECKING

from redis_helpers.course.notebook import errors_shown, redis_magic

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Called by `%load_ext`."""
    redis_magic.register(shell)
    errors_shown.show_in_notebooks(shell)
