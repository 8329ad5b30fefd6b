"""docker-compose.yml, as far as it can be checked without Docker; `python -m tools.compose_for_real` brings it up."""

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import time

import pytest
import yaml  # comes with JupyterLab

from redis_helpers.connection import ConnectOptions, RedisConnectionHandle
from redis_helpers.course.embedded import find_server_binary
from redis_helpers.course.start.environment import ROOT
from tests.support.servers import wait_until
from tools.compose_for_real import free_ports_in_a_row

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")


@pytest.fixture
def compose():
    return yaml.safe_load(TEXT)


def test_every_port_is_on_loopback_only(compose):
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_password_no_redis(compose):
    """`:?` makes Compose stop with the sentence behind it, also when the variable is empty."""
    assert re.search(r"\$\{REDIS_PASSWORD:\?[^}]*cp \.env\.example \.env[^}]*\}", str(compose["services"]["redis"]))
    assert "${REDIS_PASSWORD}" not in TEXT
    assert "${REDIS_PASSWORD:-" not in TEXT


def test_the_password_is_no_argument_of_the_server(compose):
    script = compose["services"]["redis"]["command"][-1]
    server = next(line for line in script.splitlines() if "redis-server" in line)
    assert server.strip() == "exec docker-entrypoint.sh redis-server - <<END"


def test_mysql_is_there_when_asked_for(compose):
    mysql = compose["services"]["mysql"]
    assert mysql["profiles"] == ["mysql"]
    assert "profiles" not in compose["services"]["redis"]
    assert mysql["image"] == "mysql:${MYSQL_VERSION:-8.4}"
    assert mysql["volumes"] == ["mysql-data:/var/lib/mysql"]
    assert "mysql-data" in compose["volumes"]
    assert "mysql -h 127.0.0.1" in mysql["healthcheck"]["test"][-1]  # while the image sets up, nobody listens there
    assert mysql["mem_limit"] == "1g"


def test_mysqls_settings_disturb_nobody_who_has_none(compose):
    """Compose demands a `:?` variable of everybody, whatever the profile. So the container looks itself."""
    assert ":?" not in str(compose["services"]["mysql"])
    assert "MYSQL_PASSWORD is not set" in compose["services"]["mysql"]["command"][-1]
    assert not re.search(r"^MYSQL_", EXAMPLE, re.MULTILINE)


@pytest.mark.parametrize(("password", "sentence"), [("", "is not set"), ("a'b", "must not"), ('a"b', "must not")])
def test_mysql_refuses_to_start_without_a_password_or_with_quotes_in_it(compose, password, sentence):
    script = compose["services"]["mysql"]["command"][-1].replace("$$", "$")
    run = subprocess.run(["sh", "-c", script], env={"MYSQL_PASSWORD": password}, capture_output=True, text=True)
    assert run.returncode == 1
    assert f"MYSQL_PASSWORD {sentence}" in run.stderr


def test_mysqls_defaults_are_the_courses(compose):
    from redis_helpers.market.mysql_connection import MysqlOptions

    given = compose["services"]["mysql"]["environment"]
    assert given["MYSQL_USER"] == f"${{MYSQL_USER:-{MysqlOptions.user}}}"
    assert given["MYSQL_DATABASE"] == f"${{MYSQL_DATABASE:-{MysqlOptions.database}}}"


def test_data_and_limits(compose):
    redis = compose["services"]["redis"]
    assert redis["image"] == "redis:${REDIS_VERSION:-8.10}"
    assert redis["volumes"] == ["redis-data:/data"]
    assert "redis-data" in compose["volumes"]
    assert "redis-cli ping" in redis["healthcheck"]["test"][-1]
    assert redis["mem_limit"] == "512m"
    for line in ("appendonly yes", "maxmemory 256mb", "maxmemory-policy noeviction"):
        assert line in redis["command"][-1].splitlines()


NODES = [f"cluster-{number}" for number in range(1, 7)]


def test_the_cluster_is_there_when_asked_for_and_its_nodes_share_one_network(compose):
    """What 127.0.0.1 and a port mean to a node is what they mean to a client on this machine."""
    services = compose["services"]
    place = services["cluster"]
    assert place["tmpfs"] == "/data", "the image declares a volume there, which would be left each time"
    assert [name for name in services if name.startswith("cluster-")] == NODES
    assert all(services[name]["profiles"] == ["cluster"] for name in ["cluster", *NODES])
    assert all(services[name]["image"] == services["redis"]["image"] for name in ["cluster", *NODES])
    (port,) = place["ports"]
    outside, inside = re.fullmatch(r"127\.0\.0\.1:(\$\{.*\}):(\$\{.*\})", port).groups()
    assert outside == inside == place["environment"]["PORTS"] == "${REDIS_CLUSTER_PORTS:-7001-7006}"
    for number, name in enumerate(NODES, 1):
        node = services[name]
        assert node["network_mode"] == "service:cluster"
        assert node["environment"] == {**place["environment"], "NODE": str(number)}
        assert node["volumes"] == [f"{name}-data:/data"]
        assert f"{name}-data" in compose["volumes"]
        assert node["command"] == services["cluster-1"]["command"]
        assert "redis-cli -p" in node["healthcheck"]["test"][-1]
        assert node["mem_limit"] == "192m"


def test_a_node_is_as_careful_as_the_single_server(compose):
    alone, node = (compose["services"][name]["command"][-1].splitlines() for name in ("redis", "cluster-1"))
    assert node[0] == alone[0], "a password that would end the configuration"
    assert node[1] == alone[1] == "exec docker-entrypoint.sh redis-server - <<END"
    assert [line for line in alone if line not in node] == ["maxmemory 256mb"]
    for line in ('masterauth "$$REDISCLI_AUTH"', "cluster-enabled yes", "cluster-announce-ip 127.0.0.1"):
        assert line in node


@pytest.mark.parametrize("ports", ["7001-7006", "21010-21015"])
def test_each_node_has_its_port(compose, ports):
    for number, name in enumerate(NODES, 1):
        port_line = next(line for line in compose["services"][name]["command"][-1].splitlines() if "port $$" in line)
        script = f"echo {port_line}".replace("$$", "$")
        environment = {"PORTS": ports, "NODE": str(number)}
        said = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=True).stdout
        assert said == f"port {int(ports.partition('-')[0]) + number - 1}\n"


def test_the_scripts_of_the_cluster_make_one_cluster_once(compose, tmp_path, monkeypatch):
    """As in the containers, but on this machine: real servers, and the script that runs again in vain."""
    if not shutil.which("redis-cli"):
        pytest.skip("the script needs redis-cli, which the image has")
    environment = {"REDISCLI_AUTH": secrets.token_urlsafe(16), "PATH": path_with_the_image(tmp_path)}
    script = compose["services"]["cluster"]["command"][-1].replace("$$", "$")
    healthy = compose["services"]["cluster"]["healthcheck"]["test"][-1].replace("$$", "$")
    with contextlib.ExitStack() as running:
        start_nodes(compose, tmp_path, environment, running)
        first = int(environment["PORTS"].partition("-")[0])
        with started(script, environment):
            assert wait_until(lambda: subprocess.run(["sh", "-c", healthy], env=environment).returncode == 0)
            options = ConnectOptions(port=first, password=environment["REDISCLI_AUTH"])
            with RedisConnectionHandle(options) as handle:
                client = handle.connect_cluster()
                for number in range(60):
                    assert client.set(f"key:{number}", number)
                assert len({client.get_node_from_key(f"key:{number}").port for number in range(60)}) == 3
                assert {node.host for node in client.get_nodes()} == {"127.0.0.1"}
        known = subprocess.run(
            ["redis-cli", "-p", str(first), "cluster", "nodes"], env=environment, capture_output=True
        )
        with started(script, environment) as again, pytest.raises(subprocess.TimeoutExpired):
            again.wait(2)  # it has nothing to do, and stays
        with RedisConnectionHandle(options) as handle:
            assert handle.connect_cluster().get("key:7") == "7"
        after = subprocess.run(
            ["redis-cli", "-p", str(first), "cluster", "nodes"], env=environment, capture_output=True
        )
        assert ids_and_slots(known.stdout) == ids_and_slots(after.stdout)


def start_nodes(compose, folder, environment, running):
    """Six servers on ports in a row, which may be taken before the servers have them: then on others."""
    while True:
        environment["PORTS"] = free_ports_in_a_row()
        with contextlib.ExitStack() as tried:
            nodes = []
            for number, name in enumerate(NODES, 1):
                place = folder / f"{name}-{environment['PORTS']}"
                place.mkdir()
                script = (
                    compose["services"][name]["command"][-1].replace("$$", "$").replace("dir /data", f"dir {place}")
                )
                nodes.append(tried.enter_context(started(script, {**environment, "NODE": str(number)})))
            time.sleep(0.5)  # whoever does not get its port ends at once
            if all(node.poll() is None for node in nodes):
                running.enter_context(tried.pop_all())
                return


def path_with_the_image(folder):
    """A PATH on which `docker-entrypoint.sh` starts the program behind it, and redis-server is the course's own."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "docker-entrypoint.sh").write_text('#!/bin/sh\nexec "$@"\n')
    (programs / "docker-entrypoint.sh").chmod(0o755)
    (programs / "redis-server").symlink_to(find_server_binary())
    return f"{programs}{os.pathsep}{os.environ['PATH']}"


@contextlib.contextmanager
def started(script, environment):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(["sh", "-c", script], env=environment, start_new_session=True, **quiet)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ids_and_slots(nodes):
    """Of each line of CLUSTER NODES, what does not change by itself."""
    return sorted((words[0], tuple(words[8:])) for words in (line.split() for line in nodes.decode().splitlines()))


def test_old_and_new_compose_read_it(compose):
    """docker-compose 1.29 knows no top-level `name`; today's warns about `version`."""
    assert set(compose) == {"services", "volumes"}


def test_every_variable_is_in_the_example():
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT))
    shown = set(re.findall(r"^#?(\w+)=", EXAMPLE, re.MULTILINE))
    assert used
    assert used <= shown


def test_the_copied_example_is_all_that_notebooks_need(tmp_path, monkeypatch):
    from redis_helpers.connection import connect_options

    (tmp_path / ".env").write_text(EXAMPLE, encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    options = connect_options()
    assert options.address == "127.0.0.1:6379/0"
    assert options.password
    assert (options.username, options.tls) == (None, False)


FROM_LAB_TO_ITS_KERNELS = {"REDIS_CELL_BY_CELL_LAB"}  # nobody writes it into .env


def test_the_example_explains_every_setting_that_the_course_reads():
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "redis_helpers").rglob("*.py"))
    read = set(re.findall(r"""["']((?:REDIS|MYSQL)_[A-Z_]+)["']""", source))
    assert read
    assert read - FROM_LAB_TO_ITS_KERNELS <= set(re.findall(r"^#?(\w+)=", EXAMPLE, re.MULTILINE))
