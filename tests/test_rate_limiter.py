"""The four rate limiters. On every server of REDIS_TEST_BINARIES, where the server matters."""

import logging
import math
import os
import socketserver
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import redis.asyncio

from redis_helpers import rate_limiter
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.breaking.processes import Processes
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.errors import CourseError
from redis_helpers.rate_limiter import FixedWindow, SlidingCounter, SlidingLog, TokenBucket
from tests.support.forks import in_forked_child
from tests.support.servers import free_port, options_of, paused, wait_until
from tests.support.users import client_of

LIMITERS = [FixedWindow, SlidingLog, SlidingCounter, TokenBucket]
every_limiter = pytest.mark.parametrize("kind", LIMITERS, ids=lambda kind: kind.__name__)

# Many hits in one script. Where a script's time stands still (Redis from 7.2 on, Valkey), all of them come at once;
# elsewhere, the times before and after say how much may have come in meanwhile.
MANY_HITS = """
local function hit()
{script}
end
local began = redis.call('TIME')
local let_in = 0
for _ = 1, ARGV[5] do
  local answer = hit()
  let_in = let_in + answer[1]
end
local ended = redis.call('TIME')
return {{let_in, (ended[1] - began[1]) * 1000000 + ended[2] - began[2]}}
"""


def redis_key(limiter, key):
    return limiter._key_start + key.encode()


def many_hits(conn, limiter, key, hits, cost=1):
    """How many of so many hits were let in, and how many microseconds they took."""
    script = MANY_HITS.format(script=limiter._script)
    arguments = limiter._arguments(cost)
    arguments += [0] * (4 - len(arguments))
    return conn.eval(script, 1, redis_key(limiter, key), *arguments, hits)


def timed_hit(conn, limiter, key, cost=1):
    """The answer to one hit, and the server's time just before and after it, in microseconds."""
    with conn.pipeline() as pipe:
        pipe.time()
        pipe.eval(limiter._script, 1, redis_key(limiter, key), *limiter._arguments(cost))
        pipe.time()
        before, answer, after = pipe.execute()
    return answer, microseconds(before), microseconds(after)


def microseconds(moment):
    return moment[0] * 1_000_000 + moment[1]


def store_state(conn, limiter, key, at, full):
    """Writes what a limiter keeps once its limit is used up, as if that had happened at this time (microseconds)."""
    name = redis_key(limiter, key)
    window = 1000 * limiter._window_ms
    conn.delete(name)
    if isinstance(limiter, FixedWindow):
        conn.hset(name, mapping={"count": full, "ends": at + window})
    elif isinstance(limiter, SlidingLog):
        conn.rpush(name, *[at] * full)
    elif isinstance(limiter, SlidingCounter):
        conn.hset(name, mapping={"began": at - at % window, "count": full, "before": full})
    else:
        conn.hset(name, mapping={"level": 0, "at": at})


# How many are let in


@every_limiter
def test_each_of_300_limits_lets_in_exactly_its_number(any_conn, kind):
    for window in (1, 60, 3600):
        for limit in range(1, 101):
            limiter = kind(any_conn, limit, window, fail_open=False)
            let_in, took = many_hits(any_conn, limiter, f"of-{limit}", limit + 5)
            came_in_meanwhile = math.ceil(took * limit / (window * 1_000_000))
            assert limit <= let_in <= limit + came_in_meanwhile, (limit, window)


@every_limiter
def test_a_limit_of_0_lets_nobody_in_and_keeps_nothing(any_conn, kind):
    limiter = kind(any_conn, 0, 60, fail_open=True)
    for _ in range(20):
        decision = limiter.hit("anna")
        assert (decision.allowed, decision.remaining, decision.retry_after) == (False, 0, math.inf)
    assert any_conn.dbsize() == 0


@every_limiter
@pytest.mark.parametrize("cost", [1, 2, 3, 7])
def test_costs_are_counted_in_full_and_what_remains_is_true(any_conn, kind, cost):
    limiter = kind(any_conn, 7, 3600, fail_open=False)
    left = 7
    while left >= cost:
        left -= cost
        decision = limiter.hit("anna", cost)
        assert (decision.allowed, decision.remaining, decision.retry_after) == (True, left, 0)
    assert limiter.hit("anna", cost).allowed is False
    too_much = limiter.hit("anna", 8)
    assert (too_much.allowed, too_much.remaining, too_much.retry_after) == (False, left, math.inf)
    let_in, _ = many_hits(any_conn, limiter, "anna", 20)
    assert let_in == left


def test_a_bucket_holds_its_burst_and_fills_at_its_rate(any_conn):
    bucket = TokenBucket(any_conn, 100, 1, burst=7, fail_open=False)
    allowed = []
    begin = microseconds(any_conn.time())
    end = begin + 150_000
    while not allowed or allowed[-1][1] < end:
        answer, before, after = timed_hit(any_conn, bucket, "anna")
        if answer[0]:
            allowed.append((before, after))
    for first in range(len(allowed)):
        for last in range(first, len(allowed)):
            longest = allowed[last][1] - allowed[first][0]
            assert last - first + 1 <= 7 + longest * 100 / 1_000_000
    assert len(allowed) > 7  # it does fill


def test_a_log_lets_in_no_more_than_its_limit_in_any_stretch_of_time(any_conn):
    log = SlidingLog(any_conn, 5, 0.02, fail_open=False)
    allowed = []
    while len(allowed) < 30:
        answer, before, after = timed_hit(any_conn, log, "anna")
        if answer[0]:
            allowed.append((before, after))
    for first, sixth in zip(allowed, allowed[5:], strict=False):
        assert sixth[1] - first[0] >= 20_000


@every_limiter
def test_limits_of_one_user_do_not_meet(any_conn, kind):
    limiters = [other(any_conn, 3, window, fail_open=False) for other in LIMITERS for window in (60, 3600)]
    kind(any_conn, 3, 60, fail_open=False).hit("anna", 3)
    answers = [limiter.hit("anna") for limiter in limiters]
    assert all(answer.redis_answered for answer in answers)
    assert [answer.allowed for answer in answers].count(False) == 1


# When


@every_limiter
@pytest.mark.parametrize("cost", [1, 3])
def test_a_hit_retry_after_later_is_let_in_and_none_earlier(any_conn, kind, cost):
    limiter = kind(any_conn, 3, 0.03, fail_open=False)
    for turn in range(3):
        key = f"anna {turn}"
        answer = [1]
        while answer[0] == 1:
            answer, before, after = timed_hit(any_conn, limiter, key, cost)
        wait = answer[2]
        earliest, latest = before + wait, after + wait
        while answer[0] == 0:
            answer, before, after = timed_hit(any_conn, limiter, key, cost)
            if answer[0] == 0:
                assert before < latest, "denied, though the wait was over"
        assert after >= earliest, "let in too early"


@pytest.mark.parametrize(("kind", "takes"), [(FixedWindow, 60), (SlidingLog, 60), (TokenBucket, 15)])
def test_the_wait_ends_at_the_very_microsecond_at_which_there_is_room(any_conn, kind, takes):
    limiter = kind(any_conn, 4, 60, fail_open=False)
    for from_now in (1_000_000, 7_000_001, 13_999_999):
        room_at = microseconds(any_conn.time()) + from_now
        store_state(any_conn, limiter, "anna", room_at - takes * 1_000_000, full=4)
        answer, before, after = timed_hit(any_conn, limiter, "anna")
        assert answer[0] == 0
        assert room_at - after <= answer[2] <= room_at - before
    room_at = microseconds(any_conn.time())
    store_state(any_conn, limiter, "anna", room_at - takes * 1_000_000, full=4)
    assert limiter.hit("anna").allowed


@pytest.mark.parametrize(("count", "before_it"), [(0, 5), (2, 5), (5, 5), (5, 1), (3, 4)])
@pytest.mark.parametrize("cost", [1, 2, 5])
def test_a_sliding_counters_waits_are_true_whatever_it_has_counted(any_conn, count, before_it, cost):
    limiter = SlidingCounter(any_conn, 5, 0.02, fail_open=False)
    now = microseconds(any_conn.time())
    state = {"began": now - now % 20_000, "count": count, "before": before_it}
    any_conn.hset(redis_key(limiter, "anna"), mapping=state)
    earliest = latest = None
    while True:
        answer, before, after = timed_hit(any_conn, limiter, "anna", cost)
        if answer[0] == 1:
            break
        assert latest is None or before < latest
        earliest, latest = before + answer[2], after + answer[2]
    assert earliest is None or after >= earliest


@every_limiter
@pytest.mark.parametrize("windows_ahead", [0.5, 1, 3, 450_000])
def test_after_the_clock_was_set_back_nobody_waits_for_longer_than_two_windows(any_conn, kind, windows_ahead):
    limiter = kind(any_conn, 4, 0.04, fail_open=False)
    state_at = microseconds(any_conn.time()) + int(windows_ahead * 40_000)
    store_state(any_conn, limiter, "anna", state_at, full=4)
    for cost in (1, 4):
        decision = limiter.hit("anna", cost)
        if not decision.allowed:
            assert decision.retry_after <= 0.08
            time.sleep(decision.retry_after)
            assert limiter.hit("anna", cost).allowed


@every_limiter
def test_after_the_clock_was_set_back_by_hours_what_was_counted_still_counts(any_conn, kind):
    limiter = kind(any_conn, 4, 60, fail_open=False)
    store_state(any_conn, limiter, "anna", microseconds(any_conn.time()) + 18_000_000_000, full=4)
    let_in, _ = many_hits(any_conn, limiter, "anna", 10)
    assert let_in == 0
    assert 0 < any_conn.pttl(redis_key(limiter, "anna")) <= 120_001


@every_limiter
def test_keys_end_by_themselves(any_conn, kind):
    slow = kind(any_conn, 5, 3600, fail_open=False)
    for cost in (1, 4, 5):
        slow.hit("anna", cost)
        assert 0 < any_conn.pttl(redis_key(slow, "anna")) <= 2 * 3_600_000 + 1
    any_conn.delete(redis_key(slow, "anna"))
    quick = kind(any_conn, 5, 0.05, fail_open=False)
    for cost in (1, 4, 5):
        quick.hit("anna", cost)
    assert wait_until(lambda: any_conn.dbsize() == 0)


# Together


def hit_together(redis_conn, processes):
    """One of several processes: waits for the others, and hits each limiter 40 times."""
    redis_conn.incr("ready")
    while int(redis_conn.get("ready")) < processes:
        time.sleep(0.002)
    let_in = []
    for kind in LIMITERS:
        limiter = kind(redis_conn, 100, 3600, fail_open=False, patience=20)
        let_in.append(sum(limiter.hit("anna").allowed for _ in range(40)))
    return let_in


def test_eight_processes_at_once_let_in_exactly_the_limit(server, redis_conn):
    with Processes(server.url) as processes:
        started = [processes.start(hit_together, 8) for _ in range(8)]
        results = [process.result() for process in started]
    totals = [sum(column) for column in zip(*results, strict=True)]
    assert totals == [100, 100, 100, 100]


@every_limiter
def test_each_hit_is_one_round_trip(any_conn, kind):
    limiter = kind(any_conn, 5, 60, fail_open=False)
    limiter.hit("anna")
    before = any_conn.info("stats")["total_reads_processed"]
    for _ in range(10):  # some of them let in, others not
        limiter.hit("anna")
    after = any_conn.info("stats")["total_reads_processed"]
    assert after - before == 10 + 1  # the 1 is INFO


# Redis cannot answer


@pytest.mark.parametrize("fail_open", [True, False])
def test_a_redis_that_hangs_is_not_waited_for_and_one_that_is_back_is_asked_again(fail_open, monkeypatch):
    monkeypatch.setattr(rate_limiter, "PAUSE", 0.02)
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        limiters = [kind(client, 5, 60, fail_open=fail_open, patience=0.1) for kind in LIMITERS]
        assert all(limiter.hit("anna").redis_answered for limiter in limiters)
        with paused(server):
            for limiter in limiters:
                began = time.monotonic()
                decision = limiter.hit("anna")
                took = time.monotonic() - began
                assert (decision.allowed, decision.redis_answered) == (fail_open, False)
                assert decision.retry_after == (0 if fail_open else 0.02)
                assert took < 2, "a new client's default is 5 seconds"
        for limiter in limiters:
            assert wait_until(lambda asked=limiter: asked.hit("anna").redis_answered)
        server.kill()
        assert [limiter.hit("anna").allowed for limiter in limiters] == [fail_open] * 4
        server.start()  # it has forgotten the scripts
        for limiter in limiters:
            assert wait_until(lambda asked=limiter: asked.hit("bob").redis_answered)


def test_while_redis_hangs_one_caller_in_a_pause_waits_and_the_others_do_not(monkeypatch):
    monkeypatch.setattr(rate_limiter, "PAUSE", 3600)
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        limiter = FixedWindow(client, 5, 60, fail_open=True, patience=0.3)
        limiter.hit("anna")
        with paused(server):
            limiter.hit("anna")
            began = time.monotonic()
            threads = [threading.Thread(target=limiter.hit, args=["anna"]) for _ in range(50)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert time.monotonic() - began < 50 * 0.3 / 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@every_limiter
def test_a_child_that_is_forked_while_another_thread_has_the_turn_does_not_wait_for_it(kind):
    limiter = kind(redis.Redis(port=free_port()), 5, 60, fail_open=True)
    limiter.hit("anna")  # nobody answers: from now on, callers take turns
    with limiter._turn:
        assert in_forked_child(lambda: limiter.hit("anna")) == rate_limiter.Decision(True, 0, 0, redis_answered=False)


@pytest.mark.parametrize("pool_class", [redis.ConnectionPool, redis.BlockingConnectionPool])
def test_with_fewer_connections_than_threads_the_limit_holds(server, redis_conn, pool_class):
    pool = pool_class.from_url(server.url, max_connections=2)
    limiter = FixedWindow(redis.Redis(connection_pool=pool), 10, 3600, fail_open=True, patience=20)
    with ThreadPoolExecutor(16) as threads:
        decisions = list(threads.map(lambda _: limiter.hit("anna"), range(320)))
    assert all(decision.redis_answered for decision in decisions)
    assert sum(decision.allowed for decision in decisions) == 10


def test_a_hit_that_finds_no_connection_free_does_not_keep_the_others_from_redis(server, redis_conn):
    pool = redis.BlockingConnectionPool.from_url(server.url, max_connections=1)
    limiter = FixedWindow(redis.Redis(connection_pool=pool), 10, 3600, fail_open=True, patience=0.5)
    with limiter._redis.monitor():  # takes the one connection
        assert not limiter.hit("anna").redis_answered
    assert limiter.hit("anna").redis_answered


class NoCredentials(redis.CredentialProvider):
    def __init__(self, error):
        self.error = error

    def get_credentials(self):
        raise self.error


@pytest.mark.parametrize("fail_open", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        {"host": "a" * 70},  # no name of a host: UnicodeError
        {"host": "a..b"},
        {"host": "a\0b"},
        {"ssl": True, "ssl_ca_certs": "/nowhere/ca.pem"},
        {"credential_provider": NoCredentials(OSError("the token service does not answer"))},
        {"credential_provider": NoCredentials(RuntimeError("no token"))},
        {"credential_provider": NoCredentials(KeyError("token"))},
    ],
    ids=["long label", "empty label", "zero byte", "no certificates", "OSError", "RuntimeError", "KeyError"],
)
def test_whatever_keeps_it_from_asking_it_answers_by_itself(server, settings, fail_open, caplog, monkeypatch):
    monkeypatch.setattr(rate_limiter, "PAUSE", 3600)
    limiter = FixedWindow(redis.Redis(**{"port": server.port, **settings}), 5, 60, fail_open=fail_open)
    for _ in range(2):
        decision = limiter.hit("anna")
        assert (decision.allowed, decision.redis_answered) == (fail_open, False)
    assert len(caplog.records) == 1, "after the first, it leaves Redis alone for a while"


STRANGERS = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b":1\r\n",
    b"*1\r\n:1\r\n",
    b"+OK\r\n" * 9,
    b"%1\r\n+proto\r\n:3\r\n" + b"+OK\r\n" * 2 + b"*3\r\n+a\r\n+b\r\n+c\r\n",
    b"*3\r\n:1\r\n:1\r\n_\r\n" * 9,
    b"$-5\r\nabc",
    b":abc\r\n",
    b"\r\n",
    b"\xff\xfe\r\n",
    b"",
]


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_stranger_behind_the_port_is_answered_for(protocol):
    greeting = []

    class Stranger(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(1000)
            self.request.sendall(greeting[-1])

    class Strangers(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Strangers(("127.0.0.1", 0), Stranger) as strangers:
        threading.Thread(target=strangers.serve_forever, args=[0.01], daemon=True).start()
        try:
            client = redis.Redis(port=strangers.server_address[1], protocol=protocol)
            for words in STRANGERS:
                greeting.append(words)
                for fail_open in (True, False):
                    decision = FixedWindow(client, 5, 60, fail_open=fail_open).hit("anna")
                    assert (decision.allowed, decision.redis_answered) == (fail_open, False), words
        finally:
            strangers.shutdown()


def test_a_new_connection_takes_its_patience_a_step(server):
    """Each reply comes late, but none too late."""
    with FaultProxy(server.port) as proxy, redis.Redis(**options_of(server, port=proxy.port).arguments()) as client:
        limiter = FixedWindow(client, 5, 60, fail_open=True, patience=2)
        proxy.delay = 0.02
        began = time.monotonic()
        assert limiter.hit("slow").redis_answered
        assert time.monotonic() - began < 7 * 2


@pytest.mark.parametrize("fail_open", [True, False])
def test_a_full_redis_is_answered_for_and_counts_again_as_soon_as_there_is_room(fail_open):
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        limiters = [kind(client, 5, 60, fail_open=fail_open, patience=5) for kind in LIMITERS]
        client.config_set("maxmemory", 1)
        for limiter in limiters:
            decision = limiter.hit("anna")
            assert (decision.allowed, decision.redis_answered) == (fail_open, False)
        client.config_set("maxmemory", 0)
        assert [limiter.hit("anna").remaining for limiter in limiters] == [4] * 4


@pytest.mark.parametrize("fail_open", [True, False])
@every_limiter
def test_a_user_who_may_not_run_scripts_is_answered_for(server, redis_conn, kind, fail_open, caplog):
    with client_of(server, "+@all", "-@scripting", "~*") as client:
        decision = kind(client, 5, 60, fail_open=fail_open).hit("anna")
    assert (decision.allowed, decision.redis_answered) == (fail_open, False)
    assert "NoPermissionError" in caplog.text
    assert "anna" not in caplog.text


@pytest.mark.parametrize("fail_open", [True, False])
@every_limiter
def test_a_key_of_another_type_troubles_nobody_else(any_conn, kind, fail_open):
    limiter = kind(any_conn, 5, 60, fail_open=fail_open)
    any_conn.set(redis_key(limiter, "anna"), "something else")
    decision = limiter.hit("anna")
    assert (decision.allowed, decision.redis_answered) == (fail_open, False)
    assert limiter.hit("bob").remaining == 4
    assert any_conn.get(redis_key(limiter, "anna")) == "something else"


@every_limiter
def test_a_hit_whose_reply_is_lost_was_counted_once(server, redis_conn, kind, monkeypatch):
    monkeypatch.setattr(rate_limiter, "PAUSE", 0.001)
    with FaultProxy(server.port) as proxy, redis.Redis(**options_of(server, port=proxy.port).arguments()) as client:
        limiter = kind(client, 10, 3600, fail_open=True)
        assert limiter.hit("anna").remaining == 9
        proxy.drop_replies = 1
        assert limiter.hit("anna").redis_answered is False
        assert wait_until(lambda: limiter.hit("bob").redis_answered)
        assert limiter.hit("anna").remaining == 7


# Who asks


SETTINGS = [
    {"decode_responses": True},
    {"decode_responses": False},
    {"protocol": 2},
    {"protocol": 3},
    {"protocol": 2, "legacy_responses": False},
    {"protocol": 3, "legacy_responses": False, "decode_responses": True},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@every_limiter
def test_it_works_with_every_kind_of_client(server, redis_conn, kind, settings):
    if "legacy_responses" in settings and int(redis.__version__.split(".")[0]) < 8:
        pytest.skip("redis-py has this setting from version 8 on")
    with redis.Redis.from_url(server.url, **settings) as client:
        limiter = kind(client, 2, 60, fail_open=False)
        assert [limiter.hit("anna").allowed for _ in range(3)] == [True, True, False]


RIGHTS = {
    FixedWindow: ["+hmget", "+hset", "+hincrby"],
    SlidingLog: ["+lindex", "+lrange", "+llen", "+lpop", "+rpush", "+del"],
    SlidingCounter: ["+hmget", "+hset"],
    TokenBucket: ["+hmget", "+hset"],
}


@every_limiter
def test_the_rights_that_it_names_are_enough(any_server, any_conn, kind):
    rights = ["+evalsha", "+eval", "+time", "+pexpire", *RIGHTS[kind]]
    with client_of(any_server, "~limits:*", *rights) as client:
        limiter = kind(client, 2, 0.03, fail_open=False)
        ahead = microseconds(any_conn.time()) + 18_000_000_000
        store_state(any_conn, limiter, "anna", ahead, full=2)
        assert limiter.hit("anna").redis_answered
        assert wait_until(lambda: limiter.hit("anna").allowed)
        assert all(limiter.hit("anna").redis_answered for _ in range(5))


@pytest.fixture(scope="module")
def cluster():
    with EmbeddedCluster(replicas=0) as started:
        yield started


@pytest.mark.xdist_group("limiters of a cluster")
@every_limiter
def test_it_works_on_a_cluster(cluster, kind):
    with cluster.connect() as client:
        limiter = kind(client, 3, 3600, fail_open=False, patience=5)
        for key in ("anna", "bob", "{c}lara", "d{", "é ü", "e"):
            answers = [limiter.hit(key) for _ in range(4)]
            assert [answer.allowed for answer in answers] == [True, True, True, False]
            assert all(answer.redis_answered for answer in answers)


@pytest.mark.xdist_group("limiters of a cluster")
def test_a_node_of_a_cluster_that_hangs_is_not_waited_for(cluster):
    with cluster.connect() as client:
        limiter = FixedWindow(client, 3, 3600, fail_open=True, patience=0.1)
        with paused(cluster.primary_of("limits:fixed:3600000:anna")):
            began = time.monotonic()
            decision = limiter.hit("anna")
            took = time.monotonic() - began
    assert (decision.allowed, decision.redis_answered) == (True, False)
    assert took < 5, "a RedisCluster's own settings make it a minute"
    cluster.wait_until_healthy()


def test_a_cluster_of_which_nobody_is_left_is_answered_by_the_limiters_themselves():
    """redis-py's error for that is no RedisError."""
    with EmbeddedCluster(replicas=0) as cluster, cluster.connect() as client:
        opens, closes = (FixedWindow(client, 3, 3600, fail_open=way, patience=0.1) for way in (True, False))
        for node in cluster.nodes:
            node.kill()
        for limiter, allowed in ((closes, False), (opens, True)):
            decision = limiter.hit("anna")
            assert (decision.allowed, decision.redis_answered) == (allowed, False)
            assert limiter.hit("anna") == decision


def test_a_ready_client_of_the_course_will_do(server, redis_conn):
    with RedisConnectionHandle(options_of(server)) as handle:
        limiter = FixedWindow(handle.connect(), 1, 60, fail_open=False)
        assert limiter.hit("anna").allowed and not limiter.hit("anna").allowed


# What cannot be


@every_limiter
def test_a_mistake_of_the_caller_is_one_sentence_before_anything_is_sent(kind):
    nobody = redis.Redis(port=1)
    for wrong in (-1, 1.5, True, "10", None):
        with pytest.raises(CourseError, match="whole number"):
            kind(nobody, wrong, 60, fail_open=True)
    for wrong in (0, -1, math.nan, math.inf, True, "60", None, 0.0015, 1 / 3):
        with pytest.raises(CourseError, match="window"):
            kind(nobody, 5, wrong, fail_open=True)
    for wrong in (0, -1, math.nan, math.inf, True, "1", None):
        with pytest.raises(CourseError, match="patience"):
            kind(nobody, 5, 60, fail_open=True, patience=wrong)
    for wrong in (2**52 + 1, 2**53, 2**60):
        with pytest.raises(CourseError, match="exactly"):
            kind(nobody, wrong, 60, fail_open=True)
    for wrong in (None, 5, b"limits:", "\ud800"):
        with pytest.raises(CourseError, match="prefix is a text"):
            kind(nobody, 5, 60, fail_open=True, prefix=wrong)
    for wrong in (None, 0, 1, "", "no", "false", "True"):
        with pytest.raises(CourseError, match="fail_open"):
            kind(nobody, 5, 60, fail_open=wrong)
    limiter = kind(nobody, 5, 60, fail_open=True)
    for wrong in ("", None, 5, b"anna", "\ud800"):
        with pytest.raises(CourseError, match="key of a hit"):
            limiter.hit(wrong)
    for wrong in (0, -1, 1.0, True, "1", None):
        with pytest.raises(CourseError, match="whole number"):
            limiter.hit("anna", wrong)
    with pytest.raises(TypeError):
        kind(nobody, 5, 60)  # whether it fails open has no default


@every_limiter
def test_a_client_of_asyncio_is_refused(kind):
    for client in (redis.asyncio.Redis(), redis.asyncio.RedisCluster(host="127.0.0.1", port=1)):
        with pytest.raises(TypeError, match=f"{kind.__name__} needs a client"):
            kind(client, 5, 60, fail_open=True)


def test_the_largest_limit_is_counted_exactly(any_conn):
    limiter = FixedWindow(any_conn, 2**52, 3600, fail_open=False)
    costs = [2**52 - 1, 2**52, 2, 1, 1]
    assert [limiter.hit("anna", cost).allowed for cost in costs] == [True, False, False, True, False]


def test_a_bucket_of_no_tokens_lets_nobody_in(any_conn):
    assert not TokenBucket(any_conn, 5, 60, burst=0, fail_open=True).hit("anna").allowed
    assert not TokenBucket(any_conn, 0, 60, burst=5, fail_open=True).hit("anna").allowed


def test_nothing_of_the_caller_is_logged(any_conn, caplog):
    caplog.set_level(logging.DEBUG)
    limiter = FixedWindow(any_conn, 1, 60, fail_open=True)
    any_conn.set(redis_key(limiter, "anna"), "something else")
    limiter.hit("anna")
    assert [record.name for record in caplog.records].count("redis_helpers.rate_limiter") == 1
    assert "anna" not in caplog.text
