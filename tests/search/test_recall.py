"""Recall of the index against exact search over the same rows."""

from collections.abc import Iterable

import numpy as np
import pytest

from schema import Embedded, Match, MemoryStore, Store, Vectors
from search.recall import ExactNeighbours, IndexRecall
from tests.conftest import MakeStore
from tests.samples import a_collection, a_record, random_vectors, some_rows


class Shortsighted(MemoryStore):
    """A store whose index never finds the nearest ``blind`` rows of a query but the first."""

    blind = 0

    def search(
        self, queries: Vectors, k: int, *, where: str = "", offset: int = 0
    ) -> list[list[Match]]:
        found = super().search(queries, k + self.blind, where=where, offset=offset)
        return [[matches[0], *matches[1 + self.blind :]] for matches in found]


def measure(store: Store, ids: list[str]) -> IndexRecall:
    stored = store.vectors(ids)
    exact = ExactNeighbours(np.stack([stored[i] for i in ids]))
    for _, vectors in store.iterate_vectors():
        exact.take(vectors)
    return exact.measure(ids, store)


def filled(store: MemoryStore, rows: Iterable[Embedded]) -> list[str]:
    rows = list(rows)
    store.upsert(rows)
    return [row.record.id for row in rows]


def test_exact_search_finds_all() -> None:
    store = MemoryStore(a_collection())
    ids = filled(store, some_rows(300))
    assert measure(store, ids[:100]) == IndexRecall(1.0, {})


@pytest.mark.parametrize(("blind", "share"), [(1, 0.9), (3, 0.7), (9, 0.1)])
def test_what_the_index_misses_lowers_the_recall_and_is_named(blind: int, share: float) -> None:
    store = Shortsighted(a_collection(64))
    ids = filled(store, some_rows(300, dim=64))
    store.blind = blind
    found = measure(store, ids[:70])
    assert found.at_10 == pytest.approx(share)
    assert found.short == dict.fromkeys(ids[:70], share)


def test_batches_of_any_size_give_the_same() -> None:
    rows = some_rows(500)
    queries = np.stack([row.vector for row in rows[:5]])
    vectors = np.stack([row.vector for row in rows])
    best = -np.sort(-(queries @ vectors.T), axis=1)[:, :10]
    for size in (1, 7, 500):
        exact = ExactNeighbours(queries)
        for start in range(0, 500, size):
            exact.take(vectors[start : start + size])
        found = -np.sort(-exact._best, axis=1)
        assert np.allclose(found, best)


def test_rows_of_one_vector_can_stand_for_each_other() -> None:
    store = MemoryStore(a_collection())
    vector = random_vectors(1)[0]
    ids = filled(store, [Embedded(a_record(f"{n}.jpg"), vector) for n in range(50)])
    assert measure(store, ids) == IndexRecall(1.0, {})


def test_fewer_rows_than_ten_are_all_to_be_found() -> None:
    store = Shortsighted(a_collection())
    ids = filled(store, some_rows(4))
    assert measure(store, ids).at_10 == 1.0
    store.blind = 1
    assert measure(store, ids).at_10 == 0.75


def test_rows_without_a_direction_do_not_count() -> None:
    exact = ExactNeighbours(random_vectors(3))
    exact.take(random_vectors(20))
    before = exact._best.copy()
    exact.take(np.array([[0.0] * 8, [np.nan] * 8, [np.inf] * 8], dtype=np.float32))
    assert np.array_equal(np.sort(exact._best), np.sort(before))


def test_the_real_index_is_close_to_exact(make_store: MakeStore) -> None:
    store = make_store()
    rows = some_rows(2000)
    store.upsert(rows)
    assert measure(store, [row.record.id for row in rows[:50]]).at_10 >= 0.95
