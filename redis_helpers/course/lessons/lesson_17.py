"""Lesson 17: the first three, totals, personal bests, the row and the page of one member."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import cast
from unittest import mock

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.runner import is_an_answers_thread
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.board_checks import ODD, READER_WROTE, expect_error_is_told, floats
from redis_helpers.course.lessons.common_checks import beside, cures, errors_of, or_raised

LIVES, RENEWED_AFTER = 50, 20  # seconds that a board has to live, and after which it gets them anew


@contextlib.contextmanager
def _without_naps() -> Iterator[None]:
    """A learner's function that waits for a lock does not sleep: its turns are given to it."""
    real = time.sleep

    def nap(seconds: float) -> None:
        real(0 if is_an_answers_thread() else seconds)

    with mock.patch("time.sleep", nap):
        yield


class _Seller:
    """Another seller, who sells or stores while the learner's function runs.

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


# 17.1

LOWEST_FIRST = "the board is read from its lowest score: those who sell least are shown as the best"
TOO_MANY = "more than three are returned: look at your last position, it belongs to what is read"
LAST_FIRST = "these are the right three, and the highest must come first"
NOTHING = "your function returns nothing, so its caller has no names"
NAMES_ONLY = "return the names alone, as a list"
BEST_OF_NO_MOMENT = "the board changed between two of your commands, and what you return was never true"


def _check_best_three(trial: Trial) -> None:
    key = trial.key("board")
    with cures(
        {
            LOWEST_FIRST: "ZRANGE begins at the lowest score. `desc=True` turns the order round.",
            TOO_MANY: "Positions begin at 0, so the third is position 2.",
            NOTHING: "`print` shows a value, and `return` hands it over: write `return` before it.",
            NAMES_ONLY: "Leave out `withscores`.",
            BEST_OF_NO_MOMENT: "One ZRANGE with `desc=True` is enough.",
        }
    ):
        names = [trial.word(), *ODD]
        shift = trial.number(1, 90)
        for many in (5, 3, 4, 9, 2, 1):
            board = {name: float(12 * number - shift) for number, name in enumerate(names[:many])}
            _expect_best_three(trial, key, board)
            _expect_best_three(trial, key, {name: -score for name, score in board.items()})
        trial.case("the board is empty: return an empty list", (key,), before={}, returns=[], after={})
        board = {name: float(number) for number, name in enumerate(names)}
        trial.every_gap(
            or_raised(BEST_OF_NO_MOMENT),
            (key,),
            before=lambda: trial.put({key: board}),
            rivals={
                "a newcomer leads": lambda: trial.redis.zadd(key, {"new": 1000}),
                "the best one leaves": lambda: trial.redis.zrem(key, names[-1]),
            },
        )
        expect_error_is_told(trial, (key,), key, lambda: trial.put({key: board}))


def _expect_best_three(trial: Trial, key: str, board: dict[str, float]) -> None:
    trial.put({key: Ends(board, 50)})
    best_first = sorted(board, key=lambda name: board[name], reverse=True)
    expected, seen = best_first[:3], trial.call(key)
    trial.expect(_why_three(best_first, seen), expected, seen)
    trial.expect_state(READER_WROTE, {key: Ends(board, 50, late=45)})


def _why_three(best_first: list[str], seen: object) -> str:
    if seen is None:
        return NOTHING
    if not isinstance(seen, list) or any(not isinstance(name, str) for name in seen):
        return NAMES_ONLY
    if len(best_first) > 1 and seen == best_first[:3][::-1]:
        return LAST_FIRST if len(best_first) > 3 else LOWEST_FIRST
    if len(best_first) > 1 and seen and seen[0] == best_first[-1]:
        return LOWEST_FIRST
    if len(seen) > 3:
        return TOO_MANY
    return "return the names of the three highest scores, the highest first"


BEST_THREE = Exercise(
    id="17.1",
    title="The first three",
    kind="write",
    question="""\
`best_three` returns a list with the names of the three highest scores of a board, the highest first. On a board with
fewer members it returns all of them.""",
    stub="""\
def best_three(redis_conn, key):
    # your code here
    ...""",
    hints=(
        "`zrange` reads from one position to another. Which is the first, and which is the third?",
        "Without an option, position 0 is the lowest score. `desc=True` makes it the highest.",
    ),
    solution="""\
def best_three(redis_conn, key):
    return redis_conn.zrange(key, 0, 2, desc=True)""",
    why="Positions begin at 0, and the last one belongs to what is read: 0 to 2 are three. On a smaller board ZRANGE "
    "returns what is there.",
    check=_check_best_three,
)

# 17.2

BEGAN_ANEW = "the crates that were sold before are lost: the shop orders too few of this fruit. Look at what is stored"
SWAPPED = "Redis wants a number, the crates, and got the name of the fruit: look at the order of your arguments"
NOT_THE_TOTAL = "the score is not the number of crates that were sold: the shop orders the wrong fruit"
NOT_THE_BEST = (
    "the screen does not show the names of the three best sellers, the best one first: look at what is returned"
)
SALE_LOST = (
    "two sellers sold the same fruit at the same moment, and one sale is counted nowhere: the shop orders too few "
    "crates"
)
GAVE_UP = (
    "many sellers sold at the same moment, and your function gave up: its sale is counted nowhere. Look at how often "
    "it tries"
)
SALE_TORN = "the sale is counted by half, or other sales are gone"
NO_NUMBER = (
    "a seller sent crates that are no number. Redis refused them, and your function kept the error to itself: the "
    "seller takes the sale for counted"
)


def _check_sell(trial: Trial) -> None:
    key = trial.key("today")
    with cures(
        {
            SWAPPED: "In redis-py: the key, then the crates, then the fruit.",
            BEGAN_ANEW: "ZADD sets a score anew. ZINCRBY adds to it.",
            NOT_THE_TOTAL: "ZINCRBY adds: key, then the crates, then the fruit.",
            SALE_LOST: "Whoever reads a score, adds in Python and writes it back, writes over others. ZINCRBY adds on "
            "the server.",
            GAVE_UP: "A transaction that failed has to be tried again until it works. ZINCRBY needs none.",
            NO_NUMBER: "Leave the error of Redis alone: no `except` around the sale.",
        }
    ):
        _expect_sold(trial, key)
        fruit, seller = trial.word(), _Seller(trial, key)
        for board in ({}, {fruit: 5.0, "kiwi": 7.0}):
            for other in (fruit, "kiwi"):
                mine = board | {fruit: board.get(fruit, 0.0) + 2}
                both = mine | {other: mine.get(other, 0.0) + 3}
                trial.every_gap(
                    or_raised(SALE_LOST),
                    (key, fruit, 2),
                    before=seller.begin(board),
                    rivals={f"another seller sells {other}": seller.sells(other, 3)},
                    view=seller.board,
                    allowed=lambda run, seen, mine=mine, both=both: (  # whatever the screen shows meanwhile
                        seen == (mine if seller.waits else both) and not errors_of(run)
                    ),
                )
        with _without_naps():
            trial.orders(
                or_raised(SALE_LOST),
                {"seller 1": (key, fruit, 2), "seller 2": (key, fruit, 3)},
                before=seller.begin({fruit: 5.0, "kiwi": 7.0}),
                view=seller.board,
                allowed=lambda run, seen: seen == {fruit: 10.0, "kiwi": 7.0} and not errors_of(run),
            )
        seller.begin({fruit: 5.0})()
        outcome = trial.attempt(key, fruit, 2, between=beside(trial, seller.sells("kiwi", 1)))
        if outcome.error is not None or trial.redis.zscore(key, fruit) != 7:
            raise Failed(GAVE_UP)
        _expect_no_half(trial, key, SALE_TORN, (key, fruit, 2), seller.begin({fruit: 5.0, "kiwi": 7.0}))
        seller.begin({fruit: 5.0})()
        outcome = trial.attempt(key, fruit, "three")
        if outcome.error is None:
            raise Failed(NO_NUMBER, Plain("an error"), Plain(f"the answer {outcome.value!r}"))
        expect_error_is_told(trial, (key, fruit, 2), key, seller.begin({fruit: 5.0}))


def _expect_sold(trial: Trial, key: str) -> None:
    """One sale after the other, also of fruits that others have sold meanwhile, on a board that ends or does not."""
    totals: dict[str, float] = {}
    ours = trial.word()
    sales = [(ours, 3), ("banana", 5), ("apple", 4), (ours, 4), ("kiwi", 1), ("kiwi", 5), ("apple", 0.5)]
    sales += [(name, trial.number(1, 20)) for name in (*ODD, *reversed(ODD))] + [(ours, 120), ("apple", 0.25)]
    for number, (fruit, crates) in enumerate(sales):
        if number % 3 == 2:  # what others have sold
            totals["banana"] += trial.number(1, 9)
            totals[ours] += trial.number(1, 9)
        before = totals.get(fruit, 0)
        trial.put({key: Ends(floats(totals), 500) if number % 2 else floats(totals)} if totals else {})
        ends = bool(totals) and bool(number % 2)
        totals[fruit] = before + crates
        best = _sold(trial, key, fruit, crates)
        score = trial.redis.zscore(key, fruit)
        if before and score == crates:
            raise Failed(BEGAN_ANEW, totals[fruit], score)
        trial.expect_value(NOT_THE_TOTAL, key, totals)
        trial.expect_state(NOT_THE_TOTAL, {key: Ends(floats(totals), 500) if ends else floats(totals)})
        three = islice(sorted(totals, key=lambda name: (totals[name], name.encode()), reverse=True), 3)
        trial.expect(NOT_THE_BEST, [*three], best)


def _sold(trial: Trial, key: str, fruit: str, crates: float) -> object:
    """What the learner's function returns. The score is a number here, so it is the argument that is none."""
    try:
        return trial.call(key, fruit, crates)
    except Crashed as crash:
        if "not a valid float" in str(crash.error):
            raise Failed(SWAPPED) from None
        raise


SELL = Exercise(
    id="17.2",
    title="A sale that is counted",
    kind="blank",
    question="""\
`sell` adds the crates of one sale to the score of the fruit. Then it returns the three fruits with the
highest scores. Many programs call it at the same time, and no sale may be lost. (A board may
have a TTL: leave it alone.) In place of the `...`, one line is missing.""",
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
    why="ZINCRBY reads, adds and writes in one command, so nobody can come in between. A fruit that is not on "
    "the board yet starts at 0.",
    check=_check_sell,
)

# 17.3

NEWCOMER = "a customer's first order is a best too, and it is not on the board"
NOT_THE_BIGGEST = "the board does not show this customer's biggest order: neither a sum nor a smaller order counts"
SAID_FALSE = "this order was a new best, and your function said False: nobody tells the customer"
SAID_TRUE = "this order was no new best, and your function said True: the customer is told what is not true"
BEST_LOST = "a better order is lost: between two of your steps, another seller stored it, and yours replaced it"
BOTH_TRUE = (
    "two sellers stored an order at the same moment, and the answers do not fit together: both say that theirs was the "
    "new best, or neither does. Look at what your answer is taken from"
)
BEST_TORN = "the customer's best is gone, or stored by half"


def _check_record(trial: Trial) -> None:
    key = trial.key("best")
    with cures(
        {
            NEWCOMER: "GT lets newcomers in. XX keeps them out.",
            NOT_THE_BIGGEST: "ZADD with GT writes a score only when it is greater than the stored one.",
            SAID_FALSE: "Without CH, ZADD counts only the members that it added, not those that it changed.",
            BEST_LOST: "Comparing and writing must be one step: let ZADD compare, with GT.",
            BOTH_TRUE: "The answer must come from the command that writes: ZADD's own, with CH.",
        }
    ):
        _expect_recorded(trial, key)
        dora, seller = trial.word(), _Seller(trial, key)
        board = {dora: 10.0, "emil": 12.0}

        def came_between(run: Run) -> str:
            stored = seller.board().get(dora, 0)
            return or_raised(BEST_LOST if stored < best else BOTH_TRUE)(run)

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
                before=seller.begin(before),
                rivals={f"another seller: {others} crates": seller.stores(dora, others)},
                view=lambda: (seller.board(), list(seller.answers)),
                allowed=lambda run, seen, alone=alone: (
                    seller.waits and (seller.board(), run.outcomes[0].value) == alone and not errors_of(run)
                ),
            )
        best = 18
        with _without_naps():
            trial.orders(
                came_between,
                {"seller 1": (key, dora, best), "seller 2": (key, dora, best)},
                before=seller.begin(board),
                view=seller.board,
            )
        more = iter(range(11, 100))
        seller.begin(board)()
        outcome = trial.attempt(key, dora, 500, between=beside(trial, lambda: seller.stores(dora, next(more))()))
        if outcome.error is not None or outcome.value is not True or trial.redis.zscore(key, dora) != 500:
            raise Failed(
                "many sellers stored orders at the same moment, and yours gave up: the biggest order is not on the "
                "board"
            )
        _expect_no_half(trial, key, BEST_TORN, (key, dora, 25), seller.begin(board))
        for crates in (25, 5):
            expect_error_is_told(trial, (key, dora, crates), key, seller.begin(board))


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
        trial.put({key: floats(best)} if best else {})
        best[customer] = max(crates, best.get(customer, crates))
        answer = trial.call(key, customer, crates)
        if trial.redis.zscore(key, customer) is None:
            raise Failed(NEWCOMER)
        trial.expect_value(NOT_THE_BIGGEST, key, best)
        trial.expect_state(NOT_THE_BIGGEST, {key: floats(best)})
        if not isinstance(answer, bool):
            raise Failed("return True for a new best, and otherwise False, and nothing else", is_better, answer)
        if answer is not is_better:
            raise Failed(SAID_FALSE if is_better else SAID_TRUE, is_better, answer)


RECORD = Exercise(
    id="17.3",
    title="A better order is never lost",
    kind="change",
    question="""\
The board keeps the biggest order of each customer, in crates. `record` says `True` when the order is a new best,
otherwise `False`. It works as long as nobody comes between its two commands. Change it: the
answers stay the same, and the biggest order is never lost.""",
    stub="""\
def record(redis_conn, key, customer, crates):
    best = redis_conn.zscore(key, customer)
    if best is None or crates > best:
        redis_conn.zadd(key, {customer: crates})
        return True
    return False""",
    hints=(
        "Between `zscore` and `zadd`, somebody else may store a bigger order. Which command compares and writes?",
        "`gt=True` lets ZADD write a higher score only. Newcomers still come in. What does ZADD reply then?",
        "With `ch=True` it counts the members that were added *or changed*: 1 for a new best, otherwise 0.",
    ),
    solution="""\
def record(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, gt=True, ch=True) == 1""",
    why="GT moves the comparison to the server, where nothing comes between comparing and writing; CH makes the answer "
    "tell what happened.",
    check=_check_record,
)

# 17.4

FROM_ZERO = "rows count from 1, as people do: the best one is in row 1, and your function says 0"
FROM_BELOW = "the rows are counted from the lowest score: the best one is shown as the last"
NO_LEADER = "the best one is on the board, and your function says None. Its rank is 0: what does your `if` make of 0?"
NO_ROW = "who is not on the board has no row: return None"
ROW_OF_NO_MOMENT = "the board changed between two of your commands, and the row that you return was never true"


def _check_row_of(trial: Trial) -> None:
    key = trial.key("board")
    with cures(
        {
            FROM_ZERO: "ZREVRANK counts from 0. Add 1.",
            FROM_BELOW: "ZRANK counts from the lowest score, ZREVRANK from the highest.",
            NO_LEADER: "0 is a rank, None is not. Compare with `is None`.",
            NO_ROW: "For who is not there, `zrevrank` returns None.",
            ROW_OF_NO_MOMENT: "One ZREVRANK is enough: it also tells whether somebody is there.",
        }
    ):
        many = trial.number(110, 140)
        names = [f"customer:{number}" for number in range(many)]
        for board in ([trial.word(), *ODD], [trial.word()], ["anna", "0"], names):
            ask = _asked_of(trial, key, board)
            for rank in sorted({*range(min(10, len(board))), len(board) // 2, min(99, len(board) - 1), len(board) - 1}):
                seen = ask(board[rank])
                trial.expect(_why_row(rank + 1, len(board), seen), rank + 1, seen)
            trial.expect(NO_ROW, None, ask("nobody"))
            trial.expect_state(READER_WROTE, {key: Ends(_scores(board), LIVES, late=LIVES - 5)})
        trial.case(NO_ROW, (key, "anna"), before={}, returns=None, after={})
        scores = {"anna": 0.0, "bob": -1.5, "cleo": -2.0}
        for row, member in enumerate(scores, 1):
            trial.case("a score may be 0 or below", (key, member), before={key: scores}, returns=row)
        board = ["anna", "bob", "cleo", "dora"]
        trial.every_gap(
            or_raised(ROW_OF_NO_MOMENT),
            (key, "cleo"),
            before=lambda: _put_board(trial, key, board),
            rivals={
                "the member leaves": lambda: trial.redis.zrem(key, "cleo"),
                "the member wins": lambda: trial.redis.zadd(key, {"cleo": 1000}),
                "a newcomer leads": lambda: trial.redis.zadd(key, {"new": 1000}),
            },
        )
        expect_error_is_told(trial, (key, "bob"), key, lambda: _put_board(trial, key, board))


def _why_row(row: int, many: int, seen: object) -> str:
    if seen is None:
        return NO_LEADER if row == 1 else "this member is on the board, and your function says None"
    if type(seen) is not int:
        return "return the row as a whole number"
    if seen == row - 1:
        return FROM_ZERO
    if seen in (many - row, many - row + 1):
        return FROM_BELOW
    return "this is not the member's row: 1 for the highest score, 2 for the next one, and so on"


ROW_OF = Exercise(
    id="17.4",
    title="My row",
    kind="write",
    question="""\
`row_of` returns the row in which a member stands, counted from 1: 1 for the highest score. Who is not on the board has
no row: then it returns `None`. (No two scores are equal here.)""",
    stub="""\
def row_of(redis_conn, key, member):
    # your code here
    ...""",
    hints=(
        "`zrevrank` counts from 0. What does it return for somebody who is not on the board?",
        "`None + 1` is an error. Look first: `if rank is None`. (Not `if not rank`: the best one has the rank 0.)",
    ),
    solution="""\
def row_of(redis_conn, key, member):
    rank = redis_conn.zrevrank(key, member)
    if rank is None:
        return None
    return rank + 1""",
    why="0 is a rank, and in Python 0 counts as false. So the test is `is None`.",
    check=_check_row_of,
)

# 17.5

BELOW_ZERO = "the page begins below 0, and positions below 0 count from the end of the board: the page would be empty"
TOO_LATE = "the page begins so late that it is not full, although the board has enough members"
NOT_MIDDLE = "here the member can stand in the middle of the page, and does not"


def _check_page_start(trial: Trial) -> None:
    key = trial.key("board")
    with cures(
        {
            BELOW_ZERO: "`max(start, 0)`, as the last step.",
            TOO_LATE: "The last full page begins at `members - size`: `min` takes it when `start` is more.",
            NOT_MIDDLE: "Leave `start` as it is where it is neither too late nor below 0.",
        }
    ):
        sizes = [9, 7, 5, 4, 3, 2, 1, trial.number(110, 140)]
        for many in sizes:
            board = [f"customer:{number}" for number in range(many)]
            ask = _asked_of(trial, key, board)
            for size in (3, 5, 1, 9, 11):
                for rank in sorted({*range(min(many, 7)), many // 2, *range(max(many - 6, 0), many)}):
                    start = max(min(rank - size // 2, many - size), 0)
                    seen = ask(rank, size)
                    trial.expect(_why_start(rank, size, many, seen), start, seen)
            trial.expect_state(READER_WROTE, {key: Ends(_scores(board), LIVES, late=LIVES - 5)})
        expect_error_is_told(trial, (key, 1, 3), key, lambda: _put_board(trial, key, ["anna", "bob", "cleo"]))


def _why_start(rank: int, size: int, many: int, seen: object) -> str:
    if type(seen) is not int:
        return "return the first position as a whole number"
    if seen < 0:
        return BELOW_ZERO
    if seen > max(many - size, 0):
        return TOO_LATE
    if 0 <= rank - size // 2 <= many - size:
        return NOT_MIDDLE
    return "the member is to stand as near to the middle of the page as the end of the board allows"


PAGE_START = Exercise(
    id="17.5",
    title="Where a page begins",
    kind="blank",
    question="""\
`page_start` returns the first position of a full page, as in the table, for any `size` that is an odd number. `start`
is there, with me in the middle. In place of the `...`, ask how many members there are. Then correct a start that is too
late, and one that is below 0. (In Python, `min(a, b)` is the smaller of two numbers, and `max(a, b)` the larger.)""",
    stub="""\
def page_start(redis_conn, key, rank, size):
    start = rank - size // 2
    ...
    return start""",
    hints=(
        "`redis_conn.zcard(key)` is the number of members. On a board of 7, the last full page of 3 begins at 7 − 3.",
        "`start = min(start, members - size)`: not later than the last full page. And not below 0?",
        "`start = max(start, 0)` comes last: on a small board, `members - size` is below 0.",
    ),
    solution="""\
def page_start(redis_conn, key, rank, size):
    members = redis_conn.zcard(key)
    start = rank - size // 2
    start = min(start, members - size)
    start = max(start, 0)
    return start""",
    why="First not too late, then not below 0. In the other order, a board that is smaller than a page would begin "
    "below 0 again.",
    check=_check_page_start,
)

# 17.6

EMPTY_PAGE = (
    "the member is on the board, and its page is empty. Look at the top of the board: what does your code make of the "
    "rank 0, and of a first position below 0?"
)
UPSIDE_DOWN = "the page is in the wrong order: the best comes first"
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
NOT_FULL = "the page is not full, although the board has enough members: look at both ends of the board"
TOO_LONG = "the page is too long: look at its last position, which is on the page as well"


def _check_page(trial: Trial) -> None:
    key = trial.key("board")
    with cures(
        {
            ONE_MOMENT: "One script reads rank and page in one go. With WATCH: look again after a WatchError.",
            NOT_ON_PAGE: "One script reads rank and page in one go. With WATCH: look again after a WatchError.",
            EMPTY_PAGE: "Positions below 0 count from the end of the board: "
            "keep the first one at 0 or above. And 0 is a rank.",
            UPSIDE_DOWN: "ZRANGE begins at the lowest score, unless it is told REV.",
            NOT_FULL: "The last full page begins at `members - size`: `math.min` takes it when `start` is more.",
            TOO_LONG: "The last of `size` positions is `start + size - 1`.",
            SMALL: "The first position must not fall below 0: take `min` first and `max` last.",
        }
    ):
        numbers = trial.number(1, 50)
        board = [f"customer:{numbers + number}" for number in range(9)]  # best first
        ask = _asked_of(trial, key, board)
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
            _expect_page(board, rank, size, ask(board[rank], size))
        for rank, size in ((3, 7), (2, 7), (8, 7), (4, 9), (0, 9)):
            _expect_page(board, rank, size, ask(board[rank], size))
        trial.expect(ABSENT, [], ask("nobody", 3))
        trial.expect_state(READER_WROTE, {key: Ends(_scores(board), LIVES, late=LIVES - 5)})
        for small in (["anna", "bob", "cleo"], [trial.word()], [*ODD]):
            ask = _asked_of(trial, key, small)
            for member in small:
                for size in (11, 25, 101):
                    trial.expect(SMALL, small, ask(member, size))
        trial.put({})
        trial.expect(ABSENT, [], trial.call(key, "anna", 3))
        trial.expect_state(READER_WROTE, {})
        _expect_long_board(trial, key)
        _expect_ties(trial, key)
        _expect_one_moment(trial, key)
        expect_error_is_told(trial, (key, "bob", 3), key, lambda: _put_board(trial, key, ["anna", "bob", "cleo"]))


def _scores(board: list[str]) -> dict[str, float]:
    """Scores for a board that is written best first: its last member has 10, the one above 20, and so on."""
    return {member: 10.0 * (len(board) - rank) for rank, member in enumerate(board)}


def _put_board(trial: Trial, key: str, board: list[str]) -> None:
    trial.put({key: Ends(_scores(board), LIVES)})


def _asked_of(trial: Trial, key: str, board: list[str]) -> Callable[..., object]:
    """Puts the board, which ends, and gives what calls the learner's function on it.

    On a busy machine many calls may take longer than the board lives. So it is put anew before a call, in time.
    """
    put_at = 0.0

    def put() -> None:
        nonlocal put_at
        _put_board(trial, key, board)
        put_at = time.monotonic()

    def ask(*args: object) -> object:
        if time.monotonic() - put_at > RENEWED_AFTER:
            put()
        return trial.call(key, *args)

    put()
    return ask


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
        why = NOT_FULL
    elif isinstance(seen, list) and len(seen) > len(expected):
        why = TOO_LONG
    elif isinstance(seen, list) and member in expected:
        why = "the member is to stand in the middle of its page, or as near as the end of the board allows"
    raise Failed(why, expected, seen)


def _expect_long_board(trial: Trial, key: str) -> None:
    board = [f"customer:{number}" for number in range(trial.number(1200, 1500))]
    ask = _asked_of(trial, key, board)
    for rank, size in ((9, 3), (10, 5), (99, 7), (101, 101), (40, 101), (len(board) - 2, 101), (777, 1)):
        _expect_page(board, rank, size, ask(board[rank], size))


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
            return or_raised(NOT_ON_PAGE if absent else ONE_MOMENT)(run)

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
    outcome = trial.attempt(key, me, 3, between=beside(trial, lambda: trial.redis.zadd(key, {me: next(scores)})))
    others = [member for member in board if member != me]
    pages = [_page_of(moment, me, 3) for moment in (board, [me, *others], [*others, me])]
    if outcome.error is not None or outcome.value not in pages:
        raise Failed(AGAIN_AND_AGAIN, seen=outcome.value)


PAGE = Exercise(
    id="17.6",
    title="A full page around me",
    kind="stretch",
    question="""\
Write `page`. It returns a list of `size` members (an odd number), the best first, with `member` in the middle.

- At both ends of the board the page stays full, as in your turn 17.5.
- A board with fewer members is shown whole. Who is not on the board gets `[]`.
- The page shows the board of one single moment, whatever others do meanwhile.

The frame of a script is there. In place of the `...`, calculate the first position, and return the page. (Or write it
in another way.)""",
    stub='''\
def page(redis_conn, key, member, size):
    script = """
    local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
    if not rank then
      return {}
    end
    local size = tonumber(ARGV[2])
    local members = redis.call('ZCARD', KEYS[1])
    ...
    """
    return redis_conn.eval(script, 1, key, member, size)''',
    hints=(
        "It is the calculation of 17.5, in Lua. Begin with `local start = rank - math.floor(size / 2)`.",
        "A variable that is there already gets a new value without `local`: `start = math.min(start, members - size)`.",
        "`math.min` first and `math.max(start, 0)` last: on a small board `members - size` is below 0.",
        "The page is `redis.call('ZRANGE', KEYS[1], start, start + size - 1, 'REV')`: its last position belongs to it.",
    ),
    solution='''\
def page(redis_conn, key, member, size):
    script = """
    local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
    if not rank then
      return {}
    end
    local size = tonumber(ARGV[2])
    local members = redis.call('ZCARD', KEYS[1])
    local start = rank - math.floor(size / 2)
    start = math.min(start, members - size)
    start = math.max(start, 0)
    return redis.call('ZRANGE', KEYS[1], start, start + size - 1, 'REV')
    """
    return redis_conn.eval(script, 1, key, member, size)''',
    why="rank, size of the board and page come from one moment, and the page costs the same on a board of a million "
    "members. (Fetching the whole board with one ZRANGE is one moment too, and the wrong million names.)",
    check=_check_page,
)

EXERCISES = (BEST_THREE, SELL, RECORD, ROW_OF, PAGE_START, PAGE)

QUIZ = (
    Question(
        "A reading app counts the pages that each reader has read. Anna's phone and her tablet may report at the same "
        "moment: 30 more pages. What do you send?",
        (
            ("ZSCORE, and then ZADD with the sum", "The other device may write in between, and its pages are lost."),
            ("ZADD with GT and 30", "That keeps the larger number. A total has to grow by each report."),
            ("ZINCRBY with 30", "Redis reads, adds and writes in one command. Both reports are counted."),
        ),
        answer="c",
    ),
    Question(
        "Bruno deletes his account in a game. Nobody may see him on the board any more. What do you send?",
        (
            ("ZADD with the score 0", "He is still on the board, in the last row."),
            ("ZREM with his name", "ZREM takes the member off, and all who stood below move up by one."),
            ("ZADD with NX and the score 0", "NX writes newcomers only. Bruno stays, with his old score."),
        ),
        answer="b",
    ),
    Question(
        "A page shows my rank, my score and the number of members. All three must be of the same moment. What is "
        "enough?",
        (
            (
                "One pipeline, with its transaction",
                "No command needs the reply of another one, so MULTI and EXEC are enough. A script would do, too.",
            ),
            ("Three calls, one right after the other", "Others can write between any two of them."),
            ("Nothing: only a script can do it", "A script is needed only where a command needs an earlier reply."),
        ),
        answer="a",
    ),
    Question(
        "A board has two million members. A program shows the first twenty: it reads all with `zrange(key, 0, -1, "
        "desc=True)`, and takes `[:20]`. What is wrong?",
        (
            ("Nothing: the board is in order already", "It is. But all names are still collected and sent."),
            ("The order: `[:20]` takes the lowest twenty", "With `desc=True` the highest come first."),
            (
                "Redis collects two million names, and all clients wait",
                "Ask for what you show: `zrange(key, 0, 19, desc=True)` reads twenty.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A shop has 3,000 customers in PostgreSQL, with an index on their points. It shows the first ten. It does not "
        "use Redis yet. Should it, for this page?",
        (
            ("Yes: a database has to sort all rows first", "The index is in order already. Ten rows are ten rows."),
            ("No: the index has the first ten at hand", "Redis pays where places among very many members are asked."),
            ("Yes: only Redis can show a board of one moment", "One SELECT is of one moment, too."),
        ),
        answer="b",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="again-predict",
        text=(
            "The banana is on the board, with the score 3. Now `ZADD` puts it in with the score 1. How does the board "
            "show the banana?"
        ),
        code="""\
fruits = "cell-by-cell:review:fruits"
redis_conn.zadd(fruits, {"banana": 3, "apple": 5, "uva": 2})
redis_conn.zadd(fruits, {"banana": 1})
board = redis_conn.zrange(fruits, 0, -1, withscores=True)
print([row for row in board if row[0] == "banana"])""",
        options=(
            ("once, with the score 4", r"\[\('banana', 4\.0\)\]"),
            ("twice, with the scores 3 and 1", r"\[\('banana', 3\.0\), \('banana', 1\.0\)\]"),
            ("once, with the score 1", r"\[\('banana', 1\.0\)\]"),
        ),
        answer="c",
        why=(
            "A member is there only once. `ZADD` gives it the new score, as `SET` gives a key a new value, and puts it "
            "in its new place. Nothing is added up."
        ),
        needs=("ZADD",),
    ),
    Prediction(
        cell="edge-predict",
        text="anna leads: her rank is 0. The positions −1 to 1 are read. What does anna see?",
        code="""\
ranks = "cell-by-cell:review:ranks"
redis_conn.zadd(ranks, {"anna": 70, "bruno": 60, "carla": 50, "gil": 10})
rank = redis_conn.zrevrank(ranks, "anna")
print(redis_conn.zrange(ranks, rank - 1, rank + 1, desc=True))""",
        options=(
            ("an empty page", r"\[\]"),
            ("gil, anna, bruno", r"\['gil', 'anna', 'bruno'\]"),
            ("anna, bruno", r"\['anna', 'bruno'\]"),
        ),
        answer="a",
        why=(
            "From 6 to 1 there is nothing: the page ends before it begins. No error tells you, and only the leader "
            "sees it."
        ),
        needs=("ZADD", "ZREVRANK", "ZREVRANGE"),
    ),
)
