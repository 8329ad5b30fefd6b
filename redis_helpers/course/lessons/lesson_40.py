"""Lesson 40: keys that lie together on a cluster, many keys in few round trips, scripts and names across slots."""

from collections.abc import Iterable

from redis.crc import key_slot

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Question
from redis_helpers.course.exercises.named_keys import keys_of
from redis_helpers.course.exercises.state import Ends
from redis_helpers.course.lessons.common_checks import cures, or_raised

SCRIPTS = ("EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO")


def _slots(keys: Iterable[str]) -> set[int]:
    return {key_slot(key.encode()) for key in keys}


def _expect_one_slot(trial: Trial, why: str) -> None:
    """Each command of the last call, and each transaction, names keys of one slot: otherwise a cluster refuses it."""
    for step in trial.call_seen.steps:
        keys = sorted({key for words in step.commands for key in keys_of(words)})
        if len(_slots(keys)) > 1:
            names = [words[0] for words in step.commands if words[0] not in ("MULTI", "EXEC")]
            what = f"a transaction of {len(names)} commands" if len(step.commands) > 1 else names[0]
            raise Failed(why, Plain("keys of one slot"), Plain(f"{what}, with keys of {len(_slots(keys))} slots"))


# 40.1

APART = (
    "the cart and the total of one customer lie in two slots: on a cluster this transaction is refused, and nothing "
    "gets into the cart"
)
SHARED = "two customers put fruit into the same cart: each of them sees, and pays for, what the other one wants"
ONE_SLOT = (
    "the carts of many customers lie in one slot, so one node has all their work and the others none. Look at what is "
    "in the braces"
)
NOT_FOUND = (
    "two keys are wanted: a cart whose name begins with `prefix` and `cart:`, a total with `prefix` and `total:`"
)
NOT_COUNTED = "the boxes must be in the cart, under the fruit, and the cents in the total, as before"
TORN = "the boxes are in the cart, and the total does not know of them: leave the transaction as it is"


def _check_fill_cart(trial: Trial) -> None:
    prefix = trial.key("shop:")
    boxes, cents = trial.number(2, 9), trial.number(100, 900)
    with cures(
        {
            APART: "Both names need the same text in braces, such as `{7}`, and no other braces before it. In an "
            "f-string, `{{` stands for one `{`: `{{{customer}}}` gives `{7}`.",
            SHARED: "In an f-string, `{{customer}}` gives the word {customer}. Write `{{{customer}}}`, with three.",
            ONE_SLOT: "What stands in braces must be another text for each customer: its number, and nothing else.",
        }
    ):
        first = 10 * trial.number(100, 899)
        alike = [first, first + 1, first + 2, first + 10000, first + 20000]  # the same first digits, the same last ones
        customers = [7, 70, *alike, trial.number(100, 999)]
        _expect_together(trial, prefix, customers, boxes, cents)
        args = (prefix, 7, "uva", boxes, cents)
        trial.every_cut(TORN, args, before=lambda: trial.put({}))
        two = {"tab 1": args, "tab 2": (prefix, 7, "apple", 1, 50)}
        trial.orders(or_raised("two tabs filled one cart at once, and something is lost"), two, before=lambda: None)
        trial.every_error(args, before=lambda: trial.put({}))


def _expect_together(trial: Trial, prefix: str, customers: list[int], boxes: int, cents: int) -> None:
    seen: dict[int, tuple[str, str]] = {}
    for customer in customers:
        trial.put({})
        for fruit, more in (("banana", boxes), ("uva", 1), ("banana", 2)):
            trial.call(prefix, customer, fruit, more, cents)
            _expect_one_slot(trial, APART)
        carts, totals = trial.keys(f"{prefix}cart:"), trial.keys(f"{prefix}total:")
        if len(carts) != 1 or len(totals) != 1:
            found = [key.removeprefix(prefix) for key in trial.state()]
            raise Failed(NOT_FOUND, Plain("cart:…, total:…"), Plain(", ".join(found) or "no key"))
        if len(_slots(carts + totals)) > 1:
            raise Failed(
                APART, Plain("one slot"), Plain(" and ".join(key.removeprefix(prefix) for key in carts + totals))
            )
        after = {carts[0]: {"banana": str(boxes + 2), "uva": "1"}, totals[0]: str((boxes + 3) * cents)}
        trial.expect_state(NOT_COUNTED, after)
        seen[customer] = (carts[0], totals[0])
    every_key = {key for keys in seen.values() for key in keys}
    if len(every_key) < 2 * len(set(customers)):
        raise Failed(SHARED, Plain("a cart for each customer"), Plain(seen[customers[0]][0].removeprefix(prefix)))
    if len(_slots(every_key)) < len(set(customers)) - 1:  # two of them may lie in one slot by chance
        raise Failed(ONE_SLOT, Plain("a slot for each customer"), Plain(seen[customers[0]][0].removeprefix(prefix)))


ADD_TO_CART = Exercise(
    id="40.1",
    title="A cart and its total",
    kind="change",
    question="""\
On a cluster, this transaction is refused. Change the two names, and leave the rest as it is. The cart and the total of
one customer must lie in one slot, and different customers in different slots. The names still begin with `prefix` and
`cart:`, and with `prefix` and `total:`. (In an f-string, `{{` gives one `{`, and `}}` gives one `}`.)""",
    stub="""\
def fill_cart(redis_conn, prefix, customer, fruit, boxes, cents):
    cart = f"{prefix}cart:{customer}"
    total = f"{prefix}total:{customer}"
    pipe = redis_conn.pipeline(transaction=True)
    pipe.hincrby(cart, fruit, boxes)
    pipe.incrby(total, boxes * cents)
    pipe.execute()""",
    hints=(
        "For customer 7, the names should end with `cart:{7}` and `total:{7}`. Print yours to see them.",
        "Inside the f-string, first two braces that stay, then the braces that Python replaces: `{{{customer}}}`.",
    ),
    solution="""\
def fill_cart(redis_conn, prefix, customer, fruit, boxes, cents):
    cart = f"{prefix}cart:{{{customer}}}"
    total = f"{prefix}total:{{{customer}}}"
    pipe = redis_conn.pipeline(transaction=True)
    pipe.hincrby(cart, fruit, boxes)
    pipe.incrby(total, boxes * cents)
    pipe.execute()""",
    why="what belongs to one customer lies together, and the customers are spread over all nodes. So the transaction "
    "works on a cluster, and each node has its share of the work.",
    check=_check_fill_cart,
)

# 40.2

REFUSED = (
    "a cluster refuses this, for the keys lie in several slots. The same lines must work with both clients, wherever "
    "the keys lie"
)
MANY_TRIPS = "each price costs a round trip of its own: a page with 200 prices waits 200 times"
WRONG_ORDER = "the values come in another order than the keys, or some are missing: a customer sees a wrong price"
NO_LIST = "the answer is a list with the values, in the order of the keys"
NO_PRICE = "for a key that is not there, the answer is None at its place"
ONLY_READ = "your function is to read only, and it has changed what is in Redis"
MOST_TRIPS = 4  # for 200 keys, on one server


def _check_get_many(trial: Trial) -> None:
    number = trial.number(100, 999)
    keys = [f"{trial.prefix}price:{number + place}" for place in range(200)]
    prices: dict[str, object] = {key: str(trial.number(100, 999)) for key in keys}
    prices |= {keys[3]: "", keys[4]: "0"}
    missing = f"{trial.prefix}price:none"
    with cures(
        {
            REFUSED: "MGET wants keys of one slot, and so does a transaction: take a pipeline with transaction=False, "
            "and one `get` for each key.",
            MANY_TRIPS: "Collect the commands in a pipeline, and send them with one `execute()`.",
            NO_PRICE: "`get` gives None for such a key: leave it in the list.",
        }
    ):
        for asked in (keys[:5], [keys[2]], [keys[1], missing, keys[4], keys[1]], [missing], keys[::-1], []):
            trial.put(prices)
            answer = trial.call(list(asked))
            _expect_one_slot(trial, REFUSED)
            if len(asked) > MOST_TRIPS and trial.round_trips > MOST_TRIPS:
                raise Failed(
                    MANY_TRIPS, Plain(f"at most {MOST_TRIPS} round trips"), Plain(f"{trial.round_trips} round trips")
                )
            wanted = [prices.get(key) for key in asked]
            if answer is not None and not isinstance(answer, list):
                raise Failed(NO_LIST, Plain("a list"), Plain(type(answer).__name__))
            there = [value for value in wanted if value is not None]
            why = NO_PRICE if missing in asked and answer in (there, None) else WRONG_ORDER
            trial.expect(why, wanted, answer)
            trial.expect_state(ONLY_READ, prices)
        trial.every_error((keys[:5],), before=lambda: trial.put(prices))


GET_MANY = Exercise(
    id="40.2",
    title="Many prices, few round trips",
    kind="write",
    question="""\
Write `get_many`. It returns a list with the value of each key in `keys`, in the same order, and `None` for a key that
is not there. The same lines, without `if` or `try`, must work with both clients, the plain one and the one of a
cluster, wherever the keys lie. 200 keys must not need 200 round trips. (The check calls it with a plain client. That
has no `mget_nonatomic`, and its `pipeline()` is a transaction unless you say `transaction=False`.)""",
    stub="""\
def get_many(redis_conn, keys):
    # your code here
    ...""",
    hints=(
        "A pipeline collects commands of many slots, if it is no transaction. What does its `execute()` return?",
        "`pipe = redis_conn.pipeline(transaction=False)`, then in a loop `pipe.get(key)`.",
    ),
    solution="""\
def get_many(redis_conn, keys):
    pipe = redis_conn.pipeline(transaction=False)
    for key in keys:
        pipe.get(key)
    return pipe.execute()""",
    why="the cluster client sends each node its part of the pipeline, and puts the replies together in your order. "
    "It is not one step: another program may change a price in between.",
    check=_check_get_many,
)

# 40.3

KEYS_IN_ARGV = (
    "the client finds the node by the keys that the script is given. Yours names none, or not all: on a cluster it is "
    "sent to any node, and most of the sales fail"
)
OTHER_SLOTS = "the stock and the sold boxes lie in two slots: a cluster refuses the script, and nothing can be sold"
NOT_SOLD = "boxes are there: one must leave the stock and be counted as sold, and the answer is 1"
SOLD_OUT = "nothing is left: the answer is 0, and no number may change"
SOLD_TWICE = "two customers bought at once, and a box is sold twice, or is lost"
TOLD_SOLD_OUT = "two boxes were left, two customers bought at once, and one of them was told that nothing is left"


def _check_sell_box(trial: Trial) -> None:
    prefix = trial.key("shop:")
    fruit = trial.word()
    stock, sold = f"{prefix}stock:{{{fruit}}}", f"{prefix}sold:{{{fruit}}}"
    old = {f"{prefix}stock:{fruit}": "3", f"{prefix}sold:{fruit}": "4"}
    args = (prefix, fruit)
    with cures(
        {
            KEYS_IN_ARGV: "Build both names in Python. Then `redis_conn.eval(script, 2, stock, sold)`, and KEYS[1] and "
            "KEYS[2] in the script.",
            OTHER_SLOTS: "The names end with the fruit in braces: `stock:{uva}` and `sold:{uva}`.",
            NOT_SOLD: "The names end with the fruit in braces: `stock:{uva}` and `sold:{uva}`. Print yours.",
            SOLD_TWICE: "Look at the stock, take and count in one script.",
            TOLD_SOLD_OUT: "Look at the stock, take and count in one script: nobody comes in between.",
        }
    ):
        left, counted = trial.number(2, 90), trial.number(3, 500)
        for before_stock, before_sold in ((left, counted), (left, None), (1, counted), (0, counted), (None, None)):
            before = dict(old)
            if before_stock is not None:
                before[stock] = str(before_stock)
            if before_sold is not None:
                before[sold] = str(before_sold)
            trial.put(before)
            answer = trial.call(*args)
            _expect_one_slot(trial, OTHER_SLOTS)
            if before_stock:
                after = before | {stock: str(before_stock - 1), sold: str((before_sold or 0) + 1)}
                trial.expect_value(NOT_SOLD, stock, after[stock])
                trial.expect_state(NOT_SOLD, after)
                trial.expect(NOT_SOLD, 1, answer)
            else:
                trial.expect_state(SOLD_OUT, before)
                trial.expect(SOLD_OUT, 0, answer)
            _expect_keys_named(trial, {stock, sold})

        def one_left() -> None:
            trial.put({stock: "1", sold: str(counted)})

        trial.orders(or_raised(SOLD_TWICE), {"Ann": args, "Bob": args}, before=one_left)
        trial.orders(
            or_raised(TOLD_SOLD_OUT),
            {"Ann": args, "Bob": args},
            before=lambda: trial.put({stock: "2", sold: str(counted)}),
        )
        trial.every_cut("a box left the stock, and is not counted as sold", args, before=one_left)
        trial.every_error(args, before=one_left)


def _expect_keys_named(trial: Trial, wanted: set[str]) -> None:
    for step in trial.call_seen.steps:
        for words in step.commands:
            if words[0] in SCRIPTS and not wanted <= set(keys_of(words)):
                raise Failed(KEYS_IN_ARGV, Plain("two keys"), Plain(f"{len(keys_of(words))} of them"))


SELL_BOX = Exercise(
    id="40.3",
    title="A script that finds its node",
    kind="change",
    question="""\
This function sells one box of a fruit. Its script makes the names of its keys by itself, and they lie in two slots.
Change it, so that it works on a cluster. The stock of uva is now under `prefix` and `stock:{uva}`, and the number of
sold boxes under `prefix` and `sold:{uva}`, with these braces. Give the script both keys in `KEYS`.""",
    stub='''\
def sell_box(redis_conn, prefix, fruit):
    script = """
    local stock = ARGV[1] .. 'stock:' .. ARGV[2]
    local sold = ARGV[1] .. 'sold:' .. ARGV[2]
    if tonumber(redis.call('GET', stock) or 0) < 1 then  -- nothing left
      return 0
    end
    redis.call('DECR', stock)
    redis.call('INCR', sold)
    return 1
    """
    return redis_conn.eval(script, 0, prefix, fruit)''',
    hints=(
        "Build the two names in Python, as in 40.1. How does a script get a name from Python?",
        "In the script, `KEYS[1]` takes the place of `stock`, and `KEYS[2]` that of `sold`. The two `local` lines go.",
        "`redis_conn.eval(script, 2, stock, sold)`: the number says how many keys follow.",
    ),
    solution='''\
def sell_box(redis_conn, prefix, fruit):
    stock = f"{prefix}stock:{{{fruit}}}"
    sold = f"{prefix}sold:{{{fruit}}}"
    script = """
    if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then  -- nothing left
      return 0
    end
    redis.call('DECR', KEYS[1])
    redis.call('INCR', KEYS[2])
    return 1
    """
    return redis_conn.eval(script, 2, stock, sold)''',
    why="the client calculates the slot from KEYS, and asks the node that has it. The braces put both keys there.",
    check=_check_sell_box,
)

# 40.4

NOT_MOVED = "the customer has a new id, and what was in the session is not there under the new name"
NEVER_ENDS = "under the new name the session must end when it would have ended under the old one"
OLD_STAYS = "the old name still works: whoever knows the old id is in the customer's session"
NO_SUCH = "there is no session under the old name: the answer is False, and nothing is written"
TOLD = "the session has its new name: the answer is True. If there was none, it is False"
LOST = "the session is under neither name, or not whole, or without its end: the customer's cart is lost"
TWO_SLOTS = "the two names lie in two slots: on a cluster this is refused, and nobody can log in"


def _check_change_name(trial: Trial) -> None:
    old, new = trial.key("session:old"), trial.key("session:new")
    fields = {"user": "maria", "cart:banana": "2", "note": "", "ü": "'x' \"y\""}
    many = {f"field {number}": str(number) for number in range(200)}
    with cures(
        {
            TWO_SLOTS: "Use one key in each command, and in each transaction: read the old hash, write the new one, "
            "delete the old one.",
            NOT_MOVED: "HGETALL gives all fields, and `hset(new, mapping=fields)` stores them.",
            NEVER_ENDS: "`pttl(old)` says how many milliseconds are left, and `pexpire(new, left)` sets them.",
            LOST: "First the new hash and its end, in one MULTI, and only then delete the old one.",
            NO_SUCH: "HGETALL gives an empty dict then: stop before you write.",
        }
    ):
        seconds = trial.number(40, 90)
        for stored in (fields, many, {"user": ""}):
            trial.put({old: Ends(stored, seconds)})
            answer = trial.call(old, new)
            _expect_one_slot(trial, TWO_SLOTS)
            trial.expect_value(NOT_MOVED, new, stored)
            trial.expect_value(OLD_STAYS, old, None)
            trial.expect_ttl(NEVER_ENDS, new, seconds - 0.5, seconds)
            trial.expect_state(NEVER_ENDS, {new: Ends(stored, seconds, late=0.5)})
            trial.expect(TOLD, True, answer)
        trial.put({})
        answer = trial.call(old, new)
        trial.expect_state(NO_SUCH, {})
        trial.expect(NO_SUCH, False, answer)

        def one_session() -> None:
            trial.put({old: Ends(fields, seconds)})

        whole = (fields, True)
        trial.every_cut(
            LOST,
            (old, new),
            before=one_session,
            allowed=lambda left: all(entry == whole for entry in left.values()) and bool(left),
        )
        trial.every_gap(
            or_raised("the session ended between two of your commands, and under its new name it never ends"),
            (old, new),
            before=one_session,
            rivals={"the session ends": lambda: trial.redis.delete(old)},
            view=lambda: None,
            allowed=lambda run, seen: not run.outcomes[0].error and trial.redis.pttl(new) != -1,
        )
        trial.every_error((old, new), before=one_session)


CHANGE_NAME = Exercise(
    id="40.4",
    title="A new name in another slot",
    kind="stretch",
    question="""\
A log-in gives a session a new name: in lesson 11 by `RENAME`. Here `old` and `new` lie in different slots, so a cluster
refuses that. Write `change_name(redis_conn, old, new)`. The hash `old`, which has a TTL, moves to `new`, with all its
fields and what is left of its TTL. Then it returns `True`. If there is no hash `old`, it writes nothing and returns
`False`. Wherever your program is killed, the session must be there, whole and with its TTL, under at least one of the
names. The session can also end at any moment. (Nobody writes to it meanwhile.)""",
    stub="""\
def change_name(redis_conn, old, new):
    # your code here
    ...""",
    hints=(
        "Three steps, each with one key: read `old`, write `new`, delete `old`.",
        "Read with `hgetall` and `pttl`. Is something missing? Then stop. `pttl` gives -2 when the key is gone.",
        "Write the new hash and its end in one transaction: `hset` with `mapping=`, then `pexpire`.",
    ),
    solution="""\
def change_name(redis_conn, old, new):
    fields = redis_conn.hgetall(old)
    milliseconds = redis_conn.pttl(old)
    if not fields or milliseconds < 0:
        return False
    pipe = redis_conn.pipeline(transaction=True)
    pipe.hset(new, mapping=fields)
    pipe.pexpire(new, milliseconds)
    pipe.execute()
    redis_conn.delete(old)
    return True""",
    why="each command, and the transaction, has one key. A kill leaves the session under the old name, or under both. "
    "Under both is the price of a cluster: until the old one ends, its id still works.",
    check=_check_change_name,
)

EXERCISES = (ADD_TO_CART, GET_MANY, SELL_BOX, CHANGE_NAME)

QUIZ = (
    Question(
        "A taxi app keeps a list of drivers for each city: `drivers:{lisbon}`, `drivers:{porto}` and so on. Nine of "
        "ten requests are for Lisbon. A second, a third and a fourth node are added. How much does it help?",
        (
            (
                "Not much: Lisbon is one key, and one node has its work",
                "A key lies in one slot, and a slot on one node.",
            ),
            ("The work of each node is a quarter of it now", "Only if the requests were spread over many keys."),
            ("Nothing: keys with braces always lie on node 1", "The slot comes from what is in the braces."),
        ),
        answer="a",
    ),
    Question(
        "Which of these keys lies in the same slot as `user:{42}:name`?",
        (
            ("`user:{42:mail}`", "Its hash tag is `42:mail`."),
            ("`{user:42}:mail`", "Its hash tag is `user:42`."),
            ("`{}{42}`", "Between the first brace and the next one that closes is nothing: the whole name counts."),
            ("`mail{42}{home}`", "The first pair of braces counts, and it holds 42."),
        ),
        answer="d",
    ),
    Question(
        "A job copies 500 counters into a report, with the client of a cluster. It calls `mget` with all names, and "
        "gets a RedisClusterException. All counters must come from one and the same moment. What helps?",
        (
            ("A pipeline without a transaction", "Each node answers at another moment."),
            (
                "Names with one hash tag, or to give up the one moment",
                "Only keys of one slot can be read in one step, and then one node has them all.",
            ),
            ("`mget_nonatomic`", "It asks slot by slot: not in one step, as its name says."),
        ),
        answer="b",
    ),
    Question(
        "A slot is moved to a new node while the shop is open. A program with a plain `redis.Redis` client has used "
        "the old node for years, for the keys of this one slot. What happens to it?",
        (
            ("It goes on: the old node hands its commands on", "A node hands nothing on. It says who has the slot."),
            ("It reads the old values, which stay on the old node", "MIGRATE takes the keys along."),
            (
                "It gets a MovedError, until it uses the client of a cluster",
                "A plain client does not go where MOVED points. RedisCluster does.",
            ),
        ),
        answer="c",
    ),
    Question(
        "A cluster has three nodes with keys, all on one computer with one core. Does it serve more requests in a "
        "second than one server there?",
        (
            ("About three times as many, as each has a third of the keys", "They share one core, and each needs it."),
            ("No: the three share the core, and have some work more", "More nodes help when each has a core."),
            ("Yes, as long as all keys have hash tags", "Hash tags put keys together. They make no core."),
        ),
        answer="b",
    ),
)
