"""Roots survive a restart, and a damaged file says what to do."""

import os
from pathlib import Path

import pytest

from schema import ArchiveError, Root, load_roots, save_roots
from schema.roots import find_leftovers


def test_roots_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "roots.json"
    roots = (Root.at("/data/images"), Root("feed", '/data/été "x"'))
    save_roots(path, roots)
    assert load_roots(path) == roots
    assert [entry.name for entry in path.parent.iterdir()] == ["roots.json"]


def test_no_file_means_no_roots(tmp_path: Path) -> None:
    assert load_roots(tmp_path / "roots.json") == ()


def test_the_id_of_a_new_root_depends_on_its_location_alone() -> None:
    assert Root.at("/a").id == Root.at("/a").id != Root.at("/b").id


@pytest.mark.parametrize("text", ["", "{", "[]", '{"roots": [{}]}', '{"roots": 1}'])
def test_a_damaged_file_is_named_with_the_next_step(tmp_path: Path, text: str) -> None:
    path = tmp_path / "roots.json"
    path.write_text(text)
    with pytest.raises(ArchiveError, match=r"roots\.json: not a readable list.*delete it"):
        load_roots(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match=r"roots\.json: cannot be written"):
        save_roots(tmp_path / "file" / "roots.json", [])


def test_a_write_that_fails_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ArchiveError, match="No space left"):
        save_roots(tmp_path / "roots.json", [Root.at("/a")])
    assert list(tmp_path.iterdir()) == []


def test_what_killed_writers_left_is_found_once_it_is_old(tmp_path: Path) -> None:
    save_roots(tmp_path / "roots.json", [Root.at("/a")])
    old, new = tmp_path / "roots.json_old", tmp_path / "roots.json_new"
    for file in (old, new):
        file.touch()
    os.utime(old, (0, 0))
    assert find_leftovers(tmp_path / "roots.json") == [old]


def test_a_root_is_there_while_its_folder_is(tmp_path: Path) -> None:
    root = Root.at(str(tmp_path / "images"))
    assert not root.is_there
    (tmp_path / "images").mkdir()
    assert root.is_there
    assert root.locate("a/b.jpg") == str(tmp_path / "images" / "a" / "b.jpg")
