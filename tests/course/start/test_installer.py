"""Installing with uv or pip: whose settings count, what is said when it fails, and that nothing goes on running."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from redis_helpers.course.start import installer
from redis_helpers.errors import CourseError
from tests.support.servers import wait_until

REQUIREMENTS = Path("/course/requirements.txt")


@pytest.fixture
def commands(monkeypatch):
    """The commands that would have been run; none of them fails, unless a test puts its program into `failing`."""
    ran = []
    ran_failing = set()

    def run(title, command, environment=None):
        ran.append(command)
        if command[0] in ran_failing:
            raise installer.CommandFailed("some reason")

    monkeypatch.setattr(installer, "run_quietly", run)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    ran_by = {"commands": ran, "failing": ran_failing}
    return ran_by


@pytest.fixture
def pip(tmp_path):
    """An installer for this Python."""
    return installer.Installer(Path(sys.executable), tmp_path / "scratch", tmp_path / "data" / "install.log")


def test_without_uv_it_is_fetched_and_otherwise_pip_installs(commands, pip):
    pip.install(REQUIREMENTS, anew=False)
    fetch, install = commands["commands"]
    assert fetch[-1].startswith("uv==")
    assert "--target" in fetch
    assert install == [*pip._pip("-r"), str(REQUIREMENTS)]


def test_uv_installs_where_it_is(commands, pip, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name, path=None: "/somewhere/uv")
    pip.install(REQUIREMENTS, anew=True)
    (command,) = commands["commands"]
    assert command[:4] == ["/somewhere/uv", "pip", "install", "--compile-bytecode"]
    assert command[4:] == ["--python", sys.executable, "--reinstall", "-r", str(REQUIREMENTS)]


def test_pip_installs_where_uv_fails(commands, pip, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name, path=None: "/somewhere/uv")
    commands["failing"].add("/somewhere/uv")
    pip.install(REQUIREMENTS, anew=True)
    assert [command[0] for command in commands["commands"]] == ["/somewhere/uv", sys.executable]
    assert "--force-reinstall" in commands["commands"][-1]


def test_where_packages_come_from_is_kept_of_the_settings_of_pip_and_nothing_else():
    """As `pip config list` prints them: the environment wins over [install], and that one over [global]."""
    listed = "\n".join(
        [
            ":env:.index-url='https://me:secret@env.example/simple'",
            ":env:.user='1'",
            ":env:.target='/elsewhere'",
            "download.index-url='https://download.example/simple'",
            "global.constraint='/constraints.txt'",
            "global.index-url='https://global.example/simple'",
            "global.proxy='http://proxy.example:3128'",
            "global.trusted-host='a.example\\nb.example'",
            "install.index-url='https://install.example/simple'",
            "install.no-binary=':all:'",
            "install.retries='7'",
        ]
    )
    settings = installer.settings_for_pip({"PATH": "/bin", "PIP_USER": "1", "HTTPS_PROXY": "http://p.example"}, listed)
    assert settings == {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://p.example",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "https://me:secret@env.example/simple",
        "PIP_PROXY": "http://proxy.example:3128",
        "PIP_RETRIES": "7",
        "PIP_TRUSTED_HOST": "a.example\nb.example",
    }


def test_where_packages_come_from_is_kept_of_the_settings_of_uv_and_nothing_else():
    kept = {
        "UV_DEFAULT_INDEX": "https://example/simple",
        "UV_INDEX": "https://example/more",
        "UV_INDEX_MINE_PASSWORD": "secret",
        "UV_CACHE_DIR": "/cache",
        "UV_HTTP_TIMEOUT": "60",
        "PATH": "/bin",
        "PIP_USER": "1",
    }
    left = {"UV_CONSTRAINT": "/c", "UV_RESOLUTION": "lowest", "UV_SYSTEM_PYTHON": "1", "UV_PYTHON": "3.9"}
    left |= {"UV_EXCLUDE_NEWER": "2020-01-01", "UV_NO_BINARY": "1", "UV_REQUIRE_HASHES": "1", "UV_TARGET": "/t"}
    assert installer.settings_for_uv({**kept, **left}) == kept


@pytest.mark.parametrize("name", ["PIP_USER", "PIP_GLOBAL", "PIP_SITE", "PIP_QUIET", "PIP_PYTHON"])
def test_pip_lists_its_settings_whatever_these_are(pip, monkeypatch, tmp_path, name):
    """For real. Some settings are options of `pip config list` itself, and hide others from it."""
    settings_file = tmp_path / "pip.conf"
    settings_file.write_text("[global]\nindex-url = https://mine.example/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings_file))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv(name, "1" if name != "PIP_PYTHON" else "/nowhere")
    settings = pip._pip_settings()
    assert settings["PIP_INDEX_URL"] == "https://mine.example/simple"
    assert name not in settings


@pytest.mark.parametrize("text", [b"this is no [section", b"[global]\n\xff", b"[global]\nuser = true\nuser = false\n"])
def test_a_settings_file_that_pip_cannot_read_is_named(pip, monkeypatch, tmp_path, text):
    settings_file = tmp_path / "my pip.conf"
    settings_file.write_bytes(text)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings_file))
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    with pytest.raises(CourseError) as problem:
        pip.install(REQUIREMENTS, anew=False)
    assert str(problem.value) == f"pip cannot read {settings_file}: mend it or move it away, and start again."


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        ("error: Could not connect: Connection refused (os error 111)", "check the network"),
        ("ERROR: Could not find a version that satisfies redis (from versions: none)", "check the network"),
        ("Temporary failure in name resolution", "check the network"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("Could not install packages: [Errno 13] Permission denied: '/usr/lib'", "check the permissions"),
        ("something that nobody foresaw", "the reason stands in"),
    ],
)
def test_why_packages_were_not_installed(pip, tmp_path, log, sentence):
    said = pip._why_not_installed(log)
    assert sentence in said
    assert "\n" not in said
    kept = tmp_path / "data" / "install.log"
    assert (kept.read_text(encoding="utf-8") == log) if "reason stands" in sentence else not kept.exists()


def test_a_long_command_shows_that_it_is_alive(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    installer.run_quietly("Waiting", [sys.executable, "-c", "import time; time.sleep(1.2)"])
    assert "\rWaiting … 1 s" in capsys.readouterr().out


def test_a_command_that_fails_keeps_its_words():
    with pytest.raises(installer.CommandFailed) as failure:
        installer.run_quietly("Failing", [sys.executable, "-c", "import sys; sys.exit('what it said')"])
    assert failure.value.log.strip() == "what it said"
    with pytest.raises(installer.CommandFailed, match="No such file"):
        installer.run_quietly("Failing", ["/no/such/program"])


def test_a_command_gets_the_environment_that_it_is_given():
    look = [sys.executable, "-c", "import os, sys; sys.exit('A' not in os.environ)"]
    installer.run_quietly("Looking", look, {"A": "1"})
    with pytest.raises(installer.CommandFailed):
        installer.run_quietly("Looking", look, {})


@pytest.mark.skipif(os.name == "nt", reason="process groups as Unix has them")
def test_a_command_ends_with_its_caller_and_so_does_what_it_has_started(tmp_path):
    """After kill -9, too. The command starts a program of its own, as pip does when it builds a package."""
    deep = (
        f"import os, time; print(os.getpid(), file=open({str(tmp_path / 'deep')!r}, 'w'), flush=True); time.sleep(60)"
    )
    command = f"import subprocess, sys; subprocess.call([sys.executable, '-c', {deep!r}])"
    caller = (
        "import sys; from redis_helpers.course.start import installer; installer.run_quietly('Running', sys.argv[1:])"
    )
    process = subprocess.Popen([sys.executable, "-c", caller, sys.executable, "-c", command], stdout=subprocess.DEVNULL)
    assert wait_until(lambda: (tmp_path / "deep").exists() and (tmp_path / "deep").read_text().endswith("\n"))
    pid = int((tmp_path / "deep").read_text())
    os.kill(pid, 0)
    process.kill()
    process.wait()
    assert wait_until(lambda: not runs(pid))


def runs(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], stdout=subprocess.PIPE, text=True).stdout
        return bool(state.strip()) and not state.startswith("Z")
    return False
