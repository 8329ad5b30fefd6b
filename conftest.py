"""Counts the notebooks that a test run executes, for `tests/test_notebooks.py`, and keeps some of them apart.

The tests run in several processes (pytest-xdist), so what was executed is noted in a folder that both can see.
"""

import shutil
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
COUNTING_TEST = "test_every_notebook_was_executed"
EXECUTED = pytest.StashKey[Path]()
PATIENCE = 120  # seconds that the counting test waits for the other processes to finish their notebooks

collect_ignore_glob = ["notebooks/*.walk.ipynb", "notebooks/Untitled*.ipynb"]  # scratch, which git ignores too


def pytest_configure(config):
    shared = getattr(config, "workerinput", {}).get("executed")
    config.stash[EXECUTED] = Path(shared or tempfile.mkdtemp(prefix="executed-notebooks-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["executed"] = str(node.config.stash[EXECUTED])


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[EXECUTED], ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item):
    """Lesson 03 changes a price in the market's database, so its two runs must not meet: one process does both."""
    if item.path.name.startswith("03") or (item.path.name == "test_lessons.py" and "[03" in item.name):
        item.add_marker(pytest.mark.xdist_group("lessons"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Moves the counting test to the end of a whole run, and takes it out of any other."""
    counting = [item for item in items if item.name == COUNTING_TEST]
    items[:] = [item for item in items if item.name != COUNTING_TEST]
    if _is_whole_run(config):
        items += counting
    elif counting:
        config.hook.pytest_deselected(items=counting)


def _is_whole_run(config) -> bool:
    """Whether everything was asked for. `--ignore` and `--deselect` leave something out of a whole run."""
    asked = {(config.invocation_params.dir / argument).resolve() for argument in config.args}
    everything = {ROOT / folder for folder in config.getini("testpaths")}
    narrowed = any(config.getoption(name, None) for name in ("keyword", "markexpr", "lf", "stepwise"))
    return not narrowed and (ROOT in asked or everything <= asked)


def pytest_runtest_makereport(item, call):
    skipped = call.excinfo is not None and call.excinfo.errisinstance(pytest.skip.Exception)
    if call.when == "call" and item.path.suffix == ".ipynb" and not skipped:
        (item.config.stash[EXECUTED] / item.path.name).touch()


@pytest.fixture
def executed_notebooks(request, notebooks) -> set[str]:
    """The names of the notebooks that this run has executed, also those of the other processes."""
    folder, deadline = request.config.stash[EXECUTED], time.monotonic() + PATIENCE
    while len(list(folder.iterdir())) < len(notebooks) and hasattr(request.config, "workerinput"):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def notebooks() -> list[Path]:
    """The lessons there are."""
    found = sorted(ROOT.glob("notebooks/*.ipynb"))
    return [path for path in found if not any(path.match(scratch) for scratch in collect_ignore_glob)]
