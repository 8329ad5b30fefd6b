"""The pictures of the README and of the pages: which cells draw them, and what is said when one does not."""

import base64
import re

import nbformat
import pytest

from redis_helpers.errors import CourseError
from tools import figures


def test_figures(tmp_path, monkeypatch, capsys):
    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
    draw = f"import base64\nfrom IPython.display import Image\nImage(base64.b64decode('{dot}'))"
    write_notebook(tmp_path / "01_drawing.ipynb", draw)
    write_notebook(tmp_path / "02_other.ipynb", "1 / 0", tag="something-else")
    write_notebook(tmp_path / "03_copy.walk.ipynb", "1 / 0")
    monkeypatch.setattr(figures, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(figures, "PICTURES", tmp_path / "pictures")
    assert figures.write_figures() == 0
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["dot.png"]
    assert (tmp_path / "pictures" / "dot.png").read_bytes() == base64.b64decode(dot)
    assert "pictures/dot.png" in capsys.readouterr().out


def test_figures_of_a_notebook_that_fails(tmp_path, monkeypatch):
    write_notebook(tmp_path / "01_drawing.ipynb", "1 / 0")
    monkeypatch.setattr(figures, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(figures, "PICTURES", tmp_path / "pictures")
    with pytest.raises(CourseError, match=r"01_drawing.ipynb failed \(ZeroDivisionError"):
        figures.write_figures()


def test_a_figure_cell_that_draws_nothing():
    cell = nbformat.v4.new_code_cell("1 + 1", metadata={"tags": ["figure:dot"]})
    with pytest.raises(CourseError, match="draws no picture"):
        figures._picture(cell, "01_drawing.ipynb")


def write_notebook(path, code, tag="figure:dot"):
    cell = nbformat.v4.new_code_cell(code, metadata={"tags": [tag]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)


def test_every_picture_is_drawn_by_a_lesson_and_no_page_shows_another(notebooks):
    drawn = set()
    for path in notebooks:
        drawn |= {
            f"{figures._figure(cell)}.png" for cell in nbformat.read(path, as_version=4).cells if figures._figure(cell)
        }
    assert {path.name for path in figures.PICTURES.iterdir()} == drawn
    for page, least in (("README.md", 1), ("docs/pictures.md", 9)):
        text = (figures.ROOT / page).read_text(encoding="utf-8")
        shown = re.findall(r"[(\"](?:\.\./)?pictures/([\w-]+\.png)[)\"]", text)
        assert len(shown) >= least, page
        assert set(shown) <= drawn, page
