"""Rows found by words join those near in vectors: names are found, images are not disturbed."""

import numpy as np
import pytest

from embed.encoder import ToyEncoder
from schema import Embedded, MemoryStore, Store, UsageError
from schema.filters import Between, Filter, Tagged
from schema.index import MAX_LIMIT
from search import Judged, Query, Row, Text, search
from search.fusion import DEPTH
from tests.conftest import MakeStore
from tests.samples import a_collection, a_record, random_vectors

ENCODER = ToyEncoder()
SIZE = 400


def fill(store: Store, size: int = SIZE, **texts: str) -> Store:
    """Rows n0 to n399 with random vectors; ``texts`` gives some of them words."""
    vectors = random_vectors(size, ENCODER.dim)
    store.upsert(
        [
            Embedded(
                a_record(
                    f"n{n}.jpg",
                    text=texts.get(f"n{n}", f"n{n}"),
                    rating=n % 5,
                    tags=("even",) if n % 2 == 0 else (),
                ),
                vectors[n],
            )
            for n in range(size)
        ]
    )
    return store


@pytest.fixture
def store() -> Store:
    return fill(MemoryStore(a_collection(ENCODER.dim)), n7="anna beach", n8="anna", n390="Anna")


def ask(query: Query, store: Store) -> list[Judged]:
    return search(query, store=store, encoder=lambda: ENCODER)


def names(query: Query, store: Store) -> list[str]:
    return [match.record.path.removesuffix(".jpg") for match in ask(query, store)]


def test_an_image_is_found_by_its_name_whatever_it_shows(store: Store) -> None:
    assert names(Query((Text("n123"),), k=1), store) == ["n123"]


def test_a_hit_found_by_its_words_has_its_true_cosine(store: Store) -> None:
    (vector,) = ENCODER.encode_texts(["anna"])
    for match in ask(Query((Text("anna"),), k=50), store):
        stored = store.vectors([match.record.id])[match.record.id]
        assert match.score == pytest.approx(float(stored @ vector), abs=1e-6)


def test_all_rows_of_a_name_come_before_the_nearest_in_the_order_of_the_vectors(
    store: Store,
) -> None:
    found = names(Query((Text("anna"),), k=3), store)
    assert set(found) == {"n7", "n8", "n390"}
    by_vector = names(Query((Text("anna"),), k=SIZE, words=False), store)
    assert found == sorted(found, key=by_vector.index)


def test_words_that_are_in_no_text_change_nothing_at_all(store: Store) -> None:
    with_words, without = (
        ask(Query((Text("a red boat on the sea"),), k=30, words=words), store)
        for words in (True, False)
    )
    assert [(m.record.id, m.score) for m in with_words] == [(m.record.id, m.score) for m in without]


def test_stop_words_in_file_names_do_not_win() -> None:
    store = fill(MemoryStore(a_collection(ENCODER.dim)), n5="on the a", n6="with two of the")
    query = "two of them on the boat with a sail"
    assert names(Query((Text(query),)), store) == names(Query((Text(query),), words=False), store)


def test_a_row_of_half_the_words_rises_but_does_not_lead(store: Store) -> None:
    query = (Text("red anna"),)
    by_vector = names(Query(query, k=SIZE, words=False), store)
    fused = names(Query(query, k=SIZE), store)
    assert fused[0] == by_vector[0]
    for name in ("n7", "n8", "n390"):
        assert fused.index(name) <= by_vector.index(name)
    assert fused.index("n7") < by_vector.index("n7")


def test_pages_join_within_and_beyond_the_fused_ranks(store: Store) -> None:
    whole = names(Query((Text("anna"),), k=SIZE), store)
    assert sorted(whole) == sorted(f"n{n}" for n in range(SIZE))
    pages = [names(Query((Text("anna"),), k=40, offset=n), store) for n in range(0, SIZE, 40)]
    assert [name for page in pages for name in page] == whole


def test_beyond_the_fused_ranks_the_order_is_that_of_the_vectors(store: Store) -> None:
    rest = ask(Query((Text("anna"),), k=100, offset=DEPTH + 3), store)
    scores = [match.score for match in rest]
    assert scores == sorted(scores, reverse=True)


def test_filters_hold_for_rows_found_by_words(store: Store) -> None:
    filters: tuple[Filter, ...] = (Between("rating", 3, None), Tagged("even"))
    found = ask(Query((Text("anna"),), k=SIZE, filters=filters), store)
    assert len(found) == SIZE * 2 // 10
    assert found[0].record.path == "n8.jpg"
    assert all(match.record.rating in (3, 4) and match.record.tags for match in found)


def test_what_is_excluded_is_not_found_by_its_words(store: Store) -> None:
    excluded = Row(a_record("n8.jpg").id)
    found = names(Query((Text("anna"),), k=20, excluded=(excluded,)), store)
    assert "n8" not in found
    assert "n7" in found[:3]
    assert len(found) == 20


def test_scores_of_an_excluding_query_are_of_one_kind(store: Store) -> None:
    query = Query((Text("anna"),), k=SIZE, excluded=(Text("boat"),))
    matches = ask(query, store)
    plain = ask(Query((Text("anna"),), k=SIZE, excluded=(Text("boat"),), words=False), store)
    scores = {match.record.id: match.score for match in plain}
    shared = [match for match in matches if match.record.id in scores]
    assert len(shared) > SIZE / 2
    for match in shared:
        assert match.score == pytest.approx(scores[match.record.id], abs=1e-6)


def test_a_page_beyond_the_limit_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match=r"both together at most 16,384"):
        ask(Query((Text("anna"),), k=10, offset=MAX_LIMIT), store)


def test_the_real_stores_answer_like_the_one_in_memory(make_store: MakeStore) -> None:
    real = make_store(dim=ENCODER.dim)
    fill(real, size=150, n7="anna beach", n8="anna", n130="Anna")
    memory = fill(
        MemoryStore(a_collection(ENCODER.dim)), 150, n7="anna beach", n8="anna", n130="Anna"
    )
    assert isinstance(memory, MemoryStore)
    memory.can_match_words = real.can_match_words
    for query in (
        Query((Text("anna"),), k=20),
        Query((Text("anna"),), k=20, offset=20),
        Query((Text("n77"),), k=5),
        Query((Text("anna"),), k=20, filters=(Tagged("even"),)),
        Query((Text("anna"),), k=20, excluded=(Text("boat"),)),
    ):
        assert names(query, real) == names(query, memory), query


def test_the_order_is_the_same_every_time(store: Store) -> None:
    random = np.random.default_rng(0)
    first = names(Query((Text("anna"),), k=50), store)
    rows = store.get([a_record(f"n{n}.jpg").id for n in range(SIZE)])
    vectors = store.vectors(list(rows))
    shuffled = MemoryStore(a_collection(ENCODER.dim))
    for i in random.permutation(list(rows)):
        shuffled.upsert([Embedded(rows[i], vectors[i])])
    assert names(Query((Text("anna"),), k=50), shuffled) == first
