"""The bench of lesson 33: small servers that are full, who is left on them, a night with a crawler, and a neighbour."""

import matplotlib.pyplot as plt
import pytest
import redis

from redis_helpers.course.lessons.scenes import scene_33
from redis_helpers.course.lessons.scenes.scene_33 import open_small

# Some ten milliseconds of work for the server.
BUSY = "local sum = 0 for number = 1, 3000000 do sum = sum + number end return sum"


@pytest.fixture(autouse=True)
def closed_servers():
    yield
    scene_33.close_servers()
    plt.close("all")


def test_a_small_server_is_new_each_time():
    first = open_small("allkeys-lru")
    first.set("fence:0", 41)
    second = open_small("noeviction")
    assert second.dbsize() == 0
    assert second.config_get("maxmemory*")["maxmemory-policy"] == "noeviction"
    assert second.config_get("maxmemory")["maxmemory"] == str(3 * 1024 * 1024)
    with pytest.raises(redis.ConnectionError):
        first.ping()
    open_small("noeviction", "another")
    assert second.ping()
    assert scene_33.close_servers() == 2
    assert scene_33.close_servers() == 0


def test_pages_are_stored_until_the_server_refuses():
    small = open_small("noeviction")
    assert scene_33.store_pages(small, 13) == 13
    assert small.dbsize() == 13
    assert 500 < small.ttl("page:12") <= scene_33.PAGE_TTL
    stored = scene_33.store_pages(small, 400)
    assert 150 < stored < 350
    assert small.dbsize() == stored


def test_a_short_key_costs_much_more_than_its_letters():
    small = open_small("noeviction")
    before = small.info("memory")["used_memory"]
    for number in range(5000):
        small.set(f"limit:{10_000_000 + number}", 3, ex=60)
    assert small.info("memory")["used_memory"] - before > 40 * 5000


def test_the_number_of_lfu_grows_slowly():
    cache = open_small("allkeys-lfu")
    cache.set("page:often", "banana 312")
    for _ in range(1000):
        cache.get("page:often")
    assert 10 < cache.object("FREQ", "page:often") < 100


@pytest.mark.parametrize("place", ["first", "last"])
def test_the_bytes_of_a_long_list_are_guessed_from_its_beginning(place):
    small = open_small("noeviction")
    lines = ["a short line"] * 10_000
    long_text = ["x" * 60_000]
    small.rpush("log", *(long_text + lines if place == "first" else lines + long_text))
    guessed, counted = small.memory_usage("log"), small.memory_usage("log", samples=0)
    assert guessed > 1.2 * counted if place == "first" else guessed < counted


def test_who_is_left_is_counted():
    small = open_small("noeviction")
    scene_33.store_kinds(small)
    assert scene_33.count_kinds(small) == {"fence": 100, "session": 100, "limit": 100, "newest page": 0}
    assert small.ttl("fence:99") == -1
    assert 3600 < small.ttl("session:99") <= 12 * 3600
    assert 0 < small.ttl("limit:99") <= 60
    small.delete("fence:3", "session:4", "session:5")
    small.set(f"page:{scene_33.NEW_PAGES - 1}", "new")
    assert scene_33.count_kinds(small) == {"fence": 99, "session": 98, "limit": 100, "newest page": 1}


def test_each_policy_has_its_victims(capsys):
    left = scene_33.fill_servers("noeviction", "volatile-ttl", "volatile-lru", "allkeys-lru", "allkeys-lfu")
    everybody = {"fence": 100, "session": 100, "limit": 100}
    assert left["noeviction"] == {**everybody, "newest page": 0}
    for policy, safe in {
        "volatile-ttl": ["fence", "session"],
        "volatile-lru": ["fence"],
        "allkeys-lru": [],
        "allkeys-lfu": [],
    }.items():
        assert left[policy]["newest page"] == 1, policy
        for kind in everybody:
            assert (left[policy][kind] > 90) == (kind in safe), (policy, kind)
            assert kind in safe or left[policy][kind] < 20, (policy, kind)
    scene_33.print_left(left)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["noeviction", "100", "100", "100", "no"]
    assert len({len(line) for line in lines}) == 1


def test_on_two_servers_nothing_is_lost():
    cache, truth = open_small("allkeys-lfu", "cache"), open_small("noeviction", "truth")
    both = scene_33.fill_two_servers(cache, truth)
    assert both == {"fence": 100, "session": 100, "limit": 100, "newest page": 1}
    assert truth.dbsize() == 300


def test_customers_always_ask_for_the_same_pages():
    hours = scene_33.customers_requests()
    assert hours == scene_33.customers_requests()
    assert [len(hour) for hour in hours] == [scene_33.REQUESTS] * 2 * scene_33.HOURS


def test_behind_the_crawler_lfu_has_the_popular_pages():
    ratios = scene_33.day_and_night("allkeys-lru", "allkeys-lfu")
    assert ratios["allkeys-lru"][0] == ratios["allkeys-lfu"][0]  # nothing was evicted yet
    assert ratios["allkeys-lfu"][6] > ratios["allkeys-lru"][6] + 10
    axes = scene_33.plot_hit_ratios(ratios, "Which?")
    assert [text.get_text() for text in axes.texts] == ["allkeys-lru", "allkeys-lfu", "crawler"]
    assert axes.get_ylim() == (0, 100)


def test_a_neighbour_waits_as_long_as_the_longest_command_runs(monkeypatch):
    monkeypatch.setattr(scene_33, "MEMBERS", 100)
    big = scene_33.open_big()
    assert big.zcard("board:3") == scene_33.SELLERS
    seen = []

    def work():
        seen.append(big.scard("visitors:copy"))
        big.delete("visitors:copy")
        big.eval(BUSY, 0)
        big.ping()

    before = big.info("commandstats")["cmdstat_eval"]["usec"]
    wait = scene_33.held_up(big, work)
    took = (big.info("commandstats")["cmdstat_eval"]["usec"] - before) / 1000
    assert 1 < wait <= took / scene_33.ROUNDS + 1
    assert seen == [100] * scene_33.ROUNDS
    assert scene_33.held_up(big, big.ping) < wait
    axes = scene_33.plot_waits({"DEL": wait, "UNLINK": 1.0}, "Who?")
    assert axes.get_xlabel() == "time in which Redis serves nobody else, ms"
