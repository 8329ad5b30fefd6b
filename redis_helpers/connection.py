"""A ready client for the course's Redis."""

import contextlib
import dataclasses
import socket
import warnings
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from redis_helpers.cache_client import cache_client
from redis_helpers.connect_options import ConnectOptions, connect_options
from redis_helpers.connection_errors import (
    closed_or_silent,
    lacks_hello,
    no_databases,
    not_a_redis,
    not_all_slots,
    why_no_cluster,
    why_not_asked,
    why_not_connected,
    why_unsuitable,
)
from redis_helpers.errors import CourseError

if TYPE_CHECKING:
    from redis_helpers.course.embedded import EmbeddedRedis

CONNECT_TIMEOUT = 2  # seconds until a host that does not answer counts as not there
REPLY_TIMEOUT = 5  # seconds until a server that accepted the call but does not answer counts as hung
SLOTS = 16384  # of a cluster, to which its keys belong
GREETING_TIMEOUT = 0.3  # seconds within which a server that greets its callers has done so


class RedisConnectionHandle:
    """Opens clients to the course's Redis, and closes them.

        redis_conn = RedisConnectionHandle().connect()

    Without `options`, those of `connect_options()` count; when they are not set either, the kernel's embedded server.
    """

    def __init__(self, options: ConnectOptions | None = None) -> None:
        self._options = options or connect_options()
        self.embedded = self._options is None
        self._clients: list[redis.Redis | redis.RedisCluster] = []

    def __repr__(self) -> str:
        return f"RedisConnectionHandle({self._options.address if self._options else 'embedded'})"

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
        assert server.port is not None  # a server that has been started
        return ConnectOptions(host=server.host, port=server.port, password=server.password)

    def connect(self) -> redis.Redis:
        """A ready client: its server has answered PING. Replies are `str`, in the shapes that `redis.Redis()` gives.

        Two defaults of redis-py 8 are replaced, because of what they do to a lesson:

        - Retries: none, instead of ten. When only a reply is lost, a retry runs the command a second time, and `INCR`
          counts double in silence. And when Redis is gone, ten retries keep a reader waiting for 3 to 60 seconds.
        - Timeouts: 2 seconds to connect and 5 for a reply, written down here rather than inherited. A blocking command
          that waits longer (`BLPOP`) needs `connect_blocking()`.

        Raises CourseError, one sentence with the next step, when there is no such server, when it does not let us in,
        or when it is none for the course: older than Redis 6.2, a Sentinel, or one node of a cluster.
        """
        self._warn_if_unverified()
        options = self.options
        client = _new_client(options, REPLY_TIMEOUT)
        _check(client, options)
        self._clients.append(client)
        return client

    def connect_blocking(self) -> redis.Redis:
        """A client for commands that block (BLPOP, XREAD BLOCK, pub/sub): it waits for a reply as long as they do.

        With a reply timeout, the client would give up in the middle of a wait, and what the server hands out at that
        moment would be lost. Keep it for those commands: it waits for a hung server too.

        Raises CourseError as `connect()` does.
        """
        self._warn_if_unverified()
        options = self.options
        _probe(options)
        client = _new_client(options, None)
        self._clients.append(client)
        return client

    def connect_cache(self) -> redis.Redis:
        """A client for a cache: it waits a quarter of a second at most for a reply, never retries, and its GET is the
        quickest.

        The first command on a connection may take longer: connecting takes several steps, and each of them may take a
        quarter of a second.

        Raises CourseError as `connect()` does.
        """
        self._warn_if_unverified()
        options = self.options
        _probe(options)
        client = cache_client(**options.arguments(), decode_responses=True)
        self._clients.append(client)
        return client

    def connect_cluster(self) -> redis.RedisCluster:
        """A client of the whole cluster to which the server at this address belongs. Replies are `str`.

        It knows the other nodes from this one, and asks the node that has a key. As with `connect()`, nothing is asked
        twice, but for a node that says that another one has the key (MOVED, ASK). While a failed primary has no
        successor, commands raise redis-py's errors: whoever can wait tries again, with pauses.

        Raises CourseError when there is no such server, or when it does not let us in, or belongs to no cluster.
        """
        self._warn_if_unverified()
        options = self.options
        problem = why_not_asked(options) or _problem_with_cluster(options)
        if problem:
            raise CourseError(problem)
        client = _new_cluster_client(options)
        self._clients.append(client)
        return client

    def connect_server_or_cluster(self) -> redis.Redis | redis.RedisCluster:
        """A client for code that runs on both: that of `connect_cluster()` where the server at this address is a node
        of a cluster, and otherwise that of `connect()`.

        So a program moves to a cluster when its REDIS_URL names one of the nodes. The code must be fit for that: keys
        that one command, script or transaction uses together lie in one slot, by a part in braces.

        Raises CourseError, one sentence with the next step, as these two do.
        """
        return self.connect_cluster() if self.is_in_cluster() else self.connect()

    def is_in_cluster(self) -> bool:
        """Whether the server at this address says that it is a node of a cluster.

        False, too, when it is not there, or does not let us in.
        """
        return why_not_asked(self.options) is None and _is_in_cluster(self.options)

    def close(self) -> None:
        """Closes the clients. The embedded server stays for the kernel's other clients, and ends with the kernel."""
        while self._clients:
            self._clients.pop().close()

    def _warn_if_unverified(self) -> None:
        if self._options and self._options.tls and not self._options.tls_verify:
            warnings.warn("The server's TLS certificate is not verified (REDIS_TLS_VERIFY=no).", stacklevel=3)


def _new_client(options: ConnectOptions, reply_timeout: float | None, protocol: int | None = None) -> redis.Redis:
    return redis.Redis(
        **options.arguments(),
        decode_responses=True,
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_timeout=reply_timeout,
        retry=Retry(NoBackoff(), 0),
        protocol=protocol,
    )


def _new_cluster_client(options: ConnectOptions) -> redis.RedisCluster:
    """Raises CourseError when the nodes, or the commands of which redis-py asks for the list, cannot be asked."""
    arguments = {name: value for name, value in options.arguments().items() if name != "db"}
    try:
        return redis.RedisCluster(
            **arguments,  # type: ignore[arg-type]
            decode_responses=True,
            socket_connect_timeout=CONNECT_TIMEOUT,
            socket_timeout=REPLY_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
    except (redis.RedisError, RedisClusterException) as error:
        problem = why_no_cluster(options, error)
    raise CourseError(problem)


def _probe(options: ConnectOptions) -> None:
    """Finds out what is wrong with the server, by a client that waits for its replies neither too long nor too short.

    Raises CourseError.
    """
    with _new_client(options, REPLY_TIMEOUT) as client:
        _check(client, options)


def _check(client: redis.Redis, options: ConnectOptions) -> None:
    """Raises CourseError, and closes the client, when it cannot be used."""
    problem = why_not_asked(options) or _problem_with_server(client, options)
    if problem:
        client.close()
        # Not raised where the client failed: its error may repeat the password, and would hang on to this one.
        raise CourseError(problem)


def _problem_with_server(client: redis.Redis, options: ConnectOptions) -> str | None:
    try:
        client.ping()
        return why_unsuitable(_info(client), options)
    except Exception as error:  # what is no Redis makes the client fail in many ways
        failure = error
    if lacks_hello(failure):
        return why_unsuitable(_info_without_hello(options), options) or why_not_connected(failure, options)
    if closed_or_silent(failure) and _greets(options):
        return not_a_redis(options)
    return why_not_connected(failure, options)


def _problem_with_cluster(options: ConnectOptions) -> str | None:
    """Why no cluster can be reached by this address, or None."""
    if options.db != 0:
        return no_databases(options)
    with _new_client(options, REPLY_TIMEOUT) as client:
        try:
            client.ping()
            ranges = client.execute_command("CLUSTER SLOTS")
            served = sum(last - first + 1 for first, last, *_ in ranges)
        except Exception as error:  # what is no Redis makes the client fail in many ways
            return why_no_cluster(options, error)
    return None if served == SLOTS else not_all_slots(options)


def _is_in_cluster(options: ConnectOptions) -> bool:
    with _new_client(dataclasses.replace(options, db=0), REPLY_TIMEOUT) as client:  # a cluster has no other database
        try:
            return _hello(client).get("redis_mode") == "cluster"
        except Exception:  # what is no Redis makes the client fail in many ways
            return False


def _info(client: redis.Redis) -> dict[str, object]:
    """INFO server; where this user may not ask for it, what HELLO says of that."""
    with contextlib.suppress(redis.ResponseError):
        return client.info("server")
    return _hello(client)


def _hello(client: redis.Redis) -> dict[str, object]:
    """What the server says when it is greeted, under the names of INFO. Nothing where it knows no HELLO."""
    reply: object = {}
    with contextlib.suppress(redis.ResponseError):
        reply = client.execute_command("HELLO")  # without arguments it changes nothing
    if isinstance(reply, list):  # so it is in the older protocol
        reply = dict(zip(reply[::2], reply[1::2], strict=False))
    names = {"version": "redis_version", "mode": "redis_mode"}
    said = reply if isinstance(reply, dict) else {}
    return {names[name]: value for name, value in said.items() if name in names}


def _info_without_hello(options: ConnectOptions) -> dict[str, object]:
    """INFO server in the protocol of old servers, or nothing where that does not work either."""
    with contextlib.suppress(redis.RedisError), _new_client(options, REPLY_TIMEOUT, protocol=2) as client:
        return client.info("server")
    return {}


def _greets(options: ConnectOptions) -> bool:
    """Whether the server speaks before it is asked, as those of MySQL, SSH and mail do. A Redis does not."""
    if options.tls or options.socket_path is not None:
        return False
    try:
        with socket.create_connection((options.host, options.port), GREETING_TIMEOUT) as caller:
            return caller.recv(1) not in (b"", b"-")  # nothing, or a Redis that refuses one more client
    except OSError:  # silence, or it is gone by now
        return False


def embedded_server() -> "EmbeddedRedis":
    """The kernel's own embedded server, started at the first call. Raises CourseError when none can be had.

    The one thing in which this file needs the course: in a project of yours, delete this function.
    """
    from redis_helpers.course.embedded import kernel_server

    return kernel_server()
