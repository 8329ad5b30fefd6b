"""Lesson 19: a lock that ends, one's own release, a resource that refuses late writers, and no lock at all."""

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from unittest import mock

from redis_helpers.course.exercises.checker import MISSING, Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends

ODD = """Zoë's "50 %" [a-z]* \\1 $x"""  # what names may hold, too
BUSY = "this machine is too busy for the check: run the cell again"
NO_ANSWER = (
    "return True or False, and nothing else: a caller that compares with True or False is misled by other values"
)
SWALLOWED = (
    "the connection to Redis died, and your function answered as if it had got its reply: what has been done is not "
    "known then. Look at what your `except` catches"
)


@contextlib.contextmanager
def _cures(cures: Mapping[str, str]) -> Iterator[None]:
    """Says what to do, beside what is wrong: a cure for each reason."""
    try:
        yield
    except Failed as failure:
        failure.cure = failure.cure or next((cure for why, cure in cures.items() if why in failure.why), None)
        raise


def _or_raised(why: str) -> Callable[[Run], str]:
    """`why`, or a word on the error that the learner's function raised."""

    def reason(run: Run) -> str:
        errors = [type(outcome.error).__name__ for outcome in run.outcomes if outcome.error]
        if not errors:
            return why
        return (
            f"your function raised {errors[0]} because somebody else came in between: its caller gets neither a yes "
            "nor a no. Look at what happens after that error"
        )

    return reason


def _expect_answer(why: str, expected: bool, answer: object) -> None:
    if not isinstance(answer, bool):
        raise Failed(NO_ANSWER, expected, answer)
    if answer is not expected:
        raise Failed(why, expected, answer)


def _beside(trial: Trial, act: Callable[[], object], most: int = 30) -> Callable[[], None]:
    """For `between=`: `act()` before each step of the call from the second one on, `most` times in all."""
    done = 0

    def turn(step: object = None) -> None:
        nonlocal done
        if done < most:
            done += 1
            elsewhere = threading.Thread(target=act)  # what this thread sends counts as the learner's
            elsewhere.start()
            elsewhere.join()

    def from_now_on() -> None:
        trial.call_seen.turn = turn
        turn()

    return from_now_on


def _expect_error_is_told(trial: Trial, args: tuple, before: Callable[[], object]) -> None:
    """`every_error`, without pipelines of earlier calls that end only now, and send an UNWATCH of their own."""
    gc.collect()
    trial.every_error(args, before)


def _expect_loss_is_told(trial: Trial, args: tuple, before: Callable[[], object]) -> None:
    """When the connection dies, whoever called must learn of it (or get the right answer)."""
    trial.put({})
    before()
    answer = trial.call(*args)
    for reached in range(len(trial.commands)):
        trial.put({})
        before()
        outcome = trial.attempt(*args, cut_after=reached)
        if outcome.error is None and outcome.value is not answer:
            raise Failed(SWALLOWED, Plain("the ConnectionError"), Plain(f"the answer {outcome.value!r}"))


# 19.1

NO_LOCK = "the buyer was told True, and there is no lock: the next buyer gets it as well, and both sell the last crate"
NO_TOKEN = "the lock does not hold the token: its holder cannot tell it from the lock of somebody else"
NO_END = "the lock has no TTL: when its holder is killed, nobody ever gets the lock again"
WRONG_UNIT = (
    "the lock stays far longer than was asked for: when its holder is killed, everybody waits for minutes or hours. "
    "Look at the unit of the time"
)
NOT_EXACT = (
    "the lock does not end after the time that was asked for. Too early, and two buyers work at once; too late, and "
    "all wait for nothing. Look at how the milliseconds are rounded"
)
CLIENTS_CLOCK = (
    "on a computer whose clock is an hour ahead, the lock ends at another time. Look at whose clock says when it ends"
)
TAKEN_AWAY = "the lock was taken already, and now its holder has lost it: two buyers work at once"
WOUND = "the lock of somebody else has got another TTL, by a call that was refused: look at what is done then, too"
TWO_HOLDERS = "two buyers were told at once that the lock is theirs: both sell the last crate"
LEFT_WITHOUT_END = "it left a lock that never ends, and nobody gets it again"


def _check_take_lock(trial: Trial) -> None:
    name, token = trial.key("lock"), f"{ODD} {trial.word()}"
    with _cures(
        {
            NO_END: "Give SET the time to live in the same call: px=milliseconds.",
            WRONG_UNIT: "EX counts seconds, PX milliseconds: use px=milliseconds.",
            NOT_EXACT: "PX takes the milliseconds as they are: px=milliseconds.",
            CLIENTS_CLOCK: "Hand over how long the lock lasts (PX), not when it ends: the server counts.",
            TAKEN_AWAY: "SET replaces what is there, unless NX is given.",
            WOUND: "Set the time only together with the token: SET with NX and PX does both or nothing.",
            TWO_HOLDERS: "Looking and storing must be one command: SET with NX.",
            LEFT_WITHOUT_END: "One command has to set token and time together: SET with NX and PX.",
        }
    ):
        for milliseconds in (
            1000 * trial.number(20, 40) + trial.number(300, 700),
            trial.number(350, 450),
            1_000_000_000 + trial.number(300, 700),
        ):
            _expect_taken(trial, name, token, milliseconds)
        trial.expect_state(NO_TOKEN, {name: Ends(token, milliseconds / 1000)})
        with (
            mock.patch("time.time", _an_hour_ahead(time.time)),
            mock.patch("time.time_ns", _an_hour_ahead(time.time_ns)),
        ):
            _expect_taken(trial, name, token, 30_500, wrong_time=CLIENTS_CLOCK)
        _expect_refused(trial, name, token)

        args = (name, token, 30_000)
        trial.every_cut(LEFT_WITHOUT_END, args, before=lambda: None)
        trial.orders(
            _or_raised(TWO_HOLDERS),
            {"buyer A": args, "buyer B": (name, "token of B", 30_000)},
            before=lambda: None,
        )
        trial.every_gap(
            _or_raised(
                "the lock ended between two of your commands, and your function left something else than a lock"
            ),
            args,
            before=lambda: trial.put({name: Ends("token of B", 20)}),
            rivals={"B's lock ends": lambda: trial.redis.delete(name)},
        )
        _expect_error_is_told(trial, args, before=lambda: trial.put({}))
        _expect_loss_is_told(trial, args, before=lambda: None)


def _expect_taken(
    trial: Trial, name: str, token: str, milliseconds: int, wrong_time: str = NOT_EXACT, tries: int = 40
) -> None:
    """A free lock is taken, and ends when it should. Once more where the machine stood still meanwhile."""
    for _ in range(tries):
        trial.put({})
        begin = time.monotonic()
        answer = trial.call(name, token, milliseconds)
        lock = trial.state().get(name)
        took = 1000 * (time.monotonic() - begin)
        _expect_answer("the lock was free, and the buyer was told that somebody else has it", True, answer)
        if lock is not None or took < min(milliseconds, 200):
            break
    else:
        raise Failed(BUSY)
    if lock is None:
        raise Failed(NO_LOCK, token, Plain(MISSING))
    if lock.value != token:
        raise Failed(NO_TOKEN, token, lock.value)
    shown = Plain(f"{milliseconds} milliseconds")
    if lock.left is None:
        raise Failed(NO_END, shown, Plain("no TTL"))
    if wrong_time == NOT_EXACT and lock.left > 100 * milliseconds:
        raise Failed(WRONG_UNIT, shown, Plain(f"{lock.left} milliseconds"))
    if not milliseconds - took - 2 <= lock.left <= milliseconds + 2:
        raise Failed(wrong_time, shown, Plain(f"{lock.left} milliseconds"))
    if took >= 200 and tries > 1:  # too late to see a TTL that is a bit too short
        _expect_taken(trial, name, token, milliseconds, wrong_time, tries - 1)


def _expect_refused(trial: Trial, name: str, token: str) -> None:
    """Somebody has the lock, with whatever TTL: nothing is changed."""
    for holder, lock in (
        ("somebody else", Ends("token of B", 20)),
        ("somebody else", "token of B"),  # never ends: whoever made it, it is not free
        ("a buyer with this very token", Ends(token, 20)),
    ):
        trial.put({name: lock})
        answer = trial.call(name, token, 30_000)
        held = lock.value if isinstance(lock, Ends) else lock
        trial.expect_value(TAKEN_AWAY, name, held)
        _expect_answer(f"{holder} had the lock, so it was not free, and yet your function said True", False, answer)
        ends = trial.state()[name].left
        if (ends is None) != (not isinstance(lock, Ends)) or (ends or 0) > 20_000:
            raise Failed(WOUND, Plain("the TTL as it was"), Plain("no TTL" if ends is None else f"{ends / 1000:g} s"))
        trial.expect_state(WOUND, {name: lock})
    for _ in range(40):  # nearly over, and yet somebody's: TTL rounds it to 0
        trial.put({name: Ends("token of B", 0.45)})
        begin = time.monotonic()
        answer = trial.call(name, token, 30_000)
        if time.monotonic() - begin < 0.3:
            _expect_answer("somebody else had the lock for 0.4 seconds more, and it was taken away", False, answer)
            return
    raise Failed(BUSY)


def _an_hour_ahead(clock: Callable[[], float]) -> Callable[[], float]:
    unit = 1_000_000_000 if clock is time.time_ns else 1
    return lambda: clock() + 3600 * unit


TAKE_LOCK = Exercise(
    id="19.1",
    title="A lock that dies with its holder",
    kind="blank",
    question="""\
Replace the `...`: the lock `name` is taken only when it is free, holds `token`, and ends by itself after
`milliseconds`, wherever its holder is killed.""",
    stub="""\
def take_lock(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, ...))""",
    hints=(
        "Two options of SET: one looks whether the key is there, one sets its clock. Both go into the same call.",
        "`nx=True` is the look. `ex=` counts seconds; which letter counts milliseconds?",
    ),
    solution="""\
def take_lock(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, nx=True, px=milliseconds))""",
    why="looking, storing and winding the clock are one command: nobody comes in between, and no kill can leave a "
    "lock without an end.",
    check=_check_take_lock,
)

# 19.2

NOT_FREED = "the lock held this token, and is still there: everybody waits until it ends by itself"
STOLEN = (
    "B has lost its lock, released by A: the time of A's lock had run out, and B had taken it. Look at whose token is "
    "in the key"
)
ALIKE = "the lock holds another token, which only looks like this one, and it was released: two buyers work at once"
TOLD_FALSE = "the holder released its own lock, and was told that it was not its own"
TOLD_TRUE = "A was told that it released its lock, and it had none any more: A takes its work for safe"
BROKEN_BY_TOKEN = (
    "a token or a name with a quote in it makes your function fail, and the lock stays. Look at how both get to Redis"
)
CAME_BETWEEN = "between two of your steps, A's lock ran out and B took it, and then your function released B's"
RENEWED = (
    "between two of your steps, A's own thread renewed the lock. It is still A's, and yet it was not released: "
    "everybody waits. Look at what your function does when the key has changed"
)
RENEWED_OFTEN = (
    "the holder's other thread renewed the lock again and again, and your function gave up: the lock stays, although "
    "its holder has finished"
)
NOT_DONE = (
    "between two of your steps, the lock changed, and nothing was deleted; yet your function said True. Look at what "
    "tells you whether the lock is gone"
)


def _check_release(trial: Trial) -> None:
    name, token = trial.key("lock"), f"{trial.word()}{trial.number(10, 99)}"
    with _cures(
        {
            STOLEN: "Compare the token with what is in the key, and delete only then, both in one step on the server.",
            ALIKE: "Compare the whole texts: `==`, in Lua too.",
            BROKEN_BY_TOKEN: "The script gets the name as KEYS[1] and the token as ARGV[1]: keep them out of its text.",
            CAME_BETWEEN: "Compare and delete in one script, or in a transaction that WATCHes the lock.",
            RENEWED: "After a WatchError, look again from the start, as often as needed; or use a script.",
            NOT_DONE: "After a WatchError nothing has been done: look again from the start; or use a script.",
            TOLD_TRUE: "True is for a lock that was there, held the token, and was deleted.",
        }
    ):
        for lock in (Ends(token, 20), token):
            answer = trial.case(NOT_FREED, (name, token), before={name: lock}, after={name: None})
            _expect_answer(TOLD_FALSE, True, answer)
        for lock in (Ends("token of B", 20), "token of B"):
            answer = trial.case(STOLEN, (name, token), before={name: lock}, after={name: lock})
            _expect_answer(TOLD_TRUE, False, answer)
        answer = trial.case("there was no lock, and now there is a key", (name, token), after={name: None})
        _expect_answer(TOLD_TRUE, False, answer)
        _expect_whole_token(trial, name, token)
        _expect_released_in_time(trial, name, token)

        def hold() -> None:
            trial.put({name: Ends(token, 20)})

        def came_between(run: Run) -> str:
            answer, held = run.outcomes[0].value, trial.redis.get(name)
            why = CAME_BETWEEN if held is None else NOT_DONE if answer is True else RENEWED
            return _or_raised(why)(run)

        trial.every_gap(
            came_between,
            (name, token),
            before=hold,
            rivals={
                "A's lock ends, B takes it": lambda: trial.redis.set(name, "token of B", px=20_000),
                "A's own thread renews": lambda: trial.redis.pexpire(name, 25_000),
                "A's lock ends": lambda: trial.redis.delete(name),
            },
        )
        for _ in range(2):
            hold()
            outcome = trial.attempt(name, token, between=_beside(trial, lambda: trial.redis.pexpire(name, 25_000)))
            if outcome.error is not None or outcome.value is not True or trial.redis.exists(name):
                raise Failed(RENEWED_OFTEN)
        trial.orders(
            _or_raised("two threads released one lock at once: one of them did it, and only that one may be told True"),
            {"thread 1": (name, token), "thread 2": (name, token)},
            before=hold,
        )
        trial.every_gap(
            _or_raised("the lock is B's all the time, and for a moment your function took it away: C got it as well"),
            (name, token),
            before=lambda: trial.put({name: Ends("token of B", 20)}),
            rivals={"C wants the lock": lambda: trial.redis.set(name, "token of C", px=20_000, nx=True)},
        )
        for held in (token, "token of B"):
            trial.every_cut(
                "what it left is neither the lock as it was nor a free lock",
                (name, token),
                before=lambda held=held: trial.put({name: Ends(held, 20)}),
            )
        _expect_error_is_told(trial, (name, token), before=hold)
        _expect_loss_is_told(trial, (name, token), before=hold)
        _expect_wrong_type_is_told(trial, (name, token), {name: [token]})


def _expect_whole_token(trial: Trial, name: str, token: str) -> None:
    """Tokens that look alike are different ones, and a token may hold any sign."""
    number = str(trial.number(10, 99))
    for held, mine in (
        (token + "5", token),
        (token, token + "5"),
        ("5" + token, token),
        (token.upper(), token),
        (token + " ", token),
        (token, "."),
        (token, "%w+"),
        (token, "*"),
        (number, number + ".0"),
        (number, "0" + number),
    ):
        answer = trial.case(ALIKE, (name, mine), before={name: Ends(held, 20)}, after={name: Ends(held, 20)})
        _expect_answer(ALIKE, False, answer)
    for key, mine in ((name, ODD + token), (trial.key("Ana's lock"), token), (name, "]] --" + token)):
        trial.put({key: Ends(mine, 20)})
        outcome = trial.attempt(key, mine)
        if outcome.error is not None or trial.redis.exists(key):
            raise Failed(BROKEN_BY_TOKEN)
        _expect_answer(TOLD_FALSE, True, outcome.value)


def _expect_released_in_time(trial: Trial, name: str, token: str) -> None:
    """A lock that is nearly over: TTL rounds it to 0."""
    for _ in range(40):
        trial.put({name: Ends(token, 0.45)})
        begin = time.monotonic()
        answer = trial.call(name, token)
        if time.monotonic() - begin < 0.3:
            _expect_answer(TOLD_FALSE, True, answer)
            return
    raise Failed(BUSY)


def _expect_wrong_type_is_told(trial: Trial, args: tuple, before: dict[str, object], changed: bool = False) -> None:
    """A key of another type: the error of Redis comes through, and (unless `changed`) nothing is different."""
    trial.put(before)
    outcome = trial.attempt(*args)
    if outcome.error is None:
        raise Failed(
            "a key holds something of another type, Redis answered with an error, and your function kept it to "
            "itself: its caller takes the answer for true",
            Plain("the error of Redis"),
            Plain(f"the answer {outcome.value!r}"),
        )
    if not changed:
        trial.expect_state("a key holds something of another type, and your function changed what is there", before)


RELEASE = Exercise(
    id="19.2",
    title="Release your own, and only your own",
    kind="change",
    question="""\
This code frees the lock, whoever has it. Change it: the lock goes only when it holds `token`; then the answer is
`True`, otherwise `False`. At any moment, the lock may run out, be taken by somebody else, or be renewed by its
holder.""",
    stub="""\
def release_own(redis_conn, name, token):
    return redis_conn.delete(name) == 1""",
    hints=(
        "GET, compare in Python, DEL: what if the lock changes hands after the GET?",
        "The server must compare and delete in one go. The lesson's script does: `KEYS[1]` is the lock, `ARGV[1]` the "
        "token.",
        "`redis_conn.eval(script, 1, name, token)` answers 1 or 0, and `== 1` makes True or False of it.",
    ),
    solution="""\
def release_own(redis_conn, name, token):
    script = '''
        if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
        return 0
    '''
    return redis_conn.eval(script, 1, name, token) == 1""",
    why="a script runs on the server in one go, so between its GET and its DEL nobody can take the lock. Redis 8.4 "
    "has a command for it, DELEX with IFEQ, Valkey 9 DELIFEQ.",
    check=_check_release,
)

# 19.3

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
    with _cures(
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
            HALF: "Both fields belong into one HSET, or all commands into one script or MULTI.",
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
            return _or_raised(REFUSED_FOR_OLD if answer is False and highest == 20 else why)(run)

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
            _expect_error_is_told(trial, late_or_not, before=fence_10)
        holders = {"fence 8": (key, 480, 8), "fence 11": (key, 470, 11)}
        trial.orders(_or_raised(OVERTAKEN), holders, before=lambda: None)
        trial.orders(_or_raised(OVERTAKEN), holders, before=fence_10)
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
        _expect_answer(why, True, trial.call(key, price, fence))
        found = trial.state().get(key)
        if found and isinstance(found.value, dict) and "fence" not in found.value:
            raise Failed(NO_FENCE, after, found.value)
        trial.expect_state(NOT_STORED, {key: after})
    trial.put({key: Ends({"price": "480", "fence": "9"}, 50)})
    _expect_answer(NEWER_REFUSED, True, trial.call(key, 470, 10))
    trial.expect_state(NOT_STORED, {key: Ends({"price": "470", "fence": "10"}, 50)})
    for fence, seen in ((9, 10), (2, 10), (99, 100), (11, 100), (first, newer), (newer, newer + 1)):
        for before in ({"price": "460", "fence": str(seen)}, {"price": "460", "fence": str(seen), "unit": "crate"}):
            answer = trial.case(LATE_WROTE, (key, 111, fence), before={key: before}, after={key: before})
            _expect_answer(LATE_TOLD_TRUE, False, answer)


def _expect_patience(trial: Trial, key: str) -> None:
    """Older holders write again and again: the newest is not refused for that."""
    fence = iter(range(10, 100))

    def another_writes() -> None:
        trial.redis.hset(key, mapping={"price": 460, "fence": next(fence)})

    trial.put({key: {"price": "460", "fence": "9"}})
    outcome = trial.attempt(key, 450, 1000, between=_beside(trial, another_writes))
    if outcome.error is not None or outcome.value is not True or trial.redis.hget(key, "price") != "450":
        raise Failed(
            "several older holders wrote meanwhile, and the newest gave up: its price is not stored, although no "
            "higher fence has written"
        )


STORE_PRICE = Exercise(
    id="19.3",
    title="A resource that refuses",
    kind="write",
    question="""\
This time the resource is a hash in Redis, with the fields `price` and `fence`. Write `store_price(redis_conn, key,
price, fence)`: it stores both and returns `True`, unless a **higher** fence has written before; then nothing changes
and it returns `False`. Several holders may write at once.""",
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
    solution="""\
def store_price(redis_conn, key, price, fence):
    script = '''
        local highest = tonumber(redis.call('HGET', KEYS[1], 'fence') or 0)
        if highest > tonumber(ARGV[2]) then return 0 end
        redis.call('HSET', KEYS[1], 'price', ARGV[1], 'fence', ARGV[2])
        return 1
    '''
    return redis_conn.eval(script, 1, key, price, fence) == 1""",
    why="the resource keeps the highest fence it has seen, and compares in the same step in which it writes. Whoever "
    "wakes up late finds a higher number, whatever it believes about its lock.",
    check=_check_store_price,
)

# 19.4

NOT_TAKEN = "a crate was sold, and the stock still counts it (or counts another number): look at what is taken out"
NOT_NOTED = "a crate was sold, and its buyer is not at the end of the list of sales: nobody delivers the crate"
SOLD_OUT = "no crate was left, and your function changed something: look at what it does before it knows"
TOLD_NO = "a crate was left, and the buyer was told that there is none"
TOLD_YES = "no crate was left, and the buyer was told True: this buyer waits for a crate that does not exist"
BELOW_ZERO = "for a moment the stock stood below zero, and a customer who looked then saw it"
TWICE = "between two of your steps, somebody else bought the last crate, and your function sold it once more"
NOT_SOLD = "others were busy with the stock too, and your buyer was told that no crate is left, while one was"
TOGETHER = (
    "several buyers came at once, and the crates in the stock, the list of sales and what the buyers were told do not "
    "agree"
)
TORN = "it left a crate that is gone without its buyer in the list, or a buyer whose crate is still in the stock"
GAVE_UP = "crates were left all the time, and the buyer was told that there are none, because others were busy too"


def _check_sell_one(trial: Trial) -> None:
    stock, sales = trial.key("stock"), trial.key("sales")
    alice = f"{ODD} {trial.word()}"
    args = (stock, sales, alice)
    with _cures(
        {
            SOLD_OUT: "Look first, and take only when there is a crate; both in one step on the server.",
            BELOW_ZERO: "Look first, then take, and both in one step on the server: a script.",
            TWICE: "Look, take and note in one script. Or WATCH the stock before you look at it.",
            NOT_SOLD: "After a WatchError, begin again, as often as needed; or use a script, which nobody disturbs.",
            TOGETHER: "Look, take and note in one script. With WATCH on the stock: look after the WATCH, and begin "
            "again after a WatchError.",
            TORN: "Both changes belong into one step: one script, or one MULTI.",
            GAVE_UP: "After a WatchError, begin again, as often as needed; or use a script, which nobody disturbs.",
        }
    ):
        _expect_sold(trial, stock, sales, alice)
        _expect_sold_out(trial, args, {stock: "0", sales: ["Bob"]})

        def delivered(crates: int) -> Callable[[], None]:
            return lambda: trial.put({stock: str(crates), sales: ["Bob"]})

        def bob_buys() -> None:
            if int(trial.redis.get(stock) or 0) > 0:
                trial.redis.pipeline().decr(stock).rpush(sales, "Bob").execute()

        def came_between(run: Run) -> str:
            left, told = int(trial.redis.get(stock) or 0), run.outcomes[0].value
            why = TWICE if left < 0 else NOT_SOLD if told is False and left > 0 else TOGETHER
            return _or_raised(why)(run)

        seen: list[str | None] = []

        def empty() -> None:
            seen.clear()
            trial.put({stock: "0"})

        trial.every_gap(
            _or_raised(BELOW_ZERO),
            args,
            before=empty,
            rivals={"a customer looks": lambda: seen.append(trial.redis.get(stock))},
            view=lambda: list(seen),
        )
        for before in ({stock: Ends("0", 50)}, {sales: ["Bob"]}, {}):
            _expect_sold_out(trial, args, before)
        for crates in (1, 0, trial.number(3, 9)):
            trial.every_gap(
                came_between,
                args,
                before=delivered(crates),
                rivals={
                    "Bob buys a crate": bob_buys,
                    "a crate is delivered": lambda: trial.redis.incr(stock),
                    "a sale from elsewhere": lambda: trial.redis.rpush(sales, "Carol"),
                },
            )
        for crates in (0, 1, trial.number(3, 9)):
            trial.every_cut(TORN, args, before=delivered(crates))
        for crates in (1, 2):
            trial.orders(came_between, {"Alice": args, "Dora": (stock, sales, "Dora")}, before=delivered(crates))
        delivered(40)()
        outcome = trial.attempt(*args, between=_beside(trial, bob_buys))
        if outcome.error is not None or outcome.value is not True:
            raise Failed(GAVE_UP)
        for crates in (0, 3):
            _expect_error_is_told(trial, args, before=delivered(crates))
        _expect_loss_is_told(trial, args, before=delivered(3))
        _expect_wrong_type_is_told(trial, args, {stock: ["3"], sales: ["Bob"]})
        _expect_wrong_type_is_told(trial, args, {stock: "3", sales: "Bob"}, changed=True)  # nothing undoes a script


def _expect_sold(trial: Trial, stock: str, sales: str, buyer: str) -> None:
    """Crates are left, one or many, and the buyer may have bought before."""
    for crates, sold in (
        (2, []),
        (1, ["Bob"]),
        (1, [buyer]),
        (trial.number(3, 9), [buyer, "Bob"]),
        (10, ["Bob", buyer, "Bob"]),
        (trial.number(11, 99), ["Bob"]),
        (100, ["Bob", "Carol", "Dora"]),
        (trial.number(1001, 9999), [buyer, buyer]),
    ):
        for ends in (False, True):

            def kept(value: object, seconds: int, ends: bool = ends) -> object:
                return Ends(value, seconds) if ends else value

            trial.put({stock: kept(str(crates), 50)} | ({sales: kept(sold, 70)} if sold else {}))
            _expect_answer(TOLD_NO, True, trial.call(stock, sales, buyer))
            trial.expect_value(NOT_TAKEN, stock, str(crates - 1))
            trial.expect_value(NOT_NOTED, sales, [*sold, buyer])
            after = [*sold, buyer]
            trial.expect_state(NOT_TAKEN, {stock: kept(str(crates - 1), 50), sales: kept(after, 70) if sold else after})


def _expect_sold_out(trial: Trial, args: tuple, before: dict[str, object]) -> None:
    """No crate is left, or there never was one."""
    stock, sales, _ = args
    answer = trial.case(SOLD_OUT, args, before=before, after={stock: None, sales: None} | before)
    _expect_answer(TOLD_YES, False, answer)


SELL_ONE = Exercise(
    id="19.4",
    title="The last crate, without a lock",
    kind="stretch",
    question="""\
Write `sell_one(redis_conn, stock_key, sales_key, buyer)`, without any lock: it takes one crate out of the number at
`stock_key`, appends `buyer` to the list at `sales_key`, and returns `True`. When no crate is left it changes nothing
and returns `False`. The stock never stands below zero, not even for a moment, and a crash leaves no crate without its
buyer. `RPUSH` appends to a list.""",
    stub="""\
def sell_one(redis_conn, stock_key, sales_key, buyer):
    # your code here
    ...""",
    hints=(
        "Two keys, one step: a script with two KEYS, or WATCH on the stock and both changes between MULTI and EXEC.",
        "In Lua: `tonumber(redis.call('GET', KEYS[1]) or 0)` is the number of crates, also for a key that is not "
        "there.",
        "When it is less than 1, `return 0`. Otherwise RPUSH `ARGV[1]` to the second key, DECR the first, `return 1`.",
    ),
    solution="""\
def sell_one(redis_conn, stock_key, sales_key, buyer):
    script = '''
        if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end
        redis.call('RPUSH', KEYS[2], ARGV[1])
        redis.call('DECR', KEYS[1])
        return 1
    '''
    return redis_conn.eval(script, 2, stock_key, sales_key, buyer) == 1""",
    why="Redis runs a script in one go, so it is its own lock: nobody comes in between, no TTL can run out, and a "
    "program that dies has sent all of it or nothing. RPUSH comes first, because an error in a script undoes nothing: "
    "should the list's key hold something else, no crate is gone.",
    check=_check_sell_one,
)

EXERCISES = (TAKE_LOCK, RELEASE, STORE_PRICE, SELL_ONE)

QUIZ = (
    Question(
        "A lock has a TTL of 10 s and a random token, and is released by compare-and-delete. Its holder is paused for "
        "30 s and then writes. What happens?",
        (
            ("The write fails: its token is no longer in the lock", "The token is compared at the release only."),
            (
                "The write goes through, beside that of the next holder",
                "The lock ended, the program did not. Only the resource can refuse it, by a fence.",
            ),
            ("The lock waits for its holder to wake up", "Redis counts the TTL down, whatever the holder does."),
        ),
        answer="b",
    ),
    Question(
        "Who has to compare the fencing token, so that it helps?",
        (
            ("The resource, in the step that writes", "It alone sees all writers, the late ones too."),
            (
                "The holder, just before it writes",
                "Between that look and the write it can be paused. That is the problem, not its cure.",
            ),
            ("Redis, at the release", "By then the late write has been done."),
        ),
        answer="a",
    ),
    Question(
        "A thread renews the lock every third of its TTL. What is that good for?",
        (
            ("The lock cannot be lost any more", "A pause stops the thread as well, and a cut network its commands."),
            (
                "A killed holder keeps its lock until it is back",
                "Nobody renews for the dead: the lock ends one TTL later, as it should.",
            ),
            (
                "Work may take longer than the TTL, as long as the process runs",
                "So the TTL can be short, and a killed holder is soon replaced.",
            ),
        ),
        answer="c",
    ),
    Question(
        "`Lock.acquire(blocking=False)` of a default redis-py client answers False. What do you know?",
        (
            (
                "Somebody else has the lock",
                "Perhaps. Or the reply to your own SET was lost and the client sent it again.",
            ),
            (
                "The lock is free, but Redis was slow",
                "A time-out would raise an error after the last retry, not answer False.",
            ),
            (
                "The lock was taken: by somebody else, or by yourself",
                "Give acquire a token of your own, and compare it with what GET answers.",
            ),
        ),
        answer="c",
    ),
    Question(
        "8 processes sell from a number in Redis, and it must not go below zero. What is the simplest that holds?",
        (
            ("One script that looks and takes", "One command, nobody in between, nothing to expire or release."),
            (
                "A lock with token, TTL and fence",
                "It holds, and costs the most: in code, in time, and in what can go wrong.",
            ),
            ("GET, compare, DECR", "Two of them read 1, and both take it."),
        ),
        answer="a",
    ),
)
