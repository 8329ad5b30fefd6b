"""A plot in words, made of the plot."""

import matplotlib.pyplot as plt
import pytest

from redis_helpers.course.plots import plot_bars, plot_lines, plot_story
from tools.site.plot_text import describe


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_bars():
    axes = plot_bars({"hit": 60, "SQLite": 1603}, "one day", "µs")
    assert describe(axes.figure) == "Plot. one day. Across: µs. hit: 60 µs. SQLite: 1,603 µs."


def test_a_story_row_by_row_in_the_order_of_time():
    people = {"Anna": [(4, 5, "writes 41"), (0, 1, "reads 40")], "Paulo": [(2, 3, "reads\n40")]}
    axes = plot_story("Who is late?", people)
    assert describe(axes.figure) == "Plot. Who is late? Across: time →. Anna: reads 40, writes 41. Paulo: reads 40."


def test_lines_on_axes_of_numbers():
    lines = {"list": ([1, 2, 3], [3, 9, 1200]), "hash": ([1, 2, 3], [5, 6, 4])}
    axes = plot_lines(lines, "growth", "fields", "bytes")
    axes.axvline(2, color="black")
    axes.annotate("limit", (2, 1), color="black")
    assert describe(axes.figure) == (
        "Plot. growth. Across: fields. Up: bytes. In it: list (from 3 to 1,200), hash (from 5 to 4), limit."
    )


def test_two_boxes_and_their_signs():
    figure, (above, below) = plt.subplots(2)
    above.set(title="first")
    (line,) = below.plot([0, 1], label="let in")
    below.set(title="second")
    below.legend()
    figure.legend([line], ["denied"])
    assert describe(figure) == "Plot. first. second. Signs: let in. Signs: denied."
