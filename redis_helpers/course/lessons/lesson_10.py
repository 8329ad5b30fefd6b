"""Lesson 10: ids that nobody can guess, sessions that are born with their end, and an end that no visit moves."""

import hashlib
import random
import re
import time
from collections.abc import Mapping
from unittest import mock

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.hash_checks import clocks, cured, must
from redis_helpers.course.lessons.session_checks import SOON, call_in_time, every_error, expect_all_of_it, some_session

# 10.1


def _check_user_of(trial: Trial) -> None:
    key, user = trial.key("session [*]"), trial.word()
    why = "the page greets somebody else than who is logged in: return the field `user`"
    for name in (user, "josé ü", "0"):
        fields = {"user": name, "cart:banana": "2", "maria": "user"}
        trial.case(why, (key,), before={key: Ends(fields, 50)}, returns=name, after={key: Ends(fields, 50)})
    visitor = {"cart:banana": "2", "seen": user}
    why = "nobody is logged in, and the page greets somebody: return None"
    trial.case(why, (key,), before={key: Ends(visitor, 50)}, returns=None, after={key: Ends(visitor, 50)})
    trial.case("there is no such session: return None", (key,), before={key: None}, returns=None, after={})
    fields = {"user": user, "cart:banana": "2"}
    trial.every_gap(
        "the session ended between two of your commands, and your function returns neither its user nor None",
        (key,),
        before=lambda: trial.put({key: Ends(fields, 50)}),
        rivals={"the session ends": lambda: trial.redis.delete(key)},
        cure="One HGET is enough: its answer is the name, or None.",
    )
    trial.every_error((key,), before=lambda: trial.put({key: Ends(fields, 50)}))


USER_OF = Exercise(
    id="10.1",
    title="Who is logged in?",
    kind="write",
    question="""\
The page wants to greet its customer. Write `user_of(redis_conn, key)`: `key` is the hash of a session. It returns the
field `user`. A visitor who has not logged in has no such field: then it returns `None`. One line is enough.""",
    stub="""\
def user_of(redis_conn, key):
    # your code here
    ...""",
    hints=(
        "You need one field of a hash, not all of them. Which command of lesson 02 reads one?",
        "`redis_conn.hget(key, ...)` gives the value of one field, and None when there is no such field.",
    ),
    solution="""\
def user_of(redis_conn, key):
    return redis_conn.hget(key, "user")""",
    why="HGET reads one field. Without the field, or without the hash, it gives None.",
    check=_check_user_of,
)

# 10.2

SAME_ID = (
    "your function made the same id twice, because its numbers come from a seed or from the clock: a thief calculates "
    "them, too. Take the id from `secrets`"
)
ONE_STEP = "Make a pipeline, call hset and expire on it, then execute(): one transaction, as in lesson 05."
FIT_FOR_A_COOKIE = re.compile(r"[A-Za-z0-9_.~-]+")
SHORTEST = 22  # characters: token_urlsafe(16), 128 random bits


def _check_open_session(trial: Trial) -> None:
    prefix, idle = trial.key("session:"), trial.number(400, 2000)
    fields = {"user": trial.word(), "cart:banana": 2, "note ü": ""}
    texts = {name: str(value) for name, value in fields.items()}
    ids = []
    for seconds in (idle, trial.number(3000, 90_000), 7):
        trial.put({})
        session_id = trial.call(prefix, fields, seconds)
        _expect_id(trial, session_id, prefix)
        _expect_born(trial, prefix, session_id, texts, seconds)
        ids.append(session_id)
    if len(set(ids)) < len(ids):
        raise Failed("two customers got the same id: each of them sees the cart of the other one")
    _expect_chance(trial, (prefix, fields, idle))
    if fields != {"user": fields["user"], "cart:banana": 2, "note ü": ""}:
        raise Failed("your function changed the dictionary `fields`, which belongs to its caller")

    def view() -> list:
        return sorted((sorted(value.items()), clock) for value, clock in clocks(trial).values())

    args = (prefix, fields, 5000)
    trial.every_cut(
        "the session is left without its end, or without a part of its fields, and nobody comes back to mend it",
        args,
        lambda: None,
        view=view,
        cure=ONE_STEP,
    )
    trial.every_error(args, lambda: None)


def _expect_id(trial: Trial, session_id: object, prefix: str) -> None:
    if not isinstance(session_id, str):
        raise Failed("return the id: a text, which the browser keeps in its cookie", Plain("a text"), session_id)
    if session_id.startswith(prefix):
        raise Failed("your function returned the whole key. The browser gets the id alone, without the prefix")
    if not FIT_FOR_A_COOKIE.fullmatch(session_id):
        raise Failed("the id has characters that no cookie can hold", Plain("letters, digits, - and _"), session_id)
    if len(session_id) < SHORTEST:
        raise Failed(
            "the id is so short that a thief can try all of them",
            Plain(f"at least {SHORTEST} characters, from 16 random bytes"),
            session_id,
            cure="`secrets.token_urlsafe(32)` gives 43 characters.",
        )


def _expect_born(trial: Trial, prefix: str, session_id: object, texts: dict, seconds: int) -> None:
    key = f"{prefix}{session_id}"
    state = trial.state()
    if key not in state:
        why = "the customer comes back with the id, and there is no session under the prefix and this id"
        raise Failed(why, texts, Plain("no such key"), cure="The key is `prefix + session_id`.")
    trial.expect_value("the session does not hold the fields that it was given", key, texts)
    if state[key].left is None and _each_field_ends(trial, key, texts):
        raise Failed(
            "each field has an end of its own, and the hash has none: a field that a later click adds would stay "
            "for ever",
            Plain(f"a hash with a TTL of {seconds} seconds"),
            Plain("a hash without a TTL"),
            cure=ONE_STEP,
        )
    if state[key].left is None:
        raise Failed(
            "the session never ends: it stays in Redis for ever, and a stolen id works for ever",
            Plain(f"a TTL of {seconds} seconds"),
            Plain("no TTL"),
            cure="`expire` must come after `hset`, and `execute` after both.",
        )
    trial.expect_state("one session was opened", {key: Ends(texts, seconds, late=1)})


def _each_field_ends(trial: Trial, key: str, fields: Mapping[str, str]) -> bool:
    """Whether every field has a TTL of its own, where the server knows such a thing."""
    try:
        answers = trial.redis.hpttl(key, *fields)
    except redis.ResponseError:
        return False
    return all(int(left) > 0 for left in answers)


def _expect_chance(trial: Trial, args: tuple) -> None:
    """With the same seed, in the same moment, two calls give two ids."""
    state, moment = random.getstate(), time.time()
    ids = []
    try:
        nanoseconds = int(moment * 10**9)
        with mock.patch("time.time", return_value=moment), mock.patch("time.time_ns", return_value=nanoseconds):
            for _ in range(2):
                random.seed(7)
                ids.append(trial.call(*args))
    finally:
        random.setstate(state)
    if ids[0] == ids[1]:
        raise Failed(SAME_ID)


OPEN_SESSION = Exercise(
    id="10.2",
    title="Born with its end",
    kind="write",
    question="""\
Write `open_session(redis_conn, prefix, fields, idle)`. It makes an id that nobody can guess. It stores the dictionary
`fields` as a hash under `prefix + session_id`, and this hash lives for `idle` seconds. It returns the id. The program
may be killed at any moment: no session without its end may be left.""",
    stub="""\
import secrets


def open_session(redis_conn, prefix, fields, idle):
    # your code here
    ...""",
    hints=(
        "Three steps: make the id, store the hash with its end in one transaction, return the id.",
        "`session_id = secrets.token_urlsafe(32)`. Then `with redis_conn.pipeline() as pipe:`, as in lesson 05.",
        "On the pipe: `hset` with the key and `mapping=fields`, `expire` with the key and `idle`, and `execute`.",
    ),
    solution="""\
import secrets


def open_session(redis_conn, prefix, fields, idle):
    session_id = secrets.token_urlsafe(32)
    with redis_conn.pipeline() as pipe:
        pipe.hset(prefix + session_id, mapping=fields)
        pipe.expire(prefix + session_id, idle)
        pipe.execute()
    return session_id""",
    why="the id comes from the operating system, so no seed brings it back. HSET and EXPIRE are one transaction, so no "
    "kill leaves a session without its end.",
    check=_check_open_session,
)

# 10.3

TOO_FEW_REPLIES = (
    "the list of replies is shorter than your function needs (IndexError). A command travels in the pipeline only when "
    "it is called on `pipe`, not on `redis_conn`"
)


def _check_read_and_slide(trial: Trial) -> None:
    key = trial.key("session [*]")
    for left, user in ((50, {"user": trial.word()}), (SOON, {}), (9000, {"user": trial.word(), "cart:apple": "1"})):
        idle, fields = trial.number(400, 2000), some_session(trial, **user)
        try:
            answer = call_in_time(trial, {key: Ends(fields, left)}, key, idle)
        except Crashed as crash:
            if isinstance(crash.error, IndexError):
                raise Failed(TOO_FEW_REPLIES, cure="Both lines begin with `pipe.`") from None
            raise
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

    fields = some_session(trial)
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
    expect_all_of_it(trial, before, (key, idle), key, idle)
    every_error(trial, "the customer is told that the session has ended", (key, idle), before)


READ_AND_SLIDE = Exercise(
    id="10.3",
    title="Read, and renew",
    kind="blank",
    question="""\
`read_and_slide` reads a session and gives it its full `idle` seconds again, in **one** round trip. When the session has
ended, it returns `None` and leaves nothing behind. In place of the `...`, two lines are missing. (You need not
look for ghosts here. `transaction=False`, of lesson 04, is enough. `{} or None` is `None`.)""",
    stub="""\
def read_and_slide(redis_conn, key, idle):
    with redis_conn.pipeline(transaction=False) as pipe:
        ...
        replies = pipe.execute()
    return replies[0] or None""",
    hints=(
        "Two commands, and one trip: both are called on `pipe`, not on `redis_conn`.",
        "`replies[0]` is the reply of the first command. The caller wants all fields, so which command comes first?",
        "First `pipe.hgetall(key)`, then `pipe.expire(key, idle)`.",
    ),
    solution="""\
def read_and_slide(redis_conn, key, idle):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.hgetall(key)
        pipe.expire(key, idle)
        replies = pipe.execute()
    return replies[0] or None""",
    why="both commands travel together, so a visit costs one round trip. EXPIRE of a key that is gone does nothing, so "
    "nothing comes to life again.",
    check=_check_read_and_slide,
)

# 10.4


def _check_last_moment(trial: Trial) -> None:
    for ahead in (3600 * trial.number(5, 90), -3600 * trial.number(5, 90), 0):
        longest = trial.number(1000, 90_000)
        now = int(time.time()) + ahead
        outcome = trial.attempt(longest, now=now * 1_000_000 + 999_999)
        if isinstance(outcome.error, TypeError) and "tuple" in str(outcome.error):
            raise Failed(
                "`time()` gives two numbers in a tuple, the seconds and the microseconds. Nothing can be added to both "
                "at once (TypeError)",
                cure="`redis_conn.time()[0]` is the first of the two.",
            )
        if outcome.error is not None:
            raise Crashed(outcome.error)
        wanted, seen = now + longest, outcome.value
        if isinstance(seen, float) and int(seen) == wanted:
            raise Failed("the microseconds are not needed: return whole seconds", wanted, seen)
        if ahead and type(seen) is int and abs(seen - wanted + ahead) < 60:
            raise Failed(
                "the shop's computer and Redis have different clocks here, and your function asked the one of the "
                "shop's computer: two computers of the shop end the same session at two times",
                wanted,
                seen,
                cure="`redis_conn.time()` asks the clock of Redis.",
            )
        must("the session ends too early or too late: return the seconds of TIME, plus `longest`", wanted, seen)
        trial.expect_state("nothing is stored here", {})
    trial.every_error((longest,), lambda: None)


LAST_MOMENT = Exercise(
    id="10.4",
    title="Its last moment",
    kind="write",
    question="""\
A session is opened now. Write `last_moment(redis_conn, longest)`. It returns the moment at which this session must end:
`longest` seconds from now, in whole seconds since 1970, by the clock of Redis. One line is enough.""",
    stub="""\
def last_moment(redis_conn, longest):
    # your code here
    ...""",
    hints=(
        "`redis_conn.time()` gives two numbers, the seconds and the microseconds. You need the first of them.",
        "`redis_conn.time()[0]` is now. Add `longest`.",
    ),
    solution="""\
def last_moment(redis_conn, longest):
    return redis_conn.time()[0] + longest""",
    why="all computers of the shop ask one clock, so the session has one end.",
    check=_check_last_moment,
)

# 10.5

IN_ONE_SCRIPT = "Keep the look at `ends` and the EXPIRE in one script: nobody comes in between."


def _check_renew_until_end(trial: Trial) -> None:
    key = trial.key("session [*]")
    for left, idle, wanted in ((500, 1800, 500), (5000, 1800, 1800), (999, 1000, 999), (1001, 1000, 1000)):
        _expect_renewal(trial, key, left, idle, wanted)
    for left in (0, -1, -90_000):
        _expect_last_visit(trial, key, left)
    trial.case("the session had ended before the call: return False", (key, 900), {key: None}, False, {})
    ghost = {"cart:apple": "1"}
    why = "a hash without `ends` is a ghost, and no session: return False, and leave it as it is"
    trial.case(why, (key, 900), {key: Ends(ghost, 300)}, False, {key: Ends(ghost, 300)})
    _expect_clock_of_redis(trial, key)

    fields = some_session(trial, ends=str(int(time.time()) + 100_000))
    before = {key: Ends(fields, 50)}
    trial.every_gap(
        "the session ended between two of your commands, or another tab changed it, and what your function returned or "
        "left is right neither for before nor for afterwards",
        (key, 900),
        before=lambda: trial.put(before),
        rivals={
            "the session ends": lambda: trial.redis.delete(key),
            "another tab adds an apple": lambda: trial.redis.exists(key) and trial.redis.hincrby(key, "cart:apple", 1),
        },
        cure=IN_ONE_SCRIPT,
    )
    with cured(IN_ONE_SCRIPT):
        trial.every_cut(
            "the session is left with another end than before, or with none, or half deleted",
            (key, 900),
            lambda: trial.put(before),
            lambda: clocks(trial),
            allowed=lambda left: left == {key: (fields, "short")},
        )
    trial.every_error((key, 900), lambda: trial.put(before))


def _expect_renewal(trial: Trial, key: str, until_end: int, idle: int, wanted: int) -> None:
    """On a busy machine some seconds may pass between putting the session there and looking at it."""
    begin = time.monotonic()
    fields = some_session(trial, ends=str(trial.redis.time()[0] + until_end))
    trial.put({key: Ends(fields, 50)})
    answer = trial.call(key, idle)
    now = trial.redis.pttl(key) / 1000
    took = time.monotonic() - begin
    if now == -2 / 1000:
        raise Failed("the session had not come to its end, and your function deleted it: the customer is logged out")
    trial.expect_value("a visit changes the TTL, and no field", key, fields)
    if now > wanted + 1.01 and wanted == idle:
        raise Failed(
            "the session lives on for longer than `idle` when nobody visits it: the TTL is the smaller of two numbers, "
            "and `ends` is further away here",
            Plain(f"a TTL of {idle} seconds: `idle`"),
            Plain(f"{now:g} seconds"),
            cure="The smaller of two numbers: `math.min(idle, ends - now)`.",
        )
    if now > wanted + 1.01:
        raise Failed(
            "the TTL reaches beyond `ends`: a thief who always comes back stays for ever",
            Plain(f"a TTL of {wanted} seconds, which is all that is left until `ends`"),
            Plain(f"{now:g} seconds"),
            cure="The smaller of two numbers: `math.min(idle, ends - now)`.",
        )
    if now < wanted - 1.01 - took:
        raise Failed(
            "the customer was here, and gets less time than promised: the full `idle` seconds, or all that is left "
            "until `ends`",
            Plain(f"a TTL of {wanted} seconds"),
            Plain("no TTL" if now < 0 else f"{now:g} seconds"),
        )
    trial.expect("the session goes on: return True", True, answer)
    trial.expect_state("a visit changes the TTL, and nothing else", {key: Ends(fields, now + 0.1, late=1)})


def _expect_last_visit(trial: Trial, key: str, until_end: int) -> None:
    """`ends` has come, and the key is still there."""
    fields = some_session(trial, ends=str(trial.redis.time()[0] + until_end))
    trial.put({key: Ends(fields, 5000)})
    answer = trial.call(key, 900)
    if trial.redis.exists(key):
        raise Failed(
            "the moment `ends` has come, and the session is still in Redis: it must be deleted",
            Plain("no such key"),
            Plain(f"a session with {trial.redis.ttl(key)} seconds left"),
            cure="EXPIRE with 0 or a negative number deletes the key at once.",
        )
    trial.expect("the session has come to its end: return False", False, answer)
    trial.expect_state("the session has come to its end", {})


def _expect_clock_of_redis(trial: Trial, key: str) -> None:
    """The clock of the shop's computer is an hour fast."""
    fields = some_session(trial, ends=str(trial.redis.time()[0] + 3000))
    trial.put({key: Ends(fields, 50)})
    with mock.patch("time.time", return_value=time.time() + 3600):
        trial.call(key, 900)
    if not trial.redis.exists(key):
        raise Failed(
            "the clock of the shop's computer is an hour fast here, and the customer is logged out an hour too early: "
            "ask the clock of Redis (TIME)"
        )


RENEW_UNTIL_END = Exercise(
    id="10.5",
    title="Never beyond its end",
    kind="change",
    question="""\
`renew_until_end` gives the session its `idle` seconds again, and so a thief stays for ever. Change it. The TTL must not
reach beyond the moment in the field `ends` (seconds since 1970, by the clock of Redis). When this moment has come, the
session is deleted, and the function returns `False`. A session that goes on gives `True`.""",
    stub="""\
def renew_until_end(redis_conn, key, idle):
    script = \"\"\"
    local ends = redis.call('HGET', KEYS[1], 'ends')
    if not ends then
      return 0
    end
    redis.call('EXPIRE', KEYS[1], ARGV[1])
    return 1
    \"\"\"
    return redis_conn.eval(script, 1, key, idle) == 1""",
    hints=(
        "Two lines before the EXPIRE: `local now = ...` and `local left = ...`. Then EXPIRE with `left`. And what does "
        "the script return when nothing is left?",
        "`redis.call('TIME')[1]` and `ends` are texts. `tonumber(...)` makes numbers of them.",
        "`left` is the `math.min` of two numbers: `tonumber(ARGV[1])`, and `tonumber(ends) - now`. EXPIRE with 0 or "
        "less deletes the key. What must the script return then?",
    ),
    solution="""\
def renew_until_end(redis_conn, key, idle):
    script = \"\"\"
    local ends = redis.call('HGET', KEYS[1], 'ends')
    if not ends then
      return 0
    end
    local now = tonumber(redis.call('TIME')[1])
    local left = math.min(tonumber(ARGV[1]), tonumber(ends) - now)
    redis.call('EXPIRE', KEYS[1], left)
    if left <= 0 then
      return 0
    end
    return 1
    \"\"\"
    return redis_conn.eval(script, 1, key, idle) == 1""",
    why="the TTL is the smaller of two numbers, so no visit moves it beyond `ends`. In one script, the look at `ends`, "
    "the time and the TTL cost one round trip.",
    check=_check_renew_until_end,
)

# 10.6


def _digest(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()


def _check_find_session(trial: Trial) -> None:
    prefix = trial.key("session:")
    session_id, other_id = f"{trial.word()}_{trial.word()}-Zx", trial.word()
    fields, others = some_session(trial, user=trial.word()), some_session(trial, user=trial.word())
    stored = {prefix + _digest(session_id): Ends(fields, 500), prefix + _digest(other_id): Ends(others, 500)}
    trial.case("nobody has such a session: return None", (prefix, trial.word()), {}, None, {})
    trial.put(stored)
    answer = trial.call(prefix, session_id)
    if answer is None or answer == {}:
        why = "the customer has a session, and your function does not find it"
        cure = "The key is the prefix, and behind it `hashlib.sha256(session_id.encode()).hexdigest()`."
        raise Failed(why, fields, answer, cure=cure)
    trial.expect("the customer gets another session than the one of this id: return its fields", fields, answer)
    trial.expect_state("your function only reads", stored)
    thief = "a thief sends what he has read in a backup of Redis (the digest), and he is let in: return None"
    trial.case(thief, (prefix, _digest(session_id)), stored, None, stored)
    trial.put(stored)
    outcome = trial.attempt(prefix, None)
    if isinstance(outcome.error, (AttributeError, TypeError)):
        raise Failed(
            "a new visitor's browser sends no cookie, so `session_id` is None, and the visitor gets an error page "
            f"({type(outcome.error).__name__})",
            cure="Look at this first: `if session_id is None:`, then return None.",
        )
    if outcome.error is not None:
        raise Crashed(outcome.error)
    trial.expect("the browser sent no cookie: return None", None, outcome.value)
    trial.every_gap(
        "the session ended between two of your commands, and your function returns neither its fields nor None",
        (prefix, session_id),
        before=lambda: trial.put(stored),
        rivals={"the session ends": lambda: trial.redis.delete(prefix + _digest(session_id))},
        cure="One HGETALL is enough.",
    )
    trial.every_error((prefix, session_id), lambda: trial.put(stored))


FIND_SESSION = Exercise(
    id="10.6",
    title="The id stays outside",
    kind="write",
    question="""\
Write `find_session(redis_conn, prefix, session_id)`. A session is stored under the prefix, and behind it the SHA-256 of
its id, as above. Return the fields of the session. When there is none, return `None`. A new visitor's browser sends no
cookie: then `session_id` is `None`, and the answer is `None`, too. (You need not look for ghosts here.)""",
    stub="""\
import hashlib


def find_session(redis_conn, prefix, session_id):
    # your code here
    ...""",
    hints=(
        "First the case without a cookie: `if session_id is None:`.",
        "`hashlib.sha256(session_id.encode()).hexdigest()` is what stands behind the prefix.",
        "HGETALL gives an empty dictionary when there is no such key. `fields or None` makes None of it.",
    ),
    solution="""\
import hashlib


def find_session(redis_conn, prefix, session_id):
    if session_id is None:
        return None
    digest = hashlib.sha256(session_id.encode()).hexdigest()
    fields = redis_conn.hgetall(prefix + digest)
    return fields or None""",
    why="Redis never sees the id. Whoever reads a key of Redis and sends it as a cookie is looked for under the digest "
    "of a digest.",
    check=_check_find_session,
)

EXERCISES = (USER_OF, OPEN_SESSION, READ_AND_SLIDE, LAST_MOMENT, RENEW_UNTIL_END, FIND_SESSION)

QUIZ = (
    Question(
        "A session id is the SHA-256 of the user's name and the second of the log-in. How hard is it to guess?",
        (
            (
                "2²⁵⁶ tries, as SHA-256 has 256 bits",
                "SHA-256 adds no secret. Whoever knows the recipe can calculate the ids.",
            ),
            ("Nobody can: there is no way back", "Nobody goes back. A thief goes forward, once for each second."),
            (
                "As hard as the name and the second",
                "That is all there is to guess. `secrets.token_urlsafe(32)` has 256 random bits.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A bank ends a session after 10 minutes without a visit, and after one hour in any case. A customer goes home "
        "and leaves the page open. Its JavaScript asks for the news every minute. When does the session end?",
        (
            ("After one hour", "Each question for news is a visit. Only the absolute end does not move."),
            ("After 10 minutes", "Redis sees a visit every minute, and does not know that nobody sits there."),
            ("Never, while the page is open", "That is so with an idle time-out alone. Here no visit moves the hour."),
        ),
        answer="a",
    ),
    Question(
        "A list of wishes is a hash with a TTL of seven days. It has ended. Then a late request does one HINCRBY on "
        "it. What is in Redis?",
        (
            ("Nothing: HINCRBY needs a hash", "It needs none. Where there is no hash, it makes one."),
            ("A hash of one field, without a TTL", "A ghost. The late request must look first, in the same step."),
            ("The old list, and one wish more", "What has ended is gone, all its fields and its TTL."),
        ),
        answer="b",
    ),
    Question(
        "A backup of Redis is stolen. The keys of the sessions in it are digests of the ids. What can the thief do?",
        (
            ("Send the keys as cookies, and be the customers", "The shop looks under the digest of what he sends."),
            ("Read the carts, and use no session", "The fields are readable. Without an id, he gets in nowhere."),
            ("Nothing: digests have no way back", "The ids are safe. Carts and names stand beside them as they are."),
        ),
        answer="b",
    ),
    Question(
        "The cookie has the flag HttpOnly. Somebody hides JavaScript in a comment on a page of the shop. What can this "
        "JavaScript still do, when Maria opens the page?",
        (
            ("Read her session id, and send it away", "HttpOnly hides the cookie from JavaScript."),
            ("Nothing that has to do with her session", "It runs in her browser, and her browser sends her cookie."),
            (
                "Send requests to the shop as Maria",
                "It need not know the cookie for that. A flag does not mend a page that shows code of strangers.",
            ),
        ),
        answer="c",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="ghost-predict",
        text=(
            "The session has ended. Now the shop does `HSET` with one field, `cart:apple`. What is under its key then?"
        ),
        code="""\
session = "cell-by-cell:review:session"
redis_conn.hset(session, mapping={"user": "maria", "cart:banana": 2})
redis_conn.delete(session)  # as if its time were over
redis_conn.hset(session, "cart:apple", 1)
print(redis_conn.hgetall(session))""",
        options=(
            ("nothing: there is no hash to change", r"\{\}"),
            ("the old session, and the apple", r"\{'user': .*'cart:apple': '1'\}"),
            ("a new hash, with only the apple", r"\{'cart:apple': '1'\}"),
        ),
        answer="c",
        why=(
            "`HSET` makes a hash where there is none. Nobody is logged in there, and it never ends. We call it a "
            "**ghost**."
        ),
    ),
)
