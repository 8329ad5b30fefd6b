"""Answers that do what nobody expects: the check must end soon, with a sentence, and leave everything as it was."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import redis

from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises import check, checker, commands, progress_file
from redis_helpers.course.exercises.catalog import exercises
from redis_helpers.course.exercises.checker import Trial
from redis_helpers.course.exercises.model import Crashed, Failed, TooBusy
from redis_helpers.course.exercises.runner import FairClock, slowness
from redis_helpers.course.exercises.state import Ends
from tests.support.servers import options_of, wait_until

FOR_EVER = 600  # seconds: longer than any test lasts


@pytest.fixture
def short_limits(monkeypatch):
    """What is five seconds for a learner, and thirty for all calls together."""
    monkeypatch.setattr("redis_helpers.course.exercises.checker.TIME_LIMIT", 0.3)
    monkeypatch.setattr("redis_helpers.course.exercises.checker.TOTAL_LIMIT", 1.5)


@pytest.fixture
def market(redis_conn, server, monkeypatch):
    """Somebody's data, which must be there afterwards, and nothing else beside it."""
    monkeypatch.setenv("REDIS_URL", server.url)
    redis_conn.set("somebody:key", "kept")
    settings = redis_conn.config_get("maxmemory*")
    yield redis_conn
    assert redis_conn.get("somebody:key") == "kept"
    assert set(redis_conn.scan_iter()) == {"somebody:key"}, "something was left"
    assert redis_conn.config_get("maxmemory*") == settings


@pytest.fixture
def verdict(market, capsys, monkeypatch):
    """Checks a faulty answer, then a right one, which must not suffer from it.

    That this comes to an end is a part of the test: none of the answers that must be stopped ends by itself.
    """

    def run(function):
        before = sys.stdout
        check("1.5", function)
        assert sys.stdout is before
        text = capsys.readouterr().out
        monkeypatch.setattr("redis_helpers.course.exercises.checker.TIME_LIMIT", 5.0)
        monkeypatch.setattr("redis_helpers.course.exercises.checker.TOTAL_LIMIT", 30.0)
        check("1.5", put_once)
        assert capsys.readouterr().out.startswith("✅")
        return text

    return run


def put_once(redis_conn, key, value):
    return bool(redis_conn.set(key, value, nx=True))


FAULTS = {}


def fault(sentence):
    """Marks an answer; `sentence` is what the learner must read about it."""

    def mark(function):
        FAULTS[function.__name__] = (function, sentence)
        return function

    return mark


STILL_RAN = "Your code was stopped: one call may take 0.3 seconds, all calls together 1.5. Look for"
WAITS = "BLPOP waits until something comes"


@fault(STILL_RAN)
def sleeps(redis_conn, key, value):
    time.sleep(FOR_EVER)


@fault(STILL_RAN)
def loops(redis_conn, key, value):
    while True:
        pass


@fault(STILL_RAN)
def loops_and_is_hard_to_stop(redis_conn, key, value):
    stops = 0
    while stops < 3:
        try:
            while True:
                pass
        except BaseException:
            stops += 1


@fault(STILL_RAN)
def loops_over_redis(redis_conn, key, value):
    while not redis_conn.get(key):
        pass


@fault(WAITS)
def waits_for_a_list(redis_conn, key, value):
    redis_conn.blpop(key, 0)


@fault(WAITS)
def tries_again_for_ever(redis_conn, key, value):
    while True:
        try:
            return redis_conn.blpop(key, 0)
        except redis.RedisError:
            continue


@fault("raised RecursionError")
def recurses(redis_conn, key, value):
    return recurses(redis_conn, key, value)


@fault("characters more")
def prints_much(redis_conn, key, value):
    for _ in range(200):
        print("banana " * 1000)
    return put_once(redis_conn, key, value)


@fault(STILL_RAN)
def prints_without_end(redis_conn, key, value):
    while True:
        print("banana")


@fault("✅")
def closes_the_standard_output(redis_conn, key, value):
    sys.stdout.close()
    sys.stderr = None
    return put_once(redis_conn, key, value)


@fault("seen:     'xxxxxx")
def returns_a_huge_text(redis_conn, key, value):
    redis_conn.set(key, value)
    return "x" * 10**7


@fault("seen:     [0, 1, 2")
def returns_a_huge_list(redis_conn, key, value):
    redis_conn.set(key, value)
    return list(range(10**6))


class Spiteful:
    """Raises whatever is asked of it."""

    def __repr__(self):
        raise RuntimeError("no")

    __eq__ = __bool__ = __hash__ = __str__ = __repr__


@fault("seen:     <Spiteful instance")
def returns_something_spiteful(redis_conn, key, value):
    redis_conn.set(key, value)
    return Spiteful()


class SpitefulError(Exception):
    __str__ = __repr__ = Spiteful.__repr__


@fault("raised SpitefulError")
def raises_something_spiteful(redis_conn, key, value):
    raise SpitefulError


@fault("raised KeyboardInterrupt")
def raises_keyboard_interrupt(redis_conn, key, value):
    raise KeyboardInterrupt


@fault("raised SystemExit: 3")
def exits(redis_conn, key, value):
    sys.exit(3)


@fault("raised GeneratorExit")
def raises_generator_exit(redis_conn, key, value):
    raise GeneratorExit


@fault("raised BaseExceptionGroup")
def raises_a_group(redis_conn, key, value):
    raise BaseExceptionGroup("several", [KeyboardInterrupt(), ValueError()])


@fault("raised ModuleNotFoundError")
def imports_what_is_not_there(redis_conn, key, value):
    import bananas  # noqa: F401


@fault("name 'valeu' is not defined")
def misspells_a_name(redis_conn, key, value):
    return redis_conn.set(key, valeu, nx=True)  # noqa: F821


@fault("✅")
def closes_the_client(redis_conn, key, value):
    stored = put_once(redis_conn, key, value)
    redis_conn.close()
    return stored


@fault("✅")
def cuts_the_connections(redis_conn, key, value):
    redis_conn.connection_pool.disconnect()
    return put_once(redis_conn, key, value)


@fault("✅")
def throws_the_client_away(redis_conn, key, value):
    stored = put_once(redis_conn, key, value)
    redis_conn.connection_pool = None
    return stored


@fault("✅")
def changes_the_clients_settings(redis_conn, key, value):
    redis_conn.set_response_callback("SET", lambda reply, **options: reply)
    pool = redis_conn.connection_pool
    pool.connection_kwargs.update(decode_responses=False, socket_timeout=4)
    pool.max_connections = 1
    return put_once(redis_conn, key, value)


@fault("left a WATCH open")
def leaves_a_watch_open(redis_conn, key, value):
    redis_conn.execute_command("WATCH", key)
    return put_once(redis_conn, key, value)


@fault("left a MULTI open")
def leaves_a_multi_open(redis_conn, key, value):
    redis_conn.execute_command("MULTI")
    redis_conn.execute_command("SET", key, value, "NX")
    return True


@fault("✅")
def unwatches(redis_conn, key, value):
    redis_conn.execute_command("WATCH", key)
    redis_conn.execute_command("UNWATCH")
    return put_once(redis_conn, key, value)


@fault("FLUSHDB was not run")
def flushes_the_database(redis_conn, key, value):
    redis_conn.flushdb()


@fault("FLUSHALL was not run")
def flushes_everything_in_a_pipeline(redis_conn, key, value):
    with contextlib.suppress(redis.RedisError):
        redis_conn.pipeline().set(key, value).flushall().execute()
    return put_once(redis_conn, key, value)


@fault("FLUSHALL was not run")
def flushes_in_small_letters(redis_conn, key, value):
    redis_conn.execute_command("flushall", "ASYNC")


@fault("SHUTDOWN was not run")
def shuts_down(redis_conn, key, value):
    redis_conn.shutdown(nosave=True)


@fault("CONFIG SET was not run")
def changes_the_server(redis_conn, key, value):
    redis_conn.config_set("maxmemory", "1mb")


@fault("CLIENT KILL was not run")
def kills_clients(redis_conn, key, value):
    redis_conn.client_kill_filter(_type="normal", skipme=False)


@fault("SELECT was not run")
def goes_to_another_database(redis_conn, key, value):
    redis_conn.select(3)


@fault("SUBSCRIBE was not run")
def subscribes(redis_conn, key, value):
    channel = redis_conn.pubsub()
    channel.subscribe("offers")
    list(channel.listen())


@fault("MONITOR was not run")
def monitors(redis_conn, key, value):
    with redis_conn.monitor() as monitor:
        list(monitor.listen())


@fault("UNLINK was not run on the key 'somebody:key'")
def deletes_of_others(redis_conn, key, value):
    redis_conn.unlink(key, "somebody:key")


@fault("MSET was not run on the key 'somebody:key'")
def writes_on_others(redis_conn, key, value):
    redis_conn.mset({key: value, "somebody:key": "lost"})


@fault("UNLINK was not run on the key 'cell-by-cell:exercise:somebody-else:")
def deletes_of_others_with_a_client_of_its_own(redis_conn, key, value):
    with RedisConnectionHandle() as handle:
        own = handle.connect()
        own.unlink(*own.scan_iter(match="cell-by-cell:exercise:somebody-else:*"))
    return put_once(redis_conn, key, value)


@fault("DEL was not run on the key '")
def deletes_of_others_in_a_script(redis_conn, key, value):
    script = """
        for _, key in ipairs(redis.call('SCAN', 0, 'COUNT', 1000)[2]) do
            if string.find(key, 'somebody') then redis.call('DEL', key) end
        end
    """
    redis_conn.eval(script, 0)
    return put_once(redis_conn, key, value)


@fault("left a key that nobody asked for")
def leaves_a_thread_behind(redis_conn, key, value):
    def go_on():
        with contextlib.suppress(redis.RedisError):
            while True:
                redis_conn.set(key + ":ghost", "boo", ex=5)

    redis_conn.set(key + ":ghost", "boo", ex=5)
    stored = put_once(redis_conn, key, value)
    threading.Thread(target=go_on, daemon=True).start()
    return stored


@fault("Interrupted.")
def is_interrupted_by_the_user(redis_conn, key, value):
    redis_conn.set(key, value)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    while True:
        pass


@pytest.mark.parametrize("name", [name for name, (_, sentence) in FAULTS.items() if sentence in (STILL_RAN, WAITS)])
def test_what_does_not_end_is_stopped(name, verdict, short_limits):
    expect_the_sentence(name, verdict)


@pytest.mark.parametrize("name", [name for name, (_, sentence) in FAULTS.items() if sentence not in (STILL_RAN, WAITS)])
def test_fault(name, verdict):
    expect_the_sentence(name, verdict)


def expect_the_sentence(name, verdict):
    function, sentence = FAULTS[name]
    text = verdict(function)
    assert sentence in text
    assert len(text) < 3000
    assert "Traceback" not in text


def test_counts():
    """Shown with `pytest -rP -k counts`."""
    print(f"{len(FAULTS)} faults tried")
    assert len(FAULTS) >= 40


def test_all_calls_together_have_a_limit_of_their_own(market, server, monkeypatch):
    calls = []

    def ends_only_the_first_time(redis_conn, key):
        calls.append(key)
        while len(calls) > 1:
            pass

    monkeypatch.setattr("redis_helpers.course.exercises.checker.TIME_LIMIT", FOR_EVER)
    monkeypatch.setattr("redis_helpers.course.exercises.checker.TOTAL_LIMIT", 0.3)
    with Trial("9.9", ends_only_the_first_time, market, options_of(server)) as trial:
        trial.call(trial.key("first"))
        with pytest.raises(Failed, match="your code was stopped"):
            trial.call(trial.key("second"))
    assert len(calls) == 2


def test_the_clock_of_the_limits_runs_slower_on_a_busy_machine():
    """Other programs take the processors away: then work takes longer, and the clock says so."""
    idle = min(slowness() for _ in range(5))
    loop = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(loop) for _ in range(4 * (os.cpu_count() or 1))]
    try:
        assert wait_until(lambda: slowness() > 1.5 * idle)
        clock, begin = FairClock(), time.monotonic()
        while time.monotonic() - begin < 2:
            clock.now()
            time.sleep(0.05)
        assert clock.now() < 2 / 1.2
    finally:
        for process in busy:
            process.kill()
            process.wait()


class Times:
    """What happens at each try: seconds that it takes, and what comes of it."""

    def __init__(self, monkeypatch, *tries):
        self.tries, self.now, self.made = list(tries), 0.0, 0
        monkeypatch.setattr(checker.time, "monotonic", lambda: self.now)

    def act(self):
        took, outcome = self.tries[min(self.made, len(self.tries) - 1)]
        self.made += 1
        self.now += took
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def trial(market, server):
    with Trial("1.5", put_once, market, options_of(server)) as trial:
        yield trial


def test_what_came_of_a_slow_try_is_forgotten(trial, monkeypatch):
    times = Times(monkeypatch, (0.5, Failed("the key had ended")), (0.4, "gone"), (0.1, "there"))
    assert trial.in_time(0.3, times.act) == "there"
    assert times.made == 3


@pytest.mark.parametrize("problem", [Failed("wrong"), Crashed(ValueError("no"))])
def test_what_a_quick_try_raises_counts(trial, monkeypatch, problem):
    times = Times(monkeypatch, (0.5, "there"), (0.1, problem))
    with pytest.raises(type(problem)) as raised:
        trial.in_time(0.3, times.act)
    assert raised.value is problem


def test_a_machine_that_is_always_too_slow_is_no_verdict(trial, monkeypatch):
    times = Times(monkeypatch, (0.5, Failed("the key had ended")))
    with pytest.raises(TooBusy):
        trial.in_time(0.3, times.act)
    assert times.made == 20


def test_no_verdict_is_said_and_nothing_is_written_down(market, server, monkeypatch, capsys):
    monkeypatch.setenv("REDIS_URL", server.url)

    def never_in_time(trial):
        trial.call(trial.key("first"), "value")
        raise TooBusy

    exercise = dataclasses.replace(exercises()["1.5"], check=never_in_time)
    monkeypatch.setattr(commands, "exercises", lambda: {"1.5": exercise})
    check("1.5", put_once)
    said = capsys.readouterr().out
    assert said.startswith(
        "⌛ 1.5 First come, first served: not judged, this machine is too busy now. Run this cell again."
    )
    assert progress_file.read_passed() == {}


def test_a_machine_that_stood_still_uses_up_no_limit(monkeypatch):
    clock = FairClock()
    monkeypatch.setattr(clock, "_last_look", time.monotonic() - 3600)
    assert clock.now() <= 1


@pytest.mark.parametrize("seconds_ago", [0, 3])
def test_what_is_left_of_a_ttl_is_judged_by_when_it_may_have_begun(market, server, seconds_ago, monkeypatch):
    options = options_of(server)
    with Trial("1.5", put_once, market, options) as trial:
        trial.call(trial.key("first"), "value")
        trial.redis.set(trial.key("timed"), "value", px=60_000 - 1000 * seconds_ago)
        monkeypatch.setattr(trial, "_end_of_call", trial._end_of_call - seconds_ago)  # as if the machine had been busy
        trial.call(trial.key("second"), "value")
        trial.expect_ttl("a minute", trial.key("timed"), 59, 60)
        trial.redis.set(trial.key("timed"), "value", px=55_000 - 1000 * seconds_ago)
        with pytest.raises(Failed):
            trial.expect_ttl("a minute", trial.key("timed"), 59, 60)


def test_a_look_that_is_held_up_is_no_shorter_ttl(market, server, monkeypatch):
    """Between the check's own thoughts and its look, a busy machine may do something else."""
    with Trial("1.5", put_once, market, options_of(server)) as trial:
        trial.call(trial.key("first"), "value")
        trial.redis.set(trial.key("timed"), "value", px=20_000)
        trial.call(trial.key("second"), "value")
        look = trial.redis.pttl

        def late_look(key):
            time.sleep(0.02)
            return look(key)

        monkeypatch.setattr(trial.redis, "pttl", late_look)
        trial.expect_ttl("twenty seconds", trial.key("timed"), 20, 20)
        trial.expect_state("twenty seconds", {trial.key("timed"): Ends("value", 20), **stored(trial)})


def stored(trial):
    return {trial.key(name): trial.redis.get(trial.key(name)) for name in ("first", "second")}


def test_calls_at_once_that_wait_for_each_other_outside_of_redis_come_to_an_end(market, server):
    first_has_been_there = threading.Event()

    def waits_for_the_other(redis_conn, key, value):
        redis_conn.get(key)
        if value == "second":
            first_has_been_there.wait(FOR_EVER)
        redis_conn.get(key)
        first_has_been_there.set()
        return value

    with Trial("1.5", waits_for_the_other, market, options_of(server)) as trial:
        key = trial.key("meeting")
        assert trial.call_at_once([(key, "first"), (key, "second")]) == ["first", "second"]


def test_the_learners_own_line_is_shown(verdict):
    def second_line(redis_conn, key, value):
        prices = {}
        return prices[key.upper()]

    text = verdict(second_line)
    line = second_line.__code__.co_firstlineno + 2
    assert text.startswith("💥 1.5")
    assert f"at line {line}: return prices[key.upper()]" in text
    assert "call:     second_line(redis_conn, 'cell-by-cell:exercise:1.5:" in text


def test_an_error_in_a_helper_of_redis_py_is_shown_at_the_learners_line(verdict):
    text = verdict(lambda redis_conn, key, value: redis_conn.set(key, None))
    assert "raised DataError" in text
    assert "redis_conn.set(key, None))" in text
    assert "redis-py sends text, bytes and numbers only" in text


def test_what_was_printed_is_shown(verdict):
    def talks(redis_conn, key, value):
        print("my key is", key)
        return put_once(redis_conn, key, value)

    assert "Your code printed:\n  | my key is cell-by-cell:exercise:1.5:" in verdict(talks)


def test_who_prints_the_answer_is_told_to_return_it(verdict):
    def prints(redis_conn, key, value):
        print(put_once(redis_conn, key, value))

    assert "Your function printed the answer, and returned nothing." in verdict(prints)


def test_redis_dies_in_the_middle(monkeypatch, capsys):
    with EmbeddedRedis() as server:
        monkeypatch.setenv("REDIS_URL", server.url)

        def kills(redis_conn, key, value):
            os.kill(server.pid, signal.SIGKILL)
            return put_once(redis_conn, key, value)

        check("1.5", kills)
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    assert "Redis did not do what was asked" in text


def test_the_check_itself_cannot_raise(market, monkeypatch, capsys):
    def broken(trial):
        raise ZeroDivisionError("a mistake of ours")

    exercise = commands.exercises()["1.5"]
    monkeypatch.setattr(commands, "exercises", lambda: {"1.5": _with_check(exercise, broken)})
    check("1.5", put_once)
    assert "ZeroDivisionError: a mistake of ours" in capsys.readouterr().out


def _with_check(exercise, function):
    from dataclasses import replace

    return replace(exercise, check=function)
