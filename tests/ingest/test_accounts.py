"""Every file that was seen is in the journal: indexed, or skipped and why."""

import os

import pytest

from ingest.report import shown_path
from schema import SkipReason
from tests.ingest.small_archive import SmallArchive, write


def test_the_journal_counts_as_skipped_what_the_report_does(
    archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.draw_all(["a.png", "locked/b.png"])
    write(archive.folder / "bad.png", b"no image")
    (archive.folder / "nowhere.png").symlink_to("gone.png")
    not_utf8 = os.fsencode(archive.folder) + b"/caf\xe9.png"
    with open(not_utf8, "wb") as file:  # noqa: PTH123
        file.write(b"x")
    forbid(archive, "locked", monkeypatch)
    report = archive.ingest()
    assert report.skipped == 4
    with archive.journal() as journal:
        assert journal.count_skipped() == 4
        for skip in report.skips:
            entry = journal.find(archive.root.id, skip.path[len(archive.root.location) + 1 :])
            assert entry is not None
            assert (entry.reason, entry.detail) == (skip.reason, skip.detail)


def test_what_was_mended_is_no_longer_skipped(
    archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.draw_all(["a.png", "locked/b.png"])
    (archive.folder / "nowhere.png").symlink_to("gone.png")
    with monkeypatch.context() as patch:
        forbid(archive, "locked", patch)
        archive.ingest()
    (archive.folder / "nowhere.png").unlink()
    archive.ingest()
    with archive.journal() as journal:
        assert journal.count_skipped() == 0
    assert archive.paths() == ["a.png", "locked/b.png"]


def test_a_row_is_kept_while_its_file_cannot_be_looked_at(
    archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.draw_all(["a.png", "b.png"])
    archive.ingest()
    lstat = os.lstat

    def refuse(path: str) -> os.stat_result:
        if path.endswith("b.png"):
            raise PermissionError(13, "Permission denied", path)
        return lstat(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", refuse)
        report = archive.ingest()
    assert [skip.reason for skip in report.skips] == [SkipReason.UNREADABLE]
    assert archive.paths() == ["a.png", "b.png"]
    assert archive.ingest().unchanged == 2


def test_names_that_are_not_utf8_are_shown_escaped() -> None:
    assert shown_path(os.fsdecode(b"caf\xe9/\xc3\xa9.jpg")) == "caf\\xe9/é.jpg"


def forbid(archive: SmallArchive, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a folder be unreadable, which no permission is to the superuser."""
    locked, scandir = str(archive.folder / folder), os.scandir

    def refuse(path: str) -> object:
        if path == locked:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
