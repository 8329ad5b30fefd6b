"""Answers to the exercises of lesson 09."""

import contextlib
import json
import math
import random
import time

import redis

from tests.exercise_answers import right, wrong

# 9.1


@right("9.1")
def chance_against_a_random_number(redis_conn, key, took, beta):
    return random.random() < math.exp(-redis_conn.pttl(key) / (beta * took))


@right("9.1")
def python_has_these_dice(redis_conn, key, took, beta):
    return random.expovariate(1 / (beta * took)) >= redis_conn.pttl(key)


@wrong("9.1", "the other way round")
def turned_round(redis_conn, key, took, beta):
    return -beta * took * math.log(random.random()) <= redis_conn.pttl(key)


@wrong("9.1", "it takes a minus")
def no_minus(redis_conn, key, took, beta):
    return beta * took * math.log(random.random()) >= redis_conn.pttl(key)


@wrong("9.1", "TTL counts seconds")
def in_seconds(redis_conn, key, took, beta):
    return -beta * took * math.log(random.random()) >= redis_conn.ttl(key)


@wrong("9.1", "a larger beta must reload earlier")
def without_beta(redis_conn, key, took, beta):
    return -took * math.log(random.random()) >= redis_conn.pttl(key)


@wrong("9.1", "Chance must have its say")
def no_logarithm(redis_conn, key, took, beta):
    return took * beta >= redis_conn.pttl(key)


@wrong("9.1", "exp(−1) of the calls")
def dice_without_logarithm(redis_conn, key, took, beta):
    return beta * took * random.random() >= redis_conn.pttl(key)


@wrong("9.1", "True, always")
def nothing_to_reload(redis_conn, key, took, beta):
    left = redis_conn.pttl(key)
    return left >= 0 and -beta * took * math.log(random.random()) >= left


@wrong("9.1", "True or False")
def the_time_instead_of_the_answer(redis_conn, key, took, beta):
    return -beta * took * math.log(random.random()) - redis_conn.pttl(key)


# 9.2


@right("9.2")
def watched(redis_conn, key, lease, token, text, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.watch(lease)
        if pipe.get(lease) != token:
            return False
        pipe.multi()
        pipe.set(key, text, ex=ttl)
        pipe.delete(lease)
        try:
            pipe.execute()
        except redis.WatchError:
            return False
        return True


@right("9.2")
def in_milliseconds(redis_conn, key, lease, token, text, ttl):
    script = """
        local ours = redis.call('GET', KEYS[1]) == ARGV[1]
        if ours then
            redis.call('DEL', KEYS[1])
            redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
        end
        return ours
    """
    return bool(redis_conn.eval(script, 2, lease, key, token, text, 1000 * ttl))


@wrong("9.2", "must be one step for the server")
def two_steps(redis_conn, key, lease, token, text, ttl):
    ours = redis_conn.get(lease) == token
    if ours:
        redis_conn.pipeline().set(key, text, ex=ttl).delete(lease).execute()
    return ours


@wrong("9.2", "must be one step for the server")
def looked_twice(redis_conn, key, lease, token, text, ttl):
    if redis_conn.get(lease) != token or redis_conn.get(lease) != token:
        return False
    redis_conn.set(key, text, ex=ttl)
    redis_conn.delete(lease)
    return True


@wrong("9.2", "must be given back")
def lease_kept(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        return 1
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1


@wrong("9.2", "must stay with him")
def lease_always_deleted(redis_conn, key, lease, token, text, ttl):
    script = """
        local ours = redis.call('GET', KEYS[2]) == ARGV[1]
        redis.call('DEL', KEYS[2])
        if ours then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
        return ours
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1


@wrong("9.2", "may be old")
def never_asked_whose(redis_conn, key, lease, token, text, ttl):
    redis_conn.pipeline().set(key, text, ex=ttl).delete(lease).execute()
    return True


@wrong("9.2", "needs its TTL")
def without_ttl(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2])
        return redis.call('DEL', KEYS[2])
    """
    return redis_conn.eval(script, 2, key, lease, token, text) == 1


@wrong("9.2", "return True")
def a_number_for_an_answer(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        return redis.call('DEL', KEYS[2])
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl)


# 9.3


def _load_once(redis_conn, key, load, ttl, look_again=True, store_first=True, lock=None, give_back=True):
    """The solution, with one thing or another done wrong."""
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.set(key + ":lock", "taken", **(lock or {"nx": True, "px": 2000})):
        time.sleep(0.005)
    cached = redis_conn.get(key) if look_again else None
    if cached is None:
        cached = json.dumps(load())
        if store_first:
            redis_conn.set(key, cached, ex=ttl)
    else:
        store_first = True
    if give_back:
        redis_conn.delete(key + ":lock")
    if not store_first:
        redis_conn.set(key, cached, ex=ttl)
    return json.loads(cached)


@right("9.3")
def round_and_round(redis_conn, key, load, ttl):
    while True:
        if (cached := redis_conn.get(key)) is not None:
            return json.loads(cached)
        if redis_conn.set(key + ":lock", "taken", nx=True, ex=2):
            break
        time.sleep(0.005)
    try:
        cached = redis_conn.get(key)
        if cached is not None:
            return json.loads(cached)
        value = load()
        redis_conn.pipeline().set(key, json.dumps(value), ex=ttl).delete(key + ":lock").execute()
        return value
    finally:
        redis_conn.delete(key + ":lock")


@right("9.3")
def with_the_lock_of_redis_py(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", timeout=2, sleep=0.005):
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)


@wrong("9.3", "look at the key again once you hold the lock")
def no_second_look(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, look_again=False)


@wrong("9.3", "no lock was taken")
def the_six_lines(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("9.3", "given back before the value was stored")
def freed_too_early(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, store_first=False)


@wrong("9.3", "the lock has no TTL")
def a_lock_for_ever(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, lock={"nx": True})


@wrong("9.3", "look at the key again once you hold the lock")
def a_lock_that_lets_all_in(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, look_again=False, lock={"px": 2000})


@wrong("9.3", "give it back in `finally`")
def kept_when_load_fails(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl)


@wrong("9.3", "must be free again")
def never_given_back(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, give_back=False)


@wrong("9.3", "a hit costs one GET")
def a_lock_around_it_all(redis_conn, key, load, ttl):
    for _ in range(100):
        if redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
            break
        time.sleep(0.001)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
    finally:
        redis_conn.delete(key + ":lock")


# 9.4


@right("9.4")
def when_it_failed(redis_conn, key, breaker, pause):
    failed = breaker.get("failed")
    if failed is not None and time.monotonic() - failed < pause:
        return None
    breaker.clear()
    try:
        return redis_conn.get(key)
    except redis.ResponseError:
        raise
    except redis.RedisError:
        breaker["failed"] = time.monotonic()


@right("9.4")
def one_at_a_time_after_the_pause(redis_conn, key, breaker, pause):
    if breaker.get("until", 0) > time.monotonic():
        return None
    if breaker:
        breaker["until"] = time.monotonic() + pause
    try:
        value = redis_conn.get(key)
    except redis.ResponseError:
        breaker.clear()
        raise
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["until"] = time.monotonic() + pause
        return None
    breaker.clear()
    return value


def _guarded(redis_conn, key, breaker, pause, errors=(redis.ConnectionError, redis.TimeoutError), tries=1):
    if time.monotonic() < breaker.get("until", 0):
        return None
    for _ in range(tries):
        with contextlib.suppress(*errors):
            return redis_conn.get(key)
    breaker["until"] = time.monotonic() + pause
    return None


@wrong("9.4", "asked Redis again")
def only_caught(redis_conn, key, breaker, pause):
    with contextlib.suppress(redis.ConnectionError, redis.TimeoutError):
        return redis_conn.get(key)


@wrong("9.4", "asked Redis again")
def a_breaker_of_its_own(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, {}, pause)


@wrong("9.4", "did not answer in time, and your function raised TimeoutError")
def connection_errors_only(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause, errors=(redis.ConnectionError,))


@wrong("9.4", "a ResponseError goes to the caller")
def every_redis_error(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause, errors=(redis.RedisError,))


@wrong("9.4", "tried again at once")
def three_tries(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause, tries=3)


@wrong("9.4", "return None instead")
def nothing_caught(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        return None
    try:
        return redis_conn.get(key)
    except redis.RedisError:
        breaker["until"] = time.monotonic() + pause
        raise


@wrong("9.4", "the pause is over, and Redis is back")
def never_closed_again(redis_conn, key, breaker, pause):
    if breaker:
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["open"] = True


@wrong("9.4", "return what it has")
def always_open(redis_conn, key, breaker, pause):
    if breaker.setdefault("until", time.monotonic() + pause) > time.monotonic():
        return None
    return redis_conn.get(key)
