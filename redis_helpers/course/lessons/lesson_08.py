"""Lesson 08: a lock that ends, one's own release, a resource that refuses late writers, and no lock at all."""

from redis_helpers.course.exercises.checker import Plain, Trial
from redis_helpers.course.exercises.model import Exercise, Failed, Question

# 8.1


def _check_take_lock(trial: Trial) -> None:
    name = trial.key("lock")
    trial.expect("the lock was free, so the answer is True", True, trial.call(name, "token of A", 30_000))
    trial.expect_value("the lock must hold the token: by it, the holder knows its own lock again", name, "token of A")
    _expect_clock(trial, name, 30)

    trial.redis.set(name, "token of B", px=20_000)
    answer = trial.call(name, "token of A", 30_000)
    taken = "the lock was taken, and your code took it away: SET replaces what is there unless NX"
    trial.expect_value(taken, name, "token of B")
    trial.expect("somebody else has the lock, so the answer is False", False, answer)
    trial.expect_ttl("somebody else has the lock, and its clock is not yours to wind", name, 18, 20)

    trial.redis.delete(name)
    trial.call(name, "token of A", 3000)
    _expect_clock(trial, name, 3)
    for reached in trial.cuts(name, "token of A", 3000, prepare=lambda: trial.redis.delete(name)):
        if trial.redis.ttl(name) == -1:
            raise Failed(
                f"the program died after its command number {reached}, and left a lock that never ends: SET takes NX "
                "and PX together"
            )

    trial.redis.delete(name)
    answers = trial.call_at_once([(name, f"token {number}", 3000) for number in range(8)])
    trial.expect("eight threads wanted one free lock, and exactly one may be told True", 1, answers.count(True))
    winner = f"token {answers.index(True)}"
    trial.expect_value("the thread that was told True must be the one whose token is stored", name, winner)


def _expect_clock(trial: Trial, name: str, seconds: int) -> None:
    """The lock has the TTL that was asked for; the likeliest slips have sentences of their own."""
    left = trial.redis.ttl(name)
    why = "the lock has not the TTL that was asked for"
    if left == -1:
        why = "the lock has no TTL: when its holder is killed, nobody ever gets it again"
    elif left > 2 * seconds:
        why = "the TTL is a thousand times too long: EX counts seconds, PX milliseconds"
    trial.expect_ttl(why, name, seconds - 2, seconds)


TAKE_LOCK = Exercise(
    id="8.1",
    title="A lock that dies with its holder",
    kind="blank",
    question="""\
Replace the `...`: the lock `name` is taken only when it is free, holds `token`, and ends by itself after
`milliseconds`, wherever its holder is killed.""",
    stub="""\
def take_lock(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, ...))""",
    hints=(
        "Two options of SET: one looks whether the key is there, one sets its clock. Both go into the same call.",
        "`nx=True` is the look. `ex=` counts seconds; which letter counts milliseconds?",
    ),
    solution="""\
def take_lock(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, nx=True, px=milliseconds))""",
    why="looking, storing and winding the clock are one command: nobody comes in between, and no kill can leave a "
    "lock without an end.",
    check=_check_take_lock,
)

# 8.2


def _check_release(trial: Trial) -> None:
    name = trial.key("lock")
    trial.redis.set(name, "token of A", px=20_000)
    answer = trial.call(name, "token of A")
    trial.expect_value("the lock held this token, so it must be free now", name, None)
    trial.expect("it was the caller's lock, so the answer is True", True, answer)

    trial.redis.set(name, "token of B", px=20_000)
    answer = trial.call(name, "token of A")
    stolen = "B's lock was released by A: the TTL of A's lock had run out, and its token is not the one in the key"
    trial.expect_value(stolen, name, "token of B")
    trial.expect("it was not the caller's lock, so the answer is False", False, answer)
    trial.expect_ttl("B's lock must keep its clock", name, 18, 20)

    trial.redis.delete(name)
    trial.expect("there was no lock at all, so the answer is False", False, trial.call(name, "token of A"))
    trial.expect_value("there was no lock, and a release must not make one", name, None)

    came = []

    def b_takes_the_lock() -> None:
        trial.redis.set(name, "token of B", px=20_000)  # A's lock has just run out
        came.append("B")

    trial.redis.set(name, "token of A", px=20_000)
    trial.call(name, "token of A", between=b_takes_the_lock)
    if came and trial.redis.get(name) != "token of B":
        raise Failed(
            "between your look and your DEL, A's lock ran out and B took it, and then your DEL released B's: comparing "
            "and deleting must be one step on the server (a script)",
            Plain("B's lock still there"),
            Plain("no such key"),
        )


RELEASE = Exercise(
    id="8.2",
    title="Release your own, and only your own",
    kind="change",
    question="""\
This code frees the lock, whoever has it. Change it: the lock goes only when it holds `token`; then the answer is
`True`, otherwise `False`. At any moment, the lock may run out and be taken by somebody else.""",
    stub="""\
def release_own(redis_conn, name, token):
    return redis_conn.delete(name) == 1""",
    hints=(
        "GET, compare in Python, DEL: what if the lock changes hands after the GET?",
        "The server must compare and delete in one go. The lesson's script does: `KEYS[1]` is the lock, `ARGV[1]` the "
        "token.",
        "`redis_conn.eval(script, 1, name, token)` answers 1 or 0, and `== 1` makes True or False of it.",
    ),
    solution="""\
def release_own(redis_conn, name, token):
    script = '''
        if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
        return 0
    '''
    return redis_conn.eval(script, 1, name, token) == 1""",
    why="a script runs on the server in one go, so between its GET and its DEL nobody can take the lock. Redis 8.4 "
    "has a command for it, DELEX with IFEQ, Valkey 9 DELIFEQ.",
    check=_check_release,
)

# 8.3


def _check_store_price(trial: Trial) -> None:
    key = trial.key("prices:uva")

    def stored(price: int, fence: int) -> dict[str, str]:
        return {"price": str(price), "fence": str(fence)}

    def expect_stored(price: int, fence: int) -> None:
        why = "price and fence of the last writer must be fields of the hash"
        if trial.redis.type(key) == "hash" and trial.redis.hget(key, "fence") is None:
            why = "store the fence too: without it, the hash cannot know who comes late"
        trial.expect_value(why, key, stored(price, fence))

    trial.expect("nobody has written yet, so any fence may write", True, trial.call(key, 480, 9))
    expect_stored(480, 9)
    trial.expect("the same holder may write again: the same fence is not late", True, trial.call(key, 470, 9))
    expect_stored(470, 9)
    answer = trial.call(key, 460, 10)
    numbers = "10 is newer than 9: Redis holds text, and as text '10' comes before '9'. Compare numbers"
    trial.expect(numbers, True, answer)
    expect_stored(460, 10)
    for late in (9, 2):
        answer = trial.call(key, 111, late)
        late_write = f"fence {late} wrote after fence 10: a paused holder woke up, and was let overwrite a newer"
        trial.expect_value(late_write, key, stored(460, 10))
        trial.expect("the write was refused, so the answer is False", False, answer)

    came = []

    def newer_holder_writes() -> None:
        trial.redis.hset(key, mapping={"price": 999, "fence": 100})
        came.append("B")

    answer = trial.call(key, 450, 50, between=newer_holder_writes)
    if came and trial.redis.hgetall(key) != stored(999, 100):
        raise Failed(
            "between your look at the fence and your write, a newer holder (fence 100) wrote, and fence 50 overwrote "
            "it: look and write must be one step on the server (a script, or WATCH)",
            stored(999, 100),
            trial.redis.hgetall(key),
        )
    if came and answer is True and trial.redis.hget(key, "price") == "999":
        raise Failed("fence 50 did not write, and yet was told True", False, True)

    before = stored(460, 10)
    trial.redis.delete(key)
    trial.call(key, 450, 50)

    def put_back() -> None:
        trial.redis.delete(key)
        trial.redis.hset(key, mapping=before)

    for reached in trial.cuts(key, 450, 50, prepare=put_back):
        if trial.redis.hgetall(key) not in (before, stored(450, 50)):
            raise Failed(
                f"the program died after its command number {reached}, and left a price without its fence: both fields "
                "belong into one HSET",
                stored(450, 50),
                trial.redis.hgetall(key),
            )


STORE_PRICE = Exercise(
    id="8.3",
    title="A resource that refuses",
    kind="write",
    question="""\
This time the resource is a hash in Redis, with the fields `price` and `fence`. Write `store_price(redis_conn, key,
price, fence)`: it stores both and returns `True`, unless a **higher** fence has written before; then nothing changes
and it returns `False`. Several holders may write at once.""",
    stub="""\
def store_price(redis_conn, key, price, fence):
    # your code here
    ...""",
    hints=(
        "Look and write belong together on the server. A script can do both: HGET, compare, HSET.",
        "The hash holds text: `tonumber(...)` in Lua makes a number. `HGET` of a field that is not there is `false`: "
        "`or 0` makes a beginning.",
        "Three arguments follow the script: `redis_conn.eval(script, 1, key, price, fence)`. In Lua the fence is "
        "`ARGV[2]`. Only a *higher* stored fence refuses; the same one may write again.",
    ),
    solution="""\
def store_price(redis_conn, key, price, fence):
    script = '''
        local highest = tonumber(redis.call('HGET', KEYS[1], 'fence') or 0)
        if highest > tonumber(ARGV[2]) then return 0 end
        redis.call('HSET', KEYS[1], 'price', ARGV[1], 'fence', ARGV[2])
        return 1
    '''
    return redis_conn.eval(script, 1, key, price, fence) == 1""",
    why="the resource keeps the highest fence it has seen, and compares in the same step in which it writes. Whoever "
    "wakes up late finds a higher number, whatever it believes about its lock.",
    check=_check_store_price,
)

# 8.4


def _check_sell_one(trial: Trial) -> None:
    stock, sales = trial.key("stock"), trial.key("sales")
    lowest = []

    def delivered(crates: int) -> None:
        trial.redis.delete(sales)
        trial.redis.set(stock, crates)

    def state() -> tuple[str | None, list[str]]:
        return trial.redis.get(stock), trial.redis.lrange(sales, 0, -1)

    delivered(2)
    for buyer, left in (("Alice", "1"), ("Bob", "0")):
        trial.expect("there was a crate, so the answer is True", True, trial.call(stock, sales, buyer))
        trial.expect_value("one crate must leave the stock", stock, left)
    trial.expect_value("every buyer must be at the end of the list of sales", sales, ["Alice", "Bob"])
    answer = trial.call(stock, sales, "Carol", between=lambda: lowest.append(int(trial.redis.get(stock))))
    trial.expect_value("there was no crate left, and the stock must stay at 0", stock, "0")
    trial.expect_value("there was no crate left, and a sale was noted down", sales, ["Alice", "Bob"])
    trial.expect("there was no crate left, so the answer is False", False, answer)
    if min(lowest, default=0) < 0:
        raise Failed(
            "for a moment the stock stood below zero, and everybody could see it: look first, then take, and both in "
            "one step on the server",
            Plain("never less than 0"),
            min(lowest),
        )

    trial.redis.delete(stock, sales)
    trial.expect("a fruit that was never delivered is sold out", False, trial.call(stock, sales, "Alice"))
    trial.expect_value("a fruit that was never delivered must not get a stock", stock, None)

    def bob_buys_the_last() -> None:
        if int(trial.redis.get(stock)) > 0:
            trial.redis.pipeline().decr(stock).rpush(sales, "Bob").execute()

    delivered(1)
    trial.call(stock, sales, "Alice", between=bob_buys_the_last)
    left, sold = state()
    if int(left) < 0 or len(sold) > 1:
        raise Failed(
            "between your look and your taking, Bob bought the last crate, and it was sold twice: look and take must "
            "be one step on the server (a script), or be given up when the stock changed (WATCH)",
            Plain("one crate, one sale"),
            Plain(f"stock {left}, sold to {', '.join(sold)}"),
        )

    delivered(3)
    trial.call(stock, sales, "Alice")
    for reached in trial.cuts(stock, sales, "Alice", prepare=lambda: delivered(3)):
        left, sold = state()
        if int(left) + len(sold) != 3:
            raise Failed(
                f"the program died after its command number {reached}, and a crate left the stock without its buyer in "
                "the list (or the other way round): both changes in one step",
                Plain("3 crates, left and sold together"),
                Plain(f"{left} left, {len(sold)} sold"),
            )

    delivered(5)
    buyers = [f"buyer {number}" for number in range(8)]
    answers = trial.call_at_once([(stock, sales, buyer) for buyer in buyers])
    trial.expect("8 threads wanted one crate each out of 5: 5 of them must be told True", 5, answers.count(True))
    left, sold = state()
    trial.expect("after the threads, no crate may be left or owed", "0", left)
    told = sorted(buyer for buyer, answer in zip(buyers, answers, strict=True) if answer)
    trial.expect("the list must name those who were told True, each once", told, sorted(sold))


SELL_ONE = Exercise(
    id="8.4",
    title="The last crate, without a lock",
    kind="stretch",
    question="""\
Write `sell_one(redis_conn, stock_key, sales_key, buyer)`, without any lock: it takes one crate out of the number at
`stock_key`, appends `buyer` to the list at `sales_key`, and returns `True`. When no crate is left it changes nothing
and returns `False`. The stock never stands below zero, not even for a moment, and a crash leaves no crate without its
buyer. `RPUSH` appends to a list.""",
    stub="""\
def sell_one(redis_conn, stock_key, sales_key, buyer):
    # your code here
    ...""",
    hints=(
        "Two keys, one step: a script with two KEYS, or WATCH on the stock and both changes between MULTI and EXEC.",
        "In Lua: `tonumber(redis.call('GET', KEYS[1]) or 0)` is the number of crates, also for a key that is not "
        "there.",
        "When it is less than 1, `return 0`. Otherwise DECR the first key, RPUSH `ARGV[1]` to the second, `return 1`.",
    ),
    solution="""\
def sell_one(redis_conn, stock_key, sales_key, buyer):
    script = '''
        if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end
        redis.call('DECR', KEYS[1])
        redis.call('RPUSH', KEYS[2], ARGV[1])
        return 1
    '''
    return redis_conn.eval(script, 2, stock_key, sales_key, buyer) == 1""",
    why="Redis runs a script in one go, so it is its own lock: nobody comes in between, no TTL can run out, and a "
    "program that dies has sent all of it or nothing.",
    check=_check_sell_one,
)

EXERCISES = (TAKE_LOCK, RELEASE, STORE_PRICE, SELL_ONE)

QUIZ = (
    Question(
        "A lock has a TTL of 10 s and a random token, and is released by compare-and-delete. Its holder is paused for "
        "30 s and then writes. What happens?",
        (
            ("The write fails: its token is no longer in the lock", "The token is compared at the release only."),
            (
                "The write goes through, beside that of the next holder",
                "The lock ended, the program did not. Only the resource can refuse it, by a fence.",
            ),
            ("The lock waits for its holder to wake up", "Redis counts the TTL down, whatever the holder does."),
        ),
        answer="b",
    ),
    Question(
        "Who has to compare the fencing token, so that it helps?",
        (
            ("The resource, in the step that writes", "It alone sees all writers, the late ones too."),
            (
                "The holder, just before it writes",
                "Between that look and the write it can be paused. That is the problem, not its cure.",
            ),
            ("Redis, at the release", "By then the late write has been done."),
        ),
        answer="a",
    ),
    Question(
        "A thread renews the lock every third of its TTL. What is that good for?",
        (
            ("The lock cannot be lost any more", "A pause stops the thread as well, and a cut network its commands."),
            (
                "A killed holder keeps its lock until it is back",
                "Nobody renews for the dead: the lock ends one TTL later, as it should.",
            ),
            (
                "Work may take longer than the TTL, as long as the process runs",
                "So the TTL can be short, and a killed holder is soon replaced.",
            ),
        ),
        answer="c",
    ),
    Question(
        "`Lock.acquire(blocking=False)` of a default redis-py client answers False. What do you know?",
        (
            (
                "Somebody else has the lock",
                "Perhaps. Or the reply to your own SET was lost and the client sent it again.",
            ),
            (
                "The lock is free, but Redis was slow",
                "A time-out would raise an error after the last retry, not answer False.",
            ),
            (
                "The lock was taken: by somebody else, or by yourself",
                "Give acquire a token of your own, and compare it with what GET answers.",
            ),
        ),
        answer="c",
    ),
    Question(
        "8 processes sell from a number in Redis, and it must not go below zero. What is the simplest that holds?",
        (
            ("One script that looks and takes", "One command, nobody in between, nothing to expire or release."),
            (
                "A lock with token, TTL and fence",
                "It holds, and costs the most: in code, in time, and in what can go wrong.",
            ),
            ("GET, compare, DECR", "Two of them read 1, and both take it."),
        ),
        answer="a",
    ),
)
