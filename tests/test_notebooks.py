"""The lessons are found in the tree and run by nbmake. Here: that none of them, and no cell of them, was left out."""

import nbformat


def test_no_lesson_hides_a_failure(notebooks):
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        assert "execution" not in notebook.metadata, f"{path.name} changes how it is run"
        for cell in notebook.cells:
            banned = {"raises-exception", "skip-execution"} & set(cell.metadata.get("tags", []))
            assert not banned, f"cell {cell.id} of {path.name} is tagged {banned}"


def test_every_notebook_was_executed(notebooks, executed_notebooks):
    """Runs last in a whole run; see conftest.py beside the README."""
    assert notebooks
    assert executed_notebooks == {path.name for path in notebooks}
