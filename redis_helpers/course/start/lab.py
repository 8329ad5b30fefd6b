"""`lab`: JupyterLab, with the embedded server beside it."""

import argparse
import os
import re
import socket
import sys
from pathlib import Path
from typing import NoReturn

from redis_helpers.connection import RedisConnectionHandle, connect_options
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises import progress_file
from redis_helpers.course.exercises.course_map import finished, first_open, listed, notebooks
from redis_helpers.course.start.codespaces import settings_for_codespaces
from redis_helpers.course.start.environment import DATA, ROOT, in_course_environment, replace_process
from redis_helpers.course.start.hiding_files import refuse_hiding_files
from redis_helpers.course.start.home_folder import can_be_written
from redis_helpers.errors import CourseError
from redis_helpers.server import server_name
from redis_helpers.settings import LAB_REDIS

JUPYTERLABS_PORT = 8888  # or the next that is free
DATA_FOLDER = DATA / "redis"
JUPYTER_FOLDER = DATA / "jupyter"
HOW_TO_USE = """
JupyterLab starts now, and your browser opens the lesson.
If no browser opens, copy the address with http://localhost into one.
When you are done: Ctrl-C here, then y. The same command brings you back.
"""
NO_LANGUAGE_SERVERS = "--LanguageServerManager.autodetect=False"  # it would list two dozen that are not installed
# Variables that lead Jupyter to settings, kernels and programs of other projects.
OTHER_PLACES = ("JUPYTER_CONFIG_PATH", "JUPYTER_NO_CONFIG", "JUPYTER_PATH", "JUPYTER_PREFER_ENV_PATH", "JUPYTERLAB_DIR")


def run_lab(arguments: list[str]) -> NoReturn:
    """Becomes JupyterLab, with the configured Redis or with an embedded one whose data is there again tomorrow.

    It opens the first lesson that is not finished, or that of `--start`. The other arguments are for JupyterLab.

    Raises CourseError when Redis cannot be reached, a `--port` is taken, there is no such lesson, or a file hides a
    module of the lessons.
    """
    refuse_hiding_files()
    wanted, arguments = _lesson_in(arguments)
    _refuse_busy_port(arguments)
    name, sentence = (wanted, f"Opening {wanted}.") if wanted else _where_to_go_on()
    notebook = f"notebooks/{name}.ipynb"
    # The browser opens the notebook, and the address that JupyterLab prints leads to it.
    to_open = [f"--LabApp.default_url=/lab/tree/{notebook}", *arguments, notebook]
    if connect_options() is not None:
        with RedisConnectionHandle() as handle:
            print(f"Redis: {server_name(handle.connect())} at {handle.options.address}, as configured")
        print(sentence)
        _become_jupyterlab(to_open)
    # Every write goes to the append-only file, so that neither Ctrl-C nor a crash loses a learner's progress.
    server = EmbeddedRedis(dir=DATA_FOLDER, appendonly="yes").start()
    os.environ |= {"REDIS_URL": server.url, LAB_REDIS: f"{server.host}:{server.port}/0"}  # for the kernels
    with RedisConnectionHandle() as handle:
        print(f"Redis: {server_name(handle.connect())}, embedded, port {server.port}; its data stays in {DATA_FOLDER}")
    print(sentence)
    server.outlive_exec()  # JupyterLab becomes this process, so the server ends when JupyterLab does, however it ends
    _become_jupyterlab(to_open)


def _lesson_in(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The notebook that `--start` names, or None; and the other arguments, as they are."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--start", nargs="?", const="")
    found, others = parser.parse_known_args(arguments)
    if found.start is None:
        return None, arguments
    number = re.fullmatch(r"(?:notebooks/)?(\d{1,2})(_\w+)?(?:\.ipynb)?", found.start, re.ASCII)
    name = notebooks().get(str(int(number[1]))) if number else None
    if name is None or (number and number[2] and f"{int(number[1]):02}{number[2]}" != name):
        there = ", ".join(title[:2] for title in notebooks().values())
        raise CourseError(f"--start needs a lesson, such as --start 07: there are {there}.")
    return name, others


def _where_to_go_on() -> tuple[str, str]:
    """The notebook to open, and a sentence that says why. A progress file that cannot be read stops nothing."""
    names = notebooks()
    try:
        content = progress_file.read()
    except CourseError as problem:
        return names["0"], f"{problem} Opening {names['0']}."
    done = finished(content)
    number = first_open(content)
    if number is None:
        first = names["0"]
        return first, f"You have finished all {len(names)} lessons: opening {first}. review() asks what you know."
    if not done:
        return names[number], f"Opening {names[number]}."
    return names[number], f"You have finished {listed(done)}: opening {names[number]}."


def _become_jupyterlab(arguments: list[str]) -> NoReturn:
    _set_up_jupyter()
    # -P: a file beside the README is none of JupyterLab's modules.
    command = [sys.executable, "-P", "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}", *arguments]
    command += [NO_LANGUAGE_SERVERS, *_how_much_to_print(arguments)]
    port = _port_of(arguments)
    if port is not None:
        command.append("--ServerApp.port_retries=0")
    command += settings_for_codespaces(os.environ, int(port or JUPYTERLABS_PORT))
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container, where JupyterLab would refuse to start
        command.append("--allow-root")
    print(HOW_TO_USE)
    replace_process(command)


def _how_much_to_print(arguments: list[str]) -> list[str]:
    """JupyterLab's argument for warnings and the address alone, or none where the learner chose another level.

    JupyterLab refuses two levels. And where JUPYTER_TOKEN is set, its address is not among the warnings.
    """
    said = [one for one in arguments if re.match(r"--(debug$|log-level\b|\w+\.log_level\b)", one)]
    if said or os.environ.get("JUPYTER_TOKEN"):
        return []
    return ["--log-level=WARN"]


def _set_up_jupyter() -> None:
    """Gives this lab settings of its own, and folders that can be written.

    The learner's own settings of Jupyter (a root folder, a password, extensions that are off, a file with an error) are
    meant for their other work. They stay as they are, and unread.
    """
    from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir

    for name in OTHER_PLACES:
        os.environ.pop(name, None)
    os.environ["JUPYTER_CONFIG_DIR"] = str(JUPYTER_FOLDER)
    usual_folders = {
        "JUPYTER_DATA_DIR": jupyter_data_dir(),
        "JUPYTER_RUNTIME_DIR": jupyter_runtime_dir(),
        "IPYTHONDIR": os.environ.get("IPYTHONDIR") or os.path.expanduser("~/.ipython"),
    }
    for name, usual_folder in usual_folders.items():
        if not can_be_written(Path(usual_folder)):
            os.environ[name] = str(JUPYTER_FOLDER / name.lower())
    if not in_course_environment():  # there, a note makes the package importable from every folder
        places = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(place for place in places if place)


def _port_of(arguments: list[str]) -> str | None:
    """The text behind the last `--port` of JupyterLab's arguments; None without one."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--port", "--ServerApp.port", nargs="?", const="")
    port: str | None = parser.parse_known_args(arguments)[0].port
    return port


def _refuse_busy_port(arguments: list[str]) -> None:
    """JupyterLab would take the next port in silence, and a bookmark or a tunnel to the one asked for would fail."""
    port = _port_of(arguments)
    if port is None:
        return
    if not (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
        raise CourseError("--port needs a number from 0 to 65535: give one, for example --port 8890.")
    with socket.socket() as probe:
        if os.name == "posix":  # as servers do, so that a port is free as soon as its last server has ended
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(port)))
        except OSError as error:
            raise CourseError(
                f"Port {port} cannot be used ({error.strerror}): choose another, e.g. --port 8890."
            ) from None
