"""The bench of lesson 20: a table of its own, a holder who sleeps at every moment, and processes really paused."""

import os
import sqlite3
import sys
from pathlib import Path

import cloudpickle
import matplotlib.pyplot as plt
import pytest

from redis_helpers.course.lessons.scenes import scene_20, scene_20_buyers
from redis_helpers.course.lessons.scenes.scene_20 import every_sleep, open_table, remove_table, sleeps_after

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what a notebook defines: the child cannot import it

KEY = "cell-by-cell:fencing:some"


@pytest.fixture
def db():
    opened = open_table()
    yield opened
    remove_table(opened)


@pytest.fixture
def url(redis_conn, server, monkeypatch):
    """The Redis of this kernel: the bench connects there, too."""
    monkeypatch.setenv("REDIS_URL", server.url)
    return server.url


def files_of(db):
    return [Path(db.path + end) for end in ("", "-wal", "-shm")]


def test_the_table_is_what_the_lesson_says(db):
    prices = dict(db.execute("SELECT fruit, cents FROM prices WHERE fence = 0"))
    assert prices == {"banana": 312, "apple": 195, "uva": 480}
    assert db.execute("SELECT crates, fence FROM stock").fetchall() == [(1, 0)]


def test_what_is_written_is_committed_at_once(db):
    db.execute("UPDATE prices SET cents = 299, fence = 7 WHERE fruit = 'banana'")
    other = sqlite3.connect(db.path)
    assert other.execute("SELECT cents, fence FROM prices WHERE fruit = 'banana'").fetchone() == (299, 7)
    other.close()


def test_a_table_that_was_opened_before_is_removed(db):
    second = open_table()
    assert not any(file.exists() for file in files_of(db))
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        db.execute("SELECT 1")
    assert str(os.getpid()) in second.path
    assert Path(second.path).exists()
    for _ in range(2):  # the clean-up may run twice
        remove_table(second)
    assert not any(file.exists() for file in files_of(second))


def put_and_raise(redis_conn, number):
    redis_conn.set(KEY, number)
    seen.append("between")
    return redis_conn.incr(KEY)


seen: list[str] = []


@pytest.mark.parametrize(
    ("number", "order", "left"),
    [(1, ["asleep", "between"], 6), (2, ["between", "asleep"], 100), (3, ["between"], 6)],
)
def test_it_sleeps_after_the_reply_and_before_the_next_line(any_conn, number, order, left):
    seen.clear()

    def meanwhile():
        seen.append("asleep")
        any_conn.set(KEY, 5 if number == 1 else 100)

    assert sleeps_after(number, put_and_raise, any_conn, 5, meanwhile=meanwhile) == 6
    assert seen == order
    assert int(any_conn.get(KEY)) == left


def test_every_moment_is_tried_once_from_the_same_beginning(any_conn):
    seen.clear()
    found = []
    moments = every_sleep(
        put_and_raise,
        any_conn,
        5,
        meanwhile=lambda: seen.append(any_conn.get(KEY)),
        before=lambda: (seen.append("before"), any_conn.delete(KEY)),
    )
    for moment in moments:
        found.append((moment, any_conn.get(KEY)))
    assert found == [("after SET", "6"), ("after INCR", "6")]
    assert seen == ["before", "5", "between", "before", "between", "6", "before", "between"]


def test_a_function_without_a_command_has_no_moment(any_conn):
    def never():
        raise AssertionError("nobody sleeps")

    assert list(every_sleep(lambda client: None, any_conn, meanwhile=never, before=lambda: None)) == []


def look(db, fence):
    return db.execute("SELECT crates FROM stock").fetchone()[0]


def look_and_leave(db, fence):
    db.execute("UPDATE stock SET fence = max(fence, ?)", [fence])
    return look(db, fence)


def sell(db, crates, fence):
    written = db.execute("UPDATE stock SET crates = ?, fence = ? WHERE fence <= ?", [crates, fence, fence])
    return written.rowcount == 1


def sell_without_number(db, crates, fence):
    return db.execute("UPDATE stock SET crates = ?", [crates]).rowcount == 1


def test_a_paused_holder_sells_again_what_is_sold(db, url):
    db.execute("UPDATE stock SET crates = 60")
    sold = scene_20_buyers.sell_out(url, db.path, look, sell_without_number)
    # The late writer brings back what the others have bought, unless one of them writes just then, too. Its own sale is
    # one too many in any case.
    assert sold["sold"] > 60
    assert sold["refused"] == 0
    assert look(db, 0) == 0


def look_and_count(db, fence):
    crates = look_and_leave(db, fence)
    if crates > 0:
        db.execute("UPDATE calls SET looks = looks + 1")
    return crates


def sell_and_count(db, crates, fence):
    db.execute("UPDATE calls SET sales = sales + 1")
    return sell(db, crates, fence)


def test_with_a_pause_and_a_kill_the_table_refuses_the_late_writer(db, url):
    db.execute("UPDATE stock SET crates = 80")
    db.execute("CREATE TABLE calls AS SELECT 0 AS looks, 0 AS sales")
    sold = scene_20_buyers.sell_out(url, db.path, look_and_count, sell_and_count, pauses=1, kills=1)
    assert sold == {"sold": 80, "refused": 1}
    assert look(db, 0) == 0
    # the killed one looked, and never came to its sale
    assert db.execute("SELECT looks, sales FROM calls").fetchone() == (82, 81)


def test_a_paused_process_renews_nothing(redis_conn, url):
    told = scene_20_buyers.pause_who_renews(url)
    assert told == {"number of A": 1, "number of B": 2, "A can renew": False}
    assert set(redis_conn.scan_iter("*")) == {"cell-by-cell:fencing:bench:{renewed}:fence"}


def test_the_pictures_tell_one_story():
    question, answer = scene_20.draw_sleeping_holder(), scene_20.draw_refused_holder()
    texts = [[text.get_text() for text in axes.texts] for axes in (question, answer)]
    assert "writes 312?" in texts[0]
    assert not any("refused" in text for text in texts[0]), "the question must not give the answer away"
    assert "1 < 2: refused" in texts[1]
    assert texts[1][-2:] == ["highest number: 0", "highest number: 2"]
    rows = [[label.get_text() for label in axes.get_yticklabels()] for axes in (question, answer)]
    assert rows[1] == [*rows[0], "the table"]
    plt.close("all")
