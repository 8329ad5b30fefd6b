"""The client with which `check` and `review` work: their own, on the Redis of the notebook."""

import redis

from redis_helpers.connection import ConnectOptions, RedisConnectionHandle, connect_options

_handle: RedisConnectionHandle | None = None
_client: redis.Redis | None = None


def course_redis() -> tuple[redis.Redis, ConnectOptions]:
    """A client of our own, and the address of the notebook's Redis. Raises CourseError when it is not there."""
    global _handle, _client
    configured = connect_options()
    if _handle is None or _client is None or not _leads_to(_handle, configured) or not _answers(_client):
        if _handle is not None:
            _handle.close()
        _client = None
        _handle = RedisConnectionHandle(configured)
        _client = _handle.connect()
    return _client, _handle.options


def _leads_to(handle: RedisConnectionHandle, configured: ConnectOptions | None) -> bool:
    return handle.embedded if configured is None else handle.options == configured


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
