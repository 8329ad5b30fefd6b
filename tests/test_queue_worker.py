"""`Worker`: kills, pauses, lost replies and poison, and no job is lost."""

import contextlib
import functools
import inspect
import os
import signal
import sys
import threading
import time
from collections import Counter

import cloudpickle
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.breaking.processes import Processes
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.errors import CourseError
from redis_helpers.queue_worker import Job, PutBack, Worker, stop_on
from redis_helpers.work_queue import NO_ANSWER, WorkQueue
from tests.support.servers import free_port, wait_until
from tests.support.users import client_of
from tests.support.workers import in_thread

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what a notebook defines: the child cannot import it

STREAM = "queues:{orders}:jobs"


def orders(redis_conn, **settings):
    return WorkQueue(redis_conn, "orders", **{"idle_limit": 60, "retry_pause": 0.01, **settings})


def put_all(queue, numbers):
    for number in numbers:
        queue.put(number, own_id=f"order-{number}")


def pending(redis_conn):
    """Of each job that is pending: the name of its worker, and its deliveries."""
    found = redis_conn.xpending_range(STREAM, "workers", "-", "+", 100)
    return {entry["message_id"]: (entry["consumer"], entry["times_delivered"]) for entry in found}


# One worker


def test_jobs_are_done_in_the_order_in_which_they_were_put(any_conn):
    queue = orders(any_conn)
    put_all(queue, range(20))
    jobs = []
    assert Worker(queue, jobs.append).run(until_idle=0) == 20
    assert [(job.payload, job.own_id, job.deliveries, job.lost) for job in jobs] == [
        (number, f"order-{number}", 1, False) for number in range(20)
    ]
    sizes = queue.sizes()
    assert (sizes.waiting, sizes.pending, sizes.dead, sizes.workers) == (0, 0, 0, 0)


def test_a_handler_that_raises_gets_the_job_again_after_pauses_that_double_and_then_it_is_a_dead_letter(redis_conn):
    queue = orders(redis_conn, idle_limit=4, retry_pause=0.1, max_deliveries=3)
    queue.put("poison")
    queue.put("good")
    seen = []

    def fail(job):
        seen.append((job.payload, job.deliveries, time.monotonic()))
        if job.payload == "poison":
            raise LookupError

    worker = Worker(queue, fail)
    worker._wait = 0.02  # how often it looks for idle jobs
    with in_thread(worker):
        assert wait_until(queue.dead_letters)
    assert [(payload, deliveries) for payload, deliveries, _ in seen] == [
        ("poison", 1),
        ("good", 1),
        ("poison", 2),
        ("poison", 3),
    ]
    moments = [moment for payload, _, moment in seen if payload == "poison"]
    assert moments[1] - moments[0] >= 0.095
    assert moments[2] - moments[1] >= 0.195
    (letter,) = queue.dead_letters()
    assert (letter.reason, letter.deliveries, letter.fields["payload"]) == ("LookupError", 3, '"poison"')
    assert queue.sizes().pending == 0


def test_a_pause_is_never_longer_than_the_idle_limit(redis_conn):
    queue = orders(redis_conn, idle_limit=0.1, retry_pause=50)
    queue.put(1)
    deliveries = []

    def fail_once(job):
        deliveries.append(job.deliveries)
        if job.deliveries == 1:
            raise LookupError

    with in_thread(Worker(queue, fail_once)):
        assert wait_until(lambda: len(deliveries) == 2)


def test_a_job_that_is_put_back_is_not_counted(any_conn):
    queue = orders(any_conn, idle_limit=0.2, max_deliveries=2)
    queue.put(1)
    deliveries = []

    def hand_back(job):
        deliveries.append(job.deliveries)
        if len(deliveries) < 6:
            raise PutBack

    with in_thread(Worker(queue, hand_back)):
        assert wait_until(lambda: queue.sizes().pending == 0 and len(deliveries) == 6)
    assert deliveries == [1] * 6
    assert queue.dead_letters() == []


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_worker_puts_its_job_back_uncounted(redis_conn, end):
    queue = orders(redis_conn)
    queue.put(1)

    def be_ended(job):
        raise end

    with pytest.raises(end):
        Worker(queue, be_ended).run()
    jobs = []
    assert Worker(queue, jobs.append).run(until_idle=0) == 1
    assert jobs[0].deliveries == 1


def test_a_worker_that_is_stopped_before_it_runs_does_nothing(redis_conn):
    queue = orders(redis_conn)
    queue.put(1)
    worker = Worker(queue, pytest.fail)
    worker.stop()
    assert worker.run() == 0


def test_a_handler_that_cannot_be_called_is_refused(redis_conn):
    with pytest.raises(CourseError, match="handler"):
        Worker(orders(redis_conn), None)


class Called:
    async def __call__(self, job):
        """Never runs."""

    async def method(self, job):
        """Never runs."""

    def in_steps(self, job):
        yield job

    async def in_awaited_steps(self, job):
        yield job


NEVER_RUN = [Called(), Called().method, Called().in_steps, Called().in_awaited_steps]


@pytest.mark.parametrize("handler", NEVER_RUN, ids=["__call__", "async def", "yield", "async def with yield"])
def test_a_handler_that_does_not_run_when_it_is_called_is_refused(redis_conn, handler):
    for hidden in (handler, functools.partial(handler), functools.partial(functools.partial(handler), job=None)):
        with pytest.raises(CourseError, match="async def"):
            Worker(orders(redis_conn), hidden)


@pytest.mark.parametrize("handler", NEVER_RUN, ids=["__call__", "async def", "yield", "async def with yield"])
def test_a_job_whose_handler_returns_what_has_not_run_is_not_done(redis_conn, handler):
    queue = orders(redis_conn, max_deliveries=1)
    queue.put(1)
    returned = []

    def do_nothing_yet(job):
        returned.append(handler(job))
        return returned[-1]

    assert Worker(queue, do_nothing_yet).run(until_idle=0) == 0
    assert [(letter.reason, letter.deliveries) for letter in queue.dead_letters()] == [("NotRun", 1)]
    for begun in returned:
        if inspect.iscoroutine(begun):
            begun.close()  # otherwise Python warns that nobody has awaited it


def test_signals_are_for_the_main_thread():
    problems = []

    def choose():
        try:
            stop_on([signal.SIGTERM], [])
        except CourseError as problem:
            problems.append(str(problem))

    thread = threading.Thread(target=choose)
    thread.start()
    thread.join()
    assert "main thread" in problems[0]


def test_workers_trim_and_leave_no_name(redis_conn):
    queue = orders(redis_conn)
    for _ in range(3):
        put_all(queue, range(10))
        queue.put("last")
        Worker(queue, lambda job: None).run(until_idle=0)
    put_all(queue, range(1))
    Worker(queue, lambda job: None).run(until_idle=0)
    assert queue.sizes().kept <= 2
    assert queue.sizes().workers == 0


# Heartbeats


def test_a_long_job_is_never_handed_to_another_worker_while_its_own_is_alive(server, redis_conn):
    """Three jobs of two idle limits each, and four workers: one has nothing to do but to look for idle jobs."""
    queue = orders(redis_conn, idle_limit=1)
    put_all(queue, range(3))
    jobs = []

    def take_long(job):
        jobs.append(job)
        time.sleep(2)

    workers = [Worker(queue, take_long) for _ in range(4)]
    with contextlib.ExitStack() as running:
        for worker in workers:
            running.enter_context(in_thread(worker))
        assert wait_until(lambda: len(jobs) == 3)
        assert wait_until(lambda: queue.sizes().pending == 0)
    assert sorted(job.payload for job in jobs) == [0, 1, 2]
    assert {(job.deliveries, job.lost) for job in jobs} == {(1, False)}
    assert queue.dead_letters() == []


def test_a_worker_that_hangs_loses_its_job_after_the_longest_time(redis_conn):
    queue = orders(redis_conn, idle_limit=0.2, longest=0.4)
    queue.put(1)
    freed = threading.Event()
    jobs = []

    def hang_at_first(job):
        jobs.append(job)
        if job.deliveries == 1:
            freed.wait(30)

    with in_thread(Worker(queue, hang_at_first)), in_thread(Worker(queue, hang_at_first)):
        assert wait_until(lambda: len(jobs) == 2)
        freed.set()
    assert jobs[0].lost and jobs[1].deliveries == 2
    assert queue.sizes().pending == 0


def test_a_heartbeat_notices_that_the_job_is_somebody_elses(redis_conn):
    queue = orders(redis_conn, idle_limit=0.2)
    job_id = queue.put(1)
    lost = []

    def look(job):
        redis_conn.xclaim(STREAM, "workers", "thief", 0, [job_id])
        lost.append(wait_until(lambda: job.lost, seconds=30))

    with in_thread(Worker(queue, look)):
        assert wait_until(lambda: lost)
    assert lost == [True]


@pytest.mark.parametrize("error", [OSError, ValueError, AttributeError])
def test_a_heartbeat_that_fails_for_any_reason_is_followed_by_others(redis_conn, monkeypatch, caplog, error):
    """OSError from a credential provider; ValueError and AttributeError from a client that is closed just then."""
    queue = orders(redis_conn, idle_limit=0.3)
    queue.put(1)
    beats = []
    keep = queue.keep

    def fail_at_first(*arguments):
        beats.append(arguments)
        if len(beats) == 1:
            raise error
        return keep(*arguments)

    def wait_for_more(job):
        assert wait_until(lambda: len(beats) >= 3, seconds=20)

    monkeypatch.setattr(queue, "keep", fail_at_first)
    assert Worker(queue, wait_for_more).run(until_idle=0) == 1
    assert f"no heartbeat ({error.__name__})" in caplog.text


# Threads, processes, kills


def test_eight_threads_share_the_jobs_and_none_is_done_twice(redis_conn):
    queue = orders(redis_conn)
    put_all(queue, range(200))
    done = []
    workers = [Worker(queue, lambda job: done.append(job.payload)) for _ in range(8)]
    threads = [threading.Thread(target=worker.run, args=[0.1]) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(200))
    assert len({worker.name for worker in workers}) == 8


def test_a_worker_has_a_new_name_each_time_it_runs_so_that_a_forked_copy_has_another(redis_conn):
    worker = Worker(orders(redis_conn), pytest.fail)
    names = set()
    for _ in range(3):
        worker.run(until_idle=0)
        names.add(worker.name)
    assert len(names) == 3


def work_until_killed(redis_conn, stuck):
    """Writes down what it does. With `stuck`, the fifth job is begun, and does not end."""
    begun = []

    def pack(job):
        begun.append(job)
        redis_conn.rpush("begun", job.payload)
        if stuck and len(begun) == 5:
            print("in the middle", job.payload)
            time.sleep(60)
        time.sleep(0.003)
        redis_conn.rpush("done", job.payload)

    print("ready")
    return Worker(orders(redis_conn, idle_limit=1), pack).run()


def numbers(redis_conn, key):
    return Counter(map(int, redis_conn.lrange(key, 0, -1)))


def test_five_kills_lose_no_job_and_each_costs_one_more_delivery_at_most(server, redis_conn):
    """Two in the middle of a handler; three at any moment: also just after the read, or before the acknowledgement."""
    queue = orders(redis_conn)
    with Processes(server.url) as processes:
        workers = [processes.start(work_until_killed, number < 2) for number in range(6)]
        for worker in workers:
            worker.wait_for("ready")
        put_all(queue, range(200))
        in_the_middle = []
        for worker in workers[:2]:
            line = worker.wait_for("in the middle")
            worker.kill()
            in_the_middle.append(int(line.split()[-1]))
        for turn, worker in enumerate(workers[2:5], 2):
            put_all(queue, range(100 * turn, 100 * turn + 100))
            assert wait_until(lambda turn=turn: redis_conn.llen("done") >= 100 * turn)
            worker.kill()
        assert wait_until(lambda: queue.sizes().waiting == queue.sizes().pending == 0)
    begun = numbers(redis_conn, "begun")
    assert set(numbers(redis_conn, "done")) == set(range(500))
    assert all(begun[number] == 2 for number in in_the_middle)
    assert 502 <= sum(begun.values()) <= 505
    assert queue.dead_letters() == []


def work_slowly(redis_conn):
    """One job: begins, waits for the gate, and writes down whether it was lost."""
    queue = orders(redis_conn, idle_limit=1)

    def pack(job):
        print("begun")
        while not redis_conn.exists("gate"):
            time.sleep(0.01)
        print("gate is open")
        while not job.lost:
            time.sleep(0.01)
        redis_conn.rpush("done", f"late, delivery {job.deliveries}")

    return Worker(queue, pack).run(until_idle=0.1)


def test_a_worker_that_stood_still_too_long_is_told_and_does_not_take_the_job_back(server, redis_conn):
    queue = orders(redis_conn, idle_limit=1)
    job_id = queue.put(1)
    ours = []

    def pack(job):
        """While it has the job, the paused worker wakes up and ends its own delivery."""
        redis_conn.set("gate", "open")
        sleeper.resume()
        sleeper.wait_for("gate is open")
        assert wait_until(lambda: redis_conn.llen("done") == 1)
        ours.append((job.id, job.deliveries, job.lost))

    with Processes(server.url) as processes:
        sleeper = processes.start(work_slowly)
        sleeper.wait_for("begun")
        sleeper.pause()
        worker = Worker(queue, pack)
        with in_thread(worker):
            assert wait_until(lambda: ours)
        sleeper.result()
    assert ours == [(job_id, 2, False)]
    assert redis_conn.lrange("done", 0, -1) == ["late, delivery 1"]
    assert pending(redis_conn) == {}


def die_of_poison(redis_conn):
    def pack(job):
        redis_conn.rpush("begun", f"{job.payload} {job.deliveries}")
        if job.payload == "poison":
            os.kill(os.getpid(), signal.SIGKILL)

    return Worker(orders(redis_conn, idle_limit=0.3, max_deliveries=2), pack).run()


def test_a_job_that_kills_its_workers_becomes_a_dead_letter_and_the_others_are_done(server, redis_conn):
    queue = orders(redis_conn, idle_limit=0.3, max_deliveries=2)
    for payload in ["a", "poison", "b"]:
        queue.put(payload)
    with Processes(server.url) as processes:
        workers = [processes.start(die_of_poison) for _ in range(3)]
        assert wait_until(queue.dead_letters)
        assert wait_until(lambda: queue.sizes().pending == 0)
        assert sum(worker.is_running() for worker in workers) == 1
    assert sorted(redis_conn.lrange("begun", 0, -1)) == ["a 1", "b 1", "poison 1", "poison 2"]
    (letter,) = queue.dead_letters()
    assert (letter.reason, letter.deliveries, letter.fields["payload"]) == (NO_ANSWER, 2, '"poison"')


# SIGTERM


def work_until_signal(redis_conn, how):
    queue = orders(redis_conn)

    def pack(job):
        print("begun")
        while not worker.stopping:
            time.sleep(0.005)
        if how == "puts it back":
            raise PutBack
        redis_conn.rpush("done", job.payload)

    worker = Worker(queue, pack)
    stop_on([signal.SIGTERM, signal.SIGINT], [worker])
    print("ready")
    return worker.run()


@pytest.mark.parametrize("how", ["finishes it", "puts it back", "has none"])
def test_sigterm_ends_a_worker_and_its_job_is_finished_or_put_back(server, redis_conn, how):
    queue = orders(redis_conn)
    queue.make_group()
    if how != "has none":
        put_all(queue, range(2))
    with Processes(server.url) as processes:
        process = processes.start(work_until_signal, how)
        process.wait_for("ready" if how == "has none" else "begun")
        os.kill(process.pid, signal.SIGTERM)
        assert process.result() == (1 if how == "finishes it" else 0)
    left = []
    Worker(queue, left.append).run(until_idle=0)
    assert [(job.payload, job.deliveries) for job in left] == {
        "finishes it": [(1, 1)],
        "puts it back": [(0, 1), (1, 1)],
        "has none": [],
    }[how]
    assert redis_conn.lrange("done", 0, -1) == (["0"] if how == "finishes it" else [])
    assert queue.sizes().workers == (1 if how == "puts it back" else 0)  # the job was pending under its name


# The network, and Redis itself


def behind(proxy, server, repeats, **settings):
    """A queue behind a `FaultProxy`, whose client repeats a command so many times by itself."""
    client = redis.Redis(
        port=proxy.port, password=server.password, retry=Retry(NoBackoff(), repeats), decode_responses=True
    )
    return orders(client, **settings)


@pytest.mark.parametrize("repeats", [0, 3])
def test_a_job_whose_reply_is_lost_at_the_read_is_handed_out_again(server, redis_conn, repeats):
    queue = orders(redis_conn, idle_limit=0.3)
    queue.make_group()
    queue.put(1)
    with FaultProxy(server.port) as proxy:
        unlucky = behind(proxy, server, repeats, idle_limit=0.3)
        unlucky.redis.ping()
        proxy.drop_replies = 1
        if repeats:
            assert unlucky.read("anna", wait=0.001) is None  # redis-py has asked again, and this time there was none
        else:
            with pytest.raises(redis.ConnectionError):
                unlucky.read("anna", wait=0.001)
        assert [(name, deliveries) for name, deliveries in pending(redis_conn).values()] == [("anna", 1)]
        jobs = []
        with in_thread(Worker(unlucky, jobs.append)):
            assert wait_until(lambda: jobs and queue.sizes().pending == 0)
    assert [(job.payload, job.deliveries) for job in jobs] == [(1, 2)]


def a_client_is_blocked(redis_conn):
    return redis_conn.info("clients")["blocked_clients"] > 0


@pytest.mark.parametrize("repeats", [0, 3])
def test_a_connection_that_is_cut_while_it_is_blocked_loses_no_job(server, redis_conn, repeats):
    queue = orders(redis_conn, idle_limit=0.3)
    with FaultProxy(server.port) as proxy:
        jobs = []
        with in_thread(Worker(behind(proxy, server, repeats, idle_limit=0.3), jobs.append)):
            for number in range(3):
                assert wait_until(lambda: a_client_is_blocked(redis_conn))
                proxy.cut()
                queue.put(number)
            assert wait_until(lambda: {job.payload for job in jobs} == {0, 1, 2})
            assert wait_until(lambda: queue.sizes().pending == 0)


@pytest.mark.parametrize("outcome", ["done", "raises"])
@pytest.mark.parametrize("fault", ["the reply is lost", "the connection is cut"])
@pytest.mark.parametrize("repeats", [0, 3])
def test_a_fault_at_the_end_of_a_job_changes_nothing(server, redis_conn, repeats, fault, outcome):
    queue = orders(redis_conn, max_deliveries=1)
    queue.put("warm up")
    Worker(queue, lambda job: None).run(until_idle=0)
    with FaultProxy(server.port) as proxy:
        unlucky = behind(proxy, server, repeats, max_deliveries=1)
        jobs = []

        def pack(job):
            jobs.append(job)
            if fault == "the reply is lost":
                proxy.drop_replies = 1
            else:
                proxy.cut()
            if outcome == "raises":
                raise LookupError

        put_all(queue, range(1))
        assert Worker(unlucky, pack).run(until_idle=0) == (1 if outcome == "done" else 0)
        assert proxy.drop_replies == 0
    assert len(jobs) == 1
    assert pending(redis_conn) == {}
    assert [letter.reason for letter in queue.dead_letters()] == ([] if outcome == "done" else ["LookupError"])


def test_a_run_until_idle_leaves_later_runs_as_patient_as_before(redis_conn, monkeypatch):
    queue = orders(redis_conn)
    worker = Worker(queue, pytest.fail)
    waits = []

    def find_nothing(name, wait):
        waits.append(wait)
        if len(waits) == 2:
            worker.stop()

    monkeypatch.setattr(queue, "read", find_nothing)
    worker.run(until_idle=0)
    worker.run()
    assert waits[0] <= 0
    assert 0.5 < waits[1] <= 1


@pytest.mark.parametrize("socket_timeout", [0.05, 0.3, None])
def test_a_read_waits_for_less_than_the_clients_time_out(server, redis_conn, caplog, socket_timeout):
    with redis.Redis.from_url(server.url, socket_timeout=socket_timeout, retry=None) as client:
        queue = orders(client, idle_limit=4)
        worker = Worker(queue, pytest.fail)
        assert worker._wait == (1.0 if socket_timeout is None else socket_timeout / 2)
        if socket_timeout == 0.3:
            worker.run(until_idle=0.5)
            assert "does not answer" not in caplog.text


def test_a_worker_goes_on_when_redis_comes_back_with_nothing(redis_conn):
    with EmbeddedRedis() as server:
        client = redis.Redis.from_url(server.url, decode_responses=True, retry=None)
        queue = orders(client)
        done = []
        with in_thread(Worker(queue, lambda job: done.append(job.payload))) as outcome:
            queue.put("before")
            assert wait_until(lambda: done == ["before"])
            server.kill()
            server.start()
            assert wait_until(lambda: answers(lambda: queue.put("after", own_id="after")))
            assert wait_until(lambda: done == ["before", "after"])
            client.delete(STREAM)  # somebody else deletes it, while the worker waits for it
            queue.put("and then")
            assert wait_until(lambda: done == ["before", "after", "and then"])
        assert outcome == [3]


def test_jobs_that_redis_has_saved_are_done_after_its_restart(tmp_path):
    with EmbeddedRedis(dir=tmp_path / "redis", appendonly="yes") as server:
        client = redis.Redis.from_url(server.url, decode_responses=True, retry=None)
        queue = orders(client, idle_limit=0.5)
        done = []

        def kill_redis_once(job):
            if job.payload == 3 and not done.count("killed"):
                done.append("killed")
                server.kill()
                server.start()
            done.append(job.payload)

        put_all(queue, range(10))
        with in_thread(Worker(queue, kill_redis_once)):
            assert wait_until(lambda: set(range(10)) <= set(done))
            assert wait_until(lambda: answers(lambda: queue.sizes().pending == 0))


def answers(call):
    try:
        return call()
    except redis.RedisError:
        return False


def test_a_full_redis_still_hands_out_its_jobs(redis_conn):
    with EmbeddedRedis(maxmemory_policy="noeviction") as server:
        client = redis.Redis.from_url(server.url, decode_responses=True)
        queue = orders(client, idle_limit=0.2, max_deliveries=1)
        put_all(queue, range(5))
        queue.make_group()
        client.config_set("maxmemory", 1)
        with pytest.raises(redis.ResponseError, match="maxmemory"):
            queue.put("no room")
        done = []

        def pack(job):
            if job.payload == 3:
                raise LookupError
            done.append(job.payload)

        with in_thread(Worker(queue, pack)):
            assert wait_until(lambda: len(done) == 3)  # then it tries to write the dead letter
            client.config_set("maxmemory", 0)
            assert wait_until(lambda: len(done) == 4 and queue.dead_letters())
        assert sorted(done) == [0, 1, 2, 4]


def test_a_worker_waits_while_redis_is_busy_with_a_slow_script(caplog):
    with EmbeddedRedis(lua_time_limit=1) as server:
        client = redis.Redis.from_url(server.url, retry=None)
        other = redis.Redis.from_url(server.url, retry=None)
        queue = orders(client)
        put_all(queue, range(2))
        slow = threading.Thread(target=answers, args=[lambda: other.eval("while true do end", 0)])
        done = []

        def pack(job):
            done.append(job.payload)
            if job.payload == 0:
                slow.start()
                assert wait_until(lambda: not answers(client.ping), seconds=20)

        with in_thread(Worker(queue, pack)) as outcome:
            assert wait_until(lambda: outcome or "trying again" in caplog.text, seconds=20)
            client.script_kill()
            slow.join()
            assert wait_until(lambda: outcome or done == [0, 1], seconds=20)
        assert outcome == [2]


def test_what_does_not_pass_is_raised(server, redis_conn):
    with redis.Redis(port=server.port, password="wrong", retry=None) as client:
        assert isinstance(raised_by(Worker(orders(client), pytest.fail)), redis.AuthenticationError)
    with client_of(server, "~*", "+xinfo") as client:
        assert "permission" in str(raised_by(Worker(orders(client), pytest.fail)))
    redis_conn.set(STREAM, "no stream")
    assert "WRONGTYPE" in str(raised_by(Worker(orders(redis_conn), pytest.fail)))


def raised_by(worker):
    with in_thread(worker) as outcome:
        wait_until(lambda: outcome, seconds=20)
    (error,) = outcome
    return error


def test_a_worker_waits_for_a_redis_that_is_not_there_and_stops_all_the_same(caplog):
    client = redis.Redis(port=free_port(), retry=None)
    worker = Worker(orders(client), pytest.fail)
    with in_thread(worker, until_idle=0) as outcome:
        assert wait_until(lambda: caplog.text.count("trying again") >= 2)
    assert outcome == [0]


def test_a_job_whose_end_redis_cannot_be_told_does_not_hold_a_worker_that_stops(caplog):
    with EmbeddedRedis() as server:
        client = redis.Redis.from_url(server.url, retry=None)
        queue = orders(client, idle_limit=3600)
        queue.put(1)

        def pack(job):
            server.kill()
            worker.stop()

        worker = Worker(queue, pack)
        with in_thread(worker) as outcome:
            assert wait_until(lambda: outcome, seconds=20)
    assert "was not told how a job has ended" in caplog.text


def test_a_job_shows_what_a_handler_needs(redis_conn):
    queue = orders(redis_conn)
    job_id = queue.put({"order": 7}, own_id="order-7")
    jobs = []
    Worker(queue, jobs.append).run(until_idle=0)
    assert jobs == [Job(job_id, "order-7", {"order": 7}, 1)]
