"""Every picture of the course in one style. Times are in microseconds (µs)."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

# One colour a subject, the same in every lesson.
CACHE, SOURCE, OTHER, MARK = "#c6302b", "#2a6f97", "#5f6b76", "#8a6d00"

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
