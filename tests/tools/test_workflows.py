"""GitHub's workflows: what runs there is named exactly, limited, and one run at a time for each branch."""

import re
import shlex

import pytest
import yaml  # comes with JupyterLab

from redis_helpers.course.start.environment import ROOT
from tools.lock import PYTHONS

PATHS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in PATHS}
JOBS = {f"{name} {key}": job for name, workflow in WORKFLOWS.items() for key, job in workflow["jobs"].items()}
# owner/name, or owner/name/folder, at a commit's full hash, and the version that it is.
PINNED = re.compile(r"[\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
# `python3 -m tools.figures`, `.venv/bin/python -m redis_helpers test`
MODULE = re.compile(r"python3? -m ((?:tools|redis_helpers)[\w.]*)")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_the_hash_of_a_commit(path):
    used = re.findall(r"^\s*(?:- )?uses:\s*(.+?)\s*$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


def test_one_action_has_one_version():
    used = {action for path in PATHS for action in re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))}
    assert len(used) == len({action.partition("@")[0] for action in used}), sorted(used)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_reads_only_and_has_one_run_a_branch(name):
    """A job that publishes asks for more by itself."""
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    assert "cancel-in-progress" in workflow["concurrency"]


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_job_has_a_limit_and_leaves_no_password_of_git_behind(job):
    assert 5 <= job["timeout-minutes"] <= 240
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_the_commands_of_the_course_that_a_job_runs_exist(job):
    commands = "\n".join(step.get("run", "") for step in job["steps"])
    for module in MODULE.findall(commands):
        place = ROOT.joinpath(*module.split("."))
        assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), module
    for word in shlex.split(commands, comments=True):
        if word.startswith(".ci/"):
            assert (ROOT / word).is_file(), word


def test_every_python_that_packages_are_pinned_for_is_tried():
    matrix = WORKFLOWS["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]
    assert tuple(matrix["python"]) == PYTHONS
    assert {entry["os"] for entry in matrix["include"]} == {"macos-latest"}
    assert {entry["python"] for entry in matrix["include"]} <= set(PYTHONS)
