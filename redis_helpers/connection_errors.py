"""What went wrong between the course and Redis, in one sentence with the next step."""

import os
import re
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

import redis

from redis_helpers.settings import lab_redis

if TYPE_CHECKING:
    from redis_helpers.connect_options import ConnectOptions

LEAST_VERSION = (6, 2)

# Such a server refuses PING as well, so that nobody overlooks it.
CANNOT_SAVE = "cannot save its data, so it takes no writes: make room on its disk (its log says more)"
BUSY = "is busy with a script that does not end: wait, or end it with SCRIPT KILL"
NO_PRIMARY = (
    "is a replica that has lost its primary, and answers nothing meanwhile: set REDIS_HOST (or REDIS_URL) to a primary"
)
CLUSTER = (
    "is one node of a cluster, and the course needs a server that holds all keys itself: set REDIS_HOST (or REDIS_URL) "
    "to one without cluster mode (a program of yours reaches the whole cluster with connect_cluster())"
)
OTHER_NODE = (
    "is one node of a cluster, and another node is to be asked for this key (its slot is {slot}, the other node has "
    "port {port}): a client of the whole cluster, connect_cluster(), does that by itself"
)
NO_CLUSTER = "is one server alone, and no node of a cluster: connect to it with connect()"
NOT_ALL_SLOTS = (
    "is one node of a cluster in which nobody serves a part of the keys: start the nodes that are missing, and wait "
    "until the others know them"
)
SENTINEL = (
    "is a Sentinel, which watches over servers and holds no keys: set REDIS_HOST and REDIS_PORT (or REDIS_URL) to the "
    "primary that it names"
)
NO_HELLO = (
    "does not know the command HELLO, so it is older than Redis 6, or a proxy answers for it: take a Redis of version "
    "6.2 or newer, and no proxy"
)
REFUSES = "refuses what every client begins with: take a Redis of version 6.2 or newer, without a proxy in front"
NO_LISTENER = "is not there (nobody listens at that socket): start it, or correct the path"
NOT_REDIS = "answers, but not as a Redis does: correct the host or the port"
CLOSED = "closed the connection at once: if it wants TLS, set REDIS_TLS=yes (or write rediss://)"
CLOSED_TLS = (
    "ended the TLS connection at once: if it wants a certificate of yours, set REDIS_TLS_CERT_FILE and "
    "REDIS_TLS_KEY_FILE; if it does not speak TLS, unset REDIS_TLS (or write redis:// in REDIS_URL)"
)
WANTS_CERTIFICATE = "wants a TLS certificate of yours: set REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE to its files"
REFUSED_CERTIFICATE = (
    "does not accept the TLS certificate in REDIS_TLS_CERT_FILE: take one that its authority has signed"
)
CLOSED_AFTER_TLS = (
    "ended the connection as soon as TLS was agreed: if it wants a certificate of yours, set REDIS_TLS_CERT_FILE and "
    "REDIS_TLS_KEY_FILE"
)
CLOSED_WITH_CERTIFICATE = (
    "ended the TLS connection at once: if it does not accept the certificate in REDIS_TLS_CERT_FILE, take one that its "
    "authority has signed"
)
NO_TLS = "does not speak TLS: unset REDIS_TLS (or write redis:// in REDIS_URL)"
NO_ANSWER_TO_TLS = "did not answer to TLS: if it does not speak TLS, unset REDIS_TLS (or write redis:// in REDIS_URL)"
NO_PASSWORD = "wants a password: set REDIS_PASSWORD in the same place as its address (or write it into REDIS_URL)"
NO_HOST = "has a host name that is not known: correct REDIS_HOST (or REDIS_URL)"
LAB_IS_GONE = "that the command `lab` started is gone (connection refused): end lab, and start lab again"

# How a connection ends that the other side does not want, as redis-py tells it.
# The last one is what Pythons up to 3.11.2 say of the end of a handshake.
CLOSED_SIGNS = (
    "closed by server|reset by peer|broken pipe|aborted|eof occurred in violation|unexpected eof|"
    r"connection has been closed \(eof\)"
)

# What redis-py says when it cannot connect (a pattern, lower case), and our sentence. First match wins. What the
# pattern calls `command` takes its place in the sentence.
WHEN_CONNECTING = (
    (
        "invalid username-password|invalid password",
        "refused the user or password: check REDIS_USERNAME and REDIS_PASSWORD (or REDIS_URL)",
    ),
    ("already authenticated|authentication required", NO_PASSWORD),
    (
        r"no permissions to run the '(?P<command>[^']+)'",
        "lets this user in, but not {command}: widen its rights with ACL SETUSER, or take another user",
    ),
    ("loading the dataset", "is still loading its data: wait some seconds and run this again"),
    ("misconf", CANNOT_SAVE),
    ("busy running a script", BUSY),
    ("link with master is down", NO_PRIMARY),
    ("max number of clients", "has no room for one more client: close notebooks you do not use, and run this again"),
    ("protected mode", "takes clients of its own machine only (protected mode): give it a password"),
    (
        "db index is out of range|invalid db index",
        "has no database of that number: write a smaller one, such as 0, in REDIS_DB (or behind the last / of "
        "REDIS_URL)",
    ),
    ("not allowed in cluster mode", CLUSTER),
    (r"unknown command\W+hello|noproto", NO_HELLO),
    (
        r"unknown command\W+select",
        "has no databases to choose from (it does not know the command SELECT): unset REDIS_DB, and write no number "
        "behind the last / of REDIS_URL",
    ),
    (
        r"unknown command\W+(?P<command>\w+)",
        "does not know the command {command}, which the course needs: take a Redis whose commands nobody has renamed, "
        "without a proxy in front",
    ),
    ("wrong_version_number|record layer failure|http_request", NO_TLS),
    ("unsupported_protocol|protocol_version|protocol version", "speaks no TLS that is new enough: update it"),
    ("alert certificate required|alert bad certificate|alert handshake failure", WANTS_CERTIFICATE),
    ("alert unknown ca|alert certificate|alert decrypt error", REFUSED_CERTIFICATE),
    ("certificate has expired", "shows a TLS certificate that has expired: renew it"),
    (
        "not yet valid",
        "shows a TLS certificate that is not valid yet: check the clock of this machine, and of that one",
    ),
    (
        "mismatch|doesn't match|is not valid for",
        "shows a TLS certificate that is made out to another host: write the host in REDIS_HOST (or REDIS_URL) as the "
        "certificate names it",
    ),
    ("key too weak|md too weak|key too small", "shows a TLS certificate that is too weak: renew it with a longer key"),
    ("certificate", "shows a TLS certificate that is not trusted: set REDIS_TLS_CA_FILE to its authority's file"),
    ("no such file", "is not there (no such socket): start it, or correct the path"),
    ("permission denied", "does not let you in: ask for the right to write to its socket"),
    ("no attribute 'af_unix'", "cannot be reached: this system knows no unix sockets, so set REDIS_HOST to a host"),
    ("path too long", "cannot be reached: the path of a socket has at most 100 letters"),
    ("too many open files", "could not be asked: this process holds too many open files, so restart the kernel"),
    (
        "refused",
        "is not there (connection refused): start it, for example with `docker compose up -d`, or correct the address",
    ),
    (
        "name or service not known|nodename nor servname|no address associated|getaddrinfo failed|idna|label empty",
        NO_HOST,
    ),
    ("temporary failure in name", "has a host name that cannot be looked up now: check the network, or REDIS_HOST"),
    (
        "unreachable|no route to host|host is down|network is down|assign requested address",
        "cannot be reached from here: check the address and the network",
    ),
    (
        "timeout connecting|timed out",
        "did not answer within 2 seconds: check the address, the network, and that the server runs",
    ),
    ("timeout reading", "accepted the connection but does not answer: is it Redis, and is it busy or paused?"),
    ("protocol error|invalid resp version", NOT_REDIS),
    (CLOSED_SIGNS, CLOSED),
)

NO_FREE_CONNECTION = (
    "was not asked, for all connections of this client are in use: use fewer at once, or raise its max_connections"
)
UNKNOWN = "so the command may have run or not: look first, then run it again"

# The same for a command on a connection that was good. These come first; a new connection can fail as above.
WHILE_IN_USE = (
    ("maxconnectionserror|too many connections|no connection available", NO_FREE_CONNECTION),
    ("refused", "is gone (connection refused): start it, then run the connect cell again"),
    ("timeout reading", f"did not answer in time (is it busy or paused?), {UNKNOWN}"),
    (CLOSED_SIGNS, f"cut the connection, {UNKNOWN}"),
    *WHEN_CONNECTING,
)
# And what a server answers that is there, but does not take the command.
REFUSALS = (
    ("command not allowed when used memory", "is full (maxmemory): delete keys, or give it more memory"),
    ("misconf", CANNOT_SAVE),
    ("busy running a script", BUSY),
    ("link with master is down", NO_PRIMARY),
    ("read only replica", "is a replica, which takes no writes: set REDIS_HOST (or REDIS_URL) to its primary"),
    ("noreplicas", "has too few replicas to take writes (min-replicas-to-write): start them again"),
    ("no permissions", "does not let this user do that: widen its rights with ACL SETUSER, or take another user"),
    (r"(movederror|askerror): (?P<slot>\d+) \S*:(?P<port>\d+)", OTHER_NODE),
    ("movederror|askerror|clusterdownerror", CLUSTER),
)


def why_not_connected(error: Exception, options: "ConnectOptions") -> str:
    """One sentence on a connection that failed: what was tried, what happened, what to do next."""
    message = _message(error)
    if "refused" in message and options.address == lab_redis():
        return f"The Redis {LAB_IS_GONE}."
    reason = _first(WHEN_CONNECTING, message)
    if options.tls:
        reason = _why_not_connected_with_tls(message, options) or reason
    if options.socket_path is not None and "refused" in message:
        reason = NO_LISTENER
    if reason is None:
        reason = REFUSES if isinstance(error, redis.ResponseError) else NOT_REDIS
    return f"The Redis at {options.address} {reason}."


def not_a_redis(options: "ConnectOptions") -> str:
    """One sentence on a server that speaks something else."""
    return f"The Redis at {options.address} {NOT_REDIS}."


def why_unsuitable(info: Mapping[str, object], options: "ConnectOptions") -> str | None:
    """One sentence on a server that lets us in but is none for the course, or None. `info` is that of INFO server."""
    reason = None
    version = str(info.get("redis_version", ""))
    if info.get("redis_mode") == "sentinel":
        reason = SENTINEL
    elif _is_too_old(version):
        reason = f"is of version {version}, and the course needs Redis 6.2 or newer: update it, or take another"
    elif info.get("redis_mode") == "cluster":
        reason = CLUSTER
    return f"The Redis at {options.address} {reason}." if reason else None


def one_node_of_a_cluster(options: "ConnectOptions") -> str:
    """One sentence on a node of a cluster, where a server that holds all keys is wanted."""
    return f"The Redis at {options.address} {CLUSTER}."


def why_no_cluster(options: "ConnectOptions", error: Exception | None = None) -> str:
    """One sentence on an address at which there is no cluster, or none that can be asked."""
    message = "" if error is None else _message(error)
    if isinstance(error, redis.ResponseError) and ("cluster support disabled" in message or "unknown" in message):
        error = None
    if error is None:
        return f"The Redis at {options.address} {NO_CLUSTER}."
    return why_not_connected(error, options)


def no_databases(options: "ConnectOptions") -> str:
    """One sentence on a number of a database, where a cluster is wanted."""
    return (
        f"The Redis at {options.address} is to be asked as a cluster, and a cluster has one database only, 0: unset "
        "REDIS_DB, and write no number behind the last / of REDIS_URL."
    )


def not_all_slots(options: "ConnectOptions") -> str:
    """One sentence on a cluster of which a part is gone."""
    return f"The Redis at {options.address} {NOT_ALL_SLOTS}."


def why_not_asked(options: "ConnectOptions") -> str | None:
    """One sentence on a file of REDIS_TLS_… that cannot be used, found before anybody is asked, or None."""
    problem = _problem_with_files(options) if options.tls else None
    return f"The Redis at {options.address} was not asked, for {problem}: correct it." if problem else None


def why_failed(error: redis.RedisError) -> str | None:
    """One sentence on a command that Redis could not take, or None when the command itself is to blame."""
    message = _message(error)
    if not isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
        if re.search("unknown (sub)?command", message):  # behind that stands what was sent
            return None
        reason = _first(REFUSALS, message)
    elif "refused" in message and _is_lab_redis(error):
        reason = LAB_IS_GONE
    else:
        reason = _first(WHILE_IN_USE, message)
    return f"Redis {reason}." if reason else None


def without_arguments(error: Exception) -> str:
    """What an error says, without the arguments of the command, which redis-py and the server repeat."""
    said = str(error).rpartition("of pipeline caused error: ")[2]
    return said.partition(", with args beginning with")[0]


def lacks_hello(error: Exception) -> bool:
    """Whether the server refused HELLO, with which redis-py begins: it is older than 6, or a proxy answers for it."""
    return _first(WHEN_CONNECTING, _message(error)) == NO_HELLO


def closed_or_silent(error: Exception) -> bool:
    """Whether the server took the connection and said nothing that redis-py could read."""
    return re.search(f"timeout reading|{CLOSED_SIGNS}", _message(error)) is not None


def _why_not_connected_with_tls(message: str, options: "ConnectOptions") -> str | None:
    if "timeout" in message:  # a plain Redis waits in silence for the rest of what TLS sent
        return NO_ANSWER_TO_TLS
    if re.search(CLOSED_SIGNS, message):
        if options.tls_cert_file:
            return CLOSED_WITH_CERTIFICATE
        return CLOSED_TLS if "connecting to" in message else CLOSED_AFTER_TLS
    if options.tls_cert_file and _first(WHEN_CONNECTING, message) == WANTS_CERTIFICATE:
        return REFUSED_CERTIFICATE
    return None


def _is_too_old(version: str) -> bool:
    found = re.match(r"(\d+)\.(\d+)", version)  # a proxy may leave the version out
    return found is not None and (int(found[1]), int(found[2])) < LEAST_VERSION


def _is_lab_redis(error: Exception) -> bool:
    place = lab_redis()
    return place is not None and f"connecting to {place.partition('/')[0]}." in str(error)


def _problem_with_files(options: "ConnectOptions") -> str | None:
    files = {
        "REDIS_TLS_CA_FILE": options.tls_ca_file,
        "REDIS_TLS_CERT_FILE": options.tls_cert_file,
        "REDIS_TLS_KEY_FILE": options.tls_key_file,
    }
    for name, path in files.items():
        if path and not os.path.isfile(path):
            return f"{name} names no file"
        if path and not os.access(path, os.R_OK):
            return f"{name} names a file that you may not read"
    if options.tls_ca_file and not _holds_certificate(options.tls_ca_file):
        return "REDIS_TLS_CA_FILE names a file that holds no certificate"
    if options.tls_key_file and not options.tls_cert_file:
        return "REDIS_TLS_KEY_FILE is set without REDIS_TLS_CERT_FILE"
    if options.tls_cert_file:
        return _problem_with_key(options.tls_cert_file, options.tls_key_file)
    return None


def _holds_certificate(path: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return False
    return True


def _problem_with_key(cert_file: str, key_file: str | None) -> str | None:
    asked_for_passphrase = False

    def no_passphrase() -> str:  # otherwise OpenSSL would ask for it in the terminal
        nonlocal asked_for_passphrase
        asked_for_passphrase = True
        return ""

    name = "REDIS_TLS_KEY_FILE" if key_file else "REDIS_TLS_CERT_FILE"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert_file, key_file, no_passphrase)
    except ssl.SSLError as error:
        if asked_for_passphrase:
            return f"{name} names a key with a passphrase, and only one without can be used"
        if not _holds_certificate(cert_file):
            return "REDIS_TLS_CERT_FILE names a file that holds no certificate"
        if "MISMATCH" in str(error):
            return f"the key in {name} does not belong to the certificate in REDIS_TLS_CERT_FILE"
        if key_file is None:
            return "REDIS_TLS_CERT_FILE holds no key, and REDIS_TLS_KEY_FILE is not set"
        return "REDIS_TLS_KEY_FILE names a file that holds no key"
    return None


def _message(error: Exception) -> str:
    """What kind of error it is and what it says, without address and arguments: these may be called as an error is."""
    said = re.sub(r"(connecting to|reading from) \S+", r"\1", without_arguments(error))
    return f"{type(error).__name__}: {said}".lower()


def _first(reasons: tuple[tuple[str, str], ...], message: str) -> str | None:
    for pattern, sentence in reasons:
        if found := re.search(pattern, message):
            return sentence.format(**{name: text.upper() for name, text in found.groupdict().items()})
    return None
