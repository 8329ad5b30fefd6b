"""What is reset in a forked child: everything that lives, whatever the rest of it does."""

import gc
import os

import pytest

from redis_helpers.after_fork import reset_in_forked_children
from tests.support.forks import in_forked_child

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


class Counts:
    """Counts how often it was reset."""

    def __init__(self):
        self.resets = 0
        reset_in_forked_children(self)

    def reset_after_fork(self):
        self.resets += 1


class Equal(Counts):
    """Each one equals every other."""

    def __eq__(self, other):
        return isinstance(other, Equal)

    def __hash__(self):
        return 1


class WithoutHash(Counts):
    __hash__ = None


class Fails(Counts):
    def reset_after_fork(self):
        raise RuntimeError("its own trouble")


def test_all_that_live_are_reset_once_in_the_child_and_none_in_the_parent():
    things = [kind() for kind in (Counts, Equal, WithoutHash) for _ in range(3)]
    reset_in_forked_children(things[0])  # a second time
    assert in_forked_child(lambda: [thing.resets for thing in things]) == [1] * 9
    assert [thing.resets for thing in things] == [0] * 9


def test_one_that_cannot_be_reset_is_logged_and_does_not_stop_the_others(caplog):
    before = [Counts() for _ in range(5)]
    failing = [Fails() for _ in range(2)]
    after = [Counts() for _ in range(5)]
    resets, logged = in_forked_child(lambda: ([thing.resets for thing in before + after], caplog.messages))
    assert resets == [1] * 10
    assert logged == ["a Fails was not reset in a forked child (RuntimeError)"] * len(failing)


def test_what_nobody_holds_any_more_is_forgotten():
    names = []

    class Named(Counts):
        def reset_after_fork(self):
            names.append("gone")

    Named()
    gc.collect()
    assert in_forked_child(lambda: names) == []
