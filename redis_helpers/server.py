"""What the server at the other end is, and what it can do."""

import redis


def server_name(redis_conn: redis.Redis) -> str:
    """For example "Redis 8.2.3" or "Valkey 9.1.2", or "Redis" alone where the server does not tell its version."""
    try:
        info = redis_conn.info("server")
    except redis.ResponseError:  # this user may not ask, or the server does not know the command
        info = {}
    if "valkey_version" in info:  # Valkey also reports the Redis version it is compatible with
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info['redis_version']}" if "redis_version" in info else "Redis"


def knows(redis_conn: redis.Redis, command: str) -> bool:
    """Whether the server has a command, such as "HEXPIRE". Forks differ in more than their version numbers tell.

    False, too, where the server does not tell which commands it has.
    """
    try:
        return any(redis_conn.execute_command("COMMAND INFO", command))
    except redis.ResponseError:
        return False
