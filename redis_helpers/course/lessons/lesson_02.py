"""Lesson 02: hashes, times to live of a hash and of one field, records."""

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from unittest import mock

from redis_helpers.course.exercises import schedules
from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.errors import CourseError

# For all of them


@contextlib.contextmanager
def _cured(cure: str) -> Iterator[None]:
    """Says what to do, where a check of every moment fails."""
    try:
        yield
    except Failed as failure:
        failure.cure = failure.cure or cure
        raise


def _every_error(trial: Trial, args: tuple, before: Callable[[], object]) -> None:
    """An error of Redis must come through, as redis-py or RedisRepository raises it."""
    try:
        trial.every_error(args, before)
    except Crashed as crash:
        if not isinstance(crash.error, CourseError):
            raise


def _expect_refusal(trial: Trial, key: str, args: tuple) -> None:
    """The key holds no hash, and Redis refuses: the caller must learn of it."""
    trial.put({key: "no hash"})
    outcome = trial.attempt(*args)
    if outcome.error is None:
        raise Failed(
            "the key held something else, Redis refused the command, and your function kept that to itself: its "
            "caller takes the answer for true",
            Plain("the error of Redis"),
            outcome.value,
            cure="Let errors through that you cannot mend.",
        )
    trial.expect_value("Redis refused the command, and yet the key was changed", key, "no hash")


def _clock(milliseconds: int | None) -> str:
    """Which of the clocks of a check it is: exact times are never twice the same."""
    if milliseconds is None:
        return "none"
    return "long" if milliseconds > 1_000_000 else "short"


def _clocks(trial: Trial) -> dict:
    """Every key with its value and its clock."""
    return {key: (found.value, _clock(found.left)) for key, found in trial.state().items()}


# 2.1

BOTH = "Both commands in one transaction (MULTI … EXEC): in redis-py a pipeline with execute(), transaction left on."


def _check_store_day(trial: Trial) -> None:
    key, prices = trial.key("day *ü* 14"), _some_prices(trial)
    texts = {fruit: str(price) for fruit, price in prices.items()}
    gone = {trial.word(): "1.80", "banana": "9.99"}  # yesterday's: a fruit that is sold no more, and an old price
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
    with _cured(BOTH):
        trial.every_cut(why, args, lambda: None, allowed=partial(whole, before={}))
        there = partial(whole, before={key: (gone, True)})
        trial.every_cut(why, args, lambda: trial.put({key: Ends(gone, 300)}), allowed=there)
        trial.orders(
            "two tills stored the day at once, and its prices and its end do not belong together",
            {"till 1": (key, {"banana": "1"}, 50), "till 2": (key, {"banana": "2"}, 5000)},
            before=lambda: None,
            view=lambda: _clocks(trial),
        )
    _expect_day_or_refusal(trial, args, texts)
    _every_error(trial, args, lambda: trial.put({}))


def _expect_day_or_refusal(trial: Trial, args: tuple, texts: dict) -> None:
    """The key holds no hash: who replaces it stores the day, for all others Redis refuses."""
    trial.put({args[0]: "no hash"})
    if trial.attempt(*args).error is None:
        why = "the key held something else, Redis refused, and your function kept that to itself: the day is not stored"
        trial.expect_value(why, args[0], texts)


def _some_prices(trial: Trial) -> dict[str, object]:
    return {
        "banana": 3.12,
        trial.word(): f"{trial.number(1, 9)}.95",
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
            cure="EXPIRE gives a key its TTL, and finds none before the first HSET has made it.",
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
    id="2.1",
    title="A hash that is born with its end",
    kind="blank",
    question="""\
`store_day` stores a day's prices as one hash that lives for `ttl` seconds. Should the program die in the middle,
the hash must be there *with* its TTL or not be there at all. Two lines are missing in place of the `...`.""",
    stub="""\
def store_day(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        ...""",
    hints=(
        "The pipeline has collected one command so far, and has sent nothing. Which command gives a key its TTL?",
        "First `pipe.expire(...)` with the key and the seconds. What sends the collected commands?",
        "`pipe.execute()` sends them as one transaction: MULTI, HSET, EXPIRE, EXEC.",
    ),
    solution="""\
def store_day(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        pipe.expire(key, ttl)
        pipe.execute()""",
    why="redis-py's pipeline wraps its commands in MULTI and EXEC. The server runs nothing of it before EXEC has "
    "arrived, so a program "
    "that dies earlier leaves nothing.",
    check=_check_store_day,
)

# 2.2

LEAVE_THE_CLOCK = "HSET changes a field and leaves the clock of the hash alone. TTL reads it."


def _check_correct_price(trial: Trial) -> None:
    key, fruit = trial.key("day *14*"), "maçã 'Gala' *"
    prices = {fruit: "3.12", "banana": f"{trial.number(1, 9)}.95", trial.word(): "4.80"}
    price = f"2.{trial.number(10, 99)}"
    for ending in (trial.number(20, 38) + 0.6, trial.number(3000, 90_000) + 0.4, None):
        _expect_correction(trial, key, fruit, price, prices, ending)
    for odd in ("", "0", "3.12"):
        _expect_correction(trial, key, fruit, odd, prices, 25.4)
    _expect_last_correction(trial, key, fruit, price, prices)
    _expect_correction_in_every_gap(trial, key, fruit, price, prices)
    _expect_refusal(trial, key, (key, fruit, price))
    _every_error(trial, (key, fruit, price), lambda: trial.put({key: Ends(prices, 40.4)}))


def _expect_correction(trial: Trial, key: str, fruit: str, price: str, prices: dict, seconds: float | None) -> None:
    """One price changes, and nothing else. `seconds`: what the hash has to live, None when it never ends."""
    trial.put({key: prices if seconds is None else Ends(prices, seconds)})
    begin = time.monotonic()
    left = trial.call(key, fruit, price)
    took = time.monotonic() - begin
    corrected = prices | {fruit: price}
    trial.expect_value("customers see wrong prices: one price, and only that, must change", key, corrected)
    now = trial.redis.pttl(key)
    if seconds is None:
        if now != -1:
            why = "the hash had no end, and a correction gave it one: all prices will be gone"
            raise Failed(why, Plain("no TTL"), Plain(f"{now / 1000:g} seconds"), cure=LEAVE_THE_CLOCK)
    elif now == -1:
        raise Failed("the hash had an end, and now it has none: old prices stay for ever", cure=LEAVE_THE_CLOCK)
    elif now > 1000 * seconds + 2:
        raise Failed(
            "the TTL was set anew: a hash that is corrected often enough never ends, and old prices stay",
            Plain(f"at most {seconds:g} seconds"),
            Plain(f"{now / 1000:g} seconds"),
            cure=LEAVE_THE_CLOCK,
        )
    trial.expect_state(
        "one price, and only that, must change", {key: corrected if seconds is None else Ends(corrected, seconds)}
    )
    least, most = (-1, -1) if seconds is None else (int(seconds - took) - 1, int(seconds) + 2)
    if type(left) is not int or not least <= left <= most:
        raise Failed(
            "the caller is told a wrong time: return how many whole seconds the hash has left, as TTL answers",
            Plain("-1: it never ends" if seconds is None else f"{round(seconds)}"),
            left,
        )


def _expect_last_correction(trial: Trial, key: str, fruit: str, price: str, prices: dict) -> None:
    """A hash with less than half a second to live. On a busy machine it may have ended before: then once more."""
    for _ in range(8):
        begin = time.monotonic()
        trial.put({key: Ends(prices, 0.45)})
        trial.call(key, fruit, price)
        found = trial.state().get(key)
        if time.monotonic() - begin > 0.35:
            continue
        if found is None or found.left is None or found.left > 452 or found.value != prices | {fruit: price}:
            raise Failed(
                "a hash in its last half second was lost, or lives on: look at what its seconds are rounded to",
                Plain("the corrected hash, with less than half a second left"),
                Plain("no such key" if found is None else str(found)),
                cure=LEAVE_THE_CLOCK,
            )
        return


def _expect_correction_in_every_gap(trial: Trial, key: str, fruit: str, price: str, prices: dict) -> None:
    """Whatever else is done to the hash meanwhile, and wherever the program dies."""
    last = list(prices)[-1]
    corrected = prices | {fruit: price}
    rivals: dict = {
        "the day is prolonged": (lambda: trial.redis.expire(key, 5000), corrected, "long"),
        "its end is taken away": (lambda: trial.redis.persist(key), corrected, "none"),
        "another price changes": (lambda: trial.redis.hset(key, last, "9.99"), corrected | {last: "9.99"}, "short"),
        "another fruit is sold out": (lambda: trial.redis.hdel(key, last), _without(corrected, last), "short"),
    }
    for name, (act, value, clock) in rivals.items():

        def right(run: Run, seen: object, value: dict = value, clock: str = clock) -> bool:
            """The seconds that are returned may be those before the rival or after."""
            answer = run.outcomes[0].value
            ranges = [(20, 43), {"long": (4900, 5002), "none": (-1, -1), "short": (20, 43)}[clock]]
            return seen == {key: (value, clock)} and any(
                type(answer) is int and least <= answer <= most for least, most in ranges
            )

        why = "the hash was changed between two of your commands, and your code undid that: somebody's change is lost"
        with _cured("Change the one field, and leave everything else alone."):
            trial.every_gap(
                why,
                (key, fruit, price),
                lambda: trial.put({key: Ends(prices, 40.4)}),
                {name: act},
                lambda: _clocks(trial),
                allowed=right,
            )
    why = "the hash is left without its end or its other prices: change the one field, and leave the rest alone"
    with _cured(LEAVE_THE_CLOCK):
        trial.every_cut(why, (key, fruit, price), lambda: trial.put({key: Ends(prices, 40.4)}), lambda: _clocks(trial))


def _without(prices: dict, fruit: str) -> dict:
    return {name: price for name, price in prices.items() if name != fruit}


CORRECT_PRICE = Exercise(
    id="2.2",
    title="Correct a price, keep the clock",
    kind="change",
    question="""\
The prices of a day end with the day. This code corrects one of them, and gives the whole hash another 40 seconds
each time: corrected often enough, it never ends.

Change it: the correction leaves the TTL as it is, and the function returns the seconds that are left, as `TTL`
answers. (A hash that has ended already is not asked for here: the solution shows what can be done about it,
with a script: `EVAL`.)""",
    stub="""\
def correct_price(redis_conn, key, fruit, price):
    redis_conn.hset(key, fruit, price)
    redis_conn.expire(key, 40)
    return 40""",
    hints=(
        "Does HSET change the TTL of the key? Lesson 01 made a difference between commands that replace a key and "
        "that change it.",
        "HSET changes the hash and leaves its TTL alone: the EXPIRE has to go. Which command reads the seconds left?",
    ),
    solution='''\
CORRECT = """
-- a hash that has ended is not made anew
if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return redis.call('TTL', KEYS[1])
"""


def correct_price(redis_conn, key, fruit, price):
    return redis_conn.eval(CORRECT, 1, key, fruit, price)''',
    why="HSET changes a hash that exists, and its TTL belongs to the key, so the clock runs on. Two commands, "
    "`redis_conn.hset(key, fruit, price)` and `redis_conn.ttl(key)`, are right while the hash is there. When it has "
    "ended a moment before, HSET makes a new one that never ends. The script (a later lesson) looks first, and nothing "
    "comes between its commands.",
    check=_check_correct_price,
)

# 2.3

FIELD = "HEXPIRE gives one field its TTL, after HSET, which clears it. HSETEX does both at once, on Redis 8."


def _check_flash_price(trial: Trial) -> None:
    key, new = trial.key("prices *today*"), "maçã 'Gala' *"
    prices = {"banana": "3.12", "uva": "4.80", trial.word(): "1.95"}
    short_while, long_while = trial.number(20, 90), trial.number(600, 9000)
    for fruit, price, seconds in (("banana", "1.00", short_while), (new, "0", long_while), ("banana", "", long_while)):
        _expect_flash(trial, (key, fruit, price, seconds), {key: Ends(prices, 500.5)})
    for field_seconds in (10, 20_000):
        _expect_flash(trial, (key, "banana", "1.00", short_while), {key: prices}, {"banana": field_seconds, "uva": 300})
    _expect_flash(trial, (key, new, "1.00", short_while), {})
    for fruit in (new, "banana"):
        _expect_flash_in_every_gap(trial, (key, fruit, "1.00", 5000), {key: Ends(prices, 300)})
    _expect_refusal(trial, key, (key, new, "1.00", short_while))
    _every_error(trial, (key, new, "1.00", short_while), lambda: trial.put({key: Ends(prices, 300)}))


def _fields(trial: Trial, key: str) -> dict[str, tuple[str, int | None]]:
    """Each field with its value and the milliseconds that it has left; None when it has no TTL."""
    values = trial.redis.hgetall(key)
    left = trial.redis.hpttl(key, *values) if values else []
    return {
        field: (value, None if time_left < 0 else time_left)
        for (field, value), time_left in zip(values.items(), left, strict=True)
    }


def _expect_flash(trial: Trial, args: tuple, before: dict, field_seconds: dict[str, int] | None = None) -> None:
    """The field gets the price and its clock, and nothing else changes."""
    key, fruit, price, seconds = args
    begin = time.monotonic()
    trial.put(before)
    for field, ttl in (field_seconds or {}).items():
        trial.redis.hexpire(key, ttl, field)
    others = {field: found for field, found in _fields(trial, key).items() if field != fruit}
    ending = before.get(key)
    prices = ending.value if isinstance(ending, Ends) else ending or {}
    trial.call(*args)
    prices = prices | {fruit: price}
    trial.expect_value("customers see wrong prices: one field, and only that, must get the new price", key, prices)
    if isinstance(ending, Ends):
        now = trial.redis.pttl(key)
        if now == -1 or not 1000 * (ending.seconds - (time.monotonic() - begin)) - 1000 <= now <= 1000 * ending.seconds:
            raise Failed(
                "the clock of the whole hash was changed: all prices go at another time than they were to go",
                Plain(f"a TTL of {ending.seconds:g} seconds"),
                Plain("no TTL" if now == -1 else f"{now / 1000:g} seconds"),
                cure=FIELD,
            )
        trial.expect_state("the hash must keep its clock", {key: Ends(prices, ending.seconds)})
    else:
        trial.expect_state("the hash must keep its clock", {key: prices})
    fields = _fields(trial, key)
    left = fields.pop(fruit)[1]
    least = 1000 * (seconds - 1.5 - (time.monotonic() - begin))
    if left is None or not least <= left <= 1000 * (seconds + 1):
        raise Failed(
            "the flash price does not end when it should: the field needs a TTL of its own, for the seconds given",
            Plain(f"{seconds} seconds"),
            Plain("no TTL: it never ends" if left is None else f"{left / 1000:g} seconds"),
            cure=FIELD,
        )
    clocks = {field: found[1] is None for field, found in fields.items()}
    if clocks != {field: found[1] is None for field, found in others.items()} or any(
        abs(fields[field][1] - found[1]) > 5000 + 1000 * (time.monotonic() - begin)
        for field, found in others.items()
        if found[1] is not None
    ):
        raise Failed("other prices got an end, or lost theirs: the other fields must stay as they are", cure=FIELD)


def _expect_flash_in_every_gap(trial: Trial, args: tuple, before: dict) -> None:
    """Wherever the program dies, and whoever else sets the same field."""
    key = args[0]

    def view() -> object:
        fields = {field: (value, _clock(left)) for field, (value, left) in _fields(trial, key).items()}
        return fields, _clocks(trial)

    def start() -> None:
        trial.put(before)

    with _cured(FIELD + " HSET and HEXPIRE must be one transaction."):
        trial.every_cut("it left a flash price that never ends, or half of its work", args, start, view)
        trial.orders(
            "two tills set the same price at once, and the price and its end do not belong together",
            {"till 1": args, "till 2": (key, args[1], "2.00", 60)},
            start,
            view=view,
        )


FLASH_PRICE = Exercise(
    id="2.3",
    title="A price for a short while",
    kind="write",
    question="""\
Write `flash_price(redis_conn, key, fruit, price, seconds)`: it stores the price as a field of the hash, and **this
field alone** disappears after `seconds`. The other fields and the TTL of the hash stay as they are. Should the
program die in the middle, no flash price may be left without its end. (Needs Redis 7.4 or Valkey 9; on an older
server the check says so.)""",
    stub="""\
def flash_price(redis_conn, key, fruit, price, seconds):
    # your code here
    ...""",
    hints=(
        "EXPIRE is for keys. Its sibling for fields begins with an H.",
        "HSET clears the TTL of the field that it sets. So which of the two must come first?",
        "`pipe.hset(key, fruit, price)`, then `pipe.hexpire(key, seconds, fruit)`, in one pipeline. On Redis 8, "
        "`hsetex` is both at once.",
    ),
    solution="""\
def flash_price(redis_conn, key, fruit, price, seconds):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, fruit, price)
        pipe.hexpire(key, seconds, fruit)
        pipe.execute()""",
    why="a key's TTL and a field's TTL are two clocks. The transaction closes the gap in which the field would have "
    "none. Since Redis 8, "
    "`redis_conn.hsetex(key, fruit, price, ex=seconds)` does it in one command.",
    check=_check_flash_price,
    needs=("HEXPIRE", "A TTL on one field needs Redis 7.4 or Valkey 9, and a user who may run HEXPIRE."),
)

# 2.4

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
    _expect_refusal(trial, key, (key,))
    _every_error(trial, (key,), lambda: trial.put({key: _stored(full)}))


def _stored(record: dict) -> dict[str, str]:
    return {field: str(int(value) if isinstance(value, bool) else value) for field, value in record.items()}


def _expect_fruit(trial: Trial, key: str, record: dict) -> None:
    """A record comes back with its types, and stays as it is in Redis; also one that ends."""
    for before in (_stored(record), Ends(_stored(record), 300)):
        trial.put({key: before})
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


def _expect_one_fruit_in_every_gap(trial: Trial, key: str, full: dict) -> None:
    """What is read is the record as it was at one moment."""
    other = {"name": "other", "price": 1.5, "crates": 7, "organic": False}

    def stored_anew() -> None:
        trial.redis.hset(key, mapping=_stored(other))

    with _cured(
        "Read all fields with one command: HGETALL, or HMGET. What HGETALL answers also says whether there are any."
    ):
        trial.every_gap(
            "between two of your commands the fruit ended or was stored anew, and the customer is shown a fruit that "
            "never was",
            (key,),
            lambda: trial.put({key: Ends(_stored(full), 300)}),
            {"the fruit ends": lambda: trial.redis.delete(key), "it is stored anew": stored_anew},
        )
        trial.every_gap(
            "the fruit came between two of your commands, and the customer is shown one that never was",
            (key,),
            lambda: trial.put({}),
            {"it is stored": stored_anew},
        )


def _expect_field(trial: Trial, field: str, expected: object, seen: object, left_out: bool) -> None:
    """One field of the record, with the likeliest misunderstanding named."""
    cure = None
    if left_out:
        why = f"the customer is told something that nobody knows: the hash has no field {field}, so its default counts"
    elif isinstance(seen, str) and not isinstance(expected, str):
        why = f"nobody can calculate with it: {field} came back as text, for Redis stores strings"
        cure = "float(...) and int(...) make numbers of texts."
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
    id="2.4",
    title="A record with its types",
    kind="write",
    question="""\
A fruit is a hash of up to four fields; all that Redis gives back is text. Write `read_fruit(redis_conn, key)`. It
returns a dictionary of exactly these fields:

| field | type | when the hash does not have it |
|---|---|---|
| `name` | str | `"unknown"` |
| `price` | float | `0.0` |
| `crates` | int | `1` |
| `organic` | bool, stored as `1` or `0` | `False` |

When there is no such key, it returns `None`. A stored `0` is a value, not a missing one.""",
    stub="""\
def read_fruit(redis_conn, key):
    # your code here
    ...""",
    hints=(
        "`HGETALL` gives a dictionary of texts, and `{}` when there is no such key.",
        '`texts.get("crates", 1)` takes the default only when the field is missing. `or` would take it for an empty '
        "text as well.",
        '`float(...)` and `int(...)` make numbers. For `organic`, compare: `texts.get("organic") == "1"`.',
    ),
    solution="""\
def read_fruit(redis_conn, key):
    texts = redis_conn.hgetall(key)
    if not texts:
        return None
    return {
        "name": texts.get("name", "unknown"),
        "price": float(texts.get("price", 0.0)),
        "crates": int(texts.get("crates", 1)),
        "organic": texts.get("organic") == "1",
    }""",
    why="Redis has no empty hash, so {} can only mean that there is no such key. Types are the reader's business, "
    "and a missing field is "
    "not the same as 0 or an empty text.",
    check=_check_read_fruit,
)

# 2.5

IN_ONE_STEP = "Look and take in one script (EVAL), which Redis runs as one step, or with WATCH."


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
    _expect_refusal(trial, key, (key, fruit, some))
    _every_error(trial, (key, fruit, some), lambda: trial.put({key: {fruit: str(stock)}}))


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
    with _cured(IN_ONE_STEP), _short_sleeps(fewer_orders=may_be_a_lock):
        if not may_be_a_lock:  # a lock is known to its own callers only
            _expect_other_tills_in_every_gap(trial, key, fruit, first)
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


def _expect_other_tills_in_every_gap(trial: Trial, key: str, fruit: str, crates: int) -> None:
    """Two other tills, which look and take in one step: one takes the crates that were to be had, one the rest."""
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
        {"till 2 wants 2": lambda: sells(2), f"till 3 wants {crates - 1}": lambda: sells(crates - 1)},
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

        with _cured(IN_ONE_STEP):
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
    id="2.5",
    title="The last crates",
    kind="stretch",
    question="""\
A hash holds the stock: the fruit as field, the number of crates as value. Write `take(redis_conn, key, fruit,
crates)`: it takes that many crates out and returns `True`; when there are not enough, the stock stays as it was
and it returns `False`. Of a fruit that is not in the hash there are none.

Many customers buy at the same time. No crate may be sold twice, no customer be turned away while there are enough,
and no crate be lost when the program dies in the middle. So the stock must never be too low, not even for a moment.""",
    stub="""\
def take(redis_conn, key, fruit, crates):
    # your code here
    ...""",
    hints=(
        "Whoever looks first and then takes leaves a gap in which others take. Whoever takes first and puts back has a "
        "stock that is too low for a moment, or for ever after a crash. Looking and taking must be one step.",
        "A script runs inside Redis as one step. `redis_conn.eval(script, 1, key, fruit, crates)` sends it; in it the "
        "key is called `KEYS[1]`, the fruit `ARGV[1]` and the number, as text, `ARGV[2]`.",
        "The language is Lua. `redis.call('HGET', KEYS[1], ARGV[1]) or 0` reads the stock, `tonumber(…)` makes a "
        "number of a text, and `if … then return 0 end` ends the script early.",
        "HINCRBY with a negative number takes. `eval` answers what the script returns: compare it with 1.",
    ),
    solution='''\
TAKE = """
-- the stock, as a number; none of a fruit that is not there
local stock = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
local wanted = tonumber(ARGV[2])
if stock < wanted then
    return 0
end
redis.call('HINCRBY', KEYS[1], ARGV[1], -wanted)
return 1
"""


def take(redis_conn, key, fruit, crates):
    return redis_conn.eval(TAKE, 1, key, fruit, crates) == 1''',
    why="Redis runs a script as it runs one command: nobody comes in between the look and the taking, and a program "
    "that dies has taken all its crates or none. Taking first with HINCRBY and putting back is two steps: in between, "
    "another customer sees too low a stock, and a crash there leaves it so. Lua and scripts get a lesson of their own.",
    check=_check_take,
)

EXERCISES = (STORE_DAY, CORRECT_PRICE, FLASH_PRICE, READ_FRUIT, TAKE)

QUIZ = (
    Question(
        "HSET, then EXPIRE, as two commands. The program is killed in between. What is left?",
        (
            ("Nothing: Redis undoes the HSET", "Redis does not know that more was to come. The HSET is done."),
            (
                "A hash that never expires",
                "HSET sets no TTL, and nobody comes back to set it. One transaction avoids it.",
            ),
            ("A hash with a TTL that the server chooses", "Without EXPIRE there is no TTL: TTL answers -1."),
        ),
        answer="b",
    ),
    Question(
        "The hash `prices` has 10 seconds left. `HSET prices banana 2.99`. How many seconds are left now?",
        (
            ("10: HSET changes the hash, it does not replace it", "Commands that change a key leave its clock alone."),
            ("None: the TTL is gone", "That is what a plain SET does to a string. HSET changes only a field."),
            ("As many as at the beginning", "Only EXPIRE and its like set a key's clock anew."),
        ),
        answer="a",
    ),
    Question(
        "The field `banana` has a TTL of its own (HEXPIRE). `HSET prices banana 2.99`. What becomes of the field's "
        "TTL?",
        (
            ("It runs on", "HINCRBY would leave it. HSET writes the field anew."),
            (
                "It is gone: the field stays until the key goes",
                "HSET clears the TTL of the field it sets. HEXPIRE has to follow.",
            ),
            (
                "It starts anew with the same seconds",
                "Redis does not keep the number. HSETEX or HEXPIRE gives a new one.",
            ),
        ),
        answer="b",
    ),
    Question(
        "A hash expires in 5 seconds, one of its fields in 60. When does the field disappear?",
        (
            ("After 60 seconds: its own TTL counts", "The field cannot outlive the key that holds it."),
            ("After 5 seconds, with the hash", "Two clocks, and the first to end wins."),
            ("Never: the two TTLs are in each other's way", "They are independent: each does its work at its time."),
        ),
        answer="b",
    ),
    Question(
        "A StartForm loaded the hash into memory at the start. The hash has expired since. What does the form answer?",
        (
            ("None, as Redis would", "It does not ask Redis any more: it answers from its copy."),
            (
                "The old prices, as long as the program runs",
                "A copy has no clock. Memory is fast, and does not notice changes.",
            ),
            ("It loads the hash again", "It loads when it is told to, and only then."),
        ),
        answer="b",
    ),
)
