"""Answers to the exercises of lesson 40."""

import redis
from redis.crc import key_slot

from tests.exercise_answers import right, wrong

# 40.1


def fill(redis_conn, cart, total, fruit, boxes, cents):
    pipe = redis_conn.pipeline(transaction=True)
    pipe.hincrby(cart, fruit, boxes)
    pipe.incrby(total, boxes * cents)
    pipe.execute()


@right("40.1")
def cart_with_plus(redis_conn, prefix, customer, fruit, boxes, cents):
    tag = "{" + str(customer) + "}"
    fill(redis_conn, prefix + "cart:" + tag, prefix + "total:" + tag, fruit, boxes, cents)


@right("40.1")
def cart_with_a_word_in_the_braces(redis_conn, prefix, customer, fruit, boxes, cents):
    cart = f"{prefix}cart:{{customer {customer}}}:fruit"
    total = f"{prefix}total:{{customer {customer}}}:cents"
    fill(redis_conn, cart, total, fruit, boxes, cents)


@right("40.1")
def cart_by_a_script(redis_conn, prefix, customer, fruit, boxes, cents):
    script = """
    redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
    redis.call('INCRBY', KEYS[2], ARGV[3])
    """
    tag = f"{{{customer}}}"
    redis_conn.eval(script, 2, f"{prefix}cart:{tag}", f"{prefix}total:{tag}", fruit, boxes, boxes * cents)


@wrong("40.1", "lie in two slots")
def cart_with_other_names(redis_conn, prefix, customer, fruit, boxes, cents):
    fill(redis_conn, f"{prefix}cart:c{customer}", f"{prefix}total:c{customer}", fruit, boxes, cents)


@wrong("40.1", "lie in two slots")
def cart_with_all_in_braces(redis_conn, prefix, customer, fruit, boxes, cents):
    cart = f"{prefix}cart:{{cart {customer}}}"
    fill(redis_conn, cart, f"{prefix}total:{{total {customer}}}", fruit, boxes, cents)


@wrong("40.1", "lie in two slots")
def cart_with_empty_braces(redis_conn, prefix, customer, fruit, boxes, cents):
    fill(redis_conn, f"{prefix}cart:{{}}{customer}", f"{prefix}total:{{}}{customer}", fruit, boxes, cents)


@wrong("40.1", "put fruit into the same cart")
def cart_with_two_braces(redis_conn, prefix, customer, fruit, boxes, cents):
    fill(redis_conn, f"{prefix}cart:{{customer}}", f"{prefix}total:{{customer}}", fruit, boxes, cents)


@wrong("40.1", "one node has all their work")
def cart_in_one_slot(redis_conn, prefix, customer, fruit, boxes, cents):
    fill(redis_conn, f"{prefix}cart:{{shop}}:{customer}", f"{prefix}total:{{shop}}:{customer}", fruit, boxes, cents)


@wrong("40.1", "one node has all their work")
def cart_in_two_slots(redis_conn, prefix, customer, fruit, boxes, cents):
    half = customer % 2
    fill(redis_conn, f"{prefix}cart:{{{half}}}:{customer}", f"{prefix}total:{{{half}}}:{customer}", fruit, boxes, cents)


@wrong("40.1", "one node has all their work")
def cart_by_the_first_digits(redis_conn, prefix, customer, fruit, boxes, cents):
    digits = str(customer)[:3]
    cart = f"{prefix}cart:{{{digits}}}:{customer}"
    fill(redis_conn, cart, f"{prefix}total:{{{digits}}}:{customer}", fruit, boxes, cents)


@wrong("40.1", "one node has all their work")
def cart_by_the_last_digits(redis_conn, prefix, customer, fruit, boxes, cents):
    digits = str(customer)[-3:]
    cart = f"{prefix}cart:{{{digits}}}:{customer}"
    fill(redis_conn, cart, f"{prefix}total:{{{digits}}}:{customer}", fruit, boxes, cents)


@wrong("40.1", "leave the transaction as it is")
def cart_without_transaction(redis_conn, prefix, customer, fruit, boxes, cents):
    redis_conn.hincrby(f"{prefix}cart:{{{customer}}}", fruit, boxes)
    redis_conn.incrby(f"{prefix}total:{{{customer}}}", boxes * cents)


@wrong("40.1", "two keys are wanted")
def cart_with_the_tag_first(redis_conn, prefix, customer, fruit, boxes, cents):
    fill(redis_conn, f"{prefix}{{{customer}}}:cart", f"{prefix}{{{customer}}}:total", fruit, boxes, cents)


# 40.2


@right("40.2")
def many_in_chunks(redis_conn, keys):
    values = []
    for begin in range(0, len(keys), 100):
        with redis_conn.pipeline(transaction=False) as pipe:
            for key in keys[begin : begin + 100]:
                pipe.get(key)
            values += pipe.execute()
    return values


@right("40.2")
def many_by_slot(redis_conn, keys):
    by_slot = {}
    for key in keys:
        by_slot.setdefault(key_slot(key.encode()), []).append(key)
    pipe = redis_conn.pipeline(transaction=False)
    for group in by_slot.values():
        pipe.mget(group)
    found = {}
    for group, values in zip(by_slot.values(), pipe.execute(), strict=True):
        found.update(zip(group, values, strict=True))
    return [found[key] for key in keys]


@wrong("40.2", "a cluster refuses this")
def many_by_mget(redis_conn, keys):
    return redis_conn.mget(keys) if keys else []


@wrong("40.2", "a cluster refuses this")
def many_in_a_transaction(redis_conn, keys):
    pipe = redis_conn.pipeline()
    for key in keys:
        pipe.get(key)
    return pipe.execute()


@wrong("40.2", "a cluster refuses this")
def many_by_a_script(redis_conn, keys):
    script = "local found = {} for i, key in ipairs(KEYS) do found[i] = redis.call('GET', key) end return found"
    return redis_conn.eval(script, len(keys), *keys)


@wrong("40.2", "a round trip of its own")
def many_one_by_one(redis_conn, keys):
    return [redis_conn.get(key) for key in keys]


@wrong("40.2", "a round trip of its own")
def many_by_slot_one_by_one(redis_conn, keys):
    by_slot = {}
    for key in keys:
        by_slot.setdefault(key_slot(key.encode()), []).append(key)
    found = {}
    for group in by_slot.values():
        found.update(zip(group, redis_conn.mget(group), strict=True))
    return [found[key] for key in keys]


@wrong("40.2", "in another order")
def many_sorted(redis_conn, keys):
    pipe = redis_conn.pipeline(transaction=False)
    for key in sorted(set(keys)):
        pipe.get(key)
    return pipe.execute()


@wrong("40.2", "the answer is None at its place")
def many_without_the_missing(redis_conn, keys):
    pipe = redis_conn.pipeline(transaction=False)
    for key in keys:
        pipe.get(key)
    return [value for value in pipe.execute() if value is not None]


@wrong("40.2", "the answer is a list")
def many_as_a_dict(redis_conn, keys):
    pipe = redis_conn.pipeline(transaction=False)
    for key in keys:
        pipe.get(key)
    return dict(zip(keys, pipe.execute(), strict=True))


@wrong("40.2", "must work with both clients")
def many_in_one_way_or_the_other(redis_conn, keys):
    if hasattr(redis_conn, "mget_nonatomic"):
        return redis_conn.mget_nonatomic(keys)
    return redis_conn.mget(keys) if keys else []


@wrong("40.2", "must work with both clients")
def many_after_an_error(redis_conn, keys):
    try:
        return redis_conn.mget(keys) if keys else []
    except redis.exceptions.RedisClusterException:
        return redis_conn.mget_nonatomic(keys)


@wrong("40.2", "must work with both clients")
def many_by_the_name_of_the_method(redis_conn, keys):
    try:
        return redis_conn.mget_nonatomic(keys)
    except AttributeError:
        return redis_conn.mget(keys) if keys else []


@wrong("40.2", "AttributeError")
def many_nonatomic(redis_conn, keys):
    return redis_conn.mget_nonatomic(keys)


@wrong("40.2", "kept it to itself")
def many_without_errors(redis_conn, keys):
    pipe = redis_conn.pipeline(transaction=False)
    for key in keys:
        pipe.get(key)
    try:
        return pipe.execute()
    except redis.RedisError:
        return [None for _ in keys]


# 40.3

SELL = """
    if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end
    redis.call('DECR', KEYS[1])
    redis.call('INCR', KEYS[2])
    return 1
"""


@right("40.3")
def box_by_registered_script(redis_conn, prefix, fruit):
    keys = [prefix + "stock:{" + fruit + "}", prefix + "sold:{" + fruit + "}"]
    return redis_conn.register_script(SELL)(keys=keys)


@right("40.3")
def box_with_the_keys_turned_round(redis_conn, prefix, fruit):
    script = SELL.replace("KEYS[1]", "KEYS[3]").replace("KEYS[2]", "KEYS[1]").replace("KEYS[3]", "KEYS[2]")
    return redis_conn.eval(script, 2, f"{prefix}sold:{{{fruit}}}", f"{prefix}stock:{{{fruit}}}")


@right("40.3")
def box_with_watch(redis_conn, prefix, fruit):
    stock, sold = f"{prefix}stock:{{{fruit}}}", f"{prefix}sold:{{{fruit}}}"
    with redis_conn.pipeline() as pipe:
        while True:
            try:
                pipe.watch(stock)
                if int(pipe.get(stock) or 0) < 1:
                    return 0
                pipe.multi()
                pipe.decr(stock)
                pipe.incr(sold)
                pipe.execute()
                return 1
            except redis.WatchError:
                continue


BUILDS = """
    local stock = ARGV[1] .. 'stock:{' .. ARGV[2] .. '}'
    local sold = ARGV[1] .. 'sold:{' .. ARGV[2] .. '}'
    if tonumber(redis.call('GET', stock) or 0) < 1 then return 0 end
    redis.call('DECR', stock)
    redis.call('INCR', sold)
    return 1
"""


@wrong("40.3", "sent to any node")
def box_without_keys(redis_conn, prefix, fruit):
    return redis_conn.eval(BUILDS, 0, prefix, fruit)


@wrong("40.3", "sent to any node")
def box_with_one_key(redis_conn, prefix, fruit):
    return redis_conn.eval(BUILDS, 1, f"{prefix}stock:{{{fruit}}}", prefix, fruit)


@wrong("40.3", "lie in two slots")
def box_without_braces(redis_conn, prefix, fruit):
    return redis_conn.eval(SELL, 2, f"{prefix}stock:{fruit}", f"{prefix}sold:{fruit}")


@wrong("40.3", "lie in two slots")
def box_with_braces_once(redis_conn, prefix, fruit):
    return redis_conn.eval(SELL, 2, f"{prefix}stock:{{{fruit}}}", f"{prefix}sold:{fruit}")


@wrong("40.3", "one must leave the stock")
def box_with_the_word_fruit(redis_conn, prefix, fruit):
    return redis_conn.eval(SELL, 2, f"{prefix}stock:{{fruit}}", f"{prefix}sold:{{fruit}}")


@wrong("40.3", "a box is sold twice")
def box_in_python(redis_conn, prefix, fruit):
    stock, sold = f"{prefix}stock:{{{fruit}}}", f"{prefix}sold:{{{fruit}}}"
    if int(redis_conn.get(stock) or 0) < 1:
        return 0
    pipe = redis_conn.pipeline(transaction=True)
    pipe.decr(stock)
    pipe.incr(sold)
    pipe.execute()
    return 1


@wrong("40.3", "one of them was told that nothing is left")
def box_given_up_after_a_watch_error(redis_conn, prefix, fruit):
    stock, sold = f"{prefix}stock:{{{fruit}}}", f"{prefix}sold:{{{fruit}}}"
    with redis_conn.pipeline() as pipe:
        pipe.watch(stock)
        if int(pipe.get(stock) or 0) < 1:
            return 0
        pipe.multi()
        pipe.decr(stock)
        pipe.incr(sold)
        try:
            pipe.execute()
        except redis.WatchError:
            return 0
        return 1


@wrong("40.3", "no number may change")
def box_below_zero(redis_conn, prefix, fruit):
    script = "redis.call('DECR', KEYS[1]) redis.call('INCR', KEYS[2]) return 1"
    return redis_conn.eval(script, 2, f"{prefix}stock:{{{fruit}}}", f"{prefix}sold:{{{fruit}}}")


@wrong("40.3", "the answer is 1")
def box_without_an_answer(redis_conn, prefix, fruit):
    redis_conn.eval(SELL, 2, f"{prefix}stock:{{{fruit}}}", f"{prefix}sold:{{{fruit}}}")


# 40.4


@right("40.4")
def name_by_a_read_in_one_step(redis_conn, old, new):
    fields, left = redis_conn.pipeline().hgetall(old).pttl(old).execute()
    if not fields:
        return False
    redis_conn.pipeline().delete(new).hset(new, mapping=fields).pexpire(new, left).execute()
    redis_conn.unlink(old)
    return True


@right("40.4")
def name_by_a_script_for_the_new_key(redis_conn, old, new):
    fields, left = redis_conn.pipeline().hgetall(old).pttl(old).execute()
    if not fields:
        return False
    words = [word for pair in fields.items() for word in pair]
    script = """
    redis.call('HSET', KEYS[1], unpack(ARGV, 2))
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    """
    redis_conn.eval(script, 1, new, left, *words)
    redis_conn.delete(old)
    return True


@right("40.4")
def name_by_two_reads_field_by_field(redis_conn, old, new):
    left = redis_conn.pttl(old)
    fields = redis_conn.hgetall(old)
    if left <= 0 or not fields:
        return False
    with redis_conn.pipeline(transaction=True) as pipe:
        for name, value in fields.items():
            pipe.hset(new, name, value)
        pipe.pexpire(new, left)
        pipe.execute()
    redis_conn.delete(old)
    return True


@right("40.4")
def name_in_whole_seconds(redis_conn, old, new):
    fields = redis_conn.hgetall(old)
    seconds = redis_conn.ttl(old)
    if fields == {} or seconds < 0:
        return False
    pipe = redis_conn.pipeline()
    pipe.hset(new, mapping=fields)
    pipe.expire(new, seconds)
    pipe.execute()
    redis_conn.delete(old)
    return True


@wrong("40.4", "nobody can log in")
def name_by_rename(redis_conn, old, new):
    if not redis_conn.exists(old):
        return False
    redis_conn.rename(old, new)
    return True


@wrong("40.4", "nobody can log in")
def name_in_one_transaction(redis_conn, old, new):
    fields, left = redis_conn.pipeline().hgetall(old).pttl(old).execute()
    if not fields:
        return False
    redis_conn.pipeline().hset(new, mapping=fields).pexpire(new, left).delete(old).execute()
    return True


@wrong("40.4", "would have ended under the old one")
def name_without_end(redis_conn, old, new):
    fields = redis_conn.hgetall(old)
    if not fields:
        return False
    redis_conn.hset(new, mapping=fields)
    redis_conn.delete(old)
    return True


@wrong("40.4", "would have ended under the old one")
def name_with_an_hour(redis_conn, old, new):
    fields = redis_conn.hgetall(old)
    if not fields:
        return False
    redis_conn.pipeline().hset(new, mapping=fields).expire(new, 3600).execute()
    redis_conn.delete(old)
    return True


@wrong("40.4", "the old name still works")
def name_beside_the_old_one(redis_conn, old, new):
    fields, left = redis_conn.pipeline().hgetall(old).pttl(old).execute()
    if not fields:
        return False
    redis_conn.pipeline().hset(new, mapping=fields).pexpire(new, left).execute()
    return True


@wrong("40.4", "the customer's cart is lost")
def name_deleted_first(redis_conn, old, new):
    fields, left = redis_conn.pipeline().hgetall(old).pttl(old).execute()
    if not fields:
        return False
    redis_conn.delete(old)
    redis_conn.pipeline().hset(new, mapping=fields).pexpire(new, left).execute()
    return True


@wrong("40.4", "the customer's cart is lost")
def name_in_two_steps(redis_conn, old, new):
    fields, left = redis_conn.pipeline().hgetall(old).pttl(old).execute()
    if not fields:
        return False
    redis_conn.hset(new, mapping=fields)
    redis_conn.pexpire(new, left)
    redis_conn.delete(old)
    return True


@wrong("40.4", "the answer is False")
def name_always_true(redis_conn, old, new):
    fields, left = redis_conn.pipeline().hgetall(old).pttl(old).execute()
    if fields:
        redis_conn.pipeline().hset(new, mapping=fields).pexpire(new, left).execute()
        redis_conn.delete(old)
    return True


@wrong("40.4", "raised")
def name_of_a_session_that_ends(redis_conn, old, new):
    if not redis_conn.exists(old):
        return False
    left = redis_conn.pttl(old)
    fields = redis_conn.hgetall(old)
    redis_conn.pipeline().hset(new, mapping=fields).pexpire(new, left).execute()
    redis_conn.delete(old)
    return True
