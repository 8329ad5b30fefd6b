"""`cache_client()`: a redis-py client for caches. Its GET costs two thirds of the default's, and it waits briefly.

An ordinary `redis.Redis`, with a pool of its own. redis-py's pool looks at each connection before it hands it out
(is there something to be read, has the server closed it?) and counts for telemetry: that is a third of a GET.
`CachePool` hands it out as it is. So the first command on a connection that the server has closed fails with
ConnectionError, and whoever uses this client must bear that: `CacheAside` does.
"""

import threading
from collections import deque
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from redis_helpers.after_fork import reset_in_forked_children

TIMEOUT = 0.25  # seconds to connect, and to wait for a reply: the source is there to answer
MAX_CONNECTIONS = 1000
# What `redis.Redis` takes, and a pool of its own cannot do.
NOT_TAKEN = ("cache", "cache_config", "connection_pool", "event_dispatcher", "single_connection_client")


def cache_client(**options: Any) -> redis.Redis:
    """A client with the arguments of `redis.Redis(...)`, but for other defaults: time-outs of 0.25 s, no retries, at
    most 1,000 connections, no maintenance notifications. It connects at the first command, and raises what
    `redis.Redis` raises; and TypeError for an argument in `NOT_TAKEN`."""
    for name in NOT_TAKEN:
        if name in options:
            raise TypeError(f"cache_client() does not take {name}: leave it out, or make a client with redis.Redis().")
    defaults = {
        "socket_timeout": TIMEOUT,
        "socket_connect_timeout": TIMEOUT,
        "max_connections": MAX_CONNECTIONS,
        "retry": Retry(NoBackoff(), 0),
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    given = {**defaults, **options}
    plain = redis.Redis(**given).connection_pool
    # A pool does not always keep this one among the settings of its connections, and without it would switch it on.
    notifications = {"maint_notifications_config": given["maint_notifications_config"]}
    settings = {**notifications, **plain.connection_kwargs}
    return redis.Redis.from_pool(CachePool(plain.connection_class, plain.max_connections, **settings))


class CachePool(redis.ConnectionPool):
    """A pool that hands its connections out as they are, the one used last first."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        reset_in_forked_children(self)

    def reset(self) -> None:
        """Starts anew, with no connection. redis-py calls it once when a pool is made."""
        super().reset()
        self._idle: deque[Any] = deque()  # its append() and pop() may be called by many threads
        self._made: list[Any] = []
        self._making = threading.Lock()

    def reset_after_fork(self) -> None:
        """A forked child must not read the replies of its parent."""
        self.reset()

    def get_connection(self, *_: Any, **__: Any) -> Any:
        """A connection for one command; it connects when it is used. Raises MaxConnectionsError when there are too
        many."""
        try:
            return self._idle.pop()
        except IndexError:
            with self._making:
                connection = self.make_connection()
                self._made.append(connection)
            return connection

    def release(self, connection: Any) -> None:
        """Takes a connection back. One that failed was closed, and will connect anew."""
        self._idle.append(connection)

    def disconnect(self, inuse_connections: bool = True) -> None:
        """Closes the connections, or those only that nobody uses at this moment. They connect anew when used."""
        if inuse_connections:
            for connection in list(self._made):
                connection.disconnect()
            return
        closed = []
        for _ in range(len(self._idle)):
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            connection.disconnect()
            closed.append(connection)
        self._idle.extend(closed)
