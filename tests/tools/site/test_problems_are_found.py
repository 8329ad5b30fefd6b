"""Each check of the site can fail: a site is broken in one way, and the check says so."""

import json
import re

import nbformat
import pytest

from tests.tools.site.conftest import FOLDED_WORDS, STREAMS
from tools.site import browser, reading

pytestmark = pytest.mark.xdist_group("site")

PLANTED = "lessons/49_planted.html"
STREAMS_PAGE = f"lessons/{STREAMS.removesuffix('.ipynb')}.html"


def replaced(pattern, better):
    return lambda page: re.sub(pattern, better, page, count=1, flags=re.DOTALL)


BREACHES = {
    "an output is not folded": (
        replaced(r'<details class="admonition hide.*?</summary>(.*?)</details>', r"\1"),
        "the output of prepare, which settles a prediction, is seen before it is opened",
    ),
    "a fold is open": (replaced(r"<details>", "<details open>"), "'Answer (b). zebraanswered.' is not folded"),
    "an answer is not folded": (replaced(r"<details><summary>Answer", "<div><summary>Answer"), "1 answers are folded"),
    "a cell is missing": (replaced(r'<div class="cell ', '<div class="no-cell '), "shows 5 code cells of 6"),
    "no head": (replaced("lesson-head", "no-head"), "its head does not say 'Time:'"),
    "an alternative text tells what is folded": (
        replaced(r"</h1>", f'</h1><img alt="Plot. {FOLDED_WORDS[2]}. Across: µs. one: 1 µs." src="x.png">'),
        "a folded picture's alt is also outside its fold",
    ),
    "a picture without words": (replaced(r'alt="[^"]*"', 'alt=""'), "has no alternative text"),
    "a script from elsewhere": (
        replaced(r"</body>", '<script src="https://cdn.example/x.js"></script></body>'),
        "loads https://cdn.example/x.js",
    ),
    "a style from elsewhere": (replaced(r"</head>", '<link href="//cdn.example/x.css"></head>'), "loads //cdn.example"),
    "a folder of this machine": (replaced(r"</h1>", f"</h1>{reading.ROOT}/data"), "names a folder of the machine"),
}


@pytest.mark.parametrize(("breach", "said"), BREACHES.values(), ids=BREACHES.keys())
def test_a_broken_page_is_found(built, broken, breach, said):
    page = broken / PLANTED
    before = page.read_text(encoding="utf-8")
    page.write_text(breach(before), encoding="utf-8")
    assert page.read_text(encoding="utf-8") != before
    lesson = nbformat.read(built.notebooks[1], as_version=4)
    found = [*reading.of_any_page(broken, page), *reading.of_a_lesson(page, lesson)]
    assert [sentence for sentence in found if said in sentence], found


def test_a_solution_is_found(broken):
    exercise, solution = next(iter(reading.solutions_of(STREAMS).items()))
    page = broken / STREAMS_PAGE
    page.write_text(f"<pre>{solution.replace('<', '&lt;')}</pre>", encoding="utf-8")
    assert list(reading._solutions(STREAMS_PAGE, reading.soup_of(page))) == [
        f"{STREAMS_PAGE}: shows the solution of exercise {exercise} before it is opened"
    ]


def test_what_search_finds_too_early_is_found(broken):
    path = broken / "searchindex.js"
    index = json.loads(path.read_text(encoding="utf-8").removeprefix("Search.setIndex(").removesuffix(")"))
    index["terms"][FOLDED_WORDS[0]] = index["docnames"].index("lessons/49_planted")
    path.write_text(f"Search.setIndex({json.dumps(index)})", encoding="utf-8")
    assert list(reading.of_the_search_index(broken)) == [
        f"{PLANTED}: search finds '{FOLDED_WORDS[0]}', which is not seen there before something is opened"
    ]


BAD_PAGE = """<!doctype html><html lang="en"><head><title>Bad</title>
<meta name="viewport" content="width=device-width"></head>
<body data-theme="light" style="background: white"><main><h1>Bad</h1><article>
<div style="width: 500px">wide</div><p style="color: #bbb">pale</p>
<img src="http://127.0.0.1:9/nobody.png" alt="nobody">
<details class="hide" open><summary>Show</summary><p>seen too early</p></details>
<details><summary onclick="event.preventDefault()">Answer</summary><p>never seen</p></details>
</article></main><div class="theme-toggle-content"><button>theme</button></div></body></html>"""


def test_a_page_that_breaks_every_rule_is_found(broken, reader_of):
    (broken / "bad.html").write_text(BAD_PAGE, encoding="utf-8")
    reader = reader_of(broken)
    found = "\n".join(browser.page_is_sound(reader, "bad.html"))
    assert re.search(r"bad.html: 1\d\d pixels wider than a telephone of 360", found)
    assert "bad.html, light: color-contrast" in found
    assert "bad.html, dark: color-contrast" in found
    assert browser.folds_open(reader, "bad.html") == [
        "bad.html: details.hide shows what is in it before it is opened",
        "bad.html: details.hide does not open",
        "bad.html: details:not(.hide) does not open",
    ]
    assert browser.dark_holds(reader, "bad.html", "bad.html")[0].startswith("bad.html: the dark theme")
    asked, *errors = browser.stays_in_its_folder(reader)
    assert asked == "a page asks for http://127.0.0.1:9/nobody.png"
    assert errors
