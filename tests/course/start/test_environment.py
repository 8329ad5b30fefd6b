"""Making the environment: what is decided, and what is said when it cannot be made."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from redis_helpers.course.start import environment
from redis_helpers.errors import CourseError


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course folder without `.venv`, and a log of the commands that would have been run in it."""
    venv = tmp_path / ".venv"
    for name, value in {"ROOT": tmp_path, "VENV": venv, "VENV_PYTHON": venv / "bin" / "python"}.items():
        monkeypatch.setattr(environment, name, value)
    monkeypatch.setattr(environment, "_runs", Path.exists)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    commands = []

    def run(title, command):
        commands.append(command)
        environment.VENV_PYTHON.parent.mkdir(parents=True, exist_ok=True)
        environment.VENV_PYTHON.touch()

    monkeypatch.setattr(environment, "_run", run)
    monkeypatch.setattr(environment, "commands", commands, raising=False)
    return environment


def made_venv(course, note=None):
    course.VENV_PYTHON.parent.mkdir(parents=True)
    course.VENV_PYTHON.touch()
    (course.VENV / "old").touch()
    if note is not None:
        course._write_note(course.VENV, note)


def test_a_venv_is_made_where_none_is(course):
    course._make_venv()
    assert course.commands == [[sys.executable, "-m", "venv", str(course.VENV)]]
    assert course._read_note(course.VENV) == course.UNFINISHED


@pytest.mark.parametrize("note", ["a venv made by hand", "a venv made for this folder"])
def test_a_venv_that_works_is_left_alone(course, note):
    made_venv(course, note=str(course.ROOT) if note.endswith("folder") else None)
    course._make_venv()
    assert course.commands == []


@pytest.mark.parametrize("note", [environment.UNFINISHED, "/where/the/folder/was/before"])
def test_an_interrupted_or_moved_venv_is_made_anew(course, note):
    made_venv(course, note)
    course._make_venv()
    assert len(course.commands) == 1
    assert not (course.VENV / "old").exists()


def test_a_venv_whose_python_is_gone_is_made_anew(course, monkeypatch):
    made_venv(course)
    monkeypatch.setattr(course, "_runs", lambda python: False)
    course._make_venv()
    assert len(course.commands) == 1


def test_without_ensurepip(course, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CourseError, match="apt install python3-venv"):
        course._make_venv()
    assert not course.VENV.exists()
    monkeypatch.setattr(shutil, "which", lambda name, path=None: "/somewhere/uv")
    course._make_venv()
    assert course.commands[0][:3] == ["/somewhere/uv", "venv", "--seed"]


@pytest.fixture
def inside(course, monkeypatch):
    """Inside an environment at `course.VENV` where everything is installed."""
    made_venv(course, note=str(course.ROOT))
    monkeypatch.setattr(sys, "prefix", str(course.VENV))
    monkeypatch.setattr(course, "in_virtual_environment", lambda: True)
    monkeypatch.setattr(course, "missing_packages", dict)
    return course


def test_nothing_is_installed_twice(inside):
    inside.ensure_environment(["lab"])
    assert inside.commands == []


def test_what_is_missing_is_installed_with_uv_or_else_with_pip(inside, monkeypatch):
    found = iter([{"redis": "1.0"}, {}])
    monkeypatch.setattr(inside, "missing_packages", lambda: next(found))
    inside.ensure_environment(["lab"])
    fetch_uv, install = inside.commands
    assert "uv==" in fetch_uv[-1]
    assert install == [*inside.PIP_INSTALL, "-r", str(inside.REQUIREMENTS)]
    assert inside._read_note(inside.VENV) == str(inside.ROOT)


def test_an_interrupted_installation_is_done_anew(inside, monkeypatch):
    inside._write_note(inside.VENV, inside.UNFINISHED)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: "/somewhere/uv")
    inside.ensure_environment(["lab"])
    assert inside.commands == [
        ["/somewhere/uv", "pip", "install", "--python", sys.executable, "--reinstall", "-r", str(inside.REQUIREMENTS)]
    ]


def test_pip_installs_where_uv_fails(inside, monkeypatch):
    tried = []

    def run(title, command):
        tried.append(command[0])
        if command[0] == "/somewhere/uv":
            raise inside._CommandFailed("no index for uv here")

    monkeypatch.setattr(inside, "_run", run)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: "/somewhere/uv")
    inside._install(anew=False)
    assert tried == ["/somewhere/uv", sys.executable]


def test_packages_that_are_still_missing_are_named(inside, monkeypatch):
    monkeypatch.setattr(inside, "missing_packages", lambda: {"pandas": None})
    with pytest.raises(CourseError, match="pandas"):
        inside.ensure_environment(["lab"])


def test_a_folder_that_cannot_be_written(course, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CourseError, match="cannot be written"):
        course.ensure_environment(["lab"])


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        ("error: Could not connect: Connection refused (os error 111)", "check the network"),
        ("ERROR: Could not find a version that satisfies redis (from versions: none)", "check the network"),
        ("Temporary failure in name resolution", "check the network"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("Could not install packages: [Errno 13] Permission denied: '/usr/lib'", "check its permissions"),
        ("something that nobody foresaw", "the reason stands in"),
    ],
)
def test_why_packages_were_not_installed(course, log, sentence):
    said = course._why_not_installed(course._CommandFailed(log))
    assert sentence in said
    assert "\n" not in said
    if "reason stands" in sentence:
        assert (course.ROOT / "data" / "install.log").read_text(encoding="utf-8") == log


@pytest.mark.parametrize("folder", ["course", "Müller (1) & Söhne", "C++ 100%", "a;b#c?d"])
def test_the_course_knows_its_own_folder(tmp_path, monkeypatch, folder):
    """pip and uv write the folder as a URL, each with another idea of what must be quoted."""
    root = tmp_path / folder
    info = tmp_path / "site" / "redis_cell_by_cell-1.0.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: redis-cell-by-cell\nVersion: 1.0.0\n")
    monkeypatch.setattr(environment, "ROOT", root)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path / "site"))
    rarely_quoted = root.as_uri()
    for sign in "()&+":
        rarely_quoted = rarely_quoted.replace(f"%{ord(sign):02X}", sign)
    for url in (root.as_uri(), rarely_quoted):
        (info / "direct_url.json").write_text(f'{{"url": "{url}", "dir_info": {{"editable": true}}}}')
        assert environment._course_is_installed()
    (info / "direct_url.json").write_text(f'{{"url": "{(tmp_path / "before").as_uri()}"}}')
    assert not environment._course_is_installed()


def test_other_versions_than_the_pinned_are_missing(monkeypatch):
    monkeypatch.setattr(environment, "_course_is_installed", lambda: True)
    pins = environment.pinned_packages()
    assert {"redis", "jupyterlab", "nbmake"} <= set(pins)
    have = {**pins, "redis": "1.0", "nbmake": None}
    monkeypatch.setattr(environment, "_version", have.get)
    assert environment.missing_packages() == {"redis": "1.0", "nbmake": None}


def test_a_long_command_shows_that_it_is_alive(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    environment._run("Waiting", [sys.executable, "-c", "import time; time.sleep(1.2)"])
    assert "\rWaiting … 1 s" in capsys.readouterr().out


def test_a_command_that_fails_keeps_its_words(capsys):
    with pytest.raises(environment._CommandFailed) as failure:
        environment._run("Failing", [sys.executable, "-c", "import sys; sys.exit('what it said')"])
    assert failure.value.log.strip() == "what it said"
    with pytest.raises(environment._CommandFailed):
        environment._run("Failing", ["/no/such/program"])


def test_no_network(tmp_path):
    """For real, in a copy of the course: the environment is made, and nothing answers where the packages should be."""
    copy = tmp_path / "course"
    shutil.copytree(environment.ROOT / "redis_helpers", copy / "redis_helpers")
    for name in ("requirements.txt", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(environment.ROOT / name, copy)
    closed = "http://127.0.0.1:9/simple"
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": closed, "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}
    settings |= {"UV_DEFAULT_INDEX": closed, "UV_NO_CACHE": "1", "UV_HTTP_RETRIES": "0", "UV_NO_CONFIG": "1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "VIRTUAL_ENV"))}
    run = subprocess.run(
        [sys._base_executable, "-m", "redis_helpers", "lab", "--no-browser"],
        cwd=copy,
        env={**kept, **settings, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    assert run.returncode == 1
    assert run.stderr.strip() == (
        "The packages could not be fetched: check the network (or the proxy: HTTPS_PROXY), and start again."
    )
    assert "Making the virtual environment" in run.stdout
