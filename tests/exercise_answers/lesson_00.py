"""Answers to the exercises of lesson 00."""

import redis

from redis_helpers.redis_repository import RedisRepository
from tests.exercise_answers import right, wrong

# 0.1


@right("0.1")
def asked_by_its_name(redis_conn):
    return redis_conn.execute_command("PING")


@right("0.1")
def asked_in_a_pipeline(redis_conn):
    return redis_conn.pipeline(transaction=False).ping().execute()[0]


@right("0.1")
def false_when_redis_is_gone(redis_conn):
    try:
        return redis_conn.ping()
    except redis.RedisError:
        return False


@wrong("0.1", "never asked Redis")
def made_up(redis_conn):
    return True


@wrong("0.1", "does not say True")
def the_word_of_the_wire(redis_conn):
    return "PONG"


@wrong("0.1", "does not say True")
def without_return(redis_conn):
    redis_conn.ping()


@wrong("0.1", "never calls it")
def without_parentheses(redis_conn):
    return redis_conn.ping


@wrong("0.1", "Redis was switched off")
def true_whatever_happens(redis_conn):
    try:
        redis_conn.ping()
    finally:
        return True  # noqa: B012


@wrong("0.1", "which is not one of this exercise")
def leaves_a_note(redis_conn):
    redis_conn.ping()
    return redis_conn.set("cell-by-cell:exercise:0.1:note", 1) and redis_conn.ping()


@wrong("0.1", "raised AttributeError")
def with_a_typing_error(redis_conn):
    return redis_conn.pign()


@wrong("0.1", "It is a method of redis_conn")
def without_the_client(redis_conn):
    return ping()  # noqa: F821


@wrong("0.1", "written in small letters")
def in_capitals(redis_conn):
    return redis_conn.PING()


@wrong("0.1", "wrong in the parentheses of ping")
def with_a_word(redis_conn):
    return redis_conn.ping("hello")


@wrong("0.1", "raised NameError")
def with_a_name_that_is_not_there(redis_conn):
    return client.ping()  # noqa: F821


# 0.2
@right("0.2")
def in_one_pipeline(redis_conn, key, text):
    with redis_conn.pipeline() as pipe:
        return pipe.set(key, text).get(key).execute()[1]


@right("0.2")
def with_plain_commands(redis_conn, key, text):
    redis_conn.execute_command("SET", key, text)
    return redis_conn.execute_command("GET", key)


@right("0.2")
def by_one_script(redis_conn, key, text):
    script = redis_conn.register_script("redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])")
    return script(keys=[key], args=[text])


@right("0.2")
def through_the_repository(redis_conn, key, text):
    repo = RedisRepository(redis_conn)
    repo.insert(key, text)
    return repo.get(key)


@right("0.2")
def stored_twice_and_answered_by_the_second(redis_conn, key, text):
    redis_conn.set(key, text)
    return redis_conn.set(key, text, get=True)


@wrong("0.2", "wrong in the parentheses of set")
def with_dots_left_in_set(redis_conn, key, text):
    redis_conn.set(...)
    return redis_conn.get(key)


@wrong("0.2", "wrong in the parentheses of set")
def with_the_key_alone(redis_conn, key, text):
    redis_conn.set(key)
    return redis_conn.get(key)


@wrong("0.2", "wrong in the parentheses of get")
def nothing_asked_for(redis_conn, key, text):
    redis_conn.set(key, text)
    return redis_conn.get()


@wrong("0.2", "must be in Redis")
def only_returned(redis_conn, key, text):
    return text


@wrong("0.2", "gets something else than Redis holds")
def nothing_returned(redis_conn, key, text):
    redis_conn.set(key, text)
    redis_conn.get(key)


@wrong("0.2", "gets something else than Redis holds")
def the_answer_of_set(redis_conn, key, text):
    return redis_conn.set(key, text)


@wrong("0.2", "which is not one of this exercise")
def a_key_of_its_own(redis_conn, key, text):
    redis_conn.set("start:greeting", text)
    return redis_conn.get("start:greeting")


@wrong("0.2", "which is not one of this exercise")
def value_before_key(redis_conn, key, text):
    redis_conn.set(text, key)
    return redis_conn.get(text)


@wrong("0.2", "the answer must come from Redis")
def not_read_back(redis_conn, key, text):
    redis_conn.set(key, text)
    return text


@wrong("0.2", "the answer must come from Redis")
def read_back_for_nothing(redis_conn, key, text):
    redis_conn.set(key, text)
    redis_conn.get(key)
    return text


@wrong("0.2", "nobody asked for a TTL")
def with_an_end(redis_conn, key, text):
    redis_conn.setex(key, 3600, text)
    return redis_conn.get(key)


@wrong("0.2", "nobody asked for a TTL")
def with_the_end_of_the_old_one(redis_conn, key, text):
    redis_conn.set(key, text, keepttl=True)
    return redis_conn.get(key)


@wrong("0.2", "the new text must replace what was there")
def written_over_the_beginning(redis_conn, key, text):
    redis_conn.setrange(key, 0, text)
    return redis_conn.get(key)


@wrong("0.2", "gets something else than Redis holds")
def without_spaces(redis_conn, key, text):
    redis_conn.set(key, text)
    return redis_conn.get(key).strip()


@wrong("0.2", "raised ResponseError")
def pasted_into_a_script(redis_conn, key, text):
    redis_conn.eval(f"redis.call('SET', KEYS[1], '{text}')", 1, key)
    return redis_conn.get(key)


@wrong("0.2", "gets something else than Redis holds")
def nothing_for_an_empty_text(redis_conn, key, text):
    redis_conn.set(key, text)
    return redis_conn.get(key) or None


@wrong("0.2", "a key that nobody asked for")
def with_a_copy(redis_conn, key, text):
    redis_conn.mset({key: text, f"{key}:copy": text})
    return redis_conn.get(key)


@wrong("0.2", "kept it to itself")
def silent_about_errors(redis_conn, key, text):
    try:
        redis_conn.set(key, text)
        return redis_conn.get(key)
    except redis.RedisError:
        return text


@wrong("0.2", "the new text must replace what was there")
def only_when_free(redis_conn, key, text):
    redis_conn.set(key, text, nx=True)
    return redis_conn.get(key)


# 0.3


@right("0.3")
def unlinked(redis_conn, key):
    return redis_conn.unlink(key)


@right("0.3")
def deleted_in_a_pipeline(redis_conn, key):
    with redis_conn.pipeline() as pipe:
        return pipe.delete(key).execute()[0]


@right("0.3")
def taken_and_looked_at(redis_conn, key):
    return 0 if redis_conn.getdel(key) is None else 1


@right("0.3")
def deleted_by_a_script(redis_conn, key):
    return redis_conn.eval("return redis.call('DEL', KEYS[1])", 1, key)


@wrong("0.3", "wrong in the parentheses of delete")
def without_a_key(redis_conn, key):
    return redis_conn.delete()


@wrong("0.3", "written in small letters")
def the_command_in_capitals(redis_conn, key):
    return redis_conn.DEL(key)


@wrong("0.3", "your function says something else")
def nothing_told(redis_conn, key):
    redis_conn.delete(key)


@wrong("0.3", "your function says something else")
def always_one(redis_conn, key):
    redis_conn.delete(key)
    return 1


@wrong("0.3", "your function says something else")
def true_or_false(redis_conn, key):
    return bool(redis_conn.delete(key))


@wrong("0.3", "For Python's if, an empty text is like None")
def asked_with_if(redis_conn, key):
    return redis_conn.delete(key) if redis_conn.get(key) else 0


@wrong("0.3", "the greeting must be gone")
def made_empty(redis_conn, key):
    return redis_conn.set(key, "") and 1


@wrong("0.3", "the greeting must be gone")
def only_looked(redis_conn, key):
    return redis_conn.exists(key)


@wrong("0.3", "both were told that they did it")
def looked_before(redis_conn, key):
    if not redis_conn.exists(key):
        return 0
    redis_conn.delete(key)
    return 1


@wrong("0.3", "your function says something else")
def taken_and_asked_for_its_text(redis_conn, key):
    return 1 if redis_conn.getdel(key) else 0


@wrong("0.3", "the greeting must be gone")
def ended_in_a_second(redis_conn, key):
    return int(redis_conn.expire(key, 1))


@wrong("0.3", "kept it to itself")
def silent_when_not_deleted(redis_conn, key):
    try:
        return redis_conn.delete(key)
    except redis.RedisError:
        return 0


@wrong("0.3", "FLUSHDB was not run")
def deletes_everything(redis_conn, key):
    redis_conn.flushdb()
    return 1
