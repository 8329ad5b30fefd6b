"""`redis`: the embedded server in a terminal."""

import contextlib
import signal
import sys

from redis_helpers.course.embedded import EmbeddedRedis


def run_redis() -> int:
    """The embedded server until Ctrl-C, with its URL on the first line, made to be copied into REDIS_URL."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with EmbeddedRedis() as server, contextlib.suppress(KeyboardInterrupt):
        print(server.url, flush=True)
        print("Ctrl-C stops the server; nothing is kept.", file=sys.stderr)
        signal.pause()
    return 0
