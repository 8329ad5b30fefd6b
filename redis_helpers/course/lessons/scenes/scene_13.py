"""Lesson 13: the limiters with a time that is handed in, a rush of requests, and the pictures of who is let in."""

import contextlib
import math
import threading
from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import redis
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from redis_helpers.course.exercises.wire import Call, Step, watching
from redis_helpers.course.plots import MARK, OTHER, PEOPLE, plot_story
from redis_helpers.rate_limiter import FIXED_WINDOW, SLIDING_COUNTER, TIME_IN_MICROSECONDS

LET_IN, DENIED = PEOPLE[0], OTHER
TIME_HANDED_IN = "local now = tonumber(ARGV[5])\n"
PEOPLE_AT_ONCE, REQUESTS_EACH = 8, 25
MOST_WAIT = 10.0  # seconds until nobody is waited for any more: a busy machine may stop a thread for long

# Requests

Hit = Callable[..., int]


def fixed_hit(redis_conn: redis.Redis, key: str, limit: int, window: int, now: int) -> int:
    """The FixedWindow of lesson 12, as if it were `now`. Times in ms. Returns the wait: 0 means let in."""
    return _hit(FIXED_WINDOW, redis_conn, key, limit, window, now)


def counter_hit(redis_conn: redis.Redis, key: str, limit: int, window: int, now: int) -> int:
    """The SlidingCounter of redis_helpers/rate_limiter.py, as if it were `now`. Returns the wait: 0 means let in."""
    return _hit(SLIDING_COUNTER, redis_conn, key, limit, window, now)


def _hit(script: str, redis_conn: redis.Redis, key: str, limit: int, window: int, now: int) -> int:
    with_time = script.replace(TIME_IN_MICROSECONDS, TIME_HANDED_IN)
    keep = 2 * window + 1
    allowed, _, wait = redis_conn.eval(with_time, 1, key, limit, 1000 * window, 1, keep, 1000 * now)
    return 0 if allowed else math.ceil(wait / 1000)


def most_in_any(window: int, times: Sequence[int]) -> int:
    """The largest number of these times that lie in one stretch as long as `window`, wherever it begins."""
    return max(sum(begin <= time < begin + window for time in times) for begin in times)


def rush(hit: Hit, redis_conn: redis.Redis, key: str, *args: object) -> int:
    """Eight people call `hit(redis_conn, key, *args)` 25 times each, all at once. Returns how many were let in.

    It is made as bad as it can be: at each one's first request, whoever has sent one command, and comes back with a
    second one, waits until all eight have come so far.
    """
    redis_conn.delete(key)
    start = threading.Barrier(PEOPLE_AT_ONCE)
    middle = threading.Barrier(PEOPLE_AT_ONCE)
    end_of_first = threading.Barrier(PEOPLE_AT_ONCE)
    let_in: list[bool] = []
    errors: list[BaseException] = []

    def person() -> None:
        try:
            start.wait()
            for number in range(REQUESTS_EACH):
                with _Meets(middle if number == 0 else None).running():
                    let_in.append(hit(redis_conn, key, *args) == 0)
                if number == 0:
                    end_of_first.wait()
        except BaseException as error:  # raised below, in the thread of the cell
            errors.append(error)
            middle.abort()
            end_of_first.abort()

    with watching():
        threads = [threading.Thread(target=person) for _ in range(PEOPLE_AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    return sum(let_in)


class _Meets(Call):
    """One request, which waits for the others before its second command."""

    def __init__(self, meeting: threading.Barrier | None) -> None:
        super().__init__(prefix="", turn=self._before_a_step)
        self._meeting = meeting
        self._steps_begun = 0

    def _before_a_step(self, step: Step) -> None:
        self._steps_begun += 1
        if self._steps_begun == 2 and self._meeting is not None:
            with contextlib.suppress(threading.BrokenBarrierError):  # the others need no second command
                self._meeting.wait(MOST_WAIT)


# Pictures


def draw_trace(times: Sequence[int], title: str = "When do the requests come?") -> Axes:
    """One tick for each request. `times` in milliseconds."""
    ax = plt.subplots(figsize=(9, 1.8))[1]
    ax.vlines(_seconds(times), -0.3, 0.3, color=OTHER, linewidth=2)
    ax.set(title=title, yticks=[], ylim=(-0.6, 0.6))
    _time_axis(ax, times)
    return ax


def draw_let_in(title: str, times: Sequence[int], let_in: Mapping[str, Sequence[int]]) -> Axes:
    """A row for each limiter: a high tick for each request that is let in, a low one for each that is denied."""
    ax = plt.subplots(figsize=(9, 1.6 + 0.7 * len(let_in)))[1]
    for row, inside in enumerate(let_in.values()):
        outside = [time for time in times if time not in inside]
        ax.vlines(_seconds(outside), row - 0.1, row + 0.1, color=DENIED, linewidth=1.5)
        ax.vlines(_seconds(inside), row - 0.3, row + 0.3, color=LET_IN, linewidth=2.5)
        ax.annotate(
            f"{len(inside)} let in",
            (1, row),
            (8, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            color=LET_IN,
            weight="bold",
            va="center",
        )
    ax.set(yticks=range(len(let_in)), ylim=(len(let_in) - 0.4, -0.6))
    ax.set_yticklabels(list(let_in))
    ax.set_title(title)
    ax.plot([], [], color=LET_IN, linewidth=2.5, label="high: let in")
    ax.plot([], [], color=DENIED, linewidth=1.5, label="low: denied")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    _time_axis(ax, times)
    return ax


def draw_estimate() -> Axes:
    """Two windows, and the last ten seconds, which lie in both."""
    ax = plt.subplots(figsize=(9, 2.8))[1]
    ax.barh(0, 10, left=0, height=0.6, color="white", edgecolor=OTHER, linewidth=1.5)
    ax.barh(0, 10, left=10, height=0.6, color="white", edgecolor=OTHER, linewidth=1.5)
    ax.barh(0, 6, left=4, height=0.6, color=LET_IN, alpha=0.3)
    ax.barh(0, 4, left=10, height=0.6, color=LET_IN, alpha=0.6)
    ax.annotate("the window before: 5 let in", (5, 0.42), ha="center")
    ax.annotate("this window: 1 let in so far", (15, 0.42), ha="center")
    ax.annotate("6 of 10 seconds:\n3 of the 5 count", (7, 0), ha="center", va="center")
    ax.annotate("1 counts", (12, 0), ha="center", va="center")
    ax.annotate("now", (14, -0.3), (14, -0.62), ha="center", arrowprops={"arrowstyle": "->", "color": MARK}, color=MARK)
    ax.annotate("", (4, -0.42), (13.9, -0.42), arrowprops={"arrowstyle": "<->", "color": MARK})
    ax.annotate("the last 10 seconds", (9, -0.62), ha="center", color=MARK, weight="bold")
    ax.set(title="How many count now? 3 + 1 = 4", yticks=[], ylim=(-0.75, 0.65), xlim=(-0.3, 20.3), xlabel="time, s")
    ax.set_xticks(range(0, 21, 2))
    ax.grid(visible=False)
    return ax


def draw_bucket(let_in: Sequence[int], holds: int, one_token_every: int, until: int) -> Axes:
    """The tokens in a bucket that is full at the beginning, when one is taken at each of these times (ms)."""
    ax = plt.subplots(figsize=(9, 3.2))[1]
    times, levels = [0.0], [float(holds)]

    def go_on_to(time: float) -> None:
        full_at = times[-1] + (holds - levels[-1]) * one_token_every
        if times[-1] < full_at < time:
            times.append(full_at)
            levels.append(float(holds))
        levels.append(min(holds, levels[-1] + (time - times[-1]) / one_token_every))
        times.append(time)

    for time in let_in:
        go_on_to(time)
        times.append(time)
        levels.append(levels[-1] - 1)
    go_on_to(until)
    ax.plot(_seconds(times), levels, color=LET_IN, linewidth=2)
    ax.plot(_seconds(let_in), [-0.35] * len(let_in), "|", color=LET_IN, markersize=14, markeredgewidth=2.5)
    ax.annotate("let in", (until / 1000, -0.35), (6, 0), textcoords="offset points", va="center", color=LET_IN)
    ax.set(title="How many tokens are in the bucket?", xlabel="time, s", ylabel="tokens", ylim=(-0.7, holds + 0.4))
    ax.set_yticks(range(holds + 1))
    return ax


def draw_rush() -> Figure:
    """Two people and the last place: each looks, then writes; and below, one script each."""
    figure, (above, below) = plt.subplots(2, figsize=(9, 5))
    plot_story(
        "Look, then write: both get the last place",
        {
            "Anna": [(0, 2, "looks: 4 times in the list"), (4, 6, "writes the fifth")],
            "Bruno": [(2, 4, "looks: 4 times"), (6, 8, "writes the sixth")],
        },
        ax=above,
    )
    plot_story(
        "One script: one of them gets it",
        {"Anna": [(0, 4, "script: 4 times, writes the fifth")], "Bruno": [(4, 8, "script: 5 times, denied")]},
        ax=below,
    )
    return figure


def _seconds(times: Sequence[float]) -> list[float]:
    return [time / 1000 for time in times]


def _time_axis(ax: Axes, times: Sequence[int]) -> None:
    """Seconds from 0, and a dotted line at each tenth."""
    last = max(times) / 1000
    ax.set(xlabel="time, s", xlim=(-0.4, last + 0.8))
    ax.set_xticks(range(0, int(last) + 2, 2))
    ax.grid(visible=False)
    for edge in range(0, int(last) + 1, 10):
        ax.axvline(edge, color=MARK, linestyle=":", linewidth=1, zorder=0)
