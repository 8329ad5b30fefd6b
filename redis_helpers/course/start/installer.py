"""Installs `requirements.txt` into an environment: with uv when it can be had, otherwise with pip.

Standard library only. Of the learner's own settings of pip and uv, those that say where packages come from are kept
(index, proxy, certificate, cache). Those that say what is installed and where (`user`, `target`, `constraint` …) are
left aside: they are meant for other projects, and would spoil this environment.
"""

import ast
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from redis_helpers.errors import CourseError

UV = "uv==0.13.9"  # installs in seconds what pip installs in half a minute
GUARDED_COMMAND = Path(__file__).with_name("guarded_command.py")
DISK_FULL = "The disk is full: the course needs about 700 MB; make room, and start again."

# Settings of pip that say where packages come from.
KEPT_OF_PIP = {
    "cache-dir",
    "cert",
    "client-cert",
    "default-timeout",
    "disable-pip-version-check",
    "extra-index-url",
    "find-links",
    "index-url",
    "keyring-provider",
    "no-cache-dir",
    "no-index",
    "proxy",
    "retries",
    "timeout",
    "trusted-host",
    "use-feature",
}
# `pip config list` takes settings of these names for its own options, and would list less, or nothing at all.
LIST_ALL = {"PIP_GLOBAL": "0", "PIP_QUIET": "0", "PIP_SITE": "0", "PIP_USER": "0", "PIP_VERBOSE": "0"}
# The same of uv; each word is the beginning of one or more variables.
KEPT_OF_UV = (
    "UV_ALLOW_INSECURE_HOST",
    "UV_CACHE_DIR",
    "UV_CONCURRENT_",
    "UV_CONFIG_FILE",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_HTTP_",
    "UV_INDEX",
    "UV_INSECURE_HOST",
    "UV_KEYRING_PROVIDER",
    "UV_LINK_MODE",
    "UV_NATIVE_TLS",
    "UV_NO_CACHE",
    "UV_NO_CONFIG",
    "UV_OFFLINE",
    "UV_REQUEST_TIMEOUT",
    "UV_SYSTEM_CERTS",
)
# What pip and uv print when they cannot reach the package index.
NO_NETWORK = (
    "client error (connect)",
    "connection refused",
    "dns error",
    "error sending request",
    "failed to lookup",
    "from versions: none",
    "getaddrinfo",
    "name resolution",
    "newconnectionerror",
    "proxyerror",
    "timed out",
    "unreachable",
)


class CommandFailed(Exception):
    """A command that ended with an error; `log` is all it printed."""

    def __init__(self, log: str) -> None:
        super().__init__(log)
        self.log = log


class Installer:
    """Installs into the environment of the program `python`.

    `scratch` is a folder for what is needed only meanwhile, `log_file` the place for the words of a failure that no
    sentence foresees.
    """

    def __init__(self, python: Path, scratch: Path, log_file: Path) -> None:
        self._python = python
        self._scratch = scratch
        self._log_file = log_file
        self._settings: dict[str, str] | None = None

    def install(self, requirements: Path, anew: bool) -> None:
        """Installs every line of the file `requirements`. `anew` replaces what is there.

        Where uv fails, pip may still succeed: it knows the package index of pip's settings. Raises CourseError.
        """
        try:
            uv = shutil.which("uv") or self._fetch_uv()
            if uv and self._install_with_uv(uv, requirements, anew):
                return
            self._install_with_pip(requirements, anew)
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _fetch_uv(self) -> str | None:
        """uv from PyPI, in a folder that goes away afterwards, so that both installers leave the same environment."""
        command = self._pip("--no-deps", "--retries=0", "--target", str(self._scratch), UV)
        try:
            run_quietly("Fetching the installer uv", command, self._pip_settings())
        except CommandFailed:
            return None
        return shutil.which("uv", path=str(self._scratch / "bin"))

    def _install_with_uv(self, uv: str, requirements: Path, anew: bool) -> bool:
        """Whether uv succeeded."""
        # Compiled at once, as pip does it: otherwise each of the first processes compiles the same files.
        command = [uv, "pip", "install", "--compile-bytecode", "--python", str(self._python)]
        if anew:
            command.append("--reinstall")
        try:
            run_quietly(
                "Installing the packages with uv", [*command, "-r", str(requirements)], settings_for_uv(os.environ)
            )
        except CommandFailed as failure:
            if _disk_is_full(failure.log):
                raise CourseError(DISK_FULL) from None
            return False
        return True

    def _install_with_pip(self, requirements: Path, anew: bool) -> None:
        command = self._pip(*(["--force-reinstall"] if anew else []), "-r", str(requirements))
        try:
            run_quietly("Installing the packages with pip, which takes a while", command, self._pip_settings())
        except CommandFailed as failure:
            raise CourseError(self._why_not_installed(failure.log)) from None

    def _pip(self, *options: str) -> list[str]:
        return [str(self._python), "-I", "-m", "pip", "install", "--disable-pip-version-check", *options]

    def _pip_settings(self) -> dict[str, str]:
        """The environment for pip, with those of the learner's settings that say where packages come from."""
        if self._settings is None:
            self._settings = self._read_pip_settings()
        return self._settings

    def _read_pip_settings(self) -> dict[str, str]:
        self._bring_pip()
        environment = {**os.environ, **LIST_ALL}
        environment.pop("PIP_PYTHON", None)  # it would send pip into another environment
        command = [str(self._python), "-I", "-m", "pip", "config", "list"]
        listed = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if listed.returncode:
            raise CourseError(self._why_not_installed(listed.stdout + listed.stderr))
        return settings_for_pip(environment, listed.stdout)

    def _bring_pip(self) -> None:
        """An environment that somebody made with uv holds no pip."""
        look = [str(self._python), "-I", "-c", "import pip"]
        if subprocess.run(look, stdin=subprocess.DEVNULL, capture_output=True).returncode:
            run_quietly("Fetching pip", [str(self._python), "-I", "-m", "ensurepip"])

    def _why_not_installed(self, log: str) -> str:
        words = log.lower()
        if _disk_is_full(log):
            return DISK_FULL
        if any(sign in words for sign in NO_NETWORK):
            return "The packages could not be fetched: check the network (or the proxy: HTTPS_PROXY), and start again."
        if "configuration file" in words:
            return f"pip cannot read {_settings_file(log)}: mend it or move it away, and start again."
        if "permission denied" in words or "read-only" in words:
            return f"The packages could not be written beside {self._python}: check the permissions, and start again."
        keep_log(self._log_file, log)
        return f"The packages could not be installed: the reason stands in {self._log_file}; mend it, and start again."


def settings_for_pip(environment: Mapping[str, str], listed: str) -> dict[str, str]:
    """The variables for a pip that reads no file: of `listed`, which `pip config list` printed, what is kept."""
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}  # the later one wins
    for line in listed.splitlines():
        name, _, quoted = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in sections and key in KEPT_OF_PIP:
            sections[section][key] = str(ast.literal_eval(quoted))
    chosen = {name: value for name, value in environment.items() if not name.startswith("PIP_")}
    for settings in sections.values():
        for key, value in settings.items():
            chosen["PIP_" + key.upper().replace("-", "_")] = value
    chosen["PIP_CONFIG_FILE"] = os.devnull
    return chosen


def settings_for_uv(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables for uv, without those that would install something else or somewhere else."""
    return {
        name: value for name, value in environment.items() if not name.startswith("UV_") or name.startswith(KEPT_OF_UV)
    }


def _disk_is_full(log: str) -> bool:
    return "no space left" in log.lower()


def _settings_file(log: str) -> str:
    """The file of settings that pip complains of; not its text, which may hold a password."""
    found = re.search(r"file: '(.+?)'|reading from '(.+?)'|characters in (.+)\.", log)
    return next(filter(None, found.groups())) if found else "one of its settings files"


def keep_log(path: Path, log: str) -> None:
    """Writes the words of a failure into a file."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(log, encoding="utf-8")


def run_quietly(title: str, command: list[str], environment: Mapping[str, str] | None = None) -> None:
    """Runs a command in silence, and shows the seconds that pass. The command ends when this process does.

    Raises CommandFailed, with all that the command printed, when its exit code is not 0.
    """
    # Installers must be able to write every name of a folder, also where the terminal knows ASCII only.
    chosen = {**(os.environ if environment is None else environment), "PYTHONUTF8": "1"}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            [sys.executable, "-I", str(GUARDED_COMMAND), *command],
            env=chosen,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(title, process)
        finally:
            _end(process)
        if process.returncode:
            log.seek(0)
            raise CommandFailed(log.read())


def _wait(title: str, process: subprocess.Popen[bytes]) -> None:
    """Waits for the end of the process, and shows on a terminal each second, elsewhere each fifth."""
    on_terminal = sys.stdout.isatty()
    started = time.monotonic()
    shown = 0
    print(f"{title} …", end="", flush=True)
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
        seconds = int(time.monotonic() - started)
        if seconds == shown:
            continue
        shown = seconds
        if on_terminal:
            print(f"\r{title} … {seconds} s", end="", flush=True)
        elif seconds % 5 == 0:
            print(f" {seconds} s", end="", flush=True)
    print(flush=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Closes the pipe, at which a process that still runs ends with everything that it started."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait()
