"""Lesson 12: a fixed window: a request's number, a counter that ends, Retry-After, whose counter, open or closed."""

import contextlib
import math
import time
from collections.abc import Iterable, Iterator

import redis

from redis_helpers.course.exercises.checker import Plain, Trial, nobody_there, somebody_silent
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.runner import Outcome
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends, Entry
from redis_helpers.course.lessons.cache_checks import tells_of_redis

QUICK = 0.08  # seconds until a client of these checks gives up on a server that is silent


@contextlib.contextmanager
def _cure(text: str) -> Iterator[None]:
    """What is found wrong within has this cure. Only for what does not call the learner's function."""
    try:
        yield
    except Failed as failed:
        failed.cure = failed.cure or text
        raise


# 12.1


def _check_is_let_in(trial: Trial) -> None:
    key, limit = trial.key("customer"), trial.number(12, 60)
    _expect_place(trial, key, limit, None, True)
    _expect_place(trial, key, 100, 8, True)  # as a text, "9" is more than "100"
    for count in (1, 9, limit - 1):
        _expect_place(trial, key, limit, count, True)
    for count in (limit, limit + 1, 100):
        _expect_place(trial, key, limit, count, False)

    def why(run: Run) -> str:
        if [outcome.value for outcome in run.outcomes] == [True, True]:
            return "two requests at once, and one place: both were let in"
        return "two requests at once: what came out is not what comes out when one goes after the other"

    callers = {"request A": (key, limit), "request B": (key, limit)}
    with _cure("Do not look first. Count with INCR: its reply is the number of this request, and of no other."):
        lost = "two requests at once, and one of them was not counted: one more comes in later than the limit allows"
        trial.orders(lost, callers, before=lambda: trial.put({key: limit - 5}))
        trial.orders(why, callers, before=lambda: trial.put({key: limit - 1}))
    trial.every_error((key, limit), before=lambda: trial.put({key: limit - 5}))


def _expect_place(trial: Trial, key: str, limit: int, count: int | None, let_in: bool) -> None:
    """One request, while nobody else asks. A denied request may be counted, or not."""
    for ends in (False, True):
        before = {} if count is None else {key: Ends(str(count), 300) if ends else str(count)}
        trial.put(before)
        answer = trial.call(key, limit)
        seen = Plain(f"{answer!r} with {count or 0} of {limit} counted before")
        if type(answer) is not bool:
            raise Failed("return True or False", Plain(str(let_in)), seen)
        if answer is not let_in:
            raise Failed(
                "there was a place left, and the request was denied"
                if let_in
                else "the limit was reached, and one more request was let in",
                Plain(str(let_in)),
                seen,
                cure="The request has a place if its number is at most `limit`, which your function is given. Compare "
                "numbers, not texts.",
            )
        now = [str((count or 0) + 1)] if let_in else [str((count or 0) + 1), str(count)]
        entry = trial.state().get(key)
        found = None if entry is None else entry.value
        if found not in now:
            seen = Plain("no counter" if found is None else str(found))
            cure = "The counter is a number by itself, as INCR makes it." if isinstance(found, dict) else None
            raise Failed("the counter must count this request, once", Plain(now[0]), seen, cure=cure)
        trial.expect_state(
            "the counter must count this request, and nothing else may change",
            {key: Ends(found, 300) if ends and count is not None else found},
        )


IS_LET_IN = Exercise(
    id="12.1",
    title="Is there a place?",
    kind="write",
    question="""\
Write `is_let_in`. It counts one request. It returns `True` if the request's number is at most `limit`, otherwise
`False`. Many requests come at the same moment. (The counter needs no TTL yet.)""",
    stub="""\
def is_let_in(redis_conn, key, limit):
    # your code here
    ...""",
    hints=(
        "Do not look first. `redis_conn.incr(key)` counts the request, and returns its number.",
        "Compare this number with `limit`. Number 10 of 10 still has a place, number 11 has none.",
    ),
    solution="""\
def is_let_in(redis_conn, key, limit):
    number = redis_conn.incr(key)
    return number <= limit""",
    why="INCR counts and answers in one step, so no two requests get the same number. Only one of them can be number "
    "10. A denied request is counted, too. This does no harm: the limit was reached before it.",
    check=_check_is_let_in,
)

# 12.2


def _check_count_request(trial: Trial) -> None:
    key, window = trial.key("customer"), trial.number(300, 900) * 1000 + trial.number(700, 950)
    count = trial.number(101, 900)
    trial.expect("the first request of a window is number 1", 1, trial.call(key, window))
    if not trial.redis.exists(key):
        raise Failed("nothing is counted under the key that your function was given", key, trial.keys(trial.prefix))
    if trial.redis.ttl(key) == -1:
        raise Failed(
            "the counter has no TTL: its window never ends, and after the limit the customer is out for ever",
            cure="the counter needs its TTL at the moment at which it is made",
        )
    with _cure("`px` takes milliseconds, `ex` takes seconds, and the number is your function's `window`"):
        wrong_unit = "the window does not last as long as it should: look at the TTL's unit, and at whose number it is"
        trial.expect_ttl(wrong_unit, key, window / 1000 - 2, window / 1000 + 0.001)
        trial.expect_state("the counter is to hold 1 after one request", {key: Ends("1", window / 1000)})
    _expect_less_than_a_second(trial, key)

    trial.put({key: Ends(str(count), 20)})
    answer = trial.call(key, window)
    if answer == 1:
        raise Failed(
            "the counter began anew, in the middle of its window: nobody is ever denied",
            count + 1,
            answer,
            cure="SET without NX replaces what is there, at each request",
        )
    trial.expect("each request gets the next number, and this window had counted already", count + 1, answer)
    with _cure("only the request that makes the counter may set the TTL"):
        renewed = "the request started the window anew: for a customer who asks again and again, it never ends"
        trial.expect_ttl(renewed, key, 15, 20)
        trial.expect_state("the counter must count each request once", {key: Ends(str(count + 1), 20)})

    trial.every_cut(
        "it left a counter that never ends. Making the counter and giving it its TTL belong together",
        (key, window),
        lambda: None,
        allowed=lambda left: left.get(key, ("0", True)) == ("0", True),  # counted nothing, and ends
    )
    trial.orders(
        "two requests at once must get two numbers: with one number for both, one too many is let in",
        {"request A": (key, window), "request B": (key, window)},
        before=lambda: None,
    )
    trial.every_gap(
        "the window ended between two of your commands, and the counter that came then has no TTL, or a wrong number",
        (key, window),
        before=lambda: trial.put({key: Ends(str(count), 20)}),
        rivals={"the window ends": lambda: trial.redis.delete(key)},
    )
    trial.every_error((key, window), before=lambda: None)


def _expect_less_than_a_second(trial: Trial, key: str) -> None:
    """A window of some hundred milliseconds, which no whole number of seconds can be."""
    window = trial.number(200, 400)
    trial.put({})
    trial.call(key, window)
    if trial.redis.pttl(key) > window:
        raise Failed(
            "a window of less than a second lasts too long: look at the unit, and at how it is rounded",
            Plain(f"a TTL of at most {window} ms"),
            Plain(f"{trial.redis.pttl(key)} ms"),
        )


COUNT_REQUEST = Exercise(
    id="12.2",
    title="A window that ends by itself",
    kind="blank",
    question="""\
`count_request` returns the request's number in its window of `window` milliseconds. The first request opens the window,
and later ones do not make it longer. The program may be killed at any moment, and still each counter must end. One line
is missing: write it in place of the `...`.""",
    stub="""\
def count_request(redis_conn, key, window):
    with redis_conn.pipeline() as pipe:
        ...  # make the counter with its TTL, if there is none
        pipe.incr(key)
        replies = pipe.execute()
    return replies[-1]  # the reply of INCR""",
    hints=(
        "The missing line is a `SET`, as in `set_then_count`. But it must go through `pipe`, so that it stands between "
        "MULTI and EXEC.",
        "Two options of `set` are needed. `px=` gives the TTL in milliseconds. `nx=True` keeps `set` from doing "
        "anything when the counter is there.",
        "`pipe.set(key, 0, px=window, nx=...)`: what stands for the last `...`?",
    ),
    solution="""\
def count_request(redis_conn, key, window):
    with redis_conn.pipeline() as pipe:
        pipe.set(key, 0, px=window, nx=True)
        pipe.incr(key)
        replies = pipe.execute()
    return replies[-1]""",
    why="SET with NX makes the counter together with its TTL, and does nothing when there is one. INCR keeps the TTL. "
    "Between MULTI and EXEC, no kill and no end of a window can come.",
    check=_check_count_request,
)

# 12.3


def _check_retry_after(trial: Trial) -> None:
    key, limit, many = trial.key("customer"), trial.number(12, 60), trial.number(120, 160)
    nobody_waits = "there is no counter, so the customer may come now: 0"
    trial.case(nobody_waits, (key, limit), returns=0)
    if trial.redis.exists(key):
        made = "looking is not counting: there was no counter, and your function has made one"
        raise Failed(made, Plain("no counter"), Plain(f"a counter that says {trial.state()[key].value}"))
    trial.expect_state(nobody_waits, {})
    for most, count, left in (
        (limit, 9, 20_300),
        (limit, limit - 1, 700),
        (limit, limit, 19_800),
        (limit, 100, 450),
        (limit, limit + 1, 1_450),
        (many, 99, 5_300),
        (many, many, trial.number(4000, 90_000) * 1000 + 300),
    ):
        _expect_retry_after(trial, key, most, count, left)

    def answer(run: Run) -> float:
        value = run.outcomes[0].value
        return value if isinstance(value, int) else math.nan

    trial.every_gap(
        "the window ended between two of your commands, and the customer got an answer that is true of no moment",
        (key, limit),
        before=lambda: trial.put({key: Ends(str(limit), 15.4)}),
        rivals={"the window ends": lambda: trial.redis.delete(key)},
        view=lambda: trial.state().keys() - {key},
        allowed=lambda run, others: not others and 0 <= answer(run) <= 16,
    )
    trial.every_gap(
        "the customer comes back too early, and is denied again: the time is that of the window before, and the count "
        "that of a new one. Both must be of one moment",
        (key, limit),
        before=lambda: trial.put({key: Ends("3", 20.4)}),
        rivals={"a new window, and it fills up": lambda: trial.redis.set(key, limit, px=70_400)},
        view=lambda: trial.state().keys() - {key},
        allowed=lambda run, others: not others and (answer(run) == 0 or 40 <= answer(run) <= 71),
    )
    trial.every_error((key, limit), before=lambda: trial.put({key: Ends(str(limit), 15)}))


def _expect_retry_after(trial: Trial, key: str, limit: int, count: int, left: int) -> None:
    """A counter at `count`, with `left` milliseconds to live."""

    def look() -> tuple[object, dict[str, Entry], float]:
        begin = time.monotonic()
        trial.put({key: Ends(str(count), left / 1000)})
        answer = trial.call(key, limit)
        return answer, trial.state(), 1000 * (time.monotonic() - begin)

    seconds = math.ceil(left / 1000)  # as the header gives them, which after a while it does no more
    answer, state, took = trial.in_time((left - 1000 * (seconds - 1)) / 1000, look)
    expected = 0 if count < limit else seconds
    _expect_only_a_look(key, str(count), left, took, state)
    seen = Plain(f"{answer!r} with {count} of {limit} counted and {left} ms left")
    if expected == 0 and answer != 0:
        raise Failed("the next request would be let in, so nobody needs to wait", Plain(0), seen)
    if expected and not answer:
        raise Failed(
            "0 means: come now. The customer comes back at once, and is denied again and again"
            + (": look at how the time is rounded" if left < 1000 else ": the limit is used up"),
            Plain(expected),
            seen,
            cure="TTL and round() go to the nearest second, int() goes down. This header must be rounded up"
            if left < 1000
            else "compare the two numbers as numbers; the limit itself is full",
        )
    if type(answer) is not int:
        raise Failed("the header takes whole seconds: return an int", Plain(expected), seen)
    trial.expect("the seconds until the window ends, rounded up", Plain(expected), Plain(answer))


def _expect_only_a_look(key: str, count: str, left: int, took: float, state: dict) -> None:
    if state.keys() != {key} or state[key].value != count:
        raise Failed(
            "looking is not counting: this call must leave the counter as it is",
            Plain(count),
            Plain(", ".join(str(found.value) for found in state.values()) or "no counter"),
        )
    still = state[key].left
    if still is None or not left - took - 2 <= still <= left:
        raise Failed("looking must not change how long the window lasts: leave the TTL as it is")


RETRY_AFTER = Exercise(
    id="12.3",
    title="A header that never lies",
    kind="change",
    question="""\
`key` is the counter of a fixed window. `retry_after` returns the whole seconds for the header `Retry-After`. If the
next request would be let in, it returns 0. Otherwise it returns the seconds until the window ends, rounded **up**. It
only looks, and does not count.

This code answers −2 when there is no counter, and 0 when 400 ms are left. Change it.""",
    stub="""\
def retry_after(redis_conn, key, limit):
    return redis_conn.ttl(key)""",
    hints=(
        "You need two numbers: how many requests are counted, and how long the window still lasts. First look at the "
        "count, then ask for the time.",
        "No counter means that nothing is counted: `int(redis_conn.get(key) or 0)`. Below the limit the answer is 0.",
        "`redis_conn.pttl(key)` answers in milliseconds. `math.ceil` rounds up.",
    ),
    solution="""\
import math


def retry_after(redis_conn, key, limit):
    with redis_conn.pipeline() as pipe:
        pipe.get(key)
        pipe.pttl(key)
        replies = pipe.execute()
    count = int(replies[0] or 0)
    if count < limit:
        return 0
    return math.ceil(replies[1] / 1000)""",
    why="a program that is told 0 comes back at once. Rounded up, the window has ended when it comes back. In one "
    "transaction, both numbers are of the same moment. GET does not count, so asking takes no place.",
    check=_check_retry_after,
)

# 12.4

A_MINUTE = 60.0  # seconds: the window of 12.4


def _check_count_visit(trial: Trial) -> None:
    prefix = trial.key("limits:")
    ana, bia = trial.word(), trial.word()
    home, office = f"203.0.113.{trial.number(10, 99)}", f"198.51.100.{trial.number(10, 99)}"
    counters: dict[tuple[str, str, str], int] = {}

    def visit(why: str, user: str | None, address: str, path: str, cure: str | None = None) -> None:
        answer = trial.call(prefix, user, address, path)
        counter = ("address", address, path) if user is None else ("user", user, path)
        counters[counter] = counters.get(counter, 0) + 1
        if type(answer) is not int:
            raise Failed("return the number that `count_in_window` returns", counters[counter], answer)
        if answer != counters[counter]:
            raise Failed(why, counters[counter], answer, cure=cure)

    visit("the first request of a customer is number 1", ana, home, "/prices")
    _expect_right_key(trial, prefix)
    visit("a customer has one counter, from whichever address she asks", ana, office, "/prices")
    visit("two customers behind one address share a counter", bia, home, "/prices")
    visit("somebody who is not logged in shares the counter of a customer", None, home, "/prices")
    visit("who is not logged in is counted by address: this was the second request", None, home, "/prices")
    visit("two addresses share a counter", None, office, "/prices")
    each_page = "each page has its own counter, and here two pages share one"
    visit(each_page, ana, home, "/orders")
    visit(each_page, None, home, "/orders")
    like_address = "a customer whose name looks like an address shares the counter of that address"
    say_which = "Let the key say what it is made of: `user:` or `address:` before the name."
    visit(like_address, home, office, "/prices", say_which)
    lake = f"192.0.2.{trial.number(10, 99)}"
    others = trial.state().keys()
    visit("two addresses share a counter", None, lake, "/prices")
    name = _name_like_a_key(prefix, trial.state().keys() - others, "/prices")
    visit(
        f"a customer whose name is {name} shares the counter of an address",
        name,
        office,
        "/prices",
        "A word before the address is not enough: the customer's name needs a word before it, too, such as `user:`.",
    )
    visit("a customer whose name is None shares a counter with somebody else", "None", office, "/prices", say_which)
    no_colon = "two customers on two pages share a counter: their keys are the same text"
    visit(no_colon, f"2{ana}", home, "/fruit/1", "Put a colon between the parts of the key.")
    visit(no_colon, ana, home, "/fruit/12", "Put a colon between the parts of the key.")
    if len(trial.state()) != len(counters):
        raise Failed("there must be one key for each counter", len(counters), len(trial.state()))
    _expect_right_key(trial, prefix)
    trial.every_error((prefix, ana, home, "/prices"), before=lambda: None)


def _name_like_a_key(prefix: str, keys: Iterable[str], path: str) -> str:
    """What stands in the key of an address besides the prefix and the page, such as address:192.0.2.7."""
    return "".join(keys).removeprefix(prefix).replace(path, "").strip(":")


def _expect_right_key(trial: Trial, prefix: str) -> None:
    state = trial.state()
    if not state:  # such a short window may be over before anybody can look
        raise Failed("the window must last one minute", Plain("60 seconds"), Plain("no counter is there any more"))
    for key, found in state.items():
        if not key.startswith(prefix):
            raise Failed("the key must begin with `prefix`", Plain(f"{prefix}…"), Plain(key))
        if found.left is None:
            raise Failed("the counter has no TTL: its window never ends", cure="`count_in_window` makes it with a TTL.")
        if not 1000 * (A_MINUTE - 2 - trial.took()) <= found.left <= 1000 * A_MINUTE:
            raise Failed(
                "the window must last one minute", Plain("60 seconds"), Plain(f"{found.left / 1000:g} seconds")
            )


COUNT_VISIT = Exercise(
    id="12.4",
    title="Whose request is it?",
    kind="blank",
    question="""\
`count_visit` counts a request under the right key. A customer who is logged in has one counter for each page. When
nobody is logged in, `user` is `None`, and the `address` has one counter for each page. No two counters may share a key,
not even when a customer is called `203.0.113.7`, or `address:203.0.113.7`, or `None`. Each key begins with `prefix`.
Replace the two `...`.""",
    stub="""\
def count_visit(redis_conn, prefix, user, address, path):
    if user is None:
        return count_in_window(redis_conn, ..., 60 * 1000)
    return count_in_window(redis_conn, ..., 60 * 1000)""",
    hints=(
        "A key is a text: join `prefix`, a name and `path` with `+`, and put a colon between the parts.",
        'A customer may be called `203.0.113.7`. With `"address:"` or `"user:"` before the name, the two keys differ.',
        'For an address, the key begins with `prefix + "address:" + address`. The page is still missing.',
    ),
    solution="""\
from redis_helpers.course.lessons.scenes.scene_12 import count_in_window


def count_visit(redis_conn, prefix, user, address, path):
    if user is None:
        return count_in_window(redis_conn, prefix + "address:" + address + ":" + path, 60 * 1000)
    return count_in_window(redis_conn, prefix + "user:" + user + ":" + path, 60 * 1000)""",
    why="the key decides who shares a limit. User and page are in it, so each pair of them has a counter of its own. "
    "The address is not in a customer's key: at home and at work it is the same counter.",
    check=_check_count_visit,
)

# 12.5


def _check_may_come_in(trial: Trial) -> None:
    key, limit = trial.key("customer"), trial.number(12, 60)
    window = trial.number(300, 900) * 1000
    for fail_open in (True, False):
        args = (key, limit, window, fail_open)
        for count in (None, 9, limit - 1, limit, 100):
            let_in = (count or 0) < limit
            trial.put({} if count is None else {key: Ends(str(count), 20)})
            answer = trial.call(*args)
            if answer is not let_in:
                why = "Redis has answered, so its number decides, and not `fail_open`"
                seen = Plain(f"{answer!r} with {count or 0} of {limit} counted, and fail_open={fail_open}")
                raise Failed(why, Plain(str(let_in)), seen)
            ends = Ends(str((count or 0) + 1), window / 1000 if count is None else 20)
            trial.expect_state("the request must be counted as before, once", {key: ends})
        with nobody_there() as options:
            _expect_decided(fail_open, "refused the connection", trial.attempt(*args, options=options))
        with somebody_silent() as options:
            silent = trial.attempt(*args, options=options, reply_timeout=QUICK)
            _expect_decided(fail_open, "did not answer in time", silent)
        trial.put({key: Ends("3", 20)})
        _expect_decided(fail_open, "answered with an error", trial.attempt(*args, error_after=0))
        trial.put({key: {"banana": "312"}})
        _expect_decided(fail_open, "answered that the key holds another type", trial.attempt(*args))


def _expect_decided(fail_open: bool, what: str, outcome: Outcome) -> None:
    if tells_of_redis(outcome.error):
        raise Failed(
            f"Redis {what}, and the caller got the error {_full_name(outcome.error)}: your function must decide then",
            Plain(str(fail_open)),
            Plain("an error"),
            cure="Lesson 08: one class stands above all errors of Redis. Write `redis.` before its name: Python's own "
            "ConnectionError and TimeoutError are other classes.",
        )
    if outcome.error is not None:
        raise Crashed(outcome.error)
    if outcome.value is not fail_open:
        raise Failed(f"Redis {what}: now `fail_open` decides", fail_open, outcome.value)


def _full_name(error: BaseException) -> str:
    name = type(error).__name__
    return f"redis.{name}" if isinstance(error, redis.RedisError) and hasattr(redis, name) else name


MAY_COME_IN = Exercise(
    id="12.5",
    title="Open or closed",
    kind="change",
    question="""\
When Redis answers, `may_come_in` works as it should. When Redis fails, whichever failure it is, it must raise nothing,
and return what `fail_open` says: `True` lets the request in, `False` denies it. Change the code.""",
    stub="""\
def may_come_in(redis_conn, key, limit, window, fail_open):
    number = count_in_window(redis_conn, key, window)
    return number <= limit""",
    hints=(
        "Put the two lines into a `try` block. What stands behind `except`?",
        "One class stands above all errors of Redis: `redis.RedisError`. In its block, return `fail_open`.",
    ),
    solution="""\
import redis

from redis_helpers.course.lessons.scenes.scene_12 import count_in_window


def may_come_in(redis_conn, key, limit, window, fail_open):
    try:
        number = count_in_window(redis_conn, key, window)
    except redis.RedisError:
        return fail_open
    return number <= limit""",
    why="nobody can count without Redis, so somebody must decide before it happens. The caller says it in one word, "
    "for each use.",
    check=_check_may_come_in,
)

EXERCISES = (IS_LET_IN, COUNT_REQUEST, RETRY_AFTER, COUNT_VISIT, MAY_COME_IN)

QUIZ = (
    Question(
        "A form may be sent three times per hour by one customer. At each try, the program sends INCR and EXPIRE in "
        "one transaction. Bruno tries every 30 minutes, all day. What happens?",
        (
            (
                "From his fourth try on he is denied, as long as he goes on",
                "Each try gives the counter a new hour. It never ends, and it only grows.",
            ),
            (
                "Nothing: two tries per hour are below the limit",
                "They would be, if the counter ended. But each try gives it a new hour.",
            ),
            (
                "A kill can leave his counter without a TTL",
                "Both commands are one transaction: they are run together, or not at all.",
            ),
        ),
        answer="a",
    ),
    Question(
        "A limiter for the log-in page allows ten tries per minute for each address. Somebody guesses the password of "
        "Maria, from a thousand addresses. How many guesses per minute can he make?",
        (
            ("10", "That would need a counter for Maria's name. Here each address has a counter of its own."),
            ("1,000", "Each of the thousand addresses may try ten times."),
            ("10,000", "Ten for each address. For a log-in, count by the name that is tried as well."),
        ),
        answer="c",
    ),
    Question(
        "The reply to MULTI, SET, INCR, EXEC is lost. The client is set to retry, and sends all of it again. How many "
        "requests has the counter counted?",
        (
            ("One: Redis sees that it is the same request", "To Redis the second one is a new request like any other."),
            ("Two: Redis has done it both times", "The first one was done. Only its reply was lost, as in lesson 08."),
            ("None: without a reply, EXEC is not done", "EXEC was done before the reply was sent."),
        ),
        answer="b",
    ),
    Question(
        "A customer is denied. PTTL says 1200. What stands in the header Retry-After?",
        (
            ("1", "After one second the window is still open, and the customer is denied again."),
            ("2", "Whole seconds, rounded up: then the window has ended."),
            ("1.2", "The header takes whole seconds only."),
        ),
        answer="b",
    ),
    Question(
        "A page sends a text message with a code to a telephone. Each message costs the shop money. Redis is gone. "
        "What should the limiter of this page do?",
        (
            (
                "Deny: without a count, anybody can send a million messages",
                "This limiter protects against loss. Customers who need a code try again some minutes later.",
            ),
            (
                "Let in: a limiter must never stop a customer",
                "That is right for prices. Here each request that is let in costs money.",
            ),
            (
                "Wait until Redis is back",
                "Each request that waits keeps a thread of the web server busy. Soon no thread is left for anybody.",
            ),
        ),
        answer="a",
    ),
)
