"""Lesson 01: strings, counters, times to live, deleting by prefix, pipelines."""

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from unittest import mock

import redis
from redis.exceptions import NoScriptError

from redis_helpers.course.exercises import schedules
from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.shown import short
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.exercises.wire import SEEN_BY_NOBODY, Call, Step
from redis_helpers.errors import CourseError

# For all of them


def _must(why: str, expected: object, seen: object, cure: str | None = None) -> None:
    """Fails unless both are equal and of one type."""
    if type(seen) is not type(expected) or seen != expected:
        raise Failed(why, expected, seen, cure=cure)


def _every_error(trial: Trial, args: tuple, before: Callable[[], object]) -> None:
    """An error of Redis must come through, as redis-py or RedisRepository raises it."""
    try:
        trial.every_error(args, before)
    except Crashed as crash:
        if not isinstance(crash.error, CourseError):
            raise


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

ONE_COMMAND = "INCRBY adds any number inside the server, and answers the new total: return that answer."


def _check_counter(trial: Trial) -> None:
    key, crates, sold = trial.key("crates-sold"), trial.number(3, 9), trial.number(20, 99)
    trial.put({})
    total = trial.call(key, crates)
    why = "the stall is told a wrong total: return the new one, a counter that does not exist yet begins at 0"
    if isinstance(total, str):
        why = "the stall cannot calculate with the answer: return the total as a number, not as text"
    elif total == 1:
        why = "several crates were sold, and 1 was counted: look at how much your command adds"
    _must(why, crates, total, ONE_COMMAND)
    trial.expect_state("what the stall sold must be counted in Redis", {key: str(crates)})
    _expect_total(trial, key, sold, trial.number(10, 19))
    _expect_two_stalls(trial, key)
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
    _every_error(trial, (key, crates), lambda: trial.put({key: str(sold)}))


def _expect_total(trial: Trial, key: str, sold: int, crates: int) -> None:
    trial.put({key: str(sold)})
    total = trial.call(key, crates)
    trial.expect_state("the sales must be added to what was counted before", {key: str(sold + crates)})
    trial.expect("the stall is told a wrong total: return the new one, as Redis counts it", sold + crates, total)


def _expect_two_stalls(trial: Trial, key: str) -> None:
    """Two stalls sell at once; each gets a total of its own, and no sale is lost."""
    sold, crates, more = trial.number(100, 999), trial.number(2, 3), trial.number(4, 5)
    lost = "a sale was lost: another stall sold while your code was at work, and what it sold is not counted"

    def why(run: Run) -> str:
        counted, totals = trial.redis.get(key), [outcome.value for outcome in run.outcomes]
        if counted != str(sold + crates + more):
            return lost
        if totals[0] == totals[1]:
            return "two stalls were told the same total: what a stall is told must be what its own sale made of it"
        return "another stall sold in the middle of a sale, and the totals are wrong: one sale must be one step"

    def before() -> None:
        trial.put({key: str(sold)})

    with _cured(ONE_COMMAND):
        trial.every_gap(lost, (key, crates), before, {"another stall sells": lambda: trial.redis.incrby(key, 1000)})
        trial.orders(why, {"stall 1": (key, crates), "stall 2": (key, more)}, before)


COUNTER = Exercise(
    id="1.1",
    title="A counter that loses nothing",
    kind="blank",
    question="""\
Several stalls count the crates they sell in one key. Replace the `...` by **one** command (not several that are
safe together): it adds `crates` to the number under `key` and answers the new total, as a number. No sale may be
lost when several stalls sell at the same moment.""",
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

NX = "SET with NX stores only where nothing is, and says whether it did. bool() makes True or False of that."


def _check_put_once(trial: Trial) -> None:
    key, alice, bob = trial.key("stall *7 [left]?"), f"Alice {trial.word()}", f"Bob {trial.word()}"
    trial.put({})
    _must("the stall was free, and the customer was sent away", True, trial.call(key, alice), NX)
    trial.expect_state("the customer who came first must have the stall, for good", {key: alice})
    _expect_an_end(trial, key, alice, bob)
    for value in (alice, "", "0"):
        for there in (value, Ends(value, 300.5)):
            trial.put({key: there})
            answer = trial.call(key, bob)
            trial.expect_value("the stall was taken away from the customer who had it", key, value)
            trial.expect_state("a stall that is taken stays as it is, with its end if it has one", {key: there})
            why = "the stall was taken, and the customer was not told so: the answer is False"
            _must(why, False, answer, "redis-py's set(..., nx=True) answers None then. bool() makes it False.")
    trial.put({key: alice})
    why = "the same customer asked twice, and was told twice to have got the stall: the second time it was taken"
    trial.expect(why, False, trial.call(key, alice))
    trial.put({})
    _must("the stall was free, and the customer was sent away", True, trial.call(key, ""), NX)
    trial.expect_state("what the customer wants stored must be stored", {key: ""})
    _expect_one_winner(trial, key, alice, bob)
    _every_error(trial, (key, bob), lambda: trial.put({}))


def _expect_an_end(trial: Trial, key: str, alice: str, bob: str) -> None:
    """A customer who comes too late is not to wait. (A loop that goes on asking is stopped after some 200 commands.)"""
    try:
        with _short_sleeps():
            trial.orders("", {"customer": (key, bob)}, before=lambda: trial.put({key: alice}))
    except Failed as failure:
        if "your code was stopped" not in failure.why:
            raise
        raise Failed(
            "the stall is taken, and your function goes on asking: the customer waits for ever, instead of being told",
            cure="Ask once, and return False when the stall is taken.",
        ) from None


def _expect_one_winner(trial: Trial, key: str, alice: str, bob: str) -> None:
    """Nothing that comes in between makes two customers of one stall, or none."""
    both = (
        "between your look and your booking another customer got the stall: now both have been told that it is theirs"
    )
    ended = "a booking ended meanwhile, and what your function says is not what happened"
    alice_has_it: list[bool] = []

    def alice_comes() -> None:
        alice_has_it.append(bool(trial.redis.set(key, alice, nx=True)))

    def why(run: Run) -> str:
        if [outcome.value for outcome in run.outcomes].count(True) > 1:
            return both
        return "two customers came at once, and what they were told is not what Redis holds"

    may_be_a_lock = _uses_another_key(trial, key)
    with _cured(NX), _short_sleeps(fewer_orders=may_be_a_lock):
        if not may_be_a_lock:  # a lock is known to its own callers only
            trial.every_gap(
                both,
                (key, bob),
                alice_has_it.clear,
                {"another customer books": alice_comes},
                view=lambda: (trial.redis.get(key), tuple(alice_has_it)),
            )
        trial.orders(why, {"customer A": (key, alice), "customer B": (key, bob)}, before=lambda: None)
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
    id="1.2",
    title="First come, first served",
    kind="change",
    question="""\
A stall goes to whoever asks first. This code works as long as customers come one after the other. When two come at
once, both can be told `True`, and the second takes the stall away from the first.

Change it so that nobody can come between the look and the booking. It still returns `True` when the stall was free,
and `False` when it was not; a booking has no end.""",
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

KEEP = "SET has an option that leaves the clock alone, and one that stores only where something is: KEEPTTL and XX."


def _check_change_price(trial: Trial) -> None:
    key, old = trial.key("offer *banana*"), f"banana 312 cents the crate, {trial.word()}"
    price = f"banana 2.{trial.number(10, 99)}"
    for seconds in (40.4, trial.number(3000, 9000) + 0.6):
        _expect_price(trial, key, price, {key: Ends(old, seconds)})
    _expect_price(trial, key, price, {key: old})
    for before, after in ((Ends("", 40.4), "0"), (Ends("0", 40.4), ""), (Ends(price, 40.4), price)):
        _expect_price(trial, key, after, {key: before})
    _expect_no_price(trial, key, price)
    _expect_last_moment(trial, key, old, price)
    _expect_price_in_every_gap(trial, key, old, price)
    _every_error(trial, (key, price), lambda: trial.put({key: Ends(old, 40.4)}))


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
                "the clock was set anew: with each new price, the offer lives longer than it was to live",
                Plain(f"at most {ending.seconds:g} seconds"),
                Plain(f"{left / 1000:g} seconds"),
                cure=KEEP,
            )
        trial.expect_state("the new price must be stored", {key: Ends(price, ending.seconds)})
    else:
        trial.expect_state("the new price must be stored", {key: price})
    why = "the offer was there, and its new price is stored: the answer is True"
    _must(why, True, answer, "bool() makes True or False of what redis-py's set answers.")


def _expect_no_price(trial: Trial, key: str, price: str) -> None:
    trial.put({})
    answer = _changed(trial, key, price)
    trial.expect_state(
        "the offer was gone, and your code brought it back: customers buy what is not there", {key: None}
    )
    none = "redis-py's set answers None when it stores nothing. bool() makes it False."
    _must("the offer was gone, so the answer is False", False, answer, none)


def _expect_last_moment(trial: Trial, key: str, old: str, price: str) -> None:
    """An offer with less than half a second to live. On a busy machine it may have ended before: then once more."""
    for _ in range(8):
        begin = time.monotonic()
        trial.put({key: Ends(old, 0.45)})
        answer = _changed(trial, key, price)
        left = trial.redis.pttl(key)
        if time.monotonic() - begin > 0.35:
            continue
        if answer is not True or not 0 < left <= 452:
            raise Failed(
                "an offer in its last half second was lost, or lives on: look at what the seconds are rounded to",
                Plain("True, and at most 0.45 seconds left"),
                Plain(
                    f"{answer!r}, and " + (f"{left / 1000:g} seconds left" if left > 0 else "no such offer, or no end")
                ),
                cure=KEEP,
            )
        return


def _expect_price_in_every_gap(trial: Trial, key: str, old: str, price: str) -> None:
    """Whatever happens to the offer meanwhile, and wherever the program dies."""

    def with_an_end() -> None:
        trial.put({key: Ends(old, 40.4)})

    def view() -> object:
        return {name: (found.value, _clock(found.left)) for name, found in trial.state().items()}

    rivals = {
        "the offer ends": (
            lambda: trial.redis.delete(key),
            "the offer ended between two of your commands, and your code brought it back, or says what is not so",
        ),
        "the offer is prolonged": (
            lambda: trial.redis.expire(key, 5000),
            "the offer was prolonged between two of your commands, and your code has set the old clock again: the "
            "offer ends too early",
        ),
        "its end is taken away": (
            lambda: trial.redis.persist(key),
            "the offer's end was taken away between two of your commands, and your code has set the old clock again",
        ),
        "another price": (
            lambda: trial.redis.set(key, "banana 1.00", xx=True, keepttl=True),
            "somebody else changed the price meanwhile, and what your function says or stores is not what happened",
        ),
    }
    for name, (act, why) in rivals.items():
        with _told_of_clocks(), _cured(KEEP):
            trial.every_gap(why, (key, price), with_an_end, {name: act}, view)
    with _told_of_clocks(), _cured(KEEP):
        trial.every_gap(
            "the offer got an end between two of your commands, and your code took it away again",
            (key, price),
            lambda: trial.put({key: old}),
            {"it gets an end": lambda: trial.redis.expire(key, 5000)},
            view,
        )
    why = "the offer is left without its clock, or gone. The price and the clock must be changed in one step"
    with _cured(KEEP):
        trial.every_cut(why, (key, price), with_an_end, view)


def _clock(left: int | None) -> str:
    """Which of the clocks of this check it is."""
    return "none" if left is None else "long" if left > 1_000_000 else "short"


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
    id="1.3",
    title="Change the price, keep the clock",
    kind="write",
    question="""\
Write `change_price(redis_conn, key, price)`: it stores the new price, leaves the TTL as it is (also when somebody
else changes it meanwhile), and returns `True`. When the key is already gone it stores nothing and returns `False`.
The one-command answer exists.""",
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

WHOLE_WALK = "Go on until the cursor is 0 (scan_iter does so), whatever a page holds, and end the pattern with *."
LITERALLY = (
    "escape_pattern of redis_helpers.redis_repository puts a backslash before each character that means something in "
    "a pattern."
)


def _check_forget(trial: Trial) -> None:
    prefix = trial.key("cart:")
    _expect_forgotten(trial, prefix, {f"{prefix}{fruit}": "2" for fruit in ("banana", "apple", "uva")})
    with _scan_as_it_may_be():
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
    answer = trial.call(prefix)
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


@contextlib.contextmanager
def _scan_as_it_may_be() -> Iterator[None]:
    """What SCAN is free to do: small pages whatever COUNT says, a first page without keys, and keys shown twice."""
    send, read = Call.send, Call.read
    held: list = []
    shown: list = []

    def send_with_small_count(call: Call, connection: object, commands: list[list[bytes]]) -> None:
        send(call, connection, [_with_small_count(command) for command in commands])

    def read_oddly(call: Call, connection: object, reply: Callable[[], object]) -> object:
        found = read(call, connection, reply)
        is_page = bool(call.steps) and call.steps[-1].commands[0][0] == "SCAN" and isinstance(found, list)
        if not is_page or len(found) != 2 or not isinstance(found[1], list):
            return found
        cursor, keys = found
        if call.steps[-1].commands[0][1] == "0":
            held.clear()
            shown.clear()
            if cursor not in ("0", b"0"):
                held.extend(keys)
                return [cursor, []]
        page = [*held, *keys, *shown[-1:]]
        page += page[:1]
        shown.extend(page)
        held.clear()
        return [cursor, page]

    with mock.patch.object(Call, "send", send_with_small_count), mock.patch.object(Call, "read", read_oddly):
        yield


def _with_small_count(command: list[bytes]) -> list[bytes]:
    words = [word.upper() for word in command]
    if words[0] != b"SCAN" or b"COUNT" not in words[2:]:
        return command
    place = words.index(b"COUNT", 2) + 1
    return [*command[:place], b"10", *command[place + 1 :]]


FORGET = Exercise(
    id="1.4",
    title="Forget a cart",
    kind="write",
    question="""\
The keys of customer 7's cart all begin with `cart:7:`. Write `forget(redis_conn, prefix)`: it deletes every key
that begins with `prefix`, however many there are, leaves all others alone, and returns how many it deleted (`0`
when there were none). A prefix may hold any character, also those that mean something in a pattern: `*`, `?`, `[`
and `\\`. `KEYS` is not allowed: others use this server.""",
    stub="""\
def forget(redis_conn, prefix):
    # your code here
    ...""",
    hints=(
        "SCAN finds keys by a pattern, a part at a time. Which redis-py method follows its cursor for you?",
        "`redis_conn.scan_iter(match=...)` gives one key after the other. The pattern is the prefix with a `*` "
        "behind it.",
        "`escape_pattern(prefix)`, from `redis_helpers.redis_repository`, puts a backslash before each character that "
        "means something in a pattern.",
        "`redis_conn.unlink(*keys)` deletes several and answers how many there were. It refuses an empty list of "
        "keys, so look first.",
    ),
    solution="""\
from redis_helpers.redis_repository import escape_pattern


def forget(redis_conn, prefix):
    keys = set(redis_conn.scan_iter(match=escape_pattern(prefix) + "*", count=1000))
    if not keys:
        return 0
    return redis_conn.unlink(*keys)""",
    why="SCAN lets others work between its parts. It may hand out a key twice, which the set takes care of, and "
    "UNLINK frees the "
    "memory in the background. Unescaped, the prefix `cart:?:` would take the carts of all customers with one letter "
    "along. With millions of keys, unlink them in batches.",
    check=_check_forget,
)

# 1.5


def _check_update_prices(trial: Trial) -> None:
    trial.put({})
    prices = {trial.key(f"price of {name}"): f"{trial.number(1, 9)}.95" for name in ("uva", "apple", "banana")}
    ttl = trial.number(31, 59)
    begin = time.monotonic()
    answer = trial.call(prices, ttl)
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
    stalls = [trial.prefix + f"stall:{number}" for number in range(trial.number(38, 50))]
    many = {stall: str(trial.number(1, 999)) for stall in sorted(stalls, key=lambda _: trial.number(1, 10**9))}
    old: dict = {stall: (None, f"old {number}", "")[number % 3] for number, stall in enumerate(many)}
    for ttl in (trial.number(60, 90), trial.number(10_000, 90_000)):
        trial.put({stall: Ends(price, 5000) if len(stall) % 2 else price for stall, price in old.items()})
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
        return Failed("the dictionary must have the keys of prices, and no others", len(old), len(answer), cure=cure)
    wrong = [key for key in old if old[key] != answer[key]]
    key = next((key for key in wrong if old[key] is not None), wrong[0])
    if old[key] is None:
        why = "a price that is new had none before: its old price is None"
    return Failed(why, Plain(f"{old[key]!r} for {key.split(':', 4)[-1]}"), Plain(short(answer[key])), cure=cure)


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
        "another till changed a price meanwhile, and nobody is told of it: what your function says was there before "
        "was not the last price. Reading and storing must be one step",
        (prices, 60),
        before=lambda: trial.put(before),
        rivals={"another till stores a price": lambda: trial.redis.set(key, "another till's", ex=300)},
    )
    why = "a price was left without its end, or half of its work is done. Each price and its TTL belong together"
    for start in ({}, before):

        def whole_prices(left: dict, start: dict = start) -> bool:
            may_be = [("before", True) if start else None]
            return all(left.get(key) in [*may_be, (price, True)] for key, price in prices.items())

        trial.every_cut(why, (prices, 60), partial(trial.put, start), allowed=whole_prices)
    _every_error(trial, (prices, 60), lambda: trial.put(before))


def _expect_no_error_as_a_price(trial: Trial, key: str) -> None:
    """A key that holds a list: Redis may refuse, and then the caller must learn of it."""
    trial.put({key: ["a list"]})
    outcome = trial.attempt({key: "3.12"}, 60)
    if outcome.error is None and isinstance(outcome.value, dict):
        old = outcome.value.get(key)
        if old is not None and not isinstance(old, str):
            raise Failed("the market is told an error as if it were a price: let it be raised", Plain("an error"), old)


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
