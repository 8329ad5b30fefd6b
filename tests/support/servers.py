"""Servers that misbehave on purpose, in front of a real Redis or instead of one. All of them on loopback."""

import contextlib
import os
import re
import signal
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization

from redis_helpers.connection import ConnectOptions
from redis_helpers.course.embedded import EmbeddedRedis, find_server_binary, free_port
from redis_helpers.course.embedded_cluster import _port_with_free_bus
from redis_helpers.errors import CourseError


class Certificates:
    """An authority of our own, and what TLS servers and their clients need: good, and bad in each way there is."""

    def __init__(self, folder):
        authority = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        now, day = datetime.now(UTC), timedelta(days=1)
        good = authority.issue_cert("127.0.0.1", "localhost")
        self.context = self._context(good)
        self.context_expired = self._context(authority.issue_cert("127.0.0.1", not_after=now - day))
        self.context_of_tomorrow = self._context(authority.issue_cert("127.0.0.1", not_before=now + day))
        self.context_of_another = self._context(authority.issue_cert("another.example"))
        self.context_for_known_clients = self._context(good)
        self.context_for_known_clients_1_2 = self._context(good)
        self.context_for_known_clients_1_2.maximum_version = ssl.TLSVersion.TLSv1_2
        for context in (self.context_for_known_clients, self.context_for_known_clients_1_2):
            authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        self.client_cert_file, self.client_key_file = self._files(folder, "client", authority)
        foreign_authority = trustme.CA()
        self.foreign_ca_file = str(folder / "foreign_ca.pem")
        foreign_authority.cert_pem.write_to_path(self.foreign_ca_file)
        self.foreign_cert_file, self.foreign_key_file = self._files(folder, "foreign", foreign_authority)
        self.locked_key_file = self._locked(folder, self.client_key_file)

    def _files(self, folder: Path, name: str, authority: trustme.CA) -> tuple[str, str]:
        """A client's certificate, and the key for it."""
        issued = authority.issue_cert("me@market.example")
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return str(certificate), str(key)

    def _locked(self, folder: Path, key_file: str) -> str:
        """The same key, behind a passphrase."""
        path = folder / "locked.key"
        key = serialization.load_pem_private_key(Path(key_file).read_bytes(), None)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
        path.write_bytes(key.private_bytes(*form, serialization.BestAvailableEncryption(b"a passphrase")))
        return str(path)

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


@contextlib.contextmanager
def odd_server(folder: Path, *lines: str, sentinel: bool = False):
    """The port of a real server that is configured so that `EmbeddedRedis`, which looks at it first, would not have it.

    `lines` are those of its redis.conf, or of its sentinel.conf.
    """
    port = _port_with_free_bus() if "cluster-enabled yes" in lines else free_port()
    configuration = folder / f"odd-{port}.conf"
    configuration.write_text("\n".join(["bind 127.0.0.1", f"port {port}", f"dir {folder}", *lines, ""]))
    command = [find_server_binary(), str(configuration), *(["--sentinel"] if sentinel else [])]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: _is_open(port))
        yield port
    finally:
        process.kill()
        process.wait()


def _is_open(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def answering_server(answer):
    """The port of a server that does `answer(client)` with the socket of each client, in a thread of its own."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):  # the client has gone
                answer(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True  # a client that neither speaks nor goes holds nobody up
        server.block_on_close = False
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

    return answering_server(answer)


def greeting_server(greeting: bytes):
    """The port of a server that speaks before it is asked, and then never again."""

    def answer(client: socket.socket) -> None:
        client.sendall(greeting)
        while client.recv(65536):
            pass

    return answering_server(answer)


def replies_changed(server_port: int, was: bytes, becomes: bytes):
    """The port of a relay to a server, in whose replies some bytes are others, as many as before."""

    def pass_on_commands(client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def answer(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", server_port)) as server:
            threading.Thread(target=pass_on_commands, args=[client, server], daemon=True).start()
            while data := server.recv(65536):
                client.sendall(re.sub(was, becomes, data))

    return answering_server(answer)


@contextlib.contextmanager
def silent_server():
    """The port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


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


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a short path: that of a unix socket may have some hundred characters, and macOS' own are long."""
    with tempfile.TemporaryDirectory(dir="/tmp" if os.name == "posix" else None) as folder:
        yield Path(folder).resolve()


def wait_until(condition, seconds: float = 60) -> bool:
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
    assert server.pid is not None
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
