"""A home folder in which Jupyter, IPython, pip and uv can keep their own files. Standard library only."""

import os
import tempfile
from pathlib import Path


def home_folder_is_usable() -> bool:
    """Whether the user's home folder is known, there, and can be written."""
    home = os.path.expanduser("~")
    if os.name == "posix" and "HOME" in os.environ:
        home = os.environ["HOME"]  # set to nothing, expanduser would take the root of the file system
    return os.path.isabs(home) and os.path.isdir(home) and can_be_written(Path(home))


def can_be_written(folder: Path) -> bool:
    """Whether a file can be made in that folder, which is made if need be. The file is gone at once."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def choose_home_folder(replacement: Path) -> None:
    """Sets HOME to the folder `replacement`, which is made, where the user has no usable one."""
    if os.name != "posix" or home_folder_is_usable():
        return
    replacement.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["HOME"] = str(replacement)
