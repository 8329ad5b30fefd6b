"""Errors in a notebook: one sentence where that says enough, and those that a lesson expects."""

import re

import nbformat
import pytest
import redis
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.notebook.errors_shown import expect_error
from redis_helpers.errors import CourseError


def test_an_expected_error_is_one_line(capsys):
    with expect_error(CourseError, "NEXT"):
        raise CourseError("Do this next.")
    assert capsys.readouterr().out == "CourseError, as expected: Do this next.\n"


def test_no_error_or_another_message_fails_and_another_kind_passes_through():
    with pytest.raises(AssertionError, match="nothing was raised"), expect_error(CourseError):
        pass
    with pytest.raises(AssertionError, match="but says: other"), expect_error(CourseError, "this"):
        raise CourseError("other")
    with pytest.raises(ZeroDivisionError), expect_error(CourseError):
        raise ZeroDivisionError


def test_only_the_shell_that_asked_for_it_is_changed():
    asked, other = InteractiveShell(), InteractiveShell()
    try:
        asked.run_line_magic("load_ext", "redis_helpers.course.notebook")
        assert asked.custom_exceptions == (redis.RedisError,)
        assert other.custom_exceptions == ()
        assert not hasattr(redis.RedisError, "_render_traceback_")
    finally:
        for shell in (asked, other):
            shell.history_manager.end_session()


# In a real kernel
SETUP = """\
import asyncio, os, signal, socket
import redis
from redis_helpers.errors import CourseError
from redis_helpers.connection import RedisConnectionHandle
%load_ext redis_helpers.course.notebook
redis_conn = RedisConnectionHandle().connect()
redis_conn.set("text", "uva")
"""
# A process that was killed takes a moment to go; the cells below are to find it gone.
KILL = """\
address = RedisConnectionHandle().options
os.kill(redis_conn.info("server")["process_id"], signal.SIGKILL)
redis_conn.close()
while True:
    try:
        socket.create_connection((address.host, address.port)).close()
    except ConnectionRefusedError:
        break
"""
GONE = "ConnectionError: Redis is gone (connection refused): start it, then run the connect cell again."

# The cell, and what it shows in place of a traceback.
ONE_SENTENCE = {
    "a command": ('redis_conn.get("text")', GONE),
    "within a function": ('def ask():\n    return redis_conn.get("text")\n\nask()', GONE),
    "with output before it": ('print("before")\nredis_conn.get("text")', GONE),
    "awaited": ('await asyncio.to_thread(redis_conn.get, "text")', GONE),
    "raised from another": (
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n"
        '    raise redis.TimeoutError("Timeout reading") from error',
        "TimeoutError: Redis did not answer in time (is it busy or paused?), so the command may have run or not: "
        "look first, then run it again.",
    ),
    "while another is handled": ('try:\n    1 / 0\nexcept ZeroDivisionError:\n    redis_conn.get("text")', GONE),
    "a subclass": (
        'raise redis.exceptions.ReadOnlyError("You can\'t write against a read only replica.")',
        "ReadOnlyError: Redis is a replica, which takes no writes: set REDIS_HOST (or REDIS_URL) to its primary.",
    ),
    "a CourseError": ('raise CourseError("Do this next.")', "CourseError: Do this next."),
    "a CourseError from another": (
        'try:\n    redis_conn.get("text")\nexcept redis.RedisError as error:\n    raise CourseError("So.") from error',
        "CourseError: So.",
    ),
    "a CourseError awaited": (
        'async def ask():\n    await asyncio.sleep(0)\n    raise CourseError("So.")\n\nawait ask()',
        "CourseError: So.",
    ),
    "the magic": ("%%redis\nGET text", f"CourseError: {GONE.removeprefix('ConnectionError: ')}"),
    "the magic called by code": (
        'print("before")\nget_ipython().run_cell_magic("redis", "", "FLUSHALL")\nprint("after")',
        "CourseError: FLUSHALL is not run here: it touches every key, also those of others on this server; "
        "find your own with SCAN, delete them with UNLINK.",
    ),
}
# The cell, and the line that its traceback must show. These run while the server is there.
TRACEBACK = {
    "WRONGTYPE": ('redis_conn.lpush("text", 1)', 'redis_conn.lpush("text", 1)'),
    "a value that redis-py does not send": ('redis_conn.set("text", [1])', 'redis_conn.set("text", [1])'),
    "an error of the learner's": ("1 / 0", "1 / 0"),
    "another error, raised from one of redis-py": (
        "try:\n    raise redis.ConnectionError\nexcept redis.RedisError as error:\n"
        '    raise ValueError("mine") from error',
        'raise ValueError("mine") from error',
    ),
}
in_one_kernel = pytest.mark.xdist_group("errors_shown")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What each cell shows in a kernel."""
    before = [source for source, _ in TRACEBACK.values()]
    after = [source for source, _ in ONE_SENTENCE.values()]
    cells = [new_code_cell(source) for source in [SETUP, *before, KILL, *after, 'print("still here")']]
    notebook = new_notebook(cells=cells)
    folder = tmp_path_factory.mktemp("notebook")
    with EmbeddedRedis() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDIS_URL", server.url)
        NotebookClient(notebook, allow_errors=True, resources={"metadata": {"path": str(folder)}}).execute()
        assert server.password not in nbformat.writes(notebook)
    return {cell.source: cell.outputs for cell in cells}


def error_of(outputs):
    """The one error of a cell, as the lines that it shows without colours."""
    (error,) = [output for output in outputs if output.output_type == "error"]
    return [line for part in error.traceback for line in COLOUR.sub("", part).splitlines()]


@in_one_kernel
@pytest.mark.parametrize(("source", "sentence"), ONE_SENTENCE.values(), ids=ONE_SENTENCE)
def test_a_notebook_shows_one_sentence_and_stops_the_cell(shown, source, sentence):
    assert error_of(shown[source]) == [sentence]


@in_one_kernel
@pytest.mark.parametrize(("source", "line"), TRACEBACK.values(), ids=TRACEBACK)
def test_where_the_learners_line_is_to_blame_the_traceback_stays(shown, source, line):
    lines = error_of(shown[source])
    assert len(lines) > 3
    assert any("->" in each and line in each for each in lines)


@in_one_kernel
def test_the_kernel_goes_on_and_no_cell_ran_to_its_end(shown):
    outputs = [output for cell in shown.values() for output in cell]
    assert [output.text for output in outputs if output.output_type == "stream"] == [
        "before\n",
        "before\n",
        "still here\n",
    ]
