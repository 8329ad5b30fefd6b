"""Links as GitHub understands them lead to pages of the site, or to GitHub, or nowhere."""

import pytest

from tools.site.links import Site, anchors_of, find_repository, rewritten

PLACES = {
    "README.md": "index.md",
    "docs/configuration.md": "configuration.md",
    "docs/lessons/12_rate_limits.ipynb": "lessons/12_rate_limits.ipynb",
    "notebooks/12_rate_limits.ipynb": "lessons/12_rate_limits.ipynb",
    "notebooks/05_all_or_nothing.ipynb": "lessons/05_all_or_nothing.ipynb",
    "pictures/race.png": "pictures/race.png",
}
HEADINGS = {
    "lessons/12_rate_limits.ipynb": anchors_of("# 12 Rate limits\n\n## Does it hold?\n\n```\n# no heading\n```")
}
REPOSITORY = "https://github.com/somebody/course"


def led(text, file="docs/configuration.md", repository=None):
    return rewritten(text, file, Site(PLACES, HEADINGS, repository))


@pytest.mark.parametrize(
    ("target", "on_the_site"),
    [
        ("../notebooks/12_rate_limits.ipynb", "lessons/12_rate_limits.ipynb"),
        ("../notebooks/12_rate_limits.ipynb#does-it-hold", "lessons/12_rate_limits.ipynb#does-it-hold"),
        ("../notebooks/12_rate_limits.ipynb#Does-it-hold?", "lessons/12_rate_limits.ipynb#does-it-hold"),
        ("lessons/12_rate_limits.ipynb#does-it-hold", "lessons/12_rate_limits.ipynb#does-it-hold"),
        ("../README.md", "index.md"),
        ("#variables", "#variables"),
        ("https://redis.io/docs", "https://redis.io/docs"),
    ],
)
def test_a_link_of_a_page(target, on_the_site):
    assert led(f"See [that `page`]({target}).") == f"See [that `page`]({on_the_site})."


def test_a_link_of_a_lesson():
    file = "notebooks/12_rate_limits.ipynb"
    assert led("[05](05_all_or_nothing.ipynb)", file) == "[05](05_all_or_nothing.ipynb)"
    assert led("[README](../README.md)", file) == "[README](../index.md)"
    assert led("[above](#Does-it-hold?)", file) == "[above](#does-it-hold)"


def test_a_picture():
    assert led("![A race](../pictures/race.png)") == "![A race](pictures/race.png)"


def test_what_is_no_page_stands_on_github_where_that_is_known():
    text = "See [the licence](../LICENSE), and [the package](../redis_helpers)."
    assert led(text) == "See the licence, and the package."
    assert led(text, repository=REPOSITORY) == (
        f"See [the licence]({REPOSITORY}/blob/main/LICENSE), and [the package]({REPOSITORY}/tree/main/redis_helpers)."
    )
    assert led("[gone](../gone.md)", repository=REPOSITORY) == "gone"
    assert led("Get [the course](../).", repository=REPOSITORY) == f"Get [the course]({REPOSITORY})."
    assert led("Get [the course](../).") == "Get the course."


def test_code_is_left_alone():
    text = "```md\n[05](../notebooks/05_all_or_nothing.ipynb)\n```\n"
    assert led(text) == text


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/somebody/course",
        "https://github.com/somebody/course.git",
        "https://github.com/somebody/course/",
        "git@github.com:somebody/course.git",
        "ssh://git@github.com/somebody/course.git",
    ],
)
def test_the_repository_that_is_given(address):
    assert find_repository(address) == REPOSITORY


def test_no_repository_is_guessed():
    assert find_repository("https://example.org/somebody/course") is None
    assert find_repository("/srv/course") is None
