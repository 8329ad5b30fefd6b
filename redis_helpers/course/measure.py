"""Measuring calls. Times are in microseconds (µs)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd  # imported where it is needed: it takes as long as the rest of a lesson's start


def measure(fn: Callable[[], object], n: int = 1000, warmup: int = 10) -> pd.Series:
    """Calls `fn` `warmup + n` times, and returns what each of the last n calls took, in microseconds."""
    return measure_interleaved({"µs": fn}, n, warmup)["µs"]


def measure_interleaved(functions: Mapping[str, Callable[[], object]], n: int = 1000, warmup: int = 10) -> pd.DataFrame:
    """Measures several functions in turns, so that whatever else the machine does disturbs all of them alike.

    Returns one column a function and one row a round, in microseconds.
    """
    import pandas as pd

    return pd.DataFrame(times_in_turns(functions, n, warmup))


def times_in_turns(
    functions: Mapping[str, Callable[[], object]], n: int = 1000, warmup: int = 10
) -> dict[str, np.ndarray]:
    """The same without pandas: for each function the times of its n calls, in microseconds."""
    for _ in range(warmup):
        for fn in functions.values():
            fn()
    times = {name: np.empty(n) for name in functions}
    for turn in range(n):
        for name, fn in functions.items():
            start = perf_counter_ns()
            fn()
            times[name][turn] = (perf_counter_ns() - start) / 1000
    return times


def summary(latencies: Mapping[str, pd.Series] | pd.DataFrame) -> pd.DataFrame:
    """A table of the median (p50), the 95th and 99th percentile in microseconds, and the number of calls (n)."""
    import pandas as pd

    rows = {
        name: [*np.percentile(values, [50, 95, 99]).round(1), len(values)] for name, values in dict(latencies).items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["p50 µs", "p95 µs", "p99 µs", "n"]).astype({"n": int})
