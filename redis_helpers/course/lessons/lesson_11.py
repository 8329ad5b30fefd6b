"""Lesson 11: carts that lose nothing, and only while their session lives; a new id at log-in; log out elsewhere."""

from collections.abc import Mapping

import redis

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.exercises.wire import Step
from redis_helpers.course.lessons.session_checks import SOON, call_in_time, every_error, expect_all_of_it, some_session


def _error_of(run: Run) -> str | None:
    """The name of the error that one of the callers got."""
    return next((type(outcome.error).__name__ for outcome in run.outcomes if outcome.error), None)


def _expect_mortal(trial: Trial, why: str, *keys: str) -> None:
    for key in keys:
        if trial.redis.ttl(key) == -1:
            raise Failed(why, Plain("a TTL, or no key at all"), Plain("a session that never ends"))


# 11.1


def _check_add_to_cart(trial: Trial) -> None:
    key = trial.key("session *1*")
    for ending in (Ends, _without_end):
        fields, fruit, crates = some_session(trial), f"{trial.word()} ü", trial.number(2, 90)
        had = trial.number(2, 900)
        fields |= {"cart:" + fruit: str(had), fruit: "7"}
        trial.put({key: ending(fields, 5000)})
        answer = trial.call(key, fruit, crates)
        why = "the field of this fruit (cart: and its name) must have grown, and nothing else may change"
        fields["cart:" + fruit] = str(had + crates)
        trial.expect_value(why, key, fields)
        trial.expect("return the new number: what HINCRBY answers", had + crates, answer)
        trial.expect_state(why, {key: ending(fields, 5000)})
        new = trial.word()
        trial.put({key: ending(fields, 5000)})
        answer = trial.call(key, new, crates)
        fields[f"cart:{new}"] = str(crates)
        trial.expect_state("a fruit that was not in the cart begins at 0", {key: ending(fields, 5000)})
        trial.expect("return the new number: a fruit that was not in the cart begins at 0", crates, answer)

    before = {key: Ends({"user": "maria", "cart:" + fruit: "40"}, 5000)}
    for wanted in (fruit, new):
        trial.orders(
            "two tabs added at the same time, and what is in the cart is not right: look at who reads, and who writes",
            {"tab 1": (key, fruit, 2), "tab 2": (key, wanted, 3)},
            before=lambda: trial.put(before),
            cure="One HINCRBY reads and adds in one step.",
        )
    trial.every_cut("a part of the work is done", (key, fruit, 2), before=lambda: trial.put(before))
    trial.every_error((key, fruit, 2), before=lambda: trial.put(before))


def _without_end(value: dict[str, str], _: float) -> dict[str, str]:
    """In place of Ends."""
    return value


ADD_TO_CART = Exercise(
    id="11.1",
    title="Two tabs, and nothing is lost",
    kind="blank",
    question="""\
`add_to_cart` adds `crates` to the field `cart:` + fruit, and returns the new number. One line is missing.
(The session is there. Leave its TTL alone.)""",
    stub="""\
def add_to_cart(redis_conn, key, fruit, crates):
    # one line
    ...""",
    hints=(
        "In redis-py, the command is a method: `redis_conn.hincrby(...)`. It gets the key, the field and the number.",
        "Its answer is the new number. Return it.",
    ),
    solution="""\
def add_to_cart(redis_conn, key, fruit, crates):
    return redis_conn.hincrby(key, "cart:" + fruit, crates)""",
    why="Redis reads, adds and writes in one command. Two tabs cannot come between.",
    check=_check_add_to_cart,
)

# 11.2


def _check_note_if_alive(trial: Trial) -> None:
    key = trial.key("session [*]")
    noted = "the session is there: the note is to be stored in its field `note`, and the TTL is to stay"
    for left in (5000, SOON, 50):
        for note in (f"ring twice, '{trial.word()}' ü", "0", ""):
            for more in ({}, {"note": "none", "user": trial.word()}):
                fields = some_session(trial, **more)
                answer = call_in_time(trial, {key: Ends(fields, left)}, key, note)
                if left == SOON:  # it may be over before anybody can look
                    trial.expect("the session has half a second left, so it is there: the answer is True", True, answer)
                    continue
                trial.expect_value(noted, key, fields | {"note": note})
                trial.expect_state(noted, {key: Ends(fields | {"note": note}, left)})
                trial.expect("the note was stored: the answer is True", True, answer)
    trial.put({})
    answer = trial.call(key, note)
    if trial.redis.exists(key):
        raise Failed(
            "the session had ended, and your function made a new one: a ghost with a note",
            Plain("no key at all"),
            trial.redis.hgetall(key),
            cure="In a script, EXISTS answers a number, 1 or 0, and in Lua 0 counts as true. So compare it: `== 0`.",
        )
    trial.expect_state("the session had ended: nothing may be stored", {})
    trial.expect("the session had ended: the answer is False", False, answer)

    def why(run: Run) -> str:
        if error := _error_of(run):
            return f"something happened between two of your commands, and the customer got an error ({error})"
        return "the session ended, or was renewed, between two of your commands, and now the answer or Redis is wrong"

    before = {key: Ends(fields, 5000)}
    trial.every_gap(
        why,
        (key, note),
        before=lambda: trial.put(before),
        rivals={
            "the session ends": lambda: trial.redis.delete(key),
            "another page renews it": lambda: trial.redis.expire(key, 6000),
        },
        cure="The look belongs in the script: there nobody comes in between.",
    )
    trial.every_cut("a part of the work is done", (key, note), before=lambda: trial.put(before))
    trial.every_error((key, note), before=lambda: trial.put(before))


NOTE_IF_ALIVE = Exercise(
    id="11.2",
    title="A note, only while the session lives",
    kind="blank",
    question="""\
Maria writes a note for the driver. `note_if_alive` stores it in the field `note` of her session, and returns `True`.
When the session has ended, it must store nothing, and return `False`. Put the condition in place of the `...`.""",
    stub='''\
def note_if_alive(redis_conn, key, note):
    script = """
    if ... then  -- the session has ended
      return 0
    end
    redis.call('HSET', KEYS[1], 'note', ARGV[1])
    return 1
    """
    return redis_conn.eval(script, 1, key, note) == 1''',
    hints=(
        "Which command says whether a key is there? In the script it is called with `redis.call`.",
        "`redis.call('EXISTS', KEYS[1])` gives 1 or 0. In Lua, 0 counts as true. So compare it with 0: `== 0`.",
    ),
    solution='''\
def note_if_alive(redis_conn, key, note):
    script = """
    if redis.call('EXISTS', KEYS[1]) == 0 then  -- the session has ended
      return 0
    end
    redis.call('HSET', KEYS[1], 'note', ARGV[1])
    return 1
    """
    return redis_conn.eval(script, 1, key, note) == 1''',
    why="the look and the write are one step inside Redis. HSET leaves the TTL of the session alone.",
    check=_check_note_if_alive,
)

# 11.3


def _check_add_if_alive(trial: Trial) -> None:
    key, field = trial.key("session [*]"), "cart:"
    for left in (50, SOON, 9000):
        idle, crates, had, fruit = (
            trial.number(400, 2000),
            trial.number(2, 90),
            trial.number(2, 900),
            f"{trial.word()} ü",
        )
        fields = some_session(trial) | {field + fruit: str(had)}
        total = call_in_time(trial, {key: Ends(fields, left)}, key, fruit, crates, idle)
        if isinstance(total, int) and trial.redis.hget(key, field + fruit) == str(had):
            raise Failed("the field of this fruit has not grown: its name is `cart:` and the fruit")
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
    expect_all_of_it(trial, before, args, key, idle)
    every_error(trial, "the customer is told that the session has ended", args, before)


def _expect_patience(trial: Trial, args: tuple, fields: dict[str, str], times: int = 12) -> None:
    """Other tabs are quicker, a dozen times in a row: the fruit comes into the cart all the same."""
    key, fruit, crates, idle = args
    changes = 0

    def other_tab(step: Step) -> None:
        nonlocal changes
        if step.commands[-1][0] == "EXEC" and changes < times:
            changes += 1
            trial.redis.hincrby(key, "cart:other", 1)

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
    id="11.3",
    title="No ghosts at all",
    kind="stretch",
    question="""\
Write `add_if_alive(redis_conn, key, fruit, crates, idle)`. It adds `crates` to the field `cart:` + fruit, gives the
session a new TTL of `idle` seconds, and returns the new number.

- When the session has ended, it makes **no** key, and returns `None`.
- The session may end between two of your commands.
- Several tabs may add at the same time.""",
    stub="""\
def add_if_alive(redis_conn, key, fruit, crates, idle):
    # your code here
    ...""",
    hints=(
        "Begin with `ADD_WHILE_ALIVE` and `add_by_script`. One command is missing in the script: which one renews a "
        "TTL?",
        "`idle` travels as a third argument: `ARGV[3]`. Where does EXPIRE stand, so that the script still returns the "
        "new number?",
        "Before the last line: `redis.call('EXPIRE', KEYS[1], ARGV[3])`. It stands after the look, and before the "
        "`return` of HINCRBY.",
    ),
    solution='''\
def add_if_alive(redis_conn, key, fruit, crates, idle):
    script = """
    if redis.call('EXISTS', KEYS[1]) == 0 then
      return false
    end
    redis.call('EXPIRE', KEYS[1], ARGV[3])
    return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
    """
    return redis_conn.eval(script, 1, key, "cart:" + fruit, crates, idle)''',
    why="nothing comes between the look and the new number, so there is no ghost and no lost fruit. A script needs one "
    "round trip. WATCH with a loop is right, too, but each visit changes the TTL, so with many requests it looks again "
    "often.",
    check=_check_add_if_alive,
)

# 11.4


def _check_log_in(trial: Trial) -> None:
    old, new, newer = trial.key("old-id"), trial.key("new-id"), trial.key("newer-id")
    for left in (50, SOON, 9000):
        user, idle, fields = trial.word(), trial.number(400, 2000), some_session(trial)
        answer = call_in_time(trial, {old: Ends(fields, left)}, old, new, user, idle)
        if trial.redis.hget(old, "user") == user:
            raise Failed(
                "the old id opens the customer's session: whoever planted that id is the customer now (fixation)"
            )
        if trial.redis.exists(old):
            raise Failed("the old id still opens a session: after the log-in, only the new one may")
        if trial.redis.hgetall(new) == {"user": user}:
            raise Failed(
                "the cart was lost: take the whole session along", cure="RENAME moves a key with all it holds."
            )
        trial.expect_value("under the new id must be the old session, and the user", new, fields | {"user": user})
        trial.expect_ttl("the session does not have the idle seconds that were asked for", new, idle - 1, idle)
        trial.expect_state("after a log-in", {new: Ends(fields | {"user": user}, idle, late=1)})
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
    expect_all_of_it(trial, before, args, new, idle)
    every_error(trial, "the customer seems to be logged in, and is not", args, before)


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
    trial.expect_state("after a log-in", {new: Ends({"user": user}, idle, late=1)})
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
    id="11.4",
    title="A new id at log-in",
    kind="change",
    question="""\
This log-in keeps the id that the browser came with. Change it: the whole session moves to `new_key`, with the field
`user` and a TTL of `idle` seconds. Return `new_key`. (The old session is a visitor's: it has no user yet.)

- If the old session has ended, a new one begins under `new_key`.
- The old session may also end between two of your commands.
- If the program is killed, nobody is logged in under `old_key`, and each session has a TTL.
- If another tab adds to the cart meanwhile, nothing is lost.""",
    stub="""\
def log_in(redis_conn, old_key, new_key, user, idle):
    with redis_conn.pipeline() as pipe:
        pipe.hset(old_key, "user", user)
        pipe.expire(old_key, idle)
        pipe.execute()
    return old_key""",
    hints=(
        "The transaction is there already: its commands are one step. What is missing is RENAME. Where does it stand?",
        "In a transaction, nobody sees the moment between two commands. So the user may be written under the old id, "
        "if RENAME follows in the same transaction.",
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
    why="nobody ever sees the old id with a user, and a session that has just ended is no obstacle. The shortest way "
    "is HSET, RENAME, EXPIRE in one transaction: RENAME always finds a key. Only a visitor's session may move like "
    "this. When another user is logged in there, that user's rights would move, too: delete such a session, and begin "
    "a new one.",
    check=_check_log_in,
)

# 11.5


def _check_what_moves(trial: Trial) -> None:
    key, user = trial.key("session *1*"), trial.word()
    for number in (0, 1, 4):
        cart = {f"cart:{trial.word()} ü": str(trial.number(2, 90)) for _ in range(number)}
        fields = cart | _planted(trial)
        trial.put({key: Ends(fields, 5000)})
        _expect_moving(trial, (key, user), cart, fields)
        before = {key: Ends(fields | {"user": user}, 5000)}
        trial.put(before)
        answer = trial.call(key, user)
        trial.expect("the same user logs in again: the cart moves along, and nothing else", cart, answer)
        for other in (trial.word(), f"{user}a", user[:-1], user.upper()):
            before = {key: Ends(fields | {"user": other}, 5000)}
            trial.put(before)
            answer = trial.call(key, user)
            trial.expect("another user was logged in there: nothing moves, so return {}", {}, answer)
            trial.expect_state("your function only reads: nothing in Redis may change", before)
    trial.put({})
    trial.expect("the session has ended: nothing moves, so return {}", {}, trial.call(key, user))
    trial.expect_state("your function only reads: it must not make a key", {})

    before = {key: Ends(fields, 5000)}
    trial.every_gap(
        "between two of your commands the session ended, or another user logged in there, and what you return is right "
        "neither for before nor for afterwards",
        (key, user),
        before=lambda: trial.put(before),
        rivals={
            "the session ends": lambda: trial.redis.delete(key),
            "another user logs in": lambda: trial.redis.hset(key, "user", "paolo"),
        },
        cure="Read the session once, with HGETALL. Both answers are in it.",
    )
    trial.every_error((key, user), before=lambda: trial.put(before))


def _planted(trial: Trial) -> dict[str, str]:
    """What must never move."""
    return {
        "ends": str(trial.number(3_900_000_000, 4_100_000_000)),
        "may_pay": "yes",
        "deliver_to": trial.word(),
        "cart": "no fruit",
        f"cartoon:{trial.word()}": "1",
        "my cart:apple": "1",
        trial.word(): "",
    }


def _expect_moving(trial: Trial, args: tuple, cart: dict[str, str], fields: dict[str, str]) -> None:
    """A visitor's session."""
    key, _ = args
    answer = trial.call(*args)
    if isinstance(answer, dict):
        strange = [name for name in answer if name in fields and name not in cart]
        if strange:
            raise Failed(
                "something moves along that never may: a stranger may have put it there, or it is another user's right",
                cart,
                answer,
                cure="Ask what may move, not what may not: only names that begin with `cart:`.",
            )
    trial.expect(
        "the cart of a visitor moves along: all fields whose names begin with `cart:`, as a dict", cart, answer
    )
    trial.expect_state("your function only reads: nothing in Redis may change", {key: Ends(fields, 5000)})


WHAT_MOVES = Exercise(
    id="11.5",
    title="What may go along",
    kind="change",
    question="""\
`user` logs in, and `old_key` is the old session. `what_moves` returns a dict of the fields that may go along. This
version lets everything move. Change it.

- Only fields whose names begin with `cart:` may go along.
- If **another** user is logged in there (the field `user`), return `{}`.
- Only read: nothing in Redis may change.""",
    stub="""\
def what_moves(redis_conn, old_key, user):
    fields = redis_conn.hgetall(old_key)
    moving = {}
    for name in fields:
        moving[name] = fields[name]
    return moving""",
    hints=(
        "The session is in `fields` already, as a dict. Two things are missing: an `if` before the loop, one inside.",
        "`fields.get('user')` is None when nobody is logged in. Which two values of it are fine?",
        "Go through the names in a `for`, and keep those for which `name.startswith('cart:')` is true.",
    ),
    solution="""\
def what_moves(redis_conn, old_key, user):
    fields = redis_conn.hgetall(old_key)
    if fields.get("user", user) != user:
        return {}
    moving = {}
    for name in fields:
        if name.startswith("cart:"):
            moving[name] = fields[name]
    return moving""",
    why="a list of what may move is safe, also when somebody adds a new field to the sessions next year. A list of "
    "what may not move forgets that field.",
    check=_check_what_moves,
)

# 11.6


def _check_log_out_others(trial: Trial) -> None:
    index, prefix, paolo = trial.key("of:maria"), trial.key("s:"), trial.key("s:") + "of-paolo"
    cart, word = some_session(trial), trial.word()

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
            _expect_an_id(outcome.error)
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
    outcome = trial.attempt(index, prefix, f"{word}1")
    if outcome.error is not None:
        _expect_an_id(outcome.error)
        raise Crashed(outcome.error)
    trial.expect("nobody else is logged in any more: return 0", 0, outcome.value)
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
    every_error(trial, "the thief is still logged in, and nobody knows", args, few)


def _expect_an_id(error: BaseException) -> None:
    """ZREM was sent for an empty list."""
    if "wrong number of arguments for 'zrem'" in str(error):
        raise Failed(
            "nobody else was logged in, so there was no id to take out, and ZREM without an id is an error",
            cure="Is the list of ids empty? Then return 0, and send nothing.",
        )


LOG_OUT_OTHERS = Exercise(
    id="11.6",
    title="Log out everywhere else",
    kind="write",
    question="""\
Maria has changed her password, and stays logged in on this computer only. Write
`log_out_others(redis_conn, index, prefix, keep)`. `index` is the sorted set of her ids, and `prefix` + id is the key of
a session.

- The session of `keep` goes on, and its id stays in the index, with its score.
- All others end, and their ids leave the index. The index has a TTL, too: leave it alone.
- Return how many you have ended. (One that had ended before does not count.)
- Somebody may log in at the same moment: no session may live that the index has forgotten.""",
    stub="""\
def log_out_others(redis_conn, index, prefix, keep):
    # your code here
    ...""",
    hints=(
        "Begin with `log_out_read`. Which id has to stay? An `if` passes it over.",
        "For each of these ids: first `delete` the session, then `zrem` the id.",
        "DEL answers how many of its keys were there: 1, or 0 when the session had ended before. Add these numbers.",
    ),
    solution="""\
def log_out_others(redis_conn, index, prefix, keep):
    ended = 0
    for session_id in redis_conn.zrange(index, 0, -1):
        if session_id != keep:
            ended = ended + redis_conn.delete(prefix + session_id)
            redis_conn.zrem(index, session_id)
    return ended""",
    why="only what was read leaves the index, so a log-in in between stays in it. The sessions end before their ids "
    "leave the index, so a killed program leaves none that nobody finds.",
    check=_check_log_out_others,
)

EXERCISES = (ADD_TO_CART, NOTE_IF_ALIVE, ADD_IF_ALIVE, LOG_IN, WHAT_MOVES, LOG_OUT_OTHERS)

QUIZ = (
    Question(
        "A hotel holds a room for ten minutes, as a hash with a TTL. A guest adds a breakfast with `HSET`, in the "
        "eleventh minute. What is in Redis now?",
        (
            ("Nothing: the hash has ended", "HSET needs no hash to be there. It makes one."),
            ("The old reservation, with a breakfast", "What has ended is gone, with all its fields."),
            (
                "A hash with a breakfast only, which never ends",
                "A ghost. Look and write in one script, then it stays away.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A shop protects a basket with WATCH. Every request of the customer renews the TTL of the basket. The page "
        "sends 20 requests at the same time, and each wants to change the basket. What happens?",
        (
            (
                "All are right, but many must look again",
                "Each renewal is a change of the key, so it fails the others' EXEC.",
            ),
            (
                "All are done at the first try",
                "EXPIRE changes the key, so EXEC is refused although no field has changed.",
            ),
            ("Some of the changes are lost", "Not with the loop: after a WatchError it looks again."),
        ),
        answer="a",
    ),
    Question(
        "A bank shows accounts after the log-in, and asks for a second code before a payment. When should the session "
        "get a new id?",
        (
            ("At the log-in only", "Whoever learned the id before the second code could then also pay."),
            ("At the second code only", "An id from before the log-in would open the accounts to whoever chose it."),
            ("At both", "Whenever an id can do more than before, an older id must not be able to do it."),
        ),
        answer="c",
    ),
    Question(
        "Anna buys a ticket on a computer of the library, and forgets to log out. Bruno logs in on the same computer. "
        "What should his new session hold?",
        (
            ("His name only", "Another user was logged in: nothing of hers may move."),
            ("His name, and Anna's cart", "It is her cart, perhaps with a ticket that only she may see."),
            ("His name, and all but her name", "Then her rights and her address are his."),
        ),
        answer="a",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="watch-predict",
        text=(
            "You watch the session. Another request sends `EXPIRE` for it. Then you send `MULTI`, add an apple, and "
            "send `EXEC`. What does `EXEC` do?"
        ),
        code="""\
import redis

session = "cell-by-cell:review:session"
redis_conn.hset(session, "user", "maria")
with redis_conn.pipeline() as pipe:
    pipe.watch(session)
    redis_conn.expire(session, 1800)  # the other request
    pipe.multi()
    pipe.hincrby(session, "cart:apple", 1)
    try:
        print("added, TTL", redis_conn.ttl(session), pipe.execute())
    except redis.WatchError:
        print("nothing is run: WatchError")""",
        options=(
            ("it runs nothing: `WatchError`", "nothing is run: WatchError"),
            ("it adds the apple, as no field has changed", r"added, TTL 1\d+ .*"),
            ("it adds the apple, and the old TTL comes back", "added, TTL -1 .*"),
        ),
        answer="a",
        why="To `WATCH`, a new TTL is a change of the key.",
        needs=("WATCH", "MULTI", "HINCRBY"),
    ),
)
