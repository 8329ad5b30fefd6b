"""Lesson 17: totals, personal bests, places with ties, a page around one member."""

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import cast
from unittest import mock

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Question
from redis_helpers.course.exercises.runner import Worker
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends

ODD = ('Zoë\'s "best"', "a b", "*", "[x]?", "0", "10", "9", "%s {}")  # names of members, which may hold any sign
WRONG_TYPE = (
    "the key holds something of another type, Redis answered with an error, and your function kept it to itself: its "
    "caller takes the answer for true"
)
READER_WROTE = "your function was only to look, and it changed what is in Redis"


@contextlib.contextmanager
def _cures(cures: Mapping[str, str]) -> Iterator[None]:
    """Says what to do, beside what is wrong: a cure for each reason."""
    try:
        yield
    except Failed as failure:
        failure.cure = failure.cure or next((cure for why, cure in cures.items() if why in failure.why), None)
        raise


def _or_raised(why: str) -> Callable[[Run], str]:
    """`why`, or a word on the error that the learner's function raised."""

    def reason(run: Run) -> str:
        errors = _errors(run)
        if not errors:
            return why
        return (
            f"your function raised {errors[0]} because somebody else came in between, and its caller gets no answer. "
            "Look at what happens after that error"
        )

    return reason


def _errors(run: Run) -> list[str]:
    return [type(outcome.error).__name__ for outcome in run.outcomes if outcome.error]


def _beside(trial: Trial, act: Callable[[], object], most: int = 30) -> Callable[[], None]:
    """For `between=`: `act()` before each step of the call from the second one on, `most` times in all."""
    done = 0

    def turn(step: object = None) -> None:
        nonlocal done
        if done < most:
            done += 1
            elsewhere = threading.Thread(target=act)  # what this thread sends counts as the learner's
            elsewhere.start()
            elsewhere.join()

    def from_now_on() -> None:
        trial.call_seen.turn = turn
        turn()

    return from_now_on


@contextlib.contextmanager
def _without_naps() -> Iterator[None]:
    """A learner's function that waits for a lock does not sleep: its turns are given to it."""
    real = time.sleep

    def nap(seconds: float) -> None:
        real(0 if isinstance(threading.current_thread(), Worker) else seconds)

    with mock.patch("time.sleep", nap):
        yield


class _Till:
    """Another till, which sells or stores while the learner's function runs.

    It does its work in one step, and not while somebody has a lock in Redis (any other key): then it `waits`.
    """

    def __init__(self, trial: Trial, key: str) -> None:
        self._trial, self._key = trial, key
        self.waits = False
        self.answers: list[bool] = []

    def begin(self, board: Mapping[str, float]) -> Callable[[], None]:
        """For `before=`."""

        def put() -> None:
            self.waits, self.answers = False, []
            self._trial.put({self._key: dict(board)} if board else {})

        return put

    def sells(self, fruit: str, crates: float) -> Callable[[], None]:
        """A rival that adds to a total."""
        return lambda: self._if_free(lambda: self._trial.redis.zincrby(self._key, crates, fruit))

    def stores(self, customer: str, crates: float) -> Callable[[], None]:
        """A rival that stores a best, and remembers whether it was one."""

        def store() -> None:
            changed = self._trial.redis.zadd(self._key, {customer: crates}, gt=True, ch=True)
            self.answers.append(bool(changed))

        return lambda: self._if_free(store)

    def _if_free(self, act: Callable[[], object]) -> None:
        self.waits = any(key != self._key for key in self._trial.state())
        if not self.waits:
            act()

    def board(self) -> dict[str, float]:
        found = self._trial.state().get(self._key)
        return cast(dict, found.value) if found and isinstance(found.value, dict) else {}


def _expect_no_half(trial: Trial, key: str, why: str, args: tuple, before: Callable[[], object]) -> None:
    """Killed anywhere, all is done or nothing. A lock may be left, when it ends."""
    trial.put({})
    before()
    untouched = trial.state().get(key)
    trial.call(*args)
    done = trial.state().get(key)

    def allowed(left: object) -> bool:
        board, others = None, []
        for name, (value, ends) in cast(dict, left).items():
            if name == key:
                board = value
            else:
                others.append(ends)
        return board in [found and found.value for found in (untouched, done)] and all(others)

    trial.every_cut(why, args, before, allowed=allowed)


def _expect_error_is_told(trial: Trial, args: tuple, key: str, before: Callable[[], object]) -> None:
    """A full Redis, and a key of another type: the error comes through, and nothing is different."""
    gc.collect()  # pipelines of earlier calls that end only now would send an UNWATCH of their own
    trial.every_error(args, before)
    trial.put({key: ["apple"]})
    outcome = trial.attempt(*args)
    if outcome.error is None:
        raise Failed(WRONG_TYPE, Plain("the error of Redis"), Plain(f"the answer {outcome.value!r}"))
    trial.expect_value("the key holds something of another type, and your function replaced it", key, ["apple"])


# 17.1

BEGAN_ANEW = "the crates that were sold before are lost: the shop orders too few of this fruit. Look at what is stored"
NOT_THE_TOTAL = "the score is not the number of crates that were sold: the shop orders the wrong fruit"
NOT_THE_BEST = (
    "the screen does not show the names of the three best sellers, the best one first: look at what is returned"
)
SALE_LOST = (
    "two tills sold the same fruit at the same moment, and one sale is counted nowhere: the shop orders too few crates"
)
GAVE_UP = (
    "many tills sold at the same moment, and your till gave up: its sale is counted nowhere. Look at how often it tries"
)
SALE_TORN = "the sale is counted by half, or other sales are gone"
NO_NUMBER = (
    "a till sent crates that are no number. Redis refused them, and your function kept the error to itself: the till "
    "takes the sale for counted"
)


def _check_sell(trial: Trial) -> None:
    key = trial.key("today")
    with _cures(
        {
            BEGAN_ANEW: "ZADD sets a score anew. ZINCRBY adds to it.",
            NOT_THE_TOTAL: "ZINCRBY adds: key, then the crates, then the fruit.",
            SALE_LOST: "Whoever reads a score, adds in Python and writes it back, writes over others. ZINCRBY adds on "
            "the server.",
            GAVE_UP: "A transaction that failed has to be tried again until it works. ZINCRBY needs none.",
            NO_NUMBER: "Leave the error of Redis alone: no `except` around the sale.",
        }
    ):
        _expect_sold(trial, key)
        fruit, till = trial.word(), _Till(trial, key)
        for board in ({}, {fruit: 5.0, "kiwi": 7.0}):
            for other in (fruit, "kiwi"):
                mine = board | {fruit: board.get(fruit, 0.0) + 2}
                both = mine | {other: mine.get(other, 0.0) + 3}
                trial.every_gap(
                    _or_raised(SALE_LOST),
                    (key, fruit, 2),
                    before=till.begin(board),
                    rivals={f"another till sells {other}": till.sells(other, 3)},
                    view=till.board,
                    allowed=lambda run, seen, mine=mine, both=both: (  # whatever the screen shows meanwhile
                        seen == (mine if till.waits else both) and not _errors(run)
                    ),
                )
        with _without_naps():
            trial.orders(
                _or_raised(SALE_LOST),
                {"till 1": (key, fruit, 2), "till 2": (key, fruit, 3)},
                before=till.begin({fruit: 5.0, "kiwi": 7.0}),
                view=till.board,
                allowed=lambda run, seen: seen == {fruit: 10.0, "kiwi": 7.0} and not _errors(run),
            )
        till.begin({fruit: 5.0})()
        outcome = trial.attempt(key, fruit, 2, between=_beside(trial, till.sells("kiwi", 1)))
        if outcome.error is not None or trial.redis.zscore(key, fruit) != 7:
            raise Failed(GAVE_UP)
        _expect_no_half(trial, key, SALE_TORN, (key, fruit, 2), till.begin({fruit: 5.0, "kiwi": 7.0}))
        till.begin({fruit: 5.0})()
        outcome = trial.attempt(key, fruit, "three")
        if outcome.error is None:
            raise Failed(NO_NUMBER, Plain("an error"), Plain(f"the answer {outcome.value!r}"))
        _expect_error_is_told(trial, (key, fruit, 2), key, till.begin({fruit: 5.0}))


def _expect_sold(trial: Trial, key: str) -> None:
    """One sale after the other, also of fruits that others have sold meanwhile, on a board that ends or does not."""
    totals: dict[str, float] = {}
    ours = trial.word()
    sales = [(ours, 3), ("banana", 5), ("apple", 4), (ours, 4), ("kiwi", 1), ("kiwi", 5), ("apple", 0.5)]
    sales += [(name, trial.number(1, 20)) for name in (*ODD, *reversed(ODD))] + [(ours, 120), ("apple", 0.25)]
    for number, (fruit, crates) in enumerate(sales):
        if number % 3 == 2:  # what other tills have sold
            totals["banana"] += trial.number(1, 9)
            totals[ours] += trial.number(1, 9)
        before = totals.get(fruit, 0)
        trial.put({key: Ends(_floats(totals), 500) if number % 2 else _floats(totals)} if totals else {})
        ends = bool(totals) and bool(number % 2)
        totals[fruit] = before + crates
        best = trial.call(key, fruit, crates)
        score = trial.redis.zscore(key, fruit)
        if before and score == crates:
            raise Failed(BEGAN_ANEW, totals[fruit], score)
        trial.expect_value(NOT_THE_TOTAL, key, totals)
        trial.expect_state(NOT_THE_TOTAL, {key: Ends(_floats(totals), 500) if ends else _floats(totals)})
        three = islice(sorted(totals, key=lambda name: (totals[name], name.encode()), reverse=True), 3)
        trial.expect(NOT_THE_BEST, [*three], best)


def _floats(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: float(score) for name, score in scores.items()}


SELL = Exercise(
    id="17.1",
    title="A till that counts",
    kind="blank",
    question="""\
`sell` adds the crates of one sale to the fruit's total, and returns the three best sellers. Many tills do so at
once, and a board with a TTL keeps it. One line is missing in place of the `...`.""",
    stub="""\
def sell(redis_conn, key, fruit, crates):
    ...
    return redis_conn.zrange(key, 0, 2, desc=True)""",
    hints=(
        "The score must be the total of all sales. Which command adds to a score, and does so on the server?",
        "ZINCRBY. In redis-py its arguments are the key, then how much to add, then the member.",
    ),
    solution="""\
def sell(redis_conn, key, fruit, crates):
    redis_conn.zincrby(key, crates, fruit)
    return redis_conn.zrange(key, 0, 2, desc=True)""",
    why="ZINCRBY reads, adds and writes in one command, so no other till can come in between. A fruit that is not on "
    "the board yet starts at 0.",
    check=_check_sell,
)

# 17.2

NEWCOMER = "a customer's first order is a best too, and it is not on the board"
NOT_THE_BIGGEST = "the board does not show this customer's biggest order: neither a sum nor a smaller order counts"
SAID_FALSE = "this order was a new best, and your function said False: nobody tells the customer"
SAID_TRUE = "this order was no new best, and your function said True: the customer is told what is not true"
BEST_LOST = "a better order is lost: between two of your steps, another till stored it, and yours replaced it"
BOTH_TRUE = (
    "two tills stored an order at the same moment, and the answers do not fit together: both say that theirs was the "
    "new best, or neither does. Look at what your answer is taken from"
)
BEST_TORN = "the customer's best is gone, or stored by half"


def _check_record(trial: Trial) -> None:
    key = trial.key("best")
    with _cures(
        {
            NEWCOMER: "GT lets newcomers in. XX keeps them out.",
            NOT_THE_BIGGEST: "ZADD with GT writes a score only when it is greater than the stored one.",
            SAID_FALSE: "Without CH, ZADD counts only the members that it added, not those that it changed.",
            BEST_LOST: "Comparing and writing must be one step: let ZADD compare, with GT.",
            BOTH_TRUE: "The answer must come from the command that writes: ZADD's own, with CH.",
        }
    ):
        _expect_recorded(trial, key)
        dora, till = trial.word(), _Till(trial, key)
        board = {dora: 10.0, "emil": 12.0}

        def came_between(run: Run) -> str:
            stored = till.board().get(dora, 0)
            return _or_raised(BEST_LOST if stored < best else BOTH_TRUE)(run)

        for mine, others, had in (
            (25, 30, 10.0),
            (18, 18, 10.0),
            (25, 20, 10.0),
            (9, 12, 10.0),
            (25, 30, None),
            (18, 18, None),
        ):
            best = max(mine, others)
            before = {"emil": 12.0} if had is None else {"emil": 12.0, dora: had}
            alone = (before | {dora: max(mine, had or 0)}, had is None or mine > had)
            trial.every_gap(
                came_between,
                (key, dora, mine),
                before=till.begin(before),
                rivals={f"another till: {others} crates": till.stores(dora, others)},
                view=lambda: (till.board(), list(till.answers)),
                allowed=lambda run, seen, alone=alone: (
                    till.waits and (till.board(), run.outcomes[0].value) == alone and not _errors(run)
                ),
            )
        best = 18
        with _without_naps():
            trial.orders(
                came_between,
                {"till 1": (key, dora, best), "till 2": (key, dora, best)},
                before=till.begin(board),
                view=till.board,
            )
        more = iter(range(11, 100))
        till.begin(board)()
        outcome = trial.attempt(key, dora, 500, between=_beside(trial, lambda: till.stores(dora, next(more))()))
        if outcome.error is not None or outcome.value is not True or trial.redis.zscore(key, dora) != 500:
            raise Failed(
                "many tills stored orders at the same moment, and yours gave up: the biggest order is not on the board"
            )
        _expect_no_half(trial, key, BEST_TORN, (key, dora, 25), till.begin(board))
        for crates in (25, 5):
            _expect_error_is_told(trial, (key, dora, crates), key, till.begin(board))


def _expect_recorded(trial: Trial, key: str) -> None:
    """One order after the other."""
    anna, best = trial.word(), {}
    high = trial.number(100, 900)
    orders = [(anna, 20), ("bob", 0), (anna, 15), ("bob", 12), (anna, 20), (anna, 20.5), ("cleo", -3), ("cleo", -2)]
    orders += [("dora", 9), ("dora", 10), ("dora", 9), ("dora", 100), ("dora", 99), ("dora", 100.0), ("bob", 0)]
    orders += [
        ("emil", high),
        ("emil", high),
        ("emil", high - 0.25),
        ("emil", high + 0.25),
        ("cleo", -2.5),
        ("cleo", 0),
    ]
    orders += [(name, number) for number, name in enumerate(ODD)] + [(name, 5) for name in ODD]
    for customer, crates in orders:
        is_better = crates > best.get(customer, float("-inf"))
        trial.put({key: _floats(best)} if best else {})
        best[customer] = max(crates, best.get(customer, crates))
        answer = trial.call(key, customer, crates)
        if trial.redis.zscore(key, customer) is None:
            raise Failed(NEWCOMER)
        trial.expect_value(NOT_THE_BIGGEST, key, best)
        trial.expect_state(NOT_THE_BIGGEST, {key: _floats(best)})
        if not isinstance(answer, bool):
            raise Failed("return True for a new best, and otherwise False, and nothing else", is_better, answer)
        if answer is not is_better:
            raise Failed(SAID_FALSE if is_better else SAID_TRUE, is_better, answer)


RECORD = Exercise(
    id="17.2",
    title="A better order is never lost",
    kind="change",
    question="""\
The board shows each customer's biggest order. This works until two tills serve the same customer. Change it: same
answers (`True` for a new best), and the biggest order always stays.""",
    stub="""\
def record(redis_conn, key, customer, crates):
    best = redis_conn.zscore(key, customer)
    if best is None or crates > best:
        redis_conn.zadd(key, {customer: crates})
        return True
    return False""",
    hints=(
        "Between `zscore` and `zadd`, another till may store a bigger order. Who could compare while writing?",
        "`gt=True` lets ZADD write a higher score only; newcomers still come in. What does ZADD answer then?",
        "With `ch=True` it counts the members that were added *or changed*: 1 for a new best, otherwise 0.",
    ),
    solution="""\
def record(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, gt=True, ch=True) == 1""",
    why="GT moves the comparison to the server, where nothing comes between comparing and writing; CH makes the answer "
    "tell what happened.",
    check=_check_record,
)

# 17.3

NOBODY = "who is not on the board has no place: a customer who never ordered is shown one"
LAST_DIGIT = "two customers with different scores share a place: large scores count to the last digit"


def _check_place(trial: Trial) -> None:
    key = trial.key("board")
    with _cures(
        {
            NOBODY: "ZSCORE answers None for who is not there: return None then.",
            LAST_DIGIT: "Hand the score to ZCOUNT as it came, without rounding it.",
            EQUAL: "Count only those with a higher score: `(` before the bound leaves the equal ones out.",
            DENSE: "Count the members above, not the different scores.",
            ZERO: "A member that is not there has None for a score, and 0 is not None.",
        }
    ):
        anna = trial.word()
        for shift in (0, 0.5, trial.number(100, 900)):  # always the same key, never the same board
            board = {anna: 10, "bob": 10, "cleo": 7.5, "dora": 7.5, "emil": 7, "fritz": 0, "gina": -2}
            board = {member: score + shift for member, score in board.items()}
            _expect_places(trial, key, board)
        _expect_places(trial, key, {"gina": 0.0, anna: -0.5, "bob": -0.5, "cleo": -10.0, "dora": -9.0})
        _expect_places(trial, key, {member: float(number // 2) for number, member in enumerate(ODD)})
        for before in ({key: {"anna": 3.0}}, {key: Ends({"anna": 0.0}, 50)}, {}):
            trial.put(before)
            trial.expect(NOBODY, None, trial.call(key, "nobody"))
            trial.expect_state(READER_WROTE, before)  # also its TTL, if there is one
        _expect_far_places(trial, key)
        _expect_last_digits(trial, key)
        _expect_error_is_told(trial, (key, "bob"), key, lambda: trial.put({key: {"anna": 3.0, "bob": 2.0}}))


def _expect_places(trial: Trial, key: str, board: dict[str, float]) -> None:
    trial.put({key: Ends(_floats(board), 50)})
    for member, score in board.items():
        expected = 1 + sum(other > score for other in board.values())
        seen = trial.call(key, member)
        trial.expect(_why_place(board, member, expected, seen), expected, seen)
    trial.expect_state(READER_WROTE, {key: Ends(_floats(board), 50, late=45)})


def _expect_far_places(trial: Trial, key: str) -> None:
    """Far down a long board, where places are numbers of two to four digits."""
    size = trial.number(1200, 1500)
    board = {f"customer:{number}": float(size - number // 3) for number in range(size)}
    trial.put({key: board})
    for number in (8, 9, 12, 98, 99, 102, 999, 1002, size - 1):
        seen = trial.call(key, f"customer:{number}")
        trial.expect(_why_place(board, f"customer:{number}", 1 + number // 3 * 3, seen), 1 + number // 3 * 3, seen)


def _expect_last_digits(trial: Trial, key: str) -> None:
    for high in (
        {"hugo": 2.0**53, "ida": 2.0**53 - 1, "jan": 2.0**53 - 2},
        {"hugo": 0.1 + 0.2, "ida": 0.3, "jan": 0.2},
        {"hugo": -1e-9, "ida": -2e-9, "jan": -1e22},
    ):
        trial.put({key: high})
        for expected, member in enumerate(high, 1):
            trial.expect(LAST_DIGIT, expected, trial.call(key, member))


EQUAL = "customers with equal scores are shown different places, or all a place that is too low: equal scores share one"
DENSE = "after two first places comes the third, and somebody is shown a better place than that"
ZERO = "a customer whose score is 0 is on the board, and is shown no place"


def _why_place(board: Mapping[str, float], member: str, expected: int, seen: object) -> str:
    """The likeliest misunderstanding behind a wrong place."""
    scores = list(board.values())
    above = [float(score) for score in scores if score > board[member]]
    if seen is None and board[member] == 0:
        return ZERO
    if type(seen) is not int:
        return "return the place as a whole number"
    if seen == expected - 1 == 0:
        return "places count from 1: the best customer is shown the place 0"
    if seen == 1 + len(set(above)) != expected and all(score.is_integer() for score in above):
        return DENSE
    if expected < seen <= expected + scores.count(board[member]):
        return EQUAL
    return "the place is 1 + the number of members with a higher score, and a score need not be a whole number"


PLACE = Exercise(
    id="17.3",
    title="Equal scores, one place",
    kind="write",
    question="""\
Write `place(redis_conn, key, member)`: the competition place, counted from 1. Equal scores share a place; after two
firsts comes the third. Who is not on the board has none: `None`.""",
    stub="""\
def place(redis_conn, key, member):
    # your code here
    ...""",
    hints=(
        "The place is 1 + the number of members with a higher score. Which score does the member have?",
        "ZCOUNT counts between two bounds. `(` before the lower bound leaves out the members that lie on it.",
        'The lower bound is the text `f"({score}"`, the upper one `"+inf"`.',
    ),
    solution="""\
def place(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    if score is None:
        return None
    return 1 + redis_conn.zcount(key, f"({score}", "+inf")""",
    why="ZCOUNT walks down the same skip list as ZREVRANK, so the place costs no more than a rank. (Two commands: on a "
    "busy board a script would make one step of them.)",
    check=_check_place,
)

# 17.4

EMPTY_PAGE = (
    "the member is on the board, and its page is empty. Look at the top of the board: what does your code make of the "
    "rank 0, and of a first position below 0?"
)
UPSIDE_DOWN = "the page stands on its head: the best comes first"
ONE_MOMENT = (
    "the board changed between two of your steps, and the page is of no single moment: it shows others than those who "
    "stood around the member. Look at what the second step takes over from the first"
)
NOT_ON_PAGE = "the member is not on its own page: the board changed between two of your steps, and the rank was old"
ABSENT = "who is not on the board gets an empty list, and nothing else"
AGAIN_AND_AGAIN = (
    "the board changed again and again, and in the end the page was of no single moment: look at what your function "
    "does when it has tried several times"
)
SMALL = "a board with fewer members than `size` is shown whole, and here somebody is missing"
SLIDES = "the page is not full: at the ends of the board a page slides inwards"


def _check_page(trial: Trial) -> None:
    key = trial.key("board")
    with _cures(
        {
            ONE_MOMENT: "One script reads rank and page in one go. With WATCH: look again after a WatchError.",
            NOT_ON_PAGE: "One script reads rank and page in one go. With WATCH: look again after a WatchError.",
            EMPTY_PAGE: "Positions below 0 count from the end of the board: "
            "keep the first one at 0 or above. And 0 is a rank.",
            UPSIDE_DOWN: "ZRANGE begins at the lowest score, unless it is told REV.",
            SMALL: "The first position must not fall below 0: take `min` first and `max` last.",
        }
    ):
        numbers = trial.number(1, 50)
        board = [f"customer:{numbers + number}" for number in range(9)]  # best first
        _put_board(trial, key, board)
        for rank, size in (
            (4, 5),
            (4, 3),
            (0, 5),
            (1, 5),
            (8, 5),
            (7, 5),
            (8, 3),
            (0, 3),
            (3, 9),
            (4, 1),
            (0, 1),
            (8, 1),
        ):
            _expect_page(board, rank, size, trial.call(key, board[rank], size))
        for rank, size in ((3, 7), (2, 7), (8, 7), (4, 9), (0, 9)):
            _expect_page(board, rank, size, trial.call(key, board[rank], size))
        trial.expect(ABSENT, [], trial.call(key, "nobody", 3))
        trial.expect_state(READER_WROTE, {key: Ends(_scores(board), 50, late=45)})
        for small in (["anna", "bob", "cleo"], [trial.word()], [*ODD]):
            _put_board(trial, key, small)
            for member in small:
                for size in (11, 25, 101):
                    trial.expect(SMALL, small, trial.call(key, member, size))
        trial.put({})
        trial.expect(ABSENT, [], trial.call(key, "anna", 3))
        trial.expect_state(READER_WROTE, {})
        _expect_long_board(trial, key)
        _expect_ties(trial, key)
        _expect_one_moment(trial, key)
        _expect_error_is_told(trial, (key, "bob", 3), key, lambda: _put_board(trial, key, ["anna", "bob", "cleo"]))


def _scores(board: list[str]) -> dict[str, float]:
    """Scores for a board that is written best first: its last member has 10, the one above 20, and so on."""
    return {member: 10.0 * (len(board) - rank) for rank, member in enumerate(board)}


def _put_board(trial: Trial, key: str, board: list[str]) -> None:
    trial.put({key: Ends(_scores(board), 50)})


def _page_of(board: list[str], member: str, size: int) -> list[str]:
    if member not in board:
        return []
    first = max(min(board.index(member) - size // 2, len(board) - size), 0)
    return board[first : first + size]


def _expect_page(board: list[str], rank: int, size: int, seen: object) -> None:
    member, expected = board[rank], _page_of(board, board[rank], size)
    if type(seen) is list and seen == expected:
        return
    why = "return the page as a list of members, the best first"
    if seen in ([], ()):
        why = EMPTY_PAGE
    elif isinstance(seen, list) and seen == expected[::-1] and len(expected) > 1:
        why = UPSIDE_DOWN
    elif isinstance(seen, list) and len(seen) < len(expected):
        why = SLIDES
    elif isinstance(seen, list) and len(seen) > len(expected):
        why = "the page is too long: look at its last position, which is on the page as well"
    elif isinstance(seen, list) and member in expected:
        why = "the member is to stand in the middle of its page, or as near as the end of the board allows"
    raise Failed(why, expected, seen)


def _expect_long_board(trial: Trial, key: str) -> None:
    board = [f"customer:{number}" for number in range(trial.number(1200, 1500))]
    _put_board(trial, key, board)
    for rank, size in ((9, 3), (10, 5), (99, 7), (101, 101), (40, 101), (len(board) - 2, 101), (777, 1)):
        _expect_page(board, rank, size, trial.call(key, board[rank], size))


def _expect_ties(trial: Trial, key: str) -> None:
    """Among equal scores any order will do that Redis has: its own, or by name."""
    scores = {name: float(3 - number // 4) for number, name in enumerate("gdbaefchkjli")}
    down = sorted(scores, key=lambda name: (scores[name], name), reverse=True)
    by_name = sorted(scores, key=lambda name: (-scores[name], name))
    for member in scores:
        trial.put({key: scores})
        seen = trial.call(key, member, 3)
        if seen not in (_page_of(down, member, 3), _page_of(by_name, member, 3)):
            raise Failed(
                f"{member} has the same score as others, and its page is another one: look at how you find its "
                "position among equal scores",
                _page_of(down, member, 3),
                seen,
            )


def _expect_one_moment(trial: Trial, key: str) -> None:
    """Others write in between: the page is that of before, or that of afterwards."""
    board = [f"customer:{number}" for number in range(9)]

    def moves(member: str, score: float) -> Callable[[], object]:
        return lambda: trial.redis.zadd(key, {member: score})

    for rank in (4, 7):
        me, last = board[rank], board[8]

        def why(run: Run, me: str = me) -> str:
            seen = run.outcomes[0].value
            absent = isinstance(seen, list) and me not in seen and trial.redis.zscore(key, me) is not None
            return _or_raised(NOT_ON_PAGE if absent else ONE_MOMENT)(run)

        trial.every_gap(
            why,
            (key, me, 5),
            before=lambda: _put_board(trial, key, board),
            rivals={
                "the member wins": moves(me, 1000),
                "the member falls to the end": moves(me, 1),
                "the member climbs by one place": moves(me, _scores(board)[me] + 15),
                "the member falls by one place": moves(me, _scores(board)[me] - 15),
                "two newcomers lead": lambda: trial.redis.zadd(key, {"new": 1000, "newer": 1001}),
                "the leader leaves": lambda: trial.redis.zrem(key, board[0]),
                "the last one leaves": lambda last=last: trial.redis.zrem(key, last),
                "the member leaves": lambda me=me: trial.redis.zrem(key, me),
            },
        )
    ends = (1000, 1) * 100
    scores = iter(ends)
    _put_board(trial, key, board)
    outcome = trial.attempt(key, me, 3, between=_beside(trial, lambda: trial.redis.zadd(key, {me: next(scores)})))
    others = [member for member in board if member != me]
    pages = [_page_of(moment, me, 3) for moment in (board, [me, *others], [*others, me])]
    if outcome.error is not None or outcome.value not in pages:
        raise Failed(AGAIN_AND_AGAIN, seen=outcome.value)


PAGE = Exercise(
    id="17.4",
    title="A full page around me",
    kind="stretch",
    question="""\
Write `page(redis_conn, key, member, size)`: `size` members (an odd number), best first, this one in the middle. Near
an end of the board the page slides inwards and stays full; a smaller board is shown whole; who is not on it gets
`[]`. Whatever others do meanwhile, the page shows the board of one single moment.""",
    stub="""\
def page(redis_conn, key, member, size):
    # your code here
    ...""",
    hints=(
        "Begin with the script of this lesson; `ARGV[2]` may carry the size. What comes from ARGV is text: `tonumber`.",
        "First position: `(size - 1) / 2` above the rank, but not below 0. That is what `math.max` was for.",
        "At the bottom, the last full page begins at ZCARD (the number of members) − size: `math.min` keeps you above.",
        "Take `math.min` first and `math.max` last: on a small board ZCARD − size is negative.",
    ),
    solution="""\
def page(redis_conn, key, member, size):
    script = redis_conn.register_script('''
        local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
        if not rank then return {} end
        local size = tonumber(ARGV[2])
        local last = redis.call('ZCARD', KEYS[1]) - size
        local first = math.max(math.min(rank - math.floor(size / 2), last), 0)
        return redis.call('ZRANGE', KEYS[1], first, first + size - 1, 'REV')
    ''')
    return script(keys=[key], args=[member, size])""",
    why="rank, size of the board and page come from one moment, and the page costs the same on a board of a million "
    "members. (Fetching the whole board with one ZRANGE is one moment too, and the wrong million names.)",
    check=_check_page,
)

EXERCISES = (SELL, RECORD, PLACE, PAGE)

QUIZ = (
    Question(
        "anna's best order is 20 crates. What does `ZADD best GT CH 15 anna` do?",
        (
            ("It sets her score to 15", "Without GT it would: a plain ZADD overwrites."),
            ("It sets her score to 35", "ZINCRBY adds. ZADD sets, or leaves alone."),
            ("Nothing, and it answers 0", "15 is not greater than 20, so nothing changed, and CH counts the changes."),
        ),
        answer="c",
    ),
    Question(
        "A page reads the rank with one command and the neighbours with the next. Why not both in one MULTI?",
        (
            (
                "The second command needs the first one's reply, which comes only after EXEC",
                "A transaction collects commands before any reply. A script can use a reply at once.",
            ),
            ("MULTI allows writes only", "It queues any command, reads too."),
            ("MULTI would not keep others out", "It would: what lies between MULTI and EXEC runs in one go."),
        ),
        answer="a",
    ),
    Question(
        "Which whole numbers does a score hold exactly?",
        (
            ("All of them: Python's int has no limit", "Python's has none. Redis stores a double."),
            ("Up to 2^53, beyond that only some", "A double has 53 bits for the digits. What lies between is rounded."),
            ("Up to 2^63, as INCR", "INCR works on 64-bit integers. Scores are doubles."),
        ),
        answer="b",
    ),
    Question(
        "The board of the year's totals is cut to its top 100 every night. What happens to a newcomer who sells a "
        "little each day?",
        (
            ("She climbs, day by day", "Her total is deleted each night, with her entry."),
            ("She is refused", "ZINCRBY refuses nobody: it begins anew at 0."),
            (
                "She begins at 0 every day, and may never be seen",
                "Trim what can be made anew, such as the week; never what adds up.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A shop shows its top ten, from a table of totals in SQL with an index on the total. Is Redis faster there?",
        (
            (
                "Not by itself: the index has the top ten at hand, at any size",
                "It is the rank of one member that SQL has to count.",
            ),
            ("Yes, the more the larger the table", "The index is in order already: ten rows are ten rows."),
            ("Yes: Redis keeps all in memory", "The round trip remains, and the index is mostly in memory too."),
        ),
        answer="a",
    ),
)
