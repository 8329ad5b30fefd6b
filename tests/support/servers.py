"""Servers that misbehave on purpose, in front of a real Redis or instead of one. All of them on loopback."""

import contextlib
import os
import signal
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import trustme

from redis_helpers.connection import ConnectOptions
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.errors import CourseError


class Certificates:
    """An authority of our own, and what TLS servers need: good, expired, or made out to another host."""

    def __init__(self, folder):
        authority = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        yesterday = datetime.now(UTC) - timedelta(days=1)
        self.context = self._context(authority.issue_cert("127.0.0.1", "localhost"))
        self.context_expired = self._context(authority.issue_cert("127.0.0.1", "localhost", not_after=yesterday))
        self.context_of_another = self._context(authority.issue_cert("another.example"))

    def _context(self, certificate: trustme.LeafCert) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(context)
        return context


def options_of(server: EmbeddedRedis, **changes) -> ConnectOptions:
    """How to connect to an embedded server."""
    return ConnectOptions(**{"host": server.host, "port": server.port, "password": server.password, **changes})


def debug_server(**options) -> EmbeddedRedis:
    """A server that takes the command DEBUG. Redis 6.2 always does, and does not know the option that allows it."""
    try:
        return EmbeddedRedis(enable_debug_command="yes", **options).start()
    except CourseError:
        return EmbeddedRedis(**options).start()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def silent_server():
    """The port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def http_server():
    """The port of a server that answers each request as a web server does."""

    def serve() -> None:
        with contextlib.suppress(OSError):  # the listener is closed: the end
            while True:
                with listener.accept()[0] as client:
                    client.recv(65536)
                    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@contextlib.contextmanager
def unreachable_server():
    """The port of a server whose queue of callers is full: a further call is not even refused."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1))
        address = listener.getsockname()
        for _ in range(500):
            caller = held.enter_context(socket.socket())
            caller.settimeout(0.2)
            try:
                caller.connect(address)
            except TimeoutError:
                break
        yield address[1]


def wait_until(condition, seconds: float = 10) -> bool:
    """Looks again and again until the condition holds; False when it does not hold in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@contextlib.contextmanager
def paused(server: EmbeddedRedis):
    """The server hangs: its process stands still, and its connections stay open."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


class ForgetfulNetwork:
    """Relays to a server, until `forget()`: from then on what goes through older connections is lost in silence.

    So a firewall or an address translation does with connections that were idle for long, and a failover that moves an
    address to another machine.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._age = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "ForgetfulNetwork":
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def forget(self) -> None:
        """Loses all connections there are. New ones are welcome."""
        self._age += 1

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed: the end
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=(source, target, self._age), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket, age: int) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if age == self._age:
                    target.sendall(data)
            if age == self._age:
                target.shutdown(socket.SHUT_WR)
