"""What the learner calls: check, hint, solution, quiz and progress. They show a text, and never raise."""

import inspect
import threading
import time
from collections.abc import Callable
from functools import wraps

import redis

from redis_helpers.connection import RedisConnectionHandle, connect_options
from redis_helpers.course.exercises.catalog import exercises, lessons, questions
from redis_helpers.course.exercises.checker import Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed
from redis_helpers.course.exercises.shown import first_words, raised_at, short, show
from redis_helpers.course.exercises.untouched import is_untouched
from redis_helpers.errors import CourseError
from redis_helpers.server import knows

PROGRESS_KEY = "course:progress"  # a hash: exercise id → the day it was passed

_hints_shown: dict[str, int] = {}


def _never_raises(method):
    """Whatever goes wrong becomes a sentence, so that a notebook always runs to its end."""

    @wraps(method)
    def quiet(*args, **kwargs) -> None:
        try:
            method(*args, **kwargs)
        except CourseError as problem:
            show(problem)
        except redis.RedisError as problem:
            show(f"Redis did not do what was asked ({type(problem).__name__}: {problem}): run the connect cell again.")
        except KeyboardInterrupt:
            show("Interrupted.")
        except Exception as problem:
            show(f"This did not work ({type(problem).__name__}: {first_words(problem)}).")

    return quiet


@_never_raises
def check(exercise_id: str = "", function: Callable | None = None) -> None:
    """Runs your function, and says not attempted yet (⏳), passed (✅), failed and why (❌), raised (💥).

    It runs several times, with inputs of the check's own, on keys of the check's own, which are gone afterwards.
    """
    exercise = _find(exercise_id, exercises(), "exercise")
    title = f"{exercise.id} {exercise.title}"
    if is_untouched(function, exercise.stub):
        verb = "Change" if exercise.kind == "change" else "Write"
        show(f"⏳ {title}: not attempted yet. {verb} {exercise.signature}, and run this cell again.")
        return
    if problem := _not_callable_as(function, exercise):
        show(f"❌ {title}: {problem}")
        return
    redis_conn, options = _course_redis()
    if exercise.needs and not knows(redis_conn, exercise.needs[0]):
        show(f"⏭ {title}: skipped. {exercise.needs[1]}")
        return
    trial = Trial(exercise.id, function, redis_conn, options)
    try:
        with trial:
            exercise.check(trial)
    except Failed as failure:
        verdict = f"❌ {title}: {_sentence(failure.why)}{_details(failure, trial)}"
    except Crashed as crash:
        verdict = f"💥 {title}: {_crash(crash.error, function)}{_called(trial)}"
    else:
        verdict = f"✅ {title}: passed."
        _remember(exercise.id)
    if printed := trial.printed.lines():
        show("Your code printed:\n" + "\n".join(f"  | {line}" for line in printed))
    show(verdict)


@_never_raises
def hint(exercise_id: str = "") -> None:
    """Shows the next hint. Each is more concrete than the one before."""
    exercise = _find(exercise_id, exercises(), "exercise")
    shown = min(_hints_shown.get(exercise.id, 0), len(exercise.hints) - 1)
    _hints_shown[exercise.id] = shown + 1
    text = f"💡 {exercise.id}, hint {shown + 1} of {len(exercise.hints)}: {exercise.hints[shown]}"
    if shown + 1 == len(exercise.hints):
        text += f'\n   That was the last one. solution("{exercise.id}") shows a solution.'
    show(text)


@_never_raises
def solution(exercise_id: str = "") -> None:
    """Shows a worked solution, and why it is one. There are others."""
    exercise = _find(exercise_id, exercises(), "exercise")
    show(f"{exercise.id} {exercise.title}: one solution\n\n{exercise.solution}\n\nWhy: {exercise.why}")


@_never_raises
def quiz(question_id: str = "", letter: str | None = None) -> None:
    """`quiz("1")` shows a lesson's questions, `quiz("1.3")` one of them, `quiz("1.3", "b")` a word on option (b)."""
    wanted = str(question_id)
    lesson = str(int(wanted)) if wanted.isdecimal() else None  # "01" is the same as "1"
    of_lesson = [number for number in questions() if number.partition(".")[0] == lesson]
    if letter is None and of_lesson:
        asked = "\n\n".join(_written_question(number) for number in of_lesson)
        show(f'{asked}\n\nAnswer like this: quiz("{of_lesson[0]}", "a")')
        return
    question = _find(wanted, questions(), "question")
    if letter is None:
        show(_written_question(wanted))
        return
    chosen = str(letter).strip(" ()").lower()
    if len(chosen) != 1 or chosen not in question.letters:
        show(f"Question {wanted} has the options {', '.join(question.letters)}: choose one of these letters.")
    elif chosen == question.answer:
        show(f"✅ {wanted} ({chosen}) is right. {question.word_on(chosen)}")
    else:
        show(f"❌ {wanted} ({chosen}) is wrong. {question.word_on(chosen)}")


@_never_raises
def progress() -> None:
    """Shows which exercises you have passed. Your Redis remembers them, in the hash `course:progress`."""
    redis_conn, _ = _course_redis()
    passed, lines = redis_conn.hgetall(PROGRESS_KEY), []
    for number, lesson in lessons().items():
        done = sum(exercise.id in passed for exercise in lesson.EXERCISES)
        lines.append(f"Lesson {int(number):02}: {done} of {len(lesson.EXERCISES)} passed")
        for exercise in lesson.EXERCISES:
            lines.append(f"  {'✅' if exercise.id in passed else '⏳'} {exercise.id} {exercise.title}")
    show("\n".join(lines))


def _find(wanted: object, known: dict, kind: str):
    if callable(wanted):
        raise CourseError(f'The {kind} comes first, as text: check("1.2", your_function).')
    if str(wanted) in known:
        return known[str(wanted)]
    raise CourseError(f"There is no {kind} {short(wanted)}. These exist: {', '.join(known)}.")


def _not_callable_as(function: object, exercise: Exercise) -> str | None:
    """Why the function cannot even be called, or None."""
    name = exercise.function_name
    if function is None:
        return f'give the check your function: check("{exercise.id}", {name}).'
    if not callable(function):
        return (
            f"check needs the function itself, not {short(function)}: write "
            f'check("{exercise.id}", {name}), without parentheses behind {name}.'
        )
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
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


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def _details(failure: Failed, trial: Trial) -> str:
    lines = []
    if failure.expected is not None or failure.seen is not None:
        lines += [f"\n   expected: {short(failure.expected)}", f"\n   seen:     {short(failure.seen)}"]
    return "".join(lines) + _called(trial) + _sent_nothing(trial)


def _called(trial: Trial) -> str:
    return f"\n   call:     {trial.last_call}" if trial.last_call else ""


def _sent_nothing(trial: Trial) -> str:
    if trial.last_call is None or trial.commands or trial.was_refused or not trial.redis_was_there:
        return ""
    return "\n   Note: this call sent no command to Redis. (A pipeline sends nothing before its execute().)"


# A word on errors that learners meet: the error, a part of its message, the word.
ADVICE = (
    (redis.ResponseError, "arguments for 'unlink'", "No key matched: look before you UNLINK."),
    (redis.ResponseError, "arguments for 'del'", "No key matched: look before you DEL."),
    (redis.DataError, "", "redis-py sends text, bytes and numbers only, and takes whole seconds for a TTL."),
    (redis.TimeoutError, "", "TimeoutError is a RedisError, but not a ConnectionError."),
    (NameError, "", "Import or define that name first."),
    (RecursionError, "", "The function calls itself without end."),
)


def _crash(error: BaseException, function: Callable) -> str:
    text = first_words(error)
    message = f": {text}" if text else ""
    advice = next((f"\n   {word}" for kind, part, word in ADVICE if isinstance(error, kind) and part in text), "")
    return f"your code raised {type(error).__name__}{message}{raised_at(error, function)}{advice}"


def _written_question(number: str) -> str:
    question = questions()[number]
    lines = [f"({letter}) {text}" for letter, (text, _) in zip(question.letters, question.options, strict=True)]
    return f"{number}  {question.text}\n" + "\n".join(f"     {line}" for line in lines)


def _remember(exercise_id: str) -> None:
    redis_conn, _ = _course_redis()
    redis_conn.hset(PROGRESS_KEY, exercise_id, time.strftime("%Y-%m-%d"))


_handle: RedisConnectionHandle | None = None
_client: redis.Redis | None = None
_guard = threading.Lock()


def _course_redis() -> tuple:
    """The check's own client, and the address of the notebook's Redis. Raises CourseError when it is not there."""
    global _handle, _client
    with _guard:
        configured = connect_options()
        same = _handle is not None and (_handle.embedded if configured is None else _handle.options == configured)
        if not same or not _answers(_client):
            if _handle is not None:
                _handle.close()
            _handle, _client = RedisConnectionHandle(), None
            _client = _handle.connect()
        return _client, _handle.options


def _answers(client: redis.Redis | None) -> bool:
    try:
        return client is not None and client.ping()
    except redis.RedisError:
        return False
