"""The bench of lesson 07: what readers of the database see, and what is drawn."""

import threading

import matplotlib.pyplot as plt
import pytest

from redis_helpers.course.lessons.scenes import scene_07
from redis_helpers.course.lessons.scenes.scene_07 import PriceDatabase, reads_of_an_hour


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_readers_see_what_is_committed():
    database = PriceDatabase()
    database.change("banana", 299)
    assert database.load("banana") == 312
    database.commit()
    assert database.load("banana") == 299
    assert database.loads == 2


def test_a_database_is_used_from_any_thread():
    database = PriceDatabase()
    writer = threading.Thread(target=database.save, args=("uva", 500))
    writer.start()
    writer.join()
    assert database.load("uva") == 500


def test_each_database_is_its_own():
    PriceDatabase().save("apple", 1)
    assert PriceDatabase().load("apple") == 195


def test_no_such_fruit():
    with pytest.raises(LookupError, match="no fruit 'kiwi'"):
        PriceDatabase().load("kiwi")


def test_an_hour_is_the_same_each_time():
    reads = reads_of_an_hour()
    assert reads == reads_of_an_hour()
    assert [second for second, _ in reads] == list(range(3600))
    assert len({fruit for _, fruit in reads}) == 40


@pytest.mark.parametrize("draw", [scene_07.draw_delete_first, scene_07.draw_save_first, scene_07.draw_late_store])
def test_a_meeting_is_drawn(draw):
    draw()
    ends = {label.get_text() for label in plt.gca().get_yticklabels()}
    assert {"cache", "database", "writer"} <= ends


def test_plots_of_ttls():
    scene_07.plot_hit_ratio({5: 0.2, 60: 0.7, 600: 0.9}, oldest=60)
    assert plt.gca().get_title(loc="left") == "What does a longer TTL buy?"
    scene_07.plot_ends({120: 1000}, {100: 40, 120: 60})
    assert [ax.get_title(loc="left") for ax in plt.gcf().axes] == ["One TTL for all", "A random TTL for each copy"]
