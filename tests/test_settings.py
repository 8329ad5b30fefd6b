"""The settings: the environment over `.env`, and what is said of a file that cannot be read."""

import os

import pytest

from redis_helpers.errors import CourseError
from redis_helpers.settings import read_settings, setting


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A course folder with a notebooks folder in it, where we are."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


def test_a_dotenv_file_is_found_from_the_notebooks_folder_upwards(folder):
    (folder / ".env").write_text("REDIS_HOST=above\n")
    assert setting("REDIS_HOST") == "above"
    (folder / "notebooks" / ".env").write_text("REDIS_HOST=beside\n")
    assert setting("REDIS_HOST") == "beside"


def test_the_environment_goes_over_the_file(folder, monkeypatch):
    (folder / ".env").write_text("REDIS_PORT=1111\nREDIS_DB=3\n")
    monkeypatch.setenv("REDIS_PORT", "2222")
    assert (setting("REDIS_PORT"), setting("REDIS_DB")) == ("2222", "3")


def test_a_variable_set_to_nothing_is_not_set(folder, monkeypatch):
    (folder / ".env").write_text("REDIS_PORT=1111\nREDIS_DB=\nREDIS_HOST\n")
    monkeypatch.setenv("REDIS_PORT", "")
    assert setting("REDIS_PORT") == "1111"
    assert setting("REDIS_DB") is None
    assert setting("REDIS_HOST") is None


@pytest.mark.parametrize("stronger", ["REDIS_URL", "REDIS_HOST"])
def test_an_address_in_the_environment_replaces_the_files_whole_address(folder, monkeypatch, stronger):
    (folder / ".env").write_text("REDIS_URL=redis://file\nREDIS_HOST=file\n")
    monkeypatch.setenv(stronger, "mine")
    address = {name: value for name, value in read_settings().items() if name.startswith("REDIS_")}
    address.pop("REDIS_SERVER_BINARY", None)  # chosen for a whole test run, and no address
    assert address == {stronger: "mine"}


def test_quotes_comments_references_and_a_byte_order_mark_are_understood(folder):
    lines = ["REDIS_HOST=box # a comment", 'REDIS_PASSWORD="a # b\'c"', "REDIS_URL=redis://${REDIS_HOST}:7000", ""]
    (folder / ".env").write_text("\n".join(lines), encoding="utf-8-sig")
    assert setting("REDIS_HOST") == "box"
    assert setting("REDIS_PASSWORD") == "a # b'c"
    assert setting("REDIS_URL") == "redis://box:7000"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"REDIS_DB=1\nREDIS_PASSWORD='hush\n", "Line 2 of"),
        (b"REDIS_DB=1\n\nhush hush\n", "Line 3 of"),
        (b"REDIS_PASSWORD=hush\xff\n", "not UTF-8"),
    ],
)
def test_a_broken_file_is_refused_by_name_without_its_content(folder, content, words):
    (folder / ".env").write_bytes(content)
    with pytest.raises(CourseError) as caught:
        read_settings()
    message = str(caught.value)
    assert words in message
    assert str(folder / ".env") in message
    assert "hush" not in message


def test_reading_changes_nothing_in_the_environment(folder):
    (folder / ".env").write_text("REDIS_HOST=file\n")
    before = dict(os.environ)
    read_settings()
    assert dict(os.environ) == before
