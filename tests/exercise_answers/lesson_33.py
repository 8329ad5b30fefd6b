"""Answers to the exercises of lesson 33."""

import redis

from redis_helpers.redis_repository import escape_pattern
from tests.exercise_answers import right, wrong

# 33.1


@right("33.1")
def bytes_in_a_pipeline(redis_conn, names):
    pipe = redis_conn.pipeline(transaction=False)
    for name in names:
        pipe.memory_usage(name)
    return sum(size or 0 for size in pipe.execute())


@right("33.1")
def bytes_of_all_elements(redis_conn, names):
    return sum(redis_conn.memory_usage(name, samples=0) or 0 for name in names)


@wrong("33.1", "it takes no memory, and counts as 0 bytes")
def bytes_of_what_must_be_there(redis_conn, names):
    total = 0
    for name in names:
        total = total + redis_conn.memory_usage(name)
    return total


@wrong("33.1", "was not added up as MEMORY USAGE counts it")
def bytes_of_the_names(redis_conn, names):
    return sum(len(name) for name in names)


@wrong("33.1", "was not added up as MEMORY USAGE counts it")
def bytes_of_the_last(redis_conn, names):
    for name in names:
        total = redis_conn.memory_usage(name) or 0
        if name == names[-1]:
            return total
    return 0


@wrong("33.1", "was not added up as MEMORY USAGE counts it")
def bytes_of_each(redis_conn, names):
    return [redis_conn.memory_usage(name) for name in names]


@wrong("33.1", "a key ended between two of your commands")
def bytes_after_a_look(redis_conn, names):
    total = 0
    for name in names:
        if redis_conn.exists(name):
            total += redis_conn.memory_usage(name)
    return total


@wrong("33.1", "kept it to itself")
def bytes_as_far_as_possible(redis_conn, names):
    total = 0
    for name in names:
        try:
            total += redis_conn.memory_usage(name) or 0
        except redis.RedisError:
            pass
    return total


@wrong("33.1", "must change nothing")
def bytes_and_away(redis_conn, names):
    total = 0
    for name in names:
        total += redis_conn.memory_usage(name) or 0
        redis_conn.unlink(name)
    return total


# 33.2


@right("33.2")
def kept_by_setex(redis_conn, key, page, ttl):
    try:
        return bool(redis_conn.execute_command("SETEX", key, ttl, page))
    except redis.exceptions.OutOfMemoryError:
        return False


@right("33.2")
def kept_in_a_transaction(redis_conn, key, page, ttl):
    with redis_conn.pipeline() as pipe:
        pipe.set(key, page)
        pipe.expire(key, ttl)
        try:
            pipe.execute()
        except redis.OutOfMemoryError:
            return False
    return True


@right("33.2")
def kept_unless_the_text_says_so(redis_conn, key, page, ttl):
    try:
        redis_conn.set(key, page, px=1000 * ttl)
    except redis.ResponseError as error:
        if "maxmemory" not in str(error):
            raise
        return False
    return True


@right("33.2")
def kept_or_the_outdated_copy_deleted(redis_conn, key, page, ttl):
    try:
        redis_conn.set(key, page, ex=ttl)
    except redis.OutOfMemoryError:
        redis_conn.delete(key)
        return False
    return True


@wrong("33.2", "let its error through")
def kept_if_info_shows_room(redis_conn, key, page, ttl):
    memory = redis_conn.info("memory")
    if memory["maxmemory"] and memory["used_memory"] + len(page) > memory["maxmemory"]:
        return False
    redis_conn.set(key, page, ex=ttl)
    return True


@wrong("33.2", "let its error through")
def kept_or_raised(redis_conn, key, page, ttl):
    return redis_conn.set(key, page, ex=ttl)


@wrong("33.2", "it was another error")
def kept_whatever_happens(redis_conn, key, page, ttl):
    try:
        redis_conn.set(key, page, ex=ttl)
        return True
    except redis.RedisError:
        return False


@wrong("33.2", "it was another error")
def kept_if_not_refused(redis_conn, key, page, ttl):
    try:
        redis_conn.set(key, page, ex=ttl)
    except redis.ResponseError:
        return False
    return True


@wrong("33.2", "a page is left that never ends")
def kept_in_two_commands(redis_conn, key, page, ttl):
    try:
        redis_conn.set(key, page)
        redis_conn.expire(key, ttl)
    except redis.OutOfMemoryError:
        return False
    return True


@wrong("33.2", "never ends")
def kept_for_ever(redis_conn, key, page, ttl):
    try:
        redis_conn.set(key, page)
    except redis.OutOfMemoryError:
        return False
    return True


@wrong("33.2", "the page was kept: return True")
def kept_in_silence(redis_conn, key, page, ttl):
    try:
        redis_conn.set(key, page, ex=ttl)
    except redis.OutOfMemoryError:
        return False


@wrong("33.2", "nothing was kept: return False")
def kept_they_say(redis_conn, key, page, ttl):
    try:
        redis_conn.set(key, page, ex=ttl)
    except redis.OutOfMemoryError:
        pass
    return True


@wrong("33.2", "nothing was kept: return False")
def kept_or_none(redis_conn, key, page, ttl):
    try:
        redis_conn.set(key, page, ex=ttl)
        return True
    except redis.OutOfMemoryError:
        return None


@wrong("33.2", "does not find the page")
def kept_if_new(redis_conn, key, page, ttl):
    try:
        redis_conn.set(key, page, ex=ttl, nx=True)
    except redis.OutOfMemoryError:
        return False
    return True


# 33.3


@right("33.3")
def number_by_watch(redis_conn, counter):
    with redis_conn.pipeline() as pipe:
        while True:
            try:
                pipe.watch(counter)
                if not pipe.exists(counter):
                    return None
                pipe.multi()
                pipe.incr(counter)
                return pipe.execute()[0]
            except redis.WatchError:
                continue


@right("33.3")
def number_by_a_script_that_reads(redis_conn, counter):
    script = """
    local now = redis.call('GET', KEYS[1])
    if not now then return nil end
    return redis.call('INCRBY', KEYS[1], 1)
    """
    return redis_conn.eval(script, 1, counter)


@wrong("33.3", "began a new one")
def number_of_any_counter(redis_conn, counter):
    return redis_conn.incr(counter)


@wrong("33.3", "was evicted, or somebody else took a number")
def number_after_a_look(redis_conn, counter):
    if not redis_conn.exists(counter):
        return None
    return redis_conn.incr(counter)


@wrong("33.3", "does not stand one higher now")
def number_unless_it_is_one(redis_conn, counter):
    script = """
    local number = redis.call('INCR', KEYS[1])
    if number == 1 then
      redis.call('DEL', KEYS[1])
      return false
    end
    return number
    """
    return redis_conn.eval(script, 1, counter)


@wrong("33.3", "it does not stand one higher now")
def number_one_forgotten(redis_conn, counter):
    number = redis_conn.incr(counter)
    if number == 1:
        redis_conn.delete(counter)
        return None
    return number


@wrong("33.3", "was evicted, or somebody else took a number")
def number_read_and_written(redis_conn, counter):
    now = redis_conn.get(counter)
    if now is None:
        return None
    redis_conn.set(counter, int(now) + 1, xx=True)
    return int(now) + 1


@wrong("33.3", "return None, so that somebody sets it right")
def number_zero(redis_conn, counter):
    script = """
    if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
    return redis.call('INCR', KEYS[1])
    """
    return redis_conn.eval(script, 1, counter)


@wrong("33.3", "because somebody else came in between")
def number_watched_once(redis_conn, counter):
    with redis_conn.pipeline() as pipe:
        pipe.watch(counter)
        if not pipe.exists(counter):
            return None
        pipe.multi()
        pipe.incr(counter)
        return pipe.execute()[0]


@wrong("33.3", "count one higher, and return the new number")
def number_as_text(redis_conn, counter):
    script = """
    if redis.call('EXISTS', KEYS[1]) == 0 then return false end
    redis.call('INCR', KEYS[1])
    return redis.call('GET', KEYS[1])
    """
    return redis_conn.eval(script, 1, counter)


# 33.4


def all_below(redis_conn, prefix):
    return set(redis_conn.scan_iter(match=escape_pattern(prefix) + "*", count=1000))


@right("33.4")
def biggest_in_a_pipeline(redis_conn, prefix):
    names = list(all_below(redis_conn, prefix))
    pipe = redis_conn.pipeline(transaction=False)
    for name in names:
        pipe.memory_usage(name, samples=0)
    sizes = {name: size for name, size in zip(names, pipe.execute(), strict=True) if size}
    return max(sizes, key=sizes.get, default=None)


@right("33.4")
def biggest_by_looking_at_each_name(redis_conn, prefix):
    found = []
    for name in redis_conn.scan_iter(count=1000):
        if name.startswith(prefix):
            found.append((redis_conn.memory_usage(name, samples=0) or 0, name))
    found = [one for one in found if one[0]]
    return max(found)[1] if found else None


@wrong("33.4", "Redis looked only at some elements")
def biggest_by_a_guess(redis_conn, prefix):
    sizes = {name: redis_conn.memory_usage(name) or 0 for name in all_below(redis_conn, prefix)}
    return max(sizes, key=sizes.get, default=None)


@wrong("33.4", "Redis looked only at some elements")
def biggest_by_a_thousand_elements(redis_conn, prefix):
    names = all_below(redis_conn, prefix)
    sizes = {name: redis_conn.memory_usage(name, samples=1000) or 0 for name in names}
    return max(sizes, key=sizes.get, default=None)


@wrong("33.4", "does not begin with the prefix")
def biggest_of_everybody(redis_conn, prefix):
    sizes = {}
    for name in redis_conn.scan_iter(match=escape_pattern(prefix[:-1]) + "*", count=1000):
        sizes[name] = redis_conn.memory_usage(name, samples=0) or 0
    return max(sizes, key=sizes.get, default=None)


@wrong("33.4", "another key takes more memory")
def biggest_by_a_pattern_that_is_not_escaped(redis_conn, prefix):
    sizes = {}
    for name in redis_conn.scan_iter(match=prefix + "*", count=1000):
        sizes[name] = redis_conn.memory_usage(name, samples=0) or 0
    return max(sizes, key=sizes.get, default=None)


@wrong("33.4", "KEYS was not run")
def biggest_by_keys(redis_conn, prefix):
    sizes = {}
    for name in redis_conn.keys(escape_pattern(prefix) + "*"):
        sizes[name] = redis_conn.memory_usage(name, samples=0) or 0
    return max(sizes, key=sizes.get, default=None)


@wrong("33.4", "no key begins with the prefix")
def biggest_of_nothing(redis_conn, prefix):
    return max(all_below(redis_conn, prefix), key=lambda name: redis_conn.memory_usage(name, samples=0) or 0)


@wrong("33.4", "a key ended between two of your commands")
def biggest_of_those_that_stay(redis_conn, prefix):
    return max(
        all_below(redis_conn, prefix), key=lambda name: redis_conn.memory_usage(name, samples=0) + 0, default=None
    )


@wrong("33.4", "SCAN shows the keys page by page")
def biggest_of_the_first_page(redis_conn, prefix):
    _, names = redis_conn.scan(match=escape_pattern(prefix) + "*")
    sizes = {name: redis_conn.memory_usage(name, samples=0) or 0 for name in names}
    return max(sizes, key=sizes.get, default=None)


@wrong("33.4", "SCAN shows the keys page by page")
def biggest_of_a_long_first_page(redis_conn, prefix):
    _, names = redis_conn.scan(0, match=escape_pattern(prefix) + "*", count=10_000)
    sizes = {name: redis_conn.memory_usage(name, samples=0) or 0 for name in names}
    return max(sizes, key=sizes.get, default=None)


@wrong("33.4", "does not begin with the prefix")
def biggest_with_the_prefix_anywhere(redis_conn, prefix):
    sizes = {}
    for name in redis_conn.scan_iter(match="*" + escape_pattern(prefix) + "*", count=1000):
        sizes[name] = redis_conn.memory_usage(name, samples=0) or 0
    return max(sizes, key=sizes.get, default=None)


@wrong("33.4", "no key begins with the prefix: return None")
def biggest_or_an_empty_name(redis_conn, prefix):
    sizes = {name: redis_conn.memory_usage(name, samples=0) or 0 for name in all_below(redis_conn, prefix)}
    return max(sizes, key=sizes.get, default="")


@wrong("33.4", "another key takes more memory")
def smallest_key(redis_conn, prefix):
    sizes = {name: redis_conn.memory_usage(name, samples=0) or 0 for name in all_below(redis_conn, prefix)}
    return min(sizes, key=sizes.get, default=None)


@wrong("33.4", "another key takes more memory")
def bytes_of_the_biggest_key(redis_conn, prefix):
    return max([redis_conn.memory_usage(name, samples=0) or 0 for name in all_below(redis_conn, prefix)], default=None)
