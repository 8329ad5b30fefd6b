"""Somebody comes in between, at the moment that was asked for and at every moment in turn."""

import pytest
import redis

from redis_helpers.course.breaking import at_once, every_moment, with_rival

KEY = "cell-by-cell:rivals:counter"


def read_and_write(redis_conn, key):
    seen = int(redis_conn.get(key) or 0)
    redis_conn.set(key, seen + 1)
    return seen + 1


def in_a_transaction(redis_conn, key):
    return redis_conn.pipeline().incr(key).incr(key).execute()


def in_one_message(redis_conn, key):
    return redis_conn.pipeline(transaction=False).incr(key).incr(key).execute()


def under_a_lock(redis_conn, key):
    with redis_conn.lock(key + ":lock", timeout=5):
        return key


@pytest.mark.parametrize(("after", "left"), [(0, "6"), (1, "1"), (2, "5"), (7, "5")])
def test_it_comes_once_behind_that_command(after, left, redis_conn):
    came = []

    def rival():
        came.append(redis_conn.set(KEY, 5))

    read_and_write_returns = with_rival(read_and_write, redis_conn, KEY, rival=rival, after=after)
    assert came == [True]
    assert read_and_write_returns == (6 if after == 0 else 1)
    assert redis_conn.get(KEY) == left


def test_between_the_commands_of_one_message_too_but_not_within_a_transaction(redis_conn):
    rival = lambda: redis_conn.set(KEY, 10)  # noqa: E731
    assert with_rival(in_one_message, redis_conn, KEY, rival=rival) == [1, 11]
    redis_conn.delete(KEY)
    assert with_rival(in_a_transaction, redis_conn, KEY, rival=rival) == [1, 2]
    assert redis_conn.get(KEY) == "10"


@pytest.mark.parametrize(
    ("function", "moments"),
    [
        (read_and_write, ["before the first command", "after GET", "after SET"]),
        (in_one_message, ["before the first command", "after INCRBY", "after INCRBY"]),
        (in_a_transaction, ["before the first command", "after EXEC"]),
        (under_a_lock, ["before the first command", "after SET", "after EVALSHA"]),
    ],
)
def test_every_moment_is_tried_once(function, moments, redis_conn):
    came = []
    tried = every_moment(
        function, redis_conn, KEY, rival=lambda: came.append(redis_conn.get(KEY)), before=lambda: redis_conn.delete(KEY)
    )
    assert list(tried) == moments
    assert len(came) == len(moments)
    assert came[0] is None


def test_what_either_raises_is_raised(redis_conn):
    def fails():
        raise LookupError("no such fruit")

    with pytest.raises(LookupError):
        with_rival(read_and_write, redis_conn, KEY, rival=fails)
    redis_conn.rpush(KEY, "x")
    with pytest.raises(redis.ResponseError):
        with_rival(read_and_write, redis_conn, KEY, rival=lambda: None)


def test_afterwards_the_client_is_as_before(redis_conn):
    with_rival(read_and_write, redis_conn, KEY, rival=lambda: None)
    assert redis_conn.get(KEY) == "1"
    assert redis_conn.flushdb()


def test_all_at_once(redis_conn):
    numbers = at_once(8, redis_conn.incr, KEY)
    assert sorted(numbers) == list(range(1, 9))
    with pytest.raises(ZeroDivisionError):
        at_once(3, lambda: 1 / 0)
