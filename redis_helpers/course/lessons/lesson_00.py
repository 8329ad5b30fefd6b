"""Lesson 00: the first exercise."""

from redis_helpers.course.exercises.checker import Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Question


def _check_greeting(trial: Trial) -> None:
    for name, text in (("morning", "good morning, market"), ("evening", "sold out, see you tomorrow")):
        key = trial.key(name)
        answer = trial.call(key, text)
        trial.expect_value("the greeting must be in Redis, under the key that your function is given", key, text)
        trial.expect("return what GET answers", text, answer)
    trial.redis.set(trial.key("old"), "yesterday's greeting")
    trial.call(trial.key("old"), "today's greeting")
    trial.expect_value("SET replaces what was there", trial.key("old"), "today's greeting")
    if len(trial.commands) < 2:
        raise Failed("the answer must come from Redis: read the key back with GET")


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
