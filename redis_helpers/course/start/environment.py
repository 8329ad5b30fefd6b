"""The virtual environment that the course runs in. Standard library only: nothing is installed yet.

The course has an environment of its own, `.venv` beside the README. It is made at the first start, whichever Python
and whichever environment the command was started with: no other environment is ever changed. One that already holds
every package of `requirements.txt` at its pinned version is used as it is.

A note in `.venv` says which folder it was made for, or that it is not finished: after an interrupted or moved
installation the packages may look right, by their names and versions, and yet lack files.
"""

import contextlib
import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NoReturn

from redis_helpers.course.start.home_folder import choose_home_folder
from redis_helpers.course.start.installer import DISK_FULL, CommandFailed, Installer, keep_log, run_quietly
from redis_helpers.course.start.set_up_lock import set_up_lock
from redis_helpers.errors import CourseError

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ROOT / "requirements.txt"
DATA = ROOT / "data"
LOCK = DATA / "set-up.lock"
LOG = DATA / "install.log"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
COURSE = "redis-cell-by-cell"
NOTE = f"{COURSE}.txt"
UNFINISHED = "not finished"

NO_ENSUREPIP = (
    "This Python cannot make virtual environments, because its ensurepip is not installed: "
    "run `sudo apt install python3-venv` (Debian, Ubuntu) and start again."
)
# Variables that bend every Python, also that of `.venv`: other modules, other files of its own, assertions left out.
BENDING = (
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONOPTIMIZE",
    "PYTHONPATH",
    "PYTHONPLATLIBDIR",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
)
# Exit code 0: this Python is new enough, belongs to the environment that the argument names, and has a place there.
LOOK_AT_PYTHON = """
import os, sys, sysconfig
wrong = sys.version_info < (3, 11)
wrong = wrong or not os.path.samefile(sys.prefix, sys.argv[1])
wrong = wrong or not os.path.isdir(sysconfig.get_path("purelib"))
sys.exit(wrong)
"""


def ensure_environment(arguments: list[str]) -> None:
    """Returns inside an environment that has every package of `requirements.txt` at its pinned version.

    Elsewhere it makes `.venv` if that is missing, and starts the same command again there, so it does not return.
    Raises CourseError.
    """
    _refuse_without_lessons()
    refuse_read_only_folder()
    choose_home_folder(DATA / "home")
    if in_course_environment():
        if leave_bending_variables():
            _go_on_in_venv(arguments)
        _mend_running_environment()
    elif missing_packages():
        if not _venv_is_usable():
            with set_up_lock(LOCK):
                if not _venv_is_usable():  # another command may have made it meanwhile
                    _make_venv()
        _go_on_in_venv(arguments)
    _describe_environment()


def enter_environment(arguments: list[str]) -> None:
    """Goes on inside `.venv` when it is there and works, unless this Python has all packages. Changes nothing.

    Raises CourseError.
    """
    _refuse_without_lessons()
    if in_course_environment():
        if leave_bending_variables():
            _go_on_in_venv(arguments)
    elif missing_packages() and VENV_PYTHON.exists() and _python_works():
        _go_on_in_venv(arguments)


def _refuse_without_lessons() -> None:
    """The package alone, as pip installs it into another project, has no lessons to open."""
    if not REQUIREMENTS.exists():
        raise CourseError("The lessons are not here, only the package: clone the course, and start this in its folder.")


def refuse_read_only_folder() -> None:
    """Raises CourseError where this user may not write into the course's folder: somebody else's copy, or a CD."""
    if not os.access(ROOT, os.W_OK):
        raise CourseError(
            f"The course's folder {ROOT} cannot be written by you: copy it into a folder of yours, and start there."
        )


def in_course_environment() -> bool:
    """Whether this Python belongs to the course's own `.venv`."""
    return os.path.realpath(sys.prefix) == os.path.realpath(VENV)


def is_finished() -> bool:
    """False when the installation into `.venv` was interrupted."""
    return _read_note() != UNFINISHED


def pinned_packages() -> dict[str, str]:
    """Name and version of each pin of `requirements.txt` that applies to this machine.

    Raises ImportError where the package `packaging` is not there, as it is not before the set-up.
    """
    from packaging.requirements import Requirement

    pins: dict[str, str] = {}
    for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        pin = Requirement(text)
        if pin.marker is None or pin.marker.evaluate():
            pins[pin.name] = str(pin.specifier).removeprefix("==")
    return pins


def missing_packages() -> dict[str, str | None]:
    """The packages that are not there at their pinned version, with the version that is (None: none)."""
    try:
        pins = pinned_packages()
    except ImportError:
        return {"packaging": None}
    installed = {name: _version(name) for name in pins}
    return {name: installed[name] for name, version in pins.items() if installed[name] != version}


def _version(name: str) -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return None


def leave_bending_variables() -> bool:
    """Takes the variables that bend Python out of the environment. Returns whether there were any."""
    found = [name for name in BENDING if os.environ.pop(name, None)]
    return bool(found)


def _go_on_in_venv(arguments: list[str]) -> NoReturn:
    """Starts the same command again with the Python of `.venv`."""
    leave_bending_variables()
    replace_process([str(VENV_PYTHON), str(ROOT / "redis_helpers"), *arguments])


def _describe_environment() -> None:
    """Says to what is started from here which environment is active, and that names of files are UTF-8.

    Programs such as `pip` are then those of this environment, and IPython, which adds the packages of the environment
    that VIRTUAL_ENV names, adds none of another project. pytest's workers cannot start in a folder with an accent where
    names are ASCII.
    """
    os.environ["PYTHONUTF8"] = "1"
    os.environ.pop("VIRTUAL_ENV", None)
    if sys.prefix != sys.base_prefix:
        os.environ["VIRTUAL_ENV"] = sys.prefix
    programs = str(Path(sys.executable).parent)
    others = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([programs, *(folder for folder in others if folder != programs)])


def _mend_running_environment() -> None:
    """In `.venv`: installs what is missing, or everything when the last installation was interrupted."""
    if not is_finished() or missing_packages():
        with set_up_lock(LOCK):
            importlib.invalidate_caches()  # another command may have installed packages meanwhile
            finished = is_finished()
            if not finished or missing_packages():
                _install(Path(sys.executable), anew=not finished)
            importlib.invalidate_caches()
    still_missing = missing_packages()
    if still_missing:
        names = ", ".join(still_missing)
        raise CourseError(f"These packages are still not right: {names}. Delete the folder {VENV}, and start again.")
    _make_course_importable()


def _venv_is_usable() -> bool:
    """Whether `.venv` is there, complete, made for this folder, and its Python works. One made by hand has no note."""
    return VENV_PYTHON.exists() and _read_note() in (None, str(ROOT)) and _python_works()


def _python_works() -> bool:
    """False when the Python that `.venv` was made with is gone, has been replaced by another version, or is too old."""
    outer = {name: value for name, value in os.environ.items() if name not in BENDING}
    command = [str(VENV_PYTHON), "-c", LOOK_AT_PYTHON, str(VENV)]
    try:
        return subprocess.run(command, env=outer, cwd=VENV, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _make_venv() -> None:
    """Makes `.venv` anew, and installs the packages into it."""
    _remove_venv()
    VENV.mkdir()
    _write_note(UNFINISHED)
    try:
        run_quietly("Making the virtual environment .venv", _command_for_venv())
    except CommandFailed as failure:
        shutil.rmtree(VENV, ignore_errors=True)
        raise CourseError(_why_no_venv(failure.log)) from None
    _install(VENV_PYTHON, anew=False)


def _remove_venv() -> None:
    if os.pathsep in str(ROOT):
        raise CourseError(
            f"No virtual environment can be made in {ROOT}, because of the {os.pathsep} in that path: "
            "give the folder a name without it, and start again."
        )
    if VENV.is_symlink() or VENV.is_file():
        raise CourseError(f"The course's environment is to stand in {VENV}, which is no folder: move it away.")
    try:
        shutil.rmtree(VENV)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CourseError(
            f"The folder {VENV} cannot be made anew ({error.strerror}): delete it, and start again."
        ) from None


def _command_for_venv() -> list[str]:
    # A Debian without python3-venv has no ensurepip. Then uv can help, but only then: it would bring another pip.
    if importlib.util.find_spec("ensurepip"):
        return [sys.executable, "-I", "-m", "venv", str(VENV)]
    uv = shutil.which("uv")
    if uv is None:
        shutil.rmtree(VENV, ignore_errors=True)
        raise CourseError(NO_ENSUREPIP)
    return [uv, "venv", "--no-config", "--seed", "--allow-existing", "--python", sys.executable, str(VENV)]


def _why_no_venv(log: str) -> str:
    if "ensurepip is not available" in log:  # Debian's Python has half of it
        return NO_ENSUREPIP
    if shutil.disk_usage(ROOT).free < 50e6:  # ensurepip hides the reason
        return DISK_FULL
    keep_log(LOG, log)
    return f"The folder {VENV} could not be made: the reason stands in {LOG}."


def _install(python: Path, anew: bool) -> None:
    _write_note(UNFINISHED)
    Installer(python, scratch=VENV / "installer", log_file=LOG).install(REQUIREMENTS, anew)
    _write_note(str(ROOT))


def _make_course_importable() -> None:
    """Makes `import redis_helpers` find this folder from every place, after all other packages.

    Python reads a plain path in a .pth file in the encoding of the terminal. Bytes, in a line of code, mean the same
    folder in each.
    """
    line = f"import os, sys; sys.path.append(os.fsdecode({os.fsencode(ROOT)!r}))\n"
    path = Path(sysconfig.get_path("purelib")) / f"{COURSE}.pth"
    if not path.exists() or path.read_text(encoding="utf-8") != line:
        path.write_text(line, encoding="utf-8")


def _read_note() -> str | None:
    with contextlib.suppress(OSError):
        return (VENV / NOTE).read_text(encoding="utf-8", errors="surrogateescape")
    return None


def _write_note(text: str) -> None:
    (VENV / NOTE).write_text(text, encoding="utf-8", errors="surrogateescape")


def replace_process(command: list[str]) -> NoReturn:
    """Goes on as another command from the course's folder, as the same process where the system can."""
    sys.stdout.flush()
    os.chdir(ROOT)
    if os.name == "nt":
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the command too, and is its business
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)
