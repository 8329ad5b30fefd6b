"""What `check` says: passed and what comes next, failed and why, raised and what that means."""

import re
from collections.abc import Callable

from redis_helpers.course.exercises.advice import advice_on, note_on_printing, notes_on
from redis_helpers.course.exercises.catalog import exercises, lessons
from redis_helpers.course.exercises.checker import Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed
from redis_helpers.course.exercises.shown import first_words, name_of, raised_at, short

SLOW = 3.0  # seconds


def passed(exercise: Exercise, trial: Trial, done: set[str], with_next: bool = True) -> str:
    """`done` are the exercises that are passed, this one among them. `with_next` says what to do after it."""
    of_lesson = [one.id for one in lessons()[exercise.lesson].EXERCISES]
    in_lesson = len(done.intersection(of_lesson))
    everywhere = exercises().keys()
    count = f"{in_lesson} of {len(of_lesson)} in this lesson, {len(done & everywhere)} of {len(everywhere)} in all."
    lines = [f"✅ {exercise.id} {exercise.title}: passed.", f"   {count}"]
    if trial.call_seen.used_another:
        lines.append(
            "   Note: your function used another connection than the redis_conn that it is given. In a test, or with a "
            "second server, that is the wrong one."
        )
    if with_next:
        lines.append(f"   Next: {_next(exercise, done)}")
    return "\n".join([*lines, *_slow(trial)])


def _next(exercise: Exercise, done: set[str]) -> str:
    """What to do after this one, as a line to run where there is one."""
    of_lesson = list(lessons()[exercise.lesson].EXERCISES)
    behind = of_lesson[of_lesson.index(exercise) + 1 :] + of_lesson[: of_lesson.index(exercise)]
    for other in behind:
        if other.id not in done:
            return f'check("{other.id}", {other.function_name})'
    if lessons()[exercise.lesson].QUIZ:
        return f'quiz("{exercise.lesson}")'
    return "progress()"


def failed(exercise: Exercise, trial: Trial, function: Callable, failure: Failed, again: bool) -> str:
    """`again`: it is not the first failure, so that what to do may be said too."""
    lines = [f"❌ {exercise.id} {exercise.title}: {sentence(failure.why)}"]
    if again and failure.cure:
        lines.append(f"   What to do: {sentence(failure.cure)}")
    if failure.expected is not None or failure.seen is not None:
        lines += [f"   expected: {short(failure.expected)}", f"   seen:     {short(failure.seen)}"]
    lines += _called(trial)
    if failure.story:
        lines += ["   Who did what, from top to bottom:", failure.story]
    if not trial.was_refused:
        notes = notes_on(function, trial.call_seen, trial.last_args, failure.expected, failure.seen)
        lines += [f"   Note: {sentence(note)}" for note in notes]
        if note := note_on_printing(trial.printed.lines(), failure.expected, failure.seen):
            lines.append(f"   Note: {sentence(note)}")
    return "\n".join([*lines, *_sent_nothing(trial, function), *of_another_exercise(function, exercise), *_slow(trial)])


def crashed(exercise: Exercise, trial: Trial, function: Callable, crash: Crashed) -> str:
    """The learner's code raised an error."""
    error = crash.error
    text = first_words(error)
    message = f": {text}" if text else ""
    advice = advice_on(error, trial.call_seen)
    said = f"your code raised {type(error).__name__}{message}{raised_at(error, function)}{advice}"
    lines = [f"💥 {exercise.id} {exercise.title}: {said}", *_called(trial)]
    if crash.story:
        lines += ["   Who did what, from top to bottom:", crash.story]
    return "\n".join([*lines, *of_another_exercise(function, exercise), *_slow(trial)])


def sentence(text: str) -> str:
    """With a capital, unless the first word is code, and a full stop."""
    is_code = re.match(r"\w+[(._]", text)
    first = text[0] if is_code else text[0].upper()
    return first + text[1:] + ("" if text.endswith((".", "?", "!", ".)")) else ".")


def _called(trial: Trial) -> list[str]:
    return [f"   call:     {trial.last_call}"] if trial.last_call else []


def _sent_nothing(trial: Trial, function: Callable) -> list[str]:
    if trial.last_call is None or trial.commands or trial.was_refused or not trial.redis_was_there:
        return []
    note = "   Note: this call sent no command to Redis."
    code = getattr(function, "__code__", None)
    if code is not None and "pipeline" in code.co_names:
        note += " (A pipeline sends nothing before its execute().)"
    return [note]


def of_another_exercise(function: object, exercise: Exercise) -> list[str]:
    """A note for who has checked the function of another exercise; nothing for everybody else."""
    name = name_of(function)
    if name is None or name == exercise.function_name:
        return []
    for other in exercises().values():
        if other.function_name == name:
            return [f'   Note: {name} is the function of exercise {other.id}: check("{other.id}", {name}).']
    return []


def _slow(trial: Trial) -> list[str]:
    if trial.took() < SLOW:
        return []
    return [f"   This check took {trial.took():.0f} seconds: this machine is busy, or your code waits."]
