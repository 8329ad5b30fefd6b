"""One set-up at a time in one folder. Standard library only."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def set_up_lock(path: Path) -> Iterator[None]:
    """Holds the lock file during the `with` block; first waits, and says so, while another process holds it.

    The system lets go of the lock when its process ends, however it ends. Where a file system knows no locks, nothing
    is held.
    """
    path.parent.mkdir(exist_ok=True)
    with open(path, "a") as file:
        if not _take(file):
            print("Another command sets the course up in this folder: waiting for it …", flush=True)
            while not _take(file):
                time.sleep(0.1)
        yield


def _take(file: IO[str]) -> bool:
    """False while another process holds the lock. It ends with the file's closing."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return True
    return True
