"""Answers to the exercises of lesson 02."""

from redis_helpers.redis_repository import RedisRepository
from tests.exercise_answers import right, wrong

# 2.1


@right("2.1")
def day_through_the_repository(redis_conn, key, prices, ttl):
    RedisRepository(redis_conn).insert_hash_many_ex(key, prices, ttl)


@right("2.1")
def day_in_one_chain(redis_conn, key, prices, ttl):
    redis_conn.pipeline(transaction=True).hset(key, mapping=prices).pexpire(key, ttl * 1000).execute()


@wrong("2.1", "must be one transaction")
def day_in_two_commands(redis_conn, key, prices, ttl):
    redis_conn.hset(key, mapping=prices)
    redis_conn.expire(key, ttl)


@wrong("2.1", "must be one transaction")
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


@wrong("2.1", "finds no key to expire")
def day_expired_before_it_exists(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.expire(key, ttl)
        pipe.hset(key, mapping=prices)
        pipe.execute()


@wrong("2.1", "the hash has no TTL")
def day_without_end(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        pipe.execute()


@wrong("2.1", "not the TTL that was asked for")
def day_of_forty_seconds(redis_conn, key, prices, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.hset(key, mapping=prices)
        pipe.expire(key, 40)
        pipe.execute()


@wrong("2.1", "fields that are not in prices must stay")
def day_deleted_first(redis_conn, key, prices, ttl):
    redis_conn.pipeline().delete(key).hset(key, mapping=prices).expire(key, ttl).execute()


# 2.2


@right("2.2")
def correct_in_a_pipeline(redis_conn, key, fruit, price):
    return redis_conn.pipeline().hset(key, fruit, price).ttl(key).execute()[1]


@right("2.2")
def correct_with_mapping(redis_conn, key, fruit, price):
    left = redis_conn.ttl(key)
    redis_conn.hset(key, mapping={fruit: price})
    return left


@wrong("2.2", "the TTL was set anew")
def correct_and_renew(redis_conn, key, fruit, price):
    redis_conn.hset(key, fruit, price)
    redis_conn.expire(key, 40)
    return redis_conn.ttl(key)


@wrong("2.2", "deleting and storing it anew")
def correct_by_rewriting(redis_conn, key, fruit, price):
    prices, left = redis_conn.hgetall(key), redis_conn.ttl(key)
    redis_conn.delete(key)
    redis_conn.hset(key, mapping=prices | {fruit: price})
    return left


@wrong("2.2", "change the one field, and leave the rest alone")
def correct_by_rewriting_with_the_clock(redis_conn, key, fruit, price):
    left = redis_conn.ttl(key)
    correct_by_rewriting(redis_conn, key, fruit, price)
    redis_conn.expire(key, left)
    return left


@wrong("2.2", "return how many seconds the hash has left")
def correct_and_say_how_many_fields_are_new(redis_conn, key, fruit, price):
    return redis_conn.hset(key, fruit, price)


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


@wrong("2.3", "EXPIRE is for the whole key")
def flash_for_the_whole_key(redis_conn, key, fruit, price, seconds):
    redis_conn.pipeline().hset(key, fruit, price).expire(key, seconds).execute()


@wrong("2.3", "HSET clears a field's TTL")
def flash_the_wrong_way_round(redis_conn, key, fruit, price, seconds):
    redis_conn.pipeline().hexpire(key, seconds, fruit).hset(key, fruit, price).execute()


@wrong("2.3", "a flash price that never ends")
def flash_in_two_commands(redis_conn, key, fruit, price, seconds):
    redis_conn.hset(key, fruit, price)
    redis_conn.hexpire(key, seconds, fruit)


@wrong("2.3", "a flash price that never ends")
def flash_in_a_pipeline_without_transaction(redis_conn, key, fruit, price, seconds):
    redis_conn.pipeline(transaction=False).hset(key, fruit, price).hexpire(key, seconds, fruit).execute()


@wrong("2.3", "has not its own TTL")
def flash_without_end(redis_conn, key, fruit, price, seconds):
    redis_conn.hset(key, fruit, price)


@wrong("2.3", "the other fields must stay, and have no TTL")
def flash_for_all_fields(redis_conn, key, fruit, price, seconds):
    redis_conn.hset(key, fruit, price)
    redis_conn.hexpire(key, seconds, *redis_conn.hkeys(key))


@wrong("2.3", "whole hash lost its TTL")
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


@wrong("2.4", "Redis stores strings")
def read_as_text(redis_conn, key):
    return redis_conn.hgetall(key) or None


@wrong("2.4", "bool('0') is True")
def read_with_bool_of_text(redis_conn, key):
    texts = redis_conn.hgetall(key)
    return texts and {
        "name": texts.get("name", "unknown"),
        "price": float(texts.get("price", 0)),
        "crates": int(texts.get("crates", 1)),
        "organic": bool(texts.get("organic", "")),
    }


@wrong("2.4", "`or` takes the default")
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


@wrong("2.4", "return None, not a fruit made of defaults")
def read_a_fruit_that_is_not_there(redis_conn, key):
    texts = redis_conn.hgetall(key)
    return {
        "name": texts.get("name", "unknown"),
        "price": float(texts.get("price", 0)),
        "crates": int(texts.get("crates", 1)),
        "organic": texts.get("organic") == "1",
    }


@wrong("2.4", "raised KeyError: 'price'")
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
        if tonumber(redis.call('HGET', KEYS[1], ARGV[1])) < tonumber(ARGV[2]) then return 0 end
        redis.call('HINCRBY', KEYS[1], ARGV[1], -ARGV[2])
        return 1
    """
    return redis_conn.eval(script, 1, key, fruit, crates) == 1


@right("2.5")
def take_after_a_look(redis_conn, key, fruit, crates):
    if int(redis_conn.hget(key, fruit)) < crates:
        return False
    if redis_conn.hincrby(key, fruit, -crates) < 0:
        redis_conn.hincrby(key, fruit, crates)
        return False
    return True


@wrong("2.5", "the last 5 crates were sold twice")
def take_with_hget_and_hset(redis_conn, key, fruit, crates):
    left = int(redis_conn.hget(key, fruit))
    if left < crates:
        return False
    redis_conn.hset(key, fruit, left - crates)
    return True


@wrong("2.5", "the last 5 crates were sold twice")
def take_on_a_look(redis_conn, key, fruit, crates):
    if int(redis_conn.hget(key, fruit)) < crates:
        return False
    redis_conn.hincrby(key, fruit, -crates)
    return True


@wrong("2.5", "must be put back")
def take_and_keep(redis_conn, key, fruit, crates):
    return redis_conn.hincrby(key, fruit, -crates) >= 0


@wrong("2.5", "6 crates can be taken out of 6")
def take_and_leave_one(redis_conn, key, fruit, crates):
    if redis_conn.hincrby(key, fruit, -crates) > 0:
        return True
    redis_conn.hincrby(key, fruit, crates)
    return False


@wrong("2.5", "must be put back")
def take_and_set_to_zero(redis_conn, key, fruit, crates):
    if redis_conn.hincrby(key, fruit, -crates) >= 0:
        return True
    redis_conn.hset(key, fruit, 0)
    return False


@wrong("2.5", "6 crates must be left")
def take_the_wrong_way(redis_conn, key, fruit, crates):
    return redis_conn.hincrby(key, fruit, crates) >= 0
