"""The bench of lesson 17: the race of the fruits, and what a place costs."""

import itertools

import matplotlib.pyplot as plt
import pytest

from redis_helpers.course.lessons.scenes import scene_17
from redis_helpers.market import data


def test_the_first_orders_are_those_of_the_market():
    orders = scene_17.first_orders(60)
    assert orders == scene_17.first_orders(100)[:60]
    assert [crates for _, crates in orders] == [order[4] for order in itertools.islice(data.orders(), 60)]
    assert {fruit for fruit, _ in orders} <= {name for _, name, _ in data.fruits()}


@pytest.fixture
def small(monkeypatch):
    """Boards that are filled at once, the last one in more than one piece."""
    monkeypatch.setattr(scene_17, "SIZES", (100, 1_000, 5_000))


class TestPlaces:
    @pytest.mark.usefixtures("small")
    def test_a_time_for_each_size_and_nothing_left(self, any_conn):
        times = scene_17.measure_places(any_conn)
        assert {len(values) for values in times.values()} == {3}
        assert min(itertools.chain(*times.values())) > 0
        assert times["SQL: place"][2] > times["SQL: place"][0]
        assert any_conn.dbsize() == 0

    @pytest.mark.usefixtures("small")
    def test_no_board_is_larger_than_asked(self, any_conn):
        times = scene_17.measure_places(any_conn, 1_000)
        scene_17.plot_places(times)
        assert {len(values) for values in times.values()} == {2}
        assert [label.get_text() for label in plt.gca().get_xticklabels()] == ["100", "1,000"]
        plt.close("all")

    @pytest.mark.usefixtures("small")
    def test_a_board_of_an_earlier_run_does_no_harm(self, any_conn):
        any_conn.zadd("cell-by-cell:boards:{many}", {"somebody": 10_000})
        scene_17.measure_places(any_conn)
        assert any_conn.dbsize() == 0

    @pytest.mark.usefixtures("small")
    def test_nothing_is_left_when_it_fails(self, any_conn, monkeypatch):
        monkeypatch.setattr(scene_17, "PLACE", "SELECT 0 FROM board WHERE score > ?")
        with pytest.raises(AssertionError, match="different places"):
            scene_17.measure_places(any_conn)
        assert any_conn.dbsize() == 0

    def test_the_plot_says_what_is_what(self):
        times = {"Redis: place": [70.0] * 5, "SQL: place": [2.0, 7, 60, 500, 9000], "an empty round trip": [50.0] * 5}
        scene_17.plot_places(times)
        ax = plt.gca()
        assert [text.get_text() for text in ax.texts][:2] == ["Redis: place", "SQL: place"]
        plt.close("all")

    @pytest.mark.parametrize("sizes", [4, 5])
    def test_no_line_runs_through_a_word(self, sizes):
        sql = [2.1, 7.3, 59, 570, 9000]
        scene_17.plot_places(
            {"Redis: place": [130.0] * sizes, "SQL: place": sql[:sizes], "an empty round trip": [110.0] * sizes}
        )
        ax = plt.gca()
        ax.figure.canvas.draw()
        words = ax.texts[-1].get_window_extent()
        for line in ax.lines:
            line_on_screen = ax.transData.transform_path(line.get_path())
            assert not line_on_screen.intersects_bbox(words, filled=False), line.get_color()
        plt.close("all")


def test_the_race_and_the_page_are_drawn():
    scene_17.plot_race([[("banana", 2.0)], [("banana", 2.0), ("apple", 3.0)]])
    names = [text.get_text() for text in plt.gca().texts]
    figure = scene_17.draw_page()
    assert names == ["banana", "apple", "raspberry", "plum"]
    assert len(figure.axes) == 2
    plt.close("all")


def test_a_page_of_two_commands_breaks_where_the_picture_says(redis_conn):
    """The positions that the picture shows."""
    redis_conn.zadd("ranks", {"anna": 70, "bruno": 60, "carla": 50, "dora": 40, "emil": 30})
    rank = redis_conn.zrevrank("ranks", "dora")
    redis_conn.zincrby("ranks", 25, "dora")
    assert (rank, redis_conn.zrevrank("ranks", "dora")) == (3, 1)
    assert "dora" not in redis_conn.zrange("ranks", rank - 1, rank + 1, desc=True)
