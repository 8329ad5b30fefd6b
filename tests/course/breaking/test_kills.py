"""A process that is killed behind a command, and a reply that is lost."""

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from redis_helpers.course.breaking import killed_after, killed_anywhere, lost_reply
from tests.support.servers import options_of

KEY = "cell-by-cell:kills:counter"


@pytest.fixture
def conn(redis_conn, server, monkeypatch):
    """The server that a notebook's processes find too."""
    monkeypatch.setenv("REDIS_URL", server.url)
    return redis_conn


def torn(redis_conn, key):
    if redis_conn.incr(key) == 1:
        redis_conn.pexpire(key, 60_000)


def whole(redis_conn, key):
    redis_conn.pipeline().set(key, 0, px=60_000, nx=True).incr(key).execute()


@pytest.mark.parametrize(
    ("command", "function", "left", "ends"),
    [
        ("INCR", torn, "1", False),
        ("PEXPIRE", torn, "1", True),
        ("SET", whole, None, False),
        ("EXEC", whole, "1", True),
    ],
)
def test_what_is_left_is_what_was_done_up_to_then(command, function, left, ends, conn):
    assert killed_after(command, function, conn, KEY) == f"{command} was sent, then the process was killed"
    assert conn.get(KEY) == left
    assert (conn.ttl(KEY) > 0) is ends


def test_a_command_that_never_comes(conn):
    with pytest.raises(ValueError, match="never sent ZADD"):
        killed_after("ZADD", torn, conn, KEY)


def test_killed_behind_each_command_in_turn(conn):
    left = {}
    for moment in killed_anywhere(torn, conn, KEY, before=lambda: conn.delete(KEY)):
        left[moment] = conn.ttl(KEY) > 0
    assert left == {"killed after INCRBY": False, "killed after PEXPIRE": True}


def test_a_lost_reply_is_lost_once_and_the_command_is_done(conn, server):
    once = redis.Redis(**options_of(server).arguments(), decode_responses=True, retry=Retry(NoBackoff(), 0))
    with lost_reply("INCR"), pytest.raises(redis.ConnectionError, match="before the reply arrived"):
        once.incr(KEY)
    assert once.incr(KEY) == 2


def test_a_client_that_tries_again_counts_twice(conn, server):
    again = redis.Redis(**options_of(server).arguments(), decode_responses=True, retry=Retry(NoBackoff(), 3))
    with lost_reply("INCR"):
        assert again.incr(KEY) == 2


def test_a_reply_of_a_command_that_never_comes(conn):
    with pytest.raises(ValueError, match="INCR was never sent"), lost_reply("INCR"):
        conn.get(KEY)
