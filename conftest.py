"""What pytest reads here only: it looks for `collect_ignore_glob` above the notebooks."""

import os
import sys

import pytest

from tools.kernel_ports import choose_kernel_ports_at_random
from tools.warm_kernels import start_kernels_warm

choose_kernel_ports_at_random()
start_kernels_warm()
collect_ignore_glob = ["notebooks/*.walk.ipynb", "notebooks/Untitled*.ipynb"]  # scratch, which git ignores too


def pytest_configure(config):
    """Starts the tests again where names of files are ASCII: pytest's workers cannot start there in a folder Müller.

    So it is with LC_ALL=C and PYTHONUTF8=0.
    """
    if sys.getfilesystemencoding() == "ascii":
        config.pluginmanager.getplugin("capturemanager").stop_global_capturing()
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, sys.orig_argv)


def pytest_configure_node(node):
    """Tells a worker of xdist whether all tests are wanted."""
    node.workerinput["all_tests"] = node.config.args_source == pytest.Config.ArgsSource.TESTPATHS


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session):
    """In a worker: it compiles its share of the modules first, and finds the others compiled then."""
    worker = getattr(session.config, "workerinput", {})
    if worker.get("all_tests") and not sys.dont_write_bytecode:
        from tests.support.collection import compile_modules, share_of

        root = session.config.rootpath
        files = [file for folder in ("redis_helpers", "tests") for file in (root / folder).rglob("*.py")]
        compile_modules(share_of(files, int(worker["workerid"].removeprefix("gw")), worker["workercount"]), root)


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item):
    """Lesson 03 changes a price in the market's database, and a test of MySQL runs it too: one process does both."""
    if item.path.name.startswith("03"):
        item.add_marker(pytest.mark.xdist_group("mysql"))


def pytest_xdist_make_scheduler(config, log):
    """xdist asks for it where there are workers. Another `--dist` than the project's own is left as it is."""
    from tests.support.distribution import FilesTogether

    return FilesTogether(config, log) if config.getoption("dist") == "loadgroup" else None
