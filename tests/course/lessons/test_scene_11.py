"""The bench of lesson 11: its two pictures show what Redis does when their steps are taken in their order."""

import json
from itertools import pairwise

import matplotlib.pyplot as plt
import pytest

from redis_helpers.course.lessons.scenes import scene_11

SESSION = "cell-by-cell:carts:session:s1"
ROWS = ["tab 1", "tab 2", "the cart"]


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def steps(axes, *rows):
    """What is drawn in these rows, from left to right: row, begin, end, what happens."""
    names = [label.get_text() for label in axes.get_yticklabels()]
    found = []
    for bar, text in zip(axes.patches, axes.texts, strict=True):
        row = names[round(bar.get_y() + bar.get_height() / 2)]
        found.append((row, bar.get_x(), bar.get_x() + bar.get_width(), text.get_text()))
    return sorted((step for step in found if step[0] in rows), key=lambda step: step[1])


def in_words(cart):
    """As the third row says it."""
    return ", ".join(f"{cart[fruit]} {fruit}" for fruit in sorted(cart)) or "empty"


def replayed(conn, axes):
    """Takes the steps of both tabs in Redis, and returns what was in the cart: first, and after each change."""
    conn.delete(SESSION)
    seen, copies = ["empty"], {}
    for tab, _, _, what in steps(axes, "tab 1", "tab 2"):
        verb, *words = what.replace(":", "").split()
        fruit = words[-1]
        if verb == "reads":
            copies[tab] = json.loads(conn.hget(SESSION, "cart") or "{}")
            assert words == [in_words(copies[tab])]
            continue
        if verb == "adds":
            conn.hincrby(SESSION, f"cart:{fruit}", int(words[0]))
            fields = conn.hgetall(SESSION)
            seen.append(in_words({name.removeprefix("cart:"): number for name, number in fields.items()}))
            continue
        assert verb == "writes"
        conn.hset(SESSION, "cart", json.dumps(copies[tab] | {fruit: int(words[0])}))
        seen.append(in_words(json.loads(conn.hget(SESSION, "cart"))))
    return seen


@pytest.mark.parametrize("draw", [scene_11.draw_apple_lost, scene_11.draw_apple_kept])
def test_the_cart_is_drawn_as_redis_has_it(any_conn, draw):
    axes = draw()
    assert [label.get_text() for label in axes.get_yticklabels()] == ROWS
    assert [what for *_, what in steps(axes, "the cart")] == replayed(any_conn, axes)


def test_the_apple_is_lost_in_one_picture_and_kept_in_the_other():
    assert steps(scene_11.draw_apple_lost(), "the cart")[-1][-1] == "1 banana"
    assert steps(scene_11.draw_apple_kept(), "the cart")[-1][-1] == "1 apple, 1 banana"


def test_both_tabs_read_before_one_of_them_writes():
    what = [what.partition(":")[0] for *_, what in steps(scene_11.draw_apple_lost(), "tab 1", "tab 2")]
    assert what == ["reads", "reads", "writes", "writes"]


@pytest.mark.parametrize("draw", [scene_11.draw_apple_lost, scene_11.draw_apple_kept])
def test_the_cart_changes_only_while_a_tab_writes(draw):
    axes = draw()
    writes = [step for step in steps(axes, "tab 1", "tab 2") if not step[-1].startswith("reads")]
    cart = steps(axes, "the cart")
    assert len(writes) == len(cart) - 1 == 2
    for (_, begin, end, _), (before, after) in zip(writes, pairwise(cart), strict=True):
        assert begin < before[2] < after[1] < end


@pytest.mark.parametrize("draw", [scene_11.draw_apple_lost, scene_11.draw_apple_kept])
def test_no_two_steps_of_a_row_overlap(draw):
    axes = draw()
    for row in ROWS:
        drawn = steps(axes, row)
        assert drawn
        assert all(earlier[2] < later[1] for earlier, later in pairwise(drawn))
