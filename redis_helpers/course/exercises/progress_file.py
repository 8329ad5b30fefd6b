"""What the learner has done: a small JSON file beside the notebooks, whatever server they work with.

    {
      "passed": {"1.2": "2026-11-26"},                       exercises, and the day of the first time
      "answered": {"1.3": "2026-11-26"},                     quiz questions that were answered rightly, likewise
      "left_out": {"9.1": "2026-11-26"},                     exercises that the server at hand could not do
      "review": {"Q1.3": {"box": 2, "due": "2026-11-30"}},   what `review()` has asked (review_cards.py)
      "session": {"day": "2026-11-28", "cards": ["Q1.3"]},   the review that is under way
      "writing": {"1.2": "shown"},                           exercises of a review: "missed" after a mistake
      "plan": {"text": "on Friday, at 20:00", "day": "2026-11-26"}
    }

Only "passed" is always there. What a newer course has added stays.

It is written whole or not at all. Kernels that write at the same moment wait for each other, so that no entry is lost
(but on a file system that knows no locks, two writes at the same moment may keep only one of the two entries).
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from redis_helpers.errors import CourseError

VARIABLE = "COURSE_PROGRESS_FILE"  # an environment variable that names another file, by its whole path
FILE_NAME = "cell-by-cell-progress.json"
FIRST_LESSON = "00_start_here.ipynb"
CHECKOUT = Path(__file__).resolve().parents[3]
LOCK_TIMEOUT = 2  # seconds; a write takes some milliseconds


def progress_path() -> Path:
    """Where the file is, or will be: beside the lessons.

    They are looked for from the current folder upwards (a notebook's kernel runs in the notebook's folder), then beside
    this package. Where there are no lessons, it is the current folder.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return _without_links(Path(chosen).expanduser())
    here = _current_folder()
    for folder in (here, *here.parents, CHECKOUT):
        for lessons in (folder, folder / "notebooks"):
            if os.path.isfile(lessons / FIRST_LESSON):
                return _without_links(lessons / FILE_NAME)
    return _without_links(here / FILE_NAME)


def read() -> dict[str, Any]:
    """All that the file holds; {"passed": {}} when there is none yet.

    Raises CourseError when there is a file, and it cannot be read.
    """
    return _read(progress_path())


def read_passed() -> dict[str, str]:
    """The exercises that were passed: id → the day of the first time, as YYYY-MM-DD.

    Raises CourseError when there is a file, and it cannot be read.
    """
    return section(read(), "passed")


def section(content: dict[str, Any], name: str) -> dict[str, Any]:
    """One part of what the file holds, to be read; empty when it is not there, or not in the form of this course."""
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def section_to_change(content: dict[str, Any], name: str) -> dict[str, Any]:
    """The same, to be changed in place: it is put into `content` when it is not there.

    Raises CourseError when it is there in another form, such as that of a newer course: nothing is written over it.
    """
    found = content.setdefault(name, {})
    if not isinstance(found, dict):
        raise CourseError(
            f'Nothing was written down: in your progress file {progress_path()}, "{name}" has a form that this course '
            f"does not know. Take the newest course, or name another file in {VARIABLE}."
        )
    return found


def change(write: Callable[[dict[str, Any]], None]) -> None:
    """Reads the file, lets `write` change what it holds, and puts it back. No other kernel comes in between.

    Raises CourseError when that is not possible. What the file held is then still there.
    """
    path = progress_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            content = _read(path)
            write(content)
            _replace(path, content)
    except OSError as error:
        raise CourseError(
            f"Your progress was not written down: the file {path} cannot be written ({error.strerror}). "
            f"Check its permissions and the disk, or name another file in {VARIABLE}."
        ) from None


def remember_passed(exercise_id: str) -> None:
    """Writes down that this exercise was passed today, unless it was before. Raises CourseError as `change` does."""
    _remember("passed", exercise_id)


def remember_answered(number: str) -> None:
    """Writes down that this quiz question was answered rightly today, unless it was before."""
    _remember("answered", number)


def remember_left_out(exercise_id: str) -> None:
    """Writes down that the server at hand cannot do what this exercise needs."""
    _remember("left_out", exercise_id)


def remember_plan(text: str) -> None:
    """Writes down when the learner wants to go on."""

    def write(content: dict[str, Any]) -> None:
        section_to_change(content, "plan").update(text=text, day=_today())

    change(write)


def _remember(name: str, entry: str) -> None:
    if entry in section(read(), name):  # a file that may not be written is asked only when something is new
        return

    def write(content: dict[str, Any]) -> None:
        section_to_change(content, name).setdefault(entry, _today())  # another kernel may have written it since

    change(write)


def _today() -> str:
    return time.strftime("%Y-%m-%d")


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # somebody has deleted it
        return Path.home()


def _without_links(path: Path) -> Path:
    """The file itself: a link to it is kept when the file is replaced."""
    return Path(os.path.realpath(path))


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise _not_ours(path)
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {"passed": {}}
    except OSError as error:
        raise CourseError(
            f"Your progress file {path} cannot be read ({error.strerror}): check its permissions, or name another "
            f"file in {VARIABLE}."
        ) from None
    except (ValueError, RecursionError):  # not UTF-8, or not JSON
        raise _not_ours(path) from None
    if not isinstance(content, dict) or not isinstance(content.get("passed"), dict):
        raise _not_ours(path)
    return content


def _not_ours(path: Path) -> CourseError:
    return CourseError(
        f"Your progress file {path} does not hold what the course wrote there: mend it, or delete it to begin anew."
    )


def _replace(path: Path, content: dict[str, Any]) -> None:
    """Puts a whole new file in the place of the old one. Only who holds the lock may do it."""
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(0, "it is read-only")
    new = path.with_name(f".{path.name}.new")
    with open(new, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())  # a power cut must not leave an empty file
    os.replace(new, path)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the right to replace the file. It ends with this block, and with the process, however that ends."""
    with open(path.with_name(f".{path.name}.lock"), "a") as lock_file:
        deadline = time.monotonic() + LOCK_TIMEOUT
        while not _take_lock(lock_file):
            if time.monotonic() > deadline:
                raise CourseError(
                    f"Your progress was not written down: another kernel keeps the file {path} locked. "
                    "Run this cell again; if that does not help, restart the other kernels."
                )
            time.sleep(0.01)
        yield


def _take_lock(lock_file: IO[str]) -> bool:
    """False while another kernel (or another thread) has the lock. Closing the file gives it back."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(lock_file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system that knows no locks
        return True
    return True
