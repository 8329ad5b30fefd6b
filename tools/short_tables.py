"""The page of figures in short: two tables, made of the long ones that the benchmarks have written on the page."""

import re

from redis_helpers.errors import CourseError
from tools.benchmark_cache import table as markdown

Row = dict[str, str]  # a cell for each column

CACHES = [
    "six lines",
    "six lines on connect()",
    "CacheAside on connect()",
    "six lines on connect_cache()",
    "CacheAside on connect_cache()",
    "CacheAside, unix socket",
    "walrus (pickle)",
    "django-redis",
    "dogpile.cache, distributed lock",
    "pottery",
    "aiocache, cached_stampede (async)",
    "cashews, lock=True (async)",
]
# How these take a Redis that hangs is measured on the plain reader of the same library.
PLAIN = {
    "dogpile.cache, distributed lock": "dogpile.cache",
    "aiocache, cached_stampede (async)": "aiocache (async)",
    "cashews, lock=True (async)": "cashews (async)",
}
LIMITERS = ("FixedWindow", "SlidingLog", "SlidingCounter", "TokenBucket")
NOT_MEASURED = "–"


def tables(page: str) -> dict[str, dict[str, Row]]:
    """Every table of a page: by the heading of the third order right above it, or else by its first cell.

    Each table is its rows by their first cell.
    """
    found = {}
    for title, block in re.findall(r"(?m)(?:^### (.+)\n\n)?((?:^\|.*\n)+)", page):
        head, _, *lines = [[cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines()]
        found[title or head[0]] = {cells[0]: dict(zip(head, cells, strict=False)) for cells in lines}
    return found


def modules_in_short(page: str) -> str:
    """A row for each module: how long it takes, as a multiple of the same by hand, and what its peers take.

    Raises CourseError when the page lacks a table.
    """
    found = tables(page)

    def ratios(name: str, *titles: str) -> str:
        """The row's ratio in each of these tables."""
        column = "ratio of p50"
        return ", ".join(_cell(found, title, name, column) for title in titles)

    def hits(names: list[str]) -> str:
        """From the least to the greatest."""
        measured = sorted(_cell(found, "a hit", name, "times the plain commands") for name in names)
        return f"{measured[0]} to {measured[-1]}" if measured else NOT_MEASURED

    peers = [name for name in found["a hit"] if name.startswith("limits")] if "a hit" in found else []
    session = ("a visit", "a change", "a log-in")
    week = next((title for title in found if title.startswith("a week")), "a week")
    lock, lock_column = "acquire and release", "times redis-py's Lock"
    rows = [
        ["`Sessions`: a visit, a change, a log-in", ratios("Sessions", *session)],
        ["a limiter's hit (1: INCR and EXPIRE)", hits(list(LIMITERS))],
        ["`WorkQueue`: put, work", ratios("WorkQueue", "put", "work")],
        ["`Leaderboard`: add, a page of 5", ratios("Leaderboard", "add", "a page of 5")],
        [f"the longest PING beside {week} (1: ZUNIONSTORE)", _cell(found, week, "Leaderboard", "ratio")],
        ["`FencedLock`: acquire and release (1: redis-py's `Lock`)", _cell(found, lock, "FencedLock", lock_column)],
    ]
    others = [
        f"Flask-Session {ratios('Flask-Session', *session)}; Django {ratios('Django', *session)}",
        f"limits {hits(peers)}; one GET {_cell(found, 'a hit', 'one GET', 'times the plain commands')}",
        f"rq {ratios('rq, SimpleWorker', 'put', 'work')}",
        f"leaderboard (PyPI): a page {ratios('leaderboard (PyPI)', 'a page of 5')}",
        "",
        f"by hand, without a number that grows {_cell(found, lock, 'by hand: SET NX, and a script', lock_column)}",
    ]
    lines = [["module", "ours", "peers"], ["---", "---:", "---"]]
    lines += [[*row, peer] for row, peer in zip(rows, others, strict=True)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def cache_in_short(page: str) -> str:
    """A row for each reader: its hits and misses, its loads in a stampede, and how it takes a Redis that hangs.

    Times of hits and misses are multiples of those of the six lines.

    Raises CourseError when the page lacks a table.
    """
    found = tables(page)
    starts = ("A hit, 200 bytes", "A hit, 10 kB", "A miss", "A stampede", "Redis hangs")
    titles = {start: _title(found, start) for start in starts}

    def cell(start: str, name: str, column: str) -> str:
        return found[titles[start]].get(name, {}).get(column, NOT_MEASURED)

    rows = []
    for name in CACHES:
        ratios = [cell(start, name, "ratio of p50") for start in starts[:3]]
        loads = [cell("A stampede", name, column) for column in ("loads of 100 ms", "loads that fail")]
        plain = PLAIN.get(name, name)
        hangs = [cell("Redis hangs", plain, column) for column in ("first call", "second call", "what comes")]
        rows.append([name, *ratios, *loads, ", ".join(told for told in hangs if told != NOT_MEASURED) or NOT_MEASURED])
    head = [
        "reader",
        "a hit, 200 B",
        "a hit, 10 kB",
        "a miss, 200 B",
        "loads by 32 readers",
        "by 32, all loads failing",
    ]
    return markdown([*head, "Redis hangs: first call, second, what comes"], rows)


def _title(found: dict[str, dict[str, Row]], start: str) -> str:
    for title in found:
        if title.startswith(start):
            return title
    raise CourseError(f"The page of figures has no table '{start}': run `python -m tools.benchmark --page`.")


def _cell(found: dict[str, dict[str, Row]], title: str, name: str, column: str) -> str:
    """One cell. A peer that was not installed is a dash."""
    if title not in found:
        raise CourseError(f"The page of figures has no table '{title}': run `python -m tools.benchmark --page`.")
    return found[title].get(name, {}).get(column, NOT_MEASURED)
