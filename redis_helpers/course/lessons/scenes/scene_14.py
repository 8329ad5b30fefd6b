"""Lesson 14: lists and a slow worker as pictures, and a Redis that is killed with orders in it."""

import tempfile
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import redis
from matplotlib.axes import Axes

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.plots import MARK, OTHER, plot_story

STANDS_STILL = "stands still"
LEAST_PLACES = 3  # a short list is drawn with empty places
SAVE_SOMETIMES = "3600 1"  # of redis.conf's default rules, the one for a server that does little: once per hour


def draw_lists(title: str, lists: Mapping[str, Sequence[str]], marked: str | None = None) -> Axes:
    """Draws each list as a row of boxes, from its left end to its right end. The text `marked` stands out."""
    places = max([LEAST_PLACES, *(len(texts) for texts in lists.values())])
    ax = plt.subplots(figsize=(9, 1 + 0.9 * len(lists)))[1]
    for row, texts in enumerate(lists.values()):
        ax.barh(row, places, height=0.7, color=OTHER, alpha=0.12)
        ax.annotate("left end", (-0.05, row), ha="right", va="center", color=OTHER)
        ax.annotate("right end", (places + 0.05, row), ha="left", va="center", color=OTHER)
        if not texts:
            ax.annotate("empty", (places / 2, row), ha="center", va="center", color=OTHER)
        for place, text in enumerate(texts, places - len(texts)):
            color = MARK if text == marked else OTHER
            ax.barh(row, 0.9, left=place + 0.05, height=0.5, color=color)
            ax.annotate(text, (place + 0.5, row), ha="center", va="center", color="white", weight="bold")
    ax.set(title=title, xticks=[], yticks=range(len(lists)), xlim=(-0.6, places + 0.6), ylim=(len(lists) - 0.5, -0.5))
    ax.set_yticklabels(list(lists))
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    return ax


def draw_packed_twice() -> Axes:
    """Ann is slow, somebody puts her order back, and Bob packs it."""
    return _draw_meeting(
        "Who packs order 7?",
        ann=("moves 7 to her list", "packs 7", "LREM: finds nothing"),
        bob=("7 is put back, he gets it", "packs 7, LREM"),
    )


def draw_taken_once() -> Axes:
    """The same, when the work and its mark are one step."""
    return _draw_meeting(
        "Who takes the box for order 7?",
        ann=("gets order 7", "finds the mark", "takes no box"),
        bob=("gets order 7, too", "takes box, marks 7"),
    )


def _draw_meeting(title: str, ann: tuple[str, str, str], bob: tuple[str, str]) -> Axes:
    ax = plot_story(
        title,
        {
            "ann": [(0, 1.6, ann[0]), (2, 5.6, STANDS_STILL), (6, 7.6, ann[1]), (8, 9.6, ann[2])],
            "bob": [(2, 3.6, bob[0]), (4, 5.6, bob[1])],
        },
    )
    ax.patches[1].set_alpha(0.3)  # she does nothing
    return ax


def orders_after_kill(count: int, appendonly: str = "no", appendfsync: str = "everysec") -> int:
    """Puts so many orders into a Redis of its own, kills it (kill -9), starts it again, and says how many are left.

    `appendonly` and `appendfsync` are settings of the server, here with the values that Redis has by default. With
    `everysec`, not even a kill of Redis alone is always harmless: while a write to the disk is under way, the next ones
    wait in the memory of Redis.
    """
    options = {"save": SAVE_SOMETIMES, "appendonly": appendonly, "appendfsync": appendfsync}
    with tempfile.TemporaryDirectory() as folder, EmbeddedRedis(dir=folder, **options) as server:
        queue = "cell-by-cell:lists:orders"
        with redis.Redis.from_url(server.url) as client:
            for number in range(count):
                client.lpush(queue, f"{number} banana")
        server.kill()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            return client.llen(queue)
