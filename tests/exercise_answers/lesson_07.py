"""Answers to the exercises of lesson 07."""

import redis

from tests.exercise_answers import right, wrong

# 7.1


@right("7.1")
def sell_with_zadd_incr(redis_conn, key, fruit, crates):
    redis_conn.zadd(key, {fruit: crates}, incr=True)
    return redis_conn.zrevrange(key, 0, 2)


@right("7.1")
def sell_in_one_transaction(redis_conn, key, fruit, crates):
    return redis_conn.pipeline().zincrby(key, crates, fruit).zrange(key, 0, 2, desc=True).execute()[-1]


@wrong("7.1", "ZADD sets a score anew")
def sell_with_zadd(redis_conn, key, fruit, crates):
    redis_conn.zadd(key, {fruit: crates})
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("7.1", "8 tills sold 2 crates each at the same moment")
def sell_by_reading_and_writing(redis_conn, key, fruit, crates):
    redis_conn.zadd(key, {fruit: (redis_conn.zscore(key, fruit) or 0) + crates})
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("7.1", "not a valid float")
def sell_with_arguments_swapped(redis_conn, key, fruit, crates):
    redis_conn.zincrby(key, fruit, crates)
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("7.1", "the score is the fruit's total")
def sell_one_crate(redis_conn, key, fruit, crates):
    redis_conn.zincrby(key, 1, fruit)
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("7.1", "three best sellers, best first")
def sell_and_show_the_worst(redis_conn, key, fruit, crates):
    redis_conn.zincrby(key, crates, fruit)
    return redis_conn.zrange(key, 0, 2)


# 7.2


@right("7.2")
def record_by_script(redis_conn, key, customer, crates):
    script = """
        local best = redis.call('ZSCORE', KEYS[1], ARGV[1])
        if best and tonumber(best) >= tonumber(ARGV[2]) then return 0 end
        redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
        return 1
    """
    return redis_conn.eval(script, 1, key, customer, crates) == 1


@right("7.2")
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


@wrong("7.2", "ZADD counts only the members that it added")
def record_without_ch(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, gt=True) == 1


@wrong("7.2", "no sum and no smaller one")
def record_the_last(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, ch=True) == 1


@wrong("7.2", "XX leaves newcomers out")
def record_of_old_customers(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, xx=True, gt=True, ch=True) == 1


@wrong("7.2", "no sum and no smaller one")
def record_the_first(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, nx=True) == 1


@wrong("7.2", "no sum and no smaller one")
def record_the_smallest(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, lt=True, ch=True) == 1


@wrong("7.2", "no sum and no smaller one")
def record_the_sum(redis_conn, key, customer, crates):
    redis_conn.zincrby(key, crates, customer)
    return True


@wrong("7.2", "return True for a new best, and otherwise False")
def record_a_number(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, gt=True, ch=True)


@wrong("7.2", "a better order is lost")
def record_after_a_look(redis_conn, key, customer, crates):
    if crates > (redis_conn.zmscore(key, [customer])[0] or -1000):
        redis_conn.zadd(key, {customer: crates})
        return True
    return False


@wrong("7.2", "True for an order that was no new best")
def record_and_answer_by_the_look(redis_conn, key, customer, crates):
    best = redis_conn.zscore(key, customer)
    redis_conn.zadd(key, {customer: crates}, gt=True)
    return best is None or crates > best


# 7.3


@right("7.3")
def place_by_the_first_equal(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    if score is None:
        return None
    (first,) = redis_conn.zrange(key, score, score, byscore=True, desc=True, offset=0, num=1)
    return redis_conn.zrevrank(key, first) + 1


@right("7.3")
def place_by_script(redis_conn, key, member):
    script = """
        local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
        return score and redis.call('ZCOUNT', KEYS[1], '(' .. score, '+inf') + 1
    """
    return redis_conn.eval(script, 1, key, member)


@wrong("7.3", "equal scores share one place")
def place_by_rank(redis_conn, key, member):
    rank = redis_conn.zrevrank(key, member)
    return None if rank is None else rank + 1


@wrong("7.3", "equal scores share one place")
def place_with_the_equal_ones(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else redis_conn.zcount(key, score, "+inf")


@wrong("7.3", "places count from 1")
def place_from_zero(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else redis_conn.zcount(key, f"({score}", "+inf")


@wrong("7.3", "0 is a score too")
def place_of_those_who_have_something(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    if not score:
        return None
    return 1 + redis_conn.zcount(key, f"({score}", "+inf")


@wrong("7.3", "not the different scores")
def place_dense(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    above = redis_conn.zrange(key, f"({score}", "+inf", byscore=True, withscores=True)
    return 1 + len({score for _, score in above})


@wrong("7.3", "who is not on the board has no place")
def place_of_nobody(redis_conn, key, member):
    return 1 + redis_conn.zcount(key, f"({redis_conn.zscore(key, member) or 0}", "+inf")


@wrong("7.3", "higher score")
def place_in_whole_numbers(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else 1 + redis_conn.zcount(key, int(score) + 1, "+inf")


@wrong("7.3", "to the last digit")
def place_by_rounded_score(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else 1 + redis_conn.zcount(key, f"({score:g}", "+inf")


# 7.4


@right("7.4")
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


@right("7.4")
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


@wrong("7.4", "is not on its own page")
def page_in_steps(redis_conn, key, member, size):
    rank = redis_conn.zrevrank(key, member)
    if rank is None:
        return []
    first = max(0, min(rank - size // 2, redis_conn.zcard(key) - size))
    return redis_conn.zrange(key, first, first + size - 1, desc=True)


@wrong("7.4", "negative positions count from the end")
def page_that_wraps(redis_conn, key, member, size):
    return _page_by_script(redis_conn, key, member, size, "rank - half")


@wrong("7.4", "slides inwards")
def page_cut_at_the_bottom(redis_conn, key, member, size):
    return _page_by_script(redis_conn, key, member, size, "math.max(rank - half, 0)")


@wrong("7.4", "slides inwards")
def page_cut_at_both_ends(redis_conn, key, member, size):
    return _page_by_script(redis_conn, key, member, size, "math.max(rank - half, 0)", "rank + half")


@wrong("7.4", "ZRANGE includes its last position")
def page_one_too_long(redis_conn, key, member, size):
    return _page_by_script(redis_conn, key, member, size, "math.max(rank - half, 0)", "first + ARGV[2]")


@wrong("7.4", "the best comes first")
def page_upside_down(redis_conn, key, member, size):
    return page_by_eval(redis_conn, key, member, size)[::-1]


@wrong("7.4", "shown whole")
def page_of_a_large_board(redis_conn, key, member, size):
    first = "math.min(math.max(rank - half, 0), redis.call('ZCARD', KEYS[1]) - ARGV[2])"
    return _page_by_script(redis_conn, key, member, size, first)


@wrong("7.4", "in the middle of its page")
def page_from_me_on(redis_conn, key, member, size):
    first = "math.max(math.min(rank, redis.call('ZCARD', KEYS[1]) - ARGV[2]), 0)"
    return _page_by_script(redis_conn, key, member, size, first)


@wrong("7.4", "gets an empty list")
def page_of_nobody(redis_conn, key, member, size):
    return page_by_eval(redis_conn, key, member, size) or None
