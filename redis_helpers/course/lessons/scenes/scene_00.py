"""Lesson 00: the numbers of two processes."""

import os

import redis

from redis_helpers.server import may, why_not


def show_process_numbers(redis_conn: redis.Redis) -> None:
    """Prints the process number of this kernel and that of the Redis server.

    Where this user may not ask the server for it, a line says so.
    """
    kernel = os.getpid()
    print("the kernel:", kernel)
    if not may(redis_conn, "INFO"):
        print("Left out: the number of the server's process.", why_not(redis_conn, "INFO"))
        return
    server = redis_conn.info("server")["process_id"]
    print("Redis:     ", server)
    assert server != kernel, "Redis should be a process of its own"
