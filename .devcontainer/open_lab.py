"""Starts the lab in the development container, or says where it is when it runs already.

The lab listens on the container's own 127.0.0.1, which VS Code and Codespaces forward to you alone, and lets in who has
its token. They name a program in BROWSER that opens an address outside of the container: JupyterLab asks it to open the
lesson. Where there is none, click on the address in the terminal.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parent.parent
COURSE_PYTHON = COURSE / ".venv" / "bin" / "python"
PORT = 8888
# Otherwise the browser would be given a file of the container, which it cannot open.
ADDRESS_ITSELF = "--ServerApp.use_redirect_file=False"


def somebody_listens(port: int) -> bool:
    """Whether that port of this machine is taken."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main(port: int = PORT, course_python: str | Path = COURSE_PYTHON) -> None:
    """Becomes the lab, or prints the address of the one that runs."""
    os.chdir(COURSE)
    if somebody_listens(port):
        print("The lab runs already:", flush=True)
        sys.exit(subprocess.call([str(course_python), "-m", "jupyter_server", "list"]))
    command = [sys.executable, "-m", "redis_helpers", "lab", "--port", str(port), ADDRESS_ITSELF]
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
