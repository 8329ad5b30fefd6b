"""Answers to the exercise of lesson 00."""

from tests.exercise_answers import right, wrong


@right("0.1")
def in_one_pipeline(redis_conn, key, text):
    with redis_conn.pipeline() as pipe:
        return pipe.set(key, text).get(key).execute()[1]


@right("0.1")
def with_plain_commands(redis_conn, key, text):
    redis_conn.execute_command("SET", key, text)
    return redis_conn.execute_command("GET", key)


@wrong("0.1", "must be in Redis")
def only_returned(redis_conn, key, text):
    return text


@wrong("0.1", "return what GET answers")
def nothing_returned(redis_conn, key, text):
    redis_conn.set(key, text)
    redis_conn.get(key)


@wrong("0.1", "return what GET answers")
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


@wrong("0.1", "read the key back with GET")
def not_read_back(redis_conn, key, text):
    redis_conn.set(key, text)
    return text


@wrong("0.1", "SET replaces what was there")
def only_when_free(redis_conn, key, text):
    redis_conn.set(key, text, nx=True)
    return redis_conn.get(key)
