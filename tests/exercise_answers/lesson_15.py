"""Answers to the exercises of lesson 15."""

import json

import redis

from tests.exercise_answers import right, wrong

# 15.1


@right("15.1")
def appended_by_script(redis_conn, stream, order):
    words = [word for field in order.items() for word in field]
    return redis_conn.eval("return redis.call('XADD', KEYS[1], '*', unpack(ARGV))", 1, stream, *words)


@right("15.1")
def appended_in_a_pipeline(redis_conn, stream, order):
    return redis_conn.pipeline().xadd(stream, {**order}, id="*").execute()[0]


@wrong("15.1", "orders that were there before are gone")
def appended_to_the_last_hundred(redis_conn, stream, order):
    return redis_conn.xadd(stream, order, maxlen=100)


@wrong("15.1", "return the id of the new entry")
def appended_and_not_told(redis_conn, stream, order):
    redis_conn.xadd(stream, order)


@wrong("15.1", "XADD adds one")
def on_a_list(redis_conn, stream, order):
    return redis_conn.lpush(stream, json.dumps(order))


@wrong("15.1", "XADD adds one")
def appended_if_there_is_a_stream(redis_conn, stream, order):
    return redis_conn.xadd(stream, order, nomkstream=True)


@wrong("15.1", "with the fields of the order as they are")
def appended_as_json(redis_conn, stream, order):
    return redis_conn.xadd(stream, {"order": json.dumps(order)})


@wrong("15.1", "with the fields of the order as they are")
def appended_with_a_field_more(redis_conn, stream, order):
    return redis_conn.xadd(stream, {**order, "state": "new"})


@wrong("15.1", "orders that were there before are gone")
def appended_and_trimmed(redis_conn, stream, order):
    return redis_conn.xadd(stream, order, maxlen=10, approximate=False)


@wrong("15.1", "equal or smaller than the target stream top item")
def appended_under_an_id_of_our_own(redis_conn, stream, order):
    return redis_conn.xadd(stream, order, id="7-0")


@wrong("15.1", "nobody asked for a TTL")
def appended_for_a_day(redis_conn, stream, order):
    entry = redis_conn.xadd(stream, order)
    redis_conn.expire(stream, 86400)
    return entry


@wrong("15.1", "another id than its customer was told")
def appended_and_looked_up(redis_conn, stream, order):
    redis_conn.xadd(stream, order)
    return redis_conn.xrevrange(stream, count=1)[0][0]


@wrong("15.1", "kept it to itself")
def appended_if_possible(redis_conn, stream, order):
    try:
        return redis_conn.xadd(stream, order)
    except redis.RedisError:
        return None


# 15.2


@right("15.2")
def packed_and_done_by_script(redis_conn, stream, group, entries, pack):
    for pair in entries:
        pack(pair[1])
        redis_conn.eval("return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])", 1, stream, group, pair[0])


@right("15.2")
def packed_and_done_from_the_front(redis_conn, stream, group, entries, pack):
    waiting = list(entries)
    while waiting:
        entry, order = waiting.pop(0)
        pack(order)
        redis_conn.pipeline().xack(stream, group, entry).execute()


@wrong("15.2", "acknowledged before it was packed")
def done_before_and_errors_kept(redis_conn, stream, group, entries, pack):
    for entry, order in entries:
        redis_conn.xack(stream, group, entry)
        try:
            pack(order)
        except Exception:
            continue


@wrong("15.2", "still pending when the next one was begun")
def packed_and_never_done(redis_conn, stream, group, entries, pack):
    for _, order in entries:
        pack(order)


@wrong("15.2", "still pending when the next one was begun")
def packed_and_all_done_at_the_end(redis_conn, stream, group, entries, pack):
    for _, order in entries:
        pack(order)
    redis_conn.xack(stream, group, *[entry for entry, _ in entries])


@wrong("15.2", "acknowledged before it was packed")
def done_before_it_is_packed(redis_conn, stream, group, entries, pack):
    for entry, order in entries:
        redis_conn.xack(stream, group, entry)
        pack(order)


@wrong("15.2", "they must stay pending")
def done_whatever_happens(redis_conn, stream, group, entries, pack):
    for entry, order in entries:
        try:
            pack(order)
        finally:
            redis_conn.xack(stream, group, entry)


@wrong("15.2", "kept it to itself")
def packed_or_left_out(redis_conn, stream, group, entries, pack):
    for entry, order in entries:
        try:
            pack(order)
        except ValueError:
            continue
        redis_conn.xack(stream, group, entry)


@wrong("15.2", "with the fields of the order")
def packed_the_pair(redis_conn, stream, group, entries, pack):
    for pair in entries:
        pack(pair)
        redis_conn.xack(stream, group, pair[0])


@wrong("15.2", "Invalid stream ID")
def done_by_the_order(redis_conn, stream, group, entries, pack):
    for _, order in entries:
        pack(order)
        redis_conn.xack(stream, group, order["fruit"])


@wrong("15.2", "still pending when the next one was begun")
def done_for_the_packers(redis_conn, stream, group, entries, pack):
    for entry, order in entries:
        pack(order)
        redis_conn.xack(stream, "packers", entry)


@wrong("15.2", "still pending when the next one was begun")
def deleted_from_the_stream(redis_conn, stream, group, entries, pack):
    for entry, order in entries:
        pack(order)
        redis_conn.xdel(stream, entry)


@wrong("15.2", "kept it to itself")
def done_if_possible(redis_conn, stream, group, entries, pack):
    for entry, order in entries:
        pack(order)
        try:
            redis_conn.xack(stream, group, entry)
        except redis.RedisError:
            return


# 15.3


@right("15.3")
def own_then_new(redis_conn, stream, group, consumer, count):
    [[_, own]] = redis_conn.xreadgroup(group, consumer, {stream: 0}, count)
    if own:
        return own
    new = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count)
    return new[0][1] if new else []


@right("15.3")
def own_by_the_books(redis_conn, stream, group, consumer, count):
    own = redis_conn.xpending_range(stream, group, "-", "+", count, consumer)
    if own:
        return [redis_conn.xrange(stream, one["message_id"], one["message_id"])[0] for one in own]
    return [tuple(entry) for _, new in redis_conn.xreadgroup(group, consumer, {stream: ">"}, count) for entry in new]


@wrong("15.3", "those she was given before the crash wait for ever")
def new_ones_only(redis_conn, stream, group, consumer, count):
    found = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return found[0][1] if found else []


@wrong("15.3", "she gets the oldest new orders")
def own_ones_only(redis_conn, stream, group, consumer, count):
    return redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)[0][1]


@wrong("15.3", "she gets the oldest new orders")
def an_answer_mistaken_for_entries(redis_conn, stream, group, consumer, count):
    found = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)
    if not found:
        found = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return found[0][1] if found else []


@wrong("15.3", "an order that Bob is packing")
def everybodys(redis_conn, stream, group, consumer, count):
    _, own, *_ = redis_conn.xautoclaim(stream, group, consumer, 0, count=count)
    if own:
        return own
    found = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return found[0][1] if found else []


@wrong("15.3", "more orders than count")
def both_kinds(redis_conn, stream, group, consumer, count):
    entries = []
    for start in ("0", ">"):
        found = redis_conn.xreadgroup(group, consumer, {stream: start}, count=count)
        entries += found[0][1] if found else []
    return entries


@wrong("15.3", "must be pending under her name")
def handed_out_without_a_record(redis_conn, stream, group, consumer, count):
    for start in ("0", ">"):
        found = redis_conn.xreadgroup(group, consumer, {stream: start}, count=count, noack=True)
        if found and found[0][1]:
            return found[0][1]
    return []


@wrong("15.3", "must be pending under her name")
def acknowledged_at_once(redis_conn, stream, group, consumer, count):
    for start in ("0", ">"):
        found = redis_conn.xreadgroup(group, consumer, {stream: start}, count=count)
        if found and found[0][1]:
            redis_conn.xack(stream, group, *[entry for entry, _ in found[0][1]])
            return found[0][1]
    return []


@wrong("15.3", "return a list of (id, fields)")
def the_answer_as_it_comes(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)
    return own if own[0][1] else redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)


@wrong("15.3", "raised IndexError")
def nothing_forgotten(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)[0][1]
    return own or redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)[0][1]


@wrong("15.3", "at most count orders")
def as_many_as_there_are(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"})[0][1]
    if own:
        return own
    found = redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return found[0][1] if found else []


@right("15.3")
def entries_of_both_kinds_of_answer(redis_conn, stream, group, consumer, count):
    def read(start):
        answer = redis_conn.xreadgroup(group, consumer, {stream: start}, count=count)
        return [(entry, fields) for _, entries in answer for entry, fields in entries]

    return read("0") or read(">")


@wrong("15.3", "new orders were added to her own")
def filled_up(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)[0][1]
    if len(own) < count:
        for _, new in redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count - len(own)):
            own += new
    return own


@wrong("15.3", "NOGROUP")
def always_the_packers(redis_conn, stream, group, consumer, count):
    return own_then_new(redis_conn, stream, "packers", consumer, count)


@wrong("15.3", "she gets the oldest new orders")
def always_ann(redis_conn, stream, group, consumer, count):
    redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count)
    return []


@wrong("15.3", "must be pending under her name")
def under_another_name(redis_conn, stream, group, consumer, count):
    return own_then_new(redis_conn, stream, group, f"{consumer}-1", count)


@wrong("15.3", "waits until something comes")
def with_patience(redis_conn, stream, group, consumer, count):
    own = redis_conn.xreadgroup(group, consumer, {stream: "0"}, count=count)[0][1]
    new = [] if own else redis_conn.xreadgroup(group, consumer, {stream: ">"}, count=count, block=20)
    return own or (new[0][1] if new else [])


@wrong("15.3", "an order that Bob is packing")
def those_of_the_dead_too(redis_conn, stream, group, consumer, count):
    redis_conn.xautoclaim(stream, group, consumer, 60_000, count=count)
    return own_then_new(redis_conn, stream, group, consumer, count)


@wrong("15.3", "more new orders than `count` were taken")
def cut_off_here(redis_conn, stream, group, consumer, count):
    return own_then_new(redis_conn, stream, group, consumer, 1000)[:count]


@wrong("15.3", "kept it to itself")
def nothing_if_redis_fails(redis_conn, stream, group, consumer, count):
    try:
        return own_then_new(redis_conn, stream, group, consumer, count)
    except redis.RedisError:
        return []


@wrong("15.3", "at most count orders, the oldest first")
def ten_at_most(redis_conn, stream, group, consumer, count):
    return own_then_new(redis_conn, stream, group, consumer, min(10, count))


@wrong("15.3", "return a list of (id, fields)")
def none_for_nothing(redis_conn, stream, group, consumer, count):
    return own_then_new(redis_conn, stream, group, consumer, count) or None


# 15.4


@right("15.4")
def deliveries_by_script(redis_conn, stream, group, entry):
    script = """
        local found = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)
        if #found == 0 then return 0 end
        return found[1][4]
    """
    return redis_conn.eval(script, 1, stream, group, entry)


@right("15.4")
def deliveries_among_all(redis_conn, stream, group, entry):
    for one in redis_conn.xpending_range(stream, group, "-", "+", 100_000):
        if one["message_id"] == entry:
            return one["times_delivered"]
    return 0


@wrong("15.4", "raised IndexError")
def deliveries_of_what_is_pending(redis_conn, stream, group, entry):
    return redis_conn.xpending_range(stream, group, entry, entry, 1)[0]["times_delivered"]


@wrong("15.4", "ask for the one entry")
def deliveries_among_the_first_ten(redis_conn, stream, group, entry):
    for one in redis_conn.xpending_range(stream, group, "-", "+", 10):
        if one["message_id"] == entry:
            return one["times_delivered"]
    return 1


@wrong("15.4", "more than a thousand entries are pending")
def deliveries_among_the_first_thousand(redis_conn, stream, group, entry):
    for one in redis_conn.xpending_range(stream, group, "-", "+", 1000):
        if one["message_id"] == entry:
            return one["times_delivered"]
    return 0


@wrong("15.4", "handed out three times")
def deliveries_of_the_oldest(redis_conn, stream, group, entry):
    return redis_conn.xpending_range(stream, group, "-", "+", 1)[0]["times_delivered"]


@wrong("15.4", "handed out three times")
def how_many_are_pending(redis_conn, stream, group, entry):
    return len(redis_conn.xpending_range(stream, group, entry, entry, 1))


@wrong("15.4", "handed out once")
def deliveries_in_a_list(redis_conn, stream, group, entry):
    return [one["times_delivered"] for one in redis_conn.xpending_range(stream, group, entry, entry, 1)]


@wrong("15.4", "the answer is 0")
def deliveries_or_none(redis_conn, stream, group, entry):
    for one in redis_conn.xpending_range(stream, group, entry, entry, 1):
        return one["times_delivered"]
    return None


@wrong("15.4", "changed what it asked for")
def deliveries_after_one_more(redis_conn, stream, group, entry):
    redis_conn.xclaim(stream, group, "somebody", 0, [entry])
    return deliveries_among_all(redis_conn, stream, group, entry) - 1


@wrong("15.4", "kept it to itself")
def no_deliveries_if_redis_fails(redis_conn, stream, group, entry):
    try:
        return deliveries_among_all(redis_conn, stream, group, entry)
    except redis.RedisError:
        return 0


# 15.5


def _give_up(pipe, stream, dead, group, entry, order):
    pipe.xadd(dead, order)
    pipe.xack(stream, group, entry)
    pipe.execute()


def _claimed(redis_conn, stream, group, consumer, idle):
    entries, cursor = [], None
    while cursor != "0-0":
        cursor, page, *_ = redis_conn.xautoclaim(stream, group, consumer, idle, cursor or "0-0", count=500)
        entries += page
    return entries


def _deliveries(redis_conn, stream, group):
    pending = redis_conn.xpending_range(stream, group, "-", "+", 10_000)
    return {one["message_id"]: one["times_delivered"] for one in pending}


@right("15.5")
def claimed_and_counted_together(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    with redis_conn.pipeline() as pipe:
        for entry, order in entries:
            if count[entry] > most:
                pipe.xadd(dead, {**order, "id": entry}).xack(stream, group, entry)
        pipe.execute()
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@right("15.5")
def counted_before_claimed(redis_conn, stream, dead, group, consumer, idle, most):
    stale = redis_conn.xpending_range(stream, group, "-", "+", 10_000, idle=idle)
    count = {one["message_id"]: one["times_delivered"] + 1 for one in stale}
    to_pack = []
    for entry, order in redis_conn.xclaim(stream, group, consumer, idle, list(count)) if count else []:
        if count[entry] <= most:
            to_pack.append((entry, order))
        else:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return to_pack


@wrong("15.5", "now it went out once more")
def nothing_given_up(redis_conn, stream, dead, group, consumer, idle, most):
    return _claimed(redis_conn, stream, group, consumer, idle)


@wrong("15.5", "now it went out once more")
def counted_too_early(redis_conn, stream, dead, group, consumer, idle, most):
    count = _deliveries(redis_conn, stream, group)
    to_pack = []
    for entry, order in _claimed(redis_conn, stream, group, consumer, idle):
        if count[entry] <= most:
            to_pack.append((entry, order))
        else:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return to_pack


@wrong("15.5", "only *more* than `most` is too many")
def given_up_too_early(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] >= most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return [(entry, order) for entry, order in entries if count[entry] < most]


@wrong("15.5", "deleted from the stream")
def dead_and_deleted(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            redis_conn.pipeline().xadd(dead, order).xack(stream, group, entry).xdel(stream, entry).execute()
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("15.5", "still pending")
def dead_and_pending(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            redis_conn.xadd(dead, order)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("15.5", "still pending")
def done_for_the_packers_of_the_notebook(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            _give_up(redis_conn.pipeline(), stream, dead, "packers", entry, order)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("15.5", "order 2 is nowhere")
def dropped(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, _ in entries:
        if count[entry] > most:
            redis_conn.xack(stream, group, entry)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("15.5", "is pending and dead at once")
def given_up_in_two_commands(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            redis_conn.xadd(dead, order)
            redis_conn.xack(stream, group, entry)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("15.5", "an order that is given up is lost")
def acknowledged_before_kept(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            redis_conn.xack(stream, group, entry)
            redis_conn.xadd(dead, order)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("15.5", "take over only what has been pending for")
def whatever_is_pending(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, 0)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("15.5", "must have its fields")
def only_the_id_kept(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, _ in entries:
        if count[entry] > most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, {"id": entry})
    return [(entry, order) for entry, order in entries if count[entry] <= most]


@wrong("15.5", "are to be returned")
def the_dead_returned_too(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    for entry, order in entries:
        if count[entry] > most:
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return entries


@right("15.5")
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


@right("15.5")
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


@wrong("15.5", "130 orders had been pending")
def claimed_once(redis_conn, stream, dead, group, consumer, idle, most):
    entries = redis_conn.xautoclaim(stream, group, consumer, idle, "0-0")[1]
    count = _deliveries(redis_conn, stream, group)
    return _claim(redis_conn, stream, dead, group, consumer, idle, most, entries, count)


@wrong("15.5", "1,200 orders were handed out just now")
def claimed_until_a_page_is_empty(redis_conn, stream, dead, group, consumer, idle, most):
    entries, cursor = [], "0-0"
    while True:
        cursor, page, *_ = redis_conn.xautoclaim(stream, group, consumer, idle, cursor)
        entries += page
        if not page or cursor == "0-0":
            break
    count = _deliveries(redis_conn, stream, group)
    return _claim(redis_conn, stream, dead, group, consumer, idle, most, entries, count)


@wrong("15.5", "130 orders had been pending")
def claimed_ten(redis_conn, stream, dead, group, consumer, idle, most):
    _, entries, *_ = redis_conn.xautoclaim(stream, group, consumer, idle, count=10)
    count = _deliveries(redis_conn, stream, group)
    return _claim(redis_conn, stream, dead, group, consumer, idle, most, entries, count)


@wrong("15.5", "130 orders had been pending")
def counted_ten(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    pending = redis_conn.xpending_range(stream, group, "-", "+", 10)
    count = {one["message_id"]: one["times_delivered"] for one in pending}
    return _claim(redis_conn, stream, dead, group, consumer, idle, most, entries, count)


@wrong("15.5", "were left with the worker that died")
def claimed_one(redis_conn, stream, dead, group, consumer, idle, most):
    _, entries, *_ = redis_conn.xautoclaim(stream, group, consumer, idle, count=1)
    count = _deliveries(redis_conn, stream, group)
    return _claim(redis_conn, stream, dead, group, consumer, idle, most, entries, count)


@wrong("15.5", "NOGROUP")
def claimed_from_the_packers(redis_conn, stream, dead, group, consumer, idle, most):
    return claimed_and_counted_together(redis_conn, stream, dead, "packers", consumer, idle, most)


@wrong("15.5", "kept it to itself")
def claimed_if_redis_likes(redis_conn, stream, dead, group, consumer, idle, most):
    try:
        return claimed_and_counted_together(redis_conn, stream, dead, group, consumer, idle, most)
    except redis.RedisError:
        return []


@wrong("15.5", "order 4 is being packed")
def given_up_by_the_count_alone(redis_conn, stream, dead, group, consumer, idle, most):
    for entry, times in _deliveries(redis_conn, stream, group).items():
        if times > most:
            ((_, order),) = redis_conn.xrange(stream, entry, entry)
            _give_up(redis_conn.pipeline(), stream, dead, group, entry, order)
    return claimed_and_counted_together(redis_conn, stream, dead, group, consumer, idle, most)


@wrong("15.5", "must stay there")
def only_the_last_letters_kept(redis_conn, stream, dead, group, consumer, idle, most):
    to_pack = claimed_and_counted_together(redis_conn, stream, dead, group, consumer, idle, most)
    redis_conn.xtrim(dead, maxlen=2, approximate=False)
    return to_pack


@wrong("15.5", "pending under the new name")
def handed_to_somebody_else(redis_conn, stream, dead, group, consumer, idle, most):
    return claimed_and_counted_together(redis_conn, stream, dead, group, "recovery", idle, most)


@wrong("15.5", "return a list of (id, fields)")
def nothing_for_nothing(redis_conn, stream, dead, group, consumer, idle, most):
    return claimed_and_counted_together(redis_conn, stream, dead, group, consumer, idle, most) or None


@wrong("15.5", "an order that nobody has packed is acknowledged")
def acknowledged_before_it_is_returned(redis_conn, stream, dead, group, consumer, idle, most):
    entries = _claimed(redis_conn, stream, group, consumer, idle)
    count = _deliveries(redis_conn, stream, group)
    to_pack = _claim(redis_conn, stream, dead, group, consumer, idle, most, entries, count)
    for entry, _ in to_pack:
        redis_conn.xack(stream, group, entry)
        redis_conn.xclaim(stream, group, consumer, 0, [entry], force=True, retrycount=count[entry])
    return to_pack
