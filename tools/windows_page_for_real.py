"""docs/windows.md, line by line: `python3 -m tools.windows_page_for_real debian:13 ubuntu:24.04`. It needs Docker.

Each line for the terminal of WSL is typed into a new container of that image, by a user who has sudo, and no more than
a new Linux in WSL has. Lines for programs of Windows are left out. A line that fails ends the whole, and the lab must
answer at the address that it prints. Printed is how long each line took.
"""

import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis_helpers.course.start.environment import ROOT

PAGE = ROOT / "docs" / "windows.md"
ADDRESS = "ADDRESS-OF-THIS-REPOSITORY"
WINDOWS_PROGRAMS = ("code", "explorer.exe")
CLONED = "/srv/course.git"
DOWNLOADED = "/mnt/c/Users/NAME/Downloads/course.zip"
LAB = "python3 -m redis_helpers lab"
USER = "ann"
# What WSL does with a new Linux: a user who may do everything by sudo (here without a password).
NEW_USER = f"""
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq sudo passwd
useradd --create-home --shell /bin/bash {USER}
echo '{USER} ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/{USER}
"""
# A line is typed where the one before it ended.
TYPED = 'cd "$(cat ~/.here 2>/dev/null || echo ~)" && { %s\n} && pwd >~/.here'
ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=20).status)"


def lines_to_type(page: str) -> list[str]:
    """The lines of the page's `sh` blocks, but for those that call a program of Windows."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", page, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.split()[0] not in WINDOWS_PROGRAMS]


class NewLinux:
    """A container with a user in it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def set_up(self, repository: Path, packed: Path) -> None:
        """Makes the user, and brings in what they clone, and what they have downloaded with Windows."""
        self._run(NEW_USER, "root")
        for path, place in ((repository, CLONED), (packed, DOWNLOADED)):
            self._run(f"mkdir -p {Path(place).parent}", "root")
            subprocess.run(["docker", "cp", "--quiet", str(path), f"{self.name}:{place}"], check=True)
        self._run(f"chown -R {USER} {CLONED}", "root")

    def type(self, line: str) -> str:
        """Runs a line as the user, and returns what it printed. One that fails ends the whole."""
        return self._run(TYPED % line, USER)

    def try_lab(self) -> None:
        """Starts the lab, asks for the page at the address that it prints, and ends it."""
        self.type(f"(setsid {LAB} >~/lab.log 2>&1 </dev/null & echo $! >~/lab.pid)")
        address = self._address_of_lab()
        answer = self.type(f"python3 -c {shlex.quote(ASK)} {shlex.quote(address)}")
        assert answer.strip() == "200", answer
        self.type('kill "$(cat ~/lab.pid)"; while [ -e "/proc/$(cat ~/lab.pid)" ]; do sleep 0.1; done')

    def _address_of_lab(self) -> str:
        """Waits until the lab listens, for which it first installs the packages."""
        while True:
            ended = self.type('[ -e "/proc/$(cat ~/lab.pid)" ] || echo ended')
            printed = self.type("cat ~/lab.log")
            found = re.search(r"http://localhost:\d+/lab\S*token=\w+", printed)
            if found:
                return found.group()
            if ended:
                raise SystemExit(f"The lab ended before it listened:\n{printed}")
            time.sleep(0.5)

    def _run(self, script: str, user: str) -> str:
        whole = f"export HOME=$(getent passwd {user} | cut -d: -f6); {script}"
        command = ["docker", "exec", "--user", user, self.name, "bash", "-c", whole]
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if ran.returncode:
            raise SystemExit(f"This failed: {script}\n{ran.stdout}")
        return ran.stdout


@contextmanager
def new_linux(image: str) -> Iterator[NewLinux]:
    """A new container of the image, which is removed in the end."""
    command = ["docker", "run", "--detach", "--rm", "--init", image, "sleep", "infinity"]
    name = subprocess.check_output(command, text=True).strip()
    try:
        yield NewLinux(name)
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=True, stdout=subprocess.DEVNULL)


def try_page(image: str, repository: Path, packed: Path) -> None:
    """Types the lines in the order of the page. The zip is taken instead of the clone, which goes away before it."""
    with new_linux(image) as linux:
        linux.set_up(repository, packed)
        for line in lines_to_type(PAGE.read_text(encoding="utf-8")):
            if line.startswith("unzip "):
                linux.type("cd ~ && rm -rf ~/course")
            start = time.monotonic()
            if line == LAB:
                linux.try_lab()
            else:
                linux.type(line.replace(ADDRESS, CLONED))
            print(f"{image}: {time.monotonic() - start:5.1f} s: {line}", flush=True)


def main(images: list[str]) -> None:
    """Tries the page in each image."""
    with tempfile.TemporaryDirectory(prefix="windows-page-") as folder:
        repository, packed = Path(folder) / "course.git", Path(folder) / "course.zip"
        subprocess.run(["git", "clone", "--quiet", "--bare", str(ROOT), str(repository)], check=True)
        archive = ["git", "archive", "--format=zip", "--prefix=course-main/", f"--output={packed}", "HEAD"]
        subprocess.run(archive, cwd=ROOT, check=True)
        for image in images:
            try_page(image, repository, packed)


if __name__ == "__main__":
    main(sys.argv[1:])
