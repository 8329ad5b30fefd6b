"""Lesson 19: a lock that ends, one's own release, the lock of redis-py, a lost reply, and no lock at all."""

import time
from collections.abc import Callable
from unittest import mock

from redis_helpers.course.exercises.checker import MISSING, Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Prediction, Question, TooBusy
from redis_helpers.course.exercises.runner import Outcome
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.exercises.wire import apart
from redis_helpers.course.lessons.common_checks import beside, cures, or_raised
from redis_helpers.course.lessons.lock_checks import SWALLOWED, expect_answer

ODD = """Zoë's "50 %" [a-z]* \\1 $x"""  # what names may hold, too


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
    with cures(
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
            or_raised(TWO_HOLDERS),
            {"buyer A": args, "buyer B": (name, "token of B", 30_000)},
            before=lambda: None,
        )
        trial.every_gap(
            or_raised("the lock ended between two of your commands, and your function left something else than a lock"),
            args,
            before=lambda: trial.put({name: Ends("token of B", 20)}),
            rivals={"B's lock ends": lambda: trial.redis.delete(name)},
        )
        trial.every_error(args, before=lambda: trial.put({}))
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
        expect_answer("the lock was free, and the buyer was told that somebody else has it", True, answer)
        if lock is not None or took < min(milliseconds, 200):
            break
    else:
        raise TooBusy
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
        expect_answer(f"{holder} had the lock, so it was not free, and yet your function said True", False, answer)
        ends = trial.state()[name].left
        if (ends is None) != (not isinstance(lock, Ends)) or (ends or 0) > 20_000:
            raise Failed(WOUND, Plain("the TTL as it was"), Plain("no TTL" if ends is None else f"{ends / 1000:g} s"))
        trial.expect_state(WOUND, {name: lock})

    def nearly_over() -> object:
        """And yet somebody's. TTL rounds it to 0."""
        trial.put({name: Ends("token of B", 0.45)})
        return trial.call(name, token, 30_000)

    answer = trial.in_time(0.35, nearly_over)
    expect_answer("somebody else had the lock for 0.4 seconds more, and it was taken away", False, answer)


def _an_hour_ahead(clock: Callable[[], float]) -> Callable[[], float]:
    unit = 1_000_000_000 if clock is time.time_ns else 1
    return lambda: clock() + 3600 * unit


TAKE_LOCK = Exercise(
    id="19.1",
    title="A lock that dies with its holder",
    kind="blank",
    question="""\
`take_lock` makes the lock `name` and puts the text `token` into it. It does so only when the lock is free, and returns
`True` or `False`. The lock ends by itself after `milliseconds`, at whatever moment its holder is killed. Replace the
`...`.""",
    stub="""\
def take_lock(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, ...))""",
    hints=(
        "Two options of SET: one looks whether the key is there, one sets its TTL. Both go into the same call.",
        "`nx=True` is the look. `ex=` counts seconds; which letter counts milliseconds?",
    ),
    solution="""\
def take_lock(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, nx=True, px=milliseconds))""",
    why="looking, writing and setting the TTL are one command: nobody comes in between, and no kill can leave a lock "
    "without an end.",
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
    with cures(
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
            expect_answer(TOLD_FALSE, True, answer)
        for lock in (Ends("token of B", 20), "token of B"):
            answer = trial.case(STOLEN, (name, token), before={name: lock}, after={name: lock})
            expect_answer(TOLD_TRUE, False, answer)
        answer = trial.case("there was no lock, and now there is a key", (name, token), after={name: None})
        expect_answer(TOLD_TRUE, False, answer)
        _expect_whole_token(trial, name, token)
        _expect_released_in_time(trial, name, token)

        def hold() -> None:
            trial.put({name: Ends(token, 20)})

        def came_between(run: Run) -> str:
            answer, held = run.outcomes[0].value, trial.redis.get(name)
            why = CAME_BETWEEN if held is None else NOT_DONE if answer is True else RENEWED
            return or_raised(why)(run)

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
            outcome = trial.attempt(name, token, between=beside(trial, lambda: trial.redis.pexpire(name, 25_000)))
            if outcome.error is not None or outcome.value is not True or trial.redis.exists(name):
                raise Failed(RENEWED_OFTEN)
        trial.orders(
            or_raised("two threads released one lock at once: one of them did it, and only that one may be told True"),
            {"thread 1": (name, token), "thread 2": (name, token)},
            before=hold,
        )
        trial.every_gap(
            or_raised("the lock is B's all the time, and for a moment your function took it away: C got it as well"),
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
        trial.every_error((name, token), before=hold)
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
        expect_answer(ALIKE, False, answer)
    for key, mine in ((name, ODD + token), (trial.key("Ana's lock"), token), (name, "]] --" + token)):
        trial.put({key: Ends(mine, 20)})
        outcome = trial.attempt(key, mine)
        if outcome.error is not None or trial.redis.exists(key):
            raise Failed(BROKEN_BY_TOKEN)
        expect_answer(TOLD_FALSE, True, outcome.value)


def _expect_released_in_time(trial: Trial, name: str, token: str) -> None:
    """A lock that is nearly over: TTL rounds it to 0."""

    def release() -> object:
        trial.put({name: Ends(token, 0.45)})
        return trial.call(name, token)

    expect_answer(TOLD_FALSE, True, trial.in_time(0.35, release))


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
This code deletes the lock, whoever has it. Change it: it deletes the lock only when the lock holds `token`. Then it
returns `True`, otherwise `False`.

At any moment, the lock may end, and B may take it. At any moment, another part of the holder's own program may give the
lock more time, with `PEXPIRE`: then it is still the holder's.""",
    stub="""\
def release_own(redis_conn, name, token):
    return redis_conn.delete(name) == 1""",
    hints=(
        "GET, compare in Python, DEL: what if somebody else gets the lock after the GET?",
        "Redis must compare and delete in one step. A script does: `KEYS[1]` is the lock, `ARGV[1]` the token, and "
        "`redis.call('GET', KEYS[1]) == ARGV[1]` is the condition of its `if`.",
        "Then `return redis.call('DEL', KEYS[1])`, which is 1. After the `end`: `return 0`.",
        "`redis_conn.eval(script, 1, name, token)` answers 1 or 0, and `== 1` makes True or False of it.",
    ),
    solution="""\
def release_own(redis_conn, name, token):
    script = '''
        if redis.call('GET', KEYS[1]) == ARGV[1] then
            return redis.call('DEL', KEYS[1])
        end
        return 0
    '''
    return redis_conn.eval(script, 1, name, token) == 1""",
    why="a script is one step in Redis, so between its GET and its DEL nobody can take the lock. Redis 8.4 has a "
    "command for it, DELEX with IFEQ, and Valkey 9 has DELIFEQ.",
    check=_check_release,
)

# 19.3

TIMEOUT = 5  # seconds that the lock of `work_alone` lives
NO_WORK = "the lock was free, and yet the work was not done once: its caller waits for it"
NOT_TOLD = "the work was done, and the caller does not get what work() returned"
WITHOUT_LOCK = "while the work ran, there was no lock of yours: somebody else could work at the same time"
NEVER_ENDS = "while the work ran, the lock had no TTL: when the program is killed then, nobody ever works again"
WRONG_LIFE = "the lock does not live 5 seconds. Look at `timeout`, and at its unit"
STILL_LOCKED = "the work was done, and the lock is still there: all others wait until it ends by itself"
STILL_AFTER_ERROR = "the work raised an error, and the lock is still there: all others wait until it ends by itself"
ERROR_LOST = "the work raised an error, and its caller did not learn of it"
WORKED_BESIDE = "somebody else had the lock, and the work was done all the same: two worked at once"
WAITED_LONG = "somebody else had the lock, and the customer had to wait far longer than 0.3 seconds"
NOT_WAITED = (
    "somebody else had the lock for a tenth of a second more, and your function gave up: it may wait 0.3 seconds"
)
NOT_NONE = "somebody else had the lock, so nothing was done: the answer is None"
THEIRS_TOUCHED = "somebody else had the lock, and your function changed it: look at what is released, and when"
TOLD_NOTHING = (
    "the work was done, and took longer than the lock lived. The caller was told None, which means that nothing was "
    "done: it will have the work done twice. Look at which errors your `except` catches"
)


def _check_work_alone(trial: Trial) -> None:
    name = trial.key("lock")
    with cures(
        {
            NO_WORK: "Take the lock with acquire() or with `with`, then call work() once.",
            WITHOUT_LOCK: "First the lock, then work(), and only then its release.",
            NEVER_ENDS: "Without timeout=, a lock of redis-py never ends: timeout=5.",
            WRONG_LIFE: "redis-py counts in seconds: timeout=5.",
            STILL_AFTER_ERROR: "`with` releases after an error, too. So does release() in a `finally` block.",
            WAITED_LONG: "Without blocking_timeout=, acquire() waits for ever: blocking_timeout=0.3.",
            NOT_WAITED: "With blocking=False, acquire() does not wait at all: take blocking_timeout=0.3.",
            NOT_NONE: "acquire() returns False, and `with` raises LockError: return None then.",
            TOLD_NOTHING: "LockNotOwnedError is a LockError, too. With acquire() and an `if` you need no `except`.",
        }
    ):
        for result in (trial.word(), 0, trial.number(100, 900)):
            _expect_worked(trial, name, result)
        _expect_work_that_fails(trial, name)
        _expect_lock_of_others(trial, name)
        _expect_some_patience(trial, name)
        _expect_late_work(trial, name)
        _expect_one_holder(trial, name)
        trial.every_error((name, lambda: "done"), before=lambda: None)


def _expect_worked(trial: Trial, name: str, result: object) -> None:
    """The lock is free."""
    seen: list[int] = []

    def work() -> object:
        seen.append(int(str(apart(trial.redis.pttl)(name))))
        return result

    def call() -> object:
        seen.clear()
        trial.put({})
        return trial.call(name, work)

    answer = trial.in_time(0.5, call)
    if len(seen) != 1:
        raise Failed(NO_WORK, Plain("once"), Plain(f"{len(seen)} times"))
    (left,) = seen
    if left == -2:
        raise Failed(WITHOUT_LOCK)
    if left == -1:
        raise Failed(NEVER_ENDS, Plain("5 seconds"), Plain("no TTL"))
    if not 1000 * (TIMEOUT - 0.5) <= left <= 1000 * TIMEOUT + 2:
        raise Failed(WRONG_LIFE, Plain("5 seconds"), Plain(f"{left / 1000:g} seconds"))
    trial.expect(NOT_TOLD, result, answer)
    trial.expect_state(STILL_LOCKED, {name: None})


def _seen(outcome: Outcome) -> object:
    """What came out of the call: what it returned, or the name of its error."""
    return outcome.value if outcome.error is None else Plain(f"the error {type(outcome.error).__name__}")


def _expect_work_that_fails(trial: Trial, name: str) -> None:
    def work() -> None:
        raise ZeroDivisionError

    trial.put({})
    outcome = trial.attempt(name, work)
    if not isinstance(outcome.error, ZeroDivisionError):
        raise Failed(ERROR_LOST, Plain("ZeroDivisionError"), _seen(outcome))
    trial.expect_state(STILL_AFTER_ERROR, {name: None})


def _expect_lock_of_others(trial: Trial, name: str) -> None:
    """Somebody else has the lock for longer than anybody should wait."""
    done: list[int] = []
    took = 60.0

    def work() -> None:
        done.append(1)

    for _ in range(3):  # on a busy machine, the quickest counts
        trial.put({name: Ends("token of B", 2.5)})
        begin = time.monotonic()
        outcome = trial.attempt(name, work)
        took = min(took, time.monotonic() - begin)
        if took < 1.8:
            break
    else:
        raise Failed(WAITED_LONG, Plain("0.3 seconds"), Plain(f"{took:.1f} seconds"))
    if done:
        raise Failed(WORKED_BESIDE)
    if trial.redis.get(name) != "token of B":
        raise Failed(THEIRS_TOUCHED)
    if outcome.error is not None or outcome.value is not None:
        raise Failed(NOT_NONE, None, _seen(outcome))


def _expect_some_patience(trial: Trial, name: str) -> None:
    """The lock is free again after a tenth of a second.

    On a busy machine, the last try may come before that. Then the function has used up its 0.3 seconds, or all of them
    but the tenth of a second between two tries. So who gave up that late is asked once more.
    """

    def work() -> str:
        return "done"

    for _ in range(5):
        trial.put({name: Ends("token of B", 0.12)})
        begin = time.monotonic()
        outcome = trial.attempt(name, work)
        took = time.monotonic() - begin
        if outcome.value == "done":
            return
        if took < 0.15:
            break
    raise Failed(NOT_WAITED, "done", _seen(outcome))


def _expect_late_work(trial: Trial, name: str) -> None:
    """The lock ends while the work goes on, and B takes it: B keeps it, and nobody is told that nothing was done."""

    def work() -> str:
        apart(trial.redis.set)(name, "token of B", px=20_000)
        return "done"

    trial.put({})
    outcome = trial.attempt(name, work)
    if trial.redis.get(name) != "token of B":
        raise Failed(THEIRS_TOUCHED)
    if outcome.error is None and outcome.value != "done":
        raise Failed(TOLD_NOTHING, Plain("'done', or the error LockNotOwnedError"), outcome.value)


def _expect_one_holder(trial: Trial, name: str) -> None:
    """Somebody else wants the lock at every moment of the call, and gets it only when it is free."""
    events: list[str] = []

    def b_wants_it() -> None:
        if trial.redis.set(name, "token of B", nx=True, px=20_000):
            events.append("B has it")

    def work() -> None:
        events.append("work")

    trial.every_gap(
        "somebody else took the lock between two of your commands, and then both worked at once",
        (name, work),
        before=events.clear,
        rivals={"B wants the lock": b_wants_it},
        allowed=lambda run, seen: events[:2] != ["B has it", "work"],
    )


WORK_ALONE = Exercise(
    id="19.3",
    title="Work alone, or not at all",
    kind="write",
    question="""\
Write `work_alone`. It calls `work()` while it holds the lock `name`, and returns what `work()` returns. Take a lock of
redis-py that lives 5 seconds. When somebody else has it, wait at most 0.3 seconds. Then return `None`, without calling
`work`. Return `None` in no other case: it tells the caller that `work` was not called.

When `work` raises an error, the lock is released, and the caller gets the error.""",
    stub="""\
def work_alone(redis_conn, name, work):
    # your code here
    ...""",
    hints=(
        "`lock = redis_conn.lock(name, ...)` with two options: `timeout` is the life of the lock, `blocking_timeout` "
        "the longest wait.",
        "`lock.acquire()` returns False when it did not get the lock in this time. Then return None.",
        "After that: `try:`, `return work()`, `finally:`, `lock.release()`.",
    ),
    solution="""\
def work_alone(redis_conn, name, work):
    lock = redis_conn.lock(name, timeout=5, blocking_timeout=0.3)
    if not lock.acquire():
        return None
    try:
        return work()
    finally:
        lock.release()""",
    why="`finally` releases the lock after an error, too, and its TTL ends it when the program is killed. When the "
    "work took longer than the lock lived, release() raises LockNotOwnedError: the caller should know that somebody "
    "else may have worked at the same time.",
    check=_check_work_alone,
)

# 19.4

NOT_FOUND = (
    "the lock holds your own token: an earlier try has taken it, and only the reply was lost. Your program was told "
    "that it has no lock, and nobody works until the lock ends"
)
NOT_YOURS = "somebody else has the lock, and your program was told that it is its own: two work at once"
THEIRS_RENEWED = (
    "your own lock ended between two of your commands, B took it, and your function gave B's lock another time. "
    "Look at what is changed after the look"
)
END_LOST = "the lock is your own, and now it never ends: look at what is written when it is there already"


def _check_take_or_find(trial: Trial) -> None:
    name, token = trial.key("lock"), f"{ODD} {trial.word()}"
    milliseconds = trial.number(20_000, 40_000)
    args = (name, token, milliseconds)
    with cures(
        {
            NOT_FOUND: "When SET answers None, look with GET: is it your token?",
            NOT_YOURS: "Compare what GET answers with your token: `==`.",
            TAKEN_AWAY: "SET replaces what is there, unless NX is given.",
            NO_END: "Give SET the TTL in the same call: px=milliseconds.",
            THEIRS_RENEWED: "A lock that is there needs no change: look, and answer.",
            TWO_HOLDERS: "Looking and writing must be one command: SET with NX. Its answer is True or None.",
        }
    ):
        _expect_taken(trial, name, token, milliseconds)
        _expect_mine_or_theirs(trial, name, token, milliseconds)
        b_holds = {"B's lock ends": lambda: trial.redis.delete(name)}
        trial.every_gap(
            or_raised("B's lock ended between two of your commands, and what you were told is not what is there"),
            args,
            before=lambda: trial.put({name: Ends("token of B", 20)}),
            rivals=b_holds,
        )
        mine = {
            "your own lock ends": lambda: trial.redis.delete(name),
            "your lock ends, B takes it": lambda: trial.redis.set(name, "token of B", px=20_000),
        }
        trial.every_gap(
            or_raised("your own lock ended between two of your commands, and then yours and B's were mixed up"),
            args,
            before=lambda: trial.put({name: Ends(token, 20)}),
            rivals=mine,
            allowed=lambda run, seen: run.outcomes[0].value is False and seen.get(name, ("", True))[0] != token,
        )
        trial.every_gap(
            or_raised(THEIRS_RENEWED),
            (name, token, 60_000),
            before=lambda: trial.put({name: Ends(token, 20)}),
            rivals={"your lock ends, B takes it": lambda: trial.redis.set(name, "token of B", px=20_000)},
            view=lambda: trial.redis.get(name) == "token of B" and trial.redis.pttl(name) > 30_000,
        )
        trial.every_gap(
            or_raised(TWO_HOLDERS),
            args,
            before=lambda: None,
            rivals={"B wants the lock": lambda: trial.redis.set(name, "token of B", px=20_000, nx=True)},
        )
        trial.orders(
            or_raised(TWO_HOLDERS),
            {"customer A": args, "customer B": (name, "token of B", 30_000)},
            before=lambda: None,
        )
        trial.every_cut(LEFT_WITHOUT_END, args, before=lambda: None)
        for held in (None, token, "token of B"):
            before = {} if held is None else {name: Ends(held, 20)}
            trial.every_error(args, before=lambda before=before: trial.put(before))
        _expect_loss_is_told(trial, args, before=lambda: None)


def _expect_mine_or_theirs(trial: Trial, name: str, token: str, milliseconds: int) -> None:
    """Somebody has the lock: this caller, whose reply was lost, or somebody else."""
    trial.put({name: Ends(token, 15)})
    expect_answer(NOT_FOUND, True, trial.call(name, token, milliseconds))
    trial.expect_value(NO_TOKEN, name, token)
    if trial.redis.pttl(name) == -1:
        raise Failed(END_LOST)
    for held in ("token of B", token + "5", token[:-1], token.upper(), "taken"):
        trial.put({name: Ends(held, 15)})
        answer = trial.call(name, token, milliseconds)
        trial.expect_value(TAKEN_AWAY, name, held)
        expect_answer(NOT_YOURS, False, answer)
        trial.expect_state(WOUND, {name: Ends(held, 15)})


TAKE_OR_FIND = Exercise(
    id="19.4",
    title="Mine already?",
    kind="write",
    question="""\
Write `take_or_find`. It takes the lock `name` as `take_lock` does, and returns `True`. When the lock is not free, it
looks: does the lock hold `token`? Then an earlier try has taken it, and the answer is `True`, too. Otherwise somebody
else has it: change nothing, and return `False`.""",
    stub="""\
def take_or_find(redis_conn, name, token, milliseconds):
    # your code here
    ...""",
    hints=(
        "Begin with the line of `take_lock`. When it has taken the lock, return True.",
        "Otherwise the answer is a comparison: what `GET` answers, and `token`.",
        "`return redis_conn.get(name) == token`",
    ),
    solution="""\
def take_or_find(redis_conn, name, token, milliseconds):
    if redis_conn.set(name, token, nx=True, px=milliseconds):
        return True
    return redis_conn.get(name) == token""",
    why="Nobody else has this token, so a lock that holds it can only be yours. Use a new token for each purchase, and "
    "the same one for each try of it.",
    check=_check_take_or_find,
)

# 19.5

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
    with cures(
        {
            SOLD_OUT: "Look first, and take only when there is a crate; both in one step on the server.",
            BELOW_ZERO: "Look first, then take, and both in one step on the server: a script.",
            TWICE: "Look, take and note in one script. Or WATCH the stock before you look at it.",
            NOT_SOLD: "After a WatchError, begin again, as often as needed; or use a script, which nobody disturbs.",
            TOGETHER: "Look, take and note in one script. With WATCH on the stock: look after the WATCH, and begin "
            "again after a WatchError.",
            TORN: "Both changes belong in one step: one script, or one MULTI.",
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
            return or_raised(why)(run)

        seen: list[str | None] = []

        def empty() -> None:
            seen.clear()
            trial.put({stock: "0"})

        trial.every_gap(
            or_raised(BELOW_ZERO),
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
        outcome = trial.attempt(*args, between=beside(trial, bob_buys))
        if outcome.error is not None or outcome.value is not True:
            raise Failed(GAVE_UP)
        for crates in (0, 3):
            trial.every_error(args, before=delivered(crates))
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
            expect_answer(TOLD_NO, True, trial.call(stock, sales, buyer))
            trial.expect_value(NOT_TAKEN, stock, str(crates - 1))
            trial.expect_value(NOT_NOTED, sales, [*sold, buyer])
            after = [*sold, buyer]
            trial.expect_state(NOT_TAKEN, {stock: kept(str(crates - 1), 50), sales: kept(after, 70) if sold else after})


def _expect_sold_out(trial: Trial, args: tuple, before: dict[str, object]) -> None:
    """No crate is left, or there never was one."""
    stock, sales, _ = args
    answer = trial.case(SOLD_OUT, args, before=before, after={stock: None, sales: None} | before)
    expect_answer(TOLD_YES, False, answer)


SELL_ONE = Exercise(
    id="19.5",
    title="The last crate, without a lock",
    kind="stretch",
    question="""\
Write `sell_one`, without any lock. It takes one crate out of the number at `stock_key`, appends `buyer` to the list at
`sales_key`, and returns `True`. When no crate is left, or there is no such key, it changes nothing and returns `False`.

Many customers buy at the same time. The stock is never below zero, not even for a moment. The program may be killed at
any moment: then no crate is gone without its buyer in the list.""",
    stub="""\
def sell_one(redis_conn, stock_key, sales_key, buyer):
    # your code here
    ...""",
    hints=(
        "Two keys, one step: a script with two KEYS, or WATCH on the stock and both changes between MULTI and EXEC.",
        "Begin with `TAKE_CRATE`. Between its look and its DECRBY, one line is missing: it appends `ARGV[1]` to the "
        "list `KEYS[2]`.",
        "The line is `redis.call('RPUSH', KEYS[2], ARGV[1])`. The call is "
        "`redis_conn.eval(script, 2, stock_key, sales_key, buyer) == 1`.",
    ),
    solution="""\
def sell_one(redis_conn, stock_key, sales_key, buyer):
    script = '''
        local left = redis.call('GET', KEYS[1]) or '0'
        if tonumber(left) < 1 then
            return 0
        end
        redis.call('RPUSH', KEYS[2], ARGV[1])
        redis.call('DECRBY', KEYS[1], 1)
        return 1
    '''
    return redis_conn.eval(script, 2, stock_key, sales_key, buyer) == 1""",
    why="A script is one step in Redis: nobody comes in between, no TTL can end too early, and a program that is "
    "killed has sent all of it or nothing. The solution has RPUSH before DECRBY, because an error in a script undoes "
    "nothing: if the list's key holds something else, no crate is gone.",
    check=_check_sell_one,
)

EXERCISES = (TAKE_LOCK, RELEASE, WORK_ALONE, TAKE_OR_FIND, SELL_ONE)

QUIZ = (
    Question(
        "A program takes a lock with SET and NX, and sets its TTL with EXPIRE in the next line. Most days all is well. "
        "What can happen?",
        (
            ("Two programs get the lock", "SET with NX gives it to one of them, whatever comes next."),
            (
                "The lock stays for ever",
                "The program may be killed between the two lines. PX sets the TTL in the same command.",
            ),
            ("EXPIRE finds no lock", "Nothing deletes the key between the two lines: it has no TTL yet."),
        ),
        answer="b",
    ),
    Question(
        "A nightly report takes 40 seconds, once in a month 70. Its lock is with redis_conn.lock(name, timeout=60). "
        "What happens in that month?",
        (
            (
                "redis-py makes the lock longer, as often as needed",
                "Only when you call extend or reacquire.",
            ),
            (
                "The report is stopped after 60 seconds",
                "The lock ends. Nothing stops the program.",
            ),
            (
                "A second report may run beside it for 10 seconds",
                "The lock is free from second 60 on. At its end, the first one gets LockNotOwnedError.",
            ),
        ),
        answer="c",
    ),
    Question(
        "All workers use one token, the name of their computer, and release with the script that compares. Two workers "
        "run on the same computer. What can go wrong?",
        (
            (
                "One deletes the other's lock",
                "The script finds its token in it. Each holder needs a token of its own, new each time.",
            ),
            ("Both get the lock at once", "SET with NX looks whether the key is there, not at what is in it."),
            ("Nobody can release the lock", "The token is in the lock, so the script deletes it."),
        ),
        answer="a",
    ),
    Question(
        "A page of a web shop uses redis_conn.lock(name, timeout=10), without more options. Another program holds this "
        "lock, and renews it all day. What does a customer see?",
        (
            ("An error, after 10 seconds", "timeout is the life of the lock, not the longest wait."),
            ("An error, at once", "By default, acquire waits."),
            ("A page that never comes", "Without blocking_timeout, acquire waits for ever."),
        ),
        answer="c",
    ),
    Question(
        "A theatre keeps each seat as a row in its SQL database. Two people want seat 12. What is the simplest that is "
        "right?",
        (
            (
                "UPDATE seats SET owner = ? WHERE seat = 12 AND owner IS NULL",
                "The database looks and writes in one step. rowcount tells who got it.",
            ),
            (
                "A lock in Redis around SELECT and UPDATE",
                "It costs more, and when the lock ends too early, the seat has two owners.",
            ),
            ("SELECT, and UPDATE when the seat is free", "Both may look before one of them writes."),
        ),
        answer="a",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="late-predict",
        text=(
            "A works longer than its lock lives. The lock ends, and B takes it. Then A has finished, and deletes the "
            "lock, as always. Now C wants the lock. Can C take it?"
        ),
        code="""\
lock = "cell-by-cell:review:lock"
redis_conn.set(lock, "A", nx=True, px=5000)
redis_conn.delete(lock)  # as if the time of A's lock were over
redis_conn.set(lock, "B", nx=True, px=5000)
redis_conn.delete(lock)  # A has finished
print("C takes it:", redis_conn.set(lock, "C", nx=True, px=5000))""",
        options=(
            ("no: B has it", "C takes it: None"),
            ("yes: A has deleted B's lock", "C takes it: True"),
            ("no: A's `DEL` raises an error", r"\w+Error: .*"),
        ),
        answer="b",
        why="B and C are both at work now. And B will delete C's lock.",
    ),
)
