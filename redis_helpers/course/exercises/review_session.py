"""What `review` does: it shows what is due, judges an answer, and writes down when the question comes again."""

import contextlib
from datetime import date
from string import ascii_lowercase
from typing import Any

import redis

from redis_helpers.connection_errors import why_failed
from redis_helpers.course.exercises import progress_file
from redis_helpers.course.exercises.catalog import exercises, predictions, questions
from redis_helpers.course.exercises.course_client import course_redis
from redis_helpers.course.exercises.course_map import notebooks
from redis_helpers.course.exercises.model import Exercise, Prediction
from redis_helpers.course.exercises.prediction_run import run_prediction
from redis_helpers.course.exercises.progress_file import section, section_to_change
from redis_helpers.course.exercises.review_cards import (
    Card,
    cards,
    chosen,
    due_by_file,
    due_by_redis,
    kind_of,
    lesson_of,
    old_ones_first,
)
from redis_helpers.errors import CourseError
from redis_helpers.server import why_not

KINDS = "QPQPE"  # of one review: two quiz questions, two predictions, and an exercise to write again
SHORT_KINDS = "QPQP"  # of the questions at the beginning of a lesson
DAYS_SHOWN = 3  # of those that are coming
LATER = "later"  # in place of a letter: puts an exercise off


def today() -> date:
    """The day by this machine's clock."""
    return date.today()


def next_question() -> str:
    """The next question of the review that is under way, or the first of a new one; or when the next one is due."""
    content = progress_file.read()
    known = cards(content, today())
    due = due_now(known)
    under_way = _under_way(content)
    if not any(card_id in due for card_id in under_way):
        under_way = chosen(due, KINDS, len(KINDS))
        if not under_way:
            return nothing_due(known)
        _begin(under_way)
    return _first_of(under_way, due)


def some_questions(most: int) -> str:
    """At most so many of the questions that are due, at once: for the beginning of a lesson."""
    known = cards(progress_file.read(), today())
    taken = chosen(due_now(known), SHORT_KINDS, most)
    if not taken:
        return "Nothing is due for review now. Answer the questions below."
    what_to_do = "Answer these, and skip" if len(taken) == most else "Answer this, and then"
    asked = [written(card_id) for card_id in taken]
    return "\n\n".join([f"Due for review. {what_to_do} the questions below.", *asked])


def said_to(card_id: str, letter: str) -> str:
    """Judges an answer, writes it down if the question is due, and gives what there is to say on it."""
    if kind_of(card_id) == "E":
        known = cards(progress_file.read(), today())
        if card_id not in known:
            return f"{card_id} is not in your review yet. It comes when it is passed, with check."
        return f"{card_id}: {_noted(card_id, right=False)}"
    letters = predictions()[card_id[1:]].letters if kind_of(card_id) == "P" else questions()[card_id[1:]].letters
    if len(letter) != 1 or letter not in letters:
        return f"Question {card_id} has the options {', '.join(letters)}: choose one of these letters."
    right, words = _judged(card_id, letter)
    verdict = f"✅ {card_id} ({letter}) is right." if right else f"❌ {card_id} ({letter}) is wrong."
    return f"{verdict} {words}\n   {_noted(card_id, right)}"


def what_follows(card_id: str) -> str | None:
    """After an answer to a question of the review that is under way: the next one, or that it is done."""
    content = progress_file.read()
    under_way = _under_way(content)
    if card_id not in under_way:
        return None
    known = cards(content, today())
    due = due_now(known)
    if any(other in due for other in under_way):
        return _first_of(under_way, due)
    more = f"{len(due)} more are due: review() goes on. " if due else ""
    return f"This review is done. {more}{coming(known)}".rstrip()


def passed_again(exercise_id: str) -> str | None:
    """Writes down that an exercise was passed while it was due, and says when it comes again. None: it was not due."""
    card = cards(progress_file.read(), today()).get(exercise_id)
    if card is None or card.due > today():
        return None
    return _noted(exercise_id, right=True)


def due_now(known: dict[str, Card]) -> list[str]:
    """The ids of the cards that are due, as Redis tells it, or the file alone when Redis is not there."""
    due = due_by_file(known, today())
    if known:
        with contextlib.suppress(CourseError, redis.RedisError):
            redis_conn, _ = course_redis()
            due = due_by_redis(redis_conn, known, today())
    return old_ones_first(due, known)


def nothing_due(known: dict[str, Card]) -> str:
    """What to say when there is nothing to ask."""
    if not known:
        return "Nothing to review yet. What you pass today comes back from tomorrow on."
    return f"Nothing is due for review now. {coming(known)}"


def coming(known: dict[str, Card]) -> str:
    """When the next cards are due: "Next: 2 tomorrow, 5 in 3 days." Those that are due already are left out."""
    days = sorted({card.due for card in known.values() if card.due > today()})
    counts = {day: sum(card.due == day for card in known.values()) for day in days[:DAYS_SHOWN]}
    parts = [f"{count} {_from_now(day)}" for day, count in counts.items()]
    return f"Next: {', '.join(parts)}." if parts else ""


def _from_now(day: date) -> str:
    number = (day - today()).days
    return "tomorrow" if number == 1 else f"in {number} days"


# The review that is under way


def _under_way(content: dict[str, Any]) -> list[str]:
    """The cards of the review that was begun today, in their order; empty when there is none."""
    session = section(content, "session")
    ids = session.get("cards")
    if session.get("day") != today().isoformat() or not isinstance(ids, list):
        return []
    return ids


def _begin(ids: list[str]) -> None:
    def write(content: dict[str, Any]) -> None:
        section_to_change(content, "session").update(day=today().isoformat(), cards=ids)

    progress_file.change(write)


def _first_of(under_way: list[str], due: list[str]) -> str:
    """The first question of this review that is still due."""
    first = next(card_id for card_id in under_way if card_id in due)
    place = under_way.index(first) + 1
    return f"Review, question {place} of {len(under_way)}\n\n{written(first)}"


def _noted(card_id: str, right: bool) -> str:
    """Writes the answer down if the card is due, and says when it comes again."""
    card = cards(progress_file.read(), today()).get(card_id)
    if card is None:
        return "It comes into your review when its lesson is finished."
    if card.due > today():
        return f"It is not due now, so this does not count. It comes {_from_now(card.due)}."
    moved = card.after(right, today())

    def write(content: dict[str, Any]) -> None:
        section_to_change(content, "review")[card_id] = moved.entry()

    progress_file.change(write)
    return f"It comes again {_from_now(moved.due)}."


# Questions and answers


def written(card_id: str) -> str:
    """A question as it is asked, with the line that answers it."""
    head = f"{card_id} (from {notebooks()[lesson_of(card_id)]})"
    if kind_of(card_id) == "E":
        return _written_exercise(head, exercises()[card_id])
    if kind_of(card_id) == "P":
        prediction = predictions()[card_id[1:]]
        lines = [prediction.text, "", _indented(prediction.code.splitlines()), ""]
        options = [text for text, _ in prediction.options]
    else:
        lines = [questions()[card_id[1:]].text]
        options = [text for text, _ in questions()[card_id[1:]].options]
    lines += [f"     ({letter}) {option}" for letter, option in zip(ascii_lowercase, options, strict=False)]
    return "\n".join(
        [head, *lines, f'Answer in a cell of your own, with your letter in place of a: review("{card_id}", "a")']
    )


def _written_exercise(head: str, exercise: Exercise) -> str:
    return (
        f"{head}. Write it again, in a cell of your own:\n{exercise.question}\n\n{exercise.stub}\n\n\n"
        f'check("{exercise.id}", {exercise.function_name})\n\n'
        f'(Not today? review("{exercise.id}", "{LATER}") puts it off until tomorrow.)'
    )


def _indented(lines: list[str]) -> str:
    return "\n".join(f"  | {line}" for line in lines)


def _judged(card_id: str, letter: str) -> tuple[bool, str]:
    """Whether this letter is right, and what there is to say on it."""
    if kind_of(card_id) == "P":
        return _judged_by_running(predictions()[card_id[1:]], letter)
    question = questions()[card_id[1:]]
    return letter == question.answer, question.word_on(letter)


def _judged_by_running(prediction: Prediction, letter: str) -> tuple[bool, str]:
    """The learner's Redis decides. Where the cell cannot be run, the course does."""
    lines, reason = _run(prediction)
    if reason is not None:
        return letter == prediction.answer, f"{prediction.why}\n   (The cell was not run. {reason})"
    happened = [option for option in prediction.letters if prediction.fits(option, lines[-1])]
    words = f"The cell was just run on your Redis, and printed:\n{_indented(lines)}"
    if happened == [prediction.answer]:
        return letter == prediction.answer, f"{words}\n   {prediction.why}"
    return letter in happened, f"{words}\n   (On most servers it is ({prediction.answer}).)"


def _run(prediction: Prediction) -> tuple[list[str], str | None]:
    """The lines that the cell prints; or none, and why it was not run."""
    try:
        redis_conn, _ = course_redis()
        for command in prediction.needs:
            reason = why_not(redis_conn, command)
            if reason is not None:
                return [], reason
        return run_prediction(prediction, redis_conn), None
    except CourseError as problem:
        return [], str(problem)
    except redis.RedisError as problem:
        return [], why_failed(problem) or "Redis did not do what was asked."
