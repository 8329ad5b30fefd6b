"""Which commands a `%%redis` cell may run: never one that hangs it, and on somebody's server only harmless ones.

What is promised, whatever the quotes, the blanks and the capitals of a line:

- On every server: no command that takes over the cell's connection, that waits for longer than LONGEST_WAIT, that stops
  the server, or that touches every key of it.
- On a server that is not the course's own embedded one: only the commands of HARMLESS and HARMLESS_OF. What the server
  knows and these lists do not (a module's command, a newer one, one that was renamed) is not run. A script is run only
  when `allowed_scripts` has read each of its commands, and a function of the server never.

What is not promised: the commands that are left still write and delete the keys that they name, whoever owns them; a
command on a huge key, and a script that loops for ever, keep the server busy; and other code of the notebook, redis-py
for one, is not guarded at all.
"""

import fnmatch
import hashlib
import re

import redis

from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.notebook.allowed_scripts import why_not_run
from redis_helpers.errors import CourseError
from redis_helpers.settings import lab_redis

LONGEST_WAIT = 5  # seconds that a blocking command may ask for
SHORTEST_WAIT = 0.001  # seconds; Redis 6.2 takes less for 0, which means for ever

# Refused on every server, with the reason.
NEVER = {
    **dict.fromkeys(
        ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC", "PSYNC"],
        "turns the connection into an endless stream of messages; a lesson that needs it uses redis-py",
    ),
    **dict.fromkeys(
        ["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "REPLCONF"],
        "has another number of replies than one, which a cell cannot read; a lesson that needs it uses redis-py",
    ),
    **dict.fromkeys(
        ["QUIT", "RESET", "HELLO", "AUTH", "CLIENT REPLY"], "changes the connection itself, which the notebook shares"
    ),
    **dict.fromkeys(
        ["FLUSHALL", "FLUSHDB", "SWAPDB", "KEYS"],
        "touches every key, also those of others on this server; find your own with SCAN, delete them with UNLINK",
    ),
    **dict.fromkeys(
        ["REPLICAOF", "SLAVEOF", "MIGRATE"],
        "copies keys from server to server and deletes those that were there; a lesson that needs it starts its own",
    ),
    **dict.fromkeys(
        ["SHUTDOWN", "DEBUG", "CLIENT PAUSE", "FAILOVER"],
        "can stop the server, which others may be using; a lesson that needs it starts its own",
    ),
}

# What may be run on anybody's server: these read, or write only the keys that they name.
HARMLESS = set(
    # generic
    "COPY DEL DUMP EXISTS EXPIRE EXPIREAT EXPIRETIME MOVE PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PTTL RANDOMKEY "
    "RENAME RENAMENX RESTORE SCAN SORT SORT_RO TOUCH TTL TYPE UNLINK WAIT WAITAOF "
    # strings, bitmaps, HyperLogLogs
    "APPEND DECR DECRBY DELEX DELIFEQ DIGEST GET GETDEL GETEX GETRANGE GETSET INCR INCRBY INCRBYFLOAT LCS MGET MSET "
    "MSETEX MSETNX PSETEX SET SETEX SETNX SETRANGE STRLEN SUBSTR BITCOUNT BITFIELD BITFIELD_RO BITOP BITPOS GETBIT "
    "SETBIT PFADD PFCOUNT PFMERGE "
    # hashes
    "HDEL HEXISTS HEXPIRE HEXPIREAT HEXPIRETIME HGET HGETALL HGETDEL HGETEX HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET "
    "HMSET HPERSIST HPEXPIRE HPEXPIREAT HPEXPIRETIME HPTTL HRANDFIELD HSCAN HSET HSETEX HSETNX HSTRLEN HTTL HVALS "
    # lists
    "BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH LINDEX LINSERT LLEN LMOVE LMPOP LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET "
    "LTRIM RPOP RPOPLPUSH RPUSH RPUSHX "
    # sets
    "SADD SCARD SDIFF SDIFFSTORE SINTER SINTERCARD SINTERSTORE SISMEMBER SMEMBERS SMISMEMBER SMOVE SPOP SRANDMEMBER "
    "SREM SSCAN SUNION SUNIONSTORE "
    # sorted sets, places, vectors
    "BZMPOP BZPOPMAX BZPOPMIN ZADD ZCARD ZCOUNT ZDIFF ZDIFFSTORE ZINCRBY ZINTER ZINTERCARD ZINTERSTORE ZLEXCOUNT "
    "ZMPOP ZMSCORE ZPOPMAX ZPOPMIN ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANGESTORE ZRANK ZREM "
    "ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN "
    "ZSCORE ZUNION ZUNIONSTORE GEOADD GEODIST GEOHASH GEOPOS GEORADIUS GEORADIUSBYMEMBER GEORADIUSBYMEMBER_RO "
    "GEORADIUS_RO GEOSEARCH GEOSEARCHSTORE VADD VCARD VDIM VEMB VGETATTR VINFO VISMEMBER VLINKS VRANDMEMBER VRANGE "
    "VREM VSETATTR VSIM "
    # streams
    "XACK XACKDEL XADD XAUTOCLAIM XCLAIM XDEL XDELEX XLEN XPENDING XRANGE XREAD XREADGROUP XREVRANGE XSETID XTRIM "
    # transactions, messages
    "DISCARD EXEC MULTI UNWATCH WATCH PUBLISH SPUBLISH "
    # the connection and the server
    "ASKING DBSIZE ECHO INFO LASTSAVE LOLWUT PING READONLY READWRITE ROLE SELECT TIME".split()
)
# The same for commands of two words.
HARMLESS_OF = {
    "ACL": "CAT DRYRUN GENPASS HELP USERS WHOAMI".split(),
    "CLIENT": "GETNAME GETREDIR HELP ID INFO LIST SETINFO SETNAME TRACKINGINFO".split(),
    "CLUSTER": "COUNTKEYSINSLOT GETKEYSINSLOT HELP INFO KEYSLOT MYID MYSHARDID NODES REPLICAS SHARDS SLOTS".split(),
    "COMMAND": "COUNT DOCS GETKEYS GETKEYSANDFLAGS HELP INFO LIST".split(),
    "CONFIG": "GET HELP".split(),
    "FUNCTION": "DUMP HELP LIST STATS".split(),
    "LATENCY": "DOCTOR GRAPH HELP HISTOGRAM HISTORY LATEST".split(),
    "MEMORY": "DOCTOR HELP MALLOC-STATS STATS USAGE".split(),
    "MODULE": "HELP LIST".split(),
    "OBJECT": "ENCODING FREQ HELP IDLETIME REFCOUNT".split(),
    "PUBSUB": "CHANNELS HELP NUMPAT NUMSUB SHARDCHANNELS SHARDNUMSUB".split(),
    "SCRIPT": "EXISTS HELP LOAD".split(),
    "SLOWLOG": "GET HELP LEN".split(),
    "XGROUP": "CREATE CREATECONSUMER DELCONSUMER DESTROY HELP SETID".split(),
    "XINFO": "CONSUMERS GROUPS HELP STREAM".split(),
}
SCRIPTS = {"EVAL", "EVAL_RO"}
SCRIPTS_BY_HASH = {"EVALSHA", "EVALSHA_RO"}
FUNCTIONS = {"FCALL", "FCALL_RO"}
WRITES_TO_DISK = {"SAVE", "BGSAVE", "BGREWRITEAOF"}
FINDS_KEYS = {"SCAN", "RANDOMKEY"}  # a script could go through everybody's keys with these
CHANGES_THE_SERVER = (
    "{} is not run here: it changes more than keys on a server that others may be using; "
    "the course's embedded server takes it."
)

# Where a blocking command says how long it may wait: the number of words that it has at least, the position of the
# time-out among them, and its unit in seconds.
WAITS = {
    **dict.fromkeys(["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"], (3, -1, 1.0)),
    "BRPOPLPUSH": (4, 3, 1.0),
    "BLMOVE": (6, 5, 1.0),
    **dict.fromkeys(["BLMPOP", "BZMPOP"], (5, 1, 1.0)),
    "WAIT": (3, 2, 0.001),
    "WAITAOF": (4, 3, 0.001),
}
READS_OF_STREAMS = ("XREAD", "XREADGROUP")
# How many words follow an option of XREAD and XREADGROUP. What follows STREAMS is no option any more.
WORDS_BEHIND = {b"BLOCK": 1, b"COUNT": 1, b"CLAIM": 1, b"GROUP": 2}
NUMBER = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

# Settings whose value is a password.
SECRETS = ["requirepass", "masterauth", "primaryauth", "tls-key-file-pass", "tls-client-key-file-pass"]

_hashes_of_read_scripts: set[str] = set()


def is_private(redis_conn: redis.Redis) -> bool:
    """Whether a client talks to an embedded server of the course: this process' own, or the one that `lab` started.

    Any other server may be somebody's, also one on this machine.
    """
    try:
        handle = RedisConnectionHandle()
        embedded = handle.options
        if not handle.embedded and embedded.address != lab_redis():
            return False
    except CourseError:  # settings that cannot be understood, or no program for an embedded server
        return False
    client = redis_conn.connection_pool.connection_kwargs
    address = (client.get("host"), client.get("port"), client.get("password"))
    return embedded.host == "127.0.0.1" and address == (embedded.host, embedded.port, embedded.password)


def refuse_what_is_never_run(words: list[bytes], times: int = 1) -> None:
    """Raises CourseError for a command that no server gets from a cell. `times` is how often it is to run."""
    for name in _names(words):
        if name in NEVER:
            raise CourseError(f"{name} is not run here: it {NEVER[name]}.")
    _refuse_a_long_wait(words, times)
    _refuse_to_show_a_password(words)


def is_known(words: list[bytes]) -> bool:
    """Whether the lists here know a command's name. Otherwise the server must be asked: what it knows is not run."""
    name = words[0].upper().decode(errors="replace")
    return any(name in known for known in (HARMLESS, HARMLESS_OF, SCRIPTS, SCRIPTS_BY_HASH))


def refuse_what_may_hurt_others(words: list[bytes]) -> None:
    """Raises CourseError for a known command that somebody's server must not get."""
    first, both = _names(words)
    second = both.removeprefix(first).strip()
    if first in SCRIPTS:
        _refuse_a_script(first, words[1:2])
    if first in SCRIPTS_BY_HASH:
        _refuse_an_unread_script(first, words[1:2])
    if first in FUNCTIONS:
        raise CourseError(f"{first} is not run here: it runs code of the server's, which %%redis cannot read.")
    if first in WRITES_TO_DISK:
        raise CourseError(CHANGES_THE_SERVER.format(first))
    if first in HARMLESS_OF and second and second not in HARMLESS_OF[first]:
        raise CourseError(CHANGES_THE_SERVER.format(both))
    if both == "SCRIPT LOAD":
        _refuse_a_script(both, words[2:3])


def is_harmless_in_a_script(name: str, second: str | None) -> bool:
    """Whether a script may call a command on anybody's server; `second` is the text behind it, if it is known."""
    if name in HARMLESS_OF:
        return second in HARMLESS_OF[name]
    return name in HARMLESS and name not in FINDS_KEYS


def _names(words: list[bytes]) -> tuple[str, str]:
    """The first word, and the first two, in capitals and without blanks that quotes kept: CLIENT, CLIENT PAUSE.

    The server would not know `"FLUSHALL "`. It is refused nevertheless: others on the way to it may be less exact.
    """
    parts = b" ".join(words[:2]).upper().decode(errors="replace").split()
    return " ".join(parts[:1]), " ".join(parts[:2])


def _refuse_a_long_wait(words: list[bytes], times: int) -> None:
    name = _names(words)[0]
    for timeout, unit in _timeouts(name, words):
        is_number = NUMBER.fullmatch(timeout) is not None
        seconds = float(timeout) * unit if is_number else 0
        if seconds < SHORTEST_WAIT or seconds * times > LONGEST_WAIT:
            raise CourseError(
                f"{name} would wait too long here: give it a timeout above 0 and of at most {LONGEST_WAIT} seconds."
            )


def _timeouts(name: str, words: list[bytes]) -> list[tuple[bytes, float]]:
    """The time-outs that a command asks for, each with its unit in seconds. With too few words it never waits."""
    if name in READS_OF_STREAMS:
        return [(timeout, 0.001) for timeout in _blocks(words)]
    if name not in WAITS:
        return []
    least, position, unit = WAITS[name]
    return [(words[position], unit)] if len(words) >= least else []


def _blocks(words: list[bytes]) -> list[bytes]:
    """What follows BLOCK among the options of XREAD and XREADGROUP, where a stream or a consumer can be named so."""
    found = []
    position = 1
    while position < len(words) and words[position].upper() != b"STREAMS":
        option = words[position].upper()
        if option == b"BLOCK" and position + 1 < len(words):
            found.append(words[position + 1])
        position += 1 + WORDS_BEHIND.get(option, 0)
    return found


def _refuse_to_show_a_password(words: list[bytes]) -> None:
    if _names(words)[1] != "CONFIG GET":
        return
    for pattern in words[2:]:
        text = pattern.decode(errors="replace").lower()
        matches = any(fnmatch.fnmatchcase(secret, text) for secret in SECRETS)
        if matches or "[" in text or "\\" in text:
            raise CourseError(
                "CONFIG GET would show a password here: ask for settings by name, for example CONFIG GET maxmemory."
            )


def _refuse_a_script(command: str, script: list[bytes]) -> None:
    """Raises CourseError; a script that may be run is remembered, so that EVALSHA may run it too."""
    for text in script:
        reason = why_not_run(text, is_harmless_in_a_script)
        if reason:
            raise CourseError(
                f"{command} is not run here: on a server that others may be using, each command of a script must be "
                f"harmless and written out, as in redis.call('GET', KEYS[1]), but {reason}."
            )
        _hashes_of_read_scripts.add(hashlib.sha1(text, usedforsecurity=False).hexdigest())


def _refuse_an_unread_script(command: str, script_hash: list[bytes]) -> None:
    for text in script_hash:
        if text.decode(errors="replace").lower() not in _hashes_of_read_scripts:
            raise CourseError(
                f"{command} is not run here: others may be using this server, and %%redis has not read that script; "
                "run SCRIPT LOAD with its text in a %%redis cell first."
            )
