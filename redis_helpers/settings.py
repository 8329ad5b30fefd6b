"""The settings: environment variables, and below them a `.env` file.

The file is searched from the current folder (a notebook's own) upwards. A variable that is set to nothing counts as
not set. Blanks, and a pair of quotes, around a value are no part of it; of a password they are.

An address and what belongs to it come from one place. As soon as the environment says where Redis is, nothing that the
file says about Redis counts: a password of the file is for the server of the file, and for no other. When REDIS_URL or
REDIS_HOST is in the environment, a mistake in such a line of the file does not matter either. A mistake in any other
line still does, also in one that begins with no name at all: nobody can tell what it is about.
"""

import difflib
import ipaddress
import logging
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from dotenv import find_dotenv

from redis_helpers.env_file import read_env_file
from redis_helpers.errors import CourseError

logger = logging.getLogger(__name__)

# The address of a Redis, and what belongs to it.
REDIS_PLACE = ("REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_TLS")
TLS_FILES = ("REDIS_TLS_CA_FILE", "REDIS_TLS_CERT_FILE", "REDIS_TLS_KEY_FILE")
REDIS_SETTINGS = (*REDIS_PLACE, *TLS_FILES, "REDIS_TLS_VERIFY")
MYSQL_SETTINGS = ("MYSQL_HOST", "MYSQL_PORT", "MYSQL_USER", "MYSQL_PASSWORD", "MYSQL_DATABASE")
OTHERS = ("REDIS_SERVER_BINARY", "REDIS_VERSION", "REDIS_CLUSTER_PORTS", "MYSQL_VERSION")
KNOWN = (*REDIS_SETTINGS, *MYSQL_SETTINGS, *OTHERS)
PASSWORDS = ("REDIS_PASSWORD", "MYSQL_PASSWORD")
OUR_VARIABLES = re.compile("REDIS_|MYSQL_", re.IGNORECASE)

# What other programs call it, without the REDIS_ or MYSQL_ in front.
OTHER_NAMES = {
    "USER": "USERNAME",
    "PASS": "PASSWORD",
    "PWD": "PASSWORD",
    "HOSTNAME": "HOST",
    "SSL": "TLS",
    "DATABASE": "DB",
    "CA_FILE": "TLS_CA_FILE",
}

# The command `lab` sets this for its notebooks: `host:port/db` of the Redis that it has started and put in REDIS_URL.
LAB_REDIS = "COURSE_LAB_REDIS"

CORRECT = "correct it in the environment or in .env"


def read_settings() -> dict[str, str]:
    """Every variable of `.env`, overridden by those of the environment.

    The file's settings for Redis are left out when the environment names a Redis: by REDIS_URL, by REDIS_HOST, or by
    REDIS_PORT while the file names no host and no port that it could go with. Those for MySQL are left out when the
    environment has MYSQL_HOST.

    Raises CourseError, which names the file and the line but not its text, when `.env` cannot be read.
    """
    environment = _from_environment()
    complete = "REDIS_URL" in environment or "REDIS_HOST" in environment
    from_file = _from_file(unused=REDIS_SETTINGS if complete else ())
    if _names_a_redis(environment, from_file):
        from_file = _without(REDIS_SETTINGS, from_file)
    if "MYSQL_HOST" in environment:
        from_file = _without(MYSQL_SETTINGS, from_file)
    return {**from_file, **environment}


def setting(name: str) -> str | None:
    """One variable of `read_settings()`, or None when it is not set."""
    return read_settings().get(name)


def lab_redis() -> str | None:
    """`host:port/db` of the Redis that the command `lab` has started for this notebook, or None."""
    return os.environ.get(LAB_REDIS) or None


def _names_a_redis(environment: Mapping[str, str], from_file: Mapping[str, str]) -> bool:
    if "REDIS_URL" in environment or "REDIS_HOST" in environment:
        return True
    file_has_parts = "REDIS_URL" not in from_file and ("REDIS_HOST" in from_file or "REDIS_PORT" in from_file)
    return "REDIS_PORT" in environment and not file_has_parts


def _without(names: tuple[str, ...], settings: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if name not in names}


def _from_environment() -> dict[str, str]:
    found = {}
    for name, text in os.environ.items():
        if _set_by_a_platform(name, text):
            say_once(
                f"{name} is passed over: Kubernetes or Docker set it for a service of that name, not you. "
                f"To use that service, set {name.partition('_')[0]}_HOST."
            )
            continue
        value = _cleaned(name, text)
        if name in PASSWORDS:
            value = value.rstrip("\r\n")  # a secret that came out of a file often brings the end of its line along
        if name in TLS_FILES:
            value = _found_upwards(value)
        if value:
            found[name] = value
    if _is_of_the_lab(found.get("REDIS_URL", "")):  # complete in itself, whatever else is set
        return {**_without(REDIS_SETTINGS, found), "REDIS_URL": found["REDIS_URL"]}
    return found


def _from_file(unused: tuple[str, ...]) -> dict[str, str]:
    """What `.env` says; where a line with one of the `unused` names is wrong, that line is left out."""
    try:
        path = find_dotenv(usecwd=True)
    except OSError:  # the current folder is gone
        return {}
    if not path:
        return {}
    found = {}
    variables = read_env_file(path, OUR_VARIABLES, unused)
    for name, text in variables.items():
        meant = _meant_by(name)
        if meant and meant not in variables:
            say_once(f"{path} sets {name}, which the course does not read: is {meant} meant?")
        value = _cleaned(name, text)
        if _is_a_path(name, value):
            value = os.path.join(os.path.dirname(path), os.path.expanduser(value))
        if value:
            found[name] = value
    return found


def _set_by_a_platform(name: str, text: str) -> bool:
    """Kubernetes and Docker links set REDIS_PORT=tcp://10.0.0.1:6379 in every container beside a service `redis`."""
    return name in ("REDIS_PORT", "MYSQL_PORT") and re.match(r"\s*(tcp|udp|sctp)://", text) is not None


def _is_of_the_lab(url: str) -> bool:
    place = lab_redis()
    return place is not None and url.endswith(f"@{place}")


def _cleaned(name: str, text: str) -> str:
    if name in PASSWORDS or not OUR_VARIABLES.match(name):
        return text
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text


def _is_a_path(name: str, value: str) -> bool:
    if name in TLS_FILES:
        return value != ""
    if name == "REDIS_HOST":
        return is_socket_path(value)
    return name == "REDIS_SERVER_BINARY" and ("/" in value or os.sep in value)  # otherwise the name of a program


def _found_upwards(value: str) -> str:
    """A relative path of the environment, looked for from the current folder upwards, as `.env` is."""
    value = os.path.expanduser(value)
    if not value or os.path.isabs(value):
        return value
    try:
        current = Path.cwd()
    except OSError:  # it is gone
        return value
    for folder in (current, *current.parents):
        if (folder / value).is_file():
            return str(folder / value)
    return value


def _meant_by(name: str) -> str | None:
    """The variable of the course that a misspelt one stands for, or None: it is right, or somebody else's."""
    if not OUR_VARIABLES.match(name) or name in KNOWN:
        return None
    server, _, rest = name.upper().partition("_")
    usual = f"{server}_{OTHER_NAMES.get(rest, rest)}"
    close = [usual] if usual in KNOWN else difflib.get_close_matches(usual, KNOWN, n=1, cutoff=0.88)
    return close[0] if close else None


@cache
def say_once(line: str) -> None:
    """Logs a warning, which a program without settings for logging shows on its standard error, once in a process."""
    logger.warning(line)


# What stands in a variable


def number(text: str, name: str, wanted: str, least: int, most: int) -> int:
    """The whole number that `text` is. Raises CourseError, which names the variable, when it is none in that range."""
    if text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most:
        return int(text)
    raise CourseError(f"{name} needs {wanted}: {CORRECT}.")


def yes_or_no(settings: Mapping[str, str], name: str, default: bool) -> bool:
    """What a variable says, or `default` when it is not set. Raises CourseError when it is neither yes nor no."""
    if name not in settings:
        return default
    text = settings[name].lower()
    if text in ("1", "yes", "y", "true", "on"):
        return True
    if text in ("0", "no", "n", "false", "off"):
        return False
    raise CourseError(f"{name} needs yes or no: {CORRECT}.")


def is_socket_path(text: str) -> bool:
    """Whether REDIS_HOST holds the path of a unix socket instead of a host's name."""
    return text.startswith(("/", "~", "./", "../"))


def host_and_port(settings: Mapping[str, str], server: str, default_port: int) -> tuple[str, int]:
    """The host and the port that REDIS_HOST and REDIS_PORT name, or those of MYSQL when `server` is "MYSQL".

    REDIS_HOST may hold both: `box:6380`, `[::1]:6380`. An IPv6 address alone needs no brackets.
    Raises CourseError, which names the variable but not its value, when they cannot be understood.
    """
    host_name, port_name = f"{server}_HOST", f"{server}_PORT"
    wanted = "a port from 1 to 65535"
    host, port_of_host = _split(settings.get(host_name, "127.0.0.1"), host_name)
    port = number(settings.get(port_name, str(default_port)), port_name, wanted, 1, 65535)
    if port_of_host is None:
        return host, port
    also = number(port_of_host, host_name, f"{wanted} behind its colon", 1, 65535)
    if port_name in settings and port != also:
        raise CourseError(f"{host_name} names a port, and {port_name} another one: keep one of them.")
    return host, also


def _split(text: str, name: str) -> tuple[str, str | None]:
    if "://" in text:
        better = "write it in REDIS_URL, or" if name == "REDIS_HOST" else "write"
        raise CourseError(f"{name} holds a whole URL: {better} only the name of the host there.")
    bracketed = re.fullmatch(r"\[(?P<host>[^\[\]]*)\](?::(?P<port>.*))?", text)
    host, port = text, None
    if bracketed:
        host, port = bracketed["host"], bracketed["port"]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    is_ipv6 = _is_ipv6(host)
    is_name = re.fullmatch(r"[^\s:/\\@?#\[\]'\"]+", host) is not None
    if not is_ipv6 and (bracketed or not is_name):
        raise CourseError(f"{name} needs the name or the address of a host, such as localhost: {CORRECT}.")
    return host, port


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False
