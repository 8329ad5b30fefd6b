"""Mends what Sphinx and Furo leave out of their pages, for who reads with a keyboard or a screen reader.

`python -m tools.site --check` finds each of these in Chromium, and would find that one is no longer needed.
"""

from pathlib import Path

REPLACED = {
    # what is wider than the page is scrolled sideways: who uses a keyboard must be able to go there
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    '<div class="output text_html': '<div tabindex="0" class="output text_html',
    # headings have a level, and the two columns beside the page have names
    'role="heading">': 'role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="All pages">',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    # the empty corner of a table of pandas is no heading
    "<th></th>": "<td></td>",
}


def mend(folder: Path) -> None:
    """Mends each page in the folder."""
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for found, better in REPLACED.items():
            text = text.replace(found, better)
        page.write_text(text, encoding="utf-8")
