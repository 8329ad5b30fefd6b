"""The client that a learner's function gets: what it counts, what it refuses, and how its connection dies."""

import pytest
import redis

from redis_helpers.course.exercises.recording_client import REFUSED, Recorder, keys_of, recording_client
from tests.support.servers import options_of

PREFIX = "mine:"


@pytest.fixture
def record(server, redis_conn):
    """Makes a recorder and its client."""
    clients = []

    def make(**options):
        recorder = Recorder(PREFIX, **options)
        clients.append(recording_client(options_of(server), recorder, reply_timeout=5))
        return recorder, clients[-1]

    yield make
    for client in clients:
        client.close()


def test_commands_and_round_trips_are_counted(record):
    recorder, client = record()
    client.set("mine:a", 1)
    with client.pipeline(transaction=False) as pipe:
        pipe.get("mine:a").incr("mine:a").execute()
    assert recorder.commands == ["SET", "GET", "INCRBY"]
    assert recorder.round_trips == 2


def test_how_the_connection_introduces_itself_does_not_count(record):
    recorder, client = record()
    client.ping()
    client.connection_pool.disconnect()
    client.ping()
    assert recorder.commands == ["PING", "PING"]
    assert len(recorder.sockets) == 2


def test_it_answers_as_the_client_of_a_lesson_does(record):
    _, client = record()
    client.hset("mine:h", mapping={"banana": "3.12"})
    assert client.hgetall("mine:h") == {"banana": "3.12"}
    assert client.get("mine:none") is None


@pytest.mark.parametrize("command", sorted(REFUSED))
def test_every_refused_command(command, record, redis_conn):
    recorder, client = record()
    with pytest.raises(redis.ResponseError, match=f"^{command} was not run: it "):
        client.execute_command(*command.lower().split(), "x")
    assert recorder.refused.startswith(f"{command} was not run: it ")
    assert recorder.commands == []
    assert redis_conn.ping()


def test_a_key_of_others_is_refused_before_anything_of_the_pipeline_is_sent(record, redis_conn):
    recorder, client = record()
    with pytest.raises(redis.ResponseError, match="DEL was not run on the key 'theirs'"), client.pipeline() as pipe:
        pipe.set("mine:a", 1).delete("theirs").execute()
    assert redis_conn.keys() == []
    assert recorder.commands == []


def test_after_a_refusal_nothing_is_sent_any_more(record):
    recorder, client = record()
    with pytest.raises(redis.ResponseError):
        client.flushall()
    with pytest.raises(redis.ResponseError, match="FLUSHALL was not run"):
        client.set("mine:a", 1)
    assert recorder.commands == []


@pytest.mark.parametrize("reached", [0, 1, 2])
def test_a_cut_lets_so_many_commands_through(reached, record, redis_conn):
    _, client = record(cut_after=reached)
    for number in range(reached):
        client.set(f"mine:{number}", 1)
    with pytest.raises(redis.ConnectionError, match="was cut"):
        client.set("mine:one too many", 1)
    assert sorted(redis_conn.keys()) == [f"mine:{number}" for number in range(reached)]


@pytest.mark.parametrize("reached", [0, 1, 2])
def test_a_cut_in_the_middle_of_a_pipeline(reached, record, redis_conn):
    _, client = record(cut_after=reached)
    with pytest.raises(redis.ConnectionError, match="was cut"), client.pipeline(transaction=False) as pipe:
        pipe.set("mine:0", 1).set("mine:1", 1).set("mine:2", 1).execute()
    assert sorted(redis_conn.keys()) == [f"mine:{number}" for number in range(reached)]


def test_somebody_acts_between_two_commands_three_times_at_most(record):
    acts = []
    _, client = record(between=lambda: acts.append(1))
    client.get("mine:a")
    assert acts == []
    for expected in (1, 2, 3, 3, 3):
        client.get("mine:a")
        assert len(acts) == expected


@pytest.mark.parametrize(
    ("commands", "open_one"),
    [
        (["WATCH mine:a"], "WATCH"),
        (["WATCH mine:a", "UNWATCH"], None),
        (["MULTI"], "MULTI"),
        (["WATCH mine:a", "MULTI", "UNWATCH"], "MULTI"),
        (["MULTI", "EXEC"], None),
        (["WATCH mine:a", "MULTI", "DISCARD"], None),
    ],
)
def test_what_is_left_open_is_known(commands, open_one, record):
    recorder, client = record()
    for command in commands:
        client.execute_command(*command.split())
    assert recorder.left_open == open_one


def test_after_the_end_there_is_no_answer(record, redis_conn):
    recorder, client = record()
    client.set("mine:a", 1)
    recorder.end()
    with pytest.raises(redis.ConnectionError):
        client.set("mine:a", 2)
    assert redis_conn.get("mine:a") == "1"


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        ("GET a", ["a"]),
        ("DEL a b", ["a", "b"]),
        ("MSET a 1 b 2", ["a", "b"]),
        ("RENAME a b", ["a", "b"]),
        ("LMOVE a b LEFT RIGHT", ["a", "b"]),
        ("BLPOP a b 1", ["a", "b"]),
        ("XREADGROUP GROUP g c COUNT 1 STREAMS a b > >", ["a", "b"]),
        ("XREAD COUNT 1", []),
        ("ZUNIONSTORE d 2 a b", ["d", "a", "b"]),
        ("EVALSHA abc 2 a b 7", ["a", "b"]),
        ("EVAL abc", []),
        ("OBJECT ENCODING a", ["a"]),
        ("SCAN 0 MATCH a", []),
        ("PING", []),
    ],
)
def test_keys_of(command, keys):
    assert keys_of(command.split()) == keys
