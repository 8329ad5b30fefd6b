"""What `report()` prints: what a helper needs to know, and nothing that tells who the learner is.

Every word of it comes from the course, from a version number, or from a list in this module. Nothing of the learner's
own is quoted: no name, no path, no address, no key, no value, no line of code.
"""

import ast
import importlib.metadata
import platform
import re
import tomllib
from collections import deque
from functools import cache
from pathlib import Path

import redis

from redis_helpers import connection_errors
from redis_helpers.connect_options import ConnectOptions, connect_options
from redis_helpers.course import exercises as exercises_package
from redis_helpers.course import lessons as lessons_package
from redis_helpers.course.exercises import course_map, progress_file, review_session
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

_verdicts: deque[tuple[str, str, str]] = deque(maxlen=MOST_VERDICTS)


def note_verdict(exercise_id: str, verdict: str | Failed | Crashed) -> None:
    """Remembers what `check` has said, until this kernel ends: a word such as "passed", or what was wrong."""
    if isinstance(verdict, Failed):
        _verdicts.append((exercise_id, "failed", verdict.why))
    elif isinstance(verdict, Crashed):
        _verdicts.append((exercise_id, "raised", _name_of(verdict.error)))
    else:
        _verdicts.append((exercise_id, verdict, ""))


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
            f"Last verdicts of check in this kernel (the last {MOST_VERDICTS} at most):",
            *([_line_of(*verdict) for verdict in _verdicts] or ["  none"]),
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
        where = "embedded: the course has started it" if configured is None else _where(configured)
    except CourseError:
        return "the settings for Redis cannot be understood"
    try:
        return f"{server_name(course_redis()[0])}, {where}"
    except CourseError as problem:
        address = "" if configured is None else configured.address
        return f"{where}, {_why_not(str(problem), address)}"
    except redis.RedisError as problem:
        return f"{where}, cannot be used ({_name_of(problem)})"


def _where(options: ConnectOptions) -> str:
    host = "localhost" if options.socket_path is not None or options.host in THIS_MACHINE else "another host"
    return f"configured, on {host}{', with TLS' if options.tls else ''}"


def _why_not(sentence: str, address: str) -> str:
    """What the sentence says of the server, without its address; only what stands in the course word for word."""
    reason = sentence.removeprefix(f"The Redis at {address} ").removeprefix("The Redis ").partition(":")[0]
    known = _texts_in(Path(connection_errors.__file__))
    return reason if any(reason in text for text in known) else "cannot be used"


def _progress() -> str:
    try:
        content = progress_file.read()
        passed = len(section(content, "passed").keys() & exercises().keys())
        finished = len(course_map.finished(content))
        due = due_by_file(cards(content, review_session.today()), review_session.today())
    except CourseError:
        return "the progress file cannot be read"
    lessons = "1 lesson" if finished == 1 else f"{finished} lessons"
    return f"{passed} of {len(exercises())} exercises passed, {lessons} finished, {len(due)} due for review"


def _name_of(error: BaseException) -> str:
    package = type(error).__module__.partition(".")[0]
    return type(error).__name__ if package in KNOWN_ERRORS else "an error of another package"


def _line_of(exercise_id: str, word: str, reason: str) -> str:
    if word == "failed":
        return f"  {exercise_id} failed: {_words_of_the_course(reason)}"
    return f"  {exercise_id} {word} {reason}".rstrip()


def _words_of_the_course(why: str) -> str:
    """The sentence, as far as it stands in the course itself; what was put into it is left out."""
    found = [text for text in _texts_of_the_course() if text in why and (len(text) >= LEAST_WORDS or text == why)]
    longest = max(found, key=len, default="")
    templates = [parts for parts in _templates_of_the_course() if _fits(parts, why)]
    fullest = max(templates, key=_length, default=())
    if _length(fullest) > len(longest):
        return "…".join(fullest).strip()
    if not found:
        return "…"
    before = "" if why.startswith(longest) else "… "
    after = "" if why.endswith(longest) else " …"
    return f"{before}{longest.strip()}{after}"


def _fits(parts: tuple[str, ...], why: str) -> bool:
    """Whether the sentence is these parts, with anything between them."""
    if _length(parts) < LEAST_WORDS:
        return False
    return re.fullmatch(".*".join(re.escape(part) for part in parts), why, re.DOTALL) is not None


def _length(parts: tuple[str, ...]) -> int:
    return sum(map(len, parts))


@cache
def _texts_of_the_course() -> frozenset[str]:
    """Every text in the modules of the exercises and of the lessons."""
    return frozenset(text for file in _files_of_the_course() for text in _texts_in(file))


@cache
def _templates_of_the_course() -> frozenset[tuple[str, ...]]:
    """The same for each text with places for values (an f-string): what stands between these places."""
    trees = [ast.parse(file.read_text("utf-8")) for file in _files_of_the_course()]
    texts = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    return frozenset(_parts_of(text) for text in texts)


def _parts_of(text: ast.JoinedStr) -> tuple[str, ...]:
    """f"the key {key} is gone" → ("the key ", " is gone")."""
    parts = [""]
    for value in text.values:
        if isinstance(value, ast.Constant):
            parts[-1] += str(value.value)
        else:
            parts.append("")
    return tuple(parts)


def _files_of_the_course() -> list[Path]:
    folders = [Path(path) for package in (exercises_package, lessons_package) for path in package.__path__]
    return [file for folder in folders for file in folder.rglob("*.py")]


def _texts_in(file: Path) -> list[str]:
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return [value for value in values if isinstance(value, str)]
