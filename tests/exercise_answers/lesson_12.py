"""Answers to the exercises of lesson 12."""

import math
import time
from datetime import datetime

import redis

from tests.exercise_answers import right, wrong

# 12.1


@right("12.1")
def number_by_script(redis_conn, key, window):
    script = """
        local count = redis.call('INCR', KEYS[1])
        if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
        return count
    """
    return redis_conn.eval(script, 1, key, window)


@right("12.1")
def number_step_by_step(redis_conn, key, window):
    with redis_conn.pipeline() as pipe:
        pipe.set(key, "0", nx=True, px=window)
        pipe.incr(key)
        return pipe.execute()[1]


@right("12.1")
def number_after_a_set_of_its_own(redis_conn, key, window):
    redis_conn.set(key, 0, px=window, nx=True)  # a kill after it leaves a counter that ends
    return redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()[-1]


@wrong("12.1", "the counter began anew")
def number_without_nx(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, px=window).incr(key).execute()[-1]


@wrong("12.1", "its window never ends")
def number_without_ttl(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, nx=True).incr(key).execute()[-1]


@wrong("12.1", "look at the TTL's unit")
def number_in_seconds(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, ex=window, nx=True).incr(key).execute()[-1]


@wrong("12.1", "its window never ends")
def number_with_keepttl(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, keepttl=True, nx=True).incr(key).execute()[-1]


@wrong("12.1", "started the window anew")
def number_renewed(redis_conn, key, window):
    return redis_conn.pipeline().incr(key).pexpire(key, window).execute()[0]


@wrong("12.1", "left a counter that never ends")
def number_torn_apart(redis_conn, key, window):
    count = redis_conn.incr(key)
    if count == 1:
        redis_conn.pexpire(key, window)
    return count


@wrong("12.1", "the first request of a window is number 1")
def number_only_if_there(redis_conn, key, window):
    redis_conn.set(key, 0, px=window, xx=True)
    return redis_conn.get(key)


@right("12.1")
def number_by_an_old_hand(redis_conn, key, window):
    def count_it(pipe):
        opened = pipe.exists(key)
        pipe.multi()
        pipe.incrby(key, 1)
        if not opened:
            pipe.pexpire(key, window)

    return redis_conn.transaction(count_it, key)[0]


@wrong("12.1", "the window ended between two of your commands")
def number_in_a_pipeline_without_multi(redis_conn, key, window):
    return redis_conn.pipeline(transaction=False).set(key, 0, px=window, nx=True).incr(key).execute()[-1]


@wrong("12.1", "each request gets the next number")
def number_remembered_here(redis_conn, key, window, counted={}):  # noqa: B006
    redis_conn.set(key, 0, px=window, nx=True)
    counted[key] = counted.get(key, 0) + 1
    redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()
    return counted[key]


@wrong("12.1", "gone too early")
def number_in_whole_seconds(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, ex=max(1, window // 1000), nx=True).incr(key).execute()[-1]


@wrong("12.1", "kept it to itself")
def number_one_in_case_of_doubt(redis_conn, key, window):
    try:
        return redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()[-1]
    except redis.RedisError:
        return 1


@wrong("12.1", "nothing is counted under the key")
def number_under_another_key(redis_conn, key, window):
    key = f"{key}:{window}"
    return redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()[-1]


# 12.2


@right("12.2")
def after_by_floor(redis_conn, key, limit):
    count, left = redis_conn.get(key), redis_conn.pttl(key)
    return -(-left // 1000) if count and int(count) >= limit else 0


@right("12.2")
def after_in_one_reading(redis_conn, key, limit):
    count, left = redis_conn.transaction(lambda pipe: pipe.get(key).pttl(key))
    seconds, rest = divmod(left, 1000)
    return seconds + (rest > 0) if count is not None and int(count) >= limit else 0


@wrong("12.2", "that of a new one")
def after_the_window_before(redis_conn, key, limit):
    left, count = redis_conn.pttl(key), redis_conn.get(key)
    return -(-left // 1000) if count and int(count) >= limit else 0


@wrong("12.2", "raised TypeError")
def after_a_counter_that_went(redis_conn, key, limit):
    if not redis_conn.exists(key) or int(redis_conn.get(key)) < limit:
        return 0
    return math.ceil(redis_conn.pttl(key) / 1000)


@wrong("12.2", "the next request would be let in")
def after_comparing_texts(redis_conn, key, limit):
    count, left = redis_conn.pipeline().get(key).pttl(key).execute()
    return math.ceil(left / 1000) if (count or "0") >= str(limit) else 0


@wrong("12.2", "0 means: come now")
def after_only_if_above(redis_conn, key, limit):
    count, left = redis_conn.pipeline().get(key).pttl(key).execute()
    return math.ceil(left / 1000) if int(count or 0) > limit else 0


@wrong("12.2", "kept it to itself")
def after_or_nothing(redis_conn, key, limit):
    try:
        count, left = redis_conn.pipeline().get(key).pttl(key).execute()
    except redis.RedisError:
        return 0
    return math.ceil(left / 1000) if int(count or 0) >= limit else 0


@wrong("12.2", "leave the TTL as it is")
def after_a_new_window(redis_conn, key, limit):
    count, left = redis_conn.pipeline().get(key).pttl(key).execute()
    if int(count or 0) < limit:
        return 0
    redis_conn.pexpire(key, left + 1000)
    return math.ceil(left / 1000)


@wrong("12.2", "looking is not counting")
def after_deleting(redis_conn, key, limit):
    count, left = redis_conn.pipeline().get(key).pttl(key).execute()
    if int(count or 0) >= limit:
        return math.ceil(left / 1000)
    redis_conn.delete(key)
    return 0


@right("12.2")
def after_by_script(redis_conn, key, limit):
    script = """
        if tonumber(redis.call('GET', KEYS[1]) or 0) < tonumber(ARGV[1]) then return 0 end
        return math.ceil(redis.call('PTTL', KEYS[1]) / 1000)
    """
    return redis_conn.eval(script, 1, key, limit)


@wrong("12.2", "0 means: come now")
def after_by_ttl(redis_conn, key, limit):
    count = int(redis_conn.get(key) or 0)
    return redis_conn.ttl(key) if count >= limit else 0


@wrong("12.2", "rounded up")
def after_rounded_down(redis_conn, key, limit):
    count = int(redis_conn.get(key) or 0)
    return max(1, redis_conn.pttl(key) // 1000) if count >= limit else 0


@wrong("12.2", "so nobody needs to wait")
def after_for_everybody(redis_conn, key, limit):
    return math.ceil(max(0, redis_conn.pttl(key)) / 1000)


@wrong("12.2", "so the customer may come now: 0")
def after_without_a_counter(redis_conn, key, limit):
    if int(redis_conn.get(key) or 0) > limit:
        return 0
    return redis_conn.ttl(key)


@wrong("12.2", "looking is not counting")
def after_counting(redis_conn, key, limit):
    if not redis_conn.exists(key):
        return 0
    count = redis_conn.incr(key)
    return math.ceil(redis_conn.pttl(key) / 1000) if count >= limit else 0


@wrong("12.2", "whole seconds: return an int")
def after_in_fractions(redis_conn, key, limit):
    count = int(redis_conn.get(key) or 0)
    return redis_conn.pttl(key) / 1000 if count >= limit else 0


@wrong("12.2", "rounded up")
def after_in_milliseconds(redis_conn, key, limit):
    count = int(redis_conn.get(key) or 0)
    return redis_conn.pttl(key) if count >= limit else 0


@wrong("12.2", "TypeError")
def after_none(redis_conn, key, limit):
    return math.ceil(redis_conn.pttl(key) / 1000) if int(redis_conn.get(key)) >= limit else 0


# 12.3


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
    """The lesson's bucket with a price, and one thing in it replaced."""
    script = CLOCK + BUCKET
    assert old in script
    return lambda redis_conn, key, *args: redis_conn.eval(script.replace(old, new), 1, key, *args)


@right("12.3")
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


@right("12.3")
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


@right("12.3")
def tokens_as_in_the_lesson(redis_conn, key, limit, window, crates):
    return bucket()(redis_conn, key, limit, window, crates)


@right("12.3")
def tokens_as_a_time_to_live(redis_conn, key, limit, window, crates):
    script = """
        local left = math.max(0, redis.call('PTTL', KEYS[1]))
        local full = left + ARGV[2] / ARGV[1] * ARGV[3]
        if full > tonumber(ARGV[2]) then return math.ceil(full - ARGV[2]) end
        redis.call('SET', KEYS[1], '', 'PX', math.ceil(full))
        return 0
    """
    return redis_conn.eval(script, 1, key, limit, window, crates)


@right("12.3")
def tokens_read_and_then_exchanged(redis_conn, key, limit, window, crates):
    script = """
        if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        return 1
    """
    while True:
        (seconds, micros), seen = redis_conn.time(), redis_conn.get(key)
        now = (1_000_000 * seconds + micros) * limit
        full = max(now, int(seen or 0)) + 1000 * window * crates
        wait = full - now - 1000 * window * limit
        if wait > 0:
            return -(-wait // (1000 * limit))
        if redis_conn.eval(script, 1, key, seen or "", full, 2 * window):
            return 0


def tokens_left(lines):
    """A bucket that stores its tokens, and when they were counted."""
    script = f"""
        local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
        local tokens, at, wait = tonumber(bucket[1]) or limit, tonumber(bucket[2]) or now, 0
        {lines}
        redis.call('PEXPIRE', KEYS[1], 2 * window)
        return wait
    """
    return lambda redis_conn, key, *args: redis_conn.eval(CLOCK + script, 1, key, *args)


WITH_A_NOTE_OF_THE_TIME = """
    tokens = math.min(limit, tokens + (now - at) * limit / window)
    if tokens >= tonumber(ARGV[3]) then tokens = tokens - ARGV[3]
    else wait = math.ceil((ARGV[3] - tokens) * window / limit) end
    redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
"""


@right("12.3")
def tokens_noted_also_for_a_no(redis_conn, key, limit, window, crates):
    return tokens_left(WITH_A_NOTE_OF_THE_TIME)(redis_conn, key, limit, window, crates)


@wrong("12.3", "a part of the wait has passed")
def tokens_forgotten_at_a_no(redis_conn, key, limit, window, crates):
    lines = """
        local now_there = math.min(limit, tokens + (now - at) * limit / window)
        if now_there >= tonumber(ARGV[3]) then tokens = now_there - ARGV[3]
        else wait = math.ceil((ARGV[3] - now_there) * window / limit) end
        redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
    """
    return tokens_left(lines)(redis_conn, key, limit, window, crates)


@wrong("12.3", "half a token was left over")
def tokens_as_whole_numbers(redis_conn, key, limit, window, crates):
    lines = """
        local now_there = math.min(limit, tokens + math.floor((now - at) * limit / window))
        if now_there < tonumber(ARGV[3]) then
            return math.ceil((ARGV[3] - tokens) * window / limit - (now - at))
        end
        redis.call('HSET', KEYS[1], 'tokens', now_there - ARGV[3], 'at', now)
    """
    return tokens_left(lines)(redis_conn, key, limit, window, crates)


@wrong("12.3", "there are tokens enough")
def tokens_compared_as_texts(redis_conn, key, limit, window, crates):
    lines = WITH_A_NOTE_OF_THE_TIME.replace("tokens >= tonumber(ARGV[3])", "tostring(tokens) >= ARGV[3]")
    return tokens_left(lines)(redis_conn, key, limit, window, crates)


@wrong("12.3", "exactly as many tokens as were wanted")
def tokens_but_not_the_last(redis_conn, key, limit, window, crates):
    return bucket("math.ceil(full - now - window)", "math.floor(full - now - window) + 1")(
        redis_conn, key, limit, window, crates
    )


@wrong("12.3", "a part of a millisecond before the tokens are there")
def tokens_rounded_down(redis_conn, key, limit, window, crates):
    return bucket("math.ceil", "math.floor")(redis_conn, key, limit, window, crates)


@wrong("12.3", "a wait of less than a millisecond is a wait")
def tokens_a_millisecond_early(redis_conn, key, limit, window, crates):
    script = bucket("if wait == 0 then", "if full - now - window < 1 then wait = 0")
    return script(redis_conn, key, limit, window, crates)


@wrong("12.3", "a part of the wait has passed, by the server's clock")
def tokens_by_whole_seconds(redis_conn, key, limit, window, crates):
    return bucket("time[1] * 1000 + math.floor(time[2] / 1000)", "time[1] * 1000")(
        redis_conn, key, limit, window, crates
    )


@wrong("12.3", "a whole window has passed on the server's clock")
def tokens_by_another_clock_of_the_client(redis_conn, key, limit, window, crates):
    script = bucket("local now = time[1] * 1000 + math.floor(time[2] / 1000)", "local now = tonumber(ARGV[4])")
    return script(redis_conn, key, limit, window, crates, int(1000 * datetime.now().timestamp()))


@wrong("12.3", "the key ends before the bucket is full again")
def tokens_that_end_when_they_began(redis_conn, key, limit, window, crates):
    keep = """
        redis.call('SET', KEYS[1], full, 'KEEPTTL')
        if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], 2 * window) end
    """
    return bucket("redis.call('SET', KEYS[1], full, 'PX', 2 * window)", keep)(redis_conn, key, limit, window, crates)


@wrong("12.3", "stays in memory until then")
def tokens_for_some_days(redis_conn, key, limit, window, crates):
    return bucket("'PX', 2 * window", "'EX', 2 * window")(redis_conn, key, limit, window, crates)


@wrong("12.3", "the key has no TTL")
def tokens_with_an_end_in_another_command(redis_conn, key, limit, window, crates):
    wait = bucket(", 'PX', 2 * window", ", 'KEEPTTL'")(redis_conn, key, limit, window, crates)
    redis_conn.pexpire(key, 2 * window)
    return wait


@wrong("12.3", "kept it to itself")
def tokens_for_everybody_if_redis_fails(redis_conn, key, limit, window, crates):
    try:
        return bucket()(redis_conn, key, limit, window, crates)
    except redis.RedisError:
        return 0


@wrong("12.3", "one is missing")
def tokens_one_each(redis_conn, key, limit, window, crates):
    return bucket(" * ARGV[3]")(redis_conn, key, limit, window, crates)


@wrong("12.3", "a denied request must take nothing")
def tokens_also_for_a_no(redis_conn, key, limit, window, crates):
    return bucket("if wait == 0 then", "if true then")(redis_conn, key, limit, window, crates)


@wrong("12.3", "the key has no TTL")
def tokens_for_ever(redis_conn, key, limit, window, crates):
    return bucket(", 'PX', 2 * window")(redis_conn, key, limit, window, crates)


@wrong("12.3", "the key ends before the bucket is full again")
def tokens_for_a_moment(redis_conn, key, limit, window, crates):
    return bucket("2 * window", "math.ceil(window / limit)")(redis_conn, key, limit, window, crates)


@wrong("12.3", "a program whose clock is an hour ahead got a full bucket")
def tokens_by_the_clients_clock(redis_conn, key, limit, window, crates):
    script = bucket("local now = time[1] * 1000 + math.floor(time[2] / 1000)", "local now = tonumber(ARGV[4])")
    return script(redis_conn, key, limit, window, crates, int(1000 * time.time()))


@wrong("12.3", "two wanted 4 of 7 tokens at once")
def tokens_by_get_and_set(redis_conn, key, limit, window, crates):
    seconds, micros = redis_conn.time()
    now = seconds * 1000 + micros // 1000
    full = max(now, float(redis_conn.get(key) or 0)) + window / limit * crates
    if full > now + window:
        return math.ceil(full - now - window)
    redis_conn.set(key, full, px=2 * window)
    return 0


@wrong("12.3", "return the wait in milliseconds")
def tokens_with_the_time(redis_conn, key, limit, window, crates):
    return bucket("return wait", "return {now, wait}")(redis_conn, key, limit, window, crates)


@wrong("12.3", "return the wait in milliseconds")
def tokens_yes_or_no(redis_conn, key, limit, window, crates):
    return bucket()(redis_conn, key, limit, window, crates) == 0


@wrong("12.3", "one is missing")
def tokens_in_seconds(redis_conn, key, limit, window, crates):
    return bucket()(redis_conn, key, limit, window, crates) // 1000


@wrong("12.3", "one is missing")
def tokens_in_a_fixed_window(redis_conn, key, limit, window, crates):
    count = redis_conn.pipeline().set(key, 0, px=window, nx=True).incrby(key, crates).execute()[-1]
    if count <= limit:
        return 0
    redis_conn.decrby(key, crates)
    return redis_conn.pttl(key)


@wrong("12.3", "the bucket ran over")
def tokens_without_a_brim(redis_conn, key, limit, window, crates):
    return bucket("math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))", "(redis.call('GET', KEYS[1]) or now)")(
        redis_conn, key, limit, window, crates
    )


# 12.4


@right("12.4")
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


@right("12.4")
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


@wrong("12.4", "a request that was denied counts in a window")
def both_one_after_the_other(redis_conn, keys, limits, windows):
    answers = [one_window(redis_conn, *each) for each in zip(keys, limits, windows, strict=True)]
    return all(answers)


@wrong("12.4", "a request that was denied counts in a window")
def both_until_one_says_no(redis_conn, keys, limits, windows):
    return all(one_window(redis_conn, *each) for each in zip(keys, limits, windows, strict=True))


@wrong("12.4", "what it left is half")
def both_given_back(redis_conn, keys, limits, windows):
    pipe = redis_conn.pipeline()
    for key, window in zip(keys, windows, strict=True):
        pipe.set(key, 0, px=window, nx=True).incr(key)
    counts = pipe.execute()[1::2]
    if all(count <= limit for count, limit in zip(counts, limits, strict=True)):
        return True
    redis_conn.pipeline().decr(keys[0]).decr(keys[1]).execute()
    return False


@wrong("12.4", "two requests at once, and one place")
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


@wrong("12.4", "a counter has no TTL")
def both_for_ever(redis_conn, keys, limits, windows):
    return both(redis_conn, "redis.call('INCR', key)", keys, limits, windows) == 1


@wrong("12.4", "must not prolong a window")
def both_renewed(redis_conn, keys, limits, windows):
    how = "redis.call('INCR', key) redis.call('PEXPIRE', key, ARGV[number + 2])"
    return both(redis_conn, how, keys, limits, windows) == 1


@wrong("12.4", "each counter has its own window")
def both_with_one_window(redis_conn, keys, limits, windows):
    how = "redis.call('SET', key, 0, 'PX', ARGV[4], 'NX') redis.call('INCR', key)"
    return both(redis_conn, how, keys, limits, windows) == 1


@wrong("12.4", "return True or False")
def both_as_a_number(redis_conn, keys, limits, windows):
    how = "redis.call('SET', key, 0, 'PX', ARGV[number + 2], 'NX') redis.call('INCR', key)"
    return both(redis_conn, how, keys, limits, windows)


@wrong("12.4", "attempt to compare number")
def both_compared_as_text(redis_conn, keys, limits, windows):
    script = "if redis.call('GET', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end return redis.call('INCR', KEYS[1])"
    return redis_conn.eval(script, 2, *keys, *limits, *windows) == 1


@right("12.4")
def both_by_redis_pys_transaction(redis_conn, keys, limits, windows):
    def count_in_both(pipe):
        counts = [int(pipe.get(key) or 0) for key in keys]
        room = counts[0] < limits[0] and counts[1] < limits[1]
        pipe.multi()
        if room:
            for key, window in zip(keys, windows, strict=True):
                pipe.set(key, 0, px=window, nx=True).incr(key)
        return room

    return redis_conn.transaction(count_in_both, *keys, value_from_callable=True)


@right("12.4")
def both_with_counters_made_first(redis_conn, keys, limits, windows):
    script = """
        for number, key in ipairs(KEYS) do redis.call('SET', key, 0, 'PX', ARGV[number + 2], 'NX') end
        local counts = redis.call('MGET', KEYS[1], KEYS[2])
        local room = tonumber(counts[1]) < tonumber(ARGV[1]) and tonumber(counts[2]) < tonumber(ARGV[2])
        if room then redis.call('INCR', KEYS[1]) redis.call('INCR', KEYS[2]) end
        return room and 1 or 0
    """
    sha = redis_conn.script_load(script)
    return redis_conn.evalsha(sha, 2, *keys, *limits, *windows) == 1


COUNT = "redis.call('SET', key, 0, 'PX', ARGV[number + 2], 'NX') redis.call('INCR', key)"


@wrong("12.4", "both limits have room")
def both_by_texts(redis_conn, keys, limits, windows):
    script = (COUNT_IN_BOTH % COUNT).replace("tonumber(redis.call('GET', key) or 0)", "(redis.call('GET', key) or '0')")
    script = script.replace("tonumber(ARGV[number])", "ARGV[number]")
    return redis_conn.eval(script, 2, *keys, *limits, *windows) == 1


@wrong("12.4", "one place was left in the first window")
def both_with_one_watched(redis_conn, keys, limits, windows):
    def count_in_both(pipe):
        counts = [int(pipe.get(key) or 0) for key in keys]
        room = counts[0] < limits[0] and counts[1] < limits[1]
        pipe.multi()
        if room:
            for key, window in zip(keys, windows, strict=True):
                pipe.set(key, 0, px=window, nx=True).incr(key)
        return room

    return redis_conn.transaction(count_in_both, keys[1], value_from_callable=True)


@wrong("12.4", "kept it to itself")
def both_or_not_at_all(redis_conn, keys, limits, windows):
    try:
        return both(redis_conn, COUNT, keys, limits, windows) == 1
    except redis.RedisError:
        return False


@wrong("12.4", "more is counted than the first limit")
def both_if_exactly_full(redis_conn, keys, limits, windows):
    script = (COUNT_IN_BOTH % COUNT).replace(">=", "==")
    return redis_conn.eval(script, 2, *keys, *limits, *windows) == 1


@wrong("12.4", "each counter has its own window")
def both_in_seconds(redis_conn, keys, limits, windows):
    how = COUNT.replace("'PX', ARGV[number + 2]", "'EX', math.ceil(ARGV[number + 2] / 1000)")
    return both(redis_conn, how, keys, limits, windows) == 1


@wrong("12.4", "what it left is half")
def both_with_a_gap_between_them(redis_conn, keys, limits, windows):
    counts = [int(count or 0) for count in redis_conn.mget(keys)]
    if counts[0] >= limits[0] or counts[1] >= limits[1]:
        return False
    for key, window in zip(keys, windows, strict=True):
        redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()
    return True
