"""Ingestion of real files: photographs, and everything odd and broken."""

from pathlib import Path

import pytest

from ingest import plan_scopes
from schema import SkipReason
from tests.ingest.small_archive import SmallArchive, counts, write


@pytest.mark.kit
def test_real_photographs_are_indexed_once(archive: SmallArchive, kit: Path) -> None:
    scopes = plan_scopes([kit / "photos"], [])
    assert counts(archive.ingest(*scopes, batch_size=32)) == {"indexed": 875}
    assert counts(archive.ingest(*scopes)) == {"unchanged": 875}
    assert archive.encoder.embedded == 875


@pytest.mark.kit
@pytest.mark.slow
def test_every_odd_or_broken_file_is_indexed_or_skipped_for_a_reason(
    archive: SmallArchive, kit: Path
) -> None:
    report = archive.ingest(*plan_scopes([kit / "formats"], []), max_pixels=100_000_000)
    assert report.scanned == report.indexed + report.moved + report.skipped
    assert report.indexed > 800
    assert all(skip.detail and Path(skip.path).is_file() for skip in report.skips)
    bombs = {s.path for s in report.skips if s.reason is SkipReason.TOO_LARGE}
    assert any("bomb" in path for path in bombs)


def test_a_format_that_is_not_read_is_named_not_passed_over(archive: SmallArchive) -> None:
    archive.draw_all(["a.png"])
    write(archive.folder / "b.HEIC", b"\0\0\0\x18ftypheic" + bytes(100))
    report = archive.ingest()
    assert counts(report) == {"indexed": 1, "skipped": 1}
    assert report.skips[0].reason is SkipReason.UNSUPPORTED
