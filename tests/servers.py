"""Servers that misbehave on purpose, in front of a real Redis or instead of one. All of them on loopback."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import trustme

from redis_helpers.connection import ConnectOptions
from redis_helpers.embedded import EmbeddedRedis
from redis_helpers.errors import CourseError


class FaultProxy:
    """Stands between a client and a server on loopback, and lets the network fail on demand.

        with FaultProxy(server.port) as proxy:
            client = redis.Redis(port=proxy.port, …)
            proxy.drop_replies = 1  # the server runs the next command, and the client never hears of it
            proxy.half_replies = 1  # of the next reply, only the first half arrives, then the connection is cut
            proxy.delay = 0.1       # from now on each reply comes so many seconds late
            proxy.cut()             # closes the connections there are; new ones are welcome

    With `tls`, clients speak TLS to the proxy, and the server behind it hears plain Redis.
    """

    def __init__(self, server_port: int, tls: ssl.SSLContext | None = None) -> None:
        self.server_port = server_port
        self.port = 0
        self.drop_replies = 0
        self.half_replies = 0
        self.delay = 0.0
        self._tls = tls
        self._clients: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def cut(self) -> None:
        """Closes the connections there are."""
        self._loop.call_soon_threadsafe(lambda: [client.transport.abort() for client in self._clients])

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda loop, context: None)  # a broken connection is what we are here for
        listener = await asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=self._tls)
        self.port = listener.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        listener.close()

    async def _relay(self, commands: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._clients.add(client)
        try:
            replies, server = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:  # nobody there
            client.transport.abort()
            return
        try:
            ways = [
                asyncio.create_task(self._send(commands, server)),
                asyncio.create_task(self._answer(replies, client)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._clients.discard(client)
            for end in (client, server):
                end.transport.abort()

    async def _send(self, commands: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while data := await commands.read(65536):
            server.write(data)
            await server.drain()

    async def _answer(self, replies: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await replies.read(65536):
            await asyncio.sleep(self.delay)
            if self.drop_replies > 0:
                self.drop_replies -= 1
                return
            if self.half_replies > 0:
                self.half_replies -= 1
                client.write(data[: len(data) // 2])
                await client.drain()
                return
            client.write(data)
            await client.drain()


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
