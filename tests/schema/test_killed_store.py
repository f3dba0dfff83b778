"""The embedded store after its process was killed."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from embed.encoder import unit
from schema import Connection, Embedded, MilvusStore, StoreError
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


@pytest.mark.parametrize("kept", [0, 60])
def test_an_index_that_was_cut_short_is_built_anew(
    tmp_path: Path, kept: int, caplog: pytest.LogCaptureFixture
) -> None:
    uri = str(tmp_path / "milvus.db")
    made = MilvusStore.create(Connection(uri), "killed", model="toy", dim=8, fingerprint="toy")
    with made as store:
        store.upsert([Embedded(a_record(n), v) for n, v in zip(NAMES, VECTORS, strict=True)])
    with MilvusStore.open(Connection(uri), "killed"):
        pass
    indexes = list(Path(uri).rglob("*.idx"))
    assert indexes
    for index in indexes:
        index.write_bytes(index.read_bytes()[:kept])
    with MilvusStore.open(Connection(uri), "killed") as store:
        assert "is built anew" in caplog.text
        assert store.count() == ROWS
        found = store.search(VECTORS, 1)
        assert [hits[0].record.path for hits in found] == NAMES
    assert all(index.stat().st_size > kept for index in indexes)


def test_damage_that_no_new_index_heals_is_told(tmp_path: Path) -> None:
    uri = killed_while_it_moved_rows_to_a_segment(tmp_path)
    for rows in Path(uri).rglob("data/*.parquet"):
        rows.write_bytes(rows.read_bytes()[:60])
    with Connection(uri) as connection, pytest.raises(StoreError, match="could not"):
        MilvusStore.open(connection, "killed")
