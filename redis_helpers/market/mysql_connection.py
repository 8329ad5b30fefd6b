"""Which MySQL the course asks, if any, and a ready connection to it. MariaDB does as well."""

from dataclasses import dataclass, field

import pymysql
from pymysql.constants import ER, FIELD_TYPE
from pymysql.converters import conversions
from pymysql.cursors import DictCursor

from redis_helpers.errors import CourseError
from redis_helpers.settings import host_and_port, read_settings

MYSQL_CONNECT_TIMEOUT = 2  # seconds until a host that does not answer counts as not there
MYSQL_REPLY_TIMEOUT = 20  # seconds until a server that does not answer counts as hung; the heaviest question takes some

# SUM() comes as a Decimal. All our sums are whole numbers, and SQLite gives them as int.
WHOLE_SUMS = {**conversions, FIELD_TYPE.DECIMAL: int, FIELD_TYPE.NEWDECIMAL: int}


@dataclass(frozen=True)
class MysqlOptions:
    """An address and the credentials for it. Its repr leaves the password out."""

    host: str = "127.0.0.1"
    port: int = 3306
    user: str = "learner"
    password: str = field(default="", repr=False)
    database: str = "market"

    @property
    def address(self) -> str:
        """What may be shown: `host:port/database`."""
        host = f"[{self.host}]" if ":" in self.host else self.host  # an IPv6 address
        return f"{host}:{self.port}/{self.database}"


def mysql_options() -> MysqlOptions | None:
    """The MySQL that environment variables or `.env` name, or None while MYSQL_HOST is not set: then SQLite serves.

    MYSQL_PORT, MYSQL_USER, MYSQL_PASSWORD and MYSQL_DATABASE have the defaults of `MysqlOptions`. MYSQL_HOST may hold
    the port too, as `host:port`. What of them comes from which place, `read_settings()` decides.
    Raises CourseError, which names the variable but never its value, when the host or the port is none.
    """
    settings = read_settings()
    if "MYSQL_HOST" not in settings:
        return None
    host, port = host_and_port(settings, "MYSQL", MysqlOptions.port)
    return MysqlOptions(
        host=host,
        port=port,
        user=settings.get("MYSQL_USER", MysqlOptions.user),
        password=settings.get("MYSQL_PASSWORD", ""),
        database=settings.get("MYSQL_DATABASE", MysqlOptions.database),
    )


def connect(options: MysqlOptions, reply_timeout: float = MYSQL_REPLY_TIMEOUT) -> pymysql.Connection:
    """A ready connection, for one thread. TLS is spoken where the server offers it.

    Each statement is its own transaction (autocommit). Without that, the first SELECT would open a snapshot, and all
    later ones would answer from it, however often the price has changed since.

    Raises CourseError, one sentence with the next step, when there is no such server or it does not let us in.
    """
    try:
        return pymysql.connect(
            host=options.host,
            port=options.port,
            user=options.user,
            password=options.password.encode(errors="surrogateescape"),  # PyMySQL would take Latin-1, and no other
            database=options.database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=MYSQL_CONNECT_TIMEOUT,
            read_timeout=reply_timeout,
            write_timeout=reply_timeout,
            conv=WHOLE_SUMS,
        )
    except Exception as error:  # what is no MySQL makes the driver fail in many ways
        raise explain(error, options) from None


def ask(connection: pymysql.Connection, sql: str, *values: object) -> list[dict]:
    """The rows that a statement gives, as dicts. A ? in it stands for a value."""
    with connection.cursor(DictCursor) as cursor:
        cursor.execute(sql.replace("?", "%s"), values)
        return list(cursor.fetchall())


# With these errors the server announces that it closes the connection: it stops, somebody killed it, it was idle.
GOODBYE = (ER.SERVER_SHUTDOWN, 1927, 4031)

# Number of the error, what its message holds (lower case), and our sentence. First match wins.
MYSQL_REASONS = (
    (2003, "refused", "is not there (connection refused): start it (`docker compose --profile mysql up -d`)"),
    (2003, "timed out", "did not answer in time: check MYSQL_HOST, the network, and that the server runs"),
    (2003, "temporary failure", "has a host name that cannot be looked up now: check the network, or MYSQL_HOST"),
    (2003, "not known", "has a host name that is not known: correct MYSQL_HOST"),
    (2003, "nodename nor servname", "has a host name that is not known: correct MYSQL_HOST"),
    (2003, "certificate", "shows a TLS certificate that is not trusted: check MYSQL_HOST, and the certificate"),
    (2003, "", "cannot be reached: check MYSQL_HOST and MYSQL_PORT"),
    (ER.ACCESS_DENIED_ERROR, "", "refused the user or password: check MYSQL_USER and MYSQL_PASSWORD"),
    (ER.BAD_DB_ERROR, "", "has no database of that name: correct MYSQL_DATABASE, or create it"),
    (ER.DBACCESS_DENIED_ERROR, "", "has no such database for this user: correct MYSQL_DATABASE, or grant ALL on it"),
    (ER.TABLEACCESS_DENIED_ERROR, "", "lets this user in, but not do what the course needs: grant ALL on the database"),
    (ER.CON_COUNT_ERROR, "", "has no room for one more client: close notebooks you do not use, and run this again"),
    (1203, "", "has no room for one more client: close notebooks you do not use, and run this again"),
    (1226, "", "has no room for one more client of this user: close notebooks you do not use, and run this again"),
    (ER.NO_SUCH_TABLE, "", "has lost a table of the market: run the lesson's first code cell again, to load it anew"),
    (ER.RECORD_FILE_FULL, "", "has no room left on its disk: make room, and run this again"),
    (ER.DISK_FULL, "", "has no room left on its disk: make room, and run this again"),
    (ER.OPTION_PREVENTS_STATEMENT, "", "takes no changes now (read-only): choose another server in MYSQL_HOST"),
    (2013, "timed out", "was asked, but gave no answer in time: is it MySQL, and is it busy or paused?"),
    *((number, "", "closed the connection: when it runs again, run this again") for number in (2006, 2013, *GOODBYE)),
    (0, "", "was left with close(): run the lesson's first code cell again"),
)


def explain(error: Exception, options: MysqlOptions) -> CourseError:
    """One sentence on what failed: what was tried, what happened, what to do next. Values and passwords stay out."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else -1
    message = str(error).lower()
    for known, part, ours in MYSQL_REASONS:
        if isinstance(error, pymysql.MySQLError) and number == known and part in message:
            return CourseError(f"The MySQL at {options.address} {ours}.")
    if isinstance(error, UnicodeError):
        return CourseError("MYSQL_HOST, MYSQL_USER or MYSQL_DATABASE is no name that there can be: correct it.")
    if isinstance(error, pymysql.MySQLError) and number > 1000:
        return CourseError(f"The MySQL at {options.address} cannot do this ({type(error).__name__} {number}).")
    return CourseError(
        f"What is at {options.address} answers, but not as a MySQL does: correct MYSQL_HOST or MYSQL_PORT."
    )
