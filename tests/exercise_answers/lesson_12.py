"""Answers to the exercises of lesson 12."""

import math

import redis

from redis_helpers.course.lessons.scenes.scene_12 import count_in_window
from tests.exercise_answers import right, wrong

# 12.1


@right("12.1")
def place_in_one_line(redis_conn, key, limit):
    return redis_conn.incr(key) <= limit


@right("12.1")
def place_in_a_transaction(redis_conn, key, limit):
    with redis_conn.pipeline() as pipe:
        pipe.incrby(key, 1)
        return pipe.execute()[0] <= limit


@right("12.1")
def place_that_counts_no_denied(redis_conn, key, limit):
    script = """
        if tonumber(redis.call('GET', KEYS[1]) or 0) >= tonumber(ARGV[1]) then return 0 end
        redis.call('INCR', KEYS[1])
        return 1
    """
    return redis_conn.eval(script, 1, key, limit) == 1


@right("12.1")
def place_with_watch(redis_conn, key, limit):
    def take(pipe):
        count = int(pipe.get(key) or 0)
        pipe.multi()
        pipe.incr(key)
        return count < limit

    return redis_conn.transaction(take, key, value_from_callable=True)


@wrong("12.1", "both were let in")
def place_after_a_look(redis_conn, key, limit):
    if int(redis_conn.get(key) or 0) >= limit:
        return False
    redis_conn.incr(key)
    return True


@wrong("12.1", "two requests at once")
def place_counted_and_then_read(redis_conn, key, limit):
    redis_conn.incr(key)
    return int(redis_conn.get(key)) <= limit


@wrong("12.1", "one of them was not counted")
def place_by_hand(redis_conn, key, limit):
    number = int(redis_conn.get(key) or 0) + 1
    redis_conn.set(key, number, keepttl=True)
    return number <= limit


@wrong("12.1", "there was a place left")
def place_but_not_the_last(redis_conn, key, limit):
    return redis_conn.incr(key) < limit


@wrong("12.1", "one more request was let in")
def place_one_too_many(redis_conn, key, limit):
    return redis_conn.incr(key) <= limit + 1


@wrong("12.1", "there was a place left")
def place_by_texts(redis_conn, key, limit):
    return str(redis_conn.incr(key)) <= str(limit)


@wrong("12.1", "must count this request, once")
def counts_in_a_hash(redis_conn, key, limit):
    return redis_conn.hincrby(key, "count", 1) <= limit


@wrong("12.1", "return True or False")
def place_as_a_number(redis_conn, key, limit):
    return redis_conn.incr(key)


@wrong("12.1", "must count this request")
def place_without_counting(redis_conn, key, limit):
    return int(redis_conn.get(key) or 0) < limit


@wrong("12.1", "the key has no TTL any more")
def place_that_forgets_the_end(redis_conn, key, limit):
    number = redis_conn.incr(key)
    redis_conn.set(key, number)
    return number <= limit


@wrong("12.1", "kept it to itself")
def place_in_case_of_doubt(redis_conn, key, limit):
    try:
        return redis_conn.incr(key) <= limit
    except redis.RedisError:
        return True


# 12.2


@right("12.2")
def number_by_script(redis_conn, key, window):
    script = """
        local count = redis.call('INCR', KEYS[1])
        if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
        return count
    """
    return redis_conn.eval(script, 1, key, window)


@right("12.2")
def number_step_by_step(redis_conn, key, window):
    with redis_conn.pipeline() as pipe:
        pipe.set(key, "0", nx=True, px=window)
        pipe.incr(key)
        return pipe.execute()[1]


@right("12.2")
def number_after_a_set_of_its_own(redis_conn, key, window):
    redis_conn.set(key, 0, px=window, nx=True)  # a kill after it leaves a counter that ends
    return redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()[-1]


@wrong("12.2", "the counter began anew")
def number_without_nx(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, px=window).incr(key).execute()[-1]


@wrong("12.2", "its window never ends")
def number_without_ttl(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, nx=True).incr(key).execute()[-1]


@wrong("12.2", "look at the TTL's unit")
def number_in_seconds(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, ex=window, nx=True).incr(key).execute()[-1]


@wrong("12.2", "its window never ends")
def number_with_keepttl(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, keepttl=True, nx=True).incr(key).execute()[-1]


@wrong("12.2", "started the window anew")
def number_renewed(redis_conn, key, window):
    return redis_conn.pipeline().incr(key).pexpire(key, window).execute()[0]


@wrong("12.2", "left a counter that never ends")
def number_torn_apart(redis_conn, key, window):
    count = redis_conn.incr(key)
    if count == 1:
        redis_conn.pexpire(key, window)
    return count


@wrong("12.2", "the first request of a window is number 1")
def number_only_if_there(redis_conn, key, window):
    redis_conn.set(key, 0, px=window, xx=True)
    return redis_conn.get(key)


@right("12.2")
def number_by_an_old_hand(redis_conn, key, window):
    def count_it(pipe):
        opened = pipe.exists(key)
        pipe.multi()
        pipe.incrby(key, 1)
        if not opened:
            pipe.pexpire(key, window)

    return redis_conn.transaction(count_it, key)[0]


@wrong("12.2", "the window ended between two of your commands")
def number_in_a_pipeline_without_multi(redis_conn, key, window):
    return redis_conn.pipeline(transaction=False).set(key, 0, px=window, nx=True).incr(key).execute()[-1]


@wrong("12.2", "each request gets the next number")
def number_remembered_here(redis_conn, key, window, counted={}):  # noqa: B006
    redis_conn.set(key, 0, px=window, nx=True)
    counted[key] = counted.get(key, 0) + 1
    redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()
    return counted[key]


@wrong("12.2", "gone too early")
def number_in_whole_seconds(redis_conn, key, window):
    return redis_conn.pipeline().set(key, 0, ex=max(1, window // 1000), nx=True).incr(key).execute()[-1]


@wrong("12.2", "kept it to itself")
def number_one_in_case_of_doubt(redis_conn, key, window):
    try:
        return redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()[-1]
    except redis.RedisError:
        return 1


@wrong("12.2", "nothing is counted under the key")
def number_under_another_key(redis_conn, key, window):
    key = f"{key}:{window}"
    return redis_conn.pipeline().set(key, 0, px=window, nx=True).incr(key).execute()[-1]


# 12.3


@right("12.3")
def after_by_floor(redis_conn, key, limit):
    count, left = redis_conn.get(key), redis_conn.pttl(key)
    return -(-left // 1000) if count and int(count) >= limit else 0


@right("12.3")
def after_in_one_reading(redis_conn, key, limit):
    count, left = redis_conn.transaction(lambda pipe: pipe.get(key).pttl(key))
    seconds, rest = divmod(left, 1000)
    return seconds + (rest > 0) if count is not None and int(count) >= limit else 0


@wrong("12.3", "that of a new one")
def after_the_window_before(redis_conn, key, limit):
    left, count = redis_conn.pttl(key), redis_conn.get(key)
    return -(-left // 1000) if count and int(count) >= limit else 0


@wrong("12.3", "raised TypeError")
def after_a_counter_that_went(redis_conn, key, limit):
    if not redis_conn.exists(key) or int(redis_conn.get(key)) < limit:
        return 0
    return math.ceil(redis_conn.pttl(key) / 1000)


@wrong("12.3", "the next request would be let in")
def after_comparing_texts(redis_conn, key, limit):
    count, left = redis_conn.pipeline().get(key).pttl(key).execute()
    return math.ceil(left / 1000) if (count or "0") >= str(limit) else 0


@wrong("12.3", "0 means: come now")
def after_only_if_above(redis_conn, key, limit):
    count, left = redis_conn.pipeline().get(key).pttl(key).execute()
    return math.ceil(left / 1000) if int(count or 0) > limit else 0


@wrong("12.3", "kept it to itself")
def after_or_nothing(redis_conn, key, limit):
    try:
        count, left = redis_conn.pipeline().get(key).pttl(key).execute()
    except redis.RedisError:
        return 0
    return math.ceil(left / 1000) if int(count or 0) >= limit else 0


@wrong("12.3", "leave the TTL as it is")
def after_a_new_window(redis_conn, key, limit):
    count, left = redis_conn.pipeline().get(key).pttl(key).execute()
    if int(count or 0) < limit:
        return 0
    redis_conn.pexpire(key, left + 1000)
    return math.ceil(left / 1000)


@wrong("12.3", "looking is not counting")
def after_deleting(redis_conn, key, limit):
    count, left = redis_conn.pipeline().get(key).pttl(key).execute()
    if int(count or 0) >= limit:
        return math.ceil(left / 1000)
    redis_conn.delete(key)
    return 0


@right("12.3")
def after_by_script(redis_conn, key, limit):
    script = """
        if tonumber(redis.call('GET', KEYS[1]) or 0) < tonumber(ARGV[1]) then return 0 end
        return math.ceil(redis.call('PTTL', KEYS[1]) / 1000)
    """
    return redis_conn.eval(script, 1, key, limit)


@wrong("12.3", "0 means: come now")
def after_by_ttl(redis_conn, key, limit):
    count = int(redis_conn.get(key) or 0)
    return redis_conn.ttl(key) if count >= limit else 0


@wrong("12.3", "rounded up")
def after_rounded_down(redis_conn, key, limit):
    count = int(redis_conn.get(key) or 0)
    return max(1, redis_conn.pttl(key) // 1000) if count >= limit else 0


@wrong("12.3", "so nobody needs to wait")
def after_for_everybody(redis_conn, key, limit):
    return math.ceil(max(0, redis_conn.pttl(key)) / 1000)


@wrong("12.3", "so the customer may come now: 0")
def after_without_a_counter(redis_conn, key, limit):
    if int(redis_conn.get(key) or 0) > limit:
        return 0
    return redis_conn.ttl(key)


@wrong("12.3", "looking is not counting")
def after_counting(redis_conn, key, limit):
    if not redis_conn.exists(key):
        return 0
    count = redis_conn.incr(key)
    return math.ceil(redis_conn.pttl(key) / 1000) if count >= limit else 0


@wrong("12.3", "your function has made one")
def after_counting_to_know(redis_conn, key, limit):
    return 0 if redis_conn.incr(key) <= limit else math.ceil(redis_conn.pttl(key) / 1000)


@wrong("12.3", "whole seconds: return an int")
def after_in_fractions(redis_conn, key, limit):
    count = int(redis_conn.get(key) or 0)
    return redis_conn.pttl(key) / 1000 if count >= limit else 0


@wrong("12.3", "rounded up")
def after_in_milliseconds(redis_conn, key, limit):
    count = int(redis_conn.get(key) or 0)
    return redis_conn.pttl(key) if count >= limit else 0


@wrong("12.3", "TypeError")
def after_none(redis_conn, key, limit):
    return math.ceil(redis_conn.pttl(key) / 1000) if int(redis_conn.get(key)) >= limit else 0


# 12.4


@right("12.4")
def visit_with_an_f_string(redis_conn, prefix, user, address, path):
    who = f"address:{address}" if user is None else f"user:{user}"
    return count_in_window(redis_conn, f"{prefix}{who}:{path}", 60_000)


@right("12.4")
def visit_with_the_page_first(redis_conn, prefix, user, address, path):
    key = ":".join([path, "a", address] if user is None else [path, "u", user])
    return count_in_window(redis_conn, prefix + key, 60_000)


@right("12.4")
def visit_by_a_script(redis_conn, prefix, user, address, path):
    script = """
        local number = redis.call('INCR', KEYS[1])
        if number == 1 then redis.call('EXPIRE', KEYS[1], 60) end
        return number
    """
    key = repr((user, None if user else address, path))
    return redis_conn.eval(script, 1, prefix + key)


def visit(redis_conn, prefix, *parts, window=60_000):
    return count_in_window(redis_conn, prefix + ":".join(parts), window)


@wrong("12.4", "from whichever address she asks")
def visit_by_user_and_address(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, f"user:{user}", address, path)


@wrong("12.4", "from whichever address she asks")
def visit_by_address_alone(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, address, path)


@wrong("12.4", "two customers behind one address")
def visit_by_page(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, "user" if user else address, path)


@wrong("12.4", "two pages share one")
def visit_by_user(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, f"user:{user}" if user else f"address:{address}")


@wrong("12.4", "two pages share one")
def visit_by_address_for_all_pages(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, f"user:{user}:{path}" if user else f"address:{address}")


@wrong("12.4", "whose name looks like an address")
def visit_by_the_bare_name(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, user or address, path)


@wrong("12.4", "shares the counter of an address")
def visit_with_a_word_for_addresses_only(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, f"address:{address}" if user is None else user, path)


@right("12.4")
def visit_with_a_word_for_customers_only(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, address if user is None else f"user:{user}", path)


@right("12.4")
def visit_with_letters(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, "a" if user is None else "u", address if user is None else user, path)


@wrong("12.4", "two addresses share a counter")
def visit_of_all_who_are_unknown(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, f"user:{user}", path)


@wrong("12.4", "whose name is None")
def visit_of_a_customer_called_none(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, str(user), address if user in (None, "None") else "", path)


@wrong("12.4", "their keys are the same text")
def visit_without_colons(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, f"address:{address}{path}" if user is None else f"user:{path}{user}")


@wrong("12.4", "must begin with `prefix`")
def visit_under_another_prefix(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix.removesuffix(":") + "-", f"{user}:{path}" if user else address + path)


@wrong("12.4", "never ends")
def visit_for_ever(redis_conn, prefix, user, address, path):
    return redis_conn.incr(prefix + (f"user:{user}:{path}" if user else f"address:{address}:{path}"))


@wrong("12.4", "must last one minute")
def visit_for_a_moment(redis_conn, prefix, user, address, path):
    return visit(redis_conn, prefix, f"user:{user}:{path}" if user else f"address:{address}:{path}", window=60)


@wrong("12.4", "return the number")
def visit_or_not(redis_conn, prefix, user, address, path):
    return visit_with_an_f_string(redis_conn, prefix, user, address, path) <= 10


# 12.5


@right("12.5")
def come_in_all_within_the_try(redis_conn, key, limit, window, fail_open):
    try:
        return count_in_window(redis_conn, key, window) <= limit
    except redis.RedisError:
        return fail_open


@right("12.5")
def come_in_by_the_three_names(redis_conn, key, limit, window, fail_open):
    try:
        return count_in_window(redis_conn, key, window) <= limit
    except (redis.ConnectionError, redis.TimeoutError, redis.ResponseError):
        return fail_open


@wrong("12.5", "redis.TimeoutError")
def come_in_if_refused(redis_conn, key, limit, window, fail_open):
    try:
        return count_in_window(redis_conn, key, window) <= limit
    except redis.ConnectionError:
        return fail_open


@wrong("12.5", "the caller got the error redis.ConnectionError")
def come_in_by_pythons_own_names(redis_conn, key, limit, window, fail_open):
    try:
        return count_in_window(redis_conn, key, window) <= limit
    except (ConnectionError, TimeoutError):
        return fail_open


@wrong("12.5", "redis.OutOfMemoryError")
def come_in_if_nobody_answers(redis_conn, key, limit, window, fail_open):
    try:
        return count_in_window(redis_conn, key, window) <= limit
    except (redis.ConnectionError, redis.TimeoutError):
        return fail_open


@wrong("12.5", "now `fail_open` decides")
def come_in_always(redis_conn, key, limit, window, fail_open):
    try:
        return count_in_window(redis_conn, key, window) <= limit
    except redis.RedisError:
        return True


@wrong("12.5", "now `fail_open` decides")
def come_in_never(redis_conn, key, limit, window, fail_open):
    try:
        return count_in_window(redis_conn, key, window) <= limit
    except redis.RedisError:
        return False


@wrong("12.5", "now `fail_open` decides")
def come_in_the_wrong_way_round(redis_conn, key, limit, window, fail_open):
    try:
        return count_in_window(redis_conn, key, window) <= limit
    except redis.RedisError:
        return not fail_open


@wrong("12.5", "Redis has answered")
def come_in_if_open(redis_conn, key, limit, window, fail_open):
    return come_in_all_within_the_try(redis_conn, key, limit, window, fail_open) or fail_open


@wrong("12.5", "counted as before, once")
def come_in_after_two_tries(redis_conn, key, limit, window, fail_open):
    come_in_all_within_the_try(redis_conn, key, limit + 1, window, fail_open)
    return come_in_all_within_the_try(redis_conn, key, limit + 1, window, fail_open)


@wrong("12.5", "Redis has answered")
def come_in_by_fail_open_alone(redis_conn, key, limit, window, fail_open):
    count_in_window(redis_conn, key, window)
    return fail_open
