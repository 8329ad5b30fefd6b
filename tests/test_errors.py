"""The one exception."""

from IPython.core.interactiveshell import InteractiveShell


def test_a_notebook_shows_the_sentence_and_no_traceback(capsys):
    shell = InteractiveShell()
    shell.run_cell("from redis_helpers.errors import CourseError\nraise CourseError('Do this next.')")
    printed = capsys.readouterr()
    assert (printed.out + printed.err).strip() == "CourseError: Do this next."
    shell.history_manager.end_session()
