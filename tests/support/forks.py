"""A child that is forked in the middle of a test."""

import multiprocessing
from collections.abc import Callable
from typing import Any


def in_forked_child(call: Callable[[], Any]) -> Any:
    """What `call()` returns in a child that is forked here. Fails when the child hangs, or `call` raises."""
    context = multiprocessing.get_context("fork")
    answers, answer = context.Pipe(duplex=False)
    child = context.Process(target=lambda: answer.send(call()))
    child.start()
    answer.close()
    try:
        assert answers.poll(20), "the child hangs"
        return answers.recv()
    finally:
        child.kill()
        child.join()
