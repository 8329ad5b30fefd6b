"""Runs the cell of a prediction for real, on the learner's Redis, under keys of its own that are gone afterwards."""

import re
import secrets

import redis

from redis_helpers.course.exercises.model import Prediction

PREFIX = "cell-by-cell:review:"  # so begin the keys in the code of each prediction


def run_prediction(prediction: Prediction, redis_conn: redis.Redis) -> list[str]:
    """The lines that the cell prints. An error that it raises is the last one.

    Two kernels can run the same cell at the same moment: each has other keys.

    Raises redis-py's RedisError when Redis is gone, or does not let this user do what the cell does.
    """
    own_prefix = f"{PREFIX}{secrets.token_hex(4)}:"
    code = prediction.code.replace(PREFIX, own_prefix)
    lines: list[str] = []

    def note(*values: object) -> None:
        lines.append(" ".join(str(value) for value in values))

    try:
        exec(code, {"redis_conn": redis_conn, "print": note})
    except (redis.ConnectionError, redis.TimeoutError, redis.exceptions.NoPermissionError):
        raise
    except Exception as error:
        note(f"{type(error).__name__}: {error}")
    finally:
        keys = _keys_in(code, own_prefix)
        if keys:
            redis_conn.unlink(*keys)
    return lines


def _keys_in(code: str, prefix: str) -> set[str]:
    """Every key that the code names."""
    return set(re.findall(re.escape(prefix) + r"[\w:-]+", code))
