"""The bench of lesson 09: bytes of prices, and the limits of a small hash."""

import matplotlib.pyplot as plt

from redis_helpers.course.lessons.scenes import scene_09


def test_the_limits_are_those_at_which_the_form_changes(any_conn):
    most_fields, longest = scene_09.hash_limits(any_conn)
    any_conn.hset("small", mapping=dict.fromkeys(range(most_fields), "x" * longest))
    compact = any_conn.object("ENCODING", "small")
    any_conn.hset("small", "one more", 1)
    any_conn.hset("short", "a", "x" * (longest + 1))
    assert compact in ("listpack", "ziplist")
    assert any_conn.object("ENCODING", "small") == any_conn.object("ENCODING", "short") == "hashtable"


def test_nothing_is_left_and_a_small_hash_is_smaller(any_conn):
    found = scene_09.bytes_of_prices(any_conn, 100)
    assert found["one hash"] < found["many strings"] / 2
    assert any_conn.dbsize() == 0


def test_the_bytes_of_one_price(redis_conn):
    each = scene_09.bytes_each(redis_conn, 512)
    for sizes, values in each.values():
        assert sizes == [1, 10, 51, 128, 256, 512, 513, 616]
        assert len(values) == len(sizes)
    hash_bytes = each["one hash"][1]
    assert hash_bytes[5] == min(hash_bytes)
    assert hash_bytes[6] > 2 * hash_bytes[5]


def test_a_server_may_have_another_limit(redis_conn):
    for limit in (1, 7, 128):
        sizes, _ = scene_09.bytes_each(redis_conn, limit)["one hash"]
        assert sizes == sorted(set(sizes))
        assert {1, limit, limit + 1} <= set(sizes)


def test_the_picture_shows_the_limit():
    scene_09.plot_bytes({"one hash": ([1, 10], [70, 20]), "many strings": ([1, 10], [50, 50])}, 512)
    axes = plt.gca()
    texts = {text.get_text() for text in axes.texts}
    plt.close()
    assert {"one hash", "many strings", "limit: 512 fields"} <= texts
