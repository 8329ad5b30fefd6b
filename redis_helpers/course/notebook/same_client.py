"""`same_client`: a second client of the same Redis, otherwise set."""

import redis

# What redis-py keeps among a pool's settings for its own use: it belongs to that pool, and a new pool makes its own.
OF_ONE_POOL = ("maint_notifications_config", "maint_notifications_pool_handler")


def same_client(redis_conn: redis.Redis, **settings: object) -> redis.Redis:
    """A client with the address, the user and the TLS of `redis_conn`, in which `settings` replace others of its own.

        with same_client(redis_conn, decode_responses=False) as client:
            client.get("photo")

    `settings` are those of `redis.Redis`, such as `protocol`, or `socket_timeout` in seconds. Nothing is sent here:
    errors come from the first command. Close the client, or use it in a `with` block: its connections are its own.
    """
    pool = redis_conn.connection_pool
    wanted = {**pool.connection_kwargs, **settings}
    for name in OF_ONE_POOL:
        wanted.pop(name, None)
    return redis.Redis.from_pool(redis.ConnectionPool(pool.connection_class, **wanted))
