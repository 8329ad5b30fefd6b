"""Makes the virtual environment that the course runs in. Standard library only: nothing is installed yet.

Inside an active virtual environment that one is used, otherwise `.venv` beside the README. A note in the environment
says which folder it was made for, or that it is not finished: after an interrupted or moved installation the packages
may look right, by their names and versions, and yet lack files.
"""

import contextlib
import importlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from redis_helpers.errors import CourseError

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ROOT / "requirements.txt"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
COURSE = "redis-cell-by-cell"
NOTE = f"{COURSE}.txt"
UNFINISHED = "not finished"
UV = "uv==0.13.9"  # installs in seconds what pip installs in half a minute
PIP_INSTALL = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]

NO_ENSUREPIP = (
    "This Python cannot make virtual environments, because its ensurepip is not installed: "
    "run `sudo apt install python3-venv` (Debian, Ubuntu) and start again."
)
DISK_FULL = "The disk is full: the course needs about 700 MB; make room, and start again."
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


def ensure_environment(arguments: list[str]) -> None:
    """Returns inside an environment that has every package of `requirements.txt` at its pinned version.

    Outside a virtual environment it makes `.venv` and starts the same command again with its Python, so it does not
    return. Raises CourseError.
    """
    if not os.access(ROOT, os.W_OK):
        raise CourseError(f"The folder {ROOT} cannot be written: clone the course into a folder of your own.")
    if not in_virtual_environment():
        _make_venv()
        replace_process([str(VENV_PYTHON), "-m", "redis_helpers", *arguments])
    broken = _read_note(sys.prefix) == UNFINISHED
    if not broken and not missing_packages():
        return
    _write_note(sys.prefix, UNFINISHED)
    _install(anew=broken)
    importlib.invalidate_caches()  # the new packages come into view
    if missing := missing_packages():
        raise CourseError(f"Still not right: {', '.join(missing)}. Delete the folder {sys.prefix}, and start again.")
    _write_note(sys.prefix, str(ROOT))


def enter_environment(arguments: list[str]) -> None:
    """Goes on inside `.venv` when it is there, and changes nothing."""
    if not in_virtual_environment() and VENV_PYTHON.exists():
        replace_process([str(VENV_PYTHON), "-m", "redis_helpers", *arguments])


def in_virtual_environment() -> bool:
    """Whether this Python belongs to a virtual environment."""
    return sys.prefix != sys.base_prefix


def pinned_packages() -> dict[str, str]:
    """Name and version of each pin of `requirements.txt` that applies to this machine."""
    from packaging.requirements import Requirement  # comes with pytest, so it may not be there yet

    lines = (line.strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    pins = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in pins if not pin.marker or pin.marker.evaluate()}


def missing_packages() -> dict[str, str | None]:
    """The packages that are not there at their pinned version, with the version that is (None: none)."""
    try:
        pins = pinned_packages()
    except ImportError:
        return {COURSE: None}
    missing = {name: _version(name) for name, version in pins.items() if _version(name) != version}
    return missing if _course_is_installed() else {**missing, COURSE: None}


def _version(name: str) -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return None


def _course_is_installed() -> bool:
    """Whether `import redis_helpers` finds this very folder from anywhere; it does not after the folder was moved."""
    installed = importlib.metadata.distributions(name=COURSE, path=[sysconfig.get_path("purelib")])
    origins = [json.loads(one.read_text("direct_url.json") or "{}").get("url", "") for one in installed]
    return [Path(url2pathname(urlsplit(url).path)) for url in origins] == [ROOT]


def _read_note(environment: Path | str) -> str | None:
    with contextlib.suppress(OSError):
        return (Path(environment) / NOTE).read_text(encoding="utf-8")
    return None


def _write_note(environment: Path | str, text: str) -> None:
    (Path(environment) / NOTE).write_text(text, encoding="utf-8")


def _make_venv() -> None:
    """Makes `.venv` unless it is there, complete, made for this folder, and works. One made by hand has no note."""
    if VENV_PYTHON.exists() and _read_note(VENV) in (None, str(ROOT)) and _runs(VENV_PYTHON):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    # A Debian without python3-venv has no ensurepip. Then uv can help, but only then: it would bring another pip.
    if importlib.util.find_spec("ensurepip"):
        command = [sys.executable, "-m", "venv", str(VENV)]
    elif uv := shutil.which("uv"):
        command = [uv, "venv", "--seed", "--allow-existing", "--python", sys.executable, str(VENV)]
    else:
        raise CourseError(NO_ENSUREPIP)
    VENV.mkdir(exist_ok=True)
    _write_note(VENV, UNFINISHED)
    try:
        _run("Making the virtual environment .venv", command)
    except _CommandFailed as failure:
        shutil.rmtree(VENV, ignore_errors=True)
        raise CourseError(_why_no_venv(failure)) from None


def _why_no_venv(failure: "_CommandFailed") -> str:
    if "ensurepip is not available" in failure.log:  # Debian's Python has half of it
        return NO_ENSUREPIP
    if shutil.disk_usage(ROOT).free < 50e6:  # ensurepip hides the reason
        return DISK_FULL
    return f"The folder {VENV} could not be made: the reason stands in {failure.keep()}."


def _runs(python: Path) -> bool:
    """False when the Python that the environment was made with is gone."""
    try:
        return subprocess.run([str(python), "-c", ""], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _install(anew: bool) -> None:
    """Installs `requirements.txt` into the running environment: with uv when it can be had, otherwise with pip.

    `anew` replaces what is there. Where uv fails, pip may still succeed: it knows the package index of pip's settings.
    """
    with tempfile.TemporaryDirectory() as scratch:
        uv = shutil.which("uv") or _fetch_uv(Path(scratch))
        if uv:
            command = [uv, "pip", "install", "--python", sys.executable, *(["--reinstall"] if anew else [])]
            with contextlib.suppress(_CommandFailed):
                return _run("Installing the packages with uv", [*command, "-r", str(REQUIREMENTS)])
        command = [*PIP_INSTALL, *(["--force-reinstall"] if anew else [])]
        try:
            _run("Installing the packages with pip, which takes a while", [*command, "-r", str(REQUIREMENTS)])
        except _CommandFailed as failure:
            raise CourseError(_why_not_installed(failure)) from None


def _fetch_uv(folder: Path) -> str | None:
    """uv from PyPI, in a folder that goes away afterwards, so that both installers leave the same environment."""
    try:
        _run(
            "Fetching the installer uv",
            [*PIP_INSTALL, "--only-binary=:all:", "--no-deps", "--retries=0", "--target", str(folder), UV],
        )
    except _CommandFailed:
        return None
    return shutil.which("uv", path=str(folder / "bin"))


def _why_not_installed(failure: "_CommandFailed") -> str:
    log = failure.log.lower()
    if "no space left" in log:
        return DISK_FULL
    if any(sign in log for sign in NO_NETWORK):
        return "The packages could not be fetched: check the network (or the proxy: HTTPS_PROXY), and start again."
    if "permission denied" in log or "read-only" in log:
        return f"The packages could not be written into {sys.prefix}: check its permissions, or leave that environment."
    return f"The packages could not be installed: the reason stands in {failure.keep()}; mend it, and start again."


class _CommandFailed(Exception):
    """A command that ended with an error; `log` is all it printed."""

    def __init__(self, log: str) -> None:
        super().__init__(log)
        self.log = log

    def keep(self) -> Path:
        """Writes the log to a file, for the failures that no sentence foresees."""
        path = ROOT / "data" / "install.log"
        path.parent.mkdir(exist_ok=True)
        path.write_text(self.log, encoding="utf-8")
        return path


def _run(title: str, command: list[str]) -> None:
    """Runs a command in silence, shows the seconds that pass, and keeps what it printed for the case that it fails."""
    start, shown = time.monotonic(), 0
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except OSError as error:
            raise _CommandFailed(str(error)) from None
        print(f"{title} …", end="", flush=True)
        try:
            while process.poll() is None:
                time.sleep(0.05)
                seconds = int(time.monotonic() - start)
                if seconds > shown and (sys.stdout.isatty() or seconds % 5 == 0):
                    print(f"\r{title} … {seconds} s" if sys.stdout.isatty() else f" {seconds} s", end="", flush=True)
                    shown = seconds
        finally:
            if process.poll() is None:  # Ctrl-C
                process.kill()
                process.wait()
            print()
        if process.returncode:
            log.seek(0)
            raise _CommandFailed(log.read())


def replace_process(command: list[str]) -> None:
    """Goes on as another command from the course's folder, as the same process where the system can. No return."""
    sys.stdout.flush()
    if os.name == "nt":
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the command too, and is its business
        sys.exit(subprocess.call(command, cwd=ROOT))
    os.chdir(ROOT)
    os.execv(command[0], command)
