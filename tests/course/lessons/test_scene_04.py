"""The benches of lesson 04, on every server."""

import time

from redis_helpers.course.lessons.scenes import scene_04


def test_a_market_has_as_many_orders_as_asked_for(any_conn):
    any_conn.set("cart:7:banana", 1)
    for size in (1, 1200, 10_001, 700):
        scene_04.fill_with_orders(any_conn, size)
        assert any_conn.dbsize() == size + 1
        assert any_conn.exists(f"order:{size - 1}") and not any_conn.exists(f"order:{size}")


def test_a_disturbed_walk_shows_some_names_twice_and_all_that_stay(any_conn):
    carts = {f"cart:{number}" for number in range(12)}
    any_conn.mset(dict.fromkeys(carts, 1))
    shown = scene_04.walk_while_others_delete(any_conn)
    assert len(shown) > len(set(shown))
    assert carts <= set(shown)


def test_each_try_of_the_walk_shows_other_names_twice(any_conn, monkeypatch):
    walks = []
    walk_once = scene_04._walk_once

    def noted(redis_conn, half):
        walks.append(walk_once(redis_conn, half))
        return walks[-1]

    monkeypatch.setattr(scene_04, "_walk_once", noted)
    monkeypatch.setattr(scene_04, "ENOUGH_DOUBLES", 1000)  # never: all tries are made
    monkeypatch.setattr(scene_04, "TRIES", 3)
    scene_04.walk_while_others_delete(any_conn)
    doubles = {frozenset(name for name in shown if shown.count(name) > 1) for shown in walks}
    assert len(walks) == 3
    assert len(doubles) > 1


def test_the_longest_command_is_the_longest_of_the_work(any_conn):
    scene_04.fill_with_orders(any_conn, 50_000)
    keys = scene_04.longest_command(any_conn, lambda: any_conn.keys("nothing"))
    scan = scene_04.longest_command(any_conn, lambda: list(any_conn.scan_iter("nothing", count=1000)))
    assert keys > scan > 0


def test_pings_wait_for_a_command_that_takes_long(any_conn):
    busy = "local i = 0 while i < 3000000 do i = i + 1 end"
    wait = scene_04.pings_beside(any_conn, lambda: any_conn.eval(busy, 0))
    assert wait["beside"] > 3 * wait["alone"] > 0


def test_milliseconds_are_milliseconds():
    times = scene_04.milliseconds({"short": lambda: None, "long": lambda: time.sleep(0.002)})
    assert times["long"] >= 2 > times["short"]


def test_the_picture_of_round_trips():
    axes = scene_04.draw_round_trips("How often?")
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("waits") == 3 and texts.count("waits once") == 1
