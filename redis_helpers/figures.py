"""`figures`: runs the notebooks afresh and writes the README's pictures."""

import base64
import json

import nbformat
from nbclient import NotebookClient

from redis_helpers.environment import ROOT

NOTEBOOKS = ROOT / "notebooks"
PICTURES = ROOT / "pictures"
TAG = "figure:"


def write_figures() -> int:
    """Runs every notebook that has a cell tagged `figure:NAME`, and writes that cell's plot to `pictures/NAME.png`."""
    PICTURES.mkdir(exist_ok=True)
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if TAG not in json.dumps([cell.metadata for cell in notebook.cells]):
            continue
        print(f"Running {path.name} …", flush=True)
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
        for name, picture in _pictures(notebook):
            (PICTURES / f"{name}.png").write_bytes(picture)
            print(f"  pictures/{name}.png")
    return 0


def _pictures(notebook: nbformat.NotebookNode):
    for cell in notebook.cells:
        names = [tag.removeprefix(TAG) for tag in cell.metadata.get("tags", []) if tag.startswith(TAG)]
        for output in cell.get("outputs", []):
            if names and "image/png" in output.get("data", {}):
                yield names[0], base64.b64decode(output["data"]["image/png"])
