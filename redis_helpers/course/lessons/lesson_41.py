"""Lesson 41: how far a copy is behind, a write that a replica has confirmed, riding out a failover, orders twice."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, cast
from unittest import mock

import redis
from redis.exceptions import ClusterDownError

from redis_helpers.connect_options import ConnectOptions
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.runner import Outcome
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.common_checks import cures, or_raised

LONGEST_SYNC = 20.0  # seconds until a check gives up on a replica; it takes some hundredths of a second


class _Pair:
    """A real primary, and as many real replicas as were added. A replica may be paused: then it confirms nothing."""

    def __init__(self) -> None:
        self.primary = EmbeddedRedis(repl_diskless_sync_delay=0).start()
        self.replicas: list[EmbeddedRedis] = []
        self.options = ConnectOptions(port=self.primary.port or 0, password=self.primary.password)
        self.client = redis.Redis.from_url(self.primary.url, decode_responses=True)

    def close(self) -> None:
        self.client.close()
        for server in [*self.replicas, self.primary]:
            server.kill()

    def add_replica(self) -> None:
        password = self.primary.password
        primary = [self.primary.host, self.primary.port or 0]
        replica = EmbeddedRedis(repl_diskless_sync_delay=0, replicaof=primary, masterauth=password)
        replica.password = password
        self.replicas.append(replica.start())
        self._until(lambda: self._online() == len(self.replicas))
        self.catch_up()

    def catch_up(self) -> None:
        """Waits until each replica has confirmed everything."""
        with self.client.pipeline(transaction=False) as pipe:
            pipe.set("catch-up", time.monotonic())
            pipe.wait(len(self.replicas), int(1000 * LONGEST_SYNC))
            pipe.execute()

    def remove_replica(self) -> None:
        self.replicas.pop().kill()
        self._until(lambda: len(self.behind()) == len(self.replicas))

    def confirm_all(self) -> None:
        """Waits until nothing is left to confirm. WAIT sends some bytes, too: they are confirmed within a second."""
        self._until(lambda: not any(self.behind()))

    def pause(self, number: int) -> None:
        os.kill(cast(int, self.replicas[number].pid), signal.SIGSTOP)

    def resume(self, number: int) -> None:
        os.kill(cast(int, self.replicas[number].pid), signal.SIGCONT)

    def behind(self) -> list[int]:
        """How many bytes each replica has not confirmed."""
        _, sent, replicas = cast(Any, self.client.execute_command("ROLE"))
        return [int(sent) - int(confirmed) for _, _, confirmed in replicas]

    def _online(self) -> int:
        told = cast(dict[str, Any], self.client.info("replication"))
        replicas = [told[f"slave{number}"] for number in range(told["connected_slaves"])]
        return sum(replica["state"] == "online" for replica in replicas)

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LONGEST_SYNC
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.002)


@contextlib.contextmanager
def _pair() -> Iterator[_Pair]:
    pair = _Pair()
    try:
        yield pair
    finally:
        pair.close()


def _value(outcome: Outcome) -> object:
    if outcome.error is not None:
        raise Crashed(outcome.error)
    return outcome.value


# 41.1

NO_REPLICA = (
    "this primary has no replica, so there is nothing to compare: return None. A 0 would say that all is copied"
)
CAUGHT_UP = "the replica has confirmed everything, and your function says that it is behind"
BACKWARDS = "the answer is less than 0: the primary is always the one that has more"
NOT_CONFIRMED = (
    "the replica has not confirmed the newest writes. If the primary died now, they might be lost, and your function "
    "does not say how much: compare the two offsets"
)
FARTHEST = (
    "one of two replicas stands still, and your answer does not speak of this one: it may be the one that takes over"
)
ZERO_IS_NONE = (
    "the replicas have confirmed everything, so the answer is 0. Your function returned None, and this means: no "
    "replica"
)
OFFSET_AS_TEXT = "return a number, not a text"
NOTHING_RETURNED = "this primary has a replica, and your function returned nothing: its caller needs the number"
ERROR_KEPT = "Redis answered with an error, and your function kept it to itself: its caller takes the answer for true"


def _expect_behind(trial: Trial, pair: _Pair, why: str) -> None:
    """A primary also sends a PING to its replicas now and then: what is asked in between is asked once more."""
    for _ in range(20):
        behind = pair.behind()
        answer = _value(trial.attempt(options=pair.options))
        if pair.behind() == behind:
            break
    expected = max(behind) if behind else None
    if answer is None and expected is not None:
        raise Failed(NOTHING_RETURNED if expected else ZERO_IS_NONE, expected, answer)
    if isinstance(answer, str):
        raise Failed(OFFSET_AS_TEXT, expected, answer)
    if isinstance(answer, int) and answer < 0:
        raise Failed(BACKWARDS, expected, answer)
    trial.expect(CAUGHT_UP if expected == 0 else why, expected, answer)


def _check_bytes_behind(trial: Trial) -> None:
    with (
        _pair() as pair,
        cures(
            {
                NO_REPLICA: '`told["connected_slaves"]` is 0 then. Look at it first.',
                NOTHING_RETURNED: "`return` hands the number on; `print` only shows it. Each way through the function "
                "needs its `return`.",
                NOT_CONFIRMED: "`master_repl_offset` is what the primary has sent. Take the `offset` of the replica "
                "from it; `lag` counts seconds.",
                ZERO_IS_NONE: "Python takes 0 for false: `behind or None` gives None, and so does a `return` inside of "
                "`if behind:`. Ask `connected_slaves` instead.",
                BACKWARDS: "Take the offset of the replica from the one of the primary, not the other way round.",
                FARTHEST: "Go through all of them: `slave0`, `slave1`, and so on, as many as `connected_slaves` says. "
                "Keep the largest difference.",
            }
        ),
    ):
        _expect_behind(trial, pair, NO_REPLICA)
        pair.add_replica()
        _expect_behind(trial, pair, NOT_CONFIRMED)
        pair.pause(0)
        for _ in range(trial.number(3, 9)):
            pair.client.set("order", trial.word())
        _expect_behind(trial, pair, NOT_CONFIRMED)
        if trial.attempt(options=pair.options, error_after=0).error is None:
            raise Failed(ERROR_KEPT)
        pair.resume(0)
        pair.add_replica()
        for number in (0, 1):
            pair.pause(number)
            pair.client.set("order", trial.word() * trial.number(2, 9))
            pair.client.wait(1, 1000)  # the other one confirms it
            _expect_behind(trial, pair, FARTHEST)
            pair.resume(number)
            pair.catch_up()
        pair.confirm_all()
        _expect_behind(trial, pair, CAUGHT_UP)


BYTES_BEHIND = Exercise(
    id="41.1",
    title="How far behind?",
    kind="write",
    question="""\
`redis_conn` is a client of a primary. Write `bytes_behind`. It returns how many bytes the primary has sent that the
replica has not confirmed. If there are several replicas (`slave0`, `slave1`, and so on), it returns the number of the
one that is farthest behind. Without a replica, it returns `None`.""",
    stub="""\
def bytes_behind(redis_conn):
    # your code here
    ...""",
    hints=(
        '`told["connected_slaves"]` says how many replicas there are. `told["slave0"]["offset"]` is of the first one.',
        'In a loop, the name is `"slave" + str(number)`. Keep the largest difference that you meet.',
    ),
    solution="""\
def bytes_behind(redis_conn):
    told = redis_conn.info("replication")
    if told["connected_slaves"] == 0:
        return None
    farthest = 0
    for number in range(told["connected_slaves"]):
        replica = told["slave" + str(number)]
        behind = told["master_repl_offset"] - replica["offset"]
        farthest = max(farthest, behind)
    return farthest""",
    why="both offsets come from one reply, so they belong to one moment. A number that grows and grows means: this "
    "replica would lose much. Watch it.",
    check=_check_bytes_behind,
)

# 41.2

NOT_WRITTEN = "the value is not in Redis, and the customer's order is lost"
TOLD_UNSAFE = "a replica has confirmed the write, and your function says that none has"
TWO_UNSAFE = (
    "two replicas have confirmed the write, and your function says that none has: one is enough, and two are too"
)
TOLD_SAFE = (
    "the replica stands still and has confirmed nothing, and your function says that the write is safe. If the primary "
    "dies now, the order is gone"
)
OTHER_THREAD = (
    "another thread of the program took the connection between SET and WAIT. So WAIT went over another one, on which "
    "nothing was written, and your function says that the write is safe. The replica has confirmed nothing"
)
NOBODY_SAFE = "there is no replica, and your function says that one has the write"
OTHER_TIME = "WAIT must wait for so many milliseconds as your caller says, and for one replica"
FOR_EVER = (
    "a 0 as the time of WAIT means: for ever. When the replica does not confirm, your function never ends, and the "
    "customer waits"
)
UNDONE = (
    "a write that is not confirmed yet stays where it is: it may still reach the replica. Your function has undone it"
)


def _expect_safe(trial: Trial, why: str, expected: bool, answer: object) -> None:
    if not isinstance(answer, bool):
        raise Failed("return True or False", expected, answer)
    trial.expect(why, expected, answer)


@contextlib.contextmanager
def _busy_program() -> Iterator[None]:
    """Other threads use every connection at once that is given back: who asks for one gets another one."""
    taken = []

    def taken_at_once(pool: redis.ConnectionPool, connection: Any) -> None:
        taken.append(connection)

    try:
        with mock.patch.object(redis.ConnectionPool, "release", taken_at_once):
            yield
    finally:
        for connection in taken:
            connection.disconnect()


def _check_write_safely(trial: Trial) -> None:
    key = trial.key('order [7] "ü"')
    wait = trial.number(25, 35)

    def attempt(pair: _Pair, **how: Any) -> tuple[str, Outcome]:
        value = trial.word()
        return value, trial.attempt(key, value, wait, options=pair.options, **how)

    with (
        _pair() as pair,
        cures(
            {
                OTHER_THREAD: "A pipeline keeps one connection for all of its commands: "
                "`redis_conn.pipeline(transaction=False)`.",
                TOLD_SAFE: "Compare the reply of WAIT with 1. In a MULTI, WAIT does not wait, so the pipeline needs "
                "`transaction=False`.",
                FOR_EVER: "Hand `milliseconds` on to WAIT as it is.",
                TWO_UNSAFE: "WAIT replies how many replicas have it: 1 or more is enough.",
            }
        ),
    ):

        def expect(why: str, expected: bool, **how: Any) -> None:
            value, outcome = attempt(pair, **how)
            _expect_safe(trial, why, expected, _value(outcome))
            found = pair.client.get(key)
            if found != value:
                raise Failed(UNDONE if found is None and not expected else NOT_WRITTEN, value, found)

        pair.add_replica()
        attempt(pair, between=pair.catch_up)
        if any(words[2:] == ["0"] for words in _waits(trial)):
            raise Failed(FOR_EVER, Plain(f"WAIT 1 {wait}"), Plain("WAIT 1 0"))
        pair.remove_replica()
        expect(NOBODY_SAFE, False)
        _expect_wait(trial, wait)
        pair.add_replica()
        expect(TOLD_UNSAFE, True, between=pair.catch_up)
        pair.pause(0)
        expect(TOLD_SAFE, False)
        with _busy_program():
            expect(OTHER_THREAD, False)
        pair.resume(0)
        pair.add_replica()
        expect(TWO_UNSAFE, True, between=pair.catch_up)
        for sent in range(len(trial.commands)):
            for fault in ("error_after", "cut_after"):
                if attempt(pair, **{fault: sent})[1].error is None:
                    raise Failed(ERROR_KEPT, Plain("the error of Redis"), Plain("an answer"))


def _waits(trial: Trial) -> list[Any]:
    return [words for step in trial.call_seen.steps for words in step.commands if words[0] == "WAIT"]


def _expect_wait(trial: Trial, wait: int) -> None:
    """The exercise asks for WAIT."""
    waits = _waits(trial)
    if not waits:
        raise Failed("your function did not ask with WAIT how many replicas have the write")
    trial.expect(OTHER_TIME, ["WAIT", "1", str(wait)], waits[-1])


WRITE_SAFELY = Exercise(
    id="41.2",
    title="A write that a replica has",
    kind="change",
    question="""\
`write_safely` stores `value` under `key`, and waits at most so many milliseconds until one replica has it. It returns
`True` if at least one has confirmed it, otherwise `False`. It never undoes the write.

This code is wrong in a program with several threads. There, another thread can take the connection between the two
commands. Change it.""",
    stub="""\
def write_safely(redis_conn, key, value, milliseconds):
    redis_conn.set(key, value)
    return redis_conn.wait(1, milliseconds) >= 1""",
    hints=(
        "Both commands must travel over one connection. What keeps one connection for several commands?",
        "A pipeline with `transaction=False`. Its `execute()` gives a list with the two replies.",
    ),
    solution="""\
def write_safely(redis_conn, key, value, milliseconds):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.set(key, value)
        pipe.wait(1, milliseconds)
        replies = pipe.execute()
    return replies[1] >= 1""",
    why="WAIT counts who has the writes of its own connection, and a pipeline has one connection. `False` means: not "
    "confirmed yet. The write is on the primary, and it may reach the replica later.",
    check=_check_write_safely,
)

# 41.3

GAVE_UP = "a failover had begun, and your function gave up before the time was over: the customer's order is lost"
NOT_RETURNED = "the write was done at last, and your function did not hand on what it returned"
FALSE_AGAIN = "the work was done, and its answer was {}: your function did it again. Only an error means: try once more"
NO_PAUSE = (
    "your function tried again at once, without a pause: each program of the shop does so, and the servers that try to "
    "agree on a new primary get thousands of requests"
)
TOO_SELDOM = "the pauses between the tries are too long: the customer waits, although Redis has been back for a while"
TOO_LONG = (
    "the time was over, and your function still tried: each try takes time, too. Look at a clock, do not count tries"
)
NOT_TOLD = "Redis did not come back in time, and your function kept that to itself: the caller believes that it is done"
NOT_THE_LAST = "the caller must get the error of the last try, as it is"
OTHER_ERROR = (
    "{} is no failure that passes: it comes again with each try, and your function tried again. The caller waits in "
    "vain"
)
PASSES = "{} passes when the failover is over, and your function did not try again"


class _Work:
    """What the function under test calls: errors and answers, one after the other. The last one stays."""

    def __init__(self, *outcomes: object, takes: float = 0.0) -> None:
        self.begun: list[float] = []
        self.ended = 0.0  # the last one that has begun
        self.last: object = None
        self._outcomes = list(outcomes)
        self._takes = takes

    def __call__(self, redis_conn: redis.Redis) -> object:
        self.begun.append(time.monotonic())
        if self._takes:
            time.sleep(self._takes)
        self.ended = time.monotonic()
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(outcome, type) and issubclass(outcome, Exception):
            outcome = outcome(f"try number {len(self.begun)}")
        self.last = outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


SHORTEST_PAUSE, LONGEST_PAUSE = 0.005, 0.1  # seconds; the question says 10 to 100 milliseconds


def _check_with_retries(trial: Trial) -> None:
    with cures(
        {
            NO_PAUSE: "`sleep(0.05)` before each new try.",
            TOO_LONG: "`end = monotonic() + seconds` before the loop, and `monotonic() > end` after each failed try.",
            NOT_TOLD: "In the `except` block, `raise` alone hands the error on.",
            "is no failure that passes": "Name the three classes in the `except`, and no wider one.",
            "passes when the failover is over": "`except` takes several classes in parentheses. Write `redis.` before "
            "the first two: Python has errors of these names, too.",
        }
    ):
        for answer in ("done", 7, None, False, 0, ""):
            work = _Work(answer, "done")  # so that trying again ends soon, too
            outcome = trial.attempt(work, 0.2)
            if len(work.begun) > 1:
                raise Failed(FALSE_AGAIN.format(repr(answer)), Plain("1 try"), _tries(work))
            _expect_answer(answer, _value(outcome))
        key, value = trial.key("order"), trial.word()
        trial.call(lambda redis_conn: redis_conn.set(key, value), 5)
        trial.expect_state("act must get the redis_conn that your function was given", {key: value})
        for error in (redis.ConnectionError, redis.TimeoutError, ClusterDownError):
            _expect_one_more_try(trial, error)
        for error in (redis.ResponseError, KeyError, redis.DataError):
            work = _Work(error)
            outcome = trial.attempt(work, 0.15)
            if len(work.begun) > 1 or outcome.error is None:
                raise Failed(OTHER_ERROR.format(error.__name__), Plain("1 try"), _tries(work))
            _expect_last(outcome, work)
        _expect_many_tries(trial)
        _expect_end(trial)


def _tries(work: _Work) -> Plain:
    return Plain("1 try" if len(work.begun) == 1 else f"{len(work.begun)} tries")


def _expect_answer(expected: object, answer: object) -> None:
    if answer != expected or type(answer) is not type(expected):
        raise Failed(NOT_RETURNED, expected, answer)


def _expect_one_more_try(trial: Trial, error: type[Exception]) -> None:
    """It passes: the second try has an answer."""
    work = _Work(error, "done")
    outcome = trial.attempt(work, 20)
    if outcome.error is not None:
        if outcome.error is not work.last:
            raise Crashed(outcome.error)
        raise Failed(PASSES.format(error.__name__), Plain("another try"), Plain(f"{error.__name__} came through"))
    if len(work.begun) < 2:
        raise Failed(NOT_TOLD, Plain("another try"), Plain(f"the answer {outcome.value!r}"))
    _expect_answer("done", outcome.value)
    pause = work.begun[1] - work.begun[0]
    if pause < SHORTEST_PAUSE:
        raise Failed(NO_PAUSE, Plain("10 to 100 milliseconds"), Plain(f"{1000 * pause:.1f} milliseconds"))


def _expect_many_tries(trial: Trial) -> None:
    """Each try fails at once. On a busy machine everything may take longer: then it is looked at once more."""
    seconds = 0.6
    for number in range(3):
        work = _Work(redis.TimeoutError)
        begin = time.monotonic()
        outcome = trial.attempt(work, seconds)
        took = time.monotonic() - begin
        _expect_last(outcome, work)
        if took < seconds - LONGEST_PAUSE:
            raise Failed(GAVE_UP, Plain(f"tries for {seconds} seconds"), Plain(f"{_tries(work)} in {took:.2f} seconds"))
        if len(work.begun) >= 5:
            break
        if number == 2:
            raise Failed(
                TOO_SELDOM, Plain("a pause of 10 to 100 milliseconds"), Plain(f"{_tries(work)} in {took:.2f} s")
            )


def _expect_end(trial: Trial) -> None:
    """Nobody takes over, and each try takes time. When the time is over, one try may still begin, after its pause."""
    seconds, takes = 0.3, 0.15
    for number in range(3):
        work = _Work(redis.ConnectionError, takes=takes)
        outcome = trial.attempt(work, seconds)
        end = time.monotonic()
        _expect_last(outcome, work)
        too_late = [begun for begun in work.begun if begun > work.begun[0] + seconds]
        if len(too_late) <= 1 and end - work.ended < 2 * LONGEST_PAUSE:
            break
        if number == 2:
            took = end - work.begun[0]
            raise Failed(TOO_LONG, Plain(f"tries for {seconds} seconds"), Plain(f"{took:.2f} seconds"))


def _expect_last(outcome: Outcome, work: _Work) -> None:
    if outcome.error is None:
        raise Failed(NOT_TOLD, Plain("the error of the last try"), Plain(f"the answer {outcome.value!r}"))
    if outcome.error is not work.last:
        if not isinstance(outcome.error, redis.RedisError):
            raise Crashed(outcome.error)
        raise Failed(NOT_THE_LAST, Plain(str(work.last)), Plain(str(outcome.error)))


WITH_RETRIES = Exercise(
    id="41.3",
    title="Ride out a failover",
    kind="write",
    question="""\
Write `with_retries(redis_conn, act, seconds)`. It calls `act(redis_conn)` and returns what that returns. If it raises
one of the three errors that pass, your function makes a pause of 10 to 100 milliseconds and tries again. But when
`seconds` are over since the beginning, the caller gets the error of the last try. Any other error reaches the caller
at once.""",
    stub="""\
from time import monotonic, sleep

import redis
from redis.exceptions import ClusterDownError


def with_retries(redis_conn, act, seconds):
    # your code here
    ...""",
    hints=(
        "A loop without an end: `while True:`. In it, `try:` with `return act(redis_conn)`.",
        "`except` takes the three classes in parentheses. In it, look at the clock: is the time over? Then `raise`.",
        "The pause is the last line of the loop.",
    ),
    solution="""\
from time import monotonic, sleep

import redis
from redis.exceptions import ClusterDownError


def with_retries(redis_conn, act, seconds):
    end = monotonic() + seconds
    while True:
        try:
            return act(redis_conn)
        except (redis.ConnectionError, redis.TimeoutError, ClusterDownError):
            if monotonic() > end:
                raise
        sleep(0.05)""",
    why="a bound, so that no customer waits for ever. A pause, so that the servers can do their work. And only errors "
    "that pass. What `act` does must be harmless when it is done twice.",
    check=_check_with_retries,
)

# 41.4

ORDER_MISSING = "the order is new, and it must stand in the hash, under its number. All other orders stay as they are"
TOLD_FAILED = (
    "an earlier try had stored this order, only its reply was lost. Your function says that it failed, so the customer "
    "orders once more"
)
CHANGED_AGAIN = "the same order came again, and your function changed what is in Redis: it is there already"
NEW_TOLD_FAILED = "the order was stored, and your function says that it was not"
WRITTEN_OVER = "another order has this number, and your function changed it: somebody's order is gone"
TOLD_STORED = "another order has this number, so yours is not stored. Your function says that it is"
AT_ONCE = (
    "two programs stored orders with one number at once. Each of them must say True if its own order is there at the "
    "end, and False if another one is"
)


def _check_place_order(trial: Trial) -> None:
    orders = trial.key("orders")
    number, text, other = trial.number(100, 999), f"2 {trial.word()} 'ü'", f"3 {trial.word()}"
    others = {str(number + 1): text, f"{number}0": other}
    args = (orders, number, text)
    with cures(
        {
            TOLD_FAILED: "HSETNX replies 0 for each order that is there, also for this one. Read what is there, and "
            "compare it with `text`.",
            WRITTEN_OVER: "HSETNX writes only when the field is new.",
            CHANGED_AGAIN: "HSETNX writes only when the field is new.",
            TOLD_STORED: "Read what is there, and compare it with `text`.",
            AT_ONCE: "Looking and writing must be one step on the server: HSETNX first, then read.",
        }
    ):

        def expect(why: str, expected: bool, wrong: str, before: dict, after: dict) -> None:
            trial.put(before)
            answer = trial.call(*args)
            trial.expect_state(why, after)
            if not isinstance(answer, bool):
                raise Failed("return True or False", expected, answer)
            trial.expect(wrong, expected, answer)

        mine = {str(number): text}
        for there in ({}, others):
            before = {orders: there} if there else {}
            expect(ORDER_MISSING, True, NEW_TOLD_FAILED, before, {orders: there | mine})
            done = {orders: there | mine}
            expect(CHANGED_AGAIN, True, TOLD_FAILED, done, done)
            for taken in (other, f"{text} ", ""):
                kept = {orders: there | {str(number): taken}}
                expect(WRITTEN_OVER, False, TOLD_STORED, kept, kept)
        kept_ttl = {orders: Ends(others, 5000)}
        expect(ORDER_MISSING, True, NEW_TOLD_FAILED, kept_ttl, {orders: Ends(others | mine, 5000)})

        def some() -> None:
            trial.put({orders: others})

        some()
        trial.call(*args)
        for lost in range(1, len(trial.commands) + 1):
            some()
            trial.attempt(*args, lost_reply=lost)
            answer = trial.call(*args)
            trial.expect_state(CHANGED_AGAIN, {orders: others | mine})
            trial.expect(TOLD_FAILED, True, answer)
        for rival in ((orders, number, other), args, (orders, number + 5, other)):
            trial.orders(or_raised(AT_ONCE), {"your function": args, "another program": rival}, before=some)
        trial.every_gap(
            or_raised(AT_ONCE),
            args,
            before=some,
            rivals={
                "an earlier try arrives now": lambda: trial.redis.hsetnx(orders, str(number), text),
                "another order takes the number": lambda: trial.redis.hsetnx(orders, str(number), other),
            },
        )
        trial.every_error(args, before=some)


PLACE_ORDER = Exercise(
    id="41.4",
    title="The order that came twice",
    kind="change",
    question="""\
`place_order` may be called twice for one order: after a lost reply, for example. Then this list holds the order twice.

Change it. `orders` is a hash now, and its field is the number of the order. If the number is new, store `text` there
and return `True`. If the same text is there already, change nothing and return `True`: an earlier try has done it. If
**another** text is there, change nothing and return `False`. Several programs may order at once.""",
    stub="""\
def place_order(redis_conn, orders, number, text):
    redis_conn.lpush(orders, text)
    return True""",
    hints=(
        "`HSETNX` writes a field only if it is new. What does it reply when an earlier try was done?",
        "So do not use its reply. Read the field after it, and compare what is there with `text`.",
    ),
    solution="""\
def place_order(redis_conn, orders, number, text):
    redis_conn.hsetnx(orders, number, text)
    return redis_conn.hget(orders, number) == text""",
    why="HSETNX decides in one step who gets the number. The look after it answers the question of the caller: is my "
    "order there? It does not ask who has put it there.",
    check=_check_place_order,
)

EXERCISES = (BYTES_BEHIND, WRITE_SAFELY, WITH_RETRIES, PLACE_ORDER)

QUIZ = (
    Question(
        "A chat program counts likes in Redis, with one primary and one replica. The primary dies, the replica takes "
        "over, and the last three likes are missing. No program got an error. How can that be?",
        (
            ("The replica keeps its data on disk only", "It has its copy in memory, like the primary."),
            (
                "The primary answered before the replica had them",
                "Replication is asynchronous: the answer does not wait for the copy.",
            ),
            ("The programs did not wait for the answer", "They got it: each like was acknowledged."),
        ),
        answer="b",
    ),
    Question(
        "A cluster has five shards and default settings. In one shard, the primary and its only replica burn. What "
        "can a program do with the keys of the four others?",
        (
            ("Read and write them", "So it would be with cluster-require-full-coverage no."),
            ("Read them, but not write", "By default, reads are refused, too."),
            ("Nothing, until all slots have a server again", "Full coverage is the default."),
        ),
        answer="c",
    ),
    Question(
        "A bank writes a payment with SET, and then WAIT 1 200 replies 0. The program tells the customer that it "
        "failed, and the customer pays again. What is wrong?",
        (
            (
                "The first payment is stored, and may stay",
                "WAIT counts copies. It undoes nothing, and the copy may come a moment later.",
            ),
            ("200 milliseconds are too short", "A longer wait makes it rarer, and the 0 means the same."),
            ("WAIT must ask for two replicas", "It would reply a number below 2 then, and undo nothing either."),
        ),
        answer="a",
    ),
    Question(
        "A primary has one replica, and min-replicas-to-write is 1. At noon somebody stops the replica for an update "
        "of ten minutes. What do the customers of this shard see?",
        (
            ("Nothing: the primary works", "It works, and it refuses each write without a replica."),
            ("Pages that are slower than usual", "A refused write is not slow, it is an error."),
            (
                "Errors at each write, until it is back",
                "That is the price. With a second replica, nobody would see it.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A program sends INCRBY points:ann 500, and tries again for 30 seconds when the connection fails. After a "
        "failover, Ann has 500 points too many. Which change is right?",
        (
            ("A longer pause between the tries", "The first INCRBY was done, however long it waits."),
            (
                "A number for each bonus, which is added once only",
                "As with the orders: the second try finds the number, and changes nothing.",
            ),
            ("WAIT behind each INCRBY", "It says who has the points, not whether they were added twice."),
        ),
        answer="b",
    ),
    Question(
        "A company offers Redis as a service: one primary, one replica, failover by itself, within seconds. What does "
        "this promise for a write that was acknowledged a moment before the failover?",
        (
            ("That it is there afterwards", "Only if the copy had arrived. Ask for the settings, or use WAIT."),
            ("Nothing", "It promises that Redis is back soon. The replication is asynchronous there, too."),
            ("That the program gets an error for it", "The program has had its answer already."),
        ),
        answer="b",
    ),
)
