"""Runs a command that must not live longer than the process which wants it. Standard library only.

    python guarded_command.py COMMAND [ARGUMENT …]

The caller keeps the write end of this process' standard input. However the caller ends (Ctrl-C, a closed terminal,
kill -9), the system closes that pipe, and then this process ends the command with everything that the command started.
The caller starts it in a session of its own, so that it ends nothing else.
"""

import os
import signal
import subprocess
import sys
import threading


def end_everything_when_the_caller_ends() -> None:
    """Waits for the end of standard input, then kills this process and all that it has started."""
    while os.read(0, 1024):  # sys.stdin would be locked by this thread when the process ends
        pass
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(os.getpid())], capture_output=True)
    else:
        os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=end_everything_when_the_caller_ends, daemon=True).start()
    sys.exit(subprocess.call(sys.argv[1:], stdin=subprocess.DEVNULL))
