"""Answers to the exercises of lesson 13."""

import math
import time
from datetime import datetime

import redis

from tests.exercise_answers import right, wrong

# 13.1


@right("13.1")
def left_by_a_list_of_the_young(redis_conn, key, limit, window, now):
    young = [moment for moment in redis_conn.lrange(key, 0, -1) if now - int(moment) < window]
    return max(limit - len(young), 0)


@right("13.1")
def left_by_a_script(redis_conn, key, limit, window, now):
    script = """
        local left = tonumber(ARGV[1])
        for _, moment in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
          if tonumber(moment) + ARGV[2] > tonumber(ARGV[3]) then left = left - 1 end
        end
        return math.max(left, 0)
    """
    return redis_conn.eval(script, 1, key, limit, window, now)


@wrong("13.1", "older than a window takes no place")
def left_with_the_old_ones(redis_conn, key, limit, window, now):
    return max(0, limit - redis_conn.llen(key))


@wrong("13.1", "exactly one window back")
def left_with_the_edge(redis_conn, key, limit, window, now):
    return max(0, limit - sum(int(moment) >= now - window for moment in redis_conn.lrange(key, 0, -1)))


@wrong("13.1", "0 are left, not fewer")
def left_below_zero(redis_conn, key, limit, window, now):
    return limit - sum(int(moment) > now - window for moment in redis_conn.lrange(key, 0, -1))


@wrong("13.1", "compare numbers, not texts")
def left_by_texts(redis_conn, key, limit, window, now):
    return max(0, limit - sum(moment > str(now - window) for moment in redis_conn.lrange(key, 0, -1)))


@wrong("13.1", "each time of the last window takes one place")
def left_how_many_are_taken(redis_conn, key, limit, window, now):
    young = [moment for moment in redis_conn.lrange(key, 0, -1) if int(moment) > now - window]
    return len(young) or limit


@wrong("13.1", "only to look")
def left_and_tidied_up(redis_conn, key, limit, window, now):
    while int(redis_conn.lindex(key, 0) or now) <= now - window:
        redis_conn.lpop(key)
    return max(0, limit - redis_conn.llen(key))


@wrong("13.1", "kept it to itself")
def left_all_if_redis_fails(redis_conn, key, limit, window, now):
    try:
        return left_by_a_list_of_the_young(redis_conn, key, limit, window, now)
    except redis.RedisError:
        return limit


# 13.2


def counters(redis_conn, key):
    before, count = redis_conn.hmget(key, "before", "count")
    return int(before or 0), int(count or 0)


@right("13.2")
def room_in_whole_numbers(redis_conn, key, limit, window, passed):
    before, count = counters(redis_conn, key)
    return before * (window - passed) <= (limit - count - 1) * window


@right("13.2")
def room_by_the_share_that_is_over(redis_conn, key, limit, window, passed):
    before, count = counters(redis_conn, key)
    return (
        before - before * passed / window + count < limit - 1 or before - before * passed / window + count == limit - 1
    )


@right("13.2")
def room_by_the_share(redis_conn, key, limit, window, passed):
    before, count = counters(redis_conn, key)
    return (window - passed) / window * before + count + 1 <= limit


@wrong("13.2", "How long is a window here?")
def room_with_the_window_of_the_lesson(redis_conn, key, limit, window, passed):
    before, count = counters(redis_conn, key)
    return before * (10_000 - passed) / 10_000 + count + 1 <= limit


@wrong("13.2", "is a place, too")
def room_but_for_the_last(redis_conn, key, limit, window, passed):
    before, count = counters(redis_conn, key)
    return before * (window - passed) / window + count + 1 < limit


@wrong("13.2", "counts in full")
def room_without_this_request(redis_conn, key, limit, window, passed):
    before, count = counters(redis_conn, key)
    return before * (window - passed) / window + count <= limit


@wrong("13.2", "nothing of it counts any more")
def room_by_the_wrong_share(redis_conn, key, limit, window, passed):
    before, count = counters(redis_conn, key)
    return before * passed / window + count + 1 <= limit


@wrong("13.2", "above the limit")
def room_by_whole_requests(redis_conn, key, limit, window, passed):
    before, count = counters(redis_conn, key)
    return before * (window - passed) // window + count + 1 <= limit


@wrong("13.2", "nothing of it counts any more")
def room_by_both_in_full(redis_conn, key, limit, window, passed):
    return sum(counters(redis_conn, key)) + 1 <= limit


@wrong("13.2", "just begun")
def room_in_this_window_alone(redis_conn, key, limit, window, passed):
    return counters(redis_conn, key)[1] + 1 <= limit


@wrong("13.2", "True or False")
def room_as_a_number(redis_conn, key, limit, window, passed):
    before, count = counters(redis_conn, key)
    return limit - count - 1 - before * (window - passed) / window


@wrong("13.2", "only to look")
def room_and_count(redis_conn, key, limit, window, passed):
    room = room_in_whole_numbers(redis_conn, key, limit, window, passed)
    if room:
        redis_conn.hincrby(key, "count", 1)
    return room


@wrong("13.2", "kept it to itself")
def room_if_redis_fails(redis_conn, key, limit, window, passed):
    try:
        return room_in_whole_numbers(redis_conn, key, limit, window, passed)
    except redis.RedisError:
        return True


# 13.3


def clock_script(lines):
    return lambda redis_conn: redis_conn.eval("local clock = redis.call('TIME') " + lines, 0)


@right("13.3")
def milliseconds_in_python(redis_conn):
    seconds, microseconds = redis_conn.time()
    return seconds * 1000 + microseconds // 1000


@right("13.3")
def milliseconds_cut_by_redis(redis_conn):
    return clock_script("return clock[1] * 1000 + clock[2] / 1000")(redis_conn)


@wrong("13.3", "these are seconds")
def milliseconds_as_seconds(redis_conn):
    return clock_script("return tonumber(clock[1])")(redis_conn)


@wrong("13.3", "only whole seconds")
def milliseconds_without_the_second_part(redis_conn):
    return clock_script("return clock[1] * 1000")(redis_conn)


@wrong("13.3", "these are microseconds")
def milliseconds_as_microseconds(redis_conn):
    return clock_script("return clock[1] * 1000000 + clock[2]")(redis_conn)


@wrong("13.3", "the time of your program")
def milliseconds_of_the_client(redis_conn):
    redis_conn.ping()
    return int(1000 * time.time())


@wrong("13.3", "not the time that TIME answers")
def milliseconds_and_microseconds(redis_conn):
    return clock_script("return clock[1] * 1000 + clock[2]")(redis_conn)


@wrong("13.3", "whole number of milliseconds")
def milliseconds_as_a_text(redis_conn):
    return clock_script("return clock[1] .. clock[2]")(redis_conn)


@wrong("13.3", "kept it to itself")
def milliseconds_if_redis_fails(redis_conn):
    try:
        return milliseconds_in_python(redis_conn)
    except redis.RedisError:
        return 0


# 13.4


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


@right("13.4")
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


@right("13.4")
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


@right("13.4")
def tokens_as_in_the_lesson(redis_conn, key, limit, window, crates):
    return bucket()(redis_conn, key, limit, window, crates)


@right("13.4")
def tokens_as_a_time_to_live(redis_conn, key, limit, window, crates):
    script = """
        local left = math.max(0, redis.call('PTTL', KEYS[1]))
        local full = left + ARGV[2] / ARGV[1] * ARGV[3]
        if full > tonumber(ARGV[2]) then return math.ceil(full - ARGV[2]) end
        redis.call('SET', KEYS[1], '', 'PX', math.ceil(full))
        return 0
    """
    return redis_conn.eval(script, 1, key, limit, window, crates)


@right("13.4")
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


@right("13.4")
def tokens_noted_also_for_a_no(redis_conn, key, limit, window, crates):
    return tokens_left(WITH_A_NOTE_OF_THE_TIME)(redis_conn, key, limit, window, crates)


@wrong("13.4", "a part of the wait has passed")
def tokens_forgotten_at_a_no(redis_conn, key, limit, window, crates):
    lines = """
        local now_there = math.min(limit, tokens + (now - at) * limit / window)
        if now_there >= tonumber(ARGV[3]) then tokens = now_there - ARGV[3]
        else wait = math.ceil((ARGV[3] - now_there) * window / limit) end
        redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
    """
    return tokens_left(lines)(redis_conn, key, limit, window, crates)


@wrong("13.4", "half a token was left over")
def tokens_as_whole_numbers(redis_conn, key, limit, window, crates):
    lines = """
        local now_there = math.min(limit, tokens + math.floor((now - at) * limit / window))
        if now_there < tonumber(ARGV[3]) then
            return math.ceil((ARGV[3] - tokens) * window / limit - (now - at))
        end
        redis.call('HSET', KEYS[1], 'tokens', now_there - ARGV[3], 'at', now)
    """
    return tokens_left(lines)(redis_conn, key, limit, window, crates)


@wrong("13.4", "there are tokens enough")
def tokens_compared_as_texts(redis_conn, key, limit, window, crates):
    lines = WITH_A_NOTE_OF_THE_TIME.replace("tokens >= tonumber(ARGV[3])", "tostring(tokens) >= ARGV[3]")
    return tokens_left(lines)(redis_conn, key, limit, window, crates)


@wrong("13.4", "exactly as many tokens as were wanted")
def tokens_but_not_the_last(redis_conn, key, limit, window, crates):
    return bucket("math.ceil(full - now - window)", "math.floor(full - now - window) + 1")(
        redis_conn, key, limit, window, crates
    )


@wrong("13.4", "a part of a millisecond before the tokens are there")
def tokens_rounded_down(redis_conn, key, limit, window, crates):
    return bucket("math.ceil", "math.floor")(redis_conn, key, limit, window, crates)


@wrong("13.4", "a wait of less than a millisecond is a wait")
def tokens_a_millisecond_early(redis_conn, key, limit, window, crates):
    script = bucket("if wait == 0 then", "if full - now - window < 1 then wait = 0")
    return script(redis_conn, key, limit, window, crates)


@wrong("13.4", "a part of the wait has passed, by the server's clock")
def tokens_by_whole_seconds(redis_conn, key, limit, window, crates):
    return bucket("time[1] * 1000 + math.floor(time[2] / 1000)", "time[1] * 1000")(
        redis_conn, key, limit, window, crates
    )


@wrong("13.4", "a whole window has passed on the server's clock")
def tokens_by_another_clock_of_the_client(redis_conn, key, limit, window, crates):
    script = bucket("local now = time[1] * 1000 + math.floor(time[2] / 1000)", "local now = tonumber(ARGV[4])")
    return script(redis_conn, key, limit, window, crates, int(1000 * datetime.now().timestamp()))


@wrong("13.4", "the key ends before the bucket is full again")
def tokens_that_end_when_they_began(redis_conn, key, limit, window, crates):
    keep = """
        redis.call('SET', KEYS[1], full, 'KEEPTTL')
        if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], 2 * window) end
    """
    return bucket("redis.call('SET', KEYS[1], full, 'PX', 2 * window)", keep)(redis_conn, key, limit, window, crates)


@wrong("13.4", "stays in memory until then")
def tokens_for_some_days(redis_conn, key, limit, window, crates):
    return bucket("'PX', 2 * window", "'EX', 2 * window")(redis_conn, key, limit, window, crates)


@wrong("13.4", "the key has no TTL")
def tokens_with_an_end_in_another_command(redis_conn, key, limit, window, crates):
    wait = bucket(", 'PX', 2 * window", ", 'KEEPTTL'")(redis_conn, key, limit, window, crates)
    redis_conn.pexpire(key, 2 * window)
    return wait


@wrong("13.4", "kept it to itself")
def tokens_for_everybody_if_redis_fails(redis_conn, key, limit, window, crates):
    try:
        return bucket()(redis_conn, key, limit, window, crates)
    except redis.RedisError:
        return 0


@wrong("13.4", "does not ask what time it is")
def tokens_by_the_number_of_crates(redis_conn, key, limit, window, crates):
    script = """
        local limit, window, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
        local level = tonumber(redis.call('HGET', KEYS[1], 'level') or limit * window)
        local at = tonumber(redis.call('HGET', KEYS[1], 'at') or now)
        level = math.min(limit * window, level + (now - at) * limit)
        if level < ARGV[3] * window then return math.ceil((ARGV[3] * window - level) / limit) end
        redis.call('HSET', KEYS[1], 'level', level - ARGV[3] * window, 'at', now)  -- no time
        redis.call('PEXPIRE', KEYS[1], window)
        return 0
    """
    return redis_conn.eval(script, 1, key, limit, window, crates)


@wrong("13.4", "one is missing")
def tokens_one_each(redis_conn, key, limit, window, crates):
    return bucket(" * ARGV[3]")(redis_conn, key, limit, window, crates)


@wrong("13.4", "a denied request must take nothing")
def tokens_also_for_a_no(redis_conn, key, limit, window, crates):
    return bucket("if wait == 0 then", "if true then")(redis_conn, key, limit, window, crates)


@wrong("13.4", "the key has no TTL")
def tokens_for_ever(redis_conn, key, limit, window, crates):
    return bucket(", 'PX', 2 * window")(redis_conn, key, limit, window, crates)


@wrong("13.4", "the key ends before the bucket is full again")
def tokens_for_a_moment(redis_conn, key, limit, window, crates):
    return bucket("2 * window", "math.ceil(window / limit)")(redis_conn, key, limit, window, crates)


@wrong("13.4", "a program whose clock is an hour ahead got a full bucket")
def tokens_by_the_clients_clock(redis_conn, key, limit, window, crates):
    script = bucket("local now = time[1] * 1000 + math.floor(time[2] / 1000)", "local now = tonumber(ARGV[4])")
    return script(redis_conn, key, limit, window, crates, int(1000 * time.time()))


@wrong("13.4", "two wanted 4 of 7 tokens at once")
def tokens_by_get_and_set(redis_conn, key, limit, window, crates):
    seconds, micros = redis_conn.time()
    now = seconds * 1000 + micros // 1000
    full = max(now, float(redis_conn.get(key) or 0)) + window / limit * crates
    if full > now + window:
        return math.ceil(full - now - window)
    redis_conn.set(key, full, px=2 * window)
    return 0


@wrong("13.4", "return the wait in milliseconds")
def tokens_with_the_time(redis_conn, key, limit, window, crates):
    return bucket("return wait", "return {now, wait}")(redis_conn, key, limit, window, crates)


@wrong("13.4", "return the wait in milliseconds")
def tokens_yes_or_no(redis_conn, key, limit, window, crates):
    return bucket()(redis_conn, key, limit, window, crates) == 0


@wrong("13.4", "one is missing")
def tokens_in_seconds(redis_conn, key, limit, window, crates):
    return bucket()(redis_conn, key, limit, window, crates) // 1000


@wrong("13.4", "one is missing")
def tokens_in_a_fixed_window(redis_conn, key, limit, window, crates):
    count = redis_conn.pipeline().set(key, 0, px=window, nx=True).incrby(key, crates).execute()[-1]
    if count <= limit:
        return 0
    redis_conn.decrby(key, crates)
    return redis_conn.pttl(key)


@wrong("13.4", "the bucket ran over")
def tokens_without_a_brim(redis_conn, key, limit, window, crates):
    return bucket("math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))", "(redis.call('GET', KEYS[1]) or now)")(
        redis_conn, key, limit, window, crates
    )


# 13.5


@right("13.5")
def room_in_both_by_mget(redis_conn, keys, limits):
    counts = redis_conn.mget(keys)
    return all(int(count or 0) < limit for count, limit in zip(counts, limits, strict=True))


@right("13.5")
def room_in_both_by_another_script(redis_conn, keys, limits):
    script = """
        for number, key in ipairs(KEYS) do
          if (tonumber(redis.call('GET', key)) or 0) - ARGV[number] >= 0 then return false end
        end
        return true
    """
    return bool(redis_conn.eval(script, len(keys), *keys, *limits))


def room_script(condition):
    script = """
        for number = 1, #KEYS do
          local count = redis.call('GET', KEYS[number]) or '0'
          if %s then return 0 end
        end
        return 1
    """
    return lambda redis_conn, keys, limits: redis_conn.eval(script % condition, len(keys), *keys, *limits) == 1


@wrong("13.5", "attempt to compare")
def room_in_both_with_one_number(redis_conn, keys, limits):
    return room_script("tonumber(count) >= ARGV[number]")(redis_conn, keys, limits)


@wrong("13.5", "compare numbers, not texts")
def room_in_both_by_texts(redis_conn, keys, limits):
    return room_script("count >= ARGV[number]")(redis_conn, keys, limits)


@wrong("13.5", "limit is used up")
def room_in_both_and_one_more(redis_conn, keys, limits):
    return room_script("tonumber(count) > tonumber(ARGV[number])")(redis_conn, keys, limits)


@wrong("13.5", "compare numbers, not texts")
def room_in_both_if_not_equal(redis_conn, keys, limits):
    return room_script("count == ARGV[number]")(redis_conn, keys, limits)


@wrong("13.5", "used up")
def room_in_one_of_both(redis_conn, keys, limits):
    return room_script("tonumber(count) >= tonumber(ARGV[1])")(redis_conn, keys[:1], limits[:1])


@wrong("13.5", "by its own limit")
def room_in_both_by_one_limit(redis_conn, keys, limits):
    return room_script("tonumber(count) >= tonumber(ARGV[1])")(redis_conn, keys, limits)


@wrong("13.5", "True or False")
def room_in_both_as_a_number(redis_conn, keys, limits):
    return int(room_in_both_by_mget(redis_conn, keys, limits))


@wrong("13.5", "only to look")
def room_in_both_and_counted(redis_conn, keys, limits):
    room = room_in_both_by_mget(redis_conn, keys, limits)
    for key in keys:
        redis_conn.incr(key)
    return room


@wrong("13.5", "kept it to itself")
def room_in_both_if_redis_fails(redis_conn, keys, limits):
    try:
        return room_in_both_by_mget(redis_conn, keys, limits)
    except redis.RedisError:
        return True


# 13.6


@right("13.6")
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


@right("13.6")
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


@wrong("13.6", "a request that was denied counts in a window")
def both_one_after_the_other(redis_conn, keys, limits, windows):
    answers = [one_window(redis_conn, *each) for each in zip(keys, limits, windows, strict=True)]
    return all(answers)


@wrong("13.6", "a request that was denied counts in a window")
def both_until_one_says_no(redis_conn, keys, limits, windows):
    return all(one_window(redis_conn, *each) for each in zip(keys, limits, windows, strict=True))


@wrong("13.6", "what it left is half")
def both_given_back(redis_conn, keys, limits, windows):
    pipe = redis_conn.pipeline()
    for key, window in zip(keys, windows, strict=True):
        pipe.set(key, 0, px=window, nx=True).incr(key)
    counts = pipe.execute()[1::2]
    if all(count <= limit for count, limit in zip(counts, limits, strict=True)):
        return True
    redis_conn.pipeline().decr(keys[0]).decr(keys[1]).execute()
    return False


@wrong("13.6", "two requests at once, and one place")
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


@wrong("13.6", "a counter has no TTL")
def both_for_ever(redis_conn, keys, limits, windows):
    return both(redis_conn, "redis.call('INCR', key)", keys, limits, windows) == 1


@wrong("13.6", "must not prolong a window")
def both_renewed(redis_conn, keys, limits, windows):
    how = "redis.call('INCR', key) redis.call('PEXPIRE', key, ARGV[number + 2])"
    return both(redis_conn, how, keys, limits, windows) == 1


@wrong("13.6", "each counter has its own window")
def both_with_one_window(redis_conn, keys, limits, windows):
    how = "redis.call('SET', key, 0, 'PX', ARGV[4], 'NX') redis.call('INCR', key)"
    return both(redis_conn, how, keys, limits, windows) == 1


@wrong("13.6", "return True or False")
def both_as_a_number(redis_conn, keys, limits, windows):
    how = "redis.call('SET', key, 0, 'PX', ARGV[number + 2], 'NX') redis.call('INCR', key)"
    return both(redis_conn, how, keys, limits, windows)


@wrong("13.6", "attempt to compare number")
def both_compared_as_text(redis_conn, keys, limits, windows):
    script = "if redis.call('GET', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end return redis.call('INCR', KEYS[1])"
    return redis_conn.eval(script, 2, *keys, *limits, *windows) == 1


@right("13.6")
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


@right("13.6")
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


@wrong("13.6", "both limits have room")
def both_by_texts(redis_conn, keys, limits, windows):
    script = (COUNT_IN_BOTH % COUNT).replace("tonumber(redis.call('GET', key) or 0)", "(redis.call('GET', key) or '0')")
    script = script.replace("tonumber(ARGV[number])", "ARGV[number]")
    return redis_conn.eval(script, 2, *keys, *limits, *windows) == 1


@wrong("13.6", "one place was left in the first window")
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


@wrong("13.6", "kept it to itself")
def both_or_not_at_all(redis_conn, keys, limits, windows):
    try:
        return both(redis_conn, COUNT, keys, limits, windows) == 1
    except redis.RedisError:
        return False


@wrong("13.6", "more is counted than the first limit")
def both_if_exactly_full(redis_conn, keys, limits, windows):
    script = (COUNT_IN_BOTH % COUNT).replace(">=", "==")
    return redis_conn.eval(script, 2, *keys, *limits, *windows) == 1


@wrong("13.6", "each counter has its own window")
def both_in_seconds(redis_conn, keys, limits, windows):
    how = COUNT.replace("'PX', ARGV[number + 2]", "'EX', math.ceil(ARGV[number + 2] / 1000)")
    return both(redis_conn, how, keys, limits, windows) == 1


@wrong("13.6", "what it left is half")
def both_with_a_gap_between_them(redis_conn, keys, limits, windows):
    counts = [int(count or 0) for count in redis_conn.mget(keys)]
    if counts[0] >= limits[0] or counts[1] >= limits[1]:
        return False
    for key, window in zip(keys, windows, strict=True):
        redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()
    return True
