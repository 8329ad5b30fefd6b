"""The guard of one embedded server: a small program that starts the server, and tidies up after it.

`EmbeddedRedis` runs it with Python's standard library alone, so that it is there within milliseconds.

The guard is two processes. The first starts the server, the second is a fork of the first, and both wait for the first
of three ends:

    the owner's    the Python that wanted the server; it alone can write to the guard's standard input
    the server's   it alone can write to a pipe, of which it knows nothing
    the other's    of the two guards, each alone can write to a pipe that the other one reads

However a process ends, kill -9 included, the system closes its pipes, and whoever waits at the other end is told. Then
the server is ended if it still runs, and its temporary folder is removed.

When both guards are killed in one moment, nobody is left to be told. On Linux the system itself then ends the server.
The folder goes at the owner's `stop()`, or when an embedded server is started the next time.
"""

import ctypes
import os
import select
import signal
import sys

if sys.platform != "win32":  # where no embedded server exists
    import fcntl

    NOT_FOR_THE_GUARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the guard ends when the owner has ended
    IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)

END_LIMIT = 5  # seconds that a server gets to end in good order; it takes milliseconds, unless there is much to save
END_OF_CONFIGURATION = b"\nEND\n"
PR_SET_PDEATHSIG = 1  # of Linux' <sys/prctl.h>: the signal that comes when the parent has ended


def has_ended(end: int, seconds: float = 0) -> bool:
    """Waits up to so many seconds for the end of whoever holds the other side of this pipe, and never writes to it."""
    poll = select.poll()
    poll.register(end, select.POLLIN)
    return bool(poll.poll(1000 * seconds))


def end_server(pid: int, server_end: int) -> None:
    """Ends the server in good order, or with kill -9 when it has not ended in time. Nothing happens if it has ended."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not has_ended(server_end):
            send_signal(pid, number)
            send_signal(pid, signal.SIGCONT)  # a paused process would hear of SIGTERM only when it goes on
            has_ended(server_end, END_LIMIT)


def send_signal(pid: int, number: int) -> None:
    """Sends the process a signal, if it is still there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def remove_folder(folder: str) -> None:
    """Removes the folder with what is in it, if it is there."""
    try:
        os.remove(os.path.join(folder, "lock"))  # as a rule, no other file is in it
    except OSError:
        pass
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        pass
    except OSError:
        import shutil  # not at the start, which it would make a third longer

        shutil.rmtree(folder, ignore_errors=True)


def main(binary: str, folder: str, server_end: int, server_hold: int) -> None:
    """Starts the server, and guards it. Its configuration, and a line END, come from the standard input.

    `folder` is the temporary folder to make, or "". `server_end` is the read end of the pipe that tells of the server's
    end, `server_hold` the end that the server is to hold.
    """
    for number in NOT_FOR_THE_GUARD:
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)  # what the server writes is for its owner alone
    configuration = _read_configuration()
    if configuration is None:
        return  # the owner has ended, and nothing is begun yet
    first_end, first_hold = os.pipe()
    second_end, second_hold = os.pipe()
    second = os.fork()
    if second == 0:
        for end in (first_hold, second_end, server_hold):
            os.close(end)
        pid = int(os.read(first_end, 20) or 0)  # nothing: the first has ended before there was a server
        _watch_over(pid, folder, (0, server_end, first_end))
    else:
        for end in (first_end, second_hold):
            os.close(end)
        _make_folder(folder)
        pid = _start_server(binary, configuration, server_hold, first_hold)
        os.close(server_hold)
        _watch_over(pid, folder, (0, server_end, second_end))
        os.waitpid(pid, 0)
        send_signal(second, signal.SIGKILL)  # all is done; and nobody but us would bury it
        os.waitpid(second, 0)


def _read_configuration() -> bytes | None:
    configuration = b""
    while not configuration.endswith(END_OF_CONFIGURATION):
        more = os.read(0, 65536)
        if not more:
            return None
        configuration += more
    return configuration.removesuffix(END_OF_CONFIGURATION[1:])


def _make_folder(folder: str) -> None:
    """Makes the server's folder, with a lock in it that is held as long as this guard or the server lives.

    It gets its name when it is locked: so whoever looks for folders that were left takes no new one for one of those.
    """
    if folder:
        os.mkdir(_unlocked(folder), 0o700)
        lock = os.open(os.path.join(_unlocked(folder), "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock, True)
        os.rename(_unlocked(folder), folder)


def _unlocked(folder: str) -> str:
    return folder + ".new"


def _watch_over(pid: int, folder: str, ends: tuple[int, ...]) -> None:
    """Waits for the first end of the three, and tidies up. The PID is 0 when no server has been started."""
    poll = select.poll()
    for end in ends:
        poll.register(end, select.POLLIN)
    poll.poll()
    if pid:
        end_server(pid, ends[1])
    if folder:
        remove_folder(folder)
        remove_folder(_unlocked(folder))


def _start_server(binary: str, configuration: bytes, server_hold: int, first_hold: int) -> int:
    """Starts the server and returns its PID, which the owner and the second guard are told, too.

    The configuration goes to its standard input: a password among the arguments could be read by everybody with `ps`.
    """
    guard_pid = os.getpid()
    configuration_end, configuration_hold = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for number in (*NOT_FOR_THE_GUARD, *IGNORED_BY_PYTHON):
                signal.signal(number, signal.SIG_DFL)
            _end_with_the_guard(guard_pid)
            # First the others know the PID, then there is a server: so none can be forgotten.
            for told in (first_hold, 1):
                os.write(told, b"%d\n" % os.getpid())
            os.dup2(configuration_end, 0)
            os.dup2(2, 1)
            os.set_inheritable(server_hold, True)
            os.execv(binary, [binary, "-"])
        except OSError as error:
            os.write(2, f"{binary}: {error.strerror}\n".encode())
        finally:
            os._exit(127)
    os.close(configuration_end)
    with open(configuration_hold, "wb", buffering=0) as server_input:
        try:
            server_input.write(configuration)
        except BrokenPipeError:  # it has ended already, and has said why
            pass
    return pid


def _end_with_the_guard(guard_pid: int) -> None:
    """Linux kills this process when its parent has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard_pid:  # it has ended before that
        os._exit(1)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
        os._exit(0)  # nothing is left to do; Python itself would take some milliseconds to end
    except OSError as reason:
        sys.exit(str(reason))
