"""A lesson as a user with few rights, on a server that others use: it runs, and says what it left out."""

from redis_helpers.course.embedded import find_server_binary
from redis_helpers.course.notebook.redis_magic import run_cell
from redis_helpers.course.start.environment import ROOT
from tests.support.users import client_of
from tools.server_matrix import USERS, run_user


def test_a_lesson_runs_with_few_rights_among_the_keys_of_others():
    first = [ROOT / "notebooks" / "00_start_here.ipynb"]
    row = run_user("few rights", USERS["few rights"], first, find_server_binary())
    assert row.outcomes == {"00_start_here": "ran, 1 left out"}
    assert row.left_out == {"Left out: the number of the server's process. This user may not run INFO."}


def test_a_raw_cell_prints_a_refusal_as_a_reply_and_goes_on(any_server, any_conn, capsys):
    with client_of(any_server, "~cell-by-cell:*", "+@all", "-eval") as user:
        run_cell(user, 'EVAL "return 1" 0\nSET somebody-elses 1\nSET cell-by-cell:ours 1')
    refused, foreign, stored = capsys.readouterr().out.splitlines()
    assert refused.startswith("(error) NOPERM") and "eval" in refused
    assert foreign.startswith("(error) NOPERM") and "key" in foreign
    assert stored == "OK"
    assert any_conn.keys() == ["cell-by-cell:ours"]
