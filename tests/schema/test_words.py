"""A store finds rows by the words of their text, and draws a sample of its vectors."""

import pytest

from schema import Connection, Embedded, MemoryStore, MilvusStore, Store, UsageError
from schema.bm25 import bm25, tokens
from schema.fields import SPARSE_FIELD
from schema.filters import Between, Tagged
from tests.conftest import MakeStore
from tests.samples import a_collection, a_record, random_vectors, some_rows

TEXTS = ("Anna, Paris", "anna anna", "the beach of Nice", "beach anna IMG 2041", "قطة جميلة")


def rows() -> list[Embedded]:
    vectors = random_vectors(len(TEXTS))
    return [
        Embedded(a_record(f"{n}.jpg", text=text, rating=n, tags=(f"t{n}",)), vectors[n])
        for n, text in enumerate(TEXTS)
    ]


@pytest.fixture
def store(make_store: MakeStore) -> MilvusStore:
    made = make_store()
    if not made.can_match_words:
        pytest.skip("this store has no BM25")
    made.upsert(rows())
    return made


def texts(store: Store, words: str, **options: object) -> list[str]:
    found = store.match_words(words, 10, **options)  # type: ignore[arg-type]
    assert all(row.bm25 > 0 for row in found)
    return [row.record.text for row in found]


@pytest.mark.parametrize("words", ["anna", "ANNA", "beach anna", "2041", "قطة", "zebra", "nice or"])
def test_rows_come_by_their_words_as_from_the_store_in_memory(
    store: MilvusStore, words: str
) -> None:
    memory = MemoryStore(a_collection())
    memory.upsert(rows())
    assert texts(store, words) == texts(memory, words)


def test_the_best_comes_first_and_k_bounds_them(store: MilvusStore) -> None:
    assert texts(store, "beach anna")[0] == "beach anna IMG 2041"
    assert len(store.match_words("anna", 2)) == 2


def test_filters_and_expressions_hold(store: MilvusStore) -> None:
    assert texts(store, "anna", where="rating > 0", filters=[Between("rating", None, 2)]) == [
        "anna anna"
    ]
    assert texts(store, "anna", filters=[Tagged("T3")]) == ["beach anna IMG 2041"]
    with pytest.raises(UsageError):
        store.match_words("anna", 10, where="no such field")


def test_rare_matches_of_a_filter_are_found_behind_many_rows_of_the_words(
    make_store: MakeStore,
) -> None:
    store = make_store()
    vectors = random_vectors(1200)
    store.upsert(
        [
            Embedded(a_record(f"{n}.jpg", text="anna", tags=("rare",) if n == 1100 else ()), v)
            for n, v in enumerate(vectors)
        ]
    )
    found = store.match_words("anna", 5, filters=[Tagged("rare")])
    assert [row.record.path for row in found] == ["1100.jpg"][: store.can_match_words]


@pytest.mark.milvus_server
def test_a_server_without_bm25_finds_nothing_by_words_and_says_so(milvus_uri: str) -> None:
    with MilvusStore.create(
        Connection(milvus_uri), "wordless", model="toy", dim=8, fingerprint="toy-1"
    ) as store:
        if store.connection.capabilities.bm25:
            pytest.skip("this server has BM25")
        store.upsert(rows())
        assert not store.can_match_words
        assert store.match_words("anna", 10) == []
        store.drop()


def test_a_collection_made_without_bm25_stays_so(make_store: MakeStore) -> None:
    store = make_store("old")
    client, name = store.connection.client, store.collection.name
    store.upsert(rows())
    fields = [field["name"] for field in client.describe_collection(name)["fields"]]
    assert store.can_match_words == (SPARSE_FIELD in fields)
    wordless = MilvusStore(store.connection, store.collection, bm25=False)
    assert wordless.match_words("anna", 10) == []


def test_a_small_archive_is_its_own_sample(make_store: MakeStore) -> None:
    store = make_store()
    assert store.sample_vectors(10).shape == (0, 8)
    store.upsert(some_rows(30))
    assert store.sample_vectors(100).shape == (30, 8)


def test_a_sample_is_drawn_by_chance_and_stays(make_store: MakeStore) -> None:
    store = make_store()
    stored = some_rows(2000)
    store.upsert(stored)
    sample = store.sample_vectors(500)
    assert 400 < len(sample) < 600
    assert sorted(map(tuple, store.sample_vectors(500).tolist())) == sorted(
        map(tuple, sample.tolist())
    )
    place = {tuple(row.vector.tolist()): n for n, row in enumerate(stored)}
    drawn = [place[tuple(vector)] for vector in sample.tolist()]
    assert sum(n < 1000 for n in drawn) == pytest.approx(len(drawn) / 2, rel=0.15)


def test_words_are_runs_of_letters_and_digits() -> None:
    assert tokens("IMG_2041-b, l'été; 北京") == ["img", "2041", "b", "l", "été", "北京"]


def test_bm25_is_that_of_the_formula() -> None:
    # Two of three texts have "a"; lengths 1, 2, 3, on average 2.
    scores = bm25(["a", "a b", "b b c"], "a")
    idf = 0.470003629  # ln((3 - 2 + 0.5) / (2 + 0.5) + 1)
    assert scores == pytest.approx(
        [idf * 2.5 / (1 + 1.5 * 0.625), idf * 2.5 / (1 + 1.5), 0.0], abs=1e-6
    )


def test_texts_without_words_score_nothing() -> None:
    assert bm25(["", ""], "a") == [0.0, 0.0]
    assert bm25([], "a") == []
