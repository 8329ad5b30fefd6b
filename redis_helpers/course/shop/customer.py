"""A customer of the load test: a thread with a browser of its own, who remembers what the shop has promised."""

import random
import threading
import time
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException

from redis_helpers.course.shop.application import FRUITS, PASSWORD
from redis_helpers.course.shop.browser import Browser, Page

REFUSED = 503
NO_ANSWER = 0  # instead of a status: the web server has closed the connection, or not answered in time
THINKS = 0.03  # seconds at most between two requests, drawn anew each time
TRIES_AGAIN = 0.05  # seconds after a refusal: sooner than Retry-After asks for, so that the length of a failure shows

# What a customer does next, the commoner the oftener.
HABITS = ("look", "look", "fill", "fill", "cart", "order", "order", "order", "order", "board", "buy", "log in")


@dataclass(frozen=True)
class Request:
    """One request. Its times are those of `time.monotonic()`, in seconds."""

    path: str
    status: int
    began: float
    ended: float

    @property
    def refused(self) -> bool:
        """The shop said that it cannot serve this now."""
        return self.status == REFUSED

    @property
    def failed(self) -> bool:
        """Nothing that a shop may answer: 500, or nothing at all."""
        return self.status == NO_ANSWER or (self.status >= 500 and not self.refused)

    @property
    def served(self) -> bool:
        """Answered: also by "sold out" and the like."""
        return not (self.refused or self.failed)

    @property
    def is_acknowledged_order(self) -> bool:
        """From this moment on, the customer relies on the order."""
        return self.path == "/orders" and self.status == 202


class Customer(threading.Thread):
    """Shops until `close` is called, then brings an order that was begun to its end, and looks whether it is logged in.

    - `requests`: all that it has asked. `acknowledged`: the ids of the orders for which it was thanked.
    - `log_ins`: how many sessions it was given. `lost_sessions`: those that ended without its doing.
    - `first_failure`: what the shop said when it failed (not: refused) for the first time.
    """

    def __init__(self, number: int, seed: int, url: str) -> None:
        super().__init__(name=f"customer {number}", daemon=True)
        self.requests: list[Request] = []
        self.acknowledged: list[str] = []
        self.log_ins = 0
        self.lost_sessions = 0
        self.first_failure = ""
        self.user = f"customer-{number}"
        self._browser = Browser(url)
        self._choice = random.Random(f"{seed} {number}")
        self._closed = threading.Event()
        self._give_up_at = 0.0
        self._is_logged_in = False
        self._orders = 0
        self._open_order: dict[str, object] | None = None

    def close(self, patience: float) -> None:
        """Ends the shopping. What was begun is tried for `patience` seconds more; with 0, not at all."""
        self._give_up_at = time.monotonic() + patience
        self._closed.set()

    def run(self) -> None:
        """What the thread does."""
        while not self._closed.is_set():
            self._do_something()
            self._closed.wait(self._choice.uniform(0, THINKS))
        while self._may_go_on() and self._open_order is not None:
            self._order()
        while self._may_go_on() and self._is_logged_in and not self._look():
            pass

    def _may_go_on(self) -> bool:
        return time.monotonic() < self._give_up_at

    def _do_something(self) -> None:
        if not self._is_logged_in:
            self._log_in()
        elif self._open_order is not None:  # refused before: the same one again, under the same id
            self._order()
        else:
            habits = {
                "look": self._look,
                "fill": self._fill_cart,
                "cart": lambda: self._ask("/cart"),
                "order": self._order,
                "board": lambda: self._ask("/board"),
                "buy": lambda: self._ask("/buy", fruit=self._a_fruit()),
                "log in": self._log_in,
            }
            habits[self._choice.choice(HABITS)]()

    def _log_in(self) -> None:
        """Also while logged in: that gives a new session, and ends the old one."""
        self._is_logged_in = False  # after a refusal, nobody knows
        if self._ask("/log-in", user=self.user, password=PASSWORD).status == 200:
            self._is_logged_in = True
            self.log_ins += 1

    def _look(self) -> bool:
        """Whether the shop has answered. Its answer tells whether the session is still there."""
        page = self._ask("/")
        if page.status == 200 and page.text != f"Welcome, {self.user}.":
            self._lose_session()
        return page.status == 200

    def _fill_cart(self) -> None:
        page = self._ask("/cart", fruit=self._a_fruit(), boxes=self._choice.randint(1, 9))
        if page.status == 200 and page.text.startswith("In a new cart"):
            self._lose_session()

    def _lose_session(self) -> None:
        self.lost_sessions += 1
        self._is_logged_in = False

    def _order(self) -> None:
        if self._open_order is None:
            self._orders += 1
            boxes = self._choice.randint(1, 9)
            self._open_order = {"id": f"{self.user}-{self._orders}", "fruit": self._a_fruit(), "boxes": boxes}
        if self._ask("/orders", **self._open_order).status == 202:
            self.acknowledged.append(str(self._open_order["id"]))
            self._open_order = None

    def _a_fruit(self) -> str:
        return self._choice.choice(FRUITS)

    def _ask(self, path: str, **fields: object) -> Page:
        """Sends a form, or asks for a page when there are no fields. Waits a moment after a refusal."""
        began = time.monotonic()
        try:
            page = self._browser.post(path, **fields) if fields else self._browser.get(path)
        except (OSError, HTTPException) as error:  # the second: an answer that is cut in its middle
            page = Page(NO_ANSWER, type(error).__name__, Message())
        request = Request(path, page.status, began, time.monotonic())
        self.requests.append(request)
        if request.failed and not self.first_failure:
            self.first_failure = f"{path}: {page.text}"
        if not request.served:
            time.sleep(TRIES_AGAIN)
        return page
