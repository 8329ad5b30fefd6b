"""Lesson 20: processes that buy, and a process that renews its lock. Some of them are paused or killed, for real.

In a module of its own, which draws nothing: each process has to import it.
`url` is everywhere the Redis of this kernel, `handle.options.url`: the bench itself connects as the kernel does.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, cast

import redis

from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.breaking.processes import Process, Processes
from redis_helpers.fenced_lock import FencedLock

PREFIX = "cell-by-cell:fencing:bench:"
CAUGHT = f"{PREFIX}caught"
BUYERS = 3
TTL = 0.3  # seconds
RENEWED_TTL = 0.5
MEANWHILE = 50  # crates that the others buy while one is paused
PATIENCE = 60  # seconds, on a very busy machine
REPLY = 5  # seconds

NEW_BENCH = """
DROP TABLE IF EXISTS bench;
CREATE TABLE bench (sold INTEGER, refused INTEGER, catch INTEGER);
INSERT INTO bench VALUES (0, 0, 0);
"""
IS_CAUGHT = "UPDATE bench SET catch = 0 WHERE catch = 1"
COUNT_SOLD = "UPDATE bench SET sold = sold + 1"
COUNT_REFUSED = "UPDATE bench SET refused = refused + 1"

Look = Callable[[sqlite3.Connection, int], "int | None"]
Sell = Callable[[sqlite3.Connection, int, int], bool]


def sell_out(url: str, path: str, look: Look, sell: Sell, pauses: int = 1, kills: int = 0) -> dict[str, int]:
    """Lets three processes buy, each under a lock, until no crate is left. Returns what was sold and refused.

    `look(db, fence)` answers with the crates that are left, `sell(db, crates, fence)` writes how many are left after
    it. So many times, a holder is caught between the two. It is killed (one at most, so that two are left); or it is
    paused (SIGSTOP) until its lock has ended and the others have bought fifty crates, and then it goes on. `path` is
    the database's file. The purchases are counted there, too: to ask Redis once more per purchase takes longer.
    """
    with (
        RedisConnectionHandle() as handle,
        contextlib.closing(_open_bench(path)) as bench,
        Processes(url) as processes,
    ):
        redis_conn = handle.connect()
        redis_conn.delete(CAUGHT)
        bench.executescript(NEW_BENCH)
        _catch_somebody(bench, pauses + kills)
        buyers = [processes.start(_buyer, path, look, sell) for _ in range(BUYERS)]
        for number in range(1, pauses + kills + 1):
            victim = _caught(redis_conn, buyers)
            if number <= pauses:
                _pause_until_late(redis_conn, bench, victim)
            else:
                victim.kill()
                buyers.remove(victim)
            _catch_somebody(bench, pauses + kills - number)
        for buyer in buyers:
            buyer.result(PATIENCE)
        sold, refused = bench.execute("SELECT sold, refused FROM bench").fetchone()
        return {"sold": sold, "refused": refused}


def _open_bench(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")  # each connection has to ask for it
    return db


def _buyer(redis_conn: redis.Redis, path: str, look: Look, sell: Sell) -> None:
    """In the child: buys one crate after the other, until none is left."""
    db = _open_bench(path)
    lock = FencedLock(redis_conn, "stock", ttl=TTL, patience=REPLY, prefix=PREFIX)
    while True:
        with lock.held(wait=PATIENCE) as fence:
            crates = look(db, fence)
            if crates == 0:
                return
            if db.execute(IS_CAUGHT).rowcount == 1:
                redis_conn.rpush(CAUGHT, os.getpid())
                redis_conn.blpop([_gate(os.getpid())], PATIENCE)  # here it is killed or paused
            sold = crates is not None and sell(db, crates - 1, fence)
            db.execute(COUNT_SOLD if sold else COUNT_REFUSED)


def _gate(pid: int) -> str:
    return f"{PREFIX}go:{pid}"


def _sold(bench: sqlite3.Connection) -> int:
    return bench.execute("SELECT sold FROM bench").fetchone()[0]


def _catch_somebody(bench: sqlite3.Connection, still_to_come: int) -> None:
    """The next holder is caught."""
    if still_to_come:
        bench.execute("UPDATE bench SET catch = 1")


def _caught(redis_conn: redis.Redis, buyers: list[Process]) -> Process:
    """The buyer who stands between its look and its sale."""
    give_up_at = time.monotonic() + PATIENCE
    while time.monotonic() < give_up_at:
        if pid := redis_conn.lpop(CAUGHT):
            return next(buyer for buyer in buyers if buyer.pid == int(cast(Any, pid)))
        time.sleep(0.005)
    raise TimeoutError("no buyer was caught: this machine is too busy, run the cell again")


def _pause_until_late(redis_conn: redis.Redis, bench: sqlite3.Connection, victim: Process) -> None:
    """It stands still until its lock has ended, and the others have bought."""
    victim.pause()
    goal = _sold(bench) + MEANWHILE
    give_up_at = time.monotonic() + PATIENCE
    while _sold(bench) < goal and time.monotonic() < give_up_at:
        time.sleep(0.005)
    redis_conn.rpush(_gate(victim.pid), "go on")
    victim.resume()


def pause_who_renews(url: str) -> dict[str, object]:
    """Process A takes a lock, and a thread of A renews it, five times per TTL. Then A is paused, and B waits for it.

    Returns the numbers of A and of B, and whether A could renew when it was awake again.
    """
    with RedisConnectionHandle() as handle, Processes(url) as processes:
        a = processes.start(_renews)
        a.wait_for("renewed 2")
        a.pause()
        lock = FencedLock(handle.connect(), "renewed", ttl=PATIENCE, patience=REPLY, prefix=PREFIX)
        number_of_b = lock.acquire(wait=PATIENCE)
        a.resume()
        told = cast(dict[str, object], a.result(PATIENCE))
        lock.release()
        return {"number of A": told["number"], "number of B": number_of_b, "A can renew": told["renewed"]}


def _renews(redis_conn: redis.Redis) -> dict[str, object]:
    """In the child: returns when it cannot renew any more."""
    lock = FencedLock(redis_conn, "renewed", ttl=RENEWED_TTL, longest=PATIENCE, patience=REPLY, prefix=PREFIX)
    number = lock.acquire(wait=PATIENCE)
    renewals: list[bool] = []

    def keep_renewing() -> None:
        while not renewals or renewals[-1]:
            renewals.append(lock.renew())
            print("renewed", len(renewals))
            time.sleep(RENEWED_TTL / 5)

    thread = threading.Thread(target=keep_renewing)
    thread.start()
    thread.join()
    return {"number": number, "renewed": renewals[-1]}
