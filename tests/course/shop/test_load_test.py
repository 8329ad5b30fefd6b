"""The load test itself, on real servers: a failover, none, a stop, and what the counts mean."""

import io

import pytest
import redis

from redis_helpers.connection import ConnectOptions, RedisConnectionHandle
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.embedded_cluster import EmbeddedCluster
from redis_helpers.course.shop import customer as customer_module
from redis_helpers.course.shop import open_whole_shop
from redis_helpers.course.shop.customer import Customer
from redis_helpers.course.shop.load_report import Orders, count_orders
from redis_helpers.course.shop.load_test import WORKERS, Progress, Team, load_test, place, run_load_test
from redis_helpers.errors import CourseError
from redis_helpers.work_queue import WorkQueue
from tests.support import lookalikes
from tests.support.servers import options_of, wait_until
from tests.support.users import user_of

PREFIX = "cell-by-cell:load-test-test:"
CUSTOMERS = 4


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_failover_is_measured_and_every_order_is_accounted_for():
    terminal = Terminal()
    with place() as where, Progress(terminal, 3) as progress:
        cluster = where.own_cluster
        report = load_test(where, seconds=3, customers=CUSTOMERS, seed=1, progress=progress)
        assert len([node for node in cluster.nodes if not node.is_running()]) == 1, "one was killed"
    before, during, after = report.phases
    assert report.failover.took_over > report.failover.killed
    assert before.requests > 0 and before.percentiles
    assert during.refused == len(report.refusals) - before.refused > 0
    assert after.requests > 0 and after.refused == 0
    assert during.seconds >= report.failover.took_over - report.failover.killed
    assert report.longest_without_order >= report.longest_without_any > 0
    assert (report.failed, report.first_failure) == (0, "")
    orders = report.orders
    assert orders.acknowledged == orders.once + orders.lost + orders.twice
    assert orders.once > 0
    # Each customer has one order under way, and each worker one job, when the primary is killed.
    assert orders.lost <= CUSTOMERS
    assert orders.twice <= CUSTOMERS + WORKERS
    assert orders.unasked == 0, "what a customer had begun was brought to its end"
    assert report.sessions >= CUSTOMERS and report.lost_sessions <= CUSTOMERS
    drawn = terminal.getvalue()
    assert ", the primary is gone" in drawn and ", the replica has taken over" in drawn


@pytest.fixture(params=["one server", "cluster"])
def somebodys(request, monkeypatch):
    """The clients of all primaries of a server or cluster that is not the load test's own."""
    if request.param == "one server":
        request.getfixturevalue("redis_conn")  # empties it
        nodes = [request.getfixturevalue("server")]
        monkeypatch.setenv("REDIS_URL", nodes[0].url)
        clients = [redis.Redis.from_url(nodes[0].url)]
        lookalikes.fill(clients[0])
        yield clients
    else:
        with EmbeddedCluster(replicas=0, node_timeout=15_000) as cluster:
            node = cluster.nodes[0]
            monkeypatch.setenv("REDIS_URL", ConnectOptions(port=node.port, password=cluster.password).url)
            clients = [redis.Redis(port=node.port, password=cluster.password) for node in cluster.nodes]
            with cluster.connect() as client:
                for number in range(50):
                    client.set(f"order:{number}", number)
            yield clients
    for client in clients:
        client.close()


def test_on_a_server_of_somebody_else_nothing_is_killed_nothing_refused_and_nothing_left(somebodys, capsys):
    before = [lookalikes.contents(client) for client in somebodys]
    terminal = io.StringIO()
    assert run_load_test(seconds=2, customers=3, terminal=terminal) == 0
    assert [lookalikes.contents(client) for client in somebodys] == before
    printed = capsys.readouterr()
    first, second, empty, _, phase, *rest = printed.out.splitlines()
    kind = "a cluster" if len(somebodys) > 1 else "one server alone, and no cluster"
    assert first.endswith(f"as configured: {kind}. It is not this test's own, so nothing is killed.")
    assert second == "3 customers shop for 2 seconds, 2 workers do their orders."
    assert empty == ""
    name, seconds, requests, refused, *_ = phase.replace(",", "").split()
    assert (name, refused) == ("all", "0")
    assert float(seconds) >= 2 and int(requests) > 3
    assert "No request was refused." in rest
    counts = {line[:22].strip(): int(line[22:].replace(",", "")) for line in rest if line.startswith(("orders", "  "))}
    assert counts["orders acknowledged"] == counts["worked once"] > 0
    assert counts["lost"] == counts["worked twice"] == 0
    assert "replicates" not in printed.out, "nothing was killed"
    assert terminal.getvalue() == "" and printed.err == "", "no bar, for it is no terminal; and no log"


def test_a_user_who_may_not_run_scripts_is_told_before_anybody_shops(server, redis_conn, monkeypatch):
    with user_of(server, "~*", "+@all", "-eval", "-evalsha") as options:
        monkeypatch.setenv("REDIS_URL", options.url)
        with pytest.raises(CourseError, match="The shop does not work on this Redis") as raised:
            run_load_test(seconds=2, customers=2)
    assert len(str(raised.value).splitlines()) == 1
    assert redis_conn.keys() == []


def test_a_cluster_of_which_a_part_is_gone_is_one_sentence(monkeypatch):
    with EmbeddedCluster(replicas=0) as cluster:
        node = cluster.nodes[0]
        monkeypatch.setenv("REDIS_URL", ConnectOptions(port=node.port, password=cluster.password).url)
        for other in cluster.nodes[1:]:
            other.kill()
        with pytest.raises(CourseError) as raised:
            run_load_test(seconds=2, customers=2)
    assert len(str(raised.value).splitlines()) == 1
    assert cluster.password not in str(raised.value)


def test_lost_and_twice_are_found(redis_conn):
    """An entry that vanishes, as in a failover, is lost; one whose job is put anew is worked twice."""
    queue = WorkQueue(redis_conn, "orders", prefix=PREFIX)
    gone = queue.put("an order", own_id="gone")
    redis_conn.xdel(f"{PREFIX}{{orders}}:jobs", gone)
    queue.put("an order", own_id="once")
    queue.put("an order", own_id="twice")
    with Team(queue) as team:
        team.work_off()
        redis_conn.delete(f"{PREFIX}{{orders}}:put:twice")
        queue.put("an order", own_id="twice")
        queue.put("an order", own_id="once")  # known
        team.work_off()
    found = count_orders(["gone", "once", "twice"], team.worked)
    assert found == Orders(acknowledged=3, once=1, lost=1, twice=1, unasked=0)


def test_a_worker_that_ends_ends_the_test(redis_conn):
    queue = WorkQueue(redis_conn, "orders", prefix=PREFIX)
    redis_conn.set(f"{PREFIX}{{orders}}:dead", "another type")
    redis_conn.xadd(f"{PREFIX}{{orders}}:jobs", {"no": "job"})
    with Team(queue) as team, pytest.raises(CourseError, match=r"A worker has ended \(ResponseError\)"):
        team.work_off()


def test_a_session_that_vanishes_is_noticed(redis_conn):
    with open_whole_shop(redis_conn, prefix=PREFIX, limit=10_000) as shop:
        customer = Customer(1, 1, shop.url)
        customer.start()
        assert wait_until(lambda: customer.log_ins > 0)

        def delete_and_look():
            for key in redis_conn.keys(f"{PREFIX}session:*"):
                redis_conn.delete(key)
            return customer.lost_sessions

        assert wait_until(delete_and_look)
        customer.close(20)
        customer.join()
    assert customer.lost_sessions > 0
    assert not any(request.failed for request in customer.requests)


def test_a_customer_asks_for_the_same_order_until_it_is_taken(tmp_path, monkeypatch):
    """Redis is away for a while, and comes back with what it had: each order is queued once."""
    monkeypatch.setattr(customer_module, "HABITS", ("order",))
    with EmbeddedRedis(dir=tmp_path, appendonly="yes") as server, RedisConnectionHandle(options_of(server)) as handle:
        redis_conn = handle.connect_server_or_cluster()
        queue = WorkQueue(redis_conn, "orders", prefix=PREFIX)
        with open_whole_shop(redis_conn, queue=queue, limit=10_000, prefix=PREFIX) as shop:
            customer = Customer(1, 1, shop.url)
            customer.start()
            assert wait_until(lambda: customer.acknowledged)
            server.kill()
            assert wait_until(lambda: refused_orders(customer))
            customer.close(60)  # it has an order that was begun, and brings it to its end
            server.start()
            customer.join()
        with Team(queue) as team:
            team.work_off()
    assert sorted(team.worked) == sorted(customer.acknowledged)
    assert set(team.worked.values()) == {1}
    assert customer.acknowledged == [f"customer-1-{number + 1}" for number in range(len(customer.acknowledged))]


def refused_orders(customer):
    return [request for request in customer.requests if request.refused and request.path == "/orders"]


def test_the_bar_is_one_line_and_for_terminals_only():
    terminal = Terminal()
    with Progress(terminal, 10) as progress:
        progress.show(2.5, [], None)
        progress.show(20.0, [], None)
    assert terminal.getvalue() == f"\r{'█' * 5}{'·' * 15}   2.5 s, 0 requests\r{'█' * 20}  20.0 s, 0 requests\n"
    silent = io.StringIO()
    with Progress(silent, 10) as progress:
        progress.show(2.5, [], None)
    assert silent.getvalue() == ""
