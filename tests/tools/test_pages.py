"""The README and the pages in docs/: short, linked, and true to the code. And the parts that commands write."""

import ast
import re
import tomllib

import nbformat
import pytest

from redis_helpers.course.start.environment import ROOT
from tools.pages import PAGES, when_and_where, write_part

README = ROOT / "README.md"
OURS = sorted(path for path in PAGES.glob("*.md") if path.name != "index.md")  # that one is the site's own front
HIGHEST = 120  # lines of the README


def text_of(path):
    return path.read_text(encoding="utf-8")


def anchors(path):
    """The headings of a page or a lesson, as GitHub names them in an address."""
    cells = nbformat.read(path, as_version=4).cells if path.suffix == ".ipynb" else None
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"] if cells else [text_of(path)]
    titles = [title for text in texts for title in re.findall(r"(?m)^#{1,6} (.+)$", text)]
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


def test_the_readme_is_short_and_says_how_to_start():
    readme = text_of(README)
    assert len(readme.splitlines()) <= HIGHEST
    first_screen = readme.partition("## The lessons")[0]
    assert first_screen.index("python3 -m redis_helpers lab") < first_screen.index("pictures/hit-against-source.png")
    assert "python3 -m redis_helpers test" in readme
    wanted = ["The lessons", "Docker Compose", "Configuration", "Troubleshooting", "How to contribute", "Licence"]
    headings = re.findall(r"(?m)^## (.+)$", readme)
    assert [heading for heading in headings if heading in wanted] == wanted


@pytest.mark.parametrize("page", [README, *OURS], ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", text_of(page)) + re.findall(r'<img src="([^"]+)"', text_of(page))
    for target in targets:
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert "://" in target or path.exists(), target
        assert not anchor or "://" in target or anchor in anchors(path), target


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.name)
def test_a_page_says_first_what_it_answers_and_the_readme_leads_to_it(page):
    title, empty, sentence, *_ = text_of(page).splitlines()
    assert title.startswith("# ")
    assert not empty
    assert re.match(r"[A-Z]\w+ .+", sentence)
    assert f"](docs/{page.name}" in text_of(README)


def test_the_tracks_have_the_hours_of_their_lessons(notebooks):
    rows = re.findall(r"(?m)^\| ([\w ]+) \| .+ \| (\d\d)(?: to |, )(\d\d) \| (\d+) \|$", text_of(README))
    covered = []
    for _track, first, last, hours in rows:
        lessons = [path for path in notebooks if first <= path.name[:2] <= last]
        assert (lessons[0].name[:2], lessons[-1].name[:2]) == (first, last)
        covered += lessons
        assert round(sum(minutes_of(path) for path in lessons) / 60) == int(hours)
    assert covered == notebooks


def minutes_of(path):
    reading = re.search(r"\*\*Time:\*\* (\d+) minutes of reading, (\d+) of exercises", text_of(path))
    return int(reading[1]) + int(reading[2])


def test_the_lessons_before_rate_limits_are_those_that_it_needs(notebooks):
    """The example of the README and of the ways to start: each lesson says what it needs, and that needs others."""
    paths = {path.name: path for path in notebooks}
    wanted = {"12_rate_limits.ipynb"}
    for name in sorted(paths, reverse=True):  # what a lesson needs has a lower number
        if name in wanted:
            before = re.search(r"\*\*Before:\*\* (.+?) \*\*Time", text_of(paths[name]))[1]
            wanted |= set(re.findall(r"\((\w+\.ipynb)\)", before))
    assert sorted(wanted) == [name for name in sorted(paths) if name < "09" or name.startswith("12")]
    for page in (README, PAGES / "ways_to_start.md"):
        assert re.search(r"(?s)rate limits \(12\),? (need|take)\s00\s+to\s08", text_of(page))


def test_each_dependency_has_its_reason():
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in wanted}
    rows = re.findall(r"(?m)^\| (`.+`) \| \S.+ \|$", text_of(PAGES / "dependencies.md"))
    explained = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert sorted(names - explained) == []


def test_a_file_that_is_copied_has_with_it_all_that_it_imports():
    rows = re.findall(r"(?m)^\| `(\w+)\.py` \|.*\| ([^|]+) \|$", text_of(PAGES / "take_home.md"))
    assert len(rows) == 9
    for module, others in rows:
        assert set(re.findall(r"`(\w+)\.py`", others)) == imported_by(module) - {module}, module


def imported_by(module, known=frozenset()):
    """The files of the package that this one imports at its beginning, and those that they import."""
    for statement in ast.parse(text_of(ROOT / "redis_helpers" / f"{module}.py")).body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "redis_helpers":
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module.startswith("redis_helpers."):
            names = [statement.module.removeprefix("redis_helpers.")]
        else:
            continue
        for name in names:
            if name not in known:
                known = imported_by(name, known | {name})
    return known


def test_each_variable_of_the_settings_file_is_explained():
    variables = re.findall(r"(?m)^#?((?:REDIS|MYSQL)_\w+)=", text_of(ROOT / ".env.example"))
    page = text_of(PAGES / "configuration.md")
    assert len(variables) > 10
    assert [name for name in variables if f"`{name}`" not in page] == []


def test_each_sentence_that_is_explained_is_one_that_the_course_says():
    sources = [text_of(path) for path in (ROOT / "redis_helpers").rglob("*.py")]
    said = re.sub(r"\"\s*\n\s*f?\"", "", "\n".join(sources))  # a text in two lines is one text
    for page in (README, PAGES / "troubleshooting.md"):
        quoted = re.findall(r'(?m)^\| "([^"]+)" \|', text_of(page))
        assert len(quoted) >= 3
        for sentence in quoted:
            for part in re.split(r"…|8890", sentence):
                assert part.strip() in said or "No module named" in part, sentence  # that one is Python's own


def test_a_part_is_put_in_its_place_again_and_again(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Before.\n\n<!-- lock: begin -->\n<!-- lock: end -->\n\nAfter é.\n", encoding="utf-8")
    write_part(page, "lock", "first")
    write_part(page, "lock", "second \\1\n")
    assert text_of(page) == "Before.\n\n<!-- lock: begin -->\n\nsecond \\1\n\n<!-- lock: end -->\n\nAfter é.\n"


def test_a_measurement_says_when_and_where():
    sentence = when_and_where()
    assert re.fullmatch(r"Measured on \d{4}-\d\d-\d\d with Python 3\.\d+\.\d+, \d+ cores, \w+ on .+\.", sentence)
