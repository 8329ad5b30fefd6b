"""Lesson 13: a log, a counter, a bucket and its clock, a price in tokens, two limits at once."""

import contextlib
import math
import re
import time
from collections.abc import Callable
from fractions import Fraction
from unittest import mock

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends

ONLY_A_LOOK = "your function is only to look: nothing in Redis may change"
SOME_DAY = 1_700_000_000_000  # milliseconds since 1970


def _expect_only_a_look(trial: Trial, before: dict[str, Ends]) -> None:
    """Nothing in Redis has changed."""
    state = trial.state()
    wanted = {key: entry.value for key, entry in before.items()}
    seen = {key: entry.value for key, entry in state.items()}
    if seen != wanted:
        raise Failed(ONLY_A_LOOK, *(Plain(", ".join(map(str, found.values())) or "no key") for found in (wanted, seen)))
    trial.expect_state(ONLY_A_LOOK, before)


# 13.1


def _check_requests_left(trial: Trial) -> None:
    key, limit, window = trial.key("log"), trial.number(7, 9), trial.number(8, 12) * 1000
    now = SOME_DAY + trial.number(1, 10**9)
    old, fresh = [now - 3 * window, now - window - 1], [now - window + 1, now - 5, now]
    _expect_left(
        trial, (key, limit, window, now), None, limit, "no list: nobody has come yet, so `limit` places are free"
    )
    _expect_left(trial, (key, limit, window, now), fresh, limit - 3, "each time of the last window takes one place")
    old_counts = "a time that is older than a window takes no place any more"
    _expect_left(trial, (key, limit, window, now), old + fresh, limit - 3, old_counts)
    _expect_left(trial, (key, limit, window, now), old, limit, old_counts)
    edge = "a time that lies exactly one window back takes no place any more: the limiter would let the next one in"
    _expect_left(trial, (key, limit, window, now), [now - window, now - 1], limit - 1, edge)
    _expect_left(trial, (key, 3, window, now), fresh, 0, "all places are taken")
    lowered = "the limit was lowered, and more times are in the list than the limit allows: 0 are left, not fewer"
    _expect_left(trial, (key, 2, window, now), fresh, 0, lowered)
    text = "compare numbers, not texts: as a text, 9500 is more than 10200"
    _expect_left(trial, (key, limit, 1000, 10_200), [9100, 9250, 9500, 10_000], limit - 3, text)
    trial.every_error((key, limit, window, now), before=lambda: trial.put({key: [str(now)]}))


def _expect_left(trial: Trial, args: tuple, times: list[int] | None, left: int, why: str) -> None:
    key, limit, window, now = args
    before = {key: Ends([str(moment) for moment in times], 500)} if times else {}
    trial.put(before)
    answer = trial.call(*args)
    if type(answer) is not int:
        raise Failed("return a whole number: how many requests are left", left, answer)
    if answer != left:
        ages = ", ".join(str(now - moment) for moment in times or [])
        listed = f"times {ages} ms old" if times else "no times"
        raise Failed(why, Plain(left), Plain(f"{answer} with limit {limit}, window {window}, {listed}"))
    _expect_only_a_look(trial, before)


REQUESTS_LEFT = Exercise(
    id="13.1",
    title="How many are left?",
    kind="change",
    question="""\
Many shops tell a customer how many requests are left. `key` is the list of a log: the times that were let in, in
milliseconds. A time takes a place only while it is less than `window` milliseconds before `now`. But `requests_left`
counts all of them, also the old ones. Change the function, so that it does not count these.

The answer is never below 0. The function only looks: nothing in Redis changes.""",
    stub="""\
def requests_left(redis_conn, key, limit, window, now):
    times = redis_conn.lrange(key, 0, -1)  # the whole list, as texts
    return limit - len(times)""",
    hints=(
        "Go through `times`, and count only those that are young enough. They are texts: `int` makes a number of each.",
        "A time is young enough when `int(time) > now - window`.",
        "Somebody may have lowered the limit. `max(0, ...)` keeps the answer from falling below 0.",
    ),
    solution="""\
def requests_left(redis_conn, key, limit, window, now):
    times = redis_conn.lrange(key, 0, -1)
    young = 0
    for time in times:
        if int(time) > now - window:
            young = young + 1
    return max(0, limit - young)""",
    why="a place is free again when its time is one window old. Old times may still be in the list: the log only cuts "
    "them off when somebody new is let in.",
    check=_check_requests_left,
)

# 13.2


def _check_has_room(trial: Trial) -> None:
    key, window = trial.key("counter"), trial.number(3, 9) * 4000
    room = "the estimate and this request are within the limit"
    full = "the estimate and this request are above the limit"
    length = "the estimate must not get smaller by the window before. How long is a window here? Look at the parameters"
    _expect_room(trial, (key, 8, 36_000, 18_000), {"before": "8", "count": "8"}, length)
    counts = "what this window has let in counts in full"
    for limit, before, count, quarters, why in (
        (trial.number(5, 9), None, None, 1, "nobody has come yet"),
        (5, 0, 4, 2, "the last place of the limit is a place, too"),
        (5, 0, 5, 2, counts),
        (12, 9, 9, 4, "the window before is over: nothing of it counts any more"),
        (5, 5, 0, 0, "this window has just begun: the window before counts in full"),
        (8, 8, 3, 2, room),
        (8, 8, 4, 2, full),
        (10, 8, 7, 3, room),
        (10, 8, 8, 3, full),
        (20, 8, 13, 1, room),
        (20, 8, 14, 1, full),
        (20, 9, 13, 1, full),
        (20, None, 19, 2, "the window before has let nobody in"),
        (20, 19, None, 0, "this window has let nobody in yet"),
        (9, 100, 3, 3, full),
        (3, 0, 100, 3, full),
    ):
        fields = {name: str(number) for name, number in (("before", before), ("count", count)) if number is not None}
        _expect_room(trial, (key, limit, window, quarters * window // 4), fields, why)
    trial.every_error((key, 5, window, 0), before=lambda: trial.put({key: {"before": "1", "count": "1"}}))


def _expect_room(trial: Trial, args: tuple, fields: dict[str, str], why: str) -> None:
    key, limit, window, passed = args
    left = Fraction(window - passed, window)
    estimate = int(fields.get("before", 0)) * left + int(fields.get("count", 0))
    right = estimate + 1 <= limit
    before = {key: Ends(fields, 500)} if fields else {}
    trial.put(before)
    answer = trial.call(*args)
    if type(answer) is not bool:
        raise Failed("the answer is True or False", right, answer)
    if answer is not right:
        counted = ", ".join(f"{name} {number}" for name, number in fields.items()) or "no hash"
        shown = f"{answer} with {counted}, limit {limit}, {passed} of {window} ms passed"
        raise Failed(f"{why}. The estimate is {float(estimate):g}", Plain(right), Plain(shown))
    _expect_only_a_look(trial, before)


HAS_ROOM = Exercise(
    id="13.2",
    title="An estimate",
    kind="change",
    question="""\
`key` is a hash of two counters: `before` for the window before, `count` for this one. Of this window, `passed`
milliseconds have passed. `has_room` returns `True` if one more request may be let in: the estimate **and this request**
are not above the limit. But it counts the whole window before. Change one line, so that only its share counts.""",
    stub="""\
def has_room(redis_conn, key, limit, window, passed):
    counters = redis_conn.hgetall(key)
    before = int(counters.get("before", 0))  # 0: no such field
    count = int(counters.get("count", 0))
    estimate = before + count  # change this line
    return estimate + 1 <= limit""",
    hints=(
        "`window - passed` milliseconds of the window before still lie in the last `window` milliseconds.",
        "So much of the window before still counts: `before * (window - passed) / window`.",
    ),
    solution="""\
def has_room(redis_conn, key, limit, window, passed):
    counters = redis_conn.hgetall(key)
    before = int(counters.get("before", 0))
    count = int(counters.get("count", 0))
    estimate = before * (window - passed) / window + count
    return estimate + 1 <= limit""",
    why="the window before counts for as much of it as lies in the last `window` milliseconds.",
    check=_check_has_room,
)

# 13.3


def _check_redis_milliseconds(trial: Trial) -> None:
    for microseconds in (0, 999, 1000, 250_000, 999_999, trial.number(10_000, 90_000) * 10 + 7):
        seconds = 1_700_000_000 + trial.number(0, 10**6)
        wanted = seconds * 1000 + microseconds // 1000
        outcome = trial.attempt(now=seconds * 1_000_000 + microseconds)
        if outcome.error is not None:
            raise Crashed(outcome.error)
        answer = outcome.value
        if type(answer) is not int:
            raise Failed("return a whole number of milliseconds", wanted, answer)
        if answer != wanted:
            shown = f"{answer} when TIME answers {seconds} and {microseconds}"
            raise Failed(_why_not_that_time(answer, seconds, microseconds), Plain(wanted), Plain(shown))
        trial.expect_state(ONLY_A_LOOK, {})
    trial.every_error((), before=lambda: None)


def _why_not_that_time(answer: int, seconds: int, microseconds: int) -> str:
    if answer == seconds:
        return "these are seconds: a second has 1000 milliseconds"
    if abs(answer / 1000 - time.time()) < 3600:
        return "that is the time of your program: ask the clock of Redis, with TIME"
    if answer == seconds * 1000:
        return "only whole seconds are counted: the microseconds that TIME answers belong to the time, too"
    if answer == seconds * 1_000_000 + microseconds:
        return "these are microseconds: a millisecond has 1000 of them"
    return "that is not the time that TIME answers, in milliseconds"


REDIS_MILLISECONDS = Exercise(
    id="13.3",
    title="By the clock of Redis",
    kind="change",
    question="""\
`redis_milliseconds` returns the time of Redis, but in seconds. Change one line, so that it returns **milliseconds**:
those of the seconds, and the whole milliseconds of the second part.""",
    stub='''\
def redis_milliseconds(redis_conn):
    script = """
    local clock = redis.call('TIME')
    local now = tonumber(clock[1])  -- change this line
    return now
    """
    return redis_conn.eval(script, 0)''',
    hints=(
        "`clock[1]` are the seconds, `clock[2]` the microseconds after them. A second has 1000 milliseconds, and a "
        "millisecond has 1000 microseconds.",
        "`clock[1] * 1000` is the first part. `math.floor(clock[2] / 1000)` is the second one. Add them.",
    ),
    solution='''\
def redis_milliseconds(redis_conn):
    script = """
    local clock = redis.call('TIME')
    local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
    return now
    """
    return redis_conn.eval(script, 0)''',
    why="all programs ask one clock now. With the clocks of the programs, one that is an hour ahead would send a "
    "customer away for an hour.",
    check=_check_redis_milliseconds,
)

# 13.4


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
    asks = "TIME" in trial.commands or "TIME" in _script_of(trial)
    still = asks and not within_multi
    _expect_whose_clock(trial, window, still)
    _expect_a_clock(trial)
    # A token's time has a fraction, and one that a float holds exactly: whoever does not round is exact too.
    scale = 1 if not within_multi else Fraction(1, 100)
    _in_time(lambda: _expect_a_bucket(_Bucket(trial, "bucket", 16, int(scale * window) + 10, still), within_multi))
    if not within_multi:
        fraction = trial.number(1, 6)
        _in_time(lambda: _expect_seven_of_seven(_Bucket(trial, "seven", 7, 7 * window + fraction, still)))
    if still:
        _expect_no_fraction_for_nothing(trial)
    _expect_one_of_two(trial, key, window)


def _in_time(expect: Callable[[], None]) -> None:
    """Does what is expected, and where so much time has passed that nothing can be said, does it again."""
    for _ in range(5):
        with contextlib.suppress(_TooLate):
            expect()
            return


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


def _expect_a_clock(trial: Trial) -> None:
    """A script that asks neither TIME nor a TTL cannot know how much time has passed."""
    script = _script_of(trial)
    if script and not re.search(r"TIME\b|TTL", " ".join([script, *trial.commands])):
        raise Failed("the script does not ask what time it is, so no token comes back: ask TIME, as in 13.3")


def _script_of(trial: Trial) -> str:
    """The last script, in capitals, without its comments."""
    return re.sub("--.*", "", (trial.call_seen.last_script or b"").decode(errors="replace").upper())


def _expect_a_bucket(bucket: _Bucket, really_waits: bool) -> None:
    def wait(milliseconds: float) -> None:
        if really_waits:
            time.sleep(math.ceil(milliseconds) / 1000)
        else:
            bucket.wait(milliseconds)

    bucket.ask("there are tokens enough: return 0", 7)
    missing = "9 tokens are left and 10 are wanted: one is missing, and takes window / limit milliseconds"
    three = "what a request takes is `crates` tokens, in drops: in the `if`, in the wait, and where the level is stored"
    bucket.ask(missing, 10, cure=three)
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
    id="13.4",
    title="A crate costs a token",
    kind="write",
    question="""\
A request for several crates costs as many tokens. `take_tokens` takes `crates` tokens (at most `limit`), and returns 0.
If there are not enough, it takes none, and returns the milliseconds until there are.

Copy the lines of `BUCKET` into the script. Then change two things: the time comes from Redis, as in 13.3. And a request
takes `ARGV[3]` tokens, not one: this changes three lines.""",
    stub='''\
def take_tokens(redis_conn, key, limit, window, crates):
    script = """
    -- the lines of BUCKET, changed
    """
    return redis_conn.eval(script, 1, key, limit, window, crates)''',
    hints=(
        "In BUCKET, `now` comes from ARGV[3]. Here it comes from TIME: the two lines of 13.3 take its place.",
        "One token is `token` drops. So many drops are wanted: `local wanted = tonumber(ARGV[3]) * token`.",
        "At three places, BUCKET says `token` where it means what one request takes: look at the `if`, at the wait, "
        "and at HSET.",
    ),
    solution='''\
def take_tokens(redis_conn, key, limit, window, crates):
    script = """
    local limit = tonumber(ARGV[1])
    local token = tonumber(ARGV[2])
    local wanted = tonumber(ARGV[3]) * token
    local clock = redis.call('TIME')
    local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
    local full = limit * token
    local level = tonumber(redis.call('HGET', KEYS[1], 'level') or full)
    local at = tonumber(redis.call('HGET', KEYS[1], 'at') or now)
    level = math.min(full, level + (now - at) * limit)
    if level < wanted then
      return math.ceil((wanted - level) / limit)
    end
    redis.call('HSET', KEYS[1], 'level', level - wanted, 'at', now)
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return 0
    """
    return redis_conn.eval(script, 1, key, limit, window, crates)''',
    why="a denied request writes nothing, so a small order may still pass where a big one could not. And drops are "
    "whole numbers, so no part of a token gets lost.",
    check=_check_take_tokens,
)

# 13.5


def _check_both_have_room(trial: Trial) -> None:
    keys = [trial.key("second"), trial.key("minute")]
    texts = "compare numbers, not texts: as a text, '9' is more than '12', and '100' is less than '20'"
    low, high = trial.number(11, 19), trial.number(101, 140)
    for limits, counts, room, why in (
        ((low, high), (None, None), True, "no counter: nobody has come yet"),
        ((low, high), (low - 1, high - 1), True, "one place is left in each window, by its own limit"),
        ((low, high), (9, 99), True, texts),
        ((low, high), (low, 5), False, "the first limit is used up"),
        ((low, high), (5, high), False, "the second limit is used up"),
        ((low, high), (None, high), False, "the second limit is used up"),
        ((20, 100), (100, 5), False, texts),
        ((20, 100), (5, 1000), False, texts),
        ((3, 5), (3, 5), False, "both limits are used up"),
        ((1, 1), (0, None), True, "one place is left in each window"),
    ):
        before = {key: Ends(str(count), 500) for key, count in zip(keys, counts, strict=True) if count is not None}
        trial.put(before)
        answer = trial.call([*keys], [*limits])
        if type(answer) is not bool:
            raise Failed("the answer is True or False", room, answer)
        if answer is not room:
            shown = " and ".join(f"{count or 0} of {limit}" for count, limit in zip(counts, limits, strict=True))
            raise Failed(why, Plain(room), Plain(f"{answer} with {shown} counted"))
        _expect_only_a_look(trial, before)
    trial.every_error((keys, [low, high]), before=lambda: trial.put({keys[0]: Ends("2", 20)}))


BOTH_HAVE_ROOM = Exercise(
    id="13.5",
    title="Room in both",
    kind="change",
    question="""\
`both_have_room` looks at two counters, and returns `True` if both are below their limits. It changes nothing. But
with 9 counted and a limit of 12, it answers `False`. Change one line.""",
    stub='''\
def both_have_room(redis_conn, keys, limits):
    script = """
    for number = 1, #KEYS do
      local count = redis.call('GET', KEYS[number]) or '0'
      if count >= ARGV[number] then  -- change this line
        return 0
      end
    end
    return 1
    """
    words = keys + limits
    return redis_conn.eval(script, len(keys), *words) == 1''',
    hints=(
        "What `GET` answers is a text, and everything in ARGV is a text. How do you make a number of a text in Lua?",
        "`tonumber`, on both sides of `>=`.",
    ),
    solution='''\
def both_have_room(redis_conn, keys, limits):
    script = """
    for number = 1, #KEYS do
      local count = redis.call('GET', KEYS[number]) or '0'
      if tonumber(count) >= tonumber(ARGV[number]) then
        return 0
      end
    end
    return 1
    """
    words = keys + limits
    return redis_conn.eval(script, len(keys), *words) == 1''',
    why="as texts, '9' is more than '12'. Nothing tells you: the script runs, and decides wrongly.",
    check=_check_both_have_room,
)

# 13.6


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
            raise Failed(why, Plain(expected), Plain(f"{answer} with {shown} counted"), cure=cure)
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
    id="13.6",
    title="Both limits, or neither",
    kind="stretch",
    question="""\
Write `allow_both`, for two fixed windows. Each has a counter (a text, as in lesson 12), a limit, and a window in
milliseconds. `keys`, `limits` and `windows` are lists of two.

- If both have room, the request counts in both, and the answer is `True`.
- Otherwise the answer is `False`, and it counts in **neither**.
- A counter gets its TTL when it is made, and only then.

Many call it at once, and any program may be killed. Begin with the function of 13.5, and hand in the windows after the
limits: `words = keys + limits + windows`. Then `ARGV[1]` and `ARGV[2]` are the limits, and `ARGV[3]` and `ARGV[4]` are
the windows.""",
    stub="""\
def allow_both(redis_conn, keys, limits, windows):
    # your code here
    ...""",
    hints=(
        "One script, two loops: the first one looks at both counters, the second one counts in both.",
        "In the second loop, make the counter if there is none, as in lesson 12: SET with 'PX' and 'NX'. Then INCR.",
        "In the loop, the limit is `ARGV[number]`. So the window is `ARGV[number + 2]`.",
    ),
    solution='''\
def allow_both(redis_conn, keys, limits, windows):
    script = """
    for number = 1, #KEYS do
      local count = redis.call('GET', KEYS[number]) or '0'
      if tonumber(count) >= tonumber(ARGV[number]) then
        return 0
      end
    end
    for number = 1, #KEYS do
      redis.call('SET', KEYS[number], 0, 'PX', ARGV[number + 2], 'NX')
      redis.call('INCR', KEYS[number])
    end
    return 1
    """
    words = keys + limits + windows
    return redis_conn.eval(script, len(keys), *words) == 1''',
    why="the script looks at both before it counts in either, and nobody comes in between. On a cluster (keys on "
    "several servers), both must lie on one server: `{anna}:second` and `{anna}:minute`, with braces, do.",
    check=_check_allow_both,
)

EXERCISES = (REQUESTS_LEFT, HAS_ROOM, REDIS_MILLISECONDS, TAKE_TOKENS, BOTH_HAVE_ROOM, ALLOW_BOTH)

QUIZ = (
    Question(
        "A bucket holds 10 tokens, and one comes back every second. It is full. How many requests does it let in, at "
        "most, within the next five and a half seconds?",
        (
            ("5", "That is the rate alone. The full bucket comes on top."),
            ("15", "Ten at once, and one after each of five seconds."),
            ("55: ten per second", "The rate is one per second. Ten is the burst."),
        ),
        answer="b",
    ),
    Question(
        "A sliding counter has a window of 60 seconds and a limit of 100. The window before let in 80. This one has "
        "let in 30, and 15 of its seconds have passed. What is the estimate?",
        (
            ("50: 80 × 15/60 + 30", "15 seconds have passed, so 45 of 60 seconds still count, not 15."),
            ("110: 80 + 30", "Only a part of the window before lies in the last 60 seconds."),
            ("90: 80 × 45/60 + 30", "45 of the 60 seconds before still count: 60 of the 80."),
        ),
        answer="c",
    ),
    Question(
        "A bank allows at most three transfers in any 24 hours. Not one more, whatever the time. Which limiter?",
        (
            ("The sliding log", "It keeps the times, so it is exact. Three times per customer are little memory."),
            ("The fixed window", "Two before the end of a window and three after it: five within minutes."),
            ("The token bucket", "A full bucket of three, and one more after eight hours: four in 24 hours."),
        ),
        answer="a",
    ),
    Question(
        "A program sends 10,000 requests per second, and nearly all are denied. How much work does Redis have with "
        "these?",
        (
            ("Nearly none: a denied request writes nothing", "Redis must run the script to find that out."),
            (
                "One script per request, as if it were let in",
                "A limiter protects what stands behind it, not Redis itself.",
            ),
            ("None: the limiter does not ask for denied customers", "Only Redis knows that they are denied."),
        ),
        answer="b",
    ),
    Question(
        "A test sends 1,000 requests to a limiter, one after the other. Exactly `limit` are let in. What does it show?",
        (
            ("No place is ever given twice", "Nobody came in between, because nobody else was there."),
            ("The limiter lets in `limit` per window, at any time", "The test saw one window, not an edge of two."),
            (
                "It counts right when nobody else asks",
                "What happens when several ask at once, and over time, needs other tests.",
            ),
        ),
        answer="c",
    ),
)
