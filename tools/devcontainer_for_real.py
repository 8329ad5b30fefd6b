"""The development container, started for real: `.venv/bin/python -m tools.devcontainer_for_real`.

It needs a Docker engine, and the Dev Containers CLI (`npm install -g @devcontainers/cli`), which does what VS Code and
GitHub Codespaces do: it reads `.devcontainer/`, brings the containers up and runs the commands in them.

A clone of what is committed is opened in a container. The lab opens at the first notebook for who has its token, a
lesson runs against the Redis beside it, nothing is published, and all is taken down again, also after a failure.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from redis_helpers.course.start.environment import ROOT

CONFIGURATION = ROOT / ".devcontainer" / "devcontainer.json"
USER_OF_THE_IMAGE = 1000  # the user number of `vscode`
OPENED = "/tmp/opened-in-the-browser"
# Stands for VS Code's own program: it writes down what it is to open.
BROWSER = f"""printf '#!/bin/sh\\necho "$1" >{OPENED}\\n' >/tmp/browser; chmod +x /tmp/browser"""
# In the container: what the lab answers to who has the token, and to who has none.
ASK = """
import sys, urllib.error, urllib.request
def status(address):
    try:
        return urllib.request.urlopen(address, timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code
page, contents = sys.argv[1:]
print(status(page), status(contents))
"""


def configuration() -> dict:
    """devcontainer.json, whose comments are lines of their own."""
    lines = CONFIGURATION.read_text(encoding="utf-8").splitlines()
    return json.loads("\n".join(line for line in lines if not line.lstrip().startswith("//")))


class Container:
    """The development container of a clone in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.place = ["--workspace-folder", str(folder)]
        self.name = ""

    def up(self) -> None:
        """Brings it up, and runs everything but the command that opens the lab, which would not come to an end."""
        said = self._devcontainer("up", *self.place, "--skip-post-attach")
        outcome = json.loads(said.splitlines()[-1])
        assert outcome["outcome"] == "success", said
        assert outcome["remoteUser"] == configuration()["remoteUser"], outcome
        self.name = outcome["containerId"]

    def run(self, *command: str, **settings: str) -> str:
        """Runs a command in it as its user, and returns what it printed."""
        given = [f"--remote-env={name}={value}" for name, value in settings.items()]
        return self._devcontainer("exec", *self.place, *given, *command)

    @contextlib.contextmanager
    def running(self, *command: str, **settings: str) -> Iterator[None]:
        """A command runs in it for the time of the block."""
        given = [f"--remote-env={name}={value}" for name, value in settings.items()]
        process = subprocess.Popen(
            ["devcontainer", "exec", *self.place, *given, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    def published(self) -> str:
        """The lines of `docker ps` that give a port to the machine outside."""
        places = self._docker("ps", "--filter", self._label(), "--format", "{{.Names}} {{.Ports}}")
        return "\n".join(line for line in places.splitlines() if "->" in line)

    def down(self) -> None:
        """Removes both containers, what they stored, their network, and the image that the CLI made for this one."""
        if not self.name:
            return
        label, image = self._label(), self._docker("inspect", "-f", "{{.Config.Image}}", self.name).strip()
        self._docker("rm", "-f", "-v", *self._docker("ps", "-aq", "--filter", label).split())
        self._docker("network", "rm", *self._docker("network", "ls", "-q", "--filter", label).split())
        assert not self._docker("ps", "-aq", "--filter", label), "containers are left"
        if image.startswith("vsc-"):
            self._docker("rmi", image)

    def _label(self) -> str:
        """What `docker` finds this container by, and the Redis beside it."""
        project = self._docker("inspect", "-f", '{{index .Config.Labels "com.docker.compose.project"}}', self.name)
        return f"label=com.docker.compose.project={project.strip()}"

    def _devcontainer(self, *arguments: str) -> str:
        return self._output("devcontainer", *arguments)

    def _docker(self, *arguments: str) -> str:
        return self._output("docker", *arguments)

    @staticmethod
    def _output(*command: str) -> str:
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


def doctor_is_content(container: Container) -> None:
    said = container.run("python3", "-m", "redis_helpers", "doctor")
    assert "configured, at redis:6379/0" in said, said


def the_lab_opens_at_the_first_notebook(container: Container) -> None:
    (command,) = configuration()["postAttachCommand"].values()
    container.run("sh", "-c", BROWSER)
    with container.running(*command.split(), BROWSER="/tmp/browser %s"):
        opened = what_was_opened(container)
        address = urlsplit(opened)
        assert address.path == "/lab/tree/notebooks/00_start_here.ipynb", opened
        assert address.query.startswith("token="), opened
        contents = f"http://{address.netloc}/api/contents"
        assert container.run("python3", "-c", ASK, opened, contents).split() == ["200", "403"]
        again = container.run(*command.split())
        assert again.startswith("The lab runs already:") and address.query in again, again


def what_was_opened(container: Container) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = container.run("sh", "-c", f"cat {OPENED} 2>/dev/null || true").strip()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("no browser was asked to open the lab")


def a_lesson_runs(container: Container) -> None:
    container.run(".venv/bin/python", "-m", "pytest", "-q", "-n0", "notebooks/00_start_here.ipynb")


def nothing_is_published(container: Container) -> None:
    assert container.published() == ""


def clone_into(folder: Path) -> None:
    """What a newcomer opens. The user of the container can write it, whoever runs this command."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", str(USER_OF_THE_IMAGE), str(folder)], check=True)


def main() -> None:
    """Runs the steps in turn, one line each."""
    for program in ("docker", "devcontainer"):
        if not shutil.which(program):
            sys.exit(f"This test needs `{program}`: install Docker, and `npm install -g @devcontainers/cli`.")
    with tempfile.TemporaryDirectory(prefix="devcontainer-") as parent:
        folder = Path(parent) / "course"
        clone_into(folder)
        os.chmod(parent, 0o755)
        container = Container(folder)
        steps: dict[str, Callable[[Container], None]] = {
            "it comes up, with all packages": Container.up,
            "doctor is content with the Redis beside it": doctor_is_content,
            "the lab opens at the first notebook, for who has the token": the_lab_opens_at_the_first_notebook,
            "a lesson runs": a_lesson_runs,
            "nothing is published": nothing_is_published,
        }
        try:
            for title, step in steps.items():
                start = time.monotonic()
                step(container)
                print(f"OK, {time.monotonic() - start:5.1f} s: {title}", flush=True)
        finally:
            container.down()
        print("OK: all taken down")


if __name__ == "__main__":
    main()
