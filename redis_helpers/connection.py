"""Which Redis the course talks to, and a ready client for it."""

import contextlib
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from redis_helpers.cache_client import cache_client
from redis_helpers.connection_errors import why_not_connected
from redis_helpers.errors import CourseError
from redis_helpers.settings import read_settings

if TYPE_CHECKING:
    from redis_helpers.course.embedded import EmbeddedRedis

CONNECT_TIMEOUT = 2  # seconds until a host that does not answer counts as not there
REPLY_TIMEOUT = 5  # seconds until a server that accepted the call but does not answer counts as hung
LEAST_VERSION = (6, 2)


@dataclass(frozen=True)
class ConnectOptions:
    """An address and the credentials for it. Its repr leaves the password out."""

    host: str = "127.0.0.1"
    port: int = 6379
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    tls_ca_file: str | None = None
    tls_verify: bool = True

    @property
    def address(self) -> str:
        """What may be shown: `host:port/db`."""
        host = f"[{self.host}]" if ":" in self.host else self.host  # an IPv6 address
        return f"{host}:{self.port}/{self.db}"

    @property
    def url(self) -> str:
        """The same as a REDIS_URL, for a process that the lesson starts. It holds the password: do not print it."""
        user = ":".join(quote(part or "", safe="") for part in (self.username, self.password))
        return f"{'rediss' if self.tls else 'redis'}://{user}@{self.address}"

    def arguments(self) -> dict[str, object]:
        """The keyword arguments for `redis.Redis`. They hold the password: do not print them."""
        plain = {name: getattr(self, name) for name in ("host", "port", "db", "username", "password")}
        if not self.tls:
            return plain
        verify = "required" if self.tls_verify else "none"
        names = {"ssl_ca_certs": self.tls_ca_file, "ssl_cert_reqs": verify, "ssl_check_hostname": self.tls_verify}
        return {**plain, "ssl": True, **names}


def connect_options() -> ConnectOptions | None:
    """The Redis that environment variables or `.env` name, or None: then the embedded server serves.

    REDIS_URL holds everything; otherwise REDIS_HOST, REDIS_PORT, REDIS_DB, REDIS_USERNAME, REDIS_PASSWORD and
    REDIS_TLS, of which the host or the port must be set. REDIS_TLS_CA_FILE names the certificate authority's file.

    Raises CourseError, which names the variable but never its value, when one cannot be understood.
    """
    settings = read_settings()
    tls = {
        "tls_ca_file": settings.get("REDIS_TLS_CA_FILE"),
        "tls_verify": _yes_or_no(settings, "REDIS_TLS_VERIFY", default=True),
    }
    if url := settings.get("REDIS_URL"):
        return ConnectOptions(**_parse_url(url), **tls)
    if not (settings.get("REDIS_HOST") or settings.get("REDIS_PORT")):
        return None
    return ConnectOptions(
        host=settings.get("REDIS_HOST", "127.0.0.1"),
        port=_number(settings.get("REDIS_PORT", "6379"), "REDIS_PORT", "a port from 1 to 65535", 1, 65535),
        db=_number(settings.get("REDIS_DB", "0"), "REDIS_DB", "a database number such as 0", 0, 2**31),
        username=settings.get("REDIS_USERNAME"),
        password=settings.get("REDIS_PASSWORD"),
        tls=_yes_or_no(settings, "REDIS_TLS", default=False),
        **tls,
    )


def _parse_url(url: str) -> dict[str, object]:
    try:
        parts = urlsplit(url)
        port = 6379 if parts.port is None else parts.port
    except ValueError:  # not a port, or a broken IPv6 address
        parts, port = None, 0
    understood = port > 0 and parts.scheme in ("redis", "rediss") and parts.hostname
    if not understood or parts.query or parts.fragment:
        raise CourseError(
            "REDIS_URL is not an address that the course understands: write redis://[user]:password@host:port/db "
            "(rediss:// for TLS; in a password, %40 stands for @, %2F for /)."
        )
    return {
        "host": parts.hostname,
        "port": port,
        "db": _number(parts.path.strip("/") or "0", "REDIS_URL", "a database number after its last /", 0, 2**31),
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "tls": parts.scheme == "rediss",
    }


def _number(text: str, name: str, wanted: str, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most:
        return int(text)
    raise CourseError(f"{name} needs {wanted}: correct it in the environment or in .env.")


def _yes_or_no(settings: dict[str, str], name: str, default: bool) -> bool:
    text = settings.get(name, "yes" if default else "no").lower()
    if text in ("1", "yes", "true", "on"):
        return True
    if text in ("0", "no", "false", "off"):
        return False
    raise CourseError(f"{name} needs yes or no: correct it in the environment or in .env.")


class RedisConnectionHandle:
    """Opens clients to the course's Redis, and closes them.

        redis_conn = RedisConnectionHandle().connect()

    Without `options`, those of `connect_options()` count; when they are not set either, the kernel's embedded server.
    """

    def __init__(self, options: ConnectOptions | None = None) -> None:
        self._options = options or connect_options()
        self.embedded = self._options is None
        self._clients: list[redis.Redis] = []

    def __repr__(self) -> str:
        return f"RedisConnectionHandle({'embedded' if self.embedded else self._options.address})"

    def __enter__(self) -> "RedisConnectionHandle":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def options(self) -> ConnectOptions:
        """The address in use. For the embedded server, which is started if need be, it is known only now."""
        if self._options:
            return self._options
        server = embedded_server()
        return ConnectOptions(host=server.host, port=server.port, password=server.password)

    def connect(self) -> redis.Redis:
        """A ready client: its server has answered PING. Replies are `str`, in the shapes that `redis.Redis()` gives.

        Two defaults of redis-py 8 are replaced, because of what they do to a lesson:

        - Retries: none, instead of ten. When only a reply is lost, a retry runs the command a second time, and `INCR`
          counts double in silence. And when Redis is gone, ten retries keep a reader waiting for 3 to 60 seconds.
        - Timeouts: 2 seconds to connect and 5 for a reply, written down here rather than inherited. A blocking command
          that waits longer (`BLPOP`) needs `connect_blocking()`.

        Raises CourseError, one sentence with the next step, when there is no such server or it does not let us in.
        """
        client = self._new_client(REPLY_TIMEOUT)
        try:
            _check_server(client)
        except (redis.RedisError, UnicodeError) as error:  # UnicodeError: a host name that no name can be
            raise CourseError(why_not_connected(error, self.options.address, self.options.tls)) from None
        return client

    def connect_blocking(self) -> redis.Redis:
        """A client for commands that block (BLPOP, XREAD BLOCK, pub/sub): it waits for a reply as long as they do.

        With a reply timeout, the client would give up in the middle of a wait, and what the server hands out at that
        moment would be lost. Keep it for those commands: it waits for a hung server too.
        """
        self.connect().close()  # what is wrong with the server is found by a client that does not wait for ever
        return self._new_client(None)

    def connect_cache(self) -> redis.Redis:
        """A client for a cache: it waits a quarter of a second at most, never retries, and its GET is the quickest.

        Raises CourseError as `connect()` does.
        """
        self.connect().close()
        client = cache_client(**self.options.arguments(), decode_responses=True)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Closes the clients. The embedded server stays for the kernel's other clients, and ends with the kernel."""
        while self._clients:
            self._clients.pop().close()

    def _new_client(self, reply_timeout: float | None) -> redis.Redis:
        options = self.options
        if options.tls and not options.tls_verify:
            warnings.warn("The server's TLS certificate is not verified (REDIS_TLS_VERIFY=no).", stacklevel=3)
        client = redis.Redis(
            **options.arguments(),
            decode_responses=True,
            socket_connect_timeout=CONNECT_TIMEOUT,
            socket_timeout=reply_timeout,
            retry=Retry(NoBackoff(), 0),
        )
        self._clients.append(client)
        return client


def _check_server(client: redis.Redis) -> None:
    """PING, then the version, where this user may ask for it."""
    client.ping()
    with contextlib.suppress(redis.ResponseError):
        version = client.info("server")["redis_version"]
        if tuple(int(part) for part in version.split(".")[:2]) < LEAST_VERSION:
            raise CourseError(f"That server is Redis {version}, and the course needs 6.2 or newer: update it.")


def embedded_server() -> "EmbeddedRedis":
    """The kernel's own embedded server, started at the first call. Raises CourseError when none can be had.

    The one thing in which this file needs the course: in a project of yours, delete this function.
    """
    from redis_helpers.course.embedded import kernel_server

    return kernel_server()
