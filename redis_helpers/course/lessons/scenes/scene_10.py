"""Lesson 10: what a cookie opens, time that passes at once, and when a session ends."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import matplotlib.pyplot as plt
import redis
from matplotlib.axes import Axes

from redis_helpers.course.plots import OTHER, PEOPLE

MINUTE = 60_000  # milliseconds
STEP, LAST = 10, 12 * 60  # minutes: a visit every ten, for twelve hours
LIMIT = "#333333"  # the colour of the upright lines
BROWSER, SHOP, REDIS = PEOPLE[0], PEOPLE[1], "#c6302b"


def let_pass(redis_conn: redis.Redis, key: str, minutes: int) -> None:
    """Makes a session so many minutes older, at once: its TTL and its field `ends` come nearer.

    `ends` may be in seconds, as in the lesson, or in milliseconds, as in redis_helpers/sessions.py.
    """
    left = int(cast(Any, redis_conn.pttl(key)))
    if left == -2:
        return
    if 0 <= left <= minutes * MINUTE:
        redis_conn.delete(key)
        return
    ends = cast("str | None", redis_conn.hget(key, "ends"))
    if ends is not None:
        in_milliseconds = float(ends) > 10**11
        redis_conn.hincrby(key, "ends", -minutes * (MINUTE if in_milliseconds else MINUTE // 1000))
    if left > 0:
        redis_conn.pexpire(key, left - minutes * MINUTE)


def answered_hours(
    visit: Callable[[redis.Redis, str], object], redis_conn: redis.Redis, prefix: str, session_id: str
) -> list[float]:
    """Visits a session every ten minutes for twelve hours. Returns the hours at which it was found."""
    hours = []
    for minutes in range(0, LAST + STEP, STEP):
        if visit(redis_conn, session_id):
            hours.append(minutes / 60)
        let_pass(redis_conn, prefix + session_id, STEP)
    return hours


def draw_ends(answers: Mapping[str, Sequence[float]]) -> Axes:
    """A row of dots for each session: a dot is a request that found it."""
    ax = plt.subplots(figsize=(9, 1.4 + 0.8 * len(answers)))[1]
    for row, (name, hours) in enumerate(answers.items()):
        color = (OTHER, *PEOPLE)[row % 3]
        ax.plot(hours, [row] * len(hours), "o", markersize=4, color=color)
        ax.annotate(name, (0.5, row), (5, 9), textcoords="offset points", color=color, weight="bold")
    for hour, name in {0.5: "half an hour", 8: "8 hours"}.items():
        ax.axvline(hour, color=LIMIT, linestyle=":")
        ax.annotate(name, (hour, len(answers) - 0.45), (4, 0), textcoords="offset points", color=LIMIT)
    ax.set(title="When does a session end?", xlabel="hours since it began; a dot: it was still there", yticks=[])
    ax.set(xticks=range(0, 13, 2), xlim=(-0.3, 12.5), ylim=(len(answers) - 0.3, -0.7))
    ax.grid(visible=False, axis="y")
    return ax


def draw_cookie() -> Axes:
    """A browser, the shop and Redis, and what goes from one to the other in one request."""
    ax = plt.subplots(figsize=(9, 3))[1]
    boxes = {
        "browser": (0, BROWSER, "keeps the cookie\n\nsession=1001"),
        "shop": (4, SHOP, "remembers\nnothing"),
        "Redis": (8, REDIS, "…session:1001\n\nuser = maria\ncart:banana = 2"),
    }
    for name, (left, color, text) in boxes.items():
        ax.add_patch(plt.Rectangle((left, 0), 2.2, 3, facecolor="white", edgecolor=color, linewidth=2))
        ax.annotate(name, (left + 1.1, 3.15), ha="center", va="bottom", color=color, weight="bold")
        ax.annotate(text, (left + 1.1, 1.5), ha="center", va="center")
    arrows = [
        (2.3, 3.9, 2.3, "1. request\nwith 1001"),
        (6.3, 7.9, 2.3, "2. who is\n1001?"),
        (7.9, 6.3, 0.6, "3. maria,\n2 bananas"),
        (3.9, 2.3, 0.6, "4. the page\nof maria"),
    ]
    for begin, end, height, text in arrows:
        ax.annotate("", (end, height), (begin, height), arrowprops={"arrowstyle": "->", "color": LIMIT})
        ax.annotate(text, ((begin + end) / 2, height + 0.08), ha="center", va="bottom", fontsize=9)
    ax.set(title="What the browser has, and what Redis has", xlim=(-0.2, 10.4), ylim=(-0.2, 3.7))
    ax.axis("off")
    return ax
