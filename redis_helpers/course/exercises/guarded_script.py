"""A Lua script with a guard around `redis.call`: it touches keys of the exercise only, and its clock can be set."""

from collections.abc import Iterable

from redis_helpers.course.exercises.named_keys import ALL_BUT_THE_LAST, NO_KEYS, ONLY_KEYS, REFUSED, TWO_KEYS

MARK = "not for this exercise: "  # in the error of a command that was not run; behind it the command, and the key

# In one line, so that the lines of the learner's script keep their numbers. `error(…, 2)` names the learner's line.
GUARD = """\
local redis = (function(real) \
local guarded = {} \
for name, part in pairs(real) do guarded[name] = part end \
local refused, no_keys, only_keys, two_keys = {%(refused)s}, {%(no_keys)s}, {%(only_keys)s}, {%(two_keys)s} \
local now, prefix = tonumber(table.remove(ARGV)), table.remove(ARGV) \
local function why_not(words) \
local name = string.upper(tostring(words[1])) \
if refused[name] or refused[name .. ' ' .. string.upper(tostring(words[2]))] then return name end \
if no_keys[name] then return nil end \
local last = 2 \
if only_keys[name] then last = #words end \
if two_keys[name] then last = 3 end \
if name == 'OBJECT' or name == 'XGROUP' or name == 'XINFO' or name == 'MEMORY' then return nil end \
if name == 'XREAD' or name == 'XREADGROUP' or name == 'EVAL' or name == 'EVALSHA' then return nil end \
for place = 2, last do \
local key = tostring(words[place] or prefix) \
if string.sub(key, 1, #prefix) ~= prefix then return name .. ' ' .. key end \
end end \
local function clock(words) \
return now and string.upper(tostring(words[1])) == 'TIME' \
and {tostring(math.floor(now / 1000000)), tostring(now %% 1000000)} end \
guarded.call = function(...) \
local reason = why_not({...}) \
if reason then error('%(mark)s' .. reason, 2) end \
local reply = clock({...}) or real.pcall(...) \
if type(reply) == 'table' and reply['err'] then error(reply['err'], 2) end \
return reply end \
guarded.pcall = function(...) \
local reason = why_not({...}) \
if reason then error('%(mark)s' .. reason, 2) end \
return clock({...}) or real.pcall(...) end \
return guarded end)(redis) local server = redis """


def guarded_script(script: bytes) -> bytes:
    """The script with its guard, which takes the last two of its arguments: see `arguments_of_the_guard`.

    A first line such as `#!lua flags=no-writes` stays the first.
    """
    first_line, rest = b"", script
    if script.startswith(b"#!"):
        first_line, newline, rest = script.partition(b"\n")
        first_line += newline
    return first_line + GUARD_OF_ALL.encode() + rest


def arguments_of_the_guard(prefix: str, now: int | None = None) -> list[bytes]:
    """Two arguments more for the script: its commands may name keys that begin with `prefix` only.

    `now` is what TIME answers in it, in microseconds since 1970; None leaves the clock of Redis.
    """
    return [prefix.encode(), b"" if now is None else str(now).encode()]


def _as_set(names: Iterable[str]) -> str:
    """A Lua table in which each name is a key."""
    return ", ".join(f"['{name}'] = true" for name in sorted(names))


GUARD_OF_ALL = GUARD % {
    "refused": _as_set(REFUSED),
    "no_keys": _as_set(NO_KEYS),
    "only_keys": _as_set(ONLY_KEYS),
    "two_keys": _as_set(TWO_KEYS | ALL_BUT_THE_LAST),
    "mark": MARK,
}
