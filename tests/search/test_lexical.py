"""Which rows the words of a query find, and how much that counts."""

import pytest

from embed.encoder import ToyEncoder
from schema import Embedded, MemoryStore
from search import Image, Query, Text
from search.lexical import POWER, Ranked, content_words, rank_by_words
from tests.samples import a_collection, a_record, random_vectors

DIM = ToyEncoder.dim


def filled(*texts: str) -> MemoryStore:
    store = MemoryStore(a_collection(DIM))
    vectors = random_vectors(len(texts), DIM)
    store.upsert([Embedded(a_record(f"{n}.jpg", text=t), vectors[n]) for n, t in enumerate(texts)])
    return store


def ranked(words: str, *texts: str) -> list[Ranked]:
    lists = rank_by_words(Query((Text(words),)), filled(*texts))
    return lists[0] if lists else []


def named(rows: list[Ranked]) -> list[str]:
    return [row.record.text for row in rows]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Two dogs on a beach", ("dogs", "beach")),
        ("a photo of Chelsea", ("chelsea",)),
        ("IMG_2041-b.JPG", ("2041", "b")),
        ("ein Hund und das Meer", ("hund", "meer")),
        ("صورة قطة", ("قطة",)),
        ("beach, beach", ("beach",)),
        ("to be or not to be", ("to", "be", "or", "not")),
        ("...", ()),
    ],
)
def test_stop_words_are_not_looked_for_unless_there_are_no_others(
    text: str, words: tuple[str, ...]
) -> None:
    assert content_words(text) == words


def test_a_row_of_all_the_words_comes_first_and_counts_in_full() -> None:
    found = ranked("anna at the beach", "beach", "anna on the beach 2041", "paris")
    assert named(found) == ["anna on the beach 2041", "beach"]
    assert [row.weight for row in found] == [1.0, 0.5**POWER]
    assert [row.is_whole for row in found] == [True, False]


def test_a_row_of_less_than_half_the_words_does_not_count() -> None:
    assert ranked("two dogs run on a sunny beach", "beach", "on a two") == []


def test_rows_of_equally_many_words_share_a_rank_however_long_their_text() -> None:
    found = ranked("anna paris", "anna rome", "anna anna paris 3", "anna paris", "rome", "paris")
    assert [row.rank for row in found] == [1, 1, 3, 3]
    assert [row.is_whole for row in found] == [True, True, False, False]


def test_words_of_the_text_are_whole_words_in_any_case() -> None:
    assert named(ranked("ANNA", "Anna", "hanna", "annabel")) == ["Anna"]


def test_each_text_of_a_query_has_a_list_that_weighs_its_share() -> None:
    store = filled("anna", "paris", "rome")
    query = Query((Text("anna", 3.0), Text("paris", 1.0), Text("berlin", 4.0)))
    lists = rank_by_words(query, store)
    assert [named(rows) for rows in lists] == [["anna"], ["paris"]]
    assert [rows[0].weight for rows in lists] == [3 / 8, 1 / 8]


def test_images_have_no_words() -> None:
    assert rank_by_words(Query((Image(b"", "anna"),)), filled("anna")) == []


def test_nothing_is_looked_for_where_words_are_off_or_the_store_cannot() -> None:
    store = filled("anna")
    assert rank_by_words(Query((Text("anna"),), words=False), store) == []
    store.can_match_words = False
    assert rank_by_words(Query((Text("anna"),)), store) == []
