"""The bench of lesson 15: what is pending, time that passes at once, and pictures of a stream and of two workers."""

from typing import Any, cast

import matplotlib.pyplot as plt
import redis
from matplotlib.axes import Axes

from redis_helpers.course.plots import OTHER, PEOPLE, plot_story

MOST = 1000  # entries that are looked at
WHITE, GREY = "white", "#d9dee2"


def show_pending(redis_conn: redis.Redis, stream: str, group: str) -> None:
    """Prints a line for each pending entry of the group: the order, who has it, and how often it was handed out."""
    pending = _pending(redis_conn, stream, group)
    for one in pending:
        times = "once" if one["times_delivered"] == 1 else f"{one['times_delivered']} times"
        print(f"{_name(redis_conn, stream, one['message_id'])}: pending with {one['consumer']}, handed out {times}")
    if not pending:
        print("nothing is pending")


def let_time_pass(redis_conn: redis.Redis, stream: str, group: str, seconds: float) -> None:
    """Makes every pending entry of the group so much older, as if you had waited. Everything else stays as it is."""
    for one in _pending(redis_conn, stream, group):
        idle = one["time_since_delivered"] + round(1000 * seconds)
        # With JUSTID it does not count as a delivery.
        redis_conn.xclaim(stream, group, one["consumer"], 0, [one["message_id"]], idle=idle, justid=True)


def draw_stream(redis_conn: redis.Redis, stream: str, title: str) -> Axes:
    """Draws the entries from the oldest to the newest, and in a row for each group what has become of them there."""
    entries = cast(list[tuple[str, dict[str, str]]], redis_conn.xrange(stream, count=MOST))
    groups = cast(list[dict[str, Any]], redis_conn.xinfo_groups(stream))
    ax = plt.subplots(figsize=(8, 1.1 + 0.7 * len(groups)))[1]
    workers: list[str] = []
    for row, group in enumerate(groups):
        owners = {one["message_id"]: one["consumer"] for one in _pending(redis_conn, stream, group["name"])}
        for place, (entry, _) in enumerate(entries):
            what, color = "done", GREY
            if entry in owners:
                what = owners[entry]
                if what not in workers:
                    workers.append(what)
                color = PEOPLE[workers.index(what) % len(PEOPLE)]
            elif _as_numbers(entry) > _as_numbers(group["last-delivered-id"]):
                what, color = "not read", WHITE
            ax.barh(row, 0.92, left=place, height=0.6, color=color, edgecolor=OTHER)
            ink = "white" if what in workers else "black"
            ax.annotate(what, (place + 0.46, row), ha="center", va="center", color=ink)
    for place, (_, fields) in enumerate(entries):
        ax.annotate(f"order {fields.get('order', '?')}", (place + 0.46, -0.42), ha="center", va="bottom")
    ax.set(title=title, xlabel="oldest entry on the left, newest on the right", xticks=[], yticks=range(len(groups)))
    ax.set_xlim(-0.1, max(len(entries), 1))
    ax.set_ylim(len(groups) - 0.6, -0.75)
    ax.set_yticklabels([group["name"] for group in groups])
    ax.grid(visible=False)
    return ax


def draw_taken_over() -> Axes:
    """Ann packs for 90 seconds, and the idle limit is 60: Bob thinks that she is dead."""
    return plot_story(
        "Idle limit 60 s, a job of 90 s: who packs order 7?",
        {
            "Ann": [(0, 90, "Ann packs order 7: 90 s, no word from her")],
            "Bob": [(61, 66, "takes over"), (67, 157, "Bob packs order 7 again")],
        },
    )


def draw_heartbeats() -> Axes:
    """The same with a heartbeat every 20 seconds: the idle time never comes near the limit."""
    beats = [(at, at + 2.5, "beat") for at in (20, 40, 60, 80)]
    ax = plot_story(
        "The same job with heartbeats: who packs order 7?",
        {
            "Ann": [(0, 90, "")],
            "her thread": cast(Any, beats),
            "Bob": [(61, 66, "finds nothing")],
        },
    )
    ax.annotate("Ann packs order 7: 90 s", (45, -0.28), ha="center", va="bottom")
    ax.set_xlim(-4, 160)  # as wide as the first picture
    return ax


def _pending(redis_conn: redis.Redis, stream: str, group: str) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], redis_conn.xpending_range(stream, group, "-", "+", MOST))


def _name(redis_conn: redis.Redis, stream: str, entry: str) -> str:
    """What to call an entry: its order, or its id when it was deleted from the stream."""
    found = cast(list[tuple[str, dict[str, str]]], redis_conn.xrange(stream, entry, entry))
    return f"order {found[0][1].get('order', entry)}" if found else f"{entry} (deleted)"


def _as_numbers(entry: str) -> tuple[int, int]:
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number)
