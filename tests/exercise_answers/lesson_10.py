"""Answers to the exercises of lesson 10."""

import contextlib
import json
import time

import redis

from tests.exercise_answers import right, wrong

# 10.1


@right("10.1")
def slid_in_a_transaction(redis_conn, key, idle):
    fields, _ = redis_conn.pipeline().hgetall(key).pexpire(key, 1000 * idle).execute()
    return fields or None


@right("10.1")
def slid_by_a_script(redis_conn, key, idle):
    script = "redis.call('EXPIRE', KEYS[1], ARGV[1]) return redis.call('HGETALL', KEYS[1])"
    flat = redis_conn.eval(script, 1, key, idle)
    return dict(zip(flat[::2], flat[1::2], strict=True)) or None


@right("10.1")
def slid_with_expire_first(redis_conn, key, idle):
    there, fields = redis_conn.pipeline().expire(key, idle).hgetall(key).execute()
    return fields if there else None


@wrong("10.1", "the visit did not renew the TTL")
def only_read(redis_conn, key, idle):
    (fields,) = redis_conn.pipeline(transaction=False).hgetall(key).execute()
    return fields or None


@wrong("10.1", "can travel together")
def slid_in_two_round_trips(redis_conn, key, idle):
    fields = redis_conn.hgetall(key)
    redis_conn.expire(key, idle)
    return fields or None


@wrong("10.1", "execute() answers with a list")
def all_replies(redis_conn, key, idle):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.hgetall(key)
        pipe.expire(key, idle)
        fields = pipe.execute()
    return fields or None


@wrong("10.1", "the replies come from its execute()")
def read_from_the_pipeline(redis_conn, key, idle):
    with redis_conn.pipeline(transaction=False) as pipe:
        fields = pipe.hgetall(key)
        pipe.expire(key, idle)
        pipe.execute()
    return fields or None


@wrong("10.1", "This call sent no command")
def never_executed(redis_conn, key, idle):
    fields, _ = redis_conn.pipeline(transaction=False).hgetall(key), redis_conn.pipeline().expire(key, idle)
    return fields or None


@wrong("10.1", "a session that has expired has no fields: return None")
def empty_session(redis_conn, key, idle):
    return redis_conn.pipeline().hgetall(key).expire(key, idle).execute()[0]


@wrong("10.1", "reading must not change a field")
def notes_the_visit(redis_conn, key, idle):
    fields, _, _ = redis_conn.pipeline().hgetall(key).hset(key, "seen", int(time.time())).expire(key, idle).execute()
    return fields or None


@right("10.1")
def slid_by_a_registered_script(redis_conn, key, idle):
    script = """
        redis.call('PEXPIRE', KEYS[1], 1000 * ARGV[1])
        return redis.call('HGETALL', KEYS[1])
    """
    flat = redis_conn.register_script(script)([key], [idle])
    return dict(zip(flat[::2], flat[1::2], strict=True)) if flat else None


@right("10.1")
def slid_to_a_time_of_the_clock(redis_conn, key, idle):
    fields, _ = redis_conn.pipeline().hgetall(key).expireat(key, int(time.time()) + idle).execute()
    return fields or None


@wrong("10.1", "right neither for before nor for afterwards")
def there_a_moment_ago(redis_conn, key, idle):
    there, fields = redis_conn.pipeline(transaction=False).expire(key, idle).hgetall(key).execute()
    return fields if there else None


@wrong("10.1", "ends too early, each time")
def a_second_short(redis_conn, key, idle):
    fields, _ = redis_conn.pipeline().hgetall(key).expire(key, idle - 1).execute()
    return fields or None


@wrong("10.1", "TTL is longer than it should be")
def never_shorter(redis_conn, key, idle):
    fields, _ = redis_conn.pipeline().hgetall(key).expire(key, idle, gt=True).execute()
    return fields or None


@wrong("10.1", "return the fields of the session")
def some_fields(redis_conn, key, idle):
    names = ["ends", "user", "cart:banana"]
    values, _ = redis_conn.pipeline().hmget(key, names).expire(key, idle).execute()
    fields = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return fields or None


@wrong("10.1", "return the fields of the session")
def its_last_second_does_not_count(redis_conn, key, idle):
    script = """
        if redis.call('TTL', KEYS[1]) <= 0 then return {} end
        redis.call('EXPIRE', KEYS[1], ARGV[1])
        return redis.call('HGETALL', KEYS[1])
    """
    flat = redis_conn.eval(script, 1, key, idle)
    return dict(zip(flat[::2], flat[1::2], strict=True)) or None


@wrong("10.1", "your function kept it to itself")
def errors_are_no_session(redis_conn, key, idle):
    try:
        fields, _ = redis_conn.pipeline().hgetall(key).expire(key, idle).execute()
    except redis.RedisError:
        return None
    return fields or None


# 10.2


@right("10.2")
def moved_by_a_script(redis_conn, old_key, new_key, user, idle):
    script = """
        redis.call('HSET', KEYS[1], 'user', ARGV[1])
        redis.call('RENAME', KEYS[1], KEYS[2])
        redis.call('EXPIRE', KEYS[2], ARGV[2])
    """
    redis_conn.eval(script, 2, old_key, new_key, user, idle)
    return new_key


@wrong("10.2", "ended between two of your commands, and")
def moved_if_it_is_there(redis_conn, old_key, new_key, user, idle):
    if redis_conn.exists(old_key):
        redis_conn.rename(old_key, new_key)
    redis_conn.pipeline().hset(new_key, "user", user).expire(new_key, idle).execute()
    return new_key


@wrong("10.2", "put an apple into the cart")
def copied_in_a_transaction(redis_conn, old_key, new_key, user, idle):
    fields = redis_conn.hgetall(old_key)
    with redis_conn.pipeline() as pipe:
        pipe.unlink(old_key)
        pipe.hset(new_key, mapping=fields | {"user": user})
        pipe.expire(new_key, idle)
        pipe.execute()
    return new_key


@wrong("10.2", "whoever planted that id")
def logged_in_under_both(redis_conn, old_key, new_key, user, idle):
    with redis_conn.pipeline() as pipe:
        for key in (old_key, new_key):
            pipe.hset(key, "user", user)
            pipe.expire(key, idle)
        pipe.execute()
    return new_key


@wrong("10.2", "the cart was lost")
def logged_in_with_an_empty_cart(redis_conn, old_key, new_key, user, idle):
    redis_conn.pipeline().delete(old_key).hset(new_key, "user", user).expire(new_key, idle).execute()
    return new_key


@wrong("10.2", "the old id still opens a session")
def copied_and_left(redis_conn, old_key, new_key, user, idle):
    fields = redis_conn.hgetall(old_key)
    redis_conn.pipeline().hset(new_key, mapping=fields | {"user": user}).expire(new_key, idle).execute()
    return new_key


@wrong("10.2", "is logged in under the old id")
def user_first_then_moved(redis_conn, old_key, new_key, user, idle):
    redis_conn.hset(old_key, "user", user)
    redis_conn.rename(old_key, new_key)
    redis_conn.expire(new_key, idle)
    return new_key


@wrong("10.2", "RENAME answered 'no such key'")
def moved_first(redis_conn, old_key, new_key, user, idle):
    redis_conn.rename(old_key, new_key)
    redis_conn.pipeline().hset(new_key, "user", user).expire(new_key, idle).execute()
    return new_key


@wrong("10.2", "RENAME answered 'no such key'")
def moved_first_in_a_transaction(redis_conn, old_key, new_key, user, idle):
    redis_conn.pipeline().rename(old_key, new_key).hset(new_key, "user", user).expire(new_key, idle).execute()
    return new_key


@wrong("10.2", "not have the idle seconds")
def moved_with_its_old_clock(redis_conn, old_key, new_key, user, idle):
    redis_conn.pipeline().hset(old_key, "user", user).rename(old_key, new_key).execute()
    return new_key


@wrong("10.2", "left one that never ends")
def fresh_in_two_commands(redis_conn, old_key, new_key, user, idle):
    if redis_conn.exists(old_key):
        return moved_if_it_is_there(redis_conn, old_key, new_key, user, idle)
    redis_conn.hset(new_key, "user", user)
    redis_conn.expire(new_key, idle)
    return new_key


@wrong("10.2", "return the key under which the session is now")
def says_nothing(redis_conn, old_key, new_key, user, idle):
    redis_conn.pipeline().hset(old_key, "user", user).rename(old_key, new_key).expire(new_key, idle).execute()


@right("10.2")
def moved_under_guard(redis_conn, old_key, new_key, user, idle):
    def move(pipe):
        there = pipe.exists(old_key)
        pipe.multi()
        if there:
            pipe.rename(old_key, new_key)
        pipe.hset(new_key, "user", user)
        pipe.expire(new_key, idle)

    redis_conn.transaction(move, old_key)
    return new_key


@right("10.2")
def copied_under_guard(redis_conn, old_key, new_key, user, idle):
    with redis_conn.pipeline() as pipe:
        while True:
            pipe.watch(old_key)
            fields = pipe.hgetall(old_key)
            pipe.multi()
            pipe.delete(old_key)
            pipe.hset(new_key, mapping={**fields, "user": user})
            pipe.expire(new_key, idle)
            try:
                pipe.execute()
                return new_key
            except redis.WatchError:
                continue


@right("10.2")
def moved_by_a_script_that_looks(redis_conn, old_key, new_key, user, idle):
    sha = redis_conn.script_load("""
        if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAME', KEYS[1], KEYS[2]) end
        redis.call('HSET', KEYS[2], 'user', ARGV[1])
        redis.call('PEXPIRE', KEYS[2], 1000 * ARGV[2])
    """)
    redis_conn.evalsha(sha, 2, old_key, new_key, user, idle)
    return new_key


@wrong("10.2", "seems to be logged in, and is not")
def any_error_is_an_expired_session(redis_conn, old_key, new_key, user, idle):
    with contextlib.suppress(redis.ResponseError):
        redis_conn.pipeline().rename(old_key, new_key).hset(new_key, "user", user).expire(new_key, idle).execute()
    return new_key


@wrong("10.2", "the customer's cart is lost")
def deleted_before_it_is_stored(redis_conn, old_key, new_key, user, idle):
    fields = redis_conn.hgetall(old_key)
    redis_conn.delete(old_key)
    redis_conn.pipeline().hset(new_key, mapping={**fields, "user": user}).expire(new_key, idle).execute()
    return new_key


@wrong("10.2", "left a session that never ends")
def copied_and_then_given_an_end(redis_conn, old_key, new_key, user, idle):
    fields = redis_conn.hgetall(old_key)
    redis_conn.hset(new_key, mapping={**fields, "user": user})
    redis_conn.pipeline().expire(new_key, idle).delete(old_key).execute()
    return new_key


@wrong("10.2", "ends too early, each time")
def logged_in_for_a_second_less(redis_conn, old_key, new_key, user, idle):
    redis_conn.pipeline().hset(old_key, "user", user).rename(old_key, new_key).expire(new_key, idle - 1).execute()
    return new_key


@wrong("10.2", "a key that nobody asked for")
def remembers_where_it_went(redis_conn, old_key, new_key, user, idle):
    pipe = redis_conn.pipeline().hset(old_key, "user", user).rename(old_key, new_key).expire(new_key, idle)
    pipe.set(old_key + ":moved", new_key, ex=idle).execute()
    return new_key


# 10.3


@right("10.3")
def ended_one_by_one(redis_conn, index, prefix, keep):
    ended = 0
    for sid in redis_conn.zrange(index, 0, -1):
        if sid != keep:
            ended += redis_conn.delete(prefix + sid)
            redis_conn.zrem(index, sid)
    return ended


@right("10.3")
def ended_by_a_script(redis_conn, index, prefix, keep):
    script = """
        local ended = 0
        for _, sid in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
            if sid ~= ARGV[2] then
                ended = ended + redis.call('DEL', ARGV[1] .. sid)
                redis.call('ZREM', KEYS[1], sid)
            end
        end
        return ended
    """
    return redis_conn.eval(script, 1, index, prefix, keep)


def others(redis_conn, index, keep):
    return [sid for sid in redis_conn.zrange(index, 0, -1) if sid != keep]


@wrong("10.3", "No name of a key was given")
def without_a_look_at_none(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    return redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()[0]


@wrong("10.3", "was logged out as well")
def everybody_out(redis_conn, index, prefix, keep):
    ended = redis_conn.unlink(*[prefix + sid for sid in redis_conn.zrange(index, 0, -1)])
    redis_conn.delete(index)
    return ended


@wrong("10.3", "the index must name the session that stays")
def sessions_only(redis_conn, index, prefix, keep):
    return redis_conn.unlink(*[prefix + sid for sid in others(redis_conn, index, keep)])


@wrong("10.3", "it was Paolo's")
def by_prefix(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    keys = [key for key in redis_conn.scan_iter(match=prefix + "*") if key != prefix + keep]
    return redis_conn.pipeline().unlink(*keys).zrem(index, *ids).execute()[0]


@wrong("10.3", "the index lost its TTL")
def index_made_anew(redis_conn, index, prefix, keep):
    ids, score = others(redis_conn, index, keep), redis_conn.zscore(index, keep)
    ended = redis_conn.unlink(*[prefix + sid for sid in ids])
    redis_conn.pipeline().delete(index).zadd(index, {keep: score}).execute()
    return ended


@wrong("10.3", "one that had expired does not count")
def counts_the_ids(redis_conn, index, prefix, keep):
    if ids := others(redis_conn, index, keep):
        redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()
    return len(ids)


@wrong("10.3", "a session lives on that the index has forgotten")
def index_first(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    if not ids:
        return 0
    redis_conn.zrem(index, *ids)
    return redis_conn.unlink(*[prefix + sid for sid in ids])


@wrong("10.3", "the index has forgotten it")
def index_emptied_by_score(redis_conn, index, prefix, keep):
    ids, score, left = others(redis_conn, index, keep), redis_conn.zscore(index, keep), redis_conn.pttl(index)
    if not ids:
        return 0
    ended = redis_conn.unlink(*[prefix + sid for sid in ids])
    pipe = redis_conn.pipeline().zremrangebyscore(index, "-inf", "+inf")
    if score is not None:
        pipe.zadd(index, {keep: score}).pexpire(index, left)
    pipe.execute()
    return ended


@right("10.3")
def ended_by_expire(redis_conn, index, prefix, keep):
    ended = 0
    for sid, _ in list(redis_conn.zscan_iter(index)):
        if sid != keep:
            ended += bool(redis_conn.pexpire(prefix + sid, 0))
            redis_conn.zrem(index, sid)
    return int(ended)


@right("10.3")
def counted_in_a_transaction(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    pipe = redis_conn.pipeline()
    for sid in ids:
        pipe.delete(prefix + sid).zrem(index, sid)
    return sum(pipe.execute()[::2])


@right("10.3")
def sessions_first_without_a_transaction(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    if not ids:
        return 0
    return redis_conn.pipeline(transaction=False).unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()[0]


@wrong("10.3", "the index has forgotten it")
def index_deleted_and_made_anew(redis_conn, index, prefix, keep):
    ids, score, left = others(redis_conn, index, keep), redis_conn.zscore(index, keep), redis_conn.pttl(index)
    if not ids:
        return 0
    pipe = redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).delete(index)
    if score is not None:
        pipe.zadd(index, {keep: score}).pexpire(index, left)
    return pipe.execute()[0]


@wrong("10.3", "still logged in")
def ten_at_most(redis_conn, index, prefix, keep):
    ids = [sid for sid in redis_conn.zrange(index, 0, 9) if sid != keep]
    if not ids:
        return 0
    return redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()[0]


@wrong("10.3", "still logged in")
def ids_that_look_like_it_stay(redis_conn, index, prefix, keep):
    ids = [sid for sid in redis_conn.zrange(index, 0, -1) if not sid.startswith(keep)]
    if not ids:
        return 0
    return redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()[0]


@wrong("10.3", "the thief is still logged in, and nobody knows")
def nobody_to_log_out(redis_conn, index, prefix, keep):
    try:
        ids = others(redis_conn, index, keep)
        return redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()[0]
    except redis.RedisError:
        return 0


@wrong("10.3", "how many sessions were there and are gone")
def says_whether(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    if ids:
        redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()
    return bool(ids)


@wrong("10.3", "a session lives on that the index has forgotten")
def popped(redis_conn, index, prefix, keep):
    ended, kept, left = 0, None, redis_conn.pttl(index)
    for sid, score in redis_conn.zpopmin(index, 1000):
        if sid == keep:
            kept = score
        else:
            ended += redis_conn.unlink(prefix + sid)
    if kept is not None:
        redis_conn.pipeline().zadd(index, {keep: kept}).pexpire(index, left).execute()
    return ended


# 10.4


@right("10.4")
def alive_by_a_script(redis_conn, key, fruit, crates, idle):
    script = """
        if redis.call('EXISTS', KEYS[1]) == 0 then return nil end
        redis.call('EXPIRE', KEYS[1], ARGV[3])
        return redis.call('HINCRBY', KEYS[1], 'cart:' .. ARGV[1], ARGV[2])
    """
    return redis_conn.eval(script, 1, key, fruit, crates, idle)


@right("10.4")
def alive_by_a_helper_of_redis_py(redis_conn, key, fruit, crates, idle):
    def add(pipe):
        alive = pipe.hexists(key, "ends")
        pipe.multi()
        if alive:
            pipe.hincrby(key, f"cart:{fruit}", crates)
            pipe.expire(key, idle)

    replies = redis_conn.transaction(add, key)
    return replies[0] if replies else None


@wrong("10.4", "made a new one: a ghost")
def added_without_a_look(redis_conn, key, fruit, crates, idle):
    return redis_conn.pipeline().hincrby(key, f"cart:{fruit}", crates).expire(key, idle).execute()[0]


@wrong("10.4", "a ghost with a fruit in it")
def looked_and_added(redis_conn, key, fruit, crates, idle):
    if not redis_conn.exists(key):
        return None
    return redis_conn.pipeline().hincrby(key, f"cart:{fruit}", crates).expire(key, idle).execute()[0]


@wrong("10.4", "one was told that its fruit is in the cart")
def added_then_cleaned_up(redis_conn, key, fruit, crates, idle):
    there, total, _ = (
        redis_conn.pipeline().exists(key).hincrby(key, f"cart:{fruit}", crates).expire(key, idle).execute()
    )
    if there:
        return total
    redis_conn.delete(key)
    return None


@wrong("10.4", "got an error page (WatchError)")
def tried_once(redis_conn, key, fruit, crates, idle):
    with redis_conn.pipeline() as pipe:
        pipe.watch(key)
        if not pipe.exists(key):
            return None
        pipe.multi()
        pipe.hincrby(key, f"cart:{fruit}", crates)
        pipe.expire(key, idle)
        return pipe.execute()[0]


@wrong("10.4", "between your look and your writing")
def gave_up_quietly(redis_conn, key, fruit, crates, idle):
    try:
        return tried_once(redis_conn, key, fruit, crates, idle)
    except redis.WatchError:
        return None


@wrong("10.4", "return how many crates of the fruit are in the cart now")
def cart_in_one_field(redis_conn, key, fruit, crates, idle):
    cart = json.loads(redis_conn.hget(key, "cart") or '{"banana": 2}')
    cart[fruit] = cart.get(fruit, 0) + crates
    redis_conn.pipeline().hset(key, "cart", json.dumps(cart)).expire(key, idle).execute()
    return cart[fruit]


@wrong("10.4", "adding is a visit")
def added_without_renewal(redis_conn, key, fruit, crates, idle):
    return redis_conn.hincrby(key, f"cart:{fruit}", crates) if redis_conn.exists(key) else None


@right("10.4")
def alive_by_a_registered_script(redis_conn, key, fruit, crates, idle):
    script = """
        if redis.call('PEXPIRE', KEYS[1], 1000 * ARGV[3]) == 0 then return false end
        return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
    """
    return redis_conn.register_script(script)([key], [f"cart:{fruit}", crates, idle])


@right("10.4")
def alive_by_its_ttl(redis_conn, key, fruit, crates, idle):
    while True:
        with redis_conn.pipeline() as pipe:
            pipe.watch(key)
            if pipe.pttl(key) == -2:
                return None
            number = int(pipe.hget(key, "cart:" + fruit) or 0) + crates
            pipe.multi()
            pipe.hset(key, "cart:" + fruit, number).pexpire(key, 1000 * idle)
            with contextlib.suppress(redis.WatchError):
                pipe.execute()
                return number


@wrong("10.4", "gave up after 3 tries")
def three_times(redis_conn, key, fruit, crates, idle):
    for _ in range(3):
        with contextlib.suppress(redis.WatchError):
            return tried_once(redis_conn, key, fruit, crates, idle)
    return None


@wrong("10.4", "between your look and your writing")
def renewed_and_added(redis_conn, key, fruit, crates, idle):
    if redis_conn.expire(key, idle):
        return redis_conn.hincrby(key, f"cart:{fruit}", crates)
    return None


@wrong("10.4", "what is in the cart, or what one of them was told, is wrong")
def added_in_python(redis_conn, key, fruit, crates, idle):
    number = int(redis_conn.hget(key, "cart:" + fruit) or 0) + crates
    script = """
        if redis.call('EXPIRE', KEYS[1], ARGV[3]) == 0 then return nil end
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        return tonumber(ARGV[2])
    """
    return redis_conn.eval(script, 1, key, "cart:" + fruit, number, idle)


@wrong("10.4", "return how many crates of the fruit are in the cart now")
def no_second_is_no_session(redis_conn, key, fruit, crates, idle):
    script = """
        if redis.call('TTL', KEYS[1]) <= 0 then return nil end
        redis.call('EXPIRE', KEYS[1], ARGV[3])
        return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
    """
    return redis_conn.eval(script, 1, key, "cart:" + fruit, crates, idle)


@wrong("10.4", "the customer is told that the session has ended")
def any_error_is_the_end(redis_conn, key, fruit, crates, idle):
    try:
        return alive_by_a_script(redis_conn, key, fruit, crates, idle)
    except redis.RedisError:
        return None


@wrong("10.4", "return how many crates of the fruit are in the cart now")
def as_a_float(redis_conn, key, fruit, crates, idle):
    number = alive_by_a_script(redis_conn, key, fruit, crates, idle)
    return None if number is None else float(number)


@wrong("10.4", "starts at 0")
def only_what_is_there_already(redis_conn, key, fruit, crates, idle):
    script = """
        if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return nil end
        redis.call('EXPIRE', KEYS[1], ARGV[3])
        return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
    """
    return redis_conn.eval(script, 1, key, "cart:" + fruit, crates, idle)


@wrong("10.4", "one was told that its fruit is in the cart")
def a_ghost_of_one_field_is_deleted(redis_conn, key, fruit, crates, idle):
    pipe = redis_conn.pipeline().hincrby(key, f"cart:{fruit}", crates).expire(key, idle).hlen(key)
    number, _, fields = pipe.execute()
    if fields > 1:
        return number
    redis_conn.delete(key)
    return None
