"""Answers to the exercises of lesson 06."""

from tests.exercise_answers import right, wrong

# 6.1


@right("6.1")
def off_the_list_by_script(redis_conn, held, order, pack):
    pack(order)
    redis_conn.eval("return redis.call('LREM', KEYS[1], 1, ARGV[1])", 1, held, order)


@right("6.1")
def off_the_list_from_the_other_end(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lrem(held, -1, order)


@wrong("6.1", "still on the list")
def never_acknowledged(redis_conn, held, order, pack):
    return pack(order)


@wrong("6.1", "with 0 it deletes all")
def all_that_read_the_same(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lrem(held, 0, order)


@wrong("6.1", "acknowledge this one, by its value")
def the_whole_list(redis_conn, held, order, pack):
    pack(order)
    redis_conn.delete(held)


@wrong("6.1", "still on the list")
def whatever_lies_at_the_left(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lpop(held)


@wrong("6.1", "still on the list")
def whatever_lies_at_the_right(redis_conn, held, order, pack):
    pack(order)
    redis_conn.rpop(held)


@wrong("6.1", "acknowledged before it was packed")
def acknowledged_first(redis_conn, held, order, pack):
    redis_conn.lrem(held, 1, order)
    pack(order)


@wrong("6.1", "raised ResponseError")
def count_and_value_mixed_up(redis_conn, held, order, pack):
    pack(order)
    redis_conn.lrem(held, order, 1)


@wrong("6.1", "acknowledge only what is packed")
def acknowledged_whatever_happens(redis_conn, held, order, pack):
    try:
        pack(order)
    finally:
        redis_conn.lrem(held, 1, order)


@wrong("6.1", "the order is to be packed, once")
def not_packed(redis_conn, held, order, pack):
    redis_conn.lrem(held, 1, order)


@wrong("6.1", "kept it to itself")
def errors_swallowed(redis_conn, held, order, pack):
    try:
        pack(order)
        redis_conn.lrem(held, 1, order)
    except OSError:
        pass


# 6.2


@right("6.2")
def back_by_script(redis_conn, held, queue):
    script = """
        local held = redis.call('LRANGE', KEYS[1], 0, -1)
        for place = #held, 1, -1 do redis.call('LPUSH', KEYS[2], held[place]) end
        redis.call('DEL', KEYS[1])
    """
    redis_conn.eval(script, 2, held, queue)


@right("6.2")
def back_in_one_transaction(redis_conn, held, queue):
    with redis_conn.pipeline() as pipe:
        for _ in range(redis_conn.llen(held)):
            pipe.lmove(held, queue, "RIGHT", "LEFT")
        pipe.execute()


@right("6.2")
def back_with_the_old_command(redis_conn, held, queue):
    while redis_conn.rpoplpush(held, queue):
        pass


@wrong("6.2", "must not wait again")
def back_as_in_the_lesson(redis_conn, held, queue):
    while redis_conn.lmove(held, queue, "LEFT", "RIGHT"):
        pass


@wrong("6.2", "must not wait again")
def back_at_the_right(redis_conn, held, queue):
    while redis_conn.lmove(held, queue, "RIGHT", "RIGHT"):
        pass


@wrong("6.2", "from the newest to the oldest")
def back_the_wrong_way_round(redis_conn, held, queue):
    while redis_conn.lmove(held, queue, "LEFT", "LEFT"):
        pass


@wrong("6.2", "take out and put in must be one command")
def back_by_hand(redis_conn, held, queue):
    while order := redis_conn.rpop(held):
        redis_conn.lpush(queue, order)


@wrong("6.2", "take out and put in must be one command")
def back_in_first_out_later(redis_conn, held, queue):
    for order in reversed(redis_conn.lrange(held, 0, -1)):
        redis_conn.lpush(queue, order)
        redis_conn.rpop(held)


@wrong("6.2", "nothing may be left")
def only_one_back(redis_conn, held, queue):
    redis_conn.lmove(held, queue, "RIGHT", "LEFT")


@wrong("6.2", "deleted it unseen")
def all_that_was_seen(redis_conn, held, queue):
    orders = redis_conn.lrange(held, 0, -1)
    with redis_conn.pipeline() as pipe:
        if orders:
            pipe.lpush(queue, *reversed(orders))
        pipe.delete(held)
        pipe.execute()


# 6.3


@right("6.3")
def own_then_new(redis_conn, stream, group, consumer, count):
    [[_, own]] = redis_conn.xreadgroup(group, consumer, {stream: 0}, count)
    if own:
        return own
    new = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count)
    return new[0][1] if new else []


@right("6.3")
def own_by_the_books(redis_conn, stream, group, consumer, count):
    own = redis_conn.xpending_range(stream, group, "-", "+", count, consumer)
    if own:
        return [redis_conn.xrange(stream, one["message_id"], one["message_id"])[0] for one in own]
    return [tuple(entry) for _, new in redis_conn.xreadgroup(group, consumer, {stream: ">"}, count) for entry in new]


@wrong("6.3", "> means never given to anybody")
def new_ones_only(redis_conn, stream, group, consumer, count):
    found = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return found[0][1] if found else []


@wrong("6.3", "she gets the oldest new orders")
def own_ones_only(redis_conn, stream, group, consumer, count):
    return redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)[0][1]


@wrong("6.3", "she gets the oldest new orders")
def an_answer_mistaken_for_entries(redis_conn, stream, group, consumer, count):
    found = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)
    if not found:
        found = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return found[0][1] if found else []


@wrong("6.3", "an order that Bob is packing")
def everybodys(redis_conn, stream, group, consumer, count):
    _, own, *_ = redis_conn.xautoclaim(stream, group, consumer, 0, count=count)
    if own:
        return own
    found = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return found[0][1] if found else []


@wrong("6.3", "more orders than count")
def both_kinds(redis_conn, stream, group, consumer, count):
    entries = []
    for start in ("0", ">"):
        found = redis_conn.xreadgroup(group, consumer, {stream: start}, count=count)
        entries += found[0][1] if found else []
    return entries


@wrong("6.3", "must be pending under her name")
def handed_out_without_a_record(redis_conn, stream, group, consumer, count):
    for start in ("0", ">"):
        found = redis_conn.xreadgroup(group, consumer, {stream: start}, count=count, noack=True)
        if found and found[0][1]:
            return found[0][1]
    return []


@wrong("6.3", "must be pending under her name")
def acknowledged_at_once(redis_conn, stream, group, consumer, count):
    for start in ("0", ">"):
        found = redis_conn.xreadgroup(group, consumer, {stream: start}, count=count)
        if found and found[0][1]:
            redis_conn.xack(stream, group, *[entry for entry, _ in found[0][1]])
            return found[0][1]
    return []


@wrong("6.3", "return a list of (id, fields)")
def the_answer_as_it_comes(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)
    return own if own[0][1] else redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)


@wrong("6.3", "raised IndexError")
def nothing_forgotten(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)[0][1]
    return own or redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)[0][1]


@wrong("6.3", "at most count orders")
def as_many_as_there_are(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"})[0][1]
    if own:
        return own
    found = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return found[0][1] if found else []


# 6.4


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


@right("6.4")
def claimed_and_counted_together(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    with redis_conn.pipeline() as pipe:
        for entry, order in entries:
            if count[entry] > most:
                pipe.xadd(dead, {**order, "id": entry}).xack(stream, group, entry)
        pipe.execute()
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@right("6.4")
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


@wrong("6.4", "went out for the fourth time")
def nothing_given_up(redis_conn, stream, dead, group, consumer, idle, most):
    return _claimed(redis_conn, stream, group, consumer, idle)


@wrong("6.4", "went out for the fourth time")
def counted_too_early(redis_conn, stream, dead, group, consumer, idle, most):
    count = _deliveries(redis_conn, stream, group)
    to_pack = []
    for entry, order in _claimed(redis_conn, stream, group, consumer, idle):
        if count[entry] <= most:
            to_pack.append((entry, order))
        else:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return to_pack


@wrong("6.4", "only *more* than `most` is too many")
def given_up_too_early(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] >= most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return [(entry, order) for entry, order in entries if count[entry] < most]


@wrong("6.4", "still pending")
def dead_and_pending(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            redis_conn.xadd(dead, order)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("6.4", "order 2 is nowhere")
def dropped(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, _ in entries:
        if count[entry] > most:
            redis_conn.xack(stream, group, entry)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("6.4", "must be one transaction")
def given_up_in_two_commands(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            redis_conn.xadd(dead, order)
            redis_conn.xack(stream, group, entry)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("6.4", "order 2 is lost")
def acknowledged_before_kept(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            redis_conn.xack(stream, group, entry)
            redis_conn.xadd(dead, order)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("6.4", "take over only what has been pending for")
def whatever_is_pending(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, 0)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("6.4", "must have its fields")
def only_the_id_kept(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, _ in entries:
        if count[entry] > most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, {"id": entry})
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("6.4", "are to be returned")
def the_dead_returned_too(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return entries
