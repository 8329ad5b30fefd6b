"""Lesson 18: equal scores, the earliest of equals, what a score can hold, and days that become a week."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import cast

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.board_checks import ODD, READER_WROTE, expect_error_is_told, floats
from redis_helpers.course.lessons.common_checks import cures


@contextlib.contextmanager
def read_as(message: str, why: str) -> Iterator[None]:
    """Says what is wrong with the learner's code where Redis answers only with `message`."""
    try:
        yield
    except Crashed as crash:
        if message in str(crash.error):
            raise Failed(why, seen=Plain(f"the error of Redis: {message}")) from None
        raise


# 18.1

WITH_THE_EQUAL = "members with exactly this score were counted, too: only those with a higher score are wanted"
NOT_ABOVE = "the answer is not the number of members with a higher score"
NEXT_WHOLE = "a score need not be a whole number: 20.5 is above 20, and was not counted"
BAD_BOUND = "Redis cannot read a bound of your ZCOUNT as a number"


def _check_count_above(trial: Trial) -> None:
    key = trial.key("board")
    told = cures(
        {
            BAD_BOUND: 'Is the f before the quotes there? And one bracket only, before the number: `f"({score}"`.',
            NEXT_WHOLE: "`(` before the lower bound, and nothing added to the score.",
            WITH_THE_EQUAL: "`(` before the lower bound leaves the bound itself out.",
            NOT_ABOVE: "ZCOUNT: the key, the lower bound, the upper bound. No upper bound is written +inf.",
        }
    )
    with told, read_as("min or max is not a float", BAD_BOUND):
        top = trial.number(60, 90)
        board = floats({trial.word(): top, "bob": 20, "cleo": 20, "dora": 9, "emil": 0, "fritz": -3})
        board |= dict.fromkeys(ODD, 20.0)
        for score in (20, 9, top, 0, -3, 10, 100, -50, 19, 21):
            before = {key: Ends(board, 50)}
            trial.put(before)
            seen = trial.call(key, score)
            above = sum(other > score for other in board.values())
            equal = list(board.values()).count(score)
            trial.expect(WITH_THE_EQUAL if equal and seen == above + equal else NOT_ABOVE, above, seen)
            trial.expect_state(READER_WROTE, {key: Ends(board, 50, late=5)})
        trial.case("nobody is on the board, so nobody is above: the answer is 0", (key, 5), returns=0, after={})
        trial.case(NEXT_WHOLE, (key, 20), before={key: {"anna": 20.5, "bob": 20.0, "cleo": 30.0}}, returns=2)
        long_board = {f"customer:{number}": float(number) for number in range(trial.number(1200, 1500))}
        trial.case(NOT_ABOVE, (key, 99), before={key: long_board}, returns=len(long_board) - 100)
        expect_error_is_told(trial, (key, 5), key, lambda: trial.put({key: {"anna": 3.0}}))


COUNT_ABOVE = Exercise(
    id="18.1",
    title="How many are above?",
    kind="blank",
    question="""\
`count_above` returns how many members of the board `key` have a higher score than `score`. In place of the `...`,
write one call of `zcount`. The score is a number here, so the lower bound needs an f-string.""",
    stub="""\
def count_above(redis_conn, key, score):
    return ...""",
    hints=(
        '`zcount` wants the key, the lower bound and the upper bound. For more than 7, the lower bound was `"(7"`.',
        'With an f-string: `f"({score}"`. The upper bound is `"+inf"`.',
    ),
    solution="""\
def count_above(redis_conn, key, score):
    return redis_conn.zcount(key, f"({score}", "+inf")""",
    why="The bracket leaves out the score itself, so members with the same score do not count as above.",
    check=_check_count_above,
)

# 18.2

NOBODY = "who is not on the board has no place: a customer who never ordered is shown one"
BAD_SCORE = "Redis cannot read a bound of your ZCOUNT as a number: look at the score of this member first"
LAST_DIGIT = "two customers with different scores share a place: large scores count to the last digit"


def _check_place(trial: Trial) -> None:
    key = trial.key("board")
    told = cures(
        {
            NOBODY: "ZSCORE answers None for who is not there: return None then.",
            LAST_DIGIT: "Hand the score to ZCOUNT as it came, without rounding it.",
            EQUAL: "Count only those with a higher score: `(` before the bound leaves the equal ones out.",
            DENSE: "Count the members above, not the different scores.",
            FROM_BELOW: "Count those with a higher score: from `(` and the score, as the lower bound, up to `+inf`.",
            ZERO: "A member that is not there has None for a score, and 0 is not None.",
            BAD_SCORE: 'ZSCORE answers None for who is not there: return None then. Else the bound is `f"({score}"`.',
        }
    )
    with told, read_as("min or max is not a float", BAD_SCORE):
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
        expect_error_is_told(trial, (key, "bob"), key, lambda: trial.put({key: {"anna": 3.0, "bob": 2.0}}))


def _expect_places(trial: Trial, key: str, board: dict[str, float]) -> None:
    trial.put({key: Ends(floats(board), 600)})
    for member, score in board.items():
        expected = 1 + sum(other > score for other in board.values())
        seen = trial.call(key, member)
        trial.expect(_why_place(board, member, expected, seen), expected, seen)
    trial.expect_state(READER_WROTE, {key: Ends(floats(board), 600, late=550)})


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
FROM_BELOW = "the best customer is shown one of the last places: they were counted from the lowest score"
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
    if expected < seen <= expected + scores.count(board[member]) and float(board[member]).is_integer():
        return EQUAL
    below = sum(score < board[member] for score in scores)
    if not above and below < seen <= len(scores):
        return FROM_BELOW
    return "the place is 1 + the number of members with a higher score, and a score need not be a whole number"


PLACE = Exercise(
    id="18.2",
    title="Equal scores, one place",
    kind="write",
    question="""\
Write `place`: the competition place of a member, counted from 1. Equal scores share a place, and after two firsts comes
the third. Who is not on the board has no place: then it returns `None`. (`zscore` returns `None` then, too.)""",
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
    why="ZCOUNT finds the two bounds without looking at every member, so a place costs no more than a rank. (These are "
    "two commands. On a busy board, one script makes one step of them: the end of the lesson shows it.)",
    check=_check_place,
)

# 18.3

MORE_IS_HIGHER = "somebody with more crates stands below somebody with fewer: crates come first, whatever the second"
EARLIER_IS_HIGHER = "two customers ordered as many crates, and the later one stands higher"
TOO_LONG = "two customers ordered 1,000,000 crates, the later one stands higher, and for few crates it was right"
BEST_IS_KEPT = "a customer's best order is no longer what counts: a smaller or later one has replaced it"
SEASON = 7 * 86_400  # seconds in a week
MOST_CRATES = 1_000_000


def _check_keep_earliest(trial: Trial) -> None:
    key = trial.key("first")
    with cures(
        {
            MORE_IS_HIGHER: "The time needs six digits of its own, below the crates: 10 crates become 10,000,000.",
            EARLIER_IS_HIGHER: "Add what is left of the six digits: 999,999 minus the second.",
            TOO_LONG: "A score keeps 15 digits, and 1,000,000 crates have seven of them. How many does the time need?",
            BEST_IS_KEPT: "GT writes a score only if it is higher than the stored one.",
        }
    ):
        for orders in _weeks(trial):
            _expect_order(trial, key, orders)
        _expect_best_kept(trial, key)
        _expect_two_tills(trial, key)
        trial.put({})
        trial.call(key, "anna", 3, 4)
        made = trial.state()[key].value
        trial.put({key: Ends(made, 500)})
        trial.call(key, "bob", 5, 6)
        found = trial.state()
        if set(found) != {key} or not isinstance(found[key].value, dict) or len(found[key].value) != 2:
            raise Failed("the board must hold the customers and their scores, and no other key may be left")
        trial.expect_state("the board's end must stay as it was", {key: Ends(found[key].value, 500, late=5)})
        expect_error_is_told(trial, (key, "anna", 3, 4), key, lambda: trial.put({key: Ends(made, 500)}))


def _weeks(trial: Trial) -> list[list[tuple[str, int, int]]]:
    """Orders of one week: who, how many crates, in which second. Nobody orders twice, no two are equal in all."""
    early, late = trial.number(0, 40), trial.number(SEASON - 90, SEASON - 3)
    some = trial.number(5, 9)
    # Scores that are too long are rounded: of three in a row, two are equal then, and the later name comes first.
    in_a_row = [(name, MOST_CRATES, late + place) for place, name in enumerate(("anna", "bob", "zoe"))]
    return [
        [("anna", some, 5), ("zoe", some, 6)],
        [("zoe", some, 5), ("anna", some, 6)],
        [("anna", 10, late), ("zoe", 9, early), ("bob", 10, late - 1), ("cleo", 11, SEASON - 1), ("dora", 1, 0)],
        in_a_row,
        [("anna", MOST_CRATES - 1, 0), ("zoe", MOST_CRATES, SEASON - 1)],
        [("zoe", MOST_CRATES - 1, 0), ("anna", MOST_CRATES, SEASON - 1)],  # nor may the two scores be equal
        [(name, 7, 604_000 - 1_000 * place) for place, name in enumerate(ODD)],
        [(trial.word(), 1 + number % 3, 91 * number) for number in range(30)],
    ]


def _expect_order(trial: Trial, key: str, orders: list[tuple[str, int, int]]) -> None:
    trial.put({})
    for customer, crates, second in orders:
        trial.call(key, customer, crates, second)
    expected = sorted(orders, key=lambda order: (-order[1], order[2]))
    seen = trial.redis.zrange(key, 0, -1, desc=True)
    names = [customer for customer, _, _ in expected]
    if sorted(seen) != sorted(names):
        raise Failed("not everybody who ordered is on the board", names, seen)
    crates_of = {customer: crates for customer, crates, _ in orders}
    if [crates_of[name] for name in seen] != [crates for _, crates, _ in expected]:
        raise Failed(MORE_IS_HIGHER, Plain(_told(expected)), seen)
    if seen != names:
        raise Failed(TOO_LONG if orders[0][1] == MOST_CRATES else EARLIER_IS_HIGHER, Plain(_told(expected)), seen)


def _told(orders: list[tuple[str, int, int]]) -> str:
    return ", ".join(f"{name} ({crates} crates, second {second})" for name, crates, second in orders[:5])


def _expect_best_kept(trial: Trial, key: str) -> None:
    """Later orders of a customer who has ordered already, between two others who stand still."""
    few, best = trial.number(3, 5), trial.number(8, 12)
    for again in ((best, 900), (few, 900), (1, 0), (best - 1, 0)):
        trial.put({})
        for order in (("bob", best, 100), ("anna", best, 50), ("cleo", best, 700), ("dora", few, 20)):
            trial.call(key, *order)
        trial.call(key, "bob", *again)
        trial.expect(BEST_IS_KEPT, ["anna", "bob", "cleo", "dora"], trial.redis.zrange(key, 0, -1, desc=True))
    trial.call(key, "dora", best + 1, 950)
    why = "a customer's new order is bigger than all before, and the board does not show it"
    trial.expect(why, ["dora", "anna", "bob", "cleo"], trial.redis.zrange(key, 0, -1, desc=True))


def _expect_two_tills(trial: Trial, key: str) -> None:
    for first, second in (((9, 40), (12, 60)), ((9, 40), (9, 30))):
        trial.orders(
            "two programs stored orders of one customer at the same moment, and the better one is lost",
            {"program 1": (key, "anna", *first), "program 2": (key, "anna", *second)},
            before=lambda: trial.put({key: {"bob": 1.0}}),
            view=lambda: trial.redis.zscore(key, "anna"),
            allowed=lambda run, seen: False,
            cure="Let ZADD compare on the server, with GT.",
        )


KEEP_EARLIEST = Exercise(
    id="18.3",
    title="The earlier one wins",
    kind="change",
    question="""\
`keep_earliest` keeps each customer's biggest order of one week. Among equal orders, the earlier one must stand higher.
`second` counts from the beginning of the week: 0 to 604,799. Nobody orders more than 1,000,000 crates. Change the one
line.""",
    stub="""\
def keep_earliest(redis_conn, key, customer, crates, second):
    score = crates  # change this line
    redis_conn.zadd(key, {customer: score}, gt=True)""",
    hints=(
        "In the race of 100 seconds, the last two digits were for the time. How many digits does 604,799 have?",
        "Six digits: multiply the crates by 1,000,000.",
        "The earlier order must have the higher score. So add 999,999 minus the second.",
    ),
    solution="""\
def keep_earliest(redis_conn, key, customer, crates, second):
    score = crates * 1_000_000 + 999_999 - second
    redis_conn.zadd(key, {customer: score}, gt=True)""",
    why="1,000,000 crates need 13 digits in all, and a score keeps 15. An equal order that comes later has a lower "
    "score, so GT leaves the earlier one there. Two orders in the same second are equal again: the name decides.",
    check=_check_keep_earliest,
)

# 18.4

NOT_ADDED = "the customer's total is not what it was plus the new crates"
NOT_NOTED = "the hash does not say in which second the customer last ordered: the wrong one of two equals will win"
ONE_WITHOUT_OTHER = "the crates are on the board and their second is not in the hash, or the other way round"
TURNED = "ZINCRBY found no number where the crates should stand"
TWO_AT_ONCE = "two programs added at the same moment, and the total is not the sum of both"


def _check_add_and_note(trial: Trial) -> None:
    board, since = trial.key("board"), trial.key("since")
    anna = trial.word()
    told = cures(
        {
            TURNED: "The order of ZINCRBY is: key, crates, customer.",
            NOT_ADDED: "`pipe.zincrby(board, crates, customer)` adds. A pipeline sends nothing before execute().",
            NOT_NOTED: "The customer is the field, the second the value: `pipe.hset(since, customer, second)`.",
            ONE_WITHOUT_OTHER: "Both commands on `pipe`, none on `redis_conn`, and a pipeline that is a transaction.",
            TWO_AT_ONCE: "Do not read the total first. ZINCRBY adds on the server.",
        }
    )
    with told, read_as("value is not a valid float", TURNED):
        totals = {"bob": 15.0, "a b": 3.0}
        seconds = {"bob": "7", "a b": "1"}
        for ends in (False, True):
            for customer in (anna, "bob", *ODD):
                crates, second = trial.number(2, 40), trial.number(100, 600_000)
                trial.put(
                    {board: Ends(totals, 500), since: Ends(seconds, 500)} if ends else {board: totals, since: seconds}
                )
                trial.call(board, since, customer, crates, second)
                new_totals = totals | {customer: totals.get(customer, 0.0) + crates}
                new_seconds = seconds | {customer: str(second)}
                trial.expect_value(NOT_ADDED, board, new_totals)
                trial.expect_value(NOT_NOTED, since, new_seconds)
                state: dict[str, object] = {board: new_totals, since: new_seconds}
                trial.expect_state(
                    "the ends of the two keys must stay as they were",
                    {key: Ends(value, 500, late=5) for key, value in state.items()} if ends else state,
                )

        def before() -> None:
            trial.put({board: totals, since: seconds})

        args = (board, since, "bob", 5, 90)
        trial.put({})
        trial.call(*args)
        trial.expect_state(NOT_ADDED, {board: {"bob": 5.0}, since: {"bob": "90"}})
        trial.every_cut(ONE_WITHOUT_OTHER, args, before)
        trial.orders(
            TWO_AT_ONCE,
            {"program 1": args, "program 2": (board, since, "bob", 3, 90)},
            before=before,
        )
        looks: list[object] = []

        def nobody_has_looked() -> None:
            before()
            looks.clear()

        trial.every_gap(
            "for a moment, a total was there without its second: whoever looks then sees the wrong winner",
            args,
            before=nobody_has_looked,
            rivals={"somebody looks": lambda: looks.append(trial.state())},
            view=lambda: (trial.state(), list(looks)),
            cure="Both commands on `pipe`: MULTI and EXEC make one step of them.",
        )
        trial.every_error(args, before)


ADD_AND_NOTE = Exercise(
    id="18.4",
    title="The total, and its second",
    kind="blank",
    question="""\
`add_and_note` adds `crates` to the customer's total on `board`, and stores `second` in the hash `since`, under the
customer's name. The program may be killed at any moment: then both are done, or nothing. In place of the `...`, two
lines are missing.""",
    stub="""\
def add_and_note(redis_conn, board, since, customer, crates, second):
    with redis_conn.pipeline() as pipe:
        ...
        pipe.execute()""",
    hints=(
        "Which command adds to a score? Which one sets a field of a hash? Call both on `pipe`.",
        "ZINCRBY: key, crates, customer. HSET: key, customer, second.",
    ),
    solution="""\
def add_and_note(redis_conn, board, since, customer, crates, second):
    with redis_conn.pipeline() as pipe:
        pipe.zincrby(board, crates, customer)
        pipe.hset(since, customer, second)
        pipe.execute()""",
    why="One transaction: nobody sees a total without its second. (On a cluster, both keys need a part in braces that "
    "is the same: the end of the lesson is about that.)",
    check=_check_add_and_note,
)

# 18.5

NOT_THE_SUM = "the week does not show the sums of its days"
UNCUT = "the week holds more members than were to be kept: all of them are there"
NOT_CUT = "the week holds more members than were to be kept, or not the best ones"
NO_END = "the week never ends"
ALL_EMPTY = "there is no key to rename: a union of days that hold nothing makes no key"
HALF_BUILT = "the week is left without its end, or with too many members: nobody comes back to finish it"
SEEN_HALF = "for a moment, others could see a week that is not finished"


def _check_build_week(trial: Trial) -> None:
    week = trial.key("{w} week")
    days = [trial.key(f"{{w}} day {number}") for number in (1, 2, 3)]
    told = cures(
        {
            UNCUT: "`pipe.zremrangebyrank`, on `week` and after the union: before EXEC, there is nothing to cut.",
            NOT_CUT: "Counted from the lowest, `0` to `-keep - 1` is all but the best `keep`.",
            ALL_EMPTY: "ZUNIONSTORE straight into `week` needs no second key: an empty union deletes the week.",
            NO_END: "ZUNIONSTORE replaces the key with its TTL. So `pipe.expire` comes after it.",
            HALF_BUILT: "All three commands on `pipe`: MULTI and EXEC make one step of them.",
            SEEN_HALF: "All three commands on `pipe`: MULTI and EXEC make one step of them.",
        }
    )
    with told, read_as("no such key", ALL_EMPTY):
        full = _three_days(trial, days)
        ttl = trial.number(2000, 3500)
        old = {week: Ends({"nobody": 900.0, "anna": 1.0}, 700)}
        some_boards = (full, {days[1]: full[days[1]]}, {days[0]: full[days[0]], days[2]: full[days[2]]})
        for before in ({}, old, {week: {"eva": 5.0}}):
            for boards in some_boards:
                for keep in (3, 1, trial.number(4, 6), 100):
                    _expect_week(trial, week, days, {**before, **boards}, keep, ttl)
        trial.case(
            "no day holds anything, so the week must be empty, too: no key at all", (week, days, 3, ttl), old, after={}
        )
        _expect_one_step(trial, week, days, {**old, **full}, ttl)


def _three_days(trial: Trial, days: list[str]) -> dict[str, Ends]:
    """All sums are different, so that it is clear who is kept."""
    names = ["anna", trial.word(), *ODD, "bob"]
    boards: list[dict[str, float]] = [{}, {}, {}]
    for place, name in enumerate(names):
        total = 40 + 7 * place
        boards[place % 3][name] = float(total - 5)
        boards[(place + 1) % 3][name] = 5.0
    return {day: Ends(board, 5000) for day, board in zip(days, boards, strict=True)}


def _sums(boards: Mapping[str, object], days: list[str]) -> dict[str, float]:
    totals: dict[str, float] = {}
    for day in days:
        board = boards.get(day)
        scores = cast(dict[str, float], board.value) if isinstance(board, Ends) else {}
        for name, score in scores.items():
            totals[name] = totals.get(name, 0.0) + score
    return totals


def _best(totals: Mapping[str, float], keep: int) -> dict[str, float]:
    ranked = sorted(totals.items(), key=lambda row: (row[1], row[0].encode()), reverse=True)
    return dict(ranked[:keep])


def _expect_week(trial: Trial, week: str, days: list[str], before: Mapping[str, object], keep: int, ttl: int) -> None:
    trial.put(before)
    trial.call(week, days, keep, ttl)
    totals = _sums(before, days)
    found = trial.state().get(week)
    wanted = _best(totals, keep)
    if found is None:
        raise Failed("the days hold scores, and there is no week", wanted, Plain("no such key"))
    seen = found.value if isinstance(found.value, dict) else {}
    if set(seen) != set(wanted) and all(totals.get(name) == score for name, score in seen.items()):
        raise Failed(UNCUT if seen == totals else NOT_CUT, wanted, seen)
    trial.expect_value(NOT_THE_SUM, week, wanted)
    if found.left is None:
        raise Failed(NO_END, Plain(f"a TTL of {ttl} seconds"), Plain("no TTL"))
    left = {day: before.get(day) for day in days}
    expected = {day: Ends(board.value, 5000, late=60) for day, board in left.items() if isinstance(board, Ends)}
    trial.expect_state(
        "the week must live as long as the call says, and the days must stay as they are",
        {week: Ends(wanted, ttl), **expected},
    )


def _expect_one_step(trial: Trial, week: str, days: list[str], boards: Mapping[str, object], ttl: int) -> None:
    args = (week, days, 4, ttl)
    right = [({"nobody": 900.0, "anna": 1.0}, True), (_best(_sums(boards, days), 4), True)]
    looks: list[object] = []

    def before() -> None:
        trial.put(boards)
        looks.clear()

    def whole(left: object) -> bool:
        keys = cast(dict[str, tuple[object, bool]], left)
        return keys.get(week) in right and all(ends for key, (_, ends) in keys.items() if key != week)

    def look() -> None:
        found = trial.state().get(week)
        looks.append(found and (found.value, found.left is not None))

    def nothing_half(run: Run, seen: object) -> bool:
        return not any(outcome.error for outcome in run.outcomes) and looks[-1] in right

    trial.every_cut(HALF_BUILT, args, before, allowed=whole)
    rivals = {"somebody looks at the week": look}
    trial.every_gap(SEEN_HALF, args, before, rivals, view=lambda: list(looks), allowed=nothing_half)
    trial.every_error(args, before)


BUILD_WEEK = Exercise(
    id="18.5",
    title="A week in one step",
    kind="stretch",
    question="""\
`build_week` makes the board `week` out of the boards `days`, which is a list of keys. It keeps the best `keep` members
only, and the week ends after `ttl` seconds. Others look at the week all the time, and the program may be killed at any
moment: nobody may ever see a week with too many members, or one that never ends. In place of the `...`, two lines are
missing.""",
    stub="""\
def build_week(redis_conn, week, days, keep, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.zunionstore(week, days)
        ...
        pipe.execute()""",
    hints=(
        "One line cuts the week, one line gives it its end. Call both on `pipe`, after the union.",
        "To keep three, ZREMRANGEBYRANK removed from 0 to -4. What stands in place of -4 for `keep` members?",
        "`-keep - 1`. Then `pipe.expire(week, ttl)`.",
    ),
    solution="""\
def build_week(redis_conn, week, days, keep, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.zunionstore(week, days)
        pipe.zremrangebyrank(week, 0, -keep - 1)
        pipe.expire(week, ttl)
        pipe.execute()""",
    why="The week can be made again from its days at any time, so it may be cut. Union, cut and end are one step, and "
    "the days keep everybody.",
    check=_check_build_week,
)

EXERCISES = (COUNT_ABOVE, PLACE, KEEP_EARLIEST, ADD_AND_NOTE, BUILD_WEEK)

QUIZ = (
    Question(
        "A quiz show: Ben has 50 points, Ida, Jan and Kim have 48 each, Leo has 47. Which competition place has Leo?",
        (
            ("The third: two different scores are higher", "That counts scores. Four members are above him."),
            ("The fifth: four members have more", "1 + 4. Ida, Jan and Kim share the second place."),
            ("It depends on his name", "Names decide about the rank of equals. Nobody else has 47."),
        ),
        answer="b",
    ),
    Question(
        "A game keeps scores of up to 10,000,000 points. Behind them it writes the time in microseconds since 1970, "
        "which has 16 digits. What will players see?",
        (
            ("Redis refuses the score", "No error comes: the score is rounded to a number that exists."),
            ("All is right: Python's numbers have no limit", "Python's whole numbers have none. A score is a float."),
            (
                "Players with the same points, in the order of their names",
                "The score needs 23 digits and keeps 15. The time is lost, and equal scores stand by name.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A charity counts gifts. Each evening its board is cut to the best 20. Somebody gives 5 euros every day, and "
        "50 in all are enough for place 20. When is she on the morning's board?",
        (
            ("Never", "Each night she is cut away, and each day she begins at 0."),
            ("After ten days", "That would be so if her earlier gifts were still there."),
            (
                "On the first day",
                "Her 5 euros are less than the 50 that place 20 needs.",
            ),
        ),
        answer="a",
    ),
    Question(
        "`month` is built from its days by ZUNIONSTORE, and gets a TTL of one hour in the next command. The program is "
        "killed between the two. What do people see a week later, if nobody builds it again?",
        (
            ("Nothing: the month ended with its old TTL", "The union replaced the key, and its TTL with it."),
            ("The same month as on that day", "It has no TTL any more: it stays, and it is out of date."),
            ("A month that grows by itself", "A union is made once. Later writes to the days do not reach it."),
        ),
        answer="b",
    ),
    Question(
        "On a cluster, ZUNIONSTORE of `sales:{mon}`, `sales:{tue}` into `sales:{week}` is refused. Which names work?",
        (
            ("`sales:mon`, `sales:tue`, `sales:week`", "Without braces, the whole name decides: three slots again."),
            ("`{sales:mon}`, `{sales:tue}`, `{sales:week}`", "What stands in the braces is different each time."),
            ("`{sales}:mon`, `{sales}:tue`, `{sales}:week`", "The same text in braces: one slot, one server."),
        ),
        answer="c",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="tie-predict",
        text=(
            "All three have ordered ten crates. `ZREVRANK` gives a member's rank, counted from the top. What are the "
            "ranks of anna, bob and cleo?"
        ),
        code="""\
today = "cell-by-cell:review:today"
redis_conn.zadd(today, {"anna": 10, "bob": 10, "cleo": 10})
names = ["anna", "bob", "cleo"]
print([redis_conn.zrevrank(today, name) for name in names])""",
        options=(
            ("0, 0, 0", r"\[0, 0, 0\]"),
            ("0, 1, 2", r"\[0, 1, 2\]"),
            ("2, 1, 0", r"\[2, 1, 0\]"),
        ),
        answer="c",
        why=(
            "From the top, the order of names is turned round, too. All three ordered ten crates, and cleo is shown as "
            "number one because of her name."
        ),
        needs=("ZADD", "ZREVRANK"),
    ),
    Prediction(
        cell="drop-predict",
        text=(
            "The days of a week are added up, and the week has a TTL of 3600 seconds. Now it is built again, because "
            "new orders have come. What is its TTL?"
        ),
        code="""\
monday = "cell-by-cell:review:monday"
week = "cell-by-cell:review:week"
redis_conn.zadd(monday, {"anna": 10})
redis_conn.zunionstore(week, [monday])
redis_conn.expire(week, 3600)
redis_conn.zunionstore(week, [monday])
print("TTL:", redis_conn.ttl(week))""",
        options=(
            ("about 3600: the clock runs on", "TTL: 3[56].."),
            ("−1: it never ends", "TTL: -1"),
            ("eight days, as the days have", "TTL: 691200"),
        ),
        answer="b",
        why="As a plain `SET`, `ZUNIONSTORE` **replaces** the whole key, with its TTL.",
        needs=("ZADD", "ZUNIONSTORE"),
    ),
)
