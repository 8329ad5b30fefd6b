"""Lesson 10: sessions that end, carts that lose nothing, a new id at login, logging out elsewhere."""

import threading
import time
from collections.abc import Callable, Mapping

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.exercises.wire import Step
from redis_helpers.errors import CourseError

BUSY = 0.3  # seconds: a measurement that took longer says nothing
SOON = 0.45  # seconds that a session has left: TTL, which knows whole seconds, may say 0


def _some_session(trial: Trial, **fields: str) -> dict[str, str]:
    """A session with a cart, as an earlier request left it."""
    ends = str(trial.number(3_900_000_000, 4_100_000_000))
    return {"ends": ends, f"cart:{trial.word()}": str(trial.number(2, 90)), "note ü": "", "seen": "0", **fields}


def _call_in_time(trial: Trial, before: Mapping[str, object], *args: object) -> object:
    """A call that ends before what is there beforehand could end by itself. A busy machine is too slow for that now
    and then: then the same once more."""
    shortest = min((wanted.seconds for wanted in before.values() if isinstance(wanted, Ends)), default=60)
    for _ in range(20):
        begin = time.monotonic()
        trial.put(before)
        answer = trial.call(*args)
        if time.monotonic() - begin < shortest - 0.05:
            break
    return answer


def _expect_all_of_it(trial: Trial, before: Mapping[str, object], args: tuple, key: str, idle: int) -> None:
    """The TTL is not a second short each time. (EXPIREAT takes whole seconds of the clock, and may be one short.)"""
    seen: list[tuple[float, float]] = []
    for _ in range(12):
        trial.put(before)
        begin = time.monotonic()
        trial.call(*args)
        left = max(0, int(trial.redis.pttl(key))) / 1000
        took = time.monotonic() - begin
        if took > BUSY:
            continue
        seen.append((left - 0.01, left + took + 0.01))  # what it was when it was set lies between
        if seen[-1][1] > idle - 0.4 or max(least for least, _ in seen) > min(most for _, most in seen):
            return
        if len(seen) == 4:
            raise Failed(
                "the session ends too early, each time: the customer was promised `idle` seconds",
                Plain(f"a TTL of {idle} seconds"),
                Plain(f"{left:.3f} seconds"),
            )
        time.sleep(0.2)


def _every_error(trial: Trial, why: str, args: tuple, before: Mapping[str, object]) -> None:
    """Redis answers with an error, from each command on: the caller of the function must learn of it."""
    trial.put(before)
    trial.call(*args)
    for reached in range(len(trial.commands)):
        trial.put(before)
        outcome = trial.attempt(*args, error_after=reached)
        if outcome.error is None:
            raise Failed(
                f"Redis answered with an error, and your function kept it to itself: {why}",
                Plain("the error of Redis"),
                Plain(f"the answer {outcome.value!r}"),
                cure="Catch only what you can mend (a WatchError, for instance). Let other errors through.",
            )
        if not isinstance(outcome.error, (redis.RedisError, CourseError)):
            raise Crashed(outcome.error)


def _elsewhere(act: Callable[[], object]) -> None:
    """Does what another program does, while the learner's function is at work."""
    other = threading.Thread(target=act)
    other.start()
    other.join()


def _error_of(run: Run) -> str | None:
    """The name of the error that one of the callers got."""
    return next((type(outcome.error).__name__ for outcome in run.outcomes if outcome.error), None)


def _expect_mortal(trial: Trial, why: str, *keys: str) -> None:
    for key in keys:
        if trial.redis.ttl(key) == -1:
            raise Failed(why, Plain("a TTL, or no key at all"), Plain("a session that never ends"))


# 10.1


def _check_read_and_slide(trial: Trial) -> None:
    key = trial.key("session [*]")
    for left, user in ((50, {"user": trial.word()}), (SOON, {}), (9000, {"user": trial.word(), "cart:apple": "1"})):
        idle, fields = trial.number(400, 2000), _some_session(trial, **user)
        answer = _call_in_time(trial, {key: Ends(fields, left)}, key, idle)
        if isinstance(answer, redis.client.Pipeline):
            raise Failed("your function returned the pipeline itself: the replies come from its execute()")
        if isinstance(answer, (list, tuple)):
            raise Failed(
                "the pipeline's execute() answers with a list, one reply for each command: the fields are one of them",
                fields,
                answer,
            )
        trial.expect("return the fields of the session, as HGETALL gives them", fields, answer)
        trial.expect_value("reading must not change a field", key, fields)
        now = int(trial.redis.pttl(key)) / 1000
        if 0 <= now <= left < idle:
            raise Failed(
                "the visit did not renew the TTL: a customer who is looking around is logged out",
                Plain(f"a TTL of {idle} seconds"),
                Plain(f"{now:g} seconds"),
                cure="EXPIRE gives the key its full time again.",
            )
        trial.expect_state("a visit", {key: Ends(fields, idle, late=1)})
    why = "the customer waits for more than one round trip: what you ask can travel together"  # scripts are known now
    if trial.round_trips > 1:
        raise Failed(
            why,
            Plain("1 round trip"),
            Plain(f"{trial.round_trips} round trips"),
            cure="Put both commands into one pipeline, and wait for the replies once.",
        )

    trial.put({})
    trial.expect("a session that has expired has no fields: return None", None, trial.call(key, 1800))
    trial.expect_state("reading a session that has expired must not bring it to life again", {})

    fields = _some_session(trial)
    before = {key: Ends(fields, 50)}
    trial.every_gap(
        "the session ended between two of your commands, or another tab changed it, and what your function returned or "
        "left is right neither for before nor for afterwards. (For a session that has ended, that is None)",
        (key, idle),
        before=lambda: trial.put(before),
        rivals={
            "the session ends": lambda: trial.redis.delete(key),
            "another tab adds an apple": lambda: trial.redis.exists(key) and trial.redis.hincrby(key, "cart:apple", 1),
        },
    )
    _expect_all_of_it(trial, before, (key, idle), key, idle)
    _every_error(trial, "the customer is told that the session has ended", (key, idle), before)


READ_AND_SLIDE = Exercise(
    id="10.1",
    title="Read, and renew",
    kind="blank",
    question="""\
`read_and_slide` reads a session and gives it its full `idle` seconds again, in **one** round trip. When it has
expired, it returns `None` and leaves nothing behind. Replace `...` by a pipeline that answers with both replies.""",
    stub="""\
def read_and_slide(redis_conn, key, idle):
    fields, _ = ...
    return fields or None""",
    hints=(
        "Two commands, one journey: `redis_conn.pipeline(transaction=False)` collects them.",
        "The commands are HGETALL and EXPIRE, each a method of the pipeline. They can be chained, dot after dot.",
        "At the end of the chain, `.execute()` sends both, and answers with a list: one reply a command, in order.",
    ),
    solution="""\
def read_and_slide(redis_conn, key, idle):
    fields, _ = redis_conn.pipeline(transaction=False).hgetall(key).expire(key, idle).execute()
    return fields or None""",
    why="the commands travel together, so the visit costs one round trip, and reads do not disturb each other. EXPIRE "
    "of a key that is gone does nothing, so nothing comes to life again.",
    check=_check_read_and_slide,
)

# 10.2


def _check_log_in(trial: Trial) -> None:
    old, new, newer = trial.key("old-id"), trial.key("new-id"), trial.key("newer-id")
    for left in (50, SOON, 9000):
        user, idle, fields = trial.word(), trial.number(400, 2000), _some_session(trial)
        answer = _call_in_time(trial, {old: Ends(fields, left)}, old, new, user, idle)
        if trial.redis.hget(old, "user") == user:
            raise Failed(
                "the old id opens the customer's session: whoever planted that id is the customer now (fixation)"
            )
        if trial.redis.exists(old):
            raise Failed("the old id still opens a session: after the login, only the new one may")
        if trial.redis.hgetall(new) == {"user": user}:
            raise Failed(
                "the cart was lost: take the whole session along", cure="RENAME moves a key with all it holds."
            )
        trial.expect_value("under the new id must be the old session, and the user", new, fields | {"user": user})
        trial.expect_ttl("the session does not have the idle seconds that were asked for", new, idle - 1, idle)
        trial.expect_state("after a login", {new: Ends(fields | {"user": user}, idle, late=1)})
        trial.expect("return the key under which the session is now", new, answer)

    args, before = (old, new, user, idle), {old: Ends(fields, 50)}
    trial.put(before)
    trial.call(*args)
    sent = list(trial.commands)
    for reached in trial.cuts(*args, prepare=lambda: trial.put(before)):
        died = f"the program died after its command number {reached} ({sent[reached - 1]}), and "
        if trial.redis.hget(old, "user"):
            raise Failed(
                f"{died}the customer is logged in under the old id, which somebody else may know",
                cure="Make one transaction of it: nobody sees the moments between its commands.",
            )
        _expect_mortal(trial, f"{died}left a session that never ends", *trial.state())
        if not any(fields.items() <= dict(trial.redis.hgetall(key)).items() for key in trial.state()):
            raise Failed(f"{died}the customer's cart is lost: it is under neither of the two ids")

    _expect_fresh(trial, *args)
    _expect_log_in_alone(trial, args, newer, before)
    _expect_all_of_it(trial, before, args, new, idle)
    _every_error(trial, "the customer seems to be logged in, and is not", args, before)


def _expect_fresh(trial: Trial, old: str, new: str, user: str, idle: int) -> None:
    """There is no old session: a fresh one begins."""
    trial.put({})
    outcome = trial.attempt(old, new, user, idle)
    expired = "the old session had just expired, and "
    if isinstance(outcome.error, redis.ResponseError) and "no such key" in str(outcome.error):
        raise Failed(
            f"{expired}the customer cannot log in: RENAME answered 'no such key'",
            cure="When the user is written into the old hash first, in the same transaction, then there is always "
            "something to rename.",
        )
    if outcome.error is not None:
        raise Crashed(outcome.error)
    _expect_mortal(trial, f"{expired}the new one never ends: it was born without a TTL", new, old)
    trial.expect_value(f"{expired}the customer must get a fresh one", new, {"user": user})
    trial.expect_state("after a login", {new: Ends({"user": user}, idle, late=1)})
    trial.expect("return the key under which the session is now", new, outcome.value)
    sent = list(trial.commands)
    for reached in trial.cuts(old, new, user, idle, prepare=lambda: trial.put({})):
        died = f"the program died after its command number {reached} ({sent[reached - 1]}), and "
        _expect_mortal(trial, f"{expired}{died}left one that never ends", *trial.state())
        if trial.redis.hget(old, "user"):
            raise Failed(f"{expired}{died}the customer is logged in under the old id, which somebody else may know")


def _expect_log_in_alone(trial: Trial, args: tuple, newer: str, before: Mapping[str, object]) -> None:
    """Whatever else happens meanwhile: it comes out as if it had happened before, or afterwards."""
    old, _, user, idle = args
    added: list[bool] = []

    def begin() -> None:
        added.clear()
        trial.put(before)

    def adds_an_apple() -> None:
        added.append(bool(trial.redis.exists(old)))
        if added[-1]:
            trial.redis.hset(old, "cart:apple", 5)

    def why(run: Run) -> str:
        if any(outcome.error for outcome in run.outcomes):
            return "the old session ended between two of your commands, and the customer cannot log in"
        if added and added[-1]:
            return "between two of your commands, another tab put an apple into the cart, and the apple is lost"
        return "the session ended, or was moved, between two of your commands, and what is there now is not right"

    trial.every_gap(
        why,
        args,
        begin,
        {"the old session ends": lambda: trial.redis.delete(old), "another tab adds an apple": adds_an_apple},
        view=lambda: (
            {key: (entry.value, entry.left is not None) for key, entry in trial.state().items()},
            list(added),
        ),
    )
    trial.orders(
        "two log-ins at once (a double click), and one of them comes out wrong",
        {"log-in 1": args, "log-in 2": (old, newer, user, idle)},
        begin,
    )


LOG_IN = Exercise(
    id="10.2",
    title="A new id at login",
    kind="change",
    question="""\
This login keeps the id that the browser came with. (The old session is a visitor's: it has a cart, and no user.)
Change it: the whole session moves to `new_key` and gets the user and `idle` seconds; the function returns `new_key`.
If the old session has just expired, even between two of your commands, a fresh one begins. Wherever the program dies,
nobody is logged in under `old_key`, and no session is without its end. Another tab may be adding to the cart.""",
    stub="""\
def log_in(redis_conn, old_key, new_key, user, idle):
    redis_conn.pipeline().hset(old_key, "user", user).expire(old_key, idle).execute()
    return old_key""",
    hints=(
        "Which command moves a key, with all its fields? And what makes three commands one, for whoever looks on?",
        "A pipeline with a transaction: nobody sees the moment between its commands. So the user may be written "
        "under the old id, if the move follows in the same transaction.",
        "The order HSET, RENAME, EXPIRE also serves the session that has just expired: HSET makes one, RENAME moves "
        "it, EXPIRE gives it its end.",
    ),
    solution="""\
def log_in(redis_conn, old_key, new_key, user, idle):
    with redis_conn.pipeline() as pipe:
        pipe.hset(old_key, "user", user)
        pipe.rename(old_key, new_key)
        pipe.expire(new_key, idle)
        pipe.execute()
    return new_key""",
    why="inside a transaction nobody sees the old id with a user. HSET comes first, so RENAME always finds a key: a "
    "RENAME that fails would not stop the commands behind it. Only a visitor's session may move. When another user is "
    "logged in there, that user's rights would move, too: delete such a session, and begin a fresh one.",
    check=_check_log_in,
)

# 10.3


def _check_log_out_others(trial: Trial) -> None:
    index, prefix, paolo = trial.key("of:maria"), trial.key("s:"), trial.key("s:") + "of-paolo"
    cart, word = _some_session(trial), trial.word()

    def sessions(alive: list[str], expired: list[str]) -> dict[str, object]:
        """All of them in the index, in this order, and Paolo's beside them."""
        scores = {sid: 4e9 + number for number, sid in enumerate([*alive, *expired])}
        entries = {prefix + sid: Ends(cart | {"user": "maria"}, 500) for sid in alive}
        stored = {index: Ends(scores, 5000)} if scores else {}
        return stored | entries | {paolo: Ends(cart | {"user": "paolo"}, 500)}

    def expect_out(alive: list[str], expired: list[str], keep: str) -> None:
        before = sessions(alive, expired)
        trial.put(before)
        outcome = trial.attempt(index, prefix, keep)
        ended = outcome.value
        if outcome.error is not None:
            if keep in alive or isinstance(outcome.error, redis.ResponseError):
                raise Crashed(outcome.error)
            return  # nobody has said what happens when the index does not know the session that asks
        if keep in alive and not trial.redis.exists(prefix + keep):
            raise Failed("the session that asks was logged out as well: the one called `keep` stays")
        if not trial.redis.exists(paolo):
            raise Failed("a session that is not in the index is gone: it was Paolo's. Delete what the index names")
        left = [sid for sid in alive if sid != keep and trial.redis.exists(prefix + sid)]
        if left:
            raise Failed(
                "whoever knows Maria's old password is still logged in: the other sessions of the index must be gone",
                Plain("no other session"),
                Plain(f"{len(left)} of {len(alive)} live on"),
            )
        scores = {sid: 4e9 + number for number, sid in enumerate([*alive, *expired]) if sid == keep}
        why = "the index must name the session that stays, with its score, and no other"
        trial.expect_value(why, index, scores or None)
        if scores and trial.redis.ttl(index) == -1:
            raise Failed(
                "the index lost its TTL: it never ends",
                cure="Take members out of the index, and do not make it anew.",
            )
        stays = {key: value for key, value in before.items() if key in (paolo, prefix + keep)}
        trial.expect_state(why, stays | ({index: Ends(scores, 5000)} if scores else {}))
        why = "return how many sessions were there and are gone: one that had expired does not count"
        trial.expect(why, len([sid for sid in alive if sid != keep]), ended)

    alive, expired = [word, f"{word}1", "9", "10", f"{trial.word()}*", word[:-1]], ["gone", f"{trial.word()} ü"]
    for keep in (word, "10", word[:-1], f"{word}1"):
        expect_out(alive, expired, keep)
    trial.expect("nobody else is logged in any more: return 0", 0, trial.call(index, prefix, f"{word}1"))
    expect_out([word], [], word)
    expect_out([word], expired, word)
    expect_out([], [], word)
    expect_out(["phone", "laptop"], expired, word)  # its own session has left the index
    many = [f"{trial.word()}{number}" for number in range(130)]
    expect_out(many, expired, many[-1])

    few = sessions(["phone", word, "laptop"], ["gone"])
    args = (index, prefix, word)
    trial.put(few)
    trial.call(*args)
    sent = list(trial.commands)
    for reached in trial.cuts(*args, prepare=lambda: trial.put(few)):
        died = f"the program died after its command number {reached} ({sent[reached - 1]}), and "
        names = [sid for sid in ("phone", word, "laptop") if trial.redis.exists(prefix + sid)]
        if any(trial.redis.zscore(index, sid) is None for sid in names):
            raise Failed(
                f"{died}a session lives on that the index has forgotten: nobody can log it out any more",
                cure="First the sessions, then the index, or one transaction.",
            )
        _expect_mortal(trial, f"{died}the index never ends: it lost its TTL", index)
        if word not in names:
            raise Failed(f"{died}the session that asks was logged out as well")

    def she_logs_in() -> None:
        pipe = trial.redis.pipeline().hset(prefix + "new", mapping=cart | {"user": "maria"}).expire(prefix + "new", 500)
        pipe.zadd(index, {"new": 4.5e9}).expire(index, 5000).execute()

    def why_wrong(run: Run) -> str:
        if error := _error_of(run):
            return f"something happened between two of your commands, and the log-out failed ({error})"
        if trial.redis.exists(prefix + "new") and trial.redis.zscore(index, "new") is None:
            return (
                "between two of your commands, Maria logged in once more. That session lives, and the index has "
                "forgotten it: it can never be ended"
            )
        return (
            "between two of your commands, Maria logged in once more, or one of her sessions ended. Now the index, the "
            "sessions and the number that you return do not fit together"
        )

    trial.every_gap(
        why_wrong,
        args,
        before=lambda: trial.put(few),
        rivals={"Maria logs in": she_logs_in, "a session ends": lambda: trial.redis.delete(prefix + "laptop")},
    )
    _every_error(trial, "the thief is still logged in, and nobody knows", args, few)


LOG_OUT_OTHERS = Exercise(
    id="10.3",
    title="Log out everywhere else",
    kind="write",
    question="""\
Maria has changed her password. Write `log_out_others(redis_conn, index, prefix, keep)`: `index` is the sorted set of
her session ids, a session's key is `prefix` + id. All but the id `keep` end, and leave the index; the function returns
how many it ended (one that had expired does not count). She may be logging in meanwhile: no session may live that the
index has forgotten.""",
    stub="""\
def log_out_others(redis_conn, index, prefix, keep):
    # your code here
    ...""",
    hints=(
        "ZRANGE from 0 to -1 reads all ids of the index. Which of them have to go?",
        "UNLINK takes the keys of the sessions, ZREM the ids from the index. Both need at least one: what if "
        "there is none?",
        "`pipe.unlink(*keys)`, then `pipe.zrem(index, *ids)`, in one transaction. UNLINK answers how many keys were "
        "there.",
    ),
    solution="""\
def log_out_others(redis_conn, index, prefix, keep):
    ids = [sid for sid in redis_conn.zrange(index, 0, -1) if sid != keep]
    if not ids:
        return 0
    with redis_conn.pipeline() as pipe:
        pipe.unlink(*[prefix + sid for sid in ids])
        pipe.zrem(index, *ids)
        ended, _ = pipe.execute()
    return ended""",
    why="only what was read is taken out, so a login in between stays in the index. The transaction leaves no session "
    "that the index does not name, wherever the program dies.",
    check=_check_log_out_others,
)

# 10.4


def _check_add_if_alive(trial: Trial) -> None:
    key, field = trial.key("session [*]"), "cart:"
    for left in (50, SOON, 9000):
        idle, crates, had, fruit = (
            trial.number(400, 2000),
            trial.number(2, 90),
            trial.number(2, 900),
            f"{trial.word()} ü",
        )
        fields = _some_session(trial) | {field + fruit: str(had)}
        total = _call_in_time(trial, {key: Ends(fields, left)}, key, fruit, crates, idle)
        trial.expect("return how many crates of the fruit are in the cart now", had + crates, total)
        fields[field + fruit] = str(had + crates)
        why = "the field of this fruit (cart: and its name), and no other, must have grown"
        trial.expect_value(why, key, fields)
        now = int(trial.redis.pttl(key)) / 1000
        if 0 <= now <= left < idle:
            raise Failed(
                "adding is a visit: it renews the TTL. This customer is logged out while shopping",
                Plain(f"a TTL of {idle} seconds"),
                Plain(f"{now:g} seconds"),
            )
        trial.expect_state(why, {key: Ends(fields, idle, late=1)})
        new = trial.word()
        total = trial.call(key, new, crates, idle)
        trial.expect("a fruit that was not in the cart starts at 0", crates, total)
        trial.expect_state(why, {key: Ends(fields | {field + new: str(crates)}, idle, late=1)})

    trial.put({})
    args = (key, fruit, crates, idle)
    answer = trial.call(*args)
    trial.expect_value(
        "the session had expired, and your function made a new one: a ghost with a fruit in it", key, None
    )
    trial.expect_state("no key", {})
    trial.expect("the session had expired: return None", None, answer)

    def why_wrong(run: Run) -> str:
        meanwhile = "between your look and your writing, "
        if error := _error_of(run):
            return f"{meanwhile}the session changed. The customer got an error page ({error}), and the fruit is lost"
        if "the session ends" in [actor.name for actor in run.actors]:
            ghost = "and your function made a new one: a ghost with a fruit in it"
            return f"{meanwhile}the session ended, {ghost if trial.redis.exists(key) else 'and your answer is wrong'}"
        return f"{meanwhile}another page renewed the session, and the fruit is not in the cart, or is there twice"

    def why_wrong_with_two(run: Run) -> str:
        if error := _error_of(run):
            return f"two tabs added at once. One got an error page ({error}), and its fruit is lost"
        return "two tabs added at once, and what is in the cart, or what one of them was told, is wrong"

    before = {key: Ends(fields, 50)}
    trial.every_gap(
        why_wrong,
        args,
        before=lambda: trial.put(before),
        rivals={
            "the session ends": lambda: trial.redis.delete(key),
            "another page renews it": lambda: trial.redis.expire(key, 60),
        },
    )
    tabs = {"tab 1": args, "tab 2": (key, fruit, crates + 1, idle)}
    trial.orders(
        why_wrong_with_two,
        tabs,
        before=lambda: trial.put(before),
    )
    trial.orders(
        "the session had expired, and two tabs added at once: one was told that its fruit is in the cart, or a ghost "
        "was left",
        {"tab 1": args, "tab 2": (key, new, crates + 1, idle)},
        before=lambda: trial.put({}),
    )
    trial.put({})
    trial.call(*args)
    sent = list(trial.commands)
    for reached in trial.cuts(*args, prepare=lambda: trial.put({})):
        died = f"the program died after its command number {reached} ({sent[reached - 1]}), and left a ghost: "
        trial.expect_value(f"{died}the session had expired, and is there again, with a fruit in it", key, None)
    _expect_patience(trial, args, fields)
    _expect_all_of_it(trial, before, args, key, idle)
    _every_error(trial, "the customer is told that the session has ended", args, before)


def _expect_patience(trial: Trial, args: tuple, fields: dict[str, str], times: int = 12) -> None:
    """Other tabs are quicker, a dozen times in a row: the fruit comes into the cart all the same."""
    key, fruit, crates, idle = args
    changes = 0

    def other_tab(step: Step) -> None:
        nonlocal changes
        if step.commands[-1][0] == "EXEC" and changes < times:
            changes += 1
            _elsewhere(lambda: trial.redis.hincrby(key, "cart:other", 1))

    def from_now_on() -> None:
        trial.call_seen.turn = other_tab

    trial.put({key: Ends(fields, 50)})
    outcome = trial.attempt(*args, between=from_now_on)
    total = int(fields["cart:" + fruit]) + crates
    if isinstance(outcome.error, redis.WatchError) or (outcome.error is None and outcome.value != total):
        raise Failed(
            f"other tabs changed the cart {times} times in a row, and what this one added was lost: your "
            f"function gave up after {changes} {'try' if changes == 1 else 'tries'}",
            total,
            Plain(f"a {type(outcome.error).__name__}") if outcome.error else outcome.value,
            cure="After a WatchError: once more, from the look, until it works.",
        )
    if outcome.error is not None:
        raise Crashed(outcome.error)
    left = fields | {"cart:" + fruit: str(total)} | ({"cart:other": str(changes)} if changes else {})
    trial.expect_state("the field of this fruit, and no other, must have grown", {key: Ends(left, idle, late=1)})


ADD_IF_ALIVE = Exercise(
    id="10.4",
    title="No ghosts at all",
    kind="stretch",
    question="""\
Write `add_if_alive(redis_conn, key, fruit, crates, idle)`: it adds `crates` to the field `cart:` + fruit, renews the
TTL and returns the new number. When the session has expired, even a moment before the write, it returns `None` and
makes **no** key. Several tabs add at once; nothing may be lost.""",
    stub="""\
def add_if_alive(redis_conn, key, fruit, crates, idle):
    # your code here
    ...""",
    hints=(
        "The look (EXISTS) and the write must not be torn apart. Which command makes EXEC do nothing when the key has "
        "changed since?",
        "As in `load_watched`: `pipe.watch(key)`, the look, `pipe.multi()`, the commands, `pipe.execute()`. On "
        "redis.WatchError: once more, from the look.",
        "What goes between `pipe.multi()` and `pipe.execute()`: HINCRBY and EXPIRE. The first reply is the new number.",
    ),
    solution="""\
import redis


def add_if_alive(redis_conn, key, fruit, crates, idle):
    with redis_conn.pipeline() as pipe:
        while True:
            pipe.watch(key)
            if not pipe.exists(key):
                return None
            pipe.multi()
            pipe.hincrby(key, f"cart:{fruit}", crates)
            pipe.expire(key, idle)
            try:
                return pipe.execute()[0]
            except redis.WatchError:
                continue""",
    why="WATCH guards the look: if the session expires or changes before EXEC, nothing is done, and the function looks "
    "again. Every visit changes the TTL, so under load it looks again often. A script on the server (the next lesson) "
    "never has to, and needs one round trip.",
    check=_check_add_if_alive,
)

EXERCISES = (READ_AND_SLIDE, LOG_IN, LOG_OUT_OTHERS, ADD_IF_ALIVE)

QUIZ = (
    Question(
        "A session id is the SHA-256 of the user's name and the second of the login. How hard is it to guess?",
        (
            ("2²⁵⁶ tries: SHA-256 has 256 bits", "A hash adds no chance. Who knows the recipe hashes the guesses."),
            ("Impossible: a hash cannot be undone", "Nobody undoes it: one computes it for each possible second."),
            (
                "As hard as to guess the name and the second",
                "That is all the chance in it. `secrets.token_urlsafe(32)` has 256 bits of it.",
            ),
        ),
        answer="c",
    ),
    Question(
        "Every request renews the TTL of 30 minutes, and nothing else ends a session. A stolen id works …",
        (
            ("… as long as the thief comes back every 29 minutes", "That is why a session also needs an absolute end."),
            ("… for 30 minutes", "Each of the thief's own requests gives it 30 more."),
            ("… until Maria closes her browser", "Redis does not notice: the hash lives on, and the id opens it."),
        ),
        answer="a",
    ),
    Question(
        "A session expires. A moment later, HSET stores one field under its key. What does Redis do?",
        (
            ("It answers with an error", "HSET needs no key: it makes one."),
            (
                "It makes a hash of one field, without a TTL",
                "A ghost, and an immortal one, unless EXPIRE comes in the same transaction.",
            ),
            ("It brings the session back, with its TTL", "What has expired is gone, its fields and its clock."),
        ),
        answer="b",
    ),
    Question(
        "Why does a login change the session's id?",
        (
            (
                "Because an id from before the login may be known to somebody else",
                "An id can be planted. After the login it would open Maria's session to its owner.",
            ),
            ("Because the TTL has to start anew", "EXPIRE does that, under any id."),
            ("Because RENAME is faster than HSET", "It is a matter of who knows the id, not of speed."),
        ),
        answer="a",
    ),
    Question(
        "All requests read the session under WATCH, and renew its TTL in MULTI … EXEC. What happens under load?",
        (
            ("Nothing: no request changes a field", "To WATCH, a new TTL is a change of the key."),
            ("Each read costs three round trips instead of one", "That is how it begins, with one reader."),
            (
                "Reads make each other repeat, the more the worse",
                "Each renewal fails the others' EXEC. One pipeline without WATCH needs no second try.",
            ),
        ),
        answer="c",
    ),
)
