"""The lessons in their order, by tracks: which are finished, and which one comes next."""

from typing import Any

from redis_helpers.course.exercises.catalog import lessons
from redis_helpers.course.exercises.progress_file import section

TRACKS = {
    "First steps": (
        "00_start_here",
        "01_basics",
        "02_hashes_and_ttl",
        "03_cache_aside_timing",
        "04_keys_and_round_trips",
        "05_all_or_nothing",
        "06_scripts",
        "07_fresh_or_stale",
        "08_when_redis_is_gone",
        "09_small_hashes",
    ),
    "Common cases": (
        "10_sessions",
        "11_carts_and_log_ins",
        "12_rate_limits",
        "13_four_limiters",
        "14_job_lists",
        "15_job_streams",
        "16_a_proven_queue",
        "17_leaderboards",
        "18_ties_and_windows",
        "19_locks",
        "20_fencing",
    ),
    "In production": (
        "30_stampedes",
        "31_cache_in_production",
        "33_memory_and_eviction",
        "34_durability",
    ),
    "Many machines": (
        "40_cluster",
        "41_failover",
    ),
}


def notebooks() -> dict[str, str]:
    """The notebooks by the lesson's number, in their order: {"0": "00_start_here", "1": "01_basics", …}."""
    return {str(int(name[:2])): name for names in TRACKS.values() for name in names}


def finished(content: dict[str, Any]) -> list[str]:
    """The numbers of the lessons that are finished, by what the progress file holds.

    A lesson is finished when each of its exercises is passed (or was left out, because the server cannot do it). It is
    also finished when at least half of them are, and something of the next lesson is passed: who went on has left the
    rest aside on purpose.
    """
    passed = section(content, "passed")
    done = passed.keys() | section(content, "left_out").keys()
    numbers = list(notebooks())
    found = []
    for number, following in zip(numbers, [*numbers[1:], None], strict=True):
        exercises = _exercises_of(number)
        count = sum(exercise in done for exercise in exercises)
        went_on = following is not None and any(exercise in passed for exercise in _exercises_of(following))
        if count == len(exercises) or (went_on and 2 * count >= len(exercises)):
            found.append(number)
    return found


def first_open(content: dict[str, Any]) -> str | None:
    """The number of the first lesson that is not finished; None when all of them are."""
    done = finished(content)
    return next((number for number in notebooks() if number not in done), None)


def listed(numbers: list[str]) -> str:
    """Lessons in a few words: "00 to 03", "00 to 03 and 12", "00, 05 to 07 and 12"."""
    order = list(notebooks())
    rows: list[list[str]] = []
    for number in sorted(numbers, key=order.index):
        if rows and order.index(rows[-1][-1]) + 1 == order.index(number):
            rows[-1].append(number)
        else:
            rows.append([number])
    words = [_row(row) for row in rows]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def _row(numbers: list[str]) -> str:
    first, last = notebooks()[numbers[0]][:2], notebooks()[numbers[-1]][:2]
    return first if first == last else f"{first} to {last}"


def _exercises_of(number: str) -> list[str]:
    return [exercise.id for exercise in lessons()[number].EXERCISES]
