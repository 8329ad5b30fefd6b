"""Lesson 05: two customers and the last crate, as pictures."""

from matplotlib.axes import Axes

from redis_helpers.course.plots import plot_story


def draw_sold_twice() -> Axes:
    """Both customers look before one of them takes."""
    return plot_story(
        "Who gets the last crate?",
        {
            "customer A": [(0, 1.6, "sees 1 crate"), (6, 7.6, "takes it: −1 left")],
            "customer B": [(2, 3.6, "sees 1 crate"), (4, 5.6, "takes it: 0 left")],
        },
    )


def draw_sold_once() -> Axes:
    """The same meeting with WATCH: the change of B makes Redis refuse the EXEC of A."""
    return plot_story(
        "Who gets the last crate, with WATCH?",
        {
            "customer A": [(0, 1.6, "watches, sees 1"), (6, 7.6, "EXEC: refused"), (8, 9.6, "looks again: sees 0")],
            "customer B": [(2, 3.6, "watches, sees 1"), (4, 5.6, "EXEC done: 0 left")],
        },
    )
