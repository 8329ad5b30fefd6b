"""Folders in which the course may lie: unzipped, or not to be written."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

from redis_helpers.course.start.environment import ROOT

MADE_HERE = {ROOT / "data", ROOT / "site", ROOT / "build"}
NOT_IN_A_ZIP = {".git", ".venv", ".env", "__pycache__", ".pytest_cache"}
NOT_IN_A_ZIP |= {".mypy_cache", ".ruff_cache", ".ipynb_checkpoints"}


def unzipped_course(folder: Path) -> Path:
    """The course as somebody has it who downloads the zip and unpacks it with Windows or Python: without git.

    An unpacking of that kind makes no file executable. Its requirements.txt asks for no more than is installed here, so
    that nothing is fetched. Returns the folder, which must not be there yet.
    """
    packed = folder.with_name("course.zip")
    with zipfile.ZipFile(packed, "w") as archive:
        for place, folders, files in os.walk(ROOT):
            folders[:] = [name for name in folders if name not in NOT_IN_A_ZIP and Path(place, name) not in MADE_HERE]
            for name in files:
                path = Path(place, name)
                if name not in NOT_IN_A_ZIP and path.is_file():
                    archive.write(path, path.relative_to(ROOT))
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    packed.unlink()
    (folder / "requirements.txt").write_text(f"packaging=={version('packaging')}\n", encoding="utf-8")
    return folder


def without_the_right_to_write(folder: Path) -> list[str]:
    """Takes the rights to write away, as in the folder of another user. Returns the beginning of a command that obeys.

    The administrator, as whom tests run in a container, may write everywhere. Without one of its powers it may not.
    """
    folder.chmod(0o555)
    if os.geteuid() != 0:
        return []
    power = "-dac_override,-dac_read_search"
    return ["setpriv", f"--inh-caps={power}", f"--bounding-set={power}"]


def on_a_read_only_file_system(folder: Path) -> list[str]:
    """The beginning of a command to which the folder is a read-only file system: a CD, or an image of a class room."""
    mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec "$@"'
    return [*own_mounts(), "sh", "-c", mount, str(folder)]


def own_mounts() -> list[str]:
    """The beginning of a command whose mounts nobody else sees. Who is not the administrator becomes one, in there."""
    return ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


def can_mount() -> bool:
    """Whether this user may mount something, in a name space of their own."""
    if sys.platform != "linux" or not shutil.which("unshare"):
        return False
    return subprocess.run([*own_mounts(), "true"], capture_output=True).returncode == 0
