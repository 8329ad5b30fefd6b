"""Kernels forked from a template: fresh processes, as those that Jupyter starts."""

import os

import pytest

from tests.support.kernel import kernel_in

FOUND = """
import os, sys
course = [name for name in sys.modules if name.partition(".")[0] in ("redis_helpers", "tools", "tests")]
print("matplotlib" in sys.modules, "redis" in sys.modules, course)
print(os.getcwd(), os.environ["FRUIT"], os.getpid() == os.getsid(0))
"""


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    monkeypatch.setenv("FRUIT", "uva")
    with kernel_in(tmp_path) as started:
        yield started


def test_it_has_the_libraries_and_nothing_of_the_course(kernel, tmp_path):
    (shown,) = kernel.run(FOUND)
    assert shown["text"].splitlines() == ["True True []", f"{tmp_path} uva True"]


def test_its_modules_are_those_of_its_folder_and_its_figures_are_shown(kernel, tmp_path):
    (tmp_path / "market_of_fruit.py").write_text("fruit = 'banana'")
    (shown,) = kernel.run("import market_of_fruit; print(market_of_fruit.fruit)")
    assert shown["text"] == "banana\n"
    (figure,) = kernel.run("import matplotlib.pyplot as plt; plt.bar(['uva'], [3]);")
    assert "image/png" in figure["data"]


def test_it_can_be_interrupted_and_it_ends(kernel, tmp_path):
    cell = kernel.begin("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    kernel.wait_for_output(cell)
    kernel.interrupt()
    assert kernel.outputs_of(cell)[-1]["ename"] == "KeyboardInterrupt"
    with kernel_in(tmp_path) as other:
        other.run("here = 1")
        (shown,) = other.run("import os; print(os.getpid())")
        (unknown,) = kernel.run("print('here' in globals())")
    assert unknown["text"] == "False\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int(shown["text"]), 0)
