"""What is said beside an error: each mistake that everybody makes once is made here, and its word is looked for."""

import contextlib
import json

import pytest
import redis

from redis_helpers.course.exercises.advice import advice_on, note_on_printing, notes_on
from redis_helpers.course.exercises.checker import Plain
from redis_helpers.course.exercises.wire import Call, Holder, give, watching

LUA = {
    "if x != 1 then return 1 end": "Lua writes `~=` for not equal",
    "local x = 7 // 2 return x": "math.floor(a / b)",
    "local x = 1 x += 1 return x": "write a = a + 1",
    "local x = 1 && 2": "Lua writes `and` and `or`",
    "if KEYS[1] == 'a' { return 1 }": "Lua has no braces",
    "if KEYS[1] == 'a': return 1": "without a colon",
    "if KEYS[1] return 1 end": "goes on with `then`",
    "if KEYS[1] = 'a' then return 1 end": "Lua compares with `==`",
    "for i = 1, 2 redis.call('PING') end": "goes on with `do`",
    "if KEYS[1] then return 1": "needs its `end`",
    "if KEYS[1] then return 1 else if KEYS[2] then return 2 end end end": "one `end` too many",
    "return count + 1": "Lua does not know the name count",
    "total = 1 return total": "`local`",
    "return None": "Lua's word for nothing is nil",
    "return redis.call('GET', KEYS[1]) + 1": "A missing key or field is false",
    "if redis.call('GET', KEYS[1]) > 1 then return 1 end": "A missing key or field is false",
    "return 'a' .. redis.call('GET', KEYS[1])": "A missing key or field is false",
    "return tonumber(redis.call('TIME')[0]) + 1": "lists begin at 1",
    "if tonumber(redis.call('TIME')) > 1 then return 1 end": "nil for a whole list",
    "if tonumber(redis.call('GET', KEYS[1])) > 1 then return 1 end": "decide what it counts as",
    "return redis.call('GET', key)": "comes only as KEYS and ARGV",
    "if ARGV[1] > 1 then return 1 end": "tonumber() makes a number",
    "return redis.call('SET', KEYS[1], nil)": "An argument of redis.call is nil, false or a table",
    "return redis.call('SET', KEYS[1], ARGV[9])": "An argument of redis.call is nil, false or a table",
    "return redis.call('GET')": "too few or too many arguments",
    "return redis.call('FETCH', KEYS[1])": "Redis knows no such command",
    "return len(KEYS)": "len",
    "return redis.call('GET', KEYS[1]).price": "a missing key is false",
    "redis.call('SET', KEYS[1], 'x') return redis.call('INCR', KEYS[1])": "no whole number",
    "redis.call('SET', KEYS[1], 'x') return redis.call('LPOP', KEYS[1])": "The key holds another type",
}


@pytest.fixture
def begin(any_conn, any_server):
    with contextlib.ExitStack() as until_the_end:
        client = redis.Redis.from_url(any_server.url, decode_responses=True)
        until_the_end.callback(client.close)
        call, holder = Call("mine:"), give(client)
        assert isinstance(holder, Holder)
        holder.call = call
        until_the_end.enter_context(watching())
        until_the_end.enter_context(call.running())
        yield call, client


@pytest.mark.parametrize(("script", "word"), LUA.items())
def test_what_lua_means(script, word, begin):
    call, client = begin
    with pytest.raises(redis.ResponseError) as raised:
        client.eval(f"local a = 1\n{script}", 1, "mine:1", "5")
    said = advice_on(raised.value, call)
    assert word in said, str(raised.value)
    if "`end`" not in word:
        assert f"line 2 of your script: {script}" in said


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (lambda client: client.set("mine:1", ...), "The three dots"),
        (lambda client: client.set("mine:1", None), "is None"),
        (lambda client: client.set("mine:1", True), "no True and False"),
        (lambda client: client.set("mine:1", {"a": 1}), "hset takes it as mapping="),
        (lambda client: client.set("mine:1", object()), "text, bytes and numbers only"),
        (lambda client: client.set("mine:1", "a", ex=0.5), "A TTL is a whole number: of seconds in `ex`"),
        (lambda client: client.hsetex("mine:1", "price", "312", 60), "name your arguments, such as ex=60"),
        (lambda client: client.zadd("mine:1", "maria", 5), "name your arguments"),
        (lambda client: client.zadd("mine:1", {5: "maria"}), "zadd takes {member: score}"),
        (lambda client: client.incrbyfloat("mine:text", 0.5), "in the value that is to grow"),
        (lambda client: client.zcount("mine:1", "low", "high"), "'-inf' and '+inf'"),
        (lambda client: client.xread({"mine:1": "0"}, block=0.5), "500 for half a second"),
        (lambda client: client.eval("return 1", "mine:1", "a"), "comes the number of keys"),
        (lambda client: client.eval("return 1", 2, "mine:1"), "comes the number of keys"),
        (
            lambda client: client.eval("return redis.call('INCR', KEYS[1])", 1, "mine:text"),
            "in the value that is to grow",
        ),
        (lambda client: client.delete(), "nothing to delete"),
        (lambda client: client.unlink(), "nothing to delete"),
        (lambda client: client.lpop("mine:text"), "another type"),
        (lambda client: client.incr("mine:text"), "no whole number"),
        (lambda client: client.execute_command("SETEX", "mine:1", "three", 60), "in what you send"),
        (lambda client: json.loads(client.get("mine:text")), "not JSON"),
        (lambda client: int(client.get("mine:2")), "Redis had nothing there"),
        (lambda client: float(client.get("mine:2")), "Redis had nothing there"),
        (lambda client: json.loads(client.get("mine:2")), "Redis had nothing there"),
        (lambda client: json.loads(client.hgetall("mine:2")), "json.dumps() is what makes text"),
        (lambda client: int(client.hgetall("mine:2")), ""),
        (lambda client: int(client.pipeline().get("mine:2")), "only collected"),
        (lambda client: client.pipeline().get("mine:2") - 1, "only collected"),
        (lambda client: client.get("mine:2").upper(), ""),
        (lambda client: client.get("mine:text") + 1, "make a number of what Redis gave"),
        (lambda client: "mine:" + 7, "To build a name, use an f-string"),
        (lambda client: client.get("mine:text") > 1, "make a number of it"),
        (lambda client: client.get("mine:text").decode(), "decodes already"),
        (lambda client: {}["price"], "no such key: a field that may be missing"),
        (lambda client: prise, "Import or define"),  # noqa: F821
    ],
)
def test_a_word_on_an_error(act, word, begin):
    call, client = begin
    client.set("mine:text", "three")
    with pytest.raises(Exception) as raised:  # noqa: PT011
        act(client)
    assert word in advice_on(raised.value, call)


def test_what_strikes_the_eye(begin):
    call, client = begin
    pipe = client.pipeline()
    client.get("mine:1")

    def unfinished(redis_conn, key):
        return redis_conn.set(key, ..., ex=30)

    def notes(function=print, args=(), expected=None, seen=None):
        return " ".join(notes_on(function, call, args, expected, seen))

    assert notes() == ""
    assert "three dots" in notes(unfinished)
    assert "the pipeline itself" in notes(expected=1, seen=pipe)
    assert "not of one type" in notes(expected=1, seen=1.0)
    assert "True or False is wanted" in notes(expected=True, seen="OK")
    assert notes(expected=False, seen=Plain("OutOfMemoryError: it was raised, and not returned")) == ""
    assert notes(expected=1, seen=Plain("no TTL")) == ""
    assert notes(expected=True, seen=Plain("False, with appendonly no")) == ""  # the check's words, not the answer
    assert notes(expected=True, seen=False) == ""
    assert "a number is wanted" in notes(expected=3, seen="4")
    assert "'mine:other' was given to your function, and not sent" in notes(args=("mine:1", "mine:other"))
    assert notes(args=("mine:1", 5, "fruit")) == ""
    next(client.scan_iter(match="mine:\\[a-z]\\*:*"), None)
    assert notes(args=("mine:[a-z]*:",)) == ""  # it was sent as a pattern
    pipe.watch("mine:1")
    pipe.set("mine:1", 1)
    assert "SET was sent between WATCH and MULTI" in notes()
    client.set("mine:1", 2)
    assert "SET was sent through redis_conn" in notes()


def test_who_prints_the_answer_is_told_to_return_it():
    assert "`return`" in note_on_printing(["so many:", "312"], 312, None)
    assert note_on_printing(["312"], 312, 313) is None
    assert note_on_printing(["looking for 312"], 312, None) is None
    assert note_on_printing(["None"], None, None) is None
