"""Answers to the exercise of lesson 00."""

import redis

from redis_helpers.redis_repository import RedisRepository
from tests.exercise_answers import right, wrong


@right("0.1")
def in_one_pipeline(redis_conn, key, text):
    with redis_conn.pipeline() as pipe:
        return pipe.set(key, text).get(key).execute()[1]


@right("0.1")
def with_plain_commands(redis_conn, key, text):
    redis_conn.execute_command("SET", key, text)
    return redis_conn.execute_command("GET", key)


@right("0.1")
def by_one_script(redis_conn, key, text):
    script = redis_conn.register_script("redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])")
    return script(keys=[key], args=[text])


@right("0.1")
def through_the_repository(redis_conn, key, text):
    repo = RedisRepository(redis_conn)
    repo.insert(key, text)
    return repo.get(key)


@right("0.1")
def stored_twice_and_answered_by_the_second(redis_conn, key, text):
    redis_conn.set(key, text)
    return redis_conn.set(key, text, get=True)


@wrong("0.1", "must be in Redis")
def only_returned(redis_conn, key, text):
    return text


@wrong("0.1", "gets something else than Redis holds")
def nothing_returned(redis_conn, key, text):
    redis_conn.set(key, text)
    redis_conn.get(key)


@wrong("0.1", "gets something else than Redis holds")
def the_answer_of_set(redis_conn, key, text):
    return redis_conn.set(key, text)


@wrong("0.1", "which is not one of this exercise")
def a_key_of_its_own(redis_conn, key, text):
    redis_conn.set("start:greeting", text)
    return redis_conn.get("start:greeting")


@wrong("0.1", "which is not one of this exercise")
def value_before_key(redis_conn, key, text):
    redis_conn.set(text, key)
    return redis_conn.get(text)


@wrong("0.1", "the answer must come from Redis")
def not_read_back(redis_conn, key, text):
    redis_conn.set(key, text)
    return text


@wrong("0.1", "the answer must come from Redis")
def read_back_for_nothing(redis_conn, key, text):
    redis_conn.set(key, text)
    redis_conn.get(key)
    return text


@wrong("0.1", "nobody asked for a TTL")
def with_an_end(redis_conn, key, text):
    redis_conn.setex(key, 3600, text)
    return redis_conn.get(key)


@wrong("0.1", "nobody asked for a TTL")
def with_the_end_of_the_old_one(redis_conn, key, text):
    redis_conn.set(key, text, keepttl=True)
    return redis_conn.get(key)


@wrong("0.1", "the new text must replace what was there")
def written_over_the_beginning(redis_conn, key, text):
    redis_conn.setrange(key, 0, text)
    return redis_conn.get(key)


@wrong("0.1", "gets something else than Redis holds")
def without_spaces(redis_conn, key, text):
    redis_conn.set(key, text)
    return redis_conn.get(key).strip()


@wrong("0.1", "raised ResponseError")
def pasted_into_a_script(redis_conn, key, text):
    redis_conn.eval(f"redis.call('SET', KEYS[1], '{text}')", 1, key)
    return redis_conn.get(key)


@wrong("0.1", "gets something else than Redis holds")
def nothing_for_an_empty_text(redis_conn, key, text):
    redis_conn.set(key, text)
    return redis_conn.get(key) or None


@wrong("0.1", "a key that nobody asked for")
def with_a_copy(redis_conn, key, text):
    redis_conn.mset({key: text, f"{key}:copy": text})
    return redis_conn.get(key)


@wrong("0.1", "kept it to itself")
def silent_about_errors(redis_conn, key, text):
    try:
        redis_conn.set(key, text)
        return redis_conn.get(key)
    except redis.RedisError:
        return text


@wrong("0.1", "the new text must replace what was there")
def only_when_free(redis_conn, key, text):
    redis_conn.set(key, text, nx=True)
    return redis_conn.get(key)
