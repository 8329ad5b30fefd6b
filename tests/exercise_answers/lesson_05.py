"""Answers to the exercises of lesson 05."""

import contextlib
import threading
import time

import redis

from redis_helpers.redis_repository import RedisRepository
from tests.exercise_answers import right, wrong

# 5.1


@right("5.1")
def day_through_the_repository(redis_conn, key, prices, ttl):
    RedisRepository(redis_conn).insert_hash_many_ex(key, prices, ttl)


@right("5.1")
def day_in_one_chain(redis_conn, key, prices, ttl):
    redis_conn.pipeline(transaction=True).hset(key, mapping=prices).pexpire(key, ttl * 1000).execute()


@right("5.1")
def day_deleted_first(redis_conn, key, prices, ttl):
    redis_conn.pipeline().delete(key).hset(key, mapping=prices).expire(key, ttl).execute()


@right("5.1")
def day_by_script(redis_conn, key, prices, ttl):
    script = """
        for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
        redis.call('EXPIRE', KEYS[1], ARGV[1])
    """
    flat = [word for pair in prices.items() for word in pair]
    redis_conn.register_script(script)(keys=[key], args=[ttl, *flat])


@right("5.1")
def day_until_a_time_of_the_clock(redis_conn, key, prices, ttl):
    end = round(time.time() + ttl)
    redis_conn.transaction(lambda pipe: (pipe.multi(), pipe.hset(key, mapping=prices), pipe.expireat(key, end)), key)


@wrong("5.1", "the day is left without its end")
def day_in_two_commands(redis_conn, key, prices, ttl):
    redis_conn.hset(key, mapping=prices)
    redis_conn.expire(key, ttl)


@wrong("5.1", "the day is left without its end")
def day_in_a_pipeline_without_transaction(redis_conn, key, prices, ttl):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.hset(key, mapping=prices)
        pipe.expire(key, ttl)
        pipe.execute()


@wrong("5.1", "A pipeline sends nothing before its execute()")
def day_not_executed(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        pipe.expire(key, ttl)


@wrong("5.1", "Look at what gives the hash its end, and when")
def day_expired_before_it_exists(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.expire(key, ttl)
        pipe.hset(key, mapping=prices)
        pipe.execute()


@wrong("5.1", "What you call on redis_conn is sent at once")
def day_whose_end_is_sent_beside_the_pipeline(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        redis_conn.expire(key, ttl)
        pipe.execute()


@wrong("5.1", "the day never ends")
def day_without_end(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        pipe.execute()


@wrong("5.1", "too early or too late")
def day_of_forty_seconds(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        pipe.expire(key, 40)
        pipe.execute()


@wrong("5.1", "too early or too late")
def day_that_never_gets_shorter(redis_conn, key, prices, ttl):
    redis_conn.pipeline().hset(key, mapping=prices).expire(key, 1, nx=True).expire(key, ttl, gt=True).execute()


@wrong("5.1", "the day never ends")
def day_whose_fields_end(redis_conn, key, prices, ttl):
    redis_conn.pipeline().hset(key, mapping=prices).hexpire(key, ttl, *prices).execute()


@wrong("5.1", "with a part of its prices")
def day_with_the_first_price_and_then_the_others(redis_conn, key, prices, ttl):
    (first, price), *others = prices.items()
    redis_conn.pipeline().hset(key, first, price).expire(key, ttl).execute()
    redis_conn.hset(key, mapping=dict(others))


@wrong("5.1", "a key is stored that nobody asked for")
def day_with_a_copy(redis_conn, key, prices, ttl):
    pipe = redis_conn.pipeline().hset(key, mapping=prices).hset(f"{key}:copy", mapping=prices)
    pipe.expire(key, ttl).expire(f"{key}:copy", ttl).execute()


@wrong("5.1", "kept that to itself")
def day_or_nothing_said(redis_conn, key, prices, ttl):
    pipe = redis_conn.pipeline().hset(key, mapping=prices).expire(key, ttl)
    pipe.execute(raise_on_error=False)


# 5.2


@right("5.2")
def correct_what_is_there(redis_conn, key, fruit, price):
    def look_and_correct(pipe):
        there = pipe.exists(key)
        pipe.multi()
        if there:
            pipe.hset(key, fruit, price)
        pipe.ttl(key)

    return redis_conn.transaction(look_and_correct, key)[-1]


@right("5.2")
def correct_by_script(redis_conn, key, fruit, price):
    script = """
        if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
        return redis.call('TTL', KEYS[1])
    """
    return redis_conn.eval(script, 1, key, fruit, price)


@right("5.2")
def correct_what_has_seconds_left(redis_conn, key, fruit, price):
    pipe = redis_conn.pipeline()
    while True:
        pipe.watch(key)
        left = pipe.ttl(key)
        if left == -2:
            pipe.reset()
            return left
        pipe.multi()
        pipe.hset(key, mapping={fruit: price})
        with contextlib.suppress(redis.WatchError):
            pipe.execute()
            return left


@wrong("5.2", "made a new one")
def correct_without_a_look(redis_conn, key, fruit, price):
    return redis_conn.pipeline().hset(key, fruit, price).ttl(key).execute()[1]


@wrong("5.2", "made a new one")
def correct_after_a_look(redis_conn, key, fruit, price):
    if not redis_conn.exists(key):
        return -2
    redis_conn.hset(key, fruit, price)
    return redis_conn.ttl(key)


@wrong("5.2", "what comes between your look and your HSET")
def correct_after_a_look_in_a_transaction(redis_conn, key, fruit, price):
    if not redis_conn.exists(key):
        return -2
    return redis_conn.pipeline().hset(key, fruit, price).ttl(key).execute()[-1]


@wrong("5.2", "gave up with a WatchError")
def correct_and_give_up(redis_conn, key, fruit, price):
    with redis_conn.pipeline() as pipe:
        pipe.watch(key)
        if not pipe.exists(key):
            return -2
        pipe.multi()
        pipe.hset(key, fruit, price)
        pipe.ttl(key)
        return pipe.execute()[-1]


@wrong("5.2", "done at once")
def correct_without_multi(redis_conn, key, fruit, price):
    while True:
        with contextlib.suppress(redis.WatchError), redis_conn.pipeline() as pipe:
            pipe.watch(key)
            if not pipe.exists(key):
                return -2
            pipe.hset(key, fruit, price)
            pipe.ttl(key)
            return pipe.execute()[-1]


@wrong("5.2", "HSET was sent through redis_conn")
def correct_beside_the_pipeline(redis_conn, key, fruit, price):
    while True:
        with contextlib.suppress(redis.WatchError), redis_conn.pipeline() as pipe:
            pipe.watch(key)
            if not pipe.exists(key):
                return -2
            pipe.multi()
            redis_conn.hset(key, fruit, price)
            pipe.ttl(key)
            return pipe.execute()[-1]


@wrong("5.2", "0 is what HSET answers")
def correct_and_ask_for_the_time_first(redis_conn, key, fruit, price):
    return redis_conn.pipeline().ttl(key).hset(key, fruit, price).execute()[-1]


@wrong("5.2", "the caller is not told")
def correct_or_say_none(redis_conn, key, fruit, price):
    left = correct_what_is_there(redis_conn, key, fruit, price)
    return None if left == -2 else left


@wrong("5.2", "raised IndexError")
def correct_with_execute_alone(redis_conn, key, fruit, price):
    with redis_conn.pipeline() as pipe:
        replies = pipe.execute()
    return replies[-1]


@wrong("5.2", "the TTL was set again")
def correct_and_renew(redis_conn, key, fruit, price):
    redis_conn.hset(key, fruit, price)
    redis_conn.expire(key, 40)
    return redis_conn.ttl(key)


@wrong("5.2", "now it has none")
def correct_by_rewriting(redis_conn, key, fruit, price):
    prices, left = redis_conn.hgetall(key), redis_conn.ttl(key)
    redis_conn.delete(key)
    redis_conn.hset(key, mapping=prices | {fruit: price})
    return left


@wrong("5.2", "the TTL was set again")
def correct_by_rewriting_with_the_clock(redis_conn, key, fruit, price):
    left = redis_conn.ttl(key)
    correct_by_rewriting(redis_conn, key, fruit, price)
    redis_conn.expire(key, left)
    return left


@wrong("5.2", "return how many whole seconds the hash has left")
def correct_and_say_how_many_fields_are_new(redis_conn, key, fruit, price):
    return redis_conn.hset(key, fruit, price)


@wrong("5.2", "a correction gave it one")
def correct_and_end_what_has_no_end(redis_conn, key, fruit, price):
    return redis_conn.pipeline().hset(key, fruit, price).expire(key, 40, nx=True).ttl(key).execute()[-1]


@wrong("5.2", "TTL is shorter than it should be")
def correct_and_end_within_the_hour(redis_conn, key, fruit, price):
    return redis_conn.pipeline().hset(key, fruit, price).expire(key, 40, lt=True).ttl(key).execute()[-1]


@wrong("5.2", "somebody's change is lost")
def correct_by_rewriting_with_the_milliseconds(redis_conn, key, fruit, price):
    prices, left = redis_conn.hgetall(key), redis_conn.pttl(key)
    pipe = redis_conn.pipeline().delete(key).hset(key, mapping=prices | {fruit: price})
    if left > 0:
        pipe.pexpire(key, left)
    return pipe.ttl(key).execute()[-1]


@wrong("5.2", "in its last half second")
def correct_and_set_the_seconds_again(redis_conn, key, fruit, price):
    script = """
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        local left = redis.call('PTTL', KEYS[1])
        if left >= 0 and left < 1000 then redis.call('EXPIRE', KEYS[1], 0) end
        return redis.call('TTL', KEYS[1])
    """
    return redis_conn.eval(script, 1, key, fruit, price)


@wrong("5.2", "kept that to itself")
def correct_or_say_zero(redis_conn, key, fruit, price):
    try:
        redis_conn.hset(key, fruit, price)
    except redis.ResponseError:
        return 0
    return redis_conn.ttl(key)


@wrong("5.2", "and only that, must change")
def correct_as_a_string(redis_conn, key, fruit, price):
    redis_conn.set(key, price, keepttl=True)
    return redis_conn.ttl(key)


# 5.3


@right("5.3")
def take_by_script(redis_conn, key, fruit, crates):
    script = """
        if tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0) < tonumber(ARGV[2]) then return 0 end
        redis.call('HINCRBY', KEYS[1], ARGV[1], -ARGV[2])
        return 1
    """
    return redis_conn.evalsha(redis_conn.script_load(script), 1, key, fruit, crates) == 1


@right("5.3")
def take_with_watch(redis_conn, key, fruit, crates):
    with redis_conn.pipeline() as pipe:
        while True:
            pipe.watch(key)
            left = int(pipe.hget(key, fruit) or 0) - crates
            if left < 0:
                return False
            pipe.multi()
            pipe.hset(key, fruit, left)
            with contextlib.suppress(redis.WatchError):
                pipe.execute()
                return True


@right("5.3")
def take_under_a_lock_that_all_customers_see(redis_conn, key, fruit, crates):
    with redis_conn.lock(f"{key}:lock", timeout=10):
        enough = int(redis_conn.hget(key, fruit) or 0) >= crates
        if enough:
            redis_conn.hincrby(key, fruit, -crates)
        return enough


LOCK = threading.Lock()


@wrong("5.3", "two customers got the same ones")
def take_under_a_lock_of_this_program(redis_conn, key, fruit, crates):
    with LOCK:
        return take_on_a_look(redis_conn, key, fruit, crates)


@wrong("5.3", "sent away although there were enough crates")
def take_and_put_back(redis_conn, key, fruit, crates):
    if redis_conn.hincrby(key, fruit, -crates) >= 0:
        return True
    redis_conn.hincrby(key, fruit, crates)
    return False


@wrong("5.3", "sent away although there were enough crates")
def take_after_a_look(redis_conn, key, fruit, crates):
    if int(redis_conn.hget(key, fruit) or 0) < crates:
        return False
    return take_and_put_back(redis_conn, key, fruit, crates)


@wrong("5.3", "sent away although there were enough crates")
def take_with_watch_once(redis_conn, key, fruit, crates):
    with redis_conn.pipeline() as pipe:
        try:
            pipe.watch(key)
            enough = int(pipe.hget(key, fruit) or 0) >= crates
            pipe.multi()
            if enough:
                pipe.hincrby(key, fruit, -crates)
            pipe.execute()
            return enough
        except redis.WatchError:
            return False


@wrong("5.3", "done at once")
def take_without_multi(redis_conn, key, fruit, crates):
    while True:
        with contextlib.suppress(redis.WatchError), redis_conn.pipeline() as pipe:
            pipe.watch(key)
            if int(pipe.hget(key, fruit) or 0) < crates:
                return False
            pipe.hincrby(key, fruit, -crates)
            pipe.execute()
            return True


@wrong("5.3", "HINCRBY was sent through redis_conn")
def take_beside_the_pipeline(redis_conn, key, fruit, crates):
    while True:
        with contextlib.suppress(redis.WatchError), redis_conn.pipeline() as pipe:
            pipe.watch(key)
            if int(pipe.hget(key, fruit) or 0) < crates:
                return False
            pipe.multi()
            redis_conn.hincrby(key, fruit, -crates)
            pipe.execute()
            return True


@wrong("5.3", "The pipeline has only collected this command")
def take_without_watch(redis_conn, key, fruit, crates):
    with redis_conn.pipeline() as pipe:
        if int(pipe.hget(key, fruit) or 0) < crates:
            return False
        pipe.hincrby(key, fruit, -crates)
        pipe.execute()
        return True


@wrong("5.3", "raised TypeError")
def take_of_what_is_not_there(redis_conn, key, fruit, crates):
    while True:
        with contextlib.suppress(redis.WatchError), redis_conn.pipeline() as pipe:
            pipe.watch(key)
            if int(pipe.hget(key, fruit)) < crates:
                return False
            pipe.multi()
            pipe.hincrby(key, fruit, -crates)
            pipe.execute()
            return True


@wrong("5.3", "two customers got the same ones")
def take_with_hget_and_hset(redis_conn, key, fruit, crates):
    left = int(redis_conn.hget(key, fruit) or 0)
    if left < crates:
        return False
    redis_conn.hset(key, fruit, left - crates)
    return True


@wrong("5.3", "two customers got the same ones")
def take_on_a_look(redis_conn, key, fruit, crates):
    if int(redis_conn.hget(key, fruit) or 0) < crates:
        return False
    redis_conn.hincrby(key, fruit, -crates)
    return True


@wrong("5.3", "the customer gets none")
def take_as_texts_compare(redis_conn, key, fruit, crates):
    script = """
        if (redis.call('HGET', KEYS[1], ARGV[1]) or '0') < ARGV[2] then return 0 end
        redis.call('HINCRBY', KEYS[1], ARGV[1], -ARGV[2])
        return 1
    """
    return redis_conn.eval(script, 1, key, fruit, crates) == 1


@wrong("5.3", "raised ResponseError")
def take_what_must_be_there(redis_conn, key, fruit, crates):
    script = """
        if tonumber(redis.call('HGET', KEYS[1], ARGV[1])) < tonumber(ARGV[2]) then return 0 end
        redis.call('HINCRBY', KEYS[1], ARGV[1], -ARGV[2])
        return 1
    """
    return redis_conn.eval(script, 1, key, fruit, crates) == 1


@wrong("5.3", "crates are gone that nobody bought")
def take_in_halves(redis_conn, key, fruit, crates):
    with redis_conn.lock(f"{key}:lock", timeout=10):
        if int(redis_conn.hget(key, fruit) or 0) < crates:
            return False
        redis_conn.hincrby(key, fruit, -1)
        redis_conn.hincrby(key, fruit, 1 - crates)
        return True


@wrong("5.3", "the answer is False")
def take_and_say_nothing(redis_conn, key, fruit, crates):
    return take_by_script(redis_conn, key, fruit, crates) or None


@wrong("5.3", "kept that to itself")
def take_or_say_no(redis_conn, key, fruit, crates):
    try:
        return take_by_script(redis_conn, key, fruit, crates)
    except redis.RedisError:
        return False


@wrong("5.3", "nothing was sold")
def take_and_keep(redis_conn, key, fruit, crates):
    return redis_conn.hincrby(key, fruit, -crates) >= 0


@wrong("5.3", "there were enough crates")
def take_and_leave_one(redis_conn, key, fruit, crates):
    if redis_conn.hincrby(key, fruit, -crates) > 0:
        return True
    redis_conn.hincrby(key, fruit, crates)
    return False


@wrong("5.3", "nothing was sold")
def take_and_set_to_zero(redis_conn, key, fruit, crates):
    if redis_conn.hincrby(key, fruit, -crates) >= 0:
        return True
    redis_conn.hset(key, fruit, 0)
    return False


@wrong("5.3", "the stock must say what is left")
def take_the_wrong_way(redis_conn, key, fruit, crates):
    return redis_conn.hincrby(key, fruit, crates) >= 0
