"""Answers to the exercises of lesson 02."""

import math
import time

import redis

from redis_helpers.redis_repository import RedisRepository
from tests.exercise_answers import right, wrong

# 2.1


@right("2.1")
def offer_through_the_repository(redis_conn, key, price, seconds):
    RedisRepository(redis_conn).insert_ex(key, price, seconds)


@right("2.1")
def offer_in_milliseconds(redis_conn, key, price, seconds):
    redis_conn.set(key, price, px=seconds * 1000)


@right("2.1")
def offer_in_a_transaction(redis_conn, key, price, seconds):
    redis_conn.pipeline().set(key, price).expire(key, seconds).execute()


@right("2.1")
def offer_until_a_time_of_the_clock(redis_conn, key, price, seconds):
    redis_conn.set(key, price, exat=round(time.time()) + seconds)


@wrong("2.1", "the offer never ends: it has no TTL")
def offer_without_end(redis_conn, key, price, seconds):
    redis_conn.set(key, price)


@wrong("2.1", "the offer ends too early or too late")
def offer_of_sixty_seconds(redis_conn, key, price, seconds):
    redis_conn.set(key, price, ex=60)


@wrong("2.1", "the offer ends too early or too late")
def offer_of_milliseconds_taken_for_seconds(redis_conn, key, price, seconds):
    redis_conn.set(key, price, px=seconds * 900)


@wrong("2.1", "the offer is left without its end")
def offer_in_two_commands(redis_conn, key, price, seconds):
    redis_conn.set(key, price)
    redis_conn.expire(key, seconds)


@wrong("2.1", "customers find no price, or a wrong one")
def offer_that_keeps_the_old_price(redis_conn, key, price, seconds):
    redis_conn.set(key, price, ex=seconds, nx=True)


@wrong("2.1", "customers find no price, or a wrong one")
def offer_of_another_price(redis_conn, key, price, seconds):
    redis_conn.set(key, "banana 312", ex=seconds)


@wrong("2.1", "kept it to itself")
def offer_unless_redis_fails(redis_conn, key, price, seconds):
    try:
        redis_conn.set(key, price, ex=seconds)
    except redis.RedisError:
        return


# 2.2


@right("2.2")
def end_through_the_repository(redis_conn, key):
    return {-2: "gone", -1: "never ends"}.get(RedisRepository(redis_conn).ttl(key), "ends")


@right("2.2")
def end_by_milliseconds(redis_conn, key):
    left = redis_conn.pttl(key)
    return "ends" if left >= 0 else "never ends" if left == -1 else "gone"


@right("2.2")
def end_after_a_look(redis_conn, key):
    if not redis_conn.exists(key):
        return "gone"
    left = redis_conn.ttl(key)
    if left == -2:
        return "gone"
    return "never ends" if left == -1 else "ends"


@wrong("2.2", "so TTL answers 0")
def end_above_zero(redis_conn, key):
    left = redis_conn.ttl(key)
    if left > 0:
        return "ends"
    if left == -1:
        return "never ends"
    return "gone"


@wrong("2.2", "the key stays for ever, and your function does not say so")
def end_with_the_two_mixed_up(redis_conn, key):
    left = redis_conn.ttl(key)
    if left == -1:
        return "gone"
    if left == -2:
        return "never ends"
    return "ends"


@wrong("2.2", "the key stays for ever, and your function does not say so")
def end_of_everything_that_is_not_minus_two(redis_conn, key):
    return "gone" if redis_conn.ttl(key) == -2 else "ends"


@wrong("2.2", "the key ends by itself, and your function does not say so")
def end_in_seconds(redis_conn, key):
    left = redis_conn.ttl(key)
    if left == -2:
        return "gone"
    if left == -1:
        return "never ends"
    return left


@wrong("2.2", "the caller is told nothing")
def end_not_returned(redis_conn, key):
    left = redis_conn.ttl(key)
    if left == -2:
        return "gone"
    if left == -1:
        return "never ends"
    "ends"


@wrong("2.2", "your text is none of the three")
def end_in_capitals(redis_conn, key):
    left = redis_conn.ttl(key)
    if left == -2:
        return "Gone"
    return "Never ends" if left == -1 else "Ends"


@wrong("2.2", "there is no such key, and your function does not say so")
def end_of_what_is_never_none(redis_conn, key):
    left = redis_conn.ttl(key)
    if left is None:
        return "gone"
    if left == -1:
        return "never ends"
    return "ends"


@wrong("2.2", "your answer was never true")
def end_after_a_look_that_is_believed(redis_conn, key):
    if redis_conn.exists(key) == 0:
        return "gone"
    return "ends" if redis_conn.ttl(key) >= 0 else "never ends"


# 2.3


@right("2.3")
def price_by_script(redis_conn, key, price):
    script = "return redis.call('SET', KEYS[1], ARGV[1], 'XX', 'KEEPTTL')"
    return redis_conn.eval(script, 1, key, price) is not None


@right("2.3")
def price_with_watch(redis_conn, key, price):
    def look_and_store(pipe):
        there = pipe.exists(key)
        pipe.multi()
        if there:
            pipe.set(key, price, xx=True, keepttl=True)
        return bool(there)

    return redis_conn.transaction(look_and_store, key, value_from_callable=True)


@right("2.3")
def price_in_place_of_the_old_one(redis_conn, key, price):
    return redis_conn.set(key, price, xx=True, keepttl=True, get=True) is not None


@wrong("2.3", "your code has set the old TTL again")
def price_with_the_rest_of_the_time(redis_conn, key, price):
    left = redis_conn.pttl(key)
    if left == -2:
        return False
    if left == -1:
        return bool(redis_conn.set(key, price, xx=True, keepttl=True))
    return bool(redis_conn.set(key, price, xx=True, px=left))


@wrong("2.3", "now it has none")
def price_by_plain_set(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True))


@wrong("2.3", "your code brought it back: customers buy what is not there")
def price_that_brings_the_offer_back(redis_conn, key, price):
    return bool(redis_conn.set(key, price, keepttl=True))


@wrong("2.3", "so the answer is False")
def price_or_none(redis_conn, key, price):
    return redis_conn.set(key, price, xx=True, keepttl=True)


@wrong("2.3", "the TTL was set again")
def price_with_a_new_clock(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True, ex=60))


@wrong("2.3", "your code brought it back, or says what is not so")
def price_after_a_look(redis_conn, key, price):
    if not redis_conn.exists(key):
        return False
    return redis_conn.set(key, price, keepttl=True)


@wrong("2.3", "the answer is False")
def price_and_what_set_answers(redis_conn, key, price):
    return redis_conn.execute_command("SET", key, price, "XX", "KEEPTTL")


@wrong("2.3", "the answer is True")
def price_unless_the_old_one_was_empty(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True, keepttl=True, get=True))


@wrong("2.3", "the new one must be stored, in place of the old")
def price_over_the_beginning(redis_conn, key, price):
    return bool(redis_conn.exists(key) and redis_conn.setrange(key, 0, price))


@wrong("2.3", "Redis refuses the time")
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


@wrong("2.3", "your code has set the old TTL again")
def price_then_its_old_end(redis_conn, key, price):
    end = redis_conn.pexpiretime(key)
    with redis_conn.pipeline(transaction=False) as pipe:
        stored = pipe.set(key, price, xx=True).pexpireat(key, end if end > 0 else 2**45).execute()[0]
    if end == -1:
        redis_conn.persist(key)
    return bool(stored)


@wrong("2.3", "your code has set the old TTL again")
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


@wrong("2.3", "kept it to itself")
def price_unless_redis_fails(redis_conn, key, price):
    try:
        return bool(redis_conn.set(key, price, xx=True, keepttl=True))
    except redis.RedisError:
        return False


@wrong("2.3", "TTL is shorter than it should be")
def price_with_the_ttl_as_it_was(redis_conn, key, price):
    return redis_conn.set(key, price, ex=redis_conn.ttl(key))


@wrong("2.3", "TTL is shorter than it should be")
def price_with_xx_and_the_ttl_as_it_was(redis_conn, key, price):
    return bool(redis_conn.set(key, price, xx=True, ex=redis_conn.ttl(key)))


@wrong("2.3", "TTL is shorter than it should be")
def price_then_expire(redis_conn, key, price):
    left = redis_conn.ttl(key)
    if not redis_conn.set(key, price, xx=True):
        return False
    if left > 0:
        redis_conn.expire(key, left)
    return True


# 2.4


@right("2.4")
def end_in_milliseconds(redis_conn, key, seconds):
    return redis_conn.pexpire(key, seconds * 1000)


@right("2.4")
def end_by_script(redis_conn, key, seconds):
    return redis_conn.eval("return redis.call('EXPIRE', KEYS[1], ARGV[1])", 1, key, seconds) == 1


@right("2.4")
def end_after_an_if(redis_conn, key, seconds):
    there = redis_conn.expire(key, seconds)
    return bool(there)


@right("2.4")
def end_after_a_look_at_the_key(redis_conn, key, seconds):
    if not redis_conn.exists(key):
        return False
    redis_conn.expire(key, seconds)
    return True


@wrong("2.4", "so the answer is True")
def end_and_say_nothing(redis_conn, key, seconds):
    redis_conn.expire(key, seconds)


@wrong("2.4", "so the answer is False")
def end_and_always_say_yes(redis_conn, key, seconds):
    redis_conn.expire(key, seconds)
    return True


@wrong("2.4", "the value of the key was changed")
def end_by_set(redis_conn, key, seconds):
    return bool(redis_conn.set(key, "312", ex=seconds, xx=True))


@wrong("2.4", "and your code undid that")
def end_by_writing_the_value_again(redis_conn, key, seconds):
    value = redis_conn.get(key)
    if value is None:
        return False
    redis_conn.set(key, value, ex=seconds)
    return True


@wrong("2.4", "whatever TTL it had before")
def end_only_where_there_is_none(redis_conn, key, seconds):
    if redis_conn.ttl(key) == -1:
        redis_conn.expire(key, seconds)
    return redis_conn.exists(key) == 1


@wrong("2.4", "Its value is the empty text")
def end_of_what_is_not_empty(redis_conn, key, seconds):
    if redis_conn.get(key):
        return redis_conn.expire(key, seconds)
    return False


@wrong("2.4", "ends too early or too late")
def end_after_forty_seconds(redis_conn, key, seconds):
    return redis_conn.expire(key, 40)


@wrong("2.4", "kept it to itself")
def end_unless_redis_fails(redis_conn, key, seconds):
    try:
        return redis_conn.expire(key, seconds)
    except redis.RedisError:
        return False


# 2.5


@right("2.5")
def price_through_the_repository(redis_conn, key, fruit):
    text = RedisRepository(redis_conn).get_hash(key, fruit)
    return None if text is None else int(text)


@right("2.5")
def price_out_of_the_whole_hash(redis_conn, key, fruit):
    prices = redis_conn.hgetall(key)
    if fruit in prices:
        return int(prices[fruit])
    return None


@right("2.5")
def price_if_there_is_text(redis_conn, key, fruit):
    text = redis_conn.hget(key, fruit)
    if text:
        return int(text)


@wrong("2.5", "your function must return a number")
def price_as_text(redis_conn, key, fruit):
    return redis_conn.hget(key, fruit)


@wrong("2.5", "raised TypeError")
def price_that_must_be_there(redis_conn, key, fruit):
    return int(redis_conn.hget(key, fruit))


@wrong("2.5", "nobody knows the price of this fruit")
def price_or_zero(redis_conn, key, fruit):
    return int(redis_conn.hget(key, fruit) or 0)


@wrong("2.5", "0 is a price, and the answer is not None")
def price_unless_it_is_zero(redis_conn, key, fruit):
    return int(redis_conn.hget(key, fruit) or 0) or None


@wrong("2.5", "raised TypeError")
def price_after_a_look_at_the_field(redis_conn, key, fruit):
    if not redis_conn.hexists(key, fruit):
        return None
    return int(redis_conn.hget(key, fruit))


@wrong("2.5", "the answer is an int")
def price_as_a_float(redis_conn, key, fruit):
    text = redis_conn.hget(key, fruit)
    return None if text is None else float(text)


@wrong("2.5", "your function says None")
def price_of_the_field_price(redis_conn, key, fruit):
    text = redis_conn.hget(key, "price")
    return None if text is None else int(text)


@wrong("2.5", "the customer is told a wrong price")
def price_of_the_first_fruit(redis_conn, key, fruit):
    prices = redis_conn.hgetall(key)
    return int(next(iter(prices.values()))) if fruit in prices else None


@wrong("2.5", "kept that to itself")
def price_or_nothing(redis_conn, key, fruit):
    try:
        return int(redis_conn.hget(key, fruit))
    except (TypeError, redis.RedisError):
        return None


# 2.6


@right("2.6")
def read_with_hmget(redis_conn, key):
    name, price, crates, organic = redis_conn.hmget(key, ["name", "price", "crates", "organic"])
    if name is price is crates is organic is None:
        return None
    return {
        "name": "unknown" if name is None else name,
        "price": 0.0 if price is None else float(price),
        "crates": 1 if crates is None else int(crates),
        "organic": bool(int(organic or 0)),
    }


@right("2.6")
def read_with_a_table(redis_conn, key):
    types: dict = {"name": str, "price": float, "crates": int, "organic": lambda text: text != "0"}
    texts = redis_conn.hgetall(key)
    defaults = {"name": "unknown", "price": 0.0, "crates": 1, "organic": False}
    return defaults | {field: types[field](text) for field, text in texts.items()} if texts else None


@right("2.6")
def read_with_a_transaction(redis_conn, key):
    there, texts = redis_conn.pipeline().exists(key).hgetall(key).execute()
    if not there:
        return None
    return {
        "name": texts.get("name", "unknown"),
        "price": float(texts.get("price", "0")),
        "crates": int(texts.get("crates", "1")),
        "organic": texts.get("organic", "0") != "0",
    }


@wrong("2.6", "a fruit that never was")
def read_after_a_look(redis_conn, key):
    return read_a_fruit_that_is_not_there(redis_conn, key) if redis_conn.exists(key) else None


@wrong("2.6", "a fruit that never was")
def read_field_by_field(redis_conn, key):
    pipe = redis_conn.pipeline(transaction=False)
    for field in ("name", "price", "crates", "organic"):
        pipe.hget(key, field)
    name, price, crates, organic = pipe.execute()
    if name is price is crates is organic is None:
        return None
    return {
        "name": "unknown" if name is None else name,
        "price": float(price or 0),
        "crates": 1 if crates is None else int(crates),
        "organic": organic == "1",
    }


@wrong("2.6", "reading must change nothing")
def read_and_fill_in(redis_conn, key):
    fruit = read_with_hmget(redis_conn, key)
    if fruit is not None:
        for field, value in fruit.items():
            redis_conn.hsetnx(key, field, int(value) if isinstance(value, bool) else value)
    return fruit


@wrong("2.6", "nobody asked for a TTL")
def read_and_keep_for_another_hour(redis_conn, key):
    fruit = read_with_hmget(redis_conn, key)
    redis_conn.expire(key, 3600)
    return fruit


READ_BEFORE: dict = {}


@wrong("2.6", "so its default counts")
def read_over_what_was_read_before(redis_conn, key):
    texts = redis_conn.hgetall(key)
    READ_BEFORE.update(texts)
    if not texts:
        return None
    return {
        "name": READ_BEFORE.get("name", "unknown"),
        "price": float(READ_BEFORE.get("price", 0)),
        "crates": int(READ_BEFORE.get("crates", 1)),
        "organic": READ_BEFORE.get("organic") == "1",
    }


@wrong("2.6", "the customer does not see it")
def read_only_with_a_name(redis_conn, key):
    return read_with_hmget(redis_conn, key) if redis_conn.hexists(key, "name") else None


@wrong("2.6", "kept that to itself")
def read_or_none(redis_conn, key):
    try:
        return read_with_hmget(redis_conn, key)
    except redis.RedisError:
        return None


@wrong("2.6", "is not sold as organic")
def read_one_as_a_number(redis_conn, key):
    fruit = read_with_hmget(redis_conn, key)
    return fruit and fruit | {"organic": redis_conn.hget(key, "organic") == 1}


@wrong("2.6", "Redis stores strings")
def read_as_text(redis_conn, key):
    return redis_conn.hgetall(key) or None


@wrong("2.6", "is sold as organic")
def read_with_bool_of_text(redis_conn, key):
    texts = redis_conn.hgetall(key)
    return texts and {
        "name": texts.get("name", "unknown"),
        "price": float(texts.get("price", 0)),
        "crates": int(texts.get("crates", 1)),
        "organic": bool(texts.get("organic", "")),
    }


@wrong("2.6", "which counts as false in Python")
def read_with_or(redis_conn, key):
    texts = redis_conn.hgetall(key)
    if not texts:
        return None
    return {
        "name": texts.get("name") or "unknown",
        "price": float(texts.get("price") or 0),
        "crates": int(texts.get("crates", 0)) or 1,
        "organic": texts.get("organic") == "1",
    }


@wrong("2.6", "one that is made of defaults")
def read_a_fruit_that_is_not_there(redis_conn, key):
    texts = redis_conn.hgetall(key)
    return {
        "name": texts.get("name", "unknown"),
        "price": float(texts.get("price", 0)),
        "crates": int(texts.get("crates", 1)),
        "organic": texts.get("organic") == "1",
    }


@wrong("2.6", "raised KeyError")
def read_without_defaults(redis_conn, key):
    texts = redis_conn.hgetall(key)
    if not texts:
        return None
    return {
        "name": texts["name"],
        "price": float(texts["price"]),
        "crates": int(texts["crates"]),
        "organic": texts["organic"] == "1",
    }


@wrong("2.6", "has no field price, so its default counts")
def read_with_other_defaults(redis_conn, key):
    texts = redis_conn.hgetall(key)
    return texts and {
        "name": texts.get("name"),
        "price": float(texts["price"]) if "price" in texts else None,
        "crates": int(texts.get("crates", 0)),
        "organic": texts.get("organic") == "1",
    }


@wrong("2.6", "int() cannot read a text with a point")
def read_whole_price(redis_conn, key):
    texts = redis_conn.hgetall(key)
    return texts and {
        "name": texts.get("name", "unknown"),
        "price": int(texts.get("price", 0)),
        "crates": int(texts.get("crates", 1)),
        "organic": texts.get("organic") == "1",
    }


@wrong("2.6", "organic came back as text")
def read_organic_as_text(redis_conn, key):
    fruit = read_with_hmget(redis_conn, key)
    return fruit and fruit | {"organic": redis_conn.hget(key, "organic") or False}


# 2.7


@right("2.7")
def correct_in_a_pipeline(redis_conn, key, fruit, price):
    return redis_conn.pipeline().hset(key, fruit, price).ttl(key).execute()[1]


@right("2.7")
def correct_with_mapping(redis_conn, key, fruit, price):
    left = redis_conn.ttl(key)
    redis_conn.hset(key, mapping={fruit: price})
    return left


@right("2.7")
def correct_what_is_there(redis_conn, key, fruit, price):
    def look_and_correct(pipe):
        there = pipe.exists(key)
        pipe.multi()
        if there:
            pipe.hset(key, fruit, price)
        pipe.ttl(key)

    return redis_conn.transaction(look_and_correct, key)[-1]


@right("2.7")
def correct_and_round_the_milliseconds(redis_conn, key, fruit, price):
    redis_conn.hset(key, fruit, price)
    left = redis_conn.pttl(key)
    return left if left < 0 else math.ceil(left / 1000)


@wrong("2.7", "the TTL was set again")
def correct_and_renew(redis_conn, key, fruit, price):
    redis_conn.hset(key, fruit, price)
    redis_conn.expire(key, 40)
    return redis_conn.ttl(key)


@wrong("2.7", "now it has none")
def correct_by_rewriting(redis_conn, key, fruit, price):
    prices, left = redis_conn.hgetall(key), redis_conn.ttl(key)
    redis_conn.delete(key)
    redis_conn.hset(key, mapping=prices | {fruit: price})
    return left


@wrong("2.7", "the TTL was set again")
def correct_by_rewriting_with_the_clock(redis_conn, key, fruit, price):
    left = redis_conn.ttl(key)
    correct_by_rewriting(redis_conn, key, fruit, price)
    redis_conn.expire(key, left)
    return left


@wrong("2.7", "return how many whole seconds the hash has left")
def correct_and_say_how_many_fields_are_new(redis_conn, key, fruit, price):
    return redis_conn.hset(key, fruit, price)


@wrong("2.7", "the caller is told nothing")
def correct_and_say_nothing(redis_conn, key, fruit, price):
    redis_conn.hset(key, fruit, price)


@wrong("2.7", "a correction gave it one")
def correct_and_end_what_has_no_end(redis_conn, key, fruit, price):
    return redis_conn.pipeline().hset(key, fruit, price).expire(key, 40, nx=True).ttl(key).execute()[-1]


@wrong("2.7", "TTL is shorter than it should be")
def correct_and_end_within_the_hour(redis_conn, key, fruit, price):
    return redis_conn.pipeline().hset(key, fruit, price).expire(key, 40, lt=True).ttl(key).execute()[-1]


@wrong("2.7", "somebody's change is lost")
def correct_by_rewriting_with_the_milliseconds(redis_conn, key, fruit, price):
    prices, left = redis_conn.hgetall(key), redis_conn.pttl(key)
    pipe = redis_conn.pipeline().delete(key).hset(key, mapping=prices | {fruit: price})
    if left > 0:
        pipe.pexpire(key, left)
    return pipe.ttl(key).execute()[-1]


@wrong("2.7", "in its last half second")
def correct_and_set_the_seconds_again(redis_conn, key, fruit, price):
    script = """
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        local left = redis.call('PTTL', KEYS[1])
        if left >= 0 and left < 1000 then redis.call('EXPIRE', KEYS[1], 0) end
        return redis.call('TTL', KEYS[1])
    """
    return redis_conn.eval(script, 1, key, fruit, price)


@wrong("2.7", "kept that to itself")
def correct_or_say_zero(redis_conn, key, fruit, price):
    try:
        redis_conn.hset(key, fruit, price)
    except redis.ResponseError:
        return 0
    return redis_conn.ttl(key)


@wrong("2.7", "and only that, must change")
def correct_as_a_string(redis_conn, key, fruit, price):
    redis_conn.set(key, price, keepttl=True)
    return redis_conn.ttl(key)
