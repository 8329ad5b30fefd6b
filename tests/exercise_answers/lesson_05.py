"""Answers to the exercises of lesson 05."""

import math
import time

import redis

from tests.exercise_answers import right, wrong

# 5.1


@right("5.1")
def number_by_script(redis_conn, key, window):
    script = """
        local count = redis.call('INCR', KEYS[1])
        if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
        return count
    """
    return redis_conn.eval(script, 1, key, window)


@right("5.1")
def number_step_by_step(redis_conn, key, window):
    with redis_conn.pipeline() as pipe:
        pipe.set(key, "0", nx=True, px=window)
        pipe.incr(key)
        return pipe.execute()[1]


@right("5.1")
def number_after_a_set_of_its_own(redis_conn, key, window):
    redis_conn.set(key, 0, px=window, nx=True)  # a kill after it leaves a counter that ends
    return redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()[-1]


@wrong("5.1", "SET without NX replaces it at each request")
def number_without_nx(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, px=window).incr(key).execute()[-1]


@wrong("5.1", "its window never ends")
def number_without_ttl(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, nx=True).incr(key).execute()[-1]


@wrong("5.1", "PX takes milliseconds, EX seconds")
def number_in_seconds(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, ex=window, nx=True).incr(key).execute()[-1]


@wrong("5.1", "its window never ends")
def number_with_keepttl(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, keepttl=True, nx=True).incr(key).execute()[-1]


@wrong("5.1", "started the window anew")
def number_renewed(redis_conn, key, window):
    return redis_conn.pipeline().incr(key).pexpire(key, window).execute()[0]


@wrong("5.1", "left a counter that never ends")
def number_torn_apart(redis_conn, key, window):
    count = redis_conn.incr(key)
    if count == 1:
        redis_conn.pexpire(key, window)
    return count


@wrong("5.1", "the first request of a window is number 1")
def number_only_if_there(redis_conn, key, window):
    redis_conn.set(key, 0, px=window, xx=True)
    return redis_conn.get(key)


# 5.2


@right("5.2")
def after_by_floor(redis_conn, key, limit):
    left, count = redis_conn.pttl(key), redis_conn.get(key)
    return -(-left // 1000) if count and int(count) >= limit else 0


@right("5.2")
def after_by_script(redis_conn, key, limit):
    script = """
        if tonumber(redis.call('GET', KEYS[1]) or 0) < tonumber(ARGV[1]) then return 0 end
        return math.ceil(redis.call('PTTL', KEYS[1]) / 1000)
    """
    return redis_conn.eval(script, 1, key, limit)


@wrong("5.2", "0 means: come now")
def after_by_ttl(redis_conn, key, limit):
    count = int(redis_conn.get(key) or 0)
    return redis_conn.ttl(key) if count >= limit else 0


@wrong("5.2", "rounded up")
def after_rounded_down(redis_conn, key, limit):
    count = int(redis_conn.get(key) or 0)
    return max(1, redis_conn.pttl(key) // 1000) if count >= limit else 0


@wrong("5.2", "there is nothing to wait for")
def after_for_everybody(redis_conn, key, limit):
    return math.ceil(max(0, redis_conn.pttl(key)) / 1000)


@wrong("5.2", "so the customer may come now: 0")
def after_without_a_counter(redis_conn, key, limit):
    if int(redis_conn.get(key) or 0) > limit:
        return 0
    return redis_conn.ttl(key)


@wrong("5.2", "looking is not counting")
def after_counting(redis_conn, key, limit):
    if not redis_conn.exists(key):
        return 0
    count = redis_conn.incr(key)
    return math.ceil(redis_conn.pttl(key) / 1000) if count >= limit else 0


@wrong("5.2", "whole seconds: return an int")
def after_in_fractions(redis_conn, key, limit):
    count = int(redis_conn.get(key) or 0)
    return redis_conn.pttl(key) / 1000 if count >= limit else 0


@wrong("5.2", "rounded up")
def after_in_milliseconds(redis_conn, key, limit):
    count = int(redis_conn.get(key) or 0)
    return redis_conn.pttl(key) if count >= limit else 0


@wrong("5.2", "TypeError")
def after_none(redis_conn, key, limit):
    return math.ceil(redis_conn.pttl(key) / 1000) if int(redis_conn.get(key)) >= limit else 0


# 5.3


CLOCK = """
    local limit, window, time = tonumber(ARGV[1]), tonumber(ARGV[2]), redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
BUCKET = """
    local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) + window / limit * ARGV[3]
    local wait = math.max(0, math.ceil(full - now - window))
    if wait == 0 then redis.call('SET', KEYS[1], full, 'PX', 2 * window) end
    return wait
"""


def bucket(old="", new=""):
    """The solution, with one thing in it replaced."""
    script = CLOCK + BUCKET
    assert old in script
    return lambda redis_conn, key, *args: redis_conn.eval(script.replace(old, new), 1, key, *args)


@right("5.3")
def tokens_as_tokens(redis_conn, key, limit, window, crates):
    script = """
        local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
        local left, passed = tonumber(bucket[1]) or limit, now - (tonumber(bucket[2]) or now)
        local tokens = math.min(limit, left + passed * limit / window)
        local missing = ARGV[3] - tokens
        if missing > 1e-6 then return math.ceil(missing * window / limit) end
        redis.call('HSET', KEYS[1], 'tokens', -missing, 'at', now)
        redis.call('PEXPIRE', KEYS[1], window)
        return 0
    """
    return redis_conn.register_script(CLOCK + script)([key], [limit, window, crates])


@right("5.3")
def tokens_with_watch(redis_conn, key, limit, window, crates):
    while True:
        with redis_conn.pipeline() as pipe:
            pipe.watch(key)
            seconds, micros = pipe.time()
            now = seconds * 1000 + micros / 1000
            full = max(now, float(pipe.get(key) or 0)) + window / limit * crates
            if full > now + window:
                return math.ceil(full - now - window)
            pipe.multi()
            pipe.set(key, full, px=2 * window)
            try:
                pipe.execute()
            except redis.WatchError:
                continue
            return 0


@wrong("5.3", "the other two take 2 · window / limit")
def tokens_one_each(redis_conn, key, limit, window, crates):
    return bucket(" * ARGV[3]")(redis_conn, key, limit, window, crates)


@wrong("5.3", "a denied request must take nothing")
def tokens_also_for_a_no(redis_conn, key, limit, window, crates):
    return bucket("if wait == 0 then", "if true then")(redis_conn, key, limit, window, crates)


@wrong("5.3", "the key has no TTL")
def tokens_for_ever(redis_conn, key, limit, window, crates):
    return bucket(", 'PX', 2 * window")(redis_conn, key, limit, window, crates)


@wrong("5.3", "the key ends before the bucket is full again")
def tokens_for_a_moment(redis_conn, key, limit, window, crates):
    return bucket("2 * window", "window / limit")(redis_conn, key, limit, window, crates)


@wrong("5.3", "a program whose clock is an hour ahead got a full bucket")
def tokens_by_the_clients_clock(redis_conn, key, limit, window, crates):
    script = bucket("local now = time[1] * 1000 + math.floor(time[2] / 1000)", "local now = tonumber(ARGV[4])")
    return script(redis_conn, key, limit, window, crates, int(1000 * time.time()))


@wrong("5.3", "8 wanted 3 of 10 tokens at once")
def tokens_by_get_and_set(redis_conn, key, limit, window, crates):
    seconds, micros = redis_conn.time()
    now = seconds * 1000 + micros // 1000
    full = max(now, float(redis_conn.get(key) or 0)) + window / limit * crates
    if full > now + window:
        return math.ceil(full - now - window)
    redis_conn.set(key, full, px=2 * window)
    return 0


@wrong("5.3", "return the wait in milliseconds")
def tokens_with_the_time(redis_conn, key, limit, window, crates):
    return bucket("return wait", "return {now, wait}")(redis_conn, key, limit, window, crates)


@wrong("5.3", "return the wait in milliseconds")
def tokens_yes_or_no(redis_conn, key, limit, window, crates):
    return bucket()(redis_conn, key, limit, window, crates) == 0


@wrong("5.3", "the other two take 2 · window / limit")
def tokens_in_seconds(redis_conn, key, limit, window, crates):
    return bucket()(redis_conn, key, limit, window, crates) // 1000


@wrong("5.3", "the other two take 2 · window / limit")
def tokens_in_a_fixed_window(redis_conn, key, limit, window, crates):
    count = redis_conn.pipeline().set(key, 0, px=window, nx=True).incrby(key, crates).execute()[-1]
    if count <= limit:
        return 0
    redis_conn.decrby(key, crates)
    return redis_conn.pttl(key)


@wrong("5.3", "the bucket ran over")
def tokens_without_a_brim(redis_conn, key, limit, window, crates):
    return bucket("math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))", "(redis.call('GET', KEYS[1]) or now)")(
        redis_conn, key, limit, window, crates
    )


# 5.4


@right("5.4")
def both_with_watch(redis_conn, keys, limits, windows):
    while True:
        with redis_conn.pipeline() as pipe:
            pipe.watch(*keys)
            counts = [int(count or 0) for count in pipe.mget(keys)]
            if any(count >= limit for count, limit in zip(counts, limits, strict=True)):
                return False
            pipe.multi()
            for key, window in zip(keys, windows, strict=True):
                pipe.set(key, 0, px=window, nx=True).incr(key)
            try:
                pipe.execute()
            except redis.WatchError:
                continue
            return True


@right("5.4")
def both_written_out(redis_conn, keys, limits, windows):
    script = """
        local short, long = tonumber(redis.call('GET', KEYS[1])), tonumber(redis.call('GET', KEYS[2]))
        if (short or 0) >= tonumber(ARGV[1]) or (long or 0) >= tonumber(ARGV[2]) then return false end
        if redis.call('INCR', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
        if redis.call('INCR', KEYS[2]) == 1 then redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
        return true
    """
    return bool(redis_conn.eval(script, 2, *keys, *limits, *windows))


def one_window(redis_conn, key, limit, window):
    return redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()[-1] <= limit


@wrong("5.4", "look at both before you count in either")
def both_one_after_the_other(redis_conn, keys, limits, windows):
    answers = [one_window(redis_conn, *each) for each in zip(keys, limits, windows, strict=True)]
    return all(answers)


@wrong("5.4", "look at both before you count in either")
def both_until_one_says_no(redis_conn, keys, limits, windows):
    return all(one_window(redis_conn, *each) for each in zip(keys, limits, windows, strict=True))


@wrong("5.4", "what it left is half")
def both_given_back(redis_conn, keys, limits, windows):
    pipe = redis_conn.pipeline()
    for key, window in zip(keys, windows, strict=True):
        pipe.set(key, 0, px=window, nx=True).incr(key)
    counts = pipe.execute()[1::2]
    if all(count <= limit for count, limit in zip(counts, limits, strict=True)):
        return True
    redis_conn.pipeline().decr(keys[0]).decr(keys[1]).execute()
    return False


@wrong("5.4", "8 at once, and 3 places")
def both_looked_then_counted(redis_conn, keys, limits, windows):
    counts = [int(count or 0) for count in redis_conn.mget(keys)]
    if any(count >= limit for count, limit in zip(counts, limits, strict=True)):
        return False
    pipe = redis_conn.pipeline()
    for key, window in zip(keys, windows, strict=True):
        pipe.set(key, 0, px=window, nx=True).incr(key)
    pipe.execute()
    return True


COUNT_IN_BOTH = """
    for number, key in ipairs(KEYS) do
      if tonumber(redis.call('GET', key) or 0) >= tonumber(ARGV[number]) then return 0 end
    end
    for number, key in ipairs(KEYS) do
      %s
    end
    return 1
"""


def both(redis_conn, how, keys, limits, windows):
    return redis_conn.eval(COUNT_IN_BOTH % how, 2, *keys, *limits, *windows)


@wrong("5.4", "a counter has no TTL")
def both_for_ever(redis_conn, keys, limits, windows):
    return both(redis_conn, "redis.call('INCR', key)", keys, limits, windows) == 1


@wrong("5.4", "must not prolong a window")
def both_renewed(redis_conn, keys, limits, windows):
    how = "redis.call('INCR', key) redis.call('PEXPIRE', key, ARGV[number + 2])"
    return both(redis_conn, how, keys, limits, windows) == 1


@wrong("5.4", "each counter has its own window")
def both_with_one_window(redis_conn, keys, limits, windows):
    how = "redis.call('SET', key, 0, 'PX', ARGV[4], 'NX') redis.call('INCR', key)"
    return both(redis_conn, how, keys, limits, windows) == 1


@wrong("5.4", "return True or False")
def both_as_a_number(redis_conn, keys, limits, windows):
    how = "redis.call('SET', key, 0, 'PX', ARGV[number + 2], 'NX') redis.call('INCR', key)"
    return both(redis_conn, how, keys, limits, windows)


@wrong("5.4", "attempt to compare number")
def both_compared_as_text(redis_conn, keys, limits, windows):
    script = "if redis.call('GET', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end return redis.call('INCR', KEYS[1])"
    return redis_conn.eval(script, 2, *keys, *limits, *windows) == 1
