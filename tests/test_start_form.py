"""`StartForm`: filled once, asked many times."""

import pytest

from redis_helpers.errors import CourseError
from redis_helpers.start_form import StartForm


def test_it_serves_what_was_loaded():
    form = StartForm()
    form.load_info({"banana": "120", "apple": "95"})
    assert form.get_info("banana") == "120"
    assert form.get_info("kiwi") is None


def test_before_loading_it_says_so():
    with pytest.raises(CourseError, match="load_info"):
        StartForm().get_info("banana")


def test_it_keeps_a_copy():
    prices = {"banana": "120"}
    form = StartForm()
    form.load_info(prices)
    prices["banana"] = "999"
    assert form.get_info("banana") == "120"


def test_loading_again_replaces_everything():
    form = StartForm()
    form.load_info({"banana": "120"})
    form.load_info({"apple": "95"})
    assert form.get_info("banana") is None
    form.load_info({})
    assert form.get_info("apple") is None


def test_it_serves_on_when_the_hash_has_expired(redis_conn):
    redis_conn.hset("prices", mapping={"banana": "120"})
    form = StartForm()
    form.load_info(redis_conn.hgetall("prices"))
    redis_conn.delete("prices")
    assert form.get_info("banana") == "120"
