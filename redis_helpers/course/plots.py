"""Every picture of the course in one style. Times are in microseconds (µs)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

if TYPE_CHECKING:
    import pandas as pd

# One colour a subject, the same in every lesson.
CACHE, SOURCE, OTHER, MARK = "#c6302b", "#2a6f97", "#5f6b76", "#8a6d00"
PEOPLE = ("#2e7d52", "#6a4c93", MARK, OTHER)  # whoever does something, row by row
OF_ROW = {"cache": CACHE, "database": SOURCE}  # rows of a story that are no people

STYLE: dict[Any, object] = {
    "figure.figsize": (8, 4),
    "figure.dpi": 110,
    "figure.facecolor": "white",  # a white card reads well in a dark theme too
    "savefig.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlepad": 14,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.prop_cycle": plt.cycler(color=[CACHE, SOURCE, OTHER, MARK]),
    "font.size": 10,
    "figure.constrained_layout.use": True,
}
plt.rcParams.update(STYLE)
# A notebook draws the figures of a cell when it shows them. Matplotlib would draw each of them once more before that.
plt.switch_backend(plt.get_backend())
plt.uninstall_repl_displayhook()


def plot_latency(
    latencies: Mapping[str, pd.Series] | pd.DataFrame,
    title: str,
    colors: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws each distribution as a rising line: the share of calls that took at most so long, on a log axis.

    Each line carries its name at its middle. `colors` names a colour a line, such as CACHE or SOURCE.
    """
    ax = ax or plt.subplots()[1]
    for name, values in dict(latencies).items():
        ordered = np.sort(values)
        share = np.arange(1, len(ordered) + 1) / len(ordered)
        (line,) = ax.plot(ordered, share, drawstyle="steps-post", linewidth=2, color=(colors or {}).get(name))
        middle = (ordered[len(ordered) // 2], 0.5)
        ax.annotate(name, middle, (6, -12), textcoords="offset points", color=line.get_color(), weight="bold")
    ax.set(
        title=title, xlabel="time of one call, µs (log scale)", ylabel="share of calls", xscale="log", ylim=(0, 1.02)
    )
    ax.margins(x=0.1)  # room for the last line's name
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return ax


def plot_bars(
    values: Mapping[str, float],
    title: str,
    unit: str,
    colors: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a bar for each value, from zero, with its name on the left and its number at its end.

    `unit` is the unit of all values ("µs", "bytes"). `colors` names a colour a bar, such as CACHE or SOURCE.
    """
    ax = ax or plt.subplots(figsize=(8, 1 + 0.5 * len(values)))[1]
    names = list(values)
    bars = ax.barh(names, list(values.values()), color=[(colors or {}).get(name, OTHER) for name in names])
    ax.bar_label(
        bars,
        padding=4,
        labels=[f"{value:,.0f} {unit}" if value >= 10 else f"{value:.2g} {unit}" for value in values.values()],
    )
    ax.set(title=title, xlabel=unit)
    ax.invert_yaxis()  # the first one above
    ax.margins(x=0.18)  # room for the numbers
    ax.grid(visible=False, axis="y")
    # A tick at 2.5 must not be named 2.
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}")
    return ax


def plot_lines(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
    xlabel: str,
    ylabel: str,
    colors: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a line for each name, from its x and y values, from zero up, with the name at its end."""
    ax = ax or plt.subplots()[1]
    for name, (x, y) in lines.items():
        (line,) = ax.plot(x, y, marker="o", markersize=4, linewidth=2, color=(colors or {}).get(name))
        ax.annotate(name, (x[-1], y[-1]), (6, 0), textcoords="offset points", color=line.get_color(), weight="bold")
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    ax.set_ylim(bottom=0)
    ax.margins(x=0.12)  # room for the names
    return ax


def plot_story(title: str, people: Mapping[str, Sequence[tuple[float, float, str]]], ax: Axes | None = None) -> Axes:
    """Draws who does what when: a row for each person, a box for each step, as (begin, end, what happens).

    Rows named "cache" and "database" have the colours that these have in every lesson.
    """
    ax = ax or plt.subplots(figsize=(9, 1.2 + 0.7 * len(people)))[1]
    for row, (name, steps) in enumerate(people.items()):
        color = OF_ROW.get(name, PEOPLE[row % len(PEOPLE)])
        for begin, end, what in steps:
            ax.barh(row, end - begin, left=begin, height=0.4, color=color, edgecolor="white")
            ax.annotate(what, ((begin + end) / 2, row - 0.28), ha="center", va="bottom")
    ax.set(title=title, xlabel="time →", xticks=[], yticks=range(len(people)), ylim=(len(people) - 0.6, -0.75))
    ax.set_yticklabels(list(people))
    ax.grid(visible=False)
    return ax
