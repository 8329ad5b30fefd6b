"""A function's commands on their way to Redis: what is counted, what is refused, and how a connection dies."""

import contextlib
import hashlib

import pytest
import redis
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection
from redis.retry import Retry

from redis_helpers.course.exercises.named_keys import REFUSED
from redis_helpers.course.exercises.wire import (
    MINE,
    ORIGINALS,
    Call,
    Faults,
    Restart,
    _this_thread,
    apart,
    give,
    watching,
)
from tests.support.servers import options_of

PREFIX = "mine:"


def new_client(server):
    return redis.Redis(**options_of(server).arguments(), decode_responses=True, retry=Retry(NoBackoff(), 0))


@contextlib.contextmanager
def call_is_over():
    """This thread is nobody's again."""
    call, _this_thread.call = _this_thread.call, None
    yield
    _this_thread.call = call


@pytest.fixture
def begin(server, redis_conn):
    """Begins a call: gives it, and the client that it was given."""
    with contextlib.ExitStack() as open_until_the_end:
        open_until_the_end.enter_context(watching())

        def begin_one(faults=None, **options):
            call, client = Call(PREFIX, faults, **options), new_client(server)
            give(client).call = call
            open_until_the_end.enter_context(call.running())
            open_until_the_end.callback(client.close)
            return call, client

        yield begin_one


def test_commands_and_round_trips_are_counted(begin):
    call, client = begin()
    client.set("mine:a", 1)
    with client.pipeline(transaction=False) as pipe:
        pipe.get("mine:a").incr("mine:a").execute()
    assert call.commands == ["SET", "GET", "INCRBY"]
    assert call.round_trips == 2


def test_each_command_of_a_pipeline_is_a_step_and_a_transaction_is_one(begin):
    call, client = begin()
    assert client.pipeline(transaction=False).set("mine:a", 1).incr("mine:a").execute() == [True, 2]
    assert client.pipeline().incr("mine:a").get("mine:a").execute() == [3, "3"]
    assert [[words[0] for words in step.commands] for step in call.steps] == [
        ["SET"],
        ["INCRBY"],
        ["MULTI", "INCRBY", "GET", "EXEC"],
    ]
    assert call.steps[1].replies == [2]


def test_an_error_within_a_pipeline_is_where_it_belongs(begin, redis_conn):
    redis_conn.set("mine:a", "text")
    _, client = begin()
    replies = client.pipeline(transaction=False).incr("mine:a").get("mine:a").execute(raise_on_error=False)
    assert isinstance(replies[0], redis.ResponseError)
    assert replies[1] == "text"


def test_how_the_connection_introduces_itself_does_not_count(begin):
    call, client = begin()
    client.ping()
    client.connection_pool.disconnect()
    client.ping()
    assert call.commands == ["PING", "PING"]
    assert len(call.sockets) == 2


def test_it_answers_as_the_client_of_a_lesson_does(begin):
    _, client = begin()
    client.hset("mine:h", mapping={"banana": "3.12"})
    assert client.hgetall("mine:h") == {"banana": "3.12"}
    assert client.get("mine:none") is None


@pytest.mark.parametrize("command", sorted(REFUSED))
def test_every_refused_command(command, begin, redis_conn):
    call, client = begin()
    with pytest.raises(redis.ResponseError, match=f"^{command} was not run: it "):
        client.execute_command(*command.lower().split(), "x")
    assert call.refused.startswith(f"{command} was not run: it ")
    assert call.commands == []
    with call_is_over():
        assert redis_conn.ping()


def test_a_key_of_others_is_refused_before_anything_of_the_pipeline_is_sent(begin, redis_conn):
    call, client = begin()
    with pytest.raises(redis.ResponseError, match="DEL was not run on the key 'theirs'"), client.pipeline() as pipe:
        pipe.set("mine:a", 1).delete("theirs").execute()
    assert call.commands == []
    with call_is_over():
        assert redis_conn.keys() == []


def test_after_a_refusal_nothing_is_sent_any_more(begin):
    call, client = begin()
    with pytest.raises(redis.ResponseError):
        client.flushall()
    with pytest.raises(redis.ResponseError, match="FLUSHALL was not run"):
        client.set("mine:a", 1)
    assert call.commands == []


# Another connection than the one that was given


def test_another_connection_is_seen_and_guarded_too(begin, server, redis_conn):
    redis_conn.set("theirs", 1)
    call, client = begin()
    another = new_client(server)
    client.get("mine:a")
    assert not call.used_another
    another.set("mine:a", 1)
    assert call.used_another
    assert call.commands == ["GET", "SET"]
    with pytest.raises(redis.ResponseError, match="DEL was not run on the key 'theirs'"):
        another.delete("theirs")


def test_what_a_function_of_the_check_sends_is_not_the_learners(begin, redis_conn):
    call, client = begin()

    def writes(key, value=1):
        """What the learner's code hands its work to."""
        redis_conn.set(key, value)
        return client.get("mine:a")

    client.set("mine:a", 7)
    assert apart(writes)("theirs", value=5) == "7"
    assert apart(redis_conn.get)("theirs") == "5"
    assert call.commands == ["SET"]
    assert not call.used_another
    client.get("mine:a")
    assert call.commands == ["SET", "GET"]
    assert apart(writes).__doc__ == writes.__doc__


def test_another_connection_is_not_closed_at_the_end(begin, server):
    call, _ = begin()
    another = new_client(server)
    another.set("mine:a", 1)
    (connection,) = another.connection_pool._available_connections
    call.end()
    assert connection._sock.fileno() > 0
    with call_is_over():
        assert another.get("mine:a") == "1"
        assert another.connection_pool._available_connections == [connection]


def test_afterwards_redis_py_is_as_it_was():
    with watching():
        assert all(getattr(AbstractConnection, name) is mine for name, mine in MINE.items())
    assert all(getattr(AbstractConnection, name) is original for name, original in ORIGINALS.items())


def test_who_calls_nothing_is_not_looked_at(begin, redis_conn):
    call, _ = begin()
    with call_is_over():
        redis_conn.set("theirs", 1)
    assert call.commands == []


# Faults


@pytest.mark.parametrize("reached", [0, 1, 2])
def test_a_cut_lets_so_many_commands_through(reached, begin, redis_conn):
    _, client = begin(Faults(cut_after=reached))
    for number in range(reached):
        client.set(f"mine:{number}", 1)
    for _ in range(2):  # and the connection stays dead
        with pytest.raises(redis.ConnectionError, match="was cut"):
            client.set("mine:one too many", 1)
    with call_is_over():
        assert sorted(redis_conn.keys()) == [f"mine:{number}" for number in range(reached)]


@pytest.mark.parametrize("transaction", [False, True])
@pytest.mark.parametrize("reached", [0, 1, 2, 3])
def test_a_cut_in_the_middle_of_a_pipeline(reached, transaction, begin, redis_conn):
    _, client = begin(Faults(cut_after=reached))
    with pytest.raises(redis.ConnectionError, match="was cut"), client.pipeline(transaction) as pipe:
        pipe.set("mine:0", 1).set("mine:1", 1).set("mine:2", 1).set("mine:3", 1).execute()
    done = 0 if transaction else reached  # MULTI counts, and without EXEC nothing is done
    with call_is_over():
        assert sorted(redis_conn.keys()) == [f"mine:{number}" for number in range(done)]


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_reply_is_lost_once_and_the_command_is_done(lost, begin, redis_conn):
    _, client = begin(Faults(lost_reply=lost))
    for number in (1, 2):
        if number == lost:
            with pytest.raises(redis.ConnectionError, match="was cut"):
                client.incr("mine:a")
        else:
            assert client.incr("mine:a") == number
    assert client.incr("mine:a") == 3


@pytest.mark.parametrize("passed", [0, 1, 2])
def test_from_some_command_on_redis_answers_with_an_error(passed, begin, redis_conn):
    _, client = begin(Faults(error_after=passed))
    for _ in range(passed):
        client.incr("mine:a")
    for _ in range(2):
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.incr("mine:a")
    with call_is_over():
        assert redis_conn.get("mine:a") == (str(passed) if passed else None)


def test_a_full_redis_reads_and_deletes_and_refuses_the_rest(begin, redis_conn):
    redis_conn.set("mine:a", "1")
    _, client = begin(Faults(full=True))
    in_a_transaction = client.pipeline().expire("mine:a", 9).incr("mine:a").execute
    for refused in (lambda: client.set("mine:a", "2"), in_a_transaction):
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            refused()
    assert client.get("mine:a") == "1"
    assert client.ttl("mine:a") == -1
    assert client.pipeline().expire("mine:a", 9).delete("mine:a").execute() == [1, 1]
    with call_is_over():
        assert redis_conn.keys() == []


def test_an_error_within_a_transaction_undoes_it(begin, redis_conn):
    _, client = begin(Faults(error_after=2))
    with pytest.raises(redis.ResponseError):
        client.pipeline().incr("mine:a").incr("mine:b").execute()
    with call_is_over():
        assert redis_conn.keys() == []


@pytest.mark.parametrize("in_one_message", [True, False])
def test_a_restart_between_two_commands_brings_back_what_was_saved(in_one_message, begin, redis_conn):
    restart = Restart(after=2, run_id="another", comes_back=lambda: redis_conn.set("mine:a", "back"))
    _, client = begin(restart=restart)
    earlier = client.info("server")["run_id"]
    assert earlier not in ("", "another")
    if in_one_message:
        client.pipeline(transaction=False).delete("mine:a").get("mine:b").execute()
    else:
        client.delete("mine:a")
    assert client.info("server")["run_id"] == "another"
    assert client.info()["run_id"] == "another"
    assert client.get("mine:a") == "back"
    client.delete("mine:a")
    assert client.get("mine:a") is None, "it comes back once"


# What is left open, what waits


def test_a_watch_that_redis_refuses_leaves_nothing_open(begin):
    call, client = begin(Faults(error_after=0))
    with client.pipeline() as pipe, pytest.raises(redis.exceptions.OutOfMemoryError):
        pipe.watch("mine:a")
    assert call.left_open is None


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
def test_what_is_left_open_is_known(commands, open_one, begin):
    call, client = begin()
    for command in commands:
        client.execute_command(*command.split())
    assert call.left_open == open_one


def test_what_is_open_ends_with_its_connection(begin):
    call, client = begin()
    client.execute_command("WATCH", "mine:a")
    client.connection_pool.disconnect()
    assert call.left_open is None


def test_a_forgotten_multi_is_noticed(begin):
    call, client = begin()
    with client.pipeline() as pipe:
        pipe.watch("mine:a")
        pipe.set("mine:a", 1)
        assert call.wrote_while_watching == "SET"


def test_a_write_beside_the_pipeline_is_noticed(begin):
    call, client = begin()
    client.set("mine:a", 1)
    client.pipeline().set("mine:a", 2).execute()
    with client.pipeline() as pipe:
        pipe.watch("mine:a")
        client.get("mine:a")
        client.pipeline().set("mine:a", 3).execute()
        assert call.wrote_beside_watch is None
        pipe.multi()
        client.set("mine:a", 4)
        assert call.wrote_beside_watch == "SET"
    assert call.wrote_while_watching is None


def test_a_command_that_waits_is_noticed_outside_of_a_transaction(begin):
    call, client = begin()
    client.pipeline().blpop("mine:a", 1).execute()
    assert call.waited is None
    client.blpop("mine:a", 0.01)
    assert call.waited == "BLPOP"


def test_after_the_end_there_is_no_answer(begin, redis_conn):
    call, client = begin()
    client.set("mine:a", 1)
    call.end()
    with pytest.raises(redis.ConnectionError):
        client.set("mine:a", 2)
    with call_is_over():
        assert redis_conn.get("mine:a") == "1"


# Turns


def test_before_each_step_there_is_a_turn(begin):
    turns = []
    _, client = begin(turn=lambda step: turns.append(str(step)))
    client.set("mine:a", 1)
    client.pipeline(transaction=False).incr("mine:a").incr("mine:a").execute()
    client.pipeline().incr("mine:a").execute()
    client.ping()  # nobody sees it
    assert turns == ["SET mine:a 1", "INCRBY mine:a 1", "INCRBY mine:a 1", "MULTI, INCRBY mine:a 1, EXEC"]


# Scripts and clocks


def test_the_clock_can_be_set(begin):
    _, client = begin(now=1_700_000_000_123_456)
    assert client.time() == (1_700_000_000, 123_456)
    assert client.eval("return redis.call('TIME')", 0) == ["1700000000", "123456"]
    assert client.eval("return redis.pcall('time')[2]", 0) == "123456"


def test_a_script_that_redis_does_not_have_is_sent(begin):
    call, client = begin()
    script = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert script(["mine:a"], [3]) == 3
    assert script(["mine:a"], [3]) == 6
    assert call.last_script == b"return redis.call('INCRBY', KEYS[1], ARGV[1])"


def test_a_script_that_was_loaded_before_is_known_by_its_text(begin):
    text = "return redis.call('GET', KEYS[1])"
    sha = hashlib.sha1(text.encode()).hexdigest()
    _, client = begin(scripts={sha: text.encode()})
    client.set("mine:a", "here")
    assert client.evalsha(sha, 1, "mine:a") == "here"


def test_a_script_loaded_within_the_call_is_known(begin):
    _, client = begin()
    sha = client.script_load("return ARGV[1]")
    assert client.evalsha(sha, 0, "here") == "here"
    with pytest.raises(redis.exceptions.NoScriptError):
        client.evalsha("1" * 40, 0)


def test_what_python_cleans_up_later_is_not_of_the_call_that_runs_then(begin, server):
    first, first_client = begin()
    pipe = first_client.pipeline()
    pipe.watch("mine:a")
    first.end()
    second, second_client = begin()
    pipe.__del__()  # as when the garbage is collected: it would send UNWATCH
    second_client.get("mine:a")
    assert second.commands == ["GET"]
    assert first.commands == ["WATCH"]
