"""`%load_ext redis_helpers.course.notebook` gives a notebook `%%redis`, and errors of Redis in one sentence."""

from redis_helpers.course.notebook import errors_shown, redis_magic


def load_ipython_extension(shell) -> None:
    """Called by `%load_ext`."""
    redis_magic.register(shell)
    errors_shown.show_in_notebooks(shell)
