"""The embedded store after its process was killed."""

import shutil
from pathlib import Path

import numpy as np

from embed.encoder import unit
from schema import Connection, Embedded, MilvusStore
from tests.samples import a_record

ROWS = 12
NAMES = [f"{n}.jpg" for n in range(ROWS)]
VECTORS = unit(np.random.default_rng(1).standard_normal((ROWS, 8)))


def killed_while_it_moved_rows_to_a_segment(place: Path) -> str:
    """Make an archive whose rows stand in a segment and still in the log."""
    uri = str(place / "milvus.db")
    made = MilvusStore.create(Connection(uri), "killed", model="toy", dim=8, fingerprint="toy")
    with made as store:
        store.upsert([Embedded(a_record(n), v) for n, v in zip(NAMES, VECTORS, strict=True)])
        [log] = (place / "milvus.db").glob("collections/*/wal")
        shutil.copytree(log, place / "log")
    shutil.copytree(place / "log", log, dirs_exist_ok=True)
    return uri


def test_no_row_is_there_twice(tmp_path: Path) -> None:
    uri = killed_while_it_moved_rows_to_a_segment(tmp_path)
    with MilvusStore.open(Connection(uri), "killed") as store:
        assert store.count() == ROWS
        assert sorted(record.path for record in store.iterate()) == sorted(NAMES)
        [hits] = store.search(VECTORS[:1], ROWS)
        assert sorted(hit.record.path for hit in hits) == sorted(NAMES)
        assert hits[0].record == a_record(NAMES[0])


def test_a_killed_store_is_told_from_one_that_was_closed(tmp_path: Path) -> None:
    uri = killed_while_it_moved_rows_to_a_segment(tmp_path)
    with MilvusStore.open(Connection(uri), "killed") as store:
        assert store.connection.was_killed
    with MilvusStore.open(Connection(uri), "killed") as store:
        assert not store.connection.was_killed
        assert store.count() == ROWS
