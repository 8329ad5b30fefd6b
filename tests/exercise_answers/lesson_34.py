"""Answers to the exercises of lesson 34."""

import time

import redis

from tests.exercise_answers import right, wrong

# 34.1


@right("34.1")
def safe_by_two_questions(redis_conn):
    for name, wanted in {"appendonly": "yes", "appendfsync": "always"}.items():
        if redis_conn.config_get(name)[name] != wanted:
            return False
    return True


@right("34.1")
def safe_by_a_pattern_and_info(redis_conn):
    when = redis_conn.config_get("append*")["appendfsync"]
    return bool(redis_conn.info("persistence")["aof_enabled"]) and when == "always"


@wrong("34.1", "a power cut takes it")
def safe_when_the_log_is_on(redis_conn):
    return redis_conn.config_get("appendonly")["appendonly"] == "yes"


@wrong("34.1", "the log is off")
def safe_by_appendfsync_alone(redis_conn):
    return redis_conn.config_get("appendfsync")["appendfsync"] == "always"


@wrong("34.1", "a power cut takes it")
def safe_when_it_is_not_no(redis_conn):
    log = redis_conn.config_get("appendonly")["appendonly"]
    return log == "yes" and redis_conn.config_get("appendfsync")["appendfsync"] != "no"


@wrong("34.1", "the shop stays shut")
def safe_as_boolean(redis_conn):
    log = redis_conn.config_get("appendonly")["appendonly"]
    return log is True and redis_conn.config_get("appendfsync")["appendfsync"] == "always"


@wrong("34.1", "the log is off")
def safe_when_one_of_both(redis_conn):
    log = redis_conn.config_get("appendonly")["appendonly"]
    return log == "yes" or redis_conn.config_get("appendfsync")["appendfsync"] == "always"


@wrong("34.1", "return True or False")
def safe_as_text(redis_conn):
    log = redis_conn.config_get("appendonly")["appendonly"]
    return log if redis_conn.config_get("appendfsync")["appendfsync"] == "always" else False


@wrong("34.1", "kept it to itself")
def safe_without_errors(redis_conn):
    try:
        return safe_by_two_questions(redis_conn)
    except redis.RedisError:
        return False


# 34.2


def _forget(redis_conn, prefix):
    keys = list(redis_conn.scan_iter(match=prefix + "*", count=1000))
    if keys:
        redis_conn.unlink(*keys)


@right("34.2")
def forgotten_all_at_once(redis_conn, mark, prefix):
    now = redis_conn.info()["run_id"]
    if redis_conn.get(mark) != now:
        _forget(redis_conn, prefix)
        redis_conn.set(mark, now)
        return True
    return False


@right("34.2")
def forgotten_by_hand(redis_conn, mark, prefix):
    noted, now = redis_conn.get(mark), redis_conn.info("server")["run_id"]
    if noted == now:
        return False
    cursor = 0
    while True:
        cursor, keys = redis_conn.scan(cursor, match=prefix + "*", count=500)
        if keys:
            redis_conn.delete(*keys)
        if cursor == 0:
            redis_conn.set(mark, now)
            return True


@wrong("34.2", "nobody will ever delete them")
def forgotten_after_the_mark(redis_conn, mark, prefix):
    now = redis_conn.info("server")["run_id"]
    if redis_conn.get(mark) == now:
        return False
    redis_conn.set(mark, now)
    _forget(redis_conn, prefix)
    return True


@wrong("34.2", "nobody will ever delete them")
def forgotten_by_getset(redis_conn, mark, prefix):
    now = redis_conn.info("server")["run_id"]
    if redis_conn.getset(mark, now) == now:
        return False
    _forget(redis_conn, prefix)
    return True


@wrong("34.2", "does not hold the server's run_id")
def forgotten_and_not_noted(redis_conn, mark, prefix):
    if redis_conn.get(mark) == redis_conn.info("server")["run_id"]:
        return False
    _forget(redis_conn, prefix)
    return True


@wrong("34.2", "each call sends all readers")
def forgotten_each_time(redis_conn, mark, prefix):
    _forget(redis_conn, prefix)
    redis_conn.set(mark, redis_conn.info("server")["run_id"])
    return True


@wrong("34.2", "an old copy is still there")
def forgotten_one_page(redis_conn, mark, prefix):
    now = redis_conn.info("server")["run_id"]
    if redis_conn.get(mark) == now:
        return False
    keys = redis_conn.scan(0, match=prefix + "*", count=1000)[1]
    if keys:
        redis_conn.unlink(*keys)
    redis_conn.set(mark, now)
    return True


@wrong("34.2", "a key that is not its own")
def forgotten_with_neighbours(redis_conn, mark, prefix):
    now = redis_conn.info("server")["run_id"]
    if redis_conn.get(mark) == now:
        return False
    _forget(redis_conn, prefix[:-1])
    redis_conn.set(mark, now)
    return True


@wrong("34.2", "an old copy is still there")
def forgotten_only_with_a_mark(redis_conn, mark, prefix):
    noted, now = redis_conn.get(mark), redis_conn.info("server")["run_id"]
    if noted is None or noted == now:
        redis_conn.set(mark, now)
        return False
    _forget(redis_conn, prefix)
    redis_conn.set(mark, now)
    return True


@wrong("34.2", "nobody asked for a TTL")
def forgotten_for_an_hour(redis_conn, mark, prefix):
    now = redis_conn.info("server")["run_id"]
    if redis_conn.get(mark) == now:
        return False
    _forget(redis_conn, prefix)
    redis_conn.set(mark, now, ex=3600)
    return True


@wrong("34.2", "return True when the copies were deleted")
def forgotten_silently(redis_conn, mark, prefix):
    now = redis_conn.info("server")["run_id"]
    if redis_conn.get(mark) == now:
        return
    _forget(redis_conn, prefix)
    redis_conn.set(mark, now)


@wrong("34.2", "kept it to itself")
def forgotten_without_errors(redis_conn, mark, prefix):
    try:
        return forgotten_by_hand(redis_conn, mark, prefix)
    except redis.RedisError:
        return False


@wrong("34.2", "belongs to somebody else")
def forgotten_wherever_it_stands(redis_conn, mark, prefix):
    now = redis_conn.info("server")["run_id"]
    if redis_conn.get(mark) == now:
        return False
    _forget(redis_conn, "*" + prefix)
    redis_conn.set(mark, now)
    return True


@wrong("34.2", "the copies that came back are still there")
def forgotten_and_asked_again(redis_conn, mark, prefix):
    if redis_conn.get(mark) == redis_conn.info("server")["run_id"]:
        return False
    _forget(redis_conn, prefix)
    redis_conn.set(mark, redis_conn.info("server")["run_id"])
    return True


@right("34.2")
def forgotten_until_it_stays(redis_conn, mark, prefix):
    now = redis_conn.info("server")["run_id"]
    if redis_conn.get(mark) == now:
        return False
    while True:
        _forget(redis_conn, prefix)
        after = redis_conn.info("server")["run_id"]
        if after == now:
            redis_conn.set(mark, now)
            return True
        now = after


# 34.3


@right("34.3")
def danger_by_the_whole_info(redis_conn, most):
    told = redis_conn.info()
    return told["rdb_last_bgsave_status"] == "err" or told["rdb_changes_since_last_save"] >= most + 1


@right("34.3")
def danger_turned_round(redis_conn, most):
    told = redis_conn.info("persistence")
    return not (told["rdb_last_bgsave_status"] == "ok" and told["rdb_changes_since_last_save"] <= most)


@right("34.3")
def danger_when_nobody_answers(redis_conn, most):
    try:
        return danger_turned_round(redis_conn, most)
    except redis.RedisError:
        return True


@wrong("34.3", "the last snapshot has failed")
def danger_by_changes_only(redis_conn, most):
    return redis_conn.info("persistence")["rdb_changes_since_last_save"] > most


@wrong("34.3", "more changes than `most`")
def danger_by_status_only(redis_conn, most):
    return redis_conn.info("persistence")["rdb_last_bgsave_status"] != "ok"


@wrong("34.3", "nobody is to be woken up")
def danger_at_most(redis_conn, most):
    told = redis_conn.info("persistence")
    return told["rdb_last_bgsave_status"] != "ok" or told["rdb_changes_since_last_save"] >= most


@wrong("34.3", "more changes than `most`")
def danger_when_both(redis_conn, most):
    told = redis_conn.info("persistence")
    return told["rdb_last_bgsave_status"] != "ok" and told["rdb_changes_since_last_save"] > most


@wrong("34.3", "more changes than `most`")
def danger_by_keys(redis_conn, most):
    return redis_conn.info("persistence")["rdb_last_bgsave_status"] != "ok" or redis_conn.dbsize() > most + 1


@wrong("34.3", "the last snapshot has failed")
def danger_of_the_log(redis_conn, most):
    told = redis_conn.info("persistence")
    return told["aof_last_write_status"] != "ok" or told["rdb_changes_since_last_save"] > most


@wrong("34.3", "return True or False")
def danger_or_nothing(redis_conn, most):
    told = redis_conn.info("persistence")
    if told["rdb_last_bgsave_status"] != "ok":
        return True
    if told["rdb_changes_since_last_save"] > most:
        return True


@wrong("34.3", "there is no danger: nobody knows that")
def danger_without_errors(redis_conn, most):
    try:
        return danger_turned_round(redis_conn, most)
    except redis.RedisError:
        return False


# 34.4


@right("34.4")
def noted_with_if(redis_conn, queue, order, milliseconds):
    redis_conn.rpush(queue, order)
    replicas = redis_conn.execute_command("WAIT", 1, milliseconds)
    sure = replicas > 0
    return sure


@right("34.4")
def noted_in_one_message(redis_conn, queue, order, milliseconds):
    pipe = redis_conn.pipeline(transaction=False)
    pipe.rpush(queue, order)
    pipe.wait(1, milliseconds)
    return pipe.execute()[1] > 0


@wrong("34.4", "A worker may have had it already")
def noted_and_taken_back(redis_conn, queue, order, milliseconds):
    redis_conn.rpush(queue, order)
    if redis_conn.wait(1, milliseconds) >= 1:
        return True
    redis_conn.lrem(queue, -1, order)
    return False


@wrong("34.4", "more than once")
def noted_again(redis_conn, queue, order, milliseconds):
    for _ in range(2):
        redis_conn.rpush(queue, order)
        if redis_conn.wait(1, milliseconds) >= 1:
            return True
    return False


@wrong("34.4", "one was asked for, and your function says False")
def noted_by_exactly_one(redis_conn, queue, order, milliseconds):
    redis_conn.rpush(queue, order)
    return redis_conn.wait(1, milliseconds) == 1


@wrong("34.4", "says True")
def noted_and_sure(redis_conn, queue, order, milliseconds):
    redis_conn.rpush(queue, order)
    redis_conn.wait(1, milliseconds)
    return True


@wrong("34.4", "says True")
def noted_in_multi(redis_conn, queue, order, milliseconds):
    with redis_conn.pipeline() as pipe:
        pipe.rpush(queue, order)
        pipe.wait(1, milliseconds)
        return pipe.execute()[1] >= 1


@wrong("34.4", "return True or False")
def noted_as_number(redis_conn, queue, order, milliseconds):
    redis_conn.rpush(queue, order)
    return redis_conn.wait(1, milliseconds)


@wrong("34.4", "the order comes in at the right end")
def noted_at_the_left(redis_conn, queue, order, milliseconds):
    redis_conn.lpush(queue, order)
    return redis_conn.wait(1, milliseconds) >= 1


@wrong("34.4", "did not wait for it")
def noted_in_haste(redis_conn, queue, order, milliseconds):
    redis_conn.rpush(queue, order)
    return redis_conn.wait(1, 10) >= 1


@wrong("34.4", "waits much longer than")
def noted_with_patience(redis_conn, queue, order, milliseconds):
    redis_conn.rpush(queue, order)
    return redis_conn.wait(1, 1500) >= 1


@wrong("34.4", "is in the list again")
def noted_by_looking(redis_conn, queue, order, milliseconds):
    redis_conn.rpush(queue, order)
    sure = redis_conn.wait(1, milliseconds) >= 1
    if order not in redis_conn.lrange(queue, 0, -1):
        redis_conn.rpush(queue, order)
    return sure


@wrong("34.4", "WAIT was sent before the order")
def noted_after_waiting(redis_conn, queue, order, milliseconds):
    sure = redis_conn.wait(1, milliseconds) >= 0
    redis_conn.rpush(queue, order)
    return sure


@wrong("34.4", "kept it to itself")
def noted_without_errors(redis_conn, queue, order, milliseconds):
    try:
        redis_conn.rpush(queue, order)
        return redis_conn.wait(1, milliseconds) >= 1
    except redis.RedisError:
        return False


@wrong("34.4", "WAIT was sent before the order")
def noted_after_asking(redis_conn, queue, order, milliseconds):
    sure = redis_conn.wait(1, milliseconds) >= 1
    redis_conn.rpush(queue, order)
    return sure


@wrong("34.4", "your function waits on")
def noted_by_two(redis_conn, queue, order, milliseconds):
    redis_conn.rpush(queue, order)
    return redis_conn.wait(2, milliseconds) >= 1


@wrong("34.4", "your function waits on")
def noted_after_sleeping(redis_conn, queue, order, milliseconds):
    redis_conn.rpush(queue, order)
    time.sleep(milliseconds / 1000)
    return redis_conn.wait(1, 1) >= 1


@wrong("34.4", ",000 replicas, and waits for 1 millisecond")
def noted_turned_round(redis_conn, queue, order, milliseconds):
    redis_conn.rpush(queue, order)
    return redis_conn.wait(milliseconds, 1) >= 1
