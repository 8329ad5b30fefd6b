"""docker-compose.yml, brought up for real: `.venv/bin/python -m tools.compose_for_real`. It needs a Docker engine.

Under a project name, ports and passwords of its own, so that nobody's containers are touched. Redis, MySQL and the
cluster come up, the lessons and the load test run against them, a node is killed, the data survive, strangers stay out,
and all is taken down again, also after a failure.
"""

import contextlib
import json
import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import redis
from redis.exceptions import RedisClusterException

from redis_helpers.connection import ConnectOptions, RedisConnectionHandle
from redis_helpers.course.embedded import free_port
from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError
from redis_helpers.market.mysql_connection import MysqlOptions
from redis_helpers.market.repositories import MysqlRepository

SERVICES = {"redis": "6379/tcp", "mysql": "3306/tcp"}
NODES = 6
KEYS = [f"compose-test:{number}" for number in range(60)]  # enough for each primary of the cluster to get some
LOAD_TEST = "from redis_helpers.course.shop.load_test import run_load_test; run_load_test(seconds=4, customers=4)"
OURS = ("REDIS_", "MYSQL_", "COMPOSE_")


def compose_command() -> list[str]:
    """`docker compose`, or the older docker-compose where that is all there is."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return command
    sys.exit("This test needs Docker with Compose: install Docker, and start its engine.")


def free_ports_in_a_row() -> str:
    """For example "21003-21008": one for each node, below those that the system hands out by itself."""
    while True:
        first = random.randrange(20_000, 30_000)
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in range(first, first + NODES):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return f"{first}-{first + NODES - 1}"


class Project:
    """The Compose file under a project name of its own, with the settings of a `.env` of its own."""

    def __init__(self, folder: Path) -> None:
        self.name = f"course-test-{secrets.token_hex(4)}"
        self.settings = {
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(free_port()),
            "REDIS_PASSWORD": secrets.token_urlsafe(16),
            "REDIS_CLUSTER_PORTS": free_ports_in_a_row(),
            "MYSQL_HOST": "127.0.0.1",
            "MYSQL_PORT": str(free_port()),
            "MYSQL_USER": "learner",
            "MYSQL_PASSWORD": secrets.token_urlsafe(16),
            "MYSQL_DATABASE": "market",
        }
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self._env_file = folder / ".env"
        place = ["--project-directory", str(folder), "--env-file", str(self._env_file)]
        file = ["-f", str(ROOT / "docker-compose.yml"), "--profile", "mysql", "--profile", "cluster"]
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
        """Brings all services up and waits until they are healthy."""
        self.run("up", "-d")
        deadline = time.monotonic() + 300
        healthy = [*SERVICES, "cluster"]
        while waiting := [name for name in healthy if self.inspect(name)["State"]["Health"]["Status"] != "healthy"]:
            assert time.monotonic() < deadline, f"not healthy: {waiting}\n{self.run('logs', '--no-color')}"
            time.sleep(1)

    @property
    def redis(self) -> ConnectOptions:
        port, password = self.settings["REDIS_PORT"], self.settings["REDIS_PASSWORD"]
        return ConnectOptions(port=int(port), password=password)

    @property
    def cluster(self) -> ConnectOptions:
        """The first node: the REDIS_URL that the comments of the Compose file give."""
        return ConnectOptions(port=self.cluster_ports[0], password=self.settings["REDIS_PASSWORD"])

    @property
    def cluster_ports(self) -> list[int]:
        first, last = self.settings["REDIS_CLUSTER_PORTS"].split("-")
        return list(range(int(first), int(last) + 1))

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
    published = project.inspect("cluster")["NetworkSettings"]["Ports"]
    nodes = {name: places for name, places in published.items() if places}  # 6379 of the image is not published
    assert nodes == {f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}] for port in project.cluster_ports}
    ports = [int(project.settings[f"{service.upper()}_PORT"]) for service in SERVICES]
    for address in other_addresses():
        for port in [*ports, *project.cluster_ports]:
            with contextlib.suppress(OSError):
                socket.create_connection((address, port), 2).close()
                raise AssertionError(f"port {port} answers at {address}")


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


def the_cluster_is_reached_by_one_address(project: Project) -> None:
    for port in project.cluster_ports:
        with RedisConnectionHandle(ConnectOptions(port=port, password=project.cluster.password)) as handle:
            client = handle.connect_cluster()
            for key in KEYS:
                assert client.set(key, port) and client.get(key) == str(port)
            assert [node.host for node in client.get_nodes()] == ["127.0.0.1"] * NODES
            assert sorted(node.port for node in client.get_nodes()) == project.cluster_ports
            primaries = {node.port for node in client.get_primaries()}
            owners = {node.port for node in map(client.get_node_from_key, KEYS) if node}
            assert owners == primaries and len(primaries) == NODES // 2


def the_load_test_runs_on_the_cluster(project: Project) -> None:
    environment = {**project.environment, "REDIS_URL": project.cluster.url, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LOAD_TEST]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    print(ran.stdout)
    assert "as configured: a cluster." in ran.stdout and "No request was refused." in ran.stdout


def a_node_that_is_killed_is_replaced_and_comes_back(project: Project) -> None:
    with RedisConnectionHandle(project.cluster) as handle:
        client = handle.connect_cluster()
        owner = client.get_node_from_key(KEYS[0])
        assert owner is not None
        service = f"cluster-{project.cluster_ports.index(int(owner.port)) + 1}"
        word = client.get(KEYS[0])
        project.run("kill", service)
        deadline = time.monotonic() + 60
        while not served_by_another(client, owner.port):
            assert time.monotonic() < deadline, "no replica has taken over"
            time.sleep(0.1)
        assert client.get(KEYS[0]) == word
    project.up()


def served_by_another(client: redis.RedisCluster, port: int) -> bool:
    """Whether the first of the keys can be written, at another node than the one that was killed."""
    try:
        client.set("compose-test:written", 1)
        client.append(KEYS[0], "")
        now = client.get_node_from_key(KEYS[0])
    except (redis.RedisError, RedisClusterException):
        return False
    return now is not None and now.port != port


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
    with RedisConnectionHandle(project.cluster) as handle:
        cluster = handle.connect_cluster()
        for key in KEYS:
            cluster.set(key, word)
    bring_back()
    project.up()
    with RedisConnectionHandle(project.redis) as handle, contextlib.closing(MysqlRepository(project.mysql)) as source:
        assert handle.connect().get("compose-test:word") == word
        assert price_in(source) == price
    with RedisConnectionHandle(project.cluster) as handle:
        cluster = handle.connect_cluster()
        assert [cluster.get(key) for key in KEYS] == [word] * len(KEYS)


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
            "all services come up healthy": project.up,
            "nothing listens beyond 127.0.0.1": lambda: nothing_listens_beyond_this_machine(project),
            "a wrong password, or none, gets our sentence": lambda: a_wrong_password_gets_our_sentence(project),
            "one address leads to all nodes of the cluster": lambda: the_cluster_is_reached_by_one_address(project),
            "the load test runs on the cluster": lambda: the_load_test_runs_on_the_cluster(project),
            "a node that is killed is replaced": lambda: a_node_that_is_killed_is_replaced_and_comes_back(project),
            "lessons 00 to 03 run against them": lambda: the_lessons_run(project),
            "a stop and a start keep the data": lambda: the_data_are_there_again(project, lambda: project.run("stop")),
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
