"""Lets the notebooks import the package `redis_helpers` of the folder above.

A notebook looks for modules in its own folder first. A module that has a `__path__`
is a package: Python looks for the package's modules there. So the lessons run
wherever the packages of requirements.txt are installed.
"""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parent.parent / "redis_helpers")]

if __name__ == "__main__":  # python3 -m redis_helpers, started in this folder
    import runpy

    runpy.run_path(f"{__path__[0]}/__main__.py", run_name="__main__")
