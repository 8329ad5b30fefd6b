"""Lesson 09: reloading early, storing under a lease, one load for all, a circuit breaker."""

import json
import threading
import time
from collections.abc import Callable

import redis

from redis_helpers.course.exercises.checker import Plain, Trial, somebody_silent
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Question

# 9.1

CALLS = 300  # so many that the chance of an answer shows


def _share(trial: Trial, key: str, took: int, beta: float, calls: int) -> float:
    """The share of calls that say "reload now"."""
    answers = trial.call_often(calls, key, took, beta)
    if odd := [answer for answer in answers if not isinstance(answer, bool)]:
        raise Failed("return whether to reload now", Plain("True or False"), odd[0])
    return sum(answers) / calls


def _check_should_reload(trial: Trial) -> None:
    key = trial.key("banana")
    trial.redis.set(key, "312", px=1_000_000)
    if _share(trial, key, 10, 1, 20) > 0.1:
        raise Failed(
            "the time of 100,000 loads is left, and it reloads all the same: the rule is the other way round. The dice "
            "must reach what is left (>=), and hardly ever do so far from the end"
        )
    if _share(trial, key, 1_000_000_000, 1, 20) < 0.9:
        raise Failed(
            "the end is a thousandth of one load away, and it does not reload. The logarithm of a number below 1 is "
            "negative: it takes a minus to make a time of it"
        )
    share = _share(trial, key, 1_000_000, 1, CALLS)
    seen = Plain(f"{share:.0%} of the calls")
    if share > 0.9:
        raise Failed(
            "with one load's time left it always reloads. Chance must have its say, and both times must be in "
            "milliseconds as `took` is: TTL counts seconds",
            Plain("about 37 % of the calls"),
            seen,
        )
    if not 0.25 < share < 0.49:
        raise Failed(
            "with one load's time left, exp(−1) of the calls must reload: −log of a random number, times `took`, "
            "against what is left",
            Plain("about 37 % of the calls"),
            seen,
        )
    share = _share(trial, key, 1_000_000, 3, CALLS)
    if not 0.6 < share < 0.84:
        raise Failed(
            "a larger beta must reload earlier: it stretches the time that the dice give",
            Plain("about 72 % of the calls with beta = 3 and one load's time left"),
            Plain(f"{share:.0%} of the calls"),
        )
    trial.redis.delete(key)
    if _share(trial, key, 1, 1, 20) < 1:
        raise Failed("there is no such key any more: then the answer is True, always")


SHOULD_RELOAD = Exercise(
    id="9.1",
    title="Now, or later?",
    kind="blank",
    question="""\
`should_reload` throws XFetch's dice for one read, and returns `True` when this reader is to reload now. `took` is what
a load takes, in milliseconds. What stands in place of the `...`?""",
    stub="""\
import math
import random


def should_reload(redis_conn, key, took, beta):
    left = redis_conn.pttl(key)
    return left <= ...""",
    hints=(
        'The rule stands under "Reload before the end": −βΔ·ln(random) ≥ t. Which of the names here is which?',
        "`math.log` is ln, and `random.random()` a number between 0 and 1. Its logarithm is negative, so the minus "
        "makes a positive time.",
        "Three factors: beta, took, and minus the logarithm. A key that is gone has −2 left, so the comparison is true "
        "by itself.",
    ),
    solution="""\
import math
import random


def should_reload(redis_conn, key, took, beta):
    left = redis_conn.pttl(key)
    return left <= -beta * took * math.log(random.random())""",
    why="far from the end the dice hardly ever reach that far, near it they nearly always do. No reader has to know of "
    "another, and yet somebody reloads in time.",
    check=_check_should_reload,
)

# 9.2


def _check_store_if_ours(trial: Trial) -> None:
    key, lease = trial.key("banana"), trial.key("banana:lease")
    trial.redis.set(lease, "ours", px=20_000)
    answer = trial.call(key, lease, "ours", "[312]", 40)
    trial.expect_value("the lease is ours: the entry must be stored", key, "[312]")
    trial.expect_ttl("the entry needs its TTL of ttl seconds", key, 38, 40)
    trial.expect_value("the entry is stored, and the lease must be given back: others wait for it", lease, None)
    trial.expect("return True when the entry was stored", True, answer)

    trial.redis.set(lease, "another's", px=20_000)
    answer = trial.call(key, lease, "ours", "[299]", 40)
    trial.expect_value("the lease is another's: what you have loaded may be old, and must not be stored", key, "[312]")
    trial.expect_value("the lease is another's, and must stay with him", lease, "another's")
    trial.expect("return False when the entry was not stored", False, answer)
    trial.redis.delete(lease)
    answer = trial.call(key, lease, "ours", "[299]", 40)
    trial.expect_value("there is no lease any more: then it is not ours, and nothing is stored", key, "[312]")
    trial.expect("return False when there is no lease any more", False, answer)

    for moment in (1, 2):
        _expect_nothing_stale(trial, key, lease, moment)


def _expect_nothing_stale(trial: Trial, key: str, lease: str, moment: int) -> None:
    """A writer invalidates the entry when the function comes back to Redis for the `moment`-th time."""
    trial.redis.delete(key)
    trial.redis.set(lease, "ours", px=20_000)
    gaps = []

    def writer() -> None:
        gaps.append(trial.redis.delete(key, lease) if len(gaps) == moment - 1 else 0)

    trial.call(key, lease, "ours", "[312]", 40, between=writer)
    if len(gaps) >= moment and gaps[moment - 1] and trial.redis.exists(key):
        raise Failed(
            "between your look at the lease and your SET, a writer deleted both keys, and the old value was stored all "
            "the same. Looking and storing must be one step for the server: a script, or WATCH and a transaction",
            Plain("no such key"),
            trial.redis.get(key),
        )


STORE_IF_OURS = Exercise(
    id="9.2",
    title="Store, but only while it is ours",
    kind="change",
    question="""\
A reader stores what it loaded, if its `token` is still in the key `lease`. But a writer may delete `key` and `lease`
between the two commands. Change the code: look, store for `ttl` seconds and delete the lease in one step; return `True`
when stored, and `False` (and change nothing) when the lease is not ours.""",
    stub="""\
def store_if_ours(redis_conn, key, lease, token, text, ttl):
    if redis_conn.get(lease) == token:
        redis_conn.set(key, text, ex=ttl)""",
    hints=(
        "Nothing may come between commands that run inside the server. Which one runs a script there?",
        "The script of `CacheAside`, printed above, is nearly it: the entry there lives for PX milliseconds, yours "
        "for EX seconds.",
        "`redis_conn.eval(script, 2, …)`: two keys follow, then the arguments. In the script they are KEYS[1], "
        "KEYS[2], ARGV[1] and so on; what it returns, 0 or 1, comes back as a number.",
    ),
    solution='''\
def store_if_ours(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        redis.call('DEL', KEYS[2])
        return 1
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1''',
    why="the server runs a script as one command. Whoever invalidates comes before it, and the lease is gone, or after "
    "it, and deletes what was stored.",
    check=_check_store_if_ours,
)

# 9.3


class Source:
    """The source behind the cache: counts its loads, which may come from several threads, and may fail."""

    def __init__(self, value: object, error: Exception | None = None) -> None:
        self.value, self.error = value, error
        self.calls = 0
        self._guard = threading.Lock()

    @property
    def load(self) -> Callable[[], object]:
        def load() -> object:
            with self._guard:
                self.calls += 1
            if self.error:
                raise self.error
            return self.value

        return load


def _check_load_once(trial: Trial) -> None:
    key, source = trial.key("june"), Source({"cents": 312})
    lock = key + ":lock"
    trial.expect("on a miss, return what load() gives", {"cents": 312}, trial.call(key, source.load, 40))
    trial.expect("on a miss, load() is called once", 1, source.calls)
    _expect_stored(trial, key, {"cents": 312})
    trial.expect_value("after the load the lock must be free again: the next ones wait for it", lock, None)
    _expect_safe_lock(trial, key, lock, source)

    trial.redis.set(key, "[1]", ex=40)
    trial.redis.set(lock, "of a reader that loads something", px=20_000)
    before = source.calls
    trial.expect("what is cached is returned", [1], trial.call(key, source.load, 40))
    trial.expect("what is cached must not be loaded", before, source.calls)
    trial.expect("a hit costs one GET, and has nothing to do with the lock", ["GET"], trial.commands)
    trial.redis.delete(key, lock)

    crowd = Source([1, 2])
    answers = trial.call_at_once([(key, crowd.load, 40)] * 6)
    trial.expect("whoever has waited must get the value too", [[1, 2]] * 6, answers)
    if crowd.calls != 1:
        raise Failed(
            "six readers missed, and then took the lock one after another: look at the key again once you hold the "
            "lock. And whoever does not get it must wait, not load",
            Plain("1 load"),
            Plain(f"{crowd.calls} loads"),
        )

    trial.redis.delete(key)
    broken = Source(None, LookupError("no such month"))
    if not isinstance(trial.attempt(key, broken.load, 40).error, LookupError):
        raise Failed("load() raised, and the caller must learn of it")
    trial.expect_value("load() raised, and the lock was kept: give it back in `finally`", lock, None)


def _expect_stored(trial: Trial, key: str, value: object) -> None:
    text = trial.redis.get(key)
    if text is None:
        raise Failed("nothing was cached: store what load() gave")
    try:
        stored = json.loads(text)
    except ValueError:
        raise Failed("the text in Redis is not JSON: json.dumps() writes it", json.dumps(value), text) from None
    trial.expect("the JSON in Redis is not the value that was loaded", value, stored)
    trial.expect_ttl("what is cached needs its TTL", key, 38, 40)


def _expect_safe_lock(trial: Trial, key: str, lock: str, source: Source) -> None:
    """The reader dies after each of its commands."""
    trial.redis.delete(key)
    trial.call(key, source.load, 40)
    if "SET" not in trial.commands[:-2]:
        raise Failed("no lock was taken: SET with nx=True and px= takes it, under the key with `:lock` behind it")
    before = source.calls

    def prepare() -> None:
        nonlocal before
        trial.redis.delete(key, lock)
        before = source.calls

    for _ in trial.cuts(key, source.load, 40, prepare=prepare):
        if trial.redis.pttl(lock) == -1:
            raise Failed("a reader died while it held the lock, and the lock has no TTL: nobody will ever load again")
        if source.calls > before and not trial.redis.exists(key, lock):
            raise Failed(
                "the lock was given back before the value was stored: whoever takes it in between looks, finds "
                "nothing, and loads too"
            )
    trial.redis.delete(key, lock)


LOAD_ONCE = Exercise(
    id="9.3",
    title="One load for all",
    kind="write",
    question="""\
Write `load_once(redis_conn, key, load, ttl)`: cache-aside (JSON, `ttl` seconds) that loads once however many miss.
The lock is `key + ":lock"`; whoever does not get it asks again after 5 ms. It ends by itself after 2 s, and is given
back also when `load()` raises. A hit stays one `GET`.""",
    stub="""\
def load_once(redis_conn, key, load, ttl):
    # your code here
    ...""",
    hints=(
        "First the six lines' beginning: GET, and return on a hit. Then wait for the lock as `locked` does.",
        "Once you hold the lock, GET again: somebody may have stored it while you waited.",
        "`try:` look, and if nothing is there load and store; `finally:` delete the lock. So it is given back after "
        "storing, whatever happens.",
    ),
    solution="""\
import json
import time


def load_once(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
        time.sleep(0.005)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
    finally:
        redis_conn.delete(key + ":lock")""",
    why="the second look finds what the one before you stored. A load of more than 2 s would lose this lock, and "
    "delete another's: that is why the lease of `CacheAside` has a token, and is renewed.",
    check=_check_load_once,
)

# 9.4


def _check_get_guarded(trial: Trial) -> None:
    key, breaker = trial.key("banana"), {}
    trial.redis.set(key, "312")
    for _ in range(2):
        trial.expect("Redis is there: return what it has", "312", trial.call(key, breaker, 60))
        trial.expect("Redis is there: ask it, each time", ["GET"], trial.commands)
    trial.expect("a key that is not there gives None", None, trial.call(trial.key("none"), breaker, 60))

    _expect_opened(trial, key, breaker, 60, "the connection was lost", cut_after=0)
    with somebody_silent() as options:
        _expect_opened(trial, key, {}, 60, "Redis did not answer in time", options=options, reply_timeout=0.08)

    breaker = {}
    trial.attempt(key, breaker, 0.02, cut_after=0)
    time.sleep(0.03)
    answer = trial.call(key, breaker, 0.02)
    trial.expect("the pause is over, and Redis is back: ask it again", ["GET"], trial.commands)
    trial.expect("the pause is over, and Redis is back: return what it has", "312", answer)
    trial.expect("Redis has answered: the breaker is closed again", "312", trial.call(key, breaker, 60))
    trial.attempt(key, breaker, 0.02, cut_after=0)
    time.sleep(0.03)
    _expect_opened(trial, key, breaker, 60, "the pause was over and Redis still gone", cut_after=0)

    breaker, wrong = {}, trial.key("a-list")
    trial.redis.rpush(wrong, "no string")
    if not isinstance(trial.attempt(wrong, breaker, 60).error, redis.ResponseError):
        raise Failed("Redis answered with an error (WRONGTYPE), so it is there: a ResponseError goes to the caller")
    trial.call(key, breaker, 60)
    trial.expect("Redis answered, if with an error: no reason to leave it alone", ["GET"], trial.commands)


def _expect_opened(trial: Trial, key: str, breaker: dict, pause: float, what: str, **how: object) -> None:
    """Redis is taken away for one call. Then it is there again, but must be left alone."""
    outcome = trial.attempt(key, breaker, pause, **how)
    if isinstance(outcome.error, redis.RedisError):
        raise Failed(f"{what}, and your function raised {type(outcome.error).__name__}: return None instead")
    if outcome.error is not None:
        raise Crashed(outcome.error)
    trial.expect(f"{what}: return None", None, outcome.value)
    if trial.commands.count("(cut)") > 1:
        raise Failed(f"{what}, and your function tried again at once: that is what the pause is for")
    answer = trial.call(key, breaker, pause)
    if trial.commands:
        raise Failed(
            f"{what}, and the next call asked Redis again: for `pause` seconds it must send nothing. What one call "
            "finds out, the next reads in `breaker`",
            Plain("no command"),
            Plain(", ".join(trial.commands)),
        )
    trial.expect("while Redis is left alone the answer is None", None, answer)


GET_GUARDED = Exercise(
    id="9.4",
    title="A circuit breaker",
    kind="stretch",
    question="""\
Write `get_guarded(redis_conn, key, breaker, pause)`: a `GET` that gives `None` when Redis cannot be reached or does not
answer in time. Then, for `pause` seconds, calls with the same `breaker` send nothing and give `None`; after that, they
ask again. `breaker` is a dict, empty at first. An error that Redis answers with goes to the caller.""",
    stub="""\
def get_guarded(redis_conn, key, breaker, pause):
    # your code here
    ...""",
    hints=(
        "What has to outlive the call is the moment until which Redis is left alone. Which clock never jumps?",
        "`redis.ConnectionError` and `redis.TimeoutError` are two classes, and neither covers the other. "
        "`redis.RedisError` covers too much.",
        "First compare `time.monotonic()` with `breaker.get(...)`; then GET in a `try`; in `except`, write down now "
        "plus the pause.",
    ),
    solution="""\
import time

import redis


def get_guarded(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["until"] = time.monotonic() + pause
        return None""",
    why="with a hung server, each call would wait for the timeout; so a caller does so only once a pause. What Redis "
    "answers, errors included, shows that it is there.",
    check=_check_get_guarded,
)

EXERCISES = (SHOULD_RELOAD, STORE_IF_OURS, LOAD_ONCE, GET_GUARDED)

QUIZ = (
    Question(
        "Sixteen readers miss the same key. A lock is put around the load, and nothing else changed. How many loads?",
        (
            ("Sixteen, one after another", "Each has missed already, and nobody told it that the entry is there now."),
            ("One", "Only with a second look at the key, once the lock is held."),
            ("Sixteen at once", "The lock does keep them apart: it only makes the last one wait longer."),
        ),
        answer="a",
    ),
    Question(
        "A reader loads the old price. Before it stores, a writer changes the source and deletes the key. What keeps "
        "the old price out?",
        (
            ("Deleting before the change, too", "The reader stores after both deletions all the same."),
            ("A lock around the load", "The writer does not take it, and the reader stores what it holds."),
            (
                "Storing under a lease that the writer deletes",
                "Looking and storing are one script: it comes too late.",
            ),
        ),
        answer="c",
    ),
    Question(
        "Somebody asks for a million ids that do not exist, each once. What keeps them away from the source?",
        (
            ('Remembering "not found"', "Each id is new, so nothing remembered is ever asked for: a million entries."),
            ("A look at what exists: a set, or a Bloom filter", "Whatever the id, the answer is known without a load."),
            ("One load for all readers", "It joins readers of one key. These are a million keys."),
        ),
        answer="b",
    ),
    Question(
        "XFetch with β = 1. Exactly the time of one load is left. How likely does one read reload?",
        (
            ("63 %", "That is 1 − exp(−1): the rule turned round. Some pages print it."),
            ("37 %", "exp(−1). With five loads' time left it would be 0.7 %."),
            ("100 %: otherwise it is too late", "One read need not: there are others after it, ever likelier."),
        ),
        answer="b",
    ),
    Question(
        "A process holds a value in redis-py's client-side cache, and the key's TTL ends. When does it notice?",
        (
            (
                "When the server deletes the key and says so",
                "The local copy has no clock, and the server deletes when somebody asks, or when it comes across it.",
            ),
            ("At once: it counts the TTL down itself", "redis-py does not know the TTL of what it holds."),
            ("Never", "The server does send an invalidation, but only when it deletes the key."),
        ),
        answer="a",
    ),
)
