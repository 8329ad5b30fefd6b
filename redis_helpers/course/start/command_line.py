"""The commands `lab`, `test`, `doctor`, `redis` and `load-test`. Standard library only until the environment stands."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from redis_helpers.course.start.environment import ROOT, ensure_environment, enter_environment, replace_process
from redis_helpers.course.start.hiding_files import refuse_hiding_files
from redis_helpers.errors import CourseError

BROKEN_PIPE = 141  # what a shell says of a program whose reader has gone


def main(arguments: list[str]) -> int:
    """Runs one command and returns its exit code. What goes wrong is one sentence on standard error, and code 1.

    `lab` and `test` become another program and do not return. Raises SystemExit after `--help`, and for arguments that
    cannot be understood.
    """
    _print_on_every_terminal()
    command, rest = _understand(arguments)
    commands = {"lab": lab, "test": test, "doctor": doctor, "redis": redis, "load-test": load_test}
    try:
        if command == "doctor":
            enter_environment(arguments)  # a doctor looks, and changes nothing
        else:
            ensure_environment(arguments)
        os.chdir(ROOT)
        exit_code = commands[command](rest)
        sys.stdout.flush()
        return exit_code
    except CourseError as problem:
        print(problem, file=sys.stderr)
        return 1
    except BrokenPipeError:  # `doctor | head`: nobody reads what we print
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:  # a full disk, a file that belongs to somebody else
        print(f"The system refused: {error}. Make room on the disk, or check who owns that file.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130


def _print_on_every_terminal() -> None:
    """A sign that the terminal's encoding does not have becomes a question mark; a closed terminal takes everything."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, it stays open to the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _understand(arguments: list[str]) -> tuple[str, list[str]]:
    """The command, and the arguments that JupyterLab or pytest is to get, untouched.

    The parser sees no more than what is ours: of `lab` and `test` only the name, and `--help` right behind it.
    """
    ours = arguments or ["--help"]
    if ours[0] in ("lab", "test"):
        asks_for_help = ours[1:2] in (["-h"], ["--help"])
        ours = ours[:2] if asks_for_help else ours[:1]
    command = _parser().parse_args(ours).command
    return command, arguments[1:]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m redis_helpers", description="Redis, cell by cell: its commands.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text, usage in (
        (
            "lab",
            "open the first lesson that you have not finished in JupyterLab, with a Redis if none is configured "
            "(--start 07 opens another lesson; further arguments go to JupyterLab: --no-browser, --port 8890; "
            "--help-all shows them)",
            "%(prog)s [--start LESSON] [ARGUMENT FOR JUPYTERLAB ...]",
        ),
        (
            "test",
            "run everything: the unit tests and every notebook "
            "(further arguments go to pytest: -x, -k leaderboard; `test -- --help` shows them)",
            "%(prog)s [ARGUMENT FOR PYTEST ...]",
        ),
        ("doctor", "check the set-up, one line a subject", "%(prog)s"),
        ("redis", "run the embedded Redis in this terminal, and print its URL", "%(prog)s"),
    ):
        commands.add_parser(name, help=text, description=text, usage=usage)
    text = (
        "let customers shop, and kill a primary of the shop's cluster meanwhile: what they notice, and what is lost "
        "(on the cluster or server of REDIS_URL or .env, where nothing is killed; otherwise on a cluster of its own)"
    )
    load = commands.add_parser("load-test", help=text, description=text)
    load.add_argument("--seconds", type=_number_of("seconds", 2, 3600), default=20, help="how long (20)")
    load.add_argument("--customers", type=_number_of("customers", 1, 200), default=8, help="how many (8)")
    load.add_argument("--seed", type=int, default=1, help="what they do follows from it (1)")
    return parser


def _number_of(what: str, least: int, most: int) -> Callable[[str], int]:
    """For argparse: reads a whole number between the two."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) < 6 and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"give a whole number of {what} from {least} to {most}")

    return read


def lab(arguments: list[str]) -> NoReturn:
    """JupyterLab on the lesson to go on with, and with a Redis that all its kernels share."""
    from redis_helpers.course.start.lab import run_lab

    run_lab(arguments)


def test(arguments: list[str]) -> NoReturn:
    """Everything that pytest finds: the unit tests, and every notebook through nbmake."""
    refuse_hiding_files()
    replace_process([sys.executable, "-m", "pytest", *arguments])


def doctor(arguments: list[str]) -> int:
    """The set-up, one line a subject."""
    from redis_helpers.course.start.doctor import run_doctor

    return run_doctor()


def redis(arguments: list[str]) -> int:
    """The embedded server in the foreground, until Ctrl-C."""
    from redis_helpers.course.start.redis_server import run_redis

    return run_redis()


def load_test(arguments: list[str]) -> int:
    """The shop under load, with a failover in the middle, until the time is over or Ctrl-C."""
    from redis_helpers.course.shop.load_test import run_load_test

    options = _parser().parse_args(["load-test", *arguments])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return run_load_test(options.seconds, options.customers, options.seed)
