"""Lesson 16: a worker that loses no job, a put that may be repeated, a wait that ends, and jobs for later."""

import threading
import time
from functools import partial
from typing import Any, cast

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.wire import apart

# For all of them


class _Jobs:
    """A stream of orders and its packers, Ann and Bob. Another group, billing, reads the same stream."""

    def __init__(self, trial: Trial) -> None:
        self.redis: Any = trial.redis
        self.key = trial.key("jobs")
        self.group = f"packers-{trial.word()}"
        self.billing = f"billing-{trial.word()}"
        self.ann = trial.word()
        self.bob = f"{self.ann}2"
        self.orders: list[tuple[str, dict[str, str]]] = []
        self._trial = trial
        self._base = trial.number(10**9, 10**10)

    def begin(self, count: int, taken: int = 0) -> None:
        """So many orders; the first ones are taken: by Ann, by Bob, by Ann, and so on."""
        self._trial.put({})
        self.orders = [(self.id_of(n), {"order": f"{n} uva"}) for n in range(1, count + 1)]
        pipe = self.redis.pipeline()
        pipe.xgroup_create(self.key, self.group, "0", mkstream=True)
        pipe.xgroup_create(self.key, self.billing, "0")
        for job_id, fields in self.orders:
            pipe.xadd(self.key, cast(Any, fields), id=job_id)
        for number in range(taken):
            pipe.xreadgroup(self.group, (self.ann, self.bob)[number % 2], {self.key: ">"}, count=1)
        if count:
            pipe.xreadgroup(self.billing, self.ann, {self.key: ">"})
        pipe.execute()

    def id_of(self, number: int) -> str:
        """The job of order `number`, which counts from 1."""
        return f"{self._base + number}-0"

    def owners(self, group: str | None = None) -> dict[int, str]:
        """Who has which order: its number, and a name."""
        found = self.redis.xpending_range(self.key, group or self.group, "-", "+", 1000)
        return {int(one["message_id"].split("-")[0]) - self._base: one["consumer"] for one in found}

    def expect_the_rest(self) -> None:
        """What nobody asked for is as it was."""
        if self.redis.xrange(self.key) != self.orders:
            raise Failed("the stream must keep its jobs: another group reads it too, and has still to see them")
        if len(self.owners(self.billing)) != len(self.orders):
            raise Failed("jobs of another group, billing, were acknowledged: nobody will send those bills")


# 16.1


def _check_finish_job(trial: Trial) -> None:
    jobs = _Jobs(trial)
    packed: list[object] = []

    def pack(redis_conn: object, order: object) -> None:
        if apart(jobs.owners)().get(2) != jobs.bob:
            raise Failed(
                "the job was acknowledged before it was packed: a worker that is killed while it packs takes it along",
                Plain("the job pending while it is packed"),
                Plain("not pending any more"),
            )
        if not isinstance(redis_conn, redis.Redis):
            raise Failed("pack gets the client first, and then the order: pack(redis_conn, order)")
        packed.append(order)

    def begin() -> None:
        packed.clear()
        jobs.begin(5, taken=4)

    args = (jobs.key, jobs.group, jobs.id_of(2), "2 uva", pack)
    begin()
    outcome = trial.attempt(*args)
    if isinstance(outcome.error, Failed):
        raise outcome.error
    if outcome.error is not None:
        raise Crashed(outcome.error)
    trial.expect("the order is to be packed, once", ["2 uva"], packed)
    _expect_one_done(jobs)
    for kind in (OSError, ValueError, RuntimeError, redis.ConnectionError):
        _expect_error_of_pack(trial, jobs, kind)
    trial.every_error((*args[:-1], _packs), before=begin)


def _packs(redis_conn: object, order: object) -> None:
    """Packing that asks Redis nothing."""


def _expect_one_done(jobs: _Jobs) -> None:
    left = jobs.owners()
    if 2 in left:
        raise Failed(
            "the order was packed, and its job is still pending: another worker will take it over and pack it again",
            Plain("acknowledged"),
            Plain("pending"),
            cure="`XACK` needs the stream, the group and the id of the job.",
        )
    if left != {1: jobs.ann, 3: jobs.ann, 4: jobs.bob}:
        raise Failed(
            "jobs that other workers are packing were acknowledged too: when these are killed, their jobs are lost",
            Plain("jobs 1, 3 and 4 pending"),
            Plain(f"{len(left)} pending"),
        )
    jobs.expect_the_rest()


def _expect_error_of_pack(trial: Trial, jobs: _Jobs, kind: type[Exception]) -> None:
    def pack_and_fail(redis_conn: object, order: object) -> None:
        raise kind("no crates left")

    jobs.begin(5, taken=4)
    outcome = trial.attempt(jobs.key, jobs.group, jobs.orders[1][0], "2 uva", pack_and_fail)
    if 2 not in jobs.owners():
        raise Failed("packing failed, and the job is acknowledged: acknowledge only what is packed")
    if outcome.error is None:
        raise Failed("pack failed, and your function kept that to itself: let the error through")


FINISH_JOB = Exercise(
    id="16.1",
    title="Packed, so acknowledged",
    kind="blank",
    question="""\
A worker has taken the job `job_id` from a stream. `finish_job` packs its order, and then acknowledges the job, so that
no other worker gets it. In place of the `...`, one line is missing.""",
    stub="""\
def finish_job(redis_conn, stream, group, job_id, order, pack):
    pack(redis_conn, order)
    ...""",
    hints=(
        "Which command of lesson 15 says to Redis: this group is done with this job?",
        "`redis_conn.xack` wants three things, from the largest to the smallest: the stream, the group, the job's id.",
    ),
    solution="""\
def finish_job(redis_conn, stream, group, job_id, order, pack):
    pack(redis_conn, order)
    redis_conn.xack(stream, group, job_id)""",
    why="While the order is packed, the job is pending. A worker that is killed, or whose `pack` fails, leaves it so, "
    "and another worker takes it over.",
    check=_check_finish_job,
)

# 16.2


def _check_put_job(trial: Trial) -> None:
    stream, mark, other = trial.key("jobs"), trial.key("put:order-7"), trial.key("put:order-8")
    order = f"{trial.number(10, 99)} {trial.word()}"

    def jobs() -> list[str]:
        return [fields.get("order", "") for _, fields in cast(Any, trial.redis.xrange(stream))]

    first = trial.call(stream, mark, order)
    _expect_in_stream(order, jobs())
    ((job_id, fields),) = cast(Any, trial.redis.xrange(stream))
    trial.expect("the job must have one field, `order`", {"order": order}, fields)
    trial.expect("put_job returns the id of the job", job_id, first)
    _expect_mark(trial, mark, job_id)
    again = trial.call(stream, mark, order)
    if len(jobs()) != 1:
        raise Failed("the order was put a second time, and now there are two jobs: two boxes are sent", [order], jobs())
    trial.expect("put again, the order has the same job: its id must come back", job_id, again)
    _expect_mark(trial, mark, job_id)
    second = trial.call(stream, other, order)
    if len(jobs()) != 2:
        raise Failed("another order with another mark was not put: two customers may want the same", 2, len(jobs()))
    if second == first:
        raise Failed("two orders got one job id: each has a job of its own")
    _expect_put_after_loss(trial, stream, mark, order, jobs)
    _expect_one_at_once(trial, stream, mark, order, jobs)
    trial.every_error((stream, mark, order), before=lambda: trial.put({}))


def _expect_in_stream(order: str, seen: list[str]) -> None:
    if seen != [order]:
        cure = None if seen else "For a key that is not there, `known` is `false`, and not `nil`: ask `if known then`."
        raise Failed("the order must be in the stream, in a field `order`", [order], seen, cure=cure)


def _expect_mark(trial: Trial, mark: str, job_id: str) -> None:
    trial.expect_value("under `mark`, the id of the job must be remembered", mark, job_id)
    trial.expect_ttl("the mark must end after a day: otherwise each order leaves a key for ever", mark, 86_390, 86_400)


def _expect_put_after_loss(trial: Trial, stream: str, mark: str, order: str, jobs: Any) -> None:
    """The reply of each command is lost in turn, or the program is killed: then the order is put again."""
    trial.put({})
    trial.call(stream, mark, order)
    for number in range(1, len(trial.commands) + 1):
        for broken in (partial(trial.attempt, lost_reply=number), partial(trial.attempt, cut_after=number)):
            trial.put({})
            broken(stream, mark, order)
            trial.call(stream, mark, order)
            if len(jobs()) != 1:
                raise Failed(
                    f"after command number {number} the connection broke, the order was put again, and now there are "
                    f"{len(jobs())} jobs for one order",
                    1,
                    len(jobs()),
                    cure="The job and the mark must come in one step: one script, as in the stub.",
                )


def _expect_one_at_once(trial: Trial, stream: str, mark: str, order: str, jobs: Any) -> None:
    def whole(run: Run, seen: object) -> bool:
        values = {outcome.value for outcome in run.outcomes}
        return seen == 1 and len(values) == 1 and trial.redis.get(mark) in values

    trial.orders(
        "two programs put one order at once, and it has two jobs, or an id that is no job",
        {"shop": (stream, mark, order), "shop again": (stream, mark, order)},
        before=lambda: None,
        view=lambda: len(jobs()),
        allowed=whole,
    )


PUT_JOB = Exercise(
    id="16.2",
    title="Put twice, there once",
    kind="blank",
    question="""\
`put_job` puts an order into `stream`, and returns the id of its job. The key `mark` belongs to this order alone: it
remembers the job's id for a day. When the same order is put again, nothing may be added, and the id of its first job is
returned. In place of the `...`, three lines of the script are missing.""",
    stub="""\
def put_job(redis_conn, stream, mark, order):
    script = \"\"\"
    local known = redis.call('GET', KEYS[2])  -- the job's id, if it was put before
    ...
    local id = redis.call('XADD', KEYS[1], '*', 'order', ARGV[1])
    redis.call('SET', KEYS[2], id, 'EX', 86400)
    return id
    \"\"\"
    return redis_conn.eval(script, 2, stream, mark, order)""",
    hints=(
        "What is `known` when there is no such key? Lesson 06: it is `false`. Otherwise it is the id.",
        "So an `if` is missing: when `known` is there, the script returns it, and does not come to `XADD`.",
        "In Lua: `if` … `then`, in the next line `return` …, and in the third line `end`.",
    ),
    solution="""\
def put_job(redis_conn, stream, mark, order):
    script = \"\"\"
    local known = redis.call('GET', KEYS[2])  -- the job's id, if it was put before
    if known then
      return known
    end
    local id = redis.call('XADD', KEYS[1], '*', 'order', ARGV[1])
    redis.call('SET', KEYS[2], id, 'EX', 86400)
    return id
    \"\"\"
    return redis_conn.eval(script, 2, stream, mark, order)""",
    why="The script is one step: the job and its mark come together. So whoever has lost the reply puts the order "
    "again, as often as needed. After a day the mark is gone, and a put would make a second job.",
    check=_check_put_job,
)

# 16.3

NO_END = (
    "your function waited until a job came, after 0.4 seconds: with 0, `BLOCK` waits for ever. "
    "A worker that waits for ever cannot stop, and sees no job of a dead worker"
)
TOO_EARLY = "your function gave up too early: it may wait for `seconds`"


def _check_read_within(trial: Trial) -> None:
    jobs = _Jobs(trial)
    trial.may_wait = True
    shape = "return the job as (id, fields), or None when none came"
    jobs.begin(4, taken=2)
    trial.expect("a new job waits: " + shape, jobs.orders[2], trial.call(jobs.key, jobs.group, jobs.ann, 0.05))
    trial.expect(
        "one job is to be taken, and it is pending under the name that was given",
        {1: jobs.ann, 2: jobs.bob, 3: jobs.ann},
        jobs.owners(),
    )
    trial.expect("with 0 seconds, a job that waits is taken too", jobs.orders[3], trial.call(*_args(jobs, 0)))
    for seconds in (0, 0.0004, 0.0001):
        jobs.begin(1, taken=1)
        value = _call_with_a_late_job(trial, jobs, seconds, after=0.4)
        if value is not None:
            raise Failed(NO_END, Plain("None"), value, cure="`BLOCK` counts whole milliseconds: never less than 1.")
    jobs.begin(1, taken=1)
    begin = time.monotonic()
    trial.expect("nothing came: " + shape, None, trial.call(*_args(jobs, 0.25)))
    if time.monotonic() - begin < 0.2:
        raise Failed(TOO_EARLY, Plain("0.25 seconds"), Plain("less"))
    jobs.begin(1, taken=1)
    seconds = trial.number(30, 40) / 10
    value = _call_with_a_late_job(trial, jobs, seconds, after=0.1)
    if value is None and jobs.redis.xlen(jobs.key) == 1:  # it had come back before the job was put
        raise Failed(TOO_EARLY, Plain(f"{seconds:g} seconds"), Plain("less"))
    if value is None:
        raise Failed(
            "a job came after 0.1 seconds, and your function had not waited for it: it may wait for `seconds`",
            Plain("the job"),
            value,
        )
    trial.every_error(_args(jobs, 0.01), before=lambda: jobs.begin(3, taken=2))


def _args(jobs: _Jobs, seconds: float) -> tuple:
    return (jobs.key, jobs.group, jobs.ann, seconds)


def _call_with_a_late_job(trial: Trial, jobs: _Jobs, seconds: float, after: float) -> object:
    """A job is put so long after the function has asked for one, unless it has come back by then."""
    before, ended = trial.call_seen, threading.Event()

    def put_late() -> None:
        while trial.call_seen is before or not trial.commands:
            if ended.wait(0.005):
                return
        if not ended.wait(after):
            jobs.redis.xadd(jobs.key, {"order": "late"})

    thread = threading.Thread(target=put_late)
    thread.start()
    try:
        return trial.call(*_args(jobs, seconds))
    finally:
        ended.set()
        thread.join()


READ_WITHIN = Exercise(
    id="16.3",
    title="A wait that ends",
    kind="change",
    question="""\
`read_within` takes one new job, and waits for it `seconds` at most. It returns the job, or `None` if none came.
But `BLOCK 0` means: wait **for ever**. And `BLOCK` wants whole milliseconds: `round` makes 0 of a very short wait.
Change the code: with `seconds=0`, and with `seconds=0.0001`, it must come back at once.""",
    stub="""\
def read_within(redis_conn, stream, group, name, seconds):
    block = round(1000 * seconds)
    reply = redis_conn.xreadgroup(group, name, {stream: ">"}, count=1, block=block)
    if not reply:
        return None
    return reply[0][1][0]""",
    hints=(
        "The only bad number is 0. Which is the smallest number of milliseconds that is not 0?",
        "`max(a, b)` gives the larger of two numbers.",
    ),
    solution="""\
def read_within(redis_conn, stream, group, name, seconds):
    block = max(1, round(1000 * seconds))
    reply = redis_conn.xreadgroup(group, name, {stream: ">"}, count=1, block=block)
    if not reply:
        return None
    return reply[0][1][0]""",
    why="One millisecond is nearly nothing, and it ends. With BRPOP it is the same: a time-out of 0 waits for ever.",
    check=_check_read_within,
)

# 16.4

NOW = 1_900_000_000  # what Redis says in the checks: in the year 2030
MIXED_UP = {  # what Redis or redis-py says, and what it means here
    "has no attribute 'items'": "`zadd` wants two things: the key, and a dict with the member as key and its score as "
    "value",
    "not a valid float": "`ZADD` got a score that is no number: in the dict of `zadd`, the member is the key, and its "
    "score is the value",
    "arguments for 'zrem'": "`ZREM` was sent without a member: when no order is due, there is nothing to take out",
}


def _call_at(trial: Trial, now: float, *args: object) -> object:
    """One call, while TIME says so many seconds."""
    outcome = trial.attempt(*args, now=round(1_000_000 * now))
    for part, why in MIXED_UP.items():
        if isinstance(outcome.error, (redis.ResponseError, AttributeError)) and part in str(outcome.error):
            raise Failed(why)
    if outcome.error is not None:
        raise outcome.error if isinstance(outcome.error, Failed) else Crashed(outcome.error)
    return outcome.value


def _check_put_later(trial: Trial) -> None:
    later, order = trial.key("later"), f"order *{trial.word()}*"
    there = {"order-1": float(NOW - 50), f"{order}0": float(NOW + 50)}
    for seconds, before in ((60, {}), (trial.number(100, 9000), there), (0, there), (5, {order: float(NOW - 9)})):
        now = NOW + trial.number(1, 5000)
        trial.put({later: before})
        _call_at(trial, now + 0.25, later, order, seconds)
        _expect_due_at(trial, later, order, now + seconds, seconds)
        trial.redis.zrem(later, order)
        others = {name: score for name, score in before.items() if name != order}
        trial.expect_state("other orders must stay as they are", {later: others or None})
    trial.every_error((later, order, 60), before=lambda: trial.put({later: there}))


def _expect_due_at(trial: Trial, later: str, order: str, due: float, seconds: int) -> None:
    score = cast(Any, trial.redis.zscore(later, order))
    if score is None:
        found = trial.redis.zrange(later, 0, -1)
        raise Failed("the order is not in the sorted set: it will never be packed", order, found)
    if due - 0.01 <= score <= due + 1.01:
        return
    if abs(score - time.time() - seconds) < 100:
        raise Failed(
            "the time comes from the clock of your program: another computer's clock may be an hour off. Ask `TIME`",
            Plain(f"{due:g}"),
            Plain(f"{score:g}"),
        )
    if score == seconds:
        raise Failed(
            "the score must say *when*, and not how long: with the score 60, the order has been due since 1970",
            Plain(f"the time of Redis + {seconds}"),
            score,
        )
    raise Failed(
        "the order is due at another time: add `seconds` to the seconds of Redis. Put again, an order has the new time",
        due,
        score,
    )


PUT_LATER = Exercise(
    id="16.4",
    title="In an hour, please",
    kind="write",
    question="""\
Write `put_later`. It puts `order` into the sorted set `later`, with the time at which it is due as the score: `seconds`
from now, in Unix time, by the clock of Redis. (`redis_conn.time()` gives two numbers. The first
one, `redis_conn.time()[0]`, counts whole seconds, and that is enough here. Other orders stay as they are.)""",
    stub="""\
def put_later(redis_conn, later, order, seconds):
    # your code here
    ...""",
    hints=(
        "Two lines. First ask the time: `now = redis_conn.time()[0]`.",
        "`zadd` wants the key and a dict: the member, and its score.",
    ),
    solution="""\
def put_later(redis_conn, later, order, seconds):
    now = redis_conn.time()[0]
    redis_conn.zadd(later, {order: now + seconds})""",
    why="All programs compare with one clock, that of Redis. When the same order is put again, it has the new time: in "
    "a sorted set, each member stands once.",
    check=_check_put_later,
)

# 16.5


class _Due:
    """Orders that are due, orders that are not, and what was put into the queue."""

    def __init__(self, trial: Trial) -> None:
        self.redis: Any = trial.redis
        self.key = trial.key("later")
        self.queue: list[str] = []
        self.lost: Failed | None = None
        self.word = trial.word()
        self.names: list[str] = []
        self._trial = trial

    def begin(self, due: int, now: float) -> None:
        """So many are due, the last of them just now. Three are due later."""
        self.queue.clear()
        scores = {self.due(number): now - due + number for number in range(1, due + 1)}
        scores |= {f"later {self.word} {number}": now + number + 1 for number in (1, 60, 3600)}
        self.names = list(scores)
        self._trial.put({self.key: {name: float(score) for name, score in scores.items()}})

    def due(self, number: int) -> str:
        return f"{number} *{self.word}* ü"

    def put(self, order: str) -> None:
        if order not in self.names:
            raise Failed(
                "put got something that is no order: it wants one member of the sorted set", self.due(1), order
            )
        if apart(self.redis.zscore)(self.key, order) is None:
            raise Failed(
                "the order was taken out before it was put: a program that is killed in between has lost it",
                Plain("the order still in the sorted set while it is put"),
                Plain("not there any more"),
            )
        self.queue.append(order)

    def put_at_once(self, order: str) -> None:
        """The same without a look, where two programs may be at one order."""
        self.queue.append(order)

    def all_orders(self) -> list[str]:
        """Wherever they are. One that is put twice has one job."""
        return sorted({*self.queue, *self.redis.zrange(self.key, 0, -1)})


def _check_queue_due(trial: Trial) -> None:
    due = _Due(trial)
    for count in (1, 3, 250, 0):
        due.begin(count, NOW)
        _call_at(trial, NOW + 0.3, due.key, due.put)
        _expect_queued(trial, due, count)
    trial.put({})
    due.queue.clear()
    _call_at(trial, NOW, due.key, due.put)
    trial.expect("nothing is there, so nothing is put", [], due.queue)
    _expect_error_of_put(trial, due)

    args = (due.key, due.put_at_once)

    def begin(count: int = 3) -> None:
        due.begin(count, time.time() - 1000)

    def move_one() -> None:
        due.put_at_once(due.due(1))
        due.redis.zrem(due.key, due.due(1))

    why = "an order is lost: it is not in the sorted set, and was never put. Look at which orders your code takes out"
    trial.every_cut(why, args, begin, view=due.all_orders)
    trial.every_gap(
        why,
        args,
        before=begin,
        rivals={
            "the shop adds an order that is due": lambda: due.redis.zadd(due.key, {"new *1*": 5}),
            "another program moves one": move_one,
        },
        view=due.all_orders,
    )
    trial.orders(
        "two programs did this at once, and an order is lost, or still waits",
        {"program A": args, "program B": args},
        before=lambda: begin(2),
        view=lambda: (due.all_orders(), due.redis.zcard(due.key)),
    )
    trial.every_error(args, before=begin)


def _expect_queued(trial: Trial, due: _Due, count: int) -> None:
    wanted = [due.due(number) for number in range(1, count + 1)]
    early = [order for order in due.queue if order not in wanted]
    if early:
        raise Failed(
            "an order was put that is not due yet, by the clock of Redis: it comes too early",
            wanted[:3],
            early[:3],
            cure="Ask `TIME`, and give `ZRANGE … BYSCORE` the seconds of now as its end.",
        )
    missing = [order for order in wanted if order not in due.queue]
    if missing:
        asked = {"TIME", "EVAL", "EVALSHA"} & set(trial.commands)  # a script may ask the time, too
        raise Failed(
            "an order is due, and was not put: its customer waits",
            Plain(f"{count} put"),
            len(due.queue),
            cure=None if asked else "It is due by the clock of Redis, and another clock may be late: ask `TIME`.",
        )
    trial.expect("each order is to be put once, when nobody else is there", count, len(due.queue))
    left = due.redis.zrange(due.key, 0, -1)
    still = [order for order in left if order in wanted]
    if still:
        raise Failed("an order was put, and still waits in the sorted set: next time it is put again", [], still[:3])
    trial.expect("orders that are not due must wait on", 3, len(left))


def _expect_error_of_put(trial: Trial, due: _Due) -> None:
    for kind in (redis.ConnectionError, OSError, ValueError):

        def put_and_fail(order: str, kind: type[Exception] = kind) -> None:
            if order == due.due(2):
                raise kind("not put")
            due.queue.append(order)

        due.begin(3, NOW)
        before = due.all_orders()
        outcome = trial.attempt(due.key, put_and_fail, now=1_000_000 * NOW)
        trial.expect(
            "put failed, and its order is lost: it must still wait in the sorted set", before, due.all_orders()
        )
        if outcome.error is None:
            raise Failed("put failed, and your function kept that to itself: let the error through")


QUEUE_DUE = Exercise(
    id="16.5",
    title="Now they are due",
    kind="stretch",
    question="""\
Write `queue_due`, which moves all orders that are due from the sorted set `later` into a queue. You are given `put`:
`put(order)` puts one order into the queue. It may be called twice for one order, because it uses an own id: then there
is still one job. An order is due when its score is not greater than the time of Redis, in seconds.

The program may be killed at any moment, and then no order may be lost. Several programs do this at the same time, and
the shop adds new orders meanwhile. (Nobody changes the time of an order.)""",
    stub="""\
def queue_due(redis_conn, later, put):
    # your code here
    ...""",
    hints=(
        "Begin with `remove_then_put`. Which of its two steps must come first? It is the rule of this lesson.",
        "First `put(order)`, then `zrem` for this one order. Killed in between, the next program puts it again.",
        "Take out only what you have put. An order that came meanwhile was not put yet.",
    ),
    solution="""\
def queue_due(redis_conn, later, put):
    now = redis_conn.time()[0]
    for order in redis_conn.zrange(later, 0, now, byscore=True):
        put(order)
        redis_conn.zrem(later, order)""",
    why="It is the rule of this lesson once more: first the work, then the line that says that it is done. What is "
    "done twice must do no harm: the own id sees to that. And no script is needed.",
    check=_check_queue_due,
)

EXERCISES = (FINISH_JOB, PUT_JOB, READ_WITHIN, PUT_LATER, QUEUE_DUE)

QUIZ = (
    Question(
        "A program sends invoices by e-mail. It acknowledges each job first, and then sends. The computer loses its "
        "power while it sends. What about this invoice?",
        (
            ("It is never sent", "Acknowledged means: done. No other worker will ask for it."),
            ("It is sent when another worker takes over", "Only pending jobs are taken over. This one is not pending."),
            ("It is sent twice", "That can happen when the acknowledgement comes last."),
        ),
        answer="a",
    ),
    Question(
        "A worker is killed after it has sent an e-mail, and before it acknowledges. The acknowledgement comes last in "
        "this program. What about the e-mail?",
        (
            ("It is lost", "It was sent. Only Redis does not know."),
            ("It is sent once", "Redis has seen no acknowledgement, so the job is handed out again."),
            (
                "It is sent again, later",
                "At least once. The handler must notice that it was sent, or twice must be all right.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A client has a time-out of 2 seconds. Its worker waits for jobs with `block=5000`. At night no job comes. "
        "What happens?",
        (
            ("The worker gets None after 5 seconds", "Redis would say so. But the client does not listen for so long."),
            ("After 2 seconds the client raises TimeoutError", "The wait must be shorter than the time-out."),
            ("The worker waits until the morning", "That is `block=0`, without a time-out."),
        ),
        answer="b",
    ),
    Question(
        "A ticket shop puts a job, and the reply is lost. It does not use an own id, and puts again. What can happen?",
        (
            (
                "The customer gets two tickets",
                "The first put was perhaps done. Redis cannot know that both are one order.",
            ),
            ("Redis refuses the second put", "For Redis, each `XADD` is a new entry."),
            ("The first job is replaced", "A stream only grows. Nothing is replaced."),
        ),
        answer="a",
    ),
    Question(
        "Each job takes about 1 second. A job that was idle for 30 seconds is taken over. A worker reads 100 jobs at "
        "once, and acknowledges them at the end. No worker is killed. What happens?",
        (
            ("All is well, and quicker", "The way to Redis costs far less than a second. Nothing is gained."),
            (
                "Jobs of the batch are taken over, and done twice",
                "The last ones wait for 99 seconds, and look abandoned.",
            ),
            (
                "Redis refuses the acknowledgement after 30 seconds",
                "XACK works at any time. But others have begun by then.",
            ),
        ),
        answer="b",
    ),
)
