"""Log-in sessions: the browser holds a random id, and Redis holds all the rest.

    sessions = Sessions(redis_conn, idle=1800, lifetime=43200, moves=["cart"])
    session_id = sessions.create()                      # a visitor, whom nobody knows yet
    session = sessions.load(session_id)                 # None when it has ended
    sessions.change(session_id, {"cart": "2 melons"})   # False when it has ended
    session_id = sessions.log_in(session_id, "maria")   # a new id
    sessions.log_out(session_id)
    sessions.log_out_everywhere("maria")

The id travels in a cookie. In Flask, after the password was found right:

    session_id = sessions.log_in(request.cookies.get("__Host-session"), user)
    response = redirect("/", 303)
    response.set_cookie("__Host-session", session_id, httponly=True, secure=True, samesite="Lax", path="/")

HttpOnly hides the cookie from scripts in the page. Secure sends it over HTTPS only. SameSite=Lax keeps it out of forms
that other sites post. A name that begins with `__Host-` cannot be planted by another host of your domain.

What it promises:

- A session ends after `idle` seconds without a `load`, and at the latest `lifetime` seconds after it was made. The time
  is the server's own, in milliseconds. A session that has ended is deleted: nothing renews it, and no late write brings
  it back.
- An id comes from `secrets.token_urlsafe(32)`: 43 characters, 256 random bits. A text of another form never reaches
  Redis, and an id that somebody has made up never becomes a session.
- Redis sees only the SHA-256 of an id. Whoever reads a dump, MONITOR or the slow log cannot use a session with it.
- A log-in gives a new id and ends the old session. Only fields named in `moves` go along, and none when another user
  was logged in. A stranger may have filled them before the log-in: name the cart, and never a right.
- Each session whose id `log_in` has returned is in its user's index before it returns, so that `log_out_everywhere`
  finds it. The index loses what has ended at each log-in, and ends by itself, as all keys do.

What is not atomic: a log-in. Its two sessions and the index lie in different slots of a cluster. So it takes these
steps, each a command of its own: read the old session, make the new one, enter it in the index, end the old one.
If the program dies or the connection breaks:

- before the old session has ended, it goes on as it was, and the next log-in takes its fields along. A new session may
  be left over: nobody knows its id, and it ends when `idle` has passed.
- after that, the fields that moved are in a session whose id nobody has received: they are lost.

Requests with the old id during a log-in: they see the old session until it ends, and none after that. What they change
after the first step is not in the new session, although `change` has answered True.

A log-in at the same time as `log_out_everywhere` comes before it and is ended, or after it and stays. If this call
breaks off, some sessions have ended and the others are still in the index: call it again.

What it cannot promise:

- Two requests that change the same field: the later one wins. Give each thing a field of its own.
- A failover or a crash of Redis may forget what it has confirmed last: a session is gone, or one that was logged out is
  back until its time-out. Change the password too when a session was stolen.
- A clock of the server that is set back makes sessions live longer, by as much.
- A server that evicts keys (`maxmemory-policy allkeys-…` or `volatile-…`) may log anybody out, or drop an index.
  Sessions belong on a server with `noeviction`: when it is full, log-ins raise an error, and log-outs still work.

Least server: Redis 6.2, Valkey; on a cluster too. `load` writes (the time-out), so that it asks the primary.
Rights of an ACL user: keys under `prefix`, and the commands EVALSHA, EVAL, TIME, HSET, HGET, HGETALL, HDEL, DEL,
PEXPIREAT, ZADD, ZRANGE, ZREM, ZREMRANGEBYSCORE.
The rules are those of OWASP's Session Management Cheat Sheet.
"""

import hashlib
import logging
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import redis
from redis.exceptions import NoScriptError

from redis_helpers.errors import CourseError

logger = logging.getLogger(__name__)

ID_FORM = re.compile(r"[A-Za-z0-9_-]{43}")  # what secrets.token_urlsafe(32) makes

# A session is one hash:
#   ends        when its lifetime is over, in milliseconds since 1970
#   user        who is logged in, or an empty text
#   field:NAME  the caller's field NAME; so no name of the caller's can be one of the two above
OWN = "field:"

# Each script that needs the time begins so. `now` is the server's time in milliseconds since 1970.
NOW = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
"""

# KEYS[1]   the new session
# ARGV[1]   idle, in milliseconds
# ARGV[2]   lifetime, in milliseconds
# ARGV[3]   the user, or an empty text
# ARGV[4…]  name, value, name, value, and so on
CREATE = (
    NOW
    + """
local ends = now + tonumber(ARGV[2])
local idle_end = now + tonumber(ARGV[1])
redis.call('HSET', KEYS[1], 'ends', string.format('%.0f', ends), 'user', ARGV[3])
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.min(idle_end, ends)))
for i = 4, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
"""
)

# KEYS[1]  the session
# ARGV[1]  idle, in milliseconds
# Answers with all that is in the hash, or with nothing.
LOAD = (
    NOW
    + """
local ends = tonumber(redis.call('HGET', KEYS[1], 'ends') or 0)
if now >= ends then  -- it has ended, or there is none
  redis.call('DEL', KEYS[1])
  return false
end
local idle_end = now + tonumber(ARGV[1])
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.min(idle_end, ends)))
return redis.call('HGETALL', KEYS[1])
"""
)

# KEYS[1]   the session
# ARGV[1]   how many fields are set
# ARGV[2…]  name, value, name, value, and so on; after them, the names of the fields to remove
# Answers with 1, or with 0 when there is no session. The time to live stays as it is.
CHANGE = (
    NOW
    + """
local ends = tonumber(redis.call('HGET', KEYS[1], 'ends') or 0)
if now >= ends then
  redis.call('DEL', KEYS[1])
  return 0
end
local last = 1 + 2 * tonumber(ARGV[1])
for i = 2, last, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
for i = last + 1, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[i])
end
return 1
"""
)

# KEYS[1]  the session
# Answers with its user (an empty text when nobody was logged in), or with nothing when there was no session.
END = """
local user = redis.call('HGET', KEYS[1], 'user')
redis.call('DEL', KEYS[1])
return user
"""

# KEYS[1]  a user's index: a sorted set of the hashes of session ids, each with the time at which it has ended for sure
# ARGV[1]  the hash of a session's id
# ARGV[2]  lifetime, in milliseconds
#
# On a cluster the session may lie on a node with another clock. It was made before this moment, so that one lifetime
# from now is not too early by any clock.
ENTER = (
    NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
-- Another program may use a longer lifetime: the index ends with the last of its sessions.
local latest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', tonumber(latest[2])))
"""
)

# KEYS[1]  a user's index
# A script, because a cluster client may send a plain ZRANGE to a replica, which does not know the last log-ins yet.
ENTRIES = """
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


@dataclass(frozen=True)
class Session:
    """What a session held when it was loaded. `user` is None when nobody is logged in."""

    user: str | None
    fields: dict[str, str]


class Sessions:
    """All sessions under one prefix.

    - `redis_conn`: a client, or a `RedisCluster`, in UTF-8 (redis-py's default), with `decode_responses` or without.
    - `idle`: seconds without a visit after which a session ends. `lifetime`: seconds after which it ends in any case.
      Both in whole milliseconds.
    - `moves`: names of the fields that a log-in takes along.
    - `prefix`: the keys are `prefix`session:HASH, one for each session, and `prefix`user:HASH, one for each user.

    Raises TypeError for a client of `redis.asyncio`.
    Every method raises CourseError for an argument that cannot be, before anything is sent, and redis-py's RedisError
    when Redis refuses or does not answer. An id that is no id (such as None, when there was no cookie) is not an error:
    it has no session. A client that repeats a command after a lost reply, as redis-py's does, does no harm.
    """

    def __init__(
        self,
        redis_conn: redis.Redis | redis.RedisCluster,
        *,
        idle: float = 1800,
        lifetime: float = 43200,
        moves: Iterable[str] = (),
        prefix: str = "sessions:",
    ) -> None:
        if hasattr(redis_conn, "aclose"):
            raise TypeError("Sessions needs a client of redis.Redis or redis.RedisCluster, not of redis.asyncio")
        self._redis = redis_conn
        self._idle = _milliseconds(idle, "idle")
        self._lifetime = _milliseconds(lifetime, "lifetime")
        self._moves = _names(moves, "moves")
        self._prefix = _text(prefix, "A prefix")

    def create(self, fields: Mapping[str, str] | None = None) -> str:
        """Makes a session in which nobody is logged in, and returns its id. `fields` are its first fields."""
        session_id = self._new_session("", _fields(fields))
        logger.info("A session was made")
        return session_id

    def load(self, session_id: str | None) -> Session | None:
        """The session, or None when there is none. One round trip; `idle` begins anew."""
        if not _has_our_form(session_id):
            return None
        reply = self._run(LOAD, self._session_key(session_id), self._idle)
        if reply is None:
            logger.debug("No session for this id: it has ended, or never was")
            return None
        texts = [_decoded(item) for item in reply]
        stored = dict(zip(texts[0::2], texts[1::2], strict=True))  # name, value, name, value, and so on
        fields = {name.removeprefix(OWN): value for name, value in stored.items() if name.startswith(OWN)}
        return Session(stored["user"] or None, fields)

    def change(
        self, session_id: str | None, fields: Mapping[str, str] | None = None, remove: Iterable[str] = ()
    ) -> bool:
        """Sets `fields`, then removes the fields named in `remove`. The others stay, and so does the time-out.

        Returns False, and changes nothing, when there is no session.
        """
        pairs = _pairs(_fields(fields))
        removed = [OWN + name for name in _names(remove, "remove")]
        if not _has_our_form(session_id):
            return False
        changed = self._run(CHANGE, self._session_key(session_id), len(pairs) // 2, *pairs, *removed)
        if not changed:
            logger.debug("A change came too late: its session has ended")
        return bool(changed)

    def log_in(self, session_id: str | None, user: str, fields: Mapping[str, str] | None = None) -> str:
        """Makes a session in which `user` is logged in, ends the session of `session_id`, and returns the new id.

        Call it after you have checked the password, and again when the rights of the user change. `fields` are further
        fields of the new session; they win over those that move along. The new session has a whole `lifetime`.
        Not atomic: the text at the top of this file says what a program that dies in between leaves behind.
        """
        _user(user)
        given = _fields(fields)
        old = self.load(session_id)
        new_fields = self._moving(old, user)
        logger.info("A log-in: %d fields move along", len(new_fields))
        new_fields.update(given)
        new_id = self._new_session(user, new_fields)
        self._run(ENTER, self._index_key(user), _hash(new_id), self._lifetime)
        if old is not None:
            self.log_out(session_id)
        return new_id

    def log_out(self, session_id: str | None) -> None:
        """Ends the session. Nothing happens when there is none. Clear the cookie too."""
        if not _has_our_form(session_id):
            return
        reply = self._run(END, self._session_key(session_id))
        if reply is None:
            return
        logger.info("A session was ended")
        user = _decoded(reply)
        if user:
            self._redis.zrem(self._index_key(user), _hash(session_id))

    def log_out_everywhere(self, user: str) -> int:
        """Ends all sessions in which `user` is logged in, and returns how many it has ended.

        Three round trips; on a cluster, more. After a lost reply that the client has repeated, it may count too few.
        """
        _user(user)
        index_key = self._index_key(user)
        entries = [_decoded(entry) for entry in self._run(ENTRIES, index_key)]
        if not entries:
            return 0
        with self._redis.pipeline(transaction=False) as pipe:
            for entry in entries:
                pipe.delete(self._prefix + "session:" + entry)
            ended = sum(pipe.execute())
        # Only now: whoever calls again after an error finds them all. And only these: another may have come meanwhile.
        self._redis.zrem(index_key, *entries)
        logger.info("A log-out everywhere: %d sessions ended", ended)
        return ended

    def _moving(self, old: Session | None, user: str) -> dict[str, str]:
        """The fields that go along when `user` logs in."""
        if old is None:
            return {}
        if old.user is not None and old.user != user:
            logger.info("Another user was logged in: nothing moves along")
            return {}
        return {name: old.fields[name] for name in self._moves if name in old.fields}

    def _new_session(self, user: str, fields: dict[str, str]) -> str:
        session_id = secrets.token_urlsafe(32)
        self._run(CREATE, self._session_key(session_id), self._idle, self._lifetime, user, *_pairs(fields))
        return session_id

    def _session_key(self, session_id: str) -> str:
        return self._prefix + "session:" + _hash(session_id)

    def _index_key(self, user: str) -> str:
        return self._prefix + "user:" + _hash(user)

    def _run(self, script: str, key: str, *arguments: str | int) -> Any:
        sha = hashlib.sha1(script.encode()).hexdigest()  # the name that Redis gives a script
        try:
            return self._redis.evalsha(sha, 1, key, *arguments)
        except NoScriptError:  # a new server, a restart, a failover: this once, the script goes along
            return self._redis.eval(script, 1, key, *arguments)


def _has_our_form(session_id: object) -> TypeGuard[str]:
    if isinstance(session_id, str) and ID_FORM.fullmatch(session_id):
        return True
    if session_id is not None:
        logger.debug("An id of another form than ours was turned away")
    return False


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _decoded(reply: str | bytes) -> str:
    if isinstance(reply, bytes):
        return reply.decode()
    return reply


def _pairs(fields: dict[str, str]) -> list[str]:
    """name, value, name, value, and so on, as the scripts want them."""
    pairs = []
    for name, value in fields.items():
        pairs.append(OWN + name)
        pairs.append(value)
    return pairs


def _text(text: object, what: str) -> str:
    """Checks that it is a text which UTF-8 can hold."""
    if not isinstance(text, str):
        raise CourseError(f"{what} is a text (str): convert it before you store it.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise CourseError(f"{what} holds half a character, which UTF-8 cannot store: repair the text first.") from None
    return text


def _user(user: object) -> None:
    if not _text(user, "A user"):
        raise CourseError("A user is a text that is not empty: give the name or number by which you know the user.")


def _fields(fields: Mapping[str, str] | None) -> dict[str, str]:
    if fields is None:
        return {}
    if not isinstance(fields, Mapping):
        raise CourseError("Fields are a mapping from names to texts, such as {'cart': '2 melons'}: give such a one.")
    checked = {}
    for name, value in fields.items():
        checked[_text(name, "The name of a field")] = _text(value, "The value of a field")
    return checked


def _names(names: Iterable[str], what: str) -> list[str]:
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        raise CourseError(f"`{what}` is a list of names, such as ['cart']: give a list.")
    return [_text(name, "The name of a field") for name in names]


def _milliseconds(seconds: float, what: str) -> int:
    """A time in milliseconds. Redis ends keys at whole milliseconds."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0.001 <= seconds <= 10**9:
        raise CourseError(f"`{what}` is a number of seconds, from 0.001 to 10**9: give such a number.")
    milliseconds = round(seconds * 1000)
    if abs(milliseconds - seconds * 1000) > 1e-6:
        raise CourseError(f"`{what}` is in whole milliseconds, such as 0.25 or 1800 seconds: give such a number.")
    return milliseconds
