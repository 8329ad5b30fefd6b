"""The pictures say what they show: names, numbers and units are in them, and a bar is as long as its value."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from redis_helpers.course.plots import CACHE, SOURCE, plot_bars, plot_latency, plot_lines, plot_story


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def texts(ax):
    return {text.get_text() for text in ax.texts}


def test_bars():
    ax = plot_bars(
        {"cache": 61.4, "source": 4321.0, "tiny": 0.5}, "How long?", "µs", {"cache": CACHE, "source": SOURCE}
    )
    assert [bar.get_width() for bar in ax.patches] == [61.4, 4321.0, 0.5]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["cache", "source", "tiny"]
    assert texts(ax) == {"61 µs", "4,321 µs", "0.5 µs"}
    assert ax.get_xlim()[0] == 0
    assert ax.yaxis_inverted()
    assert ax.get_title(loc="left") == "How long?"


@pytest.mark.parametrize("longest", [0.004, 0.7, 15.8, 62, 4321, 2_000_000])
def test_bars_name_each_tick_by_its_value(longest):
    ax = plot_bars({"DEL": longest / 5, "ZUNIONSTORE": longest}, "How long?", "ms")
    ax.figure.canvas.draw()
    named = [float(label.get_text().replace(",", "")) for label in ax.get_xticklabels()]
    assert named == pytest.approx(list(ax.get_xticks()))


def test_lines():
    ax = plot_lines({"hits": ([1, 2, 3], [0.5, 0.7, 0.8])}, "Which TTL?", "TTL, s", "hit ratio")
    assert texts(ax) == {"hits"}
    assert ax.get_ylim()[0] == 0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("TTL, s", "hit ratio")


def test_story():
    ax = plot_story(
        "Who was late?", {"reader": [(0, 2, "loads 312"), (5, 6, "stores 312")], "writer": [(3, 4, "deletes")]}
    )
    assert texts(ax) == {"loads 312", "stores 312", "deletes"}
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["reader", "writer"]
    assert [bar.get_x() for bar in ax.patches] == [0, 5, 3]


def test_the_cache_and_the_database_keep_their_colours_in_a_story_and_nobody_else_has_them():
    step = [(0, 1, "")]
    ax = plot_story("Who?", {"reader": step, "database": step, "cache": step, "writer": step})
    colours = [to_hex(bar.get_facecolor()) for bar in ax.patches]
    assert colours[1:3] == [SOURCE, CACHE]
    assert not {colours[0], colours[3]} & {SOURCE, CACHE}


def test_latency():
    ax = plot_latency({"a hit": pd.Series([50.0, 60, 70]), "the source": pd.Series([900.0, 1000])}, "Hit or source?")
    assert texts(ax) == {"a hit", "the source"}
    assert ax.get_xscale() == "log"
    for line, values in zip(ax.get_lines(), ([50, 60, 70], [900, 1000]), strict=True):
        assert list(line.get_xdata()) == values
        assert line.get_ydata()[-1] == 1
