"""An archive seen through its descriptions: what is a hit, and under which conditions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schema import Connection, DescriptionStore, Embedded, MemoryStore, MilvusStore, UsageError
from schema.descriptions import Description
from schema.filters import Between
from search import DescribedRows
from tests.samples import a_collection, a_record, random_vectors

N = 1500
"""More rows than are compared one by one."""


@pytest.fixture(scope="module")
def descriptions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DescriptionStore]:
    connection = Connection(str(tmp_path_factory.mktemp("store") / "milvus.db"))
    store = DescriptionStore.create(
        connection, "archive", model="words", dim=8, fingerprint="words-1"
    )
    store.upsert(
        [
            Description(row.record.id, "d", vector)
            for row, vector in zip(rows(), random_vectors(N, seed=1), strict=True)
        ]
    )
    with store:
        yield store


def rows() -> list[Embedded]:
    """Rows whose own vectors have nothing to do with those of their texts."""
    vectors = random_vectors(N, seed=0)
    return [Embedded(a_record(f"{i}.jpg", width=i), vectors[i]) for i in range(N)]


@pytest.fixture
def archive(descriptions: DescriptionStore) -> DescribedRows:
    store = MemoryStore(a_collection())
    store.upsert(rows())
    return DescribedRows(store, descriptions)


def ranked(query: int) -> list[str]:
    vectors = random_vectors(N, seed=1)
    order = (-(vectors @ vectors[query])).argsort(kind="stable")
    return [f"{i}.jpg" for i in order]


def paths(archive: DescribedRows, query: int, k: int, **options: object) -> list[str]:
    vector = random_vectors(N, seed=1)[query][None]
    (found,) = archive.search(vector, k, **options)  # type: ignore[arg-type]
    return [match.record.path for match in found]


def test_hits_are_the_nearest_texts_with_their_cosines(archive: DescribedRows) -> None:
    vectors = random_vectors(N, seed=1)
    (found,) = archive.search(vectors[3][None], 5)
    assert [match.record.path for match in found] == ranked(3)[:5]
    assert found[0].score == pytest.approx(1.0, abs=1e-5)
    assert [match.score for match in found] == sorted((m.score for m in found), reverse=True)


def test_pages_follow_each_other(archive: DescribedRows) -> None:
    assert paths(archive, 3, 5, offset=5) == ranked(3)[5:10]


@pytest.mark.parametrize("width", [0, N - 1100, N - 12], ids=["all", "most", "few"])
def test_as_many_hits_come_back_as_there_are_under_a_filter(
    archive: DescribedRows, width: int
) -> None:
    wanted = [path for path in ranked(5) if int(path.removesuffix(".jpg")) >= width]
    assert paths(archive, 5, 20, filters=(Between("width", width),)) == wanted[:20]


def test_rows_that_are_gone_are_no_hits_and_others_take_their_places(
    descriptions: DescriptionStore,
) -> None:
    store = MemoryStore(a_collection())
    store.upsert(rows())
    gone = ranked(9)[:200]
    store.delete([a_record(path).id for path in gone])
    assert paths(DescribedRows(store, descriptions), 9, 10) == ranked(9)[200:210]


def test_an_expression_holds_on_the_rows_as_they_are_now(tmp_path: Path) -> None:
    with MilvusStore.create(
        Connection(str(tmp_path / "milvus.db")),
        "archive",
        model="toy",
        dim=8,
        fingerprint="toy-1",
    ) as store:
        made = rows()[:40]
        store.upsert(made)
        texts = DescriptionStore.create(
            store.connection, "archive", model="words", dim=8, fingerprint="words-1"
        )
        vectors = random_vectors(N, seed=1)
        texts.upsert([Description(made[i].record.id, "d", vectors[i]) for i in range(40)])
        archive = DescribedRows(store, texts)
        wanted = [path for path in ranked(5) if int(path.removesuffix(".jpg")) in range(30, 40)]
        assert paths(archive, 5, 6, where="width >= 30") == wanted[:6]
        assert [len(ids) for ids, _ in archive.iterate_vectors("width >= 30")] == [10]
        store.upsert([Embedded(a_record(wanted[0], width=1), vectors[0])])
        assert paths(archive, 5, 6, where="width >= 30") == wanted[1:7]
        with pytest.raises(UsageError, match="the filter 'width >>= 30' cannot be used"):
            paths(archive, 5, 6, where="width >>= 30")


def test_nothing_is_written_through_it(archive: DescribedRows) -> None:
    with pytest.raises(UsageError, match="descriptions are made from the rows"):
        archive.upsert(rows()[:1])
    with pytest.raises(UsageError, match="descriptions are made from the rows"):
        archive.delete([rows()[0].record.id])


def test_a_page_beyond_what_milvus_returns_is_refused(archive: DescribedRows) -> None:
    with pytest.raises(UsageError, match="both together at most 16,384"):
        paths(archive, 0, 10, offset=16_380)
