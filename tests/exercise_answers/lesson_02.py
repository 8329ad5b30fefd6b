"""Answers to the exercises of lesson 02."""

import contextlib
import math
import threading
import time

import redis

from redis_helpers.redis_repository import RedisRepository
from tests.exercise_answers import right, wrong

# 2.1


@right("2.1")
def day_through_the_repository(redis_conn, key, prices, ttl):
    RedisRepository(redis_conn).insert_hash_many_ex(key, prices, ttl)


@right("2.1")
def day_in_one_chain(redis_conn, key, prices, ttl):
    redis_conn.pipeline(transaction=True).hset(key, mapping=prices).pexpire(key, ttl * 1000).execute()


@right("2.1")
def day_deleted_first(redis_conn, key, prices, ttl):
    redis_conn.pipeline().delete(key).hset(key, mapping=prices).expire(key, ttl).execute()


@right("2.1")
def day_by_script(redis_conn, key, prices, ttl):
    script = """
        for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
        redis.call('EXPIRE', KEYS[1], ARGV[1])
    """
    flat = [word for pair in prices.items() for word in pair]
    redis_conn.register_script(script)(keys=[key], args=[ttl, *flat])


@right("2.1")
def day_until_a_time_of_the_clock(redis_conn, key, prices, ttl):
    end = round(time.time() + ttl)
    redis_conn.transaction(lambda pipe: (pipe.multi(), pipe.hset(key, mapping=prices), pipe.expireat(key, end)), key)


@wrong("2.1", "the day is left without its end")
def day_in_two_commands(redis_conn, key, prices, ttl):
    redis_conn.hset(key, mapping=prices)
    redis_conn.expire(key, ttl)


@wrong("2.1", "the day is left without its end")
def day_in_a_pipeline_without_transaction(redis_conn, key, prices, ttl):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.hset(key, mapping=prices)
        pipe.expire(key, ttl)
        pipe.execute()


@wrong("2.1", "A pipeline sends nothing before its execute()")
def day_not_executed(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        pipe.expire(key, ttl)


@wrong("2.1", "Look at what gives the hash its end, and when")
def day_expired_before_it_exists(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.expire(key, ttl)
        pipe.hset(key, mapping=prices)
        pipe.execute()


@wrong("2.1", "the day never ends")
def day_without_end(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        pipe.execute()


@wrong("2.1", "too early or too late")
def day_of_forty_seconds(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        pipe.expire(key, 40)
        pipe.execute()


@wrong("2.1", "too early or too late")
def day_that_never_gets_shorter(redis_conn, key, prices, ttl):
    redis_conn.pipeline().hset(key, mapping=prices).expire(key, 1, nx=True).expire(key, ttl, gt=True).execute()


@wrong("2.1", "the day never ends")
def day_whose_fields_end(redis_conn, key, prices, ttl):
    redis_conn.pipeline().hset(key, mapping=prices).hexpire(key, ttl, *prices).execute()


@wrong("2.1", "with a part of its prices")
def day_with_the_first_price_and_then_the_others(redis_conn, key, prices, ttl):
    (first, price), *others = prices.items()
    redis_conn.pipeline().hset(key, first, price).expire(key, ttl).execute()
    redis_conn.hset(key, mapping=dict(others))


@wrong("2.1", "a key is stored that nobody asked for")
def day_with_a_copy(redis_conn, key, prices, ttl):
    pipe = redis_conn.pipeline().hset(key, mapping=prices).hset(f"{key}:copy", mapping=prices)
    pipe.expire(key, ttl).expire(f"{key}:copy", ttl).execute()


@wrong("2.1", "kept that to itself")
def day_or_nothing_said(redis_conn, key, prices, ttl):
    pipe = redis_conn.pipeline().hset(key, mapping=prices).expire(key, ttl)
    pipe.execute(raise_on_error=False)


# 2.2


@right("2.2")
def correct_in_a_pipeline(redis_conn, key, fruit, price):
    return redis_conn.pipeline().hset(key, fruit, price).ttl(key).execute()[1]


@right("2.2")
def correct_with_mapping(redis_conn, key, fruit, price):
    left = redis_conn.ttl(key)
    redis_conn.hset(key, mapping={fruit: price})
    return left


@right("2.2")
def correct_what_is_there(redis_conn, key, fruit, price):
    def look_and_correct(pipe):
        there = pipe.exists(key)
        pipe.multi()
        if there:
            pipe.hset(key, fruit, price)
        pipe.ttl(key)

    return redis_conn.transaction(look_and_correct, key)[-1]


@right("2.2")
def correct_and_round_the_milliseconds(redis_conn, key, fruit, price):
    redis_conn.hset(key, fruit, price)
    left = redis_conn.pttl(key)
    return left if left < 0 else math.ceil(left / 1000)


@wrong("2.2", "the TTL was set anew")
def correct_and_renew(redis_conn, key, fruit, price):
    redis_conn.hset(key, fruit, price)
    redis_conn.expire(key, 40)
    return redis_conn.ttl(key)


@wrong("2.2", "now it has none")
def correct_by_rewriting(redis_conn, key, fruit, price):
    prices, left = redis_conn.hgetall(key), redis_conn.ttl(key)
    redis_conn.delete(key)
    redis_conn.hset(key, mapping=prices | {fruit: price})
    return left


@wrong("2.2", "the TTL was set anew")
def correct_by_rewriting_with_the_clock(redis_conn, key, fruit, price):
    left = redis_conn.ttl(key)
    correct_by_rewriting(redis_conn, key, fruit, price)
    redis_conn.expire(key, left)
    return left


@wrong("2.2", "return how many whole seconds the hash has left")
def correct_and_say_how_many_fields_are_new(redis_conn, key, fruit, price):
    return redis_conn.hset(key, fruit, price)


@wrong("2.2", "a correction gave it one")
def correct_and_end_what_has_no_end(redis_conn, key, fruit, price):
    return redis_conn.pipeline().hset(key, fruit, price).expire(key, 40, nx=True).ttl(key).execute()[-1]


@wrong("2.2", "TTL is shorter than it should be")
def correct_and_end_within_the_hour(redis_conn, key, fruit, price):
    return redis_conn.pipeline().hset(key, fruit, price).expire(key, 40, lt=True).ttl(key).execute()[-1]


@wrong("2.2", "somebody's change is lost")
def correct_by_rewriting_with_the_milliseconds(redis_conn, key, fruit, price):
    prices, left = redis_conn.hgetall(key), redis_conn.pttl(key)
    pipe = redis_conn.pipeline().delete(key).hset(key, mapping=prices | {fruit: price})
    if left > 0:
        pipe.pexpire(key, left)
    return pipe.ttl(key).execute()[-1]


@wrong("2.2", "in its last half second")
def correct_and_set_the_seconds_again(redis_conn, key, fruit, price):
    script = """
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        local left = redis.call('PTTL', KEYS[1])
        if left >= 0 and left < 1000 then redis.call('EXPIRE', KEYS[1], 0) end
        return redis.call('TTL', KEYS[1])
    """
    return redis_conn.eval(script, 1, key, fruit, price)


@wrong("2.2", "kept that to itself")
def correct_or_say_zero(redis_conn, key, fruit, price):
    try:
        redis_conn.hset(key, fruit, price)
    except redis.ResponseError:
        return 0
    return redis_conn.ttl(key)


@wrong("2.2", "and only that, must change")
def correct_as_a_string(redis_conn, key, fruit, price):
    redis_conn.set(key, price, keepttl=True)
    return redis_conn.ttl(key)


# 2.3


@right("2.3")
def flash_by_script(redis_conn, key, fruit, price, seconds):
    script = """
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        redis.call('HEXPIRE', KEYS[1], ARGV[3], 'FIELDS', 1, ARGV[1])
    """
    redis_conn.eval(script, 1, key, fruit, price, seconds)


@right("2.3")
def flash_through_the_repository(redis_conn, key, fruit, price, seconds):
    RedisRepository(redis_conn).insert_hash_field_ex(key, fruit, price, seconds)


@right("2.3")
def flash_in_milliseconds(redis_conn, key, fruit, price, seconds):
    redis_conn.pipeline().hset(key, fruit, price).hpexpire(key, seconds * 1000, fruit).execute()


@right("2.3")
def flash_until_a_time_of_the_clock(redis_conn, key, fruit, price, seconds):
    end = round(time.time() + seconds)
    redis_conn.pipeline().hset(key, fruit, price).hexpireat(key, end, fruit).execute()


@wrong("2.3", "the clock of the whole hash was changed")
def flash_for_the_whole_key(redis_conn, key, fruit, price, seconds):
    redis_conn.pipeline().hset(key, fruit, price).expire(key, seconds).execute()


@wrong("2.3", "the field needs a TTL of its own")
def flash_the_wrong_way_round(redis_conn, key, fruit, price, seconds):
    redis_conn.pipeline().hexpire(key, seconds, fruit).hset(key, fruit, price).execute()


@wrong("2.3", "a flash price that never ends")
def flash_in_two_commands(redis_conn, key, fruit, price, seconds):
    redis_conn.hset(key, fruit, price)
    redis_conn.hexpire(key, seconds, fruit)


@wrong("2.3", "a flash price that never ends")
def flash_in_a_pipeline_without_transaction(redis_conn, key, fruit, price, seconds):
    redis_conn.pipeline(transaction=False).hset(key, fruit, price).hexpire(key, seconds, fruit).execute()


@wrong("2.3", "the field needs a TTL of its own")
def flash_without_end(redis_conn, key, fruit, price, seconds):
    redis_conn.hset(key, fruit, price)


@wrong("2.3", "other prices got an end")
def flash_for_all_fields(redis_conn, key, fruit, price, seconds):
    redis_conn.hset(key, fruit, price)
    redis_conn.hexpire(key, seconds, *redis_conn.hkeys(key))


@wrong("2.3", "other prices got an end, or lost theirs")
def flash_by_writing_all_fields_again(redis_conn, key, fruit, price, seconds):
    prices = redis_conn.hgetall(key) | {fruit: price}
    redis_conn.pipeline().hset(key, mapping=prices).hexpire(key, seconds, fruit).execute()


@wrong("2.3", "must get the new price")
def flash_for_old_fields_only(redis_conn, key, fruit, price, seconds):
    redis_conn.execute_command("HSETEX", key, "FXX", "EX", seconds, "FIELDS", 1, fruit, price)


@wrong("2.3", "the field needs a TTL of its own")
def flash_that_is_not_prolonged(redis_conn, key, fruit, price, seconds):
    script = """
        local left = redis.call('HTTL', KEYS[1], 'FIELDS', 1, ARGV[1])[1]
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        redis.call('HEXPIRE', KEYS[1], left > 0 and left or ARGV[3], 'FIELDS', 1, ARGV[1])
    """
    redis_conn.eval(script, 1, key, fruit, price, seconds)


@wrong("2.3", "kept that to itself")
def flash_or_nothing_said(redis_conn, key, fruit, price, seconds):
    pipe = redis_conn.pipeline().hset(key, fruit, price).hexpire(key, seconds, fruit)
    pipe.execute(raise_on_error=False)


@wrong("2.3", "the clock of the whole hash was changed")
def flash_by_rewriting(redis_conn, key, fruit, price, seconds):
    prices = redis_conn.hgetall(key) | {fruit: price}
    redis_conn.pipeline().delete(key).hset(key, mapping=prices).hexpire(key, seconds, fruit).execute()


# 2.4


@right("2.4")
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


@right("2.4")
def read_with_a_table(redis_conn, key):
    types = {"name": str, "price": float, "crates": int, "organic": lambda text: text != "0"}
    texts = redis_conn.hgetall(key)
    defaults = {"name": "unknown", "price": 0.0, "crates": 1, "organic": False}
    return defaults | {field: types[field](text) for field, text in texts.items()} if texts else None


@right("2.4")
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


@wrong("2.4", "a fruit that never was")
def read_after_a_look(redis_conn, key):
    return read_a_fruit_that_is_not_there(redis_conn, key) if redis_conn.exists(key) else None


@wrong("2.4", "a fruit that never was")
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


@wrong("2.4", "reading must change nothing")
def read_and_fill_in(redis_conn, key):
    fruit = read_with_hmget(redis_conn, key)
    if fruit is not None:
        for field, value in fruit.items():
            redis_conn.hsetnx(key, field, int(value) if isinstance(value, bool) else value)
    return fruit


@wrong("2.4", "nobody asked for a TTL")
def read_and_keep_for_another_hour(redis_conn, key):
    fruit = read_with_hmget(redis_conn, key)
    redis_conn.expire(key, 3600)
    return fruit


READ_BEFORE: dict = {}


@wrong("2.4", "so its default counts")
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


@wrong("2.4", "the customer does not see it")
def read_only_with_a_name(redis_conn, key):
    return read_with_hmget(redis_conn, key) if redis_conn.hexists(key, "name") else None


@wrong("2.4", "kept that to itself")
def read_or_none(redis_conn, key):
    try:
        return read_with_hmget(redis_conn, key)
    except redis.RedisError:
        return None


@wrong("2.4", "is not sold as organic")
def read_one_as_a_number(redis_conn, key):
    fruit = read_with_hmget(redis_conn, key)
    return fruit and fruit | {"organic": redis_conn.hget(key, "organic") == 1}


@wrong("2.4", "Redis stores strings")
def read_as_text(redis_conn, key):
    return redis_conn.hgetall(key) or None


@wrong("2.4", "is sold as organic")
def read_with_bool_of_text(redis_conn, key):
    texts = redis_conn.hgetall(key)
    return texts and {
        "name": texts.get("name", "unknown"),
        "price": float(texts.get("price", 0)),
        "crates": int(texts.get("crates", 1)),
        "organic": bool(texts.get("organic", "")),
    }


@wrong("2.4", "which counts as false in Python")
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


@wrong("2.4", "one that is made of defaults")
def read_a_fruit_that_is_not_there(redis_conn, key):
    texts = redis_conn.hgetall(key)
    return {
        "name": texts.get("name", "unknown"),
        "price": float(texts.get("price", 0)),
        "crates": int(texts.get("crates", 1)),
        "organic": texts.get("organic") == "1",
    }


@wrong("2.4", "raised KeyError")
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


@wrong("2.4", "has no field price, so its default counts")
def read_with_other_defaults(redis_conn, key):
    texts = redis_conn.hgetall(key)
    return texts and {
        "name": texts.get("name"),
        "price": float(texts["price"]) if "price" in texts else None,
        "crates": int(texts.get("crates", 0)),
        "organic": texts.get("organic") == "1",
    }


# 2.5


@right("2.5")
def take_by_script(redis_conn, key, fruit, crates):
    script = """
        if tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0) < tonumber(ARGV[2]) then return 0 end
        redis.call('HINCRBY', KEYS[1], ARGV[1], -ARGV[2])
        return 1
    """
    return redis_conn.evalsha(redis_conn.script_load(script), 1, key, fruit, crates) == 1


@right("2.5")
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


@right("2.5")
def take_under_a_lock_that_all_customers_see(redis_conn, key, fruit, crates):
    with redis_conn.lock(f"{key}:lock", timeout=10):
        enough = int(redis_conn.hget(key, fruit) or 0) >= crates
        if enough:
            redis_conn.hincrby(key, fruit, -crates)
        return enough


LOCK = threading.Lock()


@wrong("2.5", "two customers got the same ones")
def take_under_a_lock_of_this_program(redis_conn, key, fruit, crates):
    with LOCK:
        return take_on_a_look(redis_conn, key, fruit, crates)


@wrong("2.5", "sent away although there were enough crates")
def take_and_put_back(redis_conn, key, fruit, crates):
    if redis_conn.hincrby(key, fruit, -crates) >= 0:
        return True
    redis_conn.hincrby(key, fruit, crates)
    return False


@wrong("2.5", "sent away although there were enough crates")
def take_after_a_look(redis_conn, key, fruit, crates):
    if int(redis_conn.hget(key, fruit) or 0) < crates:
        return False
    return take_and_put_back(redis_conn, key, fruit, crates)


@wrong("2.5", "sent away although there were enough crates")
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


@wrong("2.5", "two customers got the same ones")
def take_with_hget_and_hset(redis_conn, key, fruit, crates):
    left = int(redis_conn.hget(key, fruit) or 0)
    if left < crates:
        return False
    redis_conn.hset(key, fruit, left - crates)
    return True


@wrong("2.5", "two customers got the same ones")
def take_on_a_look(redis_conn, key, fruit, crates):
    if int(redis_conn.hget(key, fruit) or 0) < crates:
        return False
    redis_conn.hincrby(key, fruit, -crates)
    return True


@wrong("2.5", "the customer gets none")
def take_as_texts_compare(redis_conn, key, fruit, crates):
    script = """
        if (redis.call('HGET', KEYS[1], ARGV[1]) or '0') < ARGV[2] then return 0 end
        redis.call('HINCRBY', KEYS[1], ARGV[1], -ARGV[2])
        return 1
    """
    return redis_conn.eval(script, 1, key, fruit, crates) == 1


@wrong("2.5", "raised ResponseError")
def take_what_must_be_there(redis_conn, key, fruit, crates):
    script = """
        if tonumber(redis.call('HGET', KEYS[1], ARGV[1])) < tonumber(ARGV[2]) then return 0 end
        redis.call('HINCRBY', KEYS[1], ARGV[1], -ARGV[2])
        return 1
    """
    return redis_conn.eval(script, 1, key, fruit, crates) == 1


@wrong("2.5", "crates are gone that nobody bought")
def take_in_halves(redis_conn, key, fruit, crates):
    with redis_conn.lock(f"{key}:lock", timeout=10):
        if int(redis_conn.hget(key, fruit) or 0) < crates:
            return False
        redis_conn.hincrby(key, fruit, -1)
        redis_conn.hincrby(key, fruit, 1 - crates)
        return True


@wrong("2.5", "the answer is False")
def take_and_say_nothing(redis_conn, key, fruit, crates):
    return take_by_script(redis_conn, key, fruit, crates) or None


@wrong("2.5", "kept that to itself")
def take_or_say_no(redis_conn, key, fruit, crates):
    try:
        return take_by_script(redis_conn, key, fruit, crates)
    except redis.RedisError:
        return False


@wrong("2.5", "nothing was sold")
def take_and_keep(redis_conn, key, fruit, crates):
    return redis_conn.hincrby(key, fruit, -crates) >= 0


@wrong("2.5", "there were enough crates")
def take_and_leave_one(redis_conn, key, fruit, crates):
    if redis_conn.hincrby(key, fruit, -crates) > 0:
        return True
    redis_conn.hincrby(key, fruit, crates)
    return False


@wrong("2.5", "nothing was sold")
def take_and_set_to_zero(redis_conn, key, fruit, crates):
    if redis_conn.hincrby(key, fruit, -crates) >= 0:
        return True
    redis_conn.hset(key, fruit, 0)
    return False


@wrong("2.5", "the stock must say what is left")
def take_the_wrong_way(redis_conn, key, fruit, crates):
    return redis_conn.hincrby(key, fruit, crates) >= 0
