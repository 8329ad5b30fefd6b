"""The way a lesson shows an error that it expects."""

import pytest

from redis_helpers.course.notebook.errors_shown import expect_error
from redis_helpers.errors import CourseError


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
