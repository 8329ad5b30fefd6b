"""The course's one exception, and the way a lesson shows an expected error."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from redis_helpers.errors import CourseError, expect_error


def test_a_notebook_shows_the_sentence_and_no_traceback(capsys):
    shell = InteractiveShell()
    shell.run_cell("from redis_helpers.errors import CourseError\nraise CourseError('Do this next.')")
    printed = capsys.readouterr()
    assert (printed.out + printed.err).strip() == "CourseError: Do this next."
    shell.history_manager.end_session()


def test_an_expected_error_is_one_line(capsys):
    with expect_error(CourseError, "NEXT"):
        raise CourseError("Do this next.")
    assert capsys.readouterr().out == "CourseError, as expected: Do this next.\n"


def test_no_error_or_another_message_fails_and_another_kind_passes_through():
    with pytest.raises(AssertionError, match="nothing was raised"), expect_error(CourseError):
        pass
    with pytest.raises(AssertionError, match="but says: other"), expect_error(CourseError, "this"):
        raise CourseError("other")
    with pytest.raises(ZeroDivisionError), expect_error(CourseError):
        raise ZeroDivisionError
