"""The proof of the exercises: every one of them, with every answer we know, against a real Redis.

Exercises and answers are found by themselves. An exercise without another right answer, or with fewer than three named
wrong ones, fails here.
"""

import ast
import re

import pytest
import redis

from redis_helpers.course.exercises import check, commands, progress_file
from redis_helpers.course.exercises.catalog import exercises
from redis_helpers.course.exercises.model import KINDS
from redis_helpers.server import knows
from tests.exercise_answers import RIGHT, WRONG
from tests.support import lookalikes

EXERCISES = exercises()
NOTHING_DONE = (
    "...",
    "pass",
    "return",
    "return None",
    '"""My answer."""',
    '"""My answer."""\n    ...  # to do',
    "# to do\n    pass",
)


@pytest.fixture(scope="module")
def used_server(any_server):
    """A client of a Redis with keys of others, and the digest of them all."""
    with redis.Redis.from_url(any_server.url, decode_responses=True) as client:
        yield client, begin_anew(client)


def begin_anew(client):
    client.flushall()
    lookalikes.fill(client)
    return lookalikes.digest(client)


@pytest.fixture
def market(used_server, any_server, monkeypatch):
    """A Redis with keys of others, which nobody may touch, and in which nothing may stay behind."""
    client, before = used_server
    monkeypatch.setenv("REDIS_URL", any_server.url)
    yield client
    if lookalikes.digest(client) != before:
        assert begin_anew(client) == before
        pytest.fail("something was left or changed")


@pytest.fixture
def verdict(capsys):
    """Runs a check, and gives what it prints. Of several runs, all must agree."""

    def run(exercise_id, function, times=1):
        texts = []
        for _ in range(times):
            check(exercise_id, function)
            texts.append(capsys.readouterr().out)
        first_lines = {re.sub("'[^']*'", "a key", text.splitlines()[0]) for text in texts}
        assert len(first_lines) == 1, "the check does not agree with itself"
        return texts[0]

    return run


def compiled(exercise, source):
    names = {}
    exec(compile(source, f"<answer to {exercise.id}>", "exec"), names)
    return names[exercise.function_name]


def too_old(conn, exercise_id, text):
    """On a server that lacks a command, the check must say so, and leave it at that."""
    needs = EXERCISES[exercise_id].needs
    if needs is None or knows(conn, needs[0]):
        return False
    assert text.startswith(f"⏭ {exercise_id}")
    assert needs[1] in text
    assert progress_file.read_passed() == {}
    return True


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
class TestExercise:
    def test_declared_in_full(self, exercise):
        assert exercise.kind in KINDS
        assert exercise.title
        assert exercise.question
        assert exercise.why
        assert 2 <= len(exercise.hints) <= 4
        solution, stub = exercise.solution.strip(), exercise.stub.strip()
        assert exercise.function_name in solution
        assert solution != stub
        body = solution.split("):", 1)[1].strip().splitlines()
        assert not any(line.strip() in hint for hint in exercise.hints for line in body if len(line) > 50), "a spoiler"
        assert len(RIGHT[exercise.id]) >= 1, "no right answer that is built otherwise"
        assert len(WRONG[exercise.id]) >= 3, "fewer than three wrong answers"
        assert exercise.stub in exercise.answer_cell()
        assert exercise.question in exercise.question_cell()

    def test_untouched_stub(self, exercise, verdict, market):
        assert verdict(exercise.id, compiled(exercise, exercise.stub)).startswith("⏳")
        assert progress_file.read_passed() == {}

    def test_untouched_stub_in_a_notebook(self, exercise, verdict, market):
        """A kernel compiles each statement of a cell by itself."""
        names = {}
        for statement in ast.parse(exercise.stub).body:
            exec(compile(ast.Module([statement], []), "<cell>", "exec"), names)
        assert verdict(exercise.id, names[exercise.function_name]).startswith("⏳")

    def test_nothing_done(self, exercise, verdict, market):
        for body in NOTHING_DONE:
            source = f"def {exercise.signature}:\n    {body}\n"
            assert verdict(exercise.id, compiled(exercise, source)).startswith("⏳"), body

    def test_solution(self, exercise, verdict, market):
        text = verdict(exercise.id, compiled(exercise, exercise.solution), times=2)
        if too_old(market, exercise.id, text):
            return
        assert text.startswith("✅")
        assert list(progress_file.read_passed()) == [exercise.id]


@pytest.mark.parametrize(
    ("exercise_id", "function"),
    [pytest.param(id_, function, id=f"{id_}-{function.__name__}") for id_ in RIGHT for function in RIGHT[id_]],
)
def test_right_answer(exercise_id, function, verdict, market):
    text = verdict(exercise_id, function)
    assert too_old(market, exercise_id, text) or text.startswith("✅"), text


@pytest.mark.parametrize(
    ("exercise_id", "function", "because"),
    [pytest.param(id_, fn, because, id=f"{id_}-{fn.__name__}") for id_ in WRONG for fn, because in WRONG[id_]],
)
def test_wrong_answer(exercise_id, function, because, verdict, market, monkeypatch):
    monkeypatch.setitem(commands._failures, exercise_id, 1)  # from the second failure on, what to do is said too
    text = verdict(exercise_id, function)
    if too_old(market, exercise_id, text):
        return
    assert text.startswith(("❌", "💥")), text
    assert because.lower() in text.lower()
    assert progress_file.read_passed() == {}


CHANGES = {
    "a value": lambda client: client.set("session:", "mine"),
    "an end": lambda client: client.persist("session:1"),
    "a field": lambda client: client.hset("sessions:hash", "apple", 3),
    "a key more": lambda client: client.set("somebody", "new"),
    "a key less": lambda client: client.delete("cache:1"),
    "a name": lambda client: client.rename("cache:1", "cache:2"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_is_left_or_changed_is_seen(change, used_server):
    client, before = used_server
    change(client)
    assert lookalikes.digest(client) != before
    assert begin_anew(client) == before


def test_every_answer_belongs_to_an_exercise():
    assert set(RIGHT) | set(WRONG) <= set(EXERCISES)


def test_the_verb_of_an_untouched_stub(market, verdict):
    for exercise in EXERCISES.values():
        verb = "Write" if "..." in exercise.stub else "Change"
        text = verdict(exercise.id, compiled(exercise, exercise.stub))
        assert f"not attempted yet. {verb} {exercise.signature}, and run this cell again." in text


def test_nothing_sent_is_said_only_where_redis_was_there(market, verdict):
    no_command = "this call sent no command"
    assert no_command in verdict("8.3", lambda redis_conn, key, load, ttl: load())
    for function, because in WRONG["8.3"]:
        if because.startswith("refuses connections") or "must come from load()" in because:
            assert no_command not in verdict("8.3", function)


def test_counts(record_property):
    """Shown with `pytest -rP -k counts`."""
    right, wrong = (sum(map(len, answers.values())) for answers in (RIGHT, WRONG))
    print(f"{len(EXERCISES)} exercises, {len(EXERCISES) + right} right answers, {wrong} wrong answers")
    assert right >= len(EXERCISES)
    assert wrong >= 3 * len(EXERCISES)


def test_a_field_ttl_on_an_old_server(market, verdict, monkeypatch):
    monkeypatch.setattr("redis_helpers.course.exercises.commands.may", lambda conn, command: False)
    text = verdict("9.2", lambda redis_conn, key, fruit, price, seconds: redis_conn.hset(key, fruit, price))
    assert text.startswith("⏭ 9.2")
    assert "needs Redis 7.4 or Valkey 9" in text
    assert isinstance(market, redis.Redis)
