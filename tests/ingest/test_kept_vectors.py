"""A vector that was computed is not computed again, whatever happened to its row."""

from collections.abc import Sequence

import numpy as np
import pytest

from schema import Embedded, StoreError
from tests.ingest.small_archive import LONG_AGO_NS, SmallArchive, counts, draw

EIGHT = [f"{n}.png" for n in range(8)]


def test_what_the_store_did_not_take_is_not_embedded_again(archive: SmallArchive) -> None:
    archive.draw_all(EIGHT)
    upsert = archive.store.upsert

    def refuse(rows: Sequence[Embedded]) -> int:
        raise StoreError("the disk is full")

    archive.store.upsert = refuse  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        archive.ingest()
    embedded = archive.encoder.embedded
    archive.store.upsert = upsert  # type: ignore[method-assign]
    assert counts(archive.ingest()) == {"indexed": 8}
    assert embedded > 0
    assert archive.encoder.embedded == 8


def test_a_kept_vector_gives_the_same_row(archive: SmallArchive) -> None:
    archive.draw_all(EIGHT)
    archive.ingest()
    [straight] = archive.store.vectors([first_id(archive)]).values()
    with archive.journal() as journal:
        entry = journal.find(archive.root.id, "0.png")
        assert entry is not None
        journal.keep_vectors({entry.content: straight})
        journal.forget(archive.root.id, ["0.png"])
    archive.store.delete([entry.row_id])
    archive.ingest()
    [again] = archive.store.vectors([entry.row_id]).values()
    assert np.array_equal(straight, again)
    assert archive.encoder.embedded == 8


def test_vectors_are_kept_no_longer_than_needed(archive: SmallArchive) -> None:
    archive.draw_all(EIGHT)
    with archive.journal() as journal:
        journal.keep_vectors({"content of a file that went": np.ones(48, np.float32)})
    archive.ingest()
    with archive.journal() as journal:
        assert journal.kept_vectors(["content of a file that went"]) == {}


def test_copies_in_one_batch_are_embedded_once(archive: SmallArchive) -> None:
    for name in EIGHT:
        draw(archive.folder / name, seed=1)
    archive.ingest(batch_size=8)
    assert archive.encoder.embedded == 1
    assert archive.paths() == EIGHT


def test_copies_in_batches_of_their_own_are_embedded_once(archive: SmallArchive) -> None:
    for name in EIGHT:
        draw(archive.folder / name, seed=1)
    archive.ingest(batch_size=1)
    assert archive.encoder.embedded == 1
    assert archive.paths() == EIGHT


def test_a_changed_image_is_embedded_though_its_old_bytes_are_known(archive: SmallArchive) -> None:
    archive.draw_all(EIGHT)
    archive.ingest()
    draw(archive.folder / "0.png", seed=99, mtime_ns=LONG_AGO_NS + 1)
    archive.ingest()
    assert archive.encoder.embedded == 9


def first_id(archive: SmallArchive) -> str:
    return next(record.id for record in archive.store.iterate() if record.path == "0.png")
