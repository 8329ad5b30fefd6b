"""Many short questions to Redis, quickly: what a check asks before and after each call of an answer.

redis-py's client takes a connection from its pool, counts and measures for each command. Here a connection is kept, and
several commands go out in one message, through the same connections of redis-py.
"""

from collections.abc import Sequence
from typing import Any

import redis
from redis.connection import Connection

Command = tuple[Any, ...]


class DirectLine:
    """Asks the server of a client, from any thread. `close()` gives the connections back to the client."""

    def __init__(self, client: redis.Redis) -> None:
        self._pool = client.connection_pool
        self._forms = client.response_callbacks
        self._free: list[Connection] = []

    def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Sends the commands in one message, and returns their replies. Raises the first error among them."""
        if not commands:
            return []
        connection = self._free.pop() if self._free else self._pool.get_connection()
        try:
            connection.send_packed_command(connection.pack_commands(commands))
            replies = [_reply(connection) for _ in commands]
        except BaseException:  # replies may still be on their way: nobody is to take them for others
            connection.disconnect()
            self._pool.release(connection)
            raise
        self._free.append(connection)
        for reply in replies:
            if isinstance(reply, redis.RedisError):
                raise reply
        return replies

    def as_the_client_gives_it(self, name: str, reply: Any, **options: Any) -> Any:
        """The reply to a command of this name, in the form that the client's own method returns."""
        return self._forms[name](reply, **options) if name in self._forms else reply

    def close(self) -> None:
        """After this, the next question takes a new connection."""
        while self._free:
            self._pool.release(self._free.pop())


def _reply(connection: Connection) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error
