"""A leaderboard: members with points, the highest first.

    today = Leaderboard(redis_conn, "2026-03-09", ttl=30 * 86_400)   # seconds from its first write
    today.add("anna", 5)                    # 5 points more; returns the new total
    today.place("anna")                     # 1 for the highest; equal scores have one place: 1, 1, 3
    today.around("anna", size=5)            # five rows, with anna in the middle
    week = Leaderboard(redis_conn, "week 11")
    week.replace_with_sum([monday, …, today])   # days into a week, and nobody waits for it

`add` counts points. `keep_best` keeps the highest score of each member. Use one of the two on a board, not both.

What it promises:

- One round trip for each call (but `replace_with_sum`), and one moment: the places of a page fit together, however many
  add at the same time. No addition is lost to another.
- Whole numbers, and exact ones. Redis keeps a score as a double, which is exact up to 2**53. A total beyond that, on
  either side of 0, is refused and changes nothing.
- Members with equal scores have the same place, and the next place is left out ("1224" or competition ranking).
  In which order equal ones stand is Redis' own choice: the reverse order of their bytes.
- A `ttl` is set with the first write, which makes the board. Later writes do not prolong it.

What it cannot promise:

- Adding is not idempotent. When the reply to `add` is lost (a redis.ConnectionError or TimeoutError), the points may
  have been added or not, and a second call may add them twice. redis-py's own repeats would do that in silence, so
  `add` refuses a client that repeats. Where that is too little, keep the additions elsewhere, each with a number of
  its own, and build the board from them.
  To repeat `keep_best` or `remove` does no harm, but the answer to the repeat is False.
- A failover or a restart of Redis may forget the last writes.
- Scores that somebody else has stored in such a key, and that are not whole: reading them raises CourseError. So does
  a page with a member that is not UTF-8.

Sources: https://redis.io/docs/latest/develop/data-types/sorted-sets/ and /commands/scan/ (what a ZSCAN returns).

Each board is one key, `prefix{name}`; a sum is built in a second one in the same slot. So all runs on a Redis Cluster.
Least server: Redis 6.2, Valkey. Rights of an ACL user: EVALSHA, EVAL, ZADD, ZINCRBY, ZSCORE, ZCOUNT, ZCARD, ZREVRANK,
ZRANGE, ZREM, ZSCAN, EXISTS, PEXPIRE, PERSIST, UNLINK, RENAME, and the keys that begin with `prefix`.
What Redis refuses, and a connection that fails, is redis-py's RedisError.
"""

import hashlib
import logging
import operator
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import redis
from redis.client import NEVER_DECODE
from redis.exceptions import NoScriptError

from redis_helpers.errors import CourseError

logger = logging.getLogger(__name__)

LARGEST = 2**53  # up to here, on both sides of 0, each whole number is a double of its own
PAGE = 500  # members that one command of a build reads or writes: the server is busy with it for about 1 ms at most
BUILD_SECONDS = 60  # a sum that is being built ends by itself so long after its last page

# KEYS[1]  the board
# ARGV[1]  the member
# ARGV[2]  points to add, a whole number of at most 2^53, or below 0
# ARGV[3]  milliseconds until a new board ends; 0: never
#
# Returns the new total; nothing when it would lie beyond 2^53.
ADD = """
local largest = 2 ^ 53
local points = tonumber(ARGV[2])
local before = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)

-- Not `before + points > largest`: 2^53 + 1 is no double, and would be rounded down to 2^53.
if points > largest - before or points < -largest - before then
  return false
end
local board_is_new = redis.call('EXISTS', KEYS[1]) == 0
local total = redis.call('ZINCRBY', KEYS[1], ARGV[2], ARGV[1])
if board_is_new and ARGV[3] ~= '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return total
"""

# KEYS[1]  the board
# ARGV[1]  the member
# ARGV[2]  the score
# ARGV[3]  milliseconds until a new board ends; 0: never
#
# Returns 1 when the score is the member's first, or higher than the one before; otherwise 0.
KEEP_BEST = """
local board_is_new = redis.call('EXISTS', KEYS[1]) == 0
local changed = redis.call('ZADD', KEYS[1], 'GT', 'CH', ARGV[2], ARGV[1])
if board_is_new and ARGV[3] ~= '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return changed
"""

# KEYS[1]  the board
# ARGV[1]  the member
#
# Returns the place; nothing for somebody who is not on the board.
PLACE = """
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score then
  return false
end
local higher = redis.call('ZCOUNT', KEYS[1], '(' .. score, '+inf')
return higher + 1
"""

# KEYS[1]  the board
# ARGV[1]  the last rank of the page; ranks count from 0
#
# Returns the rows: a member, its score, the next member, its score …
TOP = """
return redis.call('ZRANGE', KEYS[1], 0, ARGV[1], 'REV', 'WITHSCORES')
"""

# KEYS[1]  the board
# ARGV[1]  the member in the middle
# ARGV[2]  how many rows
#
# Returns the rank of the first row, the place of the first row, and the rows as above; nothing for a stranger.
AROUND = """
local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
if not rank then
  return false
end
local size = tonumber(ARGV[2])
local members = redis.call('ZCARD', KEYS[1])

local first = rank - math.floor((size - 1) / 2)
if first > members - size then  -- near the bottom: begin earlier, so that the page is full
  first = members - size
end
if first < 0 then  -- near the top, or the whole board is smaller than a page
  first = 0
end
local rows = redis.call('ZRANGE', KEYS[1], first, first + size - 1, 'REV', 'WITHSCORES')
local score_of_first = rows[2]
local higher = redis.call('ZCOUNT', KEYS[1], '(' .. score_of_first, '+inf')
return {first, higher + 1, rows}
"""

# KEYS[1]  the sum that is being built
# ARGV[1]  milliseconds until it ends if no further page comes
# ARGV[2…] a score, its member, the next score, its member …
WRITE_PAGE = """
redis.call('ZADD', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""

# KEYS[1]  the board
# KEYS[2]  the sum, with all its pages
# ARGV[1]  how many members the sum must have
# ARGV[2]  milliseconds until the board ends; 0: never
#
# Returns 1, or 0 when the sum is not whole: it has ended meanwhile, or a part of it. Then the board stays as it is.
PUT_IN_PLACE = """
local members = redis.call('ZCARD', KEYS[2])
if members ~= tonumber(ARGV[1]) then
  return 0
end
redis.call('UNLINK', KEYS[1])  -- RENAME alone would free a large old board at once, and hold everybody up
if members == 0 then
  return 1
end
redis.call('RENAME', KEYS[2], KEYS[1])
if ARGV[2] == '0' then
  redis.call('PERSIST', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
"""


@dataclass(frozen=True)
class Row:
    """A row of a board. `place` counts from 1, and equal scores share one."""

    place: int
    member: str
    score: int


class Leaderboard:
    """One board.

    - `redis_conn`: a client or a `RedisCluster`, of any `decode_responses` and `protocol`. For `add`, one that repeats
      nothing, such as that of `RedisConnectionHandle`, or `redis.Redis(…, retry=Retry(NoBackoff(), 0))`.
    - `name`: which board. The key in Redis is `prefix{name}`, with these braces. Neither may contain braces.
    - `ttl`: seconds from the write that makes the board until Redis deletes it, or None: it stays. A board whose last
      member was removed is gone, and the next write makes a new one. A board that is there keeps what it has.

    A member is a text that is not empty. Points and scores are whole numbers (int, or what Python takes for one, such
    as numpy's), from -2**53 to 2**53. What is not raises CourseError before anything is sent. A client
    of `redis.asyncio` raises TypeError.
    """

    def __init__(
        self,
        redis_conn: redis.Redis | redis.RedisCluster,
        name: str,
        *,
        ttl: float | None = None,
        prefix: str = "leaderboards:",
    ) -> None:
        if hasattr(redis_conn, "aclose"):
            raise TypeError("Leaderboard needs a client of redis.Redis or redis.RedisCluster, not of redis.asyncio")
        _encoded(name, "The name of a board")
        if not isinstance(prefix, str) or "{" in prefix + name or "}" in prefix + name:
            raise CourseError("The prefix and the name of a board are texts without braces: choose others.")
        self.name = name
        self.key = f"{prefix}{{{name}}}"
        self._redis = redis_conn
        self._board = _encoded(self.key, "The key of a board")
        self._ttl_ms = _milliseconds(ttl)

    def add(self, member: str, points: int) -> int:
        """Adds points (below 0: takes them away), and returns the member's new total. 0 puts somebody on the board.

        Raises CourseError, and changes nothing, when the total would lie beyond 2**53 on either side of 0, and when the
        client would repeat the command by itself. A lost reply: see the top of this file.
        """
        name = _encoded(member, "A member")
        number = _whole(points, "Points")
        if _repeats(self._redis):
            raise CourseError(
                "This client sends a command again when its reply is lost, and points would count twice: "
                "make it with retry=Retry(NoBackoff(), 0), or take that of RedisConnectionHandle."
            )
        total = self._run(ADD, [self._board], name, number, self._ttl_ms)
        if total is None:
            logger.warning("points were not added: the total would lie beyond 2**53")
            raise CourseError(
                "The total would lie beyond 2**53, where scores stop being exact: add fewer points. "
                "Nothing has changed."
            )
        return _score(total)

    def keep_best(self, member: str, score: int) -> bool:
        """Keeps the score if it is the member's first, or higher than the one kept. Returns whether it was kept."""
        name = _encoded(member, "A member")
        number = _whole(score, "A score")
        kept = self._run(KEEP_BEST, [self._board], name, number, self._ttl_ms)
        return kept == 1

    def score(self, member: str) -> int | None:
        """The member's score, or None for somebody who is not on the board."""
        score = self._redis.zscore(self._board, _encoded(member, "A member"))
        return None if score is None else _score(score)

    def place(self, member: str) -> int | None:
        """1 for the highest score, and one more for each member with a higher one. None: not on the board."""
        return self._run(PLACE, [self._board], _encoded(member, "A member"))

    def top(self, count: int) -> list[Row]:
        """The first `count` rows (fewer on a smaller board). It holds the server up as long as it is: ask for pages."""
        rows = self._run(TOP, [self._board], _size(count) - 1)
        return _rows(0, 1, rows)

    def around(self, member: str, size: int = 5) -> list[Row]:
        """A page of `size` rows with the member in the middle. Empty for somebody who is not on the board.

        Of an even size, one more row is below than above. At the top and at the bottom the page is full too, and the
        member not in the middle. A board smaller than a page comes whole.
        """
        reply = self._run(AROUND, [self._board], _encoded(member, "A member"), _size(size))
        if reply is None:
            return []
        first_rank, first_place, rows = reply
        return _rows(first_rank, first_place, rows)

    def remove(self, member: str) -> bool:
        """Takes somebody off the board. Returns whether the member was on it."""
        removed = self._redis.zrem(self._board, _encoded(member, "A member"))
        return removed == 1

    def size(self) -> int:
        """How many members are on the board."""
        return self._redis.zcard(self._board)

    def replace_with_sum(self, boards: Sequence["Leaderboard"]) -> int:
        """Makes this board the sum of others, such as a week of its days. Returns how many members it has.

        The boards may lie in any slot. They are read in pages of PAGE members, and the sum is written in such pages to
        a second key, so that the server is free again after each. Then the sum takes the place of this board, at once;
        until then, the old one is read. A `ttl` counts from that moment. The sum is in this program's memory meanwhile,
        some 300 bytes for each member.

        - A board that is not there, or has ended, counts as empty. One that is named twice counts twice.
        - Boards that change meanwhile: each member counts once, with the score of some moment of the build. Who comes
          or goes meanwhile may be in it or not. The sum is not that of one moment: build it again when the days rest.
        - What others write to this board during the build is lost with the old board.
        - A build that is killed, or fails, leaves the old board as it is, and the part that it has written ends
          BUILD_SECONDS later.
        - Only the reply to the very last command says that the sum is in place. When it is lost, the sum may be there
          or not, and the error is redis-py's, or a CourseError when the client repeats commands: build it again.

        Raises CourseError when a total lies beyond 2**53, and when this program stood still for BUILD_SECONDS.
        """
        if not isinstance(boards, (list, tuple)) or not all(isinstance(board, Leaderboard) for board in boards):
            raise CourseError("A sum is made of a list of Leaderboards: give such a list.")
        totals = _sum_of(boards)
        being_built = self._board + b":building:" + secrets.token_hex(8).encode()
        self._write(being_built, totals)
        if not self._run(PUT_IN_PLACE, [self._board, being_built], len(totals), self._ttl_ms):
            logger.warning("a sum of %d boards was not put in place: it is not whole", len(boards))
            raise CourseError(self._why_not_in_place())
        logger.info("a sum of %d boards is in place: %d members", len(boards), len(totals))
        return len(totals)

    def _why_not_in_place(self) -> str:
        if _repeats(self._redis):
            return (
                "The sum that was built is gone. Either this client has sent its last command twice, because a reply "
                f"was lost, and the sum is in place; or {BUILD_SECONDS} seconds passed between two pages, or Redis has "
                "lost a part of it, and the old board is as it was: build it again."
            )
        return (
            f"The sum has ended before it was whole, because {BUILD_SECONDS} seconds passed between two pages, or "
            "Redis has lost a part of it: build it again. The old board is as it was."
        )

    def _write(self, being_built: bytes, totals: dict[bytes, int]) -> None:
        page: list[bytes | int] = []
        for member, total in totals.items():
            page += [total, member]
            if len(page) == 2 * PAGE:
                self._run(WRITE_PAGE, [being_built], BUILD_SECONDS * 1000, *page)
                page = []
        if page:
            self._run(WRITE_PAGE, [being_built], BUILD_SECONDS * 1000, *page)

    def _all_scores(self) -> dict[bytes, int]:
        """Everybody, in pages. A dictionary, because ZSCAN may return a member twice when the board changes."""
        scores: dict[bytes, int] = {}
        cursor = 0
        while True:
            reply: Any = self._redis.execute_command("ZSCAN", self._board, cursor, "COUNT", PAGE, **AS_BYTES)
            cursor, page = reply
            for member, score in page:
                scores[member] = _score(score)
            if cursor == 0:
                return scores

    def _run(self, script: str, keys: list[bytes], *arguments: bytes | int) -> Any:
        """Runs a script by the name that Redis gives it. Texts in the reply are bytes, whatever the client."""
        sha = hashlib.sha1(script.encode()).hexdigest()
        try:
            return self._redis.execute_command("EVALSHA", sha, len(keys), *keys, *arguments, **AS_BYTES)
        except NoScriptError:  # a new server, a restart, a failover: this once, the script goes along
            return self._redis.execute_command("EVAL", script, len(keys), *keys, *arguments, **AS_BYTES)


AS_BYTES: dict[str, Any] = {NEVER_DECODE: True}  # then members are UTF-8, whatever `encoding` the client has


def _sum_of(boards: Sequence[Leaderboard]) -> dict[bytes, int]:
    totals: dict[bytes, int] = {}
    for board in boards:
        for member, score in board._all_scores().items():
            totals[member] = totals.get(member, 0) + score
    for total in totals.values():
        if abs(total) > LARGEST:
            raise CourseError(
                "A total of these boards lies beyond 2**53, where scores stop being exact: take fewer boards. "
                "Nothing has changed."
            )
    return totals


def _rows(first_rank: int, first_place: int, reply: list[bytes]) -> list[Row]:
    """The rows of a reply: a member, its score, the next member, its score …"""
    rows: list[Row] = []
    for position in range(0, len(reply), 2):
        member = _member(reply[position])
        score = _score(reply[position + 1])
        if not rows:
            place = first_place
        elif score == rows[-1].score:
            place = rows[-1].place
        else:
            place = first_rank + len(rows) + 1
        rows.append(Row(place, member, score))
    return rows


def _member(reply: bytes) -> str:
    try:
        return reply.decode()
    except UnicodeDecodeError:
        raise CourseError("A member of this board is not UTF-8: only a Leaderboard may write to its key.") from None


def _score(reply: bytes | float) -> int:
    score = float(reply)
    if not score.is_integer():
        raise CourseError("A score on this board is not a whole number: only a Leaderboard may write to its key.")
    return int(score)


def _whole(number: SupportsIndex, what: str) -> int:
    if isinstance(number, bool):
        raise CourseError(f"{what} must be a whole number, not True or False: give such a number.")
    try:
        whole = operator.index(number)
    except TypeError:
        kind = type(number).__name__
        raise CourseError(f"{what} must be a whole number, not a {kind}: give such a number.") from None
    if abs(whole) > LARGEST:
        raise CourseError(f"{what} must lie between -2**53 and 2**53, where scores are exact: give a smaller number.")
    return whole


def _size(number: int) -> int:
    rows = _whole(number, "The number of rows")
    if rows < 1:
        raise CourseError("The number of rows must be at least 1: give such a number.")
    return rows


def _encoded(text: str, what: str) -> bytes:
    if not isinstance(text, str) or not text:
        raise CourseError(f"{what} is a text that is not empty: give such a text.")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise CourseError(f"{what} contains half a character (a surrogate): repair the text first.") from None


def _milliseconds(ttl: float | None) -> int:
    """A time to live in milliseconds; 0 for none."""
    if ttl is None:
        return 0
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not 0.001 <= ttl <= 10**9:
        raise CourseError("A ttl is a number of seconds from 0.001 to 10**9, or None: give such a number.")
    return round(ttl * 1000)


def _repeats(client: redis.Redis | redis.RedisCluster) -> bool:
    """Whether the client sends a command again by itself when no reply comes."""
    if isinstance(client, redis.RedisCluster):
        return client.retry.get_retries() != 0
    settings = client.connection_pool.connection_kwargs
    if settings.get("retry"):
        return settings["retry"].get_retries() != 0
    return bool(settings.get("retry_on_timeout") or settings.get("retry_on_error"))
