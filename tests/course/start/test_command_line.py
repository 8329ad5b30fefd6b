"""`python3 -m redis_helpers …`: what it prints, what it refuses, and what it leaves behind."""

import ast
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
import redis

from redis_helpers.course.exercises import progress_file
from redis_helpers.course.exercises.catalog import exercises
from redis_helpers.course.start import command_line, doctor, lab
from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError
from tests.support.jupyter import names_in_root_folder, run_in_kernel
from tests.support.servers import free_port, wait_until

# The command line as it is, but in the environment that runs the tests, with a data folder of the test's own, and blind
# to a `.env` beside the README.
START = """
import pathlib, sys
from redis_helpers.course.start import command_line, lab
command_line.ensure_environment = lambda arguments: None
command_line.ROOT = pathlib.Path(sys.argv[1])
lab.DATA_FOLDER = command_line.ROOT / "redis"
lab.JUPYTER_FOLDER = command_line.ROOT / "jupyter"
if sys.argv[2]:  # instead of JupyterLab
    lab._become_jupyterlab = lambda arguments: lab.replace_process([sys.executable, "-c", sys.argv[2]])
sys.exit(command_line.main(sys.argv[3:]))
"""
COUNT = """
import os, redis, time
print("visits:", redis.Redis.from_url(os.environ["REDIS_URL"]).incr("visits"))
time.sleep(60)
"""
START_SETTINGS = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
posix_only = pytest.mark.skipif(os.name == "nt", reason="there is no embedded Redis for Windows")


@pytest.fixture
def start(tmp_path):
    """Starts a command in a process of its own."""
    (tmp_path / ".env").touch()
    started = []

    def start(*arguments, program="", **settings):
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(tmp_path), program, *arguments],
            cwd=tmp_path,
            env={**os.environ, **START_SETTINGS, "JUPYTER_RUNTIME_DIR": str(tmp_path), **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def no_set_up(monkeypatch, tmp_path):
    (tmp_path / ".env").touch()
    monkeypatch.setattr(command_line, "ROOT", tmp_path)
    monkeypatch.setattr(command_line, "ensure_environment", lambda arguments: None)
    monkeypatch.setattr(command_line, "enter_environment", lambda arguments: None)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-h"],
        ["--help"],
        ["lab", "--help"],
        ["test", "-h"],
        ["doctor", "--help"],
        ["redis", "-h"],
        ["load-test", "-h"],
    ],
    ids=" ".join,
)
def test_help_sets_nothing_up(arguments, monkeypatch, capsys):
    monkeypatch.setattr(command_line, "ensure_environment", lambda arguments: pytest.fail("set up for a help text"))
    with pytest.raises(SystemExit) as end:
        command_line.main(arguments)
    assert end.value.code == 0
    assert f"usage: python3 -m redis_helpers {' '.join(arguments[:-1])}".strip() in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["--port", "8890"],
        ["doctor", "more"],
        ["redis", "--port", "1"],
        ["load-test", "--seconds", "1"],
        ["load-test", "--customers", "many"],
    ],
)
def test_what_cannot_be_understood_is_said_on_standard_error(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        command_line.main(arguments)
    assert end.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["-x", "-k", "leaderboard or lock", "tests/test_settings.py", "-n0", "--", "-weird"],
        ["tests", "--help"],
        ["--", "--help"],
        ["--version"],
        ["-q", "-q", "--co"],
        [],
    ],
)
def test_arguments_for_pytest_go_through_untouched(arguments, no_set_up, monkeypatch):
    became = []
    monkeypatch.setattr(command_line, "replace_process", lambda command: became.append(command) or 0)
    command_line.main(["test", *arguments])
    assert became == [[sys.executable, "-m", "pytest", *arguments]]


def test_a_reader_that_goes_away_is_no_full_disk(tmp_path):
    """As in `doctor | head -1`: nothing is said, and the exit code is the shell's for it."""
    program = "import sys; from redis_helpers.course.start import command_line; sys.exit(command_line.main(['doctor']))"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == command_line.BROKEN_PIPE


@pytest.mark.parametrize("language", ["C", "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"])
def test_every_terminal_can_show_what_is_printed(tmp_path, language):
    """On one that knows ASCII only, a question mark stands for what it does not know."""
    program = (
        "import sys; from redis_helpers.course.start import command_line as c, installer;"
        "c._print_on_every_terminal(); installer.run_quietly('\\u2588 Making \\u2705', [sys.executable, '-c', ''])"
    )
    ran = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", program],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LC_ALL": language,
            "PYTHONCOERCECLOCALE": "0",
            "PYTHONIOENCODING": "",
        },
        capture_output=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.decode("ascii" if language == "C" else "utf-8").startswith(
        "? Mak" if language == "C" else "█ Mak"
    )


def test_a_closed_terminal_is_no_error(tmp_path):
    program = "from redis_helpers.course.start import command_line; command_line._print_on_every_terminal(); print('x')"
    shell = f'exec "{sys.executable}" -c "{program}" >&- 2>&-'
    ran = subprocess.run(["sh", "-c", shell], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert ran.returncode == 0


@pytest.mark.parametrize("problem", [CourseError("What to do."), PermissionError(13, "Permission denied", "/x")])
def test_what_goes_wrong_is_one_sentence(problem, monkeypatch, capsys):
    def fail(arguments):
        raise problem

    monkeypatch.setattr(command_line, "ensure_environment", fail)
    assert command_line.main(["lab"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert str(problem) in printed.err


def test_an_old_python_is_told_so():
    """Pythons that know neither f-strings nor annotations must be able to read the first two files."""
    for name in ("__init__.py", "__main__.py"):
        source = (ROOT / "redis_helpers" / name).read_bytes()
        assert source.isascii()
        assert not any(isinstance(node, ast.JoinedStr) for node in ast.walk(ast.parse(source, feature_version=(3, 4))))
    script = "import runpy, sys; sys.version_info = (3, 8, 1); runpy.run_module('redis_helpers', run_name='__main__')"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("This course needs Python 3.11 or newer")
    assert "Traceback" not in run.stderr


def test_from_the_folder_of_the_notebooks():
    """A module of the package's name is there, so that the lessons find the package."""
    command = [sys.executable, "-m", "redis_helpers", "doctor", "--help"]
    asked = subprocess.run(command, cwd=ROOT / "notebooks", capture_output=True, text=True)
    assert asked.returncode == 0
    assert asked.stdout.startswith("usage: python3 -m redis_helpers doctor"), asked


def test_doctor_needs_no_packages(tmp_path):
    """Before anything is installed there is nothing but the standard library."""
    look = "from redis_helpers.course.start.doctor import run_doctor; run_doctor()"
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {look}"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", script], cwd=tmp_path, capture_output=True, encoding="utf-8"
    )
    assert run.stderr == ""
    lines = run.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "Python",
        "Course folder",
        "Packages",
        "Home folder",
        "Your files",
        "Redis",
        "Market database",
        "MySQL",
        "Docker",
        "Do what the lines without OK say. Then run this again",
    ]
    assert "run `python3 -m redis_helpers lab`" in lines[2]
    assert "before the packages are installed" in lines[5]


def test_doctor_says_what_to_do(monkeypatch, capsys, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        monkeypatch.setenv("REDIS_URL", f"redis://:secret-word@127.0.0.1:{nobody.getsockname()[1]}/0")
        assert doctor.run_doctor() == 1
    printed = capsys.readouterr().out
    assert "connection refused" in printed
    assert "secret-word" not in printed


def test_doctor_with_a_broken_env_file(capsys, tmp_path):
    (tmp_path / ".env").write_text("REDIS_PASSWORD secret-word\n")
    os.chdir(tmp_path)  # the shared fixture goes back
    assert doctor.run_doctor() == 1
    printed = capsys.readouterr().out
    assert "Line 1 of" in printed
    assert "secret-word" not in printed


def test_doctor_survives_what_nobody_foresaw(monkeypatch, capsys):
    def fail():
        raise RuntimeError("surprise")

    monkeypatch.setattr(doctor, "_docker", fail)
    assert doctor.run_doctor() == 1
    assert "cannot be checked (RuntimeError: surprise)" in capsys.readouterr().out


def test_doctor_changes_nothing(monkeypatch, capsys, tmp_path):
    half_built = tmp_path / "market.sqlite3"
    half_built.touch()
    monkeypatch.setattr("redis_helpers.market.build_sqlite.DATABASE", half_built)
    doctor.run_doctor()
    assert "half built" in capsys.readouterr().out
    assert half_built.stat().st_size == 0


@pytest.mark.parametrize("arguments", [["--port", "eighty"], ["--port"], ["--port=70000"]])
def test_a_port_that_is_none(arguments, no_set_up, capsys):
    assert command_line.main(["lab", *arguments]) == 1
    assert "--port needs a number" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["--port {}", "--port={}"])
def test_a_busy_port(form, no_set_up, capsys):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        assert command_line.main(["lab", "--no-browser", *form.format(busy.getsockname()[1]).split()]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "choose another" in printed.err


def test_lab_wants_the_configured_redis(no_set_up, monkeypatch, capsys):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("REDIS_HOST", "127.0.0.1")
        monkeypatch.setenv("REDIS_PORT", str(nobody.getsockname()[1]))
        assert command_line.main(["lab", "--no-browser"]) == 1
    assert "connection refused" in capsys.readouterr().err


def test_lab_uses_the_configured_redis(monkeypatch, server, capsys):
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.setattr(lab, "replace_process", lambda command: (_ for _ in ()).throw(SystemExit(command)))
    monkeypatch.setattr(lab, "_set_up_jupyter", lambda: None)
    with pytest.raises(SystemExit) as became:
        lab.run_lab(["--no-browser", "--port", "0"])
    command = became.value.code
    assert command[1:5] == ["-P", "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}"]
    assert command[6:9] == ["--no-browser", "--port", "0"]
    assert "notebooks/00_start_here.ipynb" in command
    assert not any("token" in argument or "password" in argument for argument in command)
    printed = capsys.readouterr().out
    assert "as configured" in printed
    assert server.password not in printed


@pytest.fixture
def opened(monkeypatch, server, capsys):
    """Starts `lab`, and gives the arguments that JupyterLab would get, and the line that says what is opened."""
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.setattr(lab, "replace_process", lambda command: (_ for _ in ()).throw(SystemExit(command)))
    monkeypatch.setattr(lab, "_set_up_jupyter", lambda: None)

    def opened(*arguments):
        with pytest.raises(SystemExit) as became:
            lab.run_lab(list(arguments))
        command = became.value.code
        first, *others = command[command.index(f"--ServerApp.root_dir={ROOT}") + 1 :]
        assert first == f"--LabApp.default_url=/lab/tree/{next(one for one in others if one.endswith('.ipynb'))}"
        printed = capsys.readouterr().out
        assert printed.endswith(lab.HOW_TO_USE + "\n")
        return others, printed.removesuffix(lab.HOW_TO_USE + "\n").splitlines()[-1]

    return opened


def finish(last):
    """Writes down that every exercise up to this lesson is passed."""
    passed = [name for name, exercise in exercises().items() if int(exercise.lesson) <= last]
    progress_file.progress_path().write_text(json.dumps({"passed": dict.fromkeys(passed, "2026-11-20")}))


class TestWhichLessonIsOpened:
    def test_the_first_one_at_first(self, opened):
        command, line = opened("--no-browser")
        assert command[:2] == ["--no-browser", "notebooks/00_start_here.ipynb"]
        assert line == "Opening 00_start_here."

    def test_the_first_that_is_not_finished(self, opened):
        finish(3)
        command, line = opened()
        assert command[0] == "notebooks/04_keys_and_round_trips.ipynb"
        assert line == "You have finished 00 to 03: opening 04_keys_and_round_trips."

    def test_when_all_are_finished(self, opened):
        finish(99)
        command, line = opened()
        assert command[0] == "notebooks/00_start_here.ipynb"
        assert line.startswith("You have finished all 27 lessons: opening 00_start_here.")

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"passed": 3}', "\udcff"])
    def test_a_broken_file_stops_nothing(self, content, opened):
        progress_file.progress_path().write_text(content, errors="surrogateescape")
        command, line = opened()
        assert command[0] == "notebooks/00_start_here.ipynb"
        assert "does not hold what the course wrote there" in line and line.endswith(" Opening 00_start_here.")

    def test_a_file_of_a_newer_course(self, opened):
        newer = {"passed": {"0.1": {"at": 1}, "0.2": 2, "0.3": None}, "left_out": ["1.1"], "review": 3, "more": [4]}
        progress_file.progress_path().write_text(json.dumps(newer))
        assert opened()[1] == "You have finished 00: opening 01_basics."

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--start", "07"],
            ["--start", "7"],
            ["--start=7"],
            ["--start", "07_fresh_or_stale"],
            ["--start", "07_fresh_or_stale.ipynb"],
            ["--start=notebooks/07_fresh_or_stale.ipynb"],
        ],
    )
    def test_another_one_is_asked_for(self, arguments, opened):
        finish(3)
        command, line = opened("--no-browser", *arguments, "--LabApp.collaborative=False")
        expected = ["--no-browser", "--LabApp.collaborative=False", "notebooks/07_fresh_or_stale.ipynb"]
        assert command[:3] == expected
        assert line == "Opening 07_fresh_or_stale."

    @pytest.mark.parametrize("lesson", ["99", "08_fresh_or_stale", "07_fresh", "", "seven", "../07", "07 ", "-1", "٧"])
    def test_one_that_does_not_exist(self, lesson, no_set_up, capsys):
        assert command_line.main(["lab", f"--start={lesson}"]) == 1
        printed = capsys.readouterr()
        sentence = (
            "--start needs a lesson, such as --start 07: there are 00, 01, 02, 03, 04, 05, 06, 07, 08, 09, 10, "
            "11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 30, 31, 33, 34, 40, 41.\n"
        )
        assert (printed.out, printed.err) == ("", sentence)

    def test_no_lesson_behind_it(self, no_set_up, capsys):
        assert command_line.main(["lab", "--start"]) == 1
        assert "--start needs a lesson" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "token", "chosen"),
    [
        ([], "", ["--log-level=WARN"]),
        (["--debugger=no", "--port", "0"], "", ["--log-level=WARN"]),
        (["--log-level=INFO"], "", ["--log-level=INFO"]),
        (["--log-level", "10"], "", ["--log-level", "10"]),
        (["--ServerApp.log_level=10"], "", ["--ServerApp.log_level=10"]),
        (["--debug"], "", ["--debug"]),
        ([], "my-own", []),  # the address would not be printed
    ],
)
def test_jupyterlab_prints_little_unless_the_learner_says_how_much(arguments, token, chosen, opened, monkeypatch):
    monkeypatch.setenv("JUPYTER_TOKEN", token)
    command, _ = opened(*arguments)
    levels = [one for one in command if one == "--debug" or "level" in one or one == "10"]
    assert levels == chosen


@posix_only
def test_lab_for_real(start, tmp_path):
    """JupyterLab answers those who have its token; a second lab is refused; kill -9 leaves no server."""
    finish(3)
    first = start("lab", "--no-browser", "--port", str(free_port()))
    port = int(re.match(r"Redis: (?:Redis|Valkey) [\d.]+, embedded, port (\d+)", first.stdout.readline()).group(1))
    assert first.stdout.readline() == "You have finished 00 to 03: opening 04_keys_and_round_trips.\n"
    assert "".join(first.stdout.readline() for _ in range(5)) == lab.HOW_TO_USE + "\n"
    second = start("lab", "--no-browser")  # waits for the folder while JupyterLab starts
    printed = []
    while not printed or not re.search(r"http://127\.0\.0\.1:\d+/\S+token=\w", printed[-1]):
        printed.append(first.stdout.readline())
    assert len(printed) <= 13, "the address is to be found among few lines"
    url = printed[-1].split()[-1]
    assert urlsplit(url).path == "/lab/tree/notebooks/04_keys_and_round_trips.ipynb"
    assert wait_until(lambda: is_open(urlsplit(url).port))  # JupyterLab prints its address a little before it listens
    with urllib.request.urlopen(url, timeout=20) as page:
        assert page.status == 200
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(re.sub(r"/(lab|tree|doc).*", "/api/contents", url), timeout=20)
    assert second.stdout.read().startswith("Another embedded Redis uses the folder")
    assert second.wait() == 1

    first.kill()
    assert wait_until(lambda: not is_open(port), 20)


@posix_only
def test_lab_heeds_no_settings_of_jupyter_that_are_for_other_work(start, tmp_path):
    """A root folder, a port, a password, a file with an error, another kernel of that name, folders that cannot be."""
    home = tmp_path / "home"
    settings = home / ".jupyter"
    kernel = home / "share" / "kernels" / "python3"
    for folder in (settings, kernel):
        folder.mkdir(parents=True)
    other = {"ServerApp": {"root_dir": "/elsewhere", "port": 1}, "PasswordIdentityProvider": {"hashed_password": "x"}}
    (settings / "jupyter_server_config.json").write_text(json.dumps(other))
    (settings / "jupyter_lab_config.py").write_text("this is no Python (")
    (kernel / "kernel.json").write_text('{"argv": ["false"], "display_name": "Other", "language": "python"}')
    hostile = {"JUPYTER_CONFIG_DIR": settings, "JUPYTER_CONFIG_PATH": settings, "JUPYTER_PATH": home / "share"}
    hostile |= {"JUPYTER_PREFER_ENV_PATH": "0", "JUPYTER_NO_CONFIG": "1", "JUPYTERLAB_DIR": home / "no application"}
    hostile |= {"JUPYTER_RUNTIME_DIR": "/proc/runtime", "JUPYTER_DATA_DIR": "/proc/data", "IPYTHONDIR": "/proc/ipython"}
    lab = start("lab", "--no-browser", "--port", "0", HOME=str(home), **{name: str(to) for name, to in hostile.items()})
    url = next(line.split()[-1] for line in lab.stdout if re.search(r"http://127\.0\.0\.1:\d+/\S+token=\w", line))
    assert wait_until(lambda: is_open(urlsplit(url).port))
    assert {"notebooks", "README.md"} <= names_in_root_folder(url)
    code = "import sys, redis_helpers.connection as c; print(sys.prefix, c.RedisConnectionHandle().connect().ping())"
    assert run_in_kernel(url, code) == f"{sys.prefix} True\n"
    assert (settings / "jupyter_lab_config.py").read_text() == "this is no Python ("


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@posix_only
def test_the_learners_data_are_there_again(start):
    """Also after kill -9, and for a lab that is started right after it."""
    for visits in (1, 2, 3):
        process = start("lab", program=COUNT)
        assert process.stdout.readline().startswith("Redis: ")
        assert process.stdout.readline() == "Opening 00_start_here.\n"
        assert process.stdout.readline() == f"visits: {visits}\n"
        process.kill()


@posix_only
@pytest.mark.parametrize("end", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_redis_runs_until_it_is_stopped(start, end):
    process = start("redis")
    url = process.stdout.readline().strip()
    with redis.Redis.from_url(url) as client:
        assert client.ping()
    process.send_signal(getattr(signal, end))
    assert process.wait(30) == (-signal.SIGKILL if end == "SIGKILL" else 0)
    assert wait_until(lambda: not is_open(urlsplit(url).port), 20)
    assert "Traceback" not in process.stdout.read()


@posix_only
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="processes are looked for in /proc")
@pytest.mark.parametrize("end", ["SIGINT", "SIGTERM"])
def test_a_load_test_that_is_stopped_leaves_nothing_running(start, end):
    process = start("load-test", "--seconds", "60", "--customers", "4")
    assert process.stdout.readline().endswith("the queue's primary is killed.\n")
    assert process.stdout.readline().startswith("4 customers shop for 60 seconds")
    started = descendants(process.pid)
    assert len(started) >= 12, "six nodes, and a guard of each"
    process.send_signal(getattr(signal, end))
    assert process.wait(60) == 130
    assert "Traceback" not in process.stdout.read()
    assert wait_until(lambda: not any(is_running(pid) for pid in started), 20)


def descendants(pid):
    """The processes that this one has started, and those that they have started."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        children = [int(child) for child in file.read().split()]
    return children + [found for child in children for found in descendants(child)]


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_load_test_without_its_server_is_one_sentence(no_set_up, monkeypatch, capsys):
    monkeypatch.setenv("REDIS_URL", "redis://:secret-word@127.0.0.1:1/0")
    assert command_line.main(["load-test", "--seconds", "2"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "connection refused" in printed.err and "secret-word" not in printed.err


def test_nothing_that_only_unix_has_is_needed_at_import(tmp_path):
    """On Windows the course runs with a Redis of Docker Compose. What others import is imported before the pretence."""
    (tmp_path / ".env").touch()
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", WINDOWS], cwd=tmp_path, env=path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert [line.split(": ")[0] for line in run.stdout.splitlines()] == ["a notebook", "lab", "redis", "load-test"]
    for line in run.stdout.splitlines():
        assert "docs/windows.md shows the way into WSL" in line and "docker compose up -d" in line
    assert (ROOT / "docs" / "windows.md").exists()


WINDOWS = """
import importlib, os, pkgutil, signal, sys
import dotenv, flask, IPython.display, matplotlib.pyplot, packaging.requirements, pandas, redis, sqlite3
for name in ("fcntl", "grp", "posix", "pwd", "resource", "termios"):
    sys.modules[name] = None
for module, names in {os: ["fork", "geteuid", "killpg", "register_at_fork"], signal: ["pause", "SIGKILL"]}.items():
    for name in names:
        delattr(module, name)
sys.platform = "win32"
import redis_helpers
for found in pkgutil.walk_packages(redis_helpers.__path__, "redis_helpers."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.shop.load_test import run_load_test
from redis_helpers.course.start.lab import run_lab
from redis_helpers.course.start.redis_server import run_redis
from redis_helpers.errors import CourseError
starts = {
    "a notebook": RedisConnectionHandle().connect,
    "lab": lambda: run_lab(["--no-browser"]),
    "redis": run_redis,
    "load-test": lambda: run_load_test(2, 1, 1),
}
for name, start in starts.items():
    try:
        start()
    except CourseError as problem:
        print(name, problem, sep=": ")
"""
