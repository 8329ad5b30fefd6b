"""Lesson 00: three first exercises."""

import contextlib
from collections.abc import Iterator

import redis

from redis_helpers.course.exercises.checker import Plain, Trial, nobody_there
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.state import Ends
from redis_helpers.errors import CourseError


@contextlib.contextmanager
def _other_keys_cured(trial: Trial, cure: str) -> Iterator[None]:
    """Says what to do, where a command named a key that the function was not given."""
    try:
        yield
    except Failed as failure:
        if trial.was_refused:
            failure.cure = cure
        raise


@contextlib.contextmanager
def _first_errors_told(method: str, wants: str) -> Iterator[None]:
    """Says in plain words what the errors of a first call mean. `wants` is what stands in the parentheses."""
    try:
        yield
    except Crashed as crash:
        why = _meaning(crash.error, method)
        if why is None:
            raise
        raise Failed(why, cure=f"the call is redis_conn.{method}({wants}).") from None


def _meaning(error: BaseException, method: str) -> str | None:
    """What a first call got wrong, or None for an error that speaks for itself."""
    name = getattr(error, "name", None) or ""
    is_meant = name.lower() == method or (name == "DEL" and method == "delete")
    if isinstance(error, NameError) and is_meant:
        return f"Redis is not asked: Python knows no name {name}. It is a method of redis_conn"
    if isinstance(error, AttributeError) and is_meant and name != method:
        return f"Redis is not asked: the client has no method {name}. Its methods are written in small letters"
    wrong_number = isinstance(error, TypeError) and f".{method}() " in str(error)
    if wrong_number or (isinstance(error, redis.ResponseError) and "number of arguments for 'del'" in str(error)):
        return f"Redis is not asked as it should be: something is wrong in the parentheses of {method}"
    return None


# 0.1


def _check_knock(trial: Trial) -> None:
    with _first_errors_told("ping", ""):
        answer = trial.call()
    if answer is True and "PING" not in trial.commands:
        raise Failed(
            "your function never asked Redis. It would say the same when Redis is switched off",
            Plain("the reply of PING"),
            answer,
            cure="redis_conn.ping() sends PING, and gives True when Redis answers: return that.",
        )
    if callable(answer):
        raise Failed(
            "your function returns the method itself, and never calls it. So Redis is not asked",
            cure="a method is called with parentheses after its name: redis_conn.ping().",
        )
    if answer is not True:
        raise Failed(
            "Redis is there, and your function does not say True. A program that asks it thinks that Redis is gone",
            True,
            answer,
            cure="redis_conn.ping() gives True. Write return before it.",
        )
    with nobody_there() as options:
        outcome = trial.attempt(options=options)
    if outcome.error is None and outcome.value is True:
        raise Failed(
            "Redis was switched off, and your function said that it answers: it must say what Redis says",
            Plain("an error, or False"),
            True,
        )
    if outcome.error is not None and not isinstance(outcome.error, redis.RedisError | CourseError):
        raise Crashed(outcome.error)


KNOCK = Exercise(
    id="0.1",
    title="A first request",
    kind="blank",
    question="""\
Replace the three dots. The function sends `PING` to Redis, and returns the answer that the client gives you: `True` \
when Redis is there.""",
    stub="""\
def knock(redis_conn):
    return ...""",
    hints=(
        "Look at the cell with `print(redis_conn.ping())`, further up. Which part of it asks Redis?",
        "`redis_conn` is the client. Its method `ping` sends PING. A method is called with parentheses: `ping()`.",
    ),
    solution="""\
def knock(redis_conn):
    return redis_conn.ping()""",
    why="the method sends PING, waits for the answer of Redis, and gives it to you. You asked, and did not guess.",
    check=_check_knock,
)

# 0.2


KEY_FIRST = "write the name key, without quotes. set takes first the key, then the text; get takes the key only."


def _check_greeting(trial: Trial) -> None:
    with _first_errors_told("set", "key, text"), _first_errors_told("get", "key"), _other_keys_cured(trial, KEY_FIRST):
        _expect_greeting(trial, trial.key("greeting"), f"good morning, {trial.word()}", {})
    key, text = trial.key("old"), f"hello, {trial.word()}"
    _expect_greeting(trial, key, text, {key: f"the greeting of yesterday was longer: {trial.word()}"})
    _expect_greeting(trial, key, text, {key: Ends(trial.word(), 300)})
    _expect_read_back(trial, key)
    odd = trial.key("it's a *greeting*, ü?")
    _expect_greeting(trial, odd, f'  it\'s "sold out", até amanhã: {trial.word()} [1] 50% \\ {{}}\n ', {})
    _expect_greeting(trial, odd, str(trial.number(2, 99)), {})
    _expect_greeting(trial, odd, "", {})
    trial.every_error((key, text), lambda: trial.put({key: "yesterday"}))


def _expect_greeting(trial: Trial, key: str, text: str, before: dict) -> None:
    """One greeting is left, read back and returned."""
    trial.put(before)
    answer = trial.call(key, text)
    why = "whoever looks for the greeting does not find it: it must be in Redis, under the key that is given"
    if before and trial.redis.get(key) != text:
        why = "visitors read an old greeting, or parts of it: the new text must replace what was there"
    trial.expect_state(why, {key: text})
    cure = "GET answers the text: return that answer."
    if type(answer) is not str or answer != text:
        raise Failed("whoever calls your function gets something else than Redis holds", text, answer, cure=cure)
    if text not in _in_replies(trial):
        raise _not_from_redis()


def _expect_read_back(trial: Trial, key: str) -> None:
    """Somebody else may leave another greeting between two commands: then that is the one to be read."""
    others = iter(range(9))
    trial.put({})
    answer = trial.call(key, "mine", between=lambda: trial.redis.set(key, f"other {next(others)} {trial.word()}"))
    if answer not in _in_replies(trial):
        raise _not_from_redis()


def _not_from_redis() -> Failed:
    return Failed(
        "somebody else may have changed the greeting meanwhile, and your function would not see it: the answer must "
        "come from Redis",
        Plain("the text that Redis answers"),
        Plain("the text that your function was given"),
        cure="Read the key back with GET, and return what GET answers.",
    )


def _in_replies(trial: Trial) -> set[str]:
    """Every text that Redis has answered in the last call."""
    return {text for step in trial.call_seen.steps for reply in step.replies for text in _texts(reply)}


def _texts(reply: object) -> Iterator[str]:
    if isinstance(reply, bytes):
        yield reply.decode()
    elif isinstance(reply, str):
        yield reply
    elif isinstance(reply, dict):
        yield from _texts([*reply, *reply.values()])
    elif isinstance(reply, list | tuple | set):
        for part in reply:
            yield from _texts(part)


GREETING = Exercise(
    id="0.2",
    title="Leave a greeting",
    kind="blank",
    question="""\
Replace the dots. The function stores `text` under `key`. Then it reads the key again, and returns what Redis
answers.""",
    stub="""\
def leave_greeting(redis_conn, key, text):
    redis_conn.set(...)
    return redis_conn.get(...)""",
    hints=(
        '`SET cell-by-cell:start:greeting "good morning"` names two things after SET: which key, and what to store.',
        "The method takes them in the same order: first the key, then the value. GET needs the key only.",
    ),
    solution="""\
def leave_greeting(redis_conn, key, text):
    redis_conn.set(key, text)
    return redis_conn.get(key)""",
    why="a value travels to the server under a name and comes back under the same name. Two commands, two round trips.",
    check=_check_greeting,
)

# 0.3

DEL = "DEL deletes, and answers how many keys it has deleted: return that answer."


def _check_remove(trial: Trial) -> None:
    key, other = trial.key("greeting"), trial.key("another greeting")
    for text in (f"good morning, {trial.word()}", ""):
        cure = "write the name key, without quotes: your function deletes the key it is given."
        with _first_errors_told("delete", "key"), _other_keys_cured(trial, cure):
            _expect_removed(trial, key, {key: text, other: "stays"}, 1, {other: "stays"})
    _expect_removed(trial, key, {key: Ends(trial.word(), 300)}, 1, {})
    _expect_removed(trial, key, {other: "stays"}, 0, {other: "stays"})
    both = "two people removed one greeting, and both were told that they did it: the answer must come from DEL itself"
    try:
        trial.orders(both, {"person 1": (key,), "person 2": (key,)}, lambda: trial.put({key: "hello"}))
    except Failed as failure:
        failure.cure = failure.cure or DEL
        raise
    trial.every_error((key,), lambda: trial.put({key: "hello"}))


def _expect_removed(trial: Trial, key: str, before: dict, deleted: int, after: dict) -> None:
    trial.put(before)
    answer = trial.call(key)
    why = "the greeting must be gone, and all other keys must stay as they are"
    if before.get(key) == "" and trial.redis.exists(key):
        why = "the greeting was an empty text, and its key is still there. For Python's if, an empty text is like None"
    trial.expect_state(why, {**after, key: None})
    why = "one key was deleted, and your function says something else"
    if deleted == 0:
        why = "there was no such key, so nothing was deleted, and your function says something else"
    if type(answer) is not int or answer != deleted:
        raise Failed(why, deleted, answer, cure=DEL)


REMOVE = Exercise(
    id="0.3",
    title="Take the greeting away",
    kind="blank",
    question="""\
Replace the dots. The function deletes `key`. It returns how many keys were deleted: `1`, or `0` when there was no such
key. One command does both.""",
    stub="""\
def remove_greeting(redis_conn, key):
    return ...""",
    hints=(
        "Which command deletes a key? And what did it answer when you ran it in `%%redis`?",
        "In Python this command has the longer name `delete`. What it answers is what your function returns.",
    ),
    solution="""\
def remove_greeting(redis_conn, key):
    return redis_conn.delete(key)""",
    why="DEL deletes and counts in one command. So its answer is true, also when somebody else deletes the same key.",
    check=_check_remove,
)

EXERCISES = (KNOCK, GREETING, REMOVE)

QUIZ = (
    Question(
        "It is the next morning. You open this notebook, and run only the cell with print(price). What happens?",
        (
            (
                "It prints 312.",
                "The notebook keeps the text of its cells. The kernel is a new one, and knows no price.",
            ),
            ("It prints nothing.", "A name that the kernel does not know is an error."),
            ("Python says NameError.", "The kernel is a new one. Run the cells above first."),
        ),
        answer="c",
    ),
    Question(
        "Two computers work with one Redis. The program on computer A stores the key stock. Then somebody switches "
        "computer A off. Redis runs on a third computer. What does computer B read?",
        (
            ("The stock", "The key lives in the server. The client that stored it is no longer needed."),
            ("Nothing: the key belonged to A", "Keys belong to the server. All its clients see the same keys."),
            ("An error, until A is back", "B asks the server, and the server is running."),
        ),
        answer="a",
    ),
    Question(
        "A page of a shop reads 20 keys, one after the other. Redis runs in another building. Where does most of the "
        "time go?",
        (
            ("Redis searches for the keys", "Redis finds a key in far less time than a message needs to travel."),
            ("20 messages there, and 20 answers back", "20 round trips, and each one waits for its answer."),
            ("Python makes the dictionary of 20 values", "That stays in one process: it is the shorter bar."),
        ),
        answer="b",
    ),
    Question(
        'A colleague asks for redis_conn.get("shop:bananna"). The key is "shop:banana": a typing error. What happens?',
        (
            ("Redis answers with an error.", "For Redis it is simply another name, and nothing is stored under it."),
            ("Redis finds the key that is most like it.", "A key is found by its exact name, or not at all."),
            (
                "The answer is None.",
                "Nothing is stored under that name. No error tells you that it was a typing error.",
            ),
        ),
        answer="c",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="missing-predict",
        text="Nobody has stored this key. What does `get` give for it?",
        code="""\
print(redis_conn.get("cell-by-cell:review:nothing"))""",
        options=(
            ("an error", r"\w+Error: .*"),
            ("an empty text", ""),
            ("`None`", "None"),
        ),
        answer="c",
        why="Asking for a missing key is not an error. Python shows the answer as `None`.",
    ),
)
