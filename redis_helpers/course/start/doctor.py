"""`doctor`: the set-up, one line a subject: OK, or what to do."""

import contextlib
import os
import platform
import shutil
import sqlite3
import subprocess
import sys

from redis_helpers.course.start.environment import (
    DATA,
    ROOT,
    VENV,
    in_course_environment,
    is_finished,
    missing_packages,
    pinned_packages,
    refuse_read_only_folder,
)
from redis_helpers.course.start.hiding_files import files_that_hide_modules, sentence
from redis_helpers.course.start.home_folder import home_folder_is_usable
from redis_helpers.errors import CourseError

ALL_IS_WELL = "All is well. To start the course: python3 -m redis_helpers lab"
TO_DO = "Do what the lines without OK say. Then run this again: python3 -m redis_helpers doctor"
SHOWN_PACKAGES = 4  # of those that are not right; the others are counted


def run_doctor() -> int:
    """Prints one line a subject, and what to do next. Returns 1 when something must be done, otherwise 0."""
    checks = {
        "Python": _python,
        "Course folder": _course_folder,
        "Packages": _packages,
        "Home folder": _home_folder,
        "Your files": _files,
        "Redis": _redis,
        "Market database": _market,
        "MySQL": _mysql,
        "Docker": _docker,
    }
    failed = 0
    for subject, check in checks.items():
        try:
            verdict = f"OK, {check()}"
        except CourseError as problem:
            failed, verdict = 1, str(problem)
        except ImportError:  # the checks import late: there may be no packages yet
            failed, verdict = 1, "cannot be checked before the packages are installed."
        except Exception as error:  # a doctor reports, whatever happens
            failed, verdict = 1, f"cannot be checked ({type(error).__name__}: {error})."
        print(f"{subject + ':':17}{verdict}")
    print(TO_DO if failed else ALL_IS_WELL)
    return failed


def _python() -> str:
    return f"{platform.python_version()} in {sys.prefix}"


def _course_folder() -> str:
    refuse_read_only_folder()
    return str(ROOT)


def _packages() -> str:
    missing = missing_packages()
    if not missing:
        return f"{len(pinned_packages())} packages at their pinned versions"
    if not in_course_environment():
        raise CourseError(f"not installed in {VENV}: run `python3 -m redis_helpers lab`.")
    if not is_finished():
        raise CourseError("not finished: run `python3 -m redis_helpers lab`.")
    found = [f"{name} ({version or 'not there'})" for name, version in missing.items()]
    listed = ", ".join(found[:SHOWN_PACKAGES])
    others = len(found) - SHOWN_PACKAGES
    more = f" and {others} more" if others > 0 else ""
    raise CourseError(f"not as requirements.txt pins them: {listed}{more}: run `python3 -m redis_helpers lab`.")


def _home_folder() -> str:
    if home_folder_is_usable():
        return f"Jupyter can keep its own files in {os.path.expanduser('~')}"
    return f"yours cannot be used (HOME is not set, or cannot be written); {DATA / 'home'} serves instead"


def _files() -> str:
    found = files_that_hide_modules()
    if found:
        raise CourseError(sentence(found))
    return "none has the name of a module that the course imports"


def _redis() -> str:
    from redis_helpers.connection import RedisConnectionHandle
    from redis_helpers.server import server_name

    with RedisConnectionHandle() as handle:
        name = server_name(handle.connect())
        where = "embedded, started when needed" if handle.embedded else f"configured, at {handle.options.address}"
        return f"{name}, {where}"


def _market() -> str:
    from redis_helpers.market.build_sqlite import DATABASE
    from redis_helpers.market.data import VERSION

    if not DATABASE.exists():
        return "not built yet; the first lesson that needs it builds it in some seconds"
    try:
        with contextlib.closing(sqlite3.connect(f"{DATABASE.as_uri()}?mode=ro", uri=True)) as connection:
            complete = connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
    except sqlite3.Error as error:
        raise CourseError(f"{DATABASE} cannot be read ({error}): delete it; it is built again when needed.") from None
    size = f"{DATABASE.stat().st_size / 1e6:.0f} MB"
    return f"{DATABASE}, {size}" if complete else "half built; the next lesson that needs it finishes it"


def _mysql() -> str:
    from redis_helpers.market.load_mysql import is_loaded
    from redis_helpers.market.mysql_connection import connect, mysql_options

    options = mysql_options()
    if not options:
        return "not configured, and not needed"
    with contextlib.closing(connect(options, reply_timeout=5)) as connection:
        market = "the market is loaded" if is_loaded(connection) else "the market is not loaded yet"
        return f"{connection.get_server_info()} at {options.address}; {market}"


def _docker() -> str:
    docker = shutil.which("docker")
    if docker is None:
        return "not installed, and not needed"
    try:
        running = subprocess.run([docker, "info"], capture_output=True, timeout=10).returncode == 0
    except subprocess.TimeoutExpired:
        running = False
    return "running" if running else "installed, but its engine does not answer; the course runs without it"
