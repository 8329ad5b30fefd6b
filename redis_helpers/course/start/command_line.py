"""The commands `lab`, `test`, `doctor` and `redis`. Standard library only until the environment stands."""

import os
import sys

from redis_helpers.course.start.environment import ROOT, ensure_environment, enter_environment, replace_process
from redis_helpers.errors import CourseError

USAGE = """usage: python3 -m redis_helpers COMMAND

  lab      open the course in JupyterLab, with a Redis if none is configured
           (further arguments go to JupyterLab: --no-browser, --port 8890, …)
  test     run everything: the unit tests and every notebook
           (further arguments go to pytest: -x, -k leaderboard, …)
  doctor   check the set-up, one line each
  redis    run the embedded Redis in this terminal, and print its URL"""


def main(arguments: list[str]) -> int:
    """Runs one command and returns its exit code. What goes wrong is one sentence on standard error, and code 1."""
    commands = {"lab": lab, "test": test, "doctor": doctor, "redis": redis}
    command, rest = (arguments or ["--help"])[0], arguments[1:]
    if command not in commands:
        print(USAGE, file=sys.stdout if command in ("-h", "--help") else sys.stderr)
        return 0 if command in ("-h", "--help") else 1
    try:
        if command == "doctor":
            enter_environment(arguments)  # a doctor looks, and changes nothing
        else:
            ensure_environment(arguments)
        os.chdir(ROOT)
        return commands[command](rest)
    except CourseError as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as error:  # a full disk, a file that belongs to somebody else
        print(f"The system refused: {error}. Make room on the disk, or check who owns that file.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def lab(arguments: list[str]) -> int:
    """JupyterLab on the first notebook, with a Redis that all its kernels share."""
    from redis_helpers.course.start.lab import run_lab

    return run_lab(arguments)


def test(arguments: list[str]) -> int:
    """Everything that pytest finds: the unit tests, and every notebook through nbmake."""
    return replace_process([sys.executable, "-m", "pytest", *arguments])


def doctor(arguments: list[str]) -> int:
    """The set-up, one line a subject."""
    from redis_helpers.course.start.doctor import run_doctor

    return run_doctor()


def redis(arguments: list[str]) -> int:
    """The embedded server in the foreground, until Ctrl-C."""
    from redis_helpers.course.start.redis_server import run_redis

    return run_redis()
