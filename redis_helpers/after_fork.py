"""What a forked child must not share with its parent: locks that other threads held, sockets, work that is under way.

A forked process (`os.fork`, `multiprocessing`, gunicorn with `--preload`, Celery) is a copy of its parent's memory in
which one thread goes on. The other threads are missing, and what they had promised to end never ends there.
"""

import os
import weakref
from typing import Protocol


class Forgetful(Protocol):
    """An object that can start anew in a forked child."""

    def reset_after_fork(self) -> None:
        """Is called in the child, before any other code runs there."""


_objects: "weakref.WeakSet[Forgetful]" = weakref.WeakSet()


def reset_in_forked_children(thing: Forgetful) -> None:
    """From now on, and as long as it lives, `thing.reset_after_fork()` is called in each forked child."""
    _objects.add(thing)


def _reset_all() -> None:
    for thing in list(_objects):
        thing.reset_after_fork()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_reset_all)
