"""Lesson 07: totals, personal bests, places with ties, a page around one member."""

from itertools import islice

from redis_helpers.course.exercises.checker import Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Question

# 7.1


def _check_sell(trial: Trial) -> None:
    key, totals = trial.key("today"), {}
    sales = [("uva", 3), ("banana", 5), ("apple", 4), ("uva", 4), ("kiwi", 1), ("kiwi", 5), ("apple", 0.5)]
    for fruit, crates in sales:
        before, totals[fruit] = totals.get(fruit), totals.get(fruit, 0) + crates
        best = trial.call(key, fruit, crates)
        score = trial.redis.zscore(key, fruit)
        if before and score == crates:
            raise Failed(
                "the crates sold before are lost: ZADD sets a score anew, and ZINCRBY adds to it", totals[fruit], score
            )
        trial.expect_value("after a sale, the score is the fruit's total, and the other scores stay", key, totals)
        trial.expect(
            "return the names of the three best sellers, best first",
            [*islice(sorted(totals, key=lambda name: (totals[name], name), reverse=True), 3)],
            best,
        )
    trial.call_at_once([(key, "mango", 2)] * 8)
    sold = trial.redis.zscore(key, "mango")
    if sold != 16:
        raise Failed(
            "8 tills sold 2 crates each at the same moment, and some are lost: whoever reads the score, adds in "
            "Python and writes it back, writes over the others. ZINCRBY adds on the server",
            16.0,
            sold,
        )


SELL = Exercise(
    id="7.1",
    title="A till that counts",
    kind="blank",
    question="""\
`sell` adds the crates of one sale to the fruit's total, and returns the three best sellers. Many tills do so at
once. One line is missing in place of the `...`.""",
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

# 7.2


def _check_record(trial: Trial) -> None:
    key, best = trial.key("best"), {}
    orders = [("anna", 20), ("bob", 0), ("anna", 15), ("bob", 12), ("anna", 20), ("anna", 20.5), ("cleo", -3)]
    for customer, crates in orders:
        is_better = crates > best.get(customer, float("-inf"))
        best[customer] = max(crates, best.get(customer, crates))
        answer = trial.call(key, customer, crates)
        if trial.redis.zscore(key, customer) is None:
            raise Failed("a customer's first order is a best too, and was not stored: XX leaves newcomers out")
        trial.expect_value("the board must hold each customer's biggest order, no sum and no smaller one", key, best)
        _expect_answer(is_better, answer)

    for others, mine in ((30, 25), (18, 18)):
        trial.redis.zadd(key, {"dora": 10})
        scores = []  # what another till found before it stored a better order

        def another_till(others: int = others, scores: list = scores) -> None:
            scores.append(trial.redis.zscore(key, "dora"))
            trial.redis.zadd(key, {"dora": others})

        answer = trial.call(key, "dora", mine, between=another_till)
        stored = trial.redis.zscore(key, "dora")
        if scores and stored < others:
            raise Failed(
                "a better order is lost: between your look and your ZADD, another till stored it. Let ZADD compare "
                "on the server, with GT",
                float(others),
                stored,
            )
        if scores[:1] == [10.0] and answer is not False:
            raise Failed(
                "True for an order that was no new best: another till stored a better one, or as good a one, between "
                "your look and your ZADD. ZADD's own answer knows, with CH",
                False,
                answer,
            )


def _expect_answer(is_better: bool, answer: object) -> None:
    if answer is False and is_better:
        raise Failed(
            "this order was a new best. Without CH, ZADD counts only the members that it added, not the changed ones",
            True,
            False,
        )
    if answer is not is_better:
        raise Failed("return True for a new best, and otherwise False", is_better, answer)


RECORD = Exercise(
    id="7.2",
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

# 7.3


def _check_place(trial: Trial) -> None:
    key = trial.key("board")
    board = {"anna": 10, "bob": 10, "cleo": 7.5, "dora": 7.5, "emil": 7, "fritz": 0, "gina": -2}
    trial.redis.zadd(key, board)
    for member, expected in {"anna": 1, "bob": 1, "dora": 3, "cleo": 3, "emil": 5, "fritz": 6, "gina": 7}.items():
        seen = trial.call(key, member)
        trial.expect(_why_place(board, member, expected, seen), expected, seen)
    answer = trial.call(key, "nobody")
    trial.expect("who is not on the board has no place: return None", None, answer)
    high = {"hugo": 2**53, "ida": 2**53 - 1, "jan": 2**53 - 2}
    trial.redis.zadd(key, high)
    for expected, member in enumerate(high, 1):
        seen = trial.call(key, member)
        trial.expect("large scores count to the last digit: hand the score to ZCOUNT as it came", expected, seen)


def _why_place(board: dict[str, float], member: str, expected: int, seen: object) -> str:
    """The likeliest misunderstanding behind a wrong place."""
    if seen is None and board[member] == 0:
        return "0 is a score too: only a member that is not there has none. Compare with `is None`"
    if type(seen) is not int:
        return "return the place as a whole number"
    if seen == 0:
        return "places count from 1: nobody above means the first place"
    if member == "dora" and seen == 2:
        return "after two first places comes the third: count the members above, not the different scores"
    if member in ("anna", "bob", "cleo", "dora"):
        return (
            "equal scores share one place: count only those with a *higher* score, without the equal ones. ZREVRANK "
            "gives each its own rank, and a bound without ( takes the equal ones in"
        )
    return "the place is 1 + the number of members with a higher score, and a score need not be a whole number"


PLACE = Exercise(
    id="7.3",
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

# 7.4


def _check_page(trial: Trial) -> None:
    key = trial.key("board")
    board = [f"customer:{number}" for number in range(1, 10)]  # best first
    trial.redis.zadd(key, {member: 100 - 10 * rank for rank, member in enumerate(board)})
    for rank, size in ((4, 5), (4, 3), (0, 5), (1, 5), (8, 5), (7, 5), (8, 3), (0, 3), (3, 9), (4, 1)):
        seen = trial.call(key, board[rank], size)
        first = min(max(rank - size // 2, 0), len(board) - size)
        _expect_page(board[rank], board[first : first + size], seen, trial)
    small = trial.key("small")
    trial.redis.zadd(small, {"anna": 3, "bob": 2, "cleo": 1})
    for member in ("anna", "bob", "cleo"):
        seen = trial.call(small, member, 5)
        trial.expect("a board with fewer members than `size` is shown whole", ["anna", "bob", "cleo"], seen)
    answer = trial.call(key, "nobody", 3)
    trial.expect("who is not on the board gets an empty list", [], answer)

    scores = iter([0, 1000, 1] * 10)
    seen = trial.call(key, board[4], 3, between=lambda: trial.redis.zadd(key, {board[4]: next(scores)}))
    if not isinstance(seen, list) or board[4] not in seen:
        raise Failed(
            f"{board[4]} is not on its own page: between your commands its score changed, and the rank that you read "
            "was no longer true. One script does both on the server in one go",
            seen=seen,
        )
    after = trial.redis.zrange(key, 0, -1, desc=True)
    first = min(max(after.index(board[4]) - 1, 0), len(after) - 3)
    trial.expect("the page must show the board of one single moment", after[first : first + 3], seen)


def _expect_page(member: str, expected: list[str], seen: object, trial: Trial) -> None:
    if seen == [] or seen == ():
        why = (
            f"the page of {member} is empty: near the top, the first position falls below 0, and negative positions "
            "count from the end of the board"
        )
    elif isinstance(seen, list) and seen == expected[::-1] and len(expected) > 1:
        why = "the best comes first: ZRANGE counts from the lowest score unless it is told REV"
    elif isinstance(seen, list) and len(seen) < len(expected):
        why = f"the page of {member} is not full: at the ends of the board it slides inwards"
    elif isinstance(seen, list) and len(seen) > len(expected):
        why = "the page is too long: ZRANGE includes its last position"
    elif isinstance(seen, list) and len(seen) == len(expected) and member in expected:
        why = f"{member} stands in the middle of its page, or as near as the end of the board allows"
    else:
        why = "return the page as a list of members, best first"
    trial.expect(why, expected, seen)


PAGE = Exercise(
    id="7.4",
    title="A full page around me",
    kind="stretch",
    question="""\
Write `page(redis_conn, key, member, size)`: `size` members (an odd number), best first, this one in the middle. Near
an end of the board the page slides inwards and stays full; a smaller board is shown whole; who is not on it gets
`[]`. Whatever others do meanwhile, the member is on its own page.""",
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
