"""docs/windows.md; `python -m tools.windows_page_for_real` types its lines into a new Linux."""

import re

from redis_helpers.course.start.environment import ROOT
from tools.lock import PYTHONS
from tools.windows_page_for_real import ADDRESS, LAB, PAGE, lines_to_type

TEXT = PAGE.read_text(encoding="utf-8")
# Of a lesson's notebook, or of its modules: that it starts a server of its own.
OWN_SERVER = re.compile(r"\b(?:EmbeddedRedis|EmbeddedCluster)\b")


def test_the_lines_of_the_page_are_found_without_those_for_windows():
    lines = lines_to_type(TEXT)
    assert lines[0] == "sudo apt update"
    assert lines.count(LAB) == 2
    assert [line for line in lines if ADDRESS in line] == [f"git clone {ADDRESS} ~/course"]
    assert not any(line.startswith(("code", "explorer", "wsl", "docker", "py ")) for line in lines)
    assert "code ." in TEXT and "explorer.exe ." in TEXT


def test_lines_are_read_from_indented_blocks_too():
    page = "1. So:\n\n   ```sh\n   one\n   code .\n   ```\n\n```powershell\nwsl\n```\n\n```sh\ntwo\n```\n"
    assert lines_to_type(page) == ["one", "two"]


def test_the_lessons_that_need_a_server_of_their_own_are_named():
    lessons = ROOT / "redis_helpers" / "course" / "lessons"
    places = [*(ROOT / "notebooks").glob("[0-9]*.ipynb"), *lessons.glob("lesson_*.py")]
    places += lessons.glob("scenes/scene_*.py")
    need_one = {
        re.search(r"\d\d", path.name).group() for path in places if OWN_SERVER.search(path.read_text(encoding="utf-8"))
    }
    paragraph = next(part for part in TEXT.split("\n\n") if part.startswith("Lessons "))
    assert set(re.findall(r"\b\d\d\b", paragraph)) == need_one


def test_the_pythons_are_those_of_the_course():
    oldest = PYTHONS[0]
    assert set(re.findall(r"Python (3\.\d+) or newer", TEXT)) == {oldest}
