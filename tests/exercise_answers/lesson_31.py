"""Answers to the exercises of lesson 31."""

import contextlib
import math
import random
import time
from datetime import datetime, timedelta
from time import monotonic_ns

import redis

from tests.exercise_answers import right, wrong

# 31.1


@right("31.1")
def both_in_a_transaction(redis_conn, key, lease, save, price):
    save(price)
    with redis_conn.pipeline() as pipe:
        pipe.delete(key)
        pipe.unlink(lease)
        pipe.execute()


@right("31.1")
def the_ticket_first(redis_conn, key, lease, save, price):
    """Nobody can store from then on, and whoever takes a new ticket loads the new price."""
    save(price)
    redis_conn.delete(lease)
    redis_conn.delete(key)


@right("31.1")
def before_and_after(redis_conn, key, lease, save, price):
    redis_conn.delete(key, lease)
    save(price)
    redis_conn.delete(key, lease)


@right("31.1")
def in_a_script(redis_conn, key, lease, save, price):
    save(price)
    redis_conn.eval("return redis.call('DEL', KEYS[1], KEYS[2])", 2, key, lease)


@wrong("31.1", "had loaded the old price before you saved")
def the_copy_only(redis_conn, key, lease, save, price):
    save(price)
    redis_conn.delete(key)


@wrong("31.1", "a reader came between two of your steps")
def the_ticket_last(redis_conn, key, lease, save, price):
    save(price)
    redis_conn.delete(key)
    redis_conn.delete(lease)


@wrong("31.1", "had loaded the old price before you saved")
def deleted_before_it_is_saved(redis_conn, key, lease, save, price):
    redis_conn.delete(key, lease)
    save(price)


@wrong("31.1", "had loaded the old price before you saved")
def the_ticket_before_it_is_saved(redis_conn, key, lease, save, price):
    redis_conn.delete(lease)
    save(price)
    redis_conn.delete(key)


@wrong("31.1", "the old copy is still there")
def only_saved(redis_conn, key, lease, save, price):
    save(price)


@wrong("31.1", "the old copy is still there")
def the_ticket_only(redis_conn, key, lease, save, price):
    save(price)
    redis_conn.delete(lease)


@wrong("31.1", "the source must hold the new price")
def never_saved(redis_conn, key, lease, save, price):
    redis_conn.delete(key, lease)


@wrong("31.1", "your function stored the new price itself")
def the_new_price_stored(redis_conn, key, lease, save, price):
    save(price)
    redis_conn.set(key, price, ex=300)
    redis_conn.delete(lease)


@wrong("31.1", "call save(price) once")
def saved_twice(redis_conn, key, lease, save, price):
    save(price)
    redis_conn.delete(key, lease)
    save(price)


@wrong("31.1", "kept it to itself")
def no_error_for_the_caller(redis_conn, key, lease, save, price):
    save(price)
    with contextlib.suppress(redis.RedisError):
        redis_conn.delete(key, lease)


@wrong("31.1", "its caller must learn of that")
def an_error_of_the_source_is_lost(redis_conn, key, lease, save, price):
    with contextlib.suppress(OSError):
        save(price)
    redis_conn.delete(key, lease)


@wrong("31.1", "a reader came between two of your steps")
def a_pipeline_without_multi(redis_conn, key, lease, save, price):
    save(price)
    redis_conn.pipeline(transaction=False).delete(key).delete(lease).execute()


@right("31.1")
def deleted_whatever_happens(redis_conn, key, lease, save, price):
    try:
        save(price)
    finally:
        redis_conn.delete(key, lease)


@wrong("31.1", "had loaded the old price before you saved")
def only_where_a_ticket_is(redis_conn, key, lease, save, price):
    save(price)
    if redis_conn.exists(lease):
        redis_conn.delete(key, lease)


@wrong("31.1", "had loaded the old price before you saved")
def only_where_a_copy_is(redis_conn, key, lease, save, price):
    save(price)
    if redis_conn.exists(key):
        redis_conn.delete(key, lease)


@wrong("31.1", "the old copy is still there")
def only_if_save_says_so(redis_conn, key, lease, save, price):
    if save(price):
        redis_conn.delete(key, lease)


@wrong("31.1", "a reader came between two of your steps")
def ended_one_after_the_other(redis_conn, key, lease, save, price):
    save(price)
    redis_conn.expire(key, 0)
    redis_conn.expire(lease, 0)


@wrong("31.1", "a ticket is still there")
def a_ticket_of_its_own(redis_conn, key, lease, save, price):
    save(price)
    redis_conn.set(lease, "writer", ex=10)
    redis_conn.delete(key)


# 31.2


@right("31.2")
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


@right("31.2")
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


@wrong("31.2", "a writer came in between")
def two_steps(redis_conn, key, lease, token, text, ttl):
    ours = redis_conn.get(lease) == token
    if ours:
        redis_conn.pipeline().set(key, text, ex=ttl).delete(lease).execute()
    return ours


@wrong("31.2", "a writer came in between")
def looked_twice(redis_conn, key, lease, token, text, ttl):
    if redis_conn.get(lease) != token or redis_conn.get(lease) != token:
        return False
    redis_conn.set(key, text, ex=ttl)
    redis_conn.delete(lease)
    return True


@wrong("31.2", "the lease is still there")
def lease_kept(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        return 1
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1


@wrong("31.2", "the lease is another reader's")
def lease_always_deleted(redis_conn, key, lease, token, text, ttl):
    script = """
        local ours = redis.call('GET', KEYS[2]) == ARGV[1]
        redis.call('DEL', KEYS[2])
        if ours then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
        return ours
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1


@wrong("31.2", "may be an old price")
def never_asked_whose(redis_conn, key, lease, token, text, ttl):
    redis_conn.pipeline().set(key, text, ex=ttl).delete(lease).execute()
    return True


@wrong("31.2", "look at the TTL of the entry")
def without_ttl(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2])
        return redis.call('DEL', KEYS[2])
    """
    return redis_conn.eval(script, 2, key, lease, token, text) == 1


@wrong("31.2", "return True")
def a_number_for_an_answer(redis_conn, key, lease, token, text, ttl):
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        return redis.call('DEL', KEYS[2])
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl)


@right("31.2")
def again_when_it_changed(redis_conn, key, lease, token, text, ttl):
    def store(pipe):
        ours = pipe.get(lease) == token
        pipe.multi()
        if ours:
            pipe.setex(key, ttl, text)
            pipe.delete(lease)
        return ours

    return redis_conn.transaction(store, lease, value_from_callable=True)


@right("31.2")
def a_script_known_by_its_sum(redis_conn, key, lease, token, text, ttl):
    sha = redis_conn.script_load("""
        if redis.call('GET', KEYS[2]) == ARGV[1] then
            redis.call('SETEX', KEYS[1], ARGV[3], ARGV[2])
            return redis.call('UNLINK', KEYS[2])
        end
        return 0
    """)
    return redis_conn.evalsha(sha, 2, key, lease, token, text, ttl) > 0


@wrong("31.2", "your function took it away")
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


@wrong("31.2", "the other is not done")
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


@wrong("31.2", "it was not stored")
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


@wrong("31.2", "the caller trusts an entry that is not there")
def true_whatever_happened(redis_conn, key, lease, token, text, ttl):
    try:
        return _watched(redis_conn, key, lease, token, text, ttl)
    except redis.WatchError:
        return True


@wrong("31.2", "raised WatchError")
def the_error_of_watch(redis_conn, key, lease, token, text, ttl):
    return _watched(redis_conn, key, lease, token, text, ttl)


@wrong("31.2", "does not learn of it")
def no_error_of_redis(redis_conn, key, lease, token, text, ttl):
    try:
        return _watched(redis_conn, key, lease, token, text, ttl)
    except redis.WatchError:
        return False
    except redis.ResponseError as error:
        if "WRONGTYPE" in str(error):
            return False
        raise


@wrong("31.2", "a writer has deleted the lease")
def no_lease_is_no_obstacle(redis_conn, key, lease, token, text, ttl):
    script = """
        local holder = redis.call('GET', KEYS[2])
        if holder and holder ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        redis.call('DEL', KEYS[2])
        return 1
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1


@wrong("31.2", "the lease is another's")
def a_part_is_enough(redis_conn, key, lease, token, text, ttl):
    script = """
        local holder = redis.call('GET', KEYS[2])
        if not holder or not string.find(holder, ARGV[1], 1, true) then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        redis.call('DEL', KEYS[2])
        return 1
    """
    return redis_conn.eval(script, 2, key, lease, token, text, ttl) == 1


# 31.3


@right("31.3")
def asked_by_a_script(redis_conn, ids, number):
    script = """
        if redis.call('EXISTS', KEYS[1]) == 0 then return 1 end
        return redis.call('SISMEMBER', KEYS[1], ARGV[1])
    """
    return redis_conn.eval(script, 1, ids, number) == 1


@right("31.3")
def counted_in_one_step(redis_conn, ids, number):
    replies = redis_conn.pipeline().sismember(ids, number).scard(ids).execute()
    return bool(replies[0]) or not replies[1]


@right("31.3")
def one_of_many_members(redis_conn, ids, number):
    count, found = redis_conn.pipeline().scard(ids).smismember(ids, [str(number)]).execute()
    return count == 0 or found == [1]


@right("31.3")
def who_gets_no_answer_asks_the_source(redis_conn, ids, number):
    try:
        return counted_in_one_step(redis_conn, ids, number)
    except redis.RedisError:
        return True


@wrong("31.3", "customers are told that no fruit exists")
def never_asked_for_the_set(redis_conn, ids, number):
    return redis_conn.sismember(ids, number) == 1


@wrong("31.3", "return True or False")
def a_number(redis_conn, ids, number):
    return redis_conn.sismember(ids, number)


@wrong("31.3", "the set came or went between two of your commands")
def first_the_set_then_the_member(redis_conn, ids, number):
    if not redis_conn.exists(ids):
        return True
    return redis_conn.sismember(ids, number) == 1


@wrong("31.3", "the set came or went between two of your commands")
def first_the_member_then_the_set(redis_conn, ids, number):
    return bool(redis_conn.sismember(ids, number)) or not redis_conn.exists(ids)


@wrong("31.3", "the set came or went between two of your commands")
def asks_once_more(redis_conn, ids, number):
    if redis_conn.sismember(ids, number):
        return True
    if redis_conn.exists(ids):
        return redis_conn.sismember(ids, number) == 1
    return True


@wrong("31.3", "fetches all the ids")
def all_the_ids(redis_conn, ids, number):
    members = redis_conn.smembers(ids)
    return not members or str(number) in members


@wrong("31.3", "the fruit is there, and the customer is told")
def turned_round_as_well(redis_conn, ids, number):
    return redis_conn.sismember(ids, number) == 0


@wrong("31.3", "the id is not in the set")
def always_true(redis_conn, ids, number):
    redis_conn.sismember(ids, number)
    return True


@wrong("31.3", "nobody has looked")
def no_when_redis_fails(redis_conn, ids, number):
    try:
        return counted_in_one_step(redis_conn, ids, number)
    except redis.RedisError:
        return False


@wrong("31.3", "only to look")
def adds_what_it_asks_for(redis_conn, ids, number):
    answer = counted_in_one_step(redis_conn, ids, number)
    redis_conn.sadd(ids, number)
    return answer


@wrong("31.3", "the set came or went between two of your commands")
def both_without_multi(redis_conn, ids, number):
    replies = redis_conn.pipeline(transaction=False).exists(ids).sismember(ids, number).execute()
    return not replies[0] or bool(replies[1])


@wrong("31.3", "return True or False")
def what_the_pipeline_says(redis_conn, ids, number):
    replies = redis_conn.pipeline().exists(ids).sismember(ids, number).execute()
    return not replies[0] or replies[1]


@wrong("31.3", "the fruit is there, and the customer is told")
def both_must_be_there_and_not(redis_conn, ids, number):
    replies = redis_conn.pipeline().exists(ids).sismember(ids, number).execute()
    return replies[0] == 0 and replies[1] == 1


@wrong("31.3", "customers are told that no fruit exists")
def both_must_be_there(redis_conn, ids, number):
    replies = redis_conn.pipeline().exists(ids).sismember(ids, number).execute()
    return replies[0] == 1 and replies[1] == 1


# 31.4


@right("31.4")
def chance_against_a_random_number(redis_conn, key, took, beta):
    return random.random() < math.exp(-redis_conn.pttl(key) / (beta * took))


@right("31.4")
def python_has_these_dice(redis_conn, key, took, beta):
    return random.expovariate(1 / (beta * took)) >= redis_conn.pttl(key)


@wrong("31.4", "load it anew all the same")
def turned_round(redis_conn, key, took, beta):
    return -beta * took * math.log(random.random()) <= redis_conn.pttl(key)


@wrong("31.4", "ends long before a load could finish")
def no_minus(redis_conn, key, took, beta):
    return beta * took * math.log(random.random()) >= redis_conn.pttl(key)


@wrong("31.4", "look at `took`")
def without_took(redis_conn, key, took, beta):
    return -beta * math.log(1 - random.random()) >= redis_conn.pttl(key)


@wrong("31.4", "nearly all readers get the same answer")
def in_seconds(redis_conn, key, took, beta):
    return -beta * took * math.log(random.random()) >= redis_conn.ttl(key)


@wrong("31.4", "a larger beta must make them reload earlier")
def without_beta(redis_conn, key, took, beta):
    return -took * math.log(random.random()) >= redis_conn.pttl(key)


@wrong("31.4", "nearly all readers get the same answer")
def no_logarithm(redis_conn, key, took, beta):
    return took * beta >= redis_conn.pttl(key)


@wrong("31.4", "nearly all readers get the same answer")
def dice_without_logarithm(redis_conn, key, took, beta):
    return beta * took * random.random() >= redis_conn.pttl(key)


@wrong("31.4", "the entry is gone")
def nothing_to_reload(redis_conn, key, took, beta):
    left = redis_conn.pttl(key)
    return left >= 0 and -beta * took * math.log(random.random()) >= left


@wrong("31.4", "yes or no")
def the_time_instead_of_the_answer(redis_conn, key, took, beta):
    return -beta * took * math.log(random.random()) - redis_conn.pttl(key)


DICE = random.SystemRandom()


@right("31.4")
def dice_of_the_system_in_seconds(redis_conn, key, took, beta):
    left, took = redis_conn.pttl(key) / 1000, took / 1000
    return left <= 0 or -math.log(1 - DICE.random()) > left / (beta * took)


@right("31.4")
def what_is_left_from_a_script(redis_conn, key, took, beta):
    left = redis_conn.eval("return redis.call('PTTL', KEYS[1])", 1, key)
    return random.expovariate(1) * beta * took >= left


@wrong("31.4", "another chance than the rule's")
def a_bell(redis_conn, key, took, beta):
    return abs(random.gauss(0, 1)) * beta * took >= redis_conn.pttl(key)


@wrong("31.4", "another chance than the rule's")
def not_the_natural_logarithm(redis_conn, key, took, beta):
    return -beta * took * math.log2(random.random()) >= redis_conn.pttl(key)


@wrong("31.4", "another chance than the rule's")
def thirty_seven_of_a_hundred(redis_conn, key, took, beta):
    left = redis_conn.pttl(key)
    return left < beta * took * 2 and (left <= beta * took / 2 or random.random() < 0.37)


@wrong("31.4", "nearly all readers get the same answer")
def thrown_once(redis_conn, key, took, beta, dice=0.2):
    return -beta * took * math.log(dice) >= redis_conn.pttl(key)


@wrong("31.4", "nearly all readers get the same answer")
def thrown_by_the_key(redis_conn, key, took, beta):
    return -beta * took * math.log(random.Random(7).random()) >= redis_conn.pttl(key)


@wrong("31.4", "a larger beta must make them reload earlier")
def beta_divides(redis_conn, key, took, beta):
    return -took / beta * math.log(random.random()) >= redis_conn.pttl(key)


@wrong("31.4", "something rounds the time that is left")
def seconds_made_longer(redis_conn, key, took, beta):
    return -beta * took * math.log(random.random()) >= 1000 * redis_conn.ttl(key)


@wrong("31.4", "changes nothing")
def deleted_for_a_reload(redis_conn, key, took, beta):
    reload = -beta * took * math.log(random.random()) >= redis_conn.pttl(key)
    if reload:
        redis_conn.delete(key)
    return reload


@wrong("31.4", "kept it to itself")
def reload_whatever_happens(redis_conn, key, took, beta):
    try:
        return -beta * took * math.log(random.random()) >= redis_conn.pttl(key)
    except redis.RedisError:
        return True


# 31.5


@right("31.5")
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


@right("31.5")
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


@wrong("31.5", "asked Redis again")
def only_caught(redis_conn, key, breaker, pause):
    with contextlib.suppress(redis.ConnectionError, redis.TimeoutError):
        return redis_conn.get(key)


@wrong("31.5", "asked Redis again")
def a_breaker_of_its_own(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, {}, pause)


@wrong("31.5", "did not answer in time, and your function raised TimeoutError")
def connection_errors_only(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause, errors=(redis.ConnectionError,))


@wrong("31.5", "must reach the caller")
def every_redis_error(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause, errors=(redis.RedisError,))


@wrong("31.5", "tried again at once")
def three_tries(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause, tries=3)


@wrong("31.5", "your function raised ConnectionError")
def nothing_caught(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        return None
    try:
        return redis_conn.get(key)
    except redis.RedisError:
        breaker["until"] = time.monotonic() + pause
        raise


@wrong("31.5", "nobody will notice when it is back")
def never_closed_again(redis_conn, key, breaker, pause):
    if breaker:
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["open"] = True


@wrong("31.5", "must ask it, by one GET")
def always_open(redis_conn, key, breaker, pause):
    if breaker.setdefault("until", time.monotonic() + pause) > time.monotonic():
        return None
    return redis_conn.get(key)


@right("31.5")
def in_nanoseconds(redis_conn, key, breaker, pause):
    if monotonic_ns() < breaker.setdefault("until", 0):
        return None
    try:
        return redis_conn.execute_command("GET", key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker.update(until=monotonic_ns() + int(1e9 * pause))


@right("31.5")
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


@wrong("31.5", "somebody set the wall clock")
def by_the_clock_on_the_wall(redis_conn, key, breaker, pause):
    if time.time() < breaker.get("until", 0):
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["until"] = time.time() + pause


@wrong("31.5", "somebody set the wall clock")
def by_date_and_time(redis_conn, key, breaker, pause):
    if breaker and datetime.now() < breaker["until"]:
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["until"] = datetime.now() + timedelta(seconds=pause)


@wrong("31.5", "for another key")
def a_pause_for_each_key(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker.setdefault(key, {}), pause)


@wrong("31.5", "another `breaker` is for another Redis")
def one_breaker_for_all(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, EVERYBODYS, pause)


EVERYBODYS = {}


@wrong("31.5", "asked Redis again: for `pause` seconds")
def thousandths(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause / 1000)


@wrong("31.5", "asked Redis again: for `pause` seconds")
def half_a_second_always(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, 0.5)


@wrong("31.5", "nobody will notice when it is back")
def each_call_prolongs_it(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        breaker["until"] = time.monotonic() + pause
        return None
    return _guarded(redis_conn, key, breaker, pause)


@wrong("31.5", "the pause was over and Redis still gone, and the next call asked")
def when_it_failed_first(redis_conn, key, breaker, pause):
    if time.monotonic() - breaker.get("failed", float("-inf")) < pause:
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker.setdefault("failed", time.monotonic())


@wrong("31.5", "it took 5 s until the call failed")
def counted_from_the_question(redis_conn, key, breaker, pause):
    now = time.monotonic()
    if now < breaker.get("until", 0):
        return None
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["until"] = now + pause


@wrong("31.5", "not an old value")
def what_it_saw_last(redis_conn, key, breaker, pause):
    found = _guarded(redis_conn, key, breaker, pause)
    if breaker.get("until", 0) > time.monotonic():
        return breaker.get("last")
    breaker["last"] = found
    return found


@wrong("31.5", "has an empty text")
def an_empty_text_is_none(redis_conn, key, breaker, pause):
    return _guarded(redis_conn, key, breaker, pause) or None


@wrong("31.5", "no reason to leave it alone")
def an_answer_opens_it(redis_conn, key, breaker, pause):
    try:
        return _guarded(redis_conn, key, breaker, pause)
    except redis.ResponseError:
        breaker["until"] = time.monotonic() + pause
        raise


@wrong("31.5", "did not answer in time, and your function tried again at once")
def once_more_after_a_time_out(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        return None
    with contextlib.suppress(redis.TimeoutError):
        with contextlib.suppress(redis.ConnectionError):
            return redis_conn.get(key)
        breaker["until"] = time.monotonic() + pause
        return None
    return _guarded(redis_conn, key, breaker, pause)


@wrong("31.5", "Redis is left alone, and your function raised ConnectionError")
def an_error_in_the_pause(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        raise redis.ConnectionError("left alone")
    return _guarded(redis_conn, key, breaker, pause)


@wrong("31.5", "your function sleeps")
def the_caller_waits(redis_conn, key, breaker, pause):
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        time.sleep(pause)


@wrong("31.5", "must ask it, by one GET")
def are_you_there(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        return None
    try:
        redis_conn.ping()
    except (redis.ConnectionError, redis.TimeoutError):
        breaker["until"] = time.monotonic() + pause
        return None
    return _guarded(redis_conn, key, breaker, pause)


@wrong("31.5", "Only a failure begins a pause")
def open_before_it_asks(redis_conn, key, breaker, pause):
    if time.monotonic() < breaker.get("until", 0):
        return None
    breaker["until"] = time.monotonic() + pause
    try:
        return redis_conn.get(key)
    except (redis.ConnectionError, redis.TimeoutError):
        return None
