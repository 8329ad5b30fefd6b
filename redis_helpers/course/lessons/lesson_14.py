"""Lesson 14: orders in a list, held while they are packed, acknowledged, put back, and done once."""

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.exercises.wire import apart
from redis_helpers.course.lessons.hash_checks import cured, must


def _an_order(trial: Trial) -> str:
    return f"{trial.number(20, 99)} {trial.word()}"


# 14.1


def _check_add_order(trial: Trial) -> None:
    queue, order = trial.key("orders"), _an_order(trial)
    waiting = [_an_order(trial), _an_order(trial)]
    for before in (waiting, [], [_an_order(trial) for _ in range(130)], [order, waiting[0]]):
        for text in (order, "", "7 'uva' \"ü\" *"):
            _expect_added(trial, queue, before, text)
    trial.put({queue: "no list"})
    if trial.attempt(queue, order).error is None:
        raise Failed("the key held something else, Redis refused, and your function kept that to itself")
    trial.every_cut(
        "orders that were waiting are gone, and nobody will pack them",
        (queue, order),
        lambda: trial.put({queue: waiting}),
    )
    trial.every_gap(
        "another program changed the list between two of your commands, and an order is lost, or there too often",
        (queue, order),
        before=lambda: trial.put({queue: waiting}),
        rivals={
            "another order comes": lambda: trial.redis.lpush(queue, "1 lime"),
            "a worker takes one": lambda: trial.redis.rpop(queue),
        },
        view=lambda: sorted(cast(Any, trial.redis.lrange(queue, 0, -1))),
        allowed=lambda run, seen: seen in (sorted([*waiting, order, "1 lime"]), sorted([waiting[0], order])),
    )
    trial.every_error((queue, order), before=lambda: trial.put({queue: waiting}))


def _expect_added(trial: Trial, queue: str, before: list[str], order: str) -> None:
    trial.put({queue: before})
    answer = trial.call(queue, order)
    left = trial.redis.lrange(queue, 0, -1) if trial.redis.type(queue) in ("list", "none") else None
    right = [order, *before]
    if left == before:
        raise Failed("the order is not in the list: nobody will pack it", right, left)
    if left == [*before, order] and left != right:
        raise Failed(
            "the order came in at the right end, where the workers take: it is packed before those who wait",
            right,
            left,
            cure="`lpush` puts in at the left end, `rpush` at the right end.",
        )
    if left == [*reversed(order), *before] and left != right:
        raise Failed("the characters of the order came in one by one: leave out the `*` before it", right, left)
    trial.expect_state("the order comes in at the left end, and all others stay where they are", {queue: right})
    must("return how many orders wait then, the new one counted: LPUSH replies that", len(right), answer)


ADD_ORDER = Exercise(
    id="14.1",
    title="In at the left end",
    kind="write",
    question="""\
Write `add_order`. It puts `order` in at the left end of the list `queue`, and returns how many orders are in the list
then. One line is enough.""",
    stub="""\
def add_order(redis_conn, queue, order):
    # your code here
    ...""",
    hints=(
        "Which method of `redis_conn` puts a text in at the left end? What does this command reply?",
        "`redis_conn.lpush(queue, order)` replies how many texts are in the list then. Return it.",
    ),
    solution="""\
def add_order(redis_conn, queue, order):
    return redis_conn.lpush(queue, order)""",
    why="LPUSH adds and counts in one command. A shop can tell its customer from it how many orders come first.",
    check=_check_add_order,
)

# 14.2


def _check_hold_next(trial: Trial) -> None:
    queue, held = trial.key("orders"), trial.key("held")
    old, middle, new, mine = (f"{number} {trial.word()}" for number in range(5, 9))
    waiting = [new, middle, old]
    for line in (waiting, [old], [f"{number} uva" for number in range(130)], [old, new, old]):
        for holds in ([], [mine], [line[-1]]):
            _expect_moved(trial, queue, held, line, holds)

    nothing = "no order waits: return None, and leave both lists as they are"
    trial.case(nothing, (queue, held), before={held: [mine]}, returns=None, after={held: [mine]})
    trial.case(nothing, (queue, held), before={}, returns=None, after={})

    def some_wait() -> None:
        trial.put({queue: waiting, held: [mine]})

    def everything() -> list[str]:
        return sorted(cast(Any, trial.redis.lrange(queue, 0, -1) + trial.redis.lrange(held, 0, -1)))

    with cured("Taking out and putting in must be one command: LMOVE."):
        trial.every_cut(
            "the order is in neither list, or in both: it is lost, or packed twice", (queue, held), some_wait
        )
        trial.every_gap(
            "another program changed the queue between two of your commands, and an order is lost, or there twice",
            (queue, held),
            before=some_wait,
            rivals={
                "another worker takes an order": lambda: trial.redis.rpop(queue),
                "an order comes": lambda: trial.redis.lpush(queue, "10 lime"),
            },
            view=everything,
        )
        trial.orders(
            "two workers took at the same moment, and both got one order, or one was lost",
            {"Ann": (queue, held), "Bob": (queue, f"{held}:bob")},
            before=lambda: trial.put({queue: waiting}),
        )
    trial.every_error((queue, held), before=some_wait)


def _expect_moved(trial: Trial, queue: str, held: str, line: list[str], holds: list[str]) -> None:
    trial.put({queue: line, held: holds})
    answer = trial.call(queue, held)
    oldest, rest = line[-1], line[:-1]
    now, holding = trial.redis.lrange(queue, 0, -1), trial.redis.lrange(held, 0, -1)
    if now == line[1:] and now != rest:
        raise Failed(
            "the newest order was taken: whoever ordered first has to wait as long as new orders come",
            rest,
            now,
            cure='Without the sides, redis-py takes from the left. Write them: "RIGHT", "LEFT".',
        )
    trial.expect("the oldest order, and only that, leaves the queue", rest, now)
    if oldest not in holding or len(holding) == len(holds):
        raise Failed(
            "the order has left the queue, and is not in the held list: when the worker dies now, it is lost",
            [oldest, *holds],
            holding,
        )
    trial.expect("it must come in at the left end of the held list", [oldest, *holds], holding)
    trial.expect_state("the order moves, and nothing else changes", {queue: rest or None, held: [oldest, *holds]})
    must("the worker must know what to pack: return the order", oldest, answer)


HOLD_NEXT = Exercise(
    id="14.2",
    title="Take it and hold it",
    kind="write",
    question="""\
Write `hold_next`. It moves the oldest order from the right end of `queue` to the left end of `held`, and returns the
order. If no order is there, it returns `None` at once.""",
    stub="""\
def hold_next(redis_conn, queue, held):
    # your code here
    ...""",
    hints=(
        "One command moves and replies. The cell above uses it.",
        "`lmove` wants four things: from where, to where, the side of the first list, the side of the second.",
        "From `queue` to `held`, from the right side to the left side. Return what the command replies.",
    ),
    solution="""\
def hold_next(redis_conn, queue, held):
    return redis_conn.lmove(queue, held, "RIGHT", "LEFT")""",
    why="LMOVE takes out and puts in as one command. So the order is always in one of the two lists, wherever the "
    "worker is killed.",
    check=_check_hold_next,
)

# 14.3


def _check_finish(trial: Trial) -> None:
    held, mine = trial.key("held"), _an_order(trial)
    alike = [f"1{mine}", f"{mine} split", mine[:-1]]
    packed = []

    @apart
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
        return sorted(cast(Any, trial.redis.lrange(held, 0, -1)))

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
    if left.count(mine) == 2 and len(left) == len(right):
        why = "the order is still on the list, and another one was deleted: that one belongs to another worker"
        raise Failed(why, right, left, cure="delete by the text of the order, and not by its place: LREM")
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
    id="14.3",
    title="Packed, so off the list",
    kind="blank",
    question="""\
A worker has moved `order` to the list `held`, and `pack(order)` packs it. Write the acknowledgement in place of the
`...`. Here all workers share one held list. So the same text can be in it twice: once for you, once for another
worker.""",
    stub="""\
def finish(redis_conn, held, order, pack):
    pack(order)
    ...""",
    hints=(
        "Which command deletes an element of a list by its text, and not by its place?",
        "`redis_conn.lrem(held, count, order)`. How many of the elements with this text did this worker pack?",
    ),
    solution="""\
def finish(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lrem(held, 1, order)""",
    why="LREM with count 1 deletes one element with that text and leaves those of others alone. It comes after pack(): "
    "a worker that dies or fails before it leaves the order where it can be recovered.",
    check=_check_finish,
)

# 14.4


def _check_recover(trial: Trial) -> None:
    queue, held = trial.key("orders"), trial.key("held")
    first, second, third, waiting, last = (f"{number} {trial.word()}" for number in range(5, 10))
    taken, line = [first, second, second, third], [waiting, last]  # in the order in which they were taken
    right = taken + line

    def a_worker_died() -> None:
        trial.put({queue: line, held: taken})

    def everything() -> list[str]:
        return sorted(cast(Any, trial.redis.lrange(queue, 0, -1) + trial.redis.lrange(held, 0, -1)))

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
    id="14.4",
    title="Put back what a dead worker held",
    kind="change",
    question="""\
These workers take from the **left** end: `LMOVE queue held LEFT RIGHT`. So all sides are the other way round.

`recover` has two faults. It puts the orders of a dead worker behind all others. And it can lose one when it is killed
itself.

Change it. The orders must come back as the next ones, the oldest first. None may be lost or be there twice, wherever
`recover` is killed.""",
    stub="""\
def recover(redis_conn, held, queue):
    order = redis_conn.lpop(held)
    while order is not None:
        redis_conn.rpush(queue, order)
        order = redis_conn.lpop(held)""",
    hints=(
        "Between LPOP and RPUSH the order is only in this program's memory. Which command takes out and puts in?",
        "`lmove` names two sides. Where in the queue do these workers take? And where in `held` is the newest?",
        "Newest first: from the right of `held` to the left of the queue, until nothing comes.",
    ),
    solution="""\
def recover(redis_conn, held, queue):
    order = redis_conn.lmove(held, queue, "RIGHT", "LEFT")
    while order is not None:
        order = redis_conn.lmove(held, queue, "RIGHT", "LEFT")""",
    why="LMOVE is one command, so the order is always on one of the two lists. Going from the newest to the oldest, "
    "the oldest ends up at the far left, where the next worker takes.",
    check=_check_recover,
)

# 14.5

ONE_STEP = (
    "One script, or WATCH and MULTI: look at the mark, set it and take the boxes, with nothing in between. In a "
    "script, SADD replies 1 when the mark is new."
)


def _check_take_stock_once(trial: Trial) -> None:
    done, stock = trial.key("done"), trial.key("stock")
    fruit, order, other = "maçã 'Gala' *", _an_order(trial), _an_order(trial)
    there, boxes = trial.number(20, 90), trial.number(2, 9)
    marks, fruits = {other, f"{order}0", order[:-1]}, {fruit: str(there), "uva": "480"}
    args = (done, stock, order, fruit, boxes)
    taken = {fruit: str(there - boxes), "uva": "480"}

    def new() -> None:
        trial.put({done: marks, stock: fruits})

    for some_marks in (marks, set()):
        for number in (boxes, 1, there):
            _expect_taken(trial, (*args[:-1], number), some_marks, fruits)
            _expect_left_alone(trial, (*args[:-1], number), some_marks | {order}, fruits)
    trial.case(
        "nobody asked to change when the marks end",
        args,
        before={done: Ends(marks, 300), stock: Ends(fruits, 500)},
        returns=True,
        after={done: Ends(marks | {order}, 300), stock: Ends(taken, 500)},
    )
    with cured(ONE_STEP):
        trial.every_cut(
            "the boxes are taken and not marked, or marked and not taken. When the order comes again, they are taken "
            "twice, or never",
            args,
            new,
        )
        trial.orders(
            lambda run: _why_twice(
                run, "two workers had the same order, and its boxes were taken twice, or not at all"
            ),
            {"Ann": args, "Bob": args},
            new,
        )
        trial.orders(
            lambda run: _why_twice(run, "two workers had two orders, and the boxes of one were not taken"),
            {"Ann": args, "Bob": (done, stock, f"{order} two", "uva", 1)},
            new,
        )
        trial.every_gap(
            lambda run: _why_twice(run, "another worker did something between two of your commands, and it was lost"),
            args,
            new,
            {
                "another order is done": lambda: trial.redis.sadd(done, f"{order} three"),
                "boxes come in": lambda: trial.redis.hincrby(stock, fruit, 5),
            },
        )
    trial.every_error(args, new)


def _why_twice(run: Run, why: str) -> str:
    """Whoever does not catch a WatchError has changed nothing, and has not done the work either."""
    if any(isinstance(outcome.error, redis.WatchError) for outcome in run.outcomes):
        return "somebody came in between, and your function gave up with a WatchError: it must look again"
    return why


def _expect_taken(trial: Trial, args: tuple, marks: set[str], fruits: dict[str, str]) -> None:
    """The order comes for the first time."""
    done, stock, order, fruit, boxes = args
    trial.put({done: marks, stock: fruits})
    answer = trial.call(*args)
    left = fruits | {fruit: str(int(fruits[fruit]) - boxes)}
    if trial.redis.hget(stock, fruit) == str(int(fruits[fruit]) + boxes):
        raise Failed(
            "the boxes were put into the stock, and not taken out: HINCRBY adds, so the number needs a minus",
            left,
            trial.redis.hgetall(stock),
        )
    trial.expect_value("the order is new: its boxes, and only they, leave the stock", stock, left)
    trial.expect_value("the order must be marked, and all other marks stay: it may come again", done, marks | {order})
    trial.expect_state("stock and marks change, and nothing else", {done: marks | {order}, stock: left})
    must("the boxes were taken now: the answer is True", True, answer)


def _expect_left_alone(trial: Trial, args: tuple, marks: set[str], fruits: dict[str, str]) -> None:
    """The order comes again."""
    done, stock, *_ = args
    trial.put({done: marks, stock: fruits})
    answer = trial.call(*args)
    trial.expect_value("the order was done already, and its boxes were taken once more", stock, fruits)
    trial.expect_state("the order was done already: nothing may change", {done: marks, stock: fruits})
    must("the order was done already: the answer is False", False, answer)


TAKE_STOCK_ONCE = Exercise(
    id="14.5",
    title="However often the order comes",
    kind="stretch",
    question="""\
`take_stock_once` takes `boxes` boxes of a fruit for one order, marks the order, and returns `True`. If the order was
done already, it changes nothing and returns `False`.

But when it is killed in between, or when two workers have the same order, the boxes can be taken twice. Change it, so
that they are taken once, whatever happens. A script can do it, and so can `WATCH`.""",
    stub="""\
def take_stock_once(redis_conn, done, stock, order, fruit, boxes):
    if redis_conn.sismember(done, order):
        return False
    redis_conn.hincrby(stock, fruit, -boxes)
    redis_conn.sadd(done, order)
    return True""",
    hints=(
        "Begin with `TAKE_AND_MARK`. What must it return, so that Python knows whether the boxes were taken?",
        "The fruit is `ARGV[2]` already. The boxes come as `ARGV[3]`, as a text: `-tonumber(ARGV[3])`.",
        "Let the script `return 1` before its `end`, and `return 0` as its last line. Two words behind it are keys, "
        "three are arguments. In Python, `== 1` makes True or False of the reply.",
    ),
    solution="""\
def take_stock_once(redis_conn, done, stock, order, fruit, boxes):
    script = \"\"\"
    if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then  -- the mark is new
      redis.call('HINCRBY', KEYS[2], ARGV[2], -tonumber(ARGV[3]))
      return 1
    end
    return 0
    \"\"\"
    return redis_conn.eval(script, 2, done, stock, order, fruit, boxes) == 1""",
    why="Redis runs the script as one command: no kill and no other worker comes between the mark and the work. When "
    "only its reply is lost, the order may come again, too. The marks need an end: a real shop has, for example, one "
    "set for each day, with a TTL.",
    check=_check_take_stock_once,
)

EXERCISES = (ADD_ORDER, HOLD_NEXT, FINISH, RECOVER, TAKE_STOCK_ONCE)

QUIZ = (
    Question(
        "A weather station puts a temperature into a list every second. A worker takes it with BRPOP, and draws it on "
        "a screen. The worker is killed and started again. What is lost?",
        (
            ("All that waited in the list", "The list is in Redis. It does not end with a worker."),
            ("Nothing: the new worker gets it again", "BRPOP takes out, and Redis keeps no copy."),
            (
                "At most the one that it had just taken",
                "At most once. For one temperature that may be good enough.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A worker resizes photos: BLMOVE, resize, LREM. A photo is broken, and the resizing raises an error before the "
        "LREM. Where is the job?",
        (
            ("In the worker's held list", "Nothing has deleted it there. Somebody must put it back, or look at it."),
            ("In the queue again", "Redis does not know that the work has failed."),
            ("In no list", "That would be so with BRPOP. BLMOVE has moved it."),
        ),
        answer="a",
    ),
    Question(
        "A program puts back each job that a worker holds for more than 10 seconds. One job, a long film, takes 15 "
        "seconds. What happens?",
        (
            ("The first worker is stopped after 10 seconds", "Nothing in Redis stops it, and nobody tells it."),
            ("Two workers have the film, perhaps more", "Slow looks like dead. The limit is too short for this job."),
            ("The job is lost", "It is put back, so another worker gets it."),
        ),
        answer="b",
    ),
    Question(
        "A job sends a customer 10 euros through a bank. The worker may be killed at any moment, and the job may come "
        "again. What protects the bank account best?",
        (
            ("A mark in Redis, set before the payment", "Killed after the mark, the customer never gets the money."),
            ("A mark in Redis, set after the payment", "Killed before the mark, the customer is paid twice."),
            (
                "The job's number goes to the bank, which refuses it the second time",
                "Work and mark are in one place then, and the bank can change both in one step.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A shop keeps its orders in a Redis list. Its Redis has default settings, and runs out of memory on its "
        "computer: the system kills it. It starts again at once. What about the orders of the last seconds?",
        (
            ("They are there: each was acknowledged", "LREM is about workers. It saves nothing to the disk."),
            ("They are lost", "By default, a copy of the memory is saved from time to time only."),
            (
                "They come back with the next worker",
                "A worker has only what it holds, and Redis has forgotten that, too.",
            ),
        ),
        answer="b",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="back-predict",
        text=(
            "Ann holds the orders 7 and 8. Order 9 still waits. Each held order goes from the **left** end of her list "
            "to the **right** end of the queue, until nothing is held. Which order does the next worker get, with "
            "`RPOP`?"
        ),
        code="""\
orders = "cell-by-cell:review:orders"
held = "cell-by-cell:review:held"
redis_conn.lpush(held, "7 banana", "8 apple")
redis_conn.lpush(orders, "9 uva")
while redis_conn.lmove(held, orders, "LEFT", "RIGHT"):
    print("orders:", redis_conn.lrange(orders, 0, -1))
print("the next worker gets", redis_conn.rpop(orders))""",
        options=(
            ("7 banana", "the next worker gets 7 banana"),
            ("8 apple", "the next worker gets 8 apple"),
            ("9 uva", "the next worker gets 9 uva"),
        ),
        answer="a",
        why="In the held list, 8 stands at the left. It goes back first. Then 7 comes to the right of it.",
        needs=("LMOVE", "LPUSH", "RPOP"),
    ),
)
