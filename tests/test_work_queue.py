"""`WorkQueue`: what Redis keeps of a job, on every server, every client and a cluster."""

import json
import random
import re

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from redis_helpers import work_queue
from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.errors import CourseError
from redis_helpers.queue_worker import Worker
from redis_helpers.work_queue import NO_ANSWER, NOT_A_JOB, TRIMMED, DeadLetter, Entry, Sizes, WorkQueue
from tests.support.servers import free_port, wait_until
from tests.support.users import client_of
from tests.support.workers import in_thread

STREAM = "queues:{orders}:jobs"
DEAD = "queues:{orders}:dead"
CLIENTS = [
    {"decode_responses": decode, **settings}
    for decode in (True, False)
    for settings in ({"protocol": 2}, {"protocol": 3}, {"legacy_responses": False})
    if "legacy_responses" not in settings or int(redis.__version__.split(".")[0]) >= 8
]


def orders(redis_conn, **settings):
    """A queue in which nothing becomes idle by itself, however busy the machine is: see `make_idle`."""
    return WorkQueue(redis_conn, "orders", **{"idle_limit": 60, "max_deliveries": 3, **settings})


def read_all(queue, worker="anna"):
    queue.make_group()
    entries = []
    while entry := queue.read(worker, wait=0.001):
        entries.append(entry)
    return entries


def claim_all(queue, worker="ben"):
    """One pass over what is pending."""
    entries = []
    cursor = "0-0"
    while True:
        cursor, entry = queue.claim(worker, cursor)
        if entry:
            entries.append(entry)
        if cursor == "0-0":
            return entries


def make_idle(queue, worker, entry):
    """As if the worker had not been heard of for 61 seconds."""
    assert queue.keep(worker, entry.id, 61, entry.deliveries)


def let_time_pass(queue, seconds=0.003):
    """Waits until the server has seen so much time pass."""
    until = clock(queue) + seconds
    assert wait_until(lambda: clock(queue) > until)


def clock(queue):
    seconds, microseconds = queue.redis.eval("return redis.call('TIME')", 1, STREAM)
    return int(seconds) + int(microseconds) / 1_000_000


def do_everything(redis_conn):
    """Every method, and a worker. Returns what was done."""
    queue = orders(redis_conn, idle_limit=0.2, retry_pause=0.01)
    done = []

    def pack(job):
        if job.payload == "bad" and "mended" not in done:
            raise LookupError
        done.append(job.payload)

    first = queue.put({"order": 7}, own_id="order-7")
    assert queue.put({"order": 7}, own_id="order-7") == first
    queue.put("bad", own_id="again")
    queue.make_group()
    lent = queue.read("gone", wait=0.001)
    assert lent == Entry(first, {"own_id": "order-7", "payload": '{"order": 7}'}, 1)
    make_idle(queue, "gone", lent)
    with in_thread(Worker(queue, pack)) as outcome:
        assert wait_until(lambda: outcome or (done and queue.dead_letters()))
    if not isinstance(outcome[0], int):
        raise outcome[0]
    (letter,) = queue.dead_letters()
    assert letter.reason == "LookupError" and letter.deliveries == 3 and letter.job_id != letter.id
    assert letter.fields == {"own_id": "again", "payload": '"bad"'}
    done.append("mended")
    assert queue.revive(letter.id) and queue.revive(letter.id) is None
    Worker(queue, pack).run(until_idle=0)
    assert queue.forget_workers(ended="gone") == 1
    assert queue.trim() > 0
    assert queue.sizes() == Sizes(0, 0, 0, 0, 1, 0.0, 0.0)
    assert not queue.bury("gone", first, "late", 1)
    return done


def test_everything_on_each_server(any_conn):
    assert do_everything(any_conn) == [{"order": 7}, "mended", "bad"]


@pytest.mark.parametrize("settings", CLIENTS, ids=str)
def test_everything_with_each_kind_of_client(server, redis_conn, settings):
    with redis.Redis.from_url(server.url, **settings) as client:
        assert do_everything(client) == [{"order": 7}, "mended", "bad"]


def test_everything_on_a_cluster_also_after_a_failover():
    """The queue's primary is killed by a handler, when its replica has all that was put."""
    with EmbeddedCluster() as cluster:
        for settings in ({"decode_responses": False}, {}):
            with cluster.connect(**settings) as client:
                assert do_everything(client) == [{"order": 7}, "mended", "bad"]
                client.delete(STREAM, DEAD, "queues:{orders}:put:order-7", "queues:{orders}:put:again")
        with cluster.connect() as client:
            queue = orders(client, idle_limit=1)
            for number in range(20):
                queue.put(number)
            queue.make_group()
            primary = cluster.primary_of(STREAM)
            with redis.Redis(port=primary.port, password=primary.password) as direct:
                direct.set("queues:{orders}:mark", 1)
                assert direct.wait(1, 10_000) == 1
            done = []

            def pack(job):
                if job.payload == 5 and primary.is_running():
                    primary.kill()
                done.append(job.payload)

            with in_thread(Worker(queue, pack)):
                assert wait_until(lambda: set(done) == set(range(20)))


def rights():
    _, _, text = work_queue.__doc__.partition("Rights of an\nACL user: ")
    return re.findall(r"[A-Z]+", text.partition(", and keys")[0])


def test_the_rights_that_it_names_suffice_and_none_is_too_many(server, redis_conn):
    commands = rights()
    assert len(commands) == 17
    rules = ["~queues:*", *(f"+{command.lower()}" for command in commands)]
    with client_of(server, *rules) as client:
        assert do_everything(client) == [{"order": 7}, "mended", "bad"]
    for command in commands:
        redis_conn.flushall()
        redis_conn.script_flush()
        refused = pytest.raises(redis.ResponseError, match="permission")
        with client_of(server, *rules, f"-{command.lower()}") as client, refused:
            do_everything(client)


# Putting


def test_a_repeated_put_gives_the_same_id_and_queues_once(any_conn):
    queue = orders(any_conn)
    ids = {queue.put({"order": 7}, own_id="order-7") for _ in range(3)}
    ids |= {queue.put({"order": 8}, own_id="order-7")}
    assert len(ids) == 1
    assert [json.loads(entry.fields["payload"]) for entry in read_all(queue)] == [{"order": 7}]
    assert queue.put({}, own_id="order-7") in ids  # also when it is in hand, or done
    assert read_all(queue) == []


def test_without_an_own_id_each_put_is_a_job(any_conn):
    queue = orders(any_conn)
    assert queue.put(1) != queue.put(1)
    own_ids = {entry.fields["own_id"] for entry in read_all(queue)}
    assert len(own_ids) == 2


def test_own_ids_of_two_queues_do_not_meet(redis_conn):
    for name in "ab":
        queue = WorkQueue(redis_conn, name)
        job_id = queue.put(name, own_id="order-7")
        assert read_all(queue) == [Entry(job_id, {"own_id": "order-7", "payload": f'"{name}"'}, 1)]


def test_what_is_remembered_of_a_put_ends(redis_conn):
    queue = orders(redis_conn, remember=50)
    queue.put(1, own_id="order-7")
    queue.put(1)
    named = "queues:{orders}:put:order-7"
    (other,) = [key for key in redis_conn.scan_iter("queues:*:put:*") if key != named]
    assert 40 < redis_conn.ttl(named) <= 50
    assert 60 < redis_conn.ttl(other) <= work_queue.REMEMBER_CALL


@pytest.mark.parametrize("own_id", [None, "order-7"])
@pytest.mark.parametrize("lost", [1, 2])
def test_redis_py_repeats_a_put_whose_reply_is_lost_and_the_job_is_queued_once(server, redis_conn, own_id, lost):
    orders(redis_conn).put("the script is known")
    retry = Retry(NoBackoff(), 3)
    with (
        FaultProxy(server.port) as proxy,
        redis.Redis(port=proxy.port, password=server.password, retry=retry) as client,
    ):
        client.ping()
        proxy.drop_replies = lost
        job_id = orders(client).put("mine", own_id=own_id)
        assert proxy.drop_replies == 0
    assert [entry.id for entry in read_all(orders(redis_conn)) if entry.fields["payload"] == '"mine"'] == [job_id]


def test_a_producer_repeats_a_put_whose_reply_is_lost(server, redis_conn):
    orders(redis_conn).put("the script is known")
    with (
        FaultProxy(server.port) as proxy,
        redis.Redis(port=proxy.port, password=server.password, retry=None) as client,
    ):
        client.ping()
        proxy.drop_replies = 1
        with pytest.raises(redis.ConnectionError):
            orders(client).put("mine", own_id="order-7")
        job_id = orders(client).put("mine", own_id="order-7")
    assert [entry.id for entry in read_all(orders(redis_conn)) if entry.fields["own_id"] == "order-7"] == [job_id]


@pytest.mark.parametrize(
    "payload", [None, True, 0, -1.5, "", "uva 🍇 ñ\x00", [], [1, [2]], {}, {"a": {"b": None}}], ids=repr
)
def test_a_payload_comes_back_as_it_was(redis_conn, payload):
    queue = orders(redis_conn)
    queue.put(payload)
    seen = []
    Worker(queue, lambda job: seen.append(job.payload)).run(until_idle=0)
    assert seen == [payload] and type(seen[0]) is type(payload)


CIRCLE = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize("payload", [{1, 2}, b"bytes", Ellipsis, float("nan"), [float("inf")], CIRCLE], ids=repr)
def test_a_payload_that_json_cannot_hold_is_refused_before_anything_is_sent(payload):
    nowhere = redis.Redis(port=free_port(), retry=None)
    with pytest.raises(CourseError, match="what JSON can hold"):
        WorkQueue(nowhere, "orders").put(payload)


@pytest.mark.parametrize("own_id", ["", 7, b"order-7", ["order"], "\ud83c"], ids=repr)
def test_an_own_id_that_is_no_text_is_refused_before_anything_is_sent(own_id):
    nowhere = redis.Redis(port=free_port(), retry=None)
    with pytest.raises(CourseError, match="own id"):
        WorkQueue(nowhere, "orders").put(1, own_id=own_id)


@pytest.mark.parametrize("letter_id", ["", "1", "1-", "1-2-3", "-", "١-١", 1, None, b"1-1"], ids=repr)
def test_no_id_of_a_dead_letter_is_refused_before_anything_is_sent(letter_id):
    nowhere = redis.Redis(port=free_port(), retry=None)
    with pytest.raises(CourseError, match="dead letter"):
        WorkQueue(nowhere, "orders").revive(letter_id)


@pytest.mark.parametrize(
    "settings",
    [
        {"name": ""},
        {"name": "a{b"},
        {"name": 7},
        {"name": "\ud83c"},
        {"prefix": "\udf4c:"},
        {"prefix": "{}"},
        {"prefix": ""},
        {"idle_limit": 0},
        {"idle_limit": float("nan")},
        {"idle_limit": "30"},
        {"idle_limit": True},
        {"max_deliveries": 0},
        {"max_deliveries": 101},
        {"max_deliveries": 2.0},
        {"max_deliveries": True},
        {"retry_pause": -1},
        {"longest": 1},
        {"remember": 0},
        {"remember": float("inf")},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(CourseError):
        WorkQueue(redis.Redis(port=free_port()), **{"name": "orders", **settings})


@pytest.mark.parametrize("kind", [redis.asyncio.Redis, redis.asyncio.RedisCluster], ids=["Redis", "RedisCluster"])
def test_a_client_of_asyncio_is_a_type_error_at_once(kind):
    client = kind(host="127.0.0.1", port=free_port())
    with pytest.raises(TypeError, match=r"not of redis\.asyncio"):
        WorkQueue(client, "orders")


# Taking over


def test_what_is_idle_for_too_long_is_taken_over_and_counted(any_conn):
    queue = orders(any_conn)
    queue.put(1)
    (entry,) = read_all(queue)
    assert claim_all(queue) == []
    make_idle(queue, "anna", entry)
    (again,) = claim_all(queue)
    assert again == Entry(entry.id, entry.fields, 2)
    assert claim_all(queue, "carl") == []


def test_a_job_becomes_idle_by_the_servers_clock(any_conn):
    queue = orders(any_conn, idle_limit=0.05)
    queue.put(1)
    (entry,) = read_all(queue)
    let_time_pass(queue, 0.052)
    assert [again.id for again in claim_all(queue)] == [entry.id]


def test_a_heartbeat_keeps_a_job_and_is_not_counted(any_conn):
    queue = orders(any_conn)
    queue.put(1)
    (entry,) = read_all(queue)
    for _ in range(5):
        make_idle(queue, "anna", entry)
        assert queue.keep("anna", entry.id, 0, 1)
        assert claim_all(queue) == []
    make_idle(queue, "anna", entry)
    assert claim_all(queue)[0].deliveries == 2


def test_whoever_has_lost_a_job_cannot_keep_it_put_it_back_or_bury_it(any_conn):
    queue = orders(any_conn)
    queue.put(1)
    (entry,) = read_all(queue)
    make_idle(queue, "anna", entry)
    claim_all(queue)
    assert not queue.keep("anna", entry.id, 0, 1)
    assert not queue.keep("anna", entry.id, 61, 1)
    assert not queue.bury("anna", entry.id, "late", 1)
    assert any_conn.xpending_range(STREAM, "workers", "-", "+", 9)[0]["consumer"] == "ben"
    assert claim_all(queue, "carl") == []
    assert queue.dead_letters() == []


def test_a_job_without_an_answer_is_buried_after_the_last_delivery(any_conn):
    queue = orders(any_conn, max_deliveries=3)
    job_id = queue.put({"poison": True}, own_id="order-7")
    (entry,) = read_all(queue)
    deliveries = []
    worker = "anna"
    while entry and len(deliveries) < 9:
        deliveries.append(entry.deliveries)
        make_idle(queue, worker, entry)
        worker = f"worker {len(deliveries)}"
        _, entry = queue.claim(worker, "0-0")
    assert deliveries == [1, 2, 3]
    (letter,) = queue.dead_letters()
    fields = {"own_id": "order-7", "payload": '{"poison": true}'}
    assert letter == DeadLetter(letter.id, job_id, NO_ANSWER, 3, fields)
    assert queue.sizes().pending == 0


def test_the_claim_goes_on_from_its_cursor_past_more_busy_jobs_than_one_call_looks_at(any_conn):
    """2,500 jobs are in hand and healthy. Behind them lies one whose worker has died."""
    queue = orders(any_conn)
    queue.make_group()
    pipeline = any_conn.pipeline()
    for number in range(2501):
        pipeline.xadd(STREAM, {"own_id": str(number), "payload": "1"})
    pipeline.xreadgroup("workers", "busy", {STREAM: ">"}, count=2501)
    last = pipeline.execute()[2500]
    assert queue.keep("busy", last, 61, 1)
    cursor = "0-0"
    for _ in range(3):  # a call looks at 1,000
        cursor, entry = queue.claim("ben", cursor)
    assert (entry.id, entry.deliveries) == (last, 2)


# Entries that others have deleted


@pytest.mark.parametrize("how", ["xdel", "xtrim"])
def test_an_entry_that_was_deleted_while_it_was_pending_is_acknowledged_and_reported(any_conn, caplog, how):
    queue = orders(any_conn)
    gone = [queue.put(number) for number in range(25)]
    stays = queue.put("stays")
    for entry in read_all(queue):
        make_idle(queue, "anna", entry)
    if how == "xdel":
        any_conn.xdel(STREAM, *gone)
    else:
        any_conn.xtrim(STREAM, minid=stays, approximate=False)
    assert [entry.id for entry in claim_all(queue)] == [stays]
    letters = queue.dead_letters()
    assert sorted(letter.job_id for letter in letters) == sorted(gone)
    assert {(letter.reason, tuple(letter.fields)) for letter in letters} == {(TRIMMED, ())}
    assert queue.sizes().pending == 1
    assert queue.revive(letters[0].id) is None
    assert len(queue.dead_letters()) == 25
    assert "trimmed away" in caplog.text


def test_an_entry_that_is_deleted_while_its_worker_has_it_is_not_kept_and_stays_pending_until_it_is_reported(any_conn):
    queue = orders(any_conn, idle_limit=0.05)
    job_id = queue.put(1)
    read_all(queue)
    any_conn.xdel(STREAM, job_id)
    assert not queue.keep("anna", job_id, 0, 1)
    let_time_pass(queue, 0.052)
    assert claim_all(queue) == []
    assert [letter.reason for letter in queue.dead_letters()] == [TRIMMED]


def test_burying_a_deleted_entry_says_so(any_conn):
    queue = orders(any_conn)
    job_id = queue.put(1)
    read_all(queue)
    any_conn.xdel(STREAM, job_id)
    assert queue.bury("anna", job_id, "LookupError", 1)
    assert [(letter.reason, letter.fields) for letter in queue.dead_letters()] == [(TRIMMED, {})]


@pytest.mark.parametrize(
    "fields",
    [
        {"fruit": "uva"},
        {"own_id": "x", "payload": "{"},
        {"payload": "1"},
        {f"f{n}": n for n in range(5000)},
        {"job_id": "mine", "reason": "because", "deliveries": "none yet"},
    ],
    ids=["other fields", "no JSON", "no own id", "more fields than a script can hand on", "named as a letter's own"],
)
def test_what_is_no_job_is_buried_and_the_next_job_is_done(any_conn, fields):
    queue = orders(any_conn)
    entry_id = any_conn.xadd(STREAM, fields)
    queue.put("next")
    done = []
    Worker(queue, lambda job: done.append(job.payload)).run(until_idle=0)
    assert done == ["next"]
    (letter,) = queue.dead_letters()
    assert (letter.job_id, letter.reason, letter.deliveries) == (entry_id, NOT_A_JOB, 1)
    assert letter.fields.items() <= {name: str(value) for name, value in fields.items()}.items()
    assert len(letter.fields) == min(len(fields), 500)
    assert queue.sizes().pending == 0


@pytest.mark.parametrize("settings", CLIENTS, ids=str)
def test_what_is_no_text_is_buried_and_everything_else_goes_on(server, redis_conn, settings):
    """Bytes in an entry that waits, in one that is taken over, and in the names of a group and a worker of others."""
    other = b"\xff"
    with redis.Redis.from_url(server.url, **settings) as client, redis.Redis.from_url(server.url) as other_client:
        queue = orders(client)
        other_client.xadd(STREAM, {"own_id": "x", other: "1"})
        other_client.xgroup_create(STREAM, other, id="0")
        other_client.xreadgroup(other, other, {STREAM: ">"})
        (idle,) = read_all(queue)
        make_idle(queue, "anna", idle)
        other_client.xadd(STREAM, {"own_id": "y", "payload": other})
        queue.put("next", own_id="größer")
        assert queue.sizes().waiting == 2
        jobs = []
        Worker(queue, jobs.append).run(until_idle=0)
        assert [(job.payload, job.own_id) for job in jobs] == [("next", "größer")]
        assert queue.trim() == 0  # the other group needs it all
        letters = queue.dead_letters()
    assert [(letter.reason, letter.fields) for letter in letters] == [
        (NOT_A_JOB, {"own_id": "x", "\ufffd": "1"}),
        (NOT_A_JOB, {"own_id": "y", "payload": "\ufffd"}),
    ]


def test_a_client_of_another_encoding_gets_its_texts_back(server, redis_conn):
    with redis.Redis.from_url(server.url, encoding="latin-1", decode_responses=True) as client:
        queue = orders(client)
        queue.put("größer", own_id="größer")
        jobs = []
        Worker(queue, jobs.append).run(until_idle=0)
    assert [(job.payload, job.own_id) for job in jobs] == [("größer", "größer")]


def test_only_so_many_dead_letters_stay(any_conn, monkeypatch):
    monkeypatch.setattr(work_queue, "MOST_DEAD", 3)
    queue = orders(any_conn)
    ids = [queue.put(number) for number in range(5)]
    for entry in read_all(queue):
        queue.bury("anna", entry.id, "LookupError", 1)
    assert [letter.job_id for letter in queue.dead_letters()] == ids[2:]
    assert len(queue.dead_letters(most=2)) == 2


def test_a_dead_letter_that_is_revived_keeps_its_own_id_and_begins_anew(any_conn):
    queue = orders(any_conn)
    job_id = queue.put({"order": 7}, own_id="order-7")
    read_all(queue)
    queue.bury("anna", job_id, "LookupError", 3)
    (letter,) = queue.dead_letters()
    new_id = queue.revive(letter.id)
    assert new_id != job_id
    assert read_all(queue) == [Entry(new_id, {"own_id": "order-7", "payload": '{"order": 7}'}, 1)]
    assert queue.dead_letters() == [] and queue.revive(letter.id) is None


def test_what_is_no_job_is_revived_as_it_is_and_buried_again(any_conn):
    queue = orders(any_conn)
    any_conn.xadd(STREAM, {"fruit": "uva"})
    Worker(queue, pytest.fail).run(until_idle=0)
    (letter,) = queue.dead_letters()
    job_id = queue.revive(letter.id)
    Worker(queue, pytest.fail).run(until_idle=0)
    (again,) = queue.dead_letters()
    assert again == DeadLetter(again.id, job_id, NOT_A_JOB, 1, {"fruit": "uva"})


# Trimming


def test_nothing_is_trimmed_that_some_group_has_not_read_or_acknowledged(any_conn):
    """Two groups read, acknowledge and trim in any order. What one of them still needs is there, and little else."""
    shuffled = random.Random(7)
    groups = ["workers", "accounts"]
    trimmed = 0
    for _ in range(4):
        any_conn.delete(STREAM)
        queue = orders(any_conn)
        queue.make_group()
        any_conn.xgroup_create(STREAM, "accounts", id="0")
        put = []
        done = {group: set() for group in groups}
        in_hand = {group: [] for group in groups}
        for _ in range(80):
            group = shuffled.choice(groups)
            step = shuffled.choice(["put", "read", "acknowledge", "acknowledge"])
            if step == "put":
                put.append(queue.put(len(put)))
            elif step == "read":
                in_hand[group] += read_as(any_conn, group)
            elif in_hand[group]:
                entry_id = in_hand[group].pop(shuffled.randrange(len(in_hand[group])))
                any_conn.xack(STREAM, group, entry_id)
                done[group].add(entry_id)
            trimmed += queue.trim()
            stored = [entry_id for entry_id, _ in any_conn.xrange(STREAM)]
            needed = [entry_id for entry_id in put if not all(entry_id in done[one] for one in groups)]
            assert set(needed) <= set(stored)
            not_needed_at_the_front = put.index(needed[0]) if needed else len(put)
            assert len(put) - len(stored) >= not_needed_at_the_front - 1
    assert trimmed > 20


def read_as(redis_conn, group):
    """The ids of the next two entries."""
    reply = redis_conn.xreadgroup(group, "anna", {STREAM: ">"}, count=2)
    streams = list(reply.items()) if isinstance(reply, dict) else reply
    return [entry_id for _, entries in streams for entry_id, _ in entries]


def test_trimming_a_queue_without_a_group_or_without_a_key_deletes_nothing(any_conn):
    queue = orders(any_conn)
    assert queue.trim() == 0
    queue.put(1)
    assert queue.trim() == 0
    assert len(read_all(queue)) == 1


def test_ids_are_compared_as_numbers(any_conn):
    queue = orders(any_conn)
    for entry_id in ["9-9", "9-10", "10-1", "10-2"]:
        any_conn.xadd(STREAM, {"own_id": "x", "payload": "1"}, id=entry_id)
    for entry in read_all(queue)[:1]:
        queue.acknowledge(entry.id)
    assert queue.trim() == 1
    assert [entry_id for entry_id, _ in any_conn.xrange(STREAM)] == ["9-10", "10-1", "10-2"]


# Workers that are gone, and the dashboard


def test_the_name_of_a_worker_that_is_gone_is_deleted_only_when_nothing_is_pending_under_it(any_conn):
    queue = orders(any_conn)
    queue.put(1)
    queue.put(2)
    queue.make_group()
    queue.acknowledge(queue.read("has none", wait=0.001).id)
    entry = queue.read("has a job", wait=0.001)
    assert queue.sizes().workers == 2
    assert queue.forget_workers(idle=60) == 0
    let_time_pass(queue)
    assert queue.forget_workers(idle=0) == 1
    make_idle(queue, "has a job", entry)
    assert [again.id for again in claim_all(queue)] == [entry.id]
    assert queue.forget_workers(ended="ben") == 0
    let_time_pass(queue)
    assert queue.forget_workers(idle=0) == 1  # ben stays, for he has the job now
    assert (queue.sizes().workers, queue.sizes().pending) == (1, 1)
    queue.acknowledge(entry.id)
    assert queue.forget_workers(ended="ben") == 1
    assert queue.forget_workers(idle=0) == 0


def test_sizes_count_what_waits_what_is_in_hand_and_what_is_dead(any_conn):
    queue = orders(any_conn)
    assert queue.sizes() == Sizes(0, 0, 0, 0, 0, 0.0, 0.0)
    assert queue.forget_workers(idle=0) == 0
    for number in range(6):
        queue.put(number)
    assert (queue.sizes().waiting, queue.sizes().kept) == (6, 6)
    queue.make_group()
    first, second, third = (queue.read("anna", wait=0.001) for _ in range(3))
    queue.acknowledge(first.id)
    queue.bury("anna", second.id, "LookupError", 1)
    let_time_pass(queue, 0.05)
    sizes = queue.sizes()
    assert sizes == Sizes(3, 1, 1, 1, 6, sizes.oldest_waiting, sizes.oldest_pending)
    assert 0.05 < sizes.oldest_waiting <= sizes.oldest_pending
    queue.acknowledge(third.id)
    assert queue.trim() == 2
    assert (queue.sizes().waiting, queue.sizes().oldest_pending) == (3, 0.0)
    read_all(queue)
    assert (queue.sizes().waiting, queue.sizes().oldest_waiting) == (0, 0.0)


def test_sizes_are_right_when_somebody_has_deleted_what_waited(any_conn):
    queue = orders(any_conn)
    ids = [queue.put(number) for number in range(5)]
    queue.make_group()
    queue.read("anna", wait=0.001)
    any_conn.xdel(STREAM, ids[2])
    assert queue.sizes().waiting == 3


# What a restart leaves


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, 0),
        ({"save": [3600, 1, 300, 100, 60, 10000]}, 0),
        ({"appendonly": "yes"}, 50),
        ({"appendonly": "yes", "appendfsync": "always"}, 50),
    ],
    ids=["no persistence", "snapshots as by default", "appendonly", "appendonly, always"],
)
def test_what_a_kill_of_redis_leaves_of_the_jobs_that_were_put(tmp_path, options, left):
    with EmbeddedRedis(dir=tmp_path / "redis", **options) as server:
        with redis.Redis.from_url(server.url, decode_responses=True) as client:
            queue = orders(client)
            ids = [queue.put(number, own_id=f"order-{number}") for number in range(51)]
            queue.make_group()
            first = queue.read("anna", wait=0.001)
        server.kill()
        server.start()
        with redis.Redis.from_url(server.url, decode_responses=True) as client:
            queue = orders(client)
            assert queue.sizes().waiting == left
            assert queue.sizes().pending == (1 if left else 0)
            assert (queue.put("again", own_id="order-0") == first.id) == bool(left)
            if left:
                assert [entry.id for entry in read_all(queue)] == ids[1:]


def test_the_log_holds_no_payload_and_no_own_id(redis_conn, caplog):
    caplog.set_level("DEBUG")
    queue = orders(redis_conn, idle_limit=0.2, retry_pause=0.01)
    queue.put({"secret": "moscato"}, own_id="cooperativa")
    queue.put("moscato")

    def fail(job):
        raise LookupError(f"moscato {job.own_id}")

    with in_thread(Worker(queue, fail)):
        assert wait_until(lambda: len(queue.dead_letters()) == 2)
    assert "LookupError" in caplog.text
    assert "moscato" not in caplog.text and "cooperativa" not in caplog.text
