"""Answers to the exercises of lesson 01."""

import json
import pickle
import threading
import time

import redis

from redis_helpers.redis_repository import RedisRepository
from tests.exercise_answers import right, wrong

# 1.1


@right("1.1")
def in_one_line(redis_conn, key):
    text = redis_conn.get(key)
    return None if text is None else int(text)


@right("1.1")
def by_trying(redis_conn, key):
    try:
        return int(redis_conn.get(key))
    except TypeError:
        return None


@right("1.1")
def through_the_repository(redis_conn, key):
    text = RedisRepository(redis_conn).get(key)
    return int(text) if text else None


@right("1.1")
def with_mget(redis_conn, key):
    (text,) = redis_conn.mget(key)
    if text is not None:
        return int(text)


@wrong("1.1", "return a number")
def price_as_text(redis_conn, key):
    return redis_conn.get(key)


@wrong("1.1", "raised TypeError")
def price_of_nothing(redis_conn, key):
    return int(redis_conn.get(key))


@wrong("1.1", "return None")
def nothing_costs_nothing(redis_conn, key):
    return int(redis_conn.get(key) or 0)


@wrong("1.1", "0 cents is a price")
def nothing_for_free(redis_conn, key):
    return int(redis_conn.get(key) or 0) or None


@wrong("1.1", "raised TypeError")
def price_after_a_look(redis_conn, key):
    if redis_conn.exists(key):
        return int(redis_conn.get(key))
    return None


@wrong("1.1", "a whole number of cents")
def price_as_a_fraction(redis_conn, key):
    text = redis_conn.get(key)
    return None if text is None else float(text)


@wrong("1.1", "`return` gives a number back")
def price_not_returned(redis_conn, key):
    text = redis_conn.get(key)
    if text is not None:
        int(text)


@wrong("1.1", "only reads")
def price_that_is_taken_away(redis_conn, key):
    text = redis_conn.getdel(key)
    return None if text is None else int(text)


@wrong("1.1", "kept it to itself")
def price_unless_anything_fails(redis_conn, key):
    try:
        return int(redis_conn.get(key))
    except Exception:
        return None


# 1.2


@right("1.2")
def spread_over_lines(redis_conn, key, fruit):
    redis_conn.set(key, json.dumps(fruit, indent=2, sort_keys=True))


@right("1.2")
def as_bytes(redis_conn, key, fruit):
    return redis_conn.set(key, json.dumps(fruit, ensure_ascii=False).encode())


@right("1.2")
def fruit_through_the_repository(redis_conn, key, fruit):
    RedisRepository(redis_conn).insert(key, json.dumps(fruit))


@wrong("1.2", "raised DataError")
def as_it_is(redis_conn, key, fruit):
    redis_conn.set(key, fruit)


@wrong("1.2", "the way into Redis is the other one")
def with_loads(redis_conn, key, fruit):
    redis_conn.set(key, json.loads(fruit))


@wrong("1.2", "no JSON")
def with_str(redis_conn, key, fruit):
    redis_conn.set(key, str(fruit))


@wrong("1.2", "JSON twice")
def dumped_twice(redis_conn, key, fruit):
    redis_conn.set(key, json.dumps(json.dumps(fruit)))


@wrong("1.2", "does not find it")
def only_dumped(redis_conn, key, fruit):
    return json.dumps(fruit)


@wrong("1.2", "another dictionary than yours")
def only_its_price(redis_conn, key, fruit):
    redis_conn.set(key, json.dumps(fruit.get("price")))


@wrong("1.2", "customers see the old fruit")
def only_a_new_fruit(redis_conn, key, fruit):
    redis_conn.set(key, json.dumps(fruit), nx=True)


@wrong("1.2", "another dictionary than yours")
def as_a_hash(redis_conn, key, fruit):
    redis_conn.delete(key)
    redis_conn.hset(key, mapping=fruit)


@wrong("1.2", "no text")
def as_a_pickle(redis_conn, key, fruit):
    redis_conn.set(key, pickle.dumps(fruit))


@wrong("1.2", "nobody asked for a TTL")
def for_an_hour(redis_conn, key, fruit):
    redis_conn.set(key, json.dumps(fruit), ex=3600)


@wrong("1.2", "kept it to itself")
def whatever_happens(redis_conn, key, fruit):
    try:
        redis_conn.set(key, json.dumps(fruit))
    except redis.RedisError:
        pass


# 1.3


@right("1.3")
def asked_one_by_one(redis_conn, first, second):
    return bool(redis_conn.exists(first)) and bool(redis_conn.exists(second))


@right("1.3")
def by_their_types(redis_conn, first, second):
    return "none" not in (redis_conn.type(first), redis_conn.type(second))


@right("1.3")
def in_one_pipeline(redis_conn, first, second):
    return all(redis_conn.pipeline().exists(first).exists(second).execute())


@wrong("1.3", "the second price is missing")
def any_of_them(redis_conn, first, second):
    return bool(redis_conn.exists(first, second))


@wrong("1.3", "True or False is wanted")
def how_many(redis_conn, first, second):
    return redis_conn.exists(first, second)


@wrong("1.3", "True or False is wanted")
def the_last_number(redis_conn, first, second):
    return redis_conn.exists(first) and redis_conn.exists(second)


@wrong("1.3", "the second price is missing")
def only_the_first(redis_conn, first, second):
    return redis_conn.exists(first) == 1


@wrong("1.3", "an empty text is a value too")
def by_what_they_hold(redis_conn, first, second):
    return bool(redis_conn.get(first) and redis_conn.get(second))


@wrong("1.3", "whatever type their values have")
def by_mget(redis_conn, first, second):
    return None not in redis_conn.mget(first, second)


@wrong("1.3", "raised ResponseError")
def by_get(redis_conn, first, second):
    return redis_conn.get(first) is not None and redis_conn.get(second) is not None


@wrong("1.3", "only looks")
def by_deleting_them(redis_conn, first, second):
    return redis_conn.delete(first, second) == 2


@wrong("1.3", "kept it to itself")
def false_when_anything_fails(redis_conn, first, second):
    try:
        return redis_conn.exists(first, second) == 2
    except redis.RedisError:
        return False


# 1.4


@right("1.4")
def counted_in_a_transaction(redis_conn, key, crates):
    with redis_conn.pipeline() as pipe:
        return pipe.incrby(key, crates).execute()[0]


@right("1.4")
def counted_by_a_script(redis_conn, key, crates):
    return redis_conn.eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", 1, key, crates)


@right("1.4")
def counted_by_a_loaded_script(redis_conn, key, crates):
    sha = redis_conn.script_load("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    return redis_conn.evalsha(sha, 1, key, crates)


@right("1.4")
def counted_by_a_registered_script(redis_conn, key, crates):
    count = redis_conn.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    return count(keys=[key], args=[crates])


@right("1.4")
def counted_backwards(redis_conn, key, crates):
    return redis_conn.decr(key, -crates)


@wrong("1.4", "the task asks for one command")
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


@wrong("1.4", "a sale was lost")
def get_add_set(redis_conn, key, crates):
    total = int(redis_conn.get(key) or 0) + crates
    redis_conn.set(key, total)
    return total


LOCK = threading.Lock()


@wrong("1.4", "a sale was lost")
def a_lock_that_other_programs_do_not_see(redis_conn, key, crates):
    with LOCK:
        return get_add_set(redis_conn, key, crates)


@wrong("1.4", "look at how much your command adds")
def adds_one_each_time(redis_conn, key, crates):
    return redis_conn.incr(key)


@wrong("1.4", "it stores a number, where it should add one")
def stores_the_crates(redis_conn, key, crates):
    return redis_conn.set(key, crates)


@wrong("1.4", "the seller is told no total")
def adds_and_says_nothing(redis_conn, key, crates):
    redis_conn.incrby(key, crates)


@wrong("1.4", "a number, not as text")
def total_as_text(redis_conn, key, crates):
    redis_conn.incrby(key, crates)
    return redis_conn.get(key)


@wrong("1.4", "two sellers were told the same total")
def asks_again_for_the_total(redis_conn, key, crates):
    redis_conn.incrby(key, crates)
    return int(redis_conn.get(key))


@wrong("1.4", "Another seller sold in the middle of a sale")
def adds_one_crate_after_the_other(redis_conn, key, crates):
    for _ in range(crates):
        total = redis_conn.incr(key)
    return total


@wrong("1.4", "nobody asked for a TTL")
def counts_for_an_hour(redis_conn, key, crates):
    return redis_conn.pipeline().incrby(key, crates).expire(key, 3600).execute()[0]


@wrong("1.4", "the key has no TTL any more")
def counts_and_drops_the_end(redis_conn, key, crates):
    script = """
        local total = (redis.call('GET', KEYS[1]) or 0) + ARGV[1]
        redis.call('SET', KEYS[1], string.format('%d', total))
        return total
    """
    return redis_conn.eval(script, 1, key, crates)


@wrong("1.4", "the seller is told a wrong total")
def total_as_a_fraction(redis_conn, key, crates):
    return redis_conn.incrbyfloat(key, crates)


@wrong("1.4", "must be added to what was counted before")
def never_less(redis_conn, key, crates):
    return redis_conn.incrby(key, max(0, crates))


@wrong("1.4", "kept that to itself")
def begins_anew_on_an_error(redis_conn, key, crates):
    try:
        return redis_conn.incrby(key, crates)
    except redis.ResponseError:
        return 0


@wrong("1.4", "raised TypeError")
def forgets_that_a_missing_key_is_none(redis_conn, key, crates):
    total = int(redis_conn.get(key)) + crates
    redis_conn.set(key, total)
    return total


# 1.5


@right("1.5")
def with_setnx(redis_conn, key, value):
    return redis_conn.setnx(key, value)


@right("1.5")
def compared_with_none(redis_conn, key, value):
    return redis_conn.set(key, value, nx=True) is not None


@right("1.5")
def booked_by_a_script(redis_conn, key, value):
    return redis_conn.eval("return redis.call('SETNX', KEYS[1], ARGV[1])", 1, key, value) == 1


@right("1.5")
def booked_with_watch(redis_conn, key, value):
    def look_and_book(pipe):
        taken = pipe.exists(key)
        pipe.multi()
        if not taken:
            pipe.set(key, value)
        return not taken

    return redis_conn.transaction(look_and_book, key, value_from_callable=True)


@right("1.5")
def booked_under_a_lock_that_all_customers_see(redis_conn, key, value):
    with redis_conn.lock(f"{key}:lock", timeout=10):
        if redis_conn.exists(key):
            return False
        redis_conn.set(key, value)
        return True


@wrong("1.5", "another seller got the place")
def booked_under_a_lock_of_this_program(redis_conn, key, value):
    with LOCK:
        return looks_with_exists(redis_conn, key, value)


@wrong("1.5", "goes on asking")
def waits_until_it_is_free(redis_conn, key, value):
    while not redis_conn.set(key, value, nx=True):
        time.sleep(0.05)
    return True


@wrong("1.5", "the place was taken away")
def takes_an_empty_name_for_a_free_place(redis_conn, key, value):
    script = """
        local there = redis.call('GET', KEYS[1])
        if there and there ~= '' then return 0 end
        redis.call('SET', KEYS[1], ARGV[1])
        return 1
    """
    return redis_conn.eval(script, 1, key, value) == 1


@wrong("1.5", "a booking ended meanwhile")
def takes_it_and_gives_it_back(redis_conn, key, value):
    old = redis_conn.set(key, value, get=True, keepttl=True)
    if old is None:
        return True
    redis_conn.set(key, old, keepttl=True)
    return False


@wrong("1.5", "kept it to itself")
def taken_when_anything_fails(redis_conn, key, value):
    try:
        return bool(redis_conn.set(key, value, nx=True))
    except redis.RedisError:
        return False


@wrong("1.5", "a booking ended meanwhile")
def asks_who_has_it_when_stored(redis_conn, key, value):
    return bool(redis_conn.set(key, value, nx=True)) and redis_conn.get(key) == value


@wrong("1.5", "the place was taken away")
def plain_set(redis_conn, key, value):
    return redis_conn.set(key, value)


@wrong("1.5", "was not told so: the answer is False")
def none_instead_of_false(redis_conn, key, value):
    return redis_conn.set(key, value, nx=True)


@wrong("1.5", "between your look and your booking")
def looks_with_exists(redis_conn, key, value):
    if redis_conn.exists(key):
        return False
    return redis_conn.set(key, value)


@wrong("1.5", "between your look and your booking")
def looks_with_get_and_always_says_true(redis_conn, key, value):
    if redis_conn.get(key) is None:
        redis_conn.set(key, value, nx=True)
        return True
    return False


@wrong("1.5", "the same seller asked twice")
def asks_again_who_has_it(redis_conn, key, value):
    redis_conn.set(key, value, nx=True)
    return redis_conn.get(key) == value


@wrong("1.5", "the place was free")
def xx_for_nx(redis_conn, key, value):
    return bool(redis_conn.set(key, value, xx=True))


@wrong("1.5", "nobody asked for a TTL")
def gives_everybody_an_end(redis_conn, key, value):
    stored = bool(redis_conn.set(key, value, nx=True))
    redis_conn.expire(key, 3600)
    return stored


# 1.6


@right("1.6")
def with_getset(redis_conn, key, price):
    old = redis_conn.getset(key, price)
    return int(old) if old is not None else None


@right("1.6")
def read_and_stored_in_a_transaction(redis_conn, key, price):
    old, _ = redis_conn.pipeline().get(key).set(key, price).execute()
    return None if old is None else int(old)


@right("1.6")
def swapped_by_a_script(redis_conn, key, price):
    script = "local old = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1]) return old"
    old = redis_conn.eval(script, 1, key, price)
    return None if old is None else int(old)


@wrong("1.6", "somebody else changed the price")
def read_then_stored(redis_conn, key, price):
    old = redis_conn.get(key)
    redis_conn.set(key, price)
    return None if old is None else int(old)


@wrong("1.6", "the old price is text")
def old_price_as_text(redis_conn, key, price):
    return redis_conn.set(key, price, get=True)


@wrong("1.6", "raised TypeError")
def number_of_nothing(redis_conn, key, price):
    return int(redis_conn.set(key, price, get=True))


@wrong("1.6", "0 cents before")
def no_old_price_for_free(redis_conn, key, price):
    return int(redis_conn.set(key, price, get=True) or 0) or None


@wrong("1.6", "the answer is None")
def zero_for_no_price(redis_conn, key, price):
    return int(redis_conn.set(key, price, get=True) or 0)


@wrong("1.6", "must get the new one")
def only_where_a_price_is(redis_conn, key, price):
    old = redis_conn.set(key, price, get=True, xx=True)
    return None if old is None else int(old)


@wrong("1.6", "gives the new price")
def new_price_given(redis_conn, key, price):
    redis_conn.set(key, price)
    return int(redis_conn.get(key))


@wrong("1.6", "gives the new price")
def new_price_as_text(redis_conn, key, price):
    redis_conn.set(key, price, get=True)
    return redis_conn.get(key)


@wrong("1.6", "the price that was there before")
def answer_of_set(redis_conn, key, price):
    return redis_conn.set(key, price)


@wrong("1.6", "the fruit had no price. Somebody else set one")
def stores_once_more_where_no_price_was(redis_conn, key, price):
    old = redis_conn.set(key, price, get=True)
    if old is None:
        redis_conn.set(key, price)
        return None
    return int(old)


@wrong("1.6", "kept it to itself")
def none_when_anything_fails(redis_conn, key, price):
    try:
        old = redis_conn.set(key, price, get=True)
        return None if old is None else int(old)
    except redis.RedisError:
        return None
