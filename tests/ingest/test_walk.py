"""What a walk yields, passes over, and cannot look at."""

import os
from pathlib import Path

import pytest

from ingest.names import compile_excluded
from ingest.scopes import Scope
from ingest.walk import FoundFile, Unwalkable, walk
from schema import Root, SkipReason


def touch(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")


def found(folder: Path, *, exclude: tuple[str, ...] = (), **scope: object) -> list[str]:
    return [item.path for item in walk_all(folder, exclude, **scope)]


def walk_all(
    folder: Path, exclude: tuple[str, ...] = (), **scope: object
) -> list[FoundFile | Unwalkable]:
    wanted = Scope(Root.at(str(folder)), **scope)  # type: ignore[arg-type]
    return list(walk(wanted, compile_excluded(exclude)))


def test_files_come_by_name_before_the_folders_beside_them(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "a.jpg", "a/2.jpg", "a/1.jpg", "B/x.jpg", "a/z/y.jpg")
    assert found(tmp_path) == ["a.jpg", "b.jpg", "B/x.jpg", "a/1.jpg", "a/2.jpg", "a/z/y.jpg"]


def test_size_date_and_inode_are_those_of_the_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    facts = (tmp_path / "a.jpg").stat()
    assert walk_all(tmp_path) == [FoundFile("a.jpg", 1, facts.st_mtime_ns, facts.st_ino)]


def test_only_names_of_other_kinds_of_files_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "a.JPG", "b.Jpeg", "c.TXT", "d", "e.pdf", "jpg", "f.tar.webp", "g.unheard-of")
    assert found(tmp_path) == ["a.JPG", "b.Jpeg", "d", "f.tar.webp", "g.unheard-of", "jpg"]


def test_hidden_and_junk_entries_are_passed_over(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "ok.jpg",
        ".hidden.jpg",
        "._ok.jpg",
        ".git/a.jpg",
        "@eaDir/a.jpg",
        "x/.thumbnails/a.jpg",
        "__MACOSX/a.jpg",
        "$recycle.bin/a.jpg",
        "lost+found/a.jpg",
    )
    assert found(tmp_path) == ["ok.jpg"]


def test_a_hidden_root_is_walked(tmp_path: Path) -> None:
    touch(tmp_path, ".private/a.jpg")
    assert found(tmp_path / ".private") == ["a.jpg"]


def test_a_pattern_without_a_slash_excludes_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "raw/a.jpg", "x/raw/b.jpg", "raw.jpg", "x/draw.jpg")
    assert found(tmp_path, exclude=("raw", "d*.jpg")) == ["raw.jpg"]


def test_a_pattern_with_a_slash_excludes_by_path(tmp_path: Path) -> None:
    touch(tmp_path, "x/raw/b.jpg", "y/raw/b.jpg", "y/c.jpg")
    assert found(tmp_path, exclude=("x/raw",)) == ["y/c.jpg", "y/raw/b.jpg"]
    assert found(tmp_path, exclude=("*/raw/",)) == ["y/c.jpg"]


def test_a_part_of_a_root_is_walked_with_paths_from_the_root(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/1.jpg", "a/2.jpg", "c.jpg")
    assert found(tmp_path, sub="a/b") == ["a/b/1.jpg"]
    assert found(tmp_path, only="a/2.jpg") == ["a/2.jpg"]


def test_a_nested_root_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/1.jpg", "a/bc/2.jpg")
    assert found(tmp_path, leave_out=("a/b",)) == ["a/bc/2.jpg"]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    assert found(tmp_path) == ["self", "a/1.jpg"]


def test_a_linked_folder_is_not_entered(tmp_path: Path) -> None:
    touch(tmp_path, "root/1.jpg", "outside/2.jpg")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    assert found(tmp_path / "root") == ["1.jpg"]


def test_a_linked_file_counts_once(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg")
    (tmp_path / "a.jpg").symlink_to("b.jpg")
    assert found(tmp_path) == ["b.jpg"]


def test_a_link_to_a_file_outside_the_root_counts_with_the_facts_of_its_target(
    tmp_path: Path,
) -> None:
    touch(tmp_path, "root/x.txt", "outside/b.jpg")
    (tmp_path / "root" / "a.jpg").symlink_to(tmp_path / "outside" / "b.jpg")
    [file] = walk_all(tmp_path / "root")
    assert isinstance(file, FoundFile)
    assert (file.path, file.size_bytes) == ("a.jpg", 1)


def test_a_link_into_a_hidden_store_counts(tmp_path: Path) -> None:
    touch(tmp_path, ".annex/objects/b.jpg")
    (tmp_path / "a.jpg").symlink_to(".annex/objects/b.jpg")
    assert found(tmp_path) == ["a.jpg"]


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    items = walk_all(tmp_path)
    assert [item.path for item in items] == ["a.jpg", "loop.jpg"]
    for item in items:
        assert isinstance(item, Unwalkable)
        assert (item.reason, item.is_folder) == (SkipReason.UNREADABLE, False)
        assert "leads nowhere" in item.detail


def test_fifos_and_folders_with_the_name_of_an_image_are_no_images(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    touch(tmp_path, "folder.jpg/a.jpg")
    assert found(tmp_path) == ["folder.jpg/a.jpg"]


def test_an_unreadable_folder_is_named_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a/1.jpg", "b/2.jpg")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("/a"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    items = walk_all(tmp_path)
    assert [item.path for item in items] == ["a", "b/2.jpg"]
    assert isinstance(items[0], Unwalkable)
    assert items[0].is_folder


def test_a_root_that_vanished_is_unknown_not_empty(tmp_path: Path) -> None:
    [item] = walk_all(tmp_path / "gone")
    assert isinstance(item, Unwalkable)
    assert (item.path, item.is_folder) == ("", True)


def test_a_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).write_bytes(b"x")
    [item] = walk_all(tmp_path)
    assert isinstance(item, Unwalkable)
    assert item.reason is SkipReason.NAME_NOT_UTF8


def test_a_path_longer_than_a_row_holds_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.walk.MAX_PATH_BYTES", 10)
    touch(tmp_path, "1234/6.jpg", "1234/67.jpg")
    items = walk_all(tmp_path)
    assert [type(item).__name__ for item in items] == ["FoundFile", "Unwalkable"]
    assert isinstance(items[1], Unwalkable)
    assert items[1].reason is SkipReason.PATH_TOO_LONG
    assert "11 bytes, the limit is 10" in items[1].detail


def test_folders_nested_too_deep_for_the_system_are_named(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(25):
            os.mkdir("d" * 200, dir_fd=here)
            below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)
    touch(tmp_path, "a.jpg")
    items = walk_all(tmp_path)
    assert items[0].path == "a.jpg"
    assert isinstance(items[1], Unwalkable)
    assert (items[1].reason, items[1].is_folder) == (SkipReason.PATH_TOO_LONG, True)
