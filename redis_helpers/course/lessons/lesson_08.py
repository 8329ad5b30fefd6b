"""Lesson 08: a Redis that is gone, hangs or refuses; time-outs, retries, lost replies, falling back."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import redis

from redis_helpers.course.exercises.checker import Plain, Trial, nobody_there, somebody_silent
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.runner import Outcome, is_an_answers_thread
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.exercises.wire import apart
from redis_helpers.course.lessons.cache_checks import (
    Args,
    Source,
    expect_all_of_it,
    expect_end_in_between,
    expect_ends,
    expect_error_of_load,
    expect_hit,
    expect_json,
    expect_loaded,
    expect_never_immortal,
    expect_same,
    some_fruit,
    some_values,
    tells_of_redis,
    written_as_text,
)

QUICK = 0.08  # seconds until a client of these checks gives up on a server that is silent

# 8.1


def _check_get_or_none(trial: Trial) -> None:
    key = trial.key('price "ü" [*]?')
    for value in (str(trial.number(100, 999)), "0", "", "None"):
        why = "the value is there, and your function must return it as it is"
        if not value:
            why = "an empty text is a value like any other: None means that there is none"
        trial.case(why, (key,), before={key: value}, returns=value, after={key: value})
    trial.case("there is no such key", (key,), before={key: None}, returns=None, after={key: None})
    with nobody_there() as options:
        _expect_none(trial, key, "refused the connection", trial.attempt(key, options=options))
    with somebody_silent() as options:
        outcome = trial.attempt(key, options=options, reply_timeout=QUICK)
        _expect_none(trial, key, "did not answer in time", outcome)
    trial.put({key: "312"})
    _expect_none(trial, key, "answered with an error", trial.attempt(key, error_after=0))
    _expect_none(trial, key, "broke the connection", trial.attempt(key, cut_after=0))
    trial.put({key: {"banana": "312"}})
    _expect_none(trial, key, "answered that the key holds another type", trial.attempt(key))


def _expect_none(trial: Trial, key: str, what: str, outcome: Outcome) -> None:
    if tells_of_redis(outcome.error):
        raise Failed(
            f"Redis {what}, and redis.{type(outcome.error).__name__} came through: your function must return None then",
            cure="Look at the picture: which class stands above all three? Write `redis.` before its name: Python has "
            "a ConnectionError and a TimeoutError of its own, which are other classes.",
        )
    if outcome.error is not None:
        raise Crashed(outcome.error)
    trial.expect(f"Redis {what}: your function must return None then", None, outcome.value)


GET_OR_NONE = Exercise(
    id="8.1",
    title="The value, or None",
    kind="change",
    question="""\
`get_or_none` returns the value under `key`, or `None` if there is no such key. When Redis fails, it must return
`None` too, and raise nothing, in each of the three failures. Change the code.""",
    stub="""\
import redis


def get_or_none(redis_conn, key):
    try:
        return redis_conn.get(key)
    except redis.ConnectionError:
        return None""",
    hints=(
        "It works when nobody is there. What happens when Redis hangs?",
        "In the picture, one class stands above the three others. `except` with this class catches all of them.",
    ),
    solution="""\
import redis


def get_or_none(redis_conn, key):
    try:
        return redis_conn.get(key)
    except redis.RedisError:
        return None""",
    why="RedisError stands above ConnectionError, TimeoutError and ResponseError, so one line catches all three.",
    check=_check_get_or_none,
)

# 8.2

MINUTES = 600  # seconds that the price of 8.2 lives


def _check_save_price(trial: Trial) -> None:
    key = trial.key("price *ü*")
    price = trial.number(100, 999)
    after = {key: Ends(str(price), MINUTES)}
    for before in ({}, {key: "299"}, {key: Ends("299", 20)}):
        trial.case("the price must be stored, for 600 seconds", (key, price), before=before, after=after)
        _expect_one_set(trial)

    trial.put({})
    outcome = trial.attempt(key, price, lost_reply=1)
    if tells_of_redis(outcome.error):
        raise Failed(
            "the connection broke once, and your function gave up: the second try would have stored the price, or "
            "stored it once more, which does no harm",
            cure="Catch the error of the first try, and send the same command once more.",
        )
    if outcome.error is not None:
        raise Crashed(outcome.error)
    trial.expect_state("the connection broke once", after)

    with nobody_there() as options:
        _expect_error(trial, "refuses connections", trial.attempt(key, price, options=options))
        _expect_tries(trial, 2, "refuses the connection", trial.attempt, key, price, options=options)
    with somebody_silent() as options:
        outcome = trial.attempt(key, price, options=options, reply_timeout=QUICK)
        _expect_error(trial, "is silent", outcome)
        what = "is silent, which is a TimeoutError"
        _expect_tries(trial, 2, what, trial.attempt, key, price, options=options, reply_timeout=QUICK)
    trial.put({})
    _expect_error(trial, "has no room left", trial.attempt(key, price, error_after=0))
    _expect_tries(trial, 1, "has no room left", trial.attempt, key, price, error_after=0)


def _expect_one_set(trial: Trial) -> None:
    """Nothing failed, so one command has stored the price and its TTL."""
    if "EXPIRE" in trial.commands or "PEXPIRE" in trial.commands:
        raise Failed(
            "the price and its TTL went to Redis in two commands: if the program dies between them, the price never "
            "ends",
            Plain("SET"),
            Plain(", ".join(trial.commands)),
            cure="SET takes the TTL with it: set(key, price, ex=600).",
        )
    trial.expect("nothing failed, and your function stored the price more than once", 1, len(trial.commands))


def _expect_error(trial: Trial, what: str, outcome: Outcome) -> None:
    """The caller learns that the price is not stored."""
    if outcome.error is None:
        raise Failed(
            f"Redis {what}, each time, and your function kept that to itself: its caller believes that the price is "
            "stored",
            Plain("the error of Redis"),
            Plain("no error"),
            cure="The second try stands in no try block: the caller gets its error.",
        )
    if not tells_of_redis(outcome.error):
        raise Crashed(outcome.error)


def _expect_tries(
    trial: Trial, wanted: int, what: str, attempt: Callable[..., Outcome], *args: object, **how: Any
) -> None:
    """How often the command is sent, counted at redis-py's own door."""
    tries = []
    execute = redis.Redis.execute_command

    def counted(client: redis.Redis, *words: Any, **options: Any) -> Any:
        if is_an_answers_thread() and str(words[0]).upper() in ("SET", "SETEX", "PSETEX"):
            tries.append(words)
        return execute(client, *words, **options)

    with mock.patch("redis.Redis.execute_command", counted):
        attempt(*args, **how)
    if not tries or len(tries) == wanted:  # a script, a pipeline: not counted here
        return
    if wanted == 1:
        raise Failed(
            "Redis answered that it has no room left, and your function asked once more: an answer is no broken "
            "connection, and the second one will be the same",
            Plain("1 try"),
            Plain(f"{len(tries)} tries"),
            cure="Catch ConnectionError and TimeoutError, and no other error.",
        )
    raise Failed(
        f"Redis {what}, and your function tried too {'seldom' if len(tries) < wanted else 'often'}: it must try once, "
        "and then once more",
        Plain(f"{wanted} tries"),
        Plain("1 try" if len(tries) == 1 else f"{len(tries)} tries"),
        cure="Send SET once, and once more when it fails. `except` takes several classes in parentheses.",
    )


SAVE_PRICE = Exercise(
    id="8.2",
    title="Once more, and no third time",
    kind="write",
    question="""\
Write `save_price`. It stores `price` under `key` for 600 seconds, with `SET` and `ex`. If that fails with a
`redis.ConnectionError` or a `redis.TimeoutError`, it sends the same `SET` once more. If this fails too, the caller gets
the error. Any other error reaches the caller after the first `SET`.""",
    stub="""\
import redis


def save_price(redis_conn, key, price):
    # your code here
    ...""",
    hints=(
        "`except` takes several classes, in parentheses: `except (ValueError, KeyError):` catches both.",
        "The first `SET` stands in the `try` block. The second stands in the `except` block, so nobody catches its "
        "error.",
    ),
    solution="""\
import redis


def save_price(redis_conn, key, price):
    try:
        redis_conn.set(key, price, ex=600)
    except (redis.ConnectionError, redis.TimeoutError):
        redis_conn.set(key, price, ex=600)""",
    why="SET may be sent twice: the second one stores the same price again. With INCR, the same function would be "
    "wrong. A refusal is an answer, and asking again brings the same answer.",
    check=_check_save_price,
)

# 8.3


@written_as_text
def _check_read_anyway(trial: Trial) -> None:
    ttl = trial.number(200, 400)

    def args(key: str, source: Source) -> tuple:
        return key, source.load, ttl

    key = trial.key('fruit [*] "ü"?')
    fruit = some_fruit(trial)
    _expect_text(trial, args, key, fruit)
    for value in some_values(trial):
        trial.put({})
        source = expect_loaded(trial, args, key, value)
        expect_json(trial, key, value)
        expect_ends(trial, key, ttl)
        expect_hit(trial, args, key, source)

    with nobody_there() as options:
        _expect_fall_back(trial, args, key, fruit, "refuses connections", options=options)
        _expect_no_pause(trial, args(key, Source(fruit)), options=options)
        _expect_error_without_redis(trial, args, key, options=options)
    with somebody_silent() as options:
        what = "accepts the connection and never answers"
        _expect_fall_back(trial, args, key, fruit, what, options=options, reply_timeout=QUICK)
    trial.put({})
    trial.call(*args(key, Source(fruit)))
    sent = list(trial.commands)
    for reached in range(len(sent)):
        trial.put({})
        what = f"died after your command number {reached} ({sent[reached - 1]})" if reached else "died"
        _expect_fall_back(trial, args, key, fruit, what, cut_after=reached)
        trial.put({})
        last = f"your command number {reached + 1} ({sent[reached]})"
        _expect_fall_back(trial, args, key, fruit, f"answered {last} with an error", error_after=reached)
        trial.put({})
        _expect_fall_back(trial, args, key, fruit, f"died before it answered {last}", lost_reply=reached + 1)
    expect_never_immortal(trial, args, key, fruit)
    expect_all_of_it(trial, args, key, fruit, ttl)
    _expect_load_in_no_try(trial, args, key)
    expect_error_of_load(trial, args, key)
    expect_end_in_between(trial, args, key, {key: json.dumps(fruit)})


def _expect_fall_back(trial: Trial, args: Args, key: str, value: object, what: str, **how: Any) -> None:
    """Redis is taken away, and the function must answer from the source, having asked it once."""
    source = Source(value)
    outcome = trial.attempt(*args(key, source), **how)
    if isinstance(outcome.error, redis.TimeoutError):
        raise Failed(f"Redis {what}, and TimeoutError came through: it is a RedisError, but not a ConnectionError")
    if isinstance(outcome.error, redis.ResponseError):
        raise Failed(
            f"Redis {what}, and {type(outcome.error).__name__} came through: the customer gets an error page though "
            "the source could have answered. Not every failure of Redis is a matter of the connection",
            cure="One class stands above all errors of redis-py: redis.RedisError.",
        )
    if isinstance(outcome.error, redis.RedisError):
        raise Failed(
            f"Redis {what}, and your function raised {type(outcome.error).__name__}: answer from load() instead"
        )
    if outcome.error is not None:
        raise Crashed(outcome.error)
    expect_same(f"Redis {what}, and the answer must come from load()", value, outcome.value)
    trial.expect(f"Redis {what}, and load() must be called once: the source has enough to do now", 1, source.calls)


def _expect_text(trial: Trial, args: Args, key: str, fruit: object) -> None:
    """redis-py stores no dict: its DataError is a RedisError, so the `except` of this exercise would hide it."""
    trial.put({})
    with _asked() as asked:
        outcome = trial.attempt(*args(key, Source(fruit)))
    if outcome.error is None and any(isinstance(error, redis.DataError) for error in asked):
        raise Failed(
            "load() gave a dict, redis-py cannot store a dict, and your `except` caught its DataError: nothing was "
            "cached",
            Plain("JSON text"),
            Plain("a dict"),
            cure="Store json.dumps(value), and read it with json.loads(cached).",
        )


@contextlib.contextmanager
def _asked() -> Iterator[list[Exception | None]]:
    """What became of each command of the learner's function, noted at redis-py's own door: None, or its error."""
    asked: list[Exception | None] = []
    execute = redis.Redis.execute_command

    def noted(client: redis.Redis, *words: Any, **options: Any) -> Any:
        if not is_an_answers_thread():
            return execute(client, *words, **options)
        try:
            answer = execute(client, *words, **options)
        except Exception as error:
            asked.append(error)
            raise
        asked.append(None)
        return answer

    with mock.patch("redis.Redis.execute_command", noted):
        yield asked


def _expect_no_pause(trial: Trial, args: tuple, **how: Any) -> None:
    """Nobody sleeps, or waits otherwise. (There the quickest of five calls counts: a busy machine is slow, too.)"""
    slept: list[float] = []
    sleep = time.sleep

    def note(seconds: float) -> None:
        if is_an_answers_thread():
            slept.append(seconds)
        else:
            sleep(seconds)

    quickest = 60.0
    for _ in range(5):
        begin = time.monotonic()
        with mock.patch("time.sleep", note):
            trial.attempt(*args, **how)
        quickest = min(quickest, time.monotonic() - begin)
        if slept or quickest < 0.25:
            break
    waited = sum(slept) or quickest
    if waited >= 0.05 and (slept or quickest >= 0.25):
        raise Failed(
            f"Redis is gone, and each customer waited {waited:.2f} seconds for nothing: the source could have answered "
            "at once",
            Plain("no pause"),
            Plain(f"{waited:.2f} seconds"),
            cure="Do not try again: the next reader will.",
        )


def _expect_error_without_redis(trial: Trial, args: Args, key: str, **how: Any) -> None:
    source = Source(LookupError("no such row"))
    outcome = trial.attempt(*args(key, source), **how)
    if outcome.error is None:
        raise Failed("Redis is gone, load() raised LookupError, and your function kept it to itself")
    trial.expect("Redis is gone, load() raised, and your function called it again", 1, source.calls)
    if outcome.error is not source.value:
        raise Crashed(outcome.error)


def _expect_load_in_no_try(trial: Trial, args: Args, key: str) -> None:
    """Whoever catches the error of load(), and then uses the value that never came, hears about load() first."""
    trial.put({})
    source = Source(LookupError("no such row"))
    outcome = trial.attempt(*args(key, source))
    if source.calls and isinstance(outcome.error, UnboundLocalError):
        raise Failed(
            "the source failed: load() raised LookupError, your `except` caught it, and then there was no value to "
            "return",
            Plain("the LookupError of load()"),
            Plain(f"UnboundLocalError: {outcome.error}"),
            cure="load() stands in no `try` block.",
        )


READ_ANYWAY = Exercise(
    id="8.3",
    title="Redis is gone, the market is open",
    kind="write",
    question="""\
Write `read_anyway`: cache-aside as in `read_through`, and it also answers when Redis fails. When `GET` fails, it
returns what `load()` gives. When `SET` fails, it returns the value that it has. It calls `load()` **once** at most, and
sends no command twice. If `load()` raises an error, the caller gets it.""",
    stub="""\
import json

import redis


def read_anyway(redis_conn, key, load, ttl):
    # your code here
    ...""",
    hints=(
        "Both GET and SET can fail, so each needs a `try`. `load()` stands in no `try` block, and then it is called "
        "once.",
        "Write the `GET` as in exercise 8.1. When it fails, there is nothing more to ask Redis: `return load()`.",
        "Behind `value = load()`, the `SET` stands in a second `try`. When it fails, do nothing: `pass`.",
    ),
    solution="""\
import json

import redis


def read_anyway(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        return load()
    if cached is not None:
        return json.loads(cached)
    value = load()
    try:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    except redis.RedisError:
        pass  # the reader has the value; the next one will try to store it
    return value""",
    why="RedisError covers all three failures. load() is in no try block, so its errors are not taken for Redis's, and "
    "it never runs twice. After a failed GET, Redis is asked nothing more: when it hangs, the customer waits for one "
    "time-out, and not for two.",
    check=_check_read_anyway,
)

# 8.4


def _check_save_and_tell(trial: Trial) -> None:
    key, price = trial.key("price ü *"), trial.number(100, 999)
    for before in ({key: Ends("312", 300)}, {key: "312"}, {}):
        saver = _Saver(trial, key)
        trial.put(before)
        saver.look()
        value = trial.call(key, saver.save, price)
        _expect_saved(trial, saver, price, before)
        trial.expect_state("a copy is still in the cache: delete it", {key: None})
        why = "the copy is deleted" if before else "there was no copy, so DEL had nothing to delete (it returns 0)"
        trial.expect(f"{why}, and nobody will see the old price: return True", True, value)

    with nobody_there() as options:
        _expect_told(trial, key, price, "refused the connection", options=options)
    with somebody_silent() as options:
        _expect_told(trial, key, price, "did not answer in time", options=options, reply_timeout=QUICK)
    _expect_told(trial, key, price, "answered with an error", error_after=0)
    _expect_told(trial, key, price, "broke the connection", cut_after=0)
    for error in (LookupError("no such fruit"), redis.ConnectionError("the source is a Redis too, and is gone")):
        _expect_error_of_save(trial, key, price, error)


class _Saver:
    """`save` of the source: counts, and notes whether the copy was still there at that moment."""

    def __init__(self, trial: Trial, key: str, error: Exception | None = None) -> None:
        self.prices: list[object] = []
        self.copy_was_there = False
        self._trial, self._key, self._error = trial, key, error
        self._there = False

    def look(self) -> None:
        self._there = bool(self._trial.redis.exists(self._key))

    @property
    def save(self) -> Callable[[object], None]:
        def save(price: object) -> None:
            self.prices.append(price)
            apart(self._read)()
            if self._error is not None:
                raise self._error

        return save

    def _read(self) -> None:
        self.copy_was_there = bool(self._trial.redis.exists(self._key))

    def deleted_first(self) -> bool:
        return self._there and not self.copy_was_there


def _expect_saved(trial: Trial, saver: _Saver, price: object, before: dict) -> None:
    trial.expect("save(price) must be called once, with the new price", [price], saver.prices)
    if saver.deleted_first():
        raise Failed(
            "your function deleted the copy first, and saved then: a reader in between loads the old price, and stores "
            "it again (lesson 07)",
            cure="First `save(price)`, then delete.",
        )


def _expect_told(trial: Trial, key: str, price: int, what: str, **how: Any) -> None:
    trial.put({key: Ends("312", 300)})
    saver = _Saver(trial, key)
    saver.look()
    outcome = trial.attempt(key, saver.save, price, **how)
    if tells_of_redis(outcome.error):
        raise Failed(
            f"Redis {what} at the deletion, and {type(outcome.error).__name__} came through: the price is saved, and "
            "the user sees an error page, as if it were not",
            Plain("False"),
            Plain(f"the error {type(outcome.error).__name__}"),
            cure="The deletion stands in a `try`, and save(price) does not."
            if isinstance(outcome.error, redis.ConnectionError)
            else "One class stands above all errors of redis-py: redis.RedisError.",
        )
    if outcome.error is not None:
        raise Crashed(outcome.error)
    trial.expect(f"Redis {what}, and save(price) must be called once, all the same", [price], saver.prices)
    trial.expect(
        f"Redis {what} at the deletion: the old price may be seen for a while, so return False", False, outcome.value
    )


def _expect_error_of_save(trial: Trial, key: str, price: int, error: Exception) -> None:
    trial.put({key: Ends("312", 300)})
    saver = _Saver(trial, key, error)
    outcome = trial.attempt(key, saver.save, price)
    if outcome.error is None:
        raise Failed(
            f"the source could not save the price (save() raised {type(error).__name__}), and your function kept it to "
            "itself: the user believes that the price is saved",
            Plain("the error of save()"),
            Plain(f"the answer {outcome.value!r}"),
            cure="save(price) stands in no `try` block.",
        )
    if outcome.error is not error:
        raise Crashed(outcome.error)
    trial.expect("the source could not save the price, and your function called save() again", 1, len(saver.prices))


SAVE_AND_TELL = Exercise(
    id="8.4",
    title="Saved, and what to tell",
    kind="write",
    question="""\
Write `save_and_tell`. It calls `save(price)`, then deletes the copy under `key`, and returns `True`. When Redis fails
at the deletion, it raises nothing and returns `False`: the price is saved, and the old one may be seen for a while.
If `save` raises an error, the caller gets it: then nothing is saved.""",
    stub="""\
import redis


def save_and_tell(redis_conn, key, save, price):
    # your code here
    ...""",
    hints=(
        "The order is that of lesson 07: first save, then delete.",
        "Only one of the two steps stands in a `try` block. Which one may fail without an error for the user?",
    ),
    solution="""\
import redis


def save_and_tell(redis_conn, key, save, price):
    save(price)
    try:
        redis_conn.delete(key)
    except redis.RedisError:
        return False
    return True""",
    why="The caller can now tell the user the truth: saved, and perhaps seen later. It can write the key down and "
    "delete it later: a deletion may be repeated.",
    check=_check_save_and_tell,
)

EXERCISES = (GET_OR_NONE, SAVE_PRICE, READ_ANYWAY, SAVE_AND_TELL)

QUIZ = (
    Question(
        "A shop counts the visitors of its page with `INCR`. Its client is `redis.Redis(host=...)`, with nothing else "
        "set. The network has problems every day. What does the counter show?",
        (
            ("Too many visitors", "This client retries ten times. A lost reply makes it send INCR again."),
            ("Too few visitors", "A visit would be missing if the client gave up. This one tries ten times more."),
            ("The right number", "Redis does each INCR that arrives. It cannot know that one was sent again."),
        ),
        answer="a",
    ),
    Question(
        "`SET lock anna NX` is sent. The reply is lost, and the client sends the command once more. Nobody else wants "
        "the lock. What does Anna's program get?",
        (
            ("True: the lock is hers", "The first SET has stored it. The second one found a key, and stored nothing."),
            ("ConnectionError", "The second try went well: it brought an answer."),
            ("None, although the lock is hers", "Her own first SET is in her way. NX is not safe to repeat."),
        ),
        answer="c",
    ),
    Question(
        "A page reads 20 prices from the cache, one after another. Each read falls back to the source when Redis "
        "fails. The time-out is 0.5 seconds, without retries. Redis hangs. What does the customer see?",
        (
            ("The page, a little later than usual", "Each of the 20 reads waits for its own time-out."),
            ("The page, after more than ten seconds", "20 reads wait half a second each. For a cache, wait less."),
            ("An error page", "Each read falls back to the source, so the page comes. But when?"),
        ),
        answer="b",
    ),
    Question(
        "`DEL` of a copy fails with a `TimeoutError`, after the new price was saved. Is the copy still there?",
        (
            ("Yes: the command has failed", "No reply came. The command may have arrived all the same."),
            ("No: Redis has got the command", "Perhaps it has. Nobody told the client."),
            ("It may be there or not", "So send DEL again later: a second DEL does no harm."),
        ),
        answer="c",
    ),
    Question(
        "A log-in page keeps its sessions in Redis, and nowhere else. Redis is gone. What can `except RedisError` do?",
        (
            ("Ask the source", "There is none: the sessions are in Redis only."),
            (
                "Tell the customer to come back later",
                "A cache can be left out. What is kept in Redis alone cannot: then an honest message is all there is.",
            ),
            ("Return None: nobody is logged in", "All customers would be logged out, and lose what they were doing."),
        ),
        answer="b",
    ),
)
