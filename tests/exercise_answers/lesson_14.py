"""Answers to the exercises of lesson 14."""

import redis

from tests.exercise_answers import right, wrong

# 14.1


@right("14.1")
def off_the_list_by_script(redis_conn, held, order, pack):
    pack(order)
    redis_conn.eval("return redis.call('LREM', KEYS[1], 1, ARGV[1])", 1, held, order)


@right("14.1")
def off_the_list_from_the_other_end(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lrem(held, -1, order)


@wrong("14.1", "still on the list")
def never_acknowledged(redis_conn, held, order, pack):
    return pack(order)


@wrong("14.1", "an order that reads the same was deleted too")
def all_that_read_the_same(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lrem(held, 0, order)


@wrong("14.1", "acknowledge this one, by its value")
def the_whole_list(redis_conn, held, order, pack):
    pack(order)
    redis_conn.delete(held)


@wrong("14.1", "still on the list")
def whatever_lies_at_the_left(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lpop(held)


@wrong("14.1", "still on the list")
def whatever_lies_at_the_right(redis_conn, held, order, pack):
    pack(order)
    redis_conn.rpop(held)


@wrong("14.1", "acknowledged before it was packed")
def acknowledged_first(redis_conn, held, order, pack):
    redis_conn.lrem(held, 1, order)
    pack(order)


@wrong("14.1", "raised ResponseError")
def count_and_value_mixed_up(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lrem(held, order, 1)


@wrong("14.1", "acknowledge only what is packed")
def acknowledged_whatever_happens(redis_conn, held, order, pack):
    try:
        pack(order)
    finally:
        redis_conn.lrem(held, 1, order)


@wrong("14.1", "the order is to be packed, once")
def not_packed(redis_conn, held, order, pack):
    redis_conn.lrem(held, 1, order)


@wrong("14.1", "kept it to itself")
def errors_swallowed(redis_conn, held, order, pack):
    try:
        pack(order)
        redis_conn.lrem(held, 1, order)
    except OSError:
        pass


@right("14.1")
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


@right("14.1")
def off_the_list_and_errors_told(redis_conn, held, order, pack):
    try:
        pack(order)
    except Exception as problem:
        raise RuntimeError(f"could not pack {order}") from problem
    redis_conn.pipeline().lrem(held, 1, order).execute()


@wrong("14.1", "another worker changed the list between two of your commands")
def a_list_written_anew(redis_conn, held, order, pack):
    pack(order)
    orders = redis_conn.lrange(held, 0, -1)
    orders.remove(order)
    redis_conn.pipeline().delete(held).rpush(held, *orders or ["-"]).lrem(held, 1, "-").execute()


@wrong("14.1", "another worker changed the list between two of your commands")
def by_its_place(redis_conn, held, order, pack):
    pack(order)
    place = redis_conn.lrange(held, 0, -1).index(order)
    redis_conn.pipeline().lset(held, place, "packed").lrem(held, 1, "packed").execute()


@wrong("14.1", "orders of others are gone")
def a_mark_that_stays(redis_conn, held, order, pack):
    pack(order)
    script = "redis.call('LSET', KEYS[1], redis.call('LPOS', KEYS[1], ARGV[1]), ARGV[2])"
    redis_conn.eval(script, 1, held, order, f"packed {order}")
    redis_conn.lrem(held, 1, f"packed {order}")


@wrong("14.1", "one order is to leave the list")
def among_the_first_hundred(redis_conn, held, order, pack):
    pack(order)
    if order in redis_conn.lrange(held, 0, 99):
        redis_conn.lrem(held, 1, order)


@wrong("14.1", "pack() failed, and your function kept it to itself")
def bad_values_swallowed(redis_conn, held, order, pack):
    try:
        pack(order)
    except ValueError:
        return
    redis_conn.lrem(held, 1, order)


@wrong("14.1", "your function kept it to itself")
def acknowledged_if_possible(redis_conn, held, order, pack):
    pack(order)
    try:
        redis_conn.lrem(held, 1, order)
    except redis.RedisError:
        return


# 14.2


@right("14.2")
def back_and_watched(redis_conn, held, queue):
    def put_back(pipe):
        orders = pipe.lrange(held, 0, -1)
        pipe.multi()
        if orders:
            pipe.lpush(queue, *orders[::-1]).delete(held)

    redis_conn.transaction(put_back, held)


@wrong("14.2", "kept it to itself")
def back_as_far_as_it_goes(redis_conn, held, queue):
    try:
        while redis_conn.rpoplpush(held, queue):
            pass
    except redis.RedisError:
        return


@wrong("14.2", "waits until something comes")
def back_with_patience(redis_conn, held, queue):
    while redis_conn.blmove(held, queue, 0.1, "RIGHT", "LEFT"):
        pass


@wrong("14.2", "an order is gone: it was on neither list")
def back_by_way_of_another_list(redis_conn, held, queue):
    if redis_conn.exists(held):
        redis_conn.rename(held, f"{held}:old")
        while redis_conn.lmove(f"{held}:old", queue, "RIGHT", "LEFT"):
            pass


@wrong("14.2", "every order must be in the queue once")
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


@wrong("14.2", "every order comes back")
def back_with_a_hundred_at_most(redis_conn, held, queue):
    for _ in range(100):
        redis_conn.lmove(held, queue, "RIGHT", "LEFT")


@right("14.2")
def back_by_script(redis_conn, held, queue):
    script = """
        local held = redis.call('LRANGE', KEYS[1], 0, -1)
        for place = #held, 1, -1 do redis.call('LPUSH', KEYS[2], held[place]) end
        redis.call('DEL', KEYS[1])
    """
    redis_conn.eval(script, 2, held, queue)


@right("14.2")
def back_in_one_transaction(redis_conn, held, queue):
    with redis_conn.pipeline() as pipe:
        for _ in range(redis_conn.llen(held)):
            pipe.lmove(held, queue, "RIGHT", "LEFT")
        pipe.execute()


@right("14.2")
def back_with_the_old_command(redis_conn, held, queue):
    while redis_conn.rpoplpush(held, queue):
        pass


@wrong("14.2", "must not wait again")
def back_as_in_the_lesson(redis_conn, held, queue):
    while redis_conn.lmove(held, queue, "LEFT", "RIGHT"):
        pass


@wrong("14.2", "must not wait again")
def back_at_the_right(redis_conn, held, queue):
    while redis_conn.lmove(held, queue, "RIGHT", "RIGHT"):
        pass


@wrong("14.2", "from the newest to the oldest")
def back_the_wrong_way_round(redis_conn, held, queue):
    while redis_conn.lmove(held, queue, "LEFT", "LEFT"):
        pass


@wrong("14.2", "an order is gone: it was on neither list")
def back_by_hand(redis_conn, held, queue):
    while order := redis_conn.rpop(held):
        redis_conn.lpush(queue, order)


@wrong("14.2", "an order is there twice")
def back_in_first_out_later(redis_conn, held, queue):
    for order in reversed(redis_conn.lrange(held, 0, -1)):
        redis_conn.lpush(queue, order)
        redis_conn.rpop(held)


@wrong("14.2", "nothing may be left")
def only_one_back(redis_conn, held, queue):
    redis_conn.lmove(held, queue, "RIGHT", "LEFT")


@wrong("14.2", "the worker was only slow")
def all_that_was_seen(redis_conn, held, queue):
    orders = redis_conn.lrange(held, 0, -1)
    with redis_conn.pipeline() as pipe:
        if orders:
            pipe.lpush(queue, *reversed(orders))
        pipe.delete(held)
        pipe.execute()


# 14.3


@right("14.3")
def own_then_new(redis_conn, stream, group, consumer, count):
    [[_, own]] = redis_conn.xreadgroup(group, consumer, {stream: 0}, count)
    if own:
        return own
    new = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count)
    return new[0][1] if new else []


@right("14.3")
def own_by_the_books(redis_conn, stream, group, consumer, count):
    own = redis_conn.xpending_range(stream, group, "-", "+", count, consumer)
    if own:
        return [redis_conn.xrange(stream, one["message_id"], one["message_id"])[0] for one in own]
    return [tuple(entry) for _, new in redis_conn.xreadgroup(group, consumer, {stream: ">"}, count) for entry in new]


@wrong("14.3", "those she was given before the crash wait for ever")
def new_ones_only(redis_conn, stream, group, consumer, count):
    found = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return found[0][1] if found else []


@wrong("14.3", "she gets the oldest new orders")
def own_ones_only(redis_conn, stream, group, consumer, count):
    return redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)[0][1]


@wrong("14.3", "she gets the oldest new orders")
def an_answer_mistaken_for_entries(redis_conn, stream, group, consumer, count):
    found = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)
    if not found:
        found = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return found[0][1] if found else []


@wrong("14.3", "an order that Bob is packing")
def everybodys(redis_conn, stream, group, consumer, count):
    _, own, *_ = redis_conn.xautoclaim(stream, group, consumer, 0, count=count)
    if own:
        return own
    found = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return found[0][1] if found else []


@wrong("14.3", "more orders than count")
def both_kinds(redis_conn, stream, group, consumer, count):
    entries = []
    for start in ("0", ">"):
        found = redis_conn.xreadgroup(group, consumer, {stream: start}, count=count)
        entries += found[0][1] if found else []
    return entries


@wrong("14.3", "must be pending under her name")
def handed_out_without_a_record(redis_conn, stream, group, consumer, count):
    for start in ("0", ">"):
        found = redis_conn.xreadgroup(group, consumer, {stream: start}, count=count, noack=True)
        if found and found[0][1]:
            return found[0][1]
    return []


@wrong("14.3", "must be pending under her name")
def acknowledged_at_once(redis_conn, stream, group, consumer, count):
    for start in ("0", ">"):
        found = redis_conn.xreadgroup(group, consumer, {stream: start}, count=count)
        if found and found[0][1]:
            redis_conn.xack(stream, group, *[entry for entry, _ in found[0][1]])
            return found[0][1]
    return []


@wrong("14.3", "return a list of (id, fields)")
def the_answer_as_it_comes(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)
    return own if own[0][1] else redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)


@wrong("14.3", "raised IndexError")
def nothing_forgotten(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)[0][1]
    return own or redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)[0][1]


@wrong("14.3", "at most count orders")
def as_many_as_there_are(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"})[0][1]
    if own:
        return own
    found = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return found[0][1] if found else []


@right("14.3")
def entries_of_both_kinds_of_answer(redis_conn, stream, group, consumer, count):
    def read(start):
        answer = redis_conn.xreadgroup(group, consumer, {stream: start}, count=count)
        return [(entry, fields) for _, entries in answer for entry, fields in entries]

    return read("0") or read(">")


@wrong("14.3", "new orders were added to her own")
def filled_up(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)[0][1]
    if len(own) < count:
        for _, new in redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count - len(own)):
            own += new
    return own


@wrong("14.3", "NOGROUP")
def always_the_packers(redis_conn, stream, group, consumer, count):
    return own_then_new(redis_conn, stream, "packers", consumer, count)


@wrong("14.3", "she gets the oldest new orders")
def always_ann(redis_conn, stream, group, consumer, count):
    redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return []


@wrong("14.3", "must be pending under her name")
def under_another_name(redis_conn, stream, group, consumer, count):
    return own_then_new(redis_conn, stream, group, f"{consumer}-1", count)


@wrong("14.3", "waits until something comes")
def with_patience(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)[0][1]
    new = [] if own else redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count, block=20)
    return own or (new[0][1] if new else [])


@wrong("14.3", "an order that Bob is packing")
def those_of_the_dead_too(redis_conn, stream, group, consumer, count):
    redis_conn.xautoclaim(stream, group, consumer, 60_000, count=count)
    return own_then_new(redis_conn, stream, group, consumer, count)


@wrong("14.3", "more new orders than `count` were taken")
def cut_off_here(redis_conn, stream, group, consumer, count):
    return own_then_new(redis_conn, stream, group, consumer, 1000)[:count]


@wrong("14.3", "kept it to itself")
def nothing_if_redis_fails(redis_conn, stream, group, consumer, count):
    try:
        return own_then_new(redis_conn, stream, group, consumer, count)
    except redis.RedisError:
        return []


@wrong("14.3", "at most count orders, the oldest first")
def ten_at_most(redis_conn, stream, group, consumer, count):
    return own_then_new(redis_conn, stream, group, consumer, min(10, count))


@wrong("14.3", "return a list of (id, fields)")
def none_for_nothing(redis_conn, stream, group, consumer, count):
    return own_then_new(redis_conn, stream, group, consumer, count) or None


# 14.4


def _give_up(pipe, stream, dead, group, entry, order):
    pipe.xadd(dead, order)
    pipe.xack(stream, group, entry)
    pipe.execute()


def _claimed(redis_conn, stream, group, consumer, idle):
    return redis_conn.xautoclaim(stream, group, consumer, idle, count=100)[1]


def _deliveries(redis_conn, stream, group):
    return {
        one["message_id"]: one["times_delivered"] for one in redis_conn.xpending_range(stream, group, "-", "+", 100)
    }


@right("14.4")
def claimed_and_counted_together(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    with redis_conn.pipeline() as pipe:
        for entry, order in entries:
            if count[entry] > most:
                pipe.xadd(dead, {**order, "id": entry}).xack(stream, group, entry)
        pipe.execute()
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@right("14.4")
def counted_before_claimed(redis_conn, stream, dead, group, consumer, idle, most):
    stale = redis_conn.xpending_range(stream, group, "-", "+", 100, idle=idle)
    count = {one["message_id"]: one["times_delivered"] + 1 for one in stale}
    to_pack = []
    for entry, order in redis_conn.xclaim(stream, group, consumer, idle, list(count)) if count else []:
        if count[entry] <= most:
            to_pack.append((entry, order))
        else:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return to_pack


@wrong("14.4", "now it went out once more")
def nothing_given_up(redis_conn, stream, dead, group, consumer, idle, most):
    return _claimed(redis_conn, stream, group, consumer, idle)


@wrong("14.4", "now it went out once more")
def counted_too_early(redis_conn, stream, dead, group, consumer, idle, most):
    count = _deliveries(redis_conn, stream, group)
    to_pack = []
    for entry, order in _claimed(redis_conn, stream, group, consumer, idle):
        if count[entry] <= most:
            to_pack.append((entry, order))
        else:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return to_pack


@wrong("14.4", "only *more* than `most` is too many")
def given_up_too_early(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] >= most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return [(entry, order) for entry, order in entries if count[entry] < most]


@wrong("14.4", "still pending")
def dead_and_pending(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            redis_conn.xadd(dead, order)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("14.4", "order 2 is nowhere")
def dropped(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, _ in entries:
        if count[entry] > most:
            redis_conn.xack(stream, group, entry)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("14.4", "is pending and dead at once")
def given_up_in_two_commands(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            redis_conn.xadd(dead, order)
            redis_conn.xack(stream, group, entry)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("14.4", "an order that is given up is lost")
def acknowledged_before_kept(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            redis_conn.xack(stream, group, entry)
            redis_conn.xadd(dead, order)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("14.4", "take over only what has been pending for")
def whatever_is_pending(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, 0)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("14.4", "must have its fields")
def only_the_id_kept(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, _ in entries:
        if count[entry] > most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, {"id": entry})
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("14.4", "are to be returned")
def the_dead_returned_too(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return entries


@right("14.4")
def claimed_page_by_page(redis_conn, stream, dead, group, consumer, idle, most):
    to_pack, start = [], "-"
    while page := redis_conn.xpending_range(stream, group, start, "+", 20, idle=idle):
        for one in page:
            for entry, order in redis_conn.xclaim(stream, group, consumer, idle, [one["message_id"]]):
                if one["times_delivered"] < most:
                    to_pack.append((entry, order))
                else:
                    _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
        start = f"({page[-1]['message_id']}"
    return to_pack


@right("14.4")
def given_up_by_script(redis_conn, stream, dead, group, consumer, idle, most):
    script = """
        local fields = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1][2]
        redis.call('XADD', KEYS[2], '*', unpack(fields))
        redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
    """
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, _ in entries:
        if count[entry] > most:
            redis_conn.eval(script, 2, stream, dead, group, entry)
    return [pair for pair in entries if count[pair[0]] <= most]


def _claim(redis_conn, stream, dead, group, consumer, idle, most, entries, count):
    to_pack = []
    for entry, order in entries:
        if count.get(entry, 1) > most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
        else:
            to_pack.append((entry, order))
    return to_pack


@wrong("14.4", "72 orders had been pending")
def claimed_ten(redis_conn, stream, dead, group, consumer, idle, most):
    _, entries, *_ = redis_conn.xautoclaim(stream, group, consumer, idle, count=10)
    count = _deliveries(redis_conn, stream, group)
    return _claim(redis_conn, stream, dead, group, consumer, idle, most, entries, count)


@wrong("14.4", "72 orders had been pending")
def counted_ten(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    pending = redis_conn.xpending_range(stream, group, "-", "+", 10)
    count = {one["message_id"]: one["times_delivered"] for one in pending}
    return _claim(redis_conn, stream, dead, group, consumer, idle, most, entries, count)


@wrong("14.4", "were left with the worker that died")
def claimed_one(redis_conn, stream, dead, group, consumer, idle, most):
    _, entries, *_ = redis_conn.xautoclaim(stream, group, consumer, idle, count=1)
    count = _deliveries(redis_conn, stream, group)
    return _claim(redis_conn, stream, dead, group, consumer, idle, most, entries, count)


@wrong("14.4", "NOGROUP")
def claimed_from_the_packers(redis_conn, stream, dead, group, consumer, idle, most):
    return claimed_and_counted_together(redis_conn, stream, dead, "packers", consumer, idle, most)


@wrong("14.4", "kept it to itself")
def claimed_if_redis_likes(redis_conn, stream, dead, group, consumer, idle, most):
    try:
        return claimed_and_counted_together(redis_conn, stream, dead, group, consumer, idle, most)
    except redis.RedisError:
        return []


@wrong("14.4", "order 4 is being packed")
def given_up_by_the_count_alone(redis_conn, stream, dead, group, consumer, idle, most):
    for entry, times in _deliveries(redis_conn, stream, group).items():
        if times > most:
            ((_, order),) = redis_conn.xrange(stream, entry, entry)
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return claimed_and_counted_together(redis_conn, stream, dead, group, consumer, idle, most)


@wrong("14.4", "must stay there")
def only_the_last_letters_kept(redis_conn, stream, dead, group, consumer, idle, most):
    to_pack = claimed_and_counted_together(redis_conn, stream, dead, group, consumer, idle, most)
    redis_conn.xtrim(dead, maxlen=2, approximate=False)
    return to_pack


@wrong("14.4", "pending under the new name")
def handed_to_somebody_else(redis_conn, stream, dead, group, consumer, idle, most):
    return claimed_and_counted_together(redis_conn, stream, dead, group, "recovery", idle, most)


@wrong("14.4", "return a list of (id, fields)")
def nothing_for_nothing(redis_conn, stream, dead, group, consumer, idle, most):
    return claimed_and_counted_together(redis_conn, stream, dead, group, consumer, idle, most) or None


@wrong("14.4", "an order that nobody has packed is acknowledged")
def acknowledged_before_it_is_returned(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    to_pack = _claim(redis_conn, stream, dead, group, consumer, idle, most, entries, count)
    for entry, _ in to_pack:
        redis_conn.xack(stream, group, entry)
        redis_conn.xclaim(stream, group, consumer, 0, [entry], force=True, retrycount=count[entry])
    return to_pack
