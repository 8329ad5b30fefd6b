"""Users of a real server who may do less than everything."""

import contextlib
from collections.abc import Iterator

import redis

from redis_helpers.connection import ConnectOptions
from redis_helpers.course.embedded import EmbeddedRedis
from tests.support.servers import options_of

PASSWORD = "for-tests-only"


@contextlib.contextmanager
def user_of(server: EmbeddedRedis, *rules: str, name: str = "narrow") -> Iterator[ConnectOptions]:
    """How a user with these ACL rules ("+@read", "~cell-by-cell:*", …) connects. In the end there is no such user."""
    with redis.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL SETUSER", name, "reset", "on", f">{PASSWORD}", *rules)
        try:
            yield options_of(server, username=name, password=PASSWORD)
        finally:
            admin.execute_command("ACL DELUSER", name)


@contextlib.contextmanager
def client_of(server: EmbeddedRedis, *rules: str, **settings: object) -> Iterator[redis.Redis]:
    """A client of a user with these ACL rules."""
    with user_of(server, *rules) as options, redis.Redis(**options.arguments(), **settings) as client:
        yield client
