"""Temporary folders of embedded servers: their names, and those that were left."""

import os
import re
import secrets
import sys
import tempfile

from redis_helpers.course import embedded_guard

if sys.platform != "win32":  # where no embedded server exists
    import fcntl

FOLDER_NAME = re.compile(r"redis-cell-by-cell-[0-9a-f]{12}")


def new_folder() -> str:
    """A path for the folder of a new server. `FOLDER_NAME` recognises it."""
    return f"{tempfile.gettempdir()}/redis-cell-by-cell-{secrets.token_hex(6)}"


def remove_left_folders(parent: str) -> None:
    """Removes the folders of servers whose guards were killed. Those of running servers and of other users stay."""
    with os.scandir(parent) as entries:
        for entry in entries:
            if FOLDER_NAME.fullmatch(entry.name) and _is_left(entry):
                embedded_guard.remove_folder(entry.path)


def _is_left(entry: os.DirEntry) -> bool:
    """Whether the folder is ours, and neither a guard nor a server has its lock."""
    try:
        if not entry.is_dir(follow_symlinks=False) or entry.stat(follow_symlinks=False).st_uid != os.geteuid():
            return False
        lock = os.open(os.path.join(entry.path, "lock"), os.O_RDWR)
    except FileNotFoundError:  # somebody was killed who was removing it
        return True
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
