"""Lesson 05: commands that happen together or not at all, and a look before a change."""

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from unittest import mock

import redis

from redis_helpers.course.exercises import schedules
from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.correction_checks import (
    expect_correction,
    expect_correction_in_every_gap,
    expect_last_correction,
)
from redis_helpers.course.lessons.hash_checks import clocks, cured, expect_refusal

# For all of them

MANY_COMMANDS = 60  # a right answer sends five or six


def _or_gave_up(why: str, run: Run) -> str:
    """Whoever does not catch a WatchError has changed nothing, and has not done the work either."""
    if any(isinstance(outcome.error, redis.WatchError) for outcome in run.outcomes):
        return "somebody came in between, and your function gave up with a WatchError: it must look again"
    return why


def _expect_an_end(trial: Trial, args: tuple, before: dict) -> None:
    """Nobody else is there, so the first try must do."""
    trial.put(before)
    trial.attempt(*args, cut_after=MANY_COMMANDS)
    if len(trial.commands) >= MANY_COMMANDS:
        raise Failed(
            f"nobody came in between, and your function had sent {MANY_COMMANDS} commands and was not done: it tries "
            "again and again. Look at what changes the key that it watches",
        )


# 5.1

BOTH = "Both commands in one transaction (MULTI … EXEC): in redis-py a pipeline with execute(), transaction left on."


def _check_store_day(trial: Trial) -> None:
    key, prices = trial.key("day *ü* 14"), _some_prices(trial)
    texts = {fruit: str(price) for fruit, price in prices.items()}
    gone = {trial.word(): "180", "banana": "999"}  # yesterday's: a fruit that is sold no more, and an old price
    args = (key, prices, trial.number(41, 59))
    _expect_day(trial, args, {}, [texts])
    merged_or_new = [gone | texts, texts]
    for ending in (Ends(gone, 5000), Ends(gone, 20.5), gone):
        for ttl in (trial.number(61, 99), trial.number(10_000, 90_000)):
            _expect_day(trial, (key, prices, ttl), {key: ending}, merged_or_new)

    def whole(left: dict, before: dict) -> bool:
        """The new day, or what was before; and what is left under other names ends."""
        others_end = all(ends for name, (_, ends) in left.items() if name != key)
        return others_end and left.get(key) in [*[(value, True) for value in merged_or_new], before.get(key)]

    why = "the day is left without its end, or with a part of its prices: nobody comes back to finish it"
    with cured(BOTH):
        trial.every_cut(why, args, lambda: None, allowed=partial(whole, before={}))
        there = partial(whole, before={key: (gone, True)})
        trial.every_cut(why, args, lambda: trial.put({key: Ends(gone, 300)}), allowed=there)
        trial.orders(
            "two programs stored the day at once, and its prices and its end do not belong together",
            {"program 1": (key, {"banana": "1"}, 50), "program 2": (key, {"banana": "2"}, 5000)},
            before=lambda: None,
            view=lambda: clocks(trial),
        )
    _expect_day_or_refusal(trial, args, texts)
    trial.every_error(args, lambda: trial.put({}))


def _expect_day_or_refusal(trial: Trial, args: tuple, texts: dict) -> None:
    """The key holds no hash: who replaces it stores the day, for all others Redis refuses."""
    trial.put({args[0]: "no hash"})
    if trial.attempt(*args).error is None:
        why = "the key held something else, Redis refused, and your function kept that to itself: the day is not stored"
        trial.expect_value(why, args[0], texts)


def _some_prices(trial: Trial) -> dict[str, object]:
    return {
        "banana": 312,
        trial.word(): f"{trial.number(100, 999)}",
        "maçã 'Gala' *": trial.number(100, 999),
        "uva": "0",
    }


def _expect_day(trial: Trial, args: tuple, before: dict, values: list[dict]) -> None:
    """EXPIREAT with rounded seconds may be a second off."""
    key, _, ttl = args
    trial.put(before)
    begin = time.monotonic()
    trial.call(*args)
    state = trial.state()
    found = state.pop(key, None)
    if found is None or found.value not in values:
        raise Failed(
            "customers find wrong prices, or none: the prices must be fields of one hash under the key",
            values[0],
            Plain("no such key") if found is None else found.value,
            cure="A pipeline sends nothing before execute().",
        )
    wanted = Plain(f"a TTL of {ttl} seconds")
    if found.left is None:
        raise Failed(
            "the day never ends: customers find these prices for ever. Look at what gives the hash its end, and when",
            wanted,
            Plain("no TTL"),
            cure="EXPIRE finds no key before HSET has made it. What you call on redis_conn is sent at once; what you "
            "call on a pipeline, with its execute().",
        )
    least = ttl - 1.5 - (time.monotonic() - begin)
    if not 1000 * least <= found.left <= 1000 * (ttl + 1):
        raise Failed(
            "the day ends too early or too late: it must live as long as the call says, whatever was there before",
            wanted,
            Plain(f"{found.left / 1000:g} seconds"),
        )
    if state:
        raise Failed("a key is stored that nobody asked for", None, Plain(next(iter(state)).removeprefix(trial.prefix)))


STORE_DAY = Exercise(
    id="5.1",
    title="A list that is born with its end",
    kind="blank",
    question="""\
`store_day` stores a day's prices as one hash, which lives for `ttl` seconds. The program may be killed at any moment.
Then the hash is there *with* its TTL, or it is not there at all. In place of the `...`, two lines are missing.""",
    stub="""\
def store_day(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        ...""",
    hints=(
        "The pipeline holds one command so far, and has sent nothing. Which command gives a key its TTL?",
        "First `pipe.expire(...)` with the key and the seconds. And what sends the commands of a pipeline?",
        "`pipe.execute()` sends them as one transaction: MULTI, HSET, EXPIRE, EXEC.",
    ),
    solution="""\
def store_day(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        pipe.expire(key, ttl)
        pipe.execute()""",
    why="redis-py puts MULTI before the commands of a pipeline and EXEC behind them. Redis runs nothing of it before "
    "EXEC has arrived, so a program that is killed earlier leaves nothing.",
    check=_check_store_day,
)

# 5.2

WATCH_IT = "WATCH the key, look with EXISTS, then MULTI, HSET, TTL and EXEC; after a WatchError look again."
GHOST = (
    "the list had ended, and your correction made a new one: one price, without the others, and it never ends. Look at "
    "whether the list is there, and at what comes between your look and your HSET"
)


def _check_correct_if_there(trial: Trial) -> None:
    key, fruit = trial.key("day *14*"), "maçã 'Gala' *"
    prices = {fruit: "312", "banana": f"{trial.number(100, 999)}", trial.word(): "480"}
    price = str(trial.number(200, 299))
    _expect_an_end(trial, (key, fruit, price), {key: Ends(prices, 40.4)})
    for ending in (trial.number(20, 38) + 0.6, trial.number(3000, 90_000) + 0.4, None):
        expect_correction(trial, key, fruit, price, prices, ending)
    for odd in ("", "0", "312"):
        expect_correction(trial, key, fruit, odd, prices, 25.4)
    expect_last_correction(trial, key, fruit, price, prices)
    expect_correction_in_every_gap(trial, key, fruit, price, prices, _or_gave_up)
    expect_refusal(trial, key, (key, fruit, price))
    trial.every_error((key, fruit, price), lambda: trial.put({key: Ends(prices, 40.4)}))
    _expect_nothing_to_correct(trial, key, fruit, price)
    _expect_no_ghost_in_every_gap(trial, key, fruit, price, prices)


def _expect_nothing_to_correct(trial: Trial, key: str, fruit: str, price: str) -> None:
    """The list has ended before the call."""
    trial.put({})
    answer = trial.call(key, fruit, price)
    if trial.redis.exists(key):
        raise Failed(GHOST, Plain("no such key"), trial.redis.hgetall(key), cure=WATCH_IT)
    trial.expect("the list has ended, and the caller is not told: return -2, as TTL answers", -2, answer)
    trial.expect_state("there was nothing to correct", {})


def _expect_no_ghost_in_every_gap(trial: Trial, key: str, fruit: str, price: str, prices: dict) -> None:
    """The list ends at every moment of the call."""

    def right(run: Run, seen: object) -> bool:
        answer = run.outcomes[0].value
        return seen == {} and type(answer) is int and (answer == -2 or 30 <= answer <= 41)

    with cured(WATCH_IT):
        trial.every_gap(
            partial(_or_gave_up, GHOST),
            (key, fruit, price),
            lambda: trial.put({key: Ends(prices, 40.4)}),
            {"the list ends": lambda: trial.redis.unlink(key)},
            lambda: clocks(trial),
            allowed=right,
        )


CORRECT_PRICE = Exercise(
    id="5.2",
    title="Correct a price, if its list is still there",
    kind="blank",
    question="""\
`correct_if_there` corrects one price of a list. If the list is there, the function changes the price, leaves the
TTL as it is, and returns the seconds that are left. If the list has ended, the function changes nothing and returns −2:
here a `HSET` would make a new list, with one price and no end. The list may also end after the look: then, too,
nothing is changed.

In place of the `...`, three lines are missing. The function returns the last reply of `execute`: the seconds.""",
    stub="""\
def correct_if_there(redis_conn, key, fruit, price):
    while True:
        try:
            with redis_conn.pipeline() as pipe:
                pipe.watch(key)
                if not pipe.exists(key):
                    return -2
                ...
                replies = pipe.execute()
                return replies[-1]
        except redis.WatchError:
            pass  # somebody came in between: look again""",
    hints=(
        "After `watch`, each command runs at once. Which line makes redis-py keep the commands for `execute`?",
        "First `pipe.multi()`. Then the correction: `HSET` with key, fruit and price. It leaves the TTL alone.",
        "The function returns the last reply. So the third line asks for the seconds that are left: `pipe.ttl(key)`.",
    ),
    solution="""\
import redis


def correct_if_there(redis_conn, key, fruit, price):
    while True:
        try:
            with redis_conn.pipeline() as pipe:
                pipe.watch(key)
                if not pipe.exists(key):
                    return -2
                pipe.multi()
                pipe.hset(key, fruit, price)
                pipe.ttl(key)
                replies = pipe.execute()
                return replies[-1]
        except redis.WatchError:
            pass  # somebody came in between: look again""",
    why="When the list ends or changes after the look, EXEC runs nothing, and the loop looks again. A key that ends by "
    "its TTL counts as changed, too.",
    check=_check_correct_if_there,
)

# 5.3

IN_ONE_STEP = "WATCH the stock, look at it, then MULTI, HINCRBY, EXEC; after a WatchError look again."


def _check_take(trial: Trial) -> None:
    key, fruit, other = trial.key("stock *1*"), "maçã 'Gala' *", trial.word()
    stock, some = trial.number(20, 60), trial.number(2, 9)
    for there, crates in ((stock, some), (stock, stock), (10, 9), (100, some), (1, 1), (some, 1)):
        _expect_taken(trial, key, {fruit: str(there), other: "5"}, (fruit, crates), True)
    for there, crates in ((0, 1), (some, some + 1), (9, 10), (some, 100), (0, 7)):
        _expect_taken(trial, key, {fruit: str(there), other: "500"}, (fruit, crates), False)
    _expect_customers_at_once(trial, key, fruit)
    _expect_whole_sales(trial, key, fruit)
    _expect_none_of_it(trial, key, fruit, other)
    expect_refusal(trial, key, (key, fruit, some))
    trial.every_error((key, fruit, some), lambda: trial.put({key: {fruit: str(stock)}}))


def _expect_taken(trial: Trial, key: str, stock: dict, wanted: tuple[str, int], sold: bool) -> None:
    """One customer asks, while nobody else does."""
    fruit, crates = wanted
    for ends in (False, True):
        before = Ends(stock, 300) if ends else stock
        trial.put({key: before})
        answer = trial.call(key, fruit, crates)
        told = "there were enough crates, and the customer gets none: the answer is True"
        if not sold:
            told = "there were not enough crates, and the customer is not told so: the answer is False"
        left = stock | {fruit: str(int(stock[fruit]) - crates)} if sold else stock
        wrong = "the stock must say what is left after the sale, and nothing else may change"
        if not sold:
            wrong = "nothing was sold, and yet the stock is not as it was"
        if type(answer) is not bool or answer is not sold:
            raise Failed(told, Plain(f"{sold} with {stock[fruit]} crates there, {crates} wanted"), answer)
        trial.expect_value(wrong, key, left)
        trial.expect_state(wrong, {key: Ends(left, 300) if ends else left})


def _expect_none_of_it(trial: Trial, key: str, fruit: str, other: str) -> None:
    """A fruit that is not in the stock."""
    for before in ({key: {other: "5"}}, {}):
        trial.put(before)
        answer = trial.call(key, fruit, 1)
        trial.expect("the market has no such fruit, so it cannot be sold: the answer is False", False, answer)
        trial.expect_state("the market has no such fruit: the stock must stay as it was", {key: before.get(key)})


def _expect_customers_at_once(trial: Trial, key: str, fruit: str) -> None:
    """Two customers, in every order of their commands: for the last crates, for more than there are, for few."""
    first, second = trial.number(3, 5), trial.number(6, 9)
    trial.put({key: {fruit: "50"}})
    trial.call(key, fruit, 1)
    may_be_a_lock = _uses_another_key(trial, key)
    with cured(IN_ONE_STEP), _short_sleeps(fewer_orders=may_be_a_lock):
        if not may_be_a_lock:  # a lock is known to its own callers only
            _expect_other_customers_in_every_gap(trial, key, fruit, first)
        for there, one, two in (
            (first + second - 1, first, second),
            (first, second, first),
            (first + second + 2, first, second),
        ):
            trial.orders(
                partial(_why_not_sold, trial, key, fruit, there, (one, two)),
                {"customer A": (key, fruit, one), "customer B": (key, fruit, two)},
                before=partial(trial.put, {key: {fruit: str(there)}}),
            )


def _uses_another_key(trial: Trial, key: str) -> bool:
    """Whether the last call named a key beside this one: a lock, for instance, that callers respect."""
    words = {word for step in trial.call_seen.steps for command in step.commands for word in command}
    return any(word.startswith(trial.prefix) and word != key for word in words)


def _expect_other_customers_in_every_gap(trial: Trial, key: str, fruit: str, crates: int) -> None:
    """Two other customers, who look and take in one step: one takes what was to be had, one the rest."""
    there = crates + 1
    sold: list[int] = []

    def sells(wanted: int) -> None:
        if int(trial.redis.hget(key, fruit) or 0) >= wanted:
            trial.redis.hincrby(key, fruit, -wanted)
            sold.append(wanted)

    def before() -> None:
        sold.clear()
        trial.put({key: {fruit: str(there)}})

    def why(run: Run) -> str:
        mine = crates if run.outcomes[0].value is True else 0
        return _why_not_right(mine + sum(sold), there, trial.redis.hget(key, fruit))

    trial.orders(
        why,
        {"your function": (key, fruit, crates)},
        before,
        {"customer B wants 2": lambda: sells(2), f"customer C wants {crates - 1}": lambda: sells(crates - 1)},
        view=lambda: (trial.state(), sorted(sold)),
    )


def _why_not_sold(trial: Trial, key: str, fruit: str, there: int, wanted: tuple[int, int], run: Run) -> str:
    sold = sum(crates for crates, outcome in zip(wanted, run.outcomes, strict=True) if outcome.value is True)
    return _why_not_right(sold, there, trial.redis.hget(key, fruit))


def _why_not_right(sold: int, there: int, left: str | None) -> str:
    if sold > there:
        return "crates were sold that are not there: two customers got the same ones. Look at what comes in between"
    if left != str(there - sold):
        return "the stock is not what is left after the sales: crates were lost, or came from nowhere"
    return (
        "a customer was sent away although there were enough crates: look at what the other call had done to the stock "
        "at that moment, and whether your code looks at it again"
    )


def _expect_whole_sales(trial: Trial, key: str, fruit: str) -> None:
    """Wherever the program dies: all crates or none are taken, and what is left beside the stock ends."""
    for there, crates in ((20, 3), (2, 3)):
        before = {key: {fruit: str(there)}}
        rights = [({fruit: str(there)}, False), ({fruit: str(there - crates if there >= crates else there)}, False)]

        def whole(left: dict, rights: list = rights) -> bool:
            return left.get(key) in rights and all(ends for name, (_, ends) in left.items() if name != key)

        with cured(IN_ONE_STEP):
            trial.every_cut(
                "crates are gone that nobody bought, or something is left that never ends: nobody will ever mend that",
                (key, fruit, crates),
                partial(trial.put, before),
                allowed=whole,
            )


@contextlib.contextmanager
def _short_sleeps(fewer_orders: bool = False) -> Iterator[None]:
    """Whoever waits for a lock looks again soon. And asks often: where there may be one, fewer orders are tried."""
    sleep = time.sleep
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch("time.sleep", lambda seconds: sleep(min(seconds, 0.001))))
        if fewer_orders:
            stack.enter_context(mock.patch.multiple(schedules, MOST_IN_A_ROW=3, MOST_SCHEDULES=24, SAMPLE=4))
        yield


TAKE = Exercise(
    id="5.3",
    title="The last crates",
    kind="stretch",
    question="""\
A hash holds the stock: the fruit is the field, the number of crates the value. Write `take`. The customer wants
`crates` crates of one fruit. If there are enough, `take` takes them out and returns `True`. If not, it changes nothing
and returns `False`. When the fruit is not in the hash, there are none of it.

Many customers buy at the same time. No crate is sold twice. No customer is sent away while there are enough.
And the stock is never too low, not even for a moment: the program may be killed in it.""",
    stub="""\
def take(redis_conn, key, fruit, crates):
    # your code here
    ...""",
    hints=(
        "Which of the lesson's functions leaves no gap between the look and the change, and never makes the stock too "
        "low? It is not `take_first`.",
        "Begin with `sell_one`. Its look becomes `pipe.hget(key, fruit)`. That is None when there is no such fruit: "
        "`int(... or 0)` makes 0 of it.",
        "Return False when there are fewer than `crates`. Otherwise: `pipe.multi()`, HINCRBY with `-crates`, "
        "`pipe.execute()`, and True.",
        "Do not forget the loop: after a WatchError there may still be enough crates for this customer.",
    ),
    solution="""\
import redis


def take(redis_conn, key, fruit, crates):
    while True:
        try:
            with redis_conn.pipeline() as pipe:
                pipe.watch(key)
                stock = int(pipe.hget(key, fruit) or 0)
                if stock < crates:
                    return False
                pipe.multi()
                pipe.hincrby(key, fruit, -crates)
                pipe.execute()
                return True
        except redis.WatchError:
            pass  # somebody came in between: look again""",
    why="EXEC takes the crates only if the stock is still what the look has seen. A program that is killed before EXEC "
    "has taken none. When only the reply of EXEC is lost, the loop takes once more: the end of the lesson shows it. "
    "With very many customers at one key the loop looks again often: lesson 06 does the same in one step inside Redis.",
    check=_check_take,
)

EXERCISES = (STORE_DAY, CORRECT_PRICE, TAKE)

QUIZ = (
    Question(
        "Anna gives Bruno 50 points. The program sends MULTI, takes 50 from Anna's counter, adds 50 to Bruno's. Then "
        "its connection breaks, before EXEC. What do the two counters say?",
        (
            ("Anna's has 50 less, Bruno's is as before", "That is what two single commands can leave."),
            ("Both are as before", "Redis had only kept the commands, and forgot them when the connection broke."),
            ("Both have changed", "Redis runs the commands when EXEC arrives. It never did."),
        ),
        answer="b",
    ),
    Question(
        "A pipeline counts a visit (INCR), then sets a field of a hash. The hash's key holds a text, so execute() "
        "raises ResponseError. The program catches it, and runs the same pipeline again. What has the counter done?",
        (
            ("It has counted once", "That would be so if the first try had been taken back. Redis takes nothing back."),
            ("It has not counted", "INCR works each time. Only the other command fails."),
            ("It has counted twice", "INCR was done in both tries: one failed command does not undo the others."),
        ),
        answer="c",
    ),
    Question(
        "Two employees correct the same customer's hash at the same moment, each with WATCH and MULTI. One changes the "
        "street, the other the telephone number. What happens to the second one?",
        (
            (
                "execute() raises WatchError",
                "WATCH watches the whole key, and it was changed. A second try helps.",
            ),
            ("It overwrites the street", "EXEC runs nothing after a change, so nothing is overwritten."),
            ("Both changes are done at once", "Redis does not compare fields. It sees one key, which was changed."),
        ),
        answer="a",
    ),
    Question(
        "A page counts its visitors, many at the same moment. What is enough?",
        (
            ("WATCH, GET, MULTI, SET, EXEC, in a loop", "It counts right, with many messages and many second tries."),
            ("INCR", "One command is one step already. Nobody can come into the middle of it."),
            ("GET and SET in one pipeline", "The SET would need the reply of the GET, which comes only at the end."),
        ),
        answer="b",
    ),
    Question(
        'A cinema counts its free seats with "take first, look then". Three are free, and a group asks for five. The '
        "program is killed right after it has taken. Later somebody asks for two seats. What happens?",
        (
            ("They get two of the three seats", "The counter says −2. The program that wanted to put back is dead."),
            ("They get an error of Redis", "HINCRBY works with numbers below zero, too."),
            ("They are sent away", "The counter says −2 until somebody corrects it by hand."),
        ),
        answer="c",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="undo-predict",
        text=(
            "The key `note` holds the text `open`. A transaction has three commands, and the second one, an `INCR`, "
            "fails. Which of the three are done?"
        ),
        code="""\
note = "cell-by-cell:review:note"
price = "cell-by-cell:review:price"
sale = "cell-by-cell:review:sale"
redis_conn.mset({note: "open", price: 312, sale: "no"})
pipe = redis_conn.pipeline(transaction=True)
pipe.set(price, 299)
pipe.incr(note)
pipe.set(sale, "yes")
pipe.execute(raise_on_error=False)
print("price, sale:", redis_conn.mget(price, sale))""",
        options=(
            ("none of them", r"price, sale: \['312', 'no'\]"),
            ("only the first", r"price, sale: \['299', 'no'\]"),
            ("the first and the third", r"price, sale: \['299', 'yes'\]"),
        ),
        answer="c",
        why="Redis puts the error into the list of replies, and goes on. Nothing is undone.",
        needs=("MULTI",),
    ),
    Prediction(
        cell="rival-predict",
        text="Five crates are there. Somebody else takes one after our look, and before our `execute`. What happens?",
        code="""\
import redis

left = "cell-by-cell:review:left"
redis_conn.set(left, 5)
with redis_conn.pipeline() as pipe:
    pipe.watch(left)
    pipe.get(left)
    redis_conn.incrby(left, -1)  # somebody else
    pipe.multi()
    pipe.incrby(left, -1)
    try:
        told = pipe.execute()
    except redis.WatchError:
        told = "WatchError"
print(told, "- crates left:", redis_conn.get(left))""",
        options=(
            ("`execute` takes one more: 3 are left", r"\[3\] - crates left: 3"),
            ("`execute` raises an error: 4 are left", "WatchError - crates left: 4"),
            ("`execute` waits, then takes one: 3 are left", "waited - crates left: 3"),
        ),
        answer="b",
        why=(
            "The key was changed, so Redis ran nothing. redis-py makes a `WatchError` of the `(nil)`. The one crate "
            "that is gone went to somebody else."
        ),
        needs=("WATCH", "MULTI"),
    ),
)
