"""Lesson 30: who waits and who loads, as a picture, and what a miss costs."""

import math
from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from redis_helpers.course.lessons.scenes.scene_30_readers import (
    Stampede,
    commands_of_a_miss,
    killed_while_loading,
    paused_while_loading,
    stampede,
    time_of_load,
    time_of_misses,
    with_shorter_lease,
)
from redis_helpers.course.plots import CACHE, OTHER, SOURCE, plot_bars

__all__ = [
    "commands_of_a_miss",
    "draw_miss_cost",
    "draw_readers",
    "killed_while_loading",
    "paused_while_loading",
    "stampede",
    "time_of_load",
    "time_of_misses",
    "with_shorter_lease",
]


def draw_readers(runs: Mapping[str, Stampede]) -> list[Axes]:
    """A panel for each run, with a row for each reader: grey while it waits, the source's colour while it loads.

    Below are those who got their answer first. Time has one scale in all panels.
    """
    panels = plt.subplots(1, len(runs), sharex=True, figsize=(3.1 * len(runs) + 1.5, 3.8), squeeze=False)[1][0]
    for ax, (name, run) in zip(panels, runs.items(), strict=True):
        for row, reading in enumerate(run.readings, 1):
            ax.hlines(row, 1000 * reading.began, 1000 * reading.ended, color=OTHER, linewidth=4, alpha=0.35)
            for begin, end in reading.loads:
                ax.hlines(row, 1000 * begin, 1000 * end, color=SOURCE, linewidth=4)
        ax.set(xlabel="time, ms", yticks=[], ylim=(0, len(run.readings) + 1))
        ax.set_title(f"{name}\n{run.loads} load{'s' * (run.loads != 1)}", fontsize=10)
        ax.grid(visible=False, axis="y")
    end = max(reading.ended for run in runs.values() for reading in run.readings)
    panels[0].set_xlim(0, 1020 * end)
    panels[0].set_ylabel("one row for each reader")
    handles = [plt.Line2D([], [], color=color, linewidth=4, alpha=alpha) for color, alpha in KINDS.values()]
    panels[0].figure.legend(handles, list(KINDS), loc="outside lower center", ncols=2, frameon=False)
    panels[0].figure.suptitle("Who waits, and who loads?", x=0.01, ha="left", weight="bold")
    return list(panels)


KINDS = {"waits": (OTHER, 0.35), "loads": (SOURCE, 1.0)}


def draw_miss_cost(times: Mapping[str, float]) -> Axes:
    """A bar for each way. The first one is 1."""
    first = next(iter(times.values()))
    ratios = {name: microseconds / first for name, microseconds in times.items()}
    ax = plot_bars(ratios, "What does a miss cost, without its load?", "times", {"CacheAside": CACHE})
    ax.set(xlabel="times the six lines", xticks=range(math.ceil(max(ratios.values())) + 1))
    return ax
