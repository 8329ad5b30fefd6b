"""Every module of the take-home wing beside its peers, as Markdown tables: `python -m tools.benchmark`, some minutes.

python -m tools.benchmark                    everything
python -m tools.benchmark sessions queue     some of it
python -m tools.benchmark --page             everything, and docs/benchmarks.md shows it, with this machine and the date

pip install -r tools/benchmark_requirements.txt     the other libraries; those that are missing are left out
"""

import argparse
import subprocess
import sys

from tools.pages import PAGES, when_and_where, write_part
from tools.short_tables import cache_in_short, modules_in_short

PARTS = {
    "cache": "benchmark_cache",
    "repository": "benchmark_repository",
    "sessions": "benchmark_sessions",
    "limiters": "benchmark_rate_limiter",
    "queue": "benchmark_work_queue",
    "leaderboard": "benchmark_leaderboard",
    "lock": "benchmark_fenced_lock",
}
PAGE = PAGES / "benchmarks.md"


def main(arguments: list[str]) -> int:
    """Runs each part in a process of its own, so that none finds the processor as another has left it."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmark", description="The modules beside their peers.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one or more of: {', '.join(PARTS)}")
    parser.add_argument("--page", action="store_true", help="write what was measured into docs/benchmarks.md, too")
    options = parser.parse_args(arguments)
    chosen = options.parts or list(PARTS)
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]}: choose of {', '.join(PARTS)}")
    codes = []
    for part in chosen:
        print(f"\n# {part}\n", flush=True)
        code, measured = run_part(part)
        codes.append(code)
        if options.page and code == 0:
            write_part(PAGE, part, f"{when_and_where()}\n\n{measured}")
    if options.page:
        write_short_tables()
    return max(codes)


def run_part(part: str) -> tuple[int, str]:
    """Runs one part. Returns its exit code and what it printed, which is shown meanwhile."""
    command = [sys.executable, "-m", f"tools.{PARTS[part]}"]
    printed = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    return process.returncode, "".join(printed)


def write_short_tables() -> None:
    """Writes the two short tables of the page anew, from the long ones that stand on it."""
    page = PAGE.read_text(encoding="utf-8")
    write_part(PAGE, "modules in short", modules_in_short(page))
    write_part(PAGE, "cache in short", cache_in_short(page))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
