"""`impatient_client`: a second client of the same Redis, which waits briefly and sends nothing twice."""

from queue import Empty, LifoQueue
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.exceptions import MaxConnectionsError
from redis.retry import Retry

from redis_helpers.errors import CourseError

MOST_CONNECTIONS = 1000  # a pool keeps a list as long as this

# What redis-py keeps among the settings for its own use, and what belongs to another patience.
NOT_COPIED = (
    "maint_notifications_config",
    "maint_notifications_pool_handler",
    "oss_cluster_maint_notifications_handler",
    "orig_host_address",
    "orig_socket_timeout",
    "orig_socket_connect_timeout",
)


def impatient_client(redis_conn: redis.Redis | redis.RedisCluster, patience: float) -> redis.Redis | redis.RedisCluster:
    """A client with the address, the rights and the TLS of `redis_conn`, and with connections of its own.

    It waits `patience` seconds to connect, and as long for each reply. It has at most as many connections as
    `redis_conn` may have, and 1000. When all are in use, it waits `patience` seconds for one to be free, and then
    raises redis-py's MaxConnectionsError. Keep `redis_conn` while you use it.

    For a client of one server nothing is sent here: redis-py's errors come from the first command. A client of a
    cluster asks here which nodes there are, and may raise redis-py's errors. When a node has failed, a command may ask
    the others for the slots first, and waits as long for each of them.

    Raises CourseError for a patience that is not a number of seconds, and TypeError for a client of `redis.asyncio`.
    """
    if hasattr(redis_conn, "aclose"):
        raise TypeError("impatient_client needs a client of redis.Redis or redis.RedisCluster, not of redis.asyncio")
    if isinstance(patience, bool) or not isinstance(patience, (int, float)) or not 0 < patience <= 3600:
        raise CourseError("A patience is a number of seconds above 0, at most 3600: give such a number.")
    if isinstance(redis_conn, redis.RedisCluster):
        return _of_a_cluster(redis_conn, patience)
    pool = redis_conn.connection_pool
    settings = _impatient_settings(pool.connection_kwargs, patience)
    own_pool = redis.BlockingConnectionPool(
        max_connections=min(pool.max_connections, MOST_CONNECTIONS),
        timeout=patience,
        connection_class=pool.connection_class,
        queue_class=_FreeConnections,
        **settings,
    )
    return redis.Redis.from_pool(own_pool)


class _FreeConnections(LifoQueue):
    """The free connections of a pool. It has an error of its own when there is none: redis-py's looks as if Redis were
    gone.
    """

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return super().get(block, timeout)
        except Empty:
            raise MaxConnectionsError("No connection was free.") from None


def _of_a_cluster(redis_conn: redis.RedisCluster, patience: float) -> redis.RedisCluster:
    nodes = redis_conn.nodes_manager
    settings = _impatient_settings(nodes.connection_kwargs, patience)
    settings.pop("redis_connect_func", None)  # a method of the other client
    startup_nodes = [ClusterNode(node.host, node.port) for node in redis_conn.get_nodes()]
    return redis.RedisCluster(startup_nodes=startup_nodes, address_remap=nodes.address_remap, **settings)


def _impatient_settings(given: dict[str, Any], patience: float) -> dict[str, Any]:
    """The settings of a connection, but for those that say how long it waits."""
    settings = dict(given)
    for name in NOT_COPIED:
        settings.pop(name, None)
    settings["socket_timeout"] = patience
    settings["socket_connect_timeout"] = patience
    settings["retry"] = Retry(NoBackoff(), 0)
    try:
        from redis.maint_notifications import MaintNotificationsConfig
    except ImportError:  # an older redis-py
        return settings
    # Otherwise an announced maintenance would make the time-outs longer.
    settings["maint_notifications_config"] = MaintNotificationsConfig(enabled=False)
    return settings
