"""Which functions count as not attempted, with the source at hand (a notebook, a file) and without it (`exec`)."""

import functools
import itertools
import linecache

import pytest

from redis_helpers.course.exercises.untouched import is_untouched
from tests.support.kernel import kernel_in

STUB = "import json\n\n\ndef f(redis_conn, key):\n    return redis_conn.set(key, ...)"
UNTOUCHED = {
    "the stub": STUB,
    "another layout": "def f(redis_conn, key):\n    # think!\n    return redis_conn.set(\n  key,\n  ...,\n )",
    "annotated": 'def f(redis_conn, key: str) -> bool:\n    """My answer."""\n    return redis_conn.set(key, ...)',
    "idle lines": "def f(redis_conn, key):\n    ...\n    pass\n    return",
    "pass": "def f(redis_conn, key):\n    pass",
    "a docstring": 'def f(redis_conn, key):\n    """My answer."""',
    "None": "def f(redis_conn, key):\n    'later'\n    return None",
    "other parameters": "def f(*anything):\n    pass",
    "a lambda": "f = lambda redis_conn, key: None",
    "nothing that is reached": "def f(redis_conn, key):\n    return\n    redis_conn.set(key, 1)",
}
ATTEMPTED = {
    "another value": "def f(redis_conn, key):\n    return redis_conn.set(key, 1)",
    "False": "def f(redis_conn, key):\n    return False",
    "an exception": "def f(redis_conn, key):\n    raise NotImplementedError",
    "another command": "def f(redis_conn, key):\n    return redis_conn.get(key, ...)",
    "nothing returned": "def f(redis_conn, key):\n    redis_conn.set(key, ...)",
    "parameters in another order": "def f(redis_conn, key):\n    return key.set(redis_conn, ...)",
    "a lambda": "f = lambda redis_conn, key: redis_conn.set(key, 1)",
    "one line more": "def f(redis_conn, key):\n    key = key.upper()\n    return redis_conn.set(key, ...)",
    "a parameter": "def f(redis_conn, key):\n    return key",
}
RENAMED = "def f(conn, name):\n    return conn.set(name, ...)"

_numbers = itertools.count()


def without_source(source):
    names = {}
    exec(source, names)
    return names["f"]


def with_source(source):
    """As a kernel does it: Python finds the text of a cell by its made-up file name."""
    name = f"<cell {next(_numbers)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    names = {}
    exec(compile(source, name, "exec"), names)
    return names["f"]


@pytest.mark.parametrize("made", [with_source, without_source])
class TestBothWays:
    @pytest.mark.parametrize("source", UNTOUCHED.values(), ids=UNTOUCHED)
    def test_untouched(self, made, source):
        assert is_untouched(made(source), STUB)

    @pytest.mark.parametrize("source", ATTEMPTED.values(), ids=ATTEMPTED)
    def test_attempted(self, made, source):
        assert not is_untouched(made(source), STUB)


def test_the_names_of_parameters_do_not_matter():
    assert is_untouched(with_source(RENAMED), STUB)


def test_a_function_within_a_block_and_under_a_decorator():
    source = "import functools\nif True:\n    @functools.lru_cache\n    def g(a):\n        pass\n    f = g.__wrapped__"
    assert is_untouched(with_source(source), STUB)


def test_a_wrapper_is_judged_by_what_it_does_itself():
    source = "import functools\ndef g(a): pass\n@functools.wraps(g)\ndef f(*a):\n    return g(*a) or 1"
    assert not is_untouched(with_source(source), STUB)


@pytest.mark.parametrize("thing", [None, 3, print, dict, functools.partial(print)])
def test_what_is_no_function(thing):
    assert not is_untouched(thing, STUB)


def test_in_a_notebook(tmp_path):
    """The same sources in cells of a real kernel, one of them timed by a magic."""
    with kernel_in(tmp_path) as kernel:
        kernel.run("from redis_helpers.course.exercises.untouched import is_untouched")
        answers = {}
        for source in [*UNTOUCHED.values(), RENAMED, *ATTEMPTED.values()]:
            kernel.run(source)
            (output,) = kernel.run(f"print(is_untouched(f, {STUB!r}))")
            answers[source] = output["text"] == "True\n"
        kernel.run(f"%%time\n{UNTOUCHED['idle lines']}")
        (timed,) = kernel.run(f"print(is_untouched(f, {STUB!r}))")
    untouched = {source for source, answer in answers.items() if answer}
    assert untouched == {*UNTOUCHED.values(), RENAMED}
    assert timed["text"] == "True\n"
