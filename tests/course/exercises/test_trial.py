"""What a check can ask of an answer: the faults of each kind are found, with a story, and right answers pass."""

import socket
import threading

import pytest
import redis

from redis_helpers.course.exercises.checker import Trial, nobody_there
from redis_helpers.course.exercises.model import Crashed, Failed
from redis_helpers.course.exercises.state import Ends
from tests.support.servers import options_of


@pytest.fixture
def begin(any_conn, any_server):
    """Begins a trial of a function; afterwards nothing may be left."""
    trials = []

    def begin_one(function):
        trials.append(Trial("9.9", function, any_conn, options_of(any_server)))
        return trials[-1].__enter__()

    yield begin_one
    for trial in trials:
        trial.__exit__(None, None, None)
    assert any_conn.keys() == []


# Answers to "count one more, return the number, in a window that ends"


def one_script(redis_conn, key, window):
    return redis_conn.eval(
        "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end return n",
        1,
        key,
        window,
    )


def one_transaction(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()[-1]


def watched(redis_conn, key, window):
    def count(pipe):
        seen = pipe.get(key)
        pipe.multi()
        if seen is None:
            pipe.set(key, 1, px=window)
        else:
            pipe.incr(key)
        return int(seen or 0) + 1

    return redis_conn.transaction(count, key, value_from_callable=True)


def torn(redis_conn, key, window):
    count = redis_conn.incr(key)
    if count == 1:
        redis_conn.pexpire(key, window)
    return count


def two_steps(redis_conn, key, window):
    redis_conn.set(key, 0, px=window, nx=True)
    return redis_conn.incr(key)


def two_steps_in_one_message(redis_conn, key, window):
    return redis_conn.pipeline(transaction=False).set(key, 0, px=window, nx=True).incr(key).execute()[-1]


def looked_first(redis_conn, key, window):
    count = int(redis_conn.get(key) or 0) + 1
    redis_conn.set(key, count, px=window) if count == 1 else redis_conn.set(key, count, keepttl=True)
    return count


def swallows(redis_conn, key, window):
    try:
        return one_transaction(redis_conn, key, window)
    except redis.RedisError:
        return 1


RIGHT = [one_script, one_transaction, watched]


def two_at_once(trial, key):
    trial.orders("two got one number", {"a": (key, 60_000), "b": (key, 60_000)}, before=lambda: None)


def window_ends(trial, key):
    trial.every_gap(
        "the window ended in between",
        (key, 60_000),
        before=lambda: trial.put({key: Ends("3", 60)}),
        rivals={"the window ends": lambda: trial.redis.delete(key)},
    )


def cut_anywhere(trial, key):
    trial.every_cut("it never ends", (key, 60_000), before=lambda: None)


def errors(trial, key):
    trial.every_error((key, 60_000), before=lambda: None)


DEMANDS = [two_at_once, window_ends, cut_anywhere, errors]


@pytest.mark.parametrize("demand", DEMANDS)
@pytest.mark.parametrize("answer", RIGHT)
def test_right_answers_in_any_style_pass(answer, demand, begin):
    trial = begin(answer)
    demand(trial, trial.key("counter"))


@pytest.mark.parametrize(
    ("answer", "demand", "sentence"),
    [
        (looked_first, two_at_once, "two got one number"),
        (two_steps, window_ends, "the window ended in between"),
        (two_steps_in_one_message, window_ends, "the window ended in between"),
        (torn, cut_anywhere, "The program died after its command number 1 (INCRBY): it never ends"),
        (swallows, errors, "Redis answered with an error"),
    ],
)
def test_faults_are_found_each_time(answer, demand, sentence, begin):
    for _ in range(3):
        trial = begin(answer)
        with pytest.raises(Failed) as failure:
            demand(trial, trial.key("counter"))
        assert sentence in failure.value.why


def test_the_story_is_the_shortest_and_shows_who_did_what(begin):
    trial = begin(looked_first)
    key = trial.key("counter")
    with pytest.raises(Failed) as failure:
        two_at_once(trial, key)
    name = key.removeprefix(trial.prefix)
    assert [line.split() for line in failure.value.story.splitlines()] == [
        ["a", "b"],
        [*["-" * len(f"SET {name} 1 PX 60000 → 'OK'")] * 2],
        ["GET", name, "→", "nothing"],
        ["GET", name, "→", "nothing"],
        ["SET", name, "1", "PX", "60000", "→", "'OK'"],
        ["SET", name, "1", "PX", "60000", "→", "'OK'"],
        ["returns", "1"],
        ["returns", "1"],
    ]


def test_another_connection_takes_part(begin, any_server):
    mine = redis.Redis.from_url(any_server.url, decode_responses=True)
    trial = begin(lambda redis_conn, key, window: looked_first(mine, key, window))
    with pytest.raises(Failed, match="two got one number"):
        two_at_once(trial, trial.key("counter"))
    mine.close()


def test_an_error_of_one_order_only_is_a_crash_with_a_story(begin):
    def careless(redis_conn, key, window):
        if redis_conn.exists(key):
            return int(redis_conn.get(key))
        return 0

    trial = begin(careless)
    with pytest.raises(Crashed) as crash:
        window_ends(trial, trial.key("counter"))
    assert isinstance(crash.value.error, TypeError)
    assert "the window ends" in crash.value.story


def test_what_is_allowed_beside_one_after_the_other(begin):
    trial = begin(looked_first)
    key = trial.key("counter")
    trial.orders("no", {"a": (key, 60_000), "b": (key, 60_000)}, lambda: None, allowed=lambda run, view: True)


# State


def test_a_case_compares_all_that_is_there(begin):
    trial = begin(lambda redis_conn, key, text: redis_conn.set(key, text))
    key = trial.key("greeting")
    trial.case("stored", (key, "hello"), before={key: "before"}, returns=True, after={key: "hello"})
    with pytest.raises(Failed, match="returned"):
        trial.case("what is returned", (key, "hello"), returns="hello")
    with pytest.raises(Failed, match="stored"):
        trial.case("stored", (key, "hello"), after={key: "good morning"})


@pytest.mark.parametrize(
    ("act", "expected", "sentence"),
    [
        (lambda conn, key: conn.set(key, "x", ex=60), {"it": "x"}, "nobody asked for a TTL"),
        (lambda conn, key: conn.set(key, "x"), {"it": Ends("x", 60)}, "no TTL any more, or never had one"),
        (lambda conn, key: conn.set(key, "x", ex=90), {"it": Ends("x", 60)}, "longer than it should be"),
        (lambda conn, key: conn.set(key, "x", ex=9), {"it": Ends("x", 60)}, "shorter than it should be"),
        (lambda conn, key: conn.set(key + ":extra", "x"), {"it": None}, "a key that nobody asked for"),
        (lambda conn, key: None, {"it": "x"}, "why"),
        (lambda conn, key: conn.rpush(key, "x"), {"it": "x"}, "why"),
        (lambda conn, key: conn.hset(key, "f", 1), {"it": {"f": "2"}}, "why"),
        (lambda conn, key: conn.zadd(key, {"m": 1}), {"it": {"m": 2.0}}, "why"),
        (lambda conn, key: conn.sadd(key, "m"), {"it": {"n"}}, "why"),
    ],
)
def test_what_differs_is_named(act, expected, sentence, begin):
    trial = begin(act)
    key = trial.key("it")
    trial.put({})
    trial.call(key)
    with pytest.raises(Failed, match=sentence):
        trial.expect_state("why", dict.fromkeys([key], *expected.values()))


@pytest.mark.parametrize(
    "value", ["x", {"f": "1"}, {"m": 1.5}, ["a", "b"], {"a", "b"}, Ends("x", 60), Ends(["a"], 0.9)]
)
def test_what_is_put_there_is_there(value, begin):
    trial = begin(lambda redis_conn, key: None)
    key = trial.key("it")
    trial.put({trial.key("old"): "gone"})
    trial.put({key: value})
    trial.expect_state("the same", {key: value})


def by_a_socket_of_its_own(server, key):
    """Stores a key without redis-py, which the check does not see."""
    with socket.create_connection((server.host, server.port)) as own:
        own.sendall(f"AUTH {server.password}\r\nSET {key} 312\r\n".encode())
        replies = b""
        while replies.count(b"\r\n") < 2:
            replies += own.recv(100)


@pytest.mark.parametrize("who", ["the check", "the function", "its thread", "a rival", "a socket of the function"])
def test_whoever_stores_a_key_it_is_seen_and_removed(who, begin, any_server):
    def stores(redis_conn, key):
        if who == "the function":
            redis_conn.set(key, "312")
        elif who == "its thread":
            thread = threading.Thread(target=redis_conn.set, args=(key, "312"))
            thread.start()
            thread.join()
        elif who == "a socket of the function":
            by_a_socket_of_its_own(any_server, key)
        redis_conn.exists(key)
        redis_conn.exists(key)

    trial = begin(stores)
    key, other = trial.key("price"), trial.key("other")
    trial.put({other: "1"})
    assert list(trial.state()) == [other]
    if who == "the check":
        trial.redis.set(key, "312")
    elif who == "a rival":
        trial.call(key, between=lambda: trial.redis.set(key, "312"))
    else:
        trial.call(key)
    assert sorted(trial.state()) == sorted([key, other])
    trial.put({})
    assert trial.state() == {}
    assert trial.redis.exists(key, other) == 0


def test_keys_that_are_known_are_not_looked_for_again(begin):
    trial = begin(one_script)
    key = trial.key("count")
    trial.put({key: "1"})
    trial.redis.config_resetstat()
    for _ in range(3):
        trial.state()
        trial.put({})
        trial.put({key: "1"})
    assert trial.redis.info("commandstats")["cmdstat_scan"]["calls"] == 1, "once, as the check has sent something"
    assert trial.redis.get(key) == "1"


def test_neighbours_are_not_touched(begin):
    for pattern in ("{}*", "{}?", "{}-*"):
        trial = begin(
            lambda redis_conn, key, pattern=pattern: [
                redis_conn.delete(found) for found in redis_conn.scan_iter(pattern.format(key), count=1000)
            ]
        )
        with pytest.raises(Failed, match="somebody else had stored it"):
            trial.call(trial.key("fruit"))


def test_names_and_numbers_are_new_each_time(begin):
    names = {begin(one_script).key("counter") for _ in range(20)}
    assert len(names) == 20
    trial = begin(one_script)
    assert trial.key("counter") == trial.key("counter") != trial.key("other")
    assert trial.key("carts:").endswith(":")


def test_a_client_that_no_function_has_kept_serves_the_next_call(begin):
    trial, numbers = begin(lambda redis_conn, key: redis_conn.client_id()), set()
    for _ in range(5):
        numbers.add(trial.call(trial.key("it")))
    trial.orders("no", {"a": (trial.key("it"),)}, lambda: None, allowed=lambda run, view: numbers.add(run.outcomes[0]))
    assert len(numbers) == 1


KEPT = {
    "the client": lambda redis_conn: redis_conn,
    "its pool": lambda redis_conn: redis_conn.connection_pool,
    "a pipeline": lambda redis_conn: redis_conn.pipeline(),
    "a method": lambda redis_conn: redis_conn.get,
    "a lock": lambda redis_conn: redis_conn.lock("it"),
    "a script": lambda redis_conn: redis_conn.register_script("return 1"),
}


@pytest.mark.parametrize("keep", KEPT.values(), ids=KEPT)
def test_a_client_that_a_function_has_kept_serves_no_other_call(keep, begin):
    kept = []

    def keeps(redis_conn, key):
        redis_conn.get(key)
        kept.append(keep(redis_conn))
        return redis_conn.client_id()

    trial = begin(keeps)
    assert len({trial.call(trial.key("it")) for _ in range(3)}) == 3


def test_the_client_of_an_earlier_call_gets_no_answer(begin):
    clients = []

    def uses_the_first_client(redis_conn, key):
        clients.append(redis_conn)
        return clients[0].get(key)

    trial = begin(uses_the_first_client)
    trial.call(trial.key("it"))
    with pytest.raises(Crashed) as crash:
        trial.call(trial.key("it"))
    assert "the check of this exercise has ended" in str(crash.value.error)


def test_a_silent_server_is_one_only_for_the_given_connection(begin, any_server):
    mine = redis.Redis.from_url(any_server.url, decode_responses=True)
    trial = begin(lambda redis_conn, key: mine.get(key))
    with nobody_there() as options, pytest.raises(Failed, match="use the redis_conn that your function is given"):
        trial.attempt(trial.key("it"), options=options)
    mine.close()


def test_a_call_that_waits_has_failed_unless_it_may(begin):
    trial = begin(lambda redis_conn, key: redis_conn.blpop(key, 0.01))
    with pytest.raises(Failed, match="BLPOP waits until something comes"):
        trial.call(trial.key("list"))
    trial.may_wait = True
    assert trial.call(trial.key("list")) is None
