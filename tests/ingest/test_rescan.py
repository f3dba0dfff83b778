"""What a second run does, after everything that can happen to files between two runs."""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ingest import PruneRefused, Scope
from schema import Embedded, Root, SkipReason, row_id
from tests.ingest.small_archive import LONG_AGO_NS, SmallArchive, counts, draw, write

MANY = [f"{n:02}.png" for n in range(24)]


def test_a_first_run_indexes_every_image(archive: SmallArchive) -> None:
    archive.draw_all(["a.png", "b/c.png", "b/d/e.png"])
    report = archive.ingest()
    assert counts(report) == {"indexed": 3}
    assert report.scanned == 3
    assert archive.paths() == ["a.png", "b/c.png", "b/d/e.png"]


def test_a_row_says_where_the_image_is_and_what_it_holds(archive: SmallArchive) -> None:
    path = draw(archive.folder / "trip 2019" / "red_bus-1.png")
    archive.ingest()
    [record] = archive.store.iterate()
    assert record.id == row_id(archive.root.id, "trip 2019/red_bus-1.png")
    assert (record.root, record.path) == (archive.root.id, "trip 2019/red_bus-1.png")
    assert (record.width, record.height, record.format) == (64, 64, "png")
    assert (record.size_bytes, record.mtime_ns) == (path.stat().st_size, LONG_AGO_NS)
    assert record.text == "trip 2019 red bus 1"


def test_each_row_has_the_vector_of_its_own_image(archive: SmallArchive) -> None:
    archive.draw_all(MANY)
    archive.ingest()
    assert _wrong_vectors(archive) == []


def test_running_twice_embeds_and_opens_nothing(
    archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.draw_all(MANY)
    archive.ingest()
    monkeypatch.setattr("ingest.sources.local.read_file", None)
    assert counts(archive.ingest()) == {"unchanged": 24}
    assert archive.encoder.embedded == 24


def test_a_changed_image_is_embedded_again_in_the_same_row(archive: SmallArchive) -> None:
    archive.draw_all(["a.png", "b.png"])
    archive.ingest()
    draw(archive.folder / "a.png", seed=99, mtime_ns=LONG_AGO_NS + 1)
    assert counts(archive.ingest()) == {"indexed": 1, "unchanged": 1}
    assert archive.paths() == ["a.png", "b.png"]
    assert _wrong_vectors(archive) == []


def test_a_new_date_on_the_same_bytes_updates_the_row_and_embeds_nothing(
    archive: SmallArchive,
) -> None:
    path = draw(archive.folder / "a.png")
    archive.ingest()
    os.utime(path, ns=(LONG_AGO_NS + 5, LONG_AGO_NS + 5))
    assert counts(archive.ingest()) == {"unchanged": 1}
    assert [record.mtime_ns for record in archive.store.iterate()] == [LONG_AGO_NS + 5]
    assert archive.decoding.decoded == 1


def test_what_a_model_said_of_an_image_stays_with_its_bytes(archive: SmallArchive) -> None:
    archive.draw_all(["a.png", "b.png", "c.png"])
    archive.ingest()
    records = list(archive.store.iterate())
    vectors = archive.store.vectors([record.id for record in records])
    archive.store.upsert(
        [Embedded(replace(r, labels=("dog", r.path)), vectors[r.id]) for r in records]
    )
    os.utime(archive.folder / "a.png", ns=(LONG_AGO_NS + 5, LONG_AGO_NS + 5))
    (archive.folder / "b.png").rename(archive.folder / "moved.png")
    draw(archive.folder / "c.png", seed=99, mtime_ns=LONG_AGO_NS + 1)
    archive.ingest()
    labels = {record.path: record.labels for record in archive.store.iterate()}
    assert labels == {"a.png": ("dog", "a.png"), "moved.png": ("dog", "b.png"), "c.png": ()}


def test_a_file_changed_in_the_tick_it_was_read_in_is_noticed(archive: SmallArchive) -> None:
    now = time.time_ns()
    first = draw(archive.folder / "a.png", seed=1, mtime_ns=now)
    archive.ingest()
    size = first.stat().st_size
    data = bytearray(draw(first, seed=2, mtime_ns=now).read_bytes().ljust(size, b"\0")[:size])
    write(first, bytes(data), mtime_ns=now)
    assert counts(archive.ingest()) != {"unchanged": 1}


def test_a_file_read_long_after_its_date_is_believed(archive: SmallArchive) -> None:
    path = draw(archive.folder / "a.png", seed=1)
    archive.ingest()
    inode, size = path.stat().st_ino, path.stat().st_size
    with path.open("r+b") as file:
        file.write(b"x" * size)
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    assert path.stat().st_ino == inode
    assert counts(archive.ingest()) == {"unchanged": 1}


def test_a_file_replaced_by_another_of_the_same_size_and_date_is_noticed(
    archive: SmallArchive,
) -> None:
    path = draw(archive.folder / "a.png", seed=1)
    archive.ingest()
    other = write(archive.folder / "other", b"x" * path.stat().st_size)
    other.replace(path)
    assert counts(archive.ingest()) == {"removed": 1, "skipped": 1}


@pytest.mark.parametrize("target", ["b.png", "deep/er/a.png"])
def test_a_moved_file_keeps_its_vector(archive: SmallArchive, target: str) -> None:
    archive.draw_all(["a.png", "stays.png"])
    archive.ingest()
    (archive.folder / target).parent.mkdir(parents=True, exist_ok=True)
    (archive.folder / "a.png").rename(archive.folder / target)
    assert counts(archive.ingest()) == {"moved": 1, "unchanged": 1, "removed": 1}
    assert archive.paths() == sorted(["stays.png", target])
    assert archive.decoding.decoded == 2
    assert _wrong_vectors(archive) == []


def test_the_words_of_a_moved_image_are_those_of_its_new_path(archive: SmallArchive) -> None:
    draw(archive.folder / "old name.png")
    archive.ingest()
    (archive.folder / "old name.png").rename(archive.folder / "new-name.png")
    archive.ingest()
    assert [record.text for record in archive.store.iterate()] == ["new name"]


def test_renaming_the_only_folder_is_no_mass_removal(archive: SmallArchive) -> None:
    archive.draw_all(f"old/{name}" for name in MANY)
    archive.ingest()
    (archive.folder / "old").rename(archive.folder / "new")
    assert counts(archive.ingest()) == {"moved": 24, "removed": 24}
    assert archive.encoder.embedded == 24
    assert archive.paths() == [f"new/{name}" for name in MANY]


def test_a_copy_gets_a_row_and_no_embedding(archive: SmallArchive) -> None:
    draw(archive.folder / "a.png")
    archive.ingest()
    shutil.copy(archive.folder / "a.png", archive.folder / "copy.png")
    assert counts(archive.ingest()) == {"moved": 1, "unchanged": 1}
    assert archive.paths() == ["a.png", "copy.png"]


def test_two_files_that_change_places_have_the_right_vectors(archive: SmallArchive) -> None:
    archive.draw_all(["a.png", "b.png"])
    archive.ingest()
    (archive.folder / "a.png").rename(archive.folder / "c")
    (archive.folder / "b.png").rename(archive.folder / "a.png")
    (archive.folder / "c").rename(archive.folder / "b.png")
    archive.ingest()
    assert archive.paths() == ["a.png", "b.png"]
    assert _wrong_vectors(archive) == []


def test_two_copies_of_one_new_image_have_two_right_rows(archive: SmallArchive) -> None:
    draw(archive.folder / "a.png", seed=7)
    draw(archive.folder / "b.png", seed=7)
    report = archive.ingest()
    assert report.indexed + report.moved == 2
    assert archive.paths() == ["a.png", "b.png"]
    assert _wrong_vectors(archive) == []


def test_a_row_that_left_the_store_is_no_source_for_a_moved_file(archive: SmallArchive) -> None:
    archive.draw_all(["a.png"])
    archive.ingest()
    archive.store.delete([row_id(archive.root.id, "a.png")])
    (archive.folder / "a.png").rename(archive.folder / "b.png")
    assert counts(archive.ingest()) == {"indexed": 1, "removed": 1}
    assert archive.paths() == ["b.png"]


def test_a_row_that_holds_other_bytes_by_now_is_no_source(archive: SmallArchive) -> None:
    archive.draw_all(["a.png"])
    archive.ingest()
    [record] = archive.store.iterate()
    elsewhere = Embedded(replace(record, content="0" * 32), np.eye(48, dtype=np.float32)[0])
    archive.store.upsert([elsewhere])
    shutil.copy(archive.folder / "a.png", archive.folder / "b.png")
    assert counts(archive.ingest()) == {"indexed": 1, "unchanged": 1}


def test_a_deleted_file_loses_its_row(archive: SmallArchive) -> None:
    archive.draw_all(MANY)
    archive.ingest()
    (archive.folder / MANY[3]).unlink()
    assert counts(archive.ingest()) == {"unchanged": 23, "removed": 1}
    assert MANY[3] not in archive.paths()


def test_without_pruning_a_deleted_file_keeps_its_row(archive: SmallArchive) -> None:
    archive.draw_all(MANY)
    archive.ingest()
    (archive.folder / MANY[3]).unlink()
    assert counts(archive.ingest(prune=False)) == {"unchanged": 23}
    assert archive.paths() == MANY


def test_an_empty_mount_point_loses_no_row(archive: SmallArchive) -> None:
    archive.draw_all(MANY)
    archive.ingest()
    for name in MANY:
        (archive.folder / name).unlink()
    with pytest.raises(PruneRefused, match=r"images: 24 of the root's 24 .* --yes"):
        archive.ingest()
    assert archive.paths() == MANY


def test_the_rest_is_ingested_before_a_mass_removal_is_refused(archive: SmallArchive) -> None:
    archive.draw_all(MANY)
    archive.ingest()
    for name in MANY:
        (archive.folder / name).unlink()
    draw(archive.folder / "new.png")
    with pytest.raises(PruneRefused) as refusal:
        archive.ingest()
    assert counts(refusal.value.report) == {"indexed": 1}
    assert archive.paths() == [*MANY, "new.png"]


def test_a_mass_removal_goes_ahead_when_it_is_meant(archive: SmallArchive) -> None:
    archive.draw_all(MANY)
    archive.ingest()
    for name in MANY[1:]:
        (archive.folder / name).unlink()
    report = archive.ingest(allow_mass_prune=True)
    assert counts(report) == {"unchanged": 1, "removed": 23}
    assert archive.paths() == MANY[:1]


def test_a_handful_goes_without_asking(archive: SmallArchive) -> None:
    archive.draw_all(MANY[:10])
    archive.ingest()
    for name in MANY[:10]:
        (archive.folder / name).unlink()
    assert counts(archive.ingest()) == {"removed": 10}


def test_a_scan_of_one_folder_leaves_the_rows_outside_it(archive: SmallArchive) -> None:
    archive.draw_all(["a/1.png", "a/2.png", "ab/1.png", "b.png"])
    archive.ingest()
    for name in ["a/1.png", "ab/1.png", "b.png"]:
        (archive.folder / name).unlink()
    assert counts(archive.ingest(Scope(archive.root, "a"))) == {"unchanged": 1, "removed": 1}
    assert archive.paths() == ["a/2.png", "ab/1.png", "b.png"]


def test_a_scan_of_one_file_removes_nothing(archive: SmallArchive) -> None:
    archive.draw_all(["a.png", "b.png", "c.png"])
    archive.ingest(Scope(archive.root, only="a.png"))
    assert archive.paths() == ["a.png"]
    (archive.folder / "a.png").unlink()
    archive.ingest(Scope(archive.root, only="b.png"))
    assert archive.paths() == ["a.png", "b.png"]


def test_rows_of_excluded_files_are_removed(archive: SmallArchive) -> None:
    archive.draw_all(["a.png", "drafts/b.png"])
    archive.ingest()
    assert counts(archive.ingest(exclude=["drafts"])) == {"unchanged": 1, "removed": 1}


def test_an_unreadable_folder_is_named_and_its_rows_stay(
    archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.draw_all(["a.png", "locked/b.png", "locked/deep/c.png", "lockedx/d.png"])
    archive.ingest()
    locked = str(archive.folder / "locked")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path == locked:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = archive.ingest()
    assert counts(report) == {"unchanged": 2, "skipped": 1}
    assert [(skip.path, skip.reason) for skip in report.skips] == [(locked, SkipReason.UNREADABLE)]
    assert "Permission denied" in report.skips[0].detail
    assert len(archive.paths()) == 4


def test_an_unreadable_folder_whose_name_is_not_utf8_stops_nothing(
    archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.draw_all(["a.png"])
    odd = os.fsencode(archive.folder) + b"/odd\xff"
    os.mkdir(odd)  # noqa: PTH102
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path == os.fsdecode(odd):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = archive.ingest()
    assert counts(report) == {"indexed": 1, "skipped": 1}
    assert report.skips[0].reason is SkipReason.UNREADABLE


def test_a_file_that_cannot_be_read_any_more_keeps_its_row(
    archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.draw_all(["a.png", "b.png"])
    archive.ingest()
    draw(archive.folder / "a.png", seed=5, mtime_ns=LONG_AGO_NS + 1)
    monkeypatch.setattr("ingest.reading.os.open", _raise(PermissionError(13, "Permission denied")))
    assert counts(archive.ingest()) == {"unchanged": 1, "skipped": 1}
    assert archive.paths() == ["a.png", "b.png"]
    monkeypatch.undo()
    assert counts(archive.ingest()) == {"unchanged": 1, "indexed": 1}


def test_a_file_that_vanishes_before_it_is_read_loses_its_row(
    archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.draw_all(["a.png", "b.png"])
    archive.ingest()
    draw(archive.folder / "a.png", seed=5, mtime_ns=LONG_AGO_NS + 1)
    monkeypatch.setattr("ingest.reading.os.open", _raise(FileNotFoundError(2, "gone")))
    report = archive.ingest()
    assert counts(report) == {"unchanged": 1, "skipped": 1, "removed": 1}
    assert report.skips[0].reason is SkipReason.VANISHED


def test_a_known_bad_file_is_reported_again_and_not_read_again(
    archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.draw_all(["a.png"])
    write(archive.folder / "bad.jpg", b"hello, this is text")
    first = archive.ingest()
    monkeypatch.setattr("ingest.sources.local.read_file", None)
    second = archive.ingest()
    assert first.skips == second.skips
    assert counts(second) == {"unchanged": 1, "skipped": 1}


def test_a_mended_file_is_indexed(archive: SmallArchive) -> None:
    archive.draw_all(["a.png"])
    write(archive.folder / "bad.png", b"hello, this is text")
    archive.ingest()
    draw(archive.folder / "bad.png")
    assert counts(archive.ingest()) == {"unchanged": 1, "indexed": 1}


def test_an_image_overwritten_with_rubbish_loses_its_row(archive: SmallArchive) -> None:
    archive.draw_all(["a.png", "b.png"])
    archive.ingest()
    write(archive.folder / "b.png", b"rubbish")
    assert counts(archive.ingest()) == {"unchanged": 1, "removed": 1, "skipped": 1}
    assert archive.paths() == ["a.png"]


def test_a_higher_pixel_limit_lets_a_large_image_in(archive: SmallArchive) -> None:
    archive.draw_all(["a.png"])
    write(archive.folder / "b.png", (archive.folder / "a.png").read_bytes())
    archive.ingest(Scope(archive.root, only="b.png"))
    draw(archive.folder / "a.png", seed=77)
    refused = archive.ingest(max_pixels=100)
    assert [skip.reason for skip in refused.skips] == [SkipReason.TOO_LARGE]
    assert counts(archive.ingest()) == {"unchanged": 1, "indexed": 1}


def test_a_lost_journal_is_rebuilt_from_the_rows(archive: SmallArchive) -> None:
    archive.draw_all(MANY)
    archive.ingest()
    shutil.rmtree(archive.journal_path.parent)
    (archive.folder / MANY[0]).unlink()
    (archive.folder / MANY[1]).rename(archive.folder / "moved.png")
    assert counts(archive.ingest()) == {"unchanged": 22, "moved": 1, "removed": 2}
    assert archive.encoder.embedded == 24


def test_two_roots_with_files_of_one_name_have_two_rows(
    archive: SmallArchive, tmp_path: Path
) -> None:
    other = Root.at(str(tmp_path / "other"))
    draw(archive.folder / "a.png", seed=1)
    draw(tmp_path / "other" / "a.png", seed=2)
    assert counts(archive.ingest(Scope(archive.root), Scope(other))) == {"indexed": 2}
    assert {record.root for record in archive.store.iterate()} == {archive.root.id, other.id}


def _wrong_vectors(archive: SmallArchive) -> list[str]:
    """Paths whose row's vector is not what the encoder gives for the file now."""
    wrong = []
    for record in archive.store.iterate():
        with Image.open(archive.folder / record.path) as image:
            pixels = archive.encoder.resizing.apply(image.convert("RGB"))
        expected = archive.encoder.encode_images([pixels])[0]
        if not np.allclose(archive.store.vectors([record.id])[record.id], expected, atol=1e-5):
            wrong.append(record.path)
    return wrong


def _raise(error: OSError) -> object:
    def fail(*args: object) -> object:
        raise error

    return fail
