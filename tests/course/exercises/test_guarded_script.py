"""A script behind its guard does what it would do without, on keys of the exercise; and on no others."""

import contextlib

import pytest
import redis

from redis_helpers.course.exercises.guarded_script import MARK, arguments_of_the_guard, guarded_script
from redis_helpers.course.exercises.wire import Call, give, watching


def run(client, script, keys=(), args=(), prefix="mine:", now=None):
    text = guarded_script(script.encode())
    return client.eval(text, len(keys), *keys, *args, *arguments_of_the_guard(prefix, now))


@pytest.mark.parametrize(
    "script",
    [
        "return {KEYS[1], ARGV[1], #KEYS, #ARGV}",
        "return redis.call('SET', KEYS[1], ARGV[1])",
        "return redis.call('GET', 'mine:none')",
        "redis.call('RPUSH', KEYS[1], 1, 2, 3) return redis.call('LRANGE', KEYS[1], 0, -1)",
        "return redis.pcall('INCR', KEYS[1])",
        "return redis.error_reply('NO such luck')",
        "return redis.status_reply('FINE')",
        "return redis.sha1hex(ARGV[1])",
        "local f = function(x) return redis.call('INCRBY', KEYS[1], x) end return f(3)",
        "local function count() return redis.call('EXISTS', KEYS[1], 'mine:2') end return count()",
        "return tostring(redis.call('HGET', KEYS[1], 'x'))",
        "local call = redis.call return call('PING')",
        "#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])",
        "return redis.call('SCAN', 0, 'MATCH', 'mine:*')",
        "for place, key in ipairs(KEYS) do redis.call('DEL', key) end return 1",
        "return cjson.encode({a = 1})",
        "redis.setresp(3) return redis.call('HGETALL', 'mine:none')",
    ],
)
def test_it_does_what_it_would_do_without(script, any_conn):
    outcomes = []
    for runs in (lambda: any_conn.eval(script, 1, "mine:1", "7"), lambda: run(any_conn, script, ["mine:1"], ["7"])):
        any_conn.flushall()
        try:
            reply = runs()
        except redis.ResponseError as error:
            reply = str(error).partition(" script: ")[0]
        outcomes.append((reply, {key: any_conn.type(key) for key in any_conn.scan_iter()}))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("redis.call('SET', 'theirs', 2)", "SET theirs"),
        ("redis.pcall('del', 'mine:1', 'theirs')", "DEL theirs"),
        ("redis.call('RENAME', 'mine:1', 'theirs')", "RENAME theirs"),
        ("redis.call('LMOVE', 'mine:1', 'theirs', 'LEFT', 'LEFT')", "LMOVE theirs"),
        ("redis.call('FLUSHALL')", "FLUSHALL"),
        ("redis.call('config', 'set', 'maxmemory', '1')", "CONFIG"),
        ("for _, key in ipairs(redis.call('SCAN', 0)[2]) do redis.call('UNLINK', key) end", "UNLINK theirs"),
        ("local r = redis r.call('SET', 'theirs', 2)", "SET theirs"),
        ("pcall(redis.call, 'SET', 'theirs', 2) redis.call('SET', 'theirs', 2)", "SET theirs"),
    ],
)
def test_it_touches_no_key_of_others(script, command, any_conn):
    any_conn.set("theirs", 1)
    with pytest.raises(redis.ResponseError, match=f"{MARK}{command}"):
        run(any_conn, script)
    assert any_conn.get("theirs") == "1"


def test_an_error_names_the_line_of_the_learners_script(any_conn, any_server):
    call = Call("mine:")
    client = redis.Redis.from_url(any_server.url, decode_responses=True)
    give(client).call = call
    any_conn.set("mine:1", "text")
    with contextlib.closing(client), watching(), call.running():
        with pytest.raises(redis.ResponseError, match=r"WRONGTYPE.*on @user_script:3"):
            client.eval("local x = 1\n\nredis.call('RPUSH', KEYS[1], x)", 1, "mine:1")
        with pytest.raises(redis.ResponseError, match="user_script:2: attempt to compare"):
            client.eval("local x = redis.call('GET', KEYS[1])\nif x > 3 then return 1 end", 1, "mine:1")
        with pytest.raises(redis.ResponseError, match=r"user_script:2: .*near '!'"):
            client.eval("local x = 1\nif x != 3 then return 1 end", 0)


def test_the_text_is_one_for_all_exercises_so_that_the_server_keeps_it_once():
    assert guarded_script(b"return 1") == guarded_script(b"return 1")
    assert arguments_of_the_guard("a:", 5) == [b"a:", b"5"]
