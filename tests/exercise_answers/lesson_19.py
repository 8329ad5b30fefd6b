"""Answers to the exercises of lesson 19."""

import time
from threading import Lock as ThreadLock

import redis
from redis.exceptions import LockError, LockNotOwnedError

from tests.exercise_answers import right, wrong

# 19.1


@right("19.1")
def lock_by_the_commands_own_words(redis_conn, name, token, milliseconds):
    return redis_conn.execute_command("SET", name, token, "PX", milliseconds, "NX") is True


@right("19.1")
def lock_by_script(redis_conn, name, token, milliseconds):
    script = "return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0"
    return redis_conn.eval(script, 1, name, token, milliseconds) == 1


@right("19.1")
def lock_of_redis_py(redis_conn, name, token, milliseconds):
    return redis_conn.lock(name, timeout=milliseconds / 1000).acquire(blocking=False, token=token)


@right("19.1")
def lock_with_watch(redis_conn, name, token, milliseconds):
    with redis_conn.pipeline() as pipe:
        while True:
            try:
                pipe.watch(name)
                if pipe.exists(name):
                    return False
                pipe.multi()
                pipe.psetex(name, milliseconds, token)
                pipe.execute()
                return True
            except redis.WatchError:
                continue


@wrong("19.1", "the lock has no TTL")
def lock_without_end(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, nx=True))


@wrong("19.1", "Look at the unit of the time")
def lock_for_seconds(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, nx=True, ex=milliseconds))


@wrong("19.1", "how the milliseconds are rounded")
def lock_for_whole_seconds(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, nx=True, ex=-(-milliseconds // 1000)))


@wrong("19.1", "how the milliseconds are rounded")
def lock_for_ten_seconds(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, nx=True, px=10_000))


@wrong("19.1", "on a computer whose clock is an hour ahead")
def lock_by_the_clients_clock(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, nx=True, pxat=int(time.time() * 1000) + milliseconds))


@wrong("19.1", "its holder has lost it")
def lock_that_takes_away(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, px=milliseconds))


@wrong("19.1", "the lock was free, and the buyer was told that somebody else has it")
def lock_only_if_taken(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, xx=True, px=milliseconds))


@wrong("19.1", "left a lock that never ends")
def lock_and_then_its_end(redis_conn, name, token, milliseconds):
    taken = bool(redis_conn.set(name, token, nx=True))
    if taken:
        redis_conn.pexpire(name, milliseconds)
    return taken


@wrong("19.1", "has got another TTL, by a call that was refused")
def lock_that_winds_anybodys_clock(redis_conn, name, token, milliseconds):
    return redis_conn.pipeline().set(name, token, nx=True).pexpire(name, milliseconds).execute()[0] is True


@wrong("19.1", "has got another TTL, by a call that was refused")
def lock_that_mends_a_lock_without_end(redis_conn, name, token, milliseconds):
    script = """
        local taken = redis.call('SETNX', KEYS[1], ARGV[1])
        if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
        return taken
    """
    return redis_conn.eval(script, 1, name, token, milliseconds) == 1


@wrong("19.1", "its holder has lost it")
def lock_that_is_not_free_while_it_ends(redis_conn, name, token, milliseconds):
    if redis_conn.ttl(name) < 0:
        return bool(redis_conn.set(name, token, px=milliseconds))
    return False


@wrong("19.1", "0.4 seconds more, and it was taken away")
def lock_with_a_second_left(redis_conn, name, token, milliseconds):
    script = """
        local left = redis.call('TTL', KEYS[1])
        if left == 0 or left == -2 then
            redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
            return 1
        end
        return 0
    """
    return redis_conn.eval(script, 1, name, token, milliseconds) == 1


@wrong("19.1", "with this very token had the lock")
def lock_taken_twice(redis_conn, name, token, milliseconds):
    redis_conn.set(name, token, nx=True, px=milliseconds)
    return redis_conn.get(name) == token


@wrong("19.1", "both sell the last crate")
def lock_after_a_look(redis_conn, name, token, milliseconds):
    if redis_conn.get(name) is not None:
        return False
    return bool(redis_conn.set(name, token, px=milliseconds))


@wrong("19.1", "does not hold the token")
def lock_without_token(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, "locked", nx=True, px=milliseconds))


@wrong("19.1", "return True or False")
def lock_with_the_reply_of_set(redis_conn, name, token, milliseconds):
    return redis_conn.set(name, token, nx=True, px=milliseconds)


@wrong("19.1", "kept it to itself")
def lock_that_is_taken_when_redis_fails(redis_conn, name, token, milliseconds):
    try:
        return bool(redis_conn.set(name, token, nx=True, px=milliseconds))
    except redis.RedisError:
        return False


@wrong("19.1", "answered as if it had got its reply")
def lock_that_is_taken_when_the_line_is_cut(redis_conn, name, token, milliseconds):
    try:
        return bool(redis_conn.set(name, token, nx=True, px=milliseconds))
    except redis.ConnectionError:
        return False


# 19.2

COMPARE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end"


@right("19.2")
def release_by_registered_script(redis_conn, name, token):
    return bool(redis_conn.register_script(COMPARE)(keys=[name], args=[token]))


@right("19.2")
def release_with_watch(redis_conn, name, token):
    with redis_conn.pipeline() as pipe:
        while True:
            try:
                pipe.watch(name)
                if pipe.get(name) != token:
                    return False
                pipe.multi()
                pipe.delete(name)
                pipe.execute()
                return True
            except redis.WatchError:
                continue


@right("19.2")
def release_by_loaded_script(redis_conn, name, token):
    return redis_conn.evalsha(redis_conn.script_load(COMPARE), 1, name, token) == 1


@right("19.2")
def release_with_redis_pys_transaction(redis_conn, name, token):
    def free(pipe):
        mine = pipe.get(name) == token
        pipe.multi()
        if mine:
            pipe.unlink(name)

    return redis_conn.transaction(free, name) == [1]


@right("19.2")
def release_by_redis_pys_lock(redis_conn, name, token):
    lock = redis_conn.lock(name)
    lock.local.token = token.encode()
    try:
        lock.release()
    except redis.exceptions.LockNotOwnedError:
        return False
    return True


@wrong("19.2", "B has lost its lock, released by A")
def release_any(redis_conn, name, token):
    return redis_conn.unlink(name) == 1


@wrong("19.2", "your function released B's")
def release_after_a_look(redis_conn, name, token):
    if redis_conn.get(name) != token:
        return False
    return redis_conn.delete(name) == 1


@wrong("19.2", "your function released B's")
def release_in_a_transaction_after_a_look(redis_conn, name, token):
    mine = redis_conn.get(name) == token
    if mine:
        redis_conn.pipeline().delete(name).execute()
    return mine


def _release_watched(redis_conn, name, token, when_changed):
    with redis_conn.pipeline() as pipe:
        pipe.watch(name)
        if pipe.get(name) != token:
            return False
        pipe.multi()
        pipe.delete(name)
        try:
            pipe.execute()
        except redis.WatchError:
            return when_changed()
        return True


@wrong("19.2", "A's own thread renewed the lock")
def release_that_gives_up(redis_conn, name, token):
    return _release_watched(redis_conn, name, token, lambda: False)


@wrong("19.2", "nothing was deleted; yet your function said True")
def release_that_hopes(redis_conn, name, token):
    return _release_watched(redis_conn, name, token, lambda: True)


@wrong("19.2", "raised WatchError")
def release_that_raises(redis_conn, name, token):
    def again():
        raise redis.WatchError

    return _release_watched(redis_conn, name, token, again)


@wrong("19.2", "again and again, and your function gave up")
def release_that_tries_five_times(redis_conn, name, token):
    for _ in range(5):
        try:
            return _release_watched(redis_conn, name, token, lambda: 1 / 0)
        except ZeroDivisionError:
            continue
    return False


@wrong("19.2", "return True or False")
def release_without_a_word(redis_conn, name, token):
    redis_conn.eval(COMPARE, 1, name, token)


@wrong("19.2", "return True or False")
def release_with_a_number(redis_conn, name, token):
    return redis_conn.eval(COMPARE, 1, name, token)


@wrong("19.2", "the lock held this token, and is still there")
def release_with_the_arguments_swapped(redis_conn, name, token):
    return redis_conn.eval(COMPARE.replace("==", "~="), 1, name, token) == 1


@wrong("19.2", "only looks like this one")
def release_by_the_tokens_end(redis_conn, name, token):
    script = """
        local held = redis.call('GET', KEYS[1])
        if held and string.sub(held, -#ARGV[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
        return 0
    """
    return redis_conn.eval(script, 1, name, token) == 1


@wrong("19.2", "only looks like this one")
def release_by_a_number(redis_conn, name, token):
    script = """
        local held = redis.call('GET', KEYS[1])
        if held == ARGV[1] or held and tonumber(held) and tonumber(held) == tonumber(ARGV[1]) then
            return redis.call('DEL', KEYS[1])
        end
        return 0
    """
    return redis_conn.eval(script, 1, name, token) == 1


@wrong("19.2", "with a quote in it")
def release_with_the_token_in_the_text(redis_conn, name, token):
    return redis_conn.eval(COMPARE.replace("ARGV[1]", f'"{token}"'), 1, name) == 1


@wrong("19.2", "it had none any more")
def release_of_a_lock_that_has_ended(redis_conn, name, token):
    script = """
        local held = redis.call('GET', KEYS[1])
        if held and held ~= ARGV[1] then return 0 end
        redis.call('DEL', KEYS[1])
        return 1
    """
    return redis_conn.eval(script, 1, name, token) == 1


@wrong("19.2", "was told that it was not its own")
def release_while_seconds_are_left(redis_conn, name, token):
    if redis_conn.ttl(name) == 0:
        return False
    return redis_conn.eval(COMPARE, 1, name, token) == 1


@wrong("19.2", "neither the lock as it was nor a free lock")
def release_and_put_back(redis_conn, name, token):
    script = """
        local held = redis.call('GET', KEYS[1])
        local left = redis.call('PTTL', KEYS[1])
        redis.call('DEL', KEYS[1])
        return {held, left}
    """
    held, left = redis_conn.eval(script, 1, name)
    if held is not None and held != token:
        redis_conn.set(name, held, px=left if left > 0 else None)
    return held == token


@wrong("19.2", "kept it to itself")
def release_without_errors(redis_conn, name, token):
    try:
        return redis_conn.eval(COMPARE, 1, name, token) == 1
    except redis.ResponseError:
        return False


# 19.3


@right("19.3")
def work_with_the_block(redis_conn, name, work):
    lock = redis_conn.lock(name, timeout=5, blocking_timeout=0.3)
    if not lock.acquire():
        return None
    try:
        value = work()
    except BaseException:
        lock.release()
        raise
    lock.release()
    return value


@right("19.3")
def work_with_the_error(redis_conn, name, work):
    try:
        with redis_conn.lock(name, timeout=5, blocking_timeout=0.3, sleep=0.02):
            return work()
    except LockNotOwnedError:
        raise
    except LockError:
        return None


@right("19.3")
def work_whose_late_end_is_a_warning(redis_conn, name, work):
    lock = redis_conn.lock(name, timeout=5, sleep=0.05, raise_on_release_error=False)
    if lock.acquire(blocking_timeout=0.3):
        try:
            return work()
        finally:
            lock.release()
    return None


@wrong("19.3", "the lock had no TTL")
def work_under_a_lock_without_end(redis_conn, name, work):
    lock = redis_conn.lock(name, blocking_timeout=0.3)
    if not lock.acquire():
        return None
    try:
        return work()
    finally:
        lock.release()


@wrong("19.3", "does not live 5 seconds")
def work_for_milliseconds(redis_conn, name, work):
    lock = redis_conn.lock(name, timeout=5000, blocking_timeout=0.3)
    if not lock.acquire():
        return None
    try:
        return work()
    finally:
        lock.release()


@wrong("19.3", "far longer than 0.3 seconds")
def work_after_any_wait(redis_conn, name, work):
    with redis_conn.lock(name, timeout=5):
        return work()


@wrong("19.3", "the answer is None")
def work_or_an_error(redis_conn, name, work):
    with redis_conn.lock(name, timeout=5, blocking_timeout=0.3):
        return work()


@wrong("19.3", "it may wait 0.3 seconds")
def work_without_patience(redis_conn, name, work):
    lock = redis_conn.lock(name, timeout=5)
    if not lock.acquire(blocking=False):
        return None
    try:
        return work()
    finally:
        lock.release()


@wrong("19.3", "The caller was told None")
def work_and_then_nothing(redis_conn, name, work):
    try:
        with redis_conn.lock(name, timeout=5, blocking_timeout=0.3):
            return work()
    except LockError:
        return None


@wrong("19.3", "the work raised an error, and the lock is still there")
def work_and_release_only_when_well(redis_conn, name, work):
    lock = redis_conn.lock(name, timeout=5, blocking_timeout=0.3)
    if not lock.acquire():
        return None
    value = work()
    lock.release()
    return value


@wrong("19.3", "the lock is still there")
def work_and_never_release(redis_conn, name, work):
    lock = redis_conn.lock(name, timeout=5, blocking_timeout=0.3)
    return work() if lock.acquire() else None


@wrong("19.3", "there was no lock of yours")
def work_beside_the_lock(redis_conn, name, work):
    with redis_conn.lock(name, timeout=5, blocking_timeout=0.3):
        pass
    return work()


@wrong("19.3", "the work was done all the same")
def work_whatever_the_lock_says(redis_conn, name, work):
    lock = redis_conn.lock(name, timeout=5, blocking_timeout=0.3)
    taken = lock.acquire()
    try:
        return work()
    finally:
        if taken:
            lock.release()


@wrong("19.3", "its caller did not learn of it")
def work_that_swallows_errors(redis_conn, name, work):
    try:
        with redis_conn.lock(name, timeout=5, blocking_timeout=0.3):
            return work()
    except Exception:
        return None


@wrong("19.3", "does not get what work() returned")
def work_without_its_result(redis_conn, name, work):
    lock = redis_conn.lock(name, timeout=5, blocking_timeout=0.3)
    if lock.acquire():
        try:
            work()
        finally:
            lock.release()


@wrong("19.3", "then both worked at once")
def work_after_a_look(redis_conn, name, work):
    end = time.monotonic() + 0.3
    while redis_conn.exists(name):
        if time.monotonic() > end:
            return None
        time.sleep(0.02)
    redis_conn.set(name, "mine", ex=5)
    try:
        return work()
    finally:
        redis_conn.eval(COMPARE, 1, name, "mine")


@wrong("19.3", "look at what is released, and when")
def work_and_delete_anybodys_lock(redis_conn, name, work):
    lock = redis_conn.lock(name, timeout=5, blocking_timeout=0.3)
    if not lock.acquire():
        return None
    try:
        return work()
    finally:
        redis_conn.delete(name)


# 19.4


@right("19.4")
def find_first_and_then_take(redis_conn, name, token, milliseconds):
    if redis_conn.get(name) == token:
        return True
    return redis_conn.set(name, token, nx=True, px=milliseconds) is True


@right("19.4")
def take_and_then_always_look(redis_conn, name, token, milliseconds):
    redis_conn.set(name, token, nx=True, px=milliseconds)
    return redis_conn.get(name) == token


@right("19.4")
def take_or_find_by_script(redis_conn, name, token, milliseconds):
    script = """
        local held = redis.call('GET', KEYS[1])
        if held and held ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1
    """
    return redis_conn.eval(script, 1, name, token, milliseconds) == 1


@wrong("19.4", "only the reply was lost")
def take_and_never_look(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, nx=True, px=milliseconds))


@wrong("19.4", "was told that it is its own")
def take_or_find_anybodys(redis_conn, name, token, milliseconds):
    taken = redis_conn.set(name, token, nx=True, px=milliseconds)
    return bool(taken or redis_conn.exists(name))


@wrong("19.4", "its holder has lost it")
def take_by_force(redis_conn, name, token, milliseconds):
    redis_conn.set(name, token, px=milliseconds)
    return redis_conn.get(name) == token


@wrong("19.4", "the lock has no TTL")
def take_or_find_without_end(redis_conn, name, token, milliseconds):
    return bool(redis_conn.set(name, token, nx=True)) or redis_conn.get(name) == token


@wrong("19.4", "both sell the last crate")
def look_and_then_take(redis_conn, name, token, milliseconds):
    held = redis_conn.get(name)
    if held is None:
        return bool(redis_conn.set(name, token, px=milliseconds))
    return held == token


@wrong("19.4", "now it never ends")
def find_and_write_again(redis_conn, name, token, milliseconds):
    if redis_conn.set(name, token, nx=True, px=milliseconds):
        return True
    if redis_conn.get(name) == token:
        return bool(redis_conn.set(name, token))
    return False


@wrong("19.4", "gave B's lock another time")
def find_and_renew_whatever_is_there(redis_conn, name, token, milliseconds):
    if redis_conn.set(name, token, nx=True, px=milliseconds):
        return True
    if redis_conn.get(name) == token:
        redis_conn.pexpire(name, milliseconds)
        return True
    return False


@right("19.4")
def find_and_renew_by_script(redis_conn, name, token, milliseconds):
    if redis_conn.set(name, token, nx=True, px=milliseconds):
        return True
    script = """
        if redis.call('GET', KEYS[1]) == ARGV[1] then
            return redis.call('PEXPIRE', KEYS[1], ARGV[2])
        end
        return 0
    """
    return redis_conn.eval(script, 1, name, token, milliseconds) == 1


@wrong("19.4", "kept it to itself")
def take_or_find_without_errors(redis_conn, name, token, milliseconds):
    try:
        return bool(redis_conn.set(name, token, nx=True, px=milliseconds)) or redis_conn.get(name) == token
    except redis.RedisError:
        return False


@wrong("19.4", "return True or False")
def take_or_find_with_the_reply(redis_conn, name, token, milliseconds):
    return redis_conn.set(name, token, nx=True, px=milliseconds) or redis_conn.get(name)


# 19.5

SELL = """
    if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end
    redis.call('DECR', KEYS[1])
    redis.call('RPUSH', KEYS[2], ARGV[1])
    return 1
"""


@right("19.5")
def sell_by_registered_script(redis_conn, stock_key, sales_key, buyer):
    return bool(redis_conn.register_script(SELL)(keys=[stock_key, sales_key], args=[buyer]))


@right("19.5")
def sell_with_watch(redis_conn, stock_key, sales_key, buyer):
    def take(pipe):
        crates = int(pipe.get(stock_key) or 0)
        pipe.multi()
        if crates > 0:
            pipe.decr(stock_key).rpush(sales_key, buyer)

    return len(redis_conn.transaction(take, stock_key)) == 2


def _sell_watched(redis_conn, stock_key, sales_key, buyer):
    with redis_conn.pipeline() as pipe:
        pipe.watch(stock_key)
        if int(pipe.get(stock_key) or 0) < 1:
            return False
        pipe.multi()
        pipe.rpush(sales_key, buyer)
        pipe.incrby(stock_key, -1)
        pipe.execute()
    return True


@right("19.5")
def sell_again_after_a_watch_error(redis_conn, stock_key, sales_key, buyer):
    try:
        return _sell_watched(redis_conn, stock_key, sales_key, buyer)
    except redis.WatchError:
        return sell_again_after_a_watch_error(redis_conn, stock_key, sales_key, buyer)


@wrong("19.5", "sold it once more")
def sell_after_a_look(redis_conn, stock_key, sales_key, buyer):
    if int(redis_conn.get(stock_key) or 0) < 1:
        return False
    redis_conn.pipeline().decr(stock_key).rpush(sales_key, buyer).execute()
    return True


counter = ThreadLock()


@wrong("19.5", "sold it once more")
def sell_one_thread_at_a_time(redis_conn, stock_key, sales_key, buyer):
    with counter:
        return sell_after_a_look(redis_conn, stock_key, sales_key, buyer)


@wrong("19.5", "the stock stood below zero")
def sell_and_put_back(redis_conn, stock_key, sales_key, buyer):
    if redis_conn.decr(stock_key) < 0:
        redis_conn.incr(stock_key)
        return False
    redis_conn.rpush(sales_key, buyer)
    return True


@wrong("19.5", "a crate that is gone without its buyer")
def sell_in_two_steps(redis_conn, stock_key, sales_key, buyer):
    script = "if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end redis.call('DECR', KEYS[1]) return 1"
    sold = redis_conn.eval(script, 1, stock_key) == 1
    if sold:
        redis_conn.rpush(sales_key, buyer)
    return sold


@wrong("19.5", "look at what it does before it knows")
def sell_what_is_not_there(redis_conn, stock_key, sales_key, buyer):
    redis_conn.pipeline().decr(stock_key).rpush(sales_key, buyer).execute()
    return True


@wrong("19.5", "look at what it does before it knows")
def sell_what_was_never_delivered(redis_conn, stock_key, sales_key, buyer):
    script = SELL.replace("tonumber(redis.call('GET', KEYS[1]) or 0) < 1", "redis.call('GET', KEYS[1]) == '0'")
    return redis_conn.eval(script, 2, stock_key, sales_key, buyer) == 1


@wrong("19.5", "at the end of the list")
def sell_at_the_front(redis_conn, stock_key, sales_key, buyer):
    return redis_conn.eval(SELL.replace("RPUSH", "LPUSH"), 2, stock_key, sales_key, buyer) == 1


@wrong("19.5", "at the end of the list")
def sell_once_to_each(redis_conn, stock_key, sales_key, buyer):
    script = SELL.replace("redis.call('RPUSH'", "redis.call('LREM', KEYS[2], 0, ARGV[1]) redis.call('RPUSH'")
    return redis_conn.eval(script, 2, stock_key, sales_key, buyer) == 1


@wrong("19.5", "your buyer was told that no crate is left")
def sell_and_give_up_when_watched(redis_conn, stock_key, sales_key, buyer):
    try:
        return _sell_watched(redis_conn, stock_key, sales_key, buyer)
    except redis.WatchError:
        return False


@wrong("19.5", "because others were busy too")
def sell_and_give_up_after_five(redis_conn, stock_key, sales_key, buyer):
    for _ in range(5):
        try:
            return _sell_watched(redis_conn, stock_key, sales_key, buyer)
        except redis.WatchError:
            continue
    return False


@wrong("19.5", "at the end of the list")
def sell_without_a_note(redis_conn, stock_key, sales_key, buyer):
    return (
        redis_conn.eval(SELL.replace("redis.call('RPUSH', KEYS[2], ARGV[1])", ""), 2, stock_key, sales_key, buyer) == 1
    )


@wrong("19.5", "the buyer was told that there is none")
def sell_and_keep_the_last(redis_conn, stock_key, sales_key, buyer):
    return redis_conn.eval(SELL.replace("< 1", "<= 1"), 2, stock_key, sales_key, buyer) == 1


@wrong("19.5", "the buyer was told that there is none")
def sell_by_text(redis_conn, stock_key, sales_key, buyer):
    script = SELL.replace("tonumber(redis.call('GET', KEYS[1]) or 0) < 1", "(redis.call('GET', KEYS[1]) or '0') < '2'")
    return redis_conn.eval(script, 2, stock_key, sales_key, buyer) == 1


@wrong("19.5", "no TTL any more")
def sell_with_a_new_number(redis_conn, stock_key, sales_key, buyer):
    def take(pipe):
        crates = int(pipe.get(stock_key) or 0)
        pipe.multi()
        if crates > 0:
            pipe.set(stock_key, crates - 1).rpush(sales_key, buyer)

    return len(redis_conn.transaction(take, stock_key)) == 2


@wrong("19.5", "of another type")
def sell_whatever_the_list_says(redis_conn, stock_key, sales_key, buyer):
    script = SELL.replace("redis.call('RPUSH'", "redis.pcall('RPUSH'")
    return redis_conn.eval(script, 2, stock_key, sales_key, buyer) == 1


@wrong("19.5", "kept it to itself")
def sell_nothing_when_redis_fails(redis_conn, stock_key, sales_key, buyer):
    try:
        return redis_conn.eval(SELL, 2, stock_key, sales_key, buyer) == 1
    except Exception:
        return False
