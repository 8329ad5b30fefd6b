"""What `tools.benchmark_cache` compares: readers by hand, through `CacheAside`, and through other libraries.

A reader's `build(place, load)` returns a function `read(key)`: the value from the Redis at that place, or else
`load(key)`, kept there. A reader that `awaits` gets a coroutine function as `load`, and returns one. Each library is
used as its own documentation shows it, with JSON where it can. It is imported only when its reader is built.
"""

import importlib
import json
import socket
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import redis

from redis_helpers.cache_aside import CacheAside
from redis_helpers.cache_client import cache_client
from redis_helpers.connection import ConnectOptions, RedisConnectionHandle
from redis_helpers.course.embedded import EmbeddedRedis

TTL = 3600


@dataclass(frozen=True)
class Place(ConnectOptions):
    """A server's address, and the path of its unix socket if it has one."""

    unix: str | None = None

    def clients(self) -> RedisConnectionHandle:
        return RedisConnectionHandle(self)


def place_of(server: EmbeddedRedis, unix: str | None = None) -> Place:
    """Where a server is that has been started."""
    assert server.port is not None
    return Place(port=server.port, password=server.password, unix=unix)


@dataclass(frozen=True)
class Reader:
    """One row of the tables. `module` is what must be installed for it."""

    build: Callable[[Place, Callable], Callable]
    module: str = "redis"
    awaits: bool = False


def why_missing(module: str) -> str | None:
    """Why this module cannot be used here, or None when it can."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        return "not installed"
    except Exception as error:  # such as a name that redis-py no longer has
        return f"cannot be imported beside redis-py {redis.__version__}: {error!r}"
    return None


def six_lines(redis_conn: redis.Redis, load: Callable) -> Callable:
    """What everybody writes."""

    def read(key):
        text = redis_conn.get(key)
        if text is not None:
            return json.loads(text)
        value = load(key)
        redis_conn.set(key, json.dumps(value), ex=TTL)
        return value

    return read


def ours(redis_conn: redis.Redis, load: Callable) -> Callable:
    cache = CacheAside(redis_conn)
    return lambda key: cache.get_or_load(key, lambda: load(key), TTL)


def unix_client(place: Place) -> redis.Redis:
    return cache_client(unix_socket_path=place.unix, password=place.password, decode_responses=True)


def raw(place: Place, load: Callable, family: socket.AddressFamily = socket.AF_INET) -> Callable:
    """Only the bytes of a GET, and `json.loads`: Python cannot do it for less."""
    connection = socket.socket(family)
    connection.connect((place.host, place.port) if family == socket.AF_INET else str(place.unix))
    connection.sendall(f"AUTH {place.password}\r\n".encode())
    connection.recv(100)

    def read(key):
        connection.sendall(b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(key), key.encode()))
        reply = connection.recv(65536)
        begin = reply.index(b"\n") + 1
        size = int(reply[1:begin])
        if size < 0:
            return miss(key)
        while len(reply) < begin + size + 2:
            reply += connection.recv(65536)
        return json.loads(reply[begin : begin + size])

    def miss(key):
        value = load(key)
        with redis.Redis(**place.arguments()) as redis_conn:
            redis_conn.set(key, json.dumps(value), ex=TTL)
        return value

    weakref.finalize(read, connection.close)
    return read


def dogpile(place: Place, load: Callable, **lock: object) -> Callable:
    from dogpile.cache import make_region

    region = make_region(serializer=lambda value: json.dumps(value).encode(), deserializer=json.loads)
    arguments = {**place.arguments(), "redis_expiration_time": 2 * TTL, **lock}
    region.configure("dogpile.cache.redis", expiration_time=TTL, arguments=arguments)
    return lambda key: region.get_or_create(key, lambda: load(key))


def django(place: Place, load: Callable, name: str) -> Callable:
    from django.conf import settings
    from django.core.cache import caches

    if not settings.configured:
        as_json = {"SERIALIZER": "django_redis.serializers.json.JSONSerializer"}
        own = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": place.url}
        other = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": place.url, "OPTIONS": as_json}
        settings.configure(CACHES={"default": own, "django_redis": other})
    return lambda key: caches[name].get_or_set(key, lambda: load(key), TTL)


def walrus(place: Place, load: Callable) -> Callable:
    from walrus import Database

    cache = Database(**place.arguments()).cache()
    return cache.cached(key_fn=lambda args, _: args[0], timeout=TTL)(load)


def pottery(place: Place, load: Callable) -> Callable:
    from pottery import redis_cache

    return redis_cache(redis=redis.Redis(**place.arguments()), key="pottery", timeout=TTL)(load)


def cashews(place: Place, load: Callable, lock: bool = False) -> Callable:
    from cashews import Cache

    cache = Cache()
    cache.setup(place.url, pickle_type="json")
    return cache(ttl=TTL, key="{key}", lock=lock)(load)


def aiocache(place: Place, load: Callable, stampede: bool = False) -> Callable:
    from aiocache import Cache, cached, cached_stampede
    from aiocache.serializers import JsonSerializer

    server = {"endpoint": place.host, "port": place.port, "password": place.password}
    decorator = cached_stampede if stampede else cached
    options = {"ttl": TTL, "serializer": JsonSerializer(), "key_builder": lambda _, key: key}
    return decorator(cache=Cache.REDIS, **options, **server)(load)


DISTRIBUTED = {"distributed_lock": True, "thread_local_lock": False}

READERS = {
    "six lines": Reader(lambda place, load: six_lines(redis.Redis(**place.arguments()), load)),
    "six lines on connect()": Reader(lambda place, load: six_lines(place.clients().connect(), load)),
    "six lines on connect_cache()": Reader(lambda place, load: six_lines(place.clients().connect_cache(), load)),
    "CacheAside on connect()": Reader(lambda place, load: ours(place.clients().connect(), load)),
    "CacheAside on connect_cache()": Reader(lambda place, load: ours(place.clients().connect_cache(), load)),
    "CacheAside, unix socket": Reader(lambda place, load: ours(unix_client(place), load)),
    "a raw socket": Reader(raw),
    "a raw unix socket": Reader(lambda place, load: raw(place, load, socket.AF_UNIX)),
    "dogpile.cache": Reader(dogpile, "dogpile.cache"),
    "dogpile.cache, distributed lock": Reader(lambda place, load: dogpile(place, load, **DISTRIBUTED), "dogpile.cache"),
    "dogpile.cache, distributed lock of 2 s": Reader(
        lambda place, load: dogpile(place, load, lock_timeout=2, **DISTRIBUTED), "dogpile.cache"
    ),
    "django-redis": Reader(lambda place, load: django(place, load, "django_redis"), "django_redis"),
    "Django (pickle)": Reader(lambda place, load: django(place, load, "default"), "django"),
    "walrus (pickle)": Reader(walrus, "walrus"),
    "pottery": Reader(pottery, "pottery"),
    "cashews (async)": Reader(cashews, "cashews", awaits=True),
    "cashews, lock=True (async)": Reader(lambda place, load: cashews(place, load, True), "cashews", awaits=True),
    "aiocache (async)": Reader(aiocache, "aiocache", awaits=True),
    "aiocache, cached_stampede (async)": Reader(
        lambda place, load: aiocache(place, load, True), "aiocache", awaits=True
    ),
}
