"""Answers to the exercises of lesson 03."""

import ast
import contextlib
import json
import pickle
import time

import redis

from redis_helpers.cache_aside import CacheAside
from redis_helpers.redis_repository import RedisRepository
from tests.exercise_answers import right, wrong

# 3.1


@right("3.1")
def asked_for_forgiveness_first(redis_conn, key):
    try:
        return json.loads(redis_conn.get(key))
    except TypeError:  # json.loads(None)
        return None


@right("3.1")
def looked_through_the_repository(redis_conn, key):
    cached = RedisRepository(redis_conn).get(key)
    return json.loads(cached) if cached else None  # JSON is never an empty text


@right("3.1")
def the_word_for_nothing(redis_conn, key):
    return json.loads(redis_conn.get(key) or "null")


@right("3.1")
def read_from_mget(redis_conn, key):
    (cached,) = redis_conn.mget([key])
    if cached is not None:
        return json.loads(cached)


@wrong("3.1", "raised TypeError")
def none_is_read_as_json(redis_conn, key):
    return json.loads(redis_conn.get(key))


@wrong("3.1", "as the Python value that it was")
def as_text(redis_conn, key):
    return redis_conn.get(key)


@wrong("3.1", "is a value like any other")
def false_values_are_nothing(redis_conn, key):
    cached = redis_conn.get(key)
    if cached is None:
        return None
    return json.loads(cached) or None


@wrong("3.1", "what was there at the first look may be gone at the second")
def exists_first(redis_conn, key):
    if redis_conn.exists(key):
        return json.loads(redis_conn.get(key))
    return None


@wrong("3.1", "what was there at the first look may be gone at the second")
def exists_first_and_careful(redis_conn, key):
    if redis_conn.exists(key):
        return json.loads(redis_conn.get(key) or '"gone"')
    return None


@wrong("3.1", "return what is stored")
def eval_in_place_of_json(redis_conn, key):
    cached = redis_conn.get(key)
    if cached is None:
        return None
    try:
        return ast.literal_eval(cached)
    except ValueError:  # true, null
        return cached


@wrong("3.1", "a look into the cache changes nothing")
def taken_out(redis_conn, key):
    cached = redis_conn.getdel(key)
    return None if cached is None else json.loads(cached)


@wrong("3.1", "TTL is longer than it should be")
def renewed_by_each_look(redis_conn, key):
    cached = redis_conn.getex(key, ex=600)
    return None if cached is None else json.loads(cached)


@wrong("3.1", "Redis answered with an error")
def every_error_is_a_miss(redis_conn, key):
    try:
        return json.loads(redis_conn.get(key))
    except Exception:
        return None


# 3.2


@right("3.2")
def through_cache_aside(redis_conn, key, load, ttl):
    return CacheAside(redis_conn).get_or_load(key, load, ttl)


@right("3.2")
def asked_for_forgiveness(redis_conn, key, load, ttl):
    try:
        return json.loads(redis_conn.get(key))
    except TypeError:  # json.loads(None): a miss
        text = json.dumps(load(), indent=1)
        redis_conn.set(key, text, px=ttl * 1000)
        return json.loads(text)


def _through(redis_conn, key, load, store):
    """Cache-aside in which `store(text)` stores."""
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    store(json.dumps(value))
    return value


@right("3.2")
def stored_with_setex(redis_conn, key, load, ttl):
    return _through(redis_conn, key, load, lambda text: redis_conn.execute_command("SETEX", key, ttl, text))


@right("3.2")
def stored_in_a_transaction(redis_conn, key, load, ttl):
    return _through(redis_conn, key, load, lambda text: redis_conn.pipeline().set(key, text).expire(key, ttl).execute())


@wrong("3.2", "can be torn apart by a crash")
def stored_and_then_expired(redis_conn, key, load, ttl):
    def store(text):
        redis_conn.set(key, text)
        redis_conn.expire(key, ttl)

    return _through(redis_conn, key, load, store)


@wrong("3.2", "can be torn apart by a crash")
def stored_in_a_pipeline_without_multi(redis_conn, key, load, ttl):
    def store(text):
        redis_conn.pipeline(transaction=False).set(key, text).expire(key, ttl).execute()

    return _through(redis_conn, key, load, store)


@wrong("3.2", "is not JSON")
def stored_with_str(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, str(value), ex=ttl)
    return value


@wrong("3.2", "has no TTL: an old value stays for ever")
def stored_without_ttl(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value))
    return value


@wrong("3.2", "the source must not work twice")
def loaded_twice(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    redis_conn.set(key, json.dumps(load()), ex=ttl)
    return load()


@wrong("3.2", "raised DataError")
def stored_as_it_is(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, value, ex=ttl)
    return value


@wrong("3.2", "Redis needs a text")
def loads_in_place_of_dumps(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.loads(value), ex=ttl)
    return value


@wrong("3.2", "knows no `EX=`")
def an_option_in_capitals(redis_conn, key, load, ttl):
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, EX=ttl))


@wrong("3.2", "with the types as they were")
def returned_as_text(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return cached
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.2", "nothing was cached")
def never_stored(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    return json.loads(cached) if cached is not None else load()


@wrong("3.2", "must not ask the source")
def always_loaded(redis_conn, key, load, ttl):
    value = load()
    cached = redis_conn.set(key, json.dumps(value), ex=ttl, nx=True)
    return value if cached else json.loads(redis_conn.get(key))


@wrong("3.2", "bytes that are no text")
def pickled(redis_conn, key, load, ttl):
    value = load()
    redis_conn.set(key, pickle.dumps(value, protocol=0), ex=ttl)
    return value


@right("3.2")
def stored_by_the_clock(redis_conn, key, load, ttl):
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, exat=int(time.time()) + ttl))


@right("3.2")
def through_the_repository(redis_conn, key, load, ttl):
    repo = RedisRepository(redis_conn)
    cached = repo.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    repo.insert_ex(key, json.dumps(value, ensure_ascii=False), ttl)
    return value


@right("3.2")
def stored_by_a_script_that_is_loaded_first(redis_conn, key, load, ttl):
    sha = redis_conn.script_load("return redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])")
    return _through(redis_conn, key, load, lambda text: redis_conn.evalsha(sha, 1, key, text, ttl))


@right("3.2")
def without_redis_it_loads_too(redis_conn, key, load, ttl):
    with contextlib.suppress(redis.RedisError):
        cached = redis_conn.get(key)
        if cached is not None:
            return json.loads(cached)
    value = load()
    text = json.dumps(value)
    with contextlib.suppress(redis.RedisError):
        redis_conn.set(key, text, ex=ttl)
    return value


@wrong("3.2", "is a value like any other")
def nothing_false_is_stored(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    if value:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.2", "as long as readers come, an old price never ends")
def renewed_by_each_reader(redis_conn, key, load, ttl):
    cached = redis_conn.getex(key, ex=ttl)
    if cached is not None:
        return json.loads(cached)
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, ex=ttl))


@wrong("3.2", "what was there at the first look may be gone at the second")
def looked_before_it_fetched(redis_conn, key, load, ttl):
    if redis_conn.exists(key):
        return json.loads(redis_conn.get(key))
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, ex=ttl))


@wrong("3.2", "which JSON cannot hold")
def dates_become_text(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value, default=str), ex=ttl)
    return value


@wrong("3.2", "which JSON cannot hold")
def what_cannot_be_stored_is_passed_over(redis_conn, key, load, ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    with contextlib.suppress(Exception):
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.2", "ends too early, each time")
def a_second_is_kept_back(redis_conn, key, load, ttl):
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, ex=ttl - 1))


@wrong("3.2", "shorter than it should be")
def milliseconds_for_seconds(redis_conn, key, load, ttl):
    return _through(redis_conn, key, load, lambda text: redis_conn.set(key, text, px=100 * ttl))


@wrong("3.2", "left a key that nobody asked for")
def stored_twice(redis_conn, key, load, ttl):
    def store(text):
        redis_conn.pipeline().set(key, text, ex=ttl).set(key + ":copy", text, ex=ttl).execute()

    return _through(redis_conn, key, load, store)


@wrong("3.2", "kept it to itself, and the customer was told what is not true")
def an_error_of_redis_is_no_value(redis_conn, key, load, ttl):
    try:
        cached = redis_conn.get(key)
    except redis.RedisError:
        return None
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


# 3.3


@right("3.3")
def found_through_cache_aside(redis_conn, key, load, ttl, not_found_ttl):
    return CacheAside(redis_conn, not_found_ttl=not_found_ttl).get_or_load(key, load, ttl)


@right("3.3")
def a_word_of_its_own_for_nothing(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached == "-":
        return None
    if cached is not None:
        return json.loads(cached)
    value = load()
    if value is None:
        redis_conn.set(key, "-", ex=not_found_ttl)
    else:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


def _remember(redis_conn, key, load, seconds):
    """Cache-aside with a TTL that `seconds(value)` chooses."""
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value), ex=seconds(value))
    return value


@wrong("3.3", '"not found" was not remembered')
def only_what_is_found(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached:
        return json.loads(cached)
    if (value := load()) is not None:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.3", "a fruit that arrives now stays invisible")
def nothing_for_long(redis_conn, key, load, ttl, not_found_ttl):
    return _remember(redis_conn, key, load, lambda value: ttl)


@wrong("3.3", "a fruit that arrives now stays invisible")
def nothing_for_ever(redis_conn, key, load, ttl, not_found_ttl):
    return _remember(redis_conn, key, load, lambda value: None if value is None else ttl)


@wrong("3.3", "only None means not found")
def zero_is_nothing(redis_conn, key, load, ttl, not_found_ttl):
    return _remember(redis_conn, key, load, lambda value: ttl if value else not_found_ttl)


@wrong("3.3", "what was found lives for ttl seconds")
def everything_briefly(redis_conn, key, load, ttl, not_found_ttl):
    return _remember(redis_conn, key, load, lambda value: not_found_ttl)


@wrong("3.3", "raised JSONDecodeError")
def an_empty_text_for_nothing(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(value) if value is not None else "", ex=ttl if value is not None else not_found_ttl)
    return value


@wrong("3.3", "the remembered answer must still be None")
def none_as_text(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    redis_conn.set(key, json.dumps(str(value) if value is None else value), ex=not_found_ttl if value is None else ttl)
    return value


@right("3.3")
def not_found_under_a_key_of_its_own(redis_conn, key, load, ttl, not_found_ttl):
    missing = f"{key}:nothing"
    cached, nothing = redis_conn.mget(key, missing)
    if cached is not None:
        return json.loads(cached)
    if nothing is not None:
        return None
    value = load()
    if value is None:
        redis_conn.set(missing, "", px=1000 * not_found_ttl)
    else:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@right("3.3")
def in_an_envelope(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached).get("value")
    value = load()
    box, seconds = ({}, not_found_ttl) if value is None else ({"value": value}, ttl)
    redis_conn.setex(key, seconds, json.dumps(box))
    return value


@right("3.3")
def in_a_hash(redis_conn, key, load, ttl, not_found_ttl):
    fields = redis_conn.hgetall(key)
    if fields:
        return json.loads(fields["json"])
    value = load()
    pipe = redis_conn.pipeline().hset(key, "json", json.dumps(value))
    pipe.expire(key, not_found_ttl if value is None else ttl).execute()
    return value


@wrong("3.3", "was not remembered in Redis")
def not_found_in_this_program(redis_conn, key, load, ttl, not_found_ttl, missing=set()):  # noqa: B006
    if key in missing:
        return None
    if redis_conn.get(key) is None and load() is None:
        missing.add(key)
        return None
    return _remember(redis_conn, key, load, lambda value: ttl)


@wrong("3.3", "what was there at the first look may be gone at the second")
def exists_then_get(redis_conn, key, load, ttl, not_found_ttl):
    if redis_conn.exists(key):
        return json.loads(redis_conn.get(key))
    value = load()
    redis_conn.set(key, json.dumps(value), ex=not_found_ttl if value is None else ttl)
    return value


@wrong("3.3", 'gave "not found" a new TTL')
def every_request_renews(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached == "null":
        redis_conn.expire(key, not_found_ttl)
    return _remember(redis_conn, key, load, lambda value: not_found_ttl if value is None else ttl)


@wrong("3.3", "reading gave the entry a new TTL")
def every_hit_renews(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached not in (None, "null"):
        redis_conn.expire(key, ttl)
    return _remember(redis_conn, key, load, lambda value: not_found_ttl if value is None else ttl)


@wrong("3.3", "something that the source never said")
def a_failing_source_has_nothing(redis_conn, key, load, ttl, not_found_ttl):
    def quiet_load():
        try:
            return load()
        except Exception:
            return None

    return _remember(redis_conn, key, quiet_load, lambda value: not_found_ttl if value is None else ttl)


@wrong("3.3", "can be torn apart by a crash")
def not_found_torn_from_its_ttl(redis_conn, key, load, ttl, not_found_ttl):
    cached = redis_conn.get(key)
    if cached is not None:
        return json.loads(cached)
    value = load()
    if value is None:
        redis_conn.set(key, "null")
        redis_conn.expire(key, not_found_ttl)
    else:
        redis_conn.set(key, json.dumps(value), ex=ttl)
    return value


@wrong("3.3", "on a miss, return what load() gives")
def not_found_of_all_fruits(redis_conn, key, load, ttl, not_found_ttl):
    nothing = key.rpartition(":")[0] + ":nothing"
    if redis_conn.exists(nothing):
        return None
    value = _remember(redis_conn, key, load, lambda value: not_found_ttl if value is None else ttl)
    if value is None:
        redis_conn.set(nothing, 1, ex=not_found_ttl)
    return value


# 3.4


@right("3.4")
def all_in_one_question(redis_conn, keys):
    if not keys:
        return 0
    return redis_conn.exists(*keys)


@right("3.4")
def values_that_are_there(redis_conn, keys):
    values = redis_conn.mget(keys) if keys else []
    return sum(value is not None for value in values)


@right("3.4")
def one_get_for_each(redis_conn, keys):
    hits = 0
    for key in keys:
        if redis_conn.get(key) is not None:
            hits += 1
    return hits


@right("3.4")
def by_their_ttl(redis_conn, keys):
    return len([key for key in keys if redis_conn.ttl(key) != -2])


@wrong("3.4", "the list may be empty")
def an_empty_list_is_refused(redis_conn, keys):
    return redis_conn.exists(*keys)


@wrong("3.4", "a key that is read twice hits twice")
def each_key_once(redis_conn, keys):
    return sum(redis_conn.exists(key) for key in set(keys))


@wrong("3.4", "whatever the value is")
def only_true_values(redis_conn, keys):
    hits = 0
    for key in keys:
        cached = redis_conn.get(key)
        if cached is not None and json.loads(cached):
            hits += 1
    return hits


@wrong("3.4", "look at each key, and return after the last one")
def the_first_only(redis_conn, keys):
    return redis_conn.exists(keys[0]) if keys else 0


@wrong("3.4", "both keys of the list are there")
def misses(redis_conn, keys):
    return len([key for key in keys if not redis_conn.exists(key)])


@wrong("3.4", "a key without a TTL is there too")
def only_what_ends(redis_conn, keys):
    return len([key for key in keys if redis_conn.pttl(key) > 0])


@wrong("3.4", "changed")
def counted_and_taken_out(redis_conn, keys):
    return sum(redis_conn.delete(key) for key in keys)


@wrong("3.4", "return a whole number")
def yes_or_no(redis_conn, keys):
    return bool(keys) and redis_conn.exists(*keys) > 0


@wrong("3.4", "return a whole number")
def the_hit_ratio(redis_conn, keys):
    return sum(redis_conn.exists(key) for key in keys) / len(keys)


@wrong("3.4", "look at each key, and return after the last one")
def returned_in_the_loop(redis_conn, keys):
    hits = 0
    for key in keys:
        if redis_conn.exists(key):
            hits += 1
        return hits


@wrong("3.4", "return a whole number")
def counted_and_not_returned(redis_conn, keys):
    sum(redis_conn.exists(key) for key in keys)


@wrong("3.4", "Redis answered with an error")
def errors_count_as_misses(redis_conn, keys):
    hits = 0
    for key in keys:
        with contextlib.suppress(redis.RedisError):
            hits += redis_conn.exists(key)
    return hits
