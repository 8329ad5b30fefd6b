"""Answers to the exercises of lesson 16."""

import time

import redis

from tests.exercise_answers import right, wrong

# 16.1


@right("16.1")
def acknowledged_in_a_pipeline(redis_conn, stream, group, job_id, order, pack):
    pack(redis_conn, order)
    with redis_conn.pipeline() as pipe:
        pipe.xack(stream, group, job_id)
        pipe.execute()


@right("16.1")
def acknowledged_by_script(redis_conn, stream, group, job_id, order, pack):
    pack(redis_conn, order)
    redis_conn.eval("return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])", 1, stream, group, job_id)


@right("16.1")
def acknowledged_if_nothing_was_raised(redis_conn, stream, group, job_id, order, pack):
    try:
        pack(redis_conn, order)
    except Exception as problem:
        raise RuntimeError(f"could not pack {order}") from problem
    else:
        redis_conn.xack(stream, group, job_id)


@wrong("16.1", "its job is still pending")
def never_acknowledged(redis_conn, stream, group, job_id, order, pack):
    return pack(redis_conn, order)


@wrong("16.1", "acknowledged before it was packed")
def acknowledged_before(redis_conn, stream, group, job_id, order, pack):
    redis_conn.xack(stream, group, job_id)
    pack(redis_conn, order)


@wrong("16.1", "acknowledge only what is packed")
def acknowledged_in_any_case(redis_conn, stream, group, job_id, order, pack):
    try:
        pack(redis_conn, order)
    finally:
        redis_conn.xack(stream, group, job_id)


@wrong("16.1", "kept that to itself")
def error_of_pack_swallowed(redis_conn, stream, group, job_id, order, pack):
    try:
        pack(redis_conn, order)
        redis_conn.xack(stream, group, job_id)
    except Exception:
        pass


@wrong("16.1", "its job is still pending")
def deleted_from_the_stream(redis_conn, stream, group, job_id, order, pack):
    pack(redis_conn, order)
    redis_conn.xdel(stream, job_id)


@wrong("16.1", "the stream must keep its jobs")
def acknowledged_and_deleted(redis_conn, stream, group, job_id, order, pack):
    pack(redis_conn, order)
    redis_conn.xack(stream, group, job_id)
    redis_conn.xdel(stream, job_id)


@wrong("16.1", "its job is still pending")
def words_mixed_up(redis_conn, stream, group, job_id, order, pack):
    pack(redis_conn, order)
    redis_conn.xack(stream, job_id, group)


@wrong("16.1", "jobs that other workers are packing were acknowledged too")
def all_of_the_group(redis_conn, stream, group, job_id, order, pack):
    pack(redis_conn, order)
    for pending in redis_conn.xpending_range(stream, group, "-", "+", 100):
        redis_conn.xack(stream, group, pending["message_id"])


@wrong("16.1", "the order is to be packed, once")
def only_acknowledged(redis_conn, stream, group, job_id, order, pack):
    redis_conn.xack(stream, group, job_id)


@wrong("16.1", "kept it to itself")
def error_of_redis_swallowed(redis_conn, stream, group, job_id, order, pack):
    pack(redis_conn, order)
    try:
        redis_conn.xack(stream, group, job_id)
    except redis.RedisError:
        pass


# 16.2

LATER_LINES = """
local id = redis.call('XADD', KEYS[1], '*', 'order', ARGV[1])
redis.call('SET', KEYS[2], id, 'EX', 86400)
return id
"""
KNOWN = "local known = redis.call('GET', KEYS[2])\n"


@right("16.2")
def put_the_other_way_round(redis_conn, stream, mark, order):
    script = """
    local known = redis.call('GET', KEYS[2])
    if not known then
      known = redis.call('XADD', KEYS[1], '*', 'order', ARGV[1])
      redis.call('SET', KEYS[2], known, 'EX', 86400)
    end
    return known
    """
    return redis_conn.register_script(script)(keys=[stream, mark], args=[order])


@right("16.2")
def put_by_a_look_that_is_watched(redis_conn, stream, mark, order):
    def put(pipe):
        known = pipe.get(mark)
        if known:
            pipe.multi()
            return known
        seconds, microseconds = pipe.time()
        job_id = f"{seconds * 1000 + microseconds // 1000}-0"
        last = pipe.xrevrange(stream, count=1)
        if last and int(last[0][0].split("-")[0]) >= int(job_id.split("-")[0]):
            job_id = f"{int(last[0][0].split('-')[0]) + 1}-0"
        pipe.multi()
        pipe.xadd(stream, {"order": order}, id=job_id)
        pipe.set(mark, job_id, ex=86400)
        return job_id

    return redis_conn.transaction(put, stream, mark, value_from_callable=True)


@right("16.2")
def mark_renewed_when_put_again(redis_conn, stream, mark, order):
    script = KNOWN + "if known then redis.call('EXPIRE', KEYS[2], 86400) return known end" + LATER_LINES
    return redis_conn.eval(script, 2, stream, mark, order)


@wrong("16.2", "two jobs: two boxes")
def never_looked(redis_conn, stream, mark, order):
    return redis_conn.eval(KNOWN + LATER_LINES, 2, stream, mark, order)


@wrong("16.2", "its id must come back")
def known_and_nothing_returned(redis_conn, stream, mark, order):
    return redis_conn.eval(KNOWN + "if known then return end" + LATER_LINES, 2, stream, mark, order)


@wrong("16.2", "the order must be in the stream")
def the_condition_turned_round(redis_conn, stream, mark, order):
    return redis_conn.eval(KNOWN + "if not known then return known end" + LATER_LINES, 2, stream, mark, order)


@wrong("16.2", "the order must be in the stream")
def asked_for_nil_where_false_comes(redis_conn, stream, mark, order):
    return redis_conn.eval(KNOWN + "if known ~= nil then return known end" + LATER_LINES, 2, stream, mark, order)


@wrong("16.2", "two jobs: two boxes")
def compared_with_nil(redis_conn, stream, mark, order):
    script = KNOWN + "if known == ARGV[1] then return known end" + LATER_LINES
    return redis_conn.eval(script, 2, stream, mark, order)


@wrong("16.2", "the connection broke, the order was put again")
def put_and_then_marked(redis_conn, stream, mark, order):
    known = redis_conn.get(mark)
    if known:
        return known
    job_id = redis_conn.xadd(stream, {"order": order})
    redis_conn.set(mark, job_id, ex=86400)
    return job_id


@wrong("16.2", "each order leaves a key for ever")
def a_mark_for_ever(redis_conn, stream, mark, order):
    script = (
        KNOWN
        + """
    if known then return known end
    local id = redis.call('XADD', KEYS[1], '*', 'order', ARGV[1])
    redis.call('SET', KEYS[2], id)
    return id
    """
    )
    return redis_conn.eval(script, 2, stream, mark, order)


@wrong("16.2", "raised ResponseError")
def an_end_forgotten(redis_conn, stream, mark, order):
    return redis_conn.eval(KNOWN + "if known then return known" + LATER_LINES, 2, stream, mark, order)


@wrong("16.2", "another order with another mark was not put")
def one_order_for_all(redis_conn, stream, mark, order):
    script = "local all = redis.call('XRANGE', KEYS[1], '-', '+') if #all > 0 then return all[1][1] end" + LATER_LINES
    return redis_conn.eval(script, 2, stream, mark, order)


# 16.3


@right("16.3")
def an_if_for_nothing(redis_conn, stream, group, name, seconds):
    block = round(1000 * seconds)
    if block < 1:
        block = 1
    reply = redis_conn.xreadgroup(group, name, {stream: ">"}, count=1, block=block)
    return reply[0][1][0] if reply else None


@right("16.3")
def without_block_when_there_is_no_time(redis_conn, stream, group, name, seconds):
    block = int(1000 * seconds) or None
    reply = redis_conn.xreadgroup(group, name, {stream: ">"}, count=1, block=block)
    if not reply:
        return None
    return reply[0][1][0]


@right("16.3")
def rounded_up(redis_conn, stream, group, name, seconds):
    reply = redis_conn.xreadgroup(group, name, {stream: ">"}, count=1, block=int(1000 * seconds) + 1)
    if reply:
        return tuple(reply[0][1][0])
    return None


@wrong("16.3", "with 0, `BLOCK` waits for ever")
def as_it_was(redis_conn, stream, group, name, seconds):
    block = int(1000 * seconds)
    reply = redis_conn.xreadgroup(group, name, {stream: ">"}, count=1, block=block)
    return reply[0][1][0] if reply else None


@wrong("16.3", "with 0, `BLOCK` waits for ever")
def only_zero_seconds_seen(redis_conn, stream, group, name, seconds):
    block = None if seconds == 0 else round(1000 * seconds)
    reply = redis_conn.xreadgroup(group, name, {stream: ">"}, count=1, block=block)
    return reply[0][1][0] if reply else None


@wrong("16.3", "gave up too early")
def never_waits(redis_conn, stream, group, name, seconds):
    reply = redis_conn.xreadgroup(group, name, {stream: ">"}, count=1)
    return reply[0][1][0] if reply else None


@wrong("16.3", "gave up too early")
def seconds_for_milliseconds(redis_conn, stream, group, name, seconds):
    reply = redis_conn.xreadgroup(group, name, {stream: ">"}, count=1, block=max(1, round(seconds)))
    return reply[0][1][0] if reply else None


@wrong("16.3", "had not waited for it")
def a_sleep_instead_of_a_wait(redis_conn, stream, group, name, seconds):
    reply = redis_conn.xreadgroup(group, name, {stream: ">"}, count=1)
    if not reply:
        time.sleep(seconds)
        return None
    return reply[0][1][0]


@wrong("16.3", "return the job as (id, fields)")
def the_whole_reply(redis_conn, stream, group, name, seconds):
    return redis_conn.xreadgroup(group, name, {stream: ">"}, count=1, block=max(1, round(1000 * seconds))) or None


@wrong("16.3", "one job is to be taken")
def as_many_as_there_are(redis_conn, stream, group, name, seconds):
    reply = redis_conn.xreadgroup(group, name, {stream: ">"}, block=max(1, round(1000 * seconds)))
    return reply[0][1][0] if reply else None


@wrong("16.3", "with 0 seconds, a job that waits is taken too")
def nothing_at_all_for_zero(redis_conn, stream, group, name, seconds):
    if seconds < 0.001:
        return None
    reply = redis_conn.xreadgroup(group, name, {stream: ">"}, count=1, block=round(1000 * seconds))
    return reply[0][1][0] if reply else None


# 16.4


@right("16.4")
def later_by_script(redis_conn, later, order, seconds):
    script = "return redis.call('ZADD', KEYS[1], redis.call('TIME')[1] + ARGV[2], ARGV[1])"
    redis_conn.eval(script, 1, later, order, seconds)


@right("16.4")
def with_microseconds(redis_conn, later, order, seconds):
    now, microseconds = redis_conn.time()
    redis_conn.zadd(later, {order: now + microseconds / 1_000_000 + seconds})


@wrong("16.4", "the clock of your program")
def by_the_clock_of_the_program(redis_conn, later, order, seconds):
    redis_conn.zadd(later, {order: int(time.time()) + seconds})


@wrong("16.4", "the score must say *when*")
def how_long_instead_of_when(redis_conn, later, order, seconds):
    redis_conn.zadd(later, {order: seconds})


@wrong("16.4", "due at another time")
def due_at_once(redis_conn, later, order, seconds):
    redis_conn.zadd(later, {order: redis_conn.time()[0]})


@wrong("16.4", "due at another time")
def in_milliseconds(redis_conn, later, order, seconds):
    redis_conn.zadd(later, {order: 1000 * (redis_conn.time()[0] + seconds)})


@wrong("16.4", "due at another time")
def only_new_ones(redis_conn, later, order, seconds):
    redis_conn.zadd(later, {order: redis_conn.time()[0] + seconds}, nx=True)


@wrong("16.4", "raised")
def the_reply_of_time_taken_for_a_number(redis_conn, later, order, seconds):
    redis_conn.zadd(later, {order: redis_conn.time() + seconds})


@wrong("16.4", "a score that is no number")
def score_given_as_the_member(redis_conn, later, order, seconds):
    redis_conn.zadd(later, {redis_conn.time()[0] + seconds: order})


@wrong("16.4", "`zadd` wants two things")
def member_and_score_without_a_dict(redis_conn, later, order, seconds):
    redis_conn.zadd(later, order, redis_conn.time()[0] + seconds)


@wrong("16.4", "it will never be packed")
def member_and_score_mixed_up(redis_conn, later, order, seconds):
    redis_conn.zadd(later, {str(redis_conn.time()[0] + seconds): 1})


# 16.5


def _now(redis_conn):
    return redis_conn.time()[0]


@right("16.5")
def one_after_the_other(redis_conn, later, put):
    while True:
        found = redis_conn.zrangebyscore(later, "-inf", _now(redis_conn), start=0, num=1)
        if not found:
            return
        put(found[0])
        redis_conn.zrem(later, found[0])


@right("16.5")
def all_put_then_all_taken_out(redis_conn, later, put):
    due = redis_conn.zrange(later, "-inf", _now(redis_conn), byscore=True)
    for order in due:
        put(order)
    if due:
        redis_conn.zrem(later, *due)


@wrong("16.5", "taken out before it was put")
def taken_out_first(redis_conn, later, put):
    for order in redis_conn.zrange(later, 0, _now(redis_conn), byscore=True):
        redis_conn.zrem(later, order)
        put(order)


@wrong("16.5", "taken out before it was put")
def whoever_takes_it_out_puts_it(redis_conn, later, put):
    for order in redis_conn.zrange(later, 0, _now(redis_conn), byscore=True):
        if redis_conn.zrem(later, order) == 1:
            put(order)


@wrong("16.5", "an order is lost")
def a_range_taken_out(redis_conn, later, put):
    now = _now(redis_conn)
    for order in redis_conn.zrange(later, 0, now, byscore=True):
        put(order)
    redis_conn.zremrangebyscore(later, 0, now)


@wrong("16.5", "still waits in the sorted set")
def never_taken_out(redis_conn, later, put):
    for order in redis_conn.zrange(later, 0, _now(redis_conn), byscore=True):
        put(order)


@wrong("16.5", "`ZREM` was sent without a member")
def all_taken_out_where_none_is_due(redis_conn, later, put):
    due = redis_conn.zrange(later, 0, _now(redis_conn), byscore=True)
    for order in due:
        put(order)
    redis_conn.zrem(later, *due)


@wrong("16.5", "that is not due yet")
def by_the_place(redis_conn, later, put):
    for order in redis_conn.zrange(later, 0, _now(redis_conn)):
        put(order)
        redis_conn.zrem(later, order)


@wrong("16.5", "another clock may be late: ask `TIME`")
def by_the_programs_clock(redis_conn, later, put):
    for order in redis_conn.zrange(later, 0, int(time.time()), byscore=True):
        put(order)
        redis_conn.zrem(later, order)


@wrong("16.5", "put got something that is no order")
def the_score_put_too(redis_conn, later, put):
    for order in redis_conn.zrange(later, 0, _now(redis_conn), byscore=True, withscores=True):
        put(order)
        redis_conn.zrem(later, order[0])


@wrong("16.5", "put got something that is no order")
def the_key_put_instead_of_the_orders(redis_conn, later, put):
    if redis_conn.zrange(later, 0, _now(redis_conn), byscore=True):
        put(later)


@wrong("16.5", "was not put: its customer waits")
def only_the_first_hundred(redis_conn, later, put):
    for order in redis_conn.zrange(later, 0, _now(redis_conn), byscore=True, offset=0, num=100):
        put(order)
        redis_conn.zrem(later, order)


@wrong("16.5", "was not put: its customer waits")
def not_the_one_that_is_due_now(redis_conn, later, put):
    for order in redis_conn.zrange(later, 0, _now(redis_conn) - 1, byscore=True):
        put(order)
        redis_conn.zrem(later, order)


@wrong("16.5", "put failed, and its order is lost")
def taken_out_in_any_case(redis_conn, later, put):
    for order in redis_conn.zrange(later, 0, _now(redis_conn), byscore=True):
        try:
            put(order)
        finally:
            redis_conn.zrem(later, order)


@wrong("16.5", "put failed, and your function kept that to itself")
def errors_of_put_swallowed(redis_conn, later, put):
    for order in redis_conn.zrange(later, 0, _now(redis_conn), byscore=True):
        try:
            put(order)
        except Exception:
            continue
        redis_conn.zrem(later, order)
