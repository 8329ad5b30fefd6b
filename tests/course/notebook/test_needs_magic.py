"""`%%needs`: a cell that runs only where its commands are there."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from redis_helpers.course.notebook import load_ipython_extension
from redis_helpers.course.notebook.needs_magic import why_left_out


@pytest.fixture
def shell(redis_conn):
    shell = InteractiveShell()
    load_ipython_extension(shell)
    shell.push({"redis_conn": redis_conn})
    return shell


def test_a_cell_runs_where_its_commands_are_there(shell, capsys):
    assert shell.run_cell("%%needs SET, CONFIG GET\nnumber = 3\nprint('done', number)").success
    assert "done 3" in capsys.readouterr().out
    assert shell.user_ns["number"] == 3


def test_a_cell_of_raw_commands_runs(shell, capsys):
    assert shell.run_cell("%%needs PING\n%%redis\nPING").success
    assert "PONG" in capsys.readouterr().out


def test_a_cell_is_left_out_in_one_line(shell, capsys):
    assert shell.run_cell("%%needs GET, NOSUCH\nnumber = 3\nprint('done')").success
    assert capsys.readouterr().out == "Left out: This server does not know NOSUCH.\n"
    assert "number" not in shell.user_ns


def test_an_error_of_the_cell_ends_it(shell, capsys):
    result = shell.run_cell("%%needs GET\n1 / 0")
    assert not result.success
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_without_a_client_it_says_what_to_do(shell, capsys):
    del shell.user_ns["redis_conn"]
    assert not shell.run_cell("%%needs GET\n1").success
    assert "run the notebook's connect cell first" in capsys.readouterr().out


def test_why_left_out(redis_conn):
    assert why_left_out(redis_conn, "GET, SET") is None
    assert why_left_out(redis_conn, "NOSUCH") == "Left out: This server does not know NOSUCH."
