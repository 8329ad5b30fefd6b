"""What the learner is told: short plain text, with a coloured edge where the front end shows HTML."""

import html
import linecache
import re
import reprlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

GREEN, RED, BLUE, GREY = "#2e7d32", "#c6302b", "#2a6f97", "#8a8a8a"
EDGES = {"✅": GREEN, "❌": RED, "💥": RED, "💡": BLUE}  # by the text's first character
BOX = (
    "border-left: 4px solid {edge}; padding: 2px 0 2px 10px; white-space: pre-wrap; "
    "font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px)"
)

LONGEST_VALUE = 100  # characters
LONGEST_MESSAGE = 200
SHORT_REPR = reprlib.Repr()
SHORT_REPR.maxstring = SHORT_REPR.maxother = 70
SHORT_REPR.maxdict = SHORT_REPR.maxlist = SHORT_REPR.maxtuple = 5
PACKAGE = Path(__file__).resolve().parents[2]


def show(text: str, folded: str | None = None, code_marked: bool = False) -> None:
    """Shows `text`, and what can be unfolded below it. Outside of a notebook both are printed.

    `code_marked`: what stands between two backticks is code, and the signs are not shown where there is HTML.
    """
    from IPython import get_ipython  # here: the processes that lessons kill have nothing to show
    from IPython.display import display

    plain = text if folded is None else f"{text}\n   {folded}"
    if not hasattr(get_ipython(), "kernel"):
        print(_writable(plain, getattr(sys.stdout, "encoding", None) or "utf-8"))
        return
    text, plain = _writable(text, "utf-8"), _writable(plain, "utf-8")
    style = BOX.format(edge=EDGES.get(text[:1], GREY))
    inside = html.escape(text, quote=False)
    if code_marked:
        inside = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", inside)
    if folded is not None:
        summary, _, words = _writable(folded, "utf-8").partition(": ")
        inside += f"<details><summary>{html.escape(summary)}</summary>{html.escape(words, quote=False)}</details>"
    display({"text/plain": plain, "text/html": f'<div style="{style}">{inside}</div>'}, raw=True)


def _writable(text: str, encoding: str) -> str:
    """The text, with escapes for what cannot be written in this encoding, such as half a pair of surrogates."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def name_of(value: object) -> str | None:
    """The name of a function or a class, or None for what has none."""
    name = _attribute(value, "__name__")
    return name if callable(value) and isinstance(name, str) else None


def _attribute(value: object, name: str) -> object:
    try:
        return getattr(value, name, None)
    except Exception:  # a __getattr__ that fails
        return None


def short(value: object) -> str:
    """A value as Python writes it, shortened. A function is shown by its name."""
    name = name_of(value)
    if name is not None:
        return name
    try:
        text = SHORT_REPR.repr(value)
    except Exception:  # a __repr__ that fails
        text = f"a value of type {type(value).__name__}"
    return _cut(text, LONGEST_VALUE)


def first_words(error: BaseException) -> str:
    """An error's message, shortened."""
    try:
        text = str(error)
    except Exception:  # a __str__ that fails
        return ""
    return _cut(text, LONGEST_MESSAGE)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def written_call(function: Callable, args: tuple) -> str:
    """A call as the learner could write it: `put_once(redis_conn, 'a:key', '3.12')`."""
    name = name_of(function) or "your_function"
    return f"{name}({', '.join(['redis_conn', *map(short, args)])})"


def raised_at(error: BaseException, function: Callable) -> str:
    """Where the learner's own code was when it raised: ` at line 3: return prices[name]`; nothing if not known."""
    mine = _attribute(_attribute(function, "__code__"), "co_filename")
    lines = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [(name, line) for name, line in lines if name == mine] if mine else []
    if not own:  # a partial, a method, …: the last place that is not in this package
        own = [(name, line) for name, line in lines if PACKAGE not in Path(name).parents]
    if not own:
        return ""
    name, line = own[-1]
    text = linecache.getline(name, line).strip()
    return f" at line {line}: {text}" if text else f" at line {line}"
