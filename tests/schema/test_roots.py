"""Roots survive a restart, and a damaged file says what to do."""

from pathlib import Path

import pytest

from schema import ArchiveError, Root, load_roots, save_roots


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
