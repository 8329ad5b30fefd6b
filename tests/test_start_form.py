"""`StartForm`: filled once, asked many times."""

import pytest
import redis

from redis_helpers.errors import CourseError
from redis_helpers.start_form import StartForm


def test_it_serves_what_was_loaded():
    form = StartForm()
    form.load_info({"banana": "120", "apple": "95"})
    assert form.get_info("banana") == "120"
    assert form.get_info("kiwi") is None


def test_what_a_client_without_decode_responses_gives_is_served_as_text(server, redis_conn):
    redis_conn.hset("prices", mapping={"banana": "120", "café": "é"})
    form = StartForm()
    with redis.Redis.from_url(server.url) as gives_bytes:
        form.load_info(gives_bytes.hgetall("prices"))
    assert form.get_info("banana") == "120"
    assert form.get_info("café") == "é"


@pytest.mark.parametrize(
    "mapping", [None, "banana", 7, [("banana", "120")], {"banana"}, {"banana": b"\xff"}, {b"\xff": "120"}]
)
def test_what_is_no_hash_of_text_is_refused_and_what_was_loaded_stays(mapping):
    form = StartForm()
    form.load_info({"apple": "95"})
    with pytest.raises(CourseError):
        form.load_info(mapping)
    assert form.get_info("apple") == "95"


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
