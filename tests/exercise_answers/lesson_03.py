"""Answers to the exercises of lesson 03."""

import contextlib
import hashlib
import json
import pickle
import random

import redis

from redis_helpers.cache_aside import CacheAside
from tests.exercise_answers import right, wrong

# 3.1


@right("3.1")
def through_cache_aside(redis_conn, key, load, ttl):
    return CacheAside(redis_conn).get_or_load(key, load, ttl)


@right("3.1")
def asked_for_forgiveness(redis_conn, key, load, ttl):
    try:
        return json.loads(redis_conn.get(key))
    except TypeError:  # json.loads(None): a miss
        text = json.dumps(load(), indent=1)
        redis_conn.set(key, text, px=ttl * 1000)
        return json.loads(text)


def _through(redis_conn, key, load, store):
    """Cache-aside in which `store(text)` stores."""
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    store(json.dumps(value))
    return value


@right("3.1")
def stored_with_setex(redis_conn, key, load, ttl):
    return _through(redis_conn, key, load, lambda text: redis_conn.execute_command("SETEX", key, ttl, text))


@right("3.1")
def stored_in_a_transaction(redis_conn, key, load, ttl):
    return _through(redis_conn, key, load, lambda text: redis_conn.pipeline().set(key, text).expire(key, ttl).execute())


@wrong("3.1", "SET and EXPIRE can be torn apart by a crash (lesson 02): SET has EX.")
def stored_and_then_expired(redis_conn, key, load, ttl):
    def store(text):
        redis_conn.set(key, text)
        redis_conn.expire(key, ttl)

    return _through(redis_conn, key, load, store)


@wrong("3.1", "SET and EXPIRE can be torn apart by a crash (lesson 02): SET has EX.")
def stored_in_a_pipeline_without_multi(redis_conn, key, load, ttl):
    def store(text):
        redis_conn.pipeline(transaction=False).set(key, text).expire(key, ttl).execute()

    return _through(redis_conn, key, load, store)


@wrong("3.1", "str() writes Python's own way")
def stored_with_str(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, str(value), ex=ttl)
    return value


@wrong("3.1", "needs its TTL")
def stored_without_ttl(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value))
    return value


@wrong("3.1", "load() is called once")
def loaded_twice(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    redis_conn.set(key, json.dumps(load()), ex=ttl)
    return load()


@wrong("3.1", "raised DataError")
def stored_as_it_is(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, value, ex=ttl)
    return value


@wrong("3.1", "with the types as they were")
def returned_as_text(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return cached
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.1", "nothing was cached")
def never_stored(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    return json.loads(cached) if cached is not None else load()


@wrong("3.1", "must not ask the source")
def always_loaded(redis_conn, key, load, ttl):
    value = load()
    cached = redis_conn.set(key, json.dumps(value), ex=ttl, nx=True)
    return value if cached else json.loads(redis_conn.get(key))


@wrong("3.1", "is not JSON")
def pickled(redis_conn, key, load, ttl):
    value = load()
    redis_conn.set(key, pickle.dumps(value, protocol=0), ex=ttl)
    return value


# 3.2


@right("3.2")
def found_through_cache_aside(redis_conn, key, load, ttl, not_found_ttl):
    return CacheAside(redis_conn, not_found_ttl=not_found_ttl).get_or_load(key, load, ttl)


@right("3.2")
def a_word_of_its_own_for_nothing(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached == "-":
        return None
    if cached is not None:
        return json.loads(cached)
    value = load()
    if value is None:
        redis_conn.set(key, "-", ex=not_found_ttl)
    else:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


def _remember(redis_conn, key, load, seconds):
    """Cache-aside with a TTL that `seconds(value)` chooses."""
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=seconds(value))
    return value


@wrong("3.2", '"not found" was not remembered')
def only_what_is_found(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached:
        return json.loads(cached)
    if (value := load()) is not None:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.2", "must be remembered briefly")
def nothing_for_long(redis_conn, key, load, ttl, not_found_ttl):
    return _remember(redis_conn, key, load, lambda value: ttl)


@wrong("3.2", "must be remembered briefly")
def nothing_for_ever(redis_conn, key, load, ttl, not_found_ttl):
    return _remember(redis_conn, key, load, lambda value: None if value is None else ttl)


@wrong("3.2", "Only None means not found")
def zero_is_nothing(redis_conn, key, load, ttl, not_found_ttl):
    return _remember(redis_conn, key, load, lambda value: ttl if value else not_found_ttl)


@wrong("3.2", "what was found lives for ttl seconds")
def everything_briefly(redis_conn, key, load, ttl, not_found_ttl):
    return _remember(redis_conn, key, load, lambda value: not_found_ttl)


@wrong("3.2", "raised JSONDecodeError")
def an_empty_text_for_nothing(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value) if value is not None else "", ex=ttl if value is not None else not_found_ttl)
    return value


@wrong("3.2", "the remembered answer must still be None")
def none_as_text(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(str(value) if value is None else value), ex=not_found_ttl if value is None else ttl)
    return value


# 3.3


@right("3.3")
def unlinked(redis_conn, key, save, price):
    save(price)
    redis_conn.unlink(key)


@right("3.3")
def expired_at_once(redis_conn, key, save, price):
    save(price)
    redis_conn.pexpire(key, 0)


@right("3.3")
def deleted_before_and_after(redis_conn, key, save, price):
    redis_conn.delete(key)
    save(price)
    redis_conn.delete(key)


@wrong("3.3", "only after save(price)")
def deleted_first(redis_conn, key, save, price):
    redis_conn.delete(key)
    save(price)


@wrong("3.3", "the new price was written into the cache")
def written_to_both(redis_conn, key, save, price):
    save(price)
    redis_conn.set(key, price, ex=300)


@wrong("3.3", "the old price is still cached")
def saved_only(redis_conn, key, save, price):
    save(price)


@wrong("3.3", "the source must hold the new price")
def deleted_only(redis_conn, key, save, price):
    redis_conn.delete(key)


@wrong("3.3", "kept it to itself")
def errors_swallowed(redis_conn, key, save, price):
    with contextlib.suppress(Exception):
        save(price)
    redis_conn.delete(key)


@wrong("3.3", "the old price is still cached")
def left_to_expire(redis_conn, key, save, price):
    save(price)
    redis_conn.expire(key, 5)


# 3.4


@right("3.4")
def fallen_back_with_cache_aside(redis_conn, key, load, ttl):
    return CacheAside(redis_conn).get_or_load(key, load, ttl)


@right("3.4")
def fallen_back_on_two_errors(redis_conn, key, load, ttl):
    gone = (redis.ConnectionError, redis.TimeoutError)
    cached = None
    with contextlib.suppress(*gone):
        cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    with contextlib.suppress(*gone):
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.4", "it is a RedisError, but not a ConnectionError")
def connection_errors_only(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except redis.ConnectionError:
        return load()
    if cached is not None:
        return json.loads(cached)
    value = load()
    with contextlib.suppress(redis.ConnectionError):
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.4", "load() must be called once")
def one_try_around_it_all(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
        if cached is not None:
            return json.loads(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    except redis.RedisError:
        return load()


@wrong("3.4", "died after GET, before SET, and your function raised ConnectionError")
def get_guarded_only(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        return load()
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.4", "refuses connections, and your function raised ConnectionError")
def no_fall_back(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.4", "the answer must come from load()")
def nothing_to_offer(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
        if cached is not None:
            return json.loads(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    except redis.RedisError:
        return None


@wrong("3.4", "kept it to itself")
def every_error_swallowed(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        cached = None
    if cached is not None:
        return json.loads(cached)
    value = None
    with contextlib.suppress(Exception):
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.4", "keep load() out of the try")
def errors_of_load_mistaken_for_errors_of_redis(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        return load()
    if cached is not None:
        return json.loads(cached)
    try:
        value = load()
    except Exception:
        value = load()
    with contextlib.suppress(redis.RedisError):
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


# 3.5


@right("3.5")
def whole_seconds(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=random.randint(ttl, int(1.2 * ttl)))


@right("3.5")
def by_the_name_of_the_key(redis_conn, key, value, ttl):
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4])
    redis_conn.set(key, json.dumps(value), ex=ttl + number % int(0.2 * ttl + 1))


@wrong("3.5", "also expire almost together")
def always_the_same_ttl(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=ttl)


@wrong("3.5", "also expire almost together")
def chance_with_a_fixed_seed(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=ttl + random.Random(7).randint(0, ttl // 5))


@wrong("3.5", "also expire almost together")
def a_second_or_two(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=ttl + random.randint(0, 2))


@wrong("3.5", "between ttl and 1.2 times ttl")
def both_ways(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=random.choice([int(0.8 * ttl), int(0.9 * ttl)]))


@wrong("3.5", "takes whole seconds for a TTL")
def fractions_of_a_second(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=random.uniform(ttl, 1.2 * ttl))


@wrong("3.5", "the key has no TTL")
def no_ttl(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value))


@wrong("3.5", "is not JSON")
def not_json(redis_conn, key, value, ttl):
    redis_conn.set(key, str(value), ex=random.randint(ttl, int(1.2 * ttl)))
