"""Collecting the tests in several workers: each compiles a part of the modules, and not every one all of them."""

import compileall
import contextlib
import importlib
from collections.abc import Sequence
from pathlib import Path

import pytest


def share_of(files: Sequence[Path], number: int, count: int) -> list[Path]:
    """Worker `number` (from 0) of `count` gets as much to compile as each other: long files are dealt out first."""
    longest_first = sorted(files, key=lambda file: (-file.stat().st_size, file))
    return longest_first[number::count]


def compile_modules(files: Sequence[Path], root: Path) -> None:
    """Compiles modules below `root`, those that are new, and keeps the result on the disk for the other workers.

    pytest makes many lines of each assertion of a test: for all tests, that takes as long as all else of collecting.
    It does so when a test is imported. One that cannot be imported is left to the collection, which says why.
    """
    for file in files:
        if not file.name.startswith("test_"):
            compileall.compile_file(file, quiet=2)
    for file in files:
        if not file.name.startswith("test_"):
            continue
        name = ".".join(file.relative_to(root).with_suffix("").parts)
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(name)
