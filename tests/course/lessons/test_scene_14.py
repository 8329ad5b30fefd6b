"""The bench of lesson 14: lists and a slow worker as pictures, and a Redis that is killed with orders in it."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from redis_helpers.course.lessons.scenes import scene_14
from redis_helpers.course.plots import MARK, OTHER


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def boxes(axes):
    """The boxes with a text, from left to right, as (text, row, colour)."""
    found = []
    for text in sorted(axes.texts, key=lambda text: text.xy[0]):
        if text.get_weight() == "bold":
            # The bar behind the whole list is drawn first, the box of a text later.
            box = [bar for bar in axes.patches if bar.get_bbox().contains(*text.xy)][-1]
            found.append((text.get_text(), text.xy[1], to_hex(box.get_facecolor())))
    return found


def test_a_list_is_drawn_from_its_left_end_to_its_right_end(any_conn):
    key = "cell-by-cell:lists:orders"
    any_conn.delete(key)
    any_conn.lpush(key, "7 banana", "8 apple", "9 uva")
    axes = scene_14.draw_lists("Which is first?", {"orders": any_conn.lrange(key, 0, -1)})
    assert boxes(axes) == [("9 uva", 0, OTHER), ("8 apple", 0, OTHER), ("7 banana", 0, OTHER)]
    assert axes.get_title(loc="left") == "Which is first?"


def test_the_marked_text_stands_out():
    axes = scene_14.draw_lists("Where?", {"orders": ["8 apple", "7 banana"]}, marked="7 banana")
    assert boxes(axes) == [("8 apple", 0, OTHER), ("7 banana", 0, MARK)]


def test_the_first_list_is_above_and_an_empty_one_says_so():
    axes = scene_14.draw_lists("Where?", {"orders": [], "held:ann": ["7 banana"]}, marked="7 banana")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["orders", "held:ann"]
    assert axes.yaxis_inverted()
    assert [text.xy[1] for text in axes.texts if text.get_text() == "empty"] == [0]
    assert boxes(axes) == [("7 banana", 1, MARK)]


def test_a_short_list_stands_at_the_right_end():
    (text,) = [text for text in scene_14.draw_lists("Where?", {"orders": ["7"]}).texts if text.get_text() == "7"]
    assert text.xy[0] == scene_14.LEAST_PLACES - 0.5


def test_a_long_list_fits_into_its_picture():
    axes = scene_14.draw_lists("Where?", {"orders": [str(number) for number in range(9)], "held": ["10"]})
    assert all(bar.get_x() + bar.get_width() <= axes.get_xlim()[1] for bar in axes.patches)


@pytest.mark.parametrize("draw", [scene_14.draw_packed_twice, scene_14.draw_taken_once])
def test_bob_comes_while_ann_stands_still(draw):
    axes = draw()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ann", "bob"]
    steps = dict(zip([text.get_text() for text in axes.texts], axes.patches, strict=True))
    pale = [name for name, bar in steps.items() if bar.get_alpha()]
    assert pale == [scene_14.STANDS_STILL]
    still = steps[scene_14.STANDS_STILL]
    of_bob = [bar for bar in axes.patches if bar.get_y() > still.get_y()]
    assert len(of_bob) == 2
    for bar in of_bob:
        assert still.get_x() <= bar.get_x()
        assert bar.get_x() + bar.get_width() <= still.get_x() + still.get_width()


def test_a_killed_redis_has_what_its_settings_promise():
    assert scene_14.orders_after_kill(3) == 0
    assert scene_14.orders_after_kill(3, appendonly="yes", appendfsync="always") == 3
