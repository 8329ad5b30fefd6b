"""The lessons' Mermaid diagrams as pictures."""

import re
import xml.etree.ElementTree as ET

import nbformat
import pytest

from redis_helpers.errors import CourseError
from tools.site import flowchart

DIAGRAM = """flowchart LR
    K["your kernel<br/>(client)"] -- "request: PING" --> R["Redis<br/>(server)"]
    R -- "answer: <PONG>" --> K
"""


def test_boxes_and_arrows_are_read():
    chart = flowchart.read(DIAGRAM)
    assert chart.boxes == {"K": ["your kernel", "(client)"], "R": ["Redis", "(server)"]}
    assert chart.arrows == [("K", "R", "request: PING"), ("R", "K", "answer: <PONG>")]


def test_the_picture_has_every_text_and_says_in_words_what_it_shows():
    text = flowchart.drawn(f"Before.\n\n```mermaid\n{DIAGRAM}```\n\nAfter.")
    before, picture, after = re.fullmatch(r"(?s)(.*)(<svg.*</svg>)(.*)", text).groups()
    assert (before, after) == ("Before.\n\n", "\n\nAfter.")
    assert "\n\n" not in picture
    svg = ET.fromstring(picture)
    written = [element.text for element in svg.iter("text")]
    assert written == ["your kernel", "(client)", "Redis", "(server)", "request: PING", "answer: <PONG>"]
    assert len(list(svg.iter("rect"))) == len(list(svg.iter("path"))) == 2
    assert svg.get("aria-label") == (
        "Diagram. request: PING, from your kernel (client) to Redis (server); "
        "answer: <PONG>, from Redis (server) to your kernel (client)"
    )


def test_an_arrow_points_to_where_it_leads():
    there, back = re.findall(r'<path d="M(\d+) \S+H(\d+)M\d+ \S+L(\d+)', flowchart.svg(flowchart.read(DIAGRAM)))
    left, right, point = map(int, there)
    assert point == right > left
    left, right, point = map(int, back)
    assert point == left < right


@pytest.mark.parametrize(
    ("diagram", "said"),
    [
        ("sequenceDiagram\n A->>B: hello", "draws only Mermaid's 'flowchart LR', not 'sequenceDiagram'"),
        ("flowchart LR\n A --> B", "draws only arrows such as"),
        ('flowchart LR\n A -- "x" --> B\n B -- "y" --> C\n C -- "z" --> A', "between neighbours, not from C to A"),
    ],
)
def test_another_diagram_is_refused(diagram, said):
    with pytest.raises(CourseError, match=said):
        flowchart.read(diagram)


def test_every_diagram_of_the_lessons_can_be_drawn(notebooks):
    cells = [cell for path in notebooks for cell in nbformat.read(path, as_version=4).cells]
    texts = [cell.source for cell in cells if cell.cell_type == "markdown" and "```mermaid" in cell.source]
    assert texts
    for text in texts:
        assert "mermaid" not in flowchart.drawn(text)
