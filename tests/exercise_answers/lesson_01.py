"""Answers to the exercises of lesson 01."""

import itertools
import re
import threading
import time

import redis

from redis_helpers.redis_repository import RedisRepository, escape_pattern
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
def counted_by_a_loaded_script(redis_conn, key, crates):
    sha = redis_conn.script_load("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    return redis_conn.evalsha(sha, 1, key, crates)


@right("1.1")
def counted_by_a_registered_script(redis_conn, key, crates):
    count = redis_conn.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    return count(keys=[key], args=[crates])


@right("1.1")
def counted_backwards(redis_conn, key, crates):
    return redis_conn.decr(key, -crates)


@wrong("1.1", "the task asks for one command")
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


@wrong("1.1", "look at how much your command adds")
def adds_one_each_time(redis_conn, key, crates):
    return redis_conn.incr(key)


@wrong("1.1", "a number, not as text")
def total_as_text(redis_conn, key, crates):
    redis_conn.incrby(key, crates)
    return redis_conn.get(key)


@wrong("1.1", "two stalls were told the same total")
def asks_again_for_the_total(redis_conn, key, crates):
    redis_conn.incrby(key, crates)
    return int(redis_conn.get(key))


@wrong("1.1", "Another stall sold in the middle of a sale")
def adds_one_crate_after_the_other(redis_conn, key, crates):
    for _ in range(crates):
        total = redis_conn.incr(key)
    return total


@wrong("1.1", "nobody asked for a TTL")
def counts_for_an_hour(redis_conn, key, crates):
    return redis_conn.pipeline().incrby(key, crates).expire(key, 3600).execute()[0]


@wrong("1.1", "the key has no TTL any more")
def counts_and_drops_the_end(redis_conn, key, crates):
    script = """
        local total = (redis.call('GET', KEYS[1]) or 0) + ARGV[1]
        redis.call('SET', KEYS[1], string.format('%d', total))
        return total
    """
    return redis_conn.eval(script, 1, key, crates)


@wrong("1.1", "the stall is told a wrong total")
def total_as_a_fraction(redis_conn, key, crates):
    return redis_conn.incrbyfloat(key, crates)


@wrong("1.1", "must be added to what was counted before")
def never_less(redis_conn, key, crates):
    return redis_conn.incrby(key, max(0, crates))


@wrong("1.1", "kept that to itself")
def begins_anew_on_an_error(redis_conn, key, crates):
    try:
        return redis_conn.incrby(key, crates)
    except redis.ResponseError:
        return 0


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


@right("1.2")
def booked_by_a_script(redis_conn, key, value):
    return redis_conn.eval("return redis.call('SETNX', KEYS[1], ARGV[1])", 1, key, value) == 1


@right("1.2")
def booked_with_watch(redis_conn, key, value):
    def look_and_book(pipe):
        taken = pipe.exists(key)
        pipe.multi()
        if not taken:
            pipe.set(key, value)
        return not taken

    return redis_conn.transaction(look_and_book, key, value_from_callable=True)


@right("1.2")
def booked_under_a_lock_that_all_customers_see(redis_conn, key, value):
    with redis_conn.lock(f"{key}:lock", timeout=10):
        if redis_conn.exists(key):
            return False
        redis_conn.set(key, value)
        return True


@wrong("1.2", "another customer got the stall")
def booked_under_a_lock_of_this_program(redis_conn, key, value):
    with LOCK:
        return looks_with_exists(redis_conn, key, value)


@wrong("1.2", "goes on asking")
def waits_until_it_is_free(redis_conn, key, value):
    while not redis_conn.set(key, value, nx=True):
        time.sleep(0.05)
    return True


@wrong("1.2", "the stall was taken away")
def takes_an_empty_name_for_a_free_stall(redis_conn, key, value):
    script = """
        local there = redis.call('GET', KEYS[1])
        if there and there ~= '' then return 0 end
        redis.call('SET', KEYS[1], ARGV[1])
        return 1
    """
    return redis_conn.eval(script, 1, key, value) == 1


@wrong("1.2", "a booking ended meanwhile")
def takes_it_and_gives_it_back(redis_conn, key, value):
    old = redis_conn.set(key, value, get=True, keepttl=True)
    if old is None:
        return True
    redis_conn.set(key, old, keepttl=True)
    return False


@wrong("1.2", "kept it to itself")
def taken_when_anything_fails(redis_conn, key, value):
    try:
        return bool(redis_conn.set(key, value, nx=True))
    except redis.RedisError:
        return False


@wrong("1.2", "a booking ended meanwhile")
def asks_who_has_it_when_stored(redis_conn, key, value):
    return bool(redis_conn.set(key, value, nx=True)) and redis_conn.get(key) == value


@wrong("1.2", "the stall was taken away")
def plain_set(redis_conn, key, value):
    return redis_conn.set(key, value)


@wrong("1.2", "was not told so: the answer is False")
def none_instead_of_false(redis_conn, key, value):
    return redis_conn.set(key, value, nx=True)


@wrong("1.2", "between your look and your booking")
def looks_with_exists(redis_conn, key, value):
    if redis_conn.exists(key):
        return False
    return redis_conn.set(key, value)


@wrong("1.2", "between your look and your booking")
def looks_with_get_and_always_says_true(redis_conn, key, value):
    if redis_conn.get(key) is None:
        redis_conn.set(key, value, nx=True)
        return True
    return False


@wrong("1.2", "the same customer asked twice")
def asks_again_who_has_it(redis_conn, key, value):
    redis_conn.set(key, value, nx=True)
    return redis_conn.get(key) == value


@wrong("1.2", "the stall was free")
def xx_for_nx(redis_conn, key, value):
    return bool(redis_conn.set(key, value, xx=True))


@wrong("1.2", "nobody asked for a TTL")
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
def price_with_watch(redis_conn, key, price):
    def look_and_store(pipe):
        there = pipe.exists(key)
        pipe.multi()
        if there:
            pipe.set(key, price, xx=True, keepttl=True)
        return bool(there)

    return redis_conn.transaction(look_and_store, key, value_from_callable=True)


@right("1.3")
def price_in_place_of_the_old_one(redis_conn, key, price):
    return redis_conn.set(key, price, xx=True, keepttl=True, get=True) is not None


@wrong("1.3", "your code has set the old clock again")
def price_with_the_rest_of_the_time(redis_conn, key, price):
    left = redis_conn.pttl(key)
    if left == -2:
        return False
    if left == -1:
        return bool(redis_conn.set(key, price, xx=True, keepttl=True))
    return bool(redis_conn.set(key, price, xx=True, px=left))


@wrong("1.3", "now it has none")
def price_by_plain_set(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True))


@wrong("1.3", "your code brought it back: customers buy what is not there")
def price_that_brings_the_offer_back(redis_conn, key, price):
    return bool(redis_conn.set(key, price, keepttl=True))


@wrong("1.3", "so the answer is False")
def price_or_none(redis_conn, key, price):
    return redis_conn.set(key, price, xx=True, keepttl=True)


@wrong("1.3", "the clock was set anew")
def price_with_a_new_clock(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True, ex=60))


@wrong("1.3", "your code brought it back, or says what is not so")
def price_after_a_look(redis_conn, key, price):
    if not redis_conn.exists(key):
        return False
    return redis_conn.set(key, price, keepttl=True)


@wrong("1.3", "the answer is False")
def price_and_what_set_answers(redis_conn, key, price):
    return redis_conn.execute_command("SET", key, price, "XX", "KEEPTTL")


@wrong("1.3", "the answer is True")
def price_unless_the_old_one_was_empty(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True, keepttl=True, get=True))


@wrong("1.3", "the new one must be stored, in place of the old")
def price_over_the_beginning(redis_conn, key, price):
    return bool(redis_conn.exists(key) and redis_conn.setrange(key, 0, price))


@wrong("1.3", "Redis refuses the time")
def price_with_the_seconds_rounded_down(redis_conn, key, price):
    script = """
        local left = redis.call('PTTL', KEYS[1])
        if left == -2 then return 0 end
        if left == -1 then redis.call('SET', KEYS[1], ARGV[1])
        elseif left < 1000 then redis.call('SET', KEYS[1], ARGV[1], 'EX', math.floor(left / 1000))
        else redis.call('SET', KEYS[1], ARGV[1], 'PX', left) end
        return 1
    """
    return redis_conn.eval(script, 1, key, price) == 1


@wrong("1.3", "your code has set the old clock again")
def price_then_its_old_end(redis_conn, key, price):
    end = redis_conn.pexpiretime(key)
    with redis_conn.pipeline(transaction=False) as pipe:
        stored = pipe.set(key, price, xx=True).pexpireat(key, end if end > 0 else 2**45).execute()[0]
    if end == -1:
        redis_conn.persist(key)
    return bool(stored)


@wrong("1.3", "your code has set the old clock again")
def price_in_one_step_and_its_end_in_another(redis_conn, key, price):
    script = """
        local left = redis.call('PTTL', KEYS[1])
        if left ~= -2 then redis.call('SET', KEYS[1], ARGV[1]) end
        return left
    """
    left = redis_conn.eval(script, 1, key, price)
    if left > 0:
        redis_conn.pexpire(key, left, nx=True)
    return left != -2


@wrong("1.3", "kept it to itself")
def price_unless_redis_fails(redis_conn, key, price):
    try:
        return bool(redis_conn.set(key, price, xx=True, keepttl=True))
    except redis.RedisError:
        return False


@wrong("1.3", "TTL is shorter than it should be")
def price_with_the_ttl_as_it_was(redis_conn, key, price):
    return redis_conn.set(key, price, ex=redis_conn.ttl(key))


@wrong("1.3", "TTL is shorter than it should be")
def price_with_xx_and_the_ttl_as_it_was(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True, ex=redis_conn.ttl(key)))


@wrong("1.3", "TTL is shorter than it should be")
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
    return sum(redis_conn.delete(key) for key in redis_conn.scan_iter(match=f"{escape_pattern(prefix)}*", count=1000))


@right("1.4")
def forget_by_cursor(redis_conn, prefix):
    cursor, gone = None, 0
    while cursor != 0:
        cursor, keys = redis_conn.scan(cursor or 0, match=re.sub(r"([*?\[\]\\^-])", r"\\\1", prefix) + "*", count=100)
        if keys:
            gone += redis_conn.unlink(*keys)
    return gone


@right("1.4")
def forget_what_begins_so(redis_conn, prefix):
    gone = 0
    for key in redis_conn.scan_iter(count=1000):
        if key.startswith(prefix):
            gone += redis_conn.unlink(key)
    return gone


@right("1.4")
def forget_by_script(redis_conn, prefix):
    script = """
        local cursor, gone = '0', 0
        repeat
            local page = redis.call('SCAN', cursor, 'MATCH', ARGV[1], 'COUNT', 1000)
            cursor = page[1]
            for _, key in ipairs(page[2]) do gone = gone + redis.call('UNLINK', key) end
        until cursor == '0'
        return gone
    """
    return redis_conn.eval(script, 0, escape_pattern(prefix) + "*")


@wrong("1.4", "the cart of another customer is gone")
def forget_by_the_plain_pattern(redis_conn, prefix):
    keys = set(redis_conn.scan_iter(match=prefix + "*", count=1000))
    return redis_conn.unlink(*keys) if keys else 0


@wrong("1.4", "a part of the cart is left")
def forget_until_a_page_is_empty(redis_conn, prefix):
    cursor, gone = redis_conn.scan(0, match=escape_pattern(prefix) + "*", count=1000)
    total = 0
    while gone:
        total += redis_conn.unlink(*gone)
        if cursor == 0:
            break
        cursor, gone = redis_conn.scan(cursor, match=escape_pattern(prefix) + "*", count=1000)
    return total


@wrong("1.4", "a part of the cart is left")
def forget_one_huge_page(redis_conn, prefix):
    _, keys = redis_conn.scan(0, match=escape_pattern(prefix) + "*", count=1_000_000)
    return redis_conn.unlink(*keys) if keys else 0


@wrong("1.4", "was counted twice")
def forget_and_count_what_scan_shows(redis_conn, prefix):
    keys = list(redis_conn.scan_iter(match=escape_pattern(prefix) + "*", count=1000))
    for key in keys:
        redis_conn.unlink(key)
    return len(keys)


@wrong("1.4", "a part of the cart is left")
def forget_strings_only(redis_conn, prefix):
    pattern = escape_pattern(prefix) + "*"
    return sum(redis_conn.unlink(key) for key in redis_conn.scan_iter(match=pattern, count=1000, _type="string"))


@wrong("1.4", "begins with it, too")
def forget_all_but_the_prefix_itself(redis_conn, prefix):
    return sum(redis_conn.unlink(key) for key in redis_conn.scan_iter(match=escape_pattern(prefix) + "?*", count=1000))


@wrong("1.4", "a part of the cart is left")
def forget_a_thousand(redis_conn, prefix):
    keys = itertools.islice(redis_conn.scan_iter(match=escape_pattern(prefix) + "*", count=1000), 1000)
    return sum(redis_conn.unlink(key) for key in list(keys))


@wrong("1.4", "the cart is still there, and nobody knows")
def forget_in_silence(redis_conn, prefix):
    try:
        return forget_one_by_one(redis_conn, prefix)
    except redis.RedisError:
        return 0


@right("1.4")
def forget_through_the_repository(redis_conn, prefix):
    return RedisRepository(redis_conn, own_prefix=prefix).delete_prefix(prefix)


@wrong("1.4", "KEYS was not run")
def forget_with_keys(redis_conn, prefix):
    keys = redis_conn.keys(prefix + "*")
    return redis_conn.unlink(*keys) if keys else 0


@wrong("1.4", "not all keys of the prefix are deleted")
def forget_the_first_part(redis_conn, prefix):
    _, keys = redis_conn.scan(match=prefix + "*", count=100)
    return redis_conn.unlink(*keys) if keys else 0


@wrong("1.4", "not all keys of the prefix are deleted")
def forget_without_the_star(redis_conn, prefix):
    keys = list(redis_conn.scan_iter(match=prefix))
    return redis_conn.unlink(*keys) if keys else 0


@wrong("1.4", "a key that is not its own")
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


@right("1.5")
def prices_by_script(redis_conn, prices, ttl):
    if not prices:
        return {}
    script = """
        local old = {}
        for i, key in ipairs(KEYS) do
            old[i] = redis.call('GET', key)
            redis.call('SET', key, ARGV[i + 1], 'EX', ARGV[1])
        end
        return old
    """
    return dict(zip(prices, redis_conn.eval(script, len(prices), *prices, ttl, *prices.values()), strict=True))


@right("1.5")
def prices_with_a_time_of_the_clock(redis_conn, prices, ttl):
    end = int(time.time()) + ttl
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, exat=end, get=True)
        return dict(zip(prices, pipe.execute(), strict=True))


@wrong("1.5", "wrong old prices")
def prices_in_another_order(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key in sorted(prices):
            pipe.set(key, prices[key], ex=ttl, get=True)
        return dict(zip(prices, pipe.execute(), strict=True))


@wrong("1.5", "wrong old prices")
def prices_none_for_an_empty_text(redis_conn, prices, ttl):
    return {key: old or None for key, old in prices_by_script(redis_conn, prices, ttl).items()}


@wrong("1.5", "nobody is told of it")
def prices_read_and_set_one_after_the_other(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline(transaction=False)
    for key, price in prices.items():
        pipe.get(key).set(key, price, ex=ttl)
    return dict(zip(prices, pipe.execute()[::2], strict=True))


@wrong("1.5", "a price was left without its end")
def prices_and_ends_one_after_the_other(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline(transaction=False)
    for key, price in prices.items():
        pipe.set(key, price, get=True).expire(key, ttl)
    return dict(zip(prices, pipe.execute()[::2], strict=True))


@wrong("1.5", "customers see a wrong price")
def prices_for_new_keys_only(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline()
    for key, price in prices.items():
        pipe.get(key).set(key, price, ex=ttl, nx=True)
    return dict(zip(prices, pipe.execute()[::2], strict=True))


@wrong("1.5", "kept it to itself")
def prices_with_errors_among_them(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline(transaction=False)
    for key, price in prices.items():
        pipe.set(key, price, ex=ttl, get=True)
    return dict(zip(prices, pipe.execute(raise_on_error=False), strict=True))


@wrong("1.5", "all of them must travel together")
def prices_one_by_one(redis_conn, prices, ttl):
    return {key: redis_conn.set(key, price, ex=ttl, get=True) for key, price in prices.items()}


@wrong("1.5", "A pipeline sends nothing before its execute()")
def prices_not_executed(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl, get=True)
    return dict.fromkeys(prices)


@wrong("1.5", "each needs the TTL")
def prices_without_ttl(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, get=True)
        return dict(zip(prices, pipe.execute(), strict=True))


@wrong("1.5", "all of them must travel together")
def prices_in_two_trips(redis_conn, prices, ttl):
    old = redis_conn.mget(list(prices)) if prices else []
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl)
        pipe.execute()
    return dict(zip(prices, old, strict=True))


@wrong("1.5", "its old price is None")
def prices_with_the_replies_of_set(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl)
        return dict(zip(prices, pipe.execute(), strict=True))


@wrong("1.5", "in a dictionary")
def prices_as_a_list(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl, get=True)
        return pipe.execute()
