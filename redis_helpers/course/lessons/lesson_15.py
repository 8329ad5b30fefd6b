"""Lesson 15: adding an order, acknowledging, what a worker reads after a crash, deliveries, poison messages."""

from collections.abc import Callable
from typing import Any, cast

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.runner import Outcome
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.wire import apart

# For all of them


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

    def failed(self, why: str, expected: list, seen: list, cure: str | None = None) -> Failed:
        """Names the orders by their numbers, where these tell the two lists apart: the entries are too long to show."""
        numbers = {entry: f"order {number}" for number, (entry, _) in enumerate(self.orders, 1)}
        right, wrong = ([numbers.get(entry, entry) for entry, _ in entries] for entries in (expected, seen))
        if right == wrong:
            return Failed(why, expected, seen, cure=cure)
        return Failed(why, Plain(", ".join(right) or "nothing"), Plain(", ".join(wrong) or "nothing"), cure=cure)

    def expect_the_rest(self, *keys: str) -> None:
        """The other group has what it had, nothing was deleted, and there are no other keys."""
        pending = cast(Any, self.redis.xpending(self.key, self.others))["pending"]
        if pending != len(self.orders):
            raise Failed("orders of another group were acknowledged or claimed: it reads the same stream")
        if self.redis.xlen(self.key) != len(self.orders):
            raise Failed("orders were deleted from the stream, and another group, which reads it too, still needs them")
        extra = self._trial.state().keys() - {self.key, *keys}
        if extra:
            raise Failed("your code left a key that nobody asked for", None, Plain(", ".join(extra)))


def _as_entries(answer: object, why: str, expected: list) -> list:
    """The answer as a list of (id, fields), whatever sequences it is made of."""
    pairs = answer if isinstance(answer, (list, tuple)) else [None]
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[1], dict) for pair in pairs):
        raise Failed(why, expected, answer)
    return [tuple(pair) for pair in pairs]


# 15.1


def _check_append(trial: Trial) -> None:
    stream = trial.key("orders")
    for there in (0, 1, 12, 350):
        order = {"order": str(trial.number(100, 999)), "fruit": trial.word(), "boxes": trial.number(2, 99)}
        _expect_appended(trial, stream, there, order)
    _expect_appended(trial, stream, 2, {trial.word(): "maçã 'Gala' *", "": "", "id": "7-0"})

    def both() -> list:
        return cast(list, trial.redis.xrange(stream))

    def right(run: Run, seen: object) -> bool:
        """Both are there, each under the id that its caller was told."""
        told = [(outcome.value, {"order": name}) for name, outcome in zip(("7", "8"), run.outcomes, strict=True)]
        return sorted(told, key=str) == sorted(cast(list, seen), key=str)

    trial.orders(
        "two customers ordered at once, and an order is missing, or has another id than its customer was told",
        {"Maria": (stream, {"order": "7"}), "Anna": (stream, {"order": "8"})},
        before=lambda: None,
        view=both,
        allowed=right,
    )
    trial.every_error((stream, {"order": "7"}), before=lambda: None)


def _expect_appended(trial: Trial, stream: str, there: int, order: dict) -> None:
    """So many orders are there, and this one comes behind them."""
    trial.put({})
    pipe = trial.redis.pipeline()
    for number in range(there):
        pipe.xadd(stream, {"order": number})
    pipe.execute()
    before = cast(list, trial.redis.xrange(stream))
    answer = trial.call(stream, order)
    state = trial.state()
    found = state.pop(stream, None)
    fields = {name: str(value) for name, value in order.items()}
    if found is None or not isinstance(found.value, list) or not all(isinstance(one, tuple) for one in found.value):
        seen = Plain("no such key") if found is None else found.value
        raise Failed("the order must be an entry of the stream: XADD adds one", fields, seen)
    if found.value[:there] != before:
        raise Failed("orders that were there before are gone, or changed", before[:2], found.value[:2])
    if [values for _, values in found.value[there:]] != [fields]:
        seen = [values for _, values in found.value[there:]]
        raise Failed("one entry is to be added, with the fields of the order as they are", [fields], seen)
    trial.expect("return the id of the new entry: XADD answers it", found.value[-1][0], answer)
    if found.left is not None:
        raise Failed("nobody asked for a TTL: when it has run out, all orders are gone")
    if state:
        raise Failed("a key is stored that nobody asked for", None, Plain(next(iter(state)).removeprefix(trial.prefix)))


APPEND = Exercise(
    id="15.1",
    title="Behind the last order",
    kind="write",
    question="""\
Write `append_order`. It adds one entry to the stream, and returns the id of the entry. `order` is a dict: its
fields become the fields of the entry. One line is enough.""",
    stub="""\
def append_order(redis_conn, stream, order):
    # your code here
    ...""",
    hints=(
        "Look at the cell above: which method of `redis_conn` has added an entry there?",
        "`xadd` takes the stream and a dict, and returns the id. Do not forget `return`.",
    ),
    solution="""\
def append_order(redis_conn, stream, order):
    return redis_conn.xadd(stream, order)""",
    why="XADD is one step: Redis chooses the id, adds the entry at the end, and answers the id. Two customers at the "
    "same moment get two entries.",
    check=_check_append,
)

# 15.2


def _check_pack_all(trial: Trial) -> None:
    stream = _Stream(trial)
    packed: list[dict] = []
    complaints: list[Failed] = []

    def begin() -> None:
        """1 to 4 are with Ann, 5 is with Bob, 6 is new."""
        packed.clear()
        complaints.clear()
        stream.begin(6)
        stream.hand_out(stream.ann, 4)
        stream.hand_out(stream.bob)

    def pack_and_fail_at(number: int) -> Callable[[dict], None]:
        def pack(order: dict) -> None:
            try:
                apart(_look_while_packing)(stream, order, packed)
            except Failed as complaint:  # the function may keep it to itself
                complaints.append(complaint)
                raise
            if order == stream.orders[number - 1][1]:
                raise ValueError("this box is broken")
            packed.append(order)

        return pack

    def pack_all(entries: list, fails_at: int) -> Outcome:
        outcome = trial.attempt(stream.key, stream.group, entries, pack_and_fail_at(fails_at))
        if complaints:
            raise complaints[0]
        return outcome

    for mine in ([1, 2, 3, 4], [3], [2, 4], [4, 1], []):
        begin()
        entries = [stream.orders[number - 1] for number in mine]
        error = pack_all(entries, fails_at=6).error
        if error is not None:
            raise Crashed(error)
        trial.expect("each order is to be packed, once, in the order of the list", [one[1] for one in entries], packed)
        left = {number: stream.ann for number in (1, 2, 3, 4) if number not in mine} | {5: stream.bob}
        if stream.owners() != left:
            raise Failed(
                "what is packed must not be pending any more, and everything else must stay as it is",
                Plain(f"pending: {_listed(left)}"),
                Plain(f"pending: {_listed(stream.owners())}"),
                cure="XACK takes the stream, the group, and the id of the entry: not the order",
            )
        stream.expect_the_rest()

    for fails_at in (1, 3, 4):
        begin()
        if pack_all(stream.orders[:4], fails_at).error is None:
            raise Failed("pack() raised an error, and your function kept it to itself: nobody learns of it")
        trial.expect("pack() failed: the orders before that one are packed, and no others", fails_at - 1, len(packed))
        left = dict.fromkeys(range(fails_at, 5), stream.ann) | {5: stream.bob}
        if stream.owners() != left:
            raise Failed(
                "pack() failed at one order. That one and those after it are not packed: they must stay pending. Those "
                "before it are done",
                Plain(f"pending: {_listed(left)}"),
                Plain(f"pending: {_listed(stream.owners())}"),
            )
    begin()
    args = (stream.key, stream.group, stream.orders[:4], lambda order: None)
    trial.every_error(args, before=begin)


def _look_while_packing(stream: _Stream, order: dict, packed: list[dict]) -> None:
    """While one order is packed, it is pending; those that were packed before are not."""
    numbers = {tuple(one.items()): number for number, (_, one) in enumerate(stream.orders, 1)}
    owners = stream.owners()
    if not isinstance(order, dict) or tuple(order.items()) not in numbers:
        raise Failed("pack() is to be called with the fields of the order", stream.orders[0][1], order)
    if numbers[tuple(order.items())] not in owners:
        raise Failed(
            "the order was acknowledged before it was packed: a worker that dies while packing takes it along",
            cure="First pack(order), then XACK",
        )
    if any(numbers[tuple(one.items())] in owners for one in packed):
        raise Failed(
            "an order was packed, and was still pending when the next one was begun: a worker that dies now leaves it "
            "to be packed again",
            cure="XACK belongs in the loop, right behind pack(order), with the group that your function is given",
        )


def _listed(owners: dict[int, str]) -> str:
    return ", ".join(f"order {number}" for number in sorted(owners)) or "nothing"


PACK_ALL = Exercise(
    id="15.2",
    title="Packed, so done",
    kind="write",
    question="""\
A worker was given `entries`, a list of `(id, fields)`. Write `pack_all`. It packs one order after the other:
`pack(order)` packs one. Each order is acknowledged as soon as it is packed. If `pack` raises an error, `pack_all` ends
with this error.""",
    stub="""\
def pack_all(redis_conn, stream, group, entries, pack):
    # your code here
    ...""",
    hints=(
        "A loop with two names, `for entry, order in entries:`, gives the id and the fields of each entry.",
        "Which command tells the group that an entry is done? The cell above has used it.",
        "`redis_conn.xack(...)` takes the stream, the group, and the id of the entry.",
    ),
    solution="""\
def pack_all(redis_conn, stream, group, entries, pack):
    for entry, order in entries:
        pack(order)
        redis_conn.xack(stream, group, entry)""",
    why="first the work, then XACK: a worker that dies between the two leaves one order that is packed again. So the "
    "work must be idempotent. The other way round, an order would be lost.",
    check=_check_pack_all,
)

# 15.3


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
    answer = ask(stream.orders[:2], 2)
    if answer[:2] == stream.orders[:2] and len(answer) > 2:
        raise stream.failed("at most count orders", stream.orders[:2], answer, cure="XREADGROUP takes count=, twice")
    if answer != stream.orders[:2]:
        raise stream.failed(
            "Ann has nothing unfinished: she gets the oldest new orders",
            stream.orders[:2],
            answer,
            cure="With the id 0 the reply is never empty: it holds the stream, with an empty list of entries",
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
        _look_at_own(stream, answer, own, new[:count], count)
        if stream.orders[1] in answer or stream.owners().get(2) != bob:
            raise stream.failed("Ann took an order that Bob is packing: her own, and nobody else's", own, answer)
        if answer != own:
            raise stream.failed("Ann's unfinished orders come first, the oldest first", own, answer)
        if stream.owners() != {1: ann, 2: bob, 3: ann}:
            raise Failed(
                "Ann has unfinished orders of her own, and more were handed out to her: nobody packs those now"
            )
    after_a_crash()
    answer = ask(own[:1], 1)
    if answer != own[:1]:
        raise stream.failed("at most count orders", own[:1], answer)
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


def _look_at_own(stream: _Stream, answer: list, own: list, new: list, count: int) -> None:
    if answer and all(order in new for order in answer):
        raise stream.failed(
            "Ann came back and got new orders; those she was given before the crash wait for ever",
            own,
            answer,
            cure="`>` means never given to anybody. Her own are asked for with the id 0",
        )
    if len(answer) > count:
        raise stream.failed("more orders than count: new ones are for when nothing of her own is left", own, answer)
    if all(order in answer for order in own) and any(order in new for order in answer):
        why = "new orders were added to her own: new ones are for when nothing of her own is left"
        raise stream.failed(why, own, answer)


NEXT_ORDERS = Exercise(
    id="15.3",
    title="Back at work",
    kind="write",
    question="""\
A worker comes back after a crash. Write `next_orders`. It returns what this consumer was given and has not
acknowledged, at most `count` entries. Only if there is none, it returns new entries, at most `count`.
The answer is a list of `(id, fields)`. It is empty when there is nothing, and the function does not wait.
(Nobody has deleted entries from this stream: with `0`, a deleted one would come without its fields.)""",
    stub="""\
def next_orders(redis_conn, stream, group, consumer, count):
    # your code here
    ...""",
    hints=(
        "Two calls of `xreadgroup` that differ in the id: which is for one's own entries, which for new ones?",
        "The two replies differ when there is nothing. With `0`, the reply holds a list of entries, which is empty. "
        "With `>`, the reply itself is empty.",
        "Ask with `0` first. `own[0][1]` holds the entries. Only if there are none, ask with `>`, and look whether the "
        "reply is empty before you take `new[0][1]`.",
    ),
    solution="""\
def next_orders(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)
    if own[0][1]:
        return own[0][1]
    new = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    if new:
        return new[0][1]
    return []""",
    why="the server remembers what each consumer was given. A worker that asks for it first picks up where it was "
    "killed, and leaves alone what others are packing.",
    check=_check_next_orders,
)

# 15.4


def _check_deliveries(trial: Trial) -> None:
    stream = _Stream(trial)
    often = trial.number(11, 99)

    def begin(of_ann: int = 125) -> None:
        """Ann has 1 to 125 (or more), Bob the next one; four are new. 3 is acknowledged."""
        stream.begin(of_ann + 5)
        stream.hand_out(stream.ann, of_ann)
        stream.hand_out(stream.bob)
        stream.set(stream.ann, 2, 5000, 3)
        stream.set(stream.ann, of_ann - 5, 90_000, often)
        stream.done(3)

    def books() -> list:
        pending = cast(Any, trial.redis.xpending_range(stream.key, stream.group, "-", "+", 10_000))
        return [(one["message_id"], one["consumer"], one["times_delivered"]) for one in pending]

    not_pending = "the entry is not pending: then the answer is 0"
    cases = {
        1: (1, "the entry was handed out once"),
        2: (3, "the entry was handed out three times"),
        120: (often, "more than a hundred entries are pending: ask for the one entry"),
        1120: (often, "more than a thousand entries are pending: ask for the one entry"),
        126: (1, "the entry was handed out once, to another consumer of the group"),
        3: (0, not_pending),
        129: (0, not_pending),
    }
    for number, (expected, why) in cases.items():
        begin(number + 5 if number > 1000 else 125)
        before = books()
        answer = trial.call(stream.key, stream.group, stream.orders[number - 1][0])
        if books() != before:
            raise Failed(
                "your function asked how often the entry was handed out, and changed what it asked for",
                cure="XREADGROUP, XCLAIM and XAUTOCLAIM hand out once more. XPENDING only looks",
            )
        trial.expect(why, expected, answer)
        stream.expect_the_rest()
    begin()
    args = (stream.key, stream.group, stream.orders[1][0])
    trial.every_error(args, before=begin)


COUNT_DELIVERIES = Exercise(
    id="15.4",
    title="How often?",
    kind="write",
    question="""\
Write `count_deliveries`. It returns how often the group has handed out this entry, as a number. If the entry is not
pending, it returns 0. Many other entries may be pending.""",
    stub="""\
def count_deliveries(redis_conn, stream, group, entry):
    # your code here
    ...""",
    hints=(
        "The cell above asks `xpending_range` for one entry. What does it return: a number, a dict, or a list?",
        "It returns a list with one dict. For an entry that is not pending, the list is empty.",
        "Ask for the range from `entry` to `entry`. If the list is empty, return 0. Otherwise return the "
        "`times_delivered` of its first dict.",
    ),
    solution="""\
def count_deliveries(redis_conn, stream, group, entry):
    pending = redis_conn.xpending_range(stream, group, entry, entry, 1)
    if not pending:
        return 0
    return pending[0]["times_delivered"]""",
    why="Redis counts each time that it hands out a pending entry. XPENDING only looks: it does not count as one.",
    check=_check_deliveries,
)

# 15.5


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
        raise stream.failed(
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
        raise Failed(
            "order 2 is among the dead and still pending: it will be claimed again and again",
            cure="XACK takes the group that your function is given, not one of the notebook's, and the id of the entry",
        )
    if sorted(answer, key=str) != healthy:
        raise stream.failed("the orders that may be tried again are to be returned, and only they", healthy, answer)
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
    """More orders than one page holds, one of three is poison; then a page without anything old before the old ones."""
    most, shape = args[-1], "return a list of (id, fields): the orders to pack now"
    begin(*[(1, most - 1, most)[number % 3] for number in range(130)])
    answer = _as_entries(trial.call(*args), shape, [])
    seen = [len(answer), len(in_the_dead())]
    if seen != [87, 43]:
        raise Failed(
            "130 orders had been pending for so long: 87 are to be returned, and 43 given up",
            Plain("87 returned, 43 given up"),
            Plain("{} returned, {} given up".format(*seen)),
            cure="one XAUTOCLAIM takes over 100 at most, or `count`. Go on from the cursor, until it is 0-0",
        )
    begin()
    stream.begin(1203)
    stream.hand_out(stream.bob, 1203)
    for number in (1201, 1202, 1203):
        stream.set(stream.bob, number, args[-2] + 60_000, 1)
    answer = _as_entries(trial.call(*args), shape, stream.orders[1200:])
    if sorted(answer, key=str) != stream.orders[1200:]:
        raise stream.failed(
            "1,200 orders were handed out just now, and three behind them long ago: take over these three",
            stream.orders[1200:],
            answer[:4],
            cure="a reply without entries is not the end: go on until the cursor is 0-0",
        )


CLAIM = Exercise(
    id="15.5",
    title="Three times is enough",
    kind="stretch",
    question="""\
Write `claim`. It takes over everything that has been pending for `idle` milliseconds, and returns a list of
`(id, fields)`: the orders that `consumer` packs now.
But what has now been delivered more than `most` times is not returned. It goes to the stream `dead`, with its fields,
and is acknowledged: both or neither. (Nobody has deleted entries from these streams.)

You have all parts: the loop with the cursor, `count_deliveries`, and `give_up_at_once`.""",
    stub="""\
def claim(redis_conn, stream, dead, group, consumer, idle, most):
    # your code here
    ...""",
    hints=(
        "Begin with the loop that took over 250 orders: XAUTOCLAIM, the cursor, and the end at `0-0`. What is to be "
        "done with each entry of a reply?",
        "For each entry ask how often it was delivered, after XAUTOCLAIM: this delivery counts, too.",
        "At most `most`: append `(entry, order)` to a list, which you return at the end. More: a pipeline with `xadd` "
        "and `xack`, and `execute()`.",
    ),
    solution="""\
def claim(redis_conn, stream, dead, group, consumer, idle, most):
    to_pack = []
    cursor = "0-0"
    while True:
        reply = redis_conn.xautoclaim(stream, group, consumer, idle, cursor)
        cursor = reply[0]
        for entry, order in reply[1]:
            pending = redis_conn.xpending_range(stream, group, entry, entry, 1)
            if not pending:
                continue  # its worker was only slow, and has just acknowledged it
            if pending[0]["times_delivered"] <= most:
                to_pack.append((entry, order))
                continue
            with redis_conn.pipeline() as pipe:
                pipe.xadd(dead, order)
                pipe.xack(stream, group, entry)
                pipe.execute()
        if cursor == "0-0":
            return to_pack""",
    why="a worker that crashes cannot count its own crashes: the server does, on each delivery, and whoever claims "
    "reads the count. The transaction leaves an order in exactly one place, wherever the program dies.",
    check=_check_claim,
)

EXERCISES = (APPEND, PACK_ALL, NEXT_ORDERS, COUNT_DELIVERIES, CLAIM)

QUIZ = (
    Question(
        "A taxi company writes each request for a ride into a stream. One group of programs, `drivers`, reads it. "
        "Program A crashes with three requests. It starts again under the same name, and asks only with `>`. What "
        "happens to the three?",
        (
            ("They come first, because they are older", "`>` brings only what nobody in the group was given yet."),
            ("They go back, and program B gets them with `>`", "Redis takes nothing back by itself."),
            ("They stay pending under A", "Until A asks with 0, or another program claims them."),
        ),
        answer="c",
    ),
    Question(
        "A job makes a film smaller. Most films take 2 minutes, the longest take 20. Workers send no heartbeats. Which "
        "idle limit do you choose?",
        (
            (
                "30 minutes",
                "Longer than the longest job, with room. A dead worker's job waits, but nothing is doubled.",
            ),
            ("3 minutes", "Every film of more than 3 minutes would be taken from a worker that is alive."),
            ("20 minutes", "The longest job has no room: a computer that is busy makes it longer."),
        ),
        answer="a",
    ),
    Question(
        "Two groups read a stream of payments: `receipts` and `fraud`. The workers of `fraud` stopped on Friday. "
        "Every night a program deletes all entries below the oldest one that `receipts` has pending. What is there on "
        "Monday?",
        (
            ("Everything since Friday: `fraud` has not acknowledged it", "XTRIM asks no group. It deletes."),
            ("Only what the deleting left: `fraud` has lost payments", "The program looked at one group only."),
            ("An error: a group was behind", "Redis gives none. Nobody is told."),
        ),
        answer="b",
    ),
    Question(
        "A job sends an e-mail. Its delivery count is 4, and no worker has ever crashed. How can that be?",
        (
            ("Four workers asked with `>`", "With `>`, an entry goes to one worker, once."),
            ("XPENDING counts each look at the entry", "XPENDING only looks, and counts nothing."),
            (
                "Sending took longer than the idle limit",
                "Others took the job over while it was being done. The count says 'was handed out', not 'crashed'.",
            ),
        ),
        answer="c",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="share-predict",
        text=(
            "Ann is given two of the three orders. Then Bob asks for one. How many entries does the stream have after "
            "that?"
        ),
        code="""\
orders = "cell-by-cell:review:orders"
redis_conn.xgroup_create(orders, "packers", "0", mkstream=True)
for number in [7, 8, 9]:
    redis_conn.xadd(orders, {"order": number})
redis_conn.xreadgroup("packers", "ann", {orders: ">"}, count=2)
redis_conn.xreadgroup("packers", "bob", {orders: ">"}, count=1)
print("entries:", redis_conn.xlen(orders))""",
        options=(
            ("0: all were given out", "entries: 0"),
            ("1: the last one stays", "entries: 1"),
            ("3: as many as before", "entries: 3"),
        ),
        answer="c",
        why=(
            "But reading takes nothing out of a stream. The group only remembers how far it has read, and what it gave "
            "to whom."
        ),
        needs=("XREADGROUP", "XGROUP CREATE"),
    ),
    Prediction(
        cell="trim-predict",
        text=(
            "Five orders arrive, each with `maxlen=3`. Nobody reads meanwhile. Then Ann reads everything. What does "
            "she get?"
        ),
        code="""\
orders = "cell-by-cell:review:orders"
redis_conn.xgroup_create(orders, "packers", "0", mkstream=True)
for number in range(1, 6):
    order = {"order": number}
    redis_conn.xadd(orders, order, maxlen=3, approximate=False)
reply = redis_conn.xreadgroup("packers", "ann", {orders: ">"})
print("orders", [order["order"] for entry, order in reply[0][1]])""",
        options=(
            ("orders 1 to 5: what is not read stays", r"orders \['1', '2', '3', '4', '5'\]"),
            ("orders 3 to 5: the oldest are gone", r"orders \['3', '4', '5'\]"),
            ("orders 1 to 3: the last two are refused", r"orders \['1', '2', '3'\]"),
        ),
        answer="b",
        why=(
            "`MAXLEN` counts entries, and asks nobody whether they were read. Orders 1 and 2 are lost, and there was "
            "no error."
        ),
        needs=("XREADGROUP", "XGROUP CREATE"),
    ),
)
