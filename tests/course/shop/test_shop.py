"""The shop, driven over HTTP as a browser drives it."""

import json
import threading
import urllib.request

import pytest
import redis

from redis_helpers.course.shop import Browser, open_shop
from redis_helpers.leaderboard import Leaderboard
from redis_helpers.queue_worker import Worker
from redis_helpers.rate_limiter import FixedWindow
from redis_helpers.sessions import Sessions
from redis_helpers.work_queue import WorkQueue

PREFIX = "cell-by-cell:shop:"
CART = ["cart:banana", "cart:apple", "cart:uva"]


@pytest.fixture
def sessions(redis_conn):
    return Sessions(redis_conn, moves=CART, prefix=PREFIX)


@pytest.fixture
def shop(sessions):
    with open_shop(sessions=sessions) as shop:
        yield shop


def test_a_stranger_fills_a_cart_logs_in_and_finds_it_again(shop):
    browser = shop.browser()
    assert str(browser.get("/")) == "200 Welcome, stranger."
    assert str(browser.get("/cart")) == "200 The cart is empty."
    assert str(browser.post("/cart", fruit="banana", boxes=2)) == "200 In a new cart: 2 boxes of banana."
    assert str(browser.post("/cart", fruit="apple", boxes=1)) == "200 In the cart: 1 box of apple."
    before = browser.cookies["session"]
    assert str(browser.post("/log-in", user="maria", password="market")) == "200 Welcome, maria."
    assert browser.cookies["session"] != before
    assert str(browser.get("/")) == "200 Welcome, maria."
    assert browser.get("/cart").text == "1 box of apple\n2 boxes of banana"


def test_a_wrong_password_logs_nobody_in(shop):
    browser = shop.browser()
    assert browser.post("/log-in", user="maria", password="guess").status == 403
    assert browser.post("/log-in", user="", password="market").status == 403
    assert browser.cookies == {}
    assert browser.get("/").text == "Welcome, stranger."


def test_the_cookie_is_hidden_from_scripts_and_from_the_forms_of_other_sites(shop):
    browser = shop.browser()
    header = browser.post("/log-in", user="maria", password="market").headers["Set-Cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header


def test_a_log_out_ends_the_session_itself_not_only_the_cookie(shop):
    browser, thief = shop.browser(), shop.browser()
    browser.post("/log-in", user="maria", password="market")
    for cookie in browser._jar:
        thief._jar.set_cookie(cookie)
    assert thief.get("/").text == "Welcome, maria."
    browser.post("/log-out")
    assert browser.cookies == {}
    assert thief.get("/").text == "Welcome, stranger."


def test_everywhere_means_all_browsers_of_one_user(shop):
    laptop, phone, joao = shop.browser(), shop.browser(), shop.browser()
    for browser, user in [(laptop, "maria"), (phone, "maria"), (joao, "joao")]:
        browser.post("/log-in", user=user, password="market")
    assert phone.post("/log-out-everywhere").text == "2 sessions have ended."
    assert laptop.get("/").text == phone.get("/").text == "Welcome, stranger."
    assert joao.get("/").text == "Welcome, joao."
    assert phone.post("/log-out-everywhere").status == 401


def test_a_made_up_cookie_is_nobody(shop):
    browser = Browser(shop.url)
    request = urllib.request.Request(shop.url + "/", headers={"Cookie": "session=of:maria", "Accept": "text/plain"})
    with browser._opener.open(request, timeout=10) as answer:
        assert answer.read() == b"Welcome, stranger."


def test_the_sixth_request_is_refused_and_told_when_to_come_back(redis_conn):
    limiter = FixedWindow(redis_conn, 5, 60, fail_open=False, prefix=PREFIX)
    with open_shop(limiter=limiter) as shop:
        browser = shop.browser()
        assert [browser.get("/").status for _ in range(5)] == [200] * 5
        refused = browser.get("/")
        assert refused.status == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_a_limit_can_count_for_each_user(redis_conn, sessions):
    limiter = FixedWindow(redis_conn, 3, 60, fail_open=False, prefix=PREFIX)

    def by_user(user, address, path):
        return user or address

    with open_shop(sessions=sessions, limiter=limiter, limit_key=by_user) as shop:
        maria, joao = shop.browser(), shop.browser()
        maria.post("/log-in", user="maria", password="market")
        joao.post("/log-in", user="joao", password="market")
        assert [maria.get("/").status for _ in range(4)] == [200, 200, 200, 429]
        assert joao.get("/").status == 200


def test_an_order_goes_into_the_queue_once_and_onto_the_board(redis_conn, sessions):
    queue = WorkQueue(redis_conn, "orders", prefix=PREFIX)
    board = Leaderboard(redis_conn, "fruits", prefix=PREFIX)
    packed = []

    def put_order(order):
        queue.put(order, own_id=order["id"])

    with open_shop(sessions=sessions, put_order=put_order, board=board) as shop:
        browser = shop.browser()
        browser.post("/log-in", user="maria", password="market")
        assert browser.get("/board").text == "Nothing was sold yet."
        assert browser.post("/orders", fruit="uva", boxes=3, id="order-1").status == 202
        assert browser.post("/orders", fruit="apple", boxes=2, id="order-2").status == 202
        assert browser.get("/board").text == "1. uva 3\n2. apple 2"
        assert Worker(queue, lambda job: packed.append(job.payload)).run(until_idle=0.05) == 2
    assert packed[0] == {"id": "order-1", "fruit": "uva", "boxes": 3, "customer": "maria"}


def test_eight_browsers_and_five_crates(redis_conn):
    redis_conn.set(PREFIX + "stock", 5)

    def take_crate(fruit):
        if redis_conn.decr(PREFIX + "stock") >= 0:
            return True
        redis_conn.incr(PREFIX + "stock")
        return False

    with open_shop(take_crate=take_crate) as shop:
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


def test_a_price_is_set_or_refused():
    asked = []

    def set_price(fruit, cents):
        asked.append((fruit, cents))
        return cents > 300

    with open_shop(set_price=set_price) as shop:
        browser = shop.browser()
        assert str(browser.post("/price", fruit="banana", cents=312)) == "200 banana costs 312 cents now."
        assert browser.post("/price", fruit="banana", cents=299).status == 409
    assert asked == [("banana", 312), ("banana", 299)]


@pytest.mark.parametrize(
    "fields", [{"fruit": "mango"}, {"fruit": "uva", "boxes": "-1"}, {"fruit": "uva", "boxes": "²"}]
)
def test_a_form_that_cannot_be_is_refused_in_one_sentence(shop, fields):
    page = shop.browser().post("/cart", **fields)
    assert page.status == 400
    assert page.text.endswith((".", "uva."))
    assert "Traceback" not in page.text


def test_without_redis_the_shop_says_so():
    nobody = redis.Redis(port=1)
    with open_shop(sessions=Sessions(nobody)) as shop:
        page = shop.browser().post("/log-in", user="maria", password="market")
    assert page.status == 503
    assert "cannot use Redis" in page.text


def test_a_function_that_fails_is_named_and_the_shop_goes_on(capfd):
    def take_crate(fruit):
        raise ValueError("no such crate")

    with open_shop(take_crate=take_crate) as shop:
        browser = shop.browser()
        assert str(browser.post("/buy", fruit="uva")) == "500 The code of the shop failed: ValueError: no such crate"
        assert browser.get("/").status == 200
        assert browser.get("/nowhere").status == 404
    assert capfd.readouterr() == ("", "")


def test_a_real_browser_gets_forms_and_no_cookie_can_become_html(shop):
    request = urllib.request.Request(shop.url + "/", headers={"Accept": "text/html,*/*;q=0.8"})
    with Browser(shop.url)._opener.open(request, timeout=10) as answer:
        page = answer.read().decode()
    assert '<form method="post" action="/log-in">' in page
    browser = shop.browser()
    browser._opener.addheaders = [("Accept", "text/html")]
    with browser._opener.open(shop.url + "/log-in", b"user=<b>maria</b>&password=market", timeout=10) as answer:
        assert "&lt;b&gt;maria&lt;/b&gt;" in answer.read().decode()


def test_the_next_shop_closes_the_one_before(redis_conn):
    first = open_shop()
    with open_shop() as second:
        assert second.browser().get("/").status == 200
        with pytest.raises(OSError, match=r"refused|reset"):
            first.browser().get("/")


def test_it_listens_on_this_computer_only(shop):
    assert shop.url.startswith("http://127.0.0.1:")
    assert json.loads(json.dumps(shop.browser().cookies)) == {}
