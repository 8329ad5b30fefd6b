"""Answers to the exercises of lesson 09."""

import json
import time

from redis_helpers.redis_repository import RedisRepository
from tests.exercise_answers import right, wrong

# 9.1


@right("9.1")
def end_by_the_list(redis_conn, key, field, seconds):
    return redis_conn.hexpire(key, seconds, field) == [1]


@right("9.1")
def end_in_milliseconds(redis_conn, key, field, seconds):
    return 1 in redis_conn.hpexpire(key, 1000 * seconds, field)


@right("9.1")
def end_by_raw_command(redis_conn, key, field, seconds):
    answers = redis_conn.execute_command("HEXPIRE", key, seconds, "FIELDS", 1, field)
    return answers[0] == 1


@wrong("9.1", "it needs a TTL of its own")
def end_of_the_key(redis_conn, key, field, seconds):
    return bool(redis_conn.expire(key, seconds))


@wrong("9.1", "return True")
def end_as_it_is_answered(redis_conn, key, field, seconds):
    return redis_conn.hexpire(key, seconds, field)


@wrong("9.1", "one number for each field: here it is `[1]`")
def end_compared_with_a_number(redis_conn, key, field, seconds):
    return redis_conn.hexpire(key, seconds, field) == 1


@wrong("9.1", "return False")
def end_of_a_list_that_is_true(redis_conn, key, field, seconds):
    return bool(redis_conn.hexpire(key, seconds, field))


@wrong("9.1", "other fields got an end")
def end_of_all_fields(redis_conn, key, field, seconds):
    if not redis_conn.hexists(key, field):
        return False
    redis_conn.hexpire(key, seconds, *redis_conn.hkeys(key))
    return True


@wrong("9.1", "it needs a TTL of its own")
def end_once_only(redis_conn, key, field, seconds):
    redis_conn.hexpire(key, seconds, field, nx=True)
    return redis_conn.hexists(key, field)


# 9.2


@right("9.2")
def flash_by_script(redis_conn, key, fruit, price, seconds):
    script = """
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        redis.call('HEXPIRE', KEYS[1], ARGV[3], 'FIELDS', 1, ARGV[1])
    """
    redis_conn.eval(script, 1, key, fruit, price, seconds)


@right("9.2")
def flash_through_the_repository(redis_conn, key, fruit, price, seconds):
    RedisRepository(redis_conn).insert_hash_field_ex(key, fruit, price, seconds)


@right("9.2")
def flash_in_milliseconds(redis_conn, key, fruit, price, seconds):
    redis_conn.pipeline().hset(key, fruit, price).hpexpire(key, seconds * 1000, fruit).execute()


@right("9.2")
def flash_until_a_time_of_the_clock(redis_conn, key, fruit, price, seconds):
    end = round(time.time() + seconds)
    redis_conn.pipeline().hset(key, fruit, price).hexpireat(key, end, fruit).execute()


@wrong("9.2", "the clock of the whole hash was changed")
def flash_for_the_whole_key(redis_conn, key, fruit, price, seconds):
    redis_conn.pipeline().hset(key, fruit, price).expire(key, seconds).execute()


@wrong("9.2", "the field needs a TTL of its own")
def flash_the_wrong_way_round(redis_conn, key, fruit, price, seconds):
    redis_conn.pipeline().hexpire(key, seconds, fruit).hset(key, fruit, price).execute()


@wrong("9.2", "a flash price that never ends")
def flash_in_two_commands(redis_conn, key, fruit, price, seconds):
    redis_conn.hset(key, fruit, price)
    redis_conn.hexpire(key, seconds, fruit)


@wrong("9.2", "a flash price that never ends")
def flash_in_a_pipeline_without_transaction(redis_conn, key, fruit, price, seconds):
    redis_conn.pipeline(transaction=False).hset(key, fruit, price).hexpire(key, seconds, fruit).execute()


@wrong("9.2", "the field needs a TTL of its own")
def flash_without_end(redis_conn, key, fruit, price, seconds):
    redis_conn.hset(key, fruit, price)


@wrong("9.2", "other prices got an end")
def flash_for_all_fields(redis_conn, key, fruit, price, seconds):
    redis_conn.hset(key, fruit, price)
    redis_conn.hexpire(key, seconds, *redis_conn.hkeys(key))


@wrong("9.2", "other prices got an end, or lost theirs")
def flash_by_writing_all_fields_again(redis_conn, key, fruit, price, seconds):
    prices = redis_conn.hgetall(key) | {fruit: price}
    redis_conn.pipeline().hset(key, mapping=prices).hexpire(key, seconds, fruit).execute()


@wrong("9.2", "must get the new price")
def flash_for_old_fields_only(redis_conn, key, fruit, price, seconds):
    redis_conn.execute_command("HSETEX", key, "FXX", "EX", seconds, "FIELDS", 1, fruit, price)


@wrong("9.2", "the field needs a TTL of its own")
def flash_that_is_not_prolonged(redis_conn, key, fruit, price, seconds):
    script = """
        local left = redis.call('HTTL', KEYS[1], 'FIELDS', 1, ARGV[1])[1]
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        redis.call('HEXPIRE', KEYS[1], left > 0 and left or ARGV[3], 'FIELDS', 1, ARGV[1])
    """
    redis_conn.eval(script, 1, key, fruit, price, seconds)


@wrong("9.2", "kept that to itself")
def flash_or_nothing_said(redis_conn, key, fruit, price, seconds):
    pipe = redis_conn.pipeline().hset(key, fruit, price).hexpire(key, seconds, fruit)
    pipe.execute(raise_on_error=False)


@wrong("9.2", "the clock of the whole hash was changed")
def flash_by_rewriting(redis_conn, key, fruit, price, seconds):
    prices = redis_conn.hgetall(key) | {fruit: price}
    redis_conn.pipeline().delete(key).hset(key, mapping=prices).hexpire(key, seconds, fruit).execute()


@wrong("9.2", "the clock of the whole hash was changed")
def flash_after_deleting_the_field(redis_conn, key, fruit, price, seconds):
    redis_conn.pipeline().hdel(key, fruit).hset(key, fruit, price).hexpire(key, seconds, fruit).execute()


# 9.3


@right("9.3")
def stored_with_divmod(redis_conn, prefix, number, price):
    place, _ = divmod(number, 500)
    redis_conn.hset(prefix + str(place), str(number), str(price))


@right("9.3")
def stored_by_the_repository(redis_conn, prefix, number, price):
    RedisRepository(redis_conn).insert_hash(f"{prefix}{int(number / 500)}", str(number), price)


@wrong("9.3", "belongs in the hash number")
def stored_in_one_hash(redis_conn, prefix, number, price):
    redis_conn.hset(f"{prefix}0", number, price)


@wrong("9.3", "belongs in the hash number")
def stored_by_the_rest(redis_conn, prefix, number, price):
    redis_conn.hset(f"{prefix}{number % 500}", number, price)


@wrong("9.3", "belongs in the hash number")
def stored_with_a_point(redis_conn, prefix, number, price):
    redis_conn.hset(f"{prefix}{number / 500}", number, price)


@wrong("9.3", "as the field")
def stored_by_the_place_in_the_hash(redis_conn, prefix, number, price):
    redis_conn.hset(f"{prefix}{number // 500}", number % 500, price)


@wrong("9.3", "belongs in the hash number")
def stored_as_a_string(redis_conn, prefix, number, price):
    redis_conn.set(f"{prefix}{number}", price)


@wrong("9.3", "belongs in the hash number")
def stored_alone(redis_conn, prefix, number, price):
    key = f"{prefix}{number // 500}"
    redis_conn.pipeline().delete(key).hset(key, number, price).execute()


# 9.4


@right("9.4")
def loaded_in_one_line(redis_conn, key):
    return {field: json.loads(text) for field, text in redis_conn.hgetall(key).items()} or None


@right("9.4")
def loaded_by_the_repository(redis_conn, key):
    record = RedisRepository(redis_conn).get_all_hash(key)
    for field in record:
        record[field] = json.loads(record[field])
    return record or None


@wrong("9.4", "with the types that it had")
def loaded_as_text(redis_conn, key):
    return redis_conn.hgetall(key) or None


@wrong("9.4", "return None")
def loaded_empty(redis_conn, key):
    return {field: json.loads(text) for field, text in redis_conn.hgetall(key).items()}


@wrong("9.4", "the record ended between two of your commands")
def loaded_after_a_look(redis_conn, key):
    if not redis_conn.exists(key):
        return None
    return {field: json.loads(text) for field, text in redis_conn.hgetall(key).items()}


@wrong("9.4", "with the types that it had")
def loaded_with_numbers_only(redis_conn, key):
    record = redis_conn.hgetall(key)
    for field, text in record.items():
        if text.isdigit():
            record[field] = int(text)
    return record or None


@wrong("9.4", "with the types that it had")
def loaded_without_what_is_false(redis_conn, key):
    stored = redis_conn.hgetall(key)
    record = {field: json.loads(text) for field, text in stored.items() if json.loads(text)}
    return record or None


@wrong("9.4", "between two of your commands")
def loaded_field_by_field(redis_conn, key):
    record = {}
    for field in redis_conn.hkeys(key):
        text = redis_conn.hget(key, field)
        if text is not None:
            record[field] = json.loads(text)
    return record or None
