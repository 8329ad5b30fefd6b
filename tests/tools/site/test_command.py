"""The command `python -m tools.site`."""

import pytest

from redis_helpers.errors import CourseError
from tools.site import __main__ as command
from tools.site import browser
from tools.site.__main__ import check, main
from tools.site.build import Plan
from tools.site.source import with_folded_pictures, with_what_is_there


def test_an_unknown_lesson_is_named(capsys):
    assert main(["--lessons", "01", "77", "78"]) == 1
    assert capsys.readouterr().err.startswith("There is no lesson 77, 78; there are 00, 01, ")


def test_there_is_nothing_to_check_before_a_build(tmp_path):
    with pytest.raises(CourseError, match=r"There is no site/ yet: build it first, with `python -m tools.site`"):
        check(Plan(target=tmp_path / "site"))


def test_a_site_without_the_lesson_that_is_searched_for_is_not_checked(tmp_path):
    (tmp_path / "site").mkdir()
    with pytest.raises(CourseError, match=r"XAUTOCLAIM in lessons/15_job_streams.html, which is not there"):
        browser.problems_of(tmp_path / "site")


def test_the_options_say_what_is_built(monkeypatch, tmp_path):
    plans = []
    monkeypatch.setattr(command, "build_site", plans.append)
    monkeypatch.setattr(command, "SITE", tmp_path)
    monkeypatch.setenv("COURSE_REPOSITORY", "git@github.com:somebody/course.git")
    assert main([]) == main(["--reuse", "--no-run", "--lessons", "01", "12"]) == 0
    usual, quick = plans
    assert (usual.run, usual.reuse, usual.chosen()) == (True, False, usual.lessons())
    assert (quick.run, quick.reuse, [path.name[:2] for path in quick.chosen()]) == (False, True, ["01", "12"])
    assert usual.repository == "https://github.com/somebody/course"


@pytest.mark.parametrize("other", ["--reuse", "--no-run", "--lessons"])
def test_the_help_names_every_option(other, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert other in capsys.readouterr().out


TABLE = "```{toctree}\n:caption: Common cases\n:glob:\n\nlessons/1*\nlessons/2*\ncommands\n```\n"


def test_a_table_of_contents_names_what_is_there():
    assert with_what_is_there(f"a\n{TABLE}b", ["lessons/01_basics", "failures"]) == "a\nb"
    some = with_what_is_there(TABLE, ["lessons/12_rate_limits", "commands"])
    assert some == TABLE.replace("lessons/2*\n", "")
    assert with_what_is_there(TABLE, ["lessons/12_rate_limits", "lessons/20_fencing", "commands"]) == TABLE


def test_a_plot_that_settles_a_prediction_is_folded_on_other_pages_too():
    text = "![Bars](pictures/a.png)\n\n![Lines](pictures/b.png)\n"
    folded = with_folded_pictures(text, {"pictures/a.png"})
    assert folded == (
        "<details><summary>The plot that answers it</summary>\n\n![Bars](pictures/a.png)\n\n</details>\n\n"
        "![Lines](pictures/b.png)\n"
    )
