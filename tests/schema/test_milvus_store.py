"""The store keeps its contract on the embedded store and on a real server alike."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schema import (
    ArchiveMismatch,
    ArchiveMissing,
    Connection,
    Embedded,
    MemoryStore,
    MilvusStore,
    Store,
    StoreError,
    StoreUnreachable,
    UsageError,
)
from schema.archives import list_archives
from schema.fields import SCHEMA_VERSION
from schema.filters import Between
from schema.milvus_collection import ROWS_PER_CALL
from schema.store import ROWS_PER_BATCH, packed
from tests.conftest import MakeStore, drop_everything, free_port
from tests.samples import a_collection, a_record, random_vectors, some_rows

FULL_RECORD = a_record(
    'holi"days/Ä b\\c/beach.jpg',
    offset_ms=0,
    taken_at=1_500_000_000_123,
    utc_offset_min=-330,
    taken_from="xmp",
    camera="Nikon D70",
    lens="50 mm f/1.8",
    iso_speed=400,
    focal_mm=50.0,
    aperture=1.8,
    shutter_s=1 / 250,
    lat=48.8583,
    lon=-2.2945,
    place="Paris",
    country="France",
    rating=4,
    tags=("beach", "été"),
    text="a day on the beach",
    phash=-1234567890123456789,
)


def test_a_record_comes_back_from_the_store_as_it_was(make_store: MakeStore) -> None:
    store = make_store()
    sparse = a_record("sparse.jpg")
    vectors = random_vectors(2)
    store.upsert([Embedded(FULL_RECORD, vectors[0]), Embedded(sparse, vectors[1])])
    assert store.get([FULL_RECORD.id, sparse.id, "absent"]) == {
        FULL_RECORD.id: FULL_RECORD,
        sparse.id: sparse,
    }
    assert np.array_equal(store.vectors([FULL_RECORD.id])[FULL_RECORD.id], vectors[0])


def test_a_search_sees_what_was_just_written_best_first(make_store: MakeStore) -> None:
    store, rows = make_store(), some_rows(200)
    store.upsert(rows)
    (matches,) = store.search(rows[7].vector[None], 10)
    assert matches[0].record == rows[7].record
    assert matches[0].score == pytest.approx(1.0, abs=1e-6)
    scores = [match.score for match in matches]
    assert scores == sorted(scores, reverse=True)
    exact = sorted((float(row.vector @ rows[7].vector) for row in rows), reverse=True)[:10]
    assert scores == pytest.approx(exact, abs=1e-5)


def test_several_queries_are_answered_in_order(make_store: MakeStore) -> None:
    store, rows = make_store(), some_rows(50)
    store.upsert(rows)
    found = store.search(np.stack([rows[3].vector, rows[9].vector]), 1)
    assert [matches[0].record.path for matches in found] == ["3.jpg", "9.jpg"]


def test_matches_carry_the_vectors_of_their_rows_where_they_are_asked_for(
    make_store: MakeStore,
) -> None:
    rows, query = some_rows(1500), random_vectors(1, seed=9)
    held = {row.record.id: row.vector for row in rows}
    few, most = Between("rating", 5, 5), Between("rating", 1, 5)
    real, fake = make_store(), MemoryStore(a_collection())
    for store in (real, fake):
        store.upsert(rows)
        for filters in ((), (few,), (most,)):
            (plain,) = store.search(query, 5)
            assert [match.vector for match in plain] == [None] * 5
            (carrying,) = store.search(query, 5, filters=filters, with_vectors=True)
            assert len(carrying) == 5
            for match in carrying:
                assert match.vector is not None
                assert match.vector.dtype == np.float32
                assert np.array_equal(match.vector, held[match.record.id])


def test_matches_say_how_neutral_their_rows_are_where_the_collection_says_what_that_is(
    make_store: MakeStore,
) -> None:
    rows, mean = some_rows(50), random_vectors(3, seed=5).mean(axis=0)
    told, untold = make_store("told", neutral=packed(mean)), make_store("untold")
    held = {row.record.id: float(row.vector @ mean) for row in rows}
    for store in (told, MemoryStore(told.collection)):
        store.upsert(rows)
        # A row that is written again, as of other labels, keeps it.
        store.upsert([Embedded(replace(rows[0].record, labels=("beach",)), rows[0].vector)])
        for filters in ((), (Between("rating", 5, 5),)):
            (found,) = store.search(rows[0].vector[None], 50, filters=filters)
            neutral = {match.record.id: match.neutral for match in found}
            assert neutral == pytest.approx({i: held[i] for i in neutral}, abs=1e-6)
        (found,) = store.search(rows[0].vector[None], 1)
        assert found[0].record.labels == ("beach",)
    untold.upsert(rows)
    assert [match.neutral for match in untold.search(rows[0].vector[None], 3)[0]] == [None] * 3
    opened = MilvusStore.open(told.connection, "told").collection
    assert opened == told.collection
    assert opened.neutral_mean is not None
    assert np.array_equal(opened.neutral_mean, mean)


def test_thousands_of_rows_written_at_once_arrive_whole_and_of_doubles_the_last(
    make_store: MakeStore,
) -> None:
    store, rows = make_store(), some_rows(5 * ROWS_PER_CALL)
    again = [Embedded(a_record(f"{n}.jpg", rating=5), row.vector) for n, row in enumerate(rows)]
    assert store.upsert([*rows, *again]) == 0
    assert store.count() == len(rows)
    assert store.count("rating == 5") == len(rows)


def test_a_value_that_is_cut_is_counted_in_every_part_of_a_large_write(
    make_store: MakeStore,
) -> None:
    store, vectors = make_store(), random_vectors(3 * ROWS_PER_CALL)
    rows = [Embedded(a_record(f"{n}.jpg", text="x" * 9000), v) for n, v in enumerate(vectors)]
    assert store.upsert(rows) == len(rows)


def test_an_offset_goes_on_where_the_first_page_ended(make_store: MakeStore) -> None:
    store, rows = make_store(), some_rows(50)
    store.upsert(rows)
    query = random_vectors(1, seed=9)
    (whole,) = store.search(query, 10)
    (page,) = store.search(query, 5, offset=5)
    assert [m.record.id for m in page] == [m.record.id for m in whole[5:]]


def test_fewer_rows_than_k_are_all_returned(make_store: MakeStore) -> None:
    store = make_store()
    store.upsert(some_rows(3))
    (matches,) = store.search(random_vectors(1), 10)
    assert len(matches) == 3


def test_an_empty_archive_answers_with_nothing(make_store: MakeStore) -> None:
    store = make_store()
    assert store.search(random_vectors(1), 10) == [[]]
    assert store.count() == 0
    assert list(store.iterate()) == []


def test_a_filter_narrows_search_count_and_iteration(make_store: MakeStore) -> None:
    store = make_store()
    store.upsert(some_rows(60))
    (matches,) = store.search(random_vectors(1), 20, where="rating >= 4")
    assert len(matches) == 20
    assert {match.record.rating for match in matches} == {4, 5}
    assert store.count("rating >= 4") == 20
    assert len(list(store.iterate("rating == 0"))) == 10


@pytest.mark.parametrize("where", ["nonsense ==", "no_such_field == 1", "rating >=> 4", '"'])
def test_a_filter_that_cannot_be_read_is_the_callers_error(
    make_store: MakeStore, where: str
) -> None:
    store = make_store()
    store.upsert(some_rows(3))
    with pytest.raises(UsageError, match="the filter"):
        store.search(random_vectors(1), 3, where=where)


@pytest.mark.parametrize(("k", "offset"), [(0, 0), (-1, 0), (1, -1), (16_384, 1)])
def test_k_and_offset_have_limits_that_the_error_names(
    make_store: MakeStore, k: int, offset: int
) -> None:
    with pytest.raises(UsageError, match="at most 16,384"):
        make_store().search(random_vectors(1), k, offset=offset)


def test_writing_a_row_again_replaces_it(make_store: MakeStore) -> None:
    store, rows = make_store(), some_rows(5)
    store.upsert(rows)
    changed = a_record("0.jpg", rating=5)
    store.upsert([Embedded(changed, rows[1].vector)])
    assert store.count() == 5
    assert store.get([changed.id])[changed.id].rating == 5


def test_a_deleted_row_is_gone_and_an_absent_one_is_no_error(make_store: MakeStore) -> None:
    store, rows = make_store(), some_rows(5)
    store.upsert(rows)
    store.delete([rows[0].record.id, "absent"])
    assert store.count() == 4
    assert store.get([rows[0].record.id]) == {}


def test_every_vector_is_yielded_once_with_its_id(make_store: MakeStore) -> None:
    rows = some_rows(ROWS_PER_BATCH + 300)
    doubled = Embedded(rows[0].record, rows[0].vector * 2)
    expected = {row.record.id: row.vector for row in [doubled, *rows[1:]]}
    real, fake = make_store(), MemoryStore(a_collection())
    for store in (real, fake):
        assert list(store.iterate_vectors()) == []
        store.upsert([doubled, *rows[1:]])
        batches = list(store.iterate_vectors())
        assert max(len(ids) for ids, _ in batches) == ROWS_PER_BATCH
        assert all(vectors.dtype == np.float32 for _, vectors in batches)
        seen = [pair for ids, vectors in batches for pair in zip(ids, vectors, strict=True)]
        assert len(seen) == len(rows)
        assert all(np.array_equal(expected[i], vector) for i, vector in seen)


def test_vectors_can_be_filtered_by_the_fields_of_their_rows(make_store: MakeStore) -> None:
    store = make_store()
    store.upsert(some_rows(60))
    assert sum(len(ids) for ids, _ in store.iterate_vectors("rating >= 4")) == 20


def test_iteration_yields_every_row_once(make_store: MakeStore) -> None:
    store, rows = make_store(), some_rows(ROWS_PER_BATCH + 300)
    store.upsert(rows)
    seen = [record.path for record in store.iterate()]
    assert len(seen) == len(rows)
    assert set(seen) == {row.record.path for row in rows}


def test_an_archive_is_found_again_with_its_model_and_rows(
    store_uri: str, make_store: MakeStore
) -> None:
    store = make_store("holidays")
    store.upsert(some_rows(4))
    store.close()
    with MilvusStore.open(Connection(store_uri), "holidays") as again:
        assert again.collection == store.collection
        assert again.count() == 4
        assert len(again.search(random_vectors(1), 10)[0]) == 4
        assert list_archives(again.connection) == ["holidays"]


def test_an_archive_that_is_not_there_is_named_with_those_that_are(
    store_uri: str, make_store: MakeStore
) -> None:
    make_store("holidays").close()
    with (
        Connection(store_uri) as connection,
        pytest.raises(ArchiveMissing, match=r"no archive 'nope'.*there: holidays"),
    ):
        MilvusStore.open(connection, "nope")


def test_two_archives_do_not_see_each_others_rows(store_uri: str) -> None:
    connection = Connection(store_uri)
    options = {"model": "toy", "dim": 8, "fingerprint": "toy-1"}
    one = MilvusStore.create(connection, "one", **options)
    two = MilvusStore.create(connection, "two", **options)
    one.upsert(some_rows(3))
    assert (one.count(), two.count()) == (3, 0)
    one.close()


def test_a_collection_of_strangers_is_refused(store_uri: str) -> None:
    with Connection(store_uri) as connection:
        connection.client.create_collection("stranger", dimension=4)
        with pytest.raises(ArchiveMismatch, match="not made by Eidetic"):
            MilvusStore.open(connection, "stranger")


@pytest.mark.parametrize(
    ("version", "way_out"),
    [
        (SCHEMA_VERSION - 1, "eidetic --archive strange migrate"),
        (SCHEMA_VERSION + 1, "use the Eidetic that made it, or ingest the"),
    ],
)
def test_an_archive_of_another_schema_version_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int, way_out: str
) -> None:
    with Connection(str(tmp_path / "milvus.db")) as connection:
        monkeypatch.setattr("schema.milvus_store.SCHEMA_VERSION", version)
        MilvusStore.create(connection, "strange", dim=8, model="toy", fingerprint="toy-1")
        monkeypatch.undo()
        told = rf"version {version}, this .* version {SCHEMA_VERSION}; .*{way_out}"
        with pytest.raises(ArchiveMismatch, match=told):
            MilvusStore.open(connection, "strange")


@pytest.mark.parametrize("name", ["", "1st", "a-b", "a b", "x" * 65, "ärger", 'a"'])
def test_a_name_that_milvus_cannot_take_is_refused_with_the_rule(tmp_path: Path, name: str) -> None:
    with (
        Connection(str(tmp_path / "milvus.db")) as connection,
        pytest.raises(UsageError, match="starts with a letter"),
    ):
        MilvusStore.open(connection, name)


@pytest.mark.parametrize("index", ["hnsw", "ivf_sq8", "flat"])
def test_every_index_profile_finds_the_nearest_row(make_store: MakeStore, index: str) -> None:
    store, rows = make_store(index=index), some_rows(300)
    store.upsert(rows)
    (matches,) = store.search(rows[42].vector[None], 3)
    assert matches[0].record.path == "42.jpg"


def test_the_embedded_store_refuses_a_profile_of_the_server(tmp_path: Path) -> None:
    with (
        Connection(str(tmp_path / "milvus.db")) as connection,
        pytest.raises(UsageError, match=r"diskann.*hnsw, ivf_sq8, flat"),
    ):
        MilvusStore.create(connection, "a", model="toy", dim=8, fingerprint="f", index="diskann")


def test_another_model_dimension_or_preprocessing_is_refused_with_the_way_out() -> None:
    collection = a_collection()
    collection.require(model="toy", dim=8, fingerprint="toy-1")
    with pytest.raises(ArchiveMismatch, match=r"eidetic migrate --model other"):
        collection.require(model="other", dim=8, fingerprint="toy-1")
    with pytest.raises(ArchiveMismatch, match="pre-processing 'toy-1', not 'toy-2'"):
        collection.require(model="toy", dim=8, fingerprint="toy-2")


def test_a_server_that_is_not_there_is_said_within_seconds() -> None:
    with pytest.raises(StoreUnreachable, match=r"no Milvus answers at http://127\.0"):
        Connection(f"http://127.0.0.1:{free_port()}")


def test_an_address_without_a_scheme_is_explained() -> None:
    with pytest.raises(UsageError, match="not the address of a Milvus server"):
        Connection("localhost:19530")


def test_a_damaged_embedded_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "milvus.db"
    path.write_text("not a folder")
    with pytest.raises(StoreError, match=r"milvus\.db cannot be opened"):
        Connection(str(path))


def test_the_memory_store_and_the_milvus_store_agree(make_store: MakeStore) -> None:
    rows, query = some_rows(100), random_vectors(1, seed=5)
    stores: list[Store] = [MemoryStore(a_collection()), make_store()]
    answers = []
    for store in stores:
        store.upsert(rows)
        store.delete([rows[50].record.id])
        (matches,) = store.search(query, 10, offset=2)
        answers.append(([m.record for m in matches], store.count(), store.get([rows[1].record.id])))
    assert answers[0] == answers[1]


def test_an_archive_half_made_by_a_killed_run_is_made_anew(tmp_path: Path) -> None:
    with Connection(str(tmp_path / "milvus.db")) as connection:
        MilvusStore.create(connection, "a__b", model="toy", dim=8, fingerprint="f")
        connection.client.drop_alias("a__b")
        made = MilvusStore.create(connection, "a__b", model="toy", dim=8, fingerprint="f")
        assert MilvusStore.open(connection, "a__b").collection == made.collection
        assert list_archives(connection) == ["a__b"]


def test_an_address_without_a_host_is_explained() -> None:
    with pytest.raises(UsageError, match="not the address of a Milvus server"):
        Connection("http://")


@pytest.mark.milvus_server
def test_a_standalone_server_refuses_more_replicas_than_it_has_nodes_and_takes_one(
    milvus_uri: str,
) -> None:
    made = {"model": "toy", "dim": 8, "fingerprint": "toy-1"}
    with (
        Connection(milvus_uri, replicas=2) as connection,
        pytest.raises(StoreError, match=r"could not load .*--replicas 2: each replica needs"),
    ):
        MilvusStore.create(connection, "doubled", **made)
    with MilvusStore.create(Connection(milvus_uri, replicas=1), "single", **made) as store:
        store.upsert(some_rows(3))
        assert store.count() == 3
    drop_everything(milvus_uri)
