"""Reading one file, and what stands beside it."""

import os
from pathlib import Path

import pytest

from ingest.reading import read_file
from ingest.walk import FoundFile
from ingest.worklist import WorkItem
from schema import ImageUnreadable, Root, SkipReason, content_hash


def item(folder: Path, path: str = "a.jpg") -> WorkItem:
    return WorkItem(Root.at(str(folder)), FoundFile(path, 0, 0, 0))


def test_a_file_is_read_with_the_facts_it_has_now(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"bytes")
    found = read_file(item(tmp_path))
    facts, file = path.stat(), found.file
    assert (found.data, found.sidecar) == (b"bytes", b"")
    assert file.content == content_hash(b"bytes")
    assert (file.size_bytes, file.mtime_ns, file.inode) == (5, facts.st_mtime_ns, facts.st_ino)
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
    (tmp_path / "a.jpg").write_bytes(b"12345")
    with pytest.raises(ImageUnreadable, match="5 bytes, the limit is 4") as refusal:
        read_file(item(tmp_path))
    assert refusal.value.reason is SkipReason.TOO_LARGE


def test_a_sidecar_is_read_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"bytes")
    (tmp_path / "a.xmp").write_bytes(b"<xmp/>")
    with_sidecar = WorkItem(Root.at(str(tmp_path)), FoundFile("a.jpg", 0, 0, 0, "a.xmp", 1))
    assert read_file(with_sidecar).sidecar == b"<xmp/>"


def test_a_sidecar_that_is_gone_costs_only_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"bytes")
    with_sidecar = WorkItem(Root.at(str(tmp_path)), FoundFile("a.jpg", 0, 0, 0, "a.xmp", 1))
    assert read_file(with_sidecar).sidecar == b""
