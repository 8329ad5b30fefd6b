"""Lesson 01: strings, counters, times to live, deleting by prefix, pipelines."""

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question

# 1.1


def _check_counter(trial: Trial) -> None:
    key = trial.key("crates-sold")
    total = trial.call(key, 3)
    why = "return the new total, as the adding command answers it; a counter that does not exist yet starts at 0"
    if isinstance(total, str):
        why = "return the total as a number: GET answers text, the adding command answers a number"
    elif total == 1:
        why = "INCR adds 1, whatever is asked for; its sibling adds any number"
    trial.expect(why, 3, total)
    trial.expect("return the new total, as the server counts it", 10, trial.call(key, 7))
    trial.expect_value("the total must be in Redis", key, "10")

    trial.redis.set(key, 100)
    sold_meanwhile = []

    def another_stall_sells() -> None:
        sold_meanwhile.append(1000)
        trial.redis.incrby(key, 1000)

    trial.call(key, 5, between=another_stall_sells)
    lost = "a sale was lost: between your GET and your SET another stall sold too. One command reads, adds and writes"
    trial.expect(lost, 105 + sum(sold_meanwhile), int(trial.redis.get(key)))

    trial.redis.set(key, 0)
    totals = trial.call_at_once([(key, 2)] * 8)
    trial.expect("eight threads sold 2 crates each, and some sales were lost", "16", trial.redis.get(key))
    why = "two threads were told the same total: return what the adding command itself answers, not a later GET"
    if len(set(totals)) == len(totals):
        why = "another stall sold between your commands: add all crates with one command"
    trial.expect(why, [2, 4, 6, 8, 10, 12, 14, 16], sorted(totals))


COUNTER = Exercise(
    id="1.1",
    title="A counter that loses nothing",
    kind="blank",
    question="""\
Several stalls count the crates they sell in one key. Replace the `...` by **one** command: it adds `crates` to the
number under `key` and answers the new total. No sale may be lost when several stalls sell at the same moment.""",
    stub="""\
def count_crates(redis_conn, key, crates):
    return ...""",
    hints=(
        "GET, then adding in Python, then SET leaves a gap in which another stall can sell. Which command adds "
        "inside the server?",
        "INCR adds 1. Its sibling with BY in its name adds any number.",
        "In redis-py it is a method with the key and the amount as its arguments, and it answers the new total.",
    ),
    solution="""\
def count_crates(redis_conn, key, crates):
    return redis_conn.incrby(key, crates)""",
    why="Redis runs one command at a time, so reading, adding and writing inside one command cannot be interrupted.",
    check=_check_counter,
)

# 1.2


def _check_put_once(trial: Trial) -> None:
    key = trial.key("stall:7")
    trial.expect("the key was free, so the answer is True", True, trial.call(key, "Alice"))
    trial.expect_value("the first to come gets the stall", key, "Alice")
    answer = trial.call(key, "Bob")
    trial.expect_value("the key was overwritten: a plain SET replaces what is there", key, "Alice")
    why = "the key was taken, so the answer is False"
    if answer is None:
        why = (
            "the key was taken, so the answer is False; redis-py's set(..., nx=True) answers None, and bool() "
            "makes it False"
        )
    trial.expect(why, False, answer)
    twice = "Alice asked twice, and the second time the stall was taken: the answer is False, as SET itself says"
    trial.expect(twice, False, trial.call(key, "Alice"))

    trial.redis.set(key, "Alice", ex=100)
    trial.call(key, "Bob")
    trial.expect_ttl("the taken key must stay as it is, with its TTL", key, 95, 100)

    trial.redis.delete(key)
    alice = []

    def alice_comes() -> None:
        if trial.redis.set(key, "Alice", nx=True):
            alice.append("has the stall")

    answer = trial.call(key, "Bob", between=alice_comes)
    if alice and (answer is True or trial.redis.get(key) != "Alice"):
        raise Failed(
            "between your look and your SET, Alice was given the stall, and then Bob too: look and store in one "
            "command",
            expected="Alice",
            seen=trial.redis.get(key),
        )
    trial.expect("what your function says and what Redis holds differ", trial.redis.get(key) == "Bob", answer)

    trial.redis.delete(key)
    answers = trial.call_at_once([(key, f"customer {number}") for number in range(8)])
    trial.expect("eight threads wanted one free stall, and exactly one may be told True", 1, answers.count(True))
    winner = f"customer {answers.index(True)}"
    trial.expect_value("the thread that was told True must be the one whose value is stored", key, winner)


PUT_ONCE = Exercise(
    id="1.2",
    title="First come, first served",
    kind="change",
    question="""\
A stall goes to whoever asks first. This code works as long as customers come one after the other. When two come at
once, both can be told `True`, and the second takes the stall away from the first.

Change it so that the look and the booking are one command. It still returns `True` when the stall was free, and
`False` when it was not.""",
    stub="""\
def put_once(redis_conn, key, value):
    if redis_conn.exists(key):
        return False
    redis_conn.set(key, value)
    return True""",
    hints=(
        "EXISTS tells what was true a moment ago. Which option makes SET itself look first?",
        "`NX` means: only if the key does *not* exist.",
        "redis-py's `set` answers True when it stored, and None when it did not. `bool(...)` makes True or False of "
        "both.",
    ),
    solution="""\
def put_once(redis_conn, key, value):
    return bool(redis_conn.set(key, value, nx=True))""",
    why="with NX, looking and storing are one command, so nobody can come in between. bool() turns redis-py's None "
    "into False.",
    check=_check_put_once,
)

# 1.3


def _check_change_price(trial: Trial) -> None:
    key = trial.key("offer")
    trial.redis.set(key, "banana 3.12", ex=40)
    trial.expect("the offer was there, so the answer is True", True, _changed(trial, key, "banana 2.99"))
    trial.expect_value("the new price must be stored", key, "banana 2.99")
    lost = "the key lost its TTL: SET removes it unless KEEPTTL"
    renewed = "the TTL was set anew: a new price must not make the offer live longer"
    trial.expect_ttl(lost if trial.redis.ttl(key) == -1 else renewed, key, 38, 40)

    trial.redis.set(key, "apple 1.95", ex=7)
    _changed(trial, key, "apple 1.80")
    trial.expect_ttl(lost if trial.redis.ttl(key) == -1 else renewed, key, 5, 7)

    trial.redis.set(key, "banana 3.12", ex=40)
    _changed(trial, key, "banana 2.99", between=lambda: trial.redis.delete(key))
    if trial.round_trips > 1 and trial.redis.exists(key):
        raise Failed(
            "the offer ended between two of your commands, and the second brought it back: XX and KEEPTTL fit in one "
            "SET"
        )

    trial.redis.set(key, "uva 4.80")
    _changed(trial, key, "uva 4.50")
    trial.expect("an offer without a TTL must stay without one", -1, trial.redis.ttl(key))

    gone = trial.key("yesterday's offer")
    answer = _changed(trial, gone, "banana 1.00")
    trial.expect_value("the offer was gone, and your code made it anew: SET does that unless XX", gone, None)
    why = "the offer was gone, so the answer is False"
    trial.expect(
        why + ("; redis-py's set answers None then, and bool() makes it False" if answer is None else ""), False, answer
    )

    trial.redis.set(key, "banana 3.12", ex=40)
    _changed(trial, key, "banana 2.99")
    for reached in trial.cuts(key, "banana 2.99", prepare=lambda: trial.redis.set(key, "banana 3.12", ex=40)):
        if trial.redis.ttl(key) == -1:
            raise Failed(
                f"when the program dies after its command number {reached}, the offer is left without a TTL, for ever: "
                "XX and KEEPTTL fit in one SET"
            )


def _changed(trial: Trial, *args: object, **how: object) -> object:
    """Calls, and has a sentence for an answer of TTL that SET does not take as EX."""
    try:
        return trial.call(*args, **how)
    except Crashed as crash:
        if isinstance(crash.error, redis.ResponseError) and "invalid expire time" in str(crash.error):
            raise Failed(
                "TTL answers -1 for a key without a TTL and -2 for a key that is gone, and SET takes neither as EX: XX "
                "and KEEPTTL fit in one SET"
            ) from None
        raise


CHANGE_PRICE = Exercise(
    id="1.3",
    title="Change the price, keep the clock",
    kind="write",
    question="""\
Write `change_price(redis_conn, key, price)`: it stores the new price and keeps the TTL, and returns `True`. When
the key is already gone it stores nothing and returns `False`. The one-command answer exists.""",
    stub="""\
def change_price(redis_conn, key, price):
    # your code here
    ...""",
    hints=(
        "Two of SET's options are needed: one that leaves the clock alone, one that stores only where something is "
        "already.",
        "`KEEPTTL` keeps the TTL. `XX` is the opposite of `NX`: only if the key exists.",
        "In redis-py they are `keepttl=True` and `xx=True`. When XX stores nothing, `set` answers None, not False.",
    ),
    solution="""\
def change_price(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True, keepttl=True))""",
    why="SET replaces a key with its TTL, KEEPTTL excepts the TTL, and XX refuses to make a key that has ended. In "
    "one command, "
    "the key cannot end in between.",
    check=_check_change_price,
)

# 1.4


def _check_forget(trial: Trial) -> None:
    prefix = trial.key("cart:7:")
    others = [trial.key(name) for name in ("cart:77:banana", "cart:7", "cart:8:uva", "old:cart:7:apple", "Cart:7:uva")]
    for size in (3, 250):
        trial.redis.mset({f"{prefix}{number}": number for number in range(size)} | dict.fromkeys(others, "other"))
        answer = trial.call(prefix)
        left = trial.keys(prefix)
        if left:
            raise Failed(
                "keys of the prefix are left. SCAN hands out a part at a time: go on until its cursor is 0 "
                "(scan_iter does), and "
                "end the pattern with *",
                expected=0,
                seen=len(left),
            )
        missing = [key.removeprefix(trial.prefix) for key in others if not trial.redis.exists(key)]
        if missing:
            raise Failed(
                f"keys that do not begin with the prefix were deleted too, such as {missing[0]}: look at the pattern"
            )
        trial.expect("return how many keys were deleted", size, answer)
        if size == 250 and trial.commands.count("SCAN") < 1:
            raise Failed("the keys must be found with SCAN, a part at a time")
    trial.expect("where nothing begins with the prefix, the answer is 0", 0, trial.call(trial.key("cart:9:")))


FORGET = Exercise(
    id="1.4",
    title="Forget a cart",
    kind="write",
    question="""\
The keys of customer 7's cart all begin with `cart:7:`. Write `forget(redis_conn, prefix)`: it deletes every key
that begins with `prefix`, however many there are, leaves all others alone, and returns how many it deleted (`0`
when there were none). `KEYS` is not allowed: others use this server.""",
    stub="""\
def forget(redis_conn, prefix):
    # your code here
    ...""",
    hints=(
        "SCAN finds keys by a pattern, a part at a time. Which redis-py method follows its cursor for you?",
        "`redis_conn.scan_iter(match=...)` gives one key after the other. The pattern is the prefix with a `*` "
        "behind it.",
        "`redis_conn.unlink(*keys)` deletes several and answers how many there were. It refuses an empty list of "
        "keys, so look first.",
    ),
    solution="""\
def forget(redis_conn, prefix):
    keys = set(redis_conn.scan_iter(match=prefix + "*", count=1000))
    if not keys:
        return 0
    return redis_conn.unlink(*keys)""",
    why="SCAN lets others work between its parts. It may hand out a key twice, which the set takes care of, and "
    "UNLINK frees the "
    "memory in the background. With millions of keys, unlink them in batches.",
    check=_check_forget,
)

# 1.5


def _check_update_prices(trial: Trial) -> None:
    prices = {
        trial.key(f"price:{name}"): price for name, price in (("banana", "3.12"), ("apple", "1.95"), ("uva", "4.80"))
    }
    trial.expect("nothing was stored before, so every old price is None", dict.fromkeys(prices), trial.call(prices, 40))
    for key, price in prices.items():
        trial.expect_value("every price must be stored", key, price)
        trial.expect_ttl("every price needs the TTL", key, 38, 40)
    # Then many, of which every third is new, so that old prices and keys must be kept together.
    many = {trial.key(f"stall:{number}"): str(number) for number in range(120)}
    old = {key: f"old {price}" if int(price) % 3 else None for key, price in many.items()}
    trial.redis.mset({key: price for key, price in old.items() if price})
    answer = trial.call(many, 60)
    trial.expect("return a dictionary: each key with its old price, or None where there was none", old, answer)
    for key in list(many)[:4]:
        trial.expect_value("every price must be stored", key, many[key])
        trial.expect_ttl("every price needs the TTL", key, 58, 60)
    if trial.round_trips > 1:
        raise Failed(
            "120 prices must travel together: a pipeline collects commands, and execute() sends them in one round trip",
            expected=Plain("1 round trip"),
            seen=Plain(f"{trial.round_trips} round trips"),
        )
    trial.expect("without prices there is nothing to do", {}, trial.call({}, 60))


UPDATE_PRICES = Exercise(
    id="1.5",
    title="All prices in one round trip",
    kind="stretch",
    question="""\
In the morning all prices change. Write `update_prices(redis_conn, prices, ttl)`: `prices` is a dictionary of keys
and new prices. Each price is stored under its key with a TTL of `ttl` seconds. The function returns a dictionary
of the same keys with the prices they had **before**, `None` for those that are new. However many there are:
**one** round trip.""",
    stub="""\
def update_prices(redis_conn, prices, ttl):
    # your code here
    ...""",
    hints=(
        "SET can answer the value that it replaces: which of its options was that? It goes together with EX.",
        "`with redis_conn.pipeline() as pipe:` and then `pipe.set(...)` for each price: nothing is sent before "
        "`pipe.execute()`.",
        "`execute()` gives a list with one reply a command, in their order: `zip(prices, replies)` brings each back "
        "to its key.",
    ),
    solution="""\
def update_prices(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl, get=True)
        old = pipe.execute()
    return dict(zip(prices, old))""",
    why="SET with GET answers the old value, so no second command is needed, and the pipeline sends all of them at "
    "once. A dictionary "
    "keeps its order, and so do the replies.",
    check=_check_update_prices,
)

EXERCISES = (COUNTER, PUT_ONCE, CHANGE_PRICE, FORGET, UPDATE_PRICES)

QUIZ = (
    Question(
        "`SET offer banana EX 60`, ten seconds later `SET offer apple`. What does `TTL offer` say?",
        (
            ("about 50", "Only with KEEPTTL: a plain SET replaces the key, and its TTL with it."),
            ("60", "SET does not remember the EX of an earlier SET."),
            ("-1", "SET replaced the key with its TTL, and -1 means: it never expires."),
            ("-2", "-2 means that there is no such key, and there is one: apple."),
        ),
        answer="c",
    ),
    Question(
        "`TTL cart:9` answers -2. What do you know?",
        (
            ("The cart never expires", "TTL says that with -1. -2 is something else."),
            ("There is no such key", "-2 is the answer for a key that never was, was deleted, or has expired."),
            ("The cart expired two seconds ago", "Redis does not count on below zero. An expired key is simply gone."),
        ),
        answer="b",
    ),
    Question(
        "Two programs count visitors with GET, adding 1 in Python, and SET. Each counts 1,000. What can the counter "
        "say?",
        (
            (
                "exactly 2,000: Redis runs one command at a time",
                "One command, yes. Here the count is two, with a gap between.",
            ),
            (
                "anything up to 2,000",
                "Who reads before the other has written overwrites that count. INCR closes the gap.",
            ),
            ("more than 2,000", "Nothing is counted twice here: counts are overwritten, so they get lost."),
        ),
        answer="b",
    ),
    Question(
        "Why is `KEYS cart:*` banned on a server that others use?",
        (
            ("It may miss keys", "It misses none. It is SCAN that may miss keys which come or go during the walk."),
            (
                "It changes the TTL of the keys it finds",
                "No command that only looks changes a TTL, unless it is asked to.",
            ),
            ("Everybody waits until it has looked at every key", "It is one command, and commands run one at a time."),
        ),
        answer="c",
    ),
    Question(
        "A pipeline makes 1,000 SETs fast. What does it save?",
        (
            ("The work inside Redis", "The server still does 1,000 SETs."),
            ("Round trips", "All commands travel together and all replies come back together."),
            ("Memory", "It rather costs some: commands and replies are collected first."),
        ),
        answer="b",
    ),
)
