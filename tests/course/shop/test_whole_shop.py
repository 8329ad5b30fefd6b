"""The whole shop, driven over HTTP as a browser drives it: on a server, and on a cluster, also in a failover."""

import logging
import threading

import pytest

from redis_helpers.connection import ConnectOptions, RedisConnectionHandle
from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.course.shop import open_whole_shop
from redis_helpers.queue_worker import Worker
from redis_helpers.redis_repository import RedisRepository
from redis_helpers.work_queue import WorkQueue
from tests.support.servers import wait_until

PREFIX = "cell-by-cell:whole-shop-test:"


@pytest.fixture(scope="module")
def cluster():
    with EmbeddedCluster(node_timeout=2000) as cluster:  # a busy machine is no failed node
        yield cluster


@pytest.fixture(params=["one server", "cluster"])
def shop_conn(request, monkeypatch):
    """The client of a program that knows its REDIS_URL, and nothing of what is behind it."""
    if request.param == "cluster":
        url = url_of(request.getfixturevalue("cluster"))
    else:
        request.getfixturevalue("redis_conn")  # empties it
        url = request.getfixturevalue("server").url
    monkeypatch.setenv("REDIS_URL", url)
    with RedisConnectionHandle() as handle:
        redis_conn = handle.connect_server_or_cluster()
        yield redis_conn
        RedisRepository(redis_conn).delete_prefix(PREFIX)


def url_of(cluster):
    node = next(node for node in cluster.nodes if node.is_running())
    return ConnectOptions(host=node.host, port=node.port, password=cluster.password).url


def test_a_day_in_the_shop(shop_conn):
    queue = WorkQueue(shop_conn, "orders", prefix=PREFIX)
    packed = []
    with open_whole_shop(shop_conn, queue=queue, crates=2, prefix=PREFIX) as shop:
        maria, phone = shop.browser(), shop.browser()
        # A cart, and a log-in that keeps it.
        assert str(maria.get("/")) == "200 Welcome, stranger."
        assert str(maria.post("/cart", fruit="banana", boxes=2)) == "200 In a new cart: 2 boxes of banana."
        assert str(maria.post("/cart", fruit="uva", boxes=1)) == "200 In the cart: 1 box of uva."
        assert maria.post("/log-in", user="maria", password="guess").status == 403
        assert str(maria.post("/log-in", user="maria", password="market")) == "200 Welcome, maria."
        assert maria.get("/cart").text == "2 boxes of banana\n1 box of uva"
        # Orders, which are queued once, and the board.
        assert maria.get("/board").text == "Nothing was sold yet."
        assert maria.post("/orders", fruit="uva", boxes=3, id="order-1").status == 202
        assert maria.post("/orders", fruit="apple", boxes=2, id="order-2").status == 202
        assert maria.get("/board").text == "1. uva 3\n2. apple 2"
        assert Worker(queue, lambda job: packed.append(job.payload)).run(until_idle=0.05) == 2
        # The last crates, and a price.
        assert [maria.post("/buy", fruit="uva").status for _ in range(3)] == [200, 200, 409]
        assert str(maria.post("/price", fruit="banana", cents=312)) == "200 banana costs 312 cents now."
        # A log-out, here and everywhere.
        phone.post("/log-in", user="maria", password="market")
        assert phone.post("/log-out-everywhere").text == "2 sessions have ended."
        assert maria.get("/").text == "Welcome, stranger."
        assert str(maria.post("/log-out")) == "200 Goodbye."
    assert packed[0] == {"id": "order-1", "fruit": "uva", "boxes": 3, "customer": "maria"}
    assert packed[1] == {"id": "order-2", "fruit": "apple", "boxes": 2, "customer": "maria"}


def test_each_user_has_a_limit(shop_conn):
    with open_whole_shop(shop_conn, limit=3, prefix=PREFIX) as shop:
        maria, joao = shop.browser(), shop.browser()
        maria.post("/log-in", user="maria", password="market")
        joao.post("/log-in", user="joao", password="market")
        refused = [page for page in (maria.get("/") for _ in range(30)) if page.status == 429]
        assert refused
        assert refused[0].headers["Retry-After"] == "1"
        assert joao.get("/").text == "Welcome, joao."


def test_eight_browsers_and_five_crates(shop_conn):
    with open_whole_shop(shop_conn, crates=5, prefix=PREFIX) as shop:
        statuses = []
        threads = [
            threading.Thread(target=lambda: statuses.append(shop.browser().post("/buy", fruit="uva").status))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(statuses) == [200] * 5 + [409] * 3


def test_a_late_writer_does_not_set_a_price(shop_conn):
    """Somebody with a higher fencing number was here: the price stays, whoever has the lock."""
    with open_whole_shop(shop_conn, prefix=PREFIX) as shop:
        browser = shop.browser()
        assert browser.post("/price", fruit="uva", cents=200).status == 200
        shop_conn.hset(f"{PREFIX}price:uva", "fence", 1000)
        assert browser.post("/price", fruit="uva", cents=100).status == 409
        assert shop_conn.hget(f"{PREFIX}price:uva", "cents") == "200"


def test_a_price_that_somebody_else_is_setting_can_be_tried_again(shop_conn):
    with open_whole_shop(shop_conn, prefix=PREFIX) as shop:
        shop_conn.set(f"{PREFIX}{{prices}}:holder", "somebody else", px=60_000)
        page = shop.browser().post("/price", fruit="uva", cents=200)
    assert (page.status, page.headers["Retry-After"]) == (503, "1")
    assert page.text == "Somebody else is doing the same. Try again in a moment."


def test_a_failover_is_503_for_a_while_and_the_same_shop_goes_on(cluster, capfd, caplog):
    caplog.set_level(logging.WARNING)
    options = ConnectOptions(port=cluster.nodes[0].port, password=cluster.password)
    with RedisConnectionHandle(options) as handle:
        redis_conn = handle.connect_server_or_cluster()
        with open_whole_shop(redis_conn, prefix=PREFIX) as shop:
            browser = shop.browser()
            assert browser.post("/log-in", user="maria", password="market").status == 200
            assert browser.post("/orders", fruit="uva", boxes=3, id="before").status == 202
            cluster.primary_of("{orders}").kill()
            refused = browser.post("/orders", fruit="uva", boxes=3, id="during")
            assert refused.status == 503
            assert refused.headers["Retry-After"] == "1"
            assert refused.text.startswith("The shop cannot use Redis now (")
            assert wait_until(lambda: browser.post("/orders", fruit="uva", boxes=3, id="during").status == 202)
            assert wait_until(lambda: browser.get("/board").status == 200)
        RedisRepository(redis_conn).delete_prefix(PREFIX)
    said = [record for record in caplog.records if record.name.endswith("shop.application")]
    assert said and all(record.exc_info is None for record in said)
    assert "POST /orders was refused: Redis cannot be used now (" in said[0].getMessage()
    assert not any(cluster.password in record.getMessage() for record in caplog.records)
    assert "Traceback" not in "".join(capfd.readouterr())
