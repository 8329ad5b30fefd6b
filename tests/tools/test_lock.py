"""requirements.txt, which `python -m tools.lock` writes: whole, and in agreement with pyproject.toml."""

import importlib.metadata
import re
import tomllib

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from redis_helpers.course.start.environment import REQUIREMENTS, ROOT
from tools import lock
from tools.lock import SITE_REQUIREMENTS, beside

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SYSTEMS = {
    "Linux": {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64"},
    "Linux on ARM": {
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_system": "Linux",
        "platform_machine": "aarch64",
    },
    "Mac on ARM": {
        "sys_platform": "darwin",
        "os_name": "posix",
        "platform_system": "Darwin",
        "platform_machine": "arm64",
    },
    "Mac on Intel": {
        "sys_platform": "darwin",
        "os_name": "posix",
        "platform_system": "Darwin",
        "platform_machine": "x86_64",
    },
    "Windows": {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64"},
}
MACHINES = [
    {"python_version": python, "python_full_version": f"{python}.{patch}", "implementation_name": "cpython"}
    | {"platform_python_implementation": "CPython", "implementation_version": f"{python}.{patch}", "extra": ""}
    | system
    for python in lock.PYTHONS
    for patch in (0, 9)
    for system in SYSTEMS.values()
]


def lines(lock=REQUIREMENTS):
    """What a lock pins, without comments."""
    without = [line.split("#")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines()]
    return [line for line in without if line]


def pins_on(machine):
    """Name and pin of each line that applies to a machine."""
    found = [Requirement(line) for line in lines()]
    there = [pin for pin in found if pin.marker is None or pin.marker.evaluate(machine)]
    names = [canonicalize_name(pin.name) for pin in there]
    assert len(names) == len(set(names)), f"pinned twice on {machine}"
    return dict(zip(names, there, strict=True))


def version_of(pin):
    return str(pin.specifier).removeprefix("==")


def wanted(machine):
    """What pyproject.toml names for the course and its tests."""
    extras = PROJECT["optional-dependencies"]
    found = [Requirement(text) for text in [*PROJECT["dependencies"], *extras["course"], *extras["test"]]]
    return [one for one in found if one.marker is None or one.marker.evaluate(machine)]


def test_every_line_pins_one_version():
    assert len(lines()) > 100
    for line in lines():
        pin = Requirement(line)
        assert re.fullmatch(r"==[\w.!+]+", str(pin.specifier)), line
        assert pin.url is None


@pytest.mark.parametrize("lock", [REQUIREMENTS, SITE_REQUIREMENTS], ids=["course", "site"])
def test_no_line_says_where_packages_come_from(lock):
    assert "://" not in lock.read_text(encoding="utf-8")
    assert not [line for line in lines(lock) if line.startswith("-")]


def test_what_the_site_needs_is_pinned_beside_what_a_learner_installs():
    """Within the bounds of pyproject.toml, and with no package that the course pins already."""
    pins = [Requirement(line) for line in lines(SITE_REQUIREMENTS)]
    assert {str(pin.specifier)[:2] for pin in pins} == {"=="}
    names = {canonicalize_name(pin.name) for pin in pins}
    assert not names & {canonicalize_name(Requirement(line).name) for line in lines()}
    for text in PROJECT["optional-dependencies"]["site"]:
        one = Requirement(text)
        found = [pin for pin in pins if canonicalize_name(pin.name) == canonicalize_name(one.name)]
        assert found, one
        assert all(one.specifier.contains(version_of(pin)) for pin in found)


def test_the_lines_beside_another_lock():
    lock = "attrs==26.1\nfuro==2025.12.19\nsphinx==9.0.4 ; python_version < '3.12'\n"
    assert beside(lock, "attrs==26.1\n    # via jsonschema\n") == lock.replace("attrs==26.1\n", "")


@pytest.mark.parametrize(
    "machine",
    MACHINES,
    ids=lambda machine: f"{machine['python_full_version']}-{machine['sys_platform']}-{machine['platform_machine']}",
)
def test_what_the_project_names_is_pinned_within_its_bounds(machine):
    pins = pins_on(machine)
    for one in wanted(machine):
        pin = pins.get(canonicalize_name(one.name))
        assert pin is not None, one
        assert one.specifier.contains(version_of(pin)), f"{pin} is not within {one}"


def test_what_the_pinned_packages_need_is_pinned_too():
    """On this machine, for every pinned package that is installed here at its pinned version."""
    machine = {**default_environment(), "extra": ""}
    pins = pins_on(machine)
    looked_at = 0
    for name, pin in pins.items():
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if distribution.version != version_of(pin):
            continue
        looked_at += 1
        for text in distribution.requires or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate(machine):
                assert canonicalize_name(need.name) in pins, f"{name} needs {need}"
                assert need.specifier.contains(version_of(pins[canonicalize_name(need.name)]), prereleases=True)
    assert looked_at > 50


def test_the_take_home_wing_is_bounded_on_both_sides():
    names = {}
    for text in PROJECT["dependencies"]:
        one = Requirement(text)
        names[one.name] = {specifier.operator for specifier in one.specifier}
    assert names == {"redis": {">=", "<"}, "python-dotenv": {">=", "<"}}
