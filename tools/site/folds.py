"""An extension of Sphinx: search finds nothing that is folded. Sphinx leaves out what has the class `no-search`."""

from docutils import nodes
from sphinx.application import Sphinx

NOT_SEARCHED = "no-search"


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", leave_out_of_search)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def leave_out_of_search(app: Sphinx, tree: nodes.document) -> None:
    """Marks outputs behind a prediction, cells that hold a solution, and what stands between the tags of <details>."""
    for cell in tree.findall(nodes.container):
        if cell.get("hide_mode"):
            folded = cell if cell["hide_mode"] == "all" else cell.children[-1]
            folded["classes"].append(NOT_SEARCHED)
    for begin in list(tree.findall(nodes.raw)):
        if begin.astext().startswith("<details"):
            _gather(begin)


def _gather(begin: nodes.raw) -> None:
    """Puts what follows, up to </details>, into one container that search leaves out."""
    parent, first = begin.parent, begin.parent.index(begin) + 1
    last = first
    while not parent[last].astext().startswith("</details>"):
        last += 1
    folded = nodes.container("", *parent[first:last], classes=["answer", NOT_SEARCHED])
    parent[first:last] = [folded]
