"""What the server at the other end is, and what it can do."""

import redis


def server_name(redis_conn: redis.Redis) -> str:
    """For example "Redis 8.2.3" or "Valkey 9.1.2"."""
    info = redis_conn.info("server")
    if "valkey_version" in info:  # Valkey also reports the Redis version it is compatible with
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info['redis_version']}"


def knows(redis_conn: redis.Redis, command: str) -> bool:
    """Whether the server has a command, such as "HEXPIRE". Forks differ in more than their version numbers tell."""
    return any(redis_conn.execute_command("COMMAND INFO", command))
