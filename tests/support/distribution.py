"""Which worker of pytest-xdist runs which tests, and in which order."""

import random
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable

from xdist.scheduler import LoadGroupScheduling

TESTS_TOGETHER = 30  # a file with more is run in parts, by several workers at a time
OTHERS_TO_A_PART = 5  # how many units of other files stand between two parts of the largest one, after the lessons


class FilesTogether(LoadGroupScheduling):
    """As `--dist loadgroup`, but the tests of a file run in one worker, which makes what they share only once."""

    _unit_of: dict[str, str] | None = None

    def schedule(self) -> None:
        """Is called when every worker has collected the tests."""
        if self._unit_of is None:
            self._unit_of = units_of(next(iter(self.registered_collections.values())))
            super().schedule()
            self.workqueue = OrderedDict((unit, self.workqueue[unit]) for unit in in_order(self.workqueue))
        else:
            super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        assert self._unit_of is not None
        return self._unit_of[nodeid]


def units_of(nodeids: Iterable[str]) -> dict[str, str]:
    """The unit of each test: what one worker runs, one after the other.

    It is the test's `xdist_group`, whose name xdist has put behind an @, or else its file, or a part of its file.
    """
    units = {}
    seen: Counter[str] = Counter()
    for nodeid in nodeids:
        if nodeid.rfind("@") > nodeid.rfind("]"):  # an @ within the brackets is a parameter's
            units[nodeid] = nodeid.rpartition("@")[2]
        else:
            file = nodeid.partition("::")[0]
            units[nodeid] = f"{file} part {seen[file] // TESTS_TOGETHER}"
            seen[file] += 1
    return units


def in_order(units: Collection[str]) -> list[str]:
    """The groups first, some of which take longest, then the lessons, and at last the files, mixed as in each run.

    Lessons, and files that are neighbours, wait for the same things. Parts of the largest file, which compute, stand
    between them all. The rest of it comes last: each part is short, so that no worker waits long for another one.
    """
    parts = Counter(_file_of(unit) for unit in units)
    largest = max(parts, key=lambda file: parts[file], default="")
    fillers = [unit for unit in units if _file_of(unit) == largest]
    lessons = [unit for unit in units if unit.startswith("notebooks/")]
    groups = [unit for unit in units if _file_of(unit) == unit]
    placed = {*fillers, *lessons, *groups}
    files = [unit for unit in units if unit not in placed]
    random.Random(1).shuffle(files)
    ordered = []
    for number, unit in enumerate([*groups, *lessons, *files]):
        ordered.append(unit)
        if fillers and (unit in lessons or number % OTHERS_TO_A_PART == 0):
            ordered.append(fillers.pop())
    return ordered + fillers


def _file_of(unit: str) -> str:
    return unit.partition(" part ")[0]
