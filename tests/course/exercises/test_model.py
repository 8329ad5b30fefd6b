"""What an exercise and a question say about themselves."""

import pytest

from redis_helpers.course.exercises.model import Exercise, Failed, Question


@pytest.fixture
def exercise():
    return Exercise(
        id="1.2",
        title="First come",
        kind="write",
        question="Store it once.",
        stub="import json\n\n\ndef helper():\n    pass\n\n\ndef put_once(redis_conn, key, value):\n    ...",
        hints=("NX",),
        solution="",
        why="",
        check=lambda trial: None,
    )


def test_the_function_is_the_last_one_of_the_stub(exercise):
    assert exercise.function_name == "put_once"
    assert exercise.parameters == ("redis_conn", "key", "value")
    assert exercise.signature == "put_once(redis_conn, key, value)"
    assert exercise.lesson == "1"


def test_the_cells_that_a_notebook_shows(exercise):
    assert exercise.question_cell() == "**Your turn (1.2).** Store it once."
    check_lines = 'check("1.2", put_once)\n# hint("1.2")\n# solution("1.2")'
    assert exercise.answer_cell() == f"{exercise.stub}\n\n\n{check_lines}"
    assert exercise.answer_cell("put_once = 1") == f"put_once = 1\n\n\n{check_lines}"


def test_a_question_has_a_word_on_each_letter():
    question = Question("Which?", (("this", "no"), ("that", "yes"), ("none", "never")), "b")
    assert question.letters == "abc"
    assert [question.word_on(letter) for letter in question.letters] == ["no", "yes", "never"]


def test_what_was_expected_may_be_none_beside_what_was_seen():
    failure = Failed("why", None, 3)
    assert (failure.why, failure.expected, failure.seen) == ("why", None, 3)
