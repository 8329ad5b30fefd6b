"""`python -m tools.figures`: runs the notebooks afresh and writes the pictures of the README and of the pages."""

import base64
import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError

NOTEBOOKS = ROOT / "notebooks"
PICTURES = ROOT / "pictures"
TAG = "figure:"


def write_figures() -> int:
    """Runs every notebook that has a cell tagged `figure:NAME`, and writes that cell's plot to `pictures/NAME.png`.

    Raises CourseError when a notebook fails, or when a tagged cell draws nothing.
    """
    PICTURES.mkdir(exist_ok=True)
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if path.name.endswith(".walk.ipynb") or not any(_figure(cell) for cell in notebook.cells):
            continue
        print(f"Running {path.name} …", flush=True)
        try:
            NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
        except CellExecutionError as error:
            raise CourseError(
                f"{path.name} failed ({error.ename}: {error.evalue}): mend it, and start again."
            ) from None
        for cell in notebook.cells:
            if name := _figure(cell):
                (PICTURES / f"{name}.png").write_bytes(_picture(cell, path.name))
                print(f"  pictures/{name}.png")
    return 0


def _figure(cell: nbformat.NotebookNode) -> str | None:
    """The NAME of a cell's tag `figure:NAME`."""
    return next((tag.removeprefix(TAG) for tag in cell.metadata.get("tags", []) if tag.startswith(TAG)), None)


def _picture(cell: nbformat.NotebookNode, notebook: str) -> bytes:
    for output in cell.get("outputs", []):
        if "image/png" in output.get("data", {}):
            return base64.b64decode(output["data"]["image/png"])
    raise CourseError(f"The cell {cell.id} of {notebook} is tagged {TAG}{_figure(cell)}, but draws no picture.")


if __name__ == "__main__":
    sys.exit(write_figures())
