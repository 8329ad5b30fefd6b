"""Lesson 02: hashes, times to live of a hash and of one field, records."""

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Question

# 2.1


def _check_store_day(trial: Trial) -> None:
    prices = {"banana": "3.12", "apple": "1.95", "uva": "4.80"}
    key = trial.key("2026-03-14")
    trial.call(key, prices, 40)
    trial.expect_value("all prices must be fields of one hash", key, prices)
    missing = "the hash has no TTL: HSET sets none, and EXPIRE before the first HSET finds no key to expire"
    wrong = "the hash has not the TTL that was asked for"
    trial.expect_ttl(missing if trial.redis.ttl(key) == -1 else wrong, key, 38, 40)

    trial.call(key, {"banana": "2.99"}, 600)
    trial.expect_value("fields that are not in prices must stay", key, prices | {"banana": "2.99"})
    trial.expect_ttl(wrong, key, 595, 600)

    trial.redis.delete(key)
    trial.call(key, prices, 40)
    for reached in trial.cuts(key, prices, 40, prepare=lambda: trial.redis.delete(key)):
        if trial.redis.ttl(key) == -1:
            raise Failed(
                f"the program died after its command number {reached}, and left a hash that never dies: both "
                f"commands must be "
                "one transaction (MULTI … EXEC; in redis-py a pipeline with execute(), transaction left on)",
                expected=Plain("the hash with its TTL, or no hash at all"),
                seen=Plain("a hash without a TTL"),
            )


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


def _check_correct_price(trial: Trial) -> None:
    key = trial.key("2026-03-14")
    prices = {"banana": "3.12", "apple": "1.95", "uva": "4.80"}

    def yesterdays_hash(seconds: int = 25) -> None:
        trial.redis.delete(key)
        trial.redis.hset(key, mapping=prices)
        trial.redis.expire(key, seconds)

    for seconds in (25, 3):
        yesterdays_hash(seconds)
        left = trial.call(key, "apple", "1.80")
        trial.expect_value("the price of the apple, and only that, must change", key, prices | {"apple": "1.80"})
        if trial.redis.ttl(key) == -1:
            raise Failed("the hash lost its TTL: deleting and storing it anew makes a new key, which has none")
        why = (
            "the TTL was set anew: a hash that is corrected often enough would never expire, and old prices would stay"
        )
        trial.expect_ttl(why, key, seconds - 2, seconds)
        if type(left) is not int or not seconds - 2 <= left <= seconds:
            raise Failed("return how many seconds the hash has left, as TTL answers", seconds, left)

    for reached in trial.cuts(key, "apple", "1.80", prepare=yesterdays_hash):
        if trial.redis.hlen(key) != 3 or trial.redis.ttl(key) == -1:
            raise Failed(
                f"the program died after its command number {reached}, and the hash was left without its TTL or its "
                f"other prices: "
                "change the one field, and leave the rest alone"
            )


CORRECT_PRICE = Exercise(
    id="2.2",
    title="Correct a price, keep the clock",
    kind="change",
    question="""\
The prices of a day end with the day. This code corrects one of them, and gives the whole hash another 40 seconds
each time: corrected often enough, it never ends.

Change it: the correction leaves the TTL as it is, and the function returns the seconds that are left.""",
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
    solution="""\
def correct_price(redis_conn, key, fruit, price):
    redis_conn.hset(key, fruit, price)
    return redis_conn.ttl(key)""",
    why="HSET changes a hash that exists, and its TTL belongs to the key, so the clock runs on. Whoever renews it on "
    "each partial update "
    "keeps old fields alive for ever.",
    check=_check_correct_price,
)

# 2.3


def _check_flash_price(trial: Trial) -> None:
    key = trial.key("prices")

    def todays_hash() -> None:
        trial.redis.delete(key)
        trial.redis.hset(key, mapping={"banana": "3.12", "uva": "4.80"})
        trial.redis.expire(key, 500)

    def field_ttl(field: str) -> int:
        return (trial.redis.httl(key, field) or [-2])[0]

    for fruit, price, seconds in (("banana", "1.00", 20), ("mango", "0.50", 60)):
        todays_hash()
        trial.call(key, fruit, price, seconds)
        trial.expect("the new price must be stored", price, trial.redis.hget(key, fruit))
        if trial.redis.ttl(key) == -1:
            raise Failed("the whole hash lost its TTL: change the one field only")
        trial.expect_ttl(
            "EXPIRE is for the whole key: all prices would go at once. HEXPIRE is for a field", key, 495, 500
        )
        if not seconds - 2 <= field_ttl(fruit) <= seconds:
            raise Failed(
                f"the field {fruit} has not its own TTL: HSET clears a field's TTL, so HEXPIRE comes after it",
                Plain(f"{seconds} seconds"),
                Plain({-1: "-1: it never expires"}.get(field_ttl(fruit), f"{field_ttl(fruit)} seconds")),
            )
        trial.expect("the other fields must stay, and have no TTL", -1, field_ttl("uva"))
        trial.expect("the other prices must stay", "4.80", trial.redis.hget(key, "uva"))

    for reached in trial.cuts(key, "mango", "0.50", 60, prepare=todays_hash):
        if field_ttl("mango") == -1:
            raise Failed(
                f"the program died after its command number {reached}, and left a flash price that never ends: HSET "
                f"and HEXPIRE must "
                "be one transaction, or one command (HSETEX)"
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
    key = trial.key("fruit")
    samples = (
        ({"name": "banana", "price": 3.12, "crates": 25, "organic": True}, ()),
        ({"name": "uva", "price": 4.8, "crates": 0, "organic": False}, ()),
        ({"name": "", "price": 0.0, "crates": 7, "organic": True}, ()),
        ({"name": "apple"}, ("price", "crates", "organic")),
        ({"crates": 12, "organic": False}, ("name", "price")),
    )
    for record, left_out in samples:
        trial.redis.delete(key)
        trial.redis.hset(
            key, mapping={field: int(value) if isinstance(value, bool) else value for field, value in record.items()}
        )
        answer = trial.call(key)
        if not isinstance(answer, dict):
            raise Failed("return a dictionary with the four fields", record, answer)
        for field, default in DEFAULTS.items():
            expected = record.get(field, default)
            _expect_field(trial, field, expected, answer.get(field), field in left_out)
        trial.expect("the dictionary has these four fields, and no others", sorted(DEFAULTS), sorted(answer))
    answer = trial.call(trial.key("no-such-fruit"))
    trial.expect(
        "HGETALL answers {} for a key that is not there: return None, not a fruit made of defaults", None, answer
    )


def _expect_field(trial: Trial, field: str, expected: object, seen: object, left_out: bool) -> None:
    """One field of the record, with the likeliest misunderstanding named."""
    if left_out:
        why = f"the hash has no field {field}, so its default counts"
    elif isinstance(seen, str) and not isinstance(expected, str):
        why = f"{field} came back as text: Redis stores strings, and float(), int() make numbers of them again"
    elif expected is False and seen is True:
        why = "organic is stored as 0, and bool('0') is True, as for every text that is not empty"
    elif not expected and seen == DEFAULTS[field]:
        why = (
            f"{field} is there, and it is {expected!r}: `or` takes the default for it, because 0 and '' count as false"
        )
    else:
        why = f"{field} must come back as it was stored, with its type"
    trial.expect(why, expected, seen)


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


def _check_take(trial: Trial) -> None:
    key = trial.key("stock")
    trial.redis.hset(key, mapping={"banana": 10, "apple": 3})
    trial.expect("there were 10 crates, so 4 can be had", True, trial.call(key, "banana", 4))
    trial.expect("6 crates must be left", "6", trial.redis.hget(key, "banana"))
    trial.expect("6 crates can be taken out of 6", True, trial.call(key, "banana", 6))
    trial.expect("out of 0 crates none can be had", False, trial.call(key, "banana", 1))
    below = "the stock is below zero or lower than it was: what was taken and not sold must be put back"
    trial.expect(below, "0", trial.redis.hget(key, "banana"))
    trial.expect("out of 3 crates, 5 cannot be had", False, trial.call(key, "apple", 5))
    trial.expect(below, "3", trial.redis.hget(key, "apple"))

    trial.redis.hset(key, "uva", 5)
    bought = []

    def somebody_buys_all() -> None:
        if trial.redis.hincrby(key, "uva", -5) < 0:
            trial.redis.hincrby(key, "uva", 5)
        else:
            bought.append(5)

    answer = trial.call(key, "uva", 5, between=somebody_buys_all)
    if answer is True and bought:
        raise Failed(
            "the last 5 crates were sold twice: between your look and your taking, somebody bought them. Take first, "
            "then look"
        )
    trial.expect(
        "crates got lost or came from nowhere",
        5 - 5 * (answer is True) - sum(bought),
        int(trial.redis.hget(key, "uva")),
    )

    trial.redis.hset(key, "mango", 5)
    answers = trial.call_at_once([(key, "mango", 1)] * 8)
    trial.expect("8 threads wanted one crate each out of 5: 5 of them must be told True", 5, answers.count(True))
    trial.expect("after the threads, no crate may be left or owed", "0", trial.redis.hget(key, "mango"))


TAKE = Exercise(
    id="2.5",
    title="The last crates",
    kind="stretch",
    question="""\
A hash holds the stock: the fruit as field, the number of crates as value. Write `take(redis_conn, key, fruit,
crates)`: it takes that many crates out and returns `True`; when there are not enough, the stock stays as it was
and it returns `False`. Many customers buy at the same time, and no crate may be sold twice.""",
    stub="""\
def take(redis_conn, key, fruit, crates):
    # your code here
    ...""",
    hints=(
        "Whoever looks first and takes then leaves a gap in which others take. What if you take first?",
        "HINCRBY with a negative number takes, and answers what is left. Each customer gets an answer of their own.",
        "If the answer is below zero, there was not enough: put back what you took (HINCRBY again), and return False.",
    ),
    solution="""\
def take(redis_conn, key, fruit, crates):
    left = redis_conn.hincrby(key, fruit, -crates)
    if left >= 0:
        return True
    redis_conn.hincrby(key, fruit, crates)
    return False""",
    why="taking and learning what is left is one command, so two customers never see the same last crate. For a "
    "moment the stock may be "
    "below zero, and somebody who wants less may be turned away meanwhile: nothing is ever sold twice. A script (a "
    "later lesson) avoids "
    "even that.",
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
