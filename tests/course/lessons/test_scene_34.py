"""The bench of lesson 34: servers that may be killed, each with a folder of its own, and a link that can be cut."""

import matplotlib.pyplot as plt
import pytest
import redis
import yaml
from matplotlib.colors import to_hex

from redis_helpers.course.lessons.scenes import scene_34
from redis_helpers.course.lessons.scenes.scene_34 import start_pair, start_server
from redis_helpers.course.plots import MARK, OTHER
from redis_helpers.course.start.environment import ROOT

KEY = "cell-by-cell:durability:orders"


@pytest.fixture(autouse=True)
def nothing_stays():
    yield
    folders = [server.folder for server in scene_34._running.values()]
    scene_34.remove_servers()
    assert not any(folder.exists() for folder in folders)
    plt.close("all")


def test_a_killed_server_has_what_its_log_has():
    for log, left in {"no": 0, "yes": 2}.items():
        server = start_server(save="", appendonly=log)
        server.connect().rpush(KEY, "7 banana", "8 apple")
        server.kill()
        server.kill()  # a cell may run twice
        server.start()
        assert server.connect().llen(KEY) == left


def test_a_server_of_the_same_name_replaces_the_earlier_one_and_its_folder():
    first = start_server("one", appendonly="yes")
    client = first.connect()
    client.rpush(KEY, "7 banana")
    other = start_server("other")
    second = start_server("one", appendonly="yes")
    assert not first.folder.exists()
    assert second.connect().llen(KEY) == 0
    assert other.connect().ping()
    with pytest.raises(redis.ConnectionError):
        client.ping()


def test_every_rule_of_save_counts_also_after_a_restart():
    rules = "3600 1 300 100 60 10000"
    server = start_server(save=rules)
    assert server.connect().config_get("save") == {"save": rules}
    server.kill()
    server.start()
    assert server.connect().config_get("save") == {"save": rules}


def test_a_changed_setting_counts_from_the_next_start_on():
    server = start_server(save="3600 1", appendonly="no")
    client = server.connect()
    client.rpush(KEY, "7 banana")
    server.change(appendonly="yes")
    server.start()
    assert client.config_get("appendonly") == {"appendonly": "yes"}, "its clients find it again"
    assert client.config_get("save") == {"save": "3600 1"}
    assert (server.folder / "dump.rdb").exists(), "it was stopped in good order"
    assert client.llen(KEY) == 0


def test_the_log_is_shown_line_by_line():
    server = start_server(appendonly="yes", appendfsync="everysec")
    assert "RPUSH" not in server.log_lines()
    server.connect().rpush(KEY, "7 banana")
    assert server.log_lines()[-7:] == ["*3", "$5", "RPUSH", f"${len(KEY)}", KEY, "$8", "7 banana"]
    assert start_server(appendonly="no").log_lines() == []


def test_a_link_is_cut_and_mended():
    for _ in range(2):  # the second pair begins empty
        pair = start_pair()
        assert pair.replica.llen(KEY) == 0
        pair.primary.rpush(KEY, "7 banana")
        assert pair.primary.wait(1, 5000) == 1
        pair.cut_link()
        pair.primary.rpush(KEY, "8 apple")
        assert pair.primary.wait(1, 30) == 0
        assert pair.replica.lrange(KEY, 0, -1) == ["7 banana"]
    pair.mend_link()
    assert pair.replica.lrange(KEY, 0, -1) == ["7 banana", "8 apple"]
    pair.cut_link()  # and once more
    pair.primary.rpush(KEY, "9 uva")
    assert pair.primary.wait(1, 30) == 0
    pair.mend_link()
    pair.mend_link()
    assert pair.replica.llen(KEY) == 3
    pair.remove()
    pair.remove()  # the clean-up may run twice


def test_a_setting_that_keeps_something_has_a_bar_of_its_own_colour():
    axes = scene_34.draw_left({"nothing": 0, "log": 2000})
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [OTHER, MARK]
    assert [bar.get_width() for bar in axes.patches] == [0, 2000]


def test_the_bars_of_always_stand_out():
    axes = scene_34.draw_cost({"everysec, one": 1, "always, one": 3.9})
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [OTHER, MARK]
    assert axes.get_xlabel() == "times as long as with everysec"
    assert all(tick == round(tick) for tick in axes.get_xticks())


def test_the_lines_of_compose_that_the_lesson_shows():
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    lesson = (ROOT / "notebooks" / "34_durability.ipynb").read_text("utf-8")
    shown = ["        dir /data", "        appendonly yes", "    volumes:", "      - redis-data:/data"]
    for line in shown:
        assert f"\n{line}\n" in text
        assert line in lesson
    assert "appendfsync" not in text
    assert "redis-data" in yaml.safe_load(text)["volumes"]
