"""Lesson 05: a window's counter, retry-after, a token bucket with a price, two limits at once."""

import time
from unittest import mock

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Question
from redis_helpers.course.exercises.state import Ends

# 5.1


def _check_count_request(trial: Trial) -> None:
    key, window = trial.key("customer"), trial.number(50, 70) * 1000
    count = trial.number(7, 90)
    no_end = "the counter has no TTL: its window never ends, and after the limit the customer is out for ever"
    trial.expect("the first request of a window is number 1", 1, trial.call(key, window))
    if trial.redis.ttl(key) == -1:
        raise Failed(no_end)
    wrong_unit = "the window is in milliseconds: PX takes milliseconds, EX seconds"
    trial.expect_ttl(wrong_unit, key, window / 1000 - 2, window / 1000)
    trial.expect_state("the counter is to hold 1 after one request", {key: Ends("1", window / 1000)})

    anew = "the counter began anew: SET without NX replaces it at each request, so nobody is ever denied"
    trial.put({key: Ends(str(count), 20)})
    trial.expect(anew, count + 1, trial.call(key, window))
    renewed = (
        "the request started the window anew: whoever keeps knocking never sees its end. Only the request that makes "
        "the counter may set the TTL"
    )
    trial.expect_ttl(renewed, key, 15, 20)
    trial.expect_state("the counter must count each request once", {key: Ends(str(count + 1), 20)})

    trial.every_cut(
        "it left a counter that never ends. INCR and what sets the TTL belong together",
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


COUNT_REQUEST = Exercise(
    id="5.1",
    title="A window that ends by itself",
    kind="blank",
    question="""\
`count_request` returns the request's number in its window of `window` milliseconds. The first request opens the
window, later ones do not prolong it, and no kill leaves a counter without end. Complete the `...`.""",
    stub="""\
def count_request(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, ...).incr(key).execute()[-1]""",
    hints=(
        "Two options of SET are missing. One gives the key its time to live, in milliseconds.",
        "The other option keeps SET from doing anything when the counter is there already.",
        "They are `px=` and `nx=`.",
    ),
    solution="""\
def count_request(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()[-1]""",
    why="SET with NX makes the counter together with its TTL and leaves one that exists alone. INCR keeps the TTL. The "
    "MULTI around both leaves no gap for a kill.",
    check=_check_count_request,
)

# 5.2


def _check_retry_after(trial: Trial) -> None:
    key = trial.key("customer:7")
    trial.expect("there is no counter, so the customer may come now: 0", 0, trial.call(key, 10))
    for count, left, expected in (
        (3, 20_000, 0),
        (9, 700, 0),
        (25, 450, 1),
        (10, 19_800, 20),
        (10, 1_450, 2),
    ):
        _expect_retry_after(trial, key, count, left, expected)


def _expect_retry_after(trial: Trial, key: str, count: int, left: int, expected: int) -> None:
    """A counter at `count`, with `left` milliseconds to live and a limit of 10."""
    for _ in range(5):
        trial.redis.set(key, count, px=left)
        answer = trial.call(key, 10)
        still = trial.redis.pttl(key)
        if trial.redis.get(key) is None or still <= left - 400:
            continue  # the machine stood still: once more
        if trial.redis.get(key) != str(count):
            raise Failed("looking is not counting: this call must leave the counter as it is", count, None)
        if still > left:
            raise Failed("looking must not prolong the window: leave the TTL as it is")
        seconds = Plain(f"{answer!r} with {count} of 10 counted and {left} ms left")
        if expected == 0 and answer != 0:
            raise Failed(
                f"{count} of 10: the next request would be let in, so there is nothing to wait for", 0, seconds
            )
        if expected and not answer:
            raise Failed(
                "0 means: come now. The customer would come back at once, and be denied again and again: TTL and int() "
                "round down here, this header must be rounded up",
                expected,
                seconds,
            )
        if type(answer) is not int:
            raise Failed("the header takes whole seconds: return an int", expected, seconds)
        trial.expect("the seconds until the window ends, rounded up", Plain(expected), Plain(answer))
        return
    raise Failed("this machine is too busy for the check: run the cell again")


RETRY_AFTER = Exercise(
    id="5.2",
    title="A header that never lies",
    kind="change",
    question="""\
The HTTP header `Retry-After` wants whole seconds. `key` is the counter of a fixed window. This code answers −2 when
there is none, and 0 when 400 ms are left.

Change it: 0 if the next request would be let in, otherwise the seconds until the window ends, **rounded up**.""",
    stub="""\
def retry_after(redis_conn, key, limit):
    return redis_conn.ttl(key)""",
    hints=(
        "Two things decide: how many are counted, and how long the window lasts. GET and PTTL, in one pipeline.",
        "No counter means that nothing is counted: `int(count or 0)`. Below the limit the answer is 0.",
        "`math.ceil` rounds up, and PTTL answers in milliseconds.",
    ),
    solution="""\
import math


def retry_after(redis_conn, key, limit):
    count, left = redis_conn.pipeline().get(key).pttl(key).execute()
    if int(count or 0) < limit:
        return 0
    return math.ceil(left / 1000)""",
    why="whoever is told 0 comes back at once. PTTL knows the milliseconds, rounding up makes sure that the window has "
    "ended when the customer returns, and asking costs no place: GET does not count.",
    check=_check_retry_after,
)

# 5.3


def _check_take_tokens(trial: Trial) -> None:
    key, bucket = trial.key("customer:7"), (10, 60_000)  # a token every 6 seconds
    begin = (
        time.monotonic()
    )  # on a busy machine, more of the bucket has come back than the calls seem to leave time for
    for crates in (4, 4):
        _expect_wait(trial, "there are tokens enough: return 0", 0, 0, trial.call(key, *bucket, crates))
    if trial.redis.ttl(key) == -1:
        raise Failed("the key has no TTL: one bucket stays in memory for each customer who ever came")
    two_missing = "2 tokens are left and 4 are wanted: the other two take 2 · window / limit milliseconds"
    answer = trial.call(key, *bucket, 4)
    _expect_wait(trial, two_missing, 11_000 - _milliseconds_since(begin), 12_000, answer)
    denied = "a denied request must take nothing: 2 tokens were left, and 2 are wanted"
    _expect_wait(trial, denied, 0, 0, trial.call(key, *bucket, 2))
    least = "the key ends before the bucket is full again: then it counts as full, too early"
    trial.expect_ttl(least, key, 55, 3600)
    with mock.patch("time.time", _an_hour_ahead(time.time)), mock.patch("time.time_ns", _an_hour_ahead(time.time_ns)):
        answer = trial.call(key, *bucket, 1)
    if answer == 0:
        raise Failed(
            "a program whose clock is an hour ahead got a full bucket: take the time from the server (TIME in the "
            "script), not from the client"
        )
    empty = "the bucket is empty: one token takes window / limit milliseconds"
    _expect_wait(trial, empty, max(1, 5_000 - _milliseconds_since(begin)), 6_000, answer)
    other = "each key is a bucket of its own"
    _expect_wait(trial, other, 0, 0, trial.call(trial.key("customer:8"), *bucket, 10))

    answers = trial.call_at_once([(trial.key("customer:9"), *bucket, 3)] * 8)
    trial.expect("8 wanted 3 of 10 tokens at once: 3 of them can have them", 3, answers.count(0))
    _expect_refill(trial)


def _expect_refill(trial: Trial) -> None:
    """The bucket fills up again, and not above its brim. On a busy machine, calls may come too late to show that: then
    the same is tried with a longer window."""
    for window in (100, 200, 400, 800, 1600, 3200):
        if _refill_is_tried(trial, trial.key(f"customer:refill:{window}"), window):
            break
    for window in (160, 320, 640, 1280, 2560, 5120):
        if _brim_is_tried(trial, trial.key(f"customer:brim:{window}"), window):
            break


def _refill_is_tried(trial: Trial, key: str, window: int) -> bool:
    """Whether the second call came so soon that it had to wait."""
    bucket = (10, window)
    begin = time.monotonic()
    trial.call(key, *bucket, 10)
    wait = trial.call(key, *bucket, 5)
    took = _milliseconds_since(begin)
    _expect_wait(trial, "half a bucket comes back in half a window", 0, window // 2, wait)
    if wait == 0 and took >= window / 2:
        return False
    time.sleep(wait / 1000)
    _expect_wait(trial, f"after the wait of {wait} ms, the 5 tokens must be there", 0, 0, trial.call(key, *bucket, 5))
    return True


def _brim_is_tried(trial: Trial, key: str, window: int) -> bool:
    """Whether both calls came so soon after each other that what they got shows how full the bucket was."""
    bucket = (10, window)
    trial.call(key, *bucket, 1)
    time.sleep(1.25 * window / 1000)
    begin = time.monotonic()
    first, second = trial.call(key, *bucket, 10), trial.call(key, *bucket, 8)
    took = _milliseconds_since(begin)
    _expect_wait(trial, "after more than a window the bucket must be full again", 0, 0, first)
    if took >= 0.6 * window:  # by then, 6 tokens are back, and a bit later the 8 of the second call
        return False
    if second == 0:
        raise Failed("the bucket ran over: more than `limit` tokens gathered in it")
    return True


def _milliseconds_since(begin: float) -> int:
    return int(1000 * (time.monotonic() - begin))


def _an_hour_ahead(clock):
    unit = 1_000_000_000 if clock is time.time_ns else 1
    return lambda: clock() + 3600 * unit


def _expect_wait(trial: Trial, why: str, least: int, most: int, answer: object) -> None:
    """A number of milliseconds between the two."""
    if isinstance(answer, bool) or not isinstance(answer, (int, float)):
        raise Failed("return the wait in milliseconds, 0 when the tokens were taken", Plain("a number"), answer)
    if not least <= answer <= most:
        raise Failed(why, Plain(f"about {most}" if least else f"at most {most}" if most else "0"), answer)


TAKE_TOKENS = Exercise(
    id="5.3",
    title="A crate costs a token",
    kind="write",
    question="""\
Write `take_tokens(redis_conn, key, limit, window, crates)`: the lesson's bucket, from which a request takes `crates`
tokens (at most `limit`). It returns 0 when they were taken; otherwise it takes none, and returns the milliseconds
until there are enough. Server's time, and a key that ends.""",
    stub="""\
def take_tokens(redis_conn, key, limit, window, crates):
    # your code here
    ...""",
    hints=(
        "The lesson's bucket moves the moment at which it is full by `window / limit`: the price of one token.",
        "Hand `crates` over as one more argument. With CLOCK, ARGV[1] to ARGV[3] are limit, window and now, so it is "
        "ARGV[4]; `now` is `''`.",
        "In the script, multiply: `window / limit * tonumber(ARGV[4])`. The reply can be `wait` alone.",
    ),
    solution='''\
def take_tokens(redis_conn, key, limit, window, crates):
    script = """
    local limit, window, time = tonumber(ARGV[1]), tonumber(ARGV[2]), redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) + window / limit * ARGV[3]
    local wait = math.max(0, math.ceil(full - now - window))
    if wait == 0 then redis.call('SET', KEYS[1], full, 'PX', 2 * window) end
    return wait"""
    return redis_conn.register_script(script)([key], [limit, window, crates])''',
    why="a crate moves the moment of being full by one token's time, several crates by as many. A denied request "
    "writes nothing, so a small order may still pass where a big one could not.",
    check=_check_take_tokens,
)

# 5.4


def _check_allow_both(trial: Trial) -> None:
    keys, limits, windows = [trial.key("second"), trial.key("minute")], [3, 5], [50_000, 600_000]

    def counts() -> list[int]:
        return [int(trial.redis.get(key) or 0) for key in keys]

    def ask(why: str, expected: bool) -> None:
        answer = trial.call(keys, limits, windows)
        if not isinstance(answer, bool):
            raise Failed("return True or False", expected, answer)
        trial.expect(why, expected, answer)

    for _ in range(3):
        ask("both limits have room", True)
    trial.expect("both counters must count what is let in", [3, 3], counts())
    for key, window in zip(keys, windows, strict=True):
        if trial.redis.ttl(key) == -1:
            raise Failed("a counter has no TTL: its window never ends")
        trial.expect_ttl("each counter has its own window, in milliseconds", key, window / 1000 - 5, window / 1000)
    ask("the first limit is used up: 3 of 3", False)
    nothing = "the first limit said no, and yet something was counted: look at both before you count in either"
    trial.expect(nothing, [3, 3], counts())

    trial.redis.delete(keys[0])  # the short window has ended
    trial.redis.pexpire(keys[1], 300_000)
    for _ in range(2):
        ask("the short window is new, and the long one has counted less than 5", True)
    ask("the second limit is used up: 5 of 5", False)
    nothing = nothing.replace("first", "second")
    trial.expect(nothing, [2, 5], counts())
    trial.expect_ttl("a request must not prolong a window that has begun", keys[1], 295, 300)
    _expect_no_half(trial, keys, limits, windows, counts)

    trial.redis.delete(*keys)
    answers = trial.call_at_once([(keys, limits, windows)] * 8)
    trial.expect("8 at once, and 3 places: 3 of them may be told True", 3, answers.count(True))
    trial.expect("after the 8 at once, both counters must say 3", [3, 3], counts())


def _expect_no_half(trial: Trial, keys: list[str], limits: list[int], windows: list[int], counts) -> None:
    """Killed anywhere, the call has counted in both or in none, and no counter is without end."""
    for before in ([0, 0], [3, 3]):

        def prepare(before: list[int] = before) -> None:
            trial.redis.delete(*keys)
            if any(before):
                trial.redis.set(keys[0], before[0], px=windows[0])
                trial.redis.set(keys[1], before[1], px=windows[1])

        prepare()
        trial.call(keys, limits, windows)
        wanted = ([0, 0], [1, 1]) if before == [0, 0] else ([3, 3],)
        for reached in trial.cuts(keys, limits, windows, prepare=prepare):
            if counts() not in wanted or -1 in [trial.redis.ttl(key) for key in keys]:
                raise Failed(
                    f"the program died after its command number {reached}, and what it left is half: all that writes "
                    "must be one script or one MULTI",
                    Plain(" or ".join(map(str, wanted))),
                    counts(),
                )


ALLOW_BOTH = Exercise(
    id="5.4",
    title="Ten a second, and a hundred a minute",
    kind="stretch",
    question="""\
Write `allow_both(redis_conn, keys, limits, windows)`: two fixed windows, each a counter (a string) with its own limit
and window in milliseconds. Have both room? Both count, and the answer is `True`. Otherwise `False`, and **neither**
counts. Many call it at once, any may be killed, and every counter ends.""",
    stub="""\
def allow_both(redis_conn, keys, limits, windows):
    # your code here
    ...""",
    hints=(
        "Look at both, then count in both, and nobody in between: that is a script.",
        "`for number, key in ipairs(KEYS) do … end` goes through the keys. ARGV can hold `[*limits, *windows]`: the "
        "limits are ARGV[1] and ARGV[2], the windows ARGV[3] and ARGV[4].",
        "First loop: GET, and `return 0` if one has reached its limit. Second loop: SET with PX and NX, then INCR.",
    ),
    solution='''\
def allow_both(redis_conn, keys, limits, windows):
    script = """
    for number, key in ipairs(KEYS) do
      if tonumber(redis.call('GET', key) or 0) >= tonumber(ARGV[number]) then return 0 end
    end
    for number, key in ipairs(KEYS) do
      redis.call('SET', key, 0, 'PX', ARGV[number + 2], 'NX')
      redis.call('INCR', key)
    end
    return 1"""
    return redis_conn.register_script(script)(keys, [*limits, *windows]) == 1''',
    why="the script looks at both before it counts in either, and nobody comes in between. On a cluster, both keys "
    "must lie on one node: `{customer:7}:second` and `{customer:7}:minute`, with braces, do.",
    check=_check_allow_both,
)

EXERCISES = (COUNT_REQUEST, RETRY_AFTER, TAKE_TOKENS, ALLOW_BOTH)

QUIZ = (
    Question(
        "INCR and PEXPIRE stand in one MULTI, at every request. A customer knocks twice a second; the window is one "
        "second, the limit ten. What happens?",
        (
            (
                "Nothing unusual: two a second are far below ten",
                "Each request starts the window anew, so it never ends.",
            ),
            (
                "The counter is left without a TTL after a kill",
                "Both commands are one transaction: that gap is closed.",
            ),
            (
                "After ten requests the customer stays outside, for as long as the knocking goes on",
                "The counter never dies and only grows. The TTL must be set once, when the counter is made.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A bucket holds 10 tokens, and one comes back every second. At most how many requests does it let in within "
        "the first five and a half seconds?",
        (
            ("5", "That is the rate alone: the full bucket comes on top."),
            ("15", "Ten at once, and one after each of five seconds."),
            ("50: ten a second", "The rate is one a second. Ten is the burst."),
        ),
        answer="b",
    ),
    Question(
        "Somebody sends 10,000 requests a second, and nearly all are denied. What does that cost Redis?",
        (
            ("One script for each, as if it had been let in", "A limiter protects what stands behind it, not Redis."),
            (
                "Next to nothing: a no is free",
                "Finding out that it is a no takes the same round trip and the same script.",
            ),
            ("Memory for each denied request", "Only if the limiter writes them down. Ours do not."),
        ),
        answer="a",
    ),
    Question(
        "The reply to a limiter's script gets lost. The client has retries, and sends it again. What is counted?",
        (
            ("One request: the server recognises the repetition", "To the server it is a new command like any other."),
            ("Two requests, for one that came", "Counting is not idempotent. The course's client does not retry."),
            ("None: no reply, nothing done", "The script had run. Only its reply was lost."),
        ),
        answer="b",
    ),
    Question(
        "Which of the four never lets in more than ten in any second?",
        (
            ("The fixed window", "Ten before an edge and ten behind it lie in one second."),
            (
                "The sliding counter",
                "It supposes that the window before was even. After a late burst it lets in too many.",
            ),
            ("The token bucket", "A full bucket, and what comes back during that second: up to nineteen."),
            ("The sliding log", "It remembers the last ten times, and so it knows."),
        ),
        answer="d",
    ),
)
