"""A script passes only when each command in it can be read, and is harmless."""

import pytest

from redis_helpers.course.notebook.allowed_commands import is_harmless_in_a_script
from redis_helpers.course.notebook.allowed_scripts import why_not_run

GOOD = [
    "return 3.99",
    "return redis.call('INCRBY', KEYS[1], ARGV[1])",
    'return redis.pcall("get", KEYS[1])',
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end",
    "local now = redis.call('TIME')[1] return now",
    "return server.call('GET', KEYS[1])",
    "return redis . call --[[ why ]] ( -- because\n 'GET' , KEYS[1] )",
    "#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])",
    "return redis.error_reply('ERR redis.call(FLUSHALL)')",
    "-- redis.call('FLUSHALL')\nreturn 1",
    "--[==[ redis.call('FLUSHALL') ]] ]==] return 1",
    "return [[redis.call('FLUSHALL')]]",
    "return 'redis.call(\"FLUSHALL\") \\' KEYS _G'",
    "return redis.call('OBJECT', 'ENCODING', KEYS[1])",
    "return redis.sha1hex('a') .. cjson.encode({1, 'é'})",
    "local t = {} for i = 1, 0x10 do t[#t + 1] = i end return pcall(error, 'x') and t",
]


@pytest.mark.parametrize("script", GOOD)
def test_a_script_of_harmless_commands_passes(script):
    assert why_not_run(script.encode(), is_harmless_in_a_script) is None


# Each of these would empty the server, list its keys or change its settings, or could.
BAD = [
    "redis.call('FLUSHALL')",
    "redis.call('flushall', 'async')",
    'redis.pcall("FlushDB")',
    "return redis.call('KEYS', '*')",
    "server.call('FLUSHALL')",
    "redis.call('CONFIG', 'SET', 'maxmemory', '1')",
    "redis.call('CONFIG', ARGV[1], 'maxmemory', '1')",
    "redis.call('CONFIG' .. '', 'SET')",
    "redis.call('CONFIG')",
    "redis.call('SWAPDB', 0, 1)",
    "redis.call('MIGRATE', 'h', 1, 'k', 0, 1)",
    "return redis.call('SCAN', 0)",
    "return redis.call('RANDOMKEY')",
    "return redis.call('NOSUCH')",
    # a name that is computed
    "redis.call(ARGV[1])",
    "redis.call('FLUSH' .. 'ALL')",
    "redis.call('FLUSH\\65LL')",
    "redis.call('\\70LUSHALL')",
    "redis.call([[FLUSHALL]])",
    "redis.call(('FLUSHALL'))",
    "redis.call(('x'):gsub('x', 'FLUSHALL'))",
    "redis.call(unpack({'FLUSHALL'}))",
    "redis.call('GET' and 'FLUSHALL')",
    "redis.call('GET':gsub('GET', 'KEYS'), '*')",
    # another way to the call
    "redis.call'FLUSHALL'",
    "redis.call{'FLUSHALL'}",
    "redis['call']('FLUSHALL')",
    "redis['ca' .. 'll']('FLUSHALL')",
    "local r = redis r.call('FLUSHALL')",
    "local call = redis.call call('FLUSHALL')",
    "(redis).call('FLUSHALL')",
    "pcall(redis.call, 'FLUSHALL')",
    "for _, f in pairs(redis) do pcall(f, 'FLUSHALL') end",
    "_G.redis.call('FLUSHALL')",
    "_G['re' .. 'dis'].call('FLUSHALL')",
    "getfenv().redis.call('FLUSHALL')",
    "setfenv(1, {})",
    "loadstring('redis.call(\"FLUSHALL\")')()",
    "load(function() return nil end)",
    "return 0x10 ..redis.call('FLUSHALL')",
    "return 1 ..redis.call('FLUSHALL')",
    # hidden behind what looks like a comment or a string
    "-- harmless\rredis.call('FLUSHALL')",
    "-- harmless\nredis.call('FLUSHALL')",
    "--[[ harmless ]] redis.call('FLUSHALL')",
    "--[=[ ]] ]=] redis.call('FLUSHALL')",
    "--[ [ \n redis.call('FLUSHALL') -- ]]",
    "local s = '\\\\' redis.call('FLUSHALL') local t = '\\\\'",
    "local s = '\\'' redis.call('FLUSHALL')",
    'local s = "\'" redis.call("FLUSHALL") local t = "\'"',
    "local s = '\\\n' redis.call('FLUSHALL')",
    "local s = [[']] redis.call('FLUSHALL') -- '",
    "local s = [=[ ]] ]=] redis.call('FLUSHALL')",
    "#!lua\nredis.call('FLUSHALL')",
    "redis. --[[\n]] call('FLUSHALL')",
    # what is no Lua text, or changes what replicas and other scripts see
    "redis.set_repl(redis.REPL_NONE)",
    "redis.register_function('f', print)",
    "\x1bLua bytecode",
    "return '\x00'",
    "#!js\nredis.call('FLUSHALL')",
    "return 'unclosed",
    "return é",
]


@pytest.mark.parametrize("script", BAD)
def test_a_script_that_may_call_something_else_does_not_pass(script):
    reason = why_not_run(script.encode(), is_harmless_in_a_script)
    assert reason is not None and reason.startswith("this one ")


def test_bytes_that_are_no_text_are_data_within_a_string_and_nothing_outside():
    assert why_not_run(b"return '\xff\xe2\x80\xa8'", is_harmless_in_a_script) is None
    assert why_not_run(b"return 1 \xa0", is_harmless_in_a_script) is not None
