"""Wheels without a network: of what is installed here, and of the course."""

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

from redis_helpers.course.start.environment import ROOT

MADE_BY_THE_INSTALLER = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}


def wheel_of_installed(name: str, folder: Path) -> Path:
    """Packs a package that is installed here, and is pure Python, into a wheel in the folder."""
    distribution = importlib.metadata.distribution(name)
    info = f"{name.replace('-', '_')}-{distribution.version}.dist-info"
    wheel = folder / f"{name.replace('-', '_')}-{distribution.version}-py3-none-any.whl"
    packed = []
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in distribution.files or []:
            left_out = file.parts[0] == ".." or "__pycache__" in file.parts or file.name in MADE_BY_THE_INSTALLER
            if not left_out:
                archive.write(str(file.locate()), file.as_posix())
                packed.append(f"{file.as_posix()},,")
        archive.writestr(f"{info}/RECORD", "\n".join([*packed, f"{info}/RECORD,,", ""]))
    return wheel


def wheel_of_the_course(folder: Path) -> Path:
    """Builds the wheel as `pip install .` does, with the builder that pyproject.toml names."""
    build = f"import flit_core.buildapi; print(flit_core.buildapi.build_wheel({str(folder)!r}))"
    command = [sys.executable, "-c", build]
    built = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8")
    return folder / built.stdout.strip()
