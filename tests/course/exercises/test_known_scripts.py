"""The scripts that a function can name by their SHA1 alone."""

import hashlib
import sys
from types import ModuleType

import redis

from redis_helpers.course.exercises.known_scripts import scripts_known_to


def sha1(text):
    return hashlib.sha1(text.encode()).hexdigest()


def compiled(source, name="answer"):
    """A function of a module of its own, as a notebook's is."""
    module = ModuleType("answers")
    exec(source, module.__dict__)
    return module.__dict__[name]


def test_texts_in_the_function_in_its_helpers_and_beside_them(redis_conn):
    module = "SCRIPT = 'return 1'\ndef helper():\n    return 'return 2'\n"
    function = compiled(module + "def answer(conn):\n    inside = lambda: 'return 3'\n    return helper(), SCRIPT\n")
    function.__globals__["registered"] = redis_conn.register_script("return 4")
    known = scripts_known_to(function)
    for number in (1, 2, 3, 4):
        assert known[sha1(f"return {number}")] == f"return {number}".encode()
    assert isinstance(function.__globals__["registered"], redis.commands.core.Script)


def test_texts_in_a_closure():
    script = "return 5"

    def answer(conn):
        return script

    assert sha1("return 5") in scripts_known_to(answer)


def test_what_is_no_function_and_what_is_no_text():
    assert scripts_known_to(print) == {}
    function = compiled("half = '\\ud800'\ndef answer(conn):\n    return half\n")
    assert scripts_known_to(function)
    assert sys.getsizeof(function) > 0
