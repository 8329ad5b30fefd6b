"""Lesson 11: two tabs and one cart, as pictures."""

from matplotlib.axes import Axes

from redis_helpers.course.plots import plot_story


def draw_apple_lost() -> Axes:
    """Both tabs read the whole cart before one of them writes it."""
    return plot_story(
        "Where does the apple go?",
        {
            "tab 1": [(0, 1.6, "reads: empty"), (6, 7.6, "writes: 1 banana")],
            "tab 2": [(2, 3.6, "reads: empty"), (4, 5.6, "writes: 1 apple")],
            "the cart": [(0, 5.2, "empty"), (5.3, 7.2, "1 apple"), (7.3, 9.6, "1 banana")],
        },
    )


def draw_apple_kept() -> Axes:
    """Each tab sends one HINCRBY: nobody has an old copy."""
    return plot_story(
        "Where does the apple go, with HINCRBY?",
        {
            "tab 1": [(6, 7.6, "adds 1 banana")],
            "tab 2": [(4, 5.6, "adds 1 apple")],
            "the cart": [(0, 5.2, "empty"), (5.3, 7.2, "1 apple"), (7.3, 9.6, "1 apple, 1 banana")],
        },
    )
