"""One run: bad files, failures, Ctrl-C, the bounds of its queues, dry runs, its report."""

import threading
import time
from collections.abc import Sequence

import pytest
from PIL import Image

from embed import Pixels
from ingest import IngestInterrupted, Scope
from schema import Embedded, NoUsableImage, SkipReason, StoreError, UsageError, Vectors
from tests.ingest.small_archive import OPTIONS, SmallArchive, counts, draw, write

MANY = [f"{n:02}.png" for n in range(24)]


class FailingAfter:
    """Fails from the n-th call on."""

    def __init__(self, calls: int, error: BaseException) -> None:
        self.calls_left = calls
        self.error = error

    def __call__(self) -> None:
        self.calls_left -= 1
        if self.calls_left < 0:
            raise self.error


class ShownProgress:
    def __init__(self) -> None:
        self.total = -1
        self.done = 0
        self.most_found = 0

    def found(self, files: int) -> None:
        self.most_found = files

    def start(self, total: int) -> None:
        self.total = total

    def advance(self, files: int) -> None:
        self.done += files


def fail_upserts(archive: SmallArchive, calls: int, error: BaseException) -> None:
    """Let the archive's store fail after some writes."""
    fail, upsert = FailingAfter(calls, error), archive.store.upsert

    def failing(rows: Sequence[Embedded]) -> int:
        fail()
        return upsert(rows)

    archive.store.upsert = failing  # type: ignore[method-assign]


def fail_encoding(archive: SmallArchive, calls: int, error: BaseException) -> None:
    """Let the archive's encoder fail after some batches."""
    fail, encode = FailingAfter(calls, error), archive.encoder.encode_images

    def failing(batch: Sequence[Pixels]) -> Vectors:
        fail()
        return encode(batch)

    archive.encoder.encode_images = failing  # type: ignore[method-assign]


def threads_of_a_run() -> list[str]:
    """Encoders outlive runs, and name their threads otherwise."""
    return [t.name for t in threading.enumerate() if t.name.startswith("eidetic-")]


def test_a_bad_file_is_named_and_its_batch_survives(archive: SmallArchive) -> None:
    archive.draw_all(["a.png", "c.png", "d.png", "f.png"])
    text = write(archive.folder / "b.jpg", b"this is text")
    empty = write(archive.folder / "e.png", b"")
    report = archive.ingest()
    assert counts(report) == {"indexed": 4, "skipped": 2}
    assert [(skip.path, skip.reason) for skip in report.skips] == [
        (str(text), SkipReason.NOT_AN_IMAGE),
        (str(empty), SkipReason.EMPTY),
    ]
    assert archive.paths() == ["a.png", "c.png", "d.png", "f.png"]


def test_a_truncated_image_has_no_row(archive: SmallArchive) -> None:
    draw(archive.folder / "a.png")
    write(archive.folder / "b.png", (archive.folder / "a.png").read_bytes()[:-60])
    assert counts(archive.ingest()) == {"indexed": 1, "skipped": 1}
    assert archive.paths() == ["a.png"]


def test_every_file_is_in_one_count(archive: SmallArchive) -> None:
    archive.draw_all(MANY)
    archive.ingest(Scope(archive.root, only=MANY[0]))
    write(archive.folder / "bad.jpg", b"text")
    write(archive.folder / "copy.png", (archive.folder / MANY[0]).read_bytes())
    report = archive.ingest()
    assert counts(report) == {"indexed": 23, "unchanged": 1, "moved": 1, "skipped": 1}
    assert report.scanned == 26


def test_a_store_failure_stops_the_run_and_keeps_what_was_acknowledged(
    archive: SmallArchive,
) -> None:
    archive.draw_all(MANY)
    fail_upserts(archive, 2, StoreError("the disk of the store is full"))
    with pytest.raises(StoreError, match="disk of the store is full"):
        archive.ingest()
    assert archive.paths() == MANY[:8]
    with archive.journal() as journal:
        assert journal.count_indexed(archive.root.id) == 8
    assert threads_of_a_run() == []


def test_the_next_run_goes_on_where_a_store_failure_stopped(archive: SmallArchive) -> None:
    archive.draw_all(MANY)
    upsert = archive.store.upsert
    fail_upserts(archive, 2, StoreError("away"))
    with pytest.raises(StoreError):
        archive.ingest()
    archive.store.upsert = upsert  # type: ignore[method-assign]
    assert counts(archive.ingest()) == {"indexed": 16, "unchanged": 8}
    assert archive.paths() == MANY


def test_rows_the_journal_never_heard_of_are_not_doubled(
    archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.draw_all(MANY)
    fail = FailingAfter(2, RuntimeError("power cut"))
    monkeypatch.setattr("ingest.journal.Journal.record", lambda *_: fail())
    with pytest.raises(RuntimeError):
        archive.ingest()
    monkeypatch.undo()
    assert archive.ingest().indexed == 24
    assert archive.paths() == MANY


def test_an_encoder_failure_stops_the_run_and_keeps_what_was_embedded(
    archive: SmallArchive,
) -> None:
    archive.draw_all(MANY)
    fail_encoding(archive, 3, RuntimeError("out of memory"))
    with pytest.raises(RuntimeError, match="out of memory"):
        archive.ingest()
    assert archive.paths() == MANY[:12]
    assert threads_of_a_run() == []


def test_ctrl_c_keeps_what_was_embedded_and_says_how_much(archive: SmallArchive) -> None:
    archive.draw_all(MANY)
    fail_encoding(archive, 3, KeyboardInterrupt())
    with pytest.raises(IngestInterrupted) as interrupt:
        archive.ingest()
    assert counts(interrupt.value.report) == {"indexed": 12}
    assert interrupt.value.report.scanned == 24
    assert archive.paths() == MANY[:12]
    assert threads_of_a_run() == []


def test_ctrl_c_is_still_a_keyboard_interrupt(archive: SmallArchive) -> None:
    archive.draw_all(MANY)
    fail_encoding(archive, 0, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        archive.ingest()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("broken")])
def test_a_run_that_ends_early_removes_no_rows(archive: SmallArchive, error: BaseException) -> None:
    archive.draw_all(MANY[:4])
    archive.ingest()
    (archive.folder / MANY[0]).unlink()
    archive.draw_all(MANY[4:8])
    fail_encoding(archive, 0, error)
    with pytest.raises(type(error)):
        archive.ingest()
    assert archive.paths() == MANY[:4]


def test_while_the_encoder_is_busy_few_images_wait(archive: SmallArchive) -> None:
    archive.draw_all(f"{n:03}.png" for n in range(100))
    most, encode = 0, archive.encoder.encode_images

    def slowly(batch: Sequence[Pixels]) -> Vectors:
        nonlocal most
        time.sleep(0.02)
        most = max(most, archive.decoding.decoded - archive.encoder.embedded)
        return encode(batch)

    archive.encoder.encode_images = slowly  # type: ignore[method-assign]
    archive.ingest(batch_size=4, workers=3)
    # The batch in hand, two more, and one per worker.
    assert 4 < most <= 4 + 2 * 4 + 3


def test_while_the_store_is_busy_few_batches_wait(archive: SmallArchive) -> None:
    archive.draw_all(f"{n:03}.png" for n in range(100))
    most, upsert, written = 0, archive.store.upsert, 0

    def slowly(rows: Sequence[Embedded]) -> int:
        nonlocal most, written
        time.sleep(0.02)
        most = max(most, archive.encoder.embedded - written)
        written += len(rows)
        return upsert(rows)

    archive.store.upsert = slowly  # type: ignore[method-assign]
    archive.ingest(batch_size=4)
    # One being written, two waiting, one in the encoder's hands.
    assert most <= 4 * 4


def test_the_encoder_gets_full_batches(archive: SmallArchive) -> None:
    archive.draw_all(MANY[:10])
    sizes, encode = [], archive.encoder.encode_images

    def measuring(batch: Sequence[Pixels]) -> Vectors:
        sizes.append(len(batch))
        return encode(batch)

    archive.encoder.encode_images = measuring  # type: ignore[method-assign]
    archive.ingest(batch_size=4)
    assert sizes == [4, 4, 2]


def test_a_dry_run_says_what_a_run_would_do_and_changes_nothing(archive: SmallArchive) -> None:
    archive.draw_all(MANY[:6])
    archive.ingest()
    draw(archive.folder / "new.png")
    write(archive.folder / "bad.png", b"text")
    (archive.folder / MANY[0]).unlink()
    (archive.folder / MANY[1]).rename(archive.folder / "moved.png")
    before = list(archive.store.iterate())
    dry = archive.ingest(dry_run=True)
    assert list(archive.store.iterate()) == before
    assert archive.encoder.embedded == 6
    real = archive.ingest()
    expected = {"indexed": 1, "unchanged": 4, "moved": 1, "removed": 2, "skipped": 1}
    assert counts(dry) == counts(real) == expected


def test_progress_is_told_from_the_first_file_to_the_last(archive: SmallArchive) -> None:
    archive.draw_all(MANY[:4])
    archive.ingest()
    archive.draw_all(MANY)
    write(archive.folder / "bad.png", b"text")
    write(archive.folder / "copy.png", (archive.folder / MANY[0]).read_bytes())
    progress = ShownProgress()
    archive.ingest(progress=progress)
    assert (progress.most_found, progress.total, progress.done) == (26, 22, 22)


def test_an_empty_folder_is_no_usable_image(archive: SmallArchive) -> None:
    write(archive.folder / "notes.txt", b"nothing to see")
    with pytest.raises(NoUsableImage, match=rf"{archive.folder}: no file that may be an image"):
        archive.ingest()


def test_a_folder_of_bad_files_is_no_usable_image_and_names_the_first(
    archive: SmallArchive,
) -> None:
    write(archive.folder / "b.jpg", b"text")
    write(archive.folder / "a.jpg", b"")
    for _ in range(2):
        with pytest.raises(NoUsableImage, match=r"none of the 2 .*/a\.jpg: empty"):
            archive.ingest()


@pytest.mark.parametrize("option", ["workers", "batch_size"])
def test_less_than_one_worker_or_image_per_batch_is_refused(
    archive: SmallArchive, option: str
) -> None:
    with pytest.raises(UsageError, match="must be at least 1"):
        archive.ingest(**{**OPTIONS, option: 0})


def test_the_report_has_the_keys_of_the_contract(archive: SmallArchive) -> None:
    draw(archive.folder / "a.png")
    bad = write(archive.folder / "b.png", b"")
    shown = archive.ingest().as_dict()
    assert list(shown) == [
        "scanned",
        "indexed",
        "unchanged",
        "moved",
        "removed",
        "frames",
        "skipped",
        "skips",
        "seconds",
        "images_per_second",
    ]
    [skip] = shown["skips"]  # type: ignore[misc]
    assert (skip["path"], skip["reason"]) == (str(bad), "empty")
    assert skip["detail"]


def test_metadata_that_cannot_be_used_is_counted_and_costs_nothing_else(
    archive: SmallArchive,
) -> None:
    exif = Image.Exif()
    exif[0x0110] = "X100"
    exif[0x4746] = 6
    Image.new("RGB", (8, 8)).save(archive.folder / "a.jpg", exif=exif, xmp=b"<not XMP")
    report = archive.ingest()
    assert (report.indexed, report.malformed_values) == (1, 2)
    (record,) = archive.store.iterate()
    assert (record.camera, record.rating) == ("X100", None)
    assert archive.ingest().malformed_values == 0


def test_a_sidecar_says_what_the_image_does_not(archive: SmallArchive) -> None:
    draw(archive.folder / "IMG_20190704_123005.png")
    write(
        archive.folder / "IMG_20190704_123005.xmp",
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        b'xmlns:xmp="http://ns.adobe.com/xap/1.0/"><rdf:Description xmp:Rating="4"/></rdf:RDF>',
    )
    archive.ingest()
    (record,) = archive.store.iterate()
    assert (record.rating, record.taken_from) == (4, "name")


def test_a_file_name_with_a_line_break_is_indexed(archive: SmallArchive) -> None:
    draw(archive.folder / "two\nlines.png")
    assert counts(archive.ingest()) == {"indexed": 1}
    assert archive.paths() == ["two\nlines.png"]
