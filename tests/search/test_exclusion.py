"""What is excluded stays out, what is wanted stays in, and the page is filled up."""

import numpy as np
import pytest

from embed.encoder import ToyEncoder, unit
from schema import Embedded, MemoryStore, UsageError
from schema.filters import Between
from schema.index import MAX_LIMIT
from schema.records import Vectors
from search import Query, Row, Text, search
from search.exclusion import MIN_SAMPLE
from tests.samples import a_collection, a_record

DIM = 8


class Axes(ToyEncoder):
    """A text is the sum of the axes that its letters name: "a" is the first, "ab" between two.
    Other letters count for nothing."""

    dim = DIM

    def encode_texts(self, texts: object) -> Vectors:
        kinds = [["abcdefgh".index(c) for c in t if c in "abcdefgh"] for t in texts]  # type: ignore[attr-defined]
        return unit(np.stack([np.eye(DIM)[kind].sum(axis=0) for kind in kinds]))


ENCODER = Axes()


def filled(**counts: int) -> MemoryStore:
    """So many images of each kind; an image of kind "ab" shows both, with some noise."""
    store, random = MemoryStore(a_collection(DIM)), np.random.default_rng(0)
    for kind, count in counts.items():
        for n in range(count):
            vector = ENCODER.encode_texts([kind])[0] + 0.05 * random.standard_normal(DIM)
            record = a_record(f"{kind}/{n}.jpg", rating=n % 6)
            store.upsert([Embedded(record, unit(vector[None])[0])])
    return store


def kinds(query: Query, store: MemoryStore) -> list[str]:
    return [match.record.folder for match in search(query, store=store, encoder=lambda: ENCODER)]


@pytest.fixture
def store() -> MemoryStore:
    return filled(a=30, ab=60, ac=60, bc=60, cd=60, ef=60)


def test_without_an_exclusion_both_kinds_come(store: MemoryStore) -> None:
    assert set(kinds(Query((Text("a"),), k=120), store)) > {"ab", "ac"}


def test_what_shows_the_excluded_is_left_out_and_the_page_filled_up(store: MemoryStore) -> None:
    found = kinds(Query((Text("a"),), k=90, excluded=(Text("b"),)), store)
    assert found[:30] == ["a"] * 30
    assert found[30:] == ["ac"] * 60


def test_each_of_several_exclusions_is_left_out(store: MemoryStore) -> None:
    found = kinds(Query((Text("a"),), k=300, excluded=(Text("b"), Text("c"))), store)
    assert found[:30] == ["a"] * 30
    assert not {"ab", "bc", "ac", "cd"} & set(found)


def test_images_can_be_left_out(store: MemoryStore) -> None:
    row = a_record("ab/0.jpg").id
    found = kinds(Query((Text("a"),), k=90, excluded=(Row(row),)), store)
    assert "ab" not in found


def test_pages_join_and_scores_fall(store: MemoryStore) -> None:
    def page(k: int, offset: int) -> list[tuple[str, float]]:
        query = Query((Text("a"),), k=k, offset=offset, excluded=(Text("b"),))
        found = search(query, store=store, encoder=lambda: ENCODER)
        return [(match.record.id, match.score) for match in found]

    whole = page(60, 0)
    assert page(20, 0) + page(20, 20) + page(20, 40) == whole
    assert [score for _, score in whole] == sorted((score for _, score in whole), reverse=True)


def test_filters_hold_besides(store: MemoryStore) -> None:
    query = Query((Text("a"),), k=300, excluded=(Text("b"),), filters=(Between("rating", 3, None),))
    found = search(query, store=store, encoder=lambda: ENCODER)
    assert {match.record.rating for match in found} == {3, 4, 5}
    assert "ab" not in {match.record.folder for match in found}


def test_many_images_of_the_excluded_do_not_use_up_the_page() -> None:
    store = filled(ab=1000, a=20, cd=4000, ac=20)
    found = kinds(Query((Text("ab"),), k=20, excluded=(Text("b"),)), store)
    assert found == ["a"] * 20


def test_in_a_small_archive_what_is_nearer_to_the_excluded_is_left_out() -> None:
    store = filled(a=3, b=3, bc=3)
    assert MIN_SAMPLE > 9
    assert kinds(Query((Text("a"),), k=9, excluded=(Text("b"),)), store) == ["a"] * 3


def test_an_empty_archive_has_nothing_to_leave_out() -> None:
    query = Query((Text("a"),), excluded=(Text("b"),))
    assert kinds(query, MemoryStore(a_collection(DIM))) == []


def test_a_page_beyond_the_limit_is_refused(store: MemoryStore) -> None:
    query = Query((Text("a"),), k=MAX_LIMIT, offset=1, excluded=(Text("b"),))
    with pytest.raises(UsageError, match="at most 16,384"):
        kinds(query, store)
