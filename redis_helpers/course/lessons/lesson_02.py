"""Lesson 02: keys that end, hashes, a record with its types, the price list of the day."""

import contextlib
import time
from collections.abc import Callable, Iterator

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.correction_checks import (
    expect_correction,
    expect_correction_in_every_gap,
    expect_last_correction,
)
from redis_helpers.course.lessons.hash_checks import clocks, cured, expect_refusal, kind_of_clock, must

# For all of them

NO_RETURN = "your function must give its answer with `return`. `print` only shows it"


# 2.1

AT_ONCE = "One SET stores the value and the TTL together: redis-py calls the option ex."


def _check_store_offer(trial: Trial) -> None:
    key, price, seconds = trial.key("offer *banana*"), trial.number(100, 999), trial.number(41, 59)
    args = (key, price, seconds)
    for before in ({}, {key: "1"}, {key: Ends("1", 5)}, {key: Ends("1", 90_000)}, {key: {"old": "hash"}}):
        for ttl in (seconds, trial.number(3000, 9000), 2):
            _expect_offer(trial, (key, price, ttl), before)
    why = (
        "the offer is left without its end, or it is gone. The check ends your program after each of its commands, as "
        "a crash would"
    )
    with cured(AT_ONCE):
        trial.every_cut(why, args, lambda: None)
        trial.every_cut(why, args, lambda: trial.put({key: Ends("1", 30)}))
        trial.orders(
            "two programs stored an offer at the same moment, and the price of one got the end of the other",
            {"program 1": (key, 312, 50), "program 2": (key, 195, 5000)},
            before=lambda: None,
            view=lambda: clocks(trial),
        )
    trial.every_error(args, lambda: trial.put({}))


def _expect_offer(trial: Trial, args: tuple, before: dict) -> None:
    """The price is there, and ends when it should. On a busy machine, one that lives for two seconds may be gone."""
    key, price, seconds = args
    trial.put(before)
    begin = time.monotonic()
    trial.call(*args)
    state = trial.state()
    took = time.monotonic() - begin
    found = state.pop(key, None)
    if found is None and took > seconds - 1:
        return
    if found is None or found.value != str(price):
        raise Failed(
            "customers find no price, or a wrong one: the price must be the value of the key",
            str(price),
            Plain("nothing: there is no such key") if found is None else found.value,
        )
    wanted = Plain(f"a TTL of {seconds} seconds")
    if found.left is None:
        raise Failed("the offer never ends: it has no TTL", wanted, Plain("no TTL"), cure=AT_ONCE)
    if not 1000 * (seconds - 1 - took) - 2 <= found.left <= 1000 * (seconds + 1):
        raise Failed(
            "the offer ends too early or too late: it must live for as many seconds as the call says",
            wanted,
            Plain(f"{found.left / 1000:g} seconds"),
            cure="Give `seconds` to ex=, which takes seconds: px= takes milliseconds.",
        )
    if state:
        raise Failed("a key is stored that nobody asked for", None, Plain(next(iter(state)).removeprefix(trial.prefix)))


STORE_OFFER = Exercise(
    id="2.1",
    title="An offer with an end",
    kind="write",
    question="Store `price` under `key`. After `seconds` seconds the key must be gone. One line is enough.",
    stub="""\
def store_offer(redis_conn, key, price, seconds):
    # your code here
    ...""",
    hints=(
        "It is a line of the cell above, with the names of the function: `key`, `price`, `seconds`.",
        "`redis_conn.set` takes the key, the value, and `ex=` with the seconds.",
    ),
    solution="""\
def store_offer(redis_conn, key, price, seconds):
    redis_conn.set(key, price, ex=seconds)""",
    why="SET stores the value and the TTL in one command, so the price is never there without its end.",
    check=_check_store_offer,
)

# 2.2

ASK_TTL = "TTL answers -2 when there is no such key, and -1 when the key has no TTL. All other answers are seconds."


def _check_describe_end(trial: Trial) -> None:
    key = trial.key("what *is* it")
    for value in ("312", "", "0", {"banana": "312"}, ["a", "b"]):
        _expect_described(trial, key, "never ends", {key: value})
        _expect_described(trial, key, "ends", {key: Ends(value, trial.number(20, 50) + 0.6)})
    _expect_described(trial, key, "ends", {key: Ends("312", trial.number(10**6, 10**7))})
    _expect_described(trial, key, "gone", {key: None})
    _expect_described_at_its_end(trial, key)
    why = "the key changed between two of your commands, and your answer was never true"
    with cured("Ask TTL once, and compare its answer."):
        changes: dict[str, Callable[[], object]] = {
            "the key is deleted": lambda: trial.redis.delete(key),
            "its TTL is taken away": lambda: trial.redis.persist(key),
        }
        trial.every_gap(why, (key,), lambda: trial.put({key: Ends("312", 40.4)}), changes)
        stored: dict[str, Callable[[], object]] = {"it is stored": lambda: trial.redis.set(key, "312", ex=40)}
        trial.every_gap(why, (key,), lambda: trial.put({}), stored)
    trial.every_error((key,), lambda: trial.put({key: "312"}))


def _expect_described(trial: Trial, key: str, wanted: str, before: dict) -> None:
    trial.put(before)
    answer = trial.call(key)
    told = {
        "gone": "there is no such key, and your function does not say so: look at what TTL answers then",
        "never ends": "the key stays for ever, and your function does not say so: look at what TTL answers then",
        "ends": "the key ends by itself, and your function does not say so: look at what TTL answers then",
    }
    if answer is None:
        raise Failed(f"the caller is told nothing: {NO_RETURN}", wanted, Plain("None"), cure=ASK_TTL)
    if isinstance(answer, str) and answer not in told:
        raise Failed('your text is none of the three: "gone", "never ends", "ends"', wanted, answer)
    must(told[wanted], wanted, answer, ASK_TTL)
    trial.expect_state("asking must change nothing", before)


def _expect_described_at_its_end(trial: Trial, key: str) -> None:
    """In its last half second, TTL answers 0."""

    def ask() -> object:
        trial.put({key: Ends("312", 0.4)})
        return trial.call(key)

    why = "the key has less than half a second left, so TTL answers 0: the key is still there, and it ends"
    must(why, "ends", trial.in_time(0.3, ask), ASK_TTL)


DESCRIBE_END = Exercise(
    id="2.2",
    title="Does it end?",
    kind="write",
    question="""\
Write `describe_end(redis_conn, key)`. It asks `TTL`, and returns one of three texts: `"gone"` when there is no such
key, `"never ends"` when the key has no TTL, and `"ends"` otherwise.""",
    stub="""\
def describe_end(redis_conn, key):
    # your code here
    ...""",
    hints=(
        "Begin with `left = redis_conn.ttl(key)`. Two numbers are special: compare `left` with each, in an `if`.",
        '`if left == -2: return "gone"`. The other special number is -1.',
        'Do not ask whether `left` is above 0: in its last half second a key has a TTL of 0, and it still "ends".',
    ),
    solution='''\
def describe_end(redis_conn, key):
    left = redis_conn.ttl(key)
    if left == -2:
        return "gone"
    if left == -1:
        return "never ends"
    return "ends"''',
    why="-2 and -1 are the only answers that are not seconds. TTL rounds, so 0 is a number of seconds too.",
    check=_check_describe_end,
)

# 2.3

KEEP = "SET has an option that leaves the TTL alone, and one that stores only where something is: KEEPTTL and XX."


def _check_change_price(trial: Trial) -> None:
    key, old = trial.key("offer *banana*"), f"banana 312 {trial.word()}"
    price = f"banana {trial.number(100, 311)}"
    for seconds in (40.4, trial.number(3000, 9000) + 0.6):
        _expect_price(trial, key, price, {key: Ends(old, seconds)})
    _expect_price(trial, key, price, {key: old})
    for before, after in ((Ends("", 40.4), "0"), (Ends("0", 40.4), ""), (Ends(price, 40.4), price)):
        _expect_price(trial, key, after, {key: before})
    _expect_no_price(trial, key, price)
    _expect_last_moment(trial, key, old, price)
    _expect_price_in_every_gap(trial, key, old, price)
    trial.every_error((key, price), lambda: trial.put({key: Ends(old, 40.4)}))


def _expect_price(trial: Trial, key: str, price: str, before: dict) -> None:
    """An offer that is there gets the new price, and keeps its clock."""
    trial.put(before)
    answer = _changed(trial, key, price)
    trial.expect_value("customers see a wrong price: the new one must be stored, in place of the old", key, price)
    ending = before[key]
    left = trial.redis.pttl(key)
    if isinstance(ending, Ends):
        if left == -1:
            raise Failed("the offer had an end, and now it has none: it is sold at this price for ever", cure=KEEP)
        if left > 1000 * ending.seconds + 2:
            raise Failed(
                "the TTL was set again: with each new price the offer lives longer",
                Plain(f"at most {ending.seconds:g} seconds"),
                Plain(f"{left / 1000:g} seconds"),
                cure=KEEP,
            )
        with cured(f"TTL answers whole seconds: what it says is not exactly the time that is left. {KEEP}"):
            trial.expect_state("the new price must be stored", {key: Ends(price, ending.seconds)})
    else:
        trial.expect_state("the new price must be stored", {key: price})
    why = "the offer was there, and its new price is stored: the answer is True"
    must(why, True, answer, "Return bool() of what redis-py's set answers: it makes True or False of that.")


def _expect_no_price(trial: Trial, key: str, price: str) -> None:
    trial.put({})
    answer = _changed(trial, key, price)
    trial.expect_state(
        "the offer was gone, and your code brought it back: customers buy what is not there", {key: None}
    )
    none = "redis-py's set answers None when it stores nothing. bool() makes it False."
    must("the offer was gone, so the answer is False", False, answer, none)


def _expect_last_moment(trial: Trial, key: str, old: str, price: str) -> None:
    """An offer with less than half a second to live."""

    def change() -> tuple[object, int]:
        trial.put({key: Ends(old, 0.45)})
        return _changed(trial, key, price), trial.redis.pttl(key)

    answer, left = trial.in_time(0.35, change)
    if answer is not True or not 0 < left <= 452:
        raise Failed(
            "an offer in its last half second was lost, or lives on: look at what the seconds are rounded to",
            Plain("True, and at most 0.45 seconds left"),
            Plain(f"{answer!r}, and " + (f"{left / 1000:g} seconds left" if left > 0 else "no such offer, or no end")),
            cure=KEEP,
        )


def _expect_price_in_every_gap(trial: Trial, key: str, old: str, price: str) -> None:
    """Whatever happens to the offer meanwhile, and wherever the program dies."""

    def with_an_end() -> None:
        trial.put({key: Ends(old, 40.4)})

    def view() -> object:
        return {name: (found.value, kind_of_clock(found.left)) for name, found in trial.state().items()}

    rivals = {
        "the offer ends": (
            lambda: trial.redis.delete(key),
            "the offer ended between two of your commands, and your code brought it back, or says what is not so",
        ),
        "the offer is prolonged": (
            lambda: trial.redis.expire(key, 5000),
            "the offer was prolonged between two of your commands, and your code has set the old TTL again: the "
            "offer ends too early",
        ),
        "its end is taken away": (
            lambda: trial.redis.persist(key),
            "the offer's end was taken away between two of your commands, and your code has set the old TTL again",
        ),
        "another price": (
            lambda: trial.redis.set(key, "banana 100", xx=True, keepttl=True),
            "somebody else changed the price meanwhile, and what your function says or stores is not what happened",
        ),
    }
    for name, (act, why) in rivals.items():
        with _told_of_clocks(), cured(KEEP):
            trial.every_gap(why, (key, price), with_an_end, {name: act}, view)
    with _told_of_clocks(), cured(KEEP):
        trial.every_gap(
            "the offer got an end between two of your commands, and your code took it away again",
            (key, price),
            lambda: trial.put({key: old}),
            {"it gets an end": lambda: trial.redis.expire(key, 5000)},
            view,
        )
    why = "the offer is left without its TTL, or gone. The price and the TTL must be changed in one step"
    with cured(KEEP):
        trial.every_cut(why, (key, price), with_an_end, view)


@contextlib.contextmanager
def _told_of_clocks() -> Iterator[None]:
    """Has a sentence for an answer of TTL that SET does not take as EX."""
    try:
        yield
    except Crashed as crash:
        if isinstance(crash.error, redis.ResponseError) and "invalid expire time" in str(crash.error):
            raise Failed(
                "the new price is not stored at all, because Redis refuses the time that your code gives it: the time "
                "left reads as 0 in the last half second, as -1 without an end, as -2 for a key that is gone",
                cure=KEEP,
            ) from None
        raise


def _changed(trial: Trial, *args: object) -> object:
    with _told_of_clocks():
        return trial.call(*args)


CHANGE_PRICE = Exercise(
    id="2.3",
    title="Change the price, keep the TTL",
    kind="write",
    question="""\
Write `change_price(redis_conn, key, price)`. When the key is there, it stores the new price, leaves the TTL as it is,
and returns `True`. When there is no such key any more, it stores nothing and returns `False`.

Use one `set`: between two commands, the key may end. With `xx=True` of lesson 01, `set` returns `True` when it has
stored the price, and `None` when there is no such key.""",
    stub="""\
def change_price(redis_conn, key, price):
    # your code here
    ...""",
    hints=(
        "`set` needs two options: one that leaves the TTL alone, and one that stores only where a key is there.",
        "The options are `keepttl=True` and `xx=True`. One `set` can have both.",
        "`set` returns `True`, or `None` when it stored nothing. `bool(...)` makes `False` of `None`.",
    ),
    solution="""\
def change_price(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True, keepttl=True))""",
    why="KEEPTTL leaves the TTL alone, and XX stores nothing where there is no key. Both are options of one command, "
    "so the key cannot end in between.",
    check=_check_change_price,
)

# 2.4

EXPIRE = "EXPIRE sets the TTL of a key that is there, and says whether there was one: return its answer."


def _check_give_end(trial: Trial) -> None:
    key, seconds = trial.key("offer *uva*"), trial.number(200, 900)
    for value in ("480", ""):
        _expect_ends(trial, key, seconds, value)
    trial.put({})
    answer = trial.call(key, seconds)
    trial.expect_state("there was no such key, and your code made one", {key: None})
    must("there was no such key, so the answer is False", False, answer, EXPIRE)
    why = "the key changed between two of your commands, and your code undid that, or says what is not so"
    with cured(EXPIRE):
        changes: dict[str, Callable[[], object]] = {
            "the key is deleted": lambda: trial.redis.delete(key),
            "its value changes": lambda: trial.redis.set(key, "475", keepttl=True),
        }
        trial.every_gap(why, (key, seconds), lambda: trial.put({key: "480"}), changes, lambda: clocks(trial))
        stored: dict[str, Callable[[], object]] = {"it is stored": lambda: trial.redis.set(key, "480")}
        trial.every_gap(why, (key, seconds), lambda: trial.put({}), stored, lambda: clocks(trial))
        cut = "the key is gone, or without its TTL: change nothing but the TTL"
        trial.every_cut(cut, (key, seconds), lambda: trial.put({key: Ends("480", 5000)}), lambda: clocks(trial))
    for other in ({"banana": "312"}, ["a", "b"]):
        _expect_ends(trial, key, seconds, other)
    trial.every_error((key, seconds), lambda: trial.put({key: "480"}))


def _expect_ends(trial: Trial, key: str, seconds: int, value: object) -> None:
    """Whatever end the key had before."""
    for there in (value, Ends(value, 20), Ends(value, 90_000)):
        for ttl in (seconds, trial.number(3000, 9000)):
            _expect_end(trial, (key, ttl), {key: there}, value)


def _expect_end(trial: Trial, args: tuple, before: dict, value: object) -> None:
    """A key that is there keeps its value, and gets the TTL of the call."""
    key, seconds = args
    trial.put(before)
    begin = time.monotonic()
    answer = trial.call(*args)
    state = trial.state()
    took = time.monotonic() - begin
    found = state.pop(key, None)
    if found is None or found.value != value:
        why = "the value of the key was changed: only its TTL must change"
        raise Failed(why, value, Plain("nothing: there is no such key") if found is None else found.value, cure=EXPIRE)
    wanted = Plain(f"a TTL of {seconds} seconds")
    if found.left is None:
        why = "the key still has no TTL, and never ends"
        if value == "":
            why += ". Its value is the empty text, which counts as false in Python, and yet the key is there"
        raise Failed(why, wanted, Plain("no TTL"), cure=EXPIRE)
    if not 1000 * (seconds - 1 - took) - 2 <= found.left <= 1000 * (seconds + 1):
        raise Failed(
            "the key ends too early or too late: it must live as long as the call says, whatever TTL it had before",
            wanted,
            Plain(f"{found.left / 1000:g} seconds"),
            cure=EXPIRE,
        )
    if state:
        raise Failed("a key is stored that nobody asked for", None, Plain(next(iter(state)).removeprefix(trial.prefix)))
    must("the key was there and has its end now, so the answer is True", True, answer, EXPIRE)


GIVE_END = Exercise(
    id="2.4",
    title="An end for a key that is there",
    kind="write",
    question="""\
Write `give_end(redis_conn, key, seconds)`. A key that is there ends after `seconds` seconds, and the function returns
`True`. When there is no such key, it returns `False`. One line is enough.""",
    stub="""\
def give_end(redis_conn, key, seconds):
    # your code here
    ...""",
    hints=(
        "Which command sets the TTL and leaves the value alone?",
        "`redis_conn.expire` returns `True` or `False` already. So return what it returns.",
    ),
    solution="""\
def give_end(redis_conn, key, seconds):
    return redis_conn.expire(key, seconds)""",
    why="EXPIRE looks whether there is a key and sets its TTL, in one command. So nobody needs to ask first.",
    check=_check_give_end,
)

# 2.5

HGET_FIRST = "HGET answers None when there is no such field or no such hash. Ask for None before you call int()."


def _check_price_of(trial: Trial) -> None:
    key, fruit = trial.key("prices *today*"), "maçã 'Gala' *"
    price = trial.number(100, 999)
    others = {"banana": "312", trial.word(): "7"}
    for stored in (price, 0, 10**12):
        for there in ({fruit: str(stored)}, others | {fruit: str(stored)}):
            _expect_price_of(trial, key, fruit, stored, {key: there})
            _expect_price_of(trial, key, fruit, stored, {key: Ends(there, 300)})
    _expect_price_of(trial, key, fruit, None, {key: others})
    _expect_price_of(trial, key, fruit, None, {key: None})
    with cured("Ask HGET once, keep its answer in a variable, and look at that."):
        why = "the price changed, or was deleted, between two of your commands, and your answer was never true"
        changes: dict[str, Callable[[], object]] = {
            "the fruit is deleted": lambda: trial.redis.hdel(key, fruit),
            "the list ends": lambda: trial.redis.delete(key),
            "a new price": lambda: trial.redis.hset(key, fruit, 1),
        }
        trial.every_gap(why, (key, fruit), lambda: trial.put({key: others | {fruit: str(price)}}), changes)
        stored_now: dict[str, Callable[[], object]] = {"it is stored": lambda: trial.redis.hset(key, fruit, 1)}
        trial.every_gap(why, (key, fruit), lambda: trial.put({key: others}), stored_now)
    expect_refusal(trial, key, (key, fruit))
    trial.every_error((key, fruit), lambda: trial.put({key: {fruit: str(price)}}))


def _expect_price_of(trial: Trial, key: str, fruit: str, wanted: int | None, before: dict) -> None:
    trial.put(before)
    answer = trial.call(key, fruit)
    if wanted is None:
        why = "nobody knows the price of this fruit, and your function says one: the answer is None"
        cure = HGET_FIRST
    elif isinstance(answer, str):
        why = "nobody can calculate with the answer: Redis gave a text, and your function must return a number"
        cure = "int(...) makes a number of a text."
    elif isinstance(answer, float):
        why = "prices are whole cents: the answer is an int, and your function returned a float"
        cure = "int(...) makes a whole number of a text."
    elif answer is None and wanted == 0:
        why = "the fruit costs 0 cents today: 0 is a price, and the answer is not None"
        cure = "In Python the number 0 counts as false. So ask whether the text `is None`."
    elif answer is None:
        why = "the fruit has a price, and your function says None"
        cure = "Ask HGET for the field that has the name of the fruit, and give its price with `return`."
    else:
        why = "the customer is told a wrong price"
        cure = "Ask HGET for the field that has the name of the fruit, and return its price as an int."
    must(why, wanted, answer, cure)
    trial.expect_state("asking must change nothing", before)


PRICE_OF = Exercise(
    id="2.5",
    title="One price",
    kind="write",
    question="""\
Write `price_of(redis_conn, key, fruit)`. `key` is a hash of prices, with a field for each fruit. Return the price
as an `int`, and `None` when there is no such fruit.""",
    stub="""\
def price_of(redis_conn, key, fruit):
    # your code here
    ...""",
    hints=(
        "Begin with `text = redis_conn.hget(key, fruit)`. It is a text, or `None`.",
        "`int(text)` makes a number of the text. But `int(None)` is an error. So ask first: `if text is None`.",
    ),
    solution="""\
def price_of(redis_conn, key, fruit):
    text = redis_conn.hget(key, fruit)
    if text is None:
        return None
    return int(text)""",
    why="HGET gives a text, or None. `is None` is exact: the text '0' is a price too.",
    check=_check_price_of,
)

# 2.6

DEFAULTS = {"name": "unknown", "price": 0.0, "crates": 1, "organic": False}


def _check_read_fruit(trial: Trial) -> None:
    key, name = trial.key("fruit *1*"), f"maçã '{trial.word()}'"
    full = {"name": name, "price": trial.number(101, 999) / 100, "crates": trial.number(11, 99), "organic": True}
    _expect_fruit(trial, key, full)
    _expect_fruit(trial, key, {"name": "uva", "price": 4.8, "crates": 0, "organic": False})
    _expect_fruit(trial, key, {"name": "", "price": 0.0, "crates": trial.number(2, 9), "organic": True})
    for field in DEFAULTS:
        _expect_fruit(trial, key, {field: full[field]})
        _expect_fruit(trial, key, {other: value for other, value in full.items() if other != field})
    _expect_fruit(trial, key, {"crates": trial.number(2, 9), "organic": False})
    _expect_fruit(trial, key, {"name": "0", "price": float(trial.number(2, 9)), "crates": 10**12})
    trial.put({})
    answer = trial.call(key)
    why = "there is no such fruit, and the customer is shown one that is made of defaults"
    if answer is not None:
        raise Failed(why if answer else "there is no such fruit: the answer is None", None, answer)
    trial.expect_state("reading must store nothing", {key: None})
    _expect_one_fruit_in_every_gap(trial, key, full)
    expect_refusal(trial, key, (key,))
    trial.every_error((key,), lambda: trial.put({key: _stored(full)}))


def _stored(record: dict) -> dict:
    return {field: str(int(value) if isinstance(value, bool) else value) for field, value in record.items()}


def _expect_fruit(trial: Trial, key: str, record: dict) -> None:
    """A record comes back with its types, and stays as it is in Redis; also one that ends."""
    for before in (_stored(record), Ends(_stored(record), 300)):
        trial.put({key: before})
        with _told_of_points():
            answer = trial.call(key)
        if not isinstance(answer, dict):
            raise Failed(
                "the fruit is there, and the customer does not see it: return a dictionary with the four fields",
                DEFAULTS | record,
                answer,
            )
        for field, default in DEFAULTS.items():
            _expect_field(trial, field, record.get(field, default), answer.get(field), field not in record)
        trial.expect("the dictionary has these four fields, and no others", sorted(DEFAULTS), sorted(answer))
        trial.expect_state("reading must change nothing: the hash is not what it was", {key: before})


@contextlib.contextmanager
def _told_of_points() -> Iterator[None]:
    """Has a sentence for int() of a text such as '3.59'."""
    try:
        yield
    except Crashed as crash:
        text = str(crash.error)
        if isinstance(crash.error, ValueError) and text.startswith("invalid literal for int()") and "." in text:
            raise Failed(
                "the customer does not see the fruit, because int() cannot read a text with a point in it, such as "
                "'3.59'",
                cure="`price` is a float: float(...) makes one of a text.",
            ) from None
        raise


def _expect_one_fruit_in_every_gap(trial: Trial, key: str, full: dict) -> None:
    """What is read is the record as it was at one moment."""
    other = {"name": "other", "price": 1.5, "crates": 7, "organic": False}

    def stored_again() -> None:
        trial.redis.hset(key, mapping=_stored(other))

    with cured(
        "Read all fields with one command: HGETALL, or HMGET. What HGETALL answers also says whether there are any."
    ):
        trial.every_gap(
            "between two of your commands the fruit ended or was stored again, and the customer is shown a fruit that "
            "never was",
            (key,),
            lambda: trial.put({key: Ends(_stored(full), 300)}),
            {"the fruit ends": lambda: trial.redis.delete(key), "it is stored again": stored_again},
        )
        trial.every_gap(
            "the fruit came between two of your commands, and the customer is shown one that never was",
            (key,),
            lambda: trial.put({}),
            {"it is stored": stored_again},
        )


def _expect_field(trial: Trial, field: str, expected: object, seen: object, left_out: bool) -> None:
    """One field of the record, with the likeliest misunderstanding named."""
    cure = None
    if left_out:
        why = f"the customer is told something that nobody knows: the hash has no field {field}, so its default counts"
    elif isinstance(seen, str) and isinstance(expected, bool):
        why = f"{field} came back as text, and every text that is not empty counts as true, also '0'"
        cure = "Compare the text with '1': the answer is True or False."
    elif isinstance(seen, str) and not isinstance(expected, str):
        why = f"nobody can calculate with it: {field} came back as text, for Redis stores strings"
        cure = f"{type(expected).__name__}(...) makes a number of a text."
    elif expected is False and seen is True:
        why = "a fruit that is not organic is sold as organic: look at what your code makes of the text '0'"
        cure = "bool('0') is True, as for every text that is not empty. Compare the text with '1'."
    elif expected is True and seen is False:
        why = "an organic fruit is not sold as organic: look at what your code makes of the text '1'"
        cure = "The text '1' is not the number 1. Compare the text with '1'."
    elif not expected and seen == DEFAULTS[field]:
        why = f"{field} is there, and it is {expected!r}, which counts as false in Python: so it got the default"
        cure = "Take the default only where the field is missing: texts.get(field, default), without `or`."
    else:
        why = f"{field} must come back as it was stored, with its type"
    if type(seen) is not type(expected) or seen != expected:
        raise Failed(why, expected, seen, cure=cure)


READ_FRUIT = Exercise(
    id="2.6",
    title="A record with its types",
    kind="write",
    question="""\
Write `read_fruit(redis_conn, key)`. `key` is a hash with up to four fields. Return a dictionary of exactly these:

| field | type | when the hash does not have it |
|---|---|---|
| `name` | str | `"unknown"` |
| `price` | float: cents for a single piece, such as `4.8` | `0.0` |
| `crates` | int | `1` |
| `organic` | bool, stored as `1` or `0` | `False` |

When there is no such key, return `None`. A stored `0` is a value. It is not a missing field.""",
    stub="""\
def read_fruit(redis_conn, key):
    # your code here
    ...""",
    hints=(
        "Begin with `texts = redis_conn.hgetall(key)`. It is empty when there is no such key: return `None` then.",
        '`texts.get("crates", 1)` gives 1 only when the field is missing. `or` would do it for an empty text too.',
        '`int(...)` and `float(...)` make numbers of texts. For `organic`, compare: `texts.get("organic") == "1"`.',
    ),
    solution="""\
def read_fruit(redis_conn, key):
    texts = redis_conn.hgetall(key)
    if not texts:
        return None
    return {
        "name": texts.get("name", "unknown"),
        "price": float(texts.get("price", 0)),
        "crates": int(texts.get("crates", 1)),
        "organic": texts.get("organic") == "1",
    }""",
    why="Redis has no empty hash, so {} means that there is no such key. Redis does not know the types: your program "
    "must. And a missing field is not the same as 0 or an empty text.",
    check=_check_read_fruit,
)

# 2.7


def _check_correct_price(trial: Trial) -> None:
    key, fruit = trial.key("day *14*"), "maçã 'Gala' *"
    prices = {fruit: "312", "banana": str(trial.number(100, 999)), trial.word(): "480"}
    price = str(trial.number(200, 299))
    for ending in (trial.number(20, 38) + 0.6, trial.number(3000, 90_000) + 0.4, None):
        expect_correction(trial, key, fruit, price, prices, ending)
    for odd in ("", "0", "312"):
        expect_correction(trial, key, fruit, odd, prices, 25.4)
    expect_last_correction(trial, key, fruit, price, prices)
    expect_correction_in_every_gap(trial, key, fruit, price, prices)
    expect_refusal(trial, key, (key, fruit, price))
    trial.every_error((key, fruit, price), lambda: trial.put({key: Ends(prices, 40.4)}))


CORRECT_PRICE = Exercise(
    id="2.7",
    title="Correct a price, keep the TTL",
    kind="change",
    question="""\
This function corrects a price in the day's list, and gives the whole list another 40 seconds each time. Corrected often
enough, the list never ends. Change it: the TTL stays as it is, and the function returns what `TTL` answers: the seconds
that are left. Here you may assume that the list does not end while your function works.""",
    stub="""\
def correct_price(redis_conn, key, fruit, price):
    redis_conn.hset(key, fruit, price)
    redis_conn.expire(key, 40)
    return 40""",
    hints=(
        "Does `HSET` change the TTL of the key? Which line must go?",
        "`expire` has to go. Then return what `redis_conn.ttl` says about the key.",
    ),
    solution="""\
def correct_price(redis_conn, key, fruit, price):
    redis_conn.hset(key, fruit, price)
    return redis_conn.ttl(key)""",
    why="HSET changes a hash that is there, and the TTL belongs to the key, so it runs on. If the list had ended a "
    "moment before, HSET would make a new one, and that one would never end. Lesson 05 shows the cure.",
    check=_check_correct_price,
)

EXERCISES = (STORE_OFFER, DESCRIBE_END, CHANGE_PRICE, GIVE_END, PRICE_OF, READ_FRUIT, CORRECT_PRICE)

QUIZ = (
    Question(
        "A log-in code: `SET code:anna 4711 EX 300`. Anna asks for another one, and the program sends `SET code:anna "
        "8202`. How long is the new code valid?",
        (
            ("As long as the old one was: the TTL runs on", "Only with KEEPTTL. A plain SET replaces the whole key."),
            ("For ever", "SET replaced the key, and its TTL with it. The program should send EX 300 again."),
            ("Another 300 seconds", "SET does not remember the EX of an earlier SET."),
        ),
        answer="b",
    ),
    Question(
        "A shop keeps its baskets in Redis, and the memory is nearly full of old ones. You ask `TTL` for some of them. "
        "Which answer explains it?",
        (
            ("0", "This basket is in its last half second. It is gone soon."),
            ("-2", "There is no such basket. It needs no memory."),
            ("-1", "This basket has no TTL. It stays until somebody deletes it."),
        ),
        answer="c",
    ),
    Question(
        "The hash `weather:lisbon` has the fields `temperature` and `wind`, and 600 seconds to live. After 500 "
        "seconds, a program sends `HSET weather:lisbon wind 12`. When is the temperature gone?",
        (
            ("100 seconds later", "HSET changes a field, and the key's TTL runs on. All fields end with the key."),
            ("600 seconds later", "HSET does not set a TTL. EXPIRE would."),
            ("Never: the TTL is gone", "That is what a plain SET does. HSET changes a field, and keeps the TTL."),
        ),
        answer="a",
    ),
    Question(
        "The settings of a program are a hash. Somebody stores `HSET settings debug 0`. The program asks `if "
        'redis_conn.hget("settings", "debug"):`. What happens?',
        (
            ("Debugging is off, as 0 says", "It would be off if this were the number 0. It is the text '0'."),
            ("An error: a text is no condition", "Python takes every value as a condition."),
            ("Debugging is on", "Every text that is not empty counts as true, also '0'. Compare it: == '1'."),
        ),
        answer="c",
    ),
    Question(
        "At its start, a program reads the exchange rates from a hash into a dictionary. At noon the hash ends, and "
        "new rates are stored under the same key. Which rates does the program use in the afternoon?",
        (
            ("The new ones: the key is the same", "The dictionary does not know the key. It is a copy in memory."),
            ("The old ones", "A copy has no TTL and sees no changes. It is new only when the program reads again."),
            ("None: the dictionary is empty", "Redis deletes its key, and not what a program has copied."),
        ),
        answer="b",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="again-predict",
        text="What does `TTL` say after the second `SET`?",
        code="""\
offer = "cell-by-cell:review:offer"
redis_conn.set(offer, 312, ex=60)
redis_conn.set(offer, 299)
print("TTL:", redis_conn.ttl(offer))""",
        options=(
            ("about 60: the TTL runs on", "TTL: (60|5.)"),
            ("−1: the key never ends", "TTL: -1"),
            ("−2: the key is gone", "TTL: -2"),
        ),
        answer="b",
        why="`SET` *replaces* the whole key, and the TTL is a part of what it replaces.",
    ),
    Prediction(
        cell="count-predict",
        text="The counter was to live for 60 seconds, and 40 of them are over. What does `TTL` say after the `INCR`?",
        code="""\
visitors = "cell-by-cell:review:visitors"
redis_conn.set(visitors, 7, ex=60)
redis_conn.expire(visitors, 20)  # as if 40 seconds were over
redis_conn.incr(visitors)
print("seconds left:", redis_conn.ttl(visitors))""",
        options=(
            ("−1, as after `SET`: no end", "seconds left: -1"),
            ("about 60: the time begins again", "seconds left: (60|5.)"),
            ("about 20: the time runs on", "seconds left: (20|1.)"),
        ),
        answer="c",
        why="`INCR` *changes* the value that is there. A command that changes a value keeps the TTL.",
    ),
    Prediction(
        cell="organic-predict",
        text='The field `organic` holds 0. The program asks `if fruit["organic"]:`. What does the cell print?',
        code="""\
banana = "cell-by-cell:review:banana"
redis_conn.hset(banana, "organic", 0)
fruit = redis_conn.hgetall(banana)
if fruit["organic"]:
    print("sold as organic")
else:
    print("sold as not organic")""",
        options=(
            ("sold as organic", "sold as organic"),
            ("sold as not organic", "sold as not organic"),
            ("an error message", r"\w+Error: .*"),
        ),
        answer="a",
        why=(
            'The value is not the number 0. It is the text `"0"`, and in Python every text that is not empty counts as '
            "true."
        ),
    ),
)
