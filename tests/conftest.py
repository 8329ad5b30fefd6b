"""What the tests of the package share: settings of their own, and real servers."""

import contextlib
import functools
import gc
import hashlib
import itertools
import os
import signal
from collections import Counter
from types import SimpleNamespace

import pytest
import redis

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises import progress_file
from redis_helpers.course.start.environment import ROOT
from redis_helpers.market import data
from redis_helpers.market.load_mysql import load_mysql
from tests.support import site_parts
from tests.support.mysql_server import NOT_RUN, mysql_server, server_to_be_had
from tests.support.servers import Certificates, short_folder

# Further server programs to run the version-dependent tests against, such as an older Redis or a Valkey.
MORE_BINARIES = [path for path in os.environ.get("REDIS_TEST_BINARIES", "").split(os.pathsep) if path]

ALL_ORDERS = data.orders

# redis-py reads its version from the disk for each connection, which takes as long as the rest of connecting.
redis.utils.get_lib_version = functools.cache(redis.utils.get_lib_version)

# What a shell starts in the background ignores Ctrl-C, and so would the processes that the tests interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def notebooks():
    """The lessons there are."""
    found = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return [path for path in found if not path.match("*.walk.ipynb") and not path.match("Untitled*.ipynb")]


@contextlib.contextmanager
def no_settings(folder):
    """Hides the developer's own settings: those of the shell, those of any `.env`, and the file of their progress."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("REDIS_", "MYSQL_")) and name != "REDIS_SERVER_BINARY":
                patch.delenv(name)
        (folder / ".env").touch()  # the search for a `.env` ends here
        patch.setenv(progress_file.VARIABLE, str(folder / "progress.json"))
        patch.chdir(folder)
        yield


@pytest.fixture(scope="session")
def settings_folders(tmp_path_factory):
    """New folders, one after the other. (pytest's own way looks through all that there are, for each.)"""
    top = tmp_path_factory.mktemp("settings")
    return (top / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _own_settings(settings_folders):
    folder = next(settings_folders)
    folder.mkdir()
    with no_settings(folder):
        yield


@pytest.fixture(name="short_folder")
def _short_folder():
    """A folder for a unix socket."""
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The embedded server that most tests share."""
    with no_settings(tmp_path_factory.mktemp("settings")):
        started = EmbeddedRedis().start()
    yield started
    started.stop()


@pytest.fixture(scope="session", params=[None, *MORE_BINARIES], ids=lambda path: path or "embedded")
def any_server(request, server, tmp_path_factory):
    """The embedded server, and each of REDIS_TEST_BINARIES."""
    if request.param is None:
        yield server
        return
    with no_settings(tmp_path_factory.mktemp("settings")):
        started = EmbeddedRedis(request.param).start()
    yield started
    started.stop()


@pytest.fixture
def redis_conn(server):
    """A client of the shared server, which is empty."""
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
def any_conn(any_server):
    """A client of each server in turn, which is empty."""
    with redis.Redis.from_url(any_server.url, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """Certificates for a `FaultProxy` that speaks TLS."""
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def whole_market():
    """What one walk over every row of the market shows. Tests of it are marked `xdist_group("whole market")`."""
    seen = SimpleNamespace(orders=0, crates=Counter(), days=Counter(), customers=Counter())
    checksum = hashlib.sha256("".join(map(repr, [*data.fruits(), *data.customers()])).encode())
    orders = data.orders()
    while some := list(itertools.islice(orders, 10_000)):  # row by row, it would take twice as long
        checksum.update("".join(map(repr, some)).encode())
        numbers, days, customers, fruits, crates = zip(*some, strict=True)
        assert list(numbers) == list(range(seen.orders + 1, seen.orders + len(some) + 1))
        assert set(crates) <= {1, 2, 3, 4, 5}
        seen.orders += len(some)
        seen.days.update(days)
        seen.customers.update(customers)
        for fruit, count in zip(fruits, crates, strict=True):
            seen.crates[data.FRUITS[fruit - 1]] += count
    seen.checksum = checksum.hexdigest()
    return seen


@functools.cache
def small_orders():
    """The rows of a market of 20,000 orders."""
    return tuple(ALL_ORDERS(20_000))


@contextlib.contextmanager
def small_market():
    """Makes the market one of 20,000 orders, and gives their rows."""
    rows = list(small_orders())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "ORDERS", len(rows))
        patch.setattr(data, "orders", lambda: iter(rows))
        yield rows


@pytest.fixture
def small():
    """A market of 20,000 orders: its rows."""
    with small_market() as rows:
        yield rows


@pytest.fixture(scope="session")
def mysql():
    """A real MySQL or MariaDB. Tests that use it are marked `xdist_group("mysql")`: then there is but one."""
    if not server_to_be_had():
        pytest.skip(NOT_RUN)
    with mysql_server() as started:
        yield started


@pytest.fixture
def empty_mysql(mysql):
    """The options of an empty database of its own."""
    with mysql.database() as options:
        yield options


@pytest.fixture(scope="session")
def small_mysql(mysql):
    """The options of a database that holds the market of 20,000 orders. Whoever changes a price sets it back."""
    with mysql.database() as options:
        with small_market():
            load_mysql(options)
        yield options


@pytest.fixture(scope="session")
def whole_mysql(mysql):
    """The options of a database that holds the whole market: some seconds of loading."""
    with mysql.database() as options:
        load_mysql(options)
        yield options


def pytest_collection_finish():
    """What is there now stays to the end: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter):
    """A skip is easily overlooked, and half of the source's tests would be missing."""
    for reason in (NOT_RUN, site_parts.NOT_RUN):
        left_out = [report for report in terminalreporter.stats.get("skipped", []) if reason in str(report.longrepr)]
        if left_out:
            terminalreporter.write_line(f"{reason}: {len(left_out)} tests", yellow=True)
