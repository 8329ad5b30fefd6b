"""The helper package of "Redis, cell by cell": one file, one subject.

Import from the modules (`from redis_helpers.connection import RedisConnectionHandle`). This file imports nothing, so
that `python -m redis_helpers` can start before anything is installed.
"""
