"""What a forked child must not share with its parent: locks that other threads held, sockets, work that is under way.

A forked process (`os.fork`, `multiprocessing`, gunicorn with `--preload`, Celery) is a copy of its parent's memory in
which one thread goes on. The other threads are missing, and what they had promised to end never ends there.
"""

import logging
import os
import weakref
from typing import Protocol

logger = logging.getLogger(__name__)


class Forgetful(Protocol):
    """An object that can start anew in a forked child."""

    def reset_after_fork(self) -> None:
        """Is called in the child, before any other code runs there."""


# By id(), so that objects which are equal, or have no hash, are kept apart.
_objects: "weakref.WeakValueDictionary[int, Forgetful]" = weakref.WeakValueDictionary()


def reset_in_forked_children(thing: Forgetful) -> None:
    """From now on, and as long as it lives, `thing.reset_after_fork()` is called in each forked child.

    What it raises there is logged, and the other objects are reset all the same.
    """
    _objects[id(thing)] = thing


def _reset_all() -> None:
    for thing in list(_objects.values()):
        try:
            thing.reset_after_fork()
        except Exception as error:
            kind = type(thing).__name__
            logger.error("a %s was not reset in a forked child (%s)", kind, type(error).__name__)


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_reset_all)
