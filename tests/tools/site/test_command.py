"""The command `python -m tools.site`."""

import pytest

from redis_helpers.errors import CourseError
from tools.site.__main__ import check, main
from tools.site.build import Plan
from tools.site.source import with_folded_pictures, with_what_is_there


def test_an_unknown_lesson_is_named(capsys):
    assert main(["--lessons", "01", "77", "78"]) == 1
    assert capsys.readouterr().err.startswith("There is no lesson 77, 78; there are 00, 01, ")


def test_there_is_nothing_to_check_before_a_build(tmp_path):
    with pytest.raises(CourseError, match=r"There is no site/ yet: build it first, with `python -m tools.site`"):
        check(Plan(target=tmp_path / "site"))


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
