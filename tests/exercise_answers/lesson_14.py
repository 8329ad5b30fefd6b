"""Answers to the exercises of lesson 14."""

import redis

from tests.exercise_answers import right, wrong

# 14.1


@right("14.1")
def added_by_script(redis_conn, queue, order):
    return redis_conn.eval("return redis.call('LPUSH', KEYS[1], ARGV[1])", 1, queue, order)


@right("14.1")
def added_and_counted(redis_conn, queue, order):
    redis_conn.lpush(queue, order)
    return redis_conn.llen(queue)


@wrong("14.1", "it is packed before those who wait")
def added_at_the_right(redis_conn, queue, order):
    return redis_conn.rpush(queue, order)


@wrong("14.1", "return how many orders wait then")
def added_and_silent(redis_conn, queue, order):
    redis_conn.lpush(queue, order)


@wrong("14.1", "nobody will pack them")
def the_list_written_anew(redis_conn, queue, order):
    waiting = redis_conn.lrange(queue, 0, -1)
    redis_conn.delete(queue)
    return redis_conn.rpush(queue, order, *waiting)


@wrong("14.1", "the order is not in the list")
def added_only_to_others(redis_conn, queue, order):
    return redis_conn.lpushx(queue, order) or 1


@wrong("14.1", "came in one by one")
def added_letter_by_letter(redis_conn, queue, order):
    return redis_conn.lpush(queue, *order)


@wrong("14.1", "wrong number of arguments")
def added_in_pieces(redis_conn, queue, order):
    return redis_conn.lpush(queue) + redis_conn.lpush(order)


@wrong("14.1", "kept that to itself")
def added_if_possible(redis_conn, queue, order):
    try:
        return redis_conn.lpush(queue, order)
    except redis.RedisError:
        return 0


# 14.2


@right("14.2")
def held_by_script(redis_conn, queue, held):
    return redis_conn.eval("return redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT')", 2, queue, held)


@right("14.2")
def held_as_long_ago(redis_conn, queue, held):
    return redis_conn.rpoplpush(queue, held)


@right("14.2")
def held_in_a_transaction(redis_conn, queue, held):
    with redis_conn.pipeline() as pipe:
        pipe.lmove(queue, held, "RIGHT", "LEFT")
        return pipe.execute()[0]


@wrong("14.2", "the newest order was taken")
def held_without_sides(redis_conn, queue, held):
    return redis_conn.lmove(queue, held)


@wrong("14.2", "at the left end of the held list")
def held_at_the_right(redis_conn, queue, held):
    return redis_conn.lmove(queue, held, "RIGHT", "RIGHT")


@wrong("14.2", "not in the held list")
def taken_only(redis_conn, queue, held):
    return redis_conn.rpop(queue)


@wrong("14.2", "it is lost, or packed twice")
def taken_then_held(redis_conn, queue, held):
    order = redis_conn.rpop(queue)
    if order is not None:
        redis_conn.lpush(held, order)
    return order


@wrong("14.2", "it is lost, or packed twice")
def held_then_taken(redis_conn, queue, held):
    order = redis_conn.lindex(queue, -1)
    if order is not None:
        redis_conn.lpush(held, order)
        redis_conn.rpop(queue)
    return order


@wrong("14.2", "the worker must know what to pack")
def held_and_silent(redis_conn, queue, held):
    redis_conn.lmove(queue, held, "RIGHT", "LEFT")


@wrong("14.2", "waits until something comes")
def held_with_patience(redis_conn, queue, held):
    return redis_conn.blmove(queue, held, 0.1, "RIGHT", "LEFT")


@wrong("14.2", "two workers took at the same moment")
def seen_then_moved(redis_conn, queue, held):
    order = redis_conn.lindex(queue, -1)
    if order is not None:
        redis_conn.pipeline().rpop(queue).lpush(held, order).execute()
    return order


# 14.3


@right("14.3")
def off_the_list_by_script(redis_conn, held, order, pack):
    pack(order)
    redis_conn.eval("return redis.call('LREM', KEYS[1], 1, ARGV[1])", 1, held, order)


@right("14.3")
def off_the_list_from_the_other_end(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lrem(held, -1, order)


@wrong("14.3", "still on the list")
def never_acknowledged(redis_conn, held, order, pack):
    return pack(order)


@wrong("14.3", "an order that reads the same was deleted too")
def all_that_read_the_same(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lrem(held, 0, order)


@wrong("14.3", "acknowledge this one, by its value")
def the_whole_list(redis_conn, held, order, pack):
    pack(order)
    redis_conn.delete(held)


@wrong("14.3", "another one was deleted")
def whatever_lies_at_the_left(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lpop(held)


@wrong("14.3", "another one was deleted")
def whatever_lies_at_the_right(redis_conn, held, order, pack):
    pack(order)
    redis_conn.rpop(held)


@wrong("14.3", "acknowledged before it was packed")
def acknowledged_first(redis_conn, held, order, pack):
    redis_conn.lrem(held, 1, order)
    pack(order)


@wrong("14.3", "raised ResponseError")
def count_and_value_mixed_up(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lrem(held, order, 1)


@wrong("14.3", "acknowledge only what is packed")
def acknowledged_whatever_happens(redis_conn, held, order, pack):
    try:
        pack(order)
    finally:
        redis_conn.lrem(held, 1, order)


@wrong("14.3", "the order is to be packed, once")
def not_packed(redis_conn, held, order, pack):
    redis_conn.lrem(held, 1, order)


@wrong("14.3", "kept it to itself")
def errors_swallowed(redis_conn, held, order, pack):
    try:
        pack(order)
        redis_conn.lrem(held, 1, order)
    except OSError:
        pass


@right("14.3")
def off_a_list_that_is_watched(redis_conn, held, order, pack):
    pack(order)

    def without_one(pipe):
        orders = pipe.lrange(held, 0, -1)
        orders.remove(order)
        pipe.multi()
        pipe.delete(held)
        if orders:
            pipe.rpush(held, *orders)

    redis_conn.transaction(without_one, held)


@right("14.3")
def off_the_list_and_errors_told(redis_conn, held, order, pack):
    try:
        pack(order)
    except Exception as problem:
        raise RuntimeError(f"could not pack {order}") from problem
    redis_conn.pipeline().lrem(held, 1, order).execute()


@wrong("14.3", "another worker changed the list between two of your commands")
def a_list_written_anew(redis_conn, held, order, pack):
    pack(order)
    orders = redis_conn.lrange(held, 0, -1)
    orders.remove(order)
    redis_conn.pipeline().delete(held).rpush(held, *orders or ["-"]).lrem(held, 1, "-").execute()


@wrong("14.3", "another worker changed the list between two of your commands")
def by_its_place(redis_conn, held, order, pack):
    pack(order)
    place = redis_conn.lrange(held, 0, -1).index(order)
    redis_conn.pipeline().lset(held, place, "packed").lrem(held, 1, "packed").execute()


@wrong("14.3", "orders of others are gone")
def a_mark_that_stays(redis_conn, held, order, pack):
    pack(order)
    script = "redis.call('LSET', KEYS[1], redis.call('LPOS', KEYS[1], ARGV[1]), ARGV[2])"
    redis_conn.eval(script, 1, held, order, f"packed {order}")
    redis_conn.lrem(held, 1, f"packed {order}")


@wrong("14.3", "one order is to leave the list")
def among_the_first_hundred(redis_conn, held, order, pack):
    pack(order)
    if order in redis_conn.lrange(held, 0, 99):
        redis_conn.lrem(held, 1, order)


@wrong("14.3", "pack() failed, and your function kept it to itself")
def bad_values_swallowed(redis_conn, held, order, pack):
    try:
        pack(order)
    except ValueError:
        return
    redis_conn.lrem(held, 1, order)


@wrong("14.3", "your function kept it to itself")
def acknowledged_if_possible(redis_conn, held, order, pack):
    pack(order)
    try:
        redis_conn.lrem(held, 1, order)
    except redis.RedisError:
        return


# 14.4


@right("14.4")
def back_and_watched(redis_conn, held, queue):
    def put_back(pipe):
        orders = pipe.lrange(held, 0, -1)
        pipe.multi()
        if orders:
            pipe.lpush(queue, *orders[::-1]).delete(held)

    redis_conn.transaction(put_back, held)


@wrong("14.4", "kept it to itself")
def back_as_far_as_it_goes(redis_conn, held, queue):
    try:
        while redis_conn.rpoplpush(held, queue):
            pass
    except redis.RedisError:
        return


@wrong("14.4", "waits until something comes")
def back_with_patience(redis_conn, held, queue):
    while redis_conn.blmove(held, queue, 0.1, "RIGHT", "LEFT"):
        pass


@wrong("14.4", "an order is gone: it was on neither list")
def back_by_way_of_another_list(redis_conn, held, queue):
    if redis_conn.exists(held):
        redis_conn.rename(held, f"{held}:old")
        while redis_conn.lmove(f"{held}:old", queue, "RIGHT", "LEFT"):
            pass


@wrong("14.4", "every order must be in the queue once")
def back_without_repetitions(redis_conn, held, queue):
    script = """
        local seen = {}
        for _, order in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
            if seen[order] then redis.call('LREM', KEYS[1], 1, order) end
            seen[order] = true
        end
        while redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT') do end
    """
    redis_conn.eval(script, 2, held, queue)


@wrong("14.4", "every order comes back")
def back_with_a_hundred_at_most(redis_conn, held, queue):
    for _ in range(100):
        redis_conn.lmove(held, queue, "RIGHT", "LEFT")


@right("14.4")
def back_by_script(redis_conn, held, queue):
    script = """
        local held = redis.call('LRANGE', KEYS[1], 0, -1)
        for place = #held, 1, -1 do redis.call('LPUSH', KEYS[2], held[place]) end
        redis.call('DEL', KEYS[1])
    """
    redis_conn.eval(script, 2, held, queue)


@right("14.4")
def back_in_one_transaction(redis_conn, held, queue):
    with redis_conn.pipeline() as pipe:
        for _ in range(redis_conn.llen(held)):
            pipe.lmove(held, queue, "RIGHT", "LEFT")
        pipe.execute()


@right("14.4")
def back_with_the_old_command(redis_conn, held, queue):
    while redis_conn.rpoplpush(held, queue):
        pass


@wrong("14.4", "must not wait again")
def back_as_in_the_lesson(redis_conn, held, queue):
    while redis_conn.lmove(held, queue, "LEFT", "RIGHT"):
        pass


@wrong("14.4", "must not wait again")
def back_at_the_right(redis_conn, held, queue):
    while redis_conn.lmove(held, queue, "RIGHT", "RIGHT"):
        pass


@wrong("14.4", "from the newest to the oldest")
def back_the_wrong_way_round(redis_conn, held, queue):
    while redis_conn.lmove(held, queue, "LEFT", "LEFT"):
        pass


@wrong("14.4", "an order is gone: it was on neither list")
def back_by_hand(redis_conn, held, queue):
    while order := redis_conn.rpop(held):
        redis_conn.lpush(queue, order)


@wrong("14.4", "an order is there twice")
def back_in_first_out_later(redis_conn, held, queue):
    for order in reversed(redis_conn.lrange(held, 0, -1)):
        redis_conn.lpush(queue, order)
        redis_conn.rpop(held)


@wrong("14.4", "nothing may be left")
def only_one_back(redis_conn, held, queue):
    redis_conn.lmove(held, queue, "RIGHT", "LEFT")


@wrong("14.4", "the worker was only slow")
def all_that_was_seen(redis_conn, held, queue):
    orders = redis_conn.lrange(held, 0, -1)
    with redis_conn.pipeline() as pipe:
        if orders:
            pipe.lpush(queue, *reversed(orders))
        pipe.delete(held)
        pipe.execute()


# 14.5


@right("14.5")
def once_by_watch(redis_conn, done, stock, order, fruit, boxes):
    while True:
        try:
            with redis_conn.pipeline() as pipe:
                pipe.watch(done)
                if pipe.sismember(done, order):
                    return False
                pipe.multi()
                pipe.hincrby(stock, fruit, -boxes)
                pipe.sadd(done, order)
                pipe.execute()
                return True
        except redis.WatchError:
            pass


@right("14.5")
def once_by_a_script_that_looks(redis_conn, done, stock, order, fruit, boxes):
    script = """
    local known = redis.call('SISMEMBER', KEYS[1], ARGV[1])
    if known == 1 then return 0 end
    redis.call('HINCRBY', KEYS[2], ARGV[2], -ARGV[3])
    redis.call('SADD', KEYS[1], ARGV[1])
    return 1
    """
    return bool(redis_conn.eval(script, 2, done, stock, order, fruit, boxes))


@wrong("14.5", "taken and not marked, or marked and not taken")
def work_first(redis_conn, done, stock, order, fruit, boxes):
    known = redis_conn.sismember(done, order)
    if not known:
        redis_conn.hincrby(stock, fruit, -boxes)
        redis_conn.sadd(done, order)
    return not known


@wrong("14.5", "taken and not marked, or marked and not taken")
def mark_first(redis_conn, done, stock, order, fruit, boxes):
    if redis_conn.sadd(done, order) == 0:
        return False
    redis_conn.hincrby(stock, fruit, -boxes)
    return True


@wrong("14.5", "its boxes were taken twice")
def looked_then_both(redis_conn, done, stock, order, fruit, boxes):
    if redis_conn.sismember(done, order):
        return False
    redis_conn.pipeline().hincrby(stock, fruit, -boxes).sadd(done, order).execute()
    return True


@wrong("14.5", "its boxes were taken once more")
def both_without_a_look(redis_conn, done, stock, order, fruit, boxes):
    replies = redis_conn.pipeline().sadd(done, order).hincrby(stock, fruit, -boxes).execute()
    return replies[0] == 1


@wrong("14.5", "gave up with a WatchError")
def watched_once(redis_conn, done, stock, order, fruit, boxes):
    with redis_conn.pipeline() as pipe:
        pipe.watch(done)
        if pipe.sismember(done, order):
            return False
        pipe.multi()
        pipe.hincrby(stock, fruit, -boxes)
        pipe.sadd(done, order)
        pipe.execute()
        return True


@wrong("14.5", "its boxes, and only they, leave the stock")
def one_box_always(redis_conn, done, stock, order, fruit, boxes):
    script = """
    if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
      redis.call('HINCRBY', KEYS[2], ARGV[2], -1)
      return 1
    end
    return 0
    """
    return redis_conn.eval(script, 2, done, stock, order, fruit, boxes) == 1


@wrong("14.5", "the number needs a minus")
def boxes_put_in(redis_conn, done, stock, order, fruit, boxes):
    script = """
    if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
      redis.call('HINCRBY', KEYS[2], ARGV[2], ARGV[3])
      return 1
    end
    return 0
    """
    return redis_conn.eval(script, 2, done, stock, order, fruit, boxes) == 1


@wrong("14.5", "the answer is True")
def once_and_silent(redis_conn, done, stock, order, fruit, boxes):
    script = """
    if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
      redis.call('HINCRBY', KEYS[2], ARGV[2], -tonumber(ARGV[3]))
    end
    """
    redis_conn.eval(script, 2, done, stock, order, fruit, boxes)


@wrong("14.5", "the answer is True")
def once_as_a_number(redis_conn, done, stock, order, fruit, boxes):
    script = """
    if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
      redis.call('HINCRBY', KEYS[2], ARGV[2], -tonumber(ARGV[3]))
      return 1
    end
    return 0
    """
    return redis_conn.eval(script, 2, done, stock, order, fruit, boxes)


@wrong("14.5", "the order must be marked")
def never_marked(redis_conn, done, stock, order, fruit, boxes):
    if redis_conn.sismember(done, order):
        return False
    redis_conn.hincrby(stock, fruit, -boxes)
    return True


@wrong("14.5", "nobody asked for a TTL")
def marked_for_an_hour(redis_conn, done, stock, order, fruit, boxes):
    script = """
    if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
      redis.call('HINCRBY', KEYS[2], ARGV[2], -tonumber(ARGV[3]))
      redis.call('EXPIRE', KEYS[1], 3600)
      return 1
    end
    return 0
    """
    return redis_conn.eval(script, 2, done, stock, order, fruit, boxes) == 1
