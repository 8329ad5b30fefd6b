"""Measuring and drawing."""

import time

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("agg")

import matplotlib.pyplot as plt

from redis_helpers.course.measure import measure, measure_interleaved, summary
from redis_helpers.course.plots import CACHE, SOURCE, plot_latency


@pytest.fixture
def calls():
    return []


def test_measure_gives_one_latency_a_call_in_microseconds():
    latencies = measure(lambda: time.sleep(0.002), n=20, warmup=1)
    assert isinstance(latencies, pd.Series)
    assert len(latencies) == 20
    assert (latencies >= 2000).all()
    assert latencies.median() < 200_000


def test_the_warm_up_is_run_and_not_counted(calls):
    latencies = measure(lambda: time.sleep(0 if len(calls) > 3 else 0.05) or calls.append(1), n=10, warmup=5)
    assert len(calls) == 15
    assert len(latencies) == 10
    assert latencies.median() < 50_000


def test_functions_take_turns(calls):
    table = measure_interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, n=50, warmup=3)
    assert calls == ["a", "b"] * 53
    assert list(table.columns) == ["a", "b"]
    assert table.shape == (50, 2)
    assert (table > 0).all(axis=None)


def test_what_a_function_raises_comes_through():
    with pytest.raises(ZeroDivisionError):
        measure(lambda: 1 / 0, n=1)


def test_the_summary_has_the_right_percentiles():
    table = summary({"line": pd.Series(np.arange(1, 102)), "flat": pd.Series([7.04] * 10)})
    assert list(table.columns) == ["p50 µs", "p95 µs", "p99 µs", "n"]
    assert list(table.loc["line"]) == [51, 96, 100, 101]
    assert list(table.loc["flat"]) == [7, 7, 7, 10]
    assert summary(pd.DataFrame({"a": [1.0, 3.0]})).loc["a", "p50 µs"] == 2


def test_the_plot_is_a_rising_share_on_a_log_axis_with_units():
    values = pd.Series([300.0, 100, 200, 400])
    ax = plot_latency(
        {"cache": values, "source": values * 10}, "Cache against source", {"cache": CACHE, "source": SOURCE}
    )
    assert ax.get_xscale() == "log"
    assert "µs" in ax.get_xlabel()
    assert ax.get_ylabel() == "share of calls"
    assert ax.get_title(loc="left") == "Cache against source"
    cache, source = ax.get_lines()
    assert list(cache.get_xdata()) == [100, 200, 300, 400]
    assert list(cache.get_ydata()) == [0.25, 0.5, 0.75, 1]
    assert (cache.get_color(), source.get_color()) == (CACHE, SOURCE)
    assert [text.get_text() for text in ax.texts] == ["cache", "source"]
    ax.figure.canvas.draw()  # the labels' formatters work
    plt.close(ax.figure)


def test_the_plot_goes_into_axes_that_are_given():
    figure, ax = plt.subplots()
    assert plot_latency(pd.DataFrame({"a": [1.0, 2.0]}), "A", ax=ax) is ax
    plt.close(figure)
