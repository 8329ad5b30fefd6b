"""A copy of the course in a folder of its own, whose set-up is run for real, without a network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from redis_helpers.course.start.environment import ROOT

CLOSED = "http://127.0.0.1:9/simple"  # where nobody listens
NO_NETWORK = {
    "PIP_INDEX_URL": CLOSED,
    "PIP_RETRIES": "0",
    "PIP_NO_CACHE_DIR": "1",
    "UV_DEFAULT_INDEX": CLOSED,
    "UV_NO_CACHE": "1",
    "UV_HTTP_RETRIES": "0",
    "UV_NO_CONFIG": "1",
}
# An installer of the learner's own would be found first.
PATH = os.pathsep.join(["/usr/bin", "/bin"]) if os.name == "posix" else os.environ["PATH"]


class CourseCopy:
    """The course's package and files in `folder`, which needs one small package only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.venv = folder / ".venv"
        shutil.copytree(ROOT / "redis_helpers", folder / "redis_helpers", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, folder)

    def start(self, *arguments: str, python: Path | str = "", **settings: str) -> subprocess.Popen[str]:
        """Starts a command of the course with the Python that the tests' environment was made with."""
        names = ("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "REDIS_", "MYSQL_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(names)}
        return subprocess.Popen(
            [str(python or sys._base_executable), "-m", "redis_helpers", *arguments],
            cwd=self.folder,
            env={**kept, "PATH": PATH, "PIP_CONFIG_FILE": os.devnull, **NO_NETWORK, "PYTHONUTF8": "1", **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def run(self, *arguments: str, python: Path | str = "", **settings: str) -> tuple[int, str]:
        """The exit code of a command, and all that it printed."""
        process = self.start(*arguments, python=python, **settings)
        printed, _ = process.communicate()
        return process.returncode, printed
