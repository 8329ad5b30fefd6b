"""Lesson 11: two tabs and one cart, and a session whose id a thief has chosen, as pictures."""

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


def draw_fixation() -> Axes:
    """The thief chooses the id, and Maria logs in under it."""
    return plot_story(
        "Who uses the session?",
        {
            "thief": [(0, 1.8, "gets the id"), (2.2, 4, "sends the link"), (9, 10.8, "reloads: is Maria")],
            "Maria": [(4.6, 6.4, "opens the link"), (6.8, 8.6, "logs in")],
            "the session": [(0.4, 7.7, "of a visitor, id: planted"), (7.8, 10.8, "of Maria, id: planted")],
        },
    )
