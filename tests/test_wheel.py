"""The take-home wing alone: what `pip install .` brings, in an environment that holds nothing else."""

import ast
import importlib.metadata
import json
import os
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser

import pytest
from packaging.requirements import Requirement

from redis_helpers.course.start.environment import ROOT
from tests.support.wheels import wheel_of_installed, wheel_of_the_course

PACKAGE = ROOT / "redis_helpers"
TAKE_HOME = sorted(PACKAGE.glob("*.py"))
TWO_PACKAGES = {"redis", "python-dotenv"}
SAMPLE = """
from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.redis_repository import RedisRepository

redis_conn = RedisConnectionHandle().connect()
repo = RedisRepository(redis_conn)
repo.insert_ex("foo", "bar", 10)                    # string with expiry
repo.insert_hash_ex("user:1", "name", "Alice", 30)  # hash field, TTL on the hash
print(repo.get("foo"))                              # bar
print(repo.get_hash("user:1", "name"))              # Alice
"""
CACHE = """
from redis_helpers.cache_aside import CacheAside

loads = []

def load():
    loads.append("the source was asked")
    return {"a": 1}

for _ in range(2):
    print(CacheAside(redis_conn).get_or_load("k", load, 10), len(loads))
"""
# Every module that this process has imported, with its file.
IMPORTED = """
import json, sys
print(json.dumps({name: getattr(module, "__file__", None) for name, module in sys.modules.items()}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return wheel_of_the_course(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def empty_environment(wheel, tmp_path_factory):
    """The Python of an environment with the wheel and the two packages that it asks for, installed by pip."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv", symlinks=os.name != "nt")
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    for name in TWO_PACKAGES | asked_for_by("redis"):
        wheel_of_installed(name, folder)
    command = [sys.executable, "-m", "pip", "--isolated", "--python", str(python), "install", "--no-index"]
    command += ["--no-compile", "--find-links", str(folder), str(wheel)]
    subprocess.run(command, env=without_pip_settings(), check=True, capture_output=True)
    return python


def asked_for_by(name):
    """What a package asks for on this Python: redis-py, a back-port before Python 3.11.3."""
    asked = [Requirement(text) for text in importlib.metadata.requires(name) or []]
    return {found.name for found in asked if found.marker is None or found.marker.evaluate({"extra": ""})}


def without_pip_settings():
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull}


def run_there(python, program, folder, **settings):
    """What the program prints in that environment, in a folder where nothing of the course is."""
    ran = subprocess.run(
        [str(python), "-c", program],
        cwd=folder,
        env={**without_pip_settings(), "PYTHONUTF8": "1", **settings},
        capture_output=True,
        encoding="utf-8",
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_wheel_asks_for_two_packages_and_no_more(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    wanted = [text for text in metadata.get_all("Requires-Dist") if "extra ==" not in text]
    assert sorted(text.split(">")[0].split("<")[0].strip() for text in wanted) == ["python-dotenv", "redis"]
    assert {"course", "test"} <= set(metadata.get_all("Provides-Extra"))


def test_the_wheel_says_that_it_is_typed(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert "redis_helpers/py.typed" in archive.namelist()


def test_the_environment_holds_the_wheel_and_its_two_packages_only(empty_environment):
    site_packages = run_there(empty_environment, "import sysconfig; print(sysconfig.get_path('purelib'))", "/").strip()
    names = {found.name for found in importlib.metadata.distributions(path=[site_packages])}
    assert names == {"redis-cell-by-cell"} | TWO_PACKAGES | asked_for_by("redis")


def test_the_sample_and_the_cache_run_with_nothing_but_the_two_packages(
    empty_environment, server, redis_conn, tmp_path
):
    program = SAMPLE + CACHE + IMPORTED
    *printed, modules = run_there(empty_environment, program, tmp_path, REDIS_URL=server.url).splitlines()
    assert printed == ["bar", "Alice", "{'a': 1} 1", "{'a': 1} 1"]  # the source was asked once
    assert 0 < redis_conn.ttl("foo") <= 10
    assert 0 < redis_conn.ttl("user:1") <= 30

    imported = json.loads(modules)
    ours = {name for name in imported if name.split(".")[0] == "redis_helpers"}
    assert {"redis_helpers.connection", "redis_helpers.cache_aside"} <= ours
    assert not any(name.startswith(("redis_helpers.course", "redis_helpers.market")) for name in ours)
    others = {name.split(".")[0] for name, file in imported.items() if file and "site-packages" in file}
    of_redis_py = {name.replace("-", "_") for name in asked_for_by("redis")}
    assert others - of_redis_py == {"redis_helpers", "redis", "dotenv"}


@pytest.mark.parametrize("command", ["lab", "test", "doctor", "redis", "load-test"])
def test_the_commands_say_that_the_lessons_are_not_there(empty_environment, tmp_path, command):
    before = sorted(empty_environment.parents[1].rglob("*"))
    ran = subprocess.run(
        [str(empty_environment), "-B", "-m", "redis_helpers", command],
        cwd=tmp_path,
        env=without_pip_settings(),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert ran.stderr.strip() == (
        "The lessons are not here, only the package: clone the course, and start this in its folder."
    )
    assert sorted(empty_environment.parents[1].rglob("*")) == before


def test_no_file_to_take_home_imports_the_course_or_the_market():
    """One is allowed to, in one function: what starts the embedded server when no server is named."""
    found = {(path.name, name, where) for path in TAKE_HOME for name, where in imports_of(path)}
    outside = {one for one in found if one[1].startswith(("redis_helpers.course", "redis_helpers.market"))}
    outside = {(file, where) for file, _, where in outside if file != "__main__.py"}
    assert outside <= {("connection.py", "embedded_server")}


def test_the_market_imports_nothing_of_the_course():
    files = sorted((PACKAGE / "market").rglob("*.py"))
    assert files
    for path in files:
        assert not [name for name, _ in imports_of(path) if name.startswith("redis_helpers.course")], path


def test_an_import_is_found_wherever_it_stands(tmp_path):
    file = tmp_path / "example.py"
    file.write_text(
        "import a\nfrom b.c import d\nif TYPE_CHECKING:\n    import types_only\ndef f():\n    import e\n"
        "class C:\n    def g(self):\n        from h import i\ntry:\n    import j\nexcept ImportError:\n    pass\n"
    )
    found = {("a", ""), ("b.c", ""), ("b.c.d", ""), ("e", "f"), ("h", "g"), ("h.i", "g"), ("j", "")}
    assert set(imports_of(file)) == found


def imports_of(path):
    """Each name that the file imports, with the function in which it does ("": at import time)."""
    return list(_imports(ast.parse(path.read_text(encoding="utf-8")), ""))


def _imports(node, function):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue  # only for a type checker
        if isinstance(child, ast.Import):
            yield from ((alias.name, function) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            module = child.module or ""
            yield module, function
            yield from ((f"{module}.{alias.name}", function) for alias in child.names)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _imports(child, child.name)
        else:
            yield from _imports(child, function)
