"""A schedule as a table: a column for each who takes part, a line for each step."""

from redis_helpers.course.exercises.schedules import Caller, Run
from redis_helpers.course.exercises.shown import name_of, short
from redis_helpers.course.exercises.wire import Step

WIDEST, NARROWEST = 44, 14  # characters of a column


def table(run: Run, prefix: str) -> str:
    """Who did what when. `prefix` is what all keys begin with, and is left out."""
    cells: list[tuple[int, str]] = []
    for move in run.moves:
        actor = run.actors[move.actor]
        text = _written(move.step, prefix) if isinstance(actor, Caller) and move.step else actor.name
        cells.append((move.actor, text))
    for number, (actor, outcome) in enumerate(zip(run.actors, run.outcomes, strict=True)):
        if isinstance(actor, Caller):
            ended = f"returns {short(outcome.value)}" if outcome.finished else "never ends"
            cells.append((number, f"raises {type(outcome.error).__name__}" if outcome.error else ended))
    names = [actor.name if isinstance(actor, Caller) else "meanwhile" for actor in run.actors]
    columns = [
        _width([text for number, text in cells if number == column] + [name]) for column, name in enumerate(names)
    ]
    lines = ["   " + "  ".join(name.ljust(width) for name, width in zip(names, columns, strict=True))]
    lines.append("   " + "  ".join("-" * width for width in columns))
    for number, text in cells:
        places = [_fitting(text, width) if number == column else "" for column, width in enumerate(columns)]
        lines.append("   " + "  ".join(place.ljust(width) for place, width in zip(places, columns, strict=True)))
    return "\n".join(line.rstrip() for line in lines)


def _width(texts: list[str]) -> int:
    return max(NARROWEST, min(WIDEST, max(map(len, texts))))


def _fitting(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _written(step: Step, prefix: str) -> str:
    """`GET stock → '1'`; `MULTI SET INCR EXEC → [True, 1]`."""
    if len(step.commands) > 1:
        text = " ".join(words[0] for words in step.commands)
    else:
        name, *words = step.commands[0]
        script = name.startswith("EVAL")
        text = f"{name} (the script)" if script else " ".join([name, *[word.removeprefix(prefix) for word in words]])
    return f"{text} → {_reply(step.replies[-1])}" if step.replies else text


def _reply(reply: object) -> str:
    if isinstance(reply, Exception):
        return name_of(type(reply)) or "an error"
    if isinstance(reply, bytes):
        reply = reply.decode(errors="replace")
    return "nothing" if reply is None else short(reply)
