"""Lesson 09: a field with an end of its own, many prices in small hashes, values that are more than text."""

import json
import time

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.hash_checks import clocks, cured, expect_refusal, kind_of_clock

NEEDS = ("HEXPIRE", "A TTL on one field needs Redis 7.4 or Valkey 9, and a user who may run HEXPIRE.")

# For all of them


# 9.1


def _check_end_field(trial: Trial) -> None:
    key, fruit = trial.key("prices *today*"), "maçã 'Gala' *"
    prices = {"banana": "312", fruit: "195", trial.word(): "480"}
    short_while, long_while = trial.number(20, 90), trial.number(600, 9000)
    for before in ({key: prices}, {key: Ends(prices, 500.5)}):
        for seconds in (short_while, long_while):
            _expect_field_ends(trial, key, fruit, seconds, before)
    trial.put({key: prices})
    trial.redis.hexpire(key, 10, fruit)
    trial.redis.hexpire(key, 3000, "banana")
    others = {name: found for name, found in _fields(trial, key).items() if name != fruit}
    _expect_called(trial, key, fruit, long_while, others)
    why = "there is no such field, so nothing can end: return False"
    trial.case(why, (key, "kiwi", short_while), before={key: prices}, returns=False, after={key: prices})
    trial.case(why, (key, fruit, short_while), before={key: None}, returns=False, after={key: None})
    trial.every_error((key, fruit, short_while), lambda: trial.put({key: prices}))


def _expect_field_ends(trial: Trial, key: str, fruit: str, seconds: int, before: dict) -> None:
    trial.put(before)
    others = {name: found for name, found in _fields(trial, key).items() if name != fruit}
    _expect_called(trial, key, fruit, seconds, others)
    trial.expect_state("only the field gets an end: the values and the TTL of the key stay as they are", before)


def _expect_called(trial: Trial, key: str, fruit: str, seconds: int, others: dict) -> None:
    begin = time.monotonic()
    value = trial.call(key, fruit, seconds)
    fields = _fields(trial, key)
    left = fields.pop(fruit, ("", None))[1]
    least = 1000 * (seconds - 1.5 - (time.monotonic() - begin))
    if left is None or not least <= left <= 1000 * (seconds + 1):
        raise Failed(
            "the field does not end when it should: it needs a TTL of its own, for the seconds given",
            Plain(f"{seconds} seconds"),
            Plain("no TTL: it never ends" if left is None else f"{left / 1000:g} seconds"),
            cure="`HEXPIRE` gives one field its TTL. `EXPIRE` is for the whole key.",
        )
    if _ending(fields) != _ending(others):
        raise Failed("other fields got an end, or lost theirs: they must stay as they are")
    if value is not True:
        raise Failed(
            "the field was there, and has an end now: return True",
            True,
            value,
            cure="`hexpire` returns a list with one number for each field: here it is `[1]`.",
        )


def _ending(fields: dict) -> dict:
    return {name: left is not None for name, (_, left) in fields.items()}


END_FIELD = Exercise(
    id="9.1",
    title="An end for one field",
    kind="write",
    question="""\
Write `end_field`. It gives this field of the hash an end, in `seconds` seconds, and leaves everything else as it is.
It returns `True`. When there is no such field, or no such key, it returns `False`.""",
    stub="""\
def end_field(redis_conn, key, field, seconds):
    # your code here
    ...""",
    hints=(
        "`redis_conn.hexpire(key, seconds, field)` does it. What does it return? Print it: it is no simple number.",
        "It returns a list with one number, for the one field. 1 means: done. Compare: `== [1]`.",
    ),
    solution="""\
def end_field(redis_conn, key, field, seconds):
    answers = redis_conn.hexpire(key, seconds, field)
    return answers[0] == 1""",
    why="HEXPIRE takes several fields, so it answers with a list, one number for each. 1: done, -2: no such field.",
    check=_check_end_field,
    needs=NEEDS,
)

# 9.2

FIELD = "HEXPIRE gives one field its TTL, after HSET, which clears it. HSETEX does both at once, on Redis 8."


def _check_flash_price(trial: Trial) -> None:
    key, new = trial.key("prices *today*"), "maçã 'Gala' *"
    prices = {"banana": "312", "uva": "480", trial.word(): "195"}
    short_while, long_while = trial.number(20, 90), trial.number(600, 9000)
    for fruit, price, seconds in (("banana", "100", short_while), (new, "0", long_while), ("banana", "", long_while)):
        _expect_flash(trial, (key, fruit, price, seconds), {key: Ends(prices, 500.5)})
    for field_seconds in (10, 20_000):
        _expect_flash(trial, (key, "banana", "100", short_while), {key: prices}, {"banana": field_seconds, "uva": 300})
    _expect_flash(trial, (key, new, "100", short_while), {})
    # With its last field a key goes away, and its TTL: whoever deletes the field first loses it.
    _expect_flash(trial, (key, "banana", "100", short_while), {key: Ends({"banana": "312"}, 500.5)})
    for fruit in (new, "banana"):
        _expect_flash_in_every_gap(trial, (key, fruit, "100", 5000), {key: Ends(prices, 300)})
    expect_refusal(trial, key, (key, new, "100", short_while))
    trial.every_error((key, new, "100", short_while), lambda: trial.put({key: Ends(prices, 300)}))


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
    trial.put(before)
    for field, ttl in (field_seconds or {}).items():
        trial.redis.hexpire(key, ttl, field)
    others = {field: found for field, found in _fields(trial, key).items() if field != fruit}
    ending = before.get(key)
    prices = ending.value if isinstance(ending, Ends) else ending or {}
    begin = time.monotonic()
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
        abs(fields[field][1] - found[1]) > 5000 for field, found in others.items() if found[1] is not None
    ):
        raise Failed("other prices got an end, or lost theirs: the other fields must stay as they are", cure=FIELD)


def _expect_flash_in_every_gap(trial: Trial, args: tuple, before: dict) -> None:
    """Wherever the program dies, and whoever else sets the same field."""
    key = args[0]

    def view() -> object:
        fields = {field: (value, kind_of_clock(left)) for field, (value, left) in _fields(trial, key).items()}
        return fields, clocks(trial)

    def start() -> None:
        trial.put(before)

    with cured(FIELD + " HSET and HEXPIRE must be one transaction."):
        trial.every_cut("it left a flash price that never ends, or half of its work", args, start, view)
        trial.orders(
            "two programs set the same price at once, and the price and its end do not belong together",
            {"program 1": args, "program 2": (key, args[1], "200", 60)},
            start,
            view=view,
        )


FLASH_PRICE = Exercise(
    id="9.2",
    title="A price for a short while",
    kind="write",
    question="""\
A **flash price** is a cheap price for a short while. Write `flash_price`. It stores the price as a field of the hash,
and **this field alone** ends after `seconds` seconds. The other fields and the TTL of the key stay as they are. The
program may be killed at any moment: no flash price may be left without its end.""",
    stub="""\
def flash_price(redis_conn, key, fruit, price, seconds):
    # your code here
    ...""",
    hints=(
        "Two commands: `HSET`, and `HEXPIRE`. `HSET` takes the end of the field away. So which one must come first?",
        "Killed between the two, the program leaves a price without its end. Lesson 05 made one step of two commands.",
        "A pipeline: `hset`, then `hexpire`, then `execute`. Or, on Redis 8, the one command `hsetex`.",
    ),
    solution="""\
def flash_price(redis_conn, key, fruit, price, seconds):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, fruit, price)
        pipe.hexpire(key, seconds, fruit)
        pipe.execute()""",
    why="the TTL of the key and that of a field are two clocks. The transaction closes the gap in which the field "
    "would have no end. Since Redis 8.0, `redis_conn.hsetex(key, fruit, price, ex=seconds)` does it in one command.",
    check=_check_flash_price,
    needs=NEEDS,
)

# 9.3

SMALL = 500


def _check_store_small(trial: Trial) -> None:
    prefix = trial.key("prices:")
    price = trial.number(100, 999)
    for number in (0, 1, SMALL - 1, SMALL, SMALL + 1, 2 * SMALL - 1, 2 * SMALL, trial.number(3000, 90_000)):
        key = f"{prefix}{number // SMALL}"
        _expect_stored_small(trial, (prefix, number, price), key, {})
        before = {key: {str(number + 1_000_000): "312", str(number): "1"}, f"{prefix}{number // SMALL + 1}": {"7": "3"}}
        _expect_stored_small(trial, (prefix, number, price), key, before)
    trial.every_error((prefix, 7, price), lambda: trial.put({}))


def _expect_stored_small(trial: Trial, args: tuple, key: str, before: dict) -> None:
    _, number, price = args
    trial.put(before)
    trial.call(*args)
    wanted = {**before, key: {**before.get(key, {}), str(number): str(price)}}
    seen = {name: found.value for name, found in trial.state().items()}
    if seen.get(key) != wanted[key]:
        other = next((name for name, value in seen.items() if value != before.get(name)), None)
        raise Failed(
            f"number {number} belongs in the hash number {number // SMALL}, as the field {number}, and the reader "
            "looks for it there",
            Plain(f"{key.removeprefix(trial.prefix)}: {wanted[key]}"),
            Plain("nothing was stored" if other is None else f"{other.removeprefix(trial.prefix)}: {seen[other]}"),
            cure="The key is `prefix`, and the number of the hash right behind it. In Python, `//` divides and leaves "
            "the rest out: 999 // 500 is 1.",
        )
    trial.expect_state("the other prices stay as they are", wanted)


STORE_SMALL = Exercise(
    id="9.3",
    title="Many small hashes",
    kind="write",
    question="""\
A shop has 100,000 prices, with the numbers 0 to 99,999. One hash for all would be far too big to be compact. Write
`store_small`: the numbers 0 to 499 go into the hash with the key `prefix + "0"`, the numbers 500 to 999 into
`prefix + "1"`, and so on: 500 fields are below the limit. The field is the number.""",
    stub="""\
def store_small(redis_conn, prefix, number, price):
    # your code here
    ...""",
    hints=(
        "`//` divides and leaves the rest out: `7 // 5` is 1.",
        "So the number of the hash is `number // 500`, and the key is `prefix` and this number behind it.",
    ),
    solution="""\
def store_small(redis_conn, prefix, number, price):
    key = f"{prefix}{number // 500}"
    redis_conn.hset(key, number, price)""",
    why="each hash has at most 500 fields, below the limit of 512, so each stays compact. A reader calculates the key "
    "in the same way.",
    check=_check_store_small,
)

# 9.4


def _check_load_record(trial: Trial) -> None:
    key = trial.key("record *ü*")
    records: tuple[dict[str, object], ...] = (
        {"name": f"maçã {trial.word()}", "price": trial.number(100, 999), "organic": True, "season": None},
        {"months": [6, 7, trial.number(8, 12)], "weight": trial.number(2, 90) + 0.5, "organic": False, "note": ""},
        {"price": 0, "tags": [], "origin": {"country": "PT", "year": trial.number(2000, 2026)}, "code": "007"},
    )
    for record in records:
        stored = {field: json.dumps(value) for field, value in record.items()}
        trial.put({key: Ends(stored, 300)})
        seen = trial.call(key)
        if type(seen) is not dict or _written(seen) != _written(record):
            raise Failed(
                "the record must come back with the types that it had",
                record,
                seen,
                cure="Each value is JSON: `json.loads` makes a Python value of it, one field after another.",
            )
        trial.expect_state("reading must change nothing", {key: Ends(stored, 300)})
    trial.case("there is no such record: return None", (key,), before={key: None}, returns=None, after={key: None})
    trial.every_error((key,), lambda: trial.put({key: {"price": "312"}}))
    trial.put({key: {"price": "312", "weight": "1.5"}})
    trial.orders(
        "somebody stored the record anew between two of your commands, and what you returned was never there",
        {"your function": (key,)},
        before=lambda: trial.put({key: {"price": "312", "weight": "1.5"}}),
        rivals={"another program": lambda: trial.redis.hset(key, mapping={"price": "299", "weight": "2.5"})},
    )
    trial.orders(
        "the record ended between two of your commands",
        {"your function": (key,)},
        before=lambda: trial.put({key: {"price": "312"}}),
        rivals={"the record ends": lambda: trial.redis.delete(key)},
    )


def _written(value: object) -> str:
    """Equal only when the types are: to Python, True is 1."""
    return json.dumps(value, sort_keys=True, default=repr)


LOAD_RECORD = Exercise(
    id="9.4",
    title="A record with its types",
    kind="write",
    question="""\
A record is a hash in which the value of each field is JSON, as `store_record` writes it. Write `load_record`. It
returns the record as a dictionary, and each value has its type again. When there is no such key, it returns `None`.
Other programs may store and delete records while it runs.""",
    stub="""\
import json


def load_record(redis_conn, key):
    # your code here
    ...""",
    hints=(
        "`hgetall` gives a dictionary of texts. It is empty when there is no such key.",
        "Make a new dictionary, and go through the old one: `for field, text in stored.items():`",
        "`record[field] = json.loads(text)`",
    ),
    solution="""\
import json


def load_record(redis_conn, key):
    stored = redis_conn.hgetall(key)
    if not stored:
        return None
    record = {}
    for field, text in stored.items():
        record[field] = json.loads(text)
    return record""",
    why="one HGETALL reads the record as it was at one moment. Each field is JSON by itself, so one field can be "
    "changed without the others.",
    check=_check_load_record,
)

EXERCISES = (END_FIELD, FLASH_PRICE, STORE_SMALL, LOAD_RECORD)

QUIZ = (
    Question(
        "A customer's hash has the fields `name` and `code`. The log-in code must end after 5 minutes: `HEXPIRE` was "
        "sent for it. After 2 minutes the customer asks for a new code, and the program sends `HSET` with it. When "
        "does the new code end?",
        (
            ("In 3 minutes: the end of the field stays", "HINCRBY would keep it. HSET writes the field anew."),
            ("Never, as long as the hash lives", "HSET takes the end away. HEXPIRE must follow, in one transaction."),
            ("In 5 minutes: the end is set anew", "Redis does not remember the 5 minutes. Somebody must send them."),
        ),
        answer="b",
    ),
    Question(
        "A hash has a TTL of one hour. One of its fields has an end of its own, in two hours. What happens?",
        (
            ("The key lives two hours, for this field", "A field cannot make its key live longer."),
            ("After one hour only this field is left", "A key ends with all its fields."),
            ("After one hour the whole hash is gone", "Two clocks run, and the one of the key ends first."),
        ),
        answer="c",
    ),
    Question(
        "A program keeps 100,000 comments, each of about 2,000 bytes. Somebody puts 500 of them into each hash, to "
        "save memory. What is the result?",
        (
            ("Nearly nothing is saved", "One value above 64 bytes is enough: the hash is no longer compact."),
            ("Three quarters of the memory are saved", "This holds for short values. These are far above the limit."),
            ("Redis refuses values of 2,000 bytes", "It stores them, up to 512 MB. Only the compact form has limits."),
        ),
        answer="a",
    ),
    Question(
        "The open orders of a day are one hash, with a TTL of a day. The last one is done, and deleted with `HDEL`. "
        "Then a new one comes, with `HSET`. What is the TTL of the key?",
        (
            ("What was left of the day", "The key went away with its last field, and its TTL with it."),
            ("−1: it never ends", "HSET made a new key. Nobody gave it a TTL."),
            ("−2: no such key", "HSET has just made one."),
        ),
        answer="b",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="hset-predict",
        text=(
            "The field `banana` has 60 seconds left. Now somebody corrects its price, with a plain `HSET`. What does "
            "`HTTL` say about the field after it?"
        ),
        code="""\
day = "cell-by-cell:review:day"
redis_conn.hset(day, "banana", 250)
redis_conn.hexpire(day, 60, "banana")
redis_conn.hset(day, "banana", 240)
print("seconds left:", redis_conn.httl(day, "banana")[0])""",
        options=(
            ("about 60: the clock of the field runs on", "seconds left: (60|5.)"),
            ("−2: the field is gone", "seconds left: -2"),
            ("−1: the field has no end any more", "seconds left: -1"),
        ),
        answer="c",
        why="The key is the old one, but the field is written anew, without an end. `SET` does the same with a key.",
        needs=("HEXPIRE", "HTTL"),
    ),
    Prediction(
        cell="last-predict",
        text=(
            "A list has 40 seconds left. Its only field is deleted. A moment later a new fruit comes, with `HSET`. "
            "What is the TTL of the list then?"
        ),
        code="""\
day = "cell-by-cell:review:day"
redis_conn.hset(day, "banana", 250)
redis_conn.expire(day, 40)
redis_conn.hdel(day, "banana")
redis_conn.hset(day, "apple", 195)
print("TTL:", redis_conn.ttl(day))""",
        options=(
            ("about 40: the list was empty for a moment", "TTL: (40|3.)"),
            ("−1: the list never ends", "TTL: -1"),
            ("−2: `HSET` finds no list", "TTL: -2"),
        ),
        answer="b",
        why=(
            "Redis has no empty hashes. With its last field, the key goes away, and its TTL too. The next `HSET` makes "
            "a **new** key, which has no TTL."
        ),
    ),
    Prediction(
        cell="types-predict",
        text="The price in this hash is JSON. Now `HINCRBY` makes it 10 cents less. What happens?",
        code="""\
import json

banana = "cell-by-cell:review:banana"
redis_conn.hset(banana, "price", json.dumps(312))
redis_conn.hincrby(banana, "price", -10)
print("the price:", redis_conn.hget(banana, "price"))""",
        options=(
            ("the price is 302", "the price: 302"),
            ("Redis refuses: JSON is no number", r"\w+Error: .*"),
            ('the field becomes a text like `"312-10"`', "the price: 312-10"),
        ),
        answer="a",
        why="JSON writes a whole number as its digits, and so does Redis. So `HINCRBY` still works.",
        needs=("HINCRBY",),
    ),
)
