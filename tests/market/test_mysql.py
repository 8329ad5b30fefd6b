"""MySQL behind the cache: which one is used, a load that nothing leaves half done, and every fault in one sentence."""

import contextlib
import re
import subprocess
import sys
import traceback
from dataclasses import replace

import nbformat
import pytest
from nbclient import NotebookClient

from redis_helpers.course.breaking.fault_proxy import FaultProxy
from redis_helpers.course.start import doctor
from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError
from redis_helpers.market import data, mysql_connection
from redis_helpers.market.load_mysql import MARKER, load_mysql
from redis_helpers.market.mysql_connection import MysqlOptions, ask, connect, mysql_options
from redis_helpers.market.repositories import MysqlRepository, SqliteRepository, open_source
from tests.support.mysql_server import NOT_RUN, PASSWORD, mysql_server, program
from tests.support.servers import (
    answering_server,
    free_port,
    http_server,
    silent_server,
    unreachable_server,
    wait_until,
)

pytestmark = pytest.mark.xdist_group("mysql")

LOAD = """
import os, sys
from redis_helpers.market import data, load_mysql
from redis_helpers.market.mysql_connection import mysql_options
whole = data.orders
data.ORDERS = int(sys.argv[1])
data.orders = lambda: whole(data.ORDERS)
load_mysql.ROWS_A_TIME = 1000
print("ready", flush=True)
sys.stdin.readline()
load_mysql.load_mysql(mysql_options())
"""


def configure(monkeypatch, options):
    """Sets the variables that name this MySQL."""
    for name in ("host", "port", "user", "password", "database"):
        monkeypatch.setenv(f"MYSQL_{name.upper()}", str(getattr(options, name)))


def loader(orders):
    """A process that loads the market into the configured MySQL as soon as its standard input is closed."""
    process = subprocess.Popen([sys.executable, "-c", LOAD, str(orders)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    return process


def rows_in(mysql, options):
    return mysql.execute(f"SELECT * FROM {options.database}.orders ORDER BY id")


# Which source


def test_without_mysql_host_the_source_is_sqlite(monkeypatch, tmp_path, small):
    monkeypatch.setenv("MYSQL_PASSWORD", "for Compose")
    monkeypatch.setenv("MYSQL_PORT", "3307")
    monkeypatch.setattr(SqliteRepository.__init__, "__defaults__", (tmp_path / "market.sqlite3",))
    assert mysql_options() is None
    with contextlib.closing(open_source()) as source:
        assert isinstance(source, SqliteRepository)


def test_mysql_host_is_enough(monkeypatch):
    monkeypatch.setenv("MYSQL_HOST", "box")
    assert mysql_options() == MysqlOptions("box", 3306, "learner", "", "market")


def test_the_environment_goes_over_the_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("MYSQL_HOST=file\nMYSQL_USER=file\nMYSQL_PASSWORD='a # b'\nMYSQL_PORT=3307\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MYSQL_USER", "me")
    monkeypatch.setenv("MYSQL_DATABASE", "shop")
    assert mysql_options() == MysqlOptions("file", 3307, "me", "a # b", "shop")


@pytest.mark.parametrize("port", ["none", "0", "65536", "-1", "３３０６", "3306; DROP"])
def test_a_port_that_is_none(monkeypatch, port):
    monkeypatch.setenv("MYSQL_HOST", "box")
    monkeypatch.setenv("MYSQL_PORT", port)
    with pytest.raises(CourseError, match="MYSQL_PORT needs a port"):
        mysql_options()


def test_the_password_is_in_no_repr(small_mysql):
    with contextlib.closing(MysqlRepository(small_mysql)) as repo:
        assert "hush" not in repr(small_mysql) + repr(repo) + str(vars(repo))


def test_a_configured_mysql_is_the_source(monkeypatch, small_mysql, small):
    configure(monkeypatch, small_mysql)
    with contextlib.closing(open_source()) as source:
        assert isinstance(source, MysqlRepository)
        assert source.fruit(1)["name"] == "banana"


# The load


def test_a_million_orders_are_loaded_whole(mysql, whole_mysql):
    """The answers are those of SQLite, whose own are compared with the rows themselves (test_build_sqlite.py)."""
    mine, embedded = MysqlRepository(whole_mysql), SqliteRepository()
    mine._connection.close()
    mine._connection = connect(whole_mysql, reply_timeout=60)  # a busy machine needs its time
    assert mysql.execute(f"SELECT COUNT(*) FROM {whole_mysql.database}.orders") == [(1_000_000,)]
    assert mine.best_sellers(100) == embedded.best_sellers(100)
    for month in range(1, 13):
        day = f"2025-{month:02}-{month + 10}"
        assert mine.day_sales(day) == embedded.day_sales(day) != []
    mine.close()
    embedded.close()


def test_lesson_03_measures_sqlite_beside_mysql(small_mysql, monkeypatch):
    """A third time for each question, and a third bar. All of the lesson's assertions hold, and it changes nothing.

    They are about hits and SQLite, which has its million orders. How many MySQL has does not matter.
    """
    configure(monkeypatch, small_mysql)
    path = next(ROOT.glob("notebooks/03_*[a-z].ipynb"))
    notebook = nbformat.read(path, as_version=4)
    with contextlib.closing(MysqlRepository(small_mysql)) as source:
        price = source.fruit(1)
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
        assert source.fruit(1) == price
    outputs = next(cell.outputs for cell in notebook.cells if cell.id == "three-run")
    measured = "".join(output.text for output in outputs).splitlines()
    assert [line.partition(" in µs")[0] for line in measured] == ["one fruit", "one day", "best sellers"]
    assert all(set(re.findall("'(.+?)'", line)) == {"hit", "SQLite", "MySQL"} for line in measured)


def test_every_row_arrives_under_a_progress_bar(mysql, empty_mysql, small, capsys):
    load_mysql(empty_mysql)
    printed = capsys.readouterr().out
    assert printed.startswith(f"\rLoading {empty_mysql.address}")
    assert printed.count("\r") == 40
    assert "20,000 rows" in printed
    assert rows_in(mysql, empty_mysql) == small
    database = empty_mysql.database
    assert mysql.execute(f"SELECT * FROM {database}.fruits ORDER BY id") == list(data.fruits())
    assert mysql.execute(f"SELECT * FROM {database}.customers ORDER BY id") == list(data.customers())


def test_the_second_opening_loads_nothing(small_mysql, small, monkeypatch, capsys):
    monkeypatch.setattr(data, "orders", lambda: pytest.fail("loaded again"))
    MysqlRepository(small_mysql).close()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("progress", [0, 1, 20, 39])
def test_a_load_killed_in_the_middle_is_done_anew_by_the_next(mysql, empty_mysql, small, monkeypatch, progress):
    configure(monkeypatch, empty_mysql)
    process = loader(40_000)
    process.stdin.close()
    drawn = b""
    while drawn.count(b"\r") < progress:
        piece = process.stdout.read1(64)
        assert piece  # it still loads
        drawn += piece
    process.kill()
    process.wait()
    process.stdout.close()
    MysqlRepository(empty_mysql).close()
    assert len(rows_in(mysql, empty_mysql)) in (len(small), 40_000)  # 40,000: it ended before the kill
    assert mysql.execute(f"SELECT COUNT(*) FROM {empty_mysql.database}.{MARKER}") == [(1,)]


def test_three_loaders_at_once_make_one_market(mysql, empty_mysql, monkeypatch):
    configure(monkeypatch, empty_mysql)
    loaders = [loader(20_000) for _ in range(3)]
    for process in loaders:
        process.stdin.close()
    printed = [process.stdout.read() for process in loaders]
    assert [process.wait() for process in loaders] == [0, 0, 0]
    assert sum(b"rows" in text for text in printed) == 1  # one loaded, the others waited for it
    assert rows_in(mysql, empty_mysql) == list(data.orders(20_000))


def test_a_market_of_another_version_or_with_a_table_lost_is_loaded_anew(mysql, empty_mysql, small):
    load_mysql(empty_mysql)
    mysql.execute(f"UPDATE {empty_mysql.database}.{MARKER} SET seed = 1")
    load_mysql(empty_mysql)
    mysql.execute(f"DROP TABLE {empty_mysql.database}.orders")
    load_mysql(empty_mysql)
    assert rows_in(mysql, empty_mysql) == small
    assert mysql.execute(f"SELECT * FROM {empty_mysql.database}.{MARKER}") == [(data.VERSION,)]


def test_the_tables_of_others_are_left_alone(mysql, empty_mysql, small):
    mysql.execute(f"CREATE TABLE {empty_mysql.database}.invoices (id INTEGER)")
    mysql.execute(f"INSERT INTO {empty_mysql.database}.invoices VALUES (1), (2)")
    load_mysql(empty_mysql)
    assert mysql.execute(f"SELECT id FROM {empty_mysql.database}.invoices ORDER BY id") == [(1,), (2,)]


@pytest.mark.parametrize("name", ["orders", "Customers"])
def test_somebody_elses_table_of_our_name_stops_the_load_untouched(mysql, empty_mysql, small, name):
    mysql.execute(f"CREATE TABLE {empty_mysql.database}.{name} (id INTEGER)")
    mysql.execute(f"INSERT INTO {empty_mysql.database}.{name} VALUES (7)")
    with pytest.raises(CourseError, match=f"has a table {name.lower()} that the course did not make") as caught:
        load_mysql(empty_mysql)
    assert_one_sentence(caught)
    assert mysql.execute(f"SHOW TABLES FROM {empty_mysql.database}") == [(name,)]
    assert mysql.execute(f"SELECT id FROM {empty_mysql.database}.{name}") == [(7,)]


# The faults


def assert_one_sentence(caught, *words):
    """One sentence, and no password: neither in it nor in a traceback."""
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.endswith(".")
    shown = message + "".join(traceback.format_exception(caught.value)).replace(repr(PASSWORD), "")
    assert "hush" not in shown
    for word in words:
        assert word in message


def mail_server():
    """The port of a server that speaks first, as MySQL does, and says something else."""

    def answer(client):
        client.sendall(b"220 mail.example.org ESMTP\r\n" * 10)
        client.recv(65536)

    return answering_server(answer)


def faulty(kind, options, held):
    """The options of a MySQL that has this fault."""
    return {
        "refused": lambda: replace(options, port=free_port()),
        "unreachable": lambda: replace(options, port=held.enter_context(unreachable_server())),
        "unknown host": lambda: replace(options, host="no-such-host.invalid"),
        "no host name": lambda: replace(options, host="ü" * 80),
        "wrong password": lambda: replace(options, password="hush, and wrong"),
        "no password": lambda: replace(options, password=""),
        "unknown user": lambda: replace(options, user="nobody"),
        "unknown database": lambda: replace(options, database="nowhere"),
        "silent": lambda: replace(options, port=held.enter_context(silent_server())),
        "a web server": lambda: replace(options, port=held.enter_context(http_server())),
        "a mail server": lambda: replace(options, port=held.enter_context(mail_server())),
    }[kind]()


FAULTS = {
    "refused": ("is not there (connection refused)", "docker compose --profile mysql up -d"),
    "unreachable": ("did not answer in time", "check MYSQL_HOST"),
    "unknown host": ("host name", "MYSQL_HOST"),
    "no host name": ("is no name that there can be", "MYSQL_HOST"),
    "wrong password": ("refused the user or password", "check MYSQL_USER and MYSQL_PASSWORD"),
    "no password": ("refused the user or password", "check MYSQL_USER and MYSQL_PASSWORD"),
    "unknown user": ("refused the user or password", "check MYSQL_USER and MYSQL_PASSWORD"),
    "unknown database": ("database", "correct MYSQL_DATABASE"),
    "silent": ("gave no answer in time", "is it MySQL"),
    "a web server": ("gave no answer in time", "is it MySQL"),
    "a mail server": ("not as a MySQL does", "correct MYSQL_HOST or MYSQL_PORT"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_mysql_that_cannot_be_used_is_one_sentence(small_mysql, small, fault, monkeypatch):
    with contextlib.ExitStack() as held:
        options = faulty(fault, small_mysql, held)
        with pytest.raises(CourseError) as caught:
            connect(options, reply_timeout=1 if "is it MySQL" in FAULTS[fault] else 20)
        assert_one_sentence(caught, *FAULTS[fault])
        if "is it MySQL" not in FAULTS[fault]:  # those would take 20 seconds
            configure(monkeypatch, options)
            with pytest.raises(CourseError) as caught:
                open_source()
            assert_one_sentence(caught, *FAULTS[fault])


def test_an_unknown_database_for_a_user_who_may_see_all(mysql):
    with pytest.raises(CourseError) as caught:
        connect(replace(mysql.root, database="nowhere"))
    assert_one_sentence(caught, "has no database of that name", "correct MYSQL_DATABASE")


def test_a_user_who_may_not_create_tables(mysql, empty_mysql, small):
    mysql.execute(f"REVOKE ALL ON {empty_mysql.database}.* FROM {empty_mysql.user}@'%'")
    mysql.execute(f"GRANT SELECT ON {empty_mysql.database}.* TO {empty_mysql.user}@'%'")
    with pytest.raises(CourseError) as caught:
        load_mysql(empty_mysql)
    assert_one_sentence(caught, "grant ALL on the database")


def test_a_reader_may_use_a_market_that_is_loaded(mysql, empty_mysql, small):
    load_mysql(empty_mysql)
    mysql.execute(f"REVOKE ALL ON {empty_mysql.database}.* FROM {empty_mysql.user}@'%'")
    mysql.execute(f"GRANT SELECT ON {empty_mysql.database}.* TO {empty_mysql.user}@'%'")
    with contextlib.closing(MysqlRepository(empty_mysql)) as repo:
        assert repo.fruit(1)["name"] == "banana"
        with pytest.raises(CourseError) as caught:
            repo.set_price(1, 2)
        assert_one_sentence(caught, "grant ALL on the database")


def test_no_room_for_one_more_client(mysql, small_mysql):
    mysql.execute(f"ALTER USER {small_mysql.user}@'%' WITH MAX_USER_CONNECTIONS 1")
    try:
        with contextlib.closing(connect(small_mysql)), pytest.raises(CourseError) as caught:
            connect(small_mysql)
        assert_one_sentence(caught, "has no room for one more client")
    finally:
        mysql.execute(f"ALTER USER {small_mysql.user}@'%' WITH MAX_USER_CONNECTIONS 0")


def connections_of(mysql, options):
    query = "SELECT id FROM information_schema.processlist WHERE user = %s"
    return [number for (number,) in mysql.execute(query, options.user)]


def test_a_connection_killed_between_two_queries_fails_once(mysql, small_mysql, small):
    with contextlib.closing(MysqlRepository(small_mysql)) as repo:
        first = repo.fruit(1)
        for number in connections_of(mysql, small_mysql):
            mysql.execute(f"KILL {number}")
        with pytest.raises(CourseError) as caught:
            repo.fruit(1)
        assert_one_sentence(caught, "closed the connection", "run this again")
        assert repo.fruit(1) == first


def test_a_connection_left_idle_too_long_fails_once(mysql, small_mysql, small):
    """Servers close it after eight hours. MySQL says why, with a number of its own; MariaDB says nothing."""
    with contextlib.closing(MysqlRepository(small_mysql)) as repo:
        first = repo.fruit(1)
        with repo._connection.cursor() as cursor:
            cursor.execute("SET SESSION wait_timeout = 1")
        assert wait_until(lambda: not connections_of(mysql, small_mysql))
        with pytest.raises(CourseError) as caught:
            repo.fruit(1)
        assert_one_sentence(caught, "closed the connection", "run this again")
        assert repo.fruit(1) == first


def test_a_server_that_offers_tls_gets_it_and_is_killed_between_two_queries(small, tls):
    if not program("mariadbd"):
        pytest.skip(NOT_RUN)
    certificate = (tls.client_cert_file, tls.client_key_file)
    with mysql_server(private=True, certificate=certificate) as mysql, mysql.database() as options:
        repo = MysqlRepository(options)
        assert ask(repo._connection, "SHOW STATUS LIKE 'Ssl_version'")[0]["Value"].startswith("TLS")
        first = repo.best_sellers(3)
        mysql.kill()
        for words in ("closed the connection", "connection refused"):
            with pytest.raises(CourseError) as caught:
                repo.best_sellers(3)
            assert_one_sentence(caught, words)
        mysql.start()
        assert repo.best_sellers(3) == first
        repo.close()


def test_a_connection_cut_in_mid_reply_fails_once(small_mysql, small):
    with FaultProxy(small_mysql.port) as proxy:
        repo = MysqlRepository(replace(small_mysql, port=proxy.port))
        first = repo.fruit(1)
        proxy.drop_replies = 1
        with pytest.raises(CourseError) as caught:
            repo.fruit(1)
        assert_one_sentence(caught, "closed the connection")
        assert repo.fruit(1) == first
        repo.close()


def test_a_server_that_hangs_is_left_after_a_while(small_mysql, small, monkeypatch):
    monkeypatch.setattr(mysql_connection.connect, "__defaults__", (2.0,))
    with FaultProxy(small_mysql.port) as proxy:
        repo = MysqlRepository(replace(small_mysql, port=proxy.port))
        proxy.delay = 600
        with pytest.raises(CourseError) as caught:
            repo.fruit(1)
        assert_one_sentence(caught, "gave no answer in time")
        repo.close()


def test_a_lost_table(mysql, empty_mysql, small):
    with contextlib.closing(MysqlRepository(empty_mysql)) as repo:
        mysql.execute(f"DROP TABLE {empty_mysql.database}.orders")
        with pytest.raises(CourseError) as caught:
            repo.best_sellers()
        assert_one_sentence(caught, "run the lesson's first code cell again")


# doctor


def test_doctor_names_the_version(small_mysql, monkeypatch):
    configure(monkeypatch, small_mysql)
    line = doctor._mysql()
    assert small_mysql.address in line
    assert "the market is loaded" in line
    assert "hush" not in line


def test_doctor_loads_nothing(mysql, empty_mysql, monkeypatch):
    configure(monkeypatch, empty_mysql)
    assert "not loaded yet" in doctor._mysql()
    assert mysql.execute(f"SHOW TABLES FROM {empty_mysql.database}") == []


def test_doctor_says_what_to_do(small_mysql, monkeypatch, capsys):
    configure(monkeypatch, replace(small_mysql, password="hush, and wrong"))
    assert doctor.run_doctor() == 1
    printed = capsys.readouterr().out
    assert "refused the user or password" in printed
    assert "hush" not in printed
