"""Answers to the exercises of lesson 10."""

import contextlib
import hashlib
import json
import random
import secrets
import time
import uuid

import redis

from tests.exercise_answers import right, wrong

# 10.1


@right("10.1")
def user_among_all_fields(redis_conn, key):
    return redis_conn.hgetall(key).get("user")


@right("10.1")
def user_of_several_fields(redis_conn, key):
    return redis_conn.hmget(key, ["user"])[0]


@wrong("10.1", "greets somebody else")
def the_whole_session(redis_conn, key):
    return redis_conn.hgetall(key)


@wrong("10.1", "nobody is logged in")
def user_or_a_text(redis_conn, key):
    return redis_conn.hget(key, "user") or ""


@wrong("10.1", "greets somebody else")
def user_as_a_key(redis_conn, key):
    return redis_conn.get(f"{key}:user")


@wrong("10.1", "nobody is logged in")
def user_is_text(redis_conn, key):
    return str(redis_conn.hget(key, "user"))


@wrong("10.1", "greets somebody else")
def user_and_not_said(redis_conn, key):
    redis_conn.hget(key, "user")


@wrong("10.1", "kept it to itself")
def user_or_nobody(redis_conn, key):
    try:
        return redis_conn.hget(key, "user")
    except redis.RedisError:
        return None


@wrong("10.1", "neither its user nor None")
def user_after_a_look(redis_conn, key):
    if redis_conn.hexists(key, "user"):
        return str(redis_conn.hget(key, "user"))
    return None


# 10.2


@right("10.2")
def opened_with_a_chain(redis_conn, prefix, fields, idle):
    session_id = secrets.token_hex(32)
    redis_conn.pipeline().hset(prefix + session_id, mapping=fields).pexpire(prefix + session_id, 1000 * idle).execute()
    return session_id


@right("10.2")
def opened_with_a_uuid(redis_conn, prefix, fields, idle):
    session_id = str(uuid.uuid4())
    redis_conn.pipeline().hset(prefix + session_id, mapping=fields).expire(prefix + session_id, idle).execute()
    return session_id


@right("10.2")
def opened_by_a_script(redis_conn, prefix, fields, idle):
    session_id = secrets.token_urlsafe(16)
    script = """
        for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
        redis.call('EXPIRE', KEYS[1], ARGV[1])
    """
    pairs = [text for pair in fields.items() for text in pair]
    redis_conn.eval(script, 1, prefix + session_id, idle, *pairs)
    return session_id


def _opened(redis_conn, key, fields, idle):
    redis_conn.pipeline().hset(key, mapping=fields).expire(key, idle).execute()


@wrong("10.2", "comes back to mend it")
def opened_in_two_commands(redis_conn, prefix, fields, idle):
    session_id = secrets.token_urlsafe(32)
    redis_conn.hset(prefix + session_id, mapping=fields)
    redis_conn.expire(prefix + session_id, idle)
    return session_id


@wrong("10.2", "comes back to mend it")
def opened_in_a_pipeline_without_transaction(redis_conn, prefix, fields, idle):
    key = secrets.token_urlsafe(32)
    redis_conn.pipeline(transaction=False).hset(prefix + key, mapping=fields).expire(prefix + key, idle).execute()
    return key


@wrong("10.2", "never ends")
def opened_without_end(redis_conn, prefix, fields, idle):
    session_id = secrets.token_urlsafe(32)
    redis_conn.hset(prefix + session_id, mapping=fields)
    return session_id


@wrong("10.2", "never ends")
def opened_with_its_end_first(redis_conn, prefix, fields, idle):
    session_id = secrets.token_urlsafe(32)
    redis_conn.pipeline().expire(prefix + session_id, idle).hset(prefix + session_id, mapping=fields).execute()
    return session_id


@wrong("10.2", "there is no session under the prefix")
def opened_and_never_sent(redis_conn, prefix, fields, idle):
    session_id = secrets.token_urlsafe(32)
    redis_conn.pipeline().hset(prefix + session_id, mapping=fields).expire(prefix + session_id, idle)
    return session_id


@wrong("10.2", "made the same id twice")
def opened_with_random(redis_conn, prefix, fields, idle):
    session_id = str(random.getrandbits(256))
    _opened(redis_conn, prefix + session_id, fields, idle)
    return session_id


@wrong("10.2", "made the same id twice")
def opened_with_the_clock(redis_conn, prefix, fields, idle):
    session_id = hashlib.sha256(str(time.time()).encode()).hexdigest()
    _opened(redis_conn, prefix + session_id, fields, idle)
    return session_id


@wrong("10.2", "so short")
def opened_with_a_short_id(redis_conn, prefix, fields, idle):
    session_id = secrets.token_urlsafe(8)
    _opened(redis_conn, prefix + session_id, fields, idle)
    return session_id


@wrong("10.2", "the id alone")
def opened_and_the_key_returned(redis_conn, prefix, fields, idle):
    key = prefix + secrets.token_urlsafe(32)
    _opened(redis_conn, key, fields, idle)
    return key


@wrong("10.2", "return the id")
def opened_and_nothing_said(redis_conn, prefix, fields, idle):
    _opened(redis_conn, prefix + secrets.token_urlsafe(32), fields, idle)


@wrong("10.2", "under the prefix and this id")
def opened_under_another_id(redis_conn, prefix, fields, idle):
    _opened(redis_conn, prefix + secrets.token_urlsafe(32), fields, idle)
    return secrets.token_urlsafe(32)


@wrong("10.2", "TTL is shorter")
def opened_for_half_an_hour(redis_conn, prefix, fields, idle):
    session_id = secrets.token_urlsafe(32)
    _opened(redis_conn, prefix + session_id, fields, min(idle, 300))
    return session_id


@wrong("10.2", "nobody asked for")
def opened_with_a_list_of_ids(redis_conn, prefix, fields, idle):
    session_id = secrets.token_urlsafe(32)
    _opened(redis_conn, prefix + session_id, fields, idle)
    redis_conn.set(f"{prefix}last", session_id, ex=idle)
    return session_id


@wrong("10.2", "does not hold the fields")
def opened_as_json(redis_conn, prefix, fields, idle):
    session_id = secrets.token_urlsafe(32)
    redis_conn.set(prefix + session_id, json.dumps(fields), ex=idle)
    return session_id


@wrong("10.2", "kept it to itself")
def opened_or_not(redis_conn, prefix, fields, idle):
    session_id = secrets.token_urlsafe(32)
    with contextlib.suppress(redis.RedisError):
        _opened(redis_conn, prefix + session_id, fields, idle)
    return session_id


# 10.3


@right("10.3")
def slid_in_a_transaction(redis_conn, key, idle):
    fields, _ = redis_conn.pipeline().hgetall(key).pexpire(key, 1000 * idle).execute()
    return fields or None


@right("10.3")
def slid_by_a_script(redis_conn, key, idle):
    script = "redis.call('EXPIRE', KEYS[1], ARGV[1]) return redis.call('HGETALL', KEYS[1])"
    flat = redis_conn.eval(script, 1, key, idle)
    return dict(zip(flat[::2], flat[1::2], strict=True)) or None


@right("10.3")
def slid_with_expire_first(redis_conn, key, idle):
    there, fields = redis_conn.pipeline().expire(key, idle).hgetall(key).execute()
    return fields if there else None


@wrong("10.3", "the visit did not renew the TTL")
def only_read(redis_conn, key, idle):
    (fields,) = redis_conn.pipeline(transaction=False).hgetall(key).execute()
    return fields or None


@wrong("10.3", "can travel together")
def slid_in_two_round_trips(redis_conn, key, idle):
    fields = redis_conn.hgetall(key)
    redis_conn.expire(key, idle)
    return fields or None


@wrong("10.3", "execute() answers with a list")
def all_replies(redis_conn, key, idle):
    with redis_conn.pipeline(transaction=False) as pipe:
        pipe.hgetall(key)
        pipe.expire(key, idle)
        fields = pipe.execute()
    return fields or None


@wrong("10.3", "the replies come from its execute()")
def read_from_the_pipeline(redis_conn, key, idle):
    with redis_conn.pipeline(transaction=False) as pipe:
        fields = pipe.hgetall(key)
        pipe.expire(key, idle)
        pipe.execute()
    return fields or None


@wrong("10.3", "is called on `pipe`")
def asked_beside_the_pipeline(redis_conn, key, idle):
    with redis_conn.pipeline(transaction=False) as pipe:
        redis_conn.hgetall(key)
        redis_conn.expire(key, idle)
        replies = pipe.execute()
    return replies[0] or None


@wrong("10.3", "This call sent no command")
def never_executed(redis_conn, key, idle):
    fields, _ = redis_conn.pipeline(transaction=False).hgetall(key), redis_conn.pipeline().expire(key, idle)
    return fields or None


@wrong("10.3", "a session that has expired has no fields: return None")
def empty_session(redis_conn, key, idle):
    return redis_conn.pipeline().hgetall(key).expire(key, idle).execute()[0]


@wrong("10.3", "reading must not change a field")
def notes_the_visit(redis_conn, key, idle):
    fields, _, _ = redis_conn.pipeline().hgetall(key).hset(key, "seen", int(time.time())).expire(key, idle).execute()
    return fields or None


@right("10.3")
def slid_by_a_registered_script(redis_conn, key, idle):
    script = """
        redis.call('PEXPIRE', KEYS[1], 1000 * ARGV[1])
        return redis.call('HGETALL', KEYS[1])
    """
    flat = redis_conn.register_script(script)([key], [idle])
    return dict(zip(flat[::2], flat[1::2], strict=True)) if flat else None


@right("10.3")
def slid_to_a_time_of_the_clock(redis_conn, key, idle):
    fields, _ = redis_conn.pipeline().hgetall(key).expireat(key, int(time.time()) + idle).execute()
    return fields or None


@wrong("10.3", "right neither for before nor for afterwards")
def there_a_moment_ago(redis_conn, key, idle):
    there, fields = redis_conn.pipeline(transaction=False).expire(key, idle).hgetall(key).execute()
    return fields if there else None


@wrong("10.3", "ends too early, each time")
def a_second_short(redis_conn, key, idle):
    fields, _ = redis_conn.pipeline().hgetall(key).expire(key, idle - 1).execute()
    return fields or None


@wrong("10.3", "TTL is longer than it should be")
def never_shorter(redis_conn, key, idle):
    fields, _ = redis_conn.pipeline().hgetall(key).expire(key, idle, gt=True).execute()
    return fields or None


@wrong("10.3", "return the fields of the session")
def some_fields(redis_conn, key, idle):
    names = ["ends", "user", "cart:banana"]
    values, _ = redis_conn.pipeline().hmget(key, names).expire(key, idle).execute()
    fields = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return fields or None


@wrong("10.3", "return the fields of the session")
def its_last_second_does_not_count(redis_conn, key, idle):
    script = """
        if redis.call('TTL', KEYS[1]) <= 0 then return {} end
        redis.call('EXPIRE', KEYS[1], ARGV[1])
        return redis.call('HGETALL', KEYS[1])
    """
    flat = redis_conn.eval(script, 1, key, idle)
    return dict(zip(flat[::2], flat[1::2], strict=True)) or None


@wrong("10.3", "your function kept it to itself")
def errors_are_no_session(redis_conn, key, idle):
    try:
        fields, _ = redis_conn.pipeline().hgetall(key).expire(key, idle).execute()
    except redis.RedisError:
        return None
    return fields or None


# 10.4


@right("10.4")
def moment_by_a_script(redis_conn, longest):
    return redis_conn.eval("return redis.call('TIME')[1] + ARGV[1]", 0, longest)


@right("10.4")
def moment_in_two_lines(redis_conn, longest):
    seconds, _ = redis_conn.time()
    return int(seconds) + longest


@wrong("10.4", "the one of the shop's computer")
def moment_of_this_computer(redis_conn, longest):
    return int(time.time()) + longest


@wrong("10.4", "too early or too late")
def moment_of_birth(redis_conn, longest):
    return redis_conn.time()[0]


@wrong("10.4", "too early or too late")
def moment_with_microseconds(redis_conn, longest):
    return sum(redis_conn.time()) + longest


@wrong("10.4", "whole seconds")
def moment_as_a_float(redis_conn, longest):
    seconds, microseconds = redis_conn.time()
    return seconds + microseconds / 1e6 + longest


@wrong("10.4", "TypeError")
def moment_of_a_tuple(redis_conn, longest):
    return redis_conn.time() + longest


@wrong("10.4", "kept it to itself")
def moment_in_any_case(redis_conn, longest):
    try:
        return redis_conn.time()[0] + longest
    except redis.RedisError:
        return int(time.time()) + longest


# 10.5

UNTIL_END = """
local ends = redis.call('HGET', KEYS[1], 'ends')
if not ends then return 0 end
local now = tonumber(redis.call('TIME')[1])
"""


def _until_end(redis_conn, key, idle, rest):
    return redis_conn.eval(UNTIL_END + rest, 1, key, idle) == 1


@right("10.5")
def renewed_to_a_moment(redis_conn, key, idle):
    rest = """
        redis.call('EXPIREAT', KEYS[1], math.min(now + ARGV[1], ends))
        return redis.call('EXISTS', KEYS[1])
    """
    return _until_end(redis_conn, key, idle, rest)


@right("10.5")
def renewed_or_deleted(redis_conn, key, idle):
    rest = """
        if now >= tonumber(ends) then
            redis.call('DEL', KEYS[1])
            return 0
        end
        local left = tonumber(ARGV[1])
        if ends - now < left then left = ends - now end
        redis.call('EXPIRE', KEYS[1], left)
        return 1
    """
    return _until_end(redis_conn, key, idle, rest)


@right("10.5")
def renewed_under_guard(redis_conn, key, idle):
    with redis_conn.pipeline() as pipe:
        while True:
            pipe.watch(key)
            ends = pipe.hget(key, "ends")
            if ends is None:
                return False
            left = min(idle, int(ends) - pipe.time()[0])
            pipe.multi()
            pipe.expire(key, left)
            with contextlib.suppress(redis.WatchError):
                pipe.execute()
                return left > 0


@wrong("10.5", "reaches beyond `ends`")
def renewed_for_ever(redis_conn, key, idle):
    return _until_end(redis_conn, key, idle, "redis.call('EXPIRE', KEYS[1], ARGV[1]) return 1")


@wrong("10.5", "reaches beyond `ends`")
def renewed_for_the_longer_time(redis_conn, key, idle):
    rest = """
        local left = math.max(tonumber(ARGV[1]), ends - now)
        redis.call('EXPIRE', KEYS[1], left)
        return left > 0 and 1 or 0
    """
    return _until_end(redis_conn, key, idle, rest)


@wrong("10.5", "less time than promised")
def never_renewed(redis_conn, key, idle):
    rest = """
        if now >= tonumber(ends) then redis.call('DEL', KEYS[1]) return 0 end
        return 1
    """
    return _until_end(redis_conn, key, idle, rest)


@wrong("10.5", "less time than promised")
def renewed_in_milliseconds(redis_conn, key, idle):
    rest = """
        local left = math.min(tonumber(ARGV[1]), ends - now)
        redis.call('PEXPIRE', KEYS[1], left)
        return left > 0 and 1 or 0
    """
    return _until_end(redis_conn, key, idle, rest)


@wrong("10.5", "reaches beyond `ends`")
def renewed_as_texts_compare(redis_conn, key, idle):
    rest = """
        local left = ends - now
        if ARGV[1] < tostring(left) then left = tonumber(ARGV[1]) end
        redis.call('EXPIRE', KEYS[1], left)
        return left > 0 and 1 or 0
    """
    return _until_end(redis_conn, key, idle, rest)


@wrong("10.5", "longer than `idle`")
def renewed_to_its_end_at_once(redis_conn, key, idle):
    rest = """
        redis.call('EXPIREAT', KEYS[1], ends)
        return redis.call('EXISTS', KEYS[1])
    """
    return _until_end(redis_conn, key, idle, rest)


@wrong("10.5", "and your function deleted it")
def renewed_the_wrong_way_round(redis_conn, key, idle):
    rest = """
        local left = math.min(tonumber(ARGV[1]), now - ends)
        redis.call('EXPIRE', KEYS[1], left)
        return left > 0 and 1 or 0
    """
    return _until_end(redis_conn, key, idle, rest)


@wrong("10.5", "right neither for before nor for afterwards")
def renewed_by_rewriting(redis_conn, key, idle):
    fields = redis_conn.hgetall(key)
    if "ends" not in fields:
        return False
    left = min(idle, int(fields["ends"]) - redis_conn.time()[0])
    pipe = redis_conn.pipeline().delete(key).hset(key, mapping=fields).expire(key, left)
    pipe.execute()
    return left > 0


@wrong("10.5", "return False")
def renewed_and_always_true(redis_conn, key, idle):
    rest = """
        redis.call('EXPIRE', KEYS[1], math.min(tonumber(ARGV[1]), ends - now))
        return 1
    """
    return _until_end(redis_conn, key, idle, rest)


@wrong("10.5", "still in Redis")
def refused_and_kept(redis_conn, key, idle):
    rest = """
        local left = math.min(tonumber(ARGV[1]), ends - now)
        if left <= 0 then return 0 end
        redis.call('EXPIRE', KEYS[1], left)
        return 1
    """
    return _until_end(redis_conn, key, idle, rest)


@wrong("10.5", "ask the clock of Redis")
def renewed_by_this_computers_clock(redis_conn, key, idle):
    script = """
        local ends = redis.call('HGET', KEYS[1], 'ends')
        if not ends then return 0 end
        local left = math.min(tonumber(ARGV[1]), ends - ARGV[2])
        redis.call('EXPIRE', KEYS[1], left)
        return left > 0 and 1 or 0
    """
    return redis_conn.eval(script, 1, key, idle, int(time.time())) == 1


@right("10.5")
def renewed_after_a_look(redis_conn, key, idle):
    ends = redis_conn.hget(key, "ends")
    if ends is None:
        return False
    left = min(idle, int(ends) - redis_conn.time()[0])
    redis_conn.expire(key, left)
    return left > 0


@wrong("10.5", "is a ghost")
def renewed_the_ghost(redis_conn, key, idle):
    script = """
        local ends = redis.call('HGET', KEYS[1], 'ends') or 9999999999
        local left = math.min(tonumber(ARGV[1]), ends - redis.call('TIME')[1])
        if left <= 0 then redis.call('DEL', KEYS[1]) return 0 end
        return redis.call('EXPIRE', KEYS[1], left)
    """
    return redis_conn.eval(script, 1, key, idle) == 1


@wrong("10.5", "kept it to itself")
def renewed_or_ended(redis_conn, key, idle):
    try:
        return renewed_or_deleted(redis_conn, key, idle)
    except redis.RedisError:
        return False


# 10.6


def _digest(session_id):
    return hashlib.sha256(session_id.encode()).hexdigest()


@right("10.6")
def found_under_an_empty_id(redis_conn, prefix, session_id):
    return redis_conn.hgetall(prefix + _digest(session_id or "")) or None


@right("10.6")
def found_after_a_look_at_the_fields(redis_conn, prefix, session_id):
    if not session_id:
        return None
    digest = hashlib.new("sha256", session_id.encode()).digest().hex()
    fields = redis_conn.hgetall(f"{prefix}{digest}")
    if not fields:
        return None
    return fields


@wrong("10.6", "does not find it")
def found_under_the_id(redis_conn, prefix, session_id):
    return redis_conn.hgetall(f"{prefix}{session_id}") or None


@wrong("10.6", "he is let in")
def found_under_either(redis_conn, prefix, session_id):
    if session_id is None:
        return None
    fields = redis_conn.hgetall(prefix + _digest(session_id)) or redis_conn.hgetall(prefix + session_id)
    return fields or None


@wrong("10.6", "gets an error page")
def found_for_who_has_a_cookie(redis_conn, prefix, session_id):
    return redis_conn.hgetall(prefix + _digest(session_id)) or None


@wrong("10.6", "nobody has such a session")
def found_or_empty(redis_conn, prefix, session_id):
    if session_id is None:
        return None
    return redis_conn.hgetall(prefix + _digest(session_id))


@wrong("10.6", "does not find it")
def found_under_another_digest(redis_conn, prefix, session_id):
    if session_id is None:
        return None
    return redis_conn.hgetall(prefix + hashlib.sha1(session_id.encode()).hexdigest()) or None


@wrong("10.6", "another session than")
def found_the_user(redis_conn, prefix, session_id):
    if session_id is None:
        return None
    return redis_conn.hget(prefix + _digest(session_id), "user")


@wrong("10.6", "neither its fields nor None")
def found_in_two_looks(redis_conn, prefix, session_id):
    if session_id is None or not redis_conn.exists(prefix + _digest(session_id)):
        return None
    return redis_conn.hgetall(prefix + _digest(session_id))


@wrong("10.6", "kept it to itself")
def found_or_gone(redis_conn, prefix, session_id):
    try:
        return found_under_an_empty_id(redis_conn, prefix, session_id)
    except redis.RedisError:
        return None
