"""Lesson 07: stale copies, save then delete, a copy's clock, jitter, and a version for many keys."""

import contextlib
import functools
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from unittest import mock

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.exercises.wire import apart
from redis_helpers.course.lessons.cache_checks import (
    NO_TTL,
    Source,
    expect_error_of_save,
    expect_json,
    expect_never_immortal,
    expect_same,
    some_fruit,
    some_values,
    told_that_it_ended,
    written_as_text,
)
from redis_helpers.course.lessons.common_checks import BUSY

# 7.1

NOT_ASKED = "there is a copy, and your function did not ask the source: call load(), with its brackets"


def _expect_returned(answer: object, expected: object) -> None:
    """A function that prints its answer, or forgets it, returns None."""
    if answer is None:
        raise Failed("your function returned nothing: `return` hands the answer to the caller", expected, None)


def _check_is_stale(trial: Trial) -> None:
    key = trial.key('fruit [*] "ü"?')
    price, other = trial.number(100, 400), trial.number(401, 900)
    for copy, source in ((price, price), (price, other), (0, 0), (0, price), (price, 0)):
        there = {key: Ends(str(copy), 300)}
        why = "the copy says another price than the source: it is stale"
        if copy == source:
            why = (
                "the copy says what the source says: it is fresh. Redis gives the copy back as text, and the source "
                "gives a number"
            )
        asked = Source(source)
        answer = trial.case(why, (key, asked.load), before=there)
        _expect_returned(answer, copy != source)
        trial.expect(NOT_ASKED, 1, min(asked.calls, 1))
        trial.expect(why, copy != source, answer)
        trial.expect_state("your function is only to look, and it changed something", there)
    trial.case("there is no copy: then nothing is stale", (key, Source(price).load), before={}, returns=False, after={})
    with told_that_it_ended():
        trial.every_gap(
            "the copy ended between two of your commands, and the answer is wrong",
            (key, Source(other).load),
            before=lambda: trial.put({key: Ends(str(price), 60)}),
            rivals={"the copy ends": lambda: trial.redis.delete(key)},
        )
    trial.every_error((key, Source(other).load), before=lambda: trial.put({key: Ends(str(price), 60)}))


IS_STALE = Exercise(
    id="7.1",
    title="Is it stale?",
    kind="write",
    question="""\
Write `is_stale(redis_conn, key, load)`. Under `key` there may be a copy of a price, and `load()` gives the price that
the source says, a whole number. Return `True` if there is a copy, and it says another price than the source. Otherwise
return `False`. The copy can end at any moment, also between two of your commands.""",
    stub="""\
def is_stale(redis_conn, key, load):
    # your code here
    ...""",
    hints=(
        "`GET` gives the copy, or `None`. No copy is not stale.",
        "Redis answers with text, and `load()` with a number: make a number of the text with `int` before you compare.",
    ),
    solution="""\
def is_stale(redis_conn, key, load):
    cached = redis_conn.get(key)
    if cached is None:
        return False
    return int(cached) != load()""",
    why="the cache alone cannot know this: the function has to ask the source. So no program does it at each read, but "
    "a test, or a small program that looks at a few keys each minute, can.",
    check=_check_is_stale,
)

# 7.2


def _check_set_price(trial: Trial) -> None:
    key = trial.key("fruit")
    old = trial.number(300, 400)
    market: dict[str, object] = {}
    saved: list[object] = []
    gone_too_early: list[bool] = []

    def a_reader_comes() -> None:
        """Cache-aside, as in lesson 03."""
        gone_too_early.append(not trial.redis.exists(key))
        trial.redis.set(key, json.dumps(market["price"]), ex=300, nx=True)

    def save(price: object) -> None:
        """Writes to the source. Just before, a reader misses and caches the price that still counts."""
        apart(a_reader_comes)()
        saved.append(price)
        market["price"] = price

    def begin(cached: bool = True) -> None:
        market["price"] = old
        saved.clear()
        gone_too_early.clear()
        trial.put({key: Ends(str(old), 300)} if cached else {})

    for cached, price in ((True, trial.number(200, 299)), (False, trial.number(401, 900)), (True, 0)):
        key = key if price else trial.key('fruit [*] "ü"?')
        begin(cached)
        trial.call(key, save, price)
        if not saved:
            raise Failed("the source must hold the new price, and was not told", Plain(f"save({price})"), None)
        expect_same("the source was told another price, or one of another type: hand on what you got", price, saved[0])
        trial.expect("the source was told more than once: call save(price) once", 1, len(saved))
        _expect_forgotten(trial, key, price, cached and gone_too_early[0])
        trial.expect_state("the key must be gone", {})

    price = trial.number(401, 900)
    trial.every_gap(
        "a reader came between two of your steps, and the old price is cached again",
        (key, save, price),
        before=begin,
        rivals={"a reader comes": a_reader_comes},
        view=lambda: trial.redis.get(key) in (None, str(market["price"])),
    )
    for error in (OSError("the market's database is full"), redis.ConnectionError("the source is gone")):
        expect_error_of_save(trial, (key,), error, begin)
    trial.every_error((key, save, price), begin, f"{KEPT} the old price stays in the cache, and nobody knows")


KEPT = "Redis answered with an error, and your function kept it to itself:"


def _expect_forgotten(trial: Trial, key: str, price: object, gone_too_early: bool) -> None:
    left = trial.redis.get(key)
    if left is None:
        return
    if left == str(price):
        raise Failed(
            "the new price was written into the cache. Two writers that overtake each other leave the older one there",
            Plain("no such key"),
            left,
            cure="Delete the key. The next reader loads what the source says.",
        )
    why = "the old price is still cached, and customers pay it: no reader may find anything there after your function"
    if gone_too_early:
        why = (
            "the old price is still cached, and customers pay it: between your two steps a reader came, found no key, "
            "loaded the price that still counted, and stored it again"
        )
    elif left == "":
        why = "an empty text is cached now, and the next reader takes that for the price: it must find no key"
    raise Failed(why, Plain("no such key"), left, cure="Delete the key, and only after save(price).")


SET_PRICE = Exercise(
    id="7.2",
    title="A price changes",
    kind="write",
    question="""\
Write `set_price(redis_conn, key, save, price)`. `save(price)` writes the new price to the source. Under `key` there may
be a copy of the old one. When your function ends, there is no copy. Readers may come at any moment, also between your
two steps. If a step fails, do not catch the error: the caller must learn of it.""",
    stub="""\
def set_price(redis_conn, key, save, price):
    # your code here
    ...""",
    hints=(
        "Two steps: the source, and the cache. The copy is not corrected, it is deleted.",
        "Suppose you delete the key first. A reader comes before save(price), misses, loads the old price and stores "
        "it. And now?",
        "First `save(price)`, then delete the key.",
    ),
    solution="""\
def set_price(redis_conn, key, save, price):
    save(price)
    redis_conn.delete(key)""",
    why="the source says what is true, so it changes first. The next reader finds no copy, and loads the new price. A "
    "reader that is late can still store an old one: the lesson comes to it. The TTL ends what is left.",
    check=_check_set_price,
)

# 7.3


def _check_correct_stock(trial: Trial) -> None:
    key = trial.key('record [*] "ü"?')
    price, stock = str(trial.number(100, 900)), trial.number(10, 90)
    old, new = {"price": price, "stock": "99"}, {"price": price, "stock": str(stock)}
    for seconds in (300, 20, 900, 30.9):  # a TTL in whole seconds would be 31
        trial.case(
            "the record is there: change the stock, and return True",
            (key, stock),
            before={key: Ends(old, seconds)},
            returns=True,
        )
        _expect_same_clock(trial, key, seconds)
        trial.expect_state("only the stock may change", {key: Ends(new, seconds, late=BUSY)})
    sold_out = {"price": price, "stock": "0"}
    trial.case("the last box is sold", (key, 0), {key: Ends(old, 300)}, True, {key: Ends(sold_out, 300, late=BUSY)})
    trial.case(
        "the record is as it was already: it is there, so return True",
        (key, 99),
        {key: Ends(old, 300)},
        True,
        {key: Ends(old, 300, late=BUSY)},
    )
    nothing = "nothing may be made then. A record without a price, and without a TTL, helps nobody"
    trial.case("the record has ended: return False", (key, stock), before={}, returns=False)
    if trial.state():
        raise Failed(
            f"the record had ended: {nothing}", Plain("no such key"), Plain(str(next(iter(trial.state().values()))))
        )
    trial.every_gap(
        f"the record ended between two of your commands: {nothing}",
        (key, stock),
        before=lambda: trial.put({key: Ends(old, 60)}),
        rivals={"the record ends": lambda: trial.redis.delete(key)},
    )
    trial.every_gap(
        "the record is there, and another program only changed its price: change the stock, and return True",
        (key, stock),
        before=lambda: trial.put({key: Ends(old, 60)}),
        rivals={"another program changes the price": lambda: trial.redis.hset(key, "price", "1")},
    )
    trial.every_cut(
        "half of the work is done", (key, stock), before=lambda: trial.put({key: Ends(old, 60)}), allowed=_still_ends
    )
    trial.every_error((key, stock), before=lambda: trial.put({key: Ends(old, 60)}))


def _still_ends(view: object) -> bool:
    return isinstance(view, dict) and all(ends for _, ends in view.values())


def _expect_same_clock(trial: Trial, key: str, seconds: float) -> None:
    found = trial.state().get(key)
    if found is None:
        return
    if found.left is None:
        raise Failed(
            "the record has no TTL any more: its price stays for ever", Plain(f"{seconds} s left"), Plain("no TTL")
        )
    if found.left < 1000 * (seconds - 1) - 1000 * trial.took():
        raise Failed(
            "the record got a shorter TTL: a sale may not change it",
            Plain(f"the {seconds} seconds that were left"),
            Plain(f"{found.left / 1000:g} seconds"),
            cure="Write the field, and do not touch the TTL.",
        )
    if found.left > 1000 * seconds:
        raise Failed(
            "the record got a new TTL: each sale starts its clock again, and as long as sales come, an old price never "
            "ends",
            Plain(f"the {seconds} seconds that were left"),
            Plain(f"{found.left / 1000:g} seconds"),
            cure="Write the field, and do not touch the TTL.",
        )


CORRECT_STOCK = Exercise(
    id="7.3",
    title="The stock changes, the clock runs on",
    kind="change",
    question="""\
`correct_stock` changes the field `stock` of a record with a script, as in lesson 06. If the record has ended, it makes
no new one, and returns `False`. That part is right. But each sale gives the record a new TTL. Change the code: a sale
does not touch the TTL.""",
    stub="""\
def correct_stock(redis_conn, key, stock):
    script = \"\"\"
    if redis.call('EXISTS', KEYS[1]) == 0 then  -- the record has ended
      return 0
    end
    redis.call('HSET', KEYS[1], 'stock', ARGV[1])
    redis.call('EXPIRE', KEYS[1], 600)
    return 1
    \"\"\"
    return redis_conn.eval(script, 1, key, stock) == 1""",
    hints=(
        "Which line of the script touches the TTL?",
        "`HSET` keeps the TTL of the key. So nothing has to be put in place of that line.",
    ),
    solution="""\
def correct_stock(redis_conn, key, stock):
    script = \"\"\"
    if redis.call('EXISTS', KEYS[1]) == 0 then  -- the record has ended
      return 0
    end
    redis.call('HSET', KEYS[1], 'stock', ARGV[1])
    return 1
    \"\"\"
    return redis_conn.eval(script, 1, key, stock) == 1""",
    why="the TTL says how old the oldest field may become. Whoever has seen one field knows nothing of the others.",
    check=_check_correct_stock,
)

# 7.4


@written_as_text
def _check_store_with_jitter(trial: Trial) -> None:
    key, other = trial.key('fruit [*] "ü"?'), trial.key("another")
    for number, value in enumerate((*some_values(trial), None)):
        ttl = 5 * trial.number(40, 80)
        before = {key: Ends("old", 20), other: "not in question"} if number else {}
        trial.put(before)
        trial.call(key, value, ttl)
        if trial.redis.get(key) == "old":
            raise Failed("the key still holds the text that was there before: readers get the old value", value, "old")
        expect_json(trial, key, value)
        if trial.redis.ttl(key) == -1:
            raise Failed(NO_TTL, Plain(f"a TTL of {ttl} to {1.2 * ttl:g} seconds"), Plain("no TTL"))
        trial.expect_state("what else is there must stay as it is", before | {key: _as_it_is(trial, key)})

    for ttl in (5 * trial.number(50, 80), 5 * trial.number(300, 500)):
        trial.put({})
        value = trial.number(2, 900)
        _expect_within(_ttls(trial, key, value, ttl, 20), ttl)
        ttls = _ttls(trial, key, value, ttl, 250)
        _expect_within(ttls, ttl)
        _expect_jitter(ttls, ttl)
    for rarely in (-9, 9):
        with _a_rare_draw(rarely):
            _expect_within(_ttls(trial, key, value, ttl, 1), ttl)
    expect_never_immortal(trial, lambda key, source: (key, source.value, 300), key, some_fruit(trial))
    not_stored = f"{KEPT} its caller believes that the value is stored"
    trial.every_error((key, some_fruit(trial), 300), lambda: trial.put({}), not_stored)


def _as_it_is(trial: Trial, key: str) -> Ends:
    found = trial.state()[key]
    return Ends(found.value, (found.left or 0) / 1000, late=BUSY)


def _ttls(trial: Trial, key: str, value: object, ttl: int, times: int) -> list[tuple[float, float]]:
    """Calls the learner's function so many times with the same arguments. Returns, for each call, between which two
    numbers of seconds its TTL lies: the clock runs while we look."""
    seen = []
    function = trial._function

    @functools.wraps(function)
    def again_and_again(redis_conn: redis.Redis, *args: object) -> None:
        for _ in range(times):
            begin = time.monotonic()
            function(redis_conn, *args)
            left = int(redis_conn.pttl(key)) / 1000
            took = time.monotonic() - begin
            if took < BUSY:
                seen.append((left - 0.01, left + took + 0.01))

    trial._function = again_and_again
    try:
        trial.call(key, value, ttl)
    finally:
        trial._function = function
    return seen


@contextlib.contextmanager
def _a_rare_draw(deviations: int) -> Iterator[None]:
    """The bell curve has no ends. The next number drawn from it is one that comes once in 10^19 times."""
    to_come = [deviations]

    def far_out(drawn: Callable[..., float], mu: float = 0.0, sigma: float = 1.0) -> float:
        return mu + sigma * to_come.pop() if to_come else drawn(mu, sigma)

    with (
        mock.patch("random.gauss", functools.partial(far_out, random.gauss)),
        mock.patch("random.normalvariate", functools.partial(far_out, random.normalvariate)),
    ):
        yield


TOGETHER = "entries that were stored together also expire almost together, and all readers go to the source at once"


def _expect_within(ttls: list[tuple[float, float]], ttl: int) -> None:
    """None outside of the window, and not always the same."""
    shown = Plain(f"TTLs from {ttl} to {1.2 * ttl:g} seconds")
    outside = [most for least, most in ttls if most < ttl or least > 1.2 * ttl]
    if outside:
        raise Failed(
            "the TTL must lie between ttl and 1.2 times ttl, each time: below, the source works too often, above, a "
            "price is older than anybody allowed",
            shown,
            Plain(f"{outside[0]:.1f} seconds"),
        )
    if len(ttls) > 2 and max(least for least, _ in ttls) <= min(most for _, most in ttls):
        raise Failed(
            f"{TOGETHER}: the TTL was the same at each call with these arguments. Each call must choose a new one",
            shown,
            Plain(f"{ttls[0][1]:.1f} seconds, {len(ttls)} times"),
        )


def _expect_jitter(ttls: list[tuple[float, float]], ttl: int) -> None:
    """All of the window is used, and nobody can tell the next TTL.

    In a million runs, a right answer fails less than once, also one that draws from a triangle instead of evenly.
    """
    window = 0.2 * ttl
    shown = Plain(f"TTLs from {ttl} to {ttl + window:g} seconds")
    seconds = [round(most) for _, most in ttls]
    least, most = min(seconds), max(seconds)
    if least > ttl + 0.2 * window or most < ttl + 0.8 * window:
        raise Failed(
            f"{TOGETHER}: a part of the window is never used", shown, Plain(f"all between {least} and {most} seconds")
        )
    ((usual, times),) = Counter(seconds).most_common(1)
    if times > 0.2 * len(seconds):
        raise Failed(
            f"{TOGETHER}: one TTL comes much more often than the others",
            shown,
            Plain(f"{usual} seconds, in {times} of {len(seconds)} calls"),
        )
    steps = Counter(round(after - before) for (_, before), (_, after) in itertools.pairwise(ttls))
    ((step, times),) = steps.most_common(1)
    if times > 0.3 * len(seconds):
        raise Failed(
            "each TTL follows from the one before: that is not random, and programs that start together go on together",
            Plain("a TTL that is chosen at random"),
            Plain(f"a step of {step} s from one to the next, in {times} of {len(seconds)} calls"),
        )


STORE_WITH_JITTER = Exercise(
    id="7.4",
    title="Not all at once",
    kind="write",
    question="""\
Write `store_with_jitter(redis_conn, key, value, ttl)`. It stores `value` as JSON, with a TTL that is chosen at random
between `ttl` and `1.2 * ttl` seconds. Each call chooses a new one, also for the same key. The market allows a price
that is `1.2 * ttl` seconds old, and not a second older.""",
    stub="""\
import json
import random


def store_with_jitter(redis_conn, key, value, ttl):
    # your code here
    ...""",
    hints=(
        "`random.uniform(a, b)` gives any number between two others, `random.randint(a, b)` a whole one.",
        "`EX` takes whole seconds only, and `PX` whole milliseconds: `round` makes a whole number of any other.",
    ),
    solution="""\
import json
import random


def store_with_jitter(redis_conn, key, value, ttl):
    seconds = random.uniform(ttl, 1.2 * ttl)
    redis_conn.set(key, json.dumps(value), px=round(1000 * seconds))""",
    why="the ends are spread over the window, and so is the work of the source. The upper end of the window is the "
    "promise of how old a price may be, and no TTL is longer. With milliseconds (PX) short TTLs spread as well. "
    "Whole seconds (EX) are as right here.",
    check=_check_store_with_jitter,
)

# 7.5

KEY_PARTS = "the key is the prefix, a v, the version that stands in Redis now, a colon and the name, in this order"


def _check_key_now(trial: Trial) -> None:
    prefix, name = trial.key('prices [*] "ü":'), trial.word()
    version = prefix + "version"
    for number in (trial.number(2, 9), trial.number(1000, 9000)):
        answer = trial.case(KEY_PARTS, (prefix, name), before={version: number})
        _expect_returned(answer, f"{prefix}v{number}:{name}")
        trial.expect_state("your function is only to look, and it changed the version", {version: str(number)})
        trial.expect(KEY_PARTS, f"{prefix}v{number}:{name}", answer)
    nothing = "there is no version yet: take 0, and store nothing"
    trial.case(nothing, (prefix, name), before={}, returns=f"{prefix}v0:{name}", after={})
    trial.case(
        "the version is 0, which is a version like any other",
        (prefix, name),
        before={version: 0},
        returns=f"{prefix}v0:{name}",
    )
    with told_that_it_ended():
        trial.every_gap(
            "the version was deleted between two of your commands, and the key has neither version",
            (prefix, name),
            before=lambda: trial.put({version: 7}),
            rivals={"the version is deleted": lambda: trial.redis.delete(version)},
        )
    trial.every_error((prefix, name), before=lambda: trial.put({version: 7}))


KEY_NOW = Exercise(
    id="7.5",
    title="A key with a version",
    kind="write",
    question="""\
Write `key_now(redis_conn, prefix, name)`. `prefix` ends with a colon, such as `shop:`. The version stands under
`shop:version`. If it is `7`, the key for `banana` is `shop:v7:banana`. If there is no version yet, take `0`. Return the
key, and change nothing in Redis.""",
    stub="""\
def key_now(redis_conn, prefix, name):
    # your code here
    ...""",
    hints=(
        '`redis_conn.get(prefix + "version")` gives the version as text, or `None`.',
        'An f-string puts the parts together: `f"{prefix}v{version}:{name}"`.',
    ),
    solution="""\
def key_now(redis_conn, prefix, name):
    version = redis_conn.get(prefix + "version")
    if version is None:
        version = 0
    return f"{prefix}v{version}:{name}\"""",
    why="the name of the key holds the version. So one INCR is enough, and no reader looks at an old copy again.",
    check=_check_key_now,
)

EXERCISES = (IS_STALE, SET_PRICE, CORRECT_STOCK, STORE_WITH_JITTER, KEY_NOW)

QUIZ = (
    Question(
        "A user changes her e-mail address. The program changes the row, deletes the copy in Redis, and commits half a "
        "second later. Sometimes the copy says the old address for an hour. Which change helps most?",
        (
            ("Delete the copy twice before the commit", "Until the commit, each reader still loads the old row."),
            (
                "Store the new address in place of the delete",
                "If the commit fails, the copy holds an address that the database never had.",
            ),
            (
                "Commit first, and delete the copy after it",
                "Readers see the new row from the commit on, so who misses after the delete loads the new address.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A weather station promises: no temperature on the page is older than 300 seconds. Each copy gets a TTL "
        "that is chosen at random. From where to where?",
        (
            ("from 250 to 300 seconds", "Spread, and no TTL is longer than what was promised."),
            ("from 300 to 360 seconds", "A copy may live for 360 seconds: the promise is broken."),
            ("from 270 to 330 seconds", "The average keeps the promise, and half of the copies break it."),
        ),
        answer="a",
    ),
    Question(
        "A log-in page keeps a copy of each user's row, as a hash for one hour. At each log-in, the program sets the "
        "field last_seen, and calls EXPIRE with one hour. A user logs in every ten minutes. Her address changed in the "
        "database yesterday. Nobody deleted the copy. What does it say?",
        (
            ("The new address: the hour ended long ago", "The hour began anew at each log-in. It never ended."),
            ("The old address", "Each log-in gave the whole hash a new hour, and with it the old address."),
            ("No address: HSET replaced the hash", "HSET changes one field, and no other one."),
        ),
        answer="b",
    ),
    Question(
        "A program saves a new opening time in the database. Then it is killed, before its DEL reaches Redis. Copies "
        "live for 120 seconds. What do readers get?",
        (
            ("The new time at once", "The cache knows nothing of the database: the copy is still there."),
            ("An error, until the program starts again", "A hit asks neither the database nor the program."),
            ("The old time, for at most 120 seconds", "Nobody deletes the copy now, and so its TTL ends it."),
        ),
        answer="c",
    ),
    Question(
        "A shop changes one price every second, and it has 40,000 copies with one version for all of them. At each "
        "change it adds one to the version. What happens?",
        (
            (
                "Hardly any hits are left",
                "Each change makes all copies unreachable. A version is for changes that concern all keys.",
            ),
            ("Old prices come back", "A version that only grows never leads back to an old copy."),
            ("INCR deletes 40,000 keys each second", "It deletes none. They end with their TTL."),
        ),
        answer="a",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="set-predict",
        text=(
            "Writer A saves 299. Writer B saves 305, and stores 305 in the cache. Writer A was slow: only now it "
            "stores 299. What do they say in the end? (Here a dictionary plays the database.)"
        ),
        code="""\
banana = "cell-by-cell:review:price:banana"
database = {"banana": 312}
database["banana"] = 299  # writer A saves
database["banana"] = 305  # writer B saves
redis_conn.set(banana, 305, ex=600)  # writer B stores
redis_conn.set(banana, 299, ex=600)  # writer A stores, late
print("database", database["banana"], "copy", redis_conn.get(banana))""",
        options=(
            ("the database 305, the copy 299", "database 305 copy 299"),
            ("both 305", "database 305 copy 305"),
            ("both 299", "database 299 copy 299"),
        ),
        answer="a",
        why=(
            "The database keeps the price that was saved last. The cache keeps the price that was stored last. These "
            "can be the prices of two different writers. With two deletes the order does not matter: the copy is gone."
        ),
    ),
    Prediction(
        cell="order-predict",
        text=(
            "The writer deletes the copy. A reader comes. Then the writer saves 299. What does the copy say in the "
            "end? (Here a dictionary plays the database.)"
        ),
        code="""\
banana = "cell-by-cell:review:price:banana"
database = {"banana": 312}
redis_conn.set(banana, 312, ex=600)
redis_conn.delete(banana)  # the writer deletes
if redis_conn.get(banana) is None:  # a reader comes
    redis_conn.set(banana, database["banana"], ex=600)
database["banana"] = 299  # the writer saves
print("the copy says", redis_conn.get(banana))""",
        options=(
            ("nothing: it was deleted", "the copy says None"),
            ("299, the new price", "the copy says 299"),
            ("312, the old price", "the copy says 312"),
        ),
        answer="c",
        why=(
            "The reader found nothing, loaded the price that was still true, and stored it. Nobody deletes this copy "
            "any more."
        ),
    ),
)
