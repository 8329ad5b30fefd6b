"""Answers to the exercises of lesson 30."""

import contextlib
import json
import math
import random
import threading
import time
from datetime import datetime, timedelta
from time import monotonic_ns, sleep

import redis

from tests.exercise_answers import right, wrong

# 30.1


@right("30.1")
def chance_against_a_random_number(redis_conn, key, took, beta):
    return random.random() < math.exp(-redis_conn.pttl(key) / (beta * took))


@right("30.1")
def python_has_these_dice(redis_conn, key, took, beta):
    return random.expovariate(1 / (beta * took)) >= redis_conn.pttl(key)


@wrong("30.1", "load it anew all the same")
def turned_round(redis_conn, key, took, beta):
    return -beta * took * math.log(random.random()) <= redis_conn.pttl(key)


@wrong("30.1", "ends long before a load could finish")
def no_minus(redis_conn, key, took, beta):
    return beta * took * math.log(random.random()) >= redis_conn.pttl(key)


@wrong("30.1", "nearly all readers get the same answer")
def in_seconds(redis_conn, key, took, beta):
    return -beta * took * math.log(random.random()) >= redis_conn.ttl(key)


@wrong("30.1", "a larger beta must make them reload earlier")
def without_beta(redis_conn, key, took, beta):
    return -took * math.log(random.random()) >= redis_conn.pttl(key)


@wrong("30.1", "nearly all readers get the same answer")
def no_logarithm(redis_conn, key, took, beta):
    return took * beta >= redis_conn.pttl(key)


@wrong("30.1", "nearly all readers get the same answer")
def dice_without_logarithm(redis_conn, key, took, beta):
    return beta * took * random.random() >= redis_conn.pttl(key)


@wrong("30.1", "the entry is gone")
def nothing_to_reload(redis_conn, key, took, beta):
    left = redis_conn.pttl(key)
    return left >= 0 and -beta * took * math.log(random.random()) >= left


@wrong("30.1", "yes or no")
def the_time_instead_of_the_answer(redis_conn, key, took, beta):
    return -beta * took * math.log(random.random()) - redis_conn.pttl(key)


DICE = random.SystemRandom()


@right("30.1")
def dice_of_the_system_in_seconds(redis_conn, key, took, beta):
    left, took = redis_conn.pttl(key) / 1000, took / 1000
    return left <= 0 or -math.log(1 - DICE.random()) > left / (beta * took)


@right("30.1")
def what_is_left_from_a_script(redis_conn, key, took, beta):
    left = redis_conn.eval("return redis.call('PTTL', KEYS[1])", 1, key)
    return random.expovariate(1) * beta * took >= left


@wrong("30.1", "another chance than the rule's")
def a_bell(redis_conn, key, took, beta):
    return abs(random.gauss(0, 1)) * beta * took >= redis_conn.pttl(key)


@wrong("30.1", "another chance than the rule's")
def not_the_natural_logarithm(redis_conn, key, took, beta):
    return -beta * took * math.log2(random.random()) >= redis_conn.pttl(key)


@wrong("30.1", "another chance than the rule's")
def thirty_seven_of_a_hundred(redis_conn, key, took, beta):
    left = redis_conn.pttl(key)
    return left < beta * took * 2 and (left <= beta * took / 2 or random.random() < 0.37)


@wrong("30.1", "nearly all readers get the same answer")
def thrown_once(redis_conn, key, took, beta, dice=0.2):
    return -beta * took * math.log(dice) >= redis_conn.pttl(key)


@wrong("30.1", "nearly all readers get the same answer")
def thrown_by_the_key(redis_conn, key, took, beta):
    return -beta * took * math.log(random.Random(7).random()) >= redis_conn.pttl(key)


@wrong("30.1", "a larger beta must make them reload earlier")
def beta_divides(redis_conn, key, took, beta):
    return -took / beta * math.log(random.random()) >= redis_conn.pttl(key)


@wrong("30.1", "something rounds the time that is left")
def seconds_made_longer(redis_conn, key, took, beta):
    return -beta * took * math.log(random.random()) >= 1000 * redis_conn.ttl(key)


@wrong("30.1", "changes nothing")
def deleted_for_a_reload(redis_conn, key, took, beta):
    reload = -beta * took * math.log(random.random()) >= redis_conn.pttl(key)
    if reload:
        redis_conn.delete(key)
    return reload


@wrong("30.1", "kept it to itself")
def reload_whatever_happens(redis_conn, key, took, beta):
    try:
        return -beta * took * math.log(random.random()) >= redis_conn.pttl(key)
    except redis.RedisError:
        return True


# 30.2


@right("30.2")
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


@right("30.2")
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


@wrong("30.2", "a writer came in between")
def two_steps(redis_conn, key, lease, token, text, ttl):
    ours = redis_conn.get(lease) == token
    if ours:
        redis_conn.pipeline().set(key, text, ex=ttl).delete(lease).execute()
    return ours


@wrong("30.2", "a writer came in between")
def looked_twice(redis_conn, key, lease, token, text, ttl):
    if redis_conn.get(lease) != token or redis_conn.get(lease) != token:
        return False
    redis_conn.set(key, text, ex=ttl)
    redis_conn.delete(lease)
    return True


@wrong("30.2", "the lease is still there")
def lease_kept(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        return 1
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1


@wrong("30.2", "the lease is another reader's")
def lease_always_deleted(redis_conn, key, lease, token, text, ttl):
    script = """
        local ours = redis.call('GET', KEYS[2]) == ARGV[1]
        redis.call('DEL', KEYS[2])
        if ours then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
        return ours
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1


@wrong("30.2", "may be an old price")
def never_asked_whose(redis_conn, key, lease, token, text, ttl):
    redis_conn.pipeline().set(key, text, ex=ttl).delete(lease).execute()
    return True


@wrong("30.2", "look at the TTL of the entry")
def without_ttl(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2])
        return redis.call('DEL', KEYS[2])
    """
    return redis_conn.eval(script, 2, key, lease, token, text) == 1


@wrong("30.2", "return True")
def a_number_for_an_answer(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        return redis.call('DEL', KEYS[2])
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl)


@right("30.2")
def again_when_it_changed(redis_conn, key, lease, token, text, ttl):
    def store(pipe):
        ours = pipe.get(lease) == token
        pipe.multi()
        if ours:
            pipe.setex(key, ttl, text)
            pipe.delete(lease)
        return ours

    return redis_conn.transaction(store, lease, value_from_callable=True)


@right("30.2")
def a_script_known_by_its_sum(redis_conn, key, lease, token, text, ttl):
    sha = redis_conn.script_load("""
        if redis.call('GET', KEYS[2]) == ARGV[1] then
            redis.call('SETEX', KEYS[1], ARGV[3], ARGV[2])
            return redis.call('UNLINK', KEYS[2])
        end
        return 0
    """)
    return redis_conn.evalsha(sha, 2, key, lease, token, text, ttl) > 0


@wrong("30.2", "your function took it away")
def given_back_outside(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        return 1
    """
    stored = redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1
    if stored:
        redis_conn.delete(lease)
    return stored


@wrong("30.2", "the other is not done")
def given_back_outside_by_its_owner(redis_conn, key, lease, token, text, ttl):
    store = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        return 1
    """
    release = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
    stored = redis_conn.eval(store, 2, key, lease, token, text, ttl) == 1
    if stored:
        redis_conn.eval(release, 1, lease, token)
    return stored


@wrong("30.2", "it was not stored")
def only_where_nothing_is(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('DEL', KEYS[2])
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3], 'NX')
        return 1
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1


def _watched(redis_conn, key, lease, token, text, ttl, look=True):
    with redis_conn.pipeline() as pipe:
        pipe.watch(lease)
        if look and pipe.get(lease) != token:
            return False
        pipe.multi()
        pipe.set(key, text, ex=ttl)
        pipe.delete(lease)
        pipe.execute()
        return True


@wrong("30.2", "the caller trusts an entry that is not there")
def true_whatever_happened(redis_conn, key, lease, token, text, ttl):
    try:
        return _watched(redis_conn, key, lease, token, text, ttl)
    except redis.WatchError:
        return True


@wrong("30.2", "raised WatchError")
def the_error_of_watch(redis_conn, key, lease, token, text, ttl):
    return _watched(redis_conn, key, lease, token, text, ttl)


@wrong("30.2", "does not learn of it")
def no_error_of_redis(redis_conn, key, lease, token, text, ttl):
    try:
        return _watched(redis_conn, key, lease, token, text, ttl)
    except redis.WatchError:
        return False
    except redis.ResponseError as error:
        if "WRONGTYPE" in str(error):
            return False
        raise


@wrong("30.2", "a writer has deleted the lease")
def no_lease_is_no_obstacle(redis_conn, key, lease, token, text, ttl):
    script = """
        local holder = redis.call('GET', KEYS[2])
        if holder and holder ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        redis.call('DEL', KEYS[2])
        return 1
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1


@wrong("30.2", "the lease is another's")
def a_part_is_enough(redis_conn, key, lease, token, text, ttl):
    script = """
        local holder = redis.call('GET', KEYS[2])
        if not holder or not string.find(holder, ARGV[1], 1, true) then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        redis.call('DEL', KEYS[2])
        return 1
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1


# 30.3


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


@right("30.3")
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


@right("30.3")
def with_the_lock_of_redis_py(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", timeout=2, sleep=0.005):
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)


@wrong("30.3", "loads what the one before has just stored")
def no_second_look(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, look_again=False)


@wrong("30.3", "no lock was taken")
def the_six_lines(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.3", "given back before the value was stored")
def freed_too_early(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, store_first=False)


@wrong("30.3", "a lock without a TTL")
def a_lock_for_ever(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, lock={"nx": True})


@wrong("30.3", "took away the lock of the one who loads")
def a_lock_that_lets_all_in(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, look_again=False, lock={"px": 2000})


@wrong("30.3", "when load() raises, the lock stays")
def kept_when_load_fails(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl)


@wrong("30.3", "the lock is still there")
def never_given_back(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, give_back=False)


@wrong("30.3", "a hit costs one GET")
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


@right("30.3")
def again_from_the_start(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    if not redis_conn.set(key + ":lock", "taken", nx=True, ex=2):
        sleep(0.005)
        return again_from_the_start(redis_conn, key, load, ttl)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
    finally:
        redis_conn.unlink(key + ":lock")
    return json.loads(cached)


@right("30.3")
def a_script_looks_and_locks(redis_conn, key, load, ttl):
    """One script looks at the key and takes the lock; another stores and gives it back."""
    look = """
        local cached = redis.call('GET', KEYS[1])
        if cached then return cached end
        return redis.call('SET', KEYS[1] .. ':lock', ARGV[1], 'NX', 'PX', 2000) and 1 or 0
    """
    release = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"
    token = str(random.random())
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while (found := redis_conn.eval(look, 1, key, token)) == 0:
        threading.Event().wait(0.005)
    if found != 1:
        return json.loads(found)
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    finally:
        redis_conn.eval(release, 1, key + ":lock", token)


@right("30.3")
def the_lock_may_end_by_itself(redis_conn, key, load, ttl):
    """Who cannot give the lock back has its value all the same."""
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
        time.sleep(random.uniform(0.004, 0.006))
    try:
        if (cached := redis_conn.get(key)) is not None:
            return json.loads(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    finally:
        with contextlib.suppress(redis.RedisError):
            redis_conn.delete(key + ":lock")


def _waiting(redis_conn, key, load, ttl, pause=0.005, rounds=None, seconds=None, px=2000, finds=json.loads):
    """The solution, which waits otherwise."""
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    begin = time.monotonic()
    while not (locked := redis_conn.set(key + ":lock", "taken", nx=True, px=px)):
        time.sleep(pause)
        rounds = rounds and rounds - 1
        if rounds == 0 or (seconds and time.monotonic() - begin > seconds):
            break
    try:
        if (cached := redis_conn.get(key)) is not None:
            return finds(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    finally:
        if locked:
            redis_conn.delete(key + ":lock")


@wrong("30.3", "did not wait for its value")
def a_quarter_of_a_second(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, rounds=50)


@wrong("30.3", "did not wait for its value")
def one_second_by_the_clock(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, seconds=1)


@wrong("30.3", "without a pause")
def asks_all_the_time(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, pause=0)


@wrong("30.3", "asks too seldom")
def half_a_second(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, pause=0.5)


@wrong("30.3", "must end after 2 s")
def five_seconds_as_in_the_lesson(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, px=5000)


@wrong("30.3", "must end after 2 s")
def two_milliseconds(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, px=2)


@wrong("30.3", "must get the value too")
def text_for_who_waits(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, finds=str)


@wrong("30.3", "took away the lock of the one who loads")
def finally_for_everybody(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    try:
        if redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
            if (cached := redis_conn.get(key)) is None:
                cached = json.dumps(load())
                redis_conn.set(key, cached, ex=ttl)
            return json.loads(cached)
    finally:
        redis_conn.delete(key + ":lock")
    time.sleep(0.005)
    return finally_for_everybody(redis_conn, key, load, ttl)


@wrong("30.3", "took away the lock of the one who loads, or changed it")
def who_waits_renews_it(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.pipeline().setnx(key + ":lock", 1).pexpire(key + ":lock", 2000).execute()[0]:
        time.sleep(0.005)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
    finally:
        redis_conn.delete(key + ":lock")


@wrong("30.3", "loads what the one before has just stored")
def looks_before_each_try_only(redis_conn, key, load, ttl):
    while True:
        if (cached := redis_conn.get(key)) is not None:
            return json.loads(cached)
        if redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
            break
        time.sleep(0.005)
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    finally:
        redis_conn.delete(key + ":lock")


@wrong("30.3", "one of those who wait must load now")
def waits_for_the_value_only(redis_conn, key, load, ttl):
    while (cached := redis_conn.get(key)) is None:
        if redis_conn.exists(key + ":lock"):
            while redis_conn.get(key) is None:
                time.sleep(0.005)
            continue
        return _waiting(redis_conn, key, load, ttl)
    return json.loads(cached)


@wrong("30.3", "both got it")
def looks_whether_it_is_free(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while redis_conn.exists(key + ":lock"):
        time.sleep(0.005)
    redis_conn.set(key + ":lock", "taken", px=2000)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
    finally:
        redis_conn.delete(key + ":lock")


@wrong("30.3", "loads without taking the lock")
def free_is_as_good_as_mine(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    mine = redis_conn.set(key + ":lock", "taken", nx=True, px=2000)
    while not mine and redis_conn.exists(key + ":lock"):
        time.sleep(0.005)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
    finally:
        if mine:
            redis_conn.delete(key + ":lock")


@wrong("30.3", "and kept the lock")
def kept_when_nothing_was_loaded(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
        time.sleep(0.005)
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    finally:
        redis_conn.delete(key + ":lock")


@wrong("30.3", "a reader got something else than the value")
def looks_twice_for_one_value(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
        time.sleep(0.005)
    try:
        if not redis_conn.exists(key):
            redis_conn.set(key, json.dumps(load()), ex=ttl)
        return json.loads(redis_conn.get(key) or "null")
    finally:
        redis_conn.delete(key + ":lock")


@wrong("30.3", "after load() gave None: nothing was cached")
def nothing_is_not_kept(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", timeout=2, sleep=0.005):
        if (cached := redis_conn.get(key)) is not None:
            return json.loads(cached)
        value = load()
        if value is not None:
            redis_conn.set(key, json.dumps(value), ex=ttl)
        return value


@wrong("30.3", "after load() gave None: what is cached was loaded again")
def what_is_false_is_not_there(redis_conn, key, load, ttl):
    if value := json.loads(redis_conn.get(key) or "null"):
        return value
    with redis_conn.lock(key + ":lock", timeout=2, sleep=0.005):
        if not (value := json.loads(redis_conn.get(key) or "null")):
            value = load()
            redis_conn.set(key, json.dumps(value), ex=ttl)
        return value


@wrong("30.3", "when load() raises, the caller does not learn of it")
def none_when_load_fails(redis_conn, key, load, ttl):
    try:
        return _waiting(redis_conn, key, load, ttl)
    except Exception:
        return None


@wrong("30.3", "kept it to itself")
def loads_when_redis_is_full(redis_conn, key, load, ttl):
    try:
        return _waiting(redis_conn, key, load, ttl)
    except redis.RedisError:
        return load()


@wrong("30.3", "a copy without a TTL")
def the_ttl_comes_later(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", timeout=2, sleep=0.005):
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached)
            redis_conn.expire(key, ttl)
        return json.loads(cached)


@wrong("30.3", "no lock was taken")
def a_lock_of_this_process(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with MINE:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)


MINE = threading.Lock()


# 30.4


@right("30.4")
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


@right("30.4")
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


@wrong("30.4", "asked Redis again")
def only_caught(redis_conn, key, breaker, pause):
    with contextlib.suppress(redis.ConnectionError, redis.TimeoutError):
        return redis_conn.get(key)


@wrong("30.4", "asked Redis again")
def a_breaker_of_its_own(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, {}, pause)


@wrong("30.4", "did not answer in time, and your function raised TimeoutError")
def connection_errors_only(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause, errors=(redis.ConnectionError,))


@wrong("30.4", "must reach the caller")
def every_redis_error(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause, errors=(redis.RedisError,))


@wrong("30.4", "tried again at once")
def three_tries(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause, tries=3)


@wrong("30.4", "your function raised ConnectionError")
def nothing_caught(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        return None
    try:
        return redis_conn.get(key)
    except redis.RedisError:
        breaker["until"] = time.monotonic() + pause
        raise


@wrong("30.4", "nobody will notice when it is back")
def never_closed_again(redis_conn, key, breaker, pause):
    if breaker:
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["open"] = True


@wrong("30.4", "must ask it, by one GET")
def always_open(redis_conn, key, breaker, pause):
    if breaker.setdefault("until", time.monotonic() + pause) > time.monotonic():
        return None
    return redis_conn.get(key)


@right("30.4")
def in_nanoseconds(redis_conn, key, breaker, pause):
    if monotonic_ns() < breaker.setdefault("until", 0):
        return None
    try:
        return redis_conn.execute_command("GET", key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker.update(until=monotonic_ns() + int(1e9 * pause))


@right("30.4")
def a_clock_in_the_defaults(redis_conn, key, breaker, pause, clock=time.perf_counter):
    if "failed" in breaker and clock() < breaker["failed"] + pause:
        return None
    try:
        found = redis_conn.get(key)
    except redis.RedisError as error:
        if not isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
            breaker.pop("failed", None)
            raise
        breaker["failed"] = clock()
        return None
    breaker.pop("failed", None)
    return found


@wrong("30.4", "somebody set the wall clock")
def by_the_clock_on_the_wall(redis_conn, key, breaker, pause):
    if time.time() < breaker.get("until", 0):
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["until"] = time.time() + pause


@wrong("30.4", "somebody set the wall clock")
def by_date_and_time(redis_conn, key, breaker, pause):
    if breaker and datetime.now() < breaker["until"]:
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["until"] = datetime.now() + timedelta(seconds=pause)


@wrong("30.4", "for another key")
def a_pause_for_each_key(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker.setdefault(key, {}), pause)


@wrong("30.4", "another `breaker` is for another Redis")
def one_breaker_for_all(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, EVERYBODYS, pause)


EVERYBODYS = {}


@wrong("30.4", "asked Redis again: for `pause` seconds")
def thousandths(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause / 1000)


@wrong("30.4", "asked Redis again: for `pause` seconds")
def half_a_second_always(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, 0.5)


@wrong("30.4", "nobody will notice when it is back")
def each_call_prolongs_it(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        breaker["until"] = time.monotonic() + pause
        return None
    return _guarded(redis_conn, key, breaker, pause)


@wrong("30.4", "the pause was over and Redis still gone, and the next call asked")
def when_it_failed_first(redis_conn, key, breaker, pause):
    if time.monotonic() - breaker.get("failed", float("-inf")) < pause:
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker.setdefault("failed", time.monotonic())


@wrong("30.4", "it took 5 s until the call failed")
def counted_from_the_question(redis_conn, key, breaker, pause):
    now = time.monotonic()
    if now < breaker.get("until", 0):
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["until"] = now + pause


@wrong("30.4", "not an old value")
def what_it_saw_last(redis_conn, key, breaker, pause):
    found = _guarded(redis_conn, key, breaker, pause)
    if breaker.get("until", 0) > time.monotonic():
        return breaker.get("last")
    breaker["last"] = found
    return found


@wrong("30.4", "has an empty text")
def an_empty_text_is_none(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause) or None


@wrong("30.4", "no reason to leave it alone")
def an_answer_opens_it(redis_conn, key, breaker, pause):
    try:
        return _guarded(redis_conn, key, breaker, pause)
    except redis.ResponseError:
        breaker["until"] = time.monotonic() + pause
        raise


@wrong("30.4", "did not answer in time, and your function tried again at once")
def once_more_after_a_time_out(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        return None
    with contextlib.suppress(redis.TimeoutError):
        with contextlib.suppress(redis.ConnectionError):
            return redis_conn.get(key)
        breaker["until"] = time.monotonic() + pause
        return None
    return _guarded(redis_conn, key, breaker, pause)


@wrong("30.4", "Redis is left alone, and your function raised ConnectionError")
def an_error_in_the_pause(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        raise redis.ConnectionError("left alone")
    return _guarded(redis_conn, key, breaker, pause)


@wrong("30.4", "your function sleeps")
def the_caller_waits(redis_conn, key, breaker, pause):
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        time.sleep(pause)


@wrong("30.4", "must ask it, by one GET")
def are_you_there(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        return None
    try:
        redis_conn.ping()
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["until"] = time.monotonic() + pause
        return None
    return _guarded(redis_conn, key, breaker, pause)
