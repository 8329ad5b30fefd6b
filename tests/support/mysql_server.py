"""A private, real MariaDB server for the tests: on loopback, on a free port, with a data folder of its own."""

import contextlib
import getpass
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pymysql

from redis_helpers.market.mysql_connection import MysqlOptions
from tests.support.servers import free_port, wait_until

# A running server for the tests instead, as mysql://root:password@host:port. That user creates databases and users.
TEST_URL = os.environ.get("MYSQL_TEST_URL", "")
PASSWORD = "hush-mysql ü'\"%"
NOT_RUN = "no MySQL server here: the MySQL tests did not run (install mariadb-server, or set MYSQL_TEST_URL)"


def _share_one_context() -> None:
    """The connections of the tests share what TLS needs: to make it reads all trusted certificates, in 40 ms."""
    create = pymysql.Connection._create_ssl_ctx
    context = create(pymysql.Connection(defer_connect=True), {})
    pymysql.Connection._create_ssl_ctx = lambda self, options: create(self, options) if options else context


_share_one_context()


def program(name: str) -> str | None:
    """Where this program is. Debian keeps servers in a folder that is not in everybody's PATH."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which(name, path=path)


def server_to_be_had() -> bool:
    """Whether the MySQL tests can run: a server is named, or MariaDB is installed.

    MySQL's own program is not tried: under Ubuntu's AppArmor it may not write into a folder of ours.
    """
    return bool(TEST_URL or program("mariadbd"))


class PrivateMysql:
    """Starts, kills and restarts one server. When it is not `private`, that of MYSQL_TEST_URL is used, and no more.

    With the files of a `certificate` and its key, it offers TLS, as MySQL does by itself.
    """

    def __init__(self, folder: Path, private: bool, certificate: tuple[str, str] | None = None) -> None:
        self.folder = folder
        self._tls: list[str] = []
        if certificate:
            for file, option in zip(certificate, ("ssl-cert", "ssl-key"), strict=True):
                self._tls.append(f"--{option}={shutil.copy(file, folder)}")
        self._process: subprocess.Popen | None = None
        self._connection: pymysql.Connection | None = None  # root's
        if private:
            self.root = MysqlOptions(port=free_port(), user="root", password=PASSWORD, database="")
        else:
            url = urlsplit(TEST_URL)
            secret = unquote(url.password or "")
            self.root = MysqlOptions(url.hostname, url.port or 3306, unquote(url.username or "root"), secret, "")

    def start(self) -> None:
        """Starts the server, the first time with a new data folder, and waits until it answers."""
        data, log = self.folder / "data", self.folder / "server.log"
        # A server that root starts becomes the user "mysql", as which it cannot enter root's folders.
        user = "mysql" if os.geteuid() == 0 else getpass.getuser()
        basic = ["--no-defaults", f"--datadir={data}", f"--user={user}"]
        with open(log, "ab") as output:
            if not data.exists():
                data.mkdir()
                setup = self.folder / "setup.sql"
                setup.write_text(f"ALTER USER root@localhost IDENTIFIED BY '{_quoted(PASSWORD)}';", encoding="utf-8")
                if os.geteuid() == 0:
                    shutil.chown(self.folder, user)
                    shutil.chown(data, user)
                command = [program("mariadb-install-db"), *basic, "--skip-test-db"]
                command.append("--auth-root-authentication-method=normal")
                subprocess.run(command, stdout=output, stderr=output, check=True, timeout=120)
                basic.append(f"--init-file={setup}")
            self._process = subprocess.Popen(
                [
                    program("mariadbd"),
                    *basic,
                    *self._tls,
                    f"--port={self.root.port}",
                    "--bind-address=127.0.0.1",
                    f"--socket={self.folder / 's'}",
                    f"--pid-file={self.folder / 'pid'}",
                    "--character-set-server=utf8mb4",
                    "--innodb-flush-log-at-trx-commit=0",  # a test's data need not survive a power cut
                ],
                stdout=output,
                stderr=output,
            )
        assert wait_until(self._answers, 60), log.read_text(errors="replace")[-2000:]

    def kill(self) -> None:
        """Ends it as the OOM killer would."""
        self._disconnect()
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ends it, if it is ours."""
        self._disconnect()
        if self._process:
            self.kill()

    def execute(self, sql: str, *values: object) -> list[tuple]:
        """Runs one statement as the server's root, and returns its rows."""
        if self._connection is None:
            self._connection = self._connect()
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return list(cursor.fetchall())

    @contextlib.contextmanager
    def database(self) -> Iterator[MysqlOptions]:
        """An empty database, and a user who may do everything in it and nothing elsewhere. Both go away afterwards."""
        name = f"market_{secrets.token_hex(4)}"
        self.execute(f"CREATE DATABASE {name}")
        self.execute(f"CREATE USER {name}@'%%' IDENTIFIED BY %s", PASSWORD)
        self.execute(f"GRANT ALL ON {name}.* TO {name}@'%'")
        try:
            yield MysqlOptions(self.root.host, self.root.port, name, PASSWORD, name)
        finally:
            self.execute(f"DROP DATABASE {name}")
            self.execute(f"DROP USER {name}@'%'")

    def _connect(self) -> pymysql.Connection:
        root = self.root
        secret = root.password.encode()
        return pymysql.connect(host=root.host, port=root.port, user=root.user, password=secret, autocommit=True)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.folder / "server.log").read_text(errors="replace")[-2000:]
        with contextlib.suppress(pymysql.MySQLError):
            return self.execute("SELECT 1") == [(1,)]
        return False


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "''")


@contextlib.contextmanager
def mysql_server(private: bool = not TEST_URL, certificate: tuple[str, str] | None = None) -> Iterator[PrivateMysql]:
    """A running server in a short-lived folder. Its path is short, because a socket's path must be."""
    with tempfile.TemporaryDirectory(prefix="mysql-") as folder:
        server = PrivateMysql(Path(folder), private, certificate)
        if private:
            server.start()
        try:
            yield server
        finally:
            server.stop()
