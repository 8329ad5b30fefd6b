"""Which Redis the course talks to: its address, and the credentials for it."""

import contextlib
import os
from dataclasses import dataclass, field
from typing import TypedDict
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from redis_helpers.errors import CourseError
from redis_helpers.settings import host_and_port, is_socket_path, number, read_settings, say_once, yes_or_no

MOST_DATABASES = 2**31  # no server has more

# The schemes of a REDIS_URL, and redis-py's own for them.
SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss", "unix": "unix"}
# The options behind the ? of a REDIS_URL, by the names that redis-py gives them; all but the first three are for TLS.
URL_OPTIONS = (
    "db",
    "username",
    "password",
    "ssl_ca_certs",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_cert_reqs",
    "ssl_check_hostname",
)
NO_URL = (
    "REDIS_URL is not an address that the course understands: write redis://[user]:password@host:port/db "
    "(rediss:// for TLS, unix:///path/of/the.sock for a socket; in a password, %40 stands for @, %2F for /)."
)


class ClientArguments(TypedDict, total=False):
    """What `redis.Redis` has to know to reach a server: its own names."""

    host: str
    port: int
    unix_socket_path: str
    db: int
    username: str | None
    password: str | None
    ssl: bool
    ssl_ca_certs: str | None
    ssl_certfile: str | None
    ssl_keyfile: str | None
    ssl_cert_reqs: str
    ssl_check_hostname: bool


@dataclass(frozen=True)
class ConnectOptions:
    """An address and the credentials for it. Its repr leaves the password out.

    With `socket_path`, the path of a unix socket, `host` and `port` are not looked at. `tls_ca_file` holds the
    authority that has signed the server's certificate; `tls_cert_file` and `tls_key_file` hold a certificate of yours,
    for a server that wants one.
    """

    host: str = "127.0.0.1"
    port: int = 6379
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    tls_ca_file: str | None = None
    tls_verify: bool = True
    tls_cert_file: str | None = None
    tls_key_file: str | None = None
    socket_path: str | None = None

    @property
    def address(self) -> str:
        """What may be shown: `host:port/db`, or `unix:/path/of/the.sock?db=0`."""
        if self.socket_path is not None:
            return f"unix:{self.socket_path}?db={self.db}"
        host = f"[{self.host}]" if ":" in self.host else self.host  # an IPv6 address
        return f"{host}:{self.port}/{self.db}"

    @property
    def url(self) -> str:
        """The same as a REDIS_URL, for a process that the lesson starts. It holds the password: do not print it."""
        user = ":".join(quote(part or "", safe="") for part in (self.username, self.password))
        if self.socket_path is not None:
            return f"unix://{user}@{quote(self.socket_path)}?db={self.db}"
        if not self.tls:
            return f"redis://{user}@{self.address}"
        options = {
            "ssl_ca_certs": self.tls_ca_file,
            "ssl_certfile": self.tls_cert_file,
            "ssl_keyfile": self.tls_key_file,
            "ssl_cert_reqs": None if self.tls_verify else "none",
            "ssl_check_hostname": None if self.tls_verify else "no",
        }
        query = urlencode({name: value for name, value in options.items() if value is not None})
        return f"rediss://{user}@{self.address}" + (f"?{query}" if query else "")

    def arguments(self) -> ClientArguments:
        """The keyword arguments for `redis.Redis`. They hold the password: do not print them."""
        arguments: ClientArguments = {"db": self.db, "username": self.username, "password": self.password}
        if self.socket_path is not None:
            return {**arguments, "unix_socket_path": self.socket_path}
        arguments |= {"host": self.host, "port": self.port}
        if self.tls:
            arguments |= {
                "ssl": True,
                "ssl_ca_certs": self.tls_ca_file,
                "ssl_certfile": self.tls_cert_file,
                "ssl_keyfile": self.tls_key_file,
                "ssl_cert_reqs": "required" if self.tls_verify else "none",
                "ssl_check_hostname": self.tls_verify,
            }
        return arguments


def connect_options() -> ConnectOptions | None:
    """The Redis that environment variables or `.env` name, or None: then the embedded server serves.

    REDIS_URL holds everything; otherwise REDIS_HOST (or the path of a unix socket there), REDIS_PORT, REDIS_DB,
    REDIS_USERNAME, REDIS_PASSWORD and REDIS_TLS, of which the host or the port must be set. For TLS, REDIS_TLS_CA_FILE
    names the certificate authority's file, REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE the client's own, and
    REDIS_TLS_VERIFY=no takes any server. What of them comes from which place, `read_settings()` decides.

    Raises CourseError, which names the variable but never its value, when one cannot be understood, or when two of
    them contradict each other.
    """
    settings = read_settings()
    if "REDIS_URL" in settings:
        options = _options_from_url(settings)
    elif "REDIS_HOST" in settings or "REDIS_PORT" in settings:
        options = _options_from_parts(settings)
    else:
        return None
    if not options.tls and (options.tls_ca_file or options.tls_cert_file or options.tls_key_file):
        say_once(
            "The files that REDIS_TLS_CA_FILE, REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE name are not used, because "
            "no TLS is spoken: set REDIS_TLS=yes, or write rediss:// in REDIS_URL."
        )
    return options


def _options_from_parts(settings: dict[str, str]) -> ConnectOptions:
    _check_text("REDIS_USERNAME", settings)
    _check_text("REDIS_PASSWORD", settings)
    socket_path = None
    host, port = "127.0.0.1", 6379
    if is_socket_path(settings.get("REDIS_HOST", "")):
        socket_path = os.path.expanduser(settings["REDIS_HOST"])
    else:
        host, port = host_and_port(settings, "REDIS", 6379)
    tls = yes_or_no(settings, "REDIS_TLS", default=False)
    if tls and socket_path is not None:
        raise CourseError(
            "REDIS_HOST names a unix socket, where no TLS is spoken, and REDIS_TLS says yes: unset one of them."
        )
    return ConnectOptions(
        host=host,
        port=port,
        db=number(settings.get("REDIS_DB", "0"), "REDIS_DB", "a database number such as 0", 0, MOST_DATABASES),
        username=settings.get("REDIS_USERNAME"),
        password=settings.get("REDIS_PASSWORD"),
        tls=tls,
        tls_ca_file=settings.get("REDIS_TLS_CA_FILE"),
        tls_verify=yes_or_no(settings, "REDIS_TLS_VERIFY", default=True),
        tls_cert_file=settings.get("REDIS_TLS_CERT_FILE"),
        tls_key_file=settings.get("REDIS_TLS_KEY_FILE"),
        socket_path=socket_path,
    )


def _options_from_url(settings: dict[str, str]) -> ConnectOptions:
    """What REDIS_URL says. The variables for TLS beside it must not contradict it; the others are not looked at."""
    _check_text("REDIS_URL", settings)
    parts = _split_url(settings["REDIS_URL"])
    options = _url_options(parts)
    tls = parts.scheme == "rediss"
    if yes_or_no(settings, "REDIS_TLS", default=tls) != tls:
        says, instead = ("no", "redis") if tls else ("yes", "rediss")
        raise CourseError(
            f"REDIS_URL begins with {parts.scheme}://, and REDIS_TLS says {says}: write {instead}:// in REDIS_URL, "
            "or unset REDIS_TLS."
        )
    return ConnectOptions(
        host=unquote(parts.hostname or "127.0.0.1"),
        port=parts.port or 6379,
        db=_database_in_url(parts, options),
        username=unquote(parts.username or "") or options.get("username") or None,
        password=unquote(parts.password or "") or options.get("password") or None,
        tls=tls,
        tls_ca_file=_file_in_url("ssl_ca_certs", options, "REDIS_TLS_CA_FILE", settings),
        tls_verify=_verify_in_url(options, settings),
        tls_cert_file=_file_in_url("ssl_certfile", options, "REDIS_TLS_CERT_FILE", settings),
        tls_key_file=_file_in_url("ssl_keyfile", options, "REDIS_TLS_KEY_FILE", settings),
        socket_path=unquote(parts.path) if parts.scheme == "unix" else None,
    )


def _check_text(name: str, settings: dict[str, str]) -> None:
    """Raises CourseError for a variable with a byte that is no UTF-8 text: redis-py could not send it."""
    value = settings.get(name, "")
    if value.encode(errors="ignore").decode() != value:
        raise CourseError(f"{name} holds a byte that is no UTF-8 text: set it anew, as UTF-8 text.")


def _split_url(url: str) -> SplitResult:
    scheme, _, rest = url.partition("://")
    known = SCHEMES.get(scheme.lower())
    if known is not None:
        with contextlib.suppress(ValueError):  # no port, or a broken IPv6 address. Its text may hold a password
            parts = urlsplit(f"{known}://{rest}")
            if _is_an_address(parts):
                return parts
    raise CourseError(NO_URL)


def _is_an_address(parts: SplitResult) -> bool:
    """Raises ValueError when the port is none."""
    if parts.fragment:
        return False
    if parts.scheme == "unix":
        return not parts.hostname and len(parts.path) > 1
    return bool(parts.hostname) and parts.port != 0


def _url_options(parts: SplitResult) -> dict[str, str]:
    """What stands behind the ? of the URL: a part of what redis-py takes there."""
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in options:
        if name not in URL_OPTIONS:
            named = f" {name}" if name.isidentifier() else ""
            raise CourseError(
                f"REDIS_URL has an option{named} that the course does not take: remove it (it takes "
                f"{', '.join(URL_OPTIONS)})."
            )
        if name.startswith("ssl_") and parts.scheme != "rediss":
            raise CourseError(
                f"REDIS_URL begins with {parts.scheme}:// and has the option {name}, which is for TLS: write rediss:// "
                "there, or remove the option."
            )
    return options


def _database_in_url(parts: SplitResult, options: dict[str, str]) -> int:
    in_path = "" if parts.scheme == "unix" else parts.path.strip("/")
    as_option = options.get("db", "")
    if in_path and as_option and in_path != as_option:
        raise CourseError("REDIS_URL names two databases, behind its last / and behind db=: keep one of them.")
    return number(in_path or as_option or "0", "REDIS_URL", "a database number after its last /", 0, MOST_DATABASES)


def _file_in_url(option: str, options: dict[str, str], name: str, settings: dict[str, str]) -> str | None:
    path = os.path.expanduser(options.get(option, ""))
    if not path:
        return settings.get(name)
    if not os.path.isabs(path):
        raise CourseError(f"REDIS_URL needs a whole path, from / on, behind {option}: or set {name} instead.")
    if settings.get(name, path) != path:
        raise CourseError(f"REDIS_URL has the option {option}, and {name} names another file: keep one of them.")
    return path


def _verify_in_url(options: dict[str, str], settings: dict[str, str]) -> bool:
    """Whether the server's certificate is verified, its host's name included: both or neither."""
    in_variable = yes_or_no(settings, "REDIS_TLS_VERIFY", default=True)
    known = {"required": True, "none": False}
    wanted = options.get("ssl_cert_reqs", "").lower().removeprefix("cert_")
    verify = known.get(wanted, in_variable)
    by_option = wanted in known
    if wanted and not by_option:
        raise CourseError("REDIS_URL needs required or none behind ssl_cert_reqs: correct it.")
    if by_option and "REDIS_TLS_VERIFY" in settings and verify != in_variable:
        raise CourseError("REDIS_URL says by ssl_cert_reqs what REDIS_TLS_VERIFY denies: keep one of them.")
    if yes_or_no(options, "ssl_check_hostname", default=verify) != verify:
        raise CourseError(
            "REDIS_URL verifies only a half of the certificate: ssl_check_hostname=false goes with ssl_cert_reqs=none, "
            "and the course verifies all of it or nothing."
        )
    return verify
