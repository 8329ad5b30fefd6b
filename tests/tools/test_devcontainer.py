""".devcontainer/, as far as it can be checked without Docker; `python -m tools.devcontainer_for_real` starts it."""

import os
import re
import shlex
import socket
import subprocess
import sys

import pytest
import yaml  # comes with JupyterLab

from redis_helpers.connection import connect_options
from redis_helpers.course.start.environment import ROOT
from tests.support.places import unzipped_course
from tools.devcontainer_for_real import configuration
from tools.lock import PYTHONS

FOLDER = ROOT / ".devcontainer"
OPEN_LAB = (
    "import sys; sys.path.insert(0, '.devcontainer'); import open_lab; open_lab.main(int(sys.argv[1]), sys.argv[2])"
)


@pytest.fixture(scope="module")
def dev():
    """devcontainer.json."""
    return configuration()


@pytest.fixture(scope="module")
def compose(dev):
    """The Compose file that it names."""
    return yaml.safe_load((FOLDER / dev["dockerComposeFile"]).read_text(encoding="utf-8"))


def test_it_names_what_is_there(dev, compose):
    service = compose["services"][dev["service"]]
    assert f"..:{dev['workspaceFolder']}:cached" in service["volumes"]
    for name in dev["customizations"]["codespaces"]["openFiles"]:
        assert (ROOT / name).exists()
    interpreter = dev["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter == "${containerWorkspaceFolder}/.venv/bin/python"


def test_its_python_is_one_that_the_course_runs_on(dev, compose):
    image = compose["services"][dev["service"]]["image"]
    version = re.fullmatch(r"mcr\.microsoft\.com/devcontainers/python:(3\.\d+)", image).group(1)
    assert version in PYTHONS


def test_its_redis_is_the_one_of_docker_compose_and_is_published_nowhere(compose, monkeypatch):
    own = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["redis"]["image"]
    assert own == f"redis:${{REDIS_VERSION:-{compose['services']['redis']['image'].removeprefix('redis:')}}}"
    assert not any("ports" in service for service in compose["services"].values())
    monkeypatch.setenv("REDIS_URL", compose["services"]["course"]["environment"]["REDIS_URL"])
    options = connect_options()
    assert options.address == "redis:6379/0"
    assert options.password == compose["services"]["redis"]["environment"]["REDISCLI_AUTH"]


def test_the_lab_has_its_port_and_keeps_its_token(dev):
    sys.path.insert(0, str(FOLDER))
    try:
        import open_lab
    finally:
        sys.path.remove(str(FOLDER))
    assert dev["forwardPorts"] == [open_lab.PORT]
    assert set(dev["portsAttributes"]) == {str(open_lab.PORT)}
    started = (FOLDER / "open_lab.py").read_text(encoding="utf-8")
    assert not re.search(r"IdentityProvider|ServerApp\.(ip|token|password|allow_)|0\.0\.0\.0", started)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A fresh copy, in which the commands run."""
    return unzipped_course(tmp_path_factory.mktemp("devcontainer") / "course")


def run_in(course, command, **settings):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "REDIS_", "MYSQL_"))}
    return subprocess.run(command, cwd=course, env={**kept, **settings}, capture_output=True, text=True)


def test_its_first_command_sets_the_course_up(dev, course):
    """Here with this Python, which has all packages already: nothing is installed."""
    python, *command = shlex.split(dev["postCreateCommand"])
    assert python == "python3"
    ran = run_in(course, [sys.executable, *command])
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("pytest ")


def test_when_somebody_attaches_the_lab_starts_and_is_asked_for_one_address(dev, course):
    """The course's command is replaced by one that prints its arguments."""
    assert dev["postAttachCommand"] == {"JupyterLab": "python3 .devcontainer/open_lab.py"}
    (course / "redis_helpers" / "__main__.py").write_text("import sys; print(*sys.argv[1:])")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        port = str(nobody.getsockname()[1])
        ran = run_in(course, [sys.executable, "-c", OPEN_LAB, port, "unused"])
    assert ran.stdout == f"lab --port {port} --ServerApp.use_redirect_file=False\n", ran.stderr


def test_when_somebody_attaches_again_the_address_is_said(course, tmp_path):
    """A Python that prints its arguments stands for the one of the course."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as lab:
        ran = run_in(course, [sys.executable, "-c", OPEN_LAB, str(lab.getsockname()[1]), str(python)])
    assert ran.stdout == "The lab runs already:\n-m jupyter_server list\n", ran.stderr
