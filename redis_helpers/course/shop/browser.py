"""A browser without a screen: it asks the shop over HTTP, and keeps the cookies that it is given."""

import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from email.message import Message
from http.cookiejar import CookieJar

PATIENCE = 10  # seconds for one answer


@dataclass(frozen=True)
class Page:
    """An answer of the shop: 200 when all is well, its text, and its headers."""

    status: int
    text: str
    headers: Message

    def __str__(self) -> str:
        return f"{self.status} {self.text}"


class Browser:
    """One customer's browser. `url` is the shop's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._jar = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),  # the shop is on this very computer
            urllib.request.HTTPCookieProcessor(self._jar),
        )

    def get(self, path: str) -> Page:
        """Asks for a page, such as "/cart"."""
        return self._ask(path, None)

    def post(self, path: str, **fields: object) -> Page:
        """Sends a form, such as post("/cart", fruit="banana", boxes=2)."""
        return self._ask(path, urllib.parse.urlencode(fields).encode())

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the shop has set: name and value."""
        return {cookie.name: cookie.value or "" for cookie in self._jar}

    def _ask(self, path: str, form: bytes | None) -> Page:
        request = urllib.request.Request(self.url + path, form, {"Accept": "text/plain"})
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                return Page(answer.status, answer.read().decode(), answer.headers)
        except urllib.error.HTTPError as answer:  # 403, 429 and their like are answers, too
            with answer:
                return Page(answer.code, answer.read().decode(), answer.headers)
