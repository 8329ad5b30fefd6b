"""A home folder that is not there, not writable, or not set."""

import os

import pytest

from redis_helpers.course.start import home_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="HOME is Unix'")


@pytest.mark.parametrize("home", ["", "relative", "/nonexistent", "/proc", "/dev/null"])
def test_one_that_cannot_be_used_is_replaced(monkeypatch, tmp_path, home):
    monkeypatch.setenv("HOME", home)
    assert not home_folder.home_folder_is_usable()
    home_folder.choose_home_folder(tmp_path / "data" / "home")
    assert os.environ["HOME"] == str(tmp_path / "data" / "home")
    assert (tmp_path / "data" / "home").stat().st_mode & 0o777 == 0o700
    assert home_folder.home_folder_is_usable()


def test_one_that_can_be_used_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    home_folder.choose_home_folder(tmp_path / "data" / "home")
    assert os.environ["HOME"] == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_made_where_it_can_be(tmp_path):
    assert home_folder.can_be_written(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").touch()
    assert not home_folder.can_be_written(tmp_path / "file" / "folder")
