"""What the learner is told: plain text in every front end, with a coloured edge where the front end shows HTML."""

import html

from IPython import get_ipython
from IPython.display import display

GREEN, RED, BLUE, GREY = "#2e7d32", "#c6302b", "#2a6f97", "#8a8a8a"
EDGES = {"✅": GREEN, "❌": RED, "💥": RED, "💡": BLUE}  # by the text's first character
STYLE = (
    "border-left: 4px solid {edge}; padding: 2px 0 2px 10px; white-space: pre-wrap; "
    "font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px)"
)


def show(text: str) -> None:
    """Shows `text`. Outside of a notebook it is printed."""
    if not hasattr(get_ipython(), "kernel"):
        print(text)
        return
    style = STYLE.format(edge=EDGES.get(text[:1], GREY))
    box = f'<div style="{style}">{html.escape(text, quote=False)}</div>'
    display({"text/plain": text, "text/html": box}, raw=True)
