"""What `report()` prints: what a helper needs to know, and nothing that tells who the learner is.

Every word of it comes from the course, from a version number, or from a list in this module. Nothing of the learner's
own is quoted: no name, no path, no address, no key, no value, no line of code.
"""

import ast
import importlib.metadata
import platform
import tomllib
from collections import deque
from datetime import date
from functools import cache
from pathlib import Path

import redis

from redis_helpers.connect_options import ConnectOptions, connect_options
from redis_helpers.course import exercises as exercises_package
from redis_helpers.course import lessons as lessons_package
from redis_helpers.course.exercises import course_map, progress_file
from redis_helpers.course.exercises.catalog import exercises
from redis_helpers.course.exercises.course_client import course_redis
from redis_helpers.course.exercises.model import Crashed, Failed
from redis_helpers.course.exercises.progress_file import section
from redis_helpers.course.exercises.review_cards import cards, due_by_file
from redis_helpers.errors import CourseError
from redis_helpers.server import server_name

PACKAGES = ("redis", "jupyterlab", "ipykernel")
MOST_VERDICTS = 8
KNOWN_ERRORS = ("builtins", "json", "redis")  # only of these packages is an error's name told
LEAST_WORDS = 20  # characters that a reason must have in common with a text of the course
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")

_verdicts: deque[str] = deque(maxlen=MOST_VERDICTS)


def note_verdict(exercise_id: str, verdict: str | Failed | Crashed) -> None:
    """Remembers what `check` has said, until this kernel ends: a word, or what was wrong."""
    if isinstance(verdict, Failed):
        verdict = f"failed: {_words_of_the_course(verdict.why)}"
    elif isinstance(verdict, Crashed):
        verdict = f"raised {_name_of(verdict.error)}"
    _verdicts.append(f"  {exercise_id} {verdict}")


def report_text() -> str:
    """The whole report."""
    return "\n".join(
        [
            "Redis, cell by cell: a report that you can send with a question",
            f"Course:   {_course_version()}",
            f"Python:   {platform.python_version()} ({platform.python_implementation()})",
            f"Packages: {', '.join(f'{name} {_version(name)}' for name in PACKAGES)}",
            f"System:   {_system()}",
            f"Server:   {_server()}",
            f"Progress: {_progress()}",
            "Last verdicts of check in this kernel:",
            *(_verdicts or ["  none"]),
        ]
    )


def _course_version() -> str:
    """As pyproject.toml says, or the installed package."""
    try:
        return str(tomllib.loads((progress_file.CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["version"])
    except (OSError, ValueError, KeyError):
        return _version("redis-cell-by-cell")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _system() -> str:
    wsl = ", WSL" if "microsoft" in platform.release().lower() else ""
    return f"{platform.system()} {platform.machine()}{wsl}"


def _server() -> str:
    try:
        configured = connect_options()
        where = "embedded" if configured is None else _where(configured)
    except CourseError:
        return "the settings for Redis cannot be understood"
    try:
        return f"{server_name(course_redis()[0])}, {where}"
    except CourseError as problem:
        return f"{where}, cannot be used ({_cause(problem)})"
    except redis.RedisError as problem:
        return f"{where}, cannot be used ({_name_of(problem)})"


def _where(options: ConnectOptions) -> str:
    host = "localhost" if options.socket_path is not None or options.host in THIS_MACHINE else "another host"
    return f"configured, on {host}{', with TLS' if options.tls else ''}"


def _cause(problem: CourseError) -> str:
    """The kind of error that this sentence was made of: the sentence itself names the address."""
    cause = problem.__cause__ or problem.__context__
    return "CourseError" if cause is None else _name_of(cause)


def _progress() -> str:
    try:
        content = progress_file.read()
        passed = len(section(content, "passed").keys() & exercises().keys())
        finished = len(course_map.finished(content))
        known = cards(content, date.today())
    except CourseError:
        return "the progress file cannot be read"
    due = len(due_by_file(known, date.today()))
    return f"{passed} of {len(exercises())} exercises passed, {finished} lessons finished, {due} due for review"


def _name_of(error: BaseException) -> str:
    package = type(error).__module__.partition(".")[0]
    return type(error).__name__ if package in KNOWN_ERRORS else "an error of another package"


def _words_of_the_course(why: str) -> str:
    """The sentence, as far as it stands in the course itself; what was put into it is left out."""
    if why in _texts_of_the_course():
        return why
    beginnings = [text for text in _texts_of_the_course() if len(text) >= LEAST_WORDS and why.startswith(text)]
    return f"{max(beginnings, key=len).rstrip()} …" if beginnings else "…"


@cache
def _texts_of_the_course() -> frozenset[str]:
    """Every text in the modules of the exercises and of the lessons."""
    folders = [Path(path) for package in (exercises_package, lessons_package) for path in package.__path__]
    trees = [ast.parse(file.read_text("utf-8")) for folder in folders for file in folder.rglob("*.py")]
    found = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return frozenset(text for text in found if isinstance(text, str))
