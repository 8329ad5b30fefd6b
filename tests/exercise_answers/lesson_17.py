"""Answers to the exercises of lesson 17."""

from threading import Lock as ThreadLock

import redis

from tests.exercise_answers import right, wrong

# 17.1


@right("17.1")
def best_three_of_the_whole_board(redis_conn, key):
    return redis_conn.zrevrange(key, 0, -1)[:3]


@right("17.1")
def best_three_turned_round(redis_conn, key):
    return redis_conn.zrange(key, -3, -1)[::-1]


@wrong("17.1", "read from its lowest score")
def best_three_from_below(redis_conn, key):
    return redis_conn.zrange(key, 0, 2)


@wrong("17.1", "look at your last position")
def best_four(redis_conn, key):
    return redis_conn.zrange(key, 0, 3, desc=True)


@wrong("17.1", "the names alone")
def best_three_with_scores(redis_conn, key):
    return redis_conn.zrange(key, 0, 2, desc=True, withscores=True)


@wrong("17.1", "returns nothing")
def best_three_without_return(redis_conn, key):
    redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.1", "the three highest scores")
def best_three_from_one(redis_conn, key):
    return redis_conn.zrange(key, 1, 3, desc=True)


@wrong("17.1", "the highest must come first")
def best_three_lowest_first(redis_conn, key):
    return redis_conn.zrange(key, -3, -1)


@wrong("17.1", "was never true")
def best_three_after_counting(redis_conn, key):
    many = redis_conn.zcard(key)
    return redis_conn.zrange(key, max(many - 3, 0), many - 1)[::-1]


@wrong("17.1", "only to look")
def best_three_taken_off(redis_conn, key):
    return [name for name, _ in redis_conn.zpopmax(key, 3)]


@wrong("17.1", "kept it to itself")
def best_three_without_errors(redis_conn, key):
    try:
        return redis_conn.zrange(key, 0, 2, desc=True)
    except redis.RedisError:
        return []


# 17.2


@right("17.2")
def sell_with_zadd_incr(redis_conn, key, fruit, crates):
    redis_conn.zadd(key, {fruit: crates}, incr=True)
    return redis_conn.zrevrange(key, 0, 2)


@right("17.2")
def sell_in_one_transaction(redis_conn, key, fruit, crates):
    return redis_conn.pipeline().zincrby(key, crates, fruit).zrange(key, 0, 2, desc=True).execute()[-1]


@right("17.2")
def sell_with_redis_pys_transaction(redis_conn, key, fruit, crates):
    def add(pipe):
        total = (pipe.zscore(key, fruit) or 0) + crates
        pipe.multi()
        pipe.zadd(key, {fruit: total}).zrevrange(key, 0, 2)

    return redis_conn.transaction(add, key)[1]


@right("17.2")
def sell_under_a_lock_in_redis(redis_conn, key, fruit, crates):
    with redis_conn.lock(f"{key}:lock", timeout=10):
        redis_conn.zadd(key, {fruit: (redis_conn.zscore(key, fruit) or 0) + crates})
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.2", "the crates that were sold before are lost")
def sell_with_zadd(redis_conn, key, fruit, crates):
    redis_conn.zadd(key, {fruit: crates})
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.2", "one sale is counted nowhere")
def sell_by_reading_and_writing(redis_conn, key, fruit, crates):
    redis_conn.zadd(key, {fruit: (redis_conn.zscore(key, fruit) or 0) + crates})
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.2", "the order of your arguments")
def sell_with_arguments_swapped(redis_conn, key, fruit, crates):
    redis_conn.zincrby(key, fruit, crates)
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.2", "not the number of crates that were sold")
def sell_one_crate(redis_conn, key, fruit, crates):
    redis_conn.zincrby(key, 1, fruit)
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.2", "three best sellers, the best one first")
def sell_and_show_the_worst(redis_conn, key, fruit, crates):
    redis_conn.zincrby(key, crates, fruit)
    return redis_conn.zrange(key, 0, 2)


one_at_a_time = ThreadLock()


@wrong("17.2", "one sale is counted nowhere")
def sell_one_thread_at_a_time(redis_conn, key, fruit, crates):
    with one_at_a_time:
        return sell_by_reading_and_writing(redis_conn, key, fruit, crates)


sold_here: dict = {}


@wrong("17.2", "not the number of crates that were sold")
def sell_by_what_this_program_knows(redis_conn, key, fruit, crates):
    sold_here[key, fruit] = sold_here.get((key, fruit), 0) + crates
    redis_conn.zadd(key, {fruit: sold_here[key, fruit]})
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.2", "your function gave up")
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


@wrong("17.2", "counted by half")
def sell_by_taking_the_fruit_out(redis_conn, key, fruit, crates):
    script = """
        local before = redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0
        redis.call('ZREM', KEYS[1], ARGV[1])
        return before
    """
    redis_conn.zincrby(key, float(redis_conn.eval(script, 1, key, fruit)) + crates, fruit)
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.2", "crates that are no number")
def sell_without_errors(redis_conn, key, fruit, crates):
    try:
        redis_conn.zincrby(key, crates, fruit)
    except redis.ResponseError:
        pass
    return redis_conn.zrange(key, 0, 2, desc=True)


@wrong("17.2", "nobody asked for a TTL")
def sell_for_an_hour(redis_conn, key, fruit, crates):
    return redis_conn.pipeline().zincrby(key, crates, fruit).expire(key, 3600).zrevrange(key, 0, 2).execute()[-1]


@wrong("17.2", "no TTL any more")
def sell_on_a_new_board(redis_conn, key, fruit, crates):
    def add(pipe):
        totals = dict(pipe.zrange(key, 0, -1, withscores=True))
        totals[fruit] = totals.get(fruit, 0) + crates
        pipe.multi()
        pipe.delete(key).zadd(key, totals).zrevrange(key, 0, 2)

    return redis_conn.transaction(add, key)[-1]


# 17.3


@right("17.3")
def record_by_script(redis_conn, key, customer, crates):
    script = """
        local best = redis.call('ZSCORE', KEYS[1], ARGV[1])
        if best and tonumber(best) >= tonumber(ARGV[2]) then return 0 end
        redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
        return 1
    """
    return redis_conn.eval(script, 1, key, customer, crates) == 1


@right("17.3")
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


@right("17.3")
def record_before_and_after(redis_conn, key, customer, crates):
    before, _ = redis_conn.pipeline().zscore(key, customer).zadd(key, {customer: crates}, gt=True).execute()
    return before is None or before < crates


@right("17.3")
def record_under_a_lock_in_redis(redis_conn, key, customer, crates):
    with redis_conn.lock(f"{key}:lock", timeout=10):
        best = redis_conn.zscore(key, customer)
        if best is not None and crates <= best:
            return False
        redis_conn.zadd(key, {customer: crates})
        return True


@wrong("17.3", "your function said False: nobody tells the customer")
def record_without_ch(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, gt=True) == 1


@wrong("17.3", "neither a sum nor a smaller order counts")
def record_the_last(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, ch=True) == 1


@wrong("17.3", "it is not on the board")
def record_of_old_customers(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, xx=True, gt=True, ch=True) == 1


@wrong("17.3", "neither a sum nor a smaller order counts")
def record_the_first(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, nx=True) == 1


@wrong("17.3", "neither a sum nor a smaller order counts")
def record_the_smallest(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, lt=True, ch=True) == 1


@wrong("17.3", "neither a sum nor a smaller order counts")
def record_the_sum(redis_conn, key, customer, crates):
    redis_conn.zincrby(key, crates, customer)
    return True


@wrong("17.3", "return True for a new best, and otherwise False")
def record_a_number(redis_conn, key, customer, crates):
    return redis_conn.zadd(key, {customer: crates}, gt=True, ch=True)


@wrong("17.3", "a better order is lost")
def record_after_a_look(redis_conn, key, customer, crates):
    if crates > (redis_conn.zmscore(key, [customer])[0] or -1000):
        redis_conn.zadd(key, {customer: crates})
        return True
    return False


@wrong("17.3", "the answers do not fit together")
def record_and_answer_by_the_look(redis_conn, key, customer, crates):
    best = redis_conn.zscore(key, customer)
    redis_conn.zadd(key, {customer: crates}, gt=True)
    return best is None or crates > best


@wrong("17.3", "a better order is lost")
def record_one_thread_at_a_time(redis_conn, key, customer, crates):
    with one_at_a_time:
        best = redis_conn.zscore(key, customer)
        if best is not None and crates <= best:
            return False
        redis_conn.zadd(key, {customer: crates})
        return True


@wrong("17.3", "neither a sum nor a smaller order counts")
def record_by_text(redis_conn, key, customer, crates):
    script = """
        local best = redis.call('ZSCORE', KEYS[1], ARGV[1])
        if best and best >= ARGV[2] then return 0 end
        redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
        return 1
    """
    return redis_conn.eval(script, 1, key, customer, crates) == 1


@wrong("17.3", "the customer is told what is not true")
def record_the_equal_too(redis_conn, key, customer, crates):
    redis_conn.zadd(key, {customer: crates}, gt=True)
    return redis_conn.zscore(key, customer) == crates


@wrong("17.3", "yours gave up")
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


@wrong("17.3", "kept it to itself")
def record_without_errors(redis_conn, key, customer, crates):
    try:
        return redis_conn.zadd(key, {customer: crates}, gt=True, ch=True) == 1
    except redis.RedisError:
        return False


# 17.4


@right("17.4")
def row_by_script(redis_conn, key, member):
    script = """
        local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
        if not rank then return false end
        return rank + 1
    """
    return redis_conn.eval(script, 1, key, member)


@right("17.4")
def row_from_the_whole_board(redis_conn, key, member):
    board = redis_conn.zrange(key, 0, -1, desc=True)
    return board.index(member) + 1 if member in board else None


@right("17.4")
def row_by_the_rank_from_below(redis_conn, key, member):
    rank, many = redis_conn.pipeline().zrank(key, member).zcard(key).execute()
    return None if rank is None else many - rank


@wrong("17.4", "rows count from 1")
def row_from_zero(redis_conn, key, member):
    return redis_conn.zrevrank(key, member)


@wrong("17.4", "what does your `if` make of 0")
def row_of_all_but_the_best(redis_conn, key, member):
    rank = redis_conn.zrevrank(key, member)
    return rank + 1 if rank else None


@wrong("17.4", "counted from the lowest score")
def row_from_below(redis_conn, key, member):
    rank = redis_conn.zrank(key, member)
    return None if rank is None else rank + 1


@wrong("17.4", "raised TypeError")
def row_of_who_must_be_there(redis_conn, key, member):
    return redis_conn.zrevrank(key, member) + 1


@wrong("17.4", "who is not on the board has no row")
def row_of_nobody(redis_conn, key, member):
    return (redis_conn.zrevrank(key, member) or 0) + 1


@wrong("17.4", "raised TypeError")
def row_after_a_look(redis_conn, key, member):
    if redis_conn.zscore(key, member) is None:
        return None
    return redis_conn.zrevrank(key, member) + 1


@wrong("17.4", "was never true")
def row_in_two_steps(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else redis_conn.zcount(key, f"({score}", "+inf") + 1


@wrong("17.4", "kept it to itself")
def row_without_errors(redis_conn, key, member):
    try:
        rank = redis_conn.zrevrank(key, member)
    except redis.RedisError:
        return None
    return None if rank is None else rank + 1


# 17.5


@right("17.5")
def start_with_ifs(redis_conn, key, rank, size):
    start = rank - size // 2
    last = redis_conn.zcard(key) - size
    if start > last:
        start = last
    if start < 0:
        start = 0
    return start


@right("17.5")
def start_in_the_middle_of_three(redis_conn, key, rank, size):
    last = max(redis_conn.zcard(key) - size, 0)
    return sorted([0, rank - size // 2, last])[1]


@wrong("17.5", "begins below 0")
def start_anywhere(redis_conn, key, rank, size):
    return rank - size // 2


@wrong("17.5", "so late that it is not full")
def start_above_zero(redis_conn, key, rank, size):
    return max(rank - size // 2, 0)


@wrong("17.5", "begins below 0")
def start_before_the_last_page(redis_conn, key, rank, size):
    return min(rank - size // 2, redis_conn.zcard(key) - size)


@wrong("17.5", "begins below 0")
def start_with_max_first(redis_conn, key, rank, size):
    return min(max(rank - size // 2, 0), redis_conn.zcard(key) - size)


@wrong("17.5", "can stand in the middle")
def start_with_the_member(redis_conn, key, rank, size):
    return max(min(rank, redis_conn.zcard(key) - size), 0)


@wrong("17.5", "as a whole number")
def start_with_a_half(redis_conn, key, rank, size):
    return max(min(rank - (size - 1) / 2, redis_conn.zcard(key) - size), 0)


@wrong("17.5", "so late that it is not full")
def start_of_the_last_page_one_late(redis_conn, key, rank, size):
    return max(min(rank - size // 2, redis_conn.zcard(key) - size + 1), 0)


# 17.6


@right("17.6")
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


@right("17.6")
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


@wrong("17.6", "is not on its own page")
def page_in_steps(redis_conn, key, member, size):
    rank = redis_conn.zrevrank(key, member)
    if rank is None:
        return []
    first = max(0, min(rank - size // 2, redis_conn.zcard(key) - size))
    return redis_conn.zrange(key, first, first + size - 1, desc=True)


@wrong("17.6", "what does your code make of the rank 0, and of a first position below 0")
def page_that_wraps(redis_conn, key, member, size):
    return _page_by_script(redis_conn, key, member, size, "rank - half")


@wrong("17.6", "the page is not full")
def page_cut_at_the_bottom(redis_conn, key, member, size):
    return _page_by_script(redis_conn, key, member, size, "math.max(rank - half, 0)")


@wrong("17.6", "the page is not full")
def page_cut_at_both_ends(redis_conn, key, member, size):
    return _page_by_script(redis_conn, key, member, size, "math.max(rank - half, 0)", "rank + half")


@wrong("17.6", "look at its last position")
def page_one_too_long(redis_conn, key, member, size):
    return _page_by_script(redis_conn, key, member, size, "math.max(rank - half, 0)", "first + ARGV[2]")


@wrong("17.6", "the best comes first")
def page_upside_down(redis_conn, key, member, size):
    return page_by_eval(redis_conn, key, member, size)[::-1]


@wrong("17.6", "shown whole")
def page_of_a_large_board(redis_conn, key, member, size):
    first = "math.min(math.max(rank - half, 0), redis.call('ZCARD', KEYS[1]) - ARGV[2])"
    return _page_by_script(redis_conn, key, member, size, first)


@wrong("17.6", "in the middle of its page")
def page_from_me_on(redis_conn, key, member, size):
    first = "math.max(math.min(rank, redis.call('ZCARD', KEYS[1]) - ARGV[2]), 0)"
    return _page_by_script(redis_conn, key, member, size, first)


@wrong("17.6", "gets an empty list")
def page_of_nobody(redis_conn, key, member, size):
    return page_by_eval(redis_conn, key, member, size) or None


@right("17.6")
def page_of_the_whole_board(redis_conn, key, member, size):
    board = redis_conn.zrevrange(key, 0, -1)
    if member not in board:
        return []
    first = max(0, min(board.index(member) - size // 2, len(board) - size))
    return board[first : first + size]


@right("17.6")
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


@wrong("17.6", "of no single moment")
def page_with_me_somewhere(redis_conn, key, member, size):
    while True:
        members = page_in_steps(redis_conn, key, member, size)
        if member in members or not members:
            return members


@wrong("17.6", "again and again")
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


@wrong("17.6", "equal scores")
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


@wrong("17.6", "what does your code make of the rank 0")
def page_of_all_but_the_leader(redis_conn, key, member, size):
    if not redis_conn.zrevrank(key, member):
        return []
    return page_by_eval(redis_conn, key, member, size)


@wrong("17.6", "kept it to itself")
def page_without_errors(redis_conn, key, member, size):
    try:
        return page_by_eval(redis_conn, key, member, size)
    except redis.RedisError:
        return []
