"""Making the environment: what is decided, and what is said when it cannot be made."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from redis_helpers.course.start import environment
from redis_helpers.course.start.installer import CommandFailed, Installer
from redis_helpers.errors import CourseError
from tests.support.course_copy import CourseCopy
from tests.support.servers import wait_until
from tests.support.wheels import wheel_of_installed

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals and process groups as Unix has them")
FETCHED_NOT = "The packages could not be fetched: check the network (or the proxy: HTTPS_PROXY), and start again."


class WentOn(BaseException):
    """Instead of going on as another command."""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course folder without `.venv`, and a log of the commands that would have been run in it."""
    folder = tmp_path / ".venv"
    for name, value in {
        "ROOT": tmp_path,
        "DATA": tmp_path / "data",
        "LOCK": tmp_path / "data" / "set-up.lock",
        "LOG": tmp_path / "data" / "install.log",
        "VENV": folder,
        "VENV_PYTHON": folder / "bin" / "python",
    }.items():
        monkeypatch.setattr(environment, name, value)
    (tmp_path / "requirements.txt").touch()
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "requirements.txt")
    monkeypatch.setattr(environment, "_python_works", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    monkeypatch.setattr(environment, "missing_packages", lambda: {"redis": None})
    for name in [*environment.BENDING, "VIRTUAL_ENV"]:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("PYTHONUTF8", "0")
    commands = []

    def run(title, command, environment_of_it=None):
        commands.append(command)
        environment.VENV_PYTHON.parent.mkdir(parents=True, exist_ok=True)
        environment.VENV_PYTHON.touch()

    def install(self, requirements, anew):
        commands.append(["install", str(self._python), "anew" if anew else "what is missing"])

    def go_on(command):
        raise WentOn(command)

    monkeypatch.setattr(environment, "run_quietly", run)
    monkeypatch.setattr(Installer, "install", install)
    monkeypatch.setattr(environment, "replace_process", go_on)
    monkeypatch.setattr(environment, "commands", commands, raising=False)
    return environment


def made_venv(course, note=None):
    course.VENV_PYTHON.parent.mkdir(parents=True)
    course.VENV_PYTHON.touch()
    (course.VENV / "old").touch()
    if note is not None:
        course._write_note(note)


def goes_on_in_venv(course, arguments=("lab",)):
    with pytest.raises(WentOn) as gone:
        course.ensure_environment(list(arguments))
    (command,) = gone.value.args
    return command == [str(course.VENV_PYTHON), str(course.ROOT / "redis_helpers"), *arguments]


def test_a_venv_is_made_where_none_is(course):
    assert goes_on_in_venv(course)
    assert course.commands == [
        [sys.executable, "-I", "-m", "venv", str(course.VENV)],
        ["install", str(course.VENV_PYTHON), "what is missing"],
    ]
    assert course._read_note() == str(course.ROOT)


def test_an_environment_that_is_complete_is_used_as_it_is(course, monkeypatch):
    """Also one that is not the course's own."""
    monkeypatch.setattr(course, "missing_packages", dict)
    course.ensure_environment(["lab"])
    assert course.commands == []
    assert not course.VENV.exists()


@pytest.mark.parametrize("note", ["a venv made by hand", "a venv made for this folder"])
def test_a_venv_that_works_is_left_alone(course, note):
    made_venv(course, note=str(course.ROOT) if note.endswith("folder") else None)
    assert goes_on_in_venv(course)
    assert course.commands == []
    assert (course.VENV / "old").exists()


@pytest.mark.parametrize("note", [environment.UNFINISHED, "/where/the/folder/was/before"])
def test_an_interrupted_or_moved_venv_is_made_anew(course, note):
    made_venv(course, note)
    assert goes_on_in_venv(course)
    assert len(course.commands) == 2
    assert not (course.VENV / "old").exists()


def test_a_venv_whose_python_does_not_work_is_made_anew(course, monkeypatch):
    made_venv(course)
    monkeypatch.setattr(course, "_python_works", lambda: False)
    assert goes_on_in_venv(course)
    assert len(course.commands) == 2


def test_the_pythons_that_do_not_work(tmp_path, monkeypatch):
    """For real: one works; one is a program that fails; one has lost its place for packages; one is not there."""
    venv.create(tmp_path / "good", symlinks=os.name != "nt")
    works = {}
    for name in ("good", "failing", "without a place", "gone"):
        folder = tmp_path / name
        if name != "good":
            shutil.copytree(tmp_path / "good", folder, symlinks=True)
        python = folder / environment.VENV_PYTHON.relative_to(environment.VENV)
        if name == "failing":
            python.unlink()
            shutil.copy(shutil.which("false"), python)
        if name == "without a place":
            for packages in folder.glob("lib*/python*"):
                shutil.rmtree(packages, ignore_errors=True)
        if name == "gone":
            python.unlink()
        monkeypatch.setattr(environment, "VENV", folder)
        monkeypatch.setattr(environment, "VENV_PYTHON", python)
        works[name] = environment._python_works()
    assert works == {"good": True, "failing": False, "without a place": False, "gone": False}


@pytest.mark.parametrize("what", ["file", "link"])
def test_what_stands_in_the_place_of_the_venv_is_not_deleted(course, what):
    if what == "file":
        course.VENV.write_text("the learner's own")
    else:
        course.VENV.symlink_to("elsewhere")
    with pytest.raises(CourseError, match="move it away"):
        course.ensure_environment(["lab"])
    assert course.VENV.is_symlink() or course.VENV.read_text() == "the learner's own"


def test_a_folder_in_which_no_venv_can_be_made(course, monkeypatch):
    monkeypatch.setattr(course, "ROOT", course.ROOT / f"with{os.pathsep}it")
    course.ROOT.mkdir()
    with pytest.raises(CourseError, match="give the folder a name without it"):
        course.ensure_environment(["lab"])
    assert course.commands == []


def test_without_ensurepip(course, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CourseError, match="apt install python3-venv"):
        course.ensure_environment(["lab"])
    assert not course.VENV.exists()
    monkeypatch.setattr(shutil, "which", lambda name, path=None: "/somewhere/uv")
    assert goes_on_in_venv(course)
    assert course.commands[0][:2] == ["/somewhere/uv", "venv"]
    assert "--seed" in course.commands[0]


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        ("The virtual environment was not created because ensurepip is not available.", "apt install python3-venv"),
        ("something that nobody foresaw", "the reason stands in"),
    ],
)
def test_why_no_venv_could_be_made(course, monkeypatch, log, sentence):
    def fail(title, command):
        raise CommandFailed(log)

    monkeypatch.setattr(course, "run_quietly", fail)
    with pytest.raises(CourseError, match=sentence):
        course.ensure_environment(["lab"])
    assert not course.VENV.exists()


@pytest.fixture
def inside(course, monkeypatch):
    """Inside `.venv`, where everything is installed."""
    made_venv(course, note=str(course.ROOT))
    places = course.VENV / "site-packages"
    places.mkdir()
    monkeypatch.setattr(sys, "prefix", str(course.VENV))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(places))
    monkeypatch.setattr(course, "missing_packages", dict)
    return course


def test_nothing_is_installed_twice(inside):
    inside.ensure_environment(["lab"])
    assert inside.commands == []


def test_what_is_missing_is_installed(inside, monkeypatch):
    found = iter([{"redis": "1.0"}, {"redis": "1.0"}, {}])
    monkeypatch.setattr(inside, "missing_packages", lambda: next(found))
    inside.ensure_environment(["lab"])
    assert inside.commands == [["install", sys.executable, "what is missing"]]
    assert inside._read_note() == str(inside.ROOT)


def test_what_another_command_has_installed_meanwhile_is_not_installed_again(inside, monkeypatch):
    found = iter([{"redis": "1.0"}, {}, {}])
    monkeypatch.setattr(inside, "missing_packages", lambda: next(found))
    inside.ensure_environment(["lab"])
    assert inside.commands == []


def test_an_interrupted_installation_is_done_anew(inside):
    inside._write_note(inside.UNFINISHED)
    inside.ensure_environment(["lab"])
    assert inside.commands == [["install", sys.executable, "anew"]]
    assert inside._read_note() == str(inside.ROOT)


def test_packages_that_are_still_missing_are_named(inside, monkeypatch):
    monkeypatch.setattr(inside, "missing_packages", lambda: {"pandas": None})
    with pytest.raises(CourseError, match="pandas"):
        inside.ensure_environment(["lab"])


@pytest.mark.parametrize("name", environment.BENDING)
def test_a_variable_that_bends_python_is_left_behind(inside, monkeypatch, name):
    """The process that runs is bent already, so it starts again."""
    monkeypatch.setenv(name, "something")
    assert goes_on_in_venv(inside)
    assert name not in os.environ
    inside.ensure_environment(["lab"])


def test_another_active_environment_is_not_handed_on(inside, monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", "/other")
    monkeypatch.setattr(sys, "executable", str(inside.VENV_PYTHON))
    inside.ensure_environment(["lab"])
    assert os.environ["VIRTUAL_ENV"] == str(inside.VENV)
    assert os.environ["PYTHONUTF8"] == "1"
    assert os.environ["PATH"].split(os.pathsep) == [str(inside.VENV_PYTHON.parent), "/usr/bin"]


def test_a_folder_that_cannot_be_written(course, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CourseError, match="cannot be written"):
        course.ensure_environment(["lab"])


def test_a_doctor_goes_into_a_venv_that_works_and_changes_nothing(course, monkeypatch):
    course.enter_environment(["doctor"])
    assert not course.VENV.exists()
    made_venv(course, course.UNFINISHED)
    with pytest.raises(WentOn):
        course.enter_environment(["doctor"])
    monkeypatch.setattr(course, "_python_works", lambda: False)
    course.enter_environment(["doctor"])
    assert course.commands == []
    assert (course.VENV / "old").exists()


@pytest.mark.parametrize("folder", ["course", "Müller (1) & Söhne", "C++ 100%", "a;b#c?d", "日本 🍌", 'it\'s "so"'])
@pytest.mark.parametrize("language", ["C", "C.UTF-8"])
def test_the_course_is_importable_from_everywhere(tmp_path, monkeypatch, folder, language):
    """For real, in an environment without packages, whatever the folder is called and the terminal's encoding is."""
    root = tmp_path / folder
    (root / "redis_helpers").mkdir(parents=True)
    (root / "redis_helpers" / "__init__.py").touch()
    venv.create(tmp_path / "venv", symlinks=os.name != "nt")
    python = tmp_path / "venv" / environment.VENV_PYTHON.relative_to(environment.VENV)
    place = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    monkeypatch.setattr("sysconfig.get_path", lambda name: place)
    monkeypatch.setattr(environment, "ROOT", root)
    environment._make_course_importable()
    settings = {"LC_ALL": language, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    found = subprocess.run(
        [python, "-c", "import redis_helpers; import os; print(os.fsencode(redis_helpers.__file__))"],
        cwd="/",
        env={**os.environ, **settings, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert found.stderr == ""
    assert found.stdout.strip() == repr(os.fsencode(root / "redis_helpers" / "__init__.py"))


def test_other_versions_than_the_pinned_are_missing(monkeypatch):
    pins = environment.pinned_packages()
    assert {"redis", "jupyterlab", "nbmake", "ipykernel"} <= set(pins)
    have = {**pins, "redis": "1.0", "nbmake": None}
    monkeypatch.setattr(environment, "_version", have.get)
    assert environment.missing_packages() == {"redis": "1.0", "nbmake": None}


def small_copy_in(folder):
    """The course, in need of one package, which lies on the disk."""
    copy = CourseCopy(folder / "course")
    (copy.folder / "requirements.txt").write_text(f"packaging=={version('packaging')}\n")
    wheels = folder / "wheels with blanks"
    wheels.mkdir()
    wheel_of_installed("packaging", wheels)
    copy.settings_file = wheels / "pip.conf"
    copy.settings_file.write_text(f"[global]\nno-index = true\nfind-links = {wheels.as_uri()}\n")
    return copy


@pytest.fixture
def small_copy(tmp_path):
    return small_copy_in(tmp_path)


def packages_of(python):
    """Name and version of what a Python has."""
    code = "import importlib.metadata as m; print(sorted((d.name, d.version) for d in m.distributions()))"
    return subprocess.run([python, "-I", "-c", code], cwd="/", check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Three starts in one folder, for real, each of which makes `.venv` anew: that takes seconds.

    The first is killed while it does so, and the second waits for it. The second finds no network. The third finds the
    package, amid settings of pip for other projects, in an active environment of another project.
    """
    folder = tmp_path_factory.mktemp("history")
    copy = small_copy_in(folder)
    seen = SimpleNamespace(folder=folder, copy=copy)
    if os.name == "nt":
        seen.without_network = copy.run("test", "--version")
    else:
        first = copy.start("test", "--version")
        assert wait_until(lambda: (copy.venv / "pyvenv.cfg").exists(), 60)
        seen.note_meanwhile = (copy.venv / environment.NOTE).read_text()
        second = copy.start("test", "--version")
        seen.waiting = second.stdout.readline()
        seen.at_work = processes_in(copy.folder, of=first.pid)
        first.kill()
        first.communicate()
        seen.they_ended = wait_until(lambda: not seen.at_work & processes_in(copy.folder, of=first.pid), 10)
        printed, _ = second.communicate()
        seen.without_network = second.returncode, printed

    venv.create(folder / "other", symlinks=os.name != "nt")
    seen.other = folder / "other" / environment.VENV_PYTHON.relative_to(environment.VENV)
    seen.packages_before = packages_of(seen.other)
    with copy.settings_file.open("a") as settings_file:
        settings_file.write(f"user = true\nconstraint = /nowhere\n[install]\nprefix = {folder / 'prefix'}\n")
    hostile = {
        "PIP_CONFIG_FILE": str(copy.settings_file),
        "PIP_USER": "1",
        "PIP_TARGET": str(folder / "target"),
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_PYTHON": "/nowhere",
        "PIP_QUIET": "2",
        "PIP_NO_BINARY": ":all:",
        "PIP_DRY_RUN": "1",
        "VIRTUAL_ENV": str(folder / "other"),
    }
    _, seen.amid_other_settings = copy.run("test", "--version", python=seen.other, **hostile)
    return seen


in_one_folder = pytest.mark.xdist_group("set-up")


@in_one_folder
@posix_only
def test_a_killed_set_up_leaves_nothing_running_and_the_one_that_waits_begins_anew(history):
    """After kill -9 in the middle of making `.venv`."""
    assert history.note_meanwhile == environment.UNFINISHED
    assert "waiting for it" in history.waiting
    assert history.at_work
    assert history.they_ended
    assert "Making the virtual environment" in history.without_network[1]


@in_one_folder
def test_no_network(history):
    """The environment is made, and nothing answers where the packages should be."""
    code, printed = history.without_network
    assert code == 1
    first, *_, last = printed.splitlines()
    assert first.startswith("Making the virtual environment")
    assert last == FETCHED_NOT


@in_one_folder
def test_settings_of_pip_for_other_projects_and_another_environment_do_no_harm(history):
    """An active environment of another project stays as it is, and `.venv` is made beside the README."""
    copy = history.copy
    *_, last = history.amid_other_settings.splitlines()
    assert "Making the virtual environment" in history.amid_other_settings
    assert "No module named pytest" in last  # it is none of this copy's packages
    assert packages_of(history.other) == history.packages_before
    assert not (history.folder / "target").exists()
    assert not (history.folder / "prefix").exists()

    python = copy.venv / environment.VENV_PYTHON.relative_to(environment.VENV)
    assert f"('packaging', '{version('packaging')}')" in packages_of(python)
    found = subprocess.run(
        [python, "-I", "-c", "import redis_helpers; print(redis_helpers.__file__)"],
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == str(copy.folder / "redis_helpers" / "__init__.py")
    assert (copy.venv / environment.NOTE).read_text() == str(copy.folder)
    assert not (copy.venv / "installer").exists()


@contextlib.contextmanager
def obeyed(end):
    """What is started meanwhile obeys this signal, also where these tests do not: below nohup they pass over SIGHUP."""
    before = signal.signal(end, signal.default_int_handler if end == signal.SIGINT else signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(end, before)


@posix_only
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_set_up_leaves_nothing_running(small_copy, end):
    """Ctrl-C, and a closed terminal. On a busy machine the set-up may come to its end before the signal: then again."""
    for _ in range(5):
        shutil.rmtree(small_copy.venv, ignore_errors=True)
        with obeyed(end):
            process = small_copy.start("test", "--version", PIP_CONFIG_FILE=str(small_copy.settings_file))
        assert wait_until(lambda: (small_copy.venv / "pyvenv.cfg").exists(), 60)
        process.send_signal(end)
        printed, _ = process.communicate()
        if "No module named pytest" not in printed:
            break
    assert process.returncode == (130 if end == signal.SIGINT else -end)
    assert "Traceback" not in printed
    assert wait_until(lambda: not processes_in(small_copy.folder, of=process.pid), 10)


def processes_in(folder: Path, of: int) -> set[int]:
    """The processes, without the starting one, that make `.venv` in this folder."""
    every_letter = {**os.environ, "LC_ALL": "C.UTF-8"}  # ps shows the letters of its language only
    command = ["ps", "-A", "-ww", "-o", "pid=", "-o", "args="]
    listed = subprocess.run(command, env=every_letter, stdout=subprocess.PIPE, encoding="utf-8").stdout
    return {int(line.split()[0]) for line in listed.splitlines() if str(folder / ".venv") in line} - {of}
