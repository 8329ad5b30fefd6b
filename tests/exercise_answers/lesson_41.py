"""Answers to the exercises of lesson 41."""

import contextlib
import time
from time import monotonic, sleep

import redis
from redis.exceptions import ClusterDownError

from tests.exercise_answers import right, wrong

PASS = (redis.ConnectionError, redis.TimeoutError, ClusterDownError)

# 41.1


@right("41.1")
def behind_by_role(redis_conn):
    _, sent, replicas = redis_conn.role()
    return max((int(sent) - int(replica[2]) for replica in replicas), default=None)


@right("41.1")
def behind_by_least_offset(redis_conn):
    told = redis_conn.info("replication")
    offsets = [told[f"slave{number}"]["offset"] for number in range(told["connected_slaves"])]
    if not offsets:
        return None
    return told["master_repl_offset"] - min(offsets)


@right("41.1")
def behind_by_names(redis_conn):
    told = redis_conn.info()
    farthest = None
    for name, value in told.items():
        if name.startswith("slave") and isinstance(value, dict):
            behind = told["master_repl_offset"] - value["offset"]
            if farthest is None or behind > farthest:
                farthest = behind
    return farthest


@wrong("41.1", "raised KeyError")
def behind_with_a_replica_always(redis_conn):
    told = redis_conn.info("replication")
    return told["master_repl_offset"] - told["slave0"]["offset"]


@wrong("41.1", "it may be the one that takes over")
def behind_of_the_first(redis_conn):
    told = redis_conn.info("replication")
    if told["connected_slaves"] == 0:
        return None
    return told["master_repl_offset"] - told["slave0"]["offset"]


@wrong("41.1", "it may be the one that takes over")
def behind_of_the_last(redis_conn):
    told = redis_conn.info("replication")
    behind = None
    for number in range(told["connected_slaves"]):
        behind = told["master_repl_offset"] - told[f"slave{number}"]["offset"]
    return behind


@wrong("41.1", "it may be the one that takes over")
def behind_of_the_nearest(redis_conn):
    told = redis_conn.info("replication")
    replicas = [told[f"slave{number}"] for number in range(told["connected_slaves"])]
    return min((told["master_repl_offset"] - replica["offset"] for replica in replicas), default=None)


@wrong("41.1", "less than 0")
def behind_backwards(redis_conn):
    told = redis_conn.info("replication")
    replicas = [told[f"slave{number}"] for number in range(told["connected_slaves"])]
    return max((replica["offset"] - told["master_repl_offset"] for replica in replicas), default=None)


@wrong("41.1", "does not say how much")
def behind_in_seconds(redis_conn):
    told = redis_conn.info("replication")
    replicas = [told[f"slave{number}"] for number in range(told["connected_slaves"])]
    return max((0 * replica["lag"] for replica in replicas), default=None)


@wrong("41.1", "return None. A 0 would say that all is copied")
def behind_nobody_is_zero(redis_conn):
    told = redis_conn.info("replication")
    replicas = [told[f"slave{number}"] for number in range(told["connected_slaves"])]
    return max((told["master_repl_offset"] - replica["offset"] for replica in replicas), default=0)


@wrong("41.1", "your function returned nothing")
def behind_found_and_forgotten(redis_conn):
    told = redis_conn.info("replication")
    if told["connected_slaves"] == 0:
        return None
    farthest = 0
    for number in range(told["connected_slaves"]):
        farthest = max(farthest, told["master_repl_offset"] - told[f"slave{number}"]["offset"])


@wrong("41.1", "so the answer is 0")
def behind_or_nothing(redis_conn):
    return behind_by_role(redis_conn) or None


@wrong("41.1", "return a number, not a text")
def behind_as_text(redis_conn):
    behind = behind_by_role(redis_conn)
    return None if behind is None else str(behind)


@wrong("41.1", "kept it to itself")
def behind_without_errors(redis_conn):
    try:
        return behind_by_role(redis_conn)
    except redis.RedisError:
        return None


@wrong("41.1", "which is not one of this exercise")
def behind_after_a_write(redis_conn):
    redis_conn.set("cell-by-cell:exercise:probe", 1)
    return behind_by_role(redis_conn)


# 41.2


@right("41.2")
def safe_with_one_connection(redis_conn, key, value, milliseconds):
    with redis_conn.client() as one:
        one.set(key, value)
        return one.wait(1, milliseconds) > 0


@right("41.2")
def safe_in_two_steps_of_a_pipeline(redis_conn, key, value, milliseconds):
    pipe = redis_conn.pipeline(transaction=False)
    stored, copies = pipe.set(key, value).wait(1, milliseconds).execute()
    return bool(stored) and copies >= 1


@wrong("41.2", "took the connection between SET and WAIT")
def safe_in_two_calls(redis_conn, key, value, milliseconds):
    redis_conn.set(key, value)
    copies = redis_conn.wait(1, milliseconds)
    return copies > 0


@wrong("41.2", "The replica stands still")
def safe_in_a_transaction(redis_conn, key, value, milliseconds):
    with redis_conn.pipeline() as pipe:
        pipe.set(key, value)
        pipe.wait(1, milliseconds)
        return pipe.execute()[1] >= 1


@wrong("41.2", "The replica stands still")
def safe_before_the_write(redis_conn, key, value, milliseconds):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.wait(1, milliseconds)
        pipe.set(key, value)
        return pipe.execute()[0] >= 1


@wrong("41.2", "there is no replica")
def safe_because_it_was_sent(redis_conn, key, value, milliseconds):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.set(key, value)
        pipe.wait(1, milliseconds)
        return pipe.execute()[0]


@wrong("41.2", "one is enough, and two are too")
def safe_with_exactly_one(redis_conn, key, value, milliseconds):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.set(key, value)
        pipe.wait(1, milliseconds)
        return pipe.execute()[1] == 1


@wrong("41.2", "Your function has undone it")
def safe_or_undone(redis_conn, key, value, milliseconds):
    with redis_conn.client() as one:
        one.set(key, value)
        if one.wait(1, milliseconds) >= 1:
            return True
        one.delete(key)
        return False


@wrong("41.2", "return True or False")
def safe_as_number(redis_conn, key, value, milliseconds):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.set(key, value)
        pipe.wait(1, milliseconds)
        return pipe.execute()[1]


@wrong("41.2", "so many milliseconds as your caller says")
def safe_after_a_second(redis_conn, key, value, milliseconds):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.set(key, value)
        pipe.wait(1, 100)
        return pipe.execute()[1] >= 1


@wrong("41.2", "so many milliseconds as your caller says, and for one replica")
def safe_with_two(redis_conn, key, value, milliseconds):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.set(key, value)
        pipe.wait(2, milliseconds)
        return pipe.execute()[1] >= 1


@wrong("41.2", "for ever")
def safe_in_whole_seconds(redis_conn, key, value, milliseconds):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.set(key, value)
        pipe.wait(1, milliseconds // 1000)
        return pipe.execute()[1] >= 1


@wrong("41.2", "did not ask with WAIT")
def safe_never(redis_conn, key, value, milliseconds):
    redis_conn.set(key, value)
    return False


@wrong("41.2", "kept it to itself")
def safe_without_errors(redis_conn, key, value, milliseconds):
    try:
        return safe_with_one_connection(redis_conn, key, value, milliseconds)
    except redis.RedisError:
        return False


@wrong("41.2", "kept it to itself")
def safe_with_errors_in_replies(redis_conn, key, value, milliseconds):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.set(key, value)
        pipe.wait(1, milliseconds)
        return pipe.execute(raise_on_error=False)[1] in (1, 2)


# 41.3


@right("41.3")
def retries_with_growing_pauses(redis_conn, act, seconds):
    begin, pause = time.monotonic(), 0.01
    while True:
        try:
            return act(redis_conn)
        except PASS:
            if time.monotonic() - begin >= seconds:
                raise
            time.sleep(pause)
            pause = min(0.1, 2 * pause)


@right("41.3")
def retries_with_the_last_error_kept(redis_conn, act, seconds):
    end = time.perf_counter() + seconds
    last = None
    while last is None or time.perf_counter() < end:
        if last is not None:
            time.sleep(0.02)
        try:
            return act(redis_conn)
        except PASS as error:
            last = error
    raise last


@right("41.3")
def retries_by_calling_itself(redis_conn, act, seconds):
    begin = monotonic()
    try:
        return act(redis_conn)
    except PASS:
        if seconds <= 0:
            raise
    sleep(0.05)
    return retries_by_calling_itself(redis_conn, act, seconds - (monotonic() - begin))


@wrong("41.3", "ConnectionError passes when the failover is over")
def retries_never(redis_conn, act, seconds):
    return act(redis_conn)


@wrong("41.3", "TimeoutError passes when the failover is over")
def retries_when_refused_only(redis_conn, act, seconds):
    end = monotonic() + seconds
    while True:
        try:
            return act(redis_conn)
        except redis.ConnectionError:
            if monotonic() > end:
                raise
        sleep(0.05)


@wrong("41.3", "ClusterDownError passes when the failover is over")
def retries_without_the_cluster(redis_conn, act, seconds):
    end = monotonic() + seconds
    while True:
        try:
            return act(redis_conn)
        except (redis.ConnectionError, redis.TimeoutError):
            if monotonic() > end:
                raise
        sleep(0.05)


@wrong("41.3", "ConnectionError passes when the failover is over")
def retries_for_errors_of_python(redis_conn, act, seconds):
    end = monotonic() + seconds
    while True:
        try:
            return act(redis_conn)
        except (ConnectionError, TimeoutError, ClusterDownError):
            if monotonic() > end:
                raise
        sleep(0.05)


@wrong("41.3", "without a pause")
def retries_without_a_pause(redis_conn, act, seconds):
    end = monotonic() + seconds
    while True:
        try:
            return act(redis_conn)
        except PASS:
            if monotonic() > end:
                raise


@wrong("41.3", "look at a clock")
def retries_counted(redis_conn, act, seconds):
    for _ in range(int(seconds / 0.05)):
        try:
            return act(redis_conn)
        except PASS as error:
            last = error
        sleep(0.05)
    raise last


@wrong("41.3", "gave up before the time was over")
def retries_three_times(redis_conn, act, seconds):
    for _ in range(3):
        try:
            return act(redis_conn)
        except PASS as error:
            last = error
        sleep(0.02)
    raise last


@wrong("41.3", "gave up before the time was over")
def retries_five_times(redis_conn, act, seconds):
    for _ in range(5):
        try:
            return act(redis_conn)
        except PASS as error:
            last = error
        sleep(0.01)
    raise last


@wrong("41.3", "kept that to itself")
def retries_and_none(redis_conn, act, seconds):
    end = monotonic() + seconds
    while monotonic() < end:
        with contextlib.suppress(*PASS):
            return act(redis_conn)
        sleep(0.05)
    return None


@wrong("41.3", "ResponseError is no failure that passes")
def retries_for_every_redis_error(redis_conn, act, seconds):
    end = monotonic() + seconds
    while True:
        try:
            return act(redis_conn)
        except redis.RedisError:
            if monotonic() > end:
                raise
        sleep(0.05)


@wrong("41.3", "is no failure that passes")
def retries_for_everything(redis_conn, act, seconds):
    end = monotonic() + seconds
    while True:
        try:
            return act(redis_conn)
        except Exception:
            if monotonic() > end:
                raise
        sleep(0.05)


@wrong("41.3", "your function did it again")
def retries_until_true(redis_conn, act, seconds):
    end = monotonic() + seconds
    while True:
        try:
            if answer := act(redis_conn):
                return answer
        except PASS:
            pass
        if monotonic() > end:
            raise redis.ConnectionError("too late")
        sleep(0.05)


@wrong("41.3", "your function did it again")
def retries_until_true_for_ever(redis_conn, act, seconds):
    end = monotonic() + seconds
    while True:
        try:
            if answer := act(redis_conn):
                return answer
        except PASS:
            if monotonic() > end:
                raise
        sleep(0.05)


@wrong("41.3", "the pauses between the tries are too long")
def retries_with_long_pauses(redis_conn, act, seconds):
    end = monotonic() + seconds
    while True:
        try:
            return act(redis_conn)
        except PASS:
            if monotonic() > end:
                raise
        sleep(0.25)


@wrong("41.3", "did not hand on what it returned")
def retries_true_when_done(redis_conn, act, seconds):
    end = monotonic() + seconds
    while True:
        try:
            act(redis_conn)
            return True
        except PASS:
            if monotonic() > end:
                raise
        sleep(0.05)


@wrong("41.3", "the error of the last try, as it is")
def retries_with_an_error_of_its_own(redis_conn, act, seconds):
    end = monotonic() + seconds
    while monotonic() < end:
        with contextlib.suppress(*PASS):
            return act(redis_conn)
        sleep(0.05)
    raise redis.ConnectionError("no failover in time")


# 41.4


@right("41.4")
def order_by_script(redis_conn, orders, number, text):
    script = """
        redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
        if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return 1 end
        return 0
    """
    return redis_conn.eval(script, 1, orders, number, text) == 1


@right("41.4")
def order_looks_only_when_refused(redis_conn, orders, number, text):
    if redis_conn.hsetnx(orders, number, text) == 1:
        return True
    return redis_conn.hget(orders, number) == text


@right("41.4")
def order_with_watch(redis_conn, orders, number, text):
    with redis_conn.pipeline() as pipe:
        while True:
            try:
                pipe.watch(orders)
                there = pipe.hget(orders, number)
                if there is not None:
                    return there == text
                pipe.multi()
                pipe.hset(orders, number, text)
                pipe.execute()
                return True
            except redis.WatchError:
                continue


@right("41.4")
def order_in_one_round_trip(redis_conn, orders, number, text):
    with redis_conn.pipeline() as pipe:
        pipe.hsetnx(orders, number, text)
        pipe.hget(orders, number)
        return pipe.execute()[1] == text


@wrong("41.4", "so the customer orders once more")
def order_by_its_reply(redis_conn, orders, number, text):
    return redis_conn.hsetnx(orders, number, text) == 1


@wrong("41.4", "your function changed it: somebody's order is gone")
def order_written_over(redis_conn, orders, number, text):
    redis_conn.hset(orders, number, text)
    return True


@wrong("41.4", "Your function says that it is")
def order_always_true(redis_conn, orders, number, text):
    redis_conn.hsetnx(orders, number, text)
    return True


@wrong("41.4", "two programs stored orders with one number at once")
def order_after_a_look(redis_conn, orders, number, text):
    there = redis_conn.hget(orders, number)
    if there is None:
        redis_conn.hset(orders, number, text)
        return True
    return there == text


@wrong("41.4", "two programs stored orders with one number at once")
def order_looked_before(redis_conn, orders, number, text):
    there = redis_conn.hget(orders, number)
    if there is None:
        redis_conn.hsetnx(orders, number, text)
        return True
    return there == text


@wrong("41.4", "must say True if its own order is there at the end")
def order_asks_whether_it_is_there(redis_conn, orders, number, text):
    if redis_conn.hexists(orders, number):
        return redis_conn.hget(orders, number) == text
    return redis_conn.hsetnx(orders, number, text) == 1


@wrong("41.4", "it must stand in the hash, under its number")
def order_under_its_text(redis_conn, orders, number, text):
    redis_conn.hsetnx(orders, text, number)
    return redis_conn.hget(orders, text) == str(number)


@wrong("41.4", "it must stand in the hash, under its number")
def order_in_a_list(redis_conn, orders, number, text):
    redis_conn.rpush(orders, text)
    return True


@wrong("41.4", "return True or False")
def order_as_number(redis_conn, orders, number, text):
    return redis_conn.hsetnx(orders, number, text) or redis_conn.hget(orders, number) == text


@wrong("41.4", "kept it to itself")
def order_without_errors(redis_conn, orders, number, text):
    try:
        return order_looks_only_when_refused(redis_conn, orders, number, text)
    except redis.RedisError:
        return False


@wrong("41.4", "never ends")
def order_in_a_new_hash(redis_conn, orders, number, text):
    all_orders = redis_conn.hgetall(orders)
    if all_orders.setdefault(str(number), text) != text:
        return False
    with redis_conn.pipeline() as pipe:
        pipe.delete(orders)
        pipe.hset(orders, mapping=all_orders)
        pipe.execute()
    return True
