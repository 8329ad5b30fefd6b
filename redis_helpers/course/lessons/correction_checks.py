"""What two exercises ask of a correction: one price of a day's list changes, and the list keeps its TTL."""

import time
from collections.abc import Callable
from functools import partial

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Failed
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends, Entry
from redis_helpers.course.lessons.hash_checks import clocks, cured

LEAVE_THE_CLOCK = "HSET changes a field and leaves the TTL of the hash alone. TTL reads it."


def expect_correction(trial: Trial, key: str, fruit: str, price: str, prices: dict, seconds: float | None) -> None:
    """One price changes, and nothing else. `seconds`: what the hash has to live, None when it never ends."""
    trial.put({key: prices if seconds is None else Ends(prices, seconds)})
    begin = time.monotonic()
    left = trial.call(key, fruit, price)
    took = time.monotonic() - begin
    corrected = prices | {fruit: price}
    trial.expect_value("customers see wrong prices: one price, and only that, must change", key, corrected)
    now = trial.redis.pttl(key)
    if seconds is None:
        if now != -1:
            why = "the hash had no end, and a correction gave it one: all prices will be gone"
            raise Failed(why, Plain("no TTL"), Plain(f"{now / 1000:g} seconds"), cure=LEAVE_THE_CLOCK)
    elif now == -1:
        raise Failed("the hash had an end, and now it has none: old prices stay for ever", cure=LEAVE_THE_CLOCK)
    elif now > 1000 * seconds + 2:
        raise Failed(
            "the TTL was set again: a hash that is corrected often enough never ends, and old prices stay",
            Plain(f"at most {seconds:g} seconds"),
            Plain(f"{now / 1000:g} seconds"),
            cure=LEAVE_THE_CLOCK,
        )
    trial.expect_state(
        "one price, and only that, must change", {key: corrected if seconds is None else Ends(corrected, seconds)}
    )
    least, most = (-1, -1) if seconds is None else (int(seconds - took) - 1, int(seconds) + 2)
    if type(left) is not int or not least <= left <= most:
        told = "nothing" if left is None else "a wrong time"
        why = f"the caller is told {told}: return how many whole seconds the hash has left, as TTL answers"
        if type(left) is int and left in (0, 1):
            why += f". {left} is what HSET answers: replies[-1] is the reply of the last command in a pipeline"
        raise Failed(
            why,
            Plain("-1: it never ends" if seconds is None else f"{round(seconds)}"),
            left,
            cure="End your function with `return`, and with what TTL says about the key.",
        )


def expect_last_correction(trial: Trial, key: str, fruit: str, price: str, prices: dict) -> None:
    """A hash with less than half a second to live."""

    def correct() -> Entry | None:
        trial.put({key: Ends(prices, 0.45)})
        trial.call(key, fruit, price)
        return trial.state().get(key)

    found = trial.in_time(0.35, correct)
    if found is None or found.left is None or found.left > 452 or found.value != prices | {fruit: price}:
        raise Failed(
            "a hash in its last half second was lost, or lives on: look at what its seconds are rounded to",
            Plain("the corrected hash, with less than half a second left"),
            Plain("no such key" if found is None else str(found)),
            cure=LEAVE_THE_CLOCK,
        )


def expect_correction_in_every_gap(
    trial: Trial,
    key: str,
    fruit: str,
    price: str,
    prices: dict,
    reason: Callable[[str, Run], str] = lambda why, run: why,
) -> None:
    """Whatever else is done to the hash meanwhile, and wherever the program dies."""
    last = list(prices)[-1]
    corrected = prices | {fruit: price}
    rivals: dict = {
        "the day is prolonged": (lambda: trial.redis.expire(key, 5000), corrected, "long"),
        "its end is taken away": (lambda: trial.redis.persist(key), corrected, "none"),
        "another price changes": (lambda: trial.redis.hset(key, last, "999"), corrected | {last: "999"}, "short"),
        "another fruit is sold out": (lambda: trial.redis.hdel(key, last), _without(corrected, last), "short"),
    }
    for name, (act, value, clock) in rivals.items():

        def right(run: Run, seen: object, value: dict = value, clock: str = clock) -> bool:
            """The seconds that are returned may be those before the rival or after."""
            answer = run.outcomes[0].value
            ranges = [(30, 41), {"long": (4900, 5000), "none": (-1, -1), "short": (30, 41)}[clock]]
            return seen == {key: (value, clock)} and any(
                type(answer) is int and least <= answer <= most for least, most in ranges
            )

        why = "the hash was changed between two of your commands, and your code undid that: somebody's change is lost"
        with cured("Change the one field, and leave everything else alone."):
            trial.every_gap(
                partial(reason, why),
                (key, fruit, price),
                lambda: trial.put({key: Ends(prices, 40.4)}),
                {name: act},
                lambda: clocks(trial),
                allowed=right,
            )
    why = "the hash is left without its end or its other prices: change the one field, and leave the rest alone"
    with cured(LEAVE_THE_CLOCK):
        trial.every_cut(why, (key, fruit, price), lambda: trial.put({key: Ends(prices, 40.4)}), lambda: clocks(trial))


def _without(prices: dict, fruit: str) -> dict:
    return {name: price for name, price in prices.items() if name != fruit}
