"""The bench of lesson 16: workers that are killed, time that passes at once, and the pictures."""

import matplotlib.pyplot as plt
import pytest

from redis_helpers.course.lessons.scenes import scene_16, scene_16_workers
from redis_helpers.course.lessons.scenes.scene_16_workers import GROUP, JOBS, PACKED, STOP, Report, kill_five
from redis_helpers.errors import CourseError
from redis_helpers.work_queue import WorkQueue

REPORT = Report(3, [20.0, 30.0], 1, 0, [(0.0, 3), (10.0, 2), (40.0, 1)])


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def workers_server(redis_conn, server, monkeypatch):
    """The processes of the workers connect to the server of the tests."""
    monkeypatch.setenv("REDIS_URL", server.url)
    return redis_conn


def rounds(*steps):
    """A round that takes a new job, and does these steps with it. It goes along to the processes as a copy."""

    def one_round(redis_conn, name, pack):
        reply = redis_conn.xreadgroup("packers", name, {"cell-by-cell:proven:jobs": ">"}, count=1)
        if not reply:
            return False
        job_id, fields = reply[0][1][0]
        for step in steps:
            if step == "pack":
                pack(redis_conn, fields["order"])
            elif step == "acknowledge":
                redis_conn.xack("cell-by-cell:proven:jobs", "packers", job_id)
            else:
                redis_conn.execute_command("NOSUCHCOMMAND")
        return True

    one_round.__module__ = "__main__"
    return one_round


def kills(monkeypatch, number):
    """Fewer kills need fewer processes."""
    monkeypatch.setattr(scene_16_workers, "KILLS", number)


def test_each_kill_loses_the_order_that_was_acknowledged_first(workers_server, monkeypatch):
    kills(monkeypatch, 2)
    report = kill_five(rounds("acknowledge", "pack"), orders=20)
    assert str(report) == "20 orders, 2 kills: 2 lost, 0 packed twice"
    assert 2 < report.left[0][1] <= 20  # on a busy machine, the first look may come late
    assert report.left[-1][1] == 2
    assert report.left == sorted(report.left, key=lambda moment: moment[0])
    assert 0 < report.kills[0] < report.kills[1] < report.left[-1][0]
    assert not workers_server.exists(STOP)


def test_who_never_acknowledges_is_told_so(workers_server, monkeypatch):
    kills(monkeypatch, 0)
    monkeypatch.setattr(scene_16_workers, "STALLED", 0.5)
    with pytest.raises(CourseError, match=r"no further order was packed, and 0 of 20 are left.* acknowledges the job"):
        kill_five(rounds("pack"), orders=20)
    assert not workers_server.exists(STOP)


def test_what_a_round_raises_is_shown(workers_server, monkeypatch):
    kills(monkeypatch, 0)
    with pytest.raises(CourseError, match="ResponseError"):
        kill_five(rounds("a mistake"), orders=20)


def test_the_workers_are_told_when_the_next_one_is_killed(any_conn):
    told = []
    for kill in range(1, 7):
        scene_16_workers._stop_at(any_conn, 2000, kill, f"worker-{kill - 1}")
        told.append(any_conn.get(STOP))
    assert told == ["300 worker-0", "600 worker-1", "900 worker-2", "1200 worker-3", "1500 worker-4", None]


@pytest.mark.parametrize("in_a_queue", [False, True])
def test_orders_are_done_when_none_waits_and_none_is_pending(any_conn, in_a_queue):
    queue = WorkQueue(any_conn, "orders") if in_a_queue else None
    is_done = scene_16_workers._put_orders(any_conn, 2, queue)
    if queue is not None:
        queue.make_group()
    for _ in range(2):
        assert not is_done()
        if queue is None:
            ((_, ((job_id, _),)),) = any_conn.xreadgroup(GROUP, "ann", {JOBS: ">"}, count=1)
        else:
            job_id = queue.read("ann", 0.01).id
        assert not is_done()
        if queue is None:
            any_conn.xack(JOBS, GROUP, job_id)
        else:
            queue.acknowledge(job_id)
    assert is_done()


def test_time_passes_and_nothing_else_changes(any_conn):
    any_conn.xgroup_create(JOBS, GROUP, "0", mkstream=True)
    for order in (1, 2, 3):
        any_conn.xadd(JOBS, {"order": order})
    for name in ("ann", "bob"):
        any_conn.xreadgroup(GROUP, name, {JOBS: ">"}, count=1)
    before = any_conn.xpending_range(JOBS, GROUP, "-", "+", 10)
    scene_16_workers.seconds_have_passed(any_conn)
    after = any_conn.xpending_range(JOBS, GROUP, "-", "+", 10)
    assert [one.pop("time_since_delivered") >= 10_000 for one in after] == [True, True]
    assert [one.pop("time_since_delivered") < 10_000 for one in before] == [True, True]
    assert after == before
    assert any_conn.xlen(JOBS) == 3
    assert not any_conn.exists(PACKED)


def test_bigger_batches_are_measured_on_the_same_jobs(any_conn):
    speed = scene_16.speed_of_batches(any_conn, [1, 100])
    assert list(speed) == [1, 100]
    assert speed[1] == 1
    assert speed[100] > 1.5
    assert any_conn.xlen(scene_16.BATCHES) == 1000
    assert any_conn.xinfo_groups(scene_16.BATCHES) == []


def test_the_pictures():
    axes = scene_16.draw_kills(REPORT)
    dotted = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"]
    assert dotted == [20.0, 30.0]
    assert [text.get_text() for text in axes.texts].count("kill -9") == 1
    assert list(axes.lines[0].get_ydata()) == [3, 2, 1, 1]

    axes = scene_16.draw_batches({1: 1.0, 100: 25.0})
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1 at a time", "100 at a time"]
    assert [bar.get_width() for bar in axes.patches] == [1, 25]
