"""Answers to the exercises of lesson 30."""

import contextlib
import json
import random
import secrets
import threading
import time
import uuid
from time import sleep

import redis
from redis.exceptions import LockError, LockNotOwnedError

from tests.exercise_answers import right, wrong

RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
"""

# 30.1


def _lock(redis_conn, key, timeout=5, **options):
    return redis_conn.lock(key + ":lock", timeout=timeout, sleep=0.005, **options)


@right("30.1")
def one_way_out(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is None:
        with _lock(redis_conn, key):
            cached = redis_conn.get(key)
            if cached is None:
                cached = json.dumps(load())
                redis_conn.set(key, cached, ex=ttl)
    return json.loads(cached)


@right("30.1")
def taken_and_given_back_by_hand(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    lock = _lock(redis_conn, key)
    lock.acquire()
    try:
        if (cached := redis_conn.get(key)) is not None:
            return json.loads(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), px=1000 * ttl)
        return value
    finally:
        lock.release()


@right("30.1")
def a_token_and_a_script(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    token = secrets.token_hex(8)
    while not redis_conn.set(key + ":lock", token, nx=True, px=5000):
        time.sleep(0.005)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
    finally:
        redis_conn.eval(RELEASE, 1, key + ":lock", token)


@wrong("30.1", "what a reader knows of the key when it gets the lock")
def the_second_look_before_the_lock(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with _lock(redis_conn, key):
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.1", "what a reader knows of the key when it gets the lock")
def the_old_look_again(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with _lock(redis_conn, key):
        if cached is not None:
            return json.loads(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.1", "what a reader knows of the key when it gets the lock")
def looks_after_it_has_loaded(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with _lock(redis_conn, key):
        value = load()
        if (cached := redis_conn.get(key)) is not None:
            return json.loads(cached)
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.1", "the value too")
def the_text_that_was_found(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with _lock(redis_conn, key):
        if (cached := redis_conn.get(key)) is not None:
            return cached
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.1", "given back before the value was stored")
def stored_outside(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with _lock(redis_conn, key):
        if (cached := redis_conn.get(key)) is not None:
            return json.loads(cached)
        value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.1", "a hit costs one GET")
def the_lock_first(redis_conn, key, load, ttl):
    with _lock(redis_conn, key):
        if (cached := redis_conn.get(key)) is not None:
            return json.loads(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.1", "got something else than the value")
def exists_then_get(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with _lock(redis_conn, key):
        if redis_conn.exists(key):
            return json.loads(redis_conn.get(key) or "null")
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.1", "what is cached was loaded again")
def the_answer_none_is_no_answer(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) not in (None, "null"):
        return json.loads(cached)
    with _lock(redis_conn, key):
        if (cached := redis_conn.get(key)) not in (None, "null"):
            return json.loads(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.1", "has stored null, and the reader who waited loads again")
def none_is_loaded_again(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with _lock(redis_conn, key):
        cached = redis_conn.get(key)
        if cached is not None and json.loads(cached) is not None:
            return json.loads(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.1", "has stored 0, and the reader who waited loads again")
def zero_is_loaded_again(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with _lock(redis_conn, key):
        cached = redis_conn.get(key)
        if cached == "null" or (cached is not None and json.loads(cached)):
            return json.loads(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.1", "did not wait for its value")
def does_not_wait(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    lock = _lock(redis_conn, key, blocking_timeout=0.1)
    lock.acquire()
    if (cached := redis_conn.get(key)) is None:
        cached = json.dumps(load())
        redis_conn.set(key, cached, ex=ttl)
    with contextlib.suppress(LockError):
        lock.release()
    return json.loads(cached)


# 30.2


def _alone(redis_conn, key, load, ttl, token, release=True, **how):
    lock = key + ":lock"
    if not redis_conn.set(lock, token, nx=True, **how):
        return None
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    if release:
        redis_conn.eval(RELEASE, 1, lock, token)
    return value


@right("30.2")
def the_lock_of_redis_py(redis_conn, key, load, ttl, lease):
    lock = redis_conn.lock(key + ":lock", timeout=lease / 1000, blocking=False)
    if not lock.acquire():
        return None
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    with contextlib.suppress(LockNotOwnedError):
        lock.release()
    return value


@right("30.2")
def told_to_keep_quiet(redis_conn, key, load, ttl, lease):
    lock = redis_conn.lock(key + ":lock", timeout=lease / 1000, blocking=False, raise_on_release_error=False)
    try:
        with lock:
            value = load()
            redis_conn.set(key, json.dumps(value), ex=ttl)
            return value
    except LockError:
        return None


@right("30.2")
def stored_only_while_it_is_ours(redis_conn, key, load, ttl, lease):
    """One script looks at the lock, stores and gives it back."""
    token = str(uuid.uuid4())
    if not redis_conn.set(key + ":lock", token, nx=True, px=lease):
        return None
    value = load()
    script = """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        return redis.call('DEL', KEYS[2])
    """
    redis_conn.eval(script, 2, key, key + ":lock", token, json.dumps(value), ttl)
    return value


@right("30.2")
def watched_whatever_goes_wrong(redis_conn, key, load, ttl, lease):
    lock, token = key + ":lock", secrets.token_hex(8)
    if not redis_conn.set(lock, token, nx=True, px=lease):
        return None
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    with redis_conn.pipeline() as pipe, contextlib.suppress(Exception):
        pipe.watch(lock)
        if pipe.get(lock) == token:
            pipe.multi()
            pipe.delete(lock)
            pipe.execute()
    return value


@right("30.2")
def watched(redis_conn, key, load, ttl, lease):
    lock, token = key + ":lock", secrets.token_hex(8)
    if not redis_conn.set(lock, token, nx=True, px=lease):
        return None
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    finally:
        with redis_conn.pipeline() as pipe, contextlib.suppress(redis.WatchError):
            pipe.watch(lock)
            if pipe.get(lock) == token:
                pipe.multi()
                pipe.delete(lock)
                pipe.execute()


@wrong("30.2", "its lock never ends")
def only_a_token(redis_conn, key, load, ttl, lease):
    return _alone(redis_conn, key, load, ttl, secrets.token_hex(8))


@wrong("30.2", "the unit of the time")
def in_seconds(redis_conn, key, load, ttl, lease):
    return _alone(redis_conn, key, load, ttl, secrets.token_hex(8), ex=lease)


@wrong("30.2", "the lock does not end after `lease` milliseconds")
def in_whole_seconds(redis_conn, key, load, ttl, lease):
    return _alone(redis_conn, key, load, ttl, secrets.token_hex(8), ex=max(1, lease // 1000))


@wrong("30.2", "its lock never ends")
def the_end_comes_later(redis_conn, key, load, ttl, lease):
    lock, token = key + ":lock", secrets.token_hex(8)
    if not redis_conn.set(lock, token, nx=True):
        return None
    redis_conn.pexpire(lock, lease)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    redis_conn.eval(RELEASE, 1, lock, token)
    return value


@wrong("30.2", "the same text into the lock")
def one_token_for_all(redis_conn, key, load, ttl, lease):
    return _alone(redis_conn, key, load, ttl, "taken", px=lease)


@wrong("30.2", "the same text into the lock")
def only_an_end(redis_conn, key, load, ttl, lease):
    value = _alone(redis_conn, key, load, ttl, "taken", release=False, px=lease)
    redis_conn.delete(key + ":lock")
    return value


@wrong("30.2", "your function has taken it away")
def deletes_whoever_has_it(redis_conn, key, load, ttl, lease):
    lock = key + ":lock"
    if not redis_conn.set(lock, secrets.token_hex(8), nx=True, px=lease):
        return None
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    redis_conn.delete(lock)
    return value


@wrong("30.2", "your function has taken it away")
def looks_then_deletes(redis_conn, key, load, ttl, lease):
    lock, token = key + ":lock", secrets.token_hex(8)
    if not redis_conn.set(lock, token, nx=True, px=lease):
        return None
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    if redis_conn.get(lock) == token:
        redis_conn.delete(lock)
    return value


@wrong("30.2", "the lock is still there")
def never_given_back_in_time(redis_conn, key, load, ttl, lease):
    return _alone(redis_conn, key, load, ttl, secrets.token_hex(8), release=False, px=lease)


@wrong("30.2", "the lock is still there")
def one_text_and_never_given_back(redis_conn, key, load, ttl, lease):
    return _alone(redis_conn, key, load, ttl, "taken", release=False, px=lease)


@wrong("30.2", "its caller gets no answer")
def quiet_only_in_a_with_block(redis_conn, key, load, ttl, lease):
    lock = redis_conn.lock(key + ":lock", timeout=lease / 1000, blocking=False, raise_on_release_error=False)
    if not lock.acquire():
        return None
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    lock.release()
    return value


@wrong("30.2", "its caller gets no answer")
def an_error_for_who_is_late(redis_conn, key, load, ttl, lease):
    lock = redis_conn.lock(key + ":lock", timeout=lease / 1000, blocking=False)
    if not lock.acquire():
        return None
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    lock.release()
    return value


@wrong("30.2", "the customer has waited for nothing")
def none_for_who_is_late(redis_conn, key, load, ttl, lease):
    lock = redis_conn.lock(key + ":lock", timeout=lease / 1000, blocking=False)
    try:
        with lock:
            value = load()
            redis_conn.set(key, json.dumps(value), ex=ttl)
            return value
    except LockError:
        return None


@wrong("30.2", "given back before the answer was stored")
def released_then_stored(redis_conn, key, load, ttl, lease):
    lock, token = key + ":lock", secrets.token_hex(8)
    if not redis_conn.set(lock, token, nx=True, px=lease):
        return None
    value = load()
    redis_conn.eval(RELEASE, 1, lock, token)
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.2", "somebody else has the lock")
def takes_any_lock(redis_conn, key, load, ttl, lease):
    lock, token = key + ":lock", secrets.token_hex(8)
    redis_conn.set(lock, token, px=lease)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    redis_conn.eval(RELEASE, 1, lock, token)
    return value


@wrong("30.2", "whose clock counts")
def until_when(redis_conn, key, load, ttl, lease):
    return _alone(redis_conn, key, load, ttl, secrets.token_hex(8), pxat=round(1000 * time.time()) + lease)


@wrong("30.2", "the caller does not learn of it")
def nothing_when_the_source_fails(redis_conn, key, load, ttl, lease):
    try:
        return _alone(redis_conn, key, load, ttl, secrets.token_hex(8), px=lease)
    except Exception:
        return None


# 30.3


def _release(redis_conn, key, token):
    redis_conn.eval(RELEASE, 1, key + ":lock", token)


@right("30.3")
def in_each_branch(redis_conn, key, load, ttl, token):
    try:
        text = json.dumps(load())
        redis_conn.set(key, text, ex=ttl)
    except BaseException:
        _release(redis_conn, key, token)
        raise
    _release(redis_conn, key, token)
    return json.loads(text)


@right("30.3")
def by_a_stack(redis_conn, key, load, ttl, token):
    with contextlib.ExitStack() as stack:
        stack.callback(_release, redis_conn, key, token)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value


@right("30.3")
def in_one_step_with_the_answer(redis_conn, key, load, ttl, token):
    done = False
    try:
        value = load()
        text = json.dumps(value)
        script = """
            redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
            if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
        """
        redis_conn.eval(script, 2, key, key + ":lock", token, text, ttl)
        done = True
        return value
    finally:
        if not done:
            _release(redis_conn, key, token)


@wrong("30.3", "the caller does not learn of it")
def caught_and_forgotten(redis_conn, key, load, ttl, token):
    value = None
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    except Exception:
        value = None
    _release(redis_conn, key, token)
    return value


@wrong("30.3", "the caller gets another error")
def another_error(redis_conn, key, load, ttl, token):
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    except Exception:
        raise ValueError("the load failed") from None
    finally:
        _release(redis_conn, key, token)
    return value


@wrong("30.3", "the caller does not learn of it")
def returns_in_finally(redis_conn, key, load, ttl, token):
    value = None
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    finally:
        _release(redis_conn, key, token)
        return value  # noqa: B012


@wrong("30.3", "the lock is still there: all others wait for nothing")
def only_around_the_load(redis_conn, key, load, ttl, token):
    try:
        value = load()
    except Exception:
        _release(redis_conn, key, token)
        raise
    redis_conn.set(key, json.dumps(value), ex=ttl)
    _release(redis_conn, key, token)
    return value


@wrong("30.3", "wait for a load that has failed")
def only_an_oserror(redis_conn, key, load, ttl, token):
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    except OSError:
        _release(redis_conn, key, token)
        raise
    _release(redis_conn, key, token)
    return value


@wrong("30.3", "Ctrl-C came while load() ran, and the lock is still there")
def except_exception(redis_conn, key, load, ttl, token):
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    except Exception:
        _release(redis_conn, key, token)
        raise
    _release(redis_conn, key, token)
    return value


@wrong("30.3", "nobody can stop it")
def nothing_stops_it(redis_conn, key, load, ttl, token):
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    except Exception:
        raise
    except BaseException:
        return None
    finally:
        _release(redis_conn, key, token)


@wrong("30.3", "given back before the answer was stored")
def given_back_then_stored(redis_conn, key, load, ttl, token):
    try:
        text = json.dumps(load())
    finally:
        _release(redis_conn, key, token)
    redis_conn.set(key, text, ex=ttl)
    return json.loads(text)


@wrong("30.3", "another program had the lock")
def deleted_in_finally(redis_conn, key, load, ttl, token):
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    finally:
        redis_conn.delete(key + ":lock")


@wrong("30.3", "another program had the lock")
def deleted_after_an_error(redis_conn, key, load, ttl, token):
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
    except Exception:
        redis_conn.delete(key + ":lock")
        raise
    _release(redis_conn, key, token)
    return value


@wrong("30.3", "something is stored")
def none_is_kept(redis_conn, key, load, ttl, token):
    value = None
    try:
        value = load()
        return value
    finally:
        redis_conn.set(key, json.dumps(value), ex=ttl)
        _release(redis_conn, key, token)


@wrong("30.3", "the lock is still there: the next ones wait")
def given_back_after_an_error_only(redis_conn, key, load, ttl, token):
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    except Exception:
        _release(redis_conn, key, token)
        raise


# 30.4


def _load_once(redis_conn, key, load, ttl, look_again=True, store_first=True, lock=None, give_back=True):
    """The solution, with one thing or another done wrong."""
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.set(key + ":lock", "taken", **(lock or {"nx": True, "px": 2000})):
        time.sleep(0.005)
    cached = redis_conn.get(key) if look_again else None
    if cached is None:
        cached = json.dumps(load())
        if store_first:
            redis_conn.set(key, cached, ex=ttl)
    else:
        store_first = True
    if give_back:
        redis_conn.delete(key + ":lock")
    if not store_first:
        redis_conn.set(key, cached, ex=ttl)
    return json.loads(cached)


@right("30.4")
def by_hand(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
        time.sleep(0.005)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
    finally:
        redis_conn.delete(key + ":lock")


@right("30.4")
def round_and_round(redis_conn, key, load, ttl):
    while True:
        if (cached := redis_conn.get(key)) is not None:
            return json.loads(cached)
        if redis_conn.set(key + ":lock", "taken", nx=True, ex=2):
            break
        time.sleep(0.005)
    try:
        cached = redis_conn.get(key)
        if cached is not None:
            return json.loads(cached)
        value = load()
        redis_conn.pipeline().set(key, json.dumps(value), ex=ttl).delete(key + ":lock").execute()
        return value
    finally:
        redis_conn.delete(key + ":lock")


@right("30.4")
def with_the_lock_of_redis_py(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", timeout=2, sleep=0.005):
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)


@wrong("30.4", "loads what the one before has just stored")
def no_second_look(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, look_again=False)


@wrong("30.4", "no lock was taken")
def the_six_lines(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("30.4", "given back before the value was stored")
def freed_too_early(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, store_first=False)


@wrong("30.4", "a lock without a TTL")
def a_lock_for_ever(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, lock={"nx": True})


@wrong("30.4", "took away the lock of the one who loads")
def a_lock_that_lets_all_in(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, look_again=False, lock={"px": 2000})


@wrong("30.4", "when load() raises, the lock stays")
def kept_when_load_fails(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl)


@wrong("30.4", "the lock is still there")
def never_given_back(redis_conn, key, load, ttl):
    return _load_once(redis_conn, key, load, ttl, give_back=False)


@wrong("30.4", "a hit costs one GET")
def a_lock_around_it_all(redis_conn, key, load, ttl):
    for _ in range(100):
        if redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
            break
        time.sleep(0.001)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
    finally:
        redis_conn.delete(key + ":lock")


@right("30.4")
def again_from_the_start(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    if not redis_conn.set(key + ":lock", "taken", nx=True, ex=2):
        sleep(0.005)
        return again_from_the_start(redis_conn, key, load, ttl)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
    finally:
        redis_conn.unlink(key + ":lock")
    return json.loads(cached)


@right("30.4")
def a_script_looks_and_locks(redis_conn, key, load, ttl):
    """One script looks at the key and takes the lock; another stores and gives it back."""
    look = """
        local cached = redis.call('GET', KEYS[1])
        if cached then return cached end
        return redis.call('SET', KEYS[1] .. ':lock', ARGV[1], 'NX', 'PX', 2000) and 1 or 0
    """
    release = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"
    token = str(random.random())
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while (found := redis_conn.eval(look, 1, key, token)) == 0:
        threading.Event().wait(0.005)
    if found != 1:
        return json.loads(found)
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    finally:
        redis_conn.eval(release, 1, key + ":lock", token)


@right("30.4")
def the_lock_may_end_by_itself(redis_conn, key, load, ttl):
    """Who cannot give the lock back has its value all the same."""
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
        time.sleep(random.uniform(0.004, 0.006))
    try:
        if (cached := redis_conn.get(key)) is not None:
            return json.loads(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    finally:
        with contextlib.suppress(redis.RedisError):
            redis_conn.delete(key + ":lock")


def _waiting(redis_conn, key, load, ttl, pause=0.005, rounds=None, seconds=None, px=2000, finds=json.loads):
    """The solution, which waits otherwise."""
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    begin = time.monotonic()
    while not (locked := redis_conn.set(key + ":lock", "taken", nx=True, px=px)):
        time.sleep(pause)
        rounds = rounds and rounds - 1
        if rounds == 0 or (seconds and time.monotonic() - begin > seconds):
            break
    try:
        if (cached := redis_conn.get(key)) is not None:
            return finds(cached)
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    finally:
        if locked:
            redis_conn.delete(key + ":lock")


@wrong("30.4", "did not wait for its value")
def a_quarter_of_a_second(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, rounds=50)


@wrong("30.4", "did not wait for its value")
def one_second_by_the_clock(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, seconds=1)


@wrong("30.4", "without a pause")
def asks_all_the_time(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, pause=0)


@wrong("30.4", "asks too seldom")
def half_a_second(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, pause=0.5)


@wrong("30.4", "must end after 2 s")
def five_seconds_as_in_the_lesson(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, px=5000)


@wrong("30.4", "must end after 2 s")
def two_milliseconds(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, px=2)


@wrong("30.4", "must get the value too")
def text_for_who_waits(redis_conn, key, load, ttl):
    return _waiting(redis_conn, key, load, ttl, finds=str)


@wrong("30.4", "took away the lock of the one who loads")
def finally_for_everybody(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    try:
        if redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
            if (cached := redis_conn.get(key)) is None:
                cached = json.dumps(load())
                redis_conn.set(key, cached, ex=ttl)
            return json.loads(cached)
    finally:
        redis_conn.delete(key + ":lock")
    time.sleep(0.005)
    return finally_for_everybody(redis_conn, key, load, ttl)


@wrong("30.4", "took away the lock of the one who loads, or changed it")
def who_waits_renews_it(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.pipeline().setnx(key + ":lock", 1).pexpire(key + ":lock", 2000).execute()[0]:
        time.sleep(0.005)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
    finally:
        redis_conn.delete(key + ":lock")


@wrong("30.4", "loads what the one before has just stored")
def looks_before_each_try_only(redis_conn, key, load, ttl):
    while True:
        if (cached := redis_conn.get(key)) is not None:
            return json.loads(cached)
        if redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
            break
        time.sleep(0.005)
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    finally:
        redis_conn.delete(key + ":lock")


@wrong("30.4", "one of those who wait must load now")
def waits_for_the_value_only(redis_conn, key, load, ttl):
    while (cached := redis_conn.get(key)) is None:
        if redis_conn.exists(key + ":lock"):
            while redis_conn.get(key) is None:
                time.sleep(0.005)
            continue
        return _waiting(redis_conn, key, load, ttl)
    return json.loads(cached)


@wrong("30.4", "both got it")
def looks_whether_it_is_free(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while redis_conn.exists(key + ":lock"):
        time.sleep(0.005)
    redis_conn.set(key + ":lock", "taken", px=2000)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
    finally:
        redis_conn.delete(key + ":lock")


@wrong("30.4", "loads without taking the lock")
def free_is_as_good_as_mine(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    mine = redis_conn.set(key + ":lock", "taken", nx=True, px=2000)
    while not mine and redis_conn.exists(key + ":lock"):
        time.sleep(0.005)
    try:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
    finally:
        if mine:
            redis_conn.delete(key + ":lock")


@wrong("30.4", "and kept the lock")
def kept_when_nothing_was_loaded(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
        time.sleep(0.005)
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    try:
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value
    finally:
        redis_conn.delete(key + ":lock")


@wrong("30.4", "a reader got something else than the value")
def looks_twice_for_one_value(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    while not redis_conn.set(key + ":lock", "taken", nx=True, px=2000):
        time.sleep(0.005)
    try:
        if not redis_conn.exists(key):
            redis_conn.set(key, json.dumps(load()), ex=ttl)
        return json.loads(redis_conn.get(key) or "null")
    finally:
        redis_conn.delete(key + ":lock")


@wrong("30.4", "after load() gave None: nothing was cached")
def nothing_is_not_kept(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", timeout=2, sleep=0.005):
        if (cached := redis_conn.get(key)) is not None:
            return json.loads(cached)
        value = load()
        if value is not None:
            redis_conn.set(key, json.dumps(value), ex=ttl)
        return value


@wrong("30.4", "after load() gave None: what is cached was loaded again")
def what_is_false_is_not_there(redis_conn, key, load, ttl):
    if value := json.loads(redis_conn.get(key) or "null"):
        return value
    with redis_conn.lock(key + ":lock", timeout=2, sleep=0.005):
        if not (value := json.loads(redis_conn.get(key) or "null")):
            value = load()
            redis_conn.set(key, json.dumps(value), ex=ttl)
        return value


@wrong("30.4", "has stored null, and the reader who waited loads again")
def what_is_false_is_loaded_again(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", timeout=2, sleep=0.005):
        cached = redis_conn.get(key)
        if cached and (value := json.loads(cached)):
            return value
        value = load()
        redis_conn.set(key, json.dumps(value), ex=ttl)
        return value


@wrong("30.4", "when load() raises, the caller does not learn of it")
def none_when_load_fails(redis_conn, key, load, ttl):
    try:
        return _waiting(redis_conn, key, load, ttl)
    except Exception:
        return None


@wrong("30.4", "kept it to itself")
def loads_when_redis_is_full(redis_conn, key, load, ttl):
    try:
        return _waiting(redis_conn, key, load, ttl)
    except redis.RedisError:
        return load()


@wrong("30.4", "a copy without a TTL")
def the_ttl_comes_later(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", timeout=2, sleep=0.005):
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached)
            redis_conn.expire(key, ttl)
        return json.loads(cached)


@wrong("30.4", "no lock was taken")
def a_lock_of_this_process(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with MINE:
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)


MINE = threading.Lock()


@wrong("30.4", "asks too seldom")
def the_pause_of_redis_py(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", timeout=2):
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)


@wrong("30.4", "a lock without a TTL")
def the_lease_of_redis_py(redis_conn, key, load, ttl):
    if (cached := redis_conn.get(key)) is not None:
        return json.loads(cached)
    with redis_conn.lock(key + ":lock", sleep=0.005):
        if (cached := redis_conn.get(key)) is None:
            cached = json.dumps(load())
            redis_conn.set(key, cached, ex=ttl)
        return json.loads(cached)
