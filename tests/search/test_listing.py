"""Conditions alone list rows by date."""

import pytest

from schema import Embedded, ImageRecord, MemoryStore
from search import answer, build_query
from tests.samples import a_collection, a_record, random_vectors

DATES = {"b.jpg": 2_000, "a.jpg": 2_000, "old.jpg": -5_000, "new.jpg": 9_000, "undated.jpg": None}


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore(a_collection())
    for path, taken_at in DATES.items():
        record = a_record(path, taken_at=taken_at, rating=4)
        store.upsert([Embedded(record, random_vectors(1)[0])])
    store.upsert([Embedded(a_record("rejected.jpg", rating=-1), random_vectors(1)[0])])
    return store


def listed(store: MemoryStore, **page: int) -> list[str]:
    def refuse() -> None:
        raise AssertionError("the model was loaded")

    rows = answer(build_query("rating:4", **page), store=store, encoder=refuse)  # type: ignore[arg-type]
    assert all(isinstance(row, ImageRecord) for row in rows)
    return [row.path for row in rows]  # type: ignore[union-attr]


def test_the_newest_come_first_and_those_of_no_date_last(store: MemoryStore) -> None:
    assert listed(store) == ["new.jpg", "a.jpg", "b.jpg", "old.jpg", "undated.jpg"]


def test_pages_join(store: MemoryStore) -> None:
    assert listed(store, k=2) + listed(store, k=2, offset=2) == listed(store, k=4)
