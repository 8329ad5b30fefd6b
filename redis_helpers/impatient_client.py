"""`impatient_client`: a second client of the same Redis, which waits briefly and sends nothing twice."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from redis_helpers.errors import CourseError

# What redis-py keeps among a pool's settings for its own use: a new pool makes its own.
OF_ONE_POOL = ("maint_notifications_config", "maint_notifications_pool_handler")


def impatient_client(redis_conn: redis.Redis | redis.RedisCluster, patience: float) -> redis.Redis | redis.RedisCluster:
    """A client with the address, the rights and the TLS of `redis_conn`, and with connections of its own.

    It waits `patience` seconds for a connection, and as long for each reply. Nothing is sent here: redis-py's errors
    come from the first command. Keep `redis_conn` while you use it. A `RedisCluster` is returned as it is: give it
    `socket_timeout`, `socket_connect_timeout` and `retry` when you make it.

    Raises CourseError for a patience that is not a number of seconds.
    """
    if isinstance(patience, bool) or not isinstance(patience, (int, float)) or not 0 < patience <= 3600:
        raise CourseError("A patience is a number of seconds above 0, at most 3600: give such a number.")
    if isinstance(redis_conn, redis.RedisCluster):
        return redis_conn
    pool = redis_conn.connection_pool
    settings = dict(pool.connection_kwargs)
    for name in OF_ONE_POOL:
        settings.pop(name, None)
    settings["socket_timeout"] = patience
    settings["socket_connect_timeout"] = patience
    settings["retry"] = Retry(NoBackoff(), 0)
    own_pool = redis.ConnectionPool(pool.connection_class, max_connections=pool.max_connections, **settings)
    return redis.Redis.from_pool(own_pool)
