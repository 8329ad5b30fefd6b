"""A home folder in which Jupyter, IPython, pip and uv can keep their own files. Standard library only."""

import os
from pathlib import Path


def home_folder_is_usable() -> bool:
    """Whether the user's home folder is known, there, and can be written."""
    home = os.path.expanduser("~")
    if os.name == "posix" and "HOME" in os.environ:
        home = os.environ["HOME"]  # set to nothing, expanduser would take the root of the file system
    return os.path.isabs(home) and os.path.isdir(home) and os.access(home, os.W_OK | os.X_OK)


def choose_home_folder(replacement: Path) -> None:
    """Sets HOME to the folder `replacement`, which is made, where the user has no usable one."""
    if os.name != "posix" or home_folder_is_usable():
        return
    replacement.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["HOME"] = str(replacement)
