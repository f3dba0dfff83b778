"""Vectors that matches carry are not asked for again, and a row that has gone has none."""

from collections.abc import Sequence

import numpy as np

from schema import Match, MemoryStore, Vector
from search.carried import with_vectors
from tests.samples import a_collection, some_rows


class Asked(MemoryStore):
    """Tells which vectors it was asked for."""

    asked: tuple[str, ...] = ()

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        self.asked += tuple(ids)
        return super().vectors(ids)


def test_only_what_matches_do_not_carry_is_asked_for_and_their_order_stays() -> None:
    store, rows = Asked(a_collection()), some_rows(4)
    store.upsert(rows[:3])
    carrying = (0, 3)
    matches = [
        Match(row.record, 0.5, row.vector if n in carrying else None) for n, row in enumerate(rows)
    ]
    found, vectors = with_vectors(matches, store)
    assert found == matches
    assert np.array_equal(vectors, np.stack([row.vector for row in rows]))
    assert store.asked == (rows[1].record.id, rows[2].record.id)


def test_a_match_whose_row_has_gone_is_left_out() -> None:
    store, rows = Asked(a_collection()), some_rows(2)
    store.upsert(rows[:1])
    matches = [Match(row.record, 0.5) for row in rows]
    found, vectors = with_vectors(matches, store)
    assert found == matches[:1]
    assert vectors.shape == (1, 8)


def test_of_no_matches_there_are_no_vectors() -> None:
    found, vectors = with_vectors([], Asked(a_collection()))
    assert found == []
    assert vectors.shape == (0, 8)
