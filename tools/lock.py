"""Writes `requirements.txt` anew: every package of the course and its tests at the newest version that all allow.

`tools/site/requirements.txt` has what the site needs besides. A learner does not install it.

    python -m tools.lock

pyproject.toml says what is wanted. uv chooses the versions, of those that are a week old or older, once for all: Python
3.11 to 3.14, on Linux, macOS and Windows. Then each of these must find wheels of all packages: a learner has no
compiler. The file names packages and versions only, not where they come from: everybody's own package index is asked.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from redis_helpers.course.start.environment import REQUIREMENTS, ROOT
from redis_helpers.course.start.installer import UV

PROJECT = ROOT / "pyproject.toml"
SITE_REQUIREMENTS = ROOT / "tools" / "site" / "requirements.txt"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
LEAST_AGE = "1 week"  # what is wrong with a release, broken or malicious, is mostly found within days
HEADER = """\
# What the course installs: the packages that pyproject.toml names, and those that they need in turn. The page
# docs/dependencies.md says what the former are for. `python -m tools.lock` writes this file; do not edit it.

"""
SITE_HEADER = """\
# What builds and checks the site (pyproject.toml, the extra `site`), beside what requirements.txt installs.
# `python -m tools.lock` writes this file; do not edit it.

"""


def main() -> None:
    """Writes the files, and exits with a sentence when a platform lacks a wheel."""
    with tempfile.TemporaryDirectory() as folder:
        uv = find_uv(Path(folder))
        chosen = choose_versions(uv, ("course", "test"))
        course = Path(folder) / "course.txt"
        course.write_text(chosen, encoding="utf-8")
        site = beside(choose_versions(uv, ("course", "test", "site"), course), chosen)
        problems = missing_wheels(uv, f"{chosen}\n{site}")
    if problems:
        sys.exit("\n".join(["requirements.txt is left as it was.", *problems]))
    REQUIREMENTS.write_text(HEADER + chosen, encoding="utf-8")
    SITE_REQUIREMENTS.write_text(SITE_HEADER + site, encoding="utf-8")
    print(f"Written; all wheels exist for Python {', '.join(PYTHONS)} on {', '.join(PLATFORMS)}")


def find_uv(folder: Path) -> str:
    """The path of uv: the one on the PATH, or one that pip fetches into the folder."""
    found = shutil.which("uv")
    if found:
        return found
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), UV]
    subprocess.run(pip, check=True)
    return str(folder / "bin" / "uv")


def choose_versions(uv: str, extras: Sequence[str], chosen: Path | None = None) -> str:
    """The text of the lock for these extras of pyproject.toml; what is `chosen` already stays as it is."""
    options = [word for extra in extras for word in ("--extra", extra)]
    options += ["--constraint", str(chosen), "--no-annotate"] if chosen else []
    command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", PYTHONS[0], "--no-header", *options]
    command += ["--exclude-newer", LEAST_AGE]
    compiled = subprocess.run([*command, PROJECT.name], cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8")
    return compiled.stdout


def beside(lock: str, other: str) -> str:
    """The lines of a lock whose package the other lock does not name."""
    named = {name_in(line) for line in other.splitlines()}
    return "".join(f"{line}\n" for line in lock.splitlines() if name_in(line) not in named)


def name_in(line: str) -> str:
    """The package that a line of a lock pins."""
    return re.split(r"[=\[ ]", line, maxsplit=1)[0]


def missing_wheels(uv: str, lock: str) -> list[str]:
    """One sentence for each Python on each platform that does not find a wheel of every package."""
    problems = []
    for platform in PLATFORMS:
        for python in PYTHONS:
            command = [uv, "pip", "compile", "--quiet", "--no-header", "--only-binary", ":all:"]
            command += ["--python-platform", platform, "--python-version", python, "-"]
            found = subprocess.run(command, cwd=ROOT, input=lock, capture_output=True, encoding="utf-8")
            if found.returncode:
                problems.append(f"Python {python} on {platform}: {' '.join(found.stderr.split())}")
    return problems


if __name__ == "__main__":
    main()
