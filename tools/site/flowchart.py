"""Draws the lessons' Mermaid diagrams as SVG, with no script.

JupyterLab draws them with Mermaid's own JavaScript, in the reader's browser. On the site that would be a script of
three megabytes for a picture of two boxes. What the lessons use is small, so this draws just that: a `flowchart LR` of
boxes in a row, with labelled arrows between neighbours. Anything else is refused.

The picture takes the colour of the text around it, so it is readable in a light and in a dark theme.
"""

import html
import re
from dataclasses import dataclass, field

from redis_helpers.errors import CourseError

NODE = r'(\w+)(?:\["([^"]*)"\])?'
EDGE = re.compile(rf'\s*{NODE} -- "([^"]*)" --> {NODE}\s*')
MERMAID = re.compile(r"(?ms)^```mermaid\n(.*?)^```[ ]*$")

BOX, GAP, HEIGHT, LINE, EDGES = 130, 170, 64, 18, 34  # pixels; EDGES: from one arrow down to the next


@dataclass
class Flowchart:
    """Boxes from left to right, and the arrows between them."""

    boxes: dict[str, list[str]] = field(default_factory=dict)  # a box's name, and the lines in it
    arrows: list[tuple[str, str, str]] = field(default_factory=list)  # from, to, what is written above


def drawn(text: str) -> str:
    """The Markdown text with each Mermaid diagram drawn."""
    return MERMAID.sub(lambda diagram: svg(read(diagram[1])), text)


def read(source: str) -> Flowchart:
    """Raises CourseError when the diagram is none of those that can be drawn here."""
    lines = source.strip().splitlines()
    chart = Flowchart()
    if lines[0].strip() != "flowchart LR":
        raise CourseError(f"The site draws only Mermaid's 'flowchart LR', not '{lines[0].strip()}'.")
    for line in lines[1:]:
        edge = EDGE.fullmatch(line)
        if edge is None:
            raise CourseError(f'The site draws only arrows such as  A["a box"] -- "text" --> B,  not  {line.strip()}')
        first, first_text, label, second, second_text = edge.groups()
        for name, text in ((first, first_text), (second, second_text)):
            if text is not None:
                chart.boxes[name] = text.split("<br/>")
            chart.boxes.setdefault(name, [name])
        chart.arrows.append((first, second, label))
    names = list(chart.boxes)
    for first, second, _ in chart.arrows:
        if abs(names.index(first) - names.index(second)) != 1:
            raise CourseError(f"The site draws only arrows between neighbours, not from {first} to {second}.")
    return chart


def svg(chart: Flowchart) -> str:
    """One block of HTML without an empty line, so that Markdown takes it as one."""
    names = list(chart.boxes)
    width = len(names) * BOX + (len(names) - 1) * GAP + 4
    most = max(_arrows_between(chart, place) for place in range(len(names)))
    height = max(HEIGHT, most * EDGES + LINE) + 4
    top = (height - HEIGHT) / 2
    parts = [
        f'<svg class="flowchart" role="img" aria-label="{html.escape(in_words(chart))}" viewBox="0 0 {width} {height}">'
    ]
    for place, lines in enumerate(chart.boxes.values()):
        left = 2 + place * (BOX + GAP)
        parts.append(f'<rect x="{left}" y="{top:g}" width="{BOX}" height="{HEIGHT}" rx="8"/>')
        first = height / 2 - (len(lines) - 1) * LINE / 2 + 5
        for number, line in enumerate(lines):
            parts.append(_text(left + BOX / 2, first + number * LINE, line))
    for place in range(len(names) - 1):
        parts += _draw_arrows(chart, place, height / 2)
    return "\n".join([*parts, "</svg>"])


def in_words(chart: Flowchart) -> str:
    """What the picture shows, for those who cannot see it."""
    said = [f"{label}, from {_name(chart, first)} to {_name(chart, second)}" for first, second, label in chart.arrows]
    return "Diagram. " + "; ".join(said)


def _name(chart: Flowchart, box: str) -> str:
    return " ".join(chart.boxes[box])


def _between(chart: Flowchart, place: int) -> list[tuple[str, str, str]]:
    """The arrows between the box at this place and the next one."""
    pair = set(list(chart.boxes)[place : place + 2])
    return [arrow for arrow in chart.arrows if {arrow[0], arrow[1]} == pair]


def _arrows_between(chart: Flowchart, place: int) -> int:
    return len(_between(chart, place))


def _draw_arrows(chart: Flowchart, place: int, middle: float) -> list[str]:
    left = 2 + place * (BOX + GAP) + BOX + 6
    right = left + GAP - 12
    arrows = _between(chart, place)
    y = middle - (len(arrows) - 1) * EDGES / 2 + 6
    parts = []
    for first, _, label in arrows:
        to_the_right = list(chart.boxes)[place] == first
        point, back = (right, -8) if to_the_right else (left, 8)
        tip = f"M{point + back} {y - 5:g}L{point} {y:g}L{point + back} {y + 5:g}"
        parts.append(f'<path d="M{left} {y:g}H{right}{tip}"/>')
        parts.append(_text((left + right) / 2, y - 6, label))
        y += EDGES
    return parts


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:g}" y="{y:g}">{html.escape(text)}</text>'
