"""Sidecars and RAW files through runs of ingestion."""

from pathlib import Path

from ingest.entries import Entry
from schema import SkipReason
from tests.ingest.small_archive import LONG_AGO_NS, SmallArchive, counts, draw, write


def test_a_new_sidecar_is_read_and_nothing_is_embedded(archive: SmallArchive) -> None:
    archive.draw_all(["a.png", "b.png"])
    archive.ingest()
    write(archive.folder / "a.xmp", b"<x/>")
    assert counts(archive.ingest()) == {"unchanged": 2}
    entry = find(archive, "a.png")
    assert entry.sidecar_ns == LONG_AGO_NS
    assert archive.encoder.embedded == 2


def test_a_changed_or_removed_sidecar_is_noticed(archive: SmallArchive) -> None:
    archive.draw_all(["a.png"])
    sidecar = write(archive.folder / "a.xmp", b"<x/>")
    archive.ingest()
    write(sidecar, b"<y/>", LONG_AGO_NS + 1)
    archive.ingest()
    assert find(archive, "a.png").sidecar_ns == LONG_AGO_NS + 1
    sidecar.unlink()
    archive.ingest()
    assert find(archive, "a.png").sidecar_ns == 0


def test_a_raw_file_beside_its_developed_image_is_that_image(archive: SmallArchive) -> None:
    draw_as_raw(archive.folder / "a.dng")
    archive.draw_all(["a.jpg"])
    report = archive.ingest()
    assert counts(report) == {"indexed": 1, "skipped": 1}
    assert report.skips[0].reason is SkipReason.DEVELOPED
    assert "a.jpg" in report.skips[0].detail
    assert counts(archive.ingest()) == {"unchanged": 1, "skipped": 1}


def test_a_raw_file_stands_for_itself_when_its_developed_image_goes(archive: SmallArchive) -> None:
    draw_as_raw(archive.folder / "a.dng")
    archive.draw_all(["a.jpg", "b.jpg"])
    archive.ingest()
    (archive.folder / "a.jpg").unlink()
    assert counts(archive.ingest()) == {"indexed": 1, "unchanged": 1, "removed": 1}
    assert archive.paths() == ["a.dng", "b.jpg"]


def test_a_raw_file_gives_its_row_to_a_developed_image_that_comes_later(
    archive: SmallArchive,
) -> None:
    draw_as_raw(archive.folder / "a.dng")
    archive.ingest()
    archive.draw_all(["a.jpg"])
    assert counts(archive.ingest()) == {"indexed": 1, "skipped": 1, "removed": 1}
    assert archive.paths() == ["a.jpg"]


def test_a_raw_file_is_indexed_where_its_developed_image_is_excluded(
    archive: SmallArchive,
) -> None:
    draw_as_raw(archive.folder / "a.dng")
    archive.draw_all(["a.jpg"])
    assert counts(archive.ingest(exclude=["*.jpg"])) == {"indexed": 1}


def draw_as_raw(path: Path) -> None:
    """Write an image by a RAW file's name: the format is found in the bytes."""
    drawn = draw(path.with_suffix(".png"), seed=7)
    write(path, drawn.read_bytes())
    drawn.unlink()


def find(archive: SmallArchive, path: str) -> Entry:
    with archive.journal() as journal:
        entry = journal.find(archive.root.id, path)
    assert entry is not None
    return entry
