"""Servers that misbehave on purpose, in front of a real Redis or instead of one. All of them on loopback."""

import contextlib
import socket
import socketserver
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
def odd_server(answer):
    """The port of a server that does `answer(client)` with the socket of each client, in a thread of its own."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):  # the client has gone
                answer(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True  # a client that neither speaks nor goes holds nobody up
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def http_server():
    """The port of a server that answers each request as a web server does."""

    def answer(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    return odd_server(answer)


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


def wait_until(condition, seconds: float = 60) -> bool:
    """Looks again and again until the condition holds; False when it does not hold in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
