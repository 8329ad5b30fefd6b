"""A Trial: what a check works with. It calls the learner's function, and shows what that did to Redis.

A check of a small exercise is a few lines:

    def _check(trial):
        key, price = trial.key("price"), trial.number(100, 999)
        trial.case("the new price is stored", (key, price), before={key: "312"}, returns=True, after={key: str(price)})
        trial.every_cut("a crash leaves half", (key, price), before=lambda: trial.redis.set(key, "312"))
"""

import contextlib
import itertools
import random
import secrets
import socket
import string
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from redis_helpers.connection import ConnectOptions
from redis_helpers.course.exercises.direct_line import DirectLine
from redis_helpers.course.exercises.known_scripts import scripts_known_to
from redis_helpers.course.exercises.model import Crashed, Failed, TooBusy
from redis_helpers.course.exercises.runner import (
    FairClock,
    Outcome,
    Printed,
    end_idle_threads,
    run_calls,
    threads_at_work,
)
from redis_helpers.course.exercises.schedule_table import table
from redis_helpers.course.exercises.schedules import Actor, Caller, Rival, Run, all_runs, serial_runs
from redis_helpers.course.exercises.shown import first_words, short, written_call
from redis_helpers.course.exercises.state import Ends, Entry, entries_of, entry, keys_below, without_times
from redis_helpers.course.exercises.wire import (
    CUT_OFF,
    NO_ROOM,
    TIDYING_UP,
    Call,
    Faults,
    Holder,
    Restart,
    Step,
    give,
    last_message,
    watching,
)
from redis_helpers.errors import CourseError
from redis_helpers.redis_repository import RedisRepository

TIME_LIMIT = 5.0  # seconds that one call of the learner's function may take
TOTAL_LIMIT = 30.0  # and all calls of one check together
LONGEST_REPLY = 300.0  # seconds; longer than both limits, which are there to stop a call that waits
NO_NOTIFICATIONS = MaintNotificationsConfig(enabled=False)  # each call has a new client: quick to make
NEVER = -1  # the number of no message
MISSING = "nothing: there is no such key"
STEALS = "your code deleted or changed a key that is not its own: somebody else had stored it"
WRONG_CONNECTION = "use the redis_conn that your function is given: yours asked Redis through another connection"

Result = TypeVar("Result")
View = Callable[[], object]
Why = str | Callable[[Run], str]


class Trial:
    """One run of one check. `redis` is the check's own client; the learner's function gets another one.

    Every key lies under `prefix`, and both are new each time. After a call, `commands` and `round_trips` say what it
    sent. Beside each key stand neighbours, whose names begin like it: a call that touches one has failed. So has one
    that waits for something (BLPOP), unless `may_wait` is set.
    """

    def __init__(self, exercise_id: str, function: Callable, redis_conn: redis.Redis, options: ConnectOptions) -> None:
        token = secrets.token_hex(3)
        self.redis = redis_conn
        self.prefix = f"cell-by-cell:exercise:{exercise_id}:{token}:"
        self.printed = Printed()
        self.last_call: str | None = None
        self.last_args: tuple = ()
        self.redis_was_there = True  # at the last call
        self.may_wait = False
        self.call_seen = Call(self.prefix)
        self._function = function
        self._options = options
        self._line = DirectLine(redis_conn)
        self._scripts = scripts_known_to(function)
        self._clock = FairClock()
        self._begin = time.monotonic()
        self._threads = threads_at_work()
        self._keys: dict[str, str] = {}
        self._neighbours: dict[str, str] = {}
        self._open = contextlib.ExitStack()
        self._end_of_call = self._end_of_call_before = time.monotonic()
        self._spare_clients: list[_Client] = []
        self._noted_keys: list[str] = []
        self._noted_at = NEVER  # the last message to Redis before they were noted

    def __enter__(self) -> "Trial":
        self._open.enter_context(watching())
        self._add_neighbours({f"cell-by-cell:exercise:somebody-else:{secrets.token_hex(3)}": "mine"})
        return self

    def __exit__(self, *exception: object) -> None:
        """Whatever has happened, nothing stays in Redis."""
        self._open.close()
        self._line.close()
        end_idle_threads()
        for client in self._spare_clients:
            client.pool.disconnect()
        if self._neighbours:
            self.redis.unlink(*self._neighbours)
        RedisRepository(self.redis, own_prefix=self.prefix).delete_prefix(self.prefix)

    # New names and numbers

    def key(self, name: str) -> str:
        """A key of this trial: the same for the same name, another one in the next trial.

        A name that ends with a colon gives what keys begin with: `cart:` may be `…:cart-417:`.
        """
        if name not in self._keys:
            colon = ":" if name.endswith(":") else ""
            key = f"{self.prefix}{name.removesuffix(':')}-{self.number(100, 999)}"
            self._keys[name] = key + colon
            self._add_neighbours({f"{key}0{colon}": "12", f"{key}-old": "a neighbour", key[:-1]: "7"})
        return self._keys[name]

    def number(self, least: int, most: int) -> int:
        """A whole number, both ends included. What a right answer gets must not depend on which."""
        return random.SystemRandom().randint(least, most)

    def word(self) -> str:
        """A name that nobody can know beforehand."""
        return "".join(random.SystemRandom().choices(string.ascii_lowercase, k=7))

    def _add_neighbours(self, keys: dict[str, str]) -> None:
        """Keys of somebody else. The TTL is for the case that this kernel is killed."""
        self._line.ask([("SET", key, value, "EX", 600) for key, value in keys.items()])
        self._neighbours |= keys

    # What the last call did

    @property
    def commands(self) -> list[str]:
        """The names of the commands that the last call sent."""
        return self.call_seen.commands

    @property
    def round_trips(self) -> int:
        """How often the last call sent something and waited for the reply."""
        return self.call_seen.round_trips

    @property
    def was_refused(self) -> bool:
        """Whether the last call wanted something that is not done here."""
        return self.call_seen.refused is not None

    def took(self) -> float:
        """The seconds since the trial began."""
        return time.monotonic() - self._begin

    # One call

    def call(self, *args: object, between: Callable[[], None] | None = None) -> object:
        """Calls the learner's function with a client and `args`, and returns what it returns.

        `between` is done whenever the function comes back to Redis after a first reply: what another program may do.
        Raises Crashed when the function raises.
        """
        return _value(self.attempt(*args, between=between))

    def attempt(
        self,
        *args: object,
        options: ConnectOptions | None = None,
        reply_timeout: float = LONGEST_REPLY,
        between: Callable[[], None] | None = None,
        now: int | None = None,
        full: bool = False,
        restart: Restart | None = None,
        **faults: int | None,
    ) -> Outcome:
        """The same, but an error of the function is part of what is returned.

        `options` names another server, `now` is what TIME answers (microseconds since 1970). `full` and `faults`: see
        `Faults`, and `restart`: see `Restart`.
        """
        call = self._new_call(Faults(full=full, **faults), now, restart)
        if between is not None:
            call.turn = _two_to_four(between)
        (outcome,) = self._run([(call, args)], options, reply_timeout)
        return outcome

    def in_time(self, seconds: float, act: Callable[[], Result], tries: int = 20) -> Result:
        """`act()`, which is to take less than `seconds`, because something ends soon. What it returns, or raises.

        On a busy machine it may take longer: then it is done again, and what came of it is forgotten. Raises TooBusy
        when all `tries` were too slow.
        """
        for _ in range(tries):
            problem, result = None, None
            begin = time.monotonic()
            try:
                result = act()
            except (Failed, Crashed) as raised:
                problem = raised
            if time.monotonic() - begin < seconds:
                if problem is not None:
                    raise problem
                return cast(Result, result)
        raise TooBusy

    def call_often(self, times: int, *args: object) -> list[object]:
        """Calls the learner's function so many times with one client, where the answer is a matter of chance."""
        (outcome,) = self._run([(self._new_call(), args)], times=times)
        return cast(list[object], _value(outcome))

    def call_at_once(self, several: Sequence[tuple]) -> list[object]:
        """Calls the learner's function in as many threads as there are tuples of arguments, each with a client.

        Whoever comes back to Redis after a first reply waits for the others, so that all meet in the worst moment.
        `orders` tries every moment; this one is for more callers than it can take.
        """
        meeting = threading.Barrier(len(several))

        def meet() -> None:
            with contextlib.suppress(threading.BrokenBarrierError):  # somebody has finished, or waits elsewhere
                meeting.wait()

        calls = [(self._new_call(), args) for args in several]
        for call, _ in calls:
            call.turn = _two_to_four(meet)
        return [_value(outcome) for outcome in self._run(calls, end_of_meeting=meeting.abort)]

    def case(
        self,
        why: str,
        args: tuple,
        before: Mapping[str, object] | None = None,
        returns: object = ...,
        after: Mapping[str, object] | None = None,
    ) -> object:
        """One call: what is there before, what is to be returned, and all that is to be there afterwards.

        A key that `before` or `after` names with None is not there. Keys of earlier cases that neither names are
        deleted first. Raises Failed with `why`, or with the sentence for what goes wrong everywhere.
        """
        self.put(before or {})
        value = self.call(*args)
        if returns is not ...:
            self.expect(why, returns, value)
        if after is not None:
            self.expect_state(why, after)
        return value

    # Everything that can come in between

    def orders(
        self,
        why: Why,
        callers: Mapping[str, tuple],
        before: Callable[[], object],
        rivals: Mapping[str, Callable[[], object]] | None = None,
        view: View | None = None,
        allowed: Callable[[Run, object], bool] | None = None,
        cure: str | None = None,
    ) -> None:
        """Tries every order of the steps of all callers, and of the rivals, each of which acts once.

        `callers`: a name for each ("till 1"), and the arguments. `before()` puts the data in place. What comes out
        (the values returned, and `view()`, by default all keys with their values and whether they end) must be what
        comes out when one goes after the other, in one of their orders; or `allowed(run, view)` says that it is right.
        Raises Failed with `why`, or `why(run)`, and the shortest schedule that goes wrong.
        """
        view = view or self._whole_view
        clients: list[_Client] = []
        actors: list[Actor] = [
            Caller(name, self._caller(clients, number, args)) for number, (name, args) in enumerate(callers.items())
        ]
        actors += [Rival(name, act) for name, act in (rivals or {}).items()]

        def begin() -> list[Call | None]:
            self._renew(clients, len(callers))
            self.put({})
            before()
            return [self._new_call() if isinstance(actor, Caller) else None for actor in actors]

        self._note_call(next(iter(callers.values())))
        try:
            with contextlib.redirect_stdout(self.printed), contextlib.redirect_stderr(self.printed):
                right = []
                for run in serial_runs(actors, begin, self._clock):
                    self._look_at_run(run)
                    right.append(_result(run, view()))
                for run in all_runs(actors, begin, self._clock):
                    self._look_at_run(run)
                    seen = view()
                    if _result(run, seen) not in right and not (allowed and allowed(run, seen)):
                        sentence = why if isinstance(why, str) else why(run)
                        raise Failed(sentence, cure=cure, story=table(run, self.prefix))
        finally:
            for client in clients:
                self._put_back(client)

    def every_gap(
        self,
        why: Why,
        args: tuple,
        before: Callable[[], object],
        rivals: Mapping[str, Callable[[], object]],
        view: View | None = None,
        allowed: Callable[[Run, object], bool] | None = None,
        cure: str | None = None,
    ) -> None:
        """`orders` for one call, and for each rival by itself: it acts once, in each gap of the call in turn."""
        for name, act in rivals.items():
            self.orders(why, {"your function": args}, before, {name: act}, view, allowed, cure)

    def every_cut(
        self,
        why: str,
        args: tuple,
        before: Callable[[], object],
        view: View | None = None,
        allowed: Callable[[object], bool] | None = None,
        cure: str | None = None,
    ) -> None:
        """Lets the program die after each of its commands: all of its work must be there then, or nothing of it.

        `view()` is compared, by default all keys with their values and whether they end. `allowed(view)` may let more
        pass. Raises Failed with `why` and the command after which it happened.
        """
        view = view or self._whole_view
        self.put({})
        before()
        untouched = view()
        _value(self.attempt(*args))
        done, sent = view(), list(self.commands)
        for reached in range(1, len(sent)):
            self.put({})
            before()
            self.attempt(*args, cut_after=reached)
            left = view()
            if left not in (untouched, done) and not (allowed and allowed(left)):
                last = f"The program died after its command number {reached} ({sent[reached - 1]}): "
                raise Failed(last + why, cure=cure)

    def every_error(self, args: tuple, before: Callable[[], object], why: str | None = None) -> None:
        """Lets Redis answer with an error, from each command on: the caller of the function must learn of it."""
        self.put({})
        before()
        _value(self.attempt(*args))
        for reached, name in enumerate(list(self.commands)):
            if name in TIDYING_UP:
                continue
            self.put({})
            before()
            outcome = self.attempt(*args, error_after=reached)
            if outcome.error is None:
                raise Failed(
                    why
                    or "Redis answered with an error, and your function kept it to itself: its caller takes the "
                    "answer for true. Catch only what you can mend",
                    Plain("the error of Redis"),
                    Plain(f"the answer {short(outcome.value)}"),
                )
            if not isinstance(outcome.error, (redis.RedisError, CourseError)):
                raise Crashed(outcome.error)

    def cuts(self, *args: object, prepare: Callable[[], object]) -> Iterator[int]:
        """Repeats the last call, and lets the connection die after its first command, after its second, and so on.

        Before each, `prepare()` puts the data back. Yields the number of commands that reached the server.
        """
        for reached in range(1, len(self.commands)):
            prepare()
            self.attempt(*args, cut_after=reached)
            yield reached

    # What is compared

    def expect(self, why: str, expected: object, seen: object) -> None:
        """Raises Failed unless both are equal and of one type (True is not 1)."""
        if type(seen) is not type(expected) or seen != expected:
            raise Failed(why, expected, seen)

    def expect_ttl(self, why: str, key: str, least: float, most: float, unit: str = "seconds") -> None:
        """Raises Failed unless `key` has between `least` and `most` seconds left.

        On a busy machine a call and its preparation take long, while the TTL runs: so much less may be left.
        """
        left = int(cast(Any, self.redis.pttl(key)))
        took = time.monotonic() - self._end_of_call_before  # after the look: whoever is held up in between is forgiven
        if not max(0, least - took) * 1000 - 1 <= left <= most * 1000 + 1:  # whole milliseconds, rounded either way
            shown = {-1: "no TTL: the key never expires", -2: MISSING}.get(left, f"{left / 1000:g} {unit}")
            wanted = f"{most:g}" if most - least <= 5 else f"{least:g} to {most:g}"
            raise Failed(why, Plain(f"a TTL of {wanted} {unit}"), Plain(shown))

    def expect_value(self, why: str, key: str, expected: object) -> None:
        """Raises Failed unless `key` holds `expected`: a str, a dict for a hash, a list, a set, or a dict of floats for
        a sorted set. None: there must be no such key. Its time to live is not looked at."""
        found = entry(self._line, key)
        seen = None if found is None else found.value
        if seen != expected:
            nothing = Plain(MISSING)
            raise Failed(why, nothing if expected is None else expected, nothing if found is None else seen)

    def expect_state(self, why: str, expected: Mapping[str, object]) -> None:
        """Raises Failed unless these keys, and no others, are there. A value stands for a key that never ends,
        `Ends(value, seconds)` for one that does, None for no key.
        """
        seen = self.state()
        for key, wanted in expected.items():
            value = wanted.value if isinstance(wanted, Ends) else wanted
            found = seen.pop(key, None)
            if (None if found is None else found.value) != value:
                nothing = Plain(MISSING)
                raise Failed(why, nothing if value is None else value, nothing if found is None else found.value)
            if found is not None:
                self._expect_ending(key, wanted, found)
        if seen:
            key = next(iter(seen))
            raise Failed(
                f"your code left a key that nobody asked for: {short(key.removeprefix(self.prefix))}",
                None,
                Plain(str(seen[key])),
            )

    def _expect_ending(self, key: str, wanted: object, found: Entry) -> None:
        if not isinstance(wanted, Ends):
            if found.left is not None:
                raise Failed(
                    "nobody asked for a TTL, and the key has one: when it has run out, the data is gone",
                    Plain("no TTL"),
                    Plain(f"a TTL of {found.left / 1000:g} seconds"),
                )
            return
        least, most = wanted.seconds - wanted.late - (time.monotonic() - self._end_of_call_before), wanted.seconds
        if found.left is None:
            raise Failed(
                "the key has no TTL any more, or never had one: it never ends",
                Plain(f"a TTL of {most:g} seconds"),
                Plain("no TTL"),
            )
        if not 1000 * least - 2 <= found.left <= 1000 * most + 2:
            longer = found.left > 1000 * most
            raise Failed(
                "the key's TTL is longer than it should be: what it holds stays too long"
                if longer
                else "the key's TTL is shorter than it should be: what it holds is gone too early",
                Plain(f"a TTL of {most:g} seconds"),
                Plain(f"{found.left / 1000:g} seconds"),
            )

    # What is in Redis

    def put(self, entries: Mapping[str, object]) -> None:
        """Makes these the only keys of the trial: a value for one that never ends, `Ends(value, seconds)` otherwise."""
        old = self._keys_there()
        commands: list[tuple] = [("UNLINK", *old)] if old else []
        for key, wanted in entries.items():
            value = wanted.value if isinstance(wanted, Ends) else wanted
            if isinstance(value, dict) and value and all(isinstance(score, float) for score in value.values()):
                scores_first = [(score, member) for member, score in value.items()]
                commands.append(("ZADD", key, *itertools.chain.from_iterable(scores_first)))
            elif isinstance(value, dict) and value:
                commands.append(("HSET", key, *itertools.chain.from_iterable(value.items())))
            elif isinstance(value, list) and value:
                commands.append(("RPUSH", key, *value))
            elif isinstance(value, set) and value:
                commands.append(("SADD", key, *value))
            elif isinstance(value, (str, bytes, int, float)):
                commands.append(("SET", key, value))
            if isinstance(wanted, Ends):
                commands.append(("PEXPIRE", key, round(1000 * wanted.seconds)))
        self._line.ask(commands)
        self._note_keys(entries)

    def state(self) -> dict[str, Entry]:
        """Every key of the trial, neighbours left out."""
        keys = self._keys_there()
        found = entries_of(self._line, keys)
        self._note_keys(keys)
        return found

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin with `prefix` now."""
        return [key for key in self._keys_there() if key.startswith(prefix)]

    def _keys_there(self) -> list[str]:
        """The keys of the trial, some of which may have ended. Redis is asked where it may have got others since."""
        if self._noted_at != last_message():
            self._note_keys(keys_below(self._line, self.prefix, self._named()))
        return self._noted_keys

    def _note_keys(self, keys: Iterable[str]) -> None:
        self._noted_keys = [key for key in keys if key.startswith(self.prefix) and key not in self._neighbours]
        self._noted_at = last_message()

    def _whole_view(self) -> dict[str, tuple[object, bool]]:
        return without_times(self.state())

    def _named(self) -> set[str]:
        words = {word for step in self.call_seen.steps for command in step.commands for word in command}
        return {word for word in words if word.startswith(self.prefix)} | set(self._keys.values())

    # How a call is made

    def _new_call(self, faults: Faults | None = None, now: int | None = None, restart: Restart | None = None) -> Call:
        return Call(self.prefix, faults, now=now, scripts=self._scripts, restart=restart)

    def _new_client(self, options: ConnectOptions | None = None, timeout: float = LONGEST_REPLY) -> "_Client":
        """A client set up as `RedisConnectionHandle().connect()` does it, which tries nothing twice."""
        client = redis.Redis(
            **(options or self._options).arguments(),
            decode_responses=True,
            socket_connect_timeout=timeout,
            socket_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
            maint_notifications_config=NO_NOTIFICATIONS,
        )
        return _Client(client, client.connection_pool, give(client))

    def _take_client(self) -> "_Client":
        """A client that no function has, with a connection if one is to be had: to open one takes longest of all."""
        return self._spare_clients.pop() if self._spare_clients else self._new_client()

    def _put_back(self, client: "_Client") -> None:
        if client.is_as_new():
            self._spare_clients.append(client)
        else:
            client.pool.disconnect()

    def _renew(self, clients: "list[_Client]", count: int) -> None:
        """So many clients, to be used again and again, unless the function has spoilt them or left threads behind."""
        spoilt = any(client.client.connection_pool is not client.pool for client in clients)
        if len(clients) != count or spoilt or threads_at_work() > self._threads:
            for client in clients:
                client.pool.disconnect()
            clients[:] = [self._take_client() for _ in range(count)]
            self._threads = threads_at_work()

    def _caller(self, clients: "list[_Client]", number: int, args: tuple) -> Callable[[Call], object]:
        def call_it(call: Call) -> object:
            client = clients[number]
            client.holder.call = call
            with call.running():
                return self._function(client.client, *args)

        return call_it

    def _run(
        self,
        several: Sequence[tuple[Call, tuple]],
        options: ConnectOptions | None = None,
        reply_timeout: float = LONGEST_REPLY,
        end_of_meeting: Callable[[], None] | None = None,
        times: int | None = None,
    ) -> list[Outcome]:
        self._note_call(several[0][1])
        self.call_seen = several[0][0]
        self.redis_was_there = options is None
        threads = threads_at_work()
        usual = options is None and reply_timeout == LONGEST_REPLY
        clients = [self._take_client() if usual else self._new_client(options, reply_timeout) for _ in several]
        jobs = [
            self._job(call, client, args, times, end_of_meeting)
            for (call, args), client in zip(several, clients, strict=True)
        ]
        seconds = min(TIME_LIMIT, max(0.0, TOTAL_LIMIT - self._clock.unmeasured()))

        def stop() -> None:
            for call, _ in several:
                call.stop()

        try:
            outcomes = run_calls(jobs, seconds, self.printed, stop, self._clock, end_of_meeting)
        finally:
            self._end_of_call_before, self._end_of_call = self._end_of_call, time.monotonic()
            self._noted_at = NEVER
            for call, _ in several:
                call.over = True
        del jobs  # they refer to the clients
        left_behind = threads_at_work() > threads
        try:
            for (call, _), outcome in zip(several, outcomes, strict=True):
                self._look_for_damage(outcome, call)
        finally:  # only now: what is open on a connection is forgotten with it
            for (call, _), client, outcome in zip(several, clients, outcomes, strict=True):
                if usual and outcome.finished and not left_behind:
                    self._put_back(client)
                    continue
                call.end()
                if not left_behind:  # a thread that was left behind keeps its socket
                    client.pool.disconnect()
        return outcomes

    def _job(
        self,
        call: Call,
        client: "_Client",
        args: tuple,
        times: int | None,
        at_end: Callable[[], None] | None,
    ) -> Callable[[], object]:
        function = partial(self._function, client.client, *args)
        client.holder.call = call

        def job() -> object:
            try:
                with call.running():
                    return function() if times is None else [function() for _ in range(times)]
            finally:
                if at_end is not None:
                    at_end()

        return job

    def _note_call(self, args: tuple) -> None:
        self.last_args, self.last_call = args, written_call(self._function, args)

    def _look_at_run(self, run: Run) -> None:
        calls = [(call, outcome) for call, outcome in zip(run.calls, run.outcomes, strict=True) if call is not None]
        self.call_seen, self.redis_was_there = calls[0][0], True
        self._noted_at = NEVER
        for call, outcome in calls:
            call.over = True
            if run.stuck:
                outcome.finished = False
            self._look_for_damage(outcome, call, table(run, self.prefix) if run.stuck else None)
            if outcome.error is not None and not isinstance(outcome.error, redis.RedisError):
                raise Crashed(outcome.error, table(run, self.prefix))

    def _look_for_damage(self, outcome: Outcome, call: Call, story: str | None = None) -> None:
        """What is wrong whichever exercise it is."""
        if call.refused:
            raise Failed(call.refused)
        (neighbours,) = self._line.ask([("MGET", *self._neighbours)])
        if neighbours != list(self._neighbours.values()):
            raise Failed(STEALS)
        if call.waited and not self.may_wait:
            raise Failed(f"{call.waited} waits until something comes: this function is to answer at once")
        if not outcome.finished:
            raise Failed(
                f"your code was stopped: one call may take {TIME_LIMIT:g} seconds, all calls together {TOTAL_LIMIT:g}. "
                "Look for a loop that never ends, a sleep, or a command that waits (BLPOP).",
                story=story,
            )
        if call.used_another and not self.redis_was_there:
            raise Failed(f"{WRONG_CONNECTION}, while the Redis behind it is gone")
        if outcome.error is not None and any(text in first_words(outcome.error) for text in (CUT_OFF, NO_ROOM)):
            return
        if call.left_open == "MULTI":
            raise Failed("your code left a MULTI open: what follows it is only queued, and without EXEC never done.")
        if call.left_open == "WATCH":
            raise Failed(
                "your code left a WATCH open: the next transaction on that connection may fail. UNWATCH ends it."
            )


@dataclass(frozen=True)
class _Client:
    """What the learner's function gets, whose connections are kept here too: it may throw them away."""

    client: redis.Redis
    pool: redis.ConnectionPool
    holder: Holder

    def is_as_new(self) -> bool:
        """Whether the function has kept nothing of it: no client, no pipeline, no lock, no open WATCH or MULTI.

        Python counts who refers to an object. Of a new client, two do (this object, and the question itself), of its
        pool also the client.
        """
        nobody_has_it = sys.getrefcount(self.client) <= 2 and sys.getrefcount(self.pool) <= 3
        left_open = self.holder.call is not None and self.holder.call.left_open is not None
        return nobody_has_it and not left_open and self.client.connection_pool is self.pool


class Plain(str):
    """Text that is shown as it is, without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _two_to_four(act: Callable[[], None]) -> Callable[[Step], None]:
    """Before the second, third and fourth step; a loop with WATCH would never come to its end otherwise."""
    steps = 0

    def turn(step: Step) -> None:
        nonlocal steps
        steps += 1
        if 2 <= steps <= 4:
            act()

    return turn


def _result(run: Run, view: object) -> tuple[list[tuple[str, object]], object]:
    """What came out of a schedule, to be compared with what may come out."""
    values: list[tuple[str, object]] = []
    for actor, outcome in zip(run.actors, run.outcomes, strict=True):
        if isinstance(actor, Caller):
            values.append(("raised", type(outcome.error)) if outcome.error else ("returned", outcome.value))
    return values, view


def _value(outcome: Outcome) -> object:
    if outcome.error is not None:
        raise Crashed(outcome.error)
    return outcome.value


@contextlib.contextmanager
def nobody_there() -> Iterator[ConnectOptions]:
    """An address of this machine where connections are refused."""
    with socket.socket() as held:  # bound, so that nobody else takes the port, but not listening
        held.bind(("127.0.0.1", 0))
        yield ConnectOptions(port=held.getsockname()[1])


@contextlib.contextmanager
def somebody_silent() -> Iterator[ConnectOptions]:
    """An address of this machine where connections are accepted, and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield ConnectOptions(port=silent.getsockname()[1])
