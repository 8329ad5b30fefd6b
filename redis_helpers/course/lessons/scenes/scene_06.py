"""The picture of lesson 06: one crate, two customers."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from redis_helpers.course.plots import plot_story


def draw_last_crate() -> Figure:
    """Both look before either takes; and below, one customer's script ends before the other's begins."""
    figure, (above, below) = plt.subplots(2, figsize=(9, 5))
    plot_story(
        "Two commands each: the last crate is sold twice",
        {
            "customer A": [(0, 2, "GET: 1 left"), (4, 6, "DECRBY: takes it")],
            "customer B": [(2, 4, "GET: 1 left"), (6, 8, "DECRBY: takes it, too")],
        },
        ax=above,
    )
    plot_story(
        "One script each: the last crate is sold once",
        {
            "customer A": [(0, 4, "script: 1 left, takes it")],
            "customer B": [(4, 8, "script: 0 left, takes nothing")],
        },
        ax=below,
    )
    return figure
