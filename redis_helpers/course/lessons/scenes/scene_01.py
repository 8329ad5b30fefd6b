"""Lesson 01: two sellers and one number, drawn."""

from matplotlib.axes import Axes

from redis_helpers.course.plots import MARK, plot_story


def draw_two_sellers_by_hand() -> Axes:
    """Draws how Anna and Paulo read, add and store: each step is a command of its own."""
    sellers = {
        "Anna": [(0, 2, "reads 40"), (4, 6, "stores 41")],
        "Paulo": [(2, 4, "reads 40"), (6, 8, "stores 41")],
    }
    picture = plot_story("Two sales by hand: what is stored in the end?", sellers)
    return _with_an_end(picture, "41: one sale is lost")


def draw_two_sellers_with_incr() -> Axes:
    """Draws the same two sales, when each is one command."""
    sellers = {
        "Anna": [(0, 4, "INCR: 40 becomes 41")],
        "Paulo": [(4, 8, "INCR: 41 becomes 42")],
    }
    picture = plot_story("Two sales with INCR: what is stored in the end?", sellers)
    return _with_an_end(picture, "42: both are counted")


def _with_an_end(picture: Axes, words: str) -> Axes:
    """Writes behind the last step what Redis holds then."""
    picture.annotate(words, (8.2, 1), va="center", color=MARK, weight="bold")
    picture.set_xlim(-0.2, 10.8)
    return picture
