"""Answers to the exercises of lesson 06."""

import time

import redis

from tests.exercise_answers import right, wrong

# 6.1


@right("6.1")
def add_without_a_script(redis_conn, key, number):
    return redis_conn.incrby(key, number)


@right("6.1")
def add_step_by_step(redis_conn, key, number):
    script = """
    local stock = redis.call('GET', KEYS[1]) or '0'
    local total = tonumber(stock) + tonumber(ARGV[1])
    redis.call('SET', KEYS[1], total, 'KEEPTTL')
    return total
    """
    return redis_conn.register_script(script)(keys=[key], args=[number])


@wrong("6.1", "the stock must say how many crates")
def add_only_one(redis_conn, key, number):
    return redis_conn.eval("return redis.call('INCR', KEYS[1])", 1, key, number)


@wrong("6.1", "the stock must say how many crates")
def add_by_set(redis_conn, key, number):
    return redis_conn.eval("return redis.call('SET', KEYS[1], ARGV[1])", 1, key, number)


@wrong("6.1", "the answer is the new number")
def add_and_keep_quiet(redis_conn, key, number):
    return redis_conn.eval("redis.call('INCRBY', KEYS[1], ARGV[1])", 1, key, number)


@wrong("6.1", "crates of one were lost")
def add_in_python(redis_conn, key, number):
    total = int(redis_conn.get(key) or 0) + number
    redis_conn.set(key, total, keepttl=True)
    return total


@wrong("6.1", "no TTL any more")
def add_and_lose_the_clock(redis_conn, key, number):
    script = "local n = (redis.call('GET', KEYS[1]) or 0) + ARGV[1] redis.call('SET', KEYS[1], n) return n"
    return redis_conn.eval(script, 1, key, number)


@wrong("6.1", "ResponseError")
def add_without_quotes(redis_conn, key, number):
    return redis_conn.eval("return redis.call(INCRBY, KEYS[1], ARGV[1])", 1, key, number)


# 6.2


@right("6.2")
def more_by_a_difference(redis_conn, first, second):
    return redis_conn.eval("return ARGV[1] - ARGV[2]", 0, first, second) > 0


@right("6.2")
def more_with_if(redis_conn, first, second):
    script = "if tonumber(ARGV[1]) > tonumber(ARGV[2]) then return 1 end return 0"
    return redis_conn.eval(script, 0, first, second) == 1


@wrong("6.2", "compared as texts")
def more_of_a_text(redis_conn, first, second):
    return redis_conn.eval("return tostring(tostring(ARGV[1]) > ARGV[2])", 0, first, second) == "true"


@wrong("6.2", "compare")
def more_half_a_number(redis_conn, first, second):
    return redis_conn.eval("return tostring(tonumber(ARGV[1]) > ARGV[2])", 0, first, second) == "true"


@wrong("6.2", "return the text `true`")
def more_without_a_text(redis_conn, first, second):
    return redis_conn.eval("return tonumber(ARGV[1]) > tonumber(ARGV[2])", 0, first, second) == "true"


@wrong("6.2", "neither is more")
def more_or_equal(redis_conn, first, second):
    return redis_conn.eval("return tostring(tonumber(ARGV[1]) >= tonumber(ARGV[2]))", 0, first, second) == "true"


@wrong("6.2", "the answer is wrong for these two numbers")
def more_the_other_way(redis_conn, first, second):
    return redis_conn.eval("return tostring(tonumber(ARGV[1]) < tonumber(ARGV[2]))", 0, first, second) == "true"


@wrong("6.2", "Python compared the numbers")
def more_in_python(redis_conn, first, second):
    return first > second


@wrong("6.2", "True or False")
def more_as_lua_says_it(redis_conn, first, second):
    return redis_conn.eval("return tonumber(ARGV[1]) > tonumber(ARGV[2])", 0, first, second)


# 6.3


@right("6.3")
def stock_in_python(redis_conn, key):
    return int(redis_conn.get(key) or 0)


@right("6.3")
def stock_with_if(redis_conn, key):
    script = """
    local stock = redis.call('GET', KEYS[1])
    if not stock then
      return 0
    end
    return tonumber(stock)
    """
    return redis_conn.eval(script, 1, key)


@wrong("6.3", "the answer is 0")
def stock_or_none(redis_conn, key):
    return redis_conn.eval("return redis.call('GET', KEYS[1]) and tonumber(redis.call('GET', KEYS[1]))", 1, key)


@wrong("6.3", "as a whole number")
def stock_as_text(redis_conn, key):
    return redis_conn.eval("return redis.call('GET', KEYS[1]) or '0'", 1, key)


@wrong("6.3", "no key may be created")
def stock_created(redis_conn, key):
    return redis_conn.eval("return redis.call('INCRBY', KEYS[1], 0)", 1, key)


@wrong("6.3", "kept it to itself")
def stock_zero_in_doubt(redis_conn, key):
    try:
        return int(redis_conn.get(key))
    except (redis.RedisError, TypeError):
        return 0


@wrong("6.3", "the answer is 0")
def stock_minus_one(redis_conn, key):
    return redis_conn.eval("return tonumber(redis.call('GET', KEYS[1]) or '-1')", 1, key)


# 6.4


@right("6.4")
def replace_with_watch(redis_conn, key, old, new):
    while True:
        with redis_conn.pipeline() as pipe:
            pipe.watch(key)
            if pipe.get(key) != str(old):
                return False
            pipe.multi()
            pipe.set(key, new, keepttl=True)
            try:
                pipe.execute()
            except redis.WatchError:
                continue
            return True


@wrong("6.4", "only gave it more time")
def replace_given_up_after_a_watch_error(redis_conn, key, old, new):
    with redis_conn.pipeline() as pipe:
        pipe.watch(key)
        if pipe.get(key) != str(old):
            return False
        pipe.multi()
        pipe.set(key, new, keepttl=True)
        try:
            pipe.execute()
        except redis.WatchError:
            return False
        return True


@right("6.4")
def replace_by_numbers(redis_conn, key, old, new):
    script = """
    if tonumber(redis.call('GET', KEYS[1]) or '-1') == tonumber(ARGV[1]) then
      redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
      return 1
    end
    return 0
    """
    return redis_conn.eval(script, 1, key, old, new) == 1


REPLACE = """
if {} then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
"""


@wrong("6.4", "it was still the old price")
def replace_upside_down(redis_conn, key, old, new):
    return redis_conn.eval(REPLACE.format("redis.call('GET', KEYS[1]) == ARGV[1]"), 1, key, old, new) == 1


@wrong("6.4", "it was still the old price")
def replace_with_the_new_one(redis_conn, key, old, new):
    return redis_conn.eval(REPLACE.format("redis.call('GET', KEYS[1]) ~= ARGV[2]"), 1, key, old, new) == 1


@wrong("6.4", "it was still the old price")
def replace_number_and_text(redis_conn, key, old, new):
    return redis_conn.eval(REPLACE.format("redis.call('GET', KEYS[1]) ~= tonumber(ARGV[1])"), 1, key, old, new) == 1


@wrong("6.4", "expected near")
def replace_as_in_python(redis_conn, key, old, new):
    return redis_conn.eval(REPLACE.format("redis.call('GET', KEYS[1]) != ARGV[1]"), 1, key, old, new) == 1


@wrong("6.4", "both were told True")
def replace_in_two_steps(redis_conn, key, old, new):
    if redis_conn.get(key) != str(old):
        return False
    return bool(redis_conn.set(key, new, keepttl=True, xx=True))


@wrong("6.4", "no TTL any more")
def replace_the_clock_too(redis_conn, key, old, new):
    script = REPLACE.format("redis.call('GET', KEYS[1]) ~= ARGV[1]").replace(", 'KEEPTTL'", "")
    return redis_conn.eval(script, 1, key, old, new) == 1


@wrong("6.4", "there is nothing to replace")
def replace_what_is_not_there(redis_conn, key, old, new):
    return redis_conn.eval(REPLACE.format("(redis.call('GET', KEYS[1]) or ARGV[1]) ~= ARGV[1]"), 1, key, old, new) == 1


# 6.5

OPEN = """
local now = {}
local ends = tonumber(redis.call('GET', KEYS[1]) or '0')
return tostring(now < ends)
"""


@right("6.5")
def open_with_the_old_argument(redis_conn, key):
    return redis_conn.eval(OPEN.format("tonumber(redis.call('TIME')[1])"), 1, key, time.time()) == "true"


@right("6.5")
def open_step_by_step(redis_conn, key):
    script = OPEN.format("redis.call('TIME')").replace("now < ends", "tonumber(now[1]) < ends")
    return redis_conn.eval(script, 1, key) == "true"


@wrong("6.5", "whose clock you ask")
def open_by_python_clock(redis_conn, key):
    return time.time() < int(redis_conn.get(key) or 0)


@wrong("6.5", "compare")
def open_with_a_text(redis_conn, key):
    return redis_conn.eval(OPEN.format("redis.call('TIME')[1]"), 1, key) == "true"


@wrong("6.5", "whether you compare numbers")
def open_with_two_texts(redis_conn, key):
    script = "return tostring(redis.call('TIME')[1] < (redis.call('GET', KEYS[1]) or '0'))"
    return redis_conn.eval(script, 1, key) == "true"


@wrong("6.5", "whose clock you ask")
def open_by_microseconds(redis_conn, key):
    return redis_conn.eval(OPEN.format("tonumber(redis.call('TIME')[2])"), 1, key) == "true"


@wrong("6.5", "ResponseError")
def open_from_zero(redis_conn, key):
    return redis_conn.eval(OPEN.format("tonumber(redis.call('TIME')[0])"), 1, key) == "true"


# 6.6

BASKET = """
for number = 1, #KEYS do
  if {} then
    return 0
  end
end
for number = 1, #KEYS do
  redis.call('DECRBY', KEYS[number], ARGV[number])
end
return 1
"""


def _basket(redis_conn, keys, crates, condition):
    return redis_conn.eval(BASKET.format(condition), len(keys), *keys, *crates) == 1


@right("6.6")
def basket_registered(redis_conn, keys, crates):
    condition = "tonumber(redis.call('GET', KEYS[number]) or '0') < tonumber(ARGV[number])"
    take = redis_conn.register_script(BASKET.format(condition))
    return take(keys=keys, args=crates) == 1


@right("6.6")
def basket_with_watch(redis_conn, keys, crates):
    while True:
        with redis_conn.pipeline() as pipe:
            pipe.watch(*keys)
            for key, wanted in zip(keys, crates, strict=True):
                if int(pipe.get(key) or 0) < wanted:
                    return False
            pipe.multi()
            for key, wanted in zip(keys, crates, strict=True):
                pipe.decrby(key, wanted)
            try:
                pipe.execute()
            except redis.WatchError:
                continue
            return True


@wrong("6.6", "one of them was told that there is not")
def basket_given_up_after_a_watch_error(redis_conn, keys, crates):
    with redis_conn.pipeline() as pipe:
        pipe.watch(*keys)
        for key, wanted in zip(keys, crates, strict=True):
            if int(pipe.get(key) or 0) < wanted:
                return False
        pipe.multi()
        for key, wanted in zip(keys, crates, strict=True):
            pipe.decrby(key, wanted)
        try:
            pipe.execute()
        except redis.WatchError:
            return False
        return True


@right("6.6")
def basket_put_back_in_the_script(redis_conn, keys, crates):
    script = """
    for number, key in ipairs(KEYS) do
      if tonumber(redis.call('GET', key) or 0) < tonumber(ARGV[number]) then
        for before = 1, number - 1 do redis.call('INCRBY', KEYS[before], ARGV[before]) end
        return 0
      end
      redis.call('DECRBY', key, ARGV[number])
    end
    return 1
    """
    # an error at a later key would leave the first ones taken, so it looks at the types before
    for key in keys:
        redis_conn.get(key)
    return redis_conn.eval(script, len(keys), *keys, *crates) == 1


@wrong("6.6", "compared as texts")
def basket_of_texts(redis_conn, keys, crates):
    return _basket(redis_conn, keys, crates, "(redis.call('GET', KEYS[number]) or '0') < ARGV[number]")


@wrong("6.6", "just enough of each fruit, and the customer got nothing")
def basket_never_empty(redis_conn, keys, crates):
    return _basket(
        redis_conn, keys, crates, "tonumber(redis.call('GET', KEYS[number]) or '0') <= tonumber(ARGV[number])"
    )


@wrong("6.6", "the answer is True or False")
def basket_sold_as_one(redis_conn, keys, crates):
    condition = "tonumber(redis.call('GET', KEYS[number]) or '0') < tonumber(ARGV[number])"
    return redis_conn.eval(BASKET.format(condition), len(keys), *keys, *crates)


@wrong("6.6", "attempt to compare")
def basket_without_or(redis_conn, keys, crates):
    return _basket(redis_conn, keys, crates, "tonumber(redis.call('GET', KEYS[number])) < tonumber(ARGV[number])")


@wrong("6.6", "a stock has changed")
def basket_in_one_loop(redis_conn, keys, crates):
    script = """
    for number = 1, #KEYS do
      local stock = redis.call('GET', KEYS[number]) or '0'
      if tonumber(stock) < tonumber(ARGV[number]) then return 0 end
      redis.call('DECRBY', KEYS[number], ARGV[number])
    end
    return 1
    """
    return redis_conn.eval(script, len(keys), *keys, *crates) == 1


@wrong("6.6", "bought the last crates")
def basket_looked_at_in_python(redis_conn, keys, crates):
    for key, wanted in zip(keys, crates, strict=True):
        if int(redis_conn.get(key) or 0) < wanted:
            return False
    pipe = redis_conn.pipeline()
    for key, wanted in zip(keys, crates, strict=True):
        pipe.decrby(key, wanted)
    pipe.execute()
    return True


@wrong("6.6", "another customer saw that")
def basket_one_script_a_fruit(redis_conn, keys, crates):
    script = """
    if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then return 0 end
    redis.call('DECRBY', KEYS[1], ARGV[1])
    return 1
    """
    for place, key in enumerate(keys):
        if redis_conn.eval(script, 1, key, crates[place]) == 0:
            for before in range(place):
                redis_conn.incrby(keys[before], crates[before])
            return False
    return True


@wrong("6.6", "the first stock was reduced before")
def basket_put_back_without_a_look(redis_conn, keys, crates):
    script = """
    for number, key in ipairs(KEYS) do
      if tonumber(redis.call('GET', key) or 0) < tonumber(ARGV[number]) then
        for before = 1, number - 1 do redis.call('INCRBY', KEYS[before], ARGV[before]) end
        return 0
      end
      redis.call('DECRBY', key, ARGV[number])
    end
    return 1
    """
    return redis_conn.eval(script, len(keys), *keys, *crates) == 1


@wrong("6.6", "the customer got nothing")
def basket_always_false(redis_conn, keys, crates):
    _basket(redis_conn, keys, crates, "tonumber(redis.call('GET', KEYS[number]) or '0') < tonumber(ARGV[number])")
    return False
