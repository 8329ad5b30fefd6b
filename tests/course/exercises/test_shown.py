"""What a check says, as each front end shows it."""

import functools
import io

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from redis_helpers.course.exercises.shown import (
    LONGEST_MESSAGE,
    LONGEST_VALUE,
    RED,
    first_words,
    name_of,
    short,
    show,
    written_call,
)


def test_outside_of_a_notebook_it_is_printed(capsys):
    show("❌ 1.2: a < b\n   seen: <b>")
    assert capsys.readouterr().out == "❌ 1.2: a < b\n   seen: <b>\n"


def test_code_is_shown_as_code_where_there_is_html():
    source = "from redis_helpers.course.exercises.shown import show\nshow('`a < b` or `c', code_marked=True)"
    notebook = new_notebook(cells=[new_code_cell(source, id="shown")])
    NotebookClient(notebook, timeout=60).execute()
    (output,) = notebook.cells[0].outputs
    assert "<code>a &lt; b</code> or `c</div>" in output.data["text/html"]
    assert output.data["text/plain"] == "`a < b` or `c"


def test_what_the_output_cannot_write_is_escaped(monkeypatch):
    """A console of an older Windows knows no ✅, and nobody can write half a pair of surrogates."""
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="cp1252", write_through=True))
    show("✅ naïve \ud800")
    assert written.getvalue().decode("cp1252") == "\\u2705 naïve \\ud800\n"


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


class Spiteful:
    """Raises whatever is asked of it."""

    def __getattr__(self, name):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")

    def __call__(self):
        raise RuntimeError("no")


class SpitefulError(Exception):
    __str__ = __repr__ = Spiteful.__repr__


def with_odd_name():
    pass


with_odd_name.__name__ = "odd"


class Unnamed:
    __name__ = 3

    def __call__(self):
        pass


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (1.2, "1.2"),
        ("a" * 5000, None),
        (list(range(5000)), "[0, 1, 2, 3, 4, ...]"),
        (10**5000, "a value of type int"),
        (print, "print"),
        (dict, "dict"),
        (with_odd_name, "odd"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_shown_in_a_few_characters(value, text):
    shown = short(value)
    assert isinstance(shown, str)
    assert 0 < len(shown) <= LONGEST_VALUE
    assert text is None or shown == text


def test_a_message_is_shortened_and_may_fail():
    assert first_words(ValueError("no")) == "no"
    assert len(first_words(ValueError("x" * 5000))) == LONGEST_MESSAGE
    assert first_words(SpitefulError()) == ""


@pytest.mark.parametrize("kind", [Spiteful, Unnamed])
def test_an_object_that_raises_or_has_an_odd_name_is_shown_too(kind):
    value = kind()
    assert kind.__name__ in short(value)


@pytest.mark.parametrize("make", [Spiteful, Unnamed, lambda: functools.partial(print), lambda: 3, lambda: None])
def test_what_has_no_name(make):
    nameless = make()
    assert name_of(nameless) is None
    assert written_call(nameless, ("a:key", 3)) == "your_function(redis_conn, 'a:key', 3)"
