"""What a plot shows, in words: for those who cannot see it.

The alternative text of a plot is made from the plot itself: its title, its axes, and what is written in it. So it says
no more than the picture does, and it is hidden where the picture is hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.text import Text


def describe_plots_as_text() -> None:
    """In a notebook's kernel: from now on, the plain text of each plot that a cell shows is its description."""
    from matplotlib.figure import Figure

    # Not a formatter of IPython's: setting up the plots takes those away.
    Figure._repr_pretty_ = _print_description  # type: ignore[attr-defined]


def _print_description(figure: Figure, printer: Any, cycle: bool) -> None:
    printer.text(describe(figure))


def describe(figure: Figure) -> str:
    """One line: for each box of the figure its title, its axes, and the texts in it, row by row where it has rows."""
    figure.draw_without_rendering()  # ticks have their labels after that
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    parts = [_describe_box(axes) for axes in figure.axes]
    if legends:
        parts.append(f"Signs: {', '.join(legends)}.")
    return "Plot. " + " ".join(part for part in parts if part)


def _describe_box(axes: Axes) -> str:
    title = axes.get_title(loc="left") or axes.get_title()
    sentences = [_one_line(title)]
    if axes.axison and axes.get_xlabel():
        sentences.append(f"Across: {_one_line(axes.get_xlabel())}")
    if axes.axison and axes.get_ylabel():
        sentences.append(f"Up: {_one_line(axes.get_ylabel())}")
    sentences += _rows(axes)
    legend = axes.get_legend()
    if legend:
        sentences.append("Signs: " + ", ".join(_one_line(text.get_text()) for text in legend.get_texts()))
    return " ".join(_ended(sentence) for sentence in sentences if sentence)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."


def _rows(axes: Axes) -> list[str]:
    """What is written beside each named row or below each named column; or simply what is written."""
    texts = [text for text in axes.texts if text.get_text().strip()]
    for axis, along in ((axes.yaxis, 1), (axes.xaxis, 0)):
        names = _names_of_ticks(axis) if axes.axison else {}
        if names:
            return [_row(names[place], _nearest(texts, names, place, along), along) for place in names]
    return ["In it: " + ", ".join(_with_its_line(text, axes) for text in texts)] if texts else []


def _with_its_line(text: Text, axes: Axes) -> str:
    """A text, and where the line of its colour begins and ends: in our plots a line's name has the line's colour."""
    name = _one_line(text.get_text())
    for line in axes.lines:
        heights = np.asarray(line.get_ydata(), dtype=float)
        if line.get_color() == text.get_color() and len(heights) > 2:
            return f"{name} (from {_number(heights[0])} to {_number(heights[-1])})"
    return name


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.3g}"


def _names_of_ticks(axis: Axis) -> dict[float, str]:
    """Where the names on an axis stand; nothing for an axis of numbers."""
    names = {}
    for place, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False):
        name = _one_line(label.get_text())
        if name and not name[0].isdigit() and name[0] not in "−-$.":
            names[float(place)] = name
    return names


def _nearest(texts: list[Text], names: dict[float, str], place: float, along: int) -> list[Text]:
    return [text for text in texts if min(names, key=lambda one: abs(one - _at(text)[along])) == place]


def _row(name: str, texts: list[Text], along: int) -> str:
    """A row's name and its texts, in the order in which they are read."""
    in_order = sorted(texts, key=lambda text: _at(text)[1 - along])
    said = ", ".join(_one_line(text.get_text()) for text in in_order)
    return f"{name}: {said}" if said else name


def _at(text: Text) -> tuple[float, float]:
    """Where in the data a text belongs."""
    x, y = getattr(text, "xy", None) or text.get_position()
    return float(x), float(y)


def _one_line(text: str) -> str:
    return " ".join(text.split())
