"""Answers to the exercises of lesson 11."""

import contextlib
import json

import redis

from tests.exercise_answers import right, wrong

# 11.1


@right("11.1")
def added_under_watch(redis_conn, key, fruit, crates):
    field = "cart:" + fruit
    while True:
        with redis_conn.pipeline() as pipe:
            pipe.watch(key)
            number = int(pipe.hget(key, field) or 0) + crates
            pipe.multi()
            pipe.hset(key, field, number)
            with contextlib.suppress(redis.WatchError):
                pipe.execute()
                return number


@right("11.1")
def added_in_a_pipeline(redis_conn, key, fruit, crates):
    return redis_conn.pipeline().hincrby(key, f"cart:{fruit}", crates).execute()[0]


@wrong("11.1", "return the new number")
def added_and_said_nothing(redis_conn, key, fruit, crates):
    redis_conn.hincrby(key, "cart:" + fruit, crates)


@wrong("11.1", "must have grown")
def set_and_not_added(redis_conn, key, fruit, crates):
    redis_conn.hset(key, "cart:" + fruit, crates)
    return crates


@wrong("11.1", "must have grown")
def added_to_the_bare_fruit(redis_conn, key, fruit, crates):
    return redis_conn.hincrby(key, fruit, crates)


@wrong("11.1", "two tabs added at the same time")
def read_and_written_back(redis_conn, key, fruit, crates):
    number = int(redis_conn.hget(key, "cart:" + fruit) or 0) + crates
    redis_conn.hset(key, "cart:" + fruit, number)
    return number


@wrong("11.1", "begins at 0")
def no_fruit_that_is_not_there(redis_conn, key, fruit, crates):
    if redis_conn.hexists(key, "cart:" + fruit):
        return redis_conn.hincrby(key, "cart:" + fruit, crates)
    return None


@wrong("11.1", "TTL is shorter")
def with_another_ttl(redis_conn, key, fruit, crates):
    return redis_conn.pipeline().hincrby(key, "cart:" + fruit, crates).expire(key, 1800).execute()[0]


@wrong("11.1", "kept it to itself")
def any_error_is_nothing(redis_conn, key, fruit, crates):
    try:
        return redis_conn.hincrby(key, "cart:" + fruit, crates)
    except redis.RedisError:
        return None


# 11.2


def noted(redis_conn, script, key, note):
    return redis_conn.eval(script, 1, key, note) == 1


@right("11.2")
def noted_unless_empty(redis_conn, key, note):
    script = """
    if redis.call('HLEN', KEYS[1]) > 0 then
      redis.call('HSET', KEYS[1], 'note', ARGV[1])
      return 1
    end
    return 0
    """
    return noted(redis_conn, script, key, note)


@right("11.2")
def noted_under_watch(redis_conn, key, note):
    while True:
        with redis_conn.pipeline() as pipe:
            pipe.watch(key)
            if not pipe.exists(key):
                return False
            pipe.multi()
            pipe.hset(key, "note", note)
            with contextlib.suppress(redis.WatchError):
                pipe.execute()
                return True


@wrong("11.2", "is to be stored in its field")
def noted_when_it_is_gone(redis_conn, key, note):
    script = """
    if redis.call('EXISTS', KEYS[1]) == 1 then
      return 0
    end
    redis.call('HSET', KEYS[1], 'note', ARGV[1])
    return 1
    """
    return noted(redis_conn, script, key, note)


@wrong("11.2", "a ghost with a note")
def noted_as_zero_counts_as_true(redis_conn, key, note):
    script = """
    if not redis.call('EXISTS', KEYS[1]) then
      return 0
    end
    redis.call('HSET', KEYS[1], 'note', ARGV[1])
    return 1
    """
    return noted(redis_conn, script, key, note)


@wrong("11.2", "a ghost with a note")
def a_number_compared_with_a_text(redis_conn, key, note):
    script = """
    if redis.call('EXISTS', KEYS[1]) == '0' then
      return 0
    end
    redis.call('HSET', KEYS[1], 'note', ARGV[1])
    return 1
    """
    return noted(redis_conn, script, key, note)


@wrong("11.2", "half a second left")
def its_last_second_is_no_session(redis_conn, key, note):
    script = """
    if redis.call('TTL', KEYS[1]) <= 0 then
      return 0
    end
    redis.call('HSET', KEYS[1], 'note', ARGV[1])
    return 1
    """
    return noted(redis_conn, script, key, note)


@wrong("11.2", "is to be stored in its field")
def notes_of_users_only(redis_conn, key, note):
    script = """
    if not redis.call('HGET', KEYS[1], 'user') then
      return 0
    end
    redis.call('HSET', KEYS[1], 'note', ARGV[1])
    return 1
    """
    return noted(redis_conn, script, key, note)


@wrong("11.2", "between two of your commands")
def looked_in_python(redis_conn, key, note):
    if not redis_conn.exists(key):
        return False
    redis_conn.hset(key, "note", note)
    return True


@wrong("11.2", "the answer is True")
def noted_and_said_one(redis_conn, key, note):
    script = """
    if redis.call('EXISTS', KEYS[1]) == 0 then
      return 0
    end
    redis.call('HSET', KEYS[1], 'note', ARGV[1])
    return 1
    """
    return redis_conn.eval(script, 1, key, note)


# 11.3


@right("11.3")
def alive_by_a_script(redis_conn, key, fruit, crates, idle):
    script = """
        if redis.call('EXISTS', KEYS[1]) == 0 then return nil end
        redis.call('EXPIRE', KEYS[1], ARGV[3])
        return redis.call('HINCRBY', KEYS[1], 'cart:' .. ARGV[1], ARGV[2])
    """
    return redis_conn.eval(script, 1, key, fruit, crates, idle)


@right("11.3")
def alive_by_a_helper_of_redis_py(redis_conn, key, fruit, crates, idle):
    def add(pipe):
        alive = pipe.hexists(key, "ends")
        pipe.multi()
        if alive:
            pipe.hincrby(key, f"cart:{fruit}", crates)
            pipe.expire(key, idle)

    replies = redis_conn.transaction(add, key)
    return replies[0] if replies else None


@wrong("11.3", "made a new one: a ghost")
def added_without_a_look(redis_conn, key, fruit, crates, idle):
    return redis_conn.pipeline().hincrby(key, f"cart:{fruit}", crates).expire(key, idle).execute()[0]


@wrong("11.3", "a ghost with a fruit in it")
def looked_and_added(redis_conn, key, fruit, crates, idle):
    if not redis_conn.exists(key):
        return None
    return redis_conn.pipeline().hincrby(key, f"cart:{fruit}", crates).expire(key, idle).execute()[0]


@wrong("11.3", "one was told that its fruit is in the cart")
def added_then_cleaned_up(redis_conn, key, fruit, crates, idle):
    there, total, _ = (
        redis_conn.pipeline().exists(key).hincrby(key, f"cart:{fruit}", crates).expire(key, idle).execute()
    )
    if there:
        return total
    redis_conn.delete(key)
    return None


@right("11.3")
def alive_under_watch(redis_conn, key, fruit, crates, idle):
    with redis_conn.pipeline() as pipe:
        while True:
            pipe.watch(key)
            if not pipe.exists(key):
                return None
            pipe.multi()
            pipe.hincrby(key, f"cart:{fruit}", crates)
            pipe.expire(key, idle)
            try:
                return pipe.execute()[0]
            except redis.WatchError:
                continue


@wrong("11.3", "got an error page (WatchError)")
def tried_once(redis_conn, key, fruit, crates, idle):
    with redis_conn.pipeline() as pipe:
        pipe.watch(key)
        if not pipe.exists(key):
            return None
        pipe.multi()
        pipe.hincrby(key, f"cart:{fruit}", crates)
        pipe.expire(key, idle)
        return pipe.execute()[0]


@wrong("11.3", "between your look and your writing")
def gave_up_quietly(redis_conn, key, fruit, crates, idle):
    try:
        return tried_once(redis_conn, key, fruit, crates, idle)
    except redis.WatchError:
        return None


@wrong("11.3", "its name is `cart:` and the fruit")
def cart_in_one_field(redis_conn, key, fruit, crates, idle):
    cart = json.loads(redis_conn.hget(key, "cart") or '{"banana": 2}')
    cart[fruit] = cart.get(fruit, 0) + crates
    redis_conn.pipeline().hset(key, "cart", json.dumps(cart)).expire(key, idle).execute()
    return cart[fruit]


@wrong("11.3", "adding is a visit")
def added_without_renewal(redis_conn, key, fruit, crates, idle):
    return redis_conn.hincrby(key, f"cart:{fruit}", crates) if redis_conn.exists(key) else None


@right("11.3")
def alive_by_a_registered_script(redis_conn, key, fruit, crates, idle):
    script = """
        if redis.call('PEXPIRE', KEYS[1], 1000 * ARGV[3]) == 0 then return false end
        return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
    """
    return redis_conn.register_script(script)([key], [f"cart:{fruit}", crates, idle])


@right("11.3")
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


@wrong("11.3", "gave up after 3 tries")
def three_times(redis_conn, key, fruit, crates, idle):
    for _ in range(3):
        with contextlib.suppress(redis.WatchError):
            return tried_once(redis_conn, key, fruit, crates, idle)
    return None


@wrong("11.3", "between your look and your writing")
def renewed_and_added(redis_conn, key, fruit, crates, idle):
    if redis_conn.expire(key, idle):
        return redis_conn.hincrby(key, f"cart:{fruit}", crates)
    return None


@wrong("11.3", "what is in the cart, or what one of them was told, is wrong")
def added_in_python(redis_conn, key, fruit, crates, idle):
    number = int(redis_conn.hget(key, "cart:" + fruit) or 0) + crates
    script = """
        if redis.call('EXPIRE', KEYS[1], ARGV[3]) == 0 then return nil end
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        return tonumber(ARGV[2])
    """
    return redis_conn.eval(script, 1, key, "cart:" + fruit, number, idle)


@wrong("11.3", "return how many crates of the fruit are in the cart now")
def no_second_is_no_session(redis_conn, key, fruit, crates, idle):
    script = """
        if redis.call('TTL', KEYS[1]) <= 0 then return nil end
        redis.call('EXPIRE', KEYS[1], ARGV[3])
        return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
    """
    return redis_conn.eval(script, 1, key, "cart:" + fruit, crates, idle)


@wrong("11.3", "the customer is told that the session has ended")
def any_error_is_the_end(redis_conn, key, fruit, crates, idle):
    try:
        return alive_by_a_script(redis_conn, key, fruit, crates, idle)
    except redis.RedisError:
        return None


@wrong("11.3", "return how many crates of the fruit are in the cart now")
def as_a_float(redis_conn, key, fruit, crates, idle):
    number = alive_by_a_script(redis_conn, key, fruit, crates, idle)
    return None if number is None else float(number)


@wrong("11.3", "starts at 0")
def only_what_is_there_already(redis_conn, key, fruit, crates, idle):
    script = """
        if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return nil end
        redis.call('EXPIRE', KEYS[1], ARGV[3])
        return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
    """
    return redis_conn.eval(script, 1, key, "cart:" + fruit, crates, idle)


@wrong("11.3", "one was told that its fruit is in the cart")
def a_ghost_of_one_field_is_deleted(redis_conn, key, fruit, crates, idle):
    pipe = redis_conn.pipeline().hincrby(key, f"cart:{fruit}", crates).expire(key, idle).hlen(key)
    number, _, fields = pipe.execute()
    if fields > 1:
        return number
    redis_conn.delete(key)
    return None


# 11.4


@right("11.4")
def moved_by_a_script(redis_conn, old_key, new_key, user, idle):
    script = """
        redis.call('HSET', KEYS[1], 'user', ARGV[1])
        redis.call('RENAME', KEYS[1], KEYS[2])
        redis.call('EXPIRE', KEYS[2], ARGV[2])
    """
    redis_conn.eval(script, 2, old_key, new_key, user, idle)
    return new_key


@wrong("11.4", "ended between two of your commands, and")
def moved_if_it_is_there(redis_conn, old_key, new_key, user, idle):
    if redis_conn.exists(old_key):
        redis_conn.rename(old_key, new_key)
    redis_conn.pipeline().hset(new_key, "user", user).expire(new_key, idle).execute()
    return new_key


@wrong("11.4", "put an apple into the cart")
def copied_in_a_transaction(redis_conn, old_key, new_key, user, idle):
    fields = redis_conn.hgetall(old_key)
    with redis_conn.pipeline() as pipe:
        pipe.unlink(old_key)
        pipe.hset(new_key, mapping=fields | {"user": user})
        pipe.expire(new_key, idle)
        pipe.execute()
    return new_key


@wrong("11.4", "whoever planted that id")
def logged_in_under_both(redis_conn, old_key, new_key, user, idle):
    with redis_conn.pipeline() as pipe:
        for key in (old_key, new_key):
            pipe.hset(key, "user", user)
            pipe.expire(key, idle)
        pipe.execute()
    return new_key


@wrong("11.4", "the cart was lost")
def logged_in_with_an_empty_cart(redis_conn, old_key, new_key, user, idle):
    redis_conn.pipeline().delete(old_key).hset(new_key, "user", user).expire(new_key, idle).execute()
    return new_key


@wrong("11.4", "the old id still opens a session")
def copied_and_left(redis_conn, old_key, new_key, user, idle):
    fields = redis_conn.hgetall(old_key)
    redis_conn.pipeline().hset(new_key, mapping=fields | {"user": user}).expire(new_key, idle).execute()
    return new_key


@wrong("11.4", "is logged in under the old id")
def user_first_then_moved(redis_conn, old_key, new_key, user, idle):
    redis_conn.hset(old_key, "user", user)
    redis_conn.rename(old_key, new_key)
    redis_conn.expire(new_key, idle)
    return new_key


@wrong("11.4", "RENAME answered 'no such key'")
def moved_first(redis_conn, old_key, new_key, user, idle):
    redis_conn.rename(old_key, new_key)
    redis_conn.pipeline().hset(new_key, "user", user).expire(new_key, idle).execute()
    return new_key


@wrong("11.4", "RENAME answered 'no such key'")
def moved_first_in_a_transaction(redis_conn, old_key, new_key, user, idle):
    redis_conn.pipeline().rename(old_key, new_key).hset(new_key, "user", user).expire(new_key, idle).execute()
    return new_key


@wrong("11.4", "not have the idle seconds")
def moved_with_its_old_clock(redis_conn, old_key, new_key, user, idle):
    redis_conn.pipeline().hset(old_key, "user", user).rename(old_key, new_key).execute()
    return new_key


@wrong("11.4", "left one that never ends")
def fresh_in_two_commands(redis_conn, old_key, new_key, user, idle):
    if redis_conn.exists(old_key):
        return moved_if_it_is_there(redis_conn, old_key, new_key, user, idle)
    redis_conn.hset(new_key, "user", user)
    redis_conn.expire(new_key, idle)
    return new_key


@wrong("11.4", "return the key under which the session is now")
def says_nothing(redis_conn, old_key, new_key, user, idle):
    redis_conn.pipeline().hset(old_key, "user", user).rename(old_key, new_key).expire(new_key, idle).execute()


@right("11.4")
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


@right("11.4")
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


@right("11.4")
def moved_by_a_script_that_looks(redis_conn, old_key, new_key, user, idle):
    sha = redis_conn.script_load("""
        if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAME', KEYS[1], KEYS[2]) end
        redis.call('HSET', KEYS[2], 'user', ARGV[1])
        redis.call('PEXPIRE', KEYS[2], 1000 * ARGV[2])
    """)
    redis_conn.evalsha(sha, 2, old_key, new_key, user, idle)
    return new_key


@right("11.4")
def moved_unless_it_has_ended(redis_conn, old_key, new_key, user, idle):
    with contextlib.suppress(redis.ResponseError):  # no such key
        redis_conn.rename(old_key, new_key)
    redis_conn.pipeline().hset(new_key, "user", user).expire(new_key, idle).execute()
    return new_key


@wrong("11.4", "seems to be logged in, and is not")
def any_error_is_an_expired_session(redis_conn, old_key, new_key, user, idle):
    with contextlib.suppress(redis.ResponseError):
        redis_conn.pipeline().rename(old_key, new_key).hset(new_key, "user", user).expire(new_key, idle).execute()
    return new_key


@wrong("11.4", "the customer's cart is lost")
def deleted_before_it_is_stored(redis_conn, old_key, new_key, user, idle):
    fields = redis_conn.hgetall(old_key)
    redis_conn.delete(old_key)
    redis_conn.pipeline().hset(new_key, mapping={**fields, "user": user}).expire(new_key, idle).execute()
    return new_key


@wrong("11.4", "left a session that never ends")
def copied_and_then_given_an_end(redis_conn, old_key, new_key, user, idle):
    fields = redis_conn.hgetall(old_key)
    redis_conn.hset(new_key, mapping={**fields, "user": user})
    redis_conn.pipeline().expire(new_key, idle).delete(old_key).execute()
    return new_key


@wrong("11.4", "ends too early, each time")
def logged_in_for_a_second_less(redis_conn, old_key, new_key, user, idle):
    redis_conn.pipeline().hset(old_key, "user", user).rename(old_key, new_key).expire(new_key, idle - 1).execute()
    return new_key


@wrong("11.4", "a key that nobody asked for")
def remembers_where_it_went(redis_conn, old_key, new_key, user, idle):
    pipe = redis_conn.pipeline().hset(old_key, "user", user).rename(old_key, new_key).expire(new_key, idle)
    pipe.set(old_key + ":moved", new_key, ex=idle).execute()
    return new_key


# 11.5


@right("11.5")
def moved_by_a_comprehension(redis_conn, old_key, user):
    fields = redis_conn.hgetall(old_key)
    if "user" in fields and fields["user"] != user:
        return {}
    return {name: value for name, value in fields.items() if name.startswith("cart:")}


@right("11.5")
def moved_by_a_look_of_a_script(redis_conn, old_key, user):
    script = """
        local there = redis.call('HGET', KEYS[1], 'user')
        if there and there ~= ARGV[1] then return {} end
        return redis.call('HGETALL', KEYS[1])
    """
    flat = redis_conn.eval(script, 1, old_key, user)
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    return {name: fields[name] for name in fields if name[:5] == "cart:"}


@wrong("11.5", "something moves along that never may")
def everything_moves(redis_conn, old_key, user):
    fields = redis_conn.hgetall(old_key)
    return {} if fields.get("user", user) != user else fields


@wrong("11.5", "something moves along that never may")
def all_but_what_may_not(redis_conn, old_key, user):
    fields = redis_conn.hgetall(old_key)
    if fields.get("user", user) != user:
        return {}
    return {name: fields[name] for name in fields if name not in ("user", "ends", "deliver_to", "may_pay")}


@wrong("11.5", "something moves along that never may")
def whatever_speaks_of_a_cart(redis_conn, old_key, user):
    fields = redis_conn.hgetall(old_key)
    if fields.get("user", user) != user:
        return {}
    return {name: fields[name] for name in fields if "cart" in name}


@wrong("11.5", "another user was logged in there")
def whoever_was_there(redis_conn, old_key, user):
    fields = redis_conn.hgetall(old_key)
    return {name: fields[name] for name in fields if name.startswith("cart:")}


@wrong("11.5", "the same user logs in again")
def of_visitors_only(redis_conn, old_key, user):
    fields = redis_conn.hgetall(old_key)
    if "user" in fields:
        return {}
    return {name: fields[name] for name in fields if name.startswith("cart:")}


@wrong("11.5", "the cart of a visitor moves along")
def of_the_same_user_only(redis_conn, old_key, user):
    fields = redis_conn.hgetall(old_key)
    if fields.get("user") != user:
        return {}
    return {name: fields[name] for name in fields if name.startswith("cart:")}


@wrong("11.5", "the cart of a visitor moves along")
def three_fruits(redis_conn, old_key, user):
    fields = redis_conn.hgetall(old_key)
    names = ["cart:banana", "cart:apple", "cart:uva"]
    return {name: fields[name] for name in names if name in fields and fields.get("user", user) == user}


@wrong("11.5", "only reads")
def ends_the_old_one(redis_conn, old_key, user):
    moving = moved_by_a_comprehension(redis_conn, old_key, user)
    redis_conn.delete(old_key)
    return moving


@wrong("11.5", "neither for before nor for afterwards")
def looked_twice(redis_conn, old_key, user):
    moving = {}
    for name in redis_conn.hkeys(old_key):
        if name.startswith("cart:"):
            moving[name] = redis_conn.hget(old_key, name)
    return moving if redis_conn.hget(old_key, "user") in (None, user) else {}


# 11.6


@right("11.6")
def ended_one_by_one(redis_conn, index, prefix, keep):
    ended = 0
    for sid in redis_conn.zrange(index, 0, -1):
        if sid != keep:
            ended += redis_conn.delete(prefix + sid)
            redis_conn.zrem(index, sid)
    return ended


@right("11.6")
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


@wrong("11.6", "No name of a key was given")
def without_a_look_at_none(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    return redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()[0]


@wrong("11.6", "ZREM without an id is an error")
def ended_one_by_one_without_a_look_at_none(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    ended = sum(redis_conn.delete(prefix + sid) for sid in ids)
    redis_conn.zrem(index, *ids)
    return ended


@right("11.6")
def ended_in_a_transaction(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    if not ids:
        return 0
    return redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()[0]


@wrong("11.6", "was logged out as well")
def everybody_out(redis_conn, index, prefix, keep):
    ended = redis_conn.unlink(*[prefix + sid for sid in redis_conn.zrange(index, 0, -1)])
    redis_conn.delete(index)
    return ended


@wrong("11.6", "the index must name the session that stays")
def sessions_only(redis_conn, index, prefix, keep):
    return redis_conn.unlink(*[prefix + sid for sid in others(redis_conn, index, keep)])


@wrong("11.6", "it was Paolo's")
def by_prefix(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    keys = [key for key in redis_conn.scan_iter(match=prefix + "*") if key != prefix + keep]
    return redis_conn.pipeline().unlink(*keys).zrem(index, *ids).execute()[0]


@wrong("11.6", "the index lost its TTL")
def index_made_anew(redis_conn, index, prefix, keep):
    ids, score = others(redis_conn, index, keep), redis_conn.zscore(index, keep)
    ended = redis_conn.unlink(*[prefix + sid for sid in ids])
    redis_conn.pipeline().delete(index).zadd(index, {keep: score}).execute()
    return ended


@wrong("11.6", "the index lost its TTL")
def index_made_anew_by_a_script(redis_conn, index, prefix, keep):
    script = """
        local ended = 0
        local score = redis.call('ZSCORE', KEYS[1], ARGV[2])
        for _, sid in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
            if sid ~= ARGV[2] then ended = ended + redis.call('DEL', ARGV[1] .. sid) end
        end
        redis.call('DEL', KEYS[1])
        if score then redis.call('ZADD', KEYS[1], score, ARGV[2]) end
        return ended
    """
    return redis_conn.eval(script, 1, index, prefix, keep)


@wrong("11.6", "one that had expired does not count")
def counts_the_ids(redis_conn, index, prefix, keep):
    if ids := others(redis_conn, index, keep):
        redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()
    return len(ids)


@wrong("11.6", "a session lives on that the index has forgotten")
def index_first(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    if not ids:
        return 0
    redis_conn.zrem(index, *ids)
    return redis_conn.unlink(*[prefix + sid for sid in ids])


@wrong("11.6", "the index has forgotten it")
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


@right("11.6")
def ended_by_expire(redis_conn, index, prefix, keep):
    ended = 0
    for sid, _ in list(redis_conn.zscan_iter(index)):
        if sid != keep:
            ended += bool(redis_conn.pexpire(prefix + sid, 0))
            redis_conn.zrem(index, sid)
    return int(ended)


@right("11.6")
def counted_in_a_transaction(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    pipe = redis_conn.pipeline()
    for sid in ids:
        pipe.delete(prefix + sid).zrem(index, sid)
    return sum(pipe.execute()[::2])


@right("11.6")
def sessions_first_without_a_transaction(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    if not ids:
        return 0
    return redis_conn.pipeline(transaction=False).unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()[0]


@wrong("11.6", "the index has forgotten it")
def index_deleted_and_made_anew(redis_conn, index, prefix, keep):
    ids, score, left = others(redis_conn, index, keep), redis_conn.zscore(index, keep), redis_conn.pttl(index)
    if not ids:
        return 0
    pipe = redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).delete(index)
    if score is not None:
        pipe.zadd(index, {keep: score}).pexpire(index, left)
    return pipe.execute()[0]


@wrong("11.6", "still logged in")
def ten_at_most(redis_conn, index, prefix, keep):
    ids = [sid for sid in redis_conn.zrange(index, 0, 9) if sid != keep]
    if not ids:
        return 0
    return redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()[0]


@wrong("11.6", "still logged in")
def ids_that_look_like_it_stay(redis_conn, index, prefix, keep):
    ids = [sid for sid in redis_conn.zrange(index, 0, -1) if not sid.startswith(keep)]
    if not ids:
        return 0
    return redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()[0]


@wrong("11.6", "the thief is still logged in, and nobody knows")
def nobody_to_log_out(redis_conn, index, prefix, keep):
    try:
        ids = others(redis_conn, index, keep)
        return redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()[0]
    except redis.RedisError:
        return 0


@wrong("11.6", "how many sessions were there and are gone")
def says_whether(redis_conn, index, prefix, keep):
    ids = others(redis_conn, index, keep)
    if ids:
        redis_conn.pipeline().unlink(*[prefix + sid for sid in ids]).zrem(index, *ids).execute()
    return bool(ids)


@wrong("11.6", "a session lives on that the index has forgotten")
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
