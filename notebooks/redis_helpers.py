"""Lets the notebooks import the package `redis_helpers` of the folder above, also where it is not installed.

A notebook looks for modules in its own folder. A module that has a `__path__` is a package, whose modules Python looks
for there.
"""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parent.parent / "redis_helpers")]
