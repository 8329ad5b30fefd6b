"""Answers to the exercises of lesson 01."""

import threading

import redis

from redis_helpers.redis_repository import RedisRepository
from tests.exercise_answers import right, wrong

# 1.1


@right("1.1")
def counted_in_a_transaction(redis_conn, key, crates):
    with redis_conn.pipeline() as pipe:
        return pipe.incrby(key, crates).execute()[0]


@right("1.1")
def counted_by_a_script(redis_conn, key, crates):
    return redis_conn.eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", 1, key, crates)


@right("1.1")
def counted_with_watch(redis_conn, key, crates):
    with redis_conn.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                total = int(pipe.get(key) or 0) + crates
                pipe.multi()
                pipe.set(key, total)
                pipe.execute()
                return total
            except redis.WatchError:
                continue


@wrong("1.1", "a sale was lost")
def get_add_set(redis_conn, key, crates):
    total = int(redis_conn.get(key) or 0) + crates
    redis_conn.set(key, total)
    return total


LOCK = threading.Lock()


@wrong("1.1", "a sale was lost")
def a_lock_that_other_programs_do_not_see(redis_conn, key, crates):
    with LOCK:
        return get_add_set(redis_conn, key, crates)


@wrong("1.1", "INCR adds 1")
def adds_one_each_time(redis_conn, key, crates):
    return redis_conn.incr(key)


@wrong("1.1", "GET answers text")
def total_as_text(redis_conn, key, crates):
    redis_conn.incrby(key, crates)
    return redis_conn.get(key)


@wrong("1.1", "two threads were told the same total")
def asks_again_for_the_total(redis_conn, key, crates):
    redis_conn.incrby(key, crates)
    return int(redis_conn.get(key))


@wrong("1.1", "Another stall sold between your commands: add all crates with one command.")
def adds_one_crate_after_the_other(redis_conn, key, crates):
    for _ in range(crates):
        total = redis_conn.incr(key)
    return total


@wrong("1.1", "raised TypeError")
def forgets_that_a_missing_key_is_none(redis_conn, key, crates):
    total = int(redis_conn.get(key)) + crates
    redis_conn.set(key, total)
    return total


# 1.2


@right("1.2")
def with_setnx(redis_conn, key, value):
    return redis_conn.setnx(key, value)


@right("1.2")
def compared_with_none(redis_conn, key, value):
    return redis_conn.set(key, value, nx=True) is not None


@wrong("1.2", "the key was overwritten")
def plain_set(redis_conn, key, value):
    return redis_conn.set(key, value)


@wrong("1.2", "bool() makes it False")
def none_instead_of_false(redis_conn, key, value):
    return redis_conn.set(key, value, nx=True)


@wrong("1.2", "between your look and your SET")
def looks_with_exists(redis_conn, key, value):
    if redis_conn.exists(key):
        return False
    return redis_conn.set(key, value)


@wrong("1.2", "between your look and your SET")
def looks_with_get_and_always_says_true(redis_conn, key, value):
    if redis_conn.get(key) is None:
        redis_conn.set(key, value, nx=True)
        return True
    return False


@wrong("1.2", "Alice asked twice")
def asks_again_who_has_it(redis_conn, key, value):
    redis_conn.set(key, value, nx=True)
    return redis_conn.get(key) == value


@wrong("1.2", "the key was free")
def xx_for_nx(redis_conn, key, value):
    return bool(redis_conn.set(key, value, xx=True))


@wrong("1.2", "with its TTL")
def gives_everybody_an_end(redis_conn, key, value):
    stored = bool(redis_conn.set(key, value, nx=True))
    redis_conn.expire(key, 3600)
    return stored


# 1.3


@right("1.3")
def price_by_script(redis_conn, key, price):
    script = "return redis.call('SET', KEYS[1], ARGV[1], 'XX', 'KEEPTTL')"
    return redis_conn.eval(script, 1, key, price) is not None


@right("1.3")
def price_with_the_rest_of_the_time(redis_conn, key, price):
    left = redis_conn.pttl(key)
    if left == -2:
        return False
    if left == -1:
        return bool(redis_conn.set(key, price, xx=True, keepttl=True))
    return bool(redis_conn.set(key, price, xx=True, px=left))


@wrong("1.3", "the key lost its TTL: SET removes it unless KEEPTTL")
def price_by_plain_set(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True))


@wrong("1.3", "SET does that unless XX")
def price_that_brings_the_offer_back(redis_conn, key, price):
    return bool(redis_conn.set(key, price, keepttl=True))


@wrong("1.3", "bool() makes it False")
def price_or_none(redis_conn, key, price):
    return redis_conn.set(key, price, xx=True, keepttl=True)


@wrong("1.3", "the TTL was set anew")
def price_with_a_new_clock(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True, ex=60))


@wrong("1.3", "the second brought it back")
def price_after_a_look(redis_conn, key, price):
    if not redis_conn.exists(key):
        return False
    return redis_conn.set(key, price, keepttl=True)


@wrong("1.3", "the second brought it back")
def price_with_the_ttl_as_it_was(redis_conn, key, price):
    return redis_conn.set(key, price, ex=redis_conn.ttl(key))


@wrong("1.3", "SET takes neither as EX")
def price_with_xx_and_the_ttl_as_it_was(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True, ex=redis_conn.ttl(key)))


@wrong("1.3", "dies after its command number 2")
def price_then_expire(redis_conn, key, price):
    left = redis_conn.ttl(key)
    if not redis_conn.set(key, price, xx=True):
        return False
    if left > 0:
        redis_conn.expire(key, left)
    return True


# 1.4


@right("1.4")
def forget_one_by_one(redis_conn, prefix):
    return sum(redis_conn.delete(key) for key in redis_conn.scan_iter(match=f"{prefix}*"))


@right("1.4")
def forget_by_cursor(redis_conn, prefix):
    cursor, gone = None, 0
    while cursor != 0:
        cursor, keys = redis_conn.scan(cursor or 0, match=prefix + "*", count=100)
        if keys:
            gone += redis_conn.unlink(*keys)
    return gone


@right("1.4")
def forget_through_the_repository(redis_conn, prefix):
    return RedisRepository(redis_conn, own_prefix=prefix).delete_prefix(prefix)


@wrong("1.4", "KEYS was not run")
def forget_with_keys(redis_conn, prefix):
    keys = redis_conn.keys(prefix + "*")
    return redis_conn.unlink(*keys) if keys else 0


@wrong("1.4", "go on until its cursor is 0")
def forget_the_first_part(redis_conn, prefix):
    _, keys = redis_conn.scan(match=prefix + "*", count=100)
    return redis_conn.unlink(*keys) if keys else 0


@wrong("1.4", "end the pattern with *")
def forget_without_the_star(redis_conn, prefix):
    keys = list(redis_conn.scan_iter(match=prefix))
    return redis_conn.unlink(*keys) if keys else 0


@wrong("1.4", "do not begin with the prefix were deleted too")
def forget_too_much(redis_conn, prefix):
    keys = list(redis_conn.scan_iter(match=f"*{prefix}*".replace(prefix, prefix[:-1])))
    return redis_conn.unlink(*keys) if keys else 0


@wrong("1.4", "is not one of this exercise")
def forget_everything(redis_conn, prefix):
    keys = list(redis_conn.scan_iter())
    return redis_conn.unlink(*keys) if keys else 0


@wrong("1.4", "FLUSHDB was not run")
def forget_the_database(redis_conn, prefix):
    redis_conn.flushdb()
    return 0


@wrong("1.4", "No key matched: look before you UNLINK.")
def forget_nothing(redis_conn, prefix):
    return redis_conn.unlink(*redis_conn.scan_iter(match=prefix + "*"))


@wrong("1.4", "No key matched: look before you DEL.")
def forget_nothing_with_del(redis_conn, prefix):
    return redis_conn.delete(*redis_conn.scan_iter(match=prefix + "*"))


@wrong("1.4", "return how many keys were deleted")
def forget_and_say_nothing(redis_conn, prefix):
    for key in redis_conn.scan_iter(match=prefix + "*"):
        redis_conn.unlink(key)


# 1.5


@right("1.5")
def prices_without_transaction(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline(transaction=False)
    for key in prices:
        pipe.set(key, prices[key], ex=ttl, get=True)
    replies = iter(pipe.execute())
    return {key: next(replies) for key in prices}


@right("1.5")
def prices_read_and_set_together(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.get(key)
            pipe.set(key, price, px=ttl * 1000)
        replies = pipe.execute()
    return dict(zip(prices, replies[::2], strict=True))


@wrong("1.5", "120 prices must travel together")
def prices_one_by_one(redis_conn, prices, ttl):
    return {key: redis_conn.set(key, price, ex=ttl, get=True) for key, price in prices.items()}


@wrong("1.5", "A pipeline sends nothing before its execute()")
def prices_not_executed(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl, get=True)
    return dict.fromkeys(prices)


@wrong("1.5", "every price needs the TTL")
def prices_without_ttl(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, get=True)
        return dict(zip(prices, pipe.execute(), strict=True))


@wrong("1.5", "120 prices must travel together")
def prices_in_two_trips(redis_conn, prices, ttl):
    old = redis_conn.mget(list(prices)) if prices else []
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl)
        pipe.execute()
    return dict(zip(prices, old, strict=True))


@wrong("1.5", "so every old price is None")
def prices_with_the_replies_of_set(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl)
        return dict(zip(prices, pipe.execute(), strict=True))


@wrong("1.5", "so every old price is None")
def prices_as_a_list(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl, get=True)
        return pipe.execute()
