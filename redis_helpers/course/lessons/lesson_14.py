"""Lesson 14: acknowledging, recovering, what a worker reads after a crash, poison messages."""

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.schedules import Run

# 14.1


def _an_order(trial: Trial) -> str:
    return f"{trial.number(20, 99)} {trial.word()}"


def _check_finish(trial: Trial) -> None:
    held, mine = trial.key("held"), _an_order(trial)
    alike = [f"1{mine}", f"{mine} split", mine[:-1]]
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

    def on_the_list() -> list[str]:
        return sorted(trial.redis.lrange(held, 0, -1))

    trial.put({held: [alike[0], mine, alike[1], mine, alike[2]]})
    outcome = trial.attempt(held, mine, pack)
    if isinstance(outcome.error, Failed):
        raise outcome.error
    _expect_no_error(outcome.error)
    trial.expect("the order is to be packed, once", [mine], packed)
    _expect_one_less(trial, held, ["9 apple", alike[0], mine, alike[1], alike[2]], mine)
    _expect_errors_of_pack(trial, held, mine)

    odd = f"{mine} ü*?[a-z] 'x' \"y\""
    for orders in ([odd], [_an_order(trial) for _ in range(300)] + [odd, "1"] + [_an_order(trial) for _ in range(300)]):
        trial.put({held: orders})
        trial.call(held, odd, _packs)
        left = Counter(orders) - Counter([odd])
        trial.expect("one order is to leave the list, and all others stay", sorted(left.elements()), on_the_list())
    trial.expect_state("one order is to leave the list, and all others stay", {held: trial.redis.lrange(held, 0, -1)})

    between = "another worker changed the list between two of your commands, and an order is lost, or there too often"
    for theirs in (mine, alike[0]):
        trial.orders(
            between,
            {"Ann": (held, mine, _packs), "Bob": (held, theirs, _packs)},
            before=lambda: trial.put({held: [mine, alike[0], mine, alike[1]]}),
            view=on_the_list,
        )
    trial.every_gap(
        between,
        (held, mine, _packs),
        before=lambda: trial.put({held: [alike[0], mine, alike[1]]}),
        rivals={
            "another takes an order": lambda: trial.redis.lpush(held, alike[2]),
            "another is done with one": lambda: trial.redis.lrem(held, 1, alike[0]),
        },
        view=on_the_list,
    )
    some = {held: [alike[0], mine, alike[1]]}
    trial.every_cut("orders of others are gone", (held, mine, _packs), lambda: trial.put(some), view=on_the_list)
    trial.every_error((held, mine, _packs), before=lambda: trial.put(some))


def _packs(order: str) -> None:
    """Packing that needs no time."""


def _expect_no_error(error: BaseException | None) -> None:
    if error is not None:
        raise Crashed(error)


def _expect_one_less(trial: Trial, held: str, right: list[str], mine: str) -> None:
    left = trial.redis.lrange(held, 0, -1)
    if left.count(mine) == 2:
        raise Failed("the order was packed and is still on the list: somebody will recover and pack it again")
    if mine not in left and len(left) == len(right) - 1:
        raise Failed(
            "an order that reads the same was deleted too, and another worker is still packing it",
            right,
            left,
            cure="LREM takes a count, and with 0 it deletes all that read so",
        )
    if Counter(left) != Counter(right):
        why = "orders that other workers are packing were deleted: acknowledge this one, by its value"
        raise Failed(why, right, left)


def _expect_errors_of_pack(trial: Trial, held: str, mine: str) -> None:
    for kind in (OSError, ValueError, RuntimeError):

        def pack_and_fail(order: str, kind: Callable[[str], Exception] = kind) -> None:
            raise kind("no crates left")

        trial.put({held: [mine, "8 uva"]})
        outcome = trial.attempt(held, mine, pack_and_fail)
        if mine not in trial.redis.lrange(held, 0, -1):
            raise Failed("packing failed, and the order is gone: acknowledge only what is packed")
        if outcome.error is None:
            raise Failed("pack() failed, and your function kept it to itself: let the error through")


FINISH = Exercise(
    id="14.1",
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

# 14.2


def _check_recover(trial: Trial) -> None:
    queue, held = trial.key("orders"), trial.key("held")
    first, second, third, waiting, last = (f"{number} {trial.word()}" for number in range(5, 10))
    taken, line = [first, second, second, third], [waiting, last]  # in the order in which they were taken
    right = taken + line

    def a_worker_died() -> None:
        trial.put({queue: line, held: taken})

    def everything() -> list[str]:
        return sorted(trial.redis.lrange(queue, 0, -1) + trial.redis.lrange(held, 0, -1))

    a_worker_died()
    trial.call(held, queue)
    trial.expect_value("nothing may be left of the dead worker's list", held, None)
    now = trial.redis.lrange(queue, 0, -1)
    trial.expect("every order must be in the queue once", sorted(right), sorted(now))
    if now == taken[::-1] + line:
        raise Failed("the youngest of them would be packed first: put back from the newest to the oldest", right, now)
    if now[:2] == line:
        why = "who waited longest must not wait again: they come back at the left, where these workers take"
        raise Failed(why, right, now)
    trial.expect("the recovered orders are the next in line, the oldest first", right, now)
    trial.expect_state("the recovered orders are the next in line, the oldest first", {queue: right})

    many = [f"{number} {trial.word()}" for number in range(130)]
    all_back = "every order comes back, the oldest first, however many they are"
    trial.case(all_back, (held, queue), before={held: many}, after={queue: many})

    a_worker_died()
    trial.call(held, queue)
    for reached in trial.cuts(held, queue, prepare=a_worker_died):
        died = f"the recovery itself was killed after its command number {reached}, and "
        if everything() != sorted(right):
            lost = len(everything()) < len(right)
            raise Failed(
                died + ("an order is gone: it was on neither list" if lost else "an order is there twice"),
                sorted(right),
                everything(),
                cure="take out and put in must be one command, or one transaction",
            )
        trial.call(held, queue)
        again = died + "when it was run once more, the line was wrong"
        trial.expect(again, right, trial.redis.lrange(queue, 0, -1))

    trial.every_gap(
        "the worker was only slow, and changed its list between two of your commands: an order is lost, or there twice",
        (held, queue),
        before=a_worker_died,
        rivals={
            "the worker takes another order": lambda: trial.redis.lmove(queue, held, "LEFT", "RIGHT"),
            "an order comes from elsewhere": lambda: trial.redis.rpush(held, "10 lime"),
            "the worker is done with one": lambda: trial.redis.lrem(held, 1, first),
        },
        view=everything,
    )
    trial.orders(
        "two programs recovered the same worker's orders at once, and an order is lost, there twice, or out of line",
        {"recovery A": (held, queue), "recovery B": (held, queue)},
        before=lambda: trial.put({queue: line, held: [first, second]}),
    )
    trial.every_error((held, queue), before=a_worker_died)
    trial.case("a worker that held nothing leaves nothing to recover", (held, queue), after={})
    trial.case(
        "a worker that held nothing leaves nothing to recover", (held, queue), before={queue: line}, after={queue: line}
    )


RECOVER = Exercise(
    id="14.2",
    title="Put back what a dead worker held",
    kind="change",
    question="""\
These workers take from the *left*: `LMOVE queue held LEFT RIGHT`. This code puts the orders of a dead worker behind all
others; killed itself, it can lose one. Change it: they come back as the next in line, the oldest first, and none gets
lost or is there twice, wherever this code is killed.""",
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

# 14.3


class _Stream:
    """A stream of orders, and the group of those who pack them. Another group reads the same stream."""

    def __init__(self, trial: Trial) -> None:
        self.redis, self.key = trial.redis, trial.key("orders")
        self.group, self.others = f"packers-{trial.word()}", f"billing-{trial.word()}"
        self.ann, self.bob = (name := trial.word()), f"{name}2"
        self._trial, self._base = trial, trial.number(10**9, 10**10)
        self.orders: list[tuple[str, dict[str, str]]] = []

    def begin(self, count: int) -> None:
        """So many orders, which the packers have not seen."""
        self._trial.put({})
        self.orders = [
            (f"{self._base + number}-0", {"fruit": f"uva {number}", "crates": str(number)})
            for number in range(1, count + 1)
        ]
        pipe = self.redis.pipeline()
        for entry, order in self.orders:
            pipe.xadd(self.key, cast(Any, order), id=entry)
        pipe.xgroup_create(self.key, self.others, "0").xreadgroup(self.others, self.ann, {self.key: ">"})
        pipe.xgroup_create(self.key, self.group, "0")
        pipe.execute()

    def hand_out(self, name: str, count: int = 1) -> None:
        """Gives the next orders to a worker of the group."""
        if count:
            self.redis.xreadgroup(self.group, name, {self.key: ">"}, count=count)

    def set(self, name: str, number: int, idle: int, deliveries: int) -> None:
        """Order `number` has been with that worker for `idle` ms, and was delivered so many times."""
        entry = self.orders[number - 1][0]
        self.redis.xclaim(self.key, self.group, name, 0, [entry], idle=idle, retrycount=deliveries)

    def done(self, *numbers: int) -> None:
        """These orders are acknowledged."""
        self.redis.xack(self.key, self.group, *[self.orders[number - 1][0] for number in numbers])

    def owners(self) -> dict[int, str]:
        """Which worker of the group each pending order belongs to, by its number."""
        pending = cast(Any, self.redis.xpending_range(self.key, self.group, "-", "+", 10_000))
        return {int(one["message_id"].partition("-")[0]) - self._base: one["consumer"] for one in pending}

    def expect_the_rest(self, *keys: str) -> None:
        """The other group has what it had, and there are no other keys."""
        pending = cast(Any, self.redis.xpending(self.key, self.others))["pending"]
        if pending != len(self.orders):
            raise Failed("orders of another group were acknowledged or claimed: it reads the same stream")
        extra = self._trial.state().keys() - {self.key, *keys}
        if extra:
            raise Failed("your code left a key that nobody asked for", None, Plain(", ".join(extra)))


def _as_entries(answer: object, why: str, expected: list) -> list:
    """The answer as a list of (id, fields), whatever sequences it is made of."""
    pairs = answer if isinstance(answer, (list, tuple)) else [None]
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[1], dict) for pair in pairs):
        raise Failed(why, expected, answer)
    return [tuple(pair) for pair in pairs]


def _check_next_orders(trial: Trial) -> None:
    stream = _Stream(trial)
    ann, bob = stream.ann, stream.bob
    shape = "return a list of (id, fields), and an empty list when there is nothing"

    def ask(expected: list, count: int) -> list:
        return _as_entries(trial.call(stream.key, stream.group, ann, count), shape, expected)

    def after_a_crash() -> None:
        """Ann was given 1 and 3 and has come back; Bob is packing 2, since long ago; 4 to 8 are new."""
        stream.begin(8)
        for name in (ann, bob, ann):
            stream.hand_out(name)
        stream.set(bob, 2, 3_600_000, 1)

    stream.begin(5)
    trial.expect(
        "Ann has nothing unfinished: she gets the oldest new orders", stream.orders[:2], ask(stream.orders[:2], 2)
    )
    if len(stream.owners()) > 2:
        raise Failed(
            "more new orders than `count` were taken from the stream: the others are pending under her name, and "
            "nobody packs them",
            Plain("2 pending"),
            Plain(f"{len(stream.owners())} pending"),
        )
    if stream.owners() != {1: ann, 2: ann}:
        raise Failed(
            "what was handed out must be pending under her name until she acknowledges it, and nothing is packed yet",
            cure="XREADGROUP without NOACK, and no XACK here",
        )
    after_a_crash()
    own, new = [stream.orders[0], stream.orders[2]], stream.orders[3:]
    for count in (2, 5):
        after_a_crash()
        answer = ask(own, count)
        _look_at_own(answer, own, new[:count], count)
        if stream.orders[1] in answer or stream.owners().get(2) != bob:
            raise Failed("Ann took an order that Bob is packing: her own, and nobody else's", own, answer)
        trial.expect("Ann's unfinished orders come first, the oldest first", own, answer)
        if stream.owners() != {1: ann, 2: bob, 3: ann}:
            raise Failed(
                "Ann has unfinished orders of her own, and more were handed out to her: nobody packs those now"
            )
    after_a_crash()
    trial.expect("at most count orders", own[:1], ask(own[:1], 1))
    stream.done(1, 3)
    trial.expect("nothing of her own is left: then she gets the new ones", new, ask(new, 20))
    stream.done(4, 5, 6, 7, 8)
    trial.expect(shape, [], ask([], 3))
    trial.expect("Bob's order stays Bob's", {2: bob}, stream.owners())
    stream.expect_the_rest()
    stream.begin(150)
    stream.hand_out(ann, 130)
    many = stream.orders
    trial.expect("at most count orders, the oldest first", many[:12], ask(many[:12], 12))
    trial.expect("at most count orders, the oldest first", many[:120], ask(many[:120], 120))
    trial.expect("at most count orders, the oldest first", many[:130], ask(many[:130], 200))

    def two_new() -> None:
        stream.begin(4)

    trial.orders(
        "two workers asked at once, and one order went to both, or to none",
        {"Ann": (stream.key, stream.group, ann, 2), "Bob": (stream.key, stream.group, bob, 2)},
        before=two_new,
        view=stream.owners,
    )
    trial.every_error((stream.key, stream.group, ann, 2), before=after_a_crash)
    trial.every_error((stream.key, stream.group, ann, 2), before=two_new)


def _look_at_own(answer: list, own: list, new: list, count: int) -> None:
    if answer and all(order in new for order in answer):
        raise Failed(
            "Ann came back and got new orders; those she was given before the crash wait for ever",
            own,
            answer,
            cure="`>` means never given to anybody. Her own are asked for with the id 0",
        )
    if len(answer) > count:
        raise Failed("more orders than count: new ones are for when nothing of her own is left", own, answer)
    if all(order in answer for order in own) and any(order in new for order in answer):
        raise Failed("new orders were added to her own: new ones are for when nothing of her own is left", own, answer)


NEXT_ORDERS = Exercise(
    id="14.3",
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

# 14.4


def _check_claim(trial: Trial) -> None:
    stream, dead = _Stream(trial), trial.key("dead")
    idle, most = trial.number(200, 900) * 1000 + trial.number(1, 999), trial.number(3, 12)
    args = (stream.key, dead, stream.group, stream.ann, idle, most)
    shape = "return a list of (id, fields): the orders to pack now"

    def begin(*deliveries: int) -> None:
        """Bob died with so many orders, delivered so often. Among the dead lies an old one."""
        stream.begin(len(deliveries) + 2)
        trial.redis.xadd(dead, {"fruit": "fig"}, id="5-1")
        stream.hand_out(stream.bob, len(deliveries))
        for number, times in enumerate(deliveries, 1):
            stream.set(stream.bob, number, idle + 60_000, times)

    def some_died() -> None:
        """2 and 5 are poison; 4 is being packed, however often it was delivered; 6 and 7 are new."""
        begin(1, most, most - 1, most + 3, most + 5)
        stream.set(stream.bob, 4, idle // 2, most + 3)

    def in_the_dead() -> list[dict]:
        return [order for _, order in trial.redis.xrange(dead)][1:]

    some_died()
    healthy, poison = [stream.orders[0], stream.orders[2]], [stream.orders[1][1], stream.orders[4][1]]
    answer = _as_entries(trial.call(*args), shape, healthy)
    if trial.redis.xrange(dead)[:1] != [("5-1", {"fruit": "fig"})] or trial.redis.ttl(dead) != -1:
        raise Failed("what lies in the dead-letter stream already must stay there, and nobody asked for a TTL")
    _expect_claimed(stream, answer, in_the_dead(), healthy, poison)
    stream.expect_the_rest(dead)

    some_died()
    trial.call(*args)
    for reached in trial.cuts(*args, prepare=some_died):
        _expect_one_place(stream, in_the_dead(), f"the program died after its command number {reached}, and ")
    begin(1, 1, 1)
    answer = _as_entries(trial.call(*args[:-1], 1), shape, [])
    trial.expect(
        "with most=1, a second delivery is one too many for all three", [3, 0], [len(in_the_dead()), len(answer)]
    )
    begin()
    trial.expect("nothing has been pending for so long: " + shape, [], trial.call(*args))
    _expect_many(trial, stream, args, begin, in_the_dead)

    def why(run: Run) -> str:
        return "two workers took over at once, and an order went to both, or to none, or died twice"

    trial.orders(
        why,
        {"Ann": args, "Cleo": (*args[:3], f"{stream.ann}-cleo", idle, most)},
        before=lambda: begin(1, most),
        view=lambda: (stream.owners(), in_the_dead()),
    )
    trial.every_error(args, before=lambda: begin(1, most))


def _expect_claimed(stream: _Stream, answer: list, dead: list[dict], healthy: list, poison: list[dict]) -> None:
    owner = stream.owners()
    if owner.get(4) != stream.bob or 6 in owner:
        raise Failed(
            "order 4 is being packed, and 6 and 7 are new: take over only what has been pending for `idle` ms",
            Plain("order 4 with Bob, 6 and 7 with nobody"),
            Plain(f"order 4 with {owner.get(4, 'nobody').replace(stream.ann, 'Ann')}"),
        )
    if any(owner.get(number) == stream.bob for number in (1, 2, 3, 5)):
        raise Failed(
            "orders have been pending for longer than `idle` ms, and were left with the worker that died: nobody packs "
            "them",
            Plain("all taken over"),
            Plain(f"{len(answer)} returned, {len(dead)} given up"),
        )
    if stream.orders[1] in answer and not any(poison[0].items() <= letter.items() for letter in dead):
        raise Failed(
            "order 2 had been delivered `most` times, and now it went out once more: it belongs to the dead",
            healthy,
            answer,
            cure="XAUTOCLAIM and XCLAIM count as a delivery: look at the count after it, or add one",
        )
    if len(dead) > len(poison):
        why = "an order with `most` deliveries or fewer was given up, or one twice: only *more* than `most` is too many"
        raise Failed(why, poison, dead)
    if not dead:
        raise Failed("order 2 is nowhere: what is given up goes to the dead-letter stream, for somebody to look at")
    for order in poison:
        if not any(order.items() <= letter.items() for letter in dead):
            raise Failed("in the dead-letter stream, each order must have its fields", poison, dead)
    if 2 in owner or 5 in owner:
        raise Failed("order 2 is among the dead and still pending: it will be claimed again and again")
    if sorted(answer, key=str) != healthy:
        raise Failed("the orders that may be tried again are to be returned, and only they", healthy, answer)
    if not owner.get(1) == owner.get(3) == stream.ann:
        raise Failed("the returned orders must be pending under the new name: nobody has packed them yet")


def _expect_one_place(stream: _Stream, dead: list[dict], died: str) -> None:
    """Each poisonous order is pending or dead, and each healthy one pending."""
    for number in (2, 5):
        places = (number in stream.owners()) + sum(stream.orders[number - 1][1].items() <= one.items() for one in dead)
        if places != 1:
            lost = "lost" if places == 0 else "pending and dead at once"
            raise Failed(
                f"{died}an order that is given up is {lost}",
                cure="what puts it among the dead and what acknowledges it must be one transaction",
            )
    if not {1, 3, 4} <= stream.owners().keys():
        raise Failed(f"{died}an order that nobody has packed is acknowledged: it is lost")


def _expect_many(
    trial: Trial, stream: _Stream, args: tuple, begin: Callable[..., None], in_the_dead: Callable[[], list[dict]]
) -> None:
    """More orders than fit on a small page, and one of three is poison."""
    most = args[-1]
    begin(*[(1, most - 1, most)[number % 3] for number in range(72)])
    answer = _as_entries(trial.call(*args), "return a list of (id, fields): the orders to pack now", [])
    right = [48, 24]
    trial.expect(
        "72 orders had been pending for so long: all are taken over, those to be packed and those given up",
        right,
        [len(answer), len(in_the_dead())],
    )


CLAIM = Exercise(
    id="14.4",
    title="Three times is enough",
    kind="stretch",
    question="""\
Write `claim(redis_conn, stream, dead, group, consumer, idle, most)`. It takes over all that has been pending for
`idle` ms. What has now been delivered more than `most` times goes to the stream `dead`, with its fields, and is
acknowledged: both or neither. The rest is returned, as `(id, fields)`.""",
    stub="""\
def claim(redis_conn, stream, dead, group, consumer, idle, most):
    # your code here
    ...""",
    hints=(
        "XAUTOCLAIM takes over. Its answer has the entries in second place, and in first place where the next page "
        "begins: `0-0` at the end. Which command knows the counts?",
        "`xpending_range(..., entry, entry, 1)` answers with a list of at most one: see its `times_delivered`.",
        "For each entry: count at most `most`? Keep it. Otherwise a pipeline with `xadd` and `xack`, and `execute()`.",
    ),
    solution="""\
def claim(redis_conn, stream, dead, group, consumer, idle, most):
    to_pack, start = [], "0-0"
    while True:
        start, entries, *_ = redis_conn.xautoclaim(stream, group, consumer, idle, start)
        for entry, order in entries:
            for state in redis_conn.xpending_range(stream, group, entry, entry, 1):
                if state["times_delivered"] <= most:
                    to_pack.append((entry, order))
                else:
                    with redis_conn.pipeline() as pipe:
                        pipe.xadd(dead, order)
                        pipe.xack(stream, group, entry)
                        pipe.execute()
        if start == "0-0":  # the end: XAUTOCLAIM looks at a hundred at a time
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
