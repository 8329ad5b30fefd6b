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
SHORT_KINDS = "QPQP"  # of questions that are asked together, such as at the beginning of a lesson
IN_A_LESSON = 2  # so many does a lesson ask; if they are not due, it has two written questions in the next cell
DAYS_SHOWN = 3  # of those that are coming
LATER = "later"  # in place of a letter: puts a question off
SHOWN, MISSED = "shown", "missed"  # of an exercise that is to be written again


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
    """At most so many of the short questions that are due, at once. Two of them stand at the beginning of a lesson."""
    known = cards(progress_file.read(), today())
    due = due_now(known)
    taken = chosen(due, SHORT_KINDS, most)
    head = _head_in_a_lesson(taken) if most == IN_A_LESSON else _head_of_many(taken, known)
    if not taken and due:
        head += " (An exercise to write again is due: review() shows it.)"
    return "\n\n".join([head, *(written(card_id) for card_id in taken)])


def _head_in_a_lesson(taken: list[str]) -> str:
    if not taken:
        return "No question is due for review now. Answer the two written questions in the next cell."
    if len(taken) < IN_A_LESSON:
        return "One question is due for review. Answer it, and then the two written questions in the next cell."
    return (
        "Two questions are due for review. Answer both, each in a cell of your own. "
        "Then skip the two written questions in the next cell."
    )


def _head_of_many(taken: list[str], known: dict[str, Card]) -> str:
    if not taken:
        return "No question is due for review now." if due_by_file(known, today()) else nothing_due(known)
    return f"Due for review: {_questions(len(taken))}. (At most {len(SHORT_KINDS)} are shown at once.)"


def look_at(card_id: str) -> str:
    """One question of the learner's own choice, as it is asked."""
    known = cards(progress_file.read(), today())
    _must_be_known(card_id, known)
    return _asked(card_id, due_by_file(known, today()))


def said_to(card_id: str, letter: str) -> tuple[str, bool]:
    """Judges an answer, and gives what there is to say on it, and whether it was written down: only what is due is."""
    _must_be_known(card_id, cards(progress_file.read(), today()))
    if letter == LATER:
        return _put_off(card_id)
    letters = predictions()[card_id[1:]].letters if kind_of(card_id) == "P" else questions()[card_id[1:]].letters
    if len(letter) != 1 or letter not in letters:
        options = f'Question {card_id} has the options {", ".join(letters)}: choose one of these letters, or "{LATER}".'
        return f'{options} review("{card_id}") shows the question again.', False
    right, words = _judged(card_id, letter)
    verdict = f"✅ {card_id} ({letter}) is right." if right else f"❌ {card_id} ({letter}) is wrong."
    noted, counts = _noted(card_id, right)
    return f"{verdict} {words}\n   {noted}", counts


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
    done = "This review is done. You may stop here."
    if due:
        done += f" {are_due(len(due), 'more ')}: review() goes on."
    return f"{done} {coming(known)}".rstrip()


def what_else_is_due() -> str:
    """After an answer outside of a review: how many others are due, or when the next ones come."""
    known = cards(progress_file.read(), today())
    due = due_now(known)
    if not due:
        return nothing_due(known)
    return f"{are_due(len(due), 'more ')}, with those that still stand above. review() asks them, or you go on here."


def passed_again(exercise_id: str) -> str | None:
    """Writes down that an exercise was passed while it was due, and says when it comes again. None: it was not due."""
    content = progress_file.read()
    if not _is_due(exercise_id, content):
        return None
    missed = section(content, "writing").get(exercise_id) == MISSED
    noted, _ = _noted(exercise_id, right=not missed)
    why = " It was not right at once, or its solution was shown." if missed else ""
    return f"{exercise_id} was due for review.{why} {noted}"


def answered_in_the_quiz(card_id: str, right: bool) -> str | None:
    """The same for a question that was answered in a quiz, right or wrong. None: it was not due."""
    if not _is_due(card_id, progress_file.read()):
        return None
    noted, _ = _noted(card_id, right)
    return f"{card_id} was due for review, so this answer counts there too. {noted}"


def is_due(card_id: str) -> bool:
    """Whether a question waits for its answer today."""
    return _is_due(card_id, progress_file.read())


def remember_missed(exercise_id: str) -> None:
    """Writes down that an exercise failed, or that its solution was shown, if a review has asked for it before."""
    content = progress_file.read()
    if section(content, "writing").get(exercise_id) == SHOWN and _is_due(exercise_id, content):
        _remember_writing(exercise_id, MISSED)


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
    """When the next cards are due: "2 questions come tomorrow, 5 in 3 days." Those that are due are left out."""
    days = sorted({card.due for card in known.values() if card.due > today()})[:DAYS_SHOWN]
    counts = [sum(card.due == day for card in known.values()) for day in days]
    if not days:
        return ""
    first = f"{_questions(counts[0])} {'comes' if counts[0] == 1 else 'come'} {_from_now(days[0])}"
    others = [f"{count} {_from_now(day)}" for count, day in zip(counts[1:], days[1:], strict=True)]
    return f"{', '.join([first, *others])}."


def _questions(count: int) -> str:
    return "1 question" if count == 1 else f"{count} questions"


def are_due(count: int, more: str = "") -> str:
    """ "1 question is due", or "4 more questions are due"."""
    return f"{count} {more}question is due" if count == 1 else f"{count} {more}questions are due"


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
    left = [card_id for card_id in under_way if card_id in due]
    place = len(under_way) - len(left) + 1
    return f"Review, question {place} of {len(under_way)}\n\n{_asked(left[0], due)}"


def _asked(card_id: str, due: list[str]) -> str:
    """A question as it is asked. Of an exercise that is due it is written down: from now on a mistake in it counts."""
    if kind_of(card_id) == "E" and card_id in due and card_id not in section(progress_file.read(), "writing"):
        _remember_writing(card_id, SHOWN)
    return written(card_id)


def _remember_writing(exercise_id: str, word: str) -> None:
    def write(content: dict[str, Any]) -> None:
        section_to_change(content, "writing")[exercise_id] = word

    progress_file.change(write)


def _must_be_known(card_id: str, known: dict[str, Card]) -> None:
    """Raises CourseError for a question that the learner has not met: its answer would be given away."""
    if card_id in known:
        return
    name = notebooks()[lesson_of(card_id)]
    if kind_of(card_id) == "P":
        reason = f"It comes when you have finished {name}."
    elif kind_of(card_id) == "Q":
        reason = f'It comes when you have answered it rightly with quiz("{card_id}", …), or finished {name}.'
    elif exercises()[card_id].kind == "stretch":
        reason = f"It is a long exercise, and long ones do not come back. It stands in {name}."
    else:
        reason = f"It comes when it is passed, with check, in {name}."
    raise CourseError(f"{card_id} is not in your review. {reason}")


def _is_due(card_id: str, content: dict[str, Any]) -> bool:
    card = cards(content, today()).get(card_id)
    return card is not None and card.due <= today()


def _noted(card_id: str, right: bool) -> tuple[str, bool]:
    """Writes the answer down if the card is due, says when it comes again, and whether it was written down."""
    card = cards(progress_file.read(), today())[card_id]
    if card.due > today():
        return f"It is not due now, so this does not count. It comes {_from_now(card.due)}.", False
    moved = card.after(right, today())
    _move(moved)
    return f"It comes again {_from_now(moved.due)}.", True


def _put_off(card_id: str) -> tuple[str, bool]:
    card = cards(progress_file.read(), today())[card_id]
    if card.due > today():
        return f"{card_id} is not due now. It comes {_from_now(card.due)}.", False
    _move(card.put_off(today()))
    return f"{card_id} is put off. It comes again tomorrow.", True


def _move(card: Card) -> None:
    """Writes down when a card comes again."""

    def write(content: dict[str, Any]) -> None:
        section_to_change(content, "review")[card.id] = card.entry()
        section(content, "writing").pop(card.id, None)

    progress_file.change(write)


# Questions and answers


def written(card_id: str) -> str:
    """A question as it is asked, with the line that answers it."""
    head = f"{card_id} (from {notebooks()[lesson_of(card_id)]})"
    if kind_of(card_id) == "E":
        return _written_exercise(head, exercises()[card_id])
    if kind_of(card_id) == "P":
        prediction = predictions()[card_id[1:]]
        lines = [prediction.text, "", "This is the cell:", _indented(prediction.code.splitlines()), ""]
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
    words = f"A copy of this cell was just run on your Redis, with keys of its own, and printed:\n{_indented(lines)}"
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
