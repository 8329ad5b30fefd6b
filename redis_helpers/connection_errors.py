"""What went wrong between the course and Redis, in one sentence with the next step."""

import redis

# Such a server refuses PING as well, so that nobody overlooks it.
CANNOT_SAVE = "cannot save its data, so it takes no writes: make room on its disk (its log says more)"

# What redis-py says when it cannot connect (a part of its message, lower case), and our sentence. First match wins.
WHEN_CONNECTING = (
    (
        "invalid username-password",
        "refused the user or password: check REDIS_USERNAME and REDIS_PASSWORD (or REDIS_URL)",
    ),
    ("already authenticated", "wants a password: set REDIS_PASSWORD (or REDIS_URL)"),
    ("authentication required", "wants a password: set REDIS_PASSWORD (or REDIS_URL)"),
    (
        "no permissions to run",
        "lets this user in, but not PING: widen its rights with ACL SETUSER, or take another user",
    ),
    ("loading the dataset", "is still loading its data: wait some seconds and run this again"),
    ("misconf", CANNOT_SAVE),
    ("max number of clients", "has no room for one more client: close notebooks you do not use, and run this again"),
    ("protected mode", "takes clients of its own machine only (protected mode): give it a password"),
    ("wrong_version_number", "does not speak TLS: unset REDIS_TLS (or write redis:// in REDIS_URL)"),
    ("record layer failure", "does not speak TLS: unset REDIS_TLS (or write redis:// in REDIS_URL)"),
    ("certificate has expired", "shows a TLS certificate that has expired: renew it"),
    ("certificate", "shows a TLS certificate that is not trusted: set REDIS_TLS_CA_FILE to its authority's file"),
    ("no such file", "was not asked, for REDIS_TLS_CA_FILE names no file: correct it"),
    (
        "refused",
        "is not there (connection refused): start it, for example with `docker compose up -d`, or correct the address",
    ),
    ("name or service not known", "has a host name that is not known: correct REDIS_HOST (or REDIS_URL)"),
    ("unicode", "has a host name that is not known: correct REDIS_HOST (or REDIS_URL)"),
    ("nodename nor servname", "has a host name that is not known: correct REDIS_HOST (or REDIS_URL)"),
    ("temporary failure in name", "has a host name that cannot be looked up now: check the network, or REDIS_HOST"),
    ("timeout connecting", "did not answer within 2 seconds: check the address, the network, and that the server runs"),
    ("timeout reading", "accepted the connection but does not answer: is it Redis, and is it busy or paused?"),
    ("protocol error", "answers, but not as a Redis does: correct the host or the port"),
    ("closed by server", "closed the connection at once: if it wants TLS, set REDIS_TLS=yes (or write rediss://)"),
    ("reset by peer", "closed the connection at once: if it wants TLS, set REDIS_TLS=yes (or write rediss://)"),
)

UNKNOWN = "so the command may have run or not: look first, then run it again"

# The same for a command on a connection that was good. These come first; a new connection can fail as above.
WHILE_IN_USE = (
    ("refused", "is gone (connection refused): start it, then run the connect cell again"),
    ("timeout reading", f"did not answer in time (is it busy or paused?), {UNKNOWN}"),
    ("closed by server", f"cut the connection, {UNKNOWN}"),
    ("reset by peer", f"cut the connection, {UNKNOWN}"),
    ("broken pipe", f"cut the connection, {UNKNOWN}"),
    *WHEN_CONNECTING,
)
# And what a server answers that is there, but does not take the command.
REFUSALS = (
    ("command not allowed when used memory", "is full (maxmemory): delete keys, or give it more memory"),
    ("misconf", CANNOT_SAVE),
    ("read only replica", "is a replica, which takes no writes: set REDIS_HOST (or REDIS_URL) to its primary"),
    ("no permissions", "does not let this user do that: widen its rights with ACL SETUSER, or take another user"),
)


def why_not_connected(error: Exception, address: str, tls: bool) -> str:
    """One sentence on a connection that failed: what was tried, what happened, what to do next."""
    reason = _first(WHEN_CONNECTING, error) or f"cannot be used ({type(error).__name__})"
    if tls and "timeout" in str(error).lower():  # a plain Redis waits in silence for the rest of what TLS sent
        reason = "did not answer to TLS: if it does not speak TLS, unset REDIS_TLS (or write redis:// in REDIS_URL)"
    return f"The Redis at {address} {reason}."


def why_failed(error: redis.RedisError) -> str | None:
    """One sentence on a command that Redis could not take, or None when the command itself is to blame."""
    lost = isinstance(error, (redis.ConnectionError, redis.TimeoutError))
    reason = _first(WHILE_IN_USE if lost else REFUSALS, error)
    return f"Redis {reason}." if reason else None


def _first(reasons: tuple, error: Exception) -> str | None:
    message = f"{type(error).__name__}: {error}".lower()
    return next((ours for theirs, ours in reasons if theirs in message), None)
