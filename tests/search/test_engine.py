"""A query becomes one vector, and the nearest rows answer it."""

import io

import numpy as np
import PIL.Image
import pytest

from embed.encoder import ToyEncoder
from schema import Embedded, MemoryStore, NoUsableImage, UsageError
from search import Image, PreparedImage, Query, Row, Text, build_query, embed_query, search
from tests.samples import a_collection, a_record

ENCODER = ToyEncoder()


def plain(colour: str) -> PIL.Image.Image:
    return PIL.Image.new("RGB", (64, 48), colour)


def encoded(colour: str) -> bytes:
    file = io.BytesIO()
    plain(colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def store() -> MemoryStore:
    rows = MemoryStore(a_collection(ENCODER.dim))
    for colour in ("red", "green", "blue", "yellow"):
        vector = ENCODER.encode_images([ENCODER.resizing.apply(plain(colour))])[0]
        rows.upsert([Embedded(a_record(f"{colour}.png"), vector)])
    return rows


def found(query: Query, store: MemoryStore) -> list[str]:
    return [m.record.path for m in search(query, store=store, encoder=lambda: ENCODER)]


def test_words_find_the_image_they_describe(store: MemoryStore) -> None:
    assert found(Query((Text("blue"),), k=1), store) == ["blue.png"]


def test_an_image_finds_its_like(store: MemoryStore) -> None:
    matches = search(
        Query((Image(encoded("green"), "q.png"),), k=2), store=store, encoder=lambda: ENCODER
    )
    assert matches[0].record.path == "green.png"
    assert matches[0].score == pytest.approx(1.0)
    assert matches[1].score < matches[0].score


def test_an_image_decoded_elsewhere_finds_the_same_as_its_file(store: MemoryStore) -> None:
    pixels = ENCODER.resizing.apply(plain("blue"))
    query = build_query((), [PreparedImage(pixels, "mine.png")])
    assert found(query, store)[0] == "blue.png"
    assert query.text == '+"mine.png"'
    here = embed_query(query, store=store, encoder=lambda: ENCODER)
    file = Query((Image(encoded("blue"), "mine.png"),))
    np.testing.assert_array_equal(here, embed_query(file, store=store, encoder=lambda: ENCODER))


def test_a_row_finds_its_like_without_its_file(store: MemoryStore) -> None:
    row = a_record("yellow.png").id
    assert found(Query((Row(row),), k=1), store) == ["yellow.png"]


def test_a_row_is_looked_up_without_loading_the_model(store: MemoryStore) -> None:
    def refuse() -> ToyEncoder:
        raise AssertionError("the model was loaded")

    query = Query((Row(a_record("red.png").id),), k=1)
    assert search(query, store=store, encoder=refuse)[0].record.path == "red.png"


def test_k_and_offset_page_through_the_rows(store: MemoryStore) -> None:
    whole = found(Query((Text("red"),), k=4), store)
    assert found(Query((Text("red"),), k=2, offset=2), store) == whole[2:]


def test_terms_are_averaged_by_weight(store: MemoryStore) -> None:
    red, blue = ENCODER.encode_texts(["red", "blue"])
    query = Query((Text("red", 3.0), Text("blue", 1.0)))
    expected = (3 * red + blue) / np.linalg.norm(3 * red + blue)
    vector = embed_query(query, store=store, encoder=lambda: ENCODER)
    assert vector == pytest.approx(expected, abs=1e-6)
    assert found(Query((Text("red", 3.0), Text("blue", 1.0)), k=1), store) == ["red.png"]


def test_words_and_an_image_count_together(store: MemoryStore) -> None:
    query = Query((Text("red"), Image(encoded("green"), "q.png")))
    scores = {m.record.path: m.score for m in search(query, store=store, encoder=lambda: ENCODER)}
    assert scores["red.png"] == pytest.approx(scores["green.png"], abs=0.01)
    assert scores["red.png"] < 0.9


def test_a_row_that_is_not_there_is_named(store: MemoryStore) -> None:
    with pytest.raises(UsageError, match="'nope' is neither a file nor the id of a row"):
        found(Query((Row("nope"),)), store)


def test_an_image_that_cannot_be_read_is_named_with_the_reason(store: MemoryStore) -> None:
    with pytest.raises(NoUsableImage, match=r"query image q\.jpg: not-an-image"):
        found(Query((Image(b"just some words", "q.jpg"),)), store)


def test_terms_that_cancel_out_are_refused(store: MemoryStore) -> None:
    with pytest.raises(UsageError, match="cancel each other out"):
        found(Query((Text("black"), Text("white"))), store)
