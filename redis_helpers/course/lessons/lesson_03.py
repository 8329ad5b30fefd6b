"""Lesson 03: cache-aside in six lines, "not found" as an answer, and when a cache pays."""

import datetime
import json

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Question
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.cache_checks import (
    NO_TTL,
    Args,
    Source,
    expect_all_of_it,
    expect_end_in_between,
    expect_ends,
    expect_error_of_load,
    expect_error_of_redis,
    expect_hit,
    expect_json,
    expect_loaded,
    expect_never_immortal,
    expect_same,
    some_fruit,
    some_values,
    told_that_it_ended,
    written,
    written_as_text,
)

# 3.1


def _check_look_in_cache(trial: Trial) -> None:
    key = trial.key('fruit [*] "ü"?')
    for value in (*some_values(trial), "null"):
        there = {key: Ends(json.dumps(value), 300)}
        trial.put(there)
        why = "return what is stored, as the Python value that it was"
        if not value:
            why += f". {value!r} is a value like any other"
        expect_same(why, value, trial.call(key))
        trial.expect_state("a look into the cache changes nothing", there)
    trial.case("there is no such key: return None", (key,), before={}, returns=None, after={})
    fruit = json.dumps(some_fruit(trial))
    with told_that_it_ended():
        trial.every_gap(
            "the entry ended between two of your commands: what was there at the first look may be gone at the second",
            (key,),
            before=lambda: trial.put({key: Ends(fruit, 60)}),
            rivals={"the entry ends": lambda: trial.redis.delete(key)},
        )
    trial.every_error((key,), before=lambda: trial.put({key: Ends(fruit, 60)}))


LOOK_IN_CACHE = Exercise(
    id="3.1",
    title="Look into the cache",
    kind="write",
    question="""\
Write the first step: look into the cache. If there is a text under `key`, it is JSON: return it as a Python value. If
there is no such key, return `None`.""",
    stub="""\
import json


def look_in_cache(redis_conn, key):
    # your code here
    ...""",
    hints=(
        "`GET` gives the text, or `None`. Put it into a name, such as `cached`.",
        "`json.loads` makes a Python value of a text. It cannot make one of `None`: look first, with `is None`.",
    ),
    solution="""\
import json


def look_in_cache(redis_conn, key):
    cached = redis_conn.get(key)
    if cached is None:
        return None
    return json.loads(cached)""",
    why="one command looks and fetches. With EXISTS first and GET second, the key may end in between. And the question "
    "is `is None`: 0, an empty list and False are answers too.",
    check=_check_look_in_cache,
)

# 3.2

# What is written first by many, in a message of Python: what it means, and what to write.
_FIRST_TRIES = (
    (
        "JSON object must be str, bytes or bytearray, not dict",
        "json.loads makes a Python value of a text. But load() gives a Python value, and Redis needs a text",
        "Make a text of the value, with json.dumps(value).",
    ),
    (
        "unexpected keyword argument 'EX'",
        "redis-py knows no `EX=`: Redis writes the option in capitals, and redis-py in small letters",
        "Write ex=ttl.",
    ),
)


def _expect_no_first_try(trial: Trial, key: str, ttl: int) -> None:
    message = str(trial.attempt(key, Source(some_fruit(trial)).load, ttl).error)
    for part, why, cure in _FIRST_TRIES:
        if part in message:
            raise Failed(why, cure=cure)


@written_as_text
def _check_read_through(trial: Trial) -> None:
    ttl = trial.number(200, 400)

    def args(key: str, source: Source) -> tuple:
        return key, source.load, ttl

    key = trial.key('fruit [*] "ü"?')
    _expect_no_first_try(trial, key, ttl)
    for value in some_values(trial):
        trial.put({})
        source = expect_loaded(trial, args, key, value)
        expect_json(trial, key, value)
        expect_ends(trial, key, ttl)
        expect_hit(trial, args, key, source)
    trial.put({})
    expect_loaded(trial, args, key, "loaded anew")
    expect_end_in_between(trial, args, key, {key: json.dumps(some_fruit(trial))})
    expect_never_immortal(trial, args, key, some_fruit(trial))
    expect_all_of_it(trial, args, key, some_fruit(trial), ttl)
    expect_error_of_load(trial, args, key)
    expect_error_of_redis(trial, args, key, some_fruit(trial))

    trial.put({})
    source = Source({"name": trial.word(), "since": datetime.date(2025, 6, 14)})  # JSON has no dates
    first = trial.attempt(*args(key, source))
    if first.error is None:
        second = trial.attempt(*args(key, source))
        if source.calls > 1 or second.error is not None or written(second.value) != written(first.value):
            raise Failed(
                "the second reader does not get what the first one got, or the source is asked each time, and nobody "
                "learns why: load() gave a date, which JSON cannot hold, and your function kept that to itself",
                Plain("the error of json.dumps, or the same answer twice"),
                Plain("two different answers" if source.calls == 1 else f"{source.calls} calls of load()"),
                cure="Let the error of json.dumps() through.",
            )


READ_THROUGH = Exercise(
    id="3.2",
    title="Remember what was loaded",
    kind="blank",
    question="""\
`read_through` asks Redis first, and the source (`load`) only when Redis does not have the answer. One line is missing
in place of the `...`. It stores the value as JSON, with a TTL of `ttl` seconds.""",
    stub="""\
import json


def read_through(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    ...
    return value""",
    hints=(
        "`set` with `ex=` stores a text together with its TTL. What makes a text of the value, so that `json.loads` "
        "can read it?",
        "`json.dumps(value)` gives the text. It is the second argument of `redis_conn.set`, and `ex=` is the third.",
    ),
    solution="""\
import json


def read_through(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value""",
    why="JSON keeps numbers, lists, True and None apart, and it can be read back. The TTL comes with the value, in one "
    "command: so no answer is ever in Redis without one.",
    check=_check_read_through,
)

# 3.3


@written_as_text
def _check_find_fruit(trial: Trial) -> None:
    ttl, briefly = trial.number(200, 400), trial.number(20, 40)

    def args(key: str, source: Source) -> tuple:
        return key, source.load, ttl, briefly

    key, other = trial.key('fruit [*] "ü"?'), trial.key("another")
    missing = Source(None)
    trial.expect("what the source does not have is None", None, trial.call(*args(key, missing)))
    trial.expect("the source must not work twice for one answer: load() is called once", 1, missing.calls)
    _expect_remembered_briefly(trial, briefly)
    nothing = {name: entry.value for name, entry in trial.state().items()}
    _expect_not_found_again(trial, args, key, missing)
    expect_loaded(trial, args, other, some_fruit(trial))  # "not found" is said of one fruit, not of all

    trial.put({})
    expect_loaded(trial, args, key, some_fruit(trial))  # "not found" has ended, and the fruit has come
    expect_end_in_between(trial, args, key, nothing)
    expect_never_immortal(trial, args, key, None)
    expect_all_of_it(trial, args, key, None, briefly)

    found_values: tuple[object, ...] = (some_fruit(trial), 0, "", [], False, "null", "None", "-")
    for value in found_values:
        trial.put({})
        source = expect_loaded(trial, args, key, value)
        _expect_found_lives(trial, value, ttl)
        found = {name: entry.value for name, entry in trial.state().items()}
        expect_hit(trial, args, key, source)
    expect_end_in_between(trial, args, key, found)
    expect_never_immortal(trial, args, key, some_fruit(trial))
    expect_all_of_it(trial, args, key, some_fruit(trial), ttl)
    expect_error_of_load(trial, args, key)
    expect_error_of_redis(trial, args, key, some_fruit(trial))


def _expect_remembered_briefly(trial: Trial, briefly: int) -> None:
    """Wherever "not found" was written, all of it ends after `briefly` seconds."""
    state = trial.state()
    if not state:
        raise Failed(
            '"not found" was not remembered in Redis: every request for it goes to the source, and there may be many, '
            "in many programs",
            Plain("something in Redis that says so"),
            Plain("no key"),
        )
    for entry in state.values():
        left = "no TTL" if entry.left is None else f"{entry.left / 1000:g} seconds"
        if entry.left is None or entry.left > 1000 * briefly:
            raise Failed(
                '"not found" is remembered too long: a fruit that arrives now stays invisible until then. It must be '
                "remembered briefly, for not_found_ttl",
                Plain(f"a TTL of {briefly} seconds"),
                Plain(left),
            )


def _expect_not_found_again(trial: Trial, args: Args, key: str, missing: Source) -> None:
    for name in trial.state():
        trial.redis.pexpire(name, 15_000)
    answer = trial.call(*args(key, missing))
    again = '"not found" was not remembered: every request for it goes to the source, and there may be many'
    trial.expect(again, 1, missing.calls)
    trial.expect("the remembered answer must still be None", None, answer)
    if any(entry.left is None or entry.left > 15_000 for entry in trial.state().values()):
        raise Failed(
            'a request gave "not found" a new TTL: as long as somebody asks, a fruit that has arrived stays invisible',
            Plain("the 15 seconds that were left"),
            Plain("more"),
            cure="A hit only reads. The TTL is set when the answer is stored, and never again.",
        )


def _expect_found_lives(trial: Trial, value: object, ttl: int) -> None:
    """Wherever it was written: it ends after `ttl` seconds, up to a tenth earlier."""
    why = "what was found lives for ttl seconds"
    if not value:
        why += f", and {value!r} was found: only None means not found"
    left = [entry.left for entry in trial.state().values()]
    if None in left:
        raise Failed(NO_TTL, Plain(f"a TTL of {ttl} seconds"), Plain("no TTL"))
    longest = max((number for number in left if number is not None), default=0)
    if not left:
        raise Failed(f"{why}, and nothing is in Redis", Plain(f"a TTL of {ttl} seconds"), Plain("no key"))
    if not 900 * ttl - 2_000 <= longest <= 1000 * ttl:
        raise Failed(
            why,
            Plain(f"a TTL of {ttl} seconds"),
            Plain(f"{longest / 1000:g} seconds"),
            cure="Compare with `is None`: 0, an empty text and False are values." if not value else None,
        )


FIND_FRUIT = Exercise(
    id="3.3",
    title="Remember what is not there",
    kind="change",
    question="""\
This code stores only what was found. So each read of a fruit that does not exist asks the source. Change the code:
"not found" is stored too, but only for `not_found_ttl` seconds. What was found lives for `ttl` seconds, as before.""",
    stub="""\
import json


def find_fruit(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    if value is not None:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value""",
    hints=(
        "What does `json.dumps(None)` give, and what does `json.loads` make of that?",
        "`None` becomes the text `null`, and that is not the same as no key. So it can be stored like any other value.",
        "Only the TTL is different: choose it with `if value is None:` and `else:`, and store once, below.",
    ),
    solution="""\
import json


def find_fruit(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    if value is None:
        seconds = not_found_ttl
    else:
        seconds = ttl
    redis_conn.set(key, json.dumps(value), ex=seconds)
    return value""",
    why='JSON has a word for nothing, null. So "not in the cache" (no key) and "not in the source" (null) stay apart. '
    "The short TTL limits how long nobody can see a fruit that has just arrived.",
    check=_check_find_fruit,
)

# 3.4


def _check_count_hits(trial: Trial) -> None:
    keys = [trial.key(f"fruit {number}") for number in range(8)]
    there: dict[str, object] = {
        keys[0]: Ends("312", 300),
        keys[2]: Ends("null", 20),
        keys[3]: Ends("[]", 300),
        keys[5]: Ends("0", 300),
        keys[6]: "480",  # never ends
        keys[7]: Ends("195", 300),
    }
    two = [keys[0], keys[7]]
    trial.put(there)
    both = trial.call(two)
    if type(both) is not int:
        raise Failed("return a whole number: how many reads are hits", 2, both)
    for why, asked, hits in (
        ("both keys of the list are there: look at each key, and return after the last one", two, 2),
        ("a read hits when its key is there, whatever the value is", keys[:6], 4),
        ("a key that is read twice hits twice", [keys[0], keys[1], keys[0], keys[1], keys[0]], 3),
        ("no key of the list is there: no hit", [keys[1], keys[4]], 0),
        ("a key without a TTL is there too: to read it is a hit", [keys[1], keys[6]], 1),
    ):
        trial.case(why, (asked,), there, returns=hits)
        trial.expect_state("counting changes nothing in Redis, and here something has changed", there)
    _expect_no_hits_of_no_reads(trial)
    trial.every_error((keys[:3],), before=lambda: trial.put(there))


def _expect_no_hits_of_no_reads(trial: Trial) -> None:
    outcome = trial.attempt([])
    if isinstance(outcome.error, redis.ResponseError):
        raise Failed(
            "the list may be empty: then the command has no key at all, and Redis refuses it",
            Plain("0"),
            Plain("an error of Redis"),
            cure="An empty list has no hits: answer without Redis.",
        )
    trial.case("no reads, no hits", ([],), returns=0)


COUNT_HITS = Exercise(
    id="3.4",
    title="How many would hit?",
    kind="write",
    question="""\
`keys` is a list of keys, one for each read. If these reads came now, how many would be hits? Return the number, and
change nothing in Redis. A key may be in the list twice: then both reads count. The list may be empty.""",
    stub="""\
def count_hits(redis_conn, keys):
    # your code here
    ...""",
    hints=(
        "A read is a hit when its key is there. Which command of lesson 01 says that?",
        "Begin with `hits = 0`, go through the keys with `for`, and add one for each key that `exists`.",
    ),
    solution="""\
def count_hits(redis_conn, keys):
    hits = 0
    for key in keys:
        if redis_conn.exists(key):
            hits = hits + 1
    return hits""",
    why="EXISTS asks whether the key is there, and the value does not matter. (EXISTS takes several keys at once and "
    "counts a doubled one twice, but it refuses an empty list.)",
    check=_check_count_hits,
)

EXERCISES = (LOOK_IN_CACHE, READ_THROUGH, FIND_FRUIT, COUNT_HITS)

QUIZ = (
    Question(
        "A page shows the weather of small towns. The weather service needs 200 ms, a round trip to Redis 1 ms. A copy "
        "lives for ten minutes, and each town is asked for about once a day. What does the cache do?",
        (
            ("Most reads take about 1 ms", "Only hits do. When the next reader comes, the copy is long gone."),
            (
                "Most reads take a little longer than before",
                "Nearly every read is a miss: it looks, asks the service, and stores a copy that nobody will read.",
            ),
            ("About half of the reads become faster", "A read hits when another one came in the ten minutes before."),
        ),
        answer="b",
    ),
    Question(
        "A colleague writes `if cached: value = json.loads(cached)` and then `if value: return value`. Otherwise the "
        "source is asked. Which answer is never taken from the cache?",
        (
            ("the price 312", "312 counts as true, so it is returned."),
            ('the name "uva"', "A text with letters in it counts as true, so it is returned."),
            ("a stock of 0 boxes", "0 counts as false, so the source is asked each time. Ask `is None` of the text."),
        ),
        answer="c",
    ),
    Question(
        "Redis moves to another city: a round trip takes 20 ms. The source stays beside your program, and needs 5 ms. "
        "How many hits of ten reads are enough to make the cache pay?",
        (
            ("ten of ten are not enough", "A hit takes 20 ms, and the source 5. Each hit loses 15 ms."),
            ("three or more of ten", "Then hits would have to be faster than the source, and they are slower."),
            ("all ten of them", "Ten hits take 200 ms. The source alone needs 50 ms."),
        ),
        answer="a",
    ),
    Question(
        'A log-in page asks through a cache: is the name anna taken? "Nobody has it" is stored for an hour, like every '
        "answer. Now somebody takes the name. What does the page tell the next person?",
        (
            ("an error, because two answers disagree", "The page reads one answer only, the stored one."),
            ("the name is taken", "The source knows it. But the page does not ask the source."),
            ("the name is free, for up to an hour", 'So "not found" needs a TTL of its own, a short one.'),
        ),
        answer="c",
    ),
    Question(
        "A report takes three seconds. The call is `read_through(redis_conn, key, make_report(), 600)`. The key is in "
        "Redis, and each call still takes three seconds, without an error. Why?",
        (
            ("A hit takes as long as the source", "A hit is one round trip, whatever the source needs."),
            (
                "The report is made before Redis is asked",
                "The parentheses call it at once. Hand on the function itself: make_report.",
            ),
            ("The TTL is too short for a report", "The key is there. A longer TTL changes nothing here."),
        ),
        answer="b",
    ),
)
