"""Counts the notebooks that a test run executes, for `tests/test_notebooks.py`."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent
COUNTING_TEST = "test_every_notebook_was_executed"
EXECUTED = pytest.StashKey[set[Path]]()

collect_ignore_glob = ["notebooks/*.walk.ipynb", "notebooks/Untitled*.ipynb"]  # scratch, which git ignores too


def pytest_configure(config):
    config.stash[EXECUTED] = set()


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
        item.config.stash[EXECUTED].add(item.path)


@pytest.fixture
def executed_notebooks(request) -> set[Path]:
    """The notebooks that this run has executed so far."""
    return request.config.stash[EXECUTED]


@pytest.fixture
def notebooks() -> list[Path]:
    """The lessons there are."""
    found = sorted(ROOT.glob("notebooks/*.ipynb"))
    return [path for path in found if not any(path.match(scratch) for scratch in collect_ignore_glob)]
