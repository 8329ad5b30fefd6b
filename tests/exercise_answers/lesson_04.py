"""Answers to the exercises of lesson 04."""

import itertools
import re
import time

import redis

from redis_helpers.redis_repository import RedisRepository, escape_pattern
from tests.exercise_answers import right, wrong

# 4.1


@right("4.1")
def put_by_joining(redis_conn, prefix, customer, fruit, boxes):
    redis_conn.set(prefix + ":".join([str(customer), fruit]), boxes)


@right("4.1")
def put_through_the_repository(redis_conn, prefix, customer, fruit, boxes):
    return RedisRepository(redis_conn).insert(f"{prefix}{customer}:{fruit}", boxes)


@right("4.1")
def put_with_mset(redis_conn, prefix, customer, fruit, boxes):
    redis_conn.mset({prefix + str(customer) + ":" + fruit: str(boxes)})


@wrong("4.1", "stored under another name")
def put_without_the_second_colon(redis_conn, prefix, customer, fruit, boxes):
    redis_conn.set(f"{prefix}{customer}{fruit}", boxes)


@wrong("4.1", "stored under another name")
def put_with_one_colon_too_many(redis_conn, prefix, customer, fruit, boxes):
    redis_conn.set(f"{prefix}:{customer}:{fruit}", boxes)


@wrong("4.1", "stored under another name")
def put_the_fruit_first(redis_conn, prefix, customer, fruit, boxes):
    redis_conn.set(f"{prefix}{fruit}:{customer}", boxes)


@wrong("4.1", "stored under another name")
def put_the_names_of_the_names(redis_conn, prefix, customer, fruit, boxes):
    redis_conn.set(prefix + "customer:fruit", boxes)


@wrong("4.1", "is not one of this exercise")
def put_without_the_prefix(redis_conn, prefix, customer, fruit, boxes):
    redis_conn.set(f"cart:{customer}:{fruit}", boxes)


@wrong("4.1", "To build a name, use an f-string")
def put_a_number_behind_a_text(redis_conn, prefix, customer, fruit, boxes):
    redis_conn.set(prefix + customer + ":" + fruit, boxes)


@wrong("4.1", "takes the place of the old one")
def put_more_of_it(redis_conn, prefix, customer, fruit, boxes):
    redis_conn.incrby(f"{prefix}{customer}:{fruit}", boxes)


@wrong("4.1", "the number of boxes must be stored")
def put_one_box(redis_conn, prefix, customer, fruit, boxes):
    redis_conn.set(f"{prefix}{customer}:{fruit}", 1)


# 4.2


@right("4.2")
def find_by_cursor(redis_conn, prefix):
    cursor, names = None, set()
    while cursor != 0:
        cursor, page = redis_conn.scan(cursor or 0, match=prefix + "*", count=100)
        names.update(page)
    return names


@right("4.2")
def find_in_a_loop(redis_conn, prefix):
    names = set()
    for key in redis_conn.scan_iter(match=f"{prefix}*"):
        names.add(key)
    return names


@right("4.2")
def find_what_begins_so(redis_conn, prefix):
    return {key for key in redis_conn.scan_iter(count=1000) if key.startswith(prefix)}


@wrong("4.2", "SCAN showed a key twice")
def find_a_list(redis_conn, prefix):
    return list(redis_conn.scan_iter(match=prefix + "*", count=1000))


@wrong("4.2", "the names are wanted as a set")
def find_and_hand_on(redis_conn, prefix):
    return redis_conn.scan_iter(match=prefix + "*", count=1000)


@wrong("4.2", "a key of the prefix is missing")
def find_one_page(redis_conn, prefix):
    _, page = redis_conn.scan(match=prefix + "*", count=1000)
    return set(page)


@wrong("4.2", "a key of the prefix is missing")
def find_until_a_page_is_empty(redis_conn, prefix):
    names = set()
    cursor, page = redis_conn.scan(match=prefix + "*", count=1000)
    while page:
        names.update(page)
        if cursor == 0:
            break
        cursor, page = redis_conn.scan(cursor, match=prefix + "*", count=1000)
    return names


@wrong("4.2", "do not fit your pattern")
def find_without_the_star(redis_conn, prefix):
    return set(redis_conn.scan_iter(match=prefix))


@wrong("4.2", "do not fit your pattern")
def find_with_a_second_colon(redis_conn, prefix):
    return set(redis_conn.scan_iter(match=prefix + ":*", count=1000))


@wrong("4.2", "`scan` answers with a cursor and a list")
def find_with_scan(redis_conn, prefix):
    return set(redis_conn.scan(match=prefix + "*", count=1000))


@wrong("4.2", "An empty set is `set()`")
def find_into_a_dictionary(redis_conn, prefix):
    names = {}
    for key in redis_conn.scan_iter(match=prefix + "*", count=1000):
        names.add(key)
    return names


@wrong("4.2", "does not begin with the prefix")
def find_with_a_star_before_it(redis_conn, prefix):
    return set(redis_conn.scan_iter(match=f"*{prefix.removesuffix(':')}*", count=1000))


@wrong("4.2", "does not begin with the prefix")
def find_what_holds_the_prefix(redis_conn, prefix):
    return set(redis_conn.scan_iter(match=f"*{prefix}*", count=1000))


@wrong("4.2", "KEYS was not run")
def find_with_keys(redis_conn, prefix):
    return set(redis_conn.keys(prefix + "*"))


@wrong("4.2", "kept it to itself")
def find_nothing_in_trouble(redis_conn, prefix):
    try:
        return find_in_a_loop(redis_conn, prefix)
    except redis.RedisError:
        return set()


# 1.4


@right("4.3")
def forget_one_by_one(redis_conn, prefix):
    return sum(redis_conn.delete(key) for key in redis_conn.scan_iter(match=f"{escape_pattern(prefix)}*", count=1000))


@right("4.3")
def forget_by_cursor(redis_conn, prefix):
    cursor, gone = None, 0
    while cursor != 0:
        cursor, keys = redis_conn.scan(cursor or 0, match=re.sub(r"([*?\[\]\\^-])", r"\\\1", prefix) + "*", count=100)
        if keys:
            gone += redis_conn.unlink(*keys)
    return gone


@right("4.3")
def forget_what_begins_so(redis_conn, prefix):
    gone = 0
    for key in redis_conn.scan_iter(count=1000):
        if key.startswith(prefix):
            gone += redis_conn.unlink(key)
    return gone


@right("4.3")
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


@wrong("4.3", "the cart of another customer is gone")
def forget_by_the_plain_pattern(redis_conn, prefix):
    keys = set(redis_conn.scan_iter(match=prefix + "*", count=1000))
    return redis_conn.unlink(*keys) if keys else 0


@wrong("4.3", "a part of the cart is left")
def forget_until_a_page_is_empty(redis_conn, prefix):
    cursor, gone = redis_conn.scan(0, match=escape_pattern(prefix) + "*", count=1000)
    total = 0
    while gone:
        total += redis_conn.unlink(*gone)
        if cursor == 0:
            break
        cursor, gone = redis_conn.scan(cursor, match=escape_pattern(prefix) + "*", count=1000)
    return total


@wrong("4.3", "a part of the cart is left")
def forget_one_huge_page(redis_conn, prefix):
    _, keys = redis_conn.scan(0, match=escape_pattern(prefix) + "*", count=1_000_000)
    return redis_conn.unlink(*keys) if keys else 0


@wrong("4.3", "was counted twice")
def forget_and_count_what_scan_shows(redis_conn, prefix):
    keys = list(redis_conn.scan_iter(match=escape_pattern(prefix) + "*", count=1000))
    for key in keys:
        redis_conn.unlink(key)
    return len(keys)


@wrong("4.3", "a part of the cart is left")
def forget_strings_only(redis_conn, prefix):
    pattern = escape_pattern(prefix) + "*"
    return sum(redis_conn.unlink(key) for key in redis_conn.scan_iter(match=pattern, count=1000, _type="string"))


@wrong("4.3", "begins with it, too")
def forget_all_but_the_prefix_itself(redis_conn, prefix):
    return sum(redis_conn.unlink(key) for key in redis_conn.scan_iter(match=escape_pattern(prefix) + "?*", count=1000))


@wrong("4.3", "a part of the cart is left")
def forget_a_thousand(redis_conn, prefix):
    keys = itertools.islice(redis_conn.scan_iter(match=escape_pattern(prefix) + "*", count=1000), 1000)
    return sum(redis_conn.unlink(key) for key in list(keys))


@wrong("4.3", "the cart is still there, and nobody knows")
def forget_in_silence(redis_conn, prefix):
    try:
        return forget_one_by_one(redis_conn, prefix)
    except redis.RedisError:
        return 0


@right("4.3")
def forget_through_the_repository(redis_conn, prefix):
    return RedisRepository(redis_conn, own_prefix=prefix).delete_prefix(prefix)


@wrong("4.3", "KEYS was not run")
def forget_with_keys(redis_conn, prefix):
    keys = redis_conn.keys(prefix + "*")
    return redis_conn.unlink(*keys) if keys else 0


@wrong("4.3", "not all keys of the prefix are deleted")
def forget_the_first_part(redis_conn, prefix):
    _, keys = redis_conn.scan(match=prefix + "*", count=100)
    return redis_conn.unlink(*keys) if keys else 0


@wrong("4.3", "do not fit your pattern")
def forget_with_the_star_escaped(redis_conn, prefix):
    keys = list(redis_conn.scan_iter(match=escape_pattern(prefix + "*")))
    return redis_conn.unlink(*keys) if keys else 0


@wrong("4.3", "do not fit your pattern")
def forget_without_the_star(redis_conn, prefix):
    keys = list(redis_conn.scan_iter(match=prefix))
    return redis_conn.unlink(*keys) if keys else 0


@wrong("4.3", "a key that is not its own")
def forget_too_much(redis_conn, prefix):
    keys = list(redis_conn.scan_iter(match=f"*{prefix}*".replace(prefix, prefix[:-1])))
    return redis_conn.unlink(*keys) if keys else 0


@wrong("4.3", "is not one of this exercise")
def forget_everything(redis_conn, prefix):
    keys = list(redis_conn.scan_iter())
    return redis_conn.unlink(*keys) if keys else 0


@wrong("4.3", "FLUSHDB was not run")
def forget_the_database(redis_conn, prefix):
    redis_conn.flushdb()
    return 0


@wrong("4.3", "No name of a key was given")
def forget_nothing(redis_conn, prefix):
    return redis_conn.unlink(*redis_conn.scan_iter(match=prefix + "*"))


@wrong("4.3", "No name of a key was given")
def forget_nothing_with_del(redis_conn, prefix):
    return redis_conn.delete(*redis_conn.scan_iter(match=prefix + "*"))


@wrong("4.3", "put a star before it")
def forget_a_list(redis_conn, prefix):
    keys = list(redis_conn.scan_iter(match=escape_pattern(prefix) + "*", count=1000))
    return redis_conn.unlink(keys) if keys else 0


@wrong("4.3", "A star before it")
def forget_a_set(redis_conn, prefix):
    keys = set(redis_conn.scan_iter(match=escape_pattern(prefix) + "*", count=1000))
    return redis_conn.unlink(keys) if keys else 0


@wrong("4.3", "return how many keys were deleted")
def forget_and_say_nothing(redis_conn, prefix):
    for key in redis_conn.scan_iter(match=prefix + "*"):
        redis_conn.unlink(key)


# 4.4


@right("4.4")
def read_in_a_with_block(redis_conn, keys):
    with redis_conn.pipeline() as pipe:
        for key in keys:
            pipe.get(key)
        return pipe.execute()


@right("4.4")
def read_with_mget(redis_conn, keys):
    return redis_conn.mget(keys) if keys else []


@right("4.4")
def read_by_script(redis_conn, keys):
    if not keys:
        return []
    script = """
        local values = {}
        for place, key in ipairs(KEYS) do values[place] = redis.call('GET', key) end
        return values
    """
    return redis_conn.eval(script, len(keys), *keys)


@wrong("4.4", "all reads must travel together")
def read_one_by_one(redis_conn, keys):
    return [redis_conn.get(key) for key in keys]


@wrong("4.4", "all reads must travel together")
def read_in_many_pipelines(redis_conn, keys):
    prices = []
    for key in keys:
        pipe = redis_conn.pipeline(transaction=False)
        pipe.get(key)
        prices.extend(pipe.execute())
    return prices


@wrong("4.4", "nothing is returned that can be read")
def read_and_send_nothing(redis_conn, keys):
    pipe = redis_conn.pipeline(transaction=False)
    for key in keys:
        pipe.get(key)
    return pipe


@wrong("4.4", "the replies are in the list that `execute()` returns")
def read_what_the_pipeline_gives_back(redis_conn, keys):
    pipe = redis_conn.pipeline(transaction=False)
    prices = [pipe.get(key) for key in keys]
    pipe.execute()
    return prices


@wrong("4.4", "nothing is returned that can be read")
def read_and_keep(redis_conn, keys):
    pipe = redis_conn.pipeline(transaction=False)
    for key in keys:
        pipe.get(key)
    pipe.execute()


@wrong("4.4", "in the order of the keys")
def read_into_a_dictionary(redis_conn, keys):
    return dict(zip(keys, read_in_a_with_block(redis_conn, keys), strict=True))


@wrong("4.4", "None for a missing key")
def read_what_is_there(redis_conn, keys):
    return [price for price in read_in_a_with_block(redis_conn, keys) if price is not None]


@wrong("4.4", "None for a missing key")
def read_none_for_an_empty_text(redis_conn, keys):
    return [price or None for price in read_in_a_with_block(redis_conn, keys)]


@wrong("4.4", "kept it to itself")
def read_with_errors_among_them(redis_conn, keys):
    pipe = redis_conn.pipeline(transaction=False)
    for key in keys:
        pipe.get(key)
    return pipe.execute(raise_on_error=False)


# 4.5


@right("4.5")
def prices_without_transaction(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline(transaction=False)
    for key in prices:
        pipe.set(key, prices[key], ex=ttl, get=True)
    replies = iter(pipe.execute())
    return {key: next(replies) for key in prices}


@right("4.5")
def prices_read_and_set_together(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.get(key)
            pipe.set(key, price, px=ttl * 1000)
        replies = pipe.execute()
    return dict(zip(prices, replies[::2], strict=True))


@right("4.5")
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


@right("4.5")
def prices_with_a_time_of_the_clock(redis_conn, prices, ttl):
    end = int(time.time()) + ttl
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, exat=end, get=True)
        return dict(zip(prices, pipe.execute(), strict=True))


@wrong("4.5", "wrong old prices")
def prices_in_another_order(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key in sorted(prices):
            pipe.set(key, prices[key], ex=ttl, get=True)
        return dict(zip(prices, pipe.execute(), strict=True))


@wrong("4.5", "wrong old prices")
def prices_none_for_an_empty_text(redis_conn, prices, ttl):
    return {key: old or None for key, old in prices_by_script(redis_conn, prices, ttl).items()}


@wrong("4.5", "nobody is told of it")
def prices_read_and_set_one_after_the_other(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline(transaction=False)
    for key, price in prices.items():
        pipe.get(key).set(key, price, ex=ttl)
    return dict(zip(prices, pipe.execute()[::2], strict=True))


@wrong("4.5", "a price was left without its end")
def prices_and_ends_one_after_the_other(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline(transaction=False)
    for key, price in prices.items():
        pipe.set(key, price, get=True).expire(key, ttl)
    return dict(zip(prices, pipe.execute()[::2], strict=True))


@wrong("4.5", "customers see a wrong price")
def prices_for_new_keys_only(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline()
    for key, price in prices.items():
        pipe.get(key).set(key, price, ex=ttl, nx=True)
    return dict(zip(prices, pipe.execute()[::2], strict=True))


@wrong("4.5", "kept it to itself")
def prices_with_errors_among_them(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline(transaction=False)
    for key, price in prices.items():
        pipe.set(key, price, ex=ttl, get=True)
    return dict(zip(prices, pipe.execute(raise_on_error=False), strict=True))


@wrong("4.5", "all of them must travel together")
def prices_one_by_one(redis_conn, prices, ttl):
    return {key: redis_conn.set(key, price, ex=ttl, get=True) for key, price in prices.items()}


@wrong("4.5", "A pipeline sends nothing before its execute()")
def prices_not_executed(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl, get=True)
    return dict.fromkeys(prices)


@wrong("4.5", "each needs the TTL")
def prices_without_ttl(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, get=True)
        return dict(zip(prices, pipe.execute(), strict=True))


@wrong("4.5", "all of them must travel together")
def prices_in_two_trips(redis_conn, prices, ttl):
    old = redis_conn.mget(list(prices)) if prices else []
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl)
        pipe.execute()
    return dict(zip(prices, old, strict=True))


@wrong("4.5", "its old price is None")
def prices_with_the_replies_of_set(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl)
        return dict(zip(prices, pipe.execute(), strict=True))


@wrong("4.5", "look which reply is which")
def prices_with_the_replies_of_expire(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline()
    for key, price in prices.items():
        pipe.set(key, price, get=True).expire(key, ttl)
    return dict(zip(prices, pipe.execute(), strict=False))


@wrong("4.5", "the replies are in the list that `execute()` returns")
def prices_that_the_pipeline_gives_back(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline(transaction=False)
    old = {key: pipe.set(key, price, ex=ttl, get=True) for key, price in prices.items()}
    pipe.execute()
    return old


@wrong("4.5", "`prices.items()` gives pairs")
def prices_in_a_loop_over_the_keys(redis_conn, prices, ttl):
    pipe = redis_conn.pipeline(transaction=False)
    for key, price in prices:
        pipe.set(key, price, ex=ttl, get=True)
    return dict(zip(prices, pipe.execute(), strict=True))


@wrong("4.5", "must have the keys of prices")
def prices_by_their_new_prices(redis_conn, prices, ttl):
    return dict(zip(prices.values(), prices_without_transaction(redis_conn, prices, ttl).values(), strict=True))


@wrong("4.5", "must have the keys of prices")
def prices_of_what_was_there(redis_conn, prices, ttl):
    answer = prices_without_transaction(redis_conn, prices, ttl)
    return {key: old for key, old in answer.items() if old is not None}


@wrong("4.5", "in a dictionary")
def prices_as_a_list(redis_conn, prices, ttl):
    with redis_conn.pipeline() as pipe:
        for key, price in prices.items():
            pipe.set(key, price, ex=ttl, get=True)
        return pipe.execute()
