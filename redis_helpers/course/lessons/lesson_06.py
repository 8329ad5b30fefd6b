"""Lesson 06: acknowledging, recovering, what a worker reads after a crash, poison messages."""

from collections import Counter

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Question

# 6.1


def _check_finish(trial: Trial) -> None:
    held = trial.key("held")
    packed = []

    def pack(order: str) -> None:
        """Packs. Meanwhile another worker takes an order into the same list."""
        if trial.redis.lrange(held, 0, -1).count(order) < 2:  # its own, and that of another worker
            raise Failed(
                "the order was acknowledged before it was packed: a worker that dies while packing takes it along",
                Plain("the order on the list while it is packed"),
                trial.redis.lrange(held, 0, -1),
            )
        packed.append(order)
        trial.redis.lpush(held, "9 apple")

    trial.redis.rpush(held, "8 uva", "7 banana", "7 banana", "3 kiwi")
    trial.call(held, "7 banana", pack)
    trial.expect("the order is to be packed, once", ["7 banana"], packed)
    right, left = ["9 apple", "8 uva", "7 banana", "3 kiwi"], trial.redis.lrange(held, 0, -1)
    if left.count("7 banana") == 2:
        raise Failed("the order was packed and is still on the list: somebody will recover and pack it again")
    if "7 banana" not in left and {"9 apple", "3 kiwi"} <= set(left):
        why = (
            "an order that reads the same was deleted too, and another worker is still packing it: LREM takes a "
            "count, and with 0 it deletes all"
        )
        raise Failed(why, right, left)
    trial.expect(
        "orders that other workers are packing were deleted: acknowledge this one, by its value",
        Counter(right),
        Counter(left),
    )

    def pack_and_fail(order: str) -> None:
        raise OSError("no crates left")

    outcome = trial.attempt(held, "8 uva", pack_and_fail)
    if not isinstance(outcome.error, OSError):
        raise Failed("pack() failed, and your function kept it to itself: let the error through")
    if "8 uva" not in trial.redis.lrange(held, 0, -1):
        raise Failed("packing failed, and the order is gone: acknowledge only what is packed")


FINISH = Exercise(
    id="6.1",
    title="Packed, so off the list",
    kind="blank",
    question="""\
A worker has moved `order` to the list `held`. In place of the `...`, the acknowledgement is missing. Other workers keep
their orders on the same list, and two orders may read the same.""",
    stub="""\
def finish(redis_conn, held, order, pack):
    pack(order)
    ...""",
    hints=(
        "Which command deletes an element of a list by its value, and not by its place?",
        "`redis_conn.lrem(list, count, value)`. How many of the elements that read so did this worker pack?",
    ),
    solution="""\
def finish(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lrem(held, 1, order)""",
    why="LREM with count 1 deletes one element of that value and leaves those of others alone. It comes after pack(): "
    "a worker that dies or fails before it leaves the order where it can be recovered.",
    check=_check_finish,
)

# 6.2


def _check_recover(trial: Trial) -> None:
    queue, held = trial.key("orders"), trial.key("held")
    right = ["5", "6", "7", "8", "9"]

    def a_worker_died() -> None:
        trial.redis.delete(queue, held)
        trial.redis.rpush(queue, "8", "9")  # the next to be taken is at the left
        trial.redis.rpush(held, "5", "6", "7")  # 5 was taken first

    def everything() -> list[str]:
        return sorted(trial.redis.lrange(queue, 0, -1) + trial.redis.lrange(held, 0, -1))

    a_worker_died()
    trial.call(held, queue)
    trial.expect_value("nothing may be left of the dead worker's list", held, None)
    line = trial.redis.lrange(queue, 0, -1)
    trial.expect("every order must be in the queue once", right, sorted(line))
    if line == ["7", "6", "5", "8", "9"]:
        raise Failed("the youngest of them would be packed first: put back from the newest to the oldest", right, line)
    if line[:2] == ["8", "9"]:
        why = "who waited longest must not wait again: they come back at the left, where these workers take"
        raise Failed(why, right, line)
    trial.expect("the recovered orders are the next in line, the oldest first", right, line)

    for reached in trial.cuts(held, queue, prepare=a_worker_died):
        if everything() != right:
            why = (
                f"the recovery itself was killed after its command number {reached}, and an order is gone or there "
                "twice: take out and put in must be one command"
            )
            raise Failed(why, right, everything())

    a_worker_died()
    trial.call(held, queue, between=lambda: trial.redis.rpush(held, "10"))
    came = everything().count("10")
    if trial.round_trips > 1 and not came:
        raise Failed(
            "the worker was not dead: it took order 10 between two of your commands, and your code deleted it unseen"
        )
    trial.expect("every order must be there once", sorted(right + ["10"] * came), everything())
    trial.redis.delete(queue, held)
    trial.call(held, queue)
    trial.expect_value("a worker that held nothing leaves nothing to recover", queue, None)


RECOVER = Exercise(
    id="6.2",
    title="Put back what a dead worker held",
    kind="change",
    question="""\
These workers take from the *left*: `LMOVE queue held LEFT RIGHT`. This code puts the orders of a dead worker behind all
others; killed itself, it can lose one. Change it: they come back as the next in line, the oldest first, and none gets
lost.""",
    stub="""\
def recover(redis_conn, held, queue):
    while order := redis_conn.lpop(held):
        redis_conn.rpush(queue, order)""",
    hints=(
        "Between LPOP and RPUSH the order is only in this program's memory. Which command takes out and puts in?",
        "`lmove` names two sides. Where in the queue do these workers take? And where in `held` is the newest?",
        "Newest first: from the right of `held` to the left of the queue, until nothing comes.",
    ),
    solution="""\
def recover(redis_conn, held, queue):
    while redis_conn.lmove(held, queue, "RIGHT", "LEFT"):
        pass""",
    why="LMOVE is one command, so the order is always on one of the two lists. Going from the newest to the oldest, "
    "the oldest ends up at the far left, where the next worker takes.",
    check=_check_recover,
)

# 6.3

STREAM_OF_FIVE = [
    (f"{number}-0", {"fruit": fruit}) for number, fruit in enumerate(("uva", "kiwi", "fig", "plum", "lime"), 1)
]


def _new_stream(trial: Trial, stream: str) -> None:
    """Five orders and the group `packers`, which has seen none of them."""
    trial.redis.delete(stream)
    for entry, order in STREAM_OF_FIVE:
        trial.redis.xadd(stream, order, id=entry)
    trial.redis.xgroup_create(stream, "packers", "0")


def _as_entries(answer: object, why: str, expected: list) -> list:
    """The answer as a list of (id, fields), whatever sequences it is made of."""
    pairs = answer if isinstance(answer, (list, tuple)) else [None]
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[1], dict) for pair in pairs):
        raise Failed(why, expected, answer)
    return [tuple(pair) for pair in pairs]


def _owner(trial: Trial, stream: str) -> dict[str, str]:
    return {one["message_id"]: one["consumer"] for one in trial.redis.xpending_range(stream, "packers", "-", "+", 10)}


def _check_next_orders(trial: Trial) -> None:
    stream = trial.key("orders")
    shape = "return a list of (id, fields), and an empty list when there is nothing"

    def ask(why: str, expected: list, count: int = 2) -> None:
        answer = _as_entries(trial.call(stream, "packers", "ann", count), shape, expected)
        if answer != expected:
            raise Failed(why, expected, answer)

    def after_a_crash() -> None:
        """Ann was given 1 and 3 and has come back; Bob is packing 2; 4 and 5 are new."""
        _new_stream(trial, stream)
        for name in ("ann", "bob", "ann"):
            trial.redis.xreadgroup("packers", name, {stream: ">"}, count=1)

    _new_stream(trial, stream)
    ask("Ann has nothing unfinished: she gets the oldest new orders", STREAM_OF_FIVE[:2])
    if list(_owner(trial, stream).values()) != ["ann", "ann"]:
        raise Failed(
            "what was handed out must be pending under her name until she acknowledges it: XREADGROUP without NOACK, "
            "and no XACK here, as nothing is packed yet"
        )
    after_a_crash()
    own = [STREAM_OF_FIVE[0], STREAM_OF_FIVE[2]]
    answer = _as_entries(trial.call(stream, "packers", "ann", 2), shape, own)
    if answer == STREAM_OF_FIVE[3:]:
        raise Failed(
            "Ann came back and got new orders; those she was given before the crash wait for ever: > means never "
            "given to anybody. Her own are asked for with the id 0",
            own,
            answer,
        )
    if STREAM_OF_FIVE[1] in answer or _owner(trial, stream)["2-0"] != "bob":
        raise Failed("Ann took an order that Bob is packing: her own, and nobody else's", own, answer)
    if len(answer) > 2:
        raise Failed("more orders than count: new ones are for when nothing of her own is left", own, answer)
    if answer != own:
        raise Failed("Ann's unfinished orders come first, the oldest first", own, answer)
    trial.expect("asking for her own orders must leave the new ones untouched", 3, len(_owner(trial, stream)))
    after_a_crash()
    ask("at most count orders", own[:1], count=1)

    trial.redis.xack(stream, "packers", "1-0", "3-0")
    ask("with 0, XREADGROUP answers with an empty list when nothing is pending: then the new ones", STREAM_OF_FIVE[3:])
    trial.redis.xack(stream, "packers", "4-0", "5-0")
    ask(shape, [])


NEXT_ORDERS = Exercise(
    id="6.3",
    title="Back at work",
    kind="write",
    question="""\
A worker comes back after a crash. Write `next_orders(redis_conn, stream, group, consumer, count)`: what this consumer
was given and has not acknowledged, at most `count`; only if there is none, new orders. It returns a list of
`(id, fields)`, perhaps empty, and does not wait.""",
    stub="""\
def next_orders(redis_conn, stream, group, consumer, count):
    # your code here
    ...""",
    hints=(
        "Two calls of `xreadgroup` that differ in the id: which is for one's own entries, which for new ones?",
        "The answer is a list of [stream, entries]. With `0`, the entries may be empty; with `>`, the answer itself.",
        "Ask with `0` first. `found[0][1]` holds the entries; only if there are none, ask with `>`.",
    ),
    solution="""\
def next_orders(redis_conn, stream, group, consumer, count):
    for start in ("0", ">"):
        found = redis_conn.xreadgroup(group, consumer, {stream: start}, count=count)
        if found and found[0][1]:
            return found[0][1]
    return []""",
    why="the server remembers what each consumer was given. A worker that asks for it first picks up where it was "
    "killed, and leaves alone what others are packing.",
    check=_check_next_orders,
)

# 6.4


def _check_claim(trial: Trial) -> None:
    stream, dead = trial.key("orders"), trial.key("dead")
    shape = "return a list of (id, fields): the orders to pack now"
    healthy = [STREAM_OF_FIVE[0], STREAM_OF_FIVE[2]]

    def two_died() -> None:
        """1 was delivered once, 2 three times, 3 twice, all long ago; 4 is being packed now; 5 is new."""
        trial.redis.delete(dead)
        _new_stream(trial, stream)
        trial.redis.xreadgroup("packers", "bob", {stream: ">"}, count=4)
        for entry, deliveries in (("1-0", 1), ("2-0", 3), ("3-0", 2)):
            trial.redis.xclaim(stream, "packers", "cleo", 0, [entry], idle=60_000, retrycount=deliveries)

    def in_the_dead() -> list[dict]:
        return [order for _, order in trial.redis.xrange(dead)]

    two_died()
    answer = _as_entries(trial.call(stream, dead, "packers", "ann", 30_000, 3), shape, healthy)
    owner = _owner(trial, stream)
    if owner.get("4-0") != "bob" or "5-0" in owner:
        raise Failed("order 4 is being packed, and 5 is new: take over only what has been pending for `idle` ms")
    if STREAM_OF_FIVE[1] in answer and not in_the_dead():
        raise Failed(
            "order 2 had been delivered three times, and now it went out for the fourth time: with most=3, it belongs "
            "to the dead. XAUTOCLAIM itself counts as a delivery: look at the count after it",
            healthy,
            answer,
        )
    if len(in_the_dead()) > 1:
        raise Failed(
            "an order with three deliveries or fewer was given up: only *more* than `most` is too many",
            [STREAM_OF_FIVE[1][1]],
            in_the_dead(),
        )
    if not in_the_dead():
        raise Failed("order 2 is nowhere: what is given up goes to the dead-letter stream, for somebody to look at")
    if not STREAM_OF_FIVE[1][1].items() <= in_the_dead()[0].items():
        raise Failed(
            "in the dead-letter stream, the order must have its fields", STREAM_OF_FIVE[1][1], in_the_dead()[0]
        )
    if "2-0" in owner:
        raise Failed("order 2 is among the dead and still pending: without XACK, it will be claimed again and again")
    if answer != healthy:
        raise Failed("the orders that may be tried again are to be returned, the oldest first", healthy, answer)
    if not owner.get("1-0") == owner.get("3-0") == "ann":
        raise Failed("the returned orders must be pending under the new name: nobody has packed them yet")

    for reached in trial.cuts(stream, dead, "packers", "ann", 30_000, 3, prepare=two_died):
        places = ("2-0" in _owner(trial, stream)) + len(in_the_dead())
        if places != 1:
            raise Failed(
                f"the program died after its command number {reached}, and order 2 is "
                + ("lost" if places == 0 else "pending and dead at once")
                + ": XADD and XACK must be one transaction"
            )
    two_died()
    trial.redis.xclaim(stream, "packers", "cleo", 0, ["1-0"], idle=60_000, retrycount=1)
    answer = _as_entries(trial.call(stream, dead, "packers", "ann", 30_000, 1), shape, [])
    trial.expect(
        "with most=1, a second delivery is one too many for all three", [3, 0], [len(in_the_dead()), len(answer)]
    )


CLAIM = Exercise(
    id="6.4",
    title="Three times is enough",
    kind="stretch",
    question="""\
Write `claim(redis_conn, stream, dead, group, consumer, idle, most)`. It takes over what has been pending for `idle` ms.
What has now been delivered more than `most` times goes to the stream `dead`, with its fields, and is acknowledged: both
or neither. The rest is returned, as `(id, fields)`.""",
    stub="""\
def claim(redis_conn, stream, dead, group, consumer, idle, most):
    # your code here
    ...""",
    hints=(
        "XAUTOCLAIM takes over, and its answer has the entries in second place. Which command knows the counts?",
        "`xpending_range(..., entry, entry, 1)` answers with a list of at most one: see its `times_delivered`.",
        "For each entry: count at most `most`? Keep it. Otherwise a pipeline with `xadd` and `xack`, and `execute()`.",
    ),
    solution="""\
def claim(redis_conn, stream, dead, group, consumer, idle, most):
    _, entries, *_ = redis_conn.xautoclaim(stream, group, consumer, idle)
    to_pack = []
    for entry, order in entries:
        for state in redis_conn.xpending_range(stream, group, entry, entry, 1):
            if state["times_delivered"] <= most:
                to_pack.append((entry, order))
            else:
                with redis_conn.pipeline() as pipe:
                    pipe.xadd(dead, order)
                    pipe.xack(stream, group, entry)
                    pipe.execute()
    return to_pack""",
    why="a worker that crashes cannot count its own crashes: the server does, on each delivery, and whoever claims "
    "reads the count. The transaction leaves an order in exactly one place, wherever the program dies.",
    check=_check_claim,
)

EXERCISES = (FINISH, RECOVER, NEXT_ORDERS, CLAIM)

QUIZ = (
    Question(
        "A worker takes a job with BRPOP. The reply gets lost on the way, the worker lives. Where is the job?",
        (
            (
                "In the list: the server saw no acknowledgement",
                "BRPOP knows none. The job left with the reply.",
            ),
            ("With the worker: the client's retry brings it", "The retry asks anew, and gets the next job or nothing."),
            ("Nowhere", "At most once. BLMOVE or a consumer group keep it on the server."),
        ),
        answer="c",
    ),
    Question(
        "A queue recovers the jobs of dead workers. What must the work be like?",
        (
            ("Idempotent: done twice, it has the effect of once", "A slow worker looks dead, and then two do the job."),
            ("Fast: done before anybody can claim it", "The machine can stand still for longer than any limit."),
            (
                "Anything: acknowledged jobs are never done twice",
                "A worker can die after the work and before the XACK.",
            ),
        ),
        answer="a",
    ),
    Question(
        "A consumer restarts under its old name and reads with `>`. What about the entries it had not acknowledged?",
        (
            ("They come first", "`>` means never given to anybody. With the id 0, they come."),
            (
                "They stay pending until it reads with 0, or somebody claims them",
                "The server keeps them under its name.",
            ),
            ("They go back to the stream for others", "They never left it. Nobody gets them without a claim."),
        ),
        answer="b",
    ),
    Question(
        "XADD with MAXLEN 1000, and the workers are 5,000 entries behind. What happens?",
        (
            ("XADD fails until they catch up", "It never looks at the groups."),
            ("Only entries that all groups have acknowledged are cut", "MAXLEN alone counts entries, nothing else."),
            ("4,000 entries are gone, and no worker is told", "MAXLEN is a fuse for the memory. Trim by what is done."),
        ),
        answer="c",
    ),
)
