"""The one exception."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

RAISES = {
    "alone": "raise CourseError('Do this next.')",
    "from another": "try:\n    1 / 0\nexcept Exception as error:\n    raise CourseError('Do this next.') from error",
    "while another is handled": "try:\n    1 / 0\nfinally:\n    raise CourseError('Do this next.')",
    "awaited": "async def ask():\n    raise CourseError('Do this next.')\n\nawait ask()",
}


@pytest.mark.parametrize("source", RAISES.values(), ids=RAISES)
def test_a_notebook_shows_the_sentence_and_no_traceback(capsys, source):
    shell = InteractiveShell()
    shell.run_cell(f"from redis_helpers.errors import CourseError\n{source}")
    printed = capsys.readouterr()
    assert (printed.out + printed.err).strip() == "CourseError: Do this next."
    shell.history_manager.end_session()
