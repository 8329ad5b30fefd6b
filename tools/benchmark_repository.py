"""What a call through `RedisRepository` costs beside redis-py's own: `python -m tools.benchmark_repository`."""

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.measure import measure_interleaved
from redis_helpers.redis_repository import RedisRepository
from tools.benchmark_peers import place_of


def main() -> None:
    """Prints a line a method: the ratio of the medians, from rounds that take turns."""
    with (
        EmbeddedRedis() as server,
        place_of(server).clients() as handle,
    ):
        redis_conn = handle.connect()
        repo = RedisRepository(redis_conn)
        pairs = {
            "get": (lambda: repo.get("foo"), lambda: redis_conn.get("foo")),
            "insert": (lambda: repo.insert("foo", "bar"), lambda: redis_conn.set("foo", "bar")),
            "insert_ex": (lambda: repo.insert_ex("foo", "bar", 10), lambda: redis_conn.set("foo", "bar", ex=10)),
            "get_hash": (lambda: repo.get_hash("h", "f"), lambda: redis_conn.hget("h", "f")),
            "insert_hash": (lambda: repo.insert_hash("h", "f", 1), lambda: redis_conn.hset("h", "f", 1)),
            "insert_hash_ex": (lambda: repo.insert_hash_ex("x", "f", 1, 10), lambda: pipelined(redis_conn)),
        }
        for name, (ours, theirs) in pairs.items():
            medians = measure_interleaved({"ours": ours, "theirs": theirs}, n=4000, warmup=200).median()
            print(f"{name:15} {medians['ours'] / medians['theirs']:.2f} times redis-py")


def pipelined(redis_conn) -> None:
    """What people write instead of `insert_hash_ex`."""
    with redis_conn.pipeline() as pipe:
        pipe.hset("x", "f", 1).expire("x", 10).execute()


if __name__ == "__main__":
    main()
