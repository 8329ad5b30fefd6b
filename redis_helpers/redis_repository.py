"""`RedisRepository`: strings, hashes and their times to live, under the names that the course uses."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import wraps
from inspect import Signature, signature
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import redis
from redis.client import NEVER_DECODE, Pipeline
from redis.cluster import ClusterPipeline
from redis.exceptions import NoPermissionError, RedisClusterException

from redis_helpers.connection_errors import why_failed, without_arguments
from redis_helpers.errors import CourseError
from redis_helpers.redis_values import seconds_of, text_of

COURSE_PREFIX = "cell-by-cell:"  # every key of the course begins with it
BATCH = 1000  # keys that delete_prefix deletes at once

# What a script has written stays written when a later command of it is refused. So this one asks first whether its
# second command is allowed (Redis 7.0 can be asked, 6.2 cannot), and HSET, which finds out whether the key holds a
# hash, comes before EXPIRE, which would take a key of any type. It returns 1, or 0: nothing written.
HASH_WITH_TTL = """
if not redis.acl_check_cmd then return 0 end
if not redis.acl_check_cmd('EXPIRE', KEYS[1], ARGV[1]) then return 0 end
for i = 2, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""

P = ParamSpec("P")
R = TypeVar("R")


def escape_pattern(text: str) -> str:
    r"""`text` for use in a pattern of SCAN, where it stands for itself: "50%*" becomes "50%\*".

    For all keys that begin with it, put "*" behind it. Raises CourseError for what is no text.
    """
    escaped = text_of(text, "prefix")
    for special in ("\\", "*", "?", "["):  # the backslash first, or it would escape the other escapes
        escaped = escaped.replace(special, "\\" + special)
    return escaped


def _in_one_sentence(
    method: Callable[Concatenate["RedisRepository", P], R],
) -> Callable[Concatenate["RedisRepository", P], R]:
    """Makes a CourseError of what redis-py raises, and of a call that does not fit the method."""
    expected = signature(method)

    @wraps(method)
    def told(self: "RedisRepository", *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except (redis.ConnectionError, redis.TimeoutError, RedisClusterException) as lost:
            raise CourseError(_why_lost(lost)) from None
        except redis.RedisError as refused:
            key = args[0] if args else kwargs.get("key")
            sentence = self._why_refused(refused, key)
        except UnicodeError as unreadable:
            sentence = _why_no_text(unreadable)
        except TypeError:
            does_not_fit = _why_not_called_so(method.__name__, expected, (self, *args), kwargs)
            if does_not_fit is None:
                raise
            sentence = does_not_fit
        # Raised here, and not above, so that what redis-py said is not kept: it can hold values, and so passwords.
        raise CourseError(sentence)

    return told


class RedisRepository:
    """Reads and writes strings and hashes through one redis-py client, `redis.Redis` or `redis.RedisCluster`.

    **In:** keys, fields and values are text, or whole numbers, floats and UTF-8 bytes, which are stored as text
    (`redis_values.text_of` says how). **Out:** always `str`, whatever the client's `decode_responses` is.
    Times to live (TTL) are whole seconds, or a `timedelta` of whole seconds, and are the last argument.

    **All or nothing:** a method that writes a value and a TTL writes both or neither: when the key holds another type,
    when the server is full, when this user may run one of the two commands but not the other, when the program is
    killed in between. It needs no right to run scripts, and is quicker with it.

    **Errors:** CourseError, in one sentence, and nothing else: for what cannot be stored (found before anything is
    written), for what the server refuses, and for a lost connection. After a lost connection a write may have happened
    or not; redis-py's own error is then in `__context__`. No sentence holds a value.

    `own_prefix` is the beginning of the keys that `delete_prefix` may delete: the course's. In a project of yours, give
    the beginning that all your keys have, with its separator, such as "shop:".
    """

    def __init__(self, redis_conn: "redis.Redis | redis.RedisCluster", *, own_prefix: str = COURSE_PREFIX) -> None:
        is_client = isinstance(redis_conn, redis.Redis | redis.RedisCluster)
        if not is_client or isinstance(redis_conn, Pipeline | ClusterPipeline):
            raise CourseError(
                f"RedisRepository needs a redis-py client, and this is of the type {type(redis_conn).__name__}: "
                "RedisConnectionHandle().connect() gives one."
            )
        self._own_prefix = text_of(own_prefix, "prefix")
        if not self._own_prefix:
            raise CourseError(
                "own_prefix is empty, so every key would count as yours: give a beginning such as 'shop:'."
            )
        # redis-py types each reply for its ordinary and its asyncio client at once. Here it is the ordinary one.
        self._redis: Any = redis_conn
        self._encoder: Any = self._redis.get_encoder()
        self._hash_with_ttl = self._redis.register_script(HASH_WITH_TTL)
        self._script_serves = True  # until a transaction has served where the script did not
        self._hsetex_serves = True  # the same
        self._transactions_serve = False  # until that is known

    # Strings

    @_in_one_sentence
    def insert(self, key: str, value: object) -> None:
        """Stores a string in place of what the key held, of whatever type. A TTL that the key had is gone."""
        self._redis.set(text_of(key, "key"), text_of(value))

    @_in_one_sentence
    def insert_ex(self, key: str, value: object, ttl: int | timedelta) -> None:
        """Stores a string that expires after `ttl` seconds, in place of what the key held, of whatever type."""
        self._redis.set(text_of(key, "key"), text_of(value), ex=seconds_of(ttl))

    @_in_one_sentence
    def get(self, key: str) -> str | None:
        """The string, or None when there is no such key."""
        return self._text(self._redis.get(text_of(key, "key")))

    # Hashes

    @_in_one_sentence
    def insert_hash(self, key: str, field: str, value: object) -> None:
        """Sets one field of a hash. The key's TTL stays as it is."""
        self._redis.hset(text_of(key, "key"), text_of(field, "field"), text_of(value))

    @_in_one_sentence
    def insert_hash_ex(self, key: str, field: str, value: object, ttl: int | timedelta) -> None:
        """Sets one field and the TTL of the whole hash, in seconds: both or neither."""
        self._write_hash_ex(text_of(key, "key"), {text_of(field, "field"): text_of(value)}, seconds_of(ttl))

    @_in_one_sentence
    def insert_hash_many(self, key: str, values: Mapping[str, object]) -> None:
        """Sets several fields of a hash in one command. The key's TTL stays as it is."""
        self._redis.hset(text_of(key, "key"), mapping=_texts_of(values))

    @_in_one_sentence
    def insert_hash_many_ex(self, key: str, values: Mapping[str, object], ttl: int | timedelta) -> None:
        """Sets several fields and the TTL of the whole hash, in seconds: all or nothing."""
        self._write_hash_ex(text_of(key, "key"), _texts_of(values), seconds_of(ttl))

    @_in_one_sentence
    def insert_hash_field_ex(self, key: str, field: str, value: object, ttl: int | timedelta) -> None:
        """Sets one field that expires by itself after `ttl` seconds; the rest of the hash stays. Both or neither.

        Needs Redis 7.4 or Valkey 9; an older server is refused with CourseError before anything is written.
        """
        self._write_field_ex(text_of(key, "key"), text_of(field, "field"), text_of(value), seconds_of(ttl))

    @_in_one_sentence
    def get_hash(self, key: str, field: str) -> str | None:
        """One field of a hash, or None when the field or the hash is not there."""
        return self._text(self._redis.hget(text_of(key, "key"), text_of(field, "field")))

    @_in_one_sentence
    def get_hash_many(self, key: str, fields: Iterable[str]) -> dict[str, str | None]:
        """Several fields in one command; None stands for a field that is not there."""
        if isinstance(fields, str | bytes) or not isinstance(fields, Iterable):
            raise CourseError("The fields come as a list, such as ['banana', 'uva']: put one field into a list too.")
        name = text_of(key, "key")
        wanted = [text_of(field, "field") for field in fields]
        if not wanted:
            return {}
        values = self._redis.hmget(name, wanted)
        return {field: self._text(value) for field, value in zip(wanted, values, strict=True)}

    @_in_one_sentence
    def get_all_hash(self, key: str) -> dict[str, str]:
        """The whole hash; empty when there is no such key."""
        found = self._redis.hgetall(text_of(key, "key"))
        if self._encoder.decode_responses:
            return found
        return {
            self._encoder.decode(field, force=True): self._encoder.decode(value, force=True)
            for field, value in found.items()
        }

    # Keys

    @_in_one_sentence
    def ttl(self, key: str) -> int:
        """Seconds left; -1: the key never expires, -2: there is no such key."""
        return self._redis.ttl(text_of(key, "key"))

    @_in_one_sentence
    def ttl_hash_field(self, key: str, field: str) -> int:
        """Seconds left for one field; -1: it never expires, -2: there is no such field or hash.

        Needs Redis 7.4 or Valkey 9; raises CourseError where the server is older.
        """
        answers = self._redis.httl(text_of(key, "key"), text_of(field, "field"))
        return answers[0] if answers else -2

    @_in_one_sentence
    def exists(self, key: str) -> bool:
        """Whether there is such a key."""
        return self._redis.exists(text_of(key, "key")) == 1

    @_in_one_sentence
    def delete(self, *keys: str) -> int:
        """Deletes keys of any type. Returns how many there were."""
        names = [text_of(key, "key") for key in keys]
        return self._redis.delete(*names) if names else 0

    @_in_one_sentence
    def delete_prefix(self, prefix: str) -> int:
        """Deletes every key that begins with `prefix`, 1,000 at a time, without blocking the server as KEYS would.

        Returns how many there were. Keys that others write during the walk may stay; when the server fails in the
        middle, what is deleted stays deleted.

        Raises CourseError, and deletes nothing, for a prefix that does not begin with the repository's `own_prefix`.
        The `own_prefix` itself is allowed: it means all of your keys.
        """
        beginning = text_of(prefix, "prefix")
        if not beginning.startswith(self._own_prefix):
            raise CourseError(
                f"delete_prefix deletes keys that begin with {_shown(self._own_prefix)}, and not others' keys such as "
                f"{_shown(beginning)}: for keys that are yours, make RedisRepository(redis_conn, own_prefix=...) with "
                "their beginning."
            )
        deleted = 0
        batch: list[bytes] = []
        # A key may be no text, and has to go all the same: names stay the bytes that they are.
        for key in self._redis.scan_iter(match=escape_pattern(beginning) + "*", count=BATCH, **{NEVER_DECODE: []}):
            batch.append(key)
            if len(batch) == BATCH:
                deleted += self._redis.unlink(*batch)
                batch = []
        if batch:
            deleted += self._redis.unlink(*batch)
        return deleted

    # How two things are written together

    def _write_hash_ex(self, key: str, values: dict[str, str], seconds: int) -> None:
        """By a script in one round trip; by a transaction where scripts are not allowed, or cannot ask for rights."""
        if self._script_serves and self._ran_script(key, values, seconds):
            return

        def write(pipe: Any) -> None:
            pipe.hset(key, mapping=values)
            pipe.expire(key, seconds)

        self._in_a_transaction(key, write)
        self._script_serves = False

    def _ran_script(self, key: str, values: dict[str, str], seconds: int) -> bool:
        """Whether the script wrote it all. When it did not, nothing was written."""
        arguments: list[str | int] = [seconds]
        for pair in values.items():
            arguments.extend(pair)
        try:
            return self._hash_with_ttl(keys=[key], args=arguments) == 1
        except redis.ResponseError as error:
            if _is_not_to_be_had(error):
                return False
            raise

    def _write_field_ex(self, key: str, field: str, value: str, seconds: int) -> None:
        """By HSETEX, which is one command (Redis 8.0, Valkey 9); where it is not to be had, by a transaction."""
        if self._hsetex_serves and self._ran_hsetex(key, field, value, seconds):
            return

        def write(pipe: Any) -> None:
            pipe.hset(key, field, value)
            pipe.hexpire(key, seconds, field)

        self._in_a_transaction(key, write)
        self._hsetex_serves = False

    def _ran_hsetex(self, key: str, field: str, value: str, seconds: int) -> bool:
        """Whether HSETEX wrote it. When it did not, nothing was written."""
        try:
            self._redis.hsetex(key, field, value, ex=seconds)
        except redis.ResponseError as error:
            if _is_not_to_be_had(error):
                return False
            raise
        return True

    def _in_a_transaction(self, key: str, write: Callable[[Any], None]) -> None:
        """Looks whether the key can be a hash, then runs what `write` queues: all of it or nothing.

        The server looks at each command before it takes the batch, and takes none that holds a command which this
        user may not run. But it runs a batch to its end: on a key that holds a string, HSET would fail, and EXPIRE
        still set the TTL. So the type comes first, and WATCH drops the batch when the key has changed since.
        """
        self._need_transactions(key)

        def look_then_write(pipe: Any) -> None:
            kind = self._text(pipe.type(key))
            if kind not in ("hash", "none"):
                raise CourseError(_wrong_type(key, kind))
            pipe.multi()
            write(pipe)

        self._redis.transaction(look_then_write, key)

    def _need_transactions(self, key: str) -> None:
        """redis-py sends MULTI and all that follows in one go: were MULTI refused, the rest would run without it.

        So the first transaction of a repository is one that writes nothing.
        """
        if self._transactions_serve:
            return
        try:
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.type(key)
                pipe.execute()
        except redis.ResponseError as error:
            if "without MULTI" not in str(error):  # the server's complaint about the EXEC that ended nothing
                raise
            raise CourseError(
                "Writing a value and its time to live together needs MULTI here, which Redis does not let this user "
                "run: widen its rights with ACL SETUSER (+@transaction), or take another user."
            ) from None
        self._transactions_serve = True

    # Replies and errors

    def _text(self, reply: str | bytes | None) -> str | None:
        """A reply as text, also from a client that gives bytes."""
        return self._encoder.decode(reply, force=True) if isinstance(reply, bytes) else reply

    def _why_refused(self, error: redis.RedisError, key: object) -> str:
        """One sentence on what the server did not take."""
        known = why_failed(error)
        if known:
            return known
        message = without_arguments(error)
        if "wrong kind of value" in message:
            return _wrong_type(key, self._type_of(key))
        if _is_unknown_command(error) and ("HEXPIRE" in message or "HTTL" in message):
            return "A TTL on one field needs Redis 7.4 or Valkey 9, and this server is older: update it."
        return f"Redis refused this command ({message}): correct the call, or the rights and settings of the server."

    def _type_of(self, key: object) -> str | None:
        """The type of what the key holds, or None when that cannot be found out."""
        try:
            return self._text(self._redis.type(text_of(key, "key")))
        except redis.RedisError:
            return None

    if not TYPE_CHECKING:  # a type checker would take every name for a method then

        def __getattr__(self, name: str) -> None:
            methods = ", ".join(method for method in vars(type(self)) if not method.startswith("_"))
            raise _NoSuchMethod(
                f"RedisRepository has no {name}; it has {methods}: take one of these, or a method of the client that "
                "you made it with."
            )


class _NoSuchMethod(CourseError, AttributeError):
    """An AttributeError too, so that `hasattr` works."""


def _texts_of(values: Mapping[str, object]) -> dict[str, str]:
    """Fields and values as text. Raises CourseError when there are none, or two fields become the same text."""
    if not isinstance(values, Mapping):
        raise CourseError("Fields and values come as a dict, such as {'banana': 312}: make one, with dict(...).")
    if not values:
        raise CourseError("A hash needs at least one field, for Redis has no empty hash: give one.")
    texts = {}
    for field, value in values.items():
        name = field if type(field) is str else text_of(field, "field")  # many calls are saved here
        texts[name] = value if type(value) is str else text_of(value)
    if len(texts) < len(values):
        raise CourseError("Two of the fields are the same text, such as 1 and '1': one would overwrite the other.")
    return texts


def _why_lost(error: Exception) -> str:
    known = why_failed(error) if isinstance(error, redis.RedisError) else None
    if known:
        return known
    return (
        f"The connection to Redis failed ({type(error).__name__}), so the command may have run or not: look first, "
        "then run it again."
    )


def _why_no_text(error: UnicodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return (
            "What Redis holds there is no UTF-8 text: read it through a redis-py client with decode_responses=False, "
            "which gives bytes."
        )
    if isinstance(error, UnicodeEncodeError) and error.encoding != "idna":
        return (
            "A key, field or value holds a character that cannot be stored as text (half of a surrogate pair, such as "
            r"'\ud800'): remove it, for example with text.encode(errors='replace').decode()."
        )
    return "Redis has a host name that is not known: correct REDIS_HOST (or REDIS_URL)."  # "idna" reads host names


def _why_not_called_so(name: str, expected: Signature, args: tuple, kwargs: dict[str, object]) -> str | None:
    """What is wrong with the arguments, or None when they fit and the TypeError came from elsewhere."""
    parameters = list(expected.parameters)[1:]
    fits = f"The call does not fit {name}({', '.join(parameters)})"
    unknown = [argument for argument in kwargs if argument not in parameters]
    if unknown:
        return f"{fits}: it has no argument named {unknown[0]!r}."
    try:
        expected.bind(*args, **kwargs)
    except TypeError as error:
        return f"{fits}: {error}."
    return None


def _wrong_type(key: object, kind: str | None) -> str:
    holds = f"a {kind}" if kind else "another type"
    return (
        f"The key {_shown(key)} holds {holds}, which this method does not work on: take another key, or delete this "
        "one first."
    )


def _is_not_to_be_had(error: redis.RedisError) -> bool:
    """Whether the server does not have the command, or this user may not run it."""
    return isinstance(error, NoPermissionError) or _is_unknown_command(error)


def _is_unknown_command(error: redis.RedisError) -> bool:
    return without_arguments(error).lower().startswith("unknown command")


def _shown(key: object) -> str:
    text = repr(key)
    return text if len(text) <= 60 else text[:59] + "…"
