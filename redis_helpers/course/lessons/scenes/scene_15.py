"""The bench of lesson 15: what is pending, time that passes at once, and pictures of a stream and of two workers."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import matplotlib.pyplot as plt
import redis
from matplotlib.axes import Axes

from redis_helpers.course.breaking import every_moment
from redis_helpers.course.plots import OTHER, PEOPLE, plot_story

MOST = 1000  # entries that are looked at
WHITE, GREY = "white", "#d9dee2"
WORKERS = dict(zip(("ann", "bob", "carl"), PEOPLE, strict=False))  # as in the stories


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


def old_orders(redis_conn: redis.Redis, stream: str, group: str, worker: str, count: int) -> None:
    """A new stream with so many orders, which one worker was given 90 seconds ago."""
    redis_conn.delete(stream)
    redis_conn.xgroup_create(stream, group, "0", mkstream=True)
    with redis_conn.pipeline() as pipe:
        for number in range(1, count + 1):
            pipe.xadd(stream, {"order": number}, id=f"{number}-0")
        pipe.execute()
    redis_conn.xreadgroup(group, worker, {stream: ">"})
    let_time_pass(redis_conn, stream, group, 90)


def smallest_id(ids: list[str]) -> str:
    """The smallest of some ids, compared as numbers: 7-9 is smaller than 7-10."""
    return min(ids, key=_as_numbers)


def ten_orders(redis_conn: redis.Redis, stream: str) -> None:
    """A new stream with ten orders. The group "packers" is done with all of them, "billing" with the first three."""
    redis_conn.delete(stream)
    for number in range(1, 11):
        redis_conn.xadd(stream, {"order": number}, id=f"7-{number}")
    redis_conn.xgroup_create(stream, "packers", "7-10")
    redis_conn.xgroup_create(stream, "billing", "7-3")


def left_for_billing(redis_conn: redis.Redis, stream: str, trim: Callable) -> list[int]:
    """Calls `trim(redis_conn, stream)` with ten orders, again and again. Billing reads two of them at every moment.

    Prints and returns how many of the seven orders that billing needs are in the stream afterwards.
    """

    def billing_reads() -> None:
        redis_conn.xreadgroup("billing", "carl", {stream: ">"}, count=2)

    numbers = []
    for moment in every_moment(
        trim, redis_conn, stream, rival=billing_reads, before=partial(ten_orders, redis_conn, stream)
    ):
        numbers.append(len(redis_conn.xrange(stream, "7-4", "+")))
        print(f"{trim.__name__}: billing reads {moment}; {numbers[-1]} of its 7 orders are there")
    return numbers


def draw_stream(redis_conn: redis.Redis, stream: str, title: str) -> Axes:
    """Draws the entries from the oldest to the newest, and in a row for each group what has become of them there."""
    entries = cast(list[tuple[str, dict[str, str]]], redis_conn.xrange(stream, count=MOST))
    groups = cast(list[dict[str, Any]], redis_conn.xinfo_groups(stream))
    ax = plt.subplots(figsize=(8, 1.1 + 0.7 * len(groups)))[1]
    for row, group in enumerate(groups):
        owners = {one["message_id"]: one["consumer"] for one in _pending(redis_conn, stream, group["name"])}
        for place, (entry, _) in enumerate(entries):
            what, color = "done", GREY
            if entry in owners:
                what = owners[entry]
                color = WORKERS.get(what, OTHER)
            elif _as_numbers(entry) > _as_numbers(group["last-delivered-id"]):
                what, color = "not read", WHITE
            ax.barh(row, 0.92, left=place, height=0.6, color=color, edgecolor=OTHER)
            ink = "black" if color in (WHITE, GREY) else "white"
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
    ax = plot_story(
        "Idle limit 60 s, a job of 90 s: who packs order 7?",
        {
            "Ann": [(0, 90, "Ann packs order 7: 90 s, no word from her")],
            "Bob": [(61, 66, "takes over"), (67, 157, "Bob packs order 7 again")],
        },
    )
    _mark_seconds(ax)
    return ax


def draw_heartbeats() -> Axes:
    """The same with a heartbeat every 20 seconds: the idle time never comes near the limit."""
    ax = plot_story(
        "The same job with heartbeats: who packs order 7?",
        {
            "Ann": [(0, 90, "Ann packs order 7: 90 s, with a heartbeat every 20 s")],
            "Bob": [(61, 66, "finds nothing to take over")],
        },
    )
    for at in (20, 40, 60, 80):
        ax.annotate("beat", (at, 0.22), (at, 0.45), ha="center", va="center", arrowprops={"arrowstyle": "->"})
    _mark_seconds(ax)
    return ax


def _mark_seconds(ax: Axes) -> None:
    """The moments that the text speaks of; both pictures are equally wide."""
    ax.set_xlim(0, 165)
    ax.set_xticks([0, 20, 40, 60, 80, 90], ["0 s", "20", "40", "60", "80", " 90 s"])


def _pending(redis_conn: redis.Redis, stream: str, group: str) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], redis_conn.xpending_range(stream, group, "-", "+", MOST))


def _name(redis_conn: redis.Redis, stream: str, entry: str) -> str:
    """What to call an entry: its order, or its id when it was deleted from the stream."""
    found = cast(list[tuple[str, dict[str, str]]], redis_conn.xrange(stream, entry, entry))
    return f"order {found[0][1].get('order', entry)}" if found else f"{entry} (deleted)"


def _as_numbers(entry: str) -> tuple[int, int]:
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number)
