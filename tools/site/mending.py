"""Mends what Sphinx and Furo leave out of their pages, for who reads with a keyboard or a screen reader.

`python -m tools.site --check` finds each of these in Chromium, and would find that one is no longer needed.
"""

import re
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
    # the page of results has a title
    '<div id="search-results"></div>': '<h1>Search</h1>\n<div id="search-results"></div>',
    # the empty corner of a table is no heading
    "<th></th>": "<td></td>",
    '<th class="head"><p></p></th>': '<td class="head"><p></p></td>',
}
# A plot is wider than a telephone: a touch shows it alone, and there it can be made larger.
PICTURE = re.compile(r'<img [^>]*src="([^"]+)"[^>]*>')


def mend(folder: Path) -> None:
    """Mends each page in the folder."""
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for found, better in REPLACED.items():
            text = text.replace(found, better)
        text = PICTURE.sub(r'<a href="\1">\g<0></a>', text)
        page.write_text(text, encoding="utf-8")
