"""Lesson 31: a writer that takes the ticket away, storing under a lease, ids that exist, reloading early, a breaker."""

import contextlib
import json
import math
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from redis_helpers.connection import ConnectOptions
from redis_helpers.course.exercises.checker import Plain, Trial, nobody_there
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.runner import Outcome
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.exercises.wire import apart
from redis_helpers.course.lessons.cache_checks import expect_error_of_save
from redis_helpers.course.lessons.clock_checks import Clock
from redis_helpers.course.lessons.common_checks import cures

# 31.1

STORE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', 300)
return redis.call('DEL', KEYS[2])
"""

OLD_PRICE = (
    "a reader had loaded the old price before you saved, and its copy is there when you have finished: customers pay "
    "it until the TTL ends. Look at what a reader needs in order to store"
)
OLD_PRICE_BETWEEN = (
    "a reader came between two of your steps, and the old price is cached after you have finished: customers pay it "
    "until the TTL ends. Look at what is still there between your steps"
)
TICKET_LEFT = "when you have finished, a ticket is still there: both keys are to be gone"
COPY_LEFT = "the old copy is still there when you have finished, and customers pay the old price"
COPY_MADE = (
    "your function stored the new price itself: two writers can store in the other order than they save, and then the "
    "older price stays. Delete the copy: the next reader loads what is true"
)
KEPT = (
    "Redis answered with an error, and your function kept it to itself: the old price stays in the cache, and nobody "
    "knows"
)


class _Readers:
    """Readers of one price, who store with a ticket. Each comes when it is told to, and stores later."""

    def __init__(self, trial: Trial, key: str, lease: str) -> None:
        self.trial, self.key, self.lease = trial, key, lease
        self.price = 0  # what the source says
        self._to_store: list[tuple[str, int]] = []

    def begin(self, price: int, copy: bool) -> None:
        """One of them has missed, has its ticket, and has loaded. With `copy`, another one has stored since."""
        self.price = price
        ticket = self.trial.word()
        self._to_store = [(ticket, price)]
        entries: dict[str, object] = {self.lease: Ends(ticket, 10)}
        if copy:
            entries[self.key] = Ends(str(price), 300)
        self.trial.put(entries)

    def come(self) -> None:
        """One more: looks into Redis, and on a miss takes a ticket and loads."""
        if self.trial.redis.get(self.key) is None:
            ticket = self.trial.word()
            self.trial.redis.set(self.lease, ticket, ex=10)
            self._to_store.append((ticket, self.price))

    def store(self) -> None:
        """Whoever has loaded stores, if its ticket is still there."""
        for ticket, price in self._to_store:
            self.trial.redis.eval(STORE, 2, self.key, self.lease, ticket, price)
        self._to_store = []

    def none_has_an_old_price(self) -> bool:
        """After the last of them has stored."""
        self.store()
        return self.trial.redis.get(self.key) in (None, str(self.price))


def _check_change_safely(trial: Trial) -> None:
    key, lease = trial.key("banana"), trial.key("banana:lease")
    readers = _Readers(trial, key, lease)
    saved: list[object] = []
    come, store = readers.come, readers.store
    before: list[Callable[[], None]] = []  # who comes right before the source changes
    after: list[Callable[[], None]] = []  # and right after

    def save(price: int) -> None:
        for act in before:
            apart(act)()
        saved.append(price)
        readers.price = price
        for act in after:
            apart(act)()

    def begin() -> None:
        readers.begin(trial.number(300, 400), copy=True)

    with cures({OLD_PRICE: TWO_KEYS, OLD_PRICE_BETWEEN: BOTH_AT_ONCE, COPY_LEFT: TWO_KEYS}):
        for copy in (True, False):
            price = trial.number(500, 900)
            for earlier, later in (([], []), ([come], []), ([store], []), ([], [store]), ([come], [store])):
                before[:], after[:] = earlier, later
                saved.clear()
                readers.begin(trial.number(300, 400), copy)
                trial.call(key, lease, save, price)
                _expect_saved_once(trial, saved, price)
                if copy and not before:
                    stored = not after and trial.redis.get(key) == str(price)
                    trial.expect_value(COPY_MADE if stored else COPY_LEFT, key, None)
                if not readers.none_has_an_old_price():
                    raise Failed(OLD_PRICE, Plain(f"no copy, or {price}"), trial.redis.get(key))
            before.clear()
            after.clear()
            readers.begin(trial.number(300, 400), copy)
            trial.call(key, lease, save, price)
            trial.expect_value(TICKET_LEFT, lease, None)
            trial.expect_state("the copy and the ticket are to be gone, and nothing else is to be changed", {})
        trial.put({key: Ends("350", 300)})
        trial.call(key, lease, save, price)
        trial.expect_value(COPY_LEFT, key, None)
        args = (key, lease, save, trial.number(500, 900))
        trial.every_gap(
            OLD_PRICE_BETWEEN,
            args,
            before=begin,
            rivals={"a reader comes": come, "a reader stores what it has loaded": store},
            view=readers.none_has_an_old_price,
            allowed=lambda run, is_right: bool(is_right),
        )
        expect_error_of_save(trial, (key, lease), OSError("the market's database is full"), begin)
        trial.every_error(args, begin, KEPT)


TWO_KEYS = "First save(price). Then delete both keys: the copy, and the ticket without which no reader stores."
BOTH_AT_ONCE = "`delete` takes several keys, and deletes them in one step. Do it after save(price)."


def _expect_saved_once(trial: Trial, saved: list[object], price: int) -> None:
    if not saved:
        raise Failed("the source must hold the new price, and was not told", Plain(f"save({price})"), None)
    trial.expect("the source was told another price: hand on what you got", price, saved[0])
    trial.expect("the source was told more than once: call save(price) once", 1, len(saved))


CHANGE_SAFELY = Exercise(
    id="31.1",
    title="Take the ticket away",
    kind="write",
    question="""\
Write the writer `change_safely(redis_conn, key, lease, save, price)`. `save(price)` writes the new price to the source.
Under `key` there may be a copy, and under `lease` the ticket of a reader. When your function ends, both are gone, and
no reader that loaded the old price can store it any more. Readers come at any moment. If a step fails, the caller gets
the error.""",
    stub="""\
def change_safely(redis_conn, key, lease, save, price):
    # your code here
    ...""",
    hints=(
        "It is `change_price` of this lesson, with one key more.",
        "A reader can come between two commands. Can one command delete both keys?",
    ),
    solution="""\
def change_safely(redis_conn, key, lease, save, price):
    save(price)
    redis_conn.delete(key, lease)""",
    why="after the delete, a reader that loaded before has no ticket, and does not store. Who takes a ticket now loads "
    "the new price.",
    check=_check_change_safely,
)

# 31.2

ONE_STEP = (
    "The server must look, store and delete in one step: a script (`eval`), or WATCH on the lease before the look, and "
    "MULTI … EXEC."
)


def _check_store_if_ours(trial: Trial) -> None:
    key, lease, token, ttl = trial.key("banana"), trial.key("lease"), trial.word(), trial.number(600, 900)
    text = json.dumps([trial.word(), "ü \"'{}*?", trial.number(100, 999)], ensure_ascii=False)
    args = (key, lease, token, text, ttl)
    for old, ours in ((None, Ends(token, 20)), ("[1]", Ends(token, 20)), (Ends("[1]", 30), token)):
        trial.put({key: old, lease: ours})
        answer = trial.call(*args)
        trial.expect_value("the lease is ours, and readers do not get what we loaded: it was not stored", key, text)
        late = "readers must get this value for `ttl` seconds, and then no more: look at the TTL of the entry"
        trial.expect_ttl(late, key, ttl - 2, ttl)
        waits = "the entry is stored, and the lease is still there: others wait for it until it ends"
        trial.expect_value(waits, lease, None)
        trial.expect("the caller wants to know: return True when the entry was stored", True, answer)
        trial.expect_state("store the entry, delete the lease, and change nothing else", {key: Ends(text, ttl)})

    others = (trial.word(), f"{token}0", token[:-1], token.upper())
    for theirs, old in [*((Ends(other, 20), Ends("[1]", 500)) for other in others), (others[0], None)]:
        there = {key: old, lease: theirs}
        trial.put(there)
        answer = trial.call(*args)
        stale = "the lease is another's, and your value was stored or took the entry away: it may be an old price"
        trial.expect_value(stale, key, old.value if isinstance(old, Ends) else None)
        taken = "the lease is another reader's, and it is gone or changed: what that reader loads cannot be stored"
        trial.expect_value(taken, lease, theirs.value if isinstance(theirs, Ends) else theirs)
        trial.expect("nothing was stored: return False, so that the caller knows", False, answer)
        trial.expect_state("the lease is not ours: everything must stay as it is, TTLs included", there)
    for old in (None, "[1]"):
        trial.put({key: old})
        answer = trial.call(*args)
        gone = "a writer has deleted the lease, and the old price was stored all the same"
        trial.expect_value(gone, key, old)
        trial.expect("there is no lease any more, and nothing was stored: return False", False, answer)
        trial.expect_state("there is no lease any more: everything must stay as it is", {key: old})
    _expect_one_step(trial, args, others[0])


def _expect_one_step(trial: Trial, args: tuple, other: str) -> None:
    key, lease, token, *_ = args

    def newer_value() -> None:
        trial.redis.pipeline().set(key, "[299]", ex=500).delete(lease).execute()

    def why(run: Run) -> str:
        (outcome,) = [outcome for outcome, call in zip(run.outcomes, run.calls, strict=True) if call is not None]
        if outcome.error is not None:
            return (
                f"somebody changed the lease meanwhile, and your function raised {type(outcome.error).__name__}. The "
                "lease is not ours any more: that is an answer, not an error"
            )
        if (found := trial.redis.get(lease)) != other and run.actors[-1].name.endswith("takes it"):
            return (
                "the lease ended, another reader took it, and your function took it away: what that reader loads "
                "cannot be stored"
                if found is None
                else "the lease ended, another reader took it, and your function changed it"
            )
        if trial.redis.get(key) in (None, "[299]"):
            return "your function said True, and the value was not stored: the caller trusts an entry that is not there"
        return (
            "a writer came in between, and the old price was stored all the same: customers see it for `ttl` seconds. "
            "Look at what can happen between your look at the lease and your store"
        )

    def before() -> None:
        trial.put({lease: Ends(token, 20)})

    try:
        trial.every_gap(
            why,
            args,
            before,
            rivals={
                "a writer deletes both keys": lambda: trial.redis.delete(key, lease),
                "the lease ends, another reader takes it": lambda: trial.redis.set(lease, other, px=20_000),
                "a newer value is stored": newer_value,
            },
        )
        trial.every_cut("the entry is stored, or the lease deleted, and the other is not done", args, before)
    except Failed as failure:
        failure.cure = failure.cure or ONE_STEP
        raise
    trial.every_error(args, before)
    there = {key: "[1]", lease: ["no text"]}
    trial.put(there)
    if not isinstance(trial.attempt(*args).error, redis.ResponseError):
        raise Failed(
            "something else than a token is in the lease, Redis says so (WRONGTYPE), and the caller of your function "
            "does not learn of it"
        )
    trial.expect_state("Redis answered with an error (WRONGTYPE): everything must stay as it is", there)


STORE_IF_OURS = Exercise(
    id="31.2",
    title="Store, but only while it is ours",
    kind="change",
    question="""\
A reader stores what it loaded, if its ticket, `token`, is still in the key `lease`. But a writer may delete `key` and
`lease` between the two commands. Change the code: look, store for `ttl` seconds and delete the lease in one step;
return `True` when stored, and `False` (and change nothing) when the lease is not ours.""",
    stub="""\
def store_if_ours(redis_conn, key, lease, token, text, ttl):
    if redis_conn.get(lease) == token:
        redis_conn.set(key, text, ex=ttl)""",
    hints=(
        "Nothing may come between commands that run inside the server. Which one runs a script there?",
        "The script that releases a lock (lesson 19) is nearly it: it looks at the token, and then deletes. Between "
        "the two, yours stores.",
        "`redis_conn.eval(script, 2, …)`: two keys follow, then the arguments. In the script they are KEYS[1], "
        "KEYS[2], ARGV[1] and so on; what it returns, 0 or 1, comes back as a number.",
    ),
    solution='''\
def store_if_ours(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        redis.call('DEL', KEYS[2])
        return 1
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1''',
    why="the server runs a script as one command. A writer comes before it, and the lease is gone, or after it, and "
    "deletes what was stored.",
    check=_check_store_if_ours,
)

# 31.3

YES_OR_NO = "the caller asks yes or no: return True or False, and nothing else"
IS_THERE = "the fruit is there, and the customer is told that it does not exist"
NOT_THERE = (
    "the id is not in the set, and the source is asked all the same: a scan of ids reaches it with each question"
)
NO_SET = (
    "there is no such set (it was deleted, or Redis has started anew), and customers are told that no fruit exists. "
    "Without the set, nobody knows: the source must be asked"
)
SET_CAME_OR_WENT = (
    "the set came or went between two of your commands, and a customer is told that a fruit does not exist, although "
    "the set never said so"
)
WHOLE_SET = "your function fetches all the ids to look for one of them: with a million ids, each read waits for that"
ONE_QUESTION = (
    "Ask both in one step, with a pipeline (MULTI): is there such a set, and is the number in it? "
    "`sismember` gives 1 or 0."
)


def _check_may_exist(trial: Trial) -> None:
    ids = trial.key("ids")
    number = trial.number(1200, 1900)
    around = {str(number + 1), str(number - 1), f"{number}0", str(number)[:-1], f"{number} "}

    def ask(why: str, expected: bool, members: set[str]) -> None:
        before = {ids: members} if members else {}
        trial.put(before)
        answer = trial.call(ids, number)
        if {"SMEMBERS", "SSCAN", "SORT"} & set(trial.commands):
            raise Failed(WHOLE_SET, cure="SISMEMBER asks for one member.")
        if not isinstance(answer, bool):
            raise Failed(YES_OR_NO, expected, answer)
        trial.expect(why, expected, answer)
        trial.expect_state("your function is only to look, and it changed something", before)

    with cures({NO_SET: ONE_QUESTION, SET_CAME_OR_WENT: ONE_QUESTION}):
        ask(IS_THERE, True, {str(number), *around})
        ask(IS_THERE, True, {str(number)})
        ask(NOT_THERE, False, around)
        ask(NO_SET, True, set())
        for members in ({str(number), "7"}, set()):

            def begin(members: set[str] = members) -> None:
                trial.put({ids: members} if members else {})

            trial.every_gap(
                SET_CAME_OR_WENT,
                (ids, number),
                before=begin,
                rivals={
                    "the set is deleted": lambda: trial.redis.delete(ids),
                    "the set is stored": lambda: trial.redis.sadd(ids, number, 7),
                },
            )
        trial.orders(
            SET_CAME_OR_WENT,
            {"your function": (ids, number)},
            before=lambda: trial.put({}),
            rivals={
                "the set is stored": lambda: trial.redis.sadd(ids, number, 7),
                "the set is deleted": lambda: trial.redis.delete(ids),
            },
        )
    for reached in (0, 1):
        trial.put({ids: {str(number), "7"}})
        _expect_no_wrong_no(trial.attempt(ids, number, error_after=reached))
    trial.put({ids: ["no set"]})
    _expect_no_wrong_no(trial.attempt(ids, number))


def _expect_no_wrong_no(outcome: Outcome) -> None:
    """Whoever gets no answer may say so, or ask the source."""
    if outcome.error is not None and not isinstance(outcome.error, redis.RedisError):
        raise Crashed(outcome.error)
    if outcome.error is None and outcome.value is not True:
        raise Failed(
            "Redis answered with an error, and the customer is told that the fruit does not exist: nobody has looked",
            Plain("the error of Redis, or True"),
            outcome.value,
        )


MAY_EXIST = Exercise(
    id="31.3",
    title="Is there such a fruit?",
    kind="write",
    question="""\
`ids` is the key of a set with the ids of all fruits. Write `may_exist(redis_conn, ids, number)`. It returns `False` if
the set is there and `number` is not in it. Otherwise it returns `True`, also when there is no such set: then nobody
knows. The set can be deleted or stored at any moment. It may hold millions of ids, so do not fetch it.""",
    stub="""\
def may_exist(redis_conn, ids, number):
    # your code here
    ...""",
    hints=(
        "`SISMEMBER` says 0 for a set that is not there, too. Which command tells you whether a key is there?",
        "Two questions, and nothing may come in between: a pipeline sends both with MULTI (lesson 05).",
        "`pipe.execute()` gives a list with both replies, in the order of the questions. Each is 1 or 0.",
    ),
    solution="""\
def may_exist(redis_conn, ids, number):
    with redis_conn.pipeline() as pipe:
        pipe.exists(ids)
        pipe.sismember(ids, number)
        replies = pipe.execute()
    if replies[0] == 0:  # no set: nobody knows
        return True
    return replies[1] == 1""",
    why="a no must be certain, for nobody asks the source after it. A yes costs one question to the source at most.",
    check=_check_may_exist,
)

# 31.4

RULE = (
    "The rule is −βΔ·ln(random) ≥ t. Δ and t are both in milliseconds, the logarithm is the natural one, and its minus "
    "makes it positive."
)


def _reloads(trial: Trial, key: str, took: float, beta: float, calls: int) -> int:
    """How many of the calls say "reload now"."""
    answers = trial.call_often(calls, key, took, beta)
    if odd := [answer for answer in answers if not isinstance(answer, bool)]:
        raise Failed(
            "the caller asks yes or no: return whether to reload now, and nothing else", Plain("True or False"), odd[0]
        )
    return sum(answers)


def _may_happen(hits: int, calls: int, chance: float) -> bool:
    """Whether so many hits, or a number farther off, are seen in more than one of some million runs."""

    def at(k: int) -> float:
        return math.comb(calls, k) * chance**k * (1 - chance) ** (calls - k)

    return min(sum(map(at, range(hits + 1))), sum(map(at, range(hits, calls + 1)))) > 5e-8


def _expect_chance(
    trial: Trial, why: str, key: str, left: int, loads: int, beta: float, calls: int, same: str | None = None
) -> None:
    """`left` milliseconds are left, and that is the time of so many `loads`. `same`: why, where chance has no say."""
    hits = _reloads(trial, key, left / loads, beta, calls)
    chance = math.exp(-loads / beta)
    if not _may_happen(hits, calls, chance):
        raise Failed(
            same if same and not 0.03 < hits / calls < 0.9 else why,
            Plain(f"about {chance:.0%} of the calls, with {loads} × took left and beta = {beta:g}"),
            Plain(f"{hits / calls:.0%} of them"),
            cure=RULE,
        )


def _check_should_reload(trial: Trial) -> None:
    key, left = trial.key("banana"), trial.number(50_000_000, 90_000_000)
    entry = {key: Ends(trial.word(), left / 1000, late=60)}
    trial.put(entry)
    if _reloads(trial, key, 10, 1, 20) > 0:
        raise Failed(
            "the entry has hours left, and readers load it anew all the same: the source gets every read. Which of the "
            "two times must be the larger one?",
            cure=RULE,
        )
    if _reloads(trial, key, left * 10**7, 1, 20) < 20:
        raise Failed(
            "the entry ends long before a load could finish, and readers do not reload it: all of them will miss. "
            "A load that takes longer must begin earlier: look at `took`, and at the sign of what chance gives",
            cure=RULE,
        )
    trial.expect_state("asking whether to reload changes nothing: the entry and its TTL stay as they are", entry)
    chance = (
        "readers reload with another chance than the rule's: too many load at once, or nobody does in time. Look at "
        "the time that you make of the random number"
    )
    same = (
        "with the time of one load left, nearly all readers get the same answer: all of them load at once, or nobody "
        "does until the entry is gone. Look at what chance decides, anew for each read, and at the units"
    )
    _expect_chance(trial, chance, key, left, 1, 1, 1000, same)
    _expect_chance(trial, chance, key, left, 3, 1, 800)
    beta = "with another beta the readers reload too often, or too seldom: a larger beta must make them reload earlier"
    _expect_chance(trial, beta, key, left, 1, 4, 300)
    _expect_chance(trial, beta, key, left, 1, 0.25, 300)
    _expect_gone_and_short(trial, key)
    trial.every_error((key, 1000, 1), before=lambda: trial.put({key: "1"}))


def _expect_gone_and_short(trial: Trial, key: str) -> None:
    """An entry that is gone, and one with less than half a second left, which TTL takes for gone."""
    trial.put({})
    if _reloads(trial, key, 1, 0.5, 20) < 20:
        raise Failed(
            "the entry is gone, and the reader is told that it need not load: there is nothing to show to the "
            "customer. What does PTTL answer for a key that is not there?",
            Plain("True, always"),
        )
    for _ in range(10):
        trial.put({key: Ends("[312]", 0.4)})
        hits = _reloads(trial, key, 3, 1, 5)
        if int(trial.redis.pttl(key)) < 150:
            continue  # the machine stood still: once more
        if hits > 0:
            raise Failed(
                "the entry has 0.4 s left, which is the time of a hundred loads, and all readers load it at once: "
                "something rounds the time that is left"
            )
        return
    raise Failed("this machine is too busy for the check: run the cell again")


SHOULD_RELOAD = Exercise(
    id="31.4",
    title="Now, or later?",
    kind="blank",
    question="""\
`should_reload` throws XFetch's dice for one read, and returns `True` when this reader is to reload now, and always when
the entry is gone. `took` is what a load takes, in milliseconds. What stands in place of the `...`?""",
    stub="""\
import math
import random


def should_reload(redis_conn, key, took, beta):
    left = redis_conn.pttl(key)
    return left <= ...""",
    hints=(
        "The cell with a thousand readers compares what is left with what the dice give. Here, `beta` is one more "
        "factor.",
        "`math.log` is ln, and `random.random()` a number between 0 and 1. Its logarithm is negative, so the minus "
        "makes a positive time.",
        "Three factors: beta, took, and minus the logarithm. A key that is gone has −2 left, so the comparison is true "
        "by itself.",
    ),
    solution="""\
import math
import random


def should_reload(redis_conn, key, took, beta):
    left = redis_conn.pttl(key)
    return left <= -beta * took * math.log(1 - random.random())""",
    why="far from the end the dice hardly ever reach that far, near it they nearly always do. No reader has to know of "
    "another, and yet somebody reloads in time.",
    check=_check_should_reload,
)

# 31.5


@dataclass
class _Shop:
    """One who asks Redis through the function, with one breaker, and on a clock that stands."""

    trial: Trial
    clock: Clock
    key: str
    pause: float
    breaker: dict = field(default_factory=dict)
    answered: bool = False  # the call before, and nothing has failed yet
    calm: bool = True

    def _ask(self, key: str | None = None, **how: object) -> Outcome:
        outcome = self.trial.attempt(key or self.key, self.breaker, self.pause, **how)
        if self.clock.slept:
            raise Failed("your function sleeps, and its caller with it: the customer waits for nothing")
        if outcome.error is not None and not isinstance(outcome.error, redis.RedisError):
            raise Crashed(outcome.error)
        return outcome

    def gets(self, why: str, value: object, key: str | None = None) -> None:
        """Redis is asked, and answers."""
        outcome = self._ask(key)
        if outcome.error is not None:
            raise Crashed(outcome.error)
        if self.calm and self.answered and not self.trial.commands:
            raise Failed(
                "Redis answered the call before, and now your function leaves it alone: the source gets these reads. "
                "Only a failure begins a pause",
                Plain("GET"),
                Plain("no command"),
            )
        if self.trial.commands != ["GET"]:
            asked = Plain(", ".join(self.trial.commands) or "no command")
            raise Failed(f"{why}: the function must ask it, by one GET", Plain("GET"), asked)
        self.trial.expect(f"{why}: return what it has", value, outcome.value)
        self.answered = True

    def fails(self, what: str, asks: bool = True, **how: object) -> None:
        """Redis is taken away for this call."""
        self.calm = False
        outcome = self._ask(**how)
        if asks and not self.trial.commands:
            raise Failed(
                f"{what}: this call must ask Redis, and yours sends nothing. Nobody will notice when it is back"
            )
        if self.trial.commands.count("(cut)") > 1:
            raise Failed(f"{what}, {AT_ONCE}")
        if outcome.error is not None:
            raise Failed(
                f"{what}, and your function raised {type(outcome.error).__name__}: the customer's page fails with it",
                cure="Catch what stands for a lost connection and what stands for a time-out, and return None.",
            )
        self.trial.expect(f"{what}: return None, and not an old value", None, outcome.value)

    def is_silent(self, why: str, key: str | None = None) -> None:
        """Redis is there again, and must be left alone."""
        outcome = self._ask(key)
        if self.trial.commands:
            raise Failed(why, Plain("no command"), Plain(", ".join(self.trial.commands)))
        if outcome.error is not None:
            raise Failed(
                f"Redis is left alone, and your function raised {type(outcome.error).__name__}: the customer's page "
                "fails with it"
            )
        self.trial.expect("while Redis is left alone the answer is None", None, outcome.value)

    def raises(self, what: str, key: str | None = None, **how: object) -> None:
        """Redis answers with an error."""
        self.answered = False
        outcome = self._ask(key, **how)
        if not isinstance(outcome.error, redis.ResponseError):
            raise Failed(
                f"{what}: Redis is there, and what it says must reach the caller. Otherwise nobody ever finds that bug",
                Plain("the error of Redis"),
                Plain(f"{'' if self.trial.commands else 'no command, and '}the answer {outcome.value!r}"),
            )


AT_ONCE = "and your function tried again at once: each try costs the customer a time-out"
AGAIN = (
    "and the next call asked Redis again: for `pause` seconds, counted from the failure, it must send nothing. "
    "Otherwise each customer waits for a time-out"
)
OVER = "the pause is over, and Redis is back"


def _check_get_guarded(trial: Trial) -> None:
    key, empty, other, odd = (trial.key(name) for name in ("banana", "empty", "other", "list"))
    value, pause = str(trial.number(100, 999)), trial.number(50, 90)
    there = {key: value, empty: "", other: "0", odd: ["no text"]}
    trial.put(there)
    with Clock(trial, stands=True).shown() as clock:
        shop = _Shop(trial, clock, key, pause)
        shop.gets("Redis is there, and has no such key", None, trial.key("none"))
        shop.gets("Redis is there, and has an empty text", "", empty)
        shop.gets("Redis is there, and has a 0", "0", other)
        for _ in range(2):
            shop.gets("Redis is there", value)
        _expect_a_pause(shop, other)
        _expect_other_failures(shop)
        _expect_answers_are_answers(shop, odd)
        _expect_a_steady_clock(shop)
    trial.expect_state("the function only reads", there)


def _expect_a_pause(shop: _Shop, other: str) -> None:
    """It begins at a failure, lasts for `pause` seconds, whatever is asked meanwhile, and begins anew at the next."""
    clock, pause, value = shop.clock, shop.pause, shop.trial.redis.get(shop.key)
    shop.fails("the connection was lost", cut_after=0)
    shop.is_silent(f"the connection was lost, {AGAIN}")
    shop.is_silent("the connection was lost, and a call for another key asked Redis again: it is the same Redis", other)
    _Shop(shop.trial, clock, shop.key, pause).gets("another `breaker` is for another Redis, which is there", value)
    for _ in range(3):
        clock.passed += 0.32 * pause
        shop.is_silent(f"the connection was lost, {AGAIN}")
    clock.passed += 0.05 * pause  # which is 1.01 of it
    shop.fails("the pause was over, and Redis still gone", cut_after=0)
    for _ in range(2):
        clock.passed += 0.45 * pause
        shop.is_silent(f"the pause was over and Redis still gone, {AGAIN}")
    clock.passed += 0.11 * pause
    shop.gets(OVER, value)
    shop.gets("Redis has answered, so all is well again", value)
    clock.question = 5  # seconds, like a time-out
    shop.fails("Redis did not answer", cut_after=0)
    clock.question, clock.passed = 0, clock.passed + 5
    clock.passed += pause - 2
    shop.is_silent(f"it took 5 s until the call failed, {AGAIN}")
    clock.passed += 3
    shop.gets(OVER, value)
    clock.passed += 3 * pause
    shop.gets("nothing has failed for long", value)


def _connections(server: socket.socket) -> int:
    """How many have come."""
    server.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


def _expect_other_failures(shop: _Shop) -> None:
    """A server that is silent, and one that is not there; each with a pause below a second, too."""
    trial, clock, key = shop.trial, shop.clock, shop.key
    value = trial.redis.get(key)
    brief = _Shop(trial, clock, key, 0.25)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        options = ConnectOptions(port=silent.getsockname()[1])
        brief.fails("Redis did not answer in time", asks=False, options=options, reply_timeout=0.08)
        if _connections(silent) > 1:
            raise Failed(f"Redis did not answer in time, {AT_ONCE}")
    brief.is_silent(f"Redis did not answer in time, {AGAIN}")
    clock.passed += 0.24
    brief.is_silent(f"Redis did not answer in time, {AGAIN}")
    clock.passed += 0.02
    brief.gets(OVER, value)
    brief = _Shop(trial, clock, key, 0.25)
    with nobody_there() as options:
        brief.fails("Redis refused the connection", asks=False, options=options)
    brief.is_silent(f"Redis refused the connection, {AGAIN}")


def _expect_answers_are_answers(shop: _Shop, odd: str) -> None:
    """An error that Redis answers with shows that it is there."""
    clock, value = shop.clock, shop.trial.redis.get(shop.key)
    for breaker in ({}, shop.breaker):
        own = _Shop(shop.trial, clock, shop.key, shop.pause, breaker)
        own.raises("Redis answered with an error (WRONGTYPE)", odd)
        own.gets("Redis has answered, if with an error, and that is no reason to leave it alone", value)
        own.raises("Redis answered with an error (it has no room left)", error_after=0)
        own.gets("Redis has answered, if with an error, and that is no reason to leave it alone", value)
    shop.fails("the connection was lost", cut_after=0)
    clock.passed += 1.1 * shop.pause
    shop.raises("the pause was over, and Redis answered with an error (WRONGTYPE)", odd)
    shop.gets("Redis has answered, if with an error, and that is no reason to leave it alone", value)


def _expect_a_steady_clock(shop: _Shop) -> None:
    """Somebody sets the wall clock during a pause."""
    clock, value = shop.clock, shop.trial.redis.get(shop.key)
    cure = "time.monotonic() only goes forward. time.time() and datetime show the wall clock."
    for hours in (1, -1):
        shop.fails("the connection was lost", cut_after=0)
        clock.wall += 3600 * hours
        try:
            shop.is_silent(
                "somebody set the wall clock forward, and the pause was over at once: Redis is asked again. Which "
                "clock do you look at?"
            )
            clock.passed += 1.01 * shop.pause
            shop.gets(
                "somebody set the wall clock back by an hour, the pause is over, and Redis is back. (Which clock do "
                "you look at?) It must not be left alone for an hour",
                value,
            )
        except Failed as failure:
            failure.cure = cure
            raise


GET_GUARDED = Exercise(
    id="31.5",
    title="A circuit breaker",
    kind="stretch",
    question="""\
Write `get_guarded(redis_conn, key, breaker, pause)`: a `GET` that gives `None` when Redis cannot be reached or does not
answer in time. Then, for `pause` seconds after the failure, calls with the same `breaker`, for whatever key, send
nothing and give `None`; after that, they ask again. `breaker` is a dict, empty at first. An error that Redis answers
with goes to the caller. Somebody may set the machine's clock meanwhile.""",
    stub="""\
def get_guarded(redis_conn, key, breaker, pause):
    # your code here
    ...""",
    hints=(
        "What has to outlive the call is the moment until which Redis is left alone. Which clock never jumps?",
        "`redis.ConnectionError` and `redis.TimeoutError` are two classes, and neither covers the other. "
        "`redis.RedisError` covers too much.",
        "First compare `time.monotonic()` with `breaker.get(...)`; then GET in a `try`; in `except`, write down now "
        "plus the pause.",
    ),
    solution="""\
import time

import redis


def get_guarded(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["until"] = time.monotonic() + pause
        return None""",
    why="when Redis hangs, each call would wait for a time-out. Now one call waits, and then nobody for a whole pause. "
    "What Redis answers, errors included, shows that it is there.",
    check=_check_get_guarded,
)

EXERCISES = (CHANGE_SAFELY, STORE_IF_OURS, MAY_EXIST, SHOULD_RELOAD, GET_GUARDED)

QUIZ = (
    Question(
        "A clinic keeps its opening hours in Redis. Readers store with a ticket, in one script. A new program of the "
        "clinic saves other hours, and deletes the copy. It knows nothing of tickets. What can happen?",
        (
            ("Nothing: the script looks at the ticket", "The ticket is still there: nobody has taken it away."),
            (
                "A reader that loaded before the change stores the old hours",
                "Its ticket is there, so the script lets it. A ticket helps only if all writers take it away.",
            ),
            ("The script raises an error, and stores nothing", "To the script, this ticket is as good as any other."),
        ),
        answer="b",
    ),
    Question(
        "Loads read from a copy of the database that is three seconds behind. A price is saved, and copy and ticket "
        "are deleted in Redis. One second later a reader misses, takes a ticket, loads, and stores. What is in Redis?",
        (
            ("The new price", "The second database does not have it yet."),
            ("Nothing: the script refuses", "The ticket was taken after the delete, and nobody has taken it away."),
            (
                "The old price, until its TTL ends",
                "The load brought something old. The ticket knows only what happened in Redis.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A library asks a set of ids first, and answers 'no such book' when the number is not in it. At noon it gets "
        "100 new books in its database. A program stores the set anew at midnight. What do readers of the new books "
        "see?",
        (
            (
                "'No such book', until midnight",
                "The set answers before anybody asks the database. Who adds a book must add its id, too.",
            ),
            ("The books: the cache misses, and the database is asked", "After a no of the set, nobody asks further."),
            ("The books, but more slowly", "They do not see them at all."),
        ),
        answer="a",
    ),
    Question(
        "A page is read about once an hour. Its copy lives for ten minutes, and readers throw dice to reload it early. "
        "How many of its readers wait for a load?",
        (
            ("Nearly none: somebody reloads in time", "Only a reader throws dice, and nobody reads before the end."),
            ("About 37 %", "That is the chance of one read that comes one load before the end."),
            ("Nearly all", "The copy has ended long before the next reader comes. Dice help where many read."),
        ),
        answer="c",
    ),
    Question(
        "A program leaves Redis alone for 30 seconds after each failure. Once a day, Redis saves its memory and does "
        "not answer for half a second. What does the database notice?",
        (
            (
                "Half a minute of all reads, once a day",
                "One failure opens this breaker, and for 30 seconds nobody gets a hit.",
            ),
            ("Half a second of all reads, once a day", "So long is Redis silent. The breaker stays open for longer."),
            ("Nothing: the reads wait for Redis", "With an open breaker nobody waits. The source gets the reads."),
        ),
        answer="a",
    ),
    Question(
        "A program's Redis is in another building: a round trip takes ten times as long as on one machine. Somebody "
        "wants to make hits faster with a quicker JSON library. What do you expect?",
        (
            ("Hits take about half as long", "JSON was a small part already, and it is a smaller part there."),
            ("Hardly any difference", "Nearly all of a hit is the way there and back. Fewer round trips help."),
            ("Hits get slower", "The library does not slow the round trip down."),
        ),
        answer="b",
    ),
)
