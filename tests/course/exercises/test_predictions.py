"""The predictions that can be made again: each is asked in its lesson, and runs to what its answer says."""

import re

import nbformat
import pytest
import redis

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises.catalog import predictions
from redis_helpers.course.exercises.course_map import notebooks
from redis_helpers.course.exercises.prediction_run import PREFIX, run_prediction
from redis_helpers.course.exercises.review_cards import DUE_SET, lesson_of
from redis_helpers.course.start.environment import ROOT
from redis_helpers.server import knows

PREDICTIONS = predictions()


def one_line(text):
    return " ".join(text.split())


def cells_of(number):
    return nbformat.read(ROOT / "notebooks" / f"{notebooks()[lesson_of(number)]}.ipynb", as_version=4).cells


def test_there_are_enough_from_many_lessons():
    assert len(PREDICTIONS) >= 15
    assert len({lesson_of(number) for number in PREDICTIONS}) >= 10
    assert {prediction.answer for prediction in PREDICTIONS.values()} == {"a", "b", "c"}


def test_each_is_asked_in_its_lesson_with_the_same_options_and_the_same_answer():
    for number, prediction in PREDICTIONS.items():
        cells = cells_of(number)
        place = next(place for place, cell in enumerate(cells) if cell.id == prediction.cell)
        asked = one_line(re.sub(r"cell-by-cell:\w+:", PREFIX, cells[place].source))
        assert "predict" in cells[place].metadata["tags"], number
        options = zip(prediction.letters, prediction.options, strict=True)
        assert asked.endswith(" · ".join(f"({letter}) {text}" for letter, (text, _) in options)), number
        answer = next(cell.source for cell in cells[place:] if "<details>" in cell.source)
        assert f"**({prediction.answer}).**" in answer, number
        assert prediction.why.rstrip(".") in one_line(answer), number


@pytest.mark.parametrize("number", PREDICTIONS)
def test_it_runs_to_what_its_answer_says(number, any_conn):
    prediction = PREDICTIONS[number]
    if not all(knows(any_conn, command) for command in prediction.needs):
        return
    any_conn.set("somebody else's", "stays")
    any_conn.set(f"{PREFIX}other", "stays")
    lines = run_prediction(prediction, any_conn)
    assert [letter for letter in prediction.letters if prediction.fits(letter, lines[-1])] == [prediction.answer]
    assert sorted(any_conn.keys()) == [f"{PREFIX}other", "somebody else's"], "it leaves a key, or takes one"


def test_the_code_says_which_keys_are_its_own():
    for prediction in PREDICTIONS.values():
        named = re.findall(r"cell-by-cell:[\w:-]+", prediction.code)
        assert all(key.startswith(PREFIX) and key != DUE_SET for key in named)
        assert all(len(line) <= 88 for line in prediction.code.splitlines())


def test_its_keys_are_gone_also_when_it_fails(redis_conn):
    prediction = PREDICTIONS["1.1"]
    failing = type(prediction)(**{**vars(prediction), "code": prediction.code + "\nprint(1 / 0)"})
    assert run_prediction(failing, redis_conn)[-1] == "ZeroDivisionError: division by zero"
    assert redis_conn.keys() == []


def test_a_redis_that_is_gone_is_an_error():
    server = EmbeddedRedis().start()
    client = redis.Redis.from_url(server.url, decode_responses=True)
    server.stop()
    with pytest.raises(redis.ConnectionError):
        run_prediction(PREDICTIONS["1.1"], client)
