"""`CacheClient`: a redis-py client for caches, whose GET costs little more than the round trip."""

import contextlib
import os
import weakref
from collections import deque
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionInterface
from redis.retry import Retry
from redis.typing import KeyT

TIMEOUT = 0.25  # seconds to connect, and to wait for a reply: the source is there to answer


class CacheClient(redis.Redis):
    """An ordinary `redis.Redis`, but for its timeouts (0.25 s), its retries (none), and its `get`.

    redis-py's GET takes a connection out of a locked pool, looks whether it is still alive, prepares retries and
    telemetry, and puts it back. This one holds its connections in a list, one for each thread that asks at the same
    time, and uses them as they are. When one turns out to be dead, GET is asked once more, on a new connection: it
    changes nothing, so it may be asked twice.
    """

    def __init__(self, **options: Any) -> None:
        options = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "max_connections": 1000, **options}
        super().__init__(**{"retry": Retry(NoBackoff(), 0), **options})
        self._held: deque[ConnectionInterface] = deque()  # its pop() and append() are atomic: no lock
        _clients.add(self)

    def get(self, name: KeyT) -> str | bytes | None:
        """The value under `name`, or None. Raises what redis-py's own `get` raises."""
        try:
            connection = self._held.pop()
        except IndexError:
            return self._get(self.connection_pool.make_connection(), name)
        try:
            return self._get(connection, name)
        except redis.ConnectionError:  # the server closed it while it was idle, and the others too
            self._held.clear()
            return self._get(connection, name)  # connects anew

    def _get(self, connection: ConnectionInterface, name: KeyT) -> str | bytes | None:
        try:
            connection.send_command("GET", name)
            value = connection.read_response()
        except redis.ResponseError:  # such as WRONGTYPE: the connection is good
            self._held.append(connection)
            raise
        except BaseException:  # also an interrupt: a reply may still be on its way
            connection.disconnect()
            raise
        self._held.append(connection)
        return value

    def close(self) -> None:
        """Closes all connections. The client may be used again afterwards."""
        while self._held:
            with contextlib.suppress(IndexError):
                self._held.pop().disconnect()
        super().close()


_clients: "weakref.WeakSet[CacheClient]" = weakref.WeakSet()


def _let_go_after_fork() -> None:
    """A forked child must not read the replies of its parent."""
    for client in list(_clients):
        client._held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_after_fork)
