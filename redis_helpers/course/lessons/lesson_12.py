"""Lesson 12: a window's counter, retry-after, a token bucket with a price, two limits at once."""

import contextlib
import math
import time
from collections.abc import Iterator
from fractions import Fraction
from unittest import mock

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends

TOO_BUSY = "this machine is too busy for the check: run the cell again"


@contextlib.contextmanager
def _cure(text: str) -> Iterator[None]:
    """What is found wrong within has this cure. Only for what does not call the learner's function."""
    try:
        yield
    except Failed as failed:
        failed.cure = failed.cure or text
        raise


# 12.1


def _check_count_request(trial: Trial) -> None:
    key, window = trial.key("customer"), trial.number(300, 900) * 1000 + trial.number(1, 999)
    count = trial.number(101, 900)
    trial.expect("the first request of a window is number 1", 1, trial.call(key, window))
    if not trial.redis.exists(key):
        raise Failed("nothing is counted under the key that your function was given", key, trial.keys(trial.prefix))
    if trial.redis.ttl(key) == -1:
        raise Failed(
            "the counter has no TTL: its window never ends, and after the limit the customer is out for ever",
            cure="the counter needs its TTL at the moment at which it is made",
        )
    with _cure("`px` and PEXPIRE take milliseconds, `ex` and EXPIRE take seconds"):
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
        renewed = "the request started the window anew: whoever keeps knocking never sees its end"
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
    window = trial.number(600, 900)
    trial.put({})
    trial.call(key, window)
    if trial.redis.pttl(key) > window:
        raise Failed(
            "a window of less than a second lasts too long: look at the unit, and at how it is rounded",
            Plain(f"a TTL of at most {window} ms"),
            Plain(f"{trial.redis.pttl(key)} ms"),
        )


COUNT_REQUEST = Exercise(
    id="12.1",
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

# 12.2


def _check_retry_after(trial: Trial) -> None:
    key, limit, many = trial.key("customer"), trial.number(12, 60), trial.number(120, 160)
    nobody_waits = "there is no counter, so the customer may come now: 0"
    trial.case(nobody_waits, (key, limit), returns=0, after={key: None})
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
    for _ in range(20):
        begin = time.monotonic()
        trial.put({key: Ends(str(count), left / 1000)})
        answer = trial.call(key, limit)
        state, took = trial.state(), 1000 * (time.monotonic() - begin)
        expected = 0 if count < limit else math.ceil(left / 1000)
        if took >= left or math.ceil((left - took) / 1000) != math.ceil(left / 1000):
            continue  # the machine stood still: once more
        _expect_only_a_look(key, str(count), left, took, state)
        seen = Plain(f"{answer!r} with {count} of {limit} counted and {left} ms left")
        if expected == 0 and answer != 0:
            raise Failed("the next request would be let in, so nobody needs to wait", 0, seen)
        if expected and not answer:
            raise Failed(
                "0 means: come now. The customer comes back at once, and is denied again and again"
                + (": look at how the time is rounded" if left < 1000 else ": the limit is used up"),
                expected,
                seen,
                cure="TTL and int() round down here, and this header must be rounded up"
                if left < 1000
                else "compare the two numbers as numbers; the limit itself is full",
            )
        if type(answer) is not int:
            raise Failed("the header takes whole seconds: return an int", expected, seen)
        trial.expect("the seconds until the window ends, rounded up", Plain(expected), Plain(answer))
        return
    raise Failed(TOO_BUSY)


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
    id="12.2",
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

# 12.3


class _TooLate(Exception):
    """So much time has passed that the bucket of the check and that in Redis may differ."""


class _Bucket:
    """The bucket as it should be, beside that of the learner's function, which is asked the same.

    The server's clock stands still in between, and goes on when it is told to. What does not look at it (a bucket that
    is a TTL, or the time asked for within a MULTI) sees the true time pass: for that, some slack is left.
    """

    def __init__(self, trial: Trial, name: str, limit: int, window: int, stands_still: bool) -> None:
        self.limit, self.window, self.token = limit, window, Fraction(window, limit)
        self._trial, self._key, self._stands_still = trial, trial.key(name), stands_still
        seconds, micros = trial.redis.time()
        self._now = seconds * 1000 + micros // 1000
        self._full = Fraction(self._now)  # when it will be full again
        self._begin, self._unsure = time.monotonic(), 0.0  # by how many milliseconds `_full` may be too late
        trial.put({})

    def _time(self) -> float:
        """The milliseconds that the bucket's clock shows."""
        return self._now + (0 if self._stands_still else 1000 * (time.monotonic() - self._begin))

    def ask(self, why: str, crates: int, cure: str | None = None, late: int = 0) -> float:
        """One request. `late`: so many milliseconds may be wanted although there are tokens enough."""

        def wait_at(now: float) -> int:
            return max(0, math.ceil(max(self._full, Fraction(now)) + crates * self.token - now - self.window))

        before = self._time()
        answer = self.attempt(crates)
        after = self._time()
        if after - before > self.token / 4:
            raise _TooLate
        most, slack = wait_at(before), 0 if self._stands_still else 5 + self._unsure
        least = max(0, wait_at(after) - slack)
        if not most and 0 < answer <= slack:
            raise _TooLate
        if (least and not answer) or not least <= answer <= (most + max(1, slack) if most else late):
            if not most and 0 < answer <= 1:
                why = "there were exactly as many tokens as were wanted, and they were not given"
            elif answer and least - 1 <= answer < least:
                why = "the wait ends a part of a millisecond before the tokens are there"
                cure = "round the wait up"
            raise Failed(why, Plain(f"a wait of {most}" if most else 0), answer, cure=cure)
        if not answer:
            self._unsure = after - before + (self._unsure if self._full > before else 0)
            self._full = max(self._full, Fraction(after)) + crates * self.token
            self._expect_end()
        return answer

    def attempt(self, crates: int) -> float:
        """The answer, which must be a number."""
        outcome = self._trial.attempt(self._key, self.limit, self.window, crates, now=1000 * self._now)
        if outcome.error is not None:
            raise Crashed(outcome.error)
        if isinstance(outcome.value, bool) or not isinstance(outcome.value, (int, float)):
            what = "return the wait in milliseconds, 0 when the tokens were taken"
            raise Failed(what, Plain("a number"), outcome.value)
        return outcome.value

    def wait(self, milliseconds: float) -> None:
        """So much time passes: on the server's clock, and for every TTL."""
        self._now += math.ceil(milliseconds)
        keys = [key for key, found in self._trial.state().items() if found.left is not None]
        shorter = "for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, redis.call('PTTL', key) - ARGV[1]) end"
        self._trial.redis.eval(shorter, len(keys), *keys, math.ceil(milliseconds))

    def wait_for_the_end(self) -> None:
        """Until half a token's time before the key ends."""
        lives = [found.left for found in self._trial.state().values() if found.left is not None]
        self.wait(max(0, min(lives) - self.token / 2))

    def _expect_end(self) -> None:
        for found in self._trial.state().values():
            if found.left is None:
                raise Failed("the key has no TTL: one bucket stays in memory for each customer who ever came")
            needed = math.ceil(self._full - self._now - 1000 * Fraction(time.monotonic() - self._begin))
            if found.left < needed - self._unsure - 5:
                raise Failed(
                    "the key ends before the bucket is full again: then it counts as full, too early",
                    Plain(f"a TTL of at least {needed} ms"),
                    Plain(f"{found.left} ms"),
                )
            if found.left > 3_600_000:
                raise Failed(
                    "the key ends far later than its bucket is full, and stays in memory until then: look at the unit",
                    Plain(f"a TTL of some times the window of {self.window} ms"),
                    Plain(f"{found.left} ms"),
                )


def _check_take_tokens(trial: Trial) -> None:
    key, window = trial.key("customer"), 16 * trial.number(5000, 9000)
    trial.call(key, 16, window, 1)
    within_multi = any("TIME" in [words[0] for words in step.commands[1:]] for step in trial.call_seen.steps)
    asks = "TIME" in trial.commands or b"TIME" in (trial.call_seen.last_script or b"").upper()
    still = asks and not within_multi
    _expect_whose_clock(trial, window, still)
    for _ in range(5):
        with contextlib.suppress(_TooLate):
            # A token's time has a fraction, and one that a float holds exactly: whoever does not round is exact too.
            scale = 1 if not within_multi else Fraction(1, 100)
            _expect_a_bucket(_Bucket(trial, "bucket", 16, int(scale * window) + 10, still), within_multi)
            break
    if not within_multi:
        _expect_seven_of_seven(_Bucket(trial, "seven", 7, 7 * window + trial.number(1, 6), still))
    if still:
        _expect_no_fraction_for_nothing(trial)
    _expect_one_of_two(trial, key, window)


def _expect_whose_clock(trial: Trial, window: int, stands_still: bool) -> None:
    key = trial.key("clock")
    trial.call(key, 16, window, 16)
    with mock.patch("time.time", _an_hour_ahead(time.time)), mock.patch("time.time_ns", _an_hour_ahead(time.time_ns)):
        answer = trial.call(key, 16, window, 1)
    if answer == 0:
        if trial.call(key, 16, window, 1) == 0:
            return  # not the clock: nothing was taken
        raise Failed(
            "a program whose clock is an hour ahead got a full bucket: whose clock decides?",
            cure="take the time from the server (TIME in the script), not from the client",
        )
    if stands_still:
        bucket = _Bucket(trial, "clock", 16, window, stands_still)
        bucket.attempt(16)
        bucket.wait(window)
        if bucket.attempt(16) > window / 2:
            raise Failed(
                "a whole window has passed on the server's clock, and the bucket is not full: whose clock decides?",
                cure="reckon with the time that TIME answers, and with no other",
            )


def _expect_a_bucket(bucket: _Bucket, really_waits: bool) -> None:
    def wait(milliseconds: float) -> None:
        if really_waits:
            time.sleep(math.ceil(milliseconds) / 1000)
        else:
            bucket.wait(milliseconds)

    bucket.ask("there are tokens enough: return 0", 7)
    missing = "9 tokens are left and 10 are wanted: one is missing, and takes window / limit milliseconds"
    bucket.ask(missing, 10)
    bucket.ask("a denied request must take nothing: 9 tokens were left, and 9 are wanted", 9)
    one = "the bucket is empty: one token takes window / limit milliseconds"
    bucket.ask(one, 1)
    bucket.ask("the bucket is empty: `limit` tokens take the whole window", 16)
    again = "a part of the wait has passed, by the server's clock, and who asks again is not told a shorter one"
    for _ in range(2):
        wait(bucket.token * 2 / 5)
        left = bucket.ask(again, 1, cure="tokens come back also while requests are denied: by TIME, to the millisecond")
    wait(left)
    bucket.ask(
        "the customer waited as long as your answer said, by the server's clock, and was denied again",
        1,
        cure="take the time from the server (TIME), to the millisecond, and round the wait up",
    )
    wait(bucket.token * 3 / 2)
    bucket.ask("one and a half tokens have come back, and one is wanted", 1)
    bucket.ask("half a token was left over, and counts: only the other half is missing", 1)
    if really_waits:
        return
    for _ in range(2):
        wait(bucket.window * 17 / 10)
        bucket.ask("after more than a window the bucket must be full again", 16)
        bucket.ask("the bucket ran over: more than `limit` tokens gathered in it", 1)
        bucket.wait_for_the_end()
        bucket.ask("after more than a window the bucket must be full again", 16)


def _expect_seven_of_seven(bucket: _Bucket) -> None:
    """A limit that divides nothing. Rounding may make it a millisecond late, and not more."""
    for number in range(1, 8):
        why = f"request {number} of 7 was denied, and the bucket holds 7"
        if bucket.ask(why, 1, late=1):
            bucket.wait(1)
            bucket.ask(why, 1)
    bucket.ask("the bucket is empty: one token takes window / limit milliseconds", 1)


def _expect_no_fraction_for_nothing(trial: Trial) -> None:
    """A token takes less than a millisecond."""
    bucket = _Bucket(trial, "fast", 2**18, 2**15 * trial.number(1, 7), stands_still=True)
    bucket.ask("a full bucket holds `limit` tokens, and they are wanted at once", bucket.limit)
    for _ in range(2):
        bucket.ask(
            "the bucket is empty, and a request was let in: a wait of less than a millisecond is a wait, too",
            1,
            cure="decide, and answer, with the wait rounded up",
        )


def _expect_one_of_two(trial: Trial, key: str, window: int) -> None:
    """Two at once want 4 of 7 tokens; nobody leaves a key without end behind."""
    args = (key, 7, window, 4)

    def without_end() -> list[str]:
        return [name for name, found in trial.state().items() if found.left is None]

    def one_of_two(run: Run, endless: object) -> bool:
        first, second = sorted(outcome.value for outcome in run.outcomes if isinstance(outcome.value, (int, float)))
        return not endless and first == 0 and 0 < second <= window

    def answered(run: Run) -> bool:
        return all(outcome.error is None and outcome.value is not None for outcome in run.outcomes[:2])

    no_end = "the key has no TTL: one bucket stays in memory for each customer who ever came"
    trial.orders(
        "two wanted 4 of 7 tokens at once, and both got them, or none: nobody may come in between look and take",
        {"request A": args, "request B": args},
        before=lambda: None,
        view=without_end,
        allowed=lambda run, endless: answered(run) and one_of_two(run, endless),
    )
    trial.every_gap(
        "the bucket's key ended between two of your commands. " + no_end,
        (key, 7, window, 2),
        before=lambda: trial.attempt(key, 7, window, 4),
        rivals={"the key ends": lambda: trial.redis.delete(key)},
        view=without_end,
        allowed=lambda run, endless: not endless and run.outcomes[0].error is None,
    )
    trial.every_cut(no_end, args, before=lambda: None, view=without_end)
    trial.every_error(args, before=lambda: None)


def _an_hour_ahead(clock):
    unit = 1_000_000_000 if clock is time.time_ns else 1
    return lambda: clock() + 3600 * unit


TAKE_TOKENS = Exercise(
    id="12.3",
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
    -- When the bucket is full again, times the limit: whole numbers, so that no fraction gets lost.
    local full = math.max(now * limit, tonumber(redis.call('GET', KEYS[1]) or 0)) + window * ARGV[3]
    local wait = math.max(0, math.ceil((full - (now + window) * limit) / limit))
    if wait == 0 then redis.call('SET', KEYS[1], full, 'PX', 2 * window) end
    return wait"""
    return redis_conn.register_script(script)([key], [limit, window, crates])''',
    why="a crate moves the moment of being full by one token's time, several crates by as many. A denied request "
    "writes nothing, so a small order may still pass where a big one could not. A third of a millisecond cannot be "
    "stored exactly: counted in limit-ths of a millisecond, the last token comes in time.",
    check=_check_take_tokens,
)

# 12.4


def _check_allow_both(trial: Trial) -> None:
    keys, limits = [trial.key("second"), trial.key("minute")], [trial.number(12, 40), trial.number(103, 140)]
    windows = [trial.number(40, 80) * 1000 + trial.number(1, 999), trial.number(400, 900) * 1000 + trial.number(1, 999)]
    _expect_counting(trial, keys, limits, windows)
    _expect_short_windows(trial, keys, limits)
    _expect_no_half(trial, keys, limits, windows)
    _expect_last_place_once(trial, keys, limits, windows)
    trial.every_error((keys, limits, windows), before=lambda: trial.put({keys[0]: Ends("2", 20)}))


def _expect_counting(trial: Trial, keys: list[str], limits: list[int], windows: list[int]) -> None:
    """One request after the other, from every kind of beginning."""

    def ask(why: str, expected: bool, counts: tuple[int, int], cure: str | None = None) -> None:
        """`counts` before it; 0 stands for no counter."""
        windows_left = [20, 300]
        lives = [
            left if count else window / 1000 for count, left, window in zip(counts, windows_left, windows, strict=True)
        ]
        before = list(zip(keys, counts, lives, strict=True))
        trial.put({key: Ends(str(count), left) for key, count, left in before if count})
        answer = trial.call([*keys], [*limits], [*windows])
        if not isinstance(answer, bool):
            raise Failed("return True or False", expected, answer)
        if answer is not expected:
            shown = " and ".join(f"{count} of {limit}" for count, limit in zip(counts, limits, strict=True))
            raise Failed(why, expected, Plain(f"{answer} with {shown} counted"), cure=cure)
        values = [trial.redis.get(key) for key in keys]
        now = [int(value or 0) for value in values]
        if expected:
            trial.expect("both counters must count what is let in, once", [count + 1 for count in counts], now)
        elif now != [*counts]:
            raise Failed(
                "a request that was denied counts in a window: its place is lost for everybody",
                [*counts],
                now,
                cure="look at both before you count in either",
            )
        for key, count, left in before:
            if trial.redis.ttl(key) == -1:
                raise Failed("a counter has no TTL: its window never ends")
            if expected or count:
                why = (
                    "a request must not prolong a window that has begun"
                    if count
                    else "each counter has its own window, in milliseconds"
                )
                trial.expect_ttl(why, key, left - 2, left + 0.001)
        ends = {key: Ends(value, left) for key, value, left in zip(keys, values, lives, strict=True) if value}
        trial.expect_state("both counters must count what is let in, once", ends)

    room, first, second = "both limits have room", "the first limit is used up", "the second limit is used up"
    text = "compare numbers, and not texts: as a text, '9' is more than '12', and '100' is less"
    ask(room, True, (0, 0))
    ask(room, True, (9, 99), text)
    ask(room, True, (limits[0] - 1, limits[1] - 1), "a request is let in while less than the limit is counted")
    ask(first, False, (limits[0], 5))
    ask(second, False, (5, limits[1]))
    ask(second, False, (0, limits[1]))
    ask(first, False, (limits[0], 0))
    ask("both limits are used up", False, (*limits,))
    ask("more is counted than the first limit, which was lowered", False, (100, 20), text)
    ask("more is counted than the second limit, which was lowered", False, (3, 1000), text)
    ask("the short window is new, and the long one has room", True, (0, limits[1] - 1))
    ask("the long window is new, and the short one has room", True, (limits[0] - 1, 0))


def _expect_short_windows(trial: Trial, keys: list[str], limits: list[int]) -> None:
    """Less than a second, which no whole number of seconds can be."""
    windows = [trial.number(600, 700), trial.number(750, 900)]
    trial.put({})
    trial.call([*keys], [*limits], [*windows])
    for key, window in zip(keys, windows, strict=True):
        if trial.redis.pttl(key) > window:
            raise Failed(
                "a window of less than a second lasts too long: each counter has its own window, in milliseconds",
                Plain(f"a TTL of at most {window} ms"),
                Plain(f"{trial.redis.pttl(key)} ms"),
            )


def _expect_no_half(trial: Trial, keys: list[str], limits: list[int], windows: list[int]) -> None:
    """Killed anywhere, the call has counted in both or in none, and no counter is without end."""

    def counts(left: object) -> list[int]:
        found = left if isinstance(left, dict) else {}
        return [int(found.get(key, ("0", True))[0]) for key in keys]

    for before in ((0, 0), (3, 0), (3, 7), (limits[0], 7), (3, limits[1])):
        let_in = all(count < limit for count, limit in zip(before, limits, strict=True))

        def prepare(before: tuple[int, int] = before) -> None:
            trial.put({key: Ends(str(count), 60) for key, count in zip(keys, before, strict=True) if count})

        def whole(left: object, before: tuple[int, int] = before, let_in: bool = let_in) -> bool:
            endless = not all(ends for _, ends in left.values()) if isinstance(left, dict) else True
            return not endless and counts(left) in ([*before], [count + let_in for count in before])

        trial.every_cut(
            "what it left is half. Both count or neither does, and every counter ends"
            if let_in
            else "what it left is half. The request was not let in, and it is counted",
            (keys, limits, windows),
            prepare,
            allowed=whole,
        )


def _expect_last_place_once(trial: Trial, keys: list[str], limits: list[int], windows: list[int]) -> None:
    """Two at once, and one place."""
    last, room = [Ends(str(limit - 1), 60) for limit in limits], Ends("5", 60)

    def why(run: Run) -> str:
        if [outcome.value for outcome in run.outcomes] == [True, True]:
            return "two requests at once, and one place: both were told True"
        return "two requests at once: what came out is not what comes out when one goes after the other"

    callers = {"request A": (keys, limits, windows), "request B": (keys, limits, windows)}
    trial.orders(why, callers, before=lambda: trial.put({keys[0]: last[0], keys[1]: room}))
    for number, name in enumerate(("first", "second")):

        def take_the_last(number: int = number) -> None:
            """A request that shares this window only: a customer's second, and a shop's minute."""
            if int(trial.redis.get(keys[number]) or 0) < limits[number]:
                trial.redis.incr(keys[number])

        trial.every_gap(
            f"one place was left in the {name} window, another request took it between two of your commands, and yours "
            "was told True as well",
            (keys, limits, windows),
            before=lambda number=number: trial.put({keys[number]: last[number], keys[1 - number]: room}),
            rivals={f"another takes the last place of the {name} window": take_the_last},
        )
    trial.every_gap(
        "a window ended between two of your commands: a counter has a wrong number now, or no end",
        (keys, limits, windows),
        before=lambda: trial.put({keys[0]: room, keys[1]: room}),
        rivals={
            "the first window ends": lambda: trial.redis.delete(keys[0]),
            "the second window ends": lambda: trial.redis.delete(keys[1]),
        },
    )


ALLOW_BOTH = Exercise(
    id="12.4",
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
