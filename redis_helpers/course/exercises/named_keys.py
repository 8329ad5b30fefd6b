"""Which keys a command names, which commands wait, and which are not run for an exercise."""

from redis_helpers.course.notebook.redis_magic import NEVER

REFUSED = {
    **NEVER,
    **dict.fromkeys(
        [
            "CONFIG SET",
            "CONFIG REWRITE",
            "CONFIG RESETSTAT",
            "SCRIPT FLUSH",
            "SCRIPT KILL",
            "FUNCTION",
            "ACL",
            "MODULE",
        ],
        "changes the server, which others may be using",
    ),
    **dict.fromkeys(
        ["SAVE", "BGSAVE", "BGREWRITEAOF", "REPLICAOF", "SLAVEOF", "FAILOVER", "CLUSTER", "MIGRATE"],
        "changes the server, which others may be using",
    ),
    **dict.fromkeys(
        ["CLIENT KILL", "CLIENT PAUSE", "CLIENT UNPAUSE", "CLIENT UNBLOCK", "CLIENT NO-EVICT"],
        "disturbs the other clients of the server",
    ),
    **dict.fromkeys(["SELECT", "MOVE", "CLIENT TRACKING"], "changes the connection itself, or leaves its database"),
}
# Where the keys stand among a command's words; everywhere else the first word after the name is the key.
NO_KEYS = set(
    "PING ECHO TIME INFO MULTI EXEC DISCARD UNWATCH SCAN DBSIZE COMMAND SCRIPT CLIENT CONFIG RANDOMKEY WAIT "
    "WAITAOF".split()
)
ONLY_KEYS = set(
    "DEL UNLINK EXISTS TOUCH WATCH MGET RENAME RENAMENX SINTER SUNION SDIFF SINTERSTORE SUNIONSTORE SDIFFSTORE".split()
)
TWO_KEYS = set("LMOVE BLMOVE RPOPLPUSH BRPOPLPUSH SMOVE COPY ZRANGESTORE".split())
ALL_BUT_THE_LAST = set("BLPOP BRPOP BZPOPMIN BZPOPMAX".split())
COUNTED = {  # the position of the number of keys, which follow it
    **dict.fromkeys("EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO BLMPOP BZMPOP".split(), 2),
    **dict.fromkeys("ZUNION ZINTER ZDIFF LMPOP ZMPOP SINTERCARD ZINTERCARD".split(), 1),
    **dict.fromkeys("ZUNIONSTORE ZINTERSTORE ZDIFFSTORE".split(), 2),
}

WAITING = set("BLPOP BRPOP BLMOVE BRPOPLPUSH BZPOPMIN BZPOPMAX BLMPOP BZMPOP".split())


def waits(words: list[str]) -> str | None:
    """The command's name, when it is told to wait for something."""
    capitals = [word.upper() for word in words]
    if words[0] in WAITING or (words[0] in ("XREAD", "XREADGROUP") and "BLOCK" in capitals):
        return words[0]
    return None


def keys_of(words: list[str]) -> list[str]:
    """The keys that a command names, as far as the course's commands go."""
    name = words[0]
    if name in NO_KEYS:
        return []
    if name in ONLY_KEYS:
        return words[1:]
    if name in TWO_KEYS:
        return words[1:3]
    if name in ALL_BUT_THE_LAST:
        return words[1:-1]
    if name in ("MSET", "MSETNX"):
        return words[1::2]
    if name in ("XREAD", "XREADGROUP"):  # … STREAMS key key id id
        streams = [word.upper() for word in words].index("STREAMS") + 1 if "STREAMS" in map(str.upper, words) else 0
        return words[streams : (streams + len(words)) // 2] if streams else []
    if place := COUNTED.get(name):
        count = int(words[place]) if len(words) > place and words[place].isdigit() else 0
        destination = words[1:2] if name.endswith("STORE") else []
        return destination + words[place + 1 : place + 1 + count]
    if name in ("OBJECT", "MEMORY", "XGROUP", "XINFO"):
        return words[2:3]
    return words[1:2]
