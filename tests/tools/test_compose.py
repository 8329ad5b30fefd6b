"""docker-compose.yml, as far as it can be checked without Docker; `python -m tools.compose_for_real` brings it up."""

import re
import subprocess

import pytest
import yaml  # comes with JupyterLab

from redis_helpers.course.start.environment import ROOT

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
