"""Lesson 33: what keys cost, a server that is full, a counter that was evicted, and the biggest key."""

import contextlib
from collections.abc import Iterator

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.common_checks import (
    cures,
    or_raised,
    scan_as_it_may_be,
)

# 33.1

WRONG_SUM = "what the keys take was not added up as MEMORY USAGE counts it: the bill of the shop is wrong"
GONE_COUNTS = "there is no such key: it takes no memory, and counts as 0 bytes"
ONLY_LOOK = "asking what keys cost must change nothing"
GONE_MEANWHILE = "a key ended between two of your commands, and the sum is wrong for both moments"


@contextlib.contextmanager
def _none_is_no_number(why: str) -> Iterator[None]:
    """Whoever calculates with the None of a key that has just ended gets a sentence on that, and not on types."""
    try:
        yield
    except Crashed as crash:
        if not isinstance(crash.error, TypeError):
            raise
        raise Failed(why, story=crash.story) from None


def _check_bytes_of(trial: Trial) -> None:
    short, long, names = trial.key("price"), trial.key("page"), trial.key("fields")
    gone = trial.key("gone")
    keys = {
        short: Ends(str(trial.number(100, 999)), 300),
        long: "ü" * trial.number(3000, 5000),
        names: {"banana": "312", trial.word(): "195"},
    }
    with cures(
        {
            WRONG_SUM: "`redis_conn.memory_usage(name)` answers with the bytes of one key. Add them up in a loop.",
            GONE_COUNTS: "For a name without a key, memory_usage answers None. Add nothing then.",
            GONE_MEANWHILE: "Ask once for each name, and look whether the answer is None.",
        }
    ):
        for asked in ([short, long, names], [long], [names, short], []):
            trial.put(keys)
            total = sum(trial.redis.memory_usage(key) for key in asked)
            trial.expect(WRONG_SUM, total, trial.call(asked))
            trial.expect_state(ONLY_LOOK, keys)
        for asked in ([gone], [gone, short], [short, gone, long]):
            trial.put(keys)
            total = sum(trial.redis.memory_usage(key) for key in asked if key != gone)
            with _none_is_no_number(GONE_COUNTS):
                answer = trial.call(asked)
            trial.expect(GONE_COUNTS, total, answer)
            trial.expect_state(ONLY_LOOK, keys)
        with _none_is_no_number(GONE_MEANWHILE):
            trial.every_gap(
                or_raised(GONE_MEANWHILE),
                ([short, long],),
                before=lambda: trial.put({short: "312", long: "x" * 900}),
                rivals={"the page ends": lambda: trial.redis.delete(long)},
            )
        trial.every_error(([short, long],), before=lambda: trial.put(keys))


BYTES_OF = Exercise(
    id="33.1",
    title="The bill for the memory",
    kind="write",
    question="""\
Write `bytes_of`. `names` is a list of keys. It returns how many bytes they take together, as `MEMORY USAGE` counts
them. A name without a key counts as 0. (What does `memory_usage` return for such a name? Try it in a cell of your
own.)""",
    stub="""\
def bytes_of(redis_conn, names):
    # your code here
    ...""",
    hints=(
        "Begin with 0, and add the bytes of each name in a loop.",
        "`redis_conn.memory_usage(name)` gives a number, or `None` when there is no such key.",
    ),
    solution="""\
def bytes_of(redis_conn, names):
    total = 0
    for name in names:
        size = redis_conn.memory_usage(name)
        if size is not None:
            total = total + size
    return total""",
    why="it asks once for each key. A key may end at any moment, so each answer may be None.",
    check=_check_bytes_of,
)

# 33.2

NOT_KEPT = "there was room, and the next reader does not find the page for so many seconds"
TOLD_KEPT = "there was room, and the page was kept: return True"
FULL_RAISED = (
    "Redis was full, and your function let its error through: the customer sees an error, although the page was ready"
)
FULL_TOLD = "Redis was full, and nothing was kept: return False, so that somebody can count how often this happens"
OTHER_SWALLOWED = (
    "it was another error, and your function kept it to itself: nobody learns of it, and the page is never cached again"
)
NO_TTL = 10**16  # SET and EXPIRE both refuse so many seconds
HALF_KEPT = "a page is left that never ends, and takes its memory for ever"


def _check_keep_page(trial: Trial) -> None:
    key, ttl = trial.key("page"), trial.number(40, 900)
    html = f"<p>maçã {trial.word()} 'Gala'</p>"
    args = (key, html, ttl)
    with cures(
        {
            NOT_KEPT: "`set` with `ex=ttl`.",
            FULL_RAISED: "Catch `redis.OutOfMemoryError` around the `set`, and return False there.",
            OTHER_SWALLOWED: "Catch `redis.OutOfMemoryError` only. A lost connection or a wrong TTL is no full server.",
            HALF_KEPT: "Value and TTL in one command: `ex=ttl`.",
        }
    ):
        for before in ({}, {key: "an older page"}, {key: Ends("an older page", 5000)}, {key: ["a", "list"]}):
            for text in (html, "", "x" * 20_000):
                trial.put(before)
                answer = trial.call(key, text, ttl)
                trial.expect_state(NOT_KEPT, {key: Ends(text, ttl)})
                trial.expect(TOLD_KEPT, True, answer)
        for before in ({}, {key: Ends("an older page", 5000)}):
            trial.put(before)
            outcome = trial.attempt(*args, full=True)
            if outcome.error is not None:
                raise Failed(FULL_RAISED, False, Plain(f"{type(outcome.error).__name__}: {outcome.error}"))
            trial.expect(FULL_TOLD, False, outcome.value)
            if trial.redis.exists(key):  # an outdated copy may be deleted
                trial.expect_state("Redis was full, and the older page was changed", before)
        trial.every_cut(HALF_KEPT, args, before=lambda: trial.put({}))
        _expect_other_errors(trial, args)


def _expect_other_errors(trial: Trial, args: tuple) -> None:
    """The connection dies, or Redis finds the command wrong: that is not a full server."""
    key, html, _ = args
    for faults in ({"cut_after": 0}, {"lost_reply": 1}):
        trial.put({})
        outcome = trial.attempt(*args, **faults)
        if outcome.error is None:
            raise Failed(OTHER_SWALLOWED, Plain("the ConnectionError"), Plain(f"the answer {outcome.value!r}"))
    trial.put({})
    outcome = trial.attempt(key, html, NO_TTL)
    if outcome.error is None:
        raise Failed(
            OTHER_SWALLOWED, Plain("the error of Redis: invalid expire time"), Plain(f"the answer {outcome.value!r}")
        )


KEEP_PAGE = Exercise(
    id="33.2",
    title="A full cache is no reason to fail",
    kind="write",
    question="""\
The page is ready, and `keep_page` is to keep it in the cache. It stores `page` for `ttl` seconds, and returns `True`.
If Redis is full, it raises nothing and returns `False`: the customer gets the page in any case. Every **other** error
comes through, so that somebody learns of it.""",
    stub="""\
import redis


def keep_page(redis_conn, key, page, ttl):
    # your code here
    ...""",
    hints=(
        "`try:` the `set`, with its TTL. Which error class does a full Redis give?",
        "`except redis.OutOfMemoryError:`, and return `False` there. A wider class would hide other problems.",
    ),
    solution="""\
import redis


def keep_page(redis_conn, key, page, ttl):
    try:
        redis_conn.set(key, page, ex=ttl)
    except redis.OutOfMemoryError:
        return False
    return True""",
    why="a copy that is not kept costs one more question to the database, and nothing else. A counter or a session "
    "that is not kept is another matter: there the error must come through.",
    check=_check_keep_page,
)

# 33.3

NOT_NEXT = "the counter is there: count one higher, and return the new number, so that each holder gets a higher one"
COUNTER_WRONG = "the counter is there, and it does not stand one higher now"
BORN_AGAIN = (
    "the counter was lost, and your function began a new one: its numbers are lower than those of late writers, and "
    "the table refuses everybody else"
)
LOST_TOLD = "the counter was lost: return None, so that somebody sets it right"
EVICTED_BETWEEN = (
    "between two of your commands the counter was evicted, or somebody else took a number: what came out is not what "
    "one after the other would have given"
)


def _check_next_number(trial: Trial) -> None:
    counter = trial.key("fence [uva]*")
    with cures(
        {
            NOT_NEXT: "INCR answers with the new number.",
            COUNTER_WRONG: "INCR, once.",
            BORN_AGAIN: "Look with EXISTS, and count only if the key is there.",
            LOST_TOLD: "In Lua, `return false` gives None in Python.",
            EVICTED_BETWEEN: "The look and the INCR belong in one script, as in lesson 06: there nobody comes in "
            "between. With WATCH: look again after a WatchError.",
        }
    ):
        for counted in (0, 1, 9, trial.number(11, 99), 3_000_000_000):
            trial.put({counter: str(counted)})
            answer = trial.call(counter)
            trial.expect_state(COUNTER_WRONG, {counter: str(counted + 1)})
            trial.expect(NOT_NEXT, counted + 1, answer)
        trial.put({})
        answer = trial.call(counter)
        trial.expect_state(BORN_AGAIN, {counter: None})
        trial.expect(LOST_TOLD, None, answer)

        def at_41() -> None:
            trial.put({counter: "41"})

        trial.every_gap(
            or_raised(EVICTED_BETWEEN),
            (counter,),
            before=at_41,
            rivals={
                "Redis evicts the counter": lambda: trial.redis.delete(counter),
                "B takes a number": lambda: trial.redis.incr(counter),
            },
        )
        callers = {"A": (counter,), "B": (counter,)}
        trial.orders(or_raised(EVICTED_BETWEEN), callers, before=at_41)
        trial.orders(or_raised(EVICTED_BETWEEN), callers, before=lambda: trial.put({}))
        trial.every_cut("a number is half counted", (counter,), before=at_41)
        trial.every_error((counter,), before=at_41)


NEXT_NUMBER = Exercise(
    id="33.3",
    title="A lost counter does not begin anew",
    kind="write",
    question="""\
Write `next_number`. It counts one higher at the key `counter`, and returns the new number. But when there is **no**
such key, it makes none, and returns `None`: then the counter was lost, and somebody must set it above all old numbers.
The counter can be evicted at any moment, and several holders ask at once.""",
    stub="""\
def next_number(redis_conn, counter):
    # your code here
    ...""",
    hints=(
        "Look, and then count: as two commands, the counter can be evicted in between. Lesson 06 made one step of two.",
        "A script: if `redis.call('EXISTS', KEYS[1])` is 0, `return false`. Otherwise `return` what `INCR` answers.",
        "In Lua, `return false` gives `None` in Python. The script has one key: `redis_conn.eval(script, 1, counter)`.",
    ),
    solution='''\
def next_number(redis_conn, counter):
    script = """
    if redis.call('EXISTS', KEYS[1]) == 0 then  -- the counter was lost
      return false
    end
    return redis.call('INCR', KEYS[1])
    """
    return redis_conn.eval(script, 1, counter)''',
    why="nobody gets a number that is too low. But it helps only who calls it. So the counter belongs on a server that "
    "evicts nothing.",
    check=_check_next_number,
)

# 33.4

NOT_BIGGEST = "another key takes more memory, and the shop would move the wrong one"
GUESSED = (
    "another key takes more memory: Redis looked only at some elements, and guessed the rest. The shop would move the "
    "wrong key"
)
ONE_PAGE = (
    "another key takes more memory, and the shop would move the wrong one: SCAN shows the keys page by page, and there "
    "were more pages"
)
OUTSIDE = "this key does not begin with the prefix: it belongs to somebody else"
NO_KEY = "no key begins with the prefix: return None"
ENDED_MEANWHILE = "a key ended between two of your commands, and the answer is wrong"


def _check_biggest_key(trial: Trial) -> None:
    prefix = trial.key("shop [a-z]*?:")
    names = [f"{prefix}{name}" for name in ("price", "page", "log", "cart *")]
    price, page, log, cart = names
    outside = f"{prefix[:-1]}-page"
    in_the_middle = f"{trial.prefix}old:{prefix}page"
    with cures(
        {
            ONE_PAGE: "`scan_iter` goes on until the last page. With `scan`: until it answers with the cursor 0.",
            NOT_BIGGEST: "Go through all keys with `scan_iter`, ask `memory_usage`, and remember the biggest so far.",
            GUESSED: "`samples=0` makes MEMORY USAGE look at all elements.",
            OUTSIDE: 'The pattern is `escape_pattern(prefix) + "*"`, nothing before it. A prefix can hold `*`, `?` '
            "and `[`.",
            ENDED_MEANWHILE: "MEMORY USAGE answers None for a key that has just ended. Leave it out.",
        }
    ):
        some = {price: Ends("312", 300), page: "x" * 900, log: ["7 banana", "8 uva"], cart: {"uva": "2"}}
        _expect_biggest(trial, prefix, some, page, NOT_BIGGEST)
        _expect_biggest(trial, prefix, some | {cart: {f"fruit {number}": "2" for number in range(300)}}, cart)
        many = {f"{prefix}{trial.word()}{number}": "1" for number in range(400)}
        with scan_as_it_may_be():
            _expect_biggest(trial, prefix, many | {page: "x" * 300}, page)
        _expect_biggest(trial, prefix, {price: "3"}, price)
        for other in (outside, in_the_middle):
            _expect_biggest(trial, prefix, some | {other: "y" * 5000}, page)
        _expect_biggest(trial, prefix, {outside: "y" * 50}, None, NO_KEY)
        _expect_biggest(trial, prefix, {}, None, NO_KEY)
        short_lines = ["line of a log"] * 8000
        # The long text is the first element: a guess takes the others to be as long.
        looks_big = {log: ["y" * 60_000, *short_lines], page: "x" * 300_000}
        _expect_biggest(trial, prefix, looks_big, page, GUESSED)
        # It is the last one: a guess does not see it.
        looks_small = {log: [*short_lines, "y" * 200_000], page: "x" * 250_000}
        _expect_biggest(trial, prefix, looks_small, log, GUESSED)
        # One long field somewhere among 5,000: a guess from 1,000 of them is far too high, or far too low.
        fields = {f"fruit {number}": "2" for number in range(5000)} | {"fruit 2500": "y" * 600_000}
        trial.put({cart: fields})
        real = trial.redis.memory_usage(cart, samples=0)
        _expect_biggest(trial, prefix, {cart: fields, page: "x" * int(real * 0.75)}, cart, GUESSED)
        _expect_biggest(trial, prefix, {cart: fields, page: "x" * int(real * 1.25)}, page, GUESSED)

        with _none_is_no_number(ENDED_MEANWHILE):
            trial.every_gap(
                or_raised(ENDED_MEANWHILE),
                (prefix,),
                before=lambda: trial.put({price: "312", page: "x" * 900}),
                rivals={"the page ends": lambda: trial.redis.delete(page)},
            )
        trial.every_error((prefix,), before=lambda: trial.put({price: "312", page: "x" * 900}))


def _expect_biggest(trial: Trial, prefix: str, keys: dict, biggest: str | None, why: str = NOT_BIGGEST) -> None:
    trial.put(keys)
    outcome = trial.attempt(prefix)
    if isinstance(outcome.error, ValueError) and biggest is None:  # max() of nothing
        raise Failed(NO_KEY, None, Plain(f"{type(outcome.error).__name__}: {outcome.error}"))
    if outcome.error is not None:
        raise Crashed(outcome.error)
    if isinstance(outcome.value, str) and outcome.value and not outcome.value.startswith(prefix):
        raise Failed(OUTSIDE, biggest, outcome.value)
    trial.expect(ONE_PAGE if biggest and _left_pages_out(trial) else why, biggest, outcome.value)
    trial.expect_state("looking for the biggest key must change nothing", keys)


def _left_pages_out(trial: Trial) -> bool:
    """Whether SCAN still had keys to show when the call looked at it for the last time."""
    pages = [step for step in trial.call_seen.steps if step.commands[0][0] == "SCAN" and step.replies]
    return bool(pages) and pages[-1].replies[0][0] not in (0, "0", b"0")


BIGGEST_KEY = Exercise(
    id="33.4",
    title="The biggest key",
    kind="stretch",
    question="""\
Write `biggest_key`. Of all keys that begin with `prefix`, it returns the name of the one that takes the most memory,
all elements counted; `None` when there is no such key. Others use this server, and keys end while you look. A prefix
may hold any character. (Lesson 04: `escape_pattern`.)""",
    stub="""\
from redis_helpers.redis_repository import escape_pattern


def biggest_key(redis_conn, prefix):
    # your code here
    ...""",
    hints=(
        'The names: `redis_conn.scan_iter(match=escape_pattern(prefix) + "*", count=1000)`, in a loop.',
        "`memory_usage(name, samples=0)` counts all elements. It gives `None` for a key that has just ended.",
        "Two variables before the loop: the biggest name so far (`None`), and its bytes (0).",
    ),
    solution="""\
from redis_helpers.redis_repository import escape_pattern


def biggest_key(redis_conn, prefix):
    biggest = None
    most = 0
    pattern = escape_pattern(prefix) + "*"
    for name in redis_conn.scan_iter(match=pattern, count=1000):
        size = redis_conn.memory_usage(name, samples=0)
        if size is not None and size > most:
            biggest = name
            most = size
    return biggest""",
    why="SCAN lets others in between. With samples=0 nothing is guessed, and a key that ended meanwhile is left out. "
    "(For a key with millions of elements, samples=0 itself takes long: do it at night.)",
    check=_check_biggest_key,
)

EXERCISES = (BYTES_OF, KEEP_PAGE, NEXT_NUMBER, BIGGEST_KEY)

QUIZ = (
    Question(
        "A Redis has `allkeys-lfu`. Somebody puts the sessions into its database 1 (`SELECT 1`), and leaves the cached "
        "pages in database 0, so that they do not disturb each other. Are the sessions safe now?",
        (
            ("Yes: Redis evicts from the database that is written to", "It looks at the keys of all databases."),
            ("No: both share one memory and one policy", "`maxmemory` and the policy hold for the whole server."),
            ("Only if the sessions have no TTL", "`allkeys` means all keys, with a TTL or without one."),
        ),
        answer="b",
    ),
    Question(
        "A server has `volatile-lru`. A programmer forgets `ex=` in one place, and each product page is stored without "
        "a TTL. What happens when the memory is full?",
        (
            ("The pages are evicted last, after all that has a TTL", "They are never evicted, not even last."),
            ("Redis gives each page a TTL, and evicts it", "Redis gives nobody a TTL by itself."),
            (
                "Everything with a TTL is evicted, and then writes are refused",
                "When nothing with a TTL is left, `volatile-lru` behaves like `noeviction`.",
            ),
        ),
        answer="c",
    ),
    Question(
        "Orders wait in a list, and workers take them out. The Redis has `noeviction`, and it is full. The workers go "
        "on taking orders with `RPOP`. What happens to them?",
        (
            (
                "They get their orders: taking something out is not refused",
                "`RPOP` needs no more memory. New orders are refused until there is room.",
            ),
            ("`RPOP` is refused, as it changes the list", "Refused is what may need more memory, not every change."),
            ("Redis drops the oldest orders to make room", "`noeviction` drops nothing."),
        ),
        answer="a",
    ),
    Question(
        "A news site keeps its articles in a cache with `allkeys-lfu`. Last month one article was read a million "
        "times, and today nobody reads it. Is it in the cache for ever?",
        (
            ("Yes: no other article has so many reads", "The number of LFU is no sum of all times: it falls again."),
            ("No: its number falls with time, and it is evicted one day", "By default, by one for each minute unused."),
            ("No: LFU evicts what has been there longest", "The age of a key does not count, only its use."),
        ),
        answer="b",
    ),
    Question(
        "A set holds 5 million members. `DEL` held up the whole shop. The programmer writes `UNLINK` in its place. "
        "What about `SMEMBERS` on another set of this size?",
        (
            ("It holds everybody up, as `DEL` did", "It visits each member. `SSCAN` reads in small parts."),
            ("It is fast: reading changes nothing", "Redis runs one command at a time, also when it reads."),
            ("Redis does it in the background, as with `UNLINK`", "Only the freeing of memory is done there."),
        ),
        answer="a",
    ),
)
