"""Lesson 34: what a server keeps, whether its snapshots fail, what a replica has, and copies from before a restart."""

import contextlib
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import redis

from redis_helpers.connection import ConnectOptions
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question, TooBusy
from redis_helpers.course.exercises.runner import Outcome
from redis_helpers.course.exercises.shown import short
from redis_helpers.course.exercises.wire import Restart
from redis_helpers.course.lessons.common_checks import cures

PATIENCE = 10  # seconds for what takes milliseconds
SOON = {"hz": 100, "repl_diskless_sync_delay": 0}  # a server that looks after its own work often


@contextlib.contextmanager
def _a_server(**settings: Any) -> Iterator[tuple[EmbeddedRedis, redis.Redis, ConnectOptions]]:
    """A Redis of this check's own, a client of it, and its address for `Trial.attempt`."""
    with (
        EmbeddedRedis(**{**SOON, **settings}) as server,
        redis.Redis.from_url(server.url, decode_responses=True) as client,
    ):
        try:
            yield server, client, ConnectOptions(host=server.host, port=server.port or 0, password=server.password)
        finally:
            server.kill()  # asked in good order, it would first want to finish what it writes


def _answer(outcome: Outcome) -> object:
    if outcome.error is not None:
        raise Crashed(outcome.error)
    return outcome.value


def _expect_bool(answer: object) -> None:
    if not isinstance(answer, bool):
        why = "the program that calls your function asks yes or no: return True or False"
        raise Failed(why, Plain("True or False"), answer)


def _until(client: redis.Redis, field: str, value: object) -> None:
    """Waits until INFO says so."""
    deadline = time.monotonic() + PATIENCE
    while cast(Any, client.info("persistence"))[field] != value:
        if time.monotonic() > deadline:
            raise TooBusy
        time.sleep(0.002)


# 34.1

LOG_IS_OFF = "the log is off: a kill takes the orders, and your function says that they are safe"
NOT_ALWAYS = "Redis replies before the order is on the disk: a power cut takes it, and your function says it is safe"
IT_IS_SAFE = (
    "every order is on the disk before Redis replies, and your function says that it is not: the shop stays shut"
)


def _check_keeps_all(trial: Trial) -> None:
    with cures(
        {
            LOG_IS_OFF: "Look at both settings. The second one means nothing when `appendonly` is no.",
            NOT_ALWAYS: "Look at both settings. With `appendfsync`, only one of the three values waits for the disk.",
            IT_IS_SAFE: "Both values are texts: 'yes' and 'always'. `config_get` gives a dict, also for one setting.",
        }
    ):
        with _a_server() as (_, client, options):
            for log in ("no", "yes", "no", "yes"):
                client.config_set("appendonly", log)
                for when in ("everysec", "always", "no"):
                    client.config_set("appendfsync", when)
                    answer = _answer(trial.attempt(options=options))
                    _expect_bool(answer)
                    safe = (log, when) == ("yes", "always")
                    if answer != safe:
                        why = IT_IS_SAFE if safe else LOG_IS_OFF if log == "no" else NOT_ALWAYS
                        raise Failed(why, safe, Plain(f"{answer}, with appendonly {log} and appendfsync {when}"))
                    if client.dbsize():
                        raise Failed("your function has written into Redis: it is only to look")
            _expect_told(trial, options, ())
        trial.put({})


def _expect_told(trial: Trial, options: ConnectOptions, args: tuple) -> None:
    """Redis answers with an error: the caller must not be told that all is well, or that it is not."""
    outcome = trial.attempt(*args, options=options, error_after=0)
    if outcome.error is None:
        raise Failed(
            "Redis answered with an error, and your function kept it to itself: nobody knows what the settings are",
            Plain("the error of Redis"),
            Plain(f"the answer {short(outcome.value)}"),
        )


KEEPS_ALL = Exercise(
    id="34.1",
    title="Is this server safe for orders?",
    kind="change",
    question="""\
A shop asks its Redis at the start: do you keep each acknowledged order, also in a power cut? `keeps_all` returns `True`
or `False`. It looks at one setting only. Change it.""",
    stub="""\
def keeps_all(redis_conn):
    settings = redis_conn.config_get("appendonly")
    return settings["appendonly"] == "yes\"""",
    hints=(
        "With the log on, a second setting decides whether Redis waits for the disk before it replies.",
        '`redis_conn.config_get("appendfsync")` gives a dict with one entry. Which of its three values do you want?',
        "Return True only if `appendonly` is `yes` **and** `appendfsync` is `always`.",
    ),
    solution="""\
def keeps_all(redis_conn):
    log = redis_conn.config_get("appendonly")["appendonly"]
    when = redis_conn.config_get("appendfsync")["appendfsync"]
    return log == "yes" and when == "always\"""",
    why="only both together bring an order to the disk before the customer is thanked. A shop that asks at its start "
    "finds a wrong setting before an accident does. (A lost disk takes all the same: for that you need a copy "
    "elsewhere.)",
    check=_check_keeps_all,
)

# 34.2

COPIES_STAY = "the server was restarted, and an old copy is still there: customers get a price of before the restart"
NOT_NOTED = "`mark` does not hold the server's run_id now: the next call deletes every good copy, and so does each call"
DELETES_GOOD = "the server was not restarted, and copies are gone: each call sends all readers to the database"
OTHERS_GONE = "a key that is not below the prefix was changed: it belongs to somebody else"
WRONG_ANSWER = "return True when the copies were deleted, and False when not"
NOTED_TOO_LATE = "`mark` holds its new run_id, and the copies that came back are still there: nobody will delete them"
NOTED_FIRST = "`mark` says that all is well, and old copies are still there: nobody will ever delete them"


def _check_forget_if_restarted(trial: Trial) -> None:
    mark, prefix = trial.key("run"), trial.key("price:")
    now = str(cast(Any, trial.redis.info("server"))["run_id"])
    earlier = trial.word() * 6
    near = {prefix[:-1]: "1", f"{prefix[:-1]}7:x": "2", f"{trial.prefix}x:{prefix.rpartition('price')[2]}y": "3"}
    near[f"{trial.prefix}of-others:{prefix}1"] = "4"

    def copies(count: int) -> dict[str, object]:
        return {f"{prefix}{number}": str(number) for number in range(count)}

    with cures(
        {
            COPIES_STAY: "Find all keys below the prefix with `scan_iter(match=prefix + '*')`, and UNLINK them.",
            NOT_NOTED: "At the end, store the run_id of now under `mark`.",
            DELETES_GOOD: "Compare what `mark` holds with the run_id of now. Both are texts.",
            NOTED_FIRST: "Delete first, and note the run_id last: then a killed program leaves work for the next one.",
        }
    ):
        for count in (3, 1, 0, 1050):
            for noted in (earlier, now, None) if count < 100 else (earlier,):
                before = {**near, **copies(count)} | ({mark: noted} if noted else {})
                trial.put(before)
                answer = trial.call(mark, prefix)
                _expect_forgotten(trial, mark, prefix, now, noted, count, near)
                trial.expect_state(
                    OTHERS_GONE, {**near, mark: now} if noted != now else {**near, **copies(count), mark: now}
                )
                trial.expect(WRONG_ANSWER, noted != now, answer)
        trial.put({**near, f"{prefix}hash": {"banana": "312"}, f"{prefix}ends": "312", mark: earlier})
        trial.call(mark, prefix)
        trial.expect_state(COPIES_STAY, {**near, mark: now})

        def restarted() -> None:
            trial.put({**near, **copies(5), mark: earlier})

        trial.every_cut(
            NOTED_FIRST,
            (mark, prefix),
            before=restarted,
            view=lambda: trial.redis.get(mark) == now and bool(trial.keys(prefix)),
        )
        _expect_first_run_id(trial, mark, prefix, restarted)
        trial.every_error((mark, prefix), before=restarted)


def _expect_first_run_id(trial: Trial, mark: str, prefix: str, restarted: Callable[[], None]) -> None:
    """The server is restarted once more while the function deletes: the copies are back, and the run_id is new."""
    newest = trial.word() * 6
    restarted()
    trial.call(mark, prefix)
    for after, name in enumerate(list(trial.commands)[:-1], 1):
        restarted()
        _answer(trial.attempt(mark, prefix, restart=Restart(after, newest, restarted)))
        if trial.redis.get(mark) == newest and trial.keys(prefix):
            raise Failed(
                f"The server was restarted after command number {after} ({name}) of your function: {NOTED_TOO_LATE}",
                cure="Ask for the run_id once, before you delete, and store this one.",
            )


def _expect_forgotten(
    trial: Trial, mark: str, prefix: str, now: str, noted: str | None, count: int, near: dict[str, str]
) -> None:
    left = [key for key in trial.keys(prefix) if key not in near]
    if noted == now:
        if len(left) < count:
            raise Failed(DELETES_GOOD, Plain(f"{count} copies"), Plain(f"{len(left)} copies"))
        return
    if left:
        raise Failed(COPIES_STAY, Plain("no copy"), Plain(f"{len(left)} of {count} copies"))
    if trial.redis.get(mark) != now:
        raise Failed(NOT_NOTED, Plain("the run_id of now"), trial.redis.get(mark))


FORGET_IF_RESTARTED = Exercise(
    id="34.2",
    title="Forget what came back",
    kind="stretch",
    question="""\
A server has a new `run_id` after each start: `redis_conn.info("server")["run_id"]`. The key `mark` holds the one that
the server had when its copies were stored. Write `forget_if_restarted(redis_conn, mark, prefix)`. If `mark` holds
another text, or is not there, delete all keys that begin with `prefix`, store the run_id of now under `mark`, and
return `True`. Otherwise change nothing, and return `False`. The program can be killed at any moment.
`prefix` is plain text, without `*`, `?` or `[`.""",
    stub="""\
def forget_if_restarted(redis_conn, mark, prefix):
    # your code here
    ...""",
    hints=(
        "Compare `redis_conn.get(mark)` with the run_id of now. When they are equal, there is nothing to do.",
        "Lesson 04: `for key in redis_conn.scan_iter(match=prefix + '*'):` finds the keys, and `unlink` deletes one.",
        "Which must come last: the deleting, or the new mark? Think of a program that is killed in between.",
    ),
    solution="""\
def forget_if_restarted(redis_conn, mark, prefix):
    now = redis_conn.info("server")["run_id"]
    if redis_conn.get(mark) == now:
        return False
    for key in redis_conn.scan_iter(match=prefix + "*"):
        redis_conn.unlink(key)
    redis_conn.set(mark, now)
    return True""",
    why="a snapshot brings back the copies together with the old mark, and only the server's own run_id is new. Call "
    "it before the first read on each new connection. A server that holds nothing but copies needs none of this: it "
    "saves nothing.",
    check=_check_forget_if_restarted,
)

# 34.3

SAVE_FAILED = "the last snapshot has failed, nothing new is saved any more, and your function sees no danger"
MANY_CHANGES = "more changes than `most` are in no snapshot: a kill takes them all, and your function sees no danger"
NO_DANGER = "the last snapshot is good, and no more changes than `most` came since: nobody is to be woken up at night"


def _check_in_danger(trial: Trial) -> None:
    with (
        cures(
            {
                SAVE_FAILED: "`rdb_last_bgsave_status` is 'ok' or 'err'. A failed one is a danger in any case.",
                MANY_CHANGES: "`rdb_changes_since_last_save` is the number. Compare it with `most`.",
                NO_DANGER: "Exactly `most` changes are still allowed: more than `most` are too many.",
            }
        ),
        tempfile.TemporaryDirectory() as folder,
        _a_server(dir=folder, save="3600 100000".split()) as (_, client, options),
    ):
        in_the_way = Path(folder, "dump.rdb")
        changes = trial.number(20, 60)
        _expect_danger(trial, options, False, NO_DANGER, (0,))
        pipe = client.pipeline(transaction=False)
        for number in range(changes):
            pipe.rpush("orders", number)
        pipe.execute()
        for most in (changes - 1, 0, 1):
            _expect_danger(trial, options, True, MANY_CHANGES, (most,))
        for most in (changes, changes + 1, 10_000):
            _expect_danger(trial, options, False, NO_DANGER, (most,))
        in_the_way.mkdir()
        for status, danger, why in (("err", True, SAVE_FAILED), ("ok", False, NO_DANGER)):
            client.bgsave()
            _until(client, "rdb_bgsave_in_progress", 0)
            _until(client, "rdb_last_bgsave_status", status)
            _expect_danger(trial, options, danger, why, (10_000,))
            if status == "err":
                in_the_way.rmdir()
        _expect_danger(trial, options, False, NO_DANGER, (0,))
        if trial.attempt(0, options=options, error_after=0).value is False:
            raise Failed(
                "Redis answered with an error, and your function says that there is no danger: nobody knows that"
            )
    trial.put({})


def _expect_danger(trial: Trial, options: ConnectOptions, wanted: bool, why: str, args: tuple) -> None:
    answer = _answer(trial.attempt(*args, options=options))
    _expect_bool(answer)
    if answer != wanted:
        raise Failed(why, wanted, answer)


IN_DANGER = Exercise(
    id="34.3",
    title="See it before it hurts",
    kind="write",
    question="""\
A program looks at Redis once per minute, and wakes somebody up when snapshots do not work. Write its
`in_danger(redis_conn, most)`. It returns `True` when the last snapshot has failed, or when **more than** `most` changes
came since the last good one. Otherwise it returns `False`.""",
    stub="""\
def in_danger(redis_conn, most):
    # your code here
    ...""",
    hints=(
        'Both answers are in the dict `redis_conn.info("persistence")`. Print it in a cell of your own.',
        "`rdb_last_bgsave_status` and `rdb_changes_since_last_save`. The first is a text, the second a number.",
        'If the status is not "ok", return True at once. Otherwise compare the number with `most`.',
    ),
    solution="""\
def in_danger(redis_conn, most):
    told = redis_conn.info("persistence")
    if told["rdb_last_bgsave_status"] != "ok":
        return True
    return told["rdb_changes_since_last_save"] > most""",
    why="a failed snapshot is seen by nobody until the shop refuses orders, or until a kill. Two numbers, looked at "
    "once per minute, show it in time.",
    check=_check_in_danger,
)

# 34.4

NOT_STORED = "the order is not in the list: nobody will pack it"
UNDONE = "no replica has answered in time, and the order is gone. A worker may have had it already, and be packing it"
TWICE = "the order is in the list more than once: it is packed and paid more than once"
SAYS_SURE = "no replica has the order, and your function says True: when this server is lost, so is the order"
SAYS_NOT_SURE = "a replica has the order, and your function says False: the customer is told that it is not sure"
TOO_MANY = "two replicas have the order, one was asked for, and your function says False"
IN_TIME = "a replica has answered within `milliseconds`, and your function did not wait for it"
TOO_LONG = "no replica answers, and your function waits much longer than `milliseconds`: so does the customer"
WAITS_ON = "a replica has the order already, and your function waits on: so does the customer"
ASKS_TOO_SOON = "WAIT was sent before the order: it asks only about what was written before it"


def _check_note_order(trial: Trial) -> None:
    queue = trial.key("orders")
    order, waiting = f"{trial.number(20, 99)} {trial.word()}", ["7 uva", "8 apple"]
    with cures(
        {
            UNDONE: "Leave the order where it is: `False` means that nobody knows, and not that it is not there.",
            TWICE: "Put it in once. Asking again must not put it in again.",
            TOO_MANY: "WAIT replies how many replicas have it. That can be more than you asked for.",
            SAYS_NOT_SURE: "WAIT comes after the order, on its own: in a MULTI it does not wait.",
            SAYS_SURE: "Compare the reply of WAIT, which is the number of replicas that have the order.",
            IN_TIME: "Hand `milliseconds` to WAIT.",
            TOO_LONG: "Hand `milliseconds` to WAIT, and ask once.",
            WAITS_ON: "Ask WAIT for 1 replica: it replies as soon as that one has the order. Do not sleep.",
            ASKS_TOO_SOON: "Put the order in first, and then send WAIT.",
        }
    ):
        trial.put({queue: waiting})
        begin = time.monotonic()
        answer = trial.call(queue, order, 20)
        took = time.monotonic() - begin
        sent = trial.commands
        pushes = [number for number, name in enumerate(sent) if name in ("RPUSH", "LPUSH")]
        if pushes and "WAIT" in sent and "WAIT" not in sent[pushes[0] :]:
            raise Failed(ASKS_TOO_SOON)
        if trial.redis.lrange(queue, 0, -1) == waiting:
            raise Failed(UNDONE if {"RPUSH", "LPUSH"} & set(trial.commands) else NOT_STORED)
        _expect_noted(trial, queue, [*waiting, order], order, trial.redis)
        trial.expect_state("only the list is to change", {queue: [*waiting, order]})
        _expect_bool(answer)
        if cast(Any, trial.redis.info("replication"))["connected_slaves"] == 0 and answer is True:
            raise Failed(SAYS_SURE, False, answer)
        for _ in range(2):  # a busy machine is slow once, and not three times
            if took > 1:
                begin = time.monotonic()
                trial.call(queue, order, 20)
                took = min(took, time.monotonic() - begin)
        if took > 1:
            raise Failed(TOO_LONG, Plain("20 milliseconds"), Plain(f"{took * 1000:.0f} milliseconds"))

        taken = []

        def a_worker_takes_it() -> None:
            taken.append(trial.redis.delete(queue))

        trial.put({queue: waiting})
        trial.call(queue, order, 1, between=a_worker_takes_it)
        if taken and order in cast(list[str], trial.redis.lrange(queue, 0, -1)):
            raise Failed("a worker has taken the order meanwhile, and the order is in the list again")
        trial.every_error((queue, order, 1), before=lambda: trial.put({queue: waiting}))
        _expect_sure_with_replicas(trial, queue, order)
    trial.put({})


def _expect_noted(trial: Trial, queue: str, right: list[str], order: str, client: redis.Redis) -> None:
    now = cast(list[str], client.lrange(queue, 0, -1))
    if now.count(order) > 1:
        raise Failed(TWICE, right, now)
    if now.count(order) == 0:
        raise Failed(NOT_STORED, right, now)
    trial.expect("the order comes in at the right end, and all others stay where they are", right, now)


def _expect_sure_with_replicas(trial: Trial, queue: str, order: str) -> None:
    with _a_server() as (primary, client, options):
        source = {"replicaof": ["127.0.0.1", primary.port or 0], "masterauth": primary.password}
        with _a_server(**source) as (first, _, _), _a_server(**source) as (second, _, _):
            _wait_for_replicas(client, 2)
            slow = 0
            for _ in range(40):  # how many of the two have it when the first has it is a matter of chance
                client.delete(queue)
                begin = time.monotonic()
                if _noted(trial, options, client, queue, order, 3000) is False:
                    _expect_one_asked_for(trial, 3000)
                    raise Failed(TOO_MANY if client.wait(2, 1000) == 2 else SAYS_NOT_SURE)
                slow += time.monotonic() - begin > 1
                if slow == 3:  # a busy machine is slow once, and not three times
                    raise Failed(WAITS_ON)

            def both_have_it() -> None:
                client.incr("both")
                client.wait(2, 3000)

            client.delete(queue)
            outcome = trial.attempt(queue, order, 3000, options=options, between=both_have_it)
            if _answer(outcome) is False:
                raise Failed(TOO_MANY)
            _pause(second)
            try:
                _expect_one_is_enough(trial, options, client, queue, order)
            finally:
                _resume(second)
            _pause(first, second)
            soon = threading.Timer(0.15, lambda: _resume(first, second))
            soon.start()
            try:
                client.delete(queue)
                if _noted(trial, options, client, queue, order, 3000) is False:
                    _expect_one_asked_for(trial, 3000)
                    raise Failed(IN_TIME)
            finally:
                soon.join()  # it may have resumed one of the two only
            _pause(first, second)
            try:
                client.delete(queue)
                if _noted(trial, options, client, queue, order, 20) is True:
                    cure = "WAIT comes after EXEC: in a MULTI it does not wait." if "MULTI" in trial.commands else None
                    raise Failed(SAYS_SURE, False, True, cure=cure)
            finally:
                _resume(first, second)


def _expect_one_is_enough(trial: Trial, options: ConnectOptions, client: redis.Redis, queue: str, order: str) -> None:
    """One of the two replicas answers, the other one does not."""
    for _ in range(3):
        client.delete(queue)
        begin = time.monotonic()
        if _noted(trial, options, client, queue, order, 2000) is False:
            _expect_one_asked_for(trial, 2000)
            raise Failed(SAYS_NOT_SURE)
        if time.monotonic() - begin < 1.5:
            return
    raise Failed(WAITS_ON)


def _expect_one_asked_for(trial: Trial, milliseconds: int) -> None:
    sent = [command for step in trial.call_seen.steps for command in step.commands if command[0] == "WAIT"]
    if sent and sent[-1][1:] == [str(milliseconds), "1"]:
        raise Failed(
            f"your function sent WAIT {milliseconds} 1: it asks for {milliseconds:,} replicas, "
            "and waits for 1 millisecond",
            cure="The number of replicas comes first, and then the milliseconds.",
        )


def _noted(
    trial: Trial, options: ConnectOptions, client: redis.Redis, queue: str, order: str, milliseconds: int
) -> object:
    answer = _answer(trial.attempt(queue, order, milliseconds, options=options))
    _expect_one_asked_for(trial, milliseconds)
    _expect_noted(trial, queue, [order], order, client)
    _expect_bool(answer)
    return answer


def _pause(*servers: EmbeddedRedis) -> None:
    for server in servers:
        os.kill(server.pid or 0, signal.SIGSTOP)


def _resume(*servers: EmbeddedRedis) -> None:
    for server in servers:
        if server.pid:
            os.kill(server.pid, signal.SIGCONT)


def _wait_for_replicas(client: redis.Redis, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        told = cast(dict[str, Any], client.info("replication"))
        states = [told.get(f"slave{number}", {}).get("state") for number in range(count)]
        if states == ["online"] * count and client.wait(count, 1000) >= 0:
            return
        if time.monotonic() > deadline:
            raise TooBusy
        time.sleep(0.002)


NOTE_ORDER = Exercise(
    id="34.4",
    title="Sure, or not sure",
    kind="write",
    question="""\
Write `note_order(redis_conn, queue, order, milliseconds)`. It puts `order` in at the **right** end of the list `queue`,
once. Then it waits for at most `milliseconds` (never 0), and returns `True` when at least one replica has the order.
Otherwise it returns `False`, and the order stays in the list.""",
    stub="""\
def note_order(redis_conn, queue, order, milliseconds):
    # your code here
    ...""",
    hints=(
        "Two commands, one after the other: `RPUSH`, and then `WAIT`.",
        "`redis_conn.wait(1, milliseconds)` replies how many replicas have all that this connection has written.",
        "The reply can be 2 when you have asked for 1: compare with `>=`. And do nothing when it is 0.",
    ),
    solution="""\
def note_order(redis_conn, queue, order, milliseconds):
    redis_conn.rpush(queue, order)
    return redis_conn.wait(1, milliseconds) >= 1""",
    why="WAIT asks, and undoes nothing. So `False` means that nobody knows yet: the order is on this server, and may "
    "reach the replica later. Tell the customer that it is being checked, and give each order an id, so that twice "
    "does no harm.",
    check=_check_note_order,
)

EXERCISES = (KEEPS_ALL, FORGET_IF_RESTARTED, IN_DANGER, NOTE_ORDER)

QUIZ = (
    Question(
        "A taxi company keeps its trips in Redis, with the log on and `appendfsync everysec`. A program has a fault, "
        "and the system kills Redis with it; the computer runs on. What about the trip that was acknowledged three "
        "seconds ago?",
        (
            ("It is lost: only an fsync keeps it", "An fsync protects against a power cut. This computer runs on."),
            (
                "It is there after the restart",
                "Redis had handed it to the system, at the latest two seconds after it. And the system still runs.",
            ),
            ("It is there if a snapshot was made since", "With the log on, Redis reads the log at its start."),
        ),
        answer="b",
    ),
    Question(
        "Somebody deletes a user's account, with all sessions in Redis. One minute later the computer loses its power. "
        "Redis saves snapshots only, the last one is five minutes old. What is true after the restart?",
        (
            (
                "The sessions are back, until their TTL ends",
                "A snapshot brings back what was deleted after it. So a restart can also undo a log-out.",
            ),
            ("The sessions are gone: the user was deleted", "That was in another database. Redis knows its snapshot."),
            (
                "Redis finds out that they were deleted",
                "A snapshot is a copy of the keys, and no list of what was done.",
            ),
        ),
        answer="a",
    ),
    Question(
        "A museum's Redis saves snapshots, with the settings of redis.conf. Since midnight every write is refused with "
        "MISCONF, and reads work. What should somebody look at first?",
        (
            ("The memory of Redis: it is full", "A full memory is refused with OOM. MISCONF speaks of the disk."),
            ("The program that writes: it has lost its rights", "That would be NOPERM, and only for this user."),
            ("The disk: a snapshot could not be written", "It is full, or gone, or Redis may not write there."),
        ),
        answer="c",
    ),
    Question(
        "A bank's program writes, and then sends `WAIT 1 500`. The reply is 0. What does it know?",
        (
            ("The write is undone, so it can write again", "Nothing is undone. A second write would be one too many."),
            ("The write is on the first server; more is not known", "The replica may get it a moment later, or never."),
            ("The replica is dead", "It may be slow, or its answer may be on the way."),
        ),
        answer="b",
    ),
    Question(
        "A Redis in a container runs with `appendonly yes` and `appendfsync always`. Its data folder lies in the "
        "container, without a volume. The container is removed, and a new one is started. What is left?",
        (
            ("Everything: each write was on the disk", "It was, in a folder that was removed with the container."),
            ("All but the last second", "That would be `everysec` in a power cut. Here the whole folder is gone."),
            ("Nothing", "The log was in the container. A volume keeps the folder when the container goes."),
        ),
        answer="c",
    ),
    Question(
        "A counter shows how many people have read a page today. Redis is killed about once per year. Writes are many, "
        "and must be fast. Which setting fits?",
        (
            (
                "No log, or `everysec`: some counts may be lost",
                "A wrong count harms nobody. `always` costs each write.",
            ),
            (
                "`always`: data must never be lost",
                "For orders, yes. Here each write would wait for the disk, for nothing.",
            ),
            ("WAIT after each count", "Then each write waits for a replica, for a number that may be a little wrong."),
        ),
        answer="a",
    ),
)
