"""Lesson 06: the first scripts. Adding, comparing, a missing key, a guarded change, a clock, a whole basket."""

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Crashed, Exercise, Failed, Prediction, Question
from redis_helpers.course.exercises.schedules import Run
from redis_helpers.course.exercises.state import Ends

# 6.1


def _expect_added(trial: Trial, key: str, before: object, number: int, total: int) -> None:
    left = Ends(str(total), before.seconds) if isinstance(before, Ends) else str(total)
    trial.put({key: before})
    answer = trial.call(key, number)
    trial.expect_state("the stock must say how many crates there are now", {key: left})
    trial.expect("the answer is the new number in stock, as a whole number", total, answer)


def _check_add(trial: Trial) -> None:
    key, there, number = trial.key("stock"), trial.number(20, 60), trial.number(3, 9)
    _expect_added(trial, key, str(there), number, there + number)
    _expect_added(trial, key, Ends(str(there), 300), 1, there + 1)
    _expect_added(trial, key, None, number, number)
    trial.orders(
        "two deliveries at once: the crates of one were lost between two of your commands",
        {"delivery A": (key, number), "delivery B": (key, 10)},
        before=lambda: trial.put({key: str(there)}),
    )
    trial.every_error((key, number), before=lambda: trial.put({key: str(there)}))


ADD_CRATES = Exercise(
    id="6.1",
    title="A script that adds",
    kind="change",
    question="""\
New crates have arrived. `add_crates` must add `number` to the stock, and return the new stock. But its script only
reads. Change the one line. (`INCRBY key number` adds, as in lesson 01.)""",
    stub="""\
def add_crates(redis_conn, key, number):
    script = "return redis.call('GET', KEYS[1])"  # change this line
    return redis_conn.eval(script, 1, key, number)""",
    hints=(
        "`INCRBY` adds, and its reply is the new number: `return` it.",
        "`redis.call` takes the command first, then each of its arguments, with commas.",
        "The key is `KEYS[1]`. The number comes as `ARGV[1]`.",
    ),
    solution="""\
def add_crates(redis_conn, key, number):
    script = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
    return redis_conn.eval(script, 1, key, number)""",
    why="the script's reply is the reply of INCRBY: the new number. (For one command alone you need no script.)",
    check=_check_add,
)

# 6.2


def _check_is_more(trial: Trial) -> None:
    low = trial.number(2, 9)
    pairs = [(low, low + 90), (low + 90, low), (9, 10), (10, 9), (100, 99), (99, 100), (312, 1950), (1950, 312)]
    same = trial.number(11, 99)
    pairs += [(same, same), (0, 5), (5, 0), (300, 298), (195, 312)]
    for first, second in pairs:
        answer = trial.call(first, second)
        if type(answer) is not bool:
            raise Failed("the answer is True or False", first > second, answer)
        if answer is not (first > second):
            wrong = "the answer is wrong for these two numbers"
            if first == second:
                wrong = "two equal numbers: neither is more"
            elif (str(first) > str(second)) is answer:
                wrong += ": are they compared as texts?"
            elif answer is False:
                wrong += (
                    ": does your script return the text `true`? (Each number needs a `tonumber` of its own. `tostring` "
                    "stands around the whole comparison)"
                )
            raise Failed(
                wrong,
                Plain(f"{first > second} for {first} and {second}"),
                answer,
            )
        trial.expect_state("nothing is to be stored", {})
        if not trial.commands:
            raise Failed("Python compared the numbers, not your script: this turn is about the comparison in Lua")
    trial.every_error((10, 9), before=lambda: None)


IS_MORE = Exercise(
    id="6.2",
    title="Numbers, not texts",
    kind="change",
    question="""\
`is_more(redis_conn, 10, 9)` says `False`, because its script compares texts. Change the one line, so that it compares
numbers.""",
    stub="""\
def is_more(redis_conn, first, second):
    script = "return tostring(ARGV[1] > ARGV[2])"  # change this line
    return redis_conn.eval(script, 0, first, second) == "true\"""",
    hints=(
        "`tonumber` turns a text into a number.",
        "Both sides of `>` must become numbers. If only one does, Lua refuses to compare.",
    ),
    solution="""\
def is_more(redis_conn, first, second):
    script = "return tostring(tonumber(ARGV[1]) > tonumber(ARGV[2]))"
    return redis_conn.eval(script, 0, first, second) == "true\"""",
    why="everything in ARGV is text, also what was a number in Python.",
    check=_check_is_more,
)

# 6.3


def _check_stock_of(trial: Trial) -> None:
    key, there = trial.key("stock"), trial.number(10, 60)
    for before, stock in ((str(there), there), (Ends(str(there), 300), there), ("0", 0), ("7", 7), (None, 0)):
        trial.put({key: before})
        answer = trial.call(key)
        changed = "your function is only to look: nothing in Redis may change, and no key may be created"
        trial.expect_state(changed, {key: before})
        trial.expect(
            "there is no such key, so nobody can sell a crate: the answer is 0"
            if before is None
            else "the answer is the stock, as a whole number",
            stock,
            answer,
        )
    trial.every_gap(
        "the stock was sold out and deleted between two of your commands, and the answer is no number that was true",
        (key,),
        before=lambda: trial.put({key: str(there)}),
        rivals={"the key is deleted": lambda: trial.redis.delete(key)},
    )
    trial.every_error((key,), before=lambda: trial.put({key: str(there)}))


STOCK_OF = Exercise(
    id="6.3",
    title="No key, no crates",
    kind="change",
    question="""\
`stock_of` returns the number in stock. For a missing key it returns `None`, because `tonumber` makes `nil` of `false`.
It must return 0. Change the one line. The script must not create the key.""",
    stub="""\
def stock_of(redis_conn, key):
    script = "return tonumber(redis.call('GET', KEYS[1]))"  # change this line
    return redis_conn.eval(script, 1, key)""",
    hints=(
        "In Lua, the reply of GET for a missing key is `false`.",
        "`or` takes what is on its right when what is on its left is `false`.",
        "It belongs inside the brackets of `tonumber`, behind the bracket that closes `redis.call`.",
    ),
    solution="""\
def stock_of(redis_conn, key):
    script = "return tonumber(redis.call('GET', KEYS[1]) or '0')"
    return redis_conn.eval(script, 1, key)""",
    why="`false or '0'` is '0'. A stock of '0' is a text, and every text counts as true: it stays what it is. (`or 0` "
    "at the end is right, too: `nil or 0` is 0.)",
    check=_check_stock_of,
)

# 6.4


def _check_replace_price(trial: Trial) -> None:
    key, price, new = trial.key("price"), trial.number(200, 400), trial.number(401, 900)
    _expect_replaced(trial, key, str(price), (price, new), True)
    _expect_replaced(trial, key, Ends(str(price), 300), (price, new), True)
    _expect_replaced(trial, key, str(price + 1), (price, new), False)
    _expect_replaced(trial, key, Ends("9", 300), (10, 11), False)
    _expect_replaced(trial, key, str(new), (price, new), False)
    _expect_replaced(trial, key, None, (price, new), False)

    def why(run: Run) -> str:
        if [outcome.value for outcome in run.outcomes] == [True, True]:
            return "two people replaced the same old price, and both were told True: one price was lost"
        return "two people at once: what came out is not what comes out when one goes after the other"

    callers = {"person A": (key, price, new), "person B": (key, price, new + 5)}
    trial.orders(why, callers, before=lambda: trial.put({key: str(price)}))
    trial.every_gap(
        "the price ended between two of your commands, and your function wrote one that never ends",
        (key, price, new),
        before=lambda: trial.put({key: Ends(str(price), 300)}),
        rivals={"the price ends": lambda: trial.redis.delete(key)},
    )
    trial.every_gap(
        "it was still the old price, and another program only gave it more time: replace it, and return True",
        (key, price, new),
        before=lambda: trial.put({key: Ends(str(price), 300)}),
        rivals={"another program gives it more time": lambda: trial.redis.expire(key, 600)},
    )
    trial.every_cut(
        "the price is half changed", (key, price, new), before=lambda: trial.put({key: Ends(str(price), 300)})
    )
    trial.every_error((key, price, new), before=lambda: trial.put({key: str(price)}))


def _expect_replaced(trial: Trial, key: str, before: object, prices: tuple[int, int], replaced: bool) -> None:
    old, new = prices
    after = before
    if replaced:
        after = Ends(str(new), before.seconds) if isinstance(before, Ends) else str(new)
    trial.put({key: before})
    answer = trial.call(key, old, new)
    if replaced:
        wrong = "it was still the old price, so the new one is to be stored, and the TTL is to stay"
        if answer is False:
            wrong += (
                ". Your function found another price: does it compare what GET gives, a text, with `ARGV[1]`, and "
                "return 0 only when they differ?"
            )
        trial.expect_state(wrong, {key: after})
        trial.expect("the price was replaced: the answer is True", True, answer)
    else:
        nothing = "there is no price, so there is nothing to replace" if before is None else "it was another price"
        trial.expect_state(f"{nothing}: everything stays as it was", {key: after})
        trial.expect(f"{nothing}: the answer is False", False, answer)


REPLACE_PRICE = Exercise(
    id="6.4",
    title="Only if nobody was faster",
    kind="blank",
    question="""\
Two people correct the same price. `replace_price` must write `new` only if the price is still `old`. Then it returns
`True`. Otherwise it changes nothing and returns `False`. Put the condition in place of the `...`.""",
    stub='''\
def replace_price(redis_conn, key, old, new):
    script = """
    if ... then  -- it is not the old price
      return 0
    end
    redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
    return 1
    """
    return redis_conn.eval(script, 1, key, old, new) == 1''',
    hints=(
        "`redis.call('GET', KEYS[1])` gives the price that is there now.",
        "`old` is the first of the arguments that are no keys: `ARGV[1]`.",
        "The two must differ for `return 0`: compare them with `~=`. Both are text, so no `tonumber` is needed.",
    ),
    solution='''\
def replace_price(redis_conn, key, old, new):
    script = """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then
      return 0
    end
    redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
    return 1
    """
    return redis_conn.eval(script, 1, key, old, new) == 1''',
    why="look and change are one step. A missing key gives false, which equals no text: so nothing is written.",
    check=_check_replace_price,
)

# 6.5

DAY = 24 * 3600


def _check_is_open(trial: Trial) -> None:
    key = trial.key("offer")
    then = 1_700_000_000 + trial.number(0, 300) * DAY
    never = "there is no such offer: the answer is False"
    for now, ends, is_open in (
        (then, then + 100, True),
        (then, then - 100, False),
        (then, then, False),
        (then, 999_999_999, False),
        (then, then + 1, True),
        (4_000_000_000, 4_000_000_100, True),
        (4_000_000_000, 3_999_999_900, False),
        (then, None, False),
    ):
        before = {key: None if ends is None else str(ends)}
        trial.put(before)
        outcome = trial.attempt(key, now=now * 1_000_000)
        if outcome.error is not None:
            raise Crashed(outcome.error)
        trial.expect_state("your function is only to look: nothing in Redis may change", before)
        if ends is None:
            trial.expect(never, is_open, outcome.value)
        elif type(outcome.value) is not bool:
            raise Failed("the answer is True or False", is_open, outcome.value)
        elif outcome.value is not is_open:
            raise Failed(
                "on the clock of Redis the offer is "
                + (f"open for {ends - now} seconds" if is_open else "over")
                + ". Look at whose clock you ask, and at whether you compare numbers",
                is_open,
                outcome.value,
            )
    trial.every_error((key,), before=lambda: trial.put({key: str(then)}))


IS_OPEN = Exercise(
    id="6.5",
    title="The clock of Redis",
    kind="change",
    question="""\
`is_open` says whether an offer is still open: `key` holds the Unix time at which it ends. It uses the clock of the
program that calls it. Change the line, so that it uses the clock of Redis. (You need not
change the call: your script does not look at the time that the call sends.)""",
    stub='''\
import time


def is_open(redis_conn, key):
    script = """
    local now = tonumber(ARGV[1])  -- change this line
    local ends = tonumber(redis.call('GET', KEYS[1]) or '0')
    return tostring(now < ends)
    """
    return redis_conn.eval(script, 1, key, time.time()) == "true"''',
    hints=(
        "`redis.call('TIME')` gives a list of two texts: the seconds, and the microseconds.",
        "You need only the seconds. They stand first in the list, and lists begin at 1.",
    ),
    solution='''\
def is_open(redis_conn, key):
    script = """
    local now = tonumber(redis.call('TIME')[1])
    local ends = tonumber(redis.call('GET', KEYS[1]) or '0')
    return tostring(now < ends)
    """
    return redis_conn.eval(script, 1, key) == "true"''',
    why="all programs ask one clock, so they all get the same answer.",
    check=_check_is_open,
)

# 6.6


def _check_take_basket(trial: Trial) -> None:
    keys = [trial.key("stock-1"), trial.key("stock-2"), trial.key("stock-3")]
    there, some = trial.number(20, 60), trial.number(3, 9)
    _expect_basket(trial, keys, (there, there, there), (there, there, there), True)
    enough = ((there, there, 100), (some, there, 9))
    _expect_basket(trial, keys, *enough, True)
    _expect_basket(trial, keys, (some, 1, 10), (some, 1, 9), True)
    _expect_basket(trial, keys[:1], (there,), (10,), True)
    _expect_basket(trial, keys[:2], (100, some), (20, 1), True)
    for short in range(3):
        stock, wanted = [there, there, there], [some, some, some]
        stock[short] = some - 1
        _expect_basket(trial, keys, tuple(stock), tuple(wanted), False)
        stock[short] = 0
        _expect_basket(trial, keys, tuple(stock), tuple(wanted), False)
        stock[short], wanted[short] = 9, 10  # as texts, "9" is more
        _expect_basket(trial, keys, tuple(stock), tuple(wanted), False)
        _expect_basket(trial, keys, tuple(None if place == short else 5 for place in range(3)), (1, 1, 1), False)
    _expect_nothing_taken_in_between(trial, keys[:2])

    def begin() -> None:
        trial.put({keys[0]: "20", keys[1]: "20"})

    trial.every_cut(
        "the customer paid nothing, and crates are gone: one fruit was taken, and the other not",
        (keys[:2], [some, 2]),
        before=begin,
    )
    trial.every_error((keys[:2], [some, 2]), before=begin)
    _expect_refusal(trial, keys[:2])


def _expect_basket(trial: Trial, keys: list[str], stock: tuple, wanted: tuple, sold: bool) -> None:
    for ends in (False, True):
        before, after = {}, {}
        for key, there, crates in zip(keys, stock, wanted, strict=True):
            left = there - crates if sold else there
            before[key] = _text(there, ends)
            after[key] = _text(left, ends)
        trial.put(before)
        answer = trial.call([*keys], [*wanted])
        shown = Plain(f"{sold}, for {list(wanted)} with {[there or 0 for there in stock]} in stock")
        if type(answer) is not bool:
            raise Failed("the answer is True or False", shown, answer)
        if answer is not sold:
            why = "there was not enough of one fruit, and the customer is not told so"
            if sold:
                just = "just " if stock == wanted else ""
                why = f"there was {just}enough of each fruit, and the customer got nothing"
            as_texts = all(str(have or 0) >= str(crates) for have, crates in zip(stock, wanted, strict=True))
            if as_texts is answer:
                why += ": are the numbers compared as texts?"
            raise Failed(why, shown, answer)
        trial.expect_state(
            "each stock must say what is left after the sale" if sold else "nothing was sold, and a stock has changed",
            after,
        )


def _text(crates: int | None, ends: bool) -> object:
    if crates is None:
        return None
    return Ends(str(crates), 300) if ends else str(crates)


def _expect_nothing_taken_in_between(trial: Trial, keys: list[str]) -> None:
    def why(run: Run) -> str:
        if [outcome.value for outcome in run.outcomes] == [True, True]:
            return "two customers bought the last crates of one fruit: both looked before either took"
        return "two customers at once: what came out is not what comes out when one buys after the other"

    callers = {"customer A": ([*keys], [2, 3]), "customer B": ([*keys], [2, 3])}
    trial.orders(why, callers, before=lambda: trial.put({keys[0]: "9", keys[1]: "4"}))
    trial.orders(
        "two customers bought at once, there was enough for both, and one of them was told that there is not",
        callers,
        before=lambda: trial.put({keys[0]: "9", keys[1]: "7"}),
        cure="When somebody came in between, look again: there may still be enough.",
    )
    seen: list[list[str | None]] = []

    def looks() -> None:
        seen.append(trial.redis.mget(keys))

    trial.every_gap(
        "there was not enough of one fruit. For a moment crates of another were gone, and another customer saw that",
        (keys, [2, 3]),
        before=lambda: (seen.clear(), trial.put({keys[0]: "9", keys[1]: "2"})),
        rivals={"another customer looks": looks},
        view=lambda: (trial.state(), list(seen)),
    )


def _expect_refusal(trial: Trial, keys: list[str]) -> None:
    """The second key holds something else: the caller must learn of it, and nothing may be taken before."""
    before = {keys[0]: "20", keys[1]: ["a list"]}
    trial.put(before)
    outcome = trial.attempt([*keys], [2, 3])
    if outcome.error is None and outcome.value is not False:
        raise Failed("the second key holds no number, and your function sold it", Plain("an error"), outcome.value)
    trial.expect_state("the second key holds no number: an error came, and the first stock was reduced before", before)


TAKE_BASKET = Exercise(
    id="6.6",
    title="The whole basket or nothing",
    kind="write",
    question="""\
Write `take_basket`. `keys` is a list of stocks, `crates` says how many to take from each: with
`take_basket(redis_conn, ["stock:banana", "stock:apple"], [2, 3])`, 2 crates of banana and 3 of apple.

- If there is enough of every fruit, take all of them and return `True`.
- Otherwise take **nothing**, and return `False`. At no moment may others see that something was taken.
- A stock without a key is 0. No key stands twice in `keys`.

Many customers buy at the same time, and any program may be killed. (The script can be called with
`redis_conn.eval(script, len(keys), *keys, *crates)`: first all keys, then all numbers.)""",
    stub="""\
def take_basket(redis_conn, keys, crates):
    # your code here
    ...""",
    hints=(
        "Look at all stocks first, take afterwards. So you need two loops, one after the other.",
        "Both loops begin `for number = 1, #KEYS do`. The key is `KEYS[number]`, the crates are `ARGV[number]`.",
        "First loop: GET, `or '0'`, `tonumber` on both sides, and `return 0` if one has less than is wanted.",
        "Second loop: DECRBY. After it, `return 1`. In Python, compare the reply with 1.",
    ),
    solution='''\
def take_basket(redis_conn, keys, crates):
    script = """
    for number = 1, #KEYS do
      local stock = redis.call('GET', KEYS[number]) or '0'
      if tonumber(stock) < tonumber(ARGV[number]) then
        return 0
      end
    end
    for number = 1, #KEYS do
      redis.call('DECRBY', KEYS[number], ARGV[number])
    end
    return 1
    """
    return redis_conn.eval(script, len(keys), *keys, *crates) == 1''',
    why="the first loop only looks, so `return 0` leaves nothing half done. Nobody comes between the two loops. (If "
    "the reply is lost, the crates are taken and the caller does not know: lesson 08.)",
    check=_check_take_basket,
)

EXERCISES = (ADD_CRATES, IS_MORE, STOCK_OF, REPLACE_PRICE, IS_OPEN, TAKE_BASKET)

QUIZ = (
    Question(
        "A concert has 200 tickets. Before a ticket is sold, the program has to look whether one is left, and two "
        "hundred people buy in the same second. What fits?",
        (
            ("A pipeline with `GET` and `DECRBY`", "Its replies come after `EXEC`. Nobody can look in between."),
            (
                "`GET` in Python, and `DECRBY` if the number is above 0",
                "Between the two commands another buyer comes: tickets are sold twice.",
            ),
            (
                "A script that looks and takes",
                "Look and change are one step, and nobody has to try again, as they would with WATCH.",
            ),
        ),
        "c",
    ),
    Question(
        "A script has two steps: it writes a log-in into a list, and then adds 1 to a counter. By mistake, the counter "
        "holds the text `many`. What is in Redis after the error?",
        (
            ("The log-in, and the counter as it was", "What the script did before its error stays."),
            ("Neither: the script was undone", "Redis undoes nothing, in a script as little as in a transaction."),
            ("The log-in, and a counter that says 1", "`INCR` refuses a text that is no number, and changes nothing."),
        ),
        "a",
    ),
    Question(
        "`if redis.call('GET', KEYS[1]) < ARGV[1] then` compares two ages. The key holds 8, and ARGV[1] is 12. What "
        "happens?",
        (
            ("The condition is true, as 8 is less than 12", "That would be true of two numbers."),
            ("The condition is false", "Both are texts, and '8' comes after '1'. `tonumber` is missing, twice."),
            ("An error: texts cannot be compared", "Two texts can. Only a text and a number cannot."),
        ),
        "b",
    ),
    Question(
        "A registered script has run for weeks. Last night Redis was started again. What happens at the next call "
        "of `vote(keys=[poll], args=[1])`?",
        (
            (
                "An error: the program must register it again",
                "`evalsha` by hand would fail like that. A registered script sends its text again.",
            ),
            ("Nothing is counted, and nobody notices", "Redis answers NOSCRIPT. It does not stay silent."),
            (
                "It works, with two more messages to Redis",
                "NOSCRIPT, then the text is sent, then the call is repeated.",
            ),
        ),
        "c",
    ),
    Question(
        "Two shops run the same program. The clock of one computer is five minutes slow. A script gets "
        "`time.time()` as ARGV[1], and closes a sale at 18:00. What happens?",
        (
            ("The slow shop sells until 18:05", "Each computer sends its own time. Ask `TIME` in the script."),
            ("Both close at 18:00, as Redis compares", "It compares with what it is given: two different times."),
            ("Redis refuses times that differ", "It cannot know: to Redis, ARGV is only text."),
        ),
        "a",
    ),
)

PREDICTIONS = (
    Prediction(
        cell="argv-predict",
        text=(
            "Three words follow the number 1: a key, `second` and `third`. The script returns `ARGV[1]`. Which word is "
            "it?"
        ),
        code="""\
script = "return ARGV[1]"
first = "cell-by-cell:review:first"
word = redis_conn.eval(script, 1, first, "second", "third")
print("ARGV[1] is", word)""",
        options=(
            ("`cell-by-cell:review:first`", r"ARGV\[1\] is cell-by-cell:.*"),
            ("`second`", r"ARGV\[1\] is second"),
            ("`third`", r"ARGV\[1\] is third"),
        ),
        answer="b",
        why="The first word is a key, so `ARGV` holds the other two. In Lua, a list begins at 1, not at 0.",
        needs=("EVAL",),
    ),
    Prediction(
        cell="text-predict",
        text="The script compares `ARGV[1]` and `ARGV[2]`, and Python sends 9 and 10. Is 9 more than 10?",
        code="""\
script = "return tostring(ARGV[1] > ARGV[2])"
print("9 > 10 is", redis_conn.eval(script, 0, 9, 10))""",
        options=(
            ("`true`", "9 > 10 is true"),
            ("`false`", "9 > 10 is false"),
            ("an error: two texts cannot be compared", r"\w+Error: .*"),
        ),
        answer="a",
        why=(
            "Texts are compared letter by letter, as in a dictionary of words. `9` comes after `1`, and the rest is "
            "not looked at."
        ),
        needs=("EVAL",),
    ),
    Prediction(
        cell="cut-predict",
        text="A script returns `3.99`. What does Python get?",
        code="""\
print("Python gets", redis_conn.eval("return 3.99", 0))""",
        options=(
            ("3.99", r"Python gets 3\.99"),
            ("4", "Python gets 4"),
            ("3", "Python gets 3"),
        ),
        answer="c",
        why="A number goes back as a whole number. What stands behind the point is cut off, without a word.",
        needs=("EVAL",),
    ),
    Prediction(
        cell="zero-predict",
        text="The key is there, and holds `0`. What does the script return?",
        code="""\
stock = "cell-by-cell:review:stock"
redis_conn.set(stock, 0)
script = "return tonumber(redis.call('GET', KEYS[1])) or 'sold out'"
print("the script returns", redis_conn.eval(script, 1, stock))""",
        options=(
            ("`sold out`", "the script returns sold out"),
            ("0", "the script returns 0"),
            ("an error", r"\w+Error: .*"),
        ),
        answer="b",
        why="In Lua, 0 counts as true, and so does an empty text. Only `false` and `nil` count as false.",
        needs=("EVAL",),
    ),
    Prediction(
        cell="loop-predict",
        text="The script adds up `number` in the loop `for number = 1, 3 do`. What does it return?",
        code='''\
ADD_UP = """
local total = 0
for number = 1, 3 do
  total = total + number
end
return total
"""
print("the script returns", redis_conn.eval(ADD_UP, 0))''',
        options=(
            ("3: the loop runs for 1 and 2", "the script returns 3"),
            ("6: it runs for 1, 2 and 3", "the script returns 6"),
            ("4: it runs for 1 and 3", "the script returns 4"),
        ),
        answer="b",
        why="The last number belongs to the loop. In Python, `range(1, 3)` ends before 3.",
        needs=("EVAL",),
    ),
    Prediction(
        cell="undone-predict",
        text=(
            "There are 5 crates in stock. By mistake, somebody has stored the text `closed` in the key for the sales. "
            "The script takes a crate, and then its `INCR` fails. What is the stock then?"
        ),
        code='''\
import redis

stock = "cell-by-cell:review:stock"
sales = "cell-by-cell:review:sales"
redis_conn.mset({stock: 5, sales: "closed"})
SELL = """
redis.call('DECR', KEYS[1])
redis.call('INCR', KEYS[2])
"""
try:
    redis_conn.eval(SELL, 2, stock, sales)
except redis.ResponseError:
    print("INCR has failed")
print("in stock:", redis_conn.get(stock))''',
        options=(
            ("5: the script is undone", "in stock: 5"),
            ("4: the crate is taken", "in stock: 4"),
        ),
        answer="b",
        why="A script is one step, but nothing is undone. It stops at its error, and what it has written stays.",
        needs=("EVAL", "DECR"),
    ),
)
