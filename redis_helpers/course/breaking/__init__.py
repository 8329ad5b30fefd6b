"""What lessons break things with: rivals that come in between, kills, lost replies, processes, a proxy that cuts.

with_rival(function, redis_conn, …, rival=f)        somebody comes between two commands
every_moment(function, redis_conn, …, rival=f, …)   the same, at every moment in turn
at_once(8, function, …)                             eight threads begin together
killed_after("SET", function, redis_conn, …)        a real process, kill -9 behind a command
killed_anywhere(function, redis_conn, …, before=f)  the same, behind each command in turn
lost_reply("INCR")                                  a `with` block: done, and the reply never arrives
"""

from redis_helpers.course.breaking.kills import killed_after, killed_anywhere, lost_reply
from redis_helpers.course.breaking.rivals import at_once, every_moment, with_rival

__all__ = ["at_once", "every_moment", "killed_after", "killed_anywhere", "lost_reply", "with_rival"]
