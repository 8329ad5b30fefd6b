"""Answers to the exercises of lesson 20."""

import redis

from tests.exercise_answers import right, wrong

# 20.1

TAKE = """
    if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return redis.call('INCR', KEYS[2])
"""


@right("20.1")
def number_by_set_nx(redis_conn, lock, counter, token, milliseconds):
    script = """
        if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
        return redis.call('INCRBY', KEYS[2], 1)
    """
    return redis_conn.register_script(script)(keys=[lock, counter], args=[token, milliseconds])


@right("20.1")
def number_with_watch(redis_conn, lock, counter, token, milliseconds):
    with redis_conn.pipeline() as pipe:
        while True:
            try:
                pipe.watch(lock)
                if pipe.exists(lock):
                    return 0
                pipe.multi()
                pipe.set(lock, token, px=milliseconds)
                pipe.incr(counter)
                return pipe.execute()[1]
            except redis.WatchError:
                continue


@wrong("20.1", "return the new number of the counter")
def number_not_returned(redis_conn, lock, counter, token, milliseconds):
    return redis_conn.eval(
        TAKE.replace("return redis.call('INCR'", "redis.call('INCR'"), 2, lock, counter, token, milliseconds
    )


@wrong("20.1", "does not stand one higher")
def number_only_read(redis_conn, lock, counter, token, milliseconds):
    script = TAKE.replace("'INCR', KEYS[2])", "'GET', KEYS[2])")
    return redis_conn.eval(script, 2, lock, counter, token, milliseconds)


@wrong("20.1", "not lower than that of B")
def number_after_the_script(redis_conn, lock, counter, token, milliseconds):
    if not redis_conn.set(lock, token, nx=True, px=milliseconds):
        return 0
    return redis_conn.incr(counter)


@wrong("20.1", "nothing may change")
def number_for_everybody(redis_conn, lock, counter, token, milliseconds):
    script = """
        local number = redis.call('INCR', KEYS[2])
        if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return number
    """
    return redis_conn.eval(script, 2, lock, counter, token, milliseconds)


# 20.2


@right("20.2")
def late_by_script(redis_conn, key, fence):
    script = "return tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) > tonumber(ARGV[1]) and 1 or 0"
    return redis_conn.eval(script, 1, key, fence) == 1


@right("20.2")
def late_by_the_whole_hash(redis_conn, key, fence):
    return fence < int(redis_conn.hgetall(key).get("fence", 0))


@wrong("20.2", "the hash has 9 and `fence` is 10")
def late_as_text(redis_conn, key, fence):
    return (redis_conn.hget(key, "fence") or "0") > str(fence)


@wrong("20.2", "the same number as `fence`")
def late_with_the_same_number(redis_conn, key, fence):
    return int(redis_conn.hget(key, "fence") or 0) >= fence


@wrong("20.2", "Too late is who has a lower number")
def late_turned_round(redis_conn, key, fence):
    return int(redis_conn.hget(key, "fence") or 0) < fence


@wrong("20.2", "which counts as 0")
def late_after_nobody(redis_conn, key, fence):
    highest = redis_conn.hget(key, "fence")
    return highest is None or int(highest) > fence


@wrong("20.2", "it has changed what is in Redis")
def late_and_written(redis_conn, key, fence):
    late = int(redis_conn.hget(key, "fence") or 0) > fence
    redis_conn.hset(key, "fence", fence)
    return late


@wrong("20.2", "return True or False")
def late_as_number(redis_conn, key, fence):
    return 1 if int(redis_conn.hget(key, "fence") or 0) > fence else 0


# 20.3

FENCED = """
    local highest = tonumber(redis.call('HGET', KEYS[1], 'fence') or 0)
    if highest > tonumber(ARGV[2]) then return 0 end
    redis.call('HSET', KEYS[1], 'price', ARGV[1], 'fence', ARGV[2])
    return 1
"""


@right("20.3")
def price_by_registered_script(redis_conn, key, price, fence):
    return redis_conn.register_script(FENCED)(keys=[key], args=[price, fence]) == 1


@right("20.3")
def price_with_watch(redis_conn, key, price, fence):
    with redis_conn.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                if int(pipe.hget(key, "fence") or 0) > fence:
                    pipe.unwatch()
                    return False
                pipe.multi()
                pipe.hset(key, mapping={"price": price, "fence": fence})
                pipe.execute()
                return True
            except redis.WatchError:
                continue


@right("20.3")
def price_with_redis_pys_transaction(redis_conn, key, price, fence):
    def write(pipe):
        late = int(pipe.hget(key, "fence") or 0) > fence
        pipe.multi()
        if not late:
            pipe.hset(key, "fence", fence).hset(key, "price", price)

    return redis_conn.transaction(write, key) != []


@wrong("20.3", "wrote over its price")
def price_after_a_look(redis_conn, key, price, fence):
    if int(redis_conn.hget(key, "fence") or 0) > fence:
        return False
    redis_conn.hset(key, mapping={"price": price, "fence": fence})
    return True


@wrong("20.3", "wrote over its price")
def price_under_a_lock(redis_conn, key, price, fence):
    with redis_conn.lock(f"{key}:lock", timeout=10):
        return price_after_a_look(redis_conn, key, price, fence)


@wrong("20.3", "Look at how the fences are compared")
def price_with_fences_as_text(redis_conn, key, price, fence):
    return redis_conn.eval(FENCED.replace("tonumber", "tostring"), 1, key, price, fence) == 1


@wrong("20.3", "its own fence is not a higher one")
def price_once_a_fence(redis_conn, key, price, fence):
    return redis_conn.eval(FENCED.replace(">", ">="), 1, key, price, fence) == 1


@wrong("20.3", "customers pay an old price")
def price_of_the_last_to_come(redis_conn, key, price, fence):
    redis_conn.hset(key, mapping={"price": price, "fence": fence})
    return True


@wrong("20.3", "does not know who wrote last")
def price_without_fence(redis_conn, key, price, fence):
    return redis_conn.eval(FENCED.replace(", 'fence', ARGV[2])", ")"), 1, key, price, fence) == 1


@wrong("20.3", "a price that belongs to another fence")
def price_in_two_steps(redis_conn, key, price, fence):
    raise_fence = """
        if tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) > tonumber(ARGV[1]) then return 0 end
        redis.call('HSET', KEYS[1], 'fence', ARGV[1])
        return 1
    """
    store = """
        if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then return 1 end
        redis.call('HSET', KEYS[1], 'price', ARGV[1])
        return 1
    """
    return redis_conn.eval(raise_fence, 1, key, fence) == 1 and redis_conn.eval(store, 1, key, price, fence) == 1


@wrong("20.3", "was told that its price is stored")
def price_always_true(redis_conn, key, price, fence):
    redis_conn.eval(FENCED, 1, key, price, fence)
    return True


@wrong("20.3", "this fruit never gets a price")
def price_of_nobody_yet(redis_conn, key, price, fence):
    script = """
        local highest = redis.call('HGET', KEYS[1], 'fence')
        if not highest or tonumber(highest) > tonumber(ARGV[2]) then return 0 end
        redis.call('HSET', KEYS[1], 'price', ARGV[1], 'fence', ARGV[2])
        return 1
    """
    return redis_conn.eval(script, 1, key, price, fence) == 1


@wrong("20.3", "another price or another fence")
def price_in_whole_numbers(redis_conn, key, price, fence):
    return redis_conn.eval(FENCED, 1, key, int(price), fence) == 1


@wrong("20.3", "another price or another fence")
def price_in_a_new_hash(redis_conn, key, price, fence):
    script = FENCED.replace("redis.call('HSET'", "redis.call('DEL', KEYS[1]) redis.call('HSET'")
    return redis_conn.eval(script, 1, key, price, fence) == 1


def _price_watched(redis_conn, key, price, fence):
    with redis_conn.pipeline() as pipe:
        pipe.watch(key)
        if int(pipe.hget(key, "fence") or 0) > fence:
            return False
        pipe.multi()
        pipe.hset(key, mapping={"price": price, "fence": fence})
        pipe.execute()
        return True


@wrong("20.3", "only an older holder wrote meanwhile")
def price_that_gives_up(redis_conn, key, price, fence):
    try:
        return _price_watched(redis_conn, key, price, fence)
    except redis.WatchError:
        return False


@wrong("20.3", "the newest gave up")
def price_after_three_tries(redis_conn, key, price, fence):
    for _ in range(3):
        try:
            return _price_watched(redis_conn, key, price, fence)
        except redis.WatchError:
            continue
    return False


@wrong("20.3", "raised WatchError")
def price_that_raises(redis_conn, key, price, fence):
    return _price_watched(redis_conn, key, price, fence)


@wrong("20.3", "kept it to itself")
def price_without_errors(redis_conn, key, price, fence):
    try:
        return redis_conn.eval(FENCED, 1, key, price, fence) == 1
    except redis.RedisError:
        return False


# 20.4

RENEW = """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
    return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""


@right("20.4")
def renewal_by_registered_script(redis_conn, name, token, milliseconds):
    return redis_conn.register_script(RENEW)(keys=[name], args=[token, milliseconds]) == 1


@right("20.4")
def renewal_with_watch(redis_conn, name, token, milliseconds):
    def renew(pipe):
        own = pipe.get(name) == token
        pipe.multi()
        if own:
            pipe.pexpire(name, milliseconds)

    return redis_conn.transaction(renew, name) == [True]


@right("20.4")
def renewal_with_watch_that_gives_up(redis_conn, name, token, milliseconds):
    with redis_conn.pipeline() as pipe:
        try:
            pipe.watch(name)
            if pipe.get(name) != token:
                return False
            pipe.multi()
            pipe.pexpire(name, milliseconds)
            return pipe.execute()[0]
        except redis.WatchError:
            return False


@right("20.4")
def renewal_by_set(redis_conn, name, token, milliseconds):
    script = RENEW.replace(
        "return redis.call('PEXPIRE', KEYS[1], ARGV[2])", "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1"
    )
    return redis_conn.eval(script, 1, name, token, milliseconds) == 1


@wrong("20.4", "belongs to somebody else, or to nobody")
def renewal_of_any_lock(redis_conn, name, token, milliseconds):
    return redis_conn.pexpire(name, milliseconds) == 1


@wrong("20.4", "between two of your steps")
def renewal_after_a_look(redis_conn, name, token, milliseconds):
    return redis_conn.get(name) == token and redis_conn.pexpire(name, milliseconds)


@wrong("20.4", "does not last for `milliseconds`")
def renewal_in_seconds(redis_conn, name, token, milliseconds):
    return redis_conn.eval(RENEW.replace("PEXPIRE", "EXPIRE"), 1, name, token, milliseconds) == 1


@wrong("20.4", "belongs to somebody else, or to nobody")
def renewal_that_takes_it_again(redis_conn, name, token, milliseconds):
    script = """
        local holder = redis.call('GET', KEYS[1])
        if holder and holder ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1
    """
    return redis_conn.eval(script, 1, name, token, milliseconds) == 1


@wrong("20.4", "and it has not")
def renewal_always_true(redis_conn, name, token, milliseconds):
    redis_conn.eval(RENEW, 1, name, token, milliseconds)
    return True


@wrong("20.4", "as if it had got its reply")
def renewal_that_hides_a_loss(redis_conn, name, token, milliseconds):
    try:
        return redis_conn.eval(RENEW, 1, name, token, milliseconds) == 1
    except redis.ConnectionError:
        return False


@wrong("20.4", "return True or False")
def renewal_as_number(redis_conn, name, token, milliseconds):
    return redis_conn.eval(RENEW, 1, name, token, milliseconds)


# 20.5

LOOK = """
    if tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) > tonumber(ARGV[1]) then return false end
    redis.call('HSET', KEYS[1], 'fence', ARGV[1])
    return tonumber(redis.call('HGET', KEYS[1], 'crates'))
"""


@right("20.5")
def look_by_registered_script(redis_conn, key, fence):
    return redis_conn.register_script(LOOK)(keys=[key], args=[fence])


@right("20.5")
def look_with_watch(redis_conn, key, fence):
    with redis_conn.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                if int(pipe.hget(key, "fence") or 0) > fence:
                    return None
                pipe.multi()
                pipe.hset(key, "fence", fence)
                pipe.hget(key, "crates")
                return int(pipe.execute()[1])
            except redis.WatchError:
                continue


@wrong("20.5", "this holder may look")
def look_once_a_number(redis_conn, key, fence):
    return redis_conn.eval(LOOK.replace(">", ">="), 1, key, fence)


@wrong("20.5", "this holder may look")
def look_with_numbers_as_text(redis_conn, key, fence):
    as_text = "(redis.call('HGET', KEYS[1], 'fence') or '0') > ARGV[1]"
    script = LOOK.replace("tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) > tonumber(ARGV[1])", as_text)
    return redis_conn.eval(script, 1, key, fence)


@wrong("20.5", "the answer is 0, and None means too late")
def look_at_nothing_left(redis_conn, key, fence):
    return redis_conn.eval(LOOK, 1, key, fence) or None


@wrong("20.5", "a look must leave its number")
def look_without_a_trace(redis_conn, key, fence):
    return redis_conn.eval(LOOK.replace("redis.call('HSET', KEYS[1], 'fence', ARGV[1])", ""), 1, key, fence)


@wrong("20.5", "return how many crates there are")
def look_as_text(redis_conn, key, fence):
    return redis_conn.eval(
        LOOK.replace(
            "return tonumber(redis.call('HGET', KEYS[1], 'crates'))", "return redis.call('HGET', KEYS[1], 'crates')"
        ),
        1,
        key,
        fence,
    )


@wrong("20.5", "a higher number has looked or written already")
def look_of_anybody(redis_conn, key, fence):
    redis_conn.hset(key, "fence", fence)
    return int(redis_conn.hget(key, "crates"))


@wrong("20.5", "a higher number has looked or written already")
def look_zero_when_late(redis_conn, key, fence):
    return redis_conn.eval(LOOK.replace("return false", "return 0"), 1, key, fence)


@wrong("20.5", "two holders looked at once")
def look_in_python(redis_conn, key, fence):
    if int(redis_conn.hget(key, "fence") or 0) > fence:
        return None
    redis_conn.hset(key, "fence", fence)
    return int(redis_conn.hget(key, "crates"))
