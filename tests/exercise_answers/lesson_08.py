"""Answers to the exercises of lesson 08."""

import redis

from tests.exercise_answers import right, wrong

# 8.1


@right("8.1")
def lock_by_the_commands_own_words(redis_conn, name, token, milliseconds):
    return redis_conn.execute_command("SET", name, token, "PX", milliseconds, "NX") is True


@right("8.1")
def lock_by_script(redis_conn, name, token, milliseconds):
    script = "return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0"
    return redis_conn.eval(script, 1, name, token, milliseconds) == 1


@wrong("8.1", "the lock has no TTL")
def lock_without_end(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, nx=True))


@wrong("8.1", "EX counts seconds, PX milliseconds")
def lock_for_seconds(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, nx=True, ex=milliseconds))


@wrong("8.1", "SET replaces what is there unless NX")
def lock_that_takes_away(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, px=milliseconds))


@wrong("8.1", "the answer is True")
def lock_only_if_taken(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, xx=True, px=milliseconds))


@wrong("8.1", "left a lock that never ends")
def lock_and_then_its_end(redis_conn, name, token, milliseconds):
    taken = bool(redis_conn.set(name, token, nx=True))
    if taken:
        redis_conn.pexpire(name, milliseconds)
    return taken


@wrong("8.1", "its clock is not yours to wind")
def lock_that_winds_anybodys_clock(redis_conn, name, token, milliseconds):
    return redis_conn.pipeline().set(name, token, nx=True).pexpire(name, milliseconds).execute()[0] is True


@wrong("8.1", "must hold the token")
def lock_without_token(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, "locked", nx=True, px=milliseconds))


# 8.2

COMPARE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end"


@right("8.2")
def release_by_registered_script(redis_conn, name, token):
    return bool(redis_conn.register_script(COMPARE)(keys=[name], args=[token]))


@right("8.2")
def release_with_watch(redis_conn, name, token):
    with redis_conn.pipeline() as pipe:
        try:
            pipe.watch(name)
            if pipe.get(name) != token:
                return False
            pipe.multi()
            pipe.delete(name)
            pipe.execute()
        except redis.WatchError:
            return False
    return True


@wrong("8.2", "B's lock was released by A")
def release_any(redis_conn, name, token):
    return redis_conn.unlink(name) == 1


@wrong("8.2", "comparing and deleting must be one step")
def release_after_a_look(redis_conn, name, token):
    if redis_conn.get(name) != token:
        return False
    return redis_conn.delete(name) == 1


@wrong("8.2", "comparing and deleting must be one step")
def release_in_a_transaction_after_a_look(redis_conn, name, token):
    mine = redis_conn.get(name) == token
    if mine:
        redis_conn.pipeline().delete(name).execute()
    return mine


@wrong("8.2", "so the answer is True")
def release_without_a_word(redis_conn, name, token):
    redis_conn.eval(COMPARE, 1, name, token)


@wrong("8.2", "the answer is True")
def release_with_a_number(redis_conn, name, token):
    return redis_conn.eval(COMPARE, 1, name, token)


@wrong("8.2", "it must be free now")
def release_with_the_arguments_swapped(redis_conn, name, token):
    return redis_conn.eval(COMPARE.replace("==", "~="), 1, name, token) == 1


# 8.3

FENCED = """
    local highest = tonumber(redis.call('HGET', KEYS[1], 'fence') or 0)
    if highest > tonumber(ARGV[2]) then return 0 end
    redis.call('HSET', KEYS[1], 'price', ARGV[1], 'fence', ARGV[2])
    return 1
"""


@right("8.3")
def price_by_registered_script(redis_conn, key, price, fence):
    return redis_conn.register_script(FENCED)(keys=[key], args=[price, fence]) == 1


@right("8.3")
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


@wrong("8.3", "look and write must be one step")
def price_after_a_look(redis_conn, key, price, fence):
    if int(redis_conn.hget(key, "fence") or 0) > fence:
        return False
    redis_conn.hset(key, mapping={"price": price, "fence": fence})
    return True


@wrong("8.3", "Compare numbers")
def price_with_fences_as_text(redis_conn, key, price, fence):
    return redis_conn.eval(FENCED.replace("tonumber", "tostring"), 1, key, price, fence) == 1


@wrong("8.3", "the same fence is not late")
def price_once_a_fence(redis_conn, key, price, fence):
    return redis_conn.eval(FENCED.replace(">", ">="), 1, key, price, fence) == 1


@wrong("8.3", "was let overwrite a newer")
def price_of_the_last_to_come(redis_conn, key, price, fence):
    redis_conn.hset(key, mapping={"price": price, "fence": fence})
    return True


@wrong("8.3", "store the fence too")
def price_without_fence(redis_conn, key, price, fence):
    return redis_conn.eval(FENCED.replace(", 'fence', ARGV[2])", ")"), 1, key, price, fence) == 1


@wrong("8.3", "both fields belong into one HSET")
def price_in_two_steps(redis_conn, key, price, fence):
    raise_fence = """
        if tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) > tonumber(ARGV[1]) then return 0 end
        redis.call('HSET', KEYS[1], 'fence', ARGV[1])
        return 1
    """
    store = """
        if tonumber(redis.call('HGET', KEYS[1], 'fence')) > tonumber(ARGV[2]) then return 0 end
        redis.call('HSET', KEYS[1], 'price', ARGV[1])
        return 1
    """
    return redis_conn.eval(raise_fence, 1, key, fence) == 1 and redis_conn.eval(store, 1, key, price, fence) == 1


@wrong("8.3", "so the answer is False")
def price_always_true(redis_conn, key, price, fence):
    redis_conn.eval(FENCED, 1, key, price, fence)
    return True


# 8.4

SELL = """
    if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end
    redis.call('DECR', KEYS[1])
    redis.call('RPUSH', KEYS[2], ARGV[1])
    return 1
"""


@right("8.4")
def sell_by_registered_script(redis_conn, stock_key, sales_key, buyer):
    return bool(redis_conn.register_script(SELL)(keys=[stock_key, sales_key], args=[buyer]))


@right("8.4")
def sell_with_watch(redis_conn, stock_key, sales_key, buyer):
    def take(pipe):
        crates = int(pipe.get(stock_key) or 0)
        pipe.multi()
        if crates > 0:
            pipe.decr(stock_key).rpush(sales_key, buyer)

    return len(redis_conn.transaction(take, stock_key)) == 2


@wrong("8.4", "it was sold twice")
def sell_after_a_look(redis_conn, stock_key, sales_key, buyer):
    if int(redis_conn.get(stock_key) or 0) < 1:
        return False
    redis_conn.pipeline().decr(stock_key).rpush(sales_key, buyer).execute()
    return True


@wrong("8.4", "the stock stood below zero")
def sell_and_put_back(redis_conn, stock_key, sales_key, buyer):
    if redis_conn.decr(stock_key) < 0:
        redis_conn.incr(stock_key)
        return False
    redis_conn.rpush(sales_key, buyer)
    return True


@wrong("8.4", "a crate left the stock without its buyer")
def sell_in_two_steps(redis_conn, stock_key, sales_key, buyer):
    script = "if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end redis.call('DECR', KEYS[1]) return 1"
    sold = redis_conn.eval(script, 1, stock_key) == 1
    if sold:
        redis_conn.rpush(sales_key, buyer)
    return sold


@wrong("8.4", "the stock must stay at 0")
def sell_what_is_not_there(redis_conn, stock_key, sales_key, buyer):
    redis_conn.pipeline().decr(stock_key).rpush(sales_key, buyer).execute()
    return True


@wrong("8.4", "at the end of the list")
def sell_at_the_front(redis_conn, stock_key, sales_key, buyer):
    return redis_conn.eval(SELL.replace("RPUSH", "LPUSH"), 2, stock_key, sales_key, buyer) == 1


@wrong("8.4", "must be told True")
def sell_and_give_up_when_watched(redis_conn, stock_key, sales_key, buyer):
    with redis_conn.pipeline() as pipe:
        pipe.watch(stock_key)
        if int(pipe.get(stock_key) or 0) < 1:
            return False
        pipe.multi()
        pipe.decr(stock_key).rpush(sales_key, buyer)
        try:
            pipe.execute()
        except redis.WatchError:
            return False
    return True


@wrong("8.4", "must be at the end of the list of sales")
def sell_without_a_note(redis_conn, stock_key, sales_key, buyer):
    return (
        redis_conn.eval(SELL.replace("redis.call('RPUSH', KEYS[2], ARGV[1])", ""), 2, stock_key, sales_key, buyer) == 1
    )
