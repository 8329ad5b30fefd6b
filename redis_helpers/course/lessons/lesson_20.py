"""Lesson 20: numbers for holders, a resource that refuses late ones, and renewing one's own lock."""

from collections.abc import Callable

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.common_checks import beside, cures, or_raised
from redis_helpers.course.lessons.lock_checks import SWALLOWED, expect_answer


def _expect_loss_is_told(trial: Trial, args: tuple, before: Callable[[], object]) -> None:
    """When the connection dies, whoever called must learn of it (or get the right answer).

    While it watches, redis-py makes a WatchError of a lost connection. Whoever answers False to that only stops early.
    """
    trial.put({})
    before()
    answer = trial.call(*args)
    watches = "WATCH" in trial.commands
    for reached in range(len(trial.commands)):
        trial.put({})
        before()
        outcome = trial.attempt(*args, cut_after=reached)
        stops_early = watches and outcome.value is False
        if outcome.error is None and outcome.value is not answer and not stops_early:
            raise Failed(SWALLOWED, Plain("the ConnectionError"), Plain(f"the answer {outcome.value!r}"))


def _expect_wrong_type_is_told(trial: Trial, args: tuple, before: dict[str, object]) -> None:
    """A key of another type: the error of Redis comes through, and nothing is different."""
    trial.put(before)
    outcome = trial.attempt(*args)
    if outcome.error is None:
        raise Failed(
            "a key holds something of another type, Redis answered with an error, and your function kept it to "
            "itself: its caller takes the answer for true",
            Plain("the error of Redis"),
            Plain(f"the answer {outcome.value!r}"),
        )
    trial.expect_state("a key holds something of another type, and your function changed what is there", before)


# 20.1

NOT_COUNTED = "the lock was free: return the new number of the counter, so that each holder gets a higher one"
COUNTER_WRONG = "the lock was free, and the counter does not stand one higher now"
LOCK_WRONG = (
    "the lock was free, and it does not hold the token for so many milliseconds: the rest of the script does that"
)
REFUSED_CHANGED = "somebody else has the lock: the answer is 0, and nothing may change"
LATE_NUMBER = (
    "between two of your commands the lock ended and B took it: now the number of A, who comes too late, is not lower "
    "than that of B"
)


def _check_take_numbered(trial: Trial) -> None:
    lock, counter = trial.key("lock"), trial.key("counter")
    token = f"{trial.word()} 'ü'"
    milliseconds = 1000 * trial.number(20, 40) + trial.number(300, 700)
    args = (lock, counter, token, milliseconds)
    with cures(
        {
            NOT_COUNTED: "INCR answers with the new number: `return redis.call('INCR', KEYS[2])`.",
            COUNTER_WRONG: "INCR of the second key, `KEYS[2]`, once.",
            LATE_NUMBER: "The INCR belongs in the script: there nobody comes in between.",
        }
    ):
        for counted in (None, 9, trial.number(11, 99), 3_000_000_000):
            before = {} if counted is None else {counter: str(counted)}
            number = (counted or 0) + 1
            trial.put(before)
            answer = trial.call(*args)
            trial.expect_value(LOCK_WRONG, lock, token)
            trial.expect_value(COUNTER_WRONG, counter, str(number))
            trial.expect(NOT_COUNTED, number, answer)
            trial.expect_state(LOCK_WRONG, {lock: Ends(token, milliseconds / 1000), counter: str(number)})
        for holder in ("token of B", token):
            held = {lock: Ends(holder, 15), counter: "41"}
            trial.case(REFUSED_CHANGED, args, before=held, returns=0, after=held)

        def b_takes_it() -> None:
            trial.redis.delete(lock)
            trial.redis.set(lock, "token of B", px=20_000)
            trial.redis.incr(counter)

        def free() -> None:
            trial.put({counter: "41"})

        trial.every_gap(or_raised(LATE_NUMBER), args, before=free, rivals={"the lock ends, B takes it": b_takes_it})
        trial.every_cut("the lock is taken, and its holder has no number", args, before=free)
        others = {"A": args, "B": (lock, counter, "token of B", milliseconds)}
        trial.orders(
            "two programs asked at once: one of them gets the lock, and it alone a number", others, before=free
        )
        trial.every_error(args, before=free)


TAKE_NUMBERED = Exercise(
    id="20.1",
    title="A number for each holder",
    kind="blank",
    question="""\
`take_numbered` takes the lock when it is free. Then it must count one higher at the key `counter`, and return the new
number. When somebody else has the lock, it returns 0. Write the missing line of the script.""",
    stub='''\
def take_numbered(redis_conn, lock, counter, token, milliseconds):
    script = """
    if redis.call('EXISTS', KEYS[1]) == 1 then  -- somebody else has the lock
      return 0
    end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    ...
    """
    return redis_conn.eval(script, 2, lock, counter, token, milliseconds)''',
    hints=(
        "INCR adds one and answers with the new number. The counter is the second key of the script.",
        "A command in a script: `redis.call('INCR', KEYS[2])`. Its answer must go back to Python: `return`.",
    ),
    solution='''\
def take_numbered(redis_conn, lock, counter, token, milliseconds):
    script = """
    if redis.call('EXISTS', KEYS[1]) == 1 then  -- somebody else has the lock
      return 0
    end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return redis.call('INCR', KEYS[2])
    """
    return redis_conn.eval(script, 2, lock, counter, token, milliseconds)''',
    why="the lock and its number come in one step. If the number came later, a program could sleep in between, and get "
    "a higher number than the holder after it.",
    check=_check_take_numbered,
)

# 20.2

TOLD_NOT_LATE = "a higher number has written already, and your answer says that this holder is not too late"
TOLD_LATE = "the hash has a lower number than `fence`, and your answer says that this holder is too late"
SAME_TOLD_LATE = "the hash has the same number as `fence`, and your answer says that this holder is too late"
TEXT_TOLD_LATE = "the hash has 9 and `fence` is 10, and your answer says that this holder is too late"
NOBODY_TOLD_LATE = "no number is in the hash, which counts as 0, and your answer says that this holder is too late"
NOT_ONLY_READ = "your function is to look only, and it has changed what is in Redis"


def _check_comes_too_late(trial: Trial) -> None:
    key = trial.key("price [uva]*")
    low, high = trial.number(3, 80), 3_000_000_000 + trial.number(1, 99)
    with cures(
        {
            TOLD_NOT_LATE: "What HGET gives is a text: make a number of it with int(...), and compare with >.",
            TOLD_LATE: "Too late is who has a lower number than the one in the hash.",
            SAME_TOLD_LATE: "Only a higher number in the hash makes a holder late: compare with >.",
            TEXT_TOLD_LATE: "What HGET gives is a text, and as texts '9' is more: make a number of it with int(...).",
            NOBODY_TOLD_LATE: "HGET gives None then: make 0 of it before you compare.",
        }
    ):
        for stored, fence, why in (
            ("3", 7, TOLD_LATE),
            (str(low), low, SAME_TOLD_LATE),
            ("9", 10, TEXT_TOLD_LATE),
            ("10", 9, TOLD_NOT_LATE),
            ("100", 99, TOLD_NOT_LATE),
            (str(low), high, TOLD_LATE),
            (str(high), low, TOLD_NOT_LATE),
            (str(high), high, SAME_TOLD_LATE),
            (str(high + 1), high, TOLD_NOT_LATE),
            (None, 1, NOBODY_TOLD_LATE),
        ):
            fields = {"price": "480"} if stored is None else {"price": "480", "fence": stored}
            before = {key: Ends(fields, 5000)}
            answer = trial.case(NOT_ONLY_READ, (key, fence), before=before, after=before)
            expect_answer(why, why is TOLD_NOT_LATE, answer)
        answer = trial.case(NOT_ONLY_READ, (key, low), before={}, after={key: None})
        expect_answer(NOBODY_TOLD_LATE, False, answer)
        trial.every_error((key, low), before=lambda: trial.put(before))


COMES_TOO_LATE = Exercise(
    id="20.2",
    title="Who comes too late?",
    kind="write",
    question="""\
Now the prices are in Redis: one hash for each fruit, with the fields `price` and `fence`. Write
`comes_too_late(redis_conn, key, fence)`. It returns `True` if the number in the hash is **higher** than `fence`, and
otherwise `False`. A hash without the field `fence`, or no hash at all, counts as 0. Only look, and change nothing.""",
    stub="""\
def comes_too_late(redis_conn, key, fence):
    # your code here
    ...""",
    hints=(
        '`redis_conn.hget(key, "fence")` gives a text, or `None` when there is no such field.',
        "`int(... or 0)` makes a number of a text, and 0 of `None`. Then compare with `>`.",
    ),
    solution="""\
def comes_too_late(redis_conn, key, fence):
    highest = int(redis_conn.hget(key, "fence") or 0)
    return highest > fence""",
    why="as texts, '9' is more than '10'. And this look alone is not enough: somebody may write after it.",
    check=_check_comes_too_late,
)

# 20.3

NOT_STORED = "a holder wrote, and the next reader finds another price or another fence: look at both fields"
NO_FENCE = "the hash does not know who wrote last: a holder that wakes up too late cannot be told from the newest"
FIRST_REFUSED = "nobody with a fence has written yet, and the holder was refused: this fruit never gets a price"
SAME_REFUSED = "a holder may write twice, and the second time it was refused: its own fence is not a higher one"
NEWER_REFUSED = "a newer holder was refused: the shop keeps an old price. Look at how the fences are compared"
LATE_WROTE = (
    "a holder that was paused woke up too late, and changed what a newer one had stored: customers pay an old price, "
    "now or after the next late write"
)
LATE_TOLD_TRUE = "a late holder changed nothing, and was told that its price is stored"
NEWER_LOST = (
    "between your look and your write a newer holder wrote, and your function wrote over its price: customers pay an "
    "old price"
)
REFUSED_FOR_OLD = (
    "only an older holder wrote meanwhile, and yet yours was refused: its price is lost, although no higher fence has "
    "written"
)
OVERTAKEN = "several holders wrote at once, and what came out is not what one after the other would have left"
HALF = "it left half of the work: a price that belongs to another fence"


def _check_store_price(trial: Trial) -> None:
    key = trial.key("prices:uva")
    with cures(
        {
            NO_FENCE: "Store both fields: HSET takes price and fence in one command.",
            FIRST_REFUSED: "A field that is not there counts as 0 here.",
            SAME_REFUSED: "Only a stored fence that is higher (>) refuses.",
            NEWER_REFUSED: "Redis holds text, and as text '10' comes before '9'. Compare numbers (Lua: tonumber).",
            LATE_WROTE: "Look at the stored fence first, and write only when it is not higher.",
            NEWER_LOST: "Looking and writing must be one step on the server: a script. With WATCH: watch before you "
            "look.",
            REFUSED_FOR_OLD: "After a WatchError, look again from the start, as often as needed; or use a script.",
            OVERTAKEN: "Looking and writing must be one step on the server: a script. With WATCH: watch before you "
            "look, and look again after a WatchError.",
            HALF: "Both fields belong in one HSET, or all commands in one script or MULTI.",
        }
    ):
        _expect_stored(trial, key)

        def fence_10() -> None:
            trial.put({key: {"price": "460", "fence": "10", "unit": "crate"}})

        def stored(fence: int) -> Callable[[], None]:
            def write() -> None:
                if int(trial.redis.hget(key, "fence") or 0) <= fence:
                    trial.redis.hset(key, mapping={"price": 2 * fence, "fence": fence})

            return write

        def overtaken(run: Run) -> str:
            answer, highest = run.outcomes[0].value, int(trial.redis.hget(key, "fence") or 0)
            newer = any(actor.name == "fence 100 writes" for actor in run.actors)
            why = NEWER_LOST if newer and highest < 100 else OVERTAKEN
            return or_raised(REFUSED_FOR_OLD if answer is False and highest == 20 else why)(run)

        for late_or_not in ((key, 4.79, 50), (key, 111, 9)):
            trial.every_gap(
                overtaken,
                late_or_not,
                before=fence_10,
                rivals={
                    "fence 100 writes": stored(100),
                    "fence 20 writes": stored(20),
                    "the key is deleted": lambda: trial.redis.delete(key),
                },
            )
            trial.every_cut(HALF, late_or_not, before=fence_10)
            trial.every_error(late_or_not, before=fence_10)
        holders = {"fence 8": (key, 480, 8), "fence 11": (key, 470, 11)}
        trial.orders(or_raised(OVERTAKEN), holders, before=lambda: None)
        trial.orders(or_raised(OVERTAKEN), holders, before=fence_10)
        _expect_patience(trial, key)
        _expect_loss_is_told(trial, (key, 470, 50), before=fence_10)
        _expect_wrong_type_is_told(trial, (key, 470, 50), {key: "460"})


def _expect_stored(trial: Trial, key: str) -> None:
    """One holder after the other."""
    first, newer = trial.number(3, 80), 3_000_000_000 + trial.number(1, 99)
    for why, price, fence, before in (
        (FIRST_REFUSED, trial.number(100, 900), first, {}),
        (FIRST_REFUSED, 4.79, first, {"price": "500"}),
        (FIRST_REFUSED, trial.number(100, 900), newer, {"unit": "crate"}),
        (SAME_REFUSED, 0, first, {"price": "480", "fence": str(first)}),
        (SAME_REFUSED, 4.79, newer, {"price": "480", "fence": str(newer)}),
        (NEWER_REFUSED, 470, 10, {"price": "480", "fence": "9"}),
        (NEWER_REFUSED, 990, 100, {"price": "480", "fence": "99", "unit": "crate"}),
        (NEWER_REFUSED, trial.number(100, 900), newer, {"price": "480", "fence": str(first)}),
        (NEWER_REFUSED, 3.5, first + 1, {"price": "0", "fence": str(first)}),
    ):
        after = before | {"price": str(price), "fence": str(fence)}
        trial.put({key: before} if before else {})
        expect_answer(why, True, trial.call(key, price, fence))
        found = trial.state().get(key)
        if found and isinstance(found.value, dict) and "fence" not in found.value:
            raise Failed(NO_FENCE, after, found.value)
        trial.expect_state(NOT_STORED, {key: after})
    trial.put({key: Ends({"price": "480", "fence": "9"}, 50)})
    expect_answer(NEWER_REFUSED, True, trial.call(key, 470, 10))
    trial.expect_state(NOT_STORED, {key: Ends({"price": "470", "fence": "10"}, 50)})
    for fence, seen in ((9, 10), (2, 10), (99, 100), (11, 100), (first, newer), (newer, newer + 1)):
        for before in ({"price": "460", "fence": str(seen)}, {"price": "460", "fence": str(seen), "unit": "crate"}):
            answer = trial.case(LATE_WROTE, (key, 111, fence), before={key: before}, after={key: before})
            expect_answer(LATE_TOLD_TRUE, False, answer)


def _expect_patience(trial: Trial, key: str) -> None:
    """Older holders write again and again: the newest is not refused for that."""
    fence = iter(range(10, 100))

    def another_writes() -> None:
        trial.redis.hset(key, mapping={"price": 460, "fence": next(fence)})

    trial.put({key: {"price": "460", "fence": "9"}})
    outcome = trial.attempt(key, 450, 1000, between=beside(trial, another_writes))
    if outcome.error is not None or outcome.value is not True or trial.redis.hget(key, "price") != "450":
        raise Failed(
            "several older holders wrote meanwhile, and the newest gave up: its price is not stored, although no "
            "higher fence has written"
        )


STORE_PRICE = Exercise(
    id="20.3",
    title="A resource that refuses",
    kind="write",
    question="""\
Write `store_price(redis_conn, key, price, fence)` for the same hash, with the fields `price` and `fence`. It stores
both and returns `True`. But if a **higher** number has written before, nothing changes, and it returns `False`.
Several holders may write at once.""",
    stub="""\
def store_price(redis_conn, key, price, fence):
    # your code here
    ...""",
    hints=(
        "Look and write belong together on the server. A script can do both: HGET, compare, HSET.",
        "The hash holds text: `tonumber(...)` in Lua makes a number. `HGET` of a field that is not there is `false`: "
        "`or 0` makes a beginning.",
        "Three arguments follow the script: `redis_conn.eval(script, 1, key, price, fence)`. In Lua the fence is "
        "`ARGV[2]`. Only a *higher* stored fence refuses; the same one may write again.",
    ),
    solution='''\
def store_price(redis_conn, key, price, fence):
    script = """
    local highest = tonumber(redis.call('HGET', KEYS[1], 'fence') or 0)
    if highest > tonumber(ARGV[2]) then  -- this holder comes too late
      return 0
    end
    redis.call('HSET', KEYS[1], 'price', ARGV[1], 'fence', ARGV[2])
    return 1
    """
    return redis_conn.eval(script, 1, key, price, fence) == 1''',
    why="the resource keeps the highest fence it has seen, and compares in the same step in which it writes. Whoever "
    "wakes up late finds a higher number, whatever it believes about its lock.",
    check=_check_store_price,
)

# 20.4

OWN_NOT_RENEWED = "the lock holds this token, and it does not last for `milliseconds` from now on"
OTHERS_RENEWED = "the lock belongs to somebody else, or to nobody, and your function changed something"
RENEW_TOLD_FALSE = "the holder renewed its own lock, and was told that it is not its own"
RENEW_TOLD_TRUE = "A was told that it still has the lock, and it has not: A goes on with its work"
RENEW_CAME_BETWEEN = (
    "between two of your steps the lock ended and B took it: now A has a wrong answer, or B's lock another end"
)


def _check_renew_own(trial: Trial) -> None:
    name, token = trial.key("lock"), f"{trial.word()}{trial.number(10, 99)}"
    milliseconds = 1000 * trial.number(40, 60) + trial.number(300, 700)
    args = (name, token, milliseconds)
    with cures(
        {
            OTHERS_RENEWED: "First compare what GET gives with the token. If they are not equal, return 0.",
            RENEW_CAME_BETWEEN: "Compare and renew in one script, or in a transaction that WATCHes the lock.",
            OWN_NOT_RENEWED: "PEXPIRE with the milliseconds as they are.",
        }
    ):
        for left in (20, 3000):
            trial.put({name: Ends(token, left)})
            answer = trial.call(*args)
            expect_answer(RENEW_TOLD_FALSE, True, answer)
            trial.expect_value(OWN_NOT_RENEWED, name, token)
            trial.expect_ttl(OWN_NOT_RENEWED, name, milliseconds / 1000, milliseconds / 1000)
            trial.expect_state(OWN_NOT_RENEWED, {name: Ends(token, milliseconds / 1000)})
        for other in ("token of B", token + "0", token[:-1], token.upper(), ""):
            before = {name: Ends(other, 20)}
            trial.put(before)
            answer = trial.call(*args)
            trial.expect_ttl(OTHERS_RENEWED, name, 20, 20)
            trial.expect_state(OTHERS_RENEWED, before)
            expect_answer(RENEW_TOLD_TRUE, False, answer)
        answer = trial.case(OTHERS_RENEWED, args, after={name: None})
        expect_answer(RENEW_TOLD_TRUE, False, answer)

        def hold() -> None:
            trial.put({name: Ends(token, 20)})

        trial.every_gap(
            or_raised(RENEW_CAME_BETWEEN),
            args,
            before=hold,
            rivals={
                "A's lock ends, B takes it": lambda: trial.redis.set(name, "token of B", px=20_000),
                "A's lock ends": lambda: trial.redis.delete(name),
            },
            view=lambda: (trial.redis.get(name), (trial.redis.pttl(name) or 0) > 30_000),
        )
        trial.every_cut("it left the lock without its holder, or without its end", args, before=hold)
        trial.every_error(args, before=hold)
        _expect_loss_is_told(trial, args, before=hold)
        _expect_wrong_type_is_told(trial, args, {name: [token]})


RENEW_OWN = Exercise(
    id="20.4",
    title="Renew your own lock only",
    kind="change",
    question="""\
This function renews the lock, whoever has it. Change it: the lock gets `milliseconds` again only if it holds `token`.
Then the answer is `True`, otherwise it is `False`, and nothing changes. At any moment the lock can end, and somebody
else can take it.""",
    stub="""\
def renew_own(redis_conn, name, token, milliseconds):
    return redis_conn.pexpire(name, milliseconds)""",
    hints=(
        "The script that releases a lock looks at the token first. Which command stands there in place of DEL?",
        "`if redis.call('GET', KEYS[1]) ~= ARGV[1] then`, then `return 0` and `end`.",
        "The last line of the script: `return redis.call('PEXPIRE', KEYS[1], ARGV[2])`. In Python, compare with 1.",
    ),
    solution='''\
def renew_own(redis_conn, name, token, milliseconds):
    script = """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then  -- not ours any more
      return 0
    end
    return redis.call('PEXPIRE', KEYS[1], ARGV[2])
    """
    return redis_conn.eval(script, 1, name, token, milliseconds) == 1''',
    why="look and renewal are one step. And the answer tells the holder when to stop: False means that somebody else "
    "may be at work.",
    check=_check_renew_own,
)

# 20.5

MAY_LOOK = "no higher number is in the hash: this holder may look, and your function returned None"
ZERO_CRATES = "no crates are left, and your function returned None: the answer is 0, and None means too late"
WRONG_CRATES = "no higher number has looked: return how many crates there are, as a number"
FENCE_NOT_LEFT = "a look must leave its number in the hash: otherwise an older holder can still write after it"
LATE_LOOKED = "a higher number has looked or written already: return None, and change nothing"
LOOKED_TOGETHER = "two holders looked at once, and the hash does not hold the higher number, or an answer is wrong"


def _check_look_numbered(trial: Trial) -> None:
    key = trial.key("stock")
    low, high = trial.number(3, 80), 3_000_000_000 + trial.number(1, 99)
    with cures(
        {
            MAY_LOOK: "Only a higher number refuses, and not the same one. Compare numbers (tonumber): they are texts.",
            ZERO_CRATES: "In Python, 0 counts as false: ask for None with `is None`.",
            FENCE_NOT_LEFT: "Set the field `fence` in the script before it returns the crates.",
            LATE_LOOKED: "Compare numbers (tonumber), and return false: Python gets None.",
            LOOKED_TOGETHER: "Look, compare and set in one script. With WATCH: after a WatchError, look again.",
        }
    ):
        for stored, fence in ((None, 1), ("9", 10), ("99", 100), (str(low), low), (str(low), high), (str(high), high)):
            for crates in (trial.number(2, 900), 0):
                fields = {"crates": str(crates), "fruit": "uva"}
                before = fields if stored is None else fields | {"fence": stored}
                trial.put({key: before})
                answer = trial.call(key, fence)
                refused = MAY_LOOK if crates else ZERO_CRATES
                trial.expect(refused if answer is None else WRONG_CRATES, crates, answer)
                trial.expect_value(FENCE_NOT_LEFT, key, fields | {"fence": str(fence)})
                trial.expect_state(FENCE_NOT_LEFT, {key: fields | {"fence": str(fence)}})
        for newer, fence in ((10, 9), (100, 99), (high, low), (high + 1, high)):
            for crates in (0, 7):
                late = {key: {"crates": str(crates), "fence": str(newer)}}
                trial.case(LATE_LOOKED, (key, fence), before=late, returns=None, after=late)

        def fence_10() -> None:
            trial.put({key: {"crates": "460", "fence": "10"}})

        def looks(fence: int) -> Callable[[], None]:
            def look() -> None:
                if int(trial.redis.hget(key, "fence") or 0) <= fence:
                    trial.redis.hset(key, "fence", fence)

            return look

        rivals = {"fence 100 looks": looks(100), "fence 20 looks": looks(20)}
        for fence in (50, 9):
            trial.every_gap(or_raised(LOOKED_TOGETHER), (key, fence), before=fence_10, rivals=rivals)
            trial.every_cut("it left a number that has not looked", (key, fence), before=fence_10)
            trial.every_error((key, fence), before=fence_10)
        holders = {"fence 11": (key, 11), "fence 12": (key, 12)}
        trial.orders(or_raised(LOOKED_TOGETHER), holders, before=fence_10)


LOOK_NUMBERED = Exercise(
    id="20.5",
    title="A look leaves its number",
    kind="stretch",
    question="""\
Now the stock is a hash in Redis, with the fields `crates` and `fence`. Write `look_numbered(redis_conn, key, fence)`.
It leaves `fence` in the hash, and returns how many crates there are, as an `int`. If a **higher** number is there
already, it changes nothing and returns `None`. A hash without the field `fence` counts as 0. Several holders may look
at once.""",
    stub="""\
def look_numbered(redis_conn, key, fence):
    # your code here
    ...""",
    hints=(
        "Your script of 20.3 does almost the same: HGET, compare, HSET.",
        "In Lua, `return false` gives `None` in Python. Behind the HSET, return what HGET gives for `crates`.",
        "HGET gives a text, and the answer must be a number: in Lua, `tonumber(...)` makes one of it.",
    ),
    solution='''\
def look_numbered(redis_conn, key, fence):
    script = """
    local highest = tonumber(redis.call('HGET', KEYS[1], 'fence') or 0)
    if highest > tonumber(ARGV[1]) then  -- this holder comes too late
      return false
    end
    redis.call('HSET', KEYS[1], 'fence', ARGV[1])
    return tonumber(redis.call('HGET', KEYS[1], 'crates'))
    """
    return redis_conn.eval(script, 1, key, fence)''',
    why="what a holder writes is calculated from its look. So nobody older may write between the two: the number is "
    "there from the look on.",
    check=_check_look_numbered,
)

EXERCISES = (TAKE_NUMBERED, COMES_TOO_LATE, STORE_PRICE, RENEW_OWN, LOOK_NUMBERED)

QUIZ = (
    Question(
        "A program writes a report into a file server, under a lock with a TTL of 30 seconds. The file server knows no "
        "numbers. The program asks Redis whether the lock is its own, and writes at once if it is. What can happen?",
        (
            ("Nothing: the look comes right before the write", "The program can stand still between the two."),
            (
                "Two programs can write, as before",
                "A pause can come between the look and the write. Only the place that is written to could refuse.",
            ),
            ("The write fails when the lock has ended", "The file server knows nothing of the lock."),
        ),
        answer="b",
    ),
    Question(
        "A work list is kept in a table with a column `fence`. Its highest number is 57. A new holder gets number 12, "
        "because the counter was deleted by mistake. What does the table do?",
        (
            (
                "It refuses this holder, and others, until a number of 57 or more comes",
                "No late writer can use the mistake. But nobody can work, until somebody sets the counter.",
            ),
            ("It takes the number, and 12 is the highest from now on", "A lower number is what it refuses."),
            ("It takes it once, and then refuses number 57", "12 is lower than 57: it is refused at once."),
        ),
        answer="a",
    ),
    Question(
        "A holder is stuck in a loop: it renews its lock, and never finishes. What helps the others?",
        (
            ("A fencing number", "It stops late writers. This holder is not late: it keeps the lock."),
            ("A shorter TTL", "It renews more often then, and keeps the lock all the same."),
            ("A longest time, after which it is not renewed any more", "Then the lock ends after one TTL at most."),
        ),
        answer="c",
    ),
    Question(
        "A program must send one e-mail for each order. The e-mail service knows no fences, but takes a text called "
        "`Idempotency-Key`. Which text should the program send?",
        (
            ("A new random text for each try", "Then a second try is a new e-mail."),
            ("The fencing number of its lock", "A second holder has another number, so it is a second e-mail."),
            ("The id of the order", "All tries for one order carry the same text, so the service sends one e-mail."),
        ),
        answer="c",
    ),
)
