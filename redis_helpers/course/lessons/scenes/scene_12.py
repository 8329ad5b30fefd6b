"""The bench of lesson 12: the finished counter, time that is skipped, and two pictures.

What draws is imported where it is needed: processes that are killed import this module, and should begin quickly.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import redis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Answers = Sequence[tuple[float, bool]]  # for each request: its time in seconds, and whether it was let in


def count_in_window(redis_conn: redis.Redis, key: str, window: int) -> int:
    """The request's number in its window of `window` milliseconds. It makes the counter and its TTL in one step."""
    with redis_conn.pipeline() as pipe:
        pipe.set(key, 0, px=window, nx=True)
        pipe.incr(key)
        replies = pipe.execute()
    return replies[-1]


def skip_time(redis_conn: redis.Redis, key: str, milliseconds: int) -> None:
    """Makes the TTL of `key` shorter by so much, as if so much time had passed. A key whose time is over is deleted.

    A key without a TTL stays as it is.
    """
    left = redis_conn.pttl(key)
    if left > milliseconds:
        redis_conn.pexpire(key, left - milliseconds)
    elif left >= 0:
        redis_conn.delete(key)


def ask_every(
    limiter: Callable[[redis.Redis, str], bool], redis_conn: redis.Redis, key: str, *, seconds: int, times: int
) -> Answers:
    """Asks `limiter` so many times, beginning without a counter, and skips so many seconds after each request."""
    redis_conn.delete(key)
    answers = []
    for number in range(times):
        answers.append((number * seconds, limiter(redis_conn, key)))
        skip_time(redis_conn, key, 1000 * seconds)
    return answers


def draw_last_place() -> "Figure":
    """Two requests and one place, twice: both look before one of them counts, and each sends one command."""
    import matplotlib.pyplot as plt

    from redis_helpers.course.plots import plot_story

    figure, (above, below) = plt.subplots(2, figsize=(9, 5.4))
    plot_story(
        "Look, then count: who gets the last of 10 places?",
        {
            "phone": [(0, 1.6, "sees 9"), (6, 7.6, "counts: 11, let in")],
            "computer": [(2, 3.6, "sees 9"), (4, 5.6, "counts: 10, let in")],
        },
        ax=above,
    )
    plot_story(
        "Count first: who gets the last of 10 places?",
        {
            "phone": [(6, 7.6, "is number 11: denied")],
            "computer": [(4, 5.6, "is number 10: let in")],
        },
        ax=below,
    )
    below.set_xlim(above.get_xlim())
    return figure


def draw_who_is_let_in(rows: Mapping[str, Answers], title: str, window: int) -> "Axes":
    """A row for each limiter, a mark for each request: a circle for one let in, a cross for one denied.

    A dotted line stands after each `window` seconds.
    """
    import matplotlib.pyplot as plt

    from redis_helpers.course.plots import MARK, OTHER, PEOPLE

    ax = plt.subplots(figsize=(9, 1.6 + 0.6 * len(rows)))[1]
    for row, answers in enumerate(rows.values()):
        let_in = [second for second, ok in answers if ok]
        denied = [second for second, ok in answers if not ok]
        (filled,) = ax.plot(let_in, [row] * len(let_in), "o", color=PEOPLE[0], markersize=8)
        (cross,) = ax.plot(denied, [row] * len(denied), "X", color=OTHER, markersize=9)
    last = max(second for answers in rows.values() for second, _ in answers)
    edges = range(0, int(last) + window, window)
    for edge in edges[1:]:
        ax.axvline(edge, color=MARK, linestyle=":", zorder=0)
    xlabel = f"time, seconds (dotted: another {window} seconds have passed)"
    ax.set(title=title, xlabel=xlabel, xticks=edges, yticks=range(len(rows)), ylim=(len(rows) - 0.5, -0.5))
    ax.set_yticklabels(list(rows))
    ax.grid(visible=False)
    ax.figure.legend([filled, cross], ["let in", "denied"], loc="outside right upper", frameon=False)
    return ax
