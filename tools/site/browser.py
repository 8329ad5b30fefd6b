"""Looks at the built site in Chromium, as a reader does: from the file system, and from a local server.

Each function returns one sentence for each thing that is wrong. Folds are opened before a page is judged.
"""

import contextlib
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from redis_helpers.errors import CourseError
from tools.site.reading import pages

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
TELEPHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}
THEMES = ("light", "dark")
OPEN_FOLDS = "for (const fold of document.querySelectorAll('details')) fold.open = true"
STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth"  # 0: the page fits
SEARCH_IS_OVER = "document.querySelector('#search-results .search-summary')?.textContent.match(/found|not match/)"


def chromium() -> str | None:
    """The path of this machine's Chromium or Chrome."""
    found = (shutil.which(name) for name in PROGRAMS)
    return next((path for path in found if path), None)


class Reader:
    """Somebody with a browser: `addresses` collects what the pages asked for, `errors` what went wrong in them."""

    def __init__(self, browser: Any, start: str) -> None:
        self.start = start  # the address of the site's folder, with a slash at its end
        self.addresses: list[str] = []
        self.errors: list[str] = []
        self._context = browser.new_context(viewport=DESKTOP)
        self._context.on("request", lambda request: self.addresses.append(request.url))
        self._context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.page = self._context.new_page()
        self.page.on("console", self._note_console)

    def _note_console(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def go(self, name: str) -> None:
        """Opens a page of the site, such as "lessons/12_rate_limits.html"."""
        self.page.goto(self.start + name)

    def size(self, size: dict[str, int]) -> None:
        self.page.set_viewport_size(size)

    def theme(self, theme: str) -> None:
        """What the page is shown in, as if the button had been clicked so often."""
        self.page.evaluate("theme => { document.body.dataset.theme = theme }", theme)

    def close(self) -> None:
        self._context.close()


@contextlib.contextmanager
def opened_browser() -> Iterator[Any]:
    """A headless Chromium. Raises CourseError when there is none."""
    from playwright.sync_api import sync_playwright

    program = chromium()
    if program is None:
        raise CourseError("There is no Chromium here: install it (`sudo apt install chromium`), and start again.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def served(site: Path) -> Iterator[str]:
    """The address at which a local server shows the site."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()


def problems_of(site: Path, word: str = "XAUTOCLAIM", lesson: str = "lessons/15_job_streams.html") -> list[str]:
    """Everything that is wrong, on every page; `word` is searched for, and stands in `lesson`.

    Raises CourseError when the site was built without that lesson, or when there is no Chromium.
    """
    if not (site / lesson).exists():
        raise CourseError(f"The check searches for {word} in {lesson}, which is not there: build the site with it.")
    found = []
    with opened_browser() as browser, served(site) as address:
        for start in (f"{site.resolve().as_uri()}/", address):
            reader = Reader(browser, start)
            found += search_finds(reader, word, lesson)
            found += folds_open(reader, lesson)
            found += dark_holds(reader, lesson, "index.html")
            found += stays_in_its_folder(reader)
            reader.close()
        reader = Reader(browser, address)
        for page in pages(site):
            found += page_is_sound(reader, page.relative_to(site).as_posix())
        found += stays_in_its_folder(reader)
        reader.close()
    return found


def page_is_sound(reader: Reader, name: str) -> list[str]:
    """The page fits a telephone, and axe finds nothing in either theme."""
    reader.size(TELEPHONE)
    reader.go(name)
    reader.page.evaluate(OPEN_FOLDS)
    found = fits(reader, name)
    reader.size(DESKTOP)
    for theme in THEMES:
        reader.theme(theme)
        found += axe_finds(reader, name, theme)
    return found


def search_finds(reader: Reader, word: str, lesson: str) -> list[str]:
    """Types the word into the search of the first page."""
    reader.go("index.html")
    reader.page.fill("input.sidebar-search", word)
    reader.page.press("input.sidebar-search", "Enter")
    reader.page.wait_for_function(SEARCH_IS_OVER)
    found = reader.page.eval_on_selector_all("#search-results li a", "links => links.map(link => link.href)")
    if not any(lesson in address for address in found):
        return [f"{reader.start}: search for {word} does not find {lesson}, but {found or 'nothing'}"]
    return []


def folds_open(reader: Reader, lesson: str) -> list[str]:
    """What is folded is not seen, and is seen after a click: the first output, and the first answer."""
    found = []
    reader.go(lesson)
    for kind in ("details.hide", "details:not(.hide)"):
        fold = reader.page.locator(f"article {kind}").first
        inside = fold.locator(":scope > :not(summary)").first
        if inside.is_visible():
            found.append(f"{lesson}: {kind} shows what is in it before it is opened")
        fold.locator("summary").click()
        if not inside.is_visible():
            found.append(f"{lesson}: {kind} does not open")
    return found


def dark_holds(reader: Reader, first: str, then: str) -> list[str]:
    """The theme that was chosen on one page holds on the next."""
    reader.size(DESKTOP)
    reader.go(first)
    button = reader.page.locator(".theme-toggle-content button")
    for _ in THEMES:
        if reader.page.evaluate("document.body.dataset.theme") != "dark":
            button.click()
    seen = []
    for page in (first, then):
        reader.go(page)
        seen.append(reader.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    light = [color for color in seen if sum(int(part) for part in color[4:-1].split(",")) > 3 * 128]
    return [f"{then}: the dark theme chosen on {first} does not hold ({seen})"] if light else []


def stays_in_its_folder(reader: Reader) -> list[str]:
    """Nothing was asked of another place, and no script failed."""
    asked = {address for address in reader.addresses if not address.startswith((reader.start, "data:"))}
    return [f"a page asks for {address}" for address in sorted(asked)] + reader.errors


def fits(reader: Reader, name: str) -> list[str]:
    """Nobody has to move a telephone's page to the side."""
    over = reader.page.evaluate(STICKS_OUT)
    return [f"{name}: {over} pixels wider than a telephone of {TELEPHONE['width']}"] if over else []


def axe_finds(reader: Reader, name: str, theme: str) -> list[str]:
    """What axe-core, which tests for the rules of accessible pages (WCAG 2), finds on the open page."""
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for violation in Axe().run(reader.page).response["violations"]:
        places = [node["target"][-1] for node in violation["nodes"]]
        where = f"{len(places)}: {', '.join(map(str, places[:3]))}"
        found.append(f"{name}, {theme}: {violation['id']}: {violation['help']} ({where})")
    return found
