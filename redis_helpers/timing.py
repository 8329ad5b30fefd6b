"""Measuring calls, and one way to draw the measurements. Times are in microseconds (µs)."""

from collections.abc import Callable, Mapping
from time import perf_counter_ns

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

# One colour a subject, the same in every lesson.
CACHE, SOURCE, OTHER, MARK = "#c6302b", "#2a6f97", "#5f6b76", "#8a6d00"

STYLE = {
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


def measure(fn: Callable[[], object], n: int = 1000, warmup: int = 10) -> pd.Series:
    """Calls `fn` `warmup + n` times, and returns what each of the last n calls took, in microseconds."""
    return measure_interleaved({"µs": fn}, n, warmup)["µs"]


def measure_interleaved(functions: Mapping[str, Callable[[], object]], n: int = 1000, warmup: int = 10) -> pd.DataFrame:
    """Measures several functions in turns, so that whatever else the machine does disturbs all of them alike.

    Returns one column a function and one row a round, in microseconds.
    """
    for _ in range(warmup):
        for fn in functions.values():
            fn()
    rounds = np.empty((n, len(functions)))
    for turn in range(n):
        for column, fn in enumerate(functions.values()):
            start = perf_counter_ns()
            fn()
            rounds[turn, column] = (perf_counter_ns() - start) / 1000
    return pd.DataFrame(rounds, columns=list(functions))


def summary(latencies: Mapping[str, pd.Series] | pd.DataFrame) -> pd.DataFrame:
    """A table of the median (p50), the 95th and 99th percentile in microseconds, and the number of calls (n)."""
    rows = {
        name: [*np.percentile(values, [50, 95, 99]).round(1), len(values)] for name, values in dict(latencies).items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["p50 µs", "p95 µs", "p99 µs", "n"]).astype({"n": int})


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
