"""The map that `progress()` draws, on one screen."""

from pathlib import Path
from typing import Any

from redis_helpers.course.exercises import course_map, progress_file, review_session
from redis_helpers.course.exercises.catalog import exercises, lessons, questions
from redis_helpers.course.exercises.progress_file import section
from redis_helpers.course.exercises.review_cards import cards, due_by_file, lesson_of


def whole_map() -> str:
    """All lessons by tracks, what comes next, what is due for review, and the plan."""
    content = progress_file.read()
    passed = section(content, "passed")
    done = course_map.finished(content)
    lines = [f"{len(passed.keys() & exercises().keys())} of {len(exercises())} exercises passed, "]
    lines[0] += f"{len(done)} of {len(course_map.notebooks())} lessons finished"
    lines.append("● an exercise that is passed, ○ one that is not, – one that your server cannot do")
    for track, names in course_map.TRACKS.items():
        lines.append(track)
        lines += [_row(name, content, done) for name in names]
    lines += [f"Next:   {_next(content)}", f"Review: {_review(content)}", f"Plan:   {_plan(content)}"]
    path = progress_file.progress_path()
    return "\n".join([*lines, f"This is written down in {Path(path.parent.name, path.name)}"])


def one_lesson(number: str) -> str:
    """The exercises of one lesson, each with a mark if it is passed."""
    passed = section(progress_file.read(), "passed")
    asked = lessons()[number].EXERCISES
    lines = [f"Lesson {int(number):02}: {sum(exercise.id in passed for exercise in asked)} of {len(asked)} passed"]
    lines += [f"  {'✅' if exercise.id in passed else '⏳'} {exercise.id} {exercise.title}" for exercise in asked]
    return "\n".join([*lines, f"This is written down in {progress_file.progress_path()}"])


def _row(name: str, content: dict[str, Any], done: list[str]) -> str:
    number = str(int(name[:2]))
    answered = section(content, "answered")
    dots = "".join(_dot(exercise.id, content) for exercise in lessons()[number].EXERCISES)
    quiz = [question for question in questions() if lesson_of(question) == number]
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
        return f"{len(due)} due, five at a time. Run review()"
    return f"nothing is due. {review_session.coming(known)}" if known else "begins on the day after your first ✅"


def _plan(content: dict[str, Any]) -> str:
    plan = section(content, "plan")
    text, day = plan.get("text"), plan.get("day")
    if not isinstance(text, str):
        return 'when do you go on? plan("on Friday, at 20:00") writes it down'
    return f"{text}   (written on {day})"
