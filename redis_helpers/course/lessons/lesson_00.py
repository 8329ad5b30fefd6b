"""Lesson 00: the first exercise."""

from collections.abc import Iterator

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.state import Ends
from redis_helpers.errors import CourseError


def _check_greeting(trial: Trial) -> None:
    _expect_greeting(trial, trial.key("greeting"), f"good morning, {trial.word()}", {})
    key, text = trial.key("old"), f"hello, {trial.word()}"
    _expect_greeting(trial, key, text, {key: f"the greeting of yesterday was longer: {trial.word()}"})
    _expect_greeting(trial, key, text, {key: Ends(trial.word(), 300)})
    _expect_read_back(trial, key)
    odd = trial.key("it's a *greeting*, ü?")
    _expect_greeting(trial, odd, f'  it\'s "sold out", até amanhã: {trial.word()} [1] 50% \\ {{}}\n ', {})
    _expect_greeting(trial, odd, str(trial.number(2, 99)), {})
    _expect_greeting(trial, odd, "", {})
    _every_error(trial, (key, text), lambda: trial.put({key: "yesterday"}))


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


def _every_error(trial: Trial, args: tuple, before) -> None:
    """An error of Redis must come through, as redis-py or RedisRepository raises it."""
    try:
        trial.every_error(args, before)
    except Crashed as crash:
        if not isinstance(crash.error, CourseError):
            raise


GREETING = Exercise(
    id="0.1",
    title="Leave a greeting",
    kind="blank",
    question="""\
In Python, Redis' commands are methods of the client: `SET` is `redis_conn.set`, `GET` is `redis_conn.get`, `DEL`
is `redis_conn.delete`.

Replace the two `...`: the function stores `text` under `key`, reads the key back, and returns what Redis answers.
Then run the cell; `check` says whether it is right. `hint("0.1")` helps, one hint at a time.""",
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

EXERCISES = (GREETING,)

QUIZ = (
    Question(
        "Your kernel stores a key, then you restart the kernel. Where is the value?",
        (
            (
                "Gone: it lived in the kernel's memory",
                "A Python variable does. A key lives in the server, another process.",
            ),
            (
                "In the Redis server, as long as that runs",
                "The server is a process of its own, and keeps what it was given.",
            ),
            ("In the notebook file", "The file holds text and code, and in this course not even outputs."),
        ),
        answer="b",
    ),
    Question(
        '`redis_conn.get("cell-by-cell:start:nothing")`, a key that nobody has stored. What comes back?',
        (
            ("None", "Redis says (nil), and Python shows that as None."),
            ("An empty string", "That would be a value of length 0. There is none at all."),
            ("An error", "Asking for a missing key is no error: the answer is (nil), in Python None."),
        ),
        answer="a",
    ),
    Question(
        "Most of the time of one small GET goes to …",
        (
            ("finding the key among millions", "Redis looks it up in a hash table, in well under a microsecond."),
            ("the way to the server and back", "The round trip costs far more than the lookup does."),
            ("reading the disk", "Redis answers from memory."),
        ),
        answer="b",
    ),
)
