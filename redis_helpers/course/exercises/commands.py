"""What the learner calls: check, hint, solution, quiz, review, progress, plan and report.

They show a text, and never raise.
"""

import contextlib
import inspect
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from types import ModuleType
from typing import ParamSpec, TypeVar

import redis

from redis_helpers.connection_errors import why_failed
from redis_helpers.course.exercises import progress_file, progress_map, review_session, runner, verdict
from redis_helpers.course.exercises.catalog import exercises, lessons, predictions, questions
from redis_helpers.course.exercises.checker import Trial
from redis_helpers.course.exercises.course_client import course_redis
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question, TooBusy
from redis_helpers.course.exercises.report_text import note_verdict, report_text
from redis_helpers.course.exercises.review_cards import kind_of
from redis_helpers.course.exercises.runner import Stopped
from redis_helpers.course.exercises.shown import first_words, short, show
from redis_helpers.course.exercises.untouched import is_untouched
from redis_helpers.errors import CourseError
from redis_helpers.server import may

USAGE = {  # how each command is called
    "check": 'check("1.2", your_function)',
    "hint": 'hint("1.2")',
    "solution": 'solution("1.2")',
    "quiz": 'quiz("Q1.3", "b")',
    "review": 'review(), review(2), or review("Q1.3", "b")',
    "progress": 'progress() or progress("1")',
    "plan": 'plan("on Friday, at 20:00")',
    "report": "report()",
}

LONGEST_PLAN = 60  # characters

Parameters = ParamSpec("Parameters")
Found = TypeVar("Found", Exercise, Question, ModuleType)

_hints_shown: dict[str, int] = {}
_failures: dict[str, int] = {}  # since the exercise was passed


def _never_raises(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Whatever goes wrong becomes a sentence, so that a notebook always runs to its end."""

    @wraps(command)
    def quiet(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        with _interrupted_once():
            try:
                _look_at_arguments(command, args, kwargs)
                command(*args, **kwargs)
            except Stopped:  # a check within a function that is being checked: this ends that function
                raise
            except BaseException as problem:
                show(_in_a_sentence(problem))

    return quiet


def _look_at_arguments(command: Callable, args: tuple, kwargs: dict[str, object]) -> None:
    try:
        inspect.signature(command).bind(*args, **kwargs)
    except TypeError as problem:
        usage = USAGE[command.__name__]
        raise CourseError(f"This did not work (TypeError: {problem}): write {usage}.") from None


def _in_a_sentence(problem: BaseException) -> str:
    if isinstance(problem, CourseError):
        return str(problem)
    if isinstance(problem, KeyboardInterrupt):
        return "Interrupted. Run this cell again when you like."
    what = f"{type(problem).__name__}: {first_words(problem)}"
    if isinstance(problem, redis.RedisError):
        reason = why_failed(problem)
        if reason is None:
            return f"Redis did not do what was asked ({what}): run the connect cell again."
        return f"Redis did not do what was asked. {reason}"
    return f"This did not work ({what})."


@contextlib.contextmanager
def _interrupted_once() -> Iterator[None]:
    """The first interrupt ends what is under way. A second one would end the tidying up, and is ignored.

    Python drops an interrupt that comes while it cleans an object up (`__del__`). It is then raised again later.
    """
    is_main_thread = threading.current_thread() is threading.main_thread()
    if not is_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def ignore(signal_number: int, frame: object) -> None:
        pass

    def interrupt(signal_number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, ignore)
        raise KeyboardInterrupt

    def note_what_is_dropped(dropped: "sys.UnraisableHookArgs") -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            runner.interrupt_was_dropped.set()
        else:
            hook_before(dropped)

    hook_before, sys.unraisablehook = sys.unraisablehook, note_what_is_dropped
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = hook_before
        runner.interrupt_was_dropped.clear()


@_never_raises
def check(exercise_id: str = "", function: Callable | None = None) -> None:
    """Runs your function, and says not attempted yet (⏳), passed (✅), failed and why (❌), raised (💥).

    On a machine that is far too busy, it may say that it cannot judge (⌛).

    It runs several times, with inputs of the check's own, on keys of the check's own, which are gone afterwards. What
    you have passed is written down in a file beside the notebooks; `progress()` shows it.
    """
    exercise = _find(exercise_id, exercises(), "exercise", USAGE["check"])
    title = f"{exercise.id} {exercise.title}"
    if is_untouched(function, exercise.stub):
        verb = "Write" if "..." in exercise.stub else "Change"
        show(f"⏳ {title}: not attempted yet. {verb} {exercise.signature}, and run this cell again.")
        return
    problem = _not_callable_as(function, exercise)
    if function is None or problem is not None:
        show("\n".join([f"❌ {title}: {problem}", *verdict.of_another_exercise(function, exercise)]))
        return
    with _one_at_a_time():
        redis_conn, options = course_redis()
        if exercise.needs and not may(redis_conn, exercise.needs[0]):
            show(f"⏭ {title}: skipped. {exercise.needs[1]}")
            note_verdict(exercise.id, "skipped")
            progress_file.remember_left_out(exercise.id)
            return
        trial = Trial(exercise.id, function, redis_conn, options)
        try:
            passed, text = _judge(exercise, trial, function)
        except TooBusy:
            passed, text = False, f"⌛ {title}: not judged, this machine is too busy now. Run this cell again."
            note_verdict(exercise.id, "not judged, too busy")
        finally:
            _show_printed(trial)
        show(text, folded=f"Why this is right: {verdict.sentence(exercise.why)}" if passed else None)
    if passed:
        progress_file.remember_passed(exercise.id)
        noted = review_session.passed_again(exercise.id)
        if noted is not None:
            show(noted)
            _show_what_follows(exercise.id)


@_never_raises
def hint(exercise_id: str = "") -> None:
    """Shows the next hint. Each is more concrete than the one before."""
    exercise = _find(exercise_id, exercises(), "exercise", USAGE["hint"])
    shown = min(_hints_shown.get(exercise.id, 0), len(exercise.hints) - 1)
    _hints_shown[exercise.id] = shown + 1
    text = f"💡 {exercise.id}, hint {shown + 1} of {len(exercise.hints)}: {exercise.hints[shown]}"
    if shown + 1 == len(exercise.hints):
        text += f'\n   That was the last one. solution("{exercise.id}") shows a solution.'
    show(text)


@_never_raises
def solution(exercise_id: str = "") -> None:
    """Shows a worked solution, and why it is one. There are others."""
    exercise = _find(exercise_id, exercises(), "exercise", USAGE["solution"])
    show(f"{exercise.id} {exercise.title}: one solution\n\n{exercise.solution}\n\nWhy: {exercise.why}")
    _remember_missed(exercise.id)


@_never_raises
def quiz(question_id: str = "", letter: str | None = None) -> None:
    """`quiz("1")` shows a lesson's questions, `quiz("Q1.3")` one of them, `quiz("Q1.3", "b")` a word on option (b).

    The Q tells a question from an exercise of the same number; without it, the question is found too. If the question
    is due for review, the answer counts there, right or wrong.
    """
    number = question_id if callable(question_id) else _without_q(question_id)
    lesson = _plain_id(number)
    of_lesson = [number for number in questions() if number.partition(".")[0] == lesson]
    if letter is None and of_lesson:
        asked = "\n\n".join(_written_question(number) for number in of_lesson)
        show(f'{asked}\n\nAnswer like this: quiz("Q{of_lesson[0]}", "a")')
        return
    question = _find(number, questions(), "question", USAGE["quiz"])
    number = _plain_id(number)
    if letter is None:
        show(_written_question(number))
        return
    chosen = _text_of(letter).strip(" ()").lower()
    if len(chosen) != 1 or chosen not in question.letters:
        show(f"Question Q{number} has the options {', '.join(question.letters)}: choose one of these letters.")
    else:
        _judge_letter(number, chosen, question)


def _judge_letter(number: str, letter: str, question: Question) -> None:
    is_right = letter == question.answer
    verdict = f"✅ Q{number} ({letter}) is right." if is_right else f"❌ Q{number} ({letter}) is wrong."
    show(f"{verdict} {question.word_on(letter)}")
    noted = review_session.answered_in_the_quiz(f"Q{number}", is_right)  # first: what is answered today is not due
    if is_right:
        progress_file.remember_answered(number)
    if noted is not None:
        show(noted)
        _show_what_follows(f"Q{number}")


@_never_raises
def review(question: object = None, letter: object = None) -> None:
    """Asks again, after a day or more, what you have passed: `review()` asks five questions, one after the other.

    `review("Q1.3", "b")` answers a quiz question, `review("P1.2", "a")` a prediction, whose cell is then run on your
    Redis. An exercise is answered with `check`. "later" in place of a letter puts any of them off until tomorrow.
    `review("Q1.3")` shows one of them again. `review(2)` shows at most two short questions, as at the beginning of a
    lesson; more than four are never shown at once.

    Whoever is right sees a question again after 2 days, then after 4, 8 and so on. Whoever is wrong sees it tomorrow.
    So does who needed a second try for an exercise, or its solution.
    """
    if question is None and letter is None:
        show(review_session.next_question(), code_marked=True)
    elif isinstance(question, int) and question > 0 and letter is None and question is not True:
        show(review_session.some_questions(question), code_marked=True)
    elif letter is None:
        show(review_session.look_at(_card_id(question)), code_marked=True)
    else:
        _answer_in_review(_card_id(question), _text_of(letter).strip(" ()").lower())


def _answer_in_review(card_id: str, letter: str) -> None:
    if kind_of(card_id) == "E" and letter != review_session.LATER:
        raise CourseError(
            f'{card_id} is an exercise: check("{card_id}", your_function) answers it, and '
            f'review("{card_id}", "{review_session.LATER}") puts it off. {_HOW_TO_REVIEW}'
        )
    text, counts = review_session.said_to(card_id, letter)
    show(text, code_marked=True)
    if counts:
        show(review_session.what_follows(card_id) or review_session.what_else_is_due(), code_marked=True)


@_never_raises
def progress(lesson: object = None) -> None:
    """Shows a map of the course: what you have passed, what comes next, what is due for review, and your plan.

    `progress("1")` shows the exercises of one lesson. A file beside the notebooks remembers all this, whatever your
    server is.
    """
    if lesson is None:
        show(progress_map.whole_map())
        return
    _find(lesson, lessons(), "lesson", USAGE["progress"])
    show(progress_map.one_lesson(_plain_id(lesson)))


@_never_raises
def plan(when: str = "") -> None:
    """Writes down when you will go on, such as "on Friday, at 20:00". `progress()` shows it."""
    text = " ".join(_text_of(when).split())
    example = 'for example plan("on Friday, at 20:00").'
    if "..." in text:
        show(f"⏳ Write the day and the hour in place of the dots, {example}")
        return
    if not isinstance(when, str) or not text:
        show(f"⏳ Write the day and the hour as a text, in quotes, {example}")
        return
    if len(text) > LONGEST_PLAN:
        raise CourseError(f"A plan has at most {LONGEST_PLAN} letters: the day and the hour are enough.")
    progress_file.remember_plan(text)
    show(f"Written down: {text}. progress() shows it.")


@_never_raises
def report() -> None:
    """Prints what you can send with a question: versions, your kind of server, your progress, the last verdicts.

    Nothing in it is personal: no name, no path, no address, no key, no password, nothing of your code.
    """
    show(report_text())


_HOW_TO_REVIEW = 'A question has a letter before its number: review("Q1.3", "b").'
_OTHER_WAYS_TO_REVIEW = "review() asks what is due, and review(2) shows at most two questions."


def _card_id(wanted: object) -> str:
    """ "Q1.3", "P1.3" or "1.3" for what can be asked again. Raises CourseError for anything else."""
    text = _plain_id(wanted)
    letter = text[:1].upper() if text[:1] in ("q", "Q", "p", "P") else ""
    number = _plain_id(text[1:] if letter else text)
    known: dict[str, set[str]] = {"": {*exercises()}, "Q": {*questions()}, "P": {*predictions()}}
    if callable(wanted) or number not in known[letter]:
        raise CourseError(f"There is no review question {short(wanted)}. {_HOW_TO_REVIEW} {_OTHER_WAYS_TO_REVIEW}")
    return letter + number


def _show_what_follows(card_id: str) -> None:
    """In a review that is under way: the next question, or that it is done."""
    text = review_session.what_follows(card_id)
    if text is not None:
        show(text, code_marked=True)


def _remember_missed(exercise_id: str) -> None:
    """For the review. A progress file that cannot be read is no reason to say less than was asked for."""
    with contextlib.suppress(CourseError):
        review_session.remember_missed(exercise_id)


def _find(wanted: object, known: dict[str, Found], kind: str, usage: str) -> Found:
    if callable(wanted):
        raise CourseError(f"The {kind} comes first, as text: {usage}.")
    found = known.get(_plain_id(wanted))
    if found is None:
        raise CourseError(f"There is no {kind} {short(wanted)}. {_what_exists(_plain_id(wanted), known, kind)}")
    return found


def _what_exists(wanted: str, known: dict[str, Found], kind: str) -> str:
    """Those of the same lesson; where there is no such lesson, what shows them."""
    if kind == "lesson":
        return f"These exist: {', '.join(known)}."
    q = "Q" if kind == "question" else ""
    lesson = wanted.partition(".")[0]
    of_lesson = [q + name for name in known if name.partition(".")[0] == lesson]
    if of_lesson:
        return f"In lesson {int(lesson):02} there are {', '.join(of_lesson)}."
    show_them = 'quiz("1") shows' if kind == "question" else 'progress("1") shows'
    return f"It has a number such as {q}1.2. {show_them} those of lesson 01."


def _plain_id(wanted: object) -> str:
    """ "1.2" for 1.2, " 1.2 ", "01.2" and "Exercise 1.2:"."""
    text = _text_of(wanted).strip()
    text = re.sub(r"^(exercise|question|lesson|quiz)\b", "", text, flags=re.IGNORECASE)
    text = text.strip().rstrip(".:")
    return re.sub(r"^0+(?=\d)", "", text)


def _without_q(wanted: object) -> str:
    """ "1.2" for "Q1.2" and "question Q1.2"."""
    return re.sub(r"^\s*(question\s+)?q(?=\d)", "", _text_of(wanted), flags=re.IGNORECASE)


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception:  # a __str__ that fails
        return ""


def _not_callable_as(function: object, exercise: Exercise) -> str | None:
    """Why the function cannot even be called, or None."""
    name = exercise.function_name
    if function is None:
        return f'give the check your function: check("{exercise.id}", {name}).'
    if inspect.iscoroutine(function):
        function.close()  # otherwise Python warns later that nobody has awaited it
    if not callable(function):
        return (
            f"check needs the function itself, not {short(function)}: write "
            f'check("{exercise.id}", {name}), without parentheses behind {name}.'
        )
    if _is_async_or_yields(function) or _is_async_or_yields(type(function).__call__):
        return f"{name} must be an ordinary function, without async and without yield."
    try:
        inspect.signature(function).bind(*exercise.parameters)
    except TypeError:
        return (
            f"it is called as {exercise.signature}, and yours does not take these {len(exercise.parameters)} arguments."
        )
    except ValueError:  # some built-in functions do not tell what they take
        return None
    return None


def _is_async_or_yields(function: object) -> bool:
    kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)
    return any(is_of_kind(function) for is_of_kind in kinds)


def _judge(exercise: Exercise, trial: Trial, function: Callable) -> tuple[bool, str]:
    """Whether the answer is right, and what to say about it."""
    failures = _failures.get(exercise.id, 0)
    _failures[exercise.id] = failures + 1
    try:
        with trial:
            exercise.check(trial)
    except Failed as failure:
        note_verdict(exercise.id, failure)
        _remember_missed(exercise.id)
        return False, verdict.failed(exercise, trial, function, failure, again=failures > 0)
    except Crashed as crash:
        note_verdict(exercise.id, crash)
        _remember_missed(exercise.id)
        return False, verdict.crashed(exercise, trial, function, crash)
    note_verdict(exercise.id, "passed")
    _failures[exercise.id] = 0
    done, in_review = {exercise.id}, False
    with contextlib.suppress(CourseError):  # it is said when this one is written down
        done.update(progress_file.read_passed())
        in_review = review_session.is_due(exercise.id)  # then the review says what comes next
    return True, verdict.passed(exercise, trial, done, with_next=not in_review)


def _show_printed(trial: Trial) -> None:
    lines = trial.printed.lines()
    if lines:
        show("Your code printed:\n" + "\n".join(f"  | {line}" for line in lines))


def _written_question(number: str) -> str:
    question = questions()[number]
    lines = [f"({letter}) {text}" for letter, (text, _) in zip(question.letters, question.options, strict=True)]
    return f"Q{number}  {question.text}\n" + "\n".join(f"     {line}" for line in lines)


_check_is_running = threading.Lock()


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """A check catches what the whole process prints, and two at once would not give it back."""
    while not _check_is_running.acquire(timeout=0.05):  # in small steps, so that a thread that waits can be stopped
        pass
    try:
        yield
    finally:
        _check_is_running.release()
