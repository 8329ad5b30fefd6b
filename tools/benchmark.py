"""Every module of the take-home wing beside its peers, as Markdown tables: `python -m tools.benchmark`, some minutes.

python -m tools.benchmark                    everything
python -m tools.benchmark sessions queue     some of it

pip install -r tools/benchmark_requirements.txt     the other libraries; those that are missing are left out
"""

import argparse
import subprocess
import sys

PARTS = {
    "cache": "benchmark_cache",
    "repository": "benchmark_repository",
    "sessions": "benchmark_sessions",
    "limiters": "benchmark_rate_limiter",
    "queue": "benchmark_work_queue",
    "leaderboard": "benchmark_leaderboard",
    "lock": "benchmark_fenced_lock",
}


def main(arguments: list[str]) -> int:
    """Runs each part in a process of its own, so that none finds the processor as another has left it."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmark", description="The modules beside their peers.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one or more of: {', '.join(PARTS)}")
    chosen = parser.parse_args(arguments).parts or list(PARTS)
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]}: choose of {', '.join(PARTS)}")
    codes = []
    for part in chosen:
        print(f"\n# {part}\n", flush=True)
        codes.append(subprocess.run([sys.executable, "-m", f"tools.{PARTS[part]}"]).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
