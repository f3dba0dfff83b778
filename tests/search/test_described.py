"""An archive seen through its descriptions: what is a hit, and under which conditions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schema import Connection, DescriptionStore, Embedded, MilvusStore, UsageError
from schema.descriptions import Description
from schema.filters import Between
from search import DescribedRows
from tests.samples import a_record, random_vectors

N = 1500
"""More rows than are compared one by one."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DescribedRows]:
    with MilvusStore.create(
        Connection(str(tmp_path_factory.mktemp("store") / "milvus.db")),
        "archive",
        model="toy",
        dim=8,
        fingerprint="toy-1",
    ) as store:
        store.upsert(rows())
        yield DescribedRows(store, describe(store))


def describe(store: MilvusStore) -> DescriptionStore:
    texts = DescriptionStore.create(
        store.connection, "archive", model="words", dim=8, fingerprint="words-1"
    )
    texts.upsert(
        [
            Description(row.record.id, "d", vector)
            for row, vector in zip(rows(), random_vectors(N, seed=1), strict=True)
        ]
    )
    return texts


def rows() -> list[Embedded]:
    """Rows whose own vectors have nothing to do with those of their texts."""
    vectors = random_vectors(N, seed=0)
    return [Embedded(a_record(f"{i}.jpg", width=i), vectors[i]) for i in range(N)]


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


def test_an_expression_is_kept_beside_filters(archive: DescribedRows) -> None:
    numbers = [int(path.removesuffix(".jpg")) for path in ranked(5)]
    wanted = [f"{i}.jpg" for i in numbers if 100 <= i < 1400]
    found = paths(archive, 5, 20, where="width >= 100", filters=(Between("width", None, 1399),))
    assert found == wanted[:20]
    with pytest.raises(UsageError, match="the filter 'width >>= 30' cannot be used"):
        paths(archive, 5, 6, where="width >>= 30")


def test_what_is_gone_or_changed_among_the_rows_is_so_among_the_hits(tmp_path: Path) -> None:
    with MilvusStore.create(
        Connection(str(tmp_path / "milvus.db")),
        "archive",
        model="toy",
        dim=8,
        fingerprint="toy-1",
    ) as store:
        # Of most descriptions there is no row.
        kept = [path for path in ranked(5) if int(path.removesuffix(".jpg")) >= 1200]
        store.upsert([row for row in rows() if row.record.path in kept])
        archive = DescribedRows(store, describe(store))
        assert paths(archive, 5, 10) == kept[:10]
        assert paths(archive, 5, 6, where="width >= 1200") == kept[:6]
        store.upsert([Embedded(a_record(kept[0], width=1), random_vectors(1)[0])])
        assert paths(archive, 5, 6, where="width >= 1200") == kept[1:7]
        store.delete([a_record(kept[1]).id])
        assert paths(archive, 5, 6) == [kept[0], *kept[2:7]]
        assert sum(len(ids) for ids, _ in archive.iterate_vectors()) == 299


def test_nothing_is_written_through_it(archive: DescribedRows) -> None:
    with pytest.raises(UsageError, match="descriptions are made from the rows"):
        archive.upsert(rows()[:1])
    with pytest.raises(UsageError, match="descriptions are made from the rows"):
        archive.delete([rows()[0].record.id])


def test_a_page_beyond_what_milvus_returns_is_refused(archive: DescribedRows) -> None:
    with pytest.raises(UsageError, match="both together at most 16,384"):
        paths(archive, 0, 10, offset=16_380)
