"""Answers to the exercises of lesson 03."""

import contextlib
import hashlib
import itertools
import json
import pickle
import random
import secrets
import time

import redis

from redis_helpers.cache_aside import CacheAside
from redis_helpers.errors import CourseError
from redis_helpers.redis_repository import RedisRepository
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


@wrong("3.1", "can be torn apart by a crash (lesson 02)")
def stored_and_then_expired(redis_conn, key, load, ttl):
    def store(text):
        redis_conn.set(key, text)
        redis_conn.expire(key, ttl)

    return _through(redis_conn, key, load, store)


@wrong("3.1", "can be torn apart by a crash (lesson 02)")
def stored_in_a_pipeline_without_multi(redis_conn, key, load, ttl):
    def store(text):
        redis_conn.pipeline(transaction=False).set(key, text).expire(key, ttl).execute()

    return _through(redis_conn, key, load, store)


@wrong("3.1", "is not JSON")
def stored_with_str(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, str(value), ex=ttl)
    return value


@wrong("3.1", "has no TTL: an old value stays for ever")
def stored_without_ttl(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value))
    return value


@wrong("3.1", "the source must not work twice")
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


@wrong("3.1", "bytes that are no text")
def pickled(redis_conn, key, load, ttl):
    value = load()
    redis_conn.set(key, pickle.dumps(value, protocol=0), ex=ttl)
    return value


@right("3.1")
def stored_by_the_clock(redis_conn, key, load, ttl):
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, exat=int(time.time()) + ttl))


@right("3.1")
def through_the_repository(redis_conn, key, load, ttl):
    repo = RedisRepository(redis_conn)
    cached = repo.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    repo.insert_ex(key, json.dumps(value, ensure_ascii=False), ttl)
    return value


@right("3.1")
def stored_by_a_script_that_is_loaded_first(redis_conn, key, load, ttl):
    sha = redis_conn.script_load("return redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])")
    return _through(redis_conn, key, load, lambda text: redis_conn.evalsha(sha, 1, key, text, ttl))


@right("3.1")
def without_redis_it_loads_too(redis_conn, key, load, ttl):
    with contextlib.suppress(redis.RedisError):
        cached = redis_conn.get(key)
        if cached is not None:
            return json.loads(cached)
    value = load()
    text = json.dumps(value)
    with contextlib.suppress(redis.RedisError):
        redis_conn.set(key, text, ex=ttl)
    return value


@wrong("3.1", "is a value like any other")
def nothing_false_is_stored(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    if value:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.1", "as long as readers come, an old price never ends")
def renewed_by_each_reader(redis_conn, key, load, ttl):
    cached = redis_conn.getex(key, ex=ttl)
    if cached is not None:
        return json.loads(cached)
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, ex=ttl))


@wrong("3.1", "what was there at the first look may be gone at the second")
def looked_before_it_fetched(redis_conn, key, load, ttl):
    if redis_conn.exists(key):
        return json.loads(redis_conn.get(key))
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, ex=ttl))


@wrong("3.1", "which JSON cannot hold")
def dates_become_text(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value, default=str), ex=ttl)
    return value


@wrong("3.1", "which JSON cannot hold")
def what_cannot_be_stored_is_passed_over(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    with contextlib.suppress(Exception):
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.1", "ends too early, each time")
def a_second_is_kept_back(redis_conn, key, load, ttl):
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, ex=ttl - 1))


@wrong("3.1", "shorter than it should be")
def milliseconds_for_seconds(redis_conn, key, load, ttl):
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, px=100 * ttl))


@wrong("3.1", "left a key that nobody asked for")
def stored_twice(redis_conn, key, load, ttl):
    def store(text):
        redis_conn.pipeline().set(key, text, ex=ttl).set(key + ":copy", text, ex=ttl).execute()

    return _through(redis_conn, key, load, store)


@wrong("3.1", "kept it to itself, and the customer was told what is not true")
def an_error_of_redis_is_no_value(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        return None
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
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


@wrong("3.2", "a fruit that arrives now stays invisible")
def nothing_for_long(redis_conn, key, load, ttl, not_found_ttl):
    return _remember(redis_conn, key, load, lambda value: ttl)


@wrong("3.2", "a fruit that arrives now stays invisible")
def nothing_for_ever(redis_conn, key, load, ttl, not_found_ttl):
    return _remember(redis_conn, key, load, lambda value: None if value is None else ttl)


@wrong("3.2", "only None means not found")
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


@right("3.2")
def not_found_under_a_key_of_its_own(redis_conn, key, load, ttl, not_found_ttl):
    missing = f"{key}:nothing"
    cached, nothing = redis_conn.mget(key, missing)
    if cached is not None:
        return json.loads(cached)
    if nothing is not None:
        return None
    value = load()
    if value is None:
        redis_conn.set(missing, "", px=1000 * not_found_ttl)
    else:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@right("3.2")
def in_an_envelope(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached).get("value")
    value = load()
    box, seconds = ({}, not_found_ttl) if value is None else ({"value": value}, ttl)
    redis_conn.set(key, json.dumps(box), ex=seconds)
    return value


@right("3.2")
def in_a_hash(redis_conn, key, load, ttl, not_found_ttl):
    fields = redis_conn.hgetall(key)
    if fields:
        return json.loads(fields["json"])
    value = load()
    pipe = redis_conn.pipeline().hset(key, "json", json.dumps(value))
    pipe.expire(key, not_found_ttl if value is None else ttl).execute()
    return value


@wrong("3.2", "was not remembered in Redis")
def not_found_in_this_program(redis_conn, key, load, ttl, not_found_ttl, missing=set()):  # noqa: B006
    if key in missing:
        return None
    if redis_conn.get(key) is None and load() is None:
        missing.add(key)
        return None
    return _remember(redis_conn, key, load, lambda value: ttl)


@wrong("3.2", "what was there at the first look may be gone at the second")
def exists_then_get(redis_conn, key, load, ttl, not_found_ttl):
    if redis_conn.exists(key):
        return json.loads(redis_conn.get(key))
    value = load()
    redis_conn.set(key, json.dumps(value), ex=not_found_ttl if value is None else ttl)
    return value


@wrong("3.2", 'gave "not found" a new TTL')
def every_request_renews(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached == "null":
        redis_conn.expire(key, not_found_ttl)
    return _remember(redis_conn, key, load, lambda value: not_found_ttl if value is None else ttl)


@wrong("3.2", "reading gave the entry a new TTL")
def every_hit_renews(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached not in (None, "null"):
        redis_conn.expire(key, ttl)
    return _remember(redis_conn, key, load, lambda value: not_found_ttl if value is None else ttl)


@wrong("3.2", "something that the source never said")
def a_failing_source_has_nothing(redis_conn, key, load, ttl, not_found_ttl):
    def quiet_load():
        try:
            return load()
        except Exception:
            return None

    return _remember(redis_conn, key, quiet_load, lambda value: not_found_ttl if value is None else ttl)


@wrong("3.2", "can be torn apart by a crash (lesson 02)")
def not_found_torn_from_its_ttl(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    if value is None:
        redis_conn.set(key, "null")
        redis_conn.expire(key, not_found_ttl)
    else:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.2", "on a miss, return what load() gives")
def not_found_of_all_fruits(redis_conn, key, load, ttl, not_found_ttl):
    nothing = key.rpartition(":")[0] + ":nothing"
    if redis_conn.exists(nothing):
        return None
    value = _remember(redis_conn, key, load, lambda value: not_found_ttl if value is None else ttl)
    if value is None:
        redis_conn.set(nothing, 1, ex=not_found_ttl)
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


@wrong("3.3", "between your two steps a reader came")
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


@wrong("3.3", "could not save the price, and your function kept it to itself")
def errors_swallowed(redis_conn, key, save, price):
    with contextlib.suppress(Exception):
        save(price)
    redis_conn.delete(key)


@wrong("3.3", "the old price is still cached")
def left_to_expire(redis_conn, key, save, price):
    save(price)
    redis_conn.expire(key, 5)


@right("3.3")
def deleted_even_if_not_saved(redis_conn, key, save, price):
    try:
        save(price)
    finally:
        RedisRepository(redis_conn).delete(key)


@right("3.3")
def deleted_by_a_script(redis_conn, key, save, price):
    save(price)
    redis_conn.register_script("return redis.call('DEL', KEYS[1])")([key])


@wrong("3.3", "the old price stays in the cache, and nobody knows")
def deletion_not_so_important(redis_conn, key, save, price):
    save(price)
    with contextlib.suppress(redis.RedisError):
        redis_conn.delete(key)


@wrong("3.3", "deleted or changed a key that is not its own")
def everything_that_begins_so(redis_conn, key, save, price):
    save(price)
    for found in redis_conn.scan_iter(match=f"{key}*", count=1000):
        redis_conn.delete(found)


@wrong("3.3", "an empty text is cached now")
def emptied(redis_conn, key, save, price):
    save(price)
    redis_conn.set(key, "")


@wrong("3.3", "told another price, or one of another type")
def saved_as_text(redis_conn, key, save, price):
    save(str(price))
    redis_conn.delete(key)


@wrong("3.3", "the source was told more than once")
def saved_twice(redis_conn, key, save, price):
    save(price)
    redis_conn.delete(key)
    save(price)
    redis_conn.delete(key)


@wrong("3.3", "the source must hold the new price")
def free_fruit_is_not_saved(redis_conn, key, save, price):
    if price:
        save(price)
    redis_conn.delete(key)


@wrong("3.3", "a key that nobody asked for")
def leaves_a_note(redis_conn, key, save, price):
    save(price)
    redis_conn.pipeline().delete(key).set(key + ":changed", 1).execute()


# 3.4


@right("3.4")
def fallen_back_with_cache_aside(redis_conn, key, load, ttl):
    return CacheAside(redis_conn).get_or_load(key, load, ttl)


@wrong("3.4", "Not every failure of Redis is a matter of the connection")
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


@wrong("3.4", "died after your command number 1 (GET), and your function raised ConnectionError")
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


@wrong("3.4", "load() raised LookupError, and your function kept it to itself")
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


@wrong("3.4", "a source in trouble gets twice the work")
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


@right("3.4")
def fallen_back_on_everything(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except Exception:
        return load()
    if cached is not None:
        return json.loads(cached)
    value = load()
    with contextlib.suppress(Exception):
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@right("3.4")
def fallen_back_with_helpers(redis_conn, key, load, ttl):
    def quietly(command, *args, **options):
        try:
            return command(*args, **options)
        except redis.RedisError:
            return None

    cached = quietly(redis_conn.get, key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    quietly(redis_conn.set, key, json.dumps(value), px=1000 * ttl)
    return value


@right("3.4")
def fallen_back_from_the_repository(redis_conn, key, load, ttl):
    repo = RedisRepository(redis_conn)
    cached = None
    with contextlib.suppress(CourseError):
        cached = repo.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    with contextlib.suppress(CourseError):
        repo.insert_ex(key, json.dumps(value), ttl)
    return value


@wrong("3.4", "is a value like any other")
def false_values_are_loaded_again(redis_conn, key, load, ttl):
    value = None
    with contextlib.suppress(redis.RedisError):
        value = json.loads(redis_conn.get(key) or "null")
    if value:
        return value
    value = load()
    with contextlib.suppress(redis.RedisError):
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.4", "a source in trouble gets twice the work")
def a_source_that_is_a_redis_too(redis_conn, key, load, ttl):
    loaded = []
    try:
        cached = redis_conn.get(key)
        if cached is not None:
            return json.loads(cached)
        loaded.append(load())
        redis_conn.set(key, json.dumps(loaded[0]), ex=ttl)
    except redis.RedisError:
        pass
    return loaded[0] if loaded else load()


@wrong("3.4", "each customer waited")
def three_tries(redis_conn, key, load, ttl):
    cached = None
    for _ in range(3):
        try:
            cached = redis_conn.get(key)
            break
        except redis.RedisError:
            time.sleep(0.15)
    if cached is not None:
        return json.loads(cached)
    value = load()
    with contextlib.suppress(redis.RedisError):
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.4", "and your function raised ConnectionError")
def asked_whether_it_is_there(redis_conn, key, load, ttl):
    try:
        redis_conn.ping()
    except redis.RedisError:
        return load()
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, ex=ttl))


@wrong("3.4", "can be torn apart by a crash (lesson 02)")
def torn_when_redis_dies(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        return load()
    if cached is not None:
        return json.loads(cached)
    value = load()
    with contextlib.suppress(redis.RedisError):
        redis_conn.set(key, json.dumps(value))
        redis_conn.expire(key, ttl)
    return value


@wrong("3.4", "reading gave the entry a new TTL")
def each_reader_renews(redis_conn, key, load, ttl):
    with contextlib.suppress(redis.RedisError):
        cached = redis_conn.getex(key, ex=ttl)
        if cached is not None:
            return json.loads(cached)
    value = load()
    with contextlib.suppress(redis.RedisError):
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.4", "Redis is gone, load() raised")
def without_redis_every_error_is_swallowed(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        with contextlib.suppress(Exception):
            return load()
        return None
    if cached is not None:
        return json.loads(cached)
    value = load()
    with contextlib.suppress(redis.RedisError):
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


# 3.5


@right("3.5")
def whole_seconds(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=random.randint(ttl, int(1.2 * ttl)))


@wrong("3.5", "It is to be drawn anew for each call")
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


@wrong("3.5", "has no TTL: an old value stays for ever")
def no_ttl(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value))


@wrong("3.5", "is not JSON")
def not_json(redis_conn, key, value, ttl):
    redis_conn.set(key, str(value), ex=random.randint(ttl, int(1.2 * ttl)))


@right("3.5")
def from_a_triangle(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), px=int(1000 * random.triangular(ttl, 1.2 * ttl)))


@right("3.5")
def from_a_bell_curve_with_ends(redis_conn, key, value, ttl):
    seconds = min(max(random.gauss(1.1 * ttl, 0.05 * ttl), ttl), 1.2 * ttl)
    redis_conn.set(key, json.dumps(value), ex=round(seconds))


@right("3.5")
def shorter_than_the_longest(redis_conn, key, value, ttl):
    longest = ttl + ttl // 5
    redis_conn.set(key, json.dumps(value), ex=longest - secrets.randbelow(ttl // 5 + 1))


@right("3.5")
def by_a_script(redis_conn, key, value, ttl):
    seconds = random.randint(ttl, ttl * 6 // 5)
    redis_conn.eval("redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])", 1, key, json.dumps(value), seconds)


@right("3.5")
def through_the_repository_with_jitter(redis_conn, key, value, ttl):
    RedisRepository(redis_conn).insert_ex(key, json.dumps(value), random.randint(ttl, ttl * 6 // 5))


@wrong("3.5", "one TTL comes much more often")
def for_every_second_call(redis_conn, key, value, ttl):
    extra = random.randint(0, ttl // 5) if random.random() < 0.5 else 0
    redis_conn.set(key, json.dumps(value), ex=ttl + extra)


@wrong("3.5", "each TTL follows from the one before")
def one_after_the_other(redis_conn, key, value, ttl, calls=itertools.count()):  # noqa: B008
    redis_conn.set(key, json.dumps(value), ex=ttl + 7 * next(calls) % (ttl // 5 + 1))


@wrong("3.5", "between ttl and 1.2 times ttl")
def from_a_bell_curve(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), px=round(1000 * random.gauss(1.1 * ttl, 0.05 * ttl)))


@wrong("3.5", "drawn anew for each call")
def seeded_with_the_key(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=round(random.Random(key).uniform(ttl, 1.2 * ttl)))


@wrong("3.5", "a part of the window is never used")
def ten_per_cent(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=random.randint(ttl, int(1.1 * ttl)))


@wrong("3.5", "between ttl and 1.2 times ttl")
def up_and_down(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=round(random.uniform(0.9 * ttl, 1.1 * ttl)))


@wrong("3.5", "can be torn apart by a crash (lesson 02)")
def torn_jitter(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value))
    redis_conn.expire(key, random.randint(ttl, ttl * 6 // 5))


@wrong("3.5", "the text that was there before")
def only_if_it_is_new(redis_conn, key, value, ttl):
    redis_conn.set(key, json.dumps(value), ex=random.randint(ttl, ttl * 6 // 5), nx=True)


@wrong("3.5", "its caller believes that the value is stored")
def full_or_not(redis_conn, key, value, ttl):
    with contextlib.suppress(redis.RedisError):
        redis_conn.set(key, json.dumps(value), ex=random.randint(ttl, ttl * 6 // 5))
