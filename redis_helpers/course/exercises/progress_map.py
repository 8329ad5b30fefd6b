"""The map that `progress()` draws, on one screen."""

from pathlib import Path
from typing import Any

from redis_helpers.course.exercises import course_map, progress_file, review_session
from redis_helpers.course.exercises.catalog import exercises, lessons, questions
from redis_helpers.course.exercises.progress_file import section
from redis_helpers.course.exercises.review_cards import cards, due_by_file, lesson_of

LEGEND = (
    "✅ a finished lesson: all its exercises are passed, or half of them and one of the next lesson",
    "● an exercise that is passed, ○ one that is not; the quiz is extra",
)
LEFT_OUT = "– an exercise that was left out: your Redis cannot do what it needs"


def whole_map() -> str:
    """What comes next, what is due for review, the plan, and the lessons by tracks: one line a track not yet begun."""
    content = progress_file.read()
    passed = section(content, "passed")
    done = course_map.finished(content)
    lines = [f"Next:   {_next(content)}", f"Review: {_review(content)}", f"Plan:   {_plan(content)}", ""]
    count = f"{len(passed.keys() & exercises().keys())} of {len(exercises())} exercises passed"
    lines.append(f"{count}, {len(done)} of {len(course_map.notebooks())} lessons finished")
    lines += LEGEND
    if section(content, "left_out").keys() & exercises().keys():
        lines.append(LEFT_OUT)
    for track, names in course_map.TRACKS.items():
        lines += _track(track, names, content, done)
    return "\n".join([*lines, _where()])


def one_lesson(number: str) -> str:
    """The exercises of one lesson and its quiz questions, each with a mark if it is passed."""
    content = progress_file.read()
    passed, answered = section(content, "passed"), section(content, "answered")
    asked = lessons()[number].EXERCISES
    quiz = _quiz_of(number)
    lines = [f"Lesson {int(number):02}: {sum(exercise.id in passed for exercise in asked)} of {len(asked)} passed"]
    lines += [f"  {'✅' if exercise.id in passed else '⏳'} {exercise.id} {exercise.title}" for exercise in asked]
    lines.append(f"Quiz: {sum(question in answered for question in quiz)} of {len(quiz)} right")
    lines.append("  " + " · ".join(f"{'✅' if question in answered else '⏳'} Q{question}" for question in quiz))
    return "\n".join([*lines, _where()])


def _track(track: str, names: tuple[str, ...], content: dict[str, Any], done: list[str]) -> list[str]:
    """The lessons that are begun, one line each; one line for all others."""
    numbers = {name: str(int(name[:2])) for name in names}
    begun = [name for name in names if _is_begun(numbers[name], content)]
    others = course_map.listed([numbers[name] for name in names if name not in begun])
    if not begun:
        return [f"{track}: {others} not begun"]
    rows = [_row(name, content, done) for name in begun]
    return [track, *rows, *([f"  {others} not begun"] if others else [])]


def _is_begun(number: str, content: dict[str, Any]) -> bool:
    known = section(content, "passed").keys() | section(content, "left_out").keys()
    return any(exercise.id in known for exercise in lessons()[number].EXERCISES) or any(
        question in section(content, "answered") for question in _quiz_of(number)
    )


def _quiz_of(number: str) -> list[str]:
    return [question for question in questions() if lesson_of(question) == number]


def _where() -> str:
    """Where the file is: its folder's name, and its own. A whole path would show the learner's name."""
    path = progress_file.progress_path()
    if not path.exists():
        return "Nothing is written down yet."
    return f"This is written down in {Path(path.parent.name, path.name)}"


def _row(name: str, content: dict[str, Any], done: list[str]) -> str:
    number = str(int(name[:2]))
    answered = section(content, "answered")
    dots = "".join(_dot(exercise.id, content) for exercise in lessons()[number].EXERCISES)
    quiz = _quiz_of(number)
    right = sum(question in answered for question in quiz)
    mark = "✅" if number in done else "⏳"
    return f"  {mark} {name:24} {dots:8} quiz {right} of {len(quiz)}"


def _dot(exercise_id: str, content: dict[str, Any]) -> str:
    if exercise_id in section(content, "passed"):
        return "●"
    return "–" if exercise_id in section(content, "left_out") else "○"


def _next(content: dict[str, Any]) -> str:
    """The next thing to do, as a line to run where there is one."""
    number = course_map.first_open(content)
    if number is None:
        return "nothing is left. review() keeps it fresh"
    done = section(content, "passed").keys() | section(content, "left_out").keys()
    name = course_map.notebooks()[number]
    exercise = next(exercise for exercise in lessons()[number].EXERCISES if exercise.id not in done)
    if not any(other.id in done for other in lessons()[number].EXERCISES):
        return f"open {name}"
    return f'check("{exercise.id}", {exercise.function_name})   in {name}'


def _review(content: dict[str, Any]) -> str:
    today = review_session.today()
    known = cards(content, today)
    due = due_by_file(known, today)
    if due:
        return f"{review_session.are_due(len(due))}. Run review()"
    return f"nothing is due now. {review_session.coming(known)}" if known else "begins on the day after your first ✅"


def _plan(content: dict[str, Any]) -> str:
    plan = section(content, "plan")
    text, day = plan.get("text"), plan.get("day")
    if not isinstance(text, str):
        return 'when do you go on? Lesson 00 writes it down with plan("on Friday, at 20:00")'
    return f"{text}   (written on {day})"
