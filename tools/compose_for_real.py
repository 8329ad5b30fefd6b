"""docker-compose.yml, brought up for real: `.venv/bin/python -m tools.compose_for_real`. It needs a Docker engine.

Under a project name, ports and passwords of its own, so that nobody's containers are touched. Both services come up,
the lessons run against them, the data survive, strangers stay out, and all is taken down again, also after a failure.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from redis_helpers.connection import ConnectOptions, RedisConnectionHandle
from redis_helpers.course.embedded import free_port
from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError
from redis_helpers.market.mysql_connection import MysqlOptions
from redis_helpers.market.repositories import MysqlRepository

SERVICES = {"redis": "6379/tcp", "mysql": "3306/tcp"}
OURS = ("REDIS_", "MYSQL_", "COMPOSE_")


def compose_command() -> list[str]:
    """`docker compose`, or the older docker-compose where that is all there is."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return command
    sys.exit("This test needs Docker with Compose: install Docker, and start its engine.")


class Project:
    """The Compose file under a project name of its own, with the settings of a `.env` of its own."""

    def __init__(self, folder: Path) -> None:
        self.name = f"course-test-{secrets.token_hex(4)}"
        self.settings = {
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(free_port()),
            "REDIS_PASSWORD": secrets.token_urlsafe(16),
            "MYSQL_HOST": "127.0.0.1",
            "MYSQL_PORT": str(free_port()),
            "MYSQL_USER": "learner",
            "MYSQL_PASSWORD": secrets.token_urlsafe(16),
            "MYSQL_DATABASE": "market",
        }
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self._env_file = folder / ".env"
        place = ["--project-directory", str(folder), "--env-file", str(self._env_file)]
        file = ["-f", str(ROOT / "docker-compose.yml"), "--profile", "mysql"]
        self._command = [*compose_command(), "-p", self.name, *place, *file]

    def run(self, *arguments: str, without: str = "", check: bool = True) -> str:
        """Runs one Compose command, with all settings but one, and returns what it printed."""
        lines = [f"{name}={value}\n" for name, value in self.settings.items() if name != without]
        self._env_file.write_text("".join(lines), encoding="utf-8")
        done = subprocess.run(
            [*self._command, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert not check or done.returncode == 0, done.stdout
        assert check or done.returncode != 0, f"this should have failed: {arguments}\n{done.stdout}"
        return done.stdout

    def inspect(self, service: str) -> dict:
        """What the engine knows of the service's container."""
        number = self.run("ps", "-q", service).split()[-1]
        return json.loads(subprocess.check_output(["docker", "inspect", number]))[0]

    def up(self) -> None:
        """Brings both services up and waits until they are healthy."""
        self.run("up", "-d")
        deadline = time.monotonic() + 300
        while waiting := [name for name in SERVICES if self.inspect(name)["State"]["Health"]["Status"] != "healthy"]:
            assert time.monotonic() < deadline, f"not healthy: {waiting}\n{self.run('logs', '--no-color')}"
            time.sleep(1)

    @property
    def redis(self) -> ConnectOptions:
        port, password = self.settings["REDIS_PORT"], self.settings["REDIS_PASSWORD"]
        return ConnectOptions(port=int(port), password=password)

    @property
    def mysql(self) -> MysqlOptions:
        return MysqlOptions(port=int(self.settings["MYSQL_PORT"]), password=self.settings["MYSQL_PASSWORD"])


def a_missing_password_is_refused(project: Project) -> None:
    assert "cp .env.example .env" in project.run("up", "-d", "redis", without="REDIS_PASSWORD", check=False)
    said = project.run("run", "--rm", "-T", "mysql", without="MYSQL_PASSWORD", check=False)
    assert "MYSQL_PASSWORD is not set" in said, said


def nothing_listens_beyond_this_machine(project: Project) -> None:
    for service, inside in SERVICES.items():
        published = project.inspect(service)["NetworkSettings"]["Ports"]
        bound = [place for port in published.values() for place in port or []]
        assert bound == [{"HostIp": "127.0.0.1", "HostPort": project.settings[f"{service.upper()}_PORT"]}], published
        assert published[inside] == bound
    for address in other_addresses():
        for service in SERVICES:
            with contextlib.suppress(OSError):
                socket.create_connection((address, int(project.settings[f"{service.upper()}_PORT"])), 2).close()
                raise AssertionError(f"{service} answers at {address}")


def other_addresses() -> list[str]:
    """This machine's own addresses but for loopback."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        found = subprocess.check_output(["hostname", "-I"], text=True).split()
        return [address for address in found if not address.startswith("127.") and address != "::1"]
    return [address for address in socket.gethostbyname_ex(socket.gethostname())[2] if not address.startswith("127.")]


def a_wrong_password_gets_our_sentence(project: Project) -> None:
    for wrong in (ConnectOptions(port=project.redis.port, password="wrong"), ConnectOptions(port=project.redis.port)):
        refused(lambda wrong=wrong: RedisConnectionHandle(wrong).connect(), "REDIS_PASSWORD")
    for wrong_password in ("wrong", ""):
        options = MysqlOptions(port=project.mysql.port, password=wrong_password)
        refused(lambda options=options: MysqlRepository(options), "MYSQL_PASSWORD")
    options = MysqlOptions(port=project.mysql.port, user="root", password=project.mysql.password)
    if "MariaDB" not in project.run("exec", "-T", "mysql", "mysqld", "--version"):  # which has no MYSQL_ROOT_HOST
        refused(lambda: MysqlRepository(options), "MYSQL_USER")


def refused(connect, word: str) -> None:
    with pytest.raises(CourseError, match=word) as caught:
        connect()
    assert len(str(caught.value).splitlines()) == 1


def the_lessons_run(project: Project) -> None:
    lessons = sorted(str(path) for path in (ROOT / "notebooks").glob("0[0-3]_*[a-z].ipynb"))
    assert len(lessons) == 4, lessons
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *lessons]
    ran = subprocess.run(command, cwd=ROOT, env={**project.environment, **project.settings}, timeout=900)
    assert ran.returncode == 0
    with contextlib.closing(MysqlRepository(project.mysql)) as source:  # lesson 03 asked this one, so it is loaded
        assert source.best_sellers(1)[0]["fruit"] == "banana"


def the_data_are_there_again(project: Project, bring_back) -> None:
    word = secrets.token_hex(4)
    with RedisConnectionHandle(project.redis) as handle, contextlib.closing(MysqlRepository(project.mysql)) as source:
        handle.connect().set("compose-test:word", word)
        price = price_in(source) + 1
        source.set_price(2, price)
    bring_back()
    project.up()
    with RedisConnectionHandle(project.redis) as handle, contextlib.closing(MysqlRepository(project.mysql)) as source:
        assert handle.connect().get("compose-test:word") == word
        assert price_in(source) == price


def price_in(source: MysqlRepository) -> int:
    """What the second fruit costs, in cents."""
    fruit = source.fruit(2)
    assert fruit is not None
    return fruit["price_cents"]


def main() -> None:
    """Runs the steps in turn, one line each."""
    with tempfile.TemporaryDirectory(prefix="compose-") as folder:
        project = Project(Path(folder))
        steps = {
            "a missing password is refused": lambda: a_missing_password_is_refused(project),
            "both services come up healthy": project.up,
            "nothing listens beyond 127.0.0.1": lambda: nothing_listens_beyond_this_machine(project),
            "a wrong password, or none, gets our sentence": lambda: a_wrong_password_gets_our_sentence(project),
            "lessons 00 to 03 run against them": lambda: the_lessons_run(project),
            "a restart keeps the data": lambda: the_data_are_there_again(project, lambda: project.run("restart")),
            "new containers find the data": lambda: the_data_are_there_again(project, lambda: project.run("down")),
        }
        try:
            for title, step in steps.items():
                start = time.monotonic()
                step()
                print(f"OK, {time.monotonic() - start:5.1f} s: {title}", flush=True)
        finally:
            project.run("down", "--volumes", "--remove-orphans")
        left = ["docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={project.name}"]
        assert not subprocess.check_output(left), "containers are left"
        print("OK: all taken down")


if __name__ == "__main__":
    main()
