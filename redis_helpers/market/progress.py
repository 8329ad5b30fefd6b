"""A bar that shows how far a long walk over rows has come."""

import time
from collections.abc import Iterable, Iterator


def with_progress(rows: Iterable[tuple], count: int, title: str) -> Iterator[tuple]:
    """Hands the rows on, and draws a bar that is redrawn in place."""
    start = time.monotonic()
    for number, row in enumerate(rows, 1):
        yield row
        if number % (count // 40) == 0:
            done = 40 * number // count
            bar = "█" * done + "·" * (40 - done)
            print(f"\r{title} {bar} {number:>9,} rows, {time.monotonic() - start:.1f} s", end="", flush=True)
    print()
