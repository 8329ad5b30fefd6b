"""Answers to the exercises of lesson 07."""

import contextlib
import hashlib
import itertools
import json
import random
import secrets

import redis

from redis_helpers.redis_repository import RedisRepository
from tests.exercise_answers import right, wrong

# 7.1


@right("7.1")
def compared_as_text(redis_conn, key, load):
    cached = redis_conn.get(key)
    return cached is not None and cached != str(load())


@right("7.1")
def looked_through_the_repository(redis_conn, key, load):
    price = load()
    cached = RedisRepository(redis_conn).get(key)
    return not (cached is None or int(cached) == price)


@wrong("7.1", "Redis gives the copy back as text")
def text_against_a_number(redis_conn, key, load):
    cached = redis_conn.get(key)
    return cached is not None and cached != load()


@wrong("7.1", "there is no copy: then nothing is stale")
def no_copy_is_stale(redis_conn, key, load):
    return redis_conn.get(key) != str(load())


@wrong("7.1", "only to look")
def mended_at_once(redis_conn, key, load):
    cached = redis_conn.get(key)
    if cached is None or int(cached) == load():
        return False
    redis_conn.delete(key)
    return True


@wrong("7.1", "may be gone at the second")
def looked_before_it_fetched(redis_conn, key, load):
    return bool(redis_conn.exists(key)) and int(redis_conn.get(key)) != load()


@wrong("7.1", "kept it to itself")
def never_stale_when_redis_fails(redis_conn, key, load):
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        return False
    return cached is not None and int(cached) != load()


@wrong("7.1", "your function returned nothing")
def compared_and_not_returned(redis_conn, key, load):
    cached = redis_conn.get(key)
    if cached is None:
        return False
    _ = int(cached) != load()
    return None


@wrong("7.1", "did not ask the source")
def load_without_brackets(redis_conn, key, load):
    cached = redis_conn.get(key)
    return cached is not None and int(cached) != load


# 7.2


@right("7.2")
def unlinked(redis_conn, key, save, price):
    save(price)
    redis_conn.unlink(key)


@right("7.2")
def expired_at_once(redis_conn, key, save, price):
    save(price)
    redis_conn.pexpire(key, 0)


@right("7.2")
def deleted_before_and_after(redis_conn, key, save, price):
    redis_conn.delete(key)
    save(price)
    redis_conn.delete(key)


@wrong("7.2", "between your two steps a reader came")
def deleted_first(redis_conn, key, save, price):
    redis_conn.delete(key)
    save(price)


@wrong("7.2", "the new price was written into the cache")
def written_to_both(redis_conn, key, save, price):
    save(price)
    redis_conn.set(key, price, ex=300)


@wrong("7.2", "the old price is still cached")
def saved_only(redis_conn, key, save, price):
    save(price)


@wrong("7.2", "the source must hold the new price")
def deleted_only(redis_conn, key, save, price):
    redis_conn.delete(key)


@wrong("7.2", "could not save the price, and your function kept it to itself")
def errors_swallowed(redis_conn, key, save, price):
    with contextlib.suppress(Exception):
        save(price)
    redis_conn.delete(key)


@wrong("7.2", "the old price is still cached")
def left_to_expire(redis_conn, key, save, price):
    save(price)
    redis_conn.expire(key, 5)


@right("7.2")
def deleted_even_if_not_saved(redis_conn, key, save, price):
    try:
        save(price)
    finally:
        RedisRepository(redis_conn).delete(key)


@right("7.2")
def deleted_by_a_script(redis_conn, key, save, price):
    save(price)
    redis_conn.register_script("return redis.call('DEL', KEYS[1])")([key])


@wrong("7.2", "the old price stays in the cache, and nobody knows")
def deletion_not_so_important(redis_conn, key, save, price):
    save(price)
    with contextlib.suppress(redis.RedisError):
        redis_conn.delete(key)


@wrong("7.2", "deleted or changed a key that is not its own")
def everything_that_begins_so(redis_conn, key, save, price):
    save(price)
    for found in redis_conn.scan_iter(match=f"{key}*", count=1000):
        redis_conn.delete(found)


@wrong("7.2", "an empty text is cached now")
def emptied(redis_conn, key, save, price):
    save(price)
    redis_conn.set(key, "")


@wrong("7.2", "told another price, or one of another type")
def saved_as_text(redis_conn, key, save, price):
    save(str(price))
    redis_conn.delete(key)


@wrong("7.2", "the source was told more than once")
def saved_twice(redis_conn, key, save, price):
    save(price)
    redis_conn.delete(key)
    save(price)
    redis_conn.delete(key)


@wrong("7.2", "the source must hold the new price")
def free_fruit_is_not_saved(redis_conn, key, save, price):
    if price:
        save(price)
    redis_conn.delete(key)


@wrong("7.2", "a key that nobody asked for")
def leaves_a_note(redis_conn, key, save, price):
    save(price)
    redis_conn.pipeline().delete(key).set(key + ":changed", 1).execute()


# 7.3

IF_THERE = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], 'stock', ARGV[1])
  return 1
end
return 0
"""


@right("7.3")
def by_a_registered_script(redis_conn, key, stock):
    return bool(redis_conn.register_script(IF_THERE)([key], [stock]))


@right("7.3")
def watched(redis_conn, key, stock):
    with redis_conn.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                if not pipe.exists(key):
                    return False
                pipe.multi()
                pipe.hset(key, "stock", stock)
                pipe.execute()
                return True
            except redis.WatchError:
                continue


@wrong("7.3", "only changed its price")
def given_up_after_a_watch_error(redis_conn, key, stock):
    with redis_conn.pipeline() as pipe:
        pipe.watch(key)
        if not pipe.exists(key):
            return False
        pipe.multi()
        pipe.hset(key, "stock", stock)
        try:
            pipe.execute()
        except redis.WatchError:
            return False
        return True


@wrong("7.3", "each sale starts its clock again")
def renewed_with_the_same_number(redis_conn, key, stock):
    script = IF_THERE.replace("return 1", "redis.call('EXPIRE', KEYS[1], 600) return 1")
    return redis_conn.eval(script, 1, key, stock) == 1


@wrong("7.3", "each sale starts its clock again")
def the_ttl_set_again_in_whole_seconds(redis_conn, key, stock):
    script = IF_THERE.replace("  redis.call", "  local left = redis.call('TTL', KEYS[1])\n  redis.call")
    script = script.replace("return 1", "redis.call('EXPIRE', KEYS[1], left)\n  return 1")
    return redis_conn.eval(script, 1, key, stock) == 1


@wrong("7.3", "a shorter TTL")
def at_most_600_seconds(redis_conn, key, stock):
    at_most = "if redis.call('TTL', KEYS[1]) > 600 then redis.call('EXPIRE', KEYS[1], 600) end"
    script = IF_THERE.replace("return 1", f"{at_most}\n  return 1")
    return redis_conn.eval(script, 1, key, stock) == 1


@right("7.3")
def the_ttl_set_again_in_milliseconds(redis_conn, key, stock):
    script = IF_THERE.replace("  redis.call", "  local left = redis.call('PTTL', KEYS[1])\n  redis.call")
    script = script.replace("return 1", "redis.call('PEXPIRE', KEYS[1], left)\n  return 1")
    return redis_conn.eval(script, 1, key, stock) == 1


@wrong("7.3", "nothing may be made")
def just_set(redis_conn, key, stock):
    there = bool(redis_conn.exists(key))
    redis_conn.hset(key, "stock", stock)
    return there


@wrong("7.3", "The record ended between two of your commands")
def looked_first(redis_conn, key, stock):
    if not redis_conn.exists(key):
        return False
    redis_conn.hset(key, "stock", stock)
    return True


@wrong("7.3", "only the stock may change")
def without_the_price(redis_conn, key, stock):
    script = IF_THERE.replace("redis.call('HSET'", "redis.call('HDEL', KEYS[1], 'price') redis.call('HSET'")
    return redis_conn.eval(script, 1, key, stock) == 1


@wrong("7.3", "change the stock, and return True")
def what_hset_says(redis_conn, key, stock):
    script = IF_THERE.replace("  return 1", "  return redis.call('HSET', KEYS[1], 'stock', ARGV[1])")
    return redis_conn.eval(script, 1, key, stock) == 1


@wrong("7.3", "has no TTL any more")
def written_anew(redis_conn, key, stock):
    script = IF_THERE.replace("redis.call('HSET'", "redis.call('PERSIST', KEYS[1]) redis.call('HSET'")
    return redis_conn.eval(script, 1, key, stock) == 1


# 7.4


@right("7.4")
def whole_seconds(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=random.randint(ttl, int(1.2 * ttl)))


@wrong("7.4", "Each call must choose a new one")
def by_the_name_of_the_key(redis_conn, key, value, ttl):
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4])
    redis_conn.set(key, json.dumps(value), ex=ttl + number % int(0.2 * ttl + 1))


@wrong("7.4", "also expire almost together")
def always_the_same_ttl(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=ttl)


@wrong("7.4", "also expire almost together")
def chance_with_a_fixed_seed(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=ttl + random.Random(7).randint(0, ttl // 5))


@wrong("7.4", "also expire almost together")
def a_second_or_two(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=ttl + random.randint(0, 2))


@wrong("7.4", "between ttl and 1.2 times ttl")
def both_ways(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=random.choice([int(0.8 * ttl), int(0.9 * ttl)]))


@wrong("7.4", "A TTL is a whole number")
def fractions_of_a_second(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=random.uniform(ttl, 1.2 * ttl))


@wrong("7.4", "has no TTL: an old value stays for ever")
def no_ttl(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value))


@wrong("7.4", "is not JSON")
def not_json(redis_conn, key, value, ttl):
    redis_conn.set(key, str(value), ex=random.randint(ttl, int(1.2 * ttl)))


@right("7.4")
def from_a_triangle(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), px=int(1000 * random.triangular(ttl, 1.2 * ttl)))


@right("7.4")
def from_a_bell_curve_with_ends(redis_conn, key, value, ttl):
    seconds = min(max(random.gauss(1.1 * ttl, 0.05 * ttl), ttl), 1.2 * ttl)
    redis_conn.set(key, json.dumps(value), ex=round(seconds))


@right("7.4")
def shorter_than_the_longest(redis_conn, key, value, ttl):
    longest = ttl + ttl // 5
    redis_conn.setex(key, longest - secrets.randbelow(ttl // 5 + 1), json.dumps(value))


@right("7.4")
def by_a_script(redis_conn, key, value, ttl):
    seconds = random.randint(ttl, ttl * 6 // 5)
    redis_conn.eval("redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])", 1, key, json.dumps(value), seconds)


@right("7.4")
def through_the_repository_with_jitter(redis_conn, key, value, ttl):
    RedisRepository(redis_conn).insert_ex(key, json.dumps(value), random.randint(ttl, ttl * 6 // 5))


@wrong("7.4", "one TTL comes much more often")
def for_every_second_call(redis_conn, key, value, ttl):
    extra = random.randint(0, ttl // 5) if random.random() < 0.5 else 0
    redis_conn.set(key, json.dumps(value), ex=ttl + extra)


@wrong("7.4", "each TTL follows from the one before")
def one_after_the_other(redis_conn, key, value, ttl, calls=itertools.count()):  # noqa: B008
    redis_conn.set(key, json.dumps(value), ex=ttl + 7 * next(calls) % (ttl // 5 + 1))


@wrong("7.4", "between ttl and 1.2 times ttl")
def from_a_bell_curve(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), px=round(1000 * random.gauss(1.1 * ttl, 0.05 * ttl)))


@wrong("7.4", "must choose a new one")
def seeded_with_the_key(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=round(random.Random(key).uniform(ttl, 1.2 * ttl)))


@wrong("7.4", "a part of the window is never used")
def ten_per_cent(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=random.randint(ttl, int(1.1 * ttl)))


@wrong("7.4", "between ttl and 1.2 times ttl")
def up_and_down(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=round(random.uniform(0.9 * ttl, 1.1 * ttl)))


@wrong("7.4", "can be torn apart by a crash")
def torn_jitter(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value))
    redis_conn.expire(key, random.randint(ttl, ttl * 6 // 5))


@wrong("7.4", "the text that was there before")
def only_if_it_is_new(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=random.randint(ttl, ttl * 6 // 5), nx=True)


@wrong("7.4", "its caller believes that the value is stored")
def full_or_not(redis_conn, key, value, ttl):
    with contextlib.suppress(redis.RedisError):
        redis_conn.set(key, json.dumps(value), ex=random.randint(ttl, ttl * 6 // 5))


# 7.5


@right("7.5")
def with_or(redis_conn, prefix, name):
    return prefix + "v" + (redis_conn.get(f"{prefix}version") or "0") + ":" + name


@right("7.5")
def as_a_number(redis_conn, prefix, name):
    return f"{prefix}v{int(RedisRepository(redis_conn).get(prefix + 'version') or 0)}:{name}"


@wrong("7.5", "there is no version yet: take 0")
def none_in_the_name(redis_conn, prefix, name):
    return f"{prefix}v{redis_conn.get(prefix + 'version')}:{name}"


@wrong("7.5", "it changed the version")
def a_new_version_each_time(redis_conn, prefix, name):
    return f"{prefix}v{redis_conn.incr(prefix + 'version')}:{name}"


@wrong("7.5", "nobody asked for")
def the_first_version_is_stored(redis_conn, prefix, name):
    redis_conn.set(prefix + "version", 0, nx=True)
    return f"{prefix}v{redis_conn.get(prefix + 'version')}:{name}"


@wrong("7.5", "the version that stands in Redis now")
def without_the_v(redis_conn, prefix, name):
    return f"{prefix}{redis_conn.get(prefix + 'version') or 0}:{name}"


@wrong("7.5", "the prefix, a v, the version")
def with_a_second_colon(redis_conn, prefix, name):
    return f"{prefix}:v{redis_conn.get(prefix + 'version') or 0}:{name}"


@wrong("7.5", "your function returned nothing")
def made_and_not_returned(redis_conn, prefix, name):
    _ = f"{prefix}v{redis_conn.get(prefix + 'version') or 0}:{name}"


@wrong("7.5", "the key has neither version")
def looked_before_it_asked(redis_conn, prefix, name):
    if redis_conn.exists(prefix + "version"):
        return f"{prefix}v{redis_conn.get(prefix + 'version')}:{name}"
    return f"{prefix}v0:{name}"


@wrong("7.5", "kept it to itself")
def version_0_when_redis_fails(redis_conn, prefix, name):
    try:
        version = redis_conn.get(prefix + "version") or 0
    except redis.RedisError:
        version = 0
    return f"{prefix}v{version}:{name}"
