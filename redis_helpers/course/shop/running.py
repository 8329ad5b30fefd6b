"""A shop that is open: its web server runs in a thread of this process, on 127.0.0.1 only."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from werkzeug.serving import make_server

from redis_helpers.course.shop.application import Parts, create_app
from redis_helpers.course.shop.browser import Browser
from redis_helpers.leaderboard import Leaderboard
from redis_helpers.rate_limiter import RateLimiter
from redis_helpers.sessions import Sessions

CLOSES_WITHIN = 0.05  # seconds; the half second of the standard library is a wait that nobody needs

_open_shop: "Shop | None" = None  # the one of this notebook


class Shop:
    """An open shop. `url` is its address, `app` its Flask application. Also a `with` block, which closes it."""

    def __init__(self, parts: Parts) -> None:
        self.app = create_app(parts)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
        self._server = make_server("127.0.0.1", 0, self.app, threaded=True)  # 0: any port that is free
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(CLOSES_WITHIN,), name="shop", daemon=True)
        self._thread.start()

    def browser(self) -> Browser:
        """A new browser, without cookies."""
        return Browser(self.url)

    def close(self) -> None:
        """Ends the web server. What is in Redis stays."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def __enter__(self) -> "Shop":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_shop(
    *,
    sessions: Sessions | None = None,
    limiter: RateLimiter | None = None,
    limit_key: Callable[[str | None, str, str], str] | None = None,
    put_order: Callable[[dict[str, Any]], object] | None = None,
    board: Leaderboard | None = None,
    take_crate: Callable[[str], bool] | None = None,
    set_price: Callable[[str, int], bool] | None = None,
) -> Shop:
    """Opens the shop with what you give it; `Parts` says what each is. A shop that this notebook has opened is closed.

    It works in threads: two browsers may ask at once, and your functions are called at once.
    """
    global _open_shop
    if _open_shop is not None:
        _open_shop.close()
    _open_shop = Shop(Parts(sessions, limiter, limit_key, put_order, board, take_crate, set_price))
    return _open_shop
