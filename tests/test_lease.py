"""`Lease`: who may load an entry, and who may store it. On every server of REDIS_TEST_BINARIES."""

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from redis_helpers import lease as lease_module
from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.lease import LEASE_LENGTH, Lease, forget, lease_in, store
from tests.support.servers import options_of, wait_until


@pytest.fixture
def short_silence(monkeypatch):
    """A holder counts as dead after a fifth of a second."""
    monkeypatch.setattr(lease_module, "LEASE_SECONDS", 0.2)


def acquired(conn, key="fruit"):
    lease = Lease(conn, key)
    assert lease.acquire() == (True, None)
    return lease


def test_one_holds_it_and_the_others_are_told(any_conn):
    ours, theirs = acquired(any_conn), Lease(any_conn, "fruit")
    assert theirs.acquire() == (False, None)
    assert ours.acquire() == (True, None)  # a command whose reply was lost, and that is sent again
    assert any_conn.dbsize() == 1  # it stands where the entry will stand
    assert ours.store("fresh", 1000)
    assert any_conn.get("fruit") == "fresh"
    assert 0 < any_conn.pttl("fruit") <= 1000
    assert theirs.acquire() == (False, "fresh")


def test_it_is_released_by_its_holder_only(any_conn):
    ours, theirs = acquired(any_conn), Lease(any_conn, "fruit")
    assert theirs.acquire() == (False, None)
    assert not theirs.release()
    assert any_conn.exists("fruit")
    assert ours.release()
    assert not ours.release()
    assert theirs.acquire() == (True, None)


def test_a_holder_that_is_silent_is_replaced(any_conn, short_silence):
    acquired(any_conn)
    other = Lease(any_conn, "fruit")
    assert other.acquire() == (False, None)
    assert wait_until(lambda: other.acquire() == (True, None))


def test_a_holder_that_renews_is_not(any_conn, short_silence):
    holder, other = acquired(any_conn), Lease(any_conn, "fruit")
    before = any_conn.pttl("fruit")
    assert wait_until(lambda: any_conn.pttl("fruit") < before - 50)
    assert holder.renew()
    assert any_conn.pttl("fruit") > before - 50
    assert other.acquire() == (False, None)


def test_whoever_lost_the_lease_to_another_may_still_store_until_that_one_has(any_conn, short_silence):
    slow, quick = acquired(any_conn), Lease(any_conn, "fruit")
    assert wait_until(lambda: quick.acquire()[0])
    assert not slow.renew()
    assert not slow.release()
    assert slow.store("of the slow one", 1000)
    assert any_conn.get("fruit") == "of the slow one"
    assert not quick.store("of the quick one", 1000)


def test_whoever_waited_may_store_what_he_loads_without_the_lease(any_conn):
    acquired(any_conn)
    other = Lease(any_conn, "fruit")
    assert other.acquire() == (False, None)
    assert other.store("loaded without it", 1000)


def test_whoever_waited_until_an_invalidation_loads_and_stores_with_a_ticket_of_his_own(any_conn):
    acquired(any_conn)
    other = Lease(any_conn, "fruit")
    assert other.acquire() == (False, None)
    waited_from = other.began
    any_conn.delete("fruit")
    assert other.acquire() == (True, None)
    assert other.began > waited_from  # it counts as hung by its load, not by its wait
    assert other.store("fresh", 1000)


@pytest.mark.parametrize("delete", ["DEL", "UNLINK", "GETDEL", "FLUSHDB"])
def test_after_any_delete_nobody_of_the_old_generation_stores(any_conn, short_silence, delete):
    slow, taker, waiter = acquired(any_conn), Lease(any_conn, "fruit"), Lease(any_conn, "fruit")
    assert wait_until(lambda: taker.acquire()[0])
    assert waiter.acquire() == (False, None)
    any_conn.execute_command(delete, *([] if delete == "FLUSHDB" else ["fruit"]))
    for old in (slow, taker, waiter):
        assert not old.store("stale", 1000)
        assert not old.renew()
        assert not old.release()
    assert not any_conn.exists("fruit")
    new = acquired(any_conn)
    for old in (slow, taker, waiter):
        assert not old.store("stale", 1000)
        assert not old.renew()
        assert not old.release()
    assert new.store("fresh", 1000)


def test_a_command_that_arrives_again_after_a_delete_brings_no_right_to_store_back(any_conn, monkeypatch):
    """The network has held it up, or the client has sent it twice: the server runs it once more."""
    sent, execute = [], any_conn.execute_command

    def noted(*words, **options):
        sent.append(words)
        return execute(*words, **options)

    monkeypatch.setattr(any_conn, "execute_command", noted)
    holder, waiter = acquired(any_conn), Lease(any_conn, "fruit")
    assert waiter.acquire() == (False, None)
    assert holder.renew()
    monkeypatch.undo()
    any_conn.delete("fruit")
    for words in sent:
        execute(*words)
    assert lease_in(any_conn.get("fruit")) is not None  # nobody's: its time to live ends it
    for old in (holder, waiter):
        assert not old.store("stale", 1000)
        assert not old.renew()


def test_a_lease_whose_reply_was_lost_is_given_back_and_stores_nothing(any_server, any_conn):
    acquired(any_conn, "other")  # the server knows the script from here on
    with FaultProxy(any_server.port) as proxy:
        options = options_of(any_server, port=proxy.port).arguments()
        with redis.Redis(**options, retry=Retry(NoBackoff(), 0)) as client:
            client.ping()
            lease = Lease(client, "fruit")
            proxy.drop_replies = 1
            with pytest.raises(redis.ConnectionError):
                lease.acquire()
            assert lease_in(any_conn.get("fruit")) is not None
            assert not lease.renew()
            assert not lease.store("stale", 1000)
            assert lease.release()
    assert not any_conn.exists("fruit")


@pytest.mark.parametrize("junk", ["hello", "", b"\xff\xfe", "ü", "x" * 100_000])
def test_what_is_no_entry_is_deleted_only_if_it_is_still_there(any_conn, junk):
    any_conn.set("fruit", junk)
    assert not forget(any_conn, "fruit", "another")
    assert forget(any_conn, "fruit", junk)
    holder = acquired(any_conn)
    assert not forget(any_conn, "fruit", junk)
    assert holder.store("fresh", 1000)
    assert not forget(any_conn, "fruit", junk)
    assert any_conn.get("fruit") == "fresh"


def test_a_generation_that_nobody_renews_ends(any_conn, monkeypatch):
    monkeypatch.setattr(lease_module, "GENERATION_SECONDS", 0.1)
    lease = acquired(any_conn)
    assert wait_until(lambda: not any_conn.exists("fruit"))
    assert not lease.store("late", 1000)


def test_an_entry_is_replaced_only_while_it_begins_as_the_ticket_says(any_conn):
    any_conn.set("fruit", "~1 2 abc old")
    assert not store(any_conn, "fruit", "~1 2 abd ", "new", 1000)
    assert any_conn.get("fruit") == "~1 2 abc old"
    assert store(any_conn, "fruit", "~1 2 abc ", "new", 1000)
    assert any_conn.get("fruit") == "new"
    any_conn.delete("fruit")
    assert not store(any_conn, "fruit", "~1 2 abc ", "new", 1000)


def test_a_server_with_no_room_for_the_entry_keeps_no_lease_that_others_would_wait_for(any_conn):
    lease = acquired(any_conn)
    any_conn.set("other", "~1 2 abc old")
    used = any_conn.info("memory")["used_memory"]
    before = {**any_conn.config_get("maxmemory"), **any_conn.config_get("maxmemory-policy")}
    any_conn.config_set("maxmemory-policy", "noeviction")
    any_conn.config_set("maxmemory", used // 2)
    try:
        with pytest.raises(redis.ResponseError):
            lease.store("x" * 1000, 1000)
        assert not any_conn.exists("fruit")
        with pytest.raises(redis.ResponseError):
            store(any_conn, "other", "~1 2 abc ", "x" * 1000, 1000)
        assert any_conn.get("other") == "~1 2 abc old"  # nobody waits for an entry
        with pytest.raises(redis.ResponseError):
            Lease(any_conn, "fruit").acquire()
    finally:
        for name, value in before.items():
            any_conn.config_set(name, value)


def test_the_scripts_are_sent_again_to_a_server_that_forgot_them(any_conn):
    acquired(any_conn, "first")
    any_conn.script_flush()
    lease = acquired(any_conn)
    any_conn.script_flush()
    assert lease.renew()
    assert lease.store("fresh", 1000)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("!" + "0" * 32, True),
        (b"!" + b"0" * 32, True),
        ("!" + "0" * 31, False),
        ("?" + "0" * 32, False),
        ("", False),
        (None, False),
    ],
)
def test_what_is_a_lease(text, is_one):
    assert (lease_in(text) is not None) == is_one
    assert LEASE_LENGTH == 33


def test_a_text_of_somebody_elses_that_looks_like_a_lease_is_replaced(any_conn):
    """It has no time to live, or a short one: its holder has been silent for long."""
    any_conn.set("fruit", "!" + "surprise" * 4)
    lease = acquired(any_conn)
    assert lease.store("fresh", 1000)
