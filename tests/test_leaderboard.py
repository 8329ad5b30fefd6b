"""`Leaderboard`. On every server of REDIS_TEST_BINARIES, where the server matters."""

import logging
import random
import threading
from itertools import pairwise

import numpy
import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from redis_helpers import leaderboard
from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.breaking.processes import Processes
from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.errors import CourseError
from redis_helpers.leaderboard import BUILD_SECONDS, LARGEST, PAGE, Leaderboard, Row
from tests.support.servers import wait_until
from tests.support.users import client_of

NO_RETRIES = Retry(NoBackoff(), 0)
RIGHTS = (
    "+evalsha +eval +zadd +zincrby +zscore +zcount +zcard +zrevrank +zrange +zrem +zscan +exists +pexpire +persist "
    "+unlink +rename"
).split()
CLIENTS = [
    {"decode_responses": decode, **settings}
    for decode in (True, False)
    for settings in ({"protocol": 2}, {"protocol": 3}, {"legacy_responses": False}, {"encoding": "latin-1"})
    if "legacy_responses" not in settings or int(redis.__version__.split(".")[0]) >= 8
]


@pytest.fixture
def board(any_conn):
    return Leaderboard(any_conn, "today")


def filled(conn, name, scores):
    """A board with these scores, without a round trip for each."""
    made = Leaderboard(conn, name)
    conn.zadd(made.key, scores)
    return made


def commands(conn):
    """How often each command was called since `CONFIG RESETSTAT`, those within scripts included."""
    return {name.removeprefix("cmdstat_"): seen["calls"] for name, seen in conn.info("commandstats").items()}


def expected_rows(scores):
    """The whole board, from its definition."""
    ordered = sorted(scores.items(), key=lambda item: (item[1], item[0].encode()), reverse=True)
    return [Row(1 + sum(other > score for other in scores.values()), member, score) for member, score in ordered]


def expected_page(scores, member, size):
    rows = expected_rows(scores)
    rank = next(rank for rank, row in enumerate(rows) if row.member == member)
    first = max(0, min(rank - (size - 1) // 2, len(rows) - size))
    return rows[first : first + size]


def do_everything(conn):
    """Every method, once at least."""
    monday, tuesday = Leaderboard(conn, "monday", ttl=60), Leaderboard(conn, "tuesday", ttl=60)
    week = Leaderboard(conn, "week", ttl=600)
    assert week.replace_with_sum([monday, tuesday]) == 0
    assert monday.add("anna", 5) == 5
    assert monday.add("anna", -7) == -2
    assert monday.add("zoë 🍇", 4) == 4
    assert tuesday.keep_best("zoë 🍇", 3)
    assert not tuesday.keep_best("zoë 🍇", 3)
    assert tuesday.keep_best("ben", 7)
    assert week.replace_with_sum([monday, tuesday]) == 3
    rows = [Row(1, "zoë 🍇", 7), Row(1, "ben", 7), Row(3, "anna", -2)]
    assert week.top(10) == rows
    assert week.top(1) == rows[:1]
    assert week.around("ben", 3) == rows
    assert week.around("anna", 2) == rows[1:]
    assert week.around("nobody") == []
    assert [week.place(name) for name in ("zoë 🍇", "ben", "anna", "nobody")] == [1, 1, 3, None]
    assert [week.score(name) for name in ("ben", "anna", "nobody")] == [7, -2, None]
    assert 60_000 < conn.pttl(week.key) <= 600_000
    assert week.remove("ben")
    assert not week.remove("ben")
    assert week.size() == 2
    assert Leaderboard(conn, "all time").replace_with_sum([week]) == 2
    assert conn.pttl("leaderboards:{all time}") == -1
    assert monday.replace_with_sum([Leaderboard(conn, "never written")]) == 0
    assert monday.size() == 0
    assert monday.top(5) == []


def test_everything_on_each_server(any_conn):
    do_everything(any_conn)
    assert sorted(any_conn.keys()) == [f"leaderboards:{{{name}}}" for name in ("all time", "tuesday", "week")]


@pytest.mark.parametrize("settings", CLIENTS, ids=str)
def test_everything_with_each_kind_of_client(server, redis_conn, settings):
    with redis.Redis.from_url(server.url, **settings) as client:
        do_everything(client)
    assert Leaderboard(redis_conn, "week").place("zoë 🍇") == 1  # stored as every other client stores it


def test_everything_on_a_cluster_with_days_on_several_nodes():
    """And as on one node, a client that repeats may not add."""
    with EmbeddedCluster(replicas=0) as cluster:
        assert len({cluster.primary_of(f"leaderboards:{{{day}}}").port for day in ("monday", "tuesday", "week")}) > 1
        for settings in ({}, {"decode_responses": False}, {"protocol": 3}):
            with cluster.connect(retry=NO_RETRIES, **settings) as client:
                do_everything(client)
                client.flushall(target_nodes=client.ALL_NODES)
        with cluster.connect() as client:
            with pytest.raises(CourseError, match="count twice"):
                Leaderboard(client, "today").add("anna", 1)
            assert Leaderboard(client, "today").size() == 0


def test_everything_with_exactly_the_rights_that_are_named(any_server, any_conn):
    named = leaderboard.__doc__.partition("Rights of an ACL user: ")[2].partition(", and the keys")[0]
    assert [f"+{command.lower()}" for command in named.replace("\n", " ").split(", ")] == RIGHTS
    with client_of(any_server, *RIGHTS, "+pttl", "~leaderboards:*", retry=NO_RETRIES) as narrow:
        do_everything(narrow)


@pytest.mark.parametrize("missing", [right for right in RIGHTS if right not in ("+eval", "+evalsha")])
def test_each_right_is_needed(server, redis_conn, missing):
    rights = [right for right in RIGHTS if right != missing]
    with (
        client_of(server, *rights, "+pttl", "~leaderboards:*", retry=NO_RETRIES) as narrow,
        pytest.raises(redis.ResponseError, match=missing.removeprefix("+") + "|no permissions|can't run this command"),
    ):
        do_everything(narrow)


# Places and pages


def test_equal_scores_share_a_place_and_the_next_one_is_left_out(board):
    for member, points in {"anna": 9, "ben": 5, "cem": 5, "dee": 5, "eva": 0, "fay": -3}.items():
        board.add(member, points)
    assert [board.place(member) for member in ("anna", "ben", "cem", "dee", "eva", "fay")] == [1, 2, 2, 2, 5, 6]
    assert board.top(6) == [
        Row(1, "anna", 9),
        Row(2, "dee", 5),
        Row(2, "cem", 5),
        Row(2, "ben", 5),
        Row(5, "eva", 0),
        Row(6, "fay", -3),
    ]


def test_pages_are_what_the_definition_says(any_conn):
    dice = random.Random(7)
    for members in (1, 2, 5, 9, 200):
        scores = {f"member {number}": dice.randint(-3, 3) for number in range(members)}
        board = filled(any_conn, f"with {members}", scores)
        assert board.top(1000) == expected_rows(scores)
        for _ in range(30):
            member = dice.choice(list(scores))
            size = dice.randint(1, 12)
            assert board.around(member, size) == expected_page(scores, member, size)
            assert board.place(member) in {row.place for row in board.around(member, size) if row.member == member}


def test_a_page_is_full_at_the_top_and_at_the_bottom(any_conn):
    board = filled(any_conn, "today", {f"m{number}": number for number in range(10)})
    assert [row.place for row in board.around("m9")] == [1, 2, 3, 4, 5]
    assert [row.place for row in board.around("m5")] == [3, 4, 5, 6, 7]
    assert [row.place for row in board.around("m0")] == [6, 7, 8, 9, 10]
    assert [row.place for row in board.around("m0", 100)] == list(range(1, 11))


def test_a_page_is_one_round_trip(server, redis_conn):
    board = filled(redis_conn, "today", {f"m{number}": number for number in range(10)})
    board.around("m5")
    redis_conn.config_resetstat()
    board.around("m5")
    seen = commands(redis_conn)
    assert seen["evalsha"] == 1
    assert set(seen) <= {"evalsha", "zrevrank", "zcard", "zrange", "zcount", "config|resetstat", "info"}


def test_a_page_and_its_places_are_of_one_moment_while_others_add(server, redis_conn):
    """Two processes move the points about. On a page that is the whole board, places follow from its scores alone."""
    scores = {f"m{number}": number % 4 for number in range(12)}
    board = filled(redis_conn, "today", scores)

    def shuffle(conn, seed):
        dice = random.Random(seed)
        mine = Leaderboard(conn, "today")
        print("begun")
        while True:
            mine.add(f"m{dice.randrange(12)}", dice.choice((-1, 1)))

    with Processes(server.url) as processes:
        for seed in (1, 2):
            processes.start(shuffle, seed).wait_for("begun")
        pages = []
        for _ in range(200):
            whole = board.around("m5", 12)
            pages.append(whole)
            assert whole == expected_rows({row.member: row.score for row in whole})
            assert len(whole) == 12
            near = board.around("m5", 3)
            assert [row.member for row in near].count("m5") == 1
            for above, below in pairwise(near):
                assert (above.place == below.place) == (above.score == below.score)
    assert len({str(page) for page in pages}) > 20  # the board did move


# Adding


def test_eight_processes_add_at_once_and_the_sum_is_exact(server, redis_conn):
    def add_many(conn, seed):
        dice = random.Random(seed)
        mine = Leaderboard(conn, "today", ttl=60)
        added = 0
        for _ in range(150):
            points = dice.randint(-50, 100)
            mine.add(f"m{dice.randrange(3)}", points)
            added += points
        return added

    with Processes(server.url) as processes:
        adding = [processes.start(add_many, seed) for seed in range(8)]
        total = sum(process.result() for process in adding)
    board = Leaderboard(redis_conn, "today")
    assert sum(row.score for row in board.top(3)) == total


def test_threads_see_each_total_once(redis_conn):
    board = Leaderboard(redis_conn, "today")
    totals = []

    def add_many():
        for _ in range(100):
            totals.append(board.add("anna", 1))

    threads = [threading.Thread(target=add_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(totals) == list(range(1, 401))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_total_beyond_the_largest_is_refused_and_changes_nothing(board, caplog, sign):
    assert board.add("anna", sign * (LARGEST - 1)) == sign * (LARGEST - 1)
    assert board.add("anna", sign) == sign * LARGEST
    for points in (1, 2, 3, LARGEST - 1, LARGEST):  # 2**53 + 1 is no double: it would pass for 2**53
        with caplog.at_level(logging.WARNING), pytest.raises(CourseError, match=r"beyond 2\*\*53.*Nothing has changed"):
            board.add("anna", sign * points)
        assert board.score("anna") == sign * LARGEST
    assert "anna" not in caplog.text
    assert board.add("anna", -sign) == sign * (LARGEST - 1)
    assert board.add("anna", -sign * LARGEST) == -sign
    assert board.add("anna", -sign * (LARGEST - 1)) == -sign * LARGEST
    with pytest.raises(CourseError):
        board.add("anna", -sign)
    assert board.top(1) == [Row(1, "anna", -sign * LARGEST)]


def test_numbers_near_the_largest_are_told_apart(board):
    for below in range(5):
        board.keep_best(f"m{below}", LARGEST - below)
        board.keep_best(f"n{below}", below - LARGEST)
    assert [row.place for row in board.top(10)] == list(range(1, 11))
    assert [board.place(f"m{below}") for below in range(5)] == [1, 2, 3, 4, 5]
    assert [board.place(f"n{below}") for below in range(5)] == [10, 9, 8, 7, 6]


def test_a_refused_first_write_makes_no_board(board, any_conn):
    any_conn.zadd(board.key, {"huge": 1e300})
    for points in (1, -1):
        with pytest.raises(CourseError, match=r"beyond 2\*\*53"):
            board.add("huge", points)
    assert any_conn.zscore(board.key, "huge") == 1e300


def test_the_best_is_kept(board):
    answers = [board.keep_best("anna", score) for score in (-5, -7, -5, -4, 0, 12, 11, LARGEST)]
    assert answers == [True, False, False, True, True, True, False, True]
    assert board.score("anna") == LARGEST


@pytest.mark.parametrize("write", ["add", "keep_best"])
def test_the_first_write_sets_the_end_and_later_ones_do_not_prolong_it(any_conn, write):
    board = Leaderboard(any_conn, "today", ttl=100)
    getattr(board, write)("anna", 1)
    assert 90_000 < any_conn.pttl(board.key) <= 100_000
    any_conn.pexpire(board.key, 50_000)
    getattr(board, write)("ben", 2)
    getattr(board, write)("anna", 3)
    assert any_conn.pttl(board.key) <= 50_000
    assert board.remove("anna") and board.remove("ben")
    assert not any_conn.exists(board.key)
    getattr(board, write)("anna", 1)
    assert any_conn.pttl(board.key) > 90_000


@pytest.mark.parametrize("write", ["add", "keep_best"])
def test_without_a_ttl_a_board_stays(any_conn, write):
    board = Leaderboard(any_conn, "all time")
    getattr(board, write)("anna", 1)
    assert any_conn.pttl(board.key) == -1
    getattr(Leaderboard(any_conn, "all time", ttl=1), write)("ben", 1)  # it is there, and keeps what it has
    assert any_conn.pttl(board.key) == -1


def test_a_board_ends(any_conn):
    board = Leaderboard(any_conn, "today", ttl=0.03)
    board.add("anna", 1)
    assert wait_until(lambda: board.size() == 0)
    assert board.place("anna") is None


# What goes wrong


def test_a_lost_reply_is_an_error_and_the_points_were_added_once(server, redis_conn):
    board = Leaderboard(redis_conn, "today")
    with (
        FaultProxy(server.port) as proxy,
        redis.Redis(port=proxy.port, password=server.password, retry=NO_RETRIES) as client,
    ):
        through = Leaderboard(client, "today")
        through.add("anna", 1)
        proxy.drop_replies = 1
        with pytest.raises(redis.ConnectionError):
            through.add("anna", 10)
        assert board.score("anna") == 11
        assert through.keep_best("ben", 5)
        proxy.drop_replies = 1
        with pytest.raises(redis.ConnectionError):
            through.keep_best("ben", 6)
        assert not through.keep_best("ben", 6)
        assert board.score("ben") == 6


def test_a_client_that_repeats_may_not_add(server, redis_conn):
    """redis-py's own default: the points would be added twice, and nobody would hear of it."""
    for settings in ({"retry": Retry(NoBackoff(), 1)}, {"retry_on_error": [redis.TimeoutError]}, {}):
        with redis.Redis(port=server.port, password=server.password, **settings) as client:
            board = Leaderboard(client, "today")
            with pytest.raises(CourseError, match="count twice"):
                board.add("anna", 1)
            assert board.size() == 0
            assert board.keep_best("ben", 1)  # which may be repeated
            board.remove("ben")
    with redis.Redis(port=server.port, password=server.password, retry=None) as client:
        assert Leaderboard(client, "today").add("anna", 1) == 1


@pytest.mark.parametrize("repeats", [True, False])
def test_when_the_last_reply_of_a_build_is_lost_nobody_says_that_the_old_board_is_there(server, redis_conn, repeats):
    day = filled(redis_conn, "day", {"anna": 5, "ben": 7})
    week = filled(redis_conn, "week", {"old": 99})
    retry = Retry(NoBackoff(), 1 if repeats else 0)
    with (
        FaultProxy(server.port) as proxy,
        redis.Redis(port=proxy.port, password=server.password, retry=retry) as client,
    ):
        through = Leaderboard(client, "week")
        run = through._run

        def lose_the_last_reply(script, *arguments):
            if script == leaderboard.PUT_IN_PLACE:
                proxy.drop_replies = 1
            return run(script, *arguments)

        redis_conn.script_load(leaderboard.PUT_IN_PLACE)
        through._run = lose_the_last_reply
        with pytest.raises(CourseError if repeats else redis.ConnectionError) as error:
            through.replace_with_sum([day])
    assert [row.member for row in week.top(9)] == ["ben", "anna"]
    if repeats:
        assert "the sum is in place; or" in str(error.value) and "build it again" in str(error.value)


def test_a_server_that_has_forgotten_the_scripts_is_told_them_again(board, any_conn):
    board.add("anna", 1)
    any_conn.script_flush()
    assert board.add("anna", 1) == 2
    any_conn.script_flush()
    assert board.around("anna") == [Row(1, "anna", 2)]


def test_a_key_of_another_type_is_redis_refusal(board, any_conn):
    any_conn.set(board.key, "text")
    for call in (
        lambda: board.add("anna", 1),
        lambda: board.keep_best("anna", 1),
        lambda: board.place("anna"),
        lambda: board.score("anna"),
        lambda: board.around("anna"),
        lambda: board.top(3),
        lambda: board.remove("anna"),
        board.size,
        lambda: Leaderboard(any_conn, "week").replace_with_sum([board]),
    ):
        with pytest.raises(redis.ResponseError):
            call()
    assert any_conn.get(board.key) == "text"


@pytest.mark.parametrize("score", [0.5, "inf", "-inf", -1e-9])
def test_scores_of_somebody_else_that_are_not_whole_are_named(board, any_conn, score):
    any_conn.zadd(board.key, {"anna": score})
    week = Leaderboard(any_conn, "week")
    for call in (
        lambda: board.score("anna"),
        lambda: board.top(1),
        lambda: board.around("anna"),
        lambda: week.replace_with_sum([board]),
    ):
        with pytest.raises(CourseError, match="not a whole number"):
            call()


@pytest.mark.parametrize("member", [b"\xff", b"caf\xe9", "half \ud83c".encode("utf-8", "surrogatepass")])
def test_members_of_somebody_else_that_are_not_utf_8_are_named(board, any_conn, member):
    any_conn.zadd(board.key, {"anna": 1, member: 2})
    for call in (lambda: board.top(2), lambda: board.around("anna")):
        with pytest.raises(CourseError, match="not UTF-8"):
            call()
    assert board.place("anna") == 2
    assert board.around("anna", 1) == [Row(2, "anna", 1)]


@pytest.mark.parametrize("number", [True, False, 1.0, 0.5, "1", None, float("nan"), numpy.float64(1), numpy.True_])
def test_only_whole_numbers_are_taken(board, number):
    for call in (board.add, board.keep_best, board.around):
        with pytest.raises(CourseError, match="whole number"):
            call("anna", number)
    with pytest.raises(CourseError, match="whole number"):
        board.top(number)
    assert board.size() == 0


@pytest.mark.parametrize("number", [LARGEST + 1, -LARGEST - 1, 10**400])
def test_numbers_beyond_the_largest_are_refused(board, number):
    for call in (board.add, board.keep_best):
        with pytest.raises(CourseError, match=r"between -2\*\*53 and 2\*\*53"):
            call("anna", number)
    assert board.size() == 0


@pytest.mark.parametrize("kind", [numpy.int64, numpy.int8, numpy.uint32])
def test_whole_numbers_of_numpy_are_taken(board, kind):
    assert board.add("anna", kind(5)) == 5
    assert board.keep_best("ben", kind(6))
    assert board.top(kind(1)) == [Row(1, "ben", 6)]
    assert board.around("anna", kind(1)) == [Row(2, "anna", 5)]


@pytest.mark.parametrize("rows", [0, -1, LARGEST + 1])
def test_a_page_has_a_row_at_least(board, rows):
    board.add("anna", 1)
    for call in (lambda: board.top(rows), lambda: board.around("anna", rows)):
        with pytest.raises(CourseError, match="rows"):
            call()
    assert board.top(LARGEST) == board.around("anna", LARGEST) == [Row(1, "anna", 1)]


@pytest.mark.parametrize("member", ["", b"anna", 7, None, "half \ud83c", ["anna"]])
def test_only_texts_are_members(board, member):
    for call in (
        lambda: board.add(member, 1),
        lambda: board.keep_best(member, 1),
        lambda: board.place(member),
        lambda: board.score(member),
        lambda: board.around(member),
        lambda: board.remove(member),
    ):
        with pytest.raises(CourseError, match="A member"):
            call()
    assert board.size() == 0


def test_members_may_hold_every_character(board):
    members = ["{a}", "a b", "\n", "\0", "(1", "+inf", "-", "🍇", "é", "e\u0301", "'", "x" * 5000]
    for points, member in enumerate(members):
        assert board.add(member, points) == points
    assert [row.member for row in board.top(50)] == members[::-1]
    assert [board.place(member) for member in members] == list(range(len(members), 0, -1))


def test_a_client_of_asyncio_is_refused():
    for client in (redis.asyncio.Redis(), redis.asyncio.RedisCluster(host="127.0.0.1", port=1)):
        with pytest.raises(TypeError, match="Leaderboard needs a client"):
            Leaderboard(client, "today")


@pytest.mark.parametrize("name", ["", None, 7, b"today", "a{b", "a}b", "half \ud83c"])
def test_a_name_is_a_text_without_braces(redis_conn, name):
    with pytest.raises(CourseError):
        Leaderboard(redis_conn, name)


@pytest.mark.parametrize("prefix", [None, 7, "{", "a}", "half \ud83c"])
def test_a_prefix_is_a_text_without_braces(redis_conn, prefix):
    with pytest.raises(CourseError):
        Leaderboard(redis_conn, "today", prefix=prefix)


@pytest.mark.parametrize("ttl", [0, -1, True, "60", float("nan"), float("inf"), 0.0001, 10**400])
def test_a_ttl_is_a_number_of_seconds(redis_conn, ttl):
    with pytest.raises(CourseError, match="ttl"):
        Leaderboard(redis_conn, "today", ttl=ttl)


# Days into weeks


def test_a_week_is_the_sum_of_its_days(any_conn):
    dice = random.Random(11)
    sums = {}
    days = []
    for day in range(7):
        scores = {f"m{dice.randrange(3000)}": dice.randint(-20, 100) for _ in range(1500)}
        days.append(filled(any_conn, f"day {day}", scores))
        for member, score in scores.items():
            sums[member] = sums.get(member, 0) + score
    week = Leaderboard(any_conn, "week")
    any_conn.zadd(week.key, {"of the week before": 1})
    assert week.replace_with_sum(days) == len(sums)
    assert week.top(10_000) == expected_rows(sums)
    assert any_conn.pttl(week.key) == -1
    assert len(any_conn.keys()) == 8


def test_no_command_of_a_build_touches_more_than_a_page(server, redis_conn, monkeypatch):
    """Pages of few members, so that the boards are large beside them."""
    monkeypatch.setattr(leaderboard, "PAGE", 50)
    boards = [filled(redis_conn, f"day {day}", {f"m{day} {number}": 1 for number in range(2000)}) for day in range(2)]
    redis_conn.config_resetstat()
    assert Leaderboard(redis_conn, "week").replace_with_sum(boards) == 4000
    seen = commands(redis_conn)
    assert seen["zadd"] == 80  # 4000 / 50
    assert 60 <= seen["zscan"] <= 80  # 4000 / 50 at most; a page of ZSCAN may be a little larger
    assert "zunionstore" not in seen and "del" not in seen
    assert seen["unlink"] == seen["rename"] == 1


def test_the_whole_sum_takes_the_place_at_once(server, redis_conn):
    """Readers see the old week or the new one, never a part."""
    days = [filled(redis_conn, f"day {day}", {f"m{number}": 1 for number in range(1000)}) for day in range(2)]
    week = filled(redis_conn, "week", {"old": 7})
    sizes = []
    stop = threading.Event()

    def look():
        while not stop.is_set():
            sizes.append(week.size())

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(10):
        week.replace_with_sum(days)
    stop.set()
    reader.join()
    assert set(sizes) <= {1, 1000}
    assert len(sizes) > 10


def test_a_board_named_twice_counts_twice_and_a_board_can_be_part_of_its_own_sum(any_conn):
    week = filled(any_conn, "week", {"anna": 1, "ben": 2})
    today = filled(any_conn, "today", {"anna": 10})
    assert week.replace_with_sum([week, today, today]) == 2
    assert week.top(5) == [Row(1, "anna", 21), Row(2, "ben", 2)]


def test_a_sum_of_nothing_empties_the_board(any_conn):
    week = filled(any_conn, "week", {"anna": 1})
    assert week.replace_with_sum([]) == 0
    assert not any_conn.keys()


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_are_exact_up_to_the_largest_and_refused_beyond(any_conn, sign):
    days = [
        filled(any_conn, "monday", {"anna": sign * (LARGEST - 1)}),
        filled(any_conn, "tuesday", {"anna": sign}),
        filled(any_conn, "wednesday", {"anna": sign}),
    ]
    week = Leaderboard(any_conn, "week")
    week.replace_with_sum(days[:2])
    assert week.score("anna") == sign * LARGEST
    with pytest.raises(CourseError, match=r"beyond 2\*\*53"):
        week.replace_with_sum(days)
    assert week.score("anna") == sign * LARGEST
    assert len(any_conn.keys()) == 4


@pytest.mark.parametrize("boards", [None, "week", ["week"], 7, [None]])
def test_a_sum_is_made_of_boards(any_conn, boards):
    week = filled(any_conn, "week", {"anna": 1})
    for wrong in (boards, week):
        with pytest.raises(CourseError, match="list of Leaderboards"):
            week.replace_with_sum(wrong)
    assert week.size() == 1


def building_keys(conn, week):
    return [key for key in conn.scan_iter(count=1000) if key.startswith(week.key + ":")]


def test_a_build_that_is_killed_leaves_the_old_board_and_nothing_for_ever(server, redis_conn):
    days = [filled(redis_conn, f"day {day}", {f"m{number}": 1 for number in range(8 * PAGE)}) for day in range(2)]
    week = filled(redis_conn, "week", {"old": 7})

    def build(conn):
        mine = [Leaderboard(conn, f"day {day}") for day in range(2)]
        Leaderboard(conn, "week").replace_with_sum(mine)

    kills = 0
    with Processes(server.url) as processes:
        for _ in range(3):
            builder = processes.start(build)
            wait_until(lambda: building_keys(redis_conn, week))
            builder.kill()
            left = building_keys(redis_conn, week)
            if not left:  # it was quicker than the kill
                week.replace_with_sum([])
                week.add("old", 7)
                continue
            kills += 1
            assert week.top(9) == [Row(1, "old", 7)]
            for key in left:
                assert key_slot(key.encode()) == key_slot(week.key.encode())
                assert 0 < redis_conn.pttl(key) <= BUILD_SECONDS * 1000
                redis_conn.pexpire(key, 1)
            assert wait_until(lambda: not building_keys(redis_conn, week))
    assert kills > 0
    assert week.replace_with_sum(days) == 8 * PAGE  # and the next build does not mind


def test_a_builder_that_stood_still_too_long_does_not_replace_the_old_board(any_conn, monkeypatch):
    """The page before the last has ended when it comes back, so that the last stands alone."""
    day = filled(any_conn, "day", {f"m{number}": 1 for number in range(2 * PAGE)})
    week = filled(any_conn, "week", {"old": 7})
    run = Leaderboard._run
    ended = []

    def stand_still_after_a_page(self, script, keys, *arguments):
        reply = run(self, script, keys, *arguments)
        if script == leaderboard.WRITE_PAGE and not ended:
            ended.append(any_conn.pexpire(keys[0], 1))
            assert wait_until(lambda: not building_keys(any_conn, week))
        return reply

    monkeypatch.setattr(Leaderboard, "_run", stand_still_after_a_page)
    with pytest.raises(CourseError, match="build it again"):
        week.replace_with_sum([day])
    assert ended == [True]
    assert week.top(9) == [Row(1, "old", 7)]
    (left,) = building_keys(any_conn, week)
    assert 0 < any_conn.pttl(left) <= BUILD_SECONDS * 1000


def test_two_builds_at_once_do_not_mix(server, redis_conn):
    ones = filled(redis_conn, "ones", {f"m{number}": 1 for number in range(2000)})
    twos = filled(redis_conn, "twos", {f"n{number}": 2 for number in range(2000)})
    week = Leaderboard(redis_conn, "week")
    builders = [threading.Thread(target=week.replace_with_sum, args=([board],)) for board in (ones, twos) * 3]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert week.size() == 2000
    assert len({row.score for row in week.top(2000)}) == 1
    assert not building_keys(redis_conn, week)


class WithGuests(redis.Redis):
    """A client between whose pages of a board 4000 guests come or go, in turns. Each page comes again with the next:
    ZSCAN may return a member several times, but when it does is the server's choice.
    """

    page_before: tuple = ()

    def execute_command(self, *args, **options):
        reply = super().execute_command(*args, **options)
        if args[0] != "ZSCAN":
            return reply
        guests = {f"guest {number}": 2 for number in range(4000)}
        if self.zcard(args[1]) > len(guests):
            self.zrem(args[1], *guests)
        else:
            self.zadd(args[1], guests)
        cursor, page = reply
        both_pages = [*page, *self.page_before]
        self.page_before = page
        return cursor, both_pages


def test_days_that_still_change_count_each_member_once(server, redis_conn, monkeypatch):
    monkeypatch.setattr(leaderboard, "PAGE", 50)
    steady = {f"steady {number}": 1 for number in range(1000)}
    day = filled(redis_conn, "day", steady)
    with WithGuests.from_url(server.url) as client:
        assert Leaderboard(client, "week").replace_with_sum([Leaderboard(client, day.name)]) > len(steady)
    scores = {row.member: row.score for row in Leaderboard(redis_conn, "week").top(10_000)}
    assert {member: scores.pop(member, None) for member in steady} == steady
    assert set(scores.values()) == {2}


def test_what_is_logged_names_no_member_and_no_board(redis_conn, caplog):
    with caplog.at_level(logging.DEBUG, "redis_helpers"):
        Leaderboard(redis_conn, "secret week").replace_with_sum([filled(redis_conn, "secret day", {"anna": 1})])
    assert "a sum of 1 boards is in place: 1 members" in caplog.text
    assert "secret" not in caplog.text and "anna" not in caplog.text
