"""Lesson 04: sessions that end, carts that lose nothing, a new id at login, logging out elsewhere."""

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question

CART = {"ends": "4000000000", "cart:banana": "2"}


def _store_session(trial: Trial, key: str, seconds: int = 50, **fields: str) -> None:
    """A session with a cart, as an earlier request left it."""
    trial.redis.delete(key)
    trial.redis.hset(key, mapping=CART | fields)
    trial.redis.expire(key, seconds)


def _expect_mortal(trial: Trial, why: str, *keys: str) -> None:
    for key in keys:
        if trial.redis.ttl(key) == -1:
            raise Failed(why, Plain("a TTL, or no key at all"), Plain("a session that never ends"))


# 4.1


def _check_read_and_slide(trial: Trial) -> None:
    key = trial.key("session")
    for idle, fields in ((1800, {"user": "maria"}), (600, {"user": "paolo", "cart:apple": "1"})):
        _store_session(trial, key, **fields)
        answer = trial.call(key, idle)
        if isinstance(answer, redis.client.Pipeline):
            raise Failed("your function returned the pipeline itself: the replies come from its execute()")
        if isinstance(answer, (list, tuple)):
            raise Failed(
                "the pipeline's execute() answers with a list, one entry a command: the fields are its first entry",
                CART | fields,
                answer,
            )
        trial.expect("return the fields of the session, as HGETALL gives them", CART | fields, answer)
        trial.expect_value("reading must not change a field", key, CART | fields)
        trial.expect_ttl(
            "the visit did not renew the TTL: EXPIRE gives the key its full time again", key, idle - 2, idle
        )
        why = "HGETALL and EXPIRE can travel together: put both into the pipeline, and wait for the replies once"
        trial.expect(f"{why} (round trips are counted here)", 1, trial.round_trips)

    key = trial.key("expired")
    trial.expect("a session that has expired has no fields: return None", None, trial.call(key, 1800))
    trial.expect_value("reading a session that has expired must not bring it to life again", key, None)


READ_AND_SLIDE = Exercise(
    id="4.1",
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

# 4.2


def _check_log_in(trial: Trial) -> None:
    old, new = trial.key("old-id"), trial.key("new-id")

    def both_gone() -> None:
        trial.redis.delete(old, new)

    def before_login() -> None:
        both_gone()
        _store_session(trial, old)

    for user, idle in (("maria", 1800), ("paolo", 600)):
        before_login()
        answer = trial.call(old, new, user, idle)
        if trial.redis.hget(old, "user") == user:
            raise Failed(f"the old id opens the session of {user}: whoever planted that id is {user} now (fixation)")
        if trial.redis.exists(old):
            raise Failed("the old id still opens a session: after the login, only the new one may")
        if trial.redis.hgetall(new) == {"user": user}:
            raise Failed("the cart was lost: take the whole session along. RENAME moves a key with all it holds")
        trial.expect_value("under the new id must be the old session, and the user", new, CART | {"user": user})
        trial.expect_ttl("the session does not have the idle seconds that were asked for", new, idle - 2, idle)
        trial.expect("return the key under which the session is now", new, answer)
    died = "the program died after its command number {}, and "
    for reached in trial.cuts(old, new, "paolo", 600, prepare=before_login):
        if trial.redis.hget(old, "user"):
            raise Failed(
                died.format(reached) + "paolo is logged in under the old id, which somebody else may know: "
                "make one transaction of it"
            )
        _expect_mortal(trial, died.format(reached) + "left a session that never ends", old, new)

    both_gone()
    outcome = trial.attempt(old, new, "maria", 1800)
    if isinstance(outcome.error, redis.ResponseError) and "no such key" in str(outcome.error):
        raise Failed(
            "the old session had just expired, RENAME answered 'no such key', and Maria cannot log in. If the user is "
            "written into the old hash first, in the same transaction, then there is always something to rename"
        )
    if outcome.error is not None:
        raise Crashed(outcome.error)
    expired = "the old session had just expired, and "
    _expect_mortal(trial, expired + "the new one never ends: it was born without a TTL", new, old)
    trial.expect_value(expired + "Maria must get a fresh one", new, {"user": "maria"})
    trial.expect_ttl(expired + "the fresh one must have the idle seconds", new, 1798, 1800)
    for reached in trial.cuts(old, new, "maria", 1800, prepare=both_gone):
        _expect_mortal(trial, expired + died.format(reached) + "left one that never ends", old, new)


LOG_IN = Exercise(
    id="4.2",
    title="A new id at login",
    kind="change",
    question="""\
This login keeps the id that the browser came with. Change it: the whole session moves to `new_key` and gets the user
and `idle` seconds; the function returns `new_key`. If the old session has just expired, a fresh one begins. Wherever
the program dies, nobody is logged in under `old_key`, and no session is without its end.""",
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
    "RENAME that fails would not stop the commands behind it.",
    check=_check_log_in,
)

# 4.3


def _check_log_out_others(trial: Trial) -> None:
    index, prefix = trial.key("of:maria"), trial.key("s:")
    scores = {"phone": 4e9, "laptop": 4.1e9, "tablet": 4.2e9, "expired": 4.3e9}

    def three_sessions() -> None:
        trial.redis.delete(index, *trial.keys(prefix))
        trial.redis.zadd(index, scores)
        trial.redis.expire(index, 5000)
        for name in ("phone", "laptop", "tablet"):
            _store_session(trial, prefix + name, user="maria")
        _store_session(trial, prefix + "of-paolo", user="paolo")

    def expect_rest(keep: str) -> None:
        if not trial.redis.exists(prefix + keep):
            raise Failed("the session that asks was logged out as well: the one called `keep` stays")
        if not trial.redis.exists(prefix + "of-paolo"):
            raise Failed("a session that is not in the index is gone: it was Paolo's. Delete what the index names")
        trial.expect_value("the session that stays must stay as it was", prefix + keep, CART | {"user": "maria"})
        left = sorted(set(trial.keys(prefix)) - {prefix + keep, prefix + "of-paolo"})
        trial.expect("the other sessions of the index must be gone", [], left)

    for keep in ("laptop", "phone"):
        three_sessions()
        ended = trial.call(index, prefix, keep)
        expect_rest(keep)
        why = "the index must name the session that stays, with its score, and no other"
        trial.expect_value(why, index, {keep: scores[keep]})
        trial.expect_ttl("the index lost its TTL: take members out of it, do not make it anew", index, 4990, 5000)
        why = "return how many sessions were there and are gone: one of the index had expired, UNLINK does not count it"
        trial.expect(why, 2, ended)
        trial.expect("nobody else is logged in any more: return 0", 0, trial.call(index, prefix, keep))
        expect_rest(keep)

    three_sessions()
    trial.call(index, prefix, "phone")
    for reached in trial.cuts(index, prefix, "phone", prepare=three_sessions):
        lost = [
            name for name in scores if trial.redis.exists(prefix + name) and trial.redis.zscore(index, name) is None
        ]
        if lost:
            raise Failed(
                f"the program died after its command number {reached}, and a session lives on that the index has "
                "forgotten: nobody can log it out any more. First the sessions, then the index, or one transaction",
            )

    three_sessions()

    def somebody_logs_in() -> None:
        _store_session(trial, prefix + "new", user="maria")
        trial.redis.zadd(index, {"new": 4.4e9})

    trial.call(index, prefix, "phone", between=somebody_logs_in)
    if trial.redis.exists(prefix + "new") and trial.redis.zscore(index, "new") is None:
        raise Failed(
            "between your commands Maria logged in once more. That session lives, and the index has forgotten it: "
            "take out of the index only what you have read there"
        )


LOG_OUT_OTHERS = Exercise(
    id="4.3",
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

# 4.4


def _check_add_if_alive(trial: Trial) -> None:
    key = trial.key("session")
    for idle, crates, total in ((1800, 3, 5), (600, 1, 3)):
        _store_session(trial, key)
        now = trial.call(key, "banana", crates, idle)
        trial.expect("return how many crates of the fruit are in the cart now", total, now)
        why = "the field cart:banana, and no other, must have grown"
        trial.expect_value(why, key, CART | {"cart:banana": str(total)})
        trial.expect_ttl("adding is a visit: it renews the TTL", key, idle - 2, idle)
        trial.expect("a fruit that was not in the cart starts at 0", 4, trial.call(key, "apple", 4, idle))

    expired = trial.key("expired")
    answer = trial.call(expired, "banana", 1, 1800)
    ghost = "the session had expired, and your function made a new one: a ghost with a fruit in it"
    trial.expect_value(ghost, expired, None)
    trial.expect("the session had expired: return None", None, answer)

    _store_session(trial, key)
    gone = []

    def expires() -> None:
        gone.append(trial.redis.delete(key))

    answer = trial.call(key, "banana", 1, 1800, between=expires)
    if gone:
        why = "between your look and your writing the session expired, and your function made a new one. WATCH the key"
        trial.expect_value(f"{why} before you look: then EXEC does nothing", key, None)
        trial.expect("the session expired before the write: return None", None, answer)

    _store_session(trial, key)
    trial.call_at_once([(key, "banana", 1, 1800)] * 6)
    why = "six tabs added one crate each, and some were lost: let HINCRBY add, and try again after a WatchError"
    trial.expect(why, "8", trial.redis.hget(key, "cart:banana"))

    trial.redis.delete(key)
    answers = trial.call_at_once([(key, "banana", 1, 1800)] * 4)
    why = "the session had expired, and some of four tabs were told that their fruit is in the cart: make no key"
    trial.expect(why, [None] * 4, answers)


ADD_IF_ALIVE = Exercise(
    id="4.4",
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
    "again. Adding is rare, so it seldom repeats. A script on the server (the next lesson) does it in one round trip.",
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
