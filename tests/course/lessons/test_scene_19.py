"""The bench of lesson 19: the stock in SQL, the client that tries again, `WATCH`, the times of sales, the pictures."""

import threading

import matplotlib.pyplot as plt
import pytest

from redis_helpers.course.breaking import at_once, lost_reply, with_rival
from redis_helpers.course.lessons.scenes import scene_19

STOCK = "cell-by-cell:locks:stock:uva"


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def db():
    connection = scene_19.open_stock()
    connection.execute("UPDATE stock SET crates = 1")
    yield connection
    connection.close()


def crates(db):
    return db.execute("SELECT crates FROM stock").fetchall()


def test_there_is_one_row_and_each_connection_sees_it_at_once(db):
    other = scene_19.open_stock()
    assert crates(other) == [(1,)]
    db.execute("UPDATE stock SET crates = 7")
    assert crates(other) == [(7,)]
    other.close()
    assert db.execute("SELECT fruit FROM stock").fetchall() == [("uva",)]


def test_opening_it_again_changes_nothing(db):
    db.execute("UPDATE stock SET crates = -1")
    scene_19.open_stock().close()
    assert crates(db) == [(-1,)]


def test_a_connection_can_be_used_by_another_thread(db):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(crates(db)))
    thread.start()
    thread.join()
    assert seen == [[(1,)]]


def test_the_client_sends_a_command_again(redis_conn, server, monkeypatch):
    monkeypatch.setenv("REDIS_URL", server.url)
    client = scene_19.client_that_tries_again()
    with lost_reply("INCR"):
        assert client.incr(STOCK) == 2
    with lost_reply("SET"):
        assert client.set("a:lock", "token", nx=True) is None
    assert redis_conn.get("a:lock") == "token"
    client.close()


@pytest.mark.parametrize(("before", "told", "after"), [("2", True, "1"), ("1", True, "0"), ("0", False, "0")])
def test_watch_takes_a_crate_that_is_there(any_conn, before, told, after):
    any_conn.set(STOCK, before)
    assert scene_19.take_by_watch(any_conn, STOCK) is told
    assert any_conn.get(STOCK) == after


def test_watch_takes_nothing_from_a_stock_that_is_not_there(any_conn):
    assert scene_19.take_by_watch(any_conn, STOCK) is False
    assert not any_conn.exists(STOCK)


@pytest.mark.parametrize(("crates_before", "told"), [(2, True), (1, False)])
def test_watch_looks_again_when_somebody_came_first(any_conn, crates_before, told):
    any_conn.set(STOCK, crates_before)
    answer = with_rival(scene_19.take_by_watch, any_conn, STOCK, rival=lambda: any_conn.decr(STOCK))
    assert answer is told
    assert any_conn.get(STOCK) == "0"


def test_eight_who_watch_sell_each_crate_once(any_conn):
    any_conn.set(STOCK, 5)
    assert sorted(at_once(8, scene_19.take_by_watch, any_conn, STOCK)) == [False] * 3 + [True] * 5
    assert any_conn.get(STOCK) == "0"


def test_each_way_is_timed_and_sells_all_crates(redis_conn, db):
    lock = threading.Lock()
    sold = []
    left = []

    def by_sql(conn, own_db):
        own_db.execute("UPDATE stock SET crates = crates - 1")
        with lock:
            sold.append("SQL")
            if sold.count("SQL") % scene_19.SALES == 0:
                left.append(crates(db))

    def by_redis(conn, own_db):
        number = conn.decr(STOCK)
        with lock:
            sold.append("Redis")
            if number == 0:
                left.append(number)

    times = scene_19.time_of_sales(redis_conn, STOCK, {"SQL": by_sql, "Redis": by_redis})
    rounds = 2 * scene_19.ROUNDS  # for one customer, and for eight
    assert sold.count("SQL") == sold.count("Redis") == rounds * scene_19.SALES
    assert left.count([(0,)]) == left.count(0) == rounds
    assert [list(times), [list(found) for found in times.values()]] == [[1, 8], [["SQL", "Redis"]] * 2]
    assert all(took > 0 for found in times.values() for took in found.values())


def test_the_quickest_round_counts(redis_conn, monkeypatch):
    took = iter([30.0, 10.0, 20.0, 5.0, 7.0, 6.0])
    monkeypatch.setattr(scene_19, "_time_of_one", lambda *args: next(took))
    assert scene_19.time_of_sales(redis_conn, STOCK, {"way": print}) == {1: {"way": 10.0}, 8: {"way": 5.0}}


def test_b_and_c_work_at_the_same_time_only_above():
    for ax, at_once_here in zip(scene_19.draw_releases(), (True, False), strict=True):
        middle = {text.get_text(): text.get_position()[0] for text in ax.texts}
        ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
        bars = [((begin + end) / 2, begin, end) for begin, end in ends]
        (b_ends,) = {end for centre, _, end in bars if centre == pytest.approx(middle["B works"])}
        (c_begins,) = {begin for centre, begin, _ in bars if centre == pytest.approx(middle["C works"])}
        assert bool(c_begins < b_ends) is at_once_here


def test_there_is_a_bar_for_each_way():
    times = {1: {"SQL": 20.0, "script": 120.0}, 8: {"SQL": 40.0, "script": 110.0}}
    axes = scene_19.draw_times(times)
    assert [ax.get_title(loc="left") for ax in axes] == [
        "How long does one sale take? One customer at a time",
        "How long does one sale take? 8 customers at once",
    ]
    for ax, values in zip(axes, times.values(), strict=True):
        assert [bar.get_width() for bar in ax.patches] == list(values.values())
    assert [ax.get_xlabel() for ax in axes] == ["", "µs"]
