"""Lesson 04: names and prefixes, walking through keys, deleting them, many commands in one round trip."""

import time
from collections.abc import Iterable
from functools import partial

from redis.client import Pipeline

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.shown import short
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.common_checks import scan_as_it_may_be

# For all of them


def _must(why: str, expected: object, seen: object, cure: str | None = None) -> None:
    """Fails unless both are equal and of one type."""
    if type(seen) is not type(expected) or seen != expected:
        raise Failed(why, expected, seen, cure=cure)


# A part of an error's message, and what it means in these exercises.
ON_ERRORS = {
    "unhashable type: 'list'": "a list is taken for a name. `scan` answers with a cursor and a list; `scan_iter` gives "
    "one name after the other",
    "'dict' object has no attribute 'add'": "`{}` is an empty dictionary. An empty set is `set()`",
    "Invalid input of type: 'set'": "a set is sent where names are wanted. A star before it, as in `unlink(*names)`, "
    "hands over each name by itself",
    "too many values to unpack": "a loop over a dictionary gives the keys alone. `prices.items()` gives pairs of key "
    "and price",
}


def _call(trial: Trial, *args: object) -> object:
    """`trial.call`, with a word on the errors that many people meet in these exercises."""
    outcome = trial.attempt(*args)
    if outcome.error is None:
        return outcome.value
    message = str(outcome.error)
    for part, why in ON_ERRORS.items():
        if part in message:
            raise Failed(f"{why} ({type(outcome.error).__name__}: {part})")
    raise Crashed(outcome.error)


def _expect_pattern(trial: Trial, prefix: str, name: str) -> None:
    """The pattern of the last walk, if it had one, must let `name` through, which begins with `prefix`."""
    for step in trial.call_seen.steps:
        for command, *words in step.commands:
            upper = [word.upper() for word in words]
            if command != "SCAN" or "MATCH" not in upper[1:-1]:
                continue
            pattern = words[upper.index("MATCH", 1) + 1]
            if name not in set(trial.redis.scan_iter(match=pattern, count=1000)):
                raise Failed(
                    "the names of the prefix do not fit your pattern: it is the prefix, and behind it a `*`, which "
                    "stands for any text",
                    Plain(f"{prefix.removeprefix(trial.prefix)}*"),
                    Plain(pattern.removeprefix(trial.prefix)),
                )


def _expect_replies(answers: Iterable[object]) -> None:
    if any(isinstance(one, Pipeline) for one in answers):
        raise Failed(
            "what a command of a pipeline gives back is the pipeline, no reply: the replies are in the list that "
            "`execute()` returns",
            Plain("replies of Redis"),
            Plain("the pipeline itself, once for each command"),
        )


# 4.1

THE_NAME = "The key is the prefix, the customer's number, a colon and the fruit: an f-string puts them together."


def _check_put_in_cart(trial: Trial) -> None:
    prefix, boxes = trial.key("cart:"), trial.number(2, 99)
    for customer in (7, 70, trial.number(100, 9999)):
        for fruit in ("banana", trial.word()):
            _expect_put(trial, prefix, customer, fruit, boxes)
    key = f"{prefix}7:uva"
    trial.put({key: "100", f"{prefix}70:uva": "5"})
    trial.call(prefix, 7, "uva", boxes)
    expected = {key: str(boxes), f"{prefix}70:uva": "5"}
    trial.expect_state("the new number of boxes takes the place of the old one", expected)
    trial.every_error((prefix, 7, "uva", boxes), lambda: trial.put({}))


def _expect_put(trial: Trial, prefix: str, customer: int, fruit: str, boxes: int) -> None:
    trial.put({})
    trial.call(prefix, customer, fruit, boxes)
    wanted = f"{customer}:{fruit}"
    found = [key.removeprefix(prefix) for key in trial.state()]
    if found and found != [wanted]:
        raise Failed(
            "the cart is stored under another name, and whoever looks for it does not find it",
            Plain(f"the prefix, then {wanted}"),
            Plain(f"the prefix, then {found[0]}" if trial.keys(prefix) else found[0].removeprefix(trial.prefix)),
            cure=THE_NAME,
        )
    trial.expect_state("the number of boxes must be stored", {prefix + wanted: str(boxes)})


PUT_IN_CART = Exercise(
    id="4.1",
    title="A name for each fruit",
    kind="write",
    question="""\
Write `put_in_cart`. `prefix` ends with a colon, such as `shop:cart:`. Customer `7` puts `2` boxes
of `banana` into the cart: store `2` under the key `shop:cart:7:banana`. (`customer` and `boxes`
are numbers, `fruit` is a text.)""",
    stub="""\
def put_in_cart(redis_conn, prefix, customer, fruit, boxes):
    # your code here
    ...""",
    hints=(
        "Two things: put the name of the key together, then `redis_conn.set(key, boxes)`.",
        'An f-string puts texts and numbers together: `f"{prefix}{customer}"` is the beginning. What is missing?',
    ),
    solution="""\
def put_in_cart(redis_conn, prefix, customer, fruit, boxes):
    key = f"{prefix}{customer}:{fruit}"
    redis_conn.set(key, boxes)""",
    why="the colon behind the number keeps customer 7 and customer 70 apart. One function that makes the names means "
    "that all parts of a program use the same ones.",
    check=_check_put_in_cart,
)

# 4.2

ONLY_THE_WALK = "scan_iter goes on until the cursor is 0. Give it match=prefix + '*', and put what it gives into a set."


def _check_find_keys(trial: Trial) -> None:
    prefix = trial.key("cart:")
    near = {prefix[:-1]: "1", f"{prefix[:-1]}7:banana": "1", f"{trial.prefix}x:{prefix.rpartition('cart')[2]}": "1"}
    near[f"{trial.prefix}old:{prefix}banana"] = "1"  # holds the prefix, and does not begin with it
    mine: dict[str, object] = {f"{prefix}{fruit}": "2" for fruit in ("banana", "apple", "uva")}
    with scan_as_it_may_be():
        _expect_found(trial, prefix, {f"{prefix}{number}": "1" for number in range(trial.number(30, 50))}, near)
    _expect_found(trial, prefix, mine, near)
    _expect_found(trial, prefix, {f"{prefix}a": {"banana": "2"}, prefix: "itself", f"{prefix}b": Ends("1", 300)}, near)
    _expect_found(trial, prefix, {}, near)
    trial.every_error((prefix,), lambda: trial.put(mine))


def _expect_found(trial: Trial, prefix: str, mine: dict, near: dict) -> None:
    trial.put(mine | near)
    answer = _call(trial, prefix)
    if not isinstance(answer, set):
        twice = isinstance(answer, list) and len(set(answer)) < len(answer)
        why = "SCAN showed a key twice, and so does your answer" if twice else "the names are wanted as a set"
        raise Failed(why + ": return a set, which holds each name once", Plain("a set"), answer, cure=ONLY_THE_WALK)
    missing = sorted(set(mine) - answer)
    if missing:
        _expect_pattern(trial, prefix, missing[-1])
        raise Failed(
            "a key of the prefix is missing in your answer. A page can be empty, or hold a part of the keys: the walk "
            "ends when the cursor is 0, and not before",
            Plain(f"{len(mine)} names"),
            Plain(f"{len(answer)} names"),
            cure=ONLY_THE_WALK,
        )
    more = sorted(answer - set(mine))
    if more:
        shown = Plain(short(more[0].removeprefix(trial.prefix)))
        raise Failed("a name in your answer does not begin with the prefix", None, shown, cure=ONLY_THE_WALK)
    trial.expect_state("a function that looks must change nothing", mine | near)


FIND_KEYS = Exercise(
    id="4.2",
    title="All names of a prefix",
    kind="write",
    question="""\
Write `find_keys`. It returns a `set` with the names of all keys that begin with `prefix`, each
once. When there is none, the set is empty. (`prefix` holds letters, digits, `:` and `-`.)""",
    stub="""\
def find_keys(redis_conn, prefix):
    # your code here
    ...""",
    hints=(
        "`scan_iter` walks for you, over empty pages too. What does its `match=` need behind the prefix?",
        "`set(...)` around what `scan_iter(...)` gives takes in all names, each once.",
    ),
    solution="""\
def find_keys(redis_conn, prefix):
    return set(redis_conn.scan_iter(match=prefix + "*", count=1000))""",
    why="scan_iter ends at the cursor 0, so no page is left out, and a set does not mind a key that is shown twice.",
    check=_check_find_keys,
)

# 4.3

WHOLE_WALK = "Go on until the cursor is 0 (scan_iter does so), whatever a page holds, and end the pattern with *."
LITERALLY = (
    "escape_pattern of redis_helpers.redis_repository puts a backslash before each character that means something in "
    "a pattern."
)


def _check_forget(trial: Trial) -> None:
    prefix = trial.key("cart:")
    _expect_forgotten(trial, prefix, {f"{prefix}{fruit}": "2" for fruit in ("banana", "apple", "uva")})
    with scan_as_it_may_be():
        _expect_forgotten(trial, prefix, {f"{prefix}{number}": "1" for number in range(trial.number(30, 50))})
    kinds = {f"{prefix}a": {"banana": "2"}, f"{prefix}b": ["uva"], f"{prefix}c": {"uva"}, f"{prefix}d": {"uva": 1.0}}
    _expect_forgotten(trial, prefix, kinds | {f"{prefix}:e": Ends("1", 300), f"{prefix}*": "", prefix: "itself"})
    _expect_forgotten(trial, prefix, {})
    _expect_many_forgotten(trial, prefix)
    for sign in ("?", "*", "[ab]", "[^x]", "\\*", "\\", 'it\'s "ü" 1'):
        odd = trial.key(f"cart:{sign}:")
        _expect_forgotten(trial, odd, {f"{odd}{fruit}": "2" for fruit in ("banana", "uva")}, odd=sign)
    _expect_errors_through(trial, prefix)


def _expect_errors_through(trial: Trial, prefix: str) -> None:
    """From the first command on, from the second, from the last: a walk may have many."""
    cart = {f"{prefix}{fruit}": "2" for fruit in ("banana", "apple")}
    trial.put(cart)
    trial.call(prefix)
    for reached in sorted({0, 1, len(trial.commands) - 1} & set(range(len(trial.commands)))):
        trial.put(cart)
        outcome = trial.attempt(prefix, error_after=reached)
        if outcome.error is None:
            raise Failed(
                "Redis answered with an error, and your function kept it to itself: the cart is still there, and "
                "nobody knows",
                Plain("the error of Redis"),
                outcome.value,
            )


def _expect_forgotten(trial: Trial, prefix: str, mine: dict, odd: str | None = None) -> None:
    """The keys of the prefix go, and keys whose names are much like it stay."""
    begin = prefix[:-1]
    names = [begin, f"{begin}7:banana", f"x{begin}", prefix.upper(), f"{prefix[:-5]}:banana"]
    if odd is not None:
        names += [prefix.replace(odd, like, 1) + "banana" for like in ("x", "a", "y", "", "*", "ab", "\\x")]
    others = {
        name if name.startswith(trial.prefix) else trial.prefix + name: "another's"
        for name in names
        if not name.startswith(prefix)
    }
    trial.put(mine | others)
    answer = _call(trial, prefix)
    _look_what_is_left(trial, prefix, others)
    if odd is None or answer != len(mine):
        _expect_count(trial, len(mine), answer)
    trial.expect_state("keys of others were changed", others)


def _look_what_is_left(trial: Trial, prefix: str, others: dict) -> None:
    missing = [name for name in others if not trial.redis.exists(name)]
    if missing:
        raise Failed(
            "the cart of another customer is gone: a key was deleted that does not begin with the prefix. Look at what "
            "your pattern means",
            Plain(f"only keys that begin with {prefix.removeprefix(trial.prefix)}"),
            Plain(f"{missing[0].removeprefix(trial.prefix)} was deleted"),
            cure=LITERALLY,
        )
    left = trial.keys(prefix)
    if left == [prefix]:
        raise Failed(
            "a part of the cart is left: the key that is the prefix itself begins with it, too", cure=WHOLE_WALK
        )
    if left:
        if not set(prefix) & set("*?[\\"):
            _expect_pattern(trial, prefix, left[-1])
        raise Failed(
            "a part of the cart is left, and the customer finds it again: not all keys of the prefix are deleted",
            Plain("no key"),
            Plain(f"{len(left)} keys, such as {left[0].removeprefix(trial.prefix)}"),
            cure=WHOLE_WALK if not set(prefix) & set("*?[\\") else LITERALLY,
        )


def _expect_count(trial: Trial, size: int, answer: object) -> None:
    why = "the caller is told a wrong number: return how many keys were deleted, 0 where there were none"
    if type(answer) is int and answer > size:
        why = "the caller is told a wrong number: a key that Redis showed twice was counted twice"
    _must(why, size, answer, "UNLINK and DEL answer how many keys they deleted.")


def _expect_many_forgotten(trial: Trial, prefix: str) -> None:
    """More than a thousand, among more of others."""
    trial.put({})
    others = {f"{prefix[:-1]}0:{number}": "1" for number in range(2500)}
    size = trial.number(1100, 1300)
    trial.redis.mset({f"{prefix}{number}": "1" for number in range(size)} | others)
    answer = trial.call(prefix)
    _look_what_is_left(trial, prefix, {})
    if trial.redis.exists(*others) != len(others):
        raise Failed("the carts of other customers are gone: look at what your pattern means", cure=LITERALLY)
    _expect_count(trial, size, answer)
    trial.redis.unlink(*others)


FORGET = Exercise(
    id="4.3",
    title="Forget a cart",
    kind="write",
    question="""\
Write `forget`. It deletes every key that begins with `prefix`, however many there are, leaves all
others alone, and returns how many it deleted (`0` when there were none).

A prefix may hold any character, also `*`, `?`, `[` and `\\`. `KEYS` is not allowed: others use this
server.""",
    stub="""\
def forget(redis_conn, prefix):
    # your code here
    ...""",
    hints=(
        "Two steps: find the names as in `find_keys`, then delete them.",
        "`escape_pattern(prefix)`, from `redis_helpers.redis_repository`, puts a backslash before each character that "
        "means something in a pattern. The `*` at the end comes after that.",
        "`redis_conn.unlink(*keys)` deletes several and answers how many there were. It refuses an empty list of "
        "keys, so look first.",
    ),
    solution="""\
from redis_helpers.redis_repository import escape_pattern


def forget(redis_conn, prefix):
    pattern = escape_pattern(prefix) + "*"
    keys = set(redis_conn.scan_iter(match=pattern, count=1000))
    if not keys:
        return 0
    return redis_conn.unlink(*keys)""",
    why="SCAN lets others work between its pages. It may show a key twice, which the set takes care of. Without "
    "escape_pattern, the prefix `cart:?:` takes the carts of all customers with one digit along. With millions of "
    "keys, unlink them a thousand at a time: `repo.delete_prefix` does so.",
    check=_check_forget,
)

# 4.4

ONE_TRIP = "A pipeline collects commands, and execute() sends them in one round trip, with all replies coming back."


def _check_read_prices(trial: Trial) -> None:
    price = {trial.key(name): str(trial.number(100, 999)) for name in ("banana", "apple", "uva")}
    keys = list(price)
    _expect_read(trial, keys, price)
    _expect_read(trial, keys[::-1], price)
    _expect_read(trial, [keys[1], keys[0], keys[1]], price)
    _expect_read(trial, keys, {keys[0]: "", keys[2]: "0"})
    names = [f"{trial.prefix}price:{number}" for number in range(trial.number(40, 60))]
    _expect_read(trial, names, {name: str(trial.number(1, 999)) for name in names[::2]})
    if trial.round_trips > 1:
        raise Failed(
            "the reader waits for Redis again and again, and longer with each price: all reads must travel together",
            Plain("1 round trip"),
            Plain(f"{trial.round_trips} round trips"),
            cure=ONE_TRIP,
        )
    _expect_read(trial, [], {})
    trial.every_error((keys,), lambda: trial.put(price))
    trial.put({keys[0]: ["a list"]})
    outcome = trial.attempt(keys)
    if isinstance(outcome.value, list) and any(isinstance(one, Exception) for one in outcome.value):
        raise Failed(
            "an error of Redis is returned as if it were a price: let it be raised", Plain("an error"), outcome
        )


def _expect_read(trial: Trial, keys: list, there: dict) -> None:
    trial.put(there)
    wanted = [there.get(key) for key in keys]
    answer = trial.call(keys)
    if answer is None or isinstance(answer, Pipeline):
        raise Failed("nothing is returned that can be read: return the replies", wanted, Plain(short(answer)), ONE_TRIP)
    if isinstance(answer, list):
        _expect_replies(answer)
    trial.expect("the values are wanted in a list, in the order of the keys, None for a missing key", wanted, answer)
    trial.expect_state("a function that reads must change nothing", there)


READ_PRICES = Exercise(
    id="4.4",
    title="Many reads, one trip",
    kind="write",
    question="""\
Write `read_prices`. `keys` is a list of keys. Return the list of their values, in the same order,
and `None` for a key that is not there. However many keys: **one** round trip.""",
    stub="""\
def read_prices(redis_conn, keys):
    # your code here
    ...""",
    hints=(
        "Make a pipeline. In a loop, call `pipe.get(...)` for each key. Nothing is sent in the loop.",
        "`pipe.execute()` sends all of them, and returns the list of replies, in the order of the commands.",
    ),
    solution="""\
def read_prices(redis_conn, keys):
    pipe = redis_conn.pipeline(transaction=False)
    for key in keys:
        pipe.get(key)
    return pipe.execute()""",
    why="the replies come back in the order of the commands. For GET alone there is also MGET, one command with many "
    "keys; a pipeline takes any commands.",
    check=_check_read_prices,
)

# 4.5


def _check_update_prices(trial: Trial) -> None:
    trial.put({})
    prices = {trial.key(f"price of {name}"): str(trial.number(100, 999)) for name in ("uva", "apple", "banana")}
    ttl = trial.number(31, 59)
    begin = time.monotonic()
    answer = _call(trial, prices, ttl)
    if isinstance(answer, dict):
        _expect_replies(answer.values())
    if answer != dict.fromkeys(prices):
        raise _wrong_old_prices(dict.fromkeys(prices), answer)
    _expect_prices(trial, prices, ttl, begin)
    _expect_many_prices(trial)
    trial.put({})
    trial.expect("without prices there is nothing to do", {}, trial.call({}, 60))
    trial.expect_state("without prices there is nothing to do", {})
    _expect_prices_in_every_gap(trial, dict(list(prices.items())[:2]))
    _expect_no_error_as_a_price(trial, next(iter(prices)))


def _expect_many_prices(trial: Trial) -> None:
    """Many, in no order, of which every third is new, some with another end, some without a text."""
    names = [trial.prefix + f"price:{number}" for number in range(trial.number(38, 50))]
    many = {name: str(trial.number(1, 999)) for name in sorted(names, key=lambda _: trial.number(1, 10**9))}
    old: dict = {name: (None, f"old {number}", "")[number % 3] for number, name in enumerate(many)}
    for ttl in (trial.number(60, 90), trial.number(10_000, 90_000)):
        trial.put({name: Ends(price, 5000) if len(name) % 2 else price for name, price in old.items()})
        begin = time.monotonic()
        answer = trial.call(many, ttl)
        if type(answer) is not dict or answer != old:
            raise _wrong_old_prices(old, answer)
        _expect_prices(trial, many, ttl, begin)
    if trial.round_trips > 1:
        raise Failed(
            "the market waits for Redis again and again, and longer with each price: all of them must travel together",
            expected=Plain("1 round trip"),
            seen=Plain(f"{trial.round_trips} round trips"),
            cure="A pipeline collects commands, and execute() sends them in one round trip, with all replies coming "
            "back together.",
        )


def _wrong_old_prices(old: dict, answer: object) -> Failed:
    """What is returned is not what was there before; the first difference is shown."""
    why = "the market is told wrong old prices: each key belongs to the price that it had before"
    cure = "SET with GET answers the old value. The replies come back in the order of the commands."
    if not isinstance(answer, dict):
        return Failed(why + ", in a dictionary", old, answer, cure=cure)
    if set(answer) != set(old):
        return _other_keys(old, answer)
    wrong = [key for key in old if old[key] != answer[key]]
    key = next((key for key in wrong if old[key] is not None), wrong[0])
    if old[key] is None:
        why = "a price that is new had none before: its old price is None"
    if answer[key] is True:
        why += ". True is the reply of a SET without `get=True`, or of another command: look which reply is which"
    return Failed(why, Plain(f"{old[key]!r} for {key.split(':', 4)[-1]}"), Plain(short(answer[key])), cure=cure)


def _other_keys(old: dict, answer: dict) -> Failed:
    why = "the dictionary must have the keys of prices, and no others"
    cure = "`zip(prices, replies)` brings each reply to its key."
    more = [key for key in answer if key not in old]
    if more:
        return Failed(why, None, Plain(f"the key {short(more[0])}"), cure=cure)
    missing = next(key for key in old if key not in answer)
    return Failed(why, Plain(f"the key {missing.split(':', 4)[-1]}"), Plain("no such key"), cure=cure)


def _expect_prices(trial: Trial, prices: dict, ttl: int, begin: float) -> None:
    """All are stored with the TTL, and nothing else is. EXPIREAT with rounded seconds may be a second off."""
    state = trial.state()
    least = ttl - 1.5 - (time.monotonic() - begin)
    for key, price in prices.items():
        found = state.pop(key, None)
        name = key.removeprefix(trial.prefix)
        if found is None or found.value != price:
            raise Failed(
                "customers see a wrong price: every new price must be stored",
                Plain(f"{price!r} for {name}"),
                Plain("nothing" if found is None else repr(found.value)),
            )
        if found.left is None or not 1000 * least <= found.left <= 1000 * (ttl + 1):
            raise Failed(
                "prices end too early, too late or never: each needs the TTL that was asked for",
                Plain(f"a TTL of {ttl} seconds"),
                Plain("no TTL" if found.left is None else f"{found.left / 1000:g} seconds"),
            )
    if state:
        raise Failed("a key is stored that nobody asked for", None, Plain(next(iter(state)).removeprefix(trial.prefix)))


def _expect_prices_in_every_gap(trial: Trial, prices: dict) -> None:
    """Each key is changed in one step, whatever comes in between and wherever the program dies."""
    key = list(prices)[-1]
    before = dict.fromkeys(prices, Ends("before", 300))
    trial.every_gap(
        "another shop changed a price meanwhile, and nobody is told of it: what your function says was there before "
        "was not the last price. Reading and storing must be one step",
        (prices, 60),
        before=lambda: trial.put(before),
        rivals={"another shop stores a price": lambda: trial.redis.set(key, "another shop's", ex=300)},
    )
    why = "a price was left without its end, or half of its work is done. Each price and its TTL belong together"
    for start in ({}, before):

        def whole_prices(left: dict, start: dict = start) -> bool:
            may_be = [("before", True) if start else None]
            return all(left.get(key) in [*may_be, (price, True)] for key, price in prices.items())

        trial.every_cut(why, (prices, 60), partial(trial.put, start), allowed=whole_prices)
    trial.every_error((prices, 60), lambda: trial.put(before))


def _expect_no_error_as_a_price(trial: Trial, key: str) -> None:
    """A key that holds a list: Redis may refuse, and then the caller must learn of it."""
    trial.put({key: ["a list"]})
    outcome = trial.attempt({key: "312"}, 60)
    if outcome.error is None and isinstance(outcome.value, dict):
        old = outcome.value.get(key)
        if old is not None and not isinstance(old, str):
            raise Failed("the market is told an error as if it were a price: let it be raised", Plain("an error"), old)


UPDATE_PRICES = Exercise(
    id="4.5",
    title="All prices in one round trip",
    kind="stretch",
    question="""\
In the morning all prices change. Write `update_prices`. `prices` is a dictionary of keys and new
prices. Each price is stored under its key, for `ttl` seconds.

It returns a dictionary of the same keys with the prices they had **before**, `None` for those that
are new. However many there are: **one** round trip. Others change prices at the same time, also
between two commands of your pipeline: each old price must be the one that your new price replaced.
(Lesson 01: `get=True` lets `set` answer the old value. Lesson 02: `ex=` gives the seconds.)""",
    stub="""\
def update_prices(redis_conn, prices, ttl):
    # your code here
    ...""",
    hints=(
        "One `set` for each price does all: it stores, it sets the TTL, and it answers the old value.",
        "Make a pipeline, and loop over `prices.items()`. Nothing is sent before `pipe.execute()`.",
        "`execute()` gives a list with one reply for each command, in their order: `zip(prices, replies)` brings each "
        "back to its key.",
    ),
    solution="""\
def update_prices(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline(transaction=False)
    for key, price in prices.items():
        pipe.set(key, price, ex=ttl, get=True)
    replies = pipe.execute()
    return dict(zip(prices, replies))""",
    why="SET with GET answers the old value, so no second command is needed, and the pipeline sends all of them at "
    "once. A dictionary keeps its order, and so do the replies.",
    check=_check_update_prices,
)

EXERCISES = (PUT_IN_CART, FIND_KEYS, FORGET, READ_PRICES, UPDATE_PRICES)

QUIZ = (
    Question(
        "A program sends a letter to every customer. It walks over `customer:*` with SCAN. Meanwhile new customers "
        "join, and others leave. Whom can the walk leave out?",
        (
            (
                "anybody: SCAN promises nothing while keys change",
                "It promises one thing: what is there from the beginning to the end of the walk is shown.",
            ),
            ("nobody: the cursor waits until all changes are done", "Nothing waits. That is why others can work on."),
            (
                "only those who joined or left during the walk",
                "Who was there all the time is shown, at least once. So keep a set of those who have their letter.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A clean-up walks with `SCAN` over `session:*`. Its loop ends when a page comes back empty. The log says "
        '"3 deleted", and there were 900. What is wrong?',
        (
            (
                "An empty page is not the end: the cursor was not 0",
                "Redis looked at some keys, and none of them fitted. The rest of the walk was still to come.",
            ),
            ("SCAN finds only what has no TTL", "A TTL makes no difference to SCAN: a key that is there is shown."),
            ("SCAN shows 10 keys at most, then it must begin again", "It goes on from its cursor, page after page."),
        ),
        answer="a",
    ),
    Question(
        "A page of a shop needs 50 keys. One round trip takes 2 ms. About how long does the page wait for Redis, with "
        "50 calls of `get`, and with one pipeline?",
        (
            ("100 ms and 100 ms: Redis does the same work", "The work inside Redis is small. The waiting is not."),
            ("100 ms and about 2 ms", "50 round trips of 2 ms each, against one."),
            ("2 ms and 2 ms: redis-py sends them together", "Only a pipeline collects. `get` waits for its reply."),
        ),
        answer="b",
    ),
    Question(
        "A pipeline of 300 `INCR` raises an error: one of the keys holds a list. The program catches the error, and "
        "sends the same pipeline again. What do the other 299 counters say?",
        (
            ("one: the error stopped the first pipeline", "An error stops nothing. The other commands were run."),
            ("one: Redis notices that they were sent before", "Redis does not. It runs what it gets."),
            (
                "two: the first time, they were counted too",
                "Each command of a pipeline is run for itself. An error does not mean that nothing was done.",
            ),
        ),
        answer="c",
    ),
    Question(
        "Two programs count visitors. Each reads the counter in one pipeline, adds 1 in Python, and writes it in a "
        "second pipeline. Can a visitor get lost?",
        (
            (
                "yes: between the two trips the other one can write",
                "It is the lost update of lesson 01. INCR, alone or in a pipeline, has no such gap.",
            ),
            ("no: a pipeline is sent in one piece", "Each is. But there are two, and Redis serves others in between."),
            ("no: the second pipeline waits for the first", "For its own first one, yes. Not for that of the other."),
        ),
        answer="a",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="error-predict",
        text=(
            "A pipeline holds three commands. The second one fails: a text is no number. Which of the two prices is in "
            "Redis afterwards?"
        ),
        code="""\
import redis

note = "cell-by-cell:review:note"
redis_conn.set(note, "closed on Sunday")
pipe = redis_conn.pipeline(transaction=False)
pipe.set("cell-by-cell:review:banana", 312)
pipe.incrby(note, 1)
pipe.set("cell-by-cell:review:uva", 480)
try:
    pipe.execute()
except redis.ResponseError as error:
    print("the error:", error)
keys = ["cell-by-cell:review:banana", "cell-by-cell:review:uva"]
print("banana, uva:", redis_conn.mget(keys))""",
        options=(
            ("none: the pipeline has failed", r"banana, uva: \[None, None\]"),
            ("the first: it stopped at the error", r"banana, uva: \['312', None\]"),
            ("both: the others were run", r"banana, uva: \['312', '480'\]"),
        ),
        answer="c",
        why="Redis runs each command for itself. The error is the reply of the second one, and the others go on.",
    ),
    Prediction(
        cell="look-predict",
        text="Two boxes are in stock. What does `boxes` hold, before `execute`?",
        code="""\
stock = "cell-by-cell:review:stock"
redis_conn.set(stock, 2)
pipe = redis_conn.pipeline(transaction=False)
boxes = pipe.get(stock)
print("boxes is of the type", type(boxes).__name__)""",
        options=(
            ("the pipeline itself: there is no reply yet", "boxes is of the type Pipeline"),
            ('`"2"`, as `get` always answers', "boxes is of the type str"),
            ("`None`, as nothing was found", "boxes is of the type NoneType"),
        ),
        answer="a",
        why="Nothing is sent before `execute()`, so nothing is known.",
    ),
)
