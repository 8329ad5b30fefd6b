"""Answers to the exercises of lesson 18."""

import math

import redis

from tests.exercise_answers import right, wrong

# 18.1


@right("18.1")
def above_from_the_next_number_on(redis_conn, key, score):
    return redis_conn.zcount(key, math.nextafter(score, math.inf), math.inf)


@right("18.1")
def above_as_a_list(redis_conn, key, score):
    return len(redis_conn.zrange(key, f"({score}", "+inf", byscore=True))


@right("18.1")
def above_by_script(redis_conn, key, score):
    return redis_conn.eval("return redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[1], '+inf')", 1, key, score)


@wrong("18.1", "exactly this score were counted")
def above_with_the_equal_ones(redis_conn, key, score):
    return redis_conn.zcount(key, score, "+inf")


@wrong("18.1", "not the number of members with a higher score")
def below_instead(redis_conn, key, score):
    return redis_conn.zcount(key, "-inf", f"({score}")


@wrong("18.1", "not the number of members with a higher score")
def above_plus_one(redis_conn, key, score):
    return 1 + redis_conn.zcount(key, f"({score}", "+inf")


@wrong("18.1", "not the number of members with a higher score")
def above_as_names(redis_conn, key, score):
    return redis_conn.zrange(key, f"({score}", "+inf", byscore=True)


@wrong("18.1", "20.5 is above 20")
def above_from_the_next_whole_number(redis_conn, key, score):
    return redis_conn.zcount(key, score + 1, "+inf")


@wrong("18.1", "cannot read a bound")
def above_without_the_f(redis_conn, key, score):
    return redis_conn.zcount(key, "({score}", "+inf")


@wrong("18.1", "kept it to itself")
def above_without_errors(redis_conn, key, score):
    try:
        return redis_conn.zcount(key, f"({score}", "+inf")
    except redis.RedisError:
        return 0


# 18.2


@right("18.2")
def place_by_the_first_equal(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    if score is None:
        return None
    (first,) = redis_conn.zrange(key, score, score, byscore=True, desc=True, offset=0, num=1)
    return redis_conn.zrevrank(key, first) + 1


@right("18.2")
def place_by_script(redis_conn, key, member):
    script = """
        local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
        return score and redis.call('ZCOUNT', KEYS[1], '(' .. score, '+inf') + 1
    """
    return redis_conn.eval(script, 1, key, member)


@right("18.2")
def place_from_the_next_number_on(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else 1 + redis_conn.zcount(key, math.nextafter(score, math.inf), math.inf)


@right("18.2")
def place_by_the_whole_board(redis_conn, key, member):
    board = dict(redis_conn.zscan_iter(key))
    return None if member not in board else 1 + sum(score > board[member] for score in board.values())


@wrong("18.2", "equal scores share one")
def place_by_rank(redis_conn, key, member):
    rank = redis_conn.zrevrank(key, member)
    return None if rank is None else rank + 1


@wrong("18.2", "equal scores share one")
def place_with_the_equal_ones(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else redis_conn.zcount(key, score, "+inf")


@wrong("18.2", "counted from the lowest score")
def place_by_rank_from_below(redis_conn, key, member):
    rank = redis_conn.zrank(key, member)
    return None if rank is None else rank + 1


@wrong("18.2", "counted from the lowest score")
def place_by_those_below(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else 1 + redis_conn.zcount(key, "-inf", f"({score}")


@wrong("18.2", "places count from 1")
def place_from_zero(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else redis_conn.zcount(key, f"({score}", "+inf")


@wrong("18.2", "whose score is 0 is on the board")
def place_of_those_who_have_something(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    if not score:
        return None
    return 1 + redis_conn.zcount(key, f"({score}", "+inf")


@wrong("18.2", "after two first places comes the third")
def place_dense(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    above = redis_conn.zrange(key, f"({score}", "+inf", byscore=True, withscores=True)
    return 1 + len({score for _, score in above})


@wrong("18.2", "who is not on the board has no place")
def place_of_nobody(redis_conn, key, member):
    return 1 + redis_conn.zcount(key, f"({redis_conn.zscore(key, member) or 0}", "+inf")


@wrong("18.2", "higher score")
def place_in_whole_numbers(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else 1 + redis_conn.zcount(key, int(score) + 1, "+inf")


@wrong("18.2", "need not be a whole number")
def place_without_the_fraction(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else 1 + redis_conn.zcount(key, f"({int(score)}", "+inf")


@wrong("18.2", "look at the score of this member first")
def place_of_a_score_that_is_none(redis_conn, key, member):
    return 1 + redis_conn.zcount(key, f"({redis_conn.zscore(key, member)}", "+inf")


@wrong("18.2", "to the last digit")
def place_by_rounded_score(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    return None if score is None else 1 + redis_conn.zcount(key, f"({score:g}", "+inf")


boards: dict = {}


@wrong("18.2", "with a higher score")
def place_of_the_first_time(redis_conn, key, member):
    board = boards.setdefault(key, dict(redis_conn.zrange(key, 0, -1, withscores=True)))
    return None if member not in board else 1 + sum(score > board[member] for score in board.values())


@wrong("18.2", "with a higher score")
def place_among_the_first_thousand(redis_conn, key, member):
    score = redis_conn.zscore(key, member)
    if score is None:
        return None
    return 1 + len(redis_conn.zrange(key, "+inf", f"({score}", byscore=True, desc=True, offset=0, num=1000))


@wrong("18.2", "stays too long")
def place_that_keeps_the_board(redis_conn, key, member):
    redis_conn.expire(key, 3600)
    score = redis_conn.zscore(key, member)
    return None if score is None else 1 + redis_conn.zcount(key, f"({score}", "+inf")


@wrong("18.2", "kept it to itself")
def place_without_errors(redis_conn, key, member):
    try:
        score = redis_conn.zscore(key, member)
        return None if score is None else 1 + redis_conn.zcount(key, f"({score}", "+inf")
    except redis.RedisError:
        return None


@wrong("18.2", "only to look")
def place_of_who_comes_last(redis_conn, key, member):
    if redis_conn.zadd(key, {member: 0}, nx=True):
        return None
    return 1 + redis_conn.zcount(key, f"({redis_conn.zscore(key, member)}", "+inf")


# 18.3


@right("18.3")
def earliest_in_bits(redis_conn, key, customer, crates, second):
    redis_conn.zadd(key, {customer: crates * 2**32 + 2**32 - 1 - second}, gt=True)


@right("18.3")
def earliest_by_subtraction(redis_conn, key, customer, crates, second):
    redis_conn.zadd(key, {customer: crates * 604_800 - second}, gt=True)


@right("18.3")
def earliest_behind_the_point(redis_conn, key, customer, crates, second):
    redis_conn.zadd(key, {customer: crates - second / 1_000_000}, gt=True)


@wrong("18.3", "the later one stands higher")
def earliest_without_time(redis_conn, key, customer, crates, second):
    redis_conn.zadd(key, {customer: crates}, gt=True)


@wrong("18.3", "the later one stands higher")
def latest_first(redis_conn, key, customer, crates, second):
    redis_conn.zadd(key, {customer: crates * 1_000_000 + second}, gt=True)


@wrong("18.3", "more crates stands below")
def earliest_in_two_digits(redis_conn, key, customer, crates, second):
    redis_conn.zadd(key, {customer: crates * 100 + 99 - second}, gt=True)


@wrong("18.3", "more crates stands below")
def earliest_with_one_second_too_few(redis_conn, key, customer, crates, second):
    redis_conn.zadd(key, {customer: crates * 604_799 + 604_799 - second}, gt=True)


@wrong("18.3", "for few crates it was right")
def earliest_in_thirteen_digits(redis_conn, key, customer, crates, second):
    redis_conn.zadd(key, {customer: crates * 10**13 + 10**13 - 1 - second}, gt=True)


@wrong("18.3", "has replaced it")
def earliest_without_gt(redis_conn, key, customer, crates, second):
    redis_conn.zadd(key, {customer: crates * 1_000_000 + 999_999 - second})


@wrong("18.3", "the better one is lost")
def earliest_read_first(redis_conn, key, customer, crates, second):
    score = crates * 1_000_000 + 999_999 - second
    if score > (redis_conn.zscore(key, customer) or 0):
        redis_conn.zadd(key, {customer: score})


@wrong("18.3", "does not show it")
def earliest_only_once(redis_conn, key, customer, crates, second):
    redis_conn.zadd(key, {customer: crates * 1_000_000 + 999_999 - second}, nx=True)


# 18.4


@right("18.4")
def add_and_note_by_script(redis_conn, board, since, customer, crates, second):
    script = """
        redis.call('ZINCRBY', KEYS[1], ARGV[2], ARGV[1])
        redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
    """
    redis_conn.eval(script, 2, board, since, customer, crates, second)


@right("18.4")
def add_and_note_in_the_other_order(redis_conn, board, since, customer, crates, second):
    redis_conn.pipeline().hset(since, customer, second).zincrby(board, crates, customer).execute()


@wrong("18.4", "or the other way round")
def add_and_note_one_by_one(redis_conn, board, since, customer, crates, second):
    redis_conn.zincrby(board, crates, customer)
    redis_conn.hset(since, customer, second)


@wrong("18.4", "or the other way round")
def add_and_note_half_in_the_pipe(redis_conn, board, since, customer, crates, second):
    with redis_conn.pipeline() as pipe:
        pipe.zincrby(board, crates, customer)
        redis_conn.hset(since, customer, second)
        pipe.execute()


@wrong("18.4", "plus the new crates")
def set_and_note(redis_conn, board, since, customer, crates, second):
    redis_conn.pipeline().zadd(board, {customer: crates}).hset(since, customer, second).execute()


@wrong("18.4", "plus the new crates")
def add_and_note_not_sent(redis_conn, board, since, customer, crates, second):
    redis_conn.pipeline().zincrby(board, crates, customer).hset(since, customer, second)


@wrong("18.4", "in which second the customer last ordered")
def add_and_note_the_first_second(redis_conn, board, since, customer, crates, second):
    redis_conn.pipeline().zincrby(board, crates, customer).hsetnx(since, customer, second).execute()


@wrong("18.4", "in which second the customer last ordered")
def add_and_note_nothing(redis_conn, board, since, customer, crates, second):
    redis_conn.zincrby(board, crates, customer)


@wrong("18.4", "found no number where the crates")
def add_and_note_turned_round(redis_conn, board, since, customer, crates, second):
    redis_conn.pipeline().zincrby(board, customer, crates).hset(since, customer, second).execute()


@wrong("18.4", "not the sum of both")
def add_and_note_read_first(redis_conn, board, since, customer, crates, second):
    total = (redis_conn.zscore(board, customer) or 0) + crates
    redis_conn.pipeline().zadd(board, {customer: total}).hset(since, customer, second).execute()


# 18.5


@right("18.5")
def week_beside_and_renamed(redis_conn, week, days, keep, ttl):
    built = f"{week}:built"
    with redis_conn.pipeline() as pipe:
        pipe.zunionstore(built, days)
        pipe.zremrangebyrank(built, 0, -keep - 1)
        pipe.zunionstore(week, [built])
        pipe.expire(week, ttl)
        pipe.delete(built)
        pipe.execute()


@right("18.5")
def week_by_script(redis_conn, week, days, keep, ttl):
    script = """
        redis.call('ZUNIONSTORE', KEYS[1], #KEYS - 1, unpack(KEYS, 2))
        redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[1] - 1)
        redis.call('EXPIRE', KEYS[1], ARGV[2])
    """
    redis_conn.eval(script, 1 + len(days), week, *days, keep, ttl)


@right("18.5")
def week_with_its_end_before_the_cut(redis_conn, week, days, keep, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.zunionstore(week, days)
        pipe.pexpire(week, 1000 * ttl)
        pipe.zremrangebyrank(week, 0, -keep - 1)
        pipe.execute()


@wrong("18.5", "all of them are there")
def week_uncut(redis_conn, week, days, keep, ttl):
    redis_conn.pipeline().zunionstore(week, days).expire(week, ttl).execute()


@wrong("18.5", "all of them are there")
def week_cut_before_it_is_built(redis_conn, week, days, keep, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.zunionstore(week, days)
        redis_conn.zremrangebyrank(week, 0, -keep - 1)
        pipe.expire(week, ttl)
        pipe.execute()


@wrong("18.5", "all of them are there")
def week_that_cuts_its_days(redis_conn, week, days, keep, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.zunionstore(week, days)
        for day in days:
            pipe.zremrangebyrank(day, 0, -keep - 1)
        pipe.expire(week, ttl)
        pipe.execute()


@wrong("18.5", "or not the best ones")
def week_of_one_too_few(redis_conn, week, days, keep, ttl):
    pipe = redis_conn.pipeline().zunionstore(week, days).zremrangebyrank(week, 0, -keep)
    pipe.expire(week, ttl).execute()


@wrong("18.5", "or not the best ones")
def week_of_the_lowest(redis_conn, week, days, keep, ttl):
    pipe = redis_conn.pipeline().zunionstore(week, days).zremrangebyrank(week, keep, -1)
    pipe.expire(week, ttl).execute()


@wrong("18.5", "the week never ends")
def week_with_its_end_too_early(redis_conn, week, days, keep, ttl):
    pipe = redis_conn.pipeline().expire(week, ttl).zunionstore(week, days)
    pipe.zremrangebyrank(week, 0, -keep - 1).execute()


@wrong("18.5", "the sums of its days")
def week_of_the_best_days(redis_conn, week, days, keep, ttl):
    pipe = redis_conn.pipeline().zunionstore(week, days, aggregate="MAX")
    pipe.zremrangebyrank(week, 0, -keep - 1).expire(week, ttl).execute()


@wrong("18.5", "nobody comes back to finish it")
def week_in_three_commands(redis_conn, week, days, keep, ttl):
    redis_conn.zunionstore(week, days)
    redis_conn.zremrangebyrank(week, 0, -keep - 1)
    redis_conn.expire(week, ttl)


@wrong("18.5", "nobody comes back to finish it")
def week_with_its_end_afterwards(redis_conn, week, days, keep, ttl):
    redis_conn.pipeline().zunionstore(week, days).zremrangebyrank(week, 0, -keep - 1).execute()
    redis_conn.expire(week, ttl)


@wrong("18.5", "no key to rename")
def week_renamed_where_there_is_none(redis_conn, week, days, keep, ttl):
    built = f"{week}:built"
    pipe = redis_conn.pipeline().zunionstore(built, days).zremrangebyrank(built, 0, -keep - 1)
    pipe.expire(built, ttl).rename(built, week).execute()


@wrong("18.5", "stay as they are")
def week_of_cut_days(redis_conn, week, days, keep, ttl):
    pipe = redis_conn.pipeline().zunionstore(week, days).zremrangebyrank(week, 0, -keep - 1).expire(week, ttl)
    pipe.delete(*days).execute()
