"""Reading one file, and what stands beside it."""

import os
from pathlib import Path

import pytest

from ingest.reading import read_file
from ingest.walk import FoundFile
from ingest.worklist import WorkItem
from schema import ImageUnreadable, Root, SkipReason, content_hash

IMAGE = b"\xff\xd8\xff\xe0" + b"a JPEG as far as the eye can see........."
"""What starts as a JPEG does."""


def item(folder: Path, path: str = "a.jpg") -> WorkItem:
    return WorkItem(Root.at(str(folder)), FoundFile(path, 0, 0, 0))


def test_a_file_is_read_with_the_facts_it_has_now(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(IMAGE)
    found = read_file(item(tmp_path))
    facts, file = path.stat(), found.file
    assert (found.data, found.sidecar) == (IMAGE, b"")
    assert file.content == content_hash(IMAGE)
    assert (file.size_bytes, file.mtime_ns, file.inode) == (
        len(IMAGE),
        facts.st_mtime_ns,
        facts.st_ino,
    )
    assert abs(file.read_ns - facts.st_mtime_ns) < 60e9


def test_a_fifo_in_the_place_of_a_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(ImageUnreadable) as refusal:
        read_file(item(tmp_path))
    assert refusal.value.reason is SkipReason.NOT_AN_IMAGE


@pytest.mark.parametrize("path", ["gone.jpg", "a.jpg/below.jpg"])
def test_a_file_that_is_gone_has_vanished(tmp_path: Path, path: str) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(ImageUnreadable) as refusal:
        read_file(item(tmp_path, path))
    assert refusal.value.reason is SkipReason.VANISHED


def test_a_file_beyond_the_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.reading.MAX_FILE_BYTES", 4)
    (tmp_path / "a.jpg").write_bytes(IMAGE)
    with pytest.raises(ImageUnreadable, match=f"{len(IMAGE)} bytes, the limit is 4") as refusal:
        read_file(item(tmp_path))
    assert refusal.value.reason is SkipReason.TOO_LARGE


def test_a_sidecar_is_read_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(IMAGE)
    (tmp_path / "a.xmp").write_bytes(b"<xmp/>")
    with_sidecar = WorkItem(Root.at(str(tmp_path)), FoundFile("a.jpg", 0, 0, 0, "a.xmp", 1))
    assert read_file(with_sidecar).sidecar == b"<xmp/>"


def test_a_sidecar_that_is_gone_costs_only_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(IMAGE)
    with_sidecar = WorkItem(Root.at(str(tmp_path)), FoundFile("a.jpg", 0, 0, 0, "a.xmp", 1))
    assert read_file(with_sidecar).sidecar == b""


def test_a_huge_file_of_another_kind_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        file.write(b"\x7fELF")
        # Sparse: to read it whole would take as much memory as the file says it has.
        file.truncate(1 << 42)
    found = read_file(item(tmp_path))
    assert found.refusal is not None
    assert found.refusal.reason is SkipReason.NOT_AN_IMAGE
    assert (found.data, found.file.content, found.file.size_bytes) == (b"", "", 1 << 42)
    assert found.file.read_ns > 0


def test_an_empty_file_is_known_at_sight(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    refusal = read_file(item(tmp_path)).refusal
    assert refusal is not None
    assert refusal.reason is SkipReason.EMPTY


def test_a_file_of_endless_zeros_is_no_regular_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("/dev/zero")
    with pytest.raises(ImageUnreadable) as refusal:
        read_file(item(tmp_path))
    assert refusal.value.reason is SkipReason.NOT_AN_IMAGE


def test_a_file_that_grows_while_it_is_read_is_read_to_the_size_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(IMAGE)
    fstat = os.fstat

    def grow_after(handle: int) -> os.stat_result:
        facts = fstat(handle)
        path.write_bytes(IMAGE * 2)
        return facts

    monkeypatch.setattr(os, "fstat", grow_after)
    assert read_file(item(tmp_path)).data == IMAGE


def test_a_file_that_shrinks_while_it_is_read_is_hashed_as_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(IMAGE * 2)
    fstat = os.fstat

    def shrink_after(handle: int) -> os.stat_result:
        facts = fstat(handle)
        path.write_bytes(IMAGE)
        return facts

    monkeypatch.setattr(os, "fstat", shrink_after)
    found = read_file(item(tmp_path))
    assert (found.data, found.file.content) == (IMAGE, content_hash(IMAGE))
