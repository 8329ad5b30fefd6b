"""Workers of a queue, in threads."""

import contextlib
import threading
from collections.abc import Iterator

from redis_helpers.queue_worker import Worker


@contextlib.contextmanager
def in_thread(worker: Worker, **arguments: float) -> Iterator[list]:
    """Runs the worker until the block ends. What it has returned or raised then stands in the list."""
    outcome: list = []

    def run() -> None:
        try:
            outcome.append(worker.run(**arguments))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield outcome
    finally:
        worker.stop()
        thread.join(30)
        assert not thread.is_alive()
