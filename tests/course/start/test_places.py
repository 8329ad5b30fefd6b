"""The commands in places that a course is kept in: a zip without git, an odd folder, somebody else's copy."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from urllib.parse import urlsplit

import pytest

from tests.support.places import can_mount, on_a_read_only_file_system, unzipped_course, without_the_right_to_write
from tests.support.servers import wait_until

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="rights and signals as Unix has them"),
    pytest.mark.xdist_group("places"),  # one copy serves all
]
COMMANDS = {
    "lab": ["lab", "--no-browser", "--port", "0"],
    "test": ["test", "-q", "-n0", "-p", "no:cacheprovider", "tests/test_errors.py"],
    "doctor": ["doctor"],
    "load-test": ["load-test", "--seconds", "2"],
    "redis": ["redis"],
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Unpacked in a folder with a space, accents and brackets."""
    return unzipped_course(tmp_path_factory.mktemp("places") / "Kurs für Zoë (2)")


@pytest.fixture(scope="module")
def settings():
    """Nobody's: no home folder, and nothing of the shell that says where Python or Redis is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "REDIS_", "MYSQL_"))}
    return {**kept, "HOME": "/nonexistent", "PYTHONUNBUFFERED": "1"}


def started(course, settings, arguments, before=()):
    """Starts a command of the course with this Python, which has all packages."""
    return subprocess.Popen(
        [*before, sys.executable, "-m", "redis_helpers", *arguments],
        cwd=course,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


def ran(*arguments, **more):
    """The exit code of a command, and all that it printed."""
    process = started(*arguments, **more)
    printed, _ = process.communicate()
    return process.returncode, printed


def test_the_tests_run_in_an_odd_folder_without_git(course, settings):
    assert not (course / ".git").exists()
    code, printed = ran(course, settings, COMMANDS["test"])
    assert code == 0, printed
    assert re.search(r"\d+ passed", printed)


def test_doctor_is_content_in_an_odd_folder(course, settings):
    code, printed = ran(course, settings, COMMANDS["doctor"])
    assert code == 0, printed
    assert f"Course folder:   OK, {course}" in printed.splitlines()
    assert "yours cannot be used" in printed
    assert printed.endswith("All is well. To start the course: python3 -m redis_helpers lab\n")


def test_lab_starts_and_stops_in_an_odd_folder(course, settings):
    """The address that it prints opens the first notebook, and the home folder that is missing is replaced."""
    lab = started(course, settings, COMMANDS["lab"])
    try:
        url = next(line.split()[-1] for line in lab.stdout if re.search(r"http://127\.0\.0\.1:\d+/\S+token=\w", line))
        assert "/lab/tree/notebooks/00_start_here.ipynb?token=" in url
        assert wait_until(lambda: is_open(urlsplit(url).port))  # it prints its address a little before it listens
        with urllib.request.urlopen(url, timeout=20) as page:
            assert page.status == 200
    finally:
        lab.send_signal(signal.SIGTERM)
        rest, _ = lab.communicate()
    assert "Traceback" not in rest
    assert (course / "data" / "home").is_dir()
    assert (course / "data" / "redis" / "appendonlydir").is_dir()


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def read_only_copy(course, tmp_path_factory):
    """The folder, and what a command begins with to which it is somebody else's."""
    copy = tmp_path_factory.mktemp("others") / "course of Ann"
    shutil.copytree(course, copy, ignore=shutil.ignore_patterns("data"))
    yield copy, without_the_right_to_write(copy)
    copy.chmod(0o755)


def said_of(copy):
    return f"The course's folder {copy} cannot be written by you: copy it into a folder of yours, and start there."


@pytest.mark.parametrize("command", ["lab", "test", "load-test", "redis"])
def test_somebody_elses_copy_is_one_sentence(read_only_copy, settings, command):
    copy, before = read_only_copy
    code, printed = ran(copy, settings, COMMANDS[command], before=before)
    assert (code, printed) == (1, said_of(copy) + "\n")
    assert not (copy / "data").exists()


def test_doctor_names_somebody_elses_copy(read_only_copy, settings):
    copy, before = read_only_copy
    code, printed = ran(copy, settings, COMMANDS["doctor"], before=before)
    assert code == 1
    assert f"Course folder:   {said_of(copy)}" in printed.splitlines()
    assert "Traceback" not in printed
    assert not (copy / "data").exists()


@pytest.mark.skipif(not can_mount(), reason="this user may not mount")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_read_only_file_system_is_one_sentence(course, settings, command):
    """Also for the administrator, whom no rights hold back."""
    code, printed = ran(course, settings, COMMANDS[command], before=on_a_read_only_file_system(course))
    assert code == 1
    assert said_of(course) in printed
    assert "Traceback" not in printed
    if command != "doctor":
        assert printed.count("\n") == 1
