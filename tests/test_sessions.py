"""`Sessions`: on every server of REDIS_TEST_BINARIES, on a cluster, with broken connections and killed processes."""

import contextlib
import hashlib
import inspect
import logging
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.cluster import LoadBalancingStrategy
from redis.retry import Retry

from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.breaking.processes import Processes
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.errors import CourseError
from redis_helpers.sessions import ID_FORM, Session, Sessions
from tests.support.servers import wait_until
from tests.support.users import client_of

RIGHTS = "EVALSHA EVAL TIME HSET HGET HGETALL HDEL DEL PEXPIREAT ZADD ZRANGE ZREM ZREMRANGEBYSCORE".split()
ODD_USERS = ["maria", "of:maria", "session:x", "{a}b", "}{", "a b\r\nDEL x", "Ælfgifu 🍈", "\0", "*", "x" * 10_000]


def hashed(text):
    return hashlib.sha256(text.encode()).hexdigest()


def session_key(session_id):
    return "sessions:session:" + hashed(session_id)


def index_key(user):
    return "sessions:user:" + hashed(user)


def keys_of(conn, kind):
    return set(conn.scan_iter(f"sessions:{kind}:*", count=1000))


def assert_all_keys_end(conn, at_most=43_200_000):
    for key in conn.scan_iter("*", count=1000):
        assert -2 != conn.pttl(key) != -1, "a key without an end"
        assert conn.pttl(key) <= at_most


def everything(conn):
    """All that the server holds, as one text."""
    texts = []
    for key in conn.scan_iter("*"):
        contents = conn.hgetall(key) if conn.type(key) == "hash" else conn.zrange(key, 0, -1, withscores=True)
        texts.append(f"{key} {contents}")
    return "\n".join(texts)


# What one session does


def test_a_session_holds_its_fields_and_changes_them(any_conn):
    sessions = Sessions(any_conn)
    session_id = sessions.create({"cart": "2 melons", "language": "it"})
    assert ID_FORM.fullmatch(session_id)
    assert sessions.load(session_id) == Session(None, {"cart": "2 melons", "language": "it"})
    assert sessions.change(session_id, {"cart": "1 melon", "": "no name", "a:b": ""}, remove=["language", "nothing"])
    assert sessions.load(session_id) == Session(None, {"cart": "1 melon", "": "no name", "a:b": ""})
    sessions.log_out(session_id)
    assert sessions.load(session_id) is None
    assert any_conn.dbsize() == 0


def test_the_callers_fields_are_kept_apart_from_those_of_the_module(any_conn):
    sessions = Sessions(any_conn, lifetime=60)
    own = {"ends": "99999999999999", "user": "root", "field:user": "root", "field:": "x"}
    session_id = sessions.create(own)
    assert sessions.change(session_id, own)
    assert sessions.load(session_id) == Session(None, own)
    assert sessions.change(session_id, remove=["ends", "user"])
    assert sessions.load(session_id) == Session(None, {"field:user": "root", "field:": "x"})
    assert_all_keys_end(any_conn, 60_000)


def test_a_visit_is_one_round_trip(any_conn):
    sessions = Sessions(any_conn)
    session_id = sessions.create({"cart": "2 melons"})
    sessions.load(session_id)
    before = any_conn.info("stats")["total_reads_processed"]
    for _ in range(10):
        sessions.load(session_id)
    assert any_conn.info("stats")["total_reads_processed"] - before == 10 + 1  # and this INFO


# Ids


ODD_IDS = [
    None,
    "",
    "of:maria",
    "user:" + hashed("maria"),
    hashed("maria"),
    "a" * 42,
    "a" * 44,
    "a" * 42 + "\n",
    "a" * 43 + "\n",
    "a" * 42 + ":",
    "a" * 42 + "é",
    "a" * 42 + "٣",
    "\ud800" * 43,
    b"a" * 43,
    12,
    ["a" * 43],
]


@pytest.mark.parametrize("odd", ODD_IDS, ids=lambda odd: ascii(odd)[:30])
def test_an_id_of_another_form_never_reaches_redis(redis_conn, odd):
    sessions = Sessions(redis_conn, moves=["cart"])
    marias = sessions.log_in(None, "maria")
    before = everything(redis_conn)
    asked = redis_conn.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert sessions.load(odd) is None
    assert sessions.change(odd, {"cart": "1 melon"}) is False
    sessions.log_out(odd)
    assert redis_conn.info("commandstats")["cmdstat_evalsha"]["calls"] == asked
    assert everything(redis_conn) == before
    mallorys = sessions.log_in(odd, "mallory")
    assert sessions.load(mallorys) == Session("mallory", {})
    assert sessions.log_out_everywhere("maria") == 1
    assert sessions.load(marias) is None
    assert sessions.load(mallorys) is not None


def test_an_id_that_somebody_made_up_never_becomes_a_session(any_conn):
    sessions = Sessions(any_conn, moves=["cart"])
    fixed = secrets.token_urlsafe(32)
    assert sessions.load(fixed) is None
    assert not sessions.change(fixed, {"cart": "1 melon"})
    assert any_conn.dbsize() == 0
    new_id = sessions.log_in(fixed, "maria")
    assert new_id != fixed
    assert sessions.load(fixed) is None
    assert sessions.load(new_id) == Session("maria", {})


def test_the_id_that_a_stranger_gave_to_a_victim_is_worth_nothing_after_the_log_in(any_conn):
    sessions = Sessions(any_conn, moves=["cart"])
    fixed = sessions.create({"cart": "planted", "may pay": "yes"})
    new_id = sessions.log_in(fixed, "maria")
    assert sessions.load(fixed) is None
    assert not sessions.change(fixed, {"cart": "planted again"})
    assert sessions.load(new_id) == Session("maria", {"cart": "planted"})
    assert keys_of(any_conn, "session") == {session_key(new_id)}


def test_no_id_is_stored_sent_or_logged(any_server, any_conn, caplog):
    caplog.set_level(logging.DEBUG)
    sessions = Sessions(any_conn, moves=["cart"])
    any_conn.config_set("slowlog-log-slower-than", 0)
    try:
        first = sessions.create({"cart": "2 melons"})
        sessions.change(first, {"cart": "1 melon"})
        second = sessions.log_in(first, "maria-of-the-market")
        sessions.load(second)
        sent = str(any_conn.slowlog_get(1000))
        stored = everything(any_conn)
        sessions.log_out(second)
        sessions.load(second)
        sessions.log_out_everywhere("maria-of-the-market")
    finally:
        any_conn.config_set("slowlog-log-slower-than", 10_000)
    assert hashed(second) in sent and hashed(second) in stored  # so we did look in the right place
    for session_id in (first, second):
        assert session_id not in sent + stored
    assert caplog.records
    logged = "\n".join(str(vars(record)) for record in caplog.records if record.name == "redis_helpers.sessions")
    assert logged
    for secret in (first, second, hashed(first), hashed(second), "maria-of-the-market", "melon"):
        assert secret not in logged


# Ends


def test_a_visit_renews_the_session_and_only_a_visit_does(any_conn):
    sessions = Sessions(any_conn, idle=60, lifetime=3600)
    session_id = sessions.create()
    key = session_key(session_id)
    any_conn.pexpire(key, 5_000)
    assert sessions.change(session_id, {"cart": "1 melon"})
    assert any_conn.pttl(key) <= 5_000
    assert sessions.load(session_id)
    assert 50_000 < any_conn.pttl(key) <= 60_000


def test_nothing_prolongs_a_session_past_its_absolute_end(any_conn):
    sessions = Sessions(any_conn, idle=60, lifetime=0.2)
    begin = time.monotonic()
    session_id = sessions.create()
    visits = 0
    while sessions.load(session_id) and sessions.change(session_id, {"visits": str(visits)}):
        assert any_conn.pttl(session_key(session_id)) <= 200
        visits += 1
        assert time.monotonic() < begin + 30, "it lives for ever"
    assert time.monotonic() > begin + 0.19
    assert not sessions.change(session_id, {"late": "yes"})
    assert sessions.load(session_id) is None
    assert any_conn.dbsize() == 0


def test_a_session_ends_when_it_is_idle_and_a_late_write_leaves_no_ghost(any_conn):
    sessions = Sessions(any_conn, idle=0.2, lifetime=60)
    session_id = sessions.log_in(None, "maria")
    assert wait_until(lambda: not any_conn.exists(session_key(session_id)))
    assert not sessions.change(session_id, {"cart": "1 melon"}, remove=["x"])
    assert sessions.load(session_id) is None
    assert keys_of(any_conn, "session") == set()


@pytest.mark.parametrize("method", ["load", "change"])
def test_a_session_past_its_end_is_deleted_even_if_its_key_has_lost_its_time_to_live(any_conn, method):
    sessions = Sessions(any_conn)
    session_id = sessions.create()
    seconds, microseconds = any_conn.time()
    any_conn.hset(session_key(session_id), "ends", seconds * 1000 + microseconds // 1000)  # this very moment
    assert any_conn.persist(session_key(session_id))
    assert not getattr(sessions, method)(session_id)
    assert not any_conn.exists(session_key(session_id))


def test_what_is_no_session_of_ours_is_none_and_does_not_stay(any_conn):
    sessions = Sessions(any_conn)
    session_id = secrets.token_urlsafe(32)
    any_conn.hset(session_key(session_id), "field:cart", "a ghost")
    assert sessions.load(session_id) is None
    assert any_conn.dbsize() == 0


def test_the_index_forgets_ended_sessions_and_ends_by_itself(any_conn):
    short = Sessions(any_conn, lifetime=0.2)
    long = Sessions(any_conn, lifetime=600)
    for _ in range(3):
        short.log_in(None, "maria")
    assert wait_until(lambda: not any_conn.exists(index_key("maria")))
    first = long.log_in(None, "maria")
    ended = [short.log_in(None, "maria") for _ in range(3)]
    assert set(any_conn.zrange(index_key("maria"), 0, -1)) & {hashed(session_id) for session_id in ended}
    assert any_conn.pttl(index_key("maria")) > 500_000  # as long as its longest session
    time.sleep(0.21)  # the lifetime of the three
    second = long.log_in(None, "maria")
    assert set(any_conn.zrange(index_key("maria"), 0, -1)) == {hashed(first), hashed(second)}
    assert long.log_out_everywhere("maria") == 2


# Log in and log out


def test_a_log_in_moves_only_the_fields_that_are_allowed(any_conn):
    sessions = Sessions(any_conn, moves=["cart", "language"])
    visitor = sessions.create({"cart": "2 melons", "may pay": "yes", "user": "root"})
    maria = sessions.log_in(visitor, "maria", {"theme": "dark"})
    assert sessions.load(maria) == Session("maria", {"cart": "2 melons", "theme": "dark"})
    again = sessions.log_in(maria, "maria", {"cart": "given"})
    assert sessions.load(again) == Session("maria", {"cart": "given"})
    assert sessions.load(maria) is None
    assert any_conn.zrange(index_key("maria"), 0, -1) == [hashed(again)]


def test_whoever_logs_in_after_another_user_gets_nothing_of_that_users(any_conn):
    sessions = Sessions(any_conn, moves=["cart"])
    maria = sessions.log_in(None, "maria", {"cart": "2 melons"})
    paolo = sessions.log_in(maria, "paolo")
    assert sessions.load(paolo) == Session("paolo", {})
    assert sessions.load(maria) is None
    assert not any_conn.exists(index_key("maria"))


@pytest.mark.parametrize("user", ODD_USERS, ids=lambda user: ascii(user)[:20])
def test_a_log_out_everywhere_ends_all_sessions_of_this_user_and_no_other(redis_conn, user):
    sessions = Sessions(redis_conn)
    others = {other: sessions.log_in(None, other) for other in ODD_USERS if other != user}
    visitor = sessions.create()
    own = [sessions.log_in(None, user) for _ in range(3)]
    sessions.log_out(own[0])
    assert [sessions.load(session_id) for session_id in own] == [None, Session(user, {}), Session(user, {})]
    assert sessions.log_out_everywhere(user) == 2
    assert [sessions.load(session_id) for session_id in own] == [None] * 3
    assert not redis_conn.exists(index_key(user))
    assert sessions.load(visitor)
    for other, session_id in others.items():
        assert sessions.load(session_id).user == other
    assert sessions.log_out_everywhere(user) == 0


WRONG_CALLS = {
    "no user": lambda sessions: sessions.log_in(None, ""),
    "a user who is no text": lambda sessions: sessions.log_in(None, 7),
    "everywhere, no user": lambda sessions: sessions.log_out_everywhere(None),
    "a number": lambda sessions: sessions.create({"count": 3}),
    "bytes": lambda sessions: sessions.create({"count": b"3"}),
    "a name that is no text": lambda sessions: sessions.create({3: "x"}),
    "fields that are none": lambda sessions: sessions.create("cart"),
    "half a character": lambda sessions: sessions.create({"cart": "\ud800"}),
    "a changed number": lambda sessions: sessions.change(sessions.known, {"count": None}),
    "a text to remove": lambda sessions: sessions.change(sessions.known, remove="cart"),
    "a log-in with a number": lambda sessions: sessions.log_in(sessions.known, "maria", {"count": 3}),
}


@pytest.mark.parametrize("call", WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_a_wrong_argument_is_refused_before_anything_is_sent(redis_conn, call):
    sessions = Sessions(redis_conn)
    sessions.known = sessions.create({"cart": "2 melons"})
    before = everything(redis_conn)
    with pytest.raises(CourseError, match=r"^[^\n]*\.$"):
        call(sessions)
    assert everything(redis_conn) == before


def test_a_client_of_asyncio_is_refused():
    for client in (redis.asyncio.Redis(), redis.asyncio.RedisCluster(host="127.0.0.1", port=1)):
        with pytest.raises(TypeError, match="Sessions needs a client"):
            Sessions(client)


@pytest.mark.parametrize("seconds", [0, -1, 0.0001, 0.0015, float("nan"), float("inf"), True, "60", None])
def test_a_time_that_cannot_be_is_refused(redis_conn, seconds):
    for name in ("idle", "lifetime"):
        with pytest.raises(CourseError, match=f"^`{name}` is "):
            Sessions(redis_conn, **{name: seconds})


# At once


def test_threads_that_load_and_change_one_session_lose_no_change_of_their_own_fields(server, redis_conn):
    sessions = Sessions(redis_conn)
    session_id = sessions.create()

    def visit(number):
        for turn in range(1, 51):
            assert sessions.change(session_id, {f"field {number}": str(turn)})
            assert sessions.load(session_id).fields[f"field {number}"] == str(turn)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(visit, range(8)))
    assert sessions.load(session_id) == Session(None, {f"field {number}": "50" for number in range(8)})


def test_threads_that_change_a_session_while_it_ends_leave_no_ghost(redis_conn):
    sessions = Sessions(redis_conn)
    for round_number in range(20):
        session_id = sessions.log_in(None, "maria")
        start = threading.Barrier(8)

        def change_until_it_ends(number, session_id=session_id, start=start):
            start.wait()
            for _ in range(5000):
                if not sessions.change(session_id, {f"field {number}": "x"}):
                    return
                sessions.load(session_id)
            raise AssertionError("it never ends")

        with ThreadPoolExecutor(8) as pool:
            visits = [pool.submit(change_until_it_ends, number) for number in range(7)]
            start.wait()
            if round_number % 2:
                sessions.log_out(session_id)
            else:
                assert sessions.log_out_everywhere("maria") == 1
            for visit in visits:
                visit.result()
        assert redis_conn.dbsize() == 0


def assert_everywhere_means_everywhere(conn, rounds):
    """While four threads log in, all are logged out: whoever then still has a session is found by the next log-out."""
    sessions = Sessions(conn, moves=["cart"])
    ids = []
    stop = threading.Event()

    def log_in_again_and_again():
        session_id = sessions.create({"cart": "2 melons"})
        while not stop.is_set():
            session_id = sessions.log_in(session_id, "maria")
            ids.append(session_id)

    with ThreadPoolExecutor(4) as pool:
        visits = [pool.submit(log_in_again_and_again) for _ in range(4)]
        try:
            for number in range(rounds):
                assert wait_until(lambda expected=2 * number: len(ids) > expected)
                before = list(ids)
                sessions.log_out_everywhere("maria")
                assert all(sessions.load(session_id) is None for session_id in before[-20:])
        finally:
            stop.set()
        for visit in visits:
            visit.result()
    sessions.log_out_everywhere("maria")
    assert all(sessions.load(session_id) is None for session_id in ids[-200:])
    assert keys_of(conn, "session") == set()


def test_a_log_out_everywhere_during_log_ins_leaves_no_session_that_the_index_has_forgotten(redis_conn):
    assert_everywhere_means_everywhere(redis_conn, rounds=40)


class ActsAtCommand(redis.Redis):
    """A client that calls `action()` just before it sends its command number `at`."""

    at = -1

    def execute_command(self, *arguments, **options):
        self.at -= 1
        if self.at == 0:
            self.action()
        return super().execute_command(*arguments, **options)


@pytest.fixture
def acting_client(server):
    with ActsAtCommand.from_url(server.url, decode_responses=True) as client:
        yield client


# A log-in reads the old session (1), makes the new one (2), enters it in the index (3), ends the old one (4), and takes
# that from its user's index (5).
LOG_IN_STEPS = range(1, 6)


@pytest.mark.parametrize("step", LOG_IN_STEPS)
def test_a_log_out_everywhere_between_two_steps_of_a_log_in_leaves_no_session_that_cannot_be_ended(
    redis_conn, acting_client, step
):
    direct = Sessions(redis_conn, moves=["cart"])
    direct.log_out(direct.log_in(direct.create(), "warm"))  # now the server knows every script
    old_id = direct.log_in(None, "maria", {"cart": "2 melons"})
    acting_client.action = lambda: direct.log_out_everywhere("maria")
    acting_client.at = step
    new_id = Sessions(acting_client, moves=["cart"]).log_in(old_id, "maria")
    assert direct.load(old_id) is None
    entered = redis_conn.zrange(index_key("maria"), 0, -1)
    assert (direct.load(new_id) is not None) == (entered == [hashed(new_id)])
    direct.log_out_everywhere("maria")
    assert direct.load(new_id) is None
    assert redis_conn.dbsize() == 0


@pytest.mark.parametrize("step", [1, 2])  # the first and the last command: before what it reads, and after what it ends
def test_a_log_in_between_two_steps_of_a_log_out_everywhere_stays_in_the_index(redis_conn, acting_client, step):
    direct = Sessions(redis_conn)
    ids = [direct.log_in(None, "maria")]
    acting_client.action = lambda: ids.append(direct.log_in(None, "maria"))
    direct.log_out_everywhere("maria")  # now the server knows every script
    ids.append(direct.log_in(None, "maria"))
    acting_client.at = step
    assert Sessions(acting_client).log_out_everywhere("maria") == {1: 2, 2: 1}[step]
    alive = [session_id for session_id in ids if direct.load(session_id)]
    assert redis_conn.zrange(index_key("maria"), 0, -1) == [hashed(session_id) for session_id in alive]
    assert direct.log_out_everywhere("maria") == len(alive) == {1: 0, 2: 1}[step]


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_request_with_the_old_id_during_a_log_in_sees_the_old_session(redis_conn, acting_client, step):
    direct = Sessions(redis_conn, moves=["cart"])
    direct.log_out(direct.log_in(direct.create(), "warm"))
    old_id = direct.create({"cart": "2 melons"})
    seen = []

    def request_with_the_old_id():
        seen.append(direct.load(old_id))
        seen.append(direct.change(old_id, {"cart": "3 melons"}))

    acting_client.action = request_with_the_old_id
    acting_client.at = step
    new_id = Sessions(acting_client, moves=["cart"]).log_in(old_id, "maria")
    assert seen == [Session(None, {"cart": "2 melons"}), True]
    assert direct.load(new_id) == Session("maria", {"cart": "3 melons" if step == 1 else "2 melons"})
    assert direct.load(old_id) is None
    assert not direct.change(old_id, {"cart": "4 melons"})


# Broken connections, killed processes


@contextlib.contextmanager
def breaking_client(proxy, server, fault, retries=0):
    """A client that reaches the server through the proxy. It sends nothing again unless `retries` says so."""
    client = ActsAtCommand(
        port=proxy.port, password=server.password, decode_responses=True, retry=Retry(NoBackoff(), retries)
    )

    def lose_the_server():
        client.connection_pool.reset()
        client.connection_pool.connection_kwargs["port"] = 1  # where nobody listens

    def lose_the_reply():
        proxy.drop_replies = 1

    faults = {"the server is gone": lose_the_server, "the reply is lost": lose_the_reply, "a cut": proxy.cut}
    client.action = faults[fault]
    with client:
        client.ping()
        yield client


FAULTS = ["the server is gone", "the reply is lost"]
STEPS_OF_A_VISITOR = [(step, None) for step in LOG_IN_STEPS if step < 5]
STEPS_OF_A_USER = [(step, user) for step in LOG_IN_STEPS for user in ("maria", "paolo")]


@pytest.mark.parametrize(("step", "old_user"), STEPS_OF_A_VISITOR + STEPS_OF_A_USER)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_log_in_that_breaks_off_leaves_nothing_that_can_be_used(server, redis_conn, step, fault, old_user):
    direct = Sessions(redis_conn, moves=["cart"])
    cart = {"cart": "2 melons"}
    direct.log_out(direct.log_in(direct.create(), "warm"))  # now the server knows every script
    old_id = direct.create(cart) if old_user is None else direct.log_in(None, old_user, cart)
    with FaultProxy(server.port) as proxy, breaking_client(proxy, server, fault) as client:
        client.at = step
        with pytest.raises(redis.ConnectionError):
            Sessions(client, moves=["cart"]).log_in(old_id, "maria")
    assert_all_keys_end(redis_conn)

    old = direct.load(old_id)
    has_ended = step > 4 or (step == 4 and fault == "the reply is lost")
    if has_ended:
        assert old is None
    else:
        assert old == Session(old_user, cart)
    new_id = direct.log_in(old_id, "maria")
    moved = {} if has_ended or old_user == "paolo" else cart
    assert direct.load(new_id) == Session("maria", moved)
    assert direct.load(old_id) is None

    direct.log_out_everywhere("maria")
    assert direct.load(new_id) is None
    orphans = keys_of(redis_conn, "session")  # made, not yet in the index: nobody was told the id
    assert len(orphans) == (1 if (step, fault) in [(2, "the reply is lost"), (3, "the server is gone")] else 0)


@pytest.mark.parametrize("fault", ["a cut", "the reply is lost"])
@pytest.mark.parametrize("step", LOG_IN_STEPS)
def test_a_client_that_repeats_what_was_lost_logs_in_all_the_same(server, redis_conn, step, fault):
    with FaultProxy(server.port) as proxy, breaking_client(proxy, server, fault, retries=3) as client:
        sessions = Sessions(client, moves=["cart"])
        old_id = sessions.log_in(None, "paolo", {"cart": "2 melons"})
        client.at = step
        new_id = sessions.log_in(old_id, "maria")
        client.at = -1
        assert sessions.load(old_id) is None
        assert sessions.load(new_id) == Session("maria", {})
        assert keys_of(redis_conn, "session") == {session_key(new_id)}
        assert sessions.log_out_everywhere("maria") == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_a_log_out_everywhere_that_breaks_off_is_finished_by_the_next(server, redis_conn, fault):
    direct = Sessions(redis_conn)
    for step in (1, 2, 3):
        ids = [direct.log_in(None, "maria") for _ in range(3)]
        with FaultProxy(server.port) as proxy, breaking_client(proxy, server, fault) as client:
            sessions = Sessions(client)
            if step == 2:  # the pipeline: it does not go through execute_command()
                client.pipeline = breaking_pipeline(client)
            else:
                client.at = {1: 1, 3: 2}[step]
            with pytest.raises(redis.ConnectionError):
                sessions.log_out_everywhere("maria")
        assert_all_keys_end(redis_conn)
        direct.log_out_everywhere("maria")
        assert [direct.load(session_id) for session_id in ids] == [None] * 3
        assert redis_conn.dbsize() == 0


def breaking_pipeline(client):
    make_pipeline = client.pipeline

    def pipeline(**options):
        client.action()
        return make_pipeline(**options)

    return pipeline


def log_in_for_ever(conn):
    sessions = Sessions(conn, moves=["cart"])
    session_id = sessions.create({"cart": "2 melons"})
    while True:
        session_id = sessions.log_in(session_id, "maria")
        print("has", session_id)


def test_processes_that_are_killed_while_they_log_in_leave_no_session_that_cannot_be_ended(server, redis_conn):
    sessions = Sessions(redis_conn, moves=["cart"])
    with Processes(server.url) as processes:
        browsers = [processes.start(log_in_for_ever) for _ in range(3)]
        for browser in browsers:
            browser.wait_for("has")
        for number, browser in enumerate(browsers):
            time.sleep(0.013 * number)  # at another step of the log-in each time
            browser.kill()
    received = [line.split()[1] for browser in browsers for line in browser.lines if line.startswith("has ")]
    assert len(received) >= 3
    assert_all_keys_end(redis_conn)
    alive = [session_id for session_id in received if redis_conn.exists(session_key(session_id))]
    entered = set(redis_conn.zrange(index_key("maria"), 0, -1))
    assert {hashed(session_id) for session_id in alive} <= entered
    sessions.log_out_everywhere("maria")
    assert all(sessions.load(session_id) is None for session_id in received[-50:])
    assert len(keys_of(redis_conn, "session")) <= 3  # at most one for each process, whose id nobody received


def test_a_paused_process_wakes_up_to_no_session(server, redis_conn):
    def change_for_ever(conn, session_id):
        print("begins")
        while Sessions(conn).change(session_id, {"cart": "1 melon"}):
            pass
        return "ended"

    sessions = Sessions(redis_conn)
    session_id = sessions.log_in(None, "maria")
    with Processes(server.url) as processes:
        browser = processes.start(change_for_ever, session_id)
        browser.wait_for("begins")
        browser.pause()
        sessions.log_out(session_id)
        browser.resume()
        assert browser.result() == "ended"
    assert redis_conn.dbsize() == 0


def test_on_a_full_server_log_outs_still_work():
    with EmbeddedRedis(maxmemory_policy="noeviction") as server, redis.Redis.from_url(server.url) as client:
        sessions = Sessions(client)
        ids = [sessions.log_in(None, "maria") for _ in range(3)]
        client.config_set("maxmemory", 1)
        with pytest.raises(redis.RedisError):
            sessions.create({"cart": "2 melons"})
        with pytest.raises(redis.RedisError):
            sessions.log_in(ids[0], "maria")
        assert sessions.load(ids[0]) == Session("maria", {})
        sessions.log_out(ids[0])
        assert sessions.log_out_everywhere("maria") == 2
        assert client.dbsize() == 0


# Servers, clients, rights


def every_call(conn):
    """Each public method once; what it should do is asserted."""
    sessions = Sessions(conn, moves=["cart"])
    visitor = sessions.create({"cart": "2 mele, 1 größe 🍈", "language": "it"})
    assert sessions.load(visitor) == Session(None, {"cart": "2 mele, 1 größe 🍈", "language": "it"})
    assert sessions.change(visitor, {"theme": "dark"}, remove=["language"]) is True
    first = sessions.log_in(visitor, "maria")
    assert sessions.load(first) == Session("maria", {"cart": "2 mele, 1 größe 🍈"})
    assert sessions.load(visitor) is None
    others = [sessions.log_in(None, "maria") for _ in range(10)]
    paolo = sessions.log_in(others.pop(), "paolo")
    assert sessions.load(paolo) == Session("paolo", {})
    sessions.log_out(first)
    assert sessions.log_out_everywhere("maria") == 9
    assert [sessions.load(session_id) for session_id in others] == [None] * 9
    sessions.log_out(paolo)
    assert sessions.log_out_everywhere("paolo") == 0


CLIENTS = {
    "bytes": {},
    "text": {"decode_responses": True},
    "protocol 2": {"protocol": 2},
    "protocol 3": {"protocol": 3, "decode_responses": True},
    "protocol 3, bytes": {"protocol": 3},
}
if "legacy_responses" in inspect.signature(redis.Redis.__init__).parameters:  # since redis-py 8
    CLIENTS["new responses"] = {"legacy_responses": False}


@pytest.mark.parametrize("options", CLIENTS.values(), ids=CLIENTS)
def test_every_kind_of_client_will_do(any_server, any_conn, options):
    any_conn.script_flush()  # as on a new server: the scripts go along once
    with redis.Redis.from_url(any_server.url, **options) as client:
        every_call(client)
    assert any_conn.dbsize() == 0


def test_the_named_rights_are_enough(any_server, any_conn):
    any_conn.script_flush()
    with client_of(any_server, "~sessions:*", *[f"+{command.lower()}" for command in RIGHTS]) as client:
        every_call(client)
        with pytest.raises(redis.ResponseError):
            client.get("sessions:x")


@pytest.mark.parametrize("missing", RIGHTS)
def test_each_of_the_named_rights_is_needed(server, redis_conn, missing):
    redis_conn.script_flush()
    rules = [f"+{command.lower()}" for command in RIGHTS if command != missing]
    with client_of(server, "~sessions:*", *rules) as client, pytest.raises(redis.ResponseError):
        every_call(client)


@pytest.fixture(scope="module")
def cluster():
    with EmbeddedCluster() as started:
        yield started


@pytest.mark.xdist_group("sessions on a cluster")
@pytest.mark.parametrize(
    "options",
    [{}, {"decode_responses": False}, {"load_balancing_strategy": LoadBalancingStrategy.ROUND_ROBIN}],
    ids=["text", "bytes", "reads from replicas"],
)
def test_every_call_works_on_a_cluster(cluster, options):
    client = cluster.connect(**options)
    every_call(client)
    assert client.dbsize() == 0
    client.close()


@pytest.mark.xdist_group("sessions on a cluster")
def test_a_log_out_everywhere_on_a_cluster_finds_what_was_just_logged_in(cluster):
    client = cluster.connect(load_balancing_strategy=LoadBalancingStrategy.ROUND_ROBIN)
    assert_everywhere_means_everywhere(client, rounds=5)
    sessions = Sessions(client)
    for _ in range(20):
        ids = [sessions.log_in(None, "maria") for _ in range(3)]
        assert sessions.log_out_everywhere("maria") == 3
        assert [sessions.load(session_id) for session_id in ids] == [None] * 3
    client.close()
