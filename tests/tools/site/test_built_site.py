"""The built site, as text and in Chromium: it spoils nothing, asks nobody else, and can be read by everybody."""

import json
import re

import pytest

from redis_helpers.errors import CourseError
from tests.tools.site.conftest import FOLDED_WORDS
from tools.site import browser, reading
from tools.site.build import call_sphinx, write_catalogues

pytestmark = [
    pytest.mark.xdist_group("site"),
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning:myst_parser", "ignore::PendingDeprecationWarning:myst_parser"
    ),
]

LESSON = "lessons/15_job_streams.html"
PLANTED = "lessons/49_planted.html"


def words_outside_folds(page):
    return str(reading.without_folds(reading.soup_of(page))).lower()


def test_nothing_is_wrong_with_the_pages(built):
    assert reading.problems_of(built.folder, built.notebooks) == []


def test_planted_words_are_nowhere_but_in_folds(built):
    folds = "".join(str(fold) for fold in reading.soup_of(built.folder / PLANTED).find_all("details"))
    for path in built.folder.rglob("*"):
        text = path.name
        if path.suffix == ".html":
            text += words_outside_folds(path)
        elif path.suffix not in (".png", ""):
            text += path.read_text(encoding="utf-8").lower()
        assert [word for word in FOLDED_WORDS if word in text] == [], path.name
    assert [word for word in FOLDED_WORDS if word not in folds] == []


def test_what_is_not_behind_a_prediction_is_shown(built):
    page = words_outside_folds(built.folder / PLANTED)
    assert "ready" in page
    assert "banana" in page
    assert 'alt="plot. an open plot. across: µs. first: 1 µs. second: 2 µs."' in page
    assert 'aria-label="diagram. goes, from one box to another"' in page
    assert "is wrong" not in page  # what quiz says of a letter


def test_a_page_has_a_head_and_leads_to_the_next_lesson(built):
    page = reading.soup_of(built.folder / LESSON)
    head = reading.on_one_line(page.find(class_="lesson-head").get_text())
    assert head.startswith("Time: 34 minutes of reading")
    assert "python3 -m redis_helpers lab, in the course’s folder, or in Codespaces" in head
    assert page.find("a", string="in Codespaces")["href"] == "https://codespaces.new/somebody/course"
    following = page.select_one("footer .next-page")
    assert following["href"] == "49_planted.html"
    assert "49 Planted" in following.get_text()


def test_links_lead_to_pages_and_a_lesson_that_is_no_page_stands_on_github(built):
    page = reading.soup_of(built.folder / PLANTED).article
    assert {link.get_text() for link in page.find_all("a", href="15_job_streams.html")} == {"15 Job streams"}
    elsewhere = page.find("a", string="14 Job lists")["href"]
    assert elsewhere == "https://github.com/somebody/course/blob/main/notebooks/14_job_lists.ipynb"
    index = reading.soup_of(built.folder / "commands.html")
    assert index.find("a", string="XADD")["href"] == "lessons/15_job_streams.html#a-log"


def test_the_notebooks_hold_no_outputs_afterwards(built):
    for path in built.notebooks:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert not any(cell.get("outputs") for cell in cells)


@pytest.mark.parametrize("way", ["files", "server"])
def test_a_reader_searches_opens_folds_and_reads_in_the_dark(built, reader_of, way):
    with browser.served(built.folder) as address:
        reader = reader_of(built.folder, address if way == "server" else None)
        assert browser.search_finds(reader, "XAUTOCLAIM", LESSON) == []
        assert browser.search_finds(reader, FOLDED_WORDS[0], PLANTED) != []
        assert browser.folds_open(reader, PLANTED) == []
        assert browser.dark_holds(reader, PLANTED, "index.html") == []
        assert browser.stays_in_its_folder(reader) == []
        assert len(reader.addresses) > 20


@pytest.mark.parametrize("page", ["index.html", PLANTED, "search.html"])
def test_axe_finds_nothing_and_no_page_is_wider_than_a_telephone(built, reader_of, page):
    assert browser.page_is_sound(reader_of(built.folder), page) == []


def test_a_long_lesson_fits_a_telephone(built, reader_of):
    reader = reader_of(built.folder)
    reader.size(browser.TELEPHONE)
    reader.go(LESSON)
    reader.page.evaluate(browser.OPEN_FOLDS)
    assert browser.fits(reader, LESSON) == []


def test_catalogues_for_translators(built, tmp_path):
    write_catalogues(built.plan, tmp_path)
    catalogue = (tmp_path / "lessons" / "49_planted.pot").read_text(encoding="utf-8")
    messages = re.findall(r'(?m)^msgid "(.+)"$', catalogue)
    assert "A diagram" in messages
    assert f"**(b).** {FOLDED_WORDS[3]}." in messages
    assert (tmp_path / "index.pot").exists()


def test_a_warning_of_sphinx_is_an_error(built, tmp_path, capsys):
    source = tmp_path / "source"
    source.mkdir()
    (source / "conf.py").write_text("extensions = ['myst_nb']\n", encoding="utf-8")
    (source / "index.md").write_text("# Title\n\n[nowhere](nowhere.md)\n", encoding="utf-8")
    plan = type(built.plan)(work=tmp_path)
    with pytest.raises(CourseError, match="Sphinx says above"):
        call_sphinx(plan, "html", tmp_path / "html")
    assert "nowhere" in capsys.readouterr().err
