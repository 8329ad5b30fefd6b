"""The file that remembers what was passed: where it is, that it loses nothing, and what is said when it cannot."""

import fnmatch
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from redis_helpers.course.exercises import progress_file
from redis_helpers.course.exercises.catalog import exercises
from redis_helpers.course.exercises.progress_file import (
    progress_path,
    read,
    read_passed,
    remember_answered,
    remember_left_out,
    remember_passed,
    remember_plan,
    section,
)
from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError
from tests.support.servers import wait_until

TODAY = "%Y-%m-%d"


@pytest.fixture
def file():
    """The file that the tests use, which is not there yet."""
    path = progress_path()
    assert not path.exists()
    return path


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A copy of the course's folders, and no setting that names another file."""
    monkeypatch.delenv(progress_file.VARIABLE)
    (tmp_path / "course" / "notebooks" / "mine").mkdir(parents=True)
    (tmp_path / "course" / "data").mkdir()
    (tmp_path / "course" / "notebooks" / "00_start_here.ipynb").write_text("{}")
    return tmp_path / "course"


class TestWhere:
    @pytest.mark.parametrize("folder", [".", "notebooks", "notebooks/mine", "data"])
    def test_beside_the_notebooks_from_every_folder_of_the_course(self, folder, course, monkeypatch):
        monkeypatch.chdir(course / folder)
        assert progress_path() == course / "notebooks" / "cell-by-cell-progress.json"

    def test_beside_the_notebooks_of_the_package_from_anywhere_else(self, course, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(progress_file, "CHECKOUT", course)
        assert progress_path() == course / "notebooks" / "cell-by-cell-progress.json"

    def test_the_package_of_this_clone_lies_beside_its_notebooks(self):
        assert progress_file.CHECKOUT == ROOT

    def test_in_the_current_folder_where_there_are_no_lessons(self, course, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(progress_file, "CHECKOUT", tmp_path / "site-packages")
        assert progress_path() == tmp_path / "cell-by-cell-progress.json"

    def test_an_installed_package_finds_the_notebooks_that_it_is_used_in(self, course, tmp_path):
        """The package lies elsewhere, as after `pip install .`"""
        elsewhere = tmp_path / "site-packages"
        elsewhere.mkdir()
        package = Path(progress_file.__file__).parents[2]
        subprocess.run(["cp", "-r", str(package), str(elsewhere)], check=True)
        code = (
            "from redis_helpers.course.exercises import progress_file as p; p.remember_passed('1.2'); print(p.CHECKOUT)"
        )
        environment = {**os.environ, "PYTHONPATH": str(elsewhere)}
        used = subprocess.run(
            [sys.executable, "-c", code], cwd=course / "notebooks", env=environment, capture_output=True, text=True
        )
        assert used.stdout.strip() == str(elsewhere), used.stderr
        assert "1.2" in (course / "notebooks" / "cell-by-cell-progress.json").read_text()

    def test_a_current_folder_that_was_deleted(self, course, tmp_path, monkeypatch):
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        monkeypatch.setattr(progress_file, "CHECKOUT", course)
        assert progress_path() == course / "notebooks" / "cell-by-cell-progress.json"
        monkeypatch.chdir(tmp_path)

    def test_another_file_by_an_environment_variable(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv(progress_file.VARIABLE, "~/mine/progress.json")
        remember_passed("1.2")
        assert list(json.loads((tmp_path / "mine" / "progress.json").read_text())["passed"]) == ["1.2"]

    def test_git_ignores_it_and_what_is_made_beside_it(self):
        names = [progress_file.FILE_NAME, f".{progress_file.FILE_NAME}.lock", f".{progress_file.FILE_NAME}.new"]
        patterns = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
        for name in names:
            assert any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns), name


class TestWhatIsWritten:
    def test_the_first_day_stays(self, file):
        assert read_passed() == {}
        remember_passed("1.2")
        assert read_passed() == {"1.2": time.strftime(TODAY)}
        file.write_text('{"passed": {"1.2": "2020-02-20"}}')
        remember_passed("1.2")
        remember_passed("1.3")
        assert read_passed() == {"1.2": "2020-02-20", "1.3": time.strftime(TODAY)}

    def test_what_a_newer_course_has_added_stays(self, file):
        file.write_text('{"passed": {"1.2": "2020-02-20"}, "seen": ["1.3"]}')
        remember_passed("1.4")
        assert json.loads(file.read_text())["seen"] == ["1.3"]

    def test_parts_that_are_not_there_are_empty(self, file):
        assert read() == {"passed": {}}
        file.write_text('{"passed": {}, "review": {"1.2": 3}, "plan": "on Friday"}')
        assert section(read(), "review") == {"1.2": 3}
        assert section(read(), "answered") == section(read(), "plan") == {}

    @pytest.mark.parametrize(
        ("remember", "name"),
        [(remember_answered, "answered"), (remember_left_out, "left_out"), (remember_plan, "plan")],
    )
    def test_a_part_in_the_form_of_a_newer_course_is_not_written_over(self, remember, name, file):
        content = json.dumps({"passed": {"1.2": "2020-02-20"}, name: ["1.3"]})
        file.write_text(content)
        with pytest.raises(CourseError, match=f'"{name}" has a form that this course does not know. Take the newest'):
            remember("1.4")
        assert file.read_text() == content
        remember_passed("1.5")
        assert json.loads(file.read_text())[name] == ["1.3"]

    def test_the_first_answer_counts_and_the_last_plan(self, file):
        file.write_text(
            '{"passed": {}, "answered": {"1.2": "2020-02-20"}, "plan": {"text": "once", "day": "2020-02-20"}}'
        )
        remember_answered("1.2")
        remember_plan("on Friday")
        assert read()["answered"] == {"1.2": "2020-02-20"}
        assert read()["plan"] == {"text": "on Friday", "day": time.strftime(TODAY)}

    def test_a_mark_that_windows_editors_leave_does_no_harm(self, file):
        file.write_text('{"passed": {"1.2": "2020-02-20"}}', encoding="utf-8-sig")
        assert read_passed() == {"1.2": "2020-02-20"}

    def test_a_link_stays_a_link(self, file, tmp_path):
        target = tmp_path / "kept elsewhere.json"
        target.write_text('{"passed": {}}')
        file.symlink_to(target)
        remember_passed("1.2")
        assert file.is_symlink()
        assert "1.2" in target.read_text()

    def test_many_threads_lose_nothing(self, file):
        names = [f"{lesson}.{number}" for lesson in range(10) for number in range(4)]
        threads = [threading.Thread(target=remember_passed, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(read_passed()) == names

    def test_processes_that_write_together_lose_nothing(self, file):
        """Each waits until all are there; then each writes its own entries."""
        code = (
            "import os, sys; from redis_helpers.course.exercises.progress_file import remember_passed\n"
            "sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.readline()\n"
            "for number in range(30): remember_passed(f'{sys.argv[1]}.{number}')"
        )
        processes = [
            subprocess.Popen([sys.executable, "-c", code, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for name in "abc"
        ]
        for process in processes:
            assert process.stdout.readline() == b"ready\n"
        for process in processes:
            process.stdin.write(b"go\n")
            process.stdin.flush()
        for process in processes:
            process.communicate()
            assert process.returncode == 0
        assert sorted(read_passed()) == sorted(f"{name}.{number}" for name in "abc" for number in range(30))

    def test_a_writer_killed_at_any_moment_leaves_a_whole_file(self, file):
        remember_passed("1.2")
        code = (
            "from redis_helpers.course.exercises.progress_file import remember_passed\n"
            "print('ready', flush=True)\n"
            "for number in range(100_000): remember_passed(f'9.{number}')"
        )
        for entries in (1, 10, 25):
            writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
            assert writer.stdout.readline() == b"ready\n"
            assert wait_until(lambda wanted=entries: len(read_passed()) > wanted)
            writer.kill()
            writer.communicate()
            before = read_passed()
            assert "1.2" in before
            remember_passed(f"after {entries}")  # the lock of the dead is free, and its unfinished file is no hindrance
            assert read_passed().keys() == {*before, f"after {entries}"}


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        "content", ["", "{", "null", "[]", '"1.2"', '{"passed": 3}', '{"1.2": "2020-02-20"}', "[" * 100_000]
    )
    def test_a_broken_file_is_left_as_it_is(self, content, file):
        file.write_text(content)
        for action in (read_passed, lambda: remember_passed("1.2")):
            with pytest.raises(CourseError, match="does not hold what the course wrote there: mend it, or delete it"):
                action()
        assert file.read_text() == content

    def test_a_file_that_is_no_text(self, file):
        file.write_bytes(b"\xff\xfe\x00{")
        with pytest.raises(CourseError, match="does not hold what the course wrote there"):
            remember_passed("1.2")

    def test_a_folder_in_its_place(self, file):
        file.mkdir()
        with pytest.raises(CourseError, match="does not hold what the course wrote there"):
            remember_passed("1.2")

    def test_a_pipe_in_its_place_is_not_waited_for(self, file):
        os.mkfifo(file)
        with pytest.raises(CourseError, match="does not hold what the course wrote there"):
            remember_passed("1.2")

    def test_a_folder_that_cannot_be_made(self, tmp_path, monkeypatch):
        (tmp_path / "a file").write_text("")
        monkeypatch.setenv(progress_file.VARIABLE, str(tmp_path / "a file" / "progress.json"))
        with pytest.raises(CourseError, match="name another file in COURSE_PROGRESS_FILE"):
            remember_passed("1.2")

    def test_a_file_system_that_takes_no_files(self, monkeypatch):
        monkeypatch.setenv(progress_file.VARIABLE, "/proc/progress.json")
        assert read_passed() == {}
        with pytest.raises(CourseError, match=r"/proc/progress.json cannot be written \(.+\)\. Check its permissions"):
            remember_passed("1.2")

    def test_a_read_only_file_is_respected_and_asked_only_when_something_is_new(self, file, monkeypatch):
        file.write_text('{"passed": {"1.2": "2020-02-20"}}')
        file.chmod(0o444)
        # The administrator, as whom tests run in a container, may write everywhere: then the system would say yes.
        monkeypatch.setattr(os, "access", lambda path, mode: bool(Path(path).stat().st_mode & 0o200))
        remember_passed("1.2")
        with pytest.raises(CourseError, match="it is read-only"):
            remember_passed("1.3")
        assert read_passed() == {"1.2": "2020-02-20"}

    def test_a_lock_that_is_never_given_back_is_not_waited_for_for_ever(self, file, monkeypatch):
        monkeypatch.setattr(progress_file, "LOCK_TIMEOUT", 0.05)
        with progress_file._locked(file), pytest.raises(CourseError, match="another kernel keeps the file"):
            remember_passed("1.2")
        remember_passed("1.2")
        assert list(read_passed()) == ["1.2"]


def test_the_tests_do_not_write_into_the_file_of_the_developer(file):
    assert ROOT not in file.parents
    assert os.environ[progress_file.VARIABLE] == str(file)


def test_every_exercise_can_be_written_down(file):
    for exercise_id in exercises():
        remember_passed(exercise_id)
    assert list(read_passed()) == list(exercises())
