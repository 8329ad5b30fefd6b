"""Kernels that start with their libraries imported, for notebooks that are run one after the other.

Most of a short lesson's processor time is the import of ipykernel, Matplotlib and redis-py. Here a template process
imports them once, and each kernel is forked from it. A kernel is a fresh process all the same: no notebook has run in
it, and of the course nothing is imported.
"""

import importlib
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import jupyter_client.launcher

from redis_helpers.course.breaking.forked import CAN_FORK, ForkedProcess, Template, serve

ROOT = str(Path(__file__).resolve().parent.parent)
IN_CODE = repr(ROOT).replace("{", "{{").replace("}", "}}")
TEMPLATE = Template(
    f"import sys; sys.path[0] = {IN_CODE}; from tools.warm_kernels import serve_kernels; serve_kernels({{}})",
    MPLBACKEND="module://matplotlib_inline.backend_inline",  # what a kernel sets before Matplotlib is imported
    OPENBLAS_NUM_THREADS="1",  # no further thread in the template: a process that forks should have one
    PYDEVD_DISABLE_FILE_VALIDATION="1",  # the debugger's advice about its own start is not meant for a template
)

WANTED = ("ipykernel.kernelapp", "ipykernel.debugger", "matplotlib.pyplot", "pandas", "redis", "dotenv", "cloudpickle")


def start_kernels_warm() -> None:
    """From now on, each kernel that this process starts is forked from the template."""
    jupyter_client.launcher.Popen = _start  # type: ignore[assignment, misc]


def _start(command: list[str], **options: Any) -> Any:
    """The process of a kernel; anything else that Jupyter starts, it starts as ever."""
    is_own = command[0] == sys.executable and "ipykernel_launcher" in command and CAN_FORK
    log = options["stderr"]
    if not is_own or options["stdout"] is not None or log not in (None, subprocess.DEVNULL):
        return subprocess.Popen(command, **options)
    process = ForkedProcess(TEMPLATE, shares_output=True)
    arguments = command[command.index("ipykernel_launcher") :]
    folder = str(options["cwd"] or os.getcwd())
    task = pickle.dumps((dict(options["env"]), folder, arguments, log == subprocess.DEVNULL))
    process.stdin.write(len(task).to_bytes(8) + task)
    process.stdin.flush()
    return process


def serve_kernels(requests_end: int) -> None:
    """What the template does: imports what lessons use, and forks kernels."""
    for name in WANTED:
        importlib.import_module(name)
    sys.path.remove(ROOT)
    for name in list(sys.modules):
        if name.partition(".")[0] in ("redis_helpers", "tools"):  # a notebook finds its own, beside it
            del sys.modules[name]
    serve(requests_end, _become_kernel)


def _become_kernel() -> None:
    """In the child: what `python -m ipykernel_launcher` does, in the folder and with the environment of the kernel."""
    size = int.from_bytes(os.read(0, 8))
    task = b""
    while len(task) < size:
        task += os.read(0, size - len(task))
    environment, folder, sys.argv, is_quiet = pickle.loads(task)
    if is_quiet:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    from ipykernel import kernelapp

    kernelapp.launch_new_instance(parent_handle=os.getppid())  # it ends when the template has ended
