"""`lab` and `redis`: JupyterLab or a terminal, with the embedded server beside it."""

import os
import socket
import sys

from redis_helpers.connection import RedisConnectionHandle, connect_options
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.start.environment import ROOT, replace_process
from redis_helpers.errors import CourseError
from redis_helpers.server import server_name
from redis_helpers.settings import LAB_REDIS

FIRST_NOTEBOOK = "notebooks/00_start_here.ipynb"
DATA_FOLDER = ROOT / "data" / "redis"


def run_lab(arguments: list[str]) -> None:
    """Becomes JupyterLab, with the configured Redis or with an embedded one whose data is there again tomorrow.

    Raises CourseError when Redis cannot be reached or a `--port` is taken.
    """
    _refuse_busy_port(arguments)
    if connect_options() is not None:
        with RedisConnectionHandle() as handle:
            print(f"Redis: {server_name(handle.connect())} at {handle.options.address}, as configured")
        _become_jupyterlab(arguments)
    # Every write goes to the append-only file, so that neither Ctrl-C nor a crash loses a learner's progress.
    server = EmbeddedRedis(dir=DATA_FOLDER, appendonly="yes").start()
    os.environ |= {"REDIS_URL": server.url, LAB_REDIS: f"{server.host}:{server.port}/0"}  # for the kernels
    with RedisConnectionHandle() as handle:
        print(f"Redis: {server_name(handle.connect())}, embedded, port {server.port}; its data stays in {DATA_FOLDER}")
    server.outlive_exec()  # JupyterLab becomes this process, so the server ends when JupyterLab does, however it ends
    _become_jupyterlab(arguments)


def _become_jupyterlab(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "jupyterlab", *arguments, FIRST_NOTEBOOK]
    if _port_of(arguments):
        command.append("--ServerApp.port_retries=0")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container, where JupyterLab would refuse to start
        command.append("--allow-root")
    replace_process(command)


def _port_of(arguments: list[str]) -> str | None:
    for position, argument in enumerate(arguments):
        if argument in ("--port", "-p"):
            return arguments[position + 1] if position + 1 < len(arguments) else ""
        if argument.startswith("--port="):
            return argument.removeprefix("--port=")
    return None


def _refuse_busy_port(arguments: list[str]) -> None:
    """JupyterLab would take the next port in silence, and a bookmark or a tunnel to the one asked for would fail."""
    port = _port_of(arguments)
    if port is None:
        return
    if not (port.isdigit() and int(port) < 65536):
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
