"""What a check says, as each front end shows it."""

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from redis_helpers.course.exercises.shown import RED, show


def test_outside_of_a_notebook_it_is_printed(capsys):
    show("❌ 1.2: a < b\n   seen: <b>")
    assert capsys.readouterr().out == "❌ 1.2: a < b\n   seen: <b>\n"


@pytest.mark.parametrize("text", ["❌ 1.2: a < b\n   seen: <b>&amp;", "plain"])
def test_in_a_notebook_it_is_text_and_html(text):
    source = f"from redis_helpers.course.exercises.shown import show\nshow({text!r})"
    notebook = new_notebook(cells=[new_code_cell(source, id="shown")])
    NotebookClient(notebook, timeout=60).execute()
    nbformat.validate(notebook)
    (output,) = notebook.cells[0].outputs
    assert output.data["text/plain"] == text
    box = output.data["text/html"]
    assert (RED in box) == text.startswith("❌")
    assert "<b>" not in box and "script" not in box
    assert text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in box
