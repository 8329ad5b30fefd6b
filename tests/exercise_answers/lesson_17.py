"""Answers to the exercises of lesson 17."""

import math
from threading import Lock as ThreadLock

import redis

from tests.exercise_answers import right, wrong

# 17.1


@right("17.1")
def sell_with_zadd_incr(redis_conn, key, fruit, crates):
    redis_conn.zadd(key, {fruit: crates}, incr=True)
    return redis_conn.zrevrange(key, 0, 2)


@right("17.1")
def sell_in_one_transaction(redis_conn, key, fruit, crates):
    return redis_conn.pipeline().zincrby(key, crates, fruit).zrange(key, 0, 2, desc=True).execute()[-1]


@right("17.1")
def sell_with_redis_pys_transaction(redis_conn, key, fruit, crates):
    def add(pipe):
        total = (pipe.zscore(key, fruit) or 0) + crates
        pipe.multi()
        pipe.zadd(key, {fruit: total}).zrevrange(key, 0, 2)

    return redis_conn.transaction(add, key)[1]


@right("17.1")
def sell_under_a_lock_in_redis(redis_conn, key, fruit, crates):
    with redis_conn.lock(f"{key}:lock", timeout=10):
        redis_conn.zadd(key, {fruit: (redis_conn.zscore(key, fruit) or 0) + crates})
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.1", "the crates that were sold before are lost")
def sell_with_zadd(redis_conn, key, fruit, crates):
    redis_conn.zadd(key, {fruit: crates})
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.1", "one sale is counted nowhere")
def sell_by_reading_and_writing(redis_conn, key, fruit, crates):
    redis_conn.zadd(key, {fruit: (redis_conn.zscore(key, fruit) or 0) + crates})
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.1", "not a valid float")
def sell_with_arguments_swapped(redis_conn, key, fruit, crates):
    redis_conn.zincrby(key, fruit, crates)
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.1", "not the number of crates that were sold")
def sell_one_crate(redis_conn, key, fruit, crates):
    redis_conn.zincrby(key, 1, fruit)
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.1", "three best sellers, the best one first")
def sell_and_show_the_worst(redis_conn, key, fruit, crates):
    redis_conn.zincrby(key, crates, fruit)
    return redis_conn.zrange(key, 0, 2)


till = ThreadLock()


@wrong("17.1", "one sale is counted nowhere")
def sell_one_thread_at_a_time(redis_conn, key, fruit, crates):
    with till:
        return sell_by_reading_and_writing(redis_conn, key, fruit, crates)


sold_here: dict = {}


@wrong("17.1", "not the number of crates that were sold")
def sell_by_what_this_till_knows(redis_conn, key, fruit, crates):
    sold_here[key, fruit] = sold_here.get((key, fruit), 0) + crates
    redis_conn.zadd(key, {fruit: sold_here[key, fruit]})
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.1", "your till gave up")
def sell_after_five_tries(redis_conn, key, fruit, crates):
    with redis_conn.pipeline() as pipe:
        for _ in range(5):
            try:
                pipe.watch(key)
                total = (pipe.zscore(key, fruit) or 0) + crates
                pipe.multi()
                pipe.zadd(key, {fruit: total})
                pipe.execute()
                break
            except redis.WatchError:
                continue
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.1", "counted by half")
def sell_by_taking_the_fruit_out(redis_conn, key, fruit, crates):
    script = """
        local before = redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0
        redis.call('ZREM', KEYS[1], ARGV[1])
        return before
    """
    redis_conn.zincrby(key, float(redis_conn.eval(script, 1, key, fruit)) + crates, fruit)
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.1", "crates that are no number")
def sell_without_errors(redis_conn, key, fruit, crates):
    try:
        redis_conn.zincrby(key, crates, fruit)
    except redis.ResponseError:
        pass
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.1", "nobody asked for a TTL")
def sell_for_an_hour(redis_conn, key, fruit, crates):
    return redis_conn.pipeline().zincrby(key, crates, fruit).expire(key, 3600).zrevrange(key, 0, 2).execute()[-1]


@wrong("17.1", "no TTL any more")
def sell_on_a_new_board(redis_conn, key, fruit, crates):
    def add(pipe):
        totals = dict(pipe.zrange(key, 0, -1, withscores=True))
        totals[fruit] = totals.get(fruit, 0) + crates
        pipe.multi()
        pipe.delete(key).zadd(key, totals).zrevrange(key, 0, 2)

    return redis_conn.transaction(add, key)[-1]


# 17.2


@right("17.2")
def record_by_script(redis_conn, key, customer, crates):
    script = """
        local best = redis.call('ZSCORE', KEYS[1], ARGV[1])
        if best and tonumber(best) >= tonumber(ARGV[2]) then return 0 end
        redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
        return 1
    """
    return redis_conn.eval(script, 1, key, customer, crates) == 1


@right("17.2")
def record_with_watch(redis_conn, key, customer, crates):
    with redis_conn.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                best = pipe.zscore(key, customer)
                if best is not None and crates <= best:
                    return False
                pipe.multi()
                pipe.zadd(key, {customer: crates})
                pipe.execute()
                return True
            except redis.WatchError:
                continue


@right("17.2")
def record_before_and_after(redis_conn, key, customer, crates):
    before, _ = redis_conn.pipeline().zscore(key, customer).zadd(key, {customer: crates}, gt=True).execute()
    return before is None or before < crates


@right("17.2")
def record_under_a_lock_in_redis(redis_conn, key, customer, crates):
    with redis_conn.lock(f"{key}:lock", timeout=10):
        best = redis_conn.zscore(key, customer)
        if best is not None and crates <= best:
            return False
        redis_conn.zadd(key, {customer: crates})
        return True


@wrong("17.2", "your function said False: nobody tells the customer")
def record_without_ch(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, gt=True) == 1


@wrong("17.2", "neither a sum nor a smaller order counts")
def record_the_last(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, ch=True) == 1


@wrong("17.2", "it is not on the board")
def record_of_old_customers(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, xx=True, gt=True, ch=True) == 1


@wrong("17.2", "neither a sum nor a smaller order counts")
def record_the_first(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, nx=True) == 1


@wrong("17.2", "neither a sum nor a smaller order counts")
def record_the_smallest(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, lt=True, ch=True) == 1


@wrong("17.2", "neither a sum nor a smaller order counts")
def record_the_sum(redis_conn, key, customer, crates):
    redis_conn.zincrby(key, crates, customer)
    return True


@wrong("17.2", "return True for a new best, and otherwise False")
def record_a_number(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, gt=True, ch=True)


@wrong("17.2", "a better order is lost")
def record_after_a_look(redis_conn, key, customer, crates):
    if crates > (redis_conn.zmscore(key, [customer])[0] or -1000):
        redis_conn.zadd(key, {customer: crates})
        return True
    return False


@wrong("17.2", "the answers do not fit together")
def record_and_answer_by_the_look(redis_conn, key, customer, crates):
    best = redis_conn.zscore(key, customer)
    redis_conn.zadd(key, {customer: crates}, gt=True)
    return best is None or crates > best


@wrong("17.2", "a better order is lost")
def record_one_thread_at_a_time(redis_conn, key, customer, crates):
    with till:
        best = redis_conn.zscore(key, customer)
        if best is not None and crates <= best:
            return False
        redis_conn.zadd(key, {customer: crates})
        return True


@wrong("17.2", "neither a sum nor a smaller order counts")
def record_by_text(redis_conn, key, customer, crates):
    script = """
        local best = redis.call('ZSCORE', KEYS[1], ARGV[1])
        if best and best >= ARGV[2] then return 0 end
        redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
        return 1
    """
    return redis_conn.eval(script, 1, key, customer, crates) == 1


@wrong("17.2", "the customer is told what is not true")
def record_the_equal_too(redis_conn, key, customer, crates):
    redis_conn.zadd(key, {customer: crates}, gt=True)
    return redis_conn.zscore(key, customer) == crates


@wrong("17.2", "yours gave up")
def record_after_three_tries(redis_conn, key, customer, crates):
    with redis_conn.pipeline() as pipe:
        for _ in range(3):
            try:
                pipe.watch(key)
                best = pipe.zscore(key, customer)
                if best is not None and crates <= best:
                    return False
                pipe.multi()
                pipe.zadd(key, {customer: crates})
                pipe.execute()
                return True
            except redis.WatchError:
                continue
    return False


@wrong("17.2", "kept it to itself")
def record_without_errors(redis_conn, key, customer, crates):
    try:
        return redis_conn.zadd(key, {customer: crates}, gt=True, ch=True) == 1
    except redis.RedisError:
        return False


# 17.3


@right("17.3")
def place_by_the_first_equal(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    if score is None:
        return None
    (first,) = redis_conn.zrange(key, score, score, byscore=True, desc=True, offset=0, num=1)
    return redis_conn.zrevrank(key, first) + 1


@right("17.3")
def place_by_script(redis_conn, key, member):
    script = """
        local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
        return score and redis.call('ZCOUNT', KEYS[1], '(' .. score, '+inf') + 1
    """
    return redis_conn.eval(script, 1, key, member)


@right("17.3")
def place_from_the_next_number_on(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else 1 + redis_conn.zcount(key, math.nextafter(score, math.inf), math.inf)


@right("17.3")
def place_by_the_whole_board(redis_conn, key, member):
    board = dict(redis_conn.zscan_iter(key))
    return None if member not in board else 1 + sum(score > board[member] for score in board.values())


@wrong("17.3", "equal scores share one")
def place_by_rank(redis_conn, key, member):
    rank = redis_conn.zrevrank(key, member)
    return None if rank is None else rank + 1


@wrong("17.3", "equal scores share one")
def place_with_the_equal_ones(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else redis_conn.zcount(key, score, "+inf")


@wrong("17.3", "places count from 1")
def place_from_zero(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else redis_conn.zcount(key, f"({score}", "+inf")


@wrong("17.3", "whose score is 0 is on the board")
def place_of_those_who_have_something(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    if not score:
        return None
    return 1 + redis_conn.zcount(key, f"({score}", "+inf")


@wrong("17.3", "after two first places comes the third")
def place_dense(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    above = redis_conn.zrange(key, f"({score}", "+inf", byscore=True, withscores=True)
    return 1 + len({score for _, score in above})


@wrong("17.3", "who is not on the board has no place")
def place_of_nobody(redis_conn, key, member):
    return 1 + redis_conn.zcount(key, f"({redis_conn.zscore(key, member) or 0}", "+inf")


@wrong("17.3", "higher score")
def place_in_whole_numbers(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else 1 + redis_conn.zcount(key, int(score) + 1, "+inf")


@wrong("17.3", "to the last digit")
def place_by_rounded_score(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else 1 + redis_conn.zcount(key, f"({score:g}", "+inf")


boards: dict = {}


@wrong("17.3", "with a higher score")
def place_of_the_first_time(redis_conn, key, member):
    board = boards.setdefault(key, dict(redis_conn.zrange(key, 0, -1, withscores=True)))
    return None if member not in board else 1 + sum(score > board[member] for score in board.values())


@wrong("17.3", "with a higher score")
def place_among_the_first_thousand(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    if score is None:
        return None
    return 1 + len(redis_conn.zrange(key, "+inf", f"({score}", byscore=True, desc=True, offset=0, num=1000))


@wrong("17.3", "stays too long")
def place_that_keeps_the_board(redis_conn, key, member):
    redis_conn.expire(key, 3600)
    score = redis_conn.zscore(key, member)
    return None if score is None else 1 + redis_conn.zcount(key, f"({score}", "+inf")


@wrong("17.3", "kept it to itself")
def place_without_errors(redis_conn, key, member):
    try:
        score = redis_conn.zscore(key, member)
        return None if score is None else 1 + redis_conn.zcount(key, f"({score}", "+inf")
    except redis.RedisError:
        return None


@wrong("17.3", "only to look")
def place_of_who_comes_last(redis_conn, key, member):
    if redis_conn.zadd(key, {member: 0}, nx=True):
        return None
    return 1 + redis_conn.zcount(key, f"({redis_conn.zscore(key, member)}", "+inf")


# 17.4


@right("17.4")
def page_with_watch(redis_conn, key, member, size):
    with redis_conn.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                rank = pipe.zrevrank(key, member)
                if rank is None:
                    return []
                first = max(0, min(rank - size // 2, pipe.zcard(key) - size))
                pipe.multi()
                pipe.zrange(key, first, first + size - 1, desc=True)
                return pipe.execute()[0]
            except redis.WatchError:
                continue


@right("17.4")
def page_by_eval(redis_conn, key, member, size):
    script = """
        local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
        if rank == false then return {} end
        local many = redis.call('ZCARD', KEYS[1])
        local first = rank - (ARGV[2] - 1) / 2
        if first > many - ARGV[2] then first = many - ARGV[2] end
        if first < 0 then first = 0 end
        return redis.call('ZREVRANGE', KEYS[1], first, first + ARGV[2] - 1)
    """
    return redis_conn.eval(script, 1, key, member, size)


def _page_by_script(redis_conn, key, member, size, first, last="first + ARGV[2] - 1", order=", 'REV'"):
    script = f"""
        local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
        if not rank then return {{}} end
        local half = math.floor(ARGV[2] / 2)
        local first = {first}
        return redis.call('ZRANGE', KEYS[1], first, {last} {order})
    """
    return redis_conn.eval(script, 1, key, member, size)


@wrong("17.4", "is not on its own page")
def page_in_steps(redis_conn, key, member, size):
    rank = redis_conn.zrevrank(key, member)
    if rank is None:
        return []
    first = max(0, min(rank - size // 2, redis_conn.zcard(key) - size))
    return redis_conn.zrange(key, first, first + size - 1, desc=True)


@wrong("17.4", "what does your code make of the rank 0, and of a first position below 0")
def page_that_wraps(redis_conn, key, member, size):
    return _page_by_script(redis_conn, key, member, size, "rank - half")


@wrong("17.4", "slides inwards")
def page_cut_at_the_bottom(redis_conn, key, member, size):
    return _page_by_script(redis_conn, key, member, size, "math.max(rank - half, 0)")


@wrong("17.4", "slides inwards")
def page_cut_at_both_ends(redis_conn, key, member, size):
    return _page_by_script(redis_conn, key, member, size, "math.max(rank - half, 0)", "rank + half")


@wrong("17.4", "look at its last position")
def page_one_too_long(redis_conn, key, member, size):
    return _page_by_script(redis_conn, key, member, size, "math.max(rank - half, 0)", "first + ARGV[2]")


@wrong("17.4", "the best comes first")
def page_upside_down(redis_conn, key, member, size):
    return page_by_eval(redis_conn, key, member, size)[::-1]


@wrong("17.4", "shown whole")
def page_of_a_large_board(redis_conn, key, member, size):
    first = "math.min(math.max(rank - half, 0), redis.call('ZCARD', KEYS[1]) - ARGV[2])"
    return _page_by_script(redis_conn, key, member, size, first)


@wrong("17.4", "in the middle of its page")
def page_from_me_on(redis_conn, key, member, size):
    first = "math.max(math.min(rank, redis.call('ZCARD', KEYS[1]) - ARGV[2]), 0)"
    return _page_by_script(redis_conn, key, member, size, first)


@wrong("17.4", "gets an empty list")
def page_of_nobody(redis_conn, key, member, size):
    return page_by_eval(redis_conn, key, member, size) or None


@right("17.4")
def page_of_the_whole_board(redis_conn, key, member, size):
    board = redis_conn.zrevrange(key, 0, -1)
    if member not in board:
        return []
    first = max(0, min(board.index(member) - size // 2, len(board) - size))
    return board[first : first + size]


@right("17.4")
def page_that_looks_twice(redis_conn, key, member, size):
    while True:
        rank, many = redis_conn.pipeline().zrevrank(key, member).zcard(key).execute()
        if rank is None:
            return []
        first = max(0, min(rank - size // 2, many - size))
        pipe = redis_conn.pipeline().zrevrank(key, member).zcard(key).zrevrange(key, first, first + size - 1)
        *now, members = pipe.execute()
        if now == [rank, many]:
            return members


@wrong("17.4", "of no single moment")
def page_with_me_somewhere(redis_conn, key, member, size):
    while True:
        members = page_in_steps(redis_conn, key, member, size)
        if member in members or not members:
            return members


@wrong("17.4", "again and again")
def page_that_looks_twice_three_times(redis_conn, key, member, size):
    for _ in range(3):
        rank, many = redis_conn.pipeline().zrevrank(key, member).zcard(key).execute()
        if rank is None:
            return []
        first = max(0, min(rank - size // 2, many - size))
        pipe = redis_conn.pipeline().zrevrank(key, member).zcard(key).zrevrange(key, first, first + size - 1)
        *now, members = pipe.execute()
        if now == [rank, many]:
            break
    return members


@wrong("17.4", "equal scores")
def page_by_place(redis_conn, key, member, size):
    script = """
        local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
        if not score then return {} end
        local size = tonumber(ARGV[2])
        local above = redis.call('ZCOUNT', KEYS[1], '(' .. score, '+inf')
        local first = math.max(math.min(above - math.floor(size / 2), redis.call('ZCARD', KEYS[1]) - size), 0)
        return redis.call('ZREVRANGE', KEYS[1], first, first + size - 1)
    """
    return redis_conn.eval(script, 1, key, member, size)


@wrong("17.4", "what does your code make of the rank 0")
def page_of_all_but_the_leader(redis_conn, key, member, size):
    if not redis_conn.zrevrank(key, member):
        return []
    return page_by_eval(redis_conn, key, member, size)


@wrong("17.4", "kept it to itself")
def page_without_errors(redis_conn, key, member, size):
    try:
        return page_by_eval(redis_conn, key, member, size)
    except redis.RedisError:
        return []
