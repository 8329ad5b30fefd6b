"""Answers to the exercises of lesson 08."""

import contextlib
import json
import time

import redis

from redis_helpers.cache_aside import CacheAside
from redis_helpers.errors import CourseError
from redis_helpers.redis_repository import RedisRepository
from tests.exercise_answers import right, wrong

# 8.1


@right("8.1")
def none_for_every_error(redis_conn, key):
    try:
        return redis_conn.get(key)
    except Exception:
        return None


@right("8.1")
def none_in_a_with_block(redis_conn, key):
    with contextlib.suppress(redis.RedisError):
        return redis_conn.get(key)


@right("8.1")
def none_for_three_errors(redis_conn, key):
    try:
        value = redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError, redis.ResponseError):
        value = None
    return value


@wrong("8.1", "did not answer in time, and redis.TimeoutError came through")
def none_when_nobody_is_there(redis_conn, key):
    try:
        value = redis_conn.get(key)
    except redis.ConnectionError:
        return None
    return value


@wrong("8.1", "answered with an error")
def none_for_two_errors(redis_conn, key):
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        return None


@wrong("8.1", "refused the connection, and redis.ConnectionError came through")
def none_for_errors_of_python(redis_conn, key):
    try:
        return redis_conn.get(key)
    except (ConnectionError, TimeoutError):
        return None


@wrong("8.1", "an empty text is a value like any other")
def none_for_empty_texts(redis_conn, key):
    try:
        return redis_conn.get(key) or None
    except redis.RedisError:
        return None


@wrong("8.1", "must return None then")
def an_empty_text_for_none(redis_conn, key):
    try:
        return redis_conn.get(key)
    except redis.RedisError:
        return ""


# 8.2

BROKEN = (redis.ConnectionError, redis.TimeoutError)


@right("8.2")
def saved_in_a_loop(redis_conn, key, price):
    for number in (1, 2):
        try:
            redis_conn.set(key, price, ex=600)
            return
        except BROKEN:
            if number == 2:
                raise


@right("8.2")
def saved_in_milliseconds(redis_conn, key, price):
    try:
        redis_conn.set(key, price, px=600_000)
    except redis.ResponseError:
        raise
    except redis.RedisError:
        redis_conn.set(key, price, px=600_000)


@right("8.2")
def saved_and_said(redis_conn, key, price):
    try:
        return redis_conn.set(key, str(price), ex=600)
    except redis.ConnectionError:
        pass
    except redis.TimeoutError:
        pass
    return redis_conn.set(key, str(price), ex=600)


@wrong("8.2", "gave up")
def saved_once(redis_conn, key, price):
    redis_conn.set(key, price, ex=600)


@wrong("8.2", "kept that to itself")
def saved_or_not(redis_conn, key, price):
    for _ in range(2):
        try:
            return redis_conn.set(key, price, ex=600)
        except redis.RedisError:
            pass


@wrong("8.2", "an answer is no broken connection")
def saved_after_any_error(redis_conn, key, price):
    try:
        redis_conn.set(key, price, ex=600)
    except redis.RedisError:
        redis_conn.set(key, price, ex=600)


@wrong("8.2", "tried too often")
def saved_after_three_tries(redis_conn, key, price):
    for _ in range(2):
        try:
            return redis_conn.set(key, price, ex=600)
        except BROKEN:
            pass
    return redis_conn.set(key, price, ex=600)


@wrong("8.2", "is silent, which is a TimeoutError, and your function tried too seldom")
def saved_again_after_a_broken_connection_only(redis_conn, key, price):
    try:
        redis_conn.set(key, price, ex=600)
    except redis.ConnectionError:
        redis_conn.set(key, price, ex=600)


@wrong("8.2", "stored the price more than once")
def saved_twice_in_any_case(redis_conn, key, price):
    with contextlib.suppress(*BROKEN):
        redis_conn.set(key, price, ex=600)
    redis_conn.set(key, price, ex=600)


@wrong("8.2", "in two commands")
def saved_with_a_ttl_of_its_own_command(redis_conn, key, price):
    redis_conn.set(key, price)
    redis_conn.expire(key, 600)


@wrong("8.2", "it never ends")
def saved_again_for_ever(redis_conn, key, price):
    try:
        redis_conn.set(key, price, ex=600)
    except BROKEN:
        redis_conn.set(key, price)


# 8.3


def _through(redis_conn, key, load, store):
    """Cache-aside in which `store(text)` stores."""
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    store(json.dumps(value))
    return value


@right("8.3")
def fallen_back_with_cache_aside(redis_conn, key, load, ttl):
    return CacheAside(redis_conn).get_or_load(key, load, ttl)


@wrong("8.3", "Not every failure of Redis is a matter of the connection")
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


@wrong("8.3", "it is a RedisError, but not a ConnectionError")
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


@wrong("8.3", "load() must be called once")
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


@wrong("8.3", "died after your command number 1 (GET), and your function raised ConnectionError")
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


@wrong("8.3", "refuses connections, and your function raised ConnectionError")
def no_fall_back(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("8.3", "the answer must come from load()")
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


@wrong("8.3", "load() raised LookupError, and your function kept it to itself")
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


@wrong("8.3", "a source in trouble gets twice the work")
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


@right("8.3")
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


@right("8.3")
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


@right("8.3")
def fallen_back_and_noted(redis_conn, key, load, ttl):
    there = True
    cached = None
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        there = False
    value = json.loads(cached) if cached is not None else load()
    if there and cached is None:
        with contextlib.suppress(redis.RedisError):
            redis_conn.set(key, json.dumps(value), px=1000 * ttl)
    return value


@wrong("8.3", "your `except` caught its DataError")
def fallen_back_without_json(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        return load()
    if cached is not None:
        return cached
    value = load()
    with contextlib.suppress(redis.RedisError):
        redis_conn.set(key, value, ex=ttl)
    return value


@right("8.3")
def fallen_back_from_the_repository(redis_conn, key, load, ttl):
    repo = RedisRepository(redis_conn)
    try:
        cached = repo.get(key)
    except CourseError:
        return load()
    if cached is not None:
        return json.loads(cached)
    value = load()
    with contextlib.suppress(CourseError):
        repo.insert_ex(key, json.dumps(value), ttl)
    return value


@wrong("8.3", "is a value like any other")
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


@wrong("8.3", "a source in trouble gets twice the work")
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


@wrong("8.3", "each customer waited")
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


@wrong("8.3", "and your function raised ConnectionError")
def asked_whether_it_is_there(redis_conn, key, load, ttl):
    try:
        redis_conn.ping()
    except redis.RedisError:
        return load()
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, ex=ttl))


@wrong("8.3", "can be torn apart by a crash")
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


@wrong("8.3", "reading gave the entry a new TTL")
def each_reader_renews(redis_conn, key, load, ttl):
    with contextlib.suppress(redis.RedisError):
        cached = redis_conn.getex(key, ex=ttl)
        if cached is not None:
            return json.loads(cached)
    value = load()
    with contextlib.suppress(redis.RedisError):
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("8.3", "Redis is gone, load() raised")
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


@wrong("8.3", "load() raised LookupError, your `except` caught it")
def read_with_load_in_a_try(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        return load()
    if cached is not None:
        return json.loads(cached)
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    except Exception:
        pass
    return value


# 8.4


@right("8.4")
def told_with_else(redis_conn, key, save, price):
    save(price)
    try:
        redis_conn.unlink(key)
    except redis.RedisError:
        return False
    else:
        return True


@right("8.4")
def told_after_a_second_try(redis_conn, key, save, price):
    save(price)
    for _ in range(2):
        try:
            redis_conn.delete(key)
            return True
        except redis.RedisError:
            pass
    return False


@right("8.4")
def told_by_the_repository(redis_conn, key, save, price):
    save(price)
    try:
        RedisRepository(redis_conn).delete(key)
    except CourseError:
        return False
    return True


@wrong("8.4", "the user sees an error page")
def told_by_an_error(redis_conn, key, save, price):
    save(price)
    redis_conn.delete(key)
    return True


@wrong("8.4", "TimeoutError came through: the price is saved")
def told_when_refused_only(redis_conn, key, save, price):
    save(price)
    try:
        redis_conn.delete(key)
    except redis.ConnectionError:
        return False
    return True


@wrong("8.4", "deleted the copy first")
def told_in_the_wrong_order(redis_conn, key, save, price):
    try:
        redis_conn.delete(key)
        deleted = True
    except redis.RedisError:
        deleted = False
    save(price)
    return deleted


@wrong("8.4", "kept it to itself")
def told_false_when_not_saved(redis_conn, key, save, price):
    try:
        save(price)
        redis_conn.delete(key)
        return True
    except Exception:
        return False


@wrong("8.4", "must be called once, all the same")
def told_and_saved_twice(redis_conn, key, save, price):
    save(price)
    try:
        redis_conn.delete(key)
    except redis.RedisError:
        save(price)
        return False
    return True


@wrong("8.4", "DEL had nothing to delete")
def told_how_many(redis_conn, key, save, price):
    save(price)
    try:
        return bool(redis_conn.delete(key))
    except redis.RedisError:
        return False


@wrong("8.4", "return False")
def told_always_true(redis_conn, key, save, price):
    save(price)
    with contextlib.suppress(redis.RedisError):
        redis_conn.delete(key)
    return True
