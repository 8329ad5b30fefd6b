"""Lesson 01: text and numbers, JSON, keys that are there, counters, writing under a condition."""

import contextlib
import json
import time
from collections.abc import Iterator
from unittest import mock

from redis.exceptions import NoScriptError

from redis_helpers.course.exercises import schedules
from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.exercises.wire import SEEN_BY_NOBODY, Step

# For all of them


def _must(why: str, expected: object, seen: object, cure: str | None = None) -> None:
    """Fails unless both are equal and of one type."""
    if type(seen) is not type(expected) or seen != expected:
        raise Failed(why, expected, seen, cure=cure)


def _expect_refusal(trial: Trial, args: tuple, before: dict) -> None:
    """Redis refuses the call, because of what the key holds: the caller must learn of it, and the key stays."""
    trial.put(before)
    outcome = trial.attempt(*args)
    if outcome.error is None:
        raise Failed(
            "the key held something else, Redis refused the command, and your function kept that to itself: its "
            "caller takes the answer for true",
            Plain("the error of Redis"),
            outcome.value,
            cure="Let errors through that you cannot mend.",
        )
    trial.expect_state("Redis refused the command, and yet something has changed", before)


def _steps(trial: Trial) -> list[Step]:
    """How often the last call came to Redis for data: sending a script is left out, MULTI to EXEC are one."""
    return [
        step
        for step in trial.call_seen.steps
        if step.commands[0][0] not in SEEN_BY_NOBODY and not any(isinstance(r, NoScriptError) for r in step.replies)
    ]


def _uses_another_key(trial: Trial, key: str) -> bool:
    """Whether the last call named a key beside this one: a lock, for instance, that callers respect."""
    words = {word for step in trial.call_seen.steps for command in step.commands for word in command}
    return any(word.startswith(trial.prefix) and word != key for word in words)


@contextlib.contextmanager
def _short_sleeps(fewer_orders: bool = False) -> Iterator[None]:
    """Whoever waits for a lock looks again soon. And asks often: where there may be one, fewer orders are tried."""
    sleep = time.sleep
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch("time.sleep", lambda seconds: sleep(min(seconds, 0.001))))
        if fewer_orders:
            stack.enter_context(mock.patch.multiple(schedules, MOST_IN_A_ROW=3, MOST_SCHEDULES=24, SAMPLE=4))
        yield


@contextlib.contextmanager
def _cured(cure: str) -> Iterator[None]:
    """Says what to do, where a check of every moment fails."""
    try:
        yield
    except Failed as failure:
        failure.cure = failure.cure or cure
        raise


# 1.1

NUMBER = "int() makes a number of text. But there is no text when there is no such key: look at what GET answers first."


def _check_read_price(trial: Trial) -> None:
    key, price = trial.key("banana"), trial.number(101, 999)
    for cents in (price, 0, 10**15 + price):
        trial.put({key: str(cents)})
        answer = trial.call(key)
        why = "your function gives another price than Redis holds"
        if isinstance(answer, str):
            why = "the price is text, and whoever doubles it gets '312312': return a number"
        elif isinstance(answer, float):
            why = "a price is a whole number of cents, and your function gives a fraction: use int()"
        elif cents == 0:
            why = "a price of 0 cents is a price: this fruit is given away today, and your function says something else"
        elif answer is None:
            why = "there is a price, and your function returns None: `return` gives a number back, print only shows it"
        _must(why, cents, answer, NUMBER)
        trial.expect_state("your function only reads, and yet something has changed in Redis", {key: str(cents)})
    trial.put({})
    _must("there is no such fruit, and your function does not say so: return None", None, trial.call(key), NUMBER)
    trial.expect_state("your function only reads, and yet something is in Redis now", {})
    gone = "the price was deleted between two of your commands, and your function says what is not so"
    with _cured("One GET is enough: its answer is the price, or None."):
        trial.every_gap(
            gone,
            (key,),
            lambda: trial.put({key: str(price)}),
            {"the price is deleted": lambda: trial.redis.delete(key)},
        )
    trial.every_error((key,), lambda: trial.put({key: str(price)}))


READ_PRICE = Exercise(
    id="1.1",
    title="A price you can calculate with",
    kind="write",
    question="""\
Write `read_price`. It returns the price under `key` as a whole number (an `int`). If there is no such key, it
returns `None`. Somebody may delete a price at any moment, so ask Redis only once.""",
    stub="""\
def read_price(redis_conn, key):
    # your code here
    ...""",
    hints=(
        "GET answers text. `int(...)` makes a number of it. What does GET answer when there is no such key?",
        "Keep the answer in a name, such as `text`. If it `is None`, return None. Otherwise return the number.",
    ),
    solution="""\
def read_price(redis_conn, key):
    text = redis_conn.get(key)
    if text is None:
        return None
    return int(text)""",
    why="GET answers text or None, and int(None) would be an error. So None comes first.",
    check=_check_read_price,
)

# 1.2

DUMPS = "json.dumps(fruit) makes the text, and SET stores it."


def _check_store_fruit(trial: Trial) -> None:
    key, name, price = trial.key("fruit"), trial.word(), trial.number(101, 999)
    _expect_fruit(trial, key, {"name": name, "price": price}, {})
    _expect_fruit(trial, key, {"name": name, "price": price}, {key: '{"name": "an old fruit", "price": 1}'})
    _expect_fruit(trial, key, {"name": f"maçã {name}", "note": 'it\'s "sweet"', "seen": None, "fresh": True}, {})
    _expect_fruit(trial, key, {"prices": {"small": price, "big": 2 * price}, "days": ["mon", "tue"]}, {})
    _expect_fruit(trial, key, {}, {})
    fruit = {"name": name, "price": price}
    trial.every_error((key, fruit), lambda: trial.put({key: "old"}))


def _expect_fruit(trial: Trial, key: str, fruit: dict, before: dict) -> None:
    trial.put(before)
    try:
        trial.call(key, fruit)
    except Crashed as crash:
        if "the JSON object must be str" not in str(crash.error):
            raise
        raise Failed(
            "json.loads reads text, and your fruit is a dictionary: the way into Redis is the other one", cure=DUMPS
        ) from crash.error
    try:
        found = trial.state().get(key)
    except UnicodeDecodeError:
        raise Failed("what is stored is no text, so no other program can read it", cure=DUMPS) from None
    if found is None:
        raise Failed("whoever looks for the fruit does not find it: it must be stored under the key", fruit, None)
    stored = found.value
    if before and stored == before[key]:
        raise Failed("customers see the old fruit: the new one must replace it", json.dumps(fruit), stored, cure=DUMPS)
    try:
        back = json.loads(str(stored)) if isinstance(stored, str) else None
    except ValueError:
        why = "what is stored is no JSON, so no other program can read it"
        cure = f"str() writes for Python only. {DUMPS}" if stored == str(fruit) else DUMPS
        raise Failed(why, json.dumps(fruit), stored, cure=cure) from None
    if type(back) is str:
        raise Failed("the text was made JSON twice: whoever reads it gets text, and no dictionary", fruit, back)
    if back != fruit:
        raise Failed("whoever reads the JSON gets another dictionary than yours", fruit, stored, cure=DUMPS)
    trial.expect_state("the fruit must be stored", {key: stored})


STORE_FRUIT = Exercise(
    id="1.2",
    title="A dictionary as text",
    kind="write",
    question="""\
Write `store_fruit`. It stores the dictionary `fruit` as JSON under `key`.""",
    stub="""\
def store_fruit(redis_conn, key, fruit):
    # your code here
    ...""",
    hints=(
        "Two steps: make text of the dictionary, then store the text.",
        "`json.dumps(fruit)` gives the text. `redis_conn.set` takes first the key, then the value.",
    ),
    solution="""\
import json


def store_fruit(redis_conn, key, fruit):
    redis_conn.set(key, json.dumps(fruit))""",
    why="JSON is text, so Redis takes it, and programs in every language can read it.",
    check=_check_store_fruit,
)

# 1.3

COUNT = "EXISTS takes both keys at once, and answers how many of them are there. Compare that number with 2."


def _check_all_there(trial: Trial) -> None:
    first, second, other = trial.key("banana"), trial.key("apple"), trial.key("uva")
    cases = (
        ({first: "312", second: "195"}, True, "both prices are there, and your function does not say so"),
        ({first: "312", other: "1"}, False, "the second price is missing, and your function says that both are there"),
        ({second: "195"}, False, "the first price is missing, and your function says that both are there"),
        ({other: "1"}, False, "both prices are missing, and your function says that they are there"),
        ({first: "", second: "0"}, True, "an empty text is a value too: its key is there"),
        ({first: {"cents": "312"}, second: ["195"]}, True, "both keys are there, whatever type their values have"),
        ({first: Ends("312", 300), second: "195"}, True, "both prices are there, and your function does not say so"),
    )
    for before, expected, why in cases:
        trial.put(before)
        answer = trial.call(first, second)
        if type(answer) is int:
            why = "True or False is wanted, and your function gives the number that EXISTS has counted"
        _must(why, expected, answer, COUNT)
        trial.expect_state("your function only looks, and yet something has changed in Redis", before)
    trial.every_error((first, second), lambda: trial.put({first: "312", second: "195"}))


ALL_THERE = Exercise(
    id="1.3",
    title="Two keys at once",
    kind="blank",
    question="""\
Replace the dots. The function returns `True` if **both** keys are there, whatever they hold, and `False` otherwise.""",
    stub="""\
def both_there(redis_conn, first, second):
    return ...""",
    hints=(
        "`exists` takes several keys, and answers a number. Which number does it answer when both are there?",
        "Compare the number with 2. A comparison with `==` gives True or False.",
    ),
    solution="""\
def both_there(redis_conn, first, second):
    return redis_conn.exists(first, second) == 2""",
    why="EXISTS counts. One key of two is 1, which Python would take for true: so compare with 2.",
    check=_check_all_there,
)

# 1.4

ONE_COMMAND = "INCRBY adds any number inside the server, and answers the new total: return that answer."


def _check_counter(trial: Trial) -> None:
    key, crates, sold = trial.key("crates-sold"), trial.number(3, 9), trial.number(20, 99)
    trial.put({})
    total = trial.call(key, crates)
    why = "the seller is told a wrong total: return the new one, a counter that does not exist yet begins at 0"
    if isinstance(total, str):
        why = "the seller cannot calculate with the answer: return the total as a number, not as text"
    elif total is None:
        why = "the seller is told no total: return the answer of your command"
    elif total is True:
        why = "your command answers True and no total: it stores a number, where it should add one"
    elif total == 1:
        why = "several crates were sold, and 1 was counted: look at how much your command adds"
    _must(why, crates, total, ONE_COMMAND)
    trial.expect_state("what the seller sold must be counted in Redis", {key: str(crates)})
    _expect_total(trial, key, sold, trial.number(10, 19))
    _expect_two_sellers(trial, key)
    trial.call(key, crates)
    if len(_steps(trial)) > 1:
        raise Failed(
            "no sale is lost, but each waits for Redis several times, and the task asks for one command",
            Plain("one command (a script is one, too)"),
            Plain(", ".join(step.commands[0][0] for step in _steps(trial))),
            cure=ONE_COMMAND,
        )
    _expect_total(trial, key, trial.number(10**15, 10**15 + 999), 1)
    _expect_total(trial, key, sold, 0)
    _expect_total(trial, key, sold, -2)  # two crates came back
    trial.put({key: Ends(str(sold), 300)})
    trial.call(key, crates)
    trial.expect_state("the sales must be added to what was counted before", {key: Ends(str(sold + crates), 300)})
    _expect_refusal(trial, (key, crates), {key: "many"})
    _expect_refusal(trial, (key, crates), {key: ["many"]})
    trial.every_error((key, crates), lambda: trial.put({key: str(sold)}))


def _expect_total(trial: Trial, key: str, sold: int, crates: int) -> None:
    trial.put({key: str(sold)})
    total = trial.call(key, crates)
    trial.expect_state("the sales must be added to what was counted before", {key: str(sold + crates)})
    trial.expect("the seller is told a wrong total: return the new one, as Redis counts it", sold + crates, total)


def _expect_two_sellers(trial: Trial, key: str) -> None:
    """Two sellers sell at once; each gets a total of its own, and no sale is lost."""
    sold, crates, more = trial.number(100, 999), trial.number(2, 3), trial.number(4, 5)
    lost = "a sale was lost: another seller sold while your code was at work, and what it sold is not counted"

    def why(run: Run) -> str:
        counted, totals = trial.redis.get(key), [outcome.value for outcome in run.outcomes]
        if counted != str(sold + crates + more):
            return lost
        if totals[0] == totals[1]:
            return "two sellers were told the same total: what a seller is told must be what its own sale made of it"
        return "another seller sold in the middle of a sale, and the totals are wrong: one sale must be one step"

    def before() -> None:
        trial.put({key: str(sold)})

    with _cured(ONE_COMMAND):
        trial.every_gap(lost, (key, crates), before, {"another seller sells": lambda: trial.redis.incrby(key, 1000)})
        trial.orders(why, {"seller 1": (key, crates), "seller 2": (key, more)}, before)


COUNTER = Exercise(
    id="1.4",
    title="A counter that loses nothing",
    kind="blank",
    question="""\
One key counts the crates (boxes) that several sellers sell. Replace the dots by **one** command. It adds
`crates` to the number under `key`, and returns the new total as a number. No sale may be lost.""",
    stub="""\
def count_crates(redis_conn, key, crates):
    return ...""",
    hints=(
        "GET, then adding in Python, then SET: in between another seller can sell. Which command adds in Redis itself?",
        "INCR adds 1. There is a command with a longer name that adds any number.",
        "In Python it is a method with two arguments: the key, and how much to add. It answers the new total.",
    ),
    solution="""\
def count_crates(redis_conn, key, crates):
    return redis_conn.incrby(key, crates)""",
    why="Redis runs one command after the other. So nobody can come between reading, adding and writing.",
    check=_check_counter,
)

# 1.5

NX = "SET with NX stores only where nothing is, and says whether it did. bool() turns this into True or False."


def _check_put_once(trial: Trial) -> None:
    key, alice, bob = trial.key("place *7 [left]?"), f"Alice {trial.word()}", f"Bob {trial.word()}"
    trial.put({})
    _must("the place was free, and the seller was sent away", True, trial.call(key, alice), NX)
    trial.expect_state("the seller who came first must have the place, for good", {key: alice})
    _expect_an_end(trial, key, alice, bob)
    for value in (alice, "", "0"):
        for there in (value, Ends(value, 300.5)):
            trial.put({key: there})
            answer = trial.call(key, bob)
            trial.expect_value("the place was taken away from the seller who had it", key, value)
            trial.expect_state("a place that is taken stays as it is, with its end if it has one", {key: there})
            why = "the place was taken, and the seller was not told so: the answer is False"
            _must(why, False, answer, "With nx=True, set answers None then. bool() turns it into False.")
    trial.put({key: alice})
    why = "the same seller asked twice, and was told twice to have got the place: the second time it was taken"
    trial.expect(why, False, trial.call(key, alice))
    trial.put({})
    _must("the place was free, and the seller was sent away", True, trial.call(key, ""), NX)
    trial.expect_state("what the seller wants stored must be stored", {key: ""})
    _expect_one_winner(trial, key, alice, bob)
    trial.every_error((key, bob), lambda: trial.put({}))


def _expect_an_end(trial: Trial, key: str, alice: str, bob: str) -> None:
    """A seller who comes too late is not to wait. (A loop that goes on asking is stopped after some 200 commands.)"""
    try:
        with _short_sleeps():
            trial.orders(
                "the place is taken, and your function says or does something else each time it is called",
                {"seller": (key, bob)},
                before=lambda: trial.put({key: alice}),
            )
    except Failed as failure:
        if "your code was stopped" not in failure.why:
            raise
        raise Failed(
            "the place is taken, and your function goes on asking: the seller waits for ever, instead of being told",
            cure="Ask once, and return False when the place is taken.",
        ) from None


def _expect_one_winner(trial: Trial, key: str, alice: str, bob: str) -> None:
    """Nothing that comes in between gives one place to two sellers, or to none."""
    both = "between your look and your booking another seller got the place: now both have been told that it is theirs"
    ended = "a booking ended meanwhile, and what your function says is not what happened"
    alice_has_it: list[bool] = []

    def alice_comes() -> None:
        alice_has_it.append(bool(trial.redis.set(key, alice, nx=True)))

    def why(run: Run) -> str:
        if [outcome.value for outcome in run.outcomes].count(True) > 1:
            return both
        return "two sellers came at once, and what they were told is not what Redis holds"

    may_be_a_lock = _uses_another_key(trial, key)
    with _cured(NX), _short_sleeps(fewer_orders=may_be_a_lock):
        if not may_be_a_lock:  # a lock is known to its own callers only
            trial.every_gap(
                both,
                (key, bob),
                alice_has_it.clear,
                {"another seller books": alice_comes},
                view=lambda: (trial.redis.get(key), tuple(alice_has_it)),
            )
        trial.orders(why, {"seller A": (key, alice), "seller B": (key, bob)}, before=lambda: None)
        ends = {"the booking ends": lambda: trial.redis.delete(key)}
        trial.every_gap(ended, (key, bob), lambda: None, ends)
        trial.every_gap(ended, (key, bob), lambda: trial.put({key: alice}), ends)

    def booked_or_not(left: dict) -> bool:
        """A lock may be left, which ends."""
        others_end = all(ends for name, (_, ends) in left.items() if name != key)
        return others_end and left.get(key) in (None, (bob, False))

    why_cut = "something is left in Redis that nobody will ever delete, or half of a booking"
    trial.every_cut(why_cut, (key, bob), lambda: trial.put({}), allowed=booked_or_not)


PUT_ONCE = Exercise(
    id="1.5",
    title="First come, first served",
    kind="change",
    question="""\
`put_once` looks first, and writes then. So two sellers can get the same place. Change it: one command looks and writes.
It returns `True` when the place was free, and `False` when it was not. A booking stays until somebody deletes it.""",
    stub="""\
def put_once(redis_conn, key, value):
    if redis_conn.exists(key):
        return False
    redis_conn.set(key, value)
    return True""",
    hints=(
        "EXISTS tells what was true a moment ago. Which option of SET looks and writes in one command?",
        "With `nx=True`, `set` answers True or None. What the function returns is True or False.",
        "`bool(None)` is False, and `bool(True)` is True.",
    ),
    solution="""\
def put_once(redis_conn, key, value):
    return bool(redis_conn.set(key, value, nx=True))""",
    why="with NX, looking and storing are one command, so nobody can come in between. bool() makes False of None.",
    check=_check_put_once,
)

# 1.6

GET_OLD = "With get=True, SET stores the new value and answers the old one, in one command."


def _check_swap_price(trial: Trial) -> None:
    key, old, new = trial.key("uva"), trial.number(101, 499), trial.number(501, 999)
    for before in (old, 0, new):
        trial.put({key: str(before)})
        answer = trial.call(key, new)
        trial.expect_state("customers see a wrong price: the new one must be stored", {key: str(new)})
        why = "your function does not give the price that was there before"
        if answer in (new, str(new)) and before != new:
            why = "your function gives the new price, and the old one was asked for"
        elif isinstance(answer, str):
            why = "the old price is text: return a number"
        elif before == 0:
            why = "the fruit cost 0 cents before, which is a price: only a fruit without a price gives None"
        _must(why, before, answer, GET_OLD)
    trial.put({})
    answer = trial.call(key, new)
    trial.expect_state("a fruit that had no price must get the new one", {key: str(new)})
    _must("the fruit had no price before, so the answer is None", None, answer, "int(None) is an error: look first.")
    lost = (
        "somebody else changed the price between two of your commands. Your function has overwritten it, and told "
        "nobody: the old price that it gives is older"
    )

    first_lost = (
        "the fruit had no price. Somebody else set one between two of your commands, and your function has "
        "overwritten it, and told nobody"
    )

    def price_before() -> None:
        trial.put({key: str(old)})

    rivals = {"somebody sets 500": lambda: trial.redis.set(key, "500")}
    with _cured(GET_OLD):
        trial.every_gap(lost, (key, new), price_before, rivals)
        trial.orders(lost, {"seller 1": (key, new), "seller 2": (key, new + 1)}, price_before)
    with _cured("With get=True, None says that there was no old price. The new one is stored: do not store it again."):
        trial.every_gap(first_lost, (key, new), lambda: trial.put({}), rivals)
    trial.every_error((key, new), price_before)


SWAP_PRICE = Exercise(
    id="1.6",
    title="The old price",
    kind="stretch",
    question="""\
Write `swap_price`. It stores `price` under `key`, and returns the **old** price as a number, or `None` if there was
none. Nobody may come between the look at the old price and the new one.""",
    stub="""\
def swap_price(redis_conn, key, price):
    # your code here
    ...""",
    hints=(
        "One option of SET makes it answer the old value. You have seen it twice in this section.",
        "`redis_conn.set(key, price, get=True)` answers text, or None. In exercise 1.1 you made a number of that.",
    ),
    solution="""\
def swap_price(redis_conn, key, price):
    old = redis_conn.set(key, price, get=True)
    if old is None:
        return None
    return int(old)""",
    why="with GET, SET reads the old value and stores the new one in one command, so no other price can get lost.",
    check=_check_swap_price,
)

EXERCISES = (READ_PRICE, STORE_FRUIT, ALL_THERE, COUNTER, PUT_ONCE, SWAP_PRICE)

QUIZ = (
    Question(
        'Nine boxes are left. A page shows "only a few left" if redis_conn.get("stock") < "10". What does it do?',
        (
            (
                "It shows the words, as 9 is less than 10.",
                "Both are text here, and text is compared character by character.",
            ),
            (
                'It shows nothing: "9" < "10" is False.',
                "Text is compared character by character, and 9 comes after 1. Use int().",
            ),
            ("It raises a TypeError.", "Two texts can be compared. So the mistake is silent."),
        ),
        answer="b",
    ),
    Question(
        "Three servers run the same job at 8 o'clock. It sends one letter to all customers. Which line makes sure that "
        "only one of the three sends it?",
        (
            ("if not redis_conn.exists(day): send()", "All three may look before any of them has written."),
            ("if redis_conn.set(day, 1, xx=True): send()", "XX writes only if the key is there: nobody sends."),
            ("if redis_conn.set(day, 1, nx=True): send()", "One of them gets True. The two others get None."),
        ),
        answer="c",
    ),
    Question(
        "redis_conn.set(key, 5, get=True) answers None. What do you know?",
        (
            ("Nothing was stored.", "That is what None means with nx=True or xx=True."),
            ("The key was not there before, and now it holds 5.", "With get=True the answer is the old value: none."),
            ("The connection is broken.", "Then you would see an error."),
        ),
        answer="b",
    ),
    Question(
        "Two servers count visitors with GET, plus one, SET. In the Python program of each server, only one thread "
        "counts at a time: the others wait for it (this is called a lock). Is every visitor counted?",
        (
            ("No: the other server does not see that lock", "A lock in one program does not hold the other one back."),
            ("Yes: only one thread counts at a time", "One in each server: together they are two."),
            ("Yes, if both servers have the same clock", "The time plays no part: both may read the same number."),
        ),
        answer="a",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="number-predict",
        text="A price is stored as the number 312. What does `get` give?",
        code="""\
banana = "cell-by-cell:review:banana"
redis_conn.set(banana, 312)
price = redis_conn.get(banana)
print("of type", type(price).__name__)""",
        options=(
            ("a number, of type `int`", "of type int"),
            ("text, of type `str`", "of type str"),
            ("an error: Redis stores no numbers", r"\w+Error: .*"),
        ),
        answer="b",
        why="Redis stores text.",
    ),
    Prediction(
        cell="there-predict",
        text=(
            "There is a key for the banana, and one for the name. There is none for the uva. What does `exists` give?"
        ),
        code="""\
banana = "cell-by-cell:review:banana"
name = "cell-by-cell:review:name"
redis_conn.set(banana, 312)
redis_conn.set(name, "Anna")
print(redis_conn.exists(banana, name, "cell-by-cell:review:uva"))""",
        options=(
            ("`True`", "True"),
            ("`False`", "False"),
            ("`2`", "2"),
        ),
        answer="c",
        why="`EXISTS` counts how many of the keys are there.",
    ),
    Prediction(
        cell="lost-predict",
        text=(
            "The key says 40. Anna reads it, and Paulo reads it. Then each of them stores the number plus one. What "
            "does the key say then?"
        ),
        code="""\
sold = "cell-by-cell:review:sold"
redis_conn.set(sold, 40)
anna = int(redis_conn.get(sold))
paulo = int(redis_conn.get(sold))
redis_conn.set(sold, anna + 1)
redis_conn.set(sold, paulo + 1)
print("boxes sold:", redis_conn.get(sold))""",
        options=(
            ("42: two boxes were sold", "boxes sold: 42"),
            ("41", "boxes sold: 41"),
            ("40: Redis refuses both", "boxes sold: 40"),
        ),
        answer="b",
        why="Both read 40, so both stored 41. One sale is lost. Nobody saw an error.",
    ),
    Prediction(
        cell="get-predict",
        text=(
            "There is no key for the papaya. We set its price with `get=True`, and the answer is `None`. What is in "
            "Redis then?"
        ),
        code="""\
papaya = "cell-by-cell:review:papaya"
print("the answer:", redis_conn.set(papaya, 250, get=True))
print("exists:", redis_conn.exists(papaya), "value:", redis_conn.get(papaya))""",
        options=(
            ("nothing: `None` says so", "exists: 0 value: None"),
            ("the text `None`", "exists: 1 value: None"),
            ("the new price", "exists: 1 value: 250"),
        ),
        answer="c",
        why="With `get=True`, `None` is the old value: there was none. The new price is stored.",
    ),
)
